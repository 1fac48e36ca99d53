package weir_test

// This file holds what emit does when its build is over, or about to be: invalidated, replaced, cancelled, closed or disposed (A4, C6).

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

type over struct {
	name  string
	end   func(c *weir.Container, p streamRig, dep *weir.StateProvider[int], s *weir.Subscription[weir.AsyncValue[int]])
	cause error
}

var overs = []over{
	{"invalidated", func(c *weir.Container, p streamRig, _ *weir.StateProvider[int], _ *weir.Subscription[weir.AsyncValue[int]]) {
		c.Invalidate(p.id)
	}, weir.ErrInvalidated},
	{"dependency changed", func(c *weir.Container, _ streamRig, dep *weir.StateProvider[int], _ *weir.Subscription[weir.AsyncValue[int]]) {
		dep.Set(c, 2)
	}, weir.ErrDependencyChanged},
	{"cancelled", func(c *weir.Container, p streamRig, _ *weir.StateProvider[int], _ *weir.Subscription[weir.AsyncValue[int]]) {
		p.cancel(c, nil)
	}, weir.ErrCanceled},
	{"cancelled for a reason", func(c *weir.Container, p streamRig, _ *weir.StateProvider[int], _ *weir.Subscription[weir.AsyncValue[int]]) {
		p.cancel(c, errBoom)
	}, errBoom},
	{"closed", func(c *weir.Container, _ streamRig, _ *weir.StateProvider[int], _ *weir.Subscription[weir.AsyncValue[int]]) {
		c.Close()
	}, weir.ErrContainerClosed},
	{"disposed", func(_ *weir.Container, _ streamRig, _ *weir.StateProvider[int], s *weir.Subscription[weir.AsyncValue[int]]) {
		s.Close()
		gone()
	}, weir.ErrDisposed},
}

func TestA4EmitReturnsFalseOnceTheBuildIsOver(t *testing.T) {
	for _, o := range overs {
		t.Run(o.name, func(t *testing.T) {
			eachStream(t, func(t *testing.T, make func(streamFunc, ...weir.ProviderOption) streamRig) {
				if o.cause == weir.ErrDisposed && !isAuto(make) {
					return
				}
				var l trace
				builds := 0
				var causes []error
				dep := scenarioNumber(1)
				p := make(func(ctx context.Context, ref weir.Ref, emit emitFunc) error {
					weir.Watch(ref, dep)
					builds++
					if builds > 1 {
						emit(20)
						return nil
					}
					later()
					l.add("emit %v", emit(1))
					<-ctx.Done()
					causes = append(causes, context.Cause(ctx))
					l.add("emit %v", emit(2))
					l.add("emit %v", emit(3))
					return errors.New("too late")
				})
				c := newContainer(t)
				s := hearAsync(&l, c, p)
				pass(time.Second)
				l.want(t, "at first", "loading > data 1", "emit true")
				o.end(c, p, dep, s)
				settle()
				got := l.take()
				if count(got, "emit false") != 2 || count(got, "emit true") != 0 {
					t.Errorf("over: got %v, want emit false twice", got)
				}
				for _, g := range got {
					if g == "data 1 > data 2" || g == "data 1 > failed too late was 1" || g == "refreshing 1 > data 2" {
						t.Errorf("what was emitted after the end was published: %v", got)
					}
				}
				require.Len(t, causes, 1)
				require.ErrorIs(t, causes[0], o.cause)
			})
		})
	}
}

func isAuto(make func(streamFunc, ...weir.ProviderOption) streamRig) bool {
	c := weir.NewContainer()
	defer c.Close()
	p := make(func(_ context.Context, _ weir.Ref, emit emitFunc) error { return nil })
	weir.Listen(c, p, nil).Close()
	settle()
	c.DisposeUnused()
	return !c.Exists(p.id)
}

func TestA4AnEmitThatBlocksReturnsFalseWhenTheBuildIsOver(t *testing.T) {
	for _, o := range overs {
		t.Run(o.name, func(t *testing.T) {
			eachStream(t, func(t *testing.T, make func(streamFunc, ...weir.ProviderOption) streamRig) {
				if o.cause == weir.ErrDisposed && !isAuto(make) {
					return
				}
				var l trace
				builds := 0
				dep := scenarioNumber(1)
				p := make(func(_ context.Context, ref weir.Ref, emit emitFunc) error {
					weir.Watch(ref, dep)
					builds++
					l.add("build %d: emit %v", builds, emit(builds))
					return nil
				})
				c := newContainer(t)
				weir.Read(c, p)
				settle()
				isData(t, 1, weir.Read(c, p))
				l.want(t, "blocked, as nobody listens")
				s := weir.Listen(c, scenarioNumber(0), nil)
				defer s.Close()
				if o.cause == weir.ErrDisposed {
					gone()
				} else {
					o.end(c, p, dep, nil)
				}
				settle()
				if o.cause == weir.ErrDependencyChanged {
					weir.Read(c, p) // who is on standby stays stale until somebody looks (P4)
					settle()
				}
				if got := l.take(); len(got) == 0 || got[0] != "build 1: emit false" {
					t.Errorf("when the build was over: got %v, want emit false", got)
				}
			})
		})
	}
}

