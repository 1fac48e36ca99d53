package weir_test

// This file holds the concurrency rules that speak of callers: G1 (everything at once), G2 (no user code under a lock), G6 (goroutines)
// and G8 (memory model). Turns (G3 to G5, G11) stand in concurrency_turn_test.go, waiting and ending (G7, G10, G12) in
// concurrency_close_test.go, slow consumers and refs (G9, G13) with Listen and Values.

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// ---- G1

func TestG1ParallelAwaitInOneBuild(t *testing.T) {
	// An errgroup in a build awaits fifty sources at once: they load side by side, each becomes a dependency. Planted bugs: a cursor
	// without a lock (edges get lost), an Await that holds the ref while it waits (they load one after the other).
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		keys := weir.NewFamily(func(i int) *weir.StateProvider[int] { return listenState(i) })
		sources := weir.NewFamily(func(i int) *weir.FutureProvider[int] {
			return weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
				v := weir.Watch(ref, keys.Of(i))
				time.Sleep(time.Duration(i) * time.Second)
				return v, nil
			})
		})
		builds := 0
		sum := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
			builds++
			var total atomic.Int64
			var wg sync.WaitGroup
			for i := range 50 {
				wg.Go(func() {
					v, err := weir.Await(ref, sources.Of(i))
					if err == nil {
						total.Add(int64(v))
					}
				})
			}
			wg.Wait()
			return int(total.Load()), nil
		}, weir.Name("sum"))
		weir.Listen(c, sum, nil)
		began := time.Now()
		v, err := weir.Resolve(t.Context(), c, sum)
		require.NoError(t, err)
		require.Equal(t, 49*50/2, v)
		require.Equal(t, 49*time.Second, time.Since(began))
		require.Len(t, info(t, c, "sum").Dependencies, 50)
		for i := range 50 {
			keys.Of(i).Set(c, 1000+i)
			pass(time.Minute)
			require.Equal(t, 2+i, builds, "source %d is a dependency", i)
		}
	})
}

func TestG1ParallelWatchInOneBuild(t *testing.T) {
	// The same for Watch in a synchronous build, in an order that differs from build to build. Planted bug: as above.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		const width = 20
		var states []*weir.StateProvider[int]
		for range width {
			states = append(states, listenState(0))
		}
		sum := weir.NewProvider(func(ref weir.Ref) int {
			var total atomic.Int64
			var wg sync.WaitGroup
			for _, n := range states {
				wg.Go(func() { total.Add(int64(weir.Watch(ref, n))) })
			}
			wg.Wait()
			return int(total.Load())
		}, weir.Name("sum"))
		last := 0
		weir.Listen(c, sum, func(_, next int) { last = next })
		for round := range 10 {
			for i, n := range states {
				n.Update(c, func(v int) int { return v + 1 })
				require.Equal(t, round*width+i+1, last)
			}
			require.Len(t, info(t, c, "sum").Dependencies, width)
		}
	})
}

func TestG1ARefIsSafeForConcurrentUse(t *testing.T) {
	// Hooks, links, late watches and questions from many goroutines on one ref, while its build is replaced: each OnDispose runs once
	// (L6: at once, if it came too late), nothing is lost.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		dep := listenState(0)
		var current atomic.Value
		p := weir.NewProvider(func(ref weir.Ref) int { current.Store(ref); return 0 }, weir.AutoDispose())
		s := weir.Listen(c, p, nil)
		var registered, disposed atomic.Int64
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for i := range 200 {
					ref := current.Load().(weir.Ref)
					ref.OnDispose(func() { disposed.Add(1) })
					registered.Add(1)
					ref.OnCancel(func() {})()
					ref.KeepAlive().Close()
					weir.Watch(ref, dep)
					_, _, _ = ref.Mounted(), ref.IsPaused(), ref.Context().Err()
					if i%20 == 0 {
						ref.InvalidateSelf()
					}
				}
			})
		}
		wg.Wait()
		s.Close()
		require.NoError(t, c.Shutdown(t.Context()))
		require.Equal(t, registered.Load(), disposed.Load())
	})
}

