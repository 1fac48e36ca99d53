package weir_test

// The algebra of AsyncValue (A1, D8, D11): what each state says of itself, and what is made of it.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// states makes one AsyncValue of each shape that a provider without retry can be in. Those that no constructor makes are caught
// from a listener.
func states(t *testing.T) map[string]weir.AsyncValue[int] {
	t.Helper()
	all := map[string]weir.AsyncValue[int]{
		"loading":     weir.Loading[int](),
		"data 1":      weir.Data(1),
		"failed boom": weir.Failed[int](errBoom),
	}
	c := newContainer(t)
	type outcome struct {
		v   int
		err error
	}
	results := make(chan outcome)
	progress := make(chan float64)
	p := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
		for {
			select {
			case f := <-progress:
				ref.SetProgress(f)
			case r := <-results:
				return r.v, r.err
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		}
	})
	s := weir.Listen(c, p, func(_, next weir.AsyncValue[int]) { all[show(next)] = next })
	defer s.Close()
	finish := func(v int, err error) { results <- outcome{v, err}; settle() }
	begin := func(how func(...weir.AnyProvider)) { how(p); settle() }
	progress <- 0.5
	settle()
	finish(0, errBoom)
	begin(c.Invalidate) // refreshing boom
	finish(0, errBoom)
	begin(c.InvalidateAsReload) // reloading boom
	finish(1, nil)
	begin(c.InvalidateAsReload) // reloading 1
	finish(1, nil)
	begin(c.Invalidate) // refreshing 1
	progress <- 0.25
	settle()
	finish(0, errBoom)          // failed boom was 1
	begin(c.InvalidateAsReload) // reloading boom was 1
	finish(0, errBoom)
	begin(c.Invalidate) // refreshing boom was 1
	finish(1, nil)
	return all
}

func TestA1ThePartsOfEachState(t *testing.T) {
	bubble(t, func(t *testing.T) {
		all := states(t)
		for name, want := range map[string]struct {
			value, err, loading, refreshing, reloading bool
			progress                                   float64
		}{
			"loading":               {loading: true},
			"loading 50%":           {loading: true, progress: 0.5},
			"data 1":                {value: true},
			"failed boom":           {err: true},
			"failed boom was 1":     {value: true, err: true},
			"refreshing 1":          {value: true, loading: true, refreshing: true},
			"refreshing 1 25%":      {value: true, loading: true, refreshing: true, progress: 0.25},
			"refreshing boom":       {err: true, loading: true, refreshing: true},
			"refreshing boom was 1": {value: true, err: true, loading: true, refreshing: true},
			"reloading 1":           {value: true, loading: true, reloading: true},
			"reloading boom":        {err: true, loading: true, reloading: true},
			"reloading boom was 1":  {value: true, err: true, loading: true, reloading: true},
		} {
			v, ok := all[name]
			if !ok {
				t.Errorf("no listener heard of %q", name)
				continue
			}
			got, has := v.Value()
			require.Equal(t, want.value, has, "%s: Value", name)
			require.Equal(t, want.value, v.HasValue(), "%s: HasValue", name)
			require.Equal(t, want.value, got == 1, "%s: the value", name)
			require.Equal(t, want.err, v.HasError(), "%s: HasError", name)
			require.Equal(t, want.err, v.Err() == errBoom, "%s: Err is the raw error", name)
			require.Equal(t, want.err, v.Err() != nil, "%s: Err", name)
			require.Equal(t, want.loading, v.IsLoading(), "%s: IsLoading", name)
			require.Equal(t, want.refreshing, v.IsRefreshing(), "%s: IsRefreshing", name)
			require.Equal(t, want.reloading, v.IsReloading(), "%s: IsReloading", name)
			require.False(t, v.IsRetrying(), "%s: IsRetrying", name)
			f, has := v.Progress()
			require.Equal(t, want.progress != 0, has, "%s: Progress", name)
			require.InDelta(t, want.progress, f, 0, "%s: the fraction", name)
		}
	})
}

func TestA1AZeroPayloadIsAValue(t *testing.T) {
	v, ok := weir.Data[error](nil).Value()
	require.True(t, ok)
	require.NoError(t, v)
	require.True(t, weir.Data(0).HasValue())
	require.False(t, weir.Data[error](nil).HasError())
	require.Equal(t, 0, weir.Data(0).ValueOr(9))
}

