package weir_test

// This file holds the code of docs/pitfalls.md.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/weir-go/weir"
)

func Example_writeAfterUnlock() {
	var mu sync.Mutex // guards renames; a listener of name takes it, too
	renames := 0
	name := weir.NewStateProvider(func(weir.Ref) string { return "" })
	c := weir.NewContainer()
	defer c.Close()
	sub := weir.Listen(c, name, func(_, is string) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Println(is, renames)
	})
	defer sub.Close()
	rename := func(to string) {
		mu.Lock()
		renames++
		mu.Unlock()
		name.Set(c, to) // not before Unlock
	}
	rename("weir")
	// Output: weir 1
}

func Example_acquireThenRegister() {
	server, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	address := server.Addr().String()
	feed := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (net.Conn, error) {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "tcp", address)
		if err != nil {
			return nil, err
		}
		ref.OnDisposeErr(conn.Close)
		return conn, nil
	}, weir.AutoDispose())
	c := weir.NewContainer()
	_, err = weir.Resolve(context.Background(), c, feed)
	fmt.Println(err, c.Shutdown(context.Background()))
	// Output: <nil> <nil>
}

func Example_tryAgainAfterAFailure() {
	tries := 0
	fetch := func(ctx context.Context) (string, error) {
		if tries++; tries == 1 {
			return "", errors.New("connection refused")
		}
		return "a page", nil
	}
	page := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (string, error) {
		body, err := fetch(ctx)
		if err != nil {
			time.AfterFunc(time.Millisecond, ref.InvalidateSelf) // does nothing once the build is over
		}
		return body, err
	}, weir.AutoDispose())
	c := weir.NewContainer()
	defer c.Shutdown(context.Background())
	for body, err := range weir.Results(context.Background(), c, page) {
		if fmt.Println(body, err); err == nil {
			break
		}
	}
	// Output:
	//  connection refused
	// a page <nil>
}

func Example_newValuesInsteadOfChangedOnes() {
	tags := weir.NewStateProvider(func(weir.Ref) []string { return nil }, weir.Equal(slices.Equal[[]string]))
	tag := func(c *weir.Container, name string) {
		tags.Update(c, func(old []string) []string { return append(slices.Clip(old), name) })
	}
	c := weir.NewContainer()
	defer c.Close()
	before := weir.Read(c, tags)
	tag(c, "new")
	fmt.Println(before, weir.Read(c, tags))
	// Output: [] [new]
}

var depth *weir.Family[int, weir.Provider[int]]

func init() {
	depth = weir.NewFamily(func(n int) *weir.Provider[int] {
		return weir.NewProvider(func(ref weir.Ref) int {
			if n == 0 {
				return 0
			}
			return weir.Watch(ref, depth.Of(n-1)) + 1
		})
	})
}

func Example_familyOfItself() {
	c := weir.NewContainer()
	defer c.Close()
	fmt.Println(weir.Read(c, depth.Of(3)))
	// Output: 3
}

func Example_eventLoop() {
	title := weir.NewStateProvider(func(weir.Ref) string { return "untitled" })
	c := weir.NewContainer()
	defer c.Close()
	clicks, quit := make(chan string, 1), make(chan struct{})
	draw := func(s string) { fmt.Println("draw", s); close(quit) }

	sub := weir.Listen(c, title, nil)
	defer sub.Close()
	clicks <- "weir"
	for running := true; running; {
		select { // the loop of the toolkit, on its own goroutine
		case <-sub.Changed():
			draw(sub.Read())
		case name := <-clicks:
			title.Set(c, name)
		case <-quit:
			running = false
		}
	}
	// Output: draw weir
}

func Example_traceOfSharedWork() {
	type traceID struct{}
	page := weir.NewFamily(func(lang string) *weir.FutureProvider[string] { // what it depends on is its key
		return weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (string, error) {
			return fmt.Sprint("page in ", lang, ", trace ", ctx.Value(traceID{})), nil
		}, weir.AutoDispose())
	})
	program := context.WithValue(context.Background(), traceID{}, "program")
	c := weir.NewContainer(weir.WithContext(program))
	defer c.Shutdown(context.Background())
	request := context.WithValue(context.Background(), traceID{}, "request 7")
	fmt.Println(weir.Resolve(request, c, page.Of("no")))
	// Output: page in no, trace program <nil>
}
