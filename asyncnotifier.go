package weir

// This file owns AsyncNotifierProvider and StreamNotifierProvider: asynchronous states
// with methods, and the writes to them.

import "context"

// AsyncNotifier is the state of an [AsyncNotifierProvider]: embed it in a struct, give
// that a Build method that fetches the first state, and methods that write it. In all else
// it is like [Notifier].
type AsyncNotifier[T any] struct{ seat seat }

//lint:ignore U1000 it is called through the constraint of the provider, by every notifier that embeds it
func (n *AsyncNotifier[T]) asyncNotifier() *AsyncNotifier[T] { return n }

// AsyncNotifierOf is a pointer to a struct that embeds [AsyncNotifier] and has a Build
// method.
type AsyncNotifierOf[T any] interface {
	// Build fetches the state, as the function of a [FutureProvider] does.
	Build(ctx context.Context, ref Ref) (T, error)
	asyncNotifier() *AsyncNotifier[T]
}

// State returns the state, bringing it up to date first. In a first Build it is loading;
// in a rebuild it is the state of before, loading (rule D13). After disposal it is the
// zero AsyncValue; after Close it is the last one, if the notifier was not disposed before
// (G10).
func (n *AsyncNotifier[T]) State() AsyncValue[T] { return stateOf[T](&n.seat) }

// Set makes v the state, also while a build runs, whose own result is applied later
// (rule D9); a retry that is pending is taken back. A failure keeps the last value, as a
// build's does (A1); a bare loading shows what was there as reloading; other parts are
// taken as they are. After disposal and after Close it does nothing.
func (n *AsyncNotifier[T]) Set(v AsyncValue[T]) { _ = assign(&n.seat, "Set", v, 0, nil) }

// SetData is Set of [Data](v).
func (n *AsyncNotifier[T]) SetData(v T) { _ = assign(&n.seat, "SetData", Data(v), 0, nil) }

// Update makes f of the data the data, waiting until nothing is loading first. Updates of
// one notifier run one after the other (rule N6). If the state has failed it returns that
// error, and if f fails f's, without a change. One whose build was replaced while f ran is
// dropped and returns an error wrapping [ErrInvalidated]; after disposal it is
// [ErrDisposed], after Close [ErrContainerClosed]. When ctx ends while it waits it
// returns the cause, and if a Cancel or Timeout ends what it waits for the cause of that.
// What follows is delivered when the next Update may run: a listener may Update as well. f
// runs without a lock and may take its time; an Update inside f waits for its own caller
// until ctx ends.
func (n *AsyncNotifier[T]) Update(ctx context.Context, f func(T) (T, error)) (T, error) {
	return updateState(&n.seat, ctx, f)
}

// Resolve is [Resolve] of the notifier's own provider.
func (n *AsyncNotifier[T]) Resolve(ctx context.Context) (T, error) {
	return resolveState[T](&n.seat, ctx)
}

// Ref returns the ref of the newest build (rule N2).
func (n *AsyncNotifier[T]) Ref() Ref { return n.seat.ref() }

// ListenSelf is [Notifier.ListenSelf] for an asynchronous state: it hears of loading and
// failures as states.
func (n *AsyncNotifier[T]) ListenSelf(fn func(prev, next AsyncValue[T])) (remove func()) {
	return listenState(&n.seat, fn)
}

// StreamNotifier is the state of a [StreamNotifierProvider]: embed it in a struct, give
// that a Build method that emits states, and methods that write them. In all else it is
// like [AsyncNotifier].
type StreamNotifier[T any] struct{ seat seat }

//lint:ignore U1000 it is called through the constraint of the provider, by every notifier that embeds it
func (n *StreamNotifier[T]) streamNotifier() *StreamNotifier[T] { return n }

// StreamNotifierOf is a pointer to a struct that embeds [StreamNotifier] and has a Build
// method.
type StreamNotifierOf[T any] interface {
	// Build emits states, as the function of a [StreamProvider] does.
	Build(ctx context.Context, ref Ref, emit func(T) bool) error
	streamNotifier() *StreamNotifier[T]
}

// State is [AsyncNotifier.State].
func (n *StreamNotifier[T]) State() AsyncValue[T] { return stateOf[T](&n.seat) }

