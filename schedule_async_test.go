//go:build weirsched

package weir

// This file owns the programs about asynchronous builds: C, A, E2, N6.

import (
	"context"
	"errors"
	"time"
)

// future is a provider whose functions check that they do not overlap, and return their
// number; fail says what one of them fails with.
func (w *world) future(begun *int, fail func(n int) error, opts ...ProviderOption) *FutureProvider[int] {
	inside := 0
	return NewFutureProvider(func(ctx context.Context, ref Ref) (int, error) {
		defer w.alone(&inside, "functions")()
		*begun++
		n := *begun
		ref.SetProgress(0.5)
		if fail != nil {
			if err := fail(n); err != nil {
				return 0, err
			}
		}
		return n, nil
	}, opts...)
}

// watched is a listener to a future: results come in the order of their builds, and what has
// a result shows no progress.
func (w *world) watched(v AsyncValue[int], last *int) {
	if n, ok := v.Value(); ok {
		if n < *last {
			w.failf("build %d was published after %d", n, *last)
		}
		*last = n
	}
	if _, ok := v.Progress(); ok && !v.IsLoading() {
		w.failf("progress beside a result: %v", v)
	}
}

// Invalidate against the result of a build: who resolves afterwards gets that of a build
// that began afterwards, and nothing old is published.
func invalidates(w *world) {
	c := w.container()
	begun, last := 0, 0
	f := w.future(&begun, nil)
	Listen(c, NewProvider(func(Ref) int { return 0 }), nil)
	w.first(func() { Listen(c, f, func(_, v AsyncValue[int]) { w.watched(v, &last) }) })
	w.run("A", func() {
		before := begun
		c.Invalidate(f)
		if v, err := Resolve(context.Background(), c, f); err != nil || v <= before {
			w.failf("%d builds had begun before Invalidate, and Resolve is %d, %v", before, v, err)
		}
	})
	w.run("B", func() {
		if v, err := Resolve(context.Background(), c, f); err != nil || v == 0 {
			w.failf("Resolve: %d, %v", v, err)
		}
	})
	w.run("C", func() { Refresh(c, f) })
	w.quiet(func() {
		if v, err := Read(c, f).Result(); err != nil || v != begun || last != begun {
			w.failf("at rest it is %d, %v, the listener saw %d, %d builds", v, err, last, begun)
		}
	})
}

// A retry is pending when the build is invalidated or nobody waits any more: whoever waits
// gets the value.
func retries(w *world) {
	c := w.container()
	begun := 0
	f := w.future(&begun, func(n int) error {
		if n == 1 {
			return errCut
		}
		return nil
	}, Retry(func(int, error) (time.Duration, bool) { return time.Millisecond, true }), DisposeDelay(time.Second))
	w.run("A", func() {
		if v, err := Resolve(context.Background(), c, f); err != nil || v < 2 {
			w.failf("Resolve: %d, %v", v, err)
		}
	})
	w.run("B", func() {
		w.sleep(time.Millisecond)
		c.Invalidate(f)
	})
	w.run("C", func() { Listen(c, f, nil).Close() })
	w.quiet(func() {
		if begun > 3 {
			w.failf("%d builds", begun)
		}
		if v := Read(c, f); v.IsLoading() && !v.IsRefreshing() && c.Exists(f) && begun < 2 {
			w.failf("at rest it is %v", v)
		}
	})
}

// Cancel against the return of the function: either the build was cut, and everything says
// so, or it was not.
func cancels(w *world) {
	c := w.container()
	begun, disposed := 0, 0
	f := NewFutureProvider(func(_ context.Context, ref Ref) (int, error) {
		begun++
		ref.OnDispose(func() { disposed++ })
		w.step()
		return begun, nil
	})
	var got int
	var err error
	w.run("A", func() { got, err = Resolve(context.Background(), c, f) })
	w.run("B", func() { f.Cancel(c, errCut) })
	w.run("C", func() {
		if v, err := Resolve(context.Background(), c, f); err == nil && v != 1 || err != nil && !errors.Is(err, errCut) {
			w.failf("Resolve: %d, %v", v, err)
		}
	})
	w.quiet(func() {
		v, now := Read(c, f).Result()
		switch {
		case begun != 1:
			w.failf("%d builds", begun)
		case disposed > 0 && (!errors.Is(err, errCut) || !errors.Is(now, errCut)):
			w.failf("cut: Resolve is %d, %v, and at rest %d, %v", got, err, v, now)
		case disposed == 0 && (got != 1 || err != nil || v != 1 || now != nil):
			w.failf("not cut: Resolve is %d, %v, and at rest %d, %v", got, err, v, now)
		}
	})
}

