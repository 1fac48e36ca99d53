package weir_test

// This file holds the allocation limits of the hot paths, and that what is idle holds no goroutine. The limits are those of the design:
// a Read of what is built and fresh takes no memory, a rebuild takes one snapshot per changed node, and none where the value is small.

import (
	"context"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// allocUnderRace says whether the race detector is on: it allocates on its own account, and sizes shrink under it.
var allocUnderRace = func() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.ContainsFunc(info.Settings, func(s debug.BuildSetting) bool { return s.Key == "-race" && s.Value == "true" })
}()

// allocAtMost fails the test when fn takes more than limit allocations on the average.
func allocAtMost(t *testing.T, what string, limit float64, fn func()) {
	t.Helper()
	if allocUnderRace {
		t.Skip("the race detector allocates")
	}
	if got := testing.AllocsPerRun(1000, fn); got > limit {
		t.Errorf("%s: %v allocations, want at most %v", what, got, limit)
	}
}

func TestAllocReadOfAFreshElement(t *testing.T) {
	// Planted bugs: box the value, build a Scope on the heap, take a lock that needs a defer record.
	c := newContainer(t)
	n := listenState(1000)
	derived := weir.NewProvider(func(ref weir.Ref) [8]int { return [8]int{weir.Watch(ref, n)} }, weir.AutoDispose())
	future := weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) { return 1, nil })
	try := weir.NewTryProvider(func(weir.Ref) (string, error) { return "x", nil })
	member := familyOf().Of(1000)
	var r weir.Ref
	holder := weir.NewProvider(func(ref weir.Ref) int { r = ref; return 0 })
	weir.Listen(c, derived, nil)
	weir.Read(c, holder)
	_, err := weir.Resolve(t.Context(), c, future)
	require.NoError(t, err)
	allocAtMost(t, "StateProvider", 0, func() { weir.Read(c, n) })
	allocAtMost(t, "Provider", 0, func() { weir.Read(c, derived) })
	allocAtMost(t, "FutureProvider", 0, func() { weir.Read(c, future) })
	allocAtMost(t, "TryProvider", 0, func() { weir.Read(c, try) })
	allocAtMost(t, "a family's member", 0, func() { weir.Read(c, member) })
	allocAtMost(t, "through a ref", 1, func() { weir.Read(r, derived) }) // the Ref itself: a struct in the Scope interface
}

func TestAllocReadThroughASubscription(t *testing.T) {
	c := newContainer(t)
	n := listenState(1000)
	s := weir.Listen(c, n, nil)
	allocAtMost(t, "Subscription.Read", 0, func() { s.Read() })
}

func TestAllocSetRebuildsOneDerivedValue(t *testing.T) {
	// One snapshot of the state, one of the derived value, or none: the turn, the watch in the rebuild and the delivery take nothing.
	// Planted bug: a value that escapes because another branch keeps a pointer to it.
	type pair struct{ a, b int }
	allocSetRebuilds(t, "int", 0, func(v int) int { return v })
	allocSetRebuilds(t, "int32", 0, func(v int) int32 { return int32(v) })
	allocSetRebuilds(t, "int64", 0, func(v int) int64 { return int64(v) })
	allocSetRebuilds(t, "uint", 0, func(v int) uint { return uint(v) })
	allocSetRebuilds(t, "uint32", 0, func(v int) uint32 { return uint32(v) })
	allocSetRebuilds(t, "uint64", 0, func(v int) uint64 { return uint64(v) })
	allocSetRebuilds(t, "bool", 0, func(v int) bool { return v%2 == 1 })
	allocSetRebuilds(t, "byte", 0, func(v int) byte { return byte(v) })
	allocSetRebuilds(t, "float64", 0, func(v int) float64 { return float64(v) })
	allocSetRebuilds(t, "time.Duration", 0, func(v int) time.Duration { return time.Duration(v) })
	allocSetRebuilds(t, "a struct", 2, func(v int) pair { return pair{v, v} })
}

func allocSetRebuilds[T comparable](t *testing.T, what string, limit float64, value func(v int) T) {
	c := newContainer(t)
	n := weir.NewStateProvider(func(weir.Ref) T { return value(1000) })
	derived := weir.NewProvider(func(ref weir.Ref) T { return weir.Watch(ref, n) })
	var told T
	v := 1000
	weir.Listen(c, derived, func(_, next T) { told = next })
	allocAtMost(t, what+": Set, one derived value, one listener", limit, func() { v++; n.Set(c, value(v)) })
	require.Equal(t, value(v), told)
	allocAtMost(t, what+": Update", limit, func() { v++; n.Update(c, func(T) T { return value(v) }) })
	require.Equal(t, value(v), told)
}

func TestAllocARebuildWithManyUnchangedDependencies(t *testing.T) {
	// Ten dependencies in the same order as last time: the walk over the old edges takes nothing.
	c := newContainer(t)
	n := listenState(1000)
	var others []*weir.StateProvider[int]
	for range 9 {
		others = append(others, listenState(1))
	}
	sum := weir.NewProvider(func(ref weir.Ref) int {
		total := weir.Watch(ref, n)
		for _, o := range others {
			total += weir.Watch(ref, o)
		}
		return total
	})
	v := 1000
	weir.Listen(c, sum, nil)
	allocAtMost(t, "Set, ten dependencies", 0, func() { v++; n.Set(c, v) })
}

