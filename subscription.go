package weir

// This file owns listeners: Subscription, Listen and its options, and the loops over
// values. A listener is no node of the graph: it is an entry in its element's list.

import (
	"context"
	"iter"
	"sync/atomic"

	"github.com/weir-go/weir/internal/graph"
)

// Bits of sub.state: any of them keeps a listener from being called.
const (
	subClosed   = 1 << iota
	subPaused   // Pause
	subArriving // Listen has not returned, or FireImmediately is running
)

// sub is a listener without its type. The list and the counts are guarded by the lock.
type sub struct {
	e          *element
	self       interface{ deliver(fail *PanicError) }
	prev, next *sub
	more       *subMore // fixed by Listen
	state      atomic.Int32
	pauses     int32
	turn       uint32 // of the last call
	calls      uint32 // in that turn
	weak       bool
	on         bool // counts as active
}

// subMore is what few listeners have.
type subMore struct {
	ref     Ref // of a listener through a ref
	onError func(error)
	done    chan struct{} // closed with the subscription
}

// owner is the build that s was made through, or the zero Ref.
func (s *sub) owner() Ref {
	if s.more == nil {
		return Ref{}
	}
	return s.more.ref
}

// attach puts s in e's list and counts it. The lock is held.
func (s *sub) attach() {
	e := s.e
	if s.prev = e.last; s.prev != nil {
		s.prev.next = s
	} else {
		e.first = s
	}
	e.last = s
	s.on = true
	if owner := s.owner().e; owner != nil {
		l := owner.lived()
		l.owned = append(l.owned, s)
		owner.Set(graph.Owner)
		s.on = owner.On()
	}
	if s.weak {
		s.on = false
		e.Set(graph.Weak)
		return
	}
	e.c.tree.graph.AddListener(&e.Node, !s.on)
}

// detach closes s. The lock is held. A second time does nothing.
func (s *sub) detach() {
	if s.state.Load()&subClosed != 0 {
		return
	}
	s.state.Or(subClosed)
	e := s.e
	if e != nil {
		if s.prev != nil {
			s.prev.next = s.next
		} else {
			e.first = s.next
		}
		if s.next != nil {
			s.next.prev = s.prev
		} else {
			e.last = s.prev
		}
		s.prev, s.next = nil, nil
		if s.weak {
			weak := false
			for o := e.first; o != nil && !weak; o = o.next {
				weak = o.weak
			}
			if !weak {
				e.Unset(graph.Weak)
				e.leave()
			}
		} else if !e.c.closed {
			e.c.tree.graph.RemoveListener(&e.Node, !s.on)
			e.leave()
		}
	}
	if s.more != nil && s.more.done != nil {
		close(s.more.done)
	}
}

// ownedSwitched lets the listeners through e's ref count as e does.
func (e *element) ownedSwitched(on bool) {
	if e.life == nil {
		return
	}
	d := int32(-1)
	if on {
		d = 1
	}
	for _, s := range e.life.owned {
		if s.state.Load()&subClosed == 0 && !s.weak && s.pauses == 0 && s.on != on {
			s.on = on
			e.c.tree.graph.UseLater(&s.e.Node, d)
		}
	}
}

// Subscription is a listener that [Listen] made. It is safe for concurrent use.
type Subscription[S any] struct {
	sub
	src     Source[S]
	c       *Container
	fn      func(prev, next S)
	seen    *S          // what it was called with last; the turn's
	failed  *PanicError // the failure it was told of since then; the turn's
	raw     any         // the snapshot that seen was selected from; the turn's
	changed atomic.Pointer[chan struct{}]
	unseen  atomic.Bool // something was delivered before there was a channel
}

// Close ends the subscription: no new call begins after Close has returned, though one
// that was begun on another goroutine may still be running; [Container.Flush] waits for
// it (rule G5). Closing it again, or after its container, does nothing.
func (s *Subscription[S]) Close() {
	var a after
	s.c.tree.mu.Lock()
	s.disown()
	s.detach()
	s.c.done(&a)
}

