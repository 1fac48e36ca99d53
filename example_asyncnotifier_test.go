package weir_test

// This file holds the examples of AsyncNotifierProvider and StreamNotifierProvider.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/weir-go/weir"
)

// wishlist is a list that is fetched from somewhere, and changed there and here.
type wishlist struct{ weir.AsyncNotifier[[]string] }

func (w *wishlist) Build(ctx context.Context, ref weir.Ref) ([]string, error) {
	return []string{"a kite"}, nil // a request made with ctx
}

func (w *wishlist) Add(ctx context.Context, wish string) error {
	_, err := w.Update(ctx, func(wishes []string) ([]string, error) {
		if wish == "" {
			return nil, errors.New("an empty wish") // or what the server says
		}
		return append(slices.Clip(wishes), wish), nil
	})
	return err
}

func newWishlist() *wishlist { return new(wishlist) }

func ExampleNewAsyncNotifierProvider() {
	wishes := weir.NewAsyncNotifierProvider(newWishlist)
	ctx := context.Background()
	c := weir.NewContainer()
	defer c.Shutdown(ctx)
	fmt.Println(wishes.Notifier(c).Add(ctx, "a boat")) // waits for the first build
	fmt.Println(wishes.Notifier(c).Add(ctx, ""))
	fmt.Println(weir.Resolve(ctx, c, wishes))
	// Output:
	// <nil>
	// an empty wish
	// [a kite a boat] <nil>
}

func ExampleAsyncNotifierProvider_Notifier() {
	wishes := weir.NewAsyncNotifierProvider(newWishlist)
	c := weir.NewContainer()
	defer c.Shutdown(context.Background())
	w := wishes.Notifier(c) // starts the build, and does not wait for it
	fmt.Println(w.Resolve(context.Background()))
	// Output: [a kite] <nil>
}

func ExampleAsyncNotifier_State() {
	wishes := weir.NewAsyncNotifierProvider(newWishlist)
	c := weir.NewContainer(wishes.OverrideWithValue(weir.Failed[[]string](errors.New("offline"))))
	defer c.Close()
	state := wishes.Notifier(c).State()
	fmt.Println(state.HasValue(), state.Err())
	// Output: false offline
}

// Set makes any state the state: what follows a failure keeps the data of before.
func ExampleAsyncNotifier_Set() {
	wishes := weir.NewAsyncNotifierProvider(newWishlist)
	c := weir.NewContainer(wishes.OverrideWithData([]string{"a kite"}))
	defer c.Close()
	w := wishes.Notifier(c)
	w.Set(weir.Failed[[]string](errors.New("sold out")))
	fmt.Println(w.State().ValueOr(nil), w.State().Err())
	// Output: [a kite] sold out
}

func ExampleAsyncNotifier_SetData() {
	wishes := weir.NewAsyncNotifierProvider(newWishlist)
	c := weir.NewContainer(wishes.OverrideWithData(nil))
	defer c.Close()
	wishes.Notifier(c).SetData([]string{"peace"})
	fmt.Println(weir.Read(c, wishes))
	// Output: Data([peace])
}

// Updates run one after the other: none is lost, though each takes its time.
func ExampleAsyncNotifier_Update() {
	wishes := weir.NewAsyncNotifierProvider(newWishlist)
	c := weir.NewContainer()
	defer c.Shutdown(context.Background())
	w := wishes.Notifier(c)
	var callers sync.WaitGroup
	for range 10 {
		callers.Go(func() { _ = w.Add(context.Background(), "more") })
	}
	callers.Wait()
	list, err := w.Resolve(context.Background())
	fmt.Println(len(list), err)
	// Output: 11 <nil>
}

func ExampleAsyncNotifier_Resolve() {
	wishes := weir.NewAsyncNotifierProvider(newWishlist)
	c := weir.NewContainer()
	defer c.Shutdown(context.Background())
	fmt.Println(wishes.Notifier(c).Resolve(context.Background()))
	// Output: [a kite] <nil>
}

func ExampleAsyncNotifier_Ref() {
	wishes := weir.NewAsyncNotifierProvider(newWishlist)
	c := weir.NewContainer()
	w := wishes.Notifier(c)
	fmt.Println(w.Ref().Mounted())
	_ = c.Shutdown(context.Background())
	fmt.Println(w.Ref().Mounted())
	// Output:
	// true
	// false
}

