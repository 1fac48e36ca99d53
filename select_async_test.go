package weir_test

// This file holds SelectAsync: the selection of an async source keeps its loading and error parts and passes on what changes in the
// data. Numbers S-nnn are those of the scenarios.

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// selectSource is a future under the test's control: each build takes its outcome from feed.
type selectSource struct {
	p    *weir.FutureProvider[int]
	feed chan func() (int, error)
}

func newSelectSource(opts ...weir.ProviderOption) selectSource {
	feed := make(chan func() (int, error), 9)
	return selectSource{weir.NewFutureProvider(func(ctx context.Context, _ weir.Ref) (int, error) {
		select {
		case outcome := <-feed:
			return outcome()
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}, opts...), feed}
}

func (s selectSource) data(v int)      { s.feed <- func() (int, error) { return v, nil }; settle() }
func (s selectSource) fail(err error)  { s.feed <- func() (int, error) { return 0, err }; settle() }
func (s selectSource) bug(value error) { s.feed <- func() (int, error) { panic(value) }; settle() }

// selectShow writes an async value in one word.
func selectShow[T any](v weir.AsyncValue[T]) string {
	s := ""
	switch x, ok := v.Value(); {
	case v.HasError() && ok:
		s = fmt.Sprintf("%v(was %v)", v.Err(), x)
	case v.HasError():
		s = v.Err().Error()
	case ok:
		s = fmt.Sprint(x)
	}
	if v.IsLoading() {
		s += "..."
	}
	return s
}

func selectAsyncLog[T any](log *trace) func(prev, next weir.AsyncValue[T]) {
	return func(prev, next weir.AsyncValue[T]) { log.add("%s→%s", selectShow(prev), selectShow(next)) }
}

func TestSelectAsyncS184AsADependency(t *testing.T) {
	// a follows S, b awaits a mod 10: S 0→1 rebuilds b, 1→11 does not, 11→12 does; while a reloads b still shows its data. A toy shows
	// loading in everything downstream at each reload, or rebuilds b for the same remainder.
	for _, opts := range [][]weir.ProviderOption{nil, {weir.AutoDispose()}} {
		t.Run(fmt.Sprint(len(opts), " options"), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newContainer(t)
				n := selectState(0)
				gate := make(chan struct{}, 1)
				a := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
					v := weir.Watch(ref, n)
					<-gate
					return v, nil
				}, opts...)
				builds := 0
				b := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
					builds++
					return weir.Await(ref, weir.SelectAsync(a, func(v int) int { return v % 10 }))
				}, opts...)
				weir.Listen(c, b, nil)
				gate <- struct{}{}
				settle()
				require.Equal(t, "0", selectShow(weir.Read(c, b)))
				for i, step := range []struct {
					set, builds int
					during      string
					after       string
				}{{1, 2, "0", "1"}, {11, 2, "1", "1"}, {12, 3, "1", "2"}} {
					n.Set(c, step.set)
					settle()
					require.True(t, weir.Read(c, a).IsReloading(), "step %d", i)
					require.Equal(t, step.during, selectShow(weir.Read(c, b)), "while a reloads, step %d", i)
					gate <- struct{}{}
					settle()
					require.Equal(t, step.after, selectShow(weir.Read(c, b)), "step %d", i)
					require.Equal(t, step.builds, builds, "builds of b, step %d", i)
				}
			})
		})
	}
}

func TestSelectAsyncListenSeesTransitions(t *testing.T) {
	// As AsyncSource: loading, data and error are passed on as they come, the data through the selector; a refresh that ends with the
	// same part ends the loading all the same (A1, D8).
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		src := newSelectSource()
		weir.Listen(c, weir.SelectAsync(src.p, func(v int) string { return fmt.Sprint("r", v%10) }), selectAsyncLog[string](&log))
		settle()
		log.take()
		src.data(1)
		log.want(t, "first data", "...→r1")
		c.Invalidate(src.p)
		settle()
		log.want(t, "refreshing", "r1→r1...")
		src.data(11)
		log.want(t, "the same part", "r1...→r1")
		c.Invalidate(src.p)
		settle()
		src.fail(errBoom)
		log.want(t, "failed", "r1→r1...", "r1...→boom(was r1)")
		c.Invalidate(src.p)
		settle()
		src.data(2)
		log.want(t, "recovered", "boom(was r1)→boom(was r1)...", "boom(was r1)...→r2")
	})
}

