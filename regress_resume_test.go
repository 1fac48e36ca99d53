package weir_test

// A listener that comes back while somebody else's build of its element is under way (G13, P5).

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestP5AListenerResumedDuringABuildHearsItsOutcome(t *testing.T) {
	// The paused listener has seen 2. Meanwhile the value has become 4, and a reader builds it again. Planted bugs: deliver only what is built
	// when Resume is called, and a build that ends with 4 tells nobody, for it changes nothing; or deliver the 4 at once, which may be
	// outdated; or have Flush not wait for it.
	for name, x := range map[string]struct {
		during int // written during the build, before its Watch
		want   [][2]int
	}{
		"the value stays what it was meanwhile":  {2, [][2]int{{2, 4}}},
		"it is another":                          {3, [][2]int{{2, 6}}},
		"it is again what the listener has seen": {1, nil},
	} {
		for _, verb := range []string{"Invalidate", "Refresh"} {
			t.Run(name+", "+verb, func(t *testing.T) {
				bubble(t, func(t *testing.T) { resumeDuringABuild(t, verb, x.during, x.want) })
			})
		}
	}
}

func resumeDuringABuild(t *testing.T, verb string, during int, want [][2]int) {
	c, s := newContainer(t), listenState(1)
	var gate chan struct{} // of the build that is to be met
	p := weir.NewProvider(func(ref weir.Ref) int {
		if gate != nil {
			<-gate
			gate = nil
		}
		return weir.Watch(ref, s) * 2
	})
	var heard [][2]int
	sub := weir.Listen(c, p, func(prev, next int) { heard = append(heard, [2]int{prev, next}) })
	defer sub.Close()
	sub.Pause()
	s.Set(c, 2)
	require.Equal(t, 4, weir.Read(c, p))
	leave := make(chan struct{})
	gate = leave
	reader := async(t, func() {
		if verb == "Refresh" {
			weir.Refresh(c, p)
		} else {
			c.Invalidate(p)
			weir.Read(c, p)
		}
	})
	settle()
	s.Set(c, during)
	sub.Resume()
	flush := async(t, func() { require.NoError(t, c.Flush(context.Background())) })
	settle()
	require.Empty(t, heard, "what there is may be outdated")
	select {
	case <-flush:
		t.Fatal("Flush does not wait for what a Resume has queued")
	default:
	}
	close(leave)
	<-flush
	require.Equal(t, want, heard)
	<-reader
}

func TestG13AResumedListenerHearsNothingOutdated(t *testing.T) {
	// Its element may be stale, and what that depends on is built by a reader: the turn has to wait, and has nothing to tell until then.
	// Planted bug: deliver what there is at once.
	bubble(t, func(t *testing.T) {
		c, a := newContainer(t), listenState(0)
		var gate chan struct{}
		low := weir.NewProvider(func(ref weir.Ref) int {
			v := weir.Watch(ref, a)
			if gate != nil {
				<-gate
			}
			return v
		})
		top := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, low) })
		var heard [][2]int
		sub := weir.Listen(c, top, func(p, n int) { heard = append(heard, [2]int{p, n}) })
		defer sub.Close()
		sub.Pause()
		a.Set(c, 1)
		require.Equal(t, 1, weir.Read(c, top))
		a.Set(c, 2)
		gate = make(chan struct{})
		reader := async(t, func() { weir.Read(c, low) })
		settle()
		sub.Resume()
		close(gate)
		<-reader
		settle()
		require.Equal(t, [][2]int{{0, 2}}, heard)
	})
}
