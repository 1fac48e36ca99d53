package weir

// This file owns writes to synchronous values that may be written: states and notifiers.
// Staged writes are batch.go's.

import "github.com/weir-go/weir/internal/graph"

// write is Set, with next given, and Update.
func (p *provider[T]) write(at place, op string, f func(T) T, next *T) T {
	b := &p.base
	at.mayWrite(b, op)
	if at.tx != nil {
		return stage(at, p, f, next)
	}
	var a after
	c := at.c
	t := c.tree
	written := false
	defer func() {
		if !written { // the user's function panicked: the turn that the build of a cold state owes
			t.mu.Lock()
			c.settle(&a)
		}
	}()
	for {
		if at.over() || c.closing.Load() {
			written = true
			return p.discard(c, f, next)
		}
		e := c.table.find(b)
		var fail *PanicError
		if e == nil || e.Word.Load()&graph.Readable == 0 { // else it is looked at again under the lock
			if e, fail = c.current(b, at, false, &a); e == nil { // closed meanwhile
				written = true
				return p.discard(c, f, next)
			}
		}
		x := e.host.(*cell[T])
		old := x.val.Load()
		if old == nil && fail == nil { // disposed meanwhile
			t.mu.Lock()
			c.settle(&a)
			continue
		}
		v := next
		if v == nil {
			if fail != nil {
				panic(fail)
			}
			fresh := f(*old)
			v = &fresh
		}
		change := fail != nil || old == nil || x.from.Load().differs(old, v)
		t.mu.Lock()
		a.from(at.ref.e)
		if e.dead || !e.Fresh() || e.fail != fail || x.val.Load() != old || c.closed {
			c.settle(&a) // somebody was here meanwhile: look again
			continue
		}
		if change {
			p.put(e, v, &a)
		} else {
			x.tellSelf(v)
		}
		e.byHand()
		e.touchLocked()
		written = true
		c.done(&a)
		if !change {
			return *old
		}
		return *v
	}
}

// put makes v, which differs, the value of e, which is fresh. The lock is held.
func (p *provider[T]) put(e *element, v *T, a *after) {
	t := e.c.tree
	t.writes++
	t.graph.Change(&e.Node, true)
	if e.fail != nil {
		e.fail = nil
		e.Recover()
	}
	e.host.(*cell[T]).publish(v)
	e.Show()
	t.endStale(a)
}

// discard is a write that does nothing: the container is closed or the ref over.
func (p *provider[T]) discard(c *Container, f func(T) T, next *T) T {
	if next != nil {
		return *next
	}
	var last T
	if e := c.table.find(&p.base); e != nil {
		if v := e.host.(*cell[T]).val.Load(); v != nil {
			last = *v
		}
	}
	return f(last)
}
