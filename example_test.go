package weir_test

// This file holds the runnable examples of the package, the provider kinds and the verbs. Those of Container stand in
// example_container_test.go, those of Ref and of the options in example_ref_test.go.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/weir-go/weir"
)

// A shopping cart: state, a value derived from it, and somebody who shows it.
func Example() {
	prices := weir.NewStateProvider(func(weir.Ref) []int { return nil })
	total := weir.NewProvider(func(ref weir.Ref) int {
		sum := 0
		for _, p := range weir.Watch(ref, prices) {
			sum += p
		}
		return sum
	})

	c := weir.NewContainer()
	defer c.Close()
	weir.Listen(c, total, func(was, is int) { fmt.Println("total:", was, "->", is) })
	prices.Set(c, []int{250})
	prices.Update(c, func(p []int) []int { return append(p, 120) })
	fmt.Println("to pay:", weir.Read(c, total))
	// Output:
	// total: 0 -> 250
	// total: 250 -> 370
	// to pay: 370
}

// One fetch for many callers: whoever asks while it runs shares it, and it would be cancelled a minute after the last one has left.
func Example_sharedFetch() {
	requests := 0
	release := make(chan struct{})
	page := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (string, error) {
		requests++
		select { // an HTTP request made with ctx
		case <-release:
			return "<html>", nil
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}, weir.DisposeDelay(time.Minute))

	c := weir.NewContainer()
	defer c.Close()
	answers := make(chan string)
	for range 3 {
		go func() {
			body, err := weir.Resolve(context.Background(), c, page)
			answers <- fmt.Sprint(body, err)
		}()
	}
	close(release)
	for range 3 {
		fmt.Println(<-answers)
	}
	fmt.Println("requests:", requests)
	// Output:
	// <html><nil>
	// <html><nil>
	// <html><nil>
	// requests: 1
}

func ExampleNewProvider() {
	name := weir.NewStateProvider(func(weir.Ref) string { return "ada" })
	greeting := weir.NewProvider(func(ref weir.Ref) string { return "Hello, " + strings.ToUpper(weir.Watch(ref, name)) })
	c := weir.NewContainer()
	defer c.Close()
	fmt.Println(weir.Read(c, greeting))
	name.Set(c, "grace")
	fmt.Println(weir.Read(c, greeting))
	// Output:
	// Hello, ADA
	// Hello, GRACE
}

// A configuration value that may be malformed is Data or Failed at once, with no loading in between.
func ExampleNewTryProvider() {
	raw := weir.NewStateProvider(func(weir.Ref) string { return "8080" })
	port := weir.NewTryProvider(func(ref weir.Ref) (int, error) { return strconv.Atoi(weir.Watch(ref, raw)) })
	c := weir.NewContainer()
	defer c.Close()
	fmt.Println(weir.Read(c, port).Result())
	raw.Set(c, "http")
	fmt.Println(weir.Read(c, port).Err())
	// Output:
	// 8080 <nil>
	// strconv.Atoi: parsing "http": invalid syntax
}

func ExampleNewStateProvider() {
	volume := weir.NewStateProvider(func(weir.Ref) int { return 50 })
	c := weir.NewContainer()
	defer c.Close()
	volume.Set(c, 80)
	fmt.Println(weir.Read(c, volume))
	// Output: 80
}

func ExampleNewFutureProvider() {
	user := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (string, error) {
		return "Ada", ctx.Err() // a query made with ctx
	})
	c := weir.NewContainer()
	defer c.Close()
	fmt.Println(weir.Read(c, user).IsLoading())
	fmt.Println(weir.Resolve(context.Background(), c, user))
	// Output:
	// true
	// Ada <nil>
}

func ExampleNewFamily() {
	square := weir.NewFamily(func(n int) *weir.Provider[int] {
		return weir.NewProvider(func(ref weir.Ref) int { fmt.Println("computing", n); return n * n })
	}, weir.Name("square"))
	c := weir.NewContainer()
	defer c.Close()
	fmt.Println(weir.Read(c, square.Of(12)))
	fmt.Println(weir.Read(c, square.Of(12)))
	fmt.Println(square.Of(12).Name())
	// Output:
	// computing 12
	// 144
	// 144
	// square(12)
}

