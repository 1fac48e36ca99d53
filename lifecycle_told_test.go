package weir_test

// This file tells of what a turn tells the hooks of an element that is not at rest: one whose function runs on a reader's goroutine, one
// that a reader is bringing up to date, one that is asynchronous. Each test was written for changes of lifecycle.go that no other test
// noticed, which it names.

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// rebuilding is an element whose only listener is paused, and that a reader builds again: its function has registered its hooks, and waits.
type rebuilding struct {
	c     *weir.Container
	p     *weir.Provider[int]
	s     *weir.Subscription[int]
	log   trace
	leave chan struct{}
	read  <-chan struct{}
}

func newRebuilding(t *testing.T) *rebuilding {
	b := &rebuilding{c: newContainer(t), leave: make(chan struct{})}
	n := weir.NewStateProvider(func(weir.Ref) int { return 1 })
	first := true
	b.p = weir.NewProvider(func(ref weir.Ref) int {
		v := weir.Watch(ref, n)
		if !first {
			b.log.hooks(ref, "", true)
			<-b.leave
			b.log.add("built")
		}
		first = false
		return v
	}, weir.AutoDispose())
	b.s = weir.Listen(b.c, b.p, nil)
	b.s.Pause()
	n.Set(b.c, 2)
	b.read = async(t, func() { weir.Read(b.c, b.p) })
	settle()
	return b
}

func TestL2NobodyHasLeftWhatIsNotBuiltYet(t *testing.T) {
	// Planted bug: tell OnCancel as soon as nobody listens, though the function still runs.
	bubble(t, func(t *testing.T) {
		b := newRebuilding(t)
		b.s.Close()
		settle()
		b.log.want(t, "the listener has left while the function runs", "remove")
		close(b.leave)
		await(t, "the Read", b.read)
		settle()
		b.log.want(t, "the build is done", "built", "cancel")
	})
}

func TestL6NoHookOfABuildThatIsOverThoughItsFunctionStillRuns(t *testing.T) {
	// Planted bugs: look at the hooks of a build whose function still runs, whatever became of it; look for them where none are.
	bubble(t, func(t *testing.T) {
		b := newRebuilding(t)
		b.c.Invalidate(b.p)
		b.s.Close()
		settle()
		b.log.want(t, "the listener has left a build that is over")
		close(b.leave)
		await(t, "the Read", b.read)
	})
}

func TestL4WhatIsBeingReadIsNotDisposed(t *testing.T) {
	// Planted bug: have only listeners and links keep it, not the reader that is finding out whether it is up to date (unused).
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		leave := make(chan struct{})
		n := weir.NewStateProvider(func(weir.Ref) int { return 1 })
		odd := weir.NewProvider(func(ref weir.Ref) bool {
			v := weir.Watch(ref, n)
			if v > 1 {
				<-leave
			}
			return v%2 == 1
		})
		p := weir.NewProvider(func(ref weir.Ref) bool {
			log.add("build")
			ref.OnDispose(log.on("dispose"))
			return weir.Watch(ref, odd)
		}, weir.AutoDispose())
		weir.Read(c, p)
		n.Set(c, 3)
		read := async(t, func() { weir.Read(c, p) })
		gone()
		c.DisposeUnused()
		close(leave)
		await(t, "the Read", read)
		log.want(t, "its delay has passed while it was read", "build")
		gone()
		log.want(t, "nobody reads it any more", "dispose")
	})
}

func TestD3AnObserverDoesNotMakeHooksOfABuildSeeWhoCameBefore(t *testing.T) {
	// Planted bugs: tell the hooks that are there when the turn comes to it, not those that were there when the listener came.
	bubble(t, func(t *testing.T) {
		var log trace
		c := newContainer(t, weir.WithObserver(&weir.Observer{ListenerAdded: func(ev weir.ListenerAddedEvent) { log.add("observed %s", ev.Name) }}))
		n := weir.NewStateProvider(func(weir.Ref) int { return 1 }, weir.Name("n"))
		registered := make(chan struct{})
		p := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
			ref.OnAddListener(log.on("add"))
			close(registered)
			return 1, nil
		}, weir.Name("p"))
		weir.Listen(c, n, func(int, int) {
			weir.Listen(c, p, nil) // this turn will tell of it, when the hook is there
			await(t, "the hook", registered)
		})
		log.take()
		n.Set(c, 2)
		settle()
		log.want(t, "a listener that came before the hook", "observed p")
		weir.Listen(c, p, nil)
		settle()
		log.want(t, "and one after", "add", "observed p")
	})
}

