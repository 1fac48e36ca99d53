package weir

// This file owns rule P3 as far as it is not the graph's: that all values which one build
// watches were current together at one moment.

import "github.com/weir-go/weir/internal/graph"

// fit sees to it that src's value, which is fresh, goes together with all that build gen
// of e has watched so far (rule P3). If that took time it returns false: src may not be
// fresh any more. The error is why there is no getting on. The lock is held.
func (t *tree) fit(e, src *element, gen uint64, a *after) (ok bool, stop error) {
	switch {
	case e.Phase() == graph.Building:
		dep := t.graph.Fits(&e.Node, &src.Node, gen)
		if dep == nil {
			return true, nil
		}
		return false, t.pursue(dep.Host.(*element), e, false, false, false, a)
	case !e.Has(graph.InFlight):
		if !src.Fresh() { // watched late, and outdated already: e is as stale as that
			return true, nil
		}
	case e.Has(graph.Stale): // written while it was in flight: what was that?
		_, stop = t.verify(e, gen, a)
		return false, stop
	case !src.Fresh():
		return false, nil // outdated while it was built: its moment is not this build's
	}
	t.graph.Advance(&e.Node)
	return true, nil
}

// verify finds out whether what build gen of e, in flight, has watched has changed, and ends
// it if so. It reports whether all of that is current now.
func (t *tree) verify(e *element, gen uint64, a *after) (ok bool, stop error) {
	for range maxVerify {
		if !e.live(gen) {
			if e.Gen() == gen { // somebody else has found out, and is about to end it
				e.outrun(a)
			}
			return false, nil
		}
		if !e.Has(graph.Stale) {
			return true, nil
		}
		if stop = t.pursue(e, e, true, false, false, a); stop != nil {
			return false, stop
		}
	}
	e.outrun(a) // others write faster than can be looked at: begin anew
	t.graph.Invalidate(&e.Node)
	return false, nil
}

// outrun ends e's live build: something that it has watched has changed.
func (e *element) outrun(a *after) {
	e.cause |= byReload
	e.end(ErrDependencyChanged, a)
	e.halted()
}

// maxVerify is how often others may write while a build in flight is verified before it is
// given up.
const maxVerify = 1000
