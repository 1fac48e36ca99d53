package weir_test

// This file holds P11 (writes to what is not built yet, or not up to date).

import (
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestP11SetAndUpdateBringTheElementUpToDateFirst(t *testing.T) {
	// A cold Set builds and then writes (its hooks exist, its dependencies are watched); a change of a dependency of initial resets it;
	// a stale element is reset before it is written. A toy writes into the void and lets initial overwrite it at the first Read.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		base := weir.NewStateProvider(func(weir.Ref) int { return 10 })
		n := weir.NewStateProvider(func(ref weir.Ref) int { log.add("initial"); return weir.Watch(ref, base) })
		n.Set(c, 1)
		log.want(t, "a cold Set", "initial")
		require.Equal(t, 1, weir.Read(c, n))
		base.Set(c, 20)
		require.Equal(t, 20, weir.Read(c, n), "a dependency of initial changed: reset")
		log.want(t, "the reset", "initial")
		base.Set(c, 30)
		require.Equal(t, 31, n.Update(c, func(v int) int { return v + 1 }), "stale: reset first, then updated")
		log.want(t, "a stale Update", "initial")
		require.Equal(t, 31, weir.Read(c, n))

		cold := weir.NewStateProvider(func(weir.Ref) int { return 5 })
		require.Equal(t, 6, cold.Update(c, func(v int) int { return v + 1 }), "a cold Update")
		failing := weir.NewStateProvider(func(weir.Ref) int { panic(errBoom) })
		require.ErrorIs(t, asError(recovered(func() { weir.Read(c, failing) })), errBoom)
	})
}

func TestP11UpdateIsAtomic(t *testing.T) {
	// Planted bug: read, apply, set. Updates of several goroutines get lost.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		told := 0
		weir.Listen(c, n, func(prev, next int) {
			if next <= prev || prev != told {
				t.Errorf("told %d→%d after %d", prev, next, told)
			}
			told = next
		})
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 500 {
					n.Update(c, func(v int) int { return v + 1 })
				}
			})
		}
		wg.Wait()
		flush(t, c)
		require.Equal(t, []int{2000, 2000}, []int{weir.Read(c, n), told})
		v := recovered(func() { n.Update(c, func(int) int { panic(errBoom) }) })
		require.True(t, errors.Is(asError(v), errBoom), "a panic of f reaches the caller: %v", v)
		require.Equal(t, 2000, weir.Read(c, n))
		usable(t, c)
	})
}
