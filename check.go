package weir

// This file owns the invariant checker: it counts again from scratch what the engine
// keeps by increments. It runs after every turn under -race, and with the build tag
// weirdebug; otherwise nothing calls it.

import (
	"errors"
	"fmt"

	"github.com/weir-go/weir/internal/graph"
)

// checkLimit is how many elements a container may have for the check to run after every
// turn: it goes through all of them.
const checkLimit = 2000

// inconsistent returns what is wrong with c, all of it, or nil. The lock is held.
func (c *Container) inconsistent() error {
	if c.closed || c.table.live > checkLimit {
		return nil
	}
	var errs []error
	fail := func(e *element, format string, args ...any) {
		errs = append(errs, fmt.Errorf("weir: invariant: %s: %s", e.p.Name(), fmt.Sprintf(format, args...)))
	}
	for e := range c.table.all {
		listeners, active, weak := 0, 0, false
		for s := range e.listeners.all {
			switch {
			case s.state.Load()&subClosed != 0:
				fail(e, "a closed listener is in the list")
			case s.weak:
				weak = true
			default:
				listeners++
				if s.on {
					active++
				}
				if s.on && s.pauses > 0 {
					fail(e, "a paused listener counts as active")
				}
			}
		}
		if weak != e.Has(graph.Weak) {
			fail(e, "weak listeners: %v, marked: %v", weak, e.Has(graph.Weak))
		}
		listeners += e.resolving()
		active += int(e.holds)
		for _, err := range e.Check(listeners, active) {
			fail(e, "%v", err)
		}
		if e.Phase() == graph.Absent && e.life != nil {
			fail(e, "absent with a life")
		}
		if e.Has(graph.Life) != (e.life != nil) {
			fail(e, "life: %v, marked: %v", e.life != nil, e.Has(graph.Life))
		}
		if e.Has(graph.Blocked) != (e.ending > 0) {
			fail(e, "%d endings, blocked: %v", e.ending, e.Has(graph.Blocked))
		}
		if e.dead {
			fail(e, "dead, but in the table")
		}
		if e.Wanted() && e.Active() && e.Has(graph.Stale) && !e.Has(graph.Blocked) && !e.Queued() && e.Phase() == graph.Built && !e.putOff() && !c.waitedFor(e) {
			fail(e, "stale and wanted, but not queued (%d walkers, reason %v, life %v)", e.walkers, e.reason, e.life != nil)
		}
	}
	return errors.Join(errs...)
}

// waitedFor reports whether a turn has left e to somebody else's build, or that builds
// outside turns may be about to queue it.
func (c *Container) waitedFor(e *element) bool {
	for x := range c.chain {
		if x.reading > 0 {
			return true
		}
	}
	return c.postponed[&e.Node] != 0
}
