package weir_test

// This file holds P7 (writing from inside a turn), P8 (which dependencies a build has) and P9 (listeners that come and go in a
// turn). P11 is in propagation_write_test.go. The decided edge cases stand in propagation_decided_test.go, long chains in
// propagation_chain_test.go.

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// ---- P7: writing from inside

func TestP7WritesFromListenersJoinTheTurn(t *testing.T) {
	// A write, a Listen, a Close and an Invalidate inside a listener are done when the outer call returns, and no listener is entered
	// while another runs. Planted bugs: deliver recursively; drop what comes while a turn runs.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		a := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		b := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		other := weir.NewProvider(func(weir.Ref) int { log.add("other built"); return 0 })
		weir.Listen(c, other, nil)
		log.take()
		var late, victim *weir.Subscription[int]
		weir.Listen(c, a, func(_, next int) {
			log.add("a%d{", next)
			if next == 1 {
				b.Set(c, 1)
				b.Update(c, func(v int) int { return v + 1 })
				c.Invalidate(other)
				late = weir.Listen(c, b, func(_, next int) { log.add("late%d", next) })
				victim.Close()
			}
			log.add("}")
		})
		weir.Listen(c, b, func(_, next int) { log.add("b%d", next) })
		victim = weir.Listen(c, b, func(_, next int) { log.add("victim%d", next) })
		a.Set(c, 1)
		got := log.take()
		require.Equal(t, []string{"a1{", "}"}, got[:2], "nothing is delivered inside a listener: %v", got)
		require.ElementsMatch(t, []string{"b2", "other built"}, got[2:])
		b.Set(c, 3)
		log.want(t, "afterwards", "b3", "late3")
		late.Close()
	})
}

func TestP7WritesFromHooksJoinTheTurn(t *testing.T) {
	// S-457, S-458: every kind of hook may write; the write has been delivered when the call that made the hook run returns.
	hooks := map[string]func(ref weir.Ref, write func()){
		"OnCancel":             func(ref weir.Ref, write func()) { ref.OnCancel(write) },
		"OnResume":             func(ref weir.Ref, write func()) { ref.OnResume(write) },
		"OnAddListener":        func(ref weir.Ref, write func()) { ref.OnAddListener(write) },
		"OnRemoveListener":     func(ref weir.Ref, write func()) { ref.OnRemoveListener(write) },
		"OnDispose":            func(ref weir.Ref, write func()) { ref.OnDispose(write) },
		"OnDisposeErr":         func(ref weir.Ref, write func()) { ref.OnDisposeErr(func() error { write(); return nil }) },
		"OnManualInvalidation": func(ref weir.Ref, write func()) { ref.OnManualInvalidation(write) },
	}
	for name, register := range hooks {
		t.Run(name, func(t *testing.T) {
			guard(t, func(t *testing.T) {
				c := newContainer(t)
				calls, seen := 0, 0
				n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
				weir.Listen(c, n, func(_, next int) { seen = next })
				p := weir.NewProvider(func(ref weir.Ref) int {
					register(ref, func() { calls++; n.Set(c, calls) })
					return 0
				}, weir.DisposeDelay(0))
				keep := weir.Listen(c, p, nil)
				require.Equal(t, calls, seen, "after the first Listen")
				keep.Pause()
				require.Equal(t, calls, seen, "after Pause")
				weir.Listen(c, p, nil).Close()
				require.Equal(t, calls, seen, "after a short visit")
				keep.Resume()
				require.Equal(t, calls, seen, "after Resume")
				c.Invalidate(p)
				require.Equal(t, calls, seen, "after Invalidate")
				keep.Close()
				require.Equal(t, calls, seen, "after Close")
				require.NotZero(t, calls, "the hook never ran")
			})
		})
	}
}

