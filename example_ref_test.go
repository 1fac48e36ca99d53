package weir_test

// This file holds the examples of what a build can do through its Ref, of the provider options, and of AsyncValue.

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/weir-go/weir"
)

// ---- Ref

// A connection is opened by the build and closed when the build is over, last opened first.
func ExampleRef_OnDispose() {
	addr := weir.NewStateProvider(func(weir.Ref) string { return "db1" })
	conn := weir.NewProvider(func(ref weir.Ref) string {
		a := weir.Watch(ref, addr)
		fmt.Println("open", a)
		ref.OnDispose(func() { fmt.Println("close", a) })
		return "connection to " + a
	})
	c := weir.NewContainer()
	weir.Listen(c, conn, nil)
	addr.Set(c, "db2")
	c.Close()
	// Output:
	// open db1
	// close db1
	// open db2
	// close db2
}

func ExampleRef_OnDisposeErr() {
	errFull := errors.New("disk full")
	file := weir.NewProvider(func(ref weir.Ref) string {
		ref.OnDisposeErr(func() error { return errFull }) // f.Close
		return "journal"
	})
	c := weir.NewContainer()
	weir.Read(c, file)
	fmt.Println(errors.Is(c.Shutdown(context.Background()), errFull))
	// Output: true
}

// A poll that pauses while nobody looks, and goes on when somebody is back.
func ExampleRef_OnCancel() {
	poll := weir.NewProvider(func(ref weir.Ref) string {
		fmt.Println("start")
		ref.OnCancel(func() { fmt.Println("pause") })
		ref.OnResume(func() { fmt.Println("go on") })
		ref.OnDispose(func() { fmt.Println("stop") })
		return "prices"
	}, weir.AutoDispose())
	c := weir.NewContainer()
	sub := weir.Listen(c, poll, nil)
	sub.Close()
	weir.Listen(c, poll, nil)
	c.Close()
	// Output:
	// start
	// pause
	// go on
	// stop
}

func ExampleRef_OnAddListener() {
	watching := 0
	camera := weir.NewProvider(func(ref weir.Ref) string {
		ref.OnAddListener(func() { watching++; fmt.Println(watching, "watching") })
		ref.OnRemoveListener(func() { watching--; fmt.Println(watching, "watching") })
		return "camera 1"
	})
	c := weir.NewContainer()
	defer c.Close()
	a := weir.Listen(c, camera, nil)
	weir.Listen(c, camera, nil)
	a.Close()
	// Output:
	// 1 watching
	// 2 watching
	// 1 watching
}

func ExampleRef_OnManualInvalidation() {
	feed := weir.NewProvider(func(ref weir.Ref) string {
		ref.OnManualInvalidation(func() { fmt.Println("the user pulled to refresh") })
		return "news"
	})
	c := weir.NewContainer()
	defer c.Close()
	weir.Listen(c, feed, nil)
	c.Invalidate(feed)
	// Output: the user pulled to refresh
}

// What the build starts lives as long as the build: its context says when to stop, and why.
func ExampleRef_Context() {
	var build context.Context
	watcher := weir.NewProvider(func(ref weir.Ref) string {
		build = ref.Context()
		return "watching"
	}, weir.Name("watcher"))
	c := weir.NewContainer()
	weir.Read(c, watcher)
	fmt.Println(build.Err())
	c.Close()
	fmt.Println(build.Err(), errors.Is(context.Cause(build), weir.ErrContainerClosed))
	// Output:
	// <nil>
	// context canceled true
}

// An upload must be finished even if nobody looks any more.
func ExampleRef_KeepAlive() {
	var uploading *weir.KeepAliveLink
	upload := weir.NewProvider(func(ref weir.Ref) string {
		uploading = ref.KeepAlive()
		ref.OnDispose(func() { fmt.Println("forgotten") })
		return "uploading"
	}, weir.DisposeDelay(0))
	c := weir.NewContainer()
	defer c.Close()
	weir.Listen(c, upload, nil).Close()
	fmt.Println("nobody looks, still there:", c.Exists(upload))
	uploading.Close()
	// Output:
	// nobody looks, still there: true
	// forgotten
}

func ExampleRef_CacheFor() {
	page := weir.NewProvider(func(ref weir.Ref) string {
		ref.CacheFor(5 * time.Minute)
		return "<html>"
	}, weir.DisposeDelay(0))
	c := weir.NewContainer()
	defer c.Close()
	weir.Listen(c, page, nil).Close()
	fmt.Println("kept:", c.Exists(page))
	// Output: kept: true
}