func TestSelectAsyncS185ReadFollowsTheData(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		n := selectState(0)
		even := weir.SelectAsync(weir.NewTryProvider(func(ref weir.Ref) (int, error) { return weir.Watch(ref, n), nil }), selectEven)
		s := weir.Listen(c, even, nil)
		for _, step := range []struct {
			add  int
			want bool
		}{{0, true}, {2, true}, {1, false}} {
			n.Update(c, func(v int) int { return v + step.add })
			v, ok := s.Read().Value()
			require.True(t, ok)
			require.Equal(t, step.want, v)
		}
	})
}

func TestSelectAsyncS187AFailingSelectorIsFailed(t *testing.T) {
	// A panic of the selector is Failed(*PanicError), again for each new source value, gone with the next good one; nobody is raised at.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		src := newSelectSource()
		sel := weir.SelectAsync(src.p, func(v int) int {
			if v < 0 {
				panic(errBoom)
			}
			return v
		})
		weir.Listen(c, sel, nil, weir.OnError(func(error) {}))
		settle()
		for _, v := range []int{-1, -2} {
			src.data(v)
			var p *weir.PanicError
			require.ErrorAs(t, weir.Read(c, sel).Err(), &p)
			require.ErrorIs(t, p, errBoom)
			_, err := weir.Resolve(t.Context(), c, sel)
			require.ErrorIs(t, err, errBoom)
			c.Invalidate(src.p)
			settle()
		}
		src.data(3)
		v, err := weir.Resolve(t.Context(), c, sel)
		require.NoError(t, err)
		require.Equal(t, 3, v)
	})
}

func TestSelectAsyncS188FireImmediatelyOnce(t *testing.T) {
	// One call with what there is, whatever the state: loading, data, or an error (which is a value of an async source).
	for _, state := range []string{"loading", "data", "error"} {
		t.Run(state, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newContainer(t)
				var log trace
				src := newSelectSource()
				weir.Read(c, src.p)
				settle()
				want := "→..."
				switch state {
				case "data":
					src.data(7)
					want = "→107"
				case "error":
					src.fail(errBoom)
					want = "→boom"
				}
				weir.Listen(c, weir.SelectAsync(src.p, func(v int) int { return v + 100 }), selectAsyncLog[int](&log), weir.FireImmediately(),
					weir.OnError(func(err error) { log.add("error %v", err) }))
				settle()
				got := log.take()
				require.Len(t, got, 1)
				require.Contains(t, []string{want, "..." + want}, got[0]) // prev is the zero AsyncValue, which counts as loading
				src.feed <- func() (int, error) { return 0, nil }
			})
		})
	}
}

func TestSelectAsyncS191ResolveWaitsForTheFirstSettledValue(t *testing.T) {
	// A3: a Resolve that began while loading survives refreshes and a cancelled-and-restarted build, and returns the first result at rest.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		src := newSelectSource()
		got := make(chan int, 1)
		go func() {
			v, err := weir.Resolve(t.Context(), c, weir.SelectAsync(src.p, func(v int) int { return v + 40 }))
			if err != nil {
				t.Error(err)
			}
			got <- v
		}()
		settle()
		c.Invalidate(src.p)
		settle()
		c.InvalidateAsReload(src.p)
		settle()
		require.Empty(t, got)
		src.data(2)
		require.Equal(t, 42, await(t, "Resolve", got))
	})
}

func TestSelectAsyncS192AwaitOutlivesItsOwnInvalidation(t *testing.T) {
	// The awaiting element is invalidated before the source has settled: its new build gets the source's next event, value or error raw.
	for _, fails := range []bool{false, true} {
		t.Run(fmt.Sprint("fails ", fails), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newContainer(t)
				src := newSelectSource()
				var old error
				builds := 0
				p := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
					builds++
					v, err := weir.Await(ref, weir.SelectAsync(src.p, func(v int) int { return v * 2 }))
					if builds == 1 {
						old = err
					}
					return v, err
				})
				weir.Listen(c, p, nil)
				settle()
				c.Invalidate(p)
				settle()
				require.ErrorIs(t, old, weir.ErrInvalidated, "C8: Await of the build that is over returns the cause")
				if fails {
					src.fail(errBoom)
					require.Equal(t, errBoom, weir.Read(c, p).Err())
				} else {
					src.data(21)
					require.Equal(t, 42, weir.Read(c, p).ValueOr(0))
				}
				require.Equal(t, 2, builds)
			})
		})
	}
}

