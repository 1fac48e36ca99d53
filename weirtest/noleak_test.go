package weirtest

// This file holds what New must not mistake for a leak.

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestWhatIsNoLeak(t *testing.T) {
	n := weir.NewStateProvider(func(weir.Ref) int { return 1 }, weir.Name("n"))
	slow := weir.NewFutureProvider(func(ctx context.Context, _ weir.Ref) (int, error) {
		<-ctx.Done()
		return 0, ctx.Err()
	}, weir.Name("slow"), weir.AutoDispose())
	listening := func(ref weir.Ref) int {
		weir.Listen(ref, n, nil)
		weir.Listen(ref, slow, nil)
		return weir.Read(ref, n)
	}
	for name, body := range map[string]func(t testing.TB, c *weir.Container){
		"nothing": func(testing.TB, *weir.Container) {},
		"a regular value": func(_ testing.TB, c *weir.Container) {
			weir.Read(c, n)
		},
		"standby": func(_ testing.TB, c *weir.Container) {
			p := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, n) }, weir.DisposeDelay(time.Hour))
			weir.Listen(c, p, nil).Close()
		},
		"CacheFor": func(_ testing.TB, c *weir.Container) {
			p := weir.NewProvider(func(ref weir.Ref) int { ref.CacheFor(time.Hour); return 1 }, weir.AutoDispose())
			weir.Listen(c, p, nil).Close()
		},
		"a keep-alive link": func(_ testing.TB, c *weir.Container) {
			p := weir.NewProvider(func(ref weir.Ref) int { ref.KeepAlive(); return 1 }, weir.DisposeDelay(0))
			weir.Listen(c, p, nil).Close()
		},
		"a build in flight that heeds its context": func(_ testing.TB, c *weir.Container) { weir.Read(c, slow) },
		"an Await that waits": func(_ testing.TB, c *weir.Container) {
			p := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) { return weir.Await(ref, slow) })
			q := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) { return weir.Await(ref, p) })
			weir.Read(c, q)
		},
		"a listener of a build": func(_ testing.TB, c *weir.Container) {
			p := weir.NewProvider(listening)
			weir.Listen(c, p, nil).Close()
		},
		"a listener of a build on standby": func(_ testing.TB, c *weir.Container) {
			p := weir.NewProvider(listening, weir.DisposeDelay(time.Hour))
			weir.Listen(c, p, nil).Close()
		},
		"a listener of a build in flight": func(_ testing.TB, c *weir.Container) {
			p := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
				listening(ref)
				<-ctx.Done()
				return 0, ctx.Err()
			})
			weir.Read(c, p)
		},
		"listeners of builds in flight that wait for one another": func(_ testing.TB, c *weir.Container) {
			src := weir.AsyncSource[int](slow)
			for range 5 {
				below := src
				src = weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
					listening(ref)
					return weir.Await(ref, below)
				})
			}
			weir.Read(c, weir.Source[weir.AsyncValue[int]](src))
		},
		"a retry that is pending": func(t testing.TB, c *weir.Container) {
			p := weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) { return 0, errBoom }, weir.Retry(weir.Backoff(time.Hour, time.Hour, 3)))
			sub := weir.Listen(c, p, nil)
			Settle(t, c)
			sub.Close()
		},
		"a subscription that a defer closes": func(t testing.TB, c *weir.Container) {
			defer weir.Listen(c, n, nil).Close()
		},
		"a subscription that a Cleanup closes": func(t testing.TB, c *weir.Container) {
			t.Cleanup(weir.Listen(c, n, nil).Close)
		},
		"a recorder": func(t testing.TB, c *weir.Container) {
			Record(t, c, n)
		},
		"a container that was closed": func(_ testing.TB, c *weir.Container) {
			weir.Listen(c, n, nil)
			c.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T) {
				outcome(t, func(t testing.TB) { body(t, New(t)) }).passes(t)
			})
		})
	}
}

// What the package comment says cannot be seen, as it is today: when one of these begins to fail, the comment has to change.
func TestWhatCannotBeSeen(t *testing.T) {
	n := weir.NewStateProvider(func(weir.Ref) int { return 1 }, weir.Name("n"))
	both(t, func(t *testing.T) {
		outcome(t, func(t testing.TB) { weir.Listen(New(t), n, nil).Pause() }).passes(t)
		outcome(t, func(t testing.TB) { weir.Listen(New(t), n, nil, weir.Weak()) }).passes(t)
		outcome(t, func(t testing.TB) {
			ctx, cancel := context.WithCancel(context.Background())
			c := New(t, weir.WithContext(ctx))
			weir.Listen(c, n, nil)
			cancel()
			<-c.Context().Done()
		}).passes(t)
		p := weir.NewProvider(func(ref weir.Ref) int { weir.Listen(ref, n, nil); return 1 }, weir.Name("p"))
		f := outcome(t, func(t testing.TB) { weir.Listen(New(t), p, nil) })
		require.Len(t, f.errors, 2)
		require.Contains(t, f.errors[0], "weirtest: n (")
		require.Contains(t, f.errors[0], "close that one's first")
		require.Contains(t, f.errors[1], "weirtest: p (")
		bad := func() *weir.Provider[int] {
			return weir.NewProvider(func(ref weir.Ref) int { ref.OnDispose(func() { panic(errBoom) }); return 1 }, weir.Name("twin"))
		}
		one := bad()
		other := weir.NewStateProvider(func(weir.Ref) int { return 1 }, weir.Name("twin"))
		outcome(t, func(t testing.TB) {
			c := New(t)
			weir.Read(c, one)
			weir.Read(c, other)
		}).failsWith(t, "weirtest: twin (declared at noleak_test.go:", " and noleak_test.go:", "boom")
	})
}

// The checks themselves cost no time of a bubble, unless something hangs.
func TestNoTimePassesInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := weir.NewStateProvider(func(weir.Ref) int { return 1 })
		start := time.Now()
		outcome(t, func(t testing.TB) {
			c := New(t)
			weir.Listen(c, n, nil)
			Settle(t, c)
		}).failsWith(t, "1 listener was")
		require.Zero(t, time.Since(start))
	})
}
