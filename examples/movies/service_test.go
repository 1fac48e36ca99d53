package main

// service_test.go asks both handlers for what they cannot give, without a connection in between.

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/weir-go/weir"
)

func TestBadInput(t *testing.T) {
	films, err := loadFilms()
	if err != nil {
		t.Fatal(err)
	}
	fetched := 0
	svc := newService(func(_ context.Context, n int) (filmPage, error) {
		fetched++
		page, ok := pageOf(films, n)
		if !ok {
			return filmPage{}, fmt.Errorf("page %d: %w", n, errNoPage)
		}
		return page, nil
	}, pace{delay: time.Minute, cacheFor: time.Minute, timeout: time.Minute})
	defer svc.container.Shutdown(t.Context())

	tests := []struct {
		method, path string
		status       int
		says         string
		fetches      int
	}{
		{"GET", "/movies?page=x", 400, `page must be a number from 1, got "x"`, 0},
		{"GET", "/movies?page=0", 400, `got "0"`, 0},
		{"GET", "/movies?page=-1", 400, `got "-1"`, 0},
		{"GET", "/movies?page=1.5", 400, `got "1.5"`, 0},
		{"GET", "/movies?page=99999999999999999999", 400, "page must be", 0},
		{"GET", "/movies?page=", 400, `got ""`, 0},
		{"GET", "/movies", 400, `got ""`, 0},
		{"DELETE", "/movies?page=x", 400, `got "x"`, 0},
		{"DELETE", "/movies?page=0", 400, `got "0"`, 0},
		{"DELETE", "/movies?page=5", 204, "", 0}, // nothing in flight: nothing to cancel
		{"GET", "/movies?page=30", 200, `"page":30`, 1},
		{"DELETE", "/movies?page=30", 204, "", 0}, // it is there already, and stays
		{"GET", "/movies?page=30", 200, `"page":30`, 0},
		{"GET", "/movies?page=31", 404, "page 31: no such page", 1},
		{"GET", "/movies?page=9223372036854775807", 404, "no such page", 1},
		{"POST", "/movies?page=1", 405, "", 0},
		{"PUT", "/movies?page=1", 405, "", 0},
		{"POST", "/stats", 405, "", 0},
		{"GET", "/stats", 200, `"builds":1`, 0},
		{"GET", "/", 404, "", 0},
	}
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			before := fetched
			w := httptest.NewRecorder()
			svc.handler().ServeHTTP(w, httptest.NewRequest(tt.method, tt.path, nil))
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.says) {
				t.Errorf("got %d %q, want %d and %q", w.Code, w.Body, tt.status, tt.says)
			}
			if got := fetched - before; got != tt.fetches {
				t.Errorf("%d fetches, want %d", got, tt.fetches)
			}
			if allow := w.Header().Get("Allow"); (tt.status == 405) != (allow != "") {
				t.Errorf("Allow is %q with status %d", allow, tt.status)
			}
		})
	}
}

func TestUpstreamBadInput(t *testing.T) {
	films, err := loadFilms()
	if err != nil {
		t.Fatal(err)
	}
	up := newUpstream(films, 0)
	for path, status := range map[string]int{
		"/page/1": 200, "/page/30": 200, "/page/31": 404, "/page/0": 404, "/page/-1": 404, "/page/x": 400, "/page/": 404, "/": 404,
	} {
		w := httptest.NewRecorder()
		up.handler().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != status {
			t.Errorf("GET %s: %d, want %d", path, w.Code, status)
		}
	}
	w := httptest.NewRecorder()
	up.handler().ServeHTTP(w, httptest.NewRequest("POST", "/page/1", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d, want 405", w.Code)
	}
}

func TestReleaseTwice(t *testing.T) {
	up := newUpstream(nil, 0)
	release := up.hold(1)
	release()
	release()
	if err := up.wait(t.Context(), 1); err != nil {
		t.Error(err)
	}
}

func TestStatusOfErrors(t *testing.T) {
	for _, tt := range []struct {
		err    error
		status int
	}{
		{fmt.Errorf("page 31: %w", errNoPage), http.StatusNotFound},
		{fmt.Errorf("pages(1): %w by hand", weir.ErrCanceled), http.StatusConflict},
		{fmt.Errorf("pages(1): %w", weir.ErrContainerClosed), http.StatusServiceUnavailable},
		{fmt.Errorf("pages(1): %w", context.DeadlineExceeded), http.StatusGatewayTimeout},
		{errors.New("connection refused"), http.StatusBadGateway},
	} {
		if got := statusOf(tt.err); got != tt.status {
			t.Errorf("%v: %d, want %d", tt.err, got, tt.status)
		}
	}
}
