package weir

// This file owns the end of builds: one context for each, its cause, Cancel and Timeout. A
// build is over from the moment it is marked so under the lock; what has to be run for it
// is collected in an after and run by the goroutine that ended it, without the lock: that
// is dispose.go's.

import (
	"context"
	"slices"

	"github.com/weir-go/weir/internal/graph"
)

// buildContext is the context of a build. In a synchronous build it is made when it is
// first asked for.
type buildContext struct {
	context.Context
	cancel context.CancelCauseFunc
}

// refKey is where the context of a build has its Ref, so that a Resolve or a loop with a
// context derived from it is known to be the build's own (rule E2).
type refKey struct{}

// refIn is the Ref of the build from whose context ctx is derived, or the zero Ref. ctx may
// be the user's code: the lock is not held.
func refIn(ctx context.Context) Ref {
	ref, _ := ctx.Value(refKey{}).(Ref)
	return ref
}

// newContext makes a context that carries the values of the container's and of no caller
// (rule C1). Nothing registers with the container's context: the build's is cancelled
// from the graph, with a cause of its own.
func (c *Container) newContext(ref Ref) (bc buildContext) {
	c.contextLocked()
	bc.Context, bc.cancel = context.WithCancelCause(&refContext{c.values, ref})
	return bc
}

// refContext has a Ref among its values. It takes half the memory of what
// [context.WithValue] returns for it.
type refContext struct {
	context.Context
	ref Ref
}

func (ctx *refContext) Value(key any) any {
	if key == (refKey{}) {
		return ctx.ref
	}
	return ctx.Context.Value(key)
}

// contextOf returns the context of build gen; of one that is over a context that is
// cancelled with the cause.
func (e *element) contextOf(gen uint64) context.Context {
	t := e.c.tree
	t.mu.Lock()
	defer t.mu.Unlock()
	if !e.live(gen) {
		bc := e.c.newContext(Ref{e, gen})
		bc.cancel(e.why(gen))
		return bc.Context
	}
	l := e.lived()
	if l.context.Context == nil {
		l.context = e.c.newContext(Ref{e, gen})
	}
	return l.context.Context
}

// endKept is how many ends of an element are remembered for refs that are long over.
const endKept = 8

// end is a build that is over, and why.
type end struct {
	gen uint64
	why error
}

func (r *rare) remember(gen uint64, why error) {
	if len(r.ends) == endKept {
		copy(r.ends, r.ends[1:])
		r.ends = r.ends[:endKept-1]
	}
	r.ends = append(r.ends, end{gen, why})
}

// outlived notes how the last life of e ended, now that there is another: until then why
// knows. The lock is held.
func (e *element) outlived() {
	gen := e.newest
	if gen == 0 || e.rare != nil && slices.ContainsFunc(e.rare.ends, func(x end) bool { return x.gen == gen }) {
		return
	}
	e.more().remember(gen, &causeError{e.p, ErrDisposed})
}

// why returns the cause of build gen, which is over. A build without a life left nothing
// behind: what has become of its element says why.
func (e *element) why(gen uint64) error {
	if r := e.rare; r != nil {
		for _, x := range r.ends {
			if x.gen == gen {
				return x.why
			}
		}
	}
	switch {
	case e.c.closed:
		return &causeError{e.p, ErrContainerClosed}
	case e.Phase() == graph.Absent:
		return &causeError{e.p, ErrDisposed}
	}
	return &causeError{e.p, ErrDependencyChanged}
}

// end marks e's live build over. Unless its synchronous function is still running, its
// life is detached at once. The lock is held.
func (e *element) end(cause error, a *after) { e.endNoted(true, cause, a) }

// endNoted is end. A cause that is not noted takes no memory: it is what has become of e, and
// [element.why] sees that for as long as it is so.
func (e *element) endNoted(noted bool, cause error, a *after) {
	if e.rare != nil {
		e.rare.stop = nil // Cancel or Timeout came before: what they were to leave is over too
	}
	gen := e.Gen()
	if gen == 0 {
		return
	}
	e.End()
	e.unretry()
	if e.life == nil && e.Phase() != graph.Building && !noted {
		return // nothing to be ended
	}
	e.wakeEmitters()
	why := &causeError{e.p, cause}
	if noted || e.Phase() == graph.Building {
		e.more().remember(gen, why)
	}
	if e.Phase() == graph.Building {
		e.Set(graph.Over)
		e.rare.over = why
		if l := e.life; l != nil && l.context.Context != nil {
			a.cancels = append(a.cancels, cancellation{l.context.cancel, why})
		}
		return
	}
	e.detach(why, a)
}

