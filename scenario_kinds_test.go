package weir_test

// This file is the table that the scenarios (TestS...) run over: every provider kind there is, alone and as the member of a family,
// each tried as a regular and as an AutoDispose provider. kinds_test.go is the older and smaller table of the rule tests.

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/weir-go/weir"
)

// scenarioRig is a provider of some kind, or a selection of one, with its type rubbed off. Values are ints; 0 stands for "none yet".
type scenarioRig struct {
	id      weir.AnyProvider
	listen  func(s weir.Scope, opts ...weir.ListenOption) sub
	hear    func(s weir.Scope, fn func(prev, next int), opts ...weir.ListenOption) sub
	hearAs  func(s weir.Scope, fn func(prev, next string), opts ...weir.ListenOption) sub // as show writes it; sync kinds: "data 1"
	weak    func(s weir.Scope, fn func(prev, next int)) sub
	read    func(s weir.Scope) int
	readAs  func(s weir.Scope) string
	subRead func(s sub) int // Subscription.Read
	refresh func(s weir.Scope) int
	watch   func(ref weir.Ref) int
	err     func(s weir.Scope) error // the error that a Read gives, returned or raised

	sel func(f func(int) int) scenarioRig // weir.Select; its id is the provider's

	// only of what is an AsyncSource, else nil
	resolve func(ctx context.Context, s weir.Scope) (int, error)
	await   func(ref weir.Ref) (int, error)
	cancel  func(s weir.Scope, cause error)

	selAsync func(f func(int) int) scenarioRig // weir.SelectAsync; its id is the provider's

	// only of what can be written, else nil. Set of a kind with a notifier is a method of its own.
	set func(s weir.Scope, v int)

	overrideWithValue func(v int) weir.Override
	overrideWith      func(build scenarioBuild) weir.Override
}

// scenarioBuild is what a build does. What a Provider, StateProvider or NotifierProvider cannot return it panics with.
type scenarioBuild func(ref weir.Ref) (int, error)

// scenarioKind is a row of the table.
type scenarioKind struct {
	name     string
	base     string // the name of the kind, without "in a family" and "AutoDispose"
	async    bool   // its build function runs on a goroutine of its own; a Read of a cold one is loading
	stream   bool   // its value comes by emit
	state    bool   // it has a set
	notifier bool
	raises   bool // a Read of a failed one panics; the others return the error in an AsyncValue
	family   bool
	auto     bool // it is AutoDispose
	opts     []weir.ProviderOption
	create   func(build scenarioBuild, opts ...weir.ProviderOption) scenarioRig
	families func(build func(key int) scenarioBuild, opts ...weir.ProviderOption) (all weir.AnyProvider, of func(key int) scenarioRig)
}

// members returns a family of providers of the kind: the family, and its Of.
func (k scenarioKind) members(build func(key int) scenarioBuild, opts ...weir.ProviderOption) (all weir.AnyProvider, of func(key int) scenarioRig) {
	return k.families(build, append(append([]weir.ProviderOption{}, k.opts...), opts...)...)
}

// make returns a provider of the kind. AutoDispose is among its options if the row says so.
func (k scenarioKind) make(build func(ref weir.Ref) int, opts ...weir.ProviderOption) scenarioRig {
	return k.makeErr(func(ref weir.Ref) (int, error) { return build(ref), nil }, opts...)
}

// makeErr is make of a build that may fail.
func (k scenarioKind) makeErr(build scenarioBuild, opts ...weir.ProviderOption) scenarioRig {
	return k.create(build, append(append([]weir.ProviderOption{}, k.opts...), opts...)...)
}

func (b scenarioBuild) must(ref weir.Ref) int {
	v, err := b(ref)
	if err != nil {
		panic(err)
	}
	return v
}

func (b scenarioBuild) emits(ref weir.Ref, emit func(int) bool) error {
	v, err := b(ref)
	if err == nil {
		emit(v)
	}
	return err
}

type (
	scenarioNotifier struct {
		weir.Notifier[int]
		build scenarioBuild
	}
	scenarioAsyncNotifier struct {
		weir.AsyncNotifier[int]
		build scenarioBuild
	}
	scenarioStreamNotifier struct {
		weir.StreamNotifier[int]
		build scenarioBuild
	}
)

func (n *scenarioNotifier) Build(ref weir.Ref) int { return n.build.must(ref) }

func (n *scenarioAsyncNotifier) Build(_ context.Context, ref weir.Ref) (int, error) {
	return n.build(ref)
}

func (n *scenarioStreamNotifier) Build(_ context.Context, ref weir.Ref, emit func(int) bool) error {
	return n.build.emits(ref, emit)
}

