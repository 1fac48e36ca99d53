package bench

// This file puts Weir and its peers into the same ten situations and prints what each did, as a table:
//
//	go test -run TestSituations -v
//
// A cell is found by running the library as its documentation has it used, and the test holds it to what the table says. "-" is for what a
// library has no notion of and promises nothing about: its authors would not call that a fault. docs/comparison.md has the table, and the
// test fails if it is another.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/maypok86/otter/v2"
	"github.com/samber/do/v2"
	"github.com/samber/ro"
	"golang.org/x/sync/singleflight"

	"github.com/weir-go/weir"
)

// hangs is how long something may take in real time before it is said to hang.
const hangs = 2 * time.Second

// did is a cell: what a library does, and how that is found. Nothing is run for a "-".
type did struct {
	want string
	run  func(t *testing.T) string
}

var none = did{want: "-"}

// situation is a row of the table.
type situation struct {
	name                              string
	weir, singleflight, do, ro, otter did
}

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

func situations() []situation {
	return []situation{
		{
			name: "first caller leaves",
			weir: did{"the second gets value 1", inBubble(func(t *testing.T) string {
				c, w := weir.NewContainer(), newWork()
				defer c.Shutdown(context.Background())
				p := future(w)
				ctx, leave := context.WithCancel(t.Context())
				asking(func() (int, error) { return weir.Resolve(ctx, c, p) })
				second := asking(func() (int, error) { <-w.started; return weir.Resolve(t.Context(), c, p) })
				synctest.Wait()
				leave()
				synctest.Wait()
				close(w.release)
				return "the second gets " + <-second
			})},
			singleflight: did{"the second gets context canceled if the function uses the first's context, else value 1", inBubble(func(t *testing.T) string {
				try := func(detach bool) string {
					var g singleflight.Group
					w := newWork()
					ctx, leave := context.WithCancel(t.Context())
					use := ctx
					if detach {
						use = context.WithoutCancel(ctx)
					}
					fn := func() (any, error) { return w.run(use) }
					g.DoChan("k", fn)
					second := g.DoChan("k", fn)
					<-w.started
					leave()
					synctest.Wait()
					close(w.release)
					r := <-second
					return result(r.Val.(int), r.Err)
				}
				return "the second gets " + try(false) + " if the function uses the first's context, else " + try(true)
			})},
			do: none,
			ro: did{"the second gets value 1", inBubble(func(t *testing.T) string {
				w := newWork()
				o := sharedWork(w)
				first, _ := hearing(o)
				_, second := hearing(o)
				<-w.started
				first.Unsubscribe()
				synctest.Wait()
				close(w.release)
				return "the second gets " + <-second
			})},
			otter: did{"the second runs it again if the loader uses the first's context, else gets value 1", inBubble(func(t *testing.T) string {
				try := func(detach bool) string {
					c := otter.Must(&otter.Options[string, int]{})
					w := newWork()
					load := otter.LoaderFunc[string, int](func(ctx context.Context, _ string) (int, error) {
						if detach {
							ctx = context.WithoutCancel(ctx)
						}
						return w.run(ctx)
					})
					ctx, leave := context.WithCancel(t.Context())
					asking(func() (int, error) { return c.Get(ctx, "k", load) })
					<-w.started
					second := asking(func() (int, error) { return c.Get(t.Context(), "k", load) })
					synctest.Wait()
					leave()
					synctest.Wait()
					close(w.release)
					return <-second
				}
				first := try(false)
				return "the second " + yes(first == "value 2", "runs it again", "gets "+first) + " if the loader uses the first's context, else gets " + try(true)
			})},
		},
		{
			name: "last caller leaves",
			weir: did{"the work is stopped", inBubble(func(t *testing.T) string {
				c, w := weir.NewContainer(), newWork()
				defer c.Shutdown(context.Background())
				p := future(w)
				ctx, leave := context.WithCancel(t.Context())
				for range 2 {
					asking(func() (int, error) { return weir.Resolve(ctx, c, p) })
				}
				synctest.Wait()
				leave()
				synctest.Wait()
				return yes(w.stopped.Load(), "the work is stopped", "the work goes on")
			})},
			singleflight: did{"-: the work goes on", inBubble(func(t *testing.T) string {
				var g singleflight.Group
				w := newWork()
				ctx, leave := context.WithCancel(t.Context())
				ch := g.DoChan("k", func() (any, error) { return w.run(context.WithoutCancel(ctx)) })
				leave()
				synctest.Wait()
				stopped := w.stopped.Load()
				close(w.release)
				<-ch
				return yes(stopped, "the work is stopped", "-: the work goes on")
			})},
			do: none,
			ro: did{"the work is stopped", inBubble(func(t *testing.T) string {
				w := newWork()
				o := sharedWork(w)
				a, _ := hearing(o)
				b, _ := hearing(o)
				<-w.started
				a.Unsubscribe()
				synctest.Wait()
				early := w.stopped.Load()
				b.Unsubscribe()
				synctest.Wait()
				return yes(w.stopped.Load() && !early, "the work is stopped", "the work goes on")
			})},
			otter: did{"-: callers leave; the work goes on, if its context is nobody's", inBubble(func(t *testing.T) string {
				c := otter.Must(&otter.Options[string, int]{})
				w := newWork()
				load := otter.LoaderFunc[string, int](func(ctx context.Context, _ string) (int, error) { return w.run(context.WithoutCancel(ctx)) })
				ctx, leave := context.WithCancel(t.Context())
				first := asking(func() (int, error) { return c.Get(ctx, "k", load) })
				<-w.started
				second := asking(func() (int, error) { return c.Get(ctx, "k", load) })
				synctest.Wait()
				leave()
				synctest.Wait()
				stopped, left := w.stopped.Load(), len(first) > 0 || len(second) > 0
				close(w.release)
				<-first
				<-second
				return "-: callers " + yes(left, "leave", "cannot leave") + yes(stopped, "; the work is stopped", "; the work goes on, if its context is nobody's")
			})},
		},
		{
			name: "newcomer during unwinding",
			weir: did{"a run of its own, after the old one has returned: value 2", inBubble(func(t *testing.T) string {
				c, w := weir.NewContainer(), newWork()
				defer c.Shutdown(context.Background())
				w.unwind = make(chan struct{})
				p := future(w)
				ctx, leave := context.WithCancel(t.Context())
				asking(func() (int, error) { return weir.Resolve(ctx, c, p) })
				<-w.started
				leave()
				synctest.Wait()
				newcomer := asking(func() (int, error) { return weir.Resolve(t.Context(), c, p) })
				synctest.Wait()
				overlap := w.runs.Load() > 1
				close(w.unwind)
				close(w.release)
				return yes(overlap, "a run of its own, beside the old one: ", "a run of its own, after the old one has returned: ") + <-newcomer
			})},
			singleflight: did{"joins the run that is ending: context canceled", inBubble(func(t *testing.T) string {
				var g singleflight.Group
				w := newWork()
				w.unwind = make(chan struct{})
				ctx, leave := context.WithCancel(t.Context())
				fn := func() (any, error) { return w.run(ctx) }
				g.DoChan("k", fn)
				<-w.started
				leave()
				synctest.Wait()
				newcomer := g.DoChan("k", fn)
				close(w.unwind)
				r := <-newcomer
				return yes(w.runs.Load() == 1, "joins the run that is ending: ", "a run of its own: ") + result(r.Val.(int), r.Err)
			})},
			do: none,
			ro: did{"a run of its own, beside the old one: value 2", inBubble(func(t *testing.T) string {
				w := newWork()
				w.unwind = make(chan struct{})
				o := sharedWork(w)
				last, _ := hearing(o)
				<-w.started
				last.Unsubscribe()
				synctest.Wait()
				_, newcomer := hearing(o)
				synctest.Wait()
				overlap := w.runs.Load() > 1
				close(w.release)
				got := <-newcomer
				close(w.unwind)
				return yes(overlap, "a run of its own, beside the old one: ", "waits: ") + got
			})},
			otter: did{"a run of its own, after the old one has returned: value 2", inBubble(func(t *testing.T) string {
				c := otter.Must(&otter.Options[string, int]{})
				w := newWork()
				w.unwind = make(chan struct{})
				ctx, leave := context.WithCancel(t.Context())
				first := asking(func() (int, error) { return c.Get(ctx, "k", loader(w)) })
				<-w.started
				leave()
				synctest.Wait()
				newcomer := asking(func() (int, error) { return c.Get(t.Context(), "k", loader(w)) })
				synctest.Wait()
				overlap := w.runs.Load() > 1
				close(w.unwind)
				close(w.release)
				<-first
				got := <-newcomer
				return yes(w.runs.Load() == 1, "joins the run that is ending: ", yes(overlap, "a run of its own, beside the old one: ", "a run of its own, after the old one has returned: ")) + got
			})},
		},
		{
			name: "cycle from two goroutines",
			weir: did{"a *CycleError", func(*testing.T) string {
				c := weir.NewContainer()
				defer c.Shutdown(context.Background())
				both := newBarrier()
				var a, b *weir.FutureProvider[int]
				a = weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) { both.wait(); return weir.Await(ref, b) })
				b = weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) { both.wait(); return weir.Await(ref, a) })
				return twoAsk(func(p *weir.FutureProvider[int]) error {
					_, err := weir.Resolve(context.Background(), c, p)
					var cycle *weir.CycleError
					if errors.As(err, &cycle) {
						return errCycle
					}
					return err
				}, a, b, "a *CycleError")
			}},
			singleflight: did{"-: hangs", func(*testing.T) string {
				var g singleflight.Group
				both := newBarrier()
				return "-: " + twoAsk(func(keys [2]string) error {
					_, err, _ := g.Do(keys[0], func() (any, error) {
						both.wait()
						_, err, _ := g.Do(keys[1], func() (any, error) { return 1, nil })
						return 1, err
					})
					return err
				}, [2]string{"a", "b"}, [2]string{"b", "a"}, "an error")
			}},
			do: did{"hangs (from one goroutine: an error)", func(*testing.T) string {
				inject := func(wait func()) *do.RootScope {
					i := do.New()
					do.ProvideNamed(i, "a", func(i do.Injector) (int, error) { wait(); return do.InvokeNamed[int](i, "b") })
					do.ProvideNamed(i, "b", func(i do.Injector) (int, error) { wait(); return do.InvokeNamed[int](i, "a") })
					return i
				}
				i := inject(newBarrier().wait)
				two := twoAsk(func(name string) error { _, err := do.InvokeNamed[int](i, name); return err }, "a", "b", "an error")
				alone := inject(func() {}) // the two that hang still hold the other
				one := orHangs(asking(func() (int, error) { return do.InvokeNamed[int](alone, "a") }))
				return two + " (from one goroutine: " + one + ")"
			}},
			ro: none,
			otter: did{"-: hangs", func(*testing.T) string {
				c := otter.Must(&otter.Options[string, int]{})
				both := newBarrier()
				return "-: " + twoAsk(func(keys [2]string) error {
					_, err := c.Get(context.Background(), keys[0], otter.LoaderFunc[string, int](func(ctx context.Context, _ string) (int, error) {
						both.wait()
						return c.Get(ctx, keys[1], otter.LoaderFunc[string, int](func(context.Context, string) (int, error) { return 1, nil }))
					}))
					return err
				}, [2]string{"a", "b"}, [2]string{"b", "a"}, "an error")
			}},
		},
		{
			name: "panic in the shared work",
			weir: did{"each caller gets a *PanicError", inBubble(func(t *testing.T) string {
				c, boom := weir.NewContainer(), make(chan struct{})
				defer c.Shutdown(context.Background())
				p := weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) { <-boom; panic("boom") })
				return together(boom, func() (int, error) { return weir.Resolve(t.Context(), c, p) })
			})},
			singleflight: did{"each caller gets a panic", inBubble(func(t *testing.T) string {
				var g singleflight.Group
				boom := make(chan struct{})
				return together(boom, func() (int, error) {
					v, err, _ := g.Do("k", func() (any, error) { <-boom; panic("boom") })
					return v.(int), err
				})
			})},
			do: did{"each caller gets an error, and runs it again", func(*testing.T) string {
				i, runs := do.New(), atomic.Int32{}
				do.Provide(i, func(do.Injector) (int, error) { runs.Add(1); panic("boom") })
				first, second := orHangs(asking(func() (int, error) { return do.Invoke[int](i) })), orHangs(asking(func() (int, error) { return do.Invoke[int](i) }))
				return "each caller gets " + yes(first == second, first, first+", "+second) + yes(runs.Load() == 2, ", and runs it again", "")
			}},
			ro: did{"each caller gets an error", func(*testing.T) string {
				// The panic must be in the source's own function: a goroutine that it starts is out of anybody's reach.
				boom := ro.NewPublishSubject[int]()
				o := ro.Pipe2(boom.AsObservable(), ro.Map(func(int) int { panic("boom") }), ro.Share[int]())
				_, first := hearing(o)
				_, second := hearing(o)
				boom.Next(1)
				a, b := orHangs(first), orHangs(second)
				return "each caller gets " + yes(a == b, a, a+", "+b)
			}},
			otter: did{"who runs it gets a panic, who waits an error", inBubble(func(t *testing.T) string {
				c, boom := otter.Must(&otter.Options[string, int]{}), make(chan struct{})
				load := otter.LoaderFunc[string, int](func(context.Context, string) (int, error) { <-boom; panic("boom") })
				return together(boom, func() (int, error) { return c.Get(t.Context(), "k", load) })
			})},
		},
		{
			name: "diamond under concurrent writers",
			weir: did{"no mixed pair is seen", func(*testing.T) string {
				c := weir.NewContainer()
				defer c.Shutdown(context.Background())
				n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
				left := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, n) })
				right := weir.NewProvider(func(ref weir.Ref) int { return 10 * weir.Watch(ref, n) })
				pair := weir.NewProvider(func(ref weir.Ref) [2]int { return [2]int{weir.Watch(ref, left), weir.Watch(ref, right)} })
				var mixed, heard atomic.Int32
				weir.Listen(c, pair, func(_, next [2]int) {
					heard.Add(1)
					if next[1] != 10*next[0] {
						mixed.Add(1)
					}
				})
				writers(func(v int) { n.Set(c, v) })
				if err := c.Flush(context.Background()); err != nil || heard.Load() == 0 {
					return "nothing is heard"
				}
				return yes(mixed.Load() > 0, "mixed pairs are seen", "no mixed pair is seen")
			}},
			singleflight: none,
			do:           none,
			ro: did{"mixed pairs are seen", func(*testing.T) string {
				n := ro.NewBehaviorSubject(0)
				left := ro.Pipe1(n.AsObservable(), ro.Map(func(v int) any { return v }))
				right := ro.Pipe1(n.AsObservable(), ro.Map(func(v int) any { return 10 * v }))
				var mixed atomic.Int32
				ro.CombineLatestAny(left, right).Subscribe(ro.OnNext(func(next []any) {
					if next[1] != 10*next[0].(int) {
						mixed.Add(1)
					}
				}))
				writers(n.Next)
				return yes(mixed.Load() > 0, "mixed pairs are seen", "no mixed pair is seen")
			}},
			otter: none,
		},
		{
			name: "slow listener",
			weir: did{"a loop of Values: the writer goes on, the loop gets the latest; a callback: the first writer waits, others go on", inBubble(func(t *testing.T) string {
				c := weir.NewContainer()
				defer c.Shutdown(context.Background())
				n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
				ctx, stop := context.WithCancel(t.Context())
				slow, got := make(chan struct{}), make(chan int, 10)
				go func() {
					for v := range weir.Values(ctx, c, n) {
						got <- v
						<-slow
					}
				}()
				synctest.Wait()
				wrote := writes(n, c, 100)
				slow <- struct{}{}
				synctest.Wait()
				stop()
				<-got
				loop := yes(wrote, "the writer goes on", "the writer waits") + yes(<-got == 100, ", the loop gets the latest", ", the loop gets another")
				close(slow)
				synctest.Wait()

				hold := make(chan struct{})
				weir.Listen(c, n, func(_, _ int) { <-hold })
				first := writes(n, c, 101)
				second := writes(n, c, 102)
				close(hold)
				synctest.Wait()
				return "a loop of Values: " + loop + "; a callback: " + yes(first, "the first writer goes on", "the first writer waits") + yes(second, ", others go on", ", others wait")
			})},
			singleflight: none,
			do:           none,
			ro: did{"the writer waits, and so do others; behind ObserveOn it goes on, until the buffer is full", func(*testing.T) string {
				hold := make(chan struct{})
				defer close(hold)
				n := ro.NewPublishSubject[int]()
				n.Subscribe(ro.OnNext(func(int) { <-hold }))
				first, second := returns(func() { n.Next(1) }), returns(func() { n.Next(2) })
				m := ro.NewPublishSubject[int]()
				ro.Pipe1(m.AsObservable(), ro.ObserveOn[int](1)).Subscribe(ro.OnNext(func(int) { <-hold }))
				behind := returns(func() { m.Next(1) })
				full := behind && !returns(func() {
					for v := range 10 {
						m.Next(v)
					}
				})
				return yes(first, "the writer goes on", "the writer waits") + yes(second, "", ", and so do others") +
					"; behind ObserveOn it " + yes(behind, "goes on", "waits") + yes(full, ", until the buffer is full", "")
			}},
			otter: none,
		},
		{
			name: "unsubscribe during delivery",
			weir: did{"who is unsubscribed hears nothing more, not even this", inBubble(func(t *testing.T) string {
				c := weir.NewContainer()
				defer c.Shutdown(context.Background())
				n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
				var first, second *weir.Subscription[int]
				heard := 0
				hear := func(_, _ int) { heard++; first.Close(); second.Close() }
				first, second = weir.Listen(c, n, hear), weir.Listen(c, n, hear)
				n.Set(c, 1)
				this := heard
				n.Set(c, 2)
				return unsubscribed(this, heard)
			})},
			singleflight: none,
			do:           none,
			ro: did{"who is unsubscribed hears nothing more, not even this", func(*testing.T) string {
				n := ro.NewPublishSubject[int]()
				var first, second ro.Subscription
				heard := 0
				hear := func(int) { heard++; first.Unsubscribe(); second.Unsubscribe() } // in which order they are called is left to chance
				first, second = n.Subscribe(ro.OnNext(hear)), n.Subscribe(ro.OnNext(hear))
				if !returns(func() { n.Next(1) }) {
					return "hangs"
				}
				this := heard
				n.Next(2)
				return unsubscribed(this, heard)
			}},
			otter: none,
		},
		{
			name: "close with work in flight",
			weir: did{"the work is stopped; who waits gets ErrContainerClosed at once", inBubble(func(t *testing.T) string {
				c, w := weir.NewContainer(), newWork()
				w.unwind = make(chan struct{})
				p := future(w)
				waiting := asking(func() (int, error) { return weir.Resolve(t.Context(), c, p) })
				<-w.started
				c.Close()
				synctest.Wait()
				got := "nothing"
				select {
				case got = <-waiting:
				default:
				}
				close(w.unwind)
				return yes(w.stopped.Load(), "the work is stopped", "the work goes on") + "; who waits gets " + got + " at once"
			})},
			singleflight: none,
			do: did{"Shutdown waits for it; who waits gets value 1; the service is shut down", func(*testing.T) string {
				i, begun, release := do.New(), make(chan struct{}), make(chan struct{})
				s := &service{}
				do.Provide(i, func(do.Injector) (*service, error) { close(begun); <-release; return s, nil })
				waiting := asking(func() (int, error) { _, err := do.Invoke[*service](i); return 1, err })
				<-begun
				down := make(chan struct{})
				early := returns(func() { i.Shutdown(); close(down) })
				close(release)
				got := orHangs(waiting)
				<-down
				return "Shutdown " + yes(early, "returns", "waits for it") + "; who waits gets " + got + "; the service is " + yes(s.shut.Load(), "", "not ") + "shut down"
			}},
			ro:    none,
			otter: none,
		},
		{
			name: "leak after 10^5 users",
			weir: did{"nothing is left", func(*testing.T) string {
				c := weir.NewContainer()
				defer c.Shutdown(context.Background())
				f := weir.NewFamily(func(key int) *weir.Provider[int] { return weir.NewProvider(func(weir.Ref) int { return key }) }, weir.DisposeDelay(0))
				return left(c, func(key int) { weir.Listen(c, f.Of(key), nil).Close() }, func() int { return len(c.Snapshot().Elements) })
			}},
			singleflight: did{"nothing is left", func(*testing.T) string {
				g := &singleflight.Group{}
				return left(g, func(key int) { g.Do(fmt.Sprint(key), func() (any, error) { return key, nil }) }, func() int { return 0 })
			}},
			do: did{"a transient service for each: nothing is left; a scope for each, shut down: 100000 entries are left", func(*testing.T) string {
				i := do.New()
				do.ProvideTransient(i, func(do.Injector) (*service, error) { return &service{}, nil })
				transient := left(i, func(int) { do.MustInvoke[*service](i) }, func() int { return 0 })
				scopes := left(i, func(key int) {
					if key < 0 {
						return // there is nothing that could be taken away again
					}
					s := i.Scope(fmt.Sprint(key))
					do.MustInvoke[*service](s)
					s.Shutdown()
				}, func() int { return len(i.Children()) })
				return "a transient service for each: " + transient + "; a scope for each, shut down: " + scopes
			}},
			ro: did{"nothing is left", func(*testing.T) string {
				n := ro.NewBehaviorSubject(1)
				o := ro.Pipe1(n.AsObservable(), ro.Share[int]())
				return left(o, func(int) { o.Subscribe(ro.OnNext(func(int) {})).Unsubscribe() }, n.CountObservers)
			}},
			otter: did{"as many entries as its bound allows (1000)", func(*testing.T) string {
				c := otter.Must(&otter.Options[int, int]{MaximumSize: 1000})
				defer c.StopAllGoroutines()
				load := otter.LoaderFunc[int, int](func(_ context.Context, key int) (int, error) { return key, nil })
				got := left(c, func(key int) { c.Get(context.Background(), key, load) }, func() int { c.CleanUp(); return c.EstimatedSize() })
				return yes(got == "1000 entries are left", "as many entries as its bound allows (1000)", got)
			}},
		},
	}
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

func TestSituations(t *testing.T) {
	libs := []string{"Weir", "x/sync singleflight", "samber/do", "samber/ro", "otter"}
	var b strings.Builder
	fmt.Fprintf(&b, "| | %s |\n|%s\n", strings.Join(libs, " | "), strings.Repeat("---|", len(libs)+1))
	for _, s := range situations() {
		cells := []string{s.name}
		for i, x := range []did{s.weir, s.singleflight, s.do, s.ro, s.otter} {
			got := x.want
			if x.run != nil {
				got = x.run(t)
			}
			if got != x.want {
				t.Errorf("%s, %s:\n got  %s\n want %s", s.name, libs[i], got, x.want)
			}
			cells = append(cells, got)
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
	}
	t.Log("\n" + b.String())
	page, err := os.ReadFile("../../docs/comparison.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), b.String()) {
		t.Error("docs/comparison.md has another table")
	}
}
