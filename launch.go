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
	s := &start{e: e, kind: e.maker(), gen: gen, ctx: l.context.Context, err: e.chased(), reason: e.reason}
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

// fly is the goroutine of a build: it runs the function, and publishes what that comes to when
// all its frames are gone. A goroutine begins with little stack, and growing it copies what is
// on it.
func (s *start) fly() {
	s.begins()
	returned := false
	defer func() {
		if !returned { // Goexit; that a panic was recovered on its way does not end it
			s.land(nil, s.err)
		}
		if s.raise != nil { // also when a listener that heard of the result has ended this goroutine
			panic(s.raise)
		}
	}()
	made, err := s.run()
	returned = true
	s.land(made, err)
}

// run tells observers and calls the function. It is a frame to be found on the stack: see [flying].
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

// call calls the function. A panic, or a Goexit, becomes the error; after the latter it does not
// return.
func (s *start) call() (made any, err error) {
	done := false
	defer func() {
		if !done {
			s.err = panicked(s.kind.identity(), recover()).asError() // recover returns nil for Goexit
			err = s.err
		}
	}()
	made, err = s.kind.call(s)
	done = true
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
