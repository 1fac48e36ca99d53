package weir_test

// This file holds streams over real things: lines of a TCP connection, a ticker, the server-sent events of an HTTP response. Each has
// to stop promptly whatever ends the build, and to begin again for the next listener. In real time, with handshakes.

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// source is something real that a stream reads from.
type source struct {
	build  streamFunc
	opened chan struct{} // a signal for each connection that was opened
	closed chan struct{} // and for each that the far side has seen closed
}

func newSource() source {
	return source{opened: make(chan struct{}, 100), closed: make(chan struct{}, 100)}
}

// tcpLines is a bufio.Scanner on a TCP connection whose server writes the numbers from 1 on, then waits for the end.
func tcpLines(t *testing.T) source {
	src := newSource()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			src.opened <- struct{}{}
			go func() {
				defer conn.Close()
				fmt.Fprint(conn, "1\n2\n3\n")
				_, _ = conn.Read(make([]byte, 1)) // returns when the client is gone
				src.closed <- struct{}{}
			}()
		}
	}()
	src.build = func(ctx context.Context, _ weir.Ref, emit func(int) bool) error {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", ln.Addr().String())
		if err != nil {
			return err
		}
		defer conn.Close()
		defer context.AfterFunc(ctx, func() { conn.Close() })()
		lines := bufio.NewScanner(conn)
		for lines.Scan() {
			n, err := strconv.Atoi(lines.Text())
			if err != nil {
				return err
			}
			if !emit(n) {
				break
			}
		}
		return lines.Err()
	}
	return src
}

// ticks is a time.Ticker.
func ticks(*testing.T) source {
	src := newSource()
	src.build = func(ctx context.Context, _ weir.Ref, emit func(int) bool) error {
		src.opened <- struct{}{}
		defer func() { src.closed <- struct{}{} }()
		ticker := time.NewTicker(time.Millisecond)
		defer ticker.Stop()
		for n := 1; ; n++ {
			select {
			case <-ticker.C:
				if !emit(n) {
					return context.Cause(ctx)
				}
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
	return src
}

// events is the body of an HTTP response with server-sent events.
func events(t *testing.T) source {
	src := newSource()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		src.opened <- struct{}{}
		w.Header().Set("Content-Type", "text/event-stream")
		for n := 1; n <= 3; n++ {
			fmt.Fprintf(w, ": comment\nevent: number\ndata: %d\n\n", n)
			w.(http.Flusher).Flush()
		}
		<-r.Context().Done()
		src.closed <- struct{}{}
	}))
	t.Cleanup(server.Close)
	src.build = func(ctx context.Context, _ weir.Ref, emit func(int) bool) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
		if err != nil {
			return err
		}
		resp, err := server.Client().Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		lines := bufio.NewScanner(resp.Body)
		for lines.Scan() {
			data, ok := strings.CutPrefix(lines.Text(), "data: ")
			if !ok {
				continue
			}
			n, err := strconv.Atoi(data)
			if err != nil {
				return err
			}
			if !emit(n) {
				break
			}
		}
		return lines.Err()
	}
	return src
}

// eachSource runs a case over the three sources.
func eachSource(t *testing.T, body func(t *testing.T, src source)) {
	t.Helper()
	for name, open := range map[string]func(*testing.T) source{"tcp": tcpLines, "ticker": ticks, "events": events} {
		t.Run(name, func(t *testing.T) { guard(t, func(t *testing.T) { body(t, open(t)) }) })
	}
}

// until waits for a listener to have heard at least n.
func until(t *testing.T, heard <-chan int, n int) {
	t.Helper()
	for await(t, fmt.Sprintf("the value %d", n), heard) < n {
	}
}

func listenReal(s weir.Scope, p *weir.StreamProvider[int]) (*weir.Subscription[weir.AsyncValue[int]], <-chan int) {
	heard := make(chan int, 100000)
	return weir.Listen(s, p, func(_, next weir.AsyncValue[int]) {
		if v, ok := next.Value(); ok && !next.IsLoading() {
			heard <- v
		}
	}), heard
}

