package weir_test

// This file holds that what is built for somebody who is active is never on standby in between (L1, L2).

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestL2AFirstListenerOfAChainRunsNoHook(t *testing.T) {
	// A listener builds top, which builds middle, which builds a stream. While middle's build goes on the stream emits: its goroutine
	// delivers, and finds a stream that middle watches. Planted bug: count middle's watches only when top has watched middle.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		var hooks atomic.Int32
		emitted, goOn := make(chan struct{}), make(chan struct{})
		stream := weir.NewStreamProvider(func(ctx context.Context, ref weir.Ref, emit func(int) bool) error {
			ref.OnCancel(func() { hooks.Add(1) })
			ref.OnResume(func() { hooks.Add(1) })
			emit(1)
			close(emitted)
			<-ctx.Done()
			return nil
		}, weir.AutoDispose())
		middle := weir.NewProvider(func(ref weir.Ref) int {
			v := weir.Watch(ref, stream)
			<-goOn
			return v.ValueOr(0)
		}, weir.AutoDispose())
		top := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, middle) }, weir.AutoDispose())
		var sub *weir.Subscription[int]
		listening := async(t, func() { sub = weir.Listen(c, top, nil) })
		await(t, "the stream's emit, which would block on standby", emitted)
		close(goOn)
		await(t, "Listen", listening)
		flush(t, c)
		require.Zero(t, hooks.Load())
		sub.Close()
	})
}

func TestG11WhatIsWaitedForInABuildComesOffStandby(t *testing.T) {
	// A retry that was due waits for a listener, or a build for its OnResume hook. A synchronous build waits for the result: it runs no turn,
	// nor does the turn that runs it. Planted bugs: leave the retry, or the hook, to the turn that the build owes; have the turn wait as well.
	sources := map[string]func() *weir.FutureProvider[int]{
		"a retry": func() *weir.FutureProvider[int] {
			builds := 0
			return weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) {
				if builds++; builds == 1 {
					return 0, errBoom
				}
				return 7, nil
			}, weir.Retry(every(time.Second, 10)), weir.DisposeDelay(time.Hour))
		},
		"OnResume": resumable,
	}
	waits := map[string]func(t *testing.T, c *weir.Container, ref weir.Ref, src *weir.FutureProvider[int]) (int, error){
		"Await": func(_ *testing.T, _ *weir.Container, ref weir.Ref, src *weir.FutureProvider[int]) (int, error) {
			return weir.Await(ref, src)
		},
		"Resolve": func(t *testing.T, c *weir.Container, _ weir.Ref, src *weir.FutureProvider[int]) (int, error) {
			return weir.Resolve(t.Context(), c, src)
		},
	}
	builders := map[string]func(c *weir.Container, on *weir.StateProvider[int], top *weir.FutureProvider[int]){
		"a reader's": func(c *weir.Container, on *weir.StateProvider[int], top *weir.FutureProvider[int]) {
			on.Set(c, 1)
			weir.Read(c, top)
		},
		"a turn's": func(c *weir.Container, on *weir.StateProvider[int], top *weir.FutureProvider[int]) {
			weir.Listen(c, top, nil)
			on.Set(c, 1)
		},
		"of a turn's build": func(c *weir.Container, on *weir.StateProvider[int], top *weir.FutureProvider[int]) {
			weir.Listen(c, weir.NewProvider(func(ref weir.Ref) int {
				if weir.Watch(ref, on) == 0 {
					return 0
				}
				v, _ := weir.Watch(ref, top).Value()
				return v
			}), nil)
			on.Set(c, 1)
		},
	}
	for what, source := range sources {
		for how, wait := range waits {
			for whose, build := range builders {
				t.Run(what+", "+how+", "+whose, func(t *testing.T) {
					bubble(t, func(t *testing.T) {
						c := newContainer(t)
						on, src := listenState(0), source()
						top := weir.NewTryProvider(func(ref weir.Ref) (int, error) {
							if weir.Watch(ref, on) == 0 {
								return 0, nil
							}
							return wait(t, c, ref, src)
						})
						weir.Read(c, src)
						pass(time.Minute)
						within(t, "the build", func() { build(c, on, top) })
						isData(t, 7, weir.Read(c, top))
					})
				})
			}
		}
	}
}

// resumable is a future whose build waits until it is resumed.
func resumable() *weir.FutureProvider[int] {
	return weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
		resumed := make(chan struct{}, 1)
		ref.OnResume(func() { resumed <- struct{}{} })
		select {
		case <-resumed:
			return 7, nil
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}, weir.DisposeDelay(time.Hour))
}

func TestG3ATurnIsNotHeldByABuildOfAnotherGoroutine(t *testing.T) {
	// The turn is in a build function when another goroutine's build begins to wait for a hook of that turn; then the former wants the
	// latter's value. Planted bug: have the turn wait with it.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		on, src := listenState(0), resumable()
		gate := make(chan struct{})
		below := weir.NewTryProvider(func(ref weir.Ref) (int, error) { return weir.Await(ref, src) })
		heard := 0
		weir.Listen(c, weir.NewProvider(func(ref weir.Ref) int {
			if weir.Watch(ref, on) == 0 {
				return 0
			}
			<-gate
			v, _ := weir.Watch(ref, below).Value()
			return v
		}), func(_, next int) { heard = next })
		weir.Read(c, src)
		pass(time.Minute)
		set := async(t, func() { on.Set(c, 1) })
		settle()
		read := async(t, func() { isData(t, 7, weir.Read(c, below)) })
		settle()
		close(gate)
		await(t, "Read", read)
		await(t, "Set", set)
		settle() // the turn has gone on elsewhere
		require.Equal(t, 7, heard)
	})
}