// A token invalidates itself when a request is refused with it.
func ExampleRef_InvalidateSelf() {
	issued := 0
	var refused func()
	token := weir.NewProvider(func(ref weir.Ref) string {
		issued++
		refused = ref.InvalidateSelf
		return fmt.Sprint("token ", issued)
	})
	c := weir.NewContainer()
	defer c.Close()
	fmt.Println(weir.Read(c, token))
	refused()
	fmt.Println(weir.Read(c, token))
	// Output:
	// token 1
	// token 2
}

// Whoever logs out makes everything stale that was fetched for the user.
func ExampleRef_Invalidate() {
	inbox := weir.NewProvider(func(weir.Ref) string { fmt.Println("fetch the inbox"); return "mail" })
	logout := weir.NewProvider(func(ref weir.Ref) func() {
		return func() { ref.Invalidate(inbox) }
	})
	c := weir.NewContainer()
	defer c.Close()
	weir.Listen(c, inbox, nil)
	weir.Read(c, logout)()
	// Output:
	// fetch the inbox
	// fetch the inbox
}

func ExampleRef_Mounted() {
	var r weir.Ref
	score := weir.NewProvider(func(ref weir.Ref) int { r = ref; return 0 })
	c := weir.NewContainer()
	defer c.Close()
	weir.Read(c, score)
	fmt.Println(r.Mounted())
	c.Invalidate(score)
	fmt.Println(r.Mounted())
	// Output:
	// true
	// false
}

func ExampleRef_IsPaused() {
	var r weir.Ref
	ticker := weir.NewProvider(func(ref weir.Ref) int { r = ref; return 0 }, weir.AutoDispose())
	c := weir.NewContainer()
	defer c.Close()
	sub := weir.Listen(c, ticker, nil)
	fmt.Println(r.IsPaused())
	sub.Pause()
	fmt.Println(r.IsPaused())
	// Output:
	// false
	// true
}

func ExampleRef_Reason() {
	filter := weir.NewStateProvider(func(weir.Ref) string { return "" })
	list := weir.NewProvider(func(ref weir.Ref) string {
		weir.Watch(ref, filter)
		switch ref.Reason() {
		case weir.ReasonReload:
			fmt.Println("the filter changed")
		case weir.ReasonRefresh:
			fmt.Println("asked to look again")
		default:
			fmt.Println("first time")
		}
		return ""
	})
	c := weir.NewContainer()
	defer c.Close()
	weir.Listen(c, list, nil)
	filter.Set(c, "go")
	c.Invalidate(list)
	// Output:
	// first time
	// the filter changed
	// asked to look again
}

// Search as you type: only the last of a burst of queries gets past the wait.
func ExampleRef_Debounce() {
	query := weir.NewStateProvider(func(weir.Ref) string { return "" })
	results := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (string, error) {
		q := weir.Watch(ref, query)
		if err := ref.Debounce(300 * time.Millisecond); err != nil {
			return "", err
		}
		fmt.Println("searching", q)
		return "10 results for " + q, nil
	})
	c := weir.NewContainer()
	defer c.Close()
	weir.Listen(c, results, nil)
	query.Set(c, "w")
	query.Set(c, "we")
	query.Set(c, "weir")
	fmt.Println(weir.Resolve(context.Background(), c, results))
	// Output:
	// searching weir
	// 10 results for weir <nil>
}

func ExampleRef_SetProgress() {
	half, goOn := make(chan struct{}), make(chan struct{})
	download := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (string, error) {
		ref.SetProgress(0.5)
		close(half)
		<-goOn
		return "film.mkv", nil
	})
	c := weir.NewContainer()
	defer c.Close()
	weir.Listen(c, download, nil)
	<-half
	fmt.Println(weir.Read(c, download).Progress())
	close(goOn)
	fmt.Println(weir.Resolve(context.Background(), c, download))
	// Output:
	// 0.5 true
	// film.mkv <nil>
}

func ExampleRef_Container() {
	audit := weir.NewStateProvider(func(weir.Ref) int { return 0 })
	door := weir.NewProvider(func(ref weir.Ref) func() {
		c := ref.Container() // outlives this build
		return func() { audit.Update(c, func(n int) int { return n + 1 }) }
	})
	c := weir.NewContainer()
	defer c.Close()
	open := weir.Read(c, door)
	open()
	open()
	fmt.Println(weir.Read(c, audit))
	// Output: 2
}

