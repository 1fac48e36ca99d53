package weir_test

// Builds whose surroundings change while they run (C4, C6, C9, P2, P4) and what is left of them (C6): interleavings that are driven step
// by step, with builds that wait for the test.

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestP4AReaderThatLosesADependencyReadsTheRebuild(t *testing.T) {
	// A reader of a goes down to d and builds x; meanwhile a is built without d, invalidated, built again, and d is disposed. The reader
	// waits for that build of a. Planted bug: take the d that is gone for a itself: a's value of long ago, while a is being built.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		n := listenState(0)
		inX, outX := make(chan struct{}), make(chan struct{})
		x := weir.NewProvider(func(ref weir.Ref) int {
			v := weir.Watch(ref, n)
			if v == 1 {
				close(inX)
				<-outX
			}
			return v
		})
		d := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, x) }, weir.AutoDispose())
		builds, inA, outA := 0, make(chan int), make(chan struct{})
		a := weir.NewProvider(func(ref weir.Ref) int {
			if builds++; builds == 1 {
				return weir.Watch(ref, d)
			}
			build := builds
			inA <- build
			<-outA
			return 100 + build
		})
		weir.Read(c, a)
		n.Set(c, 1)
		got := make(chan int, 1)
		go func() { got <- weir.Read(c, a) }()
		await(t, "the build of x", inX)
		c.Invalidate(a)
		other := async(t, func() { weir.Read(c, a) })
		await(t, "the second build of a", inA)
		c.Invalidate(a)
		outA <- struct{}{}
		await(t, "the third build of a", inA)
		c.DisposeUnused()
		require.False(t, c.Exists(d))
		close(outX)
		settle()
		select {
		case v := <-got:
			t.Errorf("a Read returned %d while its element is being built", v)
		default:
		}
		close(outA)
		await(t, "the other reader", other)
		require.Equal(t, 103, await(t, "the reader", got))
	})
}

func TestC9ARefThatIsOverWaitsAsAReadDoes(t *testing.T) {
	// The next build of p runs elsewhere; Watch and Read of p through the ref of the last one wait for it. Planted bug: search for cycles
	// on behalf of a build that is over: p seems to need itself.
	for name, verb := range map[string]func(ref weir.Ref, p *weir.Provider[int]) int{
		"Watch": func(ref weir.Ref, p *weir.Provider[int]) int { return weir.Watch(ref, p) },
		"Read":  func(ref weir.Ref, p *weir.Provider[int]) int { return weir.Read(ref, p) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newContainer(t)
				var old weir.Ref
				builds, entered, leave := 0, make(chan struct{}), make(chan struct{})
				p := weir.NewProvider(func(ref weir.Ref) int {
					if builds++; builds == 1 {
						old = ref
						return 1
					}
					close(entered)
					<-leave
					return 2
				})
				weir.Read(c, p)
				c.Invalidate(p)
				builder := async(t, func() { weir.Read(c, p) })
				await(t, "the second build", entered)
				late := async(t, func() { require.Equal(t, 2, verb(old, p)) })
				settle()
				close(leave)
				await(t, "the reader", builder)
				await(t, "the ref that is over", late)
			})
		})
	}
}

func TestC6ASyncBuildThatIsStoppedIsNotStaleForWhatItWatched(t *testing.T) {
	// A Try build Watches and is then cut short: by its Timeout, by Cancel. It is not run again. Planted bug: judge its watches by a moment
	// that was thrown away: each seems to have changed since, so the reader builds again, for ever if it is too slow each time.
	for name, how := range map[string]struct {
		timeout time.Duration
		cancel  bool
		cause   error
	}{
		"Timeout": {timeout: time.Second, cause: context.DeadlineExceeded},
		"Cancel":  {timeout: time.Hour, cancel: true, cause: weir.ErrCanceled},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newContainer(t)
				n := listenState(0)
				n.Set(c, 1)
				builds := 0
				p := weir.NewTryProvider(func(ref weir.Ref) (int, error) {
					weir.Watch(ref, n)
					if builds++; builds == 1 {
						<-ref.Context().Done()
					}
					return builds, nil
				}, weir.Timeout(how.timeout))
				read := async(t, func() { require.ErrorIs(t, weir.Read(c, p).Err(), how.cause) })
				settle()
				if how.cancel {
					p.Cancel(c, nil)
				}
				await(t, "the Read", read)
				require.ErrorIs(t, weir.Read(c, p).Err(), how.cause)
				require.Equal(t, 1, builds)
				n.Set(c, 2)
				isData(t, 2, weir.Read(c, p))
			})
		})
	}
}

