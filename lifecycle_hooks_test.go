package weir_test

// Rules L3, L6 and L7: the order of hooks, hooks that come too late, and what regular providers have instead.

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// ---- L3: order

func TestL3OrderOfLeavingAndReturning(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t)
		var log trace
		p := k.make(func(ref weir.Ref) int { log.hooks(ref, "", true); return 1 }, weir.DisposeDelay(0))
		s, other := p.listen(c), p.listen(c)
		settle()
		log.take()
		other.Pause()
		s.Close()
		settle()
		log.want(t, "left", "cancel", "remove")
		s = p.listen(c)
		settle()
		log.want(t, "returned", "resume", "add")
		other.Close()
		settle()
		log.want(t, "a paused one left", "remove")
		s.Close()
		settle()
		log.want(t, "left for good", "cancel", "remove", "dispose")
	})
}

func TestL3HooksOfOneKindRunInOrderAndDisposeInReverse(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t)
		var log trace
		p := k.make(func(ref weir.Ref) int {
			for i := range 3 {
				ref.OnCancel(log.on(fmt.Sprint("cancel", i)))
				ref.OnResume(log.on(fmt.Sprint("resume", i)))
				ref.OnAddListener(log.on(fmt.Sprint("add", i)))
				ref.OnRemoveListener(log.on(fmt.Sprint("remove", i)))
				ref.OnManualInvalidation(log.on(fmt.Sprint("manual", i)))
				if i == 1 { // both sorts of OnDispose share one order
					ref.OnDisposeErr(func() error { log.add("disposeErr%d", i); return nil })
				} else {
					ref.OnDispose(log.on(fmt.Sprint("dispose", i)))
				}
			}
			return 1
		}, weir.AutoDispose())
		s := p.listen(c)
		settle()
		log.take()
		s.Close()
		settle()
		log.want(t, "left", "cancel0", "cancel1", "cancel2", "remove0", "remove1", "remove2")
		s = p.listen(c)
		settle()
		log.want(t, "returned", "resume0", "resume1", "resume2", "add0", "add1", "add2")
		c.Invalidate(p.id)
		settle()
		log.want(t, "invalidated", "manual0", "manual1", "manual2", "dispose2", "disposeErr1", "dispose0")
		s.Close()
		gone()
		log.want(t, "left for good", "cancel0", "cancel1", "cancel2", "remove0", "remove1", "remove2", "dispose2", "disposeErr1", "dispose0")
	})
}

func TestL3RemovedAndLateHooks(t *testing.T) {
	// Each registration returns its remove; removing is idempotent and touches that hook only, also from inside a hook of the same
	// round. Catches ranging over the live list (a neighbour is skipped) and removing by position.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		var r weir.Ref
		p := weir.NewProvider(func(ref weir.Ref) int { r = ref; return 0 }, weir.DisposeDelay(time.Hour))
		s := weir.Listen(c, p, nil)
		var once func()
		once = r.OnCancel(func() { log.add("once"); once() })
		second := r.OnCancel(log.on("second"))
		r.OnCancel(log.on("third"))
		dropped := r.OnDispose(log.on("dropped"))
		r.OnDispose(log.on("dispose"))
		s.Close()
		log.want(t, "first leaving", "once", "second", "third")
		s = weir.Listen(c, p, nil)
		second()
		second()
		once()
		s.Close()
		log.want(t, "second leaving", "third")
		dropped()
		c.Invalidate(p)
		log.want(t, "over", "dispose")
		dropped()
	})
}

func TestL3RemovedHooksOfEveryKindStayQuiet(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t)
		var log trace
		p := k.make(func(ref weir.Ref) int {
			for _, remove := range []func(){
				ref.OnCancel(log.on("cancel")), ref.OnResume(log.on("resume")), ref.OnAddListener(log.on("add")),
				ref.OnRemoveListener(log.on("remove")), ref.OnDispose(log.on("dispose")), ref.OnManualInvalidation(log.on("manual")),
				ref.OnDisposeErr(func() error { log.add("disposeErr"); return nil }),
			} {
				remove()
				remove()
			}
			return 1
		}, weir.AutoDispose())
		s := p.listen(c)
		settle()
		s.Close()
		s = p.listen(c)
		settle()
		c.Invalidate(p.id)
		settle()
		s.Close()
		gone()
		log.want(t, "every hook was removed")
	})
}

