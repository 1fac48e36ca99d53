package weir_test

// Section 4 of the scenarios, invalidate and refresh. What Riverpod merges until a pump, Weir merges within one turn: such a
// scenario runs in a listener, where the turn is under way. (Invalidate is not staged by a Batch: D7.)

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// inTurn runs fn inside a turn of c, as a listener, and returns when that turn is done.
func inTurn(c *weir.Container, fn func()) {
	trigger := scenarioNumber(0)
	defer weir.Listen(c, trigger, func(_, _ int) { fn() }).Close()
	trigger.Set(c, 1)
}

// changes records "1->2", and not what only begins to load.
func (l *trace) changes(prefix string) func(prev, next int) {
	return func(prev, next int) {
		if prev != next {
			l.add("%s%d->%d", prefix, prev, next)
		}
	}
}

func TestS071_InvalidateSelfDisposesAtOnce(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		var r weir.Ref
		p := k.make(func(ref weir.Ref) int { r = ref; log.add("build"); ref.OnDispose(log.on("dispose")); return 1 })
		p.listen(c)
		pump()
		log.take()
		inTurn(c, func() {
			r.InvalidateSelf()
			got := log.peek()
			require.Equal(t, "dispose", got[0], "inside the call")
		})
		pump()
		log.want(t, "listened: built again", "dispose", "build")
		old := r
		old.InvalidateSelf()
		pump()
		log.want(t, "by the ref of now", "dispose", "build")
		old.InvalidateSelf()
		pump()
		log.want(t, "by the ref of then")
	})
}

func TestS072_InvalidatedAndItsSourceChanged(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		for name, invalidate := range map[string]func(c *weir.Container, p scenarioRig, ref weir.Ref){
			"S-072, by the container": func(c *weir.Container, p scenarioRig, _ weir.Ref) { c.Invalidate(p.id) },
			"S-074, by itself":        func(_ *weir.Container, _ scenarioRig, ref weir.Ref) { ref.InvalidateSelf() },
		} {
			c := newContainer(t)
			var log trace
			n := scenarioNumber(1)
			var r weir.Ref
			p := k.make(func(ref weir.Ref) int {
				r = ref
				log.add("build")
				return weir.Watch(ref, n)
			})
			p.listen(c)
			pump()
			log.take()
			p.hear(c, log.changes(""))
			inTurn(c, func() {
				invalidate(c, p, r)
				n.Set(c, 2)
				for _, what := range log.peek() {
					if what != "build" {
						t.Errorf("%s: told of %s inside the turn that is under way", name, what)
					}
				}
			})
			pump()
			if k.async { // how far the first rebuild had come when the source changed is up to the scheduler
				got := log.take()
				require.Equal(t, 1, count(got, "1->2"), "%v", got)
				require.LessOrEqual(t, len(got), 3, "%v", got)
			} else {
				log.want(t, name+": one rebuild, one call", "build", "1->2")
			}
			// Outside a turn each call delivers what follows from it, and an equal value is told to nobody.
			invalidate(c, p, r)
			pump()
			log.want(t, name+": invalidated alone", "build")
			n.Set(c, 3)
			pump()
			log.want(t, name+": changed alone", "build", "2->3")
		}
	})
}

func TestS075_RefreshReturnsTheNewValue(t *testing.T) {
	// S-075 by a ref, S-077 of what was never built, S-078 of what is at rest.
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		holder := make(chan weir.Ref, 1)
		weir.Read(c, weir.NewProvider(func(ref weir.Ref) int { holder <- ref; return 0 }))
		ref := <-holder
		builds := 0
		answers := []int{42, 21, 7}
		gate := make(chan struct{})
		p := k.make(func(weir.Ref) int {
			if k.async {
				<-gate
			}
			builds++
			return answers[builds-1]
		})
		first := p.refresh(c)
		loading, refreshing := p.readAs(c), ""
		close(gate)
		pump()
		require.Equal(t, "data 42", p.readAs(c))
		require.Equal(t, 1, builds, "S-077: a Refresh of what was never built builds it once")

		gate = make(chan struct{})
		second := p.refresh(ref)
		refreshing = p.readAs(c)
		close(gate)
		pump()
		require.Equal(t, 2, builds, "S-078: nothing was pending, and it was built again")
		require.Equal(t, "data 21", p.readAs(c))
		if k.async {
			require.Equal(t, []any{0, "loading", 42, "refreshing 42"}, []any{first, loading, second, refreshing})
		} else {
			require.Equal(t, []any{42, "data 42", 21, "data 21"}, []any{first, loading, second, refreshing})
		}
		if p.resolve != nil { // S-081
			p.refresh(c)
			v, err := p.resolve(context.Background(), c)
			require.NoError(t, err)
			require.Equal(t, 7, v)
			require.Equal(t, "data 7", p.readAs(c))
			require.Equal(t, 3, builds)
		}
	})
}

