package main

// server.go owns the whole arrangement: the feed server, the board that it feeds, and the web server in front; and the order in
// which they end.

import (
	"context"
	"errors"
	"net"
	"net/http"
)

const loopback = "127.0.0.1:0" // any free port

type stack struct {
	feed   *feed
	board  *board
	http   *http.Server
	url    string
	served chan error // what Serve returned
}

// newStack starts a feed server on loopback and the web server on addr. The board dials through wrap of the dial function, if there is a wrap.
func newStack(addr string, held holdings, p pace, wrap func(dialFunc) dialFunc) (*stack, error) {
	m, err := loadMarket()
	if err != nil {
		return nil, err
	}
	f, err := listenFeed(loopback, m)
	if err != nil {
		return nil, err
	}
	dial := func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", f.addr)
	}
	if wrap != nil {
		dial = wrap(dial)
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		f.close()
		return nil, err
	}
	b := newBoard(dial, held, p)
	w := &web{board: b, symbols: m.symbols(), feed: f}
	s := &stack{feed: f, board: b, http: &http.Server{Handler: w.handler()}, url: "http://" + ln.Addr().String(), served: make(chan error, 1)}
	go func() { s.served <- s.http.Serve(ln) }()
	return s, nil
}

// stop ends it all. The container is first: that ends each viewer's loop, which the web server would wait for, and hangs up on the
// feed server. When Shutdown has returned, no build function or hook is running.
func (s *stack) stop(ctx context.Context) error {
	err := s.board.container.Shutdown(ctx)
	if e := s.http.Shutdown(ctx); e != nil {
		err = errors.Join(err, e, s.http.Close())
	}
	if e := <-s.served; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	s.served <- http.ErrServerClosed // for another stop
	s.feed.close()
	return err
}
