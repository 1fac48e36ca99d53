package weir_test

// Rules L5 and L10, and L9's last sentence: what happens when a build is over, who runs its OnDispose hooks and when, and what
// Invalidate does to an element that nobody uses.

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// goroutine tells goroutines apart: the number in the first line of a stack trace.
func goroutine() string {
	buf := make([]byte, 64)
	return string(bytes.Fields(buf[:runtime.Stack(buf, false)])[1])
}

// ---- L5: OnDispose

func TestL5OncePerBuildWithTheContextCancelledFirst(t *testing.T) {
	// However the build ends: Invalidate, InvalidateAsReload, Refresh, a dependency, disposal, Close; and the next one starts after it.
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t)
		var log trace
		var n atomic.Int32
		key := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		p := k.make(func(ref weir.Ref) int {
			i := n.Add(1)
			weir.Watch(ref, key)
			log.add("build%d", i)
			ctx := ref.Context()
			ref.OnDispose(func() {
				if ctx.Err() == nil || ref.Context().Err() == nil {
					t.Errorf("build %d: its context is live in OnDispose", i)
				}
				if ref.Mounted() {
					t.Errorf("build %d: its ref is mounted in OnDispose", i)
				}
				log.add("dispose%d", i)
			})
			return int(i)
		}, weir.AutoDispose())
		s := p.listen(c)
		settle()
		log.take()
		c.Invalidate(p.id)
		settle()
		log.want(t, "Invalidate", "dispose1", "build2")
		c.InvalidateAsReload(p.id)
		settle()
		log.want(t, "InvalidateAsReload", "dispose2", "build3")
		p.refresh(c)
		settle()
		log.want(t, "Refresh", "dispose3", "build4")
		key.Set(c, 1)
		settle()
		log.want(t, "a dependency changed", "dispose4", "build5")
		c.Batch(func(tx *weir.Tx) { key.Set(tx, 2) })
		settle()
		log.want(t, "in a Batch", "dispose5", "build6")
		s.Close()
		gone()
		log.want(t, "disposed", "dispose6")
		p.listen(c)
		settle()
		c.Close()
		settle()
		log.want(t, "closed", "build7", "dispose7")
		c.Close()
		gone()
		log.want(t, "closed again")
	})
}

func TestL5NotWhileADependencyOnlyMayHaveChanged(t *testing.T) {
	// Active and on standby: a change that the dependency between swallows ends nothing.
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t)
		var log trace
		n := weir.NewStateProvider(func(weir.Ref) int { return 1 })
		parity := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, n) % 2 })
		var r weir.Ref
		p := k.make(func(ref weir.Ref) int {
			r = ref
			v := weir.Watch(ref, parity)
			log.add("open%d", v)
			ref.OnDispose(log.on(fmt.Sprint("close", v)))
			return v
		})
		s := p.listen(c)
		settle()
		for range 5 {
			n.Update(c, func(v int) int { return v + 2 })
		}
		settle()
		log.want(t, "five changes of no consequence", "open1")
		require.True(t, r.Mounted())
		require.NoError(t, r.Context().Err())
		n.Set(c, 2)
		settle()
		log.want(t, "one of consequence", "close1", "open0")
		s.Close()
		n.Set(c, 3) // whether it is of consequence is not known before somebody asks
		n.Set(c, 4)
		settle()
		require.True(t, r.Mounted(), "it only may have changed")
		p.read(c)
		settle()
		log.want(t, "there and back again while nobody listened")
		n.Set(c, 5)
		p.read(c)
		settle()
		log.want(t, "a Read that finds a change", "close0", "open1")
	})
}

