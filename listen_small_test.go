package weir_test

// This file holds what a turn owes several listeners of one small value, which it calls one from the other.

import (
	"fmt"
	"math"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestP5WhatAListenerMakesStaleIsBuiltBeforeTheNextListener(t *testing.T) {
	// Planted bug: call the next listener of the small value whatever has become stale.
	t.Parallel()
	c := newContainer(t)
	n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
	p := weir.NewProvider(func(ref weir.Ref) int { return 10 * weir.Watch(ref, n) })
	var heard []string
	for i := range 4 {
		weir.Listen(c, p, func(prev, next int) {
			heard = append(heard, fmt.Sprintf("%d: %d to %d", i, prev, next))
			if i == 1 && next == 10 {
				n.Set(c, 2)
			}
		})
	}
	n.Set(c, 1)
	require.Equal(t, []string{
		"0: 0 to 10", "1: 0 to 10", "2: 0 to 20", "3: 0 to 20", "0: 10 to 20", "1: 10 to 20",
	}, heard)
}

func TestN6ASelfListenerComesBeforeTheNextListenerOfAnother(t *testing.T) {
	// Planted bug: call the next listener of the small value whatever a listener on itself has to hear.
	t.Parallel()
	c := newContainer(t)
	n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
	var log trace
	notifier := listening(func(_ *noteSync, next int) { log.add("self %d", next) }).Notifier(c)
	for i := range 3 {
		weir.Listen(c, n, func(_, _ int) {
			log.add("%d", i)
			if i == 1 {
				notifier.Set(5)
			}
		})
	}
	log.take()
	n.Set(c, 1)
	log.want(t, "Set", "0", "1", "self 5", "2")
}

func TestP5EachListenerHearsWhatItSawLast(t *testing.T) {
	// They have seen different values, and hear of the same change. Planted bug: all are given what the first of them saw.
	t.Parallel()
	c := newContainer(t)
	n, other := weir.NewStateProvider(func(weir.Ref) int { return 0 }), weir.NewStateProvider(func(weir.Ref) int { return 0 })
	var heard []string
	var subs []*weir.Subscription[int]
	for i := range 4 {
		subs = append(subs, weir.Listen(c, n, func(prev, next int) {
			heard = append(heard, fmt.Sprintf("%d: %d to %d", i, prev, next))
		}))
	}
	weir.Listen(c, other, func(_, _ int) {
		n.Set(c, 3)
		subs[1].Resume()
		subs[2].Resume()
	})
	subs[2].Pause()
	n.Set(c, 1)
	subs[1].Pause()
	n.Set(c, 2)
	heard = nil
	other.Set(c, 1)
	require.Equal(t, []string{"0: 2 to 3", "1: 1 to 3", "2: 0 to 3", "3: 2 to 3"}, heard)
}

func TestP5AListenerThatPausesOrClosesTheNextIsTheLastToBeCalled(t *testing.T) {
	t.Parallel()
	for name, stop := range map[string]func(*weir.Subscription[int]){
		"Close": (*weir.Subscription[int]).Close, "Pause": (*weir.Subscription[int]).Pause,
	} {
		c := newContainer(t)
		n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		var subs []*weir.Subscription[int]
		calls := 0
		for range 3 {
			subs = append(subs, weir.Listen(c, n, func(_, _ int) {
				calls++
				for _, s := range subs[1:] {
					stop(s)
				}
			}))
		}
		n.Set(c, 1)
		require.Equal(t, 1, calls, name)
	}
}

func TestE3AListenerThatPanicsKeepsNobodyFromTheNext(t *testing.T) {
	t.Parallel()
	c, told := toldContainer(t)
	n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
	calls := 0
	for i := range 5 {
		weir.Listen(c, n, func(_, _ int) {
			calls++
			if i%2 == 1 {
				panic(i)
			}
		})
	}
	n.Set(c, 1)
	require.Equal(t, 5, calls)
	var panics []any
	for _, pe := range told.take() {
		panics = append(panics, pe.Value)
	}
	require.Equal(t, []any{1, 3}, panics)
}

func TestP7AFeedbackLoopBehindOthersIsClosed(t *testing.T) {
	// Planted bug: who is called by the listener before it is not counted.
	t.Parallel()
	c, r := toldContainer(t)
	n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
	first, calls := 0, 0
	weir.Listen(c, n, func(_, _ int) { first++ })
	weir.Listen(c, n, func(_, next int) {
		calls++
		n.Set(c, next+1)
	})
	within(t, "a Set whose listener feeds back", func() {
		n.Set(c, 1)
		require.NoError(t, c.Flush(t.Context()))
	})
	propagationLoop(t, c, r, 1)
	require.GreaterOrEqual(t, calls, 999)
	was := calls
	n.Set(c, -1)
	require.Equal(t, was, calls, "it is closed")
	require.Positive(t, first)
}

func TestP7WhoIsCalledAfterASuspectIsNotTakenForIt(t *testing.T) {
	// Each change is written by a listener of its own, which is called once. Planted bug: a listener that may feed itself calls the
	// next one, whose writes count as its own: it is closed.
	t.Parallel()
	const rounds = 3000
	c := newContainer(t)
	n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
	calls := 0
	weir.Listen(c, n, func(_, _ int) { calls++ })
	var once func()
	once = func() {
		var s *weir.Subscription[int]
		s = weir.Listen(c, n, func(_, next int) {
			s.Close()
			if next < rounds {
				once()
				n.Set(c, next+1)
			}
		})
	}
	once()
	for _, v := range []int{1, rounds + 1} {
		n.Set(c, v)
		require.NoError(t, c.Flush(t.Context())) // the turn may be too long for Set to wait for it
	}
	require.Equal(t, rounds+1, calls)
}

func TestP7AFeedbackLoopBeforeAListenerThatDoesNotReturnIsClosed(t *testing.T) {
	// Planted bug: what the listener has to be watched for is looked at when the next one, which it has called, has returned.
	for name, end := range map[string]func(){"panic": func() { panic("boom") }, "Goexit": runtime.Goexit} {
		bubble(t, func(t *testing.T) {
			c, _ := toldContainer(t)
			n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
			calls := 0
			weir.Listen(c, n, func(_, next int) {
				if calls++; calls < 5000 {
					n.Set(c, next+1)
				}
			})
			var another func()
			another = func() {
				var s *weir.Subscription[int]
				s = weir.Listen(c, n, func(_, _ int) {
					s.Close()
					another()
					end()
				})
			}
			another()
			go n.Set(c, 1)
			synctest.Wait()
			require.LessOrEqual(t, calls, 1001, name)
		})
	}
}

func TestD1AWeakListenerHearsOfAFirstValueThatIsZero(t *testing.T) {
	// Planted bug: take it for what the listener saw last.
	t.Parallel()
	c := newContainer(t)
	n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
	p := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, n) })
	var heard []int
	for range 2 {
		weir.Listen(c, p, func(_, next int) { heard = append(heard, next) }, weir.Weak())
	}
	require.Empty(t, heard)
	require.Zero(t, weir.Read(c, p))
	require.Equal(t, []int{0, 0}, heard)
}

