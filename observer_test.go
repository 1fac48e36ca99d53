package weir_test

// This file holds what observers are told (4.1): which events there are, in which order, of which container, and that an observer
// that does not return hurts nobody (E3).

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// watcher returns an observer that writes every event down, after a prefix, without the key of a family member.
func watcher(l *trace, prefix string) *weir.Observer {
	name := func(ev weir.Event) string {
		n, _, _ := strings.Cut(ev.Name, "(")
		return n
	}
	value := func(v any) string {
		if v, ok := v.(weir.AsyncValue[int]); ok {
			return strings.ReplaceAll(show(v), " ", "-")
		}
		return fmt.Sprint(v)
	}
	add := func(format string, args ...any) { l.add("%s"+format, append([]any{prefix}, args...)...) }
	return &weir.Observer{
		ProviderAdded: func(ev weir.ProviderAddedEvent) { add("added %s %s", name(ev.Event), value(ev.Value)) },
		BuildStarted:  func(ev weir.BuildStartedEvent) { add("started %s", name(ev.Event)) },
		BuildEnded:    func(ev weir.BuildEndedEvent) { add("ended %s", name(ev.Event)) },
		Updated: func(ev weir.UpdatedEvent) {
			add("updated %s %s>%s", name(ev.Event), value(ev.Previous), value(ev.Value))
		},
		Failed:          func(ev weir.FailedEvent) { add("failed %s", name(ev.Event)) },
		Cancelled:       func(ev weir.CancelledEvent) { add("cancelled %s", name(ev.Event)) },
		Resumed:         func(ev weir.ResumedEvent) { add("resumed %s", name(ev.Event)) },
		Disposed:        func(ev weir.DisposedEvent) { add("disposed %s", name(ev.Event)) },
		ListenerAdded:   func(ev weir.ListenerAddedEvent) { add("+listener %s", name(ev.Event)) },
		ListenerRemoved: func(ev weir.ListenerRemovedEvent) { add("-listener %s", name(ev.Event)) },
		ContainerClosed: func(weir.ContainerClosedEvent) { add("closed") },
	}
}

// only keeps the events that begin with one of the words.
func only(events []string, words ...string) (kept []string) {
	for _, e := range events {
		for _, w := range words {
			if strings.HasPrefix(e, w) {
				kept = append(kept, e)
				break
			}
		}
	}
	return kept
}

func TestObserverSeesTheLifeOfEveryKind(t *testing.T) {
	eachAutoKind(t, func(t *testing.T, k scenarioKind) {
		var l trace
		c := newContainer(t, weir.WithObserver(watcher(&l, "")))
		dep := scenarioNumber(1, weir.Name("dep"))
		p := k.make(func(ref weir.Ref) int { laterIfAsync(k); return weir.Watch(ref, dep) }, weir.Name("p"))
		s := p.hear(c, func(_, next int) { l.add("heard %d", next) })
		pass(time.Second)
		got := l.take()
		if k.async {
			inOrder(t, got, "added p loading", "updated p loading>data-1")
			inOrder(t, got, "started p", "ended p")
			inOrder(t, got, "started p", "updated p loading>data-1")
			inOrder(t, got, "heard 1", "updated p loading>data-1")
		} else {
			inOrder(t, got, "started p", "started dep", "ended dep", "ended p", "+listener p")
			require.Len(t, only(got, "added p", "updated p"), 1, "%v", got)
		}
		inOrder(t, got, "added dep 1")
		require.Len(t, only(got, "disposed", "cancelled", "resumed", "failed", "-listener", "closed"), 0, "%v", got)

		dep.Set(c, 2)
		pass(time.Second)
		got = l.take()
		inOrder(t, got, "disposed p", "started p", "ended p")
		inOrder(t, got, "started p", "heard 2")
		require.Equal(t, 1, count(got, "updated dep 1>2"), "%v", got)
		require.Len(t, only(got, "updated p"), map[bool]int{false: 1, true: 2}[k.async], "%v", got)

		s.Close()
		settle()
		inOrder(t, l.take(), "cancelled p", "-listener p")
		s = p.listen(c)
		settle()
		inOrder(t, l.take(), "resumed p", "+listener p")
		s.Close()
		gone()
		got = l.take()
		inOrder(t, got, "cancelled p", "-listener p", "disposed p", "-listener dep")
		require.Equal(t, 1, count(got, "disposed p"))
		c.Close()
		l.want(t, "closed", "disposed dep", "closed")
	})
}

// laterIfAsync waits in builds that have a goroutine of their own.
func laterIfAsync(k scenarioKind) {
	if k.async {
		later()
	}
}

