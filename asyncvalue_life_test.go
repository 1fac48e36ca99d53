package weir_test

// Rules A1, A2, A3, A5 and D8 to D10: the states that listeners see one after the other, progress, and who waits for what.

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// outcome is what a build returns.
type outcome struct {
	v   int
	err error
}

// remote is a FutureProvider whose builds return when the test says so.
type remote struct {
	p       *weir.FutureProvider[int]
	n       *weir.StateProvider[int] // watched by every build
	results chan outcome
	builds  int
	ref     weir.Ref // the newest build's
}

func newRemote(opts ...weir.ProviderOption) *remote {
	r := &remote{results: make(chan outcome), n: weir.NewStateProvider(func(weir.Ref) int { return 0 })}
	r.p = weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
		r.builds++
		r.ref = ref
		weir.Watch(ref, r.n)
		select {
		case o := <-r.results:
			return o.v, o.err
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}, opts...)
	return r
}

func (r *remote) finish(v int, err error) { r.results <- outcome{v, err}; settle() }

// transitions listens and logs each call as "prev -> next".
func transitions(s weir.Scope, log *trace, src weir.Source[weir.AsyncValue[int]], opts ...weir.ListenOption) sub {
	return weir.Listen(s, src, func(prev, next weir.AsyncValue[int]) { log.add("%s -> %s", show(prev), show(next)) }, opts...)
}

func TestA1TransitionsThatAListenerSees(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		r := newRemote()
		defer transitions(c, &log, r.p).Close()
		settle()
		log.want(t, "a first load tells nobody who came with it")
		r.finish(1, nil)
		log.want(t, "loaded", "loading -> data 1")
		c.Invalidate(r.p)
		settle()
		log.want(t, "Invalidate", "data 1 -> refreshing 1")
		r.finish(2, nil)
		log.want(t, "refreshed", "refreshing 1 -> data 2")
		r.n.Set(c, 1)
		settle()
		log.want(t, "a dependency changed", "data 2 -> reloading 2")
		r.finish(3, nil)
		log.want(t, "reloaded", "reloading 2 -> data 3")
		c.InvalidateAsReload(r.p)
		settle()
		log.want(t, "InvalidateAsReload", "data 3 -> reloading 3")
		r.finish(0, errBoom)
		log.want(t, "a new error keeps the last value", "reloading 3 -> failed boom was 3")
		weir.Refresh(c, r.p)
		settle()
		log.want(t, "Refresh keeps both", "failed boom was 3 -> refreshing boom was 3")
		r.finish(4, nil)
		log.want(t, "new data clears the error", "refreshing boom was 3 -> data 4")
		c.Invalidate(r.p)
		settle()
		r.finish(4, nil)
		log.want(t, "equal data: the loading flag came and went", "data 4 -> refreshing 4", "refreshing 4 -> data 4")
	})
}

func TestA1FirstLoads(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		r := newRemote()
		defer transitions(c, &log, r.p, weir.FireImmediately()).Close()
		got := log.take()
		require.Len(t, got, 1)
		require.Contains(t, got[0], "-> loading")
		settle()
		r.finish(0, errBoom)
		log.want(t, "failed", "loading -> failed boom")
		c.Invalidate(r.p)
		settle()
		log.want(t, "an error beside loading", "failed boom -> refreshing boom")
		r.finish(0, errors.New("bang"))
		log.want(t, "another error", "refreshing boom -> failed bang")
		r.n.Set(c, 1)
		settle()
		log.want(t, "a dependency", "failed bang -> reloading bang")
		r.finish(1, nil)
		log.want(t, "loaded at last", "reloading bang -> data 1")
	})
}

func TestA1BothCausesAreAReload(t *testing.T) {
	// Before the rebuild has started and while it runs; and a refresh after a reload that is done is a refresh again. (A change between
	// Invalidate and the new build's Watch is no cause: what that build watches is the changed value.)
	for name, change := range map[string]func(c *weir.Container, r *remote){
		"dependency first":      func(c *weir.Container, r *remote) { r.n.Set(c, 1); c.Invalidate(r.p) },
		"dependency, running":   func(c *weir.Container, r *remote) { r.n.Set(c, 1); settle(); c.Invalidate(r.p) },
		"invalidated, running":  func(c *weir.Container, r *remote) { c.Invalidate(r.p); settle(); r.n.Set(c, 1) },
		"both by hand":          func(c *weir.Container, r *remote) { c.Invalidate(r.p); c.InvalidateAsReload(r.p) },
		"while nobody listened": func(c *weir.Container, r *remote) { c.Invalidate(r.p); r.n.Set(c, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newContainer(t)
				r := newRemote()
				s := weir.Listen(c, r.p, nil)
				settle()
				r.finish(1, nil)
				if name == "while nobody listened" {
					s.Close()
				}
				change(c, r)
				settle()
				require.Equal(t, "reloading 1", show(weir.Read(c, r.p)))
				settle()
				r.finish(2, nil)
				c.Invalidate(r.p)
				require.Equal(t, "refreshing 2", show(weir.Read(c, r.p)))
				settle()
				r.finish(3, nil)
				s.Close()
			})
		})
	}
}

