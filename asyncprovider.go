package weir

// This file owns what of the asynchronous kinds needs the type of their data, and no more:
// each line of it is in a program once for each type. The rest is async.go's.

import "context"

// asyncProvider is the typed part of every kind whose value is an AsyncValue. One of the
// functions is set.
type asyncProvider[T any] struct {
	provider[AsyncValue[T]]
	try    func(ref Ref) (T, error)                                    // of what returns at once
	fetch  func(ctx context.Context, ref Ref) (T, error)               // of what returns its result
	stream func(ctx context.Context, ref Ref, emit func(T) bool) error // of what emits its results
	same   func(a, b T) bool                                           // change detection of the data
	make   func(ref Ref) any                                           // of a notifier kind: its instance
}

// decideData is decide of the asynchronous kinds.
func (p *asyncProvider[T]) decideData() {
	p.same = orDifferent(setEqual[T](&p.base, p.settings()))
	p.equal = asyncEqual(p.same)
}

func (p *asyncProvider[T]) async() {}

// notifier returns the notifier of ref's build, which p makes.
func (p *asyncProvider[T]) notifier(ref Ref) any { return p.make(ref) }

// attempt is the build of a Try provider.
func (p *asyncProvider[T]) attempt(ref Ref) (next AsyncValue[T]) {
	prev := p.last(ref.e)
	next = prev
	done := false
	defer func() {
		if !done {
			if r := recover(); r != nil {
				next = prev
				next.asyncState = prev.settled().failing(panicked(&p.base, r).asError())
				ref.e.news = true
			}
			// else runtime.Goexit: nothing returns; the goroutine's own handler keeps it
		}
	}()
	v, err := p.try(ref)
	done = true
	if next.asyncState = prev.outcome(err); err == nil {
		next.value = v
	}
	p.noteNews(ref.e, prev.asyncState, &next)
	return next
}

// noteNews notes whether next, which the synchronous build of e has come to on top of prev, is a
// result that differs from the last one, if it differs from prev. The lock is not held.
func (p *asyncProvider[T]) noteNews(e *element, prev asyncState, next *AsyncValue[T]) {
	if e.news = next.resting(); e.news && !prev.resting() {
		last, _ := e.lastResult().(*AsyncValue[T])
		e.news = last == nil || p.unlike(*last, *next)
	}
}

// last is the state of e, or the zero one.
func (p *asyncProvider[T]) last(e *element) (v AsyncValue[T]) {
	if last := e.host.(*cell[AsyncValue[T]]).val.Load(); last != nil {
		v = *last
	}
	return v
}

func (p *asyncProvider[T]) call(s *start) (made any, err error) {
	ref := Ref{s.e, s.gen}
	if p.stream == nil {
		v, err := p.fetch(s.ctx, ref)
		if err != nil {
			return nil, err
		}
		return snapshotOf(v), nil
	}
	return nil, p.stream(s.ctx, ref, func(v T) bool { return s.emit(snapshotOf(v)) })
}

// snapshotOf is the snapshot of v as a result.
func snapshotOf[T any](v T) any {
	next := Data(v)
	return &next
}

func (p *asyncProvider[T]) with(raw any, s asyncState) any {
	next := &AsyncValue[T]{asyncState: s}
	if prev, _ := raw.(*AsyncValue[T]); prev != nil {
		next.value = prev.value
	}
	return next
}

func (p *asyncProvider[T]) sameData(a, b any) bool {
	return p.same(a.(*AsyncValue[T]).value, b.(*AsyncValue[T]).value)
}

func (p *asyncProvider[T]) keepBack(e *element, next any) {
	e.host.(*cell[AsyncValue[T]]).next = next.(*AsyncValue[T])
}

func (p *asyncProvider[T]) keptBack(e *element) *asyncState {
	if next := e.host.(*cell[AsyncValue[T]]).next; next != nil {
		return &next.asyncState
	}
	return nil
}
