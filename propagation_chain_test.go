package weir_test

// This file holds P10: on chains of 100,000 and a million elements marking, verifying, rebuilding, standby and disposal are iterative.
// What they cost in stack is measured, not trusted: a goroutine's stack may grow to a gigabyte before a recursion shows itself.

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// chain is a long line of elements above a state, each adding one to the one below.
type chain struct {
	n     *weir.StateProvider[int]
	links []*weir.Provider[int]
}

func newChain(size int, opts ...weir.ProviderOption) chain {
	n := weir.NewStateProvider(func(weir.Ref) int { return 0 }, opts...)
	return chain{n, chainOver(n, size, func() {}, opts...)}
}

func chainOver(below weir.Source[int], size int, built func(), opts ...weir.ProviderOption) []*weir.Provider[int] {
	links := make([]*weir.Provider[int], size)
	for i := range links {
		src := below
		links[i] = weir.NewProvider(func(ref weir.Ref) int { built(); return weir.Watch(ref, src) + 1 }, opts...)
		below = links[i]
	}
	return links
}

// warm builds the chain from below, a thousand at a time: a cold chain nests user functions.
func (ch chain) warm(c *weir.Container) {
	for i := 999; i < len(ch.links); i += 1000 {
		weir.Read(c, ch.links[i])
	}
	weir.Read(c, ch.top())
}

func (ch chain) top() *weir.Provider[int] { return ch.links[len(ch.links)-1] }

// chainFlat fails the test when fn, or the rest of its turn (which may be handed over, G4), made the stacks of the process grow by more
// than a megabyte: ten bytes for each of 100,000 elements.
func chainFlat(t *testing.T, c *weir.Container, what string, fn func()) {
	t.Helper()
	var before, after runtime.MemStats
	within(t, what, func() {
		defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection would shrink the stack again
		runtime.ReadMemStats(&before)
		fn()
		_ = c.Flush(t.Context())
		runtime.ReadMemStats(&after)
	})
	if grown := int64(after.StackInuse) - int64(before.StackInuse); grown > 1<<20 {
		t.Errorf("%s: the stacks grew by %d bytes", what, grown)
	}
}

// chainSize is for what takes long under the race detector; a megabyte is still less than a frame for each element then.
func chainSize() int {
	if allocUnderRace {
		return 20_000
	}
	return 100_000
}

func chainSizes() []int {
	if allocUnderRace || testing.Short() {
		return []int{100_000}
	}
	return []int{100_000, 1_000_000}
}

func TestP10AWarmChainPropagatesWithoutADeepStack(t *testing.T) {
	// Planted bugs: mark dependents by recursion; verify dependencies by recursion; rebuild a dependency from inside Watch although the
	// turn could have built it before.
	for _, size := range chainSizes() {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			guard(t, func(t *testing.T) {
				c := newContainer(t)
				ch := newChain(size)
				ch.warm(c)
				chainFlat(t, c, "Set, unlistened", func() { ch.n.Set(c, 1) })
				chainFlat(t, c, "Read that rebuilds it all", func() { require.Equal(t, size+1, weir.Read(c, ch.top())) })
				var got []int
				var s *weir.Subscription[int]
				chainFlat(t, c, "Listen", func() { s = weir.Listen(c, ch.top(), func(_, next int) { got = append(got, next) }) })
				chainFlat(t, c, "Set, listened to", func() { ch.n.Set(c, 2) })
				chainFlat(t, c, "Invalidate at the bottom", func() { c.Invalidate(ch.links[0]) })
				chainFlat(t, c, "InvalidateAsReload in the middle", func() { c.InvalidateAsReload(ch.links[size/2]) })
				require.Equal(t, []int{size + 2}, got)
				chainFlat(t, c, "Pause", func() { s.Pause() })
				ch.n.Set(c, 3)
				chainFlat(t, c, "Resume", func() { s.Resume() })
				require.Equal(t, []int{size + 2, size + 3}, got)
				chainFlat(t, c, "the container's Close", c.Close)
			})
		})
	}
}

