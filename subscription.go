package weir

// This file owns the subscription: a listener, which is no node of the graph, but an entry in
// its element's list.

import (
	"sync/atomic"

	"github.com/weir-go/weir/internal/graph"
)

// Bits of sub.state.
const (
	subClosed   = 1 << iota
	subPaused   // Pause
	subArriving // Listen has not returned, or FireImmediately is running
	subUnseen   // something was delivered before there was a channel
	subSignals  // there is a channel

	subSilent = subClosed | subPaused | subArriving // keeps a listener from being called
)

// sub is a listener without its type. The list and the counts are guarded by the lock.
type sub struct {
	e      *element
	self   caller
	more   atomic.Pointer[subMore] // nil for most; set under the lock
	state  atomic.Int32
	pauses int32
	at     int32  // where it is in its element's list
	turn   uint32 // of the last call
	calls  uint32 // in that turn
	weak   bool
	on     bool // counts as active
	inner  bool // an outlook: no listener of the user's
	saw    bool // of a Subscription: it has seen a value; the turn's
}

// caller is a listener with its type.
type caller interface {
	// deliver calls the listener, if there is something to tell. It runs in the turn.
	deliver(fail *PanicError)
	// forget lets go of what it was made with and saw last: it is closed. The lock is held,
	// and no turn is calling.
	forget()
}

// subMore is what few listeners have. Calls that take no lock see what Listen has put there,
// and changed, which comes with a new one.
type subMore struct {
	ref     Ref        // of a listener through a ref
	at      int        // where it is in the list of the build
	via     *Container // of one through a child whose element may be elsewhere
	onError func(error)
	done    chan struct{} // closed with the subscription
	sel     any           // a *subSelect
	changed chan struct{}

	// steady: it counts whatever its ref does, for it is of a loop that a synchronous build
	// goes through, which needs what it waits for.
	steady bool
}

// owner is the build that s was made through, or the zero Ref.
func (s *sub) owner() Ref {
	if more := s.more.Load(); more != nil {
		return more.ref
	}
	return Ref{}
}

// attach puts s in e's list and counts it. The lock is held.
func (s *sub) attach() {
	e := s.e
	e.listeners.add(s)
	if more := s.more.Load(); more != nil && more.via != nil && more.via != e.c {
		if more.via.away == nil {
			more.via.away = map[*sub]struct{}{}
		}
		more.via.away[s] = struct{}{}
	}
	s.on = true
	s.own()
	if s.weak {
		s.on = false
		e.Set(graph.Weak)
		return
	}
	e.c.tree.graph.AddListener(&e.Node, !s.on)
}

func (s *sub) about() *base { return s.e.p }

// detach closes s. The lock is held. A second time does nothing.
func (s *sub) detach() {
	if s.state.Load()&subClosed != 0 {
		return
	}
	s.state.Or(subClosed)
	e := s.e
	if e != nil {
		e.listeners.remove(s)
		if t := e.c.turn; e.c.inTurn() {
			t.closed = append(t.closed, s) // it may be being called
		} else if s.state.Load()&subArriving == 0 {
			s.self.forget()
		}
		if s.weak {
			if !e.listeners.weak() {
				e.Unset(graph.Weak)
				e.leave()
			}
		} else if !e.c.closed {
			e.c.tree.graph.RemoveListener(&e.Node, !s.on)
			e.leave()
		}
	}
	if more := s.more.Load(); more != nil {
		if more.via != nil {
			delete(more.via.away, s)
		}
		if more.done != nil {
			close(more.done)
		}
	}
}

// Subscription is a listener that [Listen] made. It is safe for concurrent use.
type Subscription[S any] struct {
	sub
	fn     func(prev, next S)
	x      *cell[S]    // of a source that is the whole of its element, once it is there
	val    *S          // see seen
	word   uint64      // see seen
	failed *PanicError // the failure it was told of since then; the turn's
}

// subSelect is what a listener needs whose source is not the whole of its element, or has none.
type subSelect[S any] struct {
	src outlet[S]
	c   *Container
	raw any // the snapshot that seen was selected from; the turn's
}

// sel is what s selects with; nil if its source is the whole of its element.
func (s *Subscription[S]) sel() *subSelect[S] {
	if more := s.more.Load(); more != nil && more.sel != nil {
		return more.sel.(*subSelect[S])
	}
	return nil
}

// seen is what s was called with last; see sets it. Both are the turn's.
func (s *Subscription[S]) seen() snapshot[S] { return snapshot[S]{s.val, s.word, s.saw} }

