package weir_test

// This file holds the examples of AsyncValue that are about its parts, and of storages.

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"github.com/weir-go/weir"
)

// A failure keeps the data of before, and a new build keeps both while it loads.
func ExampleAsyncValue() {
	attempt := 0
	page := weir.NewTryProvider(func(weir.Ref) (string, error) {
		if attempt++; attempt == 2 {
			return "", errors.New("offline")
		}
		return fmt.Sprint("page ", attempt), nil
	})
	c := weir.NewContainer()
	defer c.Close()
	for range 3 {
		state := weir.Refresh(c, page)
		fmt.Println(state, state.HasValue(), state.HasError(), state.IsLoading())
	}
	// Output:
	// Data(page 1) true false false
	// Failed(page 1, error: offline) true true false
	// Data(page 3) true false false
}

// Refreshing: the same inputs. Reloading: a dependency changed, so what is beside it belongs to the past.
func ExampleAsyncValue_IsRefreshing() {
	city := weir.NewStateProvider(func(weir.Ref) string { return "Oslo" })
	answer := make(chan struct{}) // of the server
	forecast := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (string, error) {
		name := weir.Watch(ref, city)
		<-answer
		return "rain in " + name, nil
	})
	c := weir.NewContainer()
	defer c.Shutdown(context.Background())
	show := func() {
		state := weir.Read(c, forecast)
		answer <- struct{}{}
		_, _ = weir.Resolve(context.Background(), c, forecast)
		fmt.Println(state.IsRefreshing(), state.IsReloading(), state.ValueOr("nothing yet"))
	}
	show()
	c.Invalidate(forecast)
	show()
	city.Set(c, "Bergen")
	show()
	// Output:
	// false false nothing yet
	// true false rain in Oslo
	// false true rain in Oslo
}

func ExampleData() {
	fmt.Println(weir.Data(7), weir.Loading[int](), weir.Failed[int](errors.New("offline")))
	// Output: Data(7) Loading() Failed(error: offline)
}

// table is a storage in a database that is a map here.
type table struct{ rows sync.Map }

func (t *table) Read(ctx context.Context, key string) ([]byte, error) {
	row, ok := t.rows.Load(key)
	if !ok {
		return nil, fs.ErrNotExist
	}
	return row.([]byte), nil
}

func (t *table) Write(ctx context.Context, key string, data []byte) error {
	t.rows.Store(key, append([]byte(nil), data...)) // it must not hold on to data
	return nil
}

func (t *table) Delete(ctx context.Context, key string) error {
	t.rows.Delete(key)
	return nil
}

func ExampleStorage() {
	best := weir.NewNotifierProvider(newHighScore, weir.Persist(new(table), "best", weir.JSON[int]{}))
	for range 2 {
		c := weir.NewContainer()
		fmt.Println(best.Notifier(c).Update(func(n int) int { return n + 10 }))
		_ = c.Shutdown(context.Background())
	}
	// Output:
	// 10
	// 20
}
