package weir

// This file owns the end of a container: Close, Shutdown, and what they wait for.

import (
	"context"
	"errors"
	"time"

	"github.com/weir-go/weir/internal/graph"
)

// Close ends all builds, dependents first: contexts are cancelled with
// [ErrContainerClosed], OnDispose hooks run, waiters return, subscriptions are closed.
// Synchronous builds that other goroutines are running end when their functions return.
// Afterwards values that were there can still be read, and nothing else happens (rule
// G10). Closing again does nothing. Close does not wait for build functions:
// [Container.Shutdown] does.
//
// Children are closed first, in the same step (rule S3).
func (c *Container) Close() {
	c.valid("Close")
	var a after
	c.tree.mu.Lock()
	if c.closed {
		c.endContext(&a) // the first Close may not have come to it
		c.tree.unlock(&a)
		return
	}
	var room [4]*Container
	shut := c.closeLocked(room[:0], &a)
	c.orphan()
	defer func() { // deferred: a hook may end this goroutine
		for _, x := range shut {
			x.unhookContext()
			x.tellClosed(&a)
		}
		c.tree.mu.Lock()
		c.done(&a) // what the observers have written
	}()
	c.settle(&a) // what other containers have lost in listeners
}

// closeLocked closes c after its children, and appends them all in that order.
func (c *Container) closeLocked(shut []*Container, a *after) []*Container {
	for child := c.children; child != nil; child = child.next {
		shut = child.closeLocked(shut, a)
	}
	c.children = nil
	c.closed = true
	c.closing.Store(true)
	why := ErrContainerClosed
	var some [4]*element
	for _, e := range c.dependentsFirst(some[:0]) {
		e.endNoted(false, why, a)
		for s := e.listeners.last(); s != nil; s = e.listeners.last() {
			s.detach()
		}
		if e.rare != nil && e.rare.waiters != nil {
			e.wakeWaiters(&causeError{e.p, why})
		}
		e.forgetNext()
		e.unsave()
		if e.Phase() != graph.Building {
			e.tellLeft(a)
			c.tree.graph.Dispose(&e.Node)
			e.woken()
		}
	}
	for s := range c.away {
		s.detach()
	}
	c.queue.Clear()
	for _, x := range c.timers {
		x.i = -1 // out of the heap, for builds that return later
	}
	c.usage, c.dying, c.selves = graph.List[*element]{}, graph.List[*element]{}, graph.List[selfCall]{}
	c.timers, c.postponed = nil, nil
	if t := c.turn; t != nil {
		t.changed, t.used = 0, 0
		if !t.running { // else it lets them go
			c.flushed() // those of this sweep,
			c.flushed() // and those who came during it
		}
	}
	if c.alarm != nil {
		c.alarm.Stop()
	}
	c.endContext(a)
	return append(shut, c)
}

// endContext has the context of c, which is closed, end before any hook runs: a hook may
// wait for what ends with it. The lock is held.
func (c *Container) endContext(a *after) {
	if c.cancel != nil {
		a.cancels = append(a.cancels, cancellation{c.cancel, ErrContainerClosed})
	}
}

// unhookContext lets go of the context that c was given.
func (c *Container) unhookContext() {
	c.tree.mu.Lock()
	unhook := c.unhook
	c.tree.mu.Unlock()
	if unhook != nil {
		unhook()
	}
}

func (c *Container) tellClosed(a *after) {
	if c.wanted&evClosed == 0 {
		return
	}
	ev := ContainerClosedEvent{c, time.Now()}
	c.observe(nil, a, func(o *Observer) {
		if o.ContainerClosed != nil {
			o.ContainerClosed(ev)
		}
	})
}

// dependentsFirst appends the elements to order so that each comes after all that watch it.
func (c *Container) dependentsFirst(order []*element) []*element {
	left := map[*element]int{}
	for e := range c.table.all {
		n := 0
		for range e.Dependents {
			n++
		}
		left[e] = n
		if n == 0 {
			order = append(order, e)
		}
	}
	for i := 0; i < len(order); i++ {
		for n := range order[i].AllDeps {
			d := n.Host.(*element)
			if d.c != c {
				continue
			}
			if left[d]--; left[d] == 0 {
				order = append(order, d)
			}
		}
	}
	if len(order) < len(left) { // a cycle through the watches of a build that is being replaced
		for e, n := range left {
			if n > 0 {
				order = append(order, e)
			}
		}
	}
	return order
}

// Shutdown is [Container.Close] and then waits for every hook and build function to
// return. It returns, joined, the first 100 errors of OnDisposeErr hooks in the whole life of
// the container and its children, and the cause of ctx if that ended first. Called again it
// waits again. Inside a hook, listener or build it would wait for its own caller: only ctx
// ends it then (rule G12). A nil ctx is a *UsageError.
func (c *Container) Shutdown(ctx context.Context) error {
	c.valid("Shutdown")
	if ctx == nil {
		misuse(nil, "Shutdown needs a context")
	}
	c.Close()
	c.tree.mu.Lock()
	c.checkResting()
	var resting chan struct{}
	if c.busy > 0 {
		if c.resting == nil {
			c.resting = make(chan struct{})
		}
		resting = c.resting
	}
	c.tree.mu.Unlock()
	if resting != nil {
		w := c.blocks()
		select {
		case <-resting:
			c.unblocks(w)
		case <-ctx.Done():
			c.unblocks(w)
			return errors.Join(c.errors.join(), context.Cause(ctx))
		}
	}
	return c.errors.join()
}

// rest notes that a build function or the hooks of one have returned. The lock is held.
func (c *Container) rest() {
	for x := c; x != nil; x = x.parent {
		x.busy--
		x.checkResting()
	}
}

func (c *Container) checkResting() {
	if c.closed && c.busy == 0 && c.resting != nil {
		close(c.resting)
		c.resting = nil
	}
}