func TestA4RealStreamsAreSharedAndCancelledWithTheLastListener(t *testing.T) {
	eachSource(t, func(t *testing.T, src source) {
		returned := make(chan error, 10)
		p := weir.NewStreamProvider(func(ctx context.Context, ref weir.Ref, emit func(int) bool) error {
			err := src.build(ctx, ref, emit)
			<-ctx.Done() // see TestA4WhenEmitReturnsFalseTheContextHasItsCause
			returned <- context.Cause(ctx)
			return err
		}, weir.DisposeDelay(0))
		c := newContainer(t)
		for round := range 3 { // each new listener opens a new one
			a, heardA := listenReal(c, p)
			b, _ := listenReal(c, p)
			await(t, "a connection", src.opened)
			until(t, heardA, 3)
			if v := b.Read().ValueOr(0); v < 3 {
				t.Errorf("the other listener reads %d", v)
			}
			a.Close()
			require.Equal(t, 0, len(src.closed), "one listener is left")
			require.Equal(t, 0, len(returned), "one listener is left")
			b.Close()
			require.ErrorIs(t, await(t, "the build function's return", returned), weir.ErrDisposed)
			await(t, "the far side's notice", src.closed)
			require.Equal(t, 0, len(src.opened), "round %d opened one connection", round)
		}
	})
}

func TestA4RealStreamsEndWhateverEndsTheBuild(t *testing.T) {
	ends := map[string]struct {
		end   func(c *weir.Container, p *weir.StreamProvider[int])
		cause error
		again bool
	}{
		"invalidate": {func(c *weir.Container, p *weir.StreamProvider[int]) { c.Invalidate(p) }, weir.ErrInvalidated, true},
		"cancel":     {func(c *weir.Container, p *weir.StreamProvider[int]) { p.Cancel(c, errBoom) }, errBoom, false},
		"close":      {func(c *weir.Container, p *weir.StreamProvider[int]) { c.Close() }, weir.ErrContainerClosed, false},
	}
	for name, e := range ends {
		t.Run(name, func(t *testing.T) {
			eachSource(t, func(t *testing.T, src source) {
				returned := make(chan error, 10)
				p := weir.NewStreamProvider(func(ctx context.Context, ref weir.Ref, emit func(int) bool) error {
					err := src.build(ctx, ref, emit)
					<-ctx.Done() // see TestA4WhenEmitReturnsFalseTheContextHasItsCause
					returned <- context.Cause(ctx)
					return err
				})
				c := newContainer(t)
				s, heard := listenReal(c, p)
				await(t, "a connection", src.opened)
				until(t, heard, 3)
				e.end(c, p)
				require.ErrorIs(t, await(t, "the build function's return", returned), e.cause)
				await(t, "the far side's notice", src.closed)
				v, ok := s.Read().Value()
				if !ok || v < 1 {
					t.Errorf("what was emitted is gone: %s", show(s.Read()))
				}
				if e.again {
					await(t, "the connection of the next build", src.opened)
					s.Close()
				}
				require.Equal(t, 0, len(src.opened), "nothing else was opened")
			})
		})
	}
}

func TestA4ARealStreamWaitsWhileItIsOnStandby(t *testing.T) {
	guard(t, func(t *testing.T) {
		src := ticks(t)
		before, after := make(chan int), make(chan int) // around each emit
		done := make(chan struct{})
		p := weir.NewStreamProvider(func(ctx context.Context, ref weir.Ref, emit func(int) bool) error {
			defer close(done)
			return src.build(ctx, ref, func(n int) bool {
				send := func(ch chan int) {
					select {
					case ch <- n:
					case <-ctx.Done():
					}
				}
				send(before)
				on := emit(n)
				send(after)
				return on
			})
		}, weir.DisposeDelay(time.Hour))
		c := newContainer(t)
		s := weir.Listen(c, p, nil)
		require.Equal(t, 1, await(t, "before the first", before))
		require.Equal(t, 1, await(t, "after the first", after))
		s.Close()
		require.Equal(t, 2, await(t, "before the second", before))
		select {
		case n := <-after:
			t.Errorf("on standby emit(%d) returned", n)
		case n := <-before:
			t.Errorf("on standby emit(%d) was called", n)
		case <-time.After(50 * time.Millisecond): // the emit that must not return has nothing else to wait for
		}
		s = weir.Listen(c, p, nil)
		require.Equal(t, 2, await(t, "the second", after))
		require.Equal(t, 3, await(t, "the third", before))
		c.Close()
		await(t, "the end", done)
		s.Close()
	})
}
