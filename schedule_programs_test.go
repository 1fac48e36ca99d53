//go:build weirsched

package weir

// This file owns the list of the programs, what they share, and those about values: P, G3,
// G5, G13.

import (
	"context"
	"errors"
	"time"
)

// programs are two or three goroutines each, with a rule that must hold on the way and at
// the end whoever goes on first. They are small because every schedule of them is to be
// tried.
//
// Planted once, each in a copy, and found by depth first with two preemptions or less:
//
//   - Batch writes without hiding what it is about to change (batch, 1)
//   - a write that does not look again, under the lock, whether the value is still what it has
//     compared: an Update is lost (flush, 1)
//   - a build may begin before the OnDispose hooks of the last have returned (leave, 1; late, 2)
//   - OnCancel registered on standby does not run (hooks, 1)
//   - Resume does not look whether something has changed (pause, 2)
//   - an asynchronous function begins while the last one runs (retry, 0; invalidate, 1)
//   - a reader waits for a build without searching for a cycle: both ends hang (cycle, 0)
//   - Resolve begins to wait when it has let go of the lock: it misses the result (cancel, 1)
//   - an Update of an asynchronous notifier does not look, with its turn in hand, whether there
//     has been a build (update, 2)
//   - a turn begins while another runs (batch, 1)
//
// Found at random only, in seconds: a result is published although its build is over
// (invalidate), Flush does not wait for what was put off (flush), emit misses who came back
// (stream). Not found: a write that marks its dependents after the value is there, for there is
// no point between the two; a watch without the lock that does not look at the epoch; an element
// that is disposed although somebody is bringing it up to date.
func programs() []program {
	return []program{
		{"diamond", "P3 P4", diamond},
		{"batch", "P4 P6 G3", batches},
		{"pause", "P5 G13 L2", pauses},
		{"unsubscribe", "G5", unsubscribes},
		{"flush", "P5 G12", flushes},
		{"leave", "L2 L4 L5", func(w *world) { leaves(w, 0) }},
		{"late", "L4 L5", func(w *world) { leaves(w, time.Millisecond) }},
		{"hooks", "L2 L6", lateHooks},
		{"link", "L4 L9", links},
		{"invalidate", "C4 C5 A2", invalidates},
		{"retry", "C4 C5 A6", retries},
		{"cancel", "C6", cancels},
		{"stream", "A4 C5 L5", streams},
		{"cycle", "E2", func(w *world) { cycles(w, false) }},
		{"await", "E2", func(w *world) { cycles(w, true) }},
		{"update", "N6", updates},
		{"close", "G10 G12", closes},
		{"shut", "G10 G12 C5", shuts},
		{"child", "S3 G5", children},
		{"handover", "G3 G11", handsOver},
		{"goexit", "G3 E3", exits},
	}
}

// quiet ends a program: everything is delivered, then all is shut down.
func (w *world) quiet(check func()) {
	w.last(func() {
		if err := w.root.Flush(context.Background()); err != nil {
			w.failf("Flush: %v", err)
		}
		if check != nil {
			check()
		}
		if err := w.root.Shutdown(context.Background()); err != nil {
			w.failf("Shutdown: %v", err)
		}
	})
}

// alone fails the run if its calls overlap: two listeners or hooks of one container (G3),
// two functions of one element (C5). The caller defers what it returns.
func (w *world) alone(inside *int, what string) (leave func()) {
	if *inside++; *inside > 1 {
		w.failf("%s: %d at a time", what, *inside)
	}
	w.step()
	return func() { *inside-- }
}

// heard is a listener that checks what it is told: each call begins where the last has
// ended, and changes something (P5).
type heard struct {
	w     *world
	last  int
	calls int
}

func (h *heard) hear(prev, next int) {
	h.calls++
	if prev != h.last || prev == next {
		h.w.failf("a listener that saw %d was told of %d -> %d", h.last, prev, next)
	}
	h.last = next
}

// Two Sets against a reader of a diamond and a listener to it: what is read was there at one
// moment, and is as new as what was set before.
func diamond(w *world) {
	c := w.container()
	a := NewStateProvider(func(Ref) int { return 0 })
	left := NewProvider(func(ref Ref) int { return Watch(ref, a) * 10 })
	right := NewProvider(func(ref Ref) int { return Watch(ref, a) * 100 })
	both := NewProvider(func(ref Ref) int { return Watch(ref, left) + Watch(ref, right) })
	whole := func(who string, v int) {
		if v%110 != 0 {
			w.failf("%s saw %d: made of two moments", who, v)
		}
	}
	h := &heard{w: w}
	Listen(c, both, func(prev, v int) { whole("a listener", v); h.hear(prev, v) })
	set := 0
	w.run("A", func() {
		a.Set(c, 1)
		if v := Read(c, both); v < 110 {
			w.failf("A read %d after it had set 1", v)
		}
		set++
	})
	w.run("B", func() { a.Set(c, 2); set++ })
	w.run("C", func() {
		before := set
		v := Read(c, both)
		whole("a reader", v)
		if before == 2 && v == 0 {
			w.failf("read %d after both Sets", v)
		}
	})
	w.quiet(func() {
		if now := Read(c, both); now != h.last || now != 110 && now != 220 {
			w.failf("at rest it is %d, the listener saw %d", now, h.last)
		}
	})
}

