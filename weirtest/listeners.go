package weirtest

// This file owns the search for listeners that were left open, in what snapshots show.
//
// A snapshot has, for each element, how many listeners there are, how many of them count as
// paused, and what it watches. So watches can be taken off. Listeners that
// builds have made through their refs cannot be told from a test's own; but they count as
// paused unless their build is in use or in flight. So when no build is in flight that
// nobody uses, an element that is active at all proves that somebody has left something
// open: activity comes from the top. Only who is named may be one too many.

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/weir-go/weir"
)

// grace is how long a goroutine that is about to leave may take in real time: one in a
// Resolve, say, whose ctx the test has just cancelled.
const grace = 200 * time.Millisecond

var errOver = errors.New("weirtest: the test is over")

// opened is an element with listeners that nothing accounts for.
type opened struct {
	place string
	n     int
	hint  string
}

// placed is an element and where it is.
type placed struct {
	weir.ElementInfo
	line []*weir.Container // its own container, that one's parent, and so on up to the one that is checked
}

// active counts the users that are not paused.
func (e *placed) active() int { return e.Listeners - e.Paused }

// idle reports whether e's build is in flight and nobody uses it.
func (e *placed) idle() bool { return e.State == weir.StateBuilding && e.active() <= 0 }

// open returns the elements with listeners that were left open.
func (k *check) open() []opened {
	var es []placed
	var found []opened
	for pause := time.Millisecond; ; pause *= 2 {
		inBubble := k.rest()
		es = k.elements()
		if found = unaccounted(es); len(found) == 0 {
			return nil
		}
		if inBubble || pause > grace {
			break
		}
		time.Sleep(pause)
	}
	// Builds in flight that nobody uses may be whose listeners these are. They are about to
	// end anyway; nobody who is not paused is there to hear of it.
	for range 100 {
		if !endIdle(es) {
			break
		}
		if !k.rest() {
			time.Sleep(time.Millisecond)
		}
		es = k.elements()
		if found = unaccounted(es); len(found) == 0 {
			return nil
		}
	}
	return found
}

// rest lets what is under way be delivered, as far as that can be waited for, and reports
// whether it was in a bubble.
func (k *check) rest() (inBubble bool) {
	if inBubble, _ = bubbleRest(); inBubble {
		return true
	}
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	_ = k.c.Flush(ctx) // a turn that hangs is found by Shutdown
	return false
}

// elements returns what is in the container and in its children.
func (k *check) elements() []placed { return elementsOf(nil, k.c, nil) }

// elementsOf appends what is in c, which has those above it, and in its children.
func elementsOf(es []placed, c *weir.Container, above []*weir.Container) []placed {
	line := append([]*weir.Container{c}, above...)
	now := c.Snapshot()
	for _, e := range now.Elements {
		es = append(es, placed{e, line})
	}
	for _, child := range now.Children {
		es = elementsOf(es, child, line)
	}
	return es
}

// endIdle ends the builds in flight that nobody uses, and reports whether there were any.
func endIdle(es []placed) (some bool) {
	for i := range es {
		if p, ok := es[i].Provider.(interface{ Cancel(weir.Scope, error) }); ok && es[i].idle() {
			p.Cancel(es[i].line[0], errOver)
			some = true
		}
	}
	return some
}

// identity is what tells elements apart.
type identity struct {
	c *weir.Container
	p weir.AnyProvider
}

// unaccounted returns, by element, how many users that are not paused nothing in es
// accounts for.
func unaccounted(es []placed) (found []opened) {
	type sums struct{ watches, activeWatches int }
	of := map[identity]*sums{}
	for i := range es {
		of[identity{es[i].line[0], es[i].Provider}] = &sums{}
	}
	for i := range es {
		e := &es[i]
		for _, p := range e.DependsOn {
			for _, c := range e.line { // what it watches is where it is found first
				if s := of[identity{c, p}]; s != nil {
					s.watches++
					if e.active() > 0 || e.State == weir.StateBuilding {
						s.activeWatches++
					}
					break
				}
			}
		}
	}
	for i := range es {
		e := &es[i]
		s := of[identity{e.line[0], e.Provider}]
		// Awaits that wait are active beyond their watch, so both counts must be short.
		if n := min(e.Listeners-s.watches, e.active()-s.activeWatches); n > 0 {
			o := opened{place: place(e.Name, e.Declared), n: n}
			if len(e.line) > 1 {
				o.place += ", in a child container"
			}
			found = append(found, o)
		}
	}
	slices.SortStableFunc(found, func(a, b opened) int { return cmp.Compare(a.place, b.place) })
	if len(found) > 1 {
		for i := range found {
			found[i].hint = "\n\tIf one of the other elements that are reported listens to this one through its Ref, close that one's first."
		}
	}
	return found
}
