package weir

// This file owns the listeners that a build makes through its ref: they count as the build
// does, and go with it.

import (
	"slices"

	"github.com/weir-go/weir/internal/graph"
)

// own enters s in the list of the build that it is made through, if it is.
func (s *sub) own() {
	if owner := s.owner().e; owner != nil {
		l := owner.lived()
		more := s.more.Load()
		more.at = len(l.owned)
		l.owned = append(l.owned, s)
		owner.Set(graph.Owner)
		s.on = more.steady || owner.On()
	}
}

// disown takes s from the list of the build that it was made through.
func (s *sub) disown() {
	if owner := s.owner().e; owner != nil && owner.life != nil {
		l := owner.life
		if i := s.more.Load().at; i < len(l.owned) && l.owned[i] == s { // else the list is of another life
			l.owned[i] = nil
			if l.disowned++; l.disowned*2 > len(l.owned) {
				l.closeGaps()
			}
		}
	}
}

// closeGaps closes those that listeners have left in the list of the build that they were made
// through.
func (l *life) closeGaps() {
	l.owned = slices.DeleteFunc(l.owned, func(s *sub) bool { return s == nil })
	for i, s := range l.owned {
		s.more.Load().at = i
	}
	l.disowned = 0
}

// ownedSwitched lets the listeners through e's ref count as e does.
func (e *element) ownedSwitched(on bool) {
	if e.life == nil {
		return
	}
	d := int32(-1)
	if on {
		d = 1
	}
	for _, s := range e.life.owned {
		if s != nil && s.state.Load()&subClosed == 0 && !s.weak && !s.more.Load().steady && s.pauses == 0 && s.on != on {
			s.on = on
			e.c.tree.graph.UseLater(&s.e.Node, d)
		}
	}
}
