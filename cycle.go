package weir

// This file owns the search for cycles (rule E2): among those who wait for one another,
// among the watches of asynchronous builds, which wait for nobody, among those that
// chase each other, and among OnDispose hooks. It changes nothing but who waits.

import (
	"slices"

	"github.com/weir-go/weir/internal/graph"
)

// ring is a *CycleError to be: the names of its providers may be made by user code (the
// String of a family's key), which must not run under the lock.
type ring []*base

func (r ring) Error() string { return r.named().Error() }

func (r ring) named() *CycleError {
	err := &CycleError{}
	for _, p := range r {
		err.Path = append(err.Path, p.Name())
	}
	return err
}

// hookCycle is a *UsageError to be: an OnDispose hook waits for itself (rule E4).
type hookCycle struct{ p *base }

func (h hookCycle) Error() string { return named(h).Error() }

// named is err as users see it. The lock must not be held.
func named(err error) error {
	switch err := err.(type) {
	case ring:
		return err.named()
	case hookCycle:
		misuse := usage(err.p, "an OnDispose hook reads the element that it belongs to, or one that waits for it, or an observer of that end does: keep what the hook needs in a variable of the build")
		misuse.hook = true
		return misuse
	}
	return err
}

// cycle returns the cycle that waiting for e would close, from e back to e, or nil.
func (d *drive) cycle(e *element) ring {
	way := d.route(nil)
	if e == d.by {
		return append(ring{d.by.p}, way...)
	}
	type visit struct {
		e   *element
		way ring
	}
	seen := map[*element]bool{e: true}
	todo := []visit{{e, nil}}
	for len(todo) > 0 {
		v := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for w := v.e.drives; w != nil; w = w.next {
			on := w.waitsFor(v.e)
			if on == nil {
				continue
			}
			to := w.route(v.way)
			if on == d.by {
				return append(append(ring{e.p}, to...), way...)
			}
			if !seen[on] {
				seen[on] = true
				todo = append(todo, visit{on, to})
			}
		}
	}
	return nil
}

// route appends to a copy of to what d goes through to what it runs or waits for.
func (d *drive) route(to ring) ring {
	to = append(ring(nil), to...)
	k := len(to)
	path := d.walk.Path
	if d.loop != nil {
		path = d.on.pending
	}
	for n := range path {
		to = append(to, n.Host.(*element).p)
	}
	if len(to) == k && d.on != nil {
		to = append(to, d.on.p)
	}
	return to
}

// watchCycle returns the ring that a watch of src by e's build would make. While an
// asynchronous build runs its dependents may be at rest, so nobody waits: the watches
// themselves are searched.
func (t *tree) watchCycle(e, src *element) error {
	if e.Phase() == graph.Building {
		return nil
	}
	if path := t.graph.Cycle(&e.Node, &src.Node); path != nil {
		return cycleOf(path)
	}
	return nil
}

// chased is a ring for a build that is made again and again by builds that it sets
// off itself: futures that Watch one another in a ring, each seeing only that the other
// is loading. While they chase each other one of their watches is always parked, so the
// search of cycle does not find them.
func (e *element) chased() error {
	t, r := e.c.tree, e.rare
	if e.reason != ReasonReload || r.writes != t.writes {
		r.writes, r.reloads, r.chased = t.writes, 0, t.graph.Epoch()
		return nil
	}
	if r.reloads++; r.reloads >= chaseCheck && r.reloads&(r.reloads-1) == 0 {
		path := t.graph.Ring(&e.Node)
		switch {
		case path == nil:
		case t.graph.Moved(path, r.chased): // by a stream, say: they may watch each other in turns, never both at once
			r.reloads, r.chased = 0, t.graph.Epoch()
		default:
			return cycleOf(path[:len(path)-1])
		}
	}
	return nil
}

// chaseCheck is after how many reloads without a write from outside a ring is looked for,
// and again each time that their number has doubled. Something that was watched from
// outside the ring and has changed meanwhile is as good as a write.
const chaseCheck = 8

// cycleOf makes a ring of a path of watches, whose last node watches the first.
func cycleOf(path []*graph.Node) ring {
	r := ring{path[len(path)-1].Host.(*element).p}
	for _, n := range path {
		r = append(r, n.Host.(*element).p)
	}
	return r
}

// hookWait is a goroutine that runs OnDispose hooks and waits for a build: its hooks read
// through the container, so that no build is known to wait for what they wait for.
type hookWait struct {
	on   *element
	runs int           // of [endings.run] that are on its stack
	end  chan struct{} // closed when it waits for itself, or for others that wait for it
	over bool
}

// stuck returns what is closed when w will never get what it waits for.
func (w *hookWait) stuck() <-chan struct{} {
	if w == nil {
		return nil
	}
	return w.end
}

// hookWaits notes that the calling goroutine waits for e, if it is running OnDispose hooks.
func (t *tree) hookWaits(e *element) *hookWait {
	if t.runs == 0 {
		return nil
	}
	runs := t.stackCount(disposing, within)
	if runs == 0 {
		return nil
	}
	w := &hookWait{on: e, runs: runs, end: make(chan struct{})}
	t.hooked = append(t.hooked, w)
	return w
}

// leaveHooks undoes hookWaits, and reports whether w was stuck.
func (t *tree) leaveHooks(w *hookWait) bool {
	if w == nil {
		return false
	}
	t.hooked = slices.DeleteFunc(t.hooked, func(x *hookWait) bool { return x == w })
	return w.over
}

// breakHooks ends the wait of a goroutine that runs OnDispose hooks, if all that do wait
// for builds which wait for such hooks (rules E2, E4). Which goroutine runs whose hooks is
// not known, so as long as one of them runs there is hope: it is asked again whenever
// somebody begins to wait, and when a run of hooks has come to its end.
func (t *tree) breakHooks() {
	runs := 0
	for _, w := range t.hooked {
		if w.over || !w.on.waitsForHooks() {
			return
		}
		runs += w.runs
	}
	if runs > 0 && runs == t.runs {
		w := t.hooked[len(t.hooked)-1]
		w.over = true
		close(w.end)
	}
}

// waitsForHooks reports whether e, or something that its build waits for, cannot be built
// before OnDispose hooks have returned.
func (e *element) waitsForHooks() bool {
	seen := map[*element]bool{e: true}
	todo := []*element{e}
	for len(todo) > 0 {
		x := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if x.Has(graph.Blocked) {
			return true
		}
		for w := x.drives; w != nil; w = w.next {
			if on := w.waitsFor(x); on != nil && !seen[on] {
				seen[on] = true
				todo = append(todo, on)
			}
		}
	}
	return false
}
