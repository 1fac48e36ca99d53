package graph

// This file owns Queue, the lists of a turn, and who is put in them. It changes no edges.

import "sync/atomic"

// Queue lists what a container has to deliver. Lists are kept first-in first-out.
type Queue struct {
	stale   fifo[*Node]
	changed fifo[*Node]
	news    atomic.Bool
	Tell    bool // the host wants Queued
}

// News reports, without the lock, whether a node has become stale and wanted since the
// last call of NextStale.
func (q *Queue) News() bool { return q.news.Load() }

// Work reports whether anything is queued.
func (q *Queue) Work() bool { return q.stale.len() > 0 || q.changed.len() > 0 }

// Changed reports how many nodes have listeners with something to hear.
func (q *Queue) Changed() int { return q.changed.len() }

// Stale reports how many nodes wait to be brought up to date.
func (q *Queue) Stale() int { return q.stale.len() }

// NextStale takes the next node that is stale and may be wanted, or returns nil.
func (q *Queue) NextStale() *Node {
	n := q.stale.pop()
	if n != nil {
		n.flags &^= queued
	}
	if q.news.Load() {
		q.news.Store(false)
	}
	return n
}

// NextChanged takes the next node whose listeners have something to hear, or returns nil.
func (q *Queue) NextChanged() *Node {
	n := q.changed.pop()
	if n != nil {
		n.flags &^= changed
	}
	return n
}

// Clear forgets everything.
func (q *Queue) Clear() {
	for q.NextStale() != nil {
	}
	for q.NextChanged() != nil {
	}
}

// Deliver queues n for its listeners, if it has any.
func (n *Node) Deliver() {
	if n.flags&changed == 0 && (n.subs > 0 || n.flags&(Weak|Observed) != 0) {
		n.flags |= changed
		n.Queue.changed.push(n)
		if n.Queue.Tell {
			n.Host.NodeEvent(Queued)
		}
	}
}

// Want queues n to be brought up to date, if it is stale and somebody waits for that: a
// listener, or its own build in flight, which may be over.
func (n *Node) Want() {
	if n.flags&Stale == 0 {
		return
	}
	if n.waiters > 0 { // also if it is queued already: the turn may be what waits
		n.Host.NodeEvent(Wake)
	}
	if n.flags&queued == 0 && n.Wanted() {
		n.flags |= queued
		n.Queue.stale.push(n)
		if n.Queue.Tell {
			n.Host.NodeEvent(Queued)
		}
		if !n.Queue.news.Load() {
			n.Queue.news.Store(true)
		}
	}
}

// Wanted reports whether a turn should bring n up to date when it is stale.
func (n *Node) Wanted() bool {
	return n.active > 0 && (n.subs > 0 || n.waiters > 0) || n.flags&InFlight != 0
}

// fifo is a list that reuses its memory once it has run empty.
type fifo[T any] struct {
	items []T
	head  int
}

func (f *fifo[T]) len() int { return len(f.items) - f.head }

func (f *fifo[T]) push(v T) { f.items = append(f.items, v) }

func (f *fifo[T]) pop() (v T) {
	if f.head == len(f.items) {
		return v
	}
	var zero T
	v, f.items[f.head] = f.items[f.head], zero
	if f.head++; f.head == len(f.items) {
		f.items, f.head = f.items[:0], 0
	} else if f.head >= 1024 && f.head*2 >= len(f.items) { // a list that never runs empty must not grow for ever
		k := copy(f.items, f.items[f.head:])
		clear(f.items[k:])
		f.items, f.head = f.items[:k], 0
	}
	return v
}