// disown takes s from the list of the build that it was made through.
func (s *sub) disown() {
	if owner := s.owner().e; owner != nil && owner.life != nil {
		l := owner.life
		for i, o := range l.owned {
			if o == s {
				l.owned = append(l.owned[:i:i], l.owned[i+1:]...)
				return
			}
		}
	}
}

// Pause stops calls until Resume; a paused listener does not count as active, but keeps
// its element (rules L1, L4). Pauses are counted: each needs a Resume. After Close it does
// nothing.
func (s *Subscription[S]) Pause() {
	var a after
	s.c.tree.mu.Lock()
	if s.state.Load()&subClosed == 0 {
		if s.pauses++; s.pauses == 1 {
			s.state.Or(subPaused)
			if s.on {
				s.on = false
				s.c.tree.graph.Use(&s.e.Node, -1)
			}
		}
	}
	s.c.done(&a)
}

// Resume undoes one Pause. With the last, the listener is called once if the value is
// different from the one that it saw last (rule G13). Without a Pause, and after Close,
// it does nothing.
func (s *Subscription[S]) Resume() {
	var a after
	s.c.tree.mu.Lock()
	if s.state.Load()&subClosed == 0 && s.pauses > 0 {
		if s.pauses--; s.pauses == 0 {
			s.state.And(^subPaused)
			if owner := s.owner().e; !s.weak && !s.on && (owner == nil || owner.On()) {
				s.on = true
				s.c.tree.graph.Use(&s.e.Node, 1)
			}
			if s.e.Phase() == graph.Built {
				s.e.Deliver()
			}
		}
	}
	s.c.done(&a)
}

// IsPaused reports whether there are more calls of Pause than of Resume (rule D1).
func (s *Subscription[S]) IsPaused() bool {
	s.c.tree.mu.Lock()
	defer s.c.tree.mu.Unlock()
	return s.pauses > 0
}

// Read is [Read] of what the subscription listens to, in its scope; after Close as well.
// Of a weak listener it builds what is not built (rule D1).
func (s *Subscription[S]) Read() S {
	if ref := s.owner(); ref.e != nil {
		return Read(Scope(ref), s.src)
	}
	return Read(Scope(s.c), s.src)
}

// Changed returns a channel that holds one signal when the value has changed since the
// last receive, for select loops: receive, then Read. It is the same channel at each
// call, and is never closed.
func (s *Subscription[S]) Changed() <-chan struct{} {
	if s.changed.Load() == nil {
		ch := make(chan struct{}, 1)
		if s.changed.CompareAndSwap(nil, &ch) && s.unseen.Load() {
			signal(ch)
		}
	}
	return *s.changed.Load()
}

// deliver calls the listener with what it saw last and what there is now, if they differ
// (rule P5). It runs in the turn.
func (s *Subscription[S]) deliver(fail *PanicError) {
	var next *S
	if fail == nil {
		raw := s.e.host.raw()
		if raw == nil {
			return // disposed or not built: a weak listener waits on
		}
		if !s.src.selects() {
			next = s.src.view(raw)
		} else if raw == s.raw && s.failed == nil {
			return
		} else {
			s.raw = raw
			next, fail = s.selected(raw)
		}
	}
	if fail != nil {
		if s.failed != fail {
			s.failedWith(fail)
		}
		return
	}
	prev, recovered := s.seen, s.failed != nil
	if prev == next && !recovered {
		return
	}
	if prev != nil && !recovered && !s.src.differs(prev, next) {
		return // what it saw last stays: small steps add up
	}
	s.seen, s.failed = next, nil
	s.signal()
	if s.fn == nil {
		return
	}
	if prev == nil {
		prev = new(S)
	}
	s.fn(*prev, *next)
}

func (s *Subscription[S]) signal() {
	if !s.unseen.Load() {
		s.unseen.Store(true)
	}
	if ch := s.changed.Load(); ch != nil {
		signal(*ch)
	}
}

