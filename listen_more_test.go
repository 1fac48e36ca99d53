package weir_test

// This file holds what listeners miss and make up for: Changed of paused and weak ones (G9), pauses of a chain (G13, L1), loops through
// a Ref (G13), listeners that come in a turn (P9), and what is staged in a Batch (P6).

import (
	"context"
	"iter"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestG9ChangedOfPausedWeakAndSelected(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		n := scenarioNumber(0)
		s := weir.Listen(c, n, nil)
		ch := s.Changed()
		has := func() bool {
			select {
			case <-ch:
				return true
			default:
				return false
			}
		}
		require.False(t, has())
		n.Set(c, 1)
		n.Set(c, 2)
		require.True(t, has())
		require.False(t, has())
		s.Pause()
		n.Set(c, 3)
		require.False(t, has(), "paused")
		s.Resume()
		require.True(t, has(), "resumed")
		s.Pause()
		n.Set(c, 4)
		n.Set(c, 3)
		s.Resume()
		require.False(t, has(), "nothing missed")
		w := weir.Listen(c, weir.Select(n, func(v int) bool { return v > 10 }), nil, weir.Weak())
		ch = w.Changed()
		n.Set(c, 5)
		require.False(t, has())
		n.Set(c, 15)
		require.True(t, has())
		w.Close()
		s.Close()
		n.Set(c, 1)
		require.False(t, has())
	})
}

func TestG13APausedChainIsBuiltOnceOnResume(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		n := scenarioNumber(0)
		builds := 0
		d := weir.NewProvider(func(ref weir.Ref) int { builds++; return weir.Watch(ref, n) / 2 })
		var log trace
		s := weir.Listen(c, d, func(a, b int) { log.add("%d->%d", a, b) })
		s.Pause()
		s.Pause()
		for i := range 9 {
			n.Set(c, i)
		}
		require.Equal(t, 1, builds)
		s.Resume()
		require.True(t, s.IsPaused())
		log.want(t, "still paused")
		s.Resume()
		log.want(t, "resumed", "0->4")
		require.Equal(t, 2, builds)
		s.Resume()
		s.Pause()
		require.True(t, s.IsPaused(), "a Resume too many counts for nothing")
		n.Set(c, 100)
		n.Set(c, 9)
		s.Resume()
		log.want(t, "came back to the same")
		var s2 *weir.Subscription[int]
		s2 = weir.Listen(c, d, func(a, b int) { log.add("2: %d->%d", a, b); s2.Pause() })
		n.Set(c, 20)
		log.want(t, "paused itself", "4->10", "2: 4->10")
		n.Set(c, 40)
		log.want(t, "paused", "10->20")
		s2.Resume()
		log.want(t, "resumed", "2: 10->20")
		s.Close()
		s2.Close()
		s2.Resume()
		log.want(t, "closed")
	})
}

func TestG13LoopsThroughARefEndWithItsBuild(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		n := scenarioNumber(0)
		f := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) { return weir.Watch(ref, n), nil })
		var ended atomic.Int32
		var log trace
		p := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
			go func() {
				for v, err := range weir.Results(context.Background(), ref, f) {
					log.add("%d %v", v, err)
				}
				ended.Add(1)
			}()
			next, stop := iter.Pull(weir.Values(ref.Context(), ref, n))
			defer stop()
			v, _ := next()
			return v, nil
		}, weir.AutoDispose())
		s := weir.Listen(c, p, nil)
		settle()
		n.Set(c, 1)
		settle()
		log.want(t, "both", "0 <nil>", "1 <nil>")
		require.Zero(t, ended.Load())
		c.Invalidate(p)
		settle()
		require.Equal(t, int32(1), ended.Load())
		log.want(t, "the new one", "1 <nil>")
		s.Close()
		settle()
		n.Set(c, 2)
		settle()
		gone()
		require.Equal(t, int32(2), ended.Load())
	})
}

func TestP9AListenerAddedInATurnHearsOfTheNextChange(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		n := scenarioNumber(0)
		var log trace
		var added *weir.Subscription[int]
		s1 := weir.Listen(c, n, func(a, b int) {
			log.add("1: %d->%d", a, b)
			if added == nil {
				added = weir.Listen(c, n, func(a, b int) { log.add("added: %d->%d", a, b) })
			}
			if b == 1 {
				n.Set(c, 2)
				require.Equal(t, 2, weir.Read(c, n))
			}
		})
		s2 := weir.Listen(c, n, func(a, b int) { log.add("2: %d->%d", a, b) })
		n.Set(c, 1)
		settle()
		log.want(t, "nested", "1: 0->1", "2: 0->2", "1: 1->2", "added: 1->2")
		s1.Close()
		s2.Close()
		added.Close()
	})
}

func TestP6StagingNestingAndNetEffect(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		a := scenarioNumber(1, weir.Name("a"))
		b := scenarioNumber(2, weir.Name("b"))
		builds := 0
		sum := weir.NewProvider(func(ref weir.Ref) int { builds++; return weir.Watch(ref, a) + weir.Watch(ref, b) })
		var log trace
		s := weir.Listen(c, sum, func(p, n int) { log.add("%d->%d", p, n) })
		sa := weir.Listen(c, a, func(p, n int) { log.add("a %d->%d", p, n) })
		c.Batch(func(tx *weir.Tx) {
			a.Set(tx, 5)
			require.Equal(t, 5, weir.Read(tx, a))
			require.Equal(t, 1, weir.Read(c, a))
			require.Equal(t, 6, a.Update(tx, func(v int) int { return v + 1 }))
			a.Set(tx, 1)
			require.Equal(t, 1, weir.Read(tx, a))
		})
		log.want(t, "nothing is left of it")
		require.Equal(t, 1, builds)
		c.Batch(func(tx *weir.Tx) {
			a.Set(tx, 2)
			b.Set(tx, 1)
		})
		log.want(t, "the sum is the same", "a 1->2")
		require.Equal(t, 2, builds)
		c.Batch(func(tx *weir.Tx) {
			a.Set(tx, 10)
			c.Batch(func(tx2 *weir.Tx) {
				require.Equal(t, 2, weir.Read(tx2, a))
				b.Set(tx2, 100)
			})
			require.Equal(t, 100, weir.Read(tx, b))
			require.Equal(t, 2, weir.Read(c, a))
		})
		log.want(t, "a batch in a batch stages for itself", "3->102", "a 2->10", "102->110")
		s.Close()
		sa.Close()
	})
}
