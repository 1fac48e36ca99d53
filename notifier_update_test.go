package weir_test

// This file holds Update and ListenSelf of notifiers (N6), what is set by hand (D9, D13), and the scenarios of Riverpod's about them.

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// at42 is a Build of an asynchronous notifier that is done at once.
func at42(context.Context, weir.Ref, *noteAsync) (int, error) { return 42, nil }

func TestN6_UpdatesAreSerialised(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var l trace
		p := asyncNotes(func(context.Context, weir.Ref, *noteAsync) (int, error) { return 0, nil })
		c := newContainer(t)
		s := weir.Listen(c, p, nil)
		settle()
		n := p.Notifier(c)
		var wg sync.WaitGroup
		for i := range 3 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				v, err := n.Update(t.Context(), func(v int) (int, error) {
					l.add("begin %d", v)
					time.Sleep(time.Second)
					l.add("end %d", v)
					return v + 1, nil
				})
				if err != nil || v != i+1 {
					t.Errorf("Update %d gave %v, %v", i, v, err)
				}
			})
		}
		wg.Wait()
		l.want(t, "one after the other", "begin 0", "end 0", "begin 1", "end 1", "begin 2", "end 2")
		isData(t, 3, s.Read())
		s.Close()
	})
}

func TestN6_AnUpdateWhoseBuildWasReplacedIsDropped(t *testing.T) {
	for name, replace := range map[string]struct {
		do   func(c *weir.Container, p weir.AnyProvider, dep *weir.StateProvider[int])
		want error
	}{
		"invalidated":        {func(c *weir.Container, p weir.AnyProvider, _ *weir.StateProvider[int]) { c.Invalidate(p) }, weir.ErrInvalidated},
		"dependency changed": {func(c *weir.Container, _ weir.AnyProvider, dep *weir.StateProvider[int]) { dep.Set(c, 2) }, weir.ErrInvalidated},
		"closed":             {func(c *weir.Container, _ weir.AnyProvider, _ *weir.StateProvider[int]) { c.Close() }, weir.ErrContainerClosed},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				dep := scenarioNumber(1)
				p := asyncNotes(func(_ context.Context, ref weir.Ref, _ *noteAsync) (int, error) {
					return 10 * weir.Watch(ref, dep), nil
				})
				c := newContainer(t)
				s := weir.Listen(c, p, nil)
				settle()
				n := p.Notifier(c)
				done := async(t, func() {
					_, err := n.Update(t.Context(), func(v int) (int, error) { time.Sleep(time.Second); return v + 1, nil })
					require.ErrorIs(t, err, replace.want)
				})
				pass(500 * time.Millisecond)
				replace.do(c, p, dep)
				await(t, "the Update", done)
				settle()
				require.NotContains(t, show(s.Read()), "11")
			})
		})
	}
}

func TestN6_AnUpdateAfterDisposalReturnsErrDisposed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := asyncNotes(at42, weir.AutoDispose())
		c := newContainer(t)
		s := weir.Listen(c, p, nil)
		settle()
		n := p.Notifier(c)
		done := async(t, func() {
			_, err := n.Update(t.Context(), func(v int) (int, error) { time.Sleep(10 * time.Second); return v + 1, nil })
			require.ErrorIs(t, err, weir.ErrDisposed, "disposed while f ran")
		})
		settle()
		s.Close()
		gone()
		require.False(t, c.Exists(p), "an Update is no listener")
		await(t, "the Update", done)
	})
}

func TestS297_UpdateIsAppliedAndReturned(t *testing.T) {
	eachNotifier(t, func(t *testing.T, k noteKind) {
		var l trace
		p, notifier := k.make(nothingMade, func(weir.Ref, noted) (int, error) { return 0, nil })
		c := newContainer(t)
		p.settled(c)
		p.hearAs(c, func(prev, next string) { l.add("%s > %s", prev, next) })
		for i := 1; i <= 2; i++ {
			v, err := notifier(c).update(func(v int) int { return v + 1 })
			require.NoError(t, err)
			require.Equal(t, i, v)
		}
		l.want(t, "twice", "data 0 > data 1", "data 1 > data 2")
	})
}

func TestS298_UpdateWhileLoadingWaits(t *testing.T) {
	eachNotifier(t, func(t *testing.T, k noteKind) {
		var l trace
		p, notifier := k.make(nothingMade, func(weir.Ref, noted) (int, error) { time.Sleep(time.Second); l.add("built"); return 42, nil })
		c := newContainer(t)
		s := p.listen(c)
		n := notifier(c)
		v, err := n.update(func(v int) int { l.add("f %d", v); return v + 1 })
		require.NoError(t, err)
		require.Equal(t, 43, v)
		l.want(t, "in order", "built", "f 42")
		require.Equal(t, "data 43", p.readAs(c))
		s.Close()
	})
}