// Set is [AsyncNotifier.Set]; what the build emits next replaces it.
func (n *StreamNotifier[T]) Set(v AsyncValue[T]) { _ = assign(&n.seat, "Set", v, 0, nil) }

// SetData is Set of [Data](v).
func (n *StreamNotifier[T]) SetData(v T) { _ = assign(&n.seat, "SetData", Data(v), 0, nil) }

// Update is [AsyncNotifier.Update].
func (n *StreamNotifier[T]) Update(ctx context.Context, f func(T) (T, error)) (T, error) {
	return updateState(&n.seat, ctx, f)
}

// Resolve is [Resolve] of the notifier's own provider.
func (n *StreamNotifier[T]) Resolve(ctx context.Context) (T, error) {
	return resolveState[T](&n.seat, ctx)
}

// Ref returns the ref of the newest build (rule N2).
func (n *StreamNotifier[T]) Ref() Ref { return n.seat.ref() }

// ListenSelf is [AsyncNotifier.ListenSelf].
func (n *StreamNotifier[T]) ListenSelf(fn func(prev, next AsyncValue[T])) (remove func()) {
	return listenState(&n.seat, fn)
}

func listenState[T any](s *seat, fn func(prev, next AsyncValue[T])) (remove func()) {
	if fn == nil {
		misuse(s.element("ListenSelf").p, "ListenSelf needs a function")
	}
	return s.listenSelf(hearing(fn))
}

// stateOf is State of the asynchronous notifiers.
func stateOf[T any](s *seat) (v AsyncValue[T]) {
	e := s.element("State")
	t := e.c.tree
	t.mu.Lock()
	sits, closed := s.sits(), e.c.closed
	t.mu.Unlock()
	var raw any
	switch {
	case !sits:
	case closed:
		raw = e.host.raw()
	default:
		raw = place{c: e.c}.readSlow(e.p, true).raw
	}
	if now, ok := raw.(*AsyncValue[T]); ok && now != nil && s.sits() {
		v = *now
	}
	return v
}

// assign makes v the state; with build it is for that build only. The error says why
// nothing was written. release, if there is one, is called before what follows from it is
// delivered, with the lock held.
func assign[T any](s *seat, op string, v AsyncValue[T], build uint64, release func()) error {
	e := s.element(op)
	var a after
	compared := false
	defer func() {
		if !compared { // the user's function panicked: the turn that the build of a cold state owes
			e.c.tree.mu.Lock()
			e.c.settle(&a)
		}
	}()
	e.c.tree.mu.Lock()
	stop := assignLocked(s, e, v, build, &a)
	compared = true
	if release != nil {
		release()
	}
	e.c.settle(&a)
	if misuse, ok := stop.(hookCycle); ok {
		panic(named(misuse))
	}
	a.rethrow()
	return stop
}

// assignLocked is assign without the turn. The lock is held, and given away between.
func assignLocked[T any](s *seat, e *element, v AsyncValue[T], build uint64, a *after) (stop error) {
	c := e.c
	t := c.tree
	x := e.host.(*cell[AsyncValue[T]])
	for {
		if stop = s.goneLocked(e); stop != nil {
			return stop
		}
		if _, stop = c.freshElement(e.p, nil, a); stop != nil {
			return stop
		}
		if !s.sits() {
			continue
		}
		prev, _ := e.host.raw().(*AsyncValue[T])
		last, _ := e.rested().(*AsyncValue[T])
		t.unlock(a)
		next := prev.assigned(v)
		from := x.from.Load()
		changed := from.differs(prev, &next)
		settled := changed && next.resting() && (prev.resting() || last == nil || from.differs(last, &next))
		t.mu.Lock()
		switch {
		case x.val.Load() != prev || !s.sits() || !e.Fresh() || c.closed:
			continue // somebody was here meanwhile: look again
		case build != 0 && e.newest != build:
			return &causeError{e.p, ErrInvalidated}
		}
		if !changed {
			e.tellSelves(&next)
		} else {
			t.writes++
			t.graph.Change(&e.Node, settled)
			x.publish(&next)
			if next.resting() {
				e.unretry() // there is nothing at rest that is to be tried again
				e.wakeWaiters(nil)
			} else if next.has {
				e.more().amended = true
			}
			t.endStale(a)
			e.Show()
		}
		e.byHand()
		e.touchLocked()
		return nil
	}
}

