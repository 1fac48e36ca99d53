package weir_test

// This file tells of what is let go of: whatever way a value ends, nothing in a container that goes on, in a ref of a build that is over
// or in a closed subscription keeps it. What a turn has touched last may linger in its buffers until the next, so another one follows.

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// big is a value whose end can be seen.
type big struct {
	n int
	_ [1 << 10]byte
}

// freed waits until w's value is collected.
func freed[T any](t *testing.T, what string, w weak.Pointer[T]) {
	t.Helper()
	for range 50 {
		if runtime.GC(); w.Value() == nil {
			return
		}
	}
	t.Error(what, "is still held")
}

func TestMemoryAValueThatHasEndedIsLetGo(t *testing.T) {
	// Planted bugs: leave the value with an element that is disposed, for a ref keeps that; keep what a listener saw until it is called again.
	for name, end := range map[string]func(w *memoryWorld){
		"the last listener leaves": func(w *memoryWorld) { w.sub.Close(); gone() },
		"DisposeUnused":            func(w *memoryWorld) { w.sub.Close(); w.c.DisposeUnused() },
		"Invalidate":               func(w *memoryWorld) { w.c.Invalidate(w.derived) },
		"InvalidateAsReload":       func(w *memoryWorld) { w.c.InvalidateAsReload(w.derived) },
		"InvalidateSelf":           func(w *memoryWorld) { w.ref.InvalidateSelf() },
		"Refresh":                  func(w *memoryWorld) { weir.Refresh(w.c, w.derived) },
		"a dependency changes":     func(w *memoryWorld) { w.n.Set(w.c, 2) },
		"another override":         func(w *memoryWorld) { w.c.UpdateOverrides(w.derived.OverrideWith(w.build)) },
		"a paused listener": func(w *memoryWorld) {
			w.sub.Pause()
			w.n.Set(w.c, 2)
			weir.Read(w.c, w.derived)
			w.sub.Resume()
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newMemoryWorld(t)
				value := weak.Make(weir.Read(w.c, w.derived))
				end(w)
				w.idle()
				freed(t, "the value", value)
				runtime.KeepAlive(w)
			})
		})
	}
}

// memoryWorld is a container with a value that is listened to, and all that a program may keep of that.
type memoryWorld struct {
	c       *weir.Container
	n       *weir.StateProvider[int]
	derived *weir.Provider[*big]
	other   *weir.StateProvider[int]
	ref     weir.Ref
	sub     *weir.Subscription[*big]
}

func (w *memoryWorld) build(ref weir.Ref) *big {
	w.ref = ref
	return &big{n: weir.Watch(ref, w.n)}
}

func newMemoryWorld(t *testing.T) *memoryWorld {
	w := &memoryWorld{n: listenState(1), other: listenState(1)}
	w.derived = weir.NewProvider(w.build, weir.AutoDispose())
	w.c = newContainer(t, w.derived.OverrideWith(w.build))
	weir.Listen(w.c, w.other, func(_, _ int) {})
	w.sub = weir.Listen(w.c, w.derived, func(_, _ *big) {})
	return w
}

// idle has the container do something else.
func (w *memoryWorld) idle() {
	settle()
	for i := range 3 {
		w.other.Set(w.c, 10+i)
	}
	settle()
}

func TestMemoryAnAsyncResultThatHasEndedIsLetGo(t *testing.T) {
	for name, end := range map[string]func(c *weir.Container, p *weir.FutureProvider[*big], sub *weir.Subscription[weir.AsyncValue[*big]]){
		"disposed": func(_ *weir.Container, _ *weir.FutureProvider[*big], sub *weir.Subscription[weir.AsyncValue[*big]]) {
			sub.Close()
			gone()
		},
		"refreshed": func(c *weir.Container, p *weir.FutureProvider[*big], _ *weir.Subscription[weir.AsyncValue[*big]]) {
			c.Invalidate(p)
			settle()
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, other := newContainer(t), listenState(1)
				weir.Listen(c, other, func(_, _ int) {})
				p := weir.NewFutureProvider(func(context.Context, weir.Ref) (*big, error) { return &big{}, nil }, weir.AutoDispose())
				sub := weir.Listen(c, p, func(_, _ weir.AsyncValue[*big]) {})
				settle()
				v, ok := sub.Read().Value()
				require.True(t, ok)
				value := weak.Make(v)
				v = nil
				end(c, p, sub)
				for i := range 3 {
					other.Set(c, 10+i)
				}
				freed(t, "the result", value)
				runtime.KeepAlive(sub)
				runtime.KeepAlive(c)
			})
		})
	}
}

