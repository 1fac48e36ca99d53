package weir

// This file owns when turns run, and on which goroutine: every call ends with settle,
// which does what it owes and runs the turns that nobody else runs. What a turn does is
// turn.go's.

import (
	"slices"

	"github.com/weir-go/weir/internal/graph"
)

// work reports whether a turn has something to do. Only the turn's goroutine may ask while
// one is running: others ask queued.
func (c *Container) work() bool {
	return c.queued() || c.turn != nil && (c.turn.next < len(c.turn.calls) || len(c.turn.hooks) > 0)
}

// queued reports whether something is waiting for a turn to begin or go on.
func (c *Container) queued() bool {
	return c.queue.Work() || c.selves.Len() > 0 || c.usage.Len() > 0 || c.dying.Len() > 0 || c.turn != nil && c.turn.awaited() && c.flushes()
}

// settle does what was collected, runs turns where there is work and nobody else does, and
// lets go of the lock. It never panics: call done where the caller is the user's.
func (c *Container) settle(a *after) {
	t := c.tree
	a.letGo()
	for a.any() {
		t.relock(a)
	}
	if c.inTurn() && c.turn.suspect != nil && !c.turn.outside && c.queued() {
		if !c.tree.stackHas(delivering, hooking, computing) {
			c.turn.outside = true
		} else if c.tree.stackHas(suspecting) {
			c.turn.wrote = true
		}
	}
	t.turns(c.root, a)
}

// turns runs a turn of each container that has work and nobody who does it: the root first,
// then the children that the change has reached, nearest first. The lock is held, and let
// go.
func (t *tree) turns(root *Container, a *after) {
	var left []*Container // for another goroutine, or for this one later
	for {
		c := root
		if !c.queuedAlone() || c.mustWait() {
			c = nil
		}
		for c == nil && t.readies > 0 {
			if c = t.nextReady(); !c.queuedAlone() {
				if c.turn != nil && c.turn.awaited() {
					left = append(left, c)
				}
				c = nil
			} else if c.mustWait() {
				left, c = append(left, c), nil
			}
		}
		if c == nil {
			break
		}
		if a.mayBeInside(t) && (a.flying || t.stackHas(flying)) {
			c.makeReady()
			t.elsewhere(root, a)
			break
		}
		x := c.turnState()
		x.running = true
		x.id++
		x.sweeps, x.made, x.selfs = 0, 0, 0
		x.changed, x.used = c.queue.Changed(), c.usage.Len()
		x.own.take(a)
		c.occupy()
		for _, c := range left { // a listener or hook may end this goroutine
			c.makeReady()
		}
		left = left[:0]
		if !c.runTurn(a) {
			t.mu.Lock()
			if x.running {
				break // another goroutine goes on with it
			}
		}
	}
	for _, c := range left {
		c.makeReady()
	}
	t.mu.Unlock()
}

// flown is an asynchronous build function whose call has turns run on another goroutine:
// they may have to wait for a result of that very function.
type flown struct {
	done  chan struct{} // closed when the turns are over, or about to wait for something
	raise *PanicError   // what they leave to be raised again
}

// elsewhere runs turns on a goroutine of their own, and waits until they are over or begin
// to wait themselves. The lock is held, and given away.
func (t *tree) elsewhere(root *Container, a *after) {
	w := &flown{done: make(chan struct{})}
	t.flown = append(t.flown, w)
	b := &after{}
	b.take(a)
	t.mu.Unlock()
	go func() {
		t.begins()
		defer func() { // also when a listener or hook has ended this goroutine
			t.mu.Lock()
			if i := slices.Index(t.flown, w); i >= 0 { // still waited for
				t.flown = slices.Delete(t.flown, i, i+1)
				w.raise, b.raise = b.raise, nil
				close(w.done)
			}
			t.mu.Unlock()
			b.rethrow()
		}()
		t.mu.Lock()
		t.turns(root, b)
	}()
	t.spawned()
	who := t.blocks()
	<-w.done
	t.unblocks(who)
	t.mu.Lock()
	if a.raise == nil {
		a.raise = w.raise
	}
}

// letFly lets the build functions go on that wait for a turn: somebody, and it may be that
// turn, is about to wait for a result. The lock is held.
func (t *tree) letFly() {
	for _, w := range t.flown {
		close(w.done)
	}
	t.flown = nil
}

// queuedAlone reports whether c has work for a turn, and nobody who does it.
func (c *Container) queuedAlone() bool { return !c.inTurn() && !c.closed && c.work() }

// mustWait reports whether this goroutine must not run a turn of c now, and will settle again.
func (c *Container) mustWait() bool {
	if c.reading > 0 && c.tree.stackHas(computing) {
		// Inside a build function that calls its container: a turn here might need that
		// very build. Whoever runs the build settles after it.
		return true
	}
	if c.tree.runs > 0 && c.tree.stackHas(disposing) {
		// A turn here might need the element whose hook this is. Whoever ended its build
		// settles afterwards.
		return true
	}
	if c.tree.observing.Load() > 0 && c.tree.stackHas(watching) {
		// What is being observed may be a build or turn that this one needs. Whoever is
		// observed settles afterwards, or has it done: see announce.
		c.tree.left.Add(1)
		return true
	}
	for x := c.parent; x != nil; x = x.parent {
		if (x.inTurn() || x.reading > 0) && c.tree.stackHas(delivering, hooking, computing) {
			return true // the parent's turn, or the build in it, comes to its end first
		}
	}
	return false
}

