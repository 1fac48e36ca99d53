package weir

// This file owns the way from a provider to its element: a hash table that is read
// without a lock. Providers carry a random id as their hash, so one table serves plain
// providers, family members and small child containers alike, and no number has to be
// handed out by the package. Writers hold the lock of the container's tree.

import "sync/atomic"

type table struct {
	slots []atomic.Pointer[element] // a power of two, at most half used: a probe that finds nothing loads every element that it passes
}

// gone marks a slot whose element was deleted: a probe goes on past it.
var gone = new(element)

type elements struct {
	table atomic.Pointer[table]
	live  int // guarded by the lock
	used  int // live and gone; guarded by the lock
}

// find returns p's element or nil. It needs no lock.
func (es *elements) find(p *base) *element {
	t := es.table.Load()
	if t == nil {
		return nil
	}
	mask := uint64(len(t.slots) - 1)
	for i := p.id & mask; ; i = (i + 1) & mask {
		e := t.slots[i].Load()
		if e == nil || e.p == p {
			return e
		}
	}
}

// add puts in an element whose provider has none.
func (es *elements) add(e *element) {
	t := es.table.Load()
	if t == nil || (es.used+1)*2 > len(t.slots) {
		t = es.grow(t)
	}
	t.put(e)
	es.live++
	es.used++
}

func (t *table) put(e *element) {
	mask := uint64(len(t.slots) - 1)
	i := e.p.id & mask
	for t.slots[i].Load() != nil {
		i = (i + 1) & mask
	}
	t.slots[i].Store(e)
}

// grow makes a table at most a third full, without the gone ones.
func (es *elements) grow(old *table) *table {
	n := 8
	for n < es.live*3 {
		n *= 2
	}
	var t *table
	if n == 8 { // room for four, and a child mostly needs no more: one allocation for both
		few := &struct {
			table
			room [8]atomic.Pointer[element]
		}{}
		t, few.slots = &few.table, few.room[:]
	} else {
		t = &table{make([]atomic.Pointer[element], n)}
	}
	if old != nil {
		for i := range old.slots {
			if e := old.slots[i].Load(); e != nil && e != gone {
				t.put(e)
			}
		}
	}
	es.used = es.live
	es.table.Store(t)
	return t
}

// remove takes e out, if it is in.
func (es *elements) remove(e *element) {
	t := es.table.Load()
	if t == nil {
		return
	}
	mask := uint64(len(t.slots) - 1)
	for i := e.p.id & mask; ; i = (i + 1) & mask {
		switch t.slots[i].Load() {
		case nil:
			return
		case e:
			t.slots[i].Store(gone)
			if es.live--; es.live == 0 && len(t.slots) <= 8 {
				for i := range t.slots { // cheaper than another table soon after
					t.slots[i].Store(nil)
				}
				es.used = 0
			} else if es.live == 0 {
				es.used = 0
				es.table.Store(nil)
			} else if len(t.slots) > 64 && es.live*8 < len(t.slots) {
				es.grow(t)
			}
			return
		}
	}
}

// all calls yield for every element; the lock must be held, and yield must not add or remove.
func (es *elements) all(yield func(*element) bool) {
	if t := es.table.Load(); t != nil {
		for i := range t.slots {
			if e := t.slots[i].Load(); e != nil && e != gone && !yield(e) {
				return
			}
		}
	}
}
