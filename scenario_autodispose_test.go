package weir_test

// Section 2 of the scenarios, autodispose: what is disposed of and when. Where Riverpod disposes at the next
// pump, Weir does when the delay has passed (100 ms of fake time here).

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// scenarioNames are the names of what a container holds itself, sorted.
func scenarioNames(c *weir.Container) (names []string) {
	for _, e := range c.Snapshot().Elements {
		names = append(names, e.Name)
	}
	return slices.Sorted(slices.Values(names))
}

// counted makes a provider that records "build" and "dispose".
func (k scenarioKind) counted(log *trace, prefix string, opts ...weir.ProviderOption) scenarioRig {
	return k.make(func(ref weir.Ref) int {
		log.add("%sbuild", prefix)
		ref.OnDispose(log.on(prefix + "dispose"))
		return 42
	}, opts...)
}

func TestS035_OnlyReadItGoesAfterItsDelay(t *testing.T) {
	eachAutoKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		p := k.counted(&log, "")
		require.Equal(t, 42, p.settled(c))
		require.True(t, c.Exists(p.id), "right after the read")
		pass(delay - time.Millisecond)
		log.want(t, "not yet", "build")
		pass(2 * time.Millisecond)
		log.want(t, "its delay is over", "dispose")
		require.False(t, c.Exists(p.id))
		require.Zero(t, elements(c))
	})
}

func TestS037_AListenerThatReturnsBeforeDisposal(t *testing.T) {
	eachAutoKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		p := k.counted(&log, "")
		s := p.listen(c)
		pump()
		s.Close()
		pass(delay - time.Millisecond)
		s = p.listen(c)
		gone()
		log.want(t, "one was back in time", "build")
		s.Close()
		pass(delay - time.Millisecond)
		log.want(t, "the delay starts anew")
		gone()
		log.want(t, "left for good", "dispose")
		gone()
		log.want(t, "and no more")
	})
}

func TestS038_TheLastOfTwoListeners(t *testing.T) {
	eachAutoKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		p := k.counted(&log, "")
		a, b := p.listen(c), p.listen(c)
		pump()
		a.Close()
		gone()
		log.want(t, "one of two left", "build")
		b.Close()
		gone()
		log.want(t, "both left", "dispose")
	})
}

func TestS041_OnlyWhatWasReleasedGoes(t *testing.T) {
	eachAutoKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		p, q := k.counted(&log, "p."), k.counted(&log, "q.")
		p.listen(c).Close()
		gone()
		p.listen(c)
		s := q.listen(c)
		pump()
		log.wantSet(t, "p in its second life", "p.build", "p.dispose", "p.build", "q.build")
		s.Close()
		gone()
		log.want(t, "q was released", "q.dispose")
	})
}

func TestS042_TheContainerIsClosedWhileAReleaseIsPending(t *testing.T) {
	eachAutoKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		p := k.counted(&log, "")
		s := p.listen(c)
		pump()
		s.Close()
		log.want(t, "released", "build")
		c.Close()
		log.want(t, "closed", "dispose")
		gone()
		log.want(t, "its timer")
	})
}

func TestS044_ADependencyThatTheRebuildLetGo(t *testing.T) {
	// Riverpod disposes of it in the pump that rebuilds; Weir does with a delay of 0, in the call that changed the switch.
	eachAutoKind(t, func(t *testing.T, k scenarioKind) {
		for _, at := range []time.Duration{0, delay} {
			c := newContainer(t)
			var log trace
			d := k.counted(&log, "d.", weir.DisposeDelay(at), weir.Name("d"))
			on := weir.NewStateProvider(func(weir.Ref) bool { return true }, weir.Name("switch"))
			p := weir.NewProvider(func(ref weir.Ref) int {
				log.add("p.build")
				if !weir.Watch(ref, on) {
					return -1
				}
				return d.watch(ref)
			}, weir.Name("p"))
			weir.Listen(c, p, func(_, next int) { log.add("heard %d", next) })
			pump()
			log.take()
			on.Set(c, false)
			if at == 0 {
				log.want(t, "switched", "p.build", "heard -1", "d.dispose")
			} else {
				log.want(t, "switched", "p.build", "heard -1")
				pass(at + time.Millisecond)
				log.want(t, "its delay is over", "d.dispose")
			}
			require.Equal(t, []string{"p", "switch"}, scenarioNames(c))
		}
	})
}

func TestS045_ListenedThroughAChild(t *testing.T) {
	eachAutoKind(t, func(t *testing.T, k scenarioKind) {
		root := newContainer(t)
		child := newContainer(t, weir.WithParent(root))
		var log trace
		p := k.counted(&log, "")
		for range 2 {
			s := p.hear(child, func(prev, next int) { log.add("%d->%d", prev, next) }, weir.FireImmediately())
			pump()
			if k.async {
				log.wantSet(t, "listened", "0->0", "build", "0->42") // loading is told, beside the build
			} else {
				log.want(t, "listened", "build", "0->42")
			}
			require.Equal(t, []int{1, 0}, []int{elements(root), elements(child)})
			s.Close()
			gone()
			log.want(t, "released", "dispose")
			require.Equal(t, []int{0, 0}, []int{elements(root), elements(child)})
			require.False(t, child.Exists(p.id))
		}
	})
}

