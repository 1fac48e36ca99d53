package weir_test

// This file holds the rules of streams: what emit does while the element is active, on standby and over, also from other
// goroutines (A4), and what the end of the function does. Streams over sockets and tickers are in stream_real_test.go.

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

type (
	emitFunc   = func(int) bool
	streamFunc = func(ctx context.Context, ref weir.Ref, emit emitFunc) error
)

// eachStream runs a case over both kinds of stream, regular and AutoDispose, each in a bubble of its own.
func eachStream(t *testing.T, body func(t *testing.T, make func(build streamFunc, opts ...weir.ProviderOption) streamRig)) {
	t.Helper()
	for _, auto := range []bool{false, true} {
		for _, notifier := range []bool{false, true} {
			t.Run(fmt.Sprintf("auto=%v notifier=%v", auto, notifier), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					body(t, func(build streamFunc, opts ...weir.ProviderOption) streamRig {
						if auto {
							opts = append([]weir.ProviderOption{weir.AutoDispose()}, opts...)
						}
						if notifier {
							p := weir.NewStreamNotifierProvider(func() *noteStream { return &noteStream{build: build} }, opts...)
							return streamRig{p, p, p.Cancel}
						}
						p := weir.NewStreamProvider(build, opts...)
						return streamRig{p, p, p.Cancel}
					})
				})
			})
		}
	}
}

// streamRig is a stream provider of either kind.
type streamRig struct {
	weir.AsyncSource[int]
	id     weir.AnyProvider
	cancel func(s weir.Scope, cause error)
}

// noteStream is a stream notifier whose Build is a function.
type noteStream struct {
	weir.StreamNotifier[int]
	build streamFunc
}

func (n *noteStream) Build(ctx context.Context, ref weir.Ref, emit func(int) bool) error {
	return n.build(ctx, ref, emit)
}

// later has what comes next happen when the call that led here has returned, and with it the turn that it ran. Inside a bubble.
func later() { time.Sleep(time.Millisecond) }

// hearAsync listens and writes each call down as "prev > next".
func hearAsync(l *trace, s weir.Scope, p weir.AsyncSource[int], opts ...weir.ListenOption) *weir.Subscription[weir.AsyncValue[int]] {
	return weir.Listen(s, p, func(prev, next weir.AsyncValue[int]) { l.add("%s > %s", show(prev), show(next)) }, opts...)
}

func TestA4_S241_EmitPublishesAndDeliversBeforeItReturns(t *testing.T) {
	eachStream(t, func(t *testing.T, make func(streamFunc, ...weir.ProviderOption) streamRig) {
		var l trace
		start := newSignal()
		p := make(func(_ context.Context, _ weir.Ref, emit emitFunc) error {
			<-start
			for i := 1; i <= 3; i++ {
				l.add("emit %v", emit(i))
			}
			l.add("emit %v", emit(3))
			return nil
		})
		c := newContainer(t)
		s := hearAsync(&l, c, p)
		settle()
		l.want(t, "before the first emit")
		require.Equal(t, "loading", show(s.Read()))
		close(start)
		settle()
		l.want(t, "three values, and the last again", "loading > data 1", "emit true", "data 1 > data 2", "emit true",
			"data 2 > data 3", "emit true", "emit true")
		isData(t, 3, s.Read())
	})
}

func newSignal() chan struct{} { return make(chan struct{}) }

func TestA4EmitBlocksOnStandby(t *testing.T) {
	eachStream(t, func(t *testing.T, make func(streamFunc, ...weir.ProviderOption) streamRig) {
		var l trace
		p := make(func(ctx context.Context, _ weir.Ref, emit emitFunc) error {
			for i := 1; ; i++ {
				l.add("poll %d", i)
				if !emit(i) {
					l.add("over")
					return context.Cause(ctx)
				}
				time.Sleep(10 * time.Millisecond)
			}
		}, weir.DisposeDelay(time.Hour))
		c := newContainer(t)
		s := weir.Listen(c, p, nil)
		pass(25 * time.Millisecond)
		l.want(t, "active", "poll 1", "poll 2", "poll 3")
		s.Close()
		pass(10 * time.Minute)
		l.want(t, "on standby: published, then blocked", "poll 4")
		isData(t, 4, weir.Read(c, p))
		pass(10 * time.Minute)
		l.want(t, "a read is no listener")

		s = weir.Listen(c, p, nil)
		pass(25 * time.Millisecond)
		l.want(t, "resumed, 10 ms after each return", "poll 5", "poll 6")
		s.Pause()
		pass(10 * time.Minute)
		l.want(t, "the only listener is paused", "poll 7")
		weak := weir.Listen(c, p, nil, weir.Weak())
		pass(time.Minute)
		l.want(t, "a weak listener counts for nothing")
		s.Resume()
		pass(5 * time.Millisecond)
		l.want(t, "resumed")
		s.Close()
		weak.Close()
		pass(2 * time.Minute)
		l.want(t, "blocked again", "poll 8")
		c.Close()
		settle()
		l.want(t, "closed", "over")
	})
}

