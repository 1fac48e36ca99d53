package weir_test

// This file holds how long CacheFor keeps beside the dispose delay, and what DisposeUnused takes (L4).

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestL4HowLongCacheForKeeps(t *testing.T) {
	for _, tc := range []struct {
		name  string
		opts  []weir.ProviderOption
		cache []time.Duration
		want  time.Duration // after the last listener left
	}{
		{"longer than the delay", []weir.ProviderOption{weir.AutoDispose()}, []time.Duration{time.Second}, time.Second},
		{"shorter than the delay", []weir.ProviderOption{weir.AutoDispose()}, []time.Duration{10 * time.Millisecond}, 10 * time.Millisecond},
		{"zero delay", []weir.ProviderOption{weir.DisposeDelay(0)}, []time.Duration{time.Second}, time.Second},
		{"longest of two", []weir.ProviderOption{weir.DisposeDelay(0)}, []time.Duration{2 * time.Second, time.Second}, 2 * time.Second},
		{"longest of two, last", []weir.ProviderOption{weir.DisposeDelay(0)}, []time.Duration{time.Second, 2 * time.Second}, 2 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newContainer(t)
				start := time.Now()
				var gone time.Duration = -1
				p := weir.NewProvider(func(ref weir.Ref) int {
					for _, d := range tc.cache {
						ref.CacheFor(d)
					}
					ref.OnDispose(func() { gone = time.Since(start) })
					return 1
				}, tc.opts...)
				s := weir.Listen(c, p, nil)
				pass(5 * time.Second)
				s.Close()
				start = time.Now()
				pass(tc.want / 2)
				s = weir.Listen(c, p, nil)
				pass(time.Hour)
				s.Pause()
				pass(time.Hour)
				require.Negative(t, gone, "a paused listener keeps")
				start = time.Now()
				s.Close()
				pass(time.Hour)
				require.Equal(t, tc.want, gone)
			})
		})
	}
}

func TestL4DisposeUnusedLeavesWhatIsKept(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		mk := func(name string, f func(ref weir.Ref), watch ...weir.Source[int]) *weir.Provider[int] {
			return weir.NewProvider(func(ref weir.Ref) int {
				for _, w := range watch {
					weir.Watch(ref, w)
				}
				if f != nil {
					f(ref)
				}
				ref.OnDispose(log.on(name))
				return 1
			}, weir.AutoDispose(), weir.Name(name))
		}
		a := mk("a", nil)
		b := mk("b", nil, a)
		kept := mk("kept", func(ref weir.Ref) { ref.KeepAlive() })
		cached := mk("cached", func(ref weir.Ref) { ref.CacheFor(time.Hour) })
		used := mk("used", nil)
		paused := mk("paused", nil)
		below := mk("below", nil)
		over := mk("over", func(ref weir.Ref) { ref.KeepAlive() }, below)
		for _, p := range []*weir.Provider[int]{a, b, kept, cached, used, paused, below, over} {
			weir.Read(c, p)
		}
		s := weir.Listen(c, used, nil)
		s2 := weir.Listen(c, paused, nil)
		s2.Pause()
		c.DisposeUnused()
		got := log.take()
		require.ElementsMatch(t, []string{"a", "b", "cached"}, got)
		inOrder(t, got, "b", "a")
		s.Close()
		s2.Close()
		c.DisposeUnused()
		log.wantSet(t, "the rest", "used", "paused")
	})
}

func TestL4DisposeUnusedLeavesWhatOthersUse(t *testing.T) {
	// What the disposed ones watched goes with them unless somebody else watches it, or keeps it. Planted bug: take it along in any case.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		mk := func(name string, watch ...weir.Source[int]) *weir.Provider[int] {
			return weir.NewProvider(func(ref weir.Ref) int {
				for _, w := range watch {
					weir.Watch(ref, w)
				}
				ref.OnDispose(log.on(name))
				return 1
			}, weir.AutoDispose(), weir.Name(name))
		}
		shared, alone, kept := mk("shared"), mk("alone"), mk("kept")
		weir.Listen(c, mk("user", shared), nil)
		weir.Listen(c, kept, nil)
		weir.Read(c, mk("a", shared, alone, kept))
		weir.Read(c, mk("b", alone, shared))
		c.DisposeUnused()
		log.wantSet(t, "what is unused", "a", "b", "alone")
		require.Equal(t, 2, info(t, c, "shared").Listeners+info(t, c, "kept").Listeners)
	})
}

func TestL4CacheForOfWhatWasLeftInTheSameTurn(t *testing.T) {
	// The time begins when the last listener leaves, also if CacheFor comes only then, and nobody had to look at the clock before.
	// Planted bug: take what has neither hooks nor links for untimed, though it knows when it was built (hasty).
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t)
		var ref weir.Ref
		left := time.Now()
		var kept time.Duration
		p := k.make(func(r weir.Ref) int {
			ref = r
			return 1
		}, weir.DisposeDelay(0))
		s := p.listen(c)
		pass(time.Hour)
		n := weir.NewStateProvider(func(weir.Ref) int { return 1 })
		weir.Listen(c, n, func(int, int) {
			s.Close()
			ref.CacheFor(time.Minute)
			ref.OnDispose(func() { kept = time.Since(left) })
			left = time.Now()
		})
		n.Set(c, 2)
		pass(time.Hour)
		require.Equal(t, time.Minute, kept)
	})
}

func TestL4CacheForCountsFromWhenTheLastListenerLeft(t *testing.T) {
	// Also if it is asked for only some time later, before anything is disposed. Planted bug: count from the call.
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t)
		var ref weir.Ref
		p := k.make(func(r weir.Ref) int {
			ref = r
			return 1
		}, weir.DisposeDelay(time.Second))
		s := p.listen(c)
		pass(time.Hour)
		s.Close()
		pass(900 * time.Millisecond)
		ref.CacheFor(time.Minute)
		pass(time.Minute - 900*time.Millisecond - 1)
		require.True(t, c.Exists(p.id))
		pass(1)
		require.False(t, c.Exists(p.id))
	})
}

func TestL4CacheForOfWhatNobodyListenedToCountsFromItsBuild(t *testing.T) {
	// Of a plain value it is not known when it was built, of all that can fail it is. Planted bug: count from the call.
	eachKind(t, func(t *testing.T, k kind) {
		if !k.async {
			t.Skip("not timed")
		}
		c := newContainer(t)
		var ref weir.Ref
		p := k.make(func(r weir.Ref) int {
			ref = r
			return 1
		}, weir.DisposeDelay(time.Second))
		p.read(c)
		pass(900 * time.Millisecond)
		ref.CacheFor(time.Minute)
		pass(time.Minute - 900*time.Millisecond - 1)
		require.True(t, c.Exists(p.id))
		pass(1)
		require.False(t, c.Exists(p.id))
	})
}
