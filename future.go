package weir

// This file owns the kinds that fetch: FutureProvider, asynchronous or (Try) not, and how
// a build of theirs becomes an AsyncValue. Contexts and ends are in cancel.go.

import (
	"context"
	"errors"
)

// FutureProvider is something that takes time or may fail. It is an AsyncSource[T]: its
// value is an [AsyncValue].
type FutureProvider[T any] struct {
	provider[AsyncValue[T]]
	fetch func(ctx context.Context, ref Ref) (T, error)
	try   func(ref Ref) (T, error)
	same  func(a, b T) bool // change detection of the data
}

// NewFutureProvider returns a provider of what build returns. build runs on a goroutine
// of its own, once for everybody who needs the value; meanwhile the state is loading.
// Its ctx is the build's: it is cancelled when the build is over, whoever of the callers
// comes and goes (rules C1, C2). A panic in it is the error of the state (rule E1), so is
// runtime.Goexit. A nil build is a *UsageError.
func NewFutureProvider[T any](build func(ctx context.Context, ref Ref) (T, error), opts ...ProviderOption) *FutureProvider[T] {
	p := &FutureProvider[T]{}
	if p.init(futureKind, p, opts); build == nil {
		misuse(&p.base, "NewFutureProvider needs a build function")
	}
	p.fetch, p.future = build, p
	return p
}

// NewTryProvider returns a provider of what build returns, which may be an error. It is
// synchronous: build runs on the goroutine that needs the value, and the state goes
// straight to data or failed, with no loading in between. In all else it is a
// [FutureProvider]. A nil build is a *UsageError.
func NewTryProvider[T any](build func(ref Ref) (T, error), opts ...ProviderOption) *FutureProvider[T] {
	p := &FutureProvider[T]{}
	if p.init(tryKind, p, opts); build == nil {
		misuse(&p.base, "NewTryProvider needs a build function")
	}
	p.try, p.build, p.future = build, p.attempt, p
	return p
}

func (p *FutureProvider[T]) decide() {
	p.same = orDifferent(setEqual[T](&p.base, p.settings()))
	p.equal = asyncEqual(p.same)
}

func (p *FutureProvider[T]) async() {}

func (p *FutureProvider[T]) origin() *base {
	if p == nil {
		return nil
	}
	return &p.base
}

func (p *FutureProvider[T]) watchable(op string) *base { return p.origin().usable(op) }

func (p *FutureProvider[T]) identity() *base { return p.origin() }

// Cancel ends the build in flight without disposing the element: the cancel button
// (rule C6). Its context is cancelled with cause ([ErrCanceled] if nil), its OnDispose
// hooks run, the state is the data of before if there is some, else Failed with the
// cause, and whoever waits in [Resolve] or [Await] gets the cause. It is not built again
// until a dependency changes or it is invalidated. With nothing in flight Cancel does
// nothing.
func (p *FutureProvider[T]) Cancel(s Scope, cause error) {
	b := p.watchable("Cancel")
	at := scopeOf(s, b, "Cancel")
	if cause == nil {
		cause = ErrCanceled
	}
	if at.over() {
		return
	}
	cancelBuild(at.c, b, cause)
}

// attempt is the build of a Try provider.
func (p *FutureProvider[T]) attempt(ref Ref) (next AsyncValue[T]) {
	var v T
	prev := p.last(ref.e)
	var err error
	done := false
	defer func() {
		if !done {
			if r := recover(); r != nil {
				next = p.outcome(prev, v, panicked(&p.base, r).asError())
			}
			// else runtime.Goexit: nothing returns; the goroutine's own handler keeps it
		}
	}()
	v, err = p.try(ref)
	done = true
	return p.outcome(prev, v, err)
}

// outcome is the state after a Try build on top of prev. One that has to wait for what is
// still loading is loading itself (rule A5).
func (p *FutureProvider[T]) outcome(prev AsyncValue[T], v T, err error) AsyncValue[T] {
	if errors.Is(err, ErrLoading) {
		return prev.settled().starting(true)
	}
	return prev.settled().result(v, err)
}

// last is the state of e, or the zero one.
func (p *FutureProvider[T]) last(e *element) (v AsyncValue[T]) {
	if last := e.host.(*cell[AsyncValue[T]]).val.Load(); last != nil {
		v = *last
	}
	return v
}

