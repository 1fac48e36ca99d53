// Search is search-as-you-type in a terminal, over the packages of the Go standard library, built with Weir.
//
//	go run ./examples/search        tell the story: it types for itself, and every request that reaches the backend is counted
//	go run ./examples/search -type  type yourself; or: echo json | go run ./examples/search -type
//
// Start reading in search.go.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	typing := flag.Bool("type", false, "search for what is typed instead of telling the story")
	wait := flag.Duration("wait", 300*time.Millisecond, "how long no key must be pressed before anything is requested")
	pace := flag.Duration("pace", 100*time.Millisecond, "how long the backend takes for a tenth of its packages")
	flag.Parse()
	if err := run(*typing, *wait, *pace); err != nil {
		fmt.Fprintln(os.Stderr, "search:", err)
		os.Exit(1)
	}
}

func run(typing bool, wait, pace time.Duration) error {
	if !typing {
		return tellStory(os.Stdout, nil)
	}
	if wait < 0 || pace < 0 {
		return errors.New("-wait and -pace must not be negative")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	restore, raw := rawMode() // without it, keys reach the program with the line that they are on
	defer restore()
	return searchFor(ctx, os.Stdin, os.Stdout, raw, wait, pace)
}
