package weir_test

// This file holds odd input to notifiers, retries, overrides and observers: delays that overflow or are zero, callbacks that call back,
// panic or call Goexit.

import (
	"context"
	"math"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestA6ADelayThatOverflowsIsLong(t *testing.T) {
	eachRetrying(t, func(t *testing.T, k scenarioKind) {
		var builds tally
		p := k.makeErr(func(weir.Ref) (int, error) { builds.inc(); return 0, errBoom },
			weir.Retry(func(int, error) (time.Duration, bool) { return math.MaxInt64, builds.get() < 50 }))
		c := newContainer(t)
		time.Sleep(time.Minute) // the clock of the container does not stand at zero
		s := p.listen(c)
		settle()
		other := scenarioNumber(1, weir.AutoDispose()) // another timer of the same container
		weir.Read(c, other)
		pass(1000 * time.Hour)
		require.False(t, c.Exists(other))
		require.Equal(t, 1, builds.get())
		require.Equal(t, "loading boom", p.readAs(c))
		s.Close()
	})
}

func TestOtherDelaysThatOverflowAreLong(t *testing.T) {
	eachAutoKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		time.Sleep(time.Minute)
		opts := []weir.ProviderOption{weir.DisposeDelay(math.MaxInt64)}
		if !k.raises {
			opts = append(opts, weir.Timeout(math.MaxInt64))
		}
		p := k.make(func(ref weir.Ref) int { laterIfAsync(k); return 1 }, opts...)
		s := p.listen(c)
		pass(time.Second)
		s.Close()
		q := k.make(func(ref weir.Ref) int { ref.CacheFor(math.MaxInt64); return 1 })
		q.settled(c)
		pass(1000 * time.Hour)
		require.True(t, c.Exists(p.id), "DisposeDelay")
		require.True(t, c.Exists(q.id), "CacheFor")
		require.Equal(t, "data 1", p.readAs(c))
	})
}

func TestA6ADelayOfZeroIsARetryAtOnce(t *testing.T) {
	eachRetrying(t, func(t *testing.T, k scenarioKind) {
		var builds tally
		p := k.makeErr(func(weir.Ref) (int, error) {
			if builds.inc() <= 3000 {
				return 0, errBoom
			}
			return 7, nil
		}, weir.Retry(func(int, error) (time.Duration, bool) { return 0, true }))
		c := newContainer(t)
		s := p.listen(c)
		began := time.Now()
		v, err := p.resolve(t.Context(), c)
		require.NoError(t, err)
		require.Equal(t, 7, v)
		require.Equal(t, 3001, builds.get())
		require.Zero(t, time.Since(began))
		s.Close()
	})
}

func TestN6ASelfListenerThatWritesRemovesOrDoesNotReturn(t *testing.T) {
	eachNotifier(t, func(t *testing.T, k noteKind) {
		var l trace
		p, notifier := k.make(nothingMade, func(weir.Ref, noted) (int, error) { return 0, nil })
		c, told := toldContainer(t)
		s := p.hear(c, func(_, next int) { l.add("heard %d", next) })
		settle()
		n := notifier(c)
		var remove func()
		remove = n.selves(func(_, next string) {
			l.add("once %s", next)
			remove()
		})
		n.selves(func(_, next string) {
			if next == "data 1" {
				n.set(2)
			}
		})
		n.selves(func(_, next string) {
			if next == "data 3" {
				panic("self")
			}
		})
		n.selves(func(_, next string) {
			if next == "data 4" {
				runtime.Goexit()
			}
		})
		n.selves(func(_, next string) { l.add("last %s", next) })
		n.set(1)
		settle()
		got := l.take()
		inOrder(t, got, "once data 1", "last data 2", "heard 2")
		require.Equal(t, 1, count(got, "once data 1")+count(got, "once data 2"))
		n.set(3)
		settle()
		l.want(t, "one that panics", "last data 3", "heard 3")
		require.Equal(t, []string{"self"}, told.values())
		await(t, "a Set whose self-listener calls Goexit", async(t, func() { n.set(4) }))
		settle()
		l.want(t, "one that calls Goexit", "last data 4", "heard 4")
		told.take()
		s.Close()
		usable(t, c)
	})
}

func TestN6AnUpdateInsideAnUpdateEndsWithItsContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := asyncNotes(at42)
		c := newContainer(t)
		s := weir.Listen(c, p, nil)
		settle()
		n := p.Notifier(c)
		v, err := n.Update(t.Context(), func(v int) (int, error) {
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errBoom)
			defer cancel()
			_, err := n.Update(ctx, func(v int) (int, error) { t.Error("the inner f was called"); return v, nil })
			require.ErrorIs(t, err, errBoom)
			return v + 1, nil
		})
		require.NoError(t, err)
		require.Equal(t, 43, v)
		await(t, "an f that calls Goexit", async(t, func() {
			_, _ = n.Update(t.Context(), func(int) (int, error) { runtime.Goexit(); return 0, nil })
		}))
		v, err = n.Update(t.Context(), func(v int) (int, error) { return v + 1, nil })
		require.NoError(t, err)
		require.Equal(t, 44, v)
		s.Close()
	})
}

