package weir_test

// Rules E1 and E3 for runtime.Goexit (t.FailNow in whatever the user wrote) at the points where a goroutine holds something for others: a
// walk, a turn, ends to be run, a count. Whatever it held is finished for it.

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestE1GoexitInASyncBuildLeavesNoCountBehind(t *testing.T) {
	// The caller's goroutine ends inside the build that its call made: nobody has the subscription, nobody waits. Planted bugs: leave the
	// walk's hold on the element, or the half-made listener.
	for name, verb := range map[string]func(c *weir.Container, p *weir.Provider[int], try *weir.FutureProvider[int]){
		"Read": func(c *weir.Container, p *weir.Provider[int], try *weir.FutureProvider[int]) { weir.Read(c, p) },
		"Read of a Try": func(c *weir.Container, p *weir.Provider[int], try *weir.FutureProvider[int]) {
			weir.Read(c, try)
		},
		"Listen": func(c *weir.Container, p *weir.Provider[int], try *weir.FutureProvider[int]) { weir.Listen(c, p, nil) },
		"Listen of a Try": func(c *weir.Container, p *weir.Provider[int], try *weir.FutureProvider[int]) {
			weir.Listen(c, try, nil)
		},
		"FireImmediately": func(c *weir.Container, p *weir.Provider[int], try *weir.FutureProvider[int]) {
			weir.Listen(c, p, func(int, int) {}, weir.FireImmediately())
		},
		"Values": func(c *weir.Container, p *weir.Provider[int], try *weir.FutureProvider[int]) {
			for range weir.Values(context.Background(), c, p) {
			}
		},
		"Resolve": func(c *weir.Container, p *weir.Provider[int], try *weir.FutureProvider[int]) {
			_, _ = weir.Resolve(context.Background(), c, try)
		},
		"a watch": func(c *weir.Container, p *weir.Provider[int], try *weir.FutureProvider[int]) {
			weir.Listen(c, weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, p) }, weir.AutoDispose()), nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, _ := toldContainer(t)
				p := weir.NewProvider(func(weir.Ref) int { runtime.Goexit(); return 1 }, weir.AutoDispose())
				try := weir.NewTryProvider(func(weir.Ref) (int, error) { runtime.Goexit(); return 1, nil }, weir.AutoDispose())
				returned := false
				<-async(t, func() { verb(c, p, try); returned = true })
				require.False(t, returned)
				for _, e := range c.Snapshot().Elements {
					require.Zero(t, e.Listeners, "%s has listeners", e.Name)
				}
				gone()
				require.Zero(t, elements(c))
				usable(t, c)
			})
		})
	}
}

func TestE1ATryBuildThatLeavesIsAtRest(t *testing.T) {
	// Who Resolves or Awaits it later gets the failure. Planted bug: keep it as a synchronous failure beside no value: those wait for a
	// result that never comes.
	bubble(t, func(t *testing.T) {
		c, _ := toldContainer(t)
		builds := 0
		p := weir.NewTryProvider(func(weir.Ref) (int, error) {
			if builds++; builds == 1 {
				runtime.Goexit()
			}
			return builds, nil
		})
		var pe *weir.PanicError
		<-async(t, func() { weir.Read(c, p) })
		require.ErrorAs(t, weir.Read(c, p).Err(), &pe)
		within(t, "Resolve", func() {
			_, err := weir.Resolve(t.Context(), c, p)
			require.ErrorAs(t, err, &pe)
		})
		within(t, "Await", func() {
			require.ErrorAs(t, weir.Read(c, weir.NewTryProvider(func(ref weir.Ref) (int, error) { return weir.Await(ref, p) })).Err(), &pe)
		})
		require.Equal(t, 1, builds)
		c.Invalidate(p)
		v, err := weir.Resolve(t.Context(), c, p)
		require.NoError(t, err)
		require.Equal(t, 2, v)
	})
}

func TestE1GoexitInABuildThatWasEndedRunsItsOnDispose(t *testing.T) {
	// A turn's build ends itself and leaves: its hooks are run by whoever goes on with the turn. Planted bug: the goroutine that dies takes
	// along what it has collected for after the lock: the element stays blocked by hooks that never run.
	bubble(t, func(t *testing.T) {
		c, _ := toldContainer(t)
		var log trace
		n := listenState(0)
		p := weir.NewProvider(func(ref weir.Ref) int {
			v := weir.Watch(ref, n)
			ref.OnDispose(func() { log.add("dispose%d", v) })
			if v == 1 {
				ref.InvalidateSelf()
				n.Set(c, 2)
				runtime.Goexit()
			}
			return v
		})
		var heard trace
		weir.Listen(c, p, propagationArrow[int](&heard, ""), weir.OnError(func(error) {}))
		<-async(t, func() { n.Set(c, 1) })
		settle()
		log.want(t, "both builds are over", "dispose0", "dispose1")
		require.Equal(t, 2, weir.Read(c, p))
		n.Set(c, 3)
		settle()
		got := heard.take()
		require.NotEmpty(t, got)
		require.Equal(t, "2→3", got[len(got)-1])
		usable(t, c)
	})
}

