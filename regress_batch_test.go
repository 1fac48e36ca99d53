package weir_test

// Batch (P6) beside writes of others.

import (
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestP6ABatchThatChangesNothingIsOneStepToo(t *testing.T) {
	// What it writes is what is there. While that is compared somebody writes one of the states, and what the other depends on. Planted
	// bug: only a batch with a change looks whether its states have moved; this one declares the other current, with the value of before
	// and without a live build.
	bubble(t, func(t *testing.T) {
		dep := weir.NewStateProvider(one)
		var builds, disposals int
		a := weir.NewStateProvider(func(ref weir.Ref) int {
			builds++
			ref.OnDispose(func() { disposals++ })
			return 10 * weir.Watch(ref, dep)
		})
		comparing, goOn := make(chan struct{}), make(chan struct{})
		var slow atomic.Bool
		b := weir.NewStateProvider(func(weir.Ref) int { return 5 }, weir.Equal(func(x, y int) bool {
			if slow.CompareAndSwap(true, false) {
				close(comparing)
				<-goOn
			}
			return x == y
		}))
		c := newContainer(t)
		require.Equal(t, 10, weir.Read(c, a))
		require.Equal(t, 5, weir.Read(c, b))
		slow.Store(true)
		batch := async(t, func() { c.Batch(func(tx *weir.Tx) { a.Set(tx, 10); b.Set(tx, 5) }) })
		await(t, "the comparison", comparing)
		b.Set(c, 7)
		dep.Set(c, 2)
		close(goOn)
		await(t, "the batch", batch)
		require.Contains(t, [][2]int{{20, 7}, {10, 5}}, [2]int{weir.Read(c, a), weir.Read(c, b)}, "before both, or after both")
		require.Equal(t, builds, disposals+1, "a value is there, so one build is not over")
	})
}
