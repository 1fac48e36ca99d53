package weir

// This file owns what all kinds of providers share: identity, options, the sealed
// interfaces, and the plain Provider. Providers are descriptions: nothing here runs.

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strconv"
	"time"
)

// DefaultDisposeDelay is how long an [AutoDispose] element stays on standby before it is
// disposed, unless [DisposeDelay] or [WithDisposeDelay] says otherwise.
const DefaultDisposeDelay = 100 * time.Millisecond

// Source is anything that yields an S when watched: every provider kind, members of
// families, selections ([Select]). It is sealed: only this package implements it.
type Source[S any] interface{ outlet() outlet[S] }

// AsyncSource is a Source of [AsyncValue] that [Await] and [Resolve] take: every
// asynchronous kind, and [SelectAsync]. It is sealed.
type AsyncSource[T any] interface {
	Source[AsyncValue[T]]
	async()
}

// AnyProvider is a provider or a [Family] of unknown type, for [Container.Invalidate],
// [Container.Exists] and the like. It is sealed.
type AnyProvider interface {
	// Name returns the name given with the option [Name], else file.go:line of the call
	// that made the provider; for a member of a family family(key).
	Name() string
	// elements returns the live elements in c; the lock must be held.
	elements(c *Container) []*element
	identity() *base // nil for a nil provider; of a family its own
}

// kindOf tells the provider kinds apart for people.
type kindOf uint8

const (
	plainKind kindOf = iota + 1
	tryKind
	stateKind
	futureKind
	streamKind
	notifierKind
	asyncNotifierKind
	streamNotifierKind
	mutationKind
	familyKind
)

func (k kindOf) String() string {
	return [...]string{"", "Provider", "TryProvider", "StateProvider", "FutureProvider", "StreamProvider", "NotifierProvider",
		"AsyncNotifierProvider", "StreamNotifierProvider", "Mutation", "Family"}[k]
}

// impl is what the typed part of a provider does for the untyped one.
type impl interface {
	identity() *base
	// newElement makes an element whose builds it makes; a timed one in one piece with its times.
	newElement(timed bool) *element
}

// decider is the impl of what a constructor made. Each kind has a decide of its own, and does
// not inherit one: what the typed part of every provider has is in a program for each type,
// whether it is called or not.
type decider interface {
	impl
	decide() // the change detection, from the settings
}

// typed is an impl that makes values of S.
type typed[S any] interface{ typed() *provider[S] }

// base is the identity of a provider: its pointer. The type parameter is gone.
type base struct {
	_      noCopy
	id     uint64 // random: the hash of this provider in every container's table
	impl   impl
	set    *settings // nil: all defaults
	member *member   // nil: not of a family
	pc     uintptr   // of the constructor call, for the name
	kind   kindOf
	async  bool // its build function has a goroutine of its own
	tries  bool // its builds may fail at once, and be retried
	makes  bool // it overrides the create function of a notifier
}

// member is what a member of a family knows of it.
type member struct {
	family *base
	key    any
}

// noCopy makes go vet flag copies: a copy would be another provider.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// settings is what the options say.
type settings struct {
	name    string
	equal   any // func(a, b S) bool
	delay   time.Duration
	timeout time.Duration
	auto    bool // AutoDispose
	delayed bool // DisposeDelay
	overlap bool
	retry   RetryPolicy
	persist any     // *persistence[T]
	scoped  bool    // may be overridden in a child
	deps    []*base // scoped providers and families that it watches
}

var noSettings = &settings{}

// ProviderOption is an option of a provider constructor or of [NewFamily], whose members
// then all have it.
type ProviderOption interface{ applyTo(*settings) }

type providerOption func(*settings)

func (f providerOption) applyTo(s *settings) { f(s) }

// AutoDispose makes the elements of a provider go when they are unused: without a
// listener or keep-alive link for their delay (rule L4). Without it a provider is
// regular: its elements stay until their container closes.
func AutoDispose() ProviderOption { return providerOption(func(s *settings) { s.auto = true }) }

// DisposeDelay is [AutoDispose] with a delay of its own: how long the element stays on
// standby, from which a returning listener resumes it. 0 is the end of the turn. A
// negative d is a *UsageError.
func DisposeDelay(d time.Duration) ProviderOption {
	if d < 0 {
		misuse(nil, "DisposeDelay(%v) is negative: use 0 to dispose at the end of the turn", d)
	}
	return providerOption(func(s *settings) { s.auto, s.delayed, s.delay = true, true, d })
}

