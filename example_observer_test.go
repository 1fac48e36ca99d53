package weir_test

// This file holds the examples of observers and profiling.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/pprof"
	"time"

	"github.com/weir-go/weir"
)

// An observer counts, times or logs what happens in a container. Set the functions that are wanted.
func ExampleObserver() {
	watch := &weir.Observer{
		BuildStarted: func(ev weir.BuildStartedEvent) { fmt.Println(ev.Name, "builds:", ev.Reason) },
		Updated:      func(ev weir.UpdatedEvent) { fmt.Println(ev.Name, "changed:", ev.Previous, "->", ev.Value) },
	}
	price := weir.NewStateProvider(func(weir.Ref) int { return 2 }, weir.Name("price"))
	total := weir.NewProvider(func(ref weir.Ref) int { return 3 * weir.Watch(ref, price) }, weir.Name("total"))
	c := weir.NewContainer(weir.WithObserver(watch))
	defer c.Close()
	sub := weir.Listen(c, total, nil)
	defer sub.Close()
	price.Set(c, 5)
	// Output:
	// total builds: first build
	// price builds: first build
	// total builds: reload
	// price changed: 2 -> 5
	// total changed: 6 -> 15
}

// The observers of a child are told before those of its parent.
func ExampleWithObserver() {
	saying := func(who string) *weir.Observer {
		return &weir.Observer{BuildStarted: func(ev weir.BuildStartedEvent) { fmt.Println(who, "hears of", ev.Name) }}
	}
	tenant := weir.NewProvider(func(weir.Ref) string { return "nobody" }, weir.Scoped(), weir.Name("tenant"))
	app := weir.NewContainer(weir.WithObserver(saying("the app")))
	defer app.Close()
	child := weir.NewContainer(weir.WithParent(app), tenant.OverrideWithValue("Ada"), weir.WithObserver(saying("the tenant")))
	weir.Read(child, tenant)
	// Output:
	// the tenant hears of tenant
	// the app hears of tenant
}

// Failures are logged as errors, all else as debug messages, and values not at all.
func ExampleLogObserver() {
	plain := func(_ []string, a slog.Attr) slog.Attr { // leave out what is different each time
		if a.Key == slog.TimeKey || a.Key == "generation" || a.Key == "declared" {
			return slog.Attr{}
		}
		return a
	}
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: plain}))
	config := weir.NewTryProvider(func(weir.Ref) (string, error) { return "", errors.New("no such file") }, weir.Name("config"))
	c := weir.NewContainer(weir.WithObserver(weir.LogObserver(logger)))
	defer c.Close()
	weir.Read(c, config)
	// Output: level=ERROR msg="weir: failed" provider=config error="no such file"
}

// A build's share of a CPU profile goes under the provider's name.
func ExampleWithProfiling() {
	report := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (string, error) {
		name, _ := pprof.Label(ctx, "weir.provider")
		return "labelled " + name, nil
	}, weir.Name("report"))
	c := weir.NewContainer(weir.WithProfiling())
	defer c.Shutdown(context.Background())
	fmt.Println(weir.Resolve(context.Background(), c, report))
	// Output: labelled report <nil>
}

// ---- the events

func ExampleEvent() {
	file := weir.NewProvider(func(weir.Ref) string { return "notes" }, weir.Name("file"))
	c := weir.NewContainer(weir.WithObserver(&weir.Observer{
		ProviderAdded: func(ev weir.ProviderAddedEvent) {
			fmt.Println(ev.Name, ev.Provider == file, ev.Declared != "", ev.Container != nil, ev.Generation > 0, ev.At.IsZero(), ev.Value)
		},
	}))
	defer c.Close()
	weir.Read(c, file)
	// Output: file true true true true false notes
}

// The duration is that of the function alone. Cause says whether the result still counted.
func ExampleBuildEndedEvent() {
	slow := weir.NewTryProvider(func(ref weir.Ref) (string, error) {
		return "", errors.Join(ref.Debounce(time.Millisecond), errors.New("no luck"))
	}, weir.Name("slow"))
	c := weir.NewContainer(weir.WithObserver(&weir.Observer{
		BuildEnded: func(ev weir.BuildEndedEvent) {
			fmt.Println(ev.Name, ev.Reason, ev.Duration >= time.Millisecond, ev.Err, ev.Cause)
		},
		Failed: func(ev weir.FailedEvent) { fmt.Println(ev.Name, "failed:", ev.Err) },
	}))
	defer c.Close()
	weir.Read(c, slow)
	// Output:
	// slow first build true no luck <nil>
	// slow failed: no luck
}

func ExampleDisposedEvent() {
	feed := weir.NewProvider(func(weir.Ref) string { return "feed" }, weir.AutoDispose(), weir.Name("feed"))
	c := weir.NewContainer(weir.WithObserver(&weir.Observer{
		Cancelled:       func(ev weir.CancelledEvent) { fmt.Println(ev.Name, "is on standby") },
		Resumed:         func(ev weir.ResumedEvent) { fmt.Println(ev.Name, "is active again") },
		Disposed:        func(ev weir.DisposedEvent) { fmt.Println("over:", ev.Cause) },
		ListenerAdded:   func(ev weir.ListenerAddedEvent) { fmt.Println(ev.Name, "has one more") },
		ListenerRemoved: func(ev weir.ListenerRemovedEvent) { fmt.Println(ev.Name, "has one less") },
		ContainerClosed: func(ev weir.ContainerClosedEvent) { fmt.Println("closed") },
	}))
	sub := weir.Listen(c, feed, nil)
	sub.Pause()
	sub.Resume()
	sub.Close()
	c.DisposeUnused()
	c.Close()
	// Output:
	// feed has one more
	// feed is on standby
	// feed is active again
	// feed is on standby
	// feed has one less
	// over: weir: feed: disposed
	// closed
}
