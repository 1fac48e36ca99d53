package graph

// This file holds the naive side of the fuzz target in fuzz_test.go: what nodes are made of, and the comparison of the engine with it.

import (
	"slices"

	"github.com/stretchr/testify/require"
)

// ---- what nodes are made of: once for the engine and once for the model, with another get

func (n *fuzzNode) compute(get func(*fuzzNode) int) (v int) {
	switch n.kind {
	case fuzzState:
		return n.value
	case fuzzPick:
		if len(n.sources) == 0 {
			return 0
		}
		rest := slices.Clone(n.sources[1:])
		v = get(n.sources[0])
		if v%2 == 1 {
			slices.Reverse(rest)
		}
		if v%3 == 0 && len(rest) > 0 {
			rest = rest[1:]
		}
		for _, s := range rest {
			v += get(s)
		}
		return v % 5
	}
	for _, s := range n.sources {
		v += get(s)
	}
	return v % 3
}

// seenBy is what n sees of s, whose value is v.
func (n *fuzzNode) seenBy(v int) int {
	if n.kind == fuzzHalf {
		return v / 2
	}
	return v
}

// naive computes n anew. An async node is what it published last.
func (f *fuzzer) naive(n *fuzzNode) int {
	if n.kind == fuzzAsync {
		return n.val
	}
	return n.compute(func(s *fuzzNode) int { return n.seenBy(f.naive(s)) })
}

// ---- moments

func (f *fuzzer) remember() {
	states := make([]int, len(f.nodes))
	for i, n := range f.nodes {
		states[i] = n.value
	}
	f.past = append(f.past, states)
}

// at computes n as of a moment when the states were these.
func (f *fuzzer) at(n *fuzzNode, states []int) int {
	if n.kind == fuzzState {
		return states[n.name[0]-'a']
	}
	return n.compute(func(s *fuzzNode) int { return n.seenBy(f.at(s, states)) })
}

// pure reports whether n is made of states alone.
func (n *fuzzNode) pure() bool {
	return n.kind != fuzzAsync && !slices.ContainsFunc(n.sources, func(s *fuzzNode) bool { return !s.pure() })
}

// ---- comparison

func (f *fuzzer) compare() {
	active := map[*fuzzNode]int{}
	for _, n := range slices.Backward(f.nodes) { // dependents first
		active[n] += n.active
		if active[n] > 0 || n.gen != 0 {
			for _, s := range append(slices.Clone(n.old), n.extra...) {
				active[s]++
			}
		}
	}
	users := map[*fuzzNode]int{}
	for _, n := range f.nodes {
		var want []*Node
		for _, s := range append(slices.Clone(n.old), n.extra...) {
			want = append(want, &s.Node)
			users[s]++
		}
		if got := slices.Collect(n.AllDeps); !slices.Equal(want, got) {
			require.Equal(f.t, names(want), names(got), n.name)
		}
	}
	for _, n := range f.nodes {
		f.same(n, "active users", active[n], n.ActiveUsers())
		f.same(n, "users", users[n]+n.active+n.paused, n.Users())
		if errs := n.Check(n.active+n.paused, n.active); len(errs) > 0 {
			require.Empty(f.t, errs, n.name)
		}
		if n.Has(InFlight) != (n.gen != 0) {
			require.Equal(f.t, n.gen != 0, n.Has(InFlight), n.name)
		}
		if n.Fresh() && n.kind != fuzzAsync {
			f.same(n, "value", f.naive(n), n.val)
		}
		if n.Fresh() && n.kind == fuzzAsync && n.gen == 0 {
			v := 0
			for _, s := range n.sources {
				if s.gen != 0 { // an Await hears nothing of loading
					v = -1
					break
				}
				v += f.naive(s)
			}
			if v >= 0 {
				f.same(n, "result", v%3, n.val)
			}
		}
		if n.Has(Stale) && n.Wanted() && !n.Queued() {
			require.FailNow(f.t, "wanted and forgotten", n.name)
		}
	}
}

func (f *fuzzer) same(n *fuzzNode, what string, want, got int) {
	if want != got { // require is slow
		require.Equal(f.t, want, got, "%s of %s", what, n.name)
	}
}
