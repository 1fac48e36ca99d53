package weir

// This file owns the reads and writes of a persisted state, which are made one after the
// other on a goroutine of their own: slot is a place in a storage, saving what one life of an
// element has to do with it. What is read and written is persist.go's to say. No storage or
// codec is called with the lock held.

import (
	"bytes"
	"context"
	"slices"
	"time"
)

// storedKey is a key in a storage.
type storedKey struct {
	storage Storage
	key     string
}

// slot is what is kept under a key in a storage, for as long as a life owns it or there is
// something to be written: lives follow one another there without their reads and writes
// overtaking each other. It is guarded by the lock of the tree.
type slot struct {
	t      *tree
	at     storedKey
	owner  *saving       // nil: that life is over
	next   any           // the newest state, if it is to be written
	by     *saving       // whose it is, until it is written
	noted  uint64        // states to be written, ever
	saved  uint64        // of them, or their followers
	step   chan struct{} // closed when saved has grown; made by who waits
	err    error         // of the last write
	stored []byte        // what is known to be stored, encoded; the working goroutine's own
	busy   bool          // there is a working goroutine
}

// saving is one life of an element: what it has found in its slot, and what it may put there.
// Until the life has a state of its own, its builds take part in what is found. It is guarded
// by the lock of the tree.
type saving struct {
	e      *element
	slot   *slot // nil: it is another element's
	other  *base // whose, until it has been told
	fetch  func() (found, error)
	encode func(raw any) (data []byte, err error)
	seal   func(data []byte) []byte
	renew  bool // what is stored already is to be written again: it expires

	stop     context.CancelFunc // ends the read: nobody needs it any more
	limit    time.Time          // until when builds wait for it
	late     bool               // that was too short: it has been told
	ready    chan struct{}      // closed when there is nothing to wait for: answered or settled
	answered bool
	found    found // the answer
	taken    bool  // a build has it: that build's result may replace what is stored
	settled  bool  // the life has a state
	skipped  bool  // which is not to be saved unless it is written by hand
}

// found is what a storage has answered.
type found struct {
	v      any  // the state to begin with
	ok     bool // there is one
	data   []byte
	op     string // what failed
	unread bool   // what is stored is there still, and nobody knows what it is
}

// own makes s the owner of the slot at, and has it read; if that is another element's, s is
// one that keeps nothing. The lock is held.
func (s *saving) own(t *tree, at storedKey) {
	p := t.saves[at]
	switch {
	case p == nil:
		p = &slot{t: t, at: at}
		if t.saves == nil {
			t.saves = map[storedKey]*slot{}
		}
		t.saves[at] = p
	case p.owner != nil:
		s.other = p.owner.e.p
		s.stop()
		return
	}
	s.slot, p.owner = p, s
	p.start()
}

// take returns what build ref begins with, and reports whether it is the first that goes on
// although the storage has not answered.
func (s *saving) take(ref Ref) (f found, late bool) {
	t := s.e.c.tree
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case s.settled || !s.e.live(ref.gen):
	case s.answered:
		s.taken = !s.found.unread
		return s.found, false
	default:
		late, s.late = !s.late, true
	}
	return f, late
}

// settle notes that the life has a state: nothing is restored any more. The lock is held.
func (s *saving) settle() {
	if s.settled {
		return
	}
	s.settled = true
	s.stop()
	if !s.answered {
		close(s.ready)
	}
}

// publish notes that raw is about to be the state. The lock is held.
func (s *saving) publish(raw any) {
	if !s.has(raw) {
		return
	}
	first := !s.settled
	s.settle()
	if first && (!s.taken || s.found.ok && !s.e.async) {
		// The build knows nothing of what is stored, and must not replace it; or the state is
		// what was stored.
		s.skipped = true
		return
	}
	s.note(raw)
}

// byHand notes that the state that e has was written, not built, whether it was a change
// or not. The lock is held.
func (e *element) byHand() {
	if e.rare == nil || e.rare.saving == nil {
		return
	}
	s := e.rare.saving
	if raw := e.host.raw(); s.has(raw) && (s.skipped || s.slot.err != nil && s.slot.saved == s.slot.noted) {
		s.note(raw)
	}
}

// has reports whether raw is to be saved, of a life that saves its states.
func (s *saving) has(raw any) bool {
	if s.slot == nil || s.slot.owner != s {
		return false
	}
	r, ok := raw.(interface{ good() bool })
	return !ok || r.good()
}

