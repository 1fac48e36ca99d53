package weir

// This file owns overrides: what replaces a provider in one container. The replacement is
// a provider of its own that makes the element; identity and options stay the original's.

import (
	"context"

	"github.com/weir-go/weir/internal/graph"
)

// Override replaces a provider in the container that it is given to. The methods
// OverrideWithValue, OverrideWithData, OverrideWith and OverrideWithBuild of providers make
// them, and OverrideWith of families; a nil function is a *UsageError there. One may be given
// to any number of containers.
type Override interface {
	ContainerOption
	override()
}

type override struct {
	p *base
	*replacement
}

// replacement is what an override puts in a provider's place. It never changes: UpdateOverrides
// exchanges it for another, under the lock.
type replacement struct {
	by     impl                    // of a provider: what makes its elements
	member func(member *base) impl // of a family: what makes the elements of a member
}

func (override) override() {}

func (o override) applyTo(c *Container) {
	if c.overrides.of(o.p) != nil {
		misuse(o.p, "overridden twice in one container: leave one of the overrides out")
	}
	c.overrides.add(o)
}

// overrides are those of one container: which there are is fixed when it is made.
type overrides struct {
	all      []override
	index    map[*base]int  // where each is, of more than few
	families map[*base]bool // those with members among them, of more than few
}

func (os *overrides) add(o override) {
	os.all = append(os.all, o)
	switch i := len(os.all) - 1; {
	case i > few:
		os.enter(i)
	case i == few:
		os.index, os.families = map[*base]int{}, map[*base]bool{}
		for i := range os.all {
			os.enter(i)
		}
	}
}

func (os *overrides) enter(i int) {
	p := os.all[i].p
	os.index[p] = i
	if p.member != nil {
		os.families[p.member.family] = true
	}
}

// of returns the override of p itself, or nil.
func (os *overrides) of(p *base) *override {
	if os.index != nil {
		if i, ok := os.index[p]; ok {
			return &os.all[i]
		}
		return nil
	}
	for i := range os.all {
		if os.all[i].p == p {
			return &os.all[i]
		}
	}
	return nil
}

// among reports whether a member of family is overridden.
func (os *overrides) among(family *base) bool {
	if os.families != nil {
		return os.families[family]
	}
	for i := range os.all {
		if m := os.all[i].p.member; m != nil && m.family == family {
			return true
		}
	}
	return false
}

// WithOverrides gives the container overrides. Overriding a provider twice is a
// *UsageError.
func WithOverrides(os ...Override) ContainerOption {
	return containerOption(func(c *Container) {
		for _, o := range os {
			if o == nil {
				misuse(nil, "a nil Override was given")
			}
			o.applyTo(c)
		}
	})
}

// UpdateOverrides replaces overrides of the container by others of the same providers and
// families, and rebuilds what was built by them as after a change of a dependency; what
// was never built is not built (rule S5). An element is told of a change only if its value
// differs. A provider that is not overridden in this container, and one that is named
// twice, is a *UsageError, and then nothing is updated; so it is when the function of a
// family's override panics, which goes to the caller. After Close it does nothing (D16).
func (c *Container) UpdateOverrides(os ...Override) {
	c.valid("UpdateOverrides")
	next := make([]override, len(os))
	for i, o := range os {
		if o == nil {
			misuse(nil, "UpdateOverrides with a nil Override")
		}
		next[i] = o.(override)
	}
	var a after
	t := c.tree
	t.mu.Lock()
	if p, wrong := c.cannotUpdate(next); wrong != "" && !c.closed {
		t.mu.Unlock()
		misuse(p, "%s", wrong)
	}
	// What the functions of families make is code of the user's: it is there before the one
	// step in which all is exchanged, so that others see all of it or nothing.
	made := map[*base]impl{}
	for missing := c.unmade(next, made); len(missing) > 0 && !c.closed; missing = c.unmade(next, made) {
		t.mu.Unlock()
		for _, makeOne := range missing {
			makeOne()
		}
		t.mu.Lock()
	}
	if !c.closed {
		for _, o := range next {
			c.overrides.of(o.p).replacement = o.replacement
			if o.member == nil {
				if e := c.table.find(o.p); e != nil {
					e.retarget(o.by, &a)
				}
				continue
			}
			for _, e := range c.membersBy(o.p) {
				e.retarget(made[e.p], &a)
			}
		}
	}
	c.done(&a)
}

// unmade returns what makes, into made, those members in c that families among os override
// and made does not have. The lock is held, and must not be when they are called.
func (c *Container) unmade(os []override, made map[*base]impl) (missing []func()) {
	for _, o := range os {
		if o.member == nil {
			continue
		}
		for _, e := range c.membersBy(o.p) {
			if p := e.p; made[p] == nil {
				missing = append(missing, func() { made[p] = o.member(p) })
			}
		}
	}
	return missing
}

// switchTo has the next build of e, and those after it, made by by.
func (e *element) switchTo(by impl) {
	was, next := e.host.switchTo(by), by.identity()
	if next != was && (next.makes || was.makes) { // another create function: its notifier is another
		e.rare.vacate(e.newest)
	}
	e.madeBy(by)
}

