package weir

// This file owns overrides: what replaces a provider in one container. The replacement is
// a provider of its own that makes the element; identity and options stay the original's.

import "context"

// Override replaces a provider in the container that it is given to. The methods
// OverrideWithValue, OverrideWith and OverrideWithData of providers make them.
type Override interface {
	ContainerOption
	override()
}

type override struct {
	p  *base
	by impl
}

func (override) override() {}

func (o override) applyTo(c *Container) {
	if _, ok := c.overrides[o.p]; ok {
		misuse(o.p, "overridden twice in one container: leave one of the overrides out")
	}
	if c.overrides == nil {
		c.overrides = map[*base]impl{}
	}
	c.overrides[o.p] = o.by
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

// overrideBuild is an override of a synchronous provider.
func overrideBuild[S any](p *provider[S], build func(ref Ref) S) Override {
	return override{&p.base, &provider[S]{equal: p.equal, build: build, future: p.future}}
}

// OverrideWithValue makes an override by a fixed value.
func (p *Provider[T]) OverrideWithValue(v T) Override {
	p.watchable("OverrideWithValue")
	return overrideBuild(&p.provider, func(Ref) T { return v })
}

// OverrideWith makes an override by another build function.
func (p *Provider[T]) OverrideWith(build func(ref Ref) T) Override {
	if b := p.watchable("OverrideWith"); build == nil {
		misuse(b, "OverrideWith needs a build function")
	}
	return overrideBuild(&p.provider, build)
}

// OverrideWithValue makes an override by a state that starts as v.
func (p *StateProvider[T]) OverrideWithValue(v T) Override {
	p.watchable("OverrideWithValue")
	return overrideBuild(&p.provider, func(Ref) T { return v })
}

// OverrideWith makes an override by another initial function.
func (p *StateProvider[T]) OverrideWith(initial func(ref Ref) T) Override {
	if b := p.watchable("OverrideWith"); initial == nil {
		misuse(b, "OverrideWith needs an initial function")
	}
	return overrideBuild(&p.provider, initial)
}

// overrideAsync is an override of an asynchronous provider whose builds by makes.
func overrideAsync[T any](p, by *asyncProvider[T]) Override {
	by.same, by.equal, by.future = p.same, p.equal, by
	by.set = &settings{name: p.base.Name()} // its own panics are named after p
	return override{&p.base, by}
}

// overrideState is an override of an asynchronous provider by a fixed state: it follows
// on the one before as a result does (rule A1, D16).
func overrideState[T any](p *asyncProvider[T], v AsyncValue[T]) Override {
	return overrideAsync(p, &asyncProvider[T]{make: p.make, provider: provider[AsyncValue[T]]{build: func(ref Ref) AsyncValue[T] {
		return p.last(ref.e).settled().assigned(v)
	}}})
}

// OverrideWithValue makes an override by a fixed state, which may be loading or failed.
func (p *FutureProvider[T]) OverrideWithValue(v AsyncValue[T]) Override {
	p.watchable("OverrideWithValue")
	return overrideState(&p.asyncProvider, v)
}

// OverrideWithData is OverrideWithValue of [Data](v).
func (p *FutureProvider[T]) OverrideWithData(v T) Override {
	p.watchable("OverrideWithData")
	return overrideState(&p.asyncProvider, Data(v))
}

// OverrideWith makes an override by another build function. Of a Try provider it stays
// synchronous.
func (p *FutureProvider[T]) OverrideWith(build func(ctx context.Context, ref Ref) (T, error)) Override {
	if b := p.watchable("OverrideWith"); build == nil {
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
	p.watchable("OverrideWithValue")
	return overrideState(&p.asyncProvider, v)
}

// OverrideWithData is OverrideWithValue of [Data](v).
func (p *StreamProvider[T]) OverrideWithData(v T) Override {
	p.watchable("OverrideWithData")
	return overrideState(&p.asyncProvider, Data(v))
}

// OverrideWith makes an override by another build function.
func (p *StreamProvider[T]) OverrideWith(build func(ctx context.Context, ref Ref, emit func(T) bool) error) Override {
	if b := p.watchable("OverrideWith"); build == nil {
		misuse(b, "OverrideWith needs a build function")
	}
	return overrideAsync(&p.asyncProvider, &asyncProvider[T]{stream: build})
}

// OverrideWithValue makes an override by a state that starts as v. The notifier is made as
// ever; its Build is not called.
func (p *NotifierProvider[N, T]) OverrideWithValue(v T) Override {
	return p.OverrideWithBuild(func(Ref, N) T { return v })
}

// OverrideWith makes an override by the notifiers that create makes.
func (p *NotifierProvider[N, T]) OverrideWith(create func() N) Override {
	if b := p.watchable("OverrideWith"); create == nil {
		misuse(b, "OverrideWith needs a create function")
	}
	return overrideBuild(&p.provider, p.building(create, func(ref Ref, n N) T { return n.Build(ref) }))
}

// OverrideWithBuild makes an override of the Build method alone: self is the notifier that
// is made as ever (D13).
func (p *NotifierProvider[N, T]) OverrideWithBuild(build func(ref Ref, self N) T) Override {
	if b := p.watchable("OverrideWithBuild"); build == nil {
		misuse(b, "OverrideWithBuild needs a build function")
	}
	return overrideBuild(&p.provider, p.building(p.create, build))
}

// OverrideWithValue makes an override by a fixed state, which may be loading or failed. The
// notifier is made as ever; its Build is not called.
func (p *AsyncNotifierProvider[N, T]) OverrideWithValue(v AsyncValue[T]) Override {
	p.watchable("OverrideWithValue")
	return overrideState(&p.asyncProvider, v)
}

// OverrideWithData is OverrideWithValue of [Data](v).
func (p *AsyncNotifierProvider[N, T]) OverrideWithData(v T) Override {
	p.watchable("OverrideWithData")
	return overrideState(&p.asyncProvider, Data(v))
}

// OverrideWith makes an override by the notifiers that create makes.
func (p *AsyncNotifierProvider[N, T]) OverrideWith(create func() N) Override {
	if b := p.watchable("OverrideWith"); create == nil {
		misuse(b, "OverrideWith needs a create function")
	}
	by := &asyncProvider[T]{}
	p.building(by, create, func(ctx context.Context, ref Ref, n N) (T, error) { return n.Build(ctx, ref) })
	return overrideAsync(&p.asyncProvider, by)
}

// OverrideWithBuild makes an override of the Build method alone: self is the notifier that
// is made as ever (D13).
func (p *AsyncNotifierProvider[N, T]) OverrideWithBuild(build func(ctx context.Context, ref Ref, self N) (T, error)) Override {
	if b := p.watchable("OverrideWithBuild"); build == nil {
		misuse(b, "OverrideWithBuild needs a build function")
	}
	by := &asyncProvider[T]{}
	p.building(by, p.create, build)
	return overrideAsync(&p.asyncProvider, by)
}

// OverrideWithValue makes an override by a fixed state, which may be loading or failed. The
// notifier is made as ever; its Build is not called.
func (p *StreamNotifierProvider[N, T]) OverrideWithValue(v AsyncValue[T]) Override {
	p.watchable("OverrideWithValue")
	return overrideState(&p.asyncProvider, v)
}

// OverrideWithData is OverrideWithValue of [Data](v).
func (p *StreamNotifierProvider[N, T]) OverrideWithData(v T) Override {
	p.watchable("OverrideWithData")
	return overrideState(&p.asyncProvider, Data(v))
}

// OverrideWith makes an override by the notifiers that create makes.
func (p *StreamNotifierProvider[N, T]) OverrideWith(create func() N) Override {
	if b := p.watchable("OverrideWith"); create == nil {
		misuse(b, "OverrideWith needs a create function")
	}
	by := &asyncProvider[T]{}
	p.building(by, create, func(ctx context.Context, ref Ref, n N, emit func(T) bool) error { return n.Build(ctx, ref, emit) })
	return overrideAsync(&p.asyncProvider, by)
}

// OverrideWithBuild makes an override of the Build method alone: self is the notifier that
// is made as ever (D13).
func (p *StreamNotifierProvider[N, T]) OverrideWithBuild(build func(ctx context.Context, ref Ref, self N, emit func(T) bool) error) Override {
	if b := p.watchable("OverrideWithBuild"); build == nil {
		misuse(b, "OverrideWithBuild needs a build function")
	}
	by := &asyncProvider[T]{}
	p.building(by, p.create, build)
	return overrideAsync(&p.asyncProvider, by)
}
