package weir_test

// Section 1 of the scenarios, lifecycle, continued: refs that are over, hooks that drive other providers, views of a provider.

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestS027_ARefThatIsOverDoesNothing(t *testing.T) {
	// Riverpod: everything but the mounted check throws. Weir: nothing panics, and nothing happens (C9, L6).
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		n := scenarioNumber(1, weir.Name("n"))
		otherBuilds := 0
		other := weir.NewProvider(func(weir.Ref) int { otherBuilds++; return 5 })
		slow := weir.NewFutureProvider(func(ctx context.Context, _ weir.Ref) (int, error) {
			<-ctx.Done()
			return 0, context.Cause(ctx)
		})
		weir.Read(c, n)
		weir.Read(c, other)
		var refs []weir.Ref
		var log trace
		p := k.make(func(ref weir.Ref) int { refs = append(refs, ref); log.add("build"); return len(refs) })
		p.settled(c)
		c.Invalidate(p.id)
		require.Equal(t, 2, p.settled(c))
		log.want(t, "built, invalidated and read", "build", "build")
		ref := refs[0]

		require.False(t, ref.Mounted())
		require.Equal(t, 1, weir.Watch(ref, n))
		require.Equal(t, 1, weir.Read(ref, n))
		require.Equal(t, 5, weir.Refresh(ref, other))
		ref.Invalidate(other, p.id)
		ref.InvalidateAsReload(other, p.id)
		ref.InvalidateSelf()
		weir.Read(c, other)
		require.Equal(t, 1, otherBuilds, "Refresh is Read, Invalidate does nothing")
		s := weir.Listen(ref, n, func(_, next int) { log.add("heard %d", next) })
		sf := p.hear(ref, func(_, next int) { log.add("heard %d", next) })
		require.True(t, ref.Exists(n))
		n.Set(ref, 9)
		require.Equal(t, 2, n.Update(ref, func(v int) int { return v + 1 }))
		require.Equal(t, 1, weir.Read(c, n), "writes do nothing")
		n.Set(c, 2)
		s.Close()
		sf.Close()
		pump()
		require.Equal(t, 2, p.settled(c))
		log.want(t, "no dependency, no listener")
		require.Zero(t, info(t, c, "n").Listeners)

		_, err := weir.Await(ref, slow)
		require.ErrorIs(t, err, weir.ErrInvalidated)
		_, err = weir.Resolve(context.Background(), ref, slow)
		require.ErrorIs(t, err, weir.ErrInvalidated)
		require.ErrorIs(t, ref.Debounce(time.Hour), weir.ErrInvalidated)
		require.ErrorIs(t, context.Cause(ref.Context()), weir.ErrInvalidated)
		ref.SetProgress(0.5)

		ref.OnAddListener(log.on("add"))
		ref.OnRemoveListener(log.on("remove"))
		ref.OnManualInvalidation(log.on("manual"))
		if k.auto {
			ref.OnCancel(log.on("cancel"))
			ref.OnResume(log.on("resume"))
		}
		log.want(t, "hooks that do nothing")
		ref.OnDispose(log.on("dispose"))
		log.want(t, "a resource that came too late is released", "dispose")
		p.listen(c).Close()
		p.listen(c).Close()
		ref.KeepAlive()
		ref.CacheFor(time.Hour)
		log.want(t, "listeners came and went")
		gone()
		require.Equal(t, !k.auto, c.Exists(p.id), "neither a link nor CacheFor of an old build keeps it")
		c.Invalidate(p.id)
		log.want(t, "invalidated")
	})
}

func TestS028_AHookMayDriveOtherProviders(t *testing.T) {
	// Riverpod rejects it. Weir: it joins the running turn (P7). In OnDispose the build's own ref is over (C9): the container is not.
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		n := 0
		target := weir.NewProvider(func(weir.Ref) int { n++; return n })
		weir.Listen(c, target, func(prev, next int) { log.add("%d->%d", prev, next) })
		p := k.make(func(ref weir.Ref) int {
			hook := func(what string) func() { return func() { log.add("%s", what); ref.Invalidate(target) } }
			ref.OnAddListener(hook("add"))
			ref.OnRemoveListener(hook("remove"))
			ref.OnManualInvalidation(hook("manual"))
			ref.OnDispose(hook("dispose, by its ref"))
			ref.OnDispose(func() { log.add("dispose"); c.Invalidate(target) })
			if k.auto {
				ref.OnCancel(hook("cancel"))
				ref.OnResume(hook("resume"))
			}
			return 1
		})
		a := p.listen(c)
		pump()
		log.take()
		n = 1 // the builds so far do not matter
		weir.Refresh(c, target)
		log.take()
		p.listen(c)
		log.want(t, "a listener came", "add", "2->3")
		a.Close()
		log.want(t, "one of two left", "remove", "3->4")
		c.Invalidate(p.id)
		pump()
		// No turn runs while OnManualInvalidation hooks do, so what they change is delivered there and then (G4).
		log.want(t, "invalidated", "manual", "4->5", "dispose", "dispose, by its ref", "5->6")
	})
}

