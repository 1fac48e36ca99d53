package trust_test

// This file owns the running of a program: what its goroutines do, and what is looked at when they have stopped.

import (
	"context"
	"errors"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weir-go/weir"
)

// sub is a subscription. Its goroutine alone pauses and resumes it.
type sub struct {
	id, node, cont int
	flags          int
	react          uint8
	h              handle
	ready          atomic.Bool // h is set
	closed         atomic.Bool
	paused         bool
	heard          atomic.Int32
}

// worker is one goroutine.
type worker struct {
	*world
	subs [4]*sub
	link *weir.KeepAliveLink
}

// do does one operation. by is the subscription in whose call it is done, if any.
func (w *worker) do(o op, by *sub) {
	c, u := w.conts[o.cont], &w.units[o.node]
	in := input{verb: o.verb, node: int8(o.node), cont: int8(o.cont), vals: [3]int{-1, -1, -1}}
	switch o.verb {
	case set, update, tune:
		w.write(o, in, c, u)
	case batch:
		for r := range in.vals {
			if o.mask&(1<<r) != 0 {
				in.vals[r] = o.vals[r]
			}
		}
		id := w.h.begin(in)
		c.Batch(func(tx *weir.Tx) {
			for r, v := range in.vals {
				if v >= 0 {
					w.units[r].set(tx, v)
					w.pass(o.arg % 2)
					if got := w.units[r].read(tx); got != packed(r, v) {
						w.fault("P6: a batch has set register %d to %d, and reads %s", r, v, show(got))
					}
				}
			}
		})
		w.h.end(id, 0, true)
	case reset:
		id := w.h.begin(in)
		c.Invalidate(u.id)
		w.h.end(id, 0, true)
	case read, refresh:
		id := w.h.begin(in)
		get := u.read
		if o.verb == refresh {
			get = u.refresh
		}
		w.got(id, o.node, get(c), false)
	case resolve:
		w.resolve(o, in, c, u)
	case values:
		id, n := w.h.begin(in), 0
		u.values(context.Background(), c, func(v int) bool {
			if n++; n == 1 {
				w.got(id, o.node, v, false)
			}
			return false
		})
	case listen:
		slot := o.arg % len(w.subs)
		if w.subs[slot] == nil {
			w.subs[slot] = w.listen(o, by)
		}
	case shut, pause, resume:
		w.sub(o)
	case invalidate:
		c.Invalidate(u.id)
	case unused:
		c.DisposeUnused()
	case flush:
		w.flushIn(o.cont)
	case sleep:
		time.Sleep(w.sleeps(o.arg))
	case keep:
		if w.link != nil {
			w.link.Close()
			w.link = nil
		} else if ref := w.refs[elem(o.node, w.home(o.node, o.cont))].Load(); ref != nil {
			w.link = ref.KeepAlive()
		}
	}
}

// got ends a read. What is not settled is no value, and what awaits may be late, unless everything is at rest.
func (w *world) got(id int32, n, v int, atRest bool) {
	if v&torn != 0 && !w.nodes[n].late {
		w.fault("P3: a Read of %s gives %s", w.name(n), show(v))
	}
	settled := v&(loading|failed) == 0 && (atRest || !w.nodes[n].late)
	if w.nodes[n].kind.async() {
		settled = settled && v&hasValue != 0
	}
	w.h.end(id, v&valueMask, settled)
}

func (w *worker) write(o op, in input, c *weir.Container, u *unit) {
	switch in.vals[0] = o.vals[0]; o.verb {
	case set:
		id := w.h.begin(in)
		u.set(c, o.vals[0])
		w.h.end(id, 0, true)
	case tune:
		id := w.h.begin(in)
		c.UpdateOverrides(w.override(o.vals[0]))
		w.h.end(id, 0, true)
	case update:
		in.vals[1] = o.vals[1]
		id, was := w.h.begin(in), 0
		u.update(c, func(v int) int {
			was = exact(v, o.node) - 1
			w.pass(o.arg % 2)
			if o.vals[1] > 0 {
				return packed(o.node, (was+o.vals[0])%o.vals[1])
			}
			return packed(o.node, o.vals[0])
		})
		w.h.end(id, was, true)
	}
}