func TestA4AColdReadGetsOneValue(t *testing.T) {
	// Riverpod pauses the source right after a read as well, so that a one-shot read of its future may never settle (D-12). Here the
	// first value is published before emit blocks.
	eachStream(t, func(t *testing.T, make func(streamFunc, ...weir.ProviderOption) streamRig) {
		var l trace
		p := make(func(_ context.Context, _ weir.Ref, emit emitFunc) error {
			l.add("emit %v", emit(1))
			l.add("emit %v", emit(2))
			return nil
		}, weir.DisposeDelay(time.Hour))
		c := newContainer(t)
		require.Equal(t, "loading", show(weir.Read(c, p)))
		settle()
		isData(t, 1, weir.Read(c, p))
		l.want(t, "nobody listens")
		v, err := weir.Resolve(t.Context(), c, p)
		require.NoError(t, err)
		require.Equal(t, 1, v)
		settle()
		l.want(t, "a Resolve of a value at rest is no listener either")
		hearAsync(&l, c, p)
		settle()
		l.wantSet(t, "a listener lets it go on", "emit true", "data 1 > data 2", "emit true")
	})
}

func TestA4AResolveThatWaitsIsAListener(t *testing.T) {
	eachStream(t, func(t *testing.T, make func(streamFunc, ...weir.ProviderOption) streamRig) {
		var l trace
		p := make(func(_ context.Context, _ weir.Ref, emit emitFunc) error {
			time.Sleep(time.Second)
			l.add("emit %v", emit(1))
			later()
			l.add("emit %v", emit(2))
			return nil
		}, weir.DisposeDelay(time.Hour))
		c := newContainer(t)
		v, err := weir.Resolve(t.Context(), c, p)
		require.NoError(t, err)
		require.Equal(t, 1, v)
		pass(time.Minute)
		if got := l.take(); count(got, "emit true") > 1 { // the first may find the Resolve still there
			t.Errorf("nobody listens any more, but the stream went on: %v", got)
		}
		if v := weir.Read(c, p).ValueOr(0); v != 1 && v != 2 {
			t.Errorf("the state is %d", v)
		}
	})
}

// over is a way in which a build of a stream ends.
// isAuto reports whether what make makes is disposed when it is unused.
func TestA4_S248_EndOfTheFunction(t *testing.T) {
	eachStream(t, func(t *testing.T, make func(streamFunc, ...weir.ProviderOption) streamRig) {
		var l trace
		c := newContainer(t)
		p := make(func(_ context.Context, _ weir.Ref, emit emitFunc) error { later(); emit(1); emit(2); return nil })
		hearAsync(&l, c, p)
		pass(time.Second)
		l.want(t, "a nil return leaves the last value", "loading > data 1", "data 1 > data 2")

		p = make(func(_ context.Context, _ weir.Ref, emit emitFunc) error { later(); emit(1); return errBoom })
		hearAsync(&l, c, p)
		pass(time.Second)
		l.want(t, "an error keeps it", "loading > data 1", "data 1 > failed boom was 1")
		v, err := weir.Resolve(t.Context(), c, p)
		if v != 1 || !errors.Is(err, errBoom) {
			t.Errorf("Resolve gave %v, %v, want the last value and the error", v, err)
		}

		p = make(func(context.Context, weir.Ref, emitFunc) error { return errBoom })
		hearAsync(&l, c, p)
		settle()
		l.want(t, "an error and no value", "loading > failed boom")

		p = make(func(context.Context, weir.Ref, emitFunc) error { return nil })
		s := weir.Listen(c, p, nil)
		settle()
		if _, err := weir.Resolve(t.Context(), c, p); err == nil || s.Read().IsLoading() {
			t.Errorf("a stream that ends without a value is %s, and Resolve gives %v: want a failure, not a wait without end", show(s.Read()), err)
		}
		var p2 streamRig
		builds := 0
		p2 = make(func(_ context.Context, _ weir.Ref, emit emitFunc) error {
			later()
			if builds++; builds == 1 {
				emit(1)
			}
			return nil
		})
		hearAsync(&l, c, p2)
		pass(time.Second)
		c.Invalidate(p2.id)
		pass(time.Second)
		l.want(t, "a rebuild that emits nothing leaves the last value", "loading > data 1", "data 1 > refreshing 1", "refreshing 1 > data 1")
	})
}

