package weir_test

// Rule G12 from the inside: Close, Shutdown and Flush called by hooks, listeners, builds and the functions of Batch and Update.

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestG12CloseFromInsideUserCode(t *testing.T) {
	// From a hook of each kind, from builds, from a Batch: it returns, and everything ends once. Catches a Close that waits for its caller.
	for name, mk := range map[string]func(c *weir.Container, log *trace) func(){
		"a synchronous build": func(c *weir.Container, log *trace) func() {
			p := weir.NewProvider(func(ref weir.Ref) int { ref.OnDispose(log.on("dispose")); c.Close(); return 1 })
			return func() { recovered(func() { weir.Read(c, p) }) }
		},
		"an async build": func(c *weir.Container, log *trace) func() {
			p := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
				ref.OnDispose(log.on("dispose"))
				c.Close()
				return 1, ctx.Err()
			})
			return func() { weir.Listen(c, p, nil) }
		},
		"OnCancel": func(c *weir.Container, log *trace) func() {
			p := weir.NewProvider(func(ref weir.Ref) int { ref.OnDispose(log.on("dispose")); ref.OnCancel(c.Close); return 1 }, weir.AutoDispose())
			return func() { weir.Read(c, p) }
		},
		"OnAddListener": func(c *weir.Container, log *trace) func() {
			p := weir.NewProvider(func(ref weir.Ref) int { ref.OnDispose(log.on("dispose")); ref.OnAddListener(c.Close); return 1 })
			return func() { weir.Listen(c, p, nil) }
		},
		"OnDispose": func(c *weir.Container, log *trace) func() {
			p := weir.NewProvider(func(ref weir.Ref) int { ref.OnDispose(log.on("dispose")); ref.OnDispose(c.Close); return 1 })
			return func() { weir.Read(c, p); c.Invalidate(p) }
		},
		"OnManualInvalidation": func(c *weir.Container, log *trace) func() {
			p := weir.NewProvider(func(ref weir.Ref) int { ref.OnDispose(log.on("dispose")); ref.OnManualInvalidation(c.Close); return 1 })
			return func() { weir.Read(c, p); c.Invalidate(p) }
		},
		"a Batch": func(c *weir.Container, log *trace) func() {
			n := weir.NewStateProvider(func(ref weir.Ref) int { ref.OnDispose(log.on("dispose")); return 1 })
			return func() { c.Batch(func(tx *weir.Tx) { n.Set(tx, 2); weir.Read(c, n); c.Close() }) }
		},
		"Update": func(c *weir.Container, log *trace) func() {
			n := weir.NewStateProvider(func(ref weir.Ref) int { ref.OnDispose(log.on("dispose")); return 1 })
			return func() { n.Update(c, func(int) int { c.Close(); return 2 }) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newContainer(t)
				var log trace
				use := mk(c, &log)
				<-async(t, use)
				settle()
				log.want(t, name, "dispose")
				require.Error(t, c.Context().Err())
				require.NoError(t, c.Shutdown(t.Context()))
			})
		})
	}
}

func TestG12ShutdownAndFlushInsideUserCodeEndWithTheirContext(t *testing.T) {
	// They would wait for their own caller: their context ends that, and everything goes on.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		n := weir.NewStateProvider(one)
		var flushed, shut error
		weir.Listen(c, n, func(_, _ int) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			flushed = c.Flush(ctx)
			shut = c.Shutdown(ctx)
		})
		n.Set(c, 2)
		require.ErrorIs(t, flushed, context.DeadlineExceeded)
		require.ErrorIs(t, shut, context.DeadlineExceeded)
		require.NoError(t, c.Shutdown(t.Context()))
	})
}
