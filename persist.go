package weir

// This file owns the persistence of notifiers' states: the options, and what builds restore.
// When storages are called is saving.go's, how a state becomes bytes record.go's, where those
// are kept storage.go's. No storage or codec is called with the lock held.

import (
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

// RestoreWait sets how long the first build of a life waits for the storage, and what an
// earlier life has still to save there, before it goes on without it; the default is a
// second. If it is ended earlier the next build has the rest of that time. A d that is not
// positive is a *UsageError.
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

// Persist has the state of a notifier saved under key in s, and restored at the beginning of
// each life of its element: by the first build, or the one after it if that ends too early.
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
// with ".damaged" at its end, and what cannot be read, or set aside, is not replaced by what
// the first build returns, only by what is written or built afterwards. What is stored already
// is not written again. Two live elements with one key in one storage are such an error.
//
// The calls for one key come one after the other: one that does not return holds up the saves
// of that key. The context of a Read ends when its answer is of no use any more.
//
// An override of the provider neither restores nor saves: a test leaves what is stored
// alone. In a family give each member a key of its own, in create. A nil s or codec and an
// empty key are a *UsageError; so is an s that cannot be compared with == (give a pointer to
// it), and a provider that is no notifier, or has a state other than T.
func Persist[T any](s Storage, key string, codec Codec[T], opts ...PersistOption) ProviderOption {
	if s == nil || codec == nil || key == "" {
		misuse(nil, "Persist needs a storage, a key and a codec")
	}
	if !reflect.ValueOf(s).Comparable() { // who shares a key is found by it
		misuse(nil, "Persist needs a storage that can be compared, and a %T cannot: give it a pointer", s)
	}
	x := &persistence[T]{keeping: keeping{wait: time.Second}, storage: s, key: key, codec: codec}
	for _, o := range opts {
		if o == nil {
			misuse(nil, "a nil PersistOption was given")
		}
		o.applyTo(&x.keeping)
	}
	return providerOption(func(set *settings) { set.persist = x })
}

// keeper is a persistence without its type.
type keeper interface{ life(ref Ref) *saving }

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

// restoreLoading shows what is stored for the element of ref's build, loading, if it has no value
// of its own yet.
func (x *persistence[T]) restoreLoading(ref Ref) {
	if x == nil {
		return
	}
	v, ok := x.restore(ref)
	if !ok {
		return
	}
	var a after
	e := ref.e
	t := e.c.tree
	t.mu.Lock()
	if now := e.asyncState(); e.live(ref.gen) && !now.resting() && !now.has {
		now.has = true
		if now.load == firstLoad {
			now.load = refreshing
		}
		t.graph.Change(&e.Node, false)
		e.give(&AsyncValue[T]{v, now}, true)
		t.endStale(&a)
	}
	e.c.settle(&a)
	a.rethrow()
}

// keptOf is what is kept of a snapshot, which may be that of an AsyncValue.
func keptOf[T any](raw any) T {
	if v, ok := raw.(*AsyncValue[T]); ok {
		return v.value
	}
	return *raw.(*T)
}

// restore returns what the build of ref begins with: what is stored, until this life of the
// element has a state of its own. The states to come are saved.
func (x *persistence[T]) restore(ref Ref) (v T, ok bool) {
	e := ref.e
	e.c.tree.mu.Lock()
	s := x.life(ref)
	var other *base
	wait := s != nil && s.slot != nil && !s.settled
	if s != nil {
		other, s.other = s.other, nil
	}
	e.c.tree.mu.Unlock()
	if other != nil {
		e.storageFailed("read", x.key, usage(e.p, "the key %q is in use by %s as well: give each state a key of its own", x.key, other.Name()))
	}
	if !wait {
		return v, false
	}
	limit := time.NewTimer(time.Until(s.limit))
	defer limit.Stop()
	over := ref.Context().Done()
	w := e.blocks()
	select {
	case <-s.ready:
	case <-limit.C:
	case <-over:
	}
	e.unblocks(w)
	f, late := s.take(ref)
	if late {
		e.storageFailed("read", x.key, fmt.Errorf("weir: the storage has not answered in %v: the build goes on without it", x.wait))
	}
	v, _ = f.v.(T)
	return v, f.ok
}

// life returns the saving of the life that ref's build belongs to, which the first build
// makes; nil if that build is over before. The lock is held.
func (x *persistence[T]) life(ref Ref) *saving {
	e := ref.e
	if s := e.more().saving; s != nil || !e.live(ref.gen) || e.c.closed {
		return s
	}
	e.c.contextLocked()
	ctx, stop := context.WithCancel(e.c.values)
	s := &saving{e: e, seal: x.seal, renew: x.expiry > 0, stop: stop, limit: time.Now().Add(x.wait), ready: make(chan struct{})}
	s.fetch = func() (found, error) { return x.read(ctx, e) }
	s.encode = func(raw any) ([]byte, error) { return x.codec.Encode(keptOf[T](raw)) }
	e.rare.saving = s
	s.own(e.c.tree, storedKey{x.storage, x.key})
	return s
}

// read returns what is stored, if it is to be restored; when ctx ends nobody needs it. What
// cannot be understood is set aside under another key, for the next save replaces it.
func (x *persistence[T]) read(ctx context.Context, e *element) (found, error) {
	var stored []byte
	missing := false
	err := guardStorage(e, func() (err error) {
		stored, err = x.storage.Read(ctx, x.key)
		missing = errors.Is(err, fs.ErrNotExist)
		return err
	})
	switch {
	case missing:
		return found{}, nil
	case err != nil && ctx.Err() != nil:
		return found{unread: true}, nil
	case err != nil:
		return found{op: "read", unread: true}, err
	}
	ctx = context.WithoutCancel(ctx) // what is begun is brought to its end
	rec, err := unseal(stored, x.key)
	if err == nil && (rec.destroy != x.destroy || !rec.expires.IsZero() && !time.Now().Before(rec.expires)) {
		return found{op: "delete"}, guardStorage(e, func() error { return x.storage.Delete(ctx, x.key) })
	}
	if err == nil {
		var v T
		if err = guardStorage(e, func() (err error) { v, err = x.codec.Decode(rec.data); return err }); err == nil {
			return found{v: v, ok: true, data: rec.data}, nil
		}
		err = fmt.Errorf("weir: what is stored under %q cannot be decoded: %w", x.key, err)
	}
	aside := guardStorage(e, func() error { return x.storage.Write(ctx, x.key+".damaged", stored) })
	return found{op: "decode", unread: aside != nil}, errors.Join(err, aside)
}

// Persisted waits until the state that p has now is saved, or had last if its element is
// gone, and returns the error of that save if it failed, or the cause of ctx if that ends
// first. Without [Persist], or with nothing to save, it returns at once. p's element is not
// built. A nil ctx or p is a *UsageError.
func Persisted(ctx context.Context, s Scope, p AnyProvider) error {
	if ctx == nil {
		misuse(nil, "Persisted needs a context: use context.Background if there is none")
	}
	anyProviders([]AnyProvider{p}, "Persisted")
	at := placeOf(s, p.identity(), "Persisted")
	t := at.c.tree
	t.mu.Lock()
	all := at.c.slots(p)
	upTo := make([]uint64, len(all))
	for i, x := range all {
		upTo[i] = x.noted
	}
	var errs []error
	for i, x := range all {
		for x.saved < upTo[i] {
			if x.step == nil {
				x.step = make(chan struct{})
			}
			step := x.step
			t.mu.Unlock()
			w := t.blocks()
			select {
			case <-step:
				t.unblocks(w)
			case <-ctx.Done():
				t.unblocks(w)
				return context.Cause(ctx)
			}
			t.mu.Lock()
		}
		errs = append(errs, x.err)
	}
	t.mu.Unlock()
	return errors.Join(errs...)
}