func TestS404_EventsSayWhatAndWhere(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		var mu sync.Mutex
		var evs []weir.Event
		var reasons []weir.BuildReason
		var ended []weir.BuildEndedEvent
		var disposed []weir.DisposedEvent
		o := &weir.Observer{
			ProviderAdded: func(ev weir.ProviderAddedEvent) { mu.Lock(); defer mu.Unlock(); evs = append(evs, ev.Event) },
			BuildStarted: func(ev weir.BuildStartedEvent) {
				mu.Lock()
				defer mu.Unlock()
				evs, reasons = append(evs, ev.Event), append(reasons, ev.Reason)
			},
			BuildEnded: func(ev weir.BuildEndedEvent) {
				mu.Lock()
				defer mu.Unlock()
				evs, ended = append(evs, ev.Event), append(ended, ev)
			},
			Disposed: func(ev weir.DisposedEvent) {
				mu.Lock()
				defer mu.Unlock()
				evs, disposed = append(evs, ev.Event), append(disposed, ev)
			},
		}
		c := newContainer(t, weir.WithObserver(o))
		child := weir.NewContainer(weir.WithParent(c))
		p := k.make(func(weir.Ref) int { time.Sleep(time.Second); return 1 }, weir.Name("p"))
		began := time.Now()
		s := p.listen(child)
		pass(2 * time.Second)
		c.Invalidate(p.id)
		pass(2 * time.Second)
		c.InvalidateAsReload(p.id)
		pass(500 * time.Millisecond)
		if k.async {
			c.Invalidate(p.id)
		}
		pass(2 * time.Second)
		mu.Lock()
		defer mu.Unlock()
		for _, ev := range evs {
			if ev.Provider != p.id || ev.Container != c || !strings.HasPrefix(ev.Name, "p") || !strings.Contains(ev.Declared, "_test.go:") || ev.Generation == 0 || ev.At.Before(began) {
				t.Errorf("an event says %+v", ev)
			}
		}
		require.Equal(t, []weir.BuildReason{weir.ReasonFirstBuild, weir.ReasonRefresh, weir.ReasonReload}, reasons[:3])
		for i, ev := range ended[:3] {
			want := time.Second
			if ev.Duration != want || ev.Reason != reasons[i] || ev.Err != nil {
				t.Errorf("build %d ended: %+v", i, ev)
			}
			if k.async && i == 2 {
				require.ErrorIs(t, ev.Cause, weir.ErrInvalidated, "it was over before it returned")
			} else {
				require.NoError(t, ev.Cause)
			}
		}
		for _, ev := range disposed {
			require.ErrorIs(t, ev.Cause, weir.ErrInvalidated)
		}
		require.Len(t, disposed, len(reasons)-1)
		s.Close()
	})
}

func TestS392_AddedOnceInListOrder(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		var l trace
		c := newContainer(t, weir.WithObserver(watcher(&l, "a ")), weir.WithObserver(watcher(&l, "b ")))
		p := k.make(func(weir.Ref) int { laterIfAsync(k); return 42 }, weir.Name("p"))
		s := p.listen(c)
		pass(time.Second)
		s2 := p.listen(c)
		value := "42"
		switch {
		case k.async:
			value = "loading"
		case !k.raises:
			value = "data-42"
		}
		if got := only(l.take(), "a added", "b added"); strings.Join(got, ",") != "a added p "+value+",b added p "+value {
			t.Errorf("got %v", got)
		}
		s.Close()
		s2.Close()
	})
}

func TestS394_ADirectUpdateIsOneEvent(t *testing.T) {
	eachScenarioKindThat(t, func(k scenarioKind) bool { return k.state }, func(t *testing.T, k scenarioKind) {
		for _, listened := range []bool{false, true} {
			var l trace
			c := newContainer(t, weir.WithObserver(watcher(&l, "")))
			p := k.make(func(weir.Ref) int { return 0 }, weir.Name("p"))
			if listened {
				p.listen(c)
			}
			p.settled(c)
			l.take()
			p.set(c, 1)
			settle()
			want := "updated p 0>1"
			if k.async {
				want = "updated p data-0>data-1"
			}
			if got := only(l.take(), "updated"); strings.Join(got, ",") != want {
				t.Errorf("listened=%v: got %v, want %s", listened, got, want)
			}
			p.set(c, 1)
			settle()
			require.Empty(t, l.take(), "an equal value")
		}
	})
}

