package weir_test

// This file holds the scenarios of Riverpod's about async providers (section 8) and streams (section 9) that no rule test has, with
// Weir's semantics. Value overrides are in scope_update_test.go, what is assigned by hand in notifier_update_test.go.

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// eachAsync runs a case over the kinds whose build has a goroutine of its own.
func eachAsync(t *testing.T, body func(t *testing.T, k scenarioKind)) {
	t.Helper()
	eachScenarioKindThat(t, func(k scenarioKind) bool { return k.async }, body)
}

// hears writes down what a listener hears of a provider.
func (l *trace) hears(s weir.Scope, p scenarioRig) sub {
	return p.hearAs(s, func(prev, next string) { l.add("%s > %s", prev, next) })
}

func TestS195_ATryProviderIsDataAtOnce(t *testing.T) {
	// In Riverpod any build that returns a plain value is; in Weir a Try provider's, others have a goroutine of their own.
	eachRetrying(t, func(t *testing.T, k scenarioKind) {
		var l trace
		p := k.make(func(weir.Ref) int { laterIfAsync(k); return 42 })
		c := newContainer(t)
		s := p.hearAs(c, func(_, next string) { l.add("%s", next) }, weir.FireImmediately())
		v, err := p.resolve(t.Context(), c)
		require.NoError(t, err)
		require.Equal(t, 42, v)
		pass(time.Second)
		if k.async {
			l.want(t, "async", "loading", "data 42")
		} else {
			l.want(t, "Try", "data 42")
		}
		s.Close()
	})
}

func TestS197_S198_S244_SuccessAndFailure(t *testing.T) {
	eachAsync(t, func(t *testing.T, k scenarioKind) {
		for _, err := range []error{nil, errBoom} {
			var l trace
			p := k.makeErr(func(weir.Ref) (int, error) { later(); return 0, err })
			c := newContainer(t)
			s := l.hears(c, p)
			require.Equal(t, "loading", p.readAs(c))
			_, got := p.resolve(t.Context(), c)
			require.Equal(t, err, got, "raw")
			settle()
			if err == nil {
				l.want(t, "success", "loading > data 0")
			} else {
				l.want(t, "failure", "loading > failed boom")
			}
			s.Close()
		}
	})
}

func TestS201_S202_S204_Reloads(t *testing.T) {
	eachAsync(t, func(t *testing.T, k scenarioKind) {
		var l trace
		dep := scenarioNumber(42)
		p := k.make(func(ref weir.Ref) int { v := weir.Watch(ref, dep); time.Sleep(time.Second); return v })
		c := newContainer(t)
		s := l.hears(c, p)
		pass(2 * time.Second)
		l.want(t, "first", "loading > data 42")
		dep.Set(c, 21)
		l.want(t, "S-201: reload", "data 42 > reloading 42")
		pass(2 * time.Second)
		l.want(t, "S-201: its result", "reloading 42 > data 21")
		dep.Set(c, 7)
		c.Invalidate(p.id)
		l.want(t, "S-202: both causes", "data 21 > reloading 21")
		pass(500 * time.Millisecond)
		dep.Set(c, 8)
		pass(500 * time.Millisecond)
		l.want(t, "S-204: a reload during a reload adds nothing")
		pass(2 * time.Second)
		l.want(t, "S-204: it settles", "reloading 21 > data 8")
		s.Close()
	})
}

func TestS202_TheOtherOrder(t *testing.T) {
	eachAsync(t, func(t *testing.T, k scenarioKind) {
		var l trace
		dep := scenarioNumber(42)
		p := k.make(func(ref weir.Ref) int { v := weir.Watch(ref, dep); time.Sleep(time.Second); return v })
		c := newContainer(t)
		s := l.hears(c, p)
		pass(2 * time.Second)
		l.take()
		c.Invalidate(p.id)
		settle() // the rebuild has watched dep
		dep.Set(c, 21)
		pass(3 * time.Second)
		got := l.take()
		inOrder(t, got, "data 42 > refreshing 42", "refreshing 42 > reloading 42", "reloading 42 > data 21")
		s.Close()
	})
}

