package weir

// This file owns writes to synchronous values that may be written: states and notifiers.
// Staged writes are batch.go's.

import "github.com/weir-go/weir/internal/graph"

// write is Update, or Set of next if f is nil.
func (p *provider[T]) write(at place, op string, f func(T) T, next T) T {
	b := &p.base
	at.mayWrite(b, op)
	if at.tx != nil && !at.gone() {
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
		c.point()
		if at.over() || c.closing.Load() {
			written = true
			return p.discard(at, f, next)
		}
		e := c.table.find(b)
		var fail *PanicError
		if e == nil || e.Word.Load()&graph.Readable == 0 { // else it is looked at again under the lock
			if e, fail = c.current(b, at, nil, &a); e == nil { // closed meanwhile
				written = true
				return p.discard(at, f, next)
			}
		}
		x := e.host.(*cell[T])
		c.point()
		old := x.snapshot()
		if !old.ok && fail == nil { // disposed meanwhile
			t.mu.Lock()
			c.settle(&a)
			continue
		}
		last := p.of(old)
		v := next
		if f != nil {
			if fail != nil {
				panic(fail)
			}
			v = f(last)
		}
		change := fail != nil || !old.ok || x.from.Load().unlike(last, v)
		t.mu.Lock()
		a.from(at.ref.e)
		if e.dead || !e.Fresh() || e.fail != fail || x.snapshot() != old || c.closed || at.gone() {
			c.settle(&a) // somebody was here meanwhile: look again
			continue
		}
		if change {
			p.put(x, v, &a)
		} else {
			x.wrote(v)
		}
		e.byHand()
		e.touchLocked()
		written = true
		c.done(&a)
		if !change {
			return last
		}
		return v
	}
}

// put makes v, which differs, the value of x, which is fresh. The lock is held.
func (p *provider[T]) put(x *cell[T], v T, a *after) {
	t := x.e.c.tree
	t.writes++
	t.graph.Change(&x.e.Node, true)
	if x.e.fail != nil {
		x.e.fail = nil
		x.e.Recover()
	}
	x.write(v)
	x.point()
	x.e.Show()
	t.endStale(a)
}

// discard is a write that does nothing: the place is over or the container closed.
func (p *provider[T]) discard(at place, f func(T) T, next T) T {
	if f == nil {
		return next
	}
	var last, none T
	if e := at.c.table.find(&p.base); e != nil {
		last, _ = e.host.(*cell[T]).load()
	}
	if at.gone() {
		last = none // the value is another notifier's
	}
	return f(last)
}
