package weir

// This file owns the waiting for asynchronous results: Await inside a build, Resolve from
// outside, and what wakes them. Ends of builds are in cancel.go, waiting for a
// synchronous build of another goroutine in build.go.

import (
	"context"

	"github.com/weir-go/weir/internal/graph"
)

// waiters is whom a settled result wakes; err, set before done is closed, is what they
// return instead of looking at the state, and left the state that came with it.
type waiters struct {
	done chan struct{}
	err  error
	left any
}

// wait returns what the next settled result closes. The lock is held.
func (e *element) wait() *waiters {
	r := e.more()
	if r.waiters == nil {
		r.waiters = &waiters{done: make(chan struct{})}
	}
	return r.waiters
}

// wakeWaiters wakes those who wait for a result.
func (e *element) wakeWaiters(err error) {
	if r := e.rare; r != nil && r.waiters != nil {
		if err != nil {
			r.waiters.err, r.waiters.left = err, e.host.raw()
		}
		close(r.waiters.done)
		r.waiters = nil
	}
}

// needed begins the build that somebody waits for, if it is not on its way: also a retry
// that was due and had nobody to wait for it. That is no turn's to do (rule G11). The lock
// is held.
func (e *element) needed(a *after) {
	if e.rare.due {
		e.retryNow(a)
	}
	e.Want()
}

// Await returns the result of src, waiting for it while it is loading, and makes it a
// dependency of ref's build: a different result later makes the build stale, the loading
// in between does not (rule D10). It waits for the newest build of src, whatever is
// rebuilt meanwhile, and under the build's own context: when the build ends it returns
// the cause (rule C8), also if it was over before. Errors are src's own, unwrapped (A3).
// A wait that would close a cycle returns a *CycleError. Await may be called from several
// goroutines of one build.
func Await[T any](ref Ref, src AsyncSource[T]) (T, error) {
	var zero T
	if src == nil {
		misuse(nil, "Await of a nil source")
	}
	out := src.outlet()
	b := out.usable("Await")
	ref.validFor(b, "Await")
	var f *filter[AsyncValue[T]]
	var edge *edgeFilter
	if out.part != nil {
		f = newFilter(out)
		edge = &f.edge
		edge.settled = true
	}
	raw, err := ref.await(b, edge)
	if err != nil {
		return zero, err
	}
	if f != nil {
		return f.see(raw).Result()
	}
	return out.view(raw).Result()
}

