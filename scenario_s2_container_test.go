package weir_test

// This file holds the scenarios of Riverpod's about families (section 12) and containers (section 13), with Weir's semantics.

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestS311_MembersByEqualKeyWithAStateEach(t *testing.T) {
	bubble(t, func(t *testing.T) {
		type key struct{ a, b int }
		var l trace
		f := weir.NewFamily(func(k key) *weir.StateProvider[int] {
			l.add("create %d", k.a)
			return weir.NewStateProvider(func(weir.Ref) int { return k.a + k.b })
		}, weir.Name("f"))
		c := newContainer(t)
		p, q := f.Of(key{1, 2}), f.Of(key{3, 4})
		require.Same(t, p, f.Of(key{1, 2}))
		p.Set(c, 42)
		require.Equal(t, 42, weir.Read(c, f.Of(key{1, 2})))
		require.Equal(t, 7, weir.Read(c, q))
		l.want(t, "made once each", "create 1", "create 3")
		require.Equal(t, "f({1 2})", p.Name()) // S-312: a member says its family and its argument in its name
	})
}

func TestS317_MemberOverridesWinOverTheFamilysWhateverTheOrder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := weir.NewFamily(func(n int) *weir.Provider[string] {
			return weir.NewProvider(func(weir.Ref) string { return fmt.Sprint("original ", n) })
		})
		whole := f.OverrideWith(func(n int) *weir.Provider[string] {
			return weir.NewProvider(func(weir.Ref) string { return fmt.Sprint("family ", n) })
		})
		one := f.Of(21).OverrideWithValue("member")
		for _, os := range [][]weir.ContainerOption{{whole, one}, {one, whole}} {
			c := newContainer(t, os...)
			require.Equal(t, "member", weir.Read(c, f.Of(21)))
			require.Equal(t, "family 42", weir.Read(c, f.Of(42)))
		}
		require.Equal(t, "original 42", weir.Read(newContainer(t, one), f.Of(42)))
	})
}

func TestS318_AFamilyOverrideGetsTheKey(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := weir.NewFamily(func(n int) *weir.Provider[string] {
			return weir.NewProvider(func(weir.Ref) string { t.Error("the original was built"); return "" })
		}, weir.AutoDispose())
		other := scenarioNumber(42)
		c := newContainer(t, f.OverrideWith(func(n int) *weir.Provider[string] {
			return weir.NewProvider(func(ref weir.Ref) string { return fmt.Sprint(weir.Watch(ref, other), " ", n) })
		}))
		require.Equal(t, "42 10", weir.Read(c, f.Of(10)))
		require.Equal(t, "42 11", weir.Read(c, f.Of(11)))
		gone()
		require.False(t, c.Exists(f), "the family's options hold for the override's members (D18)")
		_, bad := c, weir.NewContainer(f.OverrideWith(func(int) *weir.Provider[string] { return nil }))
		defer bad.Close()
		isUsage(t, "a nil member", asError(recovered(func() { weir.Read(bad, f.Of(1)) })))
	})
}

func TestS321_S322_S342_MemberOverridesAndAutoScope(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a := weir.NewFamily(func(k string) *weir.Provider[string] {
			return weir.NewProvider(func(weir.Ref) string { return "root " + k })
		}, weir.Scoped(), weir.Name("a"))
		b := weir.NewFamily(func(k string) *weir.Provider[string] {
			return weir.NewProvider(func(ref weir.Ref) string { return weir.Watch(ref, a.Of(k)) })
		}, weir.Scoped(a), weir.Name("b"))
		c := weir.NewFamily(func(k string) *weir.Provider[string] {
			return weir.NewProvider(func(ref weir.Ref) string { return "c " + weir.Watch(ref, b.Of(k)) })
		}, weir.Scoped(b), weir.Name("c"))
		whole := func(s string) weir.Override {
			return a.OverrideWith(func(k string) *weir.Provider[string] {
				return weir.NewProvider(func(weir.Ref) string { return s + " " + k })
			})
		}
		root := newContainer(t)
		one := child(root, a.Of("42").OverrideWithValue("one 42"))
		require.Equal(t, "one 42", weir.Read(one, b.Of("42")), "S-321")
		require.Equal(t, "root 21", weir.Read(one, b.Of("21")))
		require.Equal(t, "c one 42", weir.Read(one, c.Of("42")), "S-342, transitively")
		require.Equal(t, "root 42", weir.Read(root, b.Of("42")))

		mid := child(root, whole("mid"))
		leaf := child(mid, a.Of("42").OverrideWithValue("leaf 42"))
		require.Equal(t, "leaf 42", weir.Read(leaf, b.Of("42")), "S-322")
		require.Equal(t, "mid 21", weir.Read(leaf, b.Of("21")))
		require.Equal(t, "mid 42", weir.Read(mid, b.Of("42")))

		mid = child(root, a.Of("42").OverrideWithValue("mid 42"))
		leaf = child(mid, whole("leaf"))
		require.Equal(t, "leaf 21", weir.Read(leaf, b.Of("21")), "S-322, the other way round")
		require.Equal(t, "c leaf 21", weir.Read(leaf, c.Of("21")))
	})
}