func TestL3AddAndRemoveSeeEveryNonWeakListener(t *testing.T) {
	// A listener is a subscription, a Values or Results loop, a Resolve that waits, a dependent's watch. Each is seen to come and go
	// once; a weak one, a pause, a resume and a Read are not seen.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var adds, removes atomic.Int32
		hooked, release := make(chan struct{}), make(chan struct{})
		p := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
			ref.OnAddListener(func() { adds.Add(1) })
			ref.OnRemoveListener(func() { removes.Add(1) })
			close(hooked)
			<-release
			return 1, nil
		})
		weir.Read(c, p)
		<-hooked
		step := func(what string, add, remove int32) {
			t.Helper()
			settle()
			if a, r := adds.Swap(0), removes.Swap(0); a != add || r != remove {
				t.Errorf("%s: %d added and %d removed, want %d and %d", what, a, r, add, remove)
			}
		}
		s := weir.Listen(c, p, nil)
		step("Listen", 1, 0)
		s.Pause()
		s.Resume()
		step("Pause and Resume", 0, 0)
		s.Close()
		s.Close()
		step("Close, twice", 0, 1)
		w := weir.Listen(c, p, nil, weir.Weak())
		w.Close()
		step("a weak one", 0, 0)
		weir.Read(c, p)
		step("a Read", 0, 0)

		dependent := weir.NewProvider(func(ref weir.Ref) bool { return weir.Watch(ref, p).IsLoading() }, weir.DisposeDelay(0))
		d := weir.Listen(c, dependent, nil)
		step("a dependent's watch", 1, 0)
		d.Pause()
		d.Resume()
		step("its dependent paused and resumed", 0, 0)
		d.Close()
		step("its dependent was disposed", 0, 1)

		selected := weir.Listen(c, weir.Select(p, weir.AsyncValue[int].IsLoading), nil)
		step("a listener of a selection", 1, 0)
		selected.Close()
		step("it closed", 0, 1)

		for what, wait := range map[string]func(ctx context.Context){
			"a Resolve that waits": func(ctx context.Context) { weir.Resolve(ctx, c, p) },
			"a Values loop": func(ctx context.Context) {
				for range weir.Values(ctx, c, p) {
				}
			},
			"a Results loop": func(ctx context.Context) {
				for range weir.Results(ctx, c, p) {
				}
			},
		} {
			ctx, cancel := context.WithCancel(t.Context())
			go wait(ctx)
			step(what, 1, 0)
			cancel()
			step(what+" ended", 0, 1)
		}
		close(release)
		settle()
		_, err := weir.Resolve(t.Context(), c, p)
		require.NoError(t, err)
		step("a Resolve of a value at rest", 0, 0)
		next := slices.Collect(func(yield func(int) bool) {
			for v := range weir.Values(t.Context(), c, p) {
				yield(v.ValueOr(0))
				return
			}
		})
		require.Equal(t, []int{1}, next)
		step("a Values loop that its body left", 1, 1)
	})
}

// ---- L6: hooks that come late

