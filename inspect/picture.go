package inspect

// This file owns the picture: all elements of a container and its children at about one
// moment, as text and numbers. It holds no provider and no container.

import (
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/weir-go/weir"
)

// picture is never changed once it is made.
type picture struct {
	seed  maphash.Seed
	at    time.Time
	took  time.Duration
	boxes []box
	nodes []node
}

// box is a container; the first is the root of the picture.
type box struct {
	id     id
	parent int // -1 of the first
	nodes  int
}

// node is an element.
type node struct {
	id          id
	box         int
	group       string // the family, as far as names can tell; "" for none
	can         bool   // be cancelled
	deps, users []int  // indices; users are the dependents
	outside     []string
	weir.ElementInfo
}

// is reports whether the node is in a state that can be asked for.
func (n *node) is(state string) bool {
	switch state {
	case "stale":
		return n.Stale
	case "failed":
		return n.Failed
	}
	return n.State.String() == state
}

// lively reports whether n's watches count as active (rule L1).
func (n *node) lively() bool {
	return n.State == weir.StateActive || n.State == weir.StateBuilding
}

// find returns the index of the element x, or -1.
func (p *picture) find(x string) int {
	want, err := parseID(x)
	if err != nil {
		return -1
	}
	return slices.IndexFunc(p.nodes, func(n node) bool { return n.id == want })
}

// restShare is how long the camera rests for the time that a picture took.
const restShare = 9

// camera makes pictures of c, at most a tenth of the time.
type camera struct {
	seed maphash.Seed
	c    *weir.Container

	mu   sync.Mutex // held while a picture is made
	last *picture   // dropped when it is too old
	drop *time.Timer
}

// picture returns one that is not older than nine times what it takes to make.
func (k *camera) picture() *picture {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.last != nil {
		return k.last
	}
	p := k.shoot()
	if rest := restShare * p.took; rest > time.Millisecond { // else it was no work
		k.last = p
		k.drop = time.AfterFunc(rest, func() {
			k.mu.Lock()
			defer k.mu.Unlock()
			if k.last == p {
				k.last = nil
			}
		})
	}
	return p
}

// forget has the next picture be a new one.
func (k *camera) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.last != nil {
		k.drop.Stop() // or it is about to find another picture here
		k.last = nil
	}
}

func (k *camera) shoot() *picture {
	began := time.Now()
	p := &picture{seed: k.seed, at: began}
	type frame struct {
		c      *weir.Container
		parent int
		at     map[weir.AnyProvider]int // its elements
	}
	var frames []frame
	var watches [][]weir.AnyProvider
	for open := []frame{{c: k.c, parent: -1}}; len(open) > 0; {
		f := open[len(open)-1]
		open = open[:len(open)-1]
		s := f.c.Snapshot()
		b := len(frames)
		in := containerID(k.seed, f.c)
		p.boxes = append(p.boxes, box{in, f.parent, len(s.Elements)})
		f.at = make(map[weir.AnyProvider]int, len(s.Elements))
		for _, e := range s.Elements {
			f.at[e.Provider] = len(p.nodes)
			_, can := e.Provider.(canceler)
			n := node{id: elementIn(k.seed, in, providerID(k.seed, e.Provider)), box: b, can: can, ElementInfo: e}
			watches = append(watches, e.DependsOn)
			// What is kept must hold no provider.
			n.Name, n.Provider, n.DependsOn = short(e.Name), nil, nil
			p.nodes = append(p.nodes, n)
		}
		frames = append(frames, f)
		for i := len(s.Children) - 1; i >= 0; i-- {
			open = append(open, frame{c: s.Children[i], parent: b})
		}
	}
	for i := range p.nodes {
		n := &p.nodes[i]
		for j, dep := range watches[i] {
			at, found := 0, false
			for b := n.box; b >= 0 && !found; b = frames[b].parent {
				at, found = frames[b].at[dep]
			}
			if !found { // of a parent that is not in the picture, or gone since
				n.outside = append(n.outside, short(n.Dependencies[j]))
				continue
			}
			n.deps = append(n.deps, at)
			p.nodes[at].users = append(p.nodes[at].users, i)
		}
		n.Dependencies = nil
		if open := strings.IndexByte(n.Name, '('); open > 0 {
			n.group = p.boxes[n.box].id.String() + " " + n.Declared + " " + n.Name[:open]
		}
	}
	p.took = time.Since(began)
	return p
}

// canceler is a provider of an asynchronous kind.
type canceler interface {
	Cancel(s weir.Scope, cause error)
}

// locate finds the element x for an action, with what the picture must not hold.
func (k *camera) locate(x string) (*weir.Container, weir.AnyProvider) {
	want, err := parseID(x)
	if err != nil {
		return nil, nil
	}
	for open := []*weir.Container{k.c}; len(open) > 0; {
		c := open[0]
		s := c.Snapshot()
		open = append(open[1:], s.Children...)
		for _, e := range s.Elements {
			if elementID(k.seed, c, e.Provider) == want {
				return c, e.Provider
			}
		}
	}
	return nil, nil
}
