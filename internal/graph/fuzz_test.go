package graph

// This file holds the fuzz target: bytes become operations on a small graph, and after each of them the engine is compared with a naive
// model that keeps nothing but lists: values are computed anew, active users counted anew, edges listed as the rules say. At the end
// everything is released, and nothing may be left.

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

type fuzzKind byte

const (
	fuzzState fuzzKind = iota
	fuzzSum            // of what it watches, cut down so that different inputs often give the same value
	fuzzPick           // the first value says which of the others is watched, and in what order
	fuzzHalf           // watches through a filter
	fuzzAsync          // its build takes as many steps as it has dependencies
	fuzzKinds
)

const (
	fuzzLimit = 12
	loading   = 100 // is added to the value of an async node while it loads
)

// fuzzNode is a cell, and all that the model knows of it.
type fuzzNode struct {
	*cell
	kind           fuzzKind
	sources        []*fuzzNode // what it may watch: older nodes only, so there is no cycle
	value          int         // of a state
	active, paused int         // listeners
	old, extra     []*fuzzNode // watches of the last build, and those of this one that it did not have at this place
	matched, step  int         // how many of old were made again; the next source of an async build
	gen            uint64      // the build in flight, 0 if none
	seen           int         // the sum of what that has watched
	waiting        int         // the edge of an Await that waits, -1 if none
}

type fuzzer struct {
	*world
	nodes   []*fuzzNode
	of      map[*cell]*fuzzNode
	input   []byte
	writeIn int // so many watches and steps are to go during which writes happen
	writes  [2]int
	past    [][]int // what the states were since the operation began
}

func (f *fuzzer) next() int {
	if len(f.input) == 0 {
		return 0
	}
	b := f.input[0]
	f.input = f.input[1:]
	return int(b)
}

func (f *fuzzer) pick() *fuzzNode { return f.nodes[f.next()%len(f.nodes)] }

// ---- the engine's side

func (f *fuzzer) add() {
	if len(f.nodes) == fuzzLimit {
		return
	}
	n := &fuzzNode{kind: fuzzKind(f.next()) % fuzzKinds, waiting: -1}
	if len(f.nodes) < 2 {
		n.kind = fuzzState
	}
	if n.kind != fuzzState {
		for range 1 + f.next()%4 {
			if s := f.pick(); !slices.Contains(n.sources, s) {
				n.sources = append(n.sources, s)
			}
		}
	}
	flags := Flags(0)
	if b := f.next(); b&1 != 0 {
		flags = Auto | Usage | Joins | Owner
	}
	n.cell = f.derived(string(rune('a'+len(f.nodes))), flags, func(r *run) int {
		n.restart()
		n.old, n.extra = append(n.old, n.extra...), nil
		return n.compute(func(s *fuzzNode) int { return f.watch(r, n, s) })
	})
	f.of[n.cell] = n
	f.nodes = append(f.nodes, n)
}

func (n *fuzzNode) restart() { n.matched, n.step, n.seen, n.waiting = 0, 0, 0, -1 }

// made notes a watch in the model (rule P8).
func (n *fuzzNode) made(s *fuzzNode) {
	if len(n.extra) == 0 && n.matched < len(n.old) && n.old[n.matched] == s {
		n.matched++
		return
	}
	n.extra = append(n.extra, s)
}

// done drops what the build did not watch again.
func (n *fuzzNode) done() { n.old, n.extra = append(n.old[:n.matched:n.matched], n.extra...), nil }

func (f *fuzzer) watch(r *run, n, s *fuzzNode) (v int) {
	f.bringUp(s, false)
	switch {
	case n.kind == fuzzHalf:
		seen := 0
		sel := &Sel{Changed: func() bool { return n.seenBy(s.val) != seen }}
		f.fitting(r, s)
		f.g.Watch(&n.Node, &s.Node, r.gen, Filtered, sel)
		seen = n.seenBy(s.val)
		v = seen
	case r.quick(s.cell):
		v = s.val
	default:
		f.fitting(r, s)
		f.g.Watch(&n.Node, &s.Node, r.gen, Value, nil)
		v = s.val
	}
	n.made(s)
	f.meanwhile()
	return v
}

// meanwhile is where another goroutine could write.
func (f *fuzzer) meanwhile() {
	if f.writeIn > 0 {
		if f.writeIn--; f.writeIn%4 == 0 {
			f.write(f.state(f.writes[0]+f.writeIn), f.writes[1]+f.writeIn)
		}
	}
}

