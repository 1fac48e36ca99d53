package weir

// This file owns Mutation: the state of a side effect, and the scope that its function
// gets. It is a provider like any other, written by runs alone.

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// MutationStatus says how far a [Mutation] is. A run makes it pending, from whatever it is;
// Reset, and being disposed when nobody listens, make it idle.
type MutationStatus uint8

const (
	MutationIdle    MutationStatus = iota // nothing has run, or it was reset; next: pending
	MutationPending                       // the newest run has not returned; next: success, failed, idle
	MutationSuccess                       // the newest run has returned a value; next: pending, idle
	MutationFailed                        // the newest run has returned an error, or panicked; next: pending, idle
)

// String returns the status's name.
func (s MutationStatus) String() string {
	switch s {
	case MutationIdle:
		return "idle"
	case MutationPending:
		return "pending"
	case MutationSuccess:
		return "success"
	case MutationFailed:
		return "failed"
	}
	return "unknown"
}

// MutationState is what a [Mutation] shows. The zero one is idle.
type MutationState[T any] struct {
	status MutationStatus
	value  T
	err    error
	run    uint64 // that owns the state
}

// Status says how far it is.
func (s MutationState[T]) Status() MutationStatus { return s.status }

// IsPending reports whether the newest run has not returned.
func (s MutationState[T]) IsPending() bool { return s.status == MutationPending }

// Value returns what the newest run returned, and whether it has succeeded.
func (s MutationState[T]) Value() (T, bool) { return s.value, s.status == MutationSuccess }

// Err returns the error of the newest run if it has failed, or nil.
func (s MutationState[T]) Err() error { return s.err }

// String describes the state for people.
func (s MutationState[T]) String() string {
	switch s.status {
	case MutationSuccess:
		return fmt.Sprintf("success(%v)", s.value)
	case MutationFailed:
		return fmt.Sprintf("failed(%v)", s.err)
	}
	return s.status.String()
}

// GoString is String: %#v must not reach into the value, which may be secret.
func (s MutationState[T]) GoString() string { return s.String() }

// Mutation is a side effect, a form that is sent or a row that is deleted, with a state
// that can be watched and listened to: it is a Source[MutationState[T]]. Once nobody
// listens and no run is under way it is idle again after its delay, like any AutoDispose
// provider.
type Mutation[T any] struct {
	provider[MutationState[T]]
	keyed *Family[any, Mutation[T]] // what Of makes; nil for one of those
}

// NewMutation returns a mutation. Its options are [Name], [DisposeDelay] and [Scoped]
// ([AutoDispose] it is anyhow); any other is a *UsageError.
func NewMutation[T any](opts ...ProviderOption) *Mutation[T] {
	m := &Mutation[T]{}
	m.init(mutationKind, m, append([]ProviderOption{AutoDispose()}, opts...))
	m.ready()
	m.keyed = newFamily(mutationKind, func(any) *Mutation[T] {
		k := &Mutation[T]{}
		k.init(mutationKind, k, []ProviderOption{AutoDispose()})
		k.ready()
		return k
	}, slices.Concat(opts, []ProviderOption{Name(m.Name())}))
	return m
}

func (m *Mutation[T]) ready() {
	m.build = func(Ref) MutationState[T] { return MutationState[T]{} }
}

// decide has runs change the state only where it shows: a run that takes over a pending
// state is no news.
func (m *Mutation[T]) decide() {
	m.equal = func(a, b MutationState[T]) bool {
		return a.status == b.status && (a.status == MutationIdle || a.status == MutationPending)
	}
}

func (m *Mutation[T]) identity() *base {
	if m == nil {
		return nil
	}
	return &m.base
}

func (m *Mutation[T]) outlet() (none outlet[MutationState[T]]) {
	if m == nil {
		return none
	}
	return m.entire()
}

// Of returns the variant of the mutation for key, with a state of its own: the same
// pointer for the same key, for as long as anything holds it. A key that cannot be
// compared is a *UsageError.
func (m *Mutation[T]) Of(key any) *Mutation[T] {
	b := m.identity().usable("Of")
	if m.keyed == nil {
		misuse(b, "Of a keyed mutation: use one key for all that tells variants apart")
	}
	if !canCompare(key) {
		misuse(b, "Of a key of type %T, which cannot be compared", key)
	}
	return m.keyed.Of(key)
}

func canCompare(key any) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	_ = map[any]struct{}{key: {}}
	return true
}

