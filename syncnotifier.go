package weir

// This file owns NotifierProvider: a synchronous state with methods.

import "github.com/weir-go/weir/internal/graph"

// Notifier is the state of a [NotifierProvider]: embed it in a struct, give that a Build
// method that returns the first state, and methods that write it. There is one instance
// for each life of an element; a rebuild calls Build again on the same instance (rule N1).
// Its methods may be called from any goroutine; fields of your own need a lock of their
// own, or should be state (N4). Before a provider has made the instance every call is a
// *UsageError; after the element was disposed calls do nothing (N3).
type Notifier[T any] struct{ seat seat }

//lint:ignore U1000 it is called through the constraint of the provider, by every notifier that embeds it
func (n *Notifier[T]) notifier() *Notifier[T] { return n }

// NotifierOf is a pointer to a struct that embeds [Notifier] and has a Build method.
type NotifierOf[T any] interface {
	// Build returns the first state, and the new one when something that it watched has
	// changed. [Notifier.State] in a rebuild is the state before.
	Build(ref Ref) T
	notifier() *Notifier[T]
}

// State returns the state, bringing it up to date first. In Build it is the state before;
// in a first Build there is none, which is a *UsageError. If the build failed it raises
// the failure (rule E1). After disposal it is the zero T; after Close it is the last one,
// if the notifier was not disposed before (G10).
func (n *Notifier[T]) State() T {
	e := n.seat.element("State")
	x := e.host.(*cell[T])
	if e.readable() {
		if v := x.val.Load(); v != nil && n.seat.sits() {
			return *v
		}
	}
	t := e.c.tree
	t.mu.Lock()
	sits, closed, building, gen := n.seat.sits(), e.c.closed, e.Phase() == graph.Building, e.newest
	t.mu.Unlock()
	var v *T
	switch {
	case !sits:
	case building && t.stackBuilds(gen): // else it is another goroutine's build, to be waited for
		if v = x.val.Load(); v == nil {
			misuse(e.p, "State in the first Build of a notifier: there is none yet")
		}
	case closed:
		v = x.val.Load()
	default:
		v, _ = place{c: e.c}.readSlow(e.p, true).raw.(*T)
	}
	if v == nil || !n.seat.sits() {
		v = new(T)
	}
	return *v
}

// Set makes v the state and delivers what follows from it; see [StateProvider.Set]. In
// Build it is a *UsageError: return the value instead (rule N5).
func (n *Notifier[T]) Set(v T) { n.write(nil, "Set", nil, v) }

// Update makes f of the state the state, atomically, and returns it; see
// [StateProvider.Update]. In Build it is a *UsageError. After disposal it changes nothing
// and returns f of what State returns then, the zero T.
func (n *Notifier[T]) Update(f func(T) T) T { return n.update(nil, "Update", f) }

// SetIn is Set through a scope: the [Tx] of a batch stages it, through a [Ref] that is over
// it does nothing. A scope of another container tree than the notifier's is a *UsageError.
func (n *Notifier[T]) SetIn(s Scope, v T) { n.write(given(s, "SetIn"), "SetIn", nil, v) }

// UpdateIn is Update through a scope, as SetIn is Set.
func (n *Notifier[T]) UpdateIn(s Scope, f func(T) T) T {
	return n.update(given(s, "UpdateIn"), "UpdateIn", f)
}

// given is s, or a *UsageError if it is nil.
func given(s Scope, op string) Scope {
	if s == nil {
		placeOf(s, nil, op)
	}
	return s
}

func (n *Notifier[T]) update(s Scope, op string, f func(T) T) T {
	if f == nil {
		misuse(n.seat.element(op).p, "%s needs a function", op)
	}
	var none T
	return n.write(s, op, f, none)
}

func (n *Notifier[T]) write(s Scope, op string, f func(T) T, next T) T {
	e := n.seat.element(op)
	at := n.seat.place(e, s, op)
	n.seat.outside(e, op)
	return e.p.impl.(typed[T]).typed().write(at, op, f, next)
}

// Ref returns the ref of the newest build (rule N2).
func (n *Notifier[T]) Ref() Ref { return n.seat.ref() }

// ListenSelf calls fn with each state that is built or written, equal ones included,
// before all other listeners, until the build is over (rule N6). Called in Build it hears
// the first value too, after zero (D13).
func (n *Notifier[T]) ListenSelf(fn func(prev, next T)) (remove func()) {
	if fn == nil {
		misuse(n.seat.element("ListenSelf").p, "ListenSelf needs a function")
	}
	return n.seat.listenSelf(hearing(fn))
}

// NotifierProvider is a state with methods, the notifier N. It is a Source[T].
type NotifierProvider[N NotifierOf[T], T any] struct {
	provider[T]
	create func() N
}

// NewNotifierProvider returns a provider of the state of the notifier that create makes:
// a new one at each call, for each life of an element. A create that returns nil or an
// instance that is in use fails the build. A nil create is a *UsageError.
func NewNotifierProvider[N NotifierOf[T], T any](create func() N, opts ...ProviderOption) *NotifierProvider[N, T] {
	p := &NotifierProvider[N, T]{create: create}
	p.init(notifierKind, p, opts)
	if create == nil {
		misuse(&p.base, "NewNotifierProvider needs a create function")
	}
	stored := persisted[T](&p.base)
	p.build = p.building(create, func(ref Ref, n N) T {
		if stored == nil {
			return n.Build(ref)
		}
		old, found := stored.restore(ref)
		if v := n.Build(ref); !found {
			return v
		}
		return old
	})
	return p
}

// building is the build function for notifiers that create makes and build builds.
func (p *NotifierProvider[N, T]) building(create func() N, build func(ref Ref, n N) T) func(ref Ref) T {
	return func(ref Ref) (v T) {
		n := instance(ref.e, ref.gen, create, seatOfNotifier[N, T])
		inBuild(ref.gen, func() { v = build(ref, n) })
		return v
	}
}

func seatOfNotifier[N NotifierOf[T], T any](n N) *seat { return &n.notifier().seat }

func (p *NotifierProvider[N, T]) identity() *base {
	if p == nil {
		return nil
	}
	return &p.base
}

func (p *NotifierProvider[N, T]) decide() { p.decideValue() }

func (p *NotifierProvider[N, T]) outlet() (none outlet[T]) {
	if p == nil {
		return none
	}
	return p.entire()
}

// Notifier returns the notifier of the element, building it first if need be. It is no
// dependency. A notifier whose Build failed is returned all the same; if create failed
// Notifier raises that failure. After Close it returns the last one; if there never was one
// it raises an error that wraps [ErrContainerClosed] (G10).
func (p *NotifierProvider[N, T]) Notifier(s Scope) N {
	b := p.identity().usable("Notifier")
	return notifierOf[N](scopeOf(s, b, "Notifier"), b)
}
