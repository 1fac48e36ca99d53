package graph

// This file tests builds: the cursor over the old watches, the moment for which a build holds, what commits and what does not,
// cycles, and disposal. The kinds of edges are tested in edge_test.go, what a change reaches in graph_test.go.

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// ---- the cursor

func TestSameWatchesTouchNothing(t *testing.T) { // P8: a rebuild with the same dependencies runs no hook of theirs
	w := newWorld(t)
	s := w.state("s", 1)
	a := w.derived("a", Joins|Usage, func(r *run) int { return r.sum(s) })
	b := w.derived("b", Joins|Usage, func(*run) int { return 1 })
	x := w.sum("x", a, b, a)
	w.fresh(x)
	w.listen(x)
	deps, aOuts, bOuts := slices.Clone(x.deps), slices.Clone(a.outs), slices.Clone(b.outs)
	require.Len(t, deps, 2, "a value is watched once")
	w.set(s, 2)
	w.fresh(a)
	w.record()

	r := w.begin(x)
	r.watch(a)
	r.watch(b)
	require.Equal(t, 2, w.quick, "without the lock")
	r.watch(a)
	require.True(t, w.end(r, 3))
	_, heard := w.record()
	require.Empty(t, heard)
	require.Equal(t, deps, x.deps)
	require.Equal(t, aOuts, a.outs)
	require.Equal(t, bOuts, b.outs)
	w.sound()
}

func TestTheQuickWayMindsTheBuild(t *testing.T) { // G1: refs are used from several goroutines, and when their build is over
	w := newWorld(t)
	s, s2 := w.state("s", 1), w.state("s2", 1)
	x := w.sum("x", s, s2)
	w.fresh(x)
	r := w.begin(x)
	_, word := x.Expected(r.gen - 1)
	require.Zero(t, word, "an older build's ref")
	src, first := x.Expected(r.gen)
	require.Same(t, &s.Node, src)
	require.Nil(t, x.Recent(first, 0))
	require.True(t, x.Matched(first))
	require.False(t, x.Matched(first), "somebody was quicker")
	src, second := x.Expected(r.gen)
	require.Same(t, &s2.Node, src)
	require.Same(t, &s.Node, x.Recent(second, 0))
	require.Equal(t, -1, w.g.Watch(&x.Node, &s.Node, r.gen, Value, nil), "matched without the lock: known with it")
	r.watch(s2)
	require.False(t, x.Matched(second), "watched with the lock or without")
	src, last := x.Expected(r.gen)
	require.Nil(t, src, "no more than the last build had")
	require.Same(t, &s2.Node, x.Recent(last, 0))
	w.end(r, 2)
	_, word = x.Expected(r.gen)
	require.Zero(t, word, "the build is over")
	require.False(t, x.Matched(last))
}

func TestTheQuickWayIsClosedByWhatIsNotExpected(t *testing.T) { // P3, P8
	w := newWorld(t)
	a, b, c := w.state("a", 1), w.state("b", 1), w.state("c", 1)
	x := w.sum("x", a, b)
	w.fresh(x)
	r := w.begin(x)
	src, word := x.Expected(r.gen)
	require.Same(t, &a.Node, src)
	r.slow(c, Value, nil)
	require.False(t, x.Matched(word), "the word is another once the lock was taken")
	_, word = x.Expected(r.gen)
	require.Zero(t, word, "with something new among its watches nothing is expected")
	r.watch(a)
	require.Zero(t, w.quick)
	w.end(r, 2)
	require.Equal(t, []string{"c", "a"}, x.watches())

	r = w.begin(x)
	_, word = x.Expected(r.gen)
	w.g.Change(&b.Node, true)
	r.slow(c, Value, nil)
	require.False(t, x.Matched(word), "brought to another moment")
	x.Set(Over)
	x.End()
	_, word = x.Expected(r.gen)
	require.Zero(t, word, "it was ended")
	require.False(t, w.end(r, 2) && x.Fresh())
	w.sound()
}

