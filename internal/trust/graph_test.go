package trust_test

// This file owns what a program's graph is made of, and what every value in it must be: a function of the registers.

import (
	"fmt"
	"strings"
)

// A value names the registers it was made of, so that one that mixes two moments shows it by itself: eleven bits for each
// register (absent, or one more than its value), two for one of which only the parity is known, and a bit for those that contradict.
const (
	slots    = 4 // registers that one node can see: three of the root, and the scoped one of its container
	slotBits = 11
	slotMask = 1<<slotBits - 1
	parities = slots * slotBits
	torn     = 1 << (parities + 2*slots)

	// What of an AsyncValue is not its value.
	hasValue   = torn << 1
	loading    = torn << 2
	failed     = torn << 3
	refreshing = torn << 4
	reloading  = torn << 5
	retrying   = torn << 6
	valueMask  = torn<<1 - 1
)

func packed(slot, v int) int { return (v + 1) << (slot * slotBits) }

func exact(v, slot int) int { return v >> (slot * slotBits) & slotMask }

func parity(v, slot int) int { return v >> (parities + 2*slot) & 3 }

// join puts two values together.
func join(a, b int) int {
	out := (a | b) & (torn | loading)
	for s := range slots {
		x, y, p, q := exact(a, s), exact(b, s), parity(a, s), parity(b, s)
		odd := func(x int) int { return 2 | (x-1)&1 }
		switch {
		case x != 0 && y != 0 && x != y, p != 0 && q != 0 && p != q, x != 0 && q != 0 && odd(x) != q, y != 0 && p != 0 && odd(y) != p:
			out |= torn
		}
		out |= max(x, y)<<(s*slotBits) | max(p, q)<<(parities+2*s)
	}
	return out
}

// halved keeps of each register no more than whether it is odd: most changes do not get through it (P1).
func halved(v int) int {
	out := v & (torn | loading)
	for s := range slots {
		if x := exact(v, s); x != 0 {
			out |= (2 | (x-1)&1) << (parities + 2*s)
		}
		out |= parity(v, s) << (parities + 2*s)
	}
	return out
}

// odd says of a value made of one register alone whether that is odd.
func odd(v int) int {
	for s := range slots {
		if x := exact(v, s); x != 0 {
			return (x - 1) & 1
		}
		if p := parity(v, s); p != 0 {
			return p & 1
		}
	}
	return 0
}

// show is a value for people.
func show(v int) string {
	var b strings.Builder
	for _, f := range []struct {
		bit  int
		name string
	}{{torn, "torn "}, {loading, "loading "}, {failed, "failed "}, {refreshing, "refreshing "}, {reloading, "reloading "}, {retrying, "retrying "}} {
		if v&f.bit != 0 {
			b.WriteString(f.name)
		}
	}
	for s := range slots {
		if x := exact(v, s); x != 0 {
			fmt.Fprintf(&b, "r%d=%d ", s, x-1)
		}
		if p := parity(v, s); p != 0 {
			fmt.Fprintf(&b, "r%d%%2=%d ", s, p&1)
		}
	}
	return "{" + strings.TrimSuffix(b.String(), " ") + "}"
}

// ---- the graph

type nodeKind uint8

const (
	register nodeKind = iota // the first four nodes: three of the root, the last one scoped
	derived
	peek // watches an async one, whatever that is at the moment
	try
	future
	stream
)

func (k nodeKind) String() string {
	return [...]string{"register", "derived", "peek", "try", "future", "stream"}[k]
}

func (k nodeKind) async() bool { return k >= try }

type nodeHow uint8

const (
	whole    nodeHow = iota // all it watches
	half                    // the same, halved
	switched                // the first says which of the others is watched
)

const (
	scopedReg = 3
	maxConts  = 3
)

// node is one provider.
type node struct {
	kind    nodeKind
	how     nodeHow
	deps    []int
	sel     bool // watches through a selection
	member  bool // of a family
	auto    bool // AutoDispose
	delay   int  // how long it stays, one of few
	yields  int  // how long its builds take
	flaky   bool // every other build fails, and is retried
	overlap bool // AllowOverlap
	scoped  bool // made of the scoped register
	late    bool // what it awaits may settle later: until then it keeps what it had of that (D10), beside what it watches
}

// graph is what a program works on.
type graph struct {
	nodes  []node
	init   [slots + maxConts - 1]int // of the registers: the root's, then those that children override
	note   [3]bool                   // the register is a notifier
	tuned  bool                      // the scoped register is no state: UpdateOverrides writes it
	conts  int                       // the root, and children
	parent [maxConts]int             // of the children
	unique bool                      // no register is given the same value twice
	bubble bool                      // time is that of a bubble
}

// registers is the state of the model.
type registers [slots + maxConts - 1]int

// home is the container in which node n, seen from cont, lives.
func (g *graph) home(n, cont int) int {
	if g.nodes[n].scoped {
		return cont
	}
	return 0
}

// at is which register node n is, seen from cont.
func (g *graph) at(n, cont int) int {
	if n == scopedReg {
		return n + cont
	}
	return n
}

// eval is what n must be, seen from cont, if the registers are at.
func (g *graph) eval(n, cont int, at *registers) int {
	var memo [16]int
	var done [16]bool
	var of func(n int) int
	of = func(n int) int {
		if done[n] {
			return memo[n]
		}
		v, x := 0, &g.nodes[n]
		if x.kind == register {
			v = packed(n, at[g.at(n, cont)])
		} else {
			v = x.compute(func(i int) int { return x.filter(of(x.deps[i])) })
		}
		memo[n], done[n] = v, true
		return v
	}
	return of(n)
}

// compute is what builds do with what they watch.
func (x *node) compute(dep func(i int) int) (v int) {
	switch x.how {
	case switched:
		first := dep(0)
		return join(first, dep(1+odd(first)%(len(x.deps)-1)))
	default:
		for i := range x.deps {
			v = join(v, dep(i))
		}
		if x.how == half {
			v = halved(v)
		}
		return v
	}
}

func (x *node) filter(v int) int {
	if x.sel {
		return halved(v)
	}
	return v
}

func (g *graph) name(n int) string { return fmt.Sprintf("%v %d", g.nodes[n].kind, n) }

func (g *graph) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "registers %v, notifiers %v, tuned %v, %d containers, parents %v, bubble %v\n",
		g.init, g.note, g.tuned, g.conts, g.parent[:g.conts], g.bubble)
	for n, x := range g.nodes[slots:] {
		fmt.Fprintf(&b, "%s of %v", g.name(n+slots), x.deps)
		for _, f := range []struct {
			on   bool
			name string
		}{{x.how == half, "halved"}, {x.how == switched, "switched"}, {x.sel, "by Select"}, {x.member, "family"}, {x.auto, fmt.Sprint("auto ", x.delay)},
			{x.flaky, "flaky"}, {x.overlap, "overlap"}, {x.scoped, "scoped"}, {x.late, "late"}, {x.yields > 0, fmt.Sprint("yields ", x.yields)}} {
			if f.on {
				b.WriteString(", " + f.name)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}
