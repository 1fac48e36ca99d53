package trust_test

// This file tests the checkers: good histories are accepted, and one with each violation is refused by the name of its rule.

import (
	"slices"
	"strings"
	"testing"
)

// plantedGraph has one of each: 4 watches registers 0 and 1, 5 is an AutoDispose future of 0, 6 allows overlap, 7 is scoped.
func plantedGraph() *graph {
	return &graph{conts: 2, unique: true, nodes: []node{{}, {}, {}, {scoped: true}, {kind: derived, deps: []int{0, 1}},
		{kind: future, deps: []int{0}, auto: true}, {kind: future, deps: []int{0}, overlap: true}, {kind: derived, deps: []int{3}, scoped: true}}}
}

// writer writes a history by hand.
type writer struct{ *history }

func (w writer) op(in input) (end func(out int)) {
	if in.verb != batch {
		in.vals[1], in.vals[2] = 0, 0
	}
	id := w.begin(in)
	return func(out int) { w.end(id, out, true) }
}

// set and read are operations that nothing overlaps.
func (w writer) set(r, v int) { w.op(input{verb: set, node: int8(r), vals: [3]int{v}})(0) }

func (w writer) read(n, v int) { w.op(input{verb: read, node: int8(n)})(v) }

func (w writer) batch(a, b int) (end func(out int)) {
	return w.op(input{verb: batch, vals: [3]int{a, b, -1}})
}

// build notes events of build b of node n.
func (w writer) build(n, b int, what ...what) {
	for _, k := range what {
		w.note(event{what: k, of: elem(n, 0), build: int32(b), on: true})
	}
}

// built is all of a build that goes well.
func (w writer) built(n, b int) {
	w.build(n, b, buildBegin, hooked, buildEnd, disposeBegin, disposeEnd)
}

func (w writer) listen(s, n, flags int) {
	w.note(event{what: listenBegin, of: int32(s), a: n, b: flags})
	if flags&fire == 0 {
		w.note(event{what: listenEnd, of: int32(s)})
	}
}

func (w writer) sub(s int, k what) { w.note(event{what: k, of: int32(s)}) }

// inside is an event of s in the turn.
func (w writer) inside(s int, k what) { w.note(event{what: k, of: int32(s), on: true}) }

func (w writer) call(s, prev, next int) {
	w.note(event{what: callBegin, of: int32(s), a: prev, b: next})
	w.sub(s, callEnd)
}

func (w writer) fired(s, v int) {
	w.note(event{what: callBegin, of: int32(s), b: v, on: true})
	w.note(event{what: callEnd, of: int32(s), on: true})
}

func (w writer) rest(s, v int, changed bool) {
	w.note(event{what: rest, of: int32(s), a: v, on: changed})
}

// r is a value of register 0.
func r(v int) int { return packed(0, v) }

// both is a value of node 4.
func both(a, b int) int { return join(packed(0, a), packed(1, b)) }

