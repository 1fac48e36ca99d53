package weir_test

// Section 1 of the scenarios, lifecycle: which hooks run when listeners come and go and builds end, over all kinds. A hook that
// is checked here is checked with its order and with what does not run beside it.

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// scenarioSubscribers are the two places from which a listener may come: the container, or a build.
func scenarioSubscribers(c *weir.Container) map[string]func(p scenarioRig) sub {
	return map[string]func(p scenarioRig) sub{
		"container": func(p scenarioRig) sub { return p.listen(c) },
		"ref": func(p scenarioRig) (s sub) {
			holder := weir.NewProvider(func(ref weir.Ref) int { s = p.listen(ref); return 0 })
			weir.Listen(c, holder, nil)
			return s
		},
	}
}

func TestS001_AReadIsNoListener(t *testing.T) {
	// Riverpod: a read is a listener that comes and goes: add, cancel, remove. Weir: it only builds, and the element goes on standby.
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		p := k.make(func(ref weir.Ref) int { log.add("build"); log.hooks(ref, "", k.auto); return 1 })
		p.read(c)
		pump()
		if k.auto {
			log.want(t, "read", "build", "cancel")
		} else {
			log.want(t, "read", "build")
		}
		require.Equal(t, 1, p.read(c))
		pump()
		log.want(t, "read again")
	})
}

func TestS002_AddHooksRunInOrderForEachListener(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		p := k.make(func(ref weir.Ref) int {
			ref.OnAddListener(log.on("h1"))
			ref.OnAddListener(log.on("h2"))
			return 1
		})
		a := p.listen(c)
		pump()
		if k.async { // D3: the hooks of an asynchronous build see the listeners that come after them
			log.want(t, "the listener that started an asynchronous build")
		} else {
			log.want(t, "the listener that made a synchronous build", "h1", "h2")
		}
		b := p.listen(c)
		log.want(t, "a second", "h1", "h2")
		d := p.listen(c)
		log.want(t, "a third", "h1", "h2")
		b.Close()
		d.Close()
		a.Close()
		log.want(t, "leaving is no arrival")
	})
}

func TestS004_RepeatedWatchesBalance(t *testing.T) {
	// Riverpod: each watch of one build is a listener. Weir: it is free to count them once; but what came goes.
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		d := k.make(func(ref weir.Ref) int {
			for _, h := range []string{"1", "2"} {
				ref.OnAddListener(log.on("add" + h))
				ref.OnRemoveListener(log.on("remove" + h))
			}
			return 1
		})
		d.read(c)
		pump()
		log.take()
		twice := weir.NewProvider(func(ref weir.Ref) int { d.watch(ref); return d.watch(ref) }, weir.DisposeDelay(0))
		once := weir.NewProvider(func(ref weir.Ref) int { return d.watch(ref) }, weir.DisposeDelay(0))
		s1, s2 := weir.Listen(c, twice, nil), weir.Listen(c, once, nil)
		pump()
		came := log.take()
		if n := count(came, "add1"); n != 2 && n != 3 || n != count(came, "add2") || len(came) != 2*n {
			t.Errorf("one build watches it twice, another once: %v, want two or three rounds of add1 add2", came)
		}
		s1.Close()
		s2.Close()
		pump()
		went := log.take()
		if count(went, "remove1") != count(came, "add1") || count(went, "remove2") != count(came, "add2") || len(went) != len(came) {
			t.Errorf("came %v and went %v", came, went)
		}
	})
}

func TestS005_RemoveHooksRunAtEachLeaving(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		for where, listen := range scenarioSubscribers(newContainer(t)) {
			var log trace
			p := k.make(func(ref weir.Ref) int {
				ref.OnRemoveListener(log.on("h1"))
				ref.OnRemoveListener(log.on("h2"))
				return 1
			})
			for range 2 {
				s := listen(p)
				pump()
				log.want(t, where+": came")
				s.Close()
				log.want(t, where+": left", "h1", "h2")
				s.Close()
				log.want(t, where+": closed twice")
			}
		}
	})
}

func TestS007_CancelRunsWhenTheLastListenerLeaves(t *testing.T) {
	eachAutoKind(t, func(t *testing.T, k scenarioKind) {
		for where, listen := range scenarioSubscribers(newContainer(t)) {
			var log trace
			p := k.make(func(ref weir.Ref) int {
				ref.OnCancel(log.on("h1"))
				ref.OnCancel(log.on("h2"))
				return 1
			})
			a, b, paused := listen(p), listen(p), listen(p)
			pump()
			paused.Pause()
			a.Close()
			log.want(t, where+": one of two left")
			b.Close()
			log.want(t, where+": the last left", "h1", "h2")
			paused.Pause()
			paused.Close()
			log.want(t, where+": and then one that was paused")
		}
	})
}

