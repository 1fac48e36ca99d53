package weir_test

// Rules G10 and G12 at awkward moments: a container that is closed inside or beside a build, a write, a batch, a first call or a wait.
// Close takes no step that a build which returns later, or a turn which is running, trips over.

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestG12ABuildThatOutlivesCloseDoesNotKeepTheTurn(t *testing.T) {
	// A turn stands in a listener; a reader rebuilds what has a listener and is in the turn's queue; Close; the build returns, and so does
	// the turn. Planted bug: a turn of a closed container that leaves in the queue what builds put there goes round for ever.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		n := listenState(0)
		entered, leave := make(chan struct{}), make(chan struct{})
		p := weir.NewProvider(func(ref weir.Ref) int {
			v := weir.Watch(ref, n)
			if v == 1 {
				close(entered)
				<-leave
			}
			return v
		})
		heard := 0
		weir.Listen(c, p, func(int, int) { heard++ })
		stop := stopTurn(t, c)
		n.Set(c, 1) // for that turn
		reader := async(t, func() { recovered(func() { weir.Read(c, p) }) })
		await(t, "the build", entered)
		within(t, "Close beside a turn and a build", c.Close)
		close(leave)
		await(t, "the Read", reader)
		stop.release(t)
		require.NoError(t, c.Shutdown(t.Context()))
		require.Zero(t, heard, "a listener was called after Close")
	})
}

func TestG10AWriteWhoseContainerIsClosedMeanwhileDoesNothing(t *testing.T) {
	// The write builds a cold state first, and that closes the container. Planted bug: a write that takes for granted that it has an
	// element after the build.
	for name, write := range map[string]func(c *weir.Container, n *weir.StateProvider[int]){
		"Set":            func(c *weir.Container, n *weir.StateProvider[int]) { n.Set(c, 5) },
		"Update":         func(c *weir.Container, n *weir.StateProvider[int]) { n.Update(c, func(v int) int { return v + 1 }) },
		"Set in a Batch": func(c *weir.Container, n *weir.StateProvider[int]) { c.Batch(func(tx *weir.Tx) { n.Set(tx, 5) }) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newContainer(t)
				disposed := 0
				n := weir.NewStateProvider(func(ref weir.Ref) int {
					ref.OnDispose(func() { disposed++ })
					c.Close()
					return 0
				})
				within(t, name, func() { write(c, n) })
				require.NoError(t, c.Shutdown(t.Context()))
				require.Equal(t, 1, disposed)
				require.Zero(t, elements(c))
			})
		})
	}
}

func TestG10ABatchOnAClosedContainerAppliesNothing(t *testing.T) {
	// Updates of states that were never built run on the zero value and build nothing. Planted bug: stage reads the state, which a closed
	// container refuses.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		n := weir.NewStateProvider(func(weir.Ref) int { t.Error("built on a closed container"); return 1 })
		c.Close()
		ran := false
		c.Batch(func(tx *weir.Tx) {
			ran = true
			require.Equal(t, 1, n.Update(tx, func(v int) int { return v + 1 }))
			n.Set(tx, 7)
		})
		require.True(t, ran)
		require.ErrorIs(t, asError(recovered(func() { weir.Read(c, n) })), weir.ErrContainerClosed)
	})
}

func TestC6ATimeoutThatCloseTookAwayIsTakenAwayOnce(t *testing.T) {
	// The function of a build with a Timeout closes the container, or somebody else does meanwhile, and then it returns. Planted bug: Close
	// throws the heap of timers away and leaves the entries' places in them: the build that returns takes out what is not there.
	for _, inside := range []bool{true, false} {
		bubble(t, func(t *testing.T) {
			c := newContainer(t)
			entered, leave := make(chan struct{}), make(chan struct{})
			p := weir.NewTryProvider(func(weir.Ref) (int, error) {
				if inside {
					c.Close()
				}
				close(entered)
				<-leave
				return 1, nil
			}, weir.Timeout(time.Hour))
			read := async(t, func() { weir.Read(c, p) })
			await(t, "the build", entered)
			within(t, "Close", c.Close)
			close(leave)
			await(t, "the Read", read)
			within(t, "a call that needs the lock", func() { c.Exists(p) })
			require.NoError(t, c.Shutdown(t.Context()))
		})
	}
}

func TestG12CloseInAFirstCall(t *testing.T) {
	// The listener closes the container from inside the call that FireImmediately makes: Listen returns a subscription that does nothing.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		n := weir.NewStateProvider(one)
		calls := 0
		s := weir.Listen(c, n, func(int, int) { calls++; c.Close() }, weir.FireImmediately())
		s.Pause()
		s.Resume()
		n.Set(c, 2)
		require.Equal(t, 1, s.Read())
		s.Close()
		require.NoError(t, c.Shutdown(t.Context()))
		require.Equal(t, 1, calls)
	})
}

