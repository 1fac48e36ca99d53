package weir

// This file owns the frames that the library finds again on a goroutine's stack, and the
// search for them. It is the way to know what a goroutine is in the middle of when it
// comes back into the library through a container; goroutines have no names.

import (
	"runtime"
	"strings"
)

// callListener is a frame to be found on the stack: see [delivering].
//
//go:noinline
func callListener(s *sub, fail *PanicError) { s.self.deliver(fail) }

// callSuspect is callListener for the turn's suspect.
//
//go:noinline
func callSuspect(s *sub, fail *PanicError) { callListener(s, fail) }

// callHook is a frame to be found on the stack: see [hooking].
//
//go:noinline
func callHook(h *hook) { h.fn() }

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

// Frames that stackHas looks for.
const (
	computing  = "weir.(*drive).compute"
	delivering = "weir.callListener"
	suspecting = "weir.callSuspect"
	hooking    = "weir.callHook"
	flying     = "weir.(*start).run"
	disposing  = "weir.(*endings).run"
	within     = "weir.onHook"
	watching   = "weir.onWatch"
)

// stackHas reports whether the calling goroutine is inside one of the named functions of
// this package. It is asked only where the alternative is a deadlock or an endless loop.
func stackHas(names ...string) bool { return stackCount(names...) > 0 }

// stackCount counts the frames of the named functions on the calling goroutine's stack.
func stackCount(names ...string) (count int) {
	pcs := make([]uintptr, 256)
	n := runtime.Callers(2, pcs)
	for n == len(pcs) {
		pcs = make([]uintptr, 4*len(pcs))
		n = runtime.Callers(2, pcs)
	}
	frames := runtime.CallersFrames(pcs[:n])
	for {
		f, more := frames.Next()
		for _, name := range names {
			if strings.HasSuffix(f.Function, name) {
				count++
			}
		}
		if !more {
			return count
		}
	}
}
