package weir_test

// This file holds Select, SelectFunc and SelectAsync: what they pass on, how often the selector runs, and that a selection behaves as
// its source does wherever a source may stand (watch, listen, read, await, weak, paused). Numbers S-nnn are those of the scenarios.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// selectUser is what the tests select from.
type selectUser struct {
	Name string
	Age  int
	Tags []string
}

func selectUsers(opts ...weir.ProviderOption) *weir.StateProvider[selectUser] {
	return weir.NewStateProvider(func(weir.Ref) selectUser { return selectUser{"Ada", 36, nil} }, opts...)
}

func selectEven(v int) bool { return v%2 == 0 }

func selectState(v int) *weir.StateProvider[int] {
	return weir.NewStateProvider(func(weir.Ref) int { return v })
}

// ---- listening

func TestSelectS171ListenPassesOnOnlyWhatChanges(t *testing.T) {
	// The selector runs once at the start and once per change; the one who listens in a build is not rebuilt. A toy runs it per
	// listener and per comparison.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		runs, builds := 0, 0
		n := selectState(0)
		holder := weir.NewProvider(func(ref weir.Ref) int {
			builds++
			weir.Listen(ref, weir.Select(n, func(v int) bool { runs++; return selectEven(v) }), propagationArrow[bool](&log, ""))
			return 0
		})
		weir.Listen(c, holder, nil)
		require.Equal(t, 1, runs, "on attach")
		log.want(t, "on attach")
		for i, want := range [][]string{{}, {"true→false"}, {"false→true"}} {
			n.Set(c, []int{2, 3, 4}[i])
			log.want(t, fmt.Sprint("step ", i), want...)
			require.Equal(t, 2+i, runs, "runs of the selector, step %d", i)
		}
		require.Equal(t, 1, builds)
	})
}

func TestSelectS172FireImmediately(t *testing.T) {
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		runs := 0
		n := selectState(0)
		weir.Listen(c, weir.Select(n, func(v int) bool { runs++; return selectEven(v) }), propagationArrow[bool](&log, ""), weir.FireImmediately())
		log.want(t, "on attach", "false→true")
		require.Equal(t, 1, runs)
		n.Set(c, 1)
		log.want(t, "a change", "true→false")
	})
}

func TestSelectS181CountsAsAListenerUntilClosed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		p := weir.NewProvider(func(ref weir.Ref) int { log.hooks(ref, "", true); return 0 }, weir.AutoDispose(), weir.Name("p"))
		s := weir.Listen(c, weir.Select(p, selectEven), nil)
		pass(10 * delay)
		log.want(t, "listened to through a selection", "add")
		require.Equal(t, 1, info(t, c, "p").Listeners)
		s.Close()
		log.want(t, "closed", "cancel", "remove")
		gone()
		log.want(t, "after the delay", "dispose")
		require.Zero(t, elements(c), "nothing of the selection is left either")
	})
}

func TestSelectS182PauseAndResume(t *testing.T) {
	// A paused selection does not keep the source active; on Resume it compares what it last saw with the newest. G13.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		n := weir.NewStateProvider(func(ref weir.Ref) int {
			ref.OnCancel(log.on("cancel"))
			ref.OnResume(log.on("resume"))
			return 0
		}, weir.AutoDispose())
		s := weir.Listen(c, weir.Select(n, selectEven), propagationArrow[bool](&log, ""))
		s.Pause()
		log.want(t, "paused", "cancel")
		n.Set(c, 1)
		n.Set(c, 2)
		s.Resume()
		log.want(t, "there and back", "resume")
		s.Pause()
		n.Set(c, 3)
		s.Resume()
		got := log.take()
		require.ElementsMatch(t, []string{"cancel", "resume", "true→false"}, got)
	})
}

