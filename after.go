package weir

// This file owns what a call has to do once it has let go of the lock: run hooks, cancel
// contexts, start build functions. It decides none of it.

import (
	"context"
	"time"
)

// after is what a call has to do once it has let go of the lock. The zero value is ready.
type after struct {
	ends    endingList
	cancels []cancellation
	starts  []*start
	held    []*element  // to be let go when the lock is
	raise   *PanicError // to be raised again when all is done (rule E3)
	flying  bool        // an asynchronous build may wait for the call: no turn on this goroutine
	landed  bool        // the call is that of a function that has returned, though after a Goexit its frame is still there
	asking  bool        // it is in a change detection of the user's
	began   [2]*element // whose functions the call has started, the first ones: it is made inside none of these
}

// take moves what b has collected to a.
func (a *after) take(b *after) {
	if b.any() {
		a.ends.add(&b.ends)
		a.starts, a.cancels = joint(a.starts, b.starts), joint(a.cancels, b.cancels)
		b.starts, b.cancels = nil, nil
	}
	if b.began[0] != nil {
		for _, e := range b.began {
			a.begins(e)
		}
		b.began = [2]*element{}
	}
	if b.raise != nil && a.raise == nil {
		a.raise, b.raise = b.raise, nil
	}
}

// joint is a and b in one. What is collected goes from one to another for each element that a
// turn builds, so that a list must not be copied when it goes alone.
func joint[T any](a, b []T) []T {
	if len(a) == 0 && len(b) > 0 {
		return b
	}
	return append(a, b...)
}

// begins notes that the call starts a function of e.
func (a *after) begins(e *element) {
	for i, x := range a.began {
		if x == nil || x == e {
			a.began[i] = e
			return
		}
	}
}

// mayBeInside reports whether the call may be made inside an asynchronous build function
// that is running: any but those that it has started itself. The lock is held.
func (a *after) mayBeInside(t *tree) bool {
	others := t.flights
	for _, e := range a.began {
		if e != nil && e.rare.flights == 1 { // else an older one is still running
			others--
		}
	}
	return others > 0 && !a.landed
}

// letGo lets go of what was held for a watch. The lock is held.
func (a *after) letGo() {
	for _, e := range a.held {
		e.hold(-1)
	}
	a.held = a.held[:0]
}

// from notes that the call was made through a ref of e. The lock is held.
func (a *after) from(e *element) {
	if e != nil && e.rare != nil && e.rare.flights > 0 {
		a.flying = true
	}
}

// any reports whether there is anything to do once the lock is let go.
func (a *after) any() bool { return a.ends.first != nil || len(a.starts)+len(a.cancels) > 0 }

// isZero reports whether a is as it was made.
func (a *after) isZero() bool {
	return a.ends.first == nil && a.cancels == nil && a.starts == nil && a.held == nil && a.raise == nil &&
		!a.flying && !a.landed && a.began[0] == nil
}

// cancellation is a context to be cancelled before any hook runs: of a build whose function
// the hooks wait for, or of a container.
type cancellation struct {
	cancel context.CancelCauseFunc
	cause  error
}

// start is an asynchronous build function to be run on a goroutine of its own.
type start struct {
	e      *element
	kind   asyncKind // whose function it is
	gen    uint64
	ctx    context.Context
	err    error // what it fails with: instead of being called, or for its function did not return
	reason BuildReason
	began  time.Time   // when the function was called, if it is observed
	raise  *PanicError // what an observer of its begin or end panicked with (rule E3)
}

// unlock lets go of the lock and does what was collected. It may be called with nothing
// collected, and a may be used again.
func (t *tree) unlock(a *after) {
	a.letGo()
	if !a.any() {
		t.mu.Unlock()
		return
	}
	ends, starts, cancels := a.ends, a.starts, a.cancels
	a.ends, a.starts, a.cancels = endingList{}, nil, nil
	if ends.first != nil {
		t.runs++
	}
	t.mu.Unlock()
	for _, x := range cancels {
		t.point()
		x.cancel(x.cause)
	}
	for _, s := range starts {
		if s.err != nil {
			go s.fail(named(s.err))
			t.spawned()
			continue
		}
		go s.fly()
		t.spawned()
	}
	if ends.first != nil {
		(&endings{todo: ends}).run(a)
	}
}

// relock is unlock, and takes the lock again: what was collected is done in between.
func (t *tree) relock(a *after) {
	t.unlock(a)
	t.mu.Lock()
}

// rethrow raises what was to be raised again.
func (a *after) rethrow() {
	if pe := a.raise; pe != nil {
		a.raise = nil
		panic(pe)
	}
}
