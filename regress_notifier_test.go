package weir_test

// Notifiers that are used where it gets in their own way: in the hooks of their own builds (E4), in listeners that their writes call (P7, G4).

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestE4AnAsyncNotifierUsedInItsOwnOnDispose(t *testing.T) {
	// Planted bug: take any reason why the state cannot be brought up to date for a disposal, and look again, for ever.
	update := func(n *noteAsync) error {
		_, err := n.Update(context.Background(), func(v int) (int, error) { return v + 1, nil })
		return err
	}
	for name, use := range map[string]func(n *noteAsync) error{
		"State":   func(n *noteAsync) error { n.State(); return nil },
		"Set":     func(n *noteAsync) error { n.Set(weir.Data(1)); return nil },
		"SetData": func(n *noteAsync) error { n.SetData(1); return nil },
		"Update":  update,
		"Resolve": func(n *noteAsync) error { _, err := n.Resolve(context.Background()); return err },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newContainer(t)
				var got error
				p := asyncNotes(func(_ context.Context, ref weir.Ref, n *noteAsync) (int, error) {
					if ref.Reason() == weir.ReasonFirstBuild {
						ref.OnDispose(func() {
							var err error
							if v := recovered(func() { err = use(n) }); v != nil {
								err = asError(v)
							}
							got = err
						})
					}
					return 0, nil
				})
				weir.Listen(c, p, nil)
				settle()
				within(t, "Invalidate", func() { c.Invalidate(p) })
				isUsage(t, name, got, "OnDispose")
				settle()
				isData(t, 0, weir.Read(c, p))
				require.NoError(t, update(p.Notifier(c)), "an Update must not be left waiting")
			})
		})
	}
}

func TestP7AListenerOfAnUpdateMayUpdate(t *testing.T) {
	// Planted bugs: hold what serialises Updates while what follows from one is delivered, or while the state is brought up to date.
	for name, first := range map[string]func(t *testing.T, c *weir.Container, p *weir.AsyncNotifierProvider[*noteAsync, int], n *noteAsync){
		"of an Update": func(t *testing.T, _ *weir.Container, _ *weir.AsyncNotifierProvider[*noteAsync, int], n *noteAsync) {
			_, err := n.Update(t.Context(), func(v int) (int, error) { return v + 1, nil })
			require.NoError(t, err)
		},
		"of an Update in a build": func(t *testing.T, c *weir.Container, _ *weir.AsyncNotifierProvider[*noteAsync, int], n *noteAsync) {
			_, err := weir.Resolve(t.Context(), c, weir.NewFutureProvider(func(ctx context.Context, _ weir.Ref) (int, error) {
				return n.Update(ctx, func(v int) (int, error) { return v + 1, nil })
			}))
			require.NoError(t, err)
		},
		"of the rebuild that an Update begins": func(t *testing.T, c *weir.Container, p *weir.AsyncNotifierProvider[*noteAsync, int], n *noteAsync) {
			c.Invalidate(p)
			_, err := n.Update(t.Context(), func(v int) (int, error) { return v + 1, nil })
			require.NoError(t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newContainer(t)
				p := asyncNotes(func(context.Context, weir.Ref, *noteAsync) (int, error) { return 0, nil })
				weir.Read(c, p)
				settle()
				n := p.Notifier(c)
				again := true
				hear := func(_, next weir.AsyncValue[int]) {
					if again && next != weir.Data(0) {
						again = false
						v, err := n.Update(t.Context(), func(v int) (int, error) { return v + 10, nil })
						require.NoError(t, err)
						require.NotZero(t, v)
					}
				}
				weir.Listen(c, p, hear, weir.Weak())
				within(t, "the Update", func() { first(t, c, p, n) })
				isData(t, 11, weir.Read(c, p))
			})
		})
	}
}

