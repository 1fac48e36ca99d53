package weir_test

import (
	"context"
	"errors"
	"time"

	"github.com/weir-go/weir"
)

// This file holds what the model test knows of single kinds: notifiers, streams and retries.

// modelNotifier and modelAsyncNotifier are notifiers whose builds are recorded as those of others are.
type modelNotifier struct {
	weir.Notifier[int]
	build func(self *modelNotifier, ref weir.Ref) int
}

func (n *modelNotifier) Build(ref weir.Ref) int { return n.build(n, ref) }

type modelAsyncNotifier struct {
	weir.AsyncNotifier[int]
	build func(self *modelAsyncNotifier, ref weir.Ref) (int, error)
}

func (n *modelAsyncNotifier) Build(_ context.Context, ref weir.Ref) (int, error) {
	return n.build(n, ref)
}

func (l *modelLib) noteUnit(s *modelNode, opts []weir.ProviderOption) modelUnit {
	p := weir.NewNotifierProvider(func() *modelNotifier {
		return &modelNotifier{build: func(self *modelNotifier, ref weir.Ref) int {
			v, _ := l.build(s, ref, func(b *modelBuild) {
				b.self, b.alone = self, self.SetIn
				self.ListenSelf(func(prev, next int) { l.heard(b, modelPlain(prev), modelPlain(next)) })
			})
			return v
		}}
	}, opts...)
	u := modelPlainUnit(func() *weir.NotifierProvider[*modelNotifier, int] { return p })
	u.set = func(s weir.Scope, v int) { p.Notifier(s).SetIn(s, v) }
	u.update = func(s weir.Scope, f func(int) int) int { return p.Notifier(s).UpdateIn(s, f) }
	return u
}

func (l *modelLib) asyncNoteUnit(s *modelNode, opts []weir.ProviderOption) modelUnit {
	p := weir.NewAsyncNotifierProvider(func() *modelAsyncNotifier {
		return &modelAsyncNotifier{build: func(self *modelAsyncNotifier, ref weir.Ref) (int, error) {
			return l.build(s, ref, func(b *modelBuild) {
				b.self, b.alone = self, func(_ weir.Scope, v int) { self.SetData(v) }
				self.ListenSelf(func(prev, next weir.AsyncValue[int]) { l.heard(b, modelAsync(prev), modelAsync(next)) })
				if s.eager { // N5: it shows, until the result comes
					l.wrote(b.node.id, modelPlain(1+s.base%6))
					self.SetData(1 + s.base%6)
				}
			})
		}}
	}, opts...)
	u := modelAsyncUnit(func() *weir.AsyncNotifierProvider[*modelAsyncNotifier, int] { return p })
	u.note = p.Notifier
	return u
}

// heard notes what a notifier heard of itself.
func (l *modelLib) heard(b *modelBuild, prev, next modelVal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.plant == "lost self" && b.id%5 == 4 {
		return
	}
	if b.over != 0 && b.node.synced {
		l.faultLocked("D13: build %d of %s is over and hears of %v", b.id, b.node.name, next)
	}
	l.selfs = append(l.selfs, modelSelf{b, modelCall{prev, next, l.tickLocked()}})
}

// hold keeps a build from returning as long as an operation wants it in flight.
func (l *modelLib) hold(b *modelBuild) {
	l.mu.Lock()
	gate, held := l.gate, l.held
	l.mu.Unlock()
	if gate != nil && held == b.node.id {
		<-gate
	}
}

// stream is the function of a stream: what it computes is what it emits first. Operations emit more and end it.
func (l *modelLib) stream(s *modelNode, ctx context.Context, ref weir.Ref, emit func(int) bool) (err error) {
	var b *modelBuild
	v, err := l.build(s, ref, func(begun *modelBuild) {
		b = begun
		b.emit, b.finish = emit, make(chan error, 1)
	})
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		b.exited = true
	}()
	if err != nil {
		return err
	}
	l.emit(b, v)
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case err = <-b.finish:
	}
	if err != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		err, b.try = &modelFailure{b, err}, 0 // it has emitted: the next one is the first try
		b.out = modelVal{err: err.Error()}
		l.hist[b.node.id] = append(l.hist[b.node.id], modelHist{l.op, l.tickLocked(), b.out})
	}
	return err
}

// emit has a stream emit v, which may take until it is over (A4).
func (l *modelLib) emit(b *modelBuild, v int) {
	l.mu.Lock()
	over := b.over != 0
	if b.inside++; !over {
		b.out = modelPlain(v)
		l.hist[b.node.id] = append(l.hist[b.node.id], modelHist{l.op, l.tickLocked(), b.out})
	}
	l.mu.Unlock()
	live := b.emit(v)
	l.mu.Lock()
	defer l.mu.Unlock()
	b.inside--
	if live && over {
		l.faultLocked("A4: emit of build %d of %s is true, and it was over before", b.id, b.node.name)
	} else if !live && b.ref.Context().Err() == nil {
		l.faultLocked("A4: emit of build %d of %s is false, and it is not over", b.id, b.node.name)
	}
}

// policy is Backoff with a record of what it was asked.
func (l *modelLib) policy(s *modelNode) weir.RetryPolicy {
	backoff := weir.Backoff(s.wait, modelBackoff*s.wait, s.retries)
	return func(attempt int, err error) (time.Duration, bool) {
		d, again := backoff(attempt, err)
		l.mu.Lock()
		defer l.mu.Unlock()
		var f *modelFailure
		if !errors.As(err, &f) {
			l.faultLocked("A6: the policy of %s is asked about %v", s.name, err)
			return d, again
		}
		b := f.b
		if b.over != 0 { // what comes of it is dropped (C4)
			return d, again
		}
		if b.asked || attempt != b.try || again != (attempt < s.retries) || again && d != s.pause(attempt) {
			l.faultLocked("A6: build %d, try %d of %s: attempt %d, asked before %v, again %v after %v", b.id, b.try, s.name, attempt, b.asked, again, d)
		}
		b.asked, b.again, b.due = true, again, time.Now().Add(d)
		if again {
			b.out.load = "retrying"
			h := l.hist[b.node.id]
			h[len(h)-1].val.load = b.out.load
		}
		return d, again
	}
}
