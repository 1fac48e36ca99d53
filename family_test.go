package weir_test

// This file holds families: one pointer per key for as long as anything holds it, names, options that apply to members, a family as
// AnyProvider, and create functions that misbehave. Numbers S-nnn are those of the scenarios.

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// familyOf makes a family of states that start with their key.
func familyOf(opts ...weir.ProviderOption) *weir.Family[int, weir.StateProvider[int]] {
	return weir.NewFamily(func(key int) *weir.StateProvider[int] { return listenState(key) }, opts...)
}

// familyCollect runs collections until ok says yes: cleanups run on a goroutine of the runtime, some time after the collection.
func familyCollect(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); ; runtime.Gosched() {
		runtime.GC()
		if ok() {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("never true: %s", what)
		}
	}
}

func familyHeap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// ---- identity

func TestFamilyS311SameKeySamePointer(t *testing.T) {
	// Equal keys, not identical ones; each member has its own state, in each container its own element.
	guard(t, func(t *testing.T) {
		type page struct {
			Query string
			No    int
		}
		creates := 0
		f := weir.NewFamily(func(p page) *weir.StateProvider[int] { creates++; return listenState(p.No) })
		a := f.Of(page{"go", 1})
		require.Same(t, a, f.Of(page{strings.Clone("go"), 1}))
		b := f.Of(page{"go", 2})
		require.NotSame(t, a, b)
		require.Equal(t, 2, creates)
		c, d := newContainer(t), newContainer(t)
		a.Set(c, 10)
		require.Equal(t, []int{10, 2, 1}, []int{weir.Read(c, a), weir.Read(c, b), weir.Read(d, a)})
		runtime.KeepAlive(b)
	})
}

func TestFamilyConcurrentOfAgreesOnOnePointer(t *testing.T) {
	// Planted bug: look up, create, store without looking again: two callers hold different members and see different states.
	guard(t, func(t *testing.T) {
		f := familyOf()
		for key := range 200 {
			var got [4]*weir.StateProvider[int]
			var wg sync.WaitGroup
			for g := range got {
				wg.Go(func() { got[g] = f.Of(key) })
			}
			wg.Wait()
			for _, p := range got {
				if p != got[0] {
					t.Fatalf("key %d: different members", key)
				}
			}
		}
	})
}

func TestFamilyAMemberThatNobodyHoldsIsCollected(t *testing.T) {
	// The map is weak: held by the caller or by an element of a container it stays the same, held by nobody it goes, and the next Of
	// makes a new one. Planted bug: a strong map (never collected); weak without an element's hold (state lost under a listener).
	guard(t, func(t *testing.T) {
		creates := 0
		f := weir.NewFamily(func(key int) *weir.StateProvider[int] { creates++; return listenState(key) })
		w := weak.Make(f.Of(1))
		familyCollect(t, "the member was collected", func() bool { return w.Value() == nil })
		f.Of(1)
		require.Equal(t, 2, creates)

		c := newContainer(t)
		f.Of(2).Set(c, 20)
		held := weak.Make(f.Of(2))
		for range 5 {
			runtime.GC()
		}
		require.NotNil(t, held.Value(), "an element holds its member")
		require.Equal(t, 20, weir.Read(c, f.Of(2)))
		c.Close()
		runtime.KeepAlive(c)
	})
}

func TestFamilyADisposedMemberIsCollected(t *testing.T) {
	// Disposal lets go: neither the container's table, nor the timer, nor a dependency's list of dependents holds the member. What the
	// container touched last may linger in its buffers until it is used again, so another member comes and goes.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		base := listenState(1)
		f := weir.NewFamily(func(key int) *weir.Provider[int] {
			return weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, base) * key })
		}, weir.AutoDispose())
		use := func(key int) weak.Pointer[weir.Provider[int]] {
			s := weir.Listen(c, f.Of(key), nil)
			base.Set(c, key)
			require.Equal(t, key*key, s.Read())
			s.Close()
			gone()
			require.Equal(t, 1, elements(c))
			return weak.Make(f.Of(key))
		}
		w := use(3)
		use(4)
		base.Set(c, 5)
		for range 1000 {
			if runtime.GC(); w.Value() == nil {
				return
			}
		}
		t.Error("the member of a disposed element is still held")
	})
}

