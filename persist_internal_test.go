package weir

// This file looks at what a tree keeps of persisted states (4.4): nothing of what is over and saved.

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

type keptNotifier struct{ Notifier[int] }

func (n *keptNotifier) Build(Ref) int { return 1 }

func TestSavesDoNotKeepWhatIsOver(t *testing.T) {
	// Planted bug: Close leaves the elements of a child the owners of their keys, and the tree keeps the child.
	tenant := NewProvider(func(Ref) int { return 0 }, Scoped())
	family := func(opts ...ProviderOption) *Family[int, NotifierProvider[*keptNotifier, int]] {
		return NewFamily(func(k int) *NotifierProvider[*keptNotifier, int] {
			return NewNotifierProvider(func() *keptNotifier { return &keptNotifier{} }, Persist(&MemoryStorage{}, fmt.Sprint(k), JSON[int]{}))
		}, append(opts, Scoped(tenant))...)
	}
	for name, x := range map[string]struct {
		f   *Family[int, NotifierProvider[*keptNotifier, int]]
		end func(c *Container) error
	}{
		"closed":   {family(), func(c *Container) error { return c.Shutdown(t.Context()) }},
		"disposed": {family(AutoDispose()), func(c *Container) error { c.DisposeUnused(); return nil }},
	} {
		t.Run(name, func(t *testing.T) {
			root := NewContainer()
			defer root.Close()
			for i := range 10 {
				c := NewContainer(WithParent(root), tenant.OverrideWithValue(i))
				x.f.Of(i).Notifier(c).Set(i + 5)
				require.NoError(t, Persisted(t.Context(), c, x.f))
				require.NoError(t, x.end(c))
			}
			root.tree.mu.Lock()
			defer root.tree.mu.Unlock()
			require.Empty(t, root.tree.saves)
		})
	}
}
