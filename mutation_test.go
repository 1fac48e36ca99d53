package weir_test

// This file holds mutations (4.3): who owns the state, what the scope keeps alive, resets, keys.

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestS411_412AMutationShowsHowItsRunGoes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		m := weir.NewMutation[int](weir.Name("save"))
		var told []string
		sub := weir.Listen(c, m, func(prev, next weir.MutationState[int]) { told = append(told, prev.String()+" "+next.String()) })
		v, err := m.Run(t.Context(), c, func(context.Context, weir.Scope) (int, error) { return 7, nil })
		require.NoError(t, err)
		require.Equal(t, 7, v)
		_, err = m.Run(t.Context(), c, func(context.Context, weir.Scope) (int, error) { return 0, errBoom })
		require.ErrorIs(t, err, errBoom)
		require.Equal(t, []string{"idle pending", "pending success(7)", "success(7) pending", "pending failed(boom)"}, told)
		state := weir.Read(c, m)
		require.Equal(t, weir.MutationFailed, state.Status())
		require.ErrorIs(t, state.Err(), errBoom)
		sub.Close()
		gone()
		require.Equal(t, weir.MutationIdle, weir.Read(c, m).Status(), "idle again when unlistened")
	})
}

func TestS414_415AResetDropsRunsInFlight(t *testing.T) {
	for _, fail := range []error{nil, errBoom} {
		bubble(t, func(t *testing.T) {
			c := newContainer(t)
			m := weir.NewMutation[int]()
			sub := weir.Listen(c, m, nil)
			defer sub.Close()
			goOn := make(chan struct{})
			var v int
			var err error
			ran := async(t, func() {
				v, err = m.Run(t.Context(), c, func(context.Context, weir.Scope) (int, error) { <-goOn; return 7, fail })
			})
			settle()
			require.True(t, weir.Read(c, m).IsPending())
			m.Reset(c)
			require.Equal(t, weir.MutationIdle, weir.Read(c, m).Status())
			close(goOn)
			await(t, "the run", ran)
			require.Equal(t, 7, v)
			require.ErrorIs(t, err, fail)
			require.Equal(t, weir.MutationIdle, weir.Read(c, m).Status())
		})
	}
}

func TestS418TheNewestRunOwnsTheState(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		m := weir.NewMutation[int]()
		sub := weir.Listen(c, m, nil)
		defer sub.Close()
		slow := make(chan struct{})
		first := async(t, func() {
			_, _ = m.Run(t.Context(), c, func(context.Context, weir.Scope) (int, error) { <-slow; return 1, nil })
		})
		settle()
		_, err := m.Run(t.Context(), c, func(context.Context, weir.Scope) (int, error) { return 2, nil })
		require.NoError(t, err)
		close(slow)
		await(t, "the first run", first)
		v, ok := weir.Read(c, m).Value()
		require.True(t, ok)
		require.Equal(t, 2, v)
	})
}

func TestS421WhatIsReadThroughARunStaysAlive(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		p := weir.NewProvider(func(ref weir.Ref) int {
			ref.OnCancel(log.on("cancel"))
			ref.OnDispose(log.on("dispose"))
			return 1
		}, weir.AutoDispose())
		n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		m := weir.NewMutation[int]()
		_, err := m.Run(t.Context(), c, func(_ context.Context, s weir.Scope) (int, error) {
			v := weir.Read(s, p)
			n.Set(s, 5)
			require.Equal(t, 5, weir.Read(c, n), "writes go straight through")
			gone()
			gone()
			require.Empty(t, log.take())
			return v, nil
		})
		require.NoError(t, err)
		require.Equal(t, []string{"cancel"}, log.take())
		gone()
		require.Equal(t, []string{"dispose"}, log.take())
	})
}

