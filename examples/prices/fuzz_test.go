package main

// fuzz_test.go gives the board what a feed server and a browser may say, and the feed server what a client may.

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// FuzzQuote: what is taken for a quote is one, comes through its own line unchanged, and can be shown.
func FuzzQuote(f *testing.F) {
	f.Add("AAPL", "quote AAPL 2000-12 7.44")
	f.Add("IBM", "past IBM 2001-01 -")
	f.Add("IBM", "quote IBM 2001-01 +Inf")
	f.Add("IBM", "quote IBM 2001-01 NaN")
	f.Add("IBM", "quote IBM 2001-01 1e-400")
	f.Add("", "quote  \x00 0x1p-2")
	f.Add("GOOG", "error no such share: \"GOOG\"")
	f.Fuzz(func(t *testing.T, symbol, line string) {
		q, newest, err := parseQuote(symbol, line)
		if err != nil {
			return
		}
		again, still, err := parseQuote(symbol, strings.TrimSuffix(q.line(symbol, newest), "\n"))
		if err != nil || again != q || still != newest || q.price < 0 {
			t.Errorf("%q is %+v, and that is %+v, %v, %v", line, q, again, still, err)
		}
		tp := tape{}.add(q).add(q).add(q)
		v := view{Rows: []row{{Symbol: symbol, Month: tp.month, Price: tp.last().price, Short: tp.mean(1)}}}
		if _, err := json.Marshal(v); err != nil {
			t.Errorf("%q cannot be shown: %v", line, err)
		}
	})
}

// FuzzWeb: whatever is asked for, the board answers with what it has or says that this is none; nothing else becomes the holdings, and
// what they are can be shown.
func FuzzWeb(f *testing.F) {
	f.Add("PUT", "/holdings", "", `{"AAPL": 10, "IBM": 5}`)
	f.Add("PUT", "/holdings", "", `{"AAPL": 10} {"AAPL": -10}`)
	f.Add("PUT", "/holdings", "", `null`)
	f.Add("PUT", "/holdings", "", `{"AAPL": 9223372036854775807, "IBM": 1}`)
	f.Add("GET", "/events", "symbols=IBM,AAPL,IBM&portfolio=1", "")
	f.Add("GET", "/events", "symbols=%zz&portfolio", "")
	f.Add("GET", "/feeds", "", "")
	f.Add("DELETE", "//", ";", "\x00")
	m, err := loadMarket()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, method, path, query, body string) {
		b := newBoard(func(context.Context) (net.Conn, error) { return nil, errors.New("no feed here") }, startHoldings, pace{delay: time.Minute, retry: time.Minute})
		defer b.container.Shutdown(t.Context())
		w := &web{board: b, symbols: m.symbols(), feed: &feed{market: m, tally: newTally("feed server")}}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Millisecond) // of who looks
		defer cancel()
		r := httptest.NewRequestWithContext(ctx, "GET", "/", strings.NewReader(body))
		r.Method, r.URL = method, &url.URL{Path: path, RawQuery: query}
		rec := httptest.NewRecorder()
		w.handler().ServeHTTP(rec, r)
		switch rec.Code {
		case http.StatusOK, http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed,
			http.StatusMovedPermanently, http.StatusTemporaryRedirect:
		case http.StatusNoContent:
			var whole map[string]int
			if err := json.Unmarshal([]byte(body), &whole); err != nil || whole == nil {
				t.Errorf("%q has become the holdings", body)
			}
		default:
			t.Errorf("%s %s?%s: %d", method, path, query, rec.Code)
		}
		for line := range strings.Lines(rec.Body.String()) {
			if data, ok := strings.CutPrefix(line, "data: "); ok && rec.Header().Get("Content-Type") == "text/event-stream" {
				var v view
				if err := json.Unmarshal([]byte(data), &v); err != nil {
					t.Errorf("an event is %q: %v", data, err)
				}
			}
		}
		if strings.Contains(rec.Header().Get("Content-Type"), "json") && !json.Valid(rec.Body.Bytes()) {
			t.Errorf("%s %s?%s: %q is no JSON", method, path, query, rec.Body)
		}
	})
}

// FuzzFeed: a client that says anything is answered or hung up on, and the feed server remembers nothing of it.
func FuzzFeed(f *testing.F) {
	f.Add("subscribe AAPL\npause\nresume\n")
	f.Add("subscribe AAPL\nsubscribe IBM\n")
	f.Add("resume\n")
	f.Add("subscribe \x00\nsubscribe\n\n")
	f.Add("subscribe IBM\npause\npause\nresume\nresume\n")
	m, err := loadMarket()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, said string) {
		fd := &feed{market: m, tally: newTally("feed server"), tick: tapeLength - 1, clients: make(map[*feedClient]bool)}
		here, there := net.Pipe()
		c := &feedClient{conn: there, wake: make(chan struct{}, 1)}
		fd.clients[c] = true
		done := make(chan struct{})
		go func() {
			defer close(done)
			fd.serve(c)
		}()
		go func() {
			here.Write([]byte(said))
			fd.advance(1)
			here.Write([]byte("\nthat is all\n")) // not understood: it hangs up
		}()
		for _, line := range strings.Split(readAll(here), "\n") {
			if _, _, err := parseQuote(c.symbol, line); err != nil && line != "" && !strings.HasPrefix(line, "error ") {
				t.Errorf("who says %q hears %q", said, line)
			}
		}
		<-done
		if len(fd.clients) != 0 {
			t.Errorf("after %q there is a client", said)
		}
	})
}

func readAll(conn net.Conn) string {
	var all strings.Builder
	for buf := make([]byte, 1<<10); ; {
		n, err := conn.Read(buf)
		all.Write(buf[:n])
		if err != nil {
			conn.Close()
			return all.String()
		}
	}
}
