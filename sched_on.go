//go:build weirsched

package weir

// This file owns the schedule points of a build with the tag weirsched, which is for tests
// that choose the order in which goroutines go on: wherever one takes or lets go of the
// lock, does something without the lock that others act on, or waits on a channel, a
// scheduler is asked. Between two points nothing happens that another goroutine could come
// in between, so that an order of points is a run, and the same order the same run.
//
// The scheduler is the tree's, installed by a test before anybody else has the container.
// Without one everything is as without the tag.

import "sync"

// scheduler decides which goroutine goes on. Each call may keep its caller for as long as
// it likes.
type scheduler interface {
	lock(m *mutex)    // returns when the caller has m
	unlock(m *mutex)  // lets go of m
	point()           // the caller is about to do something that others act on
	begins()          // the first call of a new goroutine
	spawned()         // the caller has made one, which is about to say that it begins
	blocks() any      // the caller is about to wait on a channel, without another call in between
	unblocks(who any) // it has waited; who is what blocks returned
}

// mutex is the lock of a tree. It is the scheduler's, if there is one.
type mutex struct {
	plain sync.Mutex
	held  bool // guarded by the scheduler
	by    scheduler
}

func (m *mutex) Lock() {
	if m.by == nil {
		m.plain.Lock()
		return
	}
	m.by.lock(m)
}

func (m *mutex) Unlock() {
	if m.by == nil {
		m.plain.Unlock()
		return
	}
	m.by.unlock(m)
}

// waiting is a goroutine that is about to wait on a channel.
type waiting struct{ who any }

// point comes before something that the caller does without the lock and that others act
// on, or with the lock and that others see without it.
func (t *tree) point() {
	if s := t.mu.by; s != nil {
		s.point()
	}
}

func (c *Container) point() { c.tree.point() }
func (e *element) point()   { e.c.tree.point() }
func (x *cell[S]) point()   { x.e.point() }

// begins is the first call of each goroutine that the library makes.
func (t *tree) begins() {
	if s := t.mu.by; s != nil {
		s.begins()
	}
}

// spawned comes after each go statement.
func (t *tree) spawned() {
	if s := t.mu.by; s != nil {
		s.spawned()
	}
}

// blocks comes directly before each wait on a channel, unblocks directly after it.
func (t *tree) blocks() (w waiting) {
	if s := t.mu.by; s != nil {
		w.who = s.blocks()
	}
	return w
}

func (t *tree) unblocks(w waiting) {
	if s := t.mu.by; s != nil {
		s.unblocks(w.who)
	}
}

// The rest spares whoever has no tree at hand the way to it, which would be a load and a
// check for nil where the calls are nothing.

func (c *Container) begins()            { c.tree.begins() }
func (c *Container) spawned()           { c.tree.spawned() }
func (c *Container) blocks() waiting    { return c.tree.blocks() }
func (c *Container) unblocks(w waiting) { c.tree.unblocks(w) }

func (e *element) begins()            { e.c.tree.begins() }
func (s *start) begins()              { s.e.begins() }
func (e *element) spawned()           { e.c.tree.spawned() }
func (e *element) blocks() waiting    { return e.c.tree.blocks() }
func (e *element) unblocks(w waiting) { e.c.tree.unblocks(w) }
