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
	value    T
	err      error
	progress float64 // plus one, so that zero means none
	has      bool
	load     loadKind
}

// Data returns an AsyncValue at rest with value v.
func Data[T any](v T) AsyncValue[T] { return AsyncValue[T]{value: v, has: true} }

// Loading returns an AsyncValue of a first load: neither value nor error.
func Loading[T any]() AsyncValue[T] { return AsyncValue[T]{load: firstLoad} }

// Failed returns an AsyncValue at rest with error err. A nil err is a *UsageError.
func Failed[T any](err error) AsyncValue[T] {
	if err == nil {
		misuse(nil, "Failed needs an error: use Data for success")
	}
	return AsyncValue[T]{err: err}
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
func (v AsyncValue[T]) String() string {
	var b strings.Builder
	b.WriteString(v.state())
	b.WriteByte('(')
	sep := ""
	part := func(format string, args ...any) {
		b.WriteString(sep)
		fmt.Fprintf(&b, format, args...)
		sep = ", "
	}
	if v.has {
		part("%v", v.value)
	}
	if v.err != nil {
		part("error: %v", v.err)
	}
	if f, ok := v.Progress(); ok {
		part("%.0f%%", f*100)
	}
	b.WriteByte(')')
	return b.String()
}

// GoString is String: %#v must not reach into the parts, which may be secret.
func (v AsyncValue[T]) GoString() string { return v.String() }

func (v AsyncValue[T]) state() string {
	switch {
	case v.IsRetrying():
		return "Retrying"
	case v.IsRefreshing():
		return "Refreshing"
	case v.IsReloading():
		return "Reloading"
	case v.IsLoading():
		return "Loading"
	case v.err != nil:
		return "Failed"
	case v.has:
		return "Data"
	}
	return "Empty"
}

// LogValue implements [slog.LogValuer] with a group of the parts that there are.
func (v AsyncValue[T]) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("state", v.state())}
	if v.has {
		attrs = append(attrs, slog.Any("value", v.value))
	}
	if v.err != nil {
		attrs = append(attrs, slog.Any("error", v.err))
	}
	if f, ok := v.Progress(); ok {
		attrs = append(attrs, slog.Float64("progress", f))
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
	u := AsyncValue[U]{err: v.err, progress: v.progress, load: v.load, has: v.has}
	if v.has {
		u.value = f(v.value)
	}
	return u
}

// resting reports whether v is not loading.
func (v AsyncValue[T]) resting() bool { return v.load == atRest }

// good reports whether v is data at rest.
func (v AsyncValue[T]) good() bool { return v.load == atRest && v.err == nil && v.has }

// settled returns v without its loading: the result that there is.
func (v AsyncValue[T]) settled() AsyncValue[T] {
	v.load, v.progress = atRest, 0
	return v
}

// starting returns the state of a build that starts on top of v (rule A1, D8).
func (v AsyncValue[T]) starting(why BuildReason) AsyncValue[T] {
	switch {
	case !v.has && v.err == nil:
		v.load = firstLoad
	case why == ReasonRetry && v.err != nil: // else a value was written beside the loading
		v.load = retrying
	case why == ReasonReload || v.load == reloading:
		v.load = reloading
	default:
		v.load = refreshing
	}
	v.progress = 0
	return v
}

// result returns the state after a build on top of v returned value and err.
func (v AsyncValue[T]) result(value T, err error) AsyncValue[T] {
	if err != nil {
		return AsyncValue[T]{value: v.value, has: v.has, err: err}
	}
	return Data(value)
}

// assigned returns the state after w was written by hand on top of v: like the result of a
// build, and loading with a part of its own as it is.
func (v AsyncValue[T]) assigned(w AsyncValue[T]) AsyncValue[T] {
	switch {
	case w.load != atRest && !w.has && w.err == nil:
		next := v.starting(ReasonReload)
		next.progress = w.progress
		return next
	case w.load == atRest && w.err != nil && !w.has:
		return v.result(v.value, w.err)
	}
	return w
}

// asyncEqual makes the change detection of an async kind from that of its data (P1): an
// error at rest is always news, the same loading beside the same rest never is (D8).
func asyncEqual[T any](eq func(a, b T) bool) func(a, b AsyncValue[T]) bool {
	return func(a, b AsyncValue[T]) bool { return sameState(a, b, eq) }
}

// sameState is what asyncEqual makes, with eq for the data.
func sameState[T any](a, b AsyncValue[T], eq func(a, b T) bool) bool {
	if a.load != b.load || a.progress != b.progress || a.has != b.has {
		return false
	}
	if (a.err != nil || b.err != nil) && (a.load == atRest || !sameError(a.err, b.err)) {
		return false
	}
	return !a.has || eq(a.value, b.value)
}

// sameError compares errors by identity, without panicking for those that cannot be.
func sameError(a, b error) (same bool) {
	defer func() {
		if recover() != nil {
			same = false
		}
	}()
	return a == b
}