func TestP7SetInASyncBuildIsMisuse(t *testing.T) {
	// Set and Update through the ref of a synchronous build that runs are refused and change nothing, in a Try build as a failed state
	// (D15); an async build, and a ref whose function has returned, may write. A toy loops or rebuilds the writer under itself.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		n := weir.NewStateProvider(func(weir.Ref) int { return 0 }, weir.Name("counter"))
		set := weir.NewProvider(func(ref weir.Ref) int { n.Set(ref, 1); return 0 }, weir.Name("writer"))
		isUsage(t, "Set in a build", asError(recovered(func() { weir.Read(c, set) })), "counter")
		update := weir.NewProvider(func(ref weir.Ref) int { return n.Update(ref, func(v int) int { return v + 1 }) })
		isUsage(t, "Update in a build", asError(recovered(func() { weir.Read(c, update) })), "counter")
		try := weir.NewTryProvider(func(ref weir.Ref) (int, error) { n.Set(ref, 1); return 0, nil })
		isUsage(t, "Set in a Try build", weir.Read(c, try).Err(), "counter")
		initial := weir.NewStateProvider(func(ref weir.Ref) int { n.Set(ref, 1); return 0 })
		isUsage(t, "Set in another state's initial", asError(recovered(func() { weir.Read(c, initial) })), "counter")
		require.Equal(t, 0, weir.Read(c, n))

		var r weir.Ref
		later := weir.NewProvider(func(ref weir.Ref) int { r = ref; return 0 })
		weir.Read(c, later)
		n.Set(r, 5)
		require.Equal(t, 5, weir.Read(c, n), "the function has returned: the ref may write")
		async := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
			n.Set(ref, 6)
			return weir.Read(ref, n), nil
		})
		v, err := weir.Resolve(t.Context(), c, async)
		require.NoError(t, err)
		require.Equal(t, 6, v)
	})
}

// propagationLoop looks at what a panic handler was told of a feedback loop: a *UsageError per listener that was closed.
func propagationLoop(t *testing.T, c *weir.Container, r *told, atMost int) {
	t.Helper()
	flush(t, c)
	all := r.take() // on a busy machine the turn goes on elsewhere after a while, and so does the loop
	for end := time.Now().Add(patience); len(all) == 0 && time.Now().Before(end); runtime.Gosched() {
		all = r.take()
	}
	flush(t, c)
	require.NotEmpty(t, all, "the panic handler was told nothing")
	require.LessOrEqual(t, len(all), atMost, "what the panic handler was told")
	for _, p := range all {
		isUsage(t, "a feedback loop", p)
	}
}

func TestP7AFeedbackLoopIsClosed(t *testing.T) {
	// A listener that sets what it listens to, for ever: stopped near 1,000 calls, reported once, closed; the others go on and the value
	// stays. Planted bug: no limit (the Set never returns), or a limit that takes the other listeners along.
	guard(t, func(t *testing.T) {
		c, r := toldContainer(t)
		n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		calls, last := 0, 0
		weir.Listen(c, n, func(_, next int) { calls++; n.Set(c, next+1) })
		weir.Listen(c, n, func(_, next int) { last = next })
		within(t, "a Set whose listener feeds back", func() { n.Set(c, 1) })
		propagationLoop(t, c, r, 1)
		require.GreaterOrEqual(t, calls, 999)
		require.LessOrEqual(t, calls, 1001)
		require.Equal(t, weir.Read(c, n), last, "the other listener ends with the last value")
		before := calls
		n.Set(c, -1)
		require.Equal(t, before, calls, "the loop is closed")
		require.Equal(t, -1, last, "the other is not")
		usable(t, c)
	})
}

func TestP7AFeedbackLoopOfTwoListeners(t *testing.T) {
	// Two listeners that set each other's state: no single one sets what it hears. Planted bug: count only direct recursion.
	guard(t, func(t *testing.T) {
		c, r := toldContainer(t)
		ping := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		pong := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		calls := 0
		weir.Listen(c, ping, func(_, next int) { calls++; pong.Set(c, next+1) })
		weir.Listen(c, pong, func(_, next int) { calls++; ping.Set(c, next+1) })
		within(t, "a Set whose listeners play ping-pong", func() { ping.Set(c, 1) })
		propagationLoop(t, c, r, 2) // the other one may have reached the limit with the same step
		require.GreaterOrEqual(t, calls, 1990)
		require.LessOrEqual(t, calls, 2010)
		usable(t, c)
	})
}

