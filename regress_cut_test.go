package weir_test

// What Cancel and Timeout leave behind (C6): who waited for the build that was ended has the cause, and hears of the next one (D10),
// however that comes about.

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// gatedFuture is a future that returns what comes through gate, or the cause when its build ends.
func gatedFuture(gate <-chan int, opts ...weir.ProviderOption) *weir.FutureProvider[int] {
	return weir.NewFutureProvider(func(ctx context.Context, _ weir.Ref) (int, error) {
		select {
		case v := <-gate:
			return v, nil
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}, opts...)
}

func TestC6AnAwaitThatGotTheCauseHearsOfTheNextBuild(t *testing.T) {
	// Planted bug: leave the Await that is given the cause without a dependency: what awaited stays failed for good. Or have it depend on
	// the settled result: after a Cancel that kept the data the next build has the same.
	awaiters := map[string]func(build func(ref weir.Ref) (int, error)) *weir.FutureProvider[int]{
		"a future": func(build func(ref weir.Ref) (int, error)) *weir.FutureProvider[int] {
			return weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) { return build(ref) })
		},
		"a Try": func(build func(ref weir.Ref) (int, error)) *weir.FutureProvider[int] {
			return weir.NewTryProvider(build)
		},
	}
	cuts := map[string]func(c *weir.Container, src *weir.FutureProvider[int]){
		"Cancel":  func(c *weir.Container, src *weir.FutureProvider[int]) { src.Cancel(c, errBoom) },
		"Timeout": func(*weir.Container, *weir.FutureProvider[int]) { pass(time.Hour) },
	}
	for who, awaiter := range awaiters {
		for how, cut := range cuts {
			for _, kept := range []bool{false, true} {
				name := how + ", " + who
				if kept {
					name += ", with data of before"
				}
				t.Run(name, func(t *testing.T) {
					bubble(t, func(t *testing.T) {
						c := newContainer(t)
						gate := make(chan int, 1)
						src := gatedFuture(gate, weir.Timeout(time.Minute))
						top := awaiter(func(ref weir.Ref) (int, error) { return weir.Await(ref, src) })
						if kept {
							gate <- 7
							weir.Read(c, src)
							settle()
							c.Invalidate(src)
						}
						listening := async(t, func() { weir.Listen(c, top, nil) })
						settle()
						cut(c, src)
						await(t, "Listen", listening)
						settle()
						require.Error(t, weir.Read(c, top).Err())
						gate <- 7
						c.Invalidate(src)
						weir.Read(c, src)
						settle()
						isData(t, 7, weir.Read(c, src))
						isData(t, 7, weir.Read(c, top))
					})
				})
			}
		}
	}
}

func TestC6AwaitsOfOneSourceThatGotTheCauseShareADependency(t *testing.T) {
	// Two Awaits of one build wait at one edge; a third finds the data that Cancel has kept. Planted bug: the last one says what the edge hears.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		gate := make(chan int, 1)
		src := gatedFuture(gate)
		gate <- 7
		weir.Read(c, src)
		settle()
		c.Invalidate(src)
		builds := 0
		top := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
			builds++
			errs := make(chan error)
			for range 2 {
				go func() {
					_, err := weir.Await(ref, src)
					errs <- err
				}()
			}
			first, second := <-errs, <-errs
			v, _ := weir.Await(ref, src)
			if first != nil {
				return v, first
			}
			return v, second
		})
		weir.Listen(c, top, nil)
		settle()
		src.Cancel(c, errBoom)
		settle()
		require.ErrorIs(t, weir.Read(c, top).Err(), errBoom)
		gate <- 7
		c.Invalidate(src)
		settle()
		isData(t, 7, weir.Read(c, top))
		require.Equal(t, 2, builds)
	})
}

