package weir

// This file owns what the asynchronous kinds share: how a build of theirs becomes an
// AsyncValue. How states follow one another is asyncvalue.go's; contexts and ends are in
// cancel.go, the start and return of functions in launch.go.

import (
	"context"
	"errors"
	"time"

	"github.com/weir-go/weir/internal/graph"
)

// asyncKind is what the kinds with an AsyncValue do for the untyped part. All but run,
// fail and retried are called with the lock held.
type asyncKind interface {
	// loading publishes the state of a build that starts, and reports whether it is news.
	loading(e *element) bool
	// mayProgress reports whether progress would be news; progress publishes it.
	mayProgress(e *element, fraction float64) bool
	progress(e *element, fraction float64)
	// stop keeps back, for release, the state of a build that was cancelled (keep: data from
	// before outweighs the cause) or timed out; it reports whether the result is a different one.
	stop(e *element, err error, keep bool) (settled bool)
	// run runs a build function, publishes its result, and returns when both are done.
	run(s *start)
	// fail publishes err as the result of a build whose function is not run.
	fail(s *start, err error)
	// keep has err be the outcome of the synchronous build that is about to be committed.
	keep(e *element, err error)
	// retried has the outcome of synchronous build gen, which was just computed, be retried
	// if the policy says so.
	retried(e *element, gen uint64, a *after)
	// computed is the error of the synchronous build that was just computed, or nil.
	computed(e *element) error
	// failedAtRest reports whether the state is a failure at rest.
	failedAtRest(e *element) bool
	// good reports whether the state is data at rest.
	good(e *element) bool
	// failed is the snapshot of a first value that cannot be had.
	failed(err error) any
}

// asyncProvider is the typed part of every kind whose value is an AsyncValue. One of the
// functions is set.
type asyncProvider[T any] struct {
	provider[AsyncValue[T]]
	try    func(ref Ref) (T, error)                                    // of what returns at once
	fetch  func(ctx context.Context, ref Ref) (T, error)               // of what returns its result
	stream func(ctx context.Context, ref Ref, emit func(T) bool) error // of what emits its results
	same   func(a, b T) bool                                           // change detection of the data
	make   func(ref Ref) any                                           // of a notifier kind: its instance
	stored *persistence[T]                                             // of a notifier kind: where its state is kept
}

func (p *asyncProvider[T]) decide() {
	p.same = orDifferent(setEqual[T](&p.base, p.settings()))
	p.equal = asyncEqual(p.same)
}

func (p *asyncProvider[T]) async() {}

// newElement makes an element of id whose builds p makes: id's own, or those of an
// override.
func (p *asyncProvider[T]) newElement(c *Container, id *base) *element {
	e := p.provider.newElement(c, id)
	if id.kind == streamKind || id.kind == streamNotifierKind || e.retryPolicy() != nil {
		e.Set(graph.Usage) // emit and a retry wait for listeners; by the kind: an override may be exchanged
	}
	return e
}

// notifier returns the notifier of ref's build, which p makes.
func (p *asyncProvider[T]) notifier(ref Ref) any { return p.make(ref) }

// cancel is Cancel of the asynchronous kinds (rule C6).
func (p *asyncProvider[T]) cancel(s Scope, cause error) {
	at := placeOf(s, &p.base, "Cancel")
	if cause == nil {
		cause = ErrCanceled
	}
	if at.over() {
		return
	}
	cancelBuild(at.c, &p.base, cause)
}

// attempt is the build of a Try provider.
func (p *asyncProvider[T]) attempt(ref Ref) (next AsyncValue[T]) {
	var v T
	prev := p.last(ref.e)
	var err error
	done := false
	defer func() {
		if !done {
			if r := recover(); r != nil {
				next = p.outcome(prev, v, panicked(&p.base, r).asError())
				ref.e.news = true
			}
			// else runtime.Goexit: nothing returns; the goroutine's own handler keeps it
		}
	}()
	v, err = p.try(ref)
	done = true
	next = p.outcome(prev, v, err)
	p.noteNews(ref.e, prev, &next)
	return next
}

// noteNews notes whether next, which the synchronous build of e has come to on top of prev, is a
// result that differs from the last one, if it differs from prev. The lock is not held.
func (p *asyncProvider[T]) noteNews(e *element, prev AsyncValue[T], next *AsyncValue[T]) {
	if e.news = next.resting(); e.news && !prev.resting() {
		e.c.tree.mu.Lock()
		last := e.host.(*cell[AsyncValue[T]]).rested()
		e.c.tree.mu.Unlock()
		e.news = last == nil || p.differs(last, next)
	}
}