// await is Await without the type.
func (r Ref) await(p *base, edge *edgeFilter) (raw any, err error) {
	e := r.e
	e.declares(p, "Await")
	c := e.c.home(p)
	t := c.tree
	var a after
	ctx := r.Context()
	var src *element
	var d *drive     // while it waits for src
	var cut *waiters // with why Cancel or Timeout has ended the build that it waited for
	leave := func() {
		if d != nil {
			if !c.closed {
				t.graph.Wait(&src.Node, -1)
			}
			d.part(e)
			d = nil
		}
	}
	returns := false
	defer func() {
		if !returns { // a hook or listener of a turn ended this goroutine
			t.mu.Lock()
			leave()
			c.settle(&a)
		}
	}()
	t.mu.Lock()
	for {
		if !e.live(r.gen) {
			err = e.why(r.gen)
			break
		}
		var stop error
		src, stop = c.freshElement(p, e, &a)
		if err = stop; err != nil {
			break
		}
		if !e.live(r.gen) {
			continue
		}
		if err = t.watchCycle(e, src); err != nil {
			break
		}
		edgeAt := t.graph.Watch(&e.Node, &src.Node, r.gen, graph.Waiting, nil)
		if src.atRest() {
			ok, stop := t.fit(e, src, r.gen, &a)
			if err = stop; err != nil {
				break
			}
			if !ok {
				continue // something was written meanwhile
			}
			raw = src.host.raw()
			kind, sel := graph.Value, (*graph.Sel)(nil)
			if cut != nil && src.host.holds(cut.left) { // else it was built or written again before this goroutine woke up
				err = cut.err // no result of src: it hears of the next build
			} else {
				kind, sel = edge.armed(src, raw)
			}
			t.graph.Arm(&e.Node, edgeAt, r.gen, kind, sel)
			src.touchLocked()
			break
		}
		cut = nil // there is a newer build
		w := src.wait()
		x := &drive{t: t, by: e, on: src, await: true}
		if path := x.cycle(src); path != nil {
			err = path
			break
		}
		d = x
		d.join(e)
		t.graph.Wait(&src.Node, 1) // whatever becomes of e's own listeners: its build waits
		src.needed(&a)
		t.breakHooks()
		t.letFly()
		c.waiting(e, &a)
		who := t.blocks()
		select {
		case <-w.done:
			if w.err != nil {
				cut = w
			}
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
		t.unblocks(who)
		t.mu.Lock()
		leave()
		if !e.live(r.gen) {
			err = e.why(r.gen) // rather than that the source has ended too
		}
		if err != nil {
			break
		}
	}
	returns = true
	c.yield(e, &a)
	a.rethrow()
	return raw, named(err)
}

// Resolve returns the result of src, waiting for it while it is loading, and builds it
// first if need be. It waits for the newest build, whatever is rebuilt meanwhile, and is
// a listener for as long as it waits; of a value at rest it is a touch (rule L4). When ctx
// ends it returns context.Cause(ctx) at once and leaves: the others never notice, and if
// it was the last listener the work is cancelled after the delay (rule C7). Errors are
// src's own, unwrapped (A3). After Close it returns [ErrContainerClosed], through a ref
// that is over the cause. A wait of a build, by its ref or a context derived from its
// own, that would close a cycle returns a *CycleError.
func Resolve[T any](ctx context.Context, s Scope, src AsyncSource[T]) (T, error) {
	var zero T
	if src == nil {
		misuse(nil, "Resolve of a nil source")
	}
	out := src.outlet()
	if c, ok := s.(*Container); ok && c != nil && ctx != nil && ctx.Err() == nil && !c.closing.Load() {
		if e := c.there(out.p); e != nil && e.Word.Load()&graph.Readable != 0 {
			e.point()
			if at, _, _ := out.peek(e); at != nil && at.resting() { // it is a Read
				e.touch()
				return at.Result()
			}
		}
	}
	b := out.usable("Resolve")
	at := scopeOf(s, b, "Resolve")
	if ctx == nil {
		misuse(b, "Resolve needs a context: use context.Background if there is none")
	}
	if ctx.Err() != nil {
		return zero, context.Cause(ctx)
	}
	raw, err := at.resolve(ctx, b)
	if err != nil {
		return zero, err
	}
	return out.view(raw).Result()
}

// resolve is Resolve without the type.
func (at place) resolve(ctx context.Context, p *base) (raw any, err error) {
	c := at.c
	t := c.tree
	if e := c.table.find(p); e != nil && e.Word.Load()&graph.Readable != 0 {
		e.point()
		if raw := e.host.raw(); isResting(raw) && !at.over() { // not asked before: the value may be of the next life
			e.touch()
			return raw, nil
		}
	}
	var own <-chan struct{}
	if at.ref.e != nil {
		own = at.ref.Context().Done()
	}
	var shut <-chan struct{}
	if at.via != nil {
		shut = at.via.Context().Done()
	}
	from := refIn(ctx)
	var a after
	var e *element // that it is a listener of
	var by *element
	var d *drive // while by's build waits
	leave := func() {
		if d != nil {
			d.part(by)
			d = nil
		}
	}
	returns := false
	defer func() {
		if !returns { // a build, or a hook or listener of a turn, ended this goroutine
			t.mu.Lock()
			leave()
			if e != nil {
				e.resolved()
			}
			c.settle(&a)
		}
	}()
	t.mu.Lock()
	for {
		if at.overLocked() {
			err = at.why(p)
			break
		}
		by = at.builder(from)
		now, stop := c.freshElement(p, by, &a)
		if err = stop; err != nil {
			break
		}
		if now.atRest() {
			raw = now.host.raw()
			now.touchLocked()
			break
		}
		if by = at.builder(from); by != nil { // else its build has ended meanwhile: a newer one does not wait here
			x := &drive{t: t, by: by, on: now, await: true}
			if path := x.cycle(now); path != nil {
				err = path
				break
			}
			d = x
			d.join(by)
		}
		if e == nil { // from now on it cannot be disposed
			e = now
			e.more().resolvers++
			t.graph.AddListener(&e.Node, true)
			t.graph.Wait(&e.Node, 1) // that is what makes it active
		}
		w := e.wait()
		e.needed(&a)
		h := t.hookWaits(e)
		t.breakHooks()
		t.letFly()
		c.waiting(by, &a)
		who := t.blocks()
		select {
		case <-w.done:
			err = w.err
		case <-ctx.Done():
			err = context.Cause(ctx)
		case <-own:
			err = context.Cause(at.ref.Context())
		case <-shut:
			err = &causeError{p, ErrContainerClosed}
		case <-h.stuck():
		}
		t.unblocks(who)
		t.mu.Lock()
		leave()
		if t.leaveHooks(h) {
			err = hookCycle{e.p}
		}
		if err != nil {
			break
		}
	}
	returns = true
	if e != nil {
		e.resolved()
	}
	c.yield(by, &a)
	a.rethrow()
	return raw, named(err)
}

// resolved takes a Resolve off the listeners of e. The lock is held.
func (e *element) resolved() {
	if !e.c.closed {
		e.rare.resolvers--
		e.c.tree.graph.Wait(&e.Node, -1)
		e.c.tree.graph.RemoveListener(&e.Node, true)
	}
}
