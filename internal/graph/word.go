package graph

// This file owns what goroutines without the lock see of a node: its word, which they may
// change too, the plan of its build, and its mark. All else is guarded by the lock.

// Bits of [Node.Word]. Above them are the place of the running build's next watch among
// those of the last build, and the number of the live build.
const (
	Readable uint64 = 1 << iota // built, fresh, not failed: the value may be loaded
	Touch                       // on standby and to be disposed: a read must be noted
	open                        // a synchronous build is running that has watched what the last one did so far

	bits = Readable | Touch

	placeShift = 4
	genShift   = 16
	onePlace   = 1 << placeShift
	maxPlace   = 1<<(genShift-placeShift) - 1
)

func place(w uint64) int { return int(w >> placeShift & maxPlace) }

// plan is what the last build of a node has watched, in order: nil where it was more than
// a value. It does not change, for it is read without the lock.
type plan struct {
	srcs []*Node
	room [1]*Node
}

// Gen returns the number of n's live build, 0 if it is over. It needs no lock.
func (n *Node) Gen() uint64 { return n.Word.Load() >> genShift }

// Expected returns the node that the synchronous build gen of n watches next if it goes on
// like the last build, or nil, and n's word as of now: 0 if nothing is expected of this
// build, whatever it watches. It needs no lock.
func (n *Node) Expected(gen uint64) (src *Node, w uint64) {
	w = n.Word.Load()
	if w>>genShift != gen || w&open == 0 {
		return nil, 0
	}
	if p := n.plan.Load(); p != nil {
		if i := place(w); i < len(p.srcs) {
			return p.srcs[i], w
		}
	}
	return nil, w
}

// Recent returns the node that the build whose word is w watched i+1 places ago, or nil.
func (n *Node) Recent(w uint64, i int) *Node {
	if p, k := n.plan.Load(), place(w)-1-i; p != nil && k >= 0 && k < len(p.srcs) {
		return p.srcs[k]
	}
	return nil
}

// Matched notes that the build has watched what was Expected with word w, and reports
// whether w was still its word: else somebody has watched for it meanwhile, or it is over.
// It needs no lock.
//
// One compare-and-swap is all that such a watch costs: what it stands on, the plan, does
// not change while the word does not.
func (n *Node) Matched(w uint64) bool { return n.Word.CompareAndSwap(w, w+onePlace) }

// unplan forgets what is expected of the next build: the last one has done otherwise.
func (n *Node) unplan() {
	if n.plan.Load() != nil {
		n.plan.Store(nil)
	}
}

// fewDeps is how many watches are as cheap with the lock as a plan that is made in vain.
const fewDeps = 3

// replan expects of the next build what the last one has watched.
func (n *Node) replan() {
	if n.plan.Load() != nil || len(n.deps) == 0 || n.flags&wavering != 0 && len(n.deps) <= fewDeps {
		return
	}
	p := &plan{}
	if k := min(len(n.deps), maxPlace); k <= len(p.room) {
		p.srcs = p.room[:k]
	} else {
		p.srcs = make([]*Node, k)
	}
	for i := range p.srcs {
		if d := &n.deps[i]; d.kind == Value && !d.kept {
			p.srcs[i] = d.src
		}
	}
	n.plan.Store(p)
}

// markBy notes that build gen watches n. Marks only grow: a newer one is that of a build
// that has come in between.
func (n *Node) markBy(gen uint64) {
	if n.mark.Load() < gen {
		n.mark.Store(gen)
	}
}

// Watched reports whether n is known to be a value that build gen watches already. It needs
// no lock.
func (n *Node) Watched(gen uint64) bool { return n.mark.Load() == gen }

// freeze has every Watch of the running synchronous build take the lock, and brings the
// cursor up to date.
func (n *Node) freeze() {
	for {
		w := n.Word.Load()
		if w&open == 0 {
			return
		}
		if n.Word.CompareAndSwap(w, w&^open) {
			n.cursor = int32(place(w))
			return
		}
	}
}

// thaw undoes freeze, if the running synchronous build has watched what the last one did so
// far.
func (n *Node) thaw() {
	if n.plan.Load() != nil && len(n.deps) == int(n.old) && n.cursor <= maxPlace {
		n.Word.Store(n.Gen()<<genShift | uint64(n.cursor)<<placeShift | open)
	}
}

// End makes the live build of n over: Gen is 0. What there is to read stays.
func (n *Node) End() {
	n.freeze()
	n.Word.Store(n.Word.Load() & bits)
}

// Hide keeps readers without the lock away until Show.
func (n *Node) Hide() {
	if w := n.Word.Load(); w&bits != 0 {
		n.Word.Store(w &^ bits)
	}
}

// Show lets readers without the lock in, if the value is fit to be read.
func (n *Node) Show() {
	was := n.Word.Load()
	w := was >> genShift << genShift
	if n.Fresh() && n.flags&failed == 0 {
		w |= Readable
		if n.active == 0 && n.flags&Auto != 0 {
			w |= Touch
		}
	}
	if w != was {
		n.Word.Store(w)
	}
}
