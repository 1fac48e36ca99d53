package weir_test

// Rules C6 (Timeout) to C9: who waits and how they leave, and what a ref can still do when its build is over.

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// ---- C6: Timeout

func TestC6TimeoutEndsABuildThatHasNotReturned(t *testing.T) {
	for _, previous := range []bool{false, true} {
		t.Run(fmt.Sprint("previous data ", previous), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newContainer(t)
				var log trace
				slow := !previous
				p := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
					ref.OnDispose(log.on("dispose"))
					if slow {
						<-ctx.Done()
						log.add("unwound")
						return -1, nil
					}
					return 1, nil
				}, weir.Timeout(time.Minute), weir.Name("p"))
				s := weir.Listen(c, p, nil)
				settle()
				if previous {
					slow = true
					c.Invalidate(p)
					settle()
					log.take()
				}
				resolved := make(chan error, 1)
				go func() { _, err := weir.Resolve(t.Context(), c, p); resolved <- err }()
				pass(time.Minute - time.Nanosecond)
				require.True(t, weir.Read(c, p).IsLoading())
				pass(time.Nanosecond)
				log.wantSet(t, "in time", "dispose", "unwound")
				v := weir.Read(c, p)
				require.False(t, v.IsLoading())
				require.ErrorIs(t, v.Err(), context.DeadlineExceeded)
				require.ErrorIs(t, <-resolved, context.DeadlineExceeded)
				require.Equal(t, previous, v.HasValue(), "a new error keeps the last value: %v", v)
				require.True(t, c.Exists(p))
				builds := info(t, c, "p").Builds
				pass(time.Hour)
				require.Equal(t, builds, info(t, c, "p").Builds, "it was rebuilt by itself")
				s.Close()
			})
		})
	}
}

func TestC6OnceABuildHasReturnedTheTimerIsGone(t *testing.T) {
	// Whatever it returned; and each build has a timer of its own.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var ctxs []context.Context
		var result error
		p := weir.NewFutureProvider(func(ctx context.Context, _ weir.Ref) (int, error) {
			ctxs = append(ctxs, ctx)
			time.Sleep(50 * time.Second)
			return len(ctxs), result
		}, weir.Timeout(time.Minute))
		s := weir.Listen(c, p, nil)
		defer s.Close()
		pass(time.Hour)
		isData(t, 1, weir.Read(c, p))
		require.NoError(t, ctxs[0].Err())
		c.Invalidate(p)
		pass(49 * time.Second)
		c.Invalidate(p) // the third build starts when the second function has returned
		pass(time.Hour)
		isData(t, 3, weir.Read(c, p))
		result = errBoom
		c.Invalidate(p)
		pass(time.Hour)
		require.ErrorIs(t, weir.Read(c, p).Err(), errBoom)
		require.NoError(t, ctxs[3].Err())
	})
}

// ---- C7: a Resolve that leaves

func TestC7AResolveThatLeavesReturnsItsOwnCauseAtOnce(t *testing.T) {
	// The others never notice; the last one to leave starts the delay, after which the shared work is cancelled.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var ended error
		p := weir.NewFutureProvider(func(ctx context.Context, _ weir.Ref) (int, error) {
			<-ctx.Done()
			time.Sleep(time.Hour) // the one who leaves does not wait for this
			ended = context.Cause(ctx)
			return 0, ctx.Err()
		}, weir.AutoDispose(), weir.Name("movies"))
		var log trace
		callers := make([]context.CancelCauseFunc, 3)
		for i := range callers {
			ctx, cancel := context.WithCancelCause(t.Context())
			callers[i] = cancel
			go func() {
				start := time.Now()
				_, err := weir.Resolve(ctx, c, p)
				log.add("%d left after %v: %v", i, time.Since(start), err)
			}()
		}
		settle()
		require.Equal(t, 3, info(t, c, "movies").Listeners)
		time.Sleep(time.Second)
		callers[0](errors.New("went home"))
		settle()
		log.want(t, "the first left", "0 left after 1s: went home")
		require.Equal(t, 2, info(t, c, "movies").Listeners)
		callers[1](nil)
		callers[2](errBoom)
		settle()
		log.wantSet(t, "all left", "1 left after 1s: context canceled", "2 left after 1s: boom")
		pass(delay - time.Nanosecond)
		require.True(t, c.Exists(p), "within the delay")
		pass(time.Nanosecond)
		require.False(t, c.Exists(p), "the delay is over")
		pass(time.Hour)
		require.ErrorIs(t, ended, weir.ErrDisposed)
	})
}

func TestC7ALeaverWithinTheDelayCostsANewcomerNothing(t *testing.T) {
	// One leaves, another comes before the delay is over: the same build goes on and serves it.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		builds := 0
		p := weir.NewFutureProvider(func(ctx context.Context, _ weir.Ref) (int, error) {
			builds++
			select {
			case <-ctx.Done():
				return 0, context.Cause(ctx)
			case <-time.After(time.Second):
				return builds, nil
			}
		}, weir.AutoDispose())
		for range 5 {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			_, err := weir.Resolve(ctx, c, p)
			cancel()
			require.ErrorIs(t, err, context.DeadlineExceeded)
			pass(delay - time.Millisecond)
		}
		v, err := weir.Resolve(t.Context(), c, p)
		require.NoError(t, err)
		require.Equal(t, 1, v)
	})
}

