package graph

// This file tests the edges that hear less than every change: those of an Await, and those through a filter.

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAwaitHearsSettledResultsOnly(t *testing.T) { // D10
	w := newWorld(t)
	s := w.state("s", 1)
	w.fresh(s)
	a := w.sum("a", s)
	w.launch(a)
	x := w.sum("x", a)
	gen := w.launch(x)
	at := w.g.Watch(&x.Node, &a.Node, gen, Waiting, nil)
	require.Equal(t, at, w.g.Watch(&x.Node, &a.Node, gen, Waiting, nil), "Awaits of one source share an edge")
	w.g.Change(&a.Node, true)
	require.Equal(t, "fresh", level(x), "it looks again when it is woken")
	w.g.Land(&a.Node)
	w.g.Advance(&x.Node)
	w.g.Arm(&x.Node, at, gen, Settled, nil)
	w.g.Land(&x.Node)
	require.Equal(t, "fresh", level(x))
	w.sound()

	w.g.Change(&a.Node, false)
	require.Equal(t, "fresh", level(x), "loading in between")
	w.g.Invalidate(&a.Node)
	require.Equal(t, "pending", level(x))
	w.launch(a)
	w.g.Land(&a.Node)
	w.record()
	w.fresh(x)
	built, _ := w.record()
	require.Empty(t, built, "no different result")
	w.g.Change(&a.Node, true)
	require.Equal(t, "dirty", level(x))

	gen = w.launch(x)
	require.Equal(t, 0, w.g.Watch(&x.Node, &a.Node, gen, Waiting, nil), "the cursor matches it although it waits again")
	require.Len(t, a.outs, 1)
	require.Equal(t, Waiting, a.outs[0].kind)
	w.sound()
}

func TestArmInASynchronousBuild(t *testing.T) {
	w := newWorld(t)
	a := w.state("a", 1)
	w.fresh(a)
	x := w.sum("x")
	r := w.begin(x)
	at := w.g.Watch(&x.Node, &a.Node, r.gen, Waiting, nil)
	require.Nil(t, w.g.Fits(&x.Node, &a.Node, r.gen))
	w.g.Arm(&x.Node, at, r.gen, Settled, nil)
	w.end(r, 1)
	require.Equal(t, "fresh", level(x))
	w.set(a, 2)
	require.Equal(t, "dirty", level(x))
	w.sound()
}

func TestFilteredEdgesAreAsked(t *testing.T) { // P1 with Select
	w := newWorld(t)
	s := w.state("s", 0)
	half := func(v int) int { return v / 2 }
	x := w.derived("x", Life, func(r *run) int { return r.through(s, half) })
	w.fresh(x)
	w.set(s, 1)
	require.Equal(t, "pending", level(x), "it may have changed")
	require.Empty(t, w.g.Ended())
	require.False(t, w.g.Outdated(&x.Node), "not known")
	var walk Walk
	walk.Start(&w.g, &x.Node)
	need, n := w.g.Step(&walk)
	require.Equal(t, Check, need)
	require.Same(t, &x.Node, n)
	require.False(t, walk.Sel().Changed())
	w.record()
	w.finish(&walk)
	built, _ := w.record()
	require.Empty(t, built)
	require.Equal(t, "fresh", level(x))
	w.set(s, 2)
	require.Equal(t, 1, w.fresh(x))

	r := w.begin(x)
	r.through(s, half)
	w.set(s, 3) // after the last watch
	require.True(t, w.end(r, 1))
	require.Equal(t, "pending", level(x), "whether that is a change has still to be asked")
	w.fresh(x)
	require.Equal(t, "fresh", level(x))
	w.sound()
}

func TestFilteredEdgesOfAFailureAreNotAsked(t *testing.T) { // P1: value to error is a change
	w := newWorld(t)
	s := w.sum("s")
	x := w.derived("x", 0, func(r *run) int { return r.through(s, func(v int) int { return v / 2 }) })
	w.fresh(x)
	w.g.Invalidate(&s.Node)
	w.g.Begin(&s.Node, false)
	require.True(t, w.g.Commit(&s.Node))
	s.Publish(true, true, true)
	require.Equal(t, "pending", level(x))
	var walk Walk
	walk.Start(&w.g, &x.Node)
	need, n := w.g.Step(&walk)
	require.Equal(t, Build, need)
	require.Same(t, &x.Node, n)
}

func TestAnswersThatComeTooLate(t *testing.T) { // filters run without the lock: others verify or rebuild meanwhile
	w := newWorld(t)
	s := w.state("s", 0)
	x := w.derived("x", 0, func(r *run) int { return r.through(s, func(v int) int { return v / 2 }) })
	y := w.sum("y", x)
	w.fresh(y)
	ask := func() (walk Walk) {
		walk.Start(&w.g, &y.Node)
		need, _ := w.g.Step(&walk)
		require.Equal(t, Check, need)
		return walk
	}

	w.set(s, 1)
	slow := ask()
	w.fresh(x)
	slow.Checked(true)
	require.Equal(t, "fresh", level(x), "somebody else has found out")
	w.record()
	w.finish(&slow)

	w.set(s, 0)
	slow = ask()
	w.g.Invalidate(&x.Node)
	w.fresh(x)
	w.set(s, 1)
	slow.Checked(true)
	require.Equal(t, "pending", level(x), "an answer about edges of the build before")
	w.record()
	w.finish(&slow)
	built, _ := w.record()
	require.Empty(t, built)
	require.True(t, slow.good(&y.Node), "x was current since the walk began: it need not be asked again")
	w.fresh(y)
	require.Equal(t, "fresh", level(x))
	w.sound()
}
