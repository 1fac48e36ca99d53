package weir_test

// This file tells of what batches share: they stage in the same memory, one after the other, and nothing of one may be seen by another
// or outlive it.

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestP6ABatchOfManyWrites(t *testing.T) {
	// More writes than are searched one after the other, some of them twice, through Set, Update and a notifier, in a parent and a child.
	// Planted bugs: do not index the first ones when the index is made; look for another key than was entered; add at each write.
	for _, n := range []int{7, 8, 9, 10, 2000} {
		root := newContainer(t)
		states := make([]*weir.StateProvider[int], n)
		for i := range states {
			states[i] = weir.NewStateProvider(func(weir.Ref) int { return 0 })
		}
		states[0] = weir.NewStateProvider(func(weir.Ref) int { return 0 }, weir.Scoped())
		here := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		child := weir.NewContainer(weir.WithParent(root), weir.WithOverrides(states[0].OverrideWith(func(weir.Ref) int { return -1 })))
		sum := weir.NewProvider(func(ref weir.Ref) (s int) {
			for _, p := range states[1:] {
				s += weir.Watch(ref, p)
			}
			return s + weir.Watch(ref, here)
		})
		var heard []int
		weir.Listen(root, sum, func(_, next int) { heard = append(heard, next) })
		for round := range 3 {
			want := 0
			child.Batch(func(tx *weir.Tx) {
				for i, p := range states {
					p.Set(tx, 1000*round+i)
				}
				here.Set(tx, 5)
				for i, p := range states {
					require.Equal(t, 1000*round+i+1, p.Update(tx, func(v int) int { return v + 1 }))
					require.Equal(t, 1000*round+i+1, weir.Read(tx, p))
				}
				for i, p := range states[1:] {
					require.Equal(t, max(0, round-1)*1000+min(round, 1)*(i+2), weir.Read(root, p), "before it is applied")
					want += 1000*round + i + 2
				}
			})
			require.Equal(t, 0, weir.Read(root, states[0]), "the child has its own")
			require.Equal(t, 1000*round+1, weir.Read(child, states[0]))
			require.Equal(t, want+5, weir.Read(root, sum))
			require.Len(t, heard, round+1)
		}
	}
}

func TestP6NothingIsLeftForTheNextBatch(t *testing.T) {
	// Planted bugs: a batch that panics, or whose goroutine ends, does not clear what it staged, or keeps the memory for itself.
	c := newContainer(t)
	a, b := listenState(1), listenState(1)
	for _, leave := range []func(){func() { panic("undone") }, runtime.Goexit} {
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer func() { _ = recover() }()
			c.Batch(func(tx *weir.Tx) {
				a.Set(tx, 2)
				b.Set(tx, 2)
				leave()
			})
		}()
		<-done
		c.Batch(func(*weir.Tx) {})
		c.Batch(func(tx *weir.Tx) { require.Equal(t, 1, weir.Read(tx, a)) })
		require.Equal(t, 1, weir.Read(c, a))
		require.Equal(t, 1, weir.Read(c, b))
	}
}

func TestP6BatchesInsideOneAnother(t *testing.T) {
	// In the function of a batch, in a listener of its turn, and on another goroutine meanwhile: each has writes of its own. Planted bug:
	// the inner one stages where the outer one does.
	c := newContainer(t)
	a, b, d, e, f := listenState(1), listenState(1), listenState(1), listenState(1), listenState(1)
	weir.Listen(c, b, func(_, next int) {
		c.Batch(func(tx *weir.Tx) {
			require.Equal(t, 1, weir.Read(tx, d))
			d.Set(tx, next)
			e.Set(tx, next)
		})
	})
	c.Batch(func(tx *weir.Tx) { a.Set(tx, 1); e.Set(tx, 1) }) // leaves its room for the next
	c.Batch(func(tx *weir.Tx) {
		a.Set(tx, 2)
		f.Set(tx, 2) // from the second on they are in that room
		var wg sync.WaitGroup
		wg.Go(func() {
			c.Batch(func(tx *weir.Tx) { require.Equal(t, 1, weir.Read(tx, a)); a.Set(tx, 3); e.Set(tx, 3) })
		})
		wg.Wait()
		c.Batch(func(in *weir.Tx) {
			require.Equal(t, 2, weir.Read(tx, a))
			require.Equal(t, 3, weir.Read(in, a))
			e.Set(in, 4)
			f.Set(in, 4)
			require.Equal(t, 2, weir.Read(tx, f))
		})
		require.Equal(t, []int{3, 4, 4}, []int{weir.Read(c, a), weir.Read(c, e), weir.Read(c, f)})
		b.Set(tx, 7)
	})
	require.Equal(t, []int{2, 7, 7, 7, 2}, []int{weir.Read(c, a), weir.Read(c, b), weir.Read(c, d), weir.Read(c, e), weir.Read(c, f)})
}

func TestD7ATxIsOverThoughAnotherBatchIsRunning(t *testing.T) {
	// What was staged through it was where the other stages now. Planted bug: it is over only until the next batch begins.
	c := newContainer(t)
	a, b, d := listenState(1), listenState(1), listenState(1)
	var kept *weir.Tx
	c.Batch(func(tx *weir.Tx) { kept = tx; a.Set(tx, 2); d.Set(tx, 2) })
	c.Batch(func(tx *weir.Tx) {
		b.Set(tx, 2)
		d.Set(tx, 3)
		misuse(t, "Set", func() { a.Set(kept, 3) }, "Batch")
		misuse(t, "Update", func() { b.Update(kept, func(v int) int { return v + 1 }) }, "Batch")
		misuse(t, "Read", func() { weir.Read(kept, b) }, "Batch")
	})
	require.Equal(t, []int{2, 2, 3}, []int{weir.Read(c, a), weir.Read(c, b), weir.Read(c, d)})
}

func TestMemoryABatchLetsGoOfWhatItHasWritten(t *testing.T) {
	// The values, the states, and a child that it was a batch of. Planted bugs: give the room back
	// with the writes in it; leave the only write in its Tx, which somebody may keep.
	root := newContainer(t)
	other := listenState(1)
	weir.Listen(root, other, nil)
	for _, n := range []int{1, 2, 40} {
		var value weak.Pointer[big]
		var container weak.Pointer[weir.Container]
		tx := func() (kept *weir.Tx) {
			child := weir.NewContainer(weir.WithParent(root))
			container = weak.Make(child)
			v := &big{n: n}
			value = weak.Make(v)
			child.Batch(func(tx *weir.Tx) {
				kept = tx
				for range n {
					weir.NewStateProvider(func(weir.Ref) *big { return nil }, weir.AutoDispose()).Set(tx, v)
				}
			})
			child.Close()
			return kept
		}()
		root.DisposeUnused()
		for i := range 3 { // other turns: the last one's buffers are emptied by the next
			other.Set(root, 10*n+i)
		}
		freed(t, fmt.Sprint("what was written, ", n), value)
		runtime.KeepAlive(tx)
		freed(t, "the closed child", container)
	}
}
