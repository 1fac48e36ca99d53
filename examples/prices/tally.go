package main

// tally.go owns the counters. The feed server and the board keep one tally each of what happened to each share; the story is told,
// and checked, from them. An event is counted before anyone else can see its effect.

import (
	"maps"
	"sync"
)

// event is something that happens to the feed of a share and is counted.
type event string

const (
	// What the feed server sees.
	connected    event = "connections"
	paused       event = "pauses"
	resumed      event = "resumes"
	disconnected event = "disconnections"
	sent         event = "quotes sent"

	// What the board does: builds of a share's stream, and their hooks.
	built    event = "builds"
	onCancel event = "on cancel"  // the last viewer left; the feed is paused
	onResume event = "on resume"  // one is back in time
	disposed event = "on dispose" // the build is over; the feed is dropped
)

type tally struct {
	owner string // for messages: whose counts these are

	mu     sync.Mutex
	counts map[string]map[event]int        // guarded by mu; by symbol
	log    func(symbol string, what event) // guarded by mu, called without it
}

func newTally(owner string) *tally {
	return &tally{owner: owner, counts: make(map[string]map[event]int)}
}

func (t *tally) add(symbol string, what event, n int) {
	t.mu.Lock()
	if t.counts[symbol] == nil {
		t.counts[symbol] = make(map[event]int)
	}
	t.counts[symbol][what] += n
	log := t.log
	t.mu.Unlock()
	if log != nil {
		log(symbol, what)
	}
}

// logTo has log called for each event from now on.
func (t *tally) logTo(log func(symbol string, what event)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.log = log
}

func (t *tally) get(symbol string, what event) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts[symbol][what]
}

// of returns a copy of what was counted for a share so far.
func (t *tally) of(symbol string) map[event]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.counts[symbol])
}