// outcome is the state after a Try build on top of prev. One that has to wait for what is
// still loading is loading itself (rule A5).
func (p *asyncProvider[T]) outcome(prev AsyncValue[T], v T, err error) AsyncValue[T] {
	if isQuiet(err) {
		return prev.settled().starting(ReasonReload)
	}
	return prev.settled().result(v, err)
}

// isQuiet reports whether a build that failed with err stays loading until a dependency
// changes (rule A5).
func isQuiet(err error) bool {
	return err != nil && errors.Is(err, ErrLoading) && !errors.As(err, new(*PanicError))
}

func (p *asyncProvider[T]) retried(e *element, gen uint64, a *after) {
	x := e.host.(*cell[AsyncValue[T]])
	next := x.next
	if !x.from.Load().tries || next == nil || next.err == nil || next.load != atRest {
		return
	}
	if d, ok := e.retryIn(gen, next.err, a); ok {
		next.load, e.news = retrying, false
		e.rare.retryIn, e.rare.retries = d, true // begin has made sure of rare; this build alone writes them
	}
}

// last is the state of e, or the zero one.
func (p *asyncProvider[T]) last(e *element) (v AsyncValue[T]) {
	if last := e.host.(*cell[AsyncValue[T]]).val.Load(); last != nil {
		v = *last
	}
	return v
}

func (p *asyncProvider[T]) computed(e *element) error {
	if next := e.host.(*cell[AsyncValue[T]]).next; next != nil && next.load == atRest {
		return next.err
	}
	return nil
}

func (p *asyncProvider[T]) failedAtRest(e *element) bool {
	v := p.last(e)
	return v.err != nil && v.load == atRest
}

func (p *asyncProvider[T]) good(e *element) bool {
	v := p.last(e)
	return v.err == nil && v.load == atRest
}

func (p *asyncProvider[T]) failed(err error) any {
	v := Failed[T](err)
	return &v
}

func (p *asyncProvider[T]) loading(e *element) bool {
	if p.stored != nil { // now, for what is written by hand before the function is called
		p.stored.life(Ref{e, e.Gen()}, dataOf[T])
	}
	x := e.host.(*cell[AsyncValue[T]])
	prev := p.last(e)
	next := prev.starting(e.reason)
	if x.val.Load() != nil && next.load == prev.load && next.progress == prev.progress {
		return false // loading after loading with nothing new beside it (D8)
	}
	x.publish(&next)
	return true
}

func (p *asyncProvider[T]) mayProgress(e *element, fraction float64) bool {
	v := p.last(e)
	return v.load != atRest && v.progress != fraction+1
}

func (p *asyncProvider[T]) progress(e *element, fraction float64) {
	next := p.last(e)
	next.progress = fraction + 1
	e.host.(*cell[AsyncValue[T]]).publish(&next)
}

func (p *asyncProvider[T]) stop(e *element, err error, keep bool) (settled bool) {
	x := e.host.(*cell[AsyncValue[T]])
	prev := p.last(e)
	next := prev.settled()
	if keep && next.has {
		next.err = nil
		last := x.rested()
		settled = last == nil || !last.good() || !prev.resting() && e.rare.amended
	} else {
		next.err = err
		settled = true
	}
	x.next = &next
	return settled
}

func (p *asyncProvider[T]) keep(e *element, err error) {
	var zero T
	next := p.last(e).settled().result(zero, err)
	e.host.(*cell[AsyncValue[T]]).next = &next
	e.news = true
}

func (p *asyncProvider[T]) run(s *start) {
	e, gen, ctx := s.e, s.gen, s.ctx
	var v T
	var err error
	done := false
	defer func() {
		if !done {
			err = panicked(&p.base, recover()).asError() // recover returns nil for Goexit
		}
		p.land(s, v, err)
	}()
	ref := Ref{e, gen}
	if p.stream == nil {
		v, err = p.fetch(ctx, ref)
	} else if err = p.stream(ctx, ref, func(v T) bool {
		if p.emit(e, gen, v) {
			return true
		}
		w := e.blocks()
		<-ctx.Done() // whoever ended the build is about to cancel it: the cause is there when emit returns
		e.unblocks(w)
		return false
	}); err == nil {
		err = errEnded
	}
	done = true
}

func (p *asyncProvider[T]) fail(s *start, err error) {
	s.begins()
	var zero T
	p.land(s, zero, err)
}