func TestS205_S207_S208_RefreshesAndStaleOutcomes(t *testing.T) {
	eachAsync(t, func(t *testing.T, k scenarioKind) {
		var l trace
		var n tally
		type outcome struct {
			v   int
			err error
		}
		outcomes := []outcome{{42, nil}, {0, errBoom}, {0, errors.New("stale")}, {0, errors.New("fresh")}, {21, nil}, {7, nil}}
		p := k.makeErr(func(weir.Ref) (int, error) {
			o := outcomes[n.inc()-1]
			time.Sleep(time.Second)
			return o.v, o.err
		}, weir.AllowOverlap())
		c := newContainer(t)
		s := l.hears(c, p)
		pass(2 * time.Second)
		l.take()
		c.Invalidate(p.id)
		pass(2 * time.Second)
		l.want(t, "S-205", "data 42 > refreshing 42", "refreshing 42 > failed boom was 42")

		var got []string
		var mu sync.Mutex
		wait := func(name string) <-chan struct{} {
			return async(t, func() {
				v, err := p.resolve(t.Context(), c)
				mu.Lock()
				defer mu.Unlock()
				got = append(got, fmt.Sprintf("%s %d %v", name, v, err))
			})
		}
		c.Invalidate(p.id)
		a := wait("a")
		pass(500 * time.Millisecond)
		c.Invalidate(p.id)
		b := wait("b")
		await(t, "a", a)
		await(t, "b", b)
		require.ElementsMatch(t, []string{"a 42 fresh", "b 42 fresh"}, got, "S-207: nobody sees the error of a build that was replaced")
		got = nil
		c.Invalidate(p.id)
		a = wait("a")
		pass(500 * time.Millisecond)
		c.Invalidate(p.id)
		await(t, "a", a)
		require.Equal(t, []string{"a 7 <nil>"}, got, "S-208: who waited since before gets the newest")
		for _, e := range l.take() {
			require.NotContains(t, e, "stale")
			require.NotContains(t, e, "21")
		}
		s.Close()
	})
}

func TestS212_ListenOnAStaleProviderIsNotCalledForIt(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		var l trace
		dep := scenarioNumber(1)
		p := k.make(func(ref weir.Ref) int { return weir.Watch(ref, dep) })
		c := newContainer(t)
		p.settled(c)
		dep.Set(c, 2)
		s := l.hears(c, p)
		if !k.async {
			l.want(t, "it was brought up to date first")
			require.Equal(t, 2, p.read(c))
		} else {
			settle() // the loading was there when the listener came; the result came later
			for _, e := range l.take() {
				require.Contains(t, e, "> data 2")
			}
		}
		s.Close()
	})
}

func TestS214_S215_AResolveKeepsTheBuildAlive(t *testing.T) {
	// Riverpod's future, taken before the disposal, resolves with the abandoned build's outcome. Weir's Resolve is a listener while it
	// waits: nothing is disposed under it, and it sees no build that is over (C4).
	eachScenarioKindThat(t, func(k scenarioKind) bool { return k.async && k.auto }, func(t *testing.T, k scenarioKind) {
		var l trace
		var n tally
		p := k.make(func(ref weir.Ref) int {
			v := n.inc()
			ref.OnDispose(func() { l.add("dispose %d", v) })
			time.Sleep(10 * time.Second)
			return v
		}, weir.AllowOverlap())
		c := newContainer(t)
		s := p.listen(c)
		done := async(t, func() {
			v, err := p.resolve(t.Context(), c)
			require.NoError(t, err)
			require.Equal(t, 2, v, "S-215: the newest build's outcome")
		})
		settle()
		s.Close()
		pass(5 * time.Second)
		l.want(t, "S-214: still wanted")
		c.Invalidate(p.id)
		l.want(t, "S-215: refreshed", "dispose 1")
		await(t, "the Resolve", done)
		gone()
		l.want(t, "then unused", "dispose 2")
		require.False(t, c.Exists(p.id))
	})
}

