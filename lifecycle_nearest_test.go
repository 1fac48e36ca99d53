package weir_test

// This file tells of the order of hooks of different elements at one event: who is nearer to the listener hears first.

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestL3WhoIsNearerToTheListenerHearsFirst(t *testing.T) {
	// Also of a listener that causes the first builds. Planted bug: forget that an element came into use because it has no hooks yet.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log []string
		hooks := func(ref weir.Ref, name string) {
			ref.OnAddListener(func() { log = append(log, name+" added") })
			ref.OnRemoveListener(func() { log = append(log, name+" removed") })
			ref.OnCancel(func() { log = append(log, name+" cancelled") })
			ref.OnResume(func() { log = append(log, name+" resumed") })
		}
		a := weir.NewProvider(func(ref weir.Ref) int { hooks(ref, "a"); return 1 }, weir.AutoDispose())
		b := weir.NewProvider(func(ref weir.Ref) int { hooks(ref, "b"); return weir.Watch(ref, a) }, weir.AutoDispose())
		top := weir.NewProvider(func(ref weir.Ref) int { hooks(ref, "c"); return weir.Watch(ref, b) }, weir.AutoDispose())
		heard := func(do func()) []string {
			log = nil
			do()
			return log
		}
		var sub *weir.Subscription[int]
		require.Equal(t, []string{"c added", "b added", "a added"}, heard(func() { sub = weir.Listen(c, top, nil) }))
		require.Equal(t, []string{"c cancelled", "c removed", "b cancelled", "a cancelled"}, heard(sub.Close))
		require.Equal(t, []string{"c resumed", "c added", "b resumed", "a resumed"}, heard(func() { sub = weir.Listen(c, top, nil) }))
		sub.Close()
	})
}
