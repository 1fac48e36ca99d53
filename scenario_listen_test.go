package weir_test

// Section 6 of the scenarios, listen: who is called with what, and what fails when something fails.

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func writable(k scenarioKind) bool { return k.state }

func TestS132_FireImmediately(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		p := k.make(func(weir.Ref) int { return 5 })
		p.settled(c)
		p.hearAs(c, func(prev, next string) { log.add("%s->%s", prev, next) })
		log.want(t, "without")
		p.hearAs(c, func(prev, next string) { log.add("%s->%s", prev, next) }, weir.FireImmediately())
		if k.raises {
			log.want(t, "with, before Listen returns", "data 0->data 5")
		} else {
			log.want(t, "with, before Listen returns", "->data 5")
		}
		pump()
		log.want(t, "and no more")
	})
}

func TestS134_AllListenersRunWithinTheChange(t *testing.T) {
	eachScenarioKindThat(t, writable, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		p := k.make(func(weir.Ref) int { return 1 })
		for _, name := range []string{"a ", "b ", "c "} {
			p.hear(c, log.changes(name))
		}
		pump()
		log.take()
		p.set(c, 2)
		log.want(t, "when Set returns", "a 1->2", "b 1->2", "c 1->2")
		p.set(c, 2)
		pump()
		log.want(t, "an equal value")
	})
}

func TestS135_ListenersThatFail(t *testing.T) {
	eachScenarioKindThat(t, writable, func(t *testing.T, k scenarioKind) {
		c, told := toldContainer(t)
		var log trace
		p := k.make(func(weir.Ref) int { return 1 })
		p.settled(c)
		for _, v := range []int{42, 21} {
			p.hear(c, func(_, next int) { log.add("%d:%d", v, next); panic(v) })
		}
		p.hear(c, log.changes("last "))
		require.Nil(t, recovered(func() { p.set(c, 2) }), "the setter does not fail")
		log.want(t, "all run once", "42:2", "21:2", "last 1->2")
		require.Equal(t, []string{"42", "21"}, told.values())
		p.set(c, 3)
		log.want(t, "and again: they are not closed for it", "42:3", "21:3", "last 2->3")
		require.Equal(t, []string{"42", "21"}, told.values())
		require.Equal(t, 3, p.read(c))
	})
}

func TestS137_AListenerClosesALaterOne(t *testing.T) {
	eachScenarioKindThat(t, writable, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		var later sub
		p := k.make(func(weir.Ref) int { return 1 })
		p.settled(c)
		p.hear(c, func(_, next int) { log.add("a%d", next); later.Close() })
		later = p.hear(c, func(_, next int) { log.add("closed%d", next) })
		p.hear(c, func(_, next int) { log.add("b%d", next) })
		p.set(c, 2)
		log.want(t, "the round in which it is closed", "a2", "b2")
		p.set(c, 3)
		log.want(t, "a later one", "a3", "b3")
	})
}

func TestS138_NothingAfterClose(t *testing.T) {
	eachScenarioKindThat(t, writable, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		p := k.make(func(weir.Ref) int { return 1 }, weir.Name("p"))
		p.settled(c)
		s := p.hear(c, log.changes(""))
		require.Equal(t, 1, info(t, c, p.id.Name()).Listeners)
		s.Close()
		s.Close()
		require.Zero(t, info(t, c, p.id.Name()).Listeners)
		p.set(c, 2)
		pump()
		log.want(t, "closed")
		require.Equal(t, 2, p.subRead(s), "its Read is a Read of its scope (D1)")
	})
}

func TestS141_ListeningToWhatFails(t *testing.T) {
	// Riverpod wraps the error. Weir gives it as it is; a panic of a synchronous kind comes as one *PanicError (E1).
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		p := k.makeErr(func(weir.Ref) (int, error) { return 0, errBoom })
		view := p.sel(func(v int) int { return v + 1 })
		s, v := p.listen(c), view.listen(c)
		pump()
		if !k.raises {
			require.Equal(t, "failed boom", p.readAs(c))
			require.Equal(t, errBoom, p.err(c), "raw")
			require.Equal(t, 1, view.subRead(v), "the selector gets the AsyncValue")
			return
		}
		var pe *weir.PanicError
		for _, read := range []func(){func() { p.subRead(s) }, func() { view.subRead(v) }} {
			err := asError(recovered(read))
			require.ErrorAs(t, err, &pe)
			require.ErrorIs(t, err, errBoom)
			require.Equal(t, errBoom, pe.Value)
		}
	})
}

