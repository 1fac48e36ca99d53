package weir_test

// This file holds what consumers of their own pace use: Values and Results (what they yield, what ends them, that they count as
// listeners while they run, through a container, a ref and a tx), and Changed.

import (
	"context"
	"errors"
	"iter"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// listenCollect runs a loop over seq on a goroutine of its own and records what it yields; the channel is closed when the loop ends.
func listenCollect[T any](t *testing.T, log *trace, seq iter.Seq[T]) <-chan struct{} {
	return async(t, func() {
		for v := range seq {
			log.add("%v", v)
		}
	})
}

func listenCollect2[T any](t *testing.T, log *trace, seq iter.Seq2[T, error]) <-chan struct{} {
	return async(t, func() {
		for v, err := range seq {
			log.add("%v,%v", v, err)
		}
	})
}

func TestValuesYieldsTheCurrentValueThenChanges(t *testing.T) {
	// It is a listener while it runs: it builds, keeps active, and goes with the loop, however that ends.
	ends := map[string]func(c *weir.Container, cancel func()){
		"ctx":       func(_ *weir.Container, cancel func()) { cancel() },
		"container": func(c *weir.Container, _ func()) { c.Close() },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newContainer(t)
				var log trace
				n := listenState(0)
				p := weir.NewProvider(func(ref weir.Ref) int {
					ref.OnCancel(log.on("cancel"))
					return 10 * weir.Watch(ref, n)
				}, weir.AutoDispose(), weir.Name("p"))
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				loop := listenCollect(t, &log, weir.Values(ctx, c, p))
				settle()
				log.want(t, "at the start", "0")
				require.Equal(t, 1, info(t, c, "p").Listeners)
				n.Set(c, 1)
				settle()
				n.Set(c, 1)
				settle()
				n.Set(c, 2)
				settle()
				log.want(t, "changes", "10", "20")
				end(c, cancel)
				<-loop
				settle()
				if name == "ctx" {
					log.want(t, "the end", "cancel")
					gone()
					require.False(t, c.Exists(p))
				}
			})
		})
	}
}

func TestValuesEndsWithItsLoop(t *testing.T) {
	// Break, return and panic in the body unsubscribe; a second range over the same sequence starts anew; a ctx that is over yields
	// nothing.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		n := listenState(5, weir.Name("n"))
		seq := weir.Values(t.Context(), c, n)
		require.False(t, c.Exists(n), "a sequence that nobody ranges over is nothing")
		for range 2 {
			for v := range seq {
				require.Equal(t, 5, v)
				require.Equal(t, 1, info(t, c, "n").Listeners)
				break
			}
			settle()
			require.Zero(t, info(t, c, "n").Listeners)
		}
		require.Equal(t, errBoom, recovered(func() {
			for range seq {
				panic(errBoom)
			}
		}))
		settle()
		require.Zero(t, info(t, c, "n").Listeners)
		over, cancel := context.WithCancel(t.Context())
		cancel()
		for v := range weir.Values(over, c, n) {
			t.Errorf("yielded %v under a ctx that is over", v)
		}
	})
}

func TestG9ASlowConsumerNeverBlocksAWriter(t *testing.T) {
	// While the consumer is stuck in its body, a thousand sets go through; it then gets the latest and nothing in between. Planted bugs:
	// an unbuffered channel to the consumer, or a queue of every change.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		n := listenState(0)
		future := weir.NewTryProvider(func(ref weir.Ref) (int, error) { return weir.Watch(ref, n), nil })
		for _, consume := range []func(ctx context.Context, body func(v int)){
			func(ctx context.Context, body func(v int)) {
				for v := range weir.Values(ctx, c, n) {
					body(v)
				}
			},
			func(ctx context.Context, body func(v int)) {
				for v, err := range weir.Results(ctx, c, future) {
					if err != nil {
						t.Error(err)
					}
					body(v)
				}
			},
		} {
			n.Set(c, 0)
			ctx, cancel := context.WithCancel(t.Context())
			seen, goOn := make(chan int), make(chan struct{})
			loop := async(t, func() {
				consume(ctx, func(v int) { seen <- v; <-goOn })
			})
			require.Equal(t, 0, await(t, "the first value", seen))
			within(t, "a thousand sets beside a stuck consumer", func() {
				for i := 1; i <= 1000; i++ {
					n.Set(c, i)
				}
			})
			goOn <- struct{}{}
			require.Equal(t, 1000, await(t, "the latest value", seen))
			goOn <- struct{}{}
			cancel()
			await(t, "the loop", loop)
		}
	})
}

