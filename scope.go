package weir

// This file owns where a provider lives: in which container of a tree its element is
// (rules S1, S2), and which containers a call concerns. Containers are in container.go,
// the overrides that decide it in override.go.

// Scoped says that child containers may override the provider, and that it watches the
// scoped providers or families deps: then it lives in the nearest container that
// overrides it or one of those, directly or through what they declare (rule S2). A
// provider that is not Scoped lives in the root, unless its own build must not be shared:
// watching a scoped provider without naming it here is a *UsageError. Of a [Family] the
// option stands for all its members. They may watch each other, so where a child overrides
// one of them the others live as well.
func Scoped(deps ...AnyProvider) ProviderOption {
	anyProviders(deps, "Scoped")
	return providerOption(func(s *settings) {
		s.scoped = true
		for _, d := range deps {
			s.deps = append(s.deps, d.identity())
		}
	})
}

// WithParent makes the container a child of c: it shares everything with c but what it
// overrides, and what is [Scoped] to that (rule S1). It is closed before c is (S3); the
// child of a closed container is made closed (D16). Options that are not given are
// those of c. A nil or zero c is a *UsageError.
func WithParent(c *Container) ContainerOption {
	c.valid("WithParent")
	return containerOption(func(child *Container) { child.parent = c })
}

// home returns the container in which p's element is, seen from c (rule S1).
func (c *Container) home(p *base) *Container {
	if c.parent == nil {
		return c
	}
	if !p.settings().scoped {
		return c.root
	}
	for x := range c.chain {
		if x.override(p) != nil {
			return x // and stays there, whatever is overridden below (D18)
		}
	}
	for x := c; x.parent != nil; x = x.parent {
		if x.hosts(p) {
			return x
		}
	}
	return c.root
}

// hosts reports whether c overrides something that p has declared to watch. A member may
// watch the others of its family without a word, so they are always among it.
func (c *Container) hosts(p *base) bool {
	s := p.settings()
	if len(c.overrides.all) == 0 {
		return false
	}
	if p.member != nil && c.overridesAny(p.member.family) {
		return true
	}
	if len(s.deps) == 0 {
		return false
	}
	seen := map[*base]bool{p: true}
	todo := append([]*base(nil), s.deps...)
	for len(todo) > 0 {
		d := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[d] {
			continue
		}
		seen[d] = true
		if c.overridesAny(d) {
			return true
		}
		todo = append(todo, d.settings().deps...)
	}
	return false
}

// override returns what replaces p in c, of a member also what replaces its family, or nil.
func (c *Container) override(p *base) *override {
	if o := c.overrides.of(p); o != nil || p.member == nil {
		return o
	}
	return c.overrides.of(p.member.family)
}

// overridesAny reports whether c overrides d, of a family also one of its members.
func (c *Container) overridesAny(d *base) bool {
	return c.override(d) != nil || c.overrides.among(d)
}

// declares is a *UsageError if the build of e, which uses p, has not said so although p is
// scoped (rules S2, D18).
func (e *element) declares(p *base, op string) {
	if !p.settings().scoped || p == e.p {
		return
	}
	if p.member != nil && e.p.member != nil && p.member.family == e.p.member.family {
		return
	}
	for _, d := range e.p.settings().deps {
		if d == p || p.member != nil && d == p.member.family {
			return
		}
	}
	misuse(e.p, "%s of the scoped provider %s, which it has not declared: add it to the Scoped option", op, p.Name())
}

// chain calls yield for c and its ancestors up to the root.
func (c *Container) chain(yield func(*Container) bool) {
	for x := c; x != nil; x = x.parent {
		if !yield(x) {
			return
		}
	}
}

// adopt makes c a child of its parent. The lock is held.
func (c *Container) adopt() {
	p := c.parent
	if c.next = p.children; c.next != nil {
		c.next.prev = c
	}
	p.children = c
}

// orphan undoes adopt. The lock is held.
func (c *Container) orphan() {
	if c.parent == nil {
		return
	}
	if c.prev != nil {
		c.prev.next = c.next
	} else if c.parent.children == c {
		c.parent.children = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	}
	c.prev, c.next = nil, nil
}
