//go:build weirsched

package weir

// This file owns the programs about the life of an element and of a container: L, G10, S3,
// and turns that change goroutines.

import (
	"context"
	"errors"
	"runtime"
	"time"
)

// lives keeps account of the builds of one element.
type lives struct {
	w       *world
	begun   int
	ended   int  // OnDispose hooks that have returned
	running int  // builds between begin and OnDispose
	away    bool // OnCancel came last
}

// build registers what is checked of a build, and returns its number.
func (l *lives) build(ref Ref) int {
	if l.running > 0 {
		l.w.failf("a build begins before the OnDispose of the last")
	}
	l.begun++
	n := l.begun
	l.running++
	l.away = false
	ref.OnCancel(func() {
		if l.ended < n && (l.away || n != l.begun) { // else it was about to run when the build ended
			l.w.failf("OnCancel of build %d of %d; away %v", n, l.begun, l.away)
		}
		l.away = l.ended < n || l.away
	})
	ref.OnResume(func() {
		if l.ended < n && (!l.away || n != l.begun) {
			l.w.failf("OnResume of build %d of %d; away %v", n, l.begun, l.away)
		}
		l.away = l.ended >= n && l.away
	})
	ref.OnDispose(func() {
		l.w.step()
		l.running--
		if l.ended++; n != l.ended {
			l.w.failf("OnDispose of build %d is the %d.", n, l.ended)
		}
	})
	return n
}

// all checks that all that has begun is over.
func (l *lives) all() {
	if l.running != 0 || l.ended != l.begun {
		l.w.failf("%d builds, %d OnDispose", l.begun, l.ended)
	}
}

// The last listener leaves when another comes and somebody reads: a newcomer is kept alive by
// its own listening, hooks alternate, and no build begins before the last one is disposed.
// With a delay they come when that has just passed.
func leaves(w *world, delay time.Duration) {
	c := w.container()
	l := &lives{w: w}
	a := NewStateProvider(func(Ref) int { return 0 })
	p := NewProvider(func(ref Ref) int { Watch(ref, a); return l.build(ref) }, DisposeDelay(delay))
	sub := Listen(c, p, nil)
	came := func() {
		if delay > 0 {
			w.sleep(delay)
		}
	}
	w.run("A", func() { sub.Close() })
	w.run("B", func() {
		came()
		s := Listen(c, p, nil)
		v := s.Read()
		if w.step(); l.running != 1 || l.begun != v || s.Read() != v {
			w.failf("listened to build %d, and then %d of %d are not disposed", v, l.running, l.begun)
		}
		s.Close()
	})
	w.run("C", func() { came(); Read(c, p); a.Update(c, func(v int) int { return v }) })
	w.last(func() {
		w.sleep(time.Second)
		_ = c.Flush(context.Background())
		if c.Exists(p) {
			w.failf("it is left, without a listener")
		}
		l.all()
		_ = c.Shutdown(context.Background())
	})
}

// Hooks that are registered while the element goes to standby and comes back: what is
// acquired then is paused and resumed in turns, and at the end it is what the element is.
func lateHooks(w *world) {
	c := w.container()
	var ref Ref
	p := NewProvider(func(r Ref) int { ref = r; r.KeepAlive(); return 1 }, DisposeDelay(0))
	sub := Listen(c, p, nil)
	away := 0
	w.run("A", func() { sub.Close() })
	w.run("B", func() {
		ref.OnResume(func() {
			if away > 0 {
				away--
			}
		})
		ref.OnCancel(func() {
			if away++; away > 1 {
				w.failf("OnCancel twice")
			}
		})
	})
	w.run("C", func() { Listen(c, p, nil).Close() })
	w.quiet(func() {
		if away != 1 {
			w.failf("it is on standby, and what was acquired is not paused")
		}
		if Listen(c, p, nil); away != 0 {
			w.failf("it is active, and what was acquired is paused")
		}
	})
}

