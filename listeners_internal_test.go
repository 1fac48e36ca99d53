package weir

// This file tries the list of an element's listeners by itself: its order and its size.

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestListenersKeepTheirOrderHoweverManyComeAndGo(t *testing.T) {
	// Planted bugs: compact without giving places anew; count those who have left once more when the end is cut off.
	r := rand.New(rand.NewPCG(1, 2))
	var l listeners
	var want []*sub
	for step := range 20000 {
		few := step/2000%2 == 1 // by turns it grows and shrinks
		if len(want) == 0 || r.IntN(10) < 7 != few {
			s := &sub{weak: r.IntN(3) == 0}
			l.add(s)
			want = append(want, s)
		} else {
			k := r.IntN(len(want))
			l.remove(want[k])
			want = slices.Delete(want, k, k+1)
		}
		slots := l.appendTo(nil)
		if gaps := len(slots) - len(want); l.list != nil {
			require.EqualValues(t, l.list.left, gaps)
		} else {
			require.Zero(t, gaps)
		}
		require.LessOrEqual(t, len(slots), 2*len(want)+33, "what is left behind is bounded")
		if step%100 == 0 || len(want) < 5 {
			require.True(t, slices.Equal(want, slices.Collect(l.all)))
			require.Equal(t, slices.ContainsFunc(want, func(s *sub) bool { return s.weak }), l.weak())
			if len(want) > 0 {
				require.Same(t, want[len(want)-1], l.last())
			} else {
				require.Nil(t, l.last())
			}
		}
	}
	for len(want) > 0 {
		l.remove(want[0])
		want = want[1:]
	}
	require.Nil(t, l.last())
	require.True(t, l.list == nil || cap(l.list.subs) <= 64, "an element that had many once does not keep room for them")
}
