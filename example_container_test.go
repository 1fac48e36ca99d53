package weir_test

// This file holds the examples of Container, Subscription, overrides and errors.

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/weir-go/weir"
)

// ---- Container

func ExampleNewContainer() {
	setting := weir.NewStateProvider(func(weir.Ref) string { return "default" })
	app, test := weir.NewContainer(), weir.NewContainer()
	defer app.Close()
	defer test.Close()
	setting.Set(test, "for the test")
	fmt.Println(weir.Read(app, setting), "|", weir.Read(test, setting))
	// Output: default | for the test
}

func ExampleContainer_Invalidate() {
	version := "v1"
	config := weir.NewProvider(func(weir.Ref) string { return "config " + version })
	c := weir.NewContainer()
	defer c.Close()
	weir.Listen(c, config, func(was, is string) { fmt.Println(was, "->", is) })
	version = "v2" // the file on disk has changed
	c.Invalidate(config)
	// Output: config v1 -> config v2
}

// After a change of user the old data must not be shown as if it were only being refreshed.
func ExampleContainer_InvalidateAsReload() {
	inbox := weir.NewTryProvider(func(ref weir.Ref) (string, error) {
		return fmt.Sprint("mail, reload: ", ref.Reason() == weir.ReasonReload), nil
	})
	c := weir.NewContainer()
	defer c.Close()
	fmt.Println(weir.Read(c, inbox).ValueOr(""))
	c.InvalidateAsReload(inbox)
	fmt.Println(weir.Read(c, inbox).ValueOr(""))
	// Output:
	// mail, reload: false
	// mail, reload: true
}

func ExampleContainer_Exists() {
	index := weir.NewProvider(func(weir.Ref) string { return "index" })
	c := weir.NewContainer()
	defer c.Close()
	fmt.Println(c.Exists(index)) // does not build it
	weir.Read(c, index)
	fmt.Println(c.Exists(index))
	// Output:
	// false
	// true
}

// Money moves from one account to the other in one step: nobody sees a moment in which it is in neither.
func ExampleContainer_Batch() {
	checking := weir.NewStateProvider(func(weir.Ref) int { return 100 })
	savings := weir.NewStateProvider(func(weir.Ref) int { return 0 })
	total := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, checking) + weir.Watch(ref, savings) })
	c := weir.NewContainer()
	defer c.Close()
	weir.Listen(c, total, func(_, t int) { fmt.Println("total changed to", t) })
	c.Batch(func(tx *weir.Tx) {
		checking.Update(tx, func(v int) int { return v - 40 })
		savings.Update(tx, func(v int) int { return v + 40 })
		fmt.Println("in the batch:", weir.Read(tx, checking), "outside:", weir.Read(c, checking))
	})
	fmt.Println(weir.Read(c, checking), weir.Read(c, savings), weir.Read(c, total))
	// Output:
	// in the batch: 60 outside: 100
	// 60 40 100
}

// Before a buffer is reused: after Close and Flush no callback touches it any more.
func ExampleContainer_Flush() {
	lines := weir.NewStateProvider(func(weir.Ref) string { return "" })
	c := weir.NewContainer()
	defer c.Close()
	buffer := make([]byte, 0, 64)
	sub := weir.Listen(c, lines, func(_, line string) { buffer = append(buffer, line...) })
	lines.Set(c, "hello")
	sub.Close()
	if err := c.Flush(context.Background()); err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(buffer))
	// Output: hello
}

func ExampleContainer_DisposeUnused() {
	thumbnail := weir.NewFamily(func(name string) *weir.Provider[string] {
		return weir.NewProvider(func(ref weir.Ref) string {
			ref.OnDispose(func() { fmt.Println("freed", name) })
			return name
		})
	}, weir.AutoDispose())
	c := weir.NewContainer()
	defer c.Close()
	weir.Listen(c, thumbnail.Of("a.png"), nil)
	weir.Read(c, thumbnail.Of("b.png"))
	c.DisposeUnused() // memory is short: do not wait for the delays
	fmt.Println("a.png is in use:", c.Exists(thumbnail.Of("a.png")))
	// Output:
	// freed b.png
	// a.png is in use: true
	// freed a.png
}

func ExampleContainer_Snapshot() {
	stock := weir.NewStateProvider(func(weir.Ref) int { return 7 }, weir.Name("stock"))
	label := weir.NewProvider(func(ref weir.Ref) string { return fmt.Sprint(weir.Watch(ref, stock), " left") }, weir.Name("label"))
	c := weir.NewContainer()
	defer c.Close()
	weir.Listen(c, label, nil)
	for _, e := range c.Snapshot().Elements {
		if e.Name == "label" {
			fmt.Println(e.Name, e.Kind, "listeners:", e.Listeners, "watches:", e.Dependencies, "builds:", e.Builds)
		}
	}
	// Output: label Provider listeners: 1 watches: [stock] builds: 1
}

