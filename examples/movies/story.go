package main

// story.go owns the teller: it starts both servers, goes through the chapters in order, prints what they say, and holds every
// count against what it must be. The first one that is off ends the story: after that no helper waits or prints any more.

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"sync"
	"time"
)

// storyPace is fast, for a short story, but leaves a busy machine time: only what happens between a client's leaving and the next
// one's coming has to be done within the delay, and there the chapter tries again.
var storyPace = pace{latency: 50 * time.Millisecond, delay: 400 * time.Millisecond, cacheFor: time.Second, timeout: 2 * time.Second}

// patience is how long a count may take to become what it must be. It is used up only when something is wrong.
const patience = 10 * time.Second

type story struct {
	*stack
	ctx   context.Context // of all visits
	http  *http.Client
	out   io.Writer
	pace  pace
	begin time.Time
	err   error // what was off first

	goroutines int           // before anything was started
	unwinding  chan struct{} // a cut-off fetch of unwindingPage returns when it is closed
	unwind     func()        // closes it
	late       *visitor      // of latePage, sent at the begin: its deadline is the longest time in the story
}

// tellStory runs the story and returns an error that says which count was off. What plant makes of the service's fetch function is
// used in its place, for a test that wants to see a wrong service found out; it may be nil.
func tellStory(out io.Writer, p pace, plant func(fetchFunc) fetchFunc) (err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	st := &story{
		ctx:        ctx,
		http:       &http.Client{Transport: &http.Transport{}},
		out:        out,
		pace:       p,
		begin:      time.Now(),
		goroutines: runtime.NumGoroutine(),
		unwinding:  make(chan struct{}),
	}
	st.unwind = sync.OnceFunc(func() { close(st.unwinding) })
	st.stack, err = newStack(loopback, p, func(fetch fetchFunc) fetchFunc {
		if plant != nil {
			fetch = plant(fetch)
		}
		return st.unwindSlowly(fetch)
	})
	if err != nil {
		return err
	}
	defer func() { // for a story that ended early; the last chapter has done all this
		cancel()
		st.unwind()
		st.http.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		st.stack.stop(ctx)
	}()

	st.print("upstream  %s  %d films, %d pages, %v for each answer\n", st.upstreamServer.url, len(st.upstream.films), lastPage, p.latency)
	st.print("service   %s  dispose delay %v, cache %v, timeout %v\n", st.serviceServer.url, p.delay, p.cacheFor, p.timeout)
	st.upstream.hold(latePage)
	st.late = st.visit(latePage)
	for i, c := range chapters {
		st.print("\n%2d. %s\n", i+1, c.title)
		c.tell(st)
		if st.err != nil {
			return fmt.Errorf("chapter %d, %s: %w", i+1, c.title, st.err)
		}
	}
	st.print("\nevery count is what it must be (%.1f s)\n", time.Since(st.begin).Seconds())
	return nil
}

// unwindSlowly makes the fetch of unwindingPage one that takes its time to return after it has been cancelled.
func (st *story) unwindSlowly(fetch fetchFunc) fetchFunc {
	return func(ctx context.Context, n int) (filmPage, error) {
		page, err := fetch(ctx, n)
		if n == unwindingPage && ctx.Err() != nil {
			<-st.unwinding
		}
		return page, err
	}
}

func (st *story) print(format string, args ...any) {
	if st.err == nil {
		fmt.Fprintf(st.out, format, args...)
	}
}

// say prints a line of the chapter.
func (st *story) say(format string, args ...any) { st.print("    "+format+"\n", args...) }

// fail ends the story, unless it has ended.
func (st *story) fail(format string, args ...any) {
	if st.err == nil {
		st.err = fmt.Errorf(format, args...)
	}
}

// ---- counts

// count is a number that one of the servers keeps, and what to call it.
type count struct {
	name string
	get  func() int
}

func countOf(t *tally, n int, what event) count {
	return count{fmt.Sprintf("%s's %s of page %d", t.server, what, n), func() int { return t.get(n, what) }}
}

