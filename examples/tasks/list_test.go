package main

// list_test.go asks the handler for what it cannot give, without a connection in between, and takes its disk away.

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/weir-go/weir"
)

func open(t *testing.T, dir string) *app {
	t.Helper()
	a, err := newApp(dir, t.Output(), weir.Persisted)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.container.Shutdown(context.Background()); err != nil {
			t.Errorf("shutdown: %v", err)
		}
	})
	if err := a.load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return a
}

func send(a *app, method, path, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	a.handler().ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	return w
}

func TestRequests(t *testing.T) {
	a := open(t, t.TempDir())
	for _, tt := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"GET", "/tasks", "", 200, "[]"},
		{"POST", "/tasks", `{"title": "buy milk"}`, 201, `{"id":1,"title":"buy milk","done":false}`},
		{"POST", "/tasks", `{"title": " "}`, 400, "title must have"},
		{"POST", "/tasks", `{"title": "` + strings.Repeat("x", maxTitle+1) + `"}`, 400, "title must have"},
		{"POST", "/tasks", `{"title": "` + strings.Repeat("x", maxBody) + `"}`, 400, "too large"},
		{"POST", "/tasks", `{}`, 400, "title is missing"},
		{"POST", "/tasks", ``, 400, "one JSON object"},
		{"POST", "/tasks", `{"title": 7}`, 400, "one JSON object"},
		{"POST", "/tasks", `{"titel": "x"}`, 400, "titel"},
		{"PATCH", "/tasks/1", `{"done": true}`, 200, `"done":true`},
		{"PATCH", "/tasks/1", `{"done": true}`, 200, `"done":true`},
		{"PATCH", "/tasks/1", `{}`, 400, "done is missing"},
		{"PATCH", "/tasks/2", `{"done": true}`, 404, "task 2: no such task"},
		{"PATCH", "/tasks/x", `{"done": true}`, 400, `got "x"`},
		{"DELETE", "/tasks/0", "", 400, `got "0"`},
		{"DELETE", "/tasks/2", "", 404, "no such task"},
		{"GET", "/tasks", "", 200, `[{"id":1,"title":"buy milk","done":true}]`},
		{"DELETE", "/tasks/1", "", 200, `"id":1`},
		{"POST", "/tasks", `{"title": "call Ada"}`, 201, `"id":2`}, // no ID is used twice
		{"PUT", "/tasks/2", "", 405, ""},
		{"GET", "/", "", 404, ""},
		{"GET", "/status", "", 200, `{"open":1,"changes":5,"failed":2,"newest":"success"}`},
	} {
		w := send(a, tt.method, tt.path, tt.body)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.says) {
			t.Errorf("%s %s %.40s: got %d %q, want %d and %q", tt.method, tt.path, tt.body, w.Code, w.Body, tt.status, tt.says)
		}
	}
}

func TestOtherSitesMayNotChangeTheList(t *testing.T) {
	a := open(t, t.TempDir())
	r := httptest.NewRequest("POST", "/tasks", strings.NewReader(`{"title": "x"}`))
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	w := httptest.NewRecorder()
	a.handler().ServeHTTP(w, r)
	if w.Code != http.StatusForbidden {
		t.Errorf("got %d, want 403", w.Code)
	}
}

// What cannot be saved is not acknowledged, nor shown. When the disk is back everything is saved.
func TestWithoutADisk(t *testing.T) {
	dir := t.TempDir() + "/list"
	a := open(t, dir)
	if w := send(a, "POST", "/tasks", `{"title": "before"}`); w.Code != 201 {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if w := send(a, "POST", "/tasks", `{"title": "without"}`); w.Code != 500 || !strings.Contains(w.Body.String(), "not saved") {
		t.Errorf("got %d %s, want 500", w.Code, w.Body)
	}
	if w := send(a, "GET", "/tasks", ""); w.Code != 500 {
		t.Errorf("got %d %s, want 500", w.Code, w.Body)
	}
	if st := a.status(); st.Newest != "failed" || st.Failed != 1 {
		t.Errorf("the status is %+v", st)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if w := send(a, "POST", "/tasks", `{"title": "after"}`); w.Code != 201 {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	if err := a.container.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	w := send(open(t, dir), "GET", "/tasks", "")
	for _, title := range []string{"before", "without", "after"} {
		if !strings.Contains(w.Body.String(), title) {
			t.Errorf("%s is not in %s", title, w.Body)
		}
	}
}

// A second process that is started by mistake leaves the list of the first alone.
func TestAddressInUse(t *testing.T) {
	ln, err := net.Listen("tcp", loopback)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	dir := t.TempDir() + "/list"
	if err := serve(t.Context(), t.Output(), ln.Addr().String(), dir, weir.Persisted); err == nil {
		t.Error("serve returned nil on an address in use")
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the directory was made")
	}
}