func TestFamilyAHundredThousandMembersComeAndGo(t *testing.T) {
	// The heap is back afterwards, with a container in between and without. Planted bugs: a map entry that outlives its member, an
	// element, edge or table slot that outlives its disposal.
	if testing.Short() {
		t.Skip("a hundred thousand members")
	}
	guard(t, func(t *testing.T) {
		f := familyOf(weir.DisposeDelay(0))
		c := newContainer(t)
		total := listenState(0)
		sums := weir.NewFamily(func(key int) *weir.Provider[int] {
			return weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, total) + weir.Watch(ref, f.Of(key)) })
		}, weir.DisposeDelay(0))
		size := 50_000
		if allocUnderRace {
			size = 5_000
		}
		round := func(from int) {
			for key := from; key < from+size; key++ {
				f.Of(-key)
				weir.Listen(c, sums.Of(key), nil).Close()
			}
		}
		round(0)
		require.Equal(t, 1, elements(c))
		familyCollect(t, "the first round is gone", func() bool { return true })
		before := familyHeap()
		round(100_000)
		round(200_000)
		familyCollect(t, "the heap is back", func() bool { return familyHeap() < before+2<<20 })
		require.Equal(t, 1, elements(c))
		runtime.KeepAlive(f)
		runtime.KeepAlive(sums)
	})
}

// ---- names and options

func TestFamilyNames(t *testing.T) {
	guard(t, func(t *testing.T) {
		f := familyOf(weir.Name("user"))
		require.Equal(t, "user", f.Name())
		require.Equal(t, "user(42)", f.Of(42).Name())
		named := weir.NewFamily(func(key string) *weir.StateProvider[int] { return listenState(0, weir.Name("own")) }, weir.Name("f"))
		require.Equal(t, "f(k)", named.Of("k").Name())
		_, file, line, _ := runtime.Caller(0)
		anonymous := weir.NewFamily(func(key int) *weir.StateProvider[int] { return listenState(key) })
		want := fmt.Sprintf("%s:%d", file[strings.LastIndex(file, "/")+1:], line+1)
		require.Equal(t, want, anonymous.Name())
		require.Equal(t, want+"(7)", anonymous.Of(7).Name())
	})
}

func TestFamilyOptionsApplyToItsMembers(t *testing.T) {
	// AutoDispose, DisposeDelay, Equal and Timeout given to the family hold for each member. A toy drops them.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		auto := familyOf(weir.DisposeDelay(time.Minute))
		weir.Listen(c, auto.Of(1), nil).Close()
		pass(59 * time.Second)
		require.True(t, c.Exists(auto.Of(1)))
		pass(2 * time.Second)
		require.False(t, c.Exists(auto.Of(1)))

		var log trace
		lists := weir.NewFamily(func(int) *weir.StateProvider[[]int] {
			return weir.NewStateProvider(func(weir.Ref) []int { return []int{1} })
		}, weir.Equal(slices.Equal[[]int]))
		weir.Listen(c, lists.Of(1), propagationArrow[[]int](&log, ""))
		lists.Of(1).Set(c, []int{1})
		lists.Of(1).Set(c, []int{2})
		log.want(t, "Equal", "[1]→[2]")

		slow := weir.NewFamily(func(int) *weir.FutureProvider[int] {
			return weir.NewFutureProvider(func(ctx context.Context, _ weir.Ref) (int, error) { <-ctx.Done(); return 0, ctx.Err() })
		}, weir.Timeout(time.Second))
		began := time.Now()
		_, err := weir.Resolve(t.Context(), c, slow.Of(1))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(began))
		misuse(t, "Equal of another type", func() {
			familyOf(weir.Equal(func(a, b string) bool { return a == b }), weir.Name("mixed")).Of(1)
		}, "mixed", "string")
	})
}

// ---- a family as AnyProvider

func TestFamilyExistsAndInvalidate(t *testing.T) {
	// S-357: the family stands for its live members of this container, and of no other; naming one creates nothing (L10).
	guard(t, func(t *testing.T) {
		c, other := newContainer(t), newContainer(t)
		var log trace
		f := weir.NewFamily(func(key int) *weir.Provider[int] {
			return weir.NewProvider(func(ref weir.Ref) int {
				log.add("build%d", key)
				ref.OnDispose(log.on(fmt.Sprint("dispose", key)))
				return key
			})
		})
		members := []*weir.Provider[int]{f.Of(0), f.Of(1), f.Of(2)}
		require.False(t, c.Exists(f))
		c.Invalidate(f)
		require.Zero(t, elements(c))
		weir.Listen(c, members[1], nil)
		weir.Read(c, members[2])
		weir.Read(other, members[0])
		log.take()
		require.True(t, c.Exists(f))
		require.False(t, c.Exists(members[0]))
		c.Invalidate(f)
		log.wantSet(t, "Invalidate of the family", "dispose1", "dispose2", "build1")
		c.InvalidateAsReload(f, members[1])
		log.want(t, "the listened one again, once", "dispose1", "build1")
		weir.Read(c, members[2])
		log.want(t, "the other when it is read", "build2")
		require.Equal(t, 2, elements(c))
	})
}