func TestD11WhenResultAndValueOr(t *testing.T) {
	bubble(t, func(t *testing.T) {
		all := states(t)
		for name, want := range map[string]struct {
			when   string
			value  int
			err    error
			orNine int
		}{
			"loading":           {"loading", 0, weir.ErrLoading, 9},
			"loading 50%":       {"loading", 0, weir.ErrLoading, 9},
			"data 1":            {"data 1", 1, nil, 1},
			"failed boom":       {"failed boom", 0, errBoom, 9},
			"failed boom was 1": {"failed boom", 1, errBoom, 1},
			"refreshing 1":      {"data 1", 1, nil, 1},
			"refreshing boom":   {"failed boom", 0, errBoom, 9},
			"reloading 1":       {"loading", 1, nil, 1},
			"reloading boom":    {"loading", 0, errBoom, 9},
		} {
			v := all[name]
			require.Equal(t, want.when, weir.When(v,
				func(v int) string { return fmt.Sprint("data ", v) },
				func(err error) string { return "failed " + err.Error() },
				func() string { return "loading" }), "When of %s", name)
			value, err := v.Result()
			require.Equal(t, want.value, value, "Result of %s", name)
			if want.err == nil {
				require.NoError(t, err, "Result of %s", name)
			} else {
				require.ErrorIs(t, err, want.err, "Result of %s", name)
			}
			require.Equal(t, want.orNine, v.ValueOr(9), "ValueOr of %s", name)
		}
	})
}

func TestD11WhenCallsOneFunction(t *testing.T) {
	never := func(what string) func() { return func() { t.Errorf("When called %s", what) } }
	weir.When(weir.Data(1), func(int) int { return 0 }, func(error) int { never("failed")(); return 0 }, func() int { never("loading")(); return 0 })
	weir.When(weir.Failed[int](errBoom), func(int) int { never("data")(); return 0 }, func(error) int { return 0 }, func() int { never("loading")(); return 0 })
	weir.When(weir.Loading[int](), func(int) int { never("data")(); return 0 }, func(error) int { never("failed")(); return 0 }, func() int { return 0 })
}

func TestA1MapDataKeepsTheOtherParts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for name, v := range states(t) {
			calls := 0
			got := weir.MapData(v, func(v int) string { calls++; return fmt.Sprint(v, "!") })
			want := name
			if v.HasValue() {
				want = strings.Replace(name, "1", "1!", 1)
				require.Equal(t, 1, calls, name)
			} else {
				require.Zero(t, calls, "%s: nothing to map", name)
			}
			require.Equal(t, want, show(got))
			require.Equal(t, v.Err(), got.Err())
		}
	})
}

func TestA1StringAndLogValueTellStatesApart(t *testing.T) {
	// No format is promised; but each state reads differently, and shows its value, its error and its progress.
	bubble(t, func(t *testing.T) {
		texts, logs := map[string]string{}, map[string]string{}
		for name, v := range states(t) {
			var buf bytes.Buffer
			slog.New(slog.NewJSONHandler(&buf, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey {
					return slog.Attr{}
				}
				return a
			}})).Info("state", "v", v)
			for kind, seen := range map[string]struct {
				text string
				all  map[string]string
			}{"String": {v.String(), texts}, "LogValue": {buf.String(), logs}} {
				require.Equal(t, "", seen.all[seen.text], "%s: %q reads as %q does", kind, name, seen.all[seen.text])
				seen.all[seen.text] = name
				if v.HasValue() {
					require.Contains(t, seen.text, "1", "%s of %s", kind, name)
				}
				if v.HasError() {
					require.Contains(t, seen.text, "boom", "%s of %s", kind, name)
				}
			}
			require.Equal(t, v.String(), fmt.Sprint(v))
		}
	})
}

func TestA1ResultOfNeitherWrapsErrLoading(t *testing.T) {
	_, err := weir.Loading[int]().Result()
	require.ErrorIs(t, err, weir.ErrLoading)
	custom := &customError{code: 7}
	_, err = weir.Failed[int](fmt.Errorf("wrapped: %w", custom)).Result()
	var got *customError
	require.True(t, errors.As(err, &got))
	require.Equal(t, 7, got.code)
}

type customError struct{ code int }

func (e *customError) Error() string { return fmt.Sprint("code ", e.code) }
