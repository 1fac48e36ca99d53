package main

// board_test.go tries the board without a feed server: providers are overridden, time is virtual, and the web handler is asked for
// what it cannot give.

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weir-go/weir"
)

func noDial(context.Context) (net.Conn, error) { return nil, errors.New("no feed here") }

// tapeOf makes a stream of one tape.
func tapeOf(month string, prices ...float64) *weir.StreamProvider[tape] {
	return weir.NewStreamProvider(func(_ context.Context, _ weir.Ref, emit func(tape) bool) error {
		emit(tape{month, prices})
		return nil
	})
}

func TestPortfolio(t *testing.T) {
	b := newBoard(noDial, holdings{"AAPL": 2, "IBM": 3}, servePace)
	defer b.container.Shutdown(t.Context())
	tapes := map[string]*weir.StreamProvider[tape]{"AAPL": tapeOf("2000-01", 1, 5), "IBM": tapeOf("2000-01", 7), "GOOG": tapeOf("2000-01")}
	c := weir.NewContainer(b.quotes.OverrideWith(func(symbol string) *weir.StreamProvider[tape] { return tapes[symbol] }))
	defer c.Shutdown(t.Context())

	if value, err := weir.Resolve(t.Context(), c, b.portfolio); value != 2*5+3*7 || err != nil {
		t.Errorf("got %v, %v, want 31", value, err)
	}
	b.holdings.Set(c, holdings{"AAPL": 1, "GOOG": 1})
	if _, err := weir.Resolve(t.Context(), c, b.portfolio); err == nil || err.Error() != "GOOG is not listed in 2000-01" {
		t.Errorf("got %v, want that GOOG is not listed", err)
	}
	b.holdings.Set(c, holdings{})
	if value, err := weir.Resolve(t.Context(), c, b.portfolio); value != 0 || err != nil {
		t.Errorf("got %v, %v, want 0", value, err)
	}
}

// pipes returns a dial function whose other ends the test gets, to play the feed server.
func pipes() (dial dialFunc, conns <-chan net.Conn) {
	opened := make(chan net.Conn, 1)
	return func(context.Context) (net.Conn, error) {
		here, there := net.Pipe()
		opened <- there
		return here, nil
	}, opened
}

// The timing of the story, in virtual time, where a moment before and a moment after the delay can be told apart.
func TestFeedOfAShareNobodyLooksAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const delay, tick = 10 * time.Second, time.Millisecond
		dial, conns := pipes()
		b := newBoard(dial, nil, pace{delay: delay, retry: time.Second})
		defer b.container.Shutdown(t.Context())
		sub := weir.Listen(b.container, b.quotes.Of("IBM"), nil)
		conn := <-conns
		lines := bufio.NewScanner(conn)
		hears := func(want string) {
			t.Helper()
			if lines.Scan(); lines.Text() != want {
				t.Errorf("the feed server hears %q, want %q", lines.Text(), want)
			}
		}
		hears("subscribe IBM")
		fmt.Fprintln(conn, "quote IBM 2000-01 100")
		synctest.Wait()
		if got, err := sub.Read().Result(); got.last() != (quote{"2000-01", 100}) || err != nil {
			t.Errorf("got %v, %v", got, err)
		}

		go sub.Close() // a pipe has no room: the hook writes until the feed server has read
		hears("pause")
		synctest.Wait()
		time.Sleep(delay - tick)
		var again *weir.Subscription[weir.AsyncValue[tape]]
		go func() { again = weir.Listen(b.container, b.quotes.Of("IBM"), nil) }()
		hears("resume")
		synctest.Wait()
		go again.Close()
		hears("pause")
		synctest.Wait()
		time.Sleep(delay - tick)
		if b.tally.get("IBM", disposed) != 0 {
			t.Error("dropped before the delay was over")
		}
		time.Sleep(tick)
		if lines.Scan() {
			t.Errorf("the feed server hears %q, want the end", lines.Text())
		}
		if n := b.tally.get("IBM", disposed); n != 1 {
			t.Errorf("disposed %d times, want 1", n)
		}
	})
}

