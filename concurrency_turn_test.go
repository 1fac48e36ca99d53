package weir_test

// This file holds the rules of turns: G3 (turns of one container never overlap), G4 (who delivers, and that nobody is held hostage), G5
// (what Close of a subscription promises) and G11 (what never waits for a turn). A turn is stopped by a listener that waits for the test.

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// turnStop is a turn that stands still inside a listener.
type turnStop struct {
	goOn chan struct{}
	over <-chan struct{}
}

// stopTurn starts a turn of c on a goroutine of its own and returns when it is inside a listener.
func stopTurn(t *testing.T, c *weir.Container) turnStop {
	t.Helper()
	n := listenState(0)
	entered, goOn := make(chan struct{}), make(chan struct{})
	s := weir.Listen(c, n, func(_, _ int) { close(entered); <-goOn })
	over := async(t, func() { n.Set(c, 1); s.Close() })
	await(t, "a turn", entered)
	return turnStop{goOn, over}
}

func (s turnStop) release(t *testing.T) {
	t.Helper()
	close(s.goOn)
	await(t, "the turn that stood still", s.over)
}

// ---- G3

func TestG3TurnsOfOneContainerNeverOverlap(t *testing.T) {
	// While a listener runs, nothing else is delivered, whatever other goroutines do; afterwards everything is, in the order in which it
	// came about (L3). Planted bug: each caller delivers its own change.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		n := listenState(0)
		weir.Listen(c, n, propagationArrow[int](&log, "n "))
		p := weir.NewProvider(func(ref weir.Ref) int { log.hooks(ref, "p ", true); return 0 }, weir.AutoDispose())
		weir.Listen(c, p, nil).Close()
		log.take()
		stop := stopTurn(t, c)
		within(t, "calls beside a turn", func() {
			n.Set(c, 1)
			s := weir.Listen(c, p, nil)
			s.Pause()
			s.Resume()
			weir.Listen(c, p, nil)
			n.Set(c, 2)
		})
		settle()
		log.want(t, "beside the turn")
		stop.release(t)
		flush(t, c)
		got := log.take()
		require.Equal(t, 1, count(got, "n 0→2"), "once, with what it last saw: %v", got)
		inOrder(t, got, "p resume", "p add", "p add")
		require.Equal(t, 0, count(got, "p cancel"), "L2: what came and went in between causes no hook: %v", got)
	})
}

func TestG3ListenersAndHooksRunOneAtATime(t *testing.T) {
	// Four writers and listeners of their own; a counter of who is inside. Planted bug: as above.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		var inside atomic.Int32
		enter := func() {
			if n := inside.Add(1); n != 1 {
				t.Errorf("%d callbacks at once", n)
			}
			runtime.Gosched()
			inside.Add(-1)
		}
		hooked := weir.NewProvider(func(ref weir.Ref) int {
			ref.OnAddListener(enter)
			ref.OnRemoveListener(enter)
			ref.OnCancel(enter)
			ref.OnResume(enter)
			return 0
		}, weir.AutoDispose())
		weir.Read(c, hooked)
		var wg sync.WaitGroup
		for range 4 {
			n := listenState(0)
			p := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, n) })
			weir.Listen(c, n, func(_, _ int) { enter() })
			weir.Listen(c, p, func(_, _ int) { enter() })
			wg.Go(func() {
				for i := range 300 {
					n.Set(c, i+1)
					weir.Listen(c, hooked, nil).Close()
				}
			})
		}
		wg.Wait()
		flush(t, c)
	})
}

func TestG3TurnsOfDifferentContainersMayOverlap(t *testing.T) {
	// A listener of one waits until a listener of the other runs. Planted bug: one turn for the process.
	guard(t, func(t *testing.T) {
		n := listenState(0)
		here, there := make(chan struct{}), make(chan struct{})
		a, b := newContainer(t), newContainer(t)
		weir.Listen(a, n, func(_, _ int) { close(here); <-there })
		weir.Listen(b, n, func(_, _ int) { close(there); <-here })
		first := async(t, func() { n.Set(a, 1) })
		second := async(t, func() { n.Set(b, 1) })
		await(t, "the turn of the first container", first)
		await(t, "the turn of the second container", second)
	})
}

