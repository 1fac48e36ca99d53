package weir

// This file owns Ref, the handle of a build, and Scope, which says where a call is made
// from. A ref that is over does nothing (rule C9).

import (
	"context"
	"math"
	"time"

	"github.com/weir-go/weir/internal/graph"
)

// Scope is where a provider is resolved: a [*Container], the [Ref] of a build in one, or
// the [*Tx] of a [Container.Batch]. It is sealed. A nil or zero scope is a *UsageError.
type Scope interface{ scope() }

// Ref is the handle of one build: what it watches, its context and its hooks go through
// it. It is a small value: copy it freely, keep it, use it from any goroutine. Once its
// build has been replaced or disposed it is over: its calls do nothing or return the cause
// (rule C9). The zero Ref is a *UsageError in every call.
type Ref struct {
	e   *element
	gen uint64
}

func (Ref) scope() {}

// place is a Scope taken apart.
type place struct {
	c   *Container
	ref Ref // if it is one
	tx  *Tx
	via *Container // what the call was made through, if that is a child: once it is closed nothing happens
	by  *seat      // of the notifier that the call is a method of, if it is one
}

// scopeOf is placeOf for a call that reads p: what is read through the scope of a
// mutation's run is held until that ends.
func scopeOf(s Scope, p *base, op string) place {
	at := placeOf(s, p, op)
	if h, ok := s.(*runScope); ok {
		h.hold(at.c, p)
	}
	return at
}

// placeOf takes s apart, for a call that uses p, if that is not nil: its container is then
// the one where p's element lives. op is for messages alone.
func placeOf(s Scope, p *base, op string) (at place) {
	switch s := s.(type) {
	case *Container:
		if s == nil || s.tree == nil {
			misuse(p, "%s with a nil or zero *Container: make one with NewContainer", op)
		}
		at.c = s
	case Ref:
		s.validFor(p, op)
		at.c, at.ref = s.e.c, s
		if p != nil {
			s.e.declares(p, op)
		}
	case *Tx:
		if s == nil || s.c == nil {
			misuse(p, "%s with a nil or zero *Tx: use the one that Batch hands to its function", op)
		}
		s.usable(p, op)
		at.c, at.tx = s.c, s
	case *runScope:
		at.c = s.c
	default:
		misuse(p, "%s needs a scope: a *Container, the Ref of a build, or the *Tx of a Batch", op)
	}
	if p != nil && at.c.parent != nil {
		at.via, at.c = at.c, at.c.home(p)
	}
	return at
}

// over reports whether the place is a ref whose build is over, a child that is closed, or
// a notifier whose life is over.
func (at *place) over() bool {
	return (at.ref.e != nil || at.via != nil || at.by != nil) && at.ended()
}

func (at *place) ended() bool {
	return at.ref.e != nil && !at.ref.Mounted() || at.via != nil && at.via.closing.Load() || at.gone()
}

// gone reports whether the place is a notifier whose life is over. It needs no lock.
func (at place) gone() bool { return at.by != nil && !at.by.sits() }

// overLocked is over with the lock held.
func (at place) overLocked() bool {
	return at.ref.e != nil && !at.ref.e.live(at.ref.gen) || at.via != nil && at.via.closed || at.gone()
}

// why is the cause of a place that is over. The lock is held.
func (at place) why(p *base) error {
	switch {
	case at.gone() && !at.c.closed:
		return &causeError{p, ErrDisposed}
	case at.ref.e == nil:
		return &causeError{p, ErrContainerClosed}
	}
	return at.ref.e.why(at.ref.gen)
}

// mayWrite is a *UsageError for a write through the ref of a synchronous build (rule P7).
func (at place) mayWrite(p *base, op string) {
	e := at.ref.e
	if e == nil {
		return
	}
	e.c.tree.mu.Lock()
	building := e.Gen() == at.ref.gen && e.Phase() == graph.Building
	e.c.tree.mu.Unlock()
	if building {
		misuse(p, "%s through the ref of the synchronous build of %s: derive the value with Watch, or write from a listener", op, e.p.Name())
	}
}

func (r Ref) valid(op string) { r.validFor(nil, op) }

func (r Ref) validFor(p *base, op string) {
	if r.e == nil {
		misuse(p, "%s with a zero Ref: use the one that the build function is given", op)
	}
}

