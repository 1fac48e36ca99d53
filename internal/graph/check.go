package graph

import "fmt"

// Queued reports whether n is in its queue to be brought up to date.
func (n *Node) Queued() bool { return n.flags&queued != 0 }

// Check returns everything that is inconsistent about n and its edges: listeners and
// active are what its host counts beside the dependents.
//
// The invariants: an edge is in both lists, at the places that each end says. The active
// count is the host's plus one for each dependent that is active or building. A node is
// readable without the lock only if it is built, fresh, and not failed. Whatever depends
// on a node that is stale is stale, building, or waiting.
func (n *Node) Check(listeners, active int) (errs []error) {
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for i := range n.deps {
		d := &n.deps[i]
		if int(d.out) >= len(d.src.outs) || d.src.outs[d.out].dst != n || int(d.src.outs[d.out].in) != i {
			fail("watch %d is not where its source has it", i)
			continue
		}
		if d.src.outs[d.out].kind != d.kind {
			fail("watch %d is of kind %d here and %d there", i, d.kind, d.src.outs[d.out].kind)
		}
		if d.src.phase == Absent {
			fail("watch %d is of something absent", i)
		}
		if d.kind != Waiting && !n.parked(i) && n.phase == Built && !d.src.Fresh() && n.flags&Stale == 0 {
			fail("it is fresh, but watch %d is stale", i)
		}
	}
	for i := range n.outs {
		o := &n.outs[i]
		if int(o.in) >= len(o.dst.deps) || o.dst.deps[o.in].src != n || int(o.dst.deps[o.in].out) != i {
			fail("dependent %d does not have it where it says", i)
		}
		if o.dst.On() {
			active++
		}
	}
	active += int(n.waiters)
	if int(n.subs) != listeners {
		fail("%d listeners, counted %d", n.subs, listeners)
	}
	if int(n.active) != active {
		fail("%d active users, counted %d", n.active, active)
	}
	if n.phase == Absent && (len(n.deps) > 0 || n.flags&(Stale|InFlight) != 0) {
		fail("absent with %d watches and flags %b", len(n.deps), n.flags)
	}
	if w := n.Word.Load(); w&Readable != 0 && (!n.Fresh() || n.flags&failed != 0) {
		fail("readable with flags %b in phase %d", n.flags, n.phase)
	} else if w&Readable != 0 && (w&Touch != 0) != (n.flags&Auto != 0 && n.active == 0) {
		fail("readable by word %b with %d active users", w, n.active)
	}
	return errs
}