// What is read through the scope of a run is held until the run ends; what is written, ended or waited for is not. Each verb is
// called on an element of its own that is on standby, and is over at once.
func TestS421WhatARunHoldsIsWhatItReads(t *testing.T) {
	auto := weir.AutoDispose()
	number := weir.NewStateProvider(func(weir.Ref) int { return 1 }, auto)
	future := weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) { return 1, nil }, auto)
	endless := weir.NewFutureProvider(func(ctx context.Context, _ weir.Ref) (int, error) { <-ctx.Done(); return 0, ctx.Err() }, auto)
	notes := syncNotes(func(weir.Ref, *noteSync) int { return 1 }, auto)
	pages := weir.NewFamily(func(int) *weir.StateProvider[int] { return weir.NewStateProvider(func(weir.Ref) int { return 1 }) }, auto)
	inner := weir.NewMutation[int]()
	plus := func(v int) int { return v + 1 }
	for _, row := range []struct {
		verb  string
		holds bool
		of    weir.AnyProvider
		call  func(ctx context.Context, s weir.Scope, n *noteSync)
	}{
		{"Read", true, number, func(_ context.Context, s weir.Scope, _ *noteSync) { weir.Read(s, number) }},
		{"Read of a selection", true, number, func(_ context.Context, s weir.Scope, _ *noteSync) { weir.Read(s, weir.Select(number, plus)) }},
		{"Refresh", true, number, func(_ context.Context, s weir.Scope, _ *noteSync) { weir.Refresh(s, number) }},
		{"Listen", true, number, func(_ context.Context, s weir.Scope, _ *noteSync) { weir.Listen(s, number, nil).Close() }},
		{"Values", true, number, func(ctx context.Context, s weir.Scope, _ *noteSync) {
			for range weir.Values(ctx, s, number) {
				break
			}
		}},
		{"Results", true, future, func(ctx context.Context, s weir.Scope, _ *noteSync) {
			for range weir.Results(ctx, s, future) {
				break
			}
		}},
		{"Resolve", true, future, func(ctx context.Context, s weir.Scope, _ *noteSync) { _, _ = weir.Resolve(ctx, s, future) }},
		{"Notifier", true, notes, func(_ context.Context, s weir.Scope, _ *noteSync) { notes.Notifier(s) }},

		{"Set", false, number, func(_ context.Context, s weir.Scope, _ *noteSync) { number.Set(s, 2) }},
		{"Update", false, number, func(_ context.Context, s weir.Scope, _ *noteSync) { number.Update(s, plus) }},
		{"SetIn", false, notes, func(_ context.Context, s weir.Scope, n *noteSync) { n.SetIn(s, 2) }},
		{"UpdateIn", false, notes, func(_ context.Context, s weir.Scope, n *noteSync) { n.UpdateIn(s, plus) }},
		{"Cancel", false, endless, func(_ context.Context, s weir.Scope, _ *noteSync) { endless.Cancel(s, nil) }},
		{"Run", false, inner, func(ctx context.Context, s weir.Scope, _ *noteSync) {
			_, _ = inner.Run(ctx, s, func(context.Context, weir.Scope) (int, error) { return 1, nil })
		}},
		{"Reset", false, inner, func(_ context.Context, s weir.Scope, _ *noteSync) { inner.Reset(s) }},
		{"Persisted", false, number, func(ctx context.Context, s weir.Scope, _ *noteSync) { _ = weir.Persisted(ctx, s, number) }},
		{"Persisted of a family", false, pages, func(ctx context.Context, s weir.Scope, _ *noteSync) { _ = weir.Persisted(ctx, s, pages) }},
	} {
		t.Run(row.verb, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newContainer(t)
				weir.Read(c, number)
				weir.Read(c, future)
				weir.Read(c, endless)
				page := pages.Of(1)
				weir.Read(c, page)
				weir.Read(c, inner)
				n := notes.Notifier(c)
				settle()
				require.True(t, c.Exists(row.of))
				_, err := weir.NewMutation[int]().Run(t.Context(), c, func(ctx context.Context, s weir.Scope) (int, error) {
					row.call(ctx, s, n)
					gone()
					gone()
					require.Equal(t, row.holds, c.Exists(row.of), "held while the run goes on")
					return 0, nil
				})
				require.NoError(t, err)
				gone()
				require.False(t, c.Exists(row.of), "let go of when the run ends")
			})
		})
	}
}

