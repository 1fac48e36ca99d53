package weir_test

// OnDispose hooks that read, Resolve, write and panic while others wait for them (E4, E3, P7, L5): a hook that waits for itself is misuse,
// told at its own call and to nobody else, and never a hang.

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestE4AnAwaitThatBeginsToWaitClosesTheRing(t *testing.T) {
	// f waits for the hook of a, the hook waits for the build of b, and then b Awaits, or Resolves, f. Planted bug: look for hooks that wait
	// for themselves when a hook begins to wait, but not when an Await does.
	for verb, wait := range map[string]func(ref weir.Ref, f *weir.FutureProvider[int]) (int, error){
		"Await": func(ref weir.Ref, f *weir.FutureProvider[int]) (int, error) { return weir.Await(ref, f) },
		"Resolve": func(ref weir.Ref, f *weir.FutureProvider[int]) (int, error) {
			return weir.Resolve(context.Background(), ref, f)
		},
	} {
		t.Run(verb, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, told := toldContainer(t)
				var b *weir.FutureProvider[int]
				builds := 0
				a := weir.NewProvider(func(ref weir.Ref) int {
					if builds++; builds == 1 {
						ref.OnDispose(func() { weir.Read(c, b) })
					}
					return builds
				}, weir.Name("a"))
				f := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) { return weir.Watch(ref, a), nil })
				release := make(chan struct{})
				b = weir.NewTryProvider(func(ref weir.Ref) (int, error) {
					<-release
					return wait(ref, f)
				}, weir.Name("b"))
				weir.Read(c, a)
				reader := async(t, func() { isData(t, 2, weir.Read(c, b)) })
				settle()
				hook := async(t, func() { c.Invalidate(a) }) // its hook waits for b
				settle()
				weir.Read(c, f) // waits for the hook
				settle()
				close(release)
				await(t, "the hook", hook)
				await(t, "the reader", reader)
				all := told.take()
				require.Len(t, all, 1)
				isUsage(t, "the hook", all[0], "b")
				usable(t, c)
			})
		})
	}
}

func TestE4AnOnDisposeHookThatResolvesWhatWaitsForIt(t *testing.T) {
	// Planted bug: a hook that Resolves is not known to wait.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var f *weir.FutureProvider[int]
		var err error
		builds := 0
		a := weir.NewProvider(func(ref weir.Ref) int {
			if builds++; builds == 1 {
				ref.OnDispose(func() { _, err = weir.Resolve(context.Background(), c, f) })
			}
			return builds
		})
		f = weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) { return weir.Watch(ref, a), nil }, weir.Name("f"))
		weir.Read(c, a)
		within(t, "Invalidate", func() { c.Invalidate(a) })
		isUsage(t, "the Resolve of the hook", err, "f")
		v, err := weir.Resolve(t.Context(), c, f)
		require.NoError(t, err)
		require.Equal(t, 2, v)
	})
}

func TestE4OneStuckHookIsFoundWhileAnotherResolves(t *testing.T) {
	// Two goroutines run hooks: one Resolves what waits for the hook of the other, which reads what waits for the first. Planted bug: as
	// long as one of them is not known to wait the search hopes for it.
	bubble(t, func(t *testing.T) {
		c, told := toldContainer(t)
		var fb *weir.FutureProvider[int]
		var xa *weir.Provider[int]
		builds := 0
		hooks := make(chan struct{})
		a := weir.NewProvider(func(ref weir.Ref) int {
			if builds++; builds <= 2 {
				ref.OnDispose(func() { <-hooks; _, _ = weir.Resolve(context.Background(), c, fb) })
			}
			return 1
		}, weir.Name("a"))
		b := weir.NewProvider(func(ref weir.Ref) int {
			if builds++; builds <= 2 {
				ref.OnDispose(func() { <-hooks; weir.Read(c, xa) })
			}
			return 2
		}, weir.Name("b"))
		xa = weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, a) }, weir.Name("xa"))
		fb = weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) { return weir.Watch(ref, b), nil }, weir.Name("fb"))
		weir.Read(c, a)
		weir.Read(c, b)
		endA, endB := async(t, func() { c.Invalidate(a) }), async(t, func() { c.Invalidate(b) })
		settle()
		close(hooks)
		await(t, "one end", endA)
		await(t, "the other end", endB)
		told.take() // of the reading hook, if it is the one that was given up
		require.Equal(t, 1, weir.Read(c, xa))
		v, err := weir.Resolve(t.Context(), c, fb)
		require.NoError(t, err)
		require.Equal(t, 2, v)
	})
}

func TestE4AnOnDisposeHookThatReadsACold20000LongChain(t *testing.T) {
	// The chain that ends in the hook's own element is built on more than one stack. Planted bug: the second goroutine does not know that it
	// works for a hook.
	const length = 20_005
	guard(t, func(t *testing.T) {
		c, told := toldContainer(t)
		var far weir.Source[int]
		builds := 0
		a := weir.NewProvider(func(ref weir.Ref) int {
			if builds++; builds == 1 {
				ref.OnDispose(func() { weir.Read(c, far) })
			}
			return builds
		}, weir.Name("a"))
		far = a
		for range length {
			below := far
			far = weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, below) })
		}
		weir.Read(c, a)
		within(t, "Invalidate", func() { c.Invalidate(a) })
		all := told.take()
		require.Len(t, all, 1)
		isUsage(t, "the hook", all[0], "a")
		require.Equal(t, 2, weir.Read(c, a))
	})
}