func TestC7LeavingRacesWithTheResult(t *testing.T) {
	// Each Resolve gets the value or its own cancellation, at once, and is counted out. Catches a waiter that is woken by neither, and
	// one that is counted out twice (the element would be disposed under the listener).
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		p := weir.NewFutureProvider(func(ctx context.Context, _ weir.Ref) (int, error) { return 1, work(ctx) }, weir.Name("p"))
		s := weir.Listen(c, p, nil)
		within(t, "the race", func() {
			for range 200 {
				c.Invalidate(p)
				ctx, cancel := context.WithCancel(context.Background())
				var wg sync.WaitGroup
				for range 4 {
					wg.Go(func() {
						v, err := weir.Resolve(ctx, c, p)
						if !(v == 1 && err == nil) && !errors.Is(err, context.Canceled) {
							t.Errorf("got %v, %v", v, err)
						}
					})
				}
				cancel()
				wg.Wait()
			}
		})
		flush(t, c)
		require.Equal(t, 1, info(t, c, "p").Listeners)
		s.Close()
		flush(t, c)
		require.Zero(t, info(t, c, "p").Listeners)
	})
}

// ---- C8: Await

func TestC8AwaitReturnsTheCauseOfItsOwnBuild(t *testing.T) {
	// However its own build ends while it waits; the source is not disturbed.
	n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
	for name, tc := range map[string]struct {
		want error
		end  func(c *weir.Container, p *weir.FutureProvider[int], s sub)
	}{
		"Invalidate":   {weir.ErrInvalidated, func(c *weir.Container, p *weir.FutureProvider[int], _ sub) { c.Invalidate(p) }},
		"a dependency": {weir.ErrDependencyChanged, func(c *weir.Container, _ *weir.FutureProvider[int], _ sub) { n.Set(c, 1) }},
		"disposal":     {weir.ErrDisposed, func(_ *weir.Container, _ *weir.FutureProvider[int], s sub) { s.Close(); gone() }},
		"Cancel":       {errBoom, func(c *weir.Container, p *weir.FutureProvider[int], _ sub) { p.Cancel(c, errBoom) }},
		"Timeout":      {context.DeadlineExceeded, func(*weir.Container, *weir.FutureProvider[int], sub) { pass(time.Minute) }},
		"Close":        {weir.ErrContainerClosed, func(c *weir.Container, _ *weir.FutureProvider[int], _ sub) { c.Close() }},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newContainer(t)
				sources := 0
				source := weir.NewFutureProvider(func(ctx context.Context, _ weir.Ref) (int, error) {
					sources++
					select {
					case <-time.After(time.Hour):
						return 1, nil
					case <-ctx.Done():
						return 0, ctx.Err()
					}
				})
				errs := make(chan error, 3)
				p := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
					weir.Watch(ref, n)
					_, err := weir.Await(ref, source)
					errs <- err
					return 0, err
				}, weir.AutoDispose(), weir.Timeout(time.Minute), weir.Name("waiting"))
				s := weir.Listen(c, p, nil)
				pass(time.Second)
				require.Empty(t, errs)
				tc.end(c, p, s)
				settle()
				require.Len(t, errs, 1)
				err := <-errs
				require.ErrorIs(t, err, tc.want)
				require.ErrorContains(t, err, "waiting")
				require.Equal(t, 1, sources)
				s.Close()
			})
		})
	}
}

func TestC8DebounceReturnsTheCauseOfItsOwnBuild(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		query := weir.NewStateProvider(func(weir.Ref) string { return "" })
		search := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (string, error) {
			q := weir.Watch(ref, query)
			if err := ref.Debounce(300 * time.Millisecond); err != nil {
				log.add("%q over: %v", q, errors.Is(err, weir.ErrDependencyChanged))
				return "", err
			}
			log.add("%q fetched", q)
			return q, nil
		}, weir.AutoDispose())
		s := weir.Listen(c, search, nil)
		defer s.Close()
		for _, q := range []string{"w", "we", "wei"} {
			pass(200 * time.Millisecond)
			query.Set(c, q)
		}
		pass(299 * time.Millisecond)
		log.want(t, "typing", `"" over: true`, `"w" over: true`, `"we" over: true`)
		pass(time.Millisecond)
		log.want(t, "at rest", `"wei" fetched`)
	})
}

// ---- C9: a ref that is over