func TestD10AfterACauseAnAwaitHearsOfTheNextResult(t *testing.T) {
	for _, end := range []string{"cancel", "timeout", "fail"} {
		for _, how := range []string{"await", "watch", "listen"} {
			for _, again := range []string{"invalidate", "dep", "reload", "invalidate d"} {
				t.Run(fmt.Sprint(end, " ", how, " ", again), func(t *testing.T) {
					bubble(t, func(t *testing.T) {
						c := newContainer(t)
						slow := true
						builds := 0
						n := scenarioNumber(0)
						opts := []weir.ProviderOption{weir.Name("p")}
						if end == "timeout" {
							opts = append(opts, weir.Timeout(time.Second))
						}
						p := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
							builds++
							weir.Watch(ref, n)
							if slow {
								select {
								case <-ctx.Done():
									return 0, context.Cause(ctx)
								case <-time.After(2 * time.Second):
									return 0, errBoom
								}
							}
							return 2, nil
						}, opts...)
						d := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (string, error) {
							switch how {
							case "await":
								v, err := weir.Await(ref, p)
								return fmt.Sprint(v, " ", err), nil
							case "watch":
								return show(weir.Watch(ref, p)), nil
							default:
								weir.Listen(ref, p, nil)
								return "listening", nil
							}
						}, weir.Name("d"))
						s := weir.Listen(c, d, nil)
						defer s.Close()
						settle()
						if end == "cancel" {
							p.Cancel(c, errBoom)
						}
						pass(time.Minute)
						b := builds
						slow = false
						switch again {
						case "invalidate":
							c.Invalidate(p)
						case "invalidate d":
							c.Invalidate(p, d)
						case "reload":
							c.InvalidateAsReload(p)
						case "dep":
							n.Set(c, 1)
						}
						settle()
						if builds != b+1 {
							t.Errorf("p was built %d times more, want once: it is active and was stale", builds-b)
						}
					})
				})
			}
		}
	}
}

func TestD10AnAwaitThatIsToldTheCauseWhenThereIsANewBuildWaitsForThat(t *testing.T) {
	// The new build is done before the goroutine that waited has the lock. Planted bug: it returns the cause and hears of what comes after the
	// new result, which it has never seen.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		slow := true
		p := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
			if slow {
				<-ctx.Done()
				return 0, context.Cause(ctx)
			}
			return 2, nil
		}, weir.Name("p"))
		d := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (string, error) {
			v, err := weir.Await(ref, p)
			return fmt.Sprint(v, " ", err), nil
		}, weir.Name("d"))
		s := weir.Listen(c, d, nil)
		defer s.Close()
		settle()
		slow = false
		p.Cancel(c, errBoom)
		c.Invalidate(p)
		settle()
		require.Equal(t, "data 2 <nil>", show(weir.Read(c, d)))
	})
}

func TestC6WhatIsCutAndThenInvalidatedIsBuiltAgain(t *testing.T) {
	// The function of a Try goes on for a while after Cancel. Planted bug: publish what Cancel left although it was invalidated meanwhile.
	var gate chan int
	blocked := func(context.Context, weir.Ref) (int, error) { return <-gate, nil }
	for name, invalidate := range map[string]func(c *weir.Container, p *weir.FutureProvider[int]){
		"Invalidate":         func(c *weir.Container, p *weir.FutureProvider[int]) { c.Invalidate(p) },
		"InvalidateAsReload": func(c *weir.Container, p *weir.FutureProvider[int]) { c.InvalidateAsReload(p) },
		"UpdateOverrides":    func(c *weir.Container, p *weir.FutureProvider[int]) { c.UpdateOverrides(p.OverrideWith(blocked)) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				gate = make(chan int)
				p := weir.NewTryProvider(func(weir.Ref) (int, error) { return 0, nil })
				c := newContainer(t, p.OverrideWith(blocked))
				listening := async(t, func() { weir.Listen(c, p, nil) })
				settle()
				p.Cancel(c, errBoom)
				invalidate(c, p)
				gate <- 1
				settle()
				gate <- 2
				await(t, "Listen", listening)
				settle()
				isData(t, 2, weir.Read(c, p))
			})
		})
	}
}
