package weir_test

// This file holds the scenarios of Riverpod's about AsyncValues (section 19), with Weir's semantics. The states in motion are taken from
// containers, as programs get them. What each rule says by itself is in asyncvalue_test.go.

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// everyState makes one AsyncValue of every sort, by name. Inside a bubble.
func everyState(t *testing.T) map[string]weir.AsyncValue[int] {
	t.Helper()
	all := map[string]weir.AsyncValue[int]{
		"data":    weir.Data(42),
		"zero":    weir.Data(0),
		"failed":  weir.Failed[int](errBoom),
		"loading": weir.Loading[int](),
	}
	for name, c := range map[string]struct {
		results []error
		reload  bool
	}{
		"data":              {[]error{nil}, false},
		"failed":            {[]error{errBoom}, false},
		"failed with value": {[]error{nil, errBoom}, false},
	} {
		for _, kind := range []string{"refreshing", "reloading", "progress"} {
			dep := scenarioNumber(0)
			var n tally
			p := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
				weir.Watch(ref, dep)
				i := n.inc()
				if i > len(c.results) {
					if kind == "progress" {
						ref.SetProgress(0.25)
					}
					<-ctx.Done()
					return 0, context.Cause(ctx)
				}
				return 42, c.results[i-1]
			})
			ct := newContainer(t)
			s := weir.Listen(ct, p, nil)
			settle()
			for range len(c.results) - 1 {
				ct.Invalidate(p)
				settle()
			}
			if kind == "refreshing" {
				all[name] = s.Read()
			}
			if kind == "reloading" {
				dep.Set(ct, 1)
			} else {
				ct.Invalidate(p)
			}
			settle()
			all[kind+" "+name] = s.Read()
		}
	}
	return all
}

func TestS462_S464_S465_S467_S468_Flags(t *testing.T) {
	bubble(t, func(t *testing.T) {
		type flags struct{ loading, refreshing, reloading, value, err bool }
		want := map[string]flags{
			"data":                         {value: true},
			"zero":                         {value: true},
			"failed":                       {err: true},
			"failed with value":            {err: true, value: true},
			"loading":                      {loading: true},
			"refreshing data":              {loading: true, refreshing: true, value: true},
			"refreshing failed":            {loading: true, refreshing: true, err: true},
			"refreshing failed with value": {loading: true, refreshing: true, value: true, err: true},
			"reloading data":               {loading: true, reloading: true, value: true},
			"reloading failed":             {loading: true, reloading: true, err: true},
			"reloading failed with value":  {loading: true, reloading: true, value: true, err: true},
			"progress data":                {loading: true, refreshing: true, value: true},
			"progress failed":              {loading: true, refreshing: true, err: true},
			"progress failed with value":   {loading: true, refreshing: true, value: true, err: true},
		}
		all := everyState(t)
		require.Len(t, all, len(want))
		for name, v := range all {
			got := flags{v.IsLoading(), v.IsRefreshing(), v.IsReloading(), v.HasValue(), v.HasError()}
			if got != want[name] {
				t.Errorf("%s is %v: got %+v, want %+v", name, v, got, want[name])
			}
			if _, ok := v.Progress(); ok != (name[0] == 'p') {
				t.Errorf("%s has progress: %v", name, ok)
			}
			if v.IsRetrying() {
				t.Errorf("%s is retrying", name)
			}
		}
	})
}

func TestS471_AZeroPayloadIsData(t *testing.T) {
	v := weir.Data[error](nil)
	if e, ok := v.Value(); !ok || e != nil || v.HasError() {
		t.Errorf("Data(nil) is %v", v)
	}
	got := weir.When(v, func(error) string { return "data" }, func(error) string { return "failed" }, func() string { return "loading" })
	require.Equal(t, "data", got)
	require.NotEqual(t, weir.Data[error](nil), weir.Loading[error](), "S-488: a kept zero is not no value")
}

func TestS472_S474_S477_WhatALoadingKeeps(t *testing.T) {
	// Riverpod merges states by hand; in Weir the container does it, and loading set by hand is a reload (A1, D16).
	bubble(t, func(t *testing.T) {
		all := everyState(t)
		for name, want := range map[string]string{
			"refreshing data":              "refreshing 42",
			"progress data":                "refreshing 42 25%",
			"refreshing failed with value": "refreshing boom was 42",
			"reloading data":               "reloading 42",
			"reloading failed":             "reloading boom",
			"reloading failed with value":  "reloading boom was 42",
		} {
			require.Equal(t, want, show(all[name]), name)
		}
		p := asyncNotes(func(context.Context, weir.Ref, *noteAsync) (int, error) { return 1, nil })
		c := newContainer(t)
		s := weir.Listen(c, p, nil)
		settle()
		n := p.Notifier(c)
		for name, steps := range map[string]struct {
			from, to weir.AsyncValue[int]
			want     string
		}{
			"S-477 over data":                 {weir.Data(42), weir.Loading[int](), "reloading 42"},
			"S-477 over loading with a value": {all["refreshing data"], weir.Loading[int](), "reloading 42"},
			"S-477 over an error":             {weir.Failed[int](errBoom), weir.Loading[int](), "reloading boom was 1"},
			"S-474 the new progress wins":     {all["progress data"], all["refreshing data"], "refreshing 42"},
			"S-472 with its progress":         {weir.Data(42), all["progress data"], "refreshing 42 25%"},
		} {
			n.SetData(1)
			n.Set(steps.from)
			n.Set(steps.to)
			require.Equal(t, steps.want, show(s.Read()), name)
		}
	})
}

