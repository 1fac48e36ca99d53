package weir_test

// This file holds the rules of waiting and of the end: G7 (whatever waits, waits on a channel), G10 (a closed container) and G12 (what is
// final when Close returns, what Shutdown waits for).

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// ---- G7

func TestG7WhateverWaitsWaitsOnAChannel(t *testing.T) {
	// Each kind of waiting at once in a bubble: settle returns only if all of them block on channels. Planted bugs: wait on a mutex, or
	// spin (settle never returns).
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		goOn := make(chan struct{})
		slow := weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) { <-goOn; return 1, nil })
		busy := weir.NewProvider(func(weir.Ref) int { <-goOn; return 2 })
		n := listenState(0)
		ctx, cancel := context.WithCancel(t.Context())
		began := time.Now()
		var log trace
		var wg sync.WaitGroup
		wait := func(what string, fn func()) { wg.Go(func() { fn(); log.add("%s", what) }) }
		wait("Resolve", func() { _, _ = weir.Resolve(t.Context(), c, slow) })
		wait("Await", func() {
			_, _ = weir.Resolve(t.Context(), c, weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
				return weir.Await(ref, slow)
			}))
		})
		wait("Read of a sync build", func() { weir.Read(c, busy) })
		wait("Read of it elsewhere", func() { weir.Read(c, busy) })
		wait("Watch of it", func() {
			weir.Read(c, weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, busy) }))
		})
		wait("Values", func() {
			for range weir.Values(ctx, c, n) {
			}
		})
		wait("Results", func() {
			for range weir.Results(ctx, c, slow) {
			}
		})
		inHook := make(chan struct{})
		unblock := sync.OnceFunc(func() { close(inHook); <-goOn })
		closing := weir.NewProvider(func(ref weir.Ref) int { ref.OnDispose(unblock); return 3 })
		weir.Read(c, closing)
		wait("Invalidate, inside a hook", func() { c.Invalidate(closing) })
		wait("Read behind a hook", func() { <-inHook; weir.Read(c, closing) })
		wait("Changed", func() { <-weir.Listen(c, n, nil).Changed() })
		stuck := listenState(0)
		weir.Listen(c, stuck, func(_, _ int) { <-goOn })
		settle() // or a turn of the others delivers it, and Set returns
		wait("a turn", func() { stuck.Set(c, 1) })
		settle()
		wait("Flush", func() { _ = c.Flush(t.Context()) })
		settle()
		log.want(t, "everything waits")
		require.Zero(t, time.Since(began), "fake time moved")
		close(goOn)
		settle()
		n.Set(c, 1)
		settle()
		cancel()
		wg.Wait()
		require.Len(t, log.take(), 12)
		require.Zero(t, time.Since(began))
	})
}

func TestG7DebounceAndShutdownWaitOnChannels(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		goOn := make(chan struct{})
		var debounced error
		p := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
			debounced = ref.Debounce(time.Hour)
			<-goOn
			return 0, nil
		})
		weir.Listen(c, p, nil)
		settle()
		began := time.Now()
		shut := async(t, func() { _ = c.Shutdown(t.Context()) })
		settle()
		require.ErrorIs(t, debounced, weir.ErrContainerClosed)
		select {
		case <-shut:
			t.Error("Shutdown returned while a build function runs")
		default:
		}
		close(goOn)
		await(t, "Shutdown", shut)
		require.Zero(t, time.Since(began))
	})
}

// closeShared is declared where applications declare theirs: outside every bubble.
var closeShared = weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
	return 42, ref.Debounce(time.Millisecond)
}, weir.AutoDispose(), weir.Timeout(time.Hour))

func TestG7PackageLevelProvidersWorkInManyBubbles(t *testing.T) {
	// A container belongs to its bubble, a provider to none. Planted bug: a channel, timer or goroutine that is made once per package or
	// per provider: the second bubble panics on what belongs to the first.
	use := func(t *testing.T) {
		c := newContainer(t)
		v, err := weir.Resolve(t.Context(), c, closeShared)
		require.NoError(t, err)
		require.Equal(t, 42, v)
		weir.Listen(c, closeShared, nil).Close()
		require.NoError(t, c.Flush(t.Context()))
	}
	for i := range 2 {
		t.Run(fmt.Sprint("bubble ", i), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				use(t)
				c := newContainer(t)
				weir.Listen(c, closeShared, nil).Close()
				gone()
				require.False(t, c.Exists(closeShared))
			})
		})
		t.Run(fmt.Sprint("outside ", i), func(t *testing.T) { guard(t, use) })
	}
}

// ---- G10