func TestN6AnUpdateWithAContextThatHasEndedDoesNothing(t *testing.T) {
	// Planted bug: have the runtime choose between a free turn and the end of the context.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		p := asyncNotes(at42)
		weir.Read(c, p)
		settle()
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errBoom)
		for range 30 {
			_, err := p.Notifier(c).Update(ctx, func(int) (int, error) { t.Error("it ran"); return 0, nil })
			require.ErrorIs(t, err, errBoom)
		}
	})
}

func TestN6AnUpdateThatWaitsGetsTheCauseOfACancel(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		p := asyncNotes(func(ctx context.Context, ref weir.Ref, _ *noteAsync) (int, error) {
			if ref.Reason() == weir.ReasonFirstBuild {
				return 42, nil
			}
			return 0, ref.Debounce(time.Hour)
		})
		weir.Read(c, p)
		settle()
		n := p.Notifier(c)
		c.Invalidate(p)
		updated := async(t, func() {
			_, err := n.Update(t.Context(), func(int) (int, error) { t.Error("it ran"); return 0, nil })
			require.ErrorIs(t, err, errBoom)
		})
		settle()
		p.Cancel(c, errBoom)
		await(t, "the Update", updated)
		isData(t, 42, weir.Read(c, p))
	})
}

func TestN1ALateFunctionLeavesTheNotifierOfTheNextLifeAlone(t *testing.T) {
	// The element is disposed between the start of a build and the call of its function. Planted bug: have that function make the notifier
	// of whatever life there is by then.
	bubble(t, func(t *testing.T) {
		gate := make(chan struct{})
		builds := map[*noteAsync]int{}
		p := asyncNotes(func(_ context.Context, _ weir.Ref, n *noteAsync) (int, error) { builds[n]++; return 5, nil }, weir.AutoDispose())
		held := false
		c := newContainer(t, weir.WithObserver(&weir.Observer{BuildStarted: func(weir.BuildStartedEvent) {
			if !held {
				held = true
				<-gate
			}
		}}))
		weir.Read(c, p)
		settle()
		c.DisposeUnused()
		s := weir.Listen(c, p, nil)
		close(gate)
		settle()
		isData(t, 5, s.Read())
		require.Len(t, builds, 2)
		for _, k := range builds {
			require.Equal(t, 1, k)
		}
		s.Close()
	})
}

func TestN3WhatANotifierThatIsOverDoesBeginsNoLife(t *testing.T) {
	// The notifier is disposed in the middle of what it is asked for. Planted bug: go on with the provider, whose next element it is none of
	// the notifier's business to begin, or to write to.
	for name, use := range map[string]func(c *weir.Container, n *noteSync){
		"Update": func(c *weir.Container, n *noteSync) {
			require.Equal(t, 1, n.Update(func(int) int { c.DisposeUnused(); return 1 }))
		},
		"SetIn of a Batch": func(c *weir.Container, n *noteSync) {
			c.Batch(func(tx *weir.Tx) { n.SetIn(tx, 1); c.DisposeUnused() })
		},
		"UpdateIn of a Batch": func(c *weir.Container, n *noteSync) {
			c.Batch(func(tx *weir.Tx) {
				n.UpdateIn(tx, func(int) int { return 1 })
				n.UpdateIn(tx, func(v int) int { c.DisposeUnused(); return v + 1 })
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			guard(t, func(t *testing.T) {
				c := newContainer(t)
				made := 0
				p := syncNotes(func(weir.Ref, *noteSync) int { made++; return 100 }, weir.AutoDispose())
				within(t, name, func() { use(c, p.Notifier(c)) })
				require.Equal(t, 1, made)
				require.False(t, c.Exists(p))
			})
		})
	}
}

func TestN2TheRefOfANotifierThatIsOverIsOver(t *testing.T) {
	// A weak listener keeps the element, which has another life. Planted bug: the newest build of the element.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		p := syncNotes(func(weir.Ref, *noteSync) int { return 100 }, weir.AutoDispose())
		weir.Listen(c, p, nil, weir.Weak())
		old := p.Notifier(c)
		require.True(t, old.Ref().Mounted())
		c.DisposeUnused()
		require.ErrorIs(t, context.Cause(old.Ref().Context()), weir.ErrDisposed)
		next := p.Notifier(c)
		require.NotSame(t, old, next)
		require.False(t, old.Ref().Mounted())
		old.Ref().InvalidateSelf()
		require.True(t, next.Ref().Mounted())
	})
}

