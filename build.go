package weir

// This file owns the running of builds: bringing an element up to date on behalf of a
// reader, a watcher or a turn, and waiting for builds of other goroutines. User code runs
// without the lock.

import (
	"errors"
	"time"

	"github.com/weir-go/weir/internal/graph"
)

// hop is how many first builds may be nested on one goroutine's stack: a cold chain
// recurses through user functions, and a stack has an end.
const hop = 2000

// eager is how many builds may be nested before what was built before is brought up to
// date from below, without nesting. Up to then a build asks for what it needs itself, and
// nothing runs that it does not ask for.
const eager = 64

// drive brings elements up to date, one after the other. While it works for a build it is
// one of the things which that build waits for.
type drive struct {
	t        *tree
	walk     graph.Walk
	own      after     // what is to be done without the lock; it would escape to the heap as its caller's
	by       *element  // whose build needs it; nil if none
	on       *element  // what it runs or waits for
	running  *element  // whose synchronous build function is on this goroutine now
	checking bool      // a selector is
	aim      *element  // what it brings up to date
	stop     error     // it cannot go on: a cycle, a closed container
	next     *drive    // of by's
	gen      uint64    // the build of by that needs it
	await    bool      // it is an Await or a Resolve, or a loop
	loop     *looping  // it is a loop: any change is enough for it, and none may come
	over     func()    // what becomes of the rest after a Goexit
	handed   bool      // another goroutine has taken the turn over
	held     bool      // aim is held against disposal, to be released if the walk is lost
	hold     bool      // aim counts as active for by
	reading  bool      // the running build is counted in its container's reading
	began    time.Time // of the running build, if it is observed
	verify   bool      // aim is a build in flight, to be ended if it is out of date
}

// join makes d something that by's build waits for; part undoes it. The lock is held.
func (d *drive) join(by *element) {
	d.gen = by.Gen()
	d.next, by.drives = by.drives, d
}

func (d *drive) part(by *element) {
	for at := &by.drives; *at != nil; at = &(*at).next {
		if *at == d {
			*at = d.next
			return
		}
	}
}

// waitsFor returns what d, one of by's, still waits for, or nil: an Await gives up when its
// build is over, though its goroutine may not have come to it yet, and nobody waits for the
// function of an asynchronous build that is over and may overlap. Of a loop see [looping].
func (d *drive) waitsFor(by *element) *element {
	switch {
	case !by.live(d.gen) && (d.await || by.p.settings().overlap && by.Phase() != graph.Building):
		return nil
	case d.loop != nil:
		return d.loop.waitsFor(d.on)
	}
	return d.on
}

// freshElement returns p's element, up to date: current, or current at some moment since
// the call. by is whose build needs it. The lock is held, and given away between. The
// error is a *CycleError or ErrContainerClosed, never that of the build.
func (c *Container) freshElement(p *base, by *element, a *after) (*element, error) {
	for {
		if c.closed {
			return nil, &causeError{p, ErrContainerClosed}
		}
		e := c.element(p, a)
		if e.Fresh() {
			return e, nil
		}
		e.walkers++ // it is in use: not to be disposed under the walk's feet
		// What is built for somebody who is active is active from the start, not only when
		// it has been watched: else what it watches itself would go to standby in between.
		hold := by != nil && by.On() && e.Phase() == graph.Absent
		if hold {
			e.hold(1)
		}
		stop := c.tree.pursue(e, by, false, true, hold, a)
		e.release()
		if hold && stop != nil {
			e.hold(-1)
		} else if hold {
			a.held = append(a.held, e) // until the lock is let go: the caller watches it before
		}
		if stop != nil {
			return nil, stop
		}
		if !e.dead { // else it was disposed between: there is a new one
			return e, nil
		}
	}
}

// hold adds d to the users of e on behalf of builds that are about to watch it.
func (e *element) hold(d int32) {
	if e.dead || e.c.closed {
		return
	}
	e.holds += d
	e.c.tree.graph.Use(&e.Node, d)
}

// pursue brings e up to date on behalf of by's build, nil if there is none; with verify e
// is by, in flight, and only ended if it is out of date; with held the caller holds e against
// disposal, with hold it counts as active, both to be released if the walk is lost. The error
// is why there is no getting on. The lock is held, and given away between.
func (t *tree) pursue(e, by *element, verify, held, hold bool, a *after) (stop error) {
	d := t.drive()
	d.own.take(a)
	d.by, d.verify, d.held, d.hold = by, verify, held, hold
	if by != nil {
		d.join(by)
		d.walk.Eager = by.depth >= eager
	}
	d.freshen(e)
	if by != nil {
		d.part(by)
	}
	stop = d.stop
	a.take(&d.own)
	t.park(d)
	return stop
}

// drive takes a drive from those that are not in use; park gives it back.
func (t *tree) drive() *drive {
	if k := len(t.spare) - 1; k >= 0 {
		d := t.spare[k]
		t.spare = t.spare[:k]
		return d
	}
	return &drive{t: t}
}

