package weir_test

// The decided edge cases that concern the lifecycle: D1 to D6, D14 and D17.

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestD1IsPausedOfARef(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t)
		var refs []weir.Ref
		p := k.make(func(ref weir.Ref) int {
			if ref.IsPaused() || !ref.Mounted() {
				t.Error("a building element is not paused, and its ref is mounted")
			}
			refs = append(refs, ref)
			return 1
		}, weir.AutoDispose())
		is := func(when string, r weir.Ref, mounted, paused bool) {
			t.Helper()
			require.Equal(t, mounted, r.Mounted(), "mounted: %s", when)
			if mounted {
				require.Equal(t, paused, r.IsPaused(), "paused: %s", when)
			}
		}
		s := p.listen(c)
		settle()
		is("active", refs[0], true, false)
		s.Pause()
		settle()
		is("its listener paused", refs[0], true, true)
		s.Resume()
		settle()
		is("resumed", refs[0], true, false)
		c.Invalidate(p.id)
		settle()
		is("the old build's", refs[0], false, false)
		is("the new build's", refs[1], true, false)
		s.Close()
		settle()
		is("on standby", refs[1], true, true)
		gone()
		is("disposed", refs[1], false, false)
	})
}

func TestD1SubscriptionRead(t *testing.T) {
	// A Read of its scope: up to date, also when closed; a weak one's builds.
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t)
		n := weir.NewStateProvider(func(weir.Ref) int { return 1 })
		double := weir.NewProvider(func(ref weir.Ref) int { return 2 * weir.Watch(ref, n) })
		s := weir.Listen(c, double, nil)
		require.Equal(t, 2, s.Read())
		s.Pause()
		n.Set(c, 2)
		require.Equal(t, 4, s.Read(), "paused")
		s.Close()
		n.Set(c, 3)
		require.Equal(t, 6, s.Read(), "closed")
		var log trace
		lazy := weir.NewProvider(func(weir.Ref) int { log.add("build"); return 7 })
		w := weir.Listen(c, lazy, nil, weir.Weak())
		log.want(t, "a weak listener alone")
		require.Equal(t, 7, w.Read())
		log.want(t, "its Read", "build")
	})
}

func TestD2OnManualInvalidation(t *testing.T) {
	// Once per invalidation by hand, with everything of that build still live, before OnDispose; not for dependency changes.
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t)
		var log trace
		key := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		source := weir.NewProvider(func(ref weir.Ref) int { ref.OnDispose(log.on("source.dispose")); return 1 })
		var r weir.Ref
		p := k.make(func(ref weir.Ref) int {
			r = ref
			weir.Watch(ref, key)
			log.add("build")
			ref.OnManualInvalidation(func() {
				if err := ref.Context().Err(); err != nil || !ref.Mounted() {
					t.Errorf("in the hook: context %v, mounted %v, want both live", err, ref.Mounted())
				}
				log.add("manual")
				ref.Invalidate(source)
			})
			ref.OnDispose(log.on("dispose"))
			return 1
		})
		s := p.listen(c)
		settle()
		log.take()
		key.Set(c, 1)
		settle()
		log.want(t, "a dependency changed", "dispose", "build")
		for what, invalidate := range map[string]func(){
			"Invalidate":         func() { c.Invalidate(p.id) },
			"InvalidateAsReload": func() { c.InvalidateAsReload(p.id) },
			"InvalidateSelf":     func() { r.InvalidateSelf() },
			"Refresh":            func() { p.refresh(c) },
		} {
			weir.Read(c, source)
			invalidate()
			settle()
			log.want(t, what, "manual", "source.dispose", "dispose", "build")
		}
		s.Close()
		c.Invalidate(p.id)
		c.Invalidate(p.id)
		settle()
		log.want(t, "twice, with nobody to rebuild for", "manual", "dispose")
	})
}

