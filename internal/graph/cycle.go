package graph

// This file owns the search for paths of watches. It changes nothing.

// Cycle returns the nodes on a path of watches from src down to n, if a watch of src by
// n would close one: for an asynchronous build, whose dependents may be fresh while it
// runs. Synchronous builds find their cycles by waiting.
func (g *Graph) Cycle(n, src *Node) (path []*Node) {
	if n == src {
		return []*Node{n}
	}
	return g.below(n, src, false)
}

// Ring returns the nodes on a path of watches from n back to n, parked ones included: what
// asynchronous builds that chase each other leave.
func (g *Graph) Ring(n *Node) (path []*Node) { return g.below(n, n, true) }

// Moved reports whether something that a node of the ring watches, and that is not of the
// ring, has changed since epoch.
func (g *Graph) Moved(ring []*Node, epoch uint64) bool {
	of := map[*Node]bool{}
	for _, n := range ring {
		of[n] = true
	}
	for _, n := range ring {
		for i := range n.deps {
			if src := n.deps[i].src; !of[src] && src.changedAt > epoch {
				return true
			}
		}
	}
	return false
}

// below returns the nodes on a path of watches from src down to n, which is above it.
func (g *Graph) below(n, src *Node, parked bool) (path []*Node) {
	if len(n.outs) == 0 {
		return nil
	}
	from := map[*Node]*Node{n: nil}
	todo := []*Node{n}
	for len(todo) > 0 {
		x := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for i := range x.outs {
			o := &x.outs[i]
			if !parked && o.dst.parked(int(o.in)) {
				continue
			}
			if o.dst == src {
				path = append(path, src)
				for at := x; at != nil; at = from[at] {
					path = append(path, at)
				}
				return path
			}
			if _, ok := from[o.dst]; ok {
				continue
			}
			from[o.dst] = x
			todo = append(todo, o.dst)
		}
	}
	return nil
}