func (w *worker) resolve(o op, in input, c *weir.Container, u *unit) {
	ctx, cancel := context.WithTimeout(context.Background(), hang/2)
	defer cancel()
	hurried := o.arg%8 == 0
	if hurried {
		cancel()
	}
	id := w.h.begin(in)
	v, err := u.resolve(ctx, c)
	w.h.end(id, v, err == nil && !w.nodes[o.node].late)
	if err != nil && !(hurried && errors.Is(err, context.Canceled)) {
		w.fault("C4, C7: Resolve of %s returns %v", w.name(o.node), err)
	}
}

func (w *world) flushIn(cont int) {
	id := w.flush.Add(1)
	w.h.note(event{what: flushBegin, of: id, cont: int8(cont)})
	ctx, cancel := context.WithTimeout(context.Background(), hang/2)
	defer cancel()
	if err := w.conts[cont].Flush(ctx); err != nil {
		w.fault("G12: Flush of container %d hangs", cont)
	}
	w.h.note(event{what: flushEnd, of: id, cont: int8(cont)})
}

// listen adds a listener.
func (w *worker) listen(o op, by *sub) *sub {
	s := &sub{id: int(w.world.subs.Add(1)), node: o.node, cont: o.cont, react: uint8(o.vals[0])}
	var opts []weir.ListenOption
	switch o.vals[1] {
	case 1:
		s.flags, opts = fire, append(opts, weir.FireImmediately())
	case 2:
		s.flags, opts = weak, append(opts, weir.Weak())
	}
	e := event{what: listenBegin, of: int32(s.id), cont: int8(o.cont), a: o.node, b: s.flags}
	if by != nil {
		e.build = int32(by.id) + 1
	}
	w.h.note(e)
	s.h = w.units[o.node].listen(w.conts[o.cont], func(prev, next int) { w.called(s, o, prev, next) }, opts...)
	s.ready.Store(true)
	w.h.note(event{what: listenEnd, of: int32(s.id)})
	return s
}

// called is the function of every listener. What it does in return it does a few times only.
func (w *worker) called(s *sub, o op, prev, next int) {
	heard := s.heard.Add(1)
	e := event{what: callBegin, of: int32(s.id), a: prev, b: next, on: heard == 1 && s.flags&fire != 0}
	w.h.note(e)
	w.pass(o.arg % 2)
	if heard <= 2 && !e.on && !w.resting.Load() {
		x := worker{world: w.world}
		switch s.react {
		case 1:
			x.do(op{verb: set, node: o.arg % 3, vals: [3]int{o.vals[2] + int(heard) - 1}}, s)
		case 2:
			if s.ready.Load() && !s.closed.Swap(true) {
				s.h.Close()
				w.h.note(event{what: closeEnd, of: int32(s.id), on: true})
			}
		case 3:
			added := x.listen(op{verb: listen, node: s.node, cont: s.cont}, s)
			w.mu.Lock()
			w.extra = append(w.extra, added)
			w.mu.Unlock()
		case 4:
			x.do(op{verb: read, node: o.arg % len(w.nodes), cont: s.cont}, s)
		case 5:
			if s.node < slots { // that would be a reset
				break
			}
			x.do(op{verb: invalidate, node: s.node, cont: s.cont}, s)
		}
	}
	e.what = callEnd
	w.h.note(e)
}

func (w *worker) sub(o op) {
	s := w.subs[o.arg%len(w.subs)]
	switch {
	case s == nil:
	case o.verb == shut:
		w.subs[o.arg%len(w.subs)] = nil
		s.close(w.world)
	case o.verb == pause && !s.paused:
		s.paused = true
		s.h.Pause()
		w.h.note(event{what: pauseEnd, of: int32(s.id)})
	case o.verb == resume && s.paused:
		s.resume(w.world)
	}
}

func (s *sub) close(w *world) {
	s.h.Close()
	s.closed.Store(true)
	w.h.note(event{what: closeEnd, of: int32(s.id)})
}

