package weir_test

// Rules E3 and 4.3 together: whatever the listeners and hooks of the turns that a run sets off do, the run comes to its end.

import (
	"context"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestE3ARunEndsWhateverATurnOfItsDoes(t *testing.T) {
	// Planted bug: the state is made pending, or what the run held let go, before there is anything that ends the run; a panic or Goexit
	// of the turn in between leaves it pending for ever, and its element in use.
	ways := map[string]func(){"panic": func() { panic("boom") }, "Goexit": runtime.Goexit}
	for how, leave := range ways {
		t.Run("a listener when it begins, "+how, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := bareContainer(t)
				m := weir.NewMutation[int]()
				sub := weir.Listen(c, m, func(_, next weir.MutationState[int]) {
					if next.IsPending() {
						leave()
					}
				})
				ran, raised := runMutation(t, c, m, func(weir.Scope) int { return 1 })
				require.False(t, ran, "fn ran although its caller is gone")
				require.Equal(t, how == "panic", raised != nil)
				require.Equal(t, weir.MutationFailed, weir.Read(c, m).Status())
				sub.Close()
				gone()
				require.False(t, c.Exists(m), "nobody uses it")
			})
		})
		t.Run("a hook when it ends, "+how, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := bareContainer(t)
				m := weir.NewMutation[int]()
				held := weir.NewProvider(func(ref weir.Ref) int { ref.OnCancel(leave); return 1 }, weir.AutoDispose())
				sub := weir.Listen(c, m, nil)
				ran, raised := runMutation(t, c, m, func(s weir.Scope) int { return weir.Read(s, held) })
				require.True(t, ran)
				require.Equal(t, how == "panic", raised != nil)
				require.Equal(t, "success(1)", weir.Read(c, m).String())
				sub.Close()
				gone()
				require.False(t, c.Exists(m), "nobody uses it")
				require.False(t, c.Exists(held), "nobody uses what it held")
			})
		})
	}
}

func TestS4AListenerThatPanicsWithAHandlerStopsNoRun(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, told := toldContainer(t)
		m := weir.NewMutation[int]()
		sub := weir.Listen(c, m, func(_, next weir.MutationState[int]) { panic(next.String()) })
		defer sub.Close()
		ran, raised := runMutation(t, c, m, func(weir.Scope) int { return 1 })
		require.True(t, ran)
		require.Nil(t, raised)
		require.Equal(t, []string{"pending", "success(1)"}, told.values())
	})
}

// runMutation runs m on a goroutine of its own: whether fn was called, and what Run has panicked with.
func runMutation(t *testing.T, c *weir.Container, m *weir.Mutation[int], fn func(s weir.Scope) int) (ran bool, raised any) {
	t.Helper()
	await(t, "the run", async(t, func() {
		raised = recovered(func() {
			_, _ = m.Run(t.Context(), c, func(_ context.Context, s weir.Scope) (int, error) {
				ran = true
				return fn(s), nil
			})
		})
	}))
	settle()
	return ran, raised
}

func TestC4ARunOfAMutationThatWasInvalidatedShowsNothing(t *testing.T) {
	// Nobody who is active listens, so what was invalidated is not built again before the run ends, or is being built just then. Planted bug:
	// its result is shown all the same, also after a Reset, which finds nothing to be reset, and gone at the next read.
	for _, reset := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			c := newContainer(t)
			m := weir.NewMutation[int]()
			var l trace
			sub := weir.Listen(c, m, func(_, next weir.MutationState[int]) { l.add("%v", next) }, weir.Weak())
			defer sub.Close()
			v, err := m.Run(t.Context(), c, func(context.Context, weir.Scope) (int, error) {
				c.Invalidate(m)
				if reset {
					m.Reset(c)
				}
				return 1, nil
			})
			require.NoError(t, err)
			require.Equal(t, 1, v, "the run returns all the same")
			l.want(t, "after the run", "pending")
			require.Equal(t, "idle", weir.Read(c, m).String())
			l.want(t, "after a read", "idle")
		})
	}
}
