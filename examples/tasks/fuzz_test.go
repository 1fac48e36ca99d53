package main

// fuzz_test.go sends the service any request. What it makes of it is a list, on disk as in memory.

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
)

// FuzzRequests: a request changes what it says and nothing else, a body that is not one object changes nothing, and a new start has
// the same list.
func FuzzRequests(f *testing.F) {
	f.Add("POST", "/tasks", `{"title": "buy milk"}`)
	f.Add("POST", "/tasks", `{"title": "one"} {"title": "two"}`)
	f.Add("POST", "/tasks", `{"title": "\ud800", "title": null}`)
	f.Add("PATCH", "/tasks/1", `{"done": true}`)
	f.Add("PATCH", "/tasks/1", `{"done": "true"}`)
	f.Add("DELETE", "/tasks/1", "")
	f.Add("DELETE", "/tasks/+1", "\x00")
	f.Add("GET", "/tasks/../tasks", "")
	f.Add("OPTIONS", "*", "[")
	f.Fuzz(func(t *testing.T, method, path, body string) {
		dir := t.TempDir()
		a := open(t, dir)
		if w := send(a, "POST", "/tasks", `{"title": "kept"}`); w.Code != http.StatusCreated {
			t.Fatal(w.Code, w.Body)
		}
		was := listed(t, a)
		r := httptest.NewRequest("GET", "/", strings.NewReader(body))
		r.Method, r.URL = method, &url.URL{Path: path}
		w := httptest.NewRecorder()
		a.handler().ServeHTTP(w, r)
		is := listed(t, a)
		changed := !reflect.DeepEqual(was, is)
		switch {
		case w.Code >= 500, w.Code == 0:
			t.Errorf("%s %s %q: %d %s", method, path, body, w.Code, w.Body)
		case w.Code >= 300 && changed:
			t.Errorf("%s %s %q: %d, and the list was %v and is %v", method, path, body, w.Code, was, is)
		case w.Code < 300 && (method == "POST" || method == "PATCH") && !json.Valid([]byte(body)):
			t.Errorf("%s %s %q is taken for JSON", method, path, body)
		case w.Code < 300 && method != "GET" && method != "HEAD" && len(was) == len(is) && method != "PATCH":
			t.Errorf("%s %s %q: %d, and nothing has changed", method, path, body, w.Code)
		}
		if strings.Contains(w.Header().Get("Content-Type"), "json") && !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s %s %q is answered with %q", method, path, body, w.Body)
		}
		for _, x := range is {
			if strings.TrimSpace(x.Title) == "" || x.ID < 1 {
				t.Errorf("%s %s %q made %+v", method, path, body, x)
			}
		}
		if err := a.container.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if again := listed(t, open(t, dir)); !reflect.DeepEqual(again, is) {
			t.Errorf("%s %s %q: %v is %v after a new start", method, path, body, is, again)
		}
	})
}

func listed(t *testing.T, a *app) (all []task) {
	t.Helper()
	w := send(a, "GET", "/tasks", "")
	if err := json.Unmarshal(w.Body.Bytes(), &all); err != nil || w.Code != http.StatusOK {
		t.Fatalf("the list is %d %q: %v", w.Code, w.Body, err)
	}
	return all
}
