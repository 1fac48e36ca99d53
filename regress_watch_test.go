package weir_test

// Watches that come late, again or in another order (D6, P8), holds of readers whose goroutine ends (L4), batches of states that depend
// on each other (P6, P11), and functions of the user's where nobody looks for them (G2).

import (
	"context"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// lateWatch has e, which is built and listened to, watch src late, by verb; src is outdated while it is built for that.
type lateWatch struct {
	c      *weir.Container
	n      *weir.StateProvider[int]
	e      *weir.Provider[int]
	builds int
	heard  []int
}

func newLateWatch(t *testing.T, verb func(ref weir.Ref, src *weir.FutureProvider[int])) *lateWatch {
	x := &lateWatch{c: newContainer(t), n: listenState(0)}
	entered, leave := make(chan struct{}), make(chan struct{})
	srcBuilds := 0
	src := weir.NewTryProvider(func(ref weir.Ref) (int, error) {
		v := weir.Watch(ref, x.n)
		if srcBuilds++; srcBuilds == 1 {
			close(entered)
			<-leave
		}
		return v, nil
	})
	var late weir.Ref
	x.e = weir.NewProvider(func(ref weir.Ref) int {
		if x.builds++; x.builds == 1 {
			late = ref
			return -1
		}
		v, _ := weir.Watch(ref, src).Value()
		return v
	})
	weir.Listen(x.c, x.e, func(_, v int) { x.heard = append(x.heard, v) })
	watch := async(t, func() { verb(late, src) })
	await(t, "the build of src", entered)
	x.n.Set(x.c, 1)
	close(leave)
	await(t, "the late watch", watch)
	return x
}

// lateVerbs are the ways to watch late. (A Select through a ref is a Watch with a filter.)
var lateVerbs = map[string]func(ref weir.Ref, src *weir.FutureProvider[int]){
	"Watch": func(ref weir.Ref, src *weir.FutureProvider[int]) { weir.Watch(ref, src) },
	"Await": func(ref weir.Ref, src *weir.FutureProvider[int]) { _, _ = weir.Await(ref, src) },
	"a selection": func(ref weir.Ref, src *weir.FutureProvider[int]) {
		weir.Watch(ref, weir.Select(src, func(v weir.AsyncValue[int]) bool { return v.HasValue() }))
	},
}

func TestD6ALateWatchOfWhatIsOutdatedAlreadyIsHeard(t *testing.T) {
	// src is published stale: n was set after its last Watch. Planted bugs: move e's moment to now for it, without looking whether src is
	// current; leave e stale at a moment that counts as now. Then e takes itself for up to date and never hears of anything again.
	for name, verb := range lateVerbs {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				x := newLateWatch(t, verb)
				settle()
				if name == "Watch" {
					require.Equal(t, []int{1}, x.heard, "what was written while src was built")
					require.Equal(t, 2, x.builds)
				}
				x.c.Invalidate(x.e) // the others have watched what has not changed: see that it is heard of from now on
				require.Equal(t, 1, weir.Read(x.c, x.e))
				x.n.Set(x.c, 2)
				require.Equal(t, []int{1, 2}, x.heard)
				require.Equal(t, 2, weir.Read(x.c, x.e))
			})
		})
	}
}

func TestG2ALateWatchOfWhatIsOutdatedDoesNotKeepTheLock(t *testing.T) {
	// An asynchronous build watches what has watched late. Planted bug: as above; that build asks for ever whether the moment fits, and
	// never lets go of the lock.
	for name, verb := range lateVerbs {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				x := newLateWatch(t, verb)
				f := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) { return weir.Watch(ref, x.e), nil })
				weir.Listen(x.c, f, nil)
				settle()
				require.True(t, weir.Read(x.c, f).HasValue())
			})
		})
	}
}