func (s *sub) resume(w *world) {
	s.paused = false
	w.h.note(event{what: resumeBegin, of: int32(s.id)})
	s.h.Resume()
}

// ---- a round

// run runs a program and returns what was wrong with it.
func (p *program) run(h *history) (faults []string) {
	h.clear()
	w := newWorld(p.graph, h)
	workers := make([]*worker, len(p.ops))
	var running sync.WaitGroup
	start := make(chan struct{})
	for i, ops := range p.ops {
		workers[i] = &worker{world: w}
		running.Go(func() {
			defer w.recovered()
			<-start
			for _, o := range ops {
				workers[i].do(o, nil)
			}
		})
	}
	close(start)
	running.Wait()
	func() {
		defer w.recovered()
		w.rest(workers, p.last)
	}()
	for i := p.conts - 1; i >= 0; i-- {
		if err := w.conts[i].Shutdown(context.Background()); err != nil {
			w.fault("Shutdown returns %v", err)
		}
	}
	h.note(event{what: over})
	return w.faults
}

func (w *world) recovered() {
	if r := recover(); r != nil {
		w.fault("panic: %v\n%s", r, debug.Stack())
	}
}

// rest looks at what is there when nobody does anything, after one more change, and after all who are paused are back.
func (w *world) rest(workers []*worker, last [3]int) {
	w.resting.Store(true)
	w.flushAll()
	subs := w.extra
	for _, x := range workers {
		subs = append(subs, slices.DeleteFunc(x.subs[:], func(s *sub) bool { return s == nil })...)
	}
	subs = slices.DeleteFunc(subs, func(s *sub) bool { return s.closed.Load() })
	w.settle()
	w.look(subs, false)
	(&worker{world: w}).do(op{verb: batch, mask: 7, vals: last}, nil)
	w.settle()
	w.look(subs, true)
	for _, s := range subs {
		if s.paused {
			s.resume(w)
			w.settle()
			w.look([]*sub{s}, true)
		}
	}
	for _, s := range subs {
		s.close(w)
	}
	for _, x := range workers {
		if x.link != nil {
			x.link.Close()
		}
	}
	w.flushAll()
	for i := range w.conts[:w.graph.conts] {
		for _, e := range w.conts[i].Snapshot().Elements {
			if e.Weak > 0 {
				w.fault("L8: %s has %d weak listeners, and all are closed", e.Name, e.Weak)
			}
		}
	}
}

func (w *world) flushAll() {
	for range 2 {
		for i := range w.graph.conts {
			w.flushIn(i)
		}
	}
}

// settle waits until everything asynchronous has come to a result. What nobody listens to as well: a listener of what its build is
// building itself would be told in two steps.
func (w *world) settle() {
	w.flushAll()
	for n, u := range w.units {
		for cont := range w.graph.conts {
			if u.resolve != nil && w.home(n, cont) == cont {
				(&worker{world: w}).do(op{verb: resolve, node: n, cont: cont, arg: 1}, nil)
			}
		}
	}
	w.flushAll()
}

// look notes what each listener must have seen; changed says that there has been one change since the last time.
func (w *world) look(subs []*sub, changed bool) {
	for _, s := range subs {
		if s.paused || s.flags&weak != 0 && (w.nodes[s.node].auto || w.nodes[s.node].kind.async() || w.nodes[s.node].kind == peek) {
			continue
		}
		v := w.units[s.node].read(w.conts[s.cont])
		if s.flags&weak != 0 { // that may have built it
			w.flushAll()
		}
		for end := time.Now().Add(10 * time.Second); v&loading != 0; v = w.units[s.node].read(w.conts[s.cont]) {
			if time.Sleep(100 * time.Microsecond); time.Now().After(end) {
				w.fault("A3: %s is %s at rest", w.name(s.node), show(v))
				return
			}
			w.flushAll()
		}
		w.got(w.h.begin(input{verb: read, node: int8(s.node), cont: int8(s.cont)}), s.node, v, true)
		w.h.note(event{what: rest, of: int32(s.id), a: v, on: changed && s.flags&weak == 0})
	}
}
