package graph

// This file tests what builds need seldom: to be done without a commit in full, to have been ended before they were done, to be told
// what had changed, and to chase each other. The rest about builds is in build_test.go.

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCommitSameIsForBuildsThatDidTheSameWhileNothingChanged(t *testing.T) { // P3, P8
	w := newWorld(t)
	a, b, other := w.state("a", 1), w.state("b", 1), w.state("other", 1)
	x := w.sum("x", a, b)
	w.fresh(other)
	usual := func() { // until a and b are what the next build is expected to watch
		for range 3 {
			r := w.begin(x)
			w.fresh(other)
			w.end(r, r.sum(a, b))
		}
		require.Equal(t, []string{"a", "b"}, x.watches())
	}
	for name, c := range map[string]struct {
		watch []*cell
		do    func(*run)
	}{
		"one is missing":         {[]*cell{a}, func(*run) {}},
		"another one":            {[]*cell{a, b, other}, func(*run) {}},
		"it was ended":           {[]*cell{a, b}, func(*run) { x.Set(Over) }},
		"it is mixed":            {[]*cell{a, b}, func(*run) { x.Set(Mixed) }},
		"it was marked":          {[]*cell{a, b}, func(*run) { x.flags |= Pending }},
		"something has changed":  {[]*cell{a, b}, func(*run) { w.g.Invalidate(&other.Node) }},
		"another build's number": {[]*cell{a, b}, func(r *run) { r.gen-- }},
	} {
		usual()
		r := w.begin(x)
		r.sum(c.watch...)
		require.NotZero(t, w.quick, name)
		c.do(r)
		require.False(t, w.g.CommitSame(&x.Node, r.gen), name)
		require.Equal(t, Building, x.phase, name)
		x.Unset(Over | Mixed)
		w.end(r, 2)
	}
	usual()
	r := w.begin(x)
	r.sum(a, b)
	serial := x.serial
	require.True(t, w.g.CommitSame(&x.Node, r.gen))
	require.True(t, x.Fresh())
	require.NotEqual(t, serial, x.serial, "a walk that stood here begins anew")
	x.Show()
	require.Equal(t, []string{"a", "b"}, x.watches())
	require.Equal(t, -1, w.g.Watch(&x.Node, &a.Node, r.gen, Value, nil), "a Watch after the build finds what it has matched")
	w.g.Watch(&x.Node, &other.Node, r.gen, Value, nil)
	require.Equal(t, []string{"a", "b", "other"}, x.watches(), "and adds what it has not")
	w.sound()
}

func TestChangedNamesWhatTheNextBuildIsFor(t *testing.T) {
	w := newWorld(t)
	a, b, c, d := w.state("a", 0), w.state("b", 0), w.state("c", 0), w.state("d", 0)
	x := w.derived("x", 0, func(r *run) int {
		return r.sum(a, b, c) + r.through(d, func(v int) int { return v / 2 })
	})
	w.fresh(x)
	changed := func() []string { return names(slices.Collect(func(yield func(*Node) bool) { x.Changed(yield) })) }
	require.Empty(t, changed())
	require.False(t, w.g.Outdated(&x.Node))
	w.set(d, 1)
	require.Equal(t, []string{"d"}, changed(), "what lies behind a filter may have")
	require.False(t, w.g.Outdated(&x.Node))
	w.set(a, 1)
	w.set(c, 1)
	require.Equal(t, []string{"a", "c", "d"}, changed())
	require.True(t, w.g.Outdated(&x.Node))
	for n := range x.Changed {
		require.Same(t, &a.Node, n)
		break
	}
}

func TestAWatchThatIsMadeAgainAfterACutIsNotTold(t *testing.T) { // P8: who watches again has not left and come
	w := newWorld(t)
	s := w.derived("s", Joins, func(*run) int { return 1 })
	other := w.derived("other", Joins, func(*run) int { return 1 })
	x := w.sum("x", s)
	w.fresh(x)
	w.fresh(other)
	gen := w.launch(x)
	w.g.Watch(&x.Node, &other.Node, gen, Value, nil)
	w.record()
	w.g.Watch(&x.Node, &s.Node, gen, Value, nil) // beside the parked one
	w.g.Halt(&x.Node)
	gen = w.launch(x)
	w.g.Watch(&x.Node, &s.Node, gen, Value, nil) // the one of the first build
	_, heard := w.record()
	require.Empty(t, heard)
	w.g.Land(&x.Node)
	_, heard = w.record()
	require.Equal(t, []string{"other Removed"}, heard)
	require.Equal(t, []string{"s"}, x.watches())
	w.g.Dispose(&x.Node)
	_, heard = w.record()
	require.Equal(t, []string{"s Removed"}, heard)
}

