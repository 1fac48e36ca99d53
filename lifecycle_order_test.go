package weir_test

// This file holds in which order hooks run over a whole life: reads, pauses, returns and invalidations (L2, L3, L10), and the ends of
// chains and of tenants that share a stream (S3).

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestL3HooksOfAColdReadAndOfPauses(t *testing.T) {
	eachAutoKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		p := k.make(func(ref weir.Ref) int { log.hooks(ref, "", true); return 1 })
		p.read(c)
		settle()
		log.want(t, "cold read", "cancel")
		s := p.listen(c)
		settle()
		log.want(t, "listen", "resume", "add")
		s2 := p.listen(c)
		settle()
		log.want(t, "second", "add")
		s.Pause()
		s2.Pause()
		settle()
		log.want(t, "both paused", "cancel")
		s3 := p.listen(c)
		settle()
		log.want(t, "a third", "resume", "add")
		s3.Close()
		settle()
		log.want(t, "it leaves", "cancel", "remove")
		s2.Close()
		settle()
		log.want(t, "a paused one leaves", "remove")
		s.Resume()
		settle()
		log.want(t, "resumed", "resume")
		c.Invalidate(p.id)
		settle()
		log.want(t, "invalidated", "dispose")
		s.Close()
		settle()
		log.want(t, "left", "cancel", "remove")
		c.Invalidate(p.id)
		settle()
		log.want(t, "invalidated unused", "dispose")
		require.False(t, c.Exists(p.id))
	})
}

func TestS3AChainOfAsynchronousKindsEndsDependentsFirst(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		base := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
			ref.OnDispose(func() { log.add("base %v", errors.Is(context.Cause(ctx), weir.ErrContainerClosed)) })
			return 1, nil
		})
		mid := weir.NewStreamProvider(func(ctx context.Context, ref weir.Ref, emit func(int) bool) error {
			v, err := weir.Await(ref, base)
			ref.OnDispose(log.on("mid"))
			emit(v)
			return err
		})
		top := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
			ref.OnDispose(log.on("top 1"))
			ref.OnDispose(log.on("top 2"))
			return weir.Await(ref, weir.SelectAsync(mid, func(v int) int { return v }))
		})
		_, err := weir.Resolve(context.Background(), c, top)
		require.NoError(t, err)
		c.Close()
		log.want(t, "order", "top 2", "top 1", "mid", "base true")
	})
}

func TestS3AStreamSharedByTwoTenants(t *testing.T) {
	bubble(t, func(t *testing.T) {
		root := newContainer(t)
		starts := 0
		tick := weir.NewStreamProvider(func(ctx context.Context, ref weir.Ref, emit func(int) bool) error {
			starts++
			tk := time.NewTicker(time.Second)
			defer tk.Stop()
			for i := 0; emit(i); i++ {
				select {
				case <-tk.C:
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			}
			return nil
		}, weir.AutoDispose(), weir.Name("tick"))
		ten := weir.NewProvider(func(weir.Ref) string { return "" }, weir.Scoped())
		line := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (string, error) {
			v, err := weir.Await(ref, tick)
			return fmt.Sprint(weir.Watch(ref, ten), v), err
		}, weir.Scoped(ten), weir.AutoDispose())
		var log trace
		var cs []*weir.Container
		for _, name := range []string{"a", "b"} {
			c := newContainer(t, weir.WithParent(root), ten.OverrideWithValue(name))
			cs = append(cs, c)
			weir.Listen(c, line, func(_, v weir.AsyncValue[string]) {
				if !v.IsLoading() {
					log.add("%s", v.ValueOr("?"))
				}
			})
		}
		pass(2500 * time.Millisecond)
		log.wantSet(t, "both", "a0", "b0", "a1", "b1", "a2", "b2")
		require.Equal(t, 1, starts)
		cs[0].Close()
		pass(time.Second)
		log.wantSet(t, "one", "b3")
		cs[1].Close()
		gone()
		require.False(t, root.Exists(tick))
		require.Empty(t, root.Snapshot().Elements)
	})
}

func TestG3OnCancelAndOnResumeRunInTheParentFirst(t *testing.T) {
	// docs/decisions/033: within one container standby climbs (L1), between containers the parent has its turn first.
	bubble(t, func(t *testing.T) {
		root := newContainer(t)
		var log trace
		hooked := func(name string, src weir.Source[int], opts ...weir.ProviderOption) *weir.Provider[int] {
			return weir.NewProvider(func(ref weir.Ref) (v int) {
				if src != nil {
					v = weir.Watch(ref, src)
				}
				ref.OnCancel(log.on(name + " cancel"))
				ref.OnResume(log.on(name + " resume"))
				ref.OnDispose(log.on(name + " dispose"))
				return v
			}, append(opts, weir.AutoDispose(), weir.Name(name))...)
		}
		a := hooked("a", nil)
		b := hooked("b", a)
		tenant := weir.NewProvider(func(weir.Ref) int { return 0 }, weir.Scoped())
		d := hooked("d", b, weir.Scoped(tenant))
		e := hooked("e", d, weir.Scoped(d))
		child := newContainer(t, weir.WithParent(root), tenant.OverrideWithValue(1))
		s := weir.Listen(child, e, nil)
		require.Len(t, child.Snapshot().Elements, 2)
		s.Pause()
		log.want(t, "paused", "b cancel", "a cancel", "e cancel", "d cancel")
		s.Resume()
		log.want(t, "resumed", "b resume", "a resume", "e resume", "d resume")
		s.Close()
		gone()
		log.want(t, "left",
			"b cancel", "a cancel", "e cancel", "d cancel", "e dispose", "d dispose", "b dispose", "a dispose")
	})
}