func ExampleAsyncNotifier_ListenSelf() {
	wishes := weir.NewAsyncNotifierProvider(newWishlist)
	c := weir.NewContainer(wishes.OverrideWithData(nil))
	defer c.Close()
	w := wishes.Notifier(c)
	w.ListenSelf(func(_, next weir.AsyncValue[[]string]) { fmt.Println("save", next) })
	w.SetData([]string{"a kite"})
	// Output: save Data([a kite])
}

func ExampleAsyncNotifierProvider_Cancel() {
	wishes := weir.NewAsyncNotifierProvider(newWishlist, weir.Name("wishes"))
	c := weir.NewContainer(wishes.OverrideWithBuild(func(ctx context.Context, ref weir.Ref, self *wishlist) ([]string, error) {
		<-ctx.Done() // a server that does not answer
		return nil, context.Cause(ctx)
	}))
	defer c.Shutdown(context.Background())
	weir.Read(c, wishes)
	wishes.Cancel(c, errors.New("never mind"))
	fmt.Println(weir.Read(c, wishes).Err())
	// Output: weir: wishes: never mind
}

func ExampleAsyncNotifierProvider_OverrideWith() {
	wishes := weir.NewAsyncNotifierProvider(newWishlist)
	test := weir.NewContainer(wishes.OverrideWith(func() *wishlist { return new(wishlist) }))
	defer test.Shutdown(context.Background())
	fmt.Println(weir.Resolve(context.Background(), test, wishes))
	// Output: [a kite] <nil>
}

// The notifier is the real one, with its methods; only its Build is replaced.
func ExampleAsyncNotifierProvider_OverrideWithBuild() {
	wishes := weir.NewAsyncNotifierProvider(newWishlist)
	test := weir.NewContainer(wishes.OverrideWithBuild(func(ctx context.Context, ref weir.Ref, self *wishlist) ([]string, error) {
		return []string{"for a test"}, nil
	}))
	defer test.Shutdown(context.Background())
	_ = wishes.Notifier(test).Add(context.Background(), "a boat")
	fmt.Println(weir.Resolve(context.Background(), test, wishes))
	// Output: [for a test a boat] <nil>
}

func ExampleAsyncNotifierProvider_OverrideWithData() {
	wishes := weir.NewAsyncNotifierProvider(newWishlist)
	test := weir.NewContainer(wishes.OverrideWithData([]string{"a kite", "a boat"}))
	defer test.Close()
	fmt.Println(weir.Read(test, wishes).Result())
	// Output: [a kite a boat] <nil>
}

func ExampleAsyncNotifierProvider_OverrideWithValue() {
	wishes := weir.NewAsyncNotifierProvider(newWishlist)
	test := weir.NewContainer(wishes.OverrideWithValue(weir.Loading[[]string]()))
	defer test.Close()
	fmt.Println(weir.Read(test, wishes))
	// Output: Loading()
}

// ---- streams

// scoreboard shows a score that comes from a feed and may be corrected by hand.
type scoreboard struct {
	weir.StreamNotifier[int]
	feed <-chan int
}

func (s *scoreboard) Build(ctx context.Context, ref weir.Ref, emit func(int) bool) error {
	return weir.FromChan(func(context.Context, weir.Ref) (<-chan int, error) { return s.feed, nil })(ctx, ref, emit)
}

func (s *scoreboard) Correct(by int) error {
	_, err := s.Update(s.Ref().Context(), func(score int) (int, error) { return score + by, nil })
	return err
}

func newScore(first int) *weir.StreamNotifierProvider[*scoreboard, int] {
	feed := make(chan int, 1)
	feed <- first
	return weir.NewStreamNotifierProvider(func() *scoreboard { return &scoreboard{feed: feed} }, weir.Name("score"))
}

func ExampleNewStreamNotifierProvider() {
	score := newScore(3)
	c := weir.NewContainer()
	defer c.Shutdown(context.Background())
	fmt.Println(weir.Resolve(context.Background(), c, score))
	fmt.Println(score.Notifier(c).Correct(-1))
	fmt.Println(weir.Resolve(context.Background(), c, score))
	// Output:
	// 3 <nil>
	// <nil>
	// 2 <nil>
}

