//go:build weirsched

package weir

// This file owns the stepper: it lets one goroutine of a small program go on at a time,
// from schedule point to schedule point, so that a schedule is a list of choices. Which
// choices are tried is schedule_search_test.go's, on what the schedule_*_test.go.

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing/synctest"
	"time"
)

// strand is a goroutine that the stepper knows.
type strand struct {
	name    string
	goes    chan struct{}
	wants   *mutex // what it needs to go on
	parked  bool   // it waits for the stepper
	blocked bool   // it waits for something else
	barrier bool   // it has made a goroutine, and goes on as soon as that is known
	over    bool
	at      string // where it was last, if that is traced
}

// stepper is the [scheduler] of one run. Strands park, and wait for the bubble to come to
// rest; then one of them goes on.
type stepper struct {
	fine  bool // letting go of the lock is a point as well
	trace bool

	mu   sync.Mutex
	all  []*strand
	cur  *strand       // the one that goes on now; every call but begins and unblocks is its
	news chan struct{} // a signal when somebody parks
	path []string      // who has gone on from where, if that is traced
}

func (p *stepper) lock(m *mutex) {
	s := p.take("lock")
	s.wants = m
	p.park(s)
}

func (p *stepper) unlock(m *mutex) {
	p.mu.Lock()
	m.held = false
	p.mu.Unlock()
	if p.fine {
		p.point()
	}
}

func (p *stepper) point() { p.park(p.take("point")) }

func (p *stepper) begins() { p.park(p.strand("")) }

func (p *stepper) spawned() {
	s := p.take("spawned")
	s.barrier = true
	p.park(s)
}

func (p *stepper) blocks() any {
	s := p.take("blocks")
	p.mark(s)
	p.mu.Lock()
	s.blocked = true
	p.mu.Unlock()
	return s
}

func (p *stepper) unblocks(who any) {
	s := who.(*strand)
	p.mu.Lock()
	s.blocked = false
	p.mu.Unlock()
	p.park(s)
}

// strand makes a strand. Of those that the library makes each says that it begins before
// the next is made, so that their numbers say who they are in every run.
func (p *stepper) strand(name string) *strand {
	p.mu.Lock()
	defer p.mu.Unlock()
	if name == "" {
		name = fmt.Sprintf("g%d", len(p.all))
	}
	s := &strand{name: name, goes: make(chan struct{})}
	p.all = append(p.all, s)
	return s
}

// take returns the caller's strand, which is about to park or block.
func (p *stepper) take(op string) (s *strand) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s, p.cur = p.cur, nil; s == nil {
		panic("a goroutine that the stepper does not know has come to " + op + ": it has neither begun nor unblocked")
	}
	return s
}

func (p *stepper) park(s *strand) {
	p.mark(s)
	p.mu.Lock()
	s.parked = true
	p.mu.Unlock()
	select {
	case p.news <- struct{}{}:
	default:
	}
	<-s.goes
}

// mark notes where the caller is in the code of the library or of a program.
func (p *stepper) mark(s *strand) {
	if !p.trace {
		return
	}
	var pcs [16]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	for {
		f, more := frames.Next()
		file := filepath.Base(f.File)
		if f.Function == "runtime.goexit" {
			s.at = "begins"
			return
		}
		if file != "sched_on.go" && file != "schedule_test.go" || !more {
			s.at = fmt.Sprintf("%s:%d %s", file, f.Line, f.Function[strings.LastIndexByte(f.Function, '/')+1:])
			return
		}
	}
}

// goOn lets s go on until it parks, blocks or ends.
func (p *stepper) goOn(s *strand) {
	p.mu.Lock()
	if s.wants != nil {
		s.wants.held, s.wants = true, nil
	}
	s.parked, s.barrier, p.cur = false, false, s
	p.mu.Unlock()
	s.goes <- struct{}{}
	synctest.Wait()
	p.mu.Lock()
	p.cur = nil // if it has neither parked nor blocked it is over
	p.mu.Unlock()
}

// ready returns who may go on, last first if it is among them, and whether anybody at all
// has parked. Who has made a goroutine goes on before anybody is asked.
func (p *stepper) ready(last *strand, to []*strand) (ready []*strand, parked bool) {
	for again := true; again; {
		again = false
		for i := 0; i < len(p.all); i++ {
			if s := p.all[i]; s.parked && s.barrier {
				p.goOn(s)
				again = true
			}
		}
	}
	for _, s := range p.all {
		switch {
		case !s.parked:
			continue
		case s.wants != nil && s.wants.held:
		case s == last:
			to = append(to, nil)
			copy(to[1:], to)
			to[0] = s
		default:
			to = append(to, s)
		}
		parked = true
	}
	return to, parked
}

// choice is one step of a schedule.
type choice struct {
	of   int  // how many could go on
	took int  // which did: 0 is the one that ran last, if it could
	stay bool // it could
}

// patienceOfTime is how much of the bubble's time passes before a run with nobody who goes on
// is a deadlock: more than any timer of a program has.
const patienceOfTime = time.Hour

