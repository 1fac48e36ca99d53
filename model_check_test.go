package weir_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing/synctest"
	"time"

	"github.com/weir-go/weir"
)

// This file compares the library with the model when an operation is over and everything is at rest, rule by rule. It holds as well
// the small checkers of logs that the sequential and the concurrent test share.

// rest waits until nothing happens any more and compares everything.
func (r *modelRun) rest() {
	synctest.Wait()
	l := r.lib
	if len(l.faults) > 0 {
		r.failf("%s", strings.Join(l.faults, "; "))
	}
	clear(r.memo)
	had, was, edges, listeners := slices.Clone(r.exists), slices.Clone(r.active), slices.Clone(r.edges), slices.Clone(r.listeners)
	r.fresh = r.fresh[:0]
	for _, b := range l.builds {
		if b.op == l.op {
			r.fresh = append(r.fresh, b)
		}
	}
	if len(l.late) > 0 { // a function that returns delivers on its own goroutine, beside whoever has ended what hears of it
		returned := func(b *modelBuild) bool { return b.node.isAsync() && (b.op == l.op || b.ended == l.op) }
		r.check(slices.ContainsFunc(l.builds, returned), "%s", strings.Join(l.late, "; "))
	}
	snap := map[string]weir.ElementInfo{}
	for _, e := range l.c.Snapshot().Elements {
		snap[e.Name] = e
	}
	if l.child != nil {
		for _, e := range l.child.Snapshot().Elements {
			snap[e.Name+"'"] = e
		}
	}
	for name := range snap {
		known := slices.ContainsFunc(r.nodes, func(s *modelNode) bool { return s.name == name })
		r.check(known, "S1: %s is in a container where it does not belong", name)
	}
	for n := len(r.nodes) - 1; n >= 0; n-- { // dependents are higher: they are known when what they watch is judged
		r.count(n, snap)
		r.existence(n, had[n], was[n])
		r.watches(n, snap)
		if v, ok := r.op.wrote[n]; ok {
			b := r.op.lives[n]
			if b == nil || errors.Is(b.cause, weir.ErrDependencyChanged) { // brought up to date first (P11)
				b = r.fresh[slices.IndexFunc(r.fresh, func(b *modelBuild) bool { return b.node.id == n })]
			}
			r.written[n] = modelWrite{b, v, v != r.op.before[n]}
		}
	}
	r.check(!r.op.inert || len(l.events)+len(r.fresh) == 0, "C9: a ref that is over did something: %v", l.events)
	for n := range r.nodes {
		r.builds(n, had[n], was[n], edges)
		r.hooks(n, had[n], was[n], listeners[n], edges)
		r.special(n, had[n], was[n], listeners[n])
	}
	r.endings(edges)
	for _, s := range r.subs {
		r.calls(s)
	}
	for _, f := range r.op.then {
		f()
	}
	builds := len(l.builds)
	for n, s := range r.nodes {
		if r.active[n] {
			v, last := l.units[n].read(l.at(s)), r.published(n)
			r.check(modelAlike(v, last) && modelBare(v) == r.eval(n), "P4: Read(%s) = %v, published %v, recomputed %v", s.name, v, last, r.eval(n))
			r.check(v.err == "" || !v.has || r.delivered(n, v.n), "A1: %v beside the error of %s never was its value", v.n, s.name)
		}
	}
	synctest.Wait()
	r.check(len(l.builds) == builds && len(l.faults) == 0, "P2: a Read of what is fresh builds: %v", l.faults)
	l.mu.Lock() // a timer's goroutine notes events too
	l.late = nil
	l.op, l.events, l.selfs, r.op = l.op+1, nil, nil, modelOp{}
	l.mu.Unlock()
	for _, s := range r.subs {
		s.calls = nil
	}
}

func (r *modelRun) delivered(n, v int) bool {
	return slices.ContainsFunc(r.lib.hist[n], func(h modelHist) bool { return h.val.has && h.val.n == v })
}

