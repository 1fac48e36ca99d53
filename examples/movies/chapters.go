package main

// chapters.go owns what happens, chapter by chapter. Each has pages of its own, so its counts start at nothing. The upstream holds
// an answer back wherever a chapter needs a request to be in flight; counts, not pauses, say when the next step may be taken.

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"time"

	"github.com/weir-go/weir"
)

// The pages with a special part, which begins before their chapter does.
const (
	unwindingPage = 4 // its cut-off fetch takes its time to return
	latePage      = 8 // its upstream never answers
)

var chapters = []struct {
	title string
	tell  func(*story)
}{
	{"200 clients ask for one page", shared},
	{"one of three disconnects", oneLeaves},
	{"the last one disconnects", lastLeaves},
	{"a newcomer arrives while the old request is still unwinding", newcomer},
	{"a page is left for less than the delay", leftBriefly},
	{"a page is left for longer than the delay", leftForLong},
	{"the cache timeout", cacheTimeout},
	{"the deadline", deadline},
	{"the cancel button", cancelButton},
	{"shutdown with requests in flight", shutdown},
}

func shared(st *story) {
	const n, clients = 1, 200
	release := st.upstream.hold(n)
	all := st.crowd(n, clients)
	st.becomes(st.listeners(n), clients)
	release()
	st.answers(n, http.StatusOK, all...)
	st.is(st.svc(n, requested), clients)
	st.is(st.svc(n, answered), clients)
	st.is(st.svc(n, built), 1)
	st.is(st.up(n, requested), 1)

	// Once, to show that GET /stats tells the same; elsewhere the counts are read where they are kept.
	of := st.stats().Pages[n]
	if of[requested] != clients || of[answered] != clients || of[built] != 1 {
		st.fail("GET /stats says %v of page %d, want %d requests and answers and 1 build", of, n, clients)
	}
	st.say("%d waited for the same build, %d got their films; upstream requests: %d", clients, of[answered], st.up(n, requested).get())
}

func oneLeaves(st *story) {
	const n = 2
	release := st.upstream.hold(n)
	all := st.crowd(n, 3)
	st.becomes(st.listeners(n), 3)
	st.leaves(all[0])
	st.becomes(st.svc(n, left), 1)
	st.becomes(st.listeners(n), 2)
	release()
	st.answers(n, http.StatusOK, all[1:]...)
	st.is(st.svc(n, answered), 2)
	st.is(st.svc(n, built), 1)
	st.is(st.up(n, requested), 1)
	st.is(st.up(n, left), 0)
	st.say("the other two got their films; upstream requests: %d, cancelled: %d", st.up(n, requested).get(), st.up(n, left).get())
}

func lastLeaves(st *story) {
	const n = 3
	st.upstream.hold(n)
	all := st.crowd(n, 3)
	st.becomes(st.listeners(n), 3)
	st.becomes(st.up(n, requested), 1)
	st.leaves(all[0])
	st.leaves(all[1])
	st.becomes(st.svc(n, left), 2)
	st.becomes(st.listeners(n), 1)
	st.is(st.svc(n, onCancel), 0)
	st.is(st.up(n, left), 0)

	start := time.Now()
	st.leaves(all[2])
	st.becomes(st.svc(n, left), 3)
	st.becomes(st.svc(n, onCancel), 1)
	st.becomes(st.up(n, left), 1)
	took := time.Since(start)
	st.atLeast("the upstream's request was cancelled", took, st.pace.delay)
	st.becomes(st.svc(n, cutOff), 1)
	st.becomes(st.svc(n, disposed), 1)
	st.because(n, weir.ErrDisposed)
	st.say("the upstream saw its request cancelled %v later; cause: %v", took.Round(10*time.Millisecond), st.service.cause(n))
}

func newcomer(st *story) {
	const n = unwindingPage
	release := st.upstream.hold(n)
	first := st.visit(n)
	st.becomes(st.up(n, requested), 1)
	st.leaves(first)
	st.becomes(st.svc(n, disposed), 1)
	st.becomes(st.up(n, left), 1)
	st.is(st.svc(n, cutOff), 0) // the fetch function of the first build has not returned

	second := st.visit(n)
	st.becomes(st.listeners(n), 1) // it waits, and not for the build that is over
	st.is(st.svc(n, built), 1)     // its own begins when the old function has returned: they never overlap
	st.is(st.up(n, requested), 1)
	st.unwind()
	st.becomes(st.svc(n, cutOff), 1)
	st.becomes(st.up(n, requested), 2)
	release()
	st.answers(n, http.StatusOK, second)
	st.is(st.svc(n, built), 2)
	st.is(st.svc(n, cutOff), 1)
	st.is(st.up(n, left), 1)
	st.because(n, weir.ErrDisposed)
	st.say("it got its films from a request of its own; upstream requests: %d, cancelled: %d", st.up(n, requested).get(), st.up(n, left).get())
}

// leftBriefly is the one chapter in which something has to be done in time: the second client must be there before the delay is
// over. On a machine too busy for that it shows nothing, so it tries again with the next page.
func leftBriefly(st *story) {
	for _, n := range []int{5, 11, 12, 13, 14} {
		release := st.upstream.hold(n)
		first := st.visit(n)
		st.becomes(st.up(n, requested), 1)
		start := time.Now()
		st.leaves(first)
		st.becomes(st.svc(n, onCancel), 1)
		second := st.visit(n)
		st.becomes(st.listeners(n), 1)
		away := time.Since(start)
		if st.err == nil && away >= st.pace.delay {
			release()
			st.answers(n, http.StatusOK, second)
			continue
		}
		st.becomes(st.svc(n, onResume), 1)
		release()
		st.answers(n, http.StatusOK, second)
		st.is(st.svc(n, onResume), 1)
		st.is(st.svc(n, built), 1)
		st.is(st.svc(n, cutOff), 0)
		st.is(st.up(n, requested), 1)
		st.is(st.up(n, left), 0)
		st.say("resumed, not rebuilt: on cancel 1, on resume %d, builds %d; upstream requests: %d",
			st.svc(n, onResume).get(), st.svc(n, built).get(), st.up(n, requested).get())
		return
	}
	st.fail("no client was back within %v: this machine is too busy", st.pace.delay)
}

