// Movies is a web service that stands in front of a slow one, built with Weir, and a story that shows what this is worth.
//
//	go run ./examples/movies                        tell the story: both servers, real clients, every count checked
//	go run ./examples/movies -serve localhost:8080  keep the service running, to try it with curl, and see it at /debug/weir/
//
// Start reading in service.go.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// servePace is slow, so that there is time for another curl in another terminal.
var servePace = pace{latency: 4 * time.Second, delay: 2 * time.Second, cacheFor: 15 * time.Second, timeout: 8 * time.Second}

func main() {
	addr := flag.String("serve", "", "keep the service running on this `address` instead of telling the story")
	flag.Parse()
	if err := run(*addr); err != nil {
		fmt.Fprintln(os.Stderr, "movies:", err)
		os.Exit(1)
	}
}

func run(addr string) error {
	if addr == "" {
		return tellStory(os.Stdout, storyPace, nil)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return serve(ctx, os.Stdout, addr, servePace)
}

// serve runs both servers, logging what each counts, until ctx ends. Then all who wait are answered, every fetch is cancelled, and it returns.
func serve(ctx context.Context, out io.Writer, addr string, p pace) error {
	st, err := newStack(addr, p, nil)
	if err != nil {
		return err
	}
	st.upstream.hold(lastPage)
	logEvents(out, st.upstream.tally, st.service.tally) // before anybody is told where to ask
	url := st.serviceServer.url
	fmt.Fprintf(out, "serving %s (upstream takes %v, dispose delay %v, cache %v, timeout %v); try\n", url, p.latency, p.delay, p.cacheFor, p.timeout)
	fmt.Fprintf(out, "  curl '%s/movies?page=1'             a page; ^C it, and see the upstream's request go %v later\n", url, p.delay)
	fmt.Fprintf(out, "  curl '%s/movies?page=%d'            the upstream never answers this one\n", url, lastPage)
	fmt.Fprintf(out, "  curl -X DELETE '%s/movies?page=%d'  the cancel button\n", url, lastPage)
	fmt.Fprintf(out, "  curl '%s/stats'\n", url)
	fmt.Fprintf(out, "  %s/debug/weir/                 in a browser: who waits for what, live\n", url)
	<-ctx.Done()
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.timeout)
	defer cancel()
	return st.stop(end)
}

// logEvents prints what the tallies count, one line at a time.
func logEvents(out io.Writer, tallies ...*tally) {
	var mu sync.Mutex
	for _, t := range tallies {
		t.logTo(func(n int, what event) {
			mu.Lock()
			defer mu.Unlock()
			fmt.Fprintf(out, "%-8s page %-2d %s\n", t.server, n, what)
		})
	}
}
