package weir_test

// This file holds Listen and Subscription: the options (G13's FireImmediately, OnError, Weak), Pause and Resume, closing inside callbacks,
// Read of a subscription (D1), listening through a ref and a tx. Values, Results and Changed stand in listen_values_test.go.

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func listenState(v int, opts ...weir.ProviderOption) *weir.StateProvider[int] {
	return weir.NewStateProvider(func(weir.Ref) int { return v }, opts...)
}

// listenFailsAt makes a provider that panics while the state is bad.
func listenFailsAt(n *weir.StateProvider[int], bad int) *weir.Provider[int] {
	return weir.NewProvider(func(ref weir.Ref) int {
		v := weir.Watch(ref, n)
		if v == bad {
			panic(errBoom)
		}
		return v
	})
}

// ---- FireImmediately

func TestListenS132FireImmediatelyOrNot(t *testing.T) {
	// With it the current value arrives once, before Listen returns; without it, or with a nil function, nothing does.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		n := listenState(7)
		weir.Listen(c, n, propagationArrow[int](&log, "plain "))
		log.want(t, "without")
		weir.Listen(c, n, propagationArrow[int](&log, "fire "), weir.FireImmediately())
		log.want(t, "with", "fire 0→7")
		weir.Listen(c, n, nil, weir.FireImmediately())
		n.Set(c, 8)
		log.want(t, "a change", "plain 7→8", "fire 7→8")
	})
}

func TestG13FireImmediatelyComesBeforeAnyOtherCall(t *testing.T) {
	// It runs on the caller, and a change that comes while it runs is delivered after it, from what it got. Planted bugs: register the
	// listener and then fire; fire on the turn's goroutine (Listen beside a stuck turn would hang, or return unfired).
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		n := listenState(1)
		inFire, goOn := make(chan struct{}), make(chan struct{})
		listened := async(t, func() {
			first := true
			weir.Listen(c, n, func(prev, next int) {
				if first {
					first = false
					close(inFire)
					<-goOn
				}
				log.add("%d→%d", prev, next)
			}, weir.FireImmediately())
			log.add("returned")
		})
		<-inFire
		written := async(t, func() { n.Set(c, 2); n.Set(c, 3) })
		settle()
		log.want(t, "the first call still runs")
		close(goOn)
		<-listened
		<-written
		flush(t, c)
		got := log.take()
		inOrder(t, got, "0→1", "returned")
		require.Equal(t, "0→1", got[0])
		last := got[len(got)-1]
		if last == "returned" {
			last = got[len(got)-2]
		}
		require.Contains(t, []string{"1→3", "2→3"}, last, "%v", got)
	})
}

func TestG13FireImmediatelyDoesNotWaitForATurn(t *testing.T) {
	// On the caller means on the caller: a turn that is stuck elsewhere does not hold the first call up.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		n, other := listenState(1), listenState(0)
		inTurn, goOn := make(chan struct{}), make(chan struct{})
		weir.Listen(c, other, func(_, _ int) { close(inTurn); <-goOn })
		turn := async(t, func() { other.Set(c, 1) })
		await(t, "the turn", inTurn)
		within(t, "Listen beside a stuck turn", func() {
			fired := 0
			weir.Listen(c, n, func(_, next int) { fired = next }, weir.FireImmediately())
			require.Equal(t, 1, fired)
		})
		close(goOn)
		await(t, "the turn", turn)
	})
}

func TestListenS148APanicInTheFirstCall(t *testing.T) {
	// Listen still returns a live subscription; the handler gets that one panic, the next change is delivered. E3.
	guard(t, func(t *testing.T) {
		c, r := toldContainer(t)
		var log trace
		n := listenState(0)
		s := weir.Listen(c, n, func(prev, next int) {
			log.add("%d→%d", prev, next)
			if next == 0 {
				panic(errBoom)
			}
		}, weir.FireImmediately())
		require.NotNil(t, s)
		require.Equal(t, []string{"boom"}, r.values())
		n.Set(c, 1)
		log.want(t, "calls", "0→0", "0→1")
		require.Equal(t, 1, s.Read())
	})
}

