package weir

// This file owns Listen and its options. The subscription that it returns is in
// subscription.go, the loops that are made of it in values.go.

import "github.com/weir-go/weir/internal/graph"

// ListenOption is an option of [Listen].
type ListenOption interface{ applyTo(*listening) }

type listening struct {
	fire, weak bool
	onError    func(error)
	loop       *looping // what it is made for
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
	x, stop := listen(s, src, fn, opts...)
	if stop != nil {
		panic(stop)
	}
	return x
}

// listen is Listen; stop is a *CycleError, or misuse in an OnDispose hook.
func listen[S any](s Scope, src Source[S], fn func(prev, next S), opts ...ListenOption) (x *Subscription[S], stop error) {
	if src == nil {
		misuse(nil, "Listen to a nil source")
	}
	out := src.outlet()
	b := out.usable("Listen")
	at := scopeOf(s, b, "Listen")
	l := listeningOf(b, opts)
	x = &Subscription[S]{fn: fn}
	x.self, x.weak = x, l.weak
	var more *subMore
	if l.onError != nil || at.ref.e != nil || at.via != nil && at.via != at.c || out.part != nil {
		more = &subMore{ref: at.ref, via: at.via, onError: l.onError}
		if l.loop != nil {
			more.done = l.loop.done
		}
		if out.part != nil {
			more.sel = &subSelect[S]{src: out, c: at.c}
		}
		x.more.Store(more)
	}
	x.state.Store(subArriving)
	var a after
	c := at.c
	c.tree.mu.Lock()
	var e *element
	if !c.closed && !at.overLocked() {
		e = c.element(b, &a)
	}
	if e == nil || c.closed || at.overLocked() { // it may have let go of the lock
		if e != nil {
			e.leave()
		}
		if more == nil {
			more = &subMore{ref: at.ref, via: at.via}
		}
		more.sel = &subSelect[S]{src: out, c: c} // there is no element to say what it is
		x.more.Store(more)
		x.detach()
		x.forget()
		c.done(&a)
		return x, nil
	}
	by := at.ref.builder()
	if l.loop != nil {
		by = l.loop.builder()
		more.steady = l.loop.inside && by != nil && by == at.ref.e && by.Phase() == graph.Building
	}
	a.from(at.ref.e)
	there := false
	defer func() {
		if !there { // a build or fn ended this goroutine: nobody has x to close it
			c.tree.mu.Lock()
			x.disown()
			x.detach()
			c.yield(by, &a)
		}
	}()
	fail, stop := x.arrive(e, at, by, &a)
	if out.part == nil {
		if x.x, _ = x.e.host.(*cell[S]); x.x.as.unpack != nil {
			x.self = smallListener[S]{x}
		}
	}
	if stop != nil {
		there = true
		x.disown()
		x.detach()
		x.forget()
		c.yield(by, &a)
		if isClosed(stop) {
			return x, nil
		}
		return nil, named(stop)
	}
	if !l.fire && out.part == nil { // nothing of the user's to be run
		x.see(x.x.snapshot())
		x.failed = fail
		x.arrived()
	} else {
		var seen snapshot[S]
		if x.x != nil {
			seen = x.x.snapshot()
		} else {
			x.sel().raw = x.e.host.raw()
		}
		c.tree.unlock(&a)
		x.first(seen, fail, l.fire, &a)
		c.tree.mu.Lock()
	}
	there = true
	c.yield(by, &a)
	if a.raise != nil { // the caller will not have x to close it
		c.tree.mu.Lock()
		x.disown()
		x.detach()
		c.yield(by, &a)
	}
	a.rethrow()
	return x, nil
}

// listeningOf is what opts come to; of none it takes no memory.
func listeningOf(p *base, opts []ListenOption) listening {
	if len(opts) == 0 {
		return listening{}
	}
	var l listening
	for _, o := range opts {
		if o == nil {
			misuse(p, "a nil ListenOption was given")
		}
		o.applyTo(&l)
	}
	if l.weak && l.fire {
		misuse(p, "Weak with FireImmediately: a weak listener builds nothing that could be fired")
	}
	return l
}

// arrive attaches s to e and brings that up to date. The lock is held.
func (s *sub) arrive(e *element, at place, by *element, a *after) (fail *PanicError, stop error) {
	s.e = e
	if s.weak {
		s.attach()
		return nil, nil
	}
	gen := s.e.Gen()
	s.attach()
	if e, stop = at.c.freshElement(e.p, by, a); stop != nil {
		return nil, stop
	}
	if e.Gen() != gen && !e.async && e.life != nil && e.life.joins && s.state.Load()&subClosed == 0 { // it made the build, and counts for its hooks (rule D3)
		e.more().joins = append(e.rare.joins, joined{came: true, hooks: true})
		e.noteUsage()
	}
	return e.fail, nil
}

// arrived has turns call s from now on. If it was closed meanwhile none will, and nobody has
// let go of what it holds. The lock is held: else a turn might be calling what is closed next.
func (s *sub) arrived() {
	if s.state.And(^subArriving)&subClosed != 0 {
		s.self.forget()
	}
}

// first gives s its first value, seen or what it selects of raw, or calls it with that,
// without the lock.
func (s *Subscription[S]) first(seen snapshot[S], fail *PanicError, fire bool, a *after) {
	c := s.e.c
	var raw any
	if sel := s.sel(); sel != nil {
		raw = sel.raw
	}
	returned := false
	defer func() {
		if !returned {
			c.report(panicked(s.e.p, recover()), a)
		}
		c.tree.mu.Lock()
		s.arrived() // from now on seen and raw are the turn's
		if moved := s.x != nil && s.x.snapshot() != seen || s.x == nil && !s.e.host.holds(raw); moved || s.e.fail != fail {
			s.e.DeliverOnceFresh()
		}
		c.tree.mu.Unlock()
	}()
	if raw != nil && fail == nil {
		seen.val, fail = s.selected(raw)
		seen.ok = fail == nil
	}
	switch {
	case fail != nil && fire:
		s.failedWith(fail)
	case fail != nil:
		s.failed = fail
	default:
		s.see(seen)
		if fire && s.fn != nil {
			var zero S
			s.fn(zero, s.of(seen))
		}
	}
	returned = true
}