func TestSelectS161WeakSelection(t *testing.T) {
	// It builds nothing; Read of it does, and delivers that once; later changes are compared with it. L8.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		word := weir.NewStateProvider(func(weir.Ref) string { log.add("build"); return "Hello" })
		s := weir.Listen(c, weir.Select(word, func(w string) string { return w[:1] }), propagationArrow[string](&log, ""), weir.Weak())
		log.want(t, "a weak selection alone")
		require.Equal(t, "H", s.Read())
		flush(t, c)
		log.want(t, "its own Read builds", "build", "→H")
		word.Set(c, "Hi")
		log.want(t, "the same letter")
		word.Set(c, "Bye")
		log.want(t, "another letter", "H→B")
		s.Close()
		word.Set(c, "Ciao")
		log.want(t, "closed")
	})
}

func TestSelectS142ReadIsFresh(t *testing.T) {
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		n := selectState(0)
		double := weir.NewProvider(func(ref weir.Ref) int { return 2 * weir.Watch(ref, n) })
		sel := weir.Select(double, func(v int) string { return fmt.Sprint("v", v) })
		require.Equal(t, "v0", weir.Read(c, sel))
		n.Set(c, 1)
		require.Equal(t, "v2", weir.Read(c, sel))
		s := weir.Listen(c, sel, nil)
		s.Pause()
		n.Set(c, 2)
		require.Equal(t, "v4", s.Read())
		c.Batch(func(tx *weir.Tx) {
			n.Set(tx, 3)
			require.Equal(t, 4, weir.Read(tx, weir.Select(n, func(v int) int { return v + 1 })), "staged state, selected")
		})
		require.Equal(t, "v6", weir.Refresh(c, sel))
	})
}

// ---- watching

func TestSelectS174Watch(t *testing.T) {
	// The watcher is rebuilt only when the selected part changes. Each build makes a selection of its own: they must not pile up.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		with := map[int]int{}
		n := selectState(0)
		builds := 0
		p := weir.NewProvider(func(ref weir.Ref) bool {
			builds++
			return weir.Watch(ref, weir.Select(n, func(v int) bool { with[v]++; return selectEven(v) }))
		}, weir.Name("p"))
		weir.Listen(c, p, propagationArrow[bool](&log, ""))
		n.Set(c, 2)
		require.Equal(t, []int{1, 1}, []int{builds, with[2]}, "builds, runs with 2")
		n.Set(c, 3)
		require.Equal(t, 2, builds)
		require.LessOrEqual(t, with[3], 2, "once to compare, once for the selection of the new build")
		log.want(t, "told", "true→false")
		was := elements(c)
		for i := range 1000 {
			n.Set(c, i+4)
		}
		require.Equal(t, 1002, builds)
		require.LessOrEqual(t, elements(c), was, "selections of builds that are over")
		for v, runs := range with {
			require.LessOrEqual(t, runs, 2, "runs with %d", v)
		}
	})
}

func TestSelectS127TheSourceIsADirectDependency(t *testing.T) {
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		users := selectUsers(weir.Name("users"))
		p := weir.NewProvider(func(ref weir.Ref) string {
			return weir.Watch(ref, weir.Select(users, func(u selectUser) string { return u.Name }))
		}, weir.Name("p"))
		weir.Read(c, p)
		require.Equal(t, []string{"users"}, info(t, c, "p").Dependencies)
	})
}

func TestSelectS175Chained(t *testing.T) {
	// Selections of selections: mod 10, then below 5.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		n := selectState(0)
		builds := 0
		inner := weir.Select(n, func(v int) int { return v % 10 })
		sel := weir.Select(inner, func(v int) bool { return v < 5 })
		p := weir.NewProvider(func(ref weir.Ref) bool { builds++; return weir.Watch(ref, sel) })
		weir.Listen(c, p, nil)
		var values []bool
		var cumulative []int
		for _, v := range []int{0, 3, 7, 8, 18} {
			n.Set(c, v)
			values = append(values, weir.Read(c, p))
			cumulative = append(cumulative, builds)
		}
		require.Equal(t, []bool{true, true, false, false, false}, values)
		require.Equal(t, []int{1, 1, 2, 2, 2}, cumulative)
	})
}