// Run runs fn on the caller's goroutine and returns what it returns. Meanwhile the state is
// pending, then success or failed, unless another run was started, or the mutation reset or
// invalidated, in between: the newest run owns the state, older ones still return. The
// scope that fn gets keeps what is read through it alive and active until fn returns;
// writes go straight through. ctx goes to fn, and is cancelled with [ErrContainerClosed] when the container
// closes. A panic in fn is the failure of the state, and goes on to the caller; so is one of
// a listener that hears of pending, where no panic handler takes it: fn is not called then.
//
// After Close, and through a ref that is over, Run returns the cause without calling fn.
// A nil ctx or fn, and the Tx of a batch, are a *UsageError.
func (m *Mutation[T]) Run(ctx context.Context, s Scope, fn func(ctx context.Context, s Scope) (T, error)) (v T, err error) {
	b := m.identity().usable("Run")
	at := placeOf(s, b, "Run")
	switch {
	case ctx == nil:
		misuse(b, "Run needs a context: use context.Background if there is none")
	case fn == nil:
		misuse(b, "Run needs a function")
	case at.tx != nil:
		misuse(b, "Run with the Tx of a batch: a side effect cannot be staged")
	}
	from := at.c
	if at.via != nil {
		from = at.via
	}
	var a after
	e, run, err := m.begin(at, &a)
	if err != nil {
		return v, err
	}
	h := &runScope{c: from}
	var began time.Time
	returned := false
	defer func() {
		if !returned {
			r := recover()
			fail := panicked(b, r)
			err = fail.asError()
			if a.raise == nil && r != nil {
				a.raise = fail
			}
		}
		if !began.IsZero() {
			from.mutationEnded(b, began, err, &a)
		}
		next := MutationState[T]{status: MutationSuccess, value: v, run: run}
		if err != nil {
			next = MutationState[T]{status: MutationFailed, err: err, run: run}
		}
		m.finish(e, h, next, &a)
		a.rethrow()
	}()
	at.c.done(&a) // a listener may panic, or end this goroutine
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(from.Context(), func() { cancel(context.Cause(from.Context())) })()
	began = time.Now()
	from.mutationStarted(b, began, &a)
	v, err = fn(ctx, h)
	returned = true
	return v, err
}

// begin makes the state pending, and holds its element until finish. The lock is held when
// it succeeds: whatever is done once it is let go, there has to be a finish.
func (m *Mutation[T]) begin(at place, a *after) (e *element, run uint64, err error) {
	b := &m.base
	c := at.c
	t := c.tree
	t.mu.Lock()
	if at.overLocked() {
		err = at.why(b)
		t.unlock(a)
		return nil, 0, err
	}
	e, err = c.freshElement(b, at.ref.builder(), a)
	if err != nil {
		t.unlock(a)
		return nil, 0, named(err)
	}
	run = t.graph.Next()
	e.more().resolvers++
	t.graph.AddListener(&e.Node, true)
	m.show(e, MutationState[T]{status: MutationPending, run: run}, a)
	return e, run, nil
}

// finish lets go of e and of what h holds, and shows next if its run still owns the state:
// all in one step, for the turn that follows may end this goroutine.
func (m *Mutation[T]) finish(e *element, h *runScope, next MutationState[T], a *after) {
	t := e.c.tree
	t.mu.Lock()
	h.end()
	if !e.c.closed {
		// Of an element that was invalidated its build is over, and what comes after is dropped (rule C4).
		if now := e.host.(*cell[MutationState[T]]).val.Load(); now != nil && now.run == next.run && e.Fresh() {
			m.show(e, next, a)
		}
		e.rare.resolvers--
		t.graph.RemoveListener(&e.Node, true)
		e.touchLocked()
	}
	e.c.settle(a)
}

// show makes next the state. The lock is held.
func (m *Mutation[T]) show(e *element, next MutationState[T], a *after) {
	x := e.host.(*cell[MutationState[T]])
	if now := x.val.Load(); now != nil && m.equal(*now, next) {
		x.val.Store(&next) // another run owns it
		return
	}
	m.put(x, next, a)
}

// Reset makes the mutation idle. Runs under way go on and return, but no longer show. What
// is idle, or has never run, stays as it is; after Close, and through a ref that is over,
// Reset does nothing.
func (m *Mutation[T]) Reset(s Scope) {
	b := m.identity().usable("Reset")
	at := placeOf(s, b, "Reset")
	var a after
	t := at.c.tree
	t.mu.Lock()
	if e := at.c.table.find(b); e != nil && !at.overLocked() && !at.c.closed && e.Fresh() {
		m.show(e, MutationState[T]{}, &a)
	}
	at.c.done(&a)
}

// runScope is the scope of a mutation's function: a container that keeps what is read
// through it.
type runScope struct {
	c     *Container
	held  map[*base]*sub // guarded by the lock
	ended bool
}

func (*runScope) scope() {}

// hold keeps p's element in its home alive and active until the run ends.
func (h *runScope) hold(home *Container, p *base) {
	var a after
	t := home.tree
	t.mu.Lock()
	if !h.ended && !home.closed && h.held[p] == nil {
		e := home.element(p, &a) // which may let go of the lock
		if h.ended || home.closed || h.held[p] != nil {
			e.leave()
		} else {
			x := &sub{inner: true, e: e}
			x.self = x
			x.attach()
			if h.held == nil {
				h.held = map[*base]*sub{}
			}
			h.held[p] = x
		}
	}
	t.unlock(&a) // no turn yet: it is about to be built
	a.rethrow()
}

// deliver makes a sub that only counts.
func (*sub) deliver(*PanicError) {}

func (*sub) forget() {}

// end lets go of all that was held. The lock is held.
func (h *runScope) end() {
	h.ended = true
	for _, x := range h.held {
		x.detach()
	}
	h.held = nil
}
