package graph

// This file tests the lists of a turn, and what a reader without the lock is told that it may do.

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestQueueListsOnce(t *testing.T) {
	w := newWorld(t)
	s := w.state("s", 1)
	x, y := w.sum("x", s), w.sum("y", s)
	w.fresh(x)
	w.fresh(y)
	w.set(s, 2)
	require.False(t, w.q.Work(), "nobody listens (P4)")
	w.listen(x)
	w.listen(y)
	require.True(t, w.q.News() && w.q.Work())
	x.Want()
	require.Equal(t, 2, w.q.Stale(), "each once")
	require.Same(t, &x.Node, w.q.NextStale(), "first in, first out")
	require.False(t, w.q.News())
	require.False(t, x.Queued())
	w.fresh(x)
	x.Deliver()
	require.Equal(t, 1, w.q.Changed())
	w.q.Clear()
	require.False(t, w.q.Work())
	require.False(t, y.Queued())

	w.leave(x)
	x.Deliver()
	require.Zero(t, w.q.Changed(), "nobody to hear it")
	x.Set(Weak)
	x.Deliver()
	require.Same(t, &x.Node, w.q.NextChanged(), "a weak listener counts for nothing, but hears (L8)")
}

func TestDeliverOnceFreshWaitsForABuild(t *testing.T) { // P5
	w := newWorld(t)
	s := w.state("s", 1)
	x := w.sum("x", s)
	w.fresh(x)
	w.listen(x)
	r := w.begin(x)
	x.DeliverOnceFresh()
	require.Zero(t, w.q.Changed(), "what there is may be outdated")
	require.True(t, w.end(r, r.sum(s)))
	require.Same(t, &x.Node, w.q.NextChanged(), "though it is no change")
	w.build(x)
	require.Zero(t, w.q.Changed(), "once")
	w.sound()
}

func TestWantedNeedsSomebodyWhoWaits(t *testing.T) {
	w := newWorld(t)
	s := w.state("s", 1)
	x := w.sum("x", s)
	y := w.sum("y", x)
	w.fresh(y)
	w.listen(y)
	require.True(t, y.Wanted())
	require.False(t, x.Wanted(), "active for y alone: y will ask")
	w.g.Wait(&x.Node, 1)
	require.True(t, x.Wanted(), "an Await waits for it")
	w.sound()
	w.g.Wait(&x.Node, -1)
	require.False(t, x.Wanted())
	w.g.Use(&y.Node, -1)
	require.False(t, y.Wanted(), "paused")
	w.g.Use(&y.Node, 1)
	w.launch(x)
	require.True(t, x.Wanted(), "its own build may be over")
}

func TestWordSaysWhatAReaderMayDo(t *testing.T) {
	w := newWorld(t)
	x := w.derived("x", Auto|Usage, func(*run) int { return 1 })
	w.fresh(x)
	require.Equal(t, Readable|Touch, x.Word.Load()&bits, "a read on standby must be noted (L4)")
	w.listen(x)
	require.Equal(t, Readable, x.Word.Load()&bits)
	w.leave(x)
	require.Equal(t, Readable|Touch, x.Word.Load()&bits)
	x.Hide()
	w.listen(x)
	require.Zero(t, x.Word.Load()&bits, "counting lets nobody in who was kept away")
	x.Publish(true, true, true)
	x.Show()
	require.Zero(t, x.Word.Load()&bits, "a kept panic is raised, not read (E1)")
	x.Publish(true, true, false)
	x.Show()
	require.Equal(t, Readable, x.Word.Load()&bits)
}

func TestFifoReusesItsMemory(t *testing.T) {
	var f List[*int]
	require.Nil(t, f.Pop())
	for range 100 {
		for i := range 8 {
			f.Push(&i)
		}
		for i := range 8 {
			require.Equal(t, i, *f.Pop())
		}
	}
	require.Zero(t, f.Len())
	require.LessOrEqual(t, cap(f.items), 8, "run empty, it begins at the front")
	for _, p := range f.items[:cap(f.items)] {
		require.Nil(t, p, "what was taken is not kept")
	}
	f.Push(new(int)) // now it never runs empty
	for range 100_000 {
		f.Push(new(int))
		f.Pop()
	}
	require.Equal(t, 1, f.Len())
	require.Less(t, cap(f.items), 8192, "a list that never runs empty must not grow for ever")
	for _, p := range f.items[:f.head] {
		require.Nil(t, p)
	}
}