func TestFamilyS131AProviderAsItsKey(t *testing.T) {
	// Keys are any comparable value, a provider's pointer too; the member tracks it. A family may watch its own members.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		text := weir.NewFamily(func(p *weir.StateProvider[int]) *weir.Provider[string] {
			return weir.NewProvider(func(ref weir.Ref) string { return fmt.Sprint(weir.Watch(ref, p)) })
		})
		n := listenState(0)
		weir.Listen(c, text.Of(n), propagationArrow[string](&log, ""), weir.FireImmediately())
		n.Set(c, 42)
		log.want(t, "its key changed", "→0", "0→42")

		var fib *weir.Family[int, weir.Provider[int]]
		builds := 0
		fib = weir.NewFamily(func(n int) *weir.Provider[int] {
			return weir.NewProvider(func(ref weir.Ref) int {
				builds++
				if n < 2 {
					return n
				}
				return weir.Watch(ref, fib.Of(n-1)) + weir.Watch(ref, fib.Of(n-2))
			})
		})
		require.Equal(t, 832040, weir.Read(c, fib.Of(30)))
		require.Equal(t, 31, builds)
	})
}

// ---- create functions that misbehave

func TestFamilyBadCreate(t *testing.T) {
	// Each is an error at the call that is wrong, which names the family, and leaves the family usable.
	guard(t, func(t *testing.T) {
		misuse(t, "a nil create", func() { weir.NewFamily[int, weir.StateProvider[int]](nil, weir.Name("none")) }, "none")

		broken := true
		maybe := weir.NewFamily(func(key int) *weir.StateProvider[int] {
			if broken {
				return nil
			}
			return listenState(key)
		}, weir.Name("maybe"))
		misuse(t, "create returns nil", func() { maybe.Of(1) }, "maybe", "1")
		broken = false
		c := newContainer(t)
		require.Equal(t, 1, weir.Read(c, maybe.Of(1)))

		broken = true
		panics := weir.NewFamily(func(key int) *weir.StateProvider[int] {
			if broken {
				panic(errBoom)
			}
			return listenState(key)
		})
		require.Equal(t, errBoom, recovered(func() { panics.Of(1) }), "D15: to the caller of Of")
		within(t, "a create that exits its goroutine", func() {
			weir.NewFamily(func(int) *weir.StateProvider[int] { runtime.Goexit(); return nil }).Of(1)
		})
		broken = false
		require.Equal(t, 1, weir.Read(c, panics.Of(1)))

		one := listenState(0)
		same := weir.NewFamily(func(int) *weir.StateProvider[int] { return one }, weir.Name("same"))
		require.Same(t, one, same.Of(1))
		require.Same(t, one, same.Of(1))
		misuse(t, "create returns the same provider twice", func() { same.Of(2) }, "same", "2")
		misuse(t, "create returns a member of another family", func() {
			weir.NewFamily(func(int) *weir.StateProvider[int] { return one }, weir.Name("thief")).Of(1)
		}, "thief")
		require.Equal(t, "same(1)", one.Name())
		misuse(t, "a zero family", func() { new(weir.Family[int, weir.StateProvider[int]]).Of(1) }, "NewFamily")
	})
}

func TestFamilyAPanicInCreateInsideABuild(t *testing.T) {
	// It goes to the caller of Of, here a build: kept as any panic of a build (E1), gone with the next one.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		n := listenState(0)
		var creates atomic.Int32
		f := weir.NewFamily(func(key int) *weir.StateProvider[int] {
			creates.Add(1)
			if key == 0 {
				panic(errBoom)
			}
			return listenState(key)
		})
		p := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, f.Of(weir.Watch(ref, n))) }, weir.Name("caller"))
		var err *weir.PanicError
		for range 2 {
			require.ErrorAs(t, asError(recovered(func() { weir.Read(c, p) })), &err)
		}
		require.Equal(t, "caller", err.Provider)
		require.ErrorIs(t, err, errBoom)
		require.EqualValues(t, 1, creates.Load(), "kept, not tried again")
		n.Set(c, 1)
		require.Equal(t, 1, weir.Read(c, p))
		usable(t, c)
	})
}