func TestOfEdgesMadeAgainAfterACutOneIsTold(t *testing.T) { // P8: as many leave as have come
	w := newWorld(t)
	s := w.derived("s", Joins, func(*run) int { return 1 })
	w.fresh(s)
	a, b := w.state("a", 1), w.state("b", 1)
	w.fresh(a)
	w.fresh(b)
	begin := func(x *cell, kinds ...Kind) {
		gen := w.launch(x)
		for _, kind := range kinds {
			w.g.Watch(&x.Node, &s.Node, gen, kind, nil)
		}
	}
	heard := func() (heard []string) { _, heard = w.record(); return heard }

	x := w.sum("x")
	begin(x, Value, Settled)
	w.g.Land(&x.Node)
	require.Equal(t, []string{"s Added", "s Added"}, heard())
	begin(x, Value)
	w.g.Land(&x.Node)
	require.Equal(t, []string{"s Removed"}, heard(), "nothing was cut: an edge that is not made again is told")

	begin(x, Settled) // beside the parked one
	w.g.Halt(&x.Node)
	begin(x, Value, Settled) // of the first build, and of the one that was cut
	w.g.Land(&x.Node)
	require.Empty(t, heard())
	w.g.Dispose(&x.Node)
	require.Equal(t, []string{"s Removed"}, heard())

	y := w.sum("y")
	begin(y, Value)
	w.g.Land(&y.Node)
	for _, first := range []*cell{a, b} { // so that s is no time where it was
		gen := w.launch(y)
		w.g.Watch(&y.Node, &first.Node, gen, Value, nil)
		w.g.Watch(&y.Node, &s.Node, gen, Value, nil)
		w.g.Halt(&y.Node)
	}
	begin(y, Value)
	require.Equal(t, []string{"s Added"}, heard())
	w.g.Land(&y.Node)
	require.Empty(t, heard(), "two were cut")
	require.Equal(t, []string{"s"}, y.watches())
	w.sound()
}

func TestWhatWasParkedBesideItsTwinIsNotExpected(t *testing.T) { // P8: matched without the lock it would leave with the twin
	w := newWorld(t)
	s := w.derived("s", Joins, func(*run) int { return 1 })
	w.fresh(s)
	x := w.sum("x", s)
	w.fresh(x)
	gen := w.launch(x)
	w.g.Watch(&x.Node, &s.Node, gen, Settled, nil)
	w.g.Halt(&x.Node)
	w.record()
	w.build(x)
	_, heard := w.record()
	require.Empty(t, heard)
	require.Equal(t, []string{"s"}, x.watches())
}

func TestABuildInFlightThatWatchesWhatIsStaleIsQueued(t *testing.T) { // P5: the turn finds out whether it saw what is
	w := newWorld(t)
	s := w.state("s", 1)
	q := w.sum("q", s)
	x := w.sum("x")
	gen := w.launch(x)
	w.fresh(q)
	w.set(s, 2)
	require.False(t, x.Queued())
	w.g.Watch(&x.Node, &q.Node, gen, Value, nil)
	require.True(t, x.Queued())
	require.Same(t, &x.Node, w.q.NextStale())
}

func TestABuildWithAnotherSettledResultOutdatesWhoAwaitsIt(t *testing.T) { // D10
	w := newWorld(t)
	s := w.state("s", 1)
	a := w.sum("a", s)
	x := w.derived("x", 0, func(r *run) int { return r.slow(a, Settled, nil) })
	require.Equal(t, 1, w.fresh(x))
	w.set(s, 2)
	require.Equal(t, 2, w.fresh(x))
}