// detach takes the life of a build that is over away from e, to be ended without the lock.
// Until its hooks have returned no build of e may start (rule L5).
func (e *element) detach(why error, a *after) {
	l := e.life
	if l == nil {
		return
	}
	e.life = nil
	e.Unset(graph.Life | graph.Owner)
	if e.observed() {
		for i := range e.rare.joins {
			e.rare.joins[i].hooks = false
		}
	} else if e.Unset(graph.Joins); e.rare != nil {
		e.rare.joins = nil
	}
	for _, s := range l.owned {
		if s != nil {
			s.detach()
		}
	}
	if l.links > 0 { // they die with the build: nothing may keep e now
		e.times.since = e.c.now()
		e.noteUsage()
	}
	x := &l.ending
	*x = ending{e: e, life: l, gen: l.gen, why: why, hooks: l.pick(nil, onDispose)}
	if l.context.Context != nil {
		if e.times == nil {
			e.more()
		}
		e.times.detached = l
	}
	if len(x.hooks) > 0 || l.context.Context != nil || e.observed() {
		x.queue(a)
	}
}

// endStale ends the builds that the last change made known stale (rules D4, L5).
func (t *tree) endStale(a *after) {
	for _, n := range t.graph.Ended() {
		if !n.Has(graph.Dirty) {
			continue // written after what it watches, in one batch
		}
		e := n.Host.(*element)
		e.cause |= byReload
		e.end(ErrDependencyChanged, a)
		e.halted()
	}
}

// halted ends an asynchronous build whose result nobody will see.
func (e *element) halted() {
	if e.Has(graph.InFlight) {
		e.untimed()
		e.c.tree.graph.Halt(&e.Node)
	}
}

// untimed takes the timeout of e's build away.
func (e *element) untimed() {
	if r := e.rare; r != nil {
		e.c.drop(r.timeout)
		r.timeout = nil
	}
}

// cancel is Cancel of the asynchronous kinds (rule C6).
func (b *base) cancel(s Scope, cause error) {
	at := placeOf(s, b.usable("Cancel"), "Cancel")
	if cause == nil {
		cause = ErrCanceled
	}
	if at.over() {
		return
	}
	var a after
	c := at.c
	c.tree.mu.Lock()
	if e := c.table.find(b); e != nil {
		e.cut(cause, true, &a)
	}
	c.done(&a)
}

// timedOut ends the build that x is the Timeout of.
func (e *element) timedOut(x *timer, a *after) {
	if e.Gen() == x.gen {
		e.cut(context.DeadlineExceeded, false, a)
	}
}

// cut ends the build in flight without making e stale; keep says that data from
// before outweighs the cause.
func (e *element) cut(cause error, keep bool, a *after) {
	t := e.c.tree
	why := error(&causeError{e.p, cause})
	switch {
	case e.Gen() == 0 || !e.fallible:
	case e.Phase() == graph.Building:
		e.end(cause, a)
		e.rare.stop, e.rare.keep = why, keep
	case e.Has(graph.InFlight):
		e.end(cause, a)
		e.untimed()
		t.graph.Land(&e.Node)
		e.publishStop(why, keep, a)
	case e.isRetrying() || e.rare != nil && e.rare.running == e.Gen(): // a stream goes on after its first value
		e.end(cause, a)
		e.publishStop(why, keep, a)
	}
}

// publishStop publishes the state of a build that Cancel or Timeout ended.
func (e *element) publishStop(why error, keep bool, a *after) {
	g := &e.c.tree.graph
	e.c.tree.writes++
	g.Judge(&e.Node)
	g.Change(&e.Node, e.stop(why, keep))
	e.host.release(true)
	e.point()
	e.wakeWaiters(why)
	e.c.tree.endStale(a)
	e.Show()
}
