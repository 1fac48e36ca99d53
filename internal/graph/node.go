package graph

// This file owns Node: phase, flags, counts, and what a reader without the lock must know.
// It changes no edges.

import "sync/atomic"

// Phase says how far a node's life has come. Whether a built node is active or on
// standby follows from its counts and is not kept twice.
type Phase uint8

const (
	// Absent: no value. Next: Building, or Built for a node with [InFlight].
	Absent Phase = iota
	// Building: a synchronous build function is running. Next: Built, Absent.
	Building
	// Built: there is a value (or a kept failure). Next: Building, Absent.
	Built
)

// Flags are facts about a node, and membership in the lists of its queue.
type Flags uint32

const (
	// Pending: something that the node depends on may have changed.
	Pending Flags = 1 << iota
	// Dirty: something did change, or the build was ended by hand.
	Dirty
	// InFlight: an asynchronous build is running. It has a value all the while.
	InFlight
	// Life: the build owns a context, hooks or links, so that its end must be told.
	Life
	// Usage: the host wants OnDuty and OffDuty.
	Usage
	// Joins: the host wants Added and Removed.
	Joins
	// Owner: subscriptions count as long as this node counts: the host wants On and Off.
	Owner
	// Blocked: the hooks of the last build have not returned: no build may start.
	Blocked
	// Over: the synchronous build in progress was ended.
	Over
	// Mixed: the synchronous build in progress saw values of different moments.
	Mixed
	// Auto: to be disposed when unused, so that reads on standby must be noted.
	Auto
	// Observed: every change must be delivered, and the host wants Added and Removed for good.
	Observed
	// Weak: there are weak listeners, so a change must be delivered although nobody counts.
	Weak

	wavering // its builds watch now this, now that: the next one need not be expected to do what the last did
	queued   // in Queue.stale
	changed  // in Queue.changed
	failed   // its value is a kept panic: never to be read without the lock
	owed     // a listener came back while it was stale: it is delivered when it is fresh, though it be no change
)

// Stale is what keeps a node from being read as it is.
const Stale = Pending | Dirty

// Event tells a host what has happened to its node's counts. Hosts are told under the
// lock and only note it down.
type Event uint8

const (
	OffDuty Event = iota // active went 1 -> 0
	OnDuty               // active went 0 -> 1
	Removed              // a listener or dependent has left
	Added                // a dependent started to watch
	Unused               // the last user of any sort left
	Off                  // neither active nor building any more
	On                   // active or building again
	Queued               // in a list of its queue
	Wake                 // stale, and builds wait for a result: they may be what its turn waits for
)

// Host is the element around a node.
type Host interface{ NodeEvent(ev Event) }

// Kind says what of a dependency an edge hears.
type Kind uint8

const (
	Value    Kind = iota // every change of the value
	Settled              // changes of the settled result (Await)
	Filtered             // what a selection lets through
	Waiting              // nothing yet: an Await that waits; it becomes Settled
)

// Sel is the filter of an edge: Changed reports whether what it lets through of the
// dependency is different from what the dependent saw. It runs user code.
type Sel struct{ Changed func() bool }

type dep struct {
	src  *Node
	sel  *Sel   // of a Filtered edge
	out  uint32 // where in src.outs this edge is
	kind Kind
	kept bool // the parked twin of an edge made again: its going is not told
	mute bool // nobody was told when it was made
}

type out struct {
	dst  *Node
	in   uint32 // where in dst.deps this edge is
	kind Kind
}

// Node is one vertex. All fields but those that are atomic are guarded by the lock of the
// graph's owner.
type Node struct {
	Word  atomic.Uint64 // see [Readable]
	phase Phase
	flags Flags
	plan  atomic.Pointer[plan]

	Host  Host
	Queue *Queue

	deps []dep // [0,cursor) made again, [cursor,old) of the last build, [old,) new
	outs []out

	cursor, old, marked int32 // cursor: of a running synchronous build only after freeze
	subs                int32 // listeners that are not dependents, paused ones included
	active              int32 // users that are not paused
	waiters             int32 // Awaits that wait: they want it fresh, and count as dependents already
	serial              uint32

	at        uint64        // the epoch at which all that the value was made from was current
	changedAt uint64        // the epoch since which the value is what it is
	settledAt uint64        // the same for the settled result of an async value
	passed    uint64        // if it is stale: a dependent was written since, which knows of the changes up to this epoch; or 0
	mark      atomic.Uint64 // the newest build that has watched this node, as far as it is known
}

// Phase returns the node's phase.
func (n *Node) Phase() Phase { return n.phase }

// Has reports whether any of fs is set.
func (n *Node) Has(fs Flags) bool { return n.flags&fs != 0 }

// Set sets fs. Staleness and list membership are the graph's to set.
func (n *Node) Set(fs Flags) { n.flags |= fs }

// Unset clears fs.
func (n *Node) Unset(fs Flags) { n.flags &^= fs }

// Fresh reports whether the value is current.
func (n *Node) Fresh() bool { return n.phase == Built && n.flags&Stale == 0 }

// Active reports whether somebody who is not paused uses n (rule L1).
func (n *Node) Active() bool { return n.active > 0 }

// On reports whether n's own watches count as active: it is active, or its asynchronous
// build is in flight (rule L1). A synchronous build that nobody listens to has what it
// needs when its Watch returns; switching all that is upstream of it on and off again
// would make a read cost as much as the graph is large.
func (n *Node) On() bool { return n.active > 0 || n.flags&InFlight != 0 }

// Users counts listeners and dependents, paused ones included (rule L4).
func (n *Node) Users() int { return int(n.subs) + len(n.outs) }

// ActiveUsers counts the users that are not paused.
func (n *Node) ActiveUsers() int { return int(n.active) }

// At is the epoch at which all that the value was made from was current.
func (n *Node) At() uint64 { return n.at }

// Deps calls yield for each dependency of the latest build, in recorded order.
func (n *Node) Deps(yield func(*Node) bool) {
	for i := range n.deps {
		if !n.parked(i) && !yield(n.deps[i].src) {
			return
		}
	}
}

// AllDeps is Deps with the parked ones.
func (n *Node) AllDeps(yield func(*Node) bool) {
	for i := range n.deps {
		if !yield(n.deps[i].src) {
			return
		}
	}
}

// Dependents calls yield for each dependent.
func (n *Node) Dependents(yield func(*Node) bool) {
	for i := range n.outs {
		if !yield(n.outs[i].dst) {
			return
		}
	}
}

// parked reports whether edge i belongs to the build before the one that is in flight: it
// goes on counting, but delivers nothing (rule P8).
func (n *Node) parked(i int) bool {
	return n.flags&InFlight != 0 && n.unmatched(i)
}

// unmatched reports whether edge i of a running build belongs to the build before. A
// synchronous build must be frozen.
func (n *Node) unmatched(i int) bool { return i >= int(n.cursor) && i < int(n.old) }