func TestL5OncePerBuildWhenSeveralThingsEndIt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		a := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		b := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		p := weir.NewProvider(func(ref weir.Ref) int {
			log.add("build")
			ref.OnDispose(log.on("dispose"))
			return weir.Watch(ref, a) + weir.Watch(ref, b)
		})
		s := weir.Listen(c, p, nil)
		log.take()
		c.Batch(func(tx *weir.Tx) { a.Set(tx, 1); b.Set(tx, 1) })
		log.want(t, "two dependencies in a batch", "dispose", "build")
		s.Close()
		a.Set(c, 2)
		b.Set(c, 2)
		a.Set(c, 3)
		c.Invalidate(p)
		require.Equal(t, 5, weir.Read(c, p))
		log.want(t, "several changes while nobody listened", "dispose", "build")
		a.Set(c, 4)
		c.Close()
		log.want(t, "ended by a change, never rebuilt, then closed", "dispose")
	})
}

func TestL5HooksAndLinksDieWithTheirBuild(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t)
		var log trace
		n := 0
		p := k.make(func(ref weir.Ref) int {
			n++
			if n < 4 {
				ref.KeepAlive()
			}
			log.hooks(ref, fmt.Sprint(n, "."), true)
			return n
		}, weir.AutoDispose())
		s := p.listen(c)
		settle()
		for range 3 {
			c.Invalidate(p.id)
			settle()
		}
		log.take()
		s.Close()
		s = p.listen(c)
		settle()
		log.want(t, "in build 4", "4.cancel", "4.remove", "4.resume", "4.add")
		s.Close()
		gone()
		log.want(t, "no link of an earlier build keeps it", "4.cancel", "4.remove", "4.dispose")
	})
}

func TestL9ClosingALinkOfABuildThatIsOverDoesNothing(t *testing.T) {
	// Catches a count of links per element: the old link's Close would let the new build go.
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t)
		var log trace
		var links []*weir.KeepAliveLink
		p := k.make(func(ref weir.Ref) int {
			links = append(links, ref.KeepAlive())
			ref.OnDispose(log.on("dispose"))
			return 1
		}, weir.AutoDispose())
		s := p.listen(c)
		settle()
		c.Invalidate(p.id)
		settle()
		log.want(t, "rebuilt", "dispose")
		s.Close()
		links[0].Close()
		links[0].Close()
		pass(time.Hour)
		log.want(t, "the old link closed, the new one open")
		links[1].Close()
		gone()
		log.want(t, "the new link closed", "dispose")
	})
}

func TestL5TheHooksRunOnTheGoroutineThatEndsTheBuild(t *testing.T) {
	// "and that never waits for a turn": while a listener holds up the turn, a Set and an Invalidate on another goroutine run the
	// hooks of what they end, and a Read there gets the new value. Catches hooks queued for the turn: this test would hang.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		other := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		addr := weir.NewStateProvider(func(weir.Ref) int { return 1 })
		var log trace
		var open atomic.Int32
		sock := weir.NewProvider(func(ref weir.Ref) int {
			a := weir.Watch(ref, addr)
			if n := open.Add(1); n != 1 {
				t.Errorf("%d sockets are open at once", n)
			}
			ref.OnDispose(func() { open.Add(-1); log.add("closed %d on %s", a, goroutine()) })
			return a
		})
		weir.Read(c, sock)
		inTurn, release := make(chan struct{}), make(chan struct{})
		weir.Listen(c, other, func(_, _ int) { close(inTurn); <-release })
		turn := async(t, func() { other.Set(c, 1) })
		await(t, "the turn", inTurn)
		within(t, "Set, Invalidate and Read beside a turn", func() {
			addr.Set(c, 2)
			log.want(t, "Set has returned", fmt.Sprint("closed 1 on ", goroutine()))
			require.Equal(t, 2, weir.Read(c, sock))
			c.Invalidate(sock)
			log.want(t, "Invalidate has returned", fmt.Sprint("closed 2 on ", goroutine()))
			require.Equal(t, 2, weir.Read(c, sock))
		})
		close(release)
		await(t, "the end of the turn", turn)
	})
}