func (t *tree) park(d *drive) {
	d.by, d.on, d.aim, d.stop, d.next, d.over, d.verify, d.held, d.hold = nil, nil, nil, nil, nil, nil, false, false, false
	if !d.own.isZero() { // to clear it costs more than all else here
		d.own = after{}
	}
	if len(t.spare) < 64 {
		d.walk.Reset()
		t.spare = append(t.spare, d)
	}
}

// freshen brings e up to date. The lock is held, before and after.
func (d *drive) freshen(e *element) {
	d.aim = e
	d.walk.Start(&d.t.graph, &e.Node)
	for !d.steps() {
	}
}

// steps goes on until e is up to date, or a build function panics: one deferred handler
// for all the builds of a walk, entered again after a panic, instead of one for each.
func (d *drive) steps() (done bool) {
	defer func() {
		if !done {
			d.crashed(recover())
		}
	}()
	for d.stop == nil {
		need, n := d.t.graph.Step(&d.walk)
		if need == graph.Done {
			break
		}
		e := n.Host.(*element)
		switch need {
		case graph.Wait:
			if d.verify && e == d.aim {
				return true // it was ended, and its hooks are running: nothing is left to verify
			}
			d.waitFor(e)
		case graph.Check:
			d.check(d.walk.Sel())
		case graph.Build:
			if e.bare() && !e.dead && !e.c.closed && (e.Active() || !d.turn()) { // as it mostly is: nothing below concerns it
				d.rebuild(e)
			} else if d.renew(e) {
				return true
			}
		}
	}
	return true
}

// renew has e built, which the walk has come to, or does what must come before: then the walk
// asks again. It reports whether the walk is done with instead.
func (d *drive) renew(e *element) (over bool) {
	switch {
	case e.c.closed:
		d.stop = &causeError{e.p, ErrContainerClosed}
		return false
	case e.Gen() != 0 && (e.life != nil || e.Has(graph.InFlight)): // the hooks of the last one first
		e.cause |= byReload
		e.end(ErrDependencyChanged, &d.own)
		e.halted()
		return false
	case e.dead && e != d.aim: // what watched it is another by now
		d.walk.Again(&d.aim.Node)
		return false
	case e.dead: // whoever asked looks it up again
		return true
	case d.verify && e == d.aim: // it was ended; the next is not for this one to begin
		e.Want()
		return true
	}
	if e.rare != nil && e.rare.retarget != nil {
		e.switchTo(e.rare.retarget)
		e.rare.retarget = nil
	}
	switch {
	case d.turn() && !e.Active(): // an unused build in flight that had to end; nobody wants the next
		d.aim.Want()
		return true
	case e.async:
		e.launch(&d.own)
	default:
		d.build(e)
	}
	return false
}

// turn reports whether d is a turn's, not a reader's.
func (d *drive) turn() bool { return d.over != nil }

// build runs a synchronous build of e.
func (d *drive) build(e *element) {
	if d.own.any() { // hooks first: one that calls Goexit must not take a build along
		d.t.relock(&d.own)
		return
	}
	gen := e.begin(d.by)
	d.runs(e)
	d.t.mu.Unlock()
	if e.observed() {
		d.began = time.Now()
		e.started(gen, e.reason, &d.own) // the build is this goroutine's: its reason stands
	}
	changed := d.compute(e, gen)
	if e.observed() {
		var err error
		if e.fallible {
			err = e.computed()
		}
		e.finished(gen, e.reason, time.Since(d.began), err, &d.own)
	}
	if e.fallible {
		e.retried(gen, &d.own)
	}
	d.t.mu.Lock()
	d.built()
	e.exhausted()
	e.commit(changed, nil, &d.own)
}

// rebuild is the quick build of an element that is bare: what begin, build and commit look
// at besides is not there. If it has come meanwhile, commit has the rest.
func (d *drive) rebuild(e *element) {
	if d.own.any() {
		d.t.relock(&d.own)
		return
	}
	g := &d.t.graph
	e.reason = ReasonReload
	e.builds++
	e.c.occupy()
	e.nest(d.by)
	gen := g.Begin(&e.Node, false)
	e.newest = gen
	e.times.anew()
	d.runs(e)
	d.t.mu.Unlock()
	changed := d.compute(e, gen)
	d.t.mu.Lock()
	d.built()
	if e.c.closed || !e.bare() || e.auto() && !e.Active() || !g.CommitSame(&e.Node, gen) {
		e.exhausted()
		e.commit(changed, nil, &d.own)
		return
	}
	e.host.release(changed)
	e.Node.Publish(changed, changed, false)
	e.point()
	e.Show()
	e.woken()
	e.c.rest()
}

// bare reports whether e has been built and has nothing but its value: no hooks, no context,
// no failure, nobody who waits or observes, no cause of the next build but a dependency.
func (e *element) bare() bool {
	return e.life == nil && e.rare == nil && !e.fallible && e.fail == nil && e.builds > 0 && e.cause == 0 &&
		e.selfEnds == 0 && e.c.wanted == 0 && !e.Has(graph.InFlight)
}

