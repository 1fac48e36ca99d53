package weir_test

// This file holds the propagation rules P1, P2 and P4 to P6: what counts as a change, what is rebuilt for it and in which order, and
// who is told how often. Consistency across goroutines (P3) has a file of its own, as have the edges (P7 to P11).

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// propagationArrow returns a listener that records its calls as prev→next.
func propagationArrow[T any](log *trace, prefix string) func(prev, next T) {
	return func(prev, next T) { log.add("%s%v→%v", prefix, prev, next) }
}

// ---- P1: what is a change

// propagationDefault sets a state that holds a to again and compares what is told and rebuilt with changes.
func propagationDefault[T any](t *testing.T, name string, a, again T, changes bool) {
	t.Run(name, func(t *testing.T) {
		guard(t, func(t *testing.T) {
			c := newContainer(t)
			p := weir.NewStateProvider(func(weir.Ref) T { return a })
			builds, calls := 0, 0
			d := weir.NewProvider(func(ref weir.Ref) int { weir.Watch(ref, p); builds++; return builds })
			weir.Listen(c, p, func(_, _ T) { calls++ })
			weir.Listen(c, d, nil)
			p.Set(c, again)
			want := 0
			if changes {
				want = 1
			}
			require.Equal(t, want, calls, "calls of the listener")
			require.Equal(t, want, builds-1, "rebuilds of the dependent")
		})
	})
}

func TestP1DefaultEquality(t *testing.T) {
	// A toy compares with any(a) == any(b) and panics on the first slice, or uses DeepEqual and swallows what the caller changed.
	type point struct{ X, Y int }
	type tagged struct{ Tags []string }
	type boxed struct{ V any }
	one, other := 1, 1
	list, tags := []int{1}, []string{"a"}
	table := map[string]int{"a": 1}
	propagationDefault(t, "int, the same", 1, 1, false)
	propagationDefault(t, "int, another", 1, 2, true)
	propagationDefault(t, "string, the same", "a", strings.Clone("a"), false)
	propagationDefault(t, "struct, the same", point{1, 2}, point{1, 2}, false)
	propagationDefault(t, "struct, another", point{1, 2}, point{2, 1}, true)
	propagationDefault(t, "array, the same", [2]int{1, 2}, [2]int{1, 2}, false)
	propagationDefault(t, "pointer, the same", &one, &one, false)
	propagationDefault(t, "pointer to an equal value", &one, &other, true)
	propagationDefault(t, "NaN is never equal", math.NaN(), math.NaN(), true)
	propagationDefault(t, "slices are always different", list, list, true)
	propagationDefault(t, "maps are always different", table, table, true)
	propagationDefault(t, "nil slices too", []int(nil), []int(nil), true)
	propagationDefault(t, "struct with a slice", tagged{tags}, tagged{tags}, true)
	propagationDefault(t, "array of slices", [1][]int{list}, [1][]int{list}, true)
	propagationDefault[any](t, "interface, slices inside", list, list, true)
	propagationDefault[any](t, "interface, a slice for an int", 1, list, true)
	propagationDefault[any](t, "interface, the same value", 1, 1, false)
	propagationDefault[any](t, "interface, another value", 1, 2, true)
	propagationDefault[any](t, "interface, another type", 1, "1", true)
	propagationDefault(t, "field of interface type, maps inside", boxed{table}, boxed{table}, true)
	propagationDefault(t, "interface with methods, another value", errBoom, errors.New("boom"), true)
}