func TestG9ManyConsumersEachSeeTheLast(t *testing.T) {
	// Values never go backwards for one consumer, and each ends up with the last. Planted bug: clear the slot after reading the value.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		const last = 2000
		n := listenState(0)
		var loops []<-chan struct{}
		for range 8 {
			loops = append(loops, async(t, func() {
				prev := -1
				for v := range weir.Values(t.Context(), c, n) {
					if v <= prev {
						t.Errorf("%d after %d", v, prev)
					}
					if prev = v; v == last {
						return
					}
				}
			}))
		}
		for i := 1; i <= last; i++ {
			n.Set(c, i)
		}
		for _, loop := range loops {
			await(t, "a consumer that sees the last value", loop)
		}
	})
}

func TestResultsSkipsLoading(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		src := newSelectSource()
		ctx, cancel := context.WithCancel(t.Context())
		loop := listenCollect2(t, &log, weir.Results(ctx, c, src.p))
		settle()
		log.want(t, "loading")
		src.data(1)
		log.want(t, "data", "1,<nil>")
		c.Invalidate(src.p)
		settle()
		log.want(t, "refreshing")
		src.fail(errBoom)
		log.want(t, "failed", "1,boom")
		c.InvalidateAsReload(src.p)
		settle()
		log.want(t, "reloading")
		src.data(2)
		log.want(t, "data again", "2,<nil>")
		cancel()
		<-loop
	})
}

func TestResultsThatStartInAFailedState(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		p := weir.NewTryProvider(func(weir.Ref) (int, error) { return 0, errBoom })
		for v, err := range weir.Results(t.Context(), c, p) {
			require.Equal(t, errBoom, err)
			require.Zero(t, v)
			break
		}
	})
}

func TestResultsEndsWhileItWaits(t *testing.T) {
	// Nothing is yielded for the end itself, whether the ctx or the container is over while the source loads.
	for _, how := range []string{"ctx", "container"} {
		t.Run(how, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newContainer(t)
				var log trace
				src := newSelectSource()
				ctx, cancel := context.WithCancelCause(t.Context())
				loop := listenCollect2(t, &log, weir.Results(ctx, c, src.p))
				settle()
				if how == "ctx" {
					cancel(errors.New("enough"))
				} else {
					c.Close()
				}
				<-loop
				log.want(t, "the end")
				cancel(nil)
			})
		})
	}
}

func TestG13ValuesThroughARefEndsWithItsBuild(t *testing.T) {
	// The loop belongs to the build: it pauses and ends as a watch does, whatever its ctx says. A toy leaks a goroutine per rebuild.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		n := weir.NewStateProvider(func(ref weir.Ref) int { log.hooks(ref, "", true); return 0 }, weir.AutoDispose())
		try := weir.NewTryProvider(func(ref weir.Ref) (int, error) { return weir.Watch(ref, n) * 10, nil }, weir.AutoDispose())
		builds := 0
		var loops []<-chan struct{}
		p := weir.NewProvider(func(ref weir.Ref) int {
			builds++
			b := builds
			loops = append(loops, async(t, func() {
				for v := range weir.Values(context.Background(), ref, n) {
					log.add("%d: %d", b, v)
				}
			}), async(t, func() {
				for v, err := range weir.Results(context.Background(), ref, try) {
					log.add("%d: %d,%v", b, v, err)
				}
			}))
			return b
		}, weir.DisposeDelay(0))
		s := weir.Listen(c, p, nil)
		settle()
		got := log.take()
		require.Equal(t, []int{1, 1}, []int{count(got, "1: 0"), count(got, "1: 0,<nil>")}, "%v", got)
		n.Set(c, 1)
		settle()
		log.wantSet(t, "a change", "1: 1", "1: 10,<nil>")
		c.Invalidate(p)
		settle()
		await(t, "the loop of the first build", loops[0])
		await(t, "the loop of the first build", loops[1])
		log.take()
		n.Set(c, 2)
		settle()
		log.wantSet(t, "a change in the second build", "2: 2", "2: 20,<nil>")
		s.Close()
		await(t, "the loop of a build that was disposed", loops[2])
		await(t, "the loop of a build that was disposed", loops[3])
		settle()
		require.Equal(t, 1, count(log.take(), "cancel"))
		gone()
		require.Zero(t, elements(c))
	})
}

