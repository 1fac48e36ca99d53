package weir

// This file looks at what a life keeps: what nobody sees from outside, but the memory that it takes.

import (
	"context"
	"errors"
	"slices"
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

func TestHooksThatAreRemovedAreDroppedWhenTheyAreMany(t *testing.T) {
	// Of 32 each one at once; of more when they are half, so that 8,000 do not cost 8,000 copies. Planted bugs: each other way to count them.
	left := func(hooks int, twice bool, removals ...int) (left []int) {
		c := NewContainer()
		defer c.Close()
		var remove []func()
		p := NewProvider(func(ref Ref) int {
			for range hooks {
				remove = append(remove, ref.OnDispose(func() {}))
			}
			return 1
		})
		Read(c, p)
		if twice {
			remove[0]()
			remove[0]()
		}
		e := c.table.find(p.identity())
		for i, r := range remove {
			r()
			if slices.Contains(removals, i+1) {
				left = append(left, len(e.life.hooks))
			}
		}
		return left
	}
	require.Equal(t, []int{31, 30, 0}, left(32, false, 1, 2, 32))
	require.Equal(t, []int{100, 49, 49, 49, 24, 23, 0}, left(100, false, 50, 51, 52, 75, 76, 77, 100))
	require.Equal(t, []int{100, 49}, left(100, true, 50, 51))
}

func TestL6AHookThatComesAfterTheEndOfABuildThatRuns(t *testing.T) {
	// Whoever has ended the build has not come to cancelling the context yet, or there is none. Planted bugs: look for the life among
	// those that are detached (lifeOf); cancel the context that there is not.
	for _, withContext := range []bool{true, false} {
		c := NewContainer()
		defer c.Close()
		runs, hooks := 0, 0
		p := NewProvider(func(ref Ref) int {
			if runs++; runs > 1 {
				return runs
			}
			var ctx context.Context
			if withContext {
				ctx = ref.Context()
			}
			ref.OnDispose(func() {}) // it has a life
			var a after
			c.tree.mu.Lock()
			ref.e.end(ErrInvalidated, &a)
			c.tree.mu.Unlock()
			ref.OnDispose(func() {
				hooks++
				require.True(t, ctx == nil || errors.Is(context.Cause(ctx), ErrInvalidated))
			})
			c.tree.mu.Lock()
			c.tree.unlock(&a)
			return 1
		})
		require.Equal(t, 2, Read(c, p))
		require.Equal(t, 1, hooks)
	}
}
