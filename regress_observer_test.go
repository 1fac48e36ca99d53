package weir_test

// What observers do to the library, and what they are told at awkward moments (4.1).

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestS4WhatAnObserverWritesIsDelivered(t *testing.T) {
	// The listeners of what it writes are called although whoever is observed comes to no settling of its own for long, or at all. Planted
	// bug: turns are left to whoever is observed, and that one goes on with a function that does not return, or is at its end.
	tenant := weir.NewProvider(one, weir.Scoped())
	atStart := func(write func()) *weir.Observer {
		return &weir.Observer{BuildStarted: func(ev weir.BuildStartedEvent) {
			if ev.Name == "slow" {
				write()
			}
		}}
	}
	slow := []weir.ProviderOption{weir.Name("slow"), weir.Scoped(tenant)}
	for name, x := range map[string]struct {
		observer func(write func()) *weir.Observer
		cause    func(t *testing.T, c *weir.Container) // what it begins ends with c
		closes   bool                                  // cause closes c
	}{
		"at the start of a build that does not return": {atStart, func(_ *testing.T, c *weir.Container) {
			weir.Read(c, weir.NewStreamProvider(func(ctx context.Context, _ weir.Ref, _ func(int) bool) error {
				<-ctx.Done()
				return nil
			}, slow...))
		}, false},
		"at the start of a synchronous one": {atStart, func(_ *testing.T, c *weir.Container) {
			p := weir.NewProvider(func(ref weir.Ref) int { <-ref.Context().Done(); return 1 }, slow...)
			go recovered(func() { weir.Read(c, p) })
		}, false},
		"at the start of a mutation": {func(write func()) *weir.Observer {
			return &weir.Observer{MutationStarted: func(weir.MutationStartedEvent) { write() }}
		}, func(_ *testing.T, c *weir.Container) {
			m := weir.NewMutation[int](slow...)
			go m.Run(context.Background(), c, func(ctx context.Context, _ weir.Scope) (int, error) { <-ctx.Done(); return 0, ctx.Err() })
		}, false},
		"at the end of a mutation whose container is closed": {func(write func()) *weir.Observer {
			return &weir.Observer{MutationEnded: func(weir.MutationEndedEvent) { write() }}
		}, func(t *testing.T, c *weir.Container) {
			_, err := weir.NewMutation[int](slow...).Run(context.Background(), c, func(ctx context.Context, _ weir.Scope) (int, error) {
				c.Close()
				<-ctx.Done()
				return 0, context.Cause(ctx)
			})
			require.ErrorIs(t, err, weir.ErrContainerClosed)
		}, true},
		"at Close": {func(write func()) *weir.Observer {
			return &weir.Observer{ContainerClosed: func(weir.ContainerClosedEvent) { write() }}
		}, func(_ *testing.T, c *weir.Container) { c.Close() }, true},
		"when a state cannot be stored": {func(write func()) *weir.Observer {
			return &weir.Observer{StorageFailed: func(weir.StorageFailedEvent) { write() }}
		}, func(_ *testing.T, c *weir.Container) {
			s := &countedStorage{failWrite: errBoom}
			weir.Read(c, savedProvider(constant(1), append(slow, weir.Persist[int](s, "n", weir.JSON[int]{}))...))
		}, false},
	} {
		for _, inChild := range []bool{false, true} {
			if x.closes && !inChild {
				continue // nobody is left to tell
			}
			t.Run(fmt.Sprint(name, ", in a child ", inChild), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					n := listenState(0)
					var root *weir.Container
					root = newContainer(t, weir.WithObserver(x.observer(func() { n.Update(root, func(v int) int { return v + 1 }) })))
					var heard []int
					weir.Listen(root, n, func(_, next int) { heard = append(heard, next) })
					c := root
					if inChild {
						c = child(root, tenant.OverrideWithValue(2))
					}
					x.cause(t, c)
					settle()
					require.Equal(t, []int{1}, heard)
				})
			})
		}
	}
}