func TestValuesThroughATx(t *testing.T) {
	// A loop is no Read: it shows what everybody sees, so nothing that is only staged; a sequence kept beyond the batch is misuse (D7).
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		n := listenState(1)
		var values iter.Seq[int]
		var results iter.Seq2[int, error]
		c.Batch(func(tx *weir.Tx) {
			n.Set(tx, 2)
			values = weir.Values(t.Context(), tx, n)
			results = weir.Results(t.Context(), tx, weir.NewTryProvider(func(weir.Ref) (int, error) { return 7, nil }))
			for v := range values {
				require.Equal(t, 1, v)
				break
			}
			for v, err := range results {
				require.NoError(t, err)
				require.Equal(t, 7, v)
				break
			}
		})
		misuse(t, "Values", func() {
			for range values {
				return
			}
		}, "Batch")
		misuse(t, "Results", func() {
			for range results {
				return
			}
		}, "Batch")
	})
}

func TestG10ValuesOnAClosedContainer(t *testing.T) {
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		n := listenState(1)
		weir.Read(c, n)
		c.Close()
		within(t, "Values and Results on a closed container", func() {
			for range weir.Values(context.Background(), c, listenState(2)) {
				t.Error("Values yielded what was never built")
			}
			for range weir.Results(context.Background(), c, newSelectSource().p) {
				t.Error("Results yielded what was never built")
			}
		})
	})
}

func TestValuesOfASelection(t *testing.T) {
	// Values takes any source; only what the selection lets through is yielded.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		users := selectUsers()
		ctx, cancel := context.WithCancel(t.Context())
		loop := listenCollect(t, &log, weir.Values(ctx, c, weir.Select(users, func(u selectUser) string { return u.Name })))
		settle()
		for i, name := range []string{"Ada", "Grace", "Grace", "Edsger"} {
			users.Set(c, selectUser{Name: name, Age: i})
			settle()
		}
		log.want(t, "four sets", "Ada", "Grace", "Edsger")
		cancel()
		<-loop
	})
}

// ---- Changed

func TestG9ChangedIsAOneSlotSignal(t *testing.T) {
	// Any number of changes leave one signal; Read gives the newest; a change after the receive leaves another. Nil function, and beside
	// one. Planted bug: an unbuffered send (the writer hangs), or one signal per change.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		n := listenState(0)
		calls := 0
		for _, fn := range []func(_, _ int){nil, func(_, _ int) { calls++ }} {
			s := weir.Listen(c, n, fn)
			ch := s.Changed()
			require.Empty(t, ch, "nothing has changed yet")
			within(t, "a hundred sets that nobody receives", func() {
				for range 100 {
					n.Update(c, func(v int) int { return v + 1 })
				}
			})
			require.Len(t, ch, 1)
			<-ch
			require.Equal(t, weir.Read(c, n), s.Read())
			require.Empty(t, ch)
			n.Update(c, func(v int) int { return v + 1 })
			await(t, "the next signal", ch)
			n.Set(c, weir.Read(c, n))
			require.Empty(t, ch, "an equal set is no change")
			s.Close()
			n.Update(c, func(v int) int { return v + 1 })
			select {
			case _, open := <-ch:
				require.False(t, open, "a signal after Close")
			default:
			}
		}
		require.Equal(t, 101, calls)
	})
}

func TestG9ChangedHoldsWhatCameBeforeItWasFirstAskedFor(t *testing.T) {
	// The signal is for changes since the subscription began: a loop that starts late must not miss them. Planted bug: make the channel
	// on the first call, and forget what was delivered before.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		n := listenState(0)
		s := weir.Listen(c, n, nil)
		n.Set(c, 1)
		await(t, "the signal", s.Changed())
		require.Empty(t, s.Changed())
		require.Empty(t, weir.Listen(c, n, nil).Changed(), "nothing has changed for a newcomer")
	})
}

func TestListenChangedInASelectLoop(t *testing.T) {
	// The loop it is made for: a consumer with other things to wait for ends up with the last value.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		n := listenState(0)
		s := weir.Listen(c, n, nil)
		other := make(chan struct{})
		loop := async(t, func() {
			for {
				select {
				case <-s.Changed():
					if s.Read() == 1000 {
						return
					}
				case <-other:
				}
			}
		})
		for i := 1; i <= 1000; i++ {
			n.Set(c, i)
			if i%100 == 99 {
				other <- struct{}{}
			}
		}
		await(t, "a loop that sees the last value", loop)
	})
}
