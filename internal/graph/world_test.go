package graph

// This file holds what the tests of this package share: a host, and a driver that does with the engine what package weir does, on one
// goroutine and without a lock. It asserts nothing but that the engine asks for nothing senseless.

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// world is a graph with a queue, and a record of what happened in it.
type world struct {
	t     testing.TB
	g     Graph
	q     Queue
	built []string // names, in the order in which builds began
	heard []string // "name Event", in the order in which hosts were told
	quick int      // watches that found what they expected without the lock
	all   []*cell
}

// cell is a node with an int, and the host of it.
type cell struct {
	Node
	w    *world
	name string
	make func(r *run) int
	val  int
	has  bool
}

// run is the synchronous build of a cell, as its function sees it.
type run struct {
	w   *world
	c   *cell
	gen uint64
}

var eventNames = [...]string{"OffDuty", "OnDuty", "Removed", "Added", "Unused", "Off", "On", "Queued", "Wake"}

func (c *cell) NodeEvent(ev Event) { c.w.heard = append(c.w.heard, c.name+" "+eventNames[ev]) }

func newWorld(t testing.TB) *world {
	w := &world{t: t}
	w.g.Init()
	return w
}

// derived adds a cell that make builds. flags say what its host wants to hear.
func (w *world) derived(name string, flags Flags, make func(r *run) int) *cell {
	c := &cell{w: w, name: name, make: make}
	c.Host, c.Queue = c, &w.q
	c.Set(flags)
	w.all = append(w.all, c)
	return c
}

// state adds a cell that is set from outside.
func (w *world) state(name string, v int) *cell {
	return w.derived(name, 0, func(*run) int { return v })
}

// sum adds a cell that watches srcs in order and adds them up.
func (w *world) sum(name string, srcs ...*cell) *cell {
	return w.derived(name, 0, func(r *run) int { return r.sum(srcs...) })
}

// tens adds a cell that changes only with the tens of src.
func (w *world) tens(name string, src *cell) *cell {
	return w.derived(name, 0, func(r *run) int { return r.watch(src) / 10 })
}

// fresh brings c up to date and returns its value.
func (w *world) fresh(c *cell) int {
	var walk Walk
	walk.Start(&w.g, &c.Node)
	w.finish(&walk)
	return c.val
}

// finish takes a walk to its end.
func (w *world) finish(walk *Walk) {
	for {
		need, n := w.g.Step(walk)
		switch need {
		case Done:
			return
		case Build:
			w.build(n.Host.(*cell))
		case Check:
			walk.Checked(walk.Sel().Changed())
		default:
			require.FailNow(w.t, "a walk would wait for ever", n.Host.(*cell).name)
		}
	}
}

// build runs a synchronous build of c and publishes what it may.
func (w *world) build(c *cell) {
	r := w.begin(c)
	w.end(r, c.make(r))
}

func (w *world) begin(c *cell) *run {
	w.built = append(w.built, c.name)
	return &run{w, c, w.g.Begin(&c.Node, false)}
}

func (w *world) end(r *run, v int) (ok bool) {
	c := r.c
	if !w.g.Commit(&c.Node) {
		w.g.Discard(&c.Node)
		return false
	}
	changed := !c.has || v != c.val
	c.val, c.has = v, true
	c.Publish(changed, changed, false)
	c.Show()
	return true
}

// launch begins an asynchronous build of c.
func (w *world) launch(c *cell) (gen uint64) {
	w.built = append(w.built, c.name)
	gen = w.g.Begin(&c.Node, true)
	c.Publish(true, false, false)
	c.Show()
	return gen
}

// set makes v the value of a state.
func (w *world) set(c *cell, v int) {
	if w.fresh(c) == v {
		return
	}
	w.g.Change(&c.Node, true)
	c.val = v
	w.g.Ended()
}

// watch is Watch in a synchronous build: without the lock if src is what the last build watched here, else in full.
func (r *run) watch(src *cell) int {
	if r.quick(src) {
		r.w.quick++
		return src.val
	}
	return r.slow(src, Value, nil)
}

func (r *run) quick(src *cell) bool {
	n := &r.c.Node
	expected, word := n.Expected(r.gen)
	return expected == &src.Node && src.Word.Load()&Readable != 0 && r.w.g.Epoch() < r.gen && n.Matched(word)
}

func (r *run) slow(src *cell, kind Kind, sel *Sel) int {
	w := r.w
	for {
		w.fresh(src)
		dep := w.g.Fits(&r.c.Node, &src.Node, r.gen)
		if dep == nil {
			w.g.Watch(&r.c.Node, &src.Node, r.gen, kind, sel)
			return src.val
		}
		w.fresh(dep.Host.(*cell))
	}
}

// through watches what f makes of src.
func (r *run) through(src *cell, f func(int) int) int {
	seen := 0
	sel := &Sel{Changed: func() bool { return f(src.val) != seen }}
	seen = f(r.slow(src, Filtered, sel))
	return seen
}

func (r *run) sum(srcs ...*cell) (v int) {
	for _, s := range srcs {
		v += r.watch(s)
	}
	return v
}

// record returns what happened since the last call.
func (w *world) record() (built, heard []string) {
	built, heard = w.built, w.heard
	w.built, w.heard, w.quick = nil, nil, 0
	return built, heard
}

// listen and leave add and remove a listener that is not paused.
func (w *world) listen(c *cell) { w.g.AddListener(&c.Node, false) }
func (w *world) leave(c *cell)  { w.g.RemoveListener(&c.Node, false) }

// sound fails the test if an invariant is broken; listeners are counted by the caller only where the engine must not be trusted.
func (w *world) sound() {
	w.t.Helper()
	for _, c := range w.all {
		if c.phase != Building && c.flags&InFlight == 0 {
			require.Zero(w.t, c.cursor|c.old, "%s: no build is running", c.name)
		}
		active := int(c.active - c.waiters)
		for i := range c.outs {
			if c.outs[i].dst.On() {
				active--
			}
		}
		require.GreaterOrEqual(w.t, active, 0, c.name)
		require.LessOrEqual(w.t, active, int(c.subs), c.name)
		require.Empty(w.t, c.Check(int(c.subs), active), c.name)
	}
}

// names lists nodes by the names of their cells.
func names(ns []*Node) (out []string) {
	for _, n := range ns {
		out = append(out, n.Host.(*cell).name)
	}
	return out
}

func (c *cell) watches() []string { return names(slices.Collect(c.Deps)) }

// level names the stale bits.
func level(c *cell) string {
	switch {
	case c.Has(Dirty):
		return "dirty"
	case c.Has(Pending):
		return "pending"
	}
	return "fresh"
}
