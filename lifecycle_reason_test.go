package weir_test

// This file tells of the reasons of builds where they are easily taken for others, and of hooks that are registered before anybody can
// have left. Each test was written for changes of lifecycle.go that no other test noticed, which it names.

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestReasonOfWhatLiesBehindASelectionIsReload(t *testing.T) {
	// Planted bug: take what is not known to have changed, and was ended by nobody, for a retry (because).
	c := newContainer(t)
	n := weir.NewStateProvider(func(weir.Ref) int { return 1 })
	var reasons []weir.BuildReason
	p := weir.NewProvider(func(ref weir.Ref) int {
		reasons = append(reasons, ref.Reason())
		return weir.Watch(ref, weir.Select(n, func(v int) int { return v % 2 }))
	})
	weir.Read(c, p)
	c.Invalidate(p) // what has nothing but its value, and no ends to remember, is built again another way
	weir.Read(c, p)
	n.Set(c, 2)
	weir.Read(c, p)
	require.Equal(t, []weir.BuildReason{weir.ReasonFirstBuild, weir.ReasonRefresh, weir.ReasonReload}, reasons)
}

func TestReasonOfAnotherLifeIsFirstBuild(t *testing.T) {
	// A weak listener has the element stay. Planted bugs: leave the reason of the last life, or what had changed then.
	bubble(t, func(t *testing.T) {
		var changed [][]weir.AnyProvider
		c := newContainer(t, weir.WithObserver(&weir.Observer{BuildStarted: func(ev weir.BuildStartedEvent) {
			if ev.Name == "p" {
				changed = append(changed, ev.Changed)
			}
		}}))
		n := weir.NewStateProvider(func(weir.Ref) int { return 1 })
		var reasons []weir.BuildReason
		p := weir.NewProvider(func(ref weir.Ref) int {
			reasons = append(reasons, ref.Reason())
			return weir.Watch(ref, n)
		}, weir.AutoDispose(), weir.Name("p"))
		defer weir.Listen(c, p, func(int, int) {}, weir.Weak()).Close()
		weir.Read(c, p)
		n.Set(c, 2)
		weir.Read(c, p)
		c.DisposeUnused()
		weir.Read(c, p)
		require.Equal(t, []weir.BuildReason{weir.ReasonFirstBuild, weir.ReasonReload, weir.ReasonFirstBuild}, reasons)
		require.Equal(t, [][]weir.AnyProvider{nil, {n}, nil}, changed)
	})
}

func TestReasonAndStateHaveNamesWhateverTheyAre(t *testing.T) {
	// Planted bugs: look one too far into the names; have none for what is no reason.
	for r := range weir.ReasonRetry + 1 {
		require.NotContains(t, []string{"", "unknown"}, r.String())
	}
	for s := range weir.StateStandby + 1 {
		require.NotContains(t, []string{"", "unknown"}, s.String())
	}
	require.Equal(t, "unknown", (weir.ReasonRetry + 1).String())
	require.Equal(t, "unknown", (weir.StateStandby + 1).String())
}

func TestL2WhoComesDuringAColdBuildIsTheFirst(t *testing.T) {
	// Read begins the build, a listener comes before it is done: nobody has left. Planted bugs: have the hooks of a build that nobody
	// listens to count as told of a going before there is a value (lived).
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		started, leave := make(chan struct{}), make(chan struct{})
		p := weir.NewProvider(func(ref weir.Ref) int {
			ref.OnCancel(log.on("cancel"))
			ref.OnResume(log.on("resume"))
			close(started)
			<-leave
			return 1
		}, weir.AutoDispose())
		read := async(t, func() { weir.Read(c, p) })
		await(t, "the function", started)
		subs := make(chan *weir.Subscription[int], 1)
		go func() { subs <- weir.Listen(c, p, func(int, int) {}) }()
		settle()
		close(leave)
		sub := await(t, "the listener", subs)
		await(t, "the Read", read)
		settle()
		log.want(t, "somebody has come")
		sub.Close()
		log.want(t, "and left", "cancel")
	})
}

func TestReasonOfWhatMayHaveChangedBesideAnInvalidateListsNothing(t *testing.T) {
	// Planted bug: list for every reason what may have changed behind a selection.
	var changed [][]weir.AnyProvider
	c := newContainer(t, weir.WithObserver(&weir.Observer{BuildStarted: func(ev weir.BuildStartedEvent) {
		if ev.Name == "p" {
			changed = append(changed, ev.Changed)
			require.Equal(t, ev.Reason == weir.ReasonReload, ev.Changed != nil)
		}
	}}))
	n := weir.NewStateProvider(func(weir.Ref) int { return 1 })
	p := weir.NewProvider(func(ref weir.Ref) int {
		return weir.Watch(ref, weir.Select(n, func(v int) int { return v % 2 }))
	}, weir.Name("p"))
	weir.Read(c, p)
	n.Set(c, 3)
	c.Invalidate(p)
	weir.Read(c, p)
	n.Set(c, 4)
	weir.Read(c, p)
	require.Equal(t, [][]weir.AnyProvider{nil, nil, {n}}, changed)
}

func TestReasonOfADiscardedBuildIsThatOfTheNext(t *testing.T) {
	// P3: a build that saw a mix is nobody's. Planted bugs, mutants of again: count it; forget that it was made by hand.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		a := weir.NewStateProvider(func(weir.Ref) int { return 1 })
		d := weir.NewProvider(func(ref weir.Ref) int { return 10 * weir.Watch(ref, a) })
		mix := false
		var reasons []weir.BuildReason
		p := weir.NewProvider(func(ref weir.Ref) int {
			reasons = append(reasons, ref.Reason())
			v := weir.Watch(ref, weir.Select(a, func(v int) int { return v })) // of which nothing is known before it is asked
			if mix {
				mix = false
				await(t, "the Set", async(t, func() { a.Set(c, v+1) }))
			}
			return v + weir.Watch(ref, weir.Select(d, func(v int) int { return v }))
		})
		for _, want := range []weir.BuildReason{weir.ReasonFirstBuild, weir.ReasonRefresh} {
			reasons, mix = nil, true
			c.Invalidate(p)
			weir.Read(c, p)
			require.Equal(t, []weir.BuildReason{want, want}, reasons)
		}
	})
}

func TestReasonOfADiscardedRetryIsRetry(t *testing.T) {
	// Planted bug: forget that what was discarded was a retry (again).
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		a := weir.NewStateProvider(func(weir.Ref) int { return 1 })
		d := weir.NewProvider(func(ref weir.Ref) int { return 10 * weir.Watch(ref, a) })
		same := func(v int) int { return v }
		var reasons []weir.BuildReason
		p := weir.NewTryProvider(func(ref weir.Ref) (int, error) {
			reasons = append(reasons, ref.Reason())
			v := weir.Watch(ref, weir.Select(a, same))
			if len(reasons) == 2 {
				await(t, "the Set", async(t, func() { a.Set(c, v+1) }))
			}
			if v += weir.Watch(ref, weir.Select(d, same)); len(reasons) == 1 {
				return 0, errBoom
			}
			return v, nil
		}, weir.Retry(weir.Backoff(time.Minute, time.Minute, 9)))
		defer weir.Listen(c, p, nil).Close()
		pass(2 * time.Minute)
		require.Equal(t, []weir.BuildReason{weir.ReasonFirstBuild, weir.ReasonRetry, weir.ReasonRetry}, reasons)
		isData(t, 22, weir.Read(c, p))
	})
}