func TestA4EmitFromManyGoroutinesAtOnce(t *testing.T) {
	guard(t, func(t *testing.T) {
		const workers, each = 4, 200
		done := make(chan struct{})
		p := weir.NewStreamProvider(func(_ context.Context, _ weir.Ref, emit func(int) bool) error {
			defer close(done)
			var wg sync.WaitGroup
			for w := range workers {
				wg.Go(func() {
					for i := range each {
						if !emit(1 + w*each + i) {
							t.Error("emit returned false in a build that lives")
						}
					}
				})
			}
			wg.Wait()
			return nil
		})
		c := newContainer(t)
		last, calls, running := 0, 0, 0
		s := weir.Listen(c, p, func(prev, next weir.AsyncValue[int]) {
			running++ // under -race also proof that calls do not overlap (G3)
			if v, _ := prev.Value(); v != last || running != 1 {
				t.Errorf("a call with the previous value %d after one with %d", v, last)
			}
			last, _ = next.Value()
			calls++
			running--
		})
		await(t, "the end of the stream", done)
		flush(t, c)
		final, _ := s.Read().Value()
		within(t, "a last look", func() { s.Close() })
		if last != final || calls == 0 || calls > workers*each {
			t.Errorf("%d calls, the last with %d; the state is %d", calls, last, final)
		}
	})
}

func TestA4TwoEmitsWaitForOneListener(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var l trace
		p := weir.NewStreamProvider(func(_ context.Context, _ weir.Ref, emit emitFunc) error {
			var wg sync.WaitGroup
			for i := range 3 {
				wg.Go(func() { l.add("%v", emit(i)) })
			}
			wg.Wait()
			return nil
		})
		c := newContainer(t)
		weir.Read(c, p)
		settle()
		l.want(t, "blocked")
		s := weir.Listen(c, p, nil)
		settle()
		l.want(t, "one listener lets all go", "true", "true", "true")
		s.Close()
	})
}

func TestA4EmitFromInsideAListener(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var l trace
		var emit emitFunc
		p := weir.NewStreamProvider(func(ctx context.Context, _ weir.Ref, e emitFunc) error {
			emit = e
			<-ctx.Done()
			return nil
		})
		c := newContainer(t)
		weir.Listen(c, p, func(_, next weir.AsyncValue[int]) {
			v, _ := next.Value()
			l.add("%d", v)
			if v > 0 && v < 3 {
				l.add("emit %v", emit(v+1)) // joins the running turn (P7)
			}
		})
		settle()
		emit(1)
		l.want(t, "nested emits", "1", "emit true", "2", "emit true", "3")
	})
}

func TestA4ARebuildKeepsThePreviousDataUntilTheFirstEmit(t *testing.T) {
	eachStream(t, func(t *testing.T, make func(streamFunc, ...weir.ProviderOption) streamRig) {
		var l trace
		dep := scenarioNumber(1)
		p := make(func(ctx context.Context, ref weir.Ref, emit emitFunc) error {
			n := weir.Watch(ref, dep)
			time.Sleep(time.Second)
			emit(10 * n)
			<-ctx.Done()
			return context.Cause(ctx)
		})
		c := newContainer(t)
		hearAsync(&l, c, p)
		pass(2 * time.Second)
		l.want(t, "first", "loading > data 10")
		dep.Set(c, 2)
		l.want(t, "at once", "data 10 > reloading 10")
		pass(2 * time.Second)
		l.want(t, "reloaded", "reloading 10 > data 20")
		c.Invalidate(p.id)
		pass(2 * time.Second)
		l.want(t, "refreshed", "data 20 > refreshing 20", "refreshing 20 > data 20")
	})
}

func TestA4FromChanAndFromSeq(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var l trace
		c := newContainer(t)
		ch := make(chan int)
		p := weir.NewStreamProvider(weir.FromChan(func(ctx context.Context, ref weir.Ref) (<-chan int, error) {
			l.add("open")
			ref.OnDispose(l.on("closed"))
			return ch, nil
		}), weir.DisposeDelay(0))
		s := hearAsync(&l, c, p)
		ch <- 1
		ch <- 2
		settle()
		l.want(t, "a channel", "open", "loading > data 1", "data 1 > data 2")
		s.Close()
		settle()
		l.want(t, "unused", "closed")

		q := weir.NewStreamProvider(weir.FromSeq(func(context.Context, weir.Ref) iter.Seq2[int, error] {
			return func(yield func(int, error) bool) {
				defer l.add("left")
				_ = yield(1, nil) && yield(0, errBoom) && yield(3, nil)
			}
		}), weir.DisposeDelay(0))
		s = hearAsync(&l, c, q)
		settle()
		got := l.take()
		if !slices.Contains(got, "left") {
			t.Errorf("the sequence was not left: %v", got)
		}
		inOrder(t, got, "loading > data 1", "data 1 > failed boom was 1")
		s.Close()
	})
	misuse(t, "FromChan(nil)", func() { weir.FromChan[int](nil) }, "FromChan")
	misuse(t, "FromSeq(nil)", func() { weir.FromSeq[int](nil) }, "FromSeq")
}
