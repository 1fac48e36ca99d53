package weir

// This file owns StreamProvider and what its builds emit. What it shares with futures is
// in async.go.

import (
	"context"
	"errors"
	"iter"
)

// StreamProvider is something that yields values over time. It is an AsyncSource[T]: its
// value is an [AsyncValue] of the latest.
type StreamProvider[T any] struct{ asyncProvider[T] }

// NewStreamProvider returns a provider of what build emits. build runs on a goroutine of
// its own, once for everybody who listens; until the first emit the state is loading.
//
// emit publishes a value and delivers it before it returns, so it is the pace of the
// slowest listener that comes back to the producer; slow consumers that should not hold
// it up use [Values] or [Results]. While the element is on standby emit blocks after
// publishing until somebody listens again: a poll loop pauses by itself (rule A4). It
// returns false once the build is over: then build should return. It may be called from
// several goroutines, one value after the other, and also after build has returned, for
// as long as the build lives.
//
// A nil return leaves the last value; of a stream that has emitted nothing in its life,
// the state is Failed then. An error is Failed with the last value kept. ctx is
// cancelled when the build is over (C2); a Read that blocks is to be unblocked from it,
// with context.AfterFunc or an OnDispose hook. A nil build is a *UsageError.
func NewStreamProvider[T any](build func(ctx context.Context, ref Ref, emit func(T) bool) error, opts ...ProviderOption) *StreamProvider[T] {
	p := &StreamProvider[T]{}
	p.init(streamKind, p, opts)
	if build == nil {
		misuse(&p.base, "NewStreamProvider needs a build function")
	}
	p.stream = build
	return p
}

func (p *StreamProvider[T]) identity() *base {
	if p == nil {
		return nil
	}
	return &p.base
}

func (p *StreamProvider[T]) decide() { p.decideData() }

func (p *StreamProvider[T]) outlet() (none outlet[AsyncValue[T]]) {
	if p == nil {
		return none
	}
	return p.entire()
}

// Cancel ends the build whose function is running without disposing the element; see
// [FutureProvider.Cancel]. What was emitted last stays.
func (p *StreamProvider[T]) Cancel(s Scope, cause error) {
	p.identity().cancel(s, cause)
}

// errEnded stands for a stream whose function has returned nil.
var errEnded = errors.New("weir: the stream ended without a value")

// emit publishes a result of the build of s, then waits while nobody listens (rule A4). It
// reports whether the build is not over.
func (s *start) emit(result any) bool {
	e, gen := s.e, s.gen
	e.point()
	if e.Gen() == gen {
		a := after{flying: true}
		e.conclude(s, func(any) any { return result }, nil, false, &a)
		e.c.settle(&a)
		e.standby(gen)
		a.rethrow()
		e.point()
		if e.Gen() == gen {
			return true
		}
	}
	w := e.blocks()
	<-s.ctx.Done() // whoever ended the build is about to cancel it: the cause is there when emit returns
	e.unblocks(w)
	return false
}

// ended is the step of a stream whose function has returned nil: what it emitted stays.
func (s *start) ended(prev any) any {
	state, _ := asyncStateOf(prev)
	next := state.settled()
	switch {
	case state.resting():
		return nil
	case !state.has && state.err == nil:
		next = state.failing(&causeError{s.e.p, errEnded})
	}
	return s.kind.with(prev, next)
}

// standby waits, on behalf of an emit, while the element of build gen is on standby.
func (e *element) standby(gen uint64) {
	t := e.c.tree
	t.mu.Lock()
	for e.Gen() == gen && !e.Active() && !e.c.closed {
		r := e.more()
		if r.onDuty == nil {
			r.onDuty = make(chan struct{})
		}
		ch := r.onDuty
		t.mu.Unlock()
		w := t.blocks()
		<-ch
		t.unblocks(w)
		t.mu.Lock()
	}
	t.mu.Unlock()
}

// wakeEmitters lets those go who wait for a listener, or for the end of their build.
func (e *element) wakeEmitters() {
	if r := e.rare; r != nil && r.onDuty != nil {
		close(r.onDuty)
		r.onDuty = nil
	}
}

// FromChan returns a build function for [NewStreamProvider] that emits what open's
// channel yields until it is closed or the build is over. open is called once for each
// build, and should have the channel fed until ctx is done; its error is that of the
// stream. A nil open is a *UsageError.
func FromChan[T any](open func(ctx context.Context, ref Ref) (<-chan T, error)) func(ctx context.Context, ref Ref, emit func(T) bool) error {
	if open == nil {
		misuse(nil, "FromChan needs a function")
	}
	return func(ctx context.Context, ref Ref, emit func(T) bool) error {
		ch, err := open(ctx, ref)
		if err != nil {
			return err
		}
		for {
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case v, ok := <-ch:
				if !ok {
					return nil
				}
				if !emit(v) {
					return context.Cause(ctx)
				}
			}
		}
	}
}

// FromSeq returns a build function for [NewStreamProvider] that emits what open's
// sequence yields, until it ends, yields an error, or the build is over. open is called
// once for each build; the sequence should end when ctx is done. A nil open is a
// *UsageError.
func FromSeq[T any](open func(ctx context.Context, ref Ref) iter.Seq2[T, error]) func(ctx context.Context, ref Ref, emit func(T) bool) error {
	if open == nil {
		misuse(nil, "FromSeq needs a function")
	}
	return func(ctx context.Context, ref Ref, emit func(T) bool) error {
		for v, err := range open(ctx, ref) {
			if err != nil {
				return err
			}
			if !emit(v) {
				return context.Cause(ctx)
			}
		}
		return nil
	}
}