func TestP1EqualReplacesTheDefault(t *testing.T) {
	// The option decides in both directions, for a set and for a rebuild, and an equal value leaves the old one in place. A toy applies
	// it to Set only, or replaces the value and merely keeps quiet.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		words := weir.NewStateProvider(func(weir.Ref) []string { return []string{"a"} }, weir.Equal(slices.Equal[[]string]))
		first := weir.NewProvider(func(ref weir.Ref) []string { return weir.Watch(ref, words)[:1] }, weir.Equal(slices.Equal[[]string]))
		size := weir.NewProvider(func(ref weir.Ref) int { log.add("size"); return len(weir.Watch(ref, first)) })
		restless := weir.NewStateProvider(func(weir.Ref) int { return 1 }, weir.Equal(func(a, b int) bool { return false }))
		weir.Listen(c, size, nil)
		weir.Listen(c, first, propagationArrow[[]string](&log, "first "))
		weir.Listen(c, restless, propagationArrow[int](&log, "restless "))
		log.take()
		was := &weir.Read(c, words)[0]
		words.Set(c, []string{"a"})
		log.want(t, "an equal set")
		require.Same(t, was, &weir.Read(c, words)[0], "an equal value changes nothing, not even which one is kept")
		wasFirst := &weir.Read(c, first)[0]
		words.Set(c, []string{"a", "b"})
		log.want(t, "an equal rebuild")
		require.Same(t, wasFirst, &weir.Read(c, first)[0], "the same for a rebuild")
		words.Set(c, []string{"c"})
		log.wantSet(t, "another value", "first [a]→[c]", "size")
		restless.Set(c, 1)
		log.want(t, "never equal", "restless 1→1")
	})
}

func TestP1EqualOfAsyncKindsSpeaksOfTheData(t *testing.T) {
	// Equal takes T for an async kind: a refresh that brings equal data leaves an Await alone, and the state keeps the old data. A toy
	// asks for AsyncValue[T], or forgets the option off the sync path.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		data := []int{1}
		p := weir.NewFutureProvider(func(context.Context, weir.Ref) ([]int, error) { return data, nil }, weir.Equal(slices.Equal[[]int]))
		builds := 0
		sum := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
			builds++
			v, err := weir.Await(ref, p)
			return len(v), err
		})
		weir.Listen(c, sum, nil)
		settle()
		data = []int{1}
		c.Invalidate(p)
		settle()
		require.Equal(t, 1, builds, "builds after equal data")
		data = []int{1, 2}
		c.Invalidate(p)
		settle()
		require.Equal(t, 2, builds, "builds after other data")
		require.Equal(t, 2, weir.Read(c, sum).ValueOr(0))
	})
}

func TestP1EqualOfAnotherTypeIsMisuse(t *testing.T) {
	eq := weir.Equal(func(a, b string) bool { return a == b })
	misuse(t, "Provider", func() {
		weir.NewProvider(func(weir.Ref) int { return 0 }, eq, weir.Name("total"))
	}, "total", "string", "int")
	misuse(t, "StateProvider", func() { weir.NewStateProvider(func(weir.Ref) int { return 0 }, eq) }, "string", "int")
	misuse(t, "TryProvider", func() { weir.NewTryProvider(func(weir.Ref) (int, error) { return 0, nil }, eq) }, "string", "int")
	misuse(t, "FutureProvider", func() {
		weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) { return 0, nil },
			weir.Equal(func(a, b weir.AsyncValue[int]) bool { return true }))
	}, "AsyncValue", "int")
}

func TestP1ErrorsAlwaysChange(t *testing.T) {
	// Error -> value, value -> error and error -> error are changes, also with the same error and the same value. A toy compares the
	// values beside the error and keeps a dependent that has seen the failure.
	t.Run("TryProvider", func(t *testing.T) {
		guard(t, func(t *testing.T) {
			c := newContainer(t)
			var log trace
			mode := weir.NewStateProvider(func(weir.Ref) int { return 0 })
			p := weir.NewTryProvider(func(ref weir.Ref) (int, error) {
				if m := weir.Watch(ref, mode); m == 1 || m == 2 {
					return 0, errBoom
				}
				return 7, nil
			})
			d := weir.NewProvider(func(ref weir.Ref) string {
				v, err := weir.Watch(ref, p).Result()
				log.add("%d,%v", v, err)
				return "always the same"
			})
			weir.Listen(c, d, nil)
			weir.Listen(c, p, func(_, next weir.AsyncValue[int]) { log.add("told %v", next.HasError()) })
			log.take()
			for i, want := range []string{"7,boom", "7,boom", "7,<nil>"} {
				mode.Set(c, i+1)
				log.wantSet(t, fmt.Sprint("mode ", i+1), want, fmt.Sprint("told ", i != 2))
			}
			mode.Set(c, 4)
			log.want(t, "value -> the same value")
		})
	})
	t.Run("Provider", func(t *testing.T) {
		guard(t, func(t *testing.T) {
			c := newContainer(t)
			var log trace
			mode := weir.NewStateProvider(func(weir.Ref) int { return 0 })
			p := weir.NewProvider(func(ref weir.Ref) int {
				if m := weir.Watch(ref, mode); m == 1 || m == 2 {
					panic(errBoom)
				}
				return 7
			})
			d := weir.NewProvider(func(ref weir.Ref) int { log.add("build"); return weir.Watch(ref, p) })
			weir.Listen(c, d, func(_, next int) { log.add("told %d", next) },
				weir.OnError(func(err error) { log.add("error %v", errors.Is(err, errBoom)) }))
			log.take()
			mode.Set(c, 1)
			log.want(t, "value -> error", "build", "error true")
			mode.Set(c, 2)
			log.want(t, "error -> error", "build", "error true")
			mode.Set(c, 3)
			log.want(t, "error -> the value before it", "build", "told 7")
		})
	})
}

