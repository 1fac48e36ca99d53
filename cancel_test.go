package weir_test

// Rules C1 to C3: the one context of a build, whose values it carries, how long it lives and what its cause says.

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

type ctxKey string

func TestC1TheContextHasTheContainersValuesAndNoCallers(t *testing.T) {
	// Neither the values nor the deadline nor the cancellation of any caller: not of the one who starts the build, not of one who joins
	// it. Catches a build that runs under the context of its first caller.
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t, weir.WithContext(context.WithValue(context.Background(), ctxKey("container"), "c")))
		var got context.Context
		p := k.make(func(ref weir.Ref) int { got = ref.Context(); return 1 })
		top := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) { return p.watch(ref), nil })
		caller, cancel := context.WithTimeout(context.WithValue(t.Context(), ctxKey("caller"), "mine"), time.Hour)
		_, err := weir.Resolve(caller, c, top)
		require.NoError(t, err)
		cancel()
		settle()
		require.Equal(t, "c", got.Value(ctxKey("container")))
		require.Nil(t, got.Value(ctxKey("caller")))
		_, has := got.Deadline()
		require.False(t, has, "a caller's deadline")
		require.NoError(t, got.Err(), "a caller's cancellation")
		require.Equal(t, "c", c.Context().Value(ctxKey("container")))
	})
}

func TestC1TheContainersDeadlineClosesIt(t *testing.T) {
	// The container's context is what its builds inherit, with everything but its way of ending: when it ends the container closes, and
	// builds end with ErrContainerClosed.
	bubble(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		c := newContainer(t, weir.WithContext(ctx))
		var got context.Context
		p := weir.NewFutureProvider(func(ctx context.Context, _ weir.Ref) (int, error) { got = ctx; <-ctx.Done(); return 0, ctx.Err() },
			weir.Name("feed"))
		weir.Listen(c, p, nil)
		settle()
		require.NoError(t, got.Err())
		pass(time.Minute)
		require.ErrorIs(t, context.Cause(got), weir.ErrContainerClosed)
		require.Error(t, c.Context().Err())
	})
}

func TestC1OneContextPerBuild(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t)
		var inside []context.Context
		var r weir.Ref
		p := k.make(func(ref weir.Ref) int { r = ref; inside = append(inside, ref.Context()); return 1 })
		p.read(c)
		settle()
		require.Equal(t, inside[0].Done(), r.Context().Done(), "asked twice")
		old := r
		p.refresh(c)
		settle()
		require.Len(t, inside, 2)
		require.NotEqual(t, inside[0].Done(), inside[1].Done(), "the next build's")
		// A ref is an element and a generation, so an old one need not find the very context again, but one that ended as it did.
		require.Error(t, inside[0].Err())
		require.Error(t, old.Context().Err())
		require.Equal(t, context.Cause(inside[0]), context.Cause(old.Context()))
		require.NoError(t, r.Context().Err())
	})
}

func TestC1TheBuildsArgumentIsItsRefsContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		p := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
			if ctx.Done() != ref.Context().Done() {
				t.Error("the argument and ref.Context() end separately")
			}
			return 1, nil
		})
		_, err := weir.Resolve(t.Context(), c, p)
		require.NoError(t, err)
	})
}

func TestC1ASyncContextMadeTooLateIsOver(t *testing.T) {
	// It is made on first use; a first use after the build is over must find it ended, with the cause.
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t)
		var r weir.Ref
		p := k.make(func(ref weir.Ref) int { r = ref; return 1 }, weir.Name("p"))
		p.read(c)
		settle()
		old := r
		c.Invalidate(p.id)
		require.ErrorIs(t, old.Context().Err(), context.Canceled)
		require.ErrorIs(t, context.Cause(old.Context()), weir.ErrInvalidated)
		select {
		case <-old.Context().Done():
		default:
			t.Error("its Done channel is open")
		}
	})
}

func TestC1ChildContextsCostNoGoroutine(t *testing.T) {
	// The standard library watches a foreign Done channel with a goroutine per child. Catches a home-made context type.
	guard(t, func(t *testing.T) {
		c := newContainer(t, weir.WithContext(context.WithValue(context.Background(), ctxKey("container"), "c")))
		var ctx context.Context
		p := weir.NewProvider(func(ref weir.Ref) int { ctx = ref.Context(); return 1 })
		weir.Read(c, p)
		before := runtime.NumGoroutine()
		for range 100 {
			_, cancel := context.WithCancel(ctx)
			defer cancel()
		}
		require.Less(t, runtime.NumGoroutine()-before, 50, "goroutines for 100 child contexts")
	})
}

func TestC2TheContextLivesUntilTheBuildIsOver(t *testing.T) {
	// Long after the function returned, on standby included.
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t)
		var ctx context.Context
		p := k.make(func(ref weir.Ref) int { ctx = ref.Context(); return 1 }, weir.DisposeDelay(2*time.Hour))
		s := p.listen(c)
		pass(time.Hour)
		require.NoError(t, ctx.Err(), "an hour after the function returned")
		s.Close()
		pass(time.Hour)
		require.NoError(t, ctx.Err(), "an hour on standby")
		pass(time.Hour)
		require.ErrorIs(t, ctx.Err(), context.Canceled)
	})
}

