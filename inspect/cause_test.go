package inspect_test

// This file holds what a build came of, step by step.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
	"github.com/weir-go/weir/inspect"
)

// whys returns a function that asks why name was built last.
func whys(t *testing.T, insp *inspect.Inspector, c *weir.Container) func(name string) string {
	h := insp.Handler(c)
	return func(name string) string {
		t.Helper()
		synctest.Wait()
		l := see(t, h, "focus="+see(t, h, "fold=0").id(name))
		for _, a := range l.Detail.Why {
			if a.ID != "" {
				require.Equal(t, a.ID, see(t, h, "fold=0").id(a.Name), "the link does not lead to it")
			}
		}
		return l.why()
	}
}

func state(name string) *weir.StateProvider[int] {
	return weir.NewStateProvider(func(weir.Ref) int { return 1 }, weir.Name(name))
}

func TestWhyNamesAllCauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		insp := inspect.New()
		c := weir.NewContainer(weir.WithObserver(insp.Observer()))
		defer c.Shutdown(context.Background())
		a, b := state("a"), state("b")
		tens := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, b) / 10 }, weir.Name("tens"))
		sum := weir.NewProvider(func(ref weir.Ref) int {
			return weir.Watch(ref, tens) + weir.Watch(ref, a) + weir.Watch(ref, weir.Select(b, func(v int) int { return v / 5 }))
		}, weir.Name("sum"))
		weir.Listen(c, sum, nil)
		why := whys(t, insp, c)
		a.Set(c, 2)
		require.Contains(t, why("sum"), ": a had changed.\n")
		c.Batch(func(tx *weir.Tx) { a.Set(tx, 3); b.Set(tx, 6) })
		require.Contains(t, why("sum"), ": a and b had changed.\n")
		require.Contains(t, why("sum"), "a is where that begins: it was set")
		require.Contains(t, why("sum"), "b is where that begins: it was set")
		require.NotContains(t, why("sum"), "tens ", "it was built, and is the same")
		b.Set(c, 20)
		require.Contains(t, why("sum"), ": tens and b had changed.\n")
		require.Regexp(t, `\ntens was built again, #\d+: b had changed\nb is where that begins: it was set.*\n$`, why("sum"))
		b.Set(c, 21)
		require.Contains(t, why("sum"), ": tens and b had changed.\n", "nothing of it came through")
	})
}

// What no event tells is guessed, and called that.
func TestWhyGuessesWhatIsNotKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		insp := inspect.New()
		c := weir.NewContainer(weir.WithObserver(insp.Observer()))
		defer c.Shutdown(context.Background())
		n := state("n")
		tens := weir.NewProvider(func(ref weir.Ref) int {
			return weir.Watch(ref, weir.Select(n, func(v int) int { return v / 10 }))
		}, weir.Name("tens"))
		top := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, tens) }, weir.Name("top"))
		weir.Listen(c, top, nil)
		why := whys(t, insp, c)
		c.InvalidateAsReload(tens)
		require.Contains(t, why("tens"), "something that it watches has changed, or InvalidateAsReload was called")
		require.Contains(t, why("tens"), "The timeline has no change of what it watches.")
		n.Set(c, 2) // makes no build
		time.Sleep(time.Second)
		c.InvalidateAsReload(tens)
		require.Contains(t, why("tens"), "n is the change nearest to it; listeners were told 1s before it began")
	})
}

// A value that takes time changes when its build begins, and when that has a result.
func TestWhyOfResults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		insp := inspect.New()
		c := weir.NewContainer(weir.WithObserver(insp.Observer()))
		defer c.Shutdown(context.Background())
		a := state("a")
		fetch := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
			v := weir.Watch(ref, a)
			time.Sleep(time.Second)
			if v == 3 {
				return 0, errors.New("three")
			}
			return v, nil
		}, weir.Name("fetch"), weir.Retry(func(int, error) (time.Duration, bool) { return 0, false }))
		ticks := weir.NewStreamProvider(func(ctx context.Context, _ weir.Ref, emit func(int) bool) error {
			for i := 0; emit(i); i++ {
				time.Sleep(time.Hour)
			}
			return ctx.Err()
		}, weir.Name("ticks"))
		text := weir.NewProvider(func(ref weir.Ref) string { return fmt.Sprint(weir.Watch(ref, fetch)) }, weir.Name("text"))
		late := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) { return weir.Await(ref, fetch) }, weir.Name("late"))
		clock := weir.NewProvider(func(ref weir.Ref) string { return fmt.Sprint(weir.Watch(ref, ticks)) }, weir.Name("clock"))
		weir.Listen(c, text, nil)
		weir.Listen(c, late, nil, weir.OnError(func(error) {}))
		weir.Listen(c, clock, nil)
		why := whys(t, insp, c)
		time.Sleep(2 * time.Second)
		require.Regexp(t, `: fetch had changed\.\n(.*\n)*fetch is where that begins: its build #\d+ was the first`, why("text"))
		time.Sleep(time.Hour)
		require.Regexp(t, `: ticks had changed\.\n(.*\n)*ticks is where that begins: it was set, or its build #\d+ had another result`, why("clock"))
		for v := 2; v < 5; v++ {
			a.Set(c, v)
			for _, names := range [][]string{{"text"}, {"text", "late"}} { // loading, and the result
				for _, name := range names {
					require.Regexp(t, `: fetch had changed\.\n(.*\n)*fetch was built again, #\d+: a had changed\na is where that begins`, why(name))
				}
				time.Sleep(2 * time.Second)
			}
		}
		c.Invalidate(fetch)
		time.Sleep(2 * time.Second)
		require.Contains(t, why("text"), "was asked for with Invalidate")
		require.NotContains(t, why("text"), "a had changed")
	})
}