// A keep-alive link is closed when the listener leaves and another reads.
func links(w *world) {
	c := w.container()
	l := &lives{w: w}
	var link *KeepAliveLink
	p := NewProvider(func(ref Ref) int {
		n := l.build(ref)
		if n == 1 {
			link = ref.KeepAlive()
		}
		return n
	}, DisposeDelay(0))
	sub := Listen(c, p, nil)
	first, unlinked := link, false
	w.run("A", func() {
		sub.Close()
		if !unlinked && l.ended > 0 {
			w.failf("disposed with an open link")
		}
	})
	w.run("B", func() { unlinked = true; first.Close() })
	w.run("C", func() { Read(c, p); Listen(c, p, nil).Close() })
	w.quiet(func() {
		if c.Exists(p) {
			w.failf("it is left, without a listener or a link")
		}
		l.all()
	})
}

// isPanic returns what fn panics with, as an error.
func isPanic(fn func()) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err, _ = r.(error)
			if err == nil {
				panic(r)
			}
		}
	}()
	fn()
	return nil
}

// Close against writes, reads and listeners: when it has returned nothing happens any more,
// and all hooks have run or are being run by the turn that was there.
func closes(w *world) {
	c := w.container()
	l := &lives{w: w}
	a := NewStateProvider(func(Ref) int { return 0 })
	p := NewProvider(func(ref Ref) int { l.build(ref); return Watch(ref, a) }, AutoDispose())
	cold := NewProvider(func(ref Ref) int { return Watch(ref, a) })
	h := &heard{w: w}
	Listen(c, p, h.hear)
	closed := false
	w.run("A", func() {
		c.Close()
		closed = true
		before := Read(c, a)
		if a.Set(c, 7); Read(c, a) != before {
			w.failf("written after Close")
		}
	})
	w.run("B", func() {
		a.Set(c, 1)
		var v int
		if err := isPanic(func() { v = Read(c, cold) }); err != nil && !errors.Is(err, ErrContainerClosed) || err == nil && v != 0 && v != 1 {
			w.failf("Read: %d, %v", v, err)
		}
	})
	w.run("C", func() {
		before := closed
		s := Listen(c, p, func(_, _ int) {
			if before {
				w.failf("called after Close")
			}
		})
		if s.Close(); before && s.state.Load()&subClosed == 0 {
			w.failf("Listen after Close is open")
		}
	})
	w.quiet(l.all)
}

// Shutdown against asynchronous results: a Resolve returns the result or that the container
// is closed, no function is left, and contexts are over when Close has returned.
func shuts(w *world) {
	c := w.container()
	inside, running, begun := 0, 0, 0
	var ctxs []context.Context
	f := NewFutureProvider(func(ctx context.Context, ref Ref) (int, error) {
		defer w.alone(&inside, "functions")()
		running++
		defer func() { running-- }()
		begun++
		ctxs = append(ctxs, ctx)
		n := begun
		w.step()
		return n, nil
	}, DisposeDelay(0))
	g := NewFutureProvider(func(_ context.Context, ref Ref) (int, error) {
		v, err := Await(ref, f)
		return v * 10, err
	})
	resolve := func(src *FutureProvider[int], by int) {
		if v, err := Resolve(context.Background(), c, src); err != nil && !errors.Is(err, ErrContainerClosed) || err == nil && (v == 0 || v%by != 0) {
			w.failf("Resolve: %d, %v", v, err)
		}
	}
	w.run("A", func() { resolve(g, 10) })
	w.run("B", func() {
		err := c.Shutdown(context.Background())
		if err != nil || running != 0 {
			w.failf("Shutdown returned %v, and %d functions are left", err, running)
		}
		for _, ctx := range ctxs {
			if ctx.Err() == nil {
				w.failf("a context is not over")
			}
		}
		if _, err := Resolve(context.Background(), c, f); !errors.Is(err, ErrContainerClosed) {
			w.failf("Resolve after Shutdown: %v", err)
		}
	})
	w.run("C", func() { resolve(f, 1) })
	w.quiet(nil)
}