func TestFeedThatTalksNonsense(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dial, conns := pipes()
		b := newBoard(dial, nil, pace{delay: time.Minute, retry: time.Second})
		defer b.container.Shutdown(t.Context())
		sub := weir.Listen(b.container, b.quotes.Of("IBM"), nil)
		defer sub.Close()
		for _, wait := range []time.Duration{0, time.Second, 2 * time.Second} {
			start := time.Now()
			conn := <-conns
			if waited := time.Since(start); waited != wait {
				t.Errorf("connected after %v, want %v", waited, wait)
			}
			bufio.NewReader(conn).ReadString('\n')
			fmt.Fprintln(conn, "quote AAPL 2000-01 1")
			synctest.Wait()
			if v := sub.Read(); !v.IsRetrying() || !strings.Contains(statusOf(v), `the feed of IBM says "quote AAPL 2000-01 1"`) {
				t.Errorf("got %v, %s", v, statusOf(v))
			}
		}
	})
}

func TestBadInput(t *testing.T) {
	m, err := loadMarket()
	if err != nil {
		t.Fatal(err)
	}
	b := newBoard(noDial, holdings{}, servePace)
	defer b.container.Shutdown(t.Context())
	h := (&web{board: b, symbols: m.symbols()}).handler()
	for _, tt := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"GET", "/events?symbols=XYZ", "", 400, `no such share: "XYZ"`},
		{"GET", "/events?symbols=AAPL,", "", 400, `no such share: ""`},
		{"POST", "/events", "", 405, ""},
		{"GET", "/other", "", 404, ""},
		{"PUT", "/holdings", `{"AAPL": 0}`, 400, `cannot hold 0 of "AAPL"`},
		{"PUT", "/holdings", `{"XYZ": 1}`, 400, `cannot hold 1 of "XYZ"`},
		{"PUT", "/holdings", `{"AAPL": 1.5}`, 400, "holdings must be like"},
		{"PUT", "/holdings", `[]`, 400, "holdings must be like"},
		{"PUT", "/holdings", `{"AAPL": 1}`, 204, ""},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(tt.method, tt.path, strings.NewReader(tt.body)))
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.says) {
			t.Errorf("%s %s %s: got %d %q, want %d %q", tt.method, tt.path, tt.body, w.Code, w.Body, tt.status, tt.says)
		}
	}
	if b.container.Exists(b.quotes) {
		t.Error("a request that was wrong has connected a feed")
	}
}

func TestTape(t *testing.T) {
	var tp tape
	add := func(month string, price float64) { tp = tp.add(quote{month, price}) }
	add("2000-01", 0)
	if tp.last() != (quote{"2000-01", 0}) || tp.mean(1) != 0 {
		t.Errorf("before it is listed: %v", tp)
	}
	for i := range 20 {
		before := tp
		copied := fmt.Sprint(before)
		add(fmt.Sprintf("2001-%02d", i), float64(i+1))
		if fmt.Sprint(before) != copied {
			t.Fatalf("add has changed %s to %v", copied, before)
		}
	}
	if len(tp.prices) != tapeLength || tp.last() != (quote{"2001-19", 20}) || tp.mean(3) != 19 || tp.mean(13) != 0 {
		t.Errorf("after 20 months: %v", tp)
	}
	add("2000-01", 7) // a new replay
	if len(tp.prices) != 1 || tp.mean(1) != 7 {
		t.Errorf("after a new beginning: %v", tp)
	}
}

func TestParseQuote(t *testing.T) {
	for _, newest := range []bool{true, false} {
		for _, q := range []quote{{"2000-01", 25.94}, {"2000-01", 0}} {
			if got, is, err := parseQuote("A", strings.TrimSpace(q.line("A", newest))); got != q || is != newest || err != nil {
				t.Errorf("%v: got %v, %v, %v", q, got, is, err)
			}
		}
	}
	for _, line := range []string{"", "quote", "quote A 2000-01", "quote B 2000-01 1", "quote A 2000-01 x", "quote A 2000-01 -1", "quote A 2000-01 NaN",
		"quote A 2000-01 0", "error no such share", "quote A 2000-01 1 2"} {
		if q, _, err := parseQuote("A", line); err == nil {
			t.Errorf("%q: got %v, want an error", line, q)
		}
	}
}