// A stream emits while listeners come and go: emit says that a build is over only when its
// context is, waits on standby, and no two functions run.
func streams(w *world) {
	c := w.container()
	inside, begun, over := 0, 0, 0
	s := NewStreamProvider(func(ctx context.Context, ref Ref, emit func(int) bool) error {
		defer w.alone(&inside, "functions")()
		begun++
		n := begun
		ref.OnDispose(func() { over++ })
		for i := 1; i <= 2; i++ {
			if !emit(n*10 + i) {
				if ctx.Err() == nil {
					w.failf("emit says that the build is over, its context does not")
				}
				break
			}
			if over >= n && i == 1 && ctx.Err() == nil {
				w.failf("emit says that build %d is not over", n)
			}
		}
		return nil
	}, DisposeDelay(0))
	last := 0
	come := func() { Listen(c, s, func(_, v AsyncValue[int]) { w.watched(v, &last) }).Close() }
	w.run("A", come)
	w.run("B", func() {
		if v, err := Resolve(context.Background(), c, s); err != nil || v < 11 {
			w.failf("Resolve: %d, %v", v, err)
		}
	})
	w.quiet(func() {
		if c.Exists(s) || over != begun || inside != 0 {
			w.failf("exists %v, %d builds, %d over, %d functions left", c.Exists(s), begun, over, inside)
		}
	})
}

// Two goroutines enter a cycle from opposite ends: both are told, nobody hangs.
func cycles(w *world, async bool) {
	c := w.container()
	isCycle := func(err error) {
		if !errors.As(err, new(*CycleError)) {
			w.failf("no *CycleError: %v", err)
		}
	}
	if async {
		var p, q *FutureProvider[int]
		p = NewFutureProvider(func(_ context.Context, ref Ref) (int, error) { w.step(); return Await(ref, q) }, Name("p"))
		q = NewFutureProvider(func(_ context.Context, ref Ref) (int, error) { return Await(ref, p) }, Name("q"))
		w.run("A", func() { _, err := Resolve(context.Background(), c, p); isCycle(err) })
		w.run("B", func() { _, err := Resolve(context.Background(), c, q); isCycle(err) })
	} else {
		var p, q, r *Provider[int]
		p = NewProvider(func(ref Ref) int { w.step(); return Watch(ref, q) }, Name("p"))
		q = NewProvider(func(ref Ref) int { return Watch(ref, r) }, Name("q"))
		r = NewProvider(func(ref Ref) int { w.step(); return Watch(ref, p) }, Name("r"))
		w.run("A", func() { isCycle(isPanic(func() { Read(c, p) })) })
		w.run("B", func() { isCycle(isPanic(func() { Read(c, q) })) })
		w.run("C", func() { isCycle(isPanic(func() { Read(c, r) })) })
	}
	w.quiet(nil)
}

type tallied struct {
	AsyncNotifier[int]
	w     *world
	begun *int
}

func (n *tallied) Build(ctx context.Context, ref Ref) (int, error) {
	*n.begun++
	n.w.step()
	return *n.begun * 100, nil
}

// Updates of an asynchronous notifier against an invalidation: they come one after the
// other, and one whose build was replaced is dropped and says so.
func updates(w *world) {
	c := w.container()
	begun, inside := 0, 0
	p := NewAsyncNotifierProvider(func() *tallied { return &tallied{w: w, begun: &begun} })
	w.first(func() { Listen(c, p, nil); _, _ = Resolve(context.Background(), c, p) })
	kept := map[int]int{} // by the hundred of their build
	add := func() {
		v, err := p.Notifier(c).Update(context.Background(), func(v int) (int, error) {
			defer w.alone(&inside, "updates")()
			return v + 1, nil
		})
		switch {
		case err == nil:
			kept[v/100]++
		case !errors.Is(err, ErrInvalidated):
			w.failf("Update: %v", err)
		}
	}
	w.run("A", add)
	w.run("B", add)
	w.run("C", func() { c.Invalidate(p) })
	w.quiet(func() {
		if v, err := Read(c, p).Result(); err != nil || v != begun*100+kept[begun] {
			w.failf("at rest it is %d, %v, with %d builds and %v updates", v, err, begun, kept)
		}
	})
}
