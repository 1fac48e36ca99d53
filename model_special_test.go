package weir_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing/synctest"
	"time"

	"github.com/weir-go/weir"
)

// This file holds the operations on streams and asynchronous notifiers, and what must hold of single kinds when everything is at rest.

// stream has a stream emit, return or fail.
func (r *modelRun) stream(n, code, b int) {
	k := r.live(n)
	if k == nil || k.emit == nil || k.again { // what an emit does to a retry is not fixed
		return
	}
	name := r.nodes[n].name
	switch {
	case code < 28:
		r.do(fmt.Sprintf("emit from %s", name), func() {
			r.op.emits[n] = true
			for i := range 1 + b/64 {
				go r.lib.emit(k, 1+(b+i)%6)
				synctest.Wait()
			}
		})
	case !k.exited && len(k.finish) == 0:
		var err error
		if code == 29 {
			err = errors.New("broken")
		}
		r.do(fmt.Sprintf("end %s: %v", name, err), func() {
			r.op.emits[n] = true
			k.finish <- err
		})
	}
}

// note writes to an asynchronous notifier: at rest, while a build runs, and with an Update that is too late.
func (r *modelRun) note(n, code, b int) {
	s, u, v, l := r.nodes[n], r.lib.units[n], 1+b%6, r.lib
	update := func(self *modelAsyncNotifier, was modelVal, meanwhile func()) error {
		var ran bool
		got, err := self.Update(context.Background(), func(old int) (int, error) {
			ran = true
			r.check(modelPlain(old) == was, "N6: Update(%s) starts from %d, it is %v", s.name, old, was)
			meanwhile()
			return 1 + (old+b)%6, nil
		})
		if was.err != "" {
			r.check(!ran && err != nil && err.Error() == was.err, "D13: Update(%s), which has failed with %v: ran %v, error %v", s.name, was, ran, err)
			return err
		}
		v = 1 + (was.n+b)%6
		r.check(ran && got == v, "N6: Update(%s) = %d, want %d", s.name, got, v)
		return err
	}
	if k := r.live(n); code >= 32 && k != nil && r.active[n] {
		self := k.self.(*modelAsyncNotifier)
		if was := r.published(n); code == 32 && was.err == "" {
			r.do(fmt.Sprintf("update %s and invalidate it meanwhile", s.name), func() {
				r.op.kills[n] = true
				err := update(self, was, func() { l.at(s).Invalidate(u.id()) })
				r.check(errors.Is(err, weir.ErrInvalidated), "N6: Update(%s), whose build was replaced meanwhile: %v", s.name, err)
			})
			return
		}
		r.do(fmt.Sprintf("write to %s while it is building", s.name), func() { r.held(n, self, v) })
		return
	}
	r.do(fmt.Sprintf("write %d to %s, code %d", b, s.name, code), func() {
		r.op.reads, r.op.touch = []int{n}, []int{n}
		self, k := u.note(l.at(s)), (*modelBuild)(nil)
		was := modelVal{load: "loading"}
		for builds := -1; was.load != "" || builds != l.count(); { // while nobody listens, what it watches is looked at on demand
			self = u.note(l.at(s))
			synctest.Wait()
			k, builds = l.newest(n)
			was = modelAsync(self.State())
			synctest.Wait()
		}
		r.check(k.self == self && k.over == 0, "N1: Notifier(%s) is not that of its latest build, over: %v", s.name, k.cause)
		if code%2 == 0 {
			l.wrote(n, modelPlain(v))
			self.SetData(v)
		} else if err := update(self, was, func() {}); err != nil {
			r.check(was.err != "", "N6: Update(%s): %v", s.name, err)
			return
		} else {
			l.wrote(n, modelPlain(v))
		}
		r.op.before[n], r.op.wrote[n], r.op.lives[n] = was.n, v, k
		r.check(modelAsync(self.State()) == modelPlain(v), "N4: State of %s is %v, %d was written", s.name, self.State(), v)
	})
}

// held writes while a build is in flight: everybody is told at once, and the build's own result comes later (D9).
func (r *modelRun) held(n int, self *modelAsyncNotifier, v int) {
	l, name, gate := r.lib, r.nodes[n].name, make(chan struct{})
	l.mu.Lock()
	l.gate, l.held = gate, n
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.gate = nil
		close(gate)
	}()
	r.op.kills[n] = true
	l.at(r.nodes[n]).Invalidate(l.units[n].id())
	synctest.Wait()
	k, _ := l.newest(n)
	r.check(k.op == l.op && k.returned == 0 && k.self == self, "N1: %s is not being rebuilt", name)
	l.wrote(n, modelPlain(v))
	self.SetData(v)
	synctest.Wait()
	for how, got := range map[string]modelVal{"a Read": l.units[n].read(l.at(r.nodes[n])), "State": modelAsync(self.State())} {
		r.check(got == modelPlain(v) && k.returned == 0, "D9: %s of %s is %v, and %d was set while it builds", how, name, got, v)
	}
	for _, s := range r.subs {
		if s.node != n || s.closed || s.weak || s.pauses > 0 {
			continue
		}
		last := s.chain.last
		if len(s.calls) > 0 {
			last = s.calls[len(s.calls)-1].next
		}
		r.check(!s.chain.known || last == s.through(modelPlain(v)), "D9: sub %d of %s has seen %v, and %d was set while it builds", s.id, name, last, v)
	}
}

