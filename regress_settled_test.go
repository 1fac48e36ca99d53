package weir_test

// What counts as another result of an async source, for who Awaits it (D10), and as a change at all (P1, D8), when something was written
// or failed in between.

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// settling is an async notifier whose builds return what comes through gate, and how often what Awaits or Watches it was built.
type settling struct {
	c                *weir.Container
	p                *weir.AsyncNotifierProvider[*noteAsync, int]
	n                *noteAsync
	gate             chan func() (int, error)
	awaiter          *weir.FutureProvider[int]
	awaited, watched int
}

func newSettling(t *testing.T, opts ...weir.ProviderOption) *settling {
	s := &settling{c: newContainer(t), gate: make(chan func() (int, error))}
	s.p = asyncNotes(func(ctx context.Context, _ weir.Ref, _ *noteAsync) (int, error) {
		select {
		case result := <-s.gate:
			return result()
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}, opts...)
	s.awaiter = weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
		s.awaited++
		return weir.Await(ref, s.p)
	})
	weir.Listen(s.c, s.awaiter, nil)
	weir.Listen(s.c, weir.NewProvider(func(ref weir.Ref) int { s.watched++; weir.Watch(ref, s.p); return s.watched }), nil)
	settle()
	s.n = s.p.Notifier(s.c)
	return s
}

func (s *settling) give(v int) { s.gate <- func() (int, error) { return v, nil }; settle() }

func (s *settling) fail() { s.gate <- func() (int, error) { return 0, errBoom }; settle() }

func (s *settling) refresh() { s.c.Invalidate(s.p); settle() }

func TestD10TheResultBeforeTheLoadingIsWhatCounts(t *testing.T) {
	// The notifier has settled on 5 and is refreshed. Planted bug: compare a result with what stands beside the loading, or take what is at
	// rest after a loading for another result.
	for name, step := range map[string]struct {
		do      func(s *settling)
		want    int // is data in the end
		awaited int // builds of what Awaits, beside the first
	}{
		"the same again":                   {func(s *settling) { s.give(5) }, 5, 0},
		"another":                          {func(s *settling) { s.give(6) }, 6, 1},
		"an optimistic write that held":    {func(s *settling) { s.write(6); s.give(6) }, 6, 1},
		"an optimistic write that did not": {func(s *settling) { s.write(6); s.give(5) }, 5, 0},
		"an optimistic write, then Cancel": {func(s *settling) { s.write(6); s.p.Cancel(s.c, nil); settle() }, 6, 1},
		"Cancel":                           {func(s *settling) { s.p.Cancel(s.c, nil); settle() }, 5, 0},
		"the same by hand":                 {func(s *settling) { s.n.SetData(5); settle(); s.give(5) }, 5, 0},
		"another by hand":                  {func(s *settling) { s.n.SetData(6); settle(); s.give(6) }, 6, 1},
		"a failure, then the same":         {func(s *settling) { s.fail(); pass(time.Second); s.give(5) }, 5, 0},
		"a failure, then Cancel":           {func(s *settling) { s.fail(); s.p.Cancel(s.c, nil); settle() }, 5, 0},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := newSettling(t, weir.Retry(every(time.Second, 10)))
				s.give(5)
				s.refresh()
				s.awaited = 0
				step.do(s)
				isData(t, step.want, weir.Read(s.c, s.p))
				isData(t, step.want, weir.Read(s.c, s.awaiter))
				require.Equal(t, step.awaited, s.awaited)
			})
		})
	}
}

// write writes a value beside the loading.
func (s *settling) write(v int) {
	s.n.Set(weir.MapData(s.n.State(), func(int) int { return v }))
	settle()
}

func TestD10ATryThatIsLoadingForATimeHasNotChanged(t *testing.T) {
	// Planted bug: count each state that a Try shows as a result.
	for name, loading := range map[string]error{"retrying": errBoom, "quiet": weir.ErrLoading} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newContainer(t)
				n := listenState(5)
				src := weir.NewTryProvider(func(ref weir.Ref) (int, error) {
					if v := weir.Watch(ref, n); v != 0 {
						return v, nil
					}
					return 0, loading
				}, weir.Retry(every(time.Minute, 10)))
				awaited := 0
				d := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) { awaited++; return weir.Await(ref, src) })
				weir.Listen(c, d, nil)
				settle()
				n.Set(c, 0)
				settle()
				n.Set(c, 5)
				settle()
				isData(t, 5, weir.Read(c, d))
				require.Equal(t, 1, awaited, "it was 5 all the time")
				n.Set(c, 0)
				settle()
				n.Set(c, 6)
				settle()
				isData(t, 6, weir.Read(c, d))
				require.Equal(t, 2, awaited)
			})
		})
	}
}