func TestG10AfterClose(t *testing.T) {
	// What each verb does on a closed container. A toy panics on a nil map, rebuilds, or hangs.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		n := listenState(1)
		double := weir.NewProvider(func(ref weir.Ref) int { return 2 * weir.Watch(ref, n) })
		future := weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) { return 7, nil })
		var r weir.Ref
		holder := weir.NewProvider(func(ref weir.Ref) int { r = ref; return 0 })
		weir.Read(c, double)
		weir.Read(c, holder)
		_, err := weir.Resolve(t.Context(), c, future)
		require.NoError(t, err)
		heard := 0
		s := weir.Listen(c, n, func(_, _ int) { heard++ })
		c.Close()
		c.Close()
		require.ErrorIs(t, context.Cause(c.Context()), weir.ErrContainerClosed)

		_, err = weir.Resolve(t.Context(), c, future)
		require.ErrorIs(t, err, weir.ErrContainerClosed, "Resolve, also of a value at rest")
		_, err = weir.Await(r, future)
		require.ErrorIs(t, err, weir.ErrContainerClosed, "Await")
		n.Set(c, 5)
		n.Update(c, func(v int) int { return v + 1 })
		c.Batch(func(tx *weir.Tx) { n.Set(tx, 6) })
		c.Invalidate(n, double)
		c.InvalidateAsReload(double)
		future.Cancel(c, errBoom)
		c.DisposeUnused()
		c.Snapshot()
		c.Exists(n)
		require.Equal(t, 1, weir.Read(c, n), "a sync kind: the last value")
		require.Equal(t, 2, weir.Read(c, double))
		require.Equal(t, 2, weir.Refresh(c, double))
		require.Equal(t, 2, weir.Watch(r, double))
		require.Equal(t, 7, weir.Read(c, future).ValueOr(0), "an async kind: the last value")
		require.Equal(t, 1, s.Read())
		require.Zero(t, heard)
		s.Close()

		never := weir.NewProvider(func(weir.Ref) int { t.Error("built on a closed container"); return 0 })
		require.ErrorIs(t, asError(recovered(func() { weir.Read(c, never) })), weir.ErrContainerClosed, "a sync kind without a value")
		neverAsync := weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) {
			t.Error("built on a closed container")
			return 0, nil
		})
		require.ErrorIs(t, weir.Read(c, neverAsync).Err(), weir.ErrContainerClosed, "an async kind without a value")
		neverTry := weir.NewTryProvider(func(weir.Ref) (int, error) { t.Error("built on a closed container"); return 0, nil })
		require.ErrorIs(t, weir.Read(c, neverTry).Err(), weir.ErrContainerClosed)
		require.NoError(t, c.Shutdown(t.Context()))
		within(t, "Flush of a closed container", func() { _ = c.Flush(t.Context()) })
	})
}

func TestG10CloseWakesWhoeverWaits(t *testing.T) {
	// Planted bug: close the graph and forget the waiters.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		slow := weir.NewFutureProvider(func(ctx context.Context, _ weir.Ref) (int, error) {
			<-ctx.Done()
			return 0, errors.New("the build's own error")
		})
		var inBuild error
		awaiting := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
			_, inBuild = weir.Await(ref, slow)
			return 0, inBuild
		})
		errs := make(chan error, 2)
		go func() { _, err := weir.Resolve(t.Context(), c, slow); errs <- err }()
		go func() { _, err := weir.Resolve(t.Context(), c, awaiting); errs <- err }()
		settle()
		c.Close()
		for range 2 {
			require.ErrorIs(t, await(t, "a Resolve", errs), weir.ErrContainerClosed)
		}
		settle()
		require.ErrorIs(t, inBuild, weir.ErrContainerClosed)
	})
}

// ---- G12

func TestG12WhenCloseReturnsEverythingIsFinal(t *testing.T) {
	// Contexts are cancelled with the cause, hooks have run, dependents first (S3), last-registered-first (L3); the build function of an
	// async build may still be running, and what it returns is dropped. Planted bugs: hooks on a goroutine; wait for the functions.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		hook := func(ref weir.Ref, name string) {
			ref.OnDispose(func() { log.add("%s, %v", name, errors.Is(context.Cause(ref.Context()), weir.ErrContainerClosed)) })
		}
		bottom := weir.NewProvider(func(ref weir.Ref) int { hook(ref, "bottom 1"); hook(ref, "bottom 2"); return 0 })
		middle := weir.NewProvider(func(ref weir.Ref) int { hook(ref, "middle"); return weir.Watch(ref, bottom) })
		top := weir.NewProvider(func(ref weir.Ref) int { hook(ref, "top"); return weir.Watch(ref, middle) })
		weir.Listen(c, top, func(_, _ int) { t.Error("called") })
		var ctx context.Context
		started, goOn := make(chan struct{}), make(chan struct{})
		pending := weir.NewFutureProvider(func(build context.Context, ref weir.Ref) (int, error) {
			ctx = build
			close(started)
			<-goOn
			return 1, nil
		})
		s := weir.Listen(c, pending, func(_, _ weir.AsyncValue[int]) { t.Error("told of a build that is over") })
		await(t, "the async build", started)
		within(t, "Close", c.Close)
		log.want(t, "when Close has returned", "top, true", "middle, true", "bottom 2, true", "bottom 1, true")
		require.ErrorIs(t, context.Cause(ctx), weir.ErrContainerClosed)
		close(goOn)
		require.NoError(t, c.Shutdown(t.Context()))
		_, has := s.Read().Value()
		require.False(t, has, "what came after Close is dropped")
	})
}

