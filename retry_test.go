package weir_test

// This file holds retries (A6): when they come, what shows meanwhile, what is never retried, and what stops them. Policies that
// misbehave and scenarios of Riverpod's are here too.

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// eachRetrying runs a case over the kinds that retry: those with an AsyncValue.
func eachRetrying(t *testing.T, body func(t *testing.T, k scenarioKind)) {
	t.Helper()
	eachScenarioKindThat(t, func(k scenarioKind) bool { return !k.raises }, body)
}

// tally is a counter for builds in a bubble, whose timers the race detector does not see as synchronisation.
type tally struct{ n atomic.Int64 }

func (c *tally) inc() int { return int(c.n.Add(1)) }
func (c *tally) get() int { return int(c.n.Load()) }

// every is a policy of n retries, each after d.
func every(d time.Duration, n int) weir.RetryPolicy {
	return func(attempt int, _ error) (time.Duration, bool) { return d, attempt < n }
}

func TestS257_TheDefaultPolicyDoublesItsDelay(t *testing.T) {
	// Riverpod retries everything by default; Weir when it is told to.
	eachRetrying(t, func(t *testing.T, k scenarioKind) {
		var builds tally
		p := k.makeErr(func(weir.Ref) (int, error) { builds.inc(); return 0, errBoom }, weir.Retry(weir.DefaultRetry))
		c := newContainer(t)
		s := p.listen(c)
		settle()
		require.Equal(t, 1, builds.get())
		for i, ms := range []int{200, 400, 800, 1600, 3200, 6400, 6400, 6400, 6400, 6400} {
			d := time.Duration(ms) * time.Millisecond
			pass(d - 10*time.Millisecond)
			require.Equal(t, i+1, builds.get(), "10 ms before retry %d is due", i+1)
			require.NotContains(t, p.readAs(c), "failed")
			pass(10 * time.Millisecond)
			require.Equal(t, i+2, builds.get(), "when retry %d is due", i+1)
		}
		require.Equal(t, "failed boom", p.readAs(c))
		s.Close()
	})
}

func TestS258_TheDefaultPolicyGivesUpAfterTenRetries(t *testing.T) {
	eachRetrying(t, func(t *testing.T, k scenarioKind) {
		var builds tally
		p := k.makeErr(func(weir.Ref) (int, error) { builds.inc(); return 0, errBoom }, weir.Retry(weir.DefaultRetry))
		c := newContainer(t)
		s := p.listen(c)
		pass(10 * time.Hour)
		require.Equal(t, 11, builds.get())
		s.Close()
	})
}

func TestA6RetryIsOptIn(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		var builds tally
		p := k.makeErr(func(weir.Ref) (int, error) { builds.inc(); return 0, errBoom })
		c := newContainer(t)
		s := p.listen(c)
		pass(time.Hour)
		require.Equal(t, 1, builds.get())
		s.Close()
	})
}

func TestS261_APolicyThatSaysNoStopsAtOnce(t *testing.T) {
	eachRetrying(t, func(t *testing.T, k scenarioKind) {
		var l trace
		p := k.makeErr(func(weir.Ref) (int, error) { l.add("build"); return 0, errBoom },
			weir.Retry(func(attempt int, err error) (time.Duration, bool) {
				l.add("asked %d %v", attempt, err)
				return time.Second, false
			}))
		c := newContainer(t)
		s := p.listen(c)
		pass(100 * time.Second)
		l.want(t, "after 100 s", "build", "asked 0 boom")
		require.Equal(t, "failed boom", p.readAs(c))
		s.Close()
	})
}

