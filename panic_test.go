package weir_test

// Rules E1 and E3: a panic or a Goexit in whatever the user wrote is a clear error in one place, skips nothing else, and leaves the
// container as good as before.

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// ---- E1: builds

func TestE1APanicInABuildIsKeptAsOnePanicError(t *testing.T) {
	// The same *PanicError for each reader until it is rebuilt, with name, value and stack; an error that was the value is found by
	// errors.Is.
	eachKind(t, func(t *testing.T, k kind) {
		c, told := toldContainer(t)
		builds := 0
		p := k.make(func(weir.Ref) int {
			if builds++; builds == 1 {
				panic(fmt.Errorf("wrapped: %w", errBoom))
			}
			return builds
		}, weir.Name("prices"))
		_ = p.err(c)
		settle()
		var first, second *weir.PanicError
		require.ErrorAs(t, p.err(c), &first)
		require.ErrorAs(t, p.err(c), &second)
		require.Same(t, first, second)
		require.Equal(t, 1, builds, "it was built again")
		require.Equal(t, p.id.Name(), first.Provider)
		require.ErrorIs(t, first, errBoom)
		require.ErrorIs(t, first.Value.(error), errBoom)
		require.Contains(t, string(first.Stack), "panic_test.go")
		require.ErrorContains(t, first, "prices")
		require.Empty(t, told.take(), "a Read that raises tells nobody else")
		c.Invalidate(p.id)
		_ = p.err(c)
		settle()
		require.NoError(t, p.err(c))
		require.Equal(t, 2, p.read(c))
		usable(t, c)
	})
}

func TestE1APanicTravelsToDependentsUnnested(t *testing.T) {
	// Through a chain of dependents of every kind: the one *PanicError that names the provider which panicked.
	eachKind(t, func(t *testing.T, k kind) {
		c, _ := toldContainer(t)
		source := weir.NewProvider(func(weir.Ref) int { panic(errBoom) }, weir.Name("source"))
		middle := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, source) }, weir.Name("middle"))
		p := k.make(func(ref weir.Ref) int { return weir.Watch(ref, middle) }, weir.Name("top"))
		_ = p.err(c)
		settle()
		var pe *weir.PanicError
		require.ErrorAs(t, p.err(c), &pe)
		require.Equal(t, "source", pe.Provider)
		require.Equal(t, errBoom, pe.Value)
		var ofSource *weir.PanicError
		require.ErrorAs(t, asError(recovered(func() { weir.Read(c, source) })), &ofSource)
		require.Same(t, ofSource, pe)
	})
}

func TestE1AListenerOfAPanickingBuildIsTold(t *testing.T) {
	// OnError gets it; without one the panic handler does, once per failure and listener-less elements tell nobody.
	bubble(t, func(t *testing.T) {
		c, told := toldContainer(t)
		n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		p := weir.NewProvider(func(ref weir.Ref) int {
			if v := weir.Watch(ref, n); v%2 == 1 {
				panic(v)
			}
			return 0
		}, weir.Name("p"))
		var log trace
		s := weir.Listen(c, p, func(_, v int) { log.add("value %d", v) }, weir.OnError(func(err error) {
			var pe *weir.PanicError
			require.ErrorAs(t, err, &pe)
			log.add("error %v", pe.Value)
		}))
		n.Set(c, 1)
		log.want(t, "it failed", "error 1")
		n.Set(c, 3)
		log.want(t, "error to error is a change (P1)", "error 3")
		n.Set(c, 2)
		require.Len(t, log.take(), 1, "error to value is a change (P1)")
		require.Empty(t, told.take())
		s.Close()
		s = weir.Listen(c, p, nil)
		n.Set(c, 5)
		require.Equal(t, []string{"5"}, told.values(), "without OnError")
		s.Close()
		n.Set(c, 7)
		settle()
		require.Empty(t, told.take(), "nobody listens")
	})
}

