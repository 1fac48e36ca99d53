package graph

// This file tests who is told when: what is owed to a listener that was away, what a queue tells its host, and that all of it comes once.

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAListenerThatWasAwayHearsWhatIsFresh(t *testing.T) { // G13, P5
	w := newWorld(t)
	s := w.state("s", 0)
	x := w.tens("x", s)
	w.fresh(x)
	x.DeliverOnceFresh()
	require.Zero(t, w.q.Changed(), "nobody listens")
	w.g.AddListener(&x.Node, true)
	x.DeliverOnceFresh()
	require.Same(t, &x.Node, w.q.NextChanged(), "fresh: at once")
	w.set(s, 1)
	x.DeliverOnceFresh()
	require.Same(t, &x.Node, w.q.NextChanged(), "stale, but nobody brings it up to date: there is nothing to wait for")

	w.g.Use(&x.Node, 1)
	w.fresh(x)
	x.DeliverOnceFresh()
	require.Same(t, &x.Node, w.q.NextChanged(), "fresh, and wanted")
	w.set(s, 2)
	x.DeliverOnceFresh()
	require.Zero(t, w.q.Changed(), "about to be brought up to date")
	w.fresh(x)
	require.Same(t, &x.Node, w.q.NextChanged(), "though it is no change")
	w.set(s, 3)
	w.fresh(x)
	require.Zero(t, w.q.Changed(), "once")

	w.launch(x)
	require.Same(t, &x.Node, w.q.NextChanged())
	x.flags |= Pending
	x.DeliverOnceFresh()
	require.Same(t, &x.Node, w.q.NextChanged(), "a build in flight has its state to show all the while")
	w.g.Dispose(&x.Node)
}

func TestWhatIsOwedComesWithVerification(t *testing.T) { // G13: nothing is rebuilt, and nothing has changed
	w := newWorld(t)
	s := w.state("s", 0)
	p := w.tens("p", s)
	x := w.sum("x", p)
	w.fresh(x)
	w.listen(x)
	w.set(s, 1)
	x.DeliverOnceFresh()
	w.record()
	w.fresh(x)
	built, _ := w.record()
	require.Equal(t, []string{"p"}, built)
	require.Same(t, &x.Node, w.q.NextChanged())
	w.set(s, 2)
	w.fresh(x)
	require.Zero(t, w.q.Changed(), "once")
	w.sound()
}

func TestSettleMakesCurrentWhatIsAboutToBeWritten(t *testing.T) { // P6
	w := newWorld(t)
	s := w.state("s", 1)
	x := w.sum("x", s)
	w.fresh(x)
	w.listen(x)
	made := x.At()
	w.g.Change(&w.state("other", 1).Node, true)
	w.g.Settle(&x.Node)
	require.Equal(t, made, x.At(), "fresh already")
	w.set(s, 2)
	x.DeliverOnceFresh()
	w.g.Settle(&x.Node)
	require.Equal(t, "fresh", level(x))
	require.Equal(t, w.g.Epoch(), x.At())
	require.Same(t, &x.Node, w.q.NextChanged(), "what was owed")
}

func TestAQueueTellsItsHostOfEachOnce(t *testing.T) {
	w := newWorld(t)
	s := w.state("s", 1)
	x := w.sum("x", s)
	w.fresh(x)
	w.listen(x)
	w.set(s, 2)
	w.fresh(x)
	w.q.Clear()
	w.record()
	w.set(s, 3)
	_, heard := w.record()
	require.Empty(t, heard, "not asked to")
	w.q.Clear()
	w.fresh(x)
	w.q.Clear()
	w.record()

	w.q.Tell = true
	w.set(s, 4)
	x.Want()
	x.Deliver()
	x.Deliver()
	_, heard = w.record()
	require.Equal(t, []string{"x Queued", "x Queued"}, heard, "as stale, and as changed")
	require.Equal(t, []int{1, 1}, []int{w.q.Stale(), w.q.Changed()})
	require.True(t, x.Queued() && x.Undelivered())
	w.q.NextStale()
	require.True(t, w.q.Work(), "one is left")
	w.q.NextChanged()
	require.False(t, w.q.Work() || x.Queued() || x.Undelivered())
}

