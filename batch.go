package weir

// This file owns Batch: writes that are staged and applied in one step (rule P6).

import (
	"sync"
	"sync/atomic"

	"github.com/weir-go/weir/internal/graph"
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
	next any    // a pointer to the value, nil for a small one
	word uint64 // a small one
	by   *seat  // the notifier that it was written through, if it was
}

// writable is a provider whose value may be written, without its type.
type writable interface {
	identity() *base
	// compare returns e's value, and whether w differs from it; it runs user code.
	compare(e *element, w *staged) (was look, change bool)
	// apply makes w the value, or tells those who want to hear of a value that is the
	// same; the lock is held.
	apply(e *element, w *staged, change bool)
	// setAlone writes w, the only write of tx.
	setAlone(tx *Tx, w *staged)
	// raw returns a pointer to w's value.
	raw(w *staged) any
}

func (p *provider[T]) setAlone(tx *Tx, w *staged) {
	p.write(place{c: w.c, via: tx.c, by: w.by}, "Batch", nil, p.staged(w))
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

// staged returns what was staged for p, if something was.
func (tx *Tx) staged(c *Container, p *base) (w staged, ok bool) {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if i := tx.lookup(c, p); i >= 0 {
		return tx.writes[i], true
	}
	return w, false
}

// lookup returns where p's write is, or -1.
func (tx *Tx) lookup(c *Container, p *base) int {
	for i := range tx.writes {
		if tx.writes[i].c == c && tx.writes[i].p.identity() == p {
			return i
		}
	}
	return -1
}

// stage is Update through a Tx, or Set of next if f is nil.
func stage[T any](at place, p *provider[T], f func(T) T, next T) T {
	tx, c := at.tx, at.c
	for {
		var old staged
		before, v := false, next
		if f != nil {
			var last T
			switch old, before = tx.staged(c, &p.base); {
			case before:
				last = p.staged(&old)
			case c.closing.Load():
				return p.discard(at, f, next) // nothing will be applied
			default:
				last = p.seen(place{c: c}.readSlow(&p.base, false))
			}
			v = f(last)
		}
		tx.mu.Lock()
		if tx.over.Load() {
			tx.mu.Unlock()
			tx.usable(&p.base, "a write")
		}
		i := tx.lookup(c, &p.base)
		if f != nil && (before != (i >= 0) || before && tx.writes[i] != old) {
			tx.mu.Unlock()
			continue
		}
		if tx.writes == nil {
			tx.writes = tx.few[:0]
		}
		if i < 0 {
			i = len(tx.writes)
			tx.writes = append(tx.writes, staged{c: c, p: p})
		}
		p.stage(&tx.writes[i], v)
		tx.writes[i].by = at.by
		tx.mu.Unlock()
		return v
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
	func() {
		defer tx.end()
		fn(tx)
	}()
	switch len(tx.writes) {
	case 0:
	case 1: // nothing of it could be seen without the rest
		w := &tx.writes[0]
		w.p.setAlone(tx, w)
	default:
		tx.commit()
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
func (tx *Tx) commit() {
	c := tx.c
	t := c.tree
	var room [4]target
	var a after
	all := targets(room[:])
	if len(tx.writes) > len(all) {
		all = make(targets, len(tx.writes))
	}
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
		if held = !tx.ready(); !held {
			n, whole = tx.compare(all)
		} else if n, whole = tx.compareHeld(all, &a); !whole {
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
func (tx *Tx) ready() bool {
	for i := range tx.writes {
		w := &tx.writes[i]
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
func (tx *Tx) compare(to targets) (n int, whole bool) {
	for i := range tx.writes {
		w := &tx.writes[i]
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
func (tx *Tx) compareHeld(to targets, a *after) (n int, whole bool) {
	for i := range tx.writes {
		w := &tx.writes[i]
		at := place{c: w.c, by: w.by}
		e, fail := w.c.current(w.p.identity(), at, true, a)
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
