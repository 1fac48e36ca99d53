package weir_test

// Listeners of a notifier on itself come first (N6), within the bounds that hold for all listeners (P7, G4).

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// listening makes a provider of notifiers that listen on themselves with hear.
func listening(hear func(n *noteSync, next int)) *weir.NotifierProvider[*noteSync, int] {
	return syncNotes(func(_ weir.Ref, n *noteSync) int {
		n.ListenSelf(func(_, next int) { hear(n, next) })
		return 0
	})
}

func TestN6ListenSelfHearsBeforeTheOthersWhatOneOfThemWrites(t *testing.T) {
	// Planted bug: have the listeners that are left hear the newest value first.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		p := listening(func(_ *noteSync, next int) { log.add("self %d", next) })
		n := p.Notifier(c)
		weir.Listen(c, p, func(_, next int) {
			log.add("first %d", next)
			if next == 1 {
				n.Set(2)
			}
		})
		weir.Listen(c, p, func(_, next int) { log.add("second %d", next) })
		log.take()
		n.Set(1)
		log.want(t, "Set", "self 1", "first 1", "self 2", "second 2", "first 2")
	})
}

func TestP7AListenSelfThatFeedsItselfIsClosed(t *testing.T) {
	// Planted bug: count the calls of other listeners only.
	guard(t, func(t *testing.T) {
		c, told := toldContainer(t)
		calls := 0
		p := listening(func(n *noteSync, next int) {
			if calls++; next > 0 && calls < 100_000 {
				n.Set(next + 1)
			}
		})
		n := p.Notifier(c)
		heard := 0
		weir.Listen(c, p, func(int, int) { heard++ })
		n.Set(1)
		require.Less(t, calls, 2000)
		require.Len(t, told.take(), 1)
		before := calls
		n.Set(-1)
		require.Equal(t, before, calls, "it is closed")
		require.Positive(t, heard)
		usable(t, c)
	})
}

func TestP7AListenSelfThatEndsIsNoLoop(t *testing.T) {
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		p := listening(func(n *noteSync, next int) {
			if next > 0 && next < 500 {
				n.Set(next + 1)
			}
		})
		n := p.Notifier(c)
		n.Set(1)
		require.Equal(t, 500, n.State())
	})
}

func TestG4ListenSelfHoldsNobodyHostage(t *testing.T) {
	// Somebody writes faster than a listener on itself hears. Planted bug: call those on themselves until there is nothing left to tell.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		p := listening(func(*noteSync, int) { time.Sleep(2 * time.Millisecond) })
		n := p.Notifier(c)
		var calls atomic.Int32
		weir.Listen(c, p, func(int, int) { calls.Add(1) })
		var stop atomic.Bool
		writing := async(t, func() {
			for i := 2; !stop.Load(); i++ {
				time.Sleep(time.Millisecond)
				n.Set(i)
			}
		})
		began := time.Now()
		n.Set(1)
		require.Less(t, time.Since(began), time.Second)
		pass(time.Second)
		require.Greater(t, calls.Load(), int32(5), "others are heard in between")
		stop.Store(true)
		await(t, "who writes", writing)
	})
}