func TestListenS151TheRebuildThatListenCausesIsNotReported(t *testing.T) {
	// The source is stale when Listen comes: it is rebuilt first and the newcomer starts from there; with FireImmediately one call (S-152).
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		n := listenState(0)
		builds := 0
		p := weir.NewProvider(func(ref weir.Ref) int { builds++; return weir.Watch(ref, n) })
		weir.Read(c, p)
		n.Set(c, 42)
		weir.Listen(c, p, propagationArrow[int](&log, ""))
		require.Equal(t, 2, builds)
		log.want(t, "listened")
		n.Set(c, 43)
		log.want(t, "a change", "42→43")
		weir.Listen(c, p, propagationArrow[int](&log, "2nd "), weir.FireImmediately())
		log.want(t, "fired", "2nd 0→43")
	})
}

// ---- OnError

func TestListenS141ListeningToAFailingProvider(t *testing.T) {
	// Listen does not fail, tells nobody of the first build's failure (D14), and hears of the recovery; Read of the subscription raises.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		n := listenState(1)
		s := weir.Listen(c, listenFailsAt(n, 1), propagationArrow[int](&log, ""), weir.OnError(func(err error) { log.add("error %v", err) }))
		log.want(t, "listened")
		v := asError(recovered(func() { s.Read() }))
		require.ErrorIs(t, v, errBoom)
		n.Set(c, 2)
		log.want(t, "recovered", "0→2")
	})
}

func TestListenS145FireImmediatelyOnAFailedProvider(t *testing.T) {
	// OnError is called once instead of the function.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		var p *weir.PanicError
		weir.Listen(c, listenFailsAt(listenState(1), 1), propagationArrow[int](&log, ""), weir.FireImmediately(), weir.OnError(func(err error) {
			log.add("error")
			require.ErrorAs(t, err, &p)
		}))
		log.want(t, "listened", "error")
		require.ErrorIs(t, p, errBoom)
	})
}

func TestListenS144WithoutOnErrorTheHandlerIsTold(t *testing.T) {
	// E1: one report to the panic handler when a rebuild panics and the listener has no OnError; with one, the handler hears nothing.
	guard(t, func(t *testing.T) {
		c, r := toldContainer(t)
		n := listenState(0)
		calls, failures := 0, 0
		weir.Listen(c, listenFailsAt(n, 1), func(_, _ int) { calls++ })
		n.Set(c, 1)
		require.Equal(t, []string{"boom"}, r.values())
		require.Zero(t, calls)
		weir.Listen(c, listenFailsAt(n, 2), func(_, _ int) { calls++ }, weir.OnError(func(error) { failures++ }))
		calls = 0
		n.Set(c, 2)
		require.Empty(t, r.values())
		require.Equal(t, []int{1, 1}, []int{calls, failures}, "the first one has recovered, the second one failed")
	})
}

func TestListenS135FailingListenersSkipNoOther(t *testing.T) {
	// E3: two listeners panic with 42 and 21; all run, the handler gets both, the Set does not fail.
	guard(t, func(t *testing.T) {
		c, r := toldContainer(t)
		n := listenState(0)
		calls := 0
		weir.Listen(c, n, func(_, _ int) { calls++; panic(42) })
		weir.Listen(c, n, func(_, _ int) { calls++; panic(21) })
		weir.Listen(c, n, func(_, _ int) { calls++ })
		require.Nil(t, recovered(func() { n.Set(c, 1) }))
		require.Equal(t, 3, calls)
		require.ElementsMatch(t, []string{"42", "21"}, r.values())
		usable(t, c)
	})
}