var planted = []struct {
	name string
	rule string // "" of one that is good
	make func(w writer)
}{
	{"one after the other", "", func(w writer) { w.set(0, 1); w.read(0, r(1)); w.set(0, 2); w.read(0, r(2)) }},
	{"a Read beside a Set sees either", "", func(w writer) {
		end := w.op(input{verb: set, vals: [3]int{1}})
		w.read(0, r(0))
		w.read(0, r(1))
		end(0)
	}},
	{"a Read of what is over", "P4", func(w writer) { w.set(0, 1); w.set(0, 2); w.read(0, r(1)) }},
	{"a Read goes back", "P4", func(w writer) {
		end := w.op(input{verb: set, vals: [3]int{1}})
		w.read(0, r(1))
		w.read(0, r(0))
		end(0)
	}},
	{"a derived value that is late", "P4", func(w writer) { w.read(4, both(0, 0)); w.set(0, 1); w.read(4, both(0, 0)) }},
	{"a derived value of no one moment", "P3", func(w writer) {
		end := w.op(input{verb: set, vals: [3]int{1}})
		w.read(0, r(1))
		w.set(1, 2)
		w.read(4, both(0, 2))
		end(0)
	}},
	{"an Update that loses another", "P4", func(w writer) {
		one := w.op(input{verb: update, vals: [3]int{1}})
		two := w.op(input{verb: update, vals: [3]int{2}})
		one(0)
		two(0)
	}},
	{"a Batch at once", "", func(w writer) {
		end := w.batch(1, 2)
		w.read(4, both(0, 0))
		w.read(4, both(1, 2))
		end(0)
	}},
	{"a half of a Batch", "P6", func(w writer) {
		end := w.batch(1, 2)
		w.read(0, r(1))
		w.read(1, packed(1, 0))
		end(0)
	}},
	{"a half of a Batch in a derived value", "P6", func(w writer) { end := w.batch(1, 2); w.read(4, both(1, 0)); end(0) }},
	{"a Resolve of another's value", "P4", func(w writer) { w.set(0, 1); w.op(input{verb: resolve, node: 5})(r(0)) }},
	{"a child's own register", "", func(w writer) {
		w.op(input{verb: set, node: 3, cont: 1, vals: [3]int{1}})(0)
		w.op(input{verb: read, node: 7, cont: 1})(packed(3, 1))
		w.read(7, packed(3, 0))
	}},
	{"a child's write that the root sees", "P4", func(w writer) {
		w.op(input{verb: set, node: 3, cont: 1, vals: [3]int{1}})(0)
		w.read(7, packed(3, 1))
	}},

	{"builds", "", func(w writer) { w.built(4, 1); w.built(4, 2); w.sub(0, over) }},
	{"functions that overlap", "C5", func(w writer) { w.build(5, 1, buildBegin, hooked, disposeBegin, disposeEnd); w.build(5, 2, buildBegin) }},
	{"functions that may overlap", "", func(w writer) { w.build(6, 1, buildBegin, hooked, disposeBegin, disposeEnd); w.build(6, 2, buildBegin) }},
	{"OnDispose twice", "L5", func(w writer) { w.built(4, 1); w.build(4, 1, disposeBegin, disposeEnd) }},
	{"OnDispose never", "L5", func(w writer) { w.build(4, 1, buildBegin, hooked, buildEnd); w.sub(0, over) }},
	{"OnDispose too late for the next build", "L5", func(w writer) {
		w.build(4, 1, buildBegin, hooked, buildEnd, disposeBegin)
		w.build(4, 2, buildBegin)
	}},
	{"OnDispose beside a synchronous function", "L5", func(w writer) { w.build(4, 1, buildBegin, hooked, disposeBegin) }},
	{"OnDispose at once, for it came too late", "", func(w writer) {
		w.build(4, 1, buildBegin, disposeBegin, disposeEnd, hooked, buildEnd)
		w.sub(0, over)
	}},
	{"OnDispose with a live context", "L5", func(w writer) {
		w.build(4, 1, buildBegin, hooked, buildEnd)
		w.note(event{what: disposeBegin, of: elem(4, 0), build: 1})
	}},
	{"a function that runs after Shutdown", "C5", func(w writer) { w.build(5, 1, buildBegin, hooked, disposeBegin, disposeEnd); w.sub(0, over) }},

	{"OnCancel and OnResume", "", func(w writer) { w.build(5, 1, buildBegin, hooked, buildEnd, cancelled, resumed, cancelled) }},
	{"OnCancel twice", "L2", func(w writer) { w.build(5, 1, buildBegin, hooked, buildEnd, cancelled, cancelled) }},
	{"OnResume first", "L2", func(w writer) { w.build(5, 1, buildBegin, hooked, buildEnd, resumed) }},
	{"OnResume twice", "L2", func(w writer) { w.build(5, 1, buildBegin, hooked, buildEnd, cancelled, resumed, resumed) }},
	{"a listener, and it sleeps", "L2", func(w writer) {
		w.build(5, 1, buildBegin, hooked, buildEnd, cancelled)
		w.listen(1, 5, 0)
		w.rest(1, r(0)|hasValue, false)
	}},

	{"calls", "", func(w writer) {
		w.listen(1, 0, fire)
		w.fired(1, r(1))
		w.sub(1, listenEnd)
		w.call(1, r(1), r(2))
		w.rest(1, r(2), false)
		w.call(1, r(2), r(3))
		w.rest(1, r(3), true)
	}},
	{"a call from what it has not seen", "P5", func(w writer) { w.listen(1, 0, 0); w.call(1, r(1), r(2)); w.call(1, r(1), r(3)) }},
	{"a call that changes nothing", "P5", func(w writer) { w.listen(1, 0, 0); w.call(1, r(1), r(1)) }},
	{"the last change is not told", "P5", func(w writer) { w.listen(1, 0, 0); w.call(1, r(1), r(2)); w.rest(1, r(3), false) }},
	{"a first call from what was not there at rest", "P5", func(w writer) { w.listen(1, 0, 0); w.rest(1, r(2), false); w.call(1, r(1), r(3)) }},
	{"two calls for one change", "P5", func(w writer) {
		w.listen(1, 0, 0)
		w.rest(1, r(1), false)
		w.call(1, r(1), r(2))
		w.call(1, r(2), r(3))
		w.rest(1, r(3), true)
	}},
	{"no call for a change, and never one", "P5", func(w writer) { w.listen(1, 0, 0); w.rest(1, r(1), false); w.rest(1, r(2), true) }},
	{"a call with a torn value", "P3", func(w writer) { w.listen(1, 4, 0); w.call(1, both(1, 1), both(1, 2)|torn) }},
	{"a value that contradicts itself", "P3", func(w writer) { w.listen(1, 4, 0); w.call(1, both(1, 1), join(both(1, 2), both(2, 2))) }},
	{"two calls at once", "G3", func(w writer) {
		w.listen(1, 0, 0)
		w.listen(2, 1, 0)
		w.note(event{what: callBegin, of: 1, a: r(1), b: r(2)})
		w.note(event{what: callBegin, of: 2, a: packed(1, 1), b: packed(1, 2)})
	}},
	{"a hook in a call", "G3", func(w writer) {
		w.listen(1, 0, 0)
		w.note(event{what: callBegin, of: 1, a: r(1), b: r(2)})
		w.note(event{what: turnBegin})
	}},
	{"FireImmediately comes late", "G13", func(w writer) { w.listen(1, 0, fire); w.sub(1, listenEnd) }},
	{"another call before FireImmediately", "G13", func(w writer) { w.listen(1, 0, fire); w.call(1, r(1), r(2)) }},

	{"added in a call", "", func(w writer) {
		w.listen(1, 0, 0)
		w.note(event{what: callBegin, of: 1, a: r(1), b: r(2)})
		w.note(event{what: listenBegin, of: 2, build: 2})
		w.sub(2, listenEnd)
		w.sub(1, callEnd)
		w.call(2, r(2), r(3))
	}},
	{"added in a call, and told of the same", "P9", func(w writer) {
		w.listen(1, 0, 0)
		w.note(event{what: callBegin, of: 1, a: r(1), b: r(2)})
		w.note(event{what: listenBegin, of: 2, build: 2})
		w.sub(2, listenEnd)
		w.sub(1, callEnd)
		w.call(2, r(1), r(2))
	}},
	{"closed in a turn, and called", "P9", func(w writer) { w.listen(1, 0, 0); w.inside(1, closeEnd); w.call(1, r(1), r(2)) }},
	{"closed, and one call was on its way", "", func(w writer) { w.listen(1, 0, 0); w.sub(1, closeEnd); w.call(1, r(1), r(2)) }},
	{"closed, and called twice", "G5", func(w writer) {
		w.listen(1, 0, 0)
		w.sub(1, closeEnd)
		w.call(1, r(1), r(2))
		w.call(1, r(2), r(3))
	}},
	{"closed and flushed, and called", "G5", func(w writer) {
		w.listen(1, 0, 0)
		w.sub(1, closeEnd)
		w.sub(7, flushBegin)
		w.sub(7, flushEnd)
		w.call(1, r(1), r(2))
	}},
	{"closed and flushed, and still in its call", "G5", func(w writer) {
		w.listen(1, 0, 0)
		w.note(event{what: callBegin, of: 1, a: r(1), b: r(2)})
		w.sub(1, closeEnd)
		w.sub(7, flushBegin)
		w.sub(7, flushEnd)
	}},
	{"paused, and called twice", "G13", func(w writer) {
		w.listen(1, 0, 0)
		w.sub(1, pauseEnd)
		w.call(1, r(1), r(2))
		w.call(1, r(2), r(3))
	}},
	{"resumed, and not told", "P5", func(w writer) {
		w.listen(1, 0, 0)
		w.call(1, r(0), r(1))
		w.sub(1, pauseEnd)
		w.sub(1, resumeBegin)
		w.rest(1, r(2), true)
	}},
	{"resumed, and told once", "", func(w writer) {
		w.listen(1, 0, 0)
		w.call(1, r(0), r(1))
		w.sub(1, pauseEnd)
		w.sub(1, resumeBegin)
		w.call(1, r(1), r(2))
		w.rest(1, r(2), true)
	}},
}

func TestPlantedViolationsAreRefused(t *testing.T) {
	for _, x := range planted {
		t.Run(x.name, func(t *testing.T) {
			g, w := plantedGraph(), writer{newHistory()}
			x.make(w)
			faults := delivered(g, w.history)
			if fault, _ := linear(g, w.history); fault != "" {
				faults = append(faults, fault)
			}
			named := slices.ContainsFunc(rules(faults), func(r string) bool { return slices.Contains(strings.Split(r, ", "), x.rule) })
			if x.rule == "" && len(faults) > 0 || x.rule != "" && !named {
				t.Errorf("want %q, got %q\n%v", x.rule, faults, w.history)
			}
		})
	}
}
