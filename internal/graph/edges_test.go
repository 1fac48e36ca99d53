package graph

// This file tests what becomes of edges when builds do other things than the last one did: kinds, places, moments, and what is let go.

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func kinds(c *cell) (out []Kind) {
	for i := range c.deps {
		out = append(out, c.deps[i].kind)
	}
	return out
}

func TestAnEdgeIsMadeAgainOnlyAsWhatItWas(t *testing.T) { // D10, P8
	for _, c := range []struct {
		was, is, want Kind
		again         bool
	}{
		{Value, Value, Value, true},
		{Value, Settled, Settled, false},
		{Value, Waiting, Waiting, false},
		{Settled, Settled, Settled, true},
		{Settled, Value, Value, false},
		{Settled, Waiting, Waiting, true},
	} {
		w := newWorld(t)
		a := w.derived("a", Usage, func(*run) int { return 1 })
		w.fresh(a)
		kind := c.was
		x := w.derived("x", 0, func(r *run) int { return r.slow(a, kind, nil) })
		w.fresh(x)
		w.build(x)
		w.record()
		r := w.begin(x)
		src, _ := x.Expected(r.gen)
		require.Equal(t, c.was == Value, src != nil, "only a value is expected")
		at := w.g.Watch(&x.Node, &a.Node, r.gen, c.is, nil)
		require.Equal(t, c.again, at == 0, "%v", c)
		w.end(r, 1)
		require.Equal(t, []Kind{c.want}, kinds(x), "%v", c)
		_, heard := w.record()
		require.Empty(t, heard, "who did not ask is not told")
		w.sound()
	}
}

func TestWatchReturnsThePlaceOfAnExpectedEdge(t *testing.T) {
	w := newWorld(t)
	a, b := w.state("a", 1), w.state("b", 1)
	x := w.sum("x", a, b)
	w.fresh(x)
	r := w.begin(x)
	require.Equal(t, 0, w.g.Watch(&x.Node, &a.Node, r.gen, Value, nil))
	require.Equal(t, 1, w.g.Watch(&x.Node, &b.Node, r.gen, Value, nil))
	require.Equal(t, []string{"a", "b"}, x.watches(), "a synchronous build parks nothing")
	w.end(r, 2)
}

func TestAwaitsOfOneSourceHearAllThatEitherAsksFor(t *testing.T) { // D10
	w := newWorld(t)
	a := w.state("a", 1)
	w.fresh(a)
	x := w.sum("x")
	gen := w.launch(x)
	at := w.g.Watch(&x.Node, &a.Node, gen, Waiting, nil)
	sel := &Sel{}
	w.g.Arm(&x.Node, at, gen, Filtered, sel)
	require.Equal(t, Filtered, x.deps[at].kind)
	require.Same(t, sel, x.deps[at].sel)
	w.g.Arm(&x.Node, at, gen, Filtered, sel)
	require.Equal(t, Settled, x.deps[at].kind, "two filters: neither can speak for both")
	require.Nil(t, x.deps[at].sel)
	require.Equal(t, at, w.g.Watch(&x.Node, &a.Node, gen, Waiting, nil), "armed, it is shared still")
	w.g.Arm(&x.Node, at, gen, Value, nil)
	require.Equal(t, Value, x.deps[at].kind)
	w.g.Arm(&x.Node, at, gen, Settled, nil)
	require.Equal(t, Value, x.deps[at].kind)
	w.sound()
}

func TestWhoeverMovesEdgesHasWalksBeginAnew(t *testing.T) {
	w := newWorld(t)
	a := w.state("a", 1)
	x := w.sum("x", a)
	w.fresh(x)
	serial := x.serial
	moved := func(by string) {
		require.NotEqual(t, serial, x.serial, by)
		serial = x.serial
	}
	r := w.begin(x)
	moved("begin")
	w.end(r, r.sum(a))
	moved("commit")
	w.launch(x)
	moved("launch")
	require.Nil(t, x.plan.Load(), "nothing is expected of an asynchronous build")
	w.g.Halt(&x.Node)
	moved("halt")
	w.launch(x)
	moved("launch")
	w.g.Land(&x.Node)
	moved("land")
	w.g.Dispose(&x.Node)
	moved("dispose")
}

func TestABuildBeginsWithoutTheMarksOfTheLast(t *testing.T) { // C4
	w := newWorld(t)
	x := w.state("x", 1)
	w.fresh(x)
	x.Set(Over | Mixed)
	require.True(t, w.end(w.begin(x), 1))
}

func TestFitsTakesTheNewestMoment(t *testing.T) { // P3: what was verified since is older than what is new
	w := newWorld(t)
	s, so := w.state("s", 0), w.state("so", 0)
	p, o := w.tens("p", s), w.tens("o", so)
	x := w.sum("x", o, p)
	w.fresh(o)
	r := w.begin(x)
	r.watch(o)
	w.set(s, 10)
	w.fresh(p)
	w.set(so, 1)
	w.fresh(o)
	require.Nil(t, w.g.Fits(&x.Node, &p.Node, r.gen))
	require.False(t, x.Has(Mixed))
	require.Equal(t, w.g.Epoch(), x.At())
}