func TestBuildsThatWaitAreToldThatTheirSourceIsStale(t *testing.T) { // C7: the turn may be what waits
	w := newWorld(t)
	s := w.state("s", 1)
	x := w.sum("x", s)
	w.fresh(x)
	w.g.Wait(&x.Node, 1)
	w.record()
	w.set(s, 2)
	x.Want()
	_, heard := w.record()
	require.Equal(t, []string{"x Wake", "x Wake"}, heard, "also if it is queued already")
	require.Equal(t, 1, w.q.Stale())
	w.g.Wait(&x.Node, -1)
	x.Want()
	_, heard = w.record()
	require.Empty(t, heard)
	w.sound()
}

func TestWhatIsObservedOrWeakIsDeliveredWithoutListeners(t *testing.T) { // L8
	for _, flag := range []Flags{Weak, Observed} {
		w := newWorld(t)
		x := w.derived("x", flag, func(*run) int { return 1 })
		w.fresh(x)
		require.Same(t, &x.Node, w.q.NextChanged())
	}
}

func TestAListIsGoneThroughInOrder(t *testing.T) {
	var l List[int]
	for i := range 4 {
		l.Push(i)
	}
	l.Pop()
	require.Equal(t, []int{1, 2, 3}, slices.Collect(l.All))
	for v := range l.All {
		require.Equal(t, 1, v)
		break
	}
	for range 2000 {
		l.Push(0)
	}
	for l.Len() > 0 {
		l.Pop()
	}
	require.Zero(t, cap(l.items), "the memory of a list that was long once is let go")
}

func TestForgetLetsGoOfNodes(t *testing.T) { // what was disposed must not be kept by scratch memory
	for _, depth := range []int{10, 2000} {
		w := newWorld(t)
		s := w.state("s", 1)
		w.listen(s)
		var wide []*cell
		for range depth {
			c := w.derived("c", Life, func(r *run) int { return r.sum(s) })
			w.fresh(c)
			w.fresh(w.sum("d", c))
			wide = append(wide, c)
		}
		all := w.sum("all", wide...)
		w.fresh(all)
		w.listen(all)
		w.g.Change(&s.Node, true)
		require.Len(t, w.g.Ended(), depth)
		w.g.Forget()
		for _, f := range w.g.marks[:cap(w.g.marks)] {
			require.Nil(t, f.n)
		}
		for _, u := range w.g.uses[:cap(w.g.uses)] {
			require.Nil(t, u.n)
		}
		for _, n := range w.g.ended[:cap(w.g.ended)] {
			require.Nil(t, n)
		}
		require.Equal(t, depth > 1024, cap(w.g.uses) == 0, "much memory is let go, little is kept")
		require.Equal(t, depth > 1024, cap(w.g.ended) == 0)
		w.leave(all)
		w.sound()
	}
}

func TestSettleLeavesOpenWhatHasToBeBuiltFirst(t *testing.T) { // P6, P11
	w := newWorld(t)
	a, other := w.state("a", 1), w.state("other", 1)
	near := w.sum("near", a)
	extra := 0
	far := w.derived("far", 0, func(r *run) int { return r.watch(near) + extra })
	b := w.sum("b", far)
	w.fresh(b)
	builds := func() (n int) {
		for _, name := range w.built {
			if name == "b" {
				n++
			}
		}
		return n
	}
	settle := func() {
		w.set(a, a.val+1)
		w.g.Settle(&b.Node)
		require.Equal(t, "pending", level(b), "far is stale")
	}
	settle()
	w.set(other, 2) // the epoch at which far is built says nothing
	w.fresh(b)
	require.Equal(t, 1, builds(), "it knew of that")
	settle()
	w.set(a, 10) // stops at near
	w.fresh(b)
	require.Equal(t, 2, builds(), "not of that")
	settle()
	w.fresh(near)
	w.set(other, 3)
	w.g.Invalidate(&far.Node)
	extra++
	w.fresh(b)
	require.Equal(t, 3, builds(), "by hand, and a different value")
	w.sound()
}
