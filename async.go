package weir

// This file owns what the asynchronous kinds share: how a build of theirs becomes an
// AsyncValue, whatever its type. How states follow one another is asyncvalue.go's; contexts
// and ends are in cancel.go, the start and return of functions in launch.go.

import (
	"errors"
	"time"
)

// asyncKind is what needs the type of an AsyncValue. A snapshot is a pointer to one; nil for an
// element that has none yet.
type asyncKind interface {
	identity() *base
	// call runs the build function of s: it returns the snapshot of a result, or an error. A
	// stream that has returned has neither: it has emitted what it had to say.
	call(s *start) (made any, err error)
	// with returns a snapshot of the value that raw has, and s beside it.
	with(raw any, s asyncState) any
	// sameData is the change detection of two snapshots that have a value (rule P1); it may
	// run user code.
	sameData(a, b any) bool
	// keepBack keeps a snapshot back for release, as a synchronous build does with what it
	// computes; keptBack is what of it is no value, to be read and changed until then, nil if
	// there is none.
	keepBack(e *element, next any)
	keptBack(e *element) *asyncState
}

// step is what an outcome makes of the state prev: nil for no result. It runs without the
// lock, and again if the state has moved meanwhile.
type step func(prev any) (next any)

// asyncState is what of e's state is no value, the zero one if there is none yet.
func (e *element) asyncState() asyncState {
	s, _ := asyncStateOf(e.host.raw())
	return s
}

// succeeded reports whether e's state is no failure, and at rest.
func (e *element) succeeded() bool {
	s := e.asyncState()
	return s.resting() && s.err == nil
}

// give publishes a snapshot, or tells those who want to hear of one that is the same. The
// lock is held.
func (e *element) give(next any, changed bool) {
	e.maker().keepBack(e, next)
	e.host.release(changed)
}

// isQuiet reports whether a build that failed with err stays loading until a dependency
// changes (rule A5).
func isQuiet(err error) bool {
	return err != nil && errors.Is(err, ErrLoading) && !errors.As(err, new(*PanicError))
}

// retried has the outcome of synchronous build gen, which was just computed, be retried if
// the policy says so. The lock is not held.
func (e *element) retried(gen uint64, a *after) {
	next := e.maker().keptBack(e)
	if next == nil || next.err == nil || next.load != atRest || !e.maker().identity().tries {
		return
	}
	if d, ok := e.retryIn(gen, next.err, a); ok {
		next.load, e.news = retrying, false
		e.rare.retryIn, e.rare.retries = d, true // begin has made sure of rare; this build alone writes them
	}
}

// computed is the error of the synchronous build that was just computed, or nil.
func (e *element) computed() error {
	if next := e.maker().keptBack(e); next != nil && next.load == atRest {
		return next.err
	}
	return nil
}

// keepFailure has err be the outcome of the synchronous build that is about to be committed.
func (e *element) keepFailure(err error) {
	prev := e.host.raw()
	s, _ := asyncStateOf(prev)
	e.maker().keepBack(e, e.maker().with(prev, s.failing(err)))
	e.news = true
}

// loading publishes the state of a build that starts, and reports whether it is news. The
// lock is held.
func (e *element) loading() bool {
	if x, ok := e.maker().identity().settings().persist.(keeper); ok {
		x.life(Ref{e, e.Gen()}) // now, for what is written by hand before the function is called
	}
	prev := e.host.raw()
	s, there := asyncStateOf(prev)
	next := s.starting(e.reason)
	if there && next.load == s.load && next.progress == s.progress {
		return false // loading after loading with nothing new beside it (D8)
	}
	e.give(e.maker().with(prev, next), true)
	return true
}

// mayProgress reports whether progress would be news; progress publishes it. The lock is held.
func (e *element) mayProgress(fraction float64) bool {
	s := e.asyncState()
	return !s.resting() && s.progress != fraction+1
}

func (e *element) progress(fraction float64) {
	s := e.asyncState()
	s.progress = fraction + 1
	e.give(e.maker().with(e.host.raw(), s), true)
}

// stop keeps back, for release, the state of a build that was cancelled (keep: data from
// before outweighs the cause) or timed out; it reports whether the result is a different one.
// The lock is held.
func (e *element) stop(err error, keep bool) (settled bool) {
	raw := e.host.raw()
	prev, _ := asyncStateOf(raw)
	next := prev.settled()
	if keep && next.has {
		next.err = nil
		last, there := asyncStateOf(e.rested())
		settled = !there || !last.good() || !prev.resting() && e.rare.amended
	} else {
		next.err = err
		settled = true
	}
	e.maker().keepBack(e, e.maker().with(raw, next))
	return settled
}

// fail publishes err as the result of a build whose function is not run.
func (s *start) fail(err error) {
	s.begins()
	s.land(nil, err)
}

