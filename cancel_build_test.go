package weir_test

// Rules C4 to C6: one build for all who come first, nothing of a build that is over for those who come later, no overlap of build
// functions, the cancel button and the timeout.

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// work takes a moment, or until ctx ends.
func work(ctx context.Context) error {
	for range 20 {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		runtime.Gosched()
	}
	return nil
}

// ---- C4: sharing, newcomers

func TestC4ConcurrentFirstUsesShareOneBuild(t *testing.T) {
	// The function is held until many goroutines are under way. Catches check-then-build without a claim.
	guard(t, func(t *testing.T) {
		for range 20 {
			c := newContainer(t)
			var syncBuilds, asyncBuilds atomic.Int32
			release := make(chan struct{})
			s := weir.NewProvider(func(weir.Ref) int { syncBuilds.Add(1); <-release; return 1 })
			a := weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) { asyncBuilds.Add(1); <-release; return 2, nil })
			var started, done sync.WaitGroup
			for i := range 12 {
				started.Add(1)
				done.Go(func() {
					started.Done()
					switch i % 4 {
					case 0:
						require.Equal(t, 1, weir.Read(c, s))
					case 1:
						require.Equal(t, 1, weir.Listen(c, s, nil).Read())
					case 2:
						v, err := weir.Resolve(context.Background(), c, a)
						require.NoError(t, err)
						require.Equal(t, 2, v)
					case 3:
						weir.Listen(c, a, nil)
					}
				})
			}
			started.Wait()
			close(release)
			within(t, "all first uses", done.Wait)
			_, err := weir.Resolve(context.Background(), c, a)
			require.NoError(t, err)
			require.Equal(t, int32(1), syncBuilds.Load(), "sync builds")
			require.Equal(t, int32(1), asyncBuilds.Load(), "async builds")
		}
	})
}

func TestC4ANewcomerNeverJoinsABuildThatIsOver(t *testing.T) {
	// The old function is still unwinding, and then returns a value, an error, a panic, a Goexit: the newcomer waits for a generation
	// of its own and gets that one's value; nothing of the old one is published, seen by a listener, or told to the handler. Catches
	// joining the flight that is being cancelled, and publishing by element instead of by generation.
	for name, finish := range map[string]func(ctx context.Context) (int, error){
		"a value":          func(context.Context) (int, error) { return -1, nil },
		"an error":         func(context.Context) (int, error) { return 0, errBoom },
		"the cancellation": func(ctx context.Context) (int, error) { return 0, ctx.Err() },
		"a panic":          func(context.Context) (int, error) { panic("late") },
		"a Goexit":         func(context.Context) (int, error) { runtime.Goexit(); return 0, nil },
	} {
		for _, how := range []string{"disposed", "invalidated", "a dependency"} {
			t.Run(name+" after it was "+how, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					c := newContainer(t)
					n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
					var builds atomic.Int32
					p := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
						weir.Watch(ref, n)
						if i := builds.Add(1); i > 1 {
							time.Sleep(time.Second)
							return int(i), nil
						}
						<-ctx.Done()
						time.Sleep(time.Minute) // unwinding
						return finish(ctx)
					}, weir.DisposeDelay(0), weir.Name("p"))
					s := weir.Listen(c, p, nil)
					settle()
					generation := info(t, c, "p").Generation
					switch how {
					case "disposed":
						s.Close()
						require.False(t, c.Exists(p))
					case "invalidated":
						c.Invalidate(p)
					case "a dependency":
						n.Set(c, 1)
					}
					var seen trace
					weir.Listen(c, p, func(_, next weir.AsyncValue[int]) {
						if !next.IsLoading() {
							seen.add("%v %v", next.ValueOr(0), next.Err())
						}
					})
					v, err := weir.Resolve(t.Context(), c, p)
					require.NoError(t, err)
					require.Equal(t, 2, v)
					require.Equal(t, int32(2), builds.Load())
					settle()
					seen.want(t, "a listener that came then", "2 <nil>")
					if how != "disposed" {
						require.Greater(t, info(t, c, "p").Generation, generation)
					}
				})
			})
		}
	}
}

func TestC4ANewcomerSeesNothingOfTheOldLife(t *testing.T) {
	// Disposed after it had a value: the next life starts at bare Loading, by Read, by listener and in a dependent.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var builds atomic.Int32
		p := weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) {
			time.Sleep(time.Second)
			return int(builds.Add(1)), nil
		}, weir.DisposeDelay(0))
		s := weir.Listen(c, p, nil)
		pass(time.Minute)
		isData(t, 1, weir.Read(c, p))
		s.Close()
		var log trace
		s = weir.Listen(c, p, func(prev, next weir.AsyncValue[int]) { log.add("%v->%v", prev, next) }, weir.FireImmediately())
		v := weir.Read(c, p)
		require.True(t, v.IsLoading() && !v.HasValue() && !v.HasError() && !v.IsRefreshing() && !v.IsReloading(), "%v", v)
		pass(time.Minute)
		isData(t, 2, weir.Read(c, p))
		got := log.take()
		require.Len(t, got, 2)
		require.NotContains(t, got[0]+got[1], "1", "something of the first life")
		s.Close()
	})
}

