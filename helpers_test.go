package weir_test

// This file holds what the rule tests share: watchdogs, bubbles of fake time, traces of what ran, containers that clean up after
// themselves, and the table of provider kinds. It asserts no rule of its own.

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

const (
	// patience is how long one step may take before a watchdog calls it a hang: real time, or fake time inside a bubble.
	patience = 20 * time.Second
	// delay is how long standby lasts unless a test says otherwise.
	delay = weir.DefaultDisposeDelay
)

var errBoom = errors.New("boom")

// ---- watchdogs and bubbles

// guard runs the body of a test on a goroutine of its own, in real time: a hang or a panic fails this test and no other. Tests
// under guard synchronise with handshake channels only.
func guard(t *testing.T, body func(t *testing.T)) {
	t.Helper()
	watchdog(t, func() { body(t) })
}

// bubble is guard with fake time: timers fire at once when everything is blocked, and a goroutine left over fails the test.
func bubble(t *testing.T, body func(t *testing.T)) {
	t.Helper()
	watchdog(t, func() {
		synctest.Test(t, func(t *testing.T) {
			defer failOnPanic(t)
			body(t)
		})
	})
}

// needsPreemption skips, where there is one thread and no preemption, a test in which a goroutine goes on and on without
// ever waiting for anything: no other would run again, a watchdog neither.
func needsPreemption(t *testing.T) {
	t.Helper()
	if runtime.GOARCH == "wasm" {
		t.Skip("wasm has one thread and no preemption: a goroutine of this test that never waits would keep all others from running")
	}
}

func watchdog(t *testing.T, fn func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer failOnPanic(t)
		fn()
	}()
	select {
	case <-done:
	case <-time.After(3 * patience):
		t.Fatalf("watchdog: the test hangs\n%s", stacks())
	}
}

func failOnPanic(t *testing.T) {
	if v := recover(); v != nil {
		t.Errorf("panic: %v\n%s", v, debug.Stack())
	}
}

// await receives from ch; when nothing comes in time the test ends there.
func await[T any](t *testing.T, what string, ch <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-ch:
	case <-time.After(patience):
		t.Fatalf("watchdog: nothing came: %s\n%s", what, stacks())
	}
	return v
}

// async runs fn on a goroutine of its own and closes the returned channel when it has returned, panicked or left by Goexit.
func async(t *testing.T, fn func()) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer failOnPanic(t)
		fn()
	}()
	return done
}

// within runs fn on a goroutine of its own and ends the test when it has not returned in time.
func within(t *testing.T, what string, fn func()) {
	t.Helper()
	await(t, what, async(t, fn))
}

// settle lets everything in a bubble come to rest.
func settle() { synctest.Wait() }

// pass lets fake time pass and everything come to rest.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// gone lets so much time pass that whatever may be disposed is.
func gone() { pass(2*delay + time.Millisecond) }

func stacks() string {
	buf := make([]byte, 1<<18)
	return string(buf[:runtime.Stack(buf, true)])
}

// ---- containers

// newContainer makes a container that fails the test when its panic handler is told anything, and is shut down with the test.
func newContainer(t *testing.T, opts ...weir.ContainerOption) *weir.Container {
	t.Helper()
	return bareContainer(t, append(opts, weir.WithPanicHandler(func(p *weir.PanicError) {
		t.Errorf("the panic handler was told: %v", p)
	}))...)
}

// toldContainer makes a container whose panic handler only records what it is told.
func toldContainer(t *testing.T, opts ...weir.ContainerOption) (*weir.Container, *told) {
	t.Helper()
	r := new(told)
	return bareContainer(t, append(opts, weir.WithPanicHandler(r.add))...), r
}