func TestListenAFailureOfAnAsyncSourceIsAValue(t *testing.T) {
	// E1 speaks of sync builds: a failed future is its next AsyncValue, which the listener gets like any other; OnError is not called
	// beside it, nor is the panic handler if it was no panic.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		src := newSelectSource()
		weir.Listen(c, src.p, selectAsyncLog[int](&log), weir.OnError(func(err error) { log.add("error %v", err) }))
		settle()
		src.data(1)
		c.Invalidate(src.p)
		settle()
		log.take()
		src.fail(errBoom)
		log.want(t, "failed", "1...→boom(was 1)")
		require.ErrorIs(t, weir.Read(c, src.p).Err(), errBoom)
	})
}

// ---- Weak

func TestListenWeakWithFireImmediatelyIsMisuse(t *testing.T) {
	c := newContainer(t)
	misuse(t, "D15", func() { weir.Listen(c, listenState(0), nil, weir.Weak(), weir.FireImmediately()) }, "Weak", "FireImmediately")
}

func TestListenS154WeakFromABuild(t *testing.T) {
	// S-154, S-155, S-157, S-158: a weak listener of a build builds nothing, hears the first value when somebody else builds it, makes
	// nothing active, and hears nothing once closed.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		d := weir.NewStateProvider(func(weir.Ref) int { log.add("build"); return 5 }, weir.Name("d"))
		var s *weir.Subscription[int]
		p := weir.NewProvider(func(ref weir.Ref) int {
			s = weir.Listen(ref, d, propagationArrow[int](&log, ""), weir.Weak())
			return 0
		})
		weir.Read(c, p)
		require.False(t, c.Exists(d))
		log.want(t, "only weak")
		weir.Read(c, d)
		flush(t, c)
		log.want(t, "somebody else built it", "build", "0→5")
		require.Equal(t, []int{0, 1}, []int{info(t, c, "d").Listeners, info(t, c, "d").Weak}, "listeners, weak ones")
		c.Invalidate(d)
		flush(t, c)
		log.want(t, "invalidated: nobody wants it")
		s.Close()
		weir.Read(c, d)
		weir.Refresh(c, d)
		log.want(t, "closed", "build", "build")
	})
}

// ---- Pause and Resume

func TestG13APausedListenerKeepsLastSeenAndNewest(t *testing.T) {
	// S-377, S-378: nothing while paused; one call on Resume if what it last saw and the newest differ. Planted bugs: replay each event;
	// replay the last with its own previous value; call on every Resume.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		n := listenState(0)
		s := weir.Listen(c, n, propagationArrow[int](&log, ""))
		weir.Listen(c, n, nil) // n stays active
		s.Pause()
		s.Pause()
		for i := 1; i <= 3; i++ {
			n.Set(c, i)
		}
		s.Resume()
		log.want(t, "one of two pauses", []string{}...)
		require.True(t, s.IsPaused())
		s.Resume()
		log.want(t, "resumed", "0→3")
		require.False(t, s.IsPaused())
		s.Pause()
		n.Set(c, 4)
		n.Set(c, 3)
		s.Resume()
		log.want(t, "there and back")
		s.Pause()
		n.Set(c, 5)
		s.Close()
		s.Resume()
		log.want(t, "closed while paused")
	})
}

func TestG13ResumeOfTheOnlyListenerBringsTheValueUpToDate(t *testing.T) {
	// While the only listener was paused the element went stale; Resume rebuilds it and makes one call, errors included.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		n := listenState(0)
		s := weir.Listen(c, listenFailsAt(n, 3), propagationArrow[int](&log, ""), weir.OnError(func(err error) { log.add("error") }))
		for _, v := range []int{2, 3, 4} {
			s.Pause()
			n.Set(c, 1)
			n.Set(c, v)
			log.want(t, fmt.Sprint("paused, set to ", v))
			s.Resume()
			log.want(t, fmt.Sprint("resumed with ", v), map[int]string{2: "0→2", 3: "error", 4: "2→4"}[v])
		}
	})
}

// ---- Subscription