// builder returns the element whose build waits when a call through r does: none if r is
// over or its build is done. The lock is held.
func (r Ref) builder() *element {
	if r.e.live(r.gen) && (r.e.Phase() == graph.Building || r.e.Has(graph.InFlight)) { // the zero Ref is of no build
		return r.e
	}
	return nil
}

// builder returns the element whose build waits when a call through at does: that of its
// ref, or of from, in whose build the caller's context was made. The lock is held.
func (at place) builder(from Ref) *element {
	if by := at.ref.builder(); by != nil {
		return by
	}
	if from.e != nil && from.e.c.tree == at.c.tree {
		return from.builder()
	}
	return nil
}

// expected is the quick way of Watch: it returns the dependency if it may be read and is
// the one that the last build watched at this place, with the word that Matched takes
// then, or one that this build has just watched, with 0. It takes no lock.
func (r Ref) expected(p *base) (src *element, w uint64) {
	if r.e == nil {
		return nil, 0
	}
	n, w := r.e.Expected(r.gen)
	if w == 0 {
		return nil, 0
	}
	if n != nil {
		if src = n.Host.(*element); src.p == p {
			return src.ifReadable(), w
		}
	}
	for i := range 4 {
		if n = r.e.Recent(w, i); n != nil {
			if src = n.Host.(*element); src.p == p {
				return src.ifReadable(), 0
			}
		}
	}
	return nil, 0
}

// watched is the other quick way of Watch: it returns the dependency if it may be read and
// this build watches it already, in whatever order. A watch on standby is a touch. It takes no lock.
func (r Ref) watched(p *base) *element {
	if r.e == nil || r.e.Gen() != r.gen {
		return nil
	}
	if src := r.e.c.home(p).table.find(p); src != nil && src.Watched(r.gen) && src.readable() {
		return src
	}
	return nil
}

// ifReadable is e if its value may be loaded without the lock, else nil.
func (e *element) ifReadable() *element {
	if e.Word.Load()&graph.Readable == 0 {
		return nil
	}
	return e
}

// watchSlow is Watch with the lock: it brings p's element up to date, makes sure that its
// value goes together with what the build has watched already, and records the edge. It
// returns the value, none if there is none because the container is closed, and raises
// the failure of a synchronous build again (rule E1).
func (r Ref) watchSlow(p *base, edge *edgeFilter) look {
	r.validFor(p, "Watch")
	e := r.e
	e.declares(p, "Watch")
	c := e.c.home(p)
	t := c.tree
	var a after
	t.mu.Lock()
	for e.live(r.gen) {
		src, stop := c.freshElement(p, e, &a)
		if stop != nil {
			return look{raw: c.giveUp(p, stop, e, &a)}
		}
		if stop = t.watchCycle(e, src); stop != nil {
			return look{raw: c.giveUp(p, stop, e, &a)}
		}
		if !e.live(r.gen) {
			continue
		}
		ok, stop := t.fit(e, src, r.gen, &a)
		if stop != nil {
			return look{raw: c.giveUp(p, stop, e, &a)}
		}
		if !ok {
			continue
		}
		seen, fail := src.seen(edge != nil), src.fail
		kind, sel := graph.Value, (*graph.Sel)(nil)
		if fail == nil { // else whatever comes after it is a change (rule P1)
			kind, sel = edge.of(src, seen.raw)
		}
		t.graph.Watch(&e.Node, &src.Node, r.gen, kind, sel)
		src.touchLocked()
		c.yield(e, &a)
		if fail != nil {
			panic(fail)
		}
		return seen
	}
	c.yield(e, &a) // finding out that the build is over may have ended it, which is for somebody to deliver
	a.rethrow()
	return place{c: c, ref: r}.readSlow(p, edge != nil) // the ref is over: Watch is Read
}

// edgeFilter is the untyped part of a selection on an edge.
type edgeFilter struct {
	sel     graph.Sel
	changed func(raw any) bool
	src     *element
	raw     any // what the watcher was given
	settled bool
}

// of sets the filter up for an edge from src. A nil filter is a plain edge.
func (f *edgeFilter) of(src *element, raw any) (graph.Kind, *graph.Sel) {
	if f == nil {
		return graph.Value, nil
	}
	f.src, f.raw = src, raw
	f.sel.Changed = f.ask
	return graph.Filtered, &f.sel
}

// armed is of for an Await that got its result.
func (f *edgeFilter) armed(src *element, raw any) (graph.Kind, *graph.Sel) {
	if f == nil {
		return graph.Settled, nil
	}
	return f.of(src, raw)
}