// retried says whether the end of b can be its retry: it was due, and somebody listened (A6).
func (r *modelRun) retried(b *modelBuild) bool {
	return b.again && !time.Now().Before(b.due)
}

// special checks what only some kinds have.
func (r *modelRun) special(n int, had, was bool, before int) {
	s, b, now := r.nodes[n], r.live(n), time.Now()
	r.lives(n, had, before)
	if b == nil {
		return
	}
	if s.kind == modelStream { // A4
		r.check(b.inside == 0 || !r.active[n], "A4: %s is active and an emit blocks", s.name)
		asleep := !was && !r.active[n] && !slices.ContainsFunc(r.fresh, func(d *modelBuild) bool { return r.reach[d.node.id][n] })
		r.check(!r.op.emits[n] || !asleep || b.inside > 0 || b.exited, "A4: %s is on standby and emit does not block", s.name)
	}
	if s.retries > 0 { // A6
		r.check(b.asked || b.out.err == "", "A6: %s gave %v, and the policy was not asked", s.name, b.out)
		r.check(!b.again || !r.active[n] || now.Before(b.due), "A6: %s is active, and its retry is overdue by %v", s.name, now.Sub(b.due))
	}
	r.selfs(n, b)
}

// lives compares the builds of this operation with those before: instances of notifiers, numbers of tries.
func (r *modelRun) lives(n int, had bool, before int) {
	s, all := r.nodes[n], r.lib.byNode[n]
	for i, b := range all {
		if i == 0 || b.op != r.lib.op {
			continue
		}
		last := all[i-1]
		disposed := errors.Is(last.cause, weir.ErrDisposed) || errors.Is(last.cause, weir.ErrContainerClosed)
		if same := b.self == last.self; b.self != nil {
			r.check(!same || !disposed, "N1: the instance of %s outlives it", s.name)
			r.check(same || disposed || !had || before == 0, "N1: %s is rebuilt with another instance", s.name)
		}
		if s.retries == 0 {
			continue
		}
		again := last.again && last.ended == b.op && errors.Is(last.cause, weir.ErrInvalidated) && !r.op.kills[n]
		r.check((b.try > 0) == again || again && r.moved(last), "A6: try %d of %s after %v", b.try, s.name, last.cause)
		r.check(!again || !b.began.Before(last.due), "A6: %s is tried again %v too early", s.name, last.due.Sub(b.began))
		r.check(!again || b.op == last.op || !last.due.After(r.op.began) || b.began.Equal(last.due), "A6: %s is tried again %v too late", s.name, b.began.Sub(last.due))
	}
}

// selfs checks what a notifier heard of itself: everything that it is, equal or not, before anybody else (N6, D13).
func (r *modelRun) selfs(n int, b *modelBuild) {
	s, count := r.nodes[n], 0
	for _, call := range r.lib.selfs {
		if call.b != b {
			continue
		}
		count++
		r.check(b.told == modelVal{} || b.told == call.prev, "D13: %s hears of (%v, %v), and %v is what it heard last", s.name, call.prev, call.next, b.told)
		b.told = call.next
	}
	if b.self == nil {
		return
	}
	for _, sub := range r.subs {
		for _, c := range sub.calls {
			first := slices.IndexFunc(r.lib.selfs, func(e modelSelf) bool { return e.b.node == s && sub.through(e.next) == c.next })
			early := sub.node == n && first >= 0 && c.seq < r.lib.selfs[first].seq
			// Two states of one build can be on their way at once: who is called takes the newer one.
			r.check(!early || r.op.joined[n] || s.isAsync() && len(r.fresh) > 0, "N6: sub %d of %s hears of %v before the notifier does", sub.id, s.name, c.next)
		}
	}
	r.check(count == 0 || modelAlike(b.told, r.published(n)), "D13: %s has heard of %v last, it is %v", s.name, b.told, r.published(n))
	if s.kind == modelNote && b.node.synced {
		want := 0
		if b.op == r.lib.op {
			want++
		}
		if _, ok := r.op.wrote[n]; ok {
			want++
		}
		r.check(count == want, "D13: %s heard of itself %d times, want %d", s.name, count, want)
	}
	if r.active[n] && s.kind == modelNote {
		r.check(modelPlain(b.self.(*modelNotifier).State()) == r.published(n), "N2: State of %s is not %v", s.name, r.published(n))
	}
}
