package weir_test

// This file holds that every end of a build says its own cause and no other, whichever way one asks (C3, C8, C9), and what a Timeout
// leaves behind in every kind (C6).

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestC3EveryEndSaysItsOwnCauseWhicheverWayOneAsks(t *testing.T) {
	n := scenarioNumber(0)
	for _, tc := range []struct {
		name string
		end  func(p *weir.FutureProvider[int], c *weir.Container)
		want error
		auto bool
	}{
		{"dispose", func(p *weir.FutureProvider[int], c *weir.Container) { c.DisposeUnused() }, weir.ErrDisposed, true},
		{"dispose by the delay", func(p *weir.FutureProvider[int], c *weir.Container) { gone() }, weir.ErrDisposed, true},
		{"invalidate", func(p *weir.FutureProvider[int], c *weir.Container) { c.Invalidate(p) }, weir.ErrInvalidated, false},
		{"invalidate unused auto", func(p *weir.FutureProvider[int], c *weir.Container) { c.Invalidate(p) }, weir.ErrInvalidated, true},
		{"as reload", func(p *weir.FutureProvider[int], c *weir.Container) { c.InvalidateAsReload(p) }, weir.ErrInvalidated, false},
		{"refresh", func(p *weir.FutureProvider[int], c *weir.Container) { weir.Refresh(c, p) }, weir.ErrInvalidated, false},
		{"dependency", func(p *weir.FutureProvider[int], c *weir.Container) {
			n.Update(c, func(v int) int { return v + 1 })
			weir.Read(c, p)
		}, weir.ErrDependencyChanged, false},
		{"cancel", func(p *weir.FutureProvider[int], c *weir.Container) { p.Cancel(c, nil) }, weir.ErrCanceled, false},
		{"close", func(p *weir.FutureProvider[int], c *weir.Container) { c.Close() }, weir.ErrContainerClosed, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newContainer(t)
				var refs []weir.Ref
				var ctxs []context.Context
				opts := []weir.ProviderOption{weir.Name("prov-x")}
				if tc.auto {
					opts = append(opts, weir.AutoDispose())
				}
				p := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
					refs, ctxs = append(refs, ref), append(ctxs, ctx)
					weir.Watch(ref, n)
					<-ctx.Done()
					return 0, ctx.Err()
				}, opts...)
				weir.Read(c, p)
				settle()
				tc.end(p, c)
				settle()
				err := context.Cause(ctxs[0])
				require.ErrorIs(t, err, tc.want)
				require.Contains(t, err.Error(), "prov-x")
				for _, o := range []error{
					weir.ErrDisposed, weir.ErrInvalidated, weir.ErrDependencyChanged, weir.ErrCanceled, weir.ErrContainerClosed, weir.ErrLoading,
				} {
					if o != tc.want {
						require.NotErrorIs(t, err, o)
					}
				}
				require.Equal(t, err, context.Cause(refs[0].Context()))
				_, e := weir.Await(refs[0], p)
				require.ErrorIs(t, e, tc.want)
				_, e = weir.Resolve(context.Background(), refs[0], p)
				require.ErrorIs(t, e, tc.want)
				require.ErrorIs(t, refs[0].Debounce(time.Second), tc.want)
			})
		})
	}
}

func TestC6ATimeoutKeepsTheValueOfBefore(t *testing.T) {
	eachScenarioKindThat(t, func(k scenarioKind) bool { return k.async }, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		hang := false
		var cause error
		p := k.makeErr(func(ref weir.Ref) (int, error) {
			if hang {
				<-ref.Context().Done()
				cause = context.Cause(ref.Context())
				return 0, cause
			}
			return 1, nil
		}, weir.Timeout(time.Second), weir.Name("slowpoke"))
		s := p.listen(c)
		defer s.Close()
		settle()
		require.Equal(t, "data 1", p.readAs(c))
		hang = true
		c.Invalidate(p.id)
		pass(999 * time.Millisecond)
		require.Equal(t, "refreshing 1", p.readAs(c))
		pass(2 * time.Millisecond)
		v := p.err(c)
		require.ErrorIs(t, v, context.DeadlineExceeded)
		require.ErrorIs(t, cause, context.DeadlineExceeded)
		require.Contains(t, cause.Error(), "slowpoke")
		require.Equal(t, 1, p.read(c), "a new error keeps the last value")
		require.False(t, strings.HasPrefix(p.readAs(c), "refreshing"))
		_, err := p.resolve(context.Background(), c)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		pass(time.Hour)
		hang = false
		c.Invalidate(p.id)
		settle()
		require.Equal(t, "data 1", p.readAs(c))
	})
}

func TestC6TheTimeoutOfAStreamIsForItsFirstEmitInEachBuild(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		emitAt := 500 * time.Millisecond
		var cause error
		p := weir.NewStreamProvider(func(ctx context.Context, ref weir.Ref, emit func(int) bool) error {
			select {
			case <-time.After(emitAt):
			case <-ctx.Done():
				cause = context.Cause(ctx)
				return cause
			}
			emit(1)
			<-ctx.Done()
			return nil
		}, weir.Timeout(time.Second), weir.AutoDispose())
		s := weir.Listen(c, p, nil)
		pass(time.Hour)
		require.Equal(t, "data 1", show(weir.Read(c, p)))
		emitAt = 2 * time.Second
		c.Invalidate(p)
		pass(1001 * time.Millisecond)
		require.ErrorIs(t, weir.Read(c, p).Err(), context.DeadlineExceeded)
		require.ErrorIs(t, cause, context.DeadlineExceeded)
		require.Equal(t, 1, weir.Read(c, p).ValueOr(0))
		s.Close()
		gone()
	})
}