// runs notes that the build function of e is about to be called.
func (d *drive) runs(e *element) {
	d.on, d.running = e, e
	if !d.turn() || d.aim.c != e.c { // a child's turn may build for its parent, whose own is not running then
		d.reads()
	}
}

// built notes that the build function is done, one way or another.
func (d *drive) built() {
	if d.reading {
		d.running.c.reading--
	}
	d.on, d.running, d.reading = nil, nil, false
}

// reads counts the running build among those outside the turn of its container, which must
// not begin inside it.
func (d *drive) reads() {
	if !d.reading {
		d.reading = true
		d.running.c.reading++
	}
}

// compute is a frame to be found on the stack: see [computing].
//
//go:noinline
func (d *drive) compute(e *element, gen uint64) (changed bool) {
	if e.depth == hop-1 {
		return d.elsewhere(e, gen)
	}
	return e.host.compute(Ref{e, gen})
}

// elsewhere computes e on a new goroutine, with a stack of its own.
func (d *drive) elsewhere(e *element, gen uint64) (changed bool) {
	var r any
	done, returned := make(chan struct{}), false
	hooks := d.t.stackCount(disposing, within)
	go func() {
		defer close(done)
		d.t.begins()
		defer func() {
			if !returned {
				r = panicked(e.p, recover())
			}
		}()
		e.depth = 0
		inHooks(hooks, func() { changed = d.compute(e, gen) })
		returned = true
	}()
	d.t.spawned()
	w := d.t.blocks()
	<-done
	d.t.unblocks(w)
	if !returned {
		panic(r)
	}
	return changed
}

// crashed commits a build whose function panicked with r, or called Goexit if r is nil.
// In the latter case the goroutine is ending: what was begun is finished for it.
func (d *drive) crashed(r any) {
	c := d.aim.c
	switch {
	case d.checking || d.running != nil:
	case r != nil: // not the user's: a bug of this package
		panic(r)
	}
	d.t.mu.Lock()
	if d.checking { // whoever selects will run it again, and fail
		d.checking = false
		d.walk.Checked(true)
	} else if e := d.running; e != nil {
		d.built()
		if misuse, ok := r.(*UsageError); ok && misuse.hook {
			// It is the hook's misuse, not this build's: the hook hears of it, and the next
			// reader builds anew.
			d.stop = misuse
			e.end(ErrInvalidated, &d.own)
			e.commit(false, nil, &d.own)
			return
		}
		d.t.mu.Unlock()
		fail := panicked(e.p, r) // makes a name: see exhausted
		if e.observed() {
			e.finished(e.newest, e.reason, time.Since(d.began), fail.asError(), &d.own)
		}
		d.t.mu.Lock()
		e.exhausted()
		e.failed(fail, &d.own)
	} // else a Goexit in a hook of a build that was ended, which has been seen to
	if r != nil {
		return
	}
	// Nobody goes on with this walk.
	if d.by != nil {
		d.part(d.by)
	}
	if d.held {
		d.aim.release()
	}
	if d.hold {
		d.aim.hold(-1)
	}
	d.aim.Want()
	if d.over != nil {
		c.turn.own.take(&d.own)
		d.handed = true
		d.over()
		return
	}
	c.yield(d.by, &d.own)
}

// release undoes the hold that a walk has on its aim.
func (e *element) release() {
	if e.walkers--; e.walkers == 0 {
		if e.unused() {
			e.noteUsage()
		}
		e.leave()
	}
}

// waitFor waits until the build of e, or the hooks of its last one, are done.
func (d *drive) waitFor(e *element) {
	if d.own.ends.first != nil { // the hooks may be this walk's own to run
		d.t.relock(&d.own)
		return
	}
	if d.turn() { // a turn waits for nobody: it is told when that build is done
		d.aim.c.postpone(&d.aim.Node, e)
		d.stop = errPostponed
		return
	}
	if d.by != nil {
		if path := d.cycle(e); path != nil {
			d.stop = path
			return
		}
	}
	x := e.ensuing()
	if x.wake == nil {
		x.wake = make(chan struct{})
	}
	wake := x.wake
	d.on = e
	w := d.t.hookWaits(e)
	d.t.breakHooks()
	d.t.letFly()
	d.t.delegate(e.c.root)
	e.c.handOn(d.by)
	d.t.unlock(&d.own)
	who := d.t.blocks()
	select {
	case <-wake:
	case <-w.stuck():
	}
	d.t.unblocks(who)
	d.t.mu.Lock()
	d.on = nil
	if d.t.leaveHooks(w) {
		d.stop = hookCycle{e.p}
	}
}

// check asks the filter of an edge, which runs user code.
func (d *drive) check(s *graph.Sel) {
	d.checking = true
	d.t.unlock(&d.own)
	changed := s.Changed()
	d.t.mu.Lock()
	d.checking = false
	d.walk.Checked(changed)
}

// errPostponed says that a turn has to come back to an element.
var errPostponed = errors.New("postponed")
