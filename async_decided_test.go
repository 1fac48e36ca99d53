package weir_test

// This file holds the decided edge cases (D3, D8, D9, D11 to D15) over all kinds, where no other test does, and odd combinations of
// retries, timeouts, cancels, updates and streams.

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestD3TheHooksOfAnAsyncBuildSeeTheListenersThatComeAfterThem(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		var l trace
		p := k.make(func(ref weir.Ref) int { laterIfAsync(k); ref.OnAddListener(l.on("add")); return 1 })
		c := newContainer(t)
		a := p.listen(c)
		pass(time.Second)
		if k.async {
			l.want(t, "the listener was there before the hook")
		} else {
			l.want(t, "its arrival made the build", "add")
		}
		b := p.listen(c)
		settle()
		l.want(t, "another", "add")
		a.Close()
		b.Close()
	})
}

func TestD8LoadingAfterLoadingForEveryKind(t *testing.T) {
	eachAsync(t, func(t *testing.T, k scenarioKind) {
		var l trace
		dep := scenarioNumber(0)
		p := k.make(func(ref weir.Ref) int { v := weir.Watch(ref, dep); time.Sleep(time.Second); return v })
		c := newContainer(t)
		s := l.hears(c, p)
		settle()
		for range 3 {
			c.Invalidate(p.id)
			settle()
			require.Equal(t, "loading", p.readAs(c), "a first load stays one")
		}
		dep.Set(c, 1)
		settle()
		require.Equal(t, "loading", p.readAs(c))
		l.want(t, "nobody is told")
		pass(10 * time.Second)
		l.want(t, "the result", "loading > data 1")
		dep.Set(c, 2)
		settle()
		for range 3 {
			c.Invalidate(p.id)
			settle()
			require.Equal(t, "reloading 1", p.readAs(c), "a reload stays one")
		}
		pass(10 * time.Second)
		l.want(t, "once each", "data 1 > reloading 1", "reloading 1 > data 2")
		s.Close()
	})
}

func TestD9SetProgressForEveryKind(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		var l trace
		var old weir.Ref
		p := k.make(func(ref weir.Ref) int {
			old = ref
			for _, f := range []float64{-1, 0.5, 0.5, 2} {
				laterIfAsync(k)
				ref.SetProgress(f)
			}
			laterIfAsync(k)
			return 1
		})
		c := newContainer(t)
		s := l.hears(c, p)
		pass(time.Second)
		if k.async {
			l.want(t, "clamped", "loading > loading 0%", "loading 0% > loading 50%", "loading 50% > loading 100%", "loading 100% > data 1")
		} else {
			l.want(t, "there is no loading to show it beside")
		}
		old.SetProgress(0.7)
		settle()
		require.Equal(t, "data 1", p.readAs(c), "after the result it does nothing")
		s.Close()
	})
}

func TestD14AFailingFirstBuildForEveryKind(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		var l trace
		var fails tally
		dep := scenarioNumber(0)
		p := k.makeErr(func(ref weir.Ref) (int, error) { weir.Watch(ref, dep); laterIfAsync(k); return fails.inc(), errBoom })
		c, told := toldContainer(t)
		s := p.hearAs(c, func(_, next string) { l.add("%s", next) }, weir.OnError(func(err error) { l.add("error %v", errors.Is(err, errBoom)) }))
		pass(time.Second)
		switch {
		case k.async:
			l.want(t, "a state", "failed boom")
		default:
			l.want(t, "its own first build")
		}
		require.ErrorIs(t, p.err(c), errBoom)
		dep.Set(c, 1)
		pass(time.Second)
		switch {
		case k.raises:
			l.want(t, "later", "error true")
		case k.async:
			l.want(t, "later", "reloading boom", "failed boom")
		default:
			l.want(t, "later", "failed boom")
		}
		require.Empty(t, told.take(), "there was somebody to tell")
		s.Close()
		quiet := p.listen(c)
		settle()
		told.take()
		dep.Set(c, 2)
		pass(time.Second)
		if got := told.take(); (len(got) == 1) != k.raises {
			t.Errorf("without OnError the handler was told %v", got)
		}
		quiet.Close()
	})
}

func TestD15MisuseInABuildIsItsFailure(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		n := scenarioNumber(0)
		p := k.make(func(ref weir.Ref) int { weir.Watch[int](ref, nil); return weir.Watch(ref, n) })
		c, _ := toldContainer(t)
		p.settledOrFailed(c)
		isUsage(t, "Watch of nil", p.err(c))
		usable(t, c)
		misuse(t, "Weak with FireImmediately", func() { p.listen(c, weir.Weak(), weir.FireImmediately()) }, "Weak")
	})
}

// settledOrFailed is settled of what may raise.
func (r scenarioRig) settledOrFailed(s weir.Scope) {
	_ = r.err(s)
	settle()
}