// up and svc are counts of the upstream and of the service.
func (st *story) up(n int, what event) count  { return countOf(st.upstream.tally, n, what) }
func (st *story) svc(n int, what event) count { return countOf(st.service.tally, n, what) }

// listeners is how many wait in the service for page n now.
func (st *story) listeners(n int) count {
	return count{fmt.Sprintf("listeners of page %d", n), func() int { return st.service.listeners(n) }}
}

// becomes waits until c is want. What clients do reaches a server when it does, so there is no other way to know that it has.
func (st *story) becomes(c count, want int) {
	st.until(c.name, func() (string, bool) {
		got := c.get()
		return fmt.Sprintf("is %d, want %d", got, want), got == want
	})
}

// is checks that c is want now.
func (st *story) is(c count, want int) {
	if got := c.get(); got != want {
		st.fail("%s is %d, want %d", c.name, got, want)
	}
}

// until asks ok again and again, for as long as patience lasts. It says how things are, and whether that is as it must be.
func (st *story) until(what string, ok func() (is string, good bool)) {
	for end := time.Now().Add(patience); st.err == nil; time.Sleep(time.Millisecond) {
		is, good := ok()
		if good {
			return
		}
		if time.Now().After(end) {
			st.fail("%s %s, after %v", what, is, patience)
		}
	}
}

// atLeast checks that so much time has passed, to show that nothing ended early.
func (st *story) atLeast(what string, passed, least time.Duration) {
	if passed < least {
		st.fail("%s after %v, want %v at least", what, passed, least)
	}
}

// ---- clients

func (st *story) visit(n int) *visitor { return visit(st.ctx, st.http, st.serviceServer.url, n) }

func (st *story) crowd(n, size int) []*visitor {
	all := make([]*visitor, size)
	for i := range all {
		all[i] = st.visit(n)
	}
	return all
}

// answers waits for the visitors of page n and checks that each was answered so; a 200 must bring the page's films.
func (st *story) answers(n, status int, all ...*visitor) {
	end := time.After(patience)
	for _, v := range all {
		if st.err != nil {
			return
		}
		select {
		case <-v.done:
		case <-end:
			st.fail("a client of page %d has no answer after %v", n, patience)
			return
		}
		switch want, _ := pageOf(st.upstream.films, n); {
		case v.err != nil:
			st.fail("a client of page %d got no answer: %w", n, v.err)
		case v.status != status:
			st.fail("a client of page %d got status %d %s, want %d", n, v.status, v.text, status)
		case status == http.StatusOK && (v.page.Number != n || len(v.page.Films) != filmsPerPage || v.page.Films[0].Title != want.Films[0].Title):
			st.fail("a client of page %d got the films of another one", n)
		}
	}
}

// leaves makes v go away, and returns when its connection is closed.
func (st *story) leaves(v *visitor) {
	v.leave()
	<-v.done
	if v.err == nil {
		st.fail("a client that left had an answer: %d", v.status)
	}
}

// request sends one that needs no goroutine, and returns the status and the body.
func (st *story) request(method, path string) (int, []byte) {
	ctx, cancel := context.WithTimeout(st.ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, st.serviceServer.url+path, nil)
	if err != nil {
		st.fail("%s %s: %w", method, path, err)
		return 0, nil
	}
	resp, err := st.http.Do(req)
	if err != nil {
		st.fail("%s %s: %w", method, path, err)
		return 0, nil
	}
	defer resp.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(resp.Body); err != nil {
		st.fail("%s %s: %w", method, path, err)
	}
	return resp.StatusCode, body.Bytes()
}

// stats asks the service for its counts as any client would.
func (st *story) stats() (s stats) {
	status, body := st.request(http.MethodGet, "/stats")
	if status != http.StatusOK {
		st.fail("GET /stats: status %d", status)
		return s
	}
	if err := json.Unmarshal(body, &s); err != nil {
		st.fail("GET /stats: %w", err)
	}
	return s
}
