package weir_test

// This file holds what must be true of the concurrent model test when everybody has stopped.

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/weir-go/weir"
)

// rest compares the container with what is recomputed from its states, then releases everything and asks whether anything is left.
func (st *storm) rest(workers []*stormWorker) {
	st.flush()
	var now [3]int
	for i, p := range st.s {
		now[i] = weir.Read(st.c, p)
	}
	for _, n := range st.nodes {
		got := n.read(st.c)
		if n.resolve != nil {
			v, err := n.resolve(context.Background(), st.c)
			got = modelVal{n: v, has: err == nil}
		}
		st.check(n.want == nil || got == modelPlain(n.want(now)), "P4: at rest %s is %v", n.name, got)
	}
	st.flush()
	for _, w := range workers {
		for _, s := range w.subs {
			s.mu.Lock()
			settled := s.pauses > 0 || s.weak || !s.chain.known || s.id == 1 // 1 may have closed itself
			last := s.chain.last
			s.mu.Unlock()
			st.check(settled || last == st.nodes[s.node].read(st.c), "P5: a listener of %s has seen %v last, which is not what it is", st.nodes[s.node].name, last)
			s.sub.Close()
		}
		for _, link := range w.links {
			link.Close()
		}
	}
	for end := time.Now().Add(stormPatience / 2); ; runtime.Gosched() { // functions of builds that are over still read
		left := st.left()
		if left == "" {
			break
		}
		if time.Now().After(end) {
			st.check(false, "L1, L4: after everything was released: %s", left)
			break
		}
	}
	st.noError("Shutdown", st.c.Shutdown(context.Background()))
	for _, n := range st.nodes {
		for b := n.last; b != nil; b = b.prev {
			st.check(b.over == 1 && !b.running, "L5: after Shutdown a build of %s is over %d times, running %v", n.name, b.over, b.running)
		}
	}
}

// left says what is kept though nobody uses it.
func (st *storm) left() (faults string) {
	st.flush()
	st.c.DisposeUnused()
	st.flush()
	watched, elements := map[string]int{}, st.c.Snapshot().Elements
	for _, e := range elements {
		for _, name := range e.Dependencies {
			watched[name]++
		}
	}
	for _, e := range elements {
		regular := slices.ContainsFunc(st.nodes, func(n *stormNode) bool { return !n.auto && n.name == e.Name })
		if e.Listeners != watched[e.Name] || e.Weak > 0 || !regular && e.Listeners == 0 {
			faults += fmt.Sprintf("%s, %v, has %d listeners, %d weak, and %d watch it; ", e.Name, e.State, e.Listeners, e.Weak, watched[e.Name])
		}
	}
	return faults
}
