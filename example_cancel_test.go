package weir_test

// This file holds the code of docs/cancellation.md.

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/weir-go/weir"
)

// One caller leaves, and nothing happens to the fetch; the last one leaves, and it ends.
func Example_lastOneLeaves() {
	upstream, gaveUp := make(chan string), make(chan error, 1)
	page := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (string, error) {
		select { // an HTTP request made with ctx
		case body := <-upstream:
			return body, nil
		case <-ctx.Done():
			gaveUp <- context.Cause(ctx)
			return "", ctx.Err()
		}
	}, weir.Name("page"), weir.DisposeDelay(0)) // 0 is for the example: end it at once
	c := weir.NewContainer()
	defer c.Shutdown(context.Background())

	other := weir.Listen(c, page, nil) // somebody else who wants the page
	request, leave := context.WithCancelCause(context.Background())
	leave(errors.New("the client went away"))
	_, err := weir.Resolve(request, c, page)
	fmt.Println("the caller:", err)
	fmt.Println("still fetching:", weir.Read(c, page).IsLoading())

	other.Close() // the last one
	fmt.Println("the fetch:", <-gaveUp)
	// Output:
	// the caller: the client went away
	// still fetching: true
	// the fetch: weir: page: disposed
}

// Each way in which a build ends has a cause of its own.
func Example_causes() {
	input := weir.NewStateProvider(func(weir.Ref) int { return 0 })
	started, ended := make(chan bool), make(chan error)
	work := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
		weir.Watch(ref, input)
		started <- true
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return 0, ctx.Err()
	}, weir.Name("work"), weir.DisposeDelay(0))
	c := weir.NewContainer()

	sub := weir.Listen(c, work, nil)
	<-started
	input.Set(c, 1) // what it watches has changed: it starts again
	fmt.Println(<-ended)
	<-started
	c.Invalidate(work) // it starts again
	fmt.Println(<-ended)
	<-started
	work.Cancel(c, nil) // it does not
	fmt.Println(<-ended)
	c.Invalidate(work) // now it does
	<-started
	sub.Close() // the last listener
	fmt.Println(<-ended)
	weir.Listen(c, work, nil)
	<-started
	c.Close()
	cause := <-ended
	fmt.Println(cause, errors.Is(cause, weir.ErrContainerClosed))
	// Output:
	// weir: work: dependency changed
	// weir: work: invalidated
	// weir: work: canceled
	// weir: work: disposed
	// weir: work: container closed true
}

// A Read that knows no context is ended by closing what it reads from.
func Example_blockingRead() {
	server := func(to io.WriteCloser) { fmt.Fprintln(to, "one") } // and then says nothing more
	dial := func(context.Context) (net.Conn, error) {
		near, far := net.Pipe()
		go server(far)
		return near, nil
	}
	lines := weir.NewStreamProvider(func(ctx context.Context, ref weir.Ref, emit func(string) bool) error {
		conn, err := dial(ctx)
		if err != nil {
			return err
		}
		ref.OnDisposeErr(conn.Close) // runs when the build is over, beside this function: Scan returns
		in := bufio.NewScanner(conn)
		for in.Scan() && emit(in.Text()) {
		}
		return in.Err()
	}, weir.AutoDispose())
	c := weir.NewContainer()
	for line, err := range weir.Results(context.Background(), c, lines) {
		fmt.Println(line, err)
		break
	}
	fmt.Println(c.Shutdown(context.Background())) // would hang without the Close
	// Output:
	// one <nil>
	// <nil>
}

// What cannot be cancelled runs on by itself, and the build ends without it.
func Example_cannotBeCancelled() {
	finish := make(chan string)
	slow := func() string { return <-finish } // knows no context
	entered := make(chan bool, 1)
	report := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (string, error) {
		result := make(chan string, 1) // room for a result that nobody takes
		go func() { result <- slow() }()
		entered <- true
		select {
		case text := <-result:
			return text, nil
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}, weir.AutoDispose())
	c := weir.NewContainer()
	weir.Listen(c, report, nil)
	<-entered
	fmt.Println(c.Shutdown(context.Background())) // does not wait for slow
	close(finish)
	// Output: <nil>
}

// What callers get.
func Example_whatCallersGet() {
	started := make(chan bool)
	job := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (string, error) {
		started <- true
		<-ctx.Done()
		return "", ctx.Err() // reaches nobody: the build is over
	}, weir.Name("job"))
	c := weir.NewContainer()
	answer := make(chan error)
	wait := func() {
		go func() {
			_, err := weir.Resolve(context.Background(), c, job)
			answer <- err
		}()
		<-started
	}
	errStop := errors.New("stopped by hand")
	wait()
	job.Cancel(c, errStop)
	fmt.Println(errors.Is(<-answer, errStop))
	c.Invalidate(job)
	wait()
	c.Close()
	fmt.Println(errors.Is(<-answer, weir.ErrContainerClosed))
	// Output:
	// true
	// true
}