// note has raw written, unless a newer state comes first. The lock is held.
func (s *saving) note(raw any) {
	p := s.slot
	s.skipped = false
	s.e.c.occupy()
	if p.next != nil {
		p.by.e.c.rest()
	}
	p.next, p.by = raw, s
	p.noted++
	p.start()
}

// unsave ends the life of e as the owner of a slot. The lock is held.
func (e *element) unsave() {
	if e.rare == nil || e.rare.saving == nil {
		return
	}
	s := e.rare.saving
	if p := s.slot; p != nil && p.owner == s {
		s.stop()
		p.owner = nil
		if !p.busy {
			delete(p.t.saves, p.at)
		}
	}
}

// start has what there is to do done. The lock is held.
func (p *slot) start() {
	if !p.busy {
		p.busy = true
		go p.work()
		p.t.spawned()
	}
}

// work writes and reads until there is nothing left to do. What is to be written goes first: a
// life that begins finds what the one before has left, and one that has a state needs no other.
func (p *slot) work() {
	p.t.begins()
	p.t.mu.Lock()
	for {
		s := p.owner
		switch {
		case p.next != nil:
			p.write()
		case s != nil && !s.answered && !s.settled:
			p.read(s)
		default:
			p.busy, p.by = false, nil
			if s == nil {
				delete(p.t.saves, p.at)
			}
			p.t.mu.Unlock()
			return
		}
	}
}

// read asks the storage for what the life of s begins with. The lock is held, and given away.
func (p *slot) read(s *saving) {
	p.t.mu.Unlock()
	f, err := s.fetch()
	if err != nil {
		s.e.storageFailed(f.op, p.at.key, err)
	}
	p.stored = f.data
	p.t.mu.Lock()
	s.found, s.answered = f, true
	if !s.settled {
		close(s.ready)
	}
}

// write writes the newest state. The lock is held, and given away.
func (p *slot) write() {
	raw, s, upTo := p.next, p.by, p.noted
	p.next = nil
	p.t.mu.Unlock()
	data, op, err := s.write(raw, p.stored)
	p.stored = data
	p.t.mu.Lock()
	p.err, p.saved = err, upTo
	if p.step != nil {
		close(p.step)
		p.step = nil
	}
	if err != nil {
		p.t.mu.Unlock()
		s.e.storageFailed(op, p.at.key, err)
		p.t.mu.Lock()
	}
	s.e.c.rest()
}

// write encodes and stores one state, unless it is known to be stored. It returns what is
// stored then, encoded, nil if that is not known.
func (s *saving) write(raw any, known []byte) (data []byte, op string, err error) {
	at := s.slot.at
	if err = guardStorage(s.e, func() (err error) { data, err = s.encode(raw); return err }); err != nil {
		return known, "encode", err
	}
	if known != nil && bytes.Equal(known, data) && !s.renew {
		return known, "", nil
	}
	if err = guardStorage(s.e, func() error { return at.storage.Write(context.Background(), at.key, s.seal(data)) }); err != nil {
		return nil, "write", err
	}
	return data, "", nil
}

// slots returns where the states of p's elements, seen from c, are kept, and where those of
// elements that are gone are still to be. The lock is held.
func (c *Container) slots(p AnyProvider) (all []*slot) {
	for _, e := range p.elements(c) {
		if e.rare != nil && e.rare.saving != nil && e.rare.saving.slot != nil {
			all = append(all, e.rare.saving.slot)
		}
	}
	b := p.identity()
	for _, x := range c.tree.saves {
		if x.by == nil || slices.Contains(all, x) {
			continue
		}
		e := x.by.e
		if of := e.p; (of == b || of.member != nil && of.member.family == b) && c.home(of) == e.c {
			all = append(all, x)
		}
	}
	return all
}

// guardStorage calls fn apart; its panic or Goexit is an error.
func guardStorage(e *element, fn func() error) (err error) {
	if r, exited := apart(func() { err = fn() }); r != nil || exited {
		return panicked(e.p, r)
	}
	return err
}

// storageFailed tells observers.
func (e *element) storageFailed(op, key string, err error) {
	if e.c.wanted&evStorage == 0 {
		return
	}
	var a after
	e.c.tree.mu.Lock()
	gen := e.newest
	e.c.tree.mu.Unlock()
	ev := StorageFailedEvent{e.event(gen), op, key, err}
	e.c.announce(e.p, &a, func(o *Observer) {
		if o.StorageFailed != nil {
			o.StorageFailed(ev)
		}
	})
	a.rethrow()
}
