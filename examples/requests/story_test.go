package main

// story_test.go tells the story to the test log, and tries what main does beside it: keeping the server running until it is told to
// stop. Both go over real connections.

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/weir-go/weir"
)

func TestStory(t *testing.T) {
	var out bytes.Buffer
	err := tellStory(&out, t.TempDir(), nil)
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

// A program in which all requests have one transaction: overridden in the root, it lives there.
func TestStoryFindsAWrongProgramOut(t *testing.T) {
	wrong := transaction.OverrideWith(func(_ context.Context, ref weir.Ref) (*tx, error) {
		s, err := weir.Watch(ref, accounts).Result()
		if err != nil {
			return nil, err
		}
		return s.begin("everybody", "0"), nil
	})
	err := tellStory(io.Discard, t.TempDir(), []weir.ContainerOption{wrong})
	const want = "chapter 2, 40 transfers at a time: status of a transfer: 503, want 200"
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

func TestServeUntilToldToStop(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	dir := t.TempDir()
	r, w := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := serve(ctx, w, loopback, dir)
		w.CloseWithError(io.EOF)
		ended <- err
	}()
	lines := bufio.NewScanner(r)
	var url string
	for lines.Scan() && !strings.Contains(lines.Text(), "/transfers") {
		fmt.Sscanf(lines.Text(), "serving %s", &url)
	}
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), "GET", strings.TrimSuffix(url, ",")+"/balance", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer b2")
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || string(body) != `{"balance":100}`+"\n" {
		t.Errorf("got %q, %v", body, err)
	}
	stop()
	if lines.Scan(); lines.Text() != "stopped in order" {
		t.Errorf("printed %q", lines.Text())
	}
	if err := <-ended; err != nil {
		t.Errorf("serve returned %v", err)
	}
}

func TestServeOnAnAddressInUse(t *testing.T) {
	taken, err := net.Listen("tcp", loopback)
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if err := serve(t.Context(), io.Discard, taken.Addr().String(), t.TempDir()); err == nil {
		t.Error("serve returned nil on an address in use")
	}
	if err := serve(t.Context(), io.Discard, loopback, "/no/such/directory"); err == nil || !strings.Contains(err.Error(), "/no/such/directory/journal") {
		t.Errorf("got %v, want that there is no journal", err)
	}
}