func TestC4NewcomersRaceWithTheLastOneLeaving(t *testing.T) {
	// With a delay of zero the one who leaves ends the build. Whoever resolves under a context that lives gets a value, never the
	// other's cancellation, however the two interleave. Catches a window between "found the flight" and "counted as listener".
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		p := weir.NewFutureProvider(func(ctx context.Context, _ weir.Ref) (int, error) {
			return 1, work(ctx)
		}, weir.DisposeDelay(0))
		within(t, "the race", func() {
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() { // leaves at once, over and over
					for range 150 {
						ctx, cancel := context.WithCancel(context.Background())
						done := make(chan struct{})
						go func() { defer close(done); weir.Resolve(ctx, c, p) }()
						cancel()
						<-done
					}
				})
				wg.Go(func() { // stays
					for range 150 {
						if v, err := weir.Resolve(context.Background(), c, p); v != 1 || err != nil {
							t.Errorf("one who stayed got %v, %v", v, err)
							return
						}
					}
				})
			}
			wg.Wait()
		})
		flush(t, c)
		require.Zero(t, elements(c))
	})
}

// ---- C5: no overlap

func TestC5BuildFunctionsNeverOverlap(t *testing.T) {
	// Across invalidation, a dependency's change and disposal: the next generation starts when the old function has returned, and not
	// later. AllowOverlap lifts that.
	for _, overlap := range []bool{false, true} {
		for _, how := range []string{"invalidated", "a dependency", "disposed", "cancelled"} {
			t.Run(fmt.Sprintf("%s, overlap %v", how, overlap), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					c := newContainer(t)
					var log trace
					n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
					opts := []weir.ProviderOption{weir.DisposeDelay(0)}
					if overlap {
						opts = append(opts, weir.AllowOverlap())
					}
					var builds atomic.Int32
					p := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
						weir.Watch(ref, n)
						i := int(builds.Add(1))
						log.add("start%d", i)
						time.Sleep(time.Minute) // pays no attention to its context
						log.add("end%d", i)
						return i, nil
					}, opts...)
					s := weir.Listen(c, p, nil)
					pass(time.Second)
					switch how {
					case "invalidated":
						c.Invalidate(p)
					case "a dependency":
						n.Set(c, 1)
					case "disposed":
						s.Close()
						s = weir.Listen(c, p, nil)
					case "cancelled":
						p.Cancel(c, errBoom)
						c.Invalidate(p)
					}
					settle()
					if overlap {
						log.want(t, "one second later", "start1", "start2")
						pass(59 * time.Second)
						log.want(t, "the old one returned", "end1")
					} else {
						log.want(t, "one second later", "start1")
						pass(59 * time.Second)
						log.want(t, "the old one returned", "end1", "start2")
					}
					require.True(t, weir.Read(c, p).IsLoading(), "the old one's value was published")
					v, err := weir.Resolve(t.Context(), c, p)
					require.NoError(t, err)
					require.Equal(t, 2, v)
					s.Close()
				})
			})
		}
	}
}

func TestC5ManyGenerationsWaitForOneFunction(t *testing.T) {
	// Three invalidations and a disposal while the function unwinds: one build follows, the newest.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var running, most, builds atomic.Int32
		p := weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) {
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			time.Sleep(time.Minute)
			return int(builds.Add(1)), nil
		}, weir.DisposeDelay(0))
		s := weir.Listen(c, p, nil)
		pass(time.Second)
		for range 3 {
			c.Invalidate(p)
			settle()
		}
		s.Close()
		s = weir.Listen(c, p, nil)
		pass(time.Second)
		v, err := weir.Resolve(t.Context(), c, p)
		require.NoError(t, err)
		require.Equal(t, 2, v)
		require.Equal(t, int32(1), most.Load(), "functions at once")
		s.Close()
	})
}

func TestC5ContainersAndMembersAreSeparate(t *testing.T) {
	// "of one provider in one container": members of a family, and one provider in two containers, do not wait for each other.
	bubble(t, func(t *testing.T) {
		var running atomic.Int32
		fam := weir.NewFamily(func(i int) *weir.FutureProvider[int] {
			return weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) {
				running.Add(1)
				defer running.Add(-1)
				time.Sleep(time.Minute)
				return i, nil
			})
		})
		for range 2 {
			c := newContainer(t)
			weir.Read(c, fam.Of(1))
			weir.Read(c, fam.Of(2))
		}
		pass(time.Second)
		require.Equal(t, int32(4), running.Load())
		pass(time.Minute)
	})
}