func TestL5ABuildThatAlwaysEndsItselfIsAnErrorWhateverItWatched(t *testing.T) {
	// It Watches something first. Planted bug: as above: the thousand rounds begin again and again.
	bubble(t, func(t *testing.T) {
		c, _ := toldContainer(t)
		n := listenState(0)
		n.Set(c, 1)
		builds := 0
		again := func(ref weir.Ref) int {
			weir.Watch(ref, n)
			if builds++; builds < 5000 {
				ref.InvalidateSelf()
			}
			return builds
		}
		p := weir.NewProvider(again, weir.Name("restless"))
		isUsage(t, "a Read", asError(recovered(func() { weir.Read(c, p) })), "restless")
		require.LessOrEqual(t, builds, 1001)
		isUsage(t, "the next Read", asError(recovered(func() { weir.Read(c, p) })), "restless")
		require.LessOrEqual(t, builds, 1001, "a failure that is at rest was built again")

		builds = 0
		try := weir.NewTryProvider(func(ref weir.Ref) (int, error) { return again(ref), nil }, weir.Name("restless"))
		isUsage(t, "a Read", weir.Read(c, try).Err(), "restless")
		_, err := weir.Resolve(t.Context(), c, try)
		isUsage(t, "a Resolve", err, "restless")
		require.LessOrEqual(t, builds, 1001)
	})
}

func TestD10AnAwaitOfTheWholeAndOneOfASelectionAreBothHeard(t *testing.T) {
	// One build Awaits a source and a selection of it, or two selections, one after the other or at once. Planted bug: let the watches
	// share an edge whose later filter takes the place of the earlier: what only the first asked for is lost.
	for name, awaits := range map[string]func(t *testing.T, ref weir.Ref, fs ...func()){
		"one after the other": func(_ *testing.T, _ weir.Ref, fs ...func()) {
			for _, f := range fs {
				f()
			}
		},
		"at once": func(t *testing.T, _ weir.Ref, fs ...func()) { together(t, "both", fs...) },
	} {
		for _, async := range []bool{false, true} {
			for _, order := range []string{"all odd", "odd all", "big odd", "odd big"} {
				t.Run(fmt.Sprintf("%s, %s, async %v", order, name, async), func(t *testing.T) {
					bubble(t, func(t *testing.T) {
						c := newContainer(t)
						n := listenState(1)
						src := weir.NewTryProvider(func(ref weir.Ref) (int, error) { return weir.Watch(ref, n), nil })
						if async {
							src = weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
								v := weir.Watch(ref, n)
								time.Sleep(time.Second)
								return v, nil
							})
						}
						odd := weir.SelectAsync(src, func(v int) bool { return v%2 == 1 })
						big := weir.SelectAsync(src, func(v int) bool { return v > 2 })
						p := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
							all := func() { _, _ = weir.Await(ref, src) }
							part := func(sel weir.AsyncSource[bool]) func() { return func() { _, _ = weir.Await(ref, sel) } }
							fs := map[string][]func(){
								"all odd": {all, part(odd)}, "odd all": {part(odd), all},
								"big odd": {part(big), part(odd)}, "odd big": {part(odd), part(big)},
							}[order]
							awaits(t, ref, fs...)
							return weir.Read(c, n), nil
						})
						weir.Listen(c, p, nil)
						pass(time.Minute)
						isData(t, 1, weir.Read(c, p))
						n.Set(c, 3) // big has changed, odd has not
						pass(time.Minute)
						isData(t, 3, weir.Read(c, p))
						n.Set(c, 4) // odd has changed, big has not
						pass(time.Minute)
						isData(t, 4, weir.Read(c, p))
					})
				})
			}
		}
	}
}

