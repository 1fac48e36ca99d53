package bench

// This file holds what the ten situations are made of: work that is watched, and ways to ask for it and to see who is left.

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/maypok86/otter/v2"
	"github.com/samber/ro"

	"github.com/weir-go/weir"
)

// hangs is how long something may take in real time before it is said to hang.
const hangs = 2 * time.Second

var none = did{want: "-"}

// inBubble has a cell run in a bubble, where that nothing more happens is known and not waited for. It is not for what blocks on a mutex.
func inBubble(run func(t *testing.T) string) func(t *testing.T) string {
	return func(t *testing.T) (got string) {
		synctest.Test(t, func(t *testing.T) { got = run(t) })
		return got
	}
}

// work is what is shared: it runs until it is let go, or its context ends.
type work struct {
	runs    atomic.Int32
	started chan struct{}
	release chan struct{}
	unwind  chan struct{} // not nil: it takes its time to return when its context ends
	stopped atomic.Bool
}

func newWork() *work {
	return &work{started: make(chan struct{}, 10), release: make(chan struct{})}
}

func (w *work) run(ctx context.Context) (int, error) {
	n := int(w.runs.Add(1))
	w.started <- struct{}{}
	select {
	case <-ctx.Done():
		w.stopped.Store(true)
		if w.unwind != nil {
			<-w.unwind
		}
		return 0, context.Cause(ctx)
	case <-w.release:
		return n, nil
	}
}

// result says what a caller got.
func result(v int, err error) string {
	var pe *weir.PanicError
	switch {
	case errors.As(err, &pe):
		return "a *PanicError"
	case errors.Is(err, context.Canceled):
		return "context canceled"
	case errors.Is(err, weir.ErrContainerClosed):
		return "ErrContainerClosed"
	case err != nil:
		return "an error"
	}
	return fmt.Sprint("value ", v)
}

// asking calls f on a goroutine; what comes out of it, or of a panic in it, is sent.
func asking(f func() (int, error)) <-chan string {
	got := make(chan string, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				got <- "a panic"
			}
		}()
		got <- result(f())
	}()
	return got
}

// orHangs is what comes from ch, in real time.
func orHangs(ch <-chan string) string {
	select {
	case s := <-ch:
		return s
	case <-time.After(hangs):
		return "hangs"
	}
}

func yes(b bool, then, otherwise string) string {
	if b {
		return then
	}
	return otherwise
}

func loader(w *work) otter.Loader[string, int] {
	return otter.LoaderFunc[string, int](func(ctx context.Context, _ string) (int, error) { return w.run(ctx) })
}

func future(w *work) *weir.FutureProvider[int] {
	return weir.NewFutureProvider(func(ctx context.Context, _ weir.Ref) (int, error) { return w.run(ctx) }, weir.DisposeDelay(0))
}

// shared is w as something that ro shares: it begins with the first subscriber and is torn down with the last.
func sharedWork(w *work) ro.Observable[int] {
	return ro.Pipe1(ro.NewObservable(func(to ro.Observer[int]) ro.Teardown {
		ctx, cancel := context.WithCancel(context.Background())
		go func() {
			if v, err := w.run(ctx); err != nil {
				to.Error(err)
			} else {
				to.Next(v)
			}
		}()
		return ro.Teardown(cancel)
	}), ro.Share[int]())
}

func hearing(o ro.Observable[int]) (ro.Subscription, <-chan string) {
	got := make(chan string, 10)
	return o.Subscribe(ro.NewObserver(func(v int) { got <- result(v, nil) }, func(err error) { got <- result(0, err) }, func() {})), got
}

// service is something to be shut down.
type service struct{ shut atomic.Bool }

func (s *service) Shutdown() { s.shut.Store(true) }

// returns reports whether f returns soon, in real time.
func returns(f func()) bool {
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
		return true
	case <-time.After(hangs / 10):
		return false
	}
}

// unsubscribed is for two, of which the first that is called unsubscribes both: how many were called then, and in the end.
func unsubscribed(this, later int) string {
	switch {
	case this == 0 || later > this:
		return "who is unsubscribed hears more"
	case this > 1:
		return "who is unsubscribed hears this, and nothing more"
	}
	return "who is unsubscribed hears nothing more, not even this"
}

// left has 10^5 users of come and go and says what is there afterwards: entries, by count, or memory and goroutines.
func left(of any, use func(key int), count func() int) string {
	const users = 100_000
	weigh := func() (heap uint64, goroutines int) {
		for range 3 { // weak pointers and cleanups take their rounds
			runtime.GC()
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc, runtime.NumGoroutine()
	}
	use(-1)
	before, routines := weigh()
	for key := range users {
		use(key)
	}
	entries := count()
	after, now := weigh()
	runtime.KeepAlive(of)
	switch {
	case entries > 0:
		return fmt.Sprint(entries, " entries are left")
	case after > before+16*users: // less than two words for each are tables that have grown
		return fmt.Sprintf("%d bytes for each are left", (after-before)/users)
	case now > routines+10:
		return "goroutines are left"
	}
	return "nothing is left"
}

var errCycle = errors.New("cycle")

// barrier lets two go when both have come, and everybody after that.
type barrier struct {
	n    atomic.Int32
	both chan struct{}
}

func newBarrier() *barrier { return &barrier{both: make(chan struct{})} }

func (b *barrier) wait() {
	if b.n.Add(1) == 2 {
		close(b.both)
	}
	<-b.both
}

// twoAsk has two goroutines ask at once, one for a and one for b.
func twoAsk[K any](ask func(K) error, a, b K, says string) string {
	answers := make(chan string, 2)
	for _, k := range []K{a, b} {
		go func() { answers <- yes(ask(k) != nil, says, "a value") }()
	}
	first := orHangs(answers)
	second := orHangs(answers)
	return yes(first == second, first, first+", "+second)
}

// together has two callers wait for what then panics.
func together(boom chan struct{}, ask func() (int, error)) string {
	a, b := asking(ask), asking(ask)
	synctest.Wait()
	close(boom)
	synctest.Wait()
	one, two := "nothing", "nothing"
	select {
	case one = <-a:
	default:
	}
	select {
	case two = <-b:
	default:
	}
	switch {
	case one == two:
		return "each caller gets " + one
	case one > two: // which of them runs it is left to chance
		one, two = two, one
	}
	return "who runs it gets " + yes(one == "a panic" || two == "a panic", "a panic", "?") + ", who waits " + yes(one == "a panic", two, one)
}

// writers has two goroutines write a thousand values each.
func writers(set func(int)) {
	var done sync.WaitGroup
	for w := range 2 {
		done.Go(func() {
			for i := range 1000 {
				set(2*i + w + 1)
			}
		})
	}
	done.Wait()
}

// writes has a goroutine write, and reports whether that has returned when nothing more happens.
func writes(n *weir.StateProvider[int], c *weir.Container, v int) bool {
	done := make(chan struct{})
	go func() { defer close(done); n.Set(c, v) }()
	synctest.Wait()
	select {
	case <-done:
		return true
	default:
		return false
	}
}