func TestL6OnDisposeOnARefThatIsOverRunsAtOnce(t *testing.T) {
	// Over by invalidation, by disposal and by Close: OnDispose runs at once, in the call, and the other hooks do nothing.
	for _, how := range []string{"invalidated", "disposed", "closed"} {
		t.Run(how, func(t *testing.T) {
			eachKind(t, func(t *testing.T, k kind) {
				c := newContainer(t)
				var r weir.Ref
				p := k.make(func(ref weir.Ref) int { r = ref; return 1 }, weir.AutoDispose())
				s := p.listen(c)
				settle()
				old := r
				switch how {
				case "invalidated":
					c.Invalidate(p.id)
				case "disposed":
					s.Close()
					gone()
					s = p.listen(c)
				case "closed":
					c.Close()
				}
				settle()
				var log trace
				remove := old.OnDispose(log.on("dispose"))
				log.want(t, "OnDispose", "dispose")
				remove()
				old.OnDisposeErr(func() error { log.add("disposeErr"); return nil })()
				log.want(t, "OnDisposeErr", "disposeErr")
				old.OnCancel(log.on("cancel"))
				old.OnResume(log.on("resume"))
				old.OnAddListener(log.on("add"))
				old.OnRemoveListener(log.on("remove"))
				old.OnManualInvalidation(log.on("manual"))()
				s.Close()
				s = p.listen(c)
				settle()
				c.Invalidate(p.id)
				settle()
				s.Close()
				gone()
				c.Close()
				settle()
				log.want(t, "the others in later lives")
			})
		})
	}
}

func TestL6OnDisposeOnARefWhoseBuildHasLeftNothingRunsAtOnce(t *testing.T) {
	// A plain value that was built again, and that nobody has ever ended, has no record of its last build. Planted bug: look for that
	// record all the same (lifeOf).
	c := newContainer(t)
	s := weir.NewStateProvider(func(weir.Ref) int { return 1 })
	var r weir.Ref
	p := weir.NewProvider(func(ref weir.Ref) int { r = ref; return weir.Watch(ref, s) })
	weir.Read(c, p)
	old := r
	s.Set(c, 2)
	require.Equal(t, 2, weir.Read(c, p))
	require.False(t, old.Mounted())
	var log trace
	old.OnDispose(log.on("dispose"))
	log.want(t, "OnDispose", "dispose")
}

func TestL6AResourceAcquiredTooLateIsReleased(t *testing.T) {
	// A build dials for a second, is over meanwhile and pays no attention; the connection it then gets must not leak.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		open := 0
		p := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
			time.Sleep(time.Second)
			open++
			ref.OnDispose(func() { open-- })
			return 1, nil
		}, weir.DisposeDelay(0))
		s := weir.Listen(c, p, nil)
		pass(time.Second / 2)
		s.Close()
		pass(time.Minute)
		require.Zero(t, open, "open connections")
	})
}

func TestL6OnCancelOnStandbyRunsAtOnce(t *testing.T) {
	// A resource acquired while the element is on standby is paused at once, and OnResume pairs with that; the one registered while
	// active is not run a second time.
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t)
		var log trace
		var r weir.Ref
		p := k.make(func(ref weir.Ref) int { r = ref; ref.OnCancel(log.on("early")); return 1 }, weir.DisposeDelay(time.Hour))
		s := p.listen(c)
		settle()
		r.OnCancel(log.on("active"))
		log.want(t, "registered while active")
		s.Close()
		settle()
		log.want(t, "left", "early", "active")
		r.OnCancel(log.on("late"))
		r.OnResume(log.on("resume"))
		log.want(t, "registered on standby", "late")
		s = p.listen(c)
		settle()
		log.want(t, "returned", "resume")
		s.Close()
		settle()
		log.want(t, "left again", "early", "active", "late")
	})
}

func TestL6AnAsyncBuildThatRegistersOnStandby(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		p := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
			time.Sleep(2 * time.Second)
			log.hooks(ref, "", true)
			return 1, nil
		}, weir.DisposeDelay(time.Hour))
		s := weir.Listen(c, p, nil)
		pass(time.Second)
		s.Close()
		pass(2 * time.Second)
		log.want(t, "dialled on standby", "cancel")
		s = weir.Listen(c, p, nil)
		settle()
		log.want(t, "returned", "resume", "add")
		s.Close()
		settle()
		log.want(t, "left again", "cancel", "remove")
		pass(2 * time.Hour)
		log.want(t, "disposed", "dispose")
	})
}