func TestS395_ListenersBeforeObservers(t *testing.T) {
	eachScenarioKindThat(t, func(k scenarioKind) bool { return k.state }, func(t *testing.T, k scenarioKind) {
		var l trace
		c := newContainer(t, weir.WithObserver(watcher(&l, "a ")), weir.WithObserver(watcher(&l, "b ")))
		p := k.make(func(weir.Ref) int { return 0 }, weir.Name("p"))
		p.hear(c, func(_, next int) { l.add("first %d", next) })
		p.hear(c, func(_, next int) { l.add("second %d", next) })
		settle()
		l.take()
		p.set(c, 1)
		settle()
		var got []string
		for _, e := range l.take() {
			got = append(got, strings.Join(strings.Fields(e)[:2], " "))
		}
		require.Equal(t, "first 1,second 1,a updated,b updated", strings.Join(got, ","))
	})
}

func TestS397_S398_OrderForAComputedProvider(t *testing.T) {
	eachScenarioKindThat(t, func(k scenarioKind) bool { return !k.async }, func(t *testing.T, k scenarioKind) {
		var l trace
		c := newContainer(t, weir.WithObserver(watcher(&l, "")))
		dep := scenarioNumber(0, weir.Name("dep"))
		p := k.make(func(ref weir.Ref) int { return weir.Watch(ref, dep) / 10 }, weir.Name("p"))
		s := p.hear(c, func(_, next int) { l.add("heard %d", next) })
		l.take()
		dep.Set(c, 1)
		got := only(l.take(), "disposed", "updated", "heard")
		require.Equal(t, "disposed p,updated dep 0>1", strings.Join(got, ","), "an equal result")
		dep.Set(c, 10)
		got = only(l.take(), "disposed", "updated", "heard")
		require.Len(t, got, 4, "%v", got)
		inOrder(t, got, "disposed p", "updated dep 1>10")
		inOrder(t, got, "disposed p", "heard 1")
		require.True(t, strings.HasPrefix(got[3], "updated p"), "%v", got)
		s.Close()
	})
}

func TestS401_AFailureIsAddedUpdatedFailed(t *testing.T) {
	eachScenarioKindThat(t, func(k scenarioKind) bool { return k.async }, func(t *testing.T, k scenarioKind) {
		var l trace
		c := newContainer(t, weir.WithObserver(watcher(&l, "")))
		p := k.makeErr(func(weir.Ref) (int, error) { later(); return 0, errBoom }, weir.Name("p"))
		s := p.listen(c)
		pass(time.Second)
		got := only(l.take(), "added", "updated", "failed")
		require.Equal(t, "added p loading,updated p loading>failed-boom,failed p", strings.Join(got, ","))
		s.Close()
	})
}

func TestObserverIsToldOfASyncFailureOnce(t *testing.T) {
	eachScenarioKindThat(t, func(k scenarioKind) bool { return !k.async }, func(t *testing.T, k scenarioKind) {
		for _, listened := range []bool{false, true} {
			var l trace
			var errs []error
			o := watcher(&l, "")
			o.Failed = func(ev weir.FailedEvent) { errs = append(errs, ev.Err) }
			c, _ := toldContainer(t, weir.WithObserver(o))
			p := k.makeErr(func(weir.Ref) (int, error) { return 0, errBoom }, weir.Name("p"))
			if listened {
				p.listen(c, weir.OnError(func(error) {}))
			}
			for range 3 {
				require.ErrorIs(t, p.err(c), errBoom)
			}
			settle()
			if len(errs) != 1 || !errors.Is(errs[0], errBoom) {
				t.Errorf("listened=%v: the observer was told of %v", listened, errs)
			}
		}
	})
}

func TestObserverIsToldOfAFailureThatIsRetriedOnlyInTheEnd(t *testing.T) {
	// Riverpod does the same for async kinds; its synchronous providers report each failure (D-09).
	eachRetrying(t, func(t *testing.T, k scenarioKind) {
		var l trace
		c := newContainer(t, weir.WithObserver(watcher(&l, "")))
		p := k.makeErr(func(weir.Ref) (int, error) { laterIfAsync(k); return 0, errBoom }, weir.Name("p"), weir.Retry(every(time.Second, 2)))
		s := p.listen(c)
		pass(2500*time.Millisecond - time.Second)
		require.Len(t, only(l.take(), "failed"), 0)
		pass(time.Hour)
		got := l.take()
		require.Len(t, only(got, "failed"), 1, "%v", got)
		s.Close()
	})
}

