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
	writes *staging // another batch's as soon as this one is over
}

func (*Tx) scope() {}

// staging is where the writes of a batch are. Whoever was given a Tx may keep it, so that it is
// new each time; this is used again by the next batch of the tree, unless one is running.
type staging struct {
	tx    atomic.Pointer[Tx] // whose; own once that is over, nil if nobody's
	own   Tx
	mu    sync.Mutex // guards what follows while tx is not over: it may be used by several goroutines
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
	p    writable
	next any    // a pointer to the value, nil for a small one
	word uint64 // a small one
	by   *seat  // the notifier that it was written through, if it was
}

// newTx returns the scope of a batch of c that begins.
func newTx(c *Container) *Tx {
	s := c.tree.staging.Load()
	if s == nil {
		s = &staging{}
		c.tree.staging.Store(s) // another that was there meanwhile serves its own batch
	}
	tx := &Tx{c: c}
	if !s.tx.CompareAndSwap(nil, tx) {
		s = &staging{}
		s.tx.Store(tx)
	}
	tx.writes = s
	return tx
}

// over reports whether the batch of tx is.
func (tx *Tx) over() bool { return tx.writes.tx.Load() != tx }

func (tx *Tx) usable(p *base, op string) {
	if tx.over() {
		misuse(p, "%s with the *Tx of a Batch that is over: use the container, or stay inside the function", op)
	}
}

// end makes the writes commit's alone. If there is only one it is returned, and s free.
func (s *staging) end() (alone staged, only bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if only = len(s.all) == 1; only {
		alone = s.all[0]
		s.clear()
	} else {
		s.tx.Store(&s.own)
	}
	return alone, only
}

// free lets another batch have s, whose function may not have returned.
func (s *staging) free() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
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
	s.tx.Store(nil)
}

// staged returns what was staged for p, if something was.
func (tx *Tx) staged(c *Container, p *base) (w staged, ok bool) {
	s := tx.writes
	s.mu.Lock()
	if tx.over() {
		s.mu.Unlock()
		tx.usable(p, "a read")
	}
	defer s.mu.Unlock()
	if i := s.find(c, p); i >= 0 {
		return s.all[i], true
	}
	return w, false
}

// find returns where p's write is, or -1.
func (s *staging) find(c *Container, p *base) int {
	if len(s.index) > 0 {
		if i, ok := s.index[written{c, p}]; ok {
			return i
		}
		return -1
	}
	for i := range s.all {
		if w := &s.all[i]; w.c == c && w.p.identity() == p {
			return i
		}
	}
	return -1
}

// add makes room for p's write, the first of it, and returns where.
func (s *staging) add(c *Container, p writable) int {
	if s.all == nil {
		s.all = make([]staged, 0, few)
	}
	i := len(s.all)
	s.all = append(s.all, staged{})
	s.all[i].c, s.all[i].p = c, p
	switch {
	case i > few:
		s.index[written{c, p.identity()}] = i
	case i == few:
		if s.index == nil {
			s.index = make(map[written]int)
		}
		for i := range s.all {
			s.index[written{s.all[i].c, s.all[i].p.identity()}] = i
		}
	}
	return i
}

// stage is Update through a Tx, or Set of next if f is nil.
func stage[T any](at place, p *provider[T], f func(T) T, next T) T {
	tx, c := at.tx, at.c
	s := tx.writes
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
		s.mu.Lock()
		if tx.over() {
			s.mu.Unlock()
			tx.usable(&p.base, "a write")
		}
		i := s.find(c, &p.base)
		if f != nil && (before != (i >= 0) || before && s.all[i] != old) {
			s.mu.Unlock()
			continue
		}
		if i < 0 {
			i = s.add(c, p)
		}
		p.stage(&s.all[i], v)
		s.all[i].by = at.by
		s.mu.Unlock()
		return v
	}
}
