package weir_test

// This file holds what ways that were made quick must not leave out: a build that watches less than the last one (P8), or comes back
// late to what it watched (D6), the times that CacheFor and a touch stand for (L4), and in what order a turn comes back to what it has
// put off (G3).

import (
	"fmt"
	"runtime"
	"testing"
	"time"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestP8ABuildOfManyWatchesMayWatchFew(t *testing.T) {
	// The first build watches more than a word has places for, the second only the first few of them, as many as are left over when
	// places are counted round. Planted bug: compare the word with one that is put together from a number that does not fit.
	const places = 1 << 12
	for _, few := range []int{1, 2} {
		for builds := range 2 { // the number of a build is in that word too
			t.Run(fmt.Sprint(few, builds), func(t *testing.T) {
				c := newContainer(t)
				on := weir.NewStateProvider(func(weir.Ref) bool { return true })
				one := weir.NewFamily(func(k int) *weir.Provider[int] {
					return weir.NewProvider(func(weir.Ref) int { return 1 })
				}, weir.DisposeDelay(0))
				sum := weir.NewProvider(func(ref weir.Ref) (n int) {
					k := few
					if weir.Watch(ref, on) {
						k += places
					}
					for i := range k - 1 {
						n += weir.Watch(ref, one.Of(i))
					}
					return n
				})
				var told []int
				weir.Listen(c, sum, func(_, n int) { told = append(told, n) })
				for range builds {
					weir.Read(c, one.Of(-1))
				}
				on.Set(c, false)
				require.Equal(t, []int{few - 1}, told)
				require.False(t, c.Exists(one.Of(places-1)), "nobody watches it any more")
				for _, e := range c.Snapshot().Elements {
					if e.Provider == weir.AnyProvider(sum) {
						require.Equal(t, few, len(e.Dependencies))
					}
				}
			})
		}
	}
}

func TestL4CacheForCountsFromItsBuild(t *testing.T) {
	// A build on standby asks for CacheFor, long after the last listener left: nobody has left this one. Planted bug: count from when
	// the last listener of the build before left.
	for _, late := range []bool{false, true} {
		t.Run(fmt.Sprint("late ", late), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newContainer(t)
				n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
				var last weir.Ref
				p := weir.NewProvider(func(ref weir.Ref) int {
					last = ref
					v := weir.Watch(ref, n)
					if v > 0 && !late {
						ref.CacheFor(10 * time.Second)
					}
					return v
				}, weir.DisposeDelay(time.Second))
				pass(time.Second)
				weir.Listen(c, p, nil).Close()
				for range 30 {
					pass(900 * time.Millisecond)
					weir.Read(c, p) // a touch
				}
				n.Set(c, 1)
				weir.Read(c, p)
				if late {
					last.CacheFor(10 * time.Second)
				}
				pass(9 * time.Second)
				require.True(t, c.Exists(p))
				pass(2 * time.Second)
				require.False(t, c.Exists(p))
			})
		})
	}
}

func TestL4CacheForAgainIsNoTouch(t *testing.T) {
	// The longest of several calls counts, from the beginning of the build if nobody ever listened. Planted bug: count from the last call.
	for _, early := range []time.Duration{0, time.Second} {
		t.Run(fmt.Sprint("at ", early), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newContainer(t)
				pass(early)
				var last weir.Ref
				p := weir.NewProvider(func(ref weir.Ref) int {
					last = ref
					ref.CacheFor(10 * time.Second)
					return 1
				}, weir.DisposeDelay(time.Second))
				weir.Read(c, p)
				pass(9 * time.Second)
				last.CacheFor(time.Second)
				pass(2 * time.Second)
				require.False(t, c.Exists(p))
			})
		})
	}
}

func TestL4AWatchOnStandbyIsATouch(t *testing.T) {
	// A build that is on standby watches once more what it watches already: when it goes, that stays for one more delay. Planted bug:
	// see without the lock that it is watched already, and say nothing.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		below := weir.NewProvider(func(weir.Ref) int { return 1 }, weir.DisposeDelay(time.Second))
		var last weir.Ref
		above := weir.NewProvider(func(ref weir.Ref) int {
			last = ref
			return weir.Watch(ref, below)
		}, weir.DisposeDelay(time.Second))
		weir.Read(c, above)
		pass(900 * time.Millisecond)
		require.Equal(t, 1, weir.Watch(last, below))
		pass(200 * time.Millisecond)
		require.False(t, c.Exists(above))
		require.True(t, c.Exists(below))
		pass(time.Second)
		require.False(t, c.Exists(below))
	})
}

func TestG3WhatWasPutOffComesBackInOrder(t *testing.T) {
	// A turn puts three elements off, because a reader is building what they watch. Planted bug: come back to the last one first.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		n := listenState(0)
		below, gate := gated(n)
		var log trace
		var subs []*weir.Subscription[int]
		for i := range 3 {
			p := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, below) })
			sub := weir.Listen(c, p, func(_, next int) { log.add("%d", i) })
			sub.Pause()
			subs = append(subs, sub)
		}
		n.Set(c, 1)
		reader := async(t, func() { weir.Read(c, below) })
		settle()
		for _, sub := range subs {
			sub.Resume()
		}
		settle()
		log.want(t, "while it is built")
		<-gate
		await(t, "the reader", reader)
		settle()
		log.want(t, "then", "0", "1", "2")
	})
}

func TestG6AListenerThatHasLeftIsNotKept(t *testing.T) {
	// Planted bug: leave the first listener where it was when there were more than one place for.
	c := newContainer(t)
	s := listenState(0)
	listen := func() (*weir.Subscription[int], weak.Pointer[[64]int]) {
		big := new([64]int) // not so small that it shares its memory
		return weir.Listen(c, s, func(_, next int) { big[0] = next }), weak.Make(big)
	}
	first, held := listen()
	second, _ := listen()
	s.Set(c, 1)
	first.Close()
	first = nil
	for range 10 {
		if runtime.GC(); held.Value() == nil {
			break
		}
	}
	require.Nil(t, held.Value())
	second.Close()
}

func TestD6ALateWatchOfWhatIsWatchedIsNoOther(t *testing.T) {
	// A rebuild watches what the last build did, without a look-up; a Watch after it comes to the same source. Planted bug: mark what was
	// watched only when something else is watched after it.
	for _, rebuilt := range []bool{false, true} {
		t.Run(fmt.Sprint("rebuilt ", rebuilt), func(t *testing.T) {
			c := newContainer(t)
			var log trace
			n := weir.NewStateProvider(func(ref weir.Ref) int {
				ref.OnAddListener(log.on("added"))
				ref.OnRemoveListener(log.on("removed"))
				return 0
			})
			var last weir.Ref
			p := weir.NewProvider(func(ref weir.Ref) int {
				last = ref
				return weir.Watch(ref, n)
			})
			weir.Read(c, n)
			weir.Read(c, p)
			if rebuilt {
				n.Set(c, 1)
				weir.Read(c, p)
			}
			log.take()
			weir.Watch(last, n)
			weir.Watch(last, n)
			n.Set(c, 2)
			weir.Read(c, p)
			log.want(t, "the one watch goes on")
		})
	}
}
