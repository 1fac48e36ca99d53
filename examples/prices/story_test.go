package main

// story_test.go tells the story to the test log, and tries what main does beside it: keeping the board running until it is told to
// stop. Both go over real connections.

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestStory(t *testing.T) {
	var out bytes.Buffer
	err := tellStory(&out, storyPace, nil)
	t.Log("\n" + out.String())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range chapters {
		if !strings.Contains(out.String(), c.title) {
			t.Errorf("the story does not tell: %s", c.title)
		}
	}
}

// twice subscribes on a second connection as well.
type twice struct {
	net.Conn
	second net.Conn
}

func (c twice) Write(p []byte) (int, error) {
	if bytes.HasPrefix(p, []byte("subscribe")) {
		c.second.Write(p)
		bufio.NewReader(c.second).ReadString('\n')
	}
	return c.Conn.Write(p)
}

func (c twice) Close() error {
	c.second.Close()
	return c.Conn.Close()
}

// A board that opens two connections for each share shows every viewer the right prices. The counts are what gives it away.
func TestStoryFindsAWrongBoardOut(t *testing.T) {
	err := tellStory(io.Discard, storyPace, func(dial dialFunc) dialFunc {
		return func(ctx context.Context) (net.Conn, error) {
			first, err := dial(ctx)
			if err != nil {
				return nil, err
			}
			second, err := dial(ctx)
			return twice{first, second}, err
		}
	})
	const want = "chapter 1, three viewers look at one share: feed server's connections of AAPL: 2, want 1"
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

// What is shown is held against the market by check: it must find out what is not of one moment.
func TestCheckFindsWrongViewsOut(t *testing.T) {
	m, err := loadMarket()
	if err != nil {
		t.Fatal(err)
	}
	month := len(m.months) - 1
	ibm := m.prices["IBM"]
	right := row{Symbol: "IBM", Month: m.months[month], Price: ibm[month], Short: meanOf(ibm, 3), Long: meanOf(ibm, 12)}
	for name, tt := range map[string]struct {
		change func(*view)
		ok     bool
	}{
		"right":                         {func(v *view) {}, true},
		"old price":                     {func(v *view) { v.Rows[0].Price = ibm[month-1] }, false},
		"old short average":             {func(v *view) { v.Rows[0].Short = meanOf(ibm[:month], 3) }, false},
		"old long average":              {func(v *view) { v.Rows[0].Long = meanOf(ibm[:month], 12) }, false},
		"old portfolio":                 {func(v *view) { v.Portfolio.Value = 2 * ibm[month-1] }, false},
		"other month":                   {func(v *view) { v.Rows[0].Month = "1999-01" }, false},
		"unknown portfolio":             {func(v *view) { *v.Portfolio = valuation{Problem: "waiting"} }, true},
		"portfolio of what is not seen": {func(v *view) { v.Portfolio.Holdings = holdings{"AAPL": 1} }, true},
	} {
		v := view{Rows: []row{right}, Portfolio: &valuation{Holdings: holdings{"IBM": 2}, Value: 2 * ibm[month]}}
		tt.change(&v)
		if err := check(v, m); (err == nil) != tt.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestServeUntilToldToStop(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	r, w := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := serve(ctx, w, loopback, pace{delay: 50 * time.Millisecond, retry: 10 * time.Millisecond})
		w.CloseWithError(io.EOF)
		ended <- err
	}()
	lines := bufio.NewScanner(r)
	readTo := func(part string) string {
		for lines.Scan() {
			if strings.Contains(lines.Text(), part) {
				return lines.Text()
			}
		}
		t.Fatalf("nothing printed with %q in it", part)
		return ""
	}
	var url string
	if _, err := fmt.Sscanf(readTo("serving"), "serving %s", &url); err != nil {
		t.Fatal(err)
	}
	addr := strings.TrimSuffix(strings.Fields(readTo("nc it"))[5], ":")

	// As with nc.
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintln(conn, "subscribe IBM")
	readTo("IBM   connections")
	go io.Copy(io.Discard, r) // the pipe would block the servers
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(line, "IBM 2000-") {
		t.Errorf("the feed says %q, %v", line, err)
	}

	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	get := func(path string) string {
		resp, err := client.Get(url + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	if page := get("/"); !strings.Contains(page, "EventSource") {
		t.Errorf("the page is %q", page)
	}
	m, err := loadMarket()
	if err != nil {
		t.Fatal(err)
	}
	v := look(t.Context(), client, url, "symbols=AAPL", m)
	for v.sees("AAPL").Price == 0 {
		time.Sleep(time.Millisecond)
	}
	var infos []feedInfo
	if err := json.Unmarshal([]byte(get("/feeds")), &infos); err != nil {
		t.Fatal(err)
	}
	if aapl := infos[0]; aapl.Symbol != "AAPL" || aapl.Feed != "live" || aapl.Board != "active" || aapl.Counts[connected] != 1 {
		t.Errorf("GET /feeds says %+v of AAPL", aapl)
	}
	if goog := infos[2]; goog.Symbol != "GOOG" || goog.Feed != "" || goog.Board != "absent" {
		t.Errorf("GET /feeds says %+v of GOOG", goog)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("serve returned %v", err)
	}
	<-v.done
	if _, err := v.got(); err != nil {
		t.Errorf("a viewer: %v", err)
	}
}

func TestServeOnAnAddressInUse(t *testing.T) {
	taken, err := net.Listen("tcp", loopback)
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if err := serve(t.Context(), io.Discard, taken.Addr().String(), servePace); err == nil {
		t.Error("serve returned nil on an address in use")
	}
}
