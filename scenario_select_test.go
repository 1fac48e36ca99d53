package weir_test

// Section 7 of the scenarios, select and selectAsync: what a selection passes on, how often its selector runs, and what its failures
// do.

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// parity is 2 for an even and 1 for an odd value, and counts its runs.
func parity(runs *atomic.Int32) func(int) int {
	return func(v int) int {
		runs.Add(1)
		return 2 - v%2
	}
}

func asyncSources(k scenarioKind) bool { return !k.raises }

func TestS171_ListeningToASelectionFromABuild(t *testing.T) {
	eachScenarioKindThat(t, writable, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		var runs atomic.Int32
		p := k.make(func(weir.Ref) int { return 0 })
		p.listen(c)
		p.settled(c)
		view := p.sel(parity(&runs))
		holder := k.make(func(ref weir.Ref) int {
			log.add("holder")
			view.hear(ref, func(prev, next int) { log.add("%d->%d", prev, next) })
			return 0
		})
		holder.listen(c)
		pump()
		log.want(t, "attached", "holder")
		require.EqualValues(t, 1, runs.Swap(0))
		for v, want := range [][]string{2: nil, 3: {"2->1"}, 4: {"1->2"}, 6: nil} {
			if v < 2 || v == 5 {
				continue
			}
			p.set(c, v)
			log.want(t, "changed", want...)
			require.EqualValues(t, 1, runs.Swap(0), "the selector runs once for each change")
		}
	})
}

func TestS172_FireImmediatelyOnASelection(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		var runs atomic.Int32
		p := k.make(func(weir.Ref) int { return 4 })
		p.settled(c)
		p.sel(parity(&runs)).hear(c, func(prev, next int) { log.add("%d->%d", prev, next) }, weir.FireImmediately())
		log.want(t, "fired", "0->2")
		require.EqualValues(t, 1, runs.Load())
		pump()
		log.want(t, "and no more")
	})
}

func TestS174_WatchingASelection(t *testing.T) {
	eachScenarioKindThat(t, writable, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		var runs atomic.Int32
		p := k.make(func(weir.Ref) int { return 0 })
		p.listen(c)
		p.settled(c)
		view := p.sel(parity(&runs))
		another := weir.NewProvider(func(ref weir.Ref) int { log.add("build"); return view.watch(ref) })
		weir.Listen(c, another, func(prev, next int) { log.add("%d->%d", prev, next) })
		log.want(t, "built", "build")
		require.EqualValues(t, 1, runs.Swap(0))
		p.set(c, 2)
		log.want(t, "even again")
		require.EqualValues(t, 1, runs.Swap(0))
		p.set(c, 3)
		log.want(t, "odd", "build", "2->1")
		require.EqualValues(t, 2, runs.Swap(0), "once to compare, once for the watch")
	})
}

func TestS175_ChainedSelections(t *testing.T) {
	eachScenarioKindThat(t, writable, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		builds := 0
		p := k.make(func(weir.Ref) int { return 0 })
		p.listen(c)
		p.settled(c)
		view := p.sel(func(v int) int { return v % 10 }).sel(func(v int) int { return btoi(v < 5) })
		dependent := weir.NewProvider(func(ref weir.Ref) int { builds++; return view.watch(ref) })
		weir.Listen(c, dependent, nil)
		for _, step := range []struct{ set, want, builds int }{{0, 1, 1}, {3, 1, 1}, {7, 0, 2}, {8, 0, 2}, {18, 0, 2}, {21, 1, 3}} {
			p.set(c, step.set)
			require.Equal(t, step.want, weir.Read(c, dependent), "%d", step.set)
			require.Equal(t, step.want, view.read(c), "%d", step.set)
			require.Equal(t, step.builds, builds, "%d", step.set)
		}
	})
}