// An option that a mutation cannot heed is misuse, in the mutation's constructor and in that of a family of mutations.
func TestAMutationRefusesOptionsThatItIgnores(t *testing.T) {
	same := func(a, b int) bool { return a == b }
	for name, row := range map[string]struct {
		option weir.ProviderOption
		says   string
	}{
		"Equal of the result":   {weir.Equal(same), "Equal"},
		"Equal of the state":    {weir.Equal(func(a, b weir.MutationState[int]) bool { return false }), "Equal"},
		"Equal of another type": {weir.Equal(func(a, b string) bool { return a == b }), "Equal"},
		"Timeout":               {weir.Timeout(1), "context"},
		"Retry":                 {weir.Retry(weir.DefaultRetry), "Retry"},
		"AllowOverlap":          {weir.AllowOverlap(), "AllowOverlap"},
		"Persist":               {weir.Persist(&weir.MemoryStorage{}, "key", weir.JSON[int]{}), "Persist"},
	} {
		t.Run(name, func(t *testing.T) {
			err := asError(recovered(func() { weir.NewMutation[int](weir.Name("save"), row.option) }))
			isUsage(t, "NewMutation", err, "save", row.says)
			err = asError(recovered(func() {
				weir.NewFamily(func(int) *weir.Mutation[int] { return weir.NewMutation[int]() }, row.option).Of(1)
			}))
			isUsage(t, "a family of mutations", err, row.says)
		})
	}
	for name, option := range map[string]weir.ProviderOption{
		"Name": weir.Name("save"), "AutoDispose": weir.AutoDispose(), "DisposeDelay": weir.DisposeDelay(0), "Scoped": weir.Scoped(),
	} {
		require.NotPanics(t, func() { weir.NewMutation[int](option).Of("key") }, name)
	}
}

func TestS422KeyedMutationsAreApart(t *testing.T) {
	c := newContainer(t)
	m := weir.NewMutation[int]()
	require.Same(t, m.Of(1), m.Of(1))
	require.NotSame(t, m.Of(1), m.Of(2))
	require.NotSame(t, m, m.Of(1))
	one, two := m.Of(1), m.Of(2)
	sub, other := weir.Listen(c, one, nil), weir.Listen(c, two, nil)
	defer sub.Close()
	defer other.Close()
	_, err := one.Run(t.Context(), c, func(context.Context, weir.Scope) (int, error) { return 1, nil })
	require.NoError(t, err)
	require.Equal(t, weir.MutationSuccess, weir.Read(c, one).Status())
	require.Equal(t, weir.MutationIdle, weir.Read(c, two).Status())
	require.Panics(t, func() { m.Of([]int{1}) })
}

func TestS425ObserversHearOfRunsAndNotOfTheStorage(t *testing.T) {
	var log []string
	c := newContainer(t, weir.WithObserver(&weir.Observer{
		ProviderAdded:   func(ev weir.ProviderAddedEvent) { log = append(log, "added "+ev.Name) },
		Updated:         func(ev weir.UpdatedEvent) { log = append(log, "updated "+ev.Name) },
		MutationStarted: func(ev weir.MutationStartedEvent) { log = append(log, "started "+ev.Mutation) },
		MutationEnded: func(ev weir.MutationEndedEvent) {
			log = append(log, "ended "+ev.Mutation)
			if ev.Err != nil {
				log = append(log, ev.Err.Error())
			}
		},
	}))
	m := weir.NewMutation[int](weir.Name("save"))
	sub := weir.Listen(c, m, nil)
	defer sub.Close()
	_, _ = m.Run(t.Context(), c, func(context.Context, weir.Scope) (int, error) { return 1, nil })
	_, _ = m.Run(t.Context(), c, func(context.Context, weir.Scope) (int, error) { return 1, errBoom })
	require.Equal(t, []string{"started save", "ended save", "started save", "ended save", "boom"}, log)
}

func TestAMutationThatPanicsHasFailed(t *testing.T) {
	c := newContainer(t)
	m := weir.NewMutation[int]()
	sub := weir.Listen(c, m, nil)
	defer sub.Close()
	require.Panics(t, func() {
		_, _ = m.Run(t.Context(), c, func(context.Context, weir.Scope) (int, error) { panic(errBoom) })
	})
	require.ErrorIs(t, weir.Read(c, m).Err(), errBoom)
}

func TestAMutationEndsWithItsContainer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		m := weir.NewMutation[int]()
		var err error
		ran := async(t, func() {
			_, err = m.Run(t.Context(), c, func(ctx context.Context, _ weir.Scope) (int, error) {
				<-ctx.Done()
				return 0, context.Cause(ctx)
			})
		})
		settle()
		c.Close()
		await(t, "the run", ran)
		require.ErrorIs(t, err, weir.ErrContainerClosed)
		_, err = m.Run(t.Context(), c, func(context.Context, weir.Scope) (int, error) { return 0, errors.New("ran") })
		require.ErrorIs(t, err, weir.ErrContainerClosed)
	})
}
