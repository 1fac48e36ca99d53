package weir

// This file owns the turn: a container's event loop without a goroutine (rule G3). One
// goroutine at a time brings up to date what is stale and wanted, calls listeners, runs
// hooks and disposes, in sweeps, until nothing is left. All state of a turn is in the
// container, so that another goroutine can take it over at any call of user code.

import "time"

// A turn is handed to a goroutine of its own when, beyond its first sweep, it has made
// this many calls or taken this long: what others go on queueing must not hold the caller
// hostage (rule G4).
const (
	turnCalls = 20000
	turnTime  = 50 * time.Millisecond
)

// maxCalls is how often a listener may be called in one turn by its own consequences (P7).
// It is watched for the last of them.
const (
	maxCalls     = 1000
	suspectCalls = 900
)

// turn is the state of a container's turn. It is guarded by the lock, but for calls,
// next, calling and hook, which belong to the goroutine that runs the turn.
type turn struct {
	running   bool
	id        uint32    // of this turn
	drive     *drive    // brings elements up to date
	own       after     // what is to be done without the lock
	began     time.Time // when the first sweep was over
	sweeps    int       // of this goroutine
	made      int       // calls since the first sweep
	changed   int       // elements left to be delivered in this sweep
	used      int       // elements left to be told
	calls     []*sub    // listeners being called
	closed    []*sub    // listeners that were closed while it runs
	telling   *element  // whose, as long as one of them is left
	next      int       // the next of them
	compared  comparison
	fail      *PanicError // what they are called with, if not with a value
	hooks     []*hook     // being run
	of        *element    // whose
	gen       uint64      // the build that they are of
	calling   bool        // calls[next-1] is being called now
	hook      *hook       // being run now
	selfs     int         // calls of listeners on themselves in this sweep
	selfBegan time.Time   // the first of them
	suspect   suspected   // a listener that may be the cause of its own calls
	wrote     bool        // it has written since it was suspected
	outside   bool        // somebody outside the turn has
	flush     []flusher   // closed when the next sweep is over
	flushNext []flusher   // the same, of those that came during a sweep
}

// turnState is c's turn, made when it first has one: most children never do. The lock is
// held.
func (c *Container) turnState() *turn {
	if c.turn == nil {
		c.turn = &turn{}
	}
	return c.turn
}

// inTurn reports whether a turn of c is running. The lock is held.
func (c *Container) inTurn() bool { return c.turn != nil && c.turn.running }

// comparison is what a listener asked of the change detection, and the answer: most others
// ask the same.
type comparison struct {
	of         *element
	was, now   uint64 // small values
	prev, next any    // pointers to others
	differ     bool
}

// sweep goes on with the turn. One deferred handler serves all calls of user code but
// builds, which have their own.
func (c *Container) sweep(a *after) (v verdict) {
	if c.turn.drive == nil {
		c.turn.drive = &drive{t: c.tree}
		c.turn.drive.over = func() {
			var a after
			c.handOver(&a)
		}
	}
	d := c.turn.drive
	defer func() {
		switch {
		case v != goOn: // the turn is over, or somebody else's
		case d.handed:
			v = handed
		default:
			v = c.broken(recover(), a)
		}
	}()
	t := c.turn
	own := &t.own
	for {
		if t.telling != nil && t.next == len(t.calls) {
			c.tree.comeRound(t.telling)
			t.telling = nil
		}
		c.update()
		if d.handed { // its build has waited for something
			d.aim.release()
			a.take(&d.own)
			c.tree.unlock(a)
			return handed
		}
		if own.any() {
			c.tree.relock(own)
			continue
		}
		switch {
		case len(t.hooks) == 0 && c.selves.Len() > 0 && t.selvesFirst():
			c.nextSelf(own)
			c.runHooks(own)
		case t.next < len(t.calls):
			c.deliver(own)
		case t.changed > 0:
			t.changed--
			c.collect()
		case len(t.hooks) > 0:
			c.runHooks(own)
		case t.used > 0 && c.usage.Len() > 0:
			t.used--
			c.tell()
		default:
			if v = c.swept(a); v != goOn {
				return v
			}
		}
	}
}

