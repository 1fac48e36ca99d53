package main

// story_test.go tells the story to the test log, and tries what main does beside it: keeping the service running until it is told
// to stop. Both go over real connections.

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
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

// A service that asks twice for each page gives every client the right films. The counts are what gives it away.
func TestStoryFindsAWrongServiceOut(t *testing.T) {
	err := tellStory(io.Discard, storyPace, func(fetch fetchFunc) fetchFunc {
		return func(ctx context.Context, n int) (filmPage, error) {
			if page, err := fetch(ctx, n); err != nil {
				return page, err
			}
			return fetch(ctx, n)
		}
	})
	const want = "chapter 1, 200 clients ask for one page: upstream's requests of page 1 is 2, want 1"
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
		err := serve(ctx, w, loopback, pace{delay: time.Second, cacheFor: time.Second, timeout: time.Minute})
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
	var url string
	if _, err := fmt.Sscanf(readTo("serving"), "serving %s", &url); err != nil {
		t.Fatal(err)
	}
	readTo("/stats")

	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	first := visit(t.Context(), client, url, 1)
	readTo("service  page 1  answered")
	<-first.done
	if first.err != nil || first.status != http.StatusOK || len(first.page.Films) != filmsPerPage {
		t.Errorf("page 1: status %d, %d films, error %v", first.status, len(first.page.Films), first.err)
	}
	// The page that is never answered: a client that waits for it is told of the end, and does not hold it up.
	last := visit(t.Context(), client, url, lastPage)
	readTo("upstream page 30 requests")
	go io.Copy(io.Discard, r) // the pipe would block the servers
	stop()
	if err := <-ended; err != nil {
		t.Errorf("serve returned %v", err)
	}
	<-last.done
	if last.err != nil || last.status != http.StatusServiceUnavailable {
		t.Errorf("page %d: status %d, error %v; want status %d", lastPage, last.status, last.err, http.StatusServiceUnavailable)
	}
}

func TestServeOnAnAddressInUse(t *testing.T) {
	taken, err := listen(loopback, http.NotFoundHandler())
	if err != nil {
		t.Fatal(err)
	}
	defer taken.stop(t.Context())
	err = serve(t.Context(), io.Discard, strings.TrimPrefix(taken.url, "http://"), servePace)
	if err == nil {
		t.Error("serve returned nil on an address in use")
	}
}
