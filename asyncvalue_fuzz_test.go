package weir

// This file holds the fuzz target of AsyncValue: bytes become transitions, the rules' words about them (A1, D8, D11, D16)
// are the model, and after each the laws that every state obeys are tried: what the parts say of each other, what When
// and Result make of them, that MapData touches the value and nothing else, and when two states are the same.

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// asyncModel is a state as rule A1 has it: three independent parts.
type asyncModel struct {
	value    *int
	err      error
	load     string // "" at rest
	fraction *float64
}

// starts is a build that begins: what was there stays beside the loading, which is a first load if nothing was, and goes
// on being a reload if it was one (D8).
func (m asyncModel) starts(why BuildReason) asyncModel {
	nothing := m.value == nil && m.err == nil
	switch {
	case nothing:
		m.load = "first load"
	case why == ReasonRetry && m.err != nil:
		m.load = "retry"
	case why == ReasonReload || m.load == "reload":
		m.load = "reload"
	default:
		m.load = "refresh"
	}
	m.fraction = nil
	return m
}

// ends is a result: new data clears the error, a new error keeps the last value.
func (m asyncModel) ends(value int, err error) asyncModel {
	if err != nil {
		return asyncModel{value: m.value, err: err}
	}
	return asyncModel{value: &value}
}

// assigned is a state that is written: a bare error like a failed build's, a bare loading like a build that begins.
func (m asyncModel) assigned(w asyncModel) asyncModel {
	switch bare := w.value == nil; {
	case bare && w.load == "" && w.err != nil:
		return m.ends(0, w.err)
	case bare && w.load != "" && w.err == nil:
		next := m.starts(ReasonReload)
		next.fraction = w.fraction
		return next
	}
	return w
}

func FuzzAsyncValue(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
	f.Add([]byte{1, 5, 6, 3, 6, 0, 4, 7, 2, 5})       // an error, its retry, a reload, data, a refresh that fails
	f.Add([]byte{3, 4, 5, 3, 9, 4, 10, 5, 11, 0, 12}) // loadings upon each other, and states that are written
	f.Fuzz(func(t *testing.T, ops []byte) {
		var v AsyncValue[int]
		var m asyncModel
		var values []AsyncValue[int]
		var models []asyncModel
		for i, op := range ops[:min(len(ops), 64)] {
			n, arg := i+1, int(op)/13
			err := fmt.Errorf("error %d", n)
			switch op % 13 {
			case 0:
				v, m = AsyncValue[int]{n, v.outcome(nil)}, m.ends(n, nil)
			case 1:
				v.asyncState, m = v.outcome(err), m.ends(0, err)
			case 2, 3, 4, 5:
				why := []BuildReason{ReasonFirstBuild, ReasonReload, ReasonRefresh, ReasonRetry}[op%13-2]
				v.asyncState, m = v.starting(why), m.starts(why)
			case 6:
				if v.IsLoading() { // otherwise it does nothing (A2)
					fraction := float64(arg) / 32 // the sum with one is exact
					v.progress, m.fraction = fraction+1, &fraction
				}
			case 7:
				v.asyncState = v.settled()
				m.load, m.fraction = "", nil
			case 8:
				v, m = v.assigned(Data(n)), m.assigned(asyncModel{value: &n})
			case 9:
				v, m = v.assigned(Failed[int](err)), m.assigned(asyncModel{err: err})
			case 10:
				v, m = v.assigned(Loading[int]()), m.assigned(asyncModel{load: "first load"})
			case 11:
				if len(values) > 0 {
					v, m = v.assigned(values[arg%len(values)]), m.assigned(models[arg%len(models)])
				}
			case 12:
				v = MapData(v, func(n int) int { return n + 1000 })
				if m.value != nil {
					mapped := *m.value + 1000
					m.value = &mapped
				}
			}
			said := fmt.Sprintf("after operation %d of % x: %v", i, ops, v)
			asyncIs(t, said, v, m)
			asyncLaws(t, said, v)
			for j, w := range values {
				asyncPair(t, said, v, w, m, models[j])
			}
			values, models = append(values, v), append(models, m)
		}
	})
}

