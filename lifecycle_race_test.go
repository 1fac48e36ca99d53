package weir_test

// Rules of the lifecycle and of cancellation (L2, L5, L6, L9, C1, C4, C6, G1) under contention, in real time and under -race: what
// must hold however goroutines interleave. Every loop is bounded and synchronised by WaitGroups; nothing sleeps.

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// rounds is how often the loops of this file go round; the race detector is slow enough with it.
const rounds = 150

// together runs each of fns on a goroutine of its own and waits for all.
func together(t *testing.T, what string, fns ...func()) {
	t.Helper()
	within(t, what, func() {
		var wg sync.WaitGroup
		for _, fn := range fns {
			wg.Go(fn)
		}
		wg.Wait()
	})
}

func TestL2HooksAlternateUnderContention(t *testing.T) {
	// Listeners come, go, pause and resume on several goroutines while others invalidate. In each build OnCancel and OnResume alternate,
	// beginning with OnCancel; OnDispose runs once and last; no two hooks run at a time. Catches hooks decided outside the lock from
	// counts that have moved on, and delivery on two goroutines at once.
	for _, d := range []time.Duration{0, 50 * time.Microsecond, time.Hour} {
		t.Run(d.String(), func(t *testing.T) {
			guard(t, func(t *testing.T) {
				c := newContainer(t)
				var mu sync.Mutex
				var builds []*[]string
				var inside atomic.Int32
				p := weir.NewProvider(func(ref weir.Ref) int {
					log := new([]string)
					mu.Lock()
					builds = append(builds, log)
					mu.Unlock()
					hook := func(what string, turn bool) func() {
						return func() {
							if turn && inside.Add(1) != 1 { // OnDispose runs where its build ends, others in the turn
								t.Error("two hooks at a time")
							}
							mu.Lock()
							*log = append(*log, what)
							mu.Unlock()
							if turn {
								inside.Add(-1)
							}
						}
					}
					ref.OnCancel(hook("cancel", true))
					ref.OnResume(hook("resume", true))
					ref.OnDispose(hook("dispose", false))
					return 1
				}, weir.DisposeDelay(d))
				user := func() {
					for range rounds {
						s := weir.Listen(c, p, nil)
						s.Pause()
						s.Resume()
						s.Close()
					}
				}
				together(t, "coming and going", user, user, user, func() {
					for range rounds / 3 {
						c.Invalidate(p)
					}
				})
				require.NoError(t, c.Shutdown(context.Background()))
				for i, log := range builds {
					n := len(*log)
					require.Equal(t, 1, count(*log, "dispose"), "build %d: %v", i, *log)
					// A turn that was under way may deliver what it had taken before the build ended on another goroutine.
					pairs := slices.DeleteFunc(slices.Clone(*log), func(s string) bool { return s == "dispose" })
					for k, what := range pairs {
						require.Equal(t, []string{"cancel", "resume"}[k%2], what, "build %d of %d: %v", i, n, *log)
					}
				}
			})
		})
	}
}

func TestL6AHookRegisteredWhileItsBuildEndsRunsOnce(t *testing.T) {
	// The registration races with Invalidate: whichever wins, the hook runs exactly once, and once both have returned it has run.
	// Catches a window between "is it over" and "append to the list".
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		var r weir.Ref
		p := weir.NewProvider(func(ref weir.Ref) int { r = ref; return 1 })
		for range rounds {
			weir.Read(c, p)
			var runs atomic.Int32
			together(t, "registering and ending",
				func() { r.OnDispose(func() { runs.Add(1) }) },
				func() { r.OnDisposeErr(func() error { runs.Add(1); return nil }) },
				func() { c.Invalidate(p) })
			require.Equal(t, int32(2), runs.Load())
		}
	})
}

func TestC1AContextMadeWhileItsBuildEndsIsCancelled(t *testing.T) {
	// ref.Context() of a synchronous build makes the context on first use, racing with the end of the build: every context handed out is
	// over once the build is. Catches one that is made just after the end looked for it.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		var r weir.Ref
		p := weir.NewProvider(func(ref weir.Ref) int { r = ref; return 1 }, weir.Name("p"))
		for range rounds {
			weir.Read(c, p)
			var a, b context.Context
			together(t, "asking and ending", func() { a = r.Context() }, func() { b = r.Context() }, func() { c.Invalidate(p) })
			for _, ctx := range []context.Context{a, b} {
				require.ErrorIs(t, ctx.Err(), context.Canceled)
				require.ErrorIs(t, context.Cause(ctx), weir.ErrInvalidated)
			}
		}
	})
}

