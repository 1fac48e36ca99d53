package weir_test

// Rules L1 and L2: who counts as a listener, and the hooks that run when the last active one leaves and the first one is back.
// Where a rule does not depend on the kind of provider, its test runs over the table of kinds.

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// ---- L1: active means listeners that are not paused

func TestL1ActiveIsListenersMinusPausedOnes(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t)
		var log trace
		p := k.make(func(ref weir.Ref) int { log.hooks(ref, "", true); return 1 }, weir.AutoDispose(), weir.Name("p"))
		a, b := p.listen(c), p.listen(c)
		settle()
		log.take()
		a.Pause()
		settle()
		log.want(t, "one of two paused")
		b.Pause()
		settle()
		log.want(t, "both paused", "cancel")
		a.Resume()
		settle()
		log.want(t, "one resumed", "resume")
		b.Resume()
		settle()
		log.want(t, "both resumed")
		a.Pause()
		b.Close()
		settle()
		log.want(t, "one paused, the other closed", "cancel", "remove")
		a.Resume()
		settle()
		log.want(t, "the paused one resumed", "resume")
		a.Pause()
		a.Close()
		settle()
		log.want(t, "closed while paused: one crossing, one leaving", "cancel", "remove")
	})
}

func TestL1WeakListenersCountForNothing(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t)
		var log trace
		p := k.make(func(ref weir.Ref) int { log.hooks(ref, "", true); return 1 }, weir.DisposeDelay(time.Second))
		s := p.listen(c)
		settle()
		log.take()
		w := p.listen(c, weir.Weak())
		w.Pause()
		w.Resume()
		settle()
		log.want(t, "a weak listener came, paused and resumed")
		s.Close()
		settle()
		log.want(t, "the last real one left", "cancel", "remove")
		w.Close()
		w = p.listen(c, weir.Weak())
		settle()
		log.want(t, "weak ones left and came on standby")
		pass(time.Second + time.Millisecond)
		log.want(t, "the delay passed in spite of the weak one", "dispose")
		w.Close()
	})
}

func TestL1PausesAreCounted(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t)
		var log trace
		p := k.make(func(ref weir.Ref) int { log.hooks(ref, "", true); return 1 }, weir.AutoDispose())
		s := p.listen(c)
		settle()
		log.take()
		s.Pause()
		s.Pause()
		s.Resume()
		settle()
		log.want(t, "paused twice, resumed once", "cancel")
		require.True(t, s.IsPaused())
		s.Resume()
		s.Resume() // one too many: it must not make the next Pause void
		settle()
		log.want(t, "resumed", "resume")
		require.False(t, s.IsPaused())
		s.Pause()
		settle()
		log.want(t, "paused after a surplus Resume", "cancel")
		s.Close()
		s.Resume()
		s.Pause()
		settle()
		log.want(t, "Pause and Resume of a closed one do nothing", "remove")
	})
}

func TestL1StandbyClimbsTheGraph(t *testing.T) {
	// The example of the rule, for closing and for pausing: OnCancel of C, then B, then A.
	for _, how := range []string{"close", "pause"} {
		t.Run(how, func(t *testing.T) {
			eachKind(t, func(t *testing.T, k kind) {
				c := newContainer(t)
				var log trace
				// Only C's listeners come and go; B and A would log a listener hook if an edge did.
				a := k.make(func(ref weir.Ref) int { log.hooks(ref, "A.", true); return 1 }, weir.DisposeDelay(time.Hour))
				b := k.make(func(ref weir.Ref) int { v := a.watch(ref); log.hooks(ref, "B.", true); return v }, weir.DisposeDelay(time.Hour))
				top := k.make(func(ref weir.Ref) int { v := b.watch(ref); log.hooks(ref, "C.", true); return v }, weir.DisposeDelay(time.Hour))
				s := top.listen(c)
				settle()
				for round := range 3 {
					when := fmt.Sprintf("%s, round %d", how, round)
					log.take()
					if how == "pause" {
						s.Pause()
						settle()
						log.want(t, when, "C.cancel", "B.cancel", "A.cancel")
						s.Resume()
						settle()
						log.wantSet(t, when+": back", "C.resume", "B.resume", "A.resume")
						continue
					}
					s.Close()
					settle()
					got := log.peek()
					log.wantSet(t, when, "C.cancel", "C.remove", "B.cancel", "A.cancel")
					inOrder(t, got, "C.cancel", "B.cancel", "A.cancel")
					inOrder(t, got, "C.cancel", "C.remove")
					s = top.listen(c)
					settle()
					got = log.peek()
					log.wantSet(t, when+": back", "C.resume", "C.add", "B.resume", "A.resume")
					inOrder(t, got, "C.resume", "C.add")
				}
			})
		})
	}
}

func TestL1AWatchIsPausedWhileItsDependentIsOnStandby(t *testing.T) {
	// A is watched by B (kept alive on standby) and listened to: it goes on standby with its own listener, and an hour later it is
	// still there, because a paused listener keeps (L4).
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t)
		var log trace
		a := k.make(func(ref weir.Ref) int {
			ref.OnCancel(log.on("A.cancel"))
			ref.OnResume(log.on("A.resume"))
			ref.OnDispose(log.on("A.dispose"))
			return 1
		}, weir.AutoDispose())
		b := k.make(func(ref weir.Ref) int { ref.KeepAlive(); return a.watch(ref) }, weir.AutoDispose())
		onB, onA := b.listen(c), a.listen(c)
		settle()
		onB.Close()
		settle()
		log.want(t, "B on standby, A listened to")
		onA.Close()
		settle()
		log.want(t, "A's own listener left", "A.cancel")
		pass(time.Hour)
		log.want(t, "an hour later: B's paused watch keeps A")
		onB = b.listen(c)
		settle()
		log.want(t, "B is back", "A.resume")
		onB.Close()
		settle()
		log.want(t, "B left again", "A.cancel")
	})
}

