// Tasks is a to-do list behind an HTTP API, built with Weir: what it has answered is on disk, whatever happens to the process.
//
//	go run ./examples/tasks                               tell the story: a real server, killed again and again under load, every task checked
//	go run ./examples/tasks -serve localhost:8080 -dir d  keep the service running on the list in directory d, to try it with curl
//
// Start reading in list.go.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/weir-go/weir"
)

func main() {
	addr := flag.String("serve", "", "keep the service running on this `address` instead of telling the story")
	dir := flag.String("dir", "tasks.d", "the `directory` that the list is kept in; one process at a time")
	child := flag.Bool("child", false, "end when standard input does, so as not to outlive a story that was stopped")
	flag.Parse()
	if err := run(*addr, *dir, *child); err != nil {
		fmt.Fprintln(os.Stderr, "tasks:", err)
		os.Exit(1)
	}
}

func run(addr, dir string, child bool) error {
	if addr == "" {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		return tellStory(os.Stdout, func(dir string) *exec.Cmd {
			return exec.Command(self, "-child", "-serve", loopback, "-dir", dir)
		})
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if child {
		var end context.CancelFunc
		ctx, end = context.WithCancel(ctx)
		go func() {
			defer end()
			io.Copy(io.Discard, os.Stdin)
		}()
	}
	return serve(ctx, os.Stdout, addr, dir, weir.Persisted)
}

// serve runs the service until ctx ends. Then requests under way are answered, what is not saved yet is, and it returns.
func serve(ctx context.Context, out io.Writer, addr, dir string, saved savedFunc) error {
	// The address first: if another process serves there, it may well do so with the same directory, which is then not touched.
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	a, err := newApp(dir, os.Stderr, saved)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	if err := a.load(ctx); err != nil {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		return errors.Join(err, ln.Close(), a.container.Shutdown(end))
	}
	s := newServer(ln, a.handler())
	fmt.Fprintf(out, "serving %s; try\n", s.url)
	fmt.Fprintf(out, "  curl %s/tasks -d '{\"title\": \"buy milk\"}'\n", s.url)
	fmt.Fprintf(out, "  curl -X PATCH %s/tasks/1 -d '{\"done\": true}'\n", s.url)
	fmt.Fprintf(out, "  curl %s/tasks\n", s.url)
	fmt.Fprintf(out, "  curl -X DELETE %s/tasks/1\n", s.url)
	fmt.Fprintf(out, "  curl %s/status\n", s.url)
	fmt.Fprintf(out, "  kill -9 %d                        and start it again\n", os.Getpid())
	<-ctx.Done()

	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	// The server first: a request that waits for its save shall have it. Then the container, whose Shutdown waits for the last one.
	return errors.Join(s.stop(end), a.container.Shutdown(end))
}