func TestS007_ARegularProviderHasNoCancelHook(t *testing.T) {
	// Riverpod has onCancel everywhere. Weir: AutoDispose only, and says so (L7).
	eachScenarioKindThat(t, func(k scenarioKind) bool { return !k.auto }, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		refs := make(chan weir.Ref, 1)
		p := k.make(func(ref weir.Ref) int { refs <- ref; return 1 })
		p.listen(c)
		ref := <-refs
		misuse(t, "OnCancel", func() { ref.OnCancel(func() {}) }, p.id.Name(), "AutoDispose")
		misuse(t, "OnResume", func() { ref.OnResume(func() {}) }, p.id.Name(), "AutoDispose")
		require.Equal(t, 1, p.settled(c))
	})
}

func TestS008_TheLastDependentThatRebuildsWithoutIt(t *testing.T) {
	eachAutoKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		d := k.make(func(ref weir.Ref) int {
			ref.OnCancel(log.on("cancel1"))
			ref.OnCancel(log.on("cancel2"))
			ref.OnResume(log.on("resume"))
			ref.OnDispose(log.on("dispose"))
			return 1
		})
		use1, use2 := true, true
		watcher := func(use *bool) *weir.Provider[int] {
			return weir.NewProvider(func(ref weir.Ref) int {
				if !*use {
					return 0
				}
				return d.watch(ref)
			})
		}
		p1, p2 := watcher(&use1), watcher(&use2)
		weir.Listen(c, p1, nil)
		weir.Listen(c, p2, nil)
		pump()
		use1 = false
		c.Invalidate(p1)
		pump()
		log.want(t, "one of two dependents was rebuilt without it")
		c.Invalidate(p2)
		pump()
		log.want(t, "the other was rebuilt with it: the old build's watch counts meanwhile (P8)")
		use2 = false
		c.Invalidate(p2)
		pump()
		log.want(t, "the last was rebuilt without it", "cancel1", "cancel2")
		out()
		log.want(t, "and its time is up", "dispose")
	})
}

func TestS011_ARebuildForgetsThatItWasIdle(t *testing.T) {
	eachAutoKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		p := k.make(func(ref weir.Ref) int { log.add("build"); log.hooks(ref, "", true); return 1 })
		s := p.listen(c)
		pump()
		log.take()
		s.Pause()
		pump()
		log.want(t, "idle", "cancel")
		c.Invalidate(p.id)
		pump()
		log.want(t, "invalidated with a paused listener: not rebuilt", "dispose")
		s.Resume()
		pump()
		log.want(t, "in use again: the new build was never cancelled", "build")
		s.Pause()
		s.Resume()
		log.want(t, "once more", "cancel", "resume")
		s.Close()
		log.want(t, "left", "cancel", "remove")
		c.Invalidate(p.id) // nobody is there: it is disposed (L10)
		log.want(t, "invalidated without a listener", "dispose")
		require.False(t, c.Exists(p.id))
		s = p.listen(c)
		pump()
		if !k.async {
			log.want(t, "back", "build", "add")
		} else {
			log.want(t, "back", "build")
		}
		s.Close()
		p.listen(c)
		log.want(t, "away and back", "cancel", "remove", "resume", "add")
	})
}

func TestS012_AddHooksBelongToOneBuild(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		names := []string{"old", "new"}
		p := k.make(func(ref weir.Ref) int {
			ref.OnAddListener(log.on(names[0]))
			names = names[1:]
			return 1
		})
		p.listen(c)
		pump()
		log.take()
		p.listen(c)
		log.want(t, "first build", "old")
		p.refresh(c)
		pump()
		log.want(t, "refreshed: nobody came") // Riverpod: the refresh itself is a listener that comes and goes
		p.listen(c)
		log.want(t, "second build", "new")
	})
}

func TestS014_CancelHooksBelongToOneBuild(t *testing.T) {
	eachAutoKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		names := []string{"old", "new"}
		p := k.make(func(ref weir.Ref) int {
			ref.OnCancel(log.on(names[0]))
			names = names[1:]
			return 1
		})
		p.read(c)
		pump()
		log.want(t, "read: built, and nobody is there", "old")
		c.Invalidate(p.id)
		s := p.listen(c)
		pump()
		log.want(t, "rebuilt for a listener")
		s.Close()
		log.want(t, "left", "new")
	})
}