func TestD13_S302_OverrideWithBuildKeepsTheInstance(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var l trace
		p := syncNotes(func(weir.Ref, *noteSync) int { t.Error("the original Build was called"); return 0 })
		c := newContainer(t, p.OverrideWithBuild(func(ref weir.Ref, self *noteSync) int {
			l.add("build %v", self.Ref() == ref)
			return 42
		}))
		l.want(t, "lazily")
		require.Equal(t, 42, weir.Read(c, p))
		l.want(t, "with the notifier's own ref", "build true")
		n := p.Notifier(c)
		require.NotNil(t, n.build, "made by the original create")
		n.Set(7)
		require.Equal(t, 7, weir.Read(c, p))

		q := asyncNotes(func(context.Context, weir.Ref, *noteAsync) (int, error) {
			t.Error("the original Build was called")
			return 0, nil
		})
		f := weir.NewFamily(func(k int) *weir.StreamNotifierProvider[*noteStream, int] {
			return weir.NewStreamNotifierProvider(func() *noteStream {
				return &noteStream{build: func(context.Context, weir.Ref, func(int) bool) error {
					t.Error("the original Build was called")
					return nil
				}}
			})
		})
		c = newContainer(t,
			q.OverrideWithBuild(func(ctx context.Context, ref weir.Ref, self *noteAsync) (int, error) {
				l.add("build %v", self.Ref() == ref && ref.Context() == ctx)
				return 42, nil
			}),
			f.Of(1).OverrideWithBuild(func(ctx context.Context, ref weir.Ref, self *noteStream, emit func(int) bool) error {
				l.add("build %v", self.Ref() == ref && ref.Context() == ctx)
				emit(43)
				return nil
			}))
		v, err := weir.Resolve(t.Context(), c, q)
		require.NoError(t, err)
		require.Equal(t, 42, v)
		v, err = weir.Resolve(t.Context(), c, f.Of(1))
		require.NoError(t, err)
		require.Equal(t, 43, v)
		l.want(t, "each with its own ref", "build true", "build true")
		for what, do := range map[string]func(){
			"nil build": func() { p.OverrideWithBuild(nil) }, "nil async build": func() { q.OverrideWithBuild(nil) },
			"nil create": func() { p.OverrideWith(nil) }, "nil async create": func() { q.OverrideWith(nil) },
		} {
			misuse(t, what, do, "Override")
		}
	})
}

func TestC6ARetryThatIsPendingIsInFlight(t *testing.T) {
	eachRetrying(t, func(t *testing.T, k scenarioKind) {
		var l trace
		enough := errors.New("enough")
		p := k.makeErr(func(ref weir.Ref) (int, error) { l.add("build"); return 0, errBoom }, weir.Retry(every(time.Second, 100)))
		c := newContainer(t)
		s := p.listen(c)
		settle()
		done := async(t, func() {
			_, err := p.resolve(t.Context(), c)
			require.ErrorIs(t, err, enough)
		})
		settle()
		p.cancel(c, enough)
		await(t, "the Resolve", done)
		pass(time.Hour)
		l.want(t, "no retry came", "build")
		require.ErrorIs(t, p.err(c), enough)
		require.NotContains(t, p.readAs(c), "loading")
		c.Invalidate(p.id)
		pass(1500 * time.Millisecond)
		l.want(t, "until it is invalidated", "build", "build")
		s.Close()
	})
}

func TestA6ATimeoutIsRetriedLikeAnyError(t *testing.T) {
	// C6 says Failed(DeadlineExceeded); A6 says that errors of a build that is over are never retried: a timeout ends the build.
	eachAsync(t, func(t *testing.T, k scenarioKind) {
		var builds, asked tally
		p := k.makeErr(func(ref weir.Ref) (int, error) { builds.inc(); <-ref.Context().Done(); return 0, errBoom },
			weir.Timeout(time.Second), weir.Retry(func(int, error) (time.Duration, bool) { asked.inc(); return time.Second, true }))
		c := newContainer(t)
		s := p.listen(c)
		pass(time.Hour)
		require.Equal(t, 1, builds.get())
		require.Equal(t, 0, asked.get())
		require.ErrorIs(t, p.err(c), context.DeadlineExceeded)
		s.Close()
	})
}

func TestS5UpdateWhileARetryIsPending(t *testing.T) {
	eachRetrying(t, func(t *testing.T, k scenarioKind) {
		var l trace
		p := k.make(func(weir.Ref) int { return 0 }, weir.Retry(every(time.Second, 100)))
		c := newContainer(t, p.overrideWith(func(weir.Ref) (int, error) { l.add("old"); return 0, errBoom }))
		s := p.listen(c)
		settle()
		l.want(t, "failed once", "old")
		c.UpdateOverrides(p.overrideWith(func(weir.Ref) (int, error) { l.add("new"); return 7, nil }))
		pass(time.Hour)
		l.want(t, "its retry went with it", "new")
		require.Equal(t, "data 7", p.readAs(c))
		s.Close()
	})
}

