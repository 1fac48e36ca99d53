package weir_test

// This file tells of ends of builds that come twice, late, or between others: which of them counts, and what goes with the build. Each
// test was written for changes of cancel.go that no other test noticed, which it names.

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestC3OfTwoEndsTheFirstIsTheCause(t *testing.T) {
	// A synchronous function runs on after its build is over; what ends it again then is nobody's cause. Planted bugs: go on in endNoted
	// without a live build; note no cause for the observer (rare.over).
	bubble(t, func(t *testing.T) {
		var causes []error
		c := newContainer(t, weir.WithObserver(&weir.Observer{Disposed: func(ev weir.DisposedEvent) { causes = append(causes, ev.Cause) }}))
		var log trace
		p, release, got := tryInFlight(t, c, &log)
		p.Cancel(c, errBoom)
		c.Invalidate(p)
		release()
		isData(t, 2, await(t, "the value", got))
		require.Len(t, causes, 1)
		require.ErrorIs(t, causes[0], errBoom)
	})
}

func TestC6CancelOfATryProviderAtRestIsANoOp(t *testing.T) {
	// Planted bug: ask for the function that runs of what has no rare part.
	c := newContainer(t)
	p := weir.NewTryProvider(func(weir.Ref) (int, error) { return 1, nil })
	weir.Read(c, p)
	p.Cancel(c, errBoom)
	isData(t, 1, weir.Read(c, p))
}

func TestC6CancelEndsTheBuildsOfDependents(t *testing.T) {
	// D4: what they watch has changed, and that is known. Planted bug: leave them to their next build (endStale in publishStop).
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		p := weir.NewFutureProvider(func(ctx context.Context, _ weir.Ref) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		})
		var log trace
		q := weir.NewProvider(func(ref weir.Ref) int {
			ref.OnDispose(log.on("over"))
			weir.Watch(ref, p)
			return 1
		})
		weir.Read(c, q)
		p.Cancel(c, errBoom)
		log.want(t, "nobody has asked since", "over")
	})
}

func TestC6WhatCancelLeavesOutlastsAChangeButNoInvalidate(t *testing.T) {
	// Cancel, then something else, while the function of a Try provider runs. Planted bug: have every later end take away what Cancel is
	// to leave (rare.stop).
	for name, tc := range map[string]struct {
		then func(c *weir.Container, p *weir.FutureProvider[int], n *weir.StateProvider[int])
		want error
	}{
		"nothing":   {func(*weir.Container, *weir.FutureProvider[int], *weir.StateProvider[int]) {}, errBoom},
		"a change":  {func(c *weir.Container, _ *weir.FutureProvider[int], n *weir.StateProvider[int]) { n.Set(c, 2) }, errBoom},
		"a refresh": {func(c *weir.Container, p *weir.FutureProvider[int], _ *weir.StateProvider[int]) { c.Invalidate(p) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newContainer(t)
				n := weir.NewStateProvider(func(weir.Ref) int { return 1 })
				started, leave := make(chan struct{}, 2), make(chan struct{})
				p := weir.NewTryProvider(func(ref weir.Ref) (int, error) {
					ref.OnDispose(func() {})
					v := weir.Watch(ref, n)
					started <- struct{}{}
					<-leave
					return v, nil
				})
				read := async(t, func() { weir.Read(c, p) })
				await(t, "the function", started)
				got := make(chan error, 1)
				go func() { _, err := weir.Resolve(t.Context(), c, p); got <- err }()
				settle()
				p.Cancel(c, errBoom)
				tc.then(c, p, n)
				close(leave)
				err := await(t, "the result", got)
				require.ErrorIs(t, err, tc.want)
				await(t, "the Read", read)
			})
		})
	}
}

func TestC6CancelOfABuildThatIsOverLeavesNothing(t *testing.T) {
	// Planted bug: have cut look for no live build.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		p, release, got := tryInFlight(t, c, &log)
		c.Invalidate(p)
		p.Cancel(c, errBoom)
		release()
		isData(t, 2, await(t, "the value", got))
	})
}

func TestA6ARetryGoesWithItsBuild(t *testing.T) {
	// Whoever comes while the next build runs begins no other. Planted bug: leave the retry of a build that has ended, pending or due
	// (unretry in endNoted).
	for name, wait := range map[string]time.Duration{"pending": time.Second, "due": time.Hour} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newContainer(t)
				builds := 0
				p := weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) {
					if builds++; builds == 1 {
						return 0, errBoom
					}
					time.Sleep(time.Hour)
					return builds, nil
				}, weir.Retry(weir.Backoff(time.Minute, time.Minute, 9)))
				weir.Read(c, p)
				pass(wait)
				c.Invalidate(p)
				weir.Read(c, p)
				settle()
				defer weir.Listen(c, p, nil).Close()
				pass(2 * time.Hour)
				isData(t, 2, weir.Read(c, p))
			})
		})
	}
}

