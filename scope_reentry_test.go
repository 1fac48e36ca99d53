package weir_test

// This file holds UpdateOverrides and containers of a tree that are made, updated and closed from inside builds, hooks and listeners
// (S3, S5, P7), and notifiers in children.

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestS5UpdateFromInside(t *testing.T) {
	for name, register := range map[string]func(c *weir.Container, trigger *weir.StateProvider[int], update func()){
		"a listener": func(c *weir.Container, trigger *weir.StateProvider[int], update func()) {
			weir.Listen(c, trigger, func(_, _ int) { update() })
		},
		"a hook": func(c *weir.Container, trigger *weir.StateProvider[int], update func()) {
			weir.Listen(c, weir.NewProvider(func(ref weir.Ref) int { ref.OnDispose(update); return weir.Watch(ref, trigger) }), nil)
		},
		"a build": func(c *weir.Container, trigger *weir.StateProvider[int], update func()) {
			weir.Listen(c, weir.NewProvider(func(ref weir.Ref) int {
				v := weir.Watch(ref, trigger)
				if v > 0 {
					update()
				}
				return v
			}), nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
				var l trace
				once := sync.Once{}
				p := k.make(func(weir.Ref) int { t.Error("the original was built"); return 0 })
				trigger := scenarioNumber(0)
				c := newContainer(t, p.overrideWithValue(1))
				p.hear(c, func(prev, next int) { l.add("%d > %d", prev, next) })
				settle()
				l.take()
				register(c, trigger, func() { once.Do(func() { c.UpdateOverrides(p.overrideWithValue(2)) }) })
				within(t, "the Set", func() { trigger.Set(c, 1) })
				flush(t, c)
				l.want(t, "updated from inside", "1 > 2")
				require.Equal(t, 2, p.settled(c))
			})
		})
	}
}

func TestS5UpdateWhileABuildRuns(t *testing.T) {
	eachAsync(t, func(t *testing.T, k scenarioKind) {
		var l trace
		p := k.make(func(weir.Ref) int { return 0 })
		c := newContainer(t, p.overrideWith(func(ref weir.Ref) (int, error) {
			<-ref.Context().Done()
			l.add("over")
			return 1, nil
		}))
		s := p.hear(c, func(_, next int) { l.add("heard %d", next) })
		settle()
		waited := async(t, func() {
			v, err := p.resolve(t.Context(), c)
			require.NoError(t, err)
			require.Equal(t, 2, v, "C4, A3: nobody sees the build that is over")
		})
		settle()
		c.UpdateOverrides(p.overrideWith(func(weir.Ref) (int, error) { later(); return 2, nil }))
		await(t, "the Resolve", waited)
		pass(time.Second)
		l.want(t, "in order", "over", "heard 2")
		s.Close()
	})
}

func TestS5UpdateWhileAnotherGoroutineBuildsSynchronously(t *testing.T) {
	guard(t, func(t *testing.T) {
		building, goOn := newSignal(), newSignal()
		p := weir.NewProvider(func(weir.Ref) int { return 0 })
		c := newContainer(t, p.OverrideWith(func(weir.Ref) int {
			close(building)
			<-goOn
			return 1
		}))
		read := async(t, func() { require.Contains(t, []int{1, 2}, weir.Read(c, p)) })
		await(t, "the build", building)
		updated := async(t, func() { c.UpdateOverrides(p.OverrideWithValue(2)) })
		close(goOn)
		await(t, "the reader", read)
		await(t, "the update", updated)
		require.Equal(t, 2, weir.Read(c, p))
	})
}

func TestS3AChildIsMadeAndClosedInsideABuildAHookAndAListener(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		d := scenarioNumber(1, weir.Scoped())
		n := scenarioNumber(0)
		var root *weir.Container
		var kids tally
		var closing atomic.Bool
		request := func() int {
			kids.inc()
			c := child(root, d.OverrideWithValue(10))
			defer c.Close()
			return weir.Read(c, d)
		}
		root = newContainer(t)
		p := k.make(func(ref weir.Ref) int {
			ref.OnDispose(func() {
				if err := asError(recovered(func() { request() })); err != nil { // once the root is closed (D16, G10)
					assert.ErrorIs(t, err, weir.ErrContainerClosed)
					assert.True(t, closing.Load())
				}
			})
			return weir.Watch(ref, n) + request()
		})
		within(t, "all of it", func() {
			s := p.hear(root, func(_, _ int) { request() })
			time.Sleep(time.Millisecond)
			n.Set(root, 1)
			time.Sleep(time.Millisecond)
			s.Close()
		})
		require.Equal(t, 11, p.settled(root))
		require.GreaterOrEqual(t, kids.get(), 4)
		closing.Store(true)
		root.Close()
	})
}