func TestP1ListenersHearOfNoChangeBetweenEqualFloats(t *testing.T) {
	// 0 and -0 are two words and one value. Planted bug: compare the words of what is not exact.
	t.Parallel()
	c := newContainer(t)
	n := weir.NewStateProvider(func(weir.Ref) float64 { return 0 })
	other := weir.NewStateProvider(func(weir.Ref) int { return 0 })
	var subs []*weir.Subscription[float64]
	calls := 0
	for range 2 {
		s := weir.Listen(c, n, func(_, _ float64) { calls++ })
		s.Pause()
		subs = append(subs, s)
	}
	weir.Listen(c, other, func(_, _ int) {
		for _, s := range subs {
			s.Resume()
		}
	})
	n.Set(c, 1)
	n.Set(c, math.Copysign(0, -1))
	other.Set(c, 1)
	require.Zero(t, calls)
	n.Set(c, 1)
	require.Equal(t, 2, calls)
}

func TestE1AListenerThatHeardOfAFailureHearsOfTheNextValueOnce(t *testing.T) {
	// Planted bug: the failure is not forgotten, and each delivery after it is news.
	t.Parallel()
	c := newContainer(t)
	n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
	p := weir.NewProvider(func(ref weir.Ref) int {
		v := weir.Watch(ref, n)
		if v == 1 {
			panic("boom")
		}
		return v
	})
	var log trace
	var subs []*weir.Subscription[int]
	for range 2 {
		subs = append(subs, weir.Listen(c, p, func(prev, next int) { log.add("%d to %d", prev, next) }, weir.OnError(func(error) { log.add("failed") })))
	}
	n.Set(c, 1)
	n.Set(c, 0)
	log.want(t, "a failure and a value", "failed", "failed", "0 to 0", "0 to 0")
	for _, s := range subs {
		s.Pause()
		s.Resume()
	}
	log.want(t, "Resume")
}
