package weir

// This file owns what a notifier, an object with methods around a state, shares with the
// element that it belongs to: the seat, the instance of one life, and its listeners on
// itself. The kinds are in syncnotifier.go and asyncnotifier.go.

import (
	"slices"
	"sync/atomic"

	"github.com/weir-go/weir/internal/graph"
)

// seat is the part of a notifier that knows where it belongs: to the element that made it,
// for one life of that (rule N1).
type seat struct {
	e    atomic.Pointer[element]
	on   atomic.Bool   // the life is not over; written with the lock held
	last uint64        // the newest build of that life when it ended; guarded by the lock
	busy chan struct{} // holds a token while an Update runs (N6); guarded by the lock
}

// element returns the element that the notifier belongs to, or raises a *UsageError if it
// belongs to none yet (rule N3).
func (s *seat) element(op string) *element {
	e := s.e.Load()
	if e == nil {
		misuse(nil, "%s of a notifier that no provider has made: reach it with the provider's Notifier method", op)
	}
	return e
}

// sits reports whether the life that the notifier belongs to is not over. It needs no lock:
// what a reader finds while it holds, and it holds still afterwards, is of this life.
func (s *seat) sits() bool { return s.on.Load() }

// ref is the newest build's (rule N2).
func (s *seat) ref() Ref {
	e := s.element("Ref")
	e.c.tree.mu.Lock()
	defer e.c.tree.mu.Unlock()
	if !s.sits() { // the element may have another life by now
		return Ref{e, s.last}
	}
	return Ref{e, e.newest}
}

// place is where a write through in takes place; a nil one is the notifier's own
// container.
func (s *seat) place(e *element, in Scope, op string) place {
	if in == nil {
		return place{c: e.c, by: s}
	}
	at := placeOf(in, e.p, op)
	if at.c.tree != e.c.tree {
		misuse(e.p, "%s with a scope of another container tree than the notifier's: use one of its own, such as Ref().Container()", op)
	}
	at.c, at.by = e.c, s
	return at
}

// outside is a *UsageError if the notifier's own synchronous build is what is calling (N5).
func (s *seat) outside(e *element, op string) {
	e.c.tree.mu.Lock()
	building, gen := e.Phase() == graph.Building && !e.async, e.newest
	e.c.tree.mu.Unlock()
	if building && e.c.tree.stackBuilds(gen) { // else it is another goroutine's, which waits for the build
		misuse(e.p, "%s in the notifier's own Build: return the value instead", op)
	}
}

// vacate lets go of the notifier: the next that is asked for is made anew, and not by a
// build up to the newest.
func (r *rare) vacate(newest uint64) {
	r.born = newest + 1
	if r.seat != nil {
		r.seat.last = newest
		r.seat.on.Store(false)
	}
	r.notifier, r.seat, r.making, r.unmade = nil, nil, nil, nil
}

// instance returns the notifier of the life of e that build gen is of, making it with create
// if there is none. The lock is not held. Of two that come at once one makes it and the
// other waits. A function that begins when its life is over already gets one that belongs
// to nothing, and leaves the next life alone (rule N1).
func instance[N any](e *element, gen uint64, create func() N, seatOf func(N) *seat) N {
	t := e.c.tree
	t.mu.Lock()
	r := e.more()
	lives := func() bool { return !e.dead && e.Phase() != graph.Absent && gen >= r.born }
	for lives() && r.notifier == nil && r.making != nil {
		ch := r.making
		t.mu.Unlock()
		w := t.blocks()
		<-ch
		t.unblocks(w)
		t.mu.Lock()
	}
	making := make(chan struct{})
	if lives() {
		if n, ok := r.notifier.(N); ok {
			t.mu.Unlock()
			return n
		}
		r.making = making
	}
	t.mu.Unlock()
	var n N
	var s *seat
	defer func() {
		var fail *PanicError
		if s == nil {
			fail = panicked(e.p, recover())
		}
		t.mu.Lock()
		if r.making == making { // else that life is over
			r.making, r.unmade = nil, fail
			if s != nil {
				r.notifier, r.seat = n, s
				s.on.Store(true)
			}
		} else if s != nil {
			s.last = gen
		}
		close(making)
		t.mu.Unlock()
		if fail != nil && fail.Value != errGoexit {
			panic(fail)
		}
	}()
	n = create()
	if isNil(n) {
		misuse(e.p, "create returned a nil notifier")
	}
	of := seatOf(n)
	if !of.e.CompareAndSwap(nil, e) {
		misuse(e.p, "create returned a notifier that belongs to an element already: make a new one at each call")
	}
	s = of
	return n
}

