package weir_test

// This file holds what a ref is good for: while its build runs, when it is done, and when it is over (C9); and calls whose container is
// not that of the build which makes them. What each call does is in the files of its rules.

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// ---- over

func TestC9TheCauseIsTheBuildsWhereverTheSourceLives(t *testing.T) {
	// A build in a child is over, for whatever cause, and then the child is closed: Await, Resolve and Run through its ref tell that cause,
	// of what lives in the child as of what lives above it. Planted bug: of what lives above, tell of the child.
	for name, tc := range map[string]struct {
		end  func(child *weir.Container, p weir.AnyProvider)
		want error
	}{
		"invalidated": {func(child *weir.Container, p weir.AnyProvider) { child.Invalidate(p) }, weir.ErrInvalidated},
		"closed":      {func(*weir.Container, weir.AnyProvider) {}, weir.ErrContainerClosed},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				one := func(context.Context, weir.Ref) (int, error) { return 1, nil }
				above, below := weir.NewFutureProvider(one), weir.NewFutureProvider(one, weir.Scoped())
				runAbove, runBelow := weir.NewMutation[int](), weir.NewMutation[int](weir.Scoped())
				var ref weir.Ref
				p := weir.NewProvider(func(r weir.Ref) int { ref = r; return 1 },
					weir.Scoped(below, runBelow))
				child := weir.NewContainer(weir.WithParent(newContainer(t)), p.OverrideWith(func(r weir.Ref) int { ref = r; return 1 }),
					below.OverrideWith(one))
				weir.Read(child, p)
				require.Same(t, child, ref.Container())
				tc.end(child, p)
				child.Close()
				for name, f := range map[string]*weir.FutureProvider[int]{"above": above, "in the child": below} {
					_, err := weir.Await(ref, f)
					require.ErrorIs(t, err, tc.want, "Await of what lives %s", name)
					_, err = weir.Resolve(t.Context(), ref, f)
					require.ErrorIs(t, err, tc.want, "Resolve of what lives %s", name)
				}
				for name, m := range map[string]*weir.Mutation[int]{"above": runAbove, "in the child": runBelow} {
					_, err := m.Run(t.Context(), ref, func(context.Context, weir.Scope) (int, error) { return 1, nil })
					require.ErrorIs(t, err, tc.want, "Run of what lives %s", name)
				}
			})
		})
	}
}