func TestS047_AWeakListenerOutlivesTheElement(t *testing.T) {
	eachAutoKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		n := 0
		p := k.make(func(ref weir.Ref) int {
			n++
			log.add("build")
			ref.OnDispose(log.on("dispose"))
			return n
		})
		s := p.weak(c, func(_, next int) {
			if next != 0 {
				log.add("heard %d", next)
			}
		})
		pump()
		log.want(t, "a weak listener builds nothing")
		for i := range 2 {
			p.subRead(s)
			pump()
			log.want(t, "its Read does", "build", fmt.Sprint("heard ", i+1))
			gone()
			log.want(t, "nobody keeps it", "dispose")
			require.False(t, c.Exists(p.id))
			require.Zero(t, elements(c))
		}
	})
}

func TestS048_OnlyTheContainerThatHoldsItKnowsIt(t *testing.T) {
	// Riverpod keeps an entry in a and one in d, the container that was asked. Weir: one element, in the root.
	eachAutoKind(t, func(t *testing.T, k scenarioKind) {
		a := newContainer(t)
		b := newContainer(t, weir.WithParent(a))
		e := newContainer(t, weir.WithParent(b))
		d := newContainer(t, weir.WithParent(e))
		held := func() []int { return []int{elements(a), elements(b), elements(e), elements(d)} }
		p := k.make(func(weir.Ref) int { return 42 })
		for range 2 {
			s := p.listen(d)
			pump()
			require.Equal(t, []int{1, 0, 0, 0}, held())
			s.Close()
			pass(delay - time.Millisecond)
			require.Equal(t, []int{1, 0, 0, 0}, held(), "on standby")
			gone()
			require.Equal(t, []int{0, 0, 0, 0}, held())
		}
	})
}

func TestS051_AnOverrideServesTheNextLifeToo(t *testing.T) {
	eachAutoKind(t, func(t *testing.T, k scenarioKind) {
		var log trace
		p := k.counted(&log, "", weir.Scoped())
		root := newContainer(t)
		over := newContainer(t, weir.WithParent(root), p.overrideWith(func(ref weir.Ref) (int, error) {
			log.add("override")
			ref.OnDispose(log.on("override.dispose"))
			return 7, nil
		}))
		between := newContainer(t, weir.WithParent(over))
		for _, from := range []*weir.Container{over, between, over} {
			require.Equal(t, 7, p.settled(from))
			require.Equal(t, []int{0, 1, 0}, []int{elements(root), elements(over), elements(between)})
			gone()
			log.want(t, "one life", "override", "override.dispose")
			require.Equal(t, []int{0, 0, 0}, []int{elements(root), elements(over), elements(between)})
		}
		require.Equal(t, 42, p.settled(root), "the root has its own")
		log.want(t, "through the root", "build")
	})
}

func TestS052_AChildIsClosedRightAfterARead(t *testing.T) {
	eachAutoKind(t, func(t *testing.T, k scenarioKind) {
		var log trace
		p := k.counted(&log, "", weir.Scoped())
		root := newContainer(t)
		child := newContainer(t, weir.WithParent(root), p.overrideWith(func(ref weir.Ref) (int, error) {
			log.add("build")
			ref.OnDispose(log.on("dispose"))
			return 7, nil
		}))
		p.read(child)
		pump()
		child.Close()
		log.want(t, "read and closed", "build", "dispose")
		gone()
		log.want(t, "later")
		require.Equal(t, 42, p.settled(root))
	})
}

func TestS054_ADisposedDependentIsNoListener(t *testing.T) {
	eachAutoKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		n := scenarioNumber(1, weir.Name("n"))
		p := k.make(func(ref weir.Ref) int { return weir.Watch(ref, n) })
		s := p.listen(c)
		pump()
		require.Equal(t, []int{1, 0}, []int{info(t, c, "n").Listeners, info(t, c, "n").Paused})
		s.Close()
		require.Equal(t, []int{1, 1}, []int{info(t, c, "n").Listeners, info(t, c, "n").Paused}, "on standby its watch is paused")
		gone()
		require.Equal(t, []int{0, 0}, []int{info(t, c, "n").Listeners, info(t, c, "n").Paused})
		require.Equal(t, 1, elements(c))
	})
}

func TestS057_WatchedAfterAGap(t *testing.T) {
	// P8: what the old build watched counts until the new one is done, so it is not disposed of before the new one comes to watch it.
	eachScenarioKindThat(t, func(k scenarioKind) bool { return k.async }, func(t *testing.T, k scenarioKind) {
		var log trace
		d := weir.NewStateProvider(func(ref weir.Ref) int {
			ref.OnDispose(log.on("d.dispose"))
			return 0
		}, weir.DisposeDelay(0))
		var gap chan struct{}
		build := func(ref weir.Ref) (int, error) {
			<-gap
			return weir.Watch(ref, d), nil
		}
		plain := k.makeErr(build)
		replaced := k.make(func(weir.Ref) int { return -1 })
		for name, c := range map[string]*weir.Container{"as it is": newContainer(t), "overridden": newContainer(t, replaced.overrideWith(build))} {
			p := plain
			if name == "overridden" {
				p = replaced
			}
			gap = make(chan struct{})
			close(gap)
			s := p.hearAs(c, func(_, next string) { log.add("%s", next) })
			pump()
			log.want(t, name+": built", "data 0")
			gap = make(chan struct{})
			d.Set(c, 1)
			pump()
			log.want(t, name+": the rebuild has not come to the watch", "reloading 0")
			gone()
			log.want(t, name+": and is not there yet")
			close(gap)
			pump()
			log.want(t, name+": it is", "data 1")
			s.Close()
			c.Invalidate(p.id)
			log.take()
		}
	})
}

