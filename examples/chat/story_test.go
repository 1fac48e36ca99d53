package main

// story_test.go tells the story to the test log, and tries what main does beside it: keeping the chat running until it is told to
// stop. Both go over real connections.

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

func TestStory(t *testing.T) {
	var out bytes.Buffer
	err := tellStory(&out, storyPace, nil)
	t.Log("\n" + out.String())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range chapters {
		if !strings.Contains(out.String(), c.title) {
			t.Errorf("the story does not tell: %s", c.title)
		}
	}
}

// twice subscribes on a second connection as well.
type twice struct {
	net.Conn
	second net.Conn
}

func (c twice) Write(p []byte) (int, error) {
	if bytes.HasPrefix(p, []byte("subscribe")) {
		c.second.Write(p)
		bufio.NewReader(c.second).ReadString('\n')
	}
	return c.Conn.Write(p)
}

func (c twice) Close() error {
	c.second.Close()
	return c.Conn.Close()
}

// A chat that subscribes twice to each room brings everybody the right messages. The counts are what gives it away.
func TestStoryFindsAWrongChatOut(t *testing.T) {
	err := tellStory(io.Discard, storyPace, func(dial dialFunc) dialFunc {
		return func(ctx context.Context) (net.Conn, error) {
			first, err := dial(ctx)
			if err != nil {
				return nil, err
			}
			second, err := dial(ctx)
			return twice{first, second}, err
		}
	})
	const want = "chapter 1, three members of one room: room server's subscriptions of tea: 2, want 1"
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

func TestServeUntilToldToStop(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	r, w := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := serve(ctx, w, loopback, pace{delay: 50 * time.Millisecond, retry: 10 * time.Millisecond})
		w.CloseWithError(io.EOF)
		ended <- err
	}()
	lines := bufio.NewScanner(r)
	readTo := func(part string) string {
		for lines.Scan() {
			if strings.Contains(lines.Text(), part) {
				return lines.Text()
			}
		}
		t.Fatalf("nothing printed with %q in it", part)
		return ""
	}
	var host, port string
	if _, err := fmt.Sscanf(readTo("  nc "), " nc %s %s", &host, &port); err != nil {
		t.Fatal(err)
	}
	g, err := come(net.JoinHostPort(host, port), "alice")
	if err != nil {
		t.Fatal(err)
	}
	defer g.hangUp()
	g.types("/join tea")
	readTo("tea              subscriptions")
	go io.Copy(io.Discard, r) // the pipe would block the servers
	stop()
	if err := <-ended; err != nil {
		t.Errorf("serve returned %v", err)
	}
	<-g.done
	if notices := g.notices(); notices[len(notices)-1] != "* the chat is closed" {
		t.Errorf("alice was told %q", notices)
	}
}

func TestServeOnAnAddressInUse(t *testing.T) {
	taken, err := net.Listen("tcp", loopback)
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if err := serve(t.Context(), io.Discard, taken.Addr().String(), servePace); err == nil {
		t.Error("serve returned nil on an address in use")
	}
}
