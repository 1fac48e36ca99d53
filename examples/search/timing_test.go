package main

// timing_test.go is the searcher's timing in virtual time: with a fake backend, in a synctest bubble, where a moment before and a
// moment after a key can be told apart. That nothing is left running at the end of a test is checked by the bubble.

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weir-go/weir"
)

const (
	wait = 300 * time.Millisecond
	took = time.Second // for a search, with a hit half way
	tick = time.Millisecond
)

// typist types, and knows what was asked for and called off, and when.
type typist struct {
	*searcher
	t     *testing.T
	begin time.Time
	sub   *weir.Subscription[screen]

	mu  sync.Mutex
	log []string // guarded by mu
}

func bubble(t *testing.T, run func(ty *typist)) {
	synctest.Test(t, func(t *testing.T) {
		ty := &typist{t: t, begin: time.Now()}
		ty.searcher = newSearcher(func(ctx context.Context, query string, found func(hit), progress func(float64)) error {
			ty.note("ask", query)
			for half := range 2 {
				select {
				case <-time.After(took / 2):
				case <-ctx.Done():
					ty.note("off", query)
					return context.Cause(ctx)
				}
				if half == 0 {
					found(hit{Path: query})
				}
				progress(float64(half+1) / 2)
			}
			ty.note("done", query)
			return nil
		}, wait)
		ty.sub = weir.Listen(ty.container, ty.screen, nil)
		synctest.Wait()
		defer func() {
			if err := ty.stop(); err != nil {
				t.Error(err)
			}
		}()
		run(ty)
	})
}

// note logs what happens to query.
func (ty *typist) note(what, query string) {
	ty.mu.Lock()
	defer ty.mu.Unlock()
	ty.log = append(ty.log, fmt.Sprintf("%v %s %s", time.Since(ty.begin), what, query))
}

func (ty *typist) types(query string) { ty.query.Set(ty.container, query) }

func (ty *typist) shows(want string) {
	ty.t.Helper()
	synctest.Wait()
	sc := weir.Read(ty.container, ty.screen)
	if got := fmt.Sprintf("%s: %d of %s, busy %v %v, error %v", sc.query, len(sc.results.hits), sc.results.query, sc.busy, sc.progress, sc.err); got != want {
		ty.t.Errorf("the screen shows %q\nwant %q", got, want)
	}
}

func (ty *typist) logged(want ...string) {
	ty.t.Helper()
	synctest.Wait()
	ty.mu.Lock()
	defer ty.mu.Unlock()
	if !slices.Equal(ty.log, want) {
		ty.t.Errorf("got %q\nwant %q", ty.log, want)
	}
}

func TestAskedWhenNoKeyComes(t *testing.T) {
	bubble(t, func(ty *typist) {
		for _, q := range []string{"a", "ab", "abc"} {
			ty.types(q)
			time.Sleep(wait - tick)
		}
		ty.shows("abc: 0 of , busy true 0, error <nil>")
		ty.logged()
		time.Sleep(tick)
		ty.logged("898ms ask abc") // the wait after the last key
		time.Sleep(took / 2)
		ty.shows("abc: 1 of abc, busy true 0.5, error <nil>")
		time.Sleep(took / 2)
		ty.shows("abc: 1 of abc, busy false 0, error <nil>")
		ty.logged("898ms ask abc", "1.898s done abc")
	})
}

func TestAKeyCancelsAtOnce(t *testing.T) {
	bubble(t, func(ty *typist) {
		ty.types("a")
		time.Sleep(wait + took/2 + tick)
		ty.shows("a: 1 of a, busy true 0.5, error <nil>")
		ty.types("ab")
		ty.shows("ab: 1 of a, busy true 0, error <nil>") // what was found so far stays until there is something new
		ty.logged("300ms ask a", "801ms off a")
		time.Sleep(wait + took)
		ty.shows("ab: 1 of ab, busy false 0, error <nil>")
		ty.logged("300ms ask a", "801ms off a", "1.101s ask ab", "2.101s done ab")
	})
}

func TestNobodyLooks(t *testing.T) {
	bubble(t, func(ty *typist) {
		ty.types("a")
		time.Sleep(wait)
		ty.sub.Close()
		time.Sleep(weir.DefaultDisposeDelay - tick)
		ty.sub = weir.Listen(ty.container, ty.screen, nil) // back in time
		time.Sleep(took / 2)
		ty.logged("300ms ask a")
		ty.sub.Close()
		time.Sleep(weir.DefaultDisposeDelay)
		ty.logged("300ms ask a", "999ms off a")
	})
}