func ExampleFamily_Of() {
	room := weir.NewFamily(func(id string) *weir.StateProvider[[]string] {
		return weir.NewStateProvider(func(weir.Ref) []string { return nil })
	})
	c := weir.NewContainer()
	defer c.Close()
	lobby := room.Of("lobby")
	lobby.Update(c, func(members []string) []string { return append(members, "ada") })
	fmt.Println(weir.Read(c, room.Of("lobby")), weir.Read(c, room.Of("attic")))
	// Output: [ada] []
}

func ExampleWatch() {
	celsius := weir.NewStateProvider(func(weir.Ref) float64 { return 20 })
	fahrenheit := weir.NewProvider(func(ref weir.Ref) float64 { return weir.Watch(ref, celsius)*9/5 + 32 })
	c := weir.NewContainer()
	defer c.Close()
	weir.Listen(c, fahrenheit, func(_, f float64) { fmt.Println(f) })
	celsius.Set(c, 100)
	// Output: 212
}

// Read builds what is not built yet and refreshes what is stale; it subscribes to nothing.
func ExampleRead() {
	started := weir.NewProvider(func(weir.Ref) string { fmt.Println("starting"); return "ready" })
	c := weir.NewContainer()
	defer c.Close()
	fmt.Println(weir.Read(c, started))
	fmt.Println(weir.Read(c, started))
	// Output:
	// starting
	// ready
	// ready
}

func ExampleRefresh() {
	ticket := 0
	next := weir.NewProvider(func(weir.Ref) int { ticket++; return ticket })
	c := weir.NewContainer()
	defer c.Close()
	fmt.Println(weir.Read(c, next), weir.Read(c, next), weir.Refresh(c, next))
	// Output: 1 1 2
}

func ExampleListen() {
	online := weir.NewStateProvider(func(weir.Ref) bool { return false })
	c := weir.NewContainer()
	defer c.Close()
	sub := weir.Listen(c, online, func(was, is bool) { fmt.Println(was, "->", is) })
	online.Set(c, true)
	online.Set(c, true) // equal: no change
	sub.Close()
	online.Set(c, false)
	// Output: false -> true
}

func ExampleFireImmediately() {
	theme := weir.NewStateProvider(func(weir.Ref) string { return "light" })
	c := weir.NewContainer()
	defer c.Close()
	apply := func(_, theme string) { fmt.Println("apply", theme) }
	weir.Listen(c, theme, apply, weir.FireImmediately())
	theme.Set(c, "dark")
	// Output:
	// apply light
	// apply dark
}

// A logger that wants to know, but must not be the reason why something runs.
func ExampleWeak() {
	session := weir.NewProvider(func(weir.Ref) string { fmt.Println("log in"); return "session 1" })
	c := weir.NewContainer()
	defer c.Close()
	weir.Listen(c, session, func(_, s string) { fmt.Println("logged:", s) }, weir.Weak())
	fmt.Println("nobody is logged in")
	weir.Read(c, session)
	// Output:
	// nobody is logged in
	// log in
	// logged: session 1
}

func ExampleOnError() {
	divisor := weir.NewStateProvider(func(weir.Ref) int { return 2 })
	share := weir.NewProvider(func(ref weir.Ref) int { return 100 / weir.Watch(ref, divisor) })
	c := weir.NewContainer()
	defer c.Close()
	weir.Listen(c, share, func(_, v int) { fmt.Println("share", v) }, weir.OnError(func(err error) {
		var p *weir.PanicError
		fmt.Println("failed:", errors.As(err, &p), p.Value)
	}))
	divisor.Set(c, 0)
	divisor.Set(c, 4)
	// Output:
	// failed: true runtime error: integer divide by zero
	// share 25
}

// A consumer of its own pace: it gets the latest value, and never holds a writer up.
func ExampleValues() {
	progress := weir.NewStateProvider(func(weir.Ref) int { return 0 })
	c := weir.NewContainer()
	defer c.Close()
	for percent := range weir.Values(context.Background(), c, progress) {
		fmt.Println(percent)
		if percent == 100 {
			break
		}
		progress.Set(c, 50)
		progress.Set(c, 100)
	}
	// Output:
	// 0
	// 100
}