func TestD1SubscriptionReadAfterClose(t *testing.T) {
	// It is a Read of its scope: fresh, builds what is not there; a weak, unbuilt element is built by it.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		n := listenState(1)
		double := weir.NewProvider(func(ref weir.Ref) int { return 2 * weir.Watch(ref, n) })
		s := weir.Listen(c, double, nil)
		s.Close()
		s.Close()
		require.False(t, s.IsPaused())
		n.Set(c, 2)
		require.Equal(t, 4, s.Read())
		w := weir.Listen(c, listenState(9), nil, weir.Weak())
		require.Equal(t, 9, w.Read())
	})
}

func TestListenS137ClosingInsideCallbacks(t *testing.T) {
	// S-138 too: a callback closes itself, a sibling, and from OnError; closing twice is harmless; no listener is left.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		n := listenState(0, weir.Name("n"))
		var self, failing *weir.Subscription[int]
		self = weir.Listen(c, n, func(_, next int) { log.add("self%d", next); self.Close(); self.Close() })
		failing = weir.Listen(c, listenFailsAt(n, 1), func(_, next int) { log.add("data%d", next) },
			weir.OnError(func(error) { log.add("error"); failing.Close() }))
		n.Set(c, 1)
		n.Set(c, 2)
		log.wantSet(t, "two sets", "self1", "error")
		self.Pause()
		self.Resume()
		require.Zero(t, info(t, c, "n").Listeners-1, "only the failing provider's watch is left")
	})
}

func TestG13ListenThroughARefEndsWithItsBuild(t *testing.T) {
	// It counts and ends as the build's watches do: paused on standby, gone with the next build, closed on a ref that is over (C9). A
	// toy leaks one subscription per rebuild.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		n := weir.NewStateProvider(func(ref weir.Ref) int { log.hooks(ref, "", true); return 0 }, weir.AutoDispose(), weir.Name("n"))
		var r weir.Ref
		builds := 0
		p := weir.NewProvider(func(ref weir.Ref) int {
			r = ref
			builds++
			b := builds
			weir.Listen(ref, n, func(_, next int) { log.add("build %d heard %d", b, next) })
			return b
		}, weir.AutoDispose())
		s := weir.Listen(c, p, nil)
		log.want(t, "built", "add")
		old := r
		c.Invalidate(p)
		n.Set(c, 1)
		got := log.take()
		require.Equal(t, "build 2 heard 1", got[len(got)-1])
		require.Zero(t, count(got, "build 1 heard 1")+count(got, "cancel"), "%v", got)
		require.Equal(t, 1, info(t, c, "n").Listeners)
		dead := weir.Listen(old, n, func(_, _ int) { log.add("dead") }, weir.FireImmediately())
		dead.Pause()
		dead.Resume()
		dead.Close()
		require.Equal(t, 1, info(t, c, "n").Listeners)
		s.Close()
		log.want(t, "p is left", "cancel")
		gone()
		log.want(t, "p was disposed, its listener with it", "remove", "dispose")
		require.Zero(t, elements(c))
	})
}

func TestListenThroughATx(t *testing.T) {
	// A Tx is a scope: a subscription made through it belongs to the container and hears the batch's own step.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		n := listenState(0)
		var s *weir.Subscription[int]
		c.Batch(func(tx *weir.Tx) {
			s = weir.Listen(tx, n, propagationArrow[int](&log, ""))
			n.Set(tx, 1)
		})
		log.want(t, "the batch", "0→1")
		n.Set(c, 2)
		log.want(t, "afterwards", "1→2")
		require.Equal(t, 2, s.Read())
		s.Close()
	})
}

func TestG10ListenOnAClosedContainer(t *testing.T) {
	// A closed subscription comes back, nothing is called, its methods do no harm.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		n := listenState(1)
		weir.Read(c, n)
		c.Close()
		s := weir.Listen(c, n, func(_, _ int) { t.Error("called on a closed container") }, weir.OnError(func(error) {}))
		s.Pause()
		s.Resume()
		require.Equal(t, 1, s.Read(), "the last value of a sync kind")
		s.Close()
		var nothing error = asError(recovered(func() { weir.Listen(c, listenState(2), nil).Read() }))
		require.True(t, errors.Is(nothing, weir.ErrContainerClosed), "there never was a value: %v", nothing)
	})
}
