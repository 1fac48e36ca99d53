package weir

// This file owns the end of builds: one context for each, its cause, the OnDispose hooks,
// Cancel and Timeout. A build is over from the
// moment it is marked so under the lock; what has to be run for it is collected in an
// after and run by the goroutine that ended it, without the lock.

import (
	"context"
	"errors"
	"sync"

	"github.com/weir-go/weir/internal/graph"
)

// buildContext is the context of a build. In a synchronous build it is made when it is
// first asked for.
type buildContext struct {
	context.Context
	cancel context.CancelCauseFunc
}

// refKey is where the context of a build has its Ref, so that a Resolve with a context
// derived from it is known to be the build's own (rule E2).
type refKey struct{}

// newContext makes a context that carries the values of the container's and of no caller
// (rule C1). Nothing registers with the container's context: the build's is cancelled
// from the graph, with a cause of its own.
func (c *Container) newContext(ref Ref) (bc buildContext) {
	ctx := context.WithValue(c.values, refKey{}, ref)
	bc.Context, bc.cancel = context.WithCancelCause(ctx)
	return bc
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

// why returns the cause of build gen, which is over. A build without a life that was
// rebuilt left nothing behind, and that is for one reason only.
func (e *element) why(gen uint64) error {
	if r := e.rare; r != nil {
		for _, x := range r.ends {
			if x.gen == gen {
				return x.why
			}
		}
	}
	if e.c.closed {
		return &causeError{e.p, ErrContainerClosed}
	}
	return &causeError{e.p, ErrDependencyChanged}
}

// after is what a call has to do once it has let go of the lock. The zero value is ready.
type after struct {
	ends    []*ending
	cancels []cancellation
	starts  []start
	raise   *PanicError // to be raised again when all is done (rule E3)
}

// take moves what b has collected to a.
func (a *after) take(b *after) {
	if b.any() {
		a.ends, a.starts, a.cancels = append(a.ends, b.ends...), append(a.starts, b.starts...), append(a.cancels, b.cancels...)
		b.ends, b.starts, b.cancels = nil, nil, nil
	}
	if b.raise != nil && a.raise == nil {
		a.raise, b.raise = b.raise, nil
	}
}

// any reports whether there is anything to do once the lock is let go.
func (a *after) any() bool { return len(a.ends)+len(a.starts)+len(a.cancels) > 0 }

// cancellation is a context to be cancelled at once, while the hooks wait for the function.
type cancellation struct {
	cancel context.CancelCauseFunc
	cause  error
}

// start is an asynchronous build function to be run on a goroutine of its own.
type start struct {
	e   *element
	gen uint64
	ctx context.Context
	err error // what it fails with instead
}

// unlock lets go of the lock and does what was collected. It may be called with nothing
// collected, and a may be used again.
func (t *tree) unlock(a *after) {
	if !a.any() {
		t.mu.Unlock()
		return
	}
	ends, starts, cancels := a.ends, a.starts, a.cancels
	a.ends, a.starts, a.cancels = nil, nil, nil
	t.mu.Unlock()
	for _, x := range cancels {
		x.cancel(x.cause)
	}
	for _, s := range starts {
		if s.err != nil {
			go s.e.future.fail(s.e, s.gen, s.err)
			continue
		}
		go s.e.future.run(s.e, s.gen, s.ctx)
	}
	if len(ends) > 0 {
		(&endings{todo: ends}).run(a)
	}
}

// rethrow raises what was to be raised again.
func (a *after) rethrow() {
	if pe := a.raise; pe != nil {
		a.raise = nil
		panic(pe)
	}
}

// end marks e's live build over. Unless its synchronous function is still running, its
// life is detached at once. The lock is held.
func (e *element) end(cause error, a *after) {
	gen := e.gen.Load()
	if gen == 0 {
		return
	}
	e.gen.Store(0)
	why := &causeError{e.p, cause}
	e.more().remember(gen, why)
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
	e.Unset(graph.Life | graph.Joins | graph.Owner)
	if e.rare != nil {
		e.rare.joins = nil
	}
	for _, s := range l.owned {
		s.detach()
	}
	if l.links > 0 && e.auto() { // the links die with the build: nothing may keep e now
		e.rare.since = e.c.now()
		e.noteUsage()
	}
	x := &ending{e: e, life: l, why: why, hooks: l.pick(nil, onDispose)}
	if len(x.hooks) > 0 || l.context.Context != nil {
		e.ending++
		e.Set(graph.Blocked)
		e.c.busy++
		a.ends = append(a.ends, x)
	}
}

// endStale ends the builds that the last change made known stale (rules D4, L5).
func (t *tree) endStale(a *after) {
	for _, n := range t.graph.Ended() {
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
	if r := e.rare; r != nil && r.timeout != nil {
		e.c.drop(r.timeout)
		r.timeout = nil
	}
}

// ending is a build that is over and whose hooks have to be run.
type ending struct {
	e     *element
	life  *life
	why   error
	hooks []*hook
}

// endings runs the ends of builds, one after the other, whatever their hooks do.
type endings struct {
	todo []*ending
}

func (es *endings) run(a *after) {
	for _, x := range es.todo {
		if x.life.context.Context != nil {
			x.life.context.cancel(x.why)
		}
	}
	for len(es.todo) > 0 {
		es.step(a)
	}
}

// step runs hooks until all is done or one of them does not return.
func (es *endings) step(a *after) {
	var running *ending
	defer func() {
		if running == nil {
			return
		}
		r := recover()
		running.e.c.report(panicked(running.e.p, r), a)
		if r == nil { // Goexit: this goroutine is done for, the rest goes on elsewhere
			rest := &endings{todo: es.todo}
			es.todo = nil
			go func() {
				var a after
				c := running.e.c
				for len(rest.todo) > 0 {
					rest.step(&a)
				}
				c.tree.mu.Lock()
				c.done(&a) // for the call that did not get to it
			}()
		}
	}()
	for len(es.todo) > 0 {
		x := es.todo[0]
		for len(x.hooks) > 0 {
			h := x.hooks[len(x.hooks)-1]
			x.hooks = x.hooks[:len(x.hooks)-1]
			if h.removed.Load() {
				continue
			}
			running = x
			runDisposeHook(x.e, h)
			running = nil
		}
		es.todo = es.todo[1:]
		x.e.ended()
	}
}

// runDisposeHook is a frame to be found on the stack: see [disposing].
//
//go:noinline
func runDisposeHook(e *element, h *hook) {
	if h.fnErr == nil {
		h.fn()
		return
	}
	if err := h.fnErr(); err != nil {
		e.c.errors.add(&causeError{e.p, err})
	}
}

// ended notes that the hooks of a build of e have returned. It runs no turn: the next
// end in the list may be what that turn would wait for. Whoever let go of the lock settles.
func (e *element) ended() {
	e.c.tree.mu.Lock()
	defer e.c.tree.mu.Unlock()
	if e.ending--; e.ending == 0 {
		e.Unset(graph.Blocked)
		e.woken()
		e.Want()
		e.leave()
	}
	e.c.rest()
}

// woken wakes whoever waits for e's build, or the end of one, and queues what a turn put
// off because of it.
func (e *element) woken() {
	if e.wake != nil {
		close(e.wake)
		e.wake = nil
	}
	for _, n := range e.later {
		n.Want()
	}
	e.later = nil
}

// cancelBuild is Cancel (rule C6).
func cancelBuild(c *Container, p *base, cause error) {
	var a after
	c.tree.mu.Lock()
	if e := c.table.find(p); e != nil && !c.closed {
		e.stopped(cause, true, &a)
	}
	c.done(&a)
}

// timedOut ends the build that x is the Timeout of.
func (e *element) timedOut(x *timer, a *after) {
	if e.rare.timeout == x {
		e.rare.timeout = nil
	}
	if e.gen.Load() == x.gen {
		e.stopped(context.DeadlineExceeded, false, a)
	}
}

// stopped ends the build in flight without making e stale; keep says that data from
// before outweighs the cause.
func (e *element) stopped(cause error, keep bool, a *after) {
	t := e.c.tree
	why := error(&causeError{e.p, cause})
	switch {
	case e.gen.Load() == 0 || e.future == nil:
	case e.Phase() == graph.Building:
		e.end(cause, a)
		e.rare.stop, e.rare.keep = why, keep
	case e.Has(graph.InFlight):
		e.end(cause, a)
		e.untimed()
		t.graph.Land(&e.Node)
		e.publishStop(why, keep, a)
	}
}

// publishStop publishes the state of a build that Cancel or Timeout ended.
func (e *element) publishStop(why error, keep bool, a *after) {
	g := &e.c.tree.graph
	e.c.tree.writes++
	g.Stopped(&e.Node)
	g.Change(&e.Node, e.future.stop(e, why, keep))
	e.host.release()
	e.settled(why)
	e.c.tree.endStale(a)
	e.Show()
}

// errorLog keeps what OnDisposeErr hooks returned, for Shutdown.
type errorLog struct {
	mu   sync.Mutex
	errs []error
}

// maxErrors bounds what is kept of a container that lives long and releases badly.
const maxErrors = 100

func (l *errorLog) add(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.errs) < maxErrors {
		l.errs = append(l.errs, err)
	}
}

func (l *errorLog) join() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.errs...)
}
