package weir_test

// Builds that are over beside what still runs for them: late hooks, waits, turns that are left (L5, L6, E2, G4).

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestL5ABuildKnownStaleEndsBeforeWhatItWatchedIsBuiltAgain(t *testing.T) {
	// A deep chain brings up to date what an element has watched before it builds that again. While the second of it is built the first is
	// known to have changed: the ref is over, and a hook registered then runs at once. Planted bug, what was there: its context was
	// cancelled, and its hooks ran, only when all of that was built.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		n := listenState(0)
		first := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, n) })
		var log trace
		var during func()
		second := weir.NewProvider(func(ref weir.Ref) int {
			if during != nil {
				during()
			}
			return weir.Watch(ref, n)
		})
		var old weir.Ref
		e := weir.NewProvider(func(ref weir.Ref) int {
			if old == (weir.Ref{}) {
				old = ref
				ref.Context()
				ref.OnDispose(func() { log.add("dispose") })
			}
			return weir.Watch(ref, first) + weir.Watch(ref, second)
		})
		require.Equal(t, 0, weir.Read(c, e))
		ctx := old.Context()
		n.Set(c, 1)
		during = func() {
			log.add("second")
			old.OnDispose(func() { log.add("late, %v", ctx.Err()) })
		}
		require.NoError(t, ctx.Err(), "it only may have changed")
		chain := e
		for range 100 {
			below := chain
			chain = weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, below) })
		}
		require.Equal(t, 2, weir.Read(c, chain))
		log.want(t, "one that is known stale", "dispose", "second", "late, context canceled")
	})
}

func TestE2WhatAnEndedBuildThatMayOverlapWaitsForIsNoCycle(t *testing.T) {
	// The first function of f watches x, whose build another goroutine runs. f is invalidated, and its second function, which does not wait
	// for the first to return, does without x. So x may wait for f. Planted bug, what was there: the wait of the first function counted
	// as one of f, and x got a *CycleError.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		builds := 0
		inX, goOn, result := make(chan struct{}), make(chan struct{}), make(chan struct{})
		var x *weir.Provider[int]
		f := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
			if builds++; builds == 1 {
				return weir.Watch(ref, x), nil
			}
			<-result
			return 5, nil
		}, weir.AllowOverlap())
		x = weir.NewProvider(func(ref weir.Ref) int {
			close(inX)
			<-goOn
			v, err := weir.Resolve(ref.Context(), c, f)
			require.NoError(t, err)
			return v
		})
		read := async(t, func() { require.Equal(t, 5, weir.Read(c, x)) })
		<-inX
		weir.Listen(c, f, nil)
		settle()
		c.Invalidate(f)
		settle()
		require.Equal(t, 2, builds)
		close(goOn)
		settle()
		close(result)
		await(t, "the reader of x", read)
	})
}

func TestG4AWriteInASyncBuildIsDeliveredIfThatBuildWaitsForAnother(t *testing.T) {
	// y goes through a loop over n, and ends when it hears of 1. The build of x writes that, and then needs y. Planted bug, what was there:
	// the write was left to whoever runs the build of x, which waited for y, which waited for the delivery.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		n := listenState(0)
		y := weir.NewProvider(func(ref weir.Ref) (last int) {
			for v := range weir.Values(ref.Context(), ref, n) {
				if last = v; v == 1 {
					break
				}
			}
			return last
		})
		x := weir.NewProvider(func(ref weir.Ref) int {
			n.Set(c, 1)
			return weir.Watch(ref, y) + 1
		})
		reader := async(t, func() { require.Equal(t, 1, weir.Read(c, y)) })
		settle()
		within(t, "Read", func() { require.Equal(t, 2, weir.Read(c, x)) })
		await(t, "the other reader", reader)
	})
}
