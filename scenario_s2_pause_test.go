package weir_test

// This file holds the scenarios of Riverpod's about paused subscriptions (section 14), and about errors and cycles (section 18), with
// Weir's semantics.

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestS377_S378_APausedListenerHearsNothing(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		var l trace
		var fails tally
		p := k.makeErr(func(weir.Ref) (int, error) {
			switch fails.inc() {
			case 1:
				return 1, nil
			case 2:
				return 2, nil
			}
			return 0, errBoom
		}, weir.DisposeDelay(time.Hour))
		c, _ := toldContainer(t)
		other := p.listen(c, weir.OnError(func(error) {})) // keeps it active
		s := p.hearAs(c, func(prev, next string) { l.add("%s > %s", prev, next) }, weir.OnError(func(error) { l.add("error") }))
		settle()
		l.take()
		s.Pause()
		s.Resume()
		settle()
		l.want(t, "S-378: nothing missed")
		s.Pause()
		require.True(t, s.IsPaused())
		c.Invalidate(p.id)
		settle()
		l.want(t, "S-377: data")
		s.Resume()
		settle()
		l.want(t, "one call for all that was missed", "data 1 > data 2")
		s.Pause()
		c.Invalidate(p.id)
		settle()
		l.want(t, "S-377: an error")
		s.Resume()
		settle()
		if k.raises {
			l.want(t, "then the error", "error")
		} else {
			l.want(t, "then the failure", "data 2 > failed boom was 2")
		}
		s.Close()
		other.Close()
	})
}

func TestS381_ActiveWhileOneIsNotPaused(t *testing.T) {
	eachAutoKind(t, func(t *testing.T, k scenarioKind) {
		var l trace
		p := k.make(func(ref weir.Ref) int { ref.OnCancel(l.on("cancel")); ref.OnResume(l.on("resume")); return 1 })
		c := newContainer(t)
		a, b := p.listen(c), p.listen(c)
		p.weak(c, func(_, _ int) {})
		settle()
		a.Pause()
		l.want(t, "one of two")
		b.Pause()
		l.want(t, "both", "cancel")
		a.Resume()
		l.want(t, "one is back", "resume")
		a.Close()
		l.want(t, "and gone", "cancel")
		b.Resume()
		l.want(t, "the other is back", "resume")
		b.Close()
		l.want(t, "and gone", "cancel")
	})
}

func TestS382_S384_PausingIsTransitive(t *testing.T) {
	eachAutoKind(t, func(t *testing.T, k scenarioKind) {
		var l trace
		hour := weir.DisposeDelay(time.Hour)
		d := k.make(func(ref weir.Ref) int { ref.OnCancel(l.on("cancel d")); ref.OnResume(l.on("resume d")); return 1 }, hour, weir.Name("d"))
		p1 := k.make(func(ref weir.Ref) int { return d.watch(ref) }, hour)
		p2 := k.make(func(ref weir.Ref) int { return d.watch(ref) }, hour)
		c := newContainer(t)
		a, b := p1.listen(c), p2.listen(c)
		for range 3 {
			settle()
			p1.read(c)
			p2.read(c)
		}
		settle()
		l.take()
		a.Pause()
		l.want(t, "p2 is left")
		b.Close()
		l.want(t, "neither is", "cancel d")
		a.Resume()
		l.want(t, "p1 is back", "resume d")
		a.Close()
		l.want(t, "gone", "cancel d")
		require.True(t, c.Exists(d.id), "S-384: it has dependents, which is less than being active")
		require.NotContains(t, l.peek(), "resume d")
	})
}

