package weir_test

// This file holds P3 as far as it concerns asynchronous builds: what they return was current together, and one that turns out to be out
// of date while it runs is replaced, whoever finds out.

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestP3AnAsyncResultOutdatedAfterItsLastWatchIsDropped(t *testing.T) {
	// The sentence on outdated results speaks of synchronous builds: an async build is over when a dependency changes (L5, C4), and the
	// Resolve that waited goes on waiting for the newest. Planted bug: publish the late result of an async build.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		n := weir.NewStateProvider(func(weir.Ref) int { return 1 })
		goOn := make(chan struct{})
		p := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
			v := weir.Watch(ref, n)
			<-goOn
			return v, nil
		})
		var told []int
		weir.Listen(c, p, func(_, next weir.AsyncValue[int]) {
			if v, ok := next.Value(); ok {
				told = append(told, v)
			}
		})
		got := make(chan int, 1)
		go func() { v, _ := weir.Resolve(t.Context(), c, p); got <- v }()
		settle()
		n.Set(c, 2)
		settle()
		close(goOn)
		require.Equal(t, 2, await(t, "Resolve", got))
		settle()
		require.Equal(t, []int{2}, told)
	})
}

func TestP3AnAsyncBuildNeverReturnsAMix(t *testing.T) {
	// An async build watches one derived value, then, after a change of what both are made of, the other. If the first one really differs
	// the build is over and the next one's result is the only one told; if the change was swallowed it goes on and returns what it has.
	for divisor, builds := range map[int]int{1: 2, 10: 1} {
		t.Run(fmt.Sprint("divided by ", divisor), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newContainer(t)
				n := weir.NewStateProvider(func(weir.Ref) int { return 1 })
				left := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, n) / divisor })
				right := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, n) })
				goOn := make(chan struct{})
				built := 0
				p := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (joinPair, error) {
					built++
					l := weir.Watch(ref, left)
					<-goOn
					return joinPair{l, weir.Watch(ref, right)}, nil
				})
				var told []joinPair
				weir.Listen(c, p, func(_, next weir.AsyncValue[joinPair]) {
					if v, ok := next.Value(); ok {
						told = append(told, v)
					}
				})
				settle()
				n.Set(c, 2)
				settle()
				close(goOn)
				settle()
				require.Equal(t, []joinPair{{2 / divisor, 2}}, told)
				require.Equal(t, builds, built)
			})
		})
	}
}

func TestP3AnAsyncBuildThatEndsItselfIsRebuilt(t *testing.T) {
	// The build finds out in its own second Watch that the first one is out of date, and is still in its OnDispose hook when the turn
	// comes by; the value that it watches is fresh. The rebuild must come about all the same, though nobody else does anything any more.
	// Planted bug: end the build and go on with a plain Read, which has no reason to run a turn; whoever waits waits for ever.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		n, other, stuck := listenState(1), listenState(7), listenState(0)
		double := weir.NewProvider(func(ref weir.Ref) int { return 2 * weir.Watch(ref, n) })
		weir.Read(c, other)
		watched, goOn := make(chan struct{}, 9), make(chan struct{})
		inHook, leaveHook := make(chan struct{}, 9), make(chan struct{})
		p := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
			ref.OnDispose(func() { inHook <- struct{}{}; <-leaveHook })
			v := weir.Watch(ref, double)
			watched <- struct{}{}
			<-goOn
			return v + weir.Watch(ref, other), nil
		})
		inTurn, release := make(chan struct{}), make(chan struct{})
		weir.Listen(c, stuck, func(_, _ int) { close(inTurn); <-release })
		got := make(chan string, 1)
		go func() { got <- fmt.Sprint(weir.Resolve(t.Context(), c, p)) }()
		<-watched
		turn := async(t, func() { stuck.Set(c, 1) })
		<-inTurn
		n.Set(c, 2) // the turn stands still: the build itself will be the first to notice
		weir.Read(c, double)
		close(goOn)
		<-inHook
		close(release)
		await(t, "the turn", turn)
		settle()
		close(leaveHook)
		require.Equal(t, "11 <nil>", await(t, "Resolve", got))
	})
}