func (s *Subscription[S]) see(at snapshot[S]) { s.val, s.word, s.saw = at.val, at.word, at.ok }

// source is what s listens to.
func (s *Subscription[S]) source() outlet[S] {
	if sel := s.sel(); sel != nil {
		return sel.src
	}
	return s.x.as.entire()
}

// container is where that is.
func (s *Subscription[S]) container() *Container {
	if sel := s.sel(); sel != nil {
		return sel.c
	}
	return s.e.c
}

// valid is a *UsageError for a subscription that Listen did not make.
func (s *Subscription[S]) valid(op string) {
	if s == nil || s.self == nil {
		misuse(nil, "%s on a nil or zero *Subscription: make one with Listen", op)
	}
}

// Close ends the subscription: no new call begins after Close has returned, though one
// that was begun on another goroutine may still be running; [Container.Flush] waits for
// it (rule G5). Closing it again, or after its container, does nothing.
func (s *Subscription[S]) Close() {
	s.valid("Close")
	c := s.container()
	var a after
	c.tree.mu.Lock()
	s.disown()
	s.detach()
	c.done(&a)
}

// Pause stops calls until Resume; a paused listener does not count as active, but keeps
// its element (rules L1, L4). Pauses are counted: each needs a Resume. After Close it does
// nothing.
func (s *Subscription[S]) Pause() {
	s.valid("Pause")
	c := s.container()
	var a after
	c.tree.mu.Lock()
	if s.state.Load()&subClosed == 0 {
		if s.pauses++; s.pauses == 1 {
			s.state.Or(subPaused)
			if s.on {
				s.on = false
				c.tree.graph.Use(&s.e.Node, -1)
			}
		}
	}
	c.done(&a)
}

// Resume undoes one Pause. With the last, the listener is called once if the value is
// different from the one that it saw last (rule G13). Without a Pause, and after Close,
// it does nothing.
func (s *Subscription[S]) Resume() {
	s.valid("Resume")
	c := s.container()
	var a after
	c.tree.mu.Lock()
	if s.state.Load()&subClosed == 0 && s.pauses > 0 {
		if s.pauses--; s.pauses == 0 {
			s.state.And(^subPaused)
			if owner := s.owner().e; !s.weak && !s.on && (owner == nil || owner.On()) {
				s.on = true
				c.tree.graph.Use(&s.e.Node, 1)
			}
			switch s.e.Phase() {
			case graph.Building: // it hears when that is done, and Flush waits for it
				s.e.c.postpone(&s.e.Node, s.e)
				s.e.DeliverOnceFresh()
			case graph.Built:
				s.e.DeliverOnceFresh()
			}
		}
	}
	c.done(&a)
}

// IsPaused reports whether there are more calls of Pause than of Resume (rule D1).
func (s *Subscription[S]) IsPaused() bool {
	s.valid("IsPaused")
	c := s.container()
	c.tree.mu.Lock()
	defer c.tree.mu.Unlock()
	return s.pauses > 0
}

// Read is [Read] of what the subscription listens to, in its scope; after Close as well.
// Of a weak listener it builds what is not built (rule D1).
func (s *Subscription[S]) Read() S {
	s.valid("Read")
	if x := s.x; x != nil && x.e.readable() {
		if at, word, small := x.peek(); small {
			return x.as.unpack(word)
		} else if at != nil {
			return *at
		}
	}
	if ref := s.owner(); ref.e != nil {
		return s.source().read(ref)
	}
	return s.source().read(s.container())
}

// Changed returns a channel that holds one signal when the value has changed since the
// last receive, for select loops: receive, then Read. It is the same channel at each
// call, and stays open after Close.
func (s *Subscription[S]) Changed() <-chan struct{} {
	s.valid("Changed")
	if more := s.more.Load(); more != nil && more.changed != nil {
		return more.changed
	}
	c := s.container()
	c.tree.mu.Lock()
	defer c.tree.mu.Unlock()
	var more subMore
	if was := s.more.Load(); was != nil {
		if more = *was; more.changed != nil {
			return more.changed
		}
	}
	more.changed = make(chan struct{}, 1)
	s.more.Store(&more)
	if s.state.Or(subSignals)&subUnseen != 0 { // signal looks the other way round
		signal(more.changed)
	}
	return more.changed
}

