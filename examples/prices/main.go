// Prices is a live price board, built with Weir, and a story that shows when its feeds are connected.
//
//	go run ./examples/prices                        tell the story: feed server, web server, viewers, every count checked
//	go run ./examples/prices -serve localhost:8080  keep it running, to look at in a browser
//
// Start reading in board.go.
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

// servePace leaves time to see a feed on the page paused before it is dropped.
var servePace = pace{delay: 5 * time.Second, retry: 500 * time.Millisecond}

// month is how long a month takes with -serve.
const month = time.Second

var startHoldings = holdings{"AAPL": 10, "IBM": 5, "MSFT": 20}

func main() {
	addr := flag.String("serve", "", "keep the board running on this `address` instead of telling the story")
	flag.Parse()
	if err := run(*addr); err != nil {
		fmt.Fprintln(os.Stderr, "prices:", err)
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

// serve runs everything until ctx ends, a month a second, logging what the feed server sees.
func serve(ctx context.Context, out io.Writer, addr string, p pace) error {
	st, err := newStack(addr, startHoldings, p, nil)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	st.feed.tally.logTo(func(symbol string, what event) {
		if what != sent {
			mu.Lock()
			defer mu.Unlock()
			fmt.Fprintf(out, "feed server  %-5s %s\n", symbol, what)
		}
	})
	fmt.Fprintf(out, "serving %s (a feed that nobody looks at is paused, and dropped after %v)\n", st.url, p.delay)
	fmt.Fprintf(out, "  curl -N '%s/events?symbols=AAPL,IBM&portfolio=1'\n", st.url)
	fmt.Fprintf(out, "  curl -X PUT -d '{\"GOOG\": 3}' %s/holdings\n", st.url)
	fmt.Fprintf(out, "  %s/debug/weir/ in a browser: what is made of what, and who looks\n", st.url)
	fmt.Fprintf(out, "the feed server is at %s: nc it, and say subscribe AAPL, pause, resume\n", st.feed.addr)
	months := time.NewTicker(month)
	defer months.Stop()
	for {
		select {
		case <-months.C:
			st.feed.advance(1)
		case <-ctx.Done():
			end, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTime)
			defer cancel()
			return st.stop(end)
		}
	}
}