// bareContainer makes a container without a panic handler, shut down with the test.
func bareContainer(t *testing.T, opts ...weir.ContainerOption) *weir.Container {
	t.Helper()
	c := weir.NewContainer(opts...)
	t.Cleanup(func() {
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer func() { _ = recover() }() // a test that provokes panics has looked at them already
			ctx, cancel := context.WithTimeout(context.Background(), patience/2)
			defer cancel()
			if err := c.Shutdown(ctx); errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Shutdown at the end of the test: %v", err)
			}
		}()
		select {
		case <-done:
		case <-time.After(patience):
			t.Errorf("watchdog: Shutdown at the end of the test ignores its context\n%s", stacks())
		}
	})
	return c
}

// told is what a panic handler was told.
type told struct {
	mu  sync.Mutex
	all []*weir.PanicError
}

func (r *told) add(p *weir.PanicError) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, p)
}

func (r *told) take() []*weir.PanicError {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.all
	r.all = nil
	return all
}

// values are the recovered values, as text.
func (r *told) values() (vs []string) {
	for _, p := range r.take() {
		vs = append(vs, fmt.Sprint(p.Value))
	}
	return vs
}

// flush waits until what was queued has been delivered, and what that delivery queued in turn (Flush promises only the former).
func flush(t *testing.T, c *weir.Container) {
	t.Helper()
	for range 4 {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		err := c.Flush(ctx)
		cancel()
		require.NoError(t, err, "Flush")
	}
}

// usable fails the test unless the container still builds, propagates, delivers and disposes: what a misuse or a panic must leave
// behind.
func usable(t *testing.T, c *weir.Container) {
	t.Helper()
	within(t, "a container that is still usable", func() {
		n := weir.NewStateProvider(func(weir.Ref) int { return 1 })
		disposed := 0
		double := weir.NewProvider(func(ref weir.Ref) int {
			ref.OnDispose(func() { disposed++ })
			return 2 * weir.Watch(ref, n)
		}, weir.DisposeDelay(0))
		var heard []int
		s := weir.Listen(c, double, func(_, next int) { heard = append(heard, next) })
		n.Set(c, 2)
		flush(t, c)
		s.Close()
		flush(t, c)
		if !slices.Equal(heard, []int{4}) || disposed != 2 {
			t.Errorf("afterwards the container delivered %v (want [4]) and disposed of %d builds (want 2)", heard, disposed)
		}
		v, err := weir.Resolve(context.Background(), c, weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) { return 7, nil }))
		if v != 7 || err != nil {
			t.Errorf("afterwards Resolve gave %v, %v, want 7", v, err)
		}
	})
}

// elements counts the elements that Snapshot lists.
func elements(c *weir.Container) int { return len(c.Snapshot().Elements) }

// info is what Snapshot says of the provider of that name.
func info(t *testing.T, c *weir.Container, name string) weir.ElementInfo {
	t.Helper()
	for _, e := range c.Snapshot().Elements {
		if e.Name == name {
			return e
		}
	}
	t.Fatalf("Snapshot does not list %q: %v", name, c.Snapshot())
	return weir.ElementInfo{}
}

// ---- panics

// recovered returns what fn panics with, nil when it does not.
func recovered(fn func()) (v any) {
	defer func() { v = recover() }()
	fn()
	return nil
}

// asError makes an error of a recovered value.
func asError(v any) error {
	switch v := v.(type) {
	case nil:
		return nil
	case error:
		return v
	default:
		return fmt.Errorf("panic: %v", v)
	}
}

// isUsage fails the test unless err carries a *UsageError whose text contains all of says: the provider's name and the fix.
func isUsage(t *testing.T, what string, err error, says ...string) {
	t.Helper()
	var u *weir.UsageError
	if !errors.As(err, &u) {
		t.Errorf("%s: got %v (%T), want a *UsageError", what, err, err)
		return
	}
	for _, s := range says {
		if !strings.Contains(u.Error(), s) {
			t.Errorf("%s: the *UsageError says %q, want it to mention %q", what, u.Error(), s)
		}
	}
}

// misuse fails the test unless fn panics with such a *UsageError.
func misuse(t *testing.T, what string, fn func(), says ...string) {
	t.Helper()
	within(t, what, func() { isUsage(t, what, asError(recovered(fn)), says...) })
}

