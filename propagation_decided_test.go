package weir_test

// This file holds the decided edge cases that concern propagation: D4, D6, D7, D10 and D17.

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestD4DirectDependentsOfAStateAreKnownStaleAtOnce(t *testing.T) {
	// Set ends the builds that watch the state itself before it returns, listened to or not; those further on only once something they
	// watch is known to differ. Planted bugs: leave an inactive dependent's context live until somebody reads it; end everything below.
	for _, listened := range []bool{false, true} {
		t.Run(fmt.Sprint("listened ", listened), func(t *testing.T) {
			guard(t, func(t *testing.T) {
				c := newContainer(t)
				var log trace
				n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
				var near, far context.Context
				parity := weir.NewProvider(func(ref weir.Ref) int {
					near = ref.Context()
					ref.OnDispose(log.on("near"))
					return weir.Watch(ref, n) % 2
				}, weir.Name("parity"))
				label := weir.NewProvider(func(ref weir.Ref) string {
					far = ref.Context()
					ref.OnDispose(log.on("far"))
					return fmt.Sprint(weir.Watch(ref, parity))
				})
				weir.Read(c, label)
				if listened {
					weir.Listen(c, label, nil)
				}
				nearWas, farWas := near, far
				n.Set(c, 0)
				require.NoError(t, nearWas.Err(), "an equal set ends nothing")
				n.Set(c, 2)
				log.want(t, "a set that parity swallows", "near")
				require.ErrorIs(t, context.Cause(nearWas), weir.ErrDependencyChanged)
				require.ErrorContains(t, context.Cause(nearWas), "parity")
				require.NoError(t, farWas.Err(), "further on nothing has differed")
				require.Equal(t, "0", weir.Read(c, label))
				require.NoError(t, farWas.Err())
				log.want(t, "a Read of it")
				n.Set(c, 3)
				if !listened {
					log.want(t, "nobody has verified further", "near")
					require.NoError(t, farWas.Err())
					require.Equal(t, "1", weir.Read(c, label))
					log.want(t, "verified", "far")
				} else {
					log.want(t, "the turn has verified", "near", "far")
				}
				require.ErrorIs(t, context.Cause(farWas), weir.ErrDependencyChanged)
			})
		})
	}
}

func TestD6WatchAfterTheBuildFunctionReturned(t *testing.T) {
	// It still adds a dependency: active as its dependent is, rebuilding it when it changes; the next build starts without it. A toy
	// treats the late Watch as a Read, or keeps it across builds.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		late := weir.NewStateProvider(func(ref weir.Ref) int { log.hooks(ref, "late.", true); return 0 }, weir.AutoDispose())
		var r weir.Ref
		p := weir.NewProvider(func(ref weir.Ref) int { log.add("build"); r = ref; return 0 }, weir.Name("p"))
		s := weir.Listen(c, p, nil)
		old := r
		require.Equal(t, 0, weir.Watch(old, late))
		log.want(t, "watched late", "build", "late.add")
		require.Len(t, info(t, c, "p").Dependencies, 1)
		s.Pause()
		log.want(t, "p on standby", "late.cancel")
		s.Resume()
		log.want(t, "p is back", "late.resume")
		gone()
		log.want(t, "it is kept")
		late.Set(c, 1)
		log.want(t, "it changed", "build", "late.cancel", "late.remove")
		late.Set(c, 2)
		log.want(t, "the new build has not watched it")
		require.Equal(t, 2, weir.Watch(old, late), "C9: on a ref that is over Watch acts as Read")
		require.Empty(t, info(t, c, "p").Dependencies)
	})
}

func TestD7ATxIsOverWhenItsBatchIs(t *testing.T) {
	// Every use of a Tx that got out is refused with the fix, also after a batch that panicked. A toy writes into a buffer that nobody
	// applies.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		n := weir.NewStateProvider(func(weir.Ref) int { return 0 }, weir.Name("counter"))
		var kept, broken *weir.Tx
		c.Batch(func(tx *weir.Tx) { kept = tx })
		recovered(func() { c.Batch(func(tx *weir.Tx) { broken = tx; panic(errBoom) }) })
		for _, tx := range []*weir.Tx{kept, broken} {
			misuse(t, "Set", func() { n.Set(tx, 1) }, "Batch")
			misuse(t, "Update", func() { n.Update(tx, func(v int) int { return v + 1 }) }, "Batch")
			misuse(t, "Read", func() { weir.Read(tx, n) }, "Batch")
			misuse(t, "Listen", func() { weir.Listen(tx, n, nil) }, "Batch")
		}
		require.Equal(t, 0, weir.Read(c, n))
	})
}