// ---- P2: mark eagerly, verify lazily

func TestP2RebuildsOnlyWhatADifferentValueReaches(t *testing.T) {
	// A change that a dependency swallows stops there, listened to or only read. A toy rebuilds everything below a write.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		tens := weir.NewProvider(func(ref weir.Ref) int { log.add("tens"); return weir.Watch(ref, n) / 10 })
		label := weir.NewProvider(func(ref weir.Ref) string { log.add("label"); return fmt.Sprint(weir.Watch(ref, tens)) })
		title := weir.NewProvider(func(ref weir.Ref) string { log.add("title"); return weir.Watch(ref, label) + "!" })
		s := weir.Listen(c, title, propagationArrow[string](&log, ""))
		log.take()
		n.Set(c, 9)
		log.want(t, "swallowed, listened to", "tens")
		n.Set(c, 10)
		log.want(t, "let through", "tens", "label", "title", "0!→1!")
		s.Close()
		n.Set(c, 11)
		n.Set(c, 12)
		log.want(t, "unlistened: nothing is built before a Read")
		require.Equal(t, "1!", weir.Read(c, title))
		log.want(t, "read", "tens")
		require.Equal(t, "1!", weir.Read(c, title))
		log.want(t, "read again")
	})
}

func TestP2VerifiesInRecordedOrderAndStopsAtTheFirstChange(t *testing.T) {
	// A toy refreshes every dependency before it decides, and so builds one that the new build does not want.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		a := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		b := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		first := weir.NewProvider(func(ref weir.Ref) int { log.add("first"); return weir.Watch(ref, a) % 2 })
		second := weir.NewProvider(func(ref weir.Ref) int { log.add("second"); return weir.Watch(ref, b) })
		top := weir.NewProvider(func(ref weir.Ref) int {
			log.add("top")
			if weir.Watch(ref, first) == 1 {
				return -1
			}
			return weir.Watch(ref, second)
		})
		write := func(x, y int) {
			c.Batch(func(tx *weir.Tx) { a.Set(tx, x); b.Set(tx, y) })
			log.want(t, "a write builds nothing")
		}
		weir.Read(c, top)
		log.want(t, "cold", "top", "first", "second")
		write(2, 2)
		require.Equal(t, 2, weir.Read(c, top))
		log.want(t, "the first is the same, the second changed", "first", "second", "top")
		write(4, 2)
		require.Equal(t, 2, weir.Read(c, top))
		log.want(t, "nothing changed", "first")
		write(5, 3)
		require.Equal(t, -1, weir.Read(c, top))
		log.want(t, "the first changed: the second is not asked", "first", "top")
		require.Equal(t, 3, weir.Read(c, second))
		log.want(t, "it was stale all the same", "second")
	})
}

func TestP2AGuardedDependencyIsNotBuiltInVain(t *testing.T) {
	// Recorded order matters to the user: what stands behind a guard that has just closed must not be built to verify it. A toy divides
	// by zero.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		seats := weir.NewStateProvider(func(weir.Ref) int { return 5 })
		free := weir.NewProvider(func(ref weir.Ref) bool { return weir.Watch(ref, seats) > 0 })
		share := weir.NewProvider(func(ref weir.Ref) int { return 100 / weir.Watch(ref, seats) })
		top := weir.NewProvider(func(ref weir.Ref) int {
			if weir.Watch(ref, free) {
				return weir.Watch(ref, share)
			}
			return 0
		})
		require.Equal(t, 20, weir.Read(c, top))
		seats.Set(c, 0)
		require.Nil(t, recovered(func() { require.Equal(t, 0, weir.Read(c, top)) }))
		seats.Set(c, 4)
		require.Equal(t, 25, weir.Read(c, top))
	})
}

