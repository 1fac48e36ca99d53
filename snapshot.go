package weir

// This file owns Snapshot: what a container looks like at one moment, for people and tests.

import (
	"cmp"
	"slices"
	"time"

	"github.com/weir-go/weir/internal/graph"
)

// Snapshot is a container at one moment.
type Snapshot struct {
	// Elements are those that are built or building, dependencies before dependents,
	// older ones first.
	Elements []ElementInfo
	// Children are the container's children that are not closed, oldest first.
	Children []*Container
}

// ElementInfo describes one element. The counts are of listeners of all sorts,
// dependents included, but for Weak.
type ElementInfo struct {
	Provider     AnyProvider
	Name         string
	Kind         string // Provider, StateProvider, FutureProvider, ...
	State        State
	Stale        bool // it will be brought up to date when it is needed
	Listeners    int  // paused ones included
	Paused       int
	Weak         int
	Dependencies []string      // names, in the order in which they were watched
	DependsOn    []AnyProvider // the same, by identity
	Declared     string        // where the provider was made: file.go:line
	Failed       bool          // the value is a kept panic, or a failure at rest
	Links        int           // keep-alive links that are open
	DisposeIn    time.Duration // until it is disposed, if it stays unused; 0 if it is used
	Generation   uint64        // of the newest build; grows in one container
	Builds       int           // in this life
	LastBuild    time.Duration // how long the last one that is done took
	Age          time.Duration // since the newest build began; both may be 0 for a plain or regular value that is not observed
}

// Snapshot lists the container's elements. All but the names is taken under the lock, so it
// is consistent, and takes time in proportion to their number. After Close it is empty.
func (c *Container) Snapshot() Snapshot {
	c.valid("Snapshot")
	c.tree.mu.Lock()
	var es []*element
	for e := range c.table.all {
		if e.Phase() != graph.Absent {
			es = append(es, e)
		}
	}
	slices.SortFunc(es, func(a, b *element) int { return cmp.Compare(a.newest, b.newest) })
	order := make([]*element, 0, len(es))
	placed := map[*element]bool{}
	for _, e := range es {
		order = dependenciesFirst(order, placed, e)
	}
	s := Snapshot{Elements: make([]ElementInfo, len(order))}
	deps := make([][]*base, len(order))
	for i, e := range order {
		s.Elements[i] = e.info()
		for n := range e.Deps {
			deps[i] = append(deps[i], n.Host.(*element).p)
		}
	}
	for child := c.children; child != nil; child = child.next {
		s.Children = append(s.Children, child)
	}
	slices.Reverse(s.Children)
	c.tree.mu.Unlock()
	for i, e := range order { // a name may be made of a family's key, by code of the user's
		s.Elements[i].Name, s.Elements[i].Declared = e.p.Name(), e.p.declared()
		for _, p := range deps[i] {
			s.Elements[i].Dependencies = append(s.Elements[i].Dependencies, p.Name())
			s.Elements[i].DependsOn = append(s.Elements[i].DependsOn, p.impl.(AnyProvider))
		}
	}
	return s
}

// dependenciesFirst appends e after what it watches, with a stack of its own: chains are long.
func dependenciesFirst(order []*element, placed map[*element]bool, e *element) []*element {
	type frame struct {
		e    *element
		deps []*element
	}
	open := func(e *element) frame {
		placed[e] = true
		f := frame{e: e}
		for n := range e.Deps {
			if d := n.Host.(*element); d.c == e.c {
				f.deps = append(f.deps, d)
			}
		}
		return f
	}
	if placed[e] {
		return order
	}
	stack := []frame{open(e)}
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		if len(top.deps) == 0 {
			order = append(order, top.e)
			stack = stack[:len(stack)-1]
			continue
		}
		d := top.deps[0]
		top.deps = top.deps[1:]
		if !placed[d] {
			stack = append(stack, open(d))
		}
	}
	return order
}

func (e *element) info() ElementInfo {
	info := ElementInfo{
		Provider: e.p.impl.(AnyProvider), Kind: e.p.kind.String(),
		State: e.state(), Stale: e.Has(graph.Stale),
		Listeners: e.Users(), Paused: e.Users() - e.resolving(),
		Generation: e.newest, Builds: int(e.builds),
	}
	for s := range e.listeners.all {
		switch {
		case s.weak:
			info.Weak++
		case s.on:
			info.Paused--
		}
	}
	for n := range e.Dependents {
		if n.On() || n.Phase() == graph.Building { // a synchronous build may be waiting for it
			info.Paused--
		}
	}
	info.Failed = e.fail != nil
	if e.fallible {
		s := e.asyncState()
		info.Failed = s.err != nil && s.resting()
	}
	if e.life != nil {
		info.Links = e.life.links
	}
	if e.unused() {
		info.DisposeIn = max(e.due()-e.c.now(), 1)
	}
	if x := e.times; x != nil && x.built > 0 {
		info.LastBuild, info.Age = x.lasted, e.c.now()-x.built
	}
	return info
}