func TestD3AnObserverHearsOnceOfTheListenerThatMadeTheBuild(t *testing.T) {
	// The hooks of the build that it made are told of it apart. Planted bug: tell observers then too.
	bubble(t, func(t *testing.T) {
		var log trace
		c := newContainer(t, weir.WithObserver(&weir.Observer{ListenerAdded: func(weir.ListenerAddedEvent) { log.add("observed") }}))
		p := weir.NewProvider(func(ref weir.Ref) int {
			ref.OnAddListener(log.on("hook"))
			return 1
		})
		weir.Listen(c, p, nil)
		log.wantSet(t, "the first listener", "hook", "observed")
	})
}

func TestL7NobodyHearsOfTheStandbyOfARegularElement(t *testing.T) {
	// Planted bug: tell observers that it is cancelled and resumed.
	eachKind(t, func(t *testing.T, k kind) {
		var log trace
		c := newContainer(t, weir.WithObserver(&weir.Observer{
			Cancelled: func(weir.CancelledEvent) { log.add("cancelled") },
			Resumed:   func(weir.ResumedEvent) { log.add("resumed") },
		}))
		p := k.make(func(ref weir.Ref) int { return 1 })
		for range 2 {
			s := p.listen(c)
			s.Close()
			settle()
		}
		log.want(t, "its listeners came and went")
	})
}

func TestL3WhoHasLeftIsToldOfBeforeTheEnd(t *testing.T) {
	// Also if no turn comes to tell of it before. Planted bug: leave it to the turn, which comes after the end (dispose).
	bubble(t, func(t *testing.T) {
		var log trace
		c := newContainer(t, weir.WithObserver(&weir.Observer{
			ListenerRemoved: func(weir.ListenerRemovedEvent) { log.add("removed") },
			Disposed:        func(weir.DisposedEvent) { log.add("disposed") },
		}))
		p := weir.NewProvider(func(weir.Ref) int { return 1 }, weir.AutoDispose())
		s := weir.Listen(c, p, nil)
		n := weir.NewStateProvider(func(weir.Ref) int { return 1 })
		weir.Listen(c, n, func(int, int) {
			s.Close()
			c.DisposeUnused()
		})
		n.Set(c, 2)
		log.want(t, "closed and disposed in one call", "removed", "disposed")
	})
}

func TestL4WhatIsGoneIsNotBuiltForAReaderThatWaitedForIt(t *testing.T) {
	// A reader waits for a hook of what it needs; by the time that returns nobody needs it any more, the reader neither. Planted bug: do
	// not tell what has left the table apart, and build it where nobody finds it, so that nothing ever ends it (leave).
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		leave := make(chan struct{})
		a := weir.NewStateProvider(func(weir.Ref) int { return 1 })
		way := weir.NewStateProvider(func(weir.Ref) int { return 1 })
		p := weir.NewProvider(func(ref weir.Ref) int {
			log.add("build")
			ref.OnDispose(func() { <-leave })
			return weir.Watch(ref, a)
		}, weir.DisposeDelay(0))
		q := weir.NewProvider(func(ref weir.Ref) int {
			if weir.Watch(ref, way) == 2 {
				return 0
			}
			return weir.Watch(ref, p)
		})
		weir.Read(c, q)
		ends := async(t, func() { a.Set(c, 2) }) // runs the hook
		settle()
		reads := async(t, func() { weir.Read(c, q) })
		settle()
		way.Set(c, 2)
		require.Zero(t, weir.Read(c, q))
		require.False(t, c.Exists(p))
		close(leave)
		await(t, "the Set", ends)
		await(t, "the Read", reads)
		log.want(t, "in all", "build")
	})
}
