package weir

// This file owns the cell: an element with its value, which is read without a lock. How
// the value comes about is build.go's.

import "sync/atomic"

// cell is an element with its value: an immutable snapshot behind an atomic pointer, or a
// small value in an atomic word, which costs no memory when it changes.
type cell[S any] struct {
	val   atomic.Pointer[S] // beside p and the node's word: all that a Read needs
	word  atomic.Uint64
	e     element
	as    *provider[S]                // the provider p, typed: it says whether the value is small
	next  *S                          // computed, not published
	small uint64                      // the same, of a small value
	from  atomic.Pointer[provider[S]] // whose build makes it: p, or its override
}

// snapshot is the value of a cell at one time, or that there is none. Two are equal if
// nothing was published in between, and for small values if what was is the same.
type snapshot[S any] struct {
	val  *S
	word uint64
	ok   bool
}

// snapshot needs no lock.
func (x *cell[S]) snapshot() (at snapshot[S]) {
	if x.as.pack != nil {
		if at.ok = x.e.filled.Load(); at.ok {
			at.word = x.word.Load()
		}
	} else {
		at.val = x.val.Load()
		at.ok = at.val != nil
	}
	return at
}

// load returns the value, and whether there is one. It needs no lock.
func (x *cell[S]) load() (v S, ok bool) {
	at := x.snapshot()
	return x.as.of(at), at.ok
}

// peek returns the value of a cell that was readable a moment ago: a pointer to it, nil if
// it has none by now, or a small one. A value that is returned as it is costs more than to
// look at it: it is copied for each caller on the way.
func (x *cell[S]) peek() (at *S, word uint64, small bool) {
	if x.as.unpack != nil {
		return nil, x.word.Load(), true
	}
	return x.val.Load(), 0, false
}

func (x *cell[S]) compute(ref Ref) bool {
	x.next = nil
	from := x.from.Load()
	v := from.build(ref)
	if x.as.pack != nil {
		x.small = x.as.pack(v)
		switch was := x.word.Load(); {
		case !x.e.filled.Load():
			return true
		case from.exact: // not so of an override, which may have an Equal of its own
			return was != x.small
		default:
			return from.unlike(x.as.unpack(was), v)
		}
	}
	x.next = new(S) // not &v: that would take memory for small values too
	*x.next = v
	old := x.val.Load()
	return old == nil || from.differs(old, x.next)
}

func (x *cell[S]) release(changed bool) {
	if x.as.pack != nil {
		if changed {
			x.keep(x.small)
		}
		return
	}
	switch {
	case x.next == nil:
	case changed:
		x.publish(x.next)
	default:
		x.e.tellSelves(x.next)
	}
	x.next = nil
}

// keep makes w the small value. Bits that are the same are the same value for those who
// have seen it, but NaN, which only an inexact type has, is never equal to itself: the next
// one is another NaN.
func (x *cell[S]) keep(w uint64) {
	if !x.as.exact && w == x.word.Load() {
		if v := x.as.unpack(w); x.as.unlike(v, v) {
			w ^= 1
		}
	}
	x.point()
	x.word.Store(w)
	if !x.e.filled.Load() {
		x.point()
		x.e.filled.Store(true)
	}
}

// write makes v, which was written from outside, the value. The lock is held.
func (x *cell[S]) write(v S) {
	if x.as.pack != nil {
		x.keep(x.as.pack(v))
		return
	}
	kept := new(S)
	*kept = v
	x.publish(kept)
}

// wrote is write of a v that is no change.
func (x *cell[S]) wrote(v S) {
	if l := x.e.life; l != nil && len(l.selves) > 0 {
		next := new(S)
		*next = v
		x.e.tellSelves(next)
	}
}

// publish makes v the value, which is not small.
func (x *cell[S]) publish(v *S) {
	if x.e.life != nil || x.e.rare != nil || x.e.fallible {
		x.e.changing(v)
	}
	x.point()
	x.val.Store(v)
}

func (x *cell[S]) value(raw any) any { return *raw.(*S) }

func (x *cell[S]) raw() any {
	switch at := x.snapshot(); {
	case at.val != nil:
		return at.val
	case at.ok:
		v := x.as.unpack(at.word)
		return &v
	}
	return nil
}

func (x *cell[S]) look() look { return x.snapshot().look() }

// look is the snapshot without its type.
func (at snapshot[S]) look() look {
	switch {
	case at.val != nil:
		return look{raw: at.val}
	case at.ok:
		return look{word: at.word, small: true}
	}
	return look{}
}

func (x *cell[S]) holds(raw any) bool {
	v, _ := raw.(*S)
	at := x.snapshot()
	if v == nil || !at.ok {
		return v == nil && !at.ok
	}
	return at.val == v || at.val == nil && at.word == x.as.pack(*v)
}

func (x *cell[S]) maker() impl { return x.from.Load().impl }

func (x *cell[S]) switchTo(from impl) (was *base) {
	return &x.from.Swap(from.(typed[S]).typed()).base
}

func (x *cell[S]) drop() {
	x.point()
	if x.as.pack != nil {
		x.e.filled.Store(false)
	} else {
		x.val.Store(nil)
	}
}