func TestS142_ReadOfASubscriptionIsFresh(t *testing.T) {
	eachScenarioKindThat(t, synchronous, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		n := scenarioNumber(0)
		builds := 0
		p := k.make(func(ref weir.Ref) int { builds++; return weir.Watch(ref, n) })
		view := p.sel(func(v int) int { return -v })
		s, v := p.listen(c), view.listen(c)
		s.Pause()
		v.Pause()
		require.Equal(t, 0, p.subRead(s))
		n.Set(c, 1)
		require.Equal(t, 1, builds, "both are paused")
		require.Equal(t, 1, p.subRead(s))
		require.Equal(t, -1, view.subRead(v))
		require.Equal(t, 2, builds)
		n.Set(c, 2)
		require.Equal(t, -2, view.subRead(v))
		require.Equal(t, 3, builds)
	})
}

func TestS144_ARebuildFailsAndNobodyAsksForErrors(t *testing.T) {
	// Riverpod's sink gets the error. Weir's panic handler gets what was a panic; an error is a value, told to the listener.
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		for _, where := range []string{"container", "ref", "select"} {
			c, told := toldContainer(t)
			var log trace
			n := scenarioNumber(1)
			p := k.makeErr(func(ref weir.Ref) (int, error) {
				if v := weir.Watch(ref, n); v == 1 {
					return v, nil
				}
				return 0, errBoom
			})
			switch where {
			case "container":
				p.hear(c, func(_, next int) { log.add("heard %d", next) })
			case "ref":
				weir.Listen(c, weir.NewProvider(func(ref weir.Ref) int {
					p.hear(ref, func(_, next int) { log.add("heard %d", next) })
					return 0
				}), nil)
			case "select":
				p.sel(func(v int) int { return v }).hear(c, func(_, next int) { log.add("heard %d", next) })
			}
			pump()
			log.take()
			n.Set(c, 2)
			pump()
			got := log.take()
			if k.raises {
				require.Empty(t, got, where)
				require.Equal(t, []string{"boom"}, told.values(), where)
			} else {
				require.Empty(t, told.values(), where)
				require.Equal(t, errBoom, p.err(c))
				if where != "select" { // the value of before is beside the error, and the selection of it is no other
					require.NotEmpty(t, got, where)
				}
			}
		}
	})
}

func TestS145_FireImmediatelyOnWhatFailed(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		p := k.makeErr(func(weir.Ref) (int, error) { return 0, errBoom })
		p.err(c)
		pump()
		p.hearAs(c, func(_, next string) { log.add("heard %s", next) }, weir.FireImmediately(), weir.OnError(func(err error) {
			require.ErrorIs(t, err, errBoom)
			var pe *weir.PanicError
			require.ErrorAs(t, err, &pe)
			require.NotEmpty(t, pe.Stack)
			log.add("error")
		}))
		if k.raises {
			log.want(t, "told before Listen returns", "error")
		} else { // Weir: the failure of an asynchronous or Try build is a value
			log.want(t, "told before Listen returns", "heard failed boom")
		}
		pump()
		log.want(t, "and no more")
	})
}