func TestE1GoexitInABuildFailsTheElement(t *testing.T) {
	// As t.FailNow does: the reader's goroutine may end with it, but those who wait, and those who come later, get an error.
	eachKind(t, func(t *testing.T, k kind) {
		c, _ := toldContainer(t)
		entered, leave := make(chan struct{}), make(chan struct{})
		builds := 0
		p := k.make(func(weir.Ref) int {
			if builds++; builds == 1 {
				close(entered)
				<-leave
				runtime.Goexit()
			}
			return builds
		}, weir.Name("prices"))
		first := async(t, func() { p.read(c) })
		<-entered
		var waiting error
		second := async(t, func() { waiting = p.err(c) })
		settle()
		close(leave)
		<-first
		<-second
		settle()
		if !k.async {
			require.Error(t, waiting, "one who waited")
		}
		require.Error(t, p.err(c), "one who came later")
		require.ErrorContains(t, p.err(c), "prices")
		require.Equal(t, 1, builds)
		c.Invalidate(p.id)
		_ = p.err(c)
		settle()
		require.Equal(t, 2, p.read(c))
		usable(t, c)
	})
}

func TestE1WaitersOfAFailingBuildAreWoken(t *testing.T) {
	for name, fail := range map[string]func(){"panic": func() { panic(errBoom) }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, _ := toldContainer(t)
				p := weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) { time.Sleep(time.Second); fail(); return 1, nil })
				dependent := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) { return weir.Await(ref, p) })
				_, err := weir.Resolve(t.Context(), c, dependent)
				require.Error(t, err)
				if name == "panic" {
					var pe *weir.PanicError
					require.ErrorAs(t, err, &pe)
					require.Equal(t, errBoom, pe.Value)
				}
				v := weir.Read(c, p)
				require.True(t, v.HasError() && !v.IsLoading(), show(v))
			})
		})
	}
}

// ---- E3: hooks and listeners

// endings are the two ways in which a callback does not return.
var endings = map[string]func(){"panic": func() { panic(errBoom) }, "Goexit": runtime.Goexit}