func TestABuildOfMoreThanAWordHasPlacesForGoesOnWithTheLock(t *testing.T) { // P8
	w := newWorld(t)
	var srcs []*cell
	for range maxPlace + 3 {
		srcs = append(srcs, w.state("s", 1))
	}
	x := w.sum("x", srcs...)
	w.fresh(x)
	for range 2 { // odd and even numbers of builds: the place must not reach them
		w.g.Next()
		w.record()
		r := w.begin(x)
		require.Equal(t, len(srcs), r.sum(srcs...))
		require.Equal(t, r.gen, x.Gen())
		require.Equal(t, maxPlace, w.quick)
		w.end(r, len(srcs))
		require.Len(t, x.watches(), len(srcs))
	}
}

func TestWhatIsEndedHasNoBuildAndMayBeRead(t *testing.T) { // C4
	w := newWorld(t)
	x := w.state("x", 1)
	w.fresh(x)
	require.NotZero(t, x.Gen())
	x.End()
	require.Zero(t, x.Gen())
	require.Equal(t, Readable, x.Word.Load())

	a, b := w.state("a", 1), w.state("b", 1)
	y := w.sum("y", a, b)
	w.fresh(y)
	r := w.begin(y)
	require.True(t, r.quick(a))
	y.End()
	y.Set(Over)
	require.False(t, w.end(r, 1))
	require.Equal(t, []string{"a"}, y.watches(), "of a build that was ended: what it has watched without the lock too")
}

func TestRecentGoesBackFromTheWord(t *testing.T) { // P8
	w := newWorld(t)
	a, b, c := w.state("a", 1), w.state("b", 1), w.state("c", 1)
	x := w.sum("x", a, b, c)
	w.fresh(x)
	r := w.begin(x)
	r.sum(a, b, c)
	_, word := x.Expected(r.gen)
	for i, want := range []*Node{&c.Node, &b.Node, &a.Node, nil} {
		require.Same(t, want, x.Recent(word, i))
	}
	w.end(r, 3)
	for _, srcs := range [][]*cell{{a}, {b}, {a}} { // whoever asks has no lock: its word may be of a build that is over
		require.Nil(t, x.Recent(word+onePlace, 0))
		r = w.begin(x)
		w.end(r, r.sum(srcs...))
	}
	require.Nil(t, x.plan.Load())
	require.Nil(t, x.Recent(word, 0))
}

func TestAPlanThatHeldIsKept(t *testing.T) { // memory: one that is made anew says the same
	w := newWorld(t)
	a := w.state("a", 1)
	x := w.sum("x", a)
	for range 3 {
		w.fresh(a)
		w.build(x)
	}
	p := x.plan.Load()
	require.NotNil(t, p)
	require.Same(t, &p.room[0], &p.srcs[0], "of one watch it is one piece")
	w.build(x)
	require.Same(t, p, x.plan.Load())
}

func TestABuildFindsWhatItWatchesBehindTheMarkOfAnother(t *testing.T) { // P8: a value is watched once
	w := newWorld(t)
	a, b, c := w.state("a", 1), w.state("b", 1), w.state("c", 1)
	x := w.sum("x", a, b)
	w.fresh(x)
	w.fresh(c)
	r := w.begin(x)
	require.Equal(t, 2, w.g.Watch(&x.Node, &b.Node, r.gen, Value, nil), "not at its place")
	w.g.Watch(&x.Node, &c.Node, r.gen, Settled, nil)
	w.fresh(w.sum("y", a, b, c)) // is newer, and watches all of them
	require.Equal(t, -1, w.g.Watch(&x.Node, &b.Node, r.gen, Value, nil))
	require.Equal(t, 4, w.g.Watch(&x.Node, &c.Node, r.gen, Value, nil), "it watches the result only")
	require.Equal(t, 5, w.g.Watch(&x.Node, &a.Node, r.gen, Value, nil), "the build before did")
	w.end(r, 3)
	require.Equal(t, []string{"b", "c", "c", "a"}, x.watches())
	w.fresh(w.sum("z", a))
	require.Equal(t, -1, w.g.Watch(&x.Node, &a.Node, r.gen, Value, nil), "after the build too")
	w.sound()
}

func TestASynchronousBuildIsNotOutdatedByWhatItStillAwaits(t *testing.T) { // D10
	w := newWorld(t)
	a := w.state("a", 1)
	w.fresh(a)
	x := w.sum("x")
	r := w.begin(x)
	w.g.Watch(&x.Node, &a.Node, r.gen, Waiting, nil)
	w.set(a, 2)
	require.True(t, w.end(r, 1))
	require.Equal(t, "fresh", level(x))
	w.sound()
}

