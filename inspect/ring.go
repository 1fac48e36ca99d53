package inspect

// This file owns the ring of the last events. Nothing is called while its lock is held.

import (
	"sync"
	"time"

	"github.com/weir-go/weir"
)

type eventKind string

const (
	eventAdded     eventKind = "added"
	eventBuild     eventKind = "build"
	eventBuilt     eventKind = "built"
	eventChanged   eventKind = "changed"
	eventFailed    eventKind = "failed"
	eventCancelled eventKind = "cancelled"
	eventResumed   eventKind = "resumed"
	eventDisposed  eventKind = "disposed"
	eventStorage   eventKind = "storage"
	eventClosed    eventKind = "closed"
	eventMutation  eventKind = "mutation"
	eventMutated   eventKind = "mutated"
)

// event is what is kept of one.
type event struct {
	seq            uint64 // from 1
	kind           eventKind
	at             time.Time
	id, box        id
	name, declared string
	generation     uint64
	reason         weir.BuildReason
	took           time.Duration
	cause, err     string
	value          string
	changed        []dependency // of a build: what had changed when it began
	more           int          // of these, not kept
}

// dependency is a provider without holding it. Which container had its element is seen when
// it is asked for, for an event does not tell.
type dependency struct {
	provider id
	name     string
}

// ring holds the last size events.
type ring struct {
	size int

	mu     sync.Mutex
	events []event // grows to size, then seq%size
	seq    uint64  // of the newest
}

func (r *ring) add(x event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seq++
	x.seq = r.seq
	if len(r.events) < r.size {
		r.events = append(r.events, x)
		return
	}
	r.events[(r.seq-1)%uint64(r.size)] = x
}

// since returns up to limit events after seq, oldest first, and how many after seq are gone.
func (r *ring) since(seq uint64, limit int) (events []event, missed uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if seq > r.seq {
		seq = 0 // of another life of the program
	}
	if first := r.seq - uint64(len(r.events)); seq < first {
		missed, seq = first-seq, first
	}
	n := min(r.seq-seq, uint64(limit))
	events = make([]event, 0, n)
	for s := seq; s < seq+n; s++ {
		events = append(events, r.events[s%uint64(r.size)])
	}
	return events, missed
}

// newest is the sequence number of the newest event.
func (r *ring) newest() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seq
}

// eventJSON is an event as the page sees it.
type eventJSON struct {
	Seq        uint64    `json:"seq"`
	Kind       eventKind `json:"kind"`
	At         time.Time `json:"at"`
	ID         string    `json:"id,omitempty"`
	Container  string    `json:"container"`
	Name       string    `json:"name,omitempty"`
	Declared   string    `json:"declared,omitempty"`
	Generation uint64    `json:"generation,omitempty"`
	Reason     string    `json:"reason,omitempty"`
	TookMs     float64   `json:"tookMs,omitempty"`
	Cause      string    `json:"cause,omitempty"`
	Err        string    `json:"error,omitempty"`
	Value      string    `json:"value,omitempty"`
	Changed    []string  `json:"changed,omitempty"`     // names
	More       int       `json:"changedMore,omitempty"` // beside these
}

func (x *event) json() eventJSON {
	j := eventJSON{
		Seq: x.seq, Kind: x.kind, At: x.at, Container: x.box.String(), Name: x.name, Declared: x.declared,
		Generation: x.generation, TookMs: millis(x.took), Cause: x.cause, Err: x.err, Value: x.value, More: x.more,
	}
	if x.id != 0 {
		j.ID = x.id.String()
	}
	if x.kind == eventBuild || x.kind == eventBuilt {
		j.Reason = x.reason.String()
	}
	for _, d := range x.changed {
		j.Changed = append(j.Changed, d.name)
	}
	return j
}

func eventsJSON(events []event) []eventJSON {
	js := make([]eventJSON, len(events))
	for i := range events {
		js[i] = events[i].json()
	}
	return js
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
