package weir

// This file owns the life of an element: its states as data, the hooks of a build, what a
// turn tells them, standby and disposal. It must not run a hook with the lock held.

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/weir-go/weir/internal/graph"
)

// State is where an element is in its life. [ElementInfo] has it; the comment of each
// constant names the states that may follow.
type State uint8

const (
	// StateAbsent: not built, or disposed. Then: building.
	StateAbsent State = iota
	// StateBuilding: a build function is running. Then: active, standby, absent.
	StateBuilding
	// StateActive: built, with a listener that is not paused. Then: standby, building, absent (closed).
	StateActive
	// StateStandby: built, not active. Then: active, building, absent.
	StateStandby
)

// successors is the picture of the life of an element, for the tests and the docs.
var successors = map[State][]State{
	StateAbsent:   {StateBuilding},
	StateBuilding: {StateActive, StateStandby, StateAbsent},
	StateActive:   {StateStandby, StateBuilding, StateAbsent},
	StateStandby:  {StateActive, StateBuilding, StateAbsent},
}

// String returns the state's name.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "unknown"
}

var stateNames = [...]string{"absent", "building", "active", "standby"}

// state derives e's state from what the graph knows.
func (e *element) state() State {
	switch {
	case e.Phase() == graph.Building || e.Has(graph.InFlight):
		return StateBuilding
	case e.Phase() == graph.Absent:
		return StateAbsent
	case e.Active():
		return StateActive
	}
	return StateStandby
}

// BuildReason says why a build was started.
type BuildReason uint8

const (
	ReasonFirstBuild BuildReason = iota // nothing was there, or it had been disposed
	ReasonReload                        // a dependency changed, or InvalidateAsReload
	ReasonRefresh                       // Invalidate, Refresh, InvalidateSelf
	ReasonRetry                         // the last attempt failed
)

// String returns the reason's name.
func (r BuildReason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return "unknown"
}

var reasonNames = [...]string{"first build", "reload", "refresh", "retry"}

// hookKind tells the hooks of a build apart.
type hookKind uint8

const (
	onCancel hookKind = iota
	onResume
	onAdd
	onRemove
	onDispose
	onManual
)

var hookNames = [...]string{"OnCancel", "OnResume", "OnAddListener", "OnRemoveListener", "OnDispose", "OnManualInvalidation"}

type hook struct {
	kind    hookKind
	lasting bool // to be run although its build is over
	removed atomic.Bool
	fn      func()
	fnErr   func() error // OnDisposeErr, instead of fn
}

// run calls the hook; what OnDisposeErr hooks return is kept for Shutdown.
func (h *hook) run(c *Container, p *base) {
	if h.fnErr == nil {
		h.fn()
	} else if err := h.fnErr(); err != nil {
		for x := range c.chain { // whoever shuts a parent down hears of it too
			x.errors.add(&causeError{p, err})
		}
	}
}

// life is what a build owns beside its value: all of it goes with the build (rule L5).
type life struct {
	context   buildContext
	hooks     []*hook         // in order of registration
	removed   int             // of those, at most
	late      []*hook         // OnCancel hooks that came on standby and have not run yet (rule L6)
	owned     []*sub          // listeners through the ref, nil where one has left
	disowned  int             // how many have
	selves    []*selfListener // of a notifier, on itself
	links     int             // keep-alive links that are open
	cacheFor  time.Duration
	gen       uint64
	ending    ending // once it is over
	cancelled bool   // OnCancel has been told last, not OnResume
	joins     bool   // there are OnAddListener or OnRemoveListener hooks
}

// lived returns the life of e's live build, made when it is first needed.
func (e *element) lived() *life {
	if e.life == nil {
		// On standby the going was told to nobody, for there was nobody: it counts as told.
		e.life = &life{gen: e.Gen(), cancelled: e.Phase() == graph.Built && !e.Active()}
		e.Set(graph.Life)
	}
	return e.life
}

// lifeOf returns the life of build gen, which is over, as long as its end is not through. The
// lock is held.
func (e *element) lifeOf(gen uint64) *life {
	l := e.life
	if l == nil && e.times != nil {
		l = e.times.detached
	}
	if l == nil || l.gen != gen {
		return nil
	}
	return l
}

