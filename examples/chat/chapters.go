package main

// chapters.go owns what happens, chapter by chapter. Each has rooms and guests of its own, so its counts start at nothing.

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"
)

var chapters = []struct {
	title string
	tell  func(*story)
}{
	{"three members of one room", shared},
	{"20 rooms at a time", manyRooms},
	{"everybody is away", away},
	{"one is away for too long", awayForLong},
	{"the last one leaves, and comes back in time", leftBriefly},
	{"the last one hangs up, and nobody comes in time", leftForLong},
	{"the room server hangs up", hungUp},
	{"shutdown with members", shutdown},
}

func shared(st *story) {
	const each = 20
	all := st.come("tea", "alice", "bob", "carol")
	for i := range each {
		for _, g := range all {
			st.types(g, "line %d", i+1)
		}
	}
	var heard [][]string
	for _, g := range all {
		heard = append(heard, st.hears(g, each*len(all)))
	}
	if st.err != nil {
		return
	}
	for i, g := range all {
		if !slices.Equal(heard[i], heard[0]) {
			st.fail("%s has heard something else than %s", g.name, all[0].name)
		}
		own := slices.DeleteFunc(slices.Clone(heard[0]), func(line string) bool { return !strings.HasPrefix(line, g.name+": ") })
		for n, line := range own {
			if want := fmt.Sprintf("%s: line %d", g.name, n+1); line != want {
				st.fail("heard %q, want %q", line, want)
			}
		}
	}
	st.is(st.up("tea", subscribed), 1)
	st.is(st.up("tea", posted), each*len(all))
	st.is(st.up("tea", sent), each*len(all))
	st.is(st.own("tea", built), 1)
	st.say("all heard the same %d messages in one order; subscriptions: %d, messages sent to the chat: %d", len(heard[0]),
		st.get(st.up("tea", subscribed)), st.get(st.up("tea", sent)))
}

func manyRooms(st *story) {
	const rooms, each = 20, 5
	pairs := make(map[string][]*guest)
	for i := range rooms {
		room := fmt.Sprintf("room%d", i)
		pairs[room] = st.come(room, fmt.Sprintf("first%d", i), fmt.Sprintf("second%d", i))
	}
	for range each {
		for room, pair := range pairs {
			for _, g := range pair {
				st.types(g, "said in %s", room)
			}
		}
	}
	for room, pair := range pairs {
		for _, g := range pair {
			for _, line := range st.hears(g, 2*each) {
				if !strings.HasSuffix(line, ": said in "+room) {
					st.fail("%s in %s has heard %q", g.name, room, line)
				}
			}
		}
		st.is(st.up(room, subscribed), 1)
		st.is(st.up(room, sent), 2*each)
	}
	st.say("nothing was heard in another room; %d subscriptions for %d members", rooms, 2*rooms)
}

// away: who is away keeps the room, and does not keep it busy. However long they are: nothing is dropped.
func away(st *story) {
	const missed = 7
	all := st.come("garden", "dora", "erik")
	for _, g := range all {
		st.is(st.up("garden", paused), 0)
		st.types(g, "/away")
		st.told(g, "you are away")
	}
	st.becomes(st.up("garden", paused), 1)
	for i := range missed {
		st.hub.post("garden", "somebody", fmt.Sprintf("news %d", i+1))
	}
	begin := time.Now()
	st.until(func() (string, bool) { return "", time.Since(begin) > 2*st.pace.delay })
	st.is(st.up("garden", sent), 0)
	st.is(st.up("garden", unsubscribed), 0)
	st.types(all[0], "/back")
	heard := st.hears(all[0], missed)
	if st.err == nil && heard[missed-1] != "somebody: news 7" {
		st.fail("heard %q", heard)
	}
	st.hears(all[1], 0)
	st.company(all[0], "garden: dora, erik (away)")
	st.is(st.up("garden", resumed), 1)
	st.is(st.up("garden", subscribed), 1)
	st.is(st.own("garden", onCancel), 1)
	st.is(st.own("garden", onResume), 1)
	st.say("paused when the second went, kept for %v, resumed when the first was back, who heard all %d; subscriptions: %d",
		2*st.pace.delay, missed, st.get(st.up("garden", subscribed)))
}

func awayForLong(st *story) {
	const said, missed = 150, 150 - logLength
	all := st.come("market", "fay", "gus")
	st.types(all[0], "/away")
	st.told(all[0], "you are away")
	for i := range said {
		st.types(all[1], "offer %d", i+1)
		st.hears(all[1], i+1)
	}
	st.is(st.up("market", paused), 0)
	st.types(all[0], "/back")
	heard := st.hears(all[0], said-missed)
	st.told(all[0], fmt.Sprintf("%d messages missed", missed))
	if st.err == nil && heard[0] != fmt.Sprintf("gus: offer %d", missed+1) {
		st.fail("fay heard first %q", heard[0])
	}
	st.is(st.up("market", sent), said)
	st.say("who was there heard all %d; who was away the last %d, and that %d were missed", said, said-missed, missed)
}

