package graph

// This file tests what of a Walk is seen only where somebody comes in between: walks that are aimed anew, what an eager one pulls, and
// whom a walk would wait for. What a walk runs is tested in graph_test.go.

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAWalkThatIsAimedAnewForgetsWhereItStood(t *testing.T) {
	w := newWorld(t)
	s := w.state("s", 1)
	p, other := w.sum("p", s), w.sum("other", s)
	x := w.sum("x", p)
	w.fresh(x)
	w.fresh(other)
	w.set(s, 2)
	for name, aim := range map[string]func(*Walk){
		"start": func(walk *Walk) { walk.Start(&w.g, &other.Node) },
		"again": func(walk *Walk) { walk.Again(&other.Node) },
	} {
		var walk Walk
		walk.Start(&w.g, &x.Node)
		w.g.Step(&walk)
		require.Equal(t, []string{"x", "p"}, names(slices.Collect(walk.Path)), name)
		for n := range walk.Path {
			require.Same(t, &x.Node, n, name)
			break
		}
		aim(&walk)
		need, n := w.g.Step(&walk)
		require.Equal(t, Build, need, name)
		require.Same(t, &other.Node, n, name)
		require.Equal(t, []string{"other"}, names(slices.Collect(walk.Path)), name)
	}
}

func TestAStaleBuildInFlightSatisfiesNobody(t *testing.T) { // P8: it has a value all the while, of no moment
	w := newWorld(t)
	s := w.state("s", 1)
	p := w.sum("p", s)
	x := w.sum("x", p)
	w.fresh(p)
	gen := w.launch(x)
	w.g.Watch(&x.Node, &p.Node, gen, Value, nil)
	var walk Walk
	walk.Start(&w.g, &x.Node)
	require.True(t, walk.good(&x.Node))
	w.set(s, 2)
	require.False(t, walk.good(&x.Node), "though it began after the walk")
	w.g.Halt(&x.Node)
	require.True(t, walk.good(&x.Node), "that is for those in flight")
}

func TestAnEagerWalkLooksAtTheNewWatchesOfWhatWasRebuilt(t *testing.T) { // else a deep graph that changed meanwhile is on the stack
	w := newWorld(t)
	s := w.state("s", 1)
	p, q, r := w.sum("p", s), w.sum("q", s), w.sum("r", s)
	next := []*cell{p, s, q}
	x := w.derived("x", 0, func(r *run) int { return r.sum(next...) })
	w.fresh(x)
	w.set(s, 2)
	walk := Walk{Eager: true}
	walk.Start(&w.g, &x.Node)
	_, n := w.g.Step(&walk)
	require.Same(t, &p.Node, n)
	w.build(p)
	_, n = w.g.Step(&walk)
	require.Same(t, &q.Node, n, "the second that is not up to date")
	next = []*cell{r, s}
	w.fresh(x) // somebody else was quicker
	w.fresh(q)
	w.set(s, 3)
	walk.Start(&w.g, &x.Node)
	_, n = w.g.Step(&walk)
	require.Same(t, &r.Node, n)
	next = []*cell{p, q, s}
	w.fresh(x)
	w.set(s, 4)
	w.build(r)
	walk.start = w.g.Epoch() // so that what was good enough is not
	_, n = w.g.Step(&walk)
	require.Same(t, &p.Node, n, "the first of the watches that it has now")
}

func TestAnEagerWalkWaitsForNothingThatItsBuildMayNotWant(t *testing.T) {
	w := newWorld(t)
	s := w.state("s", 1)
	p, q := w.sum("p", s), w.sum("q", s)
	x := w.sum("x", p, q, s)
	w.fresh(x)
	w.set(s, 2)
	step := func() *Node {
		walk := Walk{Eager: true}
		walk.Start(&w.g, &x.Node)
		need, n := w.g.Step(&walk)
		require.Equal(t, Build, need)
		return n
	}
	require.Same(t, &p.Node, step())
	p.Set(Blocked)
	require.Same(t, &q.Node, step(), "the hooks of p are running")
	r := w.begin(q)
	require.Same(t, &x.Node, step(), "and q is being built")
	w.end(r, r.sum(s))
}

