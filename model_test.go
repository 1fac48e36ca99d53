package weir_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/weir-go/weir"
)

// The model test drives a random graph with random operations and, after each, recomputes from the record of what ran what must be
// there: values from nothing but the states, counts from the edges, what may be disposed from three timestamps. It knows no state
// machine, so that it cannot share a mistake with the library.

// modelRun is one run: the library and the model beside it. The slices indexed by node hold what was so after the last operation.
type modelRun struct {
	lib   *modelLib
	nodes []*modelNode
	reach [][]bool // reach[m][n]: m may depend on n

	subs      []*modelSub
	links     []modelLink
	written   []modelWrite
	exists    []bool
	active    []bool
	listeners []int
	edges     [][]int // whom the latest build watches
	lo, hi    []time.Time
	memo      map[int]modelVal

	fresh []*modelBuild // started in this operation
	op    modelOp
	trace []string
}

type modelLink struct {
	b    *modelBuild
	link *weir.KeepAliveLink
}

type modelWrite struct {
	b   *modelBuild
	v   int
	set bool // it was another value before
}

// modelOp is what an operation is allowed to have caused.
type modelOp struct {
	reads  []int               // read through: stale ones among them and below are rebuilt
	touch  []int               // L4: one more full delay
	kills  map[int]bool        // invalidated by hand
	joined map[int]bool        // has a new subscription
	before map[int]int         // values of the states that are written, before
	wrote  map[int]int         // and after
	lives  map[int]*modelBuild // and their builds, before
	unused bool                // DisposeUnused
	inert  bool                // nothing at all may happen
	again  int                 // rebuilds in one life beyond the one that a change set allows
	then   []func()            // what to check when everything is at rest
}

type modelFault string

// failf ends the run. The text names the rule.
func (r *modelRun) failf(format string, args ...any) { panic(modelFault(fmt.Sprintf(format, args...))) }

func (r *modelRun) check(ok bool, format string, args ...any) {
	if !ok {
		r.failf(format, args...)
	}
}

// runModel runs the operations in data in a bubble and returns the first disagreement. The first byte is the graph's seed.
func runModel(t *testing.T, data []byte, plant string) (trace []string, err error) {
	if len(data) == 0 {
		return nil, nil
	}
	r := &modelRun{}
	defer func() {
		if p := recover(); p != nil { // synctest panics here when goroutines are left over
			trace, err = r.trace, fmt.Errorf("the bubble: %v\n%s", p, stacks())
		}
	}()
	synctest.Test(t, func(t *testing.T) {
		r.start(modelGraph(uint64(data[0])), plant)
		defer func() {
			switch p := recover().(type) {
			case nil:
			case modelFault:
				err = errors.New(string(p))
			default:
				err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
			}
			ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
			defer cancel()
			if e := r.lib.c.Shutdown(ctx); e != nil && err == nil {
				err = fmt.Errorf("Shutdown: %w", e)
			}
		}()
		for op := data[1:]; len(op) >= 3; op = op[3:] {
			r.step(int(op[0]), int(op[1]), int(op[2]))
		}
		r.finish()
	})
	if err != nil {
		for _, b := range r.lib.builds {
			r.trace = append(r.trace, fmt.Sprintf("in operation %d: build %d of %s watched %v, gave %v, over: %v", b.op, b.id, b.node.name, b.seen, b.out, b.cause))
		}
	}
	return r.trace, err
}

func (r *modelRun) start(nodes []*modelNode, plant string) {
	n := len(nodes)
	r.nodes, r.lib = nodes, newModelLib(nodes)
	r.lib.plant = plant
	r.reach, r.edges = make([][]bool, n), make([][]int, n)
	for i, s := range nodes {
		r.reach[i] = make([]bool, n)
		r.reach[i][i] = true
		for _, d := range s.deps {
			for j, ok := range r.reach[d.to] {
				r.reach[i][j] = r.reach[i][j] || ok
			}
		}
		r.trace = append(r.trace, fmt.Sprintf("%s: kind %d auto %v %v deps %v dynamic %v fails %d base %d",
			s.name, s.kind, s.auto, s.delay, s.deps, s.dynamic, s.fails, s.base))
	}
	r.written, r.exists, r.active = make([]modelWrite, n), make([]bool, n), make([]bool, n)
	r.listeners, r.lo, r.hi, r.memo = make([]int, n), make([]time.Time, n), make([]time.Time, n), map[int]modelVal{}
}

