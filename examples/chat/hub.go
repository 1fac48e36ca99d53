package main

// hub.go owns the room server: it keeps the messages of every room, and hands them to whoever subscribes. It knows nothing of Weir,
// and stands for a message broker that several chats share. A client of it says
//
//	subscribe tea 0         and gets the messages of tea after number 0 that are kept, then each new one
//	say alice how are you?  to post one there
//	pause                   and gets nothing until
//	resume                  which first brings what was missed
//
// and hangs up when it is done.

import (
	"bufio"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

// writeTime is how long a peer may take to accept a line before it is dropped.
const writeTime = 5 * time.Second

type hub struct {
	addr  string
	tally *tally
	ln    net.Listener
	wg    sync.WaitGroup // the goroutines of accept and of the clients

	mu      sync.Mutex
	rooms   map[string]log      // guarded by mu, as all below
	clients map[*hubClient]bool // connected, and not hung up on
	closed  bool
}

type hubClient struct {
	conn   net.Conn
	wake   chan struct{} // one slot: there may be something to send
	room   string        // guarded by hub.mu, as the rest; empty before it has subscribed
	paused bool
	seen   int // the number of the last message that was sent
}

func listenHub(addr string) (*hub, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	h := &hub{addr: ln.Addr().String(), tally: newTally("room server"), ln: ln, rooms: make(map[string]log), clients: make(map[*hubClient]bool)}
	h.wg.Go(h.accept)
	return h, nil
}

func (h *hub) accept() {
	for {
		conn, err := h.ln.Accept()
		if err != nil {
			return // closed
		}
		c := &hubClient{conn: conn, wake: make(chan struct{}, 1)}
		h.mu.Lock()
		if h.closed {
			h.mu.Unlock()
			conn.Close()
			return
		}
		h.clients[c] = true
		h.mu.Unlock()
		h.wg.Go(func() { h.serve(c) })
	}
}

// serve does what a client says until its connection ends.
func (h *hub) serve(c *hubClient) {
	gone := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() { h.write(c, gone) })
	lines := bufio.NewScanner(c.conn)
	for lines.Scan() {
		if err := h.obey(c, lines.Text()); err != nil {
			fmt.Fprintf(c.conn, "error %v\n", err)
			break
		}
	}
	close(gone)
	c.conn.Close()
	writer.Wait()
	h.mu.Lock()
	delete(h.clients, c)
	h.mu.Unlock()
	if c.room != "" {
		h.tally.add(c.room, unsubscribed, 1)
	}
}

func (h *hub) obey(c *hubClient, line string) error {
	command, rest, _ := strings.Cut(line, " ")
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case command == "subscribe" && c.room == "":
		room, number, _ := strings.Cut(rest, " ")
		seen, err := strconv.Atoi(number)
		if err != nil || !isName(room) {
			return fmt.Errorf("not understood: %q", line)
		}
		c.room, c.seen = room, seen
		h.tally.add(room, subscribed, 1)
		fmt.Fprintf(c.conn, "subscribed %s\n", room)
	case command == "say" && c.room != "":
		from, text, _ := strings.Cut(rest, " ")
		h.postLocked(c.room, from, text)
		return nil
	case command == "pause" && c.room != "":
		c.paused = true
		h.tally.add(c.room, paused, 1)
	case command == "resume" && c.paused:
		c.paused = false
		h.tally.add(c.room, resumed, 1)
	default:
		return fmt.Errorf("not understood: %q", line)
	}
	c.poke()
	return nil
}

func (h *hub) postLocked(room, from, text string) {
	l := h.rooms[room]
	h.rooms[room] = l.add(message{l.last() + 1, from, text})
	h.tally.add(room, posted, 1)
	for c := range h.clients {
		if c.room == room {
			c.poke()
		}
	}
}

// post is say of somebody elsewhere.
func (h *hub) post(room, from, text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.postLocked(room, from, text)
}

func (c *hubClient) poke() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// write sends c what is due, whenever something may be.
func (h *hub) write(c *hubClient, gone <-chan struct{}) {
	for {
		select {
		case <-c.wake:
		case <-gone:
			return
		}
		if lines := h.due(c); lines != "" {
			c.conn.SetWriteDeadline(time.Now().Add(writeTime))
			if _, err := c.conn.Write([]byte(lines)); err != nil {
				c.conn.Close() // serve sees that
				return
			}
		}
	}
}

// due returns the messages that c is to be sent now, and takes them for sent.
func (h *hub) due(c *hubClient) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.clients[c] || c.room == "" || c.paused {
		return ""
	}
	var lines strings.Builder
	messages, _ := h.rooms[c.room].after(c.seen)
	for _, m := range messages {
		lines.WriteString(m.line())
		c.seen = m.number
	}
	h.tally.add(c.room, sent, len(messages))
	return lines.String()
}

// dropAll hangs up on all clients, as a room server does that is restarted. What is posted afterwards is sent to none of them, though
// their goroutines may not have noticed yet.
func (h *hub) dropAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.clients {
		c.conn.Close()
	}
	clear(h.clients)
}

// close ends the server. Afterwards no goroutine of it is left.
func (h *hub) close() {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.ln.Close()
	h.dropAll()
	h.wg.Wait()
}