func TestS402_AChildsObserversComeFirst(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		var l trace
		a := newContainer(t, weir.WithObserver(watcher(&l, "a ")))
		b := weir.NewContainer(weir.WithParent(a), weir.WithObserver(watcher(&l, "b ")))
		p := k.make(func(weir.Ref) int { return 1 }, weir.Name("p"), weir.Scoped())
		c := weir.NewContainer(weir.WithParent(b), weir.WithObserver(watcher(&l, "c ")), p.overrideWithValue(2))
		p.settled(c)
		got := only(l.take(), "a added", "b added", "c added")
		for i, g := range got {
			got[i] = g[:1]
		}
		require.Equal(t, "cba", strings.Join(got, ""))
		p.settled(b)
		got = l.take()
		require.NotEmpty(t, only(got, "a added"))
		require.Empty(t, only(got, "b ", "c "), "the element is the root's")
		c.Close()
		b.Close()
		got = l.take()
		require.Equal(t, []string{"c closed", "b closed", "a closed", "b closed", "a closed"}, only(got, "a closed", "b closed", "c closed"))
	})
}

func TestS407_DisposedOnCloseAndWhenUnused(t *testing.T) {
	eachAutoKind(t, func(t *testing.T, k scenarioKind) {
		var l trace
		c := newContainer(t, weir.WithObserver(watcher(&l, "")))
		p := k.make(func(weir.Ref) int { return 1 }, weir.Name("p"))
		s := p.listen(c)
		settle()
		s.Close()
		l.take()
		gone()
		l.want(t, "unused", "disposed p")
		p.settled(c)
		l.take()
		c.Close()
		settle()
		var got []string
		for _, e := range l.take() {
			if e != "ended p" { // the function of a stream that was blocked in emit returns now
				got = append(got, e)
			}
		}
		require.Equal(t, []string{"disposed p", "closed"}, got)
	})
}

func TestS408_CloseWithThrowingObservers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var l trace
		throwing := func(name string) *weir.Observer {
			return &weir.Observer{Disposed: func(ev weir.DisposedEvent) { l.add("%s disposed %s", name, ev.Name); panic(name) }}
		}
		c, told := toldContainer(t, weir.WithObserver(throwing("e1")), weir.WithObserver(throwing("e2")), weir.WithObserver(watcher(&l, "")))
		p1 := weir.NewProvider(func(ref weir.Ref) int { ref.OnDispose(l.on("hook p1")); return 1 }, weir.Name("p1"))
		p2 := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, p1) }, weir.Name("p2"))
		weir.Read(c, p2)
		l.take()
		c.Close()
		l.want(t, "closed", "e1 disposed p2", "e2 disposed p2", "disposed p2", "-listener p1", "hook p1", "e1 disposed p1", "e2 disposed p1", "disposed p1", "closed")
		require.Equal(t, []string{"e1", "e2", "e1", "e2"}, told.values())
	})
}

func TestObserverLog(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var buf bytes.Buffer
		log := slog.New(slog.NewTextHandler(&buf, &slog.HandlerOptions{Level: slog.LevelDebug}))
		c := weir.NewContainer(weir.WithObserver(weir.LogObserver(log)))
		goOn := make(chan struct{}) // loading is told before the failure
		p := weir.NewFutureProvider(func(context.Context, weir.Ref) (string, error) { <-goOn; return "secret", errBoom }, weir.Name("login"), weir.AutoDispose())
		s := weir.Listen(c, p, nil)
		close(goOn)
		settle()
		s.Close()
		s = weir.Listen(c, p, nil)
		settle()
		s.Close()
		gone()
		c.Close()
		out := buf.String()
		for _, want := range []string{"weir: added", "weir: build started", "weir: build ended", "weir: updated", "weir: failed", "weir: cancelled", "weir: resumed",
			"weir: disposed", "weir: listener added", "weir: listener removed", "weir: container closed", "provider=login", "level=ERROR", "error=boom", "observer_test.go:"} {
			if !strings.Contains(out, want) {
				t.Errorf("the log does not say %q:\n%s", want, out)
			}
		}
		require.NotContains(t, out, "secret", "values are not logged")
		require.Equal(t, 1, strings.Count(out, "level=ERROR"))
	})
}

func TestObserverProfilingLabels(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t, weir.WithProfiling())
		p := weir.NewFutureProvider(func(ctx context.Context, _ weir.Ref) (string, error) {
			label, _ := pprof.Label(ctx, "weir.provider")
			return label, nil
		}, weir.Name("p"))
		v, err := weir.Resolve(t.Context(), c, p)
		require.NoError(t, err)
		require.Equal(t, "p", v)
		off := newContainer(t)
		v, err = weir.Resolve(t.Context(), off, p)
		require.NoError(t, err)
		require.Empty(t, v, "without the option")
	})
}