func TestS147_AFailureAtSecondHand(t *testing.T) {
	// Riverpod never reports second-hand errors as uncaught. Weir (E1, D14): a first build that fails tells nobody without
	// FireImmediately, whoever caused it; a failure travels unnested; and what each listener is told is one and the same.
	eachScenarioKindThat(t, func(k scenarioKind) bool { return k.raises }, func(t *testing.T, k scenarioKind) {
		c, told := toldContainer(t)
		d := k.makeErr(func(weir.Ref) (int, error) { return 0, errBoom }, weir.Name("d"))
		p := k.make(func(ref weir.Ref) int { return d.watch(ref) }, weir.Name("p"))
		p.listen(c)
		require.Empty(t, told.values(), "nobody was told of the first build")
		first, second := p.err(c), d.err(c)
		require.Same(t, first, second, "one *PanicError")
		var pe *weir.PanicError
		require.ErrorAs(t, first, &pe)
		require.Equal(t, d.id.Name(), pe.Provider)
		require.Equal(t, errBoom, pe.Value)
		var errs []error
		p.listen(c, weir.FireImmediately(), weir.OnError(func(err error) { errs = append(errs, err) }))
		require.Equal(t, []error{second}, errs)
		require.Empty(t, told.values())
		p.listen(c, weir.FireImmediately())
		handed := told.take()
		require.Len(t, handed, 1, "who asks to be told at once and has no OnError leaves it to the handler (E1)")
		require.Same(t, second, error(handed[0]))
	})
}

func TestS148_AListenerThatFailsWhenItIsFired(t *testing.T) {
	eachScenarioKindThat(t, writable, func(t *testing.T, k scenarioKind) {
		c, told := toldContainer(t)
		var log trace
		p := k.make(func(weir.Ref) int { return 1 })
		p.settled(c)
		var s sub
		require.Nil(t, recovered(func() {
			s = p.hear(c, func(prev, next int) {
				log.add("%d->%d", prev, next)
				if next == 1 {
					panic("first")
				}
			}, weir.FireImmediately())
		}))
		log.want(t, "fired", "0->1")
		require.Equal(t, []string{"first"}, told.values())
		p.set(c, 2)
		log.want(t, "it is live", "1->2")
		require.Empty(t, told.values())
		s.Close()
		p.set(c, 3)
		log.want(t, "closed")
	})
}

func TestS151_ListeningFromABuildToWhatIsStale(t *testing.T) {
	eachScenarioKindThat(t, synchronous, func(t *testing.T, k scenarioKind) {
		for _, fire := range []bool{false, true} {
			c := newContainer(t)
			var log trace
			n := scenarioNumber(21)
			d := k.make(func(ref weir.Ref) int { log.add("build"); return weir.Watch(ref, n) })
			d.read(c)
			n.Set(c, 42)
			log.want(t, "it is stale", "build")
			holder := k.make(func(ref weir.Ref) int {
				if fire {
					d.hear(ref, func(prev, next int) { log.add("%d->%d", prev, next) }, weir.FireImmediately())
				} else {
					d.hear(ref, func(prev, next int) { log.add("%d->%d", prev, next) })
				}
				return 0
			})
			holder.listen(c)
			if fire {
				log.want(t, "S-152: fired", "build", "0->42")
			} else {
				log.want(t, "the rebuild is not told to the listener that caused it", "build")
			}
			n.Set(c, 7)
			log.want(t, "changed", "build", "42->7")
		}
	})
}

// ---- weak listeners

func TestS154_AWeakListenerBuildsNothing(t *testing.T) {
	// S-154, S-155, S-157.
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		value := 5
		d := k.make(func(weir.Ref) int { log.add("build"); return value }, weir.Name("d"))
		var s sub
		p := k.make(func(ref weir.Ref) int { s = d.weak(ref, log.changes("")); return 0 })
		p.listen(c)
		pump()
		log.want(t, "S-154: its holder was built")
		require.False(t, c.Exists(d.id))
		d.settled(c)
		log.want(t, "S-155: somebody else built it", "build", "0->5")
		i := info(t, c, d.id.Name())
		require.Equal(t, []int{0, 1}, []int{i.Listeners, i.Weak})
		s.Close()
		require.Zero(t, info(t, c, d.id.Name()).Weak)
		value = 6
		d.refresh(c)
		pump()
		log.want(t, "S-157: closed", "build")
	})
}