func TestE4TheMisuseOfAHookIsItsOwn(t *testing.T) {
	// The hook of a reads the cold b, whose build watches a: the hook is told. Planted bug: b keeps the hook's misuse as its own failure, and
	// is no dependent of a: it fails for ever.
	for _, recovers := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			c, told := toldContainer(t)
			var b, over *weir.Provider[int]
			var got any
			builds := 0
			a := weir.NewProvider(func(ref weir.Ref) int {
				if builds++; builds == 1 {
					ref.OnDispose(func() {
						if recovers {
							defer func() { got = recover() }()
						}
						weir.Read(c, over)
					})
				}
				return builds
			}, weir.Name("a"))
			b = weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, a) })
			over = weir.NewProvider(func(ref weir.Ref) int { return 10 * weir.Watch(ref, b) })
			weir.Read(c, a)
			c.Invalidate(a)
			if recovers {
				isUsage(t, "the hook", asError(got), "a")
				require.Empty(t, told.take())
			} else {
				all := told.take()
				require.Len(t, all, 1)
				isUsage(t, "the hook", all[0], "a")
			}
			require.Equal(t, 2, weir.Read(c, b))
			require.Equal(t, 20, weir.Read(c, over))
			c.Invalidate(a)
			require.Equal(t, 30, weir.Read(c, over))
		})
	}
}

func TestP7AWriteInAnOnDisposeHookRunsNoTurnThere(t *testing.T) {
	// The hook of a writes n outside a turn; x, which has a listener, watches n and then a. Planted bug: the turn of that write is run
	// inside the hook, and x, built in it, waits for the hook: misuse, kept by x, which has done nothing wrong.
	for what, end := range map[string]func(c *weir.Container, a *weir.Provider[int], cause *weir.StateProvider[int]){
		"Invalidate":     func(c *weir.Container, a *weir.Provider[int], _ *weir.StateProvider[int]) { c.Invalidate(a) },
		"Refresh":        func(c *weir.Container, a *weir.Provider[int], _ *weir.StateProvider[int]) { weir.Refresh(c, a) },
		"its dependency": func(c *weir.Container, _ *weir.Provider[int], cause *weir.StateProvider[int]) { cause.Set(c, 1) },
		"Batch": func(c *weir.Container, _ *weir.Provider[int], cause *weir.StateProvider[int]) {
			c.Batch(func(tx *weir.Tx) { cause.Set(tx, 1) })
		},
		"InvalidateReload": func(c *weir.Container, a *weir.Provider[int], _ *weir.StateProvider[int]) { c.InvalidateAsReload(a) },
	} {
		t.Run(what, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newContainer(t)
				n, cause := listenState(0), listenState(0)
				builds := 0
				a := weir.NewProvider(func(ref weir.Ref) int {
					weir.Watch(ref, cause)
					if builds++; builds == 1 {
						ref.OnDispose(func() { n.Set(c, 1) })
					}
					return builds
				})
				x := weir.NewProvider(func(ref weir.Ref) int { return 100*weir.Watch(ref, n) + weir.Watch(ref, a) })
				var heard []int
				var errs []error
				weir.Listen(c, x, func(_, v int) { heard = append(heard, v) }, weir.OnError(func(err error) { errs = append(errs, err) }))
				within(t, what, func() { end(c, a, cause) })
				flush(t, c)
				require.Empty(t, errs)
				require.NotEmpty(t, heard)
				require.Equal(t, 102, heard[len(heard)-1])
				require.Equal(t, 102, weir.Read(c, x))
			})
		})
	}
}

// ---- panics and Shutdown

func TestE3APanicHandlerMayReadWhatItIsToldOf(t *testing.T) {
	// A hook panics; the handler reads its element, and one that watches it. Planted bug: tell the handler while the element waits for its
	// hooks, the telling among them.
	bubble(t, func(t *testing.T) {
		var c *weir.Container
		var a, over *weir.Provider[int]
		var got []int
		c = bareContainer(t, weir.WithPanicHandler(func(*weir.PanicError) { got = append(got, weir.Read(c, a), weir.Read(c, over)) }))
		var log trace
		builds := 0
		a = weir.NewProvider(func(ref weir.Ref) int {
			if builds++; builds == 1 {
				ref.OnDispose(log.on("first"))
				ref.OnDispose(func() { panic(errBoom) })
				ref.OnDispose(log.on("last"))
			}
			return builds
		})
		over = weir.NewProvider(func(ref weir.Ref) int { return 10 * weir.Watch(ref, a) })
		weir.Read(c, over)
		within(t, "Invalidate", func() { c.Invalidate(a) })
		require.Equal(t, []int{2, 20}, got)
		log.want(t, "the other hooks ran", "last", "first")
	})
}

func TestG12ShutdownWaitsForTheHooksOfABuildThatOutlivesClose(t *testing.T) {
	// A synchronous build is running when its container closes: its hooks run when the function has returned. Planted bug: the build counts
	// as at rest before its hooks are seen to: Shutdown returns beside them, without their errors.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		build, hook := make(chan struct{}), make(chan struct{})
		p := weir.NewProvider(func(ref weir.Ref) int {
			ref.OnDisposeErr(func() error { <-hook; return errBoom })
			<-build
			return 1
		})
		reader := async(t, func() { _ = recovered(func() { weir.Read(c, p) }) })
		settle()
		var err error
		shutdown := async(t, func() { err = c.Shutdown(t.Context()) })
		settle()
		close(build)
		settle()
		select {
		case <-shutdown:
			t.Error("Shutdown has returned although an OnDispose hook is running")
		default:
		}
		close(hook)
		await(t, "Shutdown", shutdown)
		await(t, "the reader", reader)
		require.ErrorIs(t, err, errBoom)
	})
}