func TestN6_UpdateOfAFailedStateAndWithAFailingF(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var l trace
		p := asyncNotes(at42)
		c := newContainer(t)
		s := hearAsync(&l, c, p)
		settle()
		l.take()
		n := p.Notifier(c)
		_, err := n.Update(t.Context(), func(int) (int, error) { return 7, errBoom })
		require.ErrorIs(t, err, errBoom)
		l.want(t, "f fails: no change")
		require.Panics(t, func() { _, _ = n.Update(t.Context(), func(int) (int, error) { panic("f") }) })
		v, err := n.Update(t.Context(), func(v int) (int, error) { return v + 1, nil })
		require.NoError(t, err, "a panic in f leaves the next one its turn")
		require.Equal(t, 43, v)
		l.want(t, "as ever", "data 42 > data 43")
		n.Set(weir.Failed[int](errBoom))
		_, err = n.Update(t.Context(), func(int) (int, error) { l.add("f"); return 0, nil })
		require.ErrorIs(t, err, errBoom, "D13")
		l.want(t, "f is not called", "data 43 > failed boom was 43")
		isUsage(t, "a nil f", asError(recovered(func() { _, _ = n.Update(t.Context(), nil) })), "Update")
		isUsage(t, "a nil ctx", asError(recovered(func() {
			var none context.Context
			_, _ = n.Update(none, func(v int) (int, error) { return v, nil })
		})), "Update")
		s.Close()
	})
}

func TestN6_AnUpdateThatWaitsLeavesWithItsContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := asyncNotes(func(ctx context.Context, _ weir.Ref, _ *noteAsync) (int, error) {
			<-ctx.Done()
			return 0, context.Cause(ctx)
		})
		c := newContainer(t)
		n := p.Notifier(c)
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errBoom)
		defer cancel()
		_, err := n.Update(ctx, func(v int) (int, error) { t.Error("f was called"); return v, nil })
		require.ErrorIs(t, err, errBoom, "while it waits for the data")

		q := asyncNotes(at42)
		m := q.Notifier(c)
		hold := newSignal()
		done := async(t, func() { _, _ = m.Update(t.Context(), func(v int) (int, error) { <-hold; return v, nil }) })
		settle()
		ctx2, cancel2 := context.WithTimeoutCause(t.Context(), time.Second, errBoom)
		defer cancel2()
		_, err = m.Update(ctx2, func(v int) (int, error) { t.Error("f was called"); return v, nil })
		require.ErrorIs(t, err, errBoom, "while it waits for another Update")
		close(hold)
		await(t, "the first Update", done)
	})
}

func TestN6_S304_SelfListenersComeFirstInOrder(t *testing.T) {
	eachNotifier(t, func(t *testing.T, k noteKind) {
		var l trace
		p, notifier := k.make(nothingMade, func(_ weir.Ref, n noted) (int, error) {
			n.selves(func(prev, next string) { l.add("self 1 %s > %s", prev, next) })
			n.selves(func(_, _ string) { l.add("self 2") })
			laterForNotes(k)
			return 42, nil
		})
		c := newContainer(t)
		p.hear(c, func(_, next int) { l.add("listener %d", next) })
		pass(time.Second)
		// D13: the first value is heard too.
		if k.async {
			l.want(t, "first", "self 1 loading > data 42", "self 2", "listener 42")
		} else {
			l.want(t, "first", "self 1 data 0 > data 42", "self 2")
		}
		notifier(c).set(7)
		settle()
		l.want(t, "set", "self 1 data 42 > data 7", "self 2", "listener 7")
		notifier(c).set(7)
		settle()
		l.want(t, "S-305: equal values too", "self 1 data 7 > data 7", "self 2")
	})
}

func laterForNotes(k noteKind) {
	if k.async {
		later()
	}
}

func TestS305_SelfListenersHearOfARefreshToAnEqualValue(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var l trace
		p := syncNotes(func(_ weir.Ref, n *noteSync) int {
			n.ListenSelf(func(prev, next int) { l.add("%d > %d", prev, next) })
			return 0
		})
		c := newContainer(t)
		weir.Listen(c, p, func(prev, next int) { l.add("listener") })
		l.want(t, "first", "0 > 0")
		weir.Refresh(c, p)
		l.want(t, "refreshed", "0 > 0")
	})
}