// born says whether n was built in this operation.
func (r *modelRun) born(n int) bool {
	return slices.ContainsFunc(r.fresh, func(b *modelBuild) bool { return b.node.id == n })
}

// events counts what happened to builds that ok accepts.
func (r *modelRun) events(what string, ok func(b *modelBuild) bool) (count int) {
	for _, e := range r.lib.events {
		if e.what == what && ok(e.b) {
			count++
		}
	}
	return count
}

// count recounts the listeners of n: subscriptions, and watches of dependents that are there (L1).
func (r *modelRun) count(n int, snap map[string]weir.ElementInfo) {
	listeners, paused, weak := 0, 0, 0
	for _, s := range r.subs {
		switch {
		case s.closed || s.node != n:
		case s.weak:
			weak++
		case s.pauses > 0:
			listeners, paused = listeners+1, paused+1
		default:
			listeners++
		}
	}
	for m := n + 1; m < len(r.nodes); m++ {
		if r.exists[m] && slices.Contains(r.edges[m], n) {
			if listeners++; !r.active[m] {
				paused++
			}
		}
	}
	r.listeners[n], r.active[n] = listeners, listeners > paused
	if e, ok := snap[r.nodes[n].name]; ok {
		r.check(e.Listeners == listeners && e.Paused == paused && e.Weak == weak,
			"L1: Snapshot of %s: %d listeners, %d paused, %d weak; recounted %d, %d, %d",
			e.Name, e.Listeners, e.Paused, e.Weak, listeners, paused, weak)
	}
}

// existence decides from listeners, links and the clock whether n must be there, must not be there, or may be either (L4, L10).
// The clock is when n went on standby or was touched: lo at the earliest, hi at the latest, where the rules leave a choice.
func (r *modelRun) existence(n int, had, was bool) {
	s, now, born := r.nodes[n], time.Now(), r.born(n)
	over := r.events("dispose", func(b *modelBuild) bool { return b.node == s }) > 0
	switch {
	case was, r.active[n], !had, slices.Contains(r.op.touch, n):
		if r.lo[n], r.hi[n] = now, now; len(r.fresh) > 0 && was && !r.active[n] {
			r.lo[n] = r.op.began // at some moment of the time that has passed
		}
	case r.below(slices.Collect(maps.Keys(r.op.emits)), n), over, r.below(r.op.reads, n), slices.ContainsFunc(r.fresh, func(b *modelBuild) bool { return r.reach[b.node.id][n] }):
		r.hi[n] = now
	}
	linked := slices.ContainsFunc(r.links, func(k modelLink) bool { return k.b.node == s && k.b.over == 0 })
	killed := r.op.kills[n] || r.op.unused
	got := !r.gone(n) && r.scope(n, 0).Exists(r.lib.units[n].id())
	if r.exists[n] = got; r.gone(n) {
		return
	}
	if got {
		r.check(had || born, "L10: %s is there and nobody built it", s.name)
		unused := s.auto && r.listeners[n] == 0 && !linked
		r.check(!unused || now.Before(r.hi[n].Add(s.delay)) && (born || !killed || len(r.op.kills) > 1), // of several the order decides
			"L4, L10: %s is unused since %v and still there", s.name, now.Sub(r.hi[n]))
		return
	}
	kept := !s.auto || linked || !killed && now.Before(r.lo[n].Add(s.delay))
	r.check(r.listeners[n] == 0 && !(kept && (had || born)), "L4: %s is gone: %d listeners, linked %v, unused for %v of %v",
		s.name, r.listeners[n], linked, now.Sub(r.lo[n]), s.delay)
}

