package weir

// This file owns the end of builds by hand: Invalidate and its kin, with their hooks.

import (
	"slices"

	"github.com/weir-go/weir/internal/graph"
)

func anyProviders(ps []AnyProvider, op string) {
	for _, p := range ps {
		if p == nil {
			misuse(nil, "%s of a nil provider", op)
		}
		p.identity().usable(op)
	}
}

// Invalidate ends the builds of the providers' elements now: their contexts are cancelled
// with [ErrInvalidated], their OnDispose hooks run. Those in use are rebuilt before it
// returns, unless a turn is running elsewhere; others at the next read. An AutoDispose
// element that nobody uses is disposed (rule L10). Of a [Family] it means all members.
// Invalidate never creates an element; after Close it does nothing.
func (c *Container) Invalidate(ps ...AnyProvider) { c.invalidate(ps, byRefresh, nil, "Invalidate") }

// InvalidateAsReload is [Container.Invalidate] as if a dependency had changed: what is
// asynchronous shows reloading, not refreshing.
func (c *Container) InvalidateAsReload(ps ...AnyProvider) {
	c.invalidate(ps, byReload, nil, "InvalidateAsReload")
}

// invalidate is Invalidate; by is whose build calls, if that is known. It is one change:
// first all OnManualInvalidation hooks, then all ends, then one turn.
func (c *Container) invalidate(ps []AnyProvider, how endCause, by *element, op string) {
	c.valid(op)
	anyProviders(ps, op)
	var a after
	c.tree.mu.Lock()
	a.from(by)
	var es []*element
	if !c.closed {
		for _, p := range ps {
			es = append(es, p.elements(c)...)
		}
	}
	c.endByHand(es, how, by, false, &a)
	c.done(&a)
}

// endByHand invalidates es; keep says that they are about to be read and must not be
// disposed. The lock is held, and given away while OnManualInvalidation hooks run.
func (c *Container) endByHand(es []*element, how endCause, by *element, keep bool, a *after) {
	var room [4]uint64
	gens := room[:0]
	var hooks []manual
	for _, e := range es {
		gen := e.Gen()
		gens = append(gens, gen)
		if e.life != nil && e.live(gen) {
			for _, h := range e.life.pick(nil, onManual) {
				hooks = append(hooks, manual{e, gen, h})
			}
			// Once for a build: a hook may invalidate what it belongs to.
			e.life.hooks = slices.DeleteFunc(slices.Clone(e.life.hooks), func(h *hook) bool { return h.kind == onManual })
		}
	}
	if len(hooks) > 0 {
		c.tree.unlock(a)
		c.runManual(hooks, a, func() {
			var a after
			c.tree.mu.Lock()
			c.endAll(es, gens, how, by, keep, &a)
			c.done(&a)
		})
		c.tree.mu.Lock()
	}
	c.endAll(es, gens, how, by, keep, a)
}

// runManual runs OnManualInvalidation hooks. If one calls Goexit the others, and rest,
// are done on another goroutine.
func (c *Container) runManual(hooks []manual, a *after, rest func()) {
	i := 0
	defer func() {
		if i < len(hooks) {
			go func() {
				c.begins()
				var a after
				c.runManual(hooks[i+1:], &a, rest)
				rest()
				a.rethrow()
			}()
			c.spawned()
		}
	}()
	for ; i < len(hooks); i++ {
		if m := hooks[i]; !m.h.removed.Load() && m.e.Gen() == m.gen {
			c.runHook(m.e.p, m.h, a)
		}
	}
}

// endAll ends the builds gens of es, those that are not over yet. The lock is held.
func (c *Container) endAll(es []*element, gens []uint64, how endCause, by *element, keep bool, a *after) {
	for i, e := range es {
		switch {
		case e.c.closed || e.dead || e.Phase() == graph.Absent:
			continue
		case e.Gen() != gens[i]: // somebody ended it meanwhile
			continue
		}
		e.cause |= how
		// A build that ends itself each time would go on for ever. Through a container nobody says
		// whose build calls; that it is some build is all that the stack says. Each build of e
		// counts once.
		if e.Gen() != 0 && e.Phase() == graph.Building && (e == by || by == nil && c.tree.stackHas(computing)) {
			e.selfEnds++
		}
		e.end(ErrInvalidated, a)
		if !keep && e.unused() { // its links have gone with the build (rule D5)
			e.dispose(a)
			continue
		}
		e.halted()
		c.tree.writes++
		c.tree.graph.Invalidate(&e.Node)
	}
}

// manual is an OnManualInvalidation hook to be run.
type manual struct {
	e   *element
	gen uint64
	h   *hook
}