// ---- G4

func TestG4ACallDeliversItsOwnChangesBeforeItReturns(t *testing.T) {
	// Also what hooks and listeners add, however deep. In a bubble, where no turn takes long enough to be handed over. Planted bug: hand
	// every turn to a goroutine.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		const depth = 200
		var states []*weir.StateProvider[int]
		for range depth {
			states = append(states, listenState(0))
		}
		for i := range depth - 1 {
			weir.Listen(c, states[i], func(_, next int) { states[i+1].Set(c, next) })
		}
		last := 0
		weir.Listen(c, states[depth-1], func(_, next int) { last = next })
		for i := 1; i <= 10; i++ {
			states[0].Set(c, i)
			require.Equal(t, i, last)
		}
	})
}

func TestG4ACallReturnsAtOnceWhileAnotherGoroutineDelivers(t *testing.T) {
	// Every call that changes something, beside a turn that stands still. Planted bug: wait for the turn's lock.
	calls := map[string]func(c *weir.Container, n *weir.StateProvider[int], p *weir.Provider[int], s *weir.Subscription[int]){
		"Set": func(c *weir.Container, n *weir.StateProvider[int], _ *weir.Provider[int], _ *weir.Subscription[int]) {
			n.Set(c, 5)
		},
		"Update": func(c *weir.Container, n *weir.StateProvider[int], _ *weir.Provider[int], _ *weir.Subscription[int]) {
			n.Update(c, func(v int) int { return v + 5 })
		},
		"Batch": func(c *weir.Container, n *weir.StateProvider[int], _ *weir.Provider[int], _ *weir.Subscription[int]) {
			c.Batch(func(tx *weir.Tx) { n.Set(tx, 5) })
		},
		"Invalidate": func(c *weir.Container, _ *weir.StateProvider[int], p *weir.Provider[int], _ *weir.Subscription[int]) {
			c.Invalidate(p)
		},
		"Refresh": func(c *weir.Container, _ *weir.StateProvider[int], p *weir.Provider[int], _ *weir.Subscription[int]) {
			weir.Refresh(c, p)
		},
		"Listen": func(c *weir.Container, _ *weir.StateProvider[int], p *weir.Provider[int], _ *weir.Subscription[int]) {
			weir.Listen(c, p, nil)
		},
		"Close": func(_ *weir.Container, _ *weir.StateProvider[int], _ *weir.Provider[int], s *weir.Subscription[int]) {
			s.Close()
		},
		"Pause, Resume": func(_ *weir.Container, _ *weir.StateProvider[int], _ *weir.Provider[int], s *weir.Subscription[int]) {
			s.Pause()
			s.Resume()
		},
		"DisposeUnused": func(c *weir.Container, _ *weir.StateProvider[int], _ *weir.Provider[int], _ *weir.Subscription[int]) {
			c.DisposeUnused()
		},
		"Container.Close": func(c *weir.Container, _ *weir.StateProvider[int], _ *weir.Provider[int], _ *weir.Subscription[int]) {
			c.Close()
		},
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			guard(t, func(t *testing.T) {
				c := newContainer(t)
				n := listenState(0)
				p := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, n) }, weir.AutoDispose())
				s := weir.Listen(c, p, nil)
				stop := stopTurn(t, c)
				within(t, name+" beside a turn", func() { call(c, n, p, s) })
				stop.release(t)
			})
		})
	}
}

