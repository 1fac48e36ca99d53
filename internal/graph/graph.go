// Package graph is the untyped engine under package weir: nodes, edges, counts, stale
// marks, and the lists of a turn. It knows no values, no contexts, no containers; it
// runs no user code and has no lock: whoever owns a [Graph] holds its own lock around
// every call (but those that say otherwise).
//
// # How it works
//
// Every change has an epoch. A node remembers the epoch at which everything it was made
// from was current (at) and the epoch since which its value is what it is (changedAt).
// A dependency has changed for a dependent if it changed after the dependent's at:
// edges need no versions of their own. Builds are numbered by the same clock: nothing has
// changed since a build began if its number is greater than the epoch.
//
// A change marks what it reaches: dirty (known stale) one step on, pending (maybe
// stale) beyond, stopping at nodes that are marked already. Marking runs nothing. A
// [Walk] then brings one node up to date: a pending node asks its dependencies in
// recorded order and is rebuilt only if one of them really changed. Walking and marking
// are loops with a stack of their own, so that depth costs no goroutine stack.
//
// Dependencies are pulled, so they are up to date before their dependents whatever the
// order of the queue: nodes need no heights.
package graph

import "sync/atomic"

// Graph is the nodes of one container tree. Make it ready with Init.
type Graph struct {
	clock uint64        // the newest epoch or build
	epoch atomic.Uint64 // of the newest change

	marks []markFrame // scratch of marking
	uses  []use       // scratch of counting
	ended []*Node     // known stale by the last change, and their builds have a life
}

type markFrame struct {
	n *Node
	i int
}

type use struct {
	n *Node
	d int32
}

// Init makes g ready. Epochs begin at 1: 0 is no moment.
func (g *Graph) Init() { g.tick() }

// Next returns a number that is greater than all before it: of a build, mostly.
func (g *Graph) Next() uint64 {
	g.clock++
	return g.clock
}

// tick begins an epoch.
func (g *Graph) tick() uint64 {
	g.epoch.Store(g.Next())
	return g.clock
}

// Epoch returns the epoch of the newest change. It needs no lock.
func (g *Graph) Epoch() uint64 { return g.epoch.Load() }

// Change notes that n has a new value as of now, settled or not, and marks what depends
// on it, before the owner makes the value visible. Ended returns whose builds that ended.
func (g *Graph) Change(n *Node, settled bool) {
	e := g.tick()
	n.changedAt = e
	if n.flags&Stale == 0 { // else n has still to ask its dependencies what changed since at
		n.at = e
	}
	if settled {
		n.settledAt = e
	}
	n.passed = 0
	g.markFrom(n, Dirty, settled)
	n.Deliver()
}

// Invalidate makes n known stale and its dependents maybe stale.
func (g *Graph) Invalidate(n *Node) {
	g.tick()
	was := n.flags & Stale
	n.flags |= Dirty
	n.passed = 0
	n.Hide()
	n.Want()
	if was == 0 {
		g.markFrom(n, Pending, true)
	}
}

// Settle makes n, which a change just made stale and which is about to be written, current
// as it is. If what it watches has still to be built, n asks for that as any stale node
// does: only what changes from now on counts.
func (g *Graph) Settle(n *Node) {
	if n.flags&Stale == 0 {
		return
	}
	n.flags &^= Stale
	n.at = g.epoch.Load()
	if n.pass(n.at) {
		n.flags |= Pending
		return
	}
	n.deliverOwed()
}

// pass notes of all that n is made from and that is stale that n knows of the changes up to
// epoch, and reports whether there is any.
func (n *Node) pass(epoch uint64) (stale bool) {
	todo := []*Node{n}
	for len(todo) > 0 {
		x := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for i := range x.deps {
			s := x.deps[i].src
			if s.Fresh() || x.parked(i) {
				continue
			}
			stale = true
			if s.passed == 0 {
				s.passed = epoch
				todo = append(todo, s)
			}
		}
	}
	return stale
}

// Ended returns the nodes that the changes since the last call made known stale and
// whose builds have to be ended. The slice is valid until the next change.
func (g *Graph) Ended() []*Node {
	es := g.ended
	g.ended = g.ended[:0]
	return es
}

// markFrom marks what depends on n: directly with level, further on as pending.
func (g *Graph) markFrom(n *Node, level Flags, settled bool) {
	for i := range n.outs {
		o := &n.outs[i]
		l := level
		switch o.kind {
		case Filtered:
			l = Pending
		case Settled:
			if !settled {
				continue
			}
		case Waiting:
			continue // it looks again when it is woken
		}
		g.markOne(o, l)
	}
	// The stack holds nodes whose dependents are being gone through.
	for k := len(g.marks) - 1; k >= 0; k = len(g.marks) - 1 {
		top := &g.marks[k]
		if top.i == len(top.n.outs) {
			g.marks = g.marks[:k]
			continue
		}
		o := &top.n.outs[top.i]
		top.i++
		if o.kind != Waiting {
			g.markOne(o, Pending)
		}
	}
}

