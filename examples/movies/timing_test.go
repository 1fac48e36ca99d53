package main

// timing_test.go is the story's timing in virtual time: the service with a fake fetch function and requests without connections,
// in a synctest bubble, where a moment before and a moment after a deadline can be told apart. That nothing is left running at
// the end of a test is checked by the bubble.

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weir-go/weir"
)

const (
	delay     = 3 * time.Second
	cacheFor  = 10 * time.Second
	timeout   = 30 * time.Second
	unwinding = time.Second // how long a fetch that was cut off takes to return
	tick      = time.Millisecond
)

// latency is how long the upstream takes, by page: less than the delay, more than that, and more than the timeout.
var latency = map[int]time.Duration{1: 2 * time.Second, 2: 10 * time.Second, 3: 2 * timeout}

// bubble runs a test against a service whose upstream takes latency, and shuts it down.
func bubble(t *testing.T, run func(t *testing.T, s *service)) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(fakeFetch, pace{delay: delay, cacheFor: cacheFor, timeout: timeout})
		defer func() {
			if err := s.container.Shutdown(context.Background()); err != nil {
				t.Errorf("shutdown: %v", err)
			}
		}()
		run(t, s)
	})
}

func fakeFetch(ctx context.Context, n int) (filmPage, error) {
	select {
	case <-time.After(latency[n]):
		return filmPage{Number: n}, nil
	case <-ctx.Done():
		time.Sleep(unwinding)
		return filmPage{}, ctx.Err()
	}
}

// caller is one request under way.
type caller struct {
	leave  context.CancelFunc
	done   chan struct{}
	status int           // as recorded: 200 for one that left, as nothing was written
	took   time.Duration // from call to answer
}

func call(s *service, method string, n int) *caller {
	ctx, leave := context.WithCancel(context.Background())
	c := &caller{leave: leave, done: make(chan struct{})}
	start := time.Now()
	go func() {
		defer close(c.done)
		defer leave()
		w := httptest.NewRecorder()
		s.handler().ServeHTTP(w, httptest.NewRequestWithContext(ctx, method, fmt.Sprintf("/movies?page=%d", n), nil))
		c.status, c.took = w.Code, time.Since(start)
	}()
	synctest.Wait() // it waits, or has its answer
	return c
}

func (c *caller) want(t *testing.T, status int, took time.Duration) {
	t.Helper()
	<-c.done
	if c.status != status || c.took != took {
		t.Errorf("got status %d after %v, want %d after %v", c.status, c.took, status, took)
	}
}

// counts checks how often each of these has happened to page n.
func counts(t *testing.T, s *service, n int, want map[event]int) {
	t.Helper()
	synctest.Wait()
	for what, times := range want {
		if got := s.tally.get(n, what); got != times {
			t.Errorf("%s: %d, want %d", what, got, times)
		}
	}
}

func because(t *testing.T, s *service, n int, want error) {
	t.Helper()
	if cause := s.cause(n); !errors.Is(cause, want) {
		t.Errorf("cut off because of %v, want %v", cause, want)
	}
}

func TestManyShareOneFetch(t *testing.T) {
	bubble(t, func(t *testing.T, s *service) {
		var all []*caller
		for range 20 {
			all = append(all, call(s, "GET", 1))
		}
		time.Sleep(latency[1] / 2)
		later := call(s, "GET", 1)
		all[0].leave()
		for _, c := range all[1:] {
			c.want(t, 200, latency[1])
		}
		later.want(t, 200, latency[1]/2)
		counts(t, s, 1, map[event]int{built: 1, requested: 21, answered: 20, left: 1, cutOff: 0, onResume: 0})
	})
}

