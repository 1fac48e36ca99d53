package weirtest

// This file holds the negative controls of New: each plants one thing that it is to find,
// and sees it found. What is no leak is in noleak_test.go.

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

var errBoom = errors.New("boom")

func TestFindsASubscriptionThatWasNotClosed(t *testing.T) {
	both(t, func(t *testing.T) {
		n := weir.NewStateProvider(func(weir.Ref) int { return 1 }, weir.Name("n"))
		outcome(t, func(t testing.TB) {
			weir.Listen(New(t), n, func(_, _ int) {})
			weir.Listen(New(t), n, nil).Close()
		}).failsWith(t, "n (declared at new_test.go:", "1 listener was left open", "Close each Subscription")
	})
}

func TestCountsWhatIsLeftOpenAndNamesWhere(t *testing.T) {
	both(t, func(t *testing.T) {
		page := weir.NewFamily(func(key int) *weir.FutureProvider[int] {
			return weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) { return key, nil }, weir.AutoDispose())
		}, weir.Name("page"))
		unnamed := weir.NewStateProvider(func(weir.Ref) int { return 1 })
		f := outcome(t, func(t testing.TB) {
			c := New(t)
			for range 3 {
				weir.Listen(c, page.Of(7), nil)
			}
			weir.Listen(c, unnamed, nil)
		})
		require.Len(t, f.errors, 2)
		require.Regexp(t, `^weirtest: new_test\.go:\d+: 1 listener was left open`, f.errors[0])
		require.Regexp(t, `^weirtest: page\(7\) \(declared at new_test\.go:\d+\): 3 listeners were left open`, f.errors[1])
	})
}

// What watches the leaked element's own dependencies is not the test's to close.
func TestBlamesTheElementThatIsListenedTo(t *testing.T) {
	both(t, func(t *testing.T) {
		a := weir.NewStateProvider(func(weir.Ref) int { return 1 }, weir.Name("a"))
		b := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, a) + weir.Watch(ref, a) }, weir.Name("b"))
		d := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, a) + weir.Watch(ref, b) }, weir.Name("d"), weir.AutoDispose())
		outcome(t, func(t testing.TB) {
			c := New(t)
			weir.Listen(c, d, nil)
			a.Set(c, 2)
		}).failsWith(t, "weirtest: d (")
	})
}

func TestFindsLoopsAndResolvesThatStillWait(t *testing.T) {
	both(t, func(t *testing.T) {
		n := weir.NewStateProvider(func(weir.Ref) int { return 1 }, weir.Name("n"))
		never := weir.NewFutureProvider(func(ctx context.Context, _ weir.Ref) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		}, weir.Name("never"))
		var wg sync.WaitGroup
		outcome(t, func(t testing.TB) {
			c := New(t)
			running := make(chan struct{})
			wg.Go(func() {
				for range weir.Values(context.Background(), c, n) {
					close(running)
				}
			})
			<-running
		}).failsWith(t, "weirtest: n (", "the ctx of each Values and Results loop")
		outcome(t, func(t testing.TB) {
			c := New(t)
			wg.Go(func() { _, _ = weir.Resolve(context.Background(), c, never) })
			for {
				if es := c.Snapshot().Elements; len(es) > 0 && es[0].Listeners > 0 {
					break
				}
				runtime.Gosched()
			}
		}).failsWith(t, "weirtest: never (", "of each Resolve that waits")
		wg.Wait() // the end of the container has ended them
	})
}

