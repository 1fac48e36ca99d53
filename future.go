package weir

// This file owns the kinds that return one result: FutureProvider, asynchronous or (Try)
// not. What they share with streams is in async.go.

import "context"

// FutureProvider is something that takes time or may fail. It is an AsyncSource[T]: its
// value is an [AsyncValue].
type FutureProvider[T any] struct{ asyncProvider[T] }

// NewFutureProvider returns a provider of what build returns. build runs on a goroutine
// of its own, once for everybody who needs the value; meanwhile the state is loading.
// Its ctx is the build's: it is cancelled when the build is over, whoever of the callers
// comes and goes (rules C1, C2). A panic in it is the error of the state (rule E1), so is
// runtime.Goexit. A nil build is a *UsageError.
func NewFutureProvider[T any](build func(ctx context.Context, ref Ref) (T, error), opts ...ProviderOption) *FutureProvider[T] {
	p := &FutureProvider[T]{}
	p.init(futureKind, p, opts)
	if build == nil {
		misuse(&p.base, "NewFutureProvider needs a build function")
	}
	p.fetch = build
	return p
}

// NewTryProvider returns a provider of what build returns, which may be an error. It is
// synchronous: build runs on the goroutine that needs the value, and the state goes
// straight to data or failed, with no loading in between. In all else it is a
// [FutureProvider]. A nil build is a *UsageError.
func NewTryProvider[T any](build func(ref Ref) (T, error), opts ...ProviderOption) *FutureProvider[T] {
	p := &FutureProvider[T]{}
	p.init(tryKind, p, opts)
	if build == nil {
		misuse(&p.base, "NewTryProvider needs a build function")
	}
	p.try, p.build, p.tries = build, p.attempt, true
	return p
}

func (p *FutureProvider[T]) identity() *base {
	if p == nil {
		return nil
	}
	return &p.base
}

func (p *FutureProvider[T]) decide() { p.decideData() }

func (p *FutureProvider[T]) outlet() (none outlet[AsyncValue[T]]) {
	if p == nil {
		return none
	}
	return p.entire()
}

// Cancel ends the build in flight without disposing the element: the cancel button
// (rule C6). Its context is cancelled with cause ([ErrCanceled] if nil), its OnDispose
// hooks run, the state is the data of before if there is some, else Failed with the
// cause, and whoever waits in [Resolve] or [Await] gets the cause. It is not built again
// until a dependency changes or it is invalidated. A retry that is pending is in flight.
// With nothing in flight Cancel does nothing.
func (p *FutureProvider[T]) Cancel(s Scope, cause error) {
	p.identity().cancel(s, cause)
}
