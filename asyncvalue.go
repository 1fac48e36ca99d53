package weir

// This file owns AsyncValue, a plain value without identity. It knows nothing of
// elements; how one state follows another is decided in async.go with the functions at
// the end.

import (
	"fmt"
	"log/slog"
	"strings"
)

// loadKind says what sort of loading an AsyncValue shows.
type loadKind uint8

const (
	atRest     loadKind = iota
	firstLoad           // nothing was there before
	refreshing          // the same inputs, built again
	reloading           // a dependency changed
	retrying            // the last attempt failed and is about to be repeated
)

// AsyncValue is the state of something that takes time: three independent parts, the
// value, the error, and whether it is loading (rule A1). While it is rebuilt it keeps the
// value and the error of before beside the loading; new data clears the error; a new
// error keeps the last value. The zero AsyncValue is at rest with neither; make others
// with [Data], [Loading] and [Failed]. It is immutable and safe to copy.
type AsyncValue[T any] struct {
	value T
	asyncState
}

// asyncState is an AsyncValue but for the value.
type asyncState struct {
	err      error
	progress float64 // plus one, so that zero means none
	has      bool
	load     loadKind
}

// Data returns an AsyncValue at rest with value v.
func Data[T any](v T) AsyncValue[T] { return AsyncValue[T]{v, asyncState{has: true}} }

// Loading returns an AsyncValue of a first load: neither value nor error.
func Loading[T any]() AsyncValue[T] { return AsyncValue[T]{asyncState: asyncState{load: firstLoad}} }

// Failed returns an AsyncValue at rest with error err. A nil err is a *UsageError.
func Failed[T any](err error) AsyncValue[T] {
	if err == nil {
		misuse(nil, "Failed needs an error: use Data for success")
	}
	return AsyncValue[T]{asyncState: asyncState{err: err}}
}

// Value returns the value, and whether there is one: the newest, or the one from before
// while it is loading or failed.
func (v AsyncValue[T]) Value() (T, bool) { return v.value, v.has }

// ValueOr returns the value, or other if there is none.
func (v AsyncValue[T]) ValueOr(other T) T {
	if v.has {
		return v.value
	}
	return other
}

// Err returns the error, or nil: the newest, or the one from before while it is loading.
func (v AsyncValue[T]) Err() error { return v.err }

// HasValue reports whether there is a value.
func (v AsyncValue[T]) HasValue() bool { return v.has }

// HasError reports whether there is an error.
func (v AsyncValue[T]) HasError() bool { return v.err != nil }

// IsLoading reports whether a build is on its way, the first or another.
func (v AsyncValue[T]) IsLoading() bool { return v.load != atRest }

// IsRefreshing reports whether it is rebuilt from the same inputs (Invalidate, Refresh),
// with a value or an error of before beside it.
func (v AsyncValue[T]) IsRefreshing() bool { return v.load == refreshing && (v.has || v.err != nil) }

// IsReloading reports whether it is rebuilt because a dependency changed, with a value or
// an error of before beside it.
func (v AsyncValue[T]) IsReloading() bool { return v.load == reloading && (v.has || v.err != nil) }

// IsRetrying reports whether the error beside the loading will be retried.
func (v AsyncValue[T]) IsRetrying() bool { return v.load == retrying }

// Progress returns the fraction from 0 to 1 that [Ref.SetProgress] last published for the
// build on its way, and whether there is one.
func (v AsyncValue[T]) Progress() (float64, bool) {
	if v.progress == 0 {
		return 0, false
	}
	return v.progress - 1, true
}

// Result returns the value and error as a function would: after a failure the kept value
// (or zero) and the error; the value and nil, also while it is loading again; while
// there is neither, an error wrapping [ErrLoading].
func (v AsyncValue[T]) Result() (T, error) {
	if v.err != nil && (v.load == atRest || !v.has) {
		return v.value, v.err
	}
	if !v.has {
		return v.value, fmt.Errorf("weir: no value yet: %w", ErrLoading)
	}
	return v.value, nil
}

// String describes v for people: the parts that there are.
func (v AsyncValue[T]) String() string { return v.describe(any(v.value)) }

func (s asyncState) describe(value any) string {
	var b strings.Builder
	b.WriteString(s.name())
	b.WriteByte('(')
	sep := ""
	part := func(format string, args ...any) {
		b.WriteString(sep)
		fmt.Fprintf(&b, format, args...)
		sep = ", "
	}
	if s.has {
		part("%v", value)
	}
	if s.err != nil {
		part("error: %v", s.err)
	}
	if s.progress != 0 {
		part("%.0f%%", (s.progress-1)*100)
	}
	b.WriteByte(')')
	return b.String()
}

// GoString is String: %#v must not reach into the parts, which may be secret.
func (v AsyncValue[T]) GoString() string { return v.String() }

