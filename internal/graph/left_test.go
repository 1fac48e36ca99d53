package graph

// This file tests what is left when a build or a node is done with, and what a node that is written though it is stale knows of the
// changes before: no more than what came later than that may reach those who were written too.

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAWriteForgetsWhichChangesWereKnown(t *testing.T) { // P6, P11: what is written in one batch with what it watches
	w := newWorld(t)
	s := w.state("s", 1)
	n := w.sum("n", s)
	y := w.sum("y", n)
	z := w.derived("z", 0, func(r *run) int { return r.through(n, func(v int) int { return v }) })
	w.fresh(y)
	w.fresh(z)
	w.set(s, 2)
	for _, written := range []*cell{y, z} { // both know of s, not of n
		w.g.Settle(&written.Node)
		require.Equal(t, "pending", level(written), "n has still to be built")
		w.g.Change(&written.Node, true)
	}
	w.g.Change(&n.Node, true)
	n.val = 50
	w.record()
	w.fresh(z)
	built, _ := w.record()
	require.Equal(t, []string{"n", "z"}, built, "n was written later than z")
}

func TestALateWatchOfWhatIsStaleIsVerified(t *testing.T) { // D6, P4
	w := newWorld(t)
	s := w.state("s", 1)
	m := w.sum("m", s)
	w.fresh(m)
	w.set(s, 2)
	x := w.sum("x")
	w.fresh(x)
	w.g.Watch(&x.Node, &m.Node, x.Gen(), Value, nil)
	require.Equal(t, "pending", level(x))
	w.record()
	w.fresh(x)
	built, _ := w.record()
	require.Contains(t, built, "m", "whoever asks from now on is not content with x's moment")
	w.sound()
}

// parkedWatches has x watch s by each of kinds, in a build that is done, and begin another, which parks them.
func parkedWatches(t *testing.T, flags Flags, kinds ...Kind) (w *world, s, other, x *cell, gen uint64) {
	w = newWorld(t)
	s = w.derived("s", flags, func(*run) int { return 1 })
	other = w.state("other", 1)
	w.fresh(s)
	w.fresh(other)
	x = w.sum("x")
	gen = w.launch(x)
	for _, kind := range kinds {
		var sel *Sel
		if kind == Filtered {
			sel = &Sel{Changed: func() bool { return false }}
		}
		w.g.Watch(&x.Node, &s.Node, gen, kind, sel)
	}
	w.g.Land(&x.Node)
	return w, s, other, x, w.launch(x)
}

func TestOneOfTwoParkedWatchesIsMadeAgain(t *testing.T) { // P8: as many leave as have come
	w, s, other, x, gen := parkedWatches(t, Joins, Value, Settled)
	w.record()
	w.g.Watch(&x.Node, &other.Node, gen, Value, nil) // nothing is where it was
	w.g.Watch(&x.Node, &s.Node, gen, Value, nil)
	_, heard := w.record()
	require.Empty(t, heard)
	w.g.Land(&x.Node)
	_, heard = w.record()
	require.Equal(t, []string{"s Removed"}, heard)
	w.sound()
}

func TestAWatchThatIsMadeAgainBeforeAnybodyHearsHasNotLeft(t *testing.T) { // L3: the hook comes between two builds' watches and the end
	for _, kinds := range [][]Kind{{Value}, {Value, Settled}} {
		w, s, other, x, gen := parkedWatches(t, 0, kinds...)
		w.g.Watch(&x.Node, &other.Node, gen, Value, nil) // nothing is where it was
		w.g.Watch(&x.Node, &s.Node, gen, Value, nil)
		s.Set(Joins)
		w.record()
		w.g.Land(&x.Node)
		_, heard := w.record()
		if len(kinds) == 1 {
			require.Empty(t, heard)
		} else {
			require.Equal(t, []string{"s Removed"}, heard, "of two one is made again")
		}
		w.g.Dispose(&x.Node)
		_, heard = w.record()
		require.Equal(t, []string{"s Removed"}, heard, "that it is there was not told, that it goes is")
	}
}