// Name gives the provider a name for errors and debugging. Names need not be unique.
func Name(name string) ProviderOption { return providerOption(func(s *settings) { s.name = name }) }

// Equal replaces the change detection of rule P1: a new value for which eq reports true
// changes nothing. The default is == where values of S can be compared, else every
// value is different. For asynchronous kinds eq compares the data, and S is T. An S that
// is not the provider's type is a *UsageError in the constructor. eq must be pure; it
// runs on any goroutine, without a lock.
func Equal[S any](eq func(a, b S) bool) ProviderOption {
	if eq == nil {
		misuse(nil, "Equal needs a function")
	}
	return providerOption(func(s *settings) { s.equal = eq })
}

// Timeout ends a build that has not returned after d: its context is cancelled with
// context.DeadlineExceeded as the cause, and the state is Failed with it (rule C6), which
// stays like any failure and is not retried: for a deadline of each attempt use
// [context.WithTimeout] in the build function. It is for asynchronous kinds and Try
// providers: a plain value has no way to fail. A d that is not positive is a *UsageError.
func Timeout(d time.Duration) ProviderOption {
	if d <= 0 {
		misuse(nil, "Timeout(%v) is not positive", d)
	}
	return providerOption(func(s *settings) { s.timeout = d })
}

// AllowOverlap lets a new build start while the function of an earlier one, which is
// over, has not returned yet. Without it build functions of one provider in one
// container never overlap (rule C5).
func AllowOverlap() ProviderOption { return providerOption(func(s *settings) { s.overlap = true }) }

// newBase fills in b, which was declared at pc.
func newBase(b *base, kind kindOf, i impl, pc uintptr, opts []ProviderOption) {
	b.kind, b.impl, b.pc = kind, i, pc
	b.async = kind == futureKind || kind == streamKind || kind == asyncNotifierKind || kind == streamNotifierKind
	for b.id == 0 {
		b.id = rand.Uint64()
	}
	if len(opts) > 0 {
		b.set = &settings{}
		apply(b, b.set, opts)
	}
}

func apply(b *base, s *settings, opts []ProviderOption) {
	for _, o := range opts {
		if o == nil {
			misuse(b, "a nil ProviderOption was given")
		}
		o.applyTo(s)
	}
	if s.persist != nil && b.kind != notifierKind && b.kind != asyncNotifierKind && b.kind != streamNotifierKind {
		misuse(b, "Persist is for notifiers: use NewNotifierProvider, NewAsyncNotifierProvider or NewStreamNotifierProvider, in a family those that create makes")
	}
	switch b.kind {
	case plainKind, stateKind, notifierKind:
		if s.timeout > 0 {
			misuse(b, "Timeout is for builds that can fail: use NewTryProvider or NewFutureProvider")
		}
		if s.retry != nil {
			misuse(b, "Retry is for builds that can fail: use NewTryProvider or NewFutureProvider")
		}
	case mutationKind:
		if s.equal != nil {
			misuse(b, "Equal is not for a mutation, whose state runs alone write: watch a part of it with SelectFunc, which takes an eq")
		}
		if s.timeout > 0 {
			misuse(b, "Timeout is not for a mutation, whose function is the caller's: give Run a context with a deadline")
		}
		if s.retry != nil {
			misuse(b, "Retry is not for a mutation, whose effect may have happened: try again in the function that Run is given")
		}
		if s.overlap {
			misuse(b, "AllowOverlap is not for a mutation: its runs overlap as they are")
		}
	}
}

func (b *base) settings() *settings {
	if b.set == nil {
		return noSettings
	}
	return b.set
}

func (b *base) identity() *base { return b }

// Name implements [AnyProvider].
func (b *base) Name() string {
	switch {
	case b == nil:
		return "nil provider"
	case b.member != nil:
		return fmt.Sprintf("%s(%v)", b.member.family.Name(), b.member.key)
	case b.set != nil && b.set.name != "":
		return b.set.name
	case b.pc == 0:
		return "zero provider"
	}
	return b.declared()
}

// declared is where the provider was made: file.go:line.
func (b *base) declared() string {
	pc := b.pc
	if b.member != nil {
		pc = b.member.family.pc
	}
	f, _ := runtime.CallersFrames([]uintptr{pc}).Next()
	return filepath.Base(f.File) + ":" + strconv.Itoa(f.Line)
}

// String returns the name.
func (b *base) String() string { return b.Name() }

func (b *base) elements(c *Container) []*element {
	if e := c.home(b).table.find(b); e != nil {
		return []*element{e}
	}
	return nil
}