// swept ends a sweep and begins the next, or ends the turn.
func (c *Container) swept(a *after) verdict {
	t := c.turn
	if quiet := !c.queue.Work() && c.usage.Len() == 0; c.dying.Len() > 0 && (quiet || t.sweeps%16 == 15) {
		c.bury()
		if t.own.any() || c.work() {
			return goOn
		}
	}
	t.sweeps++
	t.forget()
	c.flushed()
	if !c.work() {
		c.flushed()
		c.tree.check(c)
		t.running = false
		t.suspect = nil
		t.drive.walk.Reset()
		clear(t.calls)
		t.calls, t.next, t.of, t.drive.aim = t.calls[:0], 0, nil, nil
		t.compared = comparison{}
		a.take(&t.own)
		if t.awaited() {
			c.makeReady() // for what it waits for may be no work of c's
		}
		c.rest()
		return ended
	}
	switch { // looking at the clock costs as much as a small turn
	case t.sweeps == 1:
		t.made = 0
	case t.sweeps == 2:
		t.began = time.Now()
	case t.made > turnCalls || time.Since(t.began) > turnTime:
		c.handOver(a)
		return handed
	}
	t.changed, t.used, t.selfs = c.queue.Changed(), c.usage.Len(), 0
	return goOn
}

// bury disposes what is due, and what only that used: what has no hooks to be told follows
// at once, so that a long chain goes in one sweep.
func (c *Container) bury() {
	t := c.turn
	for n := 0; c.dying.Len() > 0 && n < 1000; n++ { // others want the lock too
		e := c.dying.Pop()
		e.inDying = false
		switch {
		case !e.unused():
		case e.due() == 0 || e.due() <= c.now():
			e.dispose(&t.own)
		default:
			e.consider()
		}
		for c.usage.Len() > 0 {
			if c.tell(); len(t.hooks) > 0 {
				return
			}
		}
	}
	c.tree.graph.Forget()
}

// forget has listeners that were closed let go of what they hold. None is being called, but
// one that is still arriving may run on another goroutine, and sees to itself.
func (t *turn) forget() {
	for i, s := range t.closed {
		if s.state.Load()&subArriving == 0 {
			s.self.forget()
		}
		t.closed[i] = nil
	}
	t.closed = t.closed[:0]
}

// tell takes the next element whose counts have changed, and the hooks that have to hear
// of it.
func (c *Container) tell() {
	e := c.usage.Pop()
	e.inUsage = false
	c.turn.of, c.turn.gen, c.turn.hooks = e, e.Gen(), e.told(&c.turn.own)
}

// selvesFirst reports whether notifiers' listeners on themselves come before all others
// (rule N6). In each sweep they have the bound of a turn, so that the others are heard
// however fast somebody writes.
func (t *turn) selvesFirst() bool {
	return t.selfs == 0 || t.selfs < maxCalls && time.Since(t.selfBegan) < turnTime
}

// nextSelf takes the next call of a notifier's listener on itself.
func (c *Container) nextSelf(a *after) {
	t := c.turn
	call := c.selves.Pop()
	if c.selves.Len() == 0 {
		c.selfNews.Store(false)
	}
	if t.selfs++; t.selfs == 1 {
		t.selfBegan = time.Now()
	}
	t.of, t.gen, t.hooks = call.e, call.gen, []*hook{call.fn}
	x := call.by
	if x.turn != t.id {
		x.turn, x.calls = t.id, 0
	}
	if x.calls++; x.calls >= suspectCalls && !call.fn.removed.Load() {
		run := call.fn.fn
		if t.suspect == suspected(x) {
			run = func() { callSuspect(call.fn.fn) }
		}
		t.hooks[0] = &hook{fn: func() {
			run()
			c.suspect(x, &x.calls, a)
		}}
	}
}

// update brings up to date what is stale and wanted now; what becomes stale meanwhile is
// for the next time, so that listeners are heard however fast others write.
func (c *Container) update() {
	if c.closed {
		c.queue.Clear() // what builds that ended late have queued
		return
	}
	for k := c.queue.Stale(); k > 0; k-- {
		n := c.queue.NextStale()
		if n == nil {
			return
		}
		if n.Fresh() || !n.Wanted() {
			c.caughtUp(n)
			continue
		}
		d := c.turn.drive
		d.stop = nil
		d.own.take(&c.turn.own)
		if d.freshen(n.Host.(*element)); d.handed {
			return
		}
		c.turn.own.take(&d.own)
		if d.stop != errPostponed {
			c.caughtUp(n)
		}
		if c.turn.changed == 0 {
			c.turn.changed = c.queue.Changed() // they belong to this sweep
		}
	}
}

// collect takes the next element whose value has changed, and its listeners.
func (c *Container) collect() {
	t := c.turn
	clear(t.calls)
	t.calls, t.next = t.calls[:0], 0
	n := c.queue.NextChanged()
	if n == nil {
		return
	}
	e := n.Host.(*element)
	t.telling, t.fail = e, e.fail
	t.calls = e.listeners.appendTo(t.calls)
	if e.observed() {
		t.calls = append(t.calls, e.outlook())
	}
}