func TestG1EveryVerbAtOnce(t *testing.T) {
	// Every verb on one small graph from four goroutines: the race detector, the invariant checker and the values at rest judge.
	guard(t, func(t *testing.T) {
		c := newContainer(t, weir.WithDisposeDelay(0))
		n := listenState(0)
		double := weir.NewProvider(func(ref weir.Ref) int { return 2 * weir.Watch(ref, n) }, weir.AutoDispose())
		future := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
			return weir.Watch(ref, double) + 1, nil
		}, weir.AutoDispose())
		top := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) { return weir.Await(ref, future) }, weir.AutoDispose())
		verbs := []func(ctx context.Context){
			func(context.Context) { n.Update(c, func(v int) int { return v + 1 }) },
			func(context.Context) { weir.Read(c, double) },
			func(context.Context) { weir.Refresh(c, future) },
			func(ctx context.Context) { _, _ = weir.Resolve(ctx, c, top) },
			func(context.Context) { c.Invalidate(double, future) },
			func(context.Context) { c.InvalidateAsReload(top) },
			func(context.Context) { future.Cancel(c, errBoom) },
			func(context.Context) { c.Batch(func(tx *weir.Tx) { n.Set(tx, weir.Read(tx, n)+1) }) },
			func(context.Context) { c.DisposeUnused() },
			func(context.Context) { c.Snapshot() },
			func(context.Context) {
				s := weir.Listen(c, weir.Select(double, selectEven), nil)
				s.Pause()
				s.Resume()
				s.Close()
			},
			func(context.Context) { weir.Listen(c, top, nil).Close() },
			func(ctx context.Context) {
				for range weir.Values(ctx, c, double) {
					break
				}
			},
			func(ctx context.Context) { _ = c.Flush(ctx) },
		}
		var wg sync.WaitGroup
		for g := range 4 {
			wg.Go(func() {
				for i := range 60 * len(verbs) {
					verbs[(i*(2*g+1)+g)%len(verbs)](t.Context())
				}
			})
		}
		wg.Wait()
		flush(t, c)
		n.Set(c, 21)
		v, err := weir.Resolve(t.Context(), c, top)
		require.NoError(t, err)
		require.Equal(t, 43, v)
		c.DisposeUnused()
		flush(t, c)
		require.Equal(t, 1, elements(c), "only the state is left")
	})
}

// ---- G2

// lockCase makes some user code run that calls probe.
type lockCase func(t *testing.T, c *weir.Container, probe func())

func lockHook(register func(ref weir.Ref, probe func())) lockCase {
	return func(t *testing.T, c *weir.Container, probe func()) {
		p := weir.NewProvider(func(ref weir.Ref) int { register(ref, probe); return 0 }, weir.DisposeDelay(0))
		s := weir.Listen(c, p, nil)
		s.Pause()
		s.Resume()
		c.Invalidate(p)
		s.Close()
	}
}

