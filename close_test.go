package weir_test

// Rules G10 and G12, and S3's order of elements: what Close and Shutdown end, in which order, what is left to use afterwards, and the
// contexts that a container takes part in.

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// ---- G10: after Close

func TestG10WaitsReturnErrContainerClosed(t *testing.T) {
	// Those that were waiting, those that come later, and those for a value that was there: Resolve is not a Read.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		p := weir.NewFutureProvider(func(ctx context.Context, _ weir.Ref) (int, error) { <-ctx.Done(); return 0, ctx.Err() }, weir.Name("p"))
		ready := weir.NewFutureProvider(oneSlowly)
		var awaited error
		dependent := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (v int, err error) {
			v, awaited = weir.Await(ref, p)
			return v, awaited
		})
		_, err := weir.Resolve(t.Context(), c, ready)
		require.NoError(t, err)
		weir.Listen(c, dependent, nil)
		errs := make(chan error, 2)
		for range 2 {
			go func() { _, err := weir.Resolve(t.Context(), c, p); errs <- err }()
		}
		settle()
		c.Close()
		settle()
		for range 2 {
			require.ErrorIs(t, <-errs, weir.ErrContainerClosed, "one who waited")
		}
		require.ErrorIs(t, awaited, weir.ErrContainerClosed, "an Await that waited")
		for _, src := range []weir.AsyncSource[int]{p, ready, weir.SelectAsync(ready, plain), weir.NewFutureProvider(oneSlowly),
			weir.NewTryProvider(func(weir.Ref) (int, error) { return 1, nil })} {
			_, err := weir.Resolve(t.Context(), c, src)
			require.ErrorIs(t, err, weir.ErrContainerClosed, "one who comes later")
		}
	})
}

func TestG10ReadsAfterClose(t *testing.T) {
	// The last value; where there never was one, Failed(ErrContainerClosed) or a panic with an error that wraps it. Nothing is built.
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t)
		builds := 0
		build := func(weir.Ref) int { builds++; return 7 }
		known, cold := k.make(build), k.make(build)
		selected := weir.NewStateProvider(func(weir.Ref) int { return 3 })
		half := weir.Select(selected, func(v int) int { return v / 2 })
		known.listen(c)
		weir.Listen(c, half, nil)
		settle()
		c.Close()
		require.Equal(t, 7, known.read(c))
		require.Equal(t, 7, known.refresh(c))
		require.NoError(t, known.err(c))
		require.Equal(t, 1, weir.Read(c, half))
		require.ErrorIs(t, cold.err(c), weir.ErrContainerClosed)
		require.Equal(t, 1, builds)
		require.Zero(t, elements(c))
	})
}

func TestG10WritesSubscriptionsAndTheRestDoNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		n := weir.NewStateProvider(one, weir.Name("n"))
		f := weir.NewFutureProvider(oneSlowly)
		s := weir.Listen(c, n, func(_, v int) { log.add("%d", v) })
		link := make(chan *weir.KeepAliveLink, 1)
		weir.Read(c, weir.NewProvider(func(ref weir.Ref) int { link <- ref.KeepAlive(); return 1 }, weir.AutoDispose()))
		c.Close()
		n.Set(c, 2)
		n.Update(c, func(v int) int { return v + 1 })
		c.Batch(func(tx *weir.Tx) { n.Set(tx, 5) })
		c.Invalidate(n, f)
		c.InvalidateAsReload(n)
		f.Cancel(c, errBoom)
		c.DisposeUnused()
		require.Equal(t, 1, weir.Read(c, n))
		late := weir.Listen(c, n, func(_, v int) { log.add("%d", v) })
		later := weir.Listen(c, f, nil, weir.FireImmediately())
		late.Pause()
		late.Resume()
		late.Close()
		later.Close()
		require.Equal(t, 1, s.Read())
		s.Close()
		(<-link).Close()
		for range weir.Values(t.Context(), c, n) {
		}
		for range weir.Results(t.Context(), c, f) {
		}
		require.NoError(t, c.Flush(t.Context()))
		settle()
		log.want(t, "nothing was delivered")
		require.Zero(t, elements(c))
		require.Zero(t, len(c.Snapshot().Elements))
	})
}

