package weir_test

// Families whose keys are awkward: their text is code of the user's (rules G2, E4), or they are nothing at all (D18).

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// pageKey is a key whose text is made with the help of the family that it is a key of.
type pageKey struct {
	name string
	of   *weir.Family[pageKey, weir.Provider[int]]
}

func (k pageKey) String() string {
	k.of.Of(pageKey{name: "first", of: k.of})
	return k.name
}

func TestG2TheTextOfAKeyIsMadeWithoutTheLockOfItsFamily(t *testing.T) {
	// Planted bug: the message about a create function that returns one provider twice is put together under the lock; the key hangs.
	guard(t, func(t *testing.T) {
		only := weir.NewProvider(one)
		f := weir.NewFamily(func(pageKey) *weir.Provider[int] { return only }, weir.Name("page"))
		require.Same(t, only, f.Of(pageKey{"first", f}))
		var err error
		within(t, "Of", func() { err = asError(recovered(func() { f.Of(pageKey{"second", f}) })) })
		isUsage(t, "Of", err, "page", "second", "at each call")
	})
}

func TestD18AFamilyWithANilKeyIsOverridden(t *testing.T) {
	// Planted bug: the key, kept without its type, is taken for one of the family's type, which nil is not.
	f := weir.NewFamily(func(any) *weir.Provider[int] { return weir.NewProvider(one) })
	c := newContainer(t, f.OverrideWith(func(key any) *weir.Provider[int] {
		return weir.NewProvider(func(weir.Ref) int {
			if key == nil {
				return 2
			}
			return 3
		})
	}))
	require.Equal(t, 2, weir.Read(c, f.Of(nil)))
	require.Equal(t, 3, weir.Read(c, f.Of("other")))
}
