package weir_test

// This file holds what a notifier shows and does when its life is over (N3, G10).

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// lastState is what State of a notifier whose life is over returns, after a state of 42.
func lastState(k noteKind, closed bool) string {
	switch {
	case closed:
		return "data 42" // G10
	case k.async:
		return show(weir.AsyncValue[int]{})
	}
	return "data 0"
}

// What keeps the element in its place (a weak listener, a function that is still running) does not show in an old notifier.
func TestN3_AnOldNotifierHasNothingOfItsElement(t *testing.T) {
	for name, keep := range map[string]func(c *weir.Container, p scenarioRig){
		"nothing stays": func(*weir.Container, scenarioRig) {},
		"a weak listener stays": func(c *weir.Container, p scenarioRig) {
			p.listen(c, weir.Weak())
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachNotifier(t, func(t *testing.T, k noteKind) {
				life := 0
				p, notifier := k.make(nothingMade, func(weir.Ref, noted) (int, error) { life++; return 42 * life, nil }, weir.AutoDispose())
				c := newContainer(t)
				keep(c, p)
				s := p.listen(c)
				settle()
				old := notifier(c)
				s.Close()
				gone()
				check := func(when string) {
					t.Helper()
					require.Equal(t, lastState(k, false), old.state(), when)
					var given []int
					got, err := old.update(func(v int) int { given = append(given, v); return v + 7 })
					if k.async {
						require.ErrorIs(t, err, weir.ErrDisposed, when)
						require.Empty(t, given, when)
						return
					}
					require.Equal(t, []int{0}, given, "f gets what State returns: %s", when)
					require.Equal(t, 7, got, when)
				}
				check("disposed")
				require.False(t, c.Exists(p.id), "an old notifier builds nothing")
				defer p.listen(c).Close()
				require.Equal(t, 84, p.settled(c), "the next life")
				check("in the next life")
				require.Equal(t, 84, p.settled(c))
				c.Close()
				require.Equal(t, lastState(k, false), old.state(), "the container closed in the next life")
			})
		})
	}
}

// The last value is kept by Close (G10), and is what Update hands to its function as well.
func TestN3_G10_AfterCloseUpdateStartsFromTheLastValue(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := syncNotes(func(weir.Ref, *noteSync) int { return 42 })
		c := newContainer(t)
		n := p.Notifier(c)
		c.Close()
		require.Equal(t, 43, n.Update(func(v int) int { return v + 1 }))
		require.Equal(t, 42, n.State())
	})
}

// The life may end while f runs: what f made is nobody's then, and least of all the next life's.
func TestN3_AnUpdateWhoseLifeEndsMeanwhileChangesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		life := 0
		p := syncNotes(func(weir.Ref, *noteSync) int { life++; return 42 * life }, weir.DisposeDelay(0))
		c := newContainer(t)
		s := weir.Listen(c, p, nil)
		n := p.Notifier(c)
		var given []int
		got := n.Update(func(v int) int {
			if given = append(given, v); len(given) == 1 {
				s.Close()
				settle()
				require.False(t, c.Exists(p))
				weir.Listen(c, p, nil)
			}
			return v + 7
		})
		require.Equal(t, []int{42, 0}, given)
		require.Equal(t, 7, got)
		require.Equal(t, 84, weir.Read(c, p))
	})
}

// Its life is over, and then its container is closed: from then on that is the cause (G10), as it is for Update.
func TestN3_G10_ResolveOfAnOldNotifierTellsWhatEndedLast(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := asyncNotes(at42, weir.DisposeDelay(0))
		c := newContainer(t)
		s := weir.Listen(c, p, nil)
		n := p.Notifier(c)
		s.Close()
		settle()
		check := func(want error) {
			t.Helper()
			_, err := n.Resolve(t.Context())
			require.ErrorIs(t, err, want)
			_, err = n.Update(t.Context(), func(v int) (int, error) { return v, nil })
			require.ErrorIs(t, err, want)
		}
		require.False(t, c.Exists(p))
		check(weir.ErrDisposed)
		c.Close()
		check(weir.ErrContainerClosed)
	})
}