func TestS315_DeclaredDependenciesAreFollowedAcrossProvidersAndFamilies(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := weir.NewProvider(func(weir.Ref) int { return 1 }, weir.Scoped())
		f := weir.NewFamily(func(n int) *weir.Provider[int] {
			return weir.NewProvider(func(ref weir.Ref) int { return n * weir.Watch(ref, d) })
		}, weir.Scoped(d))
		p := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, f.Of(10)) }, weir.Scoped(f))
		q := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, p) + 1 }, weir.Scoped(p))
		root := newContainer(t)
		c := child(root, d.OverrideWithValue(2))
		require.Equal(t, 21, weir.Read(c, q))
		require.Equal(t, 11, weir.Read(root, q))
		require.Equal(t, 4, elements(c)) // S-314: the member has its family's dependencies: it is there too
		require.Equal(t, 4, elements(root))
	})
}

func TestS327_S328_SharingAndTheNearestOverride(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		var builds tally
		p := k.make(func(weir.Ref) int { builds.inc(); return 1 }, weir.Scoped())
		root := newContainer(t)
		c := child(root)
		require.Equal(t, 1, p.settled(c))
		require.Equal(t, 1, p.settled(root))
		require.Equal(t, 1, builds.get(), "S-327: one build for both")
		over := newContainer(t, p.overrideWithValue(10))
		mid := child(over, p.overrideWithValue(20))
		require.Equal(t, 10, p.settled(child(over)), "S-328: a child sees the root's override")
		require.Equal(t, 20, p.settled(child(child(mid))), "the nearest wins")
	})
}

func TestS331_S301_AFunctionOverrideIsForThatContainer(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		var l trace
		dep := scenarioNumber(1)
		p := k.make(func(weir.Ref) int { l.add("original"); return 0 })
		over := newContainer(t, p.overrideWith(func(ref weir.Ref) (int, error) { l.add("override"); return 42 * weir.Watch(ref, dep), nil }))
		require.Equal(t, 42, p.settled(over))
		require.Equal(t, 0, p.settled(newContainer(t)))
		l.want(t, "each", "override", "original")
		s := p.listen(over)
		dep.Set(over, 2)
		settle()
		require.Equal(t, 84, p.settled(over), "it is reactive as ever")
		s.Close()
	})
}

func TestS334_S335_ReadInTheMiddleAndFurtherDown(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		var builds tally
		p := k.make(func(weir.Ref) int { t.Error("the original was built"); return 0 }, weir.Scoped())
		root := newContainer(t)
		mid := child(root, p.overrideWith(func(weir.Ref) (int, error) { return builds.inc(), nil }))
		require.Equal(t, 1, p.settled(mid))
		require.Equal(t, 1, p.settled(child(mid)))
		require.Equal(t, 1, p.settled(child(child(mid))))
		require.Equal(t, 1, builds.get())
		require.Equal(t, 0, elements(root))
	})
}

