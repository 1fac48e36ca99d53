package weirtest

// This file holds what the tests share: a test that is watched from outside, and the two
// worlds, real time and a bubble, that each of them runs in.

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// soon is the patience of tests in real time that run out of it.
const soon = 50 * time.Millisecond

// fakeTB is a test that fails without failing the one it is part of.
type fakeTB struct {
	testing.TB
	mu       sync.Mutex
	errors   []string
	logs     []string
	ended    bool // by FailNow
	skipped  bool
	cleanups []func()
}

func (f *fakeTB) Helper() {}

func (f *fakeTB) Errorf(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.errors = append(f.errors, fmt.Sprintf(format, args...))
}

func (f *fakeTB) Fatalf(format string, args ...any) {
	f.Errorf(format, args...)
	f.FailNow()
}

func (f *fakeTB) FailNow() {
	f.mu.Lock()
	f.ended = true
	f.mu.Unlock()
	runtime.Goexit()
}

func (f *fakeTB) SkipNow() {
	f.mu.Lock()
	f.skipped = true
	f.mu.Unlock()
	runtime.Goexit()
}

func (f *fakeTB) Logf(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.logs = append(f.logs, fmt.Sprintf(format, args...))
}

func (f *fakeTB) Failed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ended || len(f.errors) > 0
}

func (f *fakeTB) Skipped() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.skipped
}

func (f *fakeTB) Cleanup(fn func()) { f.cleanups = append(f.cleanups, fn) }

// body runs the body of the test, which may end its goroutine.
func (f *fakeTB) body(body func(t testing.TB)) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		body(f)
	}()
	<-done
}

// end runs the cleanups, last first.
func (f *fakeTB) end() {
	for len(f.cleanups) > 0 {
		fn := f.cleanups[len(f.cleanups)-1]
		f.cleanups = f.cleanups[:len(f.cleanups)-1]
		fn()
	}
}

// outcome runs body as a test of its own and returns what it was failed for.
func outcome(t *testing.T, body func(t testing.TB)) *fakeTB {
	f := &fakeTB{TB: t}
	f.body(body)
	f.end()
	return f
}

// passes requires that nothing was found.
func (f *fakeTB) passes(t *testing.T) {
	t.Helper()
	require.Empty(t, f.errors)
	require.False(t, f.ended)
}

// failsWith requires one failure with each of the given texts in it.
func (f *fakeTB) failsWith(t *testing.T, texts ...string) {
	t.Helper()
	require.Len(t, f.errors, 1, "%s", strings.Join(f.errors, "\n"))
	for _, text := range texts {
		require.Contains(t, f.errors[0], text)
	}
}

// both runs a test in real time and in a bubble.
func both(t *testing.T, test func(t *testing.T)) {
	t.Run("real", test)
	t.Run("bubble", func(t *testing.T) { synctest.Test(t, test) })
}