func TestL5NoBuildStartsBeforeTheOldHooksHaveReturned(t *testing.T) {
	// One goroutine is inside the hook, others want the value: by Read, by Listen, by Resolve. Catches a build that starts beside the
	// hook and opens what is not closed yet.
	for _, listened := range []bool{true, false} {
		t.Run(fmt.Sprint("listened to ", listened), func(t *testing.T) {
			eachKind(t, func(t *testing.T, k kind) {
				c := newContainer(t)
				var log trace
				gate := make(chan struct{})
				var n atomic.Int32
				p := k.make(func(ref weir.Ref) int {
					i := n.Add(1)
					log.add("open%d", i)
					if i == 1 {
						ref.OnDispose(func() { log.add("closing"); <-gate; log.add("closed") })
					}
					return int(i)
				}, weir.AutoDispose(), weir.AllowOverlap()) // overlap of functions is another matter (C5)
				s := p.listen(c)
				settle()
				if !listened {
					s.Pause() // it keeps the element
				}
				settle()
				ended := async(t, func() { c.Invalidate(p.id) })
				settle()
				read := async(t, func() { p.read(c) })
				late := async(t, func() { p.listen(c) })
				settle()
				log.want(t, "inside the hook", "open1", "closing")
				close(gate)
				<-ended
				<-read
				<-late
				settle()
				log.want(t, "the hook has returned", "closed", "open2")
			})
		})
	}
}

func TestL5OnDisposeWaitsForASyncFunctionThatRunsElsewhere(t *testing.T) {
	// Invalidate cancels the context at once; OnDispose waits for the function, the next build for OnDispose. Catches closing the file
	// that is being parsed, and handing the Read a value that was over before it was there (C4).
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		started, release := make(chan context.Context, 1), make(chan struct{})
		var n atomic.Int32
		p := weir.NewProvider(func(ref weir.Ref) int {
			i := n.Add(1)
			log.add("build%d", i)
			ref.OnDispose(log.on(fmt.Sprint("dispose", i)))
			if i == 1 {
				started <- ref.Context()
				<-release
			}
			log.add("return%d", i)
			return int(i)
		})
		got := make(chan int, 1)
		go func() { got <- weir.Read(c, p) }()
		ctx := await(t, "the build", started)
		ended := async(t, func() { c.Invalidate(p) })
		await(t, "the context of the build that is over", ctx.Done())
		require.ErrorIs(t, context.Cause(ctx), weir.ErrInvalidated)
		require.Zero(t, count(log.peek(), "dispose1"), "OnDispose ran while the function runs")
		close(release)
		require.Equal(t, 2, await(t, "the Read that waited", got))
		await(t, "Invalidate", ended)
		log.want(t, "order", "build1", "return1", "dispose1", "build2", "return2")
	})
}

func TestL5AWriterIsNotHeldByAFunctionThatRunsElsewhere(t *testing.T) {
	// The same when a dependency is set under the running function: the write is delivered while the function runs, its hooks run once,
	// after it, and before the next build. Catches a Set that waits for somebody's build function.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		started, release := make(chan struct{}), make(chan struct{})
		var n atomic.Int32
		state := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		p := weir.NewProvider(func(ref weir.Ref) int {
			i := n.Add(1)
			log.add("build%d", i)
			v := weir.Watch(ref, state)
			ref.OnDispose(log.on(fmt.Sprint("dispose", i)))
			if i == 1 {
				close(started)
				<-release
			}
			log.add("return%d", i)
			return v
		})
		read := async(t, func() { weir.Read(c, p) })
		await(t, "the build", started)
		heard := make(chan struct{})
		weir.Listen(c, state, func(_, _ int) { close(heard) })
		set := async(t, func() { state.Set(c, 1) })
		await(t, "a listener of what was set", heard)
		require.Zero(t, count(log.peek(), "dispose1"), "OnDispose ran while the function runs")
		close(release)
		await(t, "the Read", read)
		await(t, "the Set", set)
		require.Equal(t, 1, weir.Read(c, p))
		log.want(t, "order", "build1", "return1", "dispose1", "build2", "return2")
	})
}