// futureKinds is what the kinds with an AsyncValue do for the untyped part. All but run
// are called with the lock held.
type futureKinds interface {
	// loading publishes the state of a build that starts, and reports whether it is news.
	loading(e *element, reload bool) bool
	// mayProgress reports whether progress would be news; progress publishes it.
	mayProgress(e *element, fraction float64) bool
	progress(e *element, fraction float64)
	// stop keeps back, for release, the state of a build that was cancelled (keep: data from
	// before outweighs the cause) or timed out; it reports whether the result is a different one.
	stop(e *element, err error, keep bool) (settled bool)
	// run runs the build function of build gen, publishes its result, and returns when
	// both are done.
	run(e *element, gen uint64, ctx context.Context)
	// fail publishes err as the result of build gen, which is not run.
	fail(e *element, gen uint64, err error)
	// keep has err be the outcome of the synchronous build that is about to be committed.
	keep(e *element, err error)
	// failed is the snapshot of a first value that cannot be had.
	failed(err error) any
}

func (p *FutureProvider[T]) failed(err error) any {
	v := Failed[T](err)
	return &v
}

func (p *FutureProvider[T]) loading(e *element, reload bool) bool {
	x := e.host.(*cell[AsyncValue[T]])
	prev := p.last(e)
	next := prev.starting(reload)
	if x.val.Load() != nil && next.load == prev.load && next.progress == prev.progress {
		return false // loading after loading with nothing new beside it (D8)
	}
	x.publish(&next)
	return true
}

func (p *FutureProvider[T]) mayProgress(e *element, fraction float64) bool {
	v := p.last(e)
	return v.load != atRest && v.progress != fraction+1
}

func (p *FutureProvider[T]) progress(e *element, fraction float64) {
	next := p.last(e)
	next.progress = fraction + 1
	e.host.(*cell[AsyncValue[T]]).publish(&next)
}

func (p *FutureProvider[T]) stop(e *element, err error, keep bool) (settled bool) {
	prev := p.last(e)
	next := prev.settled()
	if keep && next.has {
		next.err = nil
		settled = prev.err != nil
	} else {
		next.err = err
		settled = true
	}
	e.host.(*cell[AsyncValue[T]]).next = &next
	return settled
}

func (p *FutureProvider[T]) run(e *element, gen uint64, ctx context.Context) {
	var v T
	var err error
	done := false
	defer func() {
		if !done {
			err = panicked(&p.base, recover()).asError() // recover returns nil for Goexit
		}
		p.land(e, gen, v, err)
	}()
	v, err = p.fetch(ctx, Ref{e, gen})
	done = true
}

func (p *FutureProvider[T]) keep(e *element, err error) {
	var zero T
	next := p.last(e).settled().result(zero, err)
	e.host.(*cell[AsyncValue[T]]).next = &next
}

func (p *FutureProvider[T]) fail(e *element, gen uint64, err error) {
	var zero T
	p.land(e, gen, zero, err)
}

// land publishes the result of build gen, unless that is over (rule C4).
func (p *FutureProvider[T]) land(e *element, gen uint64, v T, err error) {
	var a after
	e.returned(gen, &a)
	compared := false
	defer func() {
		if !compared { // the equality function ended this goroutine: the result is a different one
			go p.publish(e, gen, v, err, func(a, b T) bool { return false }, &after{})
		}
	}()
	p.publish(e, gen, v, err, func(x, y T) bool { return p.guarded(e, x, y, &a) }, &a)
	compared = true
	a.rethrow()
}

// guarded compares data, with a panic of the user's function reported and taken for a difference.
func (p *FutureProvider[T]) guarded(e *element, x, y T, a *after) (same bool) {
	defer func() {
		if r := recover(); r != nil {
			e.c.report(panicked(e.p, r), a)
		}
	}()
	return p.same(x, y)
}

func (p *FutureProvider[T]) publish(e *element, gen uint64, v T, err error, same func(a, b T) bool, a *after) {
	x := e.host.(*cell[AsyncValue[T]])
	t := e.c.tree
	for e.gen.Load() == gen {
		prev := x.val.Load()
		quiet := err != nil && errors.Is(err, ErrLoading) && !errors.As(err, new(*PanicError))
		var next *AsyncValue[T]
		settled := false
		if prev != nil && !quiet {
			n := prev.result(v, err)
			next = &n
			// The last settled result is what stands beside the loading.
			settled = err != nil || prev.err != nil || !prev.has || !same(prev.value, v)
		}
		t.mu.Lock()
		// A result of things that were never together is nobody's (rule P3).
		if _, stop := t.verify(e, gen, a); stop == nil && e.gen.Load() == gen && x.val.Load() != prev {
			t.unlock(a) // progress came in between
			continue
		}
		if e.gen.Load() == gen && prev != nil && x.val.Load() == prev {
			t.graph.Land(&e.Node)
			if !quiet {
				t.graph.Change(&e.Node, settled)
				x.publish(next)
				e.wakeWaiters(nil)
				t.endStale(a)
			}
			e.Show()
		}
		e.c.settle(a)
		return
	}
	t.mu.Lock() // what ended it may have been a look at what it watched, just now
	e.c.settle(a)
}
