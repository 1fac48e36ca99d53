package weir_test

// This file holds runtime.Goexit in whatever is the user's but a build (E3): it ends its own goroutine, applies nothing by halves, and
// leaves the container whole. Goexit in builds is in panic_test.go and regress_goexit_test.go.

import (
	"context"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestE3GoexitInEveryFunctionOfTheUser(t *testing.T) {
	n := scenarioNumber(1)
	an := weir.NewAsyncNotifierProvider(func() *scenarioAsyncNotifier {
		return &scenarioAsyncNotifier{build: func(ref weir.Ref) (int, error) { return 1, nil }}
	})
	m := weir.NewMutation[int]()
	for name, fn := range map[string]func(c *weir.Container){
		"Update's f": func(c *weir.Container) { n.Update(c, func(int) int { runtime.Goexit(); return 1 }) },
		"Batch":      func(c *weir.Container) { c.Batch(func(tx *weir.Tx) { n.Set(tx, 99); runtime.Goexit() }) },
		"async Update's f": func(c *weir.Container) {
			an.Notifier(c).Update(context.Background(), func(int) (int, error) { runtime.Goexit(); return 1, nil })
		},
		"mutation": func(c *weir.Container) {
			m.Run(context.Background(), c, func(context.Context, weir.Scope) (int, error) { runtime.Goexit(); return 1, nil })
		},
		"Values": func(c *weir.Container) {
			for range weir.Values(context.Background(), c, n) {
				runtime.Goexit()
			}
		},
		"selector": func(c *weir.Container) { weir.Read(c, weir.Select(n, func(int) int { runtime.Goexit(); return 1 })) },
		"selector of Listen": func(c *weir.Container) {
			weir.Listen(c, weir.Select(n, func(int) int { runtime.Goexit(); return 1 }), nil)
		},
		"family create": func(c *weir.Container) {
			weir.NewFamily(func(int) *weir.Provider[int] { runtime.Goexit(); return nil }).Of(1)
		},
		"notifier create": func(c *weir.Container) {
			weir.Read(c, weir.NewNotifierProvider(func() *scenarioNotifier { runtime.Goexit(); return nil }))
		},
		"equality": func(c *weir.Container) {
			e := weir.NewStateProvider(func(weir.Ref) int { return 1 }, weir.Equal(func(a, b int) bool { runtime.Goexit(); return false }))
			e.Set(c, 2)
		},
		"equality in a batch": func(c *weir.Container) {
			e := weir.NewStateProvider(func(weir.Ref) int { return 1 }, weir.Equal(func(a, b int) bool { runtime.Goexit(); return false }))
			c.Batch(func(tx *weir.Tx) { e.Set(tx, 2); n.Set(tx, 50) })
		},
		"OnDispose by Invalidate": func(c *weir.Container) {
			p := weir.NewProvider(func(ref weir.Ref) int { ref.OnDispose(runtime.Goexit); return 1 })
			weir.Read(c, p)
			c.Invalidate(p)
		},
		"manual hook": func(c *weir.Container) {
			p := weir.NewProvider(func(ref weir.Ref) int { ref.OnManualInvalidation(runtime.Goexit); return 1 })
			weir.Read(c, p)
			c.Invalidate(p)
		},
		"late OnDispose": func(c *weir.Container) {
			var r weir.Ref
			p := weir.NewProvider(func(ref weir.Ref) int { r = ref; return 1 })
			weir.Read(c, p)
			c.Invalidate(p)
			r.OnDispose(runtime.Goexit)
		},
		"fire immediately": func(c *weir.Container) {
			weir.Listen(c, n, func(_, _ int) { runtime.Goexit() }, weir.FireImmediately())
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, _ := toldContainer(t)
				weir.Read(c, n)
				<-async(t, func() { fn(c) })
				settle()
				require.Equal(t, 1, weir.Read(c, n))
				usable(t, c)
				x, err := weir.Resolve(context.Background(), c, an)
				require.NoError(t, err)
				require.Equal(t, 1, x)
				_, err = an.Notifier(c).Update(context.Background(), func(v int) (int, error) { return 5, nil })
				require.NoError(t, err)
				for _, e := range c.Snapshot().Elements {
					require.Zero(t, e.Listeners, e.Name)
				}
				require.NoError(t, c.Shutdown(context.Background()))
			})
		})
	}
}