func TestP8ADependencyWatchedInAnotherOrderJoinsAndLeavesOnce(t *testing.T) {
	// Build 1 watches a and src, build 2 only src, first, and is ended before it is done, build 3 as the first. Planted bug: the parked edge
	// of build 1 is taken for one that build 2 has made again, and so dropped as one that goes: OnRemoveListener of what is still watched,
	// and none when it goes.
	for _, ended := range []int{1, 2, 3} {
		bubble(t, func(t *testing.T) {
			c := newContainer(t)
			var log trace
			src := weir.NewStateProvider(func(ref weir.Ref) int {
				ref.OnAddListener(log.on("add"))
				ref.OnRemoveListener(log.on("remove"))
				return 1
			})
			a := listenState(1)
			builds := 0
			f := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
				switch builds++; {
				case builds == 1 || builds == ended+2:
					weir.Watch(ref, a)
					weir.Watch(ref, src)
				case builds <= ended+1:
					weir.Watch(ref, src)
					<-ctx.Done()
				}
				return builds, nil
			})
			weir.Read(c, src)
			weir.Listen(c, f, nil)
			settle()
			log.want(t, "the first build", "add")
			for range ended + 1 {
				c.Invalidate(f)
				settle()
			}
			require.Equal(t, ended+2, builds)
			flush(t, c)
			log.want(t, "it is watched as before")
			c.Invalidate(f) // the last watches nothing
			settle()
			flush(t, c)
			log.want(t, "the watch went", "remove")
		})
	}
}

// ---- holds and counts

func TestL4AWalkLetsGoOfItsOwnHoldOnly(t *testing.T) {
	// A reader of d is in a selector; d is brought up to date on behalf of n's build meanwhile, on another goroutine, which ends in d's
	// function. Planted bug: what ends there releases the hold of the reader, and then the reader does too: d is never disposed.
	bubble(t, func(t *testing.T) {
		c, _ := toldContainer(t)
		n := listenState(0)
		tens := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, n) / 10 })
		selecting, selector, block := make(chan struct{}), make(chan struct{}), false
		selected := weir.Select(tens, func(v int) int {
			if block {
				block = false
				close(selecting)
				<-selector
			}
			return v
		})
		builds := 0
		d := weir.NewProvider(func(ref weir.Ref) int {
			v := weir.Watch(ref, selected)
			if builds++; builds == 2 {
				runtime.Goexit()
			}
			return v
		}, weir.AutoDispose())
		other := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, n) })
		build, first := make(chan struct{}), true
		over := weir.NewProvider(func(ref weir.Ref) int {
			v := weir.Watch(ref, d)
			if first {
				first = false
				<-build
			}
			return v + weir.Watch(ref, other)
		}, weir.AutoDispose())
		ends := async(t, func() { weir.Read(c, over) })
		settle()
		n.Set(c, 10)
		block = true
		reader := async(t, func() { _ = recovered(func() { weir.Read(c, d) }) })
		await(t, "the selector", selecting)
		close(build)
		await(t, "the goroutine that ends", ends)
		close(selector)
		await(t, "the reader", reader)
		require.Equal(t, 2, builds)
		gone()
		require.False(t, c.Exists(d))
		require.False(t, c.Exists(over))
		usable(t, c)
	})
}

func TestL4ATryThatNobodyUsesGoesHoweverItsBuildEnds(t *testing.T) {
	// Its last dependent goes while it is being built; then the build returns, is cancelled, times out or is invalidated. Planted bug: look
	// whether it is used only where a result is published.
	for how, stop := range map[string]func(c *weir.Container, e *weir.FutureProvider[int]){
		"returns":     func(*weir.Container, *weir.FutureProvider[int]) {},
		"cancelled":   func(c *weir.Container, e *weir.FutureProvider[int]) { e.Cancel(c, nil) },
		"invalidated": func(c *weir.Container, e *weir.FutureProvider[int]) { c.Invalidate(e) },
		"too late":    func(*weir.Container, *weir.FutureProvider[int]) { gone() },
	} {
		t.Run(how, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newContainer(t)
				n := listenState(0)
				build := make(chan struct{})
				e := weir.NewTryProvider(func(ref weir.Ref) (int, error) {
					v := weir.Watch(ref, n)
					if v == 1 {
						<-build
					}
					return v, nil
				}, weir.DisposeDelay(0), weir.Timeout(delay))
				x := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, e).ValueOr(0) }, weir.DisposeDelay(0))
				builds := 0
				y := weir.NewProvider(func(ref weir.Ref) int {
					if builds++; builds == 1 {
						return weir.Watch(ref, x)
					}
					return builds
				})
				weir.Read(c, y)
				n.Set(c, 1)
				reader := async(t, func() { weir.Read(c, y) })
				settle()
				c.Invalidate(y)
				weir.Read(c, y)
				require.False(t, c.Exists(x))
				require.True(t, c.Exists(e), "it is being built")
				stop(c, e)
				close(build)
				await(t, "the reader", reader)
				settle()
				require.False(t, c.Exists(e))
			})
		})
	}
}

