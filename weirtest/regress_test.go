package weirtest

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/weir-go/weir"
)

func TestAListenerInAContainerWithoutABuild(t *testing.T) {
	// Planted bug: children are known by the builds in them, and a mutation has none.
	both(t, func(t *testing.T) {
		tenant := weir.NewProvider(func(weir.Ref) int { return 0 }, weir.Scoped())
		m := weir.NewMutation[int](weir.Scoped(tenant), weir.Name("m"))
		outcome(t, func(t testing.TB) {
			between := weir.NewContainer(weir.WithParent(New(t)))
			weir.Listen(weir.NewContainer(weir.WithParent(between), tenant.OverrideWithValue(1)), m, nil)
		}).failsWith(t, "weirtest: m", "1 listener was")
	})
}

func TestAHookEndsTheCleanupsGoroutine(t *testing.T) {
	// A build function that waits for the container's context is not accused: a hook that calls Goexit while the container closes does not
	// keep that from ending.
	synctest.Test(t, func(t *testing.T) {
		outcome(t, func(t testing.TB) {
			c := New(t)
			weir.Read(c, weir.NewProvider(func(ref weir.Ref) int { ref.OnDispose(runtime.Goexit); return 1 }, weir.Name("exits")))
			weir.Read(c, weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) { <-c.Context().Done(); return 1, nil }, weir.Name("waits")))
			synctest.Wait()
		}).failsWith(t, "weirtest: exits", "a panic that nothing has handled")
	})
}