type (
	scenarioNotifierProvider       = weir.NotifierProvider[*scenarioNotifier, int]
	scenarioAsyncNotifierProvider  = weir.AsyncNotifierProvider[*scenarioAsyncNotifier, int]
	scenarioStreamNotifierProvider = weir.StreamNotifierProvider[*scenarioStreamNotifier, int]
)

// scenarioKinds has a row for each kind, alone or in a family, regular or AutoDispose.
var scenarioKinds = func() (all []scenarioKind) {
	type options = []weir.ProviderOption
	for _, one := range [][]scenarioKind{
		scenarioRow(scenarioKind{base: "Provider", raises: true},
			func(b scenarioBuild, o ...weir.ProviderOption) *weir.Provider[int] {
				return weir.NewProvider(b.must, o...)
			},
			func(p *weir.Provider[int], r *scenarioRig) {
				scenarioSync(p, r)
				r.overrideWithValue = func(v int) weir.Override { return p.OverrideWithValue(v) }
				r.overrideWith = func(b scenarioBuild) weir.Override { return p.OverrideWith(b.must) }
			}),
		scenarioRow(scenarioKind{base: "TryProvider"},
			func(b scenarioBuild, o ...weir.ProviderOption) *weir.FutureProvider[int] {
				return weir.NewTryProvider(b, o...)
			},
			scenarioFuture),
		scenarioRow(scenarioKind{base: "StateProvider", raises: true, state: true},
			func(b scenarioBuild, o ...weir.ProviderOption) *weir.StateProvider[int] {
				return weir.NewStateProvider(b.must, o...)
			},
			func(p *weir.StateProvider[int], r *scenarioRig) {
				scenarioSync(p, r)
				r.set = p.Set
				r.overrideWithValue = func(v int) weir.Override { return p.OverrideWithValue(v) }
				r.overrideWith = func(b scenarioBuild) weir.Override { return p.OverrideWith(b.must) }
			}),
		scenarioRow(scenarioKind{base: "FutureProvider", async: true},
			func(b scenarioBuild, o ...weir.ProviderOption) *weir.FutureProvider[int] {
				return weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) { return b(ref) }, o...)
			},
			scenarioFuture),
		scenarioRow(scenarioKind{base: "StreamProvider", async: true, stream: true},
			func(b scenarioBuild, o ...weir.ProviderOption) *weir.StreamProvider[int] {
				return weir.NewStreamProvider(scenarioEmitting(b), o...)
			},
			func(p *weir.StreamProvider[int], r *scenarioRig) {
				scenarioAsync(p, r)
				r.cancel = p.Cancel
				r.overrideWithValue = func(v int) weir.Override { return p.OverrideWithData(v) }
				r.overrideWith = func(b scenarioBuild) weir.Override { return p.OverrideWith(scenarioEmitting(b)) }
			}),
		scenarioRow(scenarioKind{base: "NotifierProvider", raises: true, state: true, notifier: true},
			func(b scenarioBuild, o ...weir.ProviderOption) *scenarioNotifierProvider {
				return weir.NewNotifierProvider(func() *scenarioNotifier { return &scenarioNotifier{build: b} }, o...)
			},
			func(p *scenarioNotifierProvider, r *scenarioRig) {
				scenarioSync(p, r)
				r.set = func(s weir.Scope, v int) { p.Notifier(s).SetIn(s, v) }
				r.overrideWithValue = func(v int) weir.Override { return p.OverrideWithValue(v) }
				r.overrideWith = func(b scenarioBuild) weir.Override {
					return p.OverrideWith(func() *scenarioNotifier { return &scenarioNotifier{build: b} })
				}
			}),
		scenarioRow(scenarioKind{base: "AsyncNotifierProvider", async: true, state: true, notifier: true},
			func(b scenarioBuild, o ...weir.ProviderOption) *scenarioAsyncNotifierProvider {
				return weir.NewAsyncNotifierProvider(func() *scenarioAsyncNotifier { return &scenarioAsyncNotifier{build: b} }, o...)
			},
			func(p *scenarioAsyncNotifierProvider, r *scenarioRig) {
				scenarioAsync(p, r)
				r.cancel = p.Cancel
				r.set = func(s weir.Scope, v int) { p.Notifier(s).SetData(v) }
				r.overrideWithValue = func(v int) weir.Override { return p.OverrideWithData(v) }
				r.overrideWith = func(b scenarioBuild) weir.Override {
					return p.OverrideWith(func() *scenarioAsyncNotifier { return &scenarioAsyncNotifier{build: b} })
				}
			}),
		scenarioRow(scenarioKind{base: "StreamNotifierProvider", async: true, stream: true, state: true, notifier: true},
			func(b scenarioBuild, o ...weir.ProviderOption) *scenarioStreamNotifierProvider {
				return weir.NewStreamNotifierProvider(func() *scenarioStreamNotifier { return &scenarioStreamNotifier{build: b} }, o...)
			},
			func(p *scenarioStreamNotifierProvider, r *scenarioRig) {
				scenarioAsync(p, r)
				r.cancel = p.Cancel
				r.set = func(s weir.Scope, v int) { p.Notifier(s).SetData(v) }
				r.overrideWithValue = func(v int) weir.Override { return p.OverrideWithData(v) }
				r.overrideWith = func(b scenarioBuild) weir.Override {
					return p.OverrideWith(func() *scenarioStreamNotifier { return &scenarioStreamNotifier{build: b} })
				}
			}),
	} {
		for _, k := range one {
			all = append(all, k)
			k.auto, k.opts, k.name = true, options{weir.AutoDispose()}, k.name+" AutoDispose"
			all = append(all, k)
		}
	}
	return all
}()