// watches notes whom the latest build of n watches (P8), and compares the list of elements.
func (r *modelRun) watches(n int, snap map[string]weir.ElementInfo) {
	e, listed := snap[r.nodes[n].name]
	r.edges[n] = nil
	b := r.latest(n)
	r.check(listed == (b != nil) || e.Weak > 0, "%s: exists %v, listed %v", r.nodes[n].name, b != nil, listed)
	if b == nil {
		return
	}
	want, got := map[int]bool{}, map[int]bool{}
	for _, s := range b.seen {
		want[s.to] = true
	}
	for _, name := range e.Dependencies {
		to := slices.IndexFunc(r.nodes, func(s *modelNode) bool { return s.name == name })
		if s := r.nodes[to]; s.twin != nil && r.nodes[n].of != nil {
			to = s.twin.id
		}
		got[to] = true
	}
	late := b.node.isAsync() && b.over != 0 && b.ended == b.op // it was over before what it returned had got through
	r.check(b.cut() || late || fmt.Sprint(want) == fmt.Sprint(got), "P8: %s depends on %v, its latest build watched %v", e.Name, got, want)
	r.edges[n] = slices.Sorted(maps.Keys(got))
}

// builds checks what was built: not more than the rules ask for, not less.
func (r *modelRun) builds(n int, had, was bool, edges [][]int) {
	s, all, inLife := r.nodes[n], r.lib.byNode[n], 0
	for i, b := range all {
		if b.op != r.lib.op {
			continue
		}
		// An emit looks first whether what its build watched is as it was (P3).
		demanded := was || r.active[n] || r.below(r.op.reads, n) || r.below(slices.Collect(maps.Keys(r.op.emits)), n) || slices.ContainsFunc(r.fresh, func(d *modelBuild) bool {
			// What the build before watched counts as long as this one runs (P8).
			return slices.Contains(edges[d.node.id], n) || slices.ContainsFunc(d.seen, func(s modelSeen) bool { return s.to == n })
		})
		r.check(demanded, "P4: %s is built and nobody wants it", s.name)
		if i == 0 || !had && all[i-1].op != b.op || errors.Is(all[i-1].cause, weir.ErrDisposed) {
			inLife = 0
			continue // a life begins
		}
		inLife++
		r.check(errors.Is(all[i-1].cause, weir.ErrInvalidated) || r.moved(all[i-1]), "P2: %s is rebuilt and nothing it watched has changed", s.name)
		r.check(!s.synced || inLife <= 1+r.op.again, "P5: %s is rebuilt %d times for one change set", s.name, inLife)
	}
	b := r.live(n)
	r.check(!r.active[n] || b != nil, "P5: %s is active and stale", s.name)
	if b == nil || !r.active[n] && b.cut() {
		return
	}
	r.check(b.returned != 0, "%s is at rest and its function has not returned", s.name)
	for _, d := range b.seen {
		// Of what is not active only the direct dependents of a state that was set need be over (D4); what may have changed is
		// compared before somebody reads (P2, P4).
		if set := r.nodes[d.to].isState() && r.written[d.to].b == r.latest(d.to) && r.written[d.to].set && d.how != modelHalved; set || r.active[n] {
			now := d.through(r.published(d.to))
			r.check(modelAlike(now, d.val), "D4, P2: %s watched %v of %s, which is %v now: its build must be over", s.name, d.val, r.nodes[d.to].name, now)
		}
	}
}