func TestS4AsManyListenersLeaveAsCame(t *testing.T) {
	// Whoever counts with observers comes to zero in the end, and to what there is before. Planted bugs: what no turn has told yet is lost
	// with the build, with the element, with the container; Close tells nothing.
	for name, body := range map[string]func(t *testing.T, c *weir.Container, p *weir.Provider[int], inTurn func(func())){
		"Close and Invalidate in one turn": func(_ *testing.T, c *weir.Container, p *weir.Provider[int], inTurn func(func())) {
			sub := weir.Listen(c, p, nil)
			inTurn(func() { sub.Close(); c.Invalidate(p) })
		},
		"Close and DisposeUnused in one turn": func(_ *testing.T, c *weir.Container, p *weir.Provider[int], inTurn func(func())) {
			sub := weir.Listen(c, p, nil)
			inTurn(func() { sub.Close(); c.DisposeUnused() })
		},
		"come and gone in one turn": func(_ *testing.T, c *weir.Container, p *weir.Provider[int], inTurn func(func())) {
			inTurn(func() { weir.Listen(c, p, nil).Close(); c.Invalidate(p) })
		},
		"the container's Close in a turn": func(_ *testing.T, c *weir.Container, p *weir.Provider[int], inTurn func(func())) {
			weir.Listen(c, p, nil).Pause()
			weir.Listen(c, p, nil)
			inTurn(func() { weir.Listen(c, p, nil); c.Close() })
		},
		"a build that is over and none since": func(_ *testing.T, c *weir.Container, p *weir.Provider[int], _ func(func())) {
			sub := weir.Listen(c, p, nil)
			sub.Pause()
			c.Invalidate(p)
			sub.Close()
		},
		"dependents": func(_ *testing.T, c *weir.Container, p *weir.Provider[int], _ func(func())) {
			double := weir.NewProvider(func(ref weir.Ref) int { return 2 * weir.Watch(ref, p) })
			weir.Read(c, double)
			weir.Listen(c, double, nil)
		},
		"a dependent whose build outlives Close": func(t *testing.T, c *weir.Container, p *weir.Provider[int], _ func(func())) {
			slow := weir.NewProvider(func(ref weir.Ref) int { v := weir.Watch(ref, p); <-ref.Context().Done(); return v })
			read := async(t, func() { recovered(func() { weir.Read(c, slow) }) })
			settle()
			c.Close()
			await(t, "the Read", read)
		},
		"a first build that outlives Close": func(t *testing.T, c *weir.Container, _ *weir.Provider[int], _ func(func())) {
			slow := weir.NewProvider(func(ref weir.Ref) int { <-ref.Context().Done(); return 1 }, weir.Name("p"))
			listen := async(t, func() { weir.Listen(c, slow, nil) })
			settle()
			c.Close()
			await(t, "the Listen", listen)
		},
		"a Resolve that waits": func(t *testing.T, c *weir.Container, _ *weir.Provider[int], _ func(func())) {
			slow := weir.NewFutureProvider(func(ctx context.Context, _ weir.Ref) (int, error) { <-ctx.Done(); return 0, ctx.Err() }, weir.Name("p"))
			resolve := async(t, func() { _, _ = weir.Resolve(t.Context(), c, slow) })
			settle()
			c.Close()
			await(t, "the Resolve", resolve)
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var came, left tally
				c := newContainer(t, weir.WithObserver(&weir.Observer{
					ListenerAdded: func(ev weir.ListenerAddedEvent) {
						if ev.Name == "p" {
							came.inc()
						}
					},
					ListenerRemoved: func(ev weir.ListenerRemovedEvent) {
						if ev.Name == "p" {
							left.inc()
						}
					},
				}))
				p := weir.NewProvider(one, weir.AutoDispose(), weir.Name("p"))
				n := listenState(0)
				act := func() {}
				weir.Listen(c, n, func(int, int) { act() })
				body(t, c, p, func(fn func()) {
					act = fn
					n.Set(c, 1)
				})
				settle()
				there := 0
				for _, e := range c.Snapshot().Elements {
					if e.Name == "p" {
						there += e.Listeners
					}
				}
				require.Equal(t, there, came.get()-left.get(), "before the end")
				require.NotZero(t, came.get())
				require.NoError(t, c.Shutdown(t.Context()))
				settle()
				require.Equal(t, came.get(), left.get(), "in the end")
			})
		})
	}
}

func TestL3ObserversHearOfAListenerWhoseHookEndsTheBuild(t *testing.T) {
	// Planted bug: the turn takes what tells observers for a hook of the build, and drops it with that.
	bubble(t, func(t *testing.T) {
		var l trace
		c := newContainer(t, weir.WithObserver(watcher(&l, "")))
		p := weir.NewProvider(func(ref weir.Ref) int { ref.OnAddListener(ref.InvalidateSelf); return 1 }, weir.AutoDispose(), weir.Name("p"))
		weir.Read(c, p)
		l.take()
		sub := weir.Listen(c, p, nil)
		sub.Close()
		require.Equal(t, []string{"+listener p", "-listener p"}, only(l.take(), "+", "-"))
	})
}

func TestS4ABuildWhoseFunctionIsNotCalledHasNoEnd(t *testing.T) {
	// Futures that Watch each other in a ring: sooner or later one is failed without a call. Planted bug: its end is told, and that it took
	// since the year one.
	bubble(t, func(t *testing.T) {
		var l trace
		var longest atomic.Int64
		o := watcher(&l, "")
		o.BuildEnded = func(ev weir.BuildEndedEvent) {
			l.add("ended")
			if d := int64(ev.Duration); d > int64(time.Minute) {
				longest.Store(d)
			}
		}
		c, _ := toldContainer(t, weir.WithObserver(o))
		var ring [3]*weir.FutureProvider[int]
		for i := range ring {
			ring[i] = weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
				weir.Watch(ref, ring[(i+1)%len(ring)])
				return 1, nil
			})
		}
		sub := weir.Listen(c, ring[0], nil)
		pass(time.Second)
		sub.Close()
		require.NoError(t, c.Shutdown(t.Context()))
		events := l.take()
		require.NotEmpty(t, only(events, "failed"), "the ring was not found")
		require.Equal(t, len(only(events, "started")), len(only(events, "ended")))
		require.Zero(t, longest.Load())
	})
}

func TestE4AnObserverOfAnEndThatReadsWhatHasEnded(t *testing.T) {
	// Like an OnDispose hook it is waited for before the next build. Planted bug: what runs on the goroutine of an observer is not known to
	// be part of an end; both wait for ever.
	bubble(t, func(t *testing.T) {
		p := weir.NewProvider(one, weir.Name("p"))
		read := func(ev weir.DisposedEvent) {
			if errors.Is(ev.Cause, weir.ErrInvalidated) {
				weir.Read(ev.Container, p)
			}
		}
		c, told := toldContainer(t, weir.WithObserver(&weir.Observer{Disposed: read}))
		weir.Read(c, p)
		within(t, "Invalidate", func() { c.Invalidate(p) })
		raised := told.take()
		require.Len(t, raised, 1)
		isUsage(t, "Read", raised[0], "observer", "p:")
		require.Equal(t, 1, weir.Read(c, p))
	})
}