func leftForLong(st *story) {
	const n = 6
	release := st.upstream.hold(n)
	first := st.visit(n)
	st.becomes(st.up(n, requested), 1)
	start := time.Now()
	st.leaves(first)
	st.becomes(st.svc(n, disposed), 1)
	st.atLeast("the page was disposed", time.Since(start), st.pace.delay)
	st.becomes(st.up(n, left), 1)

	second := st.visit(n)
	st.becomes(st.up(n, requested), 2)
	release()
	st.answers(n, http.StatusOK, second)
	st.is(st.svc(n, onResume), 0)
	st.is(st.svc(n, built), 2)
	st.is(st.up(n, left), 1)
	st.say("disposed and fetched anew: on resume %d, builds %d; upstream requests: %d, cancelled: %d",
		st.svc(n, onResume).get(), st.svc(n, built).get(), st.up(n, requested).get(), st.up(n, left).get())
}

func cacheTimeout(st *story) {
	const n = 7
	start := time.Now()
	st.answers(n, http.StatusOK, st.visit(n))
	st.answers(n, http.StatusOK, st.crowd(n, 5)...)
	st.is(st.up(n, requested), 1)
	st.is(st.svc(n, built), 1)
	st.is(st.svc(n, disposed), 0)

	st.becomes(st.svc(n, disposed), 1)
	kept := time.Since(start)
	st.atLeast("the films were dropped", kept, st.pace.cacheFor)
	st.answers(n, http.StatusOK, st.visit(n))
	st.is(st.up(n, requested), 2)
	st.is(st.up(n, left), 0)
	st.is(st.svc(n, built), 2)
	st.say("6 clients were answered from the first fetch, the seventh, after %v, from a new one; upstream requests: %d",
		kept.Round(10*time.Millisecond), st.up(n, requested).get())
}

func deadline(st *story) {
	const n = latePage
	st.answers(n, http.StatusGatewayTimeout, st.late)
	took := time.Since(st.begin)
	st.atLeast("the fetch was given up", took, st.pace.timeout)
	st.becomes(st.up(n, left), 1)
	st.becomes(st.svc(n, cutOff), 1)
	st.is(st.svc(n, built), 1)
	st.is(st.up(n, requested), 1)
	st.because(n, context.DeadlineExceeded)
	st.say("a client that came when the story began got 504; upstream requests: %d, cancelled: %d; cause: %v",
		st.up(n, requested).get(), st.up(n, left).get(), st.service.cause(n))
}

func cancelButton(st *story) {
	const n = 9
	st.upstream.hold(n)
	all := st.crowd(n, 3)
	st.becomes(st.listeners(n), 3)
	st.becomes(st.up(n, requested), 1)
	if status, body := st.request(http.MethodDelete, "/movies?page=9"); status != http.StatusNoContent {
		st.fail("DELETE /movies?page=%d: status %d %s", n, status, body)
	}
	st.answers(n, http.StatusConflict, all...)
	st.becomes(st.up(n, left), 1)
	st.becomes(st.svc(n, cutOff), 1)
	st.is(st.svc(n, built), 1)
	st.is(st.svc(n, answered), 0)
	st.is(st.svc(n, refused), len(all))
	st.is(st.up(n, requested), 1)
	st.because(n, weir.ErrCanceled)
	st.say("all %d clients got 409; upstream requests: %d, cancelled: %d", len(all), st.up(n, requested).get(), st.up(n, left).get())
}

func shutdown(st *story) {
	const first, pages, clients = 21, 3, 2 // clients of each page
	crowds := make(map[int][]*visitor)
	for n := first; n < first+pages; n++ {
		st.upstream.hold(n)
		crowds[n] = st.crowd(n, clients)
	}
	for n := range crowds {
		st.becomes(st.listeners(n), clients)
		st.becomes(st.up(n, requested), 1)
	}
	if st.err != nil {
		return
	}

	// stack.stop does all of this too, but here the first step is looked at by itself: when Shutdown of the container has returned,
	// no fetch function is running.
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := st.service.container.Shutdown(ctx); err != nil {
		st.fail("shutdown of the container: %w", err)
	}
	gone := 0
	for n, crowd := range crowds {
		st.is(st.svc(n, cutOff), 1)
		st.is(st.svc(n, disposed), 1)
		st.because(n, weir.ErrContainerClosed)
		st.answers(n, http.StatusServiceUnavailable, crowd...)
		st.becomes(st.up(n, left), 1)
		gone += st.up(n, left).get()
	}
	st.http.CloseIdleConnections()
	if err := st.stack.stop(ctx); err != nil {
		st.fail("shutdown: %w", err)
	}
	st.until("the number of goroutines", func() (string, bool) {
		// Closed connections take a moment to let go of theirs.
		now := runtime.NumGoroutine()
		return fmt.Sprintf("is %d, was %d before", now, st.goroutines), now <= st.goroutines
	})
	st.say("all %d clients got 503; upstream requests cancelled: %d; goroutines left over: 0", pages*clients, gone)
}

// because checks why the last fetch of page n was cut off.
func (st *story) because(n int, want error) {
	if cause := st.service.cause(n); !errors.Is(cause, want) {
		st.fail("the fetch of page %d was cut off because of %v, want %v", n, cause, want)
	}
}
