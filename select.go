package weir

// This file owns selections: a part of a source, which passes on only what changes. A
// selection is no element: it is a filter on an edge or a listener of its origin.

import "sync/atomic"

type selection[S, U any] struct {
	from  outlet[S]
	f     func(S) U
	equal func(a, b U) bool // nil: always different
}

// Select returns the source of f of src's values. Whoever watches or listens to it hears
// only of values that differ, by == where values of U can be compared (rule P1). f must be
// pure: it runs on any goroutine, without a lock, once for each change and each watch. A
// panic in it is the watcher's failure, or goes to a listener's OnError. A nil src or f
// is a *UsageError.
func Select[S, U any](src Source[S], f func(S) U) Source[U] {
	return newSelection(src, f, defaultEqual[U](), "Select")
}

// SelectFunc is [Select] with a change detection of its own: a value for which eq
// reports true is no change.
func SelectFunc[S, U any](src Source[S], f func(S) U, eq func(a, b U) bool) Source[U] {
	s := newSelection(src, f, eq, "SelectFunc")
	if eq == nil {
		misuse(s.from.p, "SelectFunc needs an eq function: use Select for ==")
	}
	return s
}

// SelectAsync returns the asynchronous source of f of src's data. [Await] on it hears
// only of settled results that differ; loading and errors pass through. A panic in f is
// the selection's error. It is like [Select] in all else.
func SelectAsync[T, U any](src AsyncSource[T], f func(T) U) AsyncSource[U] {
	if src != nil && f == nil {
		misuse(src.outlet().usable("SelectAsync"), "SelectAsync needs a function")
	}
	var p *base
	inner := newSelection(Source[AsyncValue[T]](src), func(v AsyncValue[T]) AsyncValue[U] { return selectData(p, v, f) },
		asyncEqual(orDifferent(defaultEqual[U]())), "SelectAsync")
	p = inner.from.p
	return asyncSelection[AsyncValue[T], U]{inner}
}

// selectData is MapData for an f that may panic: then the selection has failed.
func selectData[T, U any](p *base, v AsyncValue[T], f func(T) U) (u AsyncValue[U]) {
	defer func() {
		if r := recover(); r != nil {
			u = AsyncValue[U]{asyncState: asyncState{err: panicked(p, r).asError(), progress: v.progress, load: v.load}}
		}
	}()
	return MapData(v, f)
}

func newSelection[S, U any](src Source[S], f func(S) U, eq func(a, b U) bool, op string) *selection[S, U] {
	if src == nil {
		misuse(nil, "%s needs a source", op)
	}
	from := src.outlet()
	if b := from.usable(op); f == nil {
		misuse(b, "%s needs a function", op)
	}
	return &selection[S, U]{from, f, eq}
}

// orDifferent makes the nil of defaultEqual a function.
func orDifferent[T any](eq func(a, b T) bool) func(a, b T) bool {
	if eq == nil {
		return func(a, b T) bool { return false }
	}
	return eq
}

func (s *selection[S, U]) outlet() outlet[U] { return outlet[U]{p: s.from.p, part: s} }

func (s *selection[S, U]) selected(raw any) *U {
	v := s.from.view(raw)
	if v == nil {
		return nil
	}
	u := s.f(*v)
	return &u
}

func (s *selection[S, U]) selectedNow(e *element) *U {
	from, word, small := s.from.peek(e)
	var u U
	switch {
	case small:
		u = s.f(s.from.whole.unpack(word))
	case from != nil:
		u = s.f(*from)
	default:
		return nil
	}
	return &u
}

func (s *selection[S, U]) distinct(a, b *U) bool { return s.equal == nil || !s.equal(*a, *b) }

type asyncSelection[S, U any] struct {
	*selection[S, AsyncValue[U]]
}

func (asyncSelection[S, U]) async() {}

// filter is what an edge through a selection remembers: what the watcher saw.
type filter[U any] struct {
	edge edgeFilter
	src  outlet[U]
	seen atomic.Pointer[U]
}

func newFilter[U any](src outlet[U]) *filter[U] {
	f := &filter[U]{src: src}
	f.edge.changed = f.changed
	return f
}

// see notes what the watcher sees of raw, and returns it.
func (f *filter[U]) see(raw any) *U {
	u := f.src.view(raw)
	f.seen.Store(u)
	return u
}

// changed reports whether the selection of raw differs from what the watcher saw. An
// asynchronous build may be asked before it has come to look.
func (f *filter[U]) changed(raw any) bool {
	seen := f.seen.Load()
	if seen == nil {
		seen = f.src.view(f.edge.raw)
	}
	next := f.src.view(raw)
	return seen == nil || next == nil || f.src.differs(seen, next)
}
