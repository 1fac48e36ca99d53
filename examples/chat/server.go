package main

// server.go owns the whole arrangement: the room server, the chat, and the listener where members come in; and the order in which
// they end.

import (
	"context"
	"net"
	"sync"
)

const loopback = "127.0.0.1:0" // any free port

type stack struct {
	hub  *hub
	chat *chat
	addr string
	ln   net.Listener
	wg   sync.WaitGroup // the goroutines of accept and of the members
}

// newStack starts a room server on loopback and the chat on addr. The chat dials through wrap of the dial function, if there is a wrap.
func newStack(addr string, p pace, wrap func(dialFunc) dialFunc) (*stack, error) {
	h, err := listenHub(loopback)
	if err != nil {
		return nil, err
	}
	dial := func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", h.addr)
	}
	if wrap != nil {
		dial = wrap(dial)
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		h.close()
		return nil, err
	}
	s := &stack{hub: h, chat: newChat(dial, p), addr: ln.Addr().String(), ln: ln}
	s.wg.Go(s.accept)
	return s, nil
}

func (s *stack) accept() {
	for {
		conn, err := s.ln.Accept()
		if err != nil {
			return // closed
		}
		s.wg.Go(func() { s.chat.talk(conn) })
	}
}

// stop ends it all: no more members; then the container, which ends each member's loop and each subscription at the room server.
// When Shutdown has returned, no build function or hook is running.
func (s *stack) stop(ctx context.Context) error {
	s.ln.Close()
	err := s.chat.container.Shutdown(ctx)
	s.wg.Wait()
	s.hub.close()
	return err
}