func TestS082_InvalidateAsReload(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		for _, listened := range []bool{true, false} {
			c := newContainer(t)
			holder := make(chan weir.Ref, 1)
			weir.Read(c, weir.NewProvider(func(ref weir.Ref) int { holder <- ref; return 0 }))
			other := <-holder
			gate := make(chan struct{})
			close(gate)
			var r weir.Ref
			var reasons []weir.BuildReason
			p := k.make(func(ref weir.Ref) int {
				r, reasons = ref, append(reasons, ref.Reason())
				if k.async {
					<-gate
				}
				return 7
			})
			s := p.listen(c)
			if pump(); !listened {
				s.Pause() // it counts, so it is not disposed of; and it is not rebuilt before the read
			}
			for name, reload := range map[string]func(){
				"container":   func() { c.InvalidateAsReload(p.id) },
				"another ref": func() { other.InvalidateAsReload(p.id) },
				"itself":      func() { r.InvalidateAsReload(p.id) },
			} {
				gate = make(chan struct{})
				reload()
				now := p.readAs(c)
				close(gate)
				pump()
				if k.async {
					require.Equal(t, "reloading 7", now, "by %s", name)
				}
				require.Equal(t, "data 7", p.readAs(c))
				require.Equal(t, weir.ReasonReload, reasons[len(reasons)-1])
			}
			gate = make(chan struct{})
			p.refresh(c)
			now := p.readAs(c)
			close(gate)
			pump()
			if k.async {
				require.Equal(t, "refreshing 7", now, "S-084: a Refresh after a reload that is done is a refresh")
			}
			require.Equal(t, []weir.BuildReason{weir.ReasonFirstBuild, weir.ReasonReload, weir.ReasonReload, weir.ReasonReload, weir.ReasonRefresh}, reasons)
		}
	})
}

func TestS085_AFamilyIsInvalidatedFromARef(t *testing.T) {
	eachScenarioKindThat(t, func(k scenarioKind) bool { return !k.family }, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		n := 1
		all, of := k.members(func(key int) scenarioBuild {
			return func(weir.Ref) (int, error) { log.add("build%d", key); return 10*n + key, nil }
		})
		other := k.make(func(weir.Ref) int { log.add("other"); return 5 })
		holder := make(chan weir.Ref, 1)
		weir.Read(c, weir.NewProvider(func(ref weir.Ref) int { holder <- ref; return 0 }))
		ref := <-holder
		for key := range 2 {
			of(key).hear(c, log.changes(""))
			pump()
		}
		other.listen(c)
		pump()
		log.take()
		n = 2
		ref.Invalidate(all, all)
		pump()
		log.wantSet(t, "invalidated, named twice", "build0", "10->20", "build1", "11->21")
		require.Equal(t, []int{20, 21}, []int{of(0).read(c), of(1).read(c)})
	})
}

func TestS087_AScopedFamilyIsInvalidatedThroughAChild(t *testing.T) {
	eachScenarioKindThat(t, func(k scenarioKind) bool { return !k.family }, func(t *testing.T, k scenarioKind) {
		n := scenarioNumber(1, weir.Scoped())
		var log trace
		all, of := k.members(func(key int) scenarioBuild {
			return func(ref weir.Ref) (int, error) {
				v := weir.Watch(ref, n)
				ref.OnDispose(func() { log.add("dispose%d", v) })
				return v, nil
			}
		}, weir.Scoped(n))
		root := newContainer(t)
		child := newContainer(t, weir.WithParent(root), n.OverrideWithValue(2))
		of(0).listen(child)
		of(0).listen(root)
		pump()
		log.want(t, "built")
		child.Invalidate(all)
		log.want(t, "in the child", "dispose2")
		pump()
		root.Invalidate(all)
		log.want(t, "in the root", "dispose1")
		pump()
		require.Equal(t, []int{1, 2}, []int{of(0).read(root), of(0).read(child)})
		log.want(t, "read")
	})
}

func TestS088_AnUnscopedFamilyIsInvalidatedThroughAChild(t *testing.T) {
	eachScenarioKindThat(t, func(k scenarioKind) bool { return !k.family }, func(t *testing.T, k scenarioKind) {
		n := scenarioNumber(1, weir.Scoped())
		builds := 0
		all, of := k.members(func(int) scenarioBuild {
			return func(weir.Ref) (int, error) { builds++; return builds, nil }
		})
		p := weir.NewProvider(func(ref weir.Ref) int { return of(0).watch(ref) })
		root := newContainer(t)
		child := newContainer(t, weir.WithParent(root), n.OverrideWithValue(2))
		see := func() int { weir.Read(child, p); pump(); return weir.Read(child, p) }
		require.Equal(t, 1, see())
		child.Invalidate(all)
		require.Equal(t, 2, see())
		require.Equal(t, 2, builds)
		require.Zero(t, elements(child))
	})
}