// retarget has e's builds made by by from now on, and ends the live one. The lock is held.
func (e *element) retarget(by impl, a *after) {
	e.more().retarget = by
	if e.Phase() == graph.Absent {
		return
	}
	e.cause |= byReload
	e.end(ErrInvalidated, a)
	e.halted()
	t := e.c.tree
	t.writes++
	t.graph.Invalidate(&e.Node)
}

// cannotUpdate says why os cannot take the place of overrides of c, and of which provider.
func (c *Container) cannotUpdate(os []override) (*base, string) {
	named := make(map[*base]bool, len(os))
	for _, o := range os {
		if c.overrides.of(o.p) == nil {
			return o.p, "UpdateOverrides of what this container does not override: overrides are given to NewContainer"
		}
		if named[o.p] {
			return o.p, "named twice in UpdateOverrides: leave one of the overrides out"
		}
		named[o.p] = true
	}
	return nil, ""
}

// membersBy returns the elements in c that the override of family makes.
func (c *Container) membersBy(family *base) (es []*element) {
	for e := range c.table.all {
		if m := e.p.member; m != nil && m.family == family && c.overrides.of(e.p) == nil {
			es = append(es, e)
		}
	}
	return es
}

// overrideBuild is an override of a synchronous provider.
func overrideBuild[S any](p *provider[S], build func(ref Ref) S) Override {
	x := &struct { // one allocation for both
		put replacement
		by  provider[S]
	}{}
	x.by.equal, x.by.build = p.equal, build
	x.put.by = &x.by
	return override{&p.base, &x.put}
}

// OverrideWithValue makes an override by a fixed value.
func (p *Provider[T]) OverrideWithValue(v T) Override {
	p.identity().usable("OverrideWithValue")
	return overrideBuild(&p.provider, func(Ref) T { return v })
}

// OverrideWith makes an override by another build function.
func (p *Provider[T]) OverrideWith(build func(ref Ref) T) Override {
	if b := p.identity().usable("OverrideWith"); build == nil {
		misuse(b, "OverrideWith needs a build function")
	}
	return overrideBuild(&p.provider, build)
}

// OverrideWithValue makes an override by a state that starts as v.
func (p *StateProvider[T]) OverrideWithValue(v T) Override {
	p.identity().usable("OverrideWithValue")
	return overrideBuild(&p.provider, func(Ref) T { return v })
}

// OverrideWith makes an override by another initial function.
func (p *StateProvider[T]) OverrideWith(initial func(ref Ref) T) Override {
	if b := p.identity().usable("OverrideWith"); initial == nil {
		misuse(b, "OverrideWith needs an initial function")
	}
	return overrideBuild(&p.provider, initial)
}

// overrideAsync is an override of an asynchronous provider whose builds by makes.
func overrideAsync[T any](p, by *asyncProvider[T]) Override {
	by.same, by.equal, by.impl, by.base.async = p.same, p.equal, by, by.build == nil
	by.set = &settings{name: p.base.Name()} // its own panics are named after p
	return override{&p.base, &replacement{by: by}}
}

// overrideState is an override of an asynchronous provider by a fixed state: it follows
// on the one before as a result does (rule A1, D16).
func overrideState[T any](p *asyncProvider[T], v AsyncValue[T]) Override {
	return overrideAsync(p, &asyncProvider[T]{make: p.make, provider: provider[AsyncValue[T]]{build: func(ref Ref) AsyncValue[T] {
		prev := p.last(ref.e)
		rest := prev
		rest.asyncState = prev.settled()
		next := rest.assigned(v)
		p.noteNews(ref.e, prev.asyncState, &next)
		return next
	}}})
}

// OverrideWithValue makes an override by a fixed state, which may be loading or failed.
func (p *FutureProvider[T]) OverrideWithValue(v AsyncValue[T]) Override {
	p.identity().usable("OverrideWithValue")
	return overrideState(&p.asyncProvider, v)
}

// OverrideWithData is OverrideWithValue of [Data](v).
func (p *FutureProvider[T]) OverrideWithData(v T) Override {
	p.identity().usable("OverrideWithData")
	return overrideState(&p.asyncProvider, Data(v))
}

// OverrideWith makes an override by another build function. Of a Try provider it stays
// synchronous.
func (p *FutureProvider[T]) OverrideWith(build func(ctx context.Context, ref Ref) (T, error)) Override {
	if b := p.identity().usable("OverrideWith"); build == nil {
		misuse(b, "OverrideWith needs a build function")
	}
	by := &asyncProvider[T]{}
	if p.try != nil {
		by.try = func(ref Ref) (T, error) { return build(ref.Context(), ref) }
		by.build, by.tries = by.attempt, true
	} else {
		by.fetch = build
	}
	return overrideAsync(&p.asyncProvider, by)
}

// OverrideWithValue makes an override by a fixed state, which may be loading or failed.
func (p *StreamProvider[T]) OverrideWithValue(v AsyncValue[T]) Override {
	p.identity().usable("OverrideWithValue")
	return overrideState(&p.asyncProvider, v)
}

