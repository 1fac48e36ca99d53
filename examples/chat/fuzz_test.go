package main

// fuzz_test.go has members type anything, with a room server that takes it, and the room server say anything.

import (
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// FuzzMember: whatever is typed, both servers go on, what is shown can be printed line by line, and who has hung up has left no seat.
func FuzzMember(f *testing.F) {
	f.Add("alice\n/join tea\nhello\n/who\n/away\n/back\n/leave\n/quit\n")
	f.Add("alice\n/join tea\nmessage 1 x y\nsubscribe tea 0\nresume\n")
	f.Add("\x1b[2J\n\x00\xff\n\n/join\n/join \n")
	f.Add("a\n/join \u202e\n/join b\n/join c\n/away\n/away\n/leave\n/back\n")
	f.Add("alice\r\n/join tea\r\n* in tea: mallory\r\n\u2028error\r\n")
	f.Fuzz(func(t *testing.T, typed string) {
		h, err := listenHub(loopback)
		if err != nil {
			t.Fatal(err)
		}
		c := newChat(func(ctx context.Context) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", h.addr)
		}, pace{delay: 0, retry: time.Millisecond})
		here, there := net.Pipe()
		talked := make(chan struct{})
		go func() {
			defer close(talked)
			c.talk(there)
		}()
		go func() {
			io.WriteString(here, typed)
			io.WriteString(here, "\n/quit\n")
		}()
		heard, _ := io.ReadAll(here)
		<-talked
		here.Close()
		for line := range strings.Lines(string(heard)) {
			for _, r := range strings.TrimSuffix(line, "\n") {
				if !unicode.IsPrint(r) || r == utf8.RuneError {
					t.Errorf("who types %q is shown %q", typed, line)
				}
			}
		}
		if err := c.container.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		h.close()
		if len(h.clients) != 0 {
			t.Errorf("after %q the room server has %d clients", typed, len(h.clients))
		}
		for room, l := range h.rooms {
			if !isName(room) {
				t.Errorf("%q made a room %q", typed, room)
			}
			for _, m := range l.messages {
				if !isName(m.from) || m.text != printable(m.text) {
					t.Errorf("%q was posted as %+v", typed, m)
				}
			}
		}
	})
}

// FuzzMessage: what is taken for a message comes through its own line unchanged, and a log that has it is one without a gap, of which
// everybody is shown the rest.
func FuzzMessage(f *testing.F) {
	f.Add("message 1 alice hello\nmessage 2 bob how are you?", 0)
	f.Add("message 9223372036854775807 a b\nmessage 1 a b\nmessage 2 a b", 1)
	f.Add("message -1 a b\nmessage 0 a b\nmessage +7 a b\nmessage 007 a  ", -5)
	f.Add("subscribed tea\nmessage 3   \nmessage 4 \x00 \xff", math.MinInt)
	f.Fuzz(func(t *testing.T, said string, seen int) {
		var l log
		for line := range strings.SplitSeq(said, "\n") {
			m, err := parseMessage(line)
			if err != nil {
				continue
			}
			if again, err := parseMessage(strings.TrimSuffix(m.line(), "\n")); err != nil || again != m {
				t.Errorf("%q is %+v, and that %+v, %v", line, m, again, err)
			}
			if l = l.add(m); l.last() != m.number || len(l.messages) > logLength {
				t.Errorf("after %q the log ends at %d and has %d", line, l.last(), len(l.messages))
			}
			for i, m := range l.messages {
				if m.number != l.messages[0].number+i {
					t.Errorf("after %q the log has a gap: %+v", line, l)
				}
			}
			if seen < 0 { // nobody has: a member begins with what there is
				continue
			}
			rest, missed := l.after(seen)
			if got, want := missed+len(rest), max(0, l.last()-seen); got != want || missed < 0 {
				t.Errorf("%s: after %d there are %d and %d missed, want %d", fmt.Sprint(l), seen, len(rest), missed, want)
			}
		}
	})
}
