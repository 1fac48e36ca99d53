package weir_test

// This file holds UpdateOverrides (S5, D16) and the scenarios of Riverpod's about it.

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestS5_UpdateOverridesRebuildsWhatDependsOnThem(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		var l trace
		p := k.make(func(weir.Ref) int { t.Error("the original was built"); return 0 })
		c := newContainer(t, p.overrideWithValue(42))
		d := weir.NewProvider(func(ref weir.Ref) int { l.add("d"); return 10 * p.watch(ref) })
		s := p.hear(c, func(prev, next int) { l.add("%d > %d", prev, next) })
		r := weir.Listen(c, d, nil)
		settle()
		l.take()
		c.UpdateOverrides(p.overrideWithValue(21))
		settle()
		if got := l.take(); len(got) == 0 || count(got, "42 > 21") != 1 || count(got, "d") != 1 {
			t.Errorf("a new value: %v", got)
		}
		require.Equal(t, 210, r.Read())
		c.UpdateOverrides(p.overrideWithValue(21))
		settle()
		require.Equal(t, 0, count(l.take(), "21 > 21"), "an equal value is silent")
		// Riverpod uses a new function only for the next mount (D-16). Weir rebuilds.
		c.UpdateOverrides(p.overrideWith(func(weir.Ref) (int, error) { laterIfAsync(k); return 7, nil }))
		pass(time.Second)
		require.Equal(t, 7, p.settled(c))
		require.Equal(t, 70, r.Read())
		s.Close()
		r.Close()
	})
}

func TestS372_UpdateNotifiesSynchronously(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		var l trace
		p := k.make(func(weir.Ref) int { return 0 })
		c := newContainer(t, p.overrideWithValue(42))
		s := p.hearAs(c, func(prev, next string) { l.add("%s > %s", prev, next) })
		settle()
		l.take()
		c.UpdateOverrides(p.overrideWithValue(42))
		l.want(t, "equal")
		c.UpdateOverrides(p.overrideWithValue(21))
		l.want(t, "new, before the call returned", "data 42 > data 21")
		s.Close()
	})
}

func TestS371_UpdateBuildsNothingThatWasNotBuilt(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		var l trace
		p := k.make(func(weir.Ref) int { l.add("original"); return 0 }, weir.Scoped())
		root := newContainer(t)
		c := child(root, p.overrideWith(func(weir.Ref) (int, error) { l.add("first"); return 1, nil }))
		c.UpdateOverrides(p.overrideWith(func(weir.Ref) (int, error) { l.add("second"); return 2, nil }))
		settle()
		l.want(t, "nothing was built")
		require.False(t, c.Exists(p.id))
		require.Equal(t, 2, p.settled(c))
		l.want(t, "the override at the first read", "second")
	})
}

func TestS5_UpdateOfAMemberOverrideAndOfAFamilyOverride(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var l trace
		f := weir.NewFamily(func(n int) *weir.Provider[int] { return weir.NewProvider(func(weir.Ref) int { return n }) })
		of := func(factor int) weir.Override {
			return f.OverrideWith(func(n int) *weir.Provider[int] {
				return weir.NewProvider(func(weir.Ref) int { l.add("build %d*%d", factor, n); return factor * n })
			})
		}
		c := newContainer(t, of(10), f.Of(3).OverrideWithValue(-3))
		for _, n := range []int{1, 2, 3} {
			weir.Listen(c, f.Of(n), func(prev, next int) { l.add("%d > %d", prev, next) })
		}
		l.want(t, "at first", "build 10*1", "build 10*2")
		c.UpdateOverrides(of(100))
		l.wantSet(t, "the family", "build 100*1", "build 100*2", "10 > 100", "20 > 200")
		require.Equal(t, -3, weir.Read(c, f.Of(3)), "the member has an override of its own")
		c.UpdateOverrides(f.Of(3).OverrideWithValue(-33))
		l.want(t, "the member", "-3 > -33")
		require.Equal(t, 400, weir.Read(c, f.Of(4)), "a member that comes later")
		isUsage(t, "a member that has no override of its own", asError(recovered(func() { c.UpdateOverrides(f.Of(1).OverrideWithValue(0)) })), "UpdateOverrides")
	})
}