func TestS385_S387_S388_S391_PausedSelections(t *testing.T) {
	eachAutoKind(t, func(t *testing.T, k scenarioKind) {
		var l trace
		p := k.make(func(ref weir.Ref) int { ref.OnCancel(l.on("cancel")); ref.OnResume(l.on("resume")); return 1 }, weir.DisposeDelay(time.Hour), weir.Name("p"))
		paused := func(c *weir.Container) int {
			for _, e := range c.Snapshot().Elements {
				return e.Paused
			}
			return -1
		}
		c := newContainer(t)
		view := p.sel(func(v int) int { return v }).listen(c)
		settle()
		require.Equal(t, 0, paused(c))
		view.Pause()
		l.want(t, "S-385: the only one", "cancel")
		require.Equal(t, 1, paused(c), "S-387: a view counts once")
		view.Resume()
		l.want(t, "S-385: resumed", "resume")
		view.Pause()
		l.want(t, "paused again", "cancel")
		s := p.listen(c)
		l.want(t, "S-391: one that is not paused", "resume")
		s.Pause()
		require.Equal(t, 2, paused(c))
		view.Resume()
		require.Equal(t, 1, paused(c))
		view.Pause()
		require.Equal(t, 2, paused(c))
		view.Close()
		require.Equal(t, 1, paused(c), "S-388: closed while paused")
		s.Resume()
		require.Equal(t, 0, paused(c))
		s.Close()
	})
}

func TestS448_S452_ASelfReferenceThroughThree(t *testing.T) {
	eachScenarioKindThat(t, func(k scenarioKind) bool { return !k.async }, func(t *testing.T, k scenarioKind) {
		var a, b, d scenarioRig
		a = k.make(func(ref weir.Ref) int { return b.watch(ref) }, weir.Name("a"))
		b = k.make(func(ref weir.Ref) int { return d.watch(ref) }, weir.Name("b"))
		d = k.make(func(ref weir.Ref) int { return a.watch(ref) }, weir.Name("d"))
		c, _ := toldContainer(t)
		name := func(n string) string {
			if k.family {
				return n + "(key)"
			}
			return n
		}
		if !k.raises {
			// A Watch of a Try provider gives its failure as a value: the one that closes the ring fails, the others see it.
			require.NoError(t, a.err(c))
			isCycle(t, "d closes the ring", d.err(c), name("a"), name("b"), name("d"))
			return
		}
		isCycle(t, "a reads itself through two", a.err(c), name("a"), name("b"), name("d"))
		usable(t, c)
	})
}

func TestS451_EveryUseOfADependentIsRefused(t *testing.T) {
	uses := map[string]func(ref weir.Ref, p scenarioRig){
		"watch":  func(ref weir.Ref, p scenarioRig) { p.watch(ref) },
		"read":   func(ref weir.Ref, p scenarioRig) { p.read(ref) },
		"listen": func(ref weir.Ref, p scenarioRig) { p.listen(ref) },
		"select": func(ref weir.Ref, p scenarioRig) { p.sel(func(v int) int { return v }).watch(ref) },
	}
	for name, use := range uses {
		for _, depth := range []int{1, 4} {
			t.Run(name, func(t *testing.T) {
				eachScenarioKindThat(t, func(k scenarioKind) bool { return k.raises && !k.state }, func(t *testing.T, k scenarioKind) {
					// Only once it is built, so that the dependents exist: as a button would do it in a later rebuild.
					var top scenarioRig
					again := scenarioNumber(0)
					var err error
					bottom := k.make(func(ref weir.Ref) int {
						if v := weir.Watch(ref, again); v > 0 {
							err = asError(recovered(func() { use(ref, top) }))
						}
						return 1
					}, weir.Name("bottom"))
					top = bottom
					for range depth {
						below := top
						top = k.make(func(ref weir.Ref) int { return below.watch(ref) })
					}
					c, _ := toldContainer(t)
					s := top.listen(c, weir.OnError(func(error) {}))
					require.NoError(t, err)
					again.Set(c, 1)
					flush(t, c)
					isCycle(t, name, err)
					s.Close()
					usable(t, c)
				})
			})
		}
	}
}