func TestAllocSetOfAnEqualValue(t *testing.T) {
	c := newContainer(t)
	n := listenState(1000)
	weir.Listen(c, n, nil)
	allocAtMost(t, "an equal Set", 0, func() { n.Set(c, 1000) })
}

func TestAllocAWideSet(t *testing.T) {
	// A state with a hundred derived values.
	c := newContainer(t)
	n := listenState(1000)
	for i := range 100 {
		weir.Listen(c, weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, n) + 1000*i }), func(_, _ int) {})
	}
	v := 1000
	allocAtMost(t, "Set, a hundred derived values", 0, func() { v++; n.Set(c, v) })
}

func TestAllocListenAndClose(t *testing.T) {
	c := newContainer(t)
	n := listenState(1000)
	derived := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, n) })
	weir.Listen(c, derived, nil)
	fn := func(_, _ int) {}
	allocAtMost(t, "Listen and Close", 1, func() { weir.Listen(c, derived, fn).Close() })
	allocAtMost(t, "of a state nobody else listens to", 1, func() { weir.Listen(c, listenAlone, fn).Close() })
}

func TestAllocALife(t *testing.T) {
	// What is made for a build and goes with it: the element with its times, and the subscription; with a context what the build owns, the
	// context with the ref in it, its cancel function and its cause. Planted bugs: make the rare part for all that is AutoDispose; note
	// each end; capture in step what is running.
	c := newContainer(t)
	plain := weir.NewProvider(func(weir.Ref) int { return 1000 }, weir.DisposeDelay(0))
	holder := weir.NewProvider(func(ref weir.Ref) int { ref.Context(); return 1000 }, weir.DisposeDelay(0))
	scoped := weir.NewProvider(func(weir.Ref) int { return 1000 }, weir.Scoped())
	allocAtMost(t, "build and dispose", 2, func() { weir.Listen(c, plain, nil).Close() })
	allocAtMost(t, "the same with a context", 7, func() { weir.Listen(c, holder, nil).Close() })
	allocAtMost(t, "a child with an override, a read and Close", 8, func() {
		child := weir.NewContainer(weir.WithParent(c), scoped.OverrideWithValue(2000))
		weir.Read(child, scoped)
		child.Close()
	})
}

func TestAllocWhatIsDeclared(t *testing.T) {
	// Planted bug: make the functions that pack a small value inside packed.
	c := newContainer(t)
	build := func(weir.Ref) int { return 1000 }
	var state *weir.StateProvider[int]
	var derived *weir.Provider[int]
	allocAtMost(t, "NewStateProvider", 1, func() { state = weir.NewStateProvider(build) })
	allocAtMost(t, "NewProvider", 1, func() { derived = weir.NewProvider(build) })
	allocAtMost(t, "its first Read", 2, func() { derived = weir.NewProvider(build); weir.Read(c, derived) }) // and a table from time to time
	require.NotNil(t, state)
	family := weir.NewFamily(func(key int) *weir.Provider[int] { return weir.NewProvider(build) })
	key := 0
	allocAtMost(t, "a new member of a family and its Read", 8, func() { key++; weir.Read(c, family.Of(key)) })
}

func TestAllocDependenciesThatSwitch(t *testing.T) {
	// Planted bug: expect of each build what the last one did, though that did otherwise too.
	c := newContainer(t)
	n := listenState(1000)
	odd, even := listenState(1), listenState(2)
	x := weir.NewProvider(func(ref weir.Ref) int {
		v := weir.Watch(ref, n)
		if v%2 == 0 {
			return v + weir.Watch(ref, even)
		}
		return v + weir.Watch(ref, odd)
	})
	v := 1000
	weir.Listen(c, x, nil)
	allocAtMost(t, "Set, a dependency switches", 0, func() { v++; n.Set(c, v) })
	allocAtMost(t, "a Batch", 1, func() { v++; c.Batch(func(tx *weir.Tx) { n.Set(tx, v) }) })
}

func TestRefDebounceOfNothingOnlyAsks(t *testing.T) {
	// Planted bug: a timer of no time.
	c := newContainer(t)
	var ref weir.Ref
	p := weir.NewProvider(func(r weir.Ref) int { ref = r; return 1 })
	weir.Read(c, p)
	require.NoError(t, ref.Debounce(0)) // it makes the context
	allocAtMost(t, "Debounce(0)", 0, func() { _ = ref.Debounce(0) })
}

// listenAlone has no dependents.
var listenAlone = listenState(1)

func TestAllocIdleContainersHoldNoGoroutine(t *testing.T) {
	// G6: neither a container that was never used, nor one with elements and listeners, nor one that was closed. Planted bug: a loop
	// goroutine or a context watcher per container.
	guard(t, func(t *testing.T) {
		n := listenState(1)
		base := runtime.NumGoroutine()
		var containers []*weir.Container
		for range 1000 {
			c := weir.NewContainer()
			weir.Listen(c, n, nil)
			containers = append(containers, weir.NewContainer(), c)
		}
		goroutinesBack(t, base)
		for _, c := range containers {
			n.Set(c, 2)
			c.Close()
		}
		goroutinesBack(t, base)
	})
}
