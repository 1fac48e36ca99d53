package weir

// This file owns how small values are kept in a word: which types are that small, and how.
// Where the word is, and who may look at it, is cell.go's.

import (
	"math"
	"time"
)

// packing is how a small value is kept in a word: of a provider, whose cells all do it, or
// nothing.
type packing[S any] struct {
	pack   func(v S) uint64
	unpack func(w uint64) S
	exact  bool // two values are equal if and only if their words are: not so of float64, for 0 and -0, and NaN
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
		return func() packing[bool] { return packing[bool]{wordOfBool, boolOf, true} }
	case *int:
		return func() packing[int] { return packing[int]{wordOf[int], integerOf[int], true} }
	case *int32:
		return func() packing[int32] { return packing[int32]{wordOf[int32], integerOf[int32], true} }
	case *int64:
		return func() packing[int64] { return packing[int64]{wordOf[int64], integerOf[int64], true} }
	case *time.Duration:
		return func() packing[time.Duration] {
			return packing[time.Duration]{wordOf[time.Duration], integerOf[time.Duration], true}
		}
	case *uint:
		return func() packing[uint] { return packing[uint]{wordOf[uint], integerOf[uint], true} }
	case *uint8:
		return func() packing[uint8] { return packing[uint8]{wordOf[uint8], integerOf[uint8], true} }
	case *uint32:
		return func() packing[uint32] { return packing[uint32]{wordOf[uint32], integerOf[uint32], true} }
	case *uint64:
		return func() packing[uint64] { return packing[uint64]{wordOf[uint64], integerOf[uint64], true} }
	case *float64:
		return func() packing[float64] { return packing[float64]{math.Float64bits, math.Float64frombits, false} }
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
