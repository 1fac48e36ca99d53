package weir

// This file owns the errors: the sentinels that say why a build is over, and the types
// for cycles, panics and misuse. Every message begins with "weir:" and names the
// provider where there is one.

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
)

// Why a build is over: what [context.Cause] of its context wraps (rule C3), beside
// [context.DeadlineExceeded] for [Timeout].
var (
	// ErrDisposed: nobody used the element for its delay, so it was disposed.
	ErrDisposed = errors.New("weir: disposed")
	// ErrInvalidated: Invalidate, Refresh or InvalidateSelf ended the build.
	ErrInvalidated = errors.New("weir: invalidated")
	// ErrDependencyChanged: something that the build watched delivered a different value.
	ErrDependencyChanged = errors.New("weir: dependency changed")
	// ErrCanceled: Cancel was called without a cause of its own.
	ErrCanceled = errors.New("weir: canceled")
	// ErrContainerClosed: the container was closed. It is also what [Resolve], [Await]
	// and a first [Read] of a closed container end with (rule G10).
	ErrContainerClosed = errors.New("weir: container closed")
)

// ErrLoading is wrapped by [AsyncValue.Result] while there is neither a value nor an
// error. A build that returns an error wrapping it stays loading until a dependency
// changes (rule A5).
var ErrLoading = errors.New("weir: loading")

// errGoexit is the Value of a [PanicError] for a function that called runtime.Goexit.
var errGoexit = errors.New("runtime.Goexit was called (t.FailNow in a build or callback?)")

// causeError is a cause with the name of the provider whose build it ended.
type causeError struct {
	p   *base
	err error
}

func (e *causeError) Error() string {
	return "weir: " + e.p.Name() + ": " + strings.TrimPrefix(e.err.Error(), "weir: ")
}

func (e *causeError) Unwrap() error { return e.err }

// CycleError reports that a build would have to wait for itself (rule E2).
type CycleError struct {
	// Path is the names of the providers on the cycle, each waiting for or watching the
	// next; the last is the first again.
	Path []string
}

// Error says what would wait for what, and how to break the cycle.
func (e *CycleError) Error() string {
	path := e.Path
	if len(path) > 24 {
		path = append(append(append([]string(nil), path[:12]...), fmt.Sprintf("(%d more)", len(path)-24)), path[len(path)-12:]...)
	}
	return "weir: cycle: " + strings.Join(path, " -> ") + ": break it by reading one of them later, outside its build"
}

// PanicError is a panic or runtime.Goexit in user code. A synchronous build keeps it and
// every Read and Watch raises it again; an asynchronous or Try build fails with it
// (rule E1); one from a hook or listener is given to [WithPanicHandler] (rule E3).
type PanicError struct {
	Provider string // the provider whose code it was; empty for code that belongs to none
	Value    any    // what panic was called with
	Stack    []byte // the stack at that point
}

// Error says whose code it was and what it panicked with, without the stack.
func (e *PanicError) Error() string {
	name := e.Provider
	if name != "" {
		name += ": "
	}
	return fmt.Sprintf("weir: %spanic: %v", name, e.Value)
}

// Unwrap returns Value if it is an error, so that [errors.Is] and [errors.As] see it.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// panicked makes a *PanicError of what recover returned in code of p; nil means Goexit.
// One that comes up from a dependency travels as it is (rule E1).
func panicked(p *base, r any) *PanicError {
	if pe, ok := r.(*PanicError); ok {
		if pe.Provider == "" && p != nil {
			return &PanicError{p.Name(), pe.Value, pe.Stack} // from a goroutine that did not know
		}
		return pe
	}
	if r == nil {
		r = errGoexit
	}
	pe := &PanicError{Value: r, Stack: debug.Stack()}
	if p != nil {
		pe.Provider = p.Name()
	}
	return pe
}

// apart runs fn on a goroutine of its own and waits for it: it returns what fn panicked
// with, and whether it has ended its goroutine instead of returning.
func apart(fn func()) (r any, exited bool) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		returned := false
		defer func() {
			if !returned {
				if r = recover(); r == nil {
					exited = true
				} else if _, ok := r.(*PanicError); !ok {
					r = panicked(nil, r) // with the stack of this goroutine
				}
			}
		}()
		fn()
		returned = true
	}()
	<-done
	return r, exited
}

// asError is the error that an async or Try build fails with after a panic: misuse and
// cycles are errors of their own.
func (e *PanicError) asError() error {
	switch err := e.Value.(type) {
	case *UsageError:
		return err
	case *CycleError:
		return err
	}
	return e
}

// UsageError reports misuse of the library. It is raised as a panic at the call that is
// wrong (rule E4).
type UsageError struct {
	Provider string // the provider concerned, if there is one
	Message  string // what is wrong, and how to put it right
	hook     bool   // an OnDispose hook waits for itself: not to be kept by what it reads
}

// Error is the provider and the message.
func (e *UsageError) Error() string {
	if e.Provider == "" {
		return "weir: " + e.Message
	}
	return "weir: " + e.Provider + ": " + e.Message
}

// misuse raises a *UsageError.
func misuse(p *base, format string, args ...any) {
	panic(usage(p, format, args...))
}

func usage(p *base, format string, args ...any) *UsageError {
	err := &UsageError{Message: fmt.Sprintf(format, args...)}
	if p != nil {
		err.Provider = p.Name()
	}
	return err
}
