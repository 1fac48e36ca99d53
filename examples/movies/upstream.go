package main

// upstream.go owns both ends of the slow server that the service stands in front of: the handler, which counts requests, can be
// told to hold the answer to a page back, and sees when a client goes away; and upstreamClient, which asks it. Neither knows of Weir.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// errNoPage says that the upstream has no such page.
var errNoPage = errors.New("no such page")

// upstream serves GET /page/{n}, as slowly as it was told to.
type upstream struct {
	tally   *tally
	films   []film
	latency time.Duration

	mu   sync.Mutex
	held map[int]chan struct{} // guarded by mu; closed when the page may be answered
}

func newUpstream(films []film, latency time.Duration) *upstream {
	return &upstream{tally: newTally("upstream"), films: films, latency: latency, held: make(map[int]chan struct{})}
}

// hold keeps back the answers to page n until release is called, which may be done more than once.
func (u *upstream) hold(n int) (release func()) {
	gate := make(chan struct{})
	u.mu.Lock()
	u.held[n] = gate
	u.mu.Unlock()
	return sync.OnceFunc(func() {
		u.mu.Lock()
		delete(u.held, n)
		u.mu.Unlock()
		close(gate)
	})
}

// wait returns when a request for page n that came in now may be answered, or ctx's error when that ends first.
func (u *upstream) wait(ctx context.Context, n int) error {
	u.mu.Lock()
	gate, held := u.held[n]
	u.mu.Unlock()
	if held {
		select {
		case <-gate:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	select {
	case <-time.After(u.latency):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.Atoi(r.PathValue("n"))
	if err != nil {
		http.Error(w, "not a page number", http.StatusBadRequest)
		return
	}
	u.tally.add(n, requested)
	if err := u.wait(r.Context(), n); err != nil { // net/http cancels that context when the client's connection is gone
		u.tally.add(n, left)
		return
	}
	page, ok := pageOf(u.films, n)
	if !ok {
		http.NotFound(w, r)
		return
	}
	u.tally.add(n, answered)
	writeJSON(w, page)
}

// handler routes requests to u.
func (u *upstream) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /page/{n}", u)
	return mux
}

// upstreamClient fetches pages from an upstream over HTTP.
type upstreamClient struct {
	url  string
	http *http.Client
}

func newUpstreamClient(url string) *upstreamClient {
	return &upstreamClient{url: url, http: &http.Client{Transport: &http.Transport{}}}
}

// fetch asks for page n. It is ordinary client code: when ctx is cancelled the connection is closed and the upstream sees that.
func (c *upstreamClient) fetch(ctx context.Context, n int) (filmPage, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/page/%d", c.url, n), nil)
	if err != nil {
		return filmPage{}, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return filmPage{}, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return filmPage{}, fmt.Errorf("page %d: %w", n, errNoPage)
	default:
		return filmPage{}, fmt.Errorf("page %d: upstream answered %s", n, resp.Status)
	}
	var page filmPage
	if err := json.NewDecoder(resp.Body).Decode(&page); err != nil {
		return filmPage{}, fmt.Errorf("page %d: %w", n, err)
	}
	return page, nil
}

// close lets go of the connections that are kept for the next fetch.
func (c *upstreamClient) close() { c.http.CloseIdleConnections() }
