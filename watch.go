package weir

// This file owns the verbs that yield a value at once: Watch, Read, Refresh.

import "errors"

// Watch returns the value of src and makes it a dependency of ref's build, which is
// rebuilt when the value has changed (rules P2, P8). It brings src up to date first, on
// this goroutine (P4); all values that one build watches were current together at one
// moment (P3). A synchronous src whose build panicked raises that *PanicError (E1); a
// watch that closes a cycle a *CycleError (E2). Watch may be called from several
// goroutines, and after the build function has returned (D6). On a ref that is over it is
// [Read].
func Watch[S any](ref Ref, src Source[S]) S {
	if src == nil {
		misuse(nil, "Watch of a nil source")
	}
	out := src.outlet()
	out.usable("Watch")
	if out.part != nil {
		return out.watch(ref)
	}
	return out.whole.watch(ref)
}

// Read returns the value of src once, building or bringing it up to date first, on this
// goroutine (rule P4); an asynchronous one is loading then. It is no dependency and no
// listener (L4). Of a value that is built and current it takes no lock and no memory. A
// synchronous src whose build panicked raises that *PanicError (E1). After Close it
// returns the last value; if there never was one, an asynchronous src is Failed with
// [ErrContainerClosed], and a synchronous one raises an error that wraps it (G10).
func Read[S any](s Scope, src Source[S]) S {
	if src == nil {
		misuse(nil, "Read of a nil source")
	}
	return src.outlet().read(s)
}

// read is Read.
func (o outlet[S]) read(s Scope) S {
	if c, ok := s.(*Container); ok && c != nil {
		if e := c.there(o.p); e != nil && e.readable() {
			if at, word, small := o.peek(e); small {
				return o.whole.unpack(word)
			} else if at != nil {
				return *at
			}
		}
	}
	b := o.usable("Read")
	at := scopeOf(s, b, "Read")
	if at.tx != nil {
		if w, ok := at.tx.staged(at.c, b); ok {
			return *o.view(w.p.raw(&w))
		}
	}
	seen := at.readSlow(b, o.part != nil)
	if seen.small {
		return o.whole.unpack(seen.word)
	}
	return *viewed(b, o.view(seen.raw))
}

// Refresh is [Container.Invalidate] of src followed by [Read]: it returns the new value, or
// the loading state of an asynchronous src. Like Invalidate, it does nothing but read
// when nothing was built yet. Through a ref that is over it is Read.
func Refresh[S any](s Scope, src Source[S]) S {
	if src == nil {
		misuse(nil, "Refresh of a nil source")
	}
	b := src.outlet().usable("Refresh")
	at := scopeOf(s, b, "Refresh")
	if !at.over() {
		var a after
		at.c.tree.mu.Lock()
		if e := at.c.table.find(b); e != nil {
			at.c.endByHand([]*element{e}, byRefresh, at.ref.e, true, &a)
		}
		// No turn yet: an element that nobody listens to is to be read, not to be gone.
		at.c.tree.unlock(&a)
		a.rethrow()
	}
	return Read(s, src)
}

// viewed is v, or the panic of a sync source that never had a value when its container
// closed (rule G10).
func viewed[S any](p *base, v *S) *S {
	if v == nil {
		panic(&causeError{p, ErrContainerClosed})
	}
	return v
}

// readSlow is Read with the lock. It returns nothing if there is no value and never will be,
// and a small value as a pointer to it if that is asked for, for a selector.
func (at place) readSlow(p *base, pointer bool) look {
	p.usable("Read")
	c := at.c
	if e := c.table.find(p); e != nil && e.readable() {
		if seen := e.seen(pointer); seen.small || seen.raw != nil {
			return seen
		}
	}
	var a after
	c.tree.mu.Lock()
	by := at.ref.builder()
	e, stop := c.freshElement(p, by, &a)
	if stop != nil {
		return look{raw: c.giveUp(p, stop, by, &a)}
	}
	seen, fail := e.seen(pointer), e.fail
	e.touchLocked()
	c.yield(by, &a)
	a.rethrow()
	if fail != nil {
		panic(fail)
	}
	return seen
}

// giveUp is what Read and Watch come to when there is no getting on: the last value of a
// closed container, or a panic with the cycle or misuse. The lock is held, and let go.
func (c *Container) giveUp(p *base, stop error, by *element, a *after) any {
	var raw any
	if e := c.table.find(p); e != nil {
		raw = e.host.raw()
	}
	c.yield(by, a)
	if !isClosed(stop) {
		panic(named(stop))
	}
	if raw == nil {
		if f, ok := p.impl.(asyncKind); ok {
			raw = f.with(nil, asyncState{err: stop})
		}
	}
	return raw
}

func isClosed(err error) bool { return errors.Is(err, ErrContainerClosed) }

// current returns p's element, up to date, and how its build failed if it did, for a write.
// The element is nil if the container is closed, or the notifier that writes is over. With hold
// it is noted there, and not disposed before its release: what others have to be built for
// must not go between.
func (c *Container) current(p *base, at place, hold **element, a *after) (*element, *PanicError) {
	c.tree.mu.Lock()
	if at.gone() { // it must not begin another life
		c.tree.unlock(a)
		return nil, nil
	}
	by := at.ref.builder()
	e, stop := c.freshElement(p, by, a)
	if stop != nil {
		c.giveUp(p, stop, by, a)
		return nil, nil
	}
	fail := e.fail
	if hold != nil {
		e.walkers++
		*hold = e // now: a hook may end this goroutine
	}
	// No turn yet: an element that nobody uses is to be written, not to be gone.
	c.tree.unlock(a)
	return e, fail
}