func TestD2AForwarderDoesNotLoop(t *testing.T) {
	// The hook invalidates the build's own dependency, and the dependency's hook the one below: each once.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		a := weir.NewProvider(func(ref weir.Ref) int { ref.OnManualInvalidation(log.on("a")); return 1 })
		b := weir.NewProvider(func(ref weir.Ref) int {
			ref.OnManualInvalidation(func() { log.add("b"); ref.Invalidate(a) })
			return weir.Watch(ref, a)
		})
		top := weir.NewProvider(func(ref weir.Ref) int {
			ref.OnManualInvalidation(func() { log.add("top"); ref.Invalidate(b) })
			return weir.Watch(ref, b)
		})
		s := weir.Listen(c, top, nil)
		defer s.Close()
		c.Invalidate(top)
		settle()
		log.want(t, "forwarded", "top", "b", "a")
	})
}

func TestD3TheListenerThatMakesASyncBuildCounts(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t)
		var log trace
		p := k.make(func(ref weir.Ref) int {
			ref.OnAddListener(log.on("add"))
			ref.OnRemoveListener(log.on("remove"))
			return 1
		})
		s := p.listen(c)
		settle()
		if k.async {
			log.want(t, "it came before the async build's hooks")
		} else {
			log.want(t, "it came with the build", "add")
		}
		other := p.listen(c)
		settle()
		log.want(t, "the next one", "add")
		other.Close()
		s.Close()
		settle()
		log.want(t, "both left", "remove", "remove")
	})
}

func TestD4ADirectDependentsBuildIsOverAtOnce(t *testing.T) {
	// On standby: the direct dependent's build is over when Set returns, the one further on is not until somebody asks.
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t)
		var log trace
		n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		direct := weir.NewProvider(func(ref weir.Ref) int { ref.OnDispose(log.on("direct")); return weir.Watch(ref, n) / 10 })
		p := k.make(func(ref weir.Ref) int { ref.OnDispose(log.on("further")); return weir.Watch(ref, direct) })
		p.read(c)
		settle()
		n.Set(c, 1)
		log.want(t, "Set has returned", "direct")
		settle()
		p.read(c)
		settle()
		log.want(t, "a Read found nothing different")
		n.Set(c, 10)
		log.want(t, "Set has returned", "direct")
		p.read(c)
		settle()
		log.want(t, "a Read found a change", "further")
	})
}

func TestD5AnOpenLinkDoesNotSaveAnInvalidatedElement(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t)
		var log trace
		p := k.make(func(ref weir.Ref) int { log.add("build"); ref.KeepAlive(); ref.OnDispose(log.on("dispose")); return 1 }, weir.AutoDispose())
		p.read(c)
		pass(time.Hour)
		log.want(t, "kept by its link", "build")
		c.Invalidate(p.id)
		require.False(t, c.Exists(p.id))
		settle()
		log.want(t, "invalidated", "dispose")
	})
}

func TestD6AWatchAfterTheBuildReturned(t *testing.T) {
	// On a live ref it still adds a dependency: a change rebuilds, and while the dependent lives the source does.
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t)
		var log trace
		n := weir.NewStateProvider(func(ref weir.Ref) int { ref.OnDispose(log.on("n.dispose")); return 1 }, weir.AutoDispose())
		var r weir.Ref
		builds := 0
		p := k.make(func(ref weir.Ref) int { r = ref; builds++; log.add("build"); return builds }, weir.AutoDispose())
		s := p.listen(c)
		settle()
		require.Equal(t, 1, weir.Watch(r, n))
		gone()
		log.want(t, "watched late: kept", "build")
		old := r
		n.Set(c, 2)
		settle()
		log.want(t, "it changed", "build")
		require.Equal(t, 2, weir.Watch(old, n), "on a ref that is over Watch acts as Read")
		gone()
		log.want(t, "the new build does not watch it", "n.dispose")
		s.Close()
	})
}