// steps has strands go on until all of those given are over and nobody is left who could.
// choose says who is next.
func (p *stepper) steps(these []*strand, choose func(of int, stay bool) int) error {
	var last *strand
	var room [8]*strand
	for n := 0; ; n++ {
		synctest.Wait()
		ready, parked := p.ready(last, room[:0])
		over := true
		for _, s := range these {
			over = over && s.over
		}
		switch {
		case len(ready) > 0:
			if n > 20000 {
				return fmt.Errorf("livelock: no end after %d steps\n%s", n, p.where())
			}
			i := choose(len(ready), ready[0] == last)
			last = ready[i]
			if p.trace {
				p.path = append(p.path, fmt.Sprintf("%d of %d  %-6s %s", i, len(ready), last.name, last.at))
			}
			p.goOn(last)
		case parked:
			return fmt.Errorf("deadlock: whoever has the lock does not go on\n%s", p.where())
		case over:
			return nil
		default: // time passes now
			limit := time.NewTimer(patienceOfTime)
			select {
			case <-p.news:
				limit.Stop()
			case <-limit.C:
				return fmt.Errorf("deadlock: nobody can go on\n%s", p.where())
			}
		}
	}
}

// where says what each strand is at.
func (p *stepper) where() string {
	var b strings.Builder
	for _, s := range p.all {
		state := "runs or is over"
		switch {
		case s.over:
			continue
		case s.parked && s.wants != nil && s.wants.held:
			state = "wants the lock"
		case s.parked:
			state = "could go on"
		case s.blocked:
			state = "waits"
		}
		fmt.Fprintf(&b, "  %-4s %s %s\n", s.name, state, s.at)
	}
	return b.String()
}

// world is one run of a program: what its functions are given. They share variables without a
// lock: only one of them goes on at a time.
type world struct {
	p      *stepper
	root   *Container
	bodies []body
	before func()
	after  func()
	failed error
}

type body struct {
	name string
	fn   func()
}

// container makes the root.
func (w *world) container(opts ...ContainerOption) *Container {
	w.root = NewContainer(append(opts, WithPanicHandler(func(pe *PanicError) {
		w.failf("the panic handler was told: %v\n%s", pe, pe.Stack)
	}))...)
	return w.root
}

// run adds a goroutine; first and last are for what is done before them all and after them,
// one goroutine after the other, without choices.
func (w *world) run(name string, fn func()) { w.bodies = append(w.bodies, body{name, fn}) }
func (w *world) first(fn func())            { w.before = fn }
func (w *world) last(fn func())             { w.after = fn }

// failf notes that a rule is broken; the first time counts.
func (w *world) failf(format string, args ...any) {
	if w.failed == nil {
		w.failed = fmt.Errorf(format, args...)
	}
}

// step is a point in the code of a program: others may come in between. While the program is
// made there are no others.
func (w *world) step() {
	if w.root.tree.mu.by != nil {
		w.p.point()
	}
}

// wait is for whatever waits on a channel.
func (w *world) wait(fn func()) {
	s := w.p.blocks()
	fn()
	w.p.unblocks(s)
}

func (w *world) sleep(d time.Duration) { w.wait(func() { time.Sleep(d) }) }

// begin starts strands for bodies.
func (w *world) begin(bodies ...body) (these []*strand) {
	for _, b := range bodies {
		s := w.p.strand(b.name)
		these = append(these, s)
		go func() {
			defer func() {
				if r := recover(); r != nil {
					buf := make([]byte, 1<<14)
					w.failf("%s panicked: %v\n%s", b.name, r, buf[:runtime.Stack(buf, false)])
				}
				w.p.mu.Lock()
				s.over = true
				if w.p.cur == s {
					w.p.cur = nil
				}
				w.p.mu.Unlock()
			}()
			w.p.park(s)
			b.fn()
		}()
	}
	return these
}

// outcome is what has come of a run.
type outcome struct {
	choices []choice
	err     error
	dead    bool // goroutines are left that will never end
	path    []string
}

// play runs a program; choose says who is next. It is called in a bubble.
func play(prog *program, fine, trace bool, choose func(step, of int, stay bool) int) (o outcome) {
	w := &world{p: &stepper{fine: fine, trace: trace, news: make(chan struct{}, 1)}}
	prog.make(w)
	w.root.tree.mu.by = w.p
	inOrder := func(int, bool) int { return 0 }
	chosen := func(of int, stay bool) int {
		took := choose(len(o.choices), of, stay)
		o.choices = append(o.choices, choice{of, took, stay})
		return took
	}
	phase := func(choose func(int, bool) int, bodies ...body) bool {
		if len(bodies) == 0 || bodies[0].fn == nil {
			return true
		}
		if err := w.p.steps(w.begin(bodies...), choose); err != nil {
			o.err, o.dead = err, true
			return false
		}
		return true
	}
	if phase(inOrder, body{"first", w.before}) && phase(chosen, w.bodies...) {
		phase(inOrder, body{"last", w.after})
	}
	if w.failed != nil && (o.err == nil || o.dead) {
		o.err = w.failed
	}
	o.path = w.p.path
	return o
}