func TestWhatWaversIsNotExpected(t *testing.T) { // what is expected takes memory, in vain if the next build does otherwise again
	w := newWorld(t)
	s, a, b := w.state("s", 1), w.state("a", 1), w.state("b", 1)
	next := []*cell{s, a}
	x := w.derived("x", 0, func(r *run) int { return r.sum(next...) })
	w.fresh(x)
	turn := func(v int, srcs ...*cell) (expected bool) {
		next = srcs
		w.set(s, v)
		w.fresh(x)
		return x.plan.Load() != nil
	}
	require.True(t, turn(2, s, a), "what the first build did is expected of the second")
	require.False(t, turn(3, s, b), "which did otherwise")
	require.False(t, turn(4, s, a))
	require.False(t, turn(5, s, b))
	require.False(t, turn(6, s, b), "twice the same: from now on")
	require.True(t, turn(7, s, b))

	var many []*cell
	for range 2 * fewDeps {
		many = append(many, w.state("m", 1))
	}
	turn(8, append([]*cell{s, a}, many...)...)
	turn(9, append([]*cell{s, b}, many...)...)
	next = append([]*cell{s, a}, many...)
	w.set(s, 10)
	r := w.begin(x)
	src, _ := x.Expected(r.gen)
	require.Same(t, &s.Node, src, "of many watches most will be the same")
	w.end(r, r.sum(next...))
	w.sound()
}

func TestWatchedIsKnownWithoutTheLock(t *testing.T) { // P8: in whatever order a build comes back to its dependencies
	w := newWorld(t)
	a, b, c := w.state("a", 1), w.state("b", 1), w.state("c", 1)
	x, y := w.sum("x", a, b), w.sum("y", a)
	w.fresh(x)
	r := w.begin(x)
	require.False(t, a.Watched(r.gen))
	r.slow(b, Value, nil)
	require.True(t, b.Watched(r.gen))
	require.False(t, a.Watched(r.gen), "in the last build only")
	r.slow(c, Settled, nil)
	require.False(t, c.Watched(r.gen), "of its value that build hears nothing")
	r.slow(a, Value, nil)
	w.fresh(y)
	require.False(t, a.Watched(r.gen), "another build has come in between: it has to be looked up")
	w.end(r, 1)
	w.sound()
}

func TestDivergenceAppendsAndPrunesAtCommit(t *testing.T) { // P8
	w := newWorld(t)
	var src []*cell
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		src = append(src, w.derived(name, Joins|Usage, func(*run) int { return 1 }))
	}
	a, b, c, d, e := src[0], src[1], src[2], src[3], src[4]
	next := []*cell{a, b, c, e}
	x := w.derived("x", 0, func(r *run) int { return r.sum(next...) })
	w.fresh(x)
	w.listen(x)
	w.record()

	r := w.begin(x)
	r.sum(a, c, d, e) // b is left out, c and e come earlier and later than they did
	require.Equal(t, 1, b.ActiveUsers(), "the old watches go on counting")
	require.Equal(t, 2, c.ActiveUsers(), "both of them, until the build is done")
	_, heard := w.record()
	require.Equal(t, []string{"d OnDuty", "d Added"}, heard, "who watches again in another order has not left and come")
	require.True(t, w.end(r, 4))
	_, heard = w.record()
	require.Equal(t, []string{"b OffDuty", "b Removed", "b Unused"}, heard)
	require.Equal(t, []string{"a", "c", "d", "e"}, x.watches())
	require.Equal(t, 1, c.ActiveUsers())
	w.sound()
}