// A child is closed while its parent delivers: its builds are over once, its listener is not
// called after a Flush, and the parent's own hear everything.
func children(w *world) {
	c := w.container()
	l := &lives{w: w}
	a := NewStateProvider(func(Ref) int { return 0 })
	p := NewProvider(func(ref Ref) int { return Watch(ref, a) }, Scoped(), AutoDispose())
	child := NewContainer(WithParent(c), p.OverrideWith(func(ref Ref) int { l.build(ref); return Watch(ref, a) }))
	h, hc := &heard{w: w}, &heard{w: w}
	Listen(c, p, h.hear)
	freed := false
	Listen(child, p, func(prev, v int) {
		if hc.hear(prev, v); freed {
			w.failf("called after Close and Flush")
		}
	})
	Listen(child, a, func(_, _ int) {
		if w.step(); freed {
			w.failf("a listener through the child was called after Close and Flush")
		}
	})
	w.run("A", func() { a.Set(c, 1); a.Set(c, 2) })
	w.run("B", func() {
		child.Close()
		_ = child.Flush(context.Background())
		_ = c.Flush(context.Background())
		freed = true
	})
	w.run("C", func() { _ = isPanic(func() { Read(child, p) }) })
	w.quiet(func() {
		if h.last != 2 {
			w.failf("the parent's listener saw %d", h.last)
		}
		l.all() // not before: a reader may have been in a build
	})
}

// A build that a turn runs waits for a result: the turn goes on elsewhere, delivers what
// others write meanwhile, and comes back to it.
func handsOver(w *world) {
	c := w.container()
	a := NewStateProvider(func(Ref) int { return 0 })
	b := NewStateProvider(func(Ref) int { return 0 })
	f := NewFutureProvider(func(context.Context, Ref) (int, error) { w.step(); return 5, nil }, DisposeDelay(0))
	p := NewProvider(func(ref Ref) int {
		v := Watch(ref, a)
		if v > 0 {
			five, err := Resolve(context.Background(), ref, f)
			if err != nil || five != 5 {
				w.failf("Resolve in a build: %d, %v", five, err)
			}
		}
		return v
	})
	inside := 0
	h, hb := &heard{w: w}, &heard{w: w}
	Listen(c, p, func(prev, v int) { defer w.alone(&inside, "listeners")(); h.hear(prev, v) })
	Listen(c, b, func(prev, v int) { defer w.alone(&inside, "listeners")(); hb.hear(prev, v) })
	w.run("A", func() { a.Set(c, 1) })
	w.run("B", func() { b.Set(c, 1); a.Set(c, 2) })
	w.run("C", func() { _ = c.Flush(context.Background()); Read(c, p) })
	w.quiet(func() {
		if v := Read(c, p); h.last != v || v == 0 || hb.last != 1 {
			w.failf("it is %d, the listener saw %d, that of b %d", v, h.last, hb.last)
		}
	})
}

// A listener ends the goroutine of the turn: another goes on with it, and nobody misses
// anything.
func exits(w *world) {
	told := 0
	c := NewContainer(WithPanicHandler(func(*PanicError) { told++ }))
	w.root = c
	a := NewStateProvider(func(Ref) int { return 0 })
	inside, calls := 0, 0
	h := &heard{w: w}
	Listen(c, a, func(_, _ int) {
		defer w.alone(&inside, "listeners")()
		if calls++; calls == 1 {
			runtime.Goexit()
		}
	})
	Listen(c, a, func(prev, v int) { defer w.alone(&inside, "listeners")(); h.hear(prev, v) })
	w.run("A", func() { a.Update(c, func(v int) int { return v + 1 }) })
	w.run("B", func() { a.Update(c, func(v int) int { return v + 1 }) })
	w.run("C", func() { _ = c.Flush(context.Background()) })
	w.quiet(func() {
		if h.last != 2 || told != 1 {
			w.failf("the listener saw %d; %d panics told", h.last, told)
		}
	})
}