func TestD16_NamingWhatIsNotOverriddenThereIsMisuse(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var l trace
		p := weir.NewProvider(func(weir.Ref) int { return 1 }, weir.Scoped(), weir.Name("p"))
		q := weir.NewProvider(func(weir.Ref) int { return 1 }, weir.Scoped(), weir.Name("q"))
		root := newContainer(t, q.OverrideWithValue(10))
		c := child(root, p.OverrideWithValue(2))
		weir.Listen(c, p, func(prev, next int) { l.add("%d > %d", prev, next) })
		for what, do := range map[string]func(){
			"not overridden":           func() { root.UpdateOverrides(p.OverrideWithValue(3)) },
			"overridden in the parent": func() { c.UpdateOverrides(q.OverrideWithValue(3)) },
			"one of two":               func() { c.UpdateOverrides(p.OverrideWithValue(3), q.OverrideWithValue(3)) },
			"twice":                    func() { c.UpdateOverrides(p.OverrideWithValue(3), p.OverrideWithValue(4)) },
			"nil":                      func() { c.UpdateOverrides(nil) },
		} {
			isUsage(t, what, asError(recovered(do)), "UpdateOverrides")
			require.Equal(t, 2, weir.Read(c, p), "%s: nothing is updated", what)
		}
		c.UpdateOverrides() // nothing to do
		l.want(t, "nobody was told")
		c.Close()
		c.UpdateOverrides(p.OverrideWithValue(9)) // D16: after Close it does nothing
		require.Equal(t, 2, weir.Read(c, p))
	})
}

func TestD16_AnUpdatedAsyncValueIsPublishedLikeAResult(t *testing.T) {
	// S-232, S-234, S-235, S-237, S-238: Riverpod's cases of value overrides that change.
	failed := func(err string) weir.AsyncValue[int] { return weir.Failed[int](stringError(err)) }
	for name, c := range map[string]struct {
		from, to weir.AsyncValue[int]
		want     string
	}{
		"S-232 data to data":     {weir.Data(42), weir.Data(21), "data 42 > data 21"},
		"S-234 data to loading":  {weir.Data(42), weir.Loading[int](), "data 42 > reloading 42"},
		"S-235 loading to data":  {weir.Loading[int](), weir.Data(42), "loading > data 42"},
		"S-235 loading to error": {weir.Loading[int](), failed("e"), "loading > failed e"},
		"S-237 error to error":   {failed("a"), failed("b"), "failed a > failed b"},
		"S-237 the same error":   {failed("a"), failed("a"), "failed a > failed a"},
		"S-238 error to data":    {failed("a"), weir.Data(42), "failed a > data 42"},
		"data to error":          {weir.Data(42), failed("e"), "data 42 > failed e was 42"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				for kind, make := range map[string]func() (weir.AsyncSource[int], func(weir.AsyncValue[int]) weir.Override){
					"future": func() (weir.AsyncSource[int], func(weir.AsyncValue[int]) weir.Override) {
						p := weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) { t.Error("built"); return 0, nil })
						return p, p.OverrideWithValue
					},
					"try": func() (weir.AsyncSource[int], func(weir.AsyncValue[int]) weir.Override) {
						p := weir.NewTryProvider(func(weir.Ref) (int, error) { t.Error("built"); return 0, nil })
						return p, p.OverrideWithValue
					},
					"stream": func() (weir.AsyncSource[int], func(weir.AsyncValue[int]) weir.Override) {
						p := weir.NewStreamProvider(func(context.Context, weir.Ref, func(int) bool) error { t.Error("built"); return nil })
						return p, p.OverrideWithValue
					},
					"async notifier": func() (weir.AsyncSource[int], func(weir.AsyncValue[int]) weir.Override) {
						p := asyncNotes(func(context.Context, weir.Ref, *noteAsync) (int, error) { t.Error("built"); return 0, nil })
						return p, p.OverrideWithValue
					},
				} {
					var l trace
					p, with := make()
					ct := newContainer(t, with(c.from))
					s := hearAsync(&l, ct, p)
					settle()
					require.Equal(t, show(c.from), show(s.Read()), "S-231: served without running the build")
					l.take()
					var waited <-chan struct{}
					if c.from.IsLoading() {
						waited = async(t, func() {
							v, err := weir.Resolve(t.Context(), ct, p)
							require.Equal(t, show(c.to), show(resultOf(v, err)))
						})
						settle()
					}
					ct.UpdateOverrides(with(c.to))
					settle()
					l.want(t, kind, c.want)
					if waited != nil {
						await(t, kind+": who waited", waited)
					}
					s.Close()
				}
			})
		})
	}
}

type stringError string

func (e stringError) Error() string { return string(e) }

