package weir_test

// Section 5 of the scenarios, watch: what is built when, and who depends on whom.

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// need is Await where there is one, else Watch: the settled value. Its error is the caller's.
func (r scenarioRig) need(ref weir.Ref) (int, error) {
	if r.await != nil {
		return r.await(ref)
	}
	return r.watch(ref), nil
}

// synchronous are the kinds that are built on their reader's goroutine.
func synchronous(k scenarioKind) bool { return !k.async }

func TestS104_BuiltOnceForEachContainer(t *testing.T) {
	eachScenarioKindThat(t, func(k scenarioKind) bool { return !k.auto }, func(t *testing.T, k scenarioKind) {
		one, two := newContainer(t), newContainer(t)
		answers := []int{42, 21}
		builds := 0
		p := k.make(func(weir.Ref) int { builds++; return answers[builds-1] })
		require.Zero(t, builds, "a declaration builds nothing")
		for range 3 {
			require.Equal(t, 42, p.settled(one))
			require.Equal(t, 21, p.settled(two))
		}
		require.Equal(t, 2, builds)
	})
}

func TestS105_ListenersSeeTheSameInstanceInOrder(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		n := scenarioNumber(1)
		p := k.make(func(ref weir.Ref) int { log.add("build"); return weir.Watch(ref, n) })
		p.settled(c)
		log.want(t, "read", "build")
		for _, name := range []string{"a", "b", "c"} {
			p.hear(c, func(prev, next int) {
				if prev != next {
					log.add("%s%d", name, next)
				}
			}, weir.FireImmediately())
		}
		log.want(t, "listened", "a1", "b1", "c1")
		n.Set(c, 2)
		pump()
		if k.async { // the result may come while "loading" is being told: who is told then gets the result at once (G11)
			log.wantSet(t, "changed", "build", "a2", "b2", "c2")
		} else {
			log.want(t, "changed", "build", "a2", "b2", "c2")
		}
	})
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		list := weir.NewProvider(func(weir.Ref) *[]int { return &[]int{1, 2} })
		var seen []*[]int
		for range 2 {
			weir.Listen(c, list, func(_, next *[]int) { seen = append(seen, next) }, weir.FireImmediately())
		}
		require.Len(t, seen, 2)
		require.Same(t, seen[0], seen[1])
		require.Same(t, seen[0], weir.Read(c, list))
	})
}

func TestS107_WhatNobodyListensToIsRebuiltByARead(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		n := scenarioNumber(1)
		builds := 0
		p := k.make(func(ref weir.Ref) int { builds++; return weir.Watch(ref, n) })
		require.Equal(t, 1, p.settled(c))
		n.Set(c, 2)
		pump()
		require.Equal(t, 1, builds, "nobody asks")
		require.Equal(t, 2, p.settled(c))
		require.Equal(t, 2, p.settled(c))
		require.Equal(t, 2, builds)
	})
}

func TestS108_TwoDependencies(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		a, b := scenarioNumber(1), scenarioNumber(1)
		builds := 0
		p := k.make(func(ref weir.Ref) int { builds++; return 10*weir.Watch(ref, a) + weir.Watch(ref, b) })
		require.Equal(t, 11, p.settled(c))
		a.Set(c, 2)
		require.Equal(t, 21, p.settled(c))
		b.Set(c, 2)
		require.Equal(t, 22, p.settled(c))
		require.Equal(t, 3, builds)
	})
}

func TestS111_SetThreeTimesInOneBatch(t *testing.T) {
	// Riverpod: three sets before one pump. Weir: each set delivers, unless a batch or a turn holds them together.
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		for _, how := range []string{"batch", "turn"} {
			c := newContainer(t)
			var log trace
			n := scenarioNumber(1)
			p := k.make(func(ref weir.Ref) int { log.add("build"); return weir.Watch(ref, n) })
			p.hear(c, log.changes(""))
			pump()
			log.take()
			if how == "batch" {
				c.Batch(func(tx *weir.Tx) {
					for i := range 3 {
						n.Set(tx, i+2)
						require.Equal(t, 1, weir.Read(c, n))
					}
				})
				pump()
				log.want(t, how, "build", "1->4")
				continue
			}
			inTurn(c, func() {
				for i := range 3 {
					n.Set(c, i+2)
				}
				if !k.async {
					require.Equal(t, 4, p.read(c), "a Read is fresh in the midst of a turn")
				}
			})
			pump()
			log.want(t, how, "build", "1->4")
		}
	})
}

