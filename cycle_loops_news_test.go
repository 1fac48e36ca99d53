package weir_test

// This file holds what a Values or Results loop inside a build waits for (E2): for a build, if what it hears of is being built or has to
// ask such a thing; not while there is something that it has yet to hear.

import (
	"context"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestE2ALoopOverWhatHasToAskABuild(t *testing.T) {
	// The loop's source is built and may be out of date: to know, it has to ask a build that waits for the loop's own. Whoever comes last
	// finds it. Planted bug: only what is being built itself is waited for.
	for _, first := range []string{"the loop", "the Resolve"} {
		for _, far := range []bool{false, true} {
			t.Run(first, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					c, _ := toldContainer(t)
					n := scenarioNumber(0)
					var a *weir.FutureProvider[int]
					g := weir.NewTryProvider(func(ref weir.Ref) (int, error) {
						if weir.Watch(ref, n) == 0 {
							return 0, nil
						}
						if first == "the loop" {
							time.Sleep(time.Second)
						}
						return weir.Resolve(context.Background(), ref, a)
					}, weir.Name("g"))
					d := weir.NewProvider(func(ref weir.Ref) int {
						return weir.When(weir.Watch(ref, g), func(v int) int { return v }, func(error) int { return -1 }, func() int { return -2 })
					}, weir.Name("d"))
					if far {
						near := d
						d = weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, near) }, weir.Name("d"))
					}
					a = weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (_ int, err error) {
						defer func() {
							if r := recover(); r != nil {
								err = asError(r)
							}
						}()
						for v := range weir.Values(ctx, ref, d) {
							if v != 0 {
								return v, nil
							}
							if first == "the Resolve" {
								time.Sleep(time.Second)
							}
						}
						return 0, context.Cause(ctx)
					}, weir.Name("a"))
					s := weir.Listen(c, a, nil)
					defer s.Close()
					settle()
					set := async(t, func() { n.Set(c, 1) })
					pass(2 * time.Second)
					<-set
					if first == "the loop" {
						isCycle(t, "g", weir.Read(c, g).Err(), "a", "d", "g")
						isData(t, -1, weir.Read(c, a))
					} else {
						isCycle(t, "a", weir.Read(c, a).Err(), "a", "d", "g")
					}
					usable(t, c)
				})
			})
		}
	}
}

// awaitsWhenSet is a future b that awaits a once n is set, and is 0 until then.
func awaitsWhenSet(n *weir.StateProvider[int], a **weir.FutureProvider[int]) *weir.FutureProvider[int] {
	return weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
		if weir.Watch(ref, n) == 0 {
			return 0, nil
		}
		return weir.Await(ref, *a)
	}, weir.Name("b"))
}

func TestE2ALoopThatABuildIsToEndIsNoCycle(t *testing.T) {
	// The build publishes what the loop goes on with, and only then waits for the loop's. Planted bug: a loop waits for the build from
	// before it has been told of that.
	for _, slow := range []string{"n", "b", "nobody"} { // whose listener the turn is busy with meanwhile
		bubble(t, func(t *testing.T) {
			c := newContainer(t)
			n := scenarioNumber(0)
			var a *weir.FutureProvider[int]
			b := awaitsWhenSet(n, &a)
			a = weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
				for v := range weir.Values(ctx, ref, b) {
					if v.IsReloading() {
						return 7, nil
					}
				}
				return 0, context.Cause(ctx)
			}, weir.Name("a"))
			defer weir.Listen(c, n, func(int, int) {
				if slow == "n" {
					time.Sleep(time.Second)
				}
			}).Close()
			defer weir.Listen(c, b, func(_, v weir.AsyncValue[int]) {
				if slow == "b" && v.IsReloading() {
					time.Sleep(time.Second)
				}
			}).Close()
			settle()
			defer weir.Listen(c, a, nil).Close()
			settle()
			n.Set(c, 1)
			pass(2 * time.Second)
			isData(t, 7, weir.Read(c, b))
			isData(t, 7, weir.Read(c, a))
		})
	}
}

func TestE2ALoopThatGoesOnIsFoundWhereItWaitsAnew(t *testing.T) {
	// What it was told of comes to nothing for it, or for what it selects, and then it is the one that closes the cycle. Planted bug: a call
	// that comes to nothing has it wait on as before.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		n := scenarioNumber(0)
		var a *weir.FutureProvider[int]
		b := awaitsWhenSet(n, &a)
		a = weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (_ int, err error) {
			defer func() {
				if r := recover(); r != nil {
					err = asError(r)
				}
			}()
			for v := range weir.Values(ctx, ref, weir.Select(b, func(v weir.AsyncValue[int]) int { return v.ValueOr(0) })) {
				if v > 0 {
					return v, nil
				}
			}
			return 0, context.Cause(ctx)
		}, weir.Name("a"))
		defer weir.Listen(c, n, func(int, int) { time.Sleep(time.Second) }).Close() // b has begun to wait before the loop is called
		defer weir.Listen(c, b, nil).Close()
		settle()
		defer weir.Listen(c, a, nil).Close()
		settle()
		n.Set(c, 1)
		pass(2 * time.Second)
		isCycle(t, "a", weir.Read(c, a).Err(), "a", "b")
		isCycle(t, "b", weir.Read(c, b).Err(), "a", "b")
		usable(t, c)
	})
}