// isCycle fails the test unless err carries a *CycleError whose path has all of names.
func isCycle(t *testing.T, what string, err error, names ...string) {
	t.Helper()
	var cyc *weir.CycleError
	if !errors.As(err, &cyc) {
		t.Errorf("%s: got %v (%T), want a *CycleError", what, err, err)
		return
	}
	for _, n := range names {
		if !slices.Contains(cyc.Path, n) {
			t.Errorf("%s: the path of the *CycleError is %v, want %q in it", what, cyc.Path, n)
		}
	}
}

func isCycleError(err error) bool {
	var cyc *weir.CycleError
	return errors.As(err, &cyc)
}

// ---- async values

// show writes an AsyncValue down by what its methods say: "loading", "data 1", "failed boom", "failed boom was 1", "refreshing 1",
// "reloading boom was 1", "loading 50%".
func show[T any](v weir.AsyncValue[T]) string {
	var words []string
	switch {
	case v.IsRefreshing():
		words = append(words, "refreshing")
	case v.IsReloading():
		words = append(words, "reloading")
	case v.IsLoading():
		words = append(words, "loading")
	case v.HasError():
		words = append(words, "failed")
	case v.HasValue():
		words = append(words, "data")
	}
	if v.HasError() {
		words = append(words, v.Err().Error())
		if v.HasValue() {
			words = append(words, "was")
		}
	}
	if value, ok := v.Value(); ok {
		words = append(words, fmt.Sprint(value))
	}
	if f, ok := v.Progress(); ok {
		words = append(words, fmt.Sprintf("%.0f%%", 100*f))
	}
	return strings.Join(words, " ")
}

// isData fails the test unless v is that value, at rest.
func isData[T any](t *testing.T, want T, v weir.AsyncValue[T]) {
	t.Helper()
	require.Equal(t, fmt.Sprint("data ", want), show(v))
}

// ---- traces

// trace is a list of what happened, written from any goroutine.
type trace struct {
	mu  sync.Mutex
	got []string
}

func (l *trace) add(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.got = append(l.got, fmt.Sprintf(format, args...))
}

// on returns a hook that records what.
func (l *trace) on(what string) func() { return func() { l.add("%s", what) } }

// hooks registers the hooks of a ref that every test wants to see (OnCancel and OnResume for AutoDispose providers only).
func (l *trace) hooks(ref weir.Ref, prefix string, autoDispose bool) {
	if autoDispose {
		ref.OnCancel(l.on(prefix + "cancel"))
		ref.OnResume(l.on(prefix + "resume"))
	}
	ref.OnAddListener(l.on(prefix + "add"))
	ref.OnRemoveListener(l.on(prefix + "remove"))
	ref.OnDispose(l.on(prefix + "dispose"))
}

// take returns what happened since the last take.
func (l *trace) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	got := l.got
	l.got = nil
	return got
}

func (l *trace) peek() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.got)
}

// want compares what happened since the last take, in order.
func (l *trace) want(t *testing.T, when string, want ...string) {
	t.Helper()
	if got := l.take(); !slices.Equal(got, want) {
		t.Errorf("%s: got [%s], want [%s]", when, strings.Join(got, " "), strings.Join(want, " "))
	}
}

// wantSet is want in any order.
func (l *trace) wantSet(t *testing.T, when string, want ...string) {
	t.Helper()
	got := l.take()
	if !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
		t.Errorf("%s: got [%s], want in any order [%s]", when, strings.Join(got, " "), strings.Join(want, " "))
	}
}

// inOrder fails the test unless want appears in list in this order, whatever lies between.
func inOrder(t *testing.T, list []string, want ...string) {
	t.Helper()
	rest := list
	for _, w := range want {
		i := slices.Index(rest, w)
		if i < 0 {
			t.Errorf("got [%s], want in this order [%s]", strings.Join(list, " "), strings.Join(want, " "))
			return
		}
		rest = rest[i+1:]
	}
}

func count(list []string, what string) (n int) {
	for _, s := range list {
		if s == what {
			n++
		}
	}
	return n
}