func TestE3GoexitInAnOnDisposeHookLosesNoWalk(t *testing.T) {
	// n <- m <- e <- d: bringing d up to date ends the build of e, whose hook leaves: in a turn, and on a reader's goroutine. Planted bugs:
	// the listener of d is dead, for d stays stale and out of the queue; d is held for ever by a reader that is no more; the build of e, which
	// was about to begin, is kept as failed.
	chain := func(c *weir.Container, log *trace, opts ...weir.ProviderOption) (n *weir.StateProvider[int], d *weir.Provider[int]) {
		n = listenState(0)
		m := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, n) })
		e := weir.NewProvider(func(ref weir.Ref) int {
			v := weir.Watch(ref, m)
			log.add("build%d", v)
			ref.OnDispose(log.on("other hook"))
			ref.OnDispose(func() {
				if v == 0 {
					runtime.Goexit()
				}
			})
			return v
		})
		return n, weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, e) }, opts...)
	}
	t.Run("turn", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			c, told := toldContainer(t)
			var log, heard trace
			n, d := chain(c, &log)
			weir.Listen(c, d, propagationArrow[int](&heard, ""))
			<-async(t, func() { n.Set(c, 1) })
			settle()
			heard.want(t, "the turn went on elsewhere", "0→1")
			n.Set(c, 2)
			settle()
			heard.want(t, "the next", "1→2")
			log.want(t, "e", "build0", "other hook", "build1", "other hook", "build2")
			require.Len(t, told.take(), 1)
			usable(t, c)
		})
	})
	t.Run("reader", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			c, told := toldContainer(t)
			var log trace
			n, d := chain(c, &log, weir.AutoDispose())
			weir.Read(c, d)
			n.Set(c, 1)
			<-async(t, func() { weir.Read(c, d) })
			settle()
			require.Equal(t, 1, weir.Read(c, d))
			log.want(t, "e", "build0", "other hook", "build1")
			require.Len(t, told.take(), 1)
			gone()
			require.False(t, c.Exists(d), "a reader that is no more holds it")
			usable(t, c)
		})
	})
}

func TestE3GoexitInAFirstCallLosesNoTurn(t *testing.T) {
	// FireImmediately's call ends the goroutine: the hooks have heard of the listener, who leaves again, for nobody has the subscription.
	// Planted bugs: no turn runs; the listener stays, and hears what comes.
	bubble(t, func(t *testing.T) {
		c, told := toldContainer(t)
		var log trace
		n := listenState(0)
		p := weir.NewProvider(func(ref weir.Ref) int {
			log.hooks(ref, "", true)
			return weir.Watch(ref, n)
		}, weir.AutoDispose(), weir.Name("p"))
		<-async(t, func() {
			weir.Listen(c, p, func(_, v int) { log.add("heard %d", v); runtime.Goexit() }, weir.FireImmediately())
		})
		settle()
		require.Len(t, told.take(), 1)
		log.want(t, "it came and left", "heard 0", "cancel", "add", "remove")
		require.Zero(t, info(t, c, "p").Listeners)
		n.Set(c, 1)
		gone()
		log.want(t, "nobody listens", "dispose")
		usable(t, c)
	})
}

func TestE3EqualityOfAnAsyncResultThatDoesNotReturn(t *testing.T) {
	// It compares the second result with the first, on a goroutine of the library's: the two are taken for different. Planted bugs: the
	// result is lost and the state loads for ever; the panic takes the process.
	for ending, end := range endings {
		t.Run(ending, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, told := toldContainer(t)
				builds, asked := 0, 0
				p := weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) { builds++; return builds, nil },
					weir.Equal(func(a, b int) bool { asked++; end(); return true }))
				v, err := weir.Resolve(t.Context(), c, p)
				require.NoError(t, err)
				require.Equal(t, 1, v)
				c.Invalidate(p)
				within(t, "Resolve", func() { v, err = weir.Resolve(t.Context(), c, p) })
				require.NoError(t, err)
				require.Equal(t, 2, v)
				require.Equal(t, 1, asked)
				if ending == "panic" {
					require.Equal(t, []string{"boom"}, told.values())
				}
				usable(t, c)
			})
		})
	}
}

func TestE3GoexitInAListenerHasAResultPublishedOnce(t *testing.T) {
	// The listener ends the goroutine that has published a result, not the change detection that came before it. Planted bug: publish again
	// whatever has ended the goroutine; who Awaits is built twice then.
	bubble(t, func(t *testing.T) {
		c, _ := toldContainer(t)
		listened := make(chan struct{}) // else the turn may be the second Listen's, and the test ends with the listener
		p := weir.NewFutureProvider(func(ctx context.Context, _ weir.Ref) (int, error) {
			<-listened
			return 100, nil
		})
		builds := 0
		waits := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
			builds++
			return weir.Await(ref, p)
		})
		heard := 0
		defer weir.Listen(c, p, func(_, next weir.AsyncValue[int]) {
			if heard++; next.HasValue() {
				runtime.Goexit()
			}
		}).Close()
		defer weir.Listen(c, waits, nil).Close()
		close(listened)
		synctest.Wait()
		require.Equal(t, weir.Data(100), weir.Read(c, waits))
		require.Equal(t, 1, heard)
		require.Equal(t, 1, builds)
		usable(t, c)
	})
}
