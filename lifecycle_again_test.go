package weir_test

// This file tells of the second life of an element that a weak listener has kept: nothing of the first is left in it. Each test was
// written for changes of dispose (lifecycle.go) that no other test noticed, which it names.

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestL8ANewLifeIsToldOfAsTheFirst(t *testing.T) {
	// Planted bug: have observers told of its first value as of a change of the last one before.
	bubble(t, func(t *testing.T) {
		var log trace
		c := newContainer(t, weir.WithObserver(&weir.Observer{
			ProviderAdded: func(ev weir.ProviderAddedEvent) { log.add("added %v", ev.Value) },
			Updated:       func(ev weir.UpdatedEvent) { log.add("%v to %v", ev.Previous, ev.Value) },
		}))
		p := weir.NewStateProvider(func(weir.Ref) int { return 1 }, weir.AutoDispose())
		weir.Listen(c, p, nil, weir.Weak())
		for range 2 {
			s := weir.Listen(c, p, nil)
			p.Set(c, 2)
			s.Close()
			gone()
			log.want(t, "a life", "added 1", "1 to 2")
		}
	})
}

func TestL8ANewLifeIsSaved(t *testing.T) {
	// Planted bug: leave the key with the life that is over.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		storage := &weir.MemoryStorage{}
		p := savedProvider(constant(0), weir.AutoDispose(), weir.Persist(storage, "k", weir.JSON[int]{}))
		weir.Listen(c, p, nil, weir.Weak())
		for life := 1; life <= 2; life++ {
			n := p.Notifier(c)
			settle()
			n.SetData(10 * life)
			require.NoError(t, weir.Persisted(t.Context(), c, p))
			gone()
		}
		stored, err := storage.Read(t.Context(), "k")
		require.NoError(t, err)
		require.Contains(t, string(stored), "20")
	})
}
