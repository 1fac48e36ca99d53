package main

// server.go owns what listens: a handler on a TCP address, and its orderly end. Who stops a service closes its container first, so
// that requests which wait are answered at once instead of holding the end up; see stack.stop.

import (
	"context"
	"errors"
	"net"
	"net/http"
)

type server struct {
	url  string
	http *http.Server
	done chan struct{} // closed when Serve has returned
	err  error         // what it returned; read after done
}

// listen serves h on addr until stop is called.
func listen(addr string, h http.Handler) (*server, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	s := &server{url: "http://" + ln.Addr().String(), http: &http.Server{Handler: h}, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		s.err = s.http.Serve(ln)
	}()
	return s, nil
}

// stop waits for the requests in flight until ctx ends, and then for nothing. Afterwards no goroutine of the server is left, save
// those of handlers that ignore their request's context.
func (s *server) stop(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	<-s.done
	if !errors.Is(s.err, http.ErrServerClosed) {
		err = errors.Join(err, s.err)
	}
	return err
}

// stack is the whole arrangement: the upstream, the client that fetches from it, and the service in front.
type stack struct {
	upstream       *upstream
	client         *upstreamClient
	service        *service
	upstreamServer *server
	serviceServer  *server
}

const loopback = "127.0.0.1:0" // any free port

// newStack starts an upstream on loopback and a service on addr. The service fetches through wrap of the client's fetch, if there is a wrap.
func newStack(addr string, p pace, wrap func(fetchFunc) fetchFunc) (*stack, error) {
	films, err := loadFilms()
	if err != nil {
		return nil, err
	}
	up := newUpstream(films, p.latency)
	upServer, err := listen(loopback, up.handler())
	if err != nil {
		return nil, err
	}
	client := newUpstreamClient(upServer.url)
	fetch := client.fetch
	if wrap != nil {
		fetch = wrap(fetch)
	}
	svc := newService(fetch, p)
	svcServer, err := listen(addr, svc.handler())
	if err != nil {
		svc.container.Close()
		return nil, errors.Join(err, upServer.stop(context.Background()))
	}
	return &stack{up, client, svc, upServer, svcServer}, nil
}

// stop ends the service, then the upstream. Shutdown of the container cancels every fetch, so that those who wait get their answer
// (503) now, and returns when all fetch functions have. It may be called again, and does nothing then.
func (s *stack) stop(ctx context.Context) error {
	err := s.service.container.Shutdown(ctx)
	err = errors.Join(err, s.serviceServer.stop(ctx))
	s.client.close() // before the upstream ends, which waits for idle connections to be closed
	return errors.Join(err, s.upstreamServer.stop(ctx))
}
