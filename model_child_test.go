package weir_test

import (
	"fmt"

	"github.com/weir-go/weir"
)

// This file holds the child container of the model test, which overrides one state: what depends on that lives there a second time.

// at is the container in which s is reached.
func (l *modelLib) at(s *modelNode) *weir.Container {
	if s.of != nil {
		return l.child
	}
	return l.c
}

// elements lists what is in both containers.
func (l *modelLib) elements() []weir.ElementInfo {
	all := l.c.Snapshot().Elements
	if l.child != nil {
		all = append(all, l.child.Snapshot().Elements...)
	}
	return all
}

// over is an override by a state that starts as another base makes it.
func (l *modelLib) over(base int) weir.Override {
	twin := l.nodes[0].twin
	l.mu.Lock()
	twin.base = base
	l.mu.Unlock()
	return l.state.OverrideWith(func(ref weir.Ref) int {
		v, _ := l.build(twin, ref, func(b *modelBuild) { b.base = base })
		return v
	})
}

// gone says that n is in a child that there is not.
func (r *modelRun) gone(n int) bool { return r.nodes[n].of != nil && r.lib.child == nil }

// seen says whether n is what its provider is when seen from c.
func (r *modelRun) seen(c *weir.Container, n int) bool {
	s := r.nodes[n]
	return c == r.lib.c && s.of == nil || c == r.lib.child && s.twin == nil
}

// scope is a container from which n is seen; of what is shared, either.
func (r *modelRun) scope(n, b int) *weir.Container {
	if s := r.nodes[n]; b&1 != 0 && r.lib.child != nil && s.twin == nil {
		return r.lib.child
	}
	return r.lib.at(r.nodes[n])
}

// parting closes the child, or makes one anew.
func (r *modelRun) parting(b int) {
	l := r.lib
	if l.child == nil {
		r.do(fmt.Sprintf("make a child, base %d", b%6), func() {
			r.op.inert = true
			l.child = weir.NewContainer(weir.WithParent(l.c), l.over(b%6))
		})
		return
	}
	r.do("close the child", func() {
		for _, s := range r.subs {
			s.closed = s.closed || r.nodes[s.node].of != nil
		}
		child := l.child
		r.op.closed, l.child = true, nil
		child.Close()
		r.check(len(child.Snapshot().Elements) == 0, "G12: elements after Close: %v", child.Snapshot().Elements)
	})
}

// override updates the override: what was built by it is rebuilt (S5).
func (r *modelRun) override(b int) {
	twin := r.nodes[0].twin
	r.do(fmt.Sprintf("update the override, base %d", b%6), func() {
		if k := r.live(twin.id); k != nil {
			r.op.then = append(r.op.then, func() {
				r.check(k.over != 0, "S5: the override is updated, and what it has built is not over")
			})
		}
		r.op.overs = true
		r.lib.child.UpdateOverrides(r.lib.over(b % 6))
	})
}

// disposeUnused disposes in the child first: it may be all that uses something in the root.
func (r *modelRun) disposeUnused() {
	r.op.unused = true
	if r.lib.child != nil {
		r.lib.child.DisposeUnused()
	}
	r.lib.c.DisposeUnused()
}
