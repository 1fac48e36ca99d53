package weir_test

// This file tells of rule C3 for refs that are long over: what ended their build is known whatever has come after it.

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestC3ARefOfAFormerLifeKnowsThatItWasDisposed(t *testing.T) {
	// A weak listener has the element stay, so the next life is another build of the same one. Planted bug: forget the end of the first.
	bubble(t, func(t *testing.T) {
		for name, use := range map[string]func(ref weir.Ref){
			"nothing":   func(weir.Ref) {},
			"a hook":    func(ref weir.Ref) { ref.OnDispose(func() {}) },
			"a context": func(ref weir.Ref) { ref.Context() },
		} {
			c := newContainer(t)
			var refs []weir.Ref
			p := weir.NewProvider(func(ref weir.Ref) int {
				use(ref)
				refs = append(refs, ref)
				return len(refs)
			}, weir.DisposeDelay(0))
			defer weir.Listen(c, p, func(int, int) {}, weir.Weak()).Close()
			cause := func(ref weir.Ref) error { return context.Cause(ref.Context()) }
			weir.Listen(c, p, nil).Close()
			require.ErrorIs(t, cause(refs[0]), weir.ErrDisposed, name)
			sub := weir.Listen(c, p, nil)
			require.ErrorIs(t, cause(refs[0]), weir.ErrDisposed, "%s: beside another build", name)
			c.Invalidate(p)
			require.ErrorIs(t, cause(refs[1]), weir.ErrInvalidated, name)
			require.ErrorIs(t, cause(refs[0]), weir.ErrDisposed, name)
			sub.Close()
			require.ErrorIs(t, cause(refs[1]), weir.ErrInvalidated, name)
			require.ErrorIs(t, cause(refs[2]), weir.ErrDisposed, name)
			c.Close()
			require.ErrorIs(t, cause(refs[1]), weir.ErrInvalidated, name)
		}
	})
}