func TestS058_DisposedWhileItsBuildIsPending(t *testing.T) {
	eachScenarioKindThat(t, func(k scenarioKind) bool { return k.async && k.auto }, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		answers := make(chan int)
		p := k.make(func(ref weir.Ref) int {
			log.add("build")
			ref.OnDispose(log.on("dispose"))
			return <-answers
		})
		hear := func() sub {
			return p.hearAs(c, func(prev, next string) { log.add("%s->%s", prev, next) }, weir.FireImmediately())
		}
		s := hear()
		pump()
		s.Close()
		log.wantSet(t, "listened and left", "->loading", "build")
		gone()
		log.want(t, "its delay is over", "dispose")
		hear()
		pump()
		log.want(t, "the second starts when the function of the first has returned (C5)", "->loading")
		answers <- 42
		pump()
		log.want(t, "the first's answer is dropped", "build")
		answers <- 21
		pump()
		log.want(t, "the second's", "loading->data 21")
	})
}

func TestS061_OffByDefault(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		p, delayed := k.counted(&log, ""), k.counted(&log, "delayed.", weir.DisposeDelay(time.Second))
		p.read(c)
		delayed.read(c)
		gone()
		require.Equal(t, !k.auto, c.Exists(p.id))
		require.True(t, c.Exists(delayed.id))
		pass(2 * time.Second)
		require.False(t, c.Exists(delayed.id), "DisposeDelay implies AutoDispose")
		if k.auto {
			log.wantSet(t, "in the end", "build", "delayed.build", "dispose", "delayed.dispose")
		} else {
			log.wantSet(t, "in the end", "build", "delayed.build", "delayed.dispose")
		}
	})
}

func TestS062_OnlyTheAutoDisposeOneGoesFromAChild(t *testing.T) {
	eachAutoKind(t, func(t *testing.T, k scenarioKind) {
		n := scenarioNumber(1, weir.Scoped(), weir.Name("n"))
		var log trace
		p := k.make(func(ref weir.Ref) int { ref.OnDispose(log.on("dispose")); return weir.Watch(ref, n) }, weir.Scoped(n), weir.Name("p"))
		root := newContainer(t)
		child := newContainer(t, weir.WithParent(root), n.OverrideWithValue(5))
		require.Equal(t, 5, p.settled(child))
		require.Equal(t, []string{"n", p.id.Name()}, scenarioNames(child))
		gone()
		log.want(t, "later", "dispose")
		require.Equal(t, []string{"n"}, scenarioNames(child))
		require.Zero(t, elements(root))
	})
}

func TestS055_AListenerOnItselfKeepsNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		plain := weir.NewNotifierProvider(func() *scenarioNotifier {
			n := &scenarioNotifier{}
			n.build = func(ref weir.Ref) (int, error) {
				n.ListenSelf(func(prev, next int) { log.add("%d->%d", prev, next) })
				ref.OnDispose(log.on("dispose"))
				return 42, nil
			}
			return n
		}, weir.AutoDispose())
		weir.Read(c, plain)
		log.want(t, "read", "0->42")
		out()
		log.want(t, "its delay is over", "dispose")
		async := weir.NewAsyncNotifierProvider(func() *scenarioAsyncNotifier {
			n := &scenarioAsyncNotifier{}
			n.build = func(ref weir.Ref) (int, error) {
				n.ListenSelf(func(prev, next weir.AsyncValue[int]) { log.add("%s->%s", show(prev), show(next)) })
				ref.OnDispose(log.on("dispose"))
				return 42, nil
			}
			return n
		}, weir.AutoDispose())
		weir.Resolve(context.Background(), c, async)
		pump()
		log.want(t, "resolved", "loading->data 42")
		out()
		log.want(t, "its delay is over", "dispose")
		stream := weir.NewStreamNotifierProvider(func() *scenarioStreamNotifier {
			n := &scenarioStreamNotifier{}
			n.build = func(ref weir.Ref) (int, error) {
				n.ListenSelf(func(prev, next weir.AsyncValue[int]) { log.add("%s->%s", show(prev), show(next)) })
				ref.OnDispose(log.on("dispose"))
				return 42, nil
			}
			return n
		}, weir.AutoDispose())
		weir.Resolve(context.Background(), c, stream)
		pump()
		log.want(t, "resolved", "loading->data 42")
		out()
		log.want(t, "its delay is over", "dispose")
		require.Zero(t, elements(c))
	})
}
