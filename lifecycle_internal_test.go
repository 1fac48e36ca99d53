package weir

// This file looks at what a life keeps: what nobody sees from outside, but the memory that it takes.

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestL3AHookThatWasRemovedIsLetGo(t *testing.T) {
	// Planted bugs: keep it until the build is over; keep the first.
	c := NewContainer()
	defer c.Close()
	var removes []func()
	p := NewProvider(func(ref Ref) int {
		for range 3 {
			removes = append(removes, ref.OnDispose(func() {}))
		}
		return 1
	})
	Read(c, p)
	l := c.table.find(&p.base).life
	for _, i := range []int{0, 0, 2, 1, 2} { // again does nothing
		removes[i]()
	}
	require.Empty(t, l.hooks)
}

func TestL4NothingIsDueOfWhatIsDisposed(t *testing.T) {
	// Planted bug: leave the disposal in the heap, which keeps the element until its delay has passed.
	c := NewContainer()
	defer c.Close()
	p := NewProvider(func(Ref) int { return 1 }, DisposeDelay(time.Hour))
	Read(c, p)
	require.Len(t, c.timers, 1)
	c.DisposeUnused()
	require.Empty(t, c.timers)
	require.False(t, c.alarmSet)
}
