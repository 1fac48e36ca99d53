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
	make   func(e *element) any                                        // of a notifier kind: its instance
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
	if p.stream != nil || e.retryPolicy() != nil {
		e.Set(graph.Usage) // emit and a retry wait for listeners
	}
	return e
}

// notifier returns the notifier of e, whose builds p makes.
func (p *asyncProvider[T]) notifier(e *element) any { return p.make(e) }

// cancel is Cancel of the asynchronous kinds (rule C6).
func (p *asyncProvider[T]) cancel(s Scope, cause error) {
	at := scopeOf(s, &p.base, "Cancel")
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
		next.load = retrying
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

func (p *asyncProvider[T]) keep(e *element, err error) {
	var zero T
	next := p.last(e).settled().result(zero, err)
	e.host.(*cell[AsyncValue[T]]).next = &next
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
		<-ctx.Done() // whoever ended the build is about to cancel it: the cause is there when emit returns
		return false
	}); err == nil {
		err = errEnded
	}
	done = true
}

func (p *asyncProvider[T]) fail(s *start, err error) {
	var zero T
	p.land(s, zero, err)
}

// land publishes what the function of s, which has returned, came to, unless its build is
// over (rule C4).
func (p *asyncProvider[T]) land(s *start, v T, err error) {
	e, gen := s.e, s.gen
	a := after{landed: true}
	if e.observed() {
		failed := err
		if err == errEnded {
			failed = nil
		}
		e.finished(gen, s.reason, time.Since(s.began), failed, &a)
	}
	e.returned(gen, &a)
	if err == errEnded {
		p.publish(e, gen, p.ended(e), nil, &a)
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
	compared := false
	different := false // the equality function ended this goroutine: the result is a different one
	step := func(prev AsyncValue[T]) (*AsyncValue[T], bool) {
		if isQuiet(err) {
			return nil, false
		}
		next := prev.result(v, err)
		if again != nil {
			next.load = retrying
			return &next, false
		}
		// The last settled result is what stands beside the loading.
		return &next, err != nil || prev.err != nil || !prev.has || different || !p.guarded(e, prev.value, v, a)
	}
	defer func() {
		if !compared {
			different = true
			go p.publish(e, gen, step, again, &after{landed: true})
		}
	}()
	p.publish(e, gen, step, again, a)
	compared = true
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
// is no change, settled that there is a different result.
func (p *asyncProvider[T]) publish(e *element, gen uint64, step func(prev AsyncValue[T]) (next *AsyncValue[T], settled bool), again *time.Duration, a *after) {
	x := e.host.(*cell[AsyncValue[T]])
	t := e.c.tree
	for e.Gen() == gen {
		prev := x.val.Load()
		var next *AsyncValue[T]
		settled := false
		if prev != nil {
			next, settled = step(*prev)
		}
		t.mu.Lock()
		// A result of things that were never together is nobody's (rule P3).
		if _, stop := t.verify(e, gen, a); stop == nil && e.Gen() == gen && x.val.Load() != prev {
			t.unlock(a) // progress came in between
			continue
		}
		if e.Gen() == gen && prev != nil && x.val.Load() == prev {
			e.untimed()
			t.graph.Land(&e.Node)
			if next != nil {
				t.graph.Change(&e.Node, settled)
				x.publish(next)
				if next.resting() {
					e.wakeWaiters(nil)
				}
				t.endStale(a)
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
