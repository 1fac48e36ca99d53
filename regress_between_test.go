package weir_test

// What comes between a look and what is done about it: a run or a build that ends while a family's override makes a member (C9, L1), a
// turn that ends its goroutine (E3), a walk that has found out what it does not act on yet (P3), a newer build of what waits (E2).

import (
	"context"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestG10ABatchOfOneWriteThroughAClosedChildWritesNothing(t *testing.T) {
	// The state lives in the root, which is open. Planted bug: the write goes where the state lives without a word of the child.
	bubble(t, func(t *testing.T) {
		root, s, other := newContainer(t), listenState(0), listenState(0)
		for _, write := range []func(tx *weir.Tx){
			func(tx *weir.Tx) { s.Set(tx, 1) },
			func(tx *weir.Tx) { s.Set(tx, 1); other.Set(tx, 1) },
		} {
			early, late := child(root), child(root)
			early.Close()
			early.Batch(write)
			late.Batch(func(tx *weir.Tx) { late.Close(); write(tx) })
			require.Zero(t, weir.Read(root, s))
			require.Zero(t, weir.Read(root, other))
		}
	})
}

func TestE3AListenerThatEndsItsGoroutineLosesNoDeliveryOfAnotherContainer(t *testing.T) {
	// A build in the first child writes: a turn of that child has to wait until the build is done, and one of the second is run first, in
	// which the goroutine ends. Planted bug: nobody but that goroutine knows that the first child has something to deliver.
	bubble(t, func(t *testing.T) {
		root, s := newContainer(t), listenState(0)
		copied := func(ref weir.Ref) int { return weir.Watch(ref, s) }
		d, b := weir.NewProvider(copied, weir.Scoped()), weir.NewProvider(func(weir.Ref) int { return 0 }, weir.Scoped())
		first := child(root, d.OverrideWith(copied), b.OverrideWith(func(weir.Ref) int { s.Set(root, 1); return 1 }))
		second := child(root, d.OverrideWith(copied), weir.WithPanicHandler(func(*weir.PanicError) {}))
		var heard []int
		weir.Listen(first, d, func(_, v int) { heard = append(heard, v) })
		weir.Listen(second, d, func(_, _ int) { runtime.Goexit() })
		<-async(t, func() { weir.Read(first, b) })
		settle()
		require.Equal(t, []int{1}, heard)
	})
}

// gatedFamily is a family, and an override of it that waits for gate before it makes a member.
func gatedFamily(gate <-chan struct{}) (*weir.Family[int, weir.Provider[int]], weir.Override) {
	f := weir.NewFamily(func(k int) *weir.Provider[int] {
		return weir.NewProvider(func(weir.Ref) int { return k }, weir.AutoDispose())
	})
	return f, f.OverrideWith(func(k int) *weir.Provider[int] {
		<-gate
		return weir.NewProvider(func(weir.Ref) int { return k })
	})
}

func TestL1ARunHoldsWhatIsMadeLateOnceAndNoLongerThanItself(t *testing.T) {
	// Two goroutines read the same member through the scope of a run, which is made meanwhile, by code of the user's. Planted bugs: each
	// of them holds it, and one hold is forgotten; they hold it though the run has ended.
	for _, over := range []bool{false, true} {
		name := map[bool]string{false: "while it runs", true: "when it is over"}[over]
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				gate, end := make(chan struct{}), make(chan struct{})
				f, gated := gatedFamily(gate)
				c, m, one := newContainer(t, gated), weir.NewMutation[int](), f.Of(1)
				var readers [2]<-chan struct{}
				run := async(t, func() {
					_, _ = m.Run(t.Context(), c, func(_ context.Context, s weir.Scope) (int, error) {
						for i := range readers {
							readers[i] = async(t, func() { weir.Read(s, one) })
						}
						<-end
						return 1, nil
					})
				})
				settle()
				if over {
					close(end)
					settle()
				}
				close(gate)
				<-readers[0]
				<-readers[1]
				gone()
				require.Equal(t, !over, c.Exists(one))
				if !over {
					close(end)
				}
				<-run
				gone()
				require.False(t, c.Exists(one), "nothing holds it")
			})
		})
	}
}

func TestC9AListenWhoseScopeEndsWhileItsElementIsMadeIsClosed(t *testing.T) {
	// Planted bug: the scope is looked at before the override of a family makes the member, and not afterwards. The listener stays, that
	// of a ref with the next build if there is one.
	for _, how := range []string{"a ref", "a child"} {
		t.Run(how, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				gate := make(chan struct{})
				f, gated := gatedFamily(gate)
				c, one := newContainer(t, gated), f.Of(1)
				kid := child(c)
				var ref weir.Ref
				p := weir.NewProvider(func(r weir.Ref) int { ref = r; return 1 })
				weir.Listen(c, p, nil)
				scope := map[string]weir.Scope{"a ref": ref, "a child": kid}[how]
				listened := async(t, func() { weir.Listen(scope, weir.Source[int](one), nil) })
				settle()
				if c.Invalidate(p); how == "a child" {
					kid.Close()
				}
				close(gate)
				<-listened
				gone()
				require.False(t, c.Exists(one), "nobody listens")
			})
		})
	}
}