func scenarioEmitting(b scenarioBuild) func(context.Context, weir.Ref, func(int) bool) error {
	return func(_ context.Context, ref weir.Ref, emit func(int) bool) error { return b.emits(ref, emit) }
}

// scenarioRow makes the two rows of one kind: alone, and as a member of a family that carries the options.
func scenarioRow[P any, PP interface {
	*P
	weir.AnyProvider
}](k scenarioKind, create func(build scenarioBuild, opts ...weir.ProviderOption) PP, fill func(p PP, r *scenarioRig)) []scenarioKind {
	rig := func(p PP) scenarioRig {
		r := scenarioRig{id: p}
		fill(p, &r)
		return r
	}
	k.families = func(build func(key int) scenarioBuild, opts ...weir.ProviderOption) (weir.AnyProvider, func(key int) scenarioRig) {
		f := weir.NewFamily[int, P, PP](func(key int) PP { return create(build(key)) }, opts...)
		return f, func(key int) scenarioRig { return rig(f.Of(key)) }
	}
	alone, member := k, k
	alone.name = k.base
	alone.create = func(build scenarioBuild, opts ...weir.ProviderOption) scenarioRig { return rig(create(build, opts...)) }
	member.name, member.family = k.base+" in a family", true
	member.create = func(build scenarioBuild, opts ...weir.ProviderOption) scenarioRig {
		f := weir.NewFamily[string, P, PP](func(string) PP { return create(build) }, opts...)
		return rig(f.Of("key"))
	}
	return []scenarioKind{alone, member}
}

func scenarioSync(p weir.Source[int], r *scenarioRig) {
	scenarioSource(p, r, func(v int) (int, string) { return v, fmt.Sprint("data ", v) })
}

func scenarioAsync(p weir.AsyncSource[int], r *scenarioRig) {
	scenarioSource(p, r, func(v weir.AsyncValue[int]) (int, string) { return v.ValueOr(0), show(v) })
	r.resolve = func(ctx context.Context, s weir.Scope) (int, error) { return weir.Resolve(ctx, s, p) }
	r.await = func(ref weir.Ref) (int, error) { return weir.Await(ref, p) }
	id := r.id
	r.selAsync = func(f func(int) int) scenarioRig {
		selected := scenarioRig{id: id}
		scenarioAsync(weir.SelectAsync(p, f), &selected)
		return selected
	}
}

func scenarioFuture(p *weir.FutureProvider[int], r *scenarioRig) {
	scenarioAsync(p, r)
	r.cancel = p.Cancel
	r.overrideWithValue = func(v int) weir.Override { return p.OverrideWithData(v) }
	r.overrideWith = func(b scenarioBuild) weir.Override {
		return p.OverrideWith(func(_ context.Context, ref weir.Ref) (int, error) { return b(ref) })
	}
}

// scenarioSource fills in what every source has.
func scenarioSource[S any](p weir.Source[S], r *scenarioRig, look func(S) (int, string)) {
	value := func(s S) int { v, _ := look(s); return v }
	text := func(s S) string { _, v := look(s); return v }
	r.listen = func(s weir.Scope, opts ...weir.ListenOption) sub { return weir.Listen(s, p, nil, opts...) }
	r.hear = func(s weir.Scope, fn func(prev, next int), opts ...weir.ListenOption) sub {
		return weir.Listen(s, p, func(prev, next S) { fn(value(prev), value(next)) }, opts...)
	}
	r.hearAs = func(s weir.Scope, fn func(prev, next string), opts ...weir.ListenOption) sub {
		return weir.Listen(s, p, func(prev, next S) { fn(text(prev), text(next)) }, opts...)
	}
	r.weak = func(s weir.Scope, fn func(prev, next int)) sub { return r.hear(s, fn, weir.Weak()) }
	r.read = func(s weir.Scope) int { return value(weir.Read(s, p)) }
	r.readAs = func(s weir.Scope) string { return text(weir.Read(s, p)) }
	r.subRead = func(s sub) int { return value(s.(*weir.Subscription[S]).Read()) }
	r.refresh = func(s weir.Scope) int { return value(weir.Refresh(s, p)) }
	r.watch = func(ref weir.Ref) int { return value(weir.Watch(ref, p)) }
	r.err = func(s weir.Scope) (err error) {
		defer func() {
			if v := recover(); v != nil {
				err = asError(v)
			}
		}()
		if v, ok := any(weir.Read(s, p)).(interface{ Err() error }); ok {
			return v.Err()
		}
		return nil
	}
	id := r.id
	r.sel = func(f func(int) int) scenarioRig {
		selected := scenarioRig{id: id}
		scenarioSync(weir.Select(p, func(s S) int { return f(value(s)) }), &selected)
		return selected
	}
}