// ask reports whether the selection has changed; of an Await, whether its result has.
func (f *edgeFilter) ask() bool {
	if f.src.host.holds(f.raw) {
		return false
	}
	raw := f.src.host.raw()
	if f.settled && !isResting(raw) {
		return false
	}
	return f.changed(raw)
}

// Context returns the context of the build, live until the build is over, also after its
// function has returned (rule C2). It carries the values of the container's context and
// nothing of any caller (C1); [context.Cause] says why it ended (C3). In a synchronous
// build it is made by the first call. Of a ref that is over it is cancelled already.
func (r Ref) Context() context.Context {
	r.valid("Context")
	return r.e.contextOf(r.gen)
}

func (r Ref) hook(kind hookKind, fn func(), fnErr func() error) (remove func()) {
	r.valid(hookNames[kind])
	if fn == nil && fnErr == nil {
		misuse(r.e.p, "%s needs a function", hookNames[kind])
	}
	if (kind == onCancel || kind == onResume) && !r.e.auto() {
		misuse(r.e.p, "%s in a regular provider would never run: make it AutoDispose() (and call ref.KeepAlive() to pause work but never dispose)", hookNames[kind])
	}
	return r.e.register(r.gen, &hook{kind: kind, fn: fn, fnErr: fnErr})
}

// OnDispose has fn run when the build is over: replaced, disposed, or its container
// closed. It runs exactly once, after the build's context was cancelled, last registered
// first, and before the next build starts (rule L5). On a ref that is over it runs at
// once (L6). remove takes it back; it may be called again.
func (r Ref) OnDispose(fn func()) (remove func()) { return r.hook(onDispose, fn, nil) }

// OnDisposeErr is [Ref.OnDispose] for a function that can fail: [Container.Shutdown]
// returns the errors.
func (r Ref) OnDisposeErr(fn func() error) (remove func()) { return r.hook(onDispose, nil, fn) }

// OnCancel has fn run when the last active listener has left, closed or paused. "Cancel"
// here means standby: the build is not over, its context is still live (rule L2). OnCancel
// and OnResume alternate; registered on standby, fn runs at once (L6). In a provider that
// is not AutoDispose it is a *UsageError (L7).
func (r Ref) OnCancel(fn func()) (remove func()) { return r.hook(onCancel, fn, nil) }

// OnResume has fn run when the first active listener is back after an OnCancel of the
// same build (rule L2). In a provider that is not AutoDispose it is a *UsageError (L7).
func (r Ref) OnResume(fn func()) (remove func()) { return r.hook(onResume, fn, nil) }

// OnAddListener has fn run for each listener that comes, weak ones excepted (rule L3). Of a
// synchronous build it sees the listener whose arrival made the build (D3).
func (r Ref) OnAddListener(fn func()) (remove func()) { return r.hook(onAdd, fn, nil) }

// OnRemoveListener has fn run for each listener that leaves, weak ones excepted (rule L3).
func (r Ref) OnRemoveListener(fn func()) (remove func()) { return r.hook(onRemove, fn, nil) }

// OnManualInvalidation has fn run when the build is ended by hand: Invalidate, Refresh,
// InvalidateSelf. It runs first of all, with the ref still live, so that it may invalidate
// others (rule D2).
func (r Ref) OnManualInvalidation(fn func()) (remove func()) { return r.hook(onManual, fn, nil) }

// KeepAlive keeps the element from being disposed until the link is closed or the build
// is over, whichever is first. Links are counted (rule L9). In a regular provider, and on
// a ref that is over, the link does nothing.
func (r Ref) KeepAlive() *KeepAliveLink {
	r.valid("KeepAlive")
	e := r.e
	e.c.tree.mu.Lock()
	defer e.c.tree.mu.Unlock()
	if !e.auto() || !e.live(r.gen) {
		return &KeepAliveLink{}
	}
	e.lived().links++
	return &KeepAliveLink{e: e, gen: r.gen}
}

