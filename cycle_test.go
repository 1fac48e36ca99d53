package weir_test

// Rule E2 and D15: a cycle is a *CycleError with the names on it, never a hang or a stack overflow, however it is entered: by one
// goroutine or by several, by a Watch, a Read or an Await, through a Ref or through a context derived from a build's.

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestE2ACycleOfOne(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		c, _ := toldContainer(t)
		var p rig
		p = k.make(func(ref weir.Ref) int { return p.watch(ref) }, weir.Name("self"))
		_ = p.err(c)
		settle()
		isCycle(t, "a provider that watches itself", p.err(c), p.id.Name())
		usable(t, c)
	})
}

func TestE2CyclesOfTwoAndAThousand(t *testing.T) {
	// Entered anywhere, the path has every name on it; no stack overflow on the way, and a listener does not hang either.
	for _, n := range []int{2, 3, 1000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			for _, k := range kinds {
				if n == 1000 && k.async {
					continue // each link is a goroutine that waits for nobody: nothing new
				}
				t.Run(k.name, func(t *testing.T) {
					bubble(t, func(t *testing.T) {
						c, _ := toldContainer(t)
						ring := make([]rig, n)
						var builds atomic.Int32
						for i := range ring {
							ring[i] = k.make(func(ref weir.Ref) int {
								if builds.Add(1) == int32(20*n) {
									t.Errorf("the ring was built twenty times over: its members rebuild one another for ever")
								}
								if builds.Load() >= int32(20*n) {
									return 0 // so that the test ends
								}
								return ring[(i+1)%n].watch(ref)
							}, weir.Name(fmt.Sprint("p", i)))
						}
						_ = ring[n/2].err(c)
						settle()
						if k.async {
							// Nobody waits in this ring: whoever closes it learns of it, the others see a failed source.
							found := false
							for _, r := range ring {
								found = found || isCycleError(r.err(c))
							}
							require.True(t, found, "nobody found the cycle")
						} else {
							var names []string
							for _, r := range ring {
								names = append(names, r.id.Name())
							}
							if k.raises {
								isCycle(t, "the one that was read", ring[n/2].err(c), names...)
								isCycle(t, "another one", ring[0].err(c), names...)
							} else {
								found := false
								for _, r := range ring {
									found = found || isCycleError(r.err(c))
								}
								require.True(t, found, "nobody found the cycle")
							}
						}
						ring[0].listen(c).Close()
						usable(t, c)
					})
				})
			}
		})
	}
}

// entries are the ways into another provider that make a dependency or a wait, inside a build of an async or Try kind.
var entries = map[string]func(ctx context.Context, ref weir.Ref, p *weir.FutureProvider[int]) (int, error){
	"Await": func(_ context.Context, ref weir.Ref, p *weir.FutureProvider[int]) (int, error) {
		return weir.Await(ref, p)
	},
	"Await of a selection": func(_ context.Context, ref weir.Ref, p *weir.FutureProvider[int]) (int, error) {
		return weir.Await(ref, weir.SelectAsync(p, func(v int) int { return v }))
	},
	"Await on another goroutine": func(_ context.Context, ref weir.Ref, p *weir.FutureProvider[int]) (v int, err error) {
		var wg sync.WaitGroup
		wg.Go(func() { v, err = weir.Await(ref, p) })
		wg.Wait()
		return v, err
	},
	"Resolve through the ref": func(ctx context.Context, ref weir.Ref, p *weir.FutureProvider[int]) (int, error) {
		return weir.Resolve(ctx, ref, p)
	},
	"Resolve through the ref under a foreign context": func(_ context.Context, ref weir.Ref, p *weir.FutureProvider[int]) (int, error) {
		return weir.Resolve(context.Background(), ref, p)
	},
	"Resolve under the build's context": func(ctx context.Context, ref weir.Ref, p *weir.FutureProvider[int]) (int, error) {
		return weir.Resolve(ctx, ref.Container(), p)
	},
	"Resolve under a derived context": func(ctx context.Context, ref weir.Ref, p *weir.FutureProvider[int]) (int, error) {
		ctx, cancel := context.WithTimeout(context.WithValue(ctx, ctxKey("k"), "v"), time.Hour)
		defer cancel()
		return weir.Resolve(ctx, ref.Container(), p)
	},
	"Results through the ref": func(_ context.Context, ref weir.Ref, p *weir.FutureProvider[int]) (int, error) {
		for v, err := range weir.Results(context.Background(), ref, p) {
			return v, err
		}
		return 0, errBoom
	},
	"Results under a derived context": func(ctx context.Context, ref weir.Ref, p *weir.FutureProvider[int]) (int, error) {
		ctx, cancel := context.WithTimeout(ctx, time.Hour)
		defer cancel()
		for v, err := range weir.Results(ctx, ref.Container(), p) {
			return v, err
		}
		return 0, errBoom
	},
	"Values of a selection": func(ctx context.Context, ref weir.Ref, p *weir.FutureProvider[int]) (int, error) {
		for v := range weir.Values(ctx, ref, weir.Select(p, func(v weir.AsyncValue[int]) weir.AsyncValue[int] { return v })) {
			if !v.IsLoading() {
				return v.Result()
			}
		}
		return 0, errBoom
	},
}

