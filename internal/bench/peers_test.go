package bench

// This file holds the table "How it compares" of README.md to what the peers do: each in the same situations, with the context
// given to the work that whoever uses it would give.

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/sync/singleflight"

	"github.com/weir-go/weir"
)

// peer shares the work between callers.
type peer struct {
	get func(ctx context.Context, work func(ctx context.Context) (int, error)) (int, error)
}

// aMoment is for callers to arrive: most of the peers do not say who waits.
func aMoment() { time.Sleep(100 * time.Millisecond) }

func flightPeer(own bool) func(t *testing.T) peer {
	return func(*testing.T) peer {
		var g singleflight.Group
		return peer{func(ctx context.Context, work func(context.Context) (int, error)) (int, error) {
			workCtx := ctx
			if !own {
				workCtx = context.WithoutCancel(ctx)
			}
			select {
			case r := <-g.DoChan("", func() (any, error) { return work(workCtx) }):
				n, _ := r.Val.(int)
				return n, r.Err
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		}}
	}
}

func otterPeer(*testing.T) peer {
	cache := otter.Must(&otter.Options[string, int]{MaximumSize: 100})
	return peer{func(ctx context.Context, work func(context.Context) (int, error)) (int, error) {
		return cache.Get(ctx, "", otter.LoaderFunc[string, int](func(ctx context.Context, _ string) (int, error) { return work(ctx) }))
	}}
}

func weirPeer(t *testing.T) peer {
	var work atomic.Value // the newest
	p := weir.NewFutureProvider(func(ctx context.Context, _ weir.Ref) (int, error) {
		return work.Load().(func(context.Context) (int, error))(ctx)
	}, weir.AutoDispose())
	c := weir.NewContainer()
	t.Cleanup(func() { _ = c.Shutdown(context.Background()) })
	return peer{func(ctx context.Context, w func(context.Context) (int, error)) (int, error) {
		work.Store(w)
		return weir.Resolve(ctx, c, p)
	}}
}

var errLeft = errors.New("left")

func TestPeersInTheSameSituations(t *testing.T) {
	type outcome struct {
		others  string // what the other one gets when the first leaves
		works   int32  // how often the work was begun for that
		last    string // what becomes of the work when the last leaves
		newcome string // what a newcomer gets while the stopped work unwinds
		kept    bool   // whether who comes after the end gets the value without work
	}
	for name, x := range map[string]struct {
		make func(t *testing.T) peer
		want outcome
	}{
		"singleflight, caller's context": {flightPeer(true), outcome{"the first one's error", 1, "stopped", "the old error", false}},
		"singleflight, no context":       {flightPeer(false), outcome{"the result", 1, "runs on", "", false}},
		"otter":                          {otterPeer, outcome{"the result", 2, "stopped", "its own result", true}},
		"weir":                           {weirPeer, outcome{"the result", 1, "stopped", "its own result", true}},
	} {
		t.Run(name, func(t *testing.T) {
			var got outcome
			// The first of two leaves.
			var calls atomic.Int32
			p, finish := x.make(t), make(chan bool)
			work := func(ctx context.Context) (int, error) {
				calls.Add(1)
				select {
				case <-finish:
					return 42, nil
				case <-ctx.Done():
					return 0, ctx.Err()
				}
			}
			ctx, leave := context.WithCancel(context.Background())
			gone, other := make(chan bool), make(chan error, 1)
			go func() { defer close(gone); _, _ = p.get(ctx, work) }()
			aMoment()
			go func() { _, err := p.get(context.Background(), work); other <- err }()
			aMoment()
			leave()
			<-gone
			select {
			case <-other:
				got.others = "the first one's error"
			case <-time.After(300 * time.Millisecond):
				close(finish)
				if err := <-other; err == nil {
					got.others = "the result"
				}
			}
			got.works = calls.Load()
			_, _ = p.get(context.Background(), func(context.Context) (int, error) { calls.Add(1); return 1, nil })
			got.kept = calls.Load() == got.works

			// The only one leaves; a newcomer comes while the work unwinds.
			p = x.make(t)
			stopped, unwind := make(chan bool), make(chan bool)
			var begun atomic.Bool
			work = func(ctx context.Context) (int, error) {
				if begun.Swap(true) {
					return 42, nil
				}
				select {
				case <-ctx.Done():
					close(stopped)
					<-unwind
					return 0, errLeft
				case <-unwind:
					return 42, nil
				}
			}
			ctx, leave = context.WithCancel(context.Background())
			go func() { _, _ = p.get(ctx, work) }()
			aMoment()
			leave()
			select {
			case <-stopped:
				got.last = "stopped"
				newcomer := make(chan error, 1)
				go func() { _, err := p.get(context.Background(), work); newcomer <- err }()
				aMoment()
				close(unwind)
				if err := <-newcomer; err == nil {
					got.newcome = "its own result"
				} else {
					got.newcome = "the old error"
				}
			case <-time.After(time.Second):
				got.last = "runs on"
				close(unwind)
			}
			if got != x.want {
				t.Errorf("%+v, want %+v", got, x.want)
			}
		})
	}
}
