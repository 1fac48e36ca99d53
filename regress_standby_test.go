package weir_test

// This file holds that what is built for somebody who is active is never on standby in between (L1, L2).

import (
	"context"
	"sync/atomic"
	"testing"

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
