package weir_test

// This file tells of rule O1 as far as it answers why something was built again: which of its dependencies had changed.

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestABuildThatStartsSaysWhatHasChanged(t *testing.T) {
	// Planted bugs: list all dependencies; list what is only stale.
	synctest.Test(t, func(t *testing.T) {
		var started []weir.BuildStartedEvent
		c := weir.NewContainer(weir.WithObserver(&weir.Observer{BuildStarted: func(ev weir.BuildStartedEvent) { started = append(started, ev) }}))
		defer c.Close()
		a := weir.NewStateProvider(func(weir.Ref) int { return 1 })
		b := weir.NewStateProvider(func(weir.Ref) int { return 1 })
		tens := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, b) / 10 })
		sum := weir.NewProvider(func(ref weir.Ref) int {
			return weir.Watch(ref, tens) + weir.Watch(ref, a) + weir.Watch(ref, weir.Select(b, func(v int) int { return v / 5 }))
		})
		double := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) { return 2 * weir.Watch(ref, a), nil })
		late := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) { return weir.Await(ref, double) })
		weir.Listen(c, sum, nil)
		weir.Listen(c, late, nil)
		synctest.Wait()
		changed := func(of weir.AnyProvider, do func()) (ps []weir.AnyProvider) {
			t.Helper()
			started = nil
			do()
			synctest.Wait()
			n := 0
			for _, ev := range started {
				if ev.Provider == of {
					ps, n = ev.Changed, n+1
				}
			}
			require.Equal(t, 1, n, "builds")
			return ps
		}
		require.Equal(t, []weir.AnyProvider{a}, changed(sum, func() { a.Set(c, 2) }))
		require.Equal(t, []weir.AnyProvider{double}, changed(late, func() { a.Set(c, 3) }), "its loading is no other result")
		require.Equal(t, []weir.AnyProvider{b}, changed(sum, func() { b.Set(c, 6) }), "tens was looked at and has not changed")
		require.Equal(t, []weir.AnyProvider{tens, b}, changed(sum, func() { b.Set(c, 10) }))
		require.Equal(t, []weir.AnyProvider{a, b}, changed(sum, func() { // tens is looked at only when it is asked for
			c.Batch(func(tx *weir.Tx) { a.Set(tx, 4); b.Set(tx, 20) })
		}))
		require.Empty(t, changed(sum, func() { c.Invalidate(sum) }), "by hand")
		for _, ev := range started {
			require.Equal(t, weir.ReasonRefresh, ev.Reason)
		}
	})
}