func TestP3AResultOfWhatIsKnownToBeOutdatedIsDropped(t *testing.T) {
	// A reader that is nested deep has found out that the first thing which the build has watched has changed, and brings up to date the
	// second, which takes its time, before it ends the build. Meanwhile the build reads a third and returns. The turn that would have
	// ended it is held up. Planted bug: what was not ended yet is published: a sum of values that were never together.
	bubble(t, func(t *testing.T) {
		c, s, other := newContainer(t), listenState(0), listenState(0)
		turn, slow, last := make(chan struct{}), make(chan struct{}), make(chan struct{})
		copied := func(ref weir.Ref) int { return weir.Watch(ref, s) }
		a, b := weir.NewProvider(copied), weir.NewProvider(copied)
		second := weir.NewProvider(func(ref weir.Ref) int {
			if weir.Watch(ref, s) == 1 {
				<-slow
			}
			return 0
		})
		builds := 0
		e := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
			builds++
			first := builds == 1
			sum := 10*weir.Watch(ref, a) + weir.Watch(ref, second)
			if first {
				<-last
			}
			return sum + weir.Watch(ref, b), nil
		})
		state := weir.NewProvider(func(ref weir.Ref) string { return weir.Watch(ref, e).String() })
		top := state
		for range 70 {
			below := top
			top = weir.NewProvider(func(ref weir.Ref) string { return weir.Watch(ref, below) })
		}
		var heard []string
		weir.Listen(c, e, func(_, v weir.AsyncValue[int]) { heard = append(heard, v.String()) })
		weir.Listen(c, other, func(_, _ int) { <-turn })
		weir.Read(c, b)
		weir.Read(c, state)
		settle()
		writer := async(t, func() { other.Set(c, 1) })
		settle()
		s.Set(c, 1)
		reader := async(t, func() { weir.Read(c, top) })
		settle()
		close(last)
		settle()
		close(turn)
		settle()
		close(slow)
		<-writer
		<-reader
		settle()
		require.Equal(t, []string{"Data(11)"}, heard)
		require.Equal(t, 2, builds)
	})
}

func TestE2ANewerBuildDoesNotWaitWhereTheOneBeforeIt(t *testing.T) {
	// A build of e resolves x, and is replaced while it brings up to date what x has watched. That it comes back late, and is held up by a
	// listener before it looks at its context, is nothing that its next build waits for: x may Await that. Planted bug: note as waiting
	// whichever build is the live one.
	bubble(t, func(t *testing.T) {
		c, s := newContainer(t), listenState(0)
		slow, ask, listener := make(chan struct{}), make(chan struct{}), make(chan struct{})
		d := weir.NewProvider(func(ref weir.Ref) int {
			v := weir.Watch(ref, s)
			if v == 1 {
				<-slow
			}
			return v
		})
		var e, x *weir.FutureProvider[int]
		var awaited error
		x = weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
			if weir.Watch(ref, d) == 0 {
				return 1, nil
			}
			<-ask
			v, err := weir.Await(ref, e)
			awaited = err
			return v, err
		})
		builds := 0
		e = weir.NewFutureProvider(func(ctx context.Context, _ weir.Ref) (int, error) {
			if builds++; builds == 1 {
				return weir.Resolve(ctx, c, x)
			}
			return 7, nil
		})
		_, err := weir.Resolve(t.Context(), c, x)
		require.NoError(t, err)
		weir.Listen(c, x, func(_, next weir.AsyncValue[int]) {
			if next.IsLoading() {
				<-listener
			}
		}, weir.Weak())
		s.Set(c, 1)
		weir.Listen(c, e, nil)
		settle()
		c.Invalidate(e)
		settle()
		close(slow)
		settle()
		close(ask)
		settle()
		close(listener)
		settle()
		v, err := weir.Resolve(t.Context(), c, x)
		require.NoError(t, awaited)
		require.NoError(t, err)
		require.Equal(t, 7, v)
	})
}

func TestG1AnOverrideIsExchangedWhileObserversAreTold(t *testing.T) {
	// Only the race detector sees it. Planted bug: ask the element, without the lock, whether its value is that of an asynchronous kind.
	p := weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) { return 1, nil })
	c := newContainer(t, p.OverrideWithData(0), weir.WithObserver(&weir.Observer{Updated: func(weir.UpdatedEvent) {}}))
	weir.Listen(c, p, nil)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for i := range 300 {
				c.UpdateOverrides(p.OverrideWithData(i))
				weir.Read(c, p)
			}
		})
	}
	wg.Wait()
}

func TestG4AWriteThatPanicsWhileItComparesDeliversWhatItHasBuilt(t *testing.T) {
	// Planted bug: a write to an asynchronous notifier leaves to nobody the turn that the build before it owes.
	bubble(t, func(t *testing.T) {
		p := asyncNotes(nil, weir.Equal(func(a, b int) bool {
			if b == 3 {
				panic("boom")
			}
			return a == b
		}))
		c := newContainer(t, p.OverrideWithData(1))
		n := p.Notifier(c)
		var heard []int
		weir.Listen(c, p, func(_, next weir.AsyncValue[int]) { heard = append(heard, next.ValueOr(0)) }, weir.Weak())
		n.SetData(2)
		c.UpdateOverrides(p.OverrideWithData(1))
		require.NotNil(t, recovered(func() { n.SetData(3) }))
		require.Equal(t, []int{2, 1}, heard)
	})
}
