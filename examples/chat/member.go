package main

// member.go owns the conversation with one member, over a connection that may be nc: one goroutine that reads what they type, and
// one that does it and shows them what is new in their room.

import (
	"bufio"
	"context"
	"net"
	"strings"

	"github.com/weir-go/weir"
)

// history is how many of the last messages a newcomer to a room is shown.
const history = 10

const help = "/join ROOM, /leave, /away, /back, /who, /quit; all else is said to the room"

type member struct {
	chat *chat
	conn net.Conn
	name string

	// Where they are. The subscriptions are what keeps the room: no function to call, as this goroutine takes what is new when it
	// has time (Changed), and a member who does not read holds up neither the room nor the others.
	room    string
	log     *weir.Subscription[weir.AsyncValue[log]]
	here    *weir.Subscription[string]
	away    bool
	fresh   bool // has not been shown anything of this room
	seen    int  // the number of the last message that they were shown
	trouble bool // has been told that the room server is away
	err     error
}

// talk has the conversation, until the member or the chat ends it.
func (c *chat) talk(conn net.Conn) {
	defer conn.Close()
	m := &member{chat: c, conn: conn}
	lines := make(chan string)
	ctx, over := context.WithCancel(c.container.Context())
	defer over()
	go func() {
		defer close(lines)
		typed := bufio.NewScanner(conn) // a line of 64 KiB is none
		for typed.Scan() {
			select {
			case lines <- printable(typed.Text()):
			case <-ctx.Done():
				return
			}
		}
	}()
	m.tell("* what is your name?")
	defer m.exit()
	for m.err == nil {
		var news, faces <-chan struct{} // nil, and never ready, outside of a room
		if m.room != "" {
			news, faces = m.log.Changed(), m.here.Changed()
		}
		select {
		case line, ok := <-lines:
			if !ok || line == "/quit" {
				return
			}
			m.do(line)
		case <-news:
			m.show()
		case <-faces:
			m.tell("* in %s: %s", m.room, m.here.Read())
		case <-ctx.Done():
			m.tell("* the chat is closed")
			return
		}
	}
}

// tell writes the member a line.
func (m *member) tell(format string, args ...any) {
	if m.err == nil {
		m.err = say(m.conn, format, args...)
	}
}

func (m *member) do(line string) {
	command, name, _ := strings.Cut(line, " ")
	switch {
	case line == "":
	case m.name == "":
		m.enter(line)
	case command == "/join" && isName(name):
		m.leave()
		m.join(name)
	case !strings.HasPrefix(line, "/") && m.room != "":
		if err := m.chat.rooms.Of(m.room).Notifier(m.chat.container).Say(m.name, line); err != nil {
			m.tell("* not said: %v", err)
		}
	case line == "/leave" && m.room != "":
		m.leave()
		m.tell("* you are in no room")
	case line == "/away" && m.room != "" && !m.away:
		m.away = true
		m.log.Pause()
		m.here.Pause()
		m.chat.sit(m.name, seat{m.room, true})
		m.tell("* you are away")
	case line == "/back" && m.away:
		m.away = false
		m.chat.sit(m.name, seat{m.room, false})
		m.here.Resume()
		m.log.Resume()
		m.tell("* you are back")
	case line == "/who" && m.room != "":
		m.tell("* in %s: %s", m.room, weir.Read(m.chat.container, m.chat.here(m.room)))
	default:
		m.tell("* %s", help)
	}
}

func (m *member) enter(name string) {
	switch {
	case !isName(name):
		m.tell("* a name has up to 16 letters and digits")
	case !m.chat.enter(name):
		m.tell("* %s is here already; what is your name?", name)
	default:
		m.name = name
		m.tell("* hello %s: %s", name, help)
	}
}

// join makes the member a listener of the room: if it is the first, the room is built, which subscribes at the room server.
func (m *member) join(name string) {
	m.room, m.fresh, m.seen, m.trouble = name, true, 0, false
	m.chat.sit(m.name, seat{room: name})
	m.log = weir.Listen(m.chat.container, m.chat.rooms.Of(name), nil)
	m.here = weir.Listen(m.chat.container, m.chat.here(name), nil)
	m.tell("* in %s: %s", name, m.here.Read())
	m.show()
}

func (m *member) leave() {
	if m.room == "" {
		return
	}
	m.log.Close()
	m.here.Close()
	m.room, m.away = "", false
	m.chat.sit(m.name, seat{})
}

func (m *member) exit() {
	if m.name != "" {
		m.leave()
		m.chat.exit(m.name)
	}
}

// show tells the member what they have not seen of the room.
func (m *member) show() {
	v := m.log.Read()
	if v.HasError() && !m.trouble {
		m.tell("* %v; trying again", errAway)
	}
	m.trouble = v.HasError()
	l, ok := v.Value()
	if !ok {
		return // the first connection is on its way
	}
	if m.fresh {
		m.fresh, m.seen = false, max(0, l.last()-history, l.last()-len(l.messages))
	}
	messages, missed := l.after(m.seen)
	if missed > 0 {
		m.tell("* %d messages missed", missed)
	}
	for _, one := range messages {
		m.tell("%s: %s", printable(one.from), printable(one.text))
	}
	m.seen = l.last()
}
