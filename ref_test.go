package weir_test

// This file holds what a ref is good for: while its build runs, when it is done, and when it is over (C9); and calls whose container is
// not that of the build which makes them. What each call does is in the files of its rules.

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// ---- over

func TestC9TheCauseIsTheBuildsWhereverTheSourceLives(t *testing.T) {
	// A build in a child is over, for whatever cause, and then the child is closed: Await, Resolve and Run through its ref tell that cause,
	// of what lives in the child as of what lives above it. Planted bug: of what lives above, tell of the child.
	for name, tc := range map[string]struct {
		end  func(child *weir.Container, p weir.AnyProvider)
		want error
	}{
		"invalidated": {func(child *weir.Container, p weir.AnyProvider) { child.Invalidate(p) }, weir.ErrInvalidated},
		"closed":      {func(*weir.Container, weir.AnyProvider) {}, weir.ErrContainerClosed},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				one := func(context.Context, weir.Ref) (int, error) { return 1, nil }
				above, below := weir.NewFutureProvider(one), weir.NewFutureProvider(one, weir.Scoped())
				runAbove, runBelow := weir.NewMutation[int](), weir.NewMutation[int](weir.Scoped())
				var ref weir.Ref
				p := weir.NewProvider(func(r weir.Ref) int { ref = r; return 1 },
					weir.Scoped(below, runBelow))
				child := weir.NewContainer(weir.WithParent(newContainer(t)), p.OverrideWith(func(r weir.Ref) int { ref = r; return 1 }),
					below.OverrideWith(one))
				weir.Read(child, p)
				require.Same(t, child, ref.Container())
				tc.end(child, p)
				child.Close()
				for name, f := range map[string]*weir.FutureProvider[int]{"above": above, "in the child": below} {
					_, err := weir.Await(ref, f)
					require.ErrorIs(t, err, tc.want, "Await of what lives %s", name)
					_, err = weir.Resolve(t.Context(), ref, f)
					require.ErrorIs(t, err, tc.want, "Resolve of what lives %s", name)
				}
				for name, m := range map[string]*weir.Mutation[int]{"above": runAbove, "in the child": runBelow} {
					_, err := m.Run(t.Context(), ref, func(context.Context, weir.Scope) (int, error) { return 1, nil })
					require.ErrorIs(t, err, tc.want, "Run of what lives %s", name)
				}
			})
		})
	}
}

func TestC9AnOldRefInTheNextBuildWritesNothing(t *testing.T) {
	// Writing through the ref of a synchronous build is misuse while that runs (P7), not while the next one does: a ref that is over does
	// nothing. Planted bug: ask only whether the element is building.
	c := newContainer(t)
	n := listenState(1)
	weir.Read(c, n)
	var old weir.Ref
	builds := 0
	p := weir.NewProvider(func(ref weir.Ref) int {
		if builds++; builds == 1 {
			old = ref
			return 1
		}
		n.Set(old, 5)
		require.Equal(t, 6, n.Update(old, func(v int) int { return 5 + v }), "Update returns what it would have written")
		return 2
	})
	weir.Read(c, p)
	require.Equal(t, 2, weir.Refresh(c, p))
	require.Equal(t, 1, weir.Read(c, n))
}

func TestC9DebounceThroughARefThatIsOverNeverSucceeds(t *testing.T) {
	// However short it is: the time has passed at once, and so has the build. Planted bug: wait for whichever comes first.
	c := newContainer(t)
	var ref weir.Ref
	p := weir.NewProvider(func(r weir.Ref) int { ref = r; return 1 })
	weir.Read(c, p)
	require.NoError(t, ref.Debounce(0))
	require.NoError(t, ref.Debounce(time.Nanosecond))
	c.Invalidate(p)
	for range 200 {
		require.ErrorIs(t, ref.Debounce(time.Nanosecond), weir.ErrInvalidated)
		require.ErrorIs(t, ref.Debounce(0), weir.ErrInvalidated)
	}
}