// because notes why the build that begins is made. What is built again without anybody's
// hand has a dependency that changed, and by hand too if one is known to have (rule A1).
func (e *element) because() {
	switch {
	case e.builds == 0:
		e.reason = ReasonFirstBuild
		e.outlived()
	case e.cause == 0 || e.cause&byReload != 0 || e.c.tree.graph.Outdated(&e.Node):
		e.reason = ReasonReload
	case e.cause&byRefresh != 0:
		e.reason = ReasonRefresh
	default:
		e.reason = ReasonRetry
	}
	if e.rare != nil && e.reason != ReasonRetry {
		e.rare.attempts = 0
	}
	// One that was discarded has left no moment to compare with: the next is made for the same.
	if discarded := e.reason == ReasonReload && e.At() == 0; e.wants(evStarted) && !discarded {
		e.rare.changed = e.changed()
	}
	e.builds++
	e.cause = 0
}

// changed lists what is known to have changed of what e's last build has watched.
func (e *element) changed() (ps []AnyProvider) {
	if e.reason != ReasonReload {
		return nil
	}
	for n := range e.Node.Changed {
		p := n.Host.(*element).p.impl.(AnyProvider)
		if !slices.Contains(ps, p) {
			ps = append(ps, p)
		}
	}
	return ps
}

// again makes the next build count as the one that was discarded.
func (e *element) again() {
	e.builds--
	switch e.reason {
	case ReasonRefresh:
		e.cause = byRefresh
	case ReasonRetry:
		e.cause = byRetry
	}
}

// pick returns the hooks of one kind. Whoever runs them leaves out what was removed meanwhile.
func (l *life) pick(to []*hook, kind hookKind) []*hook {
	for _, h := range l.hooks {
		if h.kind == kind {
			to = append(to, h)
		}
	}
	return to
}

