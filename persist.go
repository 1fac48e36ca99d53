package weir

// This file owns the persistence of notifiers' states: when they are restored and saved.
// How a state becomes bytes is record.go's, where those are kept storage.go's. It must not
// call a storage or codec with the lock held.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"time"
)

// PersistOption is an option of [Persist].
type PersistOption interface{ applyTo(*keeping) }

type persistOption func(*keeping)

func (f persistOption) applyTo(k *keeping) { f(k) }

// keeping is what the options say.
type keeping struct {
	expiry  time.Duration
	destroy string
	wait    time.Duration
}

// Expiry has a saved state be forgotten d after it was saved. Without it states are kept
// for ever. A d that is not positive is a *UsageError.
func Expiry(d time.Duration) PersistOption {
	if d <= 0 {
		misuse(nil, "Expiry(%v) is not positive: leave it out to keep states for ever", d)
	}
	return persistOption(func(k *keeping) { k.expiry = d })
}

// DestroyKey has states that were saved with another key be deleted instead of restored:
// change it when the meaning of what is saved changes.
func DestroyKey(key string) PersistOption {
	return persistOption(func(k *keeping) { k.destroy = key })
}

// RestoreWait sets how long a first build waits for the storage before it goes on without
// it; the default is a second. A d that is not positive is a *UsageError.
func RestoreWait(d time.Duration) PersistOption {
	if d <= 0 {
		misuse(nil, "RestoreWait(%v) is not positive: leave it out to wait a second", d)
	}
	return persistOption(func(k *keeping) { k.wait = d })
}

// persistence is [Persist] of a provider.
type persistence[T any] struct {
	keeping
	storage Storage
	key     string
	codec   Codec[T]
}

// Persist has the state of a notifier saved under key in s, and restored by the first
// build of each life of its element.
//
// Of an asynchronous notifier the restored value shows, loading, until the build is done,
// and Build finds it in State; a value that is written or built before the storage answers
// wins. Of a [NotifierProvider] it takes the place of what the first Build returns, which
// is then the state for when nothing is stored. Restoring is no write.
//
// Each data state is saved, the newest first: of several in quick succession the last;
// failures are not. Saving goes on in the background; [Persisted] waits for it, and so
// does [Container.Shutdown]. What goes wrong with a storage or codec is told to
// observers (StorageFailed), before Build is called if it is about restoring, and the state
// goes on as if nothing were stored: what cannot be understood is set aside under the key
// with ".damaged" at its end, and what cannot be read is not replaced by what the first
// build returns, only by what is written afterwards. What is stored already is not written
// again. Two live elements with one key in one storage are such an error.
//
// An override of the provider neither restores nor saves: a test leaves what is stored
// alone. In a family give each member a key of its own, in create. A nil s or codec and an
// empty key are a *UsageError; so is a provider that is no notifier, or has a state other
// than T.
func Persist[T any](s Storage, key string, codec Codec[T], opts ...PersistOption) ProviderOption {
	if s == nil || codec == nil || key == "" {
		misuse(nil, "Persist needs a storage, a key and a codec")
	}
	x := &persistence[T]{keeping{wait: time.Second}, s, key, codec}
	for _, o := range opts {
		if o == nil {
			misuse(nil, "a nil PersistOption was given")
		}
		o.applyTo(&x.keeping)
	}
	return providerOption(func(set *settings) { set.persist = x })
}

// persisted is the persistence of p's settings, or nil.
func persisted[T any](b *base) *persistence[T] {
	given := b.settings().persist
	if given == nil {
		return nil
	}
	x, ok := given.(*persistence[T])
	if !ok {
		misuse(b, "Persist needs a codec of the state's type: give it a Codec[%v]", reflect.TypeFor[T]())
	}
	return x
}

// restore shows what is stored for the element of ref's build, loading, if it has no value
// of its own yet.
func (p *asyncProvider[T]) restore(ctx context.Context, ref Ref, stored *persistence[T]) {
	if stored == nil {
		return
	}
	e := ref.e
	v, ok := stored.restore(ctx, e, func(raw any) (T, bool) { return raw.(*AsyncValue[T]).Value() })
	if !ok {
		return
	}
	var a after
	t := e.c.tree
	t.mu.Lock()
	if now := p.last(e); e.live(ref.gen) && now.load != atRest && !now.has {
		now.value, now.has, now.load = v, true, refreshing
		t.graph.Change(&e.Node, false)
		e.host.(*cell[AsyncValue[T]]).publish(&now)
		t.endStale(&a)
	}
	e.c.settle(&a)
	a.rethrow()
}

