package weir_test

// Rule E3 at its edges: a panic handler that does not return either, several panics in one turn, a listener that leaves its caller
// before Listen has returned, and panics on the way through Batch and Close.

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestE3AHandlerThatDoesNotReturn(t *testing.T) {
	// Whatever becomes of its panic, the turn goes on and the container stays usable.
	for ending, end := range endings {
		t.Run(ending, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				calls := 0
				c := bareContainer(t, weir.WithPanicHandler(func(*weir.PanicError) { calls++; end() }))
				var log trace
				n := weir.NewStateProvider(one)
				weir.Listen(c, n, func(int, int) { panic(errBoom) })
				weir.Listen(c, n, func(_, v int) { log.add("next %d", v) })
				p := weir.NewProvider(func(ref weir.Ref) int {
					ref.OnDispose(log.on("other hook"))
					ref.OnDispose(func() { panic(errBoom) })
					return 1
				})
				weir.Read(c, p)
				<-async(t, func() { recovered(func() { n.Set(c, 2) }) })
				<-async(t, func() { recovered(func() { c.Invalidate(p) }) })
				settle()
				log.want(t, "the others", "next 2", "other hook")
				require.Equal(t, 2, calls)
				usable(t, c)
			})
		})
	}
}

func TestE3EveryPanicOfATurnIsTold(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, told := toldContainer(t)
		n := weir.NewStateProvider(one, weir.Name("n"))
		for i := range 5 {
			weir.Listen(c, n, func(int, int) { panic(fmt.Sprint("listener ", i)) })
		}
		n.Set(c, 2)
		all := told.take()
		require.Len(t, all, 5)
		for i, p := range all {
			require.Equal(t, fmt.Sprint("listener ", i), p.Value)
			require.Equal(t, "n", p.Provider)
			require.ErrorContains(t, p, fmt.Sprint("listener ", i))
		}
	})
}

func TestE3GoexitInFireImmediately(t *testing.T) {
	// The caller's goroutine ends inside Listen (t.FailNow in a listener); the container does not notice but for the report.
	bubble(t, func(t *testing.T) {
		c, told := toldContainer(t)
		n := weir.NewStateProvider(one)
		<-async(t, func() { weir.Listen(c, n, func(int, int) { endings["Goexit"]() }, weir.FireImmediately()) })
		settle()
		require.Len(t, told.take(), 1)
		usable(t, c)
	})
}

func TestE3APanicOfABatchsOwnTurn(t *testing.T) {
	// The function returned, so its writes are applied; the panic is a listener's and comes after the turn, from Batch, without a handler.
	bubble(t, func(t *testing.T) {
		c := bareContainer(t)
		a, b := weir.NewStateProvider(one), weir.NewStateProvider(one)
		var log trace
		weir.Listen(c, a, func(int, int) { panic(errBoom) })
		weir.Listen(c, b, func(_, v int) { log.add("%d", v) })
		err := asError(recovered(func() { c.Batch(func(tx *weir.Tx) { a.Set(tx, 2); b.Set(tx, 2) }) }))
		require.ErrorIs(t, err, errBoom)
		log.want(t, "the others", "2")
		require.Equal(t, 2, weir.Read(c, a))
		usable(t, c)
	})
}

func TestE3PanicsWhileClosing(t *testing.T) {
	// Each hook that panics is reported; all others run; without a handler Close raises one of them when all is done, and is done.
	bubble(t, func(t *testing.T) {
		for _, handler := range []bool{true, false} {
			c, told := toldContainer(t)
			if !handler {
				c = bareContainer(t)
			}
			var log trace
			base := weir.NewProvider(func(ref weir.Ref) int { ref.OnDispose(log.on("base")); return 1 })
			top := weir.NewProvider(func(ref weir.Ref) int {
				ref.OnDispose(log.on("top"))
				ref.OnDispose(func() { panic(errBoom) })
				return weir.Watch(ref, base)
			})
			weir.Read(c, top)
			err := asError(recovered(c.Close))
			log.want(t, "Close", "top", "base")
			if handler {
				require.NoError(t, err)
				require.Len(t, told.take(), 1)
			} else {
				require.ErrorIs(t, err, errBoom)
			}
			require.Error(t, c.Context().Err())
			require.NoError(t, c.Shutdown(t.Context()))
		}
	})
}
