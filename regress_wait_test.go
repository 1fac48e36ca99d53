package weir_test

// Waits that others pull at: the source of an Await is active for as long as somebody waits, whoever listens to the one that waits (L1,
// A3); and waits that cannot end are errors, not hangs (E2, E4, G2).

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestA3AnAwaitOfASyncBuildOutlivesTheListenerAndAnInvalidate(t *testing.T) {
	// An active Try is rebuilt by a turn and Awaits f; its listener closes, and then f is invalidated. The Await gets the next result.
	// Planted bug: count what a build waits for by the listeners of that build: f is not active, nobody rebuilds it, the turn hangs.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		builds := 0
		f := weir.NewFutureProvider(func(ctx context.Context, _ weir.Ref) (int, error) {
			if builds++; builds == 1 {
				<-ctx.Done()
				return 0, context.Cause(ctx)
			}
			return 7, nil
		})
		n := listenState(0)
		p := weir.NewTryProvider(func(ref weir.Ref) (int, error) {
			if weir.Watch(ref, n) == 0 {
				return 0, nil
			}
			return weir.Await(ref, f)
		})
		s := weir.Listen(c, p, nil)
		set := async(t, func() { n.Set(c, 1) })
		settle()
		s.Close()
		c.Invalidate(f)
		await(t, "the turn that waits", set)
		isData(t, 7, weir.Read(c, p))
		require.Equal(t, 2, builds)
	})
}

func TestL1WhatASyncBuildAwaitsIsActiveWhoeverListens(t *testing.T) {
	// Nobody ever listens to the Try that Awaits, or its only listener leaves; turns go on beside it for long. Its source runs no
	// OnCancel and is not disposed while it is waited for, and is afterwards. Planted bugs: count the wait by the listeners of the one that
	// waits; forget to take it back; an invariant checker (-race) that does not know of it.
	for _, who := range []string{"nobody", "one who leaves"} {
		t.Run(who, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newContainer(t)
				var log trace
				release := make(chan struct{})
				f := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
					log.hooks(ref, "f.", true)
					<-release
					return 7, nil
				}, weir.DisposeDelay(0))
				n, other := listenState(0), listenState(0)
				p := weir.NewTryProvider(func(ref weir.Ref) (int, error) {
					if who == "one who leaves" && weir.Watch(ref, n) == 0 {
						return 0, nil
					}
					return weir.Await(ref, f)
				}, weir.DisposeDelay(0))
				weir.Listen(c, other, nil)
				var waiting <-chan struct{}
				if who == "nobody" {
					waiting = async(t, func() { isData(t, 7, weir.Read(c, p)) })
					settle()
				} else {
					s := weir.Listen(c, p, nil)
					waiting = async(t, func() { n.Set(c, 1) })
					settle()
					s.Close()
				}
				other.Set(c, 1)
				pass(time.Hour)
				other.Set(c, 2)
				c.DisposeUnused()
				log.want(t, "while it is waited for")
				require.True(t, c.Exists(f))
				close(release)
				await(t, "the build that waits", waiting)
				gone()
				log.want(t, "afterwards", "f.cancel", "f.remove", "f.dispose")
				require.False(t, c.Exists(p))
				require.False(t, c.Exists(f))
			})
		})
	}
}

func TestE4AWatchOfABuildInFlightFromAHookThatHoldsItUp(t *testing.T) {
	// e is in flight and has watched z; a write ends z, whose OnDispose hook watches something new through e's ref: before that counts, e
	// has to be verified, which waits for the hook. Planted bug: ask again and again, and never let go of the lock.
	for name, verb := range map[string]func(ref weir.Ref, p *weir.FutureProvider[int]) error{
		"Watch": func(ref weir.Ref, p *weir.FutureProvider[int]) error {
			return asError(recovered(func() { weir.Watch(ref, p) }))
		},
		"Await": func(ref weir.Ref, p *weir.FutureProvider[int]) error {
			var err error
			if v := recovered(func() { _, err = weir.Await(ref, p) }); v != nil {
				return asError(v)
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newContainer(t)
				n := listenState(0)
				fresh := weir.NewTryProvider(func(weir.Ref) (int, error) { return 1, nil })
				between := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, n) })
				var inFlight weir.Ref
				var err error
				z := weir.NewProvider(func(ref weir.Ref) int {
					v := weir.Watch(ref, between)
					if v == 0 {
						ref.OnDispose(func() { err = verb(inFlight, fresh) })
					}
					return v
				}, weir.Name("z"))
				builds := 0
				e := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
					v := weir.Watch(ref, z)
					if builds++; builds == 1 {
						inFlight = ref
						<-ctx.Done()
					}
					return v, nil
				})
				weir.Listen(c, e, nil)
				settle()
				within(t, "the write", func() { n.Set(c, 1) })
				settle()
				isUsage(t, name, err, "z")
				isData(t, 1, weir.Read(c, e))
				usable(t, c)
			})
		})
	}
}

func TestE4AnOnDisposeHookThatReadsWhatIsBuiltOnItsElement(t *testing.T) {
	// It reads the far end of a chain that was never built and ends in its own element, short and long. Planted bug: look for the hook in
	// the next 256 frames of the stack: with a chain of some 25 it is further down, and the hook waits for itself.
	for _, length := range []int{1, 20, 60, 500} {
		bubble(t, func(t *testing.T) {
			c, told := toldContainer(t)
			var far weir.Source[int]
			hooked := 0
			near := weir.NewProvider(func(ref weir.Ref) int {
				ref.OnDispose(func() {
					if hooked++; hooked == 1 {
						weir.Read(c, far)
					}
				})
				return 1
			}, weir.Name("near"))
			far = near
			for range length {
				below := far
				far = weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, below) })
			}
			weir.Read(c, near)
			within(t, "Invalidate", func() { c.Invalidate(near) })
			all := told.take()
			require.Len(t, all, 1, "a chain of %d", length)
			isUsage(t, "the hook", all[0], "near")
			require.Equal(t, 1, weir.Read(c, near))
			usable(t, c)
		})
	}
}
