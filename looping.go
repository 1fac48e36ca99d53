package weir

// This file owns what a build does that goes through a loop over values: it waits (rule
// E2), and what for. The loop itself is in values.go, the search for cycles in cycle.go.

import (
	"context"
	"slices"

	"github.com/weir-go/weir/internal/graph"
)

// looping is a loop over values. If a build goes through it, that build waits when the loop
// does: for a call. A call may come of any change, so what is at rest is waited for as
// well, but whoever changes that is no build. Of what is being built, or has to ask such a
// thing whether it is up to date, that build is waited for, unless there is something else
// to be told first: then the loop comes round and waits anew.
type looping struct {
	at     place
	ctx    context.Context
	own    <-chan struct{} // closed when the build of at's ref is over
	done   chan struct{}   // closed with the subscription
	news   chan struct{}   // a signal after each call
	from   Ref             // in whose build ctx was made, or the zero Ref
	inside bool            // a build goes through it
	of     *element        // what it waits for something of
	told   bool            // since it began to wait: it is about to come round
}

// loop makes the loop that begins here; made says whether it was inside a build where it
// was made.
func (at place) loop(ctx context.Context, made bool) *looping {
	l := &looping{at: at, ctx: ctx, from: refIn(ctx), done: make(chan struct{}), news: make(chan struct{}, 1)}
	if at.ref.e != nil {
		l.own = at.ref.Context().Done()
	}
	l.inside = at.inside(l.from) && (made || !isCoroutine())
	return l
}

// inside reports whether the caller is in a build function, so that a build waits when the
// caller does: that of at's ref, or of from, or one that says nothing of it and calls its
// container. A loop on another goroutine may be a listener that nobody waits for. What a
// coroutine of iter.Pull is called from cannot be seen: it is taken for the build.
func (at place) inside(from Ref) bool {
	if at.ref.e == nil && from.e == nil && !at.c.computes() {
		return false
	}
	return at.c.tree.stackHas(computing, flying) || isCoroutine()
}

// builder returns the element whose build waits when l does, or nil. The lock is held.
func (l *looping) builder() *element {
	if !l.inside {
		return l.at.ref.builder()
	}
	return l.at.builder(l.from)
}

// comeRound has those loops come round that wait for something of e, whose listeners have been
// called: also one that the calls came to nothing for, or that has begun in between, for
// what it waits for may be another build by now. The lock is held.
func (t *tree) comeRound(e *element) {
	for _, l := range t.loops {
		if l.of == e {
			l.told = true
			signal(l.news)
		}
	}
}

// wait waits for the next call of s, the listener of l. It reports whether there was one,
// and not the end of the loop; stop is a *CycleError.
func (l *looping) wait(s *sub) (called bool, stop error) {
	if !l.inside || len(l.news) > 0 {
		return l.called(), nil
	}
	c := l.at.c
	t := c.tree
	var a after
	var d *drive
	t.mu.Lock()
	if len(l.news) > 0 || s.state.Load()&subClosed != 0 {
		t.mu.Unlock()
		return l.called(), nil
	}
	by := l.builder()
	if by != nil {
		l.of, l.told = s.e, false
		d = &drive{t: t, by: by, on: s.e, await: true, loop: l}
		if on := l.waitsFor(s.e); on != nil {
			if path := d.cycle(on); path != nil {
				c.yield(by, &a)
				return false, named(path)
			}
		}
		d.join(by)
		t.loops = append(t.loops, l)
	}
	returns := false
	defer func() {
		t.mu.Lock()
		if d != nil {
			d.part(by)
			t.loops = slices.DeleteFunc(t.loops, func(x *looping) bool { return x == l })
		}
		if !returns { // a hook or listener of a turn ended this goroutine
			c.settle(&a)
			return
		}
		c.yield(by, &a)
		a.rethrow()
	}()
	t.breakHooks()
	t.letFly()
	c.waiting(by, &a)
	called = l.called()
	returns = true
	return called, nil
}

// called waits for a call, and reports whether it has come before the end of the loop.
func (l *looping) called() bool {
	t := l.at.c.tree
	w := t.blocks()
	news := false
	select {
	case <-l.ctx.Done():
	case <-l.own:
	case <-l.done:
	case <-l.news:
		news = true
	}
	t.unblocks(w)
	return news
}

// waitsFor returns the element whose build l, a loop over e, waits for, or nil. The lock is
// held.
func (l *looping) waitsFor(e *element) (last *element) {
	if l.told || e.Undelivered() || e.c.inTurn() && e.c.turn.telling == e {
		return nil
	}
	for n := range e.pending {
		last = n.Host.(*element)
	}
	return last
}

// pending calls yield for the nodes from e down to the one whose build has to be done
// before e is up to date; for none if e is at rest. The lock is held.
func (e *element) pending(yield func(*graph.Node) bool) {
	if e.async && !e.atRest() {
		yield(&e.Node)
		return
	}
	e.Awaits(yield)
}
