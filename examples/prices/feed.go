package main

// feed.go owns the feed server: a market that replays its months over TCP, one line a quote. It knows nothing of Weir, and stands
// for whatever a program is fed by: an exchange, a message broker, a sensor. A client says
//
//	subscribe AAPL      and gets the quotes of the last year at once, then each new one
//	pause               and gets nothing until
//	resume              which first brings what was missed, of up to a year
//
// and hangs up when it is done. Lines that a newer one follows at once begin with past, the newest with quote. Try it with nc.

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

// writeTime is how long a client may take to accept a line before it is dropped.
const writeTime = 5 * time.Second

type feed struct {
	addr   string
	market *market
	tally  *tally
	ln     net.Listener
	wg     sync.WaitGroup // the goroutines of accept and of the clients

	mu      sync.Mutex
	tick    int                  // guarded by mu, as all below; months since the beginning, over all replays
	clients map[*feedClient]bool // connected now
	closed  bool
}

type feedClient struct {
	conn   net.Conn
	wake   chan struct{} // one slot: there may be something to send
	symbol string        // guarded by feed.mu, as the rest; empty before it has subscribed
	paused bool
	next   int // the tick of the first quote that was not sent
}

// listenFeed starts a feed server on addr, a year into the first replay.
func listenFeed(addr string, m *market) (*feed, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	f := &feed{addr: ln.Addr().String(), market: m, tally: newTally("feed server"), ln: ln, tick: tapeLength - 1, clients: make(map[*feedClient]bool)}
	f.wg.Go(f.accept)
	return f, nil
}

func (f *feed) accept() {
	for {
		conn, err := f.ln.Accept()
		if err != nil {
			return // closed
		}
		c := &feedClient{conn: conn, wake: make(chan struct{}, 1)}
		f.mu.Lock()
		if f.closed {
			f.mu.Unlock()
			conn.Close()
			return
		}
		f.clients[c] = true
		f.mu.Unlock()
		f.wg.Go(func() { f.serve(c) })
	}
}

// serve does what a client says until its connection ends.
func (f *feed) serve(c *feedClient) {
	gone := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() { f.write(c, gone) })
	lines := bufio.NewScanner(c.conn)
	for lines.Scan() {
		if err := f.obey(c, lines.Text()); err != nil {
			fmt.Fprintf(c.conn, "error %v\n", err)
			break
		}
	}
	close(gone)
	c.conn.Close()
	writer.Wait()
	f.mu.Lock()
	delete(f.clients, c)
	f.mu.Unlock()
	if c.symbol != "" {
		f.tally.add(c.symbol, disconnected, 1)
	}
}

func (f *feed) obey(c *feedClient, line string) error {
	command, symbol, _ := strings.Cut(strings.TrimSpace(line), " ")
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case command == "subscribe" && c.symbol == "":
		if f.market.prices[symbol] == nil {
			return fmt.Errorf("no such share: %q", symbol)
		}
		c.symbol = symbol
		f.tally.add(symbol, connected, 1)
	case command == "pause" && c.symbol != "":
		c.paused = true
		f.tally.add(c.symbol, paused, 1)
	case command == "resume" && c.paused:
		c.paused = false
		f.tally.add(c.symbol, resumed, 1)
	default:
		return fmt.Errorf("not understood: %q", line)
	}
	c.poke()
	return nil
}

func (c *feedClient) poke() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// write sends c what is due, whenever something may be.
func (f *feed) write(c *feedClient, gone <-chan struct{}) {
	for {
		select {
		case <-c.wake:
		case <-gone:
			return
		}
		if lines := f.due(c); lines != "" {
			c.conn.SetWriteDeadline(time.Now().Add(writeTime))
			if _, err := c.conn.Write([]byte(lines)); err != nil {
				c.conn.Close() // serve sees that
				return
			}
		}
	}
}

// due returns the quotes that c is to be sent now, a year's at most, and takes them for sent.
func (f *feed) due(c *feedClient) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c.symbol == "" || c.paused {
		return ""
	}
	var lines strings.Builder
	replay := f.tick - f.tick%len(f.market.months)
	for t := max(c.next, replay, f.tick+1-tapeLength); t <= f.tick; t++ {
		lines.WriteString(f.at(c.symbol, t).line(c.symbol, t == f.tick))
		f.tally.add(c.symbol, sent, 1)
	}
	c.next = f.tick + 1
	return lines.String()
}

// at returns the quote of a tick.
func (f *feed) at(symbol string, tick int) quote {
	month := tick % len(f.market.months)
	return quote{f.market.months[month], f.market.prices[symbol][month]}
}

// advance lets n months pass, and returns the newest.
func (f *feed) advance(n int) (month string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tick += n
	for c := range f.clients {
		c.poke()
	}
	return f.market.months[f.tick%len(f.market.months)]
}

// state says how things are between the feed server and the subscribers of a share: live, paused, or nothing.
func (f *feed) state(symbol string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	state := ""
	for c := range f.clients {
		switch {
		case c.symbol != symbol:
		case !c.paused:
			return "live"
		default:
			state = "paused"
		}
	}
	return state
}

// dropAll hangs up on all clients, as a feed server does that is restarted.
func (f *feed) dropAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.clients {
		c.conn.Close()
	}
}

// close ends the server. Afterwards no goroutine of it is left.
func (f *feed) close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.ln.Close()
	f.dropAll()
	f.wg.Wait()
}
