package weir_test

// This file holds the examples of streams.

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/weir-go/weir"
)

// A stream is asked for its next value by a channel here, where a real one would wait for a ticker or a socket.
func ExampleNewStreamProvider() {
	next := make(chan struct{})
	temperature := weir.NewStreamProvider(func(ctx context.Context, ref weir.Ref, emit func(int) bool) error {
		for degrees := 20; emit(degrees); degrees++ {
			select {
			case <-next:
			case <-ctx.Done():
			}
		}
		return context.Cause(ctx) // emit returned false: the build is over
	}, weir.AutoDispose())
	c := weir.NewContainer()
	defer c.Shutdown(context.Background())
	for degrees, err := range weir.Results(context.Background(), c, temperature) {
		fmt.Println(degrees, err)
		if degrees == 22 {
			break
		}
		next <- struct{}{}
	}
	// Output:
	// 20 <nil>
	// 21 <nil>
	// 22 <nil>
}

// While nobody listens, emit does not return: the loop around it sleeps and needs no code for that.
func ExampleNewStreamProvider_standby() {
	tick, emitted := make(chan struct{}), make(chan int)
	feed := weir.NewStreamProvider(func(ctx context.Context, ref weir.Ref, emit func(int) bool) error {
		for n := 1; ; n++ {
			select {
			case <-tick:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			if emit(n) { // waits here while nobody listens
				emitted <- n
			}
		}
	}, weir.AutoDispose(), weir.DisposeDelay(time.Hour))
	c := weir.NewContainer()
	defer c.Shutdown(context.Background())
	sub := weir.Listen(c, feed, nil)
	tick <- struct{}{}
	fmt.Println("emitted", <-emitted)
	sub.Pause() // nobody listens now
	tick <- struct{}{}
	select {
	case <-emitted:
		fmt.Println("the loop goes on")
	case <-time.After(20 * time.Millisecond):
		fmt.Println("the loop sleeps")
	}
	sub.Resume()
	fmt.Println("emitted", <-emitted, "last value:", weir.Read(c, feed).ValueOr(0))
	// Output:
	// emitted 1
	// the loop sleeps
	// emitted 2 last value: 2
}

// A stream that fails keeps its last value beside the error.
func ExampleNewStreamProvider_failure() {
	feed := weir.NewStreamProvider(func(ctx context.Context, ref weir.Ref, emit func(string) bool) error {
		emit("hello")
		return errors.New("connection lost")
	})
	c := weir.NewContainer()
	defer c.Shutdown(context.Background())
	for _, err := range weir.Results(context.Background(), c, feed) {
		if err != nil {
			break
		}
	}
	state := weir.Read(c, feed)
	fmt.Println(state.ValueOr(""), "|", state.Err())
	// Output: hello | connection lost
}

func ExampleFromChan() {
	source := make(chan string, 2) // fed by a library that knows channels
	source <- "first"
	source <- "second"
	messages := weir.NewStreamProvider(weir.FromChan(func(ctx context.Context, ref weir.Ref) (<-chan string, error) {
		return source, nil
	}))
	c := weir.NewContainer()
	defer c.Shutdown(context.Background())
	for message := range weir.Results(context.Background(), c, messages) {
		if message == "second" {
			fmt.Println("the newest:", message)
			break
		}
	}
	// Output: the newest: second
}

func ExampleFromSeq() {
	rows := func(ctx context.Context) iter.Seq2[int, error] { // a query that yields its rows
		return func(yield func(int, error) bool) {
			for row := 1; row <= 3 && yield(row, nil); row++ {
			}
		}
	}
	newest := weir.NewStreamProvider(weir.FromSeq(func(ctx context.Context, ref weir.Ref) iter.Seq2[int, error] {
		return rows(ctx)
	}))
	c := weir.NewContainer()
	defer c.Shutdown(context.Background())
	for row := range weir.Results(context.Background(), c, newest) {
		if row == 3 {
			fmt.Println("row", row)
			break
		}
	}
	// Output: row 3
}

func ExampleStreamProvider_Cancel() {
	ended := make(chan error)
	feed := weir.NewStreamProvider(func(ctx context.Context, ref weir.Ref, emit func(string) bool) error {
		emit("news")
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return context.Cause(ctx)
	}, weir.Name("feed"))
	c := weir.NewContainer()
	defer c.Shutdown(context.Background())
	v, err := weir.Resolve(context.Background(), c, feed)
	fmt.Println(v, err)
	feed.Cancel(c, errors.New("switched off"))
	fmt.Println(<-ended)
	fmt.Println(weir.Read(c, feed)) // what was emitted last stays
	// Output:
	// news <nil>
	// weir: feed: switched off
	// Data(news)
}

func ExampleStreamProvider_OverrideWith() {
	clock := weir.NewStreamProvider(func(ctx context.Context, ref weir.Ref, emit func(string) bool) error {
		for emit(time.Now().Format(time.TimeOnly)) {
			if err := ref.Debounce(time.Second); err != nil {
				return err
			}
		}
		return context.Cause(ctx)
	})
	test := weir.NewContainer(clock.OverrideWith(func(ctx context.Context, ref weir.Ref, emit func(string) bool) error {
		emit("12:00:00")
		return nil
	}))
	defer test.Shutdown(context.Background())
	fmt.Println(weir.Resolve(context.Background(), test, clock))
	// Output: 12:00:00 <nil>
}

func ExampleStreamProvider_OverrideWithData() {
	price := weir.NewStreamProvider(func(ctx context.Context, ref weir.Ref, emit func(float64) bool) error {
		return errors.New("no market in tests")
	})
	test := weir.NewContainer(price.OverrideWithData(9.99))
	defer test.Close()
	fmt.Println(weir.Read(test, price))
	// Output: Data(9.99)
}

func ExampleStreamProvider_OverrideWithValue() {
	price := weir.NewStreamProvider(func(ctx context.Context, ref weir.Ref, emit func(float64) bool) error {
		return errors.New("no market in tests")
	})
	test := weir.NewContainer(price.OverrideWithValue(weir.Loading[float64]()))
	defer test.Close()
	fmt.Println(weir.Read(test, price).IsLoading())
	// Output: true
}
