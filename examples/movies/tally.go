package main

// tally.go owns the counters. Each server keeps one tally of what happened to each page; the story is told, and checked, from
// them alone. A server counts an event before anyone else can see its effect, so a client with an answer finds it counted.

import (
	"maps"
	"sync"
)

// event is something that happens to a page and is counted.
type event string

const (
	requested event = "requests" // a client asked (both servers)
	answered  event = "answered" // and got the page (both servers)
	left      event = "left"     // and went away before it had an answer (both servers)

	// The rest are the service's. The last three are hooks of the build and carry their names.
	refused  event = "errors"     // a client asked and got an error
	built    event = "builds"     // a fetch from the upstream began
	cutOff   event = "cut_off"    // a fetch returned after its context had been cancelled
	onCancel event = "on_cancel"  // the last listener left; the fetch goes on
	onResume event = "on_resume"  // one is back in time
	disposed event = "on_dispose" // the build is over
)

type tally struct {
	server string // for messages: whose counts these are

	mu     sync.Mutex
	counts map[int]map[event]int      // guarded by mu
	log    func(page int, what event) // guarded by mu, called without it
}

func newTally(server string) *tally {
	return &tally{server: server, counts: make(map[int]map[event]int)}
}

func (t *tally) add(page int, what event) {
	t.mu.Lock()
	of := t.counts[page]
	if of == nil {
		of = make(map[event]int)
		t.counts[page] = of
	}
	of[what]++
	log := t.log
	t.mu.Unlock()
	if log != nil {
		log(page, what)
	}
}

// logTo has log called for each event from now on.
func (t *tally) logTo(log func(page int, what event)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.log = log
}

func (t *tally) get(page int, what event) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts[page][what]
}

// all returns a copy of everything counted so far.
func (t *tally) all() map[int]map[event]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	copied := make(map[int]map[event]int, len(t.counts))
	for page, of := range t.counts {
		copied[page] = maps.Clone(of)
	}
	return copied
}