// hooks checks what the hooks of n's build have heard.
func (r *modelRun) hooks(n int, had, was bool, before int, edges [][]int) {
	b := r.live(n)
	if b == nil {
		return
	}
	s, mine := r.nodes[n], func(e *modelBuild) bool { return e == b }
	r.check(b.ref.Mounted() && b.ref.IsPaused() == !r.active[n], "D1: %s: mounted %v, paused %v, active %v", s.name, b.ref.Mounted(), b.ref.IsPaused(), r.active[n])
	r.check(!s.auto || b.sleeps.unsure || b.sleeps.asleep == !r.active[n], "L2: %s: active %v, told to sleep %v", s.name, r.active[n], b.sleeps.asleep)
	heard := r.events("cancel", mine) + r.events("resume", mine)
	adds, removes, grown := r.events("add", mine), r.events("remove", mine), r.listeners[n]-before
	if b.op == r.lib.op {
		all := r.lib.byNode[n]
		only := !had && (len(all) == 1 || all[len(all)-2].op != b.op)
		r.check(!only || s.isAsync() || adds-removes == r.listeners[n], "D3: %s: %d added, %d removed, %d listeners", s.name, adds, removes, r.listeners[n])
		return
	}
	r.check(adds-removes == grown, "L3: %s: %d added, %d removed, %d more listeners", s.name, adds, removes, grown)
	crossed := s.auto && was != r.active[n]
	// A rebuild can be disposed before its function has begun, with nothing to see of it but what its watches did meanwhile (P8).
	unseen := slices.ContainsFunc(r.op.reads, func(m int) bool { return r.op.kills[m] && m != n && r.reach[m][n] && r.live(m) == nil })
	r.check(len(r.fresh) > 0 || unseen || heard == 0 && !crossed || heard == 1 && crossed, "L2: %s: %d hooks, active %v -> %v", s.name, heard, was, r.active[n])
	came := r.op.again
	if r.op.joined[n] {
		came++
	}
	for m := n + 1; m < len(r.nodes); m++ {
		if !r.nodes[m].synced && r.reach[m][n] {
			return // it may have come and gone between two transitions
		}
		left := r.events("dispose", func(e *modelBuild) bool { return e.node.id == m && errors.Is(e.cause, weir.ErrDisposed) }) > 0
		watched := slices.ContainsFunc(r.fresh, func(e *modelBuild) bool {
			return e.node.id == m && slices.ContainsFunc(e.seen, func(s modelSeen) bool { return s.to == n })
		})
		if watched && (left || r.op.kills[m] || !slices.Contains(edges[m], n)) {
			came++
		}
	}
	r.check(adds <= came, "P8: %s heard of %d new listeners, there are %d", s.name, adds, came)
}

// endings checks why builds are over, and in which order elements went to sleep and went away.
func (r *modelRun) endings(edges [][]int) {
	for i, e := range r.lib.events {
		n, cause := e.b.node.id, e.b.cause
		for _, f := range r.lib.events[:i] {
			apart := (e.b.node.of == nil) != (f.b.node.of == nil) // turns of two containers are in no order
			both := func(end error) bool { return errors.Is(cause, end) && errors.Is(f.b.cause, end) }
			gone := e.what == "dispose" && f.what == "dispose" && (both(weir.ErrDisposed) && !apart || both(weir.ErrContainerClosed))
			if len(r.fresh) == 0 && (gone || e.what == "cancel" && f.what == "cancel" && !apart && !r.op.closed) {
				r.check(!slices.Contains(edges[n], f.b.node.id), "L1, L4: %s of %s before its dependent %s", e.what, f.b.node.name, e.b.node.name)
			}
			early := e.b == f.b && (e.what == "cancel" && f.what == "remove" || e.what == "resume" && f.what == "add")
			r.check(len(r.fresh) > 0 || !early, "L3: %s: %s before %s", e.b.node.name, f.what, e.what)
		}
		r.check(e.what != "manual" || r.op.kills[n], "D2: %s is told that it is invalidated by hand", e.b.node.name)
		if e.what != "dispose" {
			continue
		}
		r.check(!e.b.ref.Mounted(), "L5: build %d of %s is over and mounted", e.b.id, e.b.node.name)
		switch {
		case errors.Is(cause, weir.ErrInvalidated):
			r.check(r.op.kills[n] || r.retried(e.b) || r.op.overs && e.b.node.of == r.nodes[0], "C3, A6: %s is over: %v, and nobody invalidated it", e.b.node.name, cause)
		case errors.Is(cause, weir.ErrDependencyChanged):
			r.check(r.moved(e.b), "P2: %s is over: %v, and nothing it watched has changed", e.b.node.name, cause)
		case errors.Is(cause, weir.ErrDisposed):
			r.check(e.b.node.auto && (!r.exists[n] || r.latest(n) != e.b), "C3: %s is over: %v, and still there", e.b.node.name, cause)
		case errors.Is(cause, weir.ErrContainerClosed):
			r.check(r.gone(n) && r.op.closed, "C3: %s is over: %v", e.b.node.name, cause)
		default:
			r.failf("C3: %s is over: %v", e.b.node.name, cause)
		}
	}
}