func TestS5AFamilyOverrideWhoseCreateDoesNotReturn(t *testing.T) {
	for name, leave := range map[string]func(){"panic": func() { panic("create") }, "goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := weir.NewFamily(func(n int) *weir.Provider[int] { return weir.NewProvider(func(weir.Ref) int { return n }) })
				bad := false
				with := func(factor int) weir.Override {
					return f.OverrideWith(func(n int) *weir.Provider[int] {
						if bad {
							leave()
						}
						return weir.NewProvider(func(weir.Ref) int { return factor * n })
					})
				}
				c := newContainer(t, with(10))
				s := weir.Listen(c, f.Of(1), nil)
				require.Equal(t, 10, s.Read())
				bad = true
				await(t, "the update", async(t, func() { _ = recovered(func() { c.UpdateOverrides(with(100)) }) }))
				await(t, "a new member", async(t, func() { _ = recovered(func() { weir.Read(c, f.Of(2)) }) }))
				bad = false
				within(t, "a Read afterwards", func() { require.Contains(t, []int{10, 100}, weir.Read(c, f.Of(1))) })
				c.UpdateOverrides(with(1000))
				require.Equal(t, 1000, s.Read())
				require.Equal(t, 2000, weir.Read(c, f.Of(2)))
				s.Close()
				usable(t, c)
			})
		})
	}
}

func TestObserversMayUseTheContainer(t *testing.T) {
	eachAutoKind(t, func(t *testing.T, k scenarioKind) {
		var l trace
		n := scenarioNumber(0)
		var c *weir.Container
		use := func(ev weir.Event, what string) {
			if ev.Provider == n {
				return
			}
			l.add("%s", what)
			if !ev.Container.Exists(n) {
				weir.Read(c, n)
			}
			n.Update(c, func(v int) int { return v + 1 })
			_ = c.Snapshot()
			weir.Listen(c, n, nil).Close()
		}
		o := &weir.Observer{
			ProviderAdded:   func(ev weir.ProviderAddedEvent) { use(ev.Event, "added") },
			BuildStarted:    func(ev weir.BuildStartedEvent) { use(ev.Event, "started") },
			BuildEnded:      func(ev weir.BuildEndedEvent) { use(ev.Event, "ended") },
			Updated:         func(ev weir.UpdatedEvent) { use(ev.Event, "updated") },
			Failed:          func(ev weir.FailedEvent) { use(ev.Event, "failed") },
			Cancelled:       func(ev weir.CancelledEvent) { use(ev.Event, "cancelled") },
			Resumed:         func(ev weir.ResumedEvent) { use(ev.Event, "resumed") },
			Disposed:        func(ev weir.DisposedEvent) { use(ev.Event, "disposed") },
			ListenerAdded:   func(ev weir.ListenerAddedEvent) { use(ev.Event, "+listener") },
			ListenerRemoved: func(ev weir.ListenerRemovedEvent) { use(ev.Event, "-listener") },
			ContainerClosed: func(ev weir.ContainerClosedEvent) { l.add("closed"); ev.Container.Close() },
		}
		c = newContainer(t, weir.WithObserver(o))
		p := k.make(func(weir.Ref) int { laterIfAsync(k); return 1 })
		for range 2 {
			within(t, "all of a life", func() {
				s := p.listen(c)
				time.Sleep(10 * time.Millisecond)
				s.Close()
				s = p.listen(c)
				c.Invalidate(p.id)
				time.Sleep(10 * time.Millisecond)
				s.Close()
			})
			gone()
		}
		got := l.take()
		for _, what := range []string{"added", "started", "ended", "cancelled", "resumed", "disposed", "+listener", "-listener"} {
			require.Contains(t, got, what)
		}
		require.Greater(t, weir.Read(c, n), 0)
		within(t, "Close", c.Close)
		require.Contains(t, l.take(), "closed")
	})
}

func TestS4AChainOfAThousandContainers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := scenarioNumber(0, weir.Scoped())
		root := newContainer(t)
		c := root
		for i := range 1000 {
			var opts []weir.ContainerOption
			if i%100 == 0 {
				opts = append(opts, d.OverrideWithValue(i))
			}
			c = child(c, opts...)
		}
		require.Equal(t, 900, weir.Read(c, d))
		root.Close()
		require.Error(t, c.Context().Err())
	})
}

func TestS3AChildThatClosesItsParentFromItsBuild(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		var l trace
		p := k.make(func(weir.Ref) int { return 0 }, weir.Scoped())
		root := newContainer(t)
		c := child(root, p.overrideWith(func(ref weir.Ref) (int, error) {
			ref.OnDispose(l.on("dispose"))
			root.Close()
			l.add("closed")
			return 1, nil
		}))
		within(t, "the Read", func() { _ = p.err(c); settle() })
		within(t, "Shutdown", func() { require.NoError(t, root.Shutdown(t.Context())) })
		l.wantSet(t, "once each", "closed", "dispose")
		require.Error(t, c.Context().Err())
	})
}

func TestS3TheContextOfAChildEndsTheChildAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		d := scenarioNumber(1, weir.Scoped())
		root := newContainer(t)
		c := child(root, weir.WithContext(ctx), d.OverrideWithValue(2))
		require.Equal(t, 2, weir.Read(c, d))
		cancel()
		settle()
		require.ErrorIs(t, context.Cause(c.Context()), weir.ErrContainerClosed)
		d.Set(c, 7)
		require.Equal(t, 2, weir.Read(c, d))
		require.NoError(t, root.Context().Err())
		usable(t, root)
	})
}

func TestE4NilObserversAndPolicies(t *testing.T) {
	misuse(t, "a nil observer", func() { weir.WithObserver(nil) }, "WithObserver")
	misuse(t, "a nil option", func() { weir.NewContainer(nil) })
	c := newContainer(t, weir.WithObserver(&weir.Observer{})) // one that wants nothing
	usable(t, c)
	require.NotPanics(t, func() { newContainer(t, weir.WithObserver(weir.LogObserver(nil))).Close() })
}
