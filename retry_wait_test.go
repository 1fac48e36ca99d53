package weir_test

// This file holds retries (A6) as others see them: who awaits, watches or resolves, who pauses, who invalidates.

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestA6AwaitSeesTheEndOfRetriesAndWatchEachOfThem(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		n := 0
		src := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
			n++
			if n < 4 {
				return 0, fmt.Errorf("e%d", n)
			}
			return n, nil
		}, weir.Retry(weir.Backoff(time.Second, time.Second, 5)), weir.AutoDispose(), weir.Name("src"))
		builds := 0
		dep := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
			builds++
			return weir.Await(ref, src)
		}, weir.AutoDispose())
		var seen []string
		w := weir.NewProvider(func(ref weir.Ref) string { return show(weir.Watch(ref, src)) }, weir.AutoDispose())
		s2 := weir.Listen(c, w, func(_, v string) { seen = append(seen, v) }, weir.FireImmediately())
		start := time.Now()
		v, err := weir.Resolve(context.Background(), c, dep)
		require.NoError(t, err)
		require.Equal(t, 4, v)
		require.Equal(t, 3*time.Second, time.Since(start))
		require.Equal(t, 1, builds)
		settle() // the turn that tells the listener may be on another goroutine
		require.Equal(t, []string{"loading", "loading e1", "loading e2", "loading e3", "data 4"}, seen)
		s2.Close()
		gone()
		require.Empty(t, c.Snapshot().Elements)
	})
}

func TestA6ARetryThatIsDueWaitsForAListenerOrAResolve(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		builds := 0
		p := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) { builds++; return 0, errBoom },
			weir.Retry(weir.Backoff(time.Second, time.Minute, 3)), weir.DisposeDelay(time.Hour), weir.Name("p"))
		s := weir.Listen(c, p, nil)
		settle()
		s.Pause()
		pass(10 * time.Minute)
		require.Equal(t, 1, builds)
		v := weir.Read(c, p)
		require.True(t, v.IsRetrying(), show(v))
		require.Equal(t, 1, builds, "a Read is no listener")
		s.Resume()
		settle()
		require.Equal(t, 2, builds)
		s.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
		_, err := weir.Resolve(ctx, c, p)
		cancel()
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 2, builds)
		pass(10 * time.Minute)
		require.Equal(t, 2, builds)
		_, err = weir.Resolve(context.Background(), c, p) // the retry that is due begins; the last one after 4 s
		require.ErrorIs(t, err, errBoom)
		require.Equal(t, 4, builds)
		gone()
		require.True(t, c.Exists(p))
	})
}

func TestA6InvalidateStartsTheCounterAndTheTimerAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		policy := func(attempt int, err error) (time.Duration, bool) {
			log.add("policy %d", attempt)
			return time.Second, true
		}
		p := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
			log.add("build %v", ref.Reason())
			return 0, errBoom
		}, weir.Retry(policy))
		s := weir.Listen(c, p, nil)
		settle()
		pass(1001 * time.Millisecond)
		log.want(t, "twice", "build "+weir.ReasonFirstBuild.String(), "policy 0", "build "+weir.ReasonRetry.String(), "policy 1")
		c.Invalidate(p)
		settle()
		log.want(t, "invalidate", "build "+weir.ReasonRefresh.String(), "policy 0")
		pass(999 * time.Millisecond)
		log.want(t, "old timer is dead")
		pass(2 * time.Millisecond)
		log.want(t, "new timer", "build "+weir.ReasonRetry.String(), "policy 1")
		s.Close()
		pass(time.Hour)
		log.want(t, "no listener: nothing")
		s = weir.Listen(c, p, nil)
		settle()
		log.want(t, "listener back", "build "+weir.ReasonRetry.String(), "policy 2")
		c.InvalidateAsReload(p)
		settle()
		log.want(t, "as reload", "build "+weir.ReasonReload.String(), "policy 0")
		s.Close()
	})
}