func TestLeftForLessThanTheDelay(t *testing.T) {
	bubble(t, func(t *testing.T, s *service) {
		first := call(s, "GET", 2)
		time.Sleep(time.Second)
		first.leave()
		counts(t, s, 2, map[event]int{onCancel: 1, onResume: 0})
		time.Sleep(delay - tick)
		second := call(s, "GET", 2)
		counts(t, s, 2, map[event]int{built: 1, onCancel: 1, onResume: 1, cutOff: 0, disposed: 0})
		second.want(t, 200, latency[2]-time.Second-(delay-tick)) // when the first would have had it
		counts(t, s, 2, map[event]int{built: 1, onResume: 1, cutOff: 0, disposed: 0})
	})
}

func TestLeftForLongerThanTheDelay(t *testing.T) {
	bubble(t, func(t *testing.T, s *service) {
		first := call(s, "GET", 2)
		time.Sleep(tick)
		first.leave()
		synctest.Wait()
		time.Sleep(delay - tick)
		counts(t, s, 2, map[event]int{built: 1, onCancel: 1, disposed: 0})
		time.Sleep(tick + unwinding)
		counts(t, s, 2, map[event]int{built: 1, onCancel: 1, disposed: 1, cutOff: 1})
		because(t, s, 2, weir.ErrDisposed)
		if got := s.listeners(2); got != 0 {
			t.Errorf("listeners: %d, want 0", got)
		}
		call(s, "GET", 2).want(t, 200, latency[2])
		counts(t, s, 2, map[event]int{built: 2, onResume: 0, disposed: 1, cutOff: 1})
	})
}

// The fetch that nobody waits for any more ends before the delay does: the films are as good as any, and kept as long.
func TestFilmsThatCameTooLate(t *testing.T) {
	bubble(t, func(t *testing.T, s *service) {
		first := call(s, "GET", 1)
		time.Sleep(tick)
		first.leave()
		time.Sleep(latency[1])
		counts(t, s, 1, map[event]int{built: 1, onCancel: 1, cutOff: 0, disposed: 0})
		call(s, "GET", 1).want(t, 200, 0)
		time.Sleep(cacheFor - latency[1] - tick)
		call(s, "GET", 1).want(t, 200, 0)
		time.Sleep(cacheFor + 2*delay)
		counts(t, s, 1, map[event]int{built: 1, onCancel: 1, cutOff: 0, disposed: 1})
	})
}

func TestNewcomerNeverSeesTheOldCancellation(t *testing.T) {
	bubble(t, func(t *testing.T, s *service) {
		first := call(s, "GET", 2)
		time.Sleep(tick)
		first.leave()
		synctest.Wait()
		time.Sleep(delay + tick)
		counts(t, s, 2, map[event]int{built: 1, disposed: 1, cutOff: 0}) // over, and the fetch has not returned

		second := call(s, "GET", 2)
		counts(t, s, 2, map[event]int{built: 1}) // builds of one page do not overlap
		time.Sleep(unwinding - tick)
		counts(t, s, 2, map[event]int{built: 2, cutOff: 1})
		because(t, s, 2, weir.ErrDisposed)
		second.want(t, 200, unwinding-tick+latency[2])
		counts(t, s, 2, map[event]int{built: 2, cutOff: 1, answered: 1})
	})
}

func TestCacheTimeout(t *testing.T) {
	bubble(t, func(t *testing.T, s *service) {
		call(s, "GET", 1).want(t, 200, latency[1])
		time.Sleep(cacheFor - tick)
		call(s, "GET", 1).want(t, 200, 0)
		counts(t, s, 1, map[event]int{built: 1, disposed: 0})
		time.Sleep(cacheFor + 2*delay)
		counts(t, s, 1, map[event]int{built: 1, disposed: 1})
		call(s, "GET", 1).want(t, 200, latency[1])
		counts(t, s, 1, map[event]int{built: 2, cutOff: 0})
	})
}

