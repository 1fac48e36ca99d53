package weir

// This file owns Family: providers by key, one pointer for each key for as long as
// anything holds it. The map holds its members weakly, so a family costs nothing for
// keys that are no longer used.

import (
	"runtime"
	"sync"
	"weak"
)

// Family makes a provider for each key. As an [AnyProvider] it stands for all its live
// members. It is safe for concurrent use.
type Family[K comparable, P any] struct {
	base
	create  func(key K) *P
	asBase  func(p *P) *base
	opts    []ProviderOption
	mu      sync.RWMutex // guards members
	members map[K]weak.Pointer[P]
}

// providerPtr is satisfied by pointers to provider kinds.
type providerPtr[P any] interface {
	*P
	AnyProvider
}

// NewFamily returns a family whose members create makes, with opts applied to each of
// them on top of their own. create must make a new provider at each call; it may run
// again for a key whose member nobody holds any more. A nil create is a *UsageError.
//
// A family that refers to itself in create needs to be assigned in func init.
func NewFamily[K comparable, P any, PP providerPtr[P]](create func(key K) PP, opts ...ProviderOption) *Family[K, P] {
	return newFamily(familyKind, create, opts)
}

// newFamily is NewFamily; its caller is the constructor.
func newFamily[K comparable, P any, PP providerPtr[P]](kind kindOf, create func(key K) PP, opts []ProviderOption) *Family[K, P] {
	f := &Family[K, P]{opts: opts, members: make(map[K]weak.Pointer[P])}
	var pc [1]uintptr // as in provider.init
	runtime.Callers(3, pc[:])
	newBase(&f.base, kind, nil, pc[0], opts)
	if create == nil {
		misuse(&f.base, "NewFamily needs a create function")
	}
	f.create = func(key K) *P { return (*P)(create(key)) }
	f.asBase = func(p *P) *base { return PP(p).identity() }
	return f
}

// Of returns the member for key: the same pointer for the same key for as long as
// anything holds it, an element of a container included. It runs create, without a lock,
// if there is none; of two callers that race one member wins. A panic in create goes to
// the caller and leaves nothing behind. A create that returns nil, or a provider that it
// returned before, is a *UsageError. A key that is not equal to itself, such as NaN, has a new
// member at each call.
func (f *Family[K, P]) Of(key K) *P {
	if f == nil || f.create == nil {
		misuse(nil, "Of called on a nil or zero Family: make it with NewFamily")
	}
	if p := f.lookup(key); p != nil {
		return p
	}
	p := f.create(key)
	b := f.asBase(p)
	if b == nil || b.id == 0 {
		misuse(&f.base, "create returned no provider for key %v", key)
	}
	there, ok := f.admit(key, p, b)
	if !ok { // without the lock: the text of a key may be code of the user's
		misuse(&f.base, "create returned a provider that belongs to a family already, for key %v: make a new one at each call", key)
	}
	return there
}

// admit makes p, whose base is b, the member for key, unless there is one by now, and returns
// the member. It is not ok if p belongs to a family already.
func (f *Family[K, P]) admit(key K, p *P, b *base) (there *P, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if other := f.members[key].Value(); other != nil {
		return other, true
	}
	if b.member != nil {
		return nil, false
	}
	f.configure(b)
	b.member = &member{family: &f.base, key: key}
	if same := key; same != key { // NaN: a map would never give it back, nor let it go. The copy is for go vet.
		return p, true
	}
	w := weak.Make(p)
	f.members[key] = w
	runtime.AddCleanup(p, func(gone struct{ key K }) { // a struct: AddCleanup cannot take an interface that is nil
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.members[gone.key] == w {
			delete(f.members, gone.key)
		}
	}, struct{ key K }{key})
	return p, true
}

func (f *Family[K, P]) lookup(key K) *P {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.members[key].Value()
}

func (f *Family[K, P]) identity() *base {
	if f == nil {
		return nil
	}
	return &f.base
}

func (f *Family[K, P]) elements(c *Container) (es []*element) {
	for x := range c.chain {
		for e := range x.table.all {
			if e.p.member != nil && e.p.member.family == &f.base && (x == c || c.home(e.p) == x) {
				es = append(es, e)
			}
		}
	}
	return es
}

// OverrideWith makes an override of the whole family: its members are built by those that
// create makes, with the family's options applied to them; an override of a single member
// goes before. create must make a new provider at each call; it may run for a key whenever
// its member is built anew. A panic in it goes to the caller that needs the member.
func (f *Family[K, P]) OverrideWith(create func(key K) *P) Override {
	if f == nil || f.create == nil {
		misuse(nil, "OverrideWith called on a nil or zero Family: make it with NewFamily")
	}
	if create == nil {
		misuse(&f.base, "OverrideWith needs a create function")
	}
	return override{&f.base, &replacement{member: func(m *base) impl {
		key, _ := m.member.key.(K) // of an interface it may be nil, which is of no type
		b := f.asBase(create(key))
		if b == nil || b.id == 0 {
			misuse(&f.base, "create returned no provider for key %v", m.member.key)
		}
		f.configure(b)
		return b.impl
	}}}
}

// configure gives b the family's options on top of its own.
func (f *Family[K, P]) configure(b *base) {
	if len(f.opts) > 0 {
		s := *b.settings()
		apply(b, &s, f.opts)
		b.set = &s
		b.impl.(decider).decide() // Equal may have come with the options
	}
}