func TestL9LinksRaceWithTheirBuild(t *testing.T) {
	// Links are opened and closed while their build is replaced and its listeners leave: in the end nothing holds the element. Catches a
	// link counted for the next build, and a count that the build's end resets under an open one.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		var ref atomic.Value
		p := weir.NewProvider(func(r weir.Ref) int { ref.Store(r); return 1 }, weir.DisposeDelay(0))
		s := weir.Listen(c, p, nil)
		link := func() {
			for range rounds {
				l := ref.Load().(weir.Ref).KeepAlive()
				runtime.Gosched()
				l.Close()
				l.Close()
			}
		}
		together(t, "links", link, link, func() {
			for range rounds {
				c.Invalidate(p)
				weir.Listen(c, p, nil).Close()
			}
		})
		require.True(t, c.Exists(p))
		s.Close()
		flush(t, c)
		require.Zero(t, elements(c))
	})
}

func TestL4ReadersRaceWithDisposal(t *testing.T) {
	// With a delay of zero every Read of an unlistened chain builds it and lets it go again. Whoever reads gets the value; every build is
	// disposed of once; a dependency is never disposed of under a dependent that is being built. Catches disposing by key, and an edge
	// to an element that has left the table.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		var built, disposed atomic.Int32
		track := func(ref weir.Ref) {
			built.Add(1)
			ref.OnDispose(func() { disposed.Add(1) })
		}
		base := weir.NewStateProvider(func(ref weir.Ref) int { track(ref); return 1 }, weir.DisposeDelay(0))
		mid := weir.NewProvider(func(ref weir.Ref) int { track(ref); return weir.Watch(ref, base) + 1 }, weir.DisposeDelay(0))
		top := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
			track(ref)
			return weir.Watch(ref, base) + weir.Watch(ref, mid), nil
		}, weir.DisposeDelay(0))
		together(t, "reading",
			func() {
				for range rounds {
					require.Equal(t, 2, weir.Read(c, mid))
				}
			},
			func() {
				for range rounds {
					require.Equal(t, 1, weir.Read(c, base))
				}
			},
			func() {
				for range rounds {
					v, err := weir.Resolve(context.Background(), c, top)
					require.NoError(t, err)
					require.Equal(t, 3, v)
				}
			},
			func() {
				for range rounds {
					weir.Listen(c, mid, nil).Close()
				}
			})
		flush(t, c)
		require.Zero(t, elements(c))
		require.NoError(t, c.Shutdown(context.Background()))
		require.Equal(t, built.Load(), disposed.Load())
	})
}

func TestC6CancelRacesWithTheResult(t *testing.T) {
	// The cancel button is pressed as the result comes in: waiters get one or the other, all of one generation the same; at rest the
	// state is what they got or the data of before; and the element is neither stuck in loading nor built again. Catches publishing both.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		var builds atomic.Int32
		p := weir.NewFutureProvider(func(ctx context.Context, _ weir.Ref) (int, error) { return int(builds.Add(1)), work(ctx) }, weir.Name("p"))
		s := weir.Listen(c, p, nil)
		_, err := weir.Resolve(context.Background(), c, p)
		require.NoError(t, err)
		for range rounds {
			before := weir.Read(c, p).ValueOr(-1)
			c.Invalidate(p)
			errs := make([]error, 3)
			values := make([]int, 3)
			wait := func(i int) func() {
				return func() { values[i], errs[i] = weir.Resolve(context.Background(), c, p) }
			}
			together(t, "waiting and cancelling", wait(0), wait(1), wait(2), func() { p.Cancel(c, errBoom) })
			v := weir.Read(c, p)
			require.False(t, v.IsLoading(), show(v))
			got, ok := v.Value()
			require.True(t, ok)
			require.NoError(t, v.Err())
			for i, err := range errs {
				if err != nil {
					require.ErrorIs(t, err, errBoom)
					require.Equal(t, before, got, "a waiter was told of the cancellation, and then the result was published all the same")
				} else { // it had its value, or came when the button had been pressed and found the data of before
					require.Contains(t, []int{got, before}, values[i])
				}
			}
		}
		s.Close()
	})
}