// usable is b, or a *UsageError if it is not one that a constructor made.
func (b *base) usable(op string) *base {
	if b == nil {
		misuse(nil, "%s of a nil provider", op)
	}
	if b.id == 0 {
		misuse(nil, "%s of a zero provider: make it with NewProvider, NewStateProvider or another constructor", op)
	}
	return b
}

// provider is the typed part of a provider whose elements hold an S.
type provider[S any] struct {
	base
	packing[S]                   // how a small value is kept, if it is one
	equal      func(a, b S) bool // nil: always different
	build      func(ref Ref) S   // nil for asynchronous kinds
}

// init fills in a provider. Its caller is the constructor, and where that is called p was
// declared.
func (p *provider[S]) init(kind kindOf, i decider, opts []ProviderOption) {
	var pc [1]uintptr // looked for here, not in newBase: each frame to pass takes 20 ns
	runtime.Callers(3, pc[:])
	newBase(&p.base, kind, i, pc[0], opts)
	i.decide()
}

// decideValue is decide of the kinds that are no asynchronous ones.
func (p *provider[S]) decideValue() {
	p.equal = setEqual[S](&p.base, p.settings())
	// Whether it is the value that somebody saw is asked of a small value itself, so it
	// must be one that can be compared, and nobody may ask for each one that is written.
	p.packing = packing[S]{}
	if p.settings().equal == nil && (p.kind == plainKind || p.kind == stateKind) {
		p.packing = packed[S]()
	}
}

// setEqual is the change detection that s asks for; D is S, or the data of an
// asynchronous S.
func setEqual[D any](b *base, s *settings) func(a, b D) bool {
	if s.equal == nil {
		return defaultEqual[D]()
	}
	eq, ok := s.equal.(func(a, b D) bool)
	if !ok {
		misuse(b, "Equal was given a %T, but the provider needs a %T", s.equal, eq)
	}
	return eq
}

func (p *provider[S]) differs(a, b *S) bool { return p.unlike(*a, *b) }

func (p *provider[S]) unlike(a, b S) bool { return p.equal == nil || !p.equal(a, b) }

func (p *provider[S]) newElement(timed bool) *element {
	var x *cell[S]
	if timed { // one allocation for both
		both := &struct {
			x cell[S]
			t times
		}{}
		x, both.x.e.times = &both.x, &both.t
	} else {
		x = new(cell[S])
	}
	x.as, x.e.host = p, x
	x.from.Store(p)
	return &x.e
}

// entire is the outlet of all that p yields.
func (p *provider[S]) entire() outlet[S] { return outlet[S]{p: &p.base, whole: p} }

func (p *provider[S]) typed() *provider[S] { return p }

// watch is Watch; most of the time it takes neither a lock nor memory: the dependency is
// the one that the last build watched at this place, and nothing was written meanwhile.
func (p *provider[S]) watch(ref Ref) S {
	e, w := ref.expected(&p.base)
	if e == nil {
		e, w = ref.watched(&p.base), 0
	}
	// Load, then look at the epoch: a writer moves it before it publishes.
	if e != nil && (w == 0 || ref.e.Matched(w)) {
		e.point()
		at, word, small := e.host.(*cell[S]).peek()
		e.point()
		switch {
		case e.c.tree.graph.Epoch() >= ref.gen:
		case small:
			return p.unpack(word)
		case at != nil:
			return *at
		}
	}
	return p.seen(ref.watchSlow(&p.base, nil))
}

// seen is the value that at is.
func (p *provider[S]) seen(at look) S {
	if at.small {
		return p.unpack(at.word)
	}
	v, _ := at.raw.(*S)
	return *viewed(&p.base, v)
}

// Provider is a synchronous, derived value: build runs when it is first needed and again
// when something that it watched has changed. It is a Source[T].
type Provider[T any] struct{ provider[T] }

// NewProvider returns a provider of what build returns. build runs on the goroutine that
// needs the value, never under a lock, and never twice at a time in one container. A
// panic in it is kept and raised again by each Read and Watch (rule E1). A nil build is
// a *UsageError.
func NewProvider[T any](build func(ref Ref) T, opts ...ProviderOption) *Provider[T] {
	p := &Provider[T]{}
	p.init(plainKind, p, opts)
	if build == nil {
		misuse(&p.base, "NewProvider needs a build function")
	}
	p.build = build
	return p
}

func (p *Provider[T]) identity() *base {
	if p == nil {
		return nil
	}
	return &p.base
}

func (p *Provider[T]) decide() { p.decideValue() }

func (p *Provider[T]) outlet() (none outlet[T]) {
	if p == nil {
		return none
	}
	return p.entire()
}
