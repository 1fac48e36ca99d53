package main

// backend.go owns both ends of what is searched: a slow HTTP server that looks through a list and sends what it finds at once, sees
// when a client goes away, and counts; and backendClient, which asks it. Neither knows of Weir.

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// hit is a package of the standard library.
type hit struct {
	Path string `json:"path"`
	Doc  string `json:"doc"`
}

//go:embed packages.txt
var packagesTXT string

func loadPackages() []hit {
	var all []hit
	for line := range strings.Lines(packagesTXT) {
		path, doc, _ := strings.Cut(strings.TrimSpace(line), "\t")
		all = append(all, hit{path, doc})
	}
	return all
}

// matches reports whether h is to be found with query.
func (h hit) matches(query string) bool {
	return strings.Contains(strings.ToLower(h.Path+" "+h.Doc), strings.ToLower(query))
}

// line is one of the answer: a hit, or how far the search is.
type line struct {
	Hit     *hit `json:"hit,omitempty"`
	Scanned int  `json:"scanned,omitempty"`
	Total   int  `json:"total,omitempty"`
}

// event is something that happens to a query and is counted.
type event string

const (
	requested event = "requests"
	answered  event = "answers" // to the end
	left      event = "cancelled"
)

const parts = 10 // in which the list is searched, each in the time of the pace

// badQuery is one that the backend cannot cope with.
const badQuery = "fail"

// backend serves GET /search?q=, as slowly as it was told to.
type backend struct {
	url      string
	packages []hit
	pace     time.Duration
	http     *http.Server
	done     chan struct{} // closed when Serve has returned

	mu     sync.Mutex
	counts map[string]map[event]int // guarded by mu; by query
	held   map[string]chan struct{} // guarded by mu; a query that stops half way until this is closed
}

// newBackend serves on loopback until stop is called.
func newBackend(pace time.Duration) (*backend, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &backend{
		url:      "http://" + ln.Addr().String(),
		packages: loadPackages(),
		pace:     pace,
		done:     make(chan struct{}),
		counts:   map[string]map[event]int{},
		held:     map[string]chan struct{}{},
	}
	mux := http.NewServeMux()
	mux.Handle("GET /search", b)
	b.http = &http.Server{Handler: mux, ReadHeaderTimeout: patience}
	go func() {
		defer close(b.done)
		b.http.Serve(ln)
	}()
	return b, nil
}

func (b *backend) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := b.http.Shutdown(ctx)
	<-b.done
	return err
}

// hold has searches for query stop when half of the packages are through, until release is called.
func (b *backend) hold(query string) (release func()) {
	gate := make(chan struct{})
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held[query] = gate
	return sync.OnceFunc(func() { close(gate) })
}

func (b *backend) count(query string, what event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.counts[query] == nil {
		b.counts[query] = map[event]int{}
	}
	b.counts[query][what]++
}

func (b *backend) get(query string, what event) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.counts[query][what]
}

// all returns how often what has happened to any query.
func (b *backend) all(what event) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, of := range b.counts {
		n += of[what]
	}
	return n
}

func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query().Get("q")
	b.count(query, requested)
	if query == badQuery {
		http.Error(w, "out of order", http.StatusServiceUnavailable)
		return
	}
	b.mu.Lock()
	gate := b.held[query]
	b.mu.Unlock()
	w.Header().Set("Content-Type", "application/x-ndjson")
	out, lines := http.NewResponseController(w), json.NewEncoder(w)
	for part := range parts {
		if part == parts/2 && gate != nil {
			select {
			case <-gate:
			case <-r.Context().Done():
			}
		}
		select {
		case <-time.After(b.pace):
		case <-r.Context().Done(): // net/http cancels that context when the client's connection is gone
			b.count(query, left)
			return
		}
		from, to := part*len(b.packages)/parts, (part+1)*len(b.packages)/parts
		for _, h := range b.packages[from:to] {
			if h.matches(query) {
				lines.Encode(line{Hit: &h})
			}
		}
		if to == len(b.packages) {
			b.count(query, answered) // before the client knows
		}
		lines.Encode(line{Scanned: to, Total: len(b.packages)})
		out.Flush()
	}
}

// backendClient searches a backend over HTTP.
type backendClient struct {
	url  string
	http *http.Client
}

func newBackendClient(url string) *backendClient {
	return &backendClient{url: url, http: &http.Client{Transport: &http.Transport{}}}
}

// close lets go of the connections that are kept for the next search.
func (c *backendClient) close() { c.http.CloseIdleConnections() }

// search looks for query. It calls found with each hit and progress with the fraction that is through, as they come. It is ordinary
// client code: when ctx is cancelled the connection is closed and the backend sees that.
func (c *backendClient) search(ctx context.Context, query string, found func(hit), progress func(float64)) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+"/search?q="+url.QueryEscape(query), nil)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the backend answered %s", resp.Status)
	}
	for lines := json.NewDecoder(resp.Body); ; {
		var l line
		if err := lines.Decode(&l); err != nil { // the last line is one with everything scanned: there is no end before it
			return fmt.Errorf("the answer ends too early: %w", err)
		}
		switch {
		case l.Hit != nil:
			found(*l.Hit)
		case l.Scanned < 0 || l.Scanned > l.Total:
			return fmt.Errorf("the backend says that %d of %d are through", l.Scanned, l.Total)
		case l.Total > 0:
			progress(float64(l.Scanned) / float64(l.Total))
			if l.Scanned == l.Total {
				return nil
			}
		}
	}
}