func TestA1ATryProviderIsNeverLoading(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		p := weir.NewTryProvider(func(ref weir.Ref) (int, error) {
			if v := weir.Watch(ref, n); v%2 == 0 {
				return v, nil
			}
			return 0, errBoom
		})
		defer transitions(c, &log, p, weir.FireImmediately()).Close()
		log.take()
		n.Set(c, 1)
		n.Set(c, 2)
		c.Invalidate(p)
		n.Set(c, 4)
		log.want(t, "straight to the result", "data 0 -> failed boom was 0", "failed boom was 0 -> data 2", "data 2 -> data 4")
		v, err := weir.Resolve(t.Context(), c, p)
		require.NoError(t, err)
		require.Equal(t, 4, v)
	})
}

func TestD8LoadingAfterLoadingTellsNobody(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		r := newRemote()
		defer transitions(c, &log, r.p).Close()
		settle()
		for range 3 {
			c.Invalidate(r.p)
			settle()
			r.n.Update(c, func(v int) int { return v + 1 })
			settle()
		}
		require.Equal(t, "loading", show(weir.Read(c, r.p)), "invalidated and changed during the first load: still a first load")
		log.want(t, "all through the first load")
		r.finish(1, nil)
		log.want(t, "loaded", "loading -> data 1")
		r.n.Set(c, 10)
		settle()
		for range 3 {
			c.Invalidate(r.p)
			settle()
			r.n.Update(c, func(v int) int { return v + 1 })
			settle()
		}
		log.want(t, "all through a reload", "data 1 -> reloading 1")
		r.finish(2, nil)
		log.want(t, "reloaded", "reloading 1 -> data 2")
		c.Invalidate(r.p)
		settle()
		c.Invalidate(r.p)
		settle()
		log.want(t, "twice in a refresh", "data 2 -> refreshing 2")
		r.n.Set(c, 20)
		settle()
		log.want(t, "a dependency during a refresh makes it a reload", "refreshing 2 -> reloading 2")
		r.finish(3, nil)
		log.want(t, "reloaded", "reloading 2 -> data 3")
	})
}

// ---- A2, D9: progress

func TestA2SetProgress(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		r := newRemote()
		defer transitions(c, &log, r.p).Close()
		settle()
		r.ref.SetProgress(0.25)
		r.ref.SetProgress(0.25)
		settle()
		log.want(t, "the same fraction twice is nothing new (D8)", "loading -> loading 25%")
		r.ref.SetProgress(7)
		settle()
		log.want(t, "clamped from above (D9)", "loading 25% -> loading 100%")
		r.ref.SetProgress(math.Inf(-1))
		settle()
		log.want(t, "clamped from below (D9)", "loading 100% -> loading 0%")
		first := r.ref
		r.finish(1, nil)
		log.want(t, "loaded", "loading 0% -> data 1")
		first.SetProgress(0.5)
		settle()
		log.want(t, "after the result it does nothing")
		c.Invalidate(r.p)
		settle()
		log.want(t, "a new build starts without progress", "data 1 -> refreshing 1")
		first.SetProgress(0.5)
		settle()
		log.want(t, "the old ref's does nothing")
		r.ref.SetProgress(0.5)
		settle()
		log.want(t, "beside the value", "refreshing 1 -> refreshing 1 50%")
		c.Invalidate(r.p)
		settle()
		require.Equal(t, "refreshing 1", show(weir.Read(c, r.p)), "a build that starts over has no progress")
		r.finish(2, nil)
	})
}

func TestD9NaNProgressIsMisuse(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		r := newRemote(weir.Name("download"))
		defer weir.Listen(c, r.p, nil).Close()
		settle()
		isUsage(t, "NaN", asError(recovered(func() { r.ref.SetProgress(math.NaN()) })), "download", "NaN")
		require.Equal(t, "loading", show(weir.Read(c, r.p)))
		r.finish(1, nil)
		isData(t, 1, weir.Read(c, r.p))
	})
}

// ---- A3, D10: who waits for what

func TestA3ResolveWaitsForTheNewestBuild(t *testing.T) {
	// Rebuilt by hand and by a dependency meanwhile, with a value beside the loading and without.
	for _, previous := range []bool{false, true} {
		t.Run(fmt.Sprint("previous data ", previous), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newContainer(t)
				r := newRemote()
				defer weir.Listen(c, r.p, nil).Close()
				settle()
				if previous {
					r.finish(1, nil)
					c.Invalidate(r.p)
					settle()
				}
				got := make(chan int, 1)
				go func() {
					v, err := weir.Resolve(t.Context(), c, r.p)
					require.NoError(t, err)
					got <- v
				}()
				for range 3 {
					settle()
					c.Invalidate(r.p)
					settle()
					r.n.Update(c, func(v int) int { return v + 1 })
				}
				settle()
				require.Empty(t, got)
				r.finish(42, nil)
				require.Equal(t, 42, <-got)
			})
		})
	}
}