// What a child's element watches may be in any container above.
func TestWhyAcrossContainers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		insp := inspect.New()
		c := weir.NewContainer(weir.WithObserver(insp.Observer()))
		defer c.Shutdown(context.Background())
		rate, user := state("rate"), weir.NewStateProvider(func(weir.Ref) int { return 1 }, weir.Name("user"), weir.Scoped())
		price := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, rate) * weir.Watch(ref, user) }, weir.Name("price"), weir.Scoped(user))
		child := weir.NewContainer(weir.WithParent(c), user.OverrideWith(func(weir.Ref) int { return 2 }))
		weir.Listen(child, price, nil)
		why := whys(t, insp, c)
		rate.Set(c, 2)
		require.Contains(t, why("price"), "rate is where that begins: it was set")
		user.Set(child, 3)
		require.Contains(t, why("price"), ": user had changed.")
		require.Contains(t, why("price"), "user is where that begins: it was set")

		// Of those outside of the picture there is the name.
		rate.Set(c, 3)
		only := whys(t, insp, child)
		require.Contains(t, only("price"), ": rate had changed.")
		require.Contains(t, only("price"), "rate changed for a reason that the timeline does not have")
	})
}

// However many had changed, what is kept of them is bounded, and holds none of them.
func TestCausesAreBoundedAndHoldNothing(t *testing.T) {
	insp := inspect.New()
	c := weir.NewContainer(weir.WithObserver(insp.Observer()))
	defer c.Shutdown(context.Background())
	h := insp.Handler(c)
	f := weir.NewFamily(func(int) *weir.StateProvider[int] {
		return weir.NewStateProvider(func(weir.Ref) int { return 1 })
	}, weir.Name("f"), weir.DisposeDelay(0))
	on := weir.NewStateProvider(func(weir.Ref) bool { return true }, weir.Name("on"))
	sum := weir.NewProvider(func(ref weir.Ref) (sum int) {
		for i := 0; weir.Watch(ref, on) && i < 30; i++ {
			sum += weir.Watch(ref, f.Of(i))
		}
		return sum
	}, weir.Name("sum"))
	weir.Listen(c, sum, nil)
	var one weak.Pointer[weir.StateProvider[int]]
	func() {
		one = weak.Make(f.Of(0))
		c.Batch(func(tx *weir.Tx) {
			for i := range 30 {
				f.Of(i).Set(tx, 2)
			}
		})
	}()
	l := see(t, h, "focus="+see(t, h, "").id("sum"))
	require.Contains(t, l.why(), ": f(0), f(1), f(2), f(3), f(4), f(5), f(6), f(7) and 22 more had changed.")
	require.Contains(t, l.why(), "f(7) is where that begins")
	require.NotContains(t, l.why(), "f(8)")
	last := l.Detail.Events[len(l.Detail.Events)-1]
	for _, e := range l.Detail.Events {
		if e.Kind == "build" {
			last = e
		}
	}
	require.Len(t, last.Changed, 8)
	require.Equal(t, 22, last.ChangedMore)

	on.Set(c, false)
	on.Set(c, true) // the library itself knows why it made the last build
	on.Set(c, false)
	require.Eventually(t, func() bool { runtime.GC(); return one.Value() == nil }, 10*time.Second, time.Millisecond, "something holds what is gone")
	var line struct{ Events []struct{ Changed []string } }
	require.NoError(t, json.Unmarshal(get(h, "format=timeline").Body.Bytes(), &line))
	said := ""
	for _, e := range line.Events {
		said += fmt.Sprint(e.Changed)
	}
	require.Contains(t, said, "f(0)")
}

// A long way back is told as far as there is room.
func TestWhyIsBounded(t *testing.T) {
	insp := inspect.New(inspect.Ring(10000))
	c := weir.NewContainer(weir.WithObserver(insp.Observer()))
	defer c.Shutdown(context.Background())
	n := state("n")
	var src weir.Source[int] = n
	for i := range 50 {
		from := src
		src = weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, from) }, weir.Name(fmt.Sprint("p", i)))
	}
	weir.Listen(c, src, nil)
	n.Set(c, 2)
	h := insp.Handler(c)
	l := see(t, h, "focus="+see(t, h, "").id("p49"))
	require.Regexp(t, `p48 was built again, #\d+: p47 had changed`, l.why())
	require.Contains(t, l.why(), "What there may be beyond is left out.")
	require.LessOrEqual(t, len(l.Detail.Why), 24)
	require.Contains(t, see(t, h, "focus="+see(t, h, "").id("p10")).why(), "n is where that begins: it was set")
}