func TestS158_AWeakListenerDoesNotMakeItActive(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		value := 5
		p := k.make(func(ref weir.Ref) int { log.add("build"); log.hooks(ref, "", k.auto); return value })
		p.weak(c, log.changes(""))
		p.settled(c)
		log.take()
		p.weak(c, log.changes("late ")).Close()
		log.want(t, "weak ones come and go without a hook")
		value = 6
		c.Invalidate(p.id)
		pump()
		log.want(t, "invalidated: not rebuilt, not told", "dispose")
		p.settled(c)
		got := log.take()
		require.Equal(t, 1, count(got, "build"), "%v", got)
		if !k.async {
			require.Equal(t, 1, count(got, "5->6"), "%v", got)
		} else { // disposed of (L10), it loads with nothing beside; whether that was seen to begin is up to the scheduler
			require.Equal(t, 1, count(got, "5->6")+count(got, "0->6"), "%v", got)
		}
	})
}

func TestS161_AWeakListenerOfASelection(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		n := scenarioNumber(12)
		p := k.make(func(ref weir.Ref) int { log.add("build"); return weir.Watch(ref, n) })
		view := p.sel(func(v int) int { return v / 10 })
		s := view.weak(c, log.changes(""))
		pump()
		log.want(t, "listened")
		view.subRead(s)
		pump()
		require.Equal(t, 1, view.subRead(s))
		log.want(t, "its Read builds", "build", "0->1")
		n.Set(c, 15)
		view.subRead(s)
		pump()
		log.want(t, "filtered", "build")
		n.Set(c, 25)
		view.subRead(s)
		pump()
		log.want(t, "not filtered", "build", "1->2")
	})
}

func TestS162_AWeakListenerOfAnAsynchronousOne(t *testing.T) {
	eachScenarioKindThat(t, func(k scenarioKind) bool { return k.async }, func(t *testing.T, k scenarioKind) {
		for _, by := range []string{"another read", "its own Read"} {
			c := newContainer(t)
			var log trace
			builds := 0
			p := k.make(func(weir.Ref) int { builds++; return 42 })
			s := p.hearAs(c, func(prev, next string) { log.add("%s, %s", prev, next) }, weir.Weak())
			pump()
			require.Zero(t, builds)
			if by == "another read" {
				p.read(c)
			} else {
				p.subRead(s)
			}
			pump()
			got := log.take()
			require.Equal(t, 1, builds)
			require.NotEmpty(t, got)
			require.Equal(t, "data 42", got[len(got)-1][len(got[len(got)-1])-len("data 42"):], "%v", got)
			require.LessOrEqual(t, len(got), 2, "loading, then data: %v", got)
		}
	})
}

// ---- Changed, which is Weir's handle on a subscription that calls nobody

func TestS167_ReadBehindChanged(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		c, _ := toldContainer(t)
		n := scenarioNumber(1)
		p := k.makeErr(func(ref weir.Ref) (int, error) {
			v := weir.Watch(ref, n)
			if v == 2 {
				return 0, errBoom
			}
			return v, nil
		})
		s := p.listen(c)
		pump()
		signalled := func() (n int) {
			for {
				select {
				case <-s.Changed():
					n++
				default:
					return n
				}
			}
		}
		signalled()
		n.Set(c, 2)
		pump()
		require.Equal(t, 1, signalled(), "one signal for any number of transitions")
		err := asError(recovered(func() { p.subRead(s) }))
		if k.raises {
			require.True(t, errors.Is(err, errBoom), "%v", err)
		} else {
			require.NoError(t, err)
			require.Equal(t, errBoom, p.err(c))
		}
		require.Zero(t, signalled())
	})
}

func TestS168_ChangedOfASelection(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		n := scenarioNumber(12)
		p := k.make(func(ref weir.Ref) int { return weir.Watch(ref, n) })
		p.settled(c)
		view := p.sel(func(v int) int { return v / 10 })
		s := view.listen(c)
		signalled := func() bool {
			pump()
			select {
			case <-s.Changed():
				return true
			default:
				return false
			}
		}
		require.False(t, signalled(), "the value at the time of Listen is no change")
		n.Set(c, 15)
		require.False(t, signalled(), "the selected part is the same")
		n.Set(c, 25)
		require.True(t, signalled())
		require.Equal(t, 2, view.subRead(s))
		require.False(t, signalled())
	})
}