// ---- options

func ExampleAutoDispose() {
	socket := weir.NewProvider(func(ref weir.Ref) string {
		ref.OnDispose(func() { fmt.Println("closed") })
		return "socket"
	}, weir.AutoDispose())
	c := weir.NewContainer()
	defer c.Close()
	weir.Listen(c, socket, nil).Close()
	fmt.Println("on standby:", c.Exists(socket))
	c.DisposeUnused() // or let DefaultDisposeDelay pass
	// Output:
	// on standby: true
	// closed
}

func ExampleDisposeDelay() {
	lock := weir.NewProvider(func(ref weir.Ref) string {
		ref.OnDispose(func() { fmt.Println("released") })
		return "lock"
	}, weir.DisposeDelay(0)) // no standby: gone when the last one has left
	c := weir.NewContainer()
	defer c.Close()
	sub := weir.Listen(c, lock, nil)
	fmt.Println("held")
	sub.Close()
	fmt.Println("free")
	// Output:
	// held
	// released
	// free
}

func ExampleName() {
	price := weir.NewStateProvider(func(weir.Ref) int { panic("no price list") }, weir.Name("price"))
	c := weir.NewContainer()
	defer c.Close()
	defer func() { fmt.Println(recover().(*weir.PanicError).Provider) }()
	weir.Read(c, price)
	// Output: price
}

// Case does not matter for this search, so a change of case costs no new one.
func ExampleEqual() {
	query := weir.NewStateProvider(func(weir.Ref) string { return "go" }, weir.Equal(strings.EqualFold))
	c := weir.NewContainer()
	defer c.Close()
	weir.Listen(c, query, func(_, q string) { fmt.Println("search", q) })
	query.Set(c, "GO")
	query.Set(c, "Rust")
	// Output: search Rust
}

func ExampleTimeout() {
	hanging := weir.NewFutureProvider(func(ctx context.Context, _ weir.Ref) (int, error) {
		<-ctx.Done()
		return 0, ctx.Err()
	}, weir.Timeout(time.Millisecond))
	c := weir.NewContainer()
	defer c.Close()
	_, err := weir.Resolve(context.Background(), c, hanging)
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	// Output: true
}

// A function that cannot be cancelled must not hold its successor up.
func ExampleAllowOverlap() {
	release := make(chan struct{})
	builds := make(chan int, 2)
	n := 0
	render := weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) {
		n++
		build := n
		builds <- build
		if build == 1 {
			<-release // ignores its context
		}
		return build, nil
	}, weir.AllowOverlap())
	c := weir.NewContainer()
	defer c.Close()
	defer close(release)
	weir.Listen(c, render, nil)
	<-builds
	c.Invalidate(render)
	fmt.Println(weir.Resolve(context.Background(), c, render))
	// Output: 2 <nil>
}

// ---- AsyncValue

func ExampleWhen() {
	show := func(v weir.AsyncValue[int]) string {
		return weir.When(v,
			func(n int) string { return fmt.Sprint(n, " films") },
			func(err error) string { return "sorry: " + err.Error() },
			func() string { return "one moment" })
	}
	fmt.Println(show(weir.Loading[int]()))
	fmt.Println(show(weir.Data(600)))
	fmt.Println(show(weir.Failed[int](errors.New("offline"))))
	// Output:
	// one moment
	// 600 films
	// sorry: offline
}

func ExampleMapData() {
	area := weir.Data(2.0)
	fmt.Println(weir.MapData(area, math.Sqrt).ValueOr(0) < 1.5)
	fmt.Println(weir.MapData(weir.Failed[float64](errors.New("no sensor")), math.Sqrt).Err())
	// Output:
	// true
	// no sensor
}

func ExampleAsyncValue_Result() {
	fmt.Println(weir.Data("film").Result())
	_, err := weir.Loading[string]().Result()
	fmt.Println(errors.Is(err, weir.ErrLoading))
	// Output:
	// film <nil>
	// true
}

func ExampleAsyncValue_ValueOr() {
	fmt.Println(weir.Loading[int]().ValueOr(10), weir.Data(3).ValueOr(10))
	// Output: 10 3
}