// markOne marks the far end of one edge, and puts it on the stack if it was fresh: what
// depends on a stale node is stale already.
func (g *Graph) markOne(o *out, level Flags) {
	d := o.dst
	if d.phase != Built {
		if d.phase == Building {
			d.flags |= level // which of its edges this came through is sorted out when it is done
		}
		return
	}
	if d.flags&InFlight != 0 && d.parked(int(o.in)) {
		return
	}
	was := d.flags
	if was&Dirty != 0 {
		return
	}
	d.flags = was | level
	if level == Dirty && was&Life != 0 {
		g.ended = append(g.ended, d)
	}
	if was&Stale != 0 {
		return
	}
	d.Hide()
	d.Want()
	if len(d.outs) > 0 {
		g.marks = append(g.marks, markFrame{d, 0})
	}
}

// AddListener counts a listener that is not a dependent.
func (g *Graph) AddListener(n *Node, paused bool) {
	n.subs++
	if !paused {
		g.Use(n, 1)
	}
	n.Want() // it may have been active, and stale, without anybody to tell
	if n.flags&Joins != 0 {
		n.Host.NodeEvent(Added)
	}
}

// RemoveListener undoes AddListener.
func (g *Graph) RemoveListener(n *Node, paused bool) {
	n.subs--
	if !paused {
		g.Use(n, -1)
	}
	if n.flags&Joins != 0 {
		n.Host.NodeEvent(Removed)
	}
	g.unused(n)
}

// Wait adds d to the builds that wait for a result of n: each counts as active, and wants n
// to be brought up to date.
func (g *Graph) Wait(n *Node, d int32) {
	n.waiters += d
	g.Use(n, d)
}

// unused tells the host when nobody is left, paused or not.
func (g *Graph) unused(n *Node) {
	if n.subs == 0 && len(n.outs) == 0 && n.flags&Usage != 0 {
		n.Host.NodeEvent(Unused)
	}
}

// Use adds d to the users of n that are not paused, and lets the change climb: a
// dependent's watches count as long as it is active or building (rule L1).
func (g *Graph) Use(n *Node, d int32) {
	g.uses = append(g.uses, use{n, d})
	g.climb()
}

func (g *Graph) climb() {
	// A queue, not a stack: who is nearer hears first. Hosts that are told On or Off may add to it.
	for i := 0; i < len(g.uses); i++ {
		n, d := g.uses[i].n, g.uses[i].d
		was := n.On()
		before := n.active
		n.active += d
		switch {
		case before == 0 && n.active > 0:
			if n.flags&Usage != 0 {
				n.Host.NodeEvent(OnDuty)
				n.retouch()
			}
			n.Want()
		case before > 0 && n.active == 0:
			if n.flags&Usage != 0 {
				n.Host.NodeEvent(OffDuty)
				n.retouch()
			}
		}
		if now := n.On(); now != was {
			g.turned(n, now)
		}
	}
	g.uses = g.uses[:0]
}

// retouch corrects what a reader without the lock must do.
func (n *Node) retouch() {
	if n.flags&Auto != 0 && n.Word.Load()&Readable != 0 {
		n.Show()
	}
}

// turned queues what n's being on or off means to its dependencies.
func (g *Graph) turned(n *Node, on bool) {
	d, ev := int32(-1), Off
	if on {
		d, ev = 1, On
	}
	for i := range n.deps {
		g.uses = append(g.uses, use{n.deps[i].src, d})
	}
	if n.flags&Owner != 0 {
		n.Host.NodeEvent(ev)
	}
}

// UseLater is Use from inside a host that was just told On or Off.
func (g *Graph) UseLater(n *Node, d int32) { g.uses = append(g.uses, use{n, d}) }

// switched lets what n's phase or flags have become climb, if n is on now and was not, or
// the other way round.
func (g *Graph) switched(n *Node, was bool) {
	if now := n.On(); now != was {
		g.turned(n, now)
		g.climb()
	}
}

// Forget lets go of the nodes that the graph's scratch memory still refers to.
func (g *Graph) Forget() {
	g.marks = forgotten(g.marks)
	g.uses = forgotten(g.uses)
	g.ended = forgotten(g.ended)
}

func forgotten[T any](s []T) []T {
	if cap(s) > 1024 {
		return nil
	}
	clear(s[:cap(s)])
	return s[:0]
}