func ExampleStreamNotifierProvider_Notifier() {
	score := newScore(3)
	c := weir.NewContainer()
	defer c.Shutdown(context.Background())
	fmt.Println(score.Notifier(c).Resolve(context.Background()))
	// Output: 3 <nil>
}

func ExampleStreamNotifier_State() {
	score := newScore(3)
	c := weir.NewContainer(score.OverrideWithData(5))
	defer c.Close()
	fmt.Println(score.Notifier(c).State())
	// Output: Data(5)
}

func ExampleStreamNotifier_Set() {
	score := newScore(3)
	c := weir.NewContainer(score.OverrideWithData(5))
	defer c.Close()
	score.Notifier(c).Set(weir.Failed[int](errors.New("abandoned")))
	fmt.Println(weir.Read(c, score).Result())
	// Output: 5 abandoned
}

func ExampleStreamNotifier_SetData() {
	score := newScore(3)
	c := weir.NewContainer(score.OverrideWithData(5))
	defer c.Close()
	score.Notifier(c).SetData(0)
	fmt.Println(weir.Read(c, score))
	// Output: Data(0)
}

func ExampleStreamNotifier_Update() {
	score := newScore(3)
	ctx := context.Background()
	c := weir.NewContainer()
	defer c.Shutdown(ctx)
	fmt.Println(score.Notifier(c).Update(ctx, func(n int) (int, error) { return n * 2, nil }))
	// Output: 6 <nil>
}

func ExampleStreamNotifier_Resolve() {
	score := newScore(3)
	c := weir.NewContainer()
	defer c.Shutdown(context.Background())
	fmt.Println(score.Notifier(c).Resolve(context.Background()))
	// Output: 3 <nil>
}

func ExampleStreamNotifier_Ref() {
	score := newScore(3)
	c := weir.NewContainer()
	defer c.Shutdown(context.Background())
	fmt.Println(score.Notifier(c).Ref().Mounted())
	// Output: true
}

func ExampleStreamNotifier_ListenSelf() {
	score := newScore(3)
	c := weir.NewContainer(score.OverrideWithData(5))
	defer c.Close()
	s := score.Notifier(c)
	s.ListenSelf(func(prev, next weir.AsyncValue[int]) { fmt.Println(prev, "->", next) })
	s.SetData(6)
	// Output: Data(5) -> Data(6)
}

func ExampleStreamNotifierProvider_Cancel() {
	score := newScore(3)
	c := weir.NewContainer()
	defer c.Shutdown(context.Background())
	fmt.Println(weir.Resolve(context.Background(), c, score))
	score.Cancel(c, nil)
	fmt.Println(weir.Read(c, score))
	// Output:
	// 3 <nil>
	// Data(3)
}

func ExampleStreamNotifierProvider_OverrideWith() {
	score := newScore(3)
	test := weir.NewContainer(score.OverrideWith(func() *scoreboard {
		feed := make(chan int, 1)
		feed <- 7
		return &scoreboard{feed: feed}
	}))
	defer test.Shutdown(context.Background())
	fmt.Println(weir.Resolve(context.Background(), test, score))
	// Output: 7 <nil>
}

func ExampleStreamNotifierProvider_OverrideWithBuild() {
	score := newScore(3)
	test := weir.NewContainer(score.OverrideWithBuild(func(ctx context.Context, ref weir.Ref, self *scoreboard, emit func(int) bool) error {
		emit(8)
		return nil
	}))
	defer test.Shutdown(context.Background())
	fmt.Println(weir.Resolve(context.Background(), test, score))
	// Output: 8 <nil>
}

func ExampleStreamNotifierProvider_OverrideWithData() {
	score := newScore(3)
	test := weir.NewContainer(score.OverrideWithData(9))
	defer test.Close()
	fmt.Println(weir.Read(test, score))
	// Output: Data(9)
}

func ExampleStreamNotifierProvider_OverrideWithValue() {
	score := newScore(3)
	test := weir.NewContainer(score.OverrideWithValue(weir.Loading[int]()))
	defer test.Close()
	fmt.Println(weir.Read(test, score).IsLoading())
	// Output: true
}