func TestD7InvalidateIsNotStaged(t *testing.T) {
	// Inside a batch Invalidate acts at once; what is rebuilt then knows nothing of the staged writes.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		p := weir.NewProvider(func(ref weir.Ref) int {
			v := weir.Watch(ref, n)
			log.add("build%d", v)
			ref.OnDispose(log.on(fmt.Sprint("dispose", v)))
			return v
		})
		weir.Listen(c, p, nil)
		log.take()
		c.Batch(func(tx *weir.Tx) {
			n.Set(tx, 1)
			c.Invalidate(p)
			log.want(t, "inside the batch", "dispose0", "build0")
		})
		log.want(t, "after it", "dispose0", "build1")
	})
}

func TestD10AnAwaitDependsOnTheSettledResult(t *testing.T) {
	// A refresh or reload of the source that brings the same result leaves the awaiting element alone: its state, its context, its
	// hooks. A different result rebuilds it once. A toy rebuilds at every loading transition, so one refresh costs two fetches.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		gate := make(chan struct{}, 9)
		n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		result, failure := 1, error(nil)
		source := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
			weir.Watch(ref, n)
			<-gate
			return result, failure
		})
		var r weir.Ref
		p := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (string, error) {
			log.add("build")
			r = ref
			ref.OnDispose(log.on("dispose"))
			v, err := weir.Await(ref, source)
			return fmt.Sprint("got ", v), err
		})
		weir.Listen(c, p, func(_, next weir.AsyncValue[string]) {
			if !next.IsLoading() {
				log.add("%s", next.ValueOr("failed"))
			}
		})
		gate <- struct{}{}
		settle()
		log.want(t, "the first load", "build", "got 1")
		first := r
		again := func(what string, want ...string) {
			t.Helper()
			settle()
			require.Truef(t, weir.Read(c, source).IsLoading(), "%s: the source is loading", what)
			log.want(t, what+", loading")
			gate <- struct{}{}
			settle()
			log.want(t, what+", settled", want...)
		}
		c.Invalidate(source)
		again("a refresh with the same result")
		n.Set(c, 1)
		again("a reload with the same result")
		require.True(t, first.Mounted())
		require.NoError(t, first.Context().Err())
		result = 2
		c.Invalidate(source)
		again("a refresh with another result", "dispose", "build", "got 2")
		require.ErrorIs(t, context.Cause(first.Context()), weir.ErrDependencyChanged)
		failure = errBoom
		n.Set(c, 2)
		again("a reload that fails", "dispose", "build", "got 2")
		require.ErrorIs(t, weir.Read(c, p).Err(), errBoom)
	})
}

func TestD10AnAwaitThatWaitsGoesOnForTheNewest(t *testing.T) {
	// The source is invalidated, reloaded and cancelled under an Await that waits: the awaiting build is not replaced, and gets the last
	// one's result. A toy returns the abandoned build's value or error.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		gate := make(chan struct{})
		sources, builds := 0, 0
		source := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
			sources++
			build := sources
			weir.Watch(ref, n)
			select {
			case <-gate:
				return build, nil
			case <-ctx.Done():
				return -build, errors.New("abandoned")
			}
		})
		p := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
			builds++
			return weir.Await(ref, source)
		})
		weir.Listen(c, p, nil)
		settle()
		c.Invalidate(source)
		settle()
		n.Set(c, 1)
		settle()
		require.True(t, weir.Read(c, p).IsLoading())
		close(gate)
		settle()
		require.Equal(t, 3, weir.Read(c, p).ValueOr(0))
		require.Equal(t, []int{3, 1}, []int{sources, builds}, "builds of the source, of what awaits it")
	})
}

func TestD17ListenThroughTheRefOfAnInactiveElement(t *testing.T) {
	// It hears a state that is set, without making it active; a derived source stays stale and silent until its dependent is active.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		n := weir.NewStateProvider(func(ref weir.Ref) int { log.hooks(ref, "", true); return 0 }, weir.AutoDispose(), weir.Name("n"))
		builds := 0
		m := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		derived := weir.NewProvider(func(ref weir.Ref) int { builds++; return weir.Watch(ref, m) })
		p := weir.NewProvider(func(ref weir.Ref) int {
			weir.Listen(ref, n, propagationArrow[int](&log, ""))
			weir.Listen(ref, derived, propagationArrow[int](&log, "derived "))
			return 0
		})
		weir.Read(c, p)
		settle()
		require.ElementsMatch(t, []string{"add", "cancel"}, log.take(), "p is built, nobody listens to it")
		n.Set(c, 1)
		log.want(t, "the state was set", "0→1")
		require.Equal(t, weir.StateStandby, info(t, c, "n").State)
		m.Set(c, 1)
		require.Equal(t, 1, builds)
		pass(10 * delay)
		log.want(t, "a paused listener keeps it")
		s := weir.Listen(c, p, nil)
		settle()
		log.wantSet(t, "p is active", "resume", "derived 0→1")
		n.Set(c, 2)
		log.want(t, "the state was set", "1→2")
		s.Close()
		log.want(t, "p is left", "cancel")
	})
}