// ---- the naive model

// latest is the newest build of a node that is there.
func (r *modelRun) latest(n int) *modelBuild {
	if bs := r.lib.byNode[n]; r.exists[n] && len(bs) > 0 {
		return bs[len(bs)-1]
	}
	return nil
}

// live is the latest build unless it is over.
func (r *modelRun) live(n int) *modelBuild {
	if b := r.latest(n); b != nil && b.over == 0 {
		return b
	}
	return nil
}

// eval computes from nothing but the states what a Read of n must give at rest. An error is just "error" here.
func (r *modelRun) eval(n int) modelVal {
	if v, ok := r.memo[n]; ok {
		return v
	}
	v, ok := r.kept(n)
	if !ok {
		sum, err := r.nodes[n].compute(func(d modelDep) modelVal { return d.through(r.eval(d.to)) })
		if v = modelPlain(sum); err != nil {
			v = modelVal{err: "error"}
		}
	}
	r.memo[n] = v
	return v
}

// kept is the value written to a state, as long as what its initial watched is as it was (P11).
func (r *modelRun) kept(n int) (modelVal, bool) {
	b := r.live(n)
	if b == nil || r.written[n].b != b {
		return modelVal{}, false
	}
	for _, s := range b.seen {
		if s.through(r.eval(s.to)) != s.val {
			return modelVal{}, false
		}
	}
	return modelPlain(r.written[n].v), true
}

// published is what n delivered last, with the identity of errors.
func (r *modelRun) published(n int) modelVal {
	b := r.latest(n)
	if r.written[n].b == b {
		return modelPlain(r.written[n].v)
	}
	return b.out
}

// modelBare leaves out which error it is, and what is kept beside it.
func modelBare(v modelVal) modelVal {
	if v.err != "" {
		return modelVal{err: "error", load: v.load}
	}
	return v
}

// modelAlike compares what builds returned with what was delivered: an error may have an old value beside it (A1).
func modelAlike(a, b modelVal) bool {
	if a.err != "" || b.err != "" {
		return a.err == b.err && a.load == b.load
	}
	return a == b
}

// moved says whether something that b watched has delivered a different value since (P1, P2). What is loading will, and what was
// built on another goroutine in the same operation may have while b was running (P3).
func (r *modelRun) moved(b *modelBuild) bool {
	return slices.ContainsFunc(b.seen, func(s modelSeen) bool {
		raced := !r.nodes[s.to].synced && slices.ContainsFunc(r.lib.byNode[s.to], func(d *modelBuild) bool { return d.op == b.op })
		return raced || s.val.load != "" || slices.ContainsFunc(r.lib.hist[s.to], func(h modelHist) bool {
			return h.seq > s.seq && !modelAlike(s.through(h.val), s.val)
		})
	})
}

// below says whether some node of ms may depend on n, or is n.
func (r *modelRun) below(ms []int, n int) bool {
	return slices.ContainsFunc(ms, func(m int) bool { return r.reach[m][n] })
}

// ---- the comparison

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
	snap := map[string]weir.ElementInfo{}
	for _, e := range l.c.Snapshot().Elements {
		snap[e.Name] = e
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
		r.builds(n, had[n], was[n])
		r.hooks(n, had[n], was[n], listeners[n], edges)
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
			v, last := l.units[n].read(l.c), r.published(n)
			r.check(modelAlike(v, last) && modelBare(v) == r.eval(n), "P4: Read(%s) = %v, published %v, recomputed %v", s.name, v, last, r.eval(n))
			r.check(v.err == "" || !v.has || r.delivered(n, v.n), "A1: %v beside the error of %s never was its value", v.n, s.name)
		}
	}
	synctest.Wait()
	r.check(len(l.builds) == builds && len(l.faults) == 0, "P2: a Read of what is fresh builds: %v", l.faults)
	l.op, l.events, r.op = l.op+1, nil, modelOp{}
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
		r.lo[n], r.hi[n] = now, now
	case born, over, r.below(r.op.reads, n):
		r.hi[n] = now
	}
	linked := slices.ContainsFunc(r.links, func(k modelLink) bool { return k.b.node == s && k.b.over == 0 })
	killed := r.op.kills[n] || r.op.unused
	got := r.lib.c.Exists(r.lib.units[n].id())
	r.exists[n] = got
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
		got[slices.IndexFunc(r.nodes, func(s *modelNode) bool { return s.name == name })] = true
	}
	r.check(b.cut() || fmt.Sprint(want) == fmt.Sprint(got), "P8: %s depends on %v, its latest build watched %v", e.Name, got, want)
	r.edges[n] = slices.Sorted(maps.Keys(got))
}

