package weir

// This file owns the element: a provider's live entry in one container, untyped. The
// value is cell.go's, how it lives lifecycle.go's, how it is built build.go's.

import (
	"sync/atomic"
	"time"

	"github.com/weir-go/weir/internal/graph"
)

// element is one provider in one container. What is not atomic is guarded by the lock of
// the container's tree.
type element struct {
	p *base // what it is found by; an override may build it
	graph.Node
	c    *Container
	host host

	life      *life       // what the live build owns; nil for a plain value
	fail      *PanicError // what the last synchronous build ended with, if not with a value
	listeners listeners
	sequel    *sequel // of the build that is running, or of its end; nil if nobody waits for that
	drives    *drive  // what its build waits for or runs: the edges of the search for cycles
	times     *times  // never nil for what is AutoDispose or has a rare part
	rare      *rare

	newest   uint64 // the newest build, over or not
	builds   uint32
	walkers  int32       // readers that are bringing it up to date
	holds    int32       // builds that are about to watch it, and count as active users
	selfEnds int32       // how many synchronous builds in a row were ended by themselves, or from inside another
	filled   atomic.Bool // the word of the cell is its value; the cell's, kept here where it takes no room
	depth    int16       // of nested first builds on this stack: less than hop
	cause    endCause
	reason   BuildReason // of the newest build
	fallible bool        // its kind can fail: what makes it is an [asyncKind]
	async    bool        // its build function has a goroutine of its own
	news     bool        // its synchronous build has a result other than the last (rule D10)
	dead     bool        // out of the table
	inUsage  bool        // in its container's list
	inDying  bool
	ending   int8 // ends whose hooks are running
}

// sequel is what there is to do when the build of an element, or the end of one, is done.
type sequel struct {
	wake      chan struct{} // to be closed; made by the first goroutine that waits
	followUps *followUp     // to be brought up to date: what turns have put off
}

// followUp is one of the elements that turns have put off until another is built, the
// latest first.
type followUp struct {
	n    *graph.Node
	next *followUp
}

// endCause is why the next build is made.
type endCause uint8

const (
	byRefresh endCause = 1 << iota // Invalidate
	byReload                       // a dependency changed
	byRetry                        // the last attempt failed
)

// rare is what a plain value does without; more makes it.
type rare struct {
	flights   int         // build functions that have not returned
	next      *start      // the build that starts when they have
	waiters   *waiters    // whom a result wakes
	over      error       // why the synchronous build in progress was ended
	stop      error       // it was stopped by Cancel or Timeout: publish this instead of building again
	keep      bool        // it was Cancel
	resolvers int32       // calls of Resolve that wait, and runs of mutations
	self      *PanicError // its synchronous build has ended itself too often: keep this instead
	ends      []end       // the last builds that were ended
	writes    uint64      // of the tree, when reloads was last 0
	reloads   int         // builds since then
	chased    uint64      // the epoch of then
	timeout   *timer
	retry     *timer                // the retry that is pending
	due       bool                  // one is due, and waits for a listener
	retries   bool                  // the synchronous build in progress is to be retried
	retryIn   time.Duration         // after this
	attempts  int                   // retries since the last success, reload or invalidation by hand
	onDuty    chan struct{}         // closed when a listener comes, or the build is over: for emit
	notifier  any                   // of a notifier kind: the instance of this life
	seat      *seat                 // its
	saving    *saving               // of a persisted state
	outlook   *outlook              // of an observed element
	label     atomic.Pointer[label] // of one that was told of
	changed   []AnyProvider         // of one whose builds are told of: why the newest was made
	retarget  impl                  // what its next build is made by, after UpdateOverrides
	making    chan struct{}         // closed when the instance that is being made is there
	unmade    *PanicError           // what making it has failed with
	running   uint64                // the newest build whose function has not returned
	born      uint64                // builds before this one have nothing to do with the notifier
	rested    any                   // of an async value that is loading: the snapshot of the last result
	amended   bool                  // and a value was written beside the loading
	joins     []joined              // listeners that came or left, not told yet
}

// times is when things happened, by the container's clock; 0 is no time. An element that is
// AutoDispose or has a rare part keeps it, and with it what of its last build is not through.
type times struct {
	since   time.Duration // the latest of going on standby and the last link closed
	left    time.Duration // when the last listener left, since the build began if that is not timed
	touched atomic.Int64  // the last touch without the lock
	built   time.Duration // when the newest build began
	lasted  time.Duration // how long it took
	timer   *timer        // the disposal, in its container's heap

	detached *life // with a context, of a build that is over and whose hooks have not returned
}

// anew forgets, for a build that is not timed, what was of the one before: CacheFor counts
// from no earlier than the build itself.
func (t *times) anew() {
	if t != nil {
		t.left, t.built = 0, 0
	}
}

// ensuing returns e's sequel, made when it is first needed. The lock is held.
func (e *element) ensuing() *sequel {
	if e.sequel == nil {
		e.sequel = &sequel{}
	}
	return e.sequel
}

// putOff reports whether a turn comes back to something when e is built.
func (e *element) putOff() bool { return e.sequel != nil && e.sequel.followUps != nil }

