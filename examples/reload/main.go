// Reload is a program whose configuration is a file that may be changed while it runs, built with Weir.
//
//	go run ./examples/reload                                          tell the story: a real file is edited, every rebuild counted
//	go run ./examples/reload -serve localhost:8080 -config conf.json  serve a page; edit the file and see what is rebuilt
//
// Start reading in settings.go.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	addr := flag.String("serve", "", "serve on this `address` instead of telling the story")
	path := flag.String("config", "examples/reload/conf.json", "the configuration `file`")
	every := flag.Duration("every", time.Second, "how often to look at it")
	flag.Parse()
	if err := run(*addr, *path, *every); err != nil {
		fmt.Fprintln(os.Stderr, "reload:", err)
		os.Exit(1)
	}
}

func run(addr, path string, every time.Duration) error {
	if addr == "" {
		return tellStory(os.Stdout, false)
	}
	if every <= 0 {
		return errors.New("-every must be positive")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return serve(ctx, os.Stdout, addr, path, every)
}

// serve runs the program until ctx ends.
func serve(ctx context.Context, out io.Writer, addr, path string, every time.Duration) error {
	s := newSettings(path, every, out, false)
	if err := s.start(ctx); err != nil { // with a file that is wrong at the start there is no last good one
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w: name the file with -config", err)
		}
		return errors.Join(err, s.stop())
	}
	srv, err := listen(addr, s.handler())
	if err != nil {
		return errors.Join(err, s.stop())
	}
	fmt.Fprintf(out, "serving %s; edit %s, and look at\n", srv.url, path)
	fmt.Fprintf(out, "  curl %s/        the page\n", srv.url)
	fmt.Fprintf(out, "  curl %s/config  what is in force, and what is wrong with the file\n", srv.url)
	<-ctx.Done()
	return errors.Join(srv.stop(), s.stop())
}