// ---- batches

func TestP6ABatchIsWhatItsWritesAreOneByOne(t *testing.T) {
	// The initial function of b watches a, and both are written. Planted bug: mark all first: the write of a, which resets b, takes the
	// write of b that came after it along.
	for name, tc := range map[string]struct {
		write func(a, b *weir.StateProvider[int], s weir.Scope)
		want  int
	}{
		"a then b":       {func(a, b *weir.StateProvider[int], s weir.Scope) { a.Set(s, 1); b.Set(s, 5) }, 5},
		"b then a":       {func(a, b *weir.StateProvider[int], s weir.Scope) { b.Set(s, 5); a.Set(s, 1) }, 10},
		"a, and b again": {func(a, b *weir.StateProvider[int], s weir.Scope) { a.Set(s, 1); b.Set(s, 7) }, 7},
		"only a":         {func(a, _ *weir.StateProvider[int], s weir.Scope) { a.Set(s, 1) }, 10},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				a := listenState(0)
				b := weir.NewStateProvider(func(ref weir.Ref) int { return 10 * weir.Watch(ref, a) })
				far := weir.NewProvider(func(ref weir.Ref) int { return 100*weir.Watch(ref, b) + weir.Watch(ref, a) })
				single, batch, warm := newContainer(t), newContainer(t), newContainer(t)
				tc.write(a, b, single)
				batch.Batch(func(tx *weir.Tx) { tc.write(a, b, tx) })
				var heard []int
				weir.Listen(warm, far, func(_, v int) { heard = append(heard, v) })
				warm.Batch(func(tx *weir.Tx) { tc.write(a, b, tx) })
				for _, c := range []*weir.Container{single, batch, warm} {
					require.Equal(t, tc.want, weir.Read(c, b))
					require.Equal(t, 100*tc.want+1, weir.Read(c, far))
				}
				require.Equal(t, []int{100*tc.want + 1}, heard)
				warm.Batch(func(tx *weir.Tx) { a.Set(tx, 2) })
				require.Equal(t, 20, weir.Read(warm, b), "P11: a later change resets it")
			})
		})
	}
}

// ---- functions of the user's

// askingContext is a context whose methods call into a container.
type askingContext struct {
	context.Context
	ask func()
}

func (x *askingContext) Value(key any) any { x.ask(); return x.Context.Value(key) }

func TestG2NoMethodOfAGivenContextRunsUnderTheLock(t *testing.T) {
	// Whatever the library has to do with the context of WithContext asks that for values. Planted bug: let go of it (context.AfterFunc's
	// stop) under the lock in Close.
	guard(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var c *weir.Container
		asked := 0
		n := listenState(0)
		c = newContainer(t, weir.WithContext(&askingContext{ctx, func() {
			if asked++; c != nil {
				c.Exists(n)
			}
		}}))
		f := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) { return weir.Watch(ref, n), ctx.Err() })
		within(t, "a Resolve", func() {
			_, err := weir.Resolve(t.Context(), c, f)
			require.NoError(t, err)
		})
		before := asked
		within(t, "Close", c.Close)
		require.Greater(t, asked, before, "Close asks it for something")
	})
}
