package weir_test

// This file holds overrides at several depths of a tree of containers (S1, S2, S5), and what else is a tenant's own: its retry policy
// (A6) and the members of its families.

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestS5OverridesAtSeveralDepths(t *testing.T) {
	bubble(t, func(t *testing.T) {
		root := newContainer(t)
		p := weir.NewProvider(func(weir.Ref) int { return 0 }, weir.Scoped(), weir.Name("p"))
		s := scenarioNumber(1)
		p2 := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, p)*2 + weir.Watch(ref, s)*100 }, weir.Scoped(p), weir.Name("p2"))
		p3 := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, p2) + 1 }, weir.Scoped(p2), weir.Name("p3"))
		child := newContainer(t, weir.WithParent(root), p.OverrideWithValue(1))
		grand := newContainer(t, weir.WithParent(child))
		deep := newContainer(t, weir.WithParent(grand), p.OverrideWithValue(10))
		var log trace
		defer weir.Listen(grand, p3, func(a, b int) { log.add("grand %d->%d", a, b) }).Close()
		defer weir.Listen(deep, p3, func(a, b int) { log.add("deep %d->%d", a, b) }).Close()
		defer weir.Listen(root, p3, func(a, b int) { log.add("root %d->%d", a, b) }).Close()
		child.UpdateOverrides(p.OverrideWithValue(2))
		settle()
		log.want(t, "child updated", "grand 103->105")
		deep.UpdateOverrides(p.OverrideWithValue(20))
		settle()
		log.want(t, "deep updated", "deep 121->141")
		s.Set(child, 2)
		settle()
		log.wantSet(t, "root state", "grand 105->205", "deep 141->241", "root 101->201")
		require.Len(t, child.Snapshot().Elements, 3)
		require.Len(t, grand.Snapshot().Elements, 0)
		require.Len(t, deep.Snapshot().Elements, 3)
		// value -> function
		child.UpdateOverrides(p.OverrideWith(func(ref weir.Ref) int { return weir.Watch(ref, s) * 7 }))
		settle()
		log.want(t, "to a function", "grand 205->229")
		s.Set(root, 3)
		settle()
		log.wantSet(t, "follows", "grand 229->343", "deep 241->341", "root 201->301")
		child.UpdateOverrides(p.OverrideWithValue(21)) // the value that it has
		settle()
		log.want(t, "silent")
	})
}

func TestA6ThePolicyIsThatOfTheContainerThatHostsTheElement(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log trace
		pol := func(name string) weir.RetryPolicy {
			return func(a int, err error) (time.Duration, bool) {
				log.add("%s %d %v", name, a, err)
				return time.Second, a < 2
			}
		}
		root := newContainer(t, weir.WithRetry(pol("root")))
		child := newContainer(t, weir.WithParent(root), weir.WithRetry(pol("child")))
		grand := newContainer(t, weir.WithParent(child))
		for _, c := range []*weir.Container{root, child, grand} {
			p := weir.NewTryProvider(func(weir.Ref) (int, error) { return 0, errBoom }, weir.Scoped())
			_, err := weir.Resolve(context.Background(), c, p)
			require.ErrorIs(t, err, errBoom)
			log.want(t, "lives in the root", "root 0 boom", "root 1 boom", "root 2 boom")
		}
		p := weir.NewTryProvider(func(weir.Ref) (int, error) { return 0, errBoom }, weir.Scoped())
		leaf := newContainer(t, weir.WithParent(grand), p.OverrideWith(func(context.Context, weir.Ref) (int, error) {
			return 0, errors.New("leaf")
		}))
		_, err := weir.Resolve(context.Background(), leaf, p)
		require.EqualError(t, err, "leaf")
		log.want(t, "lives in the leaf", "child 0 leaf", "child 1 leaf", "child 2 leaf")
	})
}

func TestS2AFamilyOfNotifiersLivesWithItsTenant(t *testing.T) {
	bubble(t, func(t *testing.T) {
		root := newContainer(t)
		ten := weir.NewProvider(func(weir.Ref) string { return "root" }, weir.Scoped(), weir.Name("ten"))
		fam := weir.NewFamily(func(k int) *weir.AsyncNotifierProvider[*scenarioAsyncNotifier, int] {
			return weir.NewAsyncNotifierProvider(func() *scenarioAsyncNotifier {
				return &scenarioAsyncNotifier{build: func(ref weir.Ref) (int, error) { return len(weir.Watch(ref, ten)) * k, nil }}
			})
		}, weir.Scoped(ten), weir.AutoDispose(), weir.Name("fam"))
		child := newContainer(t, weir.WithParent(root), ten.OverrideWithValue("a tenant"))
		sib := newContainer(t, weir.WithParent(root), ten.OverrideWithValue("x"))
		for c, want := range map[*weir.Container]int{root: 8, child: 16, sib: 2} {
			v, err := weir.Resolve(context.Background(), c, fam.Of(2))
			require.NoError(t, err)
			require.Equal(t, want, v)
			require.Same(t, c, fam.Of(2).Notifier(c).Ref().Container())
		}
		fam.Of(2).Notifier(child).SetData(1000)
		require.Equal(t, "data 1000", show(weir.Read(child, fam.Of(2))))
		require.Equal(t, "data 8", show(weir.Read(root, fam.Of(2))))
		child.Invalidate(fam)
		require.False(t, child.Exists(fam))
		require.True(t, root.Exists(fam))
		require.True(t, sib.Exists(fam))
		gone()
		require.False(t, root.Exists(fam))
	})
}
