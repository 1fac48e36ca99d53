package weir_test

// This file holds cycles that are closed by what resolves inside: Update and Resolve of a notifier, and the run of a mutation (E2).

import (
	"context"
	"testing"
	"time"

	"github.com/weir-go/weir"
)

func TestE2ACycleThroughUpdateResolveAndAMutation(t *testing.T) {
	for _, how := range []string{"Update", "Resolve of the notifier", "mutation"} {
		t.Run(how, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newContainer(t)
				var a *weir.FutureProvider[int]
				b := weir.NewAsyncNotifierProvider(func() *scenarioAsyncNotifier {
					return &scenarioAsyncNotifier{build: func(ref weir.Ref) (int, error) { return weir.Await(ref, a) }}
				}, weir.Name("b"))
				m := weir.NewMutation[int](weir.Name("m"))
				a = weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
					switch how {
					case "Update":
						return b.Notifier(ref).Update(ctx, func(v int) (int, error) { return v, nil })
					case "Resolve of the notifier":
						return b.Notifier(ref).Resolve(ctx)
					default:
						return m.Run(ctx, ref, func(ctx context.Context, s weir.Scope) (int, error) { return weir.Resolve(ctx, s, b) })
					}
				}, weir.Name("a"))
				ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
				defer cancel()
				_, err := weir.Resolve(ctx, c, a)
				isCycle(t, how, err, "a", "b")
			})
		})
	}
}
