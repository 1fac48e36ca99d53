package weir_test

// Waits for asynchronous results that lie in the way of a turn (A3, G11): what is waited for gets on although the turn does not, and a
// goroutine that ends while it waits leaves nothing behind (E3, L1, E2).

import (
	"context"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestA3AnAwaitInATurnIsWokenAlthoughItsSourceIsQueued(t *testing.T) {
	// A turn is busy in a listener when f is invalidated: f is queued. The listener reads a Try whose Await brings f up to date itself, and
	// then f is invalidated again. Planted bug: wake those who Await only when their source is put into the queue: it is there already, and
	// the turn, which alone takes it out, is what waits.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		n := listenState(0)
		builds := 0
		f := weir.NewFutureProvider(func(ctx context.Context, _ weir.Ref) (int, error) {
			if builds++; builds < 3 {
				<-ctx.Done()
				return 0, context.Cause(ctx)
			}
			return 3, nil
		})
		e := weir.NewTryProvider(func(ref weir.Ref) (int, error) { return weir.Await(ref, f) })
		weir.Listen(c, f, nil)
		release := make(chan struct{})
		weir.Listen(c, n, func(int, int) {
			<-release
			isData(t, 3, weir.Read(c, e))
		})
		set := async(t, func() { n.Set(c, 1) })
		settle()
		c.Invalidate(f)
		close(release)
		settle()
		require.Equal(t, 2, builds, "the Await has begun the second")
		c.Invalidate(f)
		await(t, "the turn whose listener reads what Awaits", set)
		require.Equal(t, 3, builds)
	})
}

func TestA3AResolveInATurnGetsTheNewestBuild(t *testing.T) {
	// A listener, a hook or a build of the turn Resolves f; while it waits f is outdated. Planted bug: only the turn begins the build of
	// what has a listener, and the turn waits for it.
	for how, outdate := range map[string]func(c *weir.Container, n *weir.StateProvider[int], f *weir.FutureProvider[int]){
		"invalidated":          func(c *weir.Container, _ *weir.StateProvider[int], f *weir.FutureProvider[int]) { c.Invalidate(f) },
		"a dependency changed": func(c *weir.Container, n *weir.StateProvider[int], _ *weir.FutureProvider[int]) { n.Set(c, 2) },
	} {
		for _, who := range []string{"a listener", "a hook", "a build"} {
			t.Run(how+", "+who, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					c := newContainer(t)
					n, of := listenState(0), listenState(0)
					builds := 0
					f := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
						weir.Watch(ref, of)
						if builds++; builds == 1 {
							<-ctx.Done()
							return 0, context.Cause(ctx)
						}
						return 7, nil
					})
					got := 0
					resolve := func() { got, _ = weir.Resolve(t.Context(), c, f) }
					hooked := weir.NewStateProvider(func(ref weir.Ref) int { ref.OnAddListener(resolve); return 0 })
					derived := weir.NewProvider(func(ref weir.Ref) int {
						v := weir.Watch(ref, n)
						if v == 1 {
							resolve()
						}
						return v
					})
					var turn <-chan struct{}
					switch who {
					case "a listener":
						weir.Listen(c, n, func(int, int) { resolve() })
					case "a hook":
						weir.Read(c, hooked)
					case "a build":
						weir.Listen(c, derived, nil)
					}
					turn = async(t, func() {
						if who == "a hook" {
							weir.Listen(c, hooked, nil)
							return
						}
						n.Set(c, 1)
					})
					settle()
					require.Zero(t, got)
					outdate(c, of, f)
					await(t, "the turn that waits", turn)
					require.Equal(t, 7, got)
				})
			})
		}
	}
}

