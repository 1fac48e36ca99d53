package trust_test

// This file owns histories: what happened, in the order in which it was noted. The checkers know nothing else.

import (
	"fmt"
	"strings"
	"sync/atomic"
)

type what uint8

const (
	nothing    what = iota
	opBegin         // of: the operation
	opEnd           // a: what it returned; on: it counts
	buildBegin      // of: the element, build
	hooked          // the build has registered its hooks
	buildEnd
	disposeBegin // on: the context is cancelled, with a known cause
	disposeEnd
	cancelled
	resumed
	turnBegin // another hook that runs in the turn of cont
	turnEnd
	listenBegin // of: the subscription, cont, a: the node, b: flags
	listenEnd
	callBegin // a: previous, b: next; on: FireImmediately
	callEnd
	closeEnd // on: inside a call of its container's turn
	pauseEnd // the same
	resumeBegin
	flushBegin // of: the flush, cont
	flushEnd
	rest // of: the subscription, a: the value, and nothing is under way; on: there has been one change since the last, or since Resume
	over // of all containers: Shutdown has returned
)

var whatNames = [...]string{"nothing", "op", "op ends", "build", "hooked", "build ends", "OnDispose", "OnDispose ends", "OnCancel", "OnResume", "hook", "hook ends",
	"Listen", "Listen ends", "call", "call ends", "Close ends", "Pause ends", "Resume", "Flush", "Flush ends", "rest", "over"}

// Flags of a listener.
const (
	weak = 1 << iota
	fire
)

// event is one line of a history. Its place there is its time.
type event struct {
	what  what
	on    bool
	cont  int8
	of    int32
	build int32
	a, b  int
}

// elem is the element of node n in cont.
func elem(n, cont int) int32 { return int32(n*maxConts + cont) }

type verb uint8

const (
	set verb = iota
	update
	batch
	reset
	read
	refresh
	resolve
	values
	tune
	listen
	shut
	pause
	resume
	invalidate
	unused
	flush
	sleep
	keep
	verbs
)

func (v verb) String() string {
	return [...]string{"Set", "Update", "Batch", "Invalidate register", "Read", "Refresh", "Resolve", "Values", "UpdateOverrides", "Listen", "Close", "Pause", "Resume",
		"Invalidate", "DisposeUnused", "Flush", "Sleep", "KeepAlive"}[v]
}

// input is an operation as the model sees it.
type input struct {
	verb verb
	node int8 // what is read, or the register
	cont int8
	vals [3]int // of the registers that are written; -1: not this one
}

// history is written by any number of goroutines: one atomic counter is both the clock and the place.
type history struct {
	n      atomic.Int64
	events []event
	ops    atomic.Int64
	ins    []input
}

func newHistory() *history {
	return &history{events: make([]event, 1<<15), ins: make([]input, 1<<12)}
}

func (h *history) note(e event) {
	if i := h.n.Add(1) - 1; i < int64(len(h.events)) {
		h.events[i] = e
	}
}

// begin notes an operation; end that it has returned out, and whether that is to be looked at.
func (h *history) begin(in input) (op int32) {
	op = int32(h.ops.Add(1) - 1)
	if int(op) < len(h.ins) {
		h.ins[op] = in
	}
	h.note(event{what: opBegin, of: op})
	return op
}

func (h *history) end(op int32, out int, on bool) { h.note(event{what: opEnd, of: op, a: out, on: on}) }

// full says that not everything has found its place: such a history says nothing.
func (h *history) full() bool {
	return h.n.Load() > int64(len(h.events)) || h.ops.Load() > int64(len(h.ins))
}

func (h *history) all() []event { return h.events[:min(h.n.Load(), int64(len(h.events)))] }

func (h *history) clear() {
	clear(h.all())
	h.n.Store(0)
	h.ops.Store(0)
}

func (h *history) String() string {
	var b strings.Builder
	for i, e := range h.all() {
		fmt.Fprintf(&b, "%5d %-14s", i, whatNames[e.what])
		switch e.what {
		case opBegin:
			in := h.ins[e.of]
			fmt.Fprintf(&b, " %d: %v %d in %d %v", e.of, in.verb, in.node, in.cont, in.vals)
		case opEnd:
			fmt.Fprintf(&b, " %d: %s, counts %v", e.of, show(e.a), e.on)
		case buildBegin, hooked, buildEnd, disposeBegin, disposeEnd, cancelled, resumed, turnBegin, turnEnd:
			fmt.Fprintf(&b, " node %d in %d, build %d", e.of/maxConts, e.cont, e.build)
		case listenBegin:
			fmt.Fprintf(&b, " %d to node %d in %d, flags %b", e.of, e.a, e.cont, e.b)
		default:
			fmt.Fprintf(&b, " %d: %s %s %v", e.of, show(e.a), show(e.b), e.on)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
