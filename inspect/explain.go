package inspect

// This file owns the answers about one element: why it was built last, who keeps it. They
// are made of a picture and the ring, and say so where these do not suffice. What a change
// came of is cause.go's.

import (
	"fmt"
	"slices"

	"github.com/weir-go/weir"
)

const answersMax = 20 // lines of one sort, and events of the element

// detail is what is told of the element in focus.
type detail struct {
	ID     string      `json:"id"`
	Name   string      `json:"name"`
	Value  string      `json:"value,omitempty"` // of the newest change in the ring
	Why    []answer    `json:"why"`
	Keeps  []answer    `json:"keeps"`
	Events []eventJSON `json:"events"` // the last ones
}

// answer is a sentence, with the element that it is about if there is one.
type answer struct {
	Text string `json:"text"`
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
}

func say(format string, args ...any) answer { return answer{Text: fmt.Sprintf(format, args...)} }

func (p *picture) about(i int, text string) answer {
	return answer{text, p.nodes[i].id.String(), p.nodes[i].Name}
}

// explain answers for the element i; events is the ring, or nil if there is no timeline.
func (p *picture) explain(i int, events []event) *detail {
	n := &p.nodes[i]
	d := &detail{ID: n.id.String(), Name: n.Name, Events: []eventJSON{}}
	var own []event
	for _, x := range events {
		if x.id == n.id {
			own = append(own, x)
			if x.value != "" {
				d.Value = x.value
			}
		}
	}
	d.Why, d.Keeps = p.why(own, events), p.keeps(i)
	d.Events = append(d.Events, eventsJSON(own[max(0, len(own)-answersMax):])...)
	return d
}

// why says why the newest build in own, the events of its element, was started.
func (p *picture) why(own, events []event) (said []answer) {
	if events == nil {
		return []answer{say("There is no timeline: give the container the inspector's Observer.")}
	}
	last, before := -1, -1 // builds, in own
	for k, x := range own {
		if x.kind == eventBuild {
			last, before = k, last
		}
	}
	if last < 0 {
		return []answer{say("The last build is older than what the timeline still has.")}
	}
	build := own[last]
	said = append(said, say("Build #%d was started %s ago: %s.", build.generation, ago(max(0, p.at.Sub(build.at))), build.reasonText()))
	for _, x := range own[:last] {
		if before >= 0 && x.generation != own[before].generation {
			continue
		}
		switch {
		case x.kind == eventDisposed && before >= 0:
			said = append(said, say("The build before it, #%d, was over: %s.", x.generation, x.cause))
		case x.kind == eventBuilt && x.err != "" && build.reason == weir.ReasonRetry:
			said = append(said, say("It had failed: %s.", x.err))
		}
	}
	if build.reason == weir.ReasonReload {
		said = append(said, p.causes(build, events)...)
	}
	for _, x := range own[last:] {
		if x.kind == eventBuilt && x.generation == build.generation && x.err != "" {
			said = append(said, say("It failed after %s: %s.", ago(x.took), x.err))
		}
	}
	return said
}

// keeps says who keeps the element i.
func (p *picture) keeps(i int) (said []answer) {
	n := &p.nodes[i]
	own := n.direct()
	if own > 0 {
		said = append(said, say("%s of its own: %s, not counting providers.", plural(own, "listener"), "subscriptions, loops, waiting Resolves"))
	}
	if n.Paused > 0 {
		keep := "keep it, but do not make it active: paused, or providers that are not active"
		if n.Paused == 1 {
			keep = "keeps it, but does not make it active: paused, or a provider that is not active"
		}
		said = append(said, say("%d of its %s %s.", n.Paused, plural(n.Listeners, "listener"), keep))
	}
	if n.Links > 0 {
		said = append(said, say("%s open.", plural(n.Links, "keep-alive link")))
	}
	users := slices.Clone(n.users)
	slices.SortStableFunc(users, func(a, b int) int { return p.nodes[a].rank() - p.nodes[b].rank() })
	for k, u := range users {
		if k == answersMax {
			said = append(said, say("And %d more dependents.", len(users)-k))
			break
		}
		said = append(said, p.about(u, "watches it, and is "+p.nodes[u].State.String()))
	}
	said = append(said, p.origins(i)...)
	switch {
	case len(said) == 0 && n.DisposeIn > 0:
		said = append(said, say("Nobody: it is disposed in %s, unless somebody comes.", ago(n.DisposeIn)))
	case len(said) == 0:
		said = append(said, say("Nobody needs to: it is no AutoDispose provider, so it stays until its container closes."))
	case n.Listeners == 0 && n.Links == 0 && n.DisposeIn > 0:
		said = append(said, say("It is disposed in %s, unless somebody comes.", ago(n.DisposeIn)))
	}
	if n.Weak > 0 {
		said = append(said, say("%s beside, for nothing.", plural(n.Weak, "weak listener")))
	}
	return said
}

// direct is how many of n's listeners are no dependents.
func (n *node) direct() int { return max(0, n.Listeners-len(n.users)) }

// origins says at which elements above i the keeping begins: those that have listeners of
// their own, or links.
func (p *picture) origins(i int) (said []answer) {
	seen := map[int]bool{i: true}
	more := 0
	for open := slices.Clone(p.nodes[i].users); len(open) > 0; open = open[1:] {
		u := open[0]
		if seen[u] {
			continue
		}
		seen[u] = true
		n := &p.nodes[u]
		open = append(open, n.users...)
		if n.direct() == 0 && n.Links == 0 {
			continue
		}
		if len(said) == answersMax {
			more++
			continue
		}
		text := "is where that begins: " + plural(n.direct(), "listener") + " of its own"
		if n.Links > 0 {
			text += ", " + plural(n.Links, "keep-alive link")
		}
		said = append(said, p.about(u, text))
	}
	if more > 0 {
		said = append(said, say("And %d more places where that begins.", more))
	}
	return said
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
