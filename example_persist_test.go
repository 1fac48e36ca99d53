package weir_test

// This file holds the examples of persistence.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/weir-go/weir"
)

// highScore is a number that outlives the program.
type highScore struct{ weir.Notifier[int] }

func (h *highScore) Build(ref weir.Ref) int { return 0 } // for when nothing is stored

func newHighScore() *highScore { return new(highScore) }

// What one container saves another restores, in another run of the program if the storage is made of files.
func ExamplePersist() {
	dir, _ := os.MkdirTemp("", "weir")
	defer os.RemoveAll(dir)
	files, err := weir.NewFileStorage(dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	best := weir.NewNotifierProvider(newHighScore, weir.Persist(files, "best", weir.JSON[int]{}))

	today := weir.NewContainer()
	best.Notifier(today).Set(1200)
	_ = today.Shutdown(context.Background()) // waits until it is saved

	tomorrow := weir.NewContainer()
	defer tomorrow.Shutdown(context.Background())
	fmt.Println(weir.Read(tomorrow, best))
	// Output: 1200
}

// draft is a text that is fetched, and kept for when that takes long.
type draft struct{ weir.AsyncNotifier[string] }

func (d *draft) Build(ctx context.Context, ref weir.Ref) (string, error) {
	if old, ok := d.State().Value(); ok {
		return old + ", and on", nil // what was stored
	}
	return "once upon a time", nil
}

// The restored value shows while Build runs, and Build may begin with it.
func ExamplePersist_async() {
	var memory weir.MemoryStorage
	text := weir.NewAsyncNotifierProvider(func() *draft { return new(draft) },
		weir.Persist(&memory, "draft", weir.JSON[string]{}))
	ctx := context.Background()
	for range 2 {
		c := weir.NewContainer()
		fmt.Println(weir.Resolve(ctx, c, text))
		_ = c.Shutdown(ctx)
	}
	// Output:
	// once upon a time <nil>
	// once upon a time, and on <nil>
}

func ExamplePersisted() {
	var memory weir.MemoryStorage
	best := weir.NewNotifierProvider(newHighScore, weir.Persist(&memory, "best", weir.JSON[int]{}))
	c := weir.NewContainer()
	defer c.Shutdown(context.Background())
	best.Notifier(c).Set(1200)
	fmt.Println(weir.Persisted(context.Background(), c, best))
	_, err := memory.Read(context.Background(), "best")
	fmt.Println(err)
	// Output:
	// <nil>
	// <nil>
}

// A saved state is deleted when the key of what is saved is another one.
func ExampleDestroyKey() {
	var memory weir.MemoryStorage
	for _, version := range []string{"points", "points", "stars"} {
		best := weir.NewNotifierProvider(newHighScore, weir.Persist(&memory, "best", weir.JSON[int]{}, weir.DestroyKey(version)))
		c := weir.NewContainer()
		fmt.Println(version, weir.Read(c, best))
		best.Notifier(c).Set(1200)
		_ = c.Shutdown(context.Background())
	}
	// Output:
	// points 0
	// points 1200
	// stars 0
}

func ExampleExpiry() {
	var memory weir.MemoryStorage
	best := weir.NewNotifierProvider(newHighScore, weir.Persist(&memory, "best", weir.JSON[int]{}, weir.Expiry(time.Nanosecond)))
	c := weir.NewContainer()
	best.Notifier(c).Set(1200)
	_ = c.Shutdown(context.Background())
	time.Sleep(time.Millisecond) // not every clock ticks in between by itself
	later := weir.NewContainer()
	defer later.Shutdown(context.Background())
	fmt.Println(weir.Read(later, best))
	// Output: 0
}

// stuck is a storage that does not answer.
type stuck struct{ weir.MemoryStorage }

func (*stuck) Read(ctx context.Context, key string) ([]byte, error) {
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

// A storage that does not answer holds up a first build for so long, and observers are told.
func ExampleRestoreWait() {
	best := weir.NewNotifierProvider(newHighScore,
		weir.Persist(new(stuck), "best", weir.JSON[int]{}, weir.RestoreWait(time.Millisecond)), weir.Name("best"))
	c := weir.NewContainer(weir.WithObserver(&weir.Observer{
		StorageFailed: func(ev weir.StorageFailedEvent) { fmt.Println(ev.Name, ev.Op, ev.Key) },
	}))
	defer c.Shutdown(context.Background())
	fmt.Println(weir.Read(c, best))
	// Output:
	// best read best
	// 0
}

// decimal is a codec of numbers that people can read.
type decimal struct{}

func (decimal) Encode(v int) ([]byte, error)    { return strconv.AppendInt(nil, int64(v), 10), nil }
func (decimal) Decode(data []byte) (int, error) { return strconv.Atoi(string(data)) }

func ExampleCodec() {
	var memory weir.MemoryStorage
	best := weir.NewNotifierProvider(newHighScore, weir.Persist(&memory, "best", decimal{}))
	for range 2 {
		c := weir.NewContainer()
		fmt.Println(best.Notifier(c).Update(func(n int) int { return n + 1 }))
		_ = c.Shutdown(context.Background())
	}
	// Output:
	// 1
	// 2
}

func ExampleJSON() {
	var codec weir.JSON[[]string]
	data, err := codec.Encode([]string{"a", "b"})
	fmt.Println(string(data), err)
	fmt.Println(codec.Decode(data))
	// Output:
	// ["a","b"] <nil>
	// [a b] <nil>
}

func ExampleNewFileStorage() {
	dir, _ := os.MkdirTemp("", "weir")
	defer os.RemoveAll(dir)
	files, err := weir.NewFileStorage(dir)
	fmt.Println(err)
	ctx := context.Background()
	fmt.Println(files.Write(ctx, "user/7", []byte("Ada")))
	data, err := files.Read(ctx, "user/7")
	fmt.Println(string(data), err)
	fmt.Println(files.Delete(ctx, "user/7"))
	_, err = files.Read(ctx, "user/7")
	fmt.Println(errors.Is(err, os.ErrNotExist))
	// Output:
	// <nil>
	// <nil>
	// Ada <nil>
	// <nil>
	// true
}

func ExampleMemoryStorage() {
	var memory weir.MemoryStorage // the zero one is ready
	ctx := context.Background()
	_ = memory.Write(ctx, "k", []byte("v"))
	data, _ := memory.Read(ctx, "k")
	fmt.Println(string(data))
	_ = memory.Delete(ctx, "k")
	_, err := memory.Read(ctx, "k")
	fmt.Println(errors.Is(err, os.ErrNotExist))
	// Output:
	// v
	// true
}