func TestS177_ASelectorThatFails(t *testing.T) {
	eachScenarioKindThat(t, writable, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		p := k.make(func(weir.Ref) int { return 1 })
		p.listen(c)
		p.settled(c)
		view := p.sel(func(v int) int {
			if v == 2 {
				panic("Foo")
			}
			return v
		})
		s := view.hear(c, func(prev, next int) { log.add("%d->%d", prev, next) }, weir.OnError(func(err error) {
			var pe *weir.PanicError
			require.ErrorAs(t, err, &pe)
			log.add("error %v", pe.Value)
		}))
		dependent := weir.NewProvider(func(ref weir.Ref) int { return view.watch(ref) })
		weir.Listen(c, dependent, nil, weir.OnError(func(error) { log.add("dependent failed") }))
		p.set(c, 2)
		log.wantSet(t, "set", "error Foo", "dependent failed")
		require.NotNil(t, recovered(func() { view.subRead(s) }))
		err := asError(recovered(func() { weir.Read(c, dependent) }))
		var pe *weir.PanicError
		require.ErrorAs(t, err, &pe)
		require.Equal(t, "Foo", pe.Value)
		p.set(c, 3)
		log.want(t, "mended", "1->3")
		require.Equal(t, 3, view.subRead(s))
		require.Equal(t, 3, weir.Read(c, dependent))
		usable(t, c)
	})
}

func TestS178_TheProviderItselfFailed(t *testing.T) {
	// Riverpod wraps once per hop. Weir: one *PanicError all the way (E1), and the selector does not run. An AsyncValue that has failed
	// is a value: Select sees it, SelectAsync passes it on (S-194).
	eachScenarioKindThat(t, func(k scenarioKind) bool { return k.raises }, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var runs atomic.Int32
		p := k.makeErr(func(weir.Ref) (int, error) { return 0, errBoom })
		view := p.sel(parity(&runs))
		mid := k.make(func(ref weir.Ref) int { return view.watch(ref) })
		top := k.make(func(ref weir.Ref) int { return mid.sel(parity(&runs)).watch(ref) })
		var pe *weir.PanicError
		first := p.err(c)
		require.ErrorAs(t, first, &pe)
		require.Same(t, first, top.err(c))
		require.Same(t, first, mid.err(c))
		require.Same(t, first, view.err(c))
		require.Equal(t, errBoom, pe.Value)
		require.Zero(t, runs.Load())
	})
}

func TestS181_AListenerOfASelectionCounts(t *testing.T) {
	// S-181 and S-182: it counts until it is closed, and pausing it pauses the provider.
	eachAutoKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		p := k.make(func(ref weir.Ref) int { log.hooks(ref, "", true); return 1 }, weir.Name("p"))
		count := func() []int { i := info(t, c, p.id.Name()); return []int{i.Listeners, i.Paused} }
		p.settled(c)
		log.take()
		var runs atomic.Int32
		s := p.sel(parity(&runs)).listen(c)
		pump()
		require.Equal(t, []int{1, 0}, count())
		log.want(t, "listened", "resume", "add")
		s.Pause()
		require.Equal(t, []int{1, 1}, count())
		log.want(t, "paused", "cancel")
		s.Pause()
		s.Resume()
		require.True(t, s.IsPaused(), "it is counted")
		s.Resume()
		log.want(t, "resumed", "resume")
		require.EqualValues(t, 1, runs.Load(), "nothing has changed, so the selector has nothing to do")
		gone()
		s.Close()
		require.Equal(t, []int{0, 0}, count())
		log.want(t, "closed", "cancel", "remove")
		out()
		log.want(t, "its time is up", "dispose")
	})
}

// ---- selectAsync