func TestAnEagerWalkPullsTheRestOnceOneHasChanged(t *testing.T) {
	w := newWorld(t)
	s := w.state("s", 1)
	p, q := w.sum("p", s), w.sum("q", s)
	x := w.sum("x", p, q)
	w.fresh(x)
	w.set(s, 2)
	for eager, want := range map[bool]string{false: "x", true: "q"} {
		x.flags &^= Dirty
		walk := Walk{Eager: eager}
		walk.Start(&w.g, &x.Node)
		w.fresh(p)
		need, n := w.g.Step(&walk)
		require.Equal(t, Build, need)
		require.Equal(t, want, n.Host.(*cell).name)
	}
}

func TestWhatIsJudgedWhileAWalkPullsIsAskedFromTheFirst(t *testing.T) { // P2: it is maybe stale only, and nothing was verified yet
	w := newWorld(t)
	s, s2 := w.state("s", 1), w.state("s2", 1)
	p, q := w.sum("p", s), w.sum("q", s2)
	x := w.sum("x", p, q)
	w.fresh(x)
	w.set(s, 2)
	w.set(s2, 2)
	w.g.Invalidate(&x.Node)
	walk := Walk{Eager: true}
	walk.Start(&w.g, &x.Node)
	_, n := w.g.Step(&walk)
	require.Same(t, &p.Node, n)
	w.build(p)
	_, n = w.g.Step(&walk)
	require.Same(t, &q.Node, n)
	w.set(s2, 1)
	w.build(q) // to what it was
	q.changedAt = 1
	x.flags = x.flags&^Stale | Pending
	w.record()
	w.finish(&walk)
	require.Equal(t, 3, x.val, "p has changed, which was asked to be built before x was asked about it")
}

// inFlight is an asynchronous build of x and what it depends on: parked, which only its last
// build has watched, waited, which it awaits, and mid, which it watches.
func inFlight(w *world) (x *cell, deps []*cell) {
	s := w.state("s", 1)
	parked, waited, mid := w.sum("parked", s), w.sum("waited", s), w.sum("mid", s)
	x = w.sum("x", parked)
	w.fresh(x)
	w.fresh(waited)
	w.fresh(mid)
	gen := w.launch(x)
	w.g.Watch(&x.Node, &waited.Node, gen, Waiting, nil)
	w.g.Watch(&x.Node, &mid.Node, gen, Value, nil)
	return x, []*cell{parked, waited, mid}
}

func TestAWalkAsksNothingOfWhatABuildDoesNotHear(t *testing.T) { // P8, D10
	w := newWorld(t)
	x, deps := inFlight(w)
	for _, c := range deps {
		w.g.Invalidate(&c.Node)
	}
	w.record()
	w.fresh(x)
	built, _ := w.record()
	require.Equal(t, []string{"mid"}, built)
	require.Equal(t, "fresh", level(x))
	w.sound()
}

// ---- whom a walk would wait for

func awaits(c *cell) []string { return names(slices.Collect(c.Awaits)) }

func TestAwaitsGoesDownToTheBuildThatRuns(t *testing.T) { // E2: a cycle that goes through what has yet to be verified is found
	w := newWorld(t)
	s, s2 := w.state("s", 1), w.state("s2", 1)
	p, q := w.sum("p", s), w.sum("q", s2)
	x := w.sum("x", p, q)
	y := w.sum("y", x)
	w.fresh(y)
	require.Empty(t, awaits(y), "fresh")
	require.Empty(t, awaits(w.sum("absent")))

	w.set(s2, 2)
	require.Empty(t, awaits(y), "q is to be built first, by whoever asks")
	r := w.begin(q)
	require.Equal(t, []string{"y", "x", "q"}, awaits(y))
	require.Equal(t, []string{"q"}, awaits(q))
	for n := range y.Awaits {
		require.Same(t, &y.Node, n)
		break
	}
	x.Set(Blocked)
	require.Empty(t, awaits(y), "its hooks come first")
	x.Unset(Blocked)
	x.flags |= Dirty
	require.Empty(t, awaits(y), "it is rebuilt whatever q becomes")
	x.flags &^= Dirty

	w.set(s, 2)
	require.Empty(t, awaits(y), "p comes before q, and is to be built first")
	w.fresh(p)
	require.Empty(t, awaits(y), "p has changed: x will not ask q")
	w.end(r, r.sum(s2))
	require.Equal(t, 4, w.fresh(y))
}

