package trust_test

// This file owns programs: made from a seed, written down for people.

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// op is one operation of a program.
type op struct {
	verb verb
	node int
	cont int
	arg  int    // whatever else it needs: a place for a subscription, a delay
	mask int    // of a batch: the registers
	vals [3]int // what is written; of Listen: what it does when called, its option, and what it writes then
}

type program struct {
	*graph
	seed uint64
	ops  [][]op // for each goroutine
	last [3]int // what the registers are set to in the end, all at once
}

func (o op) String() string {
	return fmt.Sprintf("%v node %d in %d (%d, %b, %v)", o.verb, o.node, o.cont, o.arg, o.mask, o.vals)
}

func (p *program) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "WEIR_TRUST_SEED=%d\n%v", p.seed, p.graph)
	for i, ops := range p.ops {
		fmt.Fprintf(&b, "goroutine %d\n", i)
		for _, o := range ops {
			fmt.Fprintf(&b, "\t%v\n", o)
		}
	}
	fmt.Fprintf(&b, "in the end the registers are set to %v\n", p.last)
	return b.String()
}

// maker makes one program.
type maker struct {
	*rand.Rand
	g     *graph
	limit int // values are below, unless each is new
	next  int
	verbs []verb
}

func (m *maker) chance(in int) bool { return m.IntN(in) == 0 }

// value is what a register is set to.
func (m *maker) value() int {
	if m.g.unique {
		m.next++
		return min(m.next, slotMask-2)
	}
	return m.IntN(m.limit)
}

func newProgram(seed uint64) *program {
	m := &maker{Rand: rand.New(rand.NewPCG(seed, 1)), limit: 2}
	if m.chance(2) {
		m.limit = 5
	}
	m.g = &graph{nodes: make([]node, slots), conts: 1, bubble: m.chance(4), unique: m.chance(2)}
	g := m.g
	g.nodes[scopedReg].scoped = true
	if m.chance(2) {
		g.conts = 2 + m.IntN(2)
		g.parent[2] = m.IntN(2)
		g.tuned = m.chance(2)
	}
	for i := range g.note {
		g.note[i] = m.chance(4)
	}
	for i := range g.init {
		g.init[i] = m.value()
	}
	for range 1 + m.IntN(6) {
		m.node()
	}
	m.mix()
	p := &program{graph: g, seed: seed, ops: make([][]op, 2+m.IntN(4))}
	length := 5 + m.IntN(25)
	for i := range p.ops {
		for range length {
			p.ops[i] = append(p.ops[i], m.op())
		}
	}
	for i := range p.last {
		p.last[i] = m.value()
	}
	return p
}

// node adds a node to the graph.
func (m *maker) node() {
	g := m.g
	x := node{kind: []nodeKind{derived, derived, derived, derived, peek, try, future, future, stream}[m.IntN(9)], yields: m.IntN(4)}
	may := func(d int) bool { // be watched
		k := g.nodes[d].kind
		return k != peek && (x.kind == peek) == k.async() || k.async() && x.kind >= future
	}
	var from []int
	for d := range g.nodes {
		if may(d) && (d != scopedReg || m.chance(2)) {
			from = append(from, d, d)
			if d >= slots { // rather deep than wide
				from = append(from, d, d)
			}
		}
	}
	if len(from) == 0 {
		return
	}
	want := 1 + m.IntN(3)
	if x.kind == peek {
		want = 1
	} else if m.chance(4) {
		x.how, want = switched, 3
		x.deps = append(x.deps, m.IntN(3))
	} else if m.chance(4) {
		x.how = half
	}
	for len(x.deps) < want {
		x.deps = append(x.deps, from[m.IntN(len(from))])
	}
	for _, d := range x.deps {
		x.scoped = x.scoped || g.nodes[d].scoped
	}
	if x.kind != peek {
		x.sel = m.chance(5)
		x.member = m.chance(4) && (x.kind == derived || x.kind == future) && !x.scoped
		x.flaky = m.chance(4) && (x.kind == try || x.kind == future)
		x.overlap = m.chance(8) && x.kind == future
	}
	for _, d := range x.deps {
		y := g.nodes[d]
		x.late = x.late || y.late || x.kind != peek && y.kind.async() && (y.kind != try || y.flaky)
	}
	x.auto, x.delay = m.chance(2), m.IntN(3)
	g.nodes = append(g.nodes, x)
}

// mix decides how often what is done.
func (m *maker) mix() {
	weights := [verbs]int{set: 4, update: 3, batch: 3, reset: 1, read: 5, refresh: 1, resolve: 3, values: 1, tune: 1, listen: 5, shut: 2, pause: 2, resume: 3,
		invalidate: 2, unused: 1, flush: 1, sleep: 1, keep: 1}
	for v := range weights {
		for range weights[v] * m.IntN(3) {
			m.verbs = append(m.verbs, verb(v))
		}
	}
	m.verbs = append(m.verbs, set, read, listen)
}

func (m *maker) op() op {
	g := m.g
	o := op{verb: m.verbs[m.IntN(len(m.verbs))], node: m.IntN(len(g.nodes)), arg: m.IntN(16)}
	if m.chance(2) {
		o.cont = m.IntN(g.conts)
	}
	switch o.verb {
	case set, update, reset:
		o.node = m.IntN(3)
		if o.cont > 0 && !g.tuned {
			o.node = scopedReg
		} else {
			o.cont = 0
		}
		if o.vals[0] = m.value(); o.verb == update && !g.unique {
			o.vals[1] = m.limit
		}
		if o.verb == reset && g.unique { // it would be the same value twice
			o.verb = read
		}
	case tune:
		if !g.tuned || o.cont == 0 {
			o.verb = read
			break
		}
		o.node, o.vals[0] = scopedReg, m.value()
	case batch:
		o.node, o.cont, o.mask = 0, 0, 1+m.IntN(7)
		for i := range o.vals {
			o.vals[i] = m.value()
		}
	case resolve:
		if !g.nodes[o.node].kind.async() {
			o.verb = read
		}
	case refresh:
		if o.node < slots { // a reset, too
			o.verb = read
		}
	case invalidate:
		if o.node < slots {
			o.verb = read
		}
	case listen:
		o.vals = [3]int{m.IntN(12), m.IntN(4), m.value()}
		if m.g.unique && o.vals[0] == 1 {
			m.value() // for the second time
		}
	}
	return o
}