func TestL1ALoopInABuildThatNobodyListensTo(t *testing.T) {
	// The build needs what the loop waits for: a stream whose emit would block on standby, a retry that waits for a listener, a derived value.
	// Planted bug: a loop through the ref of a synchronous build that is only read counts as paused.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		stream := weir.NewStreamProvider(func(ctx context.Context, ref weir.Ref, emit func(int) bool) error {
			ref.OnCancel(log.on("cancel"))
			ref.OnResume(log.on("resume"))
			for i := 1; emit(i); i++ {
				time.Sleep(time.Second)
			}
			return context.Cause(ctx)
		}, weir.AutoDispose())
		tries := 0
		failing := weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) {
			if tries++; tries < 3 {
				return 0, errBoom
			}
			return tries, nil
		}, weir.Retry(weir.Backoff(time.Second, time.Second, 10)))
		n := scenarioNumber(1)
		double := weir.NewProvider(func(ref weir.Ref) int { return 2 * weir.Watch(ref, n) })
		p := weir.NewProvider(func(ref weir.Ref) (sum int) {
			for v := range weir.Results(context.Background(), ref, stream) {
				if v == 3 {
					sum += v
					break
				}
			}
			for v := range weir.Results(context.Background(), ref, failing) {
				sum += 10 * v
				break
			}
			for v := range weir.Values(context.Background(), ref, double) {
				if v > 2 {
					sum += 100 * v
					break
				}
			}
			return sum
		})
		var got int
		reading := async(t, func() { got = weir.Read(c, p) })
		pass(10 * time.Second)
		n.Set(c, 2)
		<-reading
		require.Equal(t, 433, got)
		log.want(t, "the stream", "cancel")
		usable(t, c)
	})
}

func TestE2APulledLoopThatClosesACycle(t *testing.T) {
	// A coroutine is on no build's stack; the one that made the loop is.
	for _, made := range []string{"outside", "inside"} {
		t.Run(made, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newContainer(t)
				var b *weir.FutureProvider[int]
				a := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
					loop := weir.Results(ctx, ref, b)
					if made == "inside" {
						loop = func(yield func(int, error) bool) { weir.Results(ctx, ref, b)(yield) }
					}
					next, stop := iter.Pull2(loop)
					defer stop()
					v, err, _ := next()
					return v, err
				}, weir.Name("a"))
				b = weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) { return weir.Await(ref, a) }, weir.Name("b"))
				_, err := weir.Resolve(t.Context(), c, a)
				isCycle(t, "a", err, "a", "b")
				usable(t, c)
			})
		})
	}
}

func TestE2ACycleOfLoopsAcrossContainers(t *testing.T) {
	// One in the parent, which loops through the child, the other in the child.
	bubble(t, func(t *testing.T) {
		root := newContainer(t)
		tenant := weir.NewProvider(func(weir.Ref) int { return 0 }, weir.Scoped())
		var child *weir.Container
		var b *weir.FutureProvider[int]
		a := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (v int, err error) {
			for v, err = range weir.Results(ctx, child, b) {
				break
			}
			return v, err
		}, weir.Name("a"))
		b = weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (v int, err error) {
			weir.Watch(ref, tenant)
			for v, err = range weir.Results(ctx, ref, a) {
				break
			}
			return v, err
		}, weir.Name("b"), weir.Scoped(tenant))
		child = newContainer(t, weir.WithParent(root), tenant.OverrideWithValue(1))
		_, err := weir.Resolve(t.Context(), child, b)
		isCycle(t, "b", err, "a", "b")
		usable(t, child)
		usable(t, root)
	})
}

func TestE2ALoopThroughAClosedChild(t *testing.T) {
	// The build is live, the loop is none. Planted bug: wait for an element that the loop never got.
	bubble(t, func(t *testing.T) {
		root := newContainer(t)
		child := newContainer(t, weir.WithParent(root))
		child.Close()
		src := slowly("src", time.Hour)
		a := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (rounds int, err error) {
			for range weir.Values(ctx, child, src) {
				rounds++
			}
			return rounds, nil
		})
		v, err := weir.Resolve(t.Context(), root, a)
		require.NoError(t, err)
		require.Zero(t, v)
	})
}