func TestAwaitsStopsAtTheBuildThatRuns(t *testing.T) {
	w := newWorld(t)
	s := w.state("s", 1)
	p := w.sum("p", s)
	q := w.sum("q", p)
	w.fresh(q)
	w.g.Invalidate(&q.Node)
	w.begin(q)
	w.set(s, 2)
	w.begin(p)
	require.True(t, q.Has(Pending))
	require.Equal(t, []string{"q"}, awaits(q), "how its own build goes on is not known")
}

func TestAwaitsPassesByWhatAnAsynchronousBuildDoesNotHear(t *testing.T) { // P8, D10
	w := newWorld(t)
	x, deps := inFlight(w)
	for _, c := range deps {
		w.g.Invalidate(&c.Node)
		w.begin(c)
	}
	require.Equal(t, "pending", level(x))
	require.Equal(t, []string{"x", "mid"}, awaits(x))
}

// ---- moments of the past

func TestAMomentHoldsForWhatAFilterLetNothingThrough(t *testing.T) { // P1, P3
	for _, later := range []bool{false, true} {
		w := newWorld(t)
		s, s2, waited := w.state("s", 0), w.state("s2", 0), w.state("waited", 0)
		p := w.tens("p", s2)
		w.fresh(waited)
		x := w.derived("x", 0, func(r *run) int {
			w.g.Watch(&r.c.Node, &waited.Node, r.gen, Waiting, nil)
			return r.through(s, func(v int) int { return v / 2 }) + r.watch(p)
		})
		w.fresh(x)
		w.set(s2, 1)
		w.set(s, 1)
		var walk Walk
		walk.Start(&w.g, &x.Node)
		need, _ := w.g.Step(&walk)
		require.Equal(t, Check, need)
		walk.Checked(walk.Sel().Changed())
		need, n := w.g.Step(&walk)
		require.Equal(t, Build, need)
		require.Same(t, &p.Node, n)
		if later {
			w.set(s, 2) // after the filter was asked
		}
		w.build(p)
		moment := p.At()
		w.set(s2, 2)
		w.set(waited, 1) // of which x hears nothing yet
		need, _ = w.g.Step(&walk)
		if !later {
			require.Equal(t, Done, need)
			require.Equal(t, moment, x.At())
			continue
		}
		require.NotEqual(t, Done, need, "it would let something through now")
		w.finish(&walk)
		require.Equal(t, 1, x.val)
	}
}

func TestAMomentThatIsOverLeavesTheTurnSomethingToDo(t *testing.T) { // P5: nobody marks again what is marked
	w := newWorld(t)
	s := w.state("s", 0)
	p := w.tens("p", s)
	x := w.sum("x", p)
	w.fresh(x)
	w.listen(x)
	w.set(s, 1)
	require.Same(t, &x.Node, w.q.NextStale())
	var walk Walk
	walk.Start(&w.g, &x.Node)
	w.g.Step(&walk)
	w.build(p)
	w.set(s, 2)
	w.finish(&walk)
	require.Equal(t, "pending", level(x))
	require.Same(t, &x.Node, w.q.NextStale())
}

func TestAPassBeginsAgainWhenMoreIsAskedFor(t *testing.T) { // P3: what a deeper pass could not do for the moment that was asked for
	w := newWorld(t)
	s, s2 := w.state("s", 0), w.state("s2", 0)
	p, q := w.tens("p", s), w.tens("q", s2)
	x := w.sum("x", p, q)
	w.fresh(x)
	w.set(s, 1)
	w.set(s2, 1)
	var walk Walk
	walk.Start(&w.g, &x.Node)
	w.g.Step(&walk)
	w.build(p)
	w.set(s, 2)
	_, n := w.g.Step(&walk)
	require.Same(t, &q.Node, n)
	w.build(q)
	walk.start = w.g.Epoch()
	need, n := w.g.Step(&walk)
	require.Equal(t, Build, need)
	require.Same(t, &p.Node, n)
	w.finish(&walk)
	require.Equal(t, "fresh", level(x))
}