func TestG11ATurnOnBehalfOfABuildMayWaitForThatBuild(t *testing.T) {
	// The function of an asynchronous build writes; the turn of that write reaches something that waits for the result of that very
	// function. Planted bug: run the turn on the goroutine of the build.
	for who, listen := range map[string]func(c *weir.Container, n *weir.StateProvider[int], f *weir.FutureProvider[int]){
		"a Try that Awaits": func(c *weir.Container, n *weir.StateProvider[int], f *weir.FutureProvider[int]) {
			weir.Listen(c, weir.NewTryProvider(func(ref weir.Ref) (int, error) {
				if weir.Watch(ref, n) == 0 {
					return 0, nil
				}
				return weir.Await(ref, f)
			}), nil)
		},
		"a listener that Resolves": func(c *weir.Container, n *weir.StateProvider[int], f *weir.FutureProvider[int]) {
			weir.Listen(c, n, func(int, int) { _, _ = weir.Resolve(context.Background(), c, f) })
		},
		"a build that Resolves": func(c *weir.Container, n *weir.StateProvider[int], f *weir.FutureProvider[int]) {
			weir.Listen(c, weir.NewProvider(func(ref weir.Ref) int {
				v := weir.Watch(ref, n)
				if v == 1 {
					v, _ = weir.Resolve(context.Background(), ref, f)
				}
				return v
			}), nil)
		},
	} {
		for what, call := range map[string]func(c *weir.Container, ref weir.Ref, n *weir.StateProvider[int]){
			"Set":                       func(_ *weir.Container, ref weir.Ref, n *weir.StateProvider[int]) { n.Set(ref, 1) },
			"Set through the container": func(c *weir.Container, _ weir.Ref, n *weir.StateProvider[int]) { n.Set(c, 1) },
			"Batch": func(c *weir.Container, _ weir.Ref, n *weir.StateProvider[int]) {
				c.Batch(func(tx *weir.Tx) { n.Set(tx, 1) })
			},
		} {
			t.Run(who+", "+what, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					c := newContainer(t)
					n := listenState(0)
					f := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) { call(c, ref, n); return 7, nil })
					listen(c, n, f)
					within(t, "Resolve", func() {
						v, err := weir.Resolve(t.Context(), c, f)
						require.NoError(t, err)
						require.Equal(t, 7, v)
					})
					usable(t, c)
				})
			})
		}
	}
}

func TestG11AnEmitOfAProducerRunsNoTurnThatItsBuildMustWaitFor(t *testing.T) {
	// A listener of a stream invalidates and Resolves it; the next build waits for the function of the last (C5), and that for the emit whose
	// turn calls the listener. Planted bug: only a call on the very goroutine of the build has its turn run elsewhere.
	for who, run := range map[string]func(produce func()){
		"the build itself": func(produce func()) { produce() },
		"its producer":     func(produce func()) { <-async(t, produce) },
	} {
		t.Run(who, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newContainer(t)
				builds := 0
				f := weir.NewStreamProvider(func(_ context.Context, _ weir.Ref, emit func(int) bool) error {
					builds++
					v := builds
					run(func() { emit(v) })
					return nil
				})
				got := 0
				weir.Listen(c, f, func(_, v weir.AsyncValue[int]) {
					if v.ValueOr(0) == 1 && !v.IsLoading() {
						c.Invalidate(f)
						got, _ = weir.Resolve(context.Background(), c, f)
					}
				})
				pass(patience)
				require.Equal(t, 2, got)
			})
		})
	}
}

func TestS1AChildsTurnIsNotRunInsideABuildOfTheRoot(t *testing.T) {
	// The build of p writes what q in a child watches, and q watches p. Planted bug: look for builds on the stack only if they are the child's
	// own: q's build waits for p's, below it on the same stack.
	for who, run := range map[string]func(c *weir.Container, n *weir.StateProvider[int], p *weir.Provider[int]){
		"a turn": func(c *weir.Container, n *weir.StateProvider[int], p *weir.Provider[int]) {
			weir.Listen(c, p, nil)
			n.Set(c, 1)
		},
		"a reader": func(c *weir.Container, n *weir.StateProvider[int], p *weir.Provider[int]) {
			weir.Read(c, p)
			n.Set(c, 1)
			weir.Read(c, p)
		},
	} {
		t.Run(who, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				root := newContainer(t)
				n, m := listenState(0), listenState(0)
				p := weir.NewProvider(func(ref weir.Ref) int {
					v := weir.Watch(ref, n)
					if v == 1 {
						m.Set(root, 1)
					}
					return v
				})
				tenant := weir.NewProvider(one, weir.Scoped())
				q := weir.NewProvider(func(ref weir.Ref) int {
					if weir.Watch(ref, m) == 0 {
						return 0
					}
					return weir.Watch(ref, tenant) + weir.Watch(ref, p)
				}, weir.Scoped(tenant))
				child := newContainer(t, weir.WithParent(root), tenant.OverrideWithValue(10))
				heard := 0
				weir.Listen(child, q, func(_, v int) { heard = v })
				within(t, who, func() { run(root, n, p) })
				require.Equal(t, 11, heard)
			})
		})
	}
}

