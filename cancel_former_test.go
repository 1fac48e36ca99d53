package weir_test

// This file tells of rule C3 for refs that are long over: what ended their build is known whatever has come after it, of
// the last few.

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

func TestC3TheLastEndsOfAnElementAreKnownApart(t *testing.T) {
	// Planted bugs, mutants of remember and why: keep the first ends instead of the last; have no cause for what is forgotten.
	c := newContainer(t)
	var refs []weir.Ref
	p := weir.NewProvider(func(ref weir.Ref) int {
		refs = append(refs, ref)
		return len(refs)
	}, weir.Name("often"))
	for range 12 {
		weir.Read(c, p)
		c.Invalidate(p)
	}
	for i, ref := range refs {
		err := context.Cause(ref.Context())
		if i >= len(refs)-8 {
			require.ErrorIs(t, err, weir.ErrInvalidated, "build %d", i)
		}
		require.ErrorContains(t, err, "often", "build %d has a cause, if only what has become of the element", i)
	}
}

func TestC3AnEndIsRememberedOnce(t *testing.T) {
	// The element is ended by hand, disposed, and built again in another life. Planted bugs, mutants of outlived: note the disposal of
	// what had ended before, so that half as many ends are remembered; note no disposal once there is any other end.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var refs []weir.Ref
		p := weir.NewProvider(func(ref weir.Ref) int {
			refs = append(refs, ref)
			return len(refs)
		}, weir.AutoDispose())
		defer weir.Listen(c, p, func(int, int) {}, weir.Weak()).Close() // it is the same element all the while
		cause := func(ref weir.Ref) error { return context.Cause(ref.Context()) }
		for range 8 {
			weir.Read(c, p)
			c.Invalidate(p)
			require.False(t, c.Exists(p))
		}
		weir.Read(c, p)
		for i, ref := range refs[:8] {
			require.ErrorIs(t, cause(ref), weir.ErrInvalidated, "build %d", i)
		}
		c.DisposeUnused()
		weir.Read(c, p)
		require.ErrorIs(t, cause(refs[8]), weir.ErrDisposed)
	})
}