func TestG10LoopsEndWithTheContainer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		n := weir.NewStateProvider(one)
		f := weir.NewFutureProvider(oneSlowly)
		values := async(t, func() {
			for range weir.Values(context.Background(), c, n) {
			}
		})
		results := async(t, func() {
			for range weir.Results(context.Background(), c, f) {
			}
		})
		pass(time.Second)
		c.Close()
		<-values
		<-results
	})
}

// ---- S3: order

func TestS3ElementsGoDependentsFirst(t *testing.T) {
	// Whatever the order in which they were built: a diamond, a chain built from its lower end, with and without listeners.
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t)
		var log trace
		mk := func(name string, deps ...rig) rig {
			return k.make(func(ref weir.Ref) int {
				for _, d := range deps {
					d.watch(ref)
				}
				ref.OnDispose(log.on(name))
				return 1
			})
		}
		base := mk("base")
		left, right := mk("left", base), mk("right", base)
		top := mk("top", left, right)
		over := mk("over", top, base)
		base.read(c)
		left.read(c)
		settle()
		over.listen(c)
		settle()
		right.listen(c)
		settle()
		log.take()
		c.Close()
		settle()
		got := log.peek()
		log.wantSet(t, "Close", "over", "top", "left", "right", "base")
		inOrder(t, got, "over", "top", "left", "base")
		inOrder(t, got, "top", "right", "base")
	})
}

func TestS3HooksThatBuildAndListenWhileClosing(t *testing.T) {
	// An OnDispose that reads what it depends on gets the last value; one that uses something new gets what a closed container gives.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		base := weir.NewProvider(func(ref weir.Ref) int { ref.OnDispose(log.on("base")); return 7 })
		cold := weir.NewProvider(func(weir.Ref) int { log.add("built"); return 1 })
		top := weir.NewProvider(func(ref weir.Ref) int {
			ref.OnDispose(func() {
				log.add("top sees %d", weir.Read(c, base))
				if err := asError(recovered(func() { weir.Read(c, cold) })); !errors.Is(err, weir.ErrContainerClosed) {
					log.add("cold: %v", err)
				}
				weir.Listen(c, base, nil)
			})
			return weir.Watch(ref, base)
		})
		weir.Read(c, top)
		c.Close()
		log.want(t, "Close", "top sees 7", "base")
	})
}

// ---- G12: Close and Shutdown

func TestG12CloseIsFinalForEveryKind(t *testing.T) {
	// Hooks have run, contexts are over, links and delays are void, nothing is listed; later nothing happens any more; Close again is
	// nothing.
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t)
		var log trace
		var r weir.Ref
		p := k.make(func(ref weir.Ref) int {
			r = ref
			ref.KeepAlive()
			ref.CacheFor(time.Hour)
			log.hooks(ref, "", true)
			return 1
		}, weir.AutoDispose())
		s := p.listen(c)
		settle()
		log.take()
		c.Close()
		log.want(t, "when Close returned", "dispose")
		require.False(t, r.Mounted())
		require.ErrorIs(t, context.Cause(r.Context()), weir.ErrContainerClosed)
		require.Error(t, c.Context().Err())
		require.Zero(t, elements(c))
		require.False(t, c.Exists(p.id))
		c.Close()
		s.Close()
		pass(3 * time.Hour)
		log.want(t, "later")
		require.NoError(t, c.Shutdown(t.Context()))
	})
}