func TestE3AHookThatDoesNotReturnSkipsNoOther(t *testing.T) {
	// Each hook in turn is registered three times, and the middle one panics or leaves by Goexit. The others run, those of other kinds
	// and the disposal that follows too; the handler is told once, with the provider's name.
	type at struct {
		register func(ref weir.Ref, fn func())
		trigger  func(c *weir.Container, p rig, s sub)
		reverse  bool
	}
	for hook, a := range map[string]at{
		"OnCancel": {func(ref weir.Ref, fn func()) { ref.OnCancel(fn) }, func(_ *weir.Container, _ rig, s sub) { s.Close() }, false},
		"OnResume": {func(ref weir.Ref, fn func()) { ref.OnResume(fn) }, func(_ *weir.Container, _ rig, s sub) { s.Pause(); s.Resume() }, false},
		"OnAddListener": {func(ref weir.Ref, fn func()) { ref.OnAddListener(fn) },
			func(c *weir.Container, p rig, _ sub) { p.listen(c) }, false},
		"OnRemoveListener":    {func(ref weir.Ref, fn func()) { ref.OnRemoveListener(fn) }, func(_ *weir.Container, _ rig, s sub) { s.Close() }, false},
		"OnDispose":           {func(ref weir.Ref, fn func()) { ref.OnDispose(fn) }, func(c *weir.Container, p rig, _ sub) { c.Invalidate(p.id) }, true},
		"OnDispose at Close":  {func(ref weir.Ref, fn func()) { ref.OnDispose(fn) }, func(c *weir.Container, _ rig, _ sub) { c.Close() }, true},
		"OnDispose when left": {func(ref weir.Ref, fn func()) { ref.OnDispose(fn) }, func(_ *weir.Container, _ rig, s sub) { s.Close(); gone() }, true},
		"OnDisposeErr": {func(ref weir.Ref, fn func()) { ref.OnDisposeErr(func() error { fn(); return nil }) },
			func(c *weir.Container, p rig, _ sub) { c.Invalidate(p.id) }, true},
		"OnManualInvalidation": {func(ref weir.Ref, fn func()) { ref.OnManualInvalidation(fn) },
			func(c *weir.Container, p rig, _ sub) { c.Invalidate(p.id) }, false},
	} {
		for ending, end := range endings {
			t.Run(hook+"/"+ending, func(t *testing.T) {
				eachKind(t, func(t *testing.T, k kind) {
					c, told := toldContainer(t)
					var log trace
					registered, armed, builds := false, false, 0
					p := k.make(func(ref weir.Ref) int {
						builds++
						if !registered {
							registered = true
							a.register(ref, log.on("first"))
							a.register(ref, func() {
								if log.add("bad"); armed {
									end()
								}
							})
							a.register(ref, log.on("last"))
						}
						return 1
					}, weir.Name("prices"), weir.AutoDispose())
					s := p.listen(c)
					settle()
					log.take() // OnAddListener, for the first listener of a sync kind
					armed = true
					// On a goroutine of its own: Goexit may end the one that runs the hook.
					<-async(t, func() { a.trigger(c, p, s) })
					settle()
					want := []string{"first", "bad", "last"}
					if a.reverse {
						want = []string{"last", "bad", "first"}
					}
					log.want(t, hook, want...)
					got := told.take()
					require.Len(t, got, 1, "the handler")
					require.Equal(t, p.id.Name(), got[0].Provider)
					if ending == "panic" {
						require.Equal(t, errBoom, got[0].Value)
						require.Contains(t, string(got[0].Stack), "panic_test.go")
					}
					if !a.reverse && hook != "OnManualInvalidation" || strings.Contains(hook, " ") {
						require.Equal(t, 1, builds)
					} else {
						require.Equal(t, 2, builds, "what the hook belongs to was not done")
					}
					armed = false
					if hook != "OnDispose at Close" {
						usable(t, c)
					}
					s.Close()
				})
			})
		}
	}
}

func TestE3AListenerThatDoesNotReturnSkipsNoOther(t *testing.T) {
	// Listeners of the same provider and of one further on in the same turn; the write has happened; the next change is delivered to all,
	// the bad one included.
	for ending, end := range endings {
		t.Run(ending, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, told := toldContainer(t)
				var log trace
				n := weir.NewStateProvider(func(weir.Ref) int { return 0 }, weir.Name("n"))
				double := weir.NewProvider(func(ref weir.Ref) int { return 2 * weir.Watch(ref, n) })
				weir.Listen(c, n, func(_, v int) { log.add("first %d", v) })
				weir.Listen(c, n, func(_, v int) { log.add("bad %d", v); end() })
				weir.Listen(c, n, func(_, v int) { log.add("last %d", v) })
				weir.Listen(c, double, func(_, v int) { log.add("double %d", v) })
				for i := 1; i <= 2; i++ {
					<-async(t, func() { n.Set(c, i) })
					settle()
					log.want(t, "Set", fmt.Sprint("first ", i), fmt.Sprint("bad ", i), fmt.Sprint("last ", i), fmt.Sprint("double ", 2*i))
					require.Equal(t, i, weir.Read(c, n))
					require.Len(t, told.take(), 1, "the handler")
				}
				usable(t, c)
			})
		})
	}
}