func TestS217_S218_S245_CloseInMidFlight(t *testing.T) {
	eachAsync(t, func(t *testing.T, k scenarioKind) {
		for _, byHand := range []bool{false, true} {
			if byHand && !k.notifier {
				continue
			}
			var l trace
			p := k.makeErr(func(ref weir.Ref) (int, error) {
				ref.OnDispose(l.on("dispose"))
				<-ref.Context().Done()
				l.add("cancelled")
				return 0, errors.New("pushed by the end itself")
			})
			c := newContainer(t)
			s := p.hearAs(c, func(_, next string) { l.add("%s", next) }, weir.OnError(func(err error) { l.add("error") }))
			settle()
			if byHand {
				p.set(c, 1)
				c.Invalidate(p.id) // loading again
				settle()
				l.take()
			}
			done := async(t, func() {
				_, err := p.resolve(t.Context(), c)
				require.ErrorIs(t, err, weir.ErrContainerClosed)
			})
			settle()
			c.Close()
			await(t, "the Resolve", done)
			settle()
			l.wantSet(t, "S-245: once each, and nothing is delivered", "dispose", "cancelled")
			s.Close()
		}
	})
}

func TestS225_ACompositeStateIsStoredAsItIs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var l trace
		var n tally
		other := weir.NewFutureProvider(func(ctx context.Context, _ weir.Ref) (int, error) {
			if n.inc() > 1 {
				<-ctx.Done()
			}
			return 21, nil
		})
		p := asyncNotes(at42)
		c := newContainer(t)
		os := weir.Listen(c, other, nil)
		hearAsync(&l, c, p)
		settle()
		c.Invalidate(other)
		settle()
		refreshing := os.Read()
		require.Equal(t, "refreshing 21", show(refreshing))
		l.take()
		p.Notifier(c).Set(refreshing)
		l.want(t, "without merging what was there", "data 42 > refreshing 21")
	})
}

func TestS227_ARestartResetsTheProgress(t *testing.T) {
	eachAsync(t, func(t *testing.T, k scenarioKind) {
		p := k.make(func(ref weir.Ref) int {
			time.Sleep(time.Second)
			ref.SetProgress(0.5)
			time.Sleep(10 * time.Second)
			return 1
		}, weir.AllowOverlap())
		c := newContainer(t)
		s := p.listen(c)
		pass(2 * time.Second)
		require.Equal(t, "loading 50%", p.readAs(c))
		c.Invalidate(p.id)
		settle()
		require.Equal(t, "loading", p.readAs(c))
		pass(2 * time.Second)
		require.Equal(t, "loading 50%", p.readAs(c))
		s.Close()
	})
}

func TestS228_ABuildThatNeedsWhatIsLoadingStaysLoading(t *testing.T) {
	eachRetrying(t, func(t *testing.T, k scenarioKind) {
		var l trace
		var builds tally
		gate := newSignal()
		dep := weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) { <-gate; return 42, nil })
		p := k.makeErr(func(ref weir.Ref) (int, error) {
			builds.inc()
			v, err := weir.Watch(ref, dep).Result()
			return 2 * v, err
		}, weir.Retry(func(int, error) (time.Duration, bool) { l.add("asked"); return 0, true }))
		c := newContainer(t)
		s := p.hearAs(c, func(prev, next string) { l.add("%s > %s", prev, next) }, weir.OnError(func(error) { l.add("error") }))
		early := async(t, func() {
			v, err := p.resolve(t.Context(), c)
			require.NoError(t, err)
			require.Equal(t, 84, v)
		})
		pass(time.Hour)
		require.Equal(t, "loading", p.readAs(c))
		require.Equal(t, 1, builds.get())
		close(gate)
		await(t, "the early Resolve", early)
		settle()
		l.want(t, "quietly", "loading > data 84")
		require.Equal(t, 2, builds.get())
		s.Close()
	})
}