func TestFitsMindsOnlyWhatThisBuildHasWatched(t *testing.T) { // P3, P8
	w := newWorld(t)
	a, b, c := w.state("a", 1), w.state("b", 1), w.state("c", 1)
	x := w.sum("x", a, b)
	w.fresh(x)
	w.fresh(c)
	r := w.begin(x)
	r.watch(a)
	w.set(b, 2) // of the last build
	w.set(c, 2)
	r.slow(c, Value, nil)
	require.False(t, x.Has(Mixed))
	require.True(t, w.end(r, 3))
	require.Equal(t, "fresh", level(x))
}

func TestASynchronousBuildThatWatchesWhatIsStaleIsNoEvent(t *testing.T) { // it is judged when it commits
	w := newWorld(t)
	s := w.state("s", 0)
	q := w.tens("q", s)
	x := w.sum("x", q)
	w.fresh(q)
	r := w.begin(x)
	w.set(s, 10)
	epoch := w.g.Epoch()
	w.g.Watch(&x.Node, &q.Node, r.gen, Value, nil)
	require.Equal(t, epoch, w.g.Epoch())
	require.Equal(t, "fresh", level(x))
	w.end(r, 0)
	require.Equal(t, "pending", level(x))
}

func TestAListenerOfWhatWasActiveAlreadyIsBroughtUpToDate(t *testing.T) { // P5: what is active for a dependent alone waits for that
	w := newWorld(t)
	s := w.state("s", 1)
	x := w.sum("x", s)
	y := w.sum("y", x)
	w.fresh(y)
	w.listen(y)
	w.set(s, 2)
	require.False(t, x.Queued())
	w.listen(x)
	require.True(t, x.Queued())
}

func TestWhatIsUnlinkedIsNotKept(t *testing.T) { // memory: lists that shrink still have room
	w := newWorld(t)
	a, b := w.state("a", 1), w.state("b", 1)
	x, y := w.sum("x", a, b), w.sum("y", a)
	w.fresh(y)
	w.fresh(x)
	r := w.begin(x)
	w.end(r, r.sum(a))
	require.Len(t, x.deps, 1)
	require.Nil(t, x.deps[:2][1].src)
	w.g.Dispose(&x.Node)
	for _, o := range a.outs[len(a.outs):cap(a.outs)] {
		require.Nil(t, o.dst)
	}
	for _, d := range x.deps[:cap(x.deps)] {
		require.Nil(t, d.src)
	}
}

func TestWhatHoldsForTheMomentOfABuildNeedsNoOther(t *testing.T) { // P3
	w := newWorld(t)
	s, other := w.state("s", 1), w.state("other", 1)
	w.fresh(other)
	x := w.sum("x", s, other)
	r := w.begin(x)
	r.watch(s)
	at := x.At()
	w.set(s, 2)
	r.watch(other) // is what it was when s was read
	require.False(t, x.Has(Mixed))
	require.Equal(t, at, x.At())
	require.False(t, x.holdsAt(at), "itself, it holds for nothing before it is done")
	require.True(t, w.end(r, 2))
	require.Equal(t, "dirty", level(x))
}

func TestFitsAsksNothingOfWhatIsStillAwaited(t *testing.T) { // D10
	w := newWorld(t)
	s, a := w.state("s", 1), w.state("a", 1)
	w.fresh(a)
	w.fresh(s)
	x := w.sum("x")
	r := w.begin(x)
	w.g.Watch(&x.Node, &a.Node, r.gen, Waiting, nil)
	w.g.Invalidate(&a.Node)
	w.set(s, 2)
	require.Nil(t, w.g.Fits(&x.Node, &s.Node, r.gen))
	require.Equal(t, w.g.Epoch(), x.At())
	w.end(r, 2)
}

func TestAnAwaitHasAnEdgeBesideThatOfTheValue(t *testing.T) { // D10
	w := newWorld(t)
	a, b := w.state("a", 1), w.state("b", 1)
	w.fresh(a)
	w.fresh(b)
	x := w.sum("x")
	gen := w.launch(x)
	require.Equal(t, 0, w.g.Watch(&x.Node, &a.Node, gen, Value, nil))
	require.Equal(t, 1, w.g.Watch(&x.Node, &b.Node, gen, Waiting, nil))
	require.Equal(t, 2, w.g.Watch(&x.Node, &a.Node, gen, Waiting, nil))
	require.Equal(t, 1, w.g.Watch(&x.Node, &b.Node, gen, Waiting, nil), "shared")
	w.g.Land(&x.Node)
	gen = w.launch(x)
	w.g.Invalidate(&a.Node)
	w.g.Invalidate(&b.Node)
	require.Equal(t, 0, w.g.Watch(&x.Node, &a.Node, gen, Value, nil))
	require.Equal(t, "pending", level(x), "it watches what is stale, at the place where it did")
	x.flags &^= Stale
	require.Equal(t, 1, w.g.Watch(&x.Node, &b.Node, gen, Waiting, nil))
	require.Equal(t, "fresh", level(x), "of that it hears nothing yet")
}

func TestAnAwaitedResultThatSettledAnewIsKnownToHaveChanged(t *testing.T) { // D10
	w := newWorld(t)
	a := w.state("a", 1)
	w.fresh(a)
	x := w.derived("x", Life, func(r *run) int { return r.slow(a, Settled, nil) })
	w.fresh(x)
	w.g.Change(&a.Node, false)
	require.False(t, w.g.Outdated(&x.Node))
	w.g.Change(&a.Node, true)
	w.g.Change(&a.Node, true)
	require.True(t, w.g.Outdated(&x.Node))
	require.Equal(t, []string{"x"}, names(w.g.Ended()), "it ends once")
}