func TestG4NoCallerIsHeldHostage(t *testing.T) {
	// The caller's turn finds ever more work of another goroutine. It must return all the same, and the work goes on without it. Planted
	// bug: drain the queue until it is empty.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		base := runtime.NumGoroutine()
		const limit = 100_000
		mine, theirs := listenState(0), listenState(0)
		start, started := make(chan struct{}), make(chan struct{})
		called, queued := make(chan int), make(chan bool)
		more := true
		last := 0
		weir.Listen(c, mine, func(_, _ int) { close(start); <-started })
		weir.Listen(c, theirs, func(_, next int) {
			last = next
			if more {
				called <- next
				more = <-queued
			}
		})
		returned := make(chan struct{})
		sets := 1
		others := async(t, func() {
			<-start
			theirs.Set(c, 1)
			close(started)
			for v := range called {
				select {
				case <-returned:
					queued <- false
					return
				default:
				}
				if v == limit {
					t.Errorf("the caller has not returned after %d foreign deliveries", limit)
					queued <- false
					return
				}
				sets++
				theirs.Set(c, v+1)
				queued <- true
			}
		})
		mine.Set(c, 1)
		close(returned)
		await(t, "the other goroutine", others)
		flush(t, c)
		require.Equal(t, sets, last, "the last foreign set was delivered")
		goroutinesBack(t, base)
	})
}

func TestG4CallsBesideALongTurn(t *testing.T) {
	// One turn calls a listener more than a thousand times (P7 looks closer then) while a bystander uses the container: the race detector
	// judges. Planted bug: look at what belongs to the goroutine of the turn from another one's call.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		const rounds = 1200
		n, other := listenState(0), listenState(0)
		weir.Read(c, other)
		inCall, written := make(chan struct{}), make(chan struct{})
		weir.Listen(c, n, func(_, next int) {
			for range 30 {
				runtime.Gosched() // no handshake with the bystander: that would order the two
			}
			if next < rounds {
				inCall <- struct{}{}
				<-written
			}
		})
		weir.Listen(c, n, func(_, _ int) {})
		var over atomic.Bool
		bystander := async(t, func() {
			for !over.Load() {
				weir.Listen(c, other, nil).Close()
				runtime.Gosched()
			}
		})
		writer := async(t, func() {
			for i := 2; i <= rounds; i++ {
				<-inCall
				n.Set(c, i)
				written <- struct{}{}
			}
		})
		n.Set(c, 1)
		await(t, "the writer", writer)
		over.Store(true)
		await(t, "the bystander", bystander)
		flush(t, c)
	})
}

func TestG4ABurstOfOthersIsDeliveredAfterTheHandover(t *testing.T) {
	// While one turn stands still, others queue far more than any bound: the caller comes back, all is delivered, G6: no goroutine stays.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		base := runtime.NumGoroutine()
		var states []*weir.StateProvider[int]
		delivered, burst := 0, 3000
		if allocUnderRace {
			burst = 300 // the invariant checker looks at all of them after each turn
		}
		for range burst {
			n := listenState(0)
			weir.Listen(c, n, func(_, _ int) { delivered++ })
			states = append(states, n)
		}
		stop := stopTurn(t, c)
		within(t, "a burst beside a turn", func() {
			for _, n := range states {
				n.Set(c, 1)
			}
		})
		stop.release(t)
		flush(t, c)
		require.Equal(t, burst, delivered)
		goroutinesBack(t, base)
	})
}

// ---- G5

func TestG5NoNewDeliveryBeginsAfterClose(t *testing.T) {
	// The turn stands in an earlier listener of the same change; the later one is closed on another goroutine and must not be called.
	// Planted bug: run a copied list without looking at each entry again.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		n := listenState(0)
		entered, goOn := make(chan struct{}), make(chan struct{})
		weir.Listen(c, n, func(_, _ int) { close(entered); <-goOn })
		later := weir.Listen(c, n, func(_, _ int) { t.Error("a delivery began after Close had returned") })
		turn := async(t, func() { n.Set(c, 1) })
		await(t, "the turn", entered)
		within(t, "Close beside a turn", later.Close)
		close(goOn)
		await(t, "the turn", turn)
		flush(t, c)
	})
}