func TestC4ANewLifeWhileTheOldFunctionIsStillRunning(t *testing.T) {
	// Disposed during a rebuild, whose function has not returned: the element stays until it has, its value does not. Planted bug: start
	// the first state of the new life from the value that is still there: refreshing 1 instead of bare loading.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		builds, leave := 0, make(chan struct{})
		p := weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) {
			if builds++; builds == 1 {
				return 1, nil
			}
			build := builds
			<-leave
			return build, nil
		}, weir.AutoDispose())
		s := weir.Listen(c, p, nil)
		settle()
		isData(t, 1, weir.Read(c, p))
		c.Invalidate(p)
		s.Close()
		c.DisposeUnused()
		require.False(t, c.Exists(p))
		require.Equal(t, "loading", show(weir.Read(c, p)))
		p.Cancel(c, errBoom)
		require.Equal(t, "failed weir: "+p.Name()+": boom", show(weir.Read(c, p)))
		close(leave)
		settle()
	})
}

func TestL8AWeakListenerThatComesWhileHooksOfTheLastLifeRun(t *testing.T) {
	// It has seen nothing, so the next life's first value is news, also when it equals the last one's. Planted bug: as above, the value
	// of the life that is over is taken for seen.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		entered, leave := make(chan struct{}), make(chan struct{})
		first := true
		p := weir.NewProvider(func(ref weir.Ref) int {
			if first {
				first = false
				ref.OnDispose(func() { close(entered); <-leave })
			}
			return 1
		}, weir.AutoDispose())
		weir.Read(c, p)
		over := async(t, c.DisposeUnused)
		await(t, "the hook", entered)
		var heard trace
		weir.Listen(c, p, func(prev, next int) { heard.add("%d→%d", prev, next) }, weir.Weak())
		close(leave)
		await(t, "DisposeUnused", over)
		weir.Read(c, weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, p) }))
		settle()
		heard.want(t, "somebody else built it", "0→1")
	})
}

func TestC6ATimeoutRunsWhileABuildWaitsForItsPredecessor(t *testing.T) {
	// The new build's function cannot start, for the old one does not return (C5). Its time runs all the same, from its beginning.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		builds, leave := 0, make(chan struct{})
		p := weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) { builds++; <-leave; return builds, nil }, weir.Timeout(time.Minute))
		weir.Listen(c, p, nil)
		pass(30 * time.Second)
		c.Invalidate(p)
		pass(time.Minute - time.Nanosecond)
		require.True(t, weir.Read(c, p).IsLoading())
		pass(time.Nanosecond)
		require.ErrorIs(t, weir.Read(c, p).Err(), context.DeadlineExceeded)
		close(leave)
		settle()
		require.ErrorIs(t, weir.Read(c, p).Err(), context.DeadlineExceeded)
		require.Equal(t, 1, builds)
	})
}

func TestC6TheTimerOfADisposedBuildIsGone(t *testing.T) {
	// Disposed in flight, an hour before its Timeout: nothing holds it. Planted bug: leave the timer in the heap, and with it the element.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		f := weir.NewFamily(func(int) *weir.FutureProvider[int] {
			return weir.NewFutureProvider(func(ctx context.Context, _ weir.Ref) (int, error) { <-ctx.Done(); return 0, nil },
				weir.DisposeDelay(0), weir.Timeout(time.Hour))
		})
		use := func(key int) weak.Pointer[weir.FutureProvider[int]] {
			weir.Listen(c, f.Of(key), nil).Close()
			settle()
			require.Zero(t, elements(c))
			return weak.Make(f.Of(key))
		}
		w := use(1)
		use(2)
		for range 1000 {
			if runtime.GC(); w.Value() == nil {
				return
			}
		}
		t.Error("the member of a disposed element is still held")
	})
}