// CacheFor keeps the element for d after its last listener left, if that is longer than
// its delay; a listener that returns stops the time. The longest of several calls in one
// build counts; it goes with the build. It ends nothing: what is used more often than once
// in its delay stays, until the build ends itself: time.AfterFunc(d, ref.InvalidateSelf).
// In a regular provider, and on a ref that is over, it does nothing. A negative d is a
// *UsageError.
func (r Ref) CacheFor(d time.Duration) {
	r.valid("CacheFor")
	if d < 0 {
		misuse(r.e.p, "CacheFor(%v) is negative", d)
	}
	e := r.e
	e.c.tree.mu.Lock()
	defer e.c.tree.mu.Unlock()
	if e.auto() && e.live(r.gen) {
		l := e.lived()
		if x := e.times; x.left == 0 && x.built == 0 { // the first call in a build that is not timed
			x.built = e.c.now()
		}
		l.cacheFor = max(l.cacheFor, d)
	}
}

// InvalidateSelf is Invalidate of the ref's own element, by the build itself: a ref that
// is over does nothing.
func (r Ref) InvalidateSelf() {
	r.valid("InvalidateSelf")
	c := r.e.c
	var a after
	c.tree.mu.Lock()
	a.from(r.e)
	if r.e.live(r.gen) {
		c.endByHand([]*element{r.e}, byRefresh, r.e, false, &a)
	}
	c.done(&a)
}

// Invalidate is [Container.Invalidate] from inside a build. On a ref that is over it does
// nothing.
func (r Ref) Invalidate(ps ...AnyProvider) {
	r.valid("Invalidate")
	if r.Mounted() {
		r.e.c.invalidate(ps, byRefresh, r.e, "Invalidate")
	}
}

// InvalidateAsReload is [Container.InvalidateAsReload] from inside a build. On a ref that
// is over it does nothing.
func (r Ref) InvalidateAsReload(ps ...AnyProvider) {
	r.valid("InvalidateAsReload")
	if r.Mounted() {
		r.e.c.invalidate(ps, byReload, r.e, "InvalidateAsReload")
	}
}

// Exists is [Container.Exists] of the ref's container.
func (r Ref) Exists(p AnyProvider) bool {
	r.valid("Exists")
	return r.e.c.Exists(p)
}

// Mounted reports whether the ref's build is not over.
func (r Ref) Mounted() bool {
	r.valid("Mounted")
	if r.e.Gen() != r.gen {
		return false
	}
	r.e.c.tree.mu.Lock()
	defer r.e.c.tree.mu.Unlock()
	return r.e.live(r.gen)
}

// IsPaused reports whether the element is neither active nor building (rule D1).
func (r Ref) IsPaused() bool {
	r.valid("IsPaused")
	r.e.c.tree.mu.Lock()
	defer r.e.c.tree.mu.Unlock()
	return !r.e.On() && r.e.Phase() != graph.Building
}

// Reason says why the build was started; of a ref that is over, why the newest was.
func (r Ref) Reason() BuildReason {
	r.valid("Reason")
	r.e.c.tree.mu.Lock()
	defer r.e.c.tree.mu.Unlock()
	return r.e.reason
}

// Container returns the container that hosts the element.
func (r Ref) Container() *Container {
	r.valid("Container")
	return r.e.c
}

// Debounce waits for d, or until the build is over, and then returns the cause: put first
// in a build, it lets a burst of changes end in one. A d of 0 only asks whether the build
// is over; a negative one is a *UsageError.
func (r Ref) Debounce(d time.Duration) error {
	r.valid("Debounce")
	if d < 0 {
		misuse(r.e.p, "Debounce(%v) is negative", d)
	}
	ctx := r.Context()
	if d == 0 || ctx.Err() != nil {
		return context.Cause(ctx)
	}
	w := r.e.blocks()
	select {
	case <-time.After(d):
		r.e.unblocks(w)
		return nil
	case <-ctx.Done():
		r.e.unblocks(w)
		return context.Cause(ctx)
	}
}

// SetProgress publishes how far an asynchronous build is, as a fraction clamped to [0, 1]
// (rules A2, D9). After the result, in a synchronous build, and on a ref that is over it
// does nothing. NaN is a *UsageError.
func (r Ref) SetProgress(fraction float64) {
	r.valid("SetProgress")
	if math.IsNaN(fraction) {
		misuse(r.e.p, "SetProgress(NaN): give a fraction from 0 to 1")
	}
	fraction = min(max(fraction, 0), 1)
	e := r.e
	t := e.c.tree
	var a after
	t.mu.Lock()
	a.from(e)
	if e.live(r.gen) && e.Has(graph.InFlight) && e.mayProgress(fraction) {
		t.graph.Change(&e.Node, false)
		e.progress(fraction)
		t.endStale(&a)
	}
	e.c.done(&a)
}