func TestParkedWatchesCountButDeliverNothing(t *testing.T) { // P8
	w := newWorld(t)
	a := w.derived("a", Usage, func(*run) int { return 1 })
	b := w.derived("b", Usage, func(*run) int { return 1 })
	x := w.sum("x", a, b)
	w.fresh(x)
	gen := w.launch(x)
	require.Equal(t, 1, b.ActiveUsers())
	w.set(b, 2)
	require.Equal(t, "fresh", level(x), "the build in flight has not watched it")
	require.Empty(t, x.watches())
	require.Equal(t, []string{"a", "b"}, names(slices.Collect(x.AllDeps)))
	w.g.Watch(&x.Node, &a.Node, gen, Value, nil)
	w.set(a, 2)
	require.Equal(t, "dirty", level(x))

	w.g.Halt(&x.Node)
	require.Equal(t, 1, b.Users(), "the next build parks them all")
	gen = w.launch(x)
	w.g.Watch(&x.Node, &b.Node, gen, Value, nil)
	w.record()
	w.g.Land(&x.Node)
	_, heard := w.record()
	require.Equal(t, []string{"a OffDuty", "a Unused", "b OffDuty"}, heard)
	require.Equal(t, []string{"b"}, x.watches())
	w.sound()
}

func TestWatchAfterTheBuild(t *testing.T) { // D6: it still adds a dependency
	w := newWorld(t)
	s := w.state("s", 1)
	a, b := w.sum("a", s), w.sum("b", s)
	x := w.sum("x", a)
	y := w.sum("y", x)
	w.fresh(y)
	w.fresh(b)
	w.g.Watch(&x.Node, &b.Node, x.Gen(), Value, nil)
	require.Equal(t, []string{"a", "b"}, x.watches())
	c := w.sum("c", s)
	w.fresh(c)
	w.g.Invalidate(&c.Node)
	w.g.Watch(&x.Node, &c.Node, x.Gen(), Value, nil)
	require.Equal(t, []string{"pending", "pending"}, []string{level(x), level(y)}, "who watches what is stale is stale, and so on down")
	w.sound()
}

// ---- moments

func TestChangedAndChangedBackIsNotTheSameMoment(t *testing.T) { // P3
	w := newWorld(t)
	s := w.state("s", 0)
	p := w.tens("p", s)
	w.fresh(p)
	first := w.g.Epoch()
	require.True(t, p.holdsAt(first))
	w.set(s, 10)
	second := w.g.Epoch() // p would be 1 now, if anybody asked
	require.False(t, p.holdsAt(second))
	require.True(t, p.holdsAt(first), "stale, it holds for its own moment only")
	w.set(s, 0)
	w.fresh(p)
	third := w.g.Epoch()
	require.LessOrEqual(t, p.changedAt, first, "its value has not changed, as far as anybody saw")
	require.False(t, p.holdsAt(second), "but was another in between")
	require.True(t, p.holdsAt(third))

	w.launch(p)
	p.flags |= Pending
	require.False(t, p.holdsAt(p.At()), "a stale build in flight holds for nothing")
}

func TestFitsMovesTheMomentOfABuild(t *testing.T) { // P3
	w := newWorld(t)
	s, other := w.state("s", 0), w.state("other", 0)
	p := w.tens("p", s)
	x := w.sum("x", other, p)
	w.fresh(p)
	r := w.begin(x)
	r.watch(other)
	old := x.At()
	w.set(s, 10) // written during the build
	r.watch(p)
	require.Greater(t, x.At(), old)
	require.Equal(t, w.g.Epoch(), x.At(), "other and the new p are current together now")
	require.True(t, w.end(r, 1))
	require.Equal(t, "fresh", level(x))
	w.sound()
}

func TestFitsAsksForWhatIsOnlyMaybeStale(t *testing.T) { // P3
	w := newWorld(t)
	s := w.state("s", 0)
	p, q := w.tens("p", s), w.tens("q", s)
	x := w.sum("x", p, q)
	w.fresh(p)
	w.fresh(q)
	r := w.begin(x)
	r.watch(p)
	w.set(s, 5)
	w.fresh(q)
	require.Same(t, &p.Node, w.g.Fits(&x.Node, &q.Node, r.gen))
	require.False(t, x.Has(Mixed))
	w.fresh(p)
	require.Nil(t, w.g.Fits(&x.Node, &q.Node, r.gen))
	r.watch(q)
	require.True(t, w.end(r, 0))
	require.Equal(t, "fresh", level(x))
}