func TestS337_S338_S347_AutoScope(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		var builds tally
		d := weir.NewProvider(func(weir.Ref) int { return 0 }, weir.Scoped())
		p := k.make(func(ref weir.Ref) int { builds.inc(); return weir.Watch(ref, d) }, weir.Scoped(d))
		root := newContainer(t)
		c := child(root, d.OverrideWithValue(42))
		grand := child(c)
		require.Equal(t, 42, p.settled(grand), "S-338: first read through a grandchild")
		require.Equal(t, 42, p.settled(c))
		require.Equal(t, 0, p.settled(root))
		require.Equal(t, 42, p.settled(child(c)), "a child made later")
		require.Equal(t, 2, builds.get())
		require.Equal(t, 0, elements(grand))
		again := child(c, d.OverrideWithValue(7))
		require.Equal(t, 7, p.settled(again), "S-347: what was placed in c is no override of p's")
	})
}

func TestS341_S348_WhereItIsPlaced(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var builds tally
		var all []*weir.Container
		unrelated := weir.NewProvider(func(weir.Ref) int { return 0 }, weir.Scoped())
		d := weir.NewProvider(func(weir.Ref) int { return 0 }, weir.Scoped())
		e := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, d) }, weir.Scoped(d))
		plain := where(&all, &builds)
		scoped := where(&all, &builds, weir.Scoped())
		direct := where(&all, &builds, weir.Scoped(d))
		through := where(&all, &builds, weir.Scoped(e))
		root := newContainer(t, d.OverrideWithValue(1)) // an override in the root places nothing
		one := child(root, unrelated.OverrideWithValue(1))
		two := child(one, d.OverrideWithValue(2))
		three := child(two, unrelated.OverrideWithValue(3))
		all = []*weir.Container{root, one, two, three}
		for i, c := range all {
			want := 0
			if i >= 2 {
				want = 2
			}
			require.Equal(t, 0, weir.Read(c, plain))
			require.Equal(t, 0, weir.Read(c, scoped))
			require.Equal(t, want, weir.Read(c, direct), "container %d", i)
			require.Equal(t, want, weir.Read(c, through), "container %d, transitively", i)
		}
		require.Equal(t, 6, builds.get())
	})
}

func TestS344_AMemberOverriddenInTheRootIsNotAutoScoped(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := weir.NewProvider(func(weir.Ref) string { return "0" }, weir.Scoped())
		f := weir.NewFamily(func(n int) *weir.Provider[string] {
			return weir.NewProvider(func(ref weir.Ref) string { return "root " + weir.Watch(ref, d) })
		}, weir.Scoped(d))
		root := newContainer(t, f.Of(42).OverrideWith(func(ref weir.Ref) string { return "override " + weir.Watch(ref, d) }))
		c := child(root, d.OverrideWithValue("42"))
		require.Equal(t, "override 0", weir.Read(c, f.Of(42)))
		require.Equal(t, "root 42", weir.Read(c, f.Of(21)))
		require.Equal(t, "root 0", weir.Read(root, f.Of(21)))
		require.Equal(t, "override 0", weir.Read(root, f.Of(42)))
	})
}

func TestS345_ReadInTheRootFirst(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		d := weir.NewProvider(func(weir.Ref) int { return 0 }, weir.Scoped())
		p := k.make(func(ref weir.Ref) int { return weir.Watch(ref, d) }, weir.Scoped(d))
		root := newContainer(t)
		require.Equal(t, 0, p.settled(root))
		leaf := child(root, d.OverrideWithValue(42))
		require.Equal(t, 42, p.settled(leaf))
		require.Equal(t, 0, p.settled(root))
	})
}

func TestS352_S355_S362_OverridesBuildNothing(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		var l trace
		p := k.make(func(weir.Ref) int { l.add("original"); return 0 })
		c := newContainer(t, p.overrideWith(func(ref weir.Ref) (int, error) { l.add("override"); ref.OnDispose(l.on("dispose")); return 1, nil }))
		require.False(t, c.Exists(p.id), "overridden, not read")
		require.Equal(t, 0, elements(c))
		c.Close()
		settle()
		l.want(t, "closed")
	})
}