func TestS262_ThePolicyGetsTheAttemptAndTheError(t *testing.T) {
	eachRetrying(t, func(t *testing.T, k scenarioKind) {
		var l trace
		var n tally
		p := k.makeErr(func(weir.Ref) (int, error) { return 0, fmt.Errorf("e%d", n.inc()) },
			weir.Retry(func(attempt int, err error) (time.Duration, bool) {
				l.add("%d %v", attempt, err)
				return time.Second, attempt < 3
			}))
		c := newContainer(t)
		s := p.listen(c)
		pass(2500 * time.Millisecond)
		l.want(t, "three failures", "0 e1", "1 e2", "2 e3")
		c.InvalidateAsReload(p.id)
		pass(1500 * time.Millisecond)
		l.want(t, "from 0 again after a reload", "0 e4", "1 e5")
		// Riverpod's counter goes on after a refresh; Weir's begins again after every invalidation by hand.
		c.Invalidate(p.id)
		pass(time.Hour)
		l.want(t, "from 0 again after an invalidation", "0 e6", "1 e7", "2 e8", "3 e9")
		s.Close()
	})
}

func TestA6TheCounterResetsOnSuccessAndOnAChangedDependency(t *testing.T) {
	eachRetrying(t, func(t *testing.T, k scenarioKind) {
		var l trace
		dep := scenarioNumber(0)
		var fails atomic.Bool
		fails.Store(true)
		p := k.makeErr(func(ref weir.Ref) (int, error) {
			weir.Watch(ref, dep)
			if fails.Load() {
				return 0, errBoom
			}
			return 1, nil
		}, weir.Retry(func(attempt int, err error) (time.Duration, bool) { l.add("%d", attempt); return time.Second, true }))
		c := newContainer(t)
		s := p.listen(c)
		pass(1500 * time.Millisecond)
		l.want(t, "at first", "0", "1")
		dep.Set(c, 1)
		pass(1500 * time.Millisecond)
		l.want(t, "after a reload", "0", "1")
		fails.Store(false)
		pass(2 * time.Second)
		l.want(t, "success")
		require.Equal(t, "data 1", p.readAs(c))
		fails.Store(true)
		p.refresh(c)
		pass(1500 * time.Millisecond)
		l.want(t, "after a success", "0", "1")
		s.Close()
	})
}

func TestS264_APolicyThatFailsStopsTheRetries(t *testing.T) {
	for name, bad := range map[string]struct {
		policy weir.RetryPolicy
		told   bool
	}{
		"panics":   {func(int, error) (time.Duration, bool) { panic("bad policy") }, true},
		"negative": {func(int, error) (time.Duration, bool) { return -1, true }, true},
		"no":       {func(int, error) (time.Duration, bool) { return -1, false }, false},
	} {
		t.Run(name, func(t *testing.T) {
			eachRetrying(t, func(t *testing.T, k scenarioKind) {
				var l trace
				var builds tally
				p := k.makeErr(func(weir.Ref) (int, error) { builds.inc(); return 0, errBoom }, weir.Retry(bad.policy))
				c, told := toldContainer(t)
				s := p.hearAs(c, func(_, next string) { l.add("%s", next) })
				pass(time.Hour)
				require.Equal(t, 1, builds.get())
				require.Equal(t, "failed boom", p.readAs(c), "the error is the build's own")
				if got := told.take(); (len(got) == 1) != bad.told || len(got) > 1 {
					t.Errorf("the panic handler was told %v", got)
				} else if name == "negative" {
					isUsage(t, "a negative delay", got[0], "negative")
				}
				if k.async {
					l.want(t, "the listener", "failed boom")
				}
				_, err := p.resolve(t.Context(), c)
				require.ErrorIs(t, err, errBoom)
				s.Close()
				usable(t, c)
			})
		})
	}
}

func TestA6APolicyThatLeavesByGoexitStopsTheRetries(t *testing.T) {
	// t.FailNow in a policy must not leave those who wait for the build waiting.
	eachScenarioKindThat(t, func(k scenarioKind) bool { return k.async }, func(t *testing.T, k scenarioKind) {
		var l trace
		var builds tally
		p := k.makeErr(func(weir.Ref) (int, error) { builds.inc(); return 0, errBoom },
			weir.Retry(func(int, error) (time.Duration, bool) { runtime.Goexit(); return 0, true }))
		c, _ := toldContainer(t)
		s := p.hearAs(c, func(_, next string) { l.add("%s", next) })
		pass(time.Hour)
		l.want(t, "the listener", "failed boom")
		require.Equal(t, 1, builds.get())
		require.Equal(t, "failed boom", p.readAs(c), "the error is the build's own")
		s.Close()
		usable(t, c)
	})
}