func TestE2WaitsThatMakeACycle(t *testing.T) {
	// Rings of one, two and five, of futures and of Try providers, whose links wait for one another. Under fake time a hang would end
	// as an hour's timeout or as a deadlock.
	for name, enter := range entries {
		for _, n := range []int{1, 2, 5} {
			for _, kind := range []string{"future", "try", "mixed"} {
				t.Run(fmt.Sprintf("%s/%d/%s", name, n, kind), func(t *testing.T) {
					bubble(t, func(t *testing.T) {
						c, _ := toldContainer(t)
						ring := make([]*weir.FutureProvider[int], n)
						for i := range ring {
							next := func(ctx context.Context, ref weir.Ref) (int, error) { return enter(ctx, ref, ring[(i+1)%n]) }
							if kind == "try" || kind == "mixed" && i%2 == 1 {
								ring[i] = weir.NewTryProvider(func(ref weir.Ref) (int, error) { return next(ref.Context(), ref) }, weir.Name(fmt.Sprint("p", i)))
							} else {
								ring[i] = weir.NewFutureProvider(next, weir.Name(fmt.Sprint("p", i)))
							}
						}
						start := time.Now()
						_, err := weir.Resolve(t.Context(), c, ring[0])
						isCycle(t, "the first", err, "p0")
						for _, p := range ring {
							_, err := weir.Resolve(t.Context(), c, p)
							isCycle(t, p.Name(), err, "p0")
						}
						require.Zero(t, time.Since(start), "found at once")
						usable(t, c)
					})
				})
			}
		}
	}
}

func TestE2SyncBuildsEnteredFromOppositeEnds(t *testing.T) {
	// Every provider of the ring is building, each on a goroutine of its own, before any of them watches the next: nobody re-enters
	// anything, each only waits for another. Catches a check that looks at one goroutine's own stack; without the check of who waits
	// for whom this hangs.
	for _, n := range []int{2, 3, 8} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			guard(t, func(t *testing.T) {
				for range 20 {
					c, _ := toldContainer(t)
					var all sync.WaitGroup
					all.Add(n)
					var rounds atomic.Int32
					ring := make([]*weir.Provider[int], n)
					for i := range ring {
						var once sync.Once
						ring[i] = weir.NewProvider(func(ref weir.Ref) int {
							rounds.Add(1)
							once.Do(func() { all.Done(); all.Wait() })
							return weir.Watch(ref, ring[(i+1)%n])
						}, weir.Name(fmt.Sprint("p", i)))
					}
					errs := make(chan error, n)
					for _, p := range ring {
						go func() { errs <- asError(recovered(func() { weir.Read(c, p) })) }()
					}
					for range ring {
						isCycle(t, "a reader of the ring", await(t, "a reader of the ring", errs), "p0", fmt.Sprint("p", n-1))
					}
					usable(t, c)
				}
			})
		})
	}
}

