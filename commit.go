package weir

// This file owns the beginning and the outcome of a synchronous build: what is noted when
// it starts, whether its result may be published, and what becomes of it if not.

import (
	"github.com/weir-go/weir/internal/graph"
)

// exhausted makes the failure of a build that was ended from inside one too often: with the
// lock let go, for the name may be made by user code. The build is the caller's to commit.
func (e *element) exhausted() {
	if e.selfEnds < maxRuns {
		return
	}
	t := e.c.tree
	t.mu.Unlock()
	fail := panicked(e.p, usage(e.p, "%d builds in a row were invalidated from inside a build: do it from a hook or a listener", maxRuns))
	t.mu.Lock()
	e.rare.self = fail
}

// failed commits a synchronous build that ended with fail: a kept panic, or the error of a
// kind that can fail.
func (e *element) failed(fail *PanicError, a *after) {
	if e.fallible {
		e.keepFailure(fail.asError())
		e.commit(true, nil, a)
		return
	}
	e.commit(false, fail, a)
}

// begin starts a synchronous build of e. The lock is held.
func (e *element) begin(by *element) (gen uint64) {
	t := e.c.tree
	e.because()
	e.c.occupy()
	e.nest(by)
	gen = t.graph.Begin(&e.Node, false)
	e.newest = gen
	if e.observed() {
		e.lived() // so that its end is told
		e.more()  // and its times are kept
	}
	if e.p.settings().timeout > 0 || e.fallible && e.retryPolicy() != nil {
		e.more()
	}
	if e.rare != nil {
		e.times.built = e.c.now()
		e.rare.stop = nil
		e.rare.retries = false
		e.unretry()
		e.timed()
	} else {
		e.times.anew()
	}
	return gen
}

// nest notes how deep the build of e that begins is nested: one deeper than that of by,
// which needs it.
func (e *element) nest(by *element) {
	e.depth = 0
	if by != nil {
		e.depth = by.depth + 1
	}
}

// timed sets the timeout of the build that begins.
func (e *element) timed() {
	if d := e.p.settings().timeout; d > 0 {
		e.rare.timeout = e.c.schedule(e, plus(e.c.now(), d), timeoutTimer)
	}
}

// commit ends a synchronous build of e. The lock is held.
func (e *element) commit(changed bool, fail *PanicError, a *after) {
	t := e.c.tree
	e.untimed()
	if e.rare != nil && e.times.built > 0 {
		e.times.lasted = e.c.now() - e.times.built
	}
	ok := t.graph.Commit(&e.Node)
	switch {
	case e.c.closed:
		e.detach(&causeError{e.p, ErrContainerClosed}, a)
		e.tellLeft(a)
		t.graph.Dispose(&e.Node)
	case e.rare != nil && e.rare.stop != nil: // Cancel or Timeout: the result is theirs
		e.detach(e.rare.stop, a)
		e.publishStop(e.rare.stop, e.rare.keep, a)
		e.rare.stop = nil
	case ok:
		e.selfEnds = 0
		e.publish(changed, fail, a)
		if r := e.rare; r != nil {
			if r.retries {
				r.retries = false
				if e.Gen() != 0 { // else it was outdated already: the retry has gone with it
					e.retryAt(r.retryIn)
				}
			} else if e.fallible && !e.async && e.succeeded() {
				r.attempts = 0
			}
		}
	case e.Gen() != 0:
		t.graph.Discard(&e.Node)
		e.end(ErrDependencyChanged, a) // it saw a mix: discarded before anybody is told (rule P3)
		e.again()
	case e.rare.self != nil:
		fail := e.rare.self
		e.selfEnds, e.rare.self = 0, nil
		e.detach(e.rare.over, a)
		t.graph.Judge(&e.Node)
		if e.fallible {
			e.keepFailure(fail.asError())
			e.publish(true, nil, a)
		} else {
			e.publish(false, fail, a)
		}
	default:
		t.graph.Discard(&e.Node)
		e.detach(e.rare.over, a)
	}
	e.woken()
	if e.unused() { // whoever left while it was building was the last
		e.noteUsage()
	}
	e.leave()
	e.c.rest() // after its end was noted: Shutdown waits for the hooks as well
}

// maxRuns is how often in a row a build may end itself before that is an error.
const maxRuns = 1000

// publish makes the outcome of a build visible.
func (e *element) publish(changed bool, fail *PanicError, a *after) {
	switch {
	case fail != nil:
		changed = true
	case changed:
		e.host.release(true)
	case e.fail != nil: // a value after a failure is always a change (rule P1)
		e.host.release(true)
		changed = true
	default:
		e.host.release(false)
	}
	e.fail = fail
	e.Node.Publish(changed, changed && (!e.fallible || e.news), fail != nil)
	e.point()
	e.Show()
	if changed && !e.async {
		e.wakeWaiters(nil)
	}
	if e.Has(graph.Dirty) && e.life != nil { // outdated by a State after its last Watch: its end is known (D4)
		e.cause |= byReload
		e.end(ErrDependencyChanged, a)
	}
	if !e.Active() && e.Has(graph.Usage) {
		e.NodeEvent(graph.OffDuty) // read, and nobody listens (rule L4)
	}
}
