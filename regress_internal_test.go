package weir

// This file looks at a batch between its steps, where no function of the user's runs: what a reader without the lock may load there
// (rule P6).

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// watchedState is a state that calls then when its new value has just become visible.
type watchedState struct {
	writable
	then func()
}

func (s watchedState) apply(e *element, w *staged, change bool) {
	s.writable.apply(e, w, change)
	s.then()
}

func TestP6AllOfABatchIsMarkedBeforeAnyOfItIsVisible(t *testing.T) {
	// Whoever reads the new value of one state without the lock must not then read an old one that follows from another without the lock.
	// Planted bugs: mark and make visible one state after the other; hide only the states themselves.
	c := NewContainer()
	defer c.Close()
	a, b := NewStateProvider(func(Ref) int { return 0 }), NewStateProvider(func(Ref) int { return 0 })
	near := NewProvider(func(ref Ref) int { return Watch(ref, b) })
	far := NewProvider(func(ref Ref) int { return Watch(ref, near) })
	Read(c, a)
	Read(c, far)
	others := []*element{c.table.find(&b.base), c.table.find(&near.base), c.table.find(&far.base)}
	for _, e := range others {
		require.True(t, e.readable())
	}
	var readable []bool
	first := watchedState{a, func() {
		for _, e := range others { // the lock is held
			readable = append(readable, e.readable())
		}
	}}
	tx := &Tx{c: c, writes: []staged{{c: c, p: first}, {c: c, p: b}}}
	a.stage(&tx.writes[0], 1)
	b.stage(&tx.writes[1], 1)
	tx.commit()
	require.Equal(t, []bool{false, false, false}, readable, "when the first value is visible")
	require.Equal(t, []int{1, 1, 1}, []int{Read(c, a), Read(c, b), Read(c, far)})
}