// builds checks what was built: not more than the rules ask for, not less.
func (r *modelRun) builds(n int, had, was bool) {
	s, all, inLife := r.nodes[n], r.lib.byNode[n], 0
	for i, b := range all {
		if b.op != r.lib.op {
			continue
		}
		demanded := was || r.active[n] || r.below(r.op.reads, n) || slices.ContainsFunc(r.fresh, func(d *modelBuild) bool {
			return slices.ContainsFunc(d.seen, func(s modelSeen) bool { return s.to == n })
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
		if set := r.written[d.to].b == r.latest(d.to) && r.written[d.to].set && d.how != modelHalved; set || r.active[n] {
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
	r.check(len(r.fresh) > 0 || heard == 0 && !crossed || heard == 1 && crossed, "L2: %s: %d hooks, active %v -> %v", s.name, heard, was, r.active[n])
	came := 0
	if r.op.joined[n] {
		came = 1
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
			gone := e.what == "dispose" && f.what == "dispose" && errors.Is(cause, weir.ErrDisposed) && errors.Is(f.b.cause, weir.ErrDisposed)
			if len(r.fresh) == 0 && (gone || e.what == "cancel" && f.what == "cancel") {
				r.check(!slices.Contains(edges[n], f.b.node.id), "L1, L4: %s of %s before its dependent %s", e.what, f.b.node.name, e.b.node.name)
			}
			early := e.b == f.b && (e.what == "cancel" && f.what == "remove" || e.what == "resume" && f.what == "add")
			r.check(len(r.fresh) > 0 || !early, "L3: %s: %s before %s", e.b.node.name, f.what, e.what)
		}
		if e.what != "dispose" {
			continue
		}
		r.check(!e.b.ref.Mounted(), "L5: build %d of %s is over and mounted", e.b.id, e.b.node.name)
		switch {
		case errors.Is(cause, weir.ErrInvalidated):
			r.check(r.op.kills[n], "C3: %s is over: %v, and nobody invalidated it", e.b.node.name, cause)
		case errors.Is(cause, weir.ErrDependencyChanged):
			r.check(r.moved(e.b), "P2: %s is over: %v, and nothing it watched has changed", e.b.node.name, cause)
		case errors.Is(cause, weir.ErrDisposed):
			r.check(e.b.node.auto && (!r.exists[n] || r.latest(n) != e.b), "C3: %s is over: %v, and still there", e.b.node.name, cause)
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
	r.check(!node.synced || len(calls) <= 1+r.op.again, "P5: sub %d of %s is called %d times for one change set", s.id, node.name, len(calls))
	b := r.live(s.node)
	if s.closed || s.pauses > 0 || b == nil || s.weak && b.cut() {
		return
	}
	now := s.through(r.published(s.node))
	r.check(s.chain.known || !s.cold, "L8: weak sub %d of %s did not hear of the first build", s.id, node.name)
	r.check(!s.chain.known || modelAlike(s.chain.last, now), "P5: sub %d of %s has seen %v, it is %v", s.id, node.name, s.chain.last, now)
}

// ---- the tests

// finish looks at every value once more, releases everything and lets time pass.
func (r *modelRun) finish() {
	for n := range r.nodes {
		r.do(fmt.Sprintf("finally listen to %s", r.nodes[n].name), func() { r.listen(n, 0) })
		r.do("and close", func() { r.close(r.subs[len(r.subs)-1]) })
	}
	for _, s := range r.subs {
		r.do(fmt.Sprintf("finally close sub %d", s.id), func() { r.close(s) })
	}
	for len(r.links) > 0 {
		r.do("finally close a link", func() { r.unlink(0) })
	}
	r.do("let an hour pass", func() { time.Sleep(time.Hour) })
	if !slices.ContainsFunc(r.nodes, func(s *modelNode) bool { return !s.auto }) {
		r.check(len(r.lib.c.Snapshot().Elements) == 0, "L4: elements after everything was released: %v", r.lib.c.Snapshot().Elements)
	}
	r.lib.c.Close()
	synctest.Wait()
	r.check(len(r.lib.c.Snapshot().Elements) == 0, "G12: elements after Close: %v", r.lib.c.Snapshot().Elements)
	for i, e := range r.lib.events {
		r.check(errors.Is(e.b.cause, weir.ErrContainerClosed), "G12: %s of %s at Close: %v", e.what, e.b.node.name, e.b.cause)
		for _, f := range r.lib.events[:i] {
			r.check(!slices.Contains(r.edges[e.b.node.id], f.b.node.id), "S3: %s is closed before its dependent %s", f.b.node.name, e.b.node.name)
		}
	}
	for _, b := range r.lib.builds {
		r.check(b.over != 0 && !b.ref.Mounted(), "L5: build %d of %s is never over", b.id, b.node.name)
	}
	r.check(len(r.lib.faults) == 0, "%s", strings.Join(r.lib.faults, "; "))
}

var modelSeeds = flag.Int("weir.modelseeds", 300, "seeds that TestModel runs; WEIR_MODEL_SEEDS in the environment does the same")

// modelBytes makes the operations of a seed.
func modelBytes(seed uint64, ops int) []byte {
	rng := rand.New(rand.NewPCG(seed, 2))
	data := make([]byte, 1+3*ops)
	for i := range data {
		data[i] = byte(rng.UintN(256))
	}
	return data
}

// shrinkModel drops operations as long as the run still fails.
func shrinkModel(t *testing.T, data []byte, trace []string, err error) ([]byte, []string, error) {
	for before := 0; before != len(data); {
		before = len(data)
		for i := len(data) - 3; i >= 1; i -= 3 {
			less := slices.Concat(data[:i], data[i+3:])
			if tr, e := runModel(t, less, ""); e != nil {
				data, trace, err = less, tr, e
			}
		}
	}
	return data, trace, err
}

func failModel(t *testing.T, what string, data []byte, trace []string, err error) {
	t.Helper()
	data, trace, err = shrinkModel(t, data, trace, err)
	t.Fatalf("%s: %v\nas bytes: []byte(%q)\n%s", what, err, data, strings.Join(trace, "\n"))
}

func TestModel(t *testing.T) {
	// L1 to L10, C3, P1 to P11, D1 to D5: whatever the order of operations on whatever graph.
	seeds := *modelSeeds
	if n, err := strconv.Atoi(os.Getenv("WEIR_MODEL_SEEDS")); err == nil {
		seeds = n
	}
	if testing.Short() {
		seeds = min(seeds, 50)
	}
	for seed := range uint64(seeds) {
		data := modelBytes(seed, 60)
		if trace, err := runModel(t, data, ""); err != nil {
			failModel(t, fmt.Sprint("seed ", seed), data, trace, err)
		}
	}
}

func FuzzModel(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(modelBytes(seed, 20))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		data = data[:min(len(data), 1+3*100)]
		if trace, err := runModel(t, data, ""); err != nil {
			t.Fatalf("%v\n%s", err, strings.Join(trace, "\n"))
		}
	})
}

func TestModelSeesPlantedBugs(t *testing.T) {
	// Negative control: a record with a mistake planted in it must be found within a few seeds, and by the right rule.
	for plant, rule := range map[string]string{
		"wrong value": "", "lost call": "P5", "lost cancel": "L2", "lost resume": "L2", "lost add": "", "lost remove": "L3",
		"lost dispose": "", "dispose twice": "L5", "lost manual": "D2", "leak": "L1", "lost write": "",
	} {
		t.Run(plant, func(t *testing.T) {
			for seed := range uint64(30) {
				if _, err := runModel(t, modelBytes(seed, 60), plant); err != nil {
					require.ErrorContains(t, err, rule)
					return
				}
			}
			t.Fatal("nobody noticed")
		})
	}
}
