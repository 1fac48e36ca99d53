package weir_test

// Rules S1 and S2 for members of one family that watch each other, which they need not declare (D18).

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestS2AMemberLivesWhereAnotherOfItsFamilyIsOverridden(t *testing.T) {
	// Each member watches the one before it. Planted bug: where a member lives goes by what is declared alone, and its own family is not:
	// the child reads the root's value, as if nothing were overridden.
	var f *weir.Family[int, weir.Provider[int]]
	f = weir.NewFamily(func(k int) *weir.Provider[int] {
		return weir.NewProvider(func(ref weir.Ref) int {
			if k == 0 {
				return 0
			}
			return weir.Watch(ref, f.Of(k-1)) + 1
		})
	}, weir.Scoped())
	total := weir.NewProvider(func(ref weir.Ref) int { return 1000 + weir.Watch(ref, f.Of(2)) }, weir.Scoped(f))
	bubble(t, func(t *testing.T) {
		root := newContainer(t)
		other := child(root)
		first := child(root, f.Of(0).OverrideWithValue(100))
		below := child(first)
		below2 := child(first, f.Of(1).OverrideWithValue(500))
		for _, x := range []struct {
			name string
			c    *weir.Container
			want [4]int // members 0 to 2, and what is made of the last
		}{
			{"the root", root, [4]int{0, 1, 2, 1002}},
			{"a child that overrides nothing", other, [4]int{0, 1, 2, 1002}},
			{"a child that overrides the first", first, [4]int{100, 101, 102, 1102}},
			{"a child of that", below, [4]int{100, 101, 102, 1102}},
			{"one that overrides the next", below2, [4]int{100, 500, 501, 1501}},
		} {
			got := [4]int{weir.Read(x.c, f.Of(0)), weir.Read(x.c, f.Of(1)), weir.Read(x.c, f.Of(2)), weir.Read(x.c, total)}
			require.Equal(t, x.want, got, x.name)
		}
		require.Zero(t, elements(other), "what it does not override is shared")
		require.Zero(t, elements(below), "likewise")
	})
}
