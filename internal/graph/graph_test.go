package graph

// This file tests marking, verification and counting: what a change reaches, what a Walk runs because of it, and who is told that the
// counts have changed. Builds and their edges are tested in build_test.go.

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// ---- marking

func TestMarkingIsDirtyOneStepOnAndPendingBeyond(t *testing.T) { // P2
	w := newWorld(t)
	s := w.state("s", 1)
	a := w.sum("a", s)
	b := w.sum("b", a)
	c := w.sum("c", b)
	w.fresh(c)
	w.record()

	w.set(s, 2)
	require.Equal(t, []string{"fresh", "dirty", "pending", "pending"}, []string{level(s), level(a), level(b), level(c)})
	built, _ := w.record()
	require.Empty(t, built, "marking runs nothing")
	require.Zero(t, c.Word.Load()&bits, "no reader without the lock may see what may be stale")
	require.NotZero(t, s.Word.Load()&Readable)
	w.sound()
}

func TestMarkingStopsAtWhatIsMarked(t *testing.T) { // P2, P10: a write costs what it newly reaches
	w := newWorld(t)
	s, s2 := w.state("s", 1), w.state("s2", 1)
	a := w.sum("a", s)
	b := w.sum("b", a, s2)
	c := w.sum("c", b)
	w.fresh(c)
	w.set(s, 2)
	require.Equal(t, "pending", level(b))

	c.flags &^= Stale // so that it can be seen that nobody comes by again
	w.set(s2, 2)
	require.Equal(t, "dirty", level(b), "the level still rises")
	require.Equal(t, "fresh", level(c))
	a.flags &^= Stale
	w.g.Change(&s.Node, true)
	require.Equal(t, "dirty", level(a))
}

func TestAChangeOfWhatIsStaleDoesNotMakeItCurrent(t *testing.T) { // a result that lands late has still to be verified
	w := newWorld(t)
	s := w.state("s", 1)
	p := w.sum("p", s)
	x := w.sum("x", p)
	w.fresh(x)
	made := p.At()
	w.set(s, 2)
	w.g.Change(&p.Node, true)
	require.Equal(t, made, p.At(), "what s has become since then is not forgotten")
	require.Equal(t, "dirty", level(x))
	require.Equal(t, 2, w.fresh(x))
	w.sound()
}

func TestInvalidateIsDirtyHereAndPendingBeyond(t *testing.T) {
	w := newWorld(t)
	s := w.state("s", 1)
	a := w.sum("a", s)
	b := w.sum("b", a)
	w.fresh(b)
	before := w.g.Epoch()
	w.g.Invalidate(&a.Node)
	require.Greater(t, w.g.Epoch(), before, "it is an event like a write: builds that go on meanwhile must see it")
	require.Equal(t, []string{"fresh", "dirty", "pending"}, []string{level(s), level(a), level(b)})

	w.record()
	w.fresh(b)
	built, _ := w.record()
	require.Equal(t, []string{"a"}, built, "rebuilt to the same value: b is verified, not run (P1)")
	require.True(t, b.Fresh())
	w.sound()
}

func TestEndedNamesKnownStaleBuildsWithALife(t *testing.T) { // D4: further on the end is not known yet
	w := newWorld(t)
	s := w.state("s", 1)
	a, plain := w.sum("a", s), w.sum("plain", s)
	b := w.sum("b", a)
	w.fresh(b)
	w.fresh(plain)
	a.Set(Life)
	b.Set(Life)
	w.g.Change(&s.Node, true)
	require.Equal(t, []string{"a"}, names(w.g.Ended()))
	require.Empty(t, w.g.Ended(), "told once")
}

func TestDeepChainNeedsNoStack(t *testing.T) { // P10
	const depth = 50_000
	w := newWorld(t)
	s := w.state("s", 1)
	last := s
	w.fresh(s)
	for range depth {
		last = w.sum("c", last)
		w.fresh(last)
	}
	w.listen(last)
	require.True(t, s.Active(), "the count climbs all the way")
	w.set(s, 2)
	require.True(t, last.Has(Pending))
	require.Equal(t, 2, w.fresh(last))
	w.leave(last)
	require.False(t, s.Active())
}