func TestP1AResultEqualToWhatIsThereIsNoChange(t *testing.T) {
	// Planted bug: publish every result, whatever was at rest already.
	for name, step := range map[string]struct {
		before, after func(s *settling)
		changes       int
	}{
		"a value written during the build": {func(s *settling) { s.n.SetData(5); settle() }, func(s *settling) { s.give(5) }, 0},
		"another value":                    {func(s *settling) { s.n.SetData(6); settle() }, func(s *settling) { s.give(5) }, 1},
		"the same failure, to be retried":  {func(s *settling) { s.fail(); pass(time.Second) }, func(s *settling) { s.fail() }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := newSettling(t, weir.Retry(every(time.Second, 10)))
				step.before(s)
				s.watched = 0
				step.after(s)
				require.Equal(t, step.changes, s.watched)
			})
		})
	}
}

func TestN6ListenSelfHearsEqualEmits(t *testing.T) {
	// Planted bug: have an emit of the same end before the listeners on itself.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		heard := 0
		p := weir.NewStreamNotifierProvider(func() *noteStream {
			n := &noteStream{}
			n.build = func(ctx context.Context, _ weir.Ref, emit emitFunc) error {
				n.ListenSelf(func(_, _ weir.AsyncValue[int]) { heard++ })
				emit(1)
				emit(1)
				emit(1)
				<-ctx.Done()
				return nil
			}
			return n
		})
		weir.Listen(c, p, nil)
		settle()
		require.Equal(t, 3, heard)
	})
}

func TestA6WhatIsAtRestIsNotTriedAgain(t *testing.T) {
	// A retry is pending when something is written by hand. Planted bugs: leave it pending, to show later that something without an error
	// is retried, and to replace what was written.
	for name, want := range map[string]weir.AsyncValue[int]{"Data": weir.Data(5), "Failed": weir.Failed[int](errBoom)} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := newSettling(t, weir.Retry(every(time.Minute, 10)))
				s.fail()
				require.True(t, s.n.State().IsRetrying())
				s.n.Set(want)
				settle()
				require.Equal(t, want, s.n.State())
				pass(time.Hour)
				require.Equal(t, want, s.n.State())
				s.refresh()
				s.give(7)
				isData(t, 7, s.n.State())
			})
		})
	}
	t.Run("beside the loading", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			s := newSettling(t, weir.Retry(every(time.Minute, 10)))
			s.give(5)
			s.refresh()
			refreshing := s.n.State()
			s.fail()
			s.n.Set(refreshing)
			pass(time.Minute)
			require.False(t, s.n.State().IsRetrying(), "there is no error")
			s.give(7)
			isData(t, 7, s.n.State())
		})
	})
}

func TestS5AnAwaitHearsOfAnOverrideByAState(t *testing.T) {
	// A state that is exchanged is published like a result. Planted bug: count only what build functions come to.
	bubble(t, func(t *testing.T) {
		src := weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) { return 0, nil })
		awaited := 0
		d := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) { awaited++; return weir.Await(ref, src) })
		c := newContainer(t, src.OverrideWithData(1))
		weir.Listen(c, d, nil)
		settle()
		for _, step := range []struct {
			state   weir.AsyncValue[int]
			awaited int
		}{
			{weir.Data(2), 2},
			{weir.Data(2), 2},
			{weir.Loading[int](), 2},
			{weir.Data(2), 2},
			{weir.Loading[int](), 2},
			{weir.Data(3), 3},
		} {
			c.UpdateOverrides(src.OverrideWithValue(step.state))
			settle()
			require.Equal(t, step.awaited, awaited, step.state)
		}
		isData(t, 3, weir.Read(c, d))
	})
}