func TestE3WithoutAHandlerAPanicIsRaisedAfterTheTurn(t *testing.T) {
	// On the goroutine that ran the turn, once everybody else has been served.
	bubble(t, func(t *testing.T) {
		c := bareContainer(t)
		var log trace
		n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		double := weir.NewProvider(func(ref weir.Ref) int { return 2 * weir.Watch(ref, n) })
		weir.Listen(c, n, func(int, int) { panic(errBoom) })
		weir.Listen(c, n, func(_, v int) { log.add("next %d", v) })
		weir.Listen(c, double, func(_, v int) { log.add("double %d", v) })
		var pe *weir.PanicError
		require.ErrorAs(t, asError(recovered(func() { n.Set(c, 1) })), &pe)
		require.Equal(t, errBoom, pe.Value)
		log.want(t, "before it was raised", "next 1", "double 2")
		require.Equal(t, 1, weir.Read(c, n))
		p := weir.NewProvider(func(ref weir.Ref) int {
			ref.OnDispose(log.on("disposed"))
			ref.OnDispose(func() { panic(errBoom) })
			return 1
		})
		weir.Read(c, p)
		require.ErrorIs(t, asError(recovered(func() { c.Invalidate(p) })), errBoom)
		log.want(t, "the other hook", "disposed")
		usable(t, c)
	})
}

func TestE3FireImmediatelyThatPanics(t *testing.T) {
	// The subscription is there all the same, and hears the next change.
	bubble(t, func(t *testing.T) {
		c, told := toldContainer(t)
		n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		var log trace
		first := true
		s := weir.Listen(c, n, func(_, v int) {
			if first {
				first = false
				panic(errBoom)
			}
			log.add("%d", v)
		}, weir.FireImmediately())
		require.NotNil(t, s)
		require.Len(t, told.take(), 1)
		n.Set(c, 1)
		log.want(t, "the next change", "1")
		s.Close()
	})
}

func TestE3OnErrorThatDoesNotReturn(t *testing.T) {
	for ending, end := range endings {
		t.Run(ending, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, told := toldContainer(t)
				var log trace
				n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
				p := weir.NewProvider(func(ref weir.Ref) int {
					if weir.Watch(ref, n) == 1 {
						panic("build")
					}
					return 0
				})
				weir.Listen(c, p, nil, weir.OnError(func(error) { log.add("bad"); end() }))
				weir.Listen(c, p, nil, weir.OnError(func(error) { log.add("next") }))
				<-async(t, func() { n.Set(c, 1) })
				settle()
				log.want(t, "both", "bad", "next")
				require.Len(t, told.take(), 1, "the handler is told of OnError, not of the build")
				usable(t, c)
			})
		})
	}
}

// ---- other user code