// land publishes what the function of s, which has returned, came to, unless its build is
// over (rule C4).
func (s *start) land(made any, err error) {
	e, gen := s.e, s.gen
	a := after{landed: true}
	if !s.began.IsZero() { // else its function was not called
		e.finished(gen, s.reason, time.Since(s.began), err, &a)
		if s.raise == nil {
			s.raise, a.raise = a.raise, nil
		}
	}
	e.returned(gen, &a)
	if made == nil && err == nil {
		e.conclude(s, s.ended, nil, false, &a)
	} else {
		var again *time.Duration
		if d, ok := e.retryIn(gen, err, &a); ok {
			again = &d
		}
		e.result(s, made, err, again, &a)
	}
	e.c.done(&a)
}

// result publishes a result or an error; again is when the build is to be tried again, if
// it is. It returns with the lock held, as conclude does.
func (e *element) result(s *start, made any, err error, again *time.Duration, a *after) {
	to := func(prev any) any {
		switch {
		case isQuiet(err):
			return nil
		case err == nil:
			return made
		}
		last, _ := asyncStateOf(prev)
		next := last.failing(err)
		if again != nil {
			next.load = retrying
		}
		return s.kind.with(prev, next)
	}
	done := false
	defer func() {
		if !done && a.asking { // the equality function ended this goroutine: the result is a different one
			go func() {
				e.begins()
				b := after{landed: true}
				e.conclude(s, to, again, true, &b)
				e.c.settle(&b)
			}()
			e.spawned()
		}
	}()
	e.conclude(s, to, again, false, a)
	done = true
}

// compare reports whether next is a change after prev, and whether it is a result that
// differs from last, the newest before it (rule D10). With different its data is.
func (e *element) compare(kind asyncKind, prev, last, next any, different bool, a *after) (changed, settled bool) {
	same := func(x any) bool {
		was, there := asyncStateOf(x)
		is, _ := asyncStateOf(next)
		return there && was.alike(is) && (!was.has || !different && e.guarded(kind, x, next, a))
	}
	was, _ := asyncStateOf(prev)
	is, _ := asyncStateOf(next)
	switch {
	case same(prev):
		return false, false
	case !is.resting():
		return true, false
	}
	return true, was.resting() || !same(last)
}

// guarded compares data, with a panic of the user's function reported and taken for a difference.
func (e *element) guarded(kind asyncKind, x, y any, a *after) (same bool) {
	defer func() {
		if r := recover(); r != nil {
			a.asking = false
			e.c.report(panicked(e.p, r), a)
		}
	}()
	a.asking = true
	same = kind.sameData(x, y)
	a.asking = false
	return same
}

// lastResult is rested for who does not hold the lock.
func (e *element) lastResult() any {
	e.c.tree.mu.Lock()
	defer e.c.tree.mu.Unlock()
	return e.rested()
}

// rested returns the snapshot of the newest result, which loading may hide, or nil. The lock
// is held.
func (e *element) rested() any {
	if raw := e.host.raw(); isResting(raw) {
		return raw
	}
	if e.rare != nil {
		return e.rare.rested
	}
	return nil
}

// hiding keeps the result that is about to be hidden by next, if that is loading, until
// there is another: it is what they know who have Awaited it. The lock is held.
func (e *element) hiding(next any) {
	switch prev := e.host.raw(); {
	case isResting(next):
		if e.rare != nil {
			e.rare.rested = nil
		}
	case isResting(prev):
		r := e.more()
		r.rested, r.amended = prev, false
	}
}

// conclude makes what to makes of the state the outcome of the build of s, unless that is
// over (rule C4). With different its data is not compared, and differs. It returns with the lock
// held: its frame is to be gone before a turn begins.
func (e *element) conclude(s *start, to step, again *time.Duration, different bool, a *after) {
	t, gen := e.c.tree, s.gen
	for e.point(); e.Gen() == gen; e.point() {
		prev := e.host.raw()
		last := prev
		if prev != nil && !isResting(prev) {
			last = e.lastResult()
		}
		var next any
		changed, settled := false, false
		if prev != nil {
			if next = to(prev); next != nil {
				changed, settled = e.compare(s.kind, prev, last, next, different, a)
			}
		}
		t.mu.Lock()
		// A result of things that were never together is nobody's (rule P3).
		_, _ = t.verify(e, gen, a)
		if e.Gen() == gen && e.host.raw() != prev {
			t.unlock(a) // progress came in between
			continue
		}
		if e.Gen() == gen && prev != nil {
			e.untimed()
			t.graph.Land(&e.Node)
			switch {
			case changed:
				t.graph.Change(&e.Node, settled)
				e.give(next, true)
				e.point()
				if isResting(next) {
					e.unretry() // of a stream that emits although its function has failed
					e.wakeWaiters(nil)
				}
				t.endStale(a)
			case next != nil:
				e.give(next, false)
			}
			switch {
			case again != nil:
				e.retryAt(*again)
			case e.succeeded():
				e.rare.attempts = 0
			}
			e.Show()
		}
		return
	}
	t.mu.Lock() // what ended it may have been a look at what it watched, just now
}
