package weir_test

// This file tells of what must not grow with what has nothing to do with it: eight times as many of something take about eight times as
// long. What is looked for in a list of all of them takes sixty-four times as long, and did: thousands of overrides took minutes.

import (
	"context"
	"math"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestScale(t *testing.T) {
	// Planted bugs: search the overrides, the staged writes, the hooks, the listeners of a build, the children with work or what was put
	// off one after the other; copy the starts of a turn for each element.
	if testing.Short() || allocUnderRace {
		t.Skip("it looks at the clock")
	}
	const few, factor = 1000, 8
	for what, prepare := range scales {
		t.Run(what, func(t *testing.T) {
			// The least of several runs: others use the machine as well. An allocation or a collection of garbage in between is
			// worth a factor of two or three.
			ratio := math.Inf(1)
			for range 12 {
				small, large := scaleTime(t, few, prepare), scaleTime(t, factor*few, prepare)
				if ratio = min(ratio, float64(large)/float64(small)); ratio < 3*factor {
					return
				}
			}
			t.Errorf("%d times as many take %.0f times as long", factor, ratio)
		})
	}
}

func scaleTime(t *testing.T, n int, prepare func(t *testing.T, c *weir.Container, n int) (run func())) time.Duration {
	c := weir.NewContainer()
	run := prepare(t, c, n)
	runtime.GC()
	begin := time.Now()
	run()
	took := time.Since(begin)
	require.NoError(t, c.Shutdown(context.Background()))
	return took
}

// scales prepare n of something, and return what is to be done with all of them.
var scales = map[string]func(t *testing.T, c *weir.Container, n int) (run func()){
	"writes of one batch": func(t *testing.T, c *weir.Container, n int) func() {
		states := make([]*weir.StateProvider[int], n)
		for i := range states {
			states[i] = listenState(0)
			weir.Read(c, states[i])
		}
		return func() {
			c.Batch(func(tx *weir.Tx) {
				for _, p := range states {
					p.Set(tx, 1)
				}
			})
		}
	},
	"overrides": func(t *testing.T, _ *weir.Container, n int) func() {
		providers := make([]*weir.Provider[int], n)
		var first []weir.ContainerOption
		var second []weir.Override
		for i := range providers {
			providers[i] = weir.NewProvider(func(weir.Ref) int { return 1 })
			first = append(first, providers[i].OverrideWithValue(2))
			second = append(second, providers[i].OverrideWithValue(3))
		}
		return func() {
			c := weir.NewContainer(first...)
			defer c.Close()
			for _, p := range providers {
				require.Equal(t, 2, weir.Read(c, p))
			}
			c.UpdateOverrides(second...)
			for _, p := range providers {
				require.Equal(t, 3, weir.Read(c, p))
			}
		}
	},
	"overrides of members of a family": func(t *testing.T, root *weir.Container, n int) func() {
		all := weir.NewFamily(func(key int) *weir.Provider[int] { return weir.NewProvider(func(weir.Ref) int { return 1 }) }, weir.Scoped())
		members := make([]*weir.Provider[int], n)
		options := []weir.ContainerOption{weir.WithParent(root)}
		for i := range members {
			members[i] = all.Of(i)
			options = append(options, members[i].OverrideWithValue(2))
		}
		return func() {
			c := weir.NewContainer(options...)
			defer c.Close()
			for _, p := range members {
				require.Equal(t, 2, weir.Read(c, p))
			}
		}
	},
	"children that hear of one change": func(t *testing.T, root *weir.Container, n int) func() {
		shared := listenState(0)
		tenant := weir.NewProvider(func(weir.Ref) int { return 0 }, weir.Scoped())
		sum := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, shared) + weir.Watch(ref, tenant) }, weir.Scoped(tenant))
		heard := 0
		for range n {
			weir.Listen(weir.NewContainer(weir.WithParent(root), tenant.OverrideWithValue(1)), sum, func(_, _ int) { heard++ })
		}
		return func() {
			shared.Set(root, 1)
			require.Equal(t, n, heard)
		}
	},
	"futures that follow one change": func(t *testing.T, c *weir.Container, n int) func() {
		shared := listenState(0)
		futures := make([]*weir.FutureProvider[int], n)
		for i := range futures {
			futures[i] = weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) { return weir.Watch(ref, shared), nil })
			weir.Listen(c, futures[i], nil)
		}
		return func() {
			shared.Set(c, 1)
			for _, p := range futures {
				v, err := weir.Resolve(context.Background(), c, p)
				require.NoError(t, err)
				require.Equal(t, 1, v)
			}
		}
	},
	"hooks that are removed": func(t *testing.T, c *weir.Container, n int) func() {
		var remove []func()
		ran := 0
		p := weir.NewProvider(func(ref weir.Ref) int {
			for range n {
				remove = append(remove, ref.OnDispose(func() { ran++ }))
			}
			return 1
		})
		weir.Read(c, p)
		return func() {
			for _, r := range remove[:n-1] {
				r()
			}
			c.Close()
			require.Equal(t, 1, ran)
		}
	},
	"listeners of one build": func(t *testing.T, c *weir.Container, n int) func() {
		shared := listenState(0)
		var subs []*weir.Subscription[int]
		heard := 0
		p := weir.NewProvider(func(ref weir.Ref) int {
			for range n {
				subs = append(subs, weir.Listen(ref, shared, func(_, _ int) { heard++ }))
			}
			return 1
		})
		weir.Listen(c, p, nil)
		return func() {
			for _, s := range subs[:n-1] {
				s.Close()
			}
			shared.Set(c, 1)
			require.Equal(t, 1, heard)
		}
	},
	"listeners that leave, first to last": func(t *testing.T, c *weir.Container, n int) func() {
		shared := listenState(0)
		subs := make([]*weir.Subscription[int], n)
		for i := range subs {
			subs[i] = weir.Listen(c, shared, nil)
		}
		return func() {
			for _, s := range subs {
				s.Close()
			}
		}
	},
	"dependents that come and go": func(t *testing.T, c *weir.Container, n int) func() {
		shared := listenState(0)
		return func() {
			subs := make([]*weir.Subscription[int], n)
			for i := range subs {
				subs[i] = weir.Listen(c, weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, shared) }, weir.AutoDispose()), nil)
			}
			for _, s := range subs {
				s.Close()
			}
			c.DisposeUnused()
		}
	},
	"a container that closes": func(t *testing.T, c *weir.Container, n int) func() {
		shared := listenState(0)
		for range n {
			weir.Listen(c, weir.NewProvider(func(ref weir.Ref) int { ref.OnDispose(func() {}); return weir.Watch(ref, shared) }), nil)
			weir.Listen(weir.NewContainer(weir.WithParent(c)), shared, nil)
		}
		return func() { c.Close() }
	},
}
