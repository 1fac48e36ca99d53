package weir

// This file owns the search for cycles (rule E2): among those who wait for one another,
// among the watches of asynchronous builds, which wait for nobody, and among those that
// chase each other. It changes nothing.

import "github.com/weir-go/weir/internal/graph"

// cycle returns the names on the cycle that waiting for e would close, from e back to e, or
// nil.
func (d *drive) cycle(e *element) []string {
	way := d.names(nil)
	if e == d.by {
		return append([]string{d.by.p.Name()}, way...)
	}
	type visit struct {
		e   *element
		way []string
	}
	seen := map[*element]bool{e: true}
	todo := []visit{{e, nil}}
	for len(todo) > 0 {
		v := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for w := v.e.waiting; w != nil; w = w.next {
			if w.on == nil {
				continue
			}
			to := w.names(v.way)
			if w.on == d.by {
				return append(append([]string{e.p.Name()}, to...), way...)
			}
			if !seen[w.on] {
				seen[w.on] = true
				todo = append(todo, visit{w.on, to})
			}
		}
	}
	return nil
}

// names appends the names of what d goes through to what it runs or waits for.
func (d *drive) names(to []string) []string {
	to = append([]string(nil), to...)
	k := len(to)
	for n := range d.walk.Path {
		to = append(to, n.Host.(*element).p.Name())
	}
	if len(to) == k && d.on != nil {
		to = append(to, d.on.p.Name())
	}
	return to
}

// cycle returns the *CycleError that a watch of src by e's build would make. While an
// asynchronous build runs its dependents may be at rest, so nobody waits: the watches
// themselves are searched.
func (t *tree) cycle(e, src *element) error {
	if e.Phase() == graph.Building {
		return nil
	}
	if path := t.graph.Cycle(&e.Node, &src.Node); path != nil {
		return cycleOf(path)
	}
	return nil
}

// chased is a *CycleError for a build that is made again and again by builds that it sets
// off itself: futures that Watch one another in a ring, each seeing only that the other
// is loading. While they chase each other one of their watches is always parked, so the
// search of cycle does not find them.
func (e *element) chased() error {
	t, r := e.c.tree, e.rare
	if e.reason != ReasonReload || r.writes != t.writes {
		r.writes, r.reloads = t.writes, 0
		return nil
	}
	if r.reloads++; r.reloads >= chaseCheck && r.reloads&(r.reloads-1) == 0 {
		if path := t.graph.Ring(&e.Node); path != nil {
			return cycleOf(path[:len(path)-1])
		}
	}
	return nil
}

// chaseCheck is after how many reloads without a write from outside a ring is looked for,
// and again each time that their number has doubled.
const chaseCheck = 8

// cycleOf makes an error of a path of watches that ends where it begins.
func cycleOf(path []*graph.Node) *CycleError {
	err := &CycleError{}
	last := path[len(path)-1].Host.(*element).p.Name()
	err.Path = append(err.Path, last)
	for _, n := range path {
		err.Path = append(err.Path, n.Host.(*element).p.Name())
	}
	return err
}