// In a rebuild the watches of the build before go on counting, and no snapshot lists them.
func TestFindsALeakDuringARebuild(t *testing.T) {
	both(t, func(t *testing.T) {
		a := weir.NewStateProvider(func(weir.Ref) int { return 1 }, weir.Name("a"))
		again := false
		b := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
			if again {
				<-ctx.Done()
				return 0, ctx.Err()
			}
			return weir.Watch(ref, a), nil
		}, weir.Name("b"))
		plant := func(leaks ...weir.Source[int]) func(t testing.TB) {
			return func(t testing.TB) {
				again = false
				c := New(t)
				_, err := weir.Resolve(context.Background(), c, b)
				require.NoError(t, err)
				again = true
				c.Invalidate(b)
				weir.Read(c, b)
				for _, src := range leaks {
					weir.Listen(c, src, nil)
				}
			}
		}
		outcome(t, plant()).passes(t)
		outcome(t, plant(a)).failsWith(t, "weirtest: a (", "1 listener was")
	})
}

func TestFindsLeaksInChildren(t *testing.T) {
	both(t, func(t *testing.T) {
		tenant := weir.NewStateProvider(func(weir.Ref) int { return 1 }, weir.Name("tenant"), weir.Scoped())
		shared := weir.NewStateProvider(func(weir.Ref) int { return 1 }, weir.Name("shared"))
		both := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, tenant) + weir.Watch(ref, shared) }, weir.Name("both"), weir.Scoped(tenant))
		child := func(c *weir.Container) *weir.Container {
			return weir.NewContainer(weir.WithParent(c), tenant.OverrideWith(func(weir.Ref) int { return 2 }))
		}
		outcome(t, func(t testing.TB) { weir.Listen(child(New(t)), both, nil) }).failsWith(t, "weirtest: both (")
		outcome(t, func(t testing.TB) { weir.Listen(child(New(t)), shared, nil) }).failsWith(t, "weirtest: shared (")
		outcome(t, func(t testing.TB) { // its end is the end of what was made through it
			c := New(t)
			k := child(c)
			weir.Listen(k, both, nil)
			weir.Listen(k, shared, nil)
			k.Close()
		}).passes(t)
		outcome(t, func(t testing.TB) {
			c := New(t)
			k := New(t, weir.WithParent(c), tenant.OverrideWith(func(weir.Ref) int { return 2 }))
			weir.Listen(k, both, nil)
		}).failsWith(t, "weirtest: both (")
	})
}

// Elements are told apart by what they are, not by their names: a watch of one is no excuse for a listener of another.
func TestTellsElementsOfOneNameApart(t *testing.T) {
	both(t, func(t *testing.T) {
		one := weir.NewStateProvider(func(weir.Ref) int { return 1 }, weir.Name("twin"))
		other := weir.NewStateProvider(func(weir.Ref) int { return 1 }, weir.Name("twin"))
		watches := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, one) + weir.Watch(ref, other) })
		outcome(t, func(t testing.TB) { weir.Listen(New(t), watches, nil).Close() }).passes(t)
		f := outcome(t, func(t testing.TB) {
			c := New(t)
			defer weir.Listen(c, watches, nil).Close()
			for range 2 {
				weir.Listen(c, one, nil)
			}
			weir.Listen(c, other, nil)
		})
		require.Len(t, f.errors, 2)
		require.Regexp(t, `^weirtest: twin \(declared at new_test\.go:\d+\): 2 listeners were`, f.errors[0])
		require.Regexp(t, `^weirtest: twin \(declared at new_test\.go:\d+\): 1 listener was`, f.errors[1])

		// One that the container only shares with its parent is not in its snapshot.
		scoped := weir.NewStateProvider(func(weir.Ref) int { return 1 }, weir.Name("twin"), weir.Scoped())
		local := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, scoped) + weir.Watch(ref, one) }, weir.Scoped(scoped))
		outcome(t, func(t testing.TB) {
			c := New(t, weir.WithParent(New(t)), scoped.OverrideWithValue(2))
			defer weir.Listen(c, local, nil).Close()
			weir.Listen(c, scoped, nil)
		}).failsWith(t, "weirtest: twin (declared at new_test.go:", "1 listener was")
	})
}