func TestC2AGoroutineOfTheBuildEndsWithIt(t *testing.T) {
	// What the context is for: a goroutine that a build starts runs on after it and ends with it; the bubble fails if it does not.
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t)
		ticks, ended := 0, 0
		p := k.make(func(ref weir.Ref) int {
			ctx := ref.Context()
			go func() {
				for {
					select {
					case <-time.After(time.Second):
						ticks++
					case <-ctx.Done():
						ended++
						return
					}
				}
			}()
			return 1
		}, weir.AutoDispose())
		s := p.listen(c)
		pass(10*time.Second + time.Millisecond)
		require.Equal(t, 10, ticks)
		s.Close()
		gone()
		require.Equal(t, 1, ended)
	})
}

func TestC3CausesSayWhyAndName(t *testing.T) {
	// Each way that a build ends has its own sentinel, wrapped with the provider's name; Err stays the standard one.
	n := weir.NewStateProvider(func(weir.Ref) int { return 0 }, weir.Name("n"))
	for name, tc := range map[string]struct {
		want error
		end  func(c *weir.Container, p rig, r weir.Ref, s sub)
	}{
		"Invalidate":         {weir.ErrInvalidated, func(c *weir.Container, p rig, _ weir.Ref, _ sub) { c.Invalidate(p.id) }},
		"InvalidateAsReload": {weir.ErrInvalidated, func(c *weir.Container, p rig, _ weir.Ref, _ sub) { c.InvalidateAsReload(p.id) }},
		"InvalidateSelf":     {weir.ErrInvalidated, func(_ *weir.Container, _ rig, r weir.Ref, _ sub) { r.InvalidateSelf() }},
		"Refresh":            {weir.ErrInvalidated, func(c *weir.Container, p rig, _ weir.Ref, _ sub) { p.refresh(c) }},
		"a dependency":       {weir.ErrDependencyChanged, func(c *weir.Container, _ rig, _ weir.Ref, _ sub) { n.Set(c, 1) }},
		"nobody listens":     {weir.ErrDisposed, func(_ *weir.Container, _ rig, _ weir.Ref, s sub) { s.Close(); gone() }},
		"DisposeUnused":      {weir.ErrDisposed, func(c *weir.Container, _ rig, _ weir.Ref, s sub) { s.Close(); c.DisposeUnused() }},
		"Close":              {weir.ErrContainerClosed, func(c *weir.Container, _ rig, _ weir.Ref, _ sub) { c.Close() }},
		"Shutdown":           {weir.ErrContainerClosed, func(c *weir.Container, _ rig, _ weir.Ref, _ sub) { c.Shutdown(context.Background()) }},
	} {
		t.Run(name, func(t *testing.T) {
			eachKind(t, func(t *testing.T, k kind) {
				c := newContainer(t)
				var r weir.Ref
				p := k.make(func(ref weir.Ref) int { r = ref; return weir.Watch(ref, n) }, weir.AutoDispose(), weir.Name("prices"))
				s := p.listen(c)
				settle()
				ctx := r.Context()
				tc.end(c, p, r, s)
				settle()
				cause := context.Cause(ctx)
				require.ErrorIs(t, cause, tc.want)
				require.ErrorContains(t, cause, "prices")
				require.Equal(t, context.Canceled, ctx.Err())
				for _, other := range []error{weir.ErrInvalidated, weir.ErrDependencyChanged, weir.ErrDisposed, weir.ErrContainerClosed, weir.ErrCanceled} {
					require.Equal(t, other == tc.want, errors.Is(cause, other), "%v is %v", cause, other)
				}
				sub := context.WithoutCancel(ctx)
				require.NoError(t, sub.Err())
			})
		})
	}
}

func TestC3CancelAndTimeoutCauses(t *testing.T) {
	mine := errors.New("the user pressed cancel")
	for name, tc := range map[string]struct {
		cause error
		want  error
	}{
		"Cancel without a cause": {nil, weir.ErrCanceled},
		"Cancel with a cause":    {mine, mine},
		"Timeout":                {nil, context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newContainer(t)
				var inside error
				p := weir.NewFutureProvider(func(ctx context.Context, _ weir.Ref) (int, error) {
					<-ctx.Done()
					inside = context.Cause(ctx)
					return 0, fmt.Errorf("fetch: %w", ctx.Err())
				}, weir.Name("prices"), weir.Timeout(time.Minute))
				s := weir.Listen(c, p, nil)
				defer s.Close()
				settle()
				if name != "Timeout" {
					p.Cancel(c, tc.cause)
				}
				pass(time.Minute)
				require.ErrorIs(t, inside, tc.want)
				require.ErrorContains(t, inside, "prices")
				require.ErrorIs(t, weir.Read(c, p).Err(), tc.want)
			})
		})
	}
}