func TestP6WhatIsWrittenAfterWhatItWatchesInOneBatchGoesOn(t *testing.T) {
	// Planted bug: end in endStale what a later write of the batch has made current.
	c := newContainer(t)
	n := weir.NewStateProvider(func(weir.Ref) int { return 1 })
	var log trace
	p := weir.NewStateProvider(func(ref weir.Ref) int {
		ref.OnDispose(log.on("over"))
		return weir.Watch(ref, n)
	})
	defer weir.Listen(c, p, nil).Close()
	c.Batch(func(tx *weir.Tx) {
		n.Set(tx, 2)
		p.Set(tx, 9)
	})
	log.want(t, "written last")
	require.Equal(t, 9, weir.Read(c, p))
	n.Set(c, 3)
	log.want(t, "written first", "over")
}

func TestL9LinksThatDieWithTheirBuildLeaveOneDelay(t *testing.T) {
	// D5: an element that only its link kept goes a full delay after a change has ended the build; one that had none goes when it would
	// have gone. Planted bugs, mutants of detach: begin no delay; begin one for every end; do not look.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		n := weir.NewStateProvider(func(weir.Ref) int { return 1 })
		for _, linked := range []bool{true, false} {
			p := weir.NewProvider(func(ref weir.Ref) int {
				ref.OnDispose(func() {})
				if linked {
					ref.KeepAlive()
				}
				return weir.Watch(ref, n)
			}, weir.AutoDispose())
			weir.Listen(c, p, nil).Close()
			left := delay
			if linked {
				pass(10 * delay)
			} else {
				pass(delay / 2)
				left -= delay / 2
			}
			n.Update(c, func(v int) int { return v + 1 })
			pass(left - time.Millisecond)
			require.True(t, c.Exists(p), "linked: %v", linked)
			pass(2 * time.Millisecond)
			require.False(t, c.Exists(p), "linked: %v", linked)
		}
	})
}

func TestC6CancelEndsAStreamThatHasEmitted(t *testing.T) {
	// Its function goes on after the first value. Planted bug: have cut ask for a pending retry alone.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var cause error
		p := weir.NewStreamProvider(func(ctx context.Context, _ weir.Ref, emit func(int) bool) error {
			emit(1)
			<-ctx.Done()
			cause = context.Cause(ctx)
			return nil
		})
		defer weir.Listen(c, p, nil).Close()
		settle()
		p.Cancel(c, errBoom)
		settle()
		require.ErrorIs(t, cause, errBoom)
		isData(t, 1, weir.Read(c, p))
	})
}

func TestC9CancelThroughWhatIsOverEndsNothing(t *testing.T) {
	// A ref whose build is over, and a child that is closed, have no say in the build that runs. Planted bug: do not ask (base.cancel).
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		p := weir.NewFutureProvider(func(ctx context.Context, _ weir.Ref) (int, error) {
			select {
			case <-time.After(time.Second):
				return 1, nil
			case <-ctx.Done():
				return 0, context.Cause(ctx)
			}
		})
		var old weir.Ref
		q := weir.NewProvider(func(ref weir.Ref) int { old = ref; return 1 })
		weir.Read(c, q)
		c.Invalidate(q)
		child := weir.NewContainer(weir.WithParent(c))
		child.Close()
		for name, s := range map[string]weir.Scope{"a ref that is over": old, "a child that is closed": child} {
			c.Invalidate(p)
			weir.Read(c, p)
			p.Cancel(s, errBoom)
			got, err := weir.Resolve(t.Context(), c, p)
			require.NoError(t, err, name)
			require.Equal(t, 1, got, name)
		}
	})
}

func TestC6ACancelIsAWriteToThoseWhoWatchEachOtherInTurns(t *testing.T) {
	// a watches x, x watches b and b watches a, each when one of the others is being built again, so that the ring is never closed; what
	// drives it is the user's Cancel of a. Planted bug: it does not count as something from outside, and after some rounds x -> b -> a -> x
	// is a *CycleError (publishStop).
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var a, b, x *weir.FutureProvider[int]
		aged := func(ctx context.Context, d time.Duration) bool {
			select {
			case <-time.After(d):
			case <-ctx.Done():
			}
			return ctx.Err() == nil
		}
		var builds, cycles atomic.Int32
		wait := 1400 * time.Millisecond // for b, which comes a second after a, and half a second before it later
		a = weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
			builds.Add(1)
			if aged(ctx, 2*time.Second) {
				weir.Watch(ref, x)
				<-ctx.Done()
			}
			return 0, ctx.Err()
		})
		b = weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
			d := wait
			wait = 1500 * time.Millisecond
			if aged(ctx, d) {
				weir.Watch(ref, a)
			}
			return 1, ctx.Err()
		})
		x = weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
			if aged(ctx, 2*time.Second) {
				weir.Watch(ref, b)
			}
			return 1, ctx.Err()
		})
		count := func(_, v weir.AsyncValue[int]) {
			if errors.As(v.Err(), new(*weir.CycleError)) {
				cycles.Add(1)
			}
		}
		weir.Listen(c, a, count)
		time.Sleep(time.Second)
		weir.Listen(c, x, count)
		weir.Listen(c, b, count)
		time.Sleep(1500 * time.Millisecond)
		for range 40 {
			a.Cancel(c, errBoom)
			time.Sleep(3 * time.Second)
		}
		require.Zero(t, cycles.Load())
		require.Greater(t, int(builds.Load()), 30)
	})
}