func TestFitsGoesBackToAMomentThatIsOver(t *testing.T) { // P3: what satisfied a walk need not be current any more
	w := newWorld(t)
	s := w.state("s", 0)
	p, q := w.tens("p", s), w.tens("q", s)
	x := w.sum("x", p, q)
	w.fresh(p)
	w.fresh(q)
	r := w.begin(x)
	r.watch(p)
	moment := w.g.Epoch()
	w.set(s, 10) // p and q are stale, but were current together
	require.Nil(t, w.g.Fits(&x.Node, &q.Node, r.gen))
	require.False(t, x.Has(Mixed))
	require.Equal(t, moment, x.At())
	w.g.Watch(&x.Node, &q.Node, r.gen, Value, nil)
	require.True(t, w.end(r, 0), "the result was right then")
	require.True(t, x.Has(Stale))
	w.sound()
}

func TestAMixIsDiscarded(t *testing.T) { // P3
	w := newWorld(t)
	s := w.state("s", 0)
	p := w.sum("p", s)
	x := w.sum("x", s, p)
	w.listen(x)
	r := w.begin(x)
	old := r.watch(s)
	w.set(s, 1)
	fresh := r.watch(p)
	require.NotEqual(t, old, fresh)
	require.True(t, x.Has(Mixed))
	require.False(t, w.end(r, old+fresh))
	require.Equal(t, "dirty", level(x))
	require.False(t, x.Has(Mixed))
	require.Zero(t, x.Word.Load()&bits)
	require.Equal(t, 2, w.fresh(x))

	// The same with two that are stale and were current at different moments.
	a, b := w.tens("a", s), w.tens("b", s)
	y := w.sum("y", a, b)
	w.fresh(a)
	r = w.begin(y)
	r.watch(a)
	w.set(s, 12)
	w.fresh(b)
	w.set(s, 3)
	require.Nil(t, w.g.Fits(&y.Node, &b.Node, r.gen))
	require.True(t, y.Has(Mixed))
	w.g.Watch(&y.Node, &b.Node, r.gen, Value, nil)
	require.False(t, w.end(r, 1))
	w.fresh(x)
	w.sound()
}

func TestOutdatedAfterTheLastWatch(t *testing.T) { // P3: published, stale still, and good enough for who waited
	w := newWorld(t)
	s := w.state("s", 1)
	w.fresh(s)
	x := w.sum("x", s)
	y := w.sum("y", x)
	var before, after Walk
	before.Start(&w.g, &x.Node)
	r := w.begin(x)
	v := r.watch(s)
	w.set(s, 2)
	require.True(t, w.end(r, v))
	require.Equal(t, 1, x.val)
	require.Equal(t, "dirty", level(x), "known stale, for s is a state")
	require.Zero(t, x.Word.Load()&bits, "not to be had without the lock")
	require.True(t, before.good(&x.Node))
	need, _ := w.g.Step(&before)
	require.Equal(t, Done, need)
	after.Start(&w.g, &x.Node)
	require.False(t, after.good(&x.Node))
	require.True(t, w.g.Outdated(&x.Node))
	w.finish(&after)
	require.Equal(t, 2, x.val)
	require.Equal(t, 2, w.fresh(y))
	w.sound()
}

func TestWrittenElsewhereDuringABuild(t *testing.T) { // a mark without a cause goes when the build is done
	w := newWorld(t)
	s, other := w.state("s", 1), w.state("other", 1)
	p := w.tens("p", other)
	on := true
	x := w.derived("x", 0, func(r *run) int {
		if on {
			return r.sum(s, p)
		}
		return r.sum(s)
	})
	w.fresh(x)
	on = false
	r := w.begin(x)
	r.watch(s)
	w.set(other, 10) // reaches x through a watch that is not made again
	require.True(t, w.end(r, 1))
	require.Equal(t, "fresh", level(x))
	require.Equal(t, w.g.Epoch(), x.At())
	w.sound()
}