func TestG4ANotifierThatCannotBeMadeLeavesItsTurnToNobody(t *testing.T) {
	// The first to need the notifier of a new life is a call of Notifier, for the function of the life before has not returned. Planted bug:
	// create does not return, and who would have run the turn is gone: nobody hears that it is loading.
	for how, leave := range map[string]func(){"panic": func() { panic("boom") }, "Goexit": runtime.Goexit} {
		t.Run(how, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newContainer(t)
				var l trace
				bad, gate := false, make(chan struct{})
				p := weir.NewAsyncNotifierProvider(func() *noteAsync {
					if bad {
						leave()
					}
					return &noteAsync{build: func(context.Context, weir.Ref, *noteAsync) (int, error) { <-gate; return 0, nil }}
				}, weir.AutoDispose())
				sub := weir.Listen(c, p, func(_, next weir.AsyncValue[int]) { l.add("%s", show(next)) }, weir.Weak())
				defer sub.Close()
				n := p.Notifier(c)
				settle() // its function is running
				n.SetData(1)
				c.DisposeUnused()
				l.want(t, "the first life", "loading", "data 1")
				bad = true
				raised := false
				await(t, "Notifier", async(t, func() { raised = recovered(func() { p.Notifier(c) }) != nil }))
				require.Equal(t, how == "panic", raised)
				l.want(t, "the second life", "loading")
				bad = false
				close(gate)
				settle()
			})
		})
	}
}

func TestN5ANotifierThatAnotherGoroutineBuildsIsWaitedFor(t *testing.T) {
	// A build of another provider, or the Build of another notifier, uses a notifier while another goroutine rebuilds it (N5, P4). Planted
	// bugs: any build on the stack is taken for the notifier's own, or the Build of any notifier: misuse, or the state of before.
	for name, use := range map[string]func(n *noteSync) int{
		"State":  func(n *noteSync) int { return n.State() },
		"Set":    func(n *noteSync) int { n.Set(2); return 2 },
		"Update": func(n *noteSync) int { return n.Update(func(v int) int { return v }) },
	} {
		for by, user := range map[string]func(use func() int) weir.Source[int]{
			"a provider": func(use func() int) weir.Source[int] {
				return weir.NewProvider(func(weir.Ref) int { return use() })
			},
			"a notifier": func(use func() int) weir.Source[int] {
				return syncNotes(func(weir.Ref, *noteSync) int { return use() })
			},
		} {
			t.Run(name+" by "+by, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					c := newContainer(t)
					gate := make(chan int, 1)
					var own trace
					p := syncNotes(func(_ weir.Ref, n *noteSync) int {
						v := <-gate
						if v == 2 {
							own.add("%d", n.State()) // that of before, for it is its own
							isUsage(t, "Set", asError(recovered(func() { n.Set(3) })), "own Build")
						}
						return v
					})
					gate <- 1
					n := p.Notifier(c)
					for range 20 { // numbers of builds with all sorts of digits
						weir.Refresh(c, weir.NewProvider(one))
					}
					c.Invalidate(p)
					rebuilt := async(t, func() { weir.Read(c, p) })
					settle()
					got := 0
					used := async(t, func() { got = weir.Read(c, user(func() int { return use(n) })) })
					settle()
					require.Zero(t, got, "it waits")
					gate <- 2
					await(t, "the rebuild", rebuilt)
					await(t, "the use", used)
					require.Equal(t, 2, got)
					own.want(t, "in its own Build", "1")
				})
			})
		}
	}
}