func TestWhatIsNotInFlightNeitherLandsNorHalts(t *testing.T) { // C4: an end that comes too late
	w := newWorld(t)
	s := w.derived("s", Usage, func(*run) int { return 1 })
	x := w.sum("x", s)
	w.fresh(x)
	w.listen(x)
	serial := x.serial
	w.record()
	w.g.Land(&x.Node)
	w.g.Halt(&x.Node)
	_, heard := w.record()
	require.Empty(t, heard)
	require.Equal(t, serial, x.serial)
	w.leave(x)
	w.g.Land(&x.Node)
	w.g.Halt(&x.Node)
	require.Zero(t, s.ActiveUsers())
	w.sound()
}

func TestAdvanceLeavesTheMomentOfWhatIsStale(t *testing.T) { // P3: else a change that has to be looked at is forgotten
	w := newWorld(t)
	s := w.state("s", 1)
	p := w.sum("p", s)
	w.fresh(p)
	x := w.sum("x")
	gen := w.launch(x)
	w.g.Watch(&x.Node, &p.Node, gen, Value, nil)
	made := x.At()
	w.set(s, 2)
	w.g.Advance(&x.Node)
	require.Equal(t, made, x.At())
	w.fresh(p)
	require.True(t, w.g.Outdated(&x.Node))
}

func TestRecoverLetsReadersIn(t *testing.T) { // E1
	w := newWorld(t)
	x := w.state("x", 1)
	w.fresh(x)
	x.Publish(true, true, true)
	x.Show()
	require.Zero(t, x.Word.Load()&bits)
	x.Recover()
	x.Show()
	require.Equal(t, Readable, x.Word.Load()&bits)
}

// ---- rings

func TestTheSearchForARingEndsWhereThereIsAnother(t *testing.T) { // E2
	w := newWorld(t)
	a, b, x := w.sum("a"), w.sum("b"), w.sum("x")
	genA, genB := w.launch(a), w.launch(b)
	w.launch(x)
	for range 2 { // of the builds before, and of these
		w.g.Watch(&a.Node, &x.Node, genA, Value, nil)
		w.g.Watch(&a.Node, &b.Node, genA, Value, nil)
		w.g.Watch(&b.Node, &a.Node, genB, Value, nil)
	}
	require.Nil(t, w.g.Ring(&x.Node))
	require.Nil(t, w.g.Cycle(&x.Node, &w.sum("apart").Node))
	require.Equal(t, []string{"a", "b", "a"}, names(w.g.Ring(&a.Node)))
}

func TestARingHasMovedIfSomethingOutsideOfItHas(t *testing.T) { // E2: by a stream, say
	w := newWorld(t)
	s := w.state("s", 1)
	w.fresh(s)
	a, b := w.sum("a"), w.sum("b")
	genA, genB := w.launch(a), w.launch(b)
	w.g.Watch(&a.Node, &b.Node, genA, Value, nil)
	w.g.Watch(&b.Node, &a.Node, genB, Value, nil)
	w.g.Watch(&b.Node, &s.Node, genB, Value, nil)
	ring := w.g.Ring(&a.Node)
	since := w.g.Epoch()
	require.False(t, w.g.Moved(ring, since))
	w.g.Change(&a.Node, true)
	require.False(t, w.g.Moved(ring, since), "of itself")
	w.set(s, 2)
	require.True(t, w.g.Moved(ring, since))
	require.False(t, w.g.Moved(ring, w.g.Epoch()), "not since then")
}

func TestListsOfEdgesEndWhenAsked(t *testing.T) {
	w := newWorld(t)
	a, b := w.state("a", 1), w.state("b", 1)
	x, y := w.sum("x", a, b), w.sum("y", a)
	w.fresh(x)
	w.fresh(y)
	require.Equal(t, []string{"x", "y"}, names(slices.Collect(a.Dependents)))
	for name, list := range map[string]func(func(*Node) bool){
		"deps": x.Deps, "all": x.AllDeps, "dependents": a.Dependents,
	} {
		k := 0
		for range list {
			k++
			break
		}
		require.Equal(t, 1, k, name)
	}
}