// ---- verification

func TestWalkAsksInRecordedOrderAndStopsAtTheFirstChange(t *testing.T) { // P2
	w := newWorld(t)
	var src [4]*cell
	var mid [4]*cell
	for i, name := range []string{"p", "q", "r", "z"} {
		src[i] = w.state("s"+name, 0)
		mid[i] = w.tens(name, src[i])
	}
	x := w.derived("x", 0, func(r *run) int {
		v := r.watch(mid[0])
		if q := r.watch(mid[1]); q > 0 {
			return v + q // what comes after is not wanted any more
		}
		return v + r.sum(mid[2], mid[3])
	})
	w.fresh(x)
	w.record()

	w.set(src[0], 1) // p is rebuilt, and is what it was
	w.set(src[1], 10)
	w.set(src[2], 10)
	w.set(src[3], 10)
	require.Equal(t, 1, w.fresh(x))
	built, _ := w.record()
	require.Equal(t, []string{"p", "q", "x"}, built, "r and z are asked by nobody")
	require.Equal(t, []string{"p", "q"}, x.watches())
	require.Empty(t, mid[2].outs)
	w.sound()
}

func TestCutoffSparesDependents(t *testing.T) { // P1
	w := newWorld(t)
	s := w.state("s", 0)
	p := w.tens("p", s)
	x := w.sum("x", p)
	y := w.sum("y", x)
	w.fresh(y)
	w.listen(y)
	w.q.Clear()
	w.record()
	was := p.changedAt

	w.set(s, 5)
	require.True(t, y.Queued(), "somebody listens: a turn has to look")
	w.fresh(y)
	built, _ := w.record()
	require.Equal(t, []string{"p"}, built)
	require.True(t, x.Fresh() && y.Fresh())
	require.Equal(t, was, p.changedAt)
	require.Equal(t, w.g.Epoch(), y.At(), "what was verified holds now")
	require.NotZero(t, y.Word.Load()&Readable, "readers without the lock are let in again")
	require.Nil(t, w.q.NextChanged(), "nobody is told")
	w.sound()
}

func TestWalkLooksAgainAtWhatMovedMeanwhile(t *testing.T) { // P3: the lock is given away between any two steps
	w := newWorld(t)
	s1, s2 := w.state("s1", 0), w.state("s2", 0)
	p, q := w.tens("p", s1), w.tens("q", s2)
	x := w.sum("x", p, q)
	w.fresh(x)
	w.set(s1, 1)
	w.set(s2, 1)
	w.record()

	var walk Walk
	walk.Start(&w.g, &x.Node)
	need, n := w.g.Step(&walk)
	require.Equal(t, Build, need)
	require.Same(t, &p.Node, n)
	w.build(p)
	_, n = w.g.Step(&walk)
	require.Same(t, &q.Node, n)
	w.set(s1, 10) // p was asked already, and is different now
	w.build(q)
	w.finish(&walk)
	built, _ := w.record()
	require.Equal(t, []string{"p", "q", "p", "x"}, built)
	require.Equal(t, 1, x.val)
}

func TestWalkEndsHoweverFastOthersWrite(t *testing.T) {
	w := newWorld(t)
	s1, s2 := w.state("s1", 0), w.state("s2", 0)
	p, q := w.tens("p", s1), w.tens("q", s2)
	x := w.sum("x", p, q)
	w.fresh(x)
	w.set(s1, 1)
	w.set(s2, 1)
	var walk Walk
	walk.Start(&w.g, &x.Node)
	for i := 0; ; i++ {
		require.Less(t, i, 4*maxPasses, "the walk does not end")
		need, n := w.g.Step(&walk)
		require.Equal(t, Build, need)
		if n == &x.Node {
			break // verified in vain often enough: rebuilt to come to an end
		}
		c := n.Host.(*cell)
		w.build(c)
		s := map[*cell]*cell{p: s1, q: s2}[c]
		w.set(s, 3-s.val) // p and q are never current together
	}
}

