package weir

// This file owns observers: what they are told, and the telling, which happens without
// the lock. When each event happens is said where it is caused.

import "time"

// Observer sees every event of a container and of its children, for logs, metrics and
// inspectors. Set the functions that are wanted; more may be added. They are called
// without a lock, on a goroutine of their own for which whoever caused the event waits, also
// at the same time for different elements: they must be safe for concurrent use (rule G13).
// What a turn tells of one element comes in order; BuildStarted and BuildEnded come with the
// build function, and may be seen a little before or after that. A function that panics or
// ends its goroutine skips no other (E3).
type Observer struct {
	ProviderAdded   func(ProviderAddedEvent)   // an element has its first value
	BuildStarted    func(BuildStartedEvent)    // a build function is about to be called
	BuildEnded      func(BuildEndedEvent)      // it has returned
	Updated         func(UpdatedEvent)         // listeners have been told of a different value
	Failed          func(FailedEvent)          // a build failed, and will not be retried
	Cancelled       func(CancelledEvent)       // the last active listener has left (AutoDispose)
	Resumed         func(ResumedEvent)         // the first is back
	Disposed        func(DisposedEvent)        // a build is over: replaced, disposed, closed
	ListenerAdded   func(ListenerAddedEvent)   // a listener or dependent has come
	ListenerRemoved func(ListenerRemovedEvent) // one has left, or its element has
	ContainerClosed func(ContainerClosedEvent) // a container has been closed
	MutationStarted func(MutationStartedEvent) // a mutation runs
	MutationEnded   func(MutationEndedEvent)   // it has returned
	StorageFailed   func(StorageFailedEvent)   // a persisted state could not be read or written
}

// Event is what all events of an element have.
type Event struct {
	Provider   AnyProvider
	Name       string     // of the provider
	Declared   string     // where it was made: file.go:line
	Container  *Container // that hosts the element
	Generation uint64     // of the build
	At         time.Time
}

// ProviderAddedEvent says that an element has its first value.
type ProviderAddedEvent struct {
	Event
	Value any
}

// BuildStartedEvent says that a build function is about to be called.
type BuildStartedEvent struct {
	Event
	Reason BuildReason

	// Changed lists the dependencies of the last build that were known to have changed when
	// this one began, in the order in which that watched them: nil unless Reason is
	// [ReasonReload]. Those behind a [Select] are among them whatever of them was selected,
	// and what an asynchronous build has awaited if its result was another.
	Changed []AnyProvider
}

// BuildEndedEvent says that a build function has returned.
type BuildEndedEvent struct {
	Event
	Reason   BuildReason
	Duration time.Duration
	Err      error // what it failed with, a *PanicError included
	Cause    error // why the build was over already, so that the result is dropped; or nil
}

// UpdatedEvent says that an element's value is a different one, after its listeners were
// told. What changed several times before they were is one event.
type UpdatedEvent struct {
	Event
	Previous, Value any
}

// FailedEvent says that a build failed for good.
type FailedEvent struct {
	Event
	Err error
}

// CancelledEvent says that an AutoDispose element is on standby.
type CancelledEvent struct{ Event }

// ResumedEvent says that it is active again.
type ResumedEvent struct{ Event }

// DisposedEvent says that a build is over, after its OnDispose hooks have run.
type DisposedEvent struct {
	Event
	Cause error // wraps one of the causes of rule C3
}

// ListenerAddedEvent says that a listener or dependent has come.
type ListenerAddedEvent struct{ Event }

// ListenerRemovedEvent says that one has left.
type ListenerRemovedEvent struct{ Event }

// ContainerClosedEvent says that a container has been closed, after the OnDispose hooks of
// its builds.
type ContainerClosedEvent struct {
	Container *Container
	At        time.Time
}

// MutationStartedEvent says that a mutation runs.
type MutationStartedEvent struct {
	Mutation  string     // its name
	Container *Container // of the scope that Run was given
	At        time.Time
}

// MutationEndedEvent says that a run of a mutation has returned.
type MutationEndedEvent struct {
	Mutation  string
	Container *Container
	At        time.Time
	Duration  time.Duration
	Err       error
}

// StorageFailedEvent says that a persisted state could not be read, written or understood.
// The element goes on as if nothing were stored.
type StorageFailedEvent struct {
	Event
	Op  string // read, decode, encode, write, delete
	Key string
	Err error
}

// WithObserver adds an observer of the container and its children. Those of a child are
// told first, then its parent's, each in the order in which they were given. A nil o is a
// *UsageError.
func WithObserver(o *Observer) ContainerOption {
	if o == nil {
		misuse(nil, "WithObserver needs an observer")
	}
	return containerOption(func(c *Container) { c.observers = append(c.observers, o) })
}

// WithProfiling has asynchronous builds, in the container and its children, carry the
// pprof label weir.provider with the provider's name, and a runtime/trace region of the
// same name.
func WithProfiling() ContainerOption {
	return containerOption(func(c *Container) { c.profiling = true })
}

