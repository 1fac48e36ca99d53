package weir_test

import (
	"fmt"
	"slices"
	"time"

	"github.com/weir-go/weir"
)

// This file holds the operations of the model test: what each does to the library, and what it allows to happen.

// do runs one operation and compares.
func (r *modelRun) do(text string, op func()) {
	r.trace = append(r.trace, text)
	r.op = modelOp{began: time.Now(), emits: map[int]bool{}, kills: map[int]bool{}, joined: map[int]bool{}, before: map[int]int{}, wrote: map[int]int{}, lives: map[int]*modelBuild{}}
	op()
	r.rest()
}

func (r *modelRun) step(code, a, b int) {
	n := a % len(r.nodes)
	name := r.nodes[n].name
	if r.gone(n) {
		n = r.nodes[n].of.id
		name = r.nodes[n].name
	}
	var open []*modelSub
	for _, s := range r.subs {
		if !s.closed {
			open = append(open, s)
		}
	}
	code %= 39
	switch sub := (*modelSub)(nil); code {
	case 0, 1, 2, 3, 4:
		if len(open) == 0 {
			return
		}
		sub = open[a%len(open)]
		r.do(fmt.Sprintf("%v sub %d of %s", []string{"close", "close", "pause", "resume", "resume"}[code], sub.id, r.nodes[sub.node].name), func() {
			switch {
			case code < 2:
				r.close(sub)
			case code == 2 && !sub.weak:
				sub.pauses++
				sub.sub.Pause()
			case code > 2 && !sub.weak:
				sub.pauses = max(sub.pauses-1, 0)
				sub.sub.Resume()
			}
			r.check(sub.closed || sub.sub.IsPaused() == (sub.pauses > 0), "D1: sub %d: IsPaused %v", sub.id, sub.sub.IsPaused())
		})
	case 5, 6, 7:
		r.do(fmt.Sprintf("read %s", name), func() {
			want := r.eval(n)
			got := r.lib.units[n].read(r.scope(n, b))
			r.op.reads, r.op.touch = []int{n}, []int{n}
			r.check(!r.nodes[n].synced || modelBare(got) == want, "P4: Read(%s) = %v, want %v", name, got, want)
		})
	case 8, 9, 10, 11:
		r.do(fmt.Sprintf("listen to %s, options %b, sub %d", name, b%8, len(r.subs)), func() { r.listen(n, b) })
	case 12, 13, 14, 15:
		r.do(fmt.Sprintf("write states %b, %d", a, b), func() { r.write(code, a, b) })
	case 16, 17:
		r.do(fmt.Sprintf("invalidate %s, how %d", name, b%5), func() { r.invalidate(n, b) })
	case 18:
		r.do(fmt.Sprintf("refresh %s", name), func() {
			r.op.reads, r.op.touch, r.op.kills[n] = []int{n}, []int{n}, true
			got := r.lib.units[n].refresh(r.scope(n, b))
			r.op.then = append(r.op.then, func() {
				if r.nodes[n].synced && r.live(n) != nil {
					r.check(modelBare(got) == r.eval(n), "P4: Refresh(%s) = %v, want %v", name, got, r.eval(n))
				}
			})
		})
	case 19, 20:
		if k := r.live(n); b%2 == 0 && k != nil {
			r.do(fmt.Sprintf("keep %s", name), func() { r.links = append(r.links, modelLink{k, k.ref.KeepAlive()}) })
		} else if len(r.links) > 0 {
			r.do("close a link", func() { r.unlink(a % len(r.links)) })
		}
	case 21:
		r.do("dispose what is unused", func() { r.disposeUnused() })
	case 22:
		if s := r.nodes[n]; s.delay > 0 { // more than a delay in all, but touched on the way (L4)
			r.do(fmt.Sprintf("let a part of the delay of %s pass", name), func() { r.lib.sleep(s.delay * 6 / 10) })
			r.step(5, a, b)
			r.do("and another", func() { r.lib.sleep(s.delay * 6 / 10) })
		}
	case 23, 24:
		d := []time.Duration{time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 60 * time.Millisecond, 100 * time.Millisecond, 3 * time.Second, time.Minute}[a%7]
		r.do(fmt.Sprintf("let %v pass", d), func() { r.lib.sleep(d) })
	case 25:
		if len(r.lib.builds) > 0 {
			r.stale(r.lib.builds[(a*256+b)%len(r.lib.builds)])
		}
	case 26, 27, 28, 29:
		if n, ok := r.oneOf(modelStream, a); ok {
			r.stream(n, code, b)
		}
	case 30, 31, 32, 33:
		if n, ok := r.oneOf(modelAsyncNote, a); ok {
			r.note(n, code, b)
		}
	case 34, 35:
		if r.nodes[0].scoped && b%2 == 0 {
			r.parting(b)
		}
	case 36, 37, 38:
		if r.lib.child != nil {
			r.override(b)
		}
	}
}