// leftBriefly is the one chapter in which something has to be done in time: the member must be back before the delay is over. On a
// machine too busy for that it shows nothing, so it tries again in another room.
func leftBriefly(st *story) {
	const missed = 3
	for i := range 5 {
		room := fmt.Sprintf("hall%d", i)
		g := st.come(room, fmt.Sprintf("hugo%d", i))[0]
		begin := time.Now()
		st.types(g, "/leave")
		st.becomes(st.up(room, paused), 1)
		for range missed {
			st.hub.post(room, "somebody", "hello")
		}
		st.is(st.up(room, sent), 0)
		st.types(g, "/join %s", room)
		st.hears(g, missed)
		if st.err == nil && time.Since(begin) >= st.pace.delay {
			continue
		}
		st.is(st.up(room, resumed), 1)
		st.is(st.up(room, subscribed), 1)
		st.is(st.up(room, unsubscribed), 0)
		st.is(st.up(room, sent), missed)
		st.is(st.own(room, built), 1)
		st.say("paused and resumed, on the same connection; sent meanwhile: 0, then: %d; subscriptions: %d", missed, st.get(st.up(room, subscribed)))
		return
	}
	st.fail("nobody was back within %v: this machine is too busy", st.pace.delay)
}

func leftForLong(st *story) {
	all := st.come("attic", "ines", "jan")
	st.types(all[0], "before")
	st.hears(all[1], 1)
	all[0].hangUp()
	st.company(all[1], "attic: jan")
	st.is(st.up("attic", paused), 0)
	begin := time.Now()
	all[1].hangUp()
	st.becomes(st.up("attic", unsubscribed), 1)
	took := time.Since(begin)
	if took < st.pace.delay {
		st.fail("the subscription ended after %v, want %v at least", took, st.pace.delay)
	}
	st.is(st.up("attic", paused), 1)
	st.is(st.own("attic", disposed), 1)
	st.hub.post("attic", "somebody", "anybody there?")
	st.is(st.up("attic", sent), 1)

	g := st.come("attic", "kim")[0]
	if heard := st.hears(g, 2); st.err == nil && !slices.Equal(heard, []string{"ines: before", "somebody: anybody there?"}) {
		st.fail("kim heard %q", heard)
	}
	st.is(st.up("attic", subscribed), 2)
	st.is(st.up("attic", resumed), 0)
	st.is(st.own("attic", built), 2)
	st.say("paused, cancelled after %v, and subscribed anew for the next; subscriptions: %d", took.Round(10*time.Millisecond), st.get(st.up("attic", subscribed)))
}

func hungUp(st *story) {
	all := st.come("cellar", "lena", "max")
	st.types(all[0], "one")
	st.hears(all[1], 1)
	st.hub.dropAll()
	st.hub.post("cellar", "somebody", "two")
	st.becomes(st.up("cellar", subscribed), 2)
	for _, g := range all {
		if heard := st.hears(g, 2); st.err == nil && !slices.Equal(heard, []string{"lena: one", "somebody: two"}) {
			st.fail("%s heard %q", g.name, heard)
		}
	}
	st.types(all[1], "three")
	for _, g := range all {
		st.hears(g, 3)
	}
	st.is(st.up("cellar", subscribed), 2)
	st.is(st.up("cellar", sent), 3)
	st.say("subscribed again, once for both members, who heard each message once; subscriptions: %d", st.get(st.up("cellar", subscribed)))
}

func shutdown(st *story) {
	all := st.come("terrace", "nina", "otto")
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := st.stop(ctx); err != nil {
		st.fail("shutdown: %w", err)
	}
	for _, g := range all {
		st.told(g, "the chat is closed")
	}
	for _, g := range st.guests { // those of the chapters before are there still
		select {
		case <-g.done:
			g.conn.Close()
		case <-ctx.Done():
			st.fail("%s is still connected", g.name)
		}
	}
	rooms := 0
	for room := range st.hub.rooms {
		if st.get(st.up(room, subscribed)) != st.get(st.up(room, unsubscribed)) || st.get(st.own(room, built)) != st.get(st.own(room, disposed)) {
			st.fail("%s: %d subscriptions, %d ends", room, st.get(st.up(room, subscribed)), st.get(st.up(room, unsubscribed)))
		}
		rooms++
	}
	st.until(func() (string, bool) {
		// Closed connections take a moment to let go of theirs.
		now := runtime.NumGoroutine()
		return fmt.Sprintf("goroutines left: %d, before: %d", now, st.goroutines), now <= st.goroutines
	})
	st.say("all members were told, all subscriptions of %d rooms ended; goroutines left over: 0", rooms)
}
