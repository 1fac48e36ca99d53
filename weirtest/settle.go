package weirtest

// This file owns Settle.

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weir-go/weir"
)

// Settle returns when everything that was queued in the containers before the call has been
// delivered, and nothing is under way any more.
//
// In a bubble of testing/synctest: every other goroutine of the bubble is blocked, and no
// turn of the containers is running. No time passes: what waits for a timer (a delay, a
// retry, a time.Sleep in a build function) still does. Containers need not be given.
//
// Outside of a bubble: in all of the containers no build is running, and what builds have
// brought about has been delivered. Timers are not waited for, nor goroutines that are
// about to call the containers: the test must know that those have done so. What lives in
// a parent or child container is waited for if that is given.
//
// The test ends there, with FailNow, if that does not come to be: outside of a bubble after
// ten seconds, in one if a listener or hook is blocked. Like FailNow, Settle is to be called
// on the goroutine of the test, by one at a time in a bubble; inside a hook, listener or
// build it would wait for its own caller. A nil t is a *weir.UsageError.
func Settle(t testing.TB, cs ...*weir.Container) {
	if t == nil {
		misuse("Settle needs the T of the test")
	}
	t.Helper()
	settle(t, patience, cs)
}

func settle(t testing.TB, patience time.Duration, cs []*weir.Container) {
	t.Helper()
	inBubble, busy := bubbleRest()
	switch {
	case busy:
		t.Fatalf("weirtest: Settle while another goroutine of the bubble is in Settle or synctest.Wait: one may at a time")
	case inBubble:
		settleBubble(t, cs)
	case len(cs) == 0:
		t.Fatalf("weirtest: Settle outside of a synctest bubble needs the containers that are to come to rest: Settle(t, c)")
	default:
		settleReal(t, patience, cs)
	}
}

// settleBubble sees to it that no turn is left: where everything is blocked, one that is
// running does not go on by itself.
func settleBubble(t testing.TB, cs []*weir.Container) {
	t.Helper()
	gone, cancel := context.WithCancel(context.Background())
	cancel() // a Flush that would have to wait does not
	for _, c := range cs {
		if c.Flush(gone) != nil {
			t.Fatalf("weirtest: Settle: a listener or hook of the container is blocked, so that nothing more is delivered.\n"+
				"\tLet it go on first, and do not call Settle inside of one.\n%s", stacks())
		}
	}
	bubbleRest() // what Flush itself has set off
}

// settleReal flushes and looks until it has seen the same builds, none of them running,
// before and after a Flush.
func settleReal(t testing.TB, patience time.Duration, cs []*weir.Container) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var last []uint64
	for pause := 10 * time.Microsecond; ; pause = min(2*pause, 5*time.Millisecond) {
		for _, c := range cs {
			if c.Flush(ctx) != nil {
				t.Fatalf("weirtest: Settle: after %v there is still something to be delivered: a listener or hook is blocked, or sets off more and more.\n"+
					"\tLet it go on first, and do not call Settle inside of one.\n%s", patience, stacks())
			}
		}
		newest, building := builds(cs)
		switch {
		case len(building) > 0:
			last = nil
		case last != nil && slices.Equal(last, newest):
			return
		default:
			last = newest
		}
		if ctx.Err() != nil {
			t.Fatalf("weirtest: Settle: after %v there are still builds: %s.\n"+
				"\tLet what they wait for happen, or use a synctest bubble, where to be blocked is to be at rest.", patience, cmp.Or(strings.Join(building, ", "), "one sets off the next"))
		}
		if len(building) > 0 {
			time.Sleep(pause)
		}
	}
}

// builds returns the newest build of each container, and the names of what is being built,
// or is in use and about to be.
func builds(cs []*weir.Container) (newest []uint64, building []string) {
	newest = make([]uint64, len(cs))
	for i, c := range cs {
		for _, e := range c.Snapshot().Elements {
			newest[i] = max(newest[i], e.Generation)
			if e.State == weir.StateBuilding || e.State == weir.StateActive && e.Stale {
				building = append(building, fmt.Sprintf("%s (for %v)", e.Name, e.Age.Round(time.Millisecond)))
			}
		}
	}
	return newest, building
}
