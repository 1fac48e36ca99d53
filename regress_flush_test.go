package weir_test

// What a turn has put off to somebody else's build (G4), and the Flush that waits for it (G12).

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// gated is a provider that yields n's value; once that is not zero its build waits for a receive from gate.
func gated(n *weir.StateProvider[int]) (p *weir.Provider[int], gate chan struct{}) {
	gate = make(chan struct{})
	return weir.NewProvider(func(ref weir.Ref) int {
		v := weir.Watch(ref, n)
		if v > 0 {
			gate <- struct{}{}
		}
		return v
	}), gate
}

// deferral has a turn put a listener off: a reader is building what it depends on, and waits at gate.
type deferral struct {
	gate   chan struct{}
	sub    *weir.Subscription[int]
	heard  int
	below  *weir.Provider[int]
	reader <-chan struct{}
}

// newDeferrals makes k listeners that begin can put off; n is then 1.
func newDeferrals(c *weir.Container, n *weir.StateProvider[int], k int) (all []*deferral) {
	for range k {
		x := &deferral{}
		x.below, x.gate = gated(n)
		d := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, x.below) })
		x.sub = weir.Listen(c, d, func(_, v int) { x.heard = v })
		x.sub.Pause()
		all = append(all, x)
	}
	n.Set(c, 1)
	return all
}

func (x *deferral) begin(t *testing.T, c *weir.Container) {
	x.reader = async(t, func() { weir.Read(c, x.below) })
	settle()
	x.sub.Resume()
	settle()
}

func (x *deferral) finish(t *testing.T) {
	<-x.gate
	await(t, "the reader", x.reader)
	settle()
}

func TestG4WhatATurnPutOffDoesNotWaitForTheReader(t *testing.T) {
	// A reader of x builds e, and a turn puts d, which watches e too, off until that is done. It is, but the reader goes on for long: it
	// builds x, or waits for what another builds. Planted bug: nobody begins a turn until the reader is through, so d's listener waits
	// for what it has nothing to do with.
	for _, then := range []string{"builds on", "waits", "reads on"} {
		t.Run(then, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newContainer(t)
				n := listenState(0)
				e, gate := gated(n)
				slow, slowGate := gated(n)
				x := weir.NewProvider(func(ref weir.Ref) int {
					v := weir.Watch(ref, e)
					switch {
					case v == 0:
					case then == "builds on":
						slowGate <- struct{}{}
					case then == "reads on":
						return v + weir.Read(ref, slow)
					default:
						return v + weir.Watch(ref, slow)
					}
					return v
				})
				d := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, e) })
				weir.Read(c, x)
				heard := 0
				s := weir.Listen(c, d, func(_, v int) { heard = v })
				s.Pause()
				n.Set(c, 1)
				var other <-chan struct{}
				if then == "waits" {
					other = async(t, func() { weir.Read(c, slow) })
					settle()
				}
				reader := async(t, func() { weir.Read(c, x) })
				settle()
				s.Resume()
				settle()
				require.Zero(t, heard)
				<-gate
				settle()
				require.Equal(t, 1, heard, "e is built")
				<-slowGate
				await(t, "the reader", reader)
				if other != nil {
					await(t, "the other reader", other)
				}
			})
		})
	}
}

func TestG4AnOnDisposeHookDoesNotHoldUpWhatItsElementIsDoneWith(t *testing.T) {
	// A reader ends a build of e and runs its hooks; a turn puts d off until those have returned, and then the reader's own build takes long.
	// Planted bug: as above, after hooks.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		n := listenState(0)
		hook := make(chan struct{})
		between := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, n) })
		e := weir.NewProvider(func(ref weir.Ref) int {
			v := weir.Watch(ref, between)
			if v == 0 {
				ref.OnDispose(func() { <-hook })
			}
			return v
		})
		gate := make(chan struct{})
		x := weir.NewProvider(func(ref weir.Ref) int {
			v := weir.Watch(ref, e)
			if v > 0 {
				gate <- struct{}{}
			}
			return v
		})
		d := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, e) })
		weir.Read(c, x)
		heard := 0
		s := weir.Listen(c, d, func(_, v int) { heard = v })
		s.Pause()
		n.Set(c, 1)
		reader := async(t, func() { weir.Read(c, x) }) // is in the hook
		settle()
		s.Resume()
		settle()
		require.Zero(t, heard)
		close(hook)
		settle()
		require.Equal(t, 1, heard, "e is built")
		<-gate
		await(t, "the reader", reader)
	})
}

func TestG12FlushDoesNotWaitForWhatIsPutOffAfterIt(t *testing.T) {
	// Readers that overlap keep something put off at every moment; what was before the Flush is delivered early. Planted bug: wait until
	// nothing is put off at all, which may be never.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		n := listenState(0)
		all := newDeferrals(c, n, 6)
		all[0].begin(t, c)
		flushed := async(t, func() { require.NoError(t, c.Flush(t.Context())) })
		settle()
		select {
		case <-flushed:
			t.Error("Flush has returned, but a listener has not heard of what was written before it")
		default:
		}
		all[1].begin(t, c)
		all[0].finish(t)
		require.Equal(t, 1, all[0].heard)
		await(t, "Flush", flushed)
		for i := 2; i < len(all); i++ {
			all[i].begin(t, c)
			all[i-1].finish(t)
		}
		all[len(all)-1].finish(t)
		for _, x := range all {
			require.Equal(t, 1, x.heard)
		}
	})
}

