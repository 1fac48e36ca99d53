package main

// server.go owns HTTP: the routes, what a request must look like and what errors become, and the server with its orderly end.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	loopback = "127.0.0.1:0" // any free port
	maxBody  = 64 << 10
	maxTitle = 1000

	// patience is how long an orderly end may take; the story waits as long for what must happen.
	patience = 10 * time.Second
)

func (a *app) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /tasks", a.postTask)
	mux.HandleFunc("GET /tasks", a.getTasks)
	mux.HandleFunc("PATCH /tasks/{id}", a.patchTask)
	mux.HandleFunc("DELETE /tasks/{id}", a.deleteTask)
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, a.status()) })
	return http.NewCrossOriginProtection().Handler(mux) // no web page but our own may change the list
}

func (a *app) postTask(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Title *string `json:"title"`
	}
	if !readJSON(w, r, &body) {
		return
	}
	if body.Title == nil {
		http.Error(w, "title is missing", http.StatusBadRequest)
		return
	}
	title := strings.TrimSpace(*body.Title)
	if title == "" || len(title) > maxTitle {
		http.Error(w, fmt.Sprintf("title must have 1 to %d bytes", maxTitle), http.StatusBadRequest)
		return
	}
	t, err := a.do(r.Context(), func(ctx context.Context, l *list) (task, error) { return l.add(ctx, title) })
	answer(w, http.StatusCreated, t, err)
}

func (a *app) getTasks(w http.ResponseWriter, r *http.Request) {
	t, err := a.read(r.Context())
	if t.Tasks == nil {
		t.Tasks = []task{} // [] and not null
	}
	answer(w, http.StatusOK, t.Tasks, err)
}

func (a *app) patchTask(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Done *bool `json:"done"`
	}
	id, ok := taskID(w, r)
	if !ok || !readJSON(w, r, &body) {
		return
	}
	if body.Done == nil {
		http.Error(w, "done is missing", http.StatusBadRequest)
		return
	}
	t, err := a.do(r.Context(), func(ctx context.Context, l *list) (task, error) { return l.mark(ctx, id, *body.Done) })
	answer(w, http.StatusOK, t, err)
}

func (a *app) deleteTask(w http.ResponseWriter, r *http.Request) {
	id, ok := taskID(w, r)
	if !ok {
		return
	}
	t, err := a.do(r.Context(), func(ctx context.Context, l *list) (task, error) { return l.remove(ctx, id) })
	answer(w, http.StatusOK, t, err)
}

// taskID reads the id in the path, or answers the request with what is wrong with it.
func taskID(w http.ResponseWriter, r *http.Request) (id int, ok bool) {
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil || id < 1 {
		http.Error(w, fmt.Sprintf("the id must be a number from 1, got %q", r.PathValue("id")), http.StatusBadRequest)
		return 0, false
	}
	return id, true
}

// readJSON reads the body into v, or answers the request with what is wrong with it.
func readJSON(w http.ResponseWriter, r *http.Request, v any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, end := d.Token(); !errors.Is(end, io.EOF) {
			err = errors.New("there is something after the end")
		}
	}
	if err != nil {
		http.Error(w, "the body must be one JSON object: "+err.Error(), http.StatusBadRequest)
		return false
	}
	return true
}

// answer sends v, or what err means. A 500 does not say that nothing has changed: the change may be in memory, or on disk as well.
func answer(w http.ResponseWriter, code int, v any, err error) {
	switch {
	case err == nil:
		writeJSON(w, code, v)
	case errors.Is(err, errNoTask):
		http.Error(w, err.Error(), http.StatusNotFound)
	default:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v) // it fails when the client is gone, and then there is nobody to tell
}

type server struct {
	url  string
	http *http.Server
	done chan struct{} // closed when Serve has returned
	err  error         // what it returned; read after done
}

// newServer serves h on ln until stop is called.
func newServer(ln net.Listener, h http.Handler) *server {
	s := &server{
		url:  "http://" + ln.Addr().String(),
		http: &http.Server{Handler: h, ReadHeaderTimeout: patience},
		done: make(chan struct{}),
	}
	go func() {
		defer close(s.done)
		s.err = s.http.Serve(ln)
	}()
	return s
}

// stop waits for the requests in flight until ctx ends, and then for nothing.
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
