package weir_test

// This file is the table of provider kinds: one row per kind, each also tried as a family member, so that a rule that does not
// depend on the kind is one test.

import (
	"context"
	"slices"
	"testing"

	"github.com/weir-go/weir"
)

// sub is what every *Subscription has.
type sub interface {
	Close()
	Pause()
	Resume()
	IsPaused() bool
	Changed() <-chan struct{}
}

// rig is a provider of some kind with its type rubbed off. Values are ints; 0 stands for "no value yet".
type rig struct {
	id      weir.AnyProvider
	listen  func(s weir.Scope, opts ...weir.ListenOption) sub
	hear    func(s weir.Scope, fn func(prev, next int), opts ...weir.ListenOption) sub
	read    func(s weir.Scope) int
	refresh func(s weir.Scope) int
	watch   func(ref weir.Ref) int
	err     func(s weir.Scope) error // the error that a Read gives, returned or raised
}

// kind is a row of the table.
type kind struct {
	name   string
	async  bool // its build function runs on a goroutine of its own
	raises bool // a Read of a failed one panics; the others return the error in an AsyncValue
	make   func(build func(ref weir.Ref) int, opts ...weir.ProviderOption) rig
}

// kinds has every provider kind twice: alone and as a member of a family that carries the options.
var kinds = slices.Concat(
	row("Provider", false, plain, func(build func(weir.Ref) int, opts ...weir.ProviderOption) *weir.Provider[int] {
		return weir.NewProvider(build, opts...)
	}),
	row("TryProvider", false, settled, func(build func(weir.Ref) int, opts ...weir.ProviderOption) *weir.FutureProvider[int] {
		return weir.NewTryProvider(func(ref weir.Ref) (int, error) { return build(ref), nil }, opts...)
	}),
	row("StateProvider", false, plain, func(build func(weir.Ref) int, opts ...weir.ProviderOption) *weir.StateProvider[int] {
		return weir.NewStateProvider(build, opts...)
	}),
	row("FutureProvider", true, settled, func(build func(weir.Ref) int, opts ...weir.ProviderOption) *weir.FutureProvider[int] {
		return weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) { return build(ref), nil }, opts...)
	}),
)

func plain(v int) int { return v }

func settled(v weir.AsyncValue[int]) int { return v.ValueOr(0) }

// row makes the two rows of one kind.
func row[S any, P any, PP interface {
	*P
	weir.AnyProvider
	weir.Source[S]
}](name string, async bool, value func(S) int, create func(build func(weir.Ref) int, opts ...weir.ProviderOption) PP) []kind {
	alone := func(build func(weir.Ref) int, opts ...weir.ProviderOption) rig {
		return rigOf[S](create(build, opts...), value)
	}
	member := func(build func(weir.Ref) int, opts ...weir.ProviderOption) rig {
		f := weir.NewFamily[string, P, PP](func(string) PP { return create(build) }, opts...)
		return rigOf[S](PP(f.Of("key")), value)
	}
	_, returns := any(*new(S)).(interface{ Err() error })
	return []kind{{name, async, !returns, alone}, {name + " in a family", async, !returns, member}}
}

func rigOf[S any, PP interface {
	weir.AnyProvider
	weir.Source[S]
}](p PP, value func(S) int) rig {
	r := rig{
		id:      p,
		listen:  func(s weir.Scope, opts ...weir.ListenOption) sub { return weir.Listen[S](s, p, nil, opts...) },
		read:    func(s weir.Scope) int { return value(weir.Read[S](s, p)) },
		refresh: func(s weir.Scope) int { return value(weir.Refresh[S](s, p)) },
		watch:   func(ref weir.Ref) int { return value(weir.Watch[S](ref, p)) },
	}
	r.hear = func(s weir.Scope, fn func(prev, next int), opts ...weir.ListenOption) sub {
		return weir.Listen[S](s, p, func(prev, next S) { fn(value(prev), value(next)) }, opts...)
	}
	r.err = func(s weir.Scope) (err error) {
		defer func() {
			if v := recover(); v != nil {
				err = asError(v)
			}
		}()
		if v, ok := any(weir.Read[S](s, p)).(interface{ Err() error }); ok {
			return v.Err()
		}
		return nil
	}
	return r
}

// eachKind runs a case over every kind, each in a bubble of its own.
func eachKind(t *testing.T, body func(t *testing.T, k kind)) {
	t.Helper()
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) { bubble(t, func(t *testing.T) { body(t, k) }) })
	}
}