// saveKey is one place in one storage.
type saveKey struct {
	storage Storage
	key     string
}

// saving is the saves of one place. It is guarded by the lock of the tree.
type saving struct {
	at       saveKey
	owner    *element
	encode   func(raw any) (data []byte, err error)
	seal     func(data []byte) []byte
	again    bool          // what is stored already is to be written again: it expires
	stored   []byte        // what is known to be stored, encoded
	next     any           // to be saved
	noted    uint64        // states to be saved, ever
	saved    uint64        // of them, or their followers
	busy     bool          // somebody is saving
	step     chan struct{} // closed when saved has grown
	err      error         // of the last save
	restored any           // what the first build of a synchronous notifier has found, until it is published
	unread   bool          // what is stored is not known: the first build's result must not replace it
	shared   bool          // the error for two owners has been told
}

// byHand notes that e's value is about to be written, not built. The lock is held.
func (e *element) byHand() {
	if e.rare != nil && e.rare.saving != nil {
		e.rare.saving.unread = false
	}
}

// save notes that raw is the value of e now. The lock is held.
func (s *saving) save(e *element, raw any) {
	if s.owner != e {
		return
	}
	if s.restored != nil { // of a synchronous build: it is saved already
		s.restored = nil
		return
	}
	if r, ok := raw.(interface{ good() bool }); ok && !r.good() {
		return
	}
	if s.unread {
		s.unread = false
		return
	}
	s.next = raw
	s.noted++
	if s.busy {
		return
	}
	s.busy, s.step = true, make(chan struct{})
	e.c.occupy()
	go s.run(e)
}

// run saves until there is nothing left to save.
func (s *saving) run(e *element) {
	t := e.c.tree
	for {
		t.mu.Lock()
		raw, upTo := s.next, s.noted
		if s.next = nil; raw == nil {
			s.busy = false
			close(s.step)
			if s.owner == nil {
				delete(t.saves, s.at)
			}
			e.c.rest()
			t.mu.Unlock()
			return
		}
		known := s.stored
		s.stored = nil
		t.mu.Unlock()
		data, op, err := s.write(e, raw, known)
		t.mu.Lock()
		s.err, s.saved, s.stored = err, upTo, data
		close(s.step)
		s.step = make(chan struct{})
		t.mu.Unlock()
		if err != nil {
			e.storageFailed(op, s.at.key, err)
		}
	}
}