func TestG10CloseWakesAnAwaitOfASyncBuildAndWhoWaitsForThat(t *testing.T) {
	// A Try build that nobody listens to Awaits, with a paused listener of its own; others wait for it and loop over its source. Planted
	// bug: Close wakes listeners and forgets who waits.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		f := weir.NewFutureProvider(func(ctx context.Context, _ weir.Ref) (int, error) {
			<-ctx.Done()
			return 0, context.Cause(ctx)
		}, weir.Timeout(time.Hour))
		var awaited error
		p := weir.NewTryProvider(func(ref weir.Ref) (int, error) {
			weir.Listen(ref, f, nil).Pause()
			var v int
			v, awaited = weir.Await(ref, f)
			return v, awaited
		}, weir.AutoDispose())
		read := async(t, func() { require.ErrorIs(t, weir.Read(c, p).Err(), weir.ErrContainerClosed) })
		resolve := async(t, func() {
			_, err := weir.Resolve(t.Context(), c, p)
			require.ErrorIs(t, err, weir.ErrContainerClosed)
		})
		loop := async(t, func() {
			for range weir.Values(t.Context(), c, f) {
			}
		})
		settle()
		c.Close()
		await(t, "the Read", read)
		await(t, "the Resolve", resolve)
		await(t, "the loop", loop)
		require.ErrorIs(t, awaited, weir.ErrContainerClosed)
		require.NoError(t, c.Shutdown(t.Context()))
	})
}

func TestE3AHookEndsTheGoroutineOfClose(t *testing.T) {
	// Planted bug: the container's context is cancelled, and observers told, after the hooks; a Goexit (t.FailNow) in one of them takes
	// that along, and a later Shutdown takes it for done.
	tenant := weir.NewProvider(one, weir.Scoped())
	shared := weir.NewProvider(func(ref weir.Ref) int { ref.OnCancel(runtime.Goexit); return 1 }, weir.AutoDispose())
	for name, p := range map[string]*weir.Provider[int]{
		"a hook of its own": weir.NewProvider(func(ref weir.Ref) int {
			ref.OnDispose(runtime.Goexit)
			return weir.Watch(ref, tenant)
		}, weir.Scoped(tenant)),
		"a hook of its parent": weir.NewProvider(func(ref weir.Ref) int {
			return weir.Watch(ref, tenant) + weir.Watch(ref, shared)
		}, weir.Scoped(tenant)),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var closed atomic.Int32
				root, told := toldContainer(t)
				c := child(root, tenant.OverrideWithValue(2), weir.WithObserver(&weir.Observer{ContainerClosed: func(weir.ContainerClosedEvent) { closed.Add(1) }}))
				weir.Listen(c, p, nil)
				ctx := c.Context()
				returned := false
				await(t, "Close", async(t, func() { c.Close(); returned = true }))
				settle()
				require.False(t, returned, "the hook has not ended its goroutine")
				require.Len(t, told.take(), 1)
				require.NoError(t, c.Shutdown(t.Context()))
				require.ErrorIs(t, context.Cause(ctx), weir.ErrContainerClosed)
				require.EqualValues(t, 1, closed.Load())
			})
		})
	}
}

func TestG10AHookWaitsForAResolveThroughWhatIsClosed(t *testing.T) {
	// The goroutine that the hook waits for Resolves through the container, something that lives in the root. Planted bug: what the
	// Resolve hears of the Close by, the container's context, ends after the hooks.
	shared := weir.NewFutureProvider(func(ctx context.Context, _ weir.Ref) (int, error) { <-ctx.Done(); return 0, ctx.Err() })
	tenant := weir.NewProvider(one, weir.Scoped())
	worker := weir.NewProvider(func(ref weir.Ref) int {
		done := make(chan struct{})
		ref.OnDispose(func() { <-done })
		go func() {
			defer close(done)
			_, _ = weir.Resolve(context.Background(), ref.Container(), shared)
		}()
		return weir.Watch(ref, tenant)
	}, weir.Scoped(tenant))
	for name, of := range map[string]func(root *weir.Container) *weir.Container{
		"the root": func(root *weir.Container) *weir.Container { return root },
		"a child":  func(root *weir.Container) *weir.Container { return child(root, tenant.OverrideWithValue(2)) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := of(newContainer(t))
				weir.Read(c, worker)
				settle()
				within(t, "Close", c.Close)
			})
		})
	}
}

func TestG12ContextsAreFinalWhenASecondCloseReturns(t *testing.T) {
	// The first one stands in a hook.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		goOn := make(chan struct{})
		p := weir.NewProvider(func(ref weir.Ref) int { ref.OnDispose(func() { <-goOn }); return 1 })
		weir.Read(c, p)
		ctx := c.Context()
		first := async(t, c.Close)
		settle()
		c.Close()
		require.ErrorIs(t, context.Cause(ctx), weir.ErrContainerClosed)
		close(goOn)
		await(t, "the first Close", first)
	})
}