var lockCases = map[string]lockCase{
	"Provider's build": func(t *testing.T, c *weir.Container, probe func()) {
		n := listenState(0)
		weir.Listen(c, weir.NewProvider(func(ref weir.Ref) int { probe(); return weir.Watch(ref, n) }), nil)
		n.Set(c, 1)
	},
	"TryProvider's build": func(t *testing.T, c *weir.Container, probe func()) {
		weir.Read(c, weir.NewTryProvider(func(weir.Ref) (int, error) { probe(); return 0, nil }))
	},
	"initial": func(t *testing.T, c *weir.Container, probe func()) {
		weir.NewStateProvider(func(weir.Ref) int { probe(); return 0 }).Set(c, 1)
	},
	"FutureProvider's build": func(t *testing.T, c *weir.Container, probe func()) {
		_, _ = weir.Resolve(t.Context(), c, weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) { probe(); return 0, nil }))
	},
	"an override's build": func(t *testing.T, _ *weir.Container, probe func()) {
		p := weir.NewProvider(func(weir.Ref) int { return 0 })
		weir.Read(newContainer(t, p.OverrideWith(func(weir.Ref) int { probe(); return 0 })), p)
	},
	"Update's function": func(t *testing.T, c *weir.Container, probe func()) {
		listenState(0).Update(c, func(v int) int { probe(); return v + 1 })
	},
	"equality in Set": func(t *testing.T, c *weir.Container, probe func()) {
		listenState(0, weir.Equal(func(a, b int) bool { probe(); return a == b })).Set(c, 1)
	},
	"equality in a batch": func(t *testing.T, c *weir.Container, probe func()) {
		n := listenState(0, weir.Equal(func(a, b int) bool { probe(); return a == b }))
		c.Batch(func(tx *weir.Tx) { n.Set(tx, 1) })
	},
	"equality in a rebuild": func(t *testing.T, c *weir.Container, probe func()) {
		n := listenState(0)
		weir.Listen(c, weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, n) },
			weir.Equal(func(a, b int) bool { probe(); return a == b })), nil)
		n.Set(c, 1)
	},
	"selector and its equality": func(t *testing.T, c *weir.Container, probe func()) {
		n := listenState(0)
		sel := weir.SelectFunc(n, func(v int) int { probe(); return v }, func(a, b int) bool { probe(); return a == b })
		weir.Listen(c, weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, sel) }), nil)
		weir.Listen(c, sel, nil)
		n.Set(c, 1)
		weir.Read(c, sel)
	},
	"async selector": func(t *testing.T, c *weir.Container, probe func()) {
		f := weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) { return 0, nil })
		_, _ = weir.Resolve(t.Context(), c, weir.SelectAsync(f, func(v int) int { probe(); return v }))
	},
	"listener": func(t *testing.T, c *weir.Container, probe func()) {
		n := listenState(0)
		weir.Listen(c, n, func(_, _ int) { probe() })
		n.Set(c, 1)
	},
	"listener, FireImmediately": func(t *testing.T, c *weir.Container, probe func()) {
		weir.Listen(c, listenState(0), func(_, _ int) { probe() }, weir.FireImmediately())
	},
	"listener, Resume": func(t *testing.T, c *weir.Container, probe func()) {
		n := listenState(0)
		s := weir.Listen(c, n, func(_, _ int) { probe() })
		s.Pause()
		n.Set(c, 1)
		s.Resume()
	},
	"OnError": func(t *testing.T, c *weir.Container, probe func()) {
		n := listenState(0)
		weir.Listen(c, listenFailsAt(n, 1), nil, weir.OnError(func(error) { probe() }))
		n.Set(c, 1)
	},
	"panic handler": func(t *testing.T, _ *weir.Container, probe func()) {
		c := bareContainer(t, weir.WithPanicHandler(func(*weir.PanicError) { probe() }))
		n := listenState(0)
		weir.Listen(c, n, func(_, _ int) { panic(errBoom) })
		n.Set(c, 1)
	},
	"Batch": func(t *testing.T, c *weir.Container, probe func()) { c.Batch(func(*weir.Tx) { probe() }) },
	"family's create": func(t *testing.T, c *weir.Container, probe func()) {
		weir.NewFamily(func(int) *weir.StateProvider[int] { probe(); return listenState(0) }).Of(1)
	},
	"Values' body": func(t *testing.T, c *weir.Container, probe func()) {
		for range weir.Values(t.Context(), c, listenState(0)) {
			probe()
			break
		}
	},
	"OnCancel":             lockHook(func(ref weir.Ref, probe func()) { ref.OnCancel(probe) }),
	"OnResume":             lockHook(func(ref weir.Ref, probe func()) { ref.OnResume(probe) }),
	"OnAddListener":        lockHook(func(ref weir.Ref, probe func()) { ref.OnAddListener(probe) }),
	"OnRemoveListener":     lockHook(func(ref weir.Ref, probe func()) { ref.OnRemoveListener(probe) }),
	"OnDispose":            lockHook(func(ref weir.Ref, probe func()) { ref.OnDispose(probe) }),
	"OnDisposeErr":         lockHook(func(ref weir.Ref, probe func()) { ref.OnDisposeErr(func() error { probe(); return nil }) }),
	"OnManualInvalidation": lockHook(func(ref weir.Ref, probe func()) { ref.OnManualInvalidation(probe) }),
	"OnDispose by Close": func(t *testing.T, _ *weir.Container, probe func()) {
		c := newContainer(t)
		weir.Read(c, weir.NewProvider(func(ref weir.Ref) int { ref.OnDispose(probe); return 0 }))
		c.Close()
	},
}

func TestG2NoUserCodeRunsUnderALock(t *testing.T) {
	// Each kind of callback lets another goroutine use the container and waits for it: with any lock held that is a deadlock. Planted
	// bug: call any of them between Lock and Unlock.
	for name, run := range lockCases {
		t.Run(name, func(t *testing.T) {
			guard(t, func(t *testing.T) {
				c := newContainer(t)
				n := listenState(0)
				double := weir.NewProvider(func(ref weir.Ref) int { return 2 * weir.Watch(ref, n) }, weir.AutoDispose())
				quick := weir.NewFamily(func(i int64) *weir.FutureProvider[int64] {
					return weir.NewFutureProvider(func(context.Context, weir.Ref) (int64, error) { return i, nil })
				})
				weir.Listen(c, double, nil)
				var visits atomic.Int64
				run(t, c, func() {
					visit := visits.Add(1)
					within(t, "the container, used from another goroutine", func() {
						v := n.Update(c, func(v int) int { return v + 1 })
						if got := weir.Read(c, double); got != 2*v {
							t.Errorf("Read: %d, want %d", got, 2*v)
						}
						s := weir.Listen(c, double, nil)
						s.Pause()
						s.Resume()
						s.Close()
						c.Batch(func(tx *weir.Tx) { n.Set(tx, v+1) })
						c.Invalidate(double)
						c.Exists(double)
						c.Snapshot()
						if got, err := weir.Resolve(t.Context(), c, quick.Of(visit)); got != visit || err != nil {
							t.Errorf("Resolve: %d, %v", got, err)
						}
					})
				})
				require.NotZero(t, visits.Load(), "the callback never ran")
				usable(t, c)
			})
		})
	}
}

