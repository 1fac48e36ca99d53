package weir_test

// This file holds the examples of retries.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weir-go/weir"
)

// Whoever waits goes on waiting while attempts fail.
func ExampleRetry() {
	page := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (string, error) {
		fmt.Println("attempt, reason:", ref.Reason())
		if ref.Reason() == weir.ReasonFirstBuild {
			return "", errors.New("connection refused")
		}
		return "a page", nil
	}, weir.Retry(weir.Backoff(time.Millisecond, time.Second, 5)))
	c := weir.NewContainer()
	defer c.Shutdown(context.Background())
	fmt.Println(weir.Resolve(context.Background(), c, page))
	// Output:
	// attempt, reason: first build
	// attempt, reason: retry
	// a page <nil>
}

// While a retry is pending the state is loading, with the error beside it.
func ExampleAsyncValue_IsRetrying() {
	page := weir.NewTryProvider(func(ref weir.Ref) (string, error) {
		return "", errors.New("connection refused")
	}, weir.Retry(weir.Backoff(time.Hour, time.Hour, 1)))
	c := weir.NewContainer()
	defer c.Close()
	state := weir.Read(c, page)
	fmt.Println(state.IsRetrying(), state.IsLoading(), state.Err())
	// Output: true true connection refused
}

func ExampleWithRetry() {
	attempts := 0
	flaky := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
		if attempts++; attempts < 3 {
			return 0, errors.New("not yet")
		}
		return attempts, nil
	})
	c := weir.NewContainer(weir.WithRetry(weir.Backoff(time.Millisecond, time.Millisecond, 10)))
	defer c.Shutdown(context.Background())
	fmt.Println(weir.Resolve(context.Background(), c, flaky))
	// Output: 3 <nil>
}

func ExampleBackoff() {
	policy := weir.Backoff(time.Second, 5*time.Second, 4)
	for attempt := range 5 {
		fmt.Println(policy(attempt, errors.New("failed")))
	}
	// Output:
	// 1s true
	// 2s true
	// 4s true
	// 5s true
	// 0s false
}

func ExampleDefaultRetry() {
	for _, attempt := range []int{0, 1, 5, 9, 10} {
		fmt.Println(weir.DefaultRetry(attempt, errors.New("failed")))
	}
	// Output:
	// 200ms true
	// 400ms true
	// 6.4s true
	// 6.4s true
	// 0s false
}

// A policy may look at the error: what does not exist will not exist in a second either.
func ExampleRetryPolicy() {
	errNotFound := errors.New("not found")
	unlessNotFound := func(attempt int, err error) (time.Duration, bool) {
		if errors.Is(err, errNotFound) {
			return 0, false
		}
		return weir.DefaultRetry(attempt, err)
	}
	page := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (string, error) {
		return "", errNotFound
	}, weir.Retry(unlessNotFound))
	c := weir.NewContainer()
	defer c.Shutdown(context.Background())
	_, err := weir.Resolve(context.Background(), c, page)
	fmt.Println(err)
	// Output: not found
}
