package weir

// This file owns Batch: what was staged in a Tx is applied in one step (rule P6).

import "github.com/weir-go/weir/internal/graph"

// writable is a provider whose value may be written, without its type.
type writable interface {
	identity() *base
	// compare returns e's value, and whether w differs from it; it runs user code.
	compare(e *element, w *staged) (was look, change bool)
	// apply makes w the value, or tells those who want to hear of a value that is the
	// same; the lock is held.
	apply(e *element, w *staged, change bool)
	// setAlone writes w, all there is of a batch of c.
	setAlone(c *Container, w *staged)
	// raw returns a pointer to w's value.
	raw(w *staged) any
}

func (p *provider[T]) setAlone(c *Container, w *staged) {
	at := place{c: w.c, by: w.by}
	if c != w.c {
		at.via = c
	}
	p.write(at, "Batch", nil, p.staged(w))
}

func (p *provider[T]) raw(w *staged) any {
	if p.pack == nil {
		return w.next
	}
	v := p.unpack(w.word)
	return &v
}

// staged is w's value.
func (p *provider[T]) staged(w *staged) T {
	if p.pack != nil {
		return p.unpack(w.word)
	}
	return *w.next.(*T)
}

// stage puts v into w.
func (p *provider[T]) stage(w *staged, v T) {
	if p.pack != nil {
		w.word = p.pack(v)
		return
	}
	next := new(T)
	*next = v
	w.next = next
}

func (p *provider[T]) compare(e *element, w *staged) (was look, change bool) {
	x := e.host.(*cell[T])
	at := x.snapshot()
	return at.look(), !at.ok || x.from.Load().unlike(x.as.of(at), p.staged(w))
}

func (p *provider[T]) apply(e *element, w *staged, change bool) {
	if x := e.host.(*cell[T]); change {
		x.write(p.staged(w))
	} else {
		x.wrote(p.staged(w))
	}
}

// Batch runs fn and applies what it wrote through tx in one step, followed by one turn:
// nobody sees some of the writes without the others. If fn panics nothing is applied.
// Elements that are not built yet are built first (rule P11). Invalidate is not staged
// (D7). After Close fn runs and nothing is applied. A nil fn is a *UsageError.
func (c *Container) Batch(fn func(tx *Tx)) {
	c.valid("Batch")
	if fn == nil {
		misuse(nil, "Batch needs a function")
	}
	tx := &Tx{c: c}
	defer tx.close()
	fn(tx)
	tx.end()
	switch {
	case tx.writes != nil:
		tx.writes.commit(c)
	case tx.only.p != nil: // nothing of it could be seen without the rest
		tx.only.p.setAlone(c, &tx.only)
	}
}

// target is a staged write and what it was compared with.
type target struct {
	*staged
	e      *element
	was    look
	fail   *PanicError
	change bool
}

// targets are the writes of a batch: first those that were compared, then room without an
// element.
type targets []target

// commit compares what was written with what is there, without the lock, and applies it in one
// step; if somebody was there in between it compares again.
func (s *staging) commit(c *Container) {
	t := c.tree
	var a after
	if len(s.room) < len(s.all) {
		s.room = make(targets, cap(s.all))
	}
	all := s.room[:len(s.all)]
	done, held := false, false
	defer func() {
		if !done { // the user's function panicked, or the container is closed
			t.mu.Lock()
			all.letGo(held)
			c.settle(&a)
		}
	}()
	for c.point(); !c.closing.Load(); c.point() {
		var n int
		var whole bool
		if held = !s.ready(); !held {
			n, whole = s.compare(all)
		} else if n, whole = s.compareHeld(all, &a); !whole {
			return
		}
		t.mu.Lock()
		if !whole || !all[:n].unmoved() {
			all.letGo(held)
			c.settle(&a)
			continue
		}
		all[:n].apply(t)
		t.endStale(&a)
		all[:n].letGo(held)
		done = true
		c.done(&a)
		return
	}
}

// ready reports whether everything that was written is there to be compared, as it mostly
// is. What is not must be built first, and none of the others be disposed meanwhile.
func (s *staging) ready() bool {
	for i := range s.all {
		w := &s.all[i]
		if w.by != nil && !w.by.sits() || w.c.closing.Load() {
			return false
		}
		if e := w.c.table.find(w.p.identity()); e == nil || e.Word.Load()&graph.Readable == 0 {
			return false
		}
	}
	return true
}

// compare compares all writes with what is there, and returns how many. One that is not there,
// for it was disposed meanwhile, makes it stop.
func (s *staging) compare(to targets) (n int, whole bool) {
	for i := range s.all {
		w := &s.all[i]
		e := w.c.table.find(w.p.identity())
		if e == nil {
			return n, false
		}
		to[n] = target{staged: w, e: e}
		to[n].compare()
		n++
	}
	return n, true
}

// compareHeld is compare for what may have to be built first, and is held from then on. A
// container that is closed makes it stop.
func (s *staging) compareHeld(to targets, a *after) (n int, whole bool) {
	for i := range s.all {
		w := &s.all[i]
		at := place{c: w.c, by: w.by}
		e, fail := w.c.current(w.p.identity(), at, &to[n].e, a)
		if e == nil {
			if at.gone() { // written through a notifier that is over by now
				continue
			}
			return n, false
		}
		to[n] = target{staged: w, e: e, fail: fail} // before the comparison, which may panic
		to[n].compare()
		n++
	}
	return n, true
}

// compare asks the change detection; it runs user code.
func (x *target) compare() {
	x.c.point()
	x.was, x.change = x.p.compare(x.e, x.staged)
	x.change = x.change || x.fail != nil
}

// letGo empties ts, which may be held against disposal. The lock is held.
func (ts targets) letGo(held bool) {
	if held {
		for i := range ts {
			if e := ts[i].e; e != nil {
				e.release()
			}
		}
	}
	clear(ts)
}

// unmoved reports whether all of ts is still what it was compared with. The lock is held.
func (ts targets) unmoved() bool {
	for i := range ts {
		x := &ts[i]
		if x.e.dead || !x.e.Fresh() || x.e.host.look() != x.was || x.e.fail != x.fail || x.c.closed || x.by != nil && !x.by.sits() {
			return false
		}
	}
	return true
}

// apply makes what was written the values, all in one step. The lock is held.
func (ts targets) apply(t *tree) {
	// A reader without the lock that sees one of the new values must see all of them.
	for i := range ts {
		if x := &ts[i]; x.change {
			x.e.Hide()
			x.c.point()
		}
	}
	for i := range ts { // all marks before the first new value is visible
		// What was written before in this batch may have made it stale: it is as if it
		// had been brought up to date before its own write.
		x := &ts[i]
		t.graph.Settle(&x.e.Node)
		if x.change {
			t.writes++
			t.graph.Change(&x.e.Node, true)
			if x.e.fail != nil {
				x.e.fail = nil
				x.e.Recover()
			}
		}
	}
	for i := range ts {
		x := &ts[i]
		x.c.point()
		x.p.apply(x.e, x.staged, x.change)
		x.e.byHand()
		x.e.touchLocked()
	}
	for i := range ts {
		ts[i].c.point()
		ts[i].e.Show()
	}
}
