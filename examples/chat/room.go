package main

// room.go owns the part that is built with Weir: the rooms, each a subscription at the room server, and who is where. Nothing here
// counts members, starts, stops or shares a subscription: that follows from who listens.

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/weir-go/weir"
)

// dialFunc connects to the room server.
type dialFunc func(ctx context.Context) (net.Conn, error)

// pace holds the times of a chat.
type pace struct {
	delay time.Duration // how long the subscription of a room that everybody has left is kept, paused, in case somebody comes back
	retry time.Duration // how soon one that broke off is made again; from then on twice as long each time
}

// seat is where a member is, and roster all of them by name. A roster is never changed once it is a state.
type seat struct {
	room string
	away bool
}

type roster map[string]seat

// in names those who are in a room.
func (r roster) in(room string) string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(r)) {
		switch s := r[name]; {
		case s.room != room:
		case s.away:
			names = append(names, name+" (away)")
		default:
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

type chat struct {
	container *weir.Container
	tally     *tally
	dial      dialFunc

	rooms  *weir.Family[string, weir.StreamNotifierProvider[*room, log]]
	roster *weir.StateProvider[roster]
}

func newChat(dial dialFunc, p pace) *chat {
	c := &chat{container: weir.NewContainer(weir.WithDisposeDelay(p.delay)), tally: newTally("chat"), dial: dial}
	c.rooms = weir.NewFamily(func(name string) *weir.StreamNotifierProvider[*room, log] {
		return weir.NewStreamNotifierProvider(func() *room { return &room{chat: c, name: name} })
	},
		weir.Name("room"),
		weir.AutoDispose(), // when nobody listens: OnCancel at once, OnDispose after the container's delay
		weir.Retry(weir.Backoff(p.retry, 16*p.retry, math.MaxInt)),
	)
	c.roster = weir.NewStateProvider(func(weir.Ref) roster { return nil }, weir.Name("roster"))
	return c
}

// enter gives a newcomer a name, unless somebody has it.
func (c *chat) enter(name string) (entered bool) {
	c.roster.Update(c.container, func(r roster) roster { // atomic: of two who want a name, one gets it
		_, taken := r[name]
		if entered = !taken; taken {
			return r
		}
		return r.with(name, seat{})
	})
	return entered
}

func (c *chat) sit(name string, s seat) {
	c.roster.Update(c.container, func(r roster) roster { return r.with(name, s) })
}

func (c *chat) exit(name string) {
	c.roster.Update(c.container, func(r roster) roster {
		r = maps.Clone(r)
		delete(r, name)
		return r
	})
}

func (r roster) with(name string, s seat) roster {
	next := make(roster, len(r)+1)
	maps.Copy(next, r)
	next[name] = s
	return next
}

// here is who is in a room. It passes on only what changes there, whatever happens in the other rooms.
func (c *chat) here(room string) weir.Source[string] {
	return weir.Select(c.roster, func(r roster) string { return r.in(room) })
}

// room is the notifier of one room: a log as its state, which follows the room server, and Say to add to it.
type room struct {
	weir.StreamNotifier[log]
	chat *chat
	name string

	mu   sync.Mutex
	conn net.Conn // guarded by mu; of the newest build, or nil. Fields of a notifier need a lock of their own
}

var (
	errHungUp = errors.New("the room server hung up")
	errAway   = errors.New("the room server is away")
)

// Build makes the subscription and emits the log, again with each message. One run of it is one connection.
func (r *room) Build(ctx context.Context, ref weir.Ref, emit func(log) bool) error {
	r.chat.tally.add(r.name, built, 1)
	conn, err := r.chat.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	l, _ := r.State().Value() // of the connection before, if this is one more attempt: goes on from there
	say(conn, "subscribe %s %d", r.name, l.last())

	// Everybody left or is away: the subscription stays, and is silent. Somebody is back: it goes on. Nobody is, for the delay:
	// the build is over, and a Scan that waits for a line is to be woken. A member who is away has paused their own
	// subscription to the room, which keeps it without counting as a listener: then it waits, paused, for as long as it takes.
	ref.OnCancel(func() {
		r.chat.tally.add(r.name, onCancel, 1)
		say(conn, "pause")
	})
	ref.OnResume(func() {
		r.chat.tally.add(r.name, onResume, 1)
		say(conn, "resume")
	})
	ref.OnDispose(func() {
		r.chat.tally.add(r.name, disposed, 1)
		conn.Close()
	})
	r.use(conn)
	defer r.use(nil)

	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		if lines.Text() != "subscribed "+r.name {
			m, err := parseMessage(lines.Text())
			if err != nil {
				return err
			}
			l = l.add(m)
		}
		if !emit(l) {
			break
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	// Not the end that was asked for: Retry connects again, at once if somebody listens, else when somebody does.
	return errors.Join(errHungUp, lines.Err())
}

func (r *room) use(conn net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conn = conn
}

// Say posts a message. It comes back to all from the room server, to whom it was said as well.
func (r *room) Say(from, text string) error {
	r.mu.Lock()
	conn := r.conn
	r.mu.Unlock()
	if conn == nil {
		return errAway
	}
	return say(conn, "say %s %s", from, text)
}

// say writes one line. The lines of several goroutines do not mix.
func say(conn net.Conn, format string, args ...any) error {
	conn.SetWriteDeadline(time.Now().Add(writeTime))
	_, err := io.WriteString(conn, fmt.Sprintf(format, args...)+"\n")
	return err
}
