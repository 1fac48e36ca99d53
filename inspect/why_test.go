package inspect_test

// This file holds the answers to "why was it built?" and "who keeps it?".

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
	"github.com/weir-go/weir/inspect"
)

func TestWhyAndWho(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		insp := inspect.New()
		c := weir.NewContainer(weir.WithObserver(insp.Observer()))
		defer c.Shutdown(context.Background())
		a := weir.NewStateProvider(func(weir.Ref) int { return 1 }, weir.Name("a"))
		b := weir.NewStateProvider(func(weir.Ref) int { return 1 }, weir.Name("b"))
		mid := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, a) + weir.Watch(ref, b) }, weir.Name("mid"), weir.DisposeDelay(time.Minute))
		top := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, mid) }, weir.Name("top"), weir.DisposeDelay(time.Minute))
		fails := 0
		flaky := weir.NewTryProvider(func(ref weir.Ref) (int, error) {
			if fails++; fails < 2 {
				return 0, errors.New("line is busy")
			}
			return 1, nil
		}, weir.Name("flaky"), weir.Retry(func(int, error) (time.Duration, bool) { return time.Second, true }))
		sub := weir.Listen(c, top, nil)
		paused := weir.Listen(c, top, nil)
		paused.Pause()
		weir.Listen(c, flaky, nil)
		h := insp.Handler(c)
		about := func(name string) look {
			l := see(t, h, "")
			return see(t, h, "focus="+l.id(name))
		}

		l := about("mid")
		require.Contains(t, l.why(), "the first build, for nothing was there")
		require.Contains(t, l.keeps(), "top watches it, and is active")
		require.Contains(t, l.keeps(), "top is where that begins: 2 listeners of its own")

		time.Sleep(time.Second) // the retry of flaky
		synctest.Wait()
		l = about("flaky")
		require.Contains(t, l.why(), "the attempt before it had failed and was retried")
		require.Contains(t, l.why(), "It had failed: ")
		require.Contains(t, l.why(), "line is busy")

		a.Set(c, 2)
		time.Sleep(time.Second)
		b.Set(c, 2)
		time.Sleep(time.Second)
		l = about("mid")
		require.Contains(t, l.why(), "was started 1s ago: b had changed.")
		require.Contains(t, l.why(), "was over: dependency changed.")
		require.NotContains(t, l.why(), "nearest", "it is known, and no guess")
		require.Contains(t, l.why(), "b is where that begins: it was set, or its build #")
		require.NotContains(t, l.why(), "There is no timeline")
		l = about("top")
		require.Contains(t, l.why(), "was started 1s ago: mid had changed.")
		require.Regexp(t, `mid was built again, #\d+: b had changed\n`, l.why()+"\n")
		require.Contains(t, l.why(), "b is where that begins: it was set, or its build #")
		require.NotContains(t, l.why(), "a is", "a caused the build before")

		c.Invalidate(mid)
		l = about("mid")
		require.Contains(t, l.why(), "Invalidate, Refresh or InvalidateSelf was called")
		require.Contains(t, l.why(), "was over: invalidated.")
		require.NotEmpty(t, l.Detail.Events)

		l = about("top")
		require.Contains(t, l.keeps(), "2 listeners of its own")
		require.Contains(t, l.keeps(), "1 of its 2 listeners keeps it, but does not make it active")
		sub.Close()
		paused.Close()
		time.Sleep(10 * time.Second)
		l = about("top")
		require.Contains(t, l.keeps(), "Nobody: it is disposed in 50s, unless somebody comes.")
		l = about("mid")
		require.Contains(t, l.keeps(), "top watches it, and is standby")
		require.Contains(t, see(t, h, "focus="+see(t, h, "").id("a")).keeps(), "mid watches it, and is standby")
		time.Sleep(2 * time.Minute)
		require.ElementsMatch(t, []string{"a", "b", "flaky"}, see(t, h, "").names())
	})
}

// What an Invalidate or a retry has begun is followed down to it.
func TestWhyFollowsToTheOrigin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		insp := inspect.New()
		c := weir.NewContainer(weir.WithObserver(insp.Observer()))
		defer c.Shutdown(context.Background())
		builds := 0
		flaky := weir.NewTryProvider(func(weir.Ref) (int, error) {
			if builds++; builds < 2 {
				return 0, errors.New("line is busy")
			}
			return builds, nil
		}, weir.Name("flaky"), weir.Retry(func(int, error) (time.Duration, bool) { return time.Second, true }))
		mid := weir.NewProvider(func(ref weir.Ref) int { n, _ := weir.Watch(ref, flaky).Value(); return n }, weir.Name("mid"))
		top := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, mid) }, weir.Name("top"))
		weir.Listen(c, top, nil)
		h := insp.Handler(c)
		why := func() string { return see(t, h, "focus="+see(t, h, "").id("top")).why() }
		require.NotContains(t, why(), "begins")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Contains(t, why(), ": mid had changed.")
		require.Regexp(t, `mid was built again, #\d+: flaky had changed`, why())
		require.Contains(t, why(), "flaky is where that begins: its build #")
		require.Contains(t, why(), "was another attempt after a failure")
		c.Invalidate(flaky)
		require.Contains(t, why(), "was asked for with Invalidate")
	})
}

// The answers hold with whatever the ring still has.
func TestWhyWithAShortMemory(t *testing.T) {
	for size := 1; size < 25; size++ {
		synctest.Test(t, func(t *testing.T) {
			insp := inspect.New(inspect.Ring(size))
			c := weir.NewContainer(weir.WithObserver(insp.Observer()))
			defer c.Shutdown(context.Background())
			n := weir.NewStateProvider(func(weir.Ref) int { return 1 }, weir.Name("n"))
			flaky := weir.NewTryProvider(func(ref weir.Ref) (int, error) { return weir.Watch(ref, n), errors.New("busy") }, weir.Name("flaky"),
				weir.Retry(func(tries int, _ error) (time.Duration, bool) { return time.Second, tries < 3 }))
			top := weir.NewProvider(func(ref weir.Ref) bool { return weir.Watch(ref, flaky).IsLoading() }, weir.Name("top"))
			weir.Listen(c, top, nil)
			h := insp.Handler(c)
			for step := range 8 {
				l := see(t, h, "")
				for _, x := range l.Nodes {
					l := see(t, h, "focus="+x.ID)
					require.NotEmpty(t, l.Detail.Why)
					require.NotEmpty(t, l.Detail.Keeps)
				}
				if step%3 == 2 {
					n.Set(c, step)
				}
				time.Sleep(700 * time.Millisecond)
				synctest.Wait()
			}
		})
	}
}
