package weir

// This file owns Container: the elements, the options, invalidation, and the end of all
// of it. How a turn goes is in turn.go.

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weir-go/weir/internal/graph"
)

// tree is what the containers of one family share: the lock and the graph. Nothing else
// is locked while the lock is held, and no user code runs under it (rule G2).
type tree struct {
	mu     sync.Mutex
	graph  graph.Graph
	gen    uint64   // of the newest build
	writes uint64   // from outside: Set, Batch, Invalidate, Cancel
	drives []*drive // not in use
}

// Container owns elements: it resolves providers, counts who uses each, runs their hooks
// as the counts change, and ends everything when it is closed. It has no goroutine at
// rest and one timer (rule G6). All its methods are safe for concurrent use (G1). Make
// one with [NewContainer] and end it with [Container.Shutdown].
type Container struct {
	tree  *tree
	table elements

	// Guarded by tree.mu.
	queue   graph.Queue
	usage   []*element // whose counts have changed: hooks to tell, disposal to consider
	dying   []*element // to be disposed when the turn is quiet
	turn    turn
	reading int // synchronous builds outside turns
	busy    int // build functions and endings that are running
	closed  bool
	resting chan struct{} // closed when a closed container has come to rest

	timers   timers
	alarm    *time.Timer
	alarmAt  time.Duration
	alarmSet bool

	// Fixed when it is made.
	made         time.Time
	disposeDelay time.Duration
	onPanic      func(*PanicError)
	overrides    map[*base]impl
	ctx          context.Context
	cancel       context.CancelCauseFunc
	values       context.Context // ctx without its end: the parent of all builds
	unhook       func() bool

	closing atomic.Bool // closed, without the lock
	errors  errorLog
}

func (*Container) scope() {}

// ContainerOption is an option of [NewContainer]. Each [Override] is one.
type ContainerOption interface{ applyTo(*Container) }

type containerOption func(*Container)

func (f containerOption) applyTo(c *Container) { f(c) }

// WithContext gives the builds of the container the values of ctx, and closes the
// container when ctx ends (rule C1). A nil ctx is a *UsageError.
func WithContext(ctx context.Context) ContainerOption {
	if ctx == nil {
		misuse(nil, "WithContext needs a context")
	}
	return containerOption(func(c *Container) { c.ctx = ctx })
}

// WithDisposeDelay sets how long AutoDispose elements without a [DisposeDelay] of their
// own stay on standby; the default is [DefaultDisposeDelay]. A negative d is a
// *UsageError.
func WithDisposeDelay(d time.Duration) ContainerOption {
	if d < 0 {
		misuse(nil, "WithDisposeDelay(%v) is negative", d)
	}
	return containerOption(func(c *Container) { c.disposeDelay = d })
}

// WithPanicHandler has fn told of panics in hooks and listeners, which are then over with
// (rule E3), and of failed builds that no OnError hears of (E1). Without it they are
// raised again after the turn, on the goroutine that ran it. fn may run on any goroutine,
// without a lock. A nil fn is a *UsageError.
func WithPanicHandler(fn func(*PanicError)) ContainerOption {
	if fn == nil {
		misuse(nil, "WithPanicHandler needs a function")
	}
	return containerOption(func(c *Container) { c.onPanic = fn })
}

// NewContainer returns an empty container.
func NewContainer(opts ...ContainerOption) *Container {
	c := &Container{tree: &tree{}, made: time.Now(), disposeDelay: DefaultDisposeDelay, ctx: context.Background()}
	c.tree.graph.Init()
	for _, o := range opts {
		if o == nil {
			misuse(nil, "a nil ContainerOption was given")
		}
		o.applyTo(c)
	}
	parent := c.ctx
	c.values = context.WithoutCancel(parent)
	c.ctx, c.cancel = context.WithCancelCause(c.values)
	if parent.Done() != nil {
		c.tree.mu.Lock() // parent may end at once
		c.unhook = context.AfterFunc(parent, c.Close)
		c.tree.mu.Unlock()
	}
	return c
}

// valid is a *UsageError for a container that NewContainer did not make.
func (c *Container) valid(op string) {
	if c == nil || c.tree == nil {
		misuse(nil, "%s on a nil or zero *Container: make one with NewContainer", op)
	}
}

// element returns p's element, made if there is none. The lock is held.
func (c *Container) element(p *base) *element {
	if e := c.table.find(p); e != nil {
		return e
	}
	i := p.impl
	if o, ok := c.overrides[p]; ok {
		i = o
	}
	e := i.newElement(c, p)
	c.table.add(e)
	return e
}

// readable reports whether a reader may load the value without the lock, and notes the
// touch that a read on standby is.
func (e *element) readable() bool {
	w := e.Word.Load()
	if w&graph.Touch != 0 {
		e.touch()
	}
	return w&graph.Readable != 0
}

func anyProviders(ps []AnyProvider, op string) {
	for _, p := range ps {
		if p == nil {
			misuse(nil, "%s of a nil provider", op)
		}
		p.identity().usable(op)
	}
}