func TestS265_AProvidersPolicyGoesBeforeTheContainers(t *testing.T) {
	eachRetrying(t, func(t *testing.T, k scenarioKind) {
		var l trace
		policy := func(name string) weir.RetryPolicy {
			return func(attempt int, _ error) (time.Duration, bool) {
				l.add("%s %d", name, attempt)
				return time.Second, attempt < 1
			}
		}
		c := newContainer(t, weir.WithRetry(policy("container")))
		own := k.makeErr(func(weir.Ref) (int, error) { return 0, errBoom }, weir.Retry(policy("own")))
		without := k.makeErr(func(weir.Ref) (int, error) { return 0, errBoom })
		s := own.listen(c)
		pass(time.Minute)
		l.want(t, "with one of its own", "own 0", "own 1")
		s.Close()
		s = without.listen(c)
		pass(time.Minute)
		l.want(t, "without", "container 0", "container 1")
		s.Close()
	})
}

func TestA6AChildHasItsParentsPolicyOrItsOwn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var l trace
		policy := func(name string) weir.RetryPolicy {
			return func(int, error) (time.Duration, bool) { l.add("%s", name); return 0, false }
		}
		p := weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) { return 0, errBoom }, weir.Scoped())
		again := p.OverrideWith(func(context.Context, weir.Ref) (int, error) { return 0, errBoom })
		root := newContainer(t, weir.WithRetry(policy("root")))
		plain := weir.NewContainer(weir.WithParent(root), again)
		own := weir.NewContainer(weir.WithParent(root), weir.WithRetry(policy("own")), again)
		for _, c := range []*weir.Container{plain, own, root} {
			_, err := weir.Resolve(t.Context(), c, p)
			require.ErrorIs(t, err, errBoom)
		}
		l.want(t, "in that order", "root", "own", "root")
	})
}

func TestS267_DisposalCancelsThePendingRetry(t *testing.T) {
	for name, end := range map[string]func(c *weir.Container, p scenarioRig, s sub){
		"unused": func(c *weir.Container, p scenarioRig, s sub) { s.Close(); c.DisposeUnused() },
		"closed": func(c *weir.Container, p scenarioRig, s sub) { c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			eachAutoKind(t, func(t *testing.T, k scenarioKind) {
				if k.raises {
					return
				}
				var builds tally
				p := k.makeErr(func(weir.Ref) (int, error) { builds.inc(); return 0, errBoom }, weir.Retry(every(time.Second, 100)))
				c := newContainer(t)
				s := p.listen(c)
				pass(1500 * time.Millisecond)
				require.Equal(t, 2, builds.get())
				end(c, p, s)
				pass(time.Hour)
				require.Equal(t, 2, builds.get())
			})
		})
	}
}

func TestS268_AnErrorOfABuildThatIsOverIsNeverRetried(t *testing.T) {
	eachScenarioKindThat(t, func(k scenarioKind) bool { return k.async && k.auto }, func(t *testing.T, k scenarioKind) {
		var l trace
		p := k.makeErr(func(ref weir.Ref) (int, error) {
			l.add("build")
			<-ref.Context().Done()
			return 0, errBoom
		}, weir.DisposeDelay(0), weir.Retry(func(int, error) (time.Duration, bool) { l.add("asked"); return time.Second, true }))
		c := newContainer(t)
		s := p.listen(c)
		settle()
		s.Close()
		pass(time.Hour)
		l.want(t, "disposed", "build")
		s = p.listen(c)
		settle()
		p.cancel(c, nil)
		pass(time.Hour)
		l.want(t, "cancelled", "build")
		c.Invalidate(p.id)
		settle()
		l.take()
		c.Close()
		pass(time.Hour)
		l.want(t, "closed")
		s.Close()
	})
}