// resolving is how many calls of Resolve wait, and runs of mutations.
func (e *element) resolving() int {
	if e.rare == nil {
		return 0
	}
	return int(e.rare.resolvers)
}

// joined is a listener or dependent that came or left.
type joined struct {
	came      bool
	hooks     bool // there are hooks to be told
	observers bool
}

// host is the typed part around an element.
type host interface {
	// compute runs the build function and keeps the result back; it reports whether that
	// is different from the value.
	compute(ref Ref) bool
	// release publishes what compute kept back, unless that is no change; the lock is held.
	release(changed bool)
	// value returns what the snapshot raw holds.
	value(raw any) any
	// raw returns a pointer to a snapshot of the published value, nil if there is none. It
	// may take memory.
	raw() any
	// look is raw without taking memory.
	look() look
	// holds reports whether raw, which raw once returned, is a snapshot of the value still.
	holds(raw any) bool
	// maker is the provider, or the override, that makes the value.
	maker() impl
	// switchTo has from make the value from now on; no build of e is running, or it is over. It
	// returns what made the value so far.
	switchTo(from impl) (was *base)
	// drop forgets the value.
	drop()
}

// look is a value without its type: a pointer to a snapshot, or a small value.
type look struct {
	raw   any
	word  uint64
	small bool
}

// seen is what e's value is now; a small one as a pointer to it if that is asked for.
func (e *element) seen(pointer bool) look {
	if pointer {
		return look{raw: e.host.raw()}
	}
	return e.host.look()
}

// init makes e the element of p in c, whose builds i makes: p, or an override.
func (e *element) init(c *Container, p *base, i impl) {
	e.c, e.p = c, p
	if i != p.impl {
		e.host.switchTo(i)
	}
	e.madeBy(i)
	e.Host, e.Queue = e, &c.queue
	if s := p.settings(); s.auto {
		e.Set(graph.Auto | graph.Usage)
		if p.kind != plainKind {
			e.more() // with its times, which one of a plain value has been made with
		}
	}
	if e.fallible && (p.kind == streamKind || p.kind == streamNotifierKind || e.retryPolicy() != nil) {
		e.Set(graph.Usage) // emit and a retry wait for listeners; by the kind: an override may be exchanged
	}
	if e.observed() {
		e.Set(graph.Joins | graph.Observed)
		e.more() // for good: events are made without the lock
	}
}

// madeBy notes that i makes e's builds from now on.
func (e *element) madeBy(i impl) {
	_, e.fallible = i.(asyncKind)
	e.async = i.identity().async
}

// maker is what makes e's AsyncValue: of an e that can fail.
func (e *element) maker() asyncKind { return e.host.maker().(asyncKind) }

// changing sees to what must be done before next is published, a snapshot. The lock is held.
func (e *element) changing(next any) {
	e.tellSelves(next)
	if r := e.rare; r != nil && r.saving != nil {
		r.saving.publish(next)
	}
	if e.fallible {
		e.hiding(next)
	}
}

// auto reports whether e is to be disposed when unused. It needs no lock.
func (e *element) auto() bool { return e.p.settings().auto }

// more is the rare part, made when it is first needed.
func (e *element) more() *rare {
	if e.rare == nil {
		if e.times != nil {
			e.rare = &rare{}
			return e.rare
		}
		x := &struct { // one allocation for both
			rare
			times
		}{}
		e.rare, e.times = &x.rare, &x.times
	}
	return e.rare
}

// live reports whether gen is the build that is not over.
func (e *element) live(gen uint64) bool {
	return gen != 0 && e.Gen() == gen && !(e.Phase() == graph.Built && e.Has(graph.Dirty))
}

// atRest reports whether an async value is not loading.
func (e *element) atRest() bool {
	return isResting(e.host.raw())
}

// NodeEvent implements [graph.Host]: it notes what the turn has to tell.
func (e *element) NodeEvent(ev graph.Event) {
	switch ev {
	case graph.Wake:
		e.wakeWaiters(nil) // they look again, and bring it up to date themselves
		return
	case graph.Queued:
		e.c.makeReady()
		return
	case graph.On, graph.Off:
		e.ownedSwitched(ev == graph.On)
		return
	case graph.OnDuty:
		if e.life == nil && e.rare == nil && e.Phase() == graph.Built {
			return // nobody to tell; what is about to be built may have somebody by then
		}
		e.wakeEmitters()
	case graph.OffDuty:
		if e.auto() && !e.hasty() {
			e.times.since = e.c.now()
		}
	case graph.Unused:
		if e.auto() && !e.hasty() {
			e.times.left = e.c.now()
		}
	case graph.Added, graph.Removed:
		e.more().joins = append(e.more().joins, joined{ev == graph.Added, e.life != nil && e.life.joins, e.observed()})
	}
	e.noteUsage()
}

// noteUsage queues e for its hooks, and for being looked at for disposal.
func (e *element) noteUsage() {
	if !e.inUsage {
		e.inUsage = true
		e.c.makeReady()
		e.c.usage.Push(e)
	}
}