func ExampleResults() {
	attempt := 0
	job := weir.NewFutureProvider(func(context.Context, weir.Ref) (string, error) {
		if attempt++; attempt == 1 {
			return "", errors.New("busy")
		}
		return "done", nil
	})
	c := weir.NewContainer()
	defer c.Close()
	for v, err := range weir.Results(context.Background(), c, job) {
		if err != nil {
			fmt.Println("error:", err)
			c.Invalidate(job)
			continue
		}
		fmt.Println(v)
		break
	}
	// Output:
	// error: busy
	// done
}

// Two sources load side by side; the build waits for both, and runs again when one of them has a different result.
func ExampleAwait() {
	user := weir.NewFutureProvider(func(context.Context, weir.Ref) (string, error) { return "Ada", nil })
	orders := weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) { return 3, nil })
	summary := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (string, error) {
		weir.Watch(ref, orders) // start it before waiting for the other one
		name, err := weir.Await(ref, user)
		if err != nil {
			return "", err
		}
		n, err := weir.Await(ref, orders)
		return fmt.Sprintf("%s has %d orders", name, n), err
	})
	c := weir.NewContainer()
	defer c.Close()
	fmt.Println(weir.Resolve(context.Background(), c, summary))
	// Output: Ada has 3 orders <nil>
}

// The caller's deadline is the caller's: the shared work goes on as long as somebody waits for it.
func ExampleResolve() {
	report := weir.NewFutureProvider(func(ctx context.Context, _ weir.Ref) (string, error) {
		<-ctx.Done() // takes for ever
		return "", context.Cause(ctx)
	}, weir.DisposeDelay(0))
	c := weir.NewContainer()
	defer c.Close()
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("the client went away"))
	fmt.Println(weir.Resolve(ctx, c, report))
	// Output:  the client went away
}

func ExampleSelect() {
	type user struct {
		Name   string
		Visits int
	}
	current := weir.NewStateProvider(func(weir.Ref) user { return user{"Ada", 1} })
	name := weir.Select(current, func(u user) string { return u.Name })
	c := weir.NewContainer()
	defer c.Close()
	weir.Listen(c, name, func(was, is string) { fmt.Println(was, "is now", is) })
	current.Set(c, user{"Ada", 2})
	current.Set(c, user{"Grace", 3})
	// Output: Ada is now Grace
}

func ExampleSelectFunc() {
	reading := weir.NewStateProvider(func(weir.Ref) float64 { return 20 })
	calm := weir.SelectFunc(reading, func(v float64) float64 { return v }, func(a, b float64) bool { return a-b < 1 && b-a < 1 })
	c := weir.NewContainer()
	defer c.Close()
	weir.Listen(c, calm, func(_, v float64) { fmt.Println(v) })
	for _, v := range []float64{20.4, 20.8, 21.5, 21.1} {
		reading.Set(c, v)
	}
	// Output: 21.5
}

func ExampleSelectAsync() {
	type profile struct{ Name, Email string }
	fetch := weir.NewFutureProvider(func(context.Context, weir.Ref) (profile, error) {
		return profile{"Ada", "ada@example.org"}, nil
	})
	email := weir.SelectAsync(fetch, func(p profile) string { return p.Email })
	c := weir.NewContainer()
	defer c.Close()
	fmt.Println(weir.Resolve(context.Background(), c, email))
	// Output: ada@example.org <nil>
}

func ExampleStateProvider_Set() {
	level := weir.NewStateProvider(func(weir.Ref) slog.Level { return slog.LevelInfo })
	c := weir.NewContainer()
	defer c.Close()
	level.Set(c, slog.LevelDebug)
	fmt.Println(weir.Read(c, level))
	// Output: DEBUG
}

func ExampleStateProvider_Update() {
	visits := weir.NewStateProvider(func(weir.Ref) map[string]int { return nil })
	c := weir.NewContainer()
	defer c.Close()
	for _, page := range []string{"home", "about", "home"} {
		visits.Update(c, func(old map[string]int) map[string]int {
			next := map[string]int{page: old[page] + 1} // values are snapshots: copy, never change in place
			for k, v := range old {
				if k != page {
					next[k] = v
				}
			}
			return next
		})
	}
	fmt.Println(weir.Read(c, visits))
	// Output: map[about:1 home:2]
}
