package main

// log.go owns what is known of a room: its newest messages. A value that is watched or listened to is the newest one, so messages
// cannot be values one by one: who is slow would miss some. The log is the value, and each member keeps how far they have read.

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

type message struct {
	number     int // from 1, in each room
	from, text string
}

// line is the message as the room server sends it: "message 7 alice how are you?".
func (m message) line() string { return fmt.Sprintf("message %d %s %s\n", m.number, m.from, m.text) }

// parseMessage reads a line of the room server.
func parseMessage(line string) (message, error) {
	fields := strings.SplitN(line, " ", 4)
	if len(fields) != 4 || fields[0] != "message" {
		return message{}, fmt.Errorf("the room server says %q", line)
	}
	n, err := strconv.Atoi(fields[1])
	if err != nil || n < 1 {
		return message{}, fmt.Errorf("the room server says %q", line)
	}
	return message{n, fields[2], fields[3]}, nil
}

// log is the newest messages of a room, up to logLength, without a gap. It is never changed: add makes another one.
type log struct {
	messages []message
}

const logLength = 100

func (l log) add(m message) log {
	if m.number != l.last()+1 {
		return log{[]message{m}} // more were missed than the room server keeps
	}
	return log{append(slices.Clone(l.messages[max(0, len(l.messages)+1-logLength):]), m)}
}

// last returns the number of the newest message.
func (l log) last() int {
	if len(l.messages) == 0 {
		return 0
	}
	return l.messages[len(l.messages)-1].number
}

// after returns the messages after number n, and how many there were that are not in the log any more.
func (l log) after(n int) (messages []message, missed int) {
	if l.last() <= n {
		return nil, 0
	}
	first := l.messages[0].number
	if n+1 < first {
		return l.messages, first - n - 1
	}
	return l.messages[n+1-first:], 0
}

// isName reports whether s can be the name of a member or a room.
func isName(s string) bool {
	return s != "" && len(s) <= 16 && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) < 0
}

// printable takes out what could play tricks on a terminal.
func printable(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, s))
}
