package weir_test

// UpdateOverrides (S5) beside others: it is one step, however long the functions of a family's override take and however they end.

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

type named = weir.Provider[string]

// says is the create function of a family whose members are all s; it waits for goOn if that is not nil.
func says(s string, goOn <-chan struct{}) func(int) *named {
	return func(int) *named {
		if goOn != nil {
			<-goOn
		}
		return weir.NewProvider(func(weir.Ref) string { return s })
	}
}

func TestS5AMemberMadeDuringAnUpdateIsTheNewOne(t *testing.T) {
	// Planted bug: what the old function made, outside the lock, is kept for the element although the override was exchanged meanwhile.
	bubble(t, func(t *testing.T) {
		f := weir.NewFamily(says("real", nil))
		goOn := make(chan struct{})
		c := newContainer(t, f.OverrideWith(says("old", goOn)))
		read := async(t, func() { weir.Read(c, f.Of(1)) })
		settle()
		c.UpdateOverrides(f.OverrideWith(says("new", nil)))
		close(goOn)
		await(t, "the Read", read)
		require.Equal(t, "new", weir.Read(c, f.Of(1)))
	})
}

func TestS5OfTwoUpdatesAtOnceOneIsTheLast(t *testing.T) {
	// Planted bug: an update that is overtaken while its function runs gives the elements that are there to its own functions, and those to
	// come to the other's. An element that comes while it waits is missed likewise.
	bubble(t, func(t *testing.T) {
		f := weir.NewFamily(says("real", nil))
		c := newContainer(t, f.OverrideWith(says("0", nil)))
		require.Equal(t, "0", weir.Read(c, f.Of(1)))
		goOn := make(chan struct{})
		update := async(t, func() { c.UpdateOverrides(f.OverrideWith(says("1", goOn))) })
		settle()
		c.UpdateOverrides(f.OverrideWith(says("2", nil)))
		require.Equal(t, "2", weir.Read(c, f.Of(2)), "came while the other was waiting")
		close(goOn)
		await(t, "the update", update)
		for k := range 4 {
			require.Equal(t, "1", weir.Read(c, f.Of(k)), "member %d", k)
		}
	})
}

func TestS5AnUpdateWhoseFunctionPanicsUpdatesNothing(t *testing.T) {
	// Planted bug: the overrides are exchanged before the functions run, so that what is there is of before and the next life is not.
	bubble(t, func(t *testing.T) {
		f := weir.NewFamily(says("real", nil))
		x := weir.NewProvider(func(weir.Ref) string { return "real" }, weir.AutoDispose())
		c := newContainer(t, f.OverrideWith(says("0", nil)), x.OverrideWithValue("0"))
		all := func() []string { return []string{weir.Read(c, x), weir.Read(c, f.Of(1)), weir.Read(c, f.Of(2))} }
		weir.Read(c, f.Of(1))
		weir.Read(c, x)
		require.Equal(t, "boom", recovered(func() {
			c.UpdateOverrides(x.OverrideWithValue("1"), f.OverrideWith(func(int) *named { panic("boom") }))
		}))
		require.Equal(t, []string{"0", "0", "0"}, all())
		gone()
		require.Equal(t, []string{"0", "0", "0"}, all(), "in the next life")
		c.UpdateOverrides(x.OverrideWithValue("1"), f.OverrideWith(says("1", nil)))
		require.Equal(t, []string{"1", "1", "1"}, all())
	})
}

func TestA4AStreamThatComesWithAnUpdateHearsOfListeners(t *testing.T) {
	// Planted bug: whether an element is told who listens is settled by what built it first: emit of a stream that takes the place of a
	// value sleeps for ever.
	counting := func(_ context.Context, _ weir.Ref, emit func(int) bool) error {
		for i := 1; emit(i); i++ {
			time.Sleep(time.Second)
		}
		return nil
	}
	p := weir.NewStreamProvider(counting)
	for name, first := range map[string]weir.Override{
		"a stream": p.OverrideWith(func(context.Context, weir.Ref, func(int) bool) error { return nil }),
		"a value":  p.OverrideWithData(0),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newContainer(t, first)
				sub := weir.Listen(c, p, nil)
				settle()
				c.UpdateOverrides(p.OverrideWith(counting))
				pass(5 * time.Second)
				sub.Close()
				pass(5 * time.Second)
				asleep, _ := weir.Read(c, p).Value()
				pass(5 * time.Second)
				still, _ := weir.Read(c, p).Value()
				require.Equal(t, asleep, still, "on standby emit blocks")
				defer weir.Listen(c, p, nil).Close()
				pass(5 * time.Second)
				now, _ := weir.Read(c, p).Value()
				require.Greater(t, now, asleep)
			})
		})
	}
}
