package main

// visitor.go owns the clients of the story: each visitor is one real HTTP request for a page, on a goroutine of its own, that can
// give up at any time.

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

type visitor struct {
	leave context.CancelFunc // close the connection, as a browser does when its tab is closed
	done  chan struct{}      // closed when there is an answer, or none will come; the rest is read after that

	status int
	page   filmPage // when the status is 200
	text   string   // when it is not
	err    error    // of the request itself
}

// visit sends a visitor to page n of the service at url. ctx bounds the whole visit.
func visit(ctx context.Context, client *http.Client, url string, n int) *visitor {
	ctx, leave := context.WithCancel(ctx)
	v := &visitor{leave: leave, done: make(chan struct{})}
	go func() {
		defer close(v.done)
		defer leave()
		v.err = v.ask(ctx, client, fmt.Sprintf("%s/movies?page=%d", url, n))
	}()
	return v
}

func (v *visitor) ask(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	v.status = resp.StatusCode
	if v.status == http.StatusOK {
		return json.NewDecoder(resp.Body).Decode(&v.page)
	}
	text, err := io.ReadAll(resp.Body)
	v.text = strings.TrimSpace(string(text))
	return err
}