func TestA4EmitAfterTheFunctionHasReturned(t *testing.T) {
	eachStream(t, func(t *testing.T, make func(streamFunc, ...weir.ProviderOption) streamRig) {
		var l trace
		var late emitFunc
		p := make(func(_ context.Context, _ weir.Ref, emit emitFunc) error { later(); late = emit; emit(1); return nil })
		c := newContainer(t)
		s := hearAsync(&l, c, p)
		pass(time.Second)
		require.True(t, late(2), "the build lives")
		l.want(t, "after the return", "loading > data 1", "data 1 > data 2")
		old := late
		c.Invalidate(p.id)
		pass(time.Second)
		l.want(t, "a new build", "data 2 > refreshing 2", "refreshing 2 > data 1")
		require.False(t, old(3), "the old build's emit")
		require.True(t, late(4), "the new build's")
		l.want(t, "only the new one is heard", "data 1 > data 4")
		s.Close()
		c.Close()
		require.False(t, late(5), "closed")
	})
}

func TestC6TheTimeoutOfAStreamIsForItsFirstEmit(t *testing.T) {
	eachStream(t, func(t *testing.T, make func(streamFunc, ...weir.ProviderOption) streamRig) {
		var l trace
		slow := func(first, next time.Duration) streamFunc {
			return func(ctx context.Context, _ weir.Ref, emit emitFunc) error {
				for i, d := range []time.Duration{first, next} {
					select {
					case <-time.After(d):
					case <-ctx.Done():
						l.add("%v", errors.Is(context.Cause(ctx), context.DeadlineExceeded))
						return context.Cause(ctx)
					}
					emit(i)
				}
				return nil
			}
		}
		c := newContainer(t)
		a := make(slow(time.Second, time.Hour), weir.Timeout(time.Minute))
		s := weir.Listen(c, a, nil)
		pass(2 * time.Hour)
		isData(t, 1, s.Read())
		b := make(slow(2*time.Minute, time.Second), weir.Timeout(time.Minute))
		s = weir.Listen(c, b, nil)
		pass(2 * time.Hour)
		require.ErrorIs(t, s.Read().Err(), context.DeadlineExceeded)
		l.want(t, "the slow one", "true")
	})
}

func TestA4WhenEmitReturnsFalseTheContextHasItsCause(t *testing.T) {
	// The idiom is "if !emit(v) { return context.Cause(ctx) }": the context is cancelled before anything else is told of the end (L5).
	for name, end := range map[string]func(c *weir.Container, p *weir.StreamProvider[int], s *weir.Subscription[weir.AsyncValue[int]]){
		"invalidated": func(c *weir.Container, p *weir.StreamProvider[int], _ *weir.Subscription[weir.AsyncValue[int]]) {
			c.Invalidate(p)
		},
		"disposed": func(_ *weir.Container, _ *weir.StreamProvider[int], s *weir.Subscription[weir.AsyncValue[int]]) {
			s.Close()
		},
		"closed": func(c *weir.Container, _ *weir.StreamProvider[int], _ *weir.Subscription[weir.AsyncValue[int]]) {
			c.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			guard(t, func(t *testing.T) {
				const rounds = 2000
				causes := make(chan error)
				emitting := make(chan struct{})
				p := weir.NewStreamProvider(func(ctx context.Context, _ weir.Ref, emit emitFunc) error {
					emit(0)
					select {
					case emitting <- struct{}{}:
					case <-ctx.Done():
						return nil
					}
					for i := 1; emit(i); i++ {
						if i%64 == 0 { // on one processor nobody else would run for 10 ms
							runtime.Gosched()
						}
					}
					causes <- context.Cause(ctx)
					return nil
				}, weir.DisposeDelay(0))
				without := 0
				for range rounds {
					c := weir.NewContainer()
					s := weir.Listen(c, p, nil)
					await(t, "an emit", emitting)
					end(c, p, s)
					if await(t, "the end of the build", causes) == nil {
						without++
					}
					s.Close()
					c.Close()
				}
				if without > 0 {
					t.Errorf("of %d builds %d saw emit return false while their context was not cancelled", rounds, without)
				}
			})
		})
	}
}
