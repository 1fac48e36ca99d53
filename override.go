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

// OverrideWithValue makes an override by a fixed state, which may be loading or failed.
func (p *FutureProvider[T]) OverrideWithValue(v AsyncValue[T]) Override {
	p.watchable("OverrideWithValue")
	return overrideBuild(&p.provider, func(Ref) AsyncValue[T] { return v })
}

// OverrideWithData is OverrideWithValue of [Data](v).
func (p *FutureProvider[T]) OverrideWithData(v T) Override {
	p.watchable("OverrideWithData")
	return p.OverrideWithValue(Data(v))
}

// OverrideWith makes an override by another build function. Of a Try provider it stays
// synchronous.
func (p *FutureProvider[T]) OverrideWith(build func(ctx context.Context, ref Ref) (T, error)) Override {
	b := p.watchable("OverrideWith")
	if build == nil {
		misuse(b, "OverrideWith needs a build function")
	}
	by := &FutureProvider[T]{same: p.same}
	by.equal, by.future = p.equal, by
	by.set = &settings{name: b.Name()}
	if p.try != nil {
		by.try = func(ref Ref) (T, error) { return build(ref.Context(), ref) }
		by.build = by.attempt
	} else {
		by.fetch = build
	}
	return override{b, by}
}
