package graph

// This file owns Queue, the lists of a turn, and who is put in them. It changes no edges.

import "sync/atomic"

// Queue lists what a container has to deliver. Lists are kept first-in first-out.
type Queue struct {
	stale   List[*Node]
	changed List[*Node]
	news    atomic.Bool
	Tell    bool // the host wants Queued
}

// News reports, without the lock, whether a node has become stale and wanted since the
// last call of NextStale.
func (q *Queue) News() bool { return q.news.Load() }

// Work reports whether anything is queued.
func (q *Queue) Work() bool { return q.stale.Len() > 0 || q.changed.Len() > 0 }

// Changed reports how many nodes have listeners with something to hear.
func (q *Queue) Changed() int { return q.changed.Len() }

// Stale reports how many nodes wait to be brought up to date.
func (q *Queue) Stale() int { return q.stale.Len() }

// NextStale takes the next node that is stale and may be wanted, or returns nil.
func (q *Queue) NextStale() *Node {
	n := q.stale.Pop()
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
	n := q.changed.Pop()
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

// DeliverOnceFresh is Deliver for a listener that was away: if n is about to be brought up
// to date it waits for that, for until then what there is may be outdated.
func (n *Node) DeliverOnceFresh() {
	if n.phase == Building || n.flags&Stale != 0 && n.flags&InFlight == 0 && n.Wanted() {
		n.flags |= owed
		return
	}
	n.Deliver()
}

// deliverOwed delivers n, which has become fresh as it is, if that is owed.
func (n *Node) deliverOwed() {
	if n.flags&owed != 0 {
		n.flags &^= owed
		n.Deliver()
	}
}

// Deliver queues n for its listeners, if it has any.
func (n *Node) Deliver() {
	if n.flags&changed == 0 && (n.subs > 0 || n.flags&(Weak|Observed) != 0) {
		n.flags |= changed
		n.Queue.changed.Push(n)
		if n.Queue.Tell {
			n.Host.NodeEvent(Queued)
		}
	}
}

// Undelivered reports whether listeners of n have something to hear.
func (n *Node) Undelivered() bool { return n.flags&changed != 0 }

// Want queues n to be brought up to date, if it is stale and somebody waits for that: a
// listener, or its own build in flight, which may be over. Mostly nobody does, and to be called
// for that would cost as much as the marking of a node: hence two functions.
func (n *Node) Want() {
	if n.subs|n.waiters != 0 || n.flags&InFlight != 0 {
		n.want()
	}
}

// want is Want of a node that somebody may wait for.
func (n *Node) want() {
	if n.flags&Stale == 0 {
		return
	}
	if n.waiters > 0 { // also if it is queued already: the turn may be what waits
		n.Host.NodeEvent(Wake)
	}
	if n.flags&queued == 0 && n.Wanted() {
		n.flags |= queued
		n.Queue.stale.Push(n)
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

// List is a queue that reuses its memory once it has run empty.
type List[T any] struct {
	items []T
	head  int
}

// Len reports how many items there are.
func (l *List[T]) Len() int { return len(l.items) - l.head }

// Push adds v at the end.
func (l *List[T]) Push(v T) { l.items = append(l.items, v) }

// Pop takes the first item; of an empty list it returns zero.
func (l *List[T]) Pop() (v T) {
	if l.head == len(l.items) {
		return v
	}
	var zero T
	v, l.items[l.head] = l.items[l.head], zero
	if l.head++; l.head == len(l.items) {
		if l.items, l.head = l.items[:0], 0; cap(l.items) > 1024 {
			l.items = nil
		}
	} else if l.head >= 1024 && l.head*2 >= len(l.items) { // a list that never runs empty must not grow for ever
		k := copy(l.items, l.items[l.head:])
		clear(l.items[k:])
		l.items, l.head = l.items[:k], 0
	}
	return v
}

// All calls yield for each item, first to last.
func (l *List[T]) All(yield func(T) bool) {
	for _, v := range l.items[l.head:] {
		if !yield(v) {
			return
		}
	}
}
