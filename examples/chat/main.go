// Chat is a chat server with many rooms, built with Weir, and a story that shows when it is subscribed to which of them.
//
//	go run ./examples/chat                        tell the story: room server, chat, members, every count checked
//	go run ./examples/chat -serve localhost:7000  keep it running, to talk with nc localhost 7000
//
// Start reading in room.go.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// servePace leaves time to come back to a room.
var servePace = pace{delay: 5 * time.Second, retry: 500 * time.Millisecond}

func main() {
	addr := flag.String("serve", "", "keep the chat running on this `address` instead of telling the story")
	flag.Parse()
	if err := run(*addr); err != nil {
		fmt.Fprintln(os.Stderr, "chat:", err)
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

// serve runs everything until ctx ends, logging what the room server sees.
func serve(ctx context.Context, out io.Writer, addr string, p pace) error {
	st, err := newStack(addr, p, nil)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	st.hub.tally.logTo(func(room string, what event) {
		if what != sent {
			mu.Lock()
			defer mu.Unlock()
			fmt.Fprintf(out, "room server  %-16s %s\n", room, what)
		}
	})
	fmt.Fprintf(out, "serving %s (a room that everybody has left is paused, and dropped after %v); try, in several terminals\n", st.addr, p.delay)
	host, port, _ := net.SplitHostPort(st.addr)
	fmt.Fprintf(out, "  nc %s %s\n", host, port)
	<-ctx.Done()
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTime)
	defer cancel()
	return st.stop(end)
}
