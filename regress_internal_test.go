package weir

// This file looks where no function of the user's runs: at a batch between its steps, for what a reader without the lock may load there
// (rule P6), and at a Listen that has to wait for the lock (G5). And it looks at what closed subscriptions hold.

import (
	"context"
	"errors"
	"math"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// watchedState is a state that calls then when its new value has just become visible.
type watchedState struct {
	writable
	then func()
}

func (s watchedState) apply(e *element, w *staged, change bool) {
	s.writable.apply(e, w, change)
	s.then()
}

func TestP6AllOfABatchIsMarkedBeforeAnyOfItIsVisible(t *testing.T) {
	// Whoever reads the new value of one state without the lock must not then read an old one that follows from another without the lock.
	// Planted bugs: mark and make visible one state after the other; hide only the states themselves.
	c := NewContainer()
	defer c.Close()
	a, b := NewStateProvider(func(Ref) int { return 0 }), NewStateProvider(func(Ref) int { return 0 })
	near := NewProvider(func(ref Ref) int { return Watch(ref, b) })
	far := NewProvider(func(ref Ref) int { return Watch(ref, near) })
	Read(c, a)
	Read(c, far)
	others := []*element{c.table.find(&b.base), c.table.find(&near.base), c.table.find(&far.base)}
	for _, e := range others {
		require.True(t, e.readable())
	}
	var readable []bool
	first := watchedState{a, func() {
		for _, e := range others { // the lock is held
			readable = append(readable, e.readable())
		}
	}}
	var s staging
	a.stage(s.add(c, first), 1)
	b.stage(s.add(c, b), 1)
	s.commit(c)
	require.Equal(t, []bool{false, false, false}, readable, "when the first value is visible")
	require.Equal(t, []int{1, 1, 1}, []int{Read(c, a), Read(c, b), Read(c, far)})
}

func TestG5ACallIsNotTakenApartByTheListenThatIsAboutToReturn(t *testing.T) {
	// The first call, of FireImmediately, is over, and its Listen waits for the lock. Meanwhile a turn is at that listener, and somebody
	// closes it. Planted bug: the listener may be called before the lock is there, and when it is, what is closed is emptied; the race
	// detector sees it.
	c := NewContainer()
	defer c.Close()
	p := NewStateProvider(func(Ref) int { return 0 })
	before, goOn := make(chan struct{}), make(chan struct{})
	Listen(c, p, func(_, _ int) { close(before); <-goOn })
	there, answer := make(chan struct{}, 2), make(chan struct{})
	tens := Select(p, func(v int) int {
		if v == 10 {
			there <- struct{}{}
			<-answer
		}
		return v / 10
	})
	fired, fire, listened := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(listened)
		Listen(c, tens, func(_, next int) {
			if next == 0 {
				close(fired)
				<-fire
			}
		}, FireImmediately())
	}()
	<-fired
	s := c.table.find(&p.base).listeners.last()
	Listen(c, p, func(_, _ int) { there <- struct{}{}; <-listened }) // the turn is past s, if it has not called it
	written := make(chan struct{})
	go func() { defer close(written); p.Set(c, 10) }()
	<-before
	c.tree.mu.Lock()
	close(fire)
	for range 100000 {
		if s.state.Load()&subArriving == 0 {
			break
		}
		runtime.Gosched()
	}
	close(goOn)
	<-there
	s.detach() // as Close does
	close(answer)
	c.tree.mu.Unlock()
	<-listened
	<-written
}

