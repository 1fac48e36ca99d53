package main

// server.go owns the whole program: the root container, the HTTP server in front, and the order in which they begin and end.

import (
	"context"
	"errors"
	"net"
	"net/http"

	"github.com/weir-go/weir"
)

const loopback = "127.0.0.1:0" // any free port

type server struct {
	app    *weir.Container
	http   *http.Server
	url    string
	served chan error // what Serve returned
}

// start makes the root container of the settings and options, and serves the API on addr. What requests will need is made first, so
// that a file that cannot be opened is found now. Who has it in a test gives an option that overrides it.
func start(addr string, s settings, opts ...weir.ContainerOption) (*server, error) {
	app := weir.NewContainer(append(opts, config.OverrideWithValue(s))...)
	_, err := weir.Resolve(context.Background(), app, accounts)
	if err == nil {
		_, err = weir.Resolve(context.Background(), app, auditFile)
	}
	var ln net.Listener
	if err == nil {
		ln, err = net.Listen("tcp", addr)
	}
	if err != nil {
		return nil, errors.Join(err, app.Shutdown(context.Background())) // what was made is closed, in order
	}
	srv := &server{app: app, http: &http.Server{Handler: (&api{app: app}).routes()}, url: "http://" + ln.Addr().String(), served: make(chan error, 1)}
	go func() { srv.served <- srv.http.Serve(ln) }()
	return srv, nil
}

// stop lets the requests in flight come to an end, for as long as ctx says, then closes the container: what is left of requests is
// rolled back; the store goes before the journal. It returns what went wrong on the way.
func (s *server) stop(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	if e := <-s.served; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	s.served <- http.ErrServerClosed // for another stop
	return errors.Join(err, s.app.Shutdown(context.WithoutCancel(ctx)))
}