func TestS184_SelectAsyncAsADependency(t *testing.T) {
	eachScenarioKindThat(t, asyncSources, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		n := scenarioNumber(10)
		gate := make(chan struct{})
		close(gate)
		a := k.make(func(ref weir.Ref) int {
			v := weir.Watch(ref, n)
			if k.async {
				<-gate
			}
			return v
		})
		units := a.selAsync(func(v int) int { return v % 10 })
		builds := 0
		b := k.makeErr(func(ref weir.Ref) (int, error) { builds++; return units.await(ref) })
		b.listen(c)
		pump()
		require.Equal(t, "data 0", b.readAs(c))
		want := 1
		for _, step := range []struct{ set, is, builds int }{{1, 1, 2}, {11, 1, 2}, {12, 2, 3}, {32, 2, 3}} {
			was := b.readAs(c)
			gate = make(chan struct{})
			n.Set(c, step.set)
			pump()
			if k.async {
				require.Equal(t, was, b.readAs(c), "while a reloads b is what it was")
				require.Equal(t, want, builds, "and is not rebuilt")
			}
			close(gate)
			pump()
			want = step.builds
			require.Equal(t, want, builds, "set to %d", step.set)
			require.Equal(t, step.is, b.read(c))
			isAtRest(t, b, c)
		}
	})
}

func isAtRest(t *testing.T, r scenarioRig, c *weir.Container) {
	t.Helper()
	require.Contains(t, r.readAs(c), "data ")
}

func TestS185_ReadOfASelectAsyncSubscription(t *testing.T) {
	eachScenarioKindThat(t, asyncSources, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		var runs atomic.Int32
		n := scenarioNumber(4)
		p := k.make(func(ref weir.Ref) int { return weir.Watch(ref, n) })
		p.listen(c)
		p.settled(c)
		view := p.selAsync(parity(&runs))
		s := view.hear(c, log.changes(""))
		for _, step := range []struct{ add, want int }{{0, 2}, {2, 2}, {1, 1}} {
			n.Update(c, func(v int) int { return v + step.add })
			pump()
			require.Equal(t, step.want, view.subRead(s))
			require.Equal(t, step.want, view.read(c))
		}
		log.want(t, "told", "2->1")
	})
}

func TestS187_ASelectorOfSelectAsyncThatFails(t *testing.T) {
	// S-187 and S-194. Riverpod wraps; Weir gives the source's error as it is and the selector's panic as a *PanicError.
	eachScenarioKindThat(t, asyncSources, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		n := scenarioNumber(1)
		p := k.makeErr(func(ref weir.Ref) (int, error) {
			v := weir.Watch(ref, n)
			if v == 4 {
				return 0, errBoom
			}
			return v, nil
		})
		var runs atomic.Int32
		view := p.selAsync(func(v int) int {
			runs.Add(1)
			if v < 3 {
				panic(v)
			}
			return 10 * v
		})
		for _, v := range []int{1, 2, 3} {
			n.Set(c, v)
			got, err := view.resolve(context.Background(), c)
			if v == 3 {
				require.NoError(t, err)
				require.Equal(t, 30, got)
				continue
			}
			var pe *weir.PanicError
			require.ErrorAs(t, err, &pe)
			require.Equal(t, v, pe.Value, "again with each value")
			require.ErrorAs(t, view.err(c), &pe)
		}
		runs.Store(0)
		n.Set(c, 4)
		_, err := view.resolve(context.Background(), c)
		require.Equal(t, errBoom, err, "S-194: the source's own error, raw")
		bare := k.makeErr(func(weir.Ref) (int, error) { return 0, errBoom }).selAsync(parity(&runs))
		runs.Store(0)
		_, err = bare.resolve(context.Background(), c)
		require.Equal(t, errBoom, err)
		require.Zero(t, runs.Load(), "there is nothing to select from")
	})
}

func TestS188_FireImmediatelyOnSelectAsync(t *testing.T) {
	// Riverpod fires one call with a handle. Weir fires one call with the state as it is.
	eachScenarioKindThat(t, asyncSources, func(t *testing.T, k scenarioKind) {
		var runs atomic.Int32
		fired := func(p scenarioRig, c *weir.Container) *trace {
			var log trace
			p.selAsync(parity(&runs)).hearAs(c, func(prev, next string) { log.add("%s,%s", prev, next) }, weir.FireImmediately())
			return &log
		}
		c := newContainer(t)
		data := k.make(func(weir.Ref) int { return 4 })
		data.settled(c)
		log := fired(data, c)
		log.want(t, "of data", ",data 2")
		fail := k.makeErr(func(weir.Ref) (int, error) { return 0, errBoom })
		fail.settled(c)
		log = fired(fail, c)
		log.want(t, "of a failure", ",failed boom")
		if k.async {
			log = fired(k.make(func(weir.Ref) int { return 4 }), c)
			require.Equal(t, ",loading", log.take()[0])
			pump()
		}
		pump()
		require.EqualValues(t, 1+btoi(k.async), runs.Load())
	})
}