func resultOf(v int, err error) weir.AsyncValue[int] {
	if err != nil {
		return weir.Failed[int](err)
	}
	return weir.Data(v)
}

func TestS254_WaitersOfAnOverriddenStream(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for _, to := range []weir.AsyncValue[int]{weir.Data(42), weir.Failed[int](errBoom)} {
			p := weir.NewStreamProvider(func(context.Context, weir.Ref, func(int) bool) error { t.Error("built"); return nil })
			c := newContainer(t, p.OverrideWithValue(weir.Loading[int]()))
			check := func() {
				v, err := weir.Resolve(t.Context(), c, p)
				require.Equal(t, show(to), show(resultOf(v, err)))
			}
			before := async(t, check)
			settle()
			c.UpdateOverrides(p.OverrideWithValue(to))
			await(t, "asked before the update", before)
			check()
			c = newContainer(t, p.OverrideWithValue(to))
			check()
		}
	})
}

func TestS374_TheParentsUpdateLeavesAChildsOwnOverride(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		var l trace
		p := k.make(func(weir.Ref) int { return 0 }, weir.Scoped())
		root := newContainer(t, p.overrideWithValue(1))
		c := child(root, p.overrideWithValue(2))
		p.hear(c, func(_, next int) { l.add("child %d", next) })
		p.hear(root, func(_, next int) { l.add("root %d", next) })
		settle()
		l.take()
		root.UpdateOverrides(p.overrideWithValue(10))
		settle()
		l.want(t, "the parent's", "root 10")
		require.Equal(t, 2, p.settled(c))
		c.UpdateOverrides(p.overrideWithValue(20))
		settle()
		l.want(t, "the child's", "child 20")
		c.Close()
	})
}

func TestS375_AListenerThroughAGrandchildHearsTheMiddle(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		var l trace
		p := k.make(func(weir.Ref) int { return 0 }, weir.Scoped())
		root := newContainer(t)
		mid := child(root, p.overrideWithValue(1))
		leaf := child(mid)
		p.hear(leaf, func(prev, next int) { l.add("%d > %d", prev, next) })
		d := weir.NewProvider(func(ref weir.Ref) int { return 10 * p.watch(ref) }, weir.Scoped(p.id))
		weir.Listen(leaf, d, func(prev, next int) { l.add("d %d > %d", prev, next) })
		settle()
		l.take()
		mid.UpdateOverrides(p.overrideWithValue(2))
		settle()
		l.want(t, "an update", "1 > 2", "d 10 > 20")
		leaf.Close()
		mid.UpdateOverrides(p.overrideWithValue(3))
		settle()
		l.want(t, "the grandchild is closed")
	})
}

func TestS5_UpdateEndsTheBuildsOfBefore(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		var l trace
		p := k.make(func(weir.Ref) int { return 0 })
		c := newContainer(t, p.overrideWith(func(ref weir.Ref) (int, error) {
			ref.OnDispose(func() { l.add("dispose %v", context.Cause(ref.Context()) != nil) })
			return 1, nil
		}))
		s := p.listen(c)
		settle()
		c.UpdateOverrides(p.overrideWithValue(2))
		settle()
		l.want(t, "the old build is over, its context cancelled first", "dispose true")
		require.Equal(t, 2, p.settled(c))
		c.Invalidate(p.id)
		require.Equal(t, 2, p.settled(c), "it is the new override that is built again")
		s.Close()
	})
}

func TestS5_UpdatesFromManyGoroutines(t *testing.T) {
	guard(t, func(t *testing.T) {
		p := scenarioNumber(0)
		c := newContainer(t, p.OverrideWithValue(0))
		d := weir.NewProvider(func(ref weir.Ref) int { return 2 * weir.Watch(ref, p) })
		last := 0
		s := weir.Listen(c, d, func(prev, next int) {
			if prev != last || next%2 != 0 {
				t.Errorf("%d > %d after %d", prev, next, last)
			}
			last = next
		})
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				for i := range 100 {
					switch i % 3 {
					case 0:
						c.UpdateOverrides(p.OverrideWithValue(w*1000 + i))
					case 1:
						c.UpdateOverrides(p.OverrideWith(func(weir.Ref) int { return w*1000 + i }))
					case 2:
						weir.Read(c, d)
					}
				}
			})
		}
		within(t, "the updates", wg.Wait)
		flush(t, c)
		require.Equal(t, 2*weir.Read(c, p), s.Read())
		require.Equal(t, s.Read(), last)
	})
}