func TestSelectUnlistenedIsVerifiedLazily(t *testing.T) {
	// P2, D4: a selection between a state and its watcher: Set does not end the watcher's build, the next Read asks the selector.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		users := selectUsers()
		var r weir.Ref
		builds := 0
		p := weir.NewProvider(func(ref weir.Ref) string {
			r = ref
			builds++
			return weir.Watch(ref, weir.Select(users, func(u selectUser) string { return u.Name }))
		})
		weir.Read(c, p)
		users.Update(c, func(u selectUser) selectUser { u.Age++; return u })
		weir.Read(c, p)
		require.True(t, r.Mounted())
		require.Equal(t, 1, builds)
		users.Update(c, func(u selectUser) selectUser { u.Name = "Grace"; return u })
		require.Equal(t, "Grace", weir.Read(c, p))
		require.Equal(t, 2, builds)
	})
}

func TestSelectP1UncomparablePartsAlwaysChange(t *testing.T) {
	// P1 holds for the selected type: a slice is always different, SelectFunc says what is the same.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		users := selectUsers()
		tags := func(u selectUser) []string { return u.Tags }
		weir.Listen(c, weir.Select(users, tags), propagationArrow[[]string](&log, "plain "))
		weir.Listen(c, weir.SelectFunc(users, tags, slices.Equal[[]string]), propagationArrow[[]string](&log, "func "))
		users.Update(c, func(u selectUser) selectUser { u.Age++; return u })
		users.Update(c, func(u selectUser) selectUser { u.Tags = []string{"x"}; return u })
		got := log.take()
		require.Equal(t, 1, count(got, "plain []→[]"))
		require.Equal(t, 1, count(got, "func []→[x]"))
		require.Len(t, got, 3)
	})
}

// ---- failing

func TestSelectS177AFailingSelector(t *testing.T) {
	// It is the watcher's or listener's failure: raised by Read, told to OnError once per change; the source and its other listeners go
	// on, and it recovers.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		n := selectState(0)
		sel := weir.Select(n, func(v int) int {
			if v == 13 {
				panic(errBoom)
			}
			return v
		})
		s := weir.Listen(c, sel, propagationArrow[int](&log, "sel "),
			weir.OnError(func(err error) { log.add("error %v", errors.Is(err, errBoom)) }))
		weir.Listen(c, n, propagationArrow[int](&log, "n "))
		n.Set(c, 13)
		log.wantSet(t, "the selector fails", "error true", "n 0→13")
		require.ErrorIs(t, asError(recovered(func() { s.Read() })), errBoom)
		require.ErrorIs(t, asError(recovered(func() { weir.Read(c, sel) })), errBoom)
		p := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, sel) })
		require.ErrorIs(t, asError(recovered(func() { weir.Read(c, p) })), errBoom)
		log.want(t, "reading it tells nobody")
		n.Set(c, 1)
		require.Equal(t, 1, weir.Read(c, p))
		got := log.take()
		require.Equal(t, 1, count(got, "sel 0→1"), "%v", got)
		usable(t, c)
	})
}

func TestSelectS144WithoutOnErrorThePanicHandlerIsToldOnce(t *testing.T) {
	// E1, D14. The source fails in a rebuild: one report per listener's failure, none of them to the data callback.
	guard(t, func(t *testing.T) {
		c, r := toldContainer(t)
		n := selectState(0)
		p := weir.NewProvider(func(ref weir.Ref) int {
			if v := weir.Watch(ref, n); v != 1 {
				return v
			}
			panic(errBoom)
		})
		calls := 0
		weir.Listen(c, weir.Select(p, selectEven), func(_, _ bool) { calls++ })
		n.Set(c, 1)
		require.Equal(t, []string{"boom"}, r.values())
		require.Zero(t, calls)
	})
}

func TestSelectS178AFailedSourceBypassesTheSelector(t *testing.T) {
	// The original *PanicError arrives unnested, whatever lies between (E1); the selector does not run with a zero value.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		runs := 0
		p := weir.NewProvider(func(weir.Ref) int { panic(errBoom) }, weir.Name("broken"))
		d := weir.NewProvider(func(ref weir.Ref) bool {
			return weir.Watch(ref, weir.Select(p, func(v int) bool { runs++; return selectEven(v) }))
		}, weir.Name("dependent"))
		var first, far *weir.PanicError
		require.ErrorAs(t, asError(recovered(func() { weir.Read(c, p) })), &first)
		require.ErrorAs(t, asError(recovered(func() { weir.Read(c, d) })), &far)
		require.Same(t, first, far)
		require.Equal(t, "broken", far.Provider)
		require.Zero(t, runs)
	})
}