func TestN6_ListenSelfDiesWithItsBuildAndCanBeRemoved(t *testing.T) {
	eachNotifier(t, func(t *testing.T, k noteKind) {
		var l trace
		p, notifier := k.make(nothingMade, func(weir.Ref, noted) (int, error) { return 42, nil })
		c := newContainer(t)
		s := p.listen(c)
		settle()
		n := notifier(c)
		remove := n.selves(func(_, next string) { l.add("a %s", next) })
		n.selves(func(_, next string) { l.add("b %s", next) })
		n.set(1)
		settle()
		l.want(t, "both", "a data 1", "b data 1")
		remove()
		remove()
		n.set(2)
		settle()
		l.want(t, "removed", "b data 2")
		c.Invalidate(p.id)
		settle()
		l.take() // the loading of the next build may still be heard
		n.set(3)
		settle()
		l.want(t, "after a rebuild")
		s.Close()
	})
}

func TestS307_S308_SelfListenersAndFailures(t *testing.T) {
	// In Riverpod sync notifiers have a self-listener for errors; here OnError and observers hear of them. Async failures are states.
	bubble(t, func(t *testing.T) {
		var l trace
		p := asyncNotes(func(_ context.Context, _ weir.Ref, n *noteAsync) (int, error) {
			n.ListenSelf(func(prev, next weir.AsyncValue[int]) { l.add("%s > %s", show(prev), show(next)) })
			later()
			return 0, errBoom
		})
		c := newContainer(t)
		weir.Listen(c, p, nil)
		pass(time.Second)
		l.want(t, "failed", "loading > failed boom")
		p.Notifier(c).SetData(42)
		l.want(t, "data by hand", "failed boom > data 42")
	})
}

func TestD9_SetWhileABuildRunsIsAtRest(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var l trace
		p := asyncNotes(func(context.Context, weir.Ref, *noteAsync) (int, error) { time.Sleep(time.Second); return 3, nil })
		c := newContainer(t)
		hearAsync(&l, c, p)
		n := p.Notifier(c)
		waited := async(t, func() {
			v, err := n.Resolve(t.Context())
			require.NoError(t, err)
			require.Equal(t, 1, v, "counts as at rest")
		})
		settle()
		n.SetData(1)
		await(t, "Resolve", waited)
		l.want(t, "at once", "loading > data 1")
		pass(2 * time.Second)
		l.want(t, "the build's own result later", "data 1 > data 3")
	})
}

func TestS294_AssignmentsByHandKeepHistory(t *testing.T) {
	eachScenarioKindThat(t, func(k scenarioKind) bool { return k.notifier && k.async && !k.family && !k.auto }, func(t *testing.T, k scenarioKind) {
		var l trace
		var set func(v weir.AsyncValue[int])
		c := newContainer(t)
		if k.stream {
			p := weir.NewStreamNotifierProvider(func() *noteStream {
				return &noteStream{build: func(_ context.Context, _ weir.Ref, emit func(int) bool) error { emit(42); return nil }}
			})
			hearAsync(&l, c, p)
			set = p.Notifier(c).Set
		} else {
			p := asyncNotes(at42)
			hearAsync(&l, c, p)
			set = p.Notifier(c).Set
		}
		settle()
		l.take()
		set(weir.Data(84))
		set(weir.Loading[int]())
		set(weir.Failed[int](errBoom))
		l.want(t, "in order", "data 42 > data 84", "data 84 > reloading 84", "reloading 84 > failed boom was 84")
	})
}

func TestS275_AssigningAnEqualValueIsSilent(t *testing.T) {
	eachNotifier(t, func(t *testing.T, k noteKind) {
		var l trace
		p, notifier := k.make(nothingMade, func(weir.Ref, noted) (int, error) { return 42, nil })
		c := newContainer(t)
		p.settled(c)
		p.hearAs(c, func(prev, next string) { l.add("%s > %s", prev, next) })
		notifier(c).set(42)
		l.want(t, "equal")
		notifier(c).set(43)
		l.want(t, "different", "data 42 > data 43")
	})
}

