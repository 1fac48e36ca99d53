package main

// inspect_test.go looks at /debug/weir/ of the running service while clients come and go. That the page also appears in a browser
// is tested in package inspect.

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// debug asks /debug/weir/ of a service.
type debug struct {
	t      *testing.T
	client *http.Client
	url    string
}

func (d *debug) get(query string) string {
	d.t.Helper()
	resp, err := d.client.Get(d.url + "/debug/weir/" + query)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		d.t.Fatalf("GET %s: %s, %v", query, resp.Status, err)
	}
	return string(body)
}

// node is an element as the inspector shows it.
type node struct {
	ID, Name, State string
	Listeners       int
	DisposeInMs     float64
}

// until looks until page n is as it should be.
func (d *debug) until(n int, what string, is func(node) bool) node {
	d.t.Helper()
	name := fmt.Sprintf("pages(%d)", n)
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		var seen struct{ Nodes []node }
		if err := json.Unmarshal([]byte(d.get("?format=json&fold=0")), &seen); err != nil {
			d.t.Fatal(err)
		}
		found := node{Name: name, State: "absent"}
		for _, x := range seen.Nodes {
			if x.Name == name {
				found = x
			}
		}
		if is(found) {
			return found
		}
	}
	d.t.Fatalf("%s is not seen %s", name, what)
	return node{}
}

func TestInspector(t *testing.T) {
	st, err := newStack(loopback, pace{latency: time.Millisecond, delay: 300 * time.Millisecond, cacheFor: time.Hour, timeout: time.Minute}, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{}}
	defer func() {
		client.CloseIdleConnections()
		if err := st.stop(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	url := st.serviceServer.url
	d := &debug{t, client, url}
	if page := d.get(""); !strings.Contains(page, "<title>Weir inspector</title>") {
		t.Errorf("the page is %.100q", page)
	}

	// Page 3 is not answered until it is let go: its clients wait, and leave.
	release := st.upstream.hold(3)
	first, second := visit(t.Context(), client, url, 3), visit(t.Context(), client, url, 3)
	d.until(3, "with two who wait", func(n node) bool { return n.State == "building" && n.Listeners == 2 })
	first.leave()
	d.until(3, "with one who waits", func(n node) bool { return n.State == "building" && n.Listeners == 1 })
	second.leave()
	d.until(3, "with nobody", func(n node) bool { return n.Listeners == 0 && n.DisposeInMs > 0 && n.DisposeInMs <= 300 })
	d.until(3, "gone", func(n node) bool { return n.State == "absent" })
	if n := st.upstream.tally.get(3, requested); n != 1 {
		t.Errorf("page 3 was fetched %d times, want 1: looking is no listening", n)
	}
	release()

	// A page that was fetched stays for as long as CacheFor says, and the timeline tells how many films it has, but not which.
	<-visit(t.Context(), client, url, 1).done
	page := d.until(1, "kept", func(n node) bool { return n.State == "standby" && n.Listeners == 0 && n.DisposeInMs > 3500e3 })
	events := d.get("?format=timeline")
	for _, want := range []string{
		`"name":"pages(3)"`, `"kind":"build"`, `"reason":"first build"`, `"kind":"cancelled"`, `"kind":"disposed"`, `"cause":"disposed"`, `"value":"20 films"`,
	} {
		if !strings.Contains(events, want) {
			t.Errorf("the timeline does not have %s: %s", want, events)
		}
	}
	if strings.Contains(events, "Shawshank") {
		t.Error("the timeline has the films in it")
	}
	if answers := d.get("?format=json&focus=" + page.ID); !strings.Contains(answers, "Nobody: it is disposed in ") || !strings.Contains(answers, "the first build") {
		t.Errorf("of page 1 it says %s", answers)
	}

	// Its button is there: it does what the program allows, if the page asks for it and no other site.
	for _, tt := range []struct {
		header string
		status int
	}{{"", http.StatusForbidden}, {"page", http.StatusNoContent}} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/debug/weir/?action=dispose-unused", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Weir-Inspect", tt.header)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != tt.status {
			t.Errorf("header %q: %s, want %d", tt.header, resp.Status, tt.status)
		}
	}
	d.until(1, "disposed", func(n node) bool { return n.State == "absent" })
}