func TestP7ASlowListenerWithAFastWriterIsNoLoop(t *testing.T) {
	// Another goroutine sets while each call runs, so one turn calls the listener many more than 1,000 times, but not by its own
	// consequences; nor is it if it passes on what it hears. Planted bugs: count calls per turn whatever caused them; take any write of
	// the listener for the cause of its calls. Either closes an honest listener under load.
	for _, forwards := range []bool{false, true} {
		t.Run(fmt.Sprint("forwards ", forwards), func(t *testing.T) {
			guard(t, func(t *testing.T) {
				c := newContainer(t)
				const rounds = 2500
				n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
				copied := weir.NewStateProvider(func(weir.Ref) int { return 0 })
				inCall, written := make(chan struct{}), make(chan struct{})
				var calls, last, lastCopied int
				weir.Listen(c, n, func(_, next int) {
					calls++
					last = next
					if forwards {
						copied.Set(c, next)
					}
					if next < rounds {
						inCall <- struct{}{}
						<-written
					}
				})
				weir.Listen(c, copied, func(_, next int) { lastCopied = next })
				writer := async(t, func() {
					for i := 2; i <= rounds; i++ {
						<-inCall
						n.Set(c, i)
						written <- struct{}{}
					}
				})
				n.Set(c, 1)
				await(t, "the writer", writer)
				flush(t, c)
				require.Equal(t, []int{rounds, rounds}, []int{calls, last}, "calls, the last value told")
				n.Set(c, rounds+1)
				require.Equal(t, rounds+1, calls, "it is still open")
				if forwards {
					require.Equal(t, rounds+1, lastCopied)
				}
			})
		})
	}
}

func TestP7ManyTurnsAreNoLoop(t *testing.T) {
	// A listener that answers each set with one write of its own does so 5,000 times: each is a turn, none a loop.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		echo := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		heard := 0
		weir.Listen(c, n, func(_, next int) { echo.Set(c, next) })
		weir.Listen(c, echo, func(_, _ int) { heard++ })
		for i := 1; i <= 5000; i++ {
			n.Set(c, i)
		}
		require.Equal(t, 5000, heard)
	})
}

// ---- P8: dependencies

func TestP8DependenciesAreThoseOfTheLatestBuild(t *testing.T) {
	// S-117, S-118: after a switch the old branch neither rebuilds nor is kept. A toy only ever adds edges.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		useA := weir.NewStateProvider(func(weir.Ref) bool { return true })
		branch := weir.NewFamily(func(name string) *weir.StateProvider[int] {
			return weir.NewStateProvider(func(ref weir.Ref) int { log.hooks(ref, name+".", true); return 0 }, weir.AutoDispose())
		}, weir.Name("branch"))
		a, b := branch.Of("a"), branch.Of("b")
		top := weir.NewProvider(func(ref weir.Ref) int {
			log.add("build")
			if weir.Watch(ref, useA) {
				return weir.Watch(ref, a)
			}
			return weir.Watch(ref, b)
		}, weir.Name("top"))
		weir.Listen(c, top, nil)
		log.take()
		require.Contains(t, info(t, c, "top").Dependencies, "branch(a)")
		useA.Set(c, false)
		got := log.take()
		require.ElementsMatch(t, []string{"build", "b.add", "a.cancel", "a.remove"}, got)
		inOrder(t, got, "build", "a.cancel", "a.remove")
		require.NotContains(t, info(t, c, "top").Dependencies, "branch(a)")
		require.Contains(t, info(t, c, "top").Dependencies, "branch(b)")
		a.Set(c, 1)
		log.want(t, "the old branch changed")
		b.Set(c, 1)
		log.want(t, "the new branch changed", "build")
		gone()
		log.want(t, "the old branch goes after its delay", "a.dispose")
	})
}

func TestP8ARebuildWithTheSameDependenciesRunsNoHookOfTheirs(t *testing.T) {
	// S-057 and the sync case: through a rebuild, also one that waits long before it watches again, the dependency never sees its
	// listener leave, and is not disposed meanwhile. Planted bug: drop all watches when a rebuild starts.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		gate := make(chan struct{}, 1)
		gate <- struct{}{}
		dep := weir.NewStateProvider(func(ref weir.Ref) int { log.hooks(ref, "", true); return 0 }, weir.DisposeDelay(0))
		future := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
			<-gate
			return weir.Watch(ref, dep), nil
		})
		syncOne := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, dep) })
		s := weir.Listen(c, future, nil)
		settle()
		log.take()
		dep.Set(c, 1) // known stale at once: the rebuild stands before the gate
		pass(10 * delay)
		log.want(t, "a rebuild that has not watched again yet")
		gate <- struct{}{}
		settle()
		v, ok := weir.Read(c, future).Value()
		require.True(t, ok)
		require.Equal(t, 1, v)
		log.want(t, "the rebuild is done")
		weir.Listen(c, syncOne, nil)
		settle()
		log.take()
		c.Invalidate(syncOne)
		dep.Set(c, 2)
		gate <- struct{}{}
		settle()
		log.want(t, "a sync rebuild")
		s.Close()
	})
}