// isNil reports whether n is a nil pointer or interface.
func isNil[N any](n N) (null bool) {
	defer func() {
		if recover() != nil { // a struct that cannot be compared is not nil
			null = false
		}
	}()
	var zero N
	return any(n) == any(zero)
}

// selfListener is a notifier's listener on itself.
type selfListener struct {
	fn    func(prev, next any) // of snapshots
	e     *element
	l     *life
	turn  uint32 // of the last call
	calls uint32 // in it
}

// detach takes x off the listeners of its build. The lock is held.
func (x *selfListener) detach() {
	x.l.selves = slices.DeleteFunc(slices.Clone(x.l.selves), func(o *selfListener) bool { return o == x })
	for call := range x.e.c.selves.All {
		if call.by == x {
			call.fn.removed.Store(true)
		}
	}
}

func (x *selfListener) about() *base { return x.e.p }

// selfCall is a selfListener to be called.
type selfCall struct {
	e   *element
	gen uint64
	by  *selfListener
	fn  *hook
}

// hearing is fn of snapshots; the first that a notifier hears of has none before it.
func hearing[S any](fn func(prev, next S)) func(prev, next any) {
	return func(prev, next any) {
		was, _ := prev.(*S)
		if was == nil {
			was = new(S)
		}
		fn(*was, *next.(*S))
	}
}

// tellSelves queues the listeners that a notifier has on itself: they hear of every value
// that is written or built, equal or not. The lock is held.
func (e *element) tellSelves(next any) {
	if e.life == nil {
		return
	}
	for _, s := range e.life.selves {
		prev := e.host.raw()
		call := &hook{fn: func() { s.fn(prev, next) }}
		e.c.makeReady()
		e.c.selves.Push(selfCall{e, e.Gen(), s, call})
		e.c.selfNews.Store(true)
	}
}

// listenSelf adds fn to the listeners on itself of the newest build.
func (s *seat) listenSelf(fn func(prev, next any)) (remove func()) {
	e := s.element("ListenSelf")
	t := e.c.tree
	t.mu.Lock()
	defer t.mu.Unlock()
	if !s.sits() || !e.live(e.Gen()) {
		return func() {}
	}
	x := &selfListener{fn: fn, e: e, l: e.lived()}
	x.l.selves = append(x.l.selves, x)
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		x.detach()
	}
}

// notifierOf returns the notifier of p's element, in at, which is built if need be.
func notifierOf[N any](at place, p *base) N {
	var a after
	c := at.c
	c.tree.mu.Lock()
	by := at.ref.builder()
	e, stop := c.freshElement(p, by, &a)
	if stop != nil {
		c.giveUp(p, stop, by, &a)
		if e = c.table.find(p); e == nil {
			panic(&causeError{p, ErrContainerClosed})
		}
		c.tree.mu.Lock()
	}
	fail := e.fail
	var have any
	if e.rare != nil {
		have = e.rare.notifier
	}
	closed := c.closed
	e.touchLocked()
	if have == nil && e.rare != nil && fail == nil {
		fail = e.rare.unmade // create has failed: there is none to be had
	}
	if have == nil && !closed && fail == nil {
		gen, kind := e.newest, e.maker()
		c.tree.unlock(&a) // an asynchronous build is about to make it: who comes first does
		have = made(e, gen, kind, by, &a)
		c.tree.mu.Lock()
	}
	c.yield(by, &a)
	a.rethrow()
	if have != nil {
		return have.(N)
	}
	if fail != nil {
		panic(fail)
	}
	panic(&causeError{p, ErrContainerClosed})
}

// made is the instance of e, whose asynchronous build gen, of that kind, has begun. What
// create panics with is raised as the build's failure will be; if it does not return, a turn
// for what has been begun comes first.
func made(e *element, gen uint64, kind asyncKind, by *element, a *after) any {
	returned := false
	defer func() {
		if !returned {
			r := recover()
			fail := panicked(e.p, r)
			e.c.tree.mu.Lock()
			e.c.yield(by, a)
			if r != nil {
				panic(fail)
			}
		}
	}()
	n := kind.(interface{ notifier(ref Ref) any }).notifier(Ref{e, gen})
	returned = true
	return n
}