func TestS475_DataLeavesNothingBehind(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := asyncNotes(at42)
		c := newContainer(t)
		s := weir.Listen(c, p, nil)
		settle()
		n := p.Notifier(c)
		for name, v := range everyState(t) {
			n.Set(v)
			n.SetData(7)
			require.Equal(t, weir.Data(7), s.Read(), name)
		}
	})
}

func TestS478_S481_S482_S484_S485_Matching(t *testing.T) {
	// Riverpod has options for what a match skips; Weir has one When (D11), ValueOr, Value and Result for the rest.
	bubble(t, func(t *testing.T) {
		for name, want := range map[string]struct {
			when, result string
			or           int
		}{
			"data":                         {"data 42", "42 <nil>", 42},
			"zero":                         {"data 0", "0 <nil>", 0},
			"failed":                       {"failed boom", "0 boom", -1},
			"failed with value":            {"failed boom", "42 boom", 42},
			"loading":                      {"loading", "0 loading", -1},
			"refreshing data":              {"data 42", "42 <nil>", 42},
			"refreshing failed":            {"failed boom", "0 boom", -1},
			"refreshing failed with value": {"failed boom", "42 <nil>", 42},
			"reloading data":               {"loading", "42 <nil>", 42},
			"reloading failed":             {"loading", "0 boom", -1},
			"reloading failed with value":  {"loading", "42 <nil>", 42},
		} {
			v := everyState(t)[name]
			got := weir.When(v, func(v int) string { return fmt.Sprint("data ", v) }, func(err error) string { return "failed " + err.Error() }, func() string { return "loading" })
			require.Equal(t, want.when, got, "When of %s", name)
			x, err := v.Result()
			if errors.Is(err, weir.ErrLoading) {
				err = stringError("loading")
			}
			require.Equal(t, want.result, fmt.Sprint(x, " ", err), "Result of %s", name)
			require.Equal(t, want.or, v.ValueOr(-1), "ValueOr of %s", name)
		}
	})
}

func TestS487_MapDataKeepsLoadingAndProgress(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for name, v := range everyState(t) {
			u := weir.MapData(v, func(v int) string { return fmt.Sprint(2 * v) })
			require.Equal(t, v.IsLoading(), u.IsLoading(), name)
			require.Equal(t, v.IsRefreshing(), u.IsRefreshing(), name)
			require.Equal(t, v.IsReloading(), u.IsReloading(), name)
			require.Equal(t, v.Err(), u.Err(), name)
			f, ok := v.Progress()
			g, also := u.Progress()
			require.Equal(t, ok, also, name)
			require.Equal(t, f, g, name)
			if x, ok := v.Value(); ok {
				// D-14: Riverpod drops the kept value of an error or a loading; Weir maps it.
				require.Equal(t, fmt.Sprint(2*x), u.ValueOr("none"), name)
			} else {
				require.Equal(t, "none", u.ValueOr("none"), name)
			}
		}
		require.PanicsWithValue(t, "f", func() { weir.MapData(weir.Data(1), func(int) int { panic("f") }) }, "a failing f is the caller's affair")
		require.NotPanics(t, func() { weir.MapData(weir.Loading[int](), func(int) int { panic("f") }) })
	})
}

func TestS488_StatesThatDifferAreNotEqual(t *testing.T) {
	bubble(t, func(t *testing.T) {
		all := everyState(t)
		for a, v := range all {
			for b, w := range all {
				if (v == w) != (a == b) {
					t.Errorf("%s == %s: %v", a, b, v == w)
				}
				if (v.String() == w.String()) != (a == b) {
					t.Errorf("%s and %s are both written %s", a, b, v)
				}
			}
		}
		require.Equal(t, weir.Data(42), all["data"], "what a container makes is what Data makes")
		require.Equal(t, weir.Failed[int](errBoom), all["failed"])
		time.Sleep(time.Millisecond)
	})
}
