package weir_test

// What observers do to the library, and what they are told at awkward moments (4.1).

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestS4WhatAnObserverWritesIsDelivered(t *testing.T) {
	// The listeners of what it writes are called although whoever is observed comes to no settling of its own for long, or at all. Planted
	// bug: turns are left to whoever is observed, and that one goes on with a function that does not return, or is at its end.
	tenant := weir.NewProvider(one, weir.Scoped())
	atStart := func(write func()) *weir.Observer {
		return &weir.Observer{BuildStarted: func(ev weir.BuildStartedEvent) {
			if ev.Name == "slow" {
				write()
			}
		}}
	}
	slow := []weir.ProviderOption{weir.Name("slow"), weir.Scoped(tenant)}
	for name, x := range map[string]struct {
		observer func(write func()) *weir.Observer
		cause    func(t *testing.T, c *weir.Container) // what it begins ends with c
		closes   bool                                  // cause closes c
	}{
		"at the start of a build that does not return": {atStart, func(_ *testing.T, c *weir.Container) {
			weir.Read(c, weir.NewStreamProvider(func(ctx context.Context, _ weir.Ref, _ func(int) bool) error {
				<-ctx.Done()
				return nil
			}, slow...))
		}, false},
		"at the start of a synchronous one": {atStart, func(_ *testing.T, c *weir.Container) {
			p := weir.NewProvider(func(ref weir.Ref) int { <-ref.Context().Done(); return 1 }, slow...)
			go recovered(func() { weir.Read(c, p) })
		}, false},
		"at the start of a mutation": {func(write func()) *weir.Observer {
			return &weir.Observer{MutationStarted: func(weir.MutationStartedEvent) { write() }}
		}, func(_ *testing.T, c *weir.Container) {
			m := weir.NewMutation[int](slow...)
			go m.Run(context.Background(), c, func(ctx context.Context, _ weir.Scope) (int, error) { <-ctx.Done(); return 0, ctx.Err() })
		}, false},
		"at the end of a mutation whose container is closed": {func(write func()) *weir.Observer {
			return &weir.Observer{MutationEnded: func(weir.MutationEndedEvent) { write() }}
		}, func(t *testing.T, c *weir.Container) {
			_, err := weir.NewMutation[int](slow...).Run(context.Background(), c, func(ctx context.Context, _ weir.Scope) (int, error) {
				c.Close()
				<-ctx.Done()
				return 0, context.Cause(ctx)
			})
			require.ErrorIs(t, err, weir.ErrContainerClosed)
		}, true},
		"at Close": {func(write func()) *weir.Observer {
			return &weir.Observer{ContainerClosed: func(weir.ContainerClosedEvent) { write() }}
		}, func(_ *testing.T, c *weir.Container) { c.Close() }, true},
		"when a state cannot be stored": {func(write func()) *weir.Observer {
			return &weir.Observer{StorageFailed: func(weir.StorageFailedEvent) { write() }}
		}, func(_ *testing.T, c *weir.Container) {
			s := &countedStorage{failWrite: errBoom}
			weir.Read(c, savedProvider(constant(1), append(slow, weir.Persist[int](s, "n", weir.JSON[int]{}))...))
		}, false},
	} {
		for _, inChild := range []bool{false, true} {
			if x.closes && !inChild {
				continue // nobody is left to tell
			}
			t.Run(fmt.Sprint(name, ", in a child ", inChild), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					n := listenState(0)
					var root *weir.Container
					root = newContainer(t, weir.WithObserver(x.observer(func() { n.Update(root, func(v int) int { return v + 1 }) })))
					var heard []int
					weir.Listen(root, n, func(_, next int) { heard = append(heard, next) })
					c := root
					if inChild {
						c = child(root, tenant.OverrideWithValue(2))
					}
					x.cause(t, c)
					settle()
					require.Equal(t, []int{1}, heard)
				})
			})
		}
	}
}