func TestS028_CancelAndResumeHooksMayDriveOtherProviders(t *testing.T) {
	eachAutoKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		n := 0
		target := weir.NewProvider(func(weir.Ref) int { n++; return n })
		weir.Listen(c, target, func(prev, next int) { log.add("%d->%d", prev, next) })
		p := k.make(func(ref weir.Ref) int {
			ref.OnCancel(func() { log.add("cancel"); ref.Invalidate(target) })
			ref.OnResume(func() { log.add("resume"); ref.Invalidate(target) })
			ref.OnDispose(func() { log.add("dispose"); c.Invalidate(target) })
			return 1
		})
		s := p.listen(c)
		pump()
		s.Pause()
		log.want(t, "paused", "cancel", "1->2")
		s.Resume()
		log.want(t, "resumed", "resume", "2->3")
		s.Close()
		log.want(t, "closed", "cancel", "3->4")
		out()
		log.want(t, "disposed", "dispose", "4->5")
	})
}

func TestS031_IsPausedWhenTheOnlyListenerHasLeft(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		refs := make(chan weir.Ref, 1)
		building := make(chan bool, 1)
		p := k.make(func(ref weir.Ref) int { building <- ref.IsPaused(); refs <- ref; return 1 })
		p.read(c)
		pump()
		require.False(t, <-building, "building, for a read (D1)")
		require.True(t, (<-refs).IsPaused(), "read")
		c.Invalidate(p.id)
		s := p.listen(c)
		pump()
		ref := <-refs
		require.False(t, <-building, "building")
		require.False(t, ref.IsPaused(), "listened")
		s.Close()
		require.True(t, ref.IsPaused(), "the only listener left")
		s = p.listen(c)
		require.False(t, ref.IsPaused(), "one is back")
		s.Pause()
		require.True(t, ref.IsPaused(), "it is paused")
		p.weak(c, nil)
		require.True(t, ref.IsPaused(), "a weak one counts for nothing")
		s.Resume()
		require.False(t, ref.IsPaused(), "it is resumed")
	})
}

func TestS032_ListenersOfAViewAreListenersOfItsProvider(t *testing.T) {
	eachAutoKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		p := k.make(func(ref weir.Ref) int { log.hooks(ref, "", true); return 1 })
		// A stream's emit returns when the first listener comes, and its goroutine may then run the turn: hence the pumps.
		view := p.sel(func(v int) int { return v % 2 }).sel(func(v int) int { return -v })
		p.read(c)
		pump()
		log.want(t, "read", "cancel")
		a := view.listen(c)
		pump()
		log.want(t, "first", "resume", "add")
		b := view.listen(c)
		pump()
		log.want(t, "second", "add")
		a.Close()
		log.want(t, "one left", "remove")
		b.Close()
		log.want(t, "both left", "cancel", "remove")
		view.listen(c)
		pump()
		log.want(t, "back", "resume", "add")
		view.listen(c)
		pump()
		log.want(t, "one more", "add")
		c.Invalidate(p.id)
		log.want(t, "invalidated", "dispose")
		pump()
		require.Equal(t, -1, view.read(c))
		log.want(t, "built again")
	})
}

func TestS034_AStackedViewIsOneEdge(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		d := k.make(func(weir.Ref) int { return 1 }, weir.Name("d"))
		name := d.id.Name() // "d", or "d(key)"
		view := d.sel(func(v int) int { return v + 1 }).sel(func(v int) int { return v * 10 })
		p := weir.NewProvider(func(ref weir.Ref) int { return view.watch(ref) }, weir.Name("p"))
		weir.Listen(c, p, nil)
		pump()
		require.Equal(t, 20, weir.Read(c, p))
		require.Equal(t, []string{name}, info(t, c, "p").Dependencies)
		require.Equal(t, 1, info(t, c, "p").Listeners)
		i := info(t, c, name)
		require.Equal(t, []int{1, 0, 0}, []int{i.Listeners, i.Paused, i.Weak})
		require.Empty(t, i.Dependencies)
		require.Equal(t, 2, elements(c))
	})
}