// state returns a state, the i-th or one after it.
func (f *fuzzer) state(i int) *fuzzNode {
	for ; ; i++ {
		if n := f.nodes[i%len(f.nodes)]; n.kind == fuzzState {
			return n
		}
	}
}

func (f *fuzzer) fitting(r *run, s *fuzzNode) {
	for {
		f.bringUp(s, false)
		dep := f.g.Fits(&r.c.Node, &s.Node, r.gen)
		if dep == nil {
			return
		}
		f.bringUp(f.of[dep.Host.(*cell)], false)
	}
}

// bringUp takes a walk to n. One of a turn does not begin an async build again that nobody listens to.
func (f *fuzzer) bringUp(n *fuzzNode, turn bool) {
	var walk Walk
	walk.Eager = f.writes[1]%2 == 1
	walk.Start(&f.g, &n.Node)
	for range 100_000 {
		f.meanwhile()
		need, at := f.g.Step(&walk)
		if need == Done {
			return
		}
		x := f.of[at.Host.(*cell)]
		switch need {
		case Check:
			walk.Checked(walk.Sel().Changed())
		case Build:
			switch {
			case x.kind != fuzzAsync:
				f.rebuild(x)
			case x.gen != 0:
				f.halt(x)
				if turn && !x.Active() {
					return
				}
			case turn && !x.Active():
				return
			default:
				f.begin(x)
			}
		default:
			require.FailNow(f.t, "a walk would wait for ever", x.name)
		}
	}
	require.FailNow(f.t, "a walk does not end", n.name)
}

func (f *fuzzer) rebuild(x *fuzzNode) {
	f.world.build(x.cell)
	x.done()
	if x.at == 0 || !x.pure() { // discarded, or not to be computed from states
		return
	}
	f.remember()
	for _, states := range f.past { // all that it saw was current together at one moment (P3)
		if f.at(x, states) == x.val {
			return
		}
	}
	require.FailNow(f.t, "a mix was published", "%s is %d", x.name, x.val)
}

func (f *fuzzer) begin(x *fuzzNode) {
	x.restart()
	was := x.val
	x.val = x.val%loading + loading
	x.gen = f.g.Begin(&x.Node, true)
	x.Publish(was != x.val, false, false)
	x.Show()
}

func (f *fuzzer) halt(x *fuzzNode) {
	f.g.Halt(&x.Node)
	x.gen, x.waiting = 0, -1
	x.old, x.extra, x.matched = append(x.old, x.extra...), nil, 0
}

// verified is what an async build does before it goes on: it ends if what it has watched is out of date.
func (f *fuzzer) verified(x *fuzzNode) bool {
	if x.Has(Stale) {
		f.bringUp(x, true)
	}
	return x.gen != 0 && !x.Has(Stale)
}

// advance lets an async build watch its next source, or end.
func (f *fuzzer) advance(x *fuzzNode) {
	gen := x.gen
	if gen == 0 || !f.verified(x) || x.gen != gen {
		return
	}
	if x.step == len(x.sources) {
		f.g.Land(&x.Node)
		x.gen, x.val = 0, x.seen%3
		x.done()
		f.g.Change(&x.Node, true)
		f.g.Ended()
		x.Show()
		return
	}
	s := x.sources[x.step]
	f.bringUp(s, false)
	if x.gen != gen || !f.verified(x) || x.gen != gen || !s.Fresh() {
		return
	}
	if s.kind != fuzzAsync {
		f.g.Advance(&x.Node)
		f.g.Watch(&x.Node, &s.Node, gen, Value, nil)
		x.made(s)
	} else { // Await (rule D10)
		at := f.g.Watch(&x.Node, &s.Node, gen, Waiting, nil)
		if x.waiting < 0 {
			x.made(s)
		}
		if x.waiting = at; s.gen != 0 {
			return
		}
		f.g.Advance(&x.Node)
		f.g.Arm(&x.Node, at, gen, Settled, nil)
		x.waiting = -1
	}
	x.seen += s.val
	x.step++
}

func (f *fuzzer) write(n *fuzzNode, v int) {
	if n.kind != fuzzState || n.phase == Building {
		return
	}
	f.bringUp(n, false)
	if n.value = v % 7; n.value != n.val {
		f.g.Change(&n.Node, true)
		n.val = n.value
		f.g.Ended()
		f.remember()
	}
}

