package weir_test

// This file holds notifiers in the wrong hands: instances that two elements use, create functions that give nothing or panic (E4, D15).

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestE4_AnInstanceUsedByTwo(t *testing.T) {
	for name, err := range map[string]func(t *testing.T, c *weir.Container) error{
		"sync": func(t *testing.T, c *weir.Container) error {
			n := &noteSync{build: func(weir.Ref, *noteSync) int { return 42 }}
			one := weir.NewNotifierProvider(func() *noteSync { return n })
			two := weir.NewNotifierProvider(func() *noteSync { return n }, weir.Name("two"))
			require.Equal(t, 42, weir.Read(c, one))
			err := asError(recovered(func() { weir.Read(c, two) }))
			require.Equal(t, 42, weir.Read(c, one), "the first is unhurt")
			one.Notifier(c).Set(7)
			require.Equal(t, 7, weir.Read(c, one))
			return err
		},
		"async": func(t *testing.T, c *weir.Container) error {
			n := &noteAsync{build: func(context.Context, weir.Ref, *noteAsync) (int, error) { return 42, nil }}
			one := weir.NewAsyncNotifierProvider(func() *noteAsync { return n })
			two := weir.NewAsyncNotifierProvider(func() *noteAsync { return n }, weir.Name("two"))
			_, err := weir.Resolve(t.Context(), c, one)
			require.NoError(t, err)
			_, err = weir.Resolve(t.Context(), c, two)
			return err
		},
		"stream": func(t *testing.T, c *weir.Container) error {
			n := &noteStream{build: func(_ context.Context, _ weir.Ref, emit func(int) bool) error { emit(42); return nil }}
			one := weir.NewStreamNotifierProvider(func() *noteStream { return n })
			two := weir.NewStreamNotifierProvider(func() *noteStream { return n }, weir.Name("two"))
			_, err := weir.Resolve(t.Context(), c, one)
			require.NoError(t, err)
			_, err = weir.Resolve(t.Context(), c, two)
			return err
		},
		"two containers": func(t *testing.T, c *weir.Container) error {
			n := &noteSync{build: func(weir.Ref, *noteSync) int { return 42 }}
			p := weir.NewNotifierProvider(func() *noteSync { return n }, weir.Name("two"))
			weir.Read(c, p)
			return asError(recovered(func() { weir.Read(newContainer(t), p) }))
		},
		"two lives": func(t *testing.T, c *weir.Container) error {
			n := &noteSync{build: func(weir.Ref, *noteSync) int { return 42 }}
			p := weir.NewNotifierProvider(func() *noteSync { return n }, weir.Name("two"), weir.AutoDispose())
			weir.Read(c, p)
			gone()
			require.False(t, c.Exists(p))
			return asError(recovered(func() { weir.Read(c, p) }))
		},
		"nil": func(t *testing.T, c *weir.Container) error {
			p := weir.NewNotifierProvider(func() *noteSync { return nil }, weir.Name("two"))
			return asError(recovered(func() { weir.Read(c, p) }))
		},
		"nil, async": func(t *testing.T, c *weir.Container) error {
			p := weir.NewAsyncNotifierProvider(func() *noteAsync { return nil }, weir.Name("two"))
			_, err := weir.Resolve(t.Context(), c, p)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, _ := toldContainer(t)
				isUsage(t, name, err(t, c), "two")
				usable(t, c)
			})
		})
	}
	misuse(t, "a nil create", func() { weir.NewNotifierProvider[*noteSync](nil) }, "create")
	misuse(t, "a nil create", func() { weir.NewAsyncNotifierProvider[*noteAsync](nil) }, "create")
	misuse(t, "a nil create", func() { weir.NewStreamNotifierProvider[*noteStream](nil) }, "create")
}

func TestS288_D15_APanicInCreateFailsTheBuild(t *testing.T) {
	eachNotifier(t, func(t *testing.T, k noteKind) {
		var l trace
		tries := 0
		p, notifier := k.make(func(noted) {
			if tries++; tries < 2 {
				panic(errBoom)
			}
		}, func(weir.Ref, noted) (int, error) { return 42, nil })
		c, _ := toldContainer(t)
		s := p.hearAs(c, func(_, next string) { l.add("%s", next) }, weir.OnError(func(err error) { l.add("error %v", errors.Is(err, errBoom)) }))
		settle()
		require.ErrorIs(t, p.err(c), errBoom)
		err := asError(recovered(func() { notifier(c) }))
		require.ErrorIs(t, err, errBoom, "Notifier raises it")
		require.Equal(t, 1, tries, "it is kept, not tried again")
		l.take()
		c.Invalidate(p.id)
		settle()
		require.Equal(t, 42, p.read(c))
		require.Equal(t, 2, tries)
		require.NotNil(t, notifier(c).is)
		s.Close()
	})
}