func TestS191_AResolveOutlivesAFlurryOfLoading(t *testing.T) {
	eachScenarioKindThat(t, func(k scenarioKind) bool { return k.async }, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		gate := make(chan struct{})
		answer := 7
		p := k.makeErr(func(weir.Ref) (int, error) {
			mine := gate
			<-mine
			if answer < 0 {
				return 0, errBoom
			}
			return answer, nil
		})
		view := p.selAsync(func(v int) int { return v + 40 })
		p.listen(c)
		var got atomic.Int32
		wait := func() <-chan struct{} {
			return async(t, func() {
				v, err := view.resolve(context.Background(), c)
				require.NoError(t, err)
				got.Store(int32(v))
			})
		}
		still := func(done <-chan struct{}, state string) {
			t.Helper()
			pump()
			require.Equal(t, state, p.readAs(c))
			select {
			case <-done:
				t.Errorf("it returned %d while the state is %s", got.Load(), state)
			default:
			}
		}
		done := wait()
		still(done, "loading")
		c.Invalidate(p.id)
		still(done, "loading")
		c.InvalidateAsReload(p.id)
		p.refresh(c)
		still(done, "loading")
		answer = 2
		close(gate)
		await(t, "the first settled value", done)
		require.EqualValues(t, 42, got.Load())

		// With an error and a value beside the loading it waits just so.
		pump()
		answer = -1
		c.Invalidate(p.id)
		pump()
		require.Equal(t, "failed boom was 2", p.readAs(c))
		gate = make(chan struct{})
		c.Invalidate(p.id)
		done = wait()
		still(done, "refreshing boom was 2")
		c.InvalidateAsReload(p.id)
		still(done, "reloading boom was 2")
		answer = 3
		close(gate)
		await(t, "the next settled value", done)
		require.EqualValues(t, 43, got.Load())
	})
}

func TestS192_AnAwaitOfASelectionAndTheEndOfItsBuild(t *testing.T) {
	// Riverpod: a handle resolves with the source's next event even if the build that took it is over. Weir: that build's Await returns
	// the cause (C8), the next build's gets the event, and whoever Resolves waits through both.
	eachScenarioKindThat(t, func(k scenarioKind) bool { return k.async }, func(t *testing.T, k scenarioKind) {
		for _, fails := range []bool{false, true} {
			c := newContainer(t)
			gate := make(chan struct{})
			source := k.makeErr(func(weir.Ref) (int, error) {
				<-gate
				if fails {
					return 0, errBoom
				}
				return 2, nil
			})
			view := source.selAsync(func(v int) int { return v + 40 })
			var causes []error
			watcher := k.makeErr(func(ref weir.Ref) (int, error) {
				v, err := view.await(ref)
				causes = append(causes, err)
				return v, err
			})
			watcher.listen(c)
			pump()
			require.Empty(t, causes)
			var got int
			var err error
			done := async(t, func() { got, err = watcher.resolve(context.Background(), c) })
			pump()
			c.Invalidate(watcher.id)
			pump()
			require.Len(t, causes, 1)
			require.ErrorIs(t, causes[0], weir.ErrInvalidated)
			close(gate)
			await(t, "the second build's result", done)
			require.Len(t, causes, 2)
			if fails {
				require.Equal(t, errBoom, err)
				require.Equal(t, errBoom, causes[1])
			} else {
				require.NoError(t, err)
				require.Equal(t, 42, got)
				require.NoError(t, causes[1])
			}
		}
	})
}