// A Batch against readers without the lock, of the states and of what is made of them, and
// against a turn.
func batches(w *world) {
	c := w.container()
	x := NewStateProvider(func(Ref) int { return 0 })
	y := NewStateProvider(func(Ref) int { return 0 })
	sum := NewProvider(func(ref Ref) int { return Watch(ref, x) + Watch(ref, y) })
	inside := 0
	h, hx := &heard{w: w}, &heard{w: w}
	whole := func(who string, v int) {
		if v%2 != 0 {
			w.failf("%s saw %d: half of a batch", who, v)
		}
	}
	Listen(c, sum, func(prev, v int) {
		defer w.alone(&inside, "listeners")()
		whole("a listener", v)
		h.hear(prev, v)
	})
	Listen(c, x, func(prev, v int) {
		defer w.alone(&inside, "listeners")()
		hx.hear(prev, v)
	})
	add := func(n int) {
		c.Batch(func(tx *Tx) {
			x.Set(tx, n)
			y.Set(tx, n)
		})
	}
	w.run("A", func() { add(1) })
	w.run("B", func() {
		vx := Read(c, x)
		if vy := Read(c, y); vx > 0 && vy == 0 {
			w.failf("x %d and then y %d", vx, vy)
		}
		whole("a reader", Read(c, sum))
	})
	w.run("C", func() {
		add(3)
		if v := Read(c, x); v != 3 && v != 1 {
			w.failf("read %d after it had set 3", v)
		}
	})
	w.quiet(func() {
		if v := Read(c, x); v != Read(c, y) || hx.last != v || h.last != 2*v || v == 0 {
			w.failf("x is %d, its listener saw %d, that of the sum %d", v, hx.last, h.last)
		}
	})
}

// Pause and Resume against deliveries: no call after Pause and a Flush, one on Resume if
// there is something to tell, and the hooks of what is listened to alternate.
func pauses(w *world) {
	c := w.container()
	a := NewStateProvider(func(Ref) int { return 0 })
	away := 0
	b := NewProvider(func(ref Ref) int {
		over := false // a hook that was about to run when it became so may run after OnDispose
		ref.OnCancel(func() {
			if over {
				return
			}
			if away++; away != 1 {
				w.failf("OnCancel twice")
			}
		})
		ref.OnResume(func() {
			if over {
				return
			}
			if away--; away != 0 {
				w.failf("OnResume without OnCancel")
			}
		})
		ref.OnDispose(func() { over, away = true, 0 })
		return Watch(ref, a)
	}, DisposeDelay(time.Second))
	quiet := false
	h := &heard{w: w}
	sub := Listen(c, b, func(prev, v int) {
		if quiet {
			w.failf("called although paused")
		}
		h.hear(prev, v)
	})
	w.run("A", func() {
		sub.Pause()
		_ = c.Flush(context.Background())
		quiet = true
		w.step()
		quiet = false
		sub.Resume()
	})
	w.run("B", func() { a.Set(c, 1); a.Set(c, 2) })
	w.quiet(func() {
		if h.last != 2 || away != 0 {
			w.failf("at rest the listener saw %d; away %d", h.last, away)
		}
	})
}

// Subscription.Close against deliveries: what was begun may end, and no more. Another
// listener misses nothing.
func unsubscribes(w *world) {
	c := w.container()
	a := NewStateProvider(func(Ref) int { return 0 })
	b := NewProvider(func(ref Ref) int { return Watch(ref, a) })
	closed, freed, late := false, false, 0
	sub := Listen(c, b, func(_, _ int) {
		if closed {
			late++
		}
		if w.step(); freed {
			w.failf("called after Close and Flush")
		}
	})
	h := &heard{w: w}
	Listen(c, b, h.hear)
	w.run("A", func() { a.Set(c, 1); a.Set(c, 2) })
	w.run("B", func() {
		sub.Close()
		closed = true
		_ = c.Flush(context.Background())
		if freed = true; late > 1 {
			w.failf("%d calls begun after Close", late)
		}
	})
	w.run("C", func() { Listen(c, b, nil).Close() })
	w.quiet(func() {
		if h.last != 2 {
			w.failf("the other listener saw %d", h.last)
		}
	})
}

// Flush against turns: what was written before it is delivered when it returns, whoever
// delivers, also if a reader is building it.
func flushes(w *world) {
	c := w.container()
	a := NewStateProvider(func(Ref) int { return 0 })
	b := NewProvider(func(ref Ref) int { v := Watch(ref, a); w.step(); return v })
	h := &heard{w: w}
	Listen(c, b, h.hear)
	flush := func(who string, v int) {
		if err := c.Flush(context.Background()); err != nil || h.last < v {
			w.failf("%s: Flush returned %v, and %d is not delivered: the listener saw %d", who, err, v, h.last)
		}
	}
	w.run("A", func() { flush("A", a.Update(c, func(v int) int { return v + 1 })) })
	w.run("B", func() { a.Update(c, func(v int) int { return v + 1 }) })
	w.run("C", func() { flush("C", Read(c, a)); Read(c, b) })
	w.quiet(func() {
		if h.last != 2 {
			w.failf("the listener saw %d", h.last)
		}
	})
}

var errCut = errors.New("cut")
