package weir_test

// This file holds the times in Snapshot, LastBuild and Age: of which builds they are kept, and that they are right at any instant, that
// in which the container was made included.

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestSnapshotTimesOfABuildThatBeganWithItsContainer(t *testing.T) {
	// The clock of a bubble stands still meanwhile. Planted bug: take the time 0 for no time.
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		for _, observed := range []bool{false, true} {
			var opts []weir.ContainerOption
			if observed {
				opts = append(opts, weir.WithObserver(&weir.Observer{BuildEnded: func(weir.BuildEndedEvent) {}}))
			}
			c := newContainer(t, opts...)
			p := k.make(func(weir.Ref) int { time.Sleep(3 * time.Second); return 1 }, weir.Name("p"))
			listening := async(t, func() { p.listen(c) })
			settle()
			require.Equal(t, weir.StateBuilding, c.Snapshot().Elements[0].State)
			pass(10 * time.Second)
			<-listening
			i := c.Snapshot().Elements[0]
			if k.async || k.auto && k.base != "Provider" || observed {
				require.Equal(t, 3*time.Second, i.LastBuild)
				require.Equal(t, 10*time.Second, i.Age)
			} else { // docs/decisions/034
				require.Zero(t, i.LastBuild)
				require.Zero(t, i.Age)
			}
		}
	})
}

func TestSnapshotTimesOfARebuild(t *testing.T) {
	// LastBuild is that of the last one that is done, Age is that of the newest.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		took := 3 * time.Second
		p := weir.NewTryProvider(func(weir.Ref) (int, error) { time.Sleep(took); return 1, nil }, weir.Timeout(time.Hour), weir.Name("p"))
		weir.Read(c, p)
		pass(time.Second)
		took = 5 * time.Second
		c.Invalidate(p)
		reading := async(t, func() { weir.Read(c, p) })
		pass(time.Second)
		i := info(t, c, "p")
		require.Equal(t, []time.Duration{3 * time.Second, time.Second}, []time.Duration{i.LastBuild, i.Age})
		<-reading
		i = info(t, c, "p")
		require.Equal(t, []time.Duration{5 * time.Second, 5 * time.Second}, []time.Duration{i.LastBuild, i.Age})
	})
}