// OverrideWithData is OverrideWithValue of [Data](v).
func (p *StreamProvider[T]) OverrideWithData(v T) Override {
	p.identity().usable("OverrideWithData")
	return overrideState(&p.asyncProvider, Data(v))
}

// OverrideWith makes an override by another build function.
func (p *StreamProvider[T]) OverrideWith(build func(ctx context.Context, ref Ref, emit func(T) bool) error) Override {
	if b := p.identity().usable("OverrideWith"); build == nil {
		misuse(b, "OverrideWith needs a build function")
	}
	return overrideAsync(&p.asyncProvider, &asyncProvider[T]{stream: build})
}

// OverrideWithValue makes an override by a state that starts as v. The notifier is made as
// ever; its Build is not called.
func (p *NotifierProvider[N, T]) OverrideWithValue(v T) Override {
	p.identity().usable("OverrideWithValue")
	return p.OverrideWithBuild(func(Ref, N) T { return v })
}

// OverrideWith makes an override by the notifiers that create makes.
func (p *NotifierProvider[N, T]) OverrideWith(create func() N) Override {
	if b := p.identity().usable("OverrideWith"); create == nil {
		misuse(b, "OverrideWith needs a create function")
	}
	by := &provider[T]{equal: p.equal, build: p.building(create, func(ref Ref, n N) T { return n.Build(ref) })}
	by.makes = true
	return override{&p.base, &replacement{by: by}}
}

// OverrideWithBuild makes an override of the Build method alone: self is the notifier that
// is made as ever (D13).
func (p *NotifierProvider[N, T]) OverrideWithBuild(build func(ref Ref, self N) T) Override {
	if b := p.identity().usable("OverrideWithBuild"); build == nil {
		misuse(b, "OverrideWithBuild needs a build function")
	}
	return overrideBuild(&p.provider, p.building(p.create, build))
}

// OverrideWithValue makes an override by a fixed state, which may be loading or failed. The
// notifier is made as ever; its Build is not called.
func (p *AsyncNotifierProvider[N, T]) OverrideWithValue(v AsyncValue[T]) Override {
	p.identity().usable("OverrideWithValue")
	return overrideState(&p.asyncProvider, v)
}

// OverrideWithData is OverrideWithValue of [Data](v).
func (p *AsyncNotifierProvider[N, T]) OverrideWithData(v T) Override {
	p.identity().usable("OverrideWithData")
	return overrideState(&p.asyncProvider, Data(v))
}

// OverrideWith makes an override by the notifiers that create makes.
func (p *AsyncNotifierProvider[N, T]) OverrideWith(create func() N) Override {
	if b := p.identity().usable("OverrideWith"); create == nil {
		misuse(b, "OverrideWith needs a create function")
	}
	by := &asyncProvider[T]{}
	by.makes = true
	p.building(by, create, func(ctx context.Context, ref Ref, n N) (T, error) { return n.Build(ctx, ref) })
	return overrideAsync(&p.asyncProvider, by)
}

// OverrideWithBuild makes an override of the Build method alone: self is the notifier that
// is made as ever (D13).
func (p *AsyncNotifierProvider[N, T]) OverrideWithBuild(build func(ctx context.Context, ref Ref, self N) (T, error)) Override {
	if b := p.identity().usable("OverrideWithBuild"); build == nil {
		misuse(b, "OverrideWithBuild needs a build function")
	}
	by := &asyncProvider[T]{}
	p.building(by, p.create, build)
	return overrideAsync(&p.asyncProvider, by)
}

// OverrideWithValue makes an override by a fixed state, which may be loading or failed. The
// notifier is made as ever; its Build is not called.
func (p *StreamNotifierProvider[N, T]) OverrideWithValue(v AsyncValue[T]) Override {
	p.identity().usable("OverrideWithValue")
	return overrideState(&p.asyncProvider, v)
}

// OverrideWithData is OverrideWithValue of [Data](v).
func (p *StreamNotifierProvider[N, T]) OverrideWithData(v T) Override {
	p.identity().usable("OverrideWithData")
	return overrideState(&p.asyncProvider, Data(v))
}

// OverrideWith makes an override by the notifiers that create makes.
func (p *StreamNotifierProvider[N, T]) OverrideWith(create func() N) Override {
	if b := p.identity().usable("OverrideWith"); create == nil {
		misuse(b, "OverrideWith needs a create function")
	}
	by := &asyncProvider[T]{}
	by.makes = true
	p.building(by, create, func(ctx context.Context, ref Ref, n N, emit func(T) bool) error { return n.Build(ctx, ref, emit) })
	return overrideAsync(&p.asyncProvider, by)
}

// OverrideWithBuild makes an override of the Build method alone: self is the notifier that
// is made as ever (D13).
func (p *StreamNotifierProvider[N, T]) OverrideWithBuild(build func(ctx context.Context, ref Ref, self N, emit func(T) bool) error) Override {
	if b := p.identity().usable("OverrideWithBuild"); build == nil {
		misuse(b, "OverrideWithBuild needs a build function")
	}
	by := &asyncProvider[T]{}
	p.building(by, p.create, build)
	return overrideAsync(&p.asyncProvider, by)
}