func TestL1ABuildingDependentCountsAsActive(t *testing.T) {
	// Nobody listens to warm; while it builds, what it watches is active: its source's OnCancel runs only once the build is done.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		src := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
			ref.OnCancel(log.on("src.cancel"))
			time.Sleep(time.Second)
			return 42, nil
		}, weir.AutoDispose())
		warm := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
			v, err := weir.Await(ref, src)
			time.Sleep(time.Second)
			return v, err
		})
		weir.Read(c, warm)
		pass(1900 * time.Millisecond)
		log.want(t, "while warm builds")
		pass(200 * time.Millisecond)
		log.want(t, "once warm is at rest", "src.cancel")
		require.Equal(t, 42, weir.Read(c, warm).ValueOr(0))
	})
}

// ---- L2: OnCancel and OnResume

func TestL2TheFirstListenerRunsNeither(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t)
		var log trace
		p := k.make(func(ref weir.Ref) int {
			ref.OnCancel(log.on("cancel"))
			ref.OnResume(log.on("resume"))
			return 1
		}, weir.AutoDispose())
		p.listen(c)
		settle()
		s := p.listen(c)
		settle()
		s.Close()
		settle()
		log.want(t, "a first and a second listener came, the second left")
	})
}

func TestL2CancelAndResumeAlternateStrictly(t *testing.T) {
	// Every way of crossing between 0 and 1: closing, pausing, returning, resuming, in a mix in which a count kept per subscription
	// kind would slip.
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t)
		var log trace
		p := k.make(func(ref weir.Ref) int {
			ref.KeepAlive()
			ref.OnCancel(log.on("cancel"))
			ref.OnResume(log.on("resume"))
			return 1
		}, weir.AutoDispose())
		s := p.listen(c)
		settle()
		step := func(what string, do func(), want ...string) {
			t.Helper()
			do()
			settle()
			log.want(t, what, want...)
		}
		var other sub
		step("pause", s.Pause, "cancel")
		step("close while paused", s.Close)
		step("a new one", func() { s = p.listen(c) }, "resume")
		step("a second one", func() { other = p.listen(c) })
		step("the older one closes", s.Close)
		step("the other closes", other.Close, "cancel")
		step("a weak one", func() { p.listen(c, weir.Weak()) })
		step("a real one", func() { s = p.listen(c) }, "resume")
		step("it pauses", s.Pause, "cancel")
		step("an unpaused one beside it", func() { other = p.listen(c) }, "resume")
		step("the paused one resumes", s.Resume)
		step("and closes", s.Close)
		step("the last one pauses", other.Pause, "cancel")
		step("and resumes", other.Resume, "resume")
	})
}

func TestL2ResumeOnlyAfterACancelOfTheSameBuild(t *testing.T) {
	// The memory of having been cancelled dies with the build: after a change on standby the one who returns gets a new build, whose
	// OnResume stays quiet.
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t)
		var log trace
		key := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		p := k.make(func(ref weir.Ref) int {
			v := weir.Watch(ref, key)
			ref.OnCancel(log.on(fmt.Sprint("cancel", v)))
			ref.OnResume(log.on(fmt.Sprint("resume", v)))
			ref.OnDispose(log.on(fmt.Sprint("dispose", v)))
			return v
		}, weir.DisposeDelay(time.Hour))
		s := p.listen(c)
		settle()
		s.Close()
		settle()
		key.Set(c, 1)
		s = p.listen(c)
		settle()
		log.want(t, "changed on standby, then back", "cancel0", "dispose0")
		s.Close()
		s = p.listen(c)
		settle()
		log.want(t, "the new build's own pair", "cancel1", "resume1")
		s.Close()
	})
}

func TestL2WhatCameAndWentWithinADeliveryRunsNoHook(t *testing.T) {
	// The listener holds up the turn while another goroutine's subscription comes and goes many times: the counts moved and moved
	// back, so nothing may be delivered, and the pairs stay paired. Catches an implementation that queues one hook per crossing and
	// pairs them with the wrong state, and one whose Listen or Close waits for the turn (G11).
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		other := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		p := weir.NewProvider(func(ref weir.Ref) int {
			ref.OnCancel(log.on("cancel"))
			ref.OnResume(log.on("resume"))
			return 1
		}, weir.DisposeDelay(time.Hour))
		weir.Listen(c, p, nil).Close()
		log.want(t, "on standby", "cancel")
		inTurn, release := make(chan struct{}), make(chan struct{})
		weir.Listen(c, other, func(_, _ int) { close(inTurn); <-release })
		turn := async(t, func() { other.Set(c, 1) })
		await(t, "the turn", inTurn)
		within(t, "coming and going beside a turn", func() {
			for range 10 {
				weir.Listen(c, p, nil).Close()
			}
		})
		close(release)
		await(t, "the end of the turn", turn)
		flush(t, c)
		got := log.take()
		require.Zero(t, len(got)%2, "hooks must come in pairs: %v", got)
		for i, h := range got {
			require.Equal(t, []string{"resume", "cancel"}[i%2], h, "strict alternation: %v", got)
		}
		require.Empty(t, got, "what came and went in between causes no hook")
	})
}