// The same provider is another element in each container that has an override of it: what is watched in the child is not what was
// left open in the parent. A child is looked at though nothing was ever built in it by itself.
func TestTellsElementsOfOneProviderApart(t *testing.T) {
	both(t, func(t *testing.T) {
		tenant := weir.NewStateProvider(func(weir.Ref) int { return 1 }, weir.Name("tenant"), weir.Scoped())
		watches := weir.NewFamily(func(int) *weir.Provider[int] {
			return weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, tenant) }, weir.Scoped(tenant))
		})
		plant := func(leaks ...int) func(t testing.TB) {
			return func(t testing.TB) {
				c := New(t)
				between := weir.NewContainer(weir.WithParent(c))
				child := weir.NewContainer(weir.WithParent(between), tenant.OverrideWithValue(2))
				for i := range 2 { // more watches in the child than there are listeners in the parent
					defer weir.Listen(child, watches.Of(i), nil).Close()
				}
				for i, c := range []*weir.Container{c, child} {
					for range leaks[i] {
						weir.Listen(c, tenant, nil)
					}
				}
			}
		}
		outcome(t, plant(0, 0)).passes(t)
		outcome(t, plant(1, 0)).failsWith(t, "weirtest: tenant (declared at new_test.go:", "): 1 listener was")
		outcome(t, plant(0, 1)).failsWith(t, "weirtest: tenant (declared at new_test.go:", "), in a child container: 1 listener was")
		f := outcome(t, plant(2, 1))
		require.Len(t, f.errors, 2)
		require.Contains(t, f.errors[0], "): 2 listeners were")
		require.Contains(t, f.errors[1], "), in a child container: 1 listener was")
	})
}

func TestFindsBuildFunctionsThatDoNotReturn(t *testing.T) {
	both(t, func(t *testing.T) {
		release := make(chan struct{})
		deaf := weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) {
			<-release
			return 1, nil
		}, weir.Name("deaf"))
		f := outcome(t, func(t testing.TB) { weir.Read(newCheck(t, soon, nil).c, deaf) })
		f.failsWith(t, "deaf (declared at new_test.go:", "has not returned 50ms after the container was closed", "first build", "pass ctx on")
		require.Len(t, f.logs, 1)
		require.Contains(t, f.logs[0], "TestFindsBuildFunctionsThatDoNotReturn")
		close(release)
	})
}

func TestFindsHooksThatDoNotReturn(t *testing.T) {
	both(t, func(t *testing.T) {
		release := make(chan struct{})
		stuck := weir.NewProvider(func(ref weir.Ref) int {
			ref.OnDispose(func() { <-release })
			return 1
		}, weir.Name("stuck"))
		f := outcome(t, func(t testing.TB) { weir.Read(newCheck(t, soon, nil).c, stuck) })
		f.failsWith(t, "a hook or listener has not returned", "stuck (declared at new_test.go:", "the stacks in the log")
		require.Contains(t, f.logs[0], "TestFindsHooksThatDoNotReturn")
		close(release)
	})
}

func TestFindsListenersThatDoNotReturn(t *testing.T) {
	both(t, func(t *testing.T) {
		release, inside := make(chan struct{}), make(chan struct{})
		n := weir.NewStateProvider(func(weir.Ref) int { return 1 }, weir.Name("n"))
		var wg sync.WaitGroup
		outcome(t, func(t testing.TB) {
			c := newCheck(t, soon, nil).c
			sub := weir.Listen(c, n, func(_, _ int) {
				close(inside)
				<-release
			})
			wg.Go(func() { n.Set(c, 2) })
			<-inside
			sub.Close()
		}).failsWith(t, "a hook or listener has not returned")
		close(release)
		wg.Wait()
	})
}