func TestWhatIsHaltedHasNoPlaceInItsBuild(t *testing.T) { // C5
	w := newWorld(t)
	s := w.state("s", 1)
	x := w.sum("x", s)
	w.fresh(x)
	w.launch(x)
	w.g.Halt(&x.Node)
	w.sound()
}

func TestDisposeLeavesNothingOfALife(t *testing.T) { // L10
	w := newWorld(t)
	s := w.state("s", 1)
	x := w.sum("x", s)
	w.fresh(x)
	w.listen(x)
	x.Publish(true, true, true)
	w.set(s, 2)
	x.DeliverOnceFresh()
	require.Equal(t, owed|failed, x.flags&(owed|failed))
	w.leave(x)
	w.g.Dispose(&x.Node)
	require.Zero(t, x.flags&(owed|failed))
}

func TestWhatIsSettledAndStillStaleDeliversLater(t *testing.T) { // G13, P5
	w := newWorld(t)
	s := w.state("s", 1)
	x := w.sum("x", w.sum("m", s))
	w.fresh(x)
	w.listen(x)
	w.set(s, 2)
	x.DeliverOnceFresh()
	w.g.Settle(&x.Node)
	require.Equal(t, "pending", level(x))
	require.Zero(t, w.q.Changed(), "it is owed until x is fresh")
	w.g.tick() // as the write that comes next does: for who has asked before, x is good enough as it is
	w.fresh(x)
	require.Equal(t, 1, w.q.Changed())
}

func TestASettledBuildInFlightMindsNoParkedWatch(t *testing.T) { // P8
	w := newWorld(t)
	old, s := w.state("old", 1), w.state("s", 1)
	w.fresh(old)
	w.fresh(s)
	x := w.sum("x", old)
	w.fresh(x)
	gen := w.launch(x)
	w.g.Watch(&x.Node, &s.Node, gen, Value, nil)
	w.g.Invalidate(&old.Node)
	require.Equal(t, "fresh", level(x), "it is not watched any more")
	w.g.Change(&s.Node, true)
	require.Equal(t, "dirty", level(x))
	w.g.Settle(&x.Node)
	require.Equal(t, "fresh", level(x))
}

func TestABuildThatIsRunningIsNotEndedByAChange(t *testing.T) { // C4: what it is worth is found out when it is done
	w := newWorld(t)
	s := w.state("s", 1)
	w.fresh(s)
	x := w.sum("x", s)
	r := w.begin(x)
	r.watch(s)
	x.Set(Life) // it has asked for its context
	w.g.Change(&s.Node, true)
	require.Empty(t, w.g.Ended())
	x.Unset(Life)
	w.end(r, 1)
	require.Equal(t, "dirty", level(x))
}

func TestNobodyIsQueuedWhoIsFresh(t *testing.T) { // P4
	w := newWorld(t)
	x := w.state("x", 1)
	w.fresh(x)
	w.listen(x)
	w.g.Wait(&x.Node, 1)
	w.record()
	x.Want()
	_, heard := w.record()
	require.Empty(t, heard, "nothing has happened to wake anybody")
	require.Zero(t, w.q.Stale())
}

func TestAListThatNeverRunsEmptyKeepsNothing(t *testing.T) {
	var f List[*int]
	f.Push(new(int))
	for range 1024 {
		f.Push(new(int))
		f.Pop()
	}
	require.Zero(t, f.head, "it has begun at the front again")
	for _, p := range f.items[f.Len():cap(f.items)] {
		require.Nil(t, p, "what was moved is not kept where it was")
	}
}