func TestWalkTakesAMomentWhenAllHeld(t *testing.T) { // P3, P4: current at some moment since the call is enough
	w := newWorld(t)
	s := w.state("s", 0)
	p := w.tens("p", s)
	x := w.sum("x", p)
	w.fresh(x)
	w.set(s, 1)
	var walk Walk
	walk.Start(&w.g, &x.Node)
	_, n := w.g.Step(&walk)
	require.Same(t, &p.Node, n)
	w.build(p)
	moment := p.At()
	w.set(s, 2)
	w.record()
	w.finish(&walk)
	built, _ := w.record()
	require.Empty(t, built)
	require.Equal(t, moment, x.At())
	require.True(t, x.Has(Stale), "but it is not current any more")
	require.True(t, walk.good(&x.Node))
	w.sound()
}

func TestEagerWalkPullsBeforeItBuilds(t *testing.T) { // keeps deep graphs off the goroutine's stack
	w := newWorld(t)
	s := w.state("s", 0)
	p := w.sum("p", s)
	x := w.sum("x", p, s)
	w.fresh(x)
	w.set(s, 1)
	for _, eager := range []bool{false, true} {
		var walk Walk
		walk.Eager = eager
		walk.Start(&w.g, &x.Node)
		_, n := w.g.Step(&walk)
		require.Equal(t, map[bool]string{false: "x", true: "p"}[eager], n.Host.(*cell).name)
	}
}

func TestWalkWaits(t *testing.T) { // for builds of others, and for the hooks of the last build (L5)
	w := newWorld(t)
	s := w.state("s", 0)
	x := w.sum("x", s)
	y := w.sum("y", x)
	w.fresh(y)
	w.g.Invalidate(&x.Node)
	step := func() Need {
		var walk Walk
		walk.Start(&w.g, &y.Node)
		need, n := w.g.Step(&walk)
		require.Same(t, &x.Node, n)
		return need
	}
	x.Set(Blocked)
	require.Equal(t, Wait, step())
	x.Unset(Blocked)
	require.Equal(t, Build, step())
	r := w.begin(x)
	require.Equal(t, Wait, step())
	w.end(r, r.sum(s))
}

func TestWalkPathAndReset(t *testing.T) {
	w := newWorld(t)
	s := w.state("s", 0)
	chain := []*cell{s}
	for range 100 {
		c := w.sum("c", chain[len(chain)-1])
		w.fresh(c)
		chain = append(chain, c)
	}
	for _, depth := range []int{10, 100} {
		w.set(s, s.val+1)
		walk := Walk{Eager: true}
		walk.Start(&w.g, &chain[depth].Node)
		w.g.Step(&walk)
		var path []*Node
		for n := range walk.Path {
			path = append(path, n)
		}
		require.Len(t, path, depth)
		require.Same(t, &chain[depth].Node, path[0])
		w.finish(&walk)
		walk.Reset()
		require.False(t, walk.Eager)
		for _, f := range walk.stack[:cap(walk.stack)] {
			require.Nil(t, f.n, "a parked walk must not keep nodes")
		}
		require.NotZero(t, cap(walk.stack), "what was used is kept for the next")
		walk.Start(&w.g, &s.Node)
		walk.Reset()
		require.Equal(t, depth > 64, cap(walk.stack) == 0, "but not the memory of a graph that was deep once")
	}
}

func TestWalkAgainKeepsWhatWasAskedFor(t *testing.T) { // P4: who waited since before a write may have what was current then
	w := newWorld(t)
	s := w.state("s", 1)
	x := w.sum("x", s)
	w.fresh(s)
	var walk Walk
	walk.Start(&w.g, &x.Node)
	w.fresh(x)
	w.set(s, 2)
	walk.Again(&x.Node)
	need, _ := w.g.Step(&walk)
	require.Equal(t, Done, need)
	walk.Start(&w.g, &x.Node)
	need, _ = w.g.Step(&walk)
	require.Equal(t, Build, need)
}

// ---- counts