func TestFindsErrorsOfOnDisposeErr(t *testing.T) {
	both(t, func(t *testing.T) {
		file := func(name string, err error) *weir.Provider[int] {
			return weir.NewProvider(func(ref weir.Ref) int {
				ref.OnDisposeErr(func() error { return err })
				return 1
			}, weir.Name(name), weir.AutoDispose())
		}
		bad, good, late := file("bad", errBoom), file("good", nil), file("late", context.DeadlineExceeded)
		f := outcome(t, func(t testing.TB) {
			c := New(t)
			weir.Read(c, bad)
			c.Invalidate(bad) // long before the end
			weir.Read(c, good)
			weir.Read(c, late)
		})
		require.Len(t, f.errors, 2)
		require.Contains(t, f.errors[0], "weir: bad: boom, declared at new_test.go:")
		require.Contains(t, f.errors[1], "weir: late: context deadline exceeded, declared at new_test.go:")
		outcome(t, func(t testing.TB) { // the test looks at them itself
			c := New(t)
			weir.Read(c, bad)
			require.ErrorIs(t, c.Shutdown(context.Background()), errBoom)
		}).passes(t)
	})
}

func TestFindsPanics(t *testing.T) {
	both(t, func(t *testing.T) {
		n := weir.NewStateProvider(func(ref weir.Ref) int {
			ref.OnDispose(func() { panic("in a hook") })
			return 1
		}, weir.Name("n"))
		f := outcome(t, func(t testing.TB) { weir.Read(New(t), n) }) // in the Cleanup
		f.failsWith(t, "n (declared at new_test.go:", "a panic that nothing has handled: in a hook", "weir.WithPanicHandler", "goroutine ")

		m := weir.NewStateProvider(func(weir.Ref) int { return 1 }, weir.Name("m"))
		f = &fakeTB{TB: t}
		f.body(func(t testing.TB) {
			c := New(t)
			defer weir.Listen(c, m, func(_, _ int) { panic(errBoom) }).Close()
			m.Set(c, 2)
			require.True(t, t.Failed()) // at once
		})
		f.end()
		f.failsWith(t, "m (declared", "boom")

		odd := weir.NewProvider(func(ref weir.Ref) int {
			if v := weir.Watch(ref, m); v == 2 {
				panic("odd")
			}
			return 1
		}, weir.Name("odd"))
		outcome(t, func(t testing.TB) {
			c := New(t)
			defer weir.Listen(c, odd, nil).Close()
			m.Set(c, 2)
		}).failsWith(t, "odd (declared", "weir.OnError")
		outcome(t, func(t testing.TB) {
			c := New(t)
			defer weir.Listen(c, odd, nil, weir.OnError(func(error) {})).Close()
			m.Set(c, 2)
		}).passes(t)
	})
}

func TestTheTestMayTakePanicsItself(t *testing.T) {
	both(t, func(t *testing.T) {
		var taken *weir.PanicError
		n := weir.NewStateProvider(func(ref weir.Ref) int {
			ref.OnDispose(func() { panic("in a hook") })
			return 1
		})
		outcome(t, func(t testing.TB) {
			weir.Read(New(t, weir.WithPanicHandler(func(pe *weir.PanicError) { taken = pe })), n)
		}).passes(t)
		require.Equal(t, "in a hook", taken.Value)
	})
}

// t.FailNow in a hook ends the goroutine of the Cleanup's Shutdown; everything else is still waited for and released.
func TestHooksThatEndTheirGoroutine(t *testing.T) {
	both(t, func(t *testing.T) {
		var mu sync.Mutex
		released := 0
		p := func(end func()) *weir.Provider[int] {
			return weir.NewProvider(func(ref weir.Ref) int {
				ref.OnDispose(func() {
					mu.Lock()
					released++
					mu.Unlock()
					end()
				})
				return 1
			})
		}
		f := outcome(t, func(t testing.TB) {
			c := New(t)
			for _, p := range []*weir.Provider[int]{p(func() {}), p(runtime.Goexit), p(runtime.Goexit), p(func() {})} {
				weir.Read(c, p)
			}
		})
		require.NotEmpty(t, f.errors) // of the panic handler; not always both, since Shutdown does not wait for them
		require.Contains(t, f.errors[0], "runtime.Goexit was called")
		mu.Lock()
		defer mu.Unlock()
		require.Equal(t, 4, released)
	})
}