func TestP10AChainWhoseLinksAllWatchTheStateToo(t *testing.T) {
	// Every link is known stale at once, and the queue of the turn may hold them in any order: what stands above must not pull all that
	// stands below inside its own build function. Watched first and watched last, as the order of the marks depends on it.
	for _, stateFirst := range []bool{true, false} {
		t.Run(fmt.Sprint("state first ", stateFirst), func(t *testing.T) {
			guard(t, func(t *testing.T) {
				c := newContainer(t)
				size := chainSize()
				n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
				ch := chain{n: n}
				var below weir.Source[int] = n
				for range size {
					src := below
					ch.links = append(ch.links, weir.NewProvider(func(ref weir.Ref) int {
						if stateFirst {
							weir.Watch(ref, n)
						}
						v := weir.Watch(ref, src) + 1
						if !stateFirst {
							weir.Watch(ref, n)
						}
						return v
					}))
					below = ch.top()
				}
				ch.warm(c)
				weir.Listen(c, ch.top(), nil)
				chainFlat(t, c, "the first Set", func() { n.Set(c, 1) })
				require.Equal(t, size+1, weir.Read(c, ch.top()))
				chainFlat(t, c, "the second Set", func() { n.Set(c, 2) }) // the first has ordered the edges anew
				require.Equal(t, size+2, weir.Read(c, ch.top()))
			})
		})
	}
}

func TestP10AChainIsVerifiedWithoutADeepStack(t *testing.T) {
	// The change is swallowed at the bottom: a Read at the top verifies everything and rebuilds one element.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		parity := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, n) % 2 })
		size := chainSize()
		builds := 0
		ch := chain{n, chainOver(parity, size, func() { builds++ })}
		ch.warm(c)
		n.Set(c, 2)
		chainFlat(t, c, "Read", func() { require.Equal(t, size, weir.Read(c, ch.top())) })
		require.Equal(t, size, builds)
		weir.Listen(c, ch.top(), nil)
		chainFlat(t, c, "Set", func() { n.Set(c, 4) })
		require.Equal(t, size, builds)
	})
}

func TestP10AChainGoesToStandbyAndIsDisposedWithoutADeepStack(t *testing.T) {
	// Planted bugs: standby climbs by recursion; disposal follows the watches by recursion. Dependents go first.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		size := chainSize()
		for _, how := range []string{"Close", "DisposeUnused"} {
			delay := weir.DisposeDelay(0)
			if how == "DisposeUnused" {
				delay = weir.DisposeDelay(1e18)
			}
			n := weir.NewStateProvider(func(weir.Ref) int { return 0 }, delay)
			var log trace
			lowest := weir.NewProvider(func(ref weir.Ref) int {
				ref.OnCancel(log.on("lowest cancelled"))
				ref.OnDispose(log.on("lowest disposed"))
				return weir.Watch(ref, n)
			}, delay)
			second := weir.NewProvider(func(ref weir.Ref) int {
				ref.OnDispose(log.on("second disposed"))
				return weir.Watch(ref, lowest)
			}, delay)
			ch := chain{n, chainOver(second, size, func() {}, delay)}
			// Held from below while it is warmed, or DisposeDelay(0) takes each part away again.
			var held []*weir.Subscription[int]
			for i := 999; i < size; i += 1000 {
				held = append(held, weir.Listen(c, ch.links[i], nil))
			}
			for _, s := range held[:len(held)-1] {
				s.Close()
			}
			chainFlat(t, c, how, func() {
				held[len(held)-1].Close()
				if how == "DisposeUnused" {
					log.want(t, "standby has reached the bottom", "lowest cancelled")
					c.DisposeUnused()
				}
			})
			require.NoError(t, c.Flush(t.Context())) // a turn this long may have been handed over (G4)
			got := log.take()
			require.Equal(t, []string{"second disposed", "lowest disposed"}, got[len(got)-2:], "%v", got)
			require.Zero(t, elements(c))
		}
	})
}

func TestP10AColdChainOfAMillionCanBeRead(t *testing.T) {
	// The first Read of a cold chain nests the users' functions; what the library adds per level must leave room for a million of them
	// below Go's limit of a stack. It runs in a process of its own: a stack that overflows takes the process along.
	if allocUnderRace || testing.Short() {
		t.Skip("a gigabyte of stack")
	}
	const env = "WEIR_TEST_COLD_CHAIN"
	if os.Getenv(env) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.timeout=3m")
		cmd.Env = append(os.Environ(), env+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%.2000s", err, out)
		}
		return
	}
	c := newContainer(t)
	ch := newChain(1_000_000)
	require.Equal(t, 1_000_000, weir.Read(c, ch.top()))
}
