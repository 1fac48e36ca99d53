package main

// tally.go owns the counters. The room server and the chat keep one tally each of what happened to each room; the story is told, and
// checked, from them. An event is counted before anyone else can see its effect.

import "sync"

// event is something that happens to a room and is counted.
type event string

const (
	// What the room server sees.
	subscribed   event = "subscriptions"
	paused       event = "pauses"
	resumed      event = "resumes"
	unsubscribed event = "ends of subscriptions"
	posted       event = "messages posted"
	sent         event = "messages sent"

	// What the chat does: builds of a room, and their hooks.
	built    event = "builds"
	onCancel event = "on cancel"  // the last member left or is away; the subscription is paused
	onResume event = "on resume"  // one is back in time
	disposed event = "on dispose" // the build is over; so is the subscription
)

type tally struct {
	owner string // for messages: whose counts these are

	mu     sync.Mutex
	counts map[string]map[event]int      // guarded by mu; by room
	log    func(room string, what event) // guarded by mu, called without it
}

func newTally(owner string) *tally {
	return &tally{owner: owner, counts: make(map[string]map[event]int)}
}

func (t *tally) add(room string, what event, n int) {
	t.mu.Lock()
	if t.counts[room] == nil {
		t.counts[room] = make(map[event]int)
	}
	t.counts[room][what] += n
	log := t.log
	t.mu.Unlock()
	if log != nil {
		log(room, what)
	}
}

// logTo has log called for each event from now on.
func (t *tally) logTo(log func(room string, what event)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.log = log
}

func (t *tally) get(room string, what event) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts[room][what]
}
