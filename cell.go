package weir

// This file owns the cell: an element with its value, which is read without a lock. How
// the value comes about is build.go's.

import (
	"math"
	"sync/atomic"
	"time"
)

// cell is an element with its value: an immutable snapshot behind an atomic pointer, or a
// small value in an atomic word, which costs no memory when it changes.
type cell[S any] struct {
	val    atomic.Pointer[S] // beside p and the node's word: all that a reader needs
	word   atomic.Uint64
	e      element
	as     *provider[S]                // the provider p, typed: it says whether the value is small
	next   *S                          // computed, not published
	small  uint64                      // the same, of a small value
	made   bool                        // there is one of those
	filled atomic.Bool                 // there is a small value
	from   atomic.Pointer[provider[S]] // whose build makes it: p, or its override
}

// packing is how a small value is kept in a word: of a provider, whose cells all do it, or
// nothing.
type packing[S any] struct {
	pack   func(v S) uint64
	unpack func(w uint64) S
}

// packed returns how S is kept in a word, if it is one of the types whose values are that
// small and have no pointers inside, and most common.
func packed[S any]() (none packing[S]) {
	if ways, ok := packings((*S)(nil)).(func() packing[S]); ok {
		return ways()
	}
	return none
}

// packings is packed for what p points to: a func() packing, or nil. A packing itself would
// take memory for each provider.
func packings(p any) any {
	switch p.(type) {
	case *bool:
		return func() packing[bool] { return packing[bool]{wordOfBool, boolOf} }
	case *int:
		return func() packing[int] { return packing[int]{wordOf[int], integerOf[int]} }
	case *int32:
		return func() packing[int32] { return packing[int32]{wordOf[int32], integerOf[int32]} }
	case *int64:
		return func() packing[int64] { return packing[int64]{wordOf[int64], integerOf[int64]} }
	case *time.Duration:
		return func() packing[time.Duration] {
			return packing[time.Duration]{wordOf[time.Duration], integerOf[time.Duration]}
		}
	case *uint:
		return func() packing[uint] { return packing[uint]{wordOf[uint], integerOf[uint]} }
	case *uint8:
		return func() packing[uint8] { return packing[uint8]{wordOf[uint8], integerOf[uint8]} }
	case *uint32:
		return func() packing[uint32] { return packing[uint32]{wordOf[uint32], integerOf[uint32]} }
	case *uint64:
		return func() packing[uint64] { return packing[uint64]{wordOf[uint64], integerOf[uint64]} }
	case *float64:
		return func() packing[float64] { return packing[float64]{math.Float64bits, math.Float64frombits} }
	}
	return nil
}

type integer interface {
	int | int32 | int64 | uint | uint8 | uint32 | uint64 | time.Duration
}

func wordOf[I integer](v I) uint64    { return uint64(v) }
func integerOf[I integer](w uint64) I { return I(w) }
func boolOf(w uint64) bool            { return w != 0 }
func wordOfBool(v bool) uint64 {
	if v {
		return 1
	}
	return 0
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
		if at.ok = x.filled.Load(); at.ok {
			at.word = x.word.Load()
		}
	} else {
		at.val = x.val.Load()
		at.ok = at.val != nil
	}
	return at
}

// of returns the value that a snapshot has.
func (p packing[S]) of(at snapshot[S]) (v S) {
	switch {
	case at.val != nil:
		return *at.val
	case at.ok:
		return p.unpack(at.word)
	}
	return v
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
	x.next, x.made = nil, false
	from := x.from.Load()
	v := from.build(ref)
	if x.as.pack != nil {
		x.small, x.made = x.as.pack(v), true
		return !x.filled.Load() || from.unlike(x.as.unpack(x.word.Load()), v)
	}
	x.next = new(S) // not &v: that would take memory for small values too
	*x.next = v
	old := x.val.Load()
	return old == nil || from.differs(old, x.next)
}

func (x *cell[S]) release(changed bool) {
	switch {
	case x.made && changed:
		x.keep(x.small)
	case x.next == nil:
	case changed:
		x.publish(x.next)
	default:
		x.e.tellSelves(x.next)
	}
	x.next, x.made = nil, false
}

// keep makes w the small value. Bits that are the same are the same value for those who
// have seen it, but NaN is never equal to itself: the next one is another NaN.
func (x *cell[S]) keep(w uint64) {
	if w == x.word.Load() {
		if v := x.as.unpack(w); x.as.unlike(v, v) {
			w ^= 1
		}
	}
	x.point()
	x.word.Store(w)
	if !x.filled.Load() {
		x.point()
		x.filled.Store(true)
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
	if x.e.life != nil || x.e.rare != nil || x.e.future != nil {
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

func (x *cell[S]) switchTo(from impl) (was *base) {
	return &x.from.Swap(from.(typed[S]).typed()).base
}

func (x *cell[S]) drop() {
	x.point()
	if x.as.pack != nil {
		x.filled.Store(false)
	} else {
		x.val.Store(nil)
	}
}