func TestS454_RefreshOfADependentFromABuild(t *testing.T) {
	// Riverpod refuses refresh and invalidate alike. In Weir a Refresh reads and so is a cycle; an Invalidate through the ref of a
	// synchronous build would rebuild without end, and must be an error or do no harm, never a hang.
	bubble(t, func(t *testing.T) {
		var err error
		var top *weir.Provider[int]
		again := scenarioNumber(0)
		bottom := weir.NewProvider(func(ref weir.Ref) int {
			if weir.Watch(ref, again) > 0 {
				err = asError(recovered(func() { weir.Refresh(ref, top) }))
			}
			return 1
		}, weir.Name("bottom"))
		top = weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, bottom) }, weir.Name("top"))
		c, _ := toldContainer(t)
		weir.Listen(c, top, nil, weir.OnError(func(error) {}))
		within(t, "the Set", func() { again.Set(c, 1) })
		isCycle(t, "Refresh", err, "top", "bottom")
		usable(t, c)
	})
}

func TestS455_AProviderThatListensToItself(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var l trace
		var p *weir.NotifierProvider[*noteSync, int]
		var err error
		p = syncNotes(func(ref weir.Ref, _ *noteSync) int {
			if err = asError(recovered(func() { weir.Listen(ref, p, func(_, _ int) { l.add("heard") }) })); err != nil {
				panic(err)
			}
			return 1
		}, weir.Name("p"))
		c, _ := toldContainer(t)
		isCycle(t, "a Read", asError(recovered(func() { weir.Read(c, p) })), "p")
		n := p.Notifier(c)
		n.Set(7)
		require.Equal(t, 7, weir.Read(c, p), "the notifier is usable")
		l.want(t, "nobody was called")
	})
}

func TestS457_AHookMayChangeAnotherProvider(t *testing.T) {
	eachAutoKind(t, func(t *testing.T, k scenarioKind) {
		var l trace
		n := scenarioNumber(0)
		p := k.make(func(ref weir.Ref) int {
			c := ref.Container()
			ref.OnDispose(func() { n.Update(c, func(v int) int { return v + 1 }) })
			return 1
		})
		c := newContainer(t)
		weir.Listen(c, n, func(prev, next int) { l.add("%d > %d", prev, next) })
		s := p.listen(c)
		settle()
		s.Close()
		gone()
		l.want(t, "disposed", "0 > 1")
	})
}

func TestS458_AListenerOfARefMayWriteWhileItsDependencyIsBuilt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var l trace
		a, b := scenarioNumber(0), scenarioNumber(0)
		d := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, a) })
		p := weir.NewProvider(func(ref weir.Ref) int {
			c := ref.Container()
			weir.Listen(ref, d, func(_, next int) { b.Set(c, 10*next) })
			return weir.Watch(ref, d)
		})
		c := newContainer(t)
		weir.Listen(c, b, func(prev, next int) { l.add("b %d > %d", prev, next) })
		s := weir.Listen(c, p, func(prev, next int) { l.add("p %d > %d", prev, next) })
		a.Set(c, 1)
		flush(t, c)
		require.Equal(t, 1, s.Read())
		got := l.take()
		require.Contains(t, got, "p 0 > 1")
		for _, g := range got {
			require.Contains(t, []string{"p 0 > 1", "b 0 > 10"}, g)
		}
		usable(t, c)
	})
}

func TestS461_WhatDeclaresNothingMayNotUseTheScoped(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := weir.NewProvider(func(weir.Ref) int { return 1 }, weir.Scoped(), weir.Name("d"))
		p := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) { return weir.Watch(ref, d), nil }, weir.Name("p"))
		q := weir.NewProvider(func(ref weir.Ref) int {
			v, err := weir.Watch(ref, p).Result()
			if err != nil {
				panic(err)
			}
			return v
		}, weir.Name("q"))
		root, _ := toldContainer(t)
		c := child(root, d.OverrideWithValue(2))
		_, err := weir.Resolve(t.Context(), c, p)
		isUsage(t, "directly", err, "p", "d")
		isUsage(t, "through another", asError(recovered(func() { weir.Read(c, q) })), "p", "d")
		c.Close()
	})
}