func ExampleContainer_Context() {
	c := weir.NewContainer()
	ctx := c.Context()
	c.Close()
	fmt.Println(errors.Is(context.Cause(ctx), weir.ErrContainerClosed))
	// Output: true
}

// At the end of a program: dependents first, then what they stand on; Shutdown also waits for builds that still unwind.
func ExampleContainer_Shutdown() {
	db := weir.NewProvider(func(ref weir.Ref) string {
		ref.OnDispose(func() { fmt.Println("database closed") })
		return "db"
	})
	server := weir.NewProvider(func(ref weir.Ref) string {
		ref.OnDispose(func() { fmt.Println("server stopped") })
		return "server on " + weir.Watch(ref, db)
	})
	c := weir.NewContainer()
	fmt.Println(weir.Read(c, server))
	if err := c.Shutdown(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	// Output:
	// server on db
	// server stopped
	// database closed
}

func ExampleContainer_Close() {
	c := weir.NewContainer()
	c.Close()
	c.Close() // once is enough, twice does no harm
	never := weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) { return 1, nil })
	_, err := weir.Resolve(context.Background(), c, never)
	fmt.Println(errors.Is(err, weir.ErrContainerClosed))
	// Output: true
}

// A handler finds the container of its program, or of its request, in the context.
func ExampleNewContext() {
	greeting := weir.NewProvider(func(weir.Ref) string { return "hello" })
	handler := func(ctx context.Context) {
		c, ok := weir.FromContext(ctx)
		fmt.Println(ok, weir.Read(c, greeting))
	}
	c := weir.NewContainer()
	defer c.Close()
	handler(weir.NewContext(context.Background(), c))
	// Output: true hello
}

// The container ends with the program's context; builds see its values.
func ExampleWithContext() {
	type key struct{}
	ctx, stop := context.WithCancel(context.WithValue(context.Background(), key{}, "trace 7"))
	ended := make(chan struct{})
	trace := weir.NewProvider(func(ref weir.Ref) string {
		ref.OnDispose(func() { close(ended) })
		return ref.Context().Value(key{}).(string)
	})
	c := weir.NewContainer(weir.WithContext(ctx))
	fmt.Println(weir.Read(c, trace))
	stop()
	<-ended
	// Output: trace 7
}

func ExampleWithDisposeDelay() {
	page := weir.NewProvider(func(weir.Ref) string { return "page" }, weir.AutoDispose())
	c := weir.NewContainer(weir.WithDisposeDelay(0)) // for every AutoDispose provider that does not say its own
	defer c.Close()
	weir.Listen(c, page, nil).Close()
	fmt.Println(c.Exists(page))
	// Output: false
}

func ExampleWithPanicHandler() {
	n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
	c := weir.NewContainer(weir.WithPanicHandler(func(p *weir.PanicError) { fmt.Println("reported:", p.Value) }))
	defer c.Close()
	weir.Listen(c, n, func(_, _ int) { panic("a bug in a listener") })
	weir.Listen(c, n, func(_, v int) { fmt.Println("the others go on:", v) })
	n.Set(c, 1)
	// Unordered output:
	// reported: a bug in a listener
	// the others go on: 1
}

// ---- Subscription

// A window that is minimised: what it missed arrives as one call when it is back.
func ExampleSubscription_Pause() {
	unread := weir.NewStateProvider(func(weir.Ref) int { return 0 })
	c := weir.NewContainer()
	defer c.Close()
	window := weir.Listen(c, unread, func(was, is int) { fmt.Println(was, "->", is) })
	unread.Set(c, 1)
	window.Pause()
	unread.Set(c, 2)
	unread.Set(c, 3)
	window.Resume()
	// Output:
	// 0 -> 1
	// 1 -> 3
}

// A loop with other things to wait for uses the signal.
func ExampleSubscription_Changed() {
	temperature := weir.NewStateProvider(func(weir.Ref) int { return 20 })
	c := weir.NewContainer()
	defer c.Close()
	sub := weir.Listen(c, temperature, nil)
	defer sub.Close()
	quit := make(chan struct{})
	temperature.Set(c, 25)
	temperature.Set(c, 30)
	for range 2 {
		select {
		case <-sub.Changed():
			fmt.Println("now", sub.Read())
			close(quit)
		case <-quit:
			fmt.Println("quit")
		}
	}
	// Output:
	// now 30
	// quit
}

func ExampleSubscription_Read() {
	price := weir.NewStateProvider(func(weir.Ref) int { return 100 })
	gross := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, price) * 119 / 100 })
	c := weir.NewContainer()
	defer c.Close()
	sub := weir.Listen(c, gross, nil)
	sub.Pause()
	price.Set(c, 200)
	fmt.Println(sub.Read()) // fresh, paused or not
	// Output: 238
}