func TestD14AFirstBuildThatFailsTellsNobody(t *testing.T) {
	// Listen without FireImmediately: the state says it. Later failures of a kind that raises go to OnError, or to the panic handler.
	eachKind(t, func(t *testing.T, k kind) {
		if !k.raises {
			t.Skip("its listeners hear of a failure as of any value")
		}
		c, told := toldContainer(t)
		key := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		p := k.make(func(ref weir.Ref) int {
			if v := weir.Watch(ref, key); v != 1 {
				panic(v)
			}
			return 1
		})
		var log trace
		s := p.hear(c, func(_, next int) { log.add("value %d", next) }, weir.OnError(func(err error) {
			var pe *weir.PanicError
			require.ErrorAs(t, err, &pe)
			log.add("error %v", pe.Value)
		}))
		settle()
		log.want(t, "the first build failed")
		require.Error(t, p.err(c))
		log.want(t, "a Read that raises tells nobody else")
		key.Set(c, 1)
		settle()
		log.want(t, "mended", "value 1")
		key.Set(c, 2)
		settle()
		log.want(t, "failed again", "error 2")
		require.Empty(t, told.values(), "OnError was told instead of the handler")
		s.Close()
		s = p.listen(c)
		settle()
		require.Empty(t, told.values(), "a Listen to what has failed")
		key.Set(c, 1)
		key.Set(c, 3)
		settle()
		require.Equal(t, []string{"3"}, told.values(), "a failure without OnError")
		s.Close()
	})
}

func TestD14AnErrorWithoutOnErrorIsNoPanic(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t) // fails when its panic handler is told anything
		fail := false
		p := weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) {
			if fail {
				return 0, errBoom
			}
			return 1, nil
		})
		s := weir.Listen(c, p, nil)
		defer s.Close()
		settle()
		fail = true
		c.Invalidate(p)
		settle()
		require.ErrorIs(t, weir.Read(c, p).Err(), errBoom)
	})
}

func TestD17AListenThroughTheRefOfAnInactiveElement(t *testing.T) {
	// It hears of a State that is set, without making it active.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		var nRef weir.Ref
		n := weir.NewStateProvider(func(ref weir.Ref) int {
			nRef = ref
			ref.OnCancel(log.on("n.cancel"))
			ref.OnResume(log.on("n.resume"))
			return 0
		}, weir.AutoDispose())
		p := weir.NewProvider(func(ref weir.Ref) int {
			ref.KeepAlive()
			weir.Listen(ref, n, func(prev, next int) { log.add("%d->%d", prev, next) })
			return 1
		}, weir.AutoDispose())
		s := weir.Listen(c, p, nil)
		s.Close()
		log.want(t, "its element on standby", "n.cancel")
		n.Set(c, 1)
		settle()
		log.want(t, "set", "0->1")
		require.True(t, nRef.IsPaused())
		pass(time.Hour)
		n.Set(c, 2)
		settle()
		log.want(t, "an hour later: the listen keeps it", "1->2")
		s = weir.Listen(c, p, nil)
		settle()
		log.want(t, "its element is active again", "n.resume")
		s.Close()
	})
}

func TestReasonTellsBuildsApart(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t)
		key := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		var reasons []weir.BuildReason
		p := k.make(func(ref weir.Ref) int {
			weir.Watch(ref, key)
			reasons = append(reasons, ref.Reason())
			return 1
		}, weir.AutoDispose())
		s := p.listen(c)
		settle()
		for _, step := range []func(){
			func() { key.Set(c, 1) }, func() { c.Invalidate(p.id) }, func() { c.InvalidateAsReload(p.id) }, func() { p.refresh(c) },
			func() { s.Close(); gone(); s = p.listen(c) },
		} {
			step()
			settle()
		}
		s.Close()
		require.Equal(t, []weir.BuildReason{weir.ReasonFirstBuild, weir.ReasonReload, weir.ReasonRefresh, weir.ReasonReload,
			weir.ReasonRefresh, weir.ReasonFirstBuild}, reasons)
	})
}

func TestD4ARefIsOverThoughItsBuildLeavesNothingToEnd(t *testing.T) {
	// As soon as what it watches was set, not when it is built again. Planted bug: take the newest build for live as long as nothing of
	// it has to be ended (Mounted).
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t)
		n := weir.NewStateProvider(func(weir.Ref) int { return 1 })
		var r weir.Ref
		p := k.make(func(ref weir.Ref) int {
			r = ref
			return weir.Watch(ref, n)
		})
		p.read(c)
		settle()
		require.True(t, r.Mounted())
		n.Set(c, 2)
		settle()
		require.False(t, r.Mounted())
	})
}
