package weir

// This file tests the picture of an element's life that lifecycle.go holds as data: that it is whole, and that an element which is
// driven through its life takes no step that the picture does not have. What runs at each step is tested elsewhere.

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// reachable returns the states that can follow from, in any number of steps.
func reachable(from State) map[State]bool {
	seen, todo := map[State]bool{}, slices.Clone(successors[from])
	for len(todo) > 0 {
		s := todo[0]
		todo = todo[1:]
		if !seen[s] {
			seen[s] = true
			todo = append(todo, successors[s]...)
		}
	}
	return seen
}

func TestTheTableOfStatesIsWhole(t *testing.T) {
	require.Len(t, successors, len(stateNames), "a state without an entry, or an entry without a name")
	seen := map[string]bool{}
	for s := range State(len(stateNames)) {
		require.NotEmpty(t, successors[s], s.String())
		require.Equal(t, stateNames[s], s.String())
		require.False(t, s.String() == "" || s.String() == "unknown" || seen[s.String()], "%d has no name of its own", s)
		seen[s.String()] = true

		once := map[State]bool{}
		for _, next := range successors[s] {
			require.Less(t, int(next), len(stateNames), s.String())
			require.False(t, once[next] || next == s, "%s -> %s: no step, or twice the same", s, next)
			once[next] = true
		}
		require.True(t, reachable(s)[StateAbsent], "%s is a trap", s)
		require.True(t, reachable(StateAbsent)[s], "nothing leads to %s", s)
	}
	require.Equal(t, "unknown", State(len(stateNames)).String())
	require.Equal(t, []State{StateBuilding}, successors[StateAbsent], "nothing is used before it is built")
}

// lifeSteps collects the states that an element was seen in, without repetitions.
type lifeSteps struct {
	t    *testing.T
	seen []State
}

// see notes a state; it must be one that may follow the last one.
func (l *lifeSteps) see(s State) {
	l.t.Helper()
	if len(l.seen) == 0 {
		require.Equal(l.t, StateAbsent, s, "a life begins with nothing")
	} else if last := l.seen[len(l.seen)-1]; last == s {
		return
	} else {
		require.Contains(l.t, successors[last], s, "%s -> %s is not in the table", last, s)
	}
	l.seen = append(l.seen, s)
}

func (l *lifeSteps) String() string {
	var names []string
	for _, s := range l.seen {
		names = append(names, s.String())
	}
	return strings.Join(names, " ")
}

// stateIn is the state of p in a Snapshot of c: what is not in it is absent. It must be what the element itself derives.
func stateIn(t *testing.T, c *Container, p *base) State {
	t.Helper()
	state := StateAbsent
	for _, e := range c.Snapshot().Elements {
		if e.Provider.(interface{ identity() *base }).identity() == p {
			state = e.State
		}
	}
	if e := c.table.find(p); e != nil {
		c.tree.mu.Lock()
		defer c.tree.mu.Unlock()
		require.Equal(t, e.state(), state)
	}
	return state
}

func TestALifeTakesTheStepsOfTheTable(t *testing.T) { // L1, L2, L4, L5, L10, P4
	const delay = 10 * time.Millisecond
	type drivenLife struct {
		c     *Container
		see   func()
		state *StateProvider[int]
		read  func()
		open  func() (close func())
		p     AnyProvider
	}
	lives := []struct {
		name  string
		steps func(d *drivenLife)
		want  string
	}{
		{"read, left alone", func(d *drivenLife) {
			d.read()
			d.see()
			time.Sleep(2 * delay)
		}, "absent building standby absent"},
		{"listened to, left, listened to again, gone", func(d *drivenLife) {
			end := d.open()
			d.see()
			end()
			d.see()
			end = d.open()
			d.see()
			end()
			d.see()
			time.Sleep(2 * delay)
			d.see()
			end = d.open()
			d.see()
			end()
		}, "absent building active standby active standby absent building active standby"},
		{"rebuilt while active", func(d *drivenLife) {
			end := d.open()
			d.see()
			d.state.Set(d.c, 1)
			synctest.Wait()
			d.see()
			d.c.Invalidate(d.p)
			synctest.Wait()
			d.see()
			end()
		}, "absent building active building active building active standby"},
		{"rebuilt on standby, by the next read", func(d *drivenLife) {
			d.read()
			d.see()
			d.state.Set(d.c, 1)
			d.see() // stale, but still there (P4)
			d.read()
		}, "absent building standby building standby"},
		{"invalidated when nobody uses it", func(d *drivenLife) {
			d.read()
			d.see()
			d.c.Invalidate(d.p)
		}, "absent building standby absent"},
		{"closed while active", func(d *drivenLife) {
			d.open()
			d.see()
			d.c.Close()
		}, "absent building active absent"},
	}
	for _, async := range []bool{false, true} {
		for _, life := range lives {
			name := map[bool]string{false: "provider: ", true: "future: "}[async] + life.name
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := NewContainer()
					d := &drivenLife{c: c, state: NewStateProvider(func(Ref) int { return 0 })}
					steps := &lifeSteps{t: t}
					var id *base
					d.see = func() { steps.see(stateIn(t, c, id)) }
					if async {
						p := NewFutureProvider(func(_ context.Context, ref Ref) (int, error) {
							d.see()
							return Watch(ref, d.state), nil
						}, DisposeDelay(delay))
						id, d.p = p.identity(), p
						d.read = func() { Read(Scope(c), Source[AsyncValue[int]](p)); synctest.Wait() }
						d.open = func() func() {
							s := Listen(Scope(c), Source[AsyncValue[int]](p), nil)
							synctest.Wait()
							return s.Close
						}
					} else {
						p := NewProvider(func(ref Ref) int {
							d.see()
							return Watch(ref, d.state)
						}, DisposeDelay(delay))
						id, d.p = p.identity(), p
						d.read = func() { Read(Scope(c), Source[int](p)) }
						d.open = func() func() { return Listen(Scope(c), Source[int](p), nil).Close }
					}
					d.see()
					life.steps(d)
					synctest.Wait()
					d.see()
					require.Equal(t, life.want, steps.String())
					require.NoError(t, c.Shutdown(context.Background()))
				})
			})
		}
	}
}