// asyncIs holds v against the model.
func asyncIs(t *testing.T, said string, v AsyncValue[int], m asyncModel) {
	t.Helper()
	something := m.value != nil || m.err != nil
	value, has := v.Value()
	fraction, going := v.Progress()
	switch {
	case has != (m.value != nil) || has && value != *m.value || has != v.HasValue():
		t.Errorf("%s: value %v, %v, want %v", said, value, has, m.value)
	case v.Err() != m.err || v.HasError() != (m.err != nil):
		t.Errorf("%s: error %v, want %v", said, v.Err(), m.err)
	case v.IsLoading() != (m.load != "") || v.IsRefreshing() != (m.load == "refresh" && something) ||
		v.IsReloading() != (m.load == "reload" && something) || v.IsRetrying() != (m.load == "retry"):
		t.Errorf("%s: loading is %d, want %q", said, v.load, m.load)
	case going != (m.fraction != nil) || going && fraction != *m.fraction:
		t.Errorf("%s: progress %v, %v, want %v", said, fraction, going, m.fraction)
	}
	// D11
	want := "data"
	switch {
	case m.load == "first load" || m.load == "reload" || m.load == "retry" || !something:
		want = "loading"
	case m.err != nil:
		want = "failed"
	}
	if got := asyncWhen(v); got != want {
		t.Errorf("%s: When is %s, want %s", said, got, want)
	}
	value, err := v.Result()
	switch {
	case m.err != nil && (m.load == "" || m.value == nil):
		if err != m.err || m.value != nil && value != *m.value {
			t.Errorf("%s: Result is %v, %v", said, value, err)
		}
	case m.value != nil:
		if err != nil || value != *m.value {
			t.Errorf("%s: Result is %v, %v", said, value, err)
		}
	case !errors.Is(err, ErrLoading):
		t.Errorf("%s: Result is %v, %v", said, value, err)
	}
}

// asyncWhen is which of its functions When calls, which must be one, with what is there.
func asyncWhen(v AsyncValue[int]) (called string) {
	got := When(v, func(n int) string {
		called += "data"
		return fmt.Sprint(n)
	}, func(err error) string {
		called += "failed"
		return err.Error()
	}, func() string {
		called += "loading"
		return ""
	})
	value, _ := v.Value()
	if called == "data" && got != fmt.Sprint(value) || called == "failed" && got != v.Err().Error() {
		return "what is not there: " + got
	}
	return called
}

// asyncLaws are of any state, however it came about.
func asyncLaws(t *testing.T, said string, v AsyncValue[int]) {
	t.Helper()
	law := func(holds bool, what string) {
		t.Helper()
		if !holds {
			t.Errorf("%s: it is not true that %s", said, what)
		}
	}
	count := 0
	for _, is := range []bool{v.IsRefreshing(), v.IsReloading(), v.IsRetrying()} {
		if is {
			count++
		}
	}
	_, going := v.Progress()
	law(count <= 1 && (count == 0 || v.IsLoading()), "it is loading in one way")
	law(!going || v.IsLoading(), "progress is that of a loading")
	law(!v.IsRetrying() || v.HasError(), "what is retried has failed")
	law(v.HasValue() == (v.ValueOr(-1) == v.ValueOr(-2)), "ValueOr gives the other if and only if there is no value")
	law(strings.HasPrefix(v.String(), v.name()+"(") && v.GoString() == v.String() && fmt.Sprintf("%#v", v) == v.String(), "its text begins with its state")
	law(v.LogValue().Kind() == slog.KindGroup && v.LogValue().Group()[0].Value.String() == v.name(), "a log has its state first")

	// MapData: identity, composition, and the parts that it leaves alone.
	double, text := func(n int) int { return 2 * n }, func(n int) string { return fmt.Sprint("<", n, ">") }
	law(MapData(v, func(n int) int { return n }) == v, "mapping the identity changes nothing")
	mapped, both := MapData(MapData(v, double), text), MapData(v, func(n int) string { return text(double(n)) })
	law(mapped == both, "mapping twice is mapping the composition")
	law(mapped.Err() == v.Err() && mapped.load == v.load && mapped.progress == v.progress && mapped.HasValue() == v.HasValue(), "mapping leaves the other parts alone")
	law(When(mapped, func(s string) string { return s }, error.Error, func() string { return "" }) ==
		When(v, func(n int) string { return text(double(n)) }, error.Error, func() string { return "" }), "When of what is mapped is When of both")

	// What is settled stays so, and a build that begins twice for the same reason has begun.
	rest := v.settled()
	law(rest == rest.settled() && rest.resting() && rest.has == v.HasValue() && rest.err == v.Err(), "settling takes the loading alone")
	for _, why := range []BuildReason{ReasonReload, ReasonRefresh, ReasonRetry} {
		once := v.starting(why)
		law(once.starting(why) == once, fmt.Sprintf("a build that begins twice has begun (%v)", why))
		law(once.settled() == v.settled(), fmt.Sprintf("a build that begins takes nothing away (%v)", why))
		law(once.outcome(nil) == Data(7).asyncState, fmt.Sprintf("data is data, whatever was before (%v)", why))
	}
}

// asyncPair holds the change detection of two states against the rules (P1, D8): it is symmetric, an error at rest is
// always news, and else two are the same if all their parts are.
func asyncPair(t *testing.T, said string, v, w AsyncValue[int], m, n asyncModel) {
	t.Helper()
	eq := asyncEqual(func(a, b int) bool { return a == b })
	same := func(a, b *int) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }
	going := func(a, b *float64) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }
	want := same(m.value, n.value) && m.err == n.err && m.load == n.load && going(m.fraction, n.fraction) && (m.err == nil || m.load != "")
	if got := eq(v, w); got != want || eq(w, v) != want {
		t.Errorf("%s: the same as %v: %v and %v, want %v", said, w, got, eq(w, v), want)
	}
}
