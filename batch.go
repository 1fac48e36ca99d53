package weir

// This file owns Batch: writes that are staged and applied in one step (rule P6).

import (
	"sync"
	"sync/atomic"
)

// Tx is the scope of one [Container.Batch]. State that is read through it shows what was
// staged; everything else is as in the container. Once the batch is over, using it is a
// *UsageError (rule D7).
type Tx struct {
	c      *Container
	over   atomic.Bool
	mu     sync.Mutex // guards writes: a Tx may be used by several goroutines
	writes []staged
	few    [2]staged // room for the first ones
}

func (*Tx) scope() {}

// staged is one state's write to come.
type staged struct {
	c    *Container // where it is
	p    writable
	next any
}

// writable is a provider whose value may be written, without its type.
type writable interface {
	identity() *base
	// isChange reports whether next differs from e's value; it runs user code.
	isChange(e *element, next any) bool
	// apply makes next the value, or tells those who want to hear of a value that is the
	// same; the lock is held.
	apply(e *element, next any, change bool)
}

func (p *provider[T]) isChange(e *element, next any) bool {
	x := e.host.(*cell[T])
	old := x.val.Load()
	return old == nil || x.from.Load().differs(old, next.(*T))
}

func (p *provider[T]) apply(e *element, next any, change bool) {
	if x := e.host.(*cell[T]); change {
		x.publish(next.(*T))
	} else {
		x.tellSelf(next.(*T))
	}
}

func (tx *Tx) usable(p *base, op string) {
	if tx.over.Load() {
		misuse(p, "%s with the *Tx of a Batch that is over: use the container, or stay inside the function", op)
	}
}

// end makes the writes commit's alone.
func (tx *Tx) end() {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	tx.over.Store(true)
}

// staged returns what was staged for p, or nil.
func (tx *Tx) staged(c *Container, p *base) any {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	return tx.lookup(c, p)
}

func (tx *Tx) lookup(c *Container, p *base) any {
	for i := range tx.writes {
		if tx.writes[i].c == c && tx.writes[i].p.identity() == p {
			return tx.writes[i].next
		}
	}
	return nil
}

// stage is Set and Update through a Tx.
func stage[T any](at place, p *provider[T], f func(T) T, next *T) T {
	tx, c := at.tx, at.c
	for {
		old := tx.staged(c, &p.base)
		v := next
		if v == nil {
			var last T
			if old == nil && c.closing.Load() {
				return p.discard(c, f, nil) // nothing will be applied
			}
			if old != nil {
				last = *old.(*T)
			} else {
				last = *viewed(&p.base, p.view(place{c: c}.readSlow(&p.base)))
			}
			fresh := f(last)
			v = &fresh
		}
		tx.mu.Lock()
		if tx.over.Load() {
			tx.mu.Unlock()
			tx.usable(&p.base, "a write")
		}
		if next == nil && tx.lookup(c, &p.base) != old {
			tx.mu.Unlock()
			continue
		}
		if tx.writes == nil {
			tx.writes = tx.few[:0]
		}
		found := false
		for i := range tx.writes {
			if tx.writes[i].c == c && tx.writes[i].p.identity() == &p.base {
				tx.writes[i].next, found = v, true
			}
		}
		if !found {
			tx.writes = append(tx.writes, staged{c, p, v})
		}
		tx.mu.Unlock()
		return *v
	}
}

// Batch runs fn and applies what it wrote through tx in one step, followed by one turn:
// nobody sees some of the writes without the others. If fn panics nothing is applied.
// Elements that are cold are built first (rule P11). Invalidate is not staged (D7). After
// Close fn runs and nothing is applied. A nil fn is a *UsageError.
func (c *Container) Batch(fn func(tx *Tx)) {
	c.valid("Batch")
	if fn == nil {
		misuse(nil, "Batch needs a function")
	}
	tx := &Tx{c: c}
	func() {
		defer tx.end()
		fn(tx)
	}()
	if len(tx.writes) > 0 {
		tx.commit()
	}
}

// target is a staged write and what it was compared with.
type target struct {
	staged
	e      *element
	raw    any
	fail   *PanicError
	change bool
}

func (tx *Tx) commit() {
	c := tx.c
	t := c.tree
	var room [4]target
	var a after
	done := false
	targets := room[:0]
	letGo := func() {
		for _, w := range targets {
			w.e.release()
		}
		targets = targets[:0]
	}
	defer func() {
		if !done { // the user's function panicked, or the container is closed
			t.mu.Lock()
			letGo()
			c.settle(&a)
		}
	}()
	for !c.closing.Load() {
		any := false
		for _, w := range tx.writes {
			e, fail := w.c.current(w.p.identity(), place{c: w.c}, true, &a)
			if e == nil {
				return // closed
			}
			targets = append(targets, target{staged: w, e: e, fail: fail})
			x := &targets[len(targets)-1]
			x.raw = e.host.raw()
			x.change = fail != nil || w.p.isChange(e, w.next)
			any = any || x.change
		}
		t.mu.Lock()
		if any && !unmoved(targets) {
			letGo()
			c.settle(&a) // somebody wrote meanwhile: compare again
			continue
		}
		// A reader without the lock that sees one of the new values must see all of them.
		for _, w := range targets {
			if w.change {
				w.e.Hide()
			}
		}
		for _, w := range targets { // all marks before the first new value is visible
			// What was written before in this batch may have made it stale: it is as if it
			// had been brought up to date before its own write.
			t.graph.Settle(&w.e.Node)
			if w.change {
				t.writes++
				t.graph.Change(&w.e.Node, true)
				if w.e.fail != nil {
					w.e.fail = nil
					w.e.Recover()
				}
			}
		}
		for _, w := range targets {
			w.p.apply(w.e, w.next, w.change)
			w.e.byHand()
			w.e.touchLocked()
		}
		for _, w := range targets {
			w.e.Show()
		}
		t.endStale(&a)
		letGo()
		done = true
		c.done(&a)
		return
	}
}

// unmoved reports whether all targets are still what they were compared with.
func unmoved(targets []target) bool {
	for _, w := range targets {
		if w.e.dead || !w.e.Fresh() || w.e.host.raw() != w.raw || w.e.fail != w.fail || w.c.closed {
			return false
		}
	}
	return true
}
