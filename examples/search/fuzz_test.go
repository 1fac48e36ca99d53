package main

// fuzz_test.go has the backend answer anything, and somebody press any keys.

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/weir-go/weir"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// FuzzAnswer: whatever the backend says, the search ends, is through only if it said so, and what is on the screen meanwhile is text.
func FuzzAnswer(f *testing.F) {
	f.Add(`{"hit": {"path": "fmt", "doc": "formats"}}`+"\n"+`{"scanned": 10, "total": 10}`, "fmt", 200)
	f.Add(`{"scanned": 5, "total": 10}`, "x", 200)
	f.Add(`{"scanned": -5, "total": 10} {"scanned": 50, "total": 10} {"scanned": 1, "total": 1}`, "", 200)
	f.Add(`{"hit": {"path": "\u001b[2J", "doc": "\u202e"}} null [] {"total": 0}`, "\x00", 200)
	f.Add("out of order", "%zz &q=", 503)
	f.Fuzz(func(t *testing.T, answer, query string, status int) {
		client := &backendClient{url: "http://backend", http: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.URL.Query().Get("q") != query {
				t.Errorf("asked for %q, which is %q", query, r.URL)
			}
			return &http.Response{StatusCode: status, Status: http.StatusText(status), Body: io.NopCloser(strings.NewReader(answer)), Request: r, Header: http.Header{}}, nil
		})}}
		sc := screen{query: query, busy: true}
		err := client.search(t.Context(), query, func(h hit) {
			sc.results.hits = append(sc.results.hits, h)
			drawn(t, sc)
		}, func(fraction float64) {
			sc.progress = fraction
			drawn(t, sc)
		})
		if err == nil && sc.progress != 1 {
			t.Errorf("%q is the end of the search, at %v", answer, sc.progress)
		}
		sc.busy, sc.err = false, err
		drawn(t, sc)
	})
}

// drawn holds what is on the screen against what a terminal may be sent.
func drawn(t *testing.T, sc screen) {
	t.Helper()
	var out bytes.Buffer
	sc.draw(&out)
	if strings.ContainsFunc(out.String(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
		t.Errorf("the screen is %q", out.String())
	}
	if got := bytes.Count(out.Bytes(), []byte("\n")); got > rows+3 {
		t.Errorf("the screen has %d lines", got)
	}
}

// FuzzKeys: the query is what the keys have left of it, and nothing of it plays tricks on a terminal.
func FuzzKeys(f *testing.F) {
	f.Add([]byte("http\x7f\x7fs"))
	f.Add([]byte("a\x1b[A\x1b[3~\x1bOPb\x15cd\x08"))
	f.Add([]byte("\xc3\xa9\x7f\xff\xc3"))
	f.Add([]byte("x\x03y"))
	f.Add([]byte("\x1b[\x1b[31m\u202e"))
	f.Fuzz(func(t *testing.T, keys []byte) {
		s := newSearcher(nil, time.Hour)
		defer s.stop()
		if err := s.readKeys(bytes.NewReader(keys)); err != nil {
			t.Fatal(err)
		}
		q := weir.Read(s.container, s.query)
		if q != printable(q) {
			t.Errorf("%q makes the query %q", keys, q)
		}
		if slices.Max(append(keys, 0)) < 127 && slices.Min(append(keys, 255)) >= ' ' && q != string(keys) {
			t.Errorf("%q makes the query %q", keys, q)
		}
		drawn(t, screen{query: q})
	})
}