// After its end a test must not be told of anything: testing panics.
func TestSaysNothingAfterTheEnd(t *testing.T) {
	release, told := make(chan struct{}), make(chan struct{})
	stuck := weir.NewProvider(func(ref weir.Ref) int {
		ref.OnDispose(func() {
			<-release
			defer close(told)
			panic("late")
		})
		return 1
	})
	f := outcome(t, func(t testing.TB) { weir.Read(newCheck(t, soon, nil).c, stuck) })
	f.failsWith(t, "has not returned")
	close(release)
	<-told
	k := &check{t: f, over: true}
	k.panicked(&weir.PanicError{Value: "late"})
	require.Len(t, f.errors, 1)
}

func TestATestThatLeftEarlyIsNotBlamedTwice(t *testing.T) {
	both(t, func(t *testing.T) {
		n := weir.NewStateProvider(func(weir.Ref) int { return 1 })
		for _, leave := range []func(t testing.TB){testing.TB.FailNow, testing.TB.SkipNow} {
			f := outcome(t, func(t testing.TB) {
				c := New(t)
				sub := weir.Listen(c, n, nil)
				leave(t)
				sub.Close()
			})
			require.Empty(t, f.errors)
		}
	})
}

func TestTheTOfTheBubble(t *testing.T) {
	n := weir.NewStateProvider(func(weir.Ref) int { return 1 })
	f := &fakeTB{TB: t}
	synctest.Test(t, func(*testing.T) { f.body(func(t testing.TB) { weir.Read(New(t), n) }) })
	f.end()
	f.failsWith(t, "New was called in one synctest bubble and cleans up outside of it", "not the one around it")
	require.Empty(t, bubbleID())
	synctest.Test(t, func(t *testing.T) { require.NotEmpty(t, bubbleID()) })
	require.Equal(t, "12", bubbleOf([]byte("goroutine 9 [chan receive (durable), synctest bubble 12]:\nmain.main()")))
	require.Equal(t, "12", bubbleOf([]byte("goroutine 9 [running, synctest bubble 12, locked to thread]:\nmain.main()")))
}

func TestMisuse(t *testing.T) {
	n := weir.NewStateProvider(func(weir.Ref) int { return 1 })
	c := New(t)
	for name, call := range map[string]func(){
		"New":       func() { New(nil) },
		"Settle":    func() { Settle(nil, c) },
		"Record":    func() { Record(nil, c, n) },
		"NewEvents": func() { NewEvents(nil) },
	} {
		var misuse *weir.UsageError
		require.ErrorAs(t, func() (err error) {
			defer func() { err = recover().(error) }()
			call()
			return nil
		}(), &misuse, name)
		require.Contains(t, misuse.Error(), "weirtest: "+name+" needs the T of the test")
	}
	require.PanicsWithError(t, fmt.Sprintf("weir: %s: Weak with FireImmediately: a weak listener builds nothing that could be fired", n.Name()),
		func() { Record(t, c, n, weir.Weak()) })
}

// A goroutine that was told to leave is given a moment to do so.
func TestAGoroutineThatIsAboutToLeave(t *testing.T) {
	both(t, func(t *testing.T) {
		n := weir.NewStateProvider(func(weir.Ref) int { return 1 })
		var wg sync.WaitGroup
		outcome(t, func(t testing.TB) {
			c := New(t)
			ctx, cancel := context.WithCancel(context.Background())
			running := make(chan struct{})
			wg.Go(func() {
				for range weir.Values(ctx, c, n) {
					close(running)
				}
			})
			<-running
			cancel()
		}).passes(t)
		wg.Wait()
		start := time.Now()
		outcome(t, func(t testing.TB) { weir.Listen(New(t), n, nil) }).failsWith(t, "1 listener was")
		require.Less(t, time.Since(start), patience)
	})
}