func TestG1HooksMayBeRegisteredFromManyGoroutines(t *testing.T) {
	// What an errgroup inside a build may do through its ref, all at once: Await, Watch, Read, hooks, links, progress. Each dependency is
	// recorded once: a change of any of them rebuilds, and when the dependent goes nothing is left. Catches a dependency list that only one
	// goroutine may append to.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		states := weir.NewFamily(func(i int) *weir.StateProvider[int] {
			return weir.NewStateProvider(func(weir.Ref) int { return i })
		}, weir.DisposeDelay(0))
		futures := weir.NewFamily(func(i int) *weir.FutureProvider[int] {
			return weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) { return weir.Watch(ref, states.Of(i)), work(ctx) })
		}, weir.DisposeDelay(0))
		const n = 8
		sum := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
			var total atomic.Int64
			var failed atomic.Value
			var wg sync.WaitGroup
			for i := range n {
				wg.Go(func() {
					ref.OnDispose(func() {})()
					ref.OnCancel(func() {})
					ref.KeepAlive().Close()
					ref.SetProgress(float64(i) / n)
					weir.Read(ref, states.Of(0))
					v, err := weir.Await(ref, futures.Of(i))
					if err != nil {
						failed.Store(err)
					}
					total.Add(int64(v + weir.Watch(ref, states.Of(i))))
				})
			}
			wg.Wait()
			if err, ok := failed.Load().(error); ok {
				return 0, err
			}
			return int(total.Load()), nil
		}, weir.DisposeDelay(0), weir.Name("sum"))
		s := weir.Listen(c, sum, nil)
		for round := range 20 {
			v, err := weir.Resolve(context.Background(), c, sum)
			require.NoError(t, err)
			require.Equal(t, n*(n-1)+2*round*n, v)
			flush(t, c)
			for i := range n {
				if round == 19 { // leave nothing in flight: a Read of what never had a value panics once the container is closed (G10)
					break
				}
				states.Of(i).Update(c, func(v int) int { return v + 1 })
			}
		}
		s.Close()
		flush(t, c)
		require.NoError(t, c.Shutdown(context.Background()))
		require.Zero(t, elements(c))
	})
}

func TestG1ASyncBuildMayWatchFromSeveralGoroutines(t *testing.T) {
	// The same in a synchronous build, where a rebuild's Watches of the same dependencies take no lock: they come in another order each
	// time. The dependencies must be those of the latest build, each once.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		const n = 6
		states := weir.NewFamily(func(i int) *weir.StateProvider[int] {
			return weir.NewStateProvider(func(weir.Ref) int { return i })
		}, weir.DisposeDelay(0))
		odd := weir.NewStateProvider(func(weir.Ref) bool { return false })
		sum := weir.NewProvider(func(ref weir.Ref) int {
			var total atomic.Int64
			watched := n
			if weir.Watch(ref, odd) {
				watched = n / 2
			}
			var wg sync.WaitGroup
			for i := range watched {
				wg.Go(func() {
					runtime.Gosched()
					total.Add(int64(weir.Watch(ref, states.Of(i)) + weir.Watch(ref, states.Of((i+1)%watched))))
				})
			}
			wg.Wait()
			return int(total.Load())
		}, weir.Name("sum"))
		s := weir.Listen(c, sum, nil)
		for round := range rounds {
			watched := n
			if round%2 == 1 {
				watched = n / 2
			}
			odd.Set(c, round%2 == 1)
			states.Of(0).Set(c, round)
			want := 2 * (round + watched*(watched-1)/2)
			require.Equal(t, want, weir.Read(c, sum), "round %d", round)
			flush(t, c)
			require.Len(t, info(t, c, "sum").Dependencies, watched+1)
			require.Equal(t, watched+2, elements(c), "the others went")
		}
		s.Close()
	})
}

func TestC4EveryoneGetsTheNewestOfManyGenerations(t *testing.T) {
	// Invalidations while many wait: each waiter returns the value of a generation that was started after it came, never an older one,
	// never an error. Catches waking waiters by element with the result of a build that is over.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		var version atomic.Int64
		p := weir.NewFutureProvider(func(ctx context.Context, _ weir.Ref) (int64, error) {
			v := version.Load()
			if err := work(ctx); err != nil {
				return -1, errors.Join(errBoom, err)
			}
			return v, nil
		})
		s := weir.Listen(c, p, nil)
		wait := func() {
			for range rounds {
				at := version.Add(1)
				c.Invalidate(p)
				v, err := weir.Resolve(context.Background(), c, p)
				if err != nil || v < at {
					t.Errorf("got %d, %v, want at least %d", v, err, at)
					return
				}
			}
		}
		together(t, "waiting", wait, wait, wait)
		s.Close()
	})
}