// oneOf chooses a node of a kind.
func (r *modelRun) oneOf(kind modelKind, a int) (n int, ok bool) {
	var all []int
	for n, s := range r.nodes {
		if s.kind == kind && !r.gone(n) {
			all = append(all, n)
		}
	}
	if len(all) == 0 {
		return 0, false
	}
	return all[a%len(all)], true
}

func (r *modelRun) listen(n, b int) {
	s := &modelSub{id: len(r.subs), node: n, half: b&1 != 0}
	var opts []weir.ListenOption
	switch b / 2 % 4 {
	case 1:
		s.fire, opts = true, append(opts, weir.FireImmediately())
	case 2:
		s.weak, s.cold, opts = true, !r.exists[n], append(opts, weir.Weak())
	}
	if !s.weak {
		r.op.reads, r.op.joined[n] = []int{n}, true
		if v := r.eval(n); r.nodes[n].synced && !s.fire && v.has { // of others, what Listen saw is not known
			s.chain.start(s.through(v))
		}
	}
	r.subs = append(r.subs, s)
	r.lib.listen(s, opts...)
	if r.lib.plant == "leak" && s.id%5 == 4 && !s.weak {
		r.lib.listen(&modelSub{node: n})
	}
}

func (r *modelRun) close(s *modelSub) {
	s.closed = true
	s.sub.Close()
}

func (r *modelRun) unlink(i int) {
	k := r.links[i]
	r.links = slices.Delete(r.links, i, i+1)
	another := slices.ContainsFunc(r.links, func(other modelLink) bool { return other.b == k.b })
	if r.op.inert = k.b.over != 0; !r.op.inert && !another {
		r.op.touch = []int{k.b.node.id}
	}
	k.link.Close()
}

// write sets or updates one state, or several in a batch.
func (r *modelRun) write(code, a, b int) {
	var chosen []int
	view, first := r.lib.c, 0
	if r.lib.child != nil && b&64 != 0 {
		view, first = r.lib.child, r.nodes[0].twin.id
	}
	for n, s := range r.nodes {
		// Of two states in one batch neither may depend on the other: which write wins then is not fixed (P6, P11).
		clash := slices.ContainsFunc(chosen, func(m int) bool { return r.reach[m][n] || r.reach[n][m] })
		if r.seen(view, n) && s.isState() && (a>>(n%8)&1 != 0 || n == first) && !clash {
			chosen = append(chosen, n)
			r.op.before[n], r.op.lives[n] = r.eval(n).n, r.live(n)
		}
	}
	put := func(scope weir.Scope, n, v int) {
		r.op.wrote[n] = v
		r.lib.wrote(n, modelPlain(v))
		if r.lib.plant != "lost write" || b%5 != 4 {
			r.lib.units[n].set(scope, v)
		}
	}
	change := func(scope weir.Scope, n int, was int) {
		got := r.lib.units[n].update(scope, func(old int) int {
			r.check(old == was, "P11: Update(%s) starts from %d, want %d", r.nodes[n].name, old, was)
			r.op.wrote[n] = 1 + (old+b)%6
			r.lib.wrote(n, modelPlain(r.op.wrote[n]))
			return r.op.wrote[n]
		})
		r.check(got == r.op.wrote[n], "P11: Update(%s) = %d, want %d", r.nodes[n].name, got, r.op.wrote[n])
	}
	one := chosen[b%len(chosen)]
	r.op.reads, r.op.touch = []int{one}, []int{one}
	switch code {
	case 12:
		put(view, one, 1+b%6)
	case 13:
		change(view, one, r.op.before[one])
	default:
		r.op.reads, r.op.touch = slices.Clone(chosen), slices.Clone(chosen)
		view.Batch(func(tx *weir.Tx) {
			for i, n := range chosen {
				put(tx, n, 1+(b+i)%6)
				if b&16 != 0 {
					change(tx, n, 1+(b+i)%6)
				}
				got := r.lib.units[n].read(tx)
				r.check(got == modelPlain(r.op.wrote[n]), "P6: %s through tx is %v, staged %d", r.nodes[n].name, got, r.op.wrote[n])
			}
			defer func() { // only now anybody hears of it
				for _, n := range chosen {
					r.lib.wrote(n, modelPlain(r.op.wrote[n]))
				}
			}()
			if n := b % len(r.nodes); b&32 != 0 && r.seen(view, n) && r.nodes[n].synced && !slices.Contains(chosen, n) {
				r.op.reads, r.op.touch, r.op.again = append(r.op.reads, n), append(r.op.touch, n), 1
				want, got := r.eval(n), r.lib.units[n].read(view)
				r.check(modelBare(got) == want, "P6: Read(%s) inside a batch = %v, want %v", r.nodes[n].name, got, want)
			}
		})
	}
}