func TestS112_ARebuildToTheSameValueTellsNobody(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		n := scenarioNumber(1)
		p := k.make(func(ref weir.Ref) int { log.add("build"); return weir.Watch(ref, n) % 2 })
		dependent := weir.NewProvider(func(ref weir.Ref) int { log.add("dependent"); return p.watch(ref) })
		p.hear(c, log.changes(""))
		weir.Listen(c, dependent, func(prev, next int) { log.add("of the dependent %d->%d", prev, next) })
		pump()
		log.take()
		c.Batch(func(tx *weir.Tx) {
			n.Set(tx, 2)
			n.Set(tx, 3)
		})
		pump()
		require.Equal(t, 1, p.read(c))
		if k.async { // a dependent that watches an asynchronous source is rebuilt at each transition that it sees (A5): reloading, data
			got := log.take()
			require.Equal(t, 1, count(got, "build"), "%v", got)
			require.LessOrEqual(t, count(got, "dependent"), 2, "%v", got)
			require.Len(t, got, 1+count(got, "dependent"), "nobody is told: %v", got)
		} else {
			log.want(t, "bumped twice", "build")
		}
	})
}

func TestS114_DiamondWithoutAMix(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		n := scenarioNumber(1)
		side := k.make(func(ref weir.Ref) int { log.add("side"); return weir.Watch(ref, n) })
		top := k.makeErr(func(ref weir.Ref) (int, error) {
			v, err := side.need(ref)
			log.add("top")
			return 10*weir.Watch(ref, n) + v, err
		})
		top.hear(c, log.changes(""))
		pump()
		log.take()
		n.Set(c, 2)
		pump()
		if !k.async {
			log.want(t, "changed", "side", "top", "11->22")
			return
		}
		got := log.take() // a build of top that saw its side loading may have been replaced
		require.Equal(t, 1, count(got, "side"), "%v", got)
		require.Equal(t, 1, count(got, "11->22"), "%v", got)
		require.Len(t, got, 2+count(got, "top"), "nobody is told of a mix: %v", got)
	})
}

func TestS115_ALateEdgeToWhatIsStale(t *testing.T) {
	eachScenarioKindThat(t, synchronous, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		n := scenarioNumber(0)
		dep := k.make(func(ref weir.Ref) int { log.add("dep"); return weir.Watch(ref, n) + 10 })
		dep.read(c)
		top := k.make(func(ref weir.Ref) int {
			log.add("top")
			if weir.Watch(ref, n) == 0 {
				return 0
			}
			require.Equal(t, 11, dep.watch(ref))
			return dep.watch(ref)
		})
		top.hear(c, func(prev, next int) { log.add("%d->%d", prev, next) })
		log.want(t, "built", "dep", "top")
		n.Set(c, 1)
		log.want(t, "the dependency is brought up to date in the midst of the build", "top", "dep", "0->11")
	})
}

func TestS117_WatchedOnceMoreByASwitch(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		useB, a, b := scenarioNumber(0), scenarioNumber(0), scenarioNumber(0)
		builds := 0
		top := k.make(func(ref weir.Ref) int {
			builds++
			v := weir.Watch(ref, a)
			if weir.Watch(ref, useB) == 1 {
				return v + weir.Watch(ref, b)
			}
			return v + weir.Watch(ref, a)
		})
		top.listen(c)
		pump()
		for i, change := range []*weir.StateProvider[int]{a, useB, a, b} {
			change.Set(c, 1+i/2)
			pump()
			require.Equal(t, i+2, builds)
		}
		require.Equal(t, 4, top.settled(c))
	})
}

func TestS118_AnEdgeIsDroppedByTheRebuild(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		useB, a, b := scenarioNumber(0), scenarioNumber(1, weir.Name("a")), scenarioNumber(2, weir.Name("b"))
		top := k.make(func(ref weir.Ref) int {
			if weir.Watch(ref, useB) == 1 {
				return weir.Watch(ref, b)
			}
			return weir.Watch(ref, a)
		})
		s := top.listen(c)
		pump()
		s.Pause()
		require.Equal(t, 1, info(t, c, "a").Listeners)
		useB.Set(c, 1)
		require.Equal(t, 1, info(t, c, "a").Listeners, "not rebuilt yet")
		top.subRead(s)
		pump()
		require.Equal(t, 2, top.subRead(s))
		require.Equal(t, []int{0, 1}, []int{info(t, c, "a").Listeners, info(t, c, "b").Listeners})
	})
}

func TestS121_AFailureIsKeptWhenADependencyIsSetToAnEqualValue(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		n := scenarioNumber(1)
		builds := 0
		p := k.makeErr(func(ref weir.Ref) (int, error) {
			builds++
			weir.Watch(ref, n)
			return 0, errBoom
		})
		p.err(c)
		pump()
		first := p.err(c)
		require.ErrorIs(t, first, errBoom)
		n.Set(c, 1)
		require.Equal(t, first, p.err(c), "the very same error")
		pump()
		require.Equal(t, 1, builds)
		n.Set(c, 2)
		p.err(c)
		pump()
		require.ErrorIs(t, p.err(c), errBoom)
		require.Equal(t, 2, builds)
	})
}