// failedWith tells the listener of a failed build, or else the panic handler (rule E1).
func (s *Subscription[S]) failedWith(fail *PanicError) {
	s.failed = fail
	s.signal()
	if s.more == nil || s.more.onError == nil {
		panic(fail) // the turn reports it
	}
	s.more.onError(fail)
}

// selected runs the selector, whose panic is a failure.
func (s *Subscription[S]) selected(raw any) (next *S, fail *PanicError) {
	defer func() {
		if r := recover(); r != nil {
			fail = panicked(s.e.p, r)
		}
	}()
	return s.src.view(raw), nil
}

func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// ListenOption is an option of [Listen].
type ListenOption interface{ applyTo(*listening) }

type listening struct {
	fire, weak bool
	onError    func(error)
	done       chan struct{}
}

type listenOption func(*listening)

func (f listenOption) applyTo(l *listening) { f(l) }

// FireImmediately has the listener called with the current value before Listen returns,
// on the caller's goroutine and before any other call (rule G13). With [Weak] it is a
// *UsageError.
func FireImmediately() ListenOption { return listenOption(func(l *listening) { l.fire = true }) }

// Weak makes a listener that counts for nothing: it neither builds the element nor keeps
// it, hears of values that others cause, and survives the element's disposal (rule L8).
func Weak() ListenOption { return listenOption(func(l *listening) { l.weak = true }) }

// OnError has fn told of a synchronous build that panicked, and of a selector that did,
// instead of the panic handler (rule E1). Failures of asynchronous kinds are values and
// go to the listener itself.
func OnError(fn func(error)) ListenOption {
	if fn == nil {
		misuse(nil, "OnError needs a function")
	}
	return listenOption(func(l *listening) { l.onError = fn })
}

// Listen builds src if need be and calls fn after each change, with the value that fn saw
// last (at first the one at the time of Listen) and the new one: once in a turn, not at
// all when they are equal (rule P5). fn runs in the container's turn, one call at a time
// with all other listeners and hooks, without a lock; it may call anything (P7). A fn of
// nil only counts. Through a [Ref] the subscription ends with the build and counts as its
// watches do (G13). After Close, and through a ref that is over, the subscription is
// closed. A first build that fails tells nobody, unless with [FireImmediately] (D14).
func Listen[S any](s Scope, src Source[S], fn func(prev, next S), opts ...ListenOption) *Subscription[S] {
	if src == nil {
		misuse(nil, "Listen to a nil source")
	}
	b := src.watchable("Listen")
	at := scopeOf(s, b, "Listen")
	var l listening
	for _, o := range opts {
		if o == nil {
			misuse(b, "a nil ListenOption was given")
		}
		o.applyTo(&l)
	}
	if l.weak && l.fire {
		misuse(b, "Weak with FireImmediately: a weak listener builds nothing that could be fired")
	}
	x := &Subscription[S]{src: src, c: at.c, fn: fn}
	x.self, x.weak = x, l.weak
	if l.onError != nil || l.done != nil || at.ref.e != nil {
		x.more = &subMore{ref: at.ref, onError: l.onError, done: l.done}
	}
	x.state.Store(subArriving)
	var a after
	c := at.c
	c.tree.mu.Lock()
	if c.closed || at.overLocked() {
		x.detach()
		c.done(&a)
		return x
	}
	raw, fail, stop := x.arrive(b, at, &a)
	if stop != nil {
		x.detach()
		c.yield(at.by, &a)
		if !isClosed(stop) {
			panic(stop)
		}
		return x
	}
	if !l.fire && !src.selects() { // nothing of the user's to be run
		if x.seen = src.view(raw); fail != nil {
			x.failed = fail
		}
		x.state.And(^subArriving)
		c.yield(at.by, &a)
		a.rethrow()
		return x
	}
	c.tree.unlock(&a)
	x.first(raw, fail, l.fire, &a)
	c.tree.mu.Lock()
	c.yield(at.by, &a)
	a.rethrow()
	return x
}

