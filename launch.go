package weir

// This file owns the start and the return of asynchronous build functions: one at a time
// for each element, unless it allows overlap. What they return is async.go's.

import (
	"context"
	"runtime/pprof"
	"runtime/trace"
	"time"

	"github.com/weir-go/weir/internal/graph"
)

// launch starts an asynchronous build of e. The lock is held.
func (e *element) launch(a *after) {
	c := e.c
	t := c.tree
	e.because()
	r := e.more()
	e.times.built = c.now()
	gen := t.graph.Begin(&e.Node, true)
	e.newest = gen
	r.running = gen
	e.life = nil
	l := e.lived()
	l.cancelled = false
	l.context = c.newContext(Ref{e, gen})
	changed := e.loading()
	e.Node.Publish(changed, false, false)
	e.Show()
	e.timed()
	s := &start{e: e, kind: e.kind(), gen: gen, ctx: l.context.Context, err: e.chased(), reason: e.reason}
	c.occupy()
	if r.flights == 0 || e.p.settings().overlap {
		r.flights++
		t.flights++
		a.starts = append(a.starts, s)
		a.begins(e)
	} else { // the old function has not returned: the new one waits for it (rule C5)
		e.forgetNext()
		r.next = s
	}
	if !e.Active() && e.Has(graph.Usage) {
		e.NodeEvent(graph.OffDuty)
	}
}

// run runs the build function. It is a frame to be found on the stack: see [flying].
//
//go:noinline
func (s *start) run() (made any, err error) {
	if s.e.observed() {
		var a after
		s.e.started(s.gen, s.reason, &a)
		s.began, s.raise = time.Now(), a.raise
	}
	if s.e.c.profiling {
		return s.profiled()
	}
	return s.call()
}

// profiled is call under a label and a region.
func (s *start) profiled() (made any, err error) {
	name := s.e.p.Name()
	pprof.Do(s.ctx, pprof.Labels("weir.provider", name), func(ctx context.Context) {
		defer trace.StartRegion(ctx, name).End()
		s.ctx = ctx
		made, err = s.call()
	})
	return made, err
}

// forgetNext drops a build whose function was waiting for another to return.
func (e *element) forgetNext() {
	if r := e.rare; r != nil && r.next != nil {
		r.next = nil
		e.c.rest()
	}
}

// returned notes that the function of build gen has returned.
func (e *element) returned(gen uint64, a *after) {
	t := e.c.tree
	t.mu.Lock()
	e.c.rest()
	r := e.rare
	r.flights--
	t.flights--
	if r.running == gen {
		r.running = 0
	}
	if e.Gen() == gen {
		e.untimed()
		e.times.lasted = e.c.now() - e.times.built
	}
	if s := r.next; s != nil && e.Gen() != s.gen {
		e.forgetNext()
	} else if s != nil && r.flights == 0 {
		r.next = nil
		r.flights++
		t.flights++
		a.starts = append(a.starts, s)
	}
	e.leave()
	t.unlock(a)
}