func TestP2MarkedBeforeTheNewValueIsVisible(t *testing.T) {
	// Who has seen the new state cannot read a derived value of the old one. Planted bug: publish the state first, mark the dependents
	// after it.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		const last = 3000
		n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		double := weir.NewProvider(func(ref weir.Ref) int { return 2 * weir.Watch(ref, n) })
		far := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, double) })
		var wg sync.WaitGroup
		for _, p := range []*weir.Provider[int]{double, far} {
			wg.Go(func() {
				for v := 0; v < last; runtime.Gosched() {
					v = weir.Read(c, n)
					if d := weir.Read(c, p); d < 2*v {
						t.Errorf("saw the state %d, then the derived value %d", v, d)
						return
					}
				}
			})
		}
		for i := 1; i <= last; i++ {
			n.Set(c, i)
		}
		wg.Wait()
	})
}

// ---- P4: reads are fresh

func TestP4ReadsAreAlwaysFresh(t *testing.T) {
	// Read, Watch and Subscription.Read verify and rebuild first, however long the chain and whoever asks; until then an inactive element
	// stays stale. A toy returns the cached value, or keeps rebuilding for nobody.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		builds := 0
		n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		last := weir.NewProvider(func(ref weir.Ref) int { builds++; return weir.Watch(ref, n) })
		for range 4 {
			below := last
			last = weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, below) + 1 })
		}
		require.Equal(t, 4, weir.Read(c, last))
		for i := range 10 {
			n.Set(c, i)
		}
		require.Equal(t, 1, builds, "nobody asked")
		require.Equal(t, 13, weir.Read(c, last))
		require.Equal(t, 2, builds)

		// The same from inside: a listener of n reads the end of the chain, which the turn has no reason to touch.
		var inside []int
		s := weir.Listen(c, n, func(_, next int) { inside = append(inside, weir.Read(c, last)) })
		n.Set(c, 20)
		require.Equal(t, []int{24}, inside)
		s.Close()

		// And from a build that watches it now for the first time.
		n.Set(c, 30)
		late := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, last) })
		require.Equal(t, 34, weir.Read(c, late))
		paused := weir.Listen(c, last, nil)
		paused.Pause()
		n.Set(c, 40)
		require.Equal(t, 44, paused.Read())
	})
}

// ---- P5: once, in order

func TestP5EachElementOnceInDependencyOrder(t *testing.T) {
	// Paths of different length meet: everything is rebuilt once, and done after what it watches. A toy rebuilds depth first, so "join"
	// runs per path and sees a mix.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		a := weir.NewProvider(func(ref weir.Ref) int { defer log.add("a"); return weir.Watch(ref, n) })
		b := weir.NewProvider(func(ref weir.Ref) int { defer log.add("b"); return weir.Watch(ref, a) })
		d := weir.NewProvider(func(ref weir.Ref) int { defer log.add("d"); return weir.Watch(ref, b) })
		join := weir.NewProvider(func(ref weir.Ref) string {
			defer log.add("join")
			return fmt.Sprint(weir.Watch(ref, n), weir.Watch(ref, d), weir.Watch(ref, a), weir.Watch(ref, b))
		})
		weir.Listen(c, join, propagationArrow[string](&log, ""))
		log.take()
		n.Set(c, 1)
		log.want(t, "one set", "a", "b", "d", "join", "0 0 0 0→1 1 1 1")
	})
}

func TestP5WideJoin(t *testing.T) {
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		var mids []*weir.Provider[int]
		builds := 0
		for range 50 {
			mids = append(mids, weir.NewProvider(func(ref weir.Ref) int { builds++; return weir.Watch(ref, n) }))
		}
		joins := 0
		var log trace
		join := weir.NewProvider(func(ref weir.Ref) (sum int) {
			joins++
			for _, m := range mids {
				sum += weir.Watch(ref, m)
			}
			return sum
		})
		weir.Listen(c, join, propagationArrow[int](&log, ""))
		n.Set(c, 1)
		n.Set(c, 2)
		log.want(t, "two sets", "0→50", "50→100")
		require.Equal(t, []int{50 * 3, 3}, []int{builds, joins}, "builds of the middle and of the join")
	})
}