// resolveState is Resolve of the asynchronous notifiers.
func resolveState[T any](s *seat, ctx context.Context) (v T, err error) {
	e := s.element("Resolve")
	if ctx == nil {
		misuse(e.p, "Resolve needs a context: use context.Background if there is none")
	}
	state, err := settledState[T](s, e, ctx)
	if err != nil {
		return v, err
	}
	return state.Result()
}

// settledState waits until nothing is loading. The error says why it did not come to that,
// and is not the state's own.
func settledState[T any](s *seat, e *element, ctx context.Context) (v AsyncValue[T], err error) {
	if ctx.Err() != nil {
		return v, context.Cause(ctx)
	}
	raw, err := place{c: e.c, by: s}.resolve(ctx, e.p)
	if err != nil {
		return v, err
	}
	return *raw.(*AsyncValue[T]), nil
}

// goneLocked is why there is nothing left to write to, or nil. The lock is held.
func (s *seat) goneLocked(e *element) error {
	switch {
	case e.c.closed:
		return &causeError{e.p, ErrContainerClosed}
	case !s.sits():
		return &causeError{e.p, ErrDisposed}
	}
	return nil
}

// updateState is Update of the asynchronous notifiers.
func updateState[T any](s *seat, ctx context.Context, f func(T) (T, error)) (v T, err error) {
	e := s.element("Update")
	if f == nil {
		misuse(e.p, "Update needs a function")
	}
	if ctx == nil {
		misuse(e.p, "Update needs a context: use context.Background if there is none")
	}
	t := e.c.tree
	t.mu.Lock()
	if s.busy == nil {
		s.busy = make(chan struct{}, 1)
	}
	busy := s.busy
	t.mu.Unlock()
	x := e.host.(*cell[AsyncValue[T]])
	for {
		// Who holds the token runs no turn: a listener may Update too, and wait for it.
		if _, err := settledState[T](s, e, ctx); err != nil {
			return v, err
		}
		w := t.blocks()
		select {
		case busy <- struct{}{}:
			t.unblocks(w)
		case <-ctx.Done():
			t.unblocks(w)
			return v, context.Cause(ctx)
		}
		t.mu.Lock()
		stop, now, build := s.goneLocked(e), x.val.Load(), e.newest
		again := stop == nil && !(e.Fresh() && now.resting()) // it was built meanwhile, or is to be
		t.mu.Unlock()
		switch {
		case stop != nil:
			<-busy
			return v, stop
		case again:
			<-busy
			continue
		}
		return update(s, *now, f, build, busy)
	}
}

// update is Update of the state now, which is at rest; busy holds the token.
func update[T any](s *seat, now AsyncValue[T], f func(T) (T, error), build uint64, busy chan struct{}) (v T, err error) {
	held := true
	release := func() {
		if held {
			held = false
			<-busy
		}
	}
	defer release()
	if now.err != nil {
		return now.value, now.err
	}
	if v, err = f(now.value); err != nil {
		return v, err
	}
	return v, assign(s, "Update", Data(v), build, release)
}

// AsyncNotifierProvider is an asynchronous state with methods, the notifier N. It is an
// AsyncSource[T].
type AsyncNotifierProvider[N AsyncNotifierOf[T], T any] struct {
	asyncProvider[T]
	create func() N
}

// NewAsyncNotifierProvider returns a provider of the state of the notifier that create
// makes: a new one at each call, for each life of an element; see [NewNotifierProvider]
// and [NewFutureProvider]. A nil create is a *UsageError.
func NewAsyncNotifierProvider[N AsyncNotifierOf[T], T any](create func() N, opts ...ProviderOption) *AsyncNotifierProvider[N, T] {
	p := &AsyncNotifierProvider[N, T]{create: create}
	p.init(asyncNotifierKind, p, opts)
	if create == nil {
		misuse(&p.base, "NewAsyncNotifierProvider needs a create function")
	}
	stored := persisted[T](&p.base)
	p.building(&p.asyncProvider, create, func(ctx context.Context, ref Ref, n N) (T, error) {
		stored.restoreLoading(ref)
		return n.Build(ctx, ref)
	})
	return p
}