func TestG5FlushWaitsForADeliveryThatHasBegun(t *testing.T) {
	// Close does not wait for a delivery that runs on another goroutine (it may be the one that waits for us); Flush does. Planted bugs:
	// Close joins the turn; Flush only looks at the queue.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		n := listenState(0)
		entered, goOn := make(chan struct{}), make(chan struct{})
		s := weir.Listen(c, n, func(_, _ int) { close(entered); <-goOn })
		turn := async(t, func() { n.Set(c, 1) })
		await(t, "the delivery", entered)
		within(t, "Close beside the delivery", s.Close)
		flushed := async(t, func() { require.NoError(t, c.Flush(t.Context())) })
		settle()
		select {
		case <-flushed:
			t.Error("Flush returned while a delivery runs")
		default:
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, c.Flush(ctx), context.Canceled, "a Flush ends with its ctx")
		close(goOn)
		await(t, "Flush", flushed)
		await(t, "the turn", turn)
	})
}

func TestG5AfterCloseAndFlushTheCallbacksMemoryIsOurs(t *testing.T) {
	// What the guarantee is for: free what the callback uses. Under the race detector; planted bug: as in the two tests above.
	needsPreemption(t)
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		n := listenState(0)
		var over atomic.Bool
		writer := async(t, func() {
			for !over.Load() {
				n.Update(c, func(v int) int { return v + 1 })
			}
		})
		for range 200 {
			resource := new(int)
			s := weir.Listen(c, n, func(_, next int) {
				runtime.Gosched() // most deliveries are under way when Close comes
				*resource = next
			})
			runtime.Gosched()
			s.Close()
			if err := c.Flush(t.Context()); err != nil {
				t.Error(err)
			}
			*resource = -1
		}
		over.Store(true)
		await(t, "the writer", writer)
	})
}

// ---- G11

func TestG11NothingButDeliveryWaitsForATurn(t *testing.T) {
	// Beside a turn that stands still: builds start, results are published, waiters wake, counts change, stale values are rebuilt by
	// whoever reads them. Planted bug: do any of these in the turn.
	guard(t, func(t *testing.T) {
		c := newContainer(t)
		n := listenState(0)
		double := weir.NewProvider(func(ref weir.Ref) int { return 2 * weir.Watch(ref, n) })
		goOn := make(chan struct{})
		started := make(chan string, 9)
		fetch := weir.NewFamily(func(key string) *weir.FutureProvider[string] {
			return weir.NewFutureProvider(func(context.Context, weir.Ref) (string, error) {
				started <- key
				<-goOn
				return "got " + key, nil
			}, weir.Name(key))
		}, weir.Name("fetch"))
		dependent := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (string, error) {
			v, err := weir.Await(ref, fetch.Of("before"))
			return v + "!", err
		})
		told := 0
		weir.Listen(c, dependent, func(_, _ weir.AsyncValue[string]) { told++ })
		require.Equal(t, "before", await(t, "a build", started))
		weir.Read(c, double)
		stop := stopTurn(t, c)
		within(t, "everything else beside the turn", func() {
			s := weir.Listen(c, fetch.Of("beside"), nil)
			require.Equal(t, "beside", await(t, "a build that starts beside the turn", started))
			require.Equal(t, 1, info(t, c, "fetch(beside)").Listeners)
			close(goOn)
			v, err := weir.Resolve(t.Context(), c, fetch.Of("beside"))
			require.NoError(t, err)
			require.Equal(t, "got beside", v)
			v, err = weir.Resolve(t.Context(), c, dependent)
			require.NoError(t, err)
			require.Equal(t, "got before!", v, "an Await that was waiting has woken")
			n.Set(c, 4)
			require.Equal(t, 8, weir.Read(c, double))
			s.Close()
			require.Equal(t, 0, info(t, c, "fetch(beside)").Listeners)
			c.Invalidate(fetch.Of("beside"))
			require.Equal(t, "got beside", fmt.Sprint(weir.Refresh(c, fetch.Of("beside")).ValueOr("")), "previous data, reloading")
			require.Equal(t, "beside", await(t, "a rebuild beside the turn", started))
		})
		require.Zero(t, told, "delivery does wait")
		stop.release(t)
		flush(t, c)
		require.NotZero(t, told)
	})
}