func TestL5OnDisposeOfAnAsyncBuildRunsAtOnce(t *testing.T) {
	// So that a hook can unblock a function that does not look at its context. Catches waiting for the function, which waits for the
	// hook.
	for _, how := range []string{"Invalidate", "a dependency", "last listener", "Cancel", "Close"} {
		t.Run(how, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newContainer(t)
				var log trace
				n := 0
				key := weir.NewStateProvider(func(weir.Ref) int { return 0 })
				p := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
					n++
					i := n
					weir.Watch(ref, key)
					unblock := make(chan struct{})
					ref.OnDispose(func() { log.add("dispose%d", i); close(unblock) })
					log.add("build%d", i)
					<-unblock
					log.add("return%d", i)
					return i, nil
				}, weir.DisposeDelay(0))
				s := weir.Listen(c, p, nil)
				settle()
				want := []string{"build1", "dispose1", "return1"}
				switch how {
				case "Invalidate":
					c.Invalidate(p)
					want = append(want, "build2")
				case "a dependency":
					key.Set(c, 1)
					want = append(want, "build2")
				case "last listener":
					s.Close()
				case "Cancel":
					p.Cancel(c, errBoom)
				case "Close":
					c.Close()
				}
				require.Contains(t, log.peek(), "dispose1", "the hooks have run when the call returns")
				settle()
				log.want(t, how, want...)
			})
		})
	}
}

// ---- L10: Invalidate

func TestL10InvalidateOfAnUnusedAutoDisposeElementDisposesAtOnce(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t)
		var log trace
		p := k.make(func(ref weir.Ref) int { log.add("build"); ref.OnDispose(log.on("dispose")); return 1 }, weir.DisposeDelay(time.Hour))
		s := p.listen(c)
		settle()
		s.Close()
		c.Invalidate(p.id)
		require.False(t, c.Exists(p.id), "at once")
		settle()
		log.want(t, "invalidated on standby", "build", "dispose")
		pass(3 * time.Hour)
		log.want(t, "later")

		s = p.listen(c)
		settle()
		s.Pause()
		c.Invalidate(p.id)
		settle()
		log.want(t, "a paused listener uses it: over, not rebuilt for nobody active", "build", "dispose")
		require.True(t, c.Exists(p.id))
		s.Resume()
		settle()
		log.want(t, "resumed", "build")
		s.Close()
	})
}

func TestL10InvalidateNeverCreatesAnElement(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t)
		var log trace
		p := k.make(func(ref weir.Ref) int { log.add("build"); ref.OnDispose(log.on("dispose")); return 1 })
		c.Invalidate(p.id)
		c.InvalidateAsReload(p.id)
		settle()
		log.want(t, "never built")
		require.False(t, c.Exists(p.id))
		require.Zero(t, elements(c))
		p.read(c)
		settle()
		c.Invalidate(p.id)
		c.Invalidate(p.id)
		settle()
		log.want(t, "a regular one that nobody listens to, twice: over once, not rebuilt", "build", "dispose")
		p.read(c)
		settle()
		log.want(t, "the next Read", "build")
	})
}

func TestL10InvalidateOfAFamilyMeansItsLiveMembers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		fam := weir.NewFamily(func(i int) *weir.Provider[int] {
			return weir.NewProvider(func(ref weir.Ref) int { log.add("build%d", i); return i })
		}, weir.Name("fam"))
		fam.Of(3) // named, never used
		s := weir.Listen(c, fam.Of(1), nil)
		defer s.Close()
		weir.Read(c, fam.Of(2))
		log.take()
		require.True(t, c.Exists(fam))
		c.Invalidate(fam)
		settle()
		log.want(t, "the one that is listened to is rebuilt", "build1")
		weir.Read(c, fam.Of(2))
		log.want(t, "the other when it is read", "build2")
		require.Equal(t, 2, elements(c))
	})
}
