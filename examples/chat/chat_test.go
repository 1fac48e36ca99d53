package main

// chat_test.go has conversations that a friendly guest would not have, and tries the timing of a room in virtual time.

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weir-go/weir"
)

// session talks to a chat without a room server, over a pipe.
type session struct {
	t     *testing.T
	conn  net.Conn
	lines *bufio.Scanner
}

func talkTo(t *testing.T, c *chat) *session {
	here, there := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.talk(there)
	}()
	t.Cleanup(func() {
		here.Close()
		<-done
	})
	return &session{t, here, bufio.NewScanner(here)}
}

func (s *session) types(line string) { fmt.Fprintln(s.conn, line) }

func (s *session) hears(want string) {
	s.t.Helper()
	if s.lines.Scan(); s.lines.Text() != want {
		s.t.Errorf("heard %q, want %q", s.lines.Text(), want)
	}
}

func TestConversation(t *testing.T) {
	c := newChat(func(context.Context) (net.Conn, error) { return nil, errors.New("no room server here") }, pace{delay: time.Minute, retry: time.Minute})
	defer c.container.Shutdown(context.Background())
	s := talkTo(t, c)
	const rules, what = "* a name has up to 16 letters and digits", "* " + help
	for _, step := range []struct{ types, hears string }{
		{"", "* what is your name?"},
		{"two words", rules},
		{"/join tea", rules},
		{strings.Repeat("x", 17), rules},
		{"\x1b[2Jal\x07ice", rules}, // without what does not print: [2Jalice
		{"ali\x07ce\r", "* hello alice: " + help},
		{"hello?", what}, // in no room
		{"/who", what},
		{"/leave", what},
		{"/away", what},
		{"/back", what},
		{"/join", what},
		{"/join ../etc", what},
		{"/nonsense", what},
		{"/join tea", "* in tea: alice"},
	} {
		if step.types != "" {
			s.types(step.types)
		}
		s.hears(step.hears)
	}
	s.hears("* the room server is away; trying again")
	s.types("hello?")
	s.hears("* not said: the room server is away")
	s.types("/who")
	s.hears("* in tea: alice")

	other := talkTo(t, c)
	other.hears("* what is your name?")
	other.types("alice")
	other.hears("* alice is here already; what is your name?")
	s.types("/quit")
	if s.lines.Scan() {
		t.Errorf("heard %q after /quit", s.lines.Text())
	}
	for len(weir.Read(c.container, c.roster)) > 0 {
		time.Sleep(time.Millisecond)
	}
	other.types("alice")
	other.hears("* hello alice: " + help)
}

// A room that is empty, or has only those who are away, in virtual time, where a moment before and a moment after the delay can be
// told apart. The test plays the room server.
func TestRoomThatNobodyListensTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const delay, tick = 10 * time.Second, time.Millisecond
		conns := make(chan net.Conn, 1)
		c := newChat(func(context.Context) (net.Conn, error) {
			here, there := net.Pipe()
			conns <- there
			return here, nil
		}, pace{delay: delay, retry: time.Second})
		defer c.container.Shutdown(t.Context())
		sub := weir.Listen(c.container, c.rooms.Of("tea"), nil)
		conn := <-conns
		lines := bufio.NewScanner(conn)
		hears := func(want string) {
			t.Helper()
			if lines.Scan(); lines.Text() != want {
				t.Errorf("the room server hears %q, want %q", lines.Text(), want)
			}
		}
		hears("subscribe tea 0")
		fmt.Fprintln(conn, "subscribed tea")
		synctest.Wait()

		go sub.Pause() // a pipe has no room: the hook writes until the room server has read
		hears("pause")
		synctest.Wait()
		time.Sleep(1000 * delay) // away
		go sub.Resume()
		hears("resume")
		fmt.Fprintln(conn, "message 1 bob hello")
		synctest.Wait()
		if l, err := sub.Read().Result(); !slices.Equal(l.messages, []message{{1, "bob", "hello"}}) || err != nil {
			t.Errorf("got %v, %v", l, err)
		}

		go sub.Close()
		hears("pause")
		synctest.Wait()
		time.Sleep(delay - tick)
		if n := c.tally.get("tea", disposed); n != 0 {
			t.Error("dropped before the delay was over")
		}
		time.Sleep(tick)
		if lines.Scan() {
			t.Errorf("the room server hears %q, want the end", lines.Text())
		}
		if n := c.tally.get("tea", disposed); n != 1 {
			t.Errorf("disposed %d times, want 1", n)
		}
	})
}

