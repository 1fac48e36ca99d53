package weirtest

// This file holds the tests of Events.

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestEventsOfSynchronousProviders(t *testing.T) {
	both(t, func(t *testing.T) {
		e := NewEvents(t)
		c := New(t, weir.WithObserver(e.Observer()))
		a := weir.NewStateProvider(func(weir.Ref) int { return 1 }, weir.Name("a"))
		page := weir.NewFamily(func(key int) *weir.Provider[int] {
			return weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, a) + key })
		}, weir.Name("page"), weir.AutoDispose())
		p := page.Of(1)
		sub := weir.Listen(c, p, nil)
		e.Want("page(1) build first", "a build first", "a built", "page(1) built", "a added", "page(1) added", "page(1) listener added", "a listener added")
		a.Set(c, 2)
		e.Want("page(1) disposed: dependency changed", "page(1) build reload", "page(1) built", "a updated", "page(1) updated")
		c.Invalidate(p)
		e.Want("page(1) disposed: invalidated", "page(1) build refresh", "page(1) built")
		sub.Close()
		e.Want("page(1) cancelled", "page(1) listener removed")
		sub = weir.Listen(c, p, nil)
		e.Want("page(1) resumed", "page(1) listener added")
		sub.Close()
		e.Take()
		c.DisposeUnused()
		require.Equal(t, []string{"page(1) disposed", "a listener removed"}, e.All())
		require.Equal(t, e.All(), e.Take())
		c.Close()
		e.Want("a disposed: container closed", "container closed")
		e.Want()
	})
}

func TestEventsOfAsynchronousProviders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, e := NewEvents(t), NewEvents(t, Build, Built)
		ends := NewEvents(t, Disposed, Failed)
		c := New(t, weir.WithObserver(e.Observer()), weir.WithObserver(ends.Observer()), weir.WithObserver(all.Observer()))
		var fail error
		pause := time.Duration(0)
		p := weir.NewFutureProvider(func(ctx context.Context, _ weir.Ref) (int, error) {
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
			return 1, fail
		}, weir.Name("p"), weir.AutoDispose(), weir.Timeout(time.Minute), weir.Retry(weir.Backoff(time.Second, time.Second, 1)))
		other := weir.NewStateProvider(func(weir.Ref) int { return 1 }, weir.Name("other"))
		step := func(fn func()) {
			fn()
			Settle(t, c)
			time.Sleep(time.Millisecond) // a pause of 0
			Settle(t, c)
		}
		var sub *weir.Subscription[weir.AsyncValue[int]]
		step(func() { sub = weir.Listen(c, p, nil) })
		weir.Read(c, other)
		e.WantOf(p, "p build first", "p built")
		e.Want("other build first", "other built") // was left
		require.Contains(t, all.Take(), "p added")

		fail = errBoom
		step(func() { c.Invalidate(p) })
		e.Want("p build refresh", "p built with error: boom")
		ends.Want("p disposed: invalidated")
		step(func() { time.Sleep(time.Second) })
		e.Want("p build retry", "p built with error: boom")
		ends.Want("p disposed: invalidated", "p failed: boom")

		fail, pause = nil, time.Hour
		step(func() { c.Invalidate(p) })
		ends.Want("p disposed: invalidated")
		step(func() { p.Cancel(c, nil) })
		e.Want("p build refresh", "p built too late: canceled")
		ends.Take() // with a failure or without
		step(func() { c.Invalidate(p) })
		step(func() { time.Sleep(time.Minute) })
		e.Want("p build refresh", "p built too late: timeout")
		require.Contains(t, ends.Take(), "p disposed: timeout")
		step(func() { c.Invalidate(p) })
		step(func() { p.Cancel(c, errBoom) })
		e.Want("p build refresh", "p built too late: weir: p: boom")
		require.Contains(t, ends.Take(), "p disposed: weir: p: boom")
		sub.Close()
	})
}

func TestEventsOfSomeKinds(t *testing.T) {
	e := NewEvents(t, Build, Cancelled)
	c := New(t, weir.WithObserver(e.Observer()))
	p := weir.NewProvider(func(weir.Ref) int { return 1 }, weir.Name("p"), weir.AutoDispose())
	weir.Listen(c, p, nil).Close()
	e.Want("p build first", "p cancelled")
}

func TestEventsFailures(t *testing.T) {
	f := outcome(t, func(t testing.TB) {
		e := NewEvents(t, Build, Cancelled, Resumed)
		c := New(t, weir.WithObserver(e.Observer()))
		p := weir.NewProvider(func(weir.Ref) int { return 1 }, weir.Name("p"), weir.AutoDispose())
		weir.Listen(c, p, nil).Close()
		if e.Want("p build first", "p resumed") {
			panic("they are not")
		}
		c.Invalidate(p)
		weir.Read(c, p)
		e.WantOf(p, "p build first", "p cancelled", "p resumed")
	})
	require.Len(t, f.errors, 2)
	require.Equal(t, "weirtest: the events are not what the test wants (- wanted, + recorded):\n\t  p build first\n\t- p resumed\n\t+ p cancelled", f.errors[0])
	require.Equal(t, "weirtest: the events of p are not what the test wants (- wanted, + recorded):\n\t  p build first\n\t  p cancelled\n\t- p resumed", f.errors[1])
}

// The kinds whose events need more than this package has, from the hand of the test.
func TestEventsOfMutationsAndStorage(t *testing.T) {
	e := NewEvents(t)
	o := e.Observer()
	o.MutationStarted(weir.MutationStartedEvent{Mutation: "save"})
	o.MutationEnded(weir.MutationEndedEvent{Mutation: "save"})
	o.MutationEnded(weir.MutationEndedEvent{Mutation: "save", Err: errBoom})
	o.StorageFailed(weir.StorageFailedEvent{Event: weir.Event{Name: "draft"}, Op: "write", Key: "k", Err: errBoom})
	o.Disposed(weir.DisposedEvent{Event: weir.Event{Name: "p"}, Cause: fmt.Errorf("p: %w", errors.New("own"))})
	e.Want("save mutation started", "save mutation ended", "save mutation ended with error: boom", "draft storage failed: write k: boom", "p disposed: p: own")
}
