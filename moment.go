package weir

// This file owns rule P3 as far as it is not the graph's: that all values which one build
// watches were current together at one moment.

import "github.com/weir-go/weir/internal/graph"

// fit sees to it that src's value, which is fresh, goes together with all that build gen
// of e has watched so far (rule P3). If that takes time it returns false, and src may
// not be fresh any more. The lock is held.
func (t *tree) fit(e, src *element, gen uint64, a *after) bool {
	if e.Phase() == graph.Building {
		dep := t.graph.Fits(&e.Node, &src.Node, gen)
		if dep == nil {
			return true
		}
		d := t.drive()
		d.own.take(a)
		d.by = e
		d.join(e)
		d.freshen(dep.Host.(*element))
		d.part(e)
		a.take(&d.own)
		t.park(d)
		return false
	}
	if e.Has(graph.InFlight) && e.Has(graph.Stale) { // written while it was in flight: what was that?
		t.verify(e, gen, a)
		return false
	}
	if e.Has(graph.InFlight) && !src.Fresh() {
		return false // outdated while it was built: its moment is not this build's
	}
	t.graph.Advance(&e.Node)
	return true
}

// verify finds out whether what build gen of e, in flight, has watched has changed, and ends
// it if so. It reports whether all of that is current now.
func (t *tree) verify(e *element, gen uint64, a *after) bool {
	for range maxVerify {
		if !e.live(gen) {
			return false
		}
		if !e.Has(graph.Stale) {
			return true
		}
		d := t.drive()
		d.own.take(a)
		d.by, d.verify = e, true
		d.join(e)
		d.freshen(e)
		d.part(e)
		a.take(&d.own)
		stop := d.stop
		t.park(d)
		if stop != nil {
			return e.live(gen)
		}
	}
	e.cause |= byReload // others write faster than can be looked at: begin anew
	e.end(ErrDependencyChanged, a)
	e.halted()
	t.graph.Invalidate(&e.Node)
	return false
}

// maxVerify is how often others may write while a build in flight is verified before it is
// given up.
const maxVerify = 1000