func TestMemoryAClosedSubscriptionLetsGoOfItsListener(t *testing.T) {
	// Planted bugs: keep the function; forget only what is not arriving, and nothing afterwards.
	for name, end := range map[string]func(c *weir.Container, sub func() *weir.Subscription[int]) *weir.Subscription[int]{
		"Close": func(_ *weir.Container, sub func() *weir.Subscription[int]) *weir.Subscription[int] {
			s := sub()
			s.Close()
			return s
		},
		"the container's Close": func(c *weir.Container, sub func() *weir.Subscription[int]) *weir.Subscription[int] {
			s := sub()
			c.Close()
			return s
		},
		"Listen after the container's Close": func(c *weir.Container, sub func() *weir.Subscription[int]) *weir.Subscription[int] {
			c.Close()
			return sub()
		},
	} {
		for _, opts := range [][]weir.ListenOption{nil, {weir.FireImmediately()}, {weir.Weak()}} {
			t.Run(fmt.Sprint(name, len(opts)), func(t *testing.T) {
				c, p := newContainer(t), listenState(1)
				var heard, told weak.Pointer[big]
				s := end(c, func() *weir.Subscription[int] {
					h, o := &big{}, &big{}
					heard, told = weak.Make(h), weak.Make(o)
					return weir.Listen(c, p, func(_, _ int) { h.n++ }, append(opts, weir.OnError(func(error) { o.n++ }))...)
				})
				freed(t, "what the listener holds", heard)
				freed(t, "what its OnError holds", told)
				runtime.KeepAlive(s)
				runtime.KeepAlive(c)
			})
		}
	}
}

func TestMemoryAListenerThatEndsTheContainerOnItsFirstCallIsLetGo(t *testing.T) {
	c, p := newContainer(t), listenState(1)
	var held weak.Pointer[big]
	s := func() *weir.Subscription[int] {
		h := &big{}
		held = weak.Make(h)
		return weir.Listen(c, p, func(_, _ int) { h.n++; c.Close() }, weir.FireImmediately())
	}()
	freed(t, "what the listener holds", held)
	runtime.KeepAlive(s)
	runtime.KeepAlive(c)
}

func TestMemoryAListenerThatIsClosedWhileItSelectsIsLetGo(t *testing.T) {
	// Planted bug: have the turn let go of it, while it is still arriving: -race says so.
	bubble(t, func(t *testing.T) {
		c, p, busy := newContainer(t), listenState(1), listenState(1)
		var open, held = make(chan struct{}), weak.Pointer[big]{}
		weir.Listen(c, busy, func(_, _ int) { <-open })
		go busy.Set(c, 2)
		settle()
		subs := make(chan *weir.Subscription[int], 1)
		go func() {
			h := &big{}
			held = weak.Make(h)
			subs <- weir.Listen(c, weir.Select(p, func(n int) int { <-open; return n }), func(_, _ int) { h.n++ })
		}()
		settle()
		c.Close()
		close(open)
		s := <-subs
		settle()
		freed(t, "what the listener holds", held)
		runtime.KeepAlive(s)
		runtime.KeepAlive(c)
	})
}

func TestMemoryACloseOfTheContainerLetsGoOfWhatItsBuildsHold(t *testing.T) {
	// Values stay, for they may still be read (G10): but neither hooks nor listeners, nor what those hold. Planted bug: keep the lives.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var held [3]weak.Pointer[big]
		p := weir.NewStreamProvider(func(ctx context.Context, ref weir.Ref, emit func(int) bool) error {
			hook, local := &big{}, &big{}
			held[0], held[1] = weak.Make(hook), weak.Make(local)
			ref.OnDispose(func() { hook.n++ })
			emit(1)
			<-ctx.Done()
			local.n++
			return context.Cause(ctx)
		}, weir.AutoDispose())
		sub := func() *weir.Subscription[weir.AsyncValue[int]] {
			seen := &big{}
			held[2] = weak.Make(seen)
			return weir.Listen(c, p, func(_, _ weir.AsyncValue[int]) { seen.n++ })
		}()
		settle()
		require.NoError(t, c.Shutdown(t.Context()))
		settle()
		for i, w := range held {
			freed(t, [...]string{"what the hook holds", "what the function holds", "what the listener holds"}[i], w)
		}
		runtime.KeepAlive(sub)
		runtime.KeepAlive(c)
	})
}

func TestMemoryMembersThatComeAndGoLeaveTheHeapAsItWas(t *testing.T) {
	if testing.Short() || allocUnderRace {
		t.Skip("takes seconds")
	}
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		defer c.Close()
		f := weir.NewFamily(func(key int) *weir.FutureProvider[int] {
			return weir.NewTryProvider(func(ref weir.Ref) (int, error) {
				ref.OnDispose(func() {})
				if key%7 == 0 {
					return 0, errors.New("failed")
				}
				return key, nil
			})
		}, weir.DisposeDelay(0))
		heap := func() uint64 {
			var m runtime.MemStats
			for range 3 { // cleanups of members run between collections
				runtime.GC()
				time.Sleep(20 * time.Millisecond)
			}
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		use := func(from, to int) {
			for key := from; key < to; key++ {
				weir.Listen(c, f.Of(key), nil).Close()
			}
		}
		use(0, 10_000)
		before := heap()
		use(10_000, 1_010_000)
		after := heap()
		require.Zero(t, elements(c))
		if after > before+4<<20 {
			t.Errorf("the heap has grown from %d to %d KB", before>>10, after>>10)
		}
	})
}
