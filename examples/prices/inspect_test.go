package main

// inspect_test.go looks at /debug/weir/ of the running board while viewers come and go. That the page also appears in a browser is
// tested in package inspect.

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/weir-go/weir"
)

func TestInspector(t *testing.T) {
	st, err := newStack(loopback, holdings{"IBM": 1}, pace{delay: 300 * time.Millisecond, retry: 10 * time.Millisecond}, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	get := func(query string) string {
		t.Helper()
		resp, err := client.Get(st.url + "/debug/weir/" + query)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("GET %s: %s, %v", query, resp.Status, err)
		}
		return string(body)
	}
	// until looks until the elements are as they should be: "name state listeners", sorted by the inspector, dependencies first.
	until := func(want ...string) {
		t.Helper()
		var seen struct {
			Nodes []struct {
				Name, State string
				Listeners   int
			}
		}
		for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
			if err := json.Unmarshal([]byte(get("?format=json&fold=0")), &seen); err != nil {
				t.Fatal(err)
			}
			all := ""
			for _, n := range seen.Nodes {
				all += fmt.Sprintf("%s %s %d\n", n.Name, n.State, n.Listeners)
			}
			missing := len(want) == 0 && all != ""
			for _, w := range want {
				missing = missing || !strings.Contains(all, w+"\n")
			}
			if !missing {
				return
			}
		}
		t.Fatalf("not seen: %q, but %v", want, seen.Nodes)
	}
	if page := get(""); !strings.Contains(page, "<title>Weir inspector</title>") {
		t.Errorf("the page is %.100q", page)
	}
	feed, err := client.Get(st.url + "/debug/weir/?format=stream")
	if err != nil {
		t.Fatal(err)
	}
	defer feed.Body.Close()
	if line, err := bufio.NewReader(feed.Body).ReadString('\n'); err != nil || line != "event: look\n" {
		t.Errorf("the live feed begins with %q, %v", line, err)
	}
	m, err := loadMarket()
	if err != nil {
		t.Fatal(err)
	}

	until() // nobody looks: nothing is there
	one := look(t.Context(), client, st.url, "symbols=AAPL", m)
	two := look(t.Context(), client, st.url, "symbols=AAPL", m)
	until("view({AAPL false}) active 2", "quotes(AAPL) active 3", "average({AAPL 3}) active 1")
	three := look(t.Context(), client, st.url, "symbols=&portfolio=1", m)
	until("view({ true}) active 1", "portfolio active 1", "quotes(IBM) active 1", "holdings active 2")
	one.leave()
	until("view({AAPL false}) active 1", "quotes(AAPL) active 3")
	two.leave()
	until("view({AAPL false}) standby 0", "quotes(AAPL) standby 3", "quotes(IBM) active 1")
	three.leave()
	until("quotes(IBM) standby 1")
	until("holdings standby 0") // all else is dropped; holdings, which is no AutoDispose provider, stays

	events := get("?format=timeline")
	for _, want := range []string{
		`"name":"quotes(AAPL)"`, `"value":"2000-12: 7.44"`, `"kind":"cancelled"`, `"kind":"disposed"`, `"cause":"disposed"`, `"value":"map[IBM:1]"`,
	} {
		if !strings.Contains(events, want) {
			t.Errorf("the timeline does not have %s: %s", want, events)
		}
	}
	resp, err := client.Post(st.url+"/debug/weir/?action=dispose-unused", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("an action: %s, want 403", resp.Status)
	}
	// Who looks does not hold up the end.
	if err := st.stop(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestShowValue(t *testing.T) {
	for _, tt := range []struct {
		value any
		want  string
	}{
		{weir.Data(tape{"2000-01", []float64{1, 25.94}}), "2000-01: 25.94"},
		{weir.Data(tape{month: "2000-01"}), "2000-01: not listed"},
		{weir.Loading[tape](), "Loading()"},
		{weir.Data(quote{"2000-01", 1}), ""},
		{weir.Data(908.1), "908.10"},
		{weir.Loading[float64](), "Loading()"},
		{8.81, "8.81"},
		{holdings{"IBM": 5, "AAPL": 10}, "map[AAPL:10 IBM:5]"},
		{view{}, ""},
	} {
		if got := showValue(nil, tt.value); got != tt.want {
			t.Errorf("%v is shown as %q, want %q", tt.value, got, tt.want)
		}
	}
}