// ---- G6

// goroutinesBack spins until the process has no more goroutines than before: nothing tells of a goroutine's end.
func goroutinesBack(t *testing.T, base int) {
	t.Helper()
	for end := time.Now().Add(patience); runtime.NumGoroutine() > base; runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines, want at most %d\n%s", runtime.NumGoroutine(), base, stacks())
		}
	}
}

func TestG6IdleListenersHoldNoGoroutine(t *testing.T) {
	// 100,000 listeners, half of them on derived values, and elements on standby with their delays running. Planted bugs: a goroutine or
	// a timer goroutine per listener, per subscription with Changed, per standby, per container.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		var states []*weir.StateProvider[int]
		var derived []*weir.Provider[int]
		for range 100 {
			n := listenState(0)
			states = append(states, n)
			derived = append(derived, weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, n) }, weir.DisposeDelay(time.Hour)))
		}
		pairs := 50_000
		if allocUnderRace {
			pairs = 10_000
		}
		base := runtime.NumGoroutine()
		var subs []*weir.Subscription[int]
		for i := range pairs {
			s := weir.Listen(c, states[i%100], nil)
			s.Changed()
			subs = append(subs, s, weir.Listen(c, derived[i%100], nil))
		}
		goroutinesBack(t, base)
		for _, n := range states {
			n.Set(c, 1)
		}
		goroutinesBack(t, base)
		for _, s := range subs {
			s.Close()
		}
		goroutinesBack(t, base) // a hundred elements on standby
	})
}

func TestG6OneGoroutinePerAsyncBuildInFlight(t *testing.T) {
	// Each build in flight costs one, whoever waits for it; at rest there is none. Planted bugs: a watcher goroutine per build's context
	// or per Resolve; a worker that stays.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		goOn := make(chan struct{})
		started := make(chan struct{}, 100)
		fetch := weir.NewFamily(func(i int) *weir.FutureProvider[int] {
			return weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
				started <- struct{}{}
				<-goOn
				return i, nil
			}, weir.Timeout(time.Hour))
		})
		base := runtime.NumGoroutine()
		var members []*weir.FutureProvider[int]
		for i := range 100 {
			members = append(members, fetch.Of(i))
			weir.Listen(c, members[i], nil)
		}
		for range 100 {
			await(t, "a build", started)
		}
		require.LessOrEqual(t, runtime.NumGoroutine(), base+100)
		var waiters sync.WaitGroup
		for i := range 10 {
			waiters.Go(func() { _, _ = weir.Resolve(t.Context(), c, members[i]) })
		}
		require.LessOrEqual(t, runtime.NumGoroutine(), base+110)
		close(goOn)
		waiters.Wait()
		goroutinesBack(t, base)
	})
}

// ---- G8

func TestG8WhatHappenedBeforeASetHappensBeforeWhoSeesIt(t *testing.T) {
	// Plain memory written before a Set is read by whoever sees the value: a Read, a derived build, a listener, a Values loop. Under the
	// race detector; planted bug: publish without a release.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		const rounds = 1000
		data := make([]int, rounds+1)
		n := listenState(0)
		p := weir.NewProvider(func(ref weir.Ref) int {
			v := weir.Watch(ref, n)
			if data[v] != v {
				t.Errorf("a build saw %d at %d", data[v], v)
			}
			return v
		})
		weir.Listen(c, p, func(prev, next int) {
			if data[prev] != prev || data[next] != next {
				t.Errorf("a listener saw %d→%d", data[prev], data[next])
			}
		})
		var wg sync.WaitGroup
		wg.Go(func() {
			for v := range weir.Values(t.Context(), c, n) {
				if data[v] != v {
					t.Errorf("a Values loop saw %d at %d", data[v], v)
				}
				if v == rounds {
					return
				}
			}
		})
		for _, src := range []weir.Source[int]{n, p} {
			wg.Go(func() {
				for v := 0; v < rounds; runtime.Gosched() {
					if v = weir.Read(c, src); data[v] != v {
						t.Errorf("a reader saw %d at %d", data[v], v)
					}
				}
			})
		}
		for i := 1; i <= rounds; i++ {
			data[i] = i
			n.Set(c, i)
		}
		wg.Wait()
	})
}