func ExampleSubscription_Close() {
	n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
	c := weir.NewContainer()
	defer c.Close()
	var once *weir.Subscription[int]
	once = weir.Listen(c, n, func(_, v int) {
		fmt.Println("first change:", v)
		once.Close()
	})
	n.Set(c, 1)
	n.Set(c, 2)
	// Output: first change: 1
}

// ---- overrides

func ExampleProvider_OverrideWithValue() {
	clock := weir.NewProvider(func(weir.Ref) string { return "the real time" })
	banner := weir.NewProvider(func(ref weir.Ref) string { return "it is " + weir.Watch(ref, clock) })
	c := weir.NewContainer(clock.OverrideWithValue("noon")) // as a test does
	defer c.Close()
	fmt.Println(weir.Read(c, banner))
	// Output: it is noon
}

func ExampleProvider_OverrideWith() {
	region := weir.NewStateProvider(func(weir.Ref) string { return "eu" })
	endpoint := weir.NewProvider(func(weir.Ref) string { return "https://example.org" })
	c := weir.NewContainer(endpoint.OverrideWith(func(ref weir.Ref) string {
		return "http://localhost/" + weir.Watch(ref, region)
	}))
	defer c.Close()
	fmt.Println(weir.Read(c, endpoint))
	// Output: http://localhost/eu
}

// A test of the error page needs no broken server.
func ExampleFutureProvider_OverrideWithValue() {
	user := weir.NewFutureProvider(func(context.Context, weir.Ref) (string, error) { return "Ada", nil })
	page := weir.NewProvider(func(ref weir.Ref) string {
		return weir.When(weir.Watch(ref, user),
			func(name string) string { return "Hello, " + name },
			func(err error) string { return "Sorry: " + err.Error() },
			func() string { return "..." })
	})
	c := weir.NewContainer(user.OverrideWithValue(weir.Failed[string](errors.New("404"))))
	defer c.Close()
	fmt.Println(weir.Read(c, page))
	// Output: Sorry: 404
}

func ExampleWithOverrides() {
	clock := weir.NewProvider(func(weir.Ref) string { return "now" })
	host := weir.NewProvider(func(weir.Ref) string { return "example.org" })
	fakes := []weir.Override{clock.OverrideWithValue("noon"), host.OverrideWithValue("localhost")}
	c := weir.NewContainer(weir.WithOverrides(fakes...))
	defer c.Close()
	fmt.Println(weir.Read(c, clock), weir.Read(c, host))
	// Output: noon localhost
}

func ExampleFutureProvider_OverrideWithData() {
	user := weir.NewFutureProvider(func(context.Context, weir.Ref) (string, error) { return "", errors.New("no network in tests") })
	c := weir.NewContainer(user.OverrideWithData("Ada"))
	defer c.Close()
	fmt.Println(weir.Read(c, user).Result())
	// Output: Ada <nil>
}

// The cancel button of a download: what was there before stays, nothing else is disposed.
func ExampleFutureProvider_Cancel() {
	started := make(chan struct{})
	download := weir.NewFutureProvider(func(ctx context.Context, _ weir.Ref) (string, error) {
		close(started)
		<-ctx.Done()
		return "", ctx.Err()
	})
	c := weir.NewContainer()
	defer c.Close()
	weir.Listen(c, download, nil)
	<-started
	errUser := errors.New("cancelled by the user")
	download.Cancel(c, errUser)
	fmt.Println(errors.Is(weir.Read(c, download).Err(), errUser))
	// Output: true
}

// ---- errors

func ExampleCycleError() {
	var chicken, egg *weir.Provider[int]
	chicken = weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, egg) }, weir.Name("chicken"))
	egg = weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, chicken) }, weir.Name("egg"))
	c := weir.NewContainer()
	defer c.Close()
	defer func() {
		var cycle *weir.CycleError
		err, _ := recover().(error)
		fmt.Println(errors.As(err, &cycle), cycle.Path)
	}()
	weir.Read(c, chicken)
	// Output: true [chicken egg chicken]
}

// Misuse panics where it happens, and says what to do instead.
func ExampleUsageError() {
	poll := weir.NewProvider(func(ref weir.Ref) int {
		ref.OnCancel(func() {}) // it is not AutoDispose: nothing is ever paused
		return 0
	})
	c := weir.NewContainer()
	defer c.Close()
	defer func() {
		var usage *weir.UsageError
		err, _ := recover().(error)
		fmt.Println(errors.As(err, &usage))
	}()
	weir.Read(c, poll)
	// Output: true
}

func ExamplePanicError() {
	parser := weir.NewTryProvider(func(weir.Ref) (int, error) { panic("unexpected token") }, weir.Name("parser"))
	c := weir.NewContainer()
	defer c.Close()
	var p *weir.PanicError
	if errors.As(weir.Read(c, parser).Err(), &p) {
		fmt.Println(p.Provider, "panicked:", p.Value)
	}
	// Output: parser panicked: unexpected token
}