func TestE3FunctionsThatDoNotReturn(t *testing.T) {
	// Equality, selectors, a family's create, Batch and Update functions: the error shows somewhere (raised at the call, told to the
	// handler or to OnError, kept as the state), nothing hangs, and once the function behaves again everything works.
	type victim struct {
		use  func(c *weir.Container) error // nil or what the call raised
		then func(c *weir.Container)       // when the function behaves again
	}
	var misbehave func()
	bad := func() {
		if misbehave != nil {
			misbehave()
		}
	}
	for name, mk := range map[string]func(t *testing.T, onError weir.ListenOption) victim{
		"equality of a state": func(t *testing.T, onError weir.ListenOption) victim {
			n := weir.NewStateProvider(one, weir.Equal(func(a, b int) bool { bad(); return a == b }))
			return victim{
				func(c *weir.Container) error {
					weir.Listen(c, n, nil, onError)
					return asError(recovered(func() { n.Set(c, 2) }))
				},
				func(c *weir.Container) { n.Set(c, 3); require.Equal(t, 3, weir.Read(c, n)) },
			}
		},
		"equality of a derived value": func(t *testing.T, onError weir.ListenOption) victim {
			n := weir.NewStateProvider(one)
			p := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, n) }, weir.Equal(func(a, b int) bool { bad(); return a == b }))
			return victim{
				func(c *weir.Container) error {
					weir.Listen(c, p, nil, onError)
					return asError(recovered(func() { n.Set(c, 2) }))
				},
				func(c *weir.Container) { n.Set(c, 3); require.Equal(t, 3, weir.Read(c, p)) },
			}
		},
		"a selector that is listened to": func(t *testing.T, onError weir.ListenOption) victim {
			n := weir.NewStateProvider(one)
			sel := weir.Select(n, func(v int) int {
				if v == 2 {
					bad()
				}
				return v
			})
			return victim{
				func(c *weir.Container) error {
					weir.Listen(c, sel, nil, onError)
					return asError(recovered(func() { n.Set(c, 2) }))
				},
				func(c *weir.Container) { n.Set(c, 3); require.Equal(t, 3, weir.Read(c, sel)) },
			}
		},
		"a selector that is watched": func(t *testing.T, _ weir.ListenOption) victim {
			n := weir.NewStateProvider(one)
			p := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, weir.Select(n, func(v int) int { bad(); return v })) })
			return victim{
				func(c *weir.Container) error { return asError(recovered(func() { weir.Read(c, p) })) },
				func(c *weir.Container) { c.Invalidate(p); require.Equal(t, 1, weir.Read(c, p)) },
			}
		},
		"a selector of an async source": func(t *testing.T, _ weir.ListenOption) victim {
			f := weir.NewFutureProvider(oneSlowly)
			sel := weir.SelectAsync(f, func(v int) int { bad(); return v + 1 })
			return victim{
				func(c *weir.Container) (err error) {
					if v := recovered(func() { _, err = weir.Resolve(context.Background(), c, sel) }); v != nil {
						err = asError(v)
					}
					return err
				},
				func(c *weir.Container) {
					c.Invalidate(f)
					v, err := weir.Resolve(context.Background(), c, sel)
					require.NoError(t, err)
					require.Equal(t, 2, v)
				},
			}
		},
		"a family's create": func(t *testing.T, _ weir.ListenOption) victim {
			fam := weir.NewFamily(func(i int) *weir.Provider[int] { bad(); return weir.NewProvider(func(weir.Ref) int { return i }) })
			return victim{
				func(*weir.Container) error { return asError(recovered(func() { fam.Of(7) })) },
				func(c *weir.Container) { require.Equal(t, 7, weir.Read(c, fam.Of(7))) },
			}
		},
		"Batch": func(t *testing.T, _ weir.ListenOption) victim {
			n := weir.NewStateProvider(one)
			return victim{
				func(c *weir.Container) error {
					weir.Read(c, n)
					return asError(recovered(func() { c.Batch(func(tx *weir.Tx) { n.Set(tx, 2); bad() }) }))
				},
				func(c *weir.Container) {
					require.Equal(t, 1, weir.Read(c, n), "something of the Batch was applied")
					c.Batch(func(tx *weir.Tx) { n.Set(tx, 3) })
					require.Equal(t, 3, weir.Read(c, n))
				},
			}
		},
		"Update": func(t *testing.T, _ weir.ListenOption) victim {
			n := weir.NewStateProvider(one)
			return victim{
				func(c *weir.Container) error {
					return asError(recovered(func() { n.Update(c, func(v int) int { bad(); return v + 1 }) }))
				},
				func(c *weir.Container) {
					require.Equal(t, 1, weir.Read(c, n))
					require.Equal(t, 2, n.Update(c, func(v int) int { return v + 1 }))
				},
			}
		},
	} {
		for ending, end := range endings {
			t.Run(name+"/"+ending, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					c, told := toldContainer(t)
					var onError []error
					v := mk(t, weir.OnError(func(err error) { onError = append(onError, err) }))
					misbehave = end
					var raised error
					<-async(t, func() { raised = v.use(c) })
					settle()
					all := onError
					if raised != nil {
						all = append(all, raised)
					}
					for _, p := range told.take() {
						all = append(all, p)
					}
					if ending == "panic" {
						require.NotEmpty(t, all, "the panic vanished")
						found := false
						for _, err := range all {
							found = found || errors.Is(err, errBoom)
						}
						require.True(t, found, "%v", all)
					}
					misbehave = nil
					within(t, "when it behaves again", func() { v.then(c) })
					usable(t, c)
				})
			})
		}
	}
}