func TestOfThreeParkedWatchesTheOthersAreTold(t *testing.T) { // P8: as many leave as have come
	w, s, other, x, gen := parkedWatches(t, Joins, Value, Settled, Filtered)
	w.g.Watch(&x.Node, &other.Node, gen, Value, nil)
	w.g.Watch(&x.Node, &s.Node, gen, Value, nil) // beside the parked three
	w.g.Halt(&x.Node)
	gen = w.launch(x)
	w.g.Watch(&x.Node, &s.Node, gen, Value, nil) // the first of the three
	w.record()
	w.g.Land(&x.Node)
	_, heard := w.record()
	require.Equal(t, []string{"s Removed", "s Removed"}, heard, "three have come, one has stayed")
	w.sound()
}

// known has y know of a change of a that n, which y watches, does not know yet: as when a batch writes y and what n is made from. n is
// asynchronous, and watches a as kind says and b not at all, or to wait for it.
func known(t *testing.T, kind Kind, waits bool) (w *world, a, b, n, y *cell) {
	w = newWorld(t)
	a, b = w.state("a", 1), w.state("b", 1)
	w.fresh(a)
	w.fresh(b)
	n = w.sum("n")
	gen := w.launch(n)
	w.g.Watch(&n.Node, &a.Node, gen, kind, nil)
	if waits {
		w.g.Watch(&n.Node, &b.Node, gen, Waiting, nil)
	}
	y = w.sum("y", n)
	w.fresh(y)
	w.g.Change(&a.Node, true)
	if w.g.Ended(); waits {
		w.g.Halt(&n.Node)
	} else {
		w.g.Land(&n.Node)
	}
	w.g.Settle(&y.Node)
	w.g.Change(&y.Node, true)
	return w, a, b, n, y
}

func TestAStateKnowsOfTheChangesBeforeItWasWritten(t *testing.T) { // P6, P11: not of those that came later
	for name, c := range map[string]struct {
		kind  Kind
		waits bool
		then  func(w *world, a, b *cell)
		reset bool
	}{
		"no other change":                      {Value, false, func(*world, *cell, *cell) {}, false},
		"another change":                       {Value, false, func(w *world, a, _ *cell) { w.g.Change(&a.Node, true) }, true},
		"another result":                       {Settled, false, func(w *world, a, _ *cell) { w.g.Change(&a.Node, true) }, true},
		"no result, of what is awaited":        {Settled, false, func(w *world, a, _ *cell) { w.g.Change(&a.Node, false) }, false},
		"a change of what was only waited for": {Value, true, func(w *world, _, b *cell) { w.g.Change(&b.Node, true) }, false},
	} {
		w, a, b, n, y := known(t, c.kind, c.waits)
		c.then(w, a, b)
		w.launch(n)
		w.record()
		w.fresh(y)
		built, _ := w.record()
		if c.reset {
			require.Equal(t, []string{"y"}, built, name)
		} else {
			require.Empty(t, built, name)
		}
	}
}

func TestABuildThatIsOutdatedWhenItIsDoneIsWanted(t *testing.T) { // P4, P5
	w := newWorld(t)
	s := w.state("s", 1)
	x := w.sum("x", s)
	w.fresh(x)
	w.listen(x)
	r := w.begin(x)
	r.watch(s)
	w.set(s, 2)
	require.Zero(t, w.q.Stale(), "it is being built")
	w.end(r, 1)
	require.Same(t, &x.Node, w.q.NextStale())
}

func TestAnAwaitThatIsArmedLateFollows(t *testing.T) { // D10
	w := newWorld(t)
	a := w.sum("a", w.state("s", 1))
	w.fresh(a)
	x := w.sum("x")
	gen := w.launch(x)
	at := w.g.Watch(&x.Node, &a.Node, gen, Waiting, nil)
	w.g.Invalidate(&a.Node)
	require.Equal(t, "fresh", level(x), "it only waits")
	w.g.Arm(&x.Node, at, gen, Settled, nil)
	require.Equal(t, "pending", level(x))
}

func TestAChangeIsDelivered(t *testing.T) { // P5
	w := newWorld(t)
	s := w.state("s", 1)
	w.fresh(s)
	w.listen(s)
	require.Zero(t, w.q.Changed())
	w.g.Change(&s.Node, true)
	require.Same(t, &s.Node, w.q.NextChanged())
}