// deliver calls the listener with what it saw last and what there is now, if they differ
// (rule P5). It runs in the turn.
func (s *Subscription[S]) deliver(fail *PanicError) {
	var next snapshot[S]
	switch {
	case fail != nil:
	case s.x != nil:
		if next = s.x.snapshot(); !next.ok {
			return // disposed or not built: a weak listener waits on
		}
	default:
		raw, sel := s.e.host.raw(), s.sel()
		if raw == nil || s.failed == nil && s.e.host.holds(sel.raw) {
			return
		}
		sel.raw = raw
		next.val, fail = s.selected(raw)
		next.ok = true
	}
	if fail != nil {
		if s.failed != fail {
			s.failedWith(fail)
		}
		return
	}
	prev := s.seen()
	if prev.ok && s.failed == nil && (prev == next || !s.differs(next)) {
		return // what it saw last stays: small steps add up
	}
	s.see(next)
	s.failed = nil
	s.signal()
	if s.fn == nil {
		return
	}
	if prev.val == nil {
		prev.val = new(S)
	}
	s.fn(*prev.val, *next.val)
}

func (s *Subscription[S]) forget() {
	s.see(snapshot[S]{})
	s.fn, s.failed = nil, nil
	if more := s.more.Load(); more != nil {
		more.onError = nil
	}
	if sel := s.sel(); sel != nil {
		sel.raw = nil
	}
}

// smallListener is a subscription to the whole of a small value. With many listeners its
// deliver is most of what a write does: it does the same, without a call that can be saved.
type smallListener[S any] struct{ of *Subscription[S] }

func (l smallListener[S]) forget() { l.of.forget() }

func (l smallListener[S]) deliver(fail *PanicError) {
	s := l.of
	if fail != nil {
		s.deliver(fail)
		return
	}
	x := s.x
	c := x.e.c
	t := c.turn
	var was, is uint64 // of the last call
	var prev, next S
	for called := false; x.e.filled.Load(); {
		seen, now := s.word, x.word.Load()
		if s.failed != nil || !s.saw || seen != now && (x.as.exact || s.differs(snapshot[S]{word: now, ok: true})) {
			s.word, s.saw = now, true
			if s.failed != nil {
				s.failed = nil
			}
			s.signal()
			if s.fn != nil {
				if !called || was != seen || is != now { // most have seen the same
					prev, next = x.as.unpack(seen), x.as.unpack(now)
					called, was, is = true, seen, now
				}
				s.fn(prev, next)
			}
		}
		// The next one, as the turn would take it. None comes after a listener that is watched for
		// feeding itself: what it writes would count as written by that (rule P7).
		c.point()
		if t.next == len(t.calls) || s.calls >= suspectCalls || c.queue.News() || c.selfNews.Load() {
			return
		}
		another := t.calls[t.next]
		c.point()
		if another == nil || another.state.Load()&subSilent != 0 || another.turn == t.id { // who was called already is the turn's to count
			return
		}
		c.point()
		l, ok := another.self.(smallListener[S])
		if !ok {
			return
		}
		t.next++
		t.made++
		another.turn, another.calls = t.id, 1
		s = l.of
	}
}

// differs asks the change detection, once for all listeners that have seen the same.
func (s *Subscription[S]) differs(next snapshot[S]) bool {
	prev := s.seen()
	if s.x == nil {
		return s.sel().src.differs(prev.val, next.val)
	}
	t := &s.e.c.turn.compared
	if t.of != s.e || t.was != prev.word || t.now != next.word || next.val != nil && (t.prev != any(prev.val) || t.next != any(next.val)) {
		*t = comparison{of: s.e, was: prev.word, now: next.word, differ: s.x.as.unlike(s.of(prev), s.of(next))}
		if next.val != nil {
			t.prev, t.next = prev.val, next.val
		}
	}
	return t.differ
}

// of is the value in at.
func (s *Subscription[S]) of(at snapshot[S]) S {
	var p packing[S] // of a selection: none
	if s.x != nil {
		p = s.x.as.packing
	}
	return p.of(at)
}

func (s *Subscription[S]) signal() {
	if s.state.Load()&subUnseen == 0 {
		s.state.Or(subUnseen)
	}
	if s.state.Load()&subSignals != 0 {
		signal(s.more.Load().changed)
	}
}

// failedWith tells the listener of a failed build, or else the panic handler (rule E1).
func (s *Subscription[S]) failedWith(fail *PanicError) {
	s.failed = fail
	s.signal()
	more := s.more.Load()
	if more == nil || more.onError == nil {
		panic(fail) // the turn reports it
	}
	more.onError(fail)
}

// selected runs the selector, whose panic is a failure.
func (s *Subscription[S]) selected(raw any) (next *S, fail *PanicError) {
	defer func() {
		if r := recover(); r != nil {
			fail = panicked(s.e.p, r)
		}
	}()
	return s.sel().src.view(raw), nil
}

func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