func TestG12CloseBesideATurn(t *testing.T) {
	// The turn on the other goroutine runs the hooks; contexts, counts and states are final when Close returns. Planted bugs: Close waits
	// for the turn (a hook that closes its container would hang); the hooks are lost.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		var ctx context.Context
		p := weir.NewProvider(func(ref weir.Ref) int {
			ctx = ref.Context()
			ref.OnDispose(log.on("disposed"))
			return 0
		})
		weir.Listen(c, p, nil)
		stop := stopTurn(t, c)
		within(t, "Close beside a turn", c.Close)
		require.ErrorIs(t, context.Cause(ctx), weir.ErrContainerClosed)
		shut := async(t, func() { require.NoError(t, c.Shutdown(context.Background())) })
		settle()
		select {
		case <-shut:
			t.Error("Shutdown returned while the turn stands still")
		default:
		}
		stop.release(t)
		await(t, "Shutdown", shut)
		log.want(t, "afterwards", "disposed")
	})
}

func TestG12CloseInsideCallbacks(t *testing.T) {
	// A listener and a hook close their own container: it returns, nothing more is delivered, everything is disposed.
	for _, where := range []string{"listener", "OnAddListener", "OnDispose"} {
		t.Run(where, func(t *testing.T) {
			guard(t, func(t *testing.T) {
				c := newContainer(t)
				var log trace
				n := listenState(0)
				p := weir.NewProvider(func(ref weir.Ref) int {
					if where != "listener" {
						map[string]func(func()) func(){"OnAddListener": ref.OnAddListener, "OnDispose": ref.OnDispose}[where](c.Close)
					}
					ref.OnDispose(log.on("disposed"))
					return weir.Watch(ref, n)
				})
				weir.Listen(c, p, func(_, _ int) {
					if where == "listener" {
						c.Close()
					}
				})
				later := weir.Listen(c, p, func(_, _ int) { log.add("later") })
				within(t, "a Set", func() { n.Set(c, 1) })
				require.NoError(t, c.Shutdown(t.Context()))
				got := log.take()
				require.NotZero(t, count(got, "disposed"))
				if where != "OnDispose" {
					require.Zero(t, count(got, "later"), "%v", got)
				}
				later.Close()
			})
		})
	}
}

func TestG12FlushAndShutdownInsideACallbackEndWithTheirContext(t *testing.T) {
	// They would wait for their own caller: misuse, which ends with the ctx and leaves the container whole.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		n := listenState(0)
		var errs []error
		weir.Listen(c, n, func(_, _ int) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			errs = append(errs, c.Flush(ctx))
		})
		n.Set(c, 1)
		future := weir.NewFutureProvider(func(_ context.Context, _ weir.Ref) (int, error) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			return 0, c.Shutdown(ctx)
		})
		usable(t, c)
		_, err := weir.Resolve(t.Context(), c, future)
		require.ErrorIs(t, err, weir.ErrContainerClosed, "Shutdown has closed the container, whoever called it")
		require.Len(t, errs, 1)
		require.ErrorIs(t, errs[0], context.DeadlineExceeded)
	})
}

func TestG12ShutdownJoinsTheErrorsOfHooks(t *testing.T) {
	// It waits for build functions and hooks and joins what OnDisposeErr returns; a second one returns at once.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		errOther := errors.New("other")
		returned := false
		p := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
			ref.OnDisposeErr(func() error { return errBoom })
			ref.OnDisposeErr(func() error { return nil })
			<-ctx.Done()
			time.Sleep(time.Second)
			returned = true
			return 0, ctx.Err()
		})
		q := weir.NewProvider(func(ref weir.Ref) int { ref.OnDisposeErr(func() error { return errOther }); return 0 })
		weir.Read(c, p)
		weir.Read(c, q)
		settle()
		err := c.Shutdown(t.Context())
		require.True(t, returned, "Shutdown waits for the build function")
		require.ErrorIs(t, err, errBoom)
		require.ErrorIs(t, err, errOther)
	})
}