func TestA3AValueAtRestIsReturnedAtOnce(t *testing.T) {
	// Failed included, with the raw error; through a selection and a dependent too.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		custom := &customError{code: 7}
		r := newRemote()
		half := weir.SelectAsync(r.p, func(v int) int { return v / 2 })
		dependent := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) { return weir.Await(ref, half) })
		defer weir.Listen(c, dependent, nil).Close()
		settle()
		r.finish(0, custom)
		for name, src := range map[string]weir.AsyncSource[int]{"itself": r.p, "a selection": half, "a dependent": dependent} {
			_, err := weir.Resolve(t.Context(), c, src)
			require.Equal(t, error(custom), err, name)
		}
		require.Equal(t, 1, r.builds)
		c.Invalidate(r.p)
		settle()
		r.finish(84, nil)
		for name, src := range map[string]weir.AsyncSource[int]{"a selection": half, "a dependent": dependent} {
			v, err := weir.Resolve(t.Context(), c, src)
			require.NoError(t, err, name)
			require.Equal(t, 42, v, name)
		}
	})
}

func TestA3ResolveOfAStaleElementWaitsForTheRebuild(t *testing.T) {
	// At rest means fresh: a dependency changed while nobody listened.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		n := weir.NewStateProvider(func(weir.Ref) int { return 1 })
		p := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
			v := weir.Watch(ref, n)
			time.Sleep(time.Second)
			return v, nil
		})
		for want := range 5 {
			n.Set(c, want)
			v, err := weir.Resolve(t.Context(), c, p)
			require.NoError(t, err)
			require.Equal(t, want, v)
		}
	})
}

func TestD10AwaitDependsOnTheSettledResult(t *testing.T) {
	// Loading transitions and an equal result leave the awaiting element alone; a different one rebuilds it; while it waits it goes on
	// waiting for the newest.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		r := newRemote()
		builds := 0
		p := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
			builds++
			v, err := weir.Await(ref, r.p)
			return 10 * v, err
		})
		defer transitions(c, &log, p).Close()
		settle()
		c.Invalidate(r.p)
		settle()
		r.n.Set(c, 1)
		settle()
		r.finish(1, nil)
		log.want(t, "one build waited for the newest", "loading -> data 10")
		require.Equal(t, 1, builds)
		c.Invalidate(r.p)
		settle()
		r.ref.SetProgress(0.5)
		settle()
		log.want(t, "the source refreshes")
		r.finish(1, nil)
		log.want(t, "to an equal result")
		require.Equal(t, 1, builds)
		r.n.Set(c, 2)
		settle()
		log.want(t, "the source reloads")
		r.finish(2, nil)
		// Its build returns at once: the listener may hear of the reload, or of the result only (P5).
		got := log.take()
		require.Contains(t, got[0], "data 10 -> ", "to a different one")
		require.Contains(t, got[len(got)-1], "-> data 20")
		require.Equal(t, 2, builds)
		c.Invalidate(r.p)
		settle()
		r.finish(0, errBoom)
		got = log.take()
		require.Contains(t, got[0], "data 20 -> ", "to an error")
		require.Contains(t, got[len(got)-1], "-> failed boom was 20")
		require.Equal(t, 3, builds)
	})
}

// ---- A5: watching an async source

func TestA5AWatchIsRebuiltAtEachTransition(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		r := newRemote()
		p := weir.NewProvider(func(ref weir.Ref) string { v := show(weir.Watch(ref, r.p)); log.add("%s", v); return v })
		defer weir.Listen(c, p, nil).Close()
		settle()
		r.ref.SetProgress(0.5)
		settle()
		r.finish(1, nil)
		c.Invalidate(r.p)
		settle()
		r.finish(0, errBoom)
		log.want(t, "each state once", "loading", "loading 50%", "data 1", "refreshing 1", "failed boom was 1")
	})
}

func TestA5ABuildThatReturnsErrLoadingStaysLoadingQuietly(t *testing.T) {
	// From Result() of something that is still loading, wrapped or not; until a dependency changes. An early Resolve gets the value.
	for name, make := range map[string]func(build func(ref weir.Ref) (int, error)) *weir.FutureProvider[int]{
		"async": func(build func(ref weir.Ref) (int, error)) *weir.FutureProvider[int] {
			return weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) { return build(ref) })
		},
		"try": func(build func(ref weir.Ref) (int, error)) *weir.FutureProvider[int] {
			return weir.NewTryProvider(build)
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newContainer(t)
				var log trace
				r := newRemote()
				p := make(func(ref weir.Ref) (int, error) {
					v, err := weir.Watch(ref, r.p).Result()
					if err != nil {
						return 0, fmt.Errorf("not yet: %w", err)
					}
					return 2 * v, nil
				})
				defer transitions(c, &log, p).Close()
				got := async(t, func() {
					v, err := weir.Resolve(t.Context(), c, p)
					require.NoError(t, err)
					require.Equal(t, 84, v)
				})
				pass(time.Hour)
				require.Equal(t, "loading", show(weir.Read(c, p)))
				log.want(t, "while the source loads")
				r.finish(42, nil)
				<-got
				log.want(t, "the source has loaded", "loading -> data 84")
			})
		})
	}
}
