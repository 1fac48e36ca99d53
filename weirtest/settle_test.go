package weirtest

// This file holds the tests of Settle.

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// A chain of builds on goroutines of their own, each of which begins when the one before is done, and a listener at its end.
func TestSettleWaitsForBuildsAndWhatTheyBringAbout(t *testing.T) {
	both(t, func(t *testing.T) {
		c := New(t)
		key := weir.NewStateProvider(func(weir.Ref) int { return 1 })
		src := weir.AsyncSource[int](weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) { return weir.Watch(ref, key), nil }))
		for range 10 {
			below := src
			src = weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
				v, err := weir.Await(ref, below)
				return v + 1, err
			})
		}
		r := Record(t, c, weir.Select(weir.Source[weir.AsyncValue[int]](src), func(v weir.AsyncValue[int]) int { return v.ValueOr(0) }))
		Settle(t, c)
		last, _ := r.Last()
		require.Equal(t, 11, last)
		key.Set(c, 2)
		Settle(t, c)
		last, _ = r.Last()
		require.Equal(t, 12, last)
	})
}

// What a listener sets off from another goroutine's turn.
func TestSettleWaitsForATurnOfAnotherGoroutine(t *testing.T) {
	both(t, func(t *testing.T) {
		c := New(t)
		n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		inside, release := make(chan struct{}), make(chan struct{})
		defer weir.Listen(c, n, func(_, v int) {
			if v == 1 {
				close(inside)
				<-release
			}
		}).Close()
		r := Record(t, c, n)
		var wg sync.WaitGroup
		wg.Go(func() { n.Set(c, 1) })
		<-inside
		n.Set(c, 2) // the turn of the other one delivers
		r.Want(0)
		close(release)
		Settle(t, c)
		last, ok := r.Last()
		require.True(t, ok)
		require.Equal(t, 2, last)
		wg.Wait()
	})
}

func TestSettleOfSeveralContainers(t *testing.T) {
	both(t, func(t *testing.T) {
		a := weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) { return 1, nil }, weir.Scoped())
		c, d := New(t), New(t)
		k := New(t, weir.WithParent(c), a.OverrideWith(func(context.Context, weir.Ref) (int, error) { return 2, nil }))
		for _, c := range []*weir.Container{c, d, k} {
			weir.Read(c, a)
		}
		Settle(t, c, d, k)
		require.Equal(t, weir.Data(1), weir.Read(c, a))
		require.Equal(t, weir.Data(1), weir.Read(d, a))
		require.Equal(t, weir.Data(2), weir.Read(k, a))
	})
}

// In a bubble to wait for a timer is to be at rest; outside it is not waited for either, unless a build waits for it.
func TestSettleLetsNoTimePass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(t)
		naps := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) { return 1, ref.Debounce(time.Hour) })
		r := Record(t, c, naps)
		start := time.Now()
		Settle(t)
		Settle(t, c)
		require.Zero(t, time.Since(start))
		r.Want(weir.Loading[int]())
		time.Sleep(time.Hour)
		Settle(t, c)
		r.Want(weir.Data(1))
	})
}

func TestSettleGivesUpInRealTime(t *testing.T) {
	release := make(chan struct{})
	slow := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
		<-release
		return 1, nil
	}, weir.Name("slow"))
	c := New(t)
	weir.Read(c, slow)
	f := outcome(t, func(t testing.TB) { settle(t, soon, []*weir.Container{c}) })
	f.failsWith(t, "after 50ms there are still builds: slow (for ", "synctest bubble")
	require.True(t, f.ended)
	close(release)
	Settle(t, c)

	outcome(t, func(t testing.TB) { Settle(t) }).failsWith(t, "needs the containers")

	// One that is never at rest: whoever looks at it brings about the next build.
	n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
	chases := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, n) })
	sub := weir.Listen(c, chases, nil)
	key := &shy{}
	weir.Read(c, weir.NewFamily(func(*shy) *weir.Provider[int] { return weir.NewProvider(func(weir.Ref) int { return 1 }) }).Of(key))
	key.seen = func() { n.Update(c, func(v int) int { return v + 1 }) }
	f = outcome(t, func(t testing.TB) { settle(t, soon, []*weir.Container{c}) })
	f.failsWith(t, "after 50ms there are still builds: one sets off the next.")
	require.True(t, f.ended)
	key.seen = nil
	sub.Close()
	Settle(t, c)
}

// shy is the key of a family that notices when a snapshot asks for its name.
type shy struct{ seen func() }

func (s *shy) String() string {
	if s.seen != nil {
		s.seen()
	}
	return "shy"
}

func TestSettleFindsABlockedListener(t *testing.T) {
	both(t, func(t *testing.T) {
		c := New(t)
		n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		inside, release := make(chan struct{}), make(chan struct{})
		sub := weir.Listen(c, n, func(_, v int) {
			close(inside)
			<-release
		})
		var wg sync.WaitGroup
		wg.Go(func() { n.Set(c, 1) })
		<-inside
		start := time.Now()
		f := outcome(t, func(t testing.TB) { settle(t, soon, []*weir.Container{c}) })
		f.failsWith(t, "a listener or hook", "TestSettleFindsABlockedListener")
		require.True(t, f.ended)
		if bubbleID() != "" {
			require.Zero(t, time.Since(start))
		}
		close(release)
		wg.Wait()
		sub.Close()
		Settle(t, c)
	})
}

func TestSettleInAListener(t *testing.T) {
	both(t, func(t *testing.T) {
		n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		f := outcome(t, func(t testing.TB) {
			c := New(t)
			defer weir.Listen(c, n, func(_, _ int) { settle(t, soon, []*weir.Container{c}) }).Close()
			n.Set(c, 1)
		})
		require.NotEmpty(t, f.errors)
		require.Contains(t, f.errors[0], "do not call Settle inside of one")
	})
}

func TestTwoSettlesInOneBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var failed int
		var mu sync.Mutex
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				f := outcome(t, func(t testing.TB) { Settle(t) })
				mu.Lock()
				failed += len(f.errors)
				mu.Unlock()
				for _, e := range f.errors {
					require.Contains(t, e, "one may at a time")
				}
			})
		}
		wg.Wait()
		require.LessOrEqual(t, failed, 1)
	})
}