func TestN6UpdatesRaceWithInvalidationsAndDisposals(t *testing.T) {
	guard(t, func(t *testing.T) {
		p := asyncNotes(func(context.Context, weir.Ref, *noteAsync) (int, error) { return 0, nil }, weir.DisposeDelay(0))
		c := newContainer(t)
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				for i := range 200 {
					switch (w + i) % 4 {
					case 0:
						c.Invalidate(p)
					case 1:
						s := weir.Listen(c, p, func(prev, next weir.AsyncValue[int]) {
							if next.HasError() {
								t.Errorf("a listener heard %v", next)
							}
						})
						_, _ = weir.Resolve(context.Background(), c, p)
						s.Close()
					default:
						v, err := p.Notifier(c).Update(context.Background(), func(v int) (int, error) { return v + 1, nil })
						if err != nil && !errors.Is(err, weir.ErrInvalidated) && !errors.Is(err, weir.ErrDisposed) {
							t.Errorf("Update: %v, %v", v, err)
						}
					}
				}
			})
		}
		within(t, "the race", wg.Wait)
		usable(t, c)
	})
}

func TestA4EmitsRaceWithPausesAndInvalidations(t *testing.T) {
	guard(t, func(t *testing.T) {
		var running, overlaps tally
		p := weir.NewStreamProvider(func(ctx context.Context, _ weir.Ref, emit func(int) bool) error {
			if running.inc() != 1 {
				overlaps.inc()
			}
			defer running.n.Add(-1)
			for i := 0; emit(i); i++ {
			}
			return context.Cause(ctx)
		}, weir.DisposeDelay(0))
		c := newContainer(t)
		var wg sync.WaitGroup
		for w := range 3 {
			wg.Go(func() {
				for range 150 {
					s := weir.Listen(c, p, nil)
					switch w {
					case 0:
						s.Pause()
						s.Resume()
					case 1:
						c.Invalidate(p)
					case 2:
						p.Cancel(c, nil)
						c.Invalidate(p)
					}
					ctx, cancel := context.WithTimeout(context.Background(), patience)
					if _, err := weir.Resolve(ctx, c, p); err != nil && !errors.Is(err, weir.ErrCanceled) {
						t.Errorf("Resolve: %v", err)
					}
					cancel()
					s.Close()
				}
			})
		}
		within(t, "the race", wg.Wait)
		require.Zero(t, overlaps.get(), "C5")
		within(t, "Shutdown", func() { require.NoError(t, c.Shutdown(context.Background())) })
		require.Zero(t, running.get())
	})
}

func TestS211_AnAwaitingBuildRunsAgainForANewOutcome(t *testing.T) {
	eachRetrying(t, func(t *testing.T, k scenarioKind) {
		var builds tally
		dep := scenarioNumber(42)
		p := k.make(func(ref weir.Ref) int { v := weir.Watch(ref, dep); laterIfAsync(k); return v / 2 })
		d := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) { builds.inc(); return p.await(ref) })
		c := newContainer(t)
		s := weir.Listen(c, d, nil)
		pass(time.Second)
		isData(t, 21, s.Read())
		dep.Set(c, 43) // an equal outcome
		pass(time.Second)
		c.Invalidate(p.id)
		pass(time.Second)
		require.Equal(t, 1, builds.get(), "D10: loading and equal outcomes in between are nothing to it")
		dep.Set(c, 84)
		pass(time.Second)
		require.Equal(t, 2, builds.get())
		isData(t, 42, s.Read())
	})
}

func TestS221_ResolveFollowsTheStateSetByHand(t *testing.T) {
	eachScenarioKindThat(t, func(k scenarioKind) bool { return k.async && k.notifier }, func(t *testing.T, k scenarioKind) {
		// Riverpod's future is a new handle after each change; Resolve asks anew each time.
		p := k.make(func(weir.Ref) int { return 0 })
		c := newContainer(t)
		s := p.listen(c)
		for i := range 3 {
			v, err := p.resolve(t.Context(), c)
			require.NoError(t, err)
			require.Equal(t, i, v)
			settle()
			p.set(c, i+1)
		}
		s.Close()
	})
}

func TestD9ProgressOfAnOldBuildIsNotTheNewOnes(t *testing.T) {
	// Planted bug: have a ref that is over publish the progress of the build in flight.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var refs []weir.Ref
		p := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
			refs = append(refs, ref)
			<-ctx.Done()
			return 0, ctx.Err()
		})
		weir.Listen(c, p, nil)
		settle()
		c.Invalidate(p)
		settle()
		require.Len(t, refs, 2)
		refs[0].SetProgress(0.5)
		require.Equal(t, "loading", show(weir.Read(c, p)))
		refs[1].SetProgress(0.25)
		require.Equal(t, "loading 25%", show(weir.Read(c, p)))
	})
}

func TestD9ProgressEndsWhatWatchesItAtOnce(t *testing.T) {
	// Also what nobody listens to (L5, D4). Planted bug: leave its end to the next change.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		var r weir.Ref
		p := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
			r = ref
			<-ctx.Done()
			return 0, ctx.Err()
		})
		q := weir.NewProvider(func(ref weir.Ref) string {
			ref.OnDispose(log.on("dispose"))
			return show(weir.Watch(ref, p))
		})
		weir.Read(c, q)
		settle()
		r.SetProgress(0.5)
		log.want(t, "progress", "dispose")
		require.Equal(t, "loading 50%", weir.Read(c, q))
	})
}
