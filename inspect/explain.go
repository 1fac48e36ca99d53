package inspect

// This file owns the answers about one element: why it was built last, who keeps it. They
// are made of a picture and the ring, and say so where these do not suffice.

import (
	"cmp"
	"fmt"
	"slices"
	"time"

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
	d.Why, d.Keeps = p.why(i, own, events), p.keeps(i)
	d.Events = append(d.Events, eventsJSON(own[max(0, len(own)-answersMax):])...)
	return d
}

// why says why the newest build of i was started.
func (p *picture) why(i int, own, events []event) (said []answer) {
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
	said = append(said, say("Build #%d was started %s ago: %s.", build.generation, ago(max(0, p.at.Sub(build.at))), reasonText(build.reason)))
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
		said = append(said, p.changes(i, build, events)...)
	}
	for _, x := range own[last:] {
		if x.kind == eventBuilt && x.generation == build.generation && x.err != "" {
			said = append(said, say("It failed after %s: %s.", ago(x.took), x.err))
		}
	}
	return said
}

func reasonText(r weir.BuildReason) string {
	switch r {
	case weir.ReasonFirstBuild:
		return "the first build, for nothing was there"
	case weir.ReasonReload:
		return "something that it watches has changed, or InvalidateAsReload was called"
	case weir.ReasonRefresh:
		return "Invalidate, Refresh or InvalidateSelf was called"
	case weir.ReasonRetry:
		return "the attempt before it had failed and was retried"
	}
	return r.String()
}

// originText is what the build was that a change began with.
func originText(r weir.BuildReason) string {
	switch r {
	case weir.ReasonRefresh:
		return "asked for with Invalidate, Refresh or InvalidateSelf"
	case weir.ReasonRetry:
		return "another attempt after a failure"
	}
	return "the first"
}

// changes says which dependencies of i changed before build, and what the nearest of these
// changes came of.
func (p *picture) changes(i int, build event, events []event) (said []answer) {
	changed := p.changed(i, build, events)
	if len(changed) == 0 {
		return []answer{say("The timeline has no change of what it watches.")}
	}
	said = append(said, p.about(changed[0].dep, "is the change nearest to it; listeners were told "+whenText(changed[0].event.at.Sub(build.at))))
	for _, x := range changed[1:min(len(changed), answersMax)] {
		said = append(said, p.about(x.dep, "changed too, told "+whenText(x.event.at.Sub(build.at))))
	}
	return append(said, p.origin(changed[0], events)...)
}

// origin follows a change to where it began: from element to element, as long as each
// changed because it was built, and was built because something changed.
func (p *picture) origin(x change, events []event) (said []answer) {
	name := ""
	for range answersMax {
		var build *event
		for k := range events {
			e := &events[k]
			if e.id != x.event.id || e.generation != x.event.generation || e.seq >= x.event.seq {
				continue
			}
			switch e.kind {
			case eventBuild:
				build = e
			case eventAdded, eventChanged:
				return append(said, p.about(x.dep, fmt.Sprintf("is where that begins: it was set, or its build #%d had another result", e.generation)))
			}
		}
		if build == nil {
			return said
		}
		if build.reason != weir.ReasonReload {
			return append(said, p.about(x.dep, fmt.Sprintf("is where that begins: its build #%d was %s", build.generation, originText(build.reason))))
		}
		changed := p.changed(x.dep, *build, events)
		if len(changed) == 0 {
			return said
		}
		name, x = p.nodes[x.dep].Name, changed[0]
		said = append(said, p.about(x.dep, "is the change nearest to that build of "+name))
	}
	return said
}

// change is an event that told of a new value, or a failure, of the element dep.
type change struct {
	dep   int
	event event
}

// changed returns the changes of what i watches between what is known of its build before
// and now, the nearest first: that is the likely reason, for a change is told in the turn
// that makes the build.
func (p *picture) changed(i int, build event, events []event) (changed []change) {
	var from uint64
	for _, x := range events {
		if x.id == build.id && x.seq < build.seq && (x.kind == eventBuild || x.kind == eventAdded || x.kind == eventChanged) {
			from = x.seq
		}
	}
	for _, dep := range p.nodes[i].deps {
		var nearest *event
		for k := range events {
			x := &events[k]
			if x.id == p.nodes[dep].id && x.seq > from && (x.kind == eventChanged || x.kind == eventFailed) &&
				(nearest == nil || apartFrom(build, *x) < apartFrom(build, *nearest)) {
				nearest = x
			}
		}
		if nearest != nil {
			changed = append(changed, change{dep, *nearest})
		}
	}
	slices.SortStableFunc(changed, func(a, b change) int {
		return cmp.Compare(apartFrom(build, a.event), apartFrom(build, b.event))
	})
	return changed
}

func apartFrom(build, x event) time.Duration { return x.at.Sub(build.at).Abs() }

func whenText(d time.Duration) string {
	if d < 0 {
		return ago(-d) + " before it began"
	}
	return ago(d) + " after it began"
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