func TestS277_AnEqualityThatAlwaysSaysYes(t *testing.T) {
	// In Riverpod the stored state moves on although nobody is told. In Weir a value that equals the old one changes nothing (P1): the
	// state stays what it was. Errors are never compared.
	bubble(t, func(t *testing.T) {
		var l trace
		same := weir.Equal(func(_, _ int) bool { return true })
		p := asyncNotes(func(context.Context, weir.Ref, *noteAsync) (int, error) { return 0, nil }, same)
		c := newContainer(t)
		weir.Listen(c, p, nil)
		settle()
		hearAsync(&l, c, p)
		n := p.Notifier(c)
		n.SetData(42)
		l.want(t, "data")
		isData(t, 0, n.State())
		n.Set(weir.Failed[int](errBoom))
		n.SetData(7)
		l.want(t, "errors", "data 0 > failed boom was 0", "failed boom was 0 > data 7")
	})
}

func TestS281_TheAccessorRebuildsFirst(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := 0
		p := syncNotes(func(weir.Ref, *noteSync) int { n++; return n })
		c := newContainer(t)
		note := p.Notifier(c)
		require.Equal(t, 1, note.State())
		c.Invalidate(p)
		require.Equal(t, 2, note.State())
		c.Invalidate(p)
		require.Same(t, note, p.Notifier(c))
		require.Equal(t, 3, n, "Notifier itself builds what is stale")
	})
}

func TestS282_BuildFromTheStateOfBefore(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := scenarioNumber(42)
		builds := 0
		p := syncNotes(func(ref weir.Ref, n *noteSync) int {
			builds++
			v := weir.Watch(ref, b)
			if builds > 1 {
				return n.State()
			}
			return v
		})
		c := newContainer(t)
		s := weir.Listen(c, p, nil)
		b.Set(c, 21)
		require.Equal(t, 42, s.Read())
		require.Equal(t, 2, builds)
	})
}

func TestS285_S287_ANotifierWhoseBuildFailed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var l trace
		p := syncNotes(func(weir.Ref, *noteSync) int { panic(errBoom) })
		c, told := toldContainer(t)
		err := asError(recovered(func() { weir.Read(c, p) }))
		require.ErrorIs(t, err, errBoom)
		n := p.Notifier(c)
		require.NotNil(t, n, "the notifier is there all the same")
		require.ErrorIs(t, asError(recovered(func() { n.State() })), errBoom)
		weir.Listen(c, p, func(prev, next int) { l.add("%d > %d", prev, next) }, weir.OnError(func(error) { l.add("error") }))
		n.Set(7)
		l.want(t, "a state set by hand", "0 > 7")
		require.Equal(t, 7, weir.Read(c, p))
		weir.Listen(c, p, func(prev, next int) { l.add("new %d > %d", prev, next) }, weir.FireImmediately(), weir.OnError(func(error) { l.add("error") }))
		l.want(t, "a new listener", "new 0 > 7")
		_ = told.take()
	})
}

func TestS295_ResolveOfTheNotifierIsTheProviders(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := asyncNotes(func(context.Context, weir.Ref, *noteAsync) (int, error) { time.Sleep(time.Second); return 42, nil })
		c := newContainer(t)
		n := p.Notifier(c)
		var mu sync.Mutex
		var got []int
		add := func(v int, err error) {
			require.NoError(t, err)
			mu.Lock()
			defer mu.Unlock()
			got = append(got, v)
		}
		a := async(t, func() { add(n.Resolve(t.Context())) })
		b := async(t, func() { add(weir.Resolve(t.Context(), c, p)) })
		await(t, "a", a)
		await(t, "b", b)
		require.Equal(t, []int{42, 42}, got)
		n.Set(weir.Failed[int](errBoom))
		v, err := n.Resolve(t.Context())
		if v != 42 || !errors.Is(err, errBoom) {
			t.Errorf("Resolve of a failure: %v, %v", v, err)
		}
	})
}

func TestSetInATransactionIsStaged(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var l trace
		p := syncNotes(func(weir.Ref, *noteSync) int { return 0 })
		c := newContainer(t)
		weir.Listen(c, p, func(prev, next int) { l.add("%d > %d", prev, next) })
		n := p.Notifier(c)
		c.Batch(func(tx *weir.Tx) {
			n.SetIn(tx, 1)
			require.Equal(t, 3, n.UpdateIn(tx, func(v int) int { return v + 2 }))
			require.Equal(t, 3, weir.Read(tx, p))
			require.Equal(t, 0, n.State(), "nobody else sees it")
		})
		l.want(t, "one step", "0 > 3")
		other := newContainer(t)
		isUsage(t, "a scope of another tree", asError(recovered(func() { n.SetIn(other, 1) })), "tree")
		isUsage(t, "a nil scope", asError(recovered(func() { n.SetIn(nil, 1) })))
		if !slices.Equal(l.take(), nil) {
			t.Error("misuse changed something")
		}
	})
}
