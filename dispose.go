package weir

// This file owns the OnDispose hooks of builds that are over: they run without the lock,
// on the goroutine that ended the build, and whatever one of them does the others run.

import (
	"errors"
	"sync"

	"github.com/weir-go/weir/internal/graph"
)

// ending is a build that is over and whose hooks have to be run.
type ending struct {
	e     *element
	life  *life
	gen   uint64
	why   error // nil: nothing is over, there is something to tell
	hooks []*hook
	joins []joined // to be told before it is over, which no turn will do
	next  *ending  // of the same call
}

// endingList is a list of ends in the order in which they were queued. It is linked through
// them, for most builds that end have nothing else that takes memory.
type endingList struct{ first, last *ending }

// add moves all of b, which is empty then, to the end of l.
func (l *endingList) add(b *endingList) {
	switch {
	case b.first == nil:
		return
	case l.first == nil:
		l.first = b.first
	default:
		l.last.next = b.first
	}
	l.last = b.last
	*b = endingList{}
}

// pop takes the first, which there is.
func (l *endingList) pop() {
	x := l.first
	l.first, x.next = x.next, nil // what has ended must not keep what ended after it
}

// queue has the end run once the lock is let go. Until then no build of e may start (rule
// L5). The lock is held.
func (x *ending) queue(a *after) {
	x.e.ending++
	x.e.Set(graph.Blocked)
	x.e.c.occupy()
	a.ends.add(&endingList{x, x})
}

// tellLeft has observers told who came and left since a turn has looked at e, which goes:
// no turn will do so again. Those who are there still leave with it. The lock is held.
func (e *element) tellLeft(a *after) {
	var joins []joined
	if e.rare != nil {
		joins, e.rare.joins = e.rare.joins, nil
	}
	if !e.observed() {
		return
	}
	for range e.Users() {
		joins = append(joins, joined{observers: true})
	}
	if len(joins) == 0 {
		return
	}
	for x := a.ends.first; x != nil; x = x.next {
		if x.e == e {
			x.joins = append(x.joins, joins...)
			return
		}
	}
	(&ending{e: e, life: &life{}, gen: e.newest, joins: joins}).queue(a)
}

// endings runs the ends of builds, one after the other, whatever their hooks do.
type endings struct {
	todo   endingList
	panics []hookPanic // to be reported when nothing is blocked any more: a handler may read
}

// hookPanic is what a hook of x has panicked with.
type hookPanic struct {
	c  *Container
	pe *PanicError
}

// run is a frame to be found on the stack: see [disposing].
//
//go:noinline
func (es *endings) run(a *after) {
	for x := es.todo.first; x != nil; x = x.next {
		if x.life.context.Context != nil {
			x.life.context.cancel(x.why)
		}
	}
	for es.todo.first != nil {
		es.step(a)
	}
	for _, x := range es.panics {
		x.c.report(x.pe, a)
		x.c.tree.mu.Lock()
		x.c.rest()
		x.c.tree.mu.Unlock()
	}
	es.panics = nil
}

// step runs hooks until all is done or one of them does not return.
func (es *endings) step(a *after) {
	var running *ending
	defer func() {
		if running == nil {
			return
		}
		r := recover()
		es.panics = append(es.panics, hookPanic{running.e.c, panicked(running.e.p, r)})
		if r == nil { // Goexit: this goroutine is done for, the rest goes on elsewhere
			rest := &endings{todo: es.todo, panics: es.panics}
			es.todo, es.panics = endingList{}, nil
			c := running.e.c // running itself must not be captured: it would take memory in each step
			go func() {
				c.begins()
				var a after
				rest.run(&a)
				c.tree.mu.Lock()
				c.done(&a) // for the call that did not get to it
			}()
			c.spawned()
		}
	}()
	for es.todo.first != nil {
		x := es.todo.first
		x.joined(a)
		for len(x.hooks) > 0 {
			h := x.hooks[len(x.hooks)-1]
			x.hooks = x.hooks[:len(x.hooks)-1]
			x.e.point()
			if h.removed.Load() {
				continue
			}
			running = x
			h.run(x.e.c, x.e.p)
			running = nil
		}
		if x.e.observed() {
			x.disposed(a)
		}
		es.todo.pop()
		x.e.ended(es.todo.first == nil, es.panics)
	}
}

// ended notes that the hooks of a build of e have returned. It runs no turn: the next
// end in the list may be what that turn would wait for. Whoever let go of the lock settles.
// The last end of a run says so.
func (e *element) ended(last bool, panics []hookPanic) {
	t := e.c.tree
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.ending--; e.ending == 0 {
		e.Unset(graph.Blocked)
		if e.times != nil {
			e.times.detached = nil
		}
		e.woken()
		e.Want()
		e.leave()
	}
	if last {
		t.runs--
		t.breakHooks()
		for _, x := range panics {
			x.c.occupy() // Shutdown waits until they are reported
		}
	}
	e.c.rest()
}

// woken wakes whoever waits for e's build, or the end of one, and queues what a turn put
// off because of it.
func (e *element) woken() {
	s := e.sequel
	if s == nil {
		return
	}
	e.sequel = nil
	if s.wake != nil {
		close(s.wake)
	}
	if s.followUps == nil {
		return
	}
	var first *followUp // they come back in the order in which they were put off
	for x := s.followUps; x != nil; {
		x.next, first, x = first, x, x.next
	}
	for x := first; x != nil; x = x.next {
		n := x.n
		c := n.Host.(*element).c
		n.Want()
		c.makeReady() // though nothing may have come of it: a Flush may wait
	}
	e.c.settleApart() // whoever was building may go on for long, or wait for a listener of that turn
}

// errorLog keeps what OnDisposeErr hooks returned, for Shutdown.
type errorLog struct {
	mu   sync.Mutex
	errs []error
}

// maxErrors bounds what is kept of a container that lives long and releases badly.
const maxErrors = 100

func (l *errorLog) add(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.errs) < maxErrors {
		l.errs = append(l.errs, err)
	}
}

func (l *errorLog) join() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.errs...)
}
