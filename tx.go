package weir

// This file owns Tx and what is written through it, until batch.go applies it.

import (
	"sync"
	"sync/atomic"
)

// Tx is the scope of one [Container.Batch]. State that is read through it shows what was
// staged; everything else is as in the container. Once the batch is over, using it is a
// *UsageError (rule D7).
type Tx struct {
	c      *Container
	over   atomic.Bool // set under mu
	mu     sync.Mutex  // guards what follows until over: several goroutines may use a Tx
	only   staged      // the write, while there is one at most
	writes *staging    // all of them, from the second on; nil until then
}

func (*Tx) scope() {}

// staging is room for the writes of a batch of several states. Whoever was given a Tx may keep
// it, so that is new each time; this is the next batch's.
type staging struct {
	all   []staged
	index map[written]int // where each is, of more than few
	room  targets         // for commit
}

// few is how many writes, or overrides, are searched one after the other, and many what a
// staging that is kept for the next batch has room for at most.
const (
	few  = 8
	many = 1024
)

// written is what is written: a state, in the container where it lives.
type written struct {
	c *Container
	p *base
}

// staged is one state's write to come.
type staged struct {
	c    *Container // where it is
	p    writable   // nil: no write
	next any        // a pointer to the value, nil for a small one
	word uint64     // a small one
	by   *seat      // the notifier that it was written through, if it was
}

func (tx *Tx) usable(p *base, op string) {
	if tx.over.Load() {
		misuse(p, "%s with the *Tx of a Batch that is over: use the container, or stay inside the function", op)
	}
}

// lock takes the lock of tx; one that is over is a *UsageError.
func (tx *Tx) lock(p *base, op string) {
	tx.mu.Lock()
	if tx.over.Load() {
		tx.mu.Unlock()
		tx.usable(p, op)
	}
}

// end makes the writes the batch's alone.
func (tx *Tx) end() {
	tx.mu.Lock()
	tx.over.Store(true)
	tx.mu.Unlock()
}

// close ends tx if its function has panicked, forgets the writes, and lets another batch have
// their room.
func (tx *Tx) close() {
	if !tx.over.Load() {
		tx.end()
	}
	tx.only = staged{}
	if s := tx.writes; s != nil {
		tx.writes = nil
		s.clear()
		tx.c.tree.staging.Store(s)
	}
}

// staged returns what was staged for p, if something was.
func (tx *Tx) staged(c *Container, p *base) (w staged, ok bool) {
	tx.lock(p, "a read")
	defer tx.mu.Unlock()
	if at := tx.find(c, p); at != nil {
		return *at, true
	}
	return w, false
}

// find returns p's write, or nil.
func (tx *Tx) find(c *Container, p *base) *staged {
	switch {
	case tx.writes != nil:
		return tx.writes.find(written{c, p})
	case tx.only.p != nil && tx.only.what() == (written{c, p}):
		return &tx.only
	}
	return nil
}

// add returns room for p's write, which has none yet. It holds until the next add.
func (tx *Tx) add(c *Container, p writable) *staged {
	switch {
	case tx.writes != nil:
		return tx.writes.add(c, p)
	case tx.only.p == nil:
		tx.only.c, tx.only.p = c, p
		return &tx.only
	}
	s := tx.c.tree.staging.Swap(nil)
	if s == nil {
		s = &staging{}
	}
	*s.add(tx.only.c, tx.only.p) = tx.only
	tx.only, tx.writes = staged{}, s
	return s.add(c, p)
}

// what is what w writes.
func (w *staged) what() written { return written{w.c, w.p.identity()} }

func (s *staging) find(what written) *staged {
	if len(s.index) > 0 {
		if i, ok := s.index[what]; ok {
			return &s.all[i]
		}
		return nil
	}
	for i := range s.all {
		if w := &s.all[i]; w.what() == what {
			return w
		}
	}
	return nil
}

func (s *staging) add(c *Container, p writable) *staged {
	if s.all == nil {
		s.all = make([]staged, 0, few)
	}
	i := len(s.all)
	s.all = append(s.all, staged{c: c, p: p})
	switch {
	case i > few:
		s.index[s.all[i].what()] = i
	case i == few:
		if s.index == nil {
			s.index = make(map[written]int)
		}
		for i := range s.all {
			s.index[s.all[i].what()] = i
		}
	}
	return &s.all[i]
}

func (s *staging) clear() {
	switch {
	case cap(s.all) > many:
		s.all, s.index, s.room = nil, nil, nil
	case len(s.all) > few:
		clear(s.index)
	}
	clear(s.all)
	s.all = s.all[:0]
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
		tx.lock(&p.base, "a write")
		w := tx.find(c, &p.base)
		if f != nil && (before != (w != nil) || before && *w != old) {
			tx.mu.Unlock()
			continue
		}
		if w == nil {
			w = tx.add(c, p)
		}
		p.stage(w, v)
		w.by = at.by
		tx.mu.Unlock()
		return v
	}
}
