package inspect

// This file owns what a build came of: the dependencies that had changed when it began, as
// the ring has them, and from there back to where that began. Where an event names none, the
// change that was told nearest to it is taken for the cause, and called that.

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weir-go/weir"
)

// reasonText is why the build that x is the start of was made.
func (x *event) reasonText() string {
	switch x.reason {
	case weir.ReasonFirstBuild:
		return "the first build, for nothing was there"
	case weir.ReasonReload:
		if len(x.changed) > 0 {
			return x.changedText()
		}
		return "something that it watches has changed, or InvalidateAsReload was called"
	case weir.ReasonRefresh:
		return "Invalidate, Refresh or InvalidateSelf was called"
	case weir.ReasonRetry:
		return "the attempt before it had failed and was retried"
	}
	return x.reason.String()
}

// changedText names what had changed when x began, of which there is something.
func (x *event) changedText() string {
	names := make([]string, len(x.changed), len(x.changed)+1)
	for i, d := range x.changed {
		names[i] = d.name
	}
	if x.more > 0 {
		names = append(names, fmt.Sprintf("%d more", x.more))
	}
	last := len(names) - 1
	if last == 0 {
		return names[0] + " had changed"
	}
	return strings.Join(names[:last], ", ") + " and " + names[last] + " had changed"
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

// story follows causes from build to build.
type story struct {
	p     *picture
	nodes map[id]int     // those of p
	of    map[id][]event // the events of each element
	seen  map[id]bool
	said  []answer
	room  int // for more of it
}

// causes says what build, a reload, came of.
func (p *picture) causes(build event, events []event) []answer {
	s := &story{p: p, nodes: make(map[id]int, len(p.nodes)), of: map[id][]event{}, seen: map[id]bool{build.id: true}, room: answersMax}
	for k := range p.nodes {
		s.nodes[p.nodes[k].id] = k
	}
	for _, x := range events {
		s.of[x.id] = append(s.of[x.id], x)
	}
	if len(build.changed) > 0 {
		s.follow(build)
	} else {
		guesses := s.guess(build)
		if len(guesses) == 0 {
			return []answer{say("The timeline has no change of what it watches.")}
		}
		for k, x := range guesses[:min(len(guesses), answersMax)] {
			when := whenText(x.at.Sub(build.at))
			if k == 0 {
				s.about(x.id, x.name, "is the change nearest to it; listeners were told "+when)
			} else {
				s.about(x.id, x.name, "changed too, told "+when)
			}
		}
		s.room = answersMax
		s.origin(build, guesses[0].id, guesses[0].name)
	}
	if s.room <= 0 {
		s.said = append(s.said, say("What there may be beyond is left out."))
	}
	return s.said
}

// about says text of an element; without an id it is one that nothing more is known of.
func (s *story) about(x id, name, text string) {
	s.room--
	if x == 0 {
		s.said = append(s.said, say("%s %s", name, text))
		return
	}
	s.said = append(s.said, answer{text, x.String(), name})
}

// follow says of each cause of build what it came of in turn.
func (s *story) follow(build event) {
	if len(build.changed) == 0 {
		if guesses := s.guess(build); len(guesses) > 0 && !s.seen[guesses[0].id] {
			x := guesses[0]
			s.about(x.id, x.name, "is the change nearest to that build of "+build.name)
			s.origin(build, x.id, x.name)
		}
		return
	}
	for _, d := range build.changed {
		s.origin(build, s.find(build, d.provider), d.name)
	}
}

// find returns the element of provider that build has watched: that of the nearest container
// in which it is, or was as far as the ring goes back. It is 0 if there is none.
func (s *story) find(build event, provider id) id {
	boxes := s.p.boxes
	for b := slices.IndexFunc(boxes, func(b box) bool { return b.id == build.box }); b >= 0; b = boxes[b].parent {
		x := elementIn(s.p.seed, boxes[b].id, provider)
		if _, ok := s.nodes[x]; ok || len(s.of[x]) > 0 {
			return x
		}
	}
	return 0
}

// origin says what the change of the element x came of with which build began.
func (s *story) origin(build event, x id, name string) {
	if x != 0 && s.seen[x] || s.room <= 0 {
		return
	}
	s.seen[x] = true
	made, generation := s.made(build, x)
	switch {
	case made != nil && made.reason != weir.ReasonReload:
		s.about(x, name, fmt.Sprintf("is where that begins: its build #%d was %s", made.generation, originText(made.reason)))
	case made != nil && len(made.changed) > 0:
		s.about(x, name, fmt.Sprintf("was built again, #%d: %s", made.generation, made.changedText()))
		s.follow(*made)
	case made != nil:
		s.about(x, name, fmt.Sprintf("was built again, #%d, for something that it watches, or InvalidateAsReload", made.generation))
		s.follow(*made)
	case generation != 0:
		s.about(x, name, fmt.Sprintf("is where that begins: it was set, or its build #%d had another result", generation))
	default:
		s.about(x, name, "changed for a reason that the timeline does not have")
	}
}

// made returns the start of the build that the change of x came of with which build began.
// It is nil if x changed without one, then with the generation, and if the ring does not
// tell, then with 0.
func (s *story) made(build event, x id) (made *event, generation uint64) {
	from, to := s.around(build)
	told := s.told(build, x)
	events := s.of[x]
	for k := range events {
		// That of an asynchronous one may be told after the loading that it begins with.
		if e := &events[k]; e.kind == eventBuild && e.seq < to && (e.seq < build.seq || told != nil && e.generation <= told.generation) {
			made = e
		}
	}
	if made == nil {
		if told == nil || from == 0 { // it may have been built when the ring did not go back to
			return nil, 0
		}
		return nil, told.generation
	}
	// What is told of it before is another change.
	if told != nil {
		for _, e := range events {
			if e.generation == made.generation && e.seq < told.seq && e.seq > from && (e.kind == eventAdded || e.kind == eventChanged) {
				from = e.seq
			}
		}
	}
	for _, e := range events {
		if e.generation == made.generation && e.seq > from && (e.kind == eventBuild || e.kind == eventBuilt && e.seq < build.seq) {
			return made, 0
		}
	}
	return nil, made.generation
}

// around returns what the ring has last of its element's build before build, or 0, and the
// start of the one after it, or the largest number. The loading that build begins with may
// be told before it.
func (s *story) around(build event) (from, to uint64) {
	to = ^uint64(0)
	for _, x := range s.of[build.id] {
		switch {
		case x.seq < build.seq && x.generation < build.generation && (x.kind == eventBuild || x.kind == eventAdded || x.kind == eventChanged):
			from = x.seq
		case x.seq > build.seq && x.kind == eventBuild:
			return from, x.seq
		}
	}
	return from, to
}

// told returns the change of x that was told nearest to build, or nil. Changes are told in
// the turn that makes the build, before it or after it.
func (s *story) told(build event, x id) (nearest *event) {
	from, to := s.around(build)
	events := s.of[x]
	for k := range events {
		e := &events[k]
		if e.seq <= from || e.seq >= to || e.kind != eventChanged && e.kind != eventFailed {
			continue
		}
		if e.kind == eventFailed && k > 0 && events[k-1].kind == eventChanged && events[k-1].generation == e.generation {
			continue // it tells of the same
		}
		if nearest == nil || apartFrom(build, *e) < apartFrom(build, *nearest) {
			nearest = e
		}
	}
	return nearest
}

// guess returns the changes of what the element of build watches now that may have led to
// it, the nearest first.
func (s *story) guess(build event) (changes []event) {
	i, ok := s.nodes[build.id]
	if !ok {
		return nil
	}
	for _, dep := range s.p.nodes[i].deps {
		if x := s.told(build, s.p.nodes[dep].id); x != nil {
			changes = append(changes, *x)
		}
	}
	slices.SortStableFunc(changes, func(a, b event) int { return cmp.Compare(apartFrom(build, a), apartFrom(build, b)) })
	return changes
}

func apartFrom(build, x event) time.Duration { return x.at.Sub(build.at).Abs() }

func whenText(d time.Duration) string {
	if d < 0 {
		return ago(-d) + " before it began"
	}
	return ago(d) + " after it began"
}
