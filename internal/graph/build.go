package graph

// This file owns the course of a build as the graph sees it: begin, the recording of
// dependencies, commit, disposal. It never waits and decides nothing about values.

// Begin starts a build of n and returns its number. A synchronous one is [Building] until
// Commit; an asynchronous one is [InFlight] and has a value (loading) at once.
func (g *Graph) Begin(n *Node, async bool) (gen uint64) {
	was := n.On()
	gen = g.Next()
	n.serial++
	n.flags &^= Stale | Over | Mixed
	n.cursor, n.old, n.marked = 0, int32(len(n.deps)), 0
	n.at = g.epoch.Load()
	w := gen << genShift
	if async {
		n.phase = Built
		n.flags |= InFlight
		n.unplan()
	} else {
		n.phase = Building
		if n.replan(); n.plan.Load() != nil {
			w |= open
		}
	}
	n.Word.Store(w)
	g.switched(n, was)
	return gen
}

// holdsAt reports whether n's value is known to have been current at epoch m: since its
// at if it is fresh, for it would have been marked, and only at that if it is stale. That
// the value has not changed is not enough: it may have been another in between, unread.
func (n *Node) holdsAt(m uint64) bool {
	if n.Fresh() {
		return n.at <= m
	}
	return n.phase == Built && n.flags&InFlight == 0 && n.at == m
}

// Fits sees to it that the value that src has now was current together with all that the
// synchronous build gen of n has watched so far, moving n's moment if it must. It returns
// a dependency that has to be brought up to date first, or nil; Fits is then asked again.
// If there is no such moment, n is Mixed.
func (g *Graph) Fits(n, src *Node, gen uint64) (dep *Node) {
	if src.holdsAt(n.at) {
		return nil
	}
	n.freeze()
	defer n.thaw()
	to, fresh := src.at, src.Fresh()
	if fresh {
		to = g.epoch.Load()
	}
	for i := range n.deps {
		if n.unmatched(i) || n.deps[i].kind == Waiting {
			continue
		}
		s := n.deps[i].src
		if n.changedSince(i) {
			n.flags |= Mixed
			return nil
		}
		if !s.holdsAt(to) {
			if fresh { // s is not, for what is fresh holds now
				return s
			}
			n.flags |= Mixed
			return nil
		}
	}
	n.at = to
	return nil
}

// changedSince reports whether dependency i has changed after n's moment. For a
// filtered edge it may have.
func (n *Node) changedSince(i int) bool {
	switch n.deps[i].kind {
	case Settled:
		return n.deps[i].src.settledAt > n.at
	case Waiting:
		return false
	}
	return n.deps[i].src.changedAt > n.at
}

// Watch records that build gen of n depends on src. It returns the place of the edge, -1
// for a value that this build watches already.
func (g *Graph) Watch(n, src *Node, gen uint64, kind Kind, sel *Sel) int {
	if n.phase == Building {
		if kind == Value {
			if next, w := n.Expected(gen); next == src && n.Matched(w) {
				return place(w)
			}
		}
		n.freeze()
		defer n.thaw()
	}
	running := n.phase == Building || n.flags&InFlight != 0
	if kind == Value {
		known := n.cursor
		if !running { // a late one: what was matched last was marked by nobody
			known = int32(len(n.deps))
		}
		for ; n.marked < known; n.marked++ {
			if d := &n.deps[n.marked]; d.kind == Value {
				d.src.markBy(gen)
			}
		}
		if m := src.mark.Load(); m == gen || m > gen && n.watches(src, running) {
			return -1
		}
		src.markBy(gen)
	}
	if kind == Waiting { // Awaits of one source share an edge
		for i := range n.deps {
			if d := &n.deps[i]; d.src == src && (d.kind == Settled || d.kind == Waiting) && !(running && n.unmatched(i)) {
				return i
			}
		}
	}
	if running && len(n.deps) == int(n.old) && n.cursor < n.old {
		if d := &n.deps[n.cursor]; d.src == src && (d.kind == kind || d.kind == Settled && kind == Waiting) {
			n.unkeep(int(n.cursor))
			d.kind, d.sel = kind, sel
			src.outs[d.out].kind = kind
			if kind != Waiting {
				g.follow(n, src)
			}
			n.cursor++
			return int(n.cursor) - 1
		}
	}
	kept := false
	if src.flags&Joins != 0 { // a dependent that watches again has not left and come (rule P8)
		for i := int(n.cursor); i < int(n.old); i++ {
			if d := &n.deps[i]; running && d.src == src && !d.kept {
				d.kept, kept = true, true
				break
			}
		}
	}
	g.link(n, src, kind, sel)
	if kind != Waiting {
		g.follow(n, src)
	}
	if src.flags&Joins == 0 {
		n.deps[len(n.deps)-1].mute = true
	} else if !kept {
		src.Host.NodeEvent(Added)
	}
	return len(n.deps) - 1
}

