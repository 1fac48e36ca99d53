package main

// story.go owns the teller: it starts the servers, goes through the chapters in order, prints what they say, and holds every count
// against what it must be, on the room server's side too. The first one that is off ends the story: after that no helper waits or
// prints any more.

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/weir-go/weir"
)

// storyPace is fast, but leaves a busy machine time.
var storyPace = pace{delay: 400 * time.Millisecond, retry: 20 * time.Millisecond}

// patience is how long something may take to become what it must be. It is used up only when something is wrong.
const patience = 10 * time.Second

type story struct {
	*stack
	out    io.Writer
	pace   pace
	guests []*guest // all that came
	err    error    // what was off first

	goroutines int // before anything was started
}

// tellStory runs the story and returns an error that says what was off. What plant makes of the chat's dial function is used in its
// place, for a test that wants to see a wrong chat found out; it may be nil.
func tellStory(out io.Writer, p pace, plant func(dialFunc) dialFunc) (err error) {
	begin := time.Now()
	st := &story{out: out, pace: p, goroutines: runtime.NumGoroutine()}
	st.stack, err = newStack(loopback, p, plant)
	if err != nil {
		return err
	}
	defer func() { // for a story that ended early; the last chapter has done all this
		for _, g := range st.guests {
			g.hangUp()
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		st.stop(ctx)
	}()
	st.print("room server  %s\n", st.hub.addr)
	st.print("chat         %s  a room that everybody has left is dropped after %v\n", st.addr, p.delay)
	for i, c := range chapters {
		st.print("\n%d. %s\n", i+1, c.title)
		c.tell(st)
		if st.err != nil {
			return fmt.Errorf("chapter %d, %s: %w", i+1, c.title, st.err)
		}
	}
	st.print("\nevery count is what it must be (%.1f s)\n", time.Since(begin).Seconds())
	return nil
}

func (st *story) print(format string, args ...any) {
	if st.err == nil {
		fmt.Fprintf(st.out, format, args...)
	}
}

// say prints a line of the chapter.
func (st *story) say(format string, args ...any) { st.print("   "+format+"\n", args...) }

// fail ends the story, unless it has ended.
func (st *story) fail(format string, args ...any) {
	if st.err == nil {
		st.err = fmt.Errorf(format, args...)
	}
}

// ---- counts

type count struct {
	tally *tally
	room  string
	what  event
}

// up and own are counts of the room server and of the chat.
func (st *story) up(room string, what event) count  { return count{st.hub.tally, room, what} }
func (st *story) own(room string, what event) count { return count{st.chat.tally, room, what} }

func (st *story) get(c count) int { return c.tally.get(c.room, c.what) }

func (st *story) compare(c count, want int) (string, bool) {
	got := st.get(c)
	return fmt.Sprintf("%s's %s of %s: %d, want %d", c.tally.owner, c.what, c.room, got, want), got == want
}

// is checks that c is want now.
func (st *story) is(c count, want int) {
	if text, ok := st.compare(c, want); !ok {
		st.fail("%s", text)
	}
}

// becomes waits until c is want. What was sent arrives when it does, so there is no other way to know that it has.
func (st *story) becomes(c count, want int) {
	st.until(func() (string, bool) { return st.compare(c, want) })
}

// until asks ok again and again, for as long as patience lasts. It says how things are, and whether that is as it must be.
func (st *story) until(ok func() (is string, good bool)) {
	for end := time.Now().Add(patience); st.err == nil; time.Sleep(time.Millisecond) {
		is, good := ok()
		if good {
			return
		}
		if time.Now().After(end) {
			st.fail("%s, after %v", is, patience)
		}
	}
}

// ---- guests

// come has guests of these names come in and join a room, one after the other, and returns when each has seen all of them there, and
// the room server.
func (st *story) come(room string, names ...string) []*guest {
	var all []*guest
	for _, name := range names {
		if st.err != nil {
			break
		}
		g, err := come(st.addr, name)
		if err != nil {
			st.fail("%s: %w", name, err)
			break
		}
		st.guests = append(st.guests, g)
		all = append(all, g)
		st.types(g, "/join %s", room)
		st.company(g, room+": "+strings.Join(slices.Sorted(slices.Values(names[:len(all)])), ", "))
	}
	for _, g := range all {
		st.company(g, room+": "+strings.Join(slices.Sorted(slices.Values(names)), ", "))
	}
	st.until(func() (string, bool) {
		return "no subscription to " + room, weir.Read(st.chat.container, st.chat.rooms.Of(room)).HasValue()
	})
	return all
}

func (st *story) types(g *guest, format string, args ...any) {
	if err := g.types(format, args...); err != nil {
		st.fail("%s: %w", g.name, err)
	}
}

// company waits until g was told that these are in the room.
func (st *story) company(g *guest, want string) {
	st.until(func() (string, bool) {
		got := g.company()
		return fmt.Sprintf("%s sees in %q, want %q", g.name, got, want), got == want
	})
}

// hears waits until g has heard n messages, and returns them.
func (st *story) hears(g *guest, n int) []string {
	var got []string
	st.until(func() (string, bool) {
		got = g.messages()
		return fmt.Sprintf("%s has heard %d messages, want %d", g.name, len(got), n), len(got) >= n
	})
	if len(got) > n {
		st.fail("%s has heard %d messages, want %d", g.name, len(got), n)
	}
	return got
}

// told waits until the chat has told g so.
func (st *story) told(g *guest, want string) {
	st.until(func() (string, bool) {
		got := g.notices()
		return fmt.Sprintf("%s was told %q, and not %q", g.name, got, want), slices.Contains(got, "* "+want)
	})
}