func TestL8ASubscriptionThatIsClosedBeforeItIsThereHoldsNothing(t *testing.T) {
	// What it listens to is being built when its container, or the build that it is made through, ends. Planted bug: what is closed while
	// it arrives is emptied by nobody, unless it had something of the user's to be called first.
	for _, how := range []string{"the container", "the build"} {
		c := NewContainer()
		defer c.Close()
		var ref Ref
		owner := NewProvider(func(r Ref) int { ref = r; return 1 })
		Read(c, owner)
		p := NewProvider(func(Ref) int {
			if how == "the build" {
				c.Invalidate(owner)
			} else {
				c.Close()
			}
			return 1
		})
		x := Listen(Scope(ref), Source[int](p), func(_, _ int) {}, OnError(func(error) {}))
		require.NotZero(t, x.state.Load()&subClosed, how)
		require.Nil(t, x.fn, how)
		require.Nil(t, x.more.Load().onError, how)
		require.Zero(t, x.seen(), how)
	}
}

func TestA6ARetryOfWhatIsOutdatedAlreadyIsNone(t *testing.T) {
	// The build has failed, and what it watched was written after its last Watch: it is over when it is published. Planted bug: its retry is
	// scheduled all the same, as that of no build, and nobody takes the timer back: it outlives the element.
	synctest.Test(t, func(t *testing.T) {
		c := NewContainer()
		defer c.Close()
		s := NewStateProvider(func(Ref) int { return 0 })
		p := NewTryProvider(func(ref Ref) (int, error) {
			ref.OnDispose(func() {})
			v := Watch(ref, s)
			s.Set(c, v+1)
			return 0, errors.New("boom")
		}, AutoDispose(), Retry(func(int, error) (time.Duration, bool) { return time.Hour, true }))
		require.True(t, Read(c, p).IsRetrying())
		time.Sleep(2 * DefaultDisposeDelay)
		synctest.Wait()
		require.False(t, c.Exists(p))
		c.tree.mu.Lock()
		defer c.tree.mu.Unlock()
		require.Empty(t, c.timers)
	})
}

func TestL5AHookThatComesBetweenTheEndOfABuildAndItsCancellationFindsItCancelled(t *testing.T) {
	// Whoever ends a build lets go of the lock before it cancels the context. A hook that is registered in between runs at once (L6).
	// Planted bug, what was there: it finds the context live.
	release := make(chan struct{})
	defer close(release)
	future := NewFutureProvider(func(context.Context, Ref) (int, error) { <-release; return 1, nil })
	plain := NewProvider(func(Ref) int { return 1 })
	for how, end := range map[string]func(e *element, a *after){
		"invalidated": func(e *element, a *after) {
			e.c.endAll([]*element{e}, []uint64{e.Gen()}, byRefresh, nil, true, a)
		},
		"disposed": func(e *element, a *after) { e.dispose(a) },
	} {
		for _, p := range []*base{plain.identity(), future.identity()} {
			c := NewContainer()
			defer c.Close()
			Read(c, plain)
			Read(c, future)
			e := c.table.find(p)
			ref := Ref{e, e.Gen()}
			ctx := ref.Context()
			var a after
			c.tree.mu.Lock()
			end(e, &a)
			c.tree.mu.Unlock()
			require.NoError(t, ctx.Err())
			var late error
			ref.OnDispose(func() { late = ctx.Err() })
			cause := context.Cause(ctx)
			c.tree.mu.Lock()
			c.settle(&a)
			require.Error(t, late, how)
			require.Equal(t, context.Cause(ref.Context()).Error(), cause.Error(), how)
			require.Nil(t, e.times.detached, how)
		}
	}
}

func TestAFamilyForgetsAKeyThatIsNotEqualToItself(t *testing.T) {
	// Nobody can ask for its member again, nor delete it from a map. Planted bug, what was there: it stays for as long as the family.
	f := NewFamily(func(key float64) *Provider[float64] { return NewProvider(func(Ref) float64 { return 2 * key }) })
	one := f.Of(1)
	f.Of(math.NaN())
	require.Len(t, f.members, 1)
	c := NewContainer()
	defer c.Close()
	p := f.Of(math.NaN())
	require.True(t, math.IsNaN(Read(c, p)))
	require.NotSame(t, p, f.Of(math.NaN()))
	require.Len(t, f.members, 1)
	require.Same(t, one, f.Of(1))
}