func TestS224_S222_WhatABuildSetsIsDeliveredAndAwaitersSeeTheEnd(t *testing.T) {
	// Riverpod locks its future while a build sets states, and gives one call. In Weir a state set at rest is a settled result (D9): a
	// Resolve takes the first.
	eachNotifier(t, func(t *testing.T, k noteKind) {
		if !k.async {
			return
		}
		var l trace
		p, _ := k.make(nothingMade, func(_ weir.Ref, n noted) (int, error) {
			later()
			n.set(1)
			later()
			n.set(2)
			later()
			return 3, nil
		})
		c := newContainer(t)
		p.hearAs(c, func(prev, next string) { l.add("%s > %s", prev, next) })
		v, err := p.resolve(t.Context(), c)
		require.NoError(t, err)
		require.Equal(t, 1, v)
		pass(time.Second)
		l.want(t, "S-224", "loading > data 1", "data 1 > data 2", "data 2 > data 3")
	})
}

func TestS242_AnErrorIsNotTheEndOfTheBuild(t *testing.T) {
	// Riverpod's streams have error events; in Weir an error is what the function returns, and others of the build may go on emitting.
	eachStream(t, func(t *testing.T, make func(streamFunc, ...weir.ProviderOption) streamRig) {
		var l trace
		var wg sync.WaitGroup
		p := make(func(ctx context.Context, _ weir.Ref, emit emitFunc) error {
			later()
			wg.Go(func() {
				time.Sleep(time.Second)
				l.add("emit %v", emit(21))
			})
			return errBoom
		})
		c := newContainer(t)
		s := hearAsync(&l, c, p)
		pass(2 * time.Second)
		wg.Wait()
		l.want(t, "in order", "loading > failed boom", "failed boom > data 21", "emit true")
		s.Close()
	})
}

func TestS247_PausingTheOnlySubscriptionPausesTheSourceOnce(t *testing.T) {
	eachScenarioKindThat(t, func(k scenarioKind) bool { return k.stream && k.auto }, func(t *testing.T, k scenarioKind) {
		var l trace
		p := k.make(func(ref weir.Ref) int { l.hooks(ref, "", true); return 1 })
		c := newContainer(t)
		s := p.listen(c)
		settle()
		l.take()
		s.Pause()
		s.Pause()
		l.want(t, "paused twice", "cancel")
		s.Resume()
		l.want(t, "resumed once of two")
		s.Resume()
		l.want(t, "resumed", "resume")
		s.Close()
	})
}

func TestS251_S252_EachPhaseHasItsOutcome(t *testing.T) {
	eachStream(t, func(t *testing.T, make func(streamFunc, ...weir.ProviderOption) streamRig) {
		c := newContainer(t)
		var emit emitFunc
		p := make(func(_ context.Context, _ weir.Ref, e emitFunc) error {
			later()
			emit = e
			return errors.New("first")
		})
		s := weir.Listen(c, p, nil)
		_, err := weir.Resolve(t.Context(), c, p)
		require.EqualError(t, err, "first")
		emit(1)
		v, err := weir.Resolve(t.Context(), c, p)
		require.NoError(t, err)
		require.Equal(t, 1, v)
		c.Invalidate(p.id)
		_, err = weir.Resolve(t.Context(), c, p) // waits for the new phase
		require.EqualError(t, err, "first")
		s.Close()
	})
}

func TestS255_MembersOfAStreamFamilyAreIndependent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var l trace
		emits := map[int]emitFunc{}
		var mu sync.Mutex
		f := weir.NewFamily(func(n int) *weir.StreamProvider[int] {
			return weir.NewStreamProvider(func(ctx context.Context, _ weir.Ref, emit emitFunc) error {
				mu.Lock()
				emits[n] = emit
				mu.Unlock()
				<-ctx.Done()
				return nil
			})
		})
		c := newContainer(t)
		for n := range 2 {
			weir.Listen(c, f.Of(n), func(_, next weir.AsyncValue[int]) { l.add("%d: %s", n, show(next)) })
		}
		settle()
		emits[0](42)
		l.want(t, "the first", "0: data 42")
		emits[1](21)
		l.want(t, "the second", "1: data 21")
	})
}