func TestP5AListenerGetsWhatItLastSawAndTheNew(t *testing.T) {
	// S-105, S-111: one call per turn, with the value it last saw; not at all when the turn ends where it began. A toy calls per set, or
	// passes the value of the previous set as prev.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		p := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, n) * 10 })
		weir.Listen(c, p, propagationArrow[int](&log, "1st "))
		weir.Listen(c, p, propagationArrow[int](&log, "2nd "))
		c.Batch(func(tx *weir.Tx) { n.Set(tx, 1); n.Set(tx, 2); n.Set(tx, 3) })
		log.want(t, "three sets in a batch", "1st 0→30", "2nd 0→30")
		c.Batch(func(tx *weir.Tx) { n.Set(tx, 1); n.Set(tx, 3) })
		log.want(t, "there and back")
		n.Set(c, 4)
		log.want(t, "one set", "1st 30→40", "2nd 30→40")
	})
}

func TestP5ANestedSetReachesLaterListenersOnce(t *testing.T) {
	// The first listener sets the state again: the second has not been called yet and is called once, from what it last saw. A toy calls
	// it with the newer event first and the older one after that.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		weir.Listen(c, n, func(prev, next int) {
			log.add("1st %d→%d", prev, next)
			if next == 1 {
				n.Set(c, 2)
			}
		})
		weir.Listen(c, n, propagationArrow[int](&log, "2nd "))
		n.Set(c, 1)
		got := log.take()
		inOrder(t, got, "1st 0→1", "1st 1→2")
		require.Equal(t, 1, count(got, "2nd 0→2"), "%v", got)
		require.Len(t, got, 3)
	})
}

// ---- P6: batches

func TestP6ABatchIsOneStepAndOneTurn(t *testing.T) {
	// Staged writes are seen through tx only, then by all at once: one build of the join, one call. A toy applies write by write and
	// merely holds the listeners back.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		x := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		y := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		join := weir.NewProvider(func(ref weir.Ref) string {
			log.add("build")
			return fmt.Sprint(weir.Watch(ref, x), weir.Watch(ref, y))
		})
		weir.Listen(c, join, propagationArrow[string](&log, ""))
		weir.Listen(c, x, propagationArrow[int](&log, "x "))
		log.take()
		c.Batch(func(tx *weir.Tx) {
			x.Set(tx, 1)
			require.Equal(t, 5, y.Update(tx, func(v int) int { return v + 5 }))
			require.Equal(t, 6, y.Update(tx, func(v int) int { return v + 1 }), "Update sees the staged value")
			require.Equal(t, []int{1, 6}, []int{weir.Read(tx, x), weir.Read(tx, y)}, "State through tx")
			require.Equal(t, []int{0, 0}, []int{weir.Read(c, x), weir.Read(c, y)}, "State through the container")
			within(t, "a reader elsewhere", func() { require.Equal(t, "0 0", weir.Read(c, join)) })
			log.want(t, "inside the batch")
		})
		log.wantSet(t, "after it", "build", "0 0→1 6", "x 0→1")
	})
}

func TestP6APanicAppliesNothing(t *testing.T) {
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		x := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		weir.Listen(c, x, propagationArrow[int](&log, ""))
		v := recovered(func() {
			c.Batch(func(tx *weir.Tx) { x.Set(tx, 1); panic(errBoom) })
		})
		require.ErrorIs(t, asError(v), errBoom, "the panic reaches the caller of Batch")
		require.Equal(t, 0, weir.Read(c, x))
		within(t, "a batch whose function exits its goroutine", func() {
			c.Batch(func(tx *weir.Tx) { x.Set(tx, 2); runtime.Goexit() })
		})
		require.Equal(t, 0, weir.Read(c, x))
		log.want(t, "nothing was applied")
		x.Set(c, 3)
		log.want(t, "and nothing is left staged", "0→3")
		usable(t, c)
	})
}
