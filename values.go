package weir

// This file owns the loops over values that are made of Listen, Values and Results, and what
// a build does that goes through one: it waits (rule E2).

import (
	"context"
	"errors"
	"iter"
	"sync/atomic"

	"github.com/weir-go/weir/internal/graph"
)

// Values is a loop over src: its current value, then the latest after each change. It is
// a listener while it runs, and ends with ctx, the container, or the build of a ref. A
// loop that is slower than the changes misses those in between and blocks nobody (rule
// G9). A synchronous build that panics raises the panic in the loop (E1). A loop that a
// build function goes through, by its ref or with a context derived from its own, raises a
// *CycleError where it would wait for a build that waits for this one (E2); one on another
// goroutine is taken for a listener that nobody waits for.
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
	b := src.watchable("Values")
	at := scopeOf(s, b, "Values")
	if ctx == nil {
		misuse(b, "Values needs a context: use context.Background if there is none")
	}
	return func(yield func(S) bool) (stop error) {
		var slot atomic.Pointer[S]
		var failed atomic.Pointer[error]
		news, done := make(chan struct{}, 1), make(chan struct{})
		from, inside := at.inside(ctx)
		sub, stop := listen(s, src, func(_, next S) {
			failed.Store(nil)
			slot.Store(&next)
			signal(news)
		}, FireImmediately(), OnError(func(err error) {
			failed.Store(&err)
			signal(news)
		}), listenOption(func(l *listening) { l.done, l.from = done, from }))
		if stop != nil {
			return stop
		}
		defer sub.Close()
		over := false
		wait := func() {
			select {
			case <-ctx.Done():
				over = true
			case <-done:
				over = true
			case <-news:
			}
		}
		var last *S
		for {
			if !inside || len(news) > 0 {
				wait()
			} else if stop := sub.wait(at, from, wait); stop != nil {
				return stop
			}
			if over || ctx.Err() != nil {
				return nil
			}
			if err := failed.Load(); err != nil {
				panic(*err)
			}
			next := slot.Swap(nil)
			if next == nil || last != nil && !src.differs(last, next) {
				continue
			}
			if last = next; !yield(*next) {
				return nil
			}
		}
	}
}

// inside reports whether the loop that begins here is in a build function, of at's ref or of
// the build that ctx is derived from: then that build waits when the loop does. A loop on
// another goroutine may be a listener that nobody waits for.
func (at place) inside(ctx context.Context) (from Ref, is bool) {
	from = refIn(ctx)
	if at.ref.e == nil && from.e == nil || !at.c.tree.stackHas(computing, flying) {
		return Ref{}, false
	}
	return from, true
}

// wait runs fn, which waits for the next call of s, a loop inside the build of at or from.
// If what s hears of is being built that may be a cycle.
func (s *sub) wait(at place, from Ref, fn func()) (stop error) {
	e := s.e
	t := e.c.tree
	var a after
	t.mu.Lock()
	by := at.builder(from)
	if by == nil { // a stream that has emitted, say: nobody waits for it
		t.mu.Unlock()
		fn()
		return nil
	}
	d := &drive{t: t, by: by, on: e, await: true, loop: true}
	if e.pending() {
		if path := d.cycle(e); path != nil {
			e.c.yield(by, &a)
			return named(path)
		}
	}
	d.join(by)
	returns := false
	defer func() {
		t.mu.Lock()
		d.part(by)
		if !returns { // a hook or listener of a turn ended this goroutine
			e.c.settle(&a)
			return
		}
		e.c.yield(by, &a)
		a.rethrow()
	}()
	t.breakHooks()
	t.letFly()
	e.c.waiting(by, &a)
	fn()
	returns = true
	return nil
}

// pending reports whether e is being built, or waits to be: only then does a loop over it
// wait for a build. The lock is held.
func (e *element) pending() bool { return e.Phase() == graph.Building || e.async && !e.atRest() }
