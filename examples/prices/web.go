package main

// web.go owns what viewers meet: the page, its events, and the holdings. A handler only says who looks at what, and for how long.

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/weir-go/weir"
)

//go:embed page.html
var pageHTML []byte

type web struct {
	board   *board
	symbols []string // that there are
	feed    *feed    // for GET /feeds alone
}

func (w *web) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", w.getPage)
	mux.HandleFunc("GET /events", w.getEvents)
	mux.HandleFunc("GET /feeds", w.getFeeds)
	mux.HandleFunc("PUT /holdings", w.putHoldings)
	mux.Handle("/debug/weir/", w.board.inspector.Handler(w.board.container))
	return mux
}

// showValue is what the inspector's timeline says of a value. Views are what viewers see anyway, and long.
func showValue(_ weir.AnyProvider, value any) string {
	switch v := value.(type) {
	case weir.AsyncValue[tape]:
		t, ok := v.Value()
		switch {
		case !ok:
			return v.String()
		case len(t.prices) == 0:
			return t.month + ": not listed"
		}
		return fmt.Sprintf("%s: %.2f", t.month, t.last().price)
	case weir.AsyncValue[quote]: // a part of a tape: the same again
		return ""
	case weir.AsyncValue[float64]:
		if value, ok := v.Value(); ok && !v.IsLoading() {
			return fmt.Sprintf("%.2f", value)
		}
		return v.String()
	case float64:
		return fmt.Sprintf("%.2f", v)
	case holdings:
		return fmt.Sprint(v)
	}
	return ""
}

func (w *web) getPage(rw http.ResponseWriter, _ *http.Request) {
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	rw.Write(pageHTML)
}

// getEvents sends what a viewer chose to see, and again after each change, as server-sent events. Values is a listener of the view
// for as long as the loop runs, which r.Context() ends when the viewer leaves. A viewer that is slow misses what was in between, and
// holds up nobody.
func (w *web) getEvents(rw http.ResponseWriter, r *http.Request) {
	of, err := w.viewOf(r)
	if err != nil {
		http.Error(rw, err.Error(), http.StatusBadRequest)
		return
	}
	rw.Header().Set("Content-Type", "text/event-stream")
	rw.Header().Set("Cache-Control", "no-store")
	out := http.NewResponseController(rw)
	for v := range weir.Values(r.Context(), w.board.container, w.board.views.Of(of)) {
		data, err := json.Marshal(v)
		if err != nil {
			return // a view always can be
		}
		out.SetWriteDeadline(time.Now().Add(writeTime)) // of one event: a viewer that has stopped reading goes
		if _, err := fmt.Fprintf(rw, "data: %s\n\n", data); err != nil {
			return
		}
		if err := out.Flush(); err != nil {
			return
		}
	}
}

// viewOf reads ?symbols=AAPL,MSFT&portfolio=1. The same choice is the same key, in whatever order it was made.
func (w *web) viewOf(r *http.Request) (viewOf, error) {
	of := viewOf{portfolio: r.FormValue("portfolio") != ""}
	var chosen []string
	if list := r.FormValue("symbols"); list != "" {
		chosen = strings.Split(list, ",")
	}
	for _, symbol := range chosen {
		if !slices.Contains(w.symbols, symbol) {
			return of, fmt.Errorf("no such share: %q", symbol)
		}
	}
	slices.Sort(chosen)
	of.symbols = strings.Join(slices.Compact(chosen), ",")
	return of, nil
}

// feedInfo is what GET /feeds says of a share.
type feedInfo struct {
	Symbol string        `json:"symbol"`
	Feed   string        `json:"feed"`  // as the feed server sees it: live, paused, or empty
	Board  string        `json:"board"` // as the container sees it: active, standby, absent
	Counts map[event]int `json:"counts"`
}

// getFeeds tells how things are with each feed. A snapshot is no listener: who asks keeps nothing alive.
func (w *web) getFeeds(rw http.ResponseWriter, _ *http.Request) {
	states := make(map[string]weir.State)
	for _, e := range w.board.container.Snapshot().Elements {
		states[e.Name] = e.State
	}
	infos := []feedInfo{}
	for _, symbol := range w.symbols {
		infos = append(infos, feedInfo{
			Symbol: symbol,
			Feed:   w.feed.state(symbol),
			Board:  states[w.board.quotes.Of(symbol).Name()].String(),
			Counts: w.feed.tally.of(symbol),
		})
	}
	rw.Header().Set("Content-Type", "application/json")
	json.NewEncoder(rw).Encode(infos)
}

// putHoldings makes the body the portfolio. When Set returns, what follows from it has been delivered.
func (w *web) putHoldings(rw http.ResponseWriter, r *http.Request) {
	held, err := parseHoldings(http.MaxBytesReader(rw, r.Body, 1<<12))
	if err != nil {
		http.Error(rw, fmt.Sprintf("holdings must be like {\"AAPL\": 10}: %v", err), http.StatusBadRequest)
		return
	}
	for _, symbol := range slices.Sorted(maps.Keys(held)) {
		if !slices.Contains(w.symbols, symbol) || held[symbol] <= 0 {
			http.Error(rw, fmt.Sprintf("cannot hold %d of %q", held[symbol], symbol), http.StatusBadRequest)
			return
		}
	}
	w.board.holdings.Set(w.board.container, held)
	rw.WriteHeader(http.StatusNoContent)
}

// parseHoldings reads one JSON object with nothing after it.
func parseHoldings(in io.Reader) (held holdings, err error) {
	d := json.NewDecoder(in)
	if err := d.Decode(&held); err != nil {
		return nil, err
	}
	if held == nil {
		return nil, errors.New("null is none")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is something after the end")
	}
	return held, nil
}
