package weir

// This file owns Container: the elements and the options. How a turn goes is in
// turn.go, how all of it ends in close.go.

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/weir-go/weir/internal/graph"
)

// tree is what the containers of one family share: the lock and the graph. Nothing else
// is locked while the lock is held, and no user code runs under it (rule G2).
type tree struct {
	mu        mutex
	graph     graph.Graph
	frames    [frames]uintptr          // where the functions begin that the stack is searched for
	writes    uint64                   // from outside: Set, Batch, Invalidate, Cancel
	spare     []*drive                 // not in use
	staging   atomic.Pointer[staging]  // room for a batch of several states, while none has it
	runs      int                      // of OnDispose hooks, under way
	hooked    []*hookWait              // those that wait for a build
	saves     map[storedKey]*slot      // of persisted states
	observing atomic.Int32             // observers that are being called
	left      atomic.Uint64            // how often one of them has left a turn to whoever is observed
	ready     []graph.List[*Container] // children that may have work for a turn, by depth
	readies   int                      // how many
	flights   int                      // asynchronous build functions that are running
	flown     []*flown                 // those that wait for a turn
	loops     []*looping               // loops that builds wait in
}

// Container owns elements: it resolves providers, counts who uses each, runs their hooks
// as the counts change, and ends everything when it is closed. It has no goroutine at
// rest and one timer (rule G6). All its methods are safe for concurrent use (G1). Make
// one with [NewContainer] and end it with [Container.Shutdown].
type Container struct {
	tree   *tree
	table  elements
	parent *Container // nil of the root
	root   *Container

	// Guarded by tree.mu.
	queue    graph.Queue
	usage    graph.List[*element] // whose counts have changed: hooks to tell, disposal to consider
	dying    graph.List[*element] // to be disposed when the turn is quiet
	selves   graph.List[selfCall] // notifiers' own listeners, to be called before all others
	selfNews atomic.Bool          // there may be some of those
	turn     *turn                // nil until there is one
	reading  int                  // synchronous builds outside its own turns
	busy     int                  // build functions and endings that are running
	closed   bool
	listed   bool          // in tree.ready
	resting  chan struct{} // closed when a closed container has come to rest

	postponed     map[*graph.Node]uint64 // what a turn left to the builds of others, and will come back to: each has a number
	postponements uint64                 // the latest
	tidyAt        int                    // when this many have been put off, what is moot is forgotten

	children   *Container        // the newest; the others by next
	prev, next *Container        // siblings
	away       map[*sub]struct{} // listeners made through c whose elements are elsewhere

	timers   timers
	alarm    *time.Timer
	alarmAt  time.Duration
	alarmSet bool

	// Fixed when it is made.
	made         time.Time
	disposeDelay time.Duration
	onPanic      func(*PanicError)
	retry        RetryPolicy
	observers    []*Observer // the container's own, then its parent's
	profiling    bool
	wanted       events          // what the observers want to hear of
	given        context.Context // WithContext
	unhook       func() bool
	depth        int

	// Guarded by tree.mu.
	overrides overrides
	ctx       context.Context // made when it is first needed
	cancel    context.CancelCauseFunc
	values    context.Context // ctx without its end: the parent of all builds

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
	return containerOption(func(c *Container) { c.given = ctx })
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

// NewContainer returns an empty container: the root of a tree, or with [WithParent] a child.
// Overriding a provider twice, or in a child one that is not [Scoped], is a *UsageError.
func NewContainer(opts ...ContainerOption) *Container {
	c := &Container{disposeDelay: -1}
	for _, o := range opts {
		if o == nil {
			misuse(nil, "a nil ContainerOption was given")
		}
		o.applyTo(c)
	}
	if c.parent != nil {
		c.observers = append(c.observers, c.parent.observers...)
	}
	for _, o := range c.observers {
		c.wanted |= o.wanted()
	}
	if c.parent == nil {
		c.plant()
	} else {
		c.join()
	}
	if c.given != nil {
		stop := context.AfterFunc(c.given, c.Close) // without the lock: a context may be the user's own
		c.tree.mu.Lock()
		c.unhook = stop
		closed := c.closed
		c.tree.mu.Unlock()
		if closed { // it has ended already, or the parent is closed
			stop()
		}
	}
	return c
}

// plant makes c the root of a tree.
func (c *Container) plant() {
	c.root, c.tree, c.made = c, &tree{}, time.Now()
	c.tree.graph.Init()
	c.tree.frames = entries()
	if c.disposeDelay < 0 {
		c.disposeDelay = DefaultDisposeDelay
	}
}

// join makes c a child of its parent.
func (c *Container) join() {
	p := c.parent
	for i := range c.overrides.all {
		if o := c.overrides.all[i].p; !o.settings().scoped {
			misuse(o, "overridden in a child container: give it the option Scoped(), or override it in the root")
		}
	}
	c.root, c.tree, c.made, c.depth = p.root, p.tree, p.made, p.depth+1
	c.queue.Tell = true
	if c.disposeDelay < 0 {
		c.disposeDelay = p.disposeDelay
	}
	if c.onPanic == nil {
		c.onPanic = p.onPanic
	}
	if c.retry == nil {
		c.retry = p.retry
	}
	c.profiling = c.profiling || p.profiling
	c.tree.mu.Lock()
	if p.closed {
		c.closed = true
		c.closing.Store(true)
	} else {
		c.adopt()
	}
	c.tree.mu.Unlock()
}

// contextLocked makes the container's context if there is none. Most children never need
// one.
func (c *Container) contextLocked() context.Context {
	if c.ctx == nil {
		from := context.Background()
		for x := range c.chain {
			if x.given != nil {
				from = x.given
				break
			}
		}
		c.values = context.WithoutCancel(from)
		if c.ctx, c.cancel = context.WithCancelCause(c.values); c.closed {
			c.cancel(ErrContainerClosed)
		}
	}
	return c.ctx
}

// valid is a *UsageError for a container that NewContainer did not make.
func (c *Container) valid(op string) {
	if c == nil || c.tree == nil {
		misuse(nil, "%s on a nil or zero *Container: make one with NewContainer", op)
	}
}

// element returns p's element in c, its home, made if there is none. The lock is held, and
// given away to run what the override of a family has for a member.
func (c *Container) element(p *base, a *after) *element {
	for {
		if e := c.table.find(p); e != nil {
			return e
		}
		i := p.impl
		if o := c.override(p); o != nil && o.member != nil {
			r := o.replacement
			c.tree.unlock(a)
			i = r.member(p)
			c.tree.mu.Lock()
			if o.replacement != r || c.table.find(p) != nil {
				continue // exchanged meanwhile, or somebody else was faster
			}
		} else if o != nil {
			i = o.by
		}
		e := p.impl.newElement(p.kind == plainKind && p.settings().auto)
		e.init(c, p, i)
		c.table.add(e)
		return e
	}
}

// there returns the element that p has in c or above it, if it has one already: nil also
// for what is misuse. It needs no lock.
func (c *Container) there(p *base) *element {
	if p == nil || c.tree == nil {
		return nil
	}
	if c.parent != nil {
		c = c.home(p)
	}
	return c.table.find(p)
}

// readable reports whether a reader may load the value without the lock, and notes the
// touch that a read on standby is.
func (e *element) readable() bool {
	e.point()
	w := e.Word.Load()
	if w&graph.Touch != 0 {
		e.touch()
	}
	e.point()
	return w&graph.Readable != 0
}

// Exists reports whether p has an element that is built or building; of a family, any
// member. It builds nothing. After Close it is false.
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

// occupy notes that a build function, hooks of one, or a turn are running, which Shutdown of
// c and of its ancestors waits for. The lock is held.
func (c *Container) occupy() {
	for x := c; x != nil; x = x.parent {
		x.busy++
	}
}

// makeReady notes that c may have work for a turn: whoever settles looks at the root, and
// at the children that are in this list.
func (c *Container) makeReady() {
	if c.parent != nil && !c.listed {
		c.listed = true
		t := c.tree
		for len(t.ready) <= c.depth {
			t.ready = append(t.ready, graph.List[*Container]{})
		}
		t.ready[c.depth].Push(c)
		t.readies++
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
	for len(unused) > 0 { // of a container that is closed nothing is
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
	c.tree.mu.Lock()
	defer c.tree.mu.Unlock()
	return c.contextLocked()
}

type containerKey struct{}

// NewContext returns a context that carries c, for [FromContext]: in a server, from the
// middleware to the handler. It does not end with c. A nil ctx, and a nil or zero c, are a
// *UsageError.
func NewContext(ctx context.Context, c *Container) context.Context {
	c.valid("NewContext")
	if ctx == nil {
		misuse(nil, "NewContext needs a context: use context.Background if there is none")
	}
	return context.WithValue(ctx, containerKey{}, c)
}

// FromContext returns the container that ctx carries, and whether it does. A nil ctx is a
// *UsageError.
func FromContext(ctx context.Context) (*Container, bool) {
	if ctx == nil {
		misuse(nil, "FromContext needs a context: use context.Background if there is none")
	}
	c, ok := ctx.Value(containerKey{}).(*Container)
	return c, ok
}
