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
				last = *viewed(&p.base, p.view(place{c: c}.readSlow(&p.base)))
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

func (tx *Tx) commit() {
	c := tx.c
	t := c.tree
	var room [4]target
	var a after
	done, held := false, false
	targets := room[:0]
	letGo := func() {
		if held {
			for i := range targets {
				targets[i].e.release()
			}
		}
		targets, held = targets[:0], false
	}
	defer func() {
		if !done { // the user's function panicked, or the container is closed
			t.mu.Lock()
			letGo()
			c.settle(&a)
		}
	}()
	for !c.closing.Load() {
		held = !tx.ready()
		for i := range tx.writes {
			w := &tx.writes[i]
			x := target{staged: w}
			if held {
				at := place{c: w.c, by: w.by}
				switch x.e, x.fail = w.c.current(w.p.identity(), at, true, &a); {
				case x.e == nil && at.gone(): // written through a notifier that is over by now
					continue
				case x.e == nil:
					return // closed
				}
			} else if x.e = w.c.table.find(w.p.identity()); x.e == nil {
				break // disposed meanwhile
			}
			targets = append(targets, x) // before the comparison, which may panic: it is held
			last := &targets[len(targets)-1]
			last.was, last.change = w.p.compare(x.e, w)
			last.change = last.change || x.fail != nil
		}
		t.mu.Lock()
		if !held && len(targets) < len(tx.writes) || !unmoved(targets) {
			letGo()
			c.settle(&a) // somebody was here meanwhile: compare again
			continue
		}
		// A reader without the lock that sees one of the new values must see all of them.
		for i := range targets {
			if w := &targets[i]; w.change {
				w.e.Hide()
			}
		}
		for i := range targets { // all marks before the first new value is visible
			// What was written before in this batch may have made it stale: it is as if it
			// had been brought up to date before its own write.
			w := &targets[i]
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
		for i := range targets {
			w := &targets[i]
			w.p.apply(w.e, w.staged, w.change)
			w.e.byHand()
			w.e.touchLocked()
		}
		for i := range targets {
			targets[i].e.Show()
		}
		t.endStale(&a)
		letGo()
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

// unmoved reports whether all targets are still what they were compared with.
func unmoved(targets []target) bool {
	for i := range targets {
		w := &targets[i]
		if w.e.dead || !w.e.Fresh() || w.e.host.look() != w.was || w.e.fail != w.fail || w.c.closed || w.by != nil && !w.by.sits() {
			return false
		}
	}
	return true
}
