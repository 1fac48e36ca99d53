package weirtest

// This file holds the tests of Recorder and of the comparison.

import (
	"context"
	"math"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestRecorder(t *testing.T) {
	both(t, func(t *testing.T) {
		c := New(t)
		n := weir.NewStateProvider(func(weir.Ref) int { return 1 }, weir.Name("n"))
		r := Record(t, c, n)
		n.Set(c, 2)
		n.Set(c, 2) // no change
		c.Batch(func(tx *weir.Tx) {
			n.Set(tx, 3)
			n.Set(tx, 4)
		})
		require.Equal(t, []int{1, 2, 4}, r.Values())
		require.True(t, r.Want(1, 2, 4))
		require.True(t, r.Want())
		require.Empty(t, r.Values())
		last, ok := r.Last()
		require.True(t, ok)
		require.Equal(t, 4, last)
		n.Set(c, 5)
		require.Equal(t, []int{5}, r.Take())
		require.Empty(t, r.Take())
		require.True(t, c.Exists(n))
		r.Close()
		r.Close()
		n.Set(c, 6)
		require.True(t, r.Want())
		require.Zero(t, c.Snapshot().Elements[0].Listeners)
	})
}

func TestRecorderFailures(t *testing.T) {
	n := weir.NewStateProvider(func(weir.Ref) int { return 1 }, weir.Name("n"))
	record := func(want func(r *Recorder[int])) *fakeTB {
		return outcome(t, func(t testing.TB) {
			c := New(t)
			r := Record(t, c, n)
			n.Set(c, 2)
			n.Set(c, 3)
			want(r)
		})
	}
	for _, x := range []struct {
		want []int
		diff string
	}{
		{[]int{1, 2}, "\t  1\n\t  2\n\t+ 3"},
		{[]int{1, 3}, "\t  1\n\t+ 2\n\t  3"},
		{[]int{1, 7, 3}, "\t  1\n\t- 7\n\t+ 2\n\t  3"},
		{[]int{1, 2, 3, 4}, "\t  1\n\t  2\n\t  3\n\t- 4"},
		{nil, "\t+ 1\n\t+ 2\n\t+ 3"},
		{[]int{3, 3}, "\t- 3\n\t+ 1\n\t+ 2\n\t  3"},
	} {
		f := record(func(r *Recorder[int]) { require.False(t, r.Want(x.want...)) })
		f.failsWith(t, "n has taken other values than the test wants (- wanted, + recorded):\n"+x.diff)
		require.False(t, f.ended) // it goes on
	}
	record(func(r *Recorder[int]) { // what did not match is taken all the same
		r.Want(9)
		require.Empty(t, r.Values())
	}).failsWith(t, "- 9")
}

func TestRecorderOfAllSorts(t *testing.T) {
	both(t, func(t *testing.T) {
		c := New(t)
		key := weir.NewStateProvider(func(weir.Ref) int { return 1 })
		release := make(chan struct{})
		double := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
			<-release
			if k := weir.Watch(ref, key); k < 3 {
				return 2 * k, nil
			}
			return 0, errBoom
		})
		values := Record(t, c, double)
		text := Record(t, c, weir.Select(double, weir.AsyncValue[int].String))
		close(release)
		Settle(t, c)
		values.Want(weir.Loading[int](), weir.Data(2))
		text.Want(weir.Loading[int]().String(), weir.Data(2).String())
		key.Set(c, 3)
		Settle(t, c)
		text.Take()
		last, _ := text.Last()
		require.Contains(t, last, "boom")

		f := &fakeTB{TB: t}
		selected := Record(f, c, weir.Select(key, func(v int) string { return " padded" }))
		require.False(t, selected.Want("padded"))
		f.failsWith(t, "selection", `+ " padded"`)
		nan := weir.NewStateProvider(func(weir.Ref) float64 { return math.NaN() })
		f = &fakeTB{TB: t}
		odd := Record(f, c, nan)
		require.False(t, odd.Want(math.NaN()))
		f.failsWith(t, "they look the same but are not equal")
		selected.Close()
		odd.Close()
	})
}

func TestRecorderOfWhatFails(t *testing.T) {
	both(t, func(t *testing.T) {
		bad := weir.NewProvider(func(weir.Ref) int { panic(errBoom) }, weir.Name("bad"))
		outcome(t, func(t testing.TB) {
			r := Record(t, New(t), bad)
			if _, ok := r.Last(); ok {
				t.Errorf("there is a value")
			}
		}).failsWith(t, "bad (declared", "boom")
		outcome(t, func(t testing.TB) {
			var got error
			Record(t, New(t), bad, weir.OnError(func(err error) { got = err }))
			require.ErrorIs(t, got, errBoom)
		}).passes(t)
	})
}

func TestRecorderIsSafeForConcurrentUse(t *testing.T) {
	both(t, func(t *testing.T) {
		c := New(t)
		n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		r := Record(t, c, n)
		e := NewEvents(t)
		d := New(t, weir.WithObserver(e.Observer()))
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 100 {
					n.Update(c, func(v int) int { return v + 1 })
					n.Update(d, func(v int) int { return v + 1 })
					r.Values()
					r.Last()
					e.All()
				}
			})
		}
		wg.Wait()
		Settle(t, c, d)
		last, _ := r.Last()
		require.Equal(t, 400, last)
		require.NotEmpty(t, e.Take())
	})
}
