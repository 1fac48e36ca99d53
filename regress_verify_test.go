package weir_test

// A build in flight that is ended while it asks itself whether it is up to date (P3, E2).

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestE2ABuildThatIsEndedWhileItVerifiesItselfIsNoCycle(t *testing.T) {
	// Before its second Watch it has to ask the selection of the first. Meanwhile it is invalidated, and its hook takes its time. Planted bug:
	// wait for that hook as for any other, which is to wait for itself.
	bubble(t, func(t *testing.T) {
		c, a, b := newContainer(t), listenState(1), listenState(2)
		asked, answer, second, hook := make(chan struct{}, 8), make(chan struct{}), make(chan struct{}), make(chan struct{})
		tens := weir.Select(a, func(v int) int {
			if v == 5 {
				asked <- struct{}{}
				<-answer
			}
			return v / 10
		})
		builds := 0
		var panicked any
		p := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
			if builds++; builds == 1 {
				defer func() { panicked = recover() }()
				ref.OnDispose(func() { <-hook })
				weir.Watch(ref, tens)
				<-second
			}
			return weir.Watch(ref, tens) + weir.Watch(ref, b), nil
		})
		weir.Listen(c, p, nil)
		settle()
		writer := async(t, func() { a.Set(c, 5) })
		<-asked
		close(second)
		<-asked
		invalidated := async(t, func() { c.Invalidate(p) })
		settle()
		close(answer)
		settle()
		close(hook)
		<-invalidated
		<-writer
		settle()
		require.Nil(t, panicked, "it does not wait for itself")
		require.Equal(t, 2, builds)
		v, err := weir.Resolve(t.Context(), c, p)
		require.NoError(t, err)
		require.Equal(t, 2, v)
	})
}