func TestC5NoOverlapUnderContention(t *testing.T) {
	// Invalidations, disposals, cancels and resolves from several goroutines; the function checks that it is alone. Catches a claim that
	// is given back before the function has returned, on any of the paths.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		var running atomic.Int32
		p := weir.NewFutureProvider(func(ctx context.Context, _ weir.Ref) (int, error) {
			if n := running.Add(1); n != 1 {
				t.Errorf("%d functions at once", n)
			}
			defer running.Add(-1)
			return 1, work(ctx)
		}, weir.DisposeDelay(0))
		within(t, "the contention", func() {
			var wg sync.WaitGroup
			for range 2 {
				wg.Go(func() {
					for range 200 {
						ctx, cancel := context.WithCancel(context.Background())
						go cancel()
						weir.Resolve(ctx, c, p)
					}
				})
			}
			wg.Go(func() {
				for range 200 {
					s := weir.Listen(c, p, nil)
					c.Invalidate(p)
					s.Close()
				}
			})
			wg.Go(func() {
				for range 200 {
					p.Cancel(c, errBoom)
				}
			})
			wg.Wait()
		})
	})
}

// ---- C6: Cancel and Timeout

func TestC6CancelEndsTheBuildNotTheElement(t *testing.T) {
	// Without previous data Failed(cause), with some that data, at rest in both cases; context and OnDispose end; waiters get the cause;
	// the watches stay and it is not stale: nothing rebuilds it until a dependency changes or somebody invalidates.
	for _, previous := range []bool{false, true} {
		t.Run(fmt.Sprint("previous data ", previous), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newContainer(t)
				var log trace
				n := weir.NewStateProvider(func(ref weir.Ref) int { ref.OnCancel(log.on("n.cancel")); return 0 }, weir.AutoDispose())
				var builds atomic.Int32
				slow, unwind := !previous, make(chan struct{})
				p := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
					v := weir.Watch(ref, n)
					builds.Add(1)
					ref.OnDispose(log.on("dispose"))
					if slow {
						<-ctx.Done()
						<-unwind
						log.add("unwound")
						return -1, nil // dropped: its build is over
					}
					return v + 10, nil
				}, weir.AutoDispose())
				dependent := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) { return weir.Await(ref, p) })
				s := weir.Listen(c, p, nil)
				settle()
				if previous {
					slow = true
					c.Invalidate(p)
					settle()
					log.want(t, "invalidated", "dispose")
				}
				before := builds.Load()
				resolved := make(chan error, 1)
				go func() { _, err := weir.Resolve(t.Context(), c, p); resolved <- err }()
				d := weir.Listen(c, dependent, nil)
				settle()
				p.Cancel(c, errBoom)
				settle()
				log.want(t, "cancelled: the hooks wait for no function", "dispose")
				close(unwind)
				settle()
				log.want(t, "its function returns", "unwound")
				v := weir.Read(c, p)
				require.False(t, v.IsLoading(), "%v", v)
				if previous {
					isData(t, 10, v)
				} else {
					require.ErrorIs(t, v.Err(), errBoom)
					require.False(t, v.HasValue(), "%v", v)
				}
				require.ErrorIs(t, <-resolved, errBoom)
				require.ErrorIs(t, weir.Read(c, dependent).Err(), errBoom, "the Await that waited")
				require.True(t, c.Exists(p))
				pass(time.Hour)
				require.Equal(t, before, builds.Load(), "it was rebuilt by itself")
				log.want(t, "its watches stay")
				slow = false
				n.Set(c, 1)
				settle()
				isData(t, 11, weir.Read(c, p))
				d.Close()
				s.Close()
			})
		})
	}
}

func TestC6CancelWithNothingInFlightIsANoOp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		fail := false
		p := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
			ref.OnDispose(log.on("dispose"))
			if fail {
				return 0, errBoom
			}
			return 1, nil
		})
		p.Cancel(c, errors.New("never built"))
		require.False(t, c.Exists(p))
		s := weir.Listen(c, p, nil)
		settle()
		p.Cancel(c, errors.New("at rest"))
		settle()
		log.want(t, "at rest with data")
		isData(t, 1, weir.Read(c, p))
		fail = true
		c.Invalidate(p)
		settle()
		log.want(t, "invalidated", "dispose")
		p.Cancel(c, errors.New("at rest"))
		require.ErrorIs(t, weir.Read(c, p).Err(), errBoom)
		log.want(t, "at rest with an error")
		s.Close()
	})
}

func TestC6CancelTwiceAndWhileTheNextOneWaits(t *testing.T) {
	// Cancelling what is already over does nothing to the next generation's function, which has not started yet: the wait for it is
	// cancelled as a build in flight.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var builds atomic.Int32
		p := weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) {
			i := builds.Add(1)
			time.Sleep(time.Minute)
			return int(i), nil
		})
		s := weir.Listen(c, p, nil)
		pass(time.Second)
		p.Cancel(c, errBoom)
		p.Cancel(c, errors.New("again"))
		require.ErrorIs(t, weir.Read(c, p).Err(), errBoom, "the second Cancel had nothing in flight")
		c.Invalidate(p)
		settle()
		require.True(t, weir.Read(c, p).IsLoading())
		second := errors.New("the second")
		p.Cancel(c, second)
		require.ErrorIs(t, weir.Read(c, p).Err(), second)
		pass(time.Hour)
		require.ErrorIs(t, weir.Read(c, p).Err(), second)
		require.Equal(t, int32(1), builds.Load(), "a cancelled build started")
		s.Close()
	})
}