func (r *modelRun) invalidate(n, how int) {
	ids := []int{n}
	live := r.live(n)
	switch how % 5 {
	case 0, 1:
		m := how % len(r.nodes)
		if s := r.nodes[m]; s.twin != nil && r.nodes[n].of != nil {
			m = s.twin.id // as seen from there
		} else if s.of != nil && r.nodes[n].of == nil {
			m = s.of.id
		}
		if how%5 == 1 && m != n {
			ids = append(ids, m)
		}
	case 2:
		if r.nodes[n].kind == modelMember {
			ids = nil
			for i, s := range r.nodes {
				if s.kind == modelMember {
					ids = append(ids, i)
				}
			}
		}
	}
	for _, id := range ids {
		r.op.kills[id] = true
		if b := r.live(id); b != nil {
			r.op.then = append(r.op.then, func() {
				told := r.events("manual", func(e *modelBuild) bool { return e == b })
				r.check(told == 1 && b.over != 0, "D2: %s was told %d times that it is invalidated", b.node.name, told)
			})
		}
	}
	switch {
	case how%5 == 2 && r.nodes[n].kind == modelMember:
		r.lib.c.Invalidate(r.lib.fam)
	case how%5 == 3:
		r.scope(n, 0).InvalidateAsReload(r.lib.units[n].id())
	case how%5 == 4 && live != nil:
		live.ref.InvalidateSelf()
	default:
		var ps []weir.AnyProvider
		for _, id := range ids {
			ps = append(ps, r.lib.units[id].id())
		}
		r.scope(n, 0).Invalidate(ps...)
	}
}

// stale does through a ref that is over what a ref can do (C9).
func (r *modelRun) stale(b *modelBuild) {
	if b.over == 0 {
		return
	}
	r.do(fmt.Sprintf("use the ref of build %d of %s, which is over", b.id, b.node.name), func() {
		r.op.inert = true
		b.ref.KeepAlive()
		b.ref.InvalidateSelf()
		r.lib.units[b.node.id].listen(b.ref, &modelSub{}, func(_, _ modelVal) { r.lib.fault("C9: a listener of a ref that is over is called") })
		r.lib.units[1].set(b.ref, 1+b.id%6) // it is not scoped: everybody may
		if b.emit != nil {
			r.check(!b.emit(1+b.id%6), "C9: emit of a build that is over is true")
		}
		if k := r.live(b.node.id); b.self != nil && (b.node.isState() || k == nil && !r.exists[b.node.id] || k != nil && k.self != b.self) {
			b.alone(b.ref, 1+b.id%6) // N3: that life of it is over, or the ref is
		}
	})
}

// listen subscribes and records each call.
func (l *modelLib) listen(sub *modelSub, opts ...weir.ListenOption) {
	l.units[sub.node].listen(l.at(l.nodes[sub.node]), sub, func(prev, next modelVal) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.tickLocked(); l.plant == "lost call" && l.seq%5 == 4 {
			return
		}
		sub.calls = append(sub.calls, modelCall{prev, next, l.seq})
	}, opts...)
}