// arrive attaches s and brings its element up to date. The lock is held.
func (s *sub) arrive(p *base, at place, a *after) (raw any, fail *PanicError, stop error) {
	c := at.c
	s.e = c.element(p)
	if s.weak {
		s.attach()
		return s.e.host.raw(), nil, nil
	}
	told := s.e.Phase() == graph.Built && s.e.Has(graph.Joins)
	s.attach()
	e, stop := c.freshElement(p, at.by, a)
	if stop != nil {
		return nil, nil, stop
	}
	if !told && !e.async && e.Has(graph.Joins) && s.state.Load()&subClosed == 0 { // it made the build, and counts for its hooks (rule D3)
		e.NodeEvent(graph.Added)
	}
	return e.host.raw(), e.fail, nil
}

// first gives s its first value, or calls it with that, without the lock.
func (s *Subscription[S]) first(raw any, fail *PanicError, fire bool, a *after) {
	c := s.c
	returned := false
	defer func() {
		if !returned {
			c.report(panicked(s.e.p, recover()), a)
		}
		s.state.And(^subArriving)
		c.tree.mu.Lock()
		if s.e.host.raw() != raw || s.e.fail != fail {
			s.e.Deliver()
		}
		c.tree.mu.Unlock()
	}()
	var seen *S
	if raw != nil && fail == nil {
		if s.src.selects() {
			s.raw = raw
			seen, fail = s.selected(raw)
		} else {
			seen = s.src.view(raw)
		}
	}
	switch {
	case fail != nil && fire:
		s.failedWith(fail)
	case fail != nil:
		s.failed = fail
	default:
		s.seen = seen
		if fire && s.fn != nil {
			var zero S
			s.fn(zero, *seen)
		}
	}
	returned = true
}

// Values is a loop over src: its current value, then the latest after each change. It is
// a listener while it runs, and ends with ctx, the container, or the build of a ref. A
// loop that is slower than the changes misses those in between and blocks nobody (rule
// G9). A synchronous build that panics raises the panic in the loop (E1).
func Values[S any](ctx context.Context, s Scope, src Source[S]) iter.Seq[S] {
	if src == nil {
		misuse(nil, "Values of a nil source")
	}
	b := src.watchable("Values")
	scopeOf(s, b, "Values")
	if ctx == nil {
		misuse(b, "Values needs a context: use context.Background if there is none")
	}
	return func(yield func(S) bool) {
		var slot atomic.Pointer[S]
		var failed atomic.Pointer[error]
		news, done := make(chan struct{}, 1), make(chan struct{})
		sub := Listen(s, src, func(_, next S) {
			failed.Store(nil)
			slot.Store(&next)
			signal(news)
		}, FireImmediately(), OnError(func(err error) {
			failed.Store(&err)
			signal(news)
		}), listenOption(func(l *listening) { l.done = done }))
		defer sub.Close()
		var last *S
		for {
			select {
			case <-ctx.Done():
				return
			case <-done:
				return
			case <-news:
			}
			if ctx.Err() != nil {
				return
			}
			if err := failed.Load(); err != nil {
				panic(*err)
			}
			next := slot.Swap(nil)
			if next == nil || last != nil && !src.differs(last, next) {
				continue
			}
			if last = next; !yield(*next) {
				return
			}
		}
	}
}

// Results is [Values] for asynchronous sources with loading skipped: each settled result,
// as [AsyncValue.Result] has it.
func Results[T any](ctx context.Context, s Scope, src AsyncSource[T]) iter.Seq2[T, error] {
	if src == nil {
		misuse(nil, "Results of a nil source")
	}
	values := Values(ctx, s, Source[AsyncValue[T]](src))
	return func(yield func(T, error) bool) {
		for v := range values {
			if v.IsLoading() {
				continue
			}
			if !yield(v.Result()) {
				return
			}
		}
	}
}