// event is the common part of an event of build gen of e. The lock is not held.
func (e *element) event(gen uint64) Event {
	l := e.rare.label.Load()
	if l == nil {
		l = &label{e.p.Name(), e.p.declared()}
		e.rare.label.Store(l)
	}
	return Event{e.p.impl.(AnyProvider), l.name, l.declared, e.c, gen, time.Now()}
}

// label is what an element is called in events: to make it takes as long as all else there.
type label struct{ name, declared string }

// events is a set of the events that somebody wants to hear of: the others cost nothing.
type events uint16

const (
	evAdded events = 1 << iota
	evStarted
	evEnded
	evUpdated
	evFailed
	evCancelled
	evResumed
	evDisposed
	evListenerAdded
	evListenerRemoved
	evClosed
	evMutation
	evStorage

	evElement = evClosed - 1 // those above it: of the life of an element
)

// wanted is the events that o wants to hear of.
func (o *Observer) wanted() (set events) {
	for ev, want := range map[events]bool{
		evAdded: o.ProviderAdded != nil, evStarted: o.BuildStarted != nil, evEnded: o.BuildEnded != nil,
		evUpdated: o.Updated != nil, evFailed: o.Failed != nil, evCancelled: o.Cancelled != nil,
		evResumed: o.Resumed != nil, evDisposed: o.Disposed != nil, evListenerAdded: o.ListenerAdded != nil,
		evListenerRemoved: o.ListenerRemoved != nil, evClosed: o.ContainerClosed != nil,
		evMutation: o.MutationStarted != nil || o.MutationEnded != nil, evStorage: o.StorageFailed != nil,
	} {
		if want {
			set |= ev
		}
	}
	return set
}

// observed reports whether anybody wants to hear of e.
func (e *element) observed() bool { return e.wants(evElement) }

// wants reports whether anybody wants to hear one of ev of e. Of a mutation its runs are
// told, not its element.
func (e *element) wants(ev events) bool { return e.c.wanted&ev != 0 && e.p.kind != mutationKind }

// observe calls tell for each observer of c, on a goroutine of their own, and waits for it:
// one that ends its goroutine must not take a build or a turn along. The lock is not held.
func (c *Container) observe(p *base, a *after, tell func(o *Observer)) {
	c.tree.observing.Add(1)
	defer c.tree.observing.Add(-1)
	for i := 0; i < len(c.observers); {
		r, exited := observing(func() {
			for i < len(c.observers) {
				o := c.observers[i]
				i++
				tell(o)
			}
		})
		if r != nil || exited {
			c.report(panicked(p, r), a)
		}
	}
}

// announce is observe for whoever goes on to something that may take long: what the
// observers have written is delivered meanwhile.
func (c *Container) announce(p *base, a *after, tell func(o *Observer)) {
	before := c.tree.left.Load()
	c.observe(p, a, tell)
	if c.tree.left.Load() != before {
		c.settleApart()
	}
}

// observing runs fn apart. It is a frame to be found on the stack: see [watching].
func observing(fn func()) (r any, exited bool) { return apart(func() { onWatch(fn) }) }

//go:noinline
func onWatch(fn func()) { fn() }

// started tells of a build function that is about to be called.
func (e *element) started(gen uint64, why BuildReason, a *after) {
	if !e.wants(evStarted) {
		return
	}
	ev := BuildStartedEvent{Event: e.event(gen), Reason: why}
	e.c.tree.mu.Lock()
	if e.newest == gen {
		ev.Changed = e.rare.changed
	}
	e.c.tree.mu.Unlock()
	e.c.announce(e.p, a, func(o *Observer) {
		if o.BuildStarted != nil {
			o.BuildStarted(ev)
		}
	})
}

// finished tells of a build function that has returned.
func (e *element) finished(gen uint64, why BuildReason, took time.Duration, err error, a *after) {
	if !e.wants(evEnded) {
		return
	}
	ev := BuildEndedEvent{Event: e.event(gen), Reason: why, Duration: took, Err: err}
	e.c.tree.mu.Lock()
	if e.Gen() != gen {
		ev.Cause = e.why(gen)
	}
	e.c.tree.mu.Unlock()
	e.c.observe(e.p, a, func(o *Observer) {
		if o.BuildEnded != nil {
			o.BuildEnded(ev)
		}
	})
}

// joined tells of who came and left before the build is over.
func (x *ending) joined(a *after) {
	for _, j := range x.joins {
		if ev, tell := j.event(); j.observers && x.e.wants(ev) {
			about := x.e.event(x.gen)
			x.observe(a, func(o *Observer) { tell(o, about) })
		}
	}
	x.joins = nil
}

// disposed tells of a build that is over.
func (x *ending) disposed(a *after) {
	if x.why == nil || !x.e.wants(evDisposed) {
		return
	}
	ev := DisposedEvent{x.e.event(x.gen), x.why}
	x.observe(a, func(o *Observer) {
		if o.Disposed != nil {
			o.Disposed(ev)
		}
	})
}

