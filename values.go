package weir

// This file owns the loops over values that are made of Listen: Values and Results. What a
// build does that goes through one is in looping.go.

import (
	"context"
	"errors"
	"iter"
	"sync/atomic"
)

// Values is a loop over src: its current value, then the latest after each change. It is
// a listener while it runs, and ends with ctx, the container, or the build of a ref. A
// loop that is slower than the changes misses those in between and blocks nobody (rule
// G9). A synchronous build that panics raises the panic in the loop (E1). A loop that a
// build function goes through, by its ref or with a context derived from its own, raises a
// *CycleError where it would wait for a build that waits for this one (E2); one on another
// goroutine is taken for a listener that nobody waits for.
//
// It must not be gone through in a listener or a hook: what it waits for comes after these.
func Values[S any](ctx context.Context, s Scope, src Source[S]) iter.Seq[S] {
	if src == nil {
		misuse(nil, "Values of a nil source")
	}
	loop := loopOver(ctx, s, src)
	return func(yield func(S) bool) {
		if stop := loop(yield); stop != nil {
			panic(stop)
		}
	}
}

// Results is [Values] for asynchronous sources with loading skipped: each settled result,
// as [AsyncValue.Result] has it. Where Values raises a *CycleError it is the last error.
func Results[T any](ctx context.Context, s Scope, src AsyncSource[T]) iter.Seq2[T, error] {
	if src == nil {
		misuse(nil, "Results of a nil source")
	}
	loop := loopOver(ctx, s, Source[AsyncValue[T]](src))
	return func(yield func(T, error) bool) {
		stop := loop(func(v AsyncValue[T]) bool { return v.IsLoading() || yield(v.Result()) })
		if errors.As(stop, new(*CycleError)) {
			var zero T
			yield(zero, stop)
		} else if stop != nil {
			panic(stop)
		}
	}
}

// loopOver is Values; it returns a *CycleError, or misuse, instead of raising it.
func loopOver[S any](ctx context.Context, s Scope, src Source[S]) func(yield func(S) bool) (stop error) {
	out := src.outlet()
	b := out.usable("Values")
	at := scopeOf(s, b, "Values")
	if ctx == nil {
		misuse(b, "Values needs a context: use context.Background if there is none")
	}
	made := at.inside(refIn(ctx))
	return func(yield func(S) bool) (stop error) {
		var slot atomic.Pointer[S]
		var failed atomic.Pointer[error]
		l := at.loop(ctx, made)
		sub, stop := listen(s, src, func(_, next S) {
			failed.Store(nil)
			slot.Store(&next)
			signal(l.news)
		}, FireImmediately(), OnError(func(err error) {
			failed.Store(&err)
			signal(l.news)
		}), listenOption(func(to *listening) { to.loop = l }))
		if stop != nil {
			return stop
		}
		defer sub.Close()
		var last *S
		for {
			goOn, stop := l.wait(&sub.sub)
			if !goOn || ctx.Err() != nil {
				return stop
			}
			if err := failed.Load(); err != nil {
				panic(*err)
			}
			next := slot.Swap(nil)
			if next == nil || last != nil && !out.differs(last, next) {
				continue
			}
			if last = next; !yield(*next) {
				return nil
			}
		}
	}
}