func TestG12CloseDuringATurn(t *testing.T) {
	// From inside a listener, and from another goroutine while a listener runs: it returns at once with counts, contexts and states
	// final; the turn that runs runs the hooks. Catches a Close that waits for the turn it is called from.
	for _, inside := range []bool{true, false} {
		t.Run(fmt.Sprint("inside ", inside), func(t *testing.T) {
			guard(t, func(t *testing.T) {
				c := newContainer(t)
				var log trace
				n := weir.NewStateProvider(one)
				var r weir.Ref
				p := weir.NewProvider(func(ref weir.Ref) int { r = ref; ref.OnDispose(log.on("dispose")); return 1 })
				weir.Listen(c, p, nil)
				inTurn, release := make(chan struct{}), make(chan struct{})
				weir.Listen(c, n, func(_, _ int) {
					if inside {
						c.Close()
						require.Error(t, r.Context().Err())
					}
					close(inTurn)
					<-release
				})
				weir.Listen(c, n, func(_, _ int) { log.add("a listener after Close") })
				turn := async(t, func() { n.Set(c, 2) })
				await(t, "the turn", inTurn)
				if !inside {
					within(t, "Close beside a turn", c.Close)
				}
				require.Error(t, r.Context().Err())
				require.False(t, r.Mounted())
				close(release)
				await(t, "the end of the turn", turn)
				require.NoError(t, c.Shutdown(context.Background()))
				log.want(t, "the turn ran the hooks, and no listener more", "dispose")
			})
		})
	}
}

func TestG12ShutdownWaitsForHooksAndFunctions(t *testing.T) {
	// Close does not wait for build functions; Shutdown does, also for those of builds that were over long before, and for hooks that
	// run on other goroutines.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		unwind := func(name string, d time.Duration) *weir.FutureProvider[int] {
			return weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
				<-ctx.Done()
				time.Sleep(d)
				ref.OnDispose(log.on(name + " released late"))
				log.add("%s returned", name)
				return 0, ctx.Err()
			}, weir.DisposeDelay(0))
		}
		long, short := unwind("long", time.Hour), unwind("short", time.Minute)
		s := weir.Listen(c, long, nil)
		weir.Listen(c, short, nil)
		settle()
		s.Close() // long is disposed, its function runs on
		settle()
		start := time.Now()
		c.Close()
		require.Zero(t, time.Since(start), "Close waits for functions")
		log.want(t, "Close returned")
		require.NoError(t, c.Shutdown(t.Context()))
		require.Equal(t, time.Hour, time.Since(start))
		log.want(t, "Shutdown returned", "short released late", "short returned", "long released late", "long returned")
		require.NoError(t, c.Shutdown(t.Context()), "again")
	})
}

func TestG12ShutdownWaitsForHooksOfOthers(t *testing.T) {
	// A hook that another goroutine's Invalidate is running, and that of a synchronous build whose function still runs elsewhere.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		var hooks atomic.Int32
		inHook, leaveHook, inBuild, leaveBuild := make(chan struct{}), make(chan struct{}), make(chan struct{}), make(chan struct{})
		slowHook := weir.NewProvider(func(ref weir.Ref) int {
			ref.OnDispose(func() { close(inHook); <-leaveHook; hooks.Add(1) })
			return 1
		})
		slowBuild := weir.NewProvider(func(ref weir.Ref) int {
			ref.OnDispose(func() { hooks.Add(1) })
			close(inBuild)
			<-leaveBuild
			return 1
		})
		weir.Read(c, slowHook)
		ended := async(t, func() { c.Invalidate(slowHook) })
		await(t, "the hook", inHook)
		read := async(t, func() { recovered(func() { weir.Read(c, slowBuild) }) })
		await(t, "the build", inBuild)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 2)
		go func() { done <- c.Shutdown(ctx) }()
		go func() { done <- c.Shutdown(context.Background()) }()
		await(t, "the container's end", c.Context().Done())
		cancel()
		require.ErrorIs(t, await(t, "the Shutdown whose context ended", done), context.Canceled)
		close(leaveBuild)
		await(t, "the Read", read)
		require.Empty(t, done, "Shutdown returned while a hook runs")
		close(leaveHook)
		require.NoError(t, await(t, "the other Shutdown", done))
		require.Equal(t, int32(2), hooks.Load())
		await(t, "Invalidate", ended)
	})
}