// settled reads until the value is at rest, and returns it: what a caller who waits would get. Inside a bubble.
func (r scenarioRig) settled(s weir.Scope) int {
	r.read(s)
	settle()
	return r.read(s)
}

// eachScenarioKind runs a case over every kind, alone and in a family, regular and AutoDispose, each in a bubble of its own.
func eachScenarioKind(t *testing.T, body func(t *testing.T, k scenarioKind)) {
	t.Helper()
	eachScenarioKindThat(t, func(scenarioKind) bool { return true }, body)
}

// eachAutoKind is eachScenarioKind for the AutoDispose ones: what OnCancel, OnResume and disposal are about.
func eachAutoKind(t *testing.T, body func(t *testing.T, k scenarioKind)) {
	t.Helper()
	eachScenarioKindThat(t, func(k scenarioKind) bool { return k.auto }, body)
}

// eachScenarioKindThat is eachScenarioKind for those of which ok is true.
func eachScenarioKindThat(t *testing.T, ok func(k scenarioKind) bool, body func(t *testing.T, k scenarioKind)) {
	t.Helper()
	n := 0
	for _, k := range scenarioKinds {
		if ok(k) {
			n++
			t.Run(k.name, func(t *testing.T) { bubble(t, func(t *testing.T) { body(t, k) }) })
		}
	}
	if n == 0 {
		t.Error("no kind is like that")
	}
}

// pump lets everything come to rest without letting time pass: Riverpod's pump, less the disposals.
func pump() { settle() }

// out lets just as much time pass as a standby may take.
func out() { pass(delay + time.Millisecond) }

// scenarioNumber is a State of an int, the S of most scenarios, with no delay of its own.
func scenarioNumber(v int, opts ...weir.ProviderOption) *weir.StateProvider[int] {
	return weir.NewStateProvider(func(weir.Ref) int { return v }, opts...)
}

func TestScenarioKindsAreAllThere(t *testing.T) {
	// Negative control of the table itself: each row gives what it is asked for, with the options it says.
	if len(scenarioKinds) != 32 {
		t.Errorf("the table has %d rows, want 8 kinds, each alone and in a family, regular and AutoDispose", len(scenarioKinds))
	}
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		builds := 0
		p := k.make(func(weir.Ref) int { builds++; return 42 })
		s := p.listen(c)
		pump()
		if got := p.readAs(c); got != "data 42" || builds != 1 {
			t.Errorf("listened: %s after %d builds, want data 42 after 1", got, builds)
		}
		if (p.set != nil) != k.state || (p.resolve != nil) != !k.raises || (p.cancel != nil) != !k.raises {
			t.Errorf("the row says state=%v raises=%v, but set=%v resolve=%v", k.state, k.raises, p.set != nil, p.resolve != nil)
		}
		if p.set != nil {
			p.set(c, 7)
			if got := p.readAs(c); got != "data 7" {
				t.Errorf("after a set: %s, want data 7", got)
			}
		}
		s.Close()
		gone()
		if c.Exists(p.id) == k.auto {
			t.Errorf("unused: it exists=%v, and is AutoDispose=%v", c.Exists(p.id), k.auto)
		}
		fail := k.makeErr(func(weir.Ref) (int, error) { return 0, errBoom })
		f := fail.listen(c, weir.OnError(func(error) {}))
		pump()
		if fail.err(c) == nil {
			t.Error("a build that fails gave no error")
		}
		f.Close()
		over := weir.NewContainer(p.overrideWithValue(5))
		defer over.Close()
		if got := p.settled(over); got != 5 {
			t.Errorf("overridden with 5 it is %d", got)
		}
		with := weir.NewContainer(p.overrideWith(func(weir.Ref) (int, error) { return 6, nil }))
		defer with.Close()
		if got := p.settled(with); got != 6 {
			t.Errorf("overridden with a build of 6 it is %d", got)
		}
	})
}
