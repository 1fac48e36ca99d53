package weir_test

// What looks like a cycle and is none (E2, P8).

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestE2WatchesThatWereNeverThereTogetherAreNoCycle(t *testing.T) {
	// Two futures watch each other in turns, as a stream says, and their builds take longer than a tick: the watches of builds that were
	// ended stay until one is done. Planted bug: take the ring that they make for one, for nobody wrote from outside.
	for name, ring := range map[string]bool{"in turns": false, "both at once": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newContainer(t)
				tick := weir.NewStreamProvider(func(ctx context.Context, _ weir.Ref, emit func(int) bool) error {
					for i := 0; i < 100 && emit(i) && ctx.Err() == nil; i++ {
						time.Sleep(time.Second)
					}
					return nil
				})
				var ps [2]*weir.FutureProvider[int]
				for i := range ps {
					ps[i] = weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
						v := weir.Watch(ref, tick).ValueOr(0)
						if ring || v%2 == i {
							weir.Watch(ref, ps[1-i])
						}
						return v, ref.Debounce(10 * time.Second)
					}, weir.Name([]string{"a", "b"}[i]))
				}
				weir.Listen(c, ps[0], nil)
				weir.Listen(c, ps[1], nil)
				cycles := 0
				for range 90 {
					time.Sleep(time.Second)
					for _, p := range ps {
						if err := weir.Read(c, p).Err(); err != nil {
							isCycle(t, "a ring", err, "a", "b")
							cycles++
						}
					}
				}
				require.Equal(t, ring, cycles > 0)
			})
		})
	}
}
