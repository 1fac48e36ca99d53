package weir_test

// This file holds what ends a Values or Results loop inside a build function, wherever it is entered and whatever becomes of its build
// meanwhile (E2, G13): no loop outlives its build, and none hangs the turn that it is in.

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestG13ALoopThroughARefThatIsOver(t *testing.T) {
	// It ends at once, without a round. Planted bug: wait for an element that the loop never got.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		src := slowly("src", time.Hour)
		var log trace
		p := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
			<-ctx.Done()
			for v := range weir.Values(context.Background(), ref, src) {
				log.add("a round with %s", show(v))
			}
			for v := range weir.Results(context.Background(), ref, src) {
				log.add("a round with %d", v)
			}
			log.add("over")
			return 0, nil
		}, weir.AutoDispose())
		s := weir.Listen(c, p, nil)
		settle()
		s.Close()
		gone()
		log.want(t, "the loops", "over")
		usable(t, c)
	})
}

func TestG13ALoopEndsWithTheSynchronousBuildAroundIt(t *testing.T) {
	// Its function is still running when the build is over, and has handed on no context that would tell the loop. Planted bug: end it when
	// the function has returned.
	ends := map[string]func(c *weir.Container, p *weir.FutureProvider[int]){
		"Invalidate": func(c *weir.Container, p *weir.FutureProvider[int]) { c.Invalidate(p) },
		"Cancel":     func(c *weir.Container, p *weir.FutureProvider[int]) { p.Cancel(c, errBoom) },
		"Timeout":    func(*weir.Container, *weir.FutureProvider[int]) { pass(time.Minute) },
		"Close":      func(c *weir.Container, _ *weir.FutureProvider[int]) { c.Close() },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newContainer(t)
				src := slowly("src", time.Hour)
				var log trace
				builds := 0
				p := weir.NewTryProvider(func(ref weir.Ref) (int, error) {
					if builds++; builds > 1 {
						return builds, nil
					}
					for range weir.Results(context.Background(), ref, src) {
						log.add("a round")
					}
					log.add("over")
					return 1, nil
				}, weir.Timeout(time.Minute))
				done := async(t, func() { weir.Read(c, p) })
				settle()
				start := time.Now()
				end(c, p)
				settle()
				log.want(t, "the loop", "over")
				require.LessOrEqual(t, time.Since(start), time.Minute)
				<-done
			})
		})
	}
}

func TestE2ALoopInASynchronousBuildOfATurn(t *testing.T) {
	// However the build enters it: the turn that the loop would wait for is the one that the build is in.
	for name, enter := range loops {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newContainer(t)
				n := scenarioNumber(0)
				src := follows(n)
				p := weir.NewTryProvider(func(ref weir.Ref) (int, error) {
					want := weir.Watch(ref, n)
					for v, err := range enter(ref, src) {
						if v == want || err != nil {
							return v, err
						}
					}
					return 0, errors.New("the loop ended")
				}, weir.Name("p"))
				var log trace
				s := weir.Listen(c, p, func(_, v weir.AsyncValue[int]) { log.add("%s", show(v)) })
				defer s.Close()
				for i := 1; i < 4; i++ {
					within(t, "the Set", func() { n.Set(c, i) })
					pass(2 * time.Second)
					log.want(t, fmt.Sprint(i), fmt.Sprint("data ", i))
				}
				usable(t, c)
			})
		})
	}
}

// slowly is a future that takes its time.
func slowly(name string, d time.Duration) *weir.FutureProvider[int] {
	return weir.NewFutureProvider(func(ctx context.Context, _ weir.Ref) (int, error) {
		select {
		case <-time.After(d):
			return 1, nil
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}, weir.Name(name))
}

// follows is a future that has the value of n a second after it has changed.
func follows(n *weir.StateProvider[int]) *weir.FutureProvider[int] {
	return weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
		v := weir.Watch(ref, n)
		time.Sleep(time.Second)
		return v, nil
	}, weir.Name("src"))
}

// loops are the ways in which a synchronous build may go through results.
var loops = map[string]func(ref weir.Ref, p *weir.FutureProvider[int]) iter.Seq2[int, error]{
	"the ref": func(ref weir.Ref, p *weir.FutureProvider[int]) iter.Seq2[int, error] {
		return weir.Results(context.Background(), ref, p)
	},
	"the build's context": func(ref weir.Ref, p *weir.FutureProvider[int]) iter.Seq2[int, error] {
		return weir.Results(ref.Context(), ref.Container(), p)
	},
	"the container alone": func(ref weir.Ref, p *weir.FutureProvider[int]) iter.Seq2[int, error] {
		return weir.Results(context.Background(), ref.Container(), p)
	},
	"Pull": func(ref weir.Ref, p *weir.FutureProvider[int]) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			next, stop := iter.Pull2(weir.Results(context.Background(), ref, p))
			defer stop()
			for {
				if v, err, ok := next(); !ok || !yield(v, err) {
					return
				}
			}
		}
	},
}
