package graph

// This file owns Walk, which verifies step by step. It runs nothing and never waits.

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
	// Eager has a node that must be rebuilt wait for its old dependencies, instead of
	// leaving it to its build function to ask for those that it still needs. It may run
	// builds that nobody asks for any more, and keeps deep graphs off the stack.
	Eager bool
	start uint64
	stack []frame
	high  int // how far the stack was used
}

type frame struct {
	n      *Node
	i      int
	epoch  uint64 // when this pass over the dependencies began
	moment uint64 // the latest moment for which the pass so far holds
	serial uint32
	passes uint32
}

// maxPasses is how often others may write between the verifications of n's dependencies
// before n is rebuilt to come to an end.
const maxPasses = 1000

// Start aims the walk at n.
func (w *Walk) Start(g *Graph, n *Node) {
	w.start = g.epoch.Load()
	w.stack = w.stack[:0]
	w.push(n)
}

// Again begins anew at n, with what was asked for at the start.
func (w *Walk) Again(n *Node) {
	w.stack = w.stack[:0]
	w.push(n)
}

// Reset lets go of all nodes, and of memory that this walk made little use of.
func (w *Walk) Reset() {
	w.Eager = false
	w.stack = w.stack[:w.high]
	for i := range w.stack { // nothing else in a frame is a pointer
		w.stack[i].n = nil
	}
	if w.stack = w.stack[:0]; cap(w.stack) > 64 && w.high*8 < cap(w.stack) {
		w.stack = nil // the walk that needed so much is long over
	}
	w.high = 0
}

func (w *Walk) push(n *Node) {
	k := len(w.stack)
	if k == cap(w.stack) {
		w.stack = append(w.stack, frame{})
	}
	w.stack = w.stack[:k+1]
	w.high = max(w.high, k+1)
	// Field by field: a frame that is put together elsewhere and copied costs more than
	// all else here.
	top := &w.stack[k]
	top.n, top.i, top.epoch, top.serial, top.passes = n, 0, 0, 0, 0
}

// begin has top go over its node's dependencies from the first.
func (top *frame) begin(n *Node, epoch uint64) {
	top.i, top.epoch, top.moment, top.serial = 0, epoch, ^uint64(0), n.serial
}

// good reports whether n's value is current, or was at some moment since the walk began.
func (w *Walk) good(n *Node) bool {
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
	if top.serial != top.n.serial || top.n.flags&Stale == 0 {
		return // its edges are others now, or somebody else has found out
	}
	if isChanged {
		top.n.flags |= Dirty
		return
	}
	top.i++
}

// Awaits calls yield for the nodes from n down to the one whose build is running and has to
// be waited for before n is up to date, in the way that a walk would go now; for none if it
// would find something else to do first, such as a filter to ask.
func (n *Node) Awaits(yield func(*Node) bool) {
	var path []*Node
	for at := n; at != nil; at = at.unverified() {
		if path = append(path, at); at.phase == Building {
			for _, x := range path {
				if !yield(x) {
					return
				}
			}
			return
		}
	}
}

// unverified returns the first dependency that n has to ask and that is not up to date
// itself, nil if n is fresh or known stale, or will be when it has asked those before.
func (n *Node) unverified() *Node {
	if n.flags&(Blocked|Stale) != Pending { // what is absent has no marks
		return nil
	}
	for i := range n.deps {
		switch d := &n.deps[i]; {
		case d.kind == Waiting || n.parked(i):
		case d.src.flags&Stale != 0 || d.src.phase != Built:
			return d.src
		case n.changedSince(i):
			return nil
		}
	}
	return nil
}

// pull puts the next dependency of a dirty node that is not up to date on the stack.
func (g *Graph) pull(w *Walk) bool {
	top := &w.stack[len(w.stack)-1]
	n := top.n
	if top.serial != n.serial {
		top.begin(n, 0)
	}
	for ; top.i < len(n.deps); top.i++ {
		if s := n.deps[top.i].src; s.phase == Built && s.flags&Blocked == 0 && !w.good(s) {
			top.i++
			w.push(s)
			return true
		}
	}
	return false
}

// madeAt reports whether what n was made from was current at m. A pass over the
// dependencies that began at epoch found none of them changed; but the lock was given
// away during it, so those that it looked at first may have changed since: a value, or
// what lies behind a filter that let nothing through when it was asked.
func (n *Node) madeAt(m, epoch uint64) bool {
	for i := range n.deps {
		d := &n.deps[i]
		if d.kind == Waiting { // none is parked: n is not in flight
			continue
		}
		if !d.src.holdsAt(m) || n.changedSince(i) && (d.kind != Filtered || d.src.changedAt > epoch) {
			return false
		}
	}
	return true
}

// Step goes on until the walk is done or something is needed of its owner.
func (g *Graph) Step(w *Walk) (Need, *Node) {
next:
	for len(w.stack) > 0 {
		top := &w.stack[len(w.stack)-1]
		n := top.n
		if w.good(n) {
			w.stack = w.stack[:len(w.stack)-1]
			continue
		}
		switch {
		case n.flags&Blocked != 0 || n.phase == Building:
			return Wait, n
		case n.phase == Absent:
			return Build, n
		case n.flags&Dirty != 0:
			if w.Eager && n.flags&Life == 0 && g.pull(w) { // one with a life is over, and ended first
				continue
			}
			return Build, n
		}
		if top.serial != n.serial || top.epoch == 0 {
			top.begin(n, g.epoch.Load())
			top.passes = 0
		}
		for ; top.i < len(n.deps); top.i++ {
			d := &n.deps[top.i]
			if d.kind == Waiting || n.parked(top.i) {
				continue
			}
			s := d.src
			if s.flags&Stale != 0 || s.phase != Built {
				if !w.good(s) {
					w.push(s)
					continue next
				}
				top.moment = min(top.moment, s.at)
			}
			if n.changedSince(top.i) {
				if d.kind == Filtered && s.flags&failed == 0 { // of a failure there is nothing to ask
					return Check, n
				}
				if n.flags |= Dirty; w.Eager {
					continue next
				}
				return Build, n
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
			n.at, n.passed = now, 0
			n.Show()
			n.deliverOwed()
			continue
		}
		// Some dependency is stale already again. If there is a moment when all of them
		// were what n was made from, n was current then, and stays stale; else they are
		// brought up to date once more, until one of them has changed.
		if top.moment < w.start { // the walk asks for more by now than when this pass began
			top.begin(n, g.epoch.Load())
			continue
		}
		if n.flags&InFlight == 0 && n.madeAt(top.moment, top.epoch) {
			n.at = max(n.at, top.moment)
			n.Want()
			continue
		}
		if top.passes++; top.passes > maxPasses {
			n.flags |= Dirty
			continue
		}
		w.start = g.epoch.Load()
		top.begin(n, w.start)
	}
	return Done, nil
}