func TestP8OldWatchesAreDroppedWhenTheRebuildIsDone(t *testing.T) {
	// Returned, failed or cancelled: what the rebuild did not watch again leaves in one step, and not before. While it is under way the
	// old watch counts, but its changes end nothing.
	ends := map[string]struct {
		err  error
		stop func(c *weir.Container, p *weir.FutureProvider[int], release func())
	}{
		"returned":  {nil, func(_ *weir.Container, _ *weir.FutureProvider[int], release func()) { release() }},
		"failed":    {errBoom, func(_ *weir.Container, _ *weir.FutureProvider[int], release func()) { release() }},
		"cancelled": {nil, func(c *weir.Container, p *weir.FutureProvider[int], _ func()) { p.Cancel(c, errBoom) }},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newContainer(t)
				var log trace
				dep := weir.NewStateProvider(func(ref weir.Ref) int { log.hooks(ref, "", true); return 0 }, weir.DisposeDelay(0))
				gate := make(chan struct{})
				builds := 0
				p := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
					builds++
					if builds == 1 {
						return weir.Watch(ref, dep), nil
					}
					select {
					case <-gate:
					case <-ctx.Done():
					}
					return builds, end.err
				})
				weir.Listen(c, p, nil)
				settle()
				c.Invalidate(p)
				settle()
				log.take()
				dep.Set(c, 1)
				pass(10 * delay)
				log.want(t, "under way")
				require.Equal(t, 2, builds, "a change through an old watch ends nothing")
				end.stop(c, p, func() { close(gate) })
				settle()
				log.want(t, "done", "cancel", "remove", "dispose")
				require.Equal(t, 2, builds)
			})
		})
	}
}

func TestP8ADependencyThatIsWatchedLateIsCurrent(t *testing.T) {
	// The other half of "old watches deliver no changes": what changed before the rebuild watched it again is not lost, it reads the new
	// value; what changes afterwards ends the rebuild.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		dep := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		before, after := make(chan struct{}, 9), make(chan struct{}, 9)
		p := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
			<-before
			v := weir.Watch(ref, dep)
			<-after
			return v, nil
		})
		weir.Listen(c, p, nil)
		before <- struct{}{}
		after <- struct{}{}
		settle()
		c.Invalidate(p)
		settle()
		dep.Set(c, 1)
		before <- struct{}{}
		settle() // it has watched 1
		dep.Set(c, 2)
		after <- struct{}{} // for the build that is over
		settle()
		before <- struct{}{}
		after <- struct{}{}
		settle()
		require.Equal(t, 2, weir.Read(c, p).ValueOr(-1))
		require.Equal(t, 0, len(before)+len(after), "three builds in all")
	})
}

// ---- P9: coming and going in a turn

func TestP9ListenersThatComeAndGoInATurn(t *testing.T) {
	// S-137: one added in a turn does not get that turn's event, one closed in it gets nothing more, before or after its place in line.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		var first, self, later *weir.Subscription[int]
		first = weir.Listen(c, n, func(_, next int) { log.add("first%d", next) })
		self = weir.Listen(c, n, func(_, next int) {
			log.add("self%d", next)
			first.Close()
			self.Close()
			later.Close()
			weir.Listen(c, n, func(_, next int) { log.add("new%d", next) })
		})
		later = weir.Listen(c, n, func(_, next int) { log.add("later%d", next) })
		n.Set(c, 1)
		log.want(t, "the turn", "first1", "self1")
		n.Set(c, 2)
		log.want(t, "the next", "new2")
	})
}

func TestP9AListenerAddedToWhatTheTurnHasNotReached(t *testing.T) {
	// Added in a turn to a derived value further down, the newcomer starts from the fresh value and is not told of it again.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		far := weir.NewProvider(func(ref weir.Ref) string { return fmt.Sprint("v", weir.Watch(ref, n)) })
		once := sync.OnceFunc(func() {
			weir.Listen(c, far, propagationArrow[string](&log, "new "))
		})
		weir.Listen(c, n, func(_, _ int) { once() })
		weir.Listen(c, far, propagationArrow[string](&log, "old "))
		n.Set(c, 1)
		log.want(t, "the turn", "old v0→v1")
		n.Set(c, 2)
		log.want(t, "the next", "old v1→v2", "new v1→v2")
	})
}