// land publishes what the function of s, which has returned, came to, unless its build is
// over (rule C4).
func (p *asyncProvider[T]) land(s *start, v T, err error) {
	e, gen := s.e, s.gen
	a := after{landed: true}
	if !s.began.IsZero() { // else its function was not called
		failed := err
		if err == errEnded {
			failed = nil
		}
		e.finished(gen, s.reason, time.Since(s.began), failed, &a)
	}
	e.returned(gen, &a)
	if err == errEnded {
		p.publish(e, gen, p.ended(e), nil, false, &a)
		a.rethrow()
		return
	}
	var again *time.Duration
	if d, ok := e.retryIn(gen, err, &a); ok {
		again = &d
	}
	p.result(e, gen, v, err, again, &a)
	a.rethrow()
}

// result publishes a value or an error; again is when the build is to be tried again, if
// it is.
func (p *asyncProvider[T]) result(e *element, gen uint64, v T, err error, again *time.Duration, a *after) {
	step := func(prev AsyncValue[T]) *AsyncValue[T] {
		if isQuiet(err) {
			return nil
		}
		next := prev.result(v, err)
		if again != nil {
			next.load = retrying
		}
		return &next
	}
	done := false
	defer func() {
		if !done { // the equality function ended this goroutine: the result is a different one
			go func() {
				e.begins()
				p.publish(e, gen, step, again, true, &after{landed: true})
			}()
			e.spawned()
		}
	}()
	p.publish(e, gen, step, again, false, a)
	done = true
}

// compare reports whether next is a change after prev, and whether it is a result that
// differs from last, the newest before it (rule D10). With different its data is.
func (p *asyncProvider[T]) compare(e *element, prev, last, next *AsyncValue[T], different bool, a *after) (changed, settled bool) {
	same := func(x, y T) bool { return !different && p.guarded(e, x, y, a) }
	switch {
	case sameState(*prev, *next, same):
		return false, false
	case !next.resting():
		return true, false
	}
	return true, prev.resting() || last == nil || !sameState(*last, *next, same)
}

// rested returns the newest result, which loading may hide, or nil. The lock is held.
func (x *cell[S]) rested() *S {
	raw := x.raw()
	if !isResting(raw) {
		raw = nil
		if r := x.e.rare; r != nil {
			raw = r.rested
		}
	}
	last, _ := raw.(*S)
	return last
}

// hiding keeps the result that is about to be hidden by next, if that is loading, until
// there is another: it is what they know who have Awaited it. The lock is held.
func (x *cell[S]) hiding(next *S) {
	switch prev := x.raw(); {
	case isResting(any(next)):
		if x.e.rare != nil {
			x.e.rare.rested = nil
		}
	case isResting(prev):
		r := x.e.more()
		r.rested, r.amended = prev, false
	}
}

// guarded compares data, with a panic of the user's function reported and taken for a difference.
func (p *asyncProvider[T]) guarded(e *element, x, y T, a *after) (same bool) {
	defer func() {
		if r := recover(); r != nil {
			e.c.report(panicked(e.p, r), a)
		}
	}()
	return p.same(x, y)
}

// publish makes what step makes of the state the outcome of build gen, unless that is over
// (rule C4). step runs without the lock, and again if the state has moved meanwhile; nil
// is no result. With different its data is not compared, and differs.
func (p *asyncProvider[T]) publish(e *element, gen uint64, step func(prev AsyncValue[T]) *AsyncValue[T], again *time.Duration, different bool, a *after) {
	x := e.host.(*cell[AsyncValue[T]])
	t := e.c.tree
	for e.point(); e.Gen() == gen; e.point() {
		prev := x.val.Load()
		last := prev
		if prev != nil && !prev.resting() {
			t.mu.Lock()
			last = x.rested()
			t.mu.Unlock()
		}
		var next *AsyncValue[T]
		changed, settled := false, false
		if prev != nil {
			if next = step(*prev); next != nil {
				changed, settled = p.compare(e, prev, last, next, different, a)
			}
		}
		t.mu.Lock()
		// A result of things that were never together is nobody's (rule P3).
		_, _ = t.verify(e, gen, a)
		if e.Gen() == gen && x.val.Load() != prev {
			t.unlock(a) // progress came in between
			continue
		}
		if e.Gen() == gen && prev != nil && x.val.Load() == prev {
			e.untimed()
			t.graph.Land(&e.Node)
			switch {
			case changed:
				t.graph.Change(&e.Node, settled)
				x.publish(next)
				e.point()
				if next.resting() {
					e.unretry() // of a stream that emits although its function has failed
					e.wakeWaiters(nil)
				}
				t.endStale(a)
			case next != nil:
				x.tellSelf(next)
			}
			switch {
			case again != nil:
				e.retryAt(*again)
			case p.good(e):
				e.rare.attempts = 0
			}
			e.Show()
		}
		e.c.settle(a)
		return
	}
	t.mu.Lock() // what ended it may have been a look at what it watched, just now
	e.c.settle(a)
}
