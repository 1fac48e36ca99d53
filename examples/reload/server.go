package main

// server.go owns HTTP: the page, what is in force, and the server with its orderly end.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/weir-go/weir"
)

const (
	loopback = "127.0.0.1:0" // any free port

	// patience is how long an orderly end may take; the story waits as long for what must happen.
	patience = 10 * time.Second
)

// inForce is what GET /config answers with.
type inForce struct {
	Config  config `json:"config"` // with secrets redacted
	Summary string `json:"summary"`
	Error   string `json:"error,omitempty"` // what is wrong with the file, if this is not what it says
}

func (s *settings) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		row, err := s.query()
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintf(w, "%s\n%s\n", weir.Read(s.container, s.page), row)
	})
	mux.HandleFunc("GET /config", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(inForce{ // it fails when the client is gone
			Config:  weir.Read(s.container, s.current),
			Summary: weir.Read(s.container, s.summary),
			Error:   message(weir.Read(s.container, s.parsed).Err()),
		})
	})
	return mux
}

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
	s := &server{
		url:  "http://" + ln.Addr().String(),
		http: &http.Server{Handler: h, ReadHeaderTimeout: patience},
		done: make(chan struct{}),
	}
	go func() {
		defer close(s.done)
		s.err = s.http.Serve(ln)
	}()
	return s, nil
}

// stop waits for the requests in flight, for as long as patience lasts.
func (s *server) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
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