// A subscription that breaks off is made again where it was, later each time, and the log stays meanwhile.
func TestRoomServerThatTalksNonsense(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conns := make(chan net.Conn, 1)
		c := newChat(func(context.Context) (net.Conn, error) {
			here, there := net.Pipe()
			conns <- there
			return here, nil
		}, pace{delay: time.Minute, retry: time.Second})
		defer c.container.Shutdown(t.Context())
		sub := weir.Listen(c.container, c.rooms.Of("tea"), nil)
		defer sub.Close()
		for i, wait := range []time.Duration{0, time.Second, time.Second} { // from the shortest: each connection has had a message
			start := time.Now()
			conn := <-conns
			if waited := time.Since(start); waited != wait {
				t.Errorf("connected after %v, want %v", waited, wait)
			}
			lines := bufio.NewScanner(conn)
			if lines.Scan(); lines.Text() != fmt.Sprintf("subscribe tea %d", i) {
				t.Errorf("heard %q", lines.Text())
			}
			fmt.Fprintf(conn, "message %d bob hello\n", i+1)
			fmt.Fprintln(conn, "nonsense")
			synctest.Wait()
			if v := sub.Read(); !v.IsRetrying() || v.ValueOr(log{}).last() != i+1 {
				t.Errorf("got %v", v)
			}
		}
	})
}

func TestLog(t *testing.T) {
	var l log
	for n := 1; n <= 250; n++ {
		before, copied := l, fmt.Sprint(l)
		l = l.add(message{n, "a", "b"})
		if fmt.Sprint(before) != copied {
			t.Fatal("add has changed a log")
		}
	}
	for _, tt := range []struct{ seen, first, messages, missed int }{
		{250, 0, 0, 0}, {249, 250, 1, 0}, {200, 201, 50, 0}, {150, 151, 100, 0}, {149, 151, 100, 1}, {0, 151, 100, 150},
	} {
		messages, missed := l.after(tt.seen)
		if len(messages) != tt.messages || missed != tt.missed || len(messages) > 0 && messages[0].number != tt.first {
			t.Errorf("after %d: %d messages, %d missed, want %v", tt.seen, len(messages), missed, tt)
		}
	}
	l = l.add(message{300, "a", "b"}) // the room server has kept no more
	if messages, missed := l.after(250); len(messages) != 1 || missed != 49 {
		t.Errorf("after a gap: %v, %d missed", messages, missed)
	}
}

func TestParseMessage(t *testing.T) {
	m := message{7, "alice", "how are  you?"}
	if got, err := parseMessage(strings.TrimSuffix(m.line(), "\n")); got != m || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
	for _, line := range []string{"", "message", "message x alice hello", "message 0 alice hello", "message 1 alice", "error no", "subscribed tea"} {
		if got, err := parseMessage(line); err == nil {
			t.Errorf("%q: got %v, want an error", line, got)
		}
	}
}

func TestRoomServerBadInput(t *testing.T) {
	h, err := listenHub(loopback)
	if err != nil {
		t.Fatal(err)
	}
	defer h.close()
	for _, line := range []string{"hello", "subscribe", "subscribe tea", "subscribe tea x", "subscribe two words 1", "pause", "resume", "say alice hello"} {
		conn, err := net.Dial("tcp", h.addr)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(conn, line)
		answer, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil || !strings.HasPrefix(answer, "error not understood: ") {
			t.Errorf("%q: got %q, %v", line, answer, err)
		}
		conn.Close()
	}
}