// nextReady takes the child nearest to the root out of those that may have work.
func (t *tree) nextReady() *Container {
	i := slices.IndexFunc(t.ready, func(l graph.List[*Container]) bool { return l.Len() > 0 })
	c := t.ready[i].Pop()
	t.readies--
	c.listed = false
	return c
}

// done is settle at the end of a call from outside: a panic that nobody else was told of
// goes on from here (rule E3).
func (c *Container) done(a *after) {
	c.settle(a)
	a.rethrow()
}

// settleApart settles on a goroutine of its own, for a caller that must not run turns, or
// will not come to it soon.
func (c *Container) settleApart() {
	go func() {
		c.begins()
		var a after
		c.tree.mu.Lock()
		c.done(&a)
	}()
	c.spawned()
}

// delegate has a goroutine of its own run the turns that the caller owes, or leaves to whoever
// runs a build: it is about to wait for the build of another, which may need them. The lock
// is held.
func (t *tree) delegate(root *Container) {
	if t.anyReady(root, (*Container).queuedAlone) {
		root.settleApart()
	}
}

// anyReady reports whether one of those that may have work for a turn is as is asks for.
func (t *tree) anyReady(root *Container, is func(*Container) bool) bool {
	if is(root) {
		return true
	}
	for i := range t.ready {
		for c := range t.ready[i].All {
			if is(c) {
				return true
			}
		}
	}
	return false
}

// yield is settle on behalf of by's build. A synchronous build runs no turn: whoever runs
// it does, afterwards.
func (c *Container) yield(by *element, a *after) {
	a.from(by)
	if by != nil && by.Phase() == graph.Building {
		c.tree.unlock(a)
		return
	}
	c.settle(a)
}

// waiting is yield for a call that is about to wait for a result. The turns that it leaves
// to whoever runs a build, or whatever else it is called from, are run by a goroutine of
// their own: what is waited for may need them, an OnResume hook say.
func (c *Container) waiting(by *element, a *after) {
	t := c.tree
	building := by != nil && by.Phase() == graph.Building
	left := func(c *Container) bool { return c.queuedAlone() && (building || c.mustWait()) }
	if t.anyReady(c.root, left) {
		c.settleApart()
	}
	c.handOn(by)
	c.yield(by, a)
}

// handOn has other goroutines go on with the turns that wait for by's build, which is about
// to wait itself: in a build function that they run, or below one. Without by it is the
// stack that says whether there is one. The lock is held.
func (c *Container) handOn(by *element) {
	for x := range c.chain {
		if !x.inTurn() {
			continue
		}
		d := x.turn.drive
		switch {
		case d == nil || d.running == nil:
			continue
		case by == nil && !c.tree.stackHas(computing):
			continue
		case by != nil && (&drive{by: by}).cycle(d.running) == nil:
			continue
		}
		// From now on it is a reader's, and so is the build that it runs.
		d.handed, d.over = true, nil
		d.aim.Want() // whoever goes on may find this walk between two builds, or given up
		d.aim.walkers++
		d.held = true
		d.reads()
		x.postpone(&d.aim.Node, d.running) // Flush waits for it all the same
		x.passOn()
	}
}

// computes reports whether a synchronous build is running that c's turn might have to wait
// for. The caller may be inside it without a word of that.
func (c *Container) computes() bool {
	c.tree.mu.Lock()
	defer c.tree.mu.Unlock()
	for x := range c.chain {
		if x.reading > 0 || x.inTurn() && x.turn.drive != nil && x.turn.drive.running != nil {
			return true
		}
	}
	return false
}

// verdict is how far a goroutine has come with a turn.
type verdict uint8

const (
	goOn   verdict = iota
	ended          // the lock is held
	handed         // to another goroutine; the lock has been let go
)

// runTurn runs the turn to its end, and reports whether it has come to it: then the lock
// is held, else it has been let go and another goroutine goes on.
func (c *Container) runTurn(a *after) bool {
	for {
		switch c.sweep(a) {
		case ended:
			return true
		case handed:
			return false
		}
	}
}

// handOver lets another goroutine go on with the turn. The lock is held, and let go.
func (c *Container) handOver(a *after) {
	raise := a.raise
	a.raise = nil
	c.turn.own.take(a) // for the new one too: a hook of it may end this goroutine
	a.raise = raise
	if a.raise == nil {
		a.raise, c.turn.own.raise = c.turn.own.raise, nil
	}
	c.passOn()
	c.tree.mu.Unlock()
}

// passOn has a new goroutine go on with the turn. The lock is held.
func (c *Container) passOn() {
	c.turn.sweeps, c.turn.made = 0, 0
	c.turn.drive = nil // this goroutine keeps its own
	go func() {
		c.begins()
		var a after
		c.tree.mu.Lock()
		if c.runTurn(&a) {
			c.tree.turns(c.root, &a)
		}
		a.rethrow()
	}()
	c.spawned()
}