func TestS3AChildClosesItselfFromItsListener(t *testing.T) {
	eachScenarioKindThat(t, func(k scenarioKind) bool { return k.state }, func(t *testing.T, k scenarioKind) {
		var l trace
		p := k.make(func(ref weir.Ref) int { ref.OnDispose(l.on("dispose")); return 0 }, weir.Scoped())
		root := newContainer(t)
		p.settled(root)
		c := child(root, p.overrideWithValue(1))
		p.settled(c)
		p.hear(c, func(_, next int) { l.add("first %d", next); c.Close() })
		p.hear(c, func(_, next int) { l.add("second %d", next) })
		p.hear(root, func(_, next int) { l.add("root %d", next) })
		within(t, "the write", func() { p.set(c, 2) })
		settle()
		l.want(t, "one closed in a turn gets nothing more (P9)", "first 2")
		p.set(root, 3)
		settle()
		l.want(t, "the root goes on", "root 3")
	})
}

func TestN1AScopedNotifierHasAnInstancePerContainer(t *testing.T) {
	eachNotifier(t, func(t *testing.T, k noteKind) {
		var l trace
		user := scenarioNumber(1, weir.Scoped())
		p, notifier := k.make(nothingMade, func(ref weir.Ref, n noted) (int, error) { return weir.Watch(ref, user), nil }, weir.Scoped(user))
		root := newContainer(t)
		a, b := child(root, user.OverrideWithValue(2)), child(root, user.OverrideWithValue(3))
		for i, c := range []*weir.Container{root, a, b} {
			require.Equal(t, i+1, p.settled(c))
			p.hear(c, func(_, next int) { l.add("%d: %d", i, next) })
		}
		require.NotSame(t, notifier(root).is, notifier(a).is)
		require.NotSame(t, notifier(a).is, notifier(b).is)
		require.Same(t, notifier(a).is, notifier(child(a)).is)
		notifier(a).set(20)
		settle()
		l.want(t, "a's alone", "1: 20")
		old := notifier(a)
		a.Close()
		old.set(30)
		settle()
		l.want(t, "closed")
		user.Set(b, 4)
		settle()
		got := l.take()
		require.Contains(t, got, "2: 4")
		require.NotContains(t, got, "0: 4")
	})
}

func TestBuildEndedSaysWhatItFailedWith(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		var mu sync.Mutex
		var ended []weir.BuildEndedEvent
		c, _ := toldContainer(t, weir.WithObserver(&weir.Observer{BuildEnded: func(ev weir.BuildEndedEvent) {
			mu.Lock()
			defer mu.Unlock()
			ended = append(ended, ev)
		}}))
		for _, p := range []scenarioRig{
			k.makeErr(func(weir.Ref) (int, error) { return 0, errBoom }),
			k.makeErr(func(weir.Ref) (int, error) { panic(errBoom) }),
		} {
			ended = nil
			p.settledOrFailed(c)
			mu.Lock()
			require.Len(t, ended, 1)
			require.ErrorIs(t, ended[0].Err, errBoom)
			require.NoError(t, ended[0].Cause)
			require.Equal(t, weir.ReasonFirstBuild, ended[0].Reason)
			mu.Unlock()
		}
		panicked := k.makeErr(func(weir.Ref) (int, error) { panic("p") })
		panicked.settledOrFailed(c)
		mu.Lock()
		defer mu.Unlock()
		var pe *weir.PanicError
		require.ErrorAs(t, ended[len(ended)-1].Err, &pe)
		require.Equal(t, "p", pe.Value)
	})
}

func TestA6ARetryInAChildGoesWithTheChild(t *testing.T) {
	eachRetrying(t, func(t *testing.T, k scenarioKind) {
		var builds tally
		p := k.make(func(weir.Ref) int { return 0 }, weir.Scoped(), weir.Retry(every(time.Second, 1000)))
		root := newContainer(t)
		c := child(root, p.overrideWith(func(weir.Ref) (int, error) { builds.inc(); return 0, errBoom }))
		s := p.listen(c)
		pass(2500 * time.Millisecond)
		require.Equal(t, 3, builds.get())
		waited := async(t, func() {
			_, err := p.resolve(context.Background(), c)
			require.ErrorIs(t, err, weir.ErrContainerClosed)
		})
		settle()
		c.Close()
		await(t, "the Resolve", waited)
		pass(time.Hour)
		require.Equal(t, 3, builds.get())
		s.Close()
	})
}