func TestS122_WatchedAfterASuspension(t *testing.T) {
	eachScenarioKindThat(t, func(k scenarioKind) bool { return k.async }, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		n := scenarioNumber(1)
		gate := make(chan struct{})
		builds := 0
		p := k.make(func(ref weir.Ref) int {
			builds++
			<-gate
			return weir.Watch(ref, n)
		})
		p.hearAs(c, func(prev, next string) { log.add("%s, %s", prev, next) })
		pump()
		close(gate)
		pump()
		gate = make(chan struct{})
		n.Set(c, 42)
		pump()
		require.Equal(t, "reloading 1", p.readAs(c))
		close(gate)
		pump()
		log.want(t, "all", "loading, data 1", "data 1, reloading 1", "reloading 1, data 42")
		require.Equal(t, 2, builds)
	})
}

func TestS124_TheOldEdgesCountUntilTheNewBuildIsDone(t *testing.T) {
	// S-124 and S-125. Riverpod: they are inactive meanwhile. Weir: they go on counting as before (P8), and no hook runs if they are
	// watched again.
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		for _, again := range []bool{true, false} {
			c := newContainer(t)
			var log trace
			dep := weir.NewProvider(func(ref weir.Ref) int { log.hooks(ref, "", true); return 1 }, weir.DisposeDelay(0), weir.Name("dep"))
			gate := make(chan struct{})
			close(gate)
			watches := true
			p := k.make(func(ref weir.Ref) int {
				if k.async {
					<-gate
				}
				if !watches {
					return 0
				}
				return weir.Watch(ref, dep)
			})
			p.listen(c)
			pump()
			log.take()
			watches, gate = again, make(chan struct{})
			c.Invalidate(p.id)
			pump()
			if k.async {
				log.want(t, "the rebuild is in flight")
				i := info(t, c, "dep")
				require.Equal(t, []int{1, 0}, []int{i.Listeners, i.Paused})
			}
			close(gate)
			pump()
			if again {
				log.want(t, "watched again")
				require.Equal(t, 1, info(t, c, "dep").Listeners)
			} else {
				log.want(t, "watched no more", "cancel", "remove", "dispose")
				require.False(t, c.Exists(dep))
			}
		}
	})
}

func TestS127_WhatIsReachedThroughASelectIsADependency(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		d := k.make(func(weir.Ref) int { return 1 })
		view := d.sel(func(v int) int { return v + 1 })
		p := k.make(func(ref weir.Ref) int { return view.watch(ref) }, weir.Name("p"))
		p.listen(c)
		pump()
		require.Equal(t, []string{d.id.Name()}, info(t, c, p.id.Name()).Dependencies)
		require.Equal(t, 2, p.read(c))
	})
}

func TestS128_SnapshotIsInTopologicalOrder(t *testing.T) {
	// Each graph is a list of edges "who watches whom"; a node's dependencies come before it, whoever was read first.
	eachScenarioKindThat(t, func(k scenarioKind) bool { return !k.family && !k.auto }, func(t *testing.T, k scenarioKind) {
		for name, edges := range map[string][][]int{
			"linear":         {{}, {0}, {1}, {2}},
			"diamond":        {{}, {0}, {0}, {1, 2}},
			"linked diamond": {{}, {0}, {0, 1}, {1, 2}},
			"seven":          {{}, {0}, {0}, {1}, {1, 2}, {2}, {3, 4, 5}},
		} {
			for first := range edges {
				c := newContainer(t)
				ps := make([]scenarioRig, len(edges))
				for i, deps := range edges {
					ps[i] = k.makeErr(func(ref weir.Ref) (sum int, err error) {
						for _, d := range deps {
							v, err := ps[d].need(ref)
							if sum += v; err != nil {
								return 0, err
							}
						}
						return sum + 1, nil
					}, weir.Name(fmt.Sprint(i)))
				}
				for i := range edges {
					ps[(first+i*(len(edges)-1))%len(edges)].settled(c)
				}
				at := map[string]int{}
				for i, e := range c.Snapshot().Elements {
					at[e.Name] = i
					require.Len(t, e.Dependencies, len(edges[e.Name[0]-'0']))
					for _, d := range e.Dependencies {
						place, listed := at[d]
						require.True(t, listed && place < i, "%s, read from %d: %s stands before its dependency %s", name, first, e.Name, d)
					}
				}
				require.Len(t, at, len(edges))
			}
		}
	})
}

func TestS131_AFamilyTakesAProvider(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		n := scenarioNumber(0)
		text := weir.NewFamily(func(of *weir.StateProvider[int]) *weir.Provider[string] {
			return weir.NewProvider(func(ref weir.Ref) string { log.add("build"); return fmt.Sprint(weir.Watch(ref, of)) })
		})
		weir.Listen(c, text.Of(n), func(prev, next string) { log.add("%q->%q", prev, next) }, weir.FireImmediately())
		log.want(t, "listened", "build", `""->"0"`)
		n.Set(c, 42)
		log.want(t, "changed", "build", `"0"->"42"`)
		require.Same(t, text.Of(n), text.Of(n))
	})
}