func TestS354_S355_Exists(t *testing.T) {
	eachAutoKind(t, func(t *testing.T, k scenarioKind) {
		var builds tally
		p := k.make(func(weir.Ref) int { return builds.inc() })
		c := newContainer(t)
		require.False(t, c.Exists(p.id))
		require.Equal(t, 0, builds.get())
		p.settled(c)
		require.True(t, c.Exists(p.id))
		require.True(t, child(c).Exists(p.id), "seen from a child")
		gone()
		require.False(t, c.Exists(p.id), "disposed")
	})
}

func TestS357_S358_SnapshotListsWhatIsLive(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := weir.NewFamily(func(n int) *weir.Provider[int] { return weir.NewProvider(func(weir.Ref) int { return n }) }, weir.AutoDispose(), weir.Name("f"))
		p := weir.NewProvider(func(weir.Ref) int { return 0 }, weir.Name("p"))
		c := newContainer(t)
		weir.Read(c, p)
		var subs []sub
		for n := range 3 {
			subs = append(subs, weir.Listen(c, f.Of(n), nil))
		}
		require.Equal(t, []string{"f", "f", "f", "p"}, namesOf(c))
		for i, s := range subs {
			require.True(t, c.Exists(f))
			s.Close()
			gone()
			require.Len(t, namesOf(c), 3-i)
		}
		require.False(t, c.Exists(f))
	})
}

func TestS361_FlushWaitsForTheAncestorsToo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var l trace
		s := scenarioNumber(0)
		inRoot := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, s) })
		d := weir.NewProvider(func(weir.Ref) int { return 0 }, weir.Scoped())
		inChild := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, s) + weir.Watch(ref, d) }, weir.Scoped(d))
		root := newContainer(t)
		c := child(root, d.OverrideWithValue(0))
		weir.Listen(root, inRoot, func(prev, next int) { l.add("root %d > %d", prev, next) })
		weir.Listen(c, inChild, func(prev, next int) { l.add("child %d > %d", prev, next) })
		for i := 1; i <= 2; i++ {
			s.Set(c, i)
			flush(t, c)
			l.wantSet(t, "flushed", fmt.Sprintf("root %d > %d", i-1, i), fmt.Sprintf("child %d > %d", i-1, i))
		}
	})
}

func TestS364_S365_DependentsFirstAndOnce(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		var l trace
		p1 := k.make(func(ref weir.Ref) int { ref.OnDispose(l.on("p1")); return 1 })
		p2 := k.make(func(ref weir.Ref) int { ref.OnDispose(l.on("p2")); return p1.watch(ref) })
		p3 := weir.NewProvider(func(ref weir.Ref) int { ref.OnDispose(l.on("p3")); return p2.watch(ref) })
		c := newContainer(t)
		s := weir.Listen(c, p3, nil)
		for range 4 {
			settle()
			weir.Read(c, p3)
		}
		l.take()
		c.Close()
		l.want(t, "closed", "p3", "p2", "p1")
		c.Close()
		l.want(t, "closed again")
		s.Close()
	})
}

func TestS368_RefContainerIsTheHost(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		var at *weir.Container
		p := k.make(func(ref weir.Ref) int { at = ref.Container(); return 1 })
		root := newContainer(t)
		p.settled(child(child(root)))
		require.Same(t, root, at)
	})
}

func TestS325_ClosingOneSiblingLeavesTheOther(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := scenarioNumber(0, weir.Scoped())
		root := newContainer(t)
		var cs []*weir.Container
		for i := range 5 {
			cs = append(cs, child(root, d.OverrideWithValue(i)))
			require.Equal(t, i, weir.Read(cs[i], d))
		}
		for _, i := range []int{2, 0, 4} {
			cs[i].Close()
		}
		for _, i := range []int{1, 3} {
			d.Set(cs[i], 10+i)
			require.Equal(t, 10+i, weir.Read(cs[i], d))
		}
		root.Close()
		for _, c := range cs {
			require.Error(t, c.Context().Err())
			d.Set(c, 100)
			require.NotEqual(t, 100, weir.Read(c, d))
		}
		time.Sleep(time.Second) // no timer is left
	})
}