func TestABuildThatWasEndedLeavesItsNodeDirty(t *testing.T) { // C4
	w := newWorld(t)
	s := w.state("s", 1)
	x := w.sum("x", s)
	r := w.begin(x)
	r.watch(s)
	x.Set(Over)
	require.False(t, w.end(r, 1))
	require.Equal(t, "dirty", level(x))
	require.False(t, x.Has(Over))
	require.Zero(t, x.At(), "there is no moment for which it holds: not even who waited may have it")
	w.g.Judge(&x.Node)
	require.Equal(t, "dirty", level(x), "it cannot be told from one that is outdated")
}

// ---- cycles and disposal

func TestCycleFollowsLiveWatchesAndRingParkedOnes(t *testing.T) { // E2, P8
	w := newWorld(t)
	a, b, c := w.sum("a"), w.sum("b"), w.sum("c")
	genA, genB, genC := w.launch(a), w.launch(b), w.launch(c)
	w.g.Watch(&b.Node, &a.Node, genB, Value, nil)
	w.g.Watch(&c.Node, &b.Node, genC, Value, nil)
	require.Equal(t, []string{"a"}, names(w.g.Cycle(&a.Node, &a.Node)))
	require.Equal(t, []string{"c", "b", "a"}, names(w.g.Cycle(&a.Node, &c.Node)))
	require.Nil(t, w.g.Cycle(&c.Node, &a.Node), "again is no cycle")
	require.Nil(t, w.g.Ring(&a.Node))

	w.g.Halt(&b.Node)
	w.launch(b)
	require.Nil(t, w.g.Cycle(&a.Node, &c.Node), "b has not watched a in this build yet")
	w.g.Watch(&a.Node, &c.Node, genA, Value, nil)
	require.Equal(t, []string{"a", "c", "b", "a"}, names(w.g.Ring(&a.Node)), "but they chase each other")
	for _, x := range []*cell{a, b, c} {
		w.g.Dispose(&x.Node)
	}
	require.Empty(t, append(append(a.outs, b.outs...), c.outs...))
}

func TestDisposeDropsEverything(t *testing.T) { // L4
	for _, inFlight := range []bool{false, true} {
		w := newWorld(t)
		a := w.derived("a", Usage|Joins, func(*run) int { return 1 })
		b := w.derived("b", Usage, func(*run) int { return 1 })
		x := w.derived("x", Auto|Usage, func(r *run) int { return r.sum(a, b) })
		y := w.sum("y", a)
		w.fresh(x)
		w.fresh(y)
		if inFlight {
			gen := w.launch(x)
			w.g.Watch(&x.Node, &b.Node, gen, Value, nil) // beside the parked one
			w.g.Watch(&x.Node, &a.Node, gen, Value, nil)
		}
		x.Set(Life | Joins | Owner | Over | Mixed)
		w.g.Invalidate(&x.Node)
		w.record()
		w.g.Dispose(&x.Node)
		_, heard := w.record()
		if inFlight {
			require.Equal(t, []string{"a Removed", "b OffDuty", "b Unused", "a OffDuty"}, heard, "last watch first; of the parked twin only the count is told")
		} else {
			require.Equal(t, []string{"b Unused", "a Removed"}, heard)
		}
		require.Equal(t, Absent, x.Phase())
		require.Empty(t, x.deps)
		require.Zero(t, x.Word.Load()&bits)
		require.Zero(t, x.At())
		require.Equal(t, Auto|Usage, x.flags&^queued, "only what belongs to the host stays, and its place in the queue")
		require.Equal(t, []int{1, 0}, []int{a.Users(), b.Users()}, "y still watches a")
		w.sound()
		require.Equal(t, 2, w.fresh(x), "it can be built again")
		w.sound()
	}
}