// write encodes and stores one state, unless it is known to be stored. It returns what is
// stored then, encoded, nil if that is not known.
func (s *saving) write(e *element, raw any, known []byte) (data []byte, op string, err error) {
	if err = guardStorage(e, func() (err error) { data, err = s.encode(raw); return err }); err != nil {
		return known, "encode", err
	}
	if known != nil && bytes.Equal(known, data) && !s.again {
		return known, "", nil
	}
	if err = guardStorage(e, func() error { return s.at.storage.Write(context.Background(), s.at.key, s.seal(data)) }); err != nil {
		return nil, "write", err
	}
	return data, "", nil
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

// restore reads the state of e for the first build of its life, and has the states to come
// saved, of which value takes the data. It returns false if there is nothing, and to those
// that come later in the life.
func (x *persistence[T]) restore(ctx context.Context, e *element, value func(raw any) (T, bool)) (v T, ok bool) {
	s, first := x.own(e, value)
	if !first {
		if s != nil { // the first build is run again
			e.c.tree.mu.Lock()
			v, ok = s.restored.(T)
			e.c.tree.mu.Unlock()
		}
		return v, ok
	}
	type answer struct {
		found[T]
		err error
	}
	got := make(chan answer, 1)
	go func() {
		var r answer
		r.err = guardStorage(e, func() (err error) {
			r.found, err = x.read(ctx)
			return err
		})
		got <- r
	}()
	limit := time.NewTimer(x.wait)
	defer limit.Stop()
	var r answer
	select {
	case r = <-got:
	case <-limit.C:
		r.op, r.err = "read", fmt.Errorf("weir: the storage has not answered in %v: the build goes on without it", x.wait)
	case <-ctx.Done():
		return v, false
	}
	if r.err != nil {
		if r.op == "" {
			r.op = "read"
		}
		e.c.tree.mu.Lock()
		s.unread = r.op == "read"
		e.c.tree.mu.Unlock()
		e.storageFailed(r.op, x.key, r.err)
		return v, false
	}
	e.c.tree.mu.Lock()
	if s.noted == 0 { // else something newer is on its way
		s.stored = r.data
	}
	if r.ok && !e.async {
		s.restored = r.v
	}
	e.c.tree.mu.Unlock()
	return r.v, r.ok
}

// own makes e the owner of its place, after the saves of an earlier life are through, and
// reports whether it is new to it.
func (x *persistence[T]) own(e *element, value func(raw any) (T, bool)) (s *saving, first bool) {
	t := e.c.tree
	at := saveKey{x.storage, x.key}
	t.mu.Lock()
	for {
		if e.more().saving != nil {
			s = e.rare.saving
			t.mu.Unlock()
			return s, false
		}
		if s = t.saves[at]; s == nil || !s.busy || s.owner != nil && !s.owner.c.closed {
			break
		}
		step := s.step
		t.mu.Unlock()
		<-step
		t.mu.Lock()
	}
	if s != nil && s.owner != nil && s.owner != e && !s.owner.c.closed {
		other := s.owner.p
		told := s.shared
		s.shared = true
		t.mu.Unlock()
		if !told {
			e.storageFailed("read", x.key, usage(e.p, "the key %q is in use by %s as well: give each state a key of its own", x.key, other.Name()))
		}
		return nil, false
	}
	s = &saving{at: at, owner: e, seal: x.seal, again: x.expiry > 0}
	s.encode = func(raw any) ([]byte, error) {
		v, _ := value(raw)
		return x.codec.Encode(v)
	}
	if t.saves == nil {
		t.saves = map[saveKey]*saving{}
	}
	t.saves[at] = s
	e.rare.saving = s
	t.mu.Unlock()
	return s, true
}

// unsave ends e's life as the owner of a place. The lock is held.
func (e *element) unsave() {
	s := e.rare.saving
	if s == nil {
		return
	}
	if e.rare.saving, s.owner = nil, nil; !s.busy {
		delete(e.c.tree.saves, s.at)
	}
}

// found is what a storage had.
type found[T any] struct {
	v    T
	ok   bool
	data []byte // encoded, without the record around it
	op   string // what failed
}

// read returns what is stored, if it is to be restored. What cannot be understood is set
// aside under another key, for the next save replaces it.
func (x *persistence[T]) read(ctx context.Context) (f found[T], err error) {
	stored, err := x.storage.Read(ctx, x.key)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return found[T]{op: "read"}, err
	}
	rec, err := unseal(stored, x.key)
	if err == nil && (rec.destroy != x.destroy || !rec.expires.IsZero() && !time.Now().Before(rec.expires)) {
		return found[T]{op: "delete"}, x.storage.Delete(ctx, x.key)
	}
	if err == nil {
		if f.v, err = x.codec.Decode(rec.data); err == nil {
			f.ok, f.data = true, rec.data
			return f, nil
		}
		err = fmt.Errorf("weir: what is stored under %q cannot be decoded: %w", x.key, err)
	}
	return found[T]{op: "decode"}, errors.Join(err, x.storage.Write(ctx, x.key+".damaged", stored))
}

// Persisted waits until the state that p has now is saved, and returns the error of that
// save if it failed, or the cause of ctx if that ends first. Without [Persist], or with
// nothing to save, it returns at once. p's element is not built. A nil ctx or p is a
// *UsageError.
func Persisted(ctx context.Context, s Scope, p AnyProvider) error {
	if ctx == nil {
		misuse(nil, "Persisted needs a context: use context.Background if there is none")
	}
	anyProviders([]AnyProvider{p}, "Persisted")
	at := placeOf(s, p.identity(), "Persisted")
	t := at.c.tree
	t.mu.Lock()
	var all []*saving
	for _, e := range p.elements(at.c) {
		if e.rare != nil && e.rare.saving != nil {
			all = append(all, e.rare.saving)
		}
	}
	upTo := make([]uint64, len(all))
	for i, x := range all {
		upTo[i] = x.noted
	}
	var errs []error
	for i, x := range all {
		for x.saved < upTo[i] {
			step := x.step
			t.mu.Unlock()
			select {
			case <-step:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			t.mu.Lock()
		}
		errs = append(errs, x.err)
	}
	t.mu.Unlock()
	return errors.Join(errs...)
}