func TestE2WaitsEnteredFromOppositeEnds(t *testing.T) {
	// The same with an Await or a Resolve: the goroutines are the builds' own.
	for name, enter := range entries {
		for _, kind := range []string{"future", "try"} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				guard(t, func(t *testing.T) {
					c, _ := toldContainer(t)
					const n = 2
					var all sync.WaitGroup
					all.Add(n)
					ring := make([]*weir.FutureProvider[int], n)
					for i := range ring {
						var once sync.Once
						next := func(ctx context.Context, ref weir.Ref) (int, error) {
							once.Do(func() { all.Done(); all.Wait() })
							return enter(ctx, ref, ring[(i+1)%n])
						}
						if kind == "try" {
							ring[i] = weir.NewTryProvider(func(ref weir.Ref) (int, error) { return next(ref.Context(), ref) }, weir.Name(fmt.Sprint("p", i)))
						} else {
							ring[i] = weir.NewFutureProvider(next, weir.Name(fmt.Sprint("p", i)))
						}
					}
					errs := make(chan error, n)
					for _, p := range ring {
						go func() { _, err := weir.Resolve(context.Background(), c, p); errs <- err }()
					}
					for range ring {
						isCycle(t, "a reader of the ring", await(t, "a reader of the ring", errs), "p0", "p1")
					}
					usable(t, c)
				})
			})
		}
	}
}

func TestE2ASyncAndAnAsyncBuildThatNeedEachOther(t *testing.T) {
	// The sync one does not wait for the async one, it watches its loading state; but one of the two closes the ring.
	bubble(t, func(t *testing.T) {
		c, _ := toldContainer(t)
		var f *weir.FutureProvider[int]
		p := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, f).ValueOr(0) }, weir.Name("p"))
		f = weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) { return weir.Watch(ref, p), nil }, weir.Name("f"))
		ofP := asError(recovered(func() { weir.Read(c, p) }))
		settle()
		ofF := weir.Read(c, f).Err()
		if !isCycleError(ofP) {
			isCycle(t, "the one that closed the ring", ofF, "p", "f")
		}
		usable(t, c)
	})
}

func TestE2ASyncBuildThatResolvesWhatNeedsIt(t *testing.T) {
	// Through the context of a synchronous build, made on first use: p waits for f, which waits for p's build.
	for name, scope := range map[string]func(ref weir.Ref) weir.Scope{
		"container": func(ref weir.Ref) weir.Scope { return ref.Container() },
		"ref":       func(ref weir.Ref) weir.Scope { return ref },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, _ := toldContainer(t)
				var f *weir.FutureProvider[int]
				p := weir.NewProvider(func(ref weir.Ref) int {
					v, err := weir.Resolve(context.WithoutCancel(ref.Context()), scope(ref), f)
					if err != nil {
						panic(err)
					}
					return v
				}, weir.Name("p"))
				f = weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) { return weir.Watch(ref, p), nil }, weir.Name("f"))
				isCycle(t, "the reader", asError(recovered(func() { weir.Read(c, p) })), "p", "f")
				usable(t, c)
			})
		})
	}
}

func TestE2ReadAndListenThroughARefAreChecked(t *testing.T) {
	for name, enter := range map[string]func(ref weir.Ref, p *weir.Provider[int]){
		"Read":              func(ref weir.Ref, p *weir.Provider[int]) { weir.Read(ref, p) },
		"Refresh":           func(ref weir.Ref, p *weir.Provider[int]) { weir.Refresh(ref, p) },
		"Listen":            func(ref weir.Ref, p *weir.Provider[int]) { weir.Listen(ref, p, nil) },
		"Read of selection": func(ref weir.Ref, p *weir.Provider[int]) { weir.Read(ref, weir.Select(p, plain)) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, _ := toldContainer(t)
				var a *weir.Provider[int]
				b := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, a) }, weir.Name("b"))
				a = weir.NewProvider(func(ref weir.Ref) int { enter(ref, b); return 1 }, weir.Name("a"))
				err := asError(recovered(func() { weir.Read(c, a) }))
				if name == "Listen" { // it raises nothing: the state of what it listens to says it (D14)
					require.NoError(t, err)
					err = asError(recovered(func() { weir.Read(c, b) }))
				}
				isCycle(t, name, err, "a", "b")
				usable(t, c)
			})
		})
	}
}