func TestL9KeepAliveAlwaysReturnsALink(t *testing.T) {
	// In a regular provider and on a ref that is over it does nothing, but is there. Planted bug: return nil.
	c := newContainer(t)
	var regular, auto weir.Ref
	p := weir.NewProvider(func(r weir.Ref) int { regular = r; return 1 })
	q := weir.NewProvider(func(r weir.Ref) int { auto = r; return 1 }, weir.DisposeDelay(0))
	weir.Read(c, p)
	weir.Read(c, q)
	require.False(t, auto.Mounted())
	for name, ref := range map[string]weir.Ref{"regular": regular, "over": auto} {
		link := ref.KeepAlive()
		require.NotNil(t, link, name)
		link.Close()
		link.Close()
	}
}

// ---- done, and not over

func TestE2ACallThroughTheRefOfABuildThatIsDoneIsNoPartOfABuild(t *testing.T) {
	// Somebody reads top through the ref that below's build has left, while below is being built again; top watches below, and waits for
	// it. That build does not wait for the reader: it is no cycle. Planted bug: take the reader for a part of below's build as long as its
	// ref is not over.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		n := listenState(1)
		var left weir.Ref
		gate, hurry := make(chan struct{}), make(chan struct{})
		mid := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, n) })
		below := weir.NewProvider(func(ref weir.Ref) int {
			v := weir.Watch(ref, mid)
			if v == 1 {
				left = ref
			} else {
				<-gate
			}
			return v
		})
		top := weir.NewProvider(func(ref weir.Ref) int {
			<-hurry
			return 10 * weir.Watch(ref, below)
		})
		weir.Read(c, below)
		var got int
		reader := async(t, func() { got = weir.Read(left, top) })
		settle()
		n.Set(c, 2)
		builder := async(t, func() { weir.Read(c, below) })
		settle()
		close(hurry)
		settle() // top waits for below
		close(gate)
		<-builder
		<-reader
		require.Equal(t, 20, got)
	})
}

func TestL4AFirstWatchOnStandbyIsATouch(t *testing.T) {
	// A build that is done, and on standby, watches something that has been on standby for most of its delay. When the watch goes that
	// stays for one delay from when it was made. Planted bug: make the edge and leave it at that.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		below := weir.NewProvider(func(weir.Ref) int { return 1 }, weir.DisposeDelay(time.Second))
		var done weir.Ref
		above := weir.NewProvider(func(ref weir.Ref) int { done = ref; return 1 })
		weir.Read(c, above)
		weir.Read(c, below)
		pass(900 * time.Millisecond)
		require.Equal(t, 1, weir.Watch(done, below)) // D6
		weir.Refresh(c, above)
		pass(900 * time.Millisecond)
		require.True(t, c.Exists(below), "it was touched 0.9 seconds ago")
		pass(200 * time.Millisecond)
		require.False(t, c.Exists(below))
	})
}

func TestE3AHookThatPanicsWhenAWatchFindsItsBuildOver(t *testing.T) {
	// While a turn is in a listener, an asynchronous build watches once more, and that finds that what it has watched before is another by
	// now: its build is over, and its OnDispose hook runs there. Without a panic handler the panic comes out of that Watch. Planted bug:
	// lose it.
	bubble(t, func(t *testing.T) {
		c := bareContainer(t)
		busy, gate := listenState(0), make(chan struct{})
		weir.Listen(c, busy, func(int, int) { <-gate })
		turn := async(t, func() { busy.Set(c, 1) })
		settle()
		n, other := listenState(1), listenState(5)
		mid := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, n) })
		var raised any
		f := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
			if weir.Watch(ref, mid) == 2 {
				return 2, nil
			}
			ref.OnDispose(func() { panic(errBoom) })
			n.Set(c, 2) // whether mid is another is not known before somebody asks
			raised = recovered(func() { weir.Watch(ref, other) })
			return 1, nil
		})
		weir.Read(c, f)
		settle()
		require.ErrorIs(t, asError(raised), errBoom)
		close(gate)
		<-turn
		weir.Read(c, f)
		settle()
		isData(t, 2, weir.Read(c, f))
	})
}