// Invalidate ends the builds of the providers' elements now: their contexts are cancelled
// with [ErrInvalidated], their OnDispose hooks run. Those in use are rebuilt before it
// returns, unless a turn is running elsewhere; others at the next read. An AutoDispose
// element that nobody uses is disposed (rule L10). Of a [Family] it means all members.
// Invalidate never creates an element; after Close it does nothing.
func (c *Container) Invalidate(ps ...AnyProvider) { c.invalidate(ps, byRefresh, nil, "Invalidate") }

// InvalidateAsReload is [Container.Invalidate] as if a dependency had changed: what is
// asynchronous shows reloading, not refreshing.
func (c *Container) InvalidateAsReload(ps ...AnyProvider) {
	c.invalidate(ps, byReload, nil, "InvalidateAsReload")
}

// invalidate is Invalidate; by is whose build calls, if that is known. It is one change:
// first all OnManualInvalidation hooks, then all ends, then one turn.
func (c *Container) invalidate(ps []AnyProvider, how endCause, by *element, op string) {
	c.valid(op)
	anyProviders(ps, op)
	var a after
	c.tree.mu.Lock()
	var es []*element
	for _, p := range ps {
		es = append(es, p.elements(c)...)
	}
	c.endByHand(es, how, by, false, &a)
	c.done(&a)
}

// endByHand invalidates es; keep says that they are about to be read and must not be
// disposed. The lock is held, and given away while OnManualInvalidation hooks run.
func (c *Container) endByHand(es []*element, how endCause, by *element, keep bool, a *after) {
	var room [4]uint64
	gens := room[:0]
	var hooks []manual
	for _, e := range es {
		gen := e.gen.Load()
		gens = append(gens, gen)
		if e.life != nil && e.live(gen) {
			for _, h := range e.life.pick(nil, onManual) {
				hooks = append(hooks, manual{e, gen, h})
			}
			// Once for a build: a hook may invalidate what it belongs to.
			e.life.hooks = slices.DeleteFunc(slices.Clone(e.life.hooks), func(h *hook) bool { return h.kind == onManual })
		}
	}
	if len(hooks) > 0 {
		c.tree.unlock(a)
		c.runManual(hooks, a, func() {
			var a after
			c.tree.mu.Lock()
			c.endAll(es, gens, how, by, keep, &a)
			c.done(&a)
		})
		c.tree.mu.Lock()
	}
	c.endAll(es, gens, how, by, keep, a)
}

// runManual runs OnManualInvalidation hooks. If one calls Goexit the others, and rest,
// are done on another goroutine.
func (c *Container) runManual(hooks []manual, a *after, rest func()) {
	i := 0
	defer func() {
		if i < len(hooks) {
			go func() {
				var a after
				c.runManual(hooks[i+1:], &a, rest)
				rest()
				a.rethrow()
			}()
		}
	}()
	for ; i < len(hooks); i++ {
		if m := hooks[i]; !m.h.removed.Load() && m.e.gen.Load() == m.gen {
			c.runHook(m.e.p, m.h, a)
		}
	}
}

// endAll ends the builds gens of es, those that are not over yet. The lock is held.
func (c *Container) endAll(es []*element, gens []uint64, how endCause, by *element, keep bool, a *after) {
	for i, e := range es {
		switch {
		case c.closed || e.dead || e.Phase() == graph.Absent:
			continue
		case e.gen.Load() != gens[i]: // somebody ended it meanwhile
			continue
		}
		e.cause |= how
		if e == by && e.Phase() == graph.Building {
			e.selfEnds++
		}
		e.end(ErrInvalidated, a)
		if !keep && e.unused() { // its links have gone with the build (rule D5)
			e.dispose(a)
			continue
		}
		e.halted()
		c.tree.writes++
		c.tree.graph.Invalidate(&e.Node)
	}
}

// manual is an OnManualInvalidation hook to be run.
type manual struct {
	e   *element
	gen uint64
	h   *hook
}

// Exists reports whether p has an element that is built or building; of a family, any
// member. It builds nothing.
func (c *Container) Exists(p AnyProvider) bool {
	c.valid("Exists")
	anyProviders([]AnyProvider{p}, "Exists")
	c.tree.mu.Lock()
	defer c.tree.mu.Unlock()
	for _, e := range p.elements(c) {
		if e.Phase() != graph.Absent {
			return true
		}
	}
	return false
}