// However often it is asked for, a page is fetched anew when it is too old.
func TestCacheTimeoutUnderLoad(t *testing.T) {
	bubble(t, func(t *testing.T, s *service) {
		call(s, "GET", 1).want(t, 200, latency[1])
		for range 9 {
			time.Sleep(cacheFor / 10)
			call(s, "GET", 1).want(t, 200, 0)
		}
		counts(t, s, 1, map[event]int{built: 1, disposed: 0})
		time.Sleep(cacheFor / 10)
		counts(t, s, 1, map[event]int{built: 1, disposed: 1})
		call(s, "GET", 1).want(t, 200, latency[1])
		counts(t, s, 1, map[event]int{built: 2, disposed: 1})
	})
}

func TestDeadline(t *testing.T) {
	bubble(t, func(t *testing.T, s *service) {
		first := call(s, "GET", 3)
		time.Sleep(timeout / 2)
		second := call(s, "GET", 3) // the deadline is the fetch's, not each client's
		first.want(t, http.StatusGatewayTimeout, timeout+unwinding)
		second.want(t, http.StatusGatewayTimeout, timeout/2+unwinding)
		counts(t, s, 3, map[event]int{built: 1, cutOff: 1, answered: 0, left: 0})
		because(t, s, 3, context.DeadlineExceeded)
	})
}

// However often it is asked for, a failure is not the answer for longer than the delay: neither that of a fetch that took too
// long nor that of one that panicked.
func TestFailuresUnderLoad(t *testing.T) {
	for name, fetch := range map[string]fetchFunc{
		"too long": func(ctx context.Context, _ int) (filmPage, error) { <-ctx.Done(); return filmPage{}, ctx.Err() },
		"panic":    func(context.Context, int) (filmPage, error) { panic("on purpose") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fetches := 0
				s := newService(func(ctx context.Context, n int) (filmPage, error) {
					if fetches++; fetches == 1 {
						return fetch(ctx, n)
					}
					return filmPage{}, nil
				}, pace{delay: delay, cacheFor: cacheFor, timeout: timeout})
				defer s.container.Close()
				call(s, "GET", 1).want(t, map[string]int{"too long": http.StatusGatewayTimeout, "panic": http.StatusBadGateway}[name], map[string]time.Duration{"too long": timeout}[name])
				for range 9 {
					time.Sleep(delay / 10)
					if call(s, "GET", 1); fetches != 1 {
						t.Fatalf("%d fetches", fetches)
					}
				}
				time.Sleep(delay/10 + tick)
				call(s, "GET", 1).want(t, 200, 0)
			})
		})
	}
}

func TestCancelButton(t *testing.T) {
	bubble(t, func(t *testing.T, s *service) {
		first, second := call(s, "GET", 1), call(s, "GET", 1)
		time.Sleep(tick)
		call(s, "DELETE", 1).want(t, http.StatusNoContent, 0)
		first.want(t, http.StatusConflict, tick)
		second.want(t, http.StatusConflict, tick)
		call(s, "GET", 1).want(t, http.StatusConflict, 0) // until the delay has passed without anybody
		time.Sleep(delay + tick)
		counts(t, s, 1, map[event]int{built: 1, cutOff: 1, answered: 0})
		because(t, s, 1, weir.ErrCanceled)
		call(s, "GET", 1).want(t, 200, latency[1])
		counts(t, s, 1, map[event]int{built: 2, cutOff: 1, answered: 1})
	})
}

func TestShutdownWaitsForTheFetches(t *testing.T) {
	bubble(t, func(t *testing.T, s *service) {
		first := call(s, "GET", 1)
		time.Sleep(tick)
		start := time.Now()
		if err := s.container.Shutdown(context.Background()); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if took := time.Since(start); took != unwinding {
			t.Errorf("shutdown took %v, want %v: as long as the fetch takes to return", took, unwinding)
		}
		first.want(t, http.StatusServiceUnavailable, tick)
		counts(t, s, 1, map[event]int{built: 1, cutOff: 1, disposed: 1})
		because(t, s, 1, weir.ErrContainerClosed)
		call(s, "GET", 1).want(t, http.StatusServiceUnavailable, 0)
	})
}