func TestSelectOfNothingIsMisuse(t *testing.T) {
	n := selectState(0)
	misuse(t, "a nil selector", func() { weir.Select[int, int](n, nil) }, "Select")
	misuse(t, "a nil equality", func() { weir.SelectFunc(n, selectEven, nil) }, "SelectFunc")
	misuse(t, "a nil source", func() { weir.Select[int](nil, selectEven) }, "Select")
	f := weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) { return 0, nil })
	misuse(t, "a nil async selector", func() { weir.SelectAsync[int, int](f, nil) }, "SelectAsync")
}

func TestP1SelectOfTheSameValueAgainHasNotChanged(t *testing.T) {
	// The state has changed and is what it was: what is selected of it is the same as well, whatever its own comparison would say, and the
	// selector need not run. Planted bugs: ask the comparison all the same; take a source that was written for one that differs.
	c := newContainer(t)
	n := selectState(1)
	runs, builds := 0, 0
	tens := weir.Select(n, func(v int) []int { runs++; return []int{10 * v} }) // slices are never equal
	p := weir.NewProvider(func(ref weir.Ref) int { builds++; return weir.Watch(ref, tens)[0] })
	require.Equal(t, 10, weir.Read(c, p))
	n.Set(c, 2)
	n.Set(c, 1)
	require.Equal(t, 10, weir.Read(c, p))
	require.Equal(t, 1, runs)
	require.Equal(t, 1, builds)
	n.Set(c, 3)
	require.Equal(t, 30, weir.Read(c, p))
	require.Equal(t, 2, builds)
}

func TestP1SelectPassesOnThatItsSourceFails(t *testing.T) {
	// Value to error, error to error and error to value are changes (P1), whatever the selection would be of the value that is kept beside
	// the failure, and a dependent raises the failure as it is (E1). Planted bugs: ask the filter of a source that has failed; filter the
	// edge of a watch that has raised.
	for name, listen := range map[string]bool{"active": true, "read": false} {
		for what, src := range map[string]func(build func(weir.Ref) int) weir.Source[int]{
			"small": func(build func(weir.Ref) int) weir.Source[int] { return weir.NewProvider(build) },
			"not small": func(build func(weir.Ref) int) weir.Source[int] {
				return weir.NewProvider(build, weir.Equal(func(a, b int) bool { return a == b }))
			},
		} {
			for _, first := range []int{1, -1} {
				t.Run(fmt.Sprint(name, ", ", what, ", ", first), func(t *testing.T) {
					c := newContainer(t)
					n := selectState(first)
					boom := func(v int) error { return fmt.Errorf("boom %d", v) }
					tens := weir.Select(src(func(ref weir.Ref) int {
						v := weir.Watch(ref, n)
						if v < 0 {
							panic(boom(v).Error())
						}
						return v
					}), func(v int) int { return 10 * v })
					p := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, tens) })
					f := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) { return weir.Watch(ref, tens), nil })
					if listen {
						weir.Listen(c, p, nil, weir.OnError(func(error) {}))
						weir.Listen(c, f, nil)
					}
					for _, v := range []int{first, 2, -2, -3, 2, -2, 2, -4, 3} {
						n.Set(c, v)
						var got int
						raised := asError(recovered(func() { got = weir.Read(c, p) }))
						later, err := weir.Resolve(t.Context(), c, f)
						if v < 0 {
							require.ErrorContains(t, raised, boom(v).Error())
							require.ErrorContains(t, err, boom(v).Error())
							continue
						}
						require.NoError(t, raised)
						require.NoError(t, err)
						require.Equal(t, 10*v, got)
						require.Equal(t, 10*v, later)
					}
				})
			}
		}
	}
}