// deliver calls listeners until all were called, or something has become stale: that comes
// first, so that nobody hears of a half of it. It is a frame to be found on the stack: see
// [delivering].
//
//go:noinline
func (c *Container) deliver(a *after) {
	t := c.turn
	c.tree.unlock(a)
	for calls := t.calls; t.next < len(calls); {
		s := calls[t.next]
		t.next++
		c.point()
		if s == nil || s.state.Load()&subSilent != 0 {
			continue
		}
		c.point()
		t.made++
		if s.turn != t.id {
			s.turn, s.calls = t.id, 0
		}
		s.calls++
		t.calling = true
		if t.suspect == suspected(s) {
			callSuspect(func() { s.self.deliver(t.fail) })
		} else {
			s.self.deliver(t.fail)
		}
		t.calling = false
		if s.calls >= suspectCalls && !s.inner {
			c.suspect(s, &s.calls, a)
		}
		c.point()
		if c.queue.News() || c.selfNews.Load() {
			break
		}
	}
	c.tree.mu.Lock()
}

// suspected is a listener, a notifier's on itself included.
type suspected interface {
	detach()
	about() *base
}

// suspect watches a listener that is called very often: by what it does itself, or by
// somebody else? calls is how often in this turn. If between one number of calls and another
// it has written itself, and nobody outside the turn has, it is a feedback loop, and is
// closed (rule P7).
func (c *Container) suspect(s suspected, calls *uint32, a *after) {
	t := c.turn
	c.tree.mu.Lock()
	looped := false
	switch {
	case t.suspect == nil:
		t.suspect, t.wrote, t.outside = s, false, false
	case t.suspect == s && *calls >= maxCalls:
		looped = t.wrote && !t.outside
		t.suspect, *calls = nil, 0
		if looped {
			s.detach()
		}
	}
	c.tree.mu.Unlock()
	if looped {
		c.report(&PanicError{Provider: s.about().Name(), Value: usage(s.about(), "a listener was called %d times in one turn by what it writes itself, and has been closed: do not write what you listen to", maxCalls)}, a)
	}
}

// runHooks runs the hooks of one element. It is a frame to be found on the stack: see
// [hooking].
//
//go:noinline
func (c *Container) runHooks(a *after) {
	t := c.turn
	c.tree.unlock(a)
	for len(t.hooks) > 0 {
		h := t.hooks[0]
		t.hooks = t.hooks[1:]
		c.point()
		if h.removed.Load() || t.of.Gen() != t.gen && !h.lasting {
			continue // taken back, or its build is over by now
		}
		c.point()
		t.made++
		t.hook = h
		h.fn()
		t.hook = nil
	}
	c.tree.mu.Lock()
}

// broken deals with a listener or hook that did not return: r is nil for a Goexit, and
// then this goroutine is ending. The lock is not held; it is when broken
// returns goOn.
func (c *Container) broken(r any, a *after) verdict {
	t := c.turn
	switch {
	case t.calling || t.hook != nil:
		p := t.p()
		t.calling, t.hook = false, nil
		c.report(panicked(p, r), &t.own)
	case r != nil: // not the user's: a bug of this package
		panic(r)
	} // else a Goexit in a hook of a build that was ended, which has been seen to
	c.tree.mu.Lock()
	if r == nil {
		c.handOver(a)
		return handed
	}
	return goOn
}

// p is the provider whose listener or hook is being called.
func (t *turn) p() *base {
	if t.calling {
		return t.calls[t.next-1].e.p
	}
	return t.of.p
}

// report tells the panic handler of what user code did; without one, it is raised again
// when all is done.
func (c *Container) report(pe *PanicError, a *after) {
	if c.onPanic == nil {
		if a.raise == nil {
			a.raise = pe
		}
		return
	}
	// On a goroutine of its own: a handler may end its goroutine (t.FailNow), and this one
	// has hooks or a turn to see to. One that panics has nobody left to tell.
	_, _ = apart(func() { c.onPanic(pe) })
}

// runHook runs a hook outside a turn: OnManualInvalidation, or OnDispose that came too late.
func (c *Container) runHook(p *base, h *hook, a *after) {
	returned := false
	defer func() {
		if !returned {
			c.report(panicked(p, recover()), a)
		}
	}()
	h.run(c, p)
	returned = true
}
