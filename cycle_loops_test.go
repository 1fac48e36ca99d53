package weir_test

// This file holds what Values and Results inside a build function are: a wait, so that one which closes a cycle is a *CycleError (E2),
// where Listen, and a loop on a goroutine that nobody waits for, are not. Rings of them are among those of cycle_test.go.

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestE2AResultsThatClosesACycleYieldsItAndEnds(t *testing.T) {
	// Through a ref or a context; whoever of the two begins to wait last finds it, and the loop hears of it either way.
	for _, through := range []string{"ref", "container"} {
		for _, first := range []string{"the loop", "the Await"} {
			t.Run(through+"/"+first, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					c := newContainer(t)
					var b *weir.FutureProvider[int]
					var log trace
					wait := func(who string) {
						if first != who {
							time.Sleep(time.Second)
						}
					}
					a := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
						var s weir.Scope = ref
						if through == "container" {
							s = ref.Container()
						}
						weir.Read(s, b)
						wait("the loop")
						var last error
						for _, err := range weir.Results(ctx, s, b) {
							log.add("%v", isCycleError(err))
							if last = err; first == "the loop" {
								break // b has failed, and would be built again
							}
						}
						return 0, last
					}, weir.Name("a"))
					b = weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
						wait("the Await")
						return weir.Await(ref, a)
					}, weir.Name("b"))
					start := time.Now()
					_, err := weir.Resolve(t.Context(), c, a)
					isCycle(t, through, err, "a", "b")
					require.Equal(t, time.Second, time.Since(start), "found at once")
					log.want(t, "the loop", "true")
					usable(t, c)
				})
			})
		}
	}
}

func TestE2ALoopThatNobodyWaitsForIsNoCycle(t *testing.T) {
	// A build that has a goroutine of its own go through its own states, and through those of what awaits it.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var a, b *weir.FutureProvider[int]
		var log trace
		a = weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
			for _, p := range []*weir.FutureProvider[int]{a, b} {
				go func() {
					for v := range weir.Values(ctx, ref, p) {
						log.add("%s %s", p.Name(), show(v))
					}
				}()
			}
			time.Sleep(time.Second)
			return 1, nil
		}, weir.Name("a"))
		b = weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) { return weir.Await(ref, a) }, weir.Name("b"))
		weir.Listen(c, b, nil)
		pass(2 * time.Second)
		log.wantSet(t, "both", "a loading", "b loading", "a data 1", "b data 1")
	})
}

func TestE2ALoopOverWhatIsAtRestIsNoCycle(t *testing.T) {
	// A stream that has emitted hears what is written to itself, and a future what others write to a notifier that awaits it: neither waits
	// for a build. Planted bug: any loop counts as a wait.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var stream *weir.StreamNotifierProvider[*endsStreamNotifier, int]
		stream = weir.NewStreamNotifierProvider(func() *endsStreamNotifier {
			return &endsStreamNotifier{build: func(ctx context.Context, ref weir.Ref, emit func(int) bool) error {
				emit(1)
				for v := range weir.Values(ctx, ref, stream) {
					if v.ValueOr(0) == 7 {
						emit(8)
					}
				}
				return context.Cause(ctx)
			}}
		}, weir.Name("stream"))
		s := weir.Listen(c, stream, nil)
		defer s.Close()
		settle()
		stream.Notifier(c).SetData(7)
		settle()
		isData(t, 8, weir.Read(c, stream))

		var a *weir.FutureProvider[int]
		var b *weir.AsyncNotifierProvider[*endsNotifier, int]
		a = weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
			for v, err := range weir.Results(ctx, ref, b) {
				if v > 1 || err != nil {
					return v, err
				}
			}
			return 0, context.Cause(ctx)
		}, weir.Name("a"))
		b = weir.NewAsyncNotifierProvider(func() *endsNotifier {
			return &endsNotifier{build: func(_ context.Context, ref weir.Ref) (int, error) {
				time.Sleep(time.Second)
				return weir.Await(ref, a)
			}}
		}, weir.Name("b"))
		l := weir.Listen(c, a, nil)
		defer l.Close()
		settle()
		b.Notifier(c).SetData(1)
		pass(2 * time.Second)
		require.Equal(t, "loading", show(weir.Read(c, a)), "it waits for a greater one")
		b.Notifier(c).SetData(2)
		settle()
		isData(t, 2, weir.Read(c, a))
	})
}

func TestE2ALoopInABuildThatATurnRuns(t *testing.T) {
	// The loop waits for a call that the very turn would make which runs the build: another goroutine goes on with it.
	for _, name := range []string{"Try", "provider"} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newContainer(t)
				n := scenarioNumber(0)
				src := follows(n)
				loop := func(ref weir.Ref) (int, error) {
					for v, err := range weir.Results(ref.Context(), ref, src) {
						if v == weir.Watch(ref, n) {
							return v, err
						}
					}
					return 0, errors.New("the loop ended")
				}
				var log trace
				var s sub
				if name == "Try" {
					s = weir.Listen(c, weir.NewTryProvider(loop), func(_, v weir.AsyncValue[int]) { log.add("%s", show(v)) })
				} else {
					s = weir.Listen(c, weir.NewProvider(func(ref weir.Ref) string { return fmt.Sprint(loop(ref)) }), func(_, v string) { log.add("data %s", v) })
				}
				defer s.Close()
				for i := 1; i < 4; i++ {
					within(t, "the Set", func() { n.Set(c, i) })
					pass(2 * time.Second)
				}
				if got := log.take(); len(got) != 3 {
					t.Errorf("the listener was told %q, want three values", got)
				}
				usable(t, c)
			})
		})
	}
}
