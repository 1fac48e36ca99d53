package weir_test

// This file holds what a container has of its own and what a child has of its parent: delays, policies, handlers, contexts; what two
// goroutines make at once; and what a container that was made closed does and keeps. Each test was written for changes of container.go
// that no other test noticed, which it names.

import (
	"context"
	"runtime"
	"runtime/pprof"
	"testing"
	"time"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// childAlone makes a child of parent in which a provider of its own, made by make, lives.
func childAlone(t *testing.T, parent *weir.Container, p *weir.FutureProvider[int], opts ...weir.ContainerOption) *weir.Container {
	return bareContainer(t, append(opts, weir.WithParent(parent), p.OverrideWith(func(context.Context, weir.Ref) (int, error) { return 0, errBoom }))...)
}

func TestAChildHasTheRetryPolicyOfItsParentUnlessItHasOne(t *testing.T) {
	// Planted bugs: have only those that have one take the parent's; have none take it.
	bubble(t, func(t *testing.T) {
		attempts := func(n int) weir.ContainerOption { return weir.WithRetry(weir.Backoff(time.Second, time.Second, n)) }
		p := weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) { return 0, nil }, weir.Scoped())
		builds := func(c *weir.Container) int {
			weir.Listen(c, p, nil)
			pass(time.Minute)
			return c.Snapshot().Elements[0].Builds
		}
		parent := newContainer(t, attempts(2))
		require.Equal(t, 3, builds(childAlone(t, parent, p)))
		require.Equal(t, 6, builds(childAlone(t, parent, p, attempts(5))))
	})
}

func TestAChildHasTheDelayOfItsParentUnlessItHasOne(t *testing.T) {
	// Planted bug: take a delay of 0 for none.
	bubble(t, func(t *testing.T) {
		p := weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) { return 0, nil }, weir.AutoDispose(), weir.Scoped())
		kept := func(c *weir.Container) bool {
			weir.Listen(c, p, nil).Close()
			pass(time.Second)
			return c.Exists(p)
		}
		for _, own := range []time.Duration{0, time.Minute} {
			parent := newContainer(t, weir.WithDisposeDelay(time.Minute-own))
			require.Equal(t, own == 0, kept(childAlone(t, parent, p)), "the parent's is %v", time.Minute-own)
			require.Equal(t, own > 0, kept(childAlone(t, parent, p, weir.WithDisposeDelay(own))), "its own is %v", own)
		}
	})
}

func TestAChildHasThePanicHandlerOfItsParentUnlessItHasOne(t *testing.T) {
	// Planted bugs: have those that have one take the parent's; have none take it.
	bubble(t, func(t *testing.T) {
		parent, theParents := toldContainer(t)
		n := weir.NewStateProvider(func(weir.Ref) int { return 1 }, weir.Scoped())
		panics := func(c *weir.Container) {
			weir.Listen(c, n, func(int, int) { panic("boom") })
			n.Set(c, 2)
		}
		panics(bareContainer(t, weir.WithParent(parent), n.OverrideWithValue(1)))
		require.Equal(t, []string{"boom"}, theParents.values())
		own := new(told)
		panics(bareContainer(t, weir.WithParent(parent), n.OverrideWithValue(1), weir.WithPanicHandler(own.add)))
		require.Equal(t, []string{"boom"}, own.values())
		require.Empty(t, theParents.values())
	})
}

func TestAChildHasProfilingIfItOrItsParentHas(t *testing.T) {
	// Planted bugs: ask only one of the two; ask for both.
	bubble(t, func(t *testing.T) {
		for _, parents := range []bool{false, true} {
			for _, own := range []bool{false, true} {
				option := map[bool][]weir.ContainerOption{true: {weir.WithProfiling()}}
				var label string
				p := weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) { return 0, nil }, weir.Name("p"), weir.Scoped())
				c := newContainer(t, append(option[own], weir.WithParent(newContainer(t, option[parents]...)), p.OverrideWith(func(ctx context.Context, _ weir.Ref) (int, error) {
					label, _ = pprof.Label(ctx, "weir.provider")
					return 0, nil
				}))...)
				weir.Read(c, p)
				settle()
				require.Equal(t, parents || own, label == "p", "the parent has it: %v, the child: %v", parents, own)
			}
		}
	})
}

