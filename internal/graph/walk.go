package graph

// Need says what a [Walk] wants done before its next step.
type Need uint8

const (
	Done  Need = iota // the node is up to date, or was at some moment since the walk began
	Build             // the node must be rebuilt (or ended, if nobody wants it): Begin it
	Wait              // the node is being built, or its last build's hooks are running
	Check             // ask the filter of Edge whether what it lets through has changed
)

// Walk brings one node up to date: maybe-stale nodes ask their dependencies, in recorded
// order, stopping at the first that changed (rule P2). It is a stack machine, so that
// its owner can let go of the lock between any two steps; what moved meanwhile is looked
// at again. The zero value is ready for Start, and may be used again.
type Walk struct {
	start uint64
	stack []frame
}

type frame struct {
	n      *Node
	i      int
	epoch  uint64 // when this pass over the dependencies began
	moment uint64 // the latest moment for which the pass so far holds
	serial uint32
}

// Start aims the walk at n.
func (w *Walk) Start(g *Graph, n *Node) {
	w.start = g.epoch.Load()
	w.stack = append(w.stack[:0], frame{n: n})
}

// Reset lets go of all nodes.
func (w *Walk) Reset() {
	clear(w.stack[:cap(w.stack)])
	w.stack = w.stack[:0]
}

// Good reports whether n's value is current, or was at some moment since the walk began.
func (w *Walk) Good(n *Node) bool {
	return n.phase == Built && (n.flags&Stale == 0 || n.at >= w.start && n.flags&InFlight == 0)
}

// Sel returns the filter that [Check] is about.
func (w *Walk) Sel() *Sel {
	top := &w.stack[len(w.stack)-1]
	return top.n.deps[top.i].sel
}

// Path calls yield for the nodes from the walk's aim down to where it stands.
func (w *Walk) Path(yield func(*Node) bool) {
	for i := range w.stack {
		if !yield(w.stack[i].n) {
			return
		}
	}
}

// Checked answers a Check: whether what the filter lets through has changed.
func (w *Walk) Checked(isChanged bool) {
	top := &w.stack[len(w.stack)-1]
	if top.serial != top.n.serial {
		return // its edges are others now
	}
	if isChanged {
		top.n.flags |= Dirty
		return
	}
	top.i++
}

// Step goes on until the walk is done or something is needed of its owner.
func (g *Graph) Step(w *Walk) (Need, *Node) {
next:
	for len(w.stack) > 0 {
		top := &w.stack[len(w.stack)-1]
		n := top.n
		if w.Good(n) {
			w.stack = w.stack[:len(w.stack)-1]
			continue
		}
		switch {
		case n.flags&Blocked != 0 || n.phase == Building:
			return Wait, n
		case n.phase == Absent || n.flags&Dirty != 0:
			return Build, n
		}
		if top.serial != n.serial || top.epoch == 0 {
			*top = frame{n: n, epoch: g.epoch.Load(), moment: ^uint64(0), serial: n.serial}
		}
		for ; top.i < len(n.deps); top.i++ {
			d := &n.deps[top.i]
			if d.kind == Waiting || n.parked(top.i) {
				continue
			}
			s := d.src
			if s.flags&Stale != 0 || s.phase != Built {
				if !w.Good(s) {
					w.stack = append(w.stack, frame{n: s})
					continue next
				}
				top.moment = min(top.moment, max(s.at, s.changedAt))
			}
			if n.changedSince(top.i) {
				if d.kind == Filtered {
					return Check, n
				}
				n.flags |= Dirty
				continue next
			}
		}
		// Nothing has changed, as far as this pass saw. If the lock was given away
		// during it and something was written, what it looked at first is looked at again.
		if now := g.epoch.Load(); now != top.epoch {
			if top.moment == ^uint64(0) {
				top.i, top.epoch = 0, now
				continue
			}
		} else if top.moment == ^uint64(0) {
			n.flags &^= Stale
			n.at = now
			n.Show()
			continue
		}
		// Some dependency is stale already again: n was current at the moment when all
		// of them were, and stays stale.
		n.at = max(n.at, min(top.moment, top.epoch))
		if n.flags&InFlight != 0 { // never good while stale: leave it to the next turn
			n.Want()
			w.stack = w.stack[:len(w.stack)-1]
		}
	}
	return Done, nil
}