func TestC9ARefThatIsOver(t *testing.T) {
	// Over in each way, then everything that a ref is good for: nothing panics, nothing happens to the builds that came after.
	for _, how := range []string{"invalidated", "disposed", "closed"} {
		t.Run(how, func(t *testing.T) {
			eachKind(t, func(t *testing.T, k kind) {
				c := newContainer(t)
				var log trace
				n := weir.NewStateProvider(func(weir.Ref) int { return 1 }, weir.Name("n"))
				other := weir.NewProvider(func(ref weir.Ref) int { log.add("other"); return 5 }, weir.Name("other"))
				f := weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) { return 6, nil }, weir.Name("f"))
				weir.Read(c, n)
				weir.Read(c, other)
				weir.Read(c, f)
				settle()
				var r weir.Ref
				builds := 0
				p := k.make(func(ref weir.Ref) int { r = ref; builds++; return 10 * builds }, weir.AutoDispose(), weir.Name("p"))
				s := p.listen(c)
				settle()
				old := r
				var cause error
				switch how {
				case "invalidated":
					c.Invalidate(p.id)
					cause = weir.ErrInvalidated
				case "disposed":
					s.Close()
					gone()
					s = p.listen(c)
					cause = weir.ErrDisposed
				case "closed":
					c.Close()
					cause = weir.ErrContainerClosed
				}
				settle()
				value, before := p.read(c), builds
				log.take()

				require.False(t, old.Mounted())
				_, err := weir.Await(old, f)
				require.ErrorIs(t, err, cause, "Await")
				_, err = weir.Resolve(t.Context(), old, f)
				require.ErrorIs(t, err, cause, "Resolve")
				require.ErrorIs(t, old.Debounce(time.Hour), cause, "Debounce")
				heard := weir.Listen(old, n, func(_, v int) { log.add("heard %d", v) })
				require.Equal(t, 1, weir.Watch(old, n), "Watch acts as Read")
				require.Equal(t, 1, weir.Read(old, n))
				n.Set(old, 2)
				require.Equal(t, 1, weir.Read(c, n), "Set")
				n.Update(old, func(int) int { return 3 })
				require.Equal(t, 1, weir.Read(c, n), "Update")
				old.SetProgress(0.5)
				old.KeepAlive().Close()
				old.KeepAlive()
				old.CacheFor(time.Hour)
				old.InvalidateSelf()
				old.Invalidate(other)
				old.InvalidateAsReload(other)
				require.Equal(t, cause != nil, errors.Is(context.Cause(old.Context()), cause))
				require.Same(t, c, old.Container())
				if how != "closed" {
					require.True(t, old.Exists(other))
					require.Zero(t, info(t, c, "n").Listeners, "a Listen or Watch of a ref that is over counts")
				}
				for range weir.Values(t.Context(), old, n) {
				}
				for range weir.Results(t.Context(), old, f) {
				}
				settle()

				n.Set(c, 7)
				settle()
				heard.Close()
				weir.Read(c, other)
				log.want(t, "nothing was heard or rebuilt")
				require.Equal(t, before, builds)
				require.Equal(t, value, p.read(c))
				s.Close()
				gone()
				require.False(t, c.Exists(p.id) && how != "closed", "a link or cache time of the old ref holds the new build")
			})
		})
	}
}

func TestC9TheCauseIsThatOfItsOwnEnd(t *testing.T) {
	// A function that pays no attention sees its element go through several more ends; its own ref, its own context and its Await go on
	// telling its own. Catches keeping the latest end per element only.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		builds := 0
		f := weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) { return 1, nil })
		var await, debounce, byRef, byArgument error
		p := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
			if builds++; builds > 1 {
				return 2, nil
			}
			time.Sleep(time.Minute)
			_, await = weir.Await(ref, f)
			debounce = ref.Debounce(time.Second)
			byRef, byArgument = context.Cause(ref.Context()), context.Cause(ctx)
			return 1, nil
		}, weir.DisposeDelay(0))
		s := weir.Listen(c, p, nil)
		settle()
		c.Invalidate(p) // ends it
		settle()
		s.Close() // disposes of the one that waits for its function
		pass(time.Hour)
		for name, err := range map[string]error{"Await": await, "Debounce": debounce, "ref.Context()": byRef, "ctx": byArgument} {
			require.ErrorIs(t, err, weir.ErrInvalidated, name)
		}
	})
}

func TestC9ASyncFunctionThatIsOverMeanwhile(t *testing.T) {
	// The function is still running when its build is over: what it does through its ref from there on is without effect and without
	// panic, and its value is dropped. Catches edges recorded for a generation that is gone.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		n := weir.NewStateProvider(func(weir.Ref) int { return 1 }, weir.Name("n"))
		started, over := make(chan context.Context), make(chan struct{})
		first := true
		p := weir.NewProvider(func(ref weir.Ref) int {
			if !first {
				return 2
			}
			first = false
			started <- ref.Context()
			<-over
			weir.Watch(ref, n)
			ref.KeepAlive()
			weir.Listen(ref, n, nil)
			return 1
		}, weir.DisposeDelay(time.Hour))
		got := make(chan int, 1)
		go func() { got <- weir.Read(c, p) }()
		ctx := await(t, "the build", started)
		end := async(t, func() { c.Invalidate(p) })
		await(t, "its end", ctx.Done())
		close(over)
		v := await(t, "the Read", got)
		await(t, "Invalidate", end)
		require.Equal(t, 2, v)
		flush(t, c)
		require.Zero(t, info(t, c, "n").Listeners)
	})
}
