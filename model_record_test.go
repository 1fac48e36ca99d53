package weir_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/weir-go/weir"
)

// This file holds the recorder of the model test: what ran of each build and its hooks, with what can be checked on the spot.

type modelSeen struct {
	modelDep
	val modelVal
	seq int
}

// modelBuild is one run of a build function. Sequence numbers order what happened; zero means that it has not.
type modelBuild struct {
	node     *modelNode
	id, op   int
	ref      weir.Ref
	seen     []modelSeen
	out      modelVal
	started  int
	returned int
	over     int
	hooked   bool
	second   bool // the hook registered second has run
	sleeps   modelPair
	cause    error
	ended    int  // the operation in which it was over
	exited   bool // its function has returned; of a stream that is later

	self   any                           // the notifier
	alone  func(scope weir.Scope, v int) // writes through it without asking the provider
	told   modelVal                      // what ListenSelf heard last
	emit   func(v int) bool              // of a stream
	inside int                           // calls of emit that have not returned
	finish chan error                    // what has a stream return
	base   int                           // of an override, what it was when that was made
	try    int                           // how often it was tried before
	asked  bool                          // the retry policy was asked,
	again  bool                          // and said so,
	due    time.Time                     // and when
	began  time.Time
}

// modelFailure is an error of a build.
type modelFailure struct {
	b    *modelBuild
	what error
}

func (f *modelFailure) Error() string { return fmt.Sprintf("%s#%d: %v", f.b.node.name, f.b.id, f.what) }

// cut says that the build was over before its function returned: what it still watches is the library's choice.
func (b *modelBuild) cut() bool { return b.returned == 0 || b.over != 0 && b.over < b.returned }

type modelEvent struct {
	what string
	b    *modelBuild
}

// modelSelf is what a notifier heard of itself.
type modelSelf struct {
	b *modelBuild
	modelCall
}

type modelHist struct {
	op, seq int
	val     modelVal
}

func (l *modelLib) fault(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faultLocked(format, args...)
}

func (l *modelLib) faultLocked(format string, args ...any) {
	l.faults = append(l.faults, fmt.Sprintf(format, args...))
}

func (l *modelLib) tickLocked() int { l.seq++; return l.seq }

// wrote notes a value that a node delivers from now on.
func (l *modelLib) wrote(node int, v modelVal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hist[node] = append(l.hist[node], modelHist{l.op, l.tickLocked(), v})
}

// newest is the newest build of a node, and how many there were of all.
func (l *modelLib) newest(node int) (b *modelBuild, builds int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.byNode[node][len(l.byNode[node])-1], len(l.builds)
}

// count is how many builds there were.
func (l *modelLib) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.builds)
}

func (l *modelLib) plainly(s *modelNode, ref weir.Ref) int {
	v, _ := l.build(s, ref, nil)
	return v
}

// build runs what a build of s is. begun knows more of it than other kinds have.
func (l *modelLib) build(s *modelNode, ref weir.Ref, begun func(b *modelBuild)) (int, error) {
	l.mu.Lock()
	if at := ref.Container(); at != l.c && s.twin != nil {
		s = s.twin
	} else if at != l.c && s.of == nil {
		l.faultLocked("S1: %s is built in a child", s.name)
	}
	b := &modelBuild{node: s, id: len(l.builds), op: l.op, ref: ref, started: l.tickLocked(), began: time.Now(), base: s.base}
	if before := l.byNode[s.id]; len(before) > 0 {
		if last := before[len(before)-1]; last.over == 0 {
			l.faultLocked("L5: build %d of %s starts before the hooks of build %d have run", b.id, s.name, last.id)
		} else if !last.exited {
			l.faultLocked("C5: build %d of %s starts before the function of build %d has returned", b.id, s.name, last.id)
		}
	}
	if before := l.byNode[s.id]; ref.Reason() == weir.ReasonRetry {
		b.try = before[len(before)-1].try + 1
	}
	l.builds, l.byNode[s.id] = append(l.builds, b), append(l.byNode[s.id], b)
	if s.isAsync() {
		l.hist[s.id] = append(l.hist[s.id], modelHist{l.op, b.started, modelVal{load: "loading"}})
	}
	l.mu.Unlock()
	l.hooks(b)
	if begun != nil {
		begun(b)
	}

	as := *s
	as.base = b.base
	v, err := as.compute(b.try, func(d modelDep) modelVal {
		v := l.units[d.to].watch(ref, d.how)
		l.mu.Lock()
		defer l.mu.Unlock()
		b.seen = append(b.seen, modelSeen{d, v, l.tickLocked()})
		return v
	})
	if err != nil {
		err = &modelFailure{b, err} // error to error always counts as a change (P1): make it visible
	}
	if l.plant == "wrong value" && b.id%5 == 4 && err == nil {
		v = v%6 + 1
	}

	l.hold(b)
	l.mu.Lock()
	defer l.mu.Unlock()
	if b.out = modelPlain(v); err != nil {
		b.out = modelVal{err: err.Error()}
	}
	b.returned, b.exited = l.tickLocked(), s.kind != modelStream
	l.hist[s.id] = append(l.hist[s.id], modelHist{l.op, b.returned, b.out})
	return v, err
}

// sleep lets time pass. A timer's goroutine runs hooks then: what this one has read and written so far happens before, by the lock.
func (l *modelLib) sleep(d time.Duration) {
	l.mu.Lock()
	l.slept += d
	l.mu.Unlock()
	time.Sleep(d)
}

// hooks registers every hook that a ref has.
func (l *modelLib) hooks(b *modelBuild) {
	on := func(what string, note func()) func() {
		return func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			if l.plant == "lost "+what && b.id%5 == 4 {
				return
			}
			l.tickLocked()
			if b.over != 0 && what != "dispose" {
				l.late = append(l.late, fmt.Sprintf("L5: %s of build %d of %s runs after that build is over", what, b.id, b.node.name))
			}
			l.events = append(l.events, modelEvent{what, b})
			note()
		}
	}
	over := on("dispose", func() {
		if b.over != 0 {
			l.faultLocked("L5: OnDispose of build %d of %s runs twice", b.id, b.node.name)
		}
		if b.hooked && !b.second {
			l.faultLocked("L3: OnDispose of build %d of %s runs in order of registration", b.id, b.node.name)
		}
		b.over, b.ended, b.cause = l.seq, l.op, context.Cause(b.ref.Context())
		if b.ref.Context().Err() == nil {
			l.faultLocked("L5: the context of build %d of %s is live in OnDispose", b.id, b.node.name)
		}
		if !strings.Contains(fmt.Sprint(b.cause), b.node.label()) {
			l.faultLocked("C3: the cause %v does not name %s", b.cause, b.node.name)
		}
	})
	b.ref.OnDispose(over)
	if l.plant == "dispose twice" && b.id%5 == 4 {
		b.ref.OnDispose(over)
	}
	b.ref.OnDispose(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		b.second = true
	})
	l.mu.Lock()
	b.hooked = b.over == 0
	l.mu.Unlock()
	pair := func(what string) func() {
		return on(what, func() {
			if err := b.sleeps.note(what); err != nil {
				l.faultLocked("L2: build %d of %s: %v", b.id, b.node.name, err)
			}
		})
	}
	if b.node.auto {
		b.ref.OnCancel(pair("cancel"))
		b.ref.OnResume(pair("resume"))
	}
	l.mu.Lock()
	b.sleeps.both = true
	l.mu.Unlock()
	b.ref.OnAddListener(on("add", func() {}))
	b.ref.OnRemoveListener(on("remove", func() {}))
	b.ref.OnManualInvalidation(on("manual", func() {}))
}