func TestS271_TheOldValueSurvivesRetries(t *testing.T) {
	eachScenarioKindThat(t, func(k scenarioKind) bool { return k.async }, func(t *testing.T, k scenarioKind) {
		var l trace
		results := []error{nil, errors.New("foo"), errors.New("bar"), errors.New("baz")}
		var n tally
		p := k.makeErr(func(weir.Ref) (int, error) {
			later()
			return 42, results[n.inc()-1]
		}, weir.Retry(every(time.Second, 2)))
		c := newContainer(t)
		s := p.hearAs(c, func(prev, next string) { l.add("%s > %s", prev, next) })
		pass(time.Hour)
		l.want(t, "at first", "loading > data 42")
		c.Invalidate(p.id)
		pass(500 * time.Millisecond)
		l.want(t, "the first failure", "data 42 > refreshing 42", "refreshing 42 > loading foo was 42")
		pass(time.Second)
		l.want(t, "the second", "loading foo was 42 > loading bar was 42")
		pass(time.Second)
		l.want(t, "the last", "loading bar was 42 > failed baz was 42")
		s.Close()
	})
}

func TestA6WhileARetryIsPendingItIsLoadingWithTheErrorBeside(t *testing.T) {
	eachRetrying(t, func(t *testing.T, k scenarioKind) {
		var n tally
		p := k.makeErr(func(weir.Ref) (int, error) {
			if n.inc() < 3 {
				return 0, errBoom
			}
			return 7, nil
		}, weir.Retry(every(time.Second, 5)))
		c := newContainer(t)
		s := p.listen(c)
		settle()
		require.Equal(t, "loading boom", p.readAs(c))
		var dependent tally
		d := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
			dependent.inc()
			v, err := p.await(ref)
			return v + 1, err
		})
		ds := weir.Listen(c, d, nil)
		began := time.Now()
		v, err := p.resolve(t.Context(), c)
		require.NoError(t, err, "Resolve goes on waiting")
		require.Equal(t, 7, v)
		require.Equal(t, 2*time.Second, time.Since(began))
		settle()
		isData(t, 8, ds.Read())
		require.Equal(t, 1, dependent.get(), "an Await never sees the failures in between (D-08)")
		require.Equal(t, "data 7", p.readAs(c))
		s.Close()
	})
}

func TestA6IsRetryingAndWhen(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := weir.NewTryProvider(func(weir.Ref) (int, error) { return 0, errBoom }, weir.Retry(every(time.Second, 1)))
		c := newContainer(t)
		s := weir.Listen(c, p, nil)
		v := s.Read()
		if !v.IsRetrying() || !v.IsLoading() || !v.HasError() || v.IsRefreshing() || v.IsReloading() {
			t.Errorf("pending: %v", v)
		}
		require.Equal(t, "loading", weir.When(v, strconv.Itoa, error.Error, func() string { return "loading" }))
		pass(time.Second)
		if v = s.Read(); v.IsRetrying() || v.IsLoading() || !v.HasError() {
			t.Errorf("given up: %v", v)
		}
		require.Equal(t, "boom", weir.When(v, strconv.Itoa, error.Error, func() string { return "loading" }))
	})
}

func TestS272_AnErrorSetByHandIsNeverRetried(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var l trace
		p := weir.NewAsyncNotifierProvider(func() *noteAsync {
			return &noteAsync{build: func(context.Context, weir.Ref, *noteAsync) (int, error) { l.add("build"); return 1, nil }}
		}, weir.Retry(func(int, error) (time.Duration, bool) { l.add("asked"); return time.Second, true }))
		q := weir.NewStreamNotifierProvider(func() *noteStream {
			return &noteStream{build: func(_ context.Context, _ weir.Ref, emit emitFunc) error { l.add("build"); emit(1); return nil }}
		}, weir.Retry(func(int, error) (time.Duration, bool) { l.add("asked"); return time.Second, true }))
		c := newContainer(t)
		s, r := weir.Listen(c, p, nil), weir.Listen(c, q, nil)
		settle()
		p.Notifier(c).Set(weir.Failed[int](errBoom))
		q.Notifier(c).Set(weir.Failed[int](errBoom))
		pass(time.Hour)
		l.want(t, "an hour later", "build", "build")
		require.Equal(t, "failed boom was 1", show(s.Read()))
		require.Equal(t, "failed boom was 1", show(r.Read()))
	})
}