func TestS015_ResumeHooksBelongToOneBuild(t *testing.T) {
	eachAutoKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		names := []string{"old", "new"}
		p := k.make(func(ref weir.Ref) int {
			ref.OnResume(log.on(names[0]))
			names = names[1:]
			return 1
		})
		p.read(c)
		pump()
		c.Invalidate(p.id)
		s := p.listen(c)
		pump()
		s.Close()
		log.want(t, "read, invalidated, came and left")
		p.listen(c)
		log.want(t, "back", "new")
	})
}

func TestS017_AnUnregisteredHookNeverRuns(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		p := k.make(func(ref weir.Ref) int {
			on := []func(func()) func(){ref.OnAddListener, ref.OnRemoveListener, ref.OnDispose, ref.OnManualInvalidation}
			if k.auto {
				on = append(on, ref.OnCancel, ref.OnResume)
			}
			for i, register := range on {
				remove := register(log.on(fmt.Sprint("removed", i)))
				register(log.on(fmt.Sprint("kept", i)))
				remove()
				remove()
			}
			return 1
		})
		s := p.listen(c)
		pump()
		s.Close()
		p.listen(c).Close()
		c.Invalidate(p.id)
		pump()
		got := log.take()
		for i := range 4 + 2*btoi(k.auto) {
			if count(got, fmt.Sprint("removed", i)) != 0 || count(got, fmt.Sprint("kept", i)) == 0 {
				t.Errorf("hooks of sort %d: %v, want kept%d and no removed%d", i, got, i, i)
			}
		}
	})
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestS018_ClosingTheContainerRunsDisposeHooksOnce(t *testing.T) {
	// Riverpod runs them first-to-last, Weir last-to-first (L3).
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		p := k.make(func(ref weir.Ref) int {
			ref.OnDispose(log.on("d1"))
			ref.OnDispose(log.on("d2"))
			return 1
		})
		p.listen(c)
		pump()
		log.want(t, "open")
		c.Close()
		log.want(t, "closed", "d2", "d1")
		c.Close()
		gone()
		log.want(t, "closed again")
	})
}

func TestS021_ABuildThatIsOverAlreadyIsNotDisposedAgain(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		n := scenarioNumber(0)
		p := k.make(func(ref weir.Ref) int {
			log.add("build")
			ref.OnDispose(log.on("dispose"))
			return weir.Watch(ref, n)
		})
		s := p.listen(c)
		pump()
		s.Pause()
		log.want(t, "built", "build")
		n.Set(c, 1)
		pump()
		log.want(t, "a dependency changed, and nobody active needs it", "dispose")
		c.Close()
		gone()
		log.want(t, "closed before it was rebuilt")
	})
}

func TestS022_DisposeHooksDoNotAccumulate(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		p := k.make(func(ref weir.Ref) int {
			log.add("build")
			ref.OnDispose(log.on("dispose"))
			return 1
		})
		p.read(c)
		pump()
		log.want(t, "read", "build")
		for range 2 {
			p.refresh(c)
			pump()
			log.want(t, "refreshed", "dispose", "build")
		}
	})
}

func TestS024_MountedUntilTheContainerIsClosed(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		refs := make(chan weir.Ref, 1)
		p := k.make(func(ref weir.Ref) int { refs <- ref; return 1 })
		p.listen(c)
		pump()
		ref := <-refs
		require.True(t, ref.Mounted())
		c.Close()
		require.False(t, ref.Mounted())
	})
}

func TestS025_MountedWhileADependencyMayHaveChanged(t *testing.T) {
	// Riverpod: mounted until the rebuild. Weir: until it is known stale (L5, D4); what only may be stale is not over.
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		n := scenarioNumber(0)
		parity := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, n) % 2 })
		refs := make(chan weir.Ref, 2)
		builds := 0
		p := k.make(func(ref weir.Ref) int { builds++; refs <- ref; return weir.Watch(ref, parity) })
		s := p.listen(c)
		pump()
		s.Pause()
		ref := <-refs
		n.Set(c, 2)
		require.True(t, ref.Mounted(), "it may be stale")
		p.read(c)
		pump()
		require.True(t, ref.Mounted(), "it is not stale")
		require.Equal(t, 1, builds)
		n.Set(c, 3)
		require.True(t, ref.Mounted(), "it may be stale, once more")
		p.read(c)
		pump()
		require.False(t, ref.Mounted(), "it was stale, and has been rebuilt")
		require.Equal(t, 2, builds)
		ref = <-refs
		require.True(t, ref.Mounted())
		c.Invalidate(p.id)
		require.False(t, ref.Mounted(), "known to be stale")
		require.Equal(t, 2, builds, "nobody active needs it")
	})
}