// building gives by the build function for notifiers that create makes and build builds.
func (p *AsyncNotifierProvider[N, T]) building(by *asyncProvider[T], create func() N, build func(ctx context.Context, ref Ref, n N) (T, error)) {
	of := func(ref Ref) N {
		return instance(ref.e, ref.gen, create, func(n N) *seat { return &n.asyncNotifier().seat })
	}
	by.make = func(ref Ref) any { return of(ref) }
	by.fetch = func(ctx context.Context, ref Ref) (T, error) { return build(ctx, ref, of(ref)) }
}

func (p *AsyncNotifierProvider[N, T]) identity() *base {
	if p == nil {
		return nil
	}
	return &p.base
}

func (p *AsyncNotifierProvider[N, T]) decide() { p.decideData() }

func (p *AsyncNotifierProvider[N, T]) outlet() (none outlet[AsyncValue[T]]) {
	if p == nil {
		return none
	}
	return p.entire()
}

// Notifier is [NotifierProvider.Notifier]. It does not wait for the build that it starts.
func (p *AsyncNotifierProvider[N, T]) Notifier(s Scope) N {
	b := p.identity().usable("Notifier")
	return notifierOf[N](scopeOf(s, b, "Notifier"), b)
}

// Cancel is [FutureProvider.Cancel].
func (p *AsyncNotifierProvider[N, T]) Cancel(s Scope, cause error) {
	p.identity().cancel(s, cause)
}

// StreamNotifierProvider is a stream of states with methods, the notifier N. It is an
// AsyncSource[T].
type StreamNotifierProvider[N StreamNotifierOf[T], T any] struct {
	asyncProvider[T]
	create func() N
}

// NewStreamNotifierProvider returns a provider of the state of the notifier that create
// makes: a new one at each call, for each life of an element; see [NewNotifierProvider]
// and [NewStreamProvider]. A nil create is a *UsageError.
func NewStreamNotifierProvider[N StreamNotifierOf[T], T any](create func() N, opts ...ProviderOption) *StreamNotifierProvider[N, T] {
	p := &StreamNotifierProvider[N, T]{create: create}
	p.init(streamNotifierKind, p, opts)
	if create == nil {
		misuse(&p.base, "NewStreamNotifierProvider needs a create function")
	}
	stored := persisted[T](&p.base)
	p.building(&p.asyncProvider, create, func(ctx context.Context, ref Ref, n N, emit func(T) bool) error {
		stored.restoreLoading(ref)
		return n.Build(ctx, ref, emit)
	})
	return p
}

// building gives by the build function for notifiers that create makes and build builds.
func (p *StreamNotifierProvider[N, T]) building(by *asyncProvider[T], create func() N, build func(ctx context.Context, ref Ref, n N, emit func(T) bool) error) {
	of := func(ref Ref) N {
		return instance(ref.e, ref.gen, create, func(n N) *seat { return &n.streamNotifier().seat })
	}
	by.make = func(ref Ref) any { return of(ref) }
	by.stream = func(ctx context.Context, ref Ref, emit func(T) bool) error { return build(ctx, ref, of(ref), emit) }
}

func (p *StreamNotifierProvider[N, T]) identity() *base {
	if p == nil {
		return nil
	}
	return &p.base
}

func (p *StreamNotifierProvider[N, T]) decide() { p.decideData() }

func (p *StreamNotifierProvider[N, T]) outlet() (none outlet[AsyncValue[T]]) {
	if p == nil {
		return none
	}
	return p.entire()
}

// Notifier is [AsyncNotifierProvider.Notifier].
func (p *StreamNotifierProvider[N, T]) Notifier(s Scope) N {
	b := p.identity().usable("Notifier")
	return notifierOf[N](scopeOf(s, b, "Notifier"), b)
}

// Cancel is [StreamProvider.Cancel].
func (p *StreamNotifierProvider[N, T]) Cancel(s Scope, cause error) {
	p.identity().cancel(s, cause)
}