func TestSelectAsyncS194ResolveOfASelection(t *testing.T) {
	// From outside: the selected value, the source's raw error, or what the selector panicked with. A Try source needs no waiting.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		resolve := func(src weir.AsyncSource[int], f func(int) string) (string, error) {
			return weir.Resolve(t.Context(), c, weir.SelectAsync(src, f))
		}
		text := func(v int) string { return fmt.Sprint("v", v) }
		v, err := resolve(weir.NewTryProvider(func(weir.Ref) (int, error) { return 1, nil }), text)
		require.NoError(t, err)
		require.Equal(t, "v1", v)
		_, err = resolve(weir.NewTryProvider(func(weir.Ref) (int, error) { return 0, errBoom }), text)
		require.Equal(t, errBoom, err, "raw, not wrapped")
		_, err = resolve(weir.NewTryProvider(func(weir.Ref) (int, error) { return 1, nil }), func(int) string { panic(errBoom) })
		require.ErrorIs(t, err, errBoom)
		src := newSelectSource()
		src.feed <- func() (int, error) { return 3, nil }
		v, err = resolve(src.p, text)
		require.NoError(t, err)
		require.Equal(t, "v3", v)
		panics := newSelectSource()
		panics.bug(errBoom)
		_, err = resolve(panics.p, text)
		var p *weir.PanicError
		require.ErrorAs(t, err, &p)
	})
}

func TestSelectAsyncWatchGetsTheAsyncValue(t *testing.T) {
	// A5 through a selection: Watch gives the AsyncValue and rebuilds at each transition that is one for the selection.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		src := newSelectSource()
		p := weir.NewProvider(func(ref weir.Ref) string {
			return selectShow(weir.Watch(ref, weir.SelectAsync(src.p, func(v int) int { return v % 10 })))
		})
		weir.Listen(c, p, propagationArrow[string](&log, ""))
		settle()
		src.data(1)
		log.want(t, "data", "...→1")
		c.Invalidate(src.p)
		settle()
		log.want(t, "refreshing", "1→1...")
		src.data(2)
		log.want(t, "other data", "1...→2")
	})
}

func TestSelectAsyncChainedWithSelect(t *testing.T) {
	// A Select over an async source sees AsyncValues, a SelectAsync over a SelectAsync the selected data.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		src := newSelectSource()
		tens := weir.SelectAsync(weir.SelectAsync(src.p, func(v int) int { return v / 10 }), func(v int) string { return fmt.Sprint("t", v) })
		ready := weir.Select(tens, func(v weir.AsyncValue[string]) bool { return v.HasValue() })
		weir.Listen(c, ready, propagationArrow[bool](&log, "ready "))
		weir.Listen(c, tens, selectAsyncLog[string](&log))
		settle()
		log.take()
		src.data(42)
		log.wantSet(t, "data", "ready false→true", "...→t4")
		c.Invalidate(src.p)
		settle()
		src.data(43)
		log.want(t, "a refresh with the same tens", "t4→t4...", "t4...→t4")
	})
}

func TestSelectAsyncPausedAndWeak(t *testing.T) {
	// L1, L8: a paused selection leaves the source on standby, a weak one does not start it; the Resolve of a selection is a listener
	// for as long as it waits.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		hooked := make(chan func() (int, error), 9)
		p := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
			log.add("build")
			ref.OnCancel(log.on("cancel"))
			ref.OnResume(log.on("resume"))
			select {
			case outcome := <-hooked:
				return outcome()
			case <-ctx.Done():
				return 0, context.Cause(ctx)
			}
		}, weir.AutoDispose())
		sel := weir.SelectAsync(p, func(v int) int { return v + 1 })
		weak := weir.Listen(c, sel, selectAsyncLog[int](&log), weir.Weak())
		pass(10 * delay)
		log.want(t, "a weak selection alone")
		s := weir.Listen(c, sel, nil)
		settle()
		require.Equal(t, 1, count(log.take(), "build"))
		s.Pause()
		settle()
		log.want(t, "paused", "cancel")
		ctx, stop := context.WithCancelCause(t.Context())
		left := make(chan error, 1)
		go func() { _, err := weir.Resolve(ctx, c, sel); left <- err }()
		settle()
		log.want(t, "a Resolve waits", "resume")
		stop(errors.New("gave up"))
		require.EqualError(t, <-left, "gave up")
		settle()
		log.want(t, "it left", "cancel")
		s.Resume()
		hooked <- func() (int, error) { return 1, nil }
		settle()
		got := log.take()
		inOrder(t, got, "resume", "...→2")
		weak.Close()
		s.Close()
	})
}