// Flush returns when everything that was queued before the call has been delivered: nil,
// or the cause of ctx if that ends first. Inside a hook, listener or build it would wait
// for its own caller: only ctx ends it then (rule G12).
func (c *Container) Flush(ctx context.Context) error {
	c.valid("Flush")
	if ctx == nil {
		misuse(nil, "Flush needs a context")
	}
	var a after
	c.tree.mu.Lock()
	if !c.turn.running {
		c.done(&a)
		return nil
	}
	ch := make(chan struct{})
	c.turn.waiting = append(c.turn.waiting, ch)
	c.tree.mu.Unlock()
	select {
	case <-ch:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// DisposeUnused disposes every AutoDispose element that is on standby now, whatever is
// left of its delay or CacheFor time, and those that only it used. Elements with a
// listener, also a paused one, or an open keep-alive link stay.
func (c *Container) DisposeUnused() {
	c.valid("DisposeUnused")
	var a after
	c.tree.mu.Lock()
	var unused []*element
	for e := range c.table.all {
		if e.unused() {
			unused = append(unused, e)
		}
	}
	for len(unused) > 0 && !c.closed {
		var next []*element
		for _, e := range unused {
			if !e.unused() {
				continue
			}
			var below []*element
			for n := range e.AllDeps {
				below = append(below, n.Host.(*element))
			}
			e.dispose(&a)
			next = append(next, below...) // they may have been there for e alone
		}
		unused = next
	}
	c.tree.graph.Forget()
	c.done(&a)
}

// Context returns the container's context: it carries the values of [WithContext] and is
// cancelled with [ErrContainerClosed] when the container closes.
func (c *Container) Context() context.Context {
	c.valid("Context")
	return c.ctx
}

// Close ends all builds, dependents first: contexts are cancelled with
// [ErrContainerClosed], OnDispose hooks run, waiters return, subscriptions are closed.
// Synchronous builds that other goroutines are running end when their functions return.
// Afterwards values that were there can still be read, and nothing else happens (rule
// G10). Closing again does nothing. Close does not wait for build functions:
// [Container.Shutdown] does.
func (c *Container) Close() {
	c.valid("Close")
	var a after
	c.tree.mu.Lock()
	if c.closed {
		c.tree.unlock(&a)
		return
	}
	c.closed = true
	c.closing.Store(true)
	why := ErrContainerClosed
	for _, e := range c.dependentsFirst() {
		e.end(why, &a)
		for s := e.first; s != nil; s = e.first {
			s.detach()
		}
		e.settled(&causeError{e.p, why})
		e.forgetNext()
		if e.Phase() != graph.Building {
			c.tree.graph.Dispose(&e.Node)
			e.woken()
		}
	}
	c.queue.Clear()
	for _, x := range c.timers {
		x.i = -1 // out of the heap, for builds that return later
	}
	c.usage, c.dying, c.timers = nil, nil, nil
	c.turn.changed, c.turn.used = 0, 0
	if c.alarm != nil {
		c.alarm.Stop()
	}
	if c.unhook != nil {
		c.unhook()
	}
	c.tree.unlock(&a)
	c.cancel(why)
	a.rethrow()
}

// dependentsFirst lists the elements so that each comes after all that watch it.
func (c *Container) dependentsFirst() []*element {
	var order []*element
	left := map[*element]int{}
	for e := range c.table.all {
		n := 0
		for range e.Dependents {
			n++
		}
		left[e] = n
		if n == 0 {
			order = append(order, e)
		}
	}
	for i := 0; i < len(order); i++ {
		for n := range order[i].AllDeps {
			d := n.Host.(*element)
			if left[d]--; left[d] == 0 {
				order = append(order, d)
			}
		}
	}
	if len(order) < len(left) { // a cycle through the watches of a build that is being replaced
		for e, n := range left {
			if n > 0 {
				order = append(order, e)
			}
		}
	}
	return order
}

// Shutdown is [Container.Close] and then waits for every hook and build function to
// return. It returns what the OnDisposeErr hooks of the container's whole life returned,
// joined (the first 100), and the cause of ctx if that ended first. Called again it waits
// again. Inside a hook, listener or build it would wait for its own caller: only ctx ends
// it then (rule G12).
func (c *Container) Shutdown(ctx context.Context) error {
	c.valid("Shutdown")
	if ctx == nil {
		misuse(nil, "Shutdown needs a context")
	}
	c.Close()
	c.tree.mu.Lock()
	c.checkIdle()
	var resting chan struct{}
	if c.busy > 0 || c.turn.running {
		if c.resting == nil {
			c.resting = make(chan struct{})
		}
		resting = c.resting
	}
	c.tree.mu.Unlock()
	if resting != nil {
		select {
		case <-resting:
		case <-ctx.Done():
			return errors.Join(c.errors.join(), context.Cause(ctx))
		}
	}
	return c.errors.join()
}

// rest notes that a build function or the hooks of one have returned. The lock is held.
func (c *Container) rest() {
	c.busy--
	c.checkIdle()
}

func (c *Container) checkIdle() {
	if c.closed && c.busy == 0 && !c.turn.running && c.resting != nil {
		close(c.resting)
		c.resting = nil
	}
}

type containerKey struct{}

// NewContext returns a context that carries c, for [FromContext]: in a server, from the
// middleware to the handler. It does not end with c.
func NewContext(ctx context.Context, c *Container) context.Context {
	if ctx == nil || c == nil {
		misuse(nil, "NewContext needs a context and a container")
	}
	return context.WithValue(ctx, containerKey{}, c)
}

// FromContext returns the container that ctx carries, and whether it does.
func FromContext(ctx context.Context) (*Container, bool) {
	c, ok := ctx.Value(containerKey{}).(*Container)
	return c, ok
}
