package main

// soak_clients_test.go owns the clients of the soak, real ones over TCP, and what each holds the events that it gets against.

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/weir-go/weir"
	"github.com/weir-go/weir/internal/soak"
)

type soakClients struct {
	url, addr string
	http      *http.Client
	board     *board
	market    *market
	state     *weir.Provider[string] // overridden by each child
	counts    *soak.Counts
	faults    *soak.Faults
}

// once is one client: it comes, does what chance says, and goes.
func (s *soakClients) once(chance *rand.Rand, stopping <-chan struct{}) {
	switch what := chance.IntN(100); {
	case what < 55:
		s.look(chance, soak.Up(chance, 150*time.Millisecond))
	case what < 57:
		s.look(chance, soak.Up(chance, 3*time.Second))
	case what < 60:
		s.stare(chance, "/events?"+choose(chance, s.market).query, stopping)
	case what < 61:
		s.stare(chance, "/debug/weir/?format=stream", stopping)
	case what < 70:
		s.ask("PUT", "/holdings", s.someHoldings(chance), http.StatusNoContent)
	case what < 74:
		body := []string{"", "{", "null0", `{"AAPL": -1}`, `{"NONE": 1}`, `{"AAPL": "x"}`, `[1]`}[chance.IntN(7)]
		s.ask("PUT", "/holdings", body, http.StatusBadRequest)
	case what < 78:
		s.ask("GET", "/events?symbols=NONE", "", http.StatusBadRequest)
	case what < 83:
		s.ask("GET", "/feeds", "", http.StatusOK)
	case what < 86:
		format := []string{"json", "dot", "mermaid", "timeline", ""}[chance.IntN(5)]
		s.ask("GET", "/debug/weir/?format="+format, "", http.StatusOK)
	case what < 90:
		s.child(chance, stopping)
	}
	soak.Pause(soak.Up(chance, 40*time.Millisecond), stopping)
}

func (s *soakClients) someHoldings(chance *rand.Rand) string {
	held := holdings{}
	for _, symbol := range s.market.symbols() {
		if chance.IntN(2) == 0 {
			held[symbol] = 1 + chance.IntN(100)
		}
	}
	text, err := json.Marshal(held)
	if err != nil {
		s.faults.Add("%v", err)
	}
	return string(text)
}

// choice is what a viewer chose to see.
type choice struct {
	query     string
	symbols   []string // sorted
	portfolio bool
}

func choose(chance *rand.Rand, m *market) choice {
	var c choice
	for _, symbol := range m.symbols() {
		if chance.IntN(3) == 0 {
			c.symbols = append(c.symbols, symbol)
		}
	}
	asked := slices.Clone(c.symbols)
	chance.Shuffle(len(asked), func(i, j int) { asked[i], asked[j] = asked[j], asked[i] })
	c.query = "symbols=" + strings.Join(asked, ",")
	if c.portfolio = chance.IntN(2) == 0; c.portfolio {
		c.query += "&portfolio=1"
	}
	return c
}

// look is a viewer who reads every event for d. Until then there must be no end, each event must be what was chosen, and of one moment.
func (s *soakClients) look(chance *rand.Rand, d time.Duration) {
	s.counts.Add("look")
	c := choose(chance, s.market)
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/events?"+c.query, nil)
	if err != nil {
		s.faults.Add("%v", err)
		return
	}
	resp, err := s.http.Do(req)
	if err != nil {
		if ctx.Err() == nil {
			s.faults.Add("a viewer of %s did not get in: %v", c.query, err)
		}
		return
	}
	defer resp.Body.Close()
	rest := newEvents(resp.Body)
	for {
		data, err := rest.next()
		if err != nil {
			if ctx.Err() == nil {
				s.faults.Add("a viewer of %s who did not leave was left: %v", c.query, err)
			}
			return
		}
		s.counts.Add("event")
		s.check(c, data)
	}
}

func (s *soakClients) check(c choice, data []byte) {
	var v view
	if err := json.Unmarshal(data, &v); err != nil {
		s.faults.Add("a viewer of %s: %v in %q", c.query, err, data)
		return
	}
	var symbols []string
	for _, r := range v.Rows {
		symbols = append(symbols, r.Symbol)
		for _, word := range []string{"disposed", "invalidated", "canceled", "closed", "dependency changed"} {
			if strings.Contains(r.Status, word) && !strings.Contains(r.Status, "closed network connection") {
				s.faults.Add("a viewer of %s is told: %s", c.query, r.Status)
			}
		}
	}
	if !slices.Equal(symbols, c.symbols) || (v.Portfolio != nil) != c.portfolio {
		s.faults.Add("a viewer of %s sees %s", c.query, data)
	}
	if err := check(v, s.market); err != nil {
		s.faults.Add("a viewer of %s: %v", c.query, err)
	}
}

// events reads server-sent events.
type events struct {
	in   io.Reader
	text []byte
}

func newEvents(in io.Reader) *events { return &events{in: in} }

func (e *events) next() ([]byte, error) {
	for {
		if data, rest, ok := bytes.Cut(e.text, []byte("\n\n")); ok {
			e.text = rest
			return bytes.TrimPrefix(data, []byte("data: ")), nil
		}
		more := make([]byte, 4<<10)
		n, err := e.in.Read(more)
		if e.text = append(e.text, more[:n]...); n == 0 && err != nil {
			return nil, err
		}
	}
}

// stare is a viewer who has stopped reading before long, and stays, so that what is sent fills all buffers.
func (s *soakClients) stare(chance *rand.Rand, path string, stopping <-chan struct{}) {
	s.counts.Add("stare")
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.faults.Add("dial: %v", err)
		return
	}
	defer conn.Close()
	conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	if chance.IntN(2) == 0 {
		conn.(*net.TCPConn).SetLinger(0)
	}
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path)
	conn.SetReadDeadline(time.Now().Add(time.Second))
	io.ReadFull(conn, make([]byte, 1+chance.IntN(5_000)))
	limit := 3 * time.Second
	if chance.IntN(10) == 0 {
		limit = 20 * time.Second // longer than the server has patience
	}
	soak.Pause(soak.Up(chance, limit), stopping)
}

// ask makes a request with the status that it must have.
func (s *soakClients) ask(method, path, body string, want int) {
	s.counts.Add(method)
	if err := soak.Ask(s.http, method, s.url+path, body, want); err != nil {
		s.faults.Add("%v", err)
	}
}

// child is a part of the program with a container of its own. What it makes of a share lives there, and so does the listener of that,
// whose panics its handler hears of: a listener of the average itself would be the board's.
func (s *soakClients) child(chance *rand.Rand, stopping <-chan struct{}) {
	s.counts.Add("child")
	symbols := s.market.symbols()
	average := s.board.averages.Of(averageOf{symbols[chance.IntN(len(symbols))], 1 + chance.IntN(tapeLength)})
	c := weir.NewContainer(weir.WithParent(s.board.container),
		weir.WithPanicHandler(func(*weir.PanicError) { s.counts.Add("panic in a listener") }),
		s.state.OverrideWith(func(ref weir.Ref) string {
			v := weir.Watch(ref, average)
			if rand.IntN(50) == 0 {
				panic("a build that panics")
			}
			return fmt.Sprint(v)
		}))
	sub := weir.Listen(c, s.state, func(_, _ string) {
		if rand.IntN(2) == 0 {
			panic("a listener that panics")
		}
	}, weir.OnError(func(error) { panic("an error function that panics") }))
	soak.Pause(soak.Up(chance, 100*time.Millisecond), stopping)
	if chance.IntN(2) == 0 {
		sub.Close()
	}
	c.Close()
}
