// Requests is an HTTP API with a container for each request, built with Weir, and a story that shows what begins and ends when.
//
//	go run ./examples/requests                        tell the story: server, clients, files, every count checked
//	go run ./examples/requests -serve localhost:8080  keep the server running, to try it with curl
//
// Start reading in parts.go.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// grace is how long requests in flight have to come to an end.
const grace = 5 * time.Second

func main() {
	addr := flag.String("serve", "", "keep the server running on this `address` instead of telling the story")
	dir := flag.String("dir", "", "keep the files in this `directory`, with -serve; without it they are gone at the end")
	flag.Parse()
	if err := run(*addr, *dir); err != nil {
		fmt.Fprintln(os.Stderr, "requests:", err)
		os.Exit(1)
	}
}

func run(addr, dir string) error {
	if addr == "" || dir == "" {
		temp, err := os.MkdirTemp("", "requests")
		if err != nil {
			return err
		}
		defer os.RemoveAll(temp)
		if addr == "" {
			return tellStory(os.Stdout, temp, nil)
		}
		dir = temp
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return serve(ctx, os.Stdout, addr, dir)
}

// serve runs the server until ctx ends.
func serve(ctx context.Context, out io.Writer, addr, dir string) error {
	srv, err := start(addr, settings{
		dir:     dir,
		users:   map[string]string{"a1": "alice", "b2": "bob"}, // for trying out: a token is a secret
		opening: map[string]int{"alice": 100, "bob": 100},
		limit:   50,
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "serving %s, files in %s; try\n", srv.url, dir)
	fmt.Fprintf(out, "  curl -H 'Authorization: Bearer a1' %s/me\n", srv.url)
	fmt.Fprintf(out, "  curl -H 'Authorization: Bearer b2' %s/balance\n", srv.url)
	fmt.Fprintf(out, "  curl -H 'Authorization: Bearer a1' -d '{\"to\": \"bob\", \"amount\": 5}' %s/transfers\n", srv.url)
	<-ctx.Done()
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := srv.stop(end); err != nil {
		return errors.Join(errors.New("not stopped in order"), err)
	}
	fmt.Fprintln(out, "stopped in order")
	return nil
}