func TestE2FamilyMembersMayFormARing(t *testing.T) {
	// A family may watch its own members (D18): a recursion that ends is none, one that does not is a cycle of members.
	guard(t, func(t *testing.T) {
		c, _ := toldContainer(t)
		var sum, ring *weir.Family[int, weir.Provider[int]]
		sum = weir.NewFamily(func(n int) *weir.Provider[int] {
			return weir.NewProvider(func(ref weir.Ref) int {
				if n == 0 {
					return 0
				}
				return n + weir.Watch(ref, sum.Of(n-1))
			})
		})
		ring = weir.NewFamily(func(n int) *weir.Provider[int] {
			return weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, ring.Of((n+1)%7)) })
		}, weir.Name("ring"))
		require.Equal(t, 5050, weir.Read(c, sum.Of(100)))
		isCycle(t, "the ring", asError(recovered(func() { weir.Read(c, ring.Of(3)) })), "ring(0)", "ring(6)")
		usable(t, c)
	})
}

func TestD15ACycleIsKeptUntilSomethingChanges(t *testing.T) {
	// Like any failed build: not tried again by every Read, mended by a change of a dependency recorded before it, or by Invalidate.
	bubble(t, func(t *testing.T) {
		c, _ := toldContainer(t)
		turn := weir.NewStateProvider(func(weir.Ref) bool { return true })
		builds := 0
		outside := true
		var a *weir.Provider[int]
		b := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, a) }, weir.Name("b"))
		a = weir.NewProvider(func(ref weir.Ref) int {
			builds++
			if weir.Watch(ref, turn) && outside {
				return weir.Watch(ref, b)
			}
			return 1
		}, weir.Name("a"))
		read := func() error { return asError(recovered(func() { weir.Read(c, a) })) }
		isCycle(t, "a first Read", read(), "a", "b")
		before := builds
		isCycle(t, "a second Read", read(), "a", "b")
		isCycle(t, "a Read of the other", asError(recovered(func() { weir.Read(c, b) })), "a", "b")
		require.Equal(t, before, builds, "it was tried again")
		turn.Set(c, false)
		require.NoError(t, read(), "a dependency changed")
		// The other had recorded nothing before the watch that closed the ring: only Invalidate mends it.
		isCycle(t, "a Read of the other", asError(recovered(func() { weir.Read(c, b) })), "a", "b")
		c.Invalidate(b)
		require.Equal(t, 1, weir.Read(c, b))
		turn.Set(c, true)
		isCycle(t, "back again", read(), "a", "b")
		outside = false
		isCycle(t, "something that is no dependency changed", read(), "a", "b")
		c.Invalidate(a, b)
		require.NoError(t, read(), "invalidated")
		require.Equal(t, 1, weir.Read(c, b))
	})
}

func TestE2AWatchOfOneThatWaitsIsNoCycle(t *testing.T) {
	// Two that wait for a third, and a diamond of waits: none of it is a cycle. Catches a check that takes any wait for one.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		slow := weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) { time.Sleep(time.Second); return 1, nil })
		left := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) { return weir.Await(ref, slow) })
		right := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
			v, err := weir.Resolve(ctx, ref.Container(), left)
			w, _ := weir.Await(ref, slow)
			return v + w, err
		})
		top := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
			var l, r int
			var wg sync.WaitGroup
			wg.Go(func() { l, _ = weir.Await(ref, left) })
			wg.Go(func() { r, _ = weir.Await(ref, right) })
			wg.Wait()
			return l + r, nil
		})
		v, err := weir.Resolve(t.Context(), c, top)
		require.NoError(t, err)
		require.Equal(t, 3, v)
	})
}
