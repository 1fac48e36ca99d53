package weir

// This file owns the frames that the library finds again on a goroutine's stack, and the
// search for them. It is the way to know what a goroutine is in the middle of when it
// comes back into the library through a container; goroutines have no names.

import (
	"reflect"
	"runtime"
)

// callSuspect calls the turn's suspect. It is a frame to be found on the stack: see
// [suspecting].
//
//go:noinline
func callSuspect(call func()) { call() }

// inHooks calls fn with n frames of [onHook] on the stack, for those of endings.run that the
// stack before this one has.
func inHooks(n int, fn func()) {
	if n == 0 {
		fn()
		return
	}
	onHook(n, fn)
}

//go:noinline
func onHook(n int, fn func()) { inHooks(n-1, fn) }

// inBuild calls fn, which calls a notifier's Build. It is a frame to be found on the stack: see
// [notifying]. Above it the number of the build is spelled, to the base of four with the last
// digit first, for Builds of other notifiers may be there too.
//
//go:noinline
func inBuild(gen uint64, fn func()) { spelled(gen, fn) }

func spelled(n uint64, fn func()) {
	switch {
	case n == 0:
		fn()
	case n&3 == 0:
		onZero(n>>2, fn)
	case n&3 == 1:
		onOne(n>>2, fn)
	case n&3 == 2:
		onTwo(n>>2, fn)
	default:
		onThree(n>>2, fn)
	}
}

//go:noinline
func onZero(n uint64, fn func()) { spelled(n, fn) }

//go:noinline
func onOne(n uint64, fn func()) { spelled(n, fn) }

//go:noinline
func onTwo(n uint64, fn func()) { spelled(n, fn) }

//go:noinline
func onThree(n uint64, fn func()) { spelled(n, fn) }

// frame is a function that the stack is searched for.
type frame uint8

const (
	computing  frame = iota // a synchronous build function
	delivering              // a listener
	suspecting              // a listener that may feed itself
	hooking                 // a hook of a turn
	flying                  // an asynchronous build function
	disposing               // OnDispose hooks
	within                  // the same, on the stack before this one
	watching                // an observer
	notifying               // the Build of a synchronous notifier
	digits                  // of the number of that build, four of them
	frames     = digits + 4
)

// entries returns where the functions of the frames begin.
func entries() (at [frames]uintptr) {
	for f, fn := range [frames]any{(*drive).compute, (*Container).deliver, callSuspect, (*Container).runHooks, (*start).run, (*endings).run, onHook, onWatch, inBuild, onZero, onOne, onTwo, onThree} {
		at[f] = runtime.FuncForPC(reflect.ValueOf(fn).Pointer()).Entry()
	}
	return at
}

// stackHas reports whether the calling goroutine is inside one of fs. It is asked only
// where the alternative is a deadlock or an endless loop.
func (t *tree) stackHas(fs ...frame) bool { return t.stackCount(fs...) > 0 }

// stackCount counts the frames of fs on the calling goroutine's stack.
func (t *tree) stackCount(fs ...frame) (count int) {
	t.stackWalk(func(entry uintptr) {
		for _, f := range fs {
			if t.frames[f] == entry {
				count++
			}
		}
	})
	return count
}

// stackBuilds reports whether the calling goroutine is inside the Build of a synchronous
// notifier that build gen calls.
func (t *tree) stackBuilds(gen uint64) (found bool) {
	number := uint64(0)
	t.stackWalk(func(entry uintptr) {
		if entry == t.frames[notifying] {
			found = found || number == gen
			number = 0
			return
		}
		for d, digit := range t.frames[digits:] {
			if digit == entry {
				number = number<<2 | uint64(d)
			}
		}
	})
	return found
}

// stackWalk calls see with where each function on the calling goroutine's stack begins, the
// innermost first.
func (t *tree) stackWalk(see func(entry uintptr)) {
	var room [64]uintptr
	pcs := room[:]
	n := runtime.Callers(2, pcs)
	for n == len(pcs) {
		pcs = make([]uintptr, 8*len(pcs))
		n = runtime.Callers(2, pcs)
	}
	for _, pc := range pcs[:n] {
		fn := runtime.FuncForPC(pc - 1)
		if fn == nil {
			continue
		}
		see(fn.Entry()) // of what the frame is of, whatever is inlined there
	}
}

// isCoroutine reports whether the calling goroutine is one that iter.Pull has made: what has
// called its next function is on another stack.
func isCoroutine() bool {
	var room [64]uintptr
	pcs := room[:]
	skip, n := 2, 0
	for n = runtime.Callers(skip, pcs); n == len(pcs); n = runtime.Callers(skip, pcs) {
		skip += n - 2 // what a goroutine begins with is at the end
	}
	for _, pc := range pcs[:n] {
		if fn := runtime.FuncForPC(pc - 1); fn != nil && fn.Name() == "runtime.corostart" {
			return true
		}
	}
	return false
}