// ---- Goexit beside a wait

func TestE3AGoexitInATurnEndsNoBuildThatSetItOff(t *testing.T) {
	// What a build does sets off a turn, in which a listener or hook ends its goroutine. Planted bug: the turn is run by the goroutine of
	// the build, which fails for it.
	for name, build := range map[string]func(ref weir.Ref, n *weir.StateProvider[int], src *weir.FutureProvider[int]) (int, error){
		"a write": func(ref weir.Ref, n *weir.StateProvider[int], _ *weir.FutureProvider[int]) (int, error) {
			n.Set(ref, 1)
			return 7, nil
		},
		"an Await": func(ref weir.Ref, _ *weir.StateProvider[int], src *weir.FutureProvider[int]) (int, error) {
			return weir.Await(ref, src)
		},
		"a Resolve": func(ref weir.Ref, _ *weir.StateProvider[int], src *weir.FutureProvider[int]) (int, error) {
			return weir.Resolve(ref.Context(), ref, src)
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, told := toldContainer(t)
				n := listenState(0)
				release := make(chan struct{})
				src := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
					ref.OnAddListener(runtime.Goexit)
					<-release
					return 7, nil
				})
				weir.Listen(c, n, func(int, int) { runtime.Goexit() })
				weir.Read(c, src)
				settle()
				e := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) { return build(ref, n, src) })
				var v int
				var err error
				resolve := async(t, func() { v, err = weir.Resolve(t.Context(), c, e) })
				settle()
				close(release)
				await(t, "Resolve", resolve)
				require.NoError(t, err)
				require.Equal(t, 7, v)
				require.NotEmpty(t, told.take(), "somebody called Goexit")
				usable(t, c)
			})
		})
	}
}

func TestL1AResolveWhoseGoroutineEndsIsNoListener(t *testing.T) {
	// A Resolve runs the turn that its own arrival sets off, and a hook in it ends the goroutine. Planted bug: nobody takes the wait off
	// again: the source counts as active for ever.
	bubble(t, func(t *testing.T) {
		c, _ := toldContainer(t)
		var log trace
		src := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
			ref.OnAddListener(runtime.Goexit)
			ref.OnCancel(log.on("cancel"))
			ref.OnDispose(log.on("dispose"))
			<-ctx.Done()
			return 0, context.Cause(ctx)
		}, weir.AutoDispose(), weir.Name("src"))
		s := weir.Listen(c, src, nil)
		settle()
		returned := false
		<-async(t, func() { _, _ = weir.Resolve(t.Context(), c, src); returned = true })
		require.False(t, returned)
		settle()
		require.Equal(t, 1, info(t, c, "src").Listeners)
		s.Close()
		gone()
		log.want(t, "the listener left", "cancel", "dispose")
		require.Zero(t, elements(c))
	})
}

func TestE2AnAwaitThatHasEndedIsInNoCycle(t *testing.T) {
	// e waits for src until both are invalidated; then src waits for e, which does not wait any more. Planted bug: the wait of the build that
	// is over counts until its goroutine has noticed: a cycle that is none, and is kept.
	bubble(t, func(t *testing.T) {
		for range 100 {
			c := newContainer(t)
			var e *weir.FutureProvider[int]
			eBuilds, srcBuilds := 0, 0
			src := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
				if srcBuilds++; srcBuilds > 1 {
					return weir.Await(ref, e)
				}
				<-ctx.Done()
				return 0, context.Cause(ctx)
			})
			e = weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
				if eBuilds++; eBuilds == 1 {
					return weir.Await(ref, src)
				}
				return 5, nil
			})
			weir.Listen(c, src, nil)
			weir.Read(c, e)
			settle()
			c.Invalidate(e, src)
			v, err := weir.Resolve(t.Context(), c, src)
			require.NoError(t, err)
			require.Equal(t, 5, v)
		}
	})
}