// register adds a hook to build gen of e (rule L6) and returns its removal.
func (e *element) register(gen uint64, h *hook) (remove func()) {
	t := e.c.tree
	var a after
	t.mu.Lock()
	a.from(e)
	if !e.live(gen) {
		l, why := e.lifeOf(gen), error(nil)
		if l != nil {
			why = e.why(gen)
		}
		t.unlock(&a)
		if h.kind == onDispose {
			if l != nil && l.context.Context != nil { // whoever ended the build may not have come to that (rule L5)
				l.context.cancel(why)
			}
			e.c.runHook(e.p, h, &a) // what was acquired too late is released all the same
			a.rethrow()
		}
		return func() {}
	}
	l := e.lived()
	l.hooks = append(l.hooks, h)
	switch h.kind {
	case onAdd, onRemove:
		e.Set(graph.Joins)
		l.joins = true
	case onCancel:
		if l.cancelled {
			l.late = append(l.late, h)
			e.noteUsage()
		}
	}
	e.c.yield(e, &a)
	a.rethrow()
	return func() {
		t.point()
		if h.removed.Swap(true) {
			return
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		l.dropRemoved()
	}
}

// dropRemoved drops the hooks that were removed: of many, when they are half of them. A turn may
// be going through the old list.
func (l *life) dropRemoved() {
	l.removed++
	if k := len(l.hooks); k <= 32 || 2*l.removed > k {
		l.hooks = slices.DeleteFunc(slices.Clone(l.hooks), func(h *hook) bool { return h.removed.Load() })
		l.removed = 0
	}
}

// told takes what has to be told to e's hooks, in the order of rule L3, and looks at e
// for disposal. The lock is held.
func (e *element) told(a *after) (hooks []*hook) {
	if e.rare != nil {
		e.retryNow(a)
	}
	l := e.life
	if !e.live(e.Gen()) {
		l = nil
	}
	if l != nil && len(l.late) > 0 {
		// What came on standby is paused first, also if somebody is back already. The rest is
		// looked at afterwards: the OnResume that pairs with it may be registered meanwhile.
		hooks, l.late = l.late, nil
		e.noteUsage()
		return hooks
	}
	var joins []joined
	if e.rare != nil {
		joins, e.rare.joins = e.rare.joins, nil
	}
	if l != nil && e.auto() {
		standby := e.Phase() == graph.Built && !e.Active()
		switch {
		case standby && !l.cancelled:
			l.cancelled = true
			hooks = l.pick(hooks, onCancel)
			hooks = e.tell(hooks, evCancelled, tellCancelled)
		case l.cancelled && e.Active():
			l.cancelled = false
			hooks = l.pick(hooks, onResume)
			hooks = e.tell(hooks, evResumed, tellResumed)
		}
	}
	for _, j := range joins {
		if l != nil && j.hooks {
			kind := onRemove
			if j.came {
				kind = onAdd
			}
			hooks = l.pick(hooks, kind)
		}
		// Observers hear of it whatever becomes of the build, so that they can count.
		if ev, tell := j.event(); j.observers && e.wants(ev) {
			h := e.telling(tell)
			h.lasting = true
			hooks = append(hooks, h)
		}
	}
	e.consider()
	return hooks
}

// tell appends what tells observers, if there are any.
func (e *element) tell(hooks []*hook, ev events, tell func(o *Observer, ev Event)) []*hook {
	if !e.wants(ev) {
		return hooks
	}
	return append(hooks, e.telling(tell))
}

// unused reports whether nothing keeps e but its delay (rule L4).
func (e *element) unused() bool {
	return e.auto() && e.Users() == 0 && e.walkers == 0 && e.Phase() == graph.Built && (e.life == nil || e.life.links == 0)
}

// delay is how long e stays on standby.
func (e *element) delay() time.Duration {
	if s := e.p.settings(); s.delayed {
		return s.delay
	}
	return e.c.disposeDelay
}

// due is when e is to be disposed, if it stays unused: 0, or a time that has passed, for at once.
func (e *element) due() time.Duration {
	t := e.times
	at := plus(max(t.since, time.Duration(t.touched.Load())), e.delay())
	if e.life != nil {
		at = max(at, plus(max(t.left, t.built), e.life.cacheFor))
	}
	return at
}

// hasty reports whether e is disposed as soon as it is unused, whenever that is: then nobody
// needs to look at the clock.
func (e *element) hasty() bool { return e.life == nil && e.rare == nil && e.delay() == 0 }

// consider puts e on its way out if nobody uses it.
func (e *element) consider() {
	if !e.unused() || e.inDying {
		return
	}
	if at := e.due(); at > 0 && at > e.c.now() {
		e.c.schedule(e, at, disposeTimer)
		return
	}
	e.inDying = true
	e.c.makeReady()
	e.c.dying.Push(e)
}

// touch notes a use that is no listener: one more full delay (rule L4). It needs no lock.
func (e *element) touch() {
	if e.Word.Load()&graph.Touch != 0 {
		e.times.touched.Store(int64(e.c.now()))
	}
}

// touchLocked is touch with the lock held.
func (e *element) touchLocked() {
	if e.auto() && !e.Active() && !e.hasty() {
		e.times.touched.Store(int64(e.c.now()))
	}
}

// dispose makes e absent (rules L4, L10). The lock is held.
func (e *element) dispose(a *after) {
	t := e.c.tree
	e.endNoted(false, ErrDisposed, a)
	t.graph.Dispose(&e.Node)
	e.fail, e.cause, e.builds = nil, 0, 0
	e.tellLeft(a)
	if r := e.rare; r != nil {
		r.outlook = nil
		e.unsave()
		r.saving, r.rested = nil, nil
		r.vacate(e.newest) // the next life has another notifier (N1)
	}
	e.c.unschedule(e)
	e.untimed()
	e.leave()
	e.host.drop() // e may stay, for a weak listener, a function that has not returned, or whoever has a ref: its value does not
}

// leave takes e out of the table if nothing refers to it any more: no weak listener, no
// build function that has not returned, no hook that is running. Those the next life of
// the provider has to wait for (rules C5, L5).
func (e *element) leave() {
	if e.dead || e.Phase() != graph.Absent || e.Users() > 0 || e.walkers > 0 || e.Has(graph.Weak|graph.Blocked) ||
		e.rare != nil && e.rare.flights > 0 || e.c.closed {
		return
	}
	e.dead = true
	e.c.table.remove(e)
}

// KeepAliveLink keeps an element from being disposed; [Ref.KeepAlive] opens one.
type KeepAliveLink struct {
	e      *element
	gen    uint64
	closed atomic.Bool
}

// Close releases the link; the delay of rule L4 starts again from now. Closing it again,
// or after its build is over, does nothing (rule L9). It is safe for concurrent use.
func (l *KeepAliveLink) Close() {
	if l == nil || l.e == nil || l.closed.Swap(true) {
		return
	}
	e := l.e
	var a after
	e.c.tree.mu.Lock()
	if e.live(l.gen) { // and so is the life that has the link
		e.life.links--
		e.times.since = max(e.times.since, e.c.now())
		e.consider()
	}
	e.c.done(&a)
}