func (s asyncState) name() string {
	there := s.has || s.err != nil
	switch {
	case s.load == retrying:
		return "Retrying"
	case s.load == refreshing && there:
		return "Refreshing"
	case s.load == reloading && there:
		return "Reloading"
	case s.load != atRest:
		return "Loading"
	case s.err != nil:
		return "Failed"
	case s.has:
		return "Data"
	}
	return "Empty"
}

// LogValue implements [slog.LogValuer] with a group of the parts that there are.
func (v AsyncValue[T]) LogValue() slog.Value { return v.log(any(v.value)) }

func (s asyncState) log(value any) slog.Value {
	attrs := []slog.Attr{slog.String("state", s.name())}
	if s.has {
		attrs = append(attrs, slog.Any("value", value))
	}
	if s.err != nil {
		attrs = append(attrs, slog.Any("error", s.err))
	}
	if s.progress != 0 {
		attrs = append(attrs, slog.Float64("progress", s.progress-1))
	}
	return slog.GroupValue(attrs...)
}

// When returns what the function for v's state returns: loading for a first load, a reload
// and a retry that is pending; while refreshing, and at rest, failed if there is an error,
// else data; a state with neither is loading (rule D11). A nil function is a *UsageError.
func When[T, R any](v AsyncValue[T], data func(T) R, failed func(error) R, loading func() R) R {
	if data == nil || failed == nil || loading == nil {
		misuse(nil, "When needs a function for each of data, failed and loading")
	}
	switch {
	case v.load == firstLoad, v.load == reloading, v.load == retrying, v.err == nil && !v.has:
		return loading()
	case v.err != nil:
		return failed(v.err)
	}
	return data(v.value)
}

// MapData returns v with its value, if it has one, replaced by f of it. All else stays. A
// nil f is a *UsageError.
func MapData[T, U any](v AsyncValue[T], f func(T) U) AsyncValue[U] {
	if f == nil {
		misuse(nil, "MapData needs a function")
	}
	u := AsyncValue[U]{asyncState: v.asyncState}
	if v.has {
		u.value = f(v.value)
	}
	return u
}

// itself is s: of a snapshot whose type nobody knows.
func (s *asyncState) itself() *asyncState { return s }

// asyncStateOf is what the snapshot raw of an async value has beside the value; nothing if there
// is no snapshot, or it is of another type.
func asyncStateOf(raw any) (s asyncState, ok bool) {
	if x, is := raw.(interface{ itself() *asyncState }); is {
		return *x.itself(), true
	}
	return s, false
}

// isResting reports whether raw is an async value that is not loading.
func isResting(raw any) bool {
	s, ok := asyncStateOf(raw)
	return ok && s.resting()
}

// resting reports whether s is not loading.
func (s asyncState) resting() bool { return s.load == atRest }

// good reports whether s is data at rest.
func (s asyncState) good() bool { return s.load == atRest && s.err == nil && s.has }

// settled returns s without its loading: the result that there is.
func (s asyncState) settled() asyncState {
	s.load, s.progress = atRest, 0
	return s
}

// starting returns the state of a build that starts on top of s (rule A1, D8).
func (s asyncState) starting(why BuildReason) asyncState {
	switch {
	case !s.has && s.err == nil:
		s.load = firstLoad
	case why == ReasonRetry && s.err != nil: // else a value was written beside the loading
		s.load = retrying
	case why == ReasonReload || s.load == reloading:
		s.load = reloading
	default:
		s.load = refreshing
	}
	s.progress = 0
	return s
}

// failing returns the state after a build on top of s has failed with err: the value stays.
func (s asyncState) failing(err error) asyncState { return asyncState{has: s.has, err: err} }

// outcome is the state after a Try build on top of s. One that has to wait for what is
// still loading is loading itself (rule A5).
func (s asyncState) outcome(err error) asyncState {
	switch {
	case err == nil:
		return asyncState{has: true}
	case isQuiet(err):
		return s.settled().starting(ReasonReload)
	}
	return s.failing(err)
}

// assigned returns the state after w was written by hand on top of v: like the result of a
// build, and loading with a part of its own as it is.
func (v AsyncValue[T]) assigned(w AsyncValue[T]) AsyncValue[T] {
	switch {
	case w.load != atRest && !w.has && w.err == nil:
		v.asyncState = v.starting(ReasonReload)
		v.progress = w.progress
		return v
	case w.load == atRest && w.err != nil && !w.has:
		v.asyncState = v.failing(w.err)
		return v
	}
	return w
}

// asyncEqual makes the change detection of an async kind from that of its data (P1): an
// error at rest is always news, the same loading beside the same rest never is (D8).
func asyncEqual[T any](eq func(a, b T) bool) func(a, b AsyncValue[T]) bool {
	return func(a, b AsyncValue[T]) bool {
		return a.alike(b.asyncState) && (!a.has || eq(a.value, b.value))
	}
}

// alike is what asyncEqual asks of all but the data, which both have or neither.
func (s asyncState) alike(o asyncState) bool {
	if s.load != o.load || s.progress != o.progress || s.has != o.has {
		return false
	}
	return s.err == nil && o.err == nil || s.load != atRest && guardedEqual(s.err, o.err)
}