func TestS091_ASiblingInvalidatesWhatTheyShare(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		builds := 0
		p := k.make(func(weir.Ref) int { return -1 }, weir.Scoped())
		root := newContainer(t)
		mid := newContainer(t, weir.WithParent(root), p.overrideWith(func(weir.Ref) (int, error) { builds++; return builds, nil }))
		a, b := newContainer(t, weir.WithParent(mid)), newContainer(t, weir.WithParent(mid))
		require.Equal(t, 1, p.settled(a))
		b.Invalidate(p.id)
		require.Equal(t, 2, p.settled(a))
		require.Equal(t, 2, p.settled(b))
		require.Equal(t, 2, builds)
	})
}

func TestS092_ASiblingDoesNotInvalidateWhatIsNotShared(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		var log trace
		p := k.counted(&log, "root.", weir.Scoped())
		root := newContainer(t)
		builds := 0
		b := newContainer(t, weir.WithParent(root), p.overrideWith(func(ref weir.Ref) (int, error) {
			ref.OnDispose(log.on("dispose"))
			builds++
			return builds, nil
		}))
		a := newContainer(t, weir.WithParent(root))
		p.listen(b)
		pump()
		a.Invalidate(p.id)
		pump()
		log.want(t, "in a there is none")
		require.Equal(t, 1, p.read(b))
		require.Equal(t, 42, p.settled(a))
		a.Invalidate(p.id)
		pump()
		log.want(t, "the root's", "root.build", "root.dispose")
		require.Equal(t, 1, p.read(b))
		require.Equal(t, 1, builds)
	})
}

func TestS094_TheManualHookIsForManualInvalidation(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		n := scenarioNumber(1)
		p := k.make(func(ref weir.Ref) int {
			ref.OnManualInvalidation(log.on("manual"))
			ref.OnDispose(log.on("dispose"))
			return weir.Watch(ref, n)
		})
		p.listen(c)
		pump()
		n.Set(c, 2)
		pump()
		log.want(t, "a dependency changed", "dispose")
		for name, by := range map[string]func(){
			"Invalidate":         func() { c.Invalidate(p.id) },
			"InvalidateAsReload": func() { c.InvalidateAsReload(p.id) },
			"Refresh":            func() { p.refresh(c) },
		} {
			by()
			pump()
			log.want(t, name, "manual", "dispose")
		}
	})
}

func TestS095_SeveralManualHooks(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		p := k.make(func(ref weir.Ref) int {
			for i := range 3 {
				remove := ref.OnManualInvalidation(log.on(fmt.Sprint("manual", i)))
				if i == 1 {
					remove()
					remove()
				}
			}
			return 1
		})
		p.listen(c)
		pump()
		for range 2 {
			c.Invalidate(p.id)
			pump()
			log.want(t, "invalidated", "manual0", "manual2")
		}
		var remove func()
		q := k.make(func(ref weir.Ref) int {
			ref.OnManualInvalidation(func() { log.add("first"); remove() })
			remove = ref.OnManualInvalidation(log.on("second"))
			return 1
		})
		q.listen(c)
		pump()
		c.Invalidate(q.id)
		pump()
		log.want(t, "unregistered in the round in which it would have run", "first")
	})
}

func TestS097_InvalidationIsForwarded(t *testing.T) {
	// S-097 and S-098: Derived forwards to Source, a chain cascades. S-101 and S-102: to one's own dependency, without a loop.
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		n := scenarioNumber(0)
		var builds trace // the builds of a chain may run side by side
		forward := func(name string, source func(ref weir.Ref) int, to ...weir.AnyProvider) scenarioRig {
			return k.make(func(ref weir.Ref) int {
				ref.OnManualInvalidation(func() {
					log.add("%s", name)
					if !ref.Mounted() {
						t.Errorf("%s: the ref is over in OnManualInvalidation", name)
					}
					ref.Invalidate(to...)
				})
				v := source(ref)
				builds.add("%s", name)
				return v
			})
		}
		a := forward("a", func(ref weir.Ref) int { return weir.Watch(ref, n) })
		b := forward("b", func(ref weir.Ref) int { return a.watch(ref) }, a.id)
		d := forward("d", func(weir.Ref) int { return 1 }, b.id)
		d.listen(c)
		b.listen(c)
		pump()
		builds.take()
		wantBuilds := func(when string, a, d int) {
			t.Helper()
			got := builds.take()
			if count(got, "a") != a || count(got, "d") != d || count(got, "b") == 0 {
				t.Errorf("%s: builds %v, want %d of a, some of b and %d of d", when, got, a, d)
			}
		}
		d.refresh(c)
		log.want(t, "refreshed: each hook once", "d", "b", "a")
		pump()
		log.want(t, "and no more")
		wantBuilds("refreshed", 1, 1)
		n.Set(c, 1)
		pump()
		log.want(t, "S-101: a change is not forwarded")
		wantBuilds("changed", 1, 0)
		c.Invalidate(b.id)
		log.want(t, "S-102: to its own dependency, once", "b", "a")
		pump()
		log.want(t, "and no more")
		wantBuilds("invalidated", 1, 0)
		require.Equal(t, 1, b.read(c))
	})
}