func TestG12ShutdownJoinsTheErrorsOfOnDisposeErr(t *testing.T) {
	// Of hooks that ran at Close, before it, and after it; nil ones do not count.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		fail := func(name string) error { return fmt.Errorf("close %s: %w", name, errBoom) }
		mk := func(name string) *weir.Provider[int] {
			return weir.NewProvider(func(ref weir.Ref) int {
				ref.OnDisposeErr(func() error { return fail(name + " 1") })
				ref.OnDisposeErr(func() error { return nil })
				ref.OnDisposeErr(func() error { return fail(name + " 2") })
				return 1
			})
		}
		a, b := mk("a"), mk("b")
		late := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
			<-ctx.Done()
			time.Sleep(time.Second)
			ref.OnDisposeErr(func() error { return fail("late") })
			return 0, ctx.Err()
		})
		weir.Read(c, a)
		weir.Read(c, b)
		weir.Read(c, late)
		settle()
		err := c.Shutdown(t.Context())
		require.ErrorIs(t, err, errBoom)
		for _, want := range []string{"close a 1", "close a 2", "close b 1", "close b 2", "close late"} {
			require.ErrorContains(t, err, want)
		}
	})
}

func TestG12CloseRacesWithUse(t *testing.T) {
	// Reads, listens, writes, resolves and invalidations from several goroutines while the container is shut down: nothing hangs, every
	// build is disposed of exactly once, no goroutine is left. Catches an element that is made after Close has counted them.
	guard(t, func(t *testing.T) {
		for range 30 {
			c := newContainer(t)
			var built, disposed atomic.Int32
			track := func(ref weir.Ref) {
				built.Add(1)
				ref.OnDispose(func() { disposed.Add(1) })
			}
			n := weir.NewStateProvider(func(ref weir.Ref) int { track(ref); return 0 })
			fam := weir.NewFamily(func(i int) *weir.FutureProvider[int] {
				return weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
					track(ref)
					return i + weir.Watch(ref, n), work(ctx)
				}, weir.DisposeDelay(0))
			})
			var wg sync.WaitGroup
			for g := range 4 {
				wg.Go(func() {
					for i := range 20 {
						recovered(func() { // a Read of what never had a value panics once the container is closed
							switch (g + i) % 4 {
							case 0:
								weir.Resolve(context.Background(), c, fam.Of(i%3))
							case 1:
								weir.Listen(c, fam.Of(i%3), nil).Close()
							case 2:
								n.Set(c, i)
							case 3:
								c.Invalidate(fam)
								weir.Read(c, n)
							}
						})
					}
				})
			}
			within(t, "Shutdown", func() { require.NoError(t, c.Shutdown(context.Background())) })
			within(t, "the others", wg.Wait)
			within(t, "Shutdown again", func() { require.NoError(t, c.Shutdown(context.Background())) })
			require.Equal(t, built.Load(), disposed.Load(), "builds begun and disposed of")
			require.Zero(t, elements(c))
		}
	})
}

// ---- contexts

func TestC1WithContextEndsTheContainer(t *testing.T) {
	// As Close does, with the cause kept beside ErrContainerClosed's name; a container made with a context that is over is closed.
	bubble(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(context.Background())
		c := newContainer(t, weir.WithContext(ctx))
		var log trace
		p := weir.NewProvider(func(ref weir.Ref) int { ref.OnDispose(log.on("dispose")); return 1 })
		weir.Listen(c, p, nil)
		cancel(errBoom)
		settle()
		log.want(t, "its context ended", "dispose")
		_, err := weir.Resolve(t.Context(), c, weir.NewFutureProvider(oneSlowly))
		require.ErrorIs(t, err, weir.ErrContainerClosed)
		require.NoError(t, c.Shutdown(t.Context()))

		over := newContainer(t, weir.WithContext(ctx))
		settle()
		_, err = weir.Resolve(t.Context(), over, weir.NewFutureProvider(oneSlowly))
		require.ErrorIs(t, err, weir.ErrContainerClosed)
		require.Error(t, over.Context().Err())
	})
}

func TestNewContextAndFromContext(t *testing.T) {
	c, other := newContainer(t), newContainer(t)
	_, ok := weir.FromContext(t.Context())
	require.False(t, ok)
	ctx := weir.NewContext(t.Context(), c)
	got, ok := weir.FromContext(context.WithValue(ctx, ctxKey("k"), "v"))
	require.True(t, ok)
	require.Same(t, c, got)
	got, ok = weir.FromContext(weir.NewContext(ctx, other))
	require.True(t, ok)
	require.Same(t, other, got, "the innermost")
}
