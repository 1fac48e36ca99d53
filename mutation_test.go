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