// turn brings up to date what is stale and wanted.
func (f *fuzzer) turn() {
	for i := 0; f.q.Stale() > 0; i++ {
		require.Less(f.t, i, 10_000, "a turn does not end")
		n := f.of[f.q.NextStale().Host.(*cell)]
		if !n.Fresh() && n.Wanted() {
			f.bringUp(n, true)
		}
	}
	for f.q.NextChanged() != nil {
	}
}

func (f *fuzzer) dispose(n *fuzzNode) {
	if n.Users() == 0 && n.phase == Built {
		f.g.Dispose(&n.Node)
		n.gen, n.old, n.extra, n.value, n.waiting = 0, nil, nil, 0, -1
	}
}

func (f *fuzzer) invalidate(n *fuzzNode) {
	if n.phase == Absent {
		return
	}
	if n.gen != 0 {
		f.halt(n)
	}
	n.value = 0
	f.g.Invalidate(&n.Node)
}

func (f *fuzzer) operate() {
	op, n := f.next(), f.pick()
	f.past = f.past[:0]
	f.remember()
	switch op % 16 {
	case 0, 1:
		f.add()
	case 2, 3, 4:
		f.write(f.state(f.next()), f.next())
	case 5:
		f.bringUp(n, false)
		require.True(f.t, n.Fresh(), "nobody wrote meanwhile")
	case 6: // writes while n is brought up to date, and one before, so that there is something to do
		f.write(f.state(f.next()), f.next())
		f.writeIn, f.writes = 1+f.next()%16, [2]int{f.next(), f.next()}
		f.bringUp(n, false)
		f.writeIn = 0
	case 7:
		f.bringUp(n, false)
		n.active++
		f.g.AddListener(&n.Node, false)
	case 8:
		if n.active > 0 {
			n.active--
			f.g.RemoveListener(&n.Node, false)
		}
	case 9:
		if n.active > 0 { // paused
			n.active, n.paused = n.active-1, n.paused+1
			f.g.Use(&n.Node, -1)
		}
	case 10:
		if n.paused > 0 { // resumed
			n.active, n.paused = n.active+1, n.paused-1
			f.g.Use(&n.Node, 1)
			n.Want()
		}
	case 11:
		if n.paused > 0 {
			n.paused--
			f.g.RemoveListener(&n.Node, true)
		}
	case 12:
		f.dispose(n)
	case 13:
		f.invalidate(n)
	case 14, 15:
		for i := 0; i < len(f.nodes) && n.gen == 0; i++ {
			n = f.nodes[(slices.Index(f.nodes, n)+1)%len(f.nodes)]
		}
		f.advance(n)
	}
	if op < 128 { // else the next operation finds marks that nobody has looked at
		f.turn()
	}
}

func fuzzRun(t testing.TB, input []byte) {
	f := &fuzzer{world: newWorld(t), of: map[*cell]*fuzzNode{}, input: input}
	f.add()
	for i := 0; i < 300 && len(f.input) > 0; i++ {
		f.operate()
		f.compare()
	}
	for _, n := range slices.Backward(f.nodes) {
		for ; n.active > 0; n.active-- {
			f.g.RemoveListener(&n.Node, false)
		}
		for ; n.paused > 0; n.paused-- {
			f.g.RemoveListener(&n.Node, true)
		}
		f.dispose(n)
	}
	f.compare()
	for _, n := range f.nodes {
		require.Equal(t, Absent, n.phase, n.name)
		require.Zero(t, len(n.deps)+len(n.outs)+n.Users()+n.ActiveUsers(), n.name)
	}
	f.q.Clear()
	require.False(t, f.q.Work())
	require.Empty(t, f.g.uses)
	require.Empty(t, f.g.marks)
}

func FuzzGraph(f *testing.F) {
	f.Add([]byte{0, 0, 1, 2, 0, 0, 1, 5, 1, 2, 0, 3, 5, 1})
	for seed := range uint64(120) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		input := make([]byte, 400+rnd.IntN(1000))
		for i := range input {
			input[i] = byte(rnd.Uint32())
		}
		for i := 0; i < 24 && seed%2 == 0; i += 2 { // many nodes first
			input[i] = 0
		}
		f.Add(input)
	}
	f.Fuzz(func(t *testing.T, input []byte) { fuzzRun(t, input) })
}
