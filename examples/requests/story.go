package main

// story.go owns the teller: it starts the server, goes through the chapters in order, prints what they say, and holds every count
// against what it must be, in the store and in the files too. The first one that is off ends the story: after that no helper waits
// or prints any more.

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/weir-go/weir"
)

// patience is how long something may take to become what it must be. It is used up only when something is wrong.
const patience = 10 * time.Second

const (
	people = 10
	each   = 100 // what everybody has at first
	held   = 13  // transfers of this amount wait until the story lets them go
)

type story struct {
	*server
	opts     []weir.ContainerOption // of the test that plants something
	settings settings
	events   *events
	client   *http.Client
	out      io.Writer
	err      error // what was off first

	goroutines int // before anything was started

	mu      sync.Mutex
	waiting int           // guarded by mu; transfers that are held
	gate    chan struct{} // guarded by mu; closed to let them go
}

// tellStory runs the story with its files in dir, and returns an error that says what was off. The options are for a test that wants
// to see a wrong program found out.
func tellStory(out io.Writer, dir string, opts []weir.ContainerOption) error {
	begin := time.Now()
	st := &story{
		opts:       opts,
		settings:   settings{dir: dir, users: make(map[string]string), opening: make(map[string]int), limit: 50},
		client:     &http.Client{Transport: &http.Transport{}},
		out:        out,
		goroutines: runtime.NumGoroutine(),
		gate:       make(chan struct{}),
	}
	for i := range people {
		st.settings.users["token of "+name(i)] = name(i)
		st.settings.opening[name(i)] = each
	}
	if st.start(); st.err != nil {
		return st.err
	}
	defer func() { // for a story that ended early; the last chapter has done all this
		st.release()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		st.stop(ctx)
		st.client.CloseIdleConnections()
	}()
	st.print("server  %s  files in %s\n", st.url, dir)
	for i, c := range chapters {
		st.print("\n%d. %s\n", i+1, c.title)
		c.tell(st)
		if st.err != nil {
			return fmt.Errorf("chapter %d, %s: %w", i+1, c.title, st.err)
		}
	}
	st.print("\nevery count is what it must be (%.1f s)\n", time.Since(begin).Seconds())
	return nil
}

func name(i int) string { return fmt.Sprintf("person%d", i) }

// start starts the program as main would, but with an observer, and another part in the place of the checker.
func (st *story) start() {
	st.events = newEvents()
	opts := append([]weir.ContainerOption{weir.WithObserver(st.events.observer()), checker.OverrideWithValue(st.check)}, st.opts...)
	srv, err := start(loopback, st.settings, opts...)
	if err != nil {
		st.fail("start: %w", err)
		return
	}
	st.server = srv
}

// check holds some transfers up.
func (st *story) check(ctx context.Context, _, _ string, amount int) error {
	if amount != held {
		return nil
	}
	st.mu.Lock()
	st.waiting++
	gate := st.gate
	st.mu.Unlock()
	defer func() {
		st.mu.Lock()
		st.waiting--
		st.mu.Unlock()
	}()
	select {
	case <-gate:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// release lets the transfers go that are held.
func (st *story) release() {
	st.mu.Lock()
	defer st.mu.Unlock()
	close(st.gate)
	st.gate = make(chan struct{})
}

func (st *story) print(format string, args ...any) {
	if st.err == nil {
		fmt.Fprintf(st.out, format, args...)
	}
}

// say prints a line of the chapter.
func (st *story) say(format string, args ...any) { st.print("   "+format+"\n", args...) }

// fail ends the story, unless it has ended.
func (st *story) fail(format string, args ...any) {
	if st.err == nil {
		st.err = fmt.Errorf(format, args...)
	}
}

// ---- counts

// is checks a count.
func (st *story) is(what string, got, want int) {
	if got != want {
		st.fail("%s: %d, want %d", what, got, want)
	}
}

// becomes waits until a count is what it must be.
func (st *story) becomes(what string, get func() int, want int) {
	for end := time.Now().Add(patience); st.err == nil; time.Sleep(time.Millisecond) {
		got := get()
		if got == want {
			return
		}
		if time.Now().After(end) {
			st.fail("%s: %d, want %d, after %v", what, got, want, patience)
		}
	}
}

func (st *story) held() int {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.waiting
}

// ledger is what the store says.
type ledger struct{ begun, committed, rolledBack, sum int }

func (st *story) ledger() (l ledger) {
	s, err := weir.Read(st.app, accounts).Result() // also after the end, when a Resolve would fail
	if err != nil {
		st.fail("the store: %w", err)
		return l
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l = ledger{s.begun, s.committed, s.rolledBack, 0}
	for _, a := range s.accounts {
		l.sum += a.balance
	}
	return l
}

// lines returns what a file of the program says.
func (st *story) lines(file string) []string {
	data, err := os.ReadFile(filepath.Join(st.settings.dir, file))
	if err != nil {
		st.fail("%w", err)
	}
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
}

// ---- clients

// ask sends one request of a person, checks the status, and reads the answer into answer.
func (st *story) ask(person, method, path string, body any, status int, answer any) {
	got, err := ask(context.Background(), st.client, st.url, person, method, path, body, answer)
	switch {
	case err != nil:
		st.fail("%s %s of %s: %w", method, path, person, err)
	case got != status:
		st.fail("%s %s of %s: status %d, want %d", method, path, person, got, status)
	}
}

// ask is the client of the API.
func ask(ctx context.Context, client *http.Client, url, person, method, path string, body, answer any) (status int, err error) {
	var data bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&data).Encode(body); err != nil {
			return 0, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, url+path, &data)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer token of "+person)
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK && answer != nil {
		return resp.StatusCode, json.NewDecoder(resp.Body).Decode(answer)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}
