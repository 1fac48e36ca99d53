package trust_test

// This file owns the second question: was everybody told what the rules say, in the order that they say? One pass over a history; every
// fault begins with its rule.

import "fmt"

// buildState is what is known of one build.
type buildState struct {
	elem                    int32
	hooked, ended           bool
	disposing, disposed     int
	asleep, unsure, stirred bool // stirred: OnCancel or OnResume ran before both were there
}

// subState is what is known of one subscription.
type subState struct {
	node, cont, home int
	flags            int
	listening        bool // Listen has not returned
	known            bool // it has been called,
	prev, seen       int  // last with this
	calling          bool
	closed, paused   int    // where Close or Pause has returned; -1: it has not
	strict           string // the rule that a call breaks: nothing can be under way; empty if something can
	late             int    // calls since then
	added            bool   // in a call of another of the same,
	addPrev, addNext int    // with this
	rested           bool   // at rest it was
	value            int    // this, or has seen it when it was resumed
	calls            int    // since then
}

type flushState struct{ began, cont int }

// delivery is the state of the pass.
type delivery struct {
	g       *graph
	builds  map[int32]*buildState
	running map[int32]int32 // builds of an element whose function runs
	newest  map[int32]int32
	elems   map[int32][]int32
	subs    map[int32]*subState
	turns   [maxConts]fmt.Stringer // what runs in the turn
	flushes map[int32]flushState
	faults  []string
	at      int
}

func (d *delivery) check(ok bool, format string, args ...any) {
	if !ok {
		d.faults = append(d.faults, fmt.Sprintf("%d: ", d.at)+fmt.Sprintf(format, args...))
	}
}

// delivered returns what is wrong with a history.
func delivered(g *graph, h *history) []string {
	d := &delivery{g: g, builds: map[int32]*buildState{}, running: map[int32]int32{}, newest: map[int32]int32{}, elems: map[int32][]int32{},
		subs: map[int32]*subState{}, flushes: map[int32]flushState{}}
	for i, e := range h.all() {
		d.at = i
		switch e.what {
		case buildBegin, hooked, buildEnd, disposeBegin, disposeEnd, cancelled, resumed:
			d.build(e)
		case turnBegin:
			d.enter(int(e.cont), aHook)
		case turnEnd:
			d.leave(int(e.cont))
		case flushBegin:
			d.flushes[e.of] = flushState{i, int(e.cont)}
		case flushEnd:
			d.flushed(d.flushes[e.of])
		case over:
			d.over()
		case nothing, opBegin, opEnd:
		default:
			d.sub(e)
		}
	}
	return d.faults
}

// lazy is text that is made only for a fault.
type lazy func() string

func (l lazy) String() string { return l() }

func (d *delivery) name(el int32) lazy {
	return func() string { return fmt.Sprintf("%s in container %d", d.g.name(int(el)/maxConts), int(el)%maxConts) }
}

// ---- builds: C5, L5, L2

func (d *delivery) build(e event) {
	if e.what == buildBegin {
		d.begun(e)
		return
	}
	b := d.builds[e.build]
	name := d.name(b.elem)
	switch e.what {
	case hooked:
		b.hooked = true
		b.unsure = b.stirred
	case buildEnd:
		b.ended = true
		d.running[b.elem]--
	case disposeBegin:
		b.disposing++
		d.check(b.disposing == 1, "L5: OnDispose of build %d of %s runs twice", e.build, name)
		d.check(e.on, "L5, C3: OnDispose of build %d of %s runs with a live context, or without a known cause", e.build, name)
		sync := !d.g.nodes[b.elem/maxConts].kind.async() || d.g.nodes[b.elem/maxConts].kind == try
		d.check(!sync || b.ended || !b.hooked, "L5: OnDispose of build %d of %s runs beside its synchronous function", e.build, name)
	case disposeEnd:
		b.disposed++
	case cancelled, resumed:
		sleep := e.what == cancelled
		b.stirred = b.stirred || !b.hooked
		d.check(b.unsure || !b.hooked || sleep != b.asleep, "L2: build %d of %s is told of %s, and asleep is %v already: the two do not alternate", e.build, name, whatNames[e.what], b.asleep)
		b.asleep, b.unsure = sleep, false
	}
}

func (d *delivery) begun(e event) {
	x := d.g.nodes[e.of/maxConts]
	d.running[e.of]++
	d.check(x.overlap || d.running[e.of] == 1, "C5: build %d of %s begins and another function of it is running: they overlap", e.build, d.name(e.of))
	kept := d.elems[e.of][:0]
	for _, id := range d.elems[e.of] { // those whose end is not over
		b := d.builds[id]
		d.check(b.disposed > 0 || x.overlap || !b.hooked, "L5: build %d of %s begins before the OnDispose hooks of build %d have returned", e.build, d.name(e.of), id)
		if b.disposed == 0 {
			kept = append(kept, id)
		}
	}
	d.elems[e.of] = append(kept, e.build)
	d.builds[e.build] = &buildState{elem: e.of}
	d.newest[e.of] = e.build
}

// over is after Shutdown: nothing runs any more.
func (d *delivery) over() {
	for id, b := range d.builds {
		d.check(b.disposed == 1, "L5: OnDispose of build %d of %s has run %d times after Shutdown", id, d.name(b.elem), b.disposed)
		d.check(b.ended, "C5, G12: the function of build %d of %s runs after Shutdown", id, d.name(b.elem))
	}
	for id, s := range d.subs {
		d.check(!s.calling, "G12: listener %d is being called after Shutdown", id)
	}
}

// ---- turns: G3

var aHook = lazy(func() string { return "a hook" })

func (d *delivery) enter(cont int, who fmt.Stringer) {
	d.check(d.turns[cont] == nil, "G3: %s is called in container %d while %s is", who, cont, d.turns[cont])
	d.turns[cont] = who
}