// ---- another tree

func TestG4AResolveInAnotherTreeDeliversWhatFollowsThere(t *testing.T) {
	// A synchronous build waits, with its own context, for something of another root: what that call leaves there to be done is done when it
	// returns, for whoever runs the build settles in its own tree only. Planted bug: take any build whose context it is for one that
	// settles here.
	bubble(t, func(t *testing.T) {
		c, elsewhere := newContainer(t), newContainer(t)
		var log trace
		f := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
			ref.OnDispose(log.on("dispose"))
			time.Sleep(time.Second)
			return 7, nil
		}, weir.DisposeDelay(0))
		p := weir.NewProvider(func(ref weir.Ref) int {
			v, err := weir.Resolve(ref.Context(), elsewhere, f)
			require.NoError(t, err)
			log.want(t, "the last listener has left", "dispose")
			return v
		})
		require.Equal(t, 7, weir.Read(c, p))
		require.False(t, elsewhere.Exists(f))
	})
}

// ---- from inside an asynchronous build

func TestG11AProducersCallThroughTheRefRunsNoTurnThatItsBuildMustWaitFor(t *testing.T) {
	// A build waits for a goroutine of its own, which says how far it is, or ends the build, through the ref; a listener that hears of it
	// Resolves what that very function is about to return, or what it is in the way of (C5). Planted bug: only a call on the very goroutine
	// of the build has its turn run elsewhere.
	for name, tc := range map[string]struct {
		call  func(ref weir.Ref)
		state string // in which the listener Resolves
		want  int
	}{
		"SetProgress":    {func(ref weir.Ref) { ref.SetProgress(0.5) }, "loading 50%", 7},
		"InvalidateSelf": {func(ref weir.Ref) { ref.InvalidateSelf() }, "refreshing 1", 7},
	} {
		for who, run := range map[string]func(call func()){
			"the build itself": func(call func()) { call() },
			"its producer":     func(call func()) { <-async(t, call) },
		} {
			t.Run(name+", "+who, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					c := newContainer(t)
					builds := 0
					f := weir.NewStreamProvider(func(_ context.Context, ref weir.Ref, emit func(int) bool) error {
						if builds++; builds == 1 {
							if name != "SetProgress" {
								emit(1)
							}
							run(func() { tc.call(ref) })
						}
						emit(7)
						return nil
					})
					got := 0
					weir.Listen(c, f, func(_, v weir.AsyncValue[int]) {
						if show(v) == tc.state {
							got, _ = weir.Resolve(context.Background(), c, f)
						}
					})
					settle()
					require.Equal(t, tc.want, got)
				})
			})
		}
	}
}

func TestP1TheSameProgressAgainChangesNothing(t *testing.T) {
	// What watches it is not built again for it, and not for the progress of a build beside which data was set by hand: that is at rest
	// (D9). Planted bug: publish whatever a build in flight says.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var ref weir.Ref
		p := asyncNotes(func(ctx context.Context, r weir.Ref, _ *noteAsync) (int, error) {
			ref = r
			<-ctx.Done()
			return 0, ctx.Err()
		})
		var log trace
		weir.Listen(c, weir.NewProvider(func(r weir.Ref) int { log.add("%s", show(weir.Watch(r, p))); return 1 }), nil)
		settle()
		for range 3 {
			ref.SetProgress(0.5)
		}
		log.want(t, "three times the same", "loading", "loading 50%")
		p.Notifier(c).SetData(1)
		ref.SetProgress(0.75)
		log.want(t, "data by hand", "data 1")
		isData(t, 1, weir.Read(c, p))
	})
}