func TestL6AReturnBetweenOnCancelAndOnResumeIsNotLost(t *testing.T) {
	// A build on its way registers OnCancel on standby, and OnResume while that OnCancel runs; a listener is back before it has begun.
	// Planted bug: pick the OnResume hooks together with the late OnCancel.
	bubble(t, func(t *testing.T) {
		c, busy := newContainer(t), listenState(1)
		var log trace
		open, running, registered := make(chan struct{}), make(chan struct{}), make(chan struct{})
		p := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
			time.Sleep(time.Second)
			ref.OnCancel(func() { close(running); <-registered; log.add("cancel") })
			<-running
			ref.OnResume(log.on("resume"))
			close(registered)
			return 1, nil
		}, weir.DisposeDelay(time.Hour))
		weir.Listen(c, busy, func(_, _ int) { <-open })
		weir.Read(c, p)
		go busy.Set(c, 2)
		pass(2 * time.Second)
		weir.Listen(c, p, nil)
		close(open)
		settle()
		log.want(t, "back before the first OnCancel has begun", "cancel", "resume")
	})
}

// ---- L7: regular providers

func TestL7OnCancelAndOnResumeNeedAutoDispose(t *testing.T) {
	// At the call, inside the build, and as what a reader of the value gets when the build lets the panic pass.
	for hook, register := range map[string]func(ref weir.Ref){
		"OnCancel": func(ref weir.Ref) { ref.OnCancel(func() {}) },
		"OnResume": func(ref weir.Ref) { ref.OnResume(func() {}) },
	} {
		t.Run(hook, func(t *testing.T) {
			eachKind(t, func(t *testing.T, k kind) {
				c, _ := toldContainer(t)
				var atCall any
				p := k.make(func(ref weir.Ref) int {
					atCall = recovered(func() { register(ref) })
					panic(atCall)
				}, weir.Name("regular"))
				_ = p.err(c)
				settle()
				isUsage(t, "at the call", asError(atCall), "regular", "AutoDispose")
				isUsage(t, "for the reader", p.err(c), "regular", "AutoDispose")
				usable(t, c)
			})
		})
	}
}

func TestL7OtherHooksAndLinksOfRegularProviders(t *testing.T) {
	// The other hooks work; CacheFor and KeepAlive do nothing: no panic, a link that can be closed, and no disposal by the back door.
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t)
		var log trace
		p := k.make(func(ref weir.Ref) int {
			log.add("build")
			ref.CacheFor(time.Second)
			ref.KeepAlive().Close()
			log.hooks(ref, "", false)
			return 1
		})
		p.read(c)
		settle()
		s := p.listen(c)
		settle()
		s.Close()
		settle()
		log.want(t, "a visit", "build", "add", "remove")
		pass(24 * time.Hour)
		c.DisposeUnused()
		settle()
		require.True(t, c.Exists(p.id))
		log.want(t, "a day without listeners")
		c.Close()
		settle()
		log.want(t, "Close", "dispose")
	})
}

func TestL7PauseButNeverDispose(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t)
		var log trace
		p := k.make(func(ref weir.Ref) int {
			log.add("build")
			ref.KeepAlive()
			ref.OnCancel(log.on("pause"))
			ref.OnResume(log.on("resume"))
			ref.OnDispose(log.on("close"))
			return 0
		}, weir.AutoDispose())
		for range 3 {
			s := p.listen(c)
			pass(time.Hour)
			s.Close()
			pass(time.Hour)
		}
		log.want(t, "three visits", "build", "pause", "resume", "pause", "resume", "pause")
	})
}

func TestE3AHookThatRunsAtOnceRaisesItsPanicWhereItIsRegistered(t *testing.T) {
	// Without a panic handler. Planted bugs: forget what was raised, of a hook that comes after its build (OnDispose) or on standby
	// (OnCancel).
	bubble(t, func(t *testing.T) {
		c := bareContainer(t)
		var first weir.Ref
		p := weir.NewProvider(func(ref weir.Ref) int { first = ref; return 1 }, weir.AutoDispose())
		weir.Read(c, p)
		require.Panics(t, func() { first.OnCancel(func() { panic(errBoom) }) })
		require.True(t, first.Mounted())
		c.DisposeUnused()
		require.Panics(t, func() { first.OnDispose(func() { panic(errBoom) }) })
	})
}
