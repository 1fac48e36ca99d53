package weir_test

// This file holds retries that do not happen: on standby, after panics, cycles and misuse, and what Backoff refuses (A6, D12).

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestA6PanicsCyclesAndMisuseAreNeverRetried(t *testing.T) {
	for name, fail := range map[string]func(ref weir.Ref, self *scenarioRig) (int, error){
		"panic":         func(weir.Ref, *scenarioRig) (int, error) { panic("p") },
		"cycle":         func(ref weir.Ref, self *scenarioRig) (int, error) { return self.await(ref) },
		"misuse":        func(ref weir.Ref, self *scenarioRig) (int, error) { ref.SetProgress(math.NaN()); return 0, nil },
		"a cycle below": func(ref weir.Ref, self *scenarioRig) (int, error) { return 0, fmt.Errorf("x: %w", &weir.CycleError{}) },
	} {
		t.Run(name, func(t *testing.T) {
			eachRetrying(t, func(t *testing.T, k scenarioKind) {
				var l trace
				var p scenarioRig
				p = k.makeErr(func(ref weir.Ref) (int, error) { l.add("build"); return fail(ref, &p) },
					weir.Retry(func(int, error) (time.Duration, bool) { l.add("asked"); return time.Second, true }))
				c, _ := toldContainer(t)
				s := p.listen(c, weir.OnError(func(error) {}))
				pass(time.Hour)
				l.want(t, "an hour later", "build")
				require.Error(t, p.err(c))
				s.Close()
			})
		})
	}
}

func TestA6NoRetryOnStandby(t *testing.T) {
	eachRetrying(t, func(t *testing.T, k scenarioKind) {
		if k.auto {
			k.opts = append(k.opts, weir.DisposeDelay(100*time.Hour))
		}
		var l trace
		p := k.makeErr(func(weir.Ref) (int, error) { l.add("build"); return 0, errBoom }, weir.Retry(every(time.Second, 100)))
		c := newContainer(t)
		s := p.listen(c)
		pass(1500 * time.Millisecond)
		l.want(t, "active", "build", "build")
		s.Close()
		pass(time.Hour)
		l.want(t, "on standby")
		require.Equal(t, "loading boom", p.readAs(c))
		pass(time.Hour)
		l.want(t, "a Read is no listener")
		s = p.listen(c)
		settle()
		l.want(t, "it was due, and there is a listener", "build")
		s.Pause()
		pass(time.Hour)
		l.want(t, "paused")
		s.Resume()
		settle()
		l.want(t, "resumed", "build")
		s.Close()
	})
}

func TestA6AListenerThatReturnsEarlyDoesNotShortenTheDelay(t *testing.T) {
	eachRetrying(t, func(t *testing.T, k scenarioKind) {
		if k.auto {
			k.opts = append(k.opts, weir.DisposeDelay(100*time.Hour))
		}
		var l trace
		p := k.makeErr(func(weir.Ref) (int, error) { l.add("build"); return 0, errBoom }, weir.Retry(every(time.Minute, 100)))
		c := newContainer(t)
		s := p.listen(c)
		settle()
		s.Close()
		pass(10 * time.Second)
		s = p.listen(c)
		pass(49 * time.Second)
		l.want(t, "59 s", "build")
		pass(time.Second)
		l.want(t, "60 s", "build")
		s.Close()
	})
}

func TestD12TheDependentsPolicyRetriesAnAwaitedError(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var l trace
		source := weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) { l.add("source"); return 0, errBoom })
		p := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) { l.add("dependent"); return weir.Await(ref, source) },
			weir.Retry(every(time.Second, 2)))
		c := newContainer(t)
		s := weir.Listen(c, p, nil)
		pass(time.Hour)
		if got := l.take(); !slices.Equal(got, []string{"dependent", "source", "dependent", "dependent"}) {
			t.Errorf("got %v: the dependent is retried, the source, which has no policy, is not built again", got)
		}
		require.Equal(t, "failed boom", show(s.Read()))
	})
}

func TestA6Backoff(t *testing.T) {
	p := weir.Backoff(time.Second, 5*time.Second, 5)
	for i, want := range []time.Duration{1, 2, 4, 5, 5} {
		d, ok := p(i, errBoom)
		if d != want*time.Second || !ok {
			t.Errorf("attempt %d: %v, %v", i, d, ok)
		}
	}
	if _, ok := p(5, errBoom); ok {
		t.Error("a sixth attempt")
	}
	if d, ok := weir.Backoff(time.Second, math.MaxInt64, math.MaxInt)(1000, errBoom); d <= 0 || !ok {
		t.Errorf("attempt 1000 is after %v: it overflows", d)
	}
	for _, bad := range []func(){
		func() { weir.Backoff(0, time.Second, 1) },
		func() { weir.Backoff(-1, time.Second, 1) },
		func() { weir.Backoff(time.Second, time.Millisecond, 1) },
		func() { weir.Backoff(time.Second, time.Second, -1) },
		func() { weir.Retry(nil) },
		func() { weir.WithRetry(nil) },
	} {
		misuse(t, "a bad policy", bad)
	}
}