// observe is that of the container for what x tells: no build of its element starts before, so
// an observer that reads it is as wrong as a hook that does (rule E4), and found like one.
func (x *ending) observe(a *after, tell func(o *Observer)) {
	x.e.c.observe(x.e.p, a, func(o *Observer) { inHooks(1, func() { tell(o) }) })
}

// telling is a hook that tells observers of e.
func (e *element) telling(tell func(o *Observer, ev Event)) *hook {
	gen := e.newest
	return &hook{fn: func() {
		ev := e.event(gen)
		e.c.observe(e.p, &e.c.turn.own, func(o *Observer) { tell(o, ev) })
	}}
}

// event is what observers are told of j, and how.
func (j joined) event() (events, func(o *Observer, ev Event)) {
	if j.came {
		return evListenerAdded, tellListenerAdded
	}
	return evListenerRemoved, tellListenerRemoved
}

func tellCancelled(o *Observer, ev Event) {
	if o.Cancelled != nil {
		o.Cancelled(CancelledEvent{ev})
	}
}

func tellResumed(o *Observer, ev Event) {
	if o.Resumed != nil {
		o.Resumed(ResumedEvent{ev})
	}
}

func tellListenerAdded(o *Observer, ev Event) {
	if o.ListenerAdded != nil {
		o.ListenerAdded(ListenerAddedEvent{ev})
	}
}

func tellListenerRemoved(o *Observer, ev Event) {
	if o.ListenerRemoved != nil {
		o.ListenerRemoved(ListenerRemovedEvent{ev})
	}
}

// outlook is the last listener of an observed element: it tells observers of its values,
// after all listeners, and counts for nothing.
type outlook struct {
	sub
	added  bool
	last   any // the value told of last
	raw    any // its snapshot
	failed *PanicError
}

// outlook returns e's, made when it is first needed. The lock is held.
func (e *element) outlook() *sub {
	r := e.more()
	if r.outlook == nil {
		x := &outlook{}
		x.e, x.self, x.inner = e, x, true
		r.outlook = x
	}
	return &r.outlook.sub
}

func (x *outlook) forget() {}

func (x *outlook) deliver(fail *PanicError) {
	e := x.e
	if !e.wants(evAdded | evUpdated | evFailed) {
		return
	}
	own := &e.c.turn.own
	ev := e.event(e.Gen())
	if fail != nil {
		if fail != x.failed {
			x.failed = fail
			e.c.tellFailed(e.p, own, FailedEvent{ev, fail})
		}
		return
	}
	raw := e.host.raw()
	if raw == nil || x.failed == nil && e.host.holds(x.raw) {
		return
	}
	prev := x.last
	x.last, x.raw, x.failed = e.host.value(raw), raw, nil
	switch {
	case !x.added:
		x.added = true
		if !e.wants(evAdded) {
			break
		}
		add := ProviderAddedEvent{ev, x.last}
		e.c.observe(e.p, own, func(o *Observer) {
			if o.ProviderAdded != nil {
				o.ProviderAdded(add)
			}
		})
	case e.wants(evUpdated):
		up := UpdatedEvent{ev, prev, x.last}
		e.c.observe(e.p, own, func(o *Observer) {
			if o.Updated != nil {
				o.Updated(up)
			}
		})
	}
	if _, async := e.p.impl.(asyncKind); !async { // not e.fallible, which an override may exchange meanwhile
		return
	}
	if v, ok := x.last.(interface {
		Err() error
		IsLoading() bool
	}); ok && v.Err() != nil && !v.IsLoading() {
		e.c.tellFailed(e.p, own, FailedEvent{ev, v.Err()})
	}
}

// tellFailed tells of a build that failed for good.
func (c *Container) tellFailed(p *base, a *after, ev FailedEvent) {
	if c.wanted&evFailed == 0 {
		return
	}
	c.observe(p, a, func(o *Observer) {
		if o.Failed != nil {
			o.Failed(ev)
		}
	})
}

// mutationStarted tells of a run of the mutation p that begins at at.
func (c *Container) mutationStarted(p *base, at time.Time, a *after) {
	if c.wanted&evMutation == 0 {
		return
	}
	ev := MutationStartedEvent{p.Name(), c, at}
	c.announce(p, a, func(o *Observer) {
		if o.MutationStarted != nil {
			o.MutationStarted(ev)
		}
	})
}

// mutationEnded tells of a run of p that has returned.
func (c *Container) mutationEnded(p *base, began time.Time, err error, a *after) {
	if c.wanted&evMutation == 0 {
		return
	}
	now := time.Now()
	ev := MutationEndedEvent{p.Name(), c, now, now.Sub(began), err}
	c.observe(p, a, func(o *Observer) {
		if o.MutationEnded != nil {
			o.MutationEnded(ev)
		}
	})
}
