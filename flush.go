package weir

// This file owns Flush: who waits for a sweep, and what a turn has put off that they wait
// for as well. The turn itself is turn.go's.

import (
	"context"
	"maps"
	"slices"

	"github.com/weir-go/weir/internal/graph"
)

// Flush returns when everything that was queued before the call has been delivered: nil,
// or the cause of ctx if that ends first. Inside a hook, listener or build it would wait
// for its own caller: only ctx ends it then (rule G12). A nil ctx is a *UsageError.
func (c *Container) Flush(ctx context.Context) error {
	c.valid("Flush")
	if ctx == nil {
		misuse(nil, "Flush needs a context")
	}
	if c.parent != nil { // what they have queued may reach c
		if err := c.parent.Flush(ctx); err != nil {
			return err
		}
	}
	var a after
	c.tree.mu.Lock()
	if c.closed && !c.inTurn() {
		c.done(&a)
		return nil
	}
	ch := make(chan struct{})
	t := c.turnState()
	t.flushNext = append(t.flushNext, flusher{done: ch})
	c.makeReady()
	if t.running { // a look from outside, not a write
		c.tree.mu.Unlock()
	} else {
		c.done(&a)
	}
	select {
	case <-ch: // delivered here, whatever has become of ctx
		return nil
	default:
	}
	w := c.blocks()
	select {
	case <-ch:
		c.unblocks(w)
		return nil
	case <-ctx.Done():
		c.unblocks(w)
		return context.Cause(ctx)
	}
}

// flusher is a Flush that waits.
type flusher struct {
	done  chan struct{}
	swept bool   // it has waited for a whole sweep
	upTo  uint64 // then it waits for what was put off up to this number
}

// postpone puts n off until the build of e is done: [element.woken] has a turn come back to
// it then, and a Flush waits for that. The lock is held.
func (c *Container) postpone(n *graph.Node, e *element) {
	x := e.ensuing()
	x.followUps = &followUp{n, x.followUps}
	if len(c.postponed) >= c.tidyAt { // not each time: there may be thousands
		maps.DeleteFunc(c.postponed, func(n *graph.Node, _ uint64) bool { return moot(n) })
		c.tidyAt = 2*len(c.postponed) + 16
	}
	if c.postponed == nil {
		c.postponed = map[*graph.Node]uint64{}
	}
	c.postponements++
	if c.postponed[n] == 0 { // else it has waited from then on
		c.postponed[n] = c.postponements
	}
}

// moot reports whether there is nothing to come back to in n. What was put off is kept in
// mind until then: it may be put off again, and a Flush that waits for it waits on.
func moot(n *graph.Node) bool { return n.Fresh() || !n.Wanted() }

// caughtUp notes that a turn has brought n up to date, though it may be stale again by now.
func (c *Container) caughtUp(n *graph.Node) {
	if len(c.postponed) > 0 {
		delete(c.postponed, n)
	}
}

// waits reports whether f has to wait for something that was put off.
func (c *Container) waits(f flusher) bool {
	for n, number := range c.postponed {
		switch {
		case moot(n):
			delete(c.postponed, n)
		case number <= f.upTo:
			return !c.closed
		}
	}
	return false
}

// flushed lets those go who have waited for a whole sweep, unless something was put off that
// they have to wait for. There is a turn.
func (c *Container) flushed() {
	if c.turn.awaited() { // mostly nobody waits, and the frame of the rest is large
		c.letFlushesGo()
	}
}

func (c *Container) letFlushesGo() {
	t := c.turn
	var left []flusher
	for _, f := range t.flush {
		if !f.swept {
			f.swept, f.upTo = true, c.postponements
		}
		if c.waits(f) {
			left = append(left, f)
		} else {
			close(f.done)
		}
	}
	t.flush, t.flushNext = append(left, t.flushNext...), nil
}

// awaited reports whether there is a Flush that waits.
func (t *turn) awaited() bool { return len(t.flush)+len(t.flushNext) > 0 }

// flushes reports whether somebody can be let go. There is a turn.
func (c *Container) flushes() bool {
	free := func(f flusher) bool { return !f.swept || !c.waits(f) }
	return slices.ContainsFunc(c.turn.flush, free) || slices.ContainsFunc(c.turn.flushNext, free)
}
