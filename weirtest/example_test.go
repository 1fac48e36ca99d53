package weirtest_test

// This file holds the examples.

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weir-go/weir"
	"github.com/weir-go/weir/weirtest"
)

var price = weir.NewStateProvider(func(weir.Ref) float64 { return 100 }, weir.Name("price"))

var total = weir.NewProvider(func(ref weir.Ref) float64 { return weir.Watch(ref, price) * 1.25 }, weir.Name("total"), weir.AutoDispose())

var quote = weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (string, error) {
	if err := ref.Debounce(time.Second); err != nil { // a slow service
		return "", err
	}
	return "ACME 42", nil
}, weir.Name("quote"), weir.AutoDispose())

// A container for one test: what the test leaves open is found when it ends.
func ExampleNew() {
	TestTotal := func(t testing.TB) {
		c := weirtest.New(t, price.OverrideWithValue(8))
		if got := weir.Read(c, total); got != 10 {
			t.Errorf("total is %v", got)
		}
	}
	run(TestTotal)

	TestLeaks := func(t testing.TB) {
		c := weirtest.New(t)
		weir.Listen(c, total, nil) // and never closed
	}
	run(TestLeaks)
	// Output:
	// PASS
	// weirtest: total (declared at example_test.go:18): 1 listener was left open at the end of the test.
	// 	Close each Subscription (defer sub.Close()), and end the ctx of each Values and Results loop and of each Resolve that waits.
	// FAIL
}

// The values that a source takes.
func ExampleRecord() {
	run(func(t testing.TB) {
		c := weirtest.New(t)
		r := weirtest.Record(t, c, total)
		price.Set(c, 200)
		r.Want(125, 250)
		price.Set(c, 300)
		r.Want(400)
	})
	// Output:
	// weirtest: total has taken other values than the test wants (- wanted, + recorded):
	// 	- 400
	// 	+ 375
	// FAIL
}

// What happened to a provider, in its order.
func ExampleNewEvents() {
	run(func(t testing.TB) {
		events := weirtest.NewEvents(t, weirtest.Build, weirtest.Cancelled, weirtest.Resumed)
		c := weirtest.New(t, weir.WithObserver(events.Observer()))
		sub := weir.Listen(c, total, nil)
		events.WantOf(total, "total build first")
		sub.Close()
		events.WantOf(total, "total cancelled")
	})
	// Output: PASS
}

// In a bubble of testing/synctest time passes when everything waits for it.
func ExampleSettle() {
	TestQuote := func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { // the T of the bubble from here
			c := weirtest.New(t)
			r := weirtest.Record(t, c, weir.Select(quote, func(v weir.AsyncValue[string]) string { return v.ValueOr("loading") }))
			weirtest.Settle(t, c)
			r.Want("loading")
			time.Sleep(time.Second)
			weirtest.Settle(t, c)
			r.Want("ACME 42")
		})
	}
	everything := func(_, _ string) (bool, error) { return true, nil }
	fmt.Println(testing.RunTests(everything, []testing.InternalTest{{Name: "TestQuote", F: TestQuote}})) // what go test does
	// Output: true
}

// run runs a test as go test does, and prints what that says.
func run(test func(t testing.TB)) {
	t := &printed{}
	defer func() {
		for len(t.cleanups) > 0 {
			last := len(t.cleanups) - 1
			fn := t.cleanups[last]
			t.cleanups = t.cleanups[:last]
			fn()
		}
		fmt.Println(map[bool]string{false: "PASS", true: "FAIL"}[t.failed])
	}()
	test(t)
}

// printed is a test that prints.
type printed struct {
	testing.TB
	failed   bool
	cleanups []func()
}

func (t *printed) Helper()           {}
func (t *printed) Failed() bool      { return t.failed }
func (t *printed) Skipped() bool     { return false }
func (t *printed) Cleanup(fn func()) { t.cleanups = append(t.cleanups, fn) }

func (t *printed) Errorf(format string, args ...any) {
	t.failed = true
	fmt.Printf(format+"\n", args...)
}
