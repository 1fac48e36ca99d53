package main

// guest.go owns the members of the story: each guest is one real TCP connection to the chat that types lines and hears lines, as a
// person with nc does.

import (
	"bufio"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
)

type guest struct {
	name string
	conn net.Conn
	done chan struct{} // closed when nothing more will be heard

	mu    sync.Mutex
	lines []string // guarded by mu; all that was heard
}

// come connects a guest to the chat at addr, and has them say their name.
func come(addr, name string) (*guest, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	g := &guest{name: name, conn: conn, done: make(chan struct{})}
	go func() {
		defer close(g.done)
		lines := bufio.NewScanner(conn)
		for lines.Scan() {
			g.mu.Lock()
			g.lines = append(g.lines, lines.Text())
			g.mu.Unlock()
		}
	}()
	return g, g.types(name)
}

func (g *guest) types(format string, args ...any) error {
	_, err := fmt.Fprintf(g.conn, format+"\n", args...)
	return err
}

// hangUp ends the connection, as ^C does with nc.
func (g *guest) hangUp() {
	g.conn.Close()
	<-g.done
}

// messages returns what was said to the guest by others and by themselves, and notices what the chat said: its lines begin with a star.
func (g *guest) messages() []string {
	return slices.DeleteFunc(g.all(), func(line string) bool { return strings.HasPrefix(line, "* ") })
}

func (g *guest) notices() []string {
	return slices.DeleteFunc(g.all(), func(line string) bool { return !strings.HasPrefix(line, "* ") })
}

func (g *guest) all() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.lines)
}

// company returns who is in the room, as the guest was told last.
func (g *guest) company() string {
	notices := g.notices()
	for _, line := range slices.Backward(notices) {
		if strings.HasPrefix(line, "* in ") {
			return strings.TrimPrefix(line, "* in ")
		}
	}
	return ""
}