func (d *delivery) leave(cont int) { d.turns[cont] = nil }

// ---- subscriptions: P5, P9, G5, G13

func (d *delivery) sub(e event) {
	if e.what == listenBegin {
		s := &subState{node: e.a, cont: int(e.cont), home: d.g.home(e.a, int(e.cont)), flags: e.b, listening: true, closed: -1, paused: -1}
		if by := d.subs[e.build-1]; e.build > 0 && by.calling && by.node == s.node && by.cont == s.cont {
			s.added, s.addPrev, s.addNext = true, by.prev, by.seen
		}
		d.subs[e.of] = s
		return
	}
	s := d.subs[e.of]
	switch e.what {
	case listenEnd:
		d.check(s.flags&fire == 0 || s.known, "G13: FireImmediately did not call listener %d before Listen returned", e.of)
		s.listening = false
	case callBegin:
		d.called(e, s)
	case callEnd:
		s.calling = false
		if !e.on {
			d.leave(s.home)
		}
	case closeEnd:
		if s.closed < 0 {
			s.closed, s.strict, s.late = d.at, strictly(e.on, "P9"), 0
		}
	case pauseEnd:
		if s.closed < 0 {
			s.paused, s.strict, s.late = d.at, strictly(e.on, "G13"), 0
		}
	case resumeBegin:
		s.paused, s.strict, s.calls = -1, "", 0
		if s.rested = s.known; s.known {
			s.value = s.seen
		}
	case rest:
		d.rest(e, s)
	}
}

func strictly(on bool, rule string) string {
	if on {
		return rule
	}
	return ""
}

func (d *delivery) called(e event, s *subState) {
	who := lazy(func() string { return fmt.Sprintf("listener %d of %s", e.of, d.g.name(s.node)) })
	with := lazy(func() string { return fmt.Sprintf("(%s, %s)", show(e.a), show(e.b)) })
	if e.on {
		d.check(s.listening && !s.known && s.flags&fire != 0, "G13: %s is called at once, and that was not asked for, or comes too late", who)
	} else {
		d.enter(s.home, who)
		d.check(s.known || s.flags&fire == 0, "G13: %s gets another call before the one of FireImmediately", who)
		d.check(!s.known || e.a == s.seen, "P5: %s is called with %s, and %s is what it saw last", who, with, shown(s.seen))
		d.check(s.known || !s.rested || e.a == s.value || s.flags&weak != 0, "P5: the first call of %s is with %s, and at rest it was %s", who, with, shown(s.value))
		d.check(e.a != e.b, "P5: %s is called with %s, which are equal", who, with)
		again := s.added && d.g.unique && !s.known && e.a == s.addPrev && e.b == s.addNext && once(e.a|e.b) && !d.wavers(s.node)
		d.check(!again, "P9: %s, which was added in a call with %s, gets that event too", who, with)
	}
	d.check((e.a|e.b)&torn == 0 || d.g.nodes[s.node].late, "P3: %s is called with %s, which is of no one moment", who, with)
	if s.closed >= 0 || s.paused >= 0 {
		rule, after := "G13", "Pause"
		if s.closed >= 0 {
			rule, after = "G5", "Close"
		}
		s.late++
		d.check(s.strict == "", "%s: %s is called after %s in its turn, or a Flush after it", s.strict, who, after)
		d.check(s.late <= 1, "%s: %s is called %d times after %s has returned", rule, who, s.late, after)
	}
	s.known, s.prev, s.seen, s.calling = true, e.a, e.b, true
	s.calls++
}

// once says that a value of registers which never have the same value twice cannot come again.
func once(v int) bool { return v&valueMask>>parities == 0 }

// wavers says that one change may be told in more than one step: loading, and a value.
func (d *delivery) wavers(n int) bool {
	x := d.g.nodes[n]
	return x.kind.async() || x.kind == peek
}

// rest is what a listener must have seen when nothing is under way.
func (d *delivery) rest(e event, s *subState) {
	name := lazy(func() string { return d.g.name(s.node) })
	if s.closed >= 0 || s.paused >= 0 {
		return
	}
	d.check(e.a&torn == 0, "P3: at rest %s is %s", name, shown(e.a))
	d.check(!s.known || s.seen == e.a, "P5: listener %d of %s has seen %s last, and it is %s", e.of, name, shown(s.seen), shown(e.a))
	if e.on && s.rested && !d.wavers(s.node) {
		want := 0
		if s.value != e.a {
			want = 1
		}
		d.check(s.calls == want, "P5: listener %d of %s is called %d times for one change from %s to %s", e.of, name, s.calls, shown(s.value), shown(e.a))
	}
	s.rested, s.value, s.calls = true, e.a, 0
	if s.flags&weak == 0 {
		b := d.builds[d.newest[elem(s.node, s.home)]]
		d.check(b == nil || !b.asleep || b.unsure, "L2: %s has a listener at rest, and the last hook of its build was OnCancel", name)
	}
}

// shown is show of a value in a fault.
type shown int

func (v shown) String() string { return show(int(v)) }

// flushed is a Flush of cont that began at a place: what had begun before that has been delivered.
func (d *delivery) flushed(f flushState) {
	for id, s := range d.subs {
		if end := max(s.closed, s.paused); end >= 0 && end < f.began && d.covers(f.cont, s.home) {
			d.check(!s.calling, "G5: listener %d of %s is being called after a Flush has returned that began after Close", id, d.g.name(s.node))
			s.strict = "G5"
		}
	}
}

// covers says whether a Flush of cont waits for home: the parents come first.
func (d *delivery) covers(cont, home int) bool {
	for cont != home && cont != 0 {
		cont = d.g.parent[cont]
	}
	return cont == home
}