func TestC1TheNearestContextGivesTheValues(t *testing.T) {
	// Planted bug: take that of the root if several containers were given one.
	type key struct{}
	given := func(who string) weir.ContainerOption {
		return weir.WithContext(context.WithValue(context.Background(), key{}, who))
	}
	root := newContainer(t, given("root"))
	child := newContainer(t, weir.WithParent(root), given("child"))
	grandchild := newContainer(t, weir.WithParent(child))
	require.Equal(t, "root", root.Context().Value(key{}))
	require.Equal(t, "child", child.Context().Value(key{}))
	require.Equal(t, "child", grandchild.Context().Value(key{}))
}

func TestG3TheContainerNearestToTheRootComesFirst(t *testing.T) {
	// Its turn comes before those of its children, in whatever order the change has reached them. Planted bug: the farthest first.
	bubble(t, func(t *testing.T) {
		var log trace
		n := weir.NewStateProvider(func(weir.Ref) int { return 1 })
		p := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, n) }, weir.Scoped())
		own := p.OverrideWith(func(ref weir.Ref) int { return weir.Watch(ref, n) })
		c := newContainer(t)
		chain := []*weir.Container{c}
		for range 3 {
			chain = append(chain, newContainer(t, weir.WithParent(chain[len(chain)-1]), own))
		}
		for _, i := range []int{3, 1, 2, 0} {
			weir.Listen(chain[i], p, func(int, int) { log.add("%d", i) })
		}
		n.Set(c, 2)
		log.want(t, "one change", "0", "1", "2", "3")
	})
}

func TestD16AContainerThatIsMadeClosedResolvesNothing(t *testing.T) {
	// Also what is at rest in a container above that is open. Planted bug: have only those be known as closed, without the lock, that
	// Close has closed.
	bubble(t, func(t *testing.T) {
		root := newContainer(t)
		p := weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) { return 1, nil })
		weir.Read(root, p)
		settle()
		parent := newContainer(t, weir.WithParent(root))
		parent.Close()
		_, err := weir.Resolve(t.Context(), newContainer(t, weir.WithParent(parent)), p)
		require.ErrorIs(t, err, weir.ErrContainerClosed)
	})
}

func TestMemoryAContainerThatIsMadeClosedIsLetGoByItsContext(t *testing.T) {
	// Planted bug: leave what was registered with the context.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	parent := weir.NewContainer()
	parent.Close()
	w := weak.Make(weir.NewContainer(weir.WithParent(parent), weir.WithContext(ctx)))
	freed(t, "the container", w)
	runtime.KeepAlive(ctx)
}

func TestS1AMemberOfAnOverriddenFamilyIsMadeOnce(t *testing.T) {
	// Two goroutines need it at once; the second has made it while the first is still in the function of the override.
	// Planted bug: have the first put another in its place.
	bubble(t, func(t *testing.T) {
		f := weir.NewFamily(func(int) *weir.StateProvider[int] { return weir.NewStateProvider(func(weir.Ref) int { return 0 }) })
		leave := make(chan struct{})
		first := true
		c := newContainer(t, f.OverrideWith(func(int) *weir.StateProvider[int] {
			if first {
				first = false
				<-leave
			}
			return weir.NewStateProvider(func(weir.Ref) int { return 1 })
		}))
		p := f.Of(7)
		slow := async(t, func() { weir.Read(c, p) })
		settle()
		p.Set(c, 2)
		close(leave)
		await(t, "the other Read", slow)
		require.Equal(t, 2, weir.Read(c, p))
		require.Equal(t, 1, elements(c))
	})
}

func TestMemoryDisposeUnusedLetsGoOfTheProvider(t *testing.T) {
	// Nothing else happens in the container afterwards. Planted bug: leave what was disposed in the memory that the graph works with.
	c := newContainer(t)
	n := weir.NewStateProvider(func(weir.Ref) int { return 1 })
	p := weir.NewProvider(func(ref weir.Ref) int {
		ref.OnDispose(func() {})
		return weir.Watch(ref, n)
	}, weir.DisposeDelay(time.Hour))
	weir.Read(c, p)
	n.Set(c, 2) // ends the build
	w := weak.Make(p)
	p = nil
	c.DisposeUnused()
	freed(t, "the provider", w)
	runtime.KeepAlive(c)
}