func TestG12FlushDoesNotWaitForAListenerThatHasLeft(t *testing.T) {
	// It was put off, and closed or paused while Flush waits. Planted bug: look only for what is put off, not for who wants it.
	for how, leave := range map[string]func(s *weir.Subscription[int]){
		"closed": func(s *weir.Subscription[int]) { s.Close() },
		"paused": func(s *weir.Subscription[int]) { s.Pause() },
	} {
		for _, when := range []string{"before", "while it waits"} {
			t.Run(how+", "+when, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					c := newContainer(t)
					x := newDeferrals(c, listenState(0), 1)[0]
					x.begin(t, c)
					if when == "before" {
						leave(x.sub)
						settle()
					}
					flushed := async(t, func() { require.NoError(t, c.Flush(t.Context())) })
					settle()
					if when != "before" {
						leave(x.sub)
					}
					await(t, "Flush", flushed)
					x.finish(t)
					require.Zero(t, x.heard)
				})
			})
		}
	}
}

func TestFlushWaitsForATurnThatBecomesAReader(t *testing.T) {
	// A turn builds sum, and that waits for part, which a reader is building: another goroutine goes on with the turn, and finds nothing to do.
	// Planted bug: the turn that goes on does not know that sum is being built for its listeners.
	bubble(t, func(t *testing.T) {
		c, s := newContainer(t), listenState(1)
		var inSum, inPart chan struct{} // they wait for these once they are set
		part := weir.NewProvider(func(ref weir.Ref) int {
			if inPart != nil {
				<-inPart
			}
			return weir.Watch(ref, s)
		})
		sum := weir.NewProvider(func(ref weir.Ref) int {
			v := weir.Watch(ref, s)
			if inSum != nil {
				<-inSum
			}
			return v + weir.Watch(ref, part)
		})
		var heard []int
		sub := weir.Listen(c, sum, func(_, v int) { heard = append(heard, v) })
		defer sub.Close()
		inSum, inPart = make(chan struct{}), make(chan struct{})
		writer := async(t, func() { s.Set(c, 2) })
		settle()
		reader := async(t, func() { weir.Read(c, part) })
		settle()
		close(inSum)
		settle()
		flush := async(t, func() { require.NoError(t, c.Flush(context.Background())) })
		settle()
		select {
		case <-flush:
			t.Error("Flush has returned, and the listener has not heard of what was written before")
		default:
		}
		close(inPart)
		<-flush
		require.Equal(t, []int{4}, heard)
		<-writer
		<-reader
	})
}

func TestFlushOfAChildHearsThatNothingCameOfWhatWasPutOff(t *testing.T) {
	// A turn of the child has put p off, which a reader is building, and that comes to what was there before: there is nothing to deliver, but a
	// Flush that waits. Planted bug: nobody looks at the child again.
	for name, child := range map[string]bool{"the root": false, "a child": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s, z := listenState(0, weir.Scoped()), listenState(0, weir.Scoped())
				c := newContainer(t)
				if child {
					c = newContainer(t, weir.WithParent(c), s.OverrideWithValue(0), z.OverrideWithValue(0))
				}
				var gate chan struct{} // of p, once it is set
				p := weir.NewProvider(func(ref weir.Ref) int {
					if gate != nil {
						<-gate
					}
					return weir.Watch(ref, s) / 10
				}, weir.Scoped(s))
				defer weir.Listen(c, p, nil).Close()
				hold := make(chan struct{})
				defer weir.Listen(c, z, func(int, int) { <-hold }).Close()
				turn := async(t, func() { z.Set(c, 1) })
				settle()
				s.Set(c, 1)
				gate = make(chan struct{})
				reader := async(t, func() { weir.Read(c, p) })
				settle()
				close(hold)
				<-turn
				flush := async(t, func() { require.NoError(t, c.Flush(context.Background())) })
				settle()
				close(gate)
				<-reader
				settle()
				select {
				case <-flush:
				default:
					t.Error("Flush hangs")
					s.Set(c, 20)
				}
			})
		})
	}
}

func TestG12FlushWaitsForWhatIsPutOffAgain(t *testing.T) {
	// Planted bug: forget that something was put off when the build that it was put off for is done, or give it another number then.
	bubble(t, func(t *testing.T) {
		c, s, z := newContainer(t), listenState(0), listenState(0)
		var gate chan struct{}
		p := weir.NewProvider(func(ref weir.Ref) int {
			v := weir.Watch(ref, s)
			if gate != nil {
				<-gate
			}
			return v
		})
		var heard []int
		defer weir.Listen(c, p, func(_, v int) { heard = append(heard, v) }).Close()
		hold := make(chan struct{})
		defer weir.Listen(c, z, func(int, int) { <-hold }).Close()
		turn := async(t, func() { z.Set(c, 1) })
		settle()
		s.Set(c, 1)
		gate = make(chan struct{})
		reader := async(t, func() { weir.Read(c, p) })
		settle()
		close(hold)
		<-turn
		flush := async(t, func() { require.NoError(t, c.Flush(context.Background())) })
		settle()
		c.Invalidate(p) // the reader's build is discarded, and it builds again
		gate <- struct{}{}
		settle()
		select {
		case <-flush:
			t.Error("Flush has returned, and nobody has heard of 1: ", heard)
		default:
		}
		close(gate)
		<-reader
		<-flush
		require.Equal(t, []int{1}, heard)
	})
}