// calls checks what a subscription was told: each change once, from what it last saw to what is (P5).
func (r *modelRun) calls(s *modelSub) {
	node, calls := r.nodes[s.node], s.calls
	if s.fire && len(calls) > 0 {
		s.fire = false
		s.chain.start(calls[0].next)
		calls = calls[1:]
	}
	for _, c := range calls {
		if err := s.chain.note(c.prev, c.next); err != nil {
			r.failf("P5: sub %d of %s: %v", s.id, node.name, err)
		}
	}
	r.check(len(calls) == 0 || !s.closed && s.pauses == 0, "P9, G13: sub %d of %s is called, closed %v, paused %v", s.id, node.name, s.closed, s.pauses > 0)
	r.check(!s.fire, "G13: sub %d of %s: FireImmediately did not", s.id, node.name)
	r.check(!node.synced || s.weak || len(calls) <= 1+r.op.again, "P5: sub %d of %s is called %d times for one change set", s.id, node.name, len(calls))
	b := r.live(s.node)
	if s.closed || s.pauses > 0 || b == nil || s.weak && b.cut() {
		return
	}
	now := s.through(r.published(s.node))
	r.check(s.chain.known || !s.cold, "L8: weak sub %d of %s did not hear of the first build", s.id, node.name)
	r.check(!s.chain.known || modelAlike(s.chain.last, now), "P5: sub %d of %s has seen %v, it is %v", s.id, node.name, s.chain.last, now)
}

// ---- checkers of logs

// modelPair checks that OnCancel and OnResume of one build alternate, OnCancel first (L2). An asynchronous build that is told to
// sleep between registering the one and the other may miss that it is awake again.
type modelPair struct{ asleep, both, unsure bool }

func (p *modelPair) note(what string) error {
	p.unsure = p.unsure || !p.both
	if sleep := what == "cancel"; sleep == p.asleep && !p.unsure {
		return fmt.Errorf("%s, and it is asleep already: %v", what, p.asleep)
	}
	p.asleep, p.unsure = what == "cancel", p.unsure && !p.both
	return nil
}

// modelChain checks that each call of a subscription continues where the last one ended, and changes something (P5).
type modelChain[V comparable] struct {
	known bool
	last  V
}

func (c *modelChain[V]) start(v V) { c.known, c.last = true, v }

func (c *modelChain[V]) note(prev, next V) error {
	if c.known && prev != c.last {
		return fmt.Errorf("called with (%v, %v), and %v is what it last saw", prev, next, c.last)
	}
	if prev == next {
		return fmt.Errorf("called with (%v, %v), which are equal", prev, next)
	}
	c.start(next)
	return nil
}

// modelSolo checks that no two goroutines are inside at once (C5, G3).
type modelSolo struct{ inside atomic.Int32 }

func (s *modelSolo) enter() error {
	if n := s.inside.Add(1); n != 1 {
		return fmt.Errorf("%d are inside at once", n)
	}
	return nil
}

func (s *modelSolo) leave() { s.inside.Add(-1) }

// whole says whether a join of two derived values of one source is of one moment: the left is twice the source, the right thrice.
func whole(v int) bool { return v/1000*3 == v%1000*2 }

// opposite says the same of two states that are only written together, with opposite signs.
func opposite(v int) bool { return v/1000-100 == 100-v%1000 }