func TestCountsClimbNearestFirst(t *testing.T) { // L1, L2
	w := newWorld(t)
	a := w.derived("A", Usage, func(*run) int { return 1 })
	b := w.derived("B", Usage, func(r *run) int { return r.sum(a) })
	c := w.derived("C", Usage, func(r *run) int { return r.sum(a, b) }) // two ways to A
	w.fresh(c)
	require.False(t, a.Active(), "the watches of what is on standby do not count")
	require.Equal(t, 2, a.Users())
	w.record()

	w.listen(c)
	_, heard := w.record()
	require.Equal(t, []string{"C OnDuty", "A OnDuty", "B OnDuty"}, heard)
	require.Equal(t, 2, a.ActiveUsers())
	w.listen(c)
	w.leave(c)
	_, heard = w.record()
	require.Empty(t, heard, "neither the first nor the last")

	w.g.AddListener(&c.Node, true) // paused: a user, not an active one
	w.leave(c)
	_, heard = w.record()
	require.Equal(t, []string{"C OffDuty", "B OffDuty", "A OffDuty"}, heard, "A has a user until B is off too")
	w.g.RemoveListener(&c.Node, true)
	_, heard = w.record()
	require.Equal(t, []string{"C Unused"}, heard)
	w.sound()
}

func TestOwnersAreToldOnAndOff(t *testing.T) { // G13: listeners through a ref count as its watches do
	w := newWorld(t)
	s := w.state("s", 1)
	x := w.derived("x", Owner, func(r *run) int { return r.sum(s) })
	w.fresh(x)
	w.record()
	w.listen(x)
	w.leave(x)
	w.launch(x)
	w.listen(x)
	w.leave(x)
	w.g.Land(&x.Node)
	_, heard := w.record()
	require.Equal(t, []string{"x On", "x Off", "x On", "x Off"}, heard, "a build in flight is on; a listener adds nothing to that")
}

func TestJoinsHearListenersOfAnySort(t *testing.T) { // L3
	w := newWorld(t)
	s := w.derived("s", Joins, func(*run) int { return 1 })
	x := w.sum("x", s)
	w.fresh(x)
	w.g.AddListener(&s.Node, true)
	w.g.Use(&s.Node, 1) // resumed: no join
	w.g.RemoveListener(&s.Node, false)
	w.g.Dispose(&x.Node)
	_, heard := w.record()
	require.Equal(t, []string{"s Added", "s Added", "s Removed", "s Removed"}, heard)
}

func TestInFlightBuildsCountAndSynchronousOnesDoNot(t *testing.T) { // L1
	w := newWorld(t)
	s := w.state("s", 1)
	w.fresh(s)
	x := w.sum("x", s)
	r := w.begin(x)
	r.watch(s)
	require.Equal(t, 0, s.ActiveUsers())
	w.end(r, 1)

	gen := w.launch(x)
	require.Equal(t, 1, s.ActiveUsers(), "the parked watch counts as well (P8)")
	require.True(t, x.On())
	w.g.Watch(&x.Node, &s.Node, gen, Value, nil)
	w.sound()
	w.g.Halt(&x.Node)
	require.Equal(t, 0, s.ActiveUsers())
	w.launch(x)
	w.g.Land(&x.Node)
	require.Empty(t, x.watches())
	require.Zero(t, s.Users())
}

func TestUseLaterJoinsTheClimb(t *testing.T) {
	w := newWorld(t)
	s := w.derived("s", Usage, func(*run) int { return 1 })
	x := w.derived("x", 0, func(*run) int { return 1 })
	w.fresh(s)
	w.fresh(x)
	x.Set(Owner)
	x.Host = hostFunc(func(ev Event) { w.g.UseLater(&s.Node, map[Event]int32{On: 1, Off: -1}[ev]) })
	w.listen(x)
	require.Equal(t, 1, s.ActiveUsers())
	w.leave(x)
	_, heard := w.record()
	require.Equal(t, []string{"s OnDuty", "s OffDuty"}, heard)
}

type hostFunc func(Event)

func (f hostFunc) NodeEvent(ev Event) { f(ev) }
