package weirtest_test

// This file holds the tests of docs/testing.md.

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weir-go/weir"
	"github.com/weir-go/weir/weirtest"
)

type fetcher func(ctx context.Context, user string) (string, error)

// What a test must not touch is a provider of its own.
var fetch = weir.NewProvider(func(weir.Ref) fetcher {
	return func(context.Context, string) (string, error) { return "", errors.New("no network here") }
})

var profile = weir.NewFamily(func(user string) *weir.FutureProvider[string] {
	return weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (string, error) {
		return weir.Watch(ref, fetch)(ctx, user)
	})
}, weir.Name("profile"), weir.DisposeDelay(2*time.Second))

// A test of shared work: who shares it, and when it ends, to the millisecond.
func Example() {
	TestOneFetchForAll := func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			calls := 0
			c := weirtest.New(t, fetch.OverrideWithValue(func(ctx context.Context, user string) (string, error) {
				calls++
				time.Sleep(time.Second) // takes no real time in a bubble
				return "profile of " + user, nil
			}))
			var callers sync.WaitGroup
			for range 3 {
				callers.Go(func() {
					if got, err := weir.Resolve(t.Context(), c, profile.Of("ada")); got != "profile of ada" || err != nil {
						t.Errorf("got %q, %v", got, err)
					}
				})
			}
			callers.Wait()
			if calls != 1 {
				t.Errorf("%d calls", calls)
			}
		})
	}
	TestLastOneLeaves := func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			events := weirtest.NewEvents(t, weirtest.Build, weirtest.Cancelled, weirtest.Disposed)
			c := weirtest.New(t, weir.WithObserver(events.Observer()),
				fetch.OverrideWithValue(func(ctx context.Context, user string) (string, error) {
					<-ctx.Done() // never answers
					return "", ctx.Err()
				}))
			ctx, leave := context.WithCancel(t.Context())
			go weir.Resolve(ctx, c, profile.Of("ada"))
			weirtest.Settle(t, c)
			events.WantOf(profile.Of("ada"), "profile(ada) build first")
			leave()
			weirtest.Settle(t, c)
			events.WantOf(profile.Of("ada"), "profile(ada) cancelled") // on standby
			time.Sleep(2*time.Second - time.Millisecond)
			weirtest.Settle(t, c)
			events.WantOf(profile.Of("ada"))
			time.Sleep(time.Millisecond)
			weirtest.Settle(t, c)
			events.WantOf(profile.Of("ada"), "profile(ada) disposed")
		})
	}
	everything := func(_, _ string) (bool, error) { return true, nil }
	fmt.Println(testing.RunTests(everything, []testing.InternalTest{ // what go test does
		{Name: "TestOneFetchForAll", F: TestOneFetchForAll}, {Name: "TestLastOneLeaves", F: TestLastOneLeaves},
	}))
	// Output: true
}