// again claims a watch of src, from edge i on, of which nobody was told when the build that
// is done made it, and reports whether there is one: src hears since then. It takes the place
// of one that is not made again, whose going is not told either.
func (n *Node) again(src *Node, i int) bool {
	for ; i < len(n.deps); i++ {
		if d := &n.deps[i]; d.src == src && d.mute {
			d.mute = false
			return true
		}
	}
	return false
}

// unkeep makes edge i, which is made again, the one whose going is told, if another parked
// edge of the same source was that: of a build that was ended before it was done.
func (n *Node) unkeep(i int) {
	d := &n.deps[i]
	if !d.kept {
		return
	}
	for k := i + 1; k < int(n.old); k++ {
		if twin := &n.deps[k]; twin.src == d.src && !twin.kept {
			d.kept, twin.kept = false, true
			return
		}
	}
}

// watches reports whether n's build watches the value of src.
func (n *Node) watches(src *Node, running bool) bool {
	for i := range n.deps {
		if d := &n.deps[i]; d.src == src && d.kind == Value && !(running && n.unmatched(i)) {
			return true
		}
	}
	return false
}

// follow makes n, which has a value already, stale if what it just watched is. (A
// synchronous build is judged when it commits.)
func (g *Graph) follow(n, src *Node) {
	if n.phase == Built && n.flags&Stale == 0 && !src.Fresh() {
		g.tick() // nobody who asks from now on is content with n's moment
		n.flags |= Pending
		n.Hide()
		n.Want()
		g.markFrom(n, Pending, true)
	}
}

func (g *Graph) link(n, src *Node, kind Kind, sel *Sel) {
	n.deps = append(n.deps, dep{src: src, sel: sel, out: uint32(len(src.outs)), kind: kind})
	src.outs = append(src.outs, out{n, uint32(len(n.deps) - 1), kind})
	if n.On() {
		g.Use(src, 1)
	}
}

// unlink takes edge i of n out of its source; the caller removes it from n.deps.
func (g *Graph) unlink(n *Node, i int) {
	d := n.deps[i]
	s := d.src
	last := len(s.outs) - 1
	if int(d.out) != last {
		moved := s.outs[last]
		s.outs[d.out] = moved
		moved.dst.deps[moved.in].out = d.out
	}
	s.outs[last] = out{}
	s.outs = s.outs[:last]
	if n.On() {
		g.Use(s, -1)
	}
	if s.flags&Joins != 0 && !d.kept {
		s.Host.NodeEvent(Removed)
	}
	g.unused(s)
}

// prune drops the dependencies of the last build that were not made again.
func (g *Graph) prune(n *Node) {
	c, o := int(n.cursor), int(n.old)
	n.cursor, n.old = 0, 0
	if c >= o {
		return
	}
	for i := c; i < o; i++ {
		if d := &n.deps[i]; !d.kept && d.src.flags&Joins != 0 {
			d.kept = n.again(d.src, o)
		}
		g.unlink(n, i)
	}
	k := copy(n.deps[c:], n.deps[o:])
	clear(n.deps[c+k:])
	n.deps = n.deps[:c+k]
	for i := c; i < len(n.deps); i++ {
		d := &n.deps[i]
		d.src.outs[d.out].in = uint32(i)
	}
}

// Commit ends the synchronous build of n: its dependencies are those that it watched.
// It reports whether the result may be published; then n is fresh, or stale still if it
// was outdated after its last Watch (rule P3). A build that was ended meanwhile or saw
// values of different moments leaves n dirty.
func (g *Graph) Commit(n *Node) (ok bool) {
	if w := n.Word.Load(); w&open != 0 && place(w) == int(n.old) {
		n.cursor = n.old // and stays there: nothing else is expected
	} else {
		n.freeze()
	}
	n.serial++
	if int(n.cursor) == len(n.deps) {
		n.flags &^= wavering
	} else if n.plan.Load() != nil {
		n.unplan()
		n.flags |= wavering
	}
	g.prune(n)
	ok = n.flags&(Over|Mixed) == 0
	n.phase = Built
	if !ok {
		n.flags = n.flags&^(Over|Mixed|Pending) | Dirty
	} else if n.flags&Stale != 0 || n.at != g.epoch.Load() {
		g.Judge(n)
	}
	n.Want()
	return ok
}

// CommitSame is Commit of a build that has watched what the last one did, while nothing
// changed. Of another it does nothing, and returns false.
func (g *Graph) CommitSame(n *Node, gen uint64) bool {
	w := n.Word.Load()
	if w>>genShift != gen || w&open == 0 || place(w) != int(n.old) { // there may be more than a word has places for
		return false
	}
	if n.flags&(Over|Mixed|Stale) != 0 || n.at != g.epoch.Load() {
		return false
	}
	n.serial++
	n.cursor, n.old = 0, 0
	n.phase = Built
	return true
}

// Discard notes that the build that Commit did not let through leaves no value: there is
// no moment for which n holds.
func (g *Graph) Discard(n *Node) { n.at = 0 }

// Changed calls yield for each dependency of the last build that is known to have changed
// since. What lies behind a filter may have.
func (n *Node) Changed(yield func(*Node) bool) {
	for i := range n.deps {
		if n.changedSince(i) && !yield(n.deps[i].src) {
			return
		}
	}
}

// Outdated reports whether a dependency of the last build is known to have changed since.
func (g *Graph) Outdated(n *Node) bool {
	for i := range n.deps {
		if n.deps[i].kind != Filtered && n.changedSince(i) {
			return true
		}
	}
	return false
}

// Judge makes n, which was just built or whose build was cut short on purpose, as stale as
// its dependencies say, and moves its moment to now if nothing has changed.
func (g *Graph) Judge(n *Node) {
	n.flags &^= Stale
	for i := range n.deps {
		s := n.deps[i].src
		if n.changedSince(i) {
			if n.deps[i].kind == Filtered {
				n.flags |= Pending
				continue
			}
			n.flags |= Dirty
			return
		}
		if !s.Fresh() {
			n.flags |= Pending
		}
	}
	if n.flags&Stale == 0 {
		n.at = g.epoch.Load()
	}
}

// Publish notes the outcome of a build that Commit let through, or the first state of an
// asynchronous one: changed if it is different from the state before, settled if it is a
// settled result different from the last one, fail if it is a kept panic.
func (n *Node) Publish(isChanged, settled, fail bool) {
	n.flags &^= failed
	if fail {
		n.flags |= failed
	}
	at := n.at
	if n.passed != 0 {
		at, n.passed = n.since(), 0
	}
	if settled {
		n.settledAt = at
	}
	if isChanged {
		n.changedAt = at
	}
	if isChanged || n.flags&owed != 0 {
		n.flags &^= owed
		n.Deliver()
	}
}

// since returns the epoch since which all that n was just made from is what it is, but no
// earlier than passed: when n was built says nothing to those who know of changes before.
func (n *Node) since() (at uint64) {
	at = n.passed
	for i := range n.deps {
		switch d := &n.deps[i]; d.kind {
		case Waiting:
		case Settled:
			at = max(at, d.src.settledAt)
		default: // a parked one too: what has it begin anew, and be loading, is what it watched last
			at = max(at, d.src.changedAt)
		}
	}
	return min(at, n.at)
}

// Recover notes that n, whose value was a kept panic, has been given a value.
func (n *Node) Recover() { n.flags &^= failed }

// Land ends the asynchronous build of n: what it did not watch again is dropped.
func (g *Graph) Land(n *Node) {
	if n.flags&InFlight == 0 {
		return
	}
	n.serial++
	g.prune(n)
	n.flags &^= InFlight
	g.switched(n, true)
}

// Halt ends the asynchronous build of n because it is out of date. Its watches stay, and
// those of the build before too: the next build parks them all until it is done.
func (g *Graph) Halt(n *Node) {
	if n.flags&InFlight == 0 {
		return
	}
	n.serial++
	n.cursor, n.old = 0, 0
	n.flags &^= InFlight
	g.switched(n, true)
}

// Arm turns the edge of an Await that has got its result into one that hears of others:
// Settled, or Filtered by sel; or Value, of all there is.
// The caller has seen to it that n is fresh or a synchronous build that Fits.
func (g *Graph) Arm(n *Node, i int, gen uint64, kind Kind, sel *Sel) {
	d := &n.deps[i]
	if d.kind != Waiting { // another Await of the same source is armed: hear of all that either asks for
		kind, sel = min(d.kind, kind, Settled), nil
	}
	d.kind, d.sel = kind, sel
	d.src.outs[d.out].kind = kind
	g.follow(n, d.src)
}

// Advance moves the moment of an asynchronous build to now, if it is fresh, so that what
// it watches next is not taken for a change.
func (g *Graph) Advance(n *Node) {
	if n.flags&Stale == 0 {
		n.at = g.epoch.Load()
	}
}

// Dispose makes n absent and drops its watches, parked ones too.
func (g *Graph) Dispose(n *Node) {
	n.serial++
	n.cursor, n.old = 0, 0
	n.Hide()
	n.unplan()
	for i := len(n.deps) - 1; i >= 0; i-- { // last first, so that no edge moves; n counts as it did until all are gone
		g.unlink(n, i)
		n.deps[i] = dep{}
		n.deps = n.deps[:i]
	}
	n.phase, n.at, n.passed = Absent, 0, 0
	n.flags &^= Stale | InFlight | failed | Life | Owner | Over | Mixed | owed
	if n.flags&Observed == 0 {
		n.flags &^= Joins
	}
}
