package weir

// This file owns the list of an element's listeners. What a listener is subscription.go says;
// whoever calls these functions holds the lock.

// listeners are those of one element in order of subscription. The zero value is ready.
type listeners struct {
	only *sub     // nil if there is a list
	list *subList // made for the second; stays until it is empty, and longer if it is small
}

// subList is a list of listeners: a slice, not linked through them, for a turn copies it to call
// them, and following the links through memory took as long as the calls.
type subList struct {
	subs []*sub // nil where one has left
	left int32  // how many have
	weak int32  // of those that are there
}

func (l *listeners) add(s *sub) {
	switch {
	case l.list != nil:
		l.list.add(s)
	case l.only != nil:
		l.list = &subList{}
		l.list.add(l.only)
		l.list.add(s)
		l.only = nil
	default:
		l.only = s
	}
}

func (l *listeners) remove(s *sub) {
	if l.list == nil {
		l.only = nil
	} else if l.list.remove(s); len(l.list.subs) == 0 && cap(l.list.subs) > 64 {
		l.list = nil
	}
}

// all calls yield for each, first to last; yield must not remove any.
func (l *listeners) all(yield func(*sub) bool) {
	if l.only != nil {
		yield(l.only)
	} else if l.list != nil {
		for _, s := range l.list.subs {
			if s != nil && !yield(s) {
				return
			}
		}
	}
}

// appendTo appends them to to, with nil where one has left.
func (l *listeners) appendTo(to []*sub) []*sub {
	switch {
	case l.list != nil:
		return append(to, l.list.subs...)
	case l.only != nil:
		return append(to, l.only)
	}
	return to
}

// last is the latest, nil if there is none.
func (l *listeners) last() *sub {
	if l.list == nil {
		return l.only
	}
	if k := len(l.list.subs); k > 0 {
		return l.list.subs[k-1] // remove leaves no gap at the end
	}
	return nil
}

// weak reports whether there is a weak one.
func (l *listeners) weak() bool {
	return l.only != nil && l.only.weak || l.list != nil && l.list.weak > 0
}

func (l *subList) add(s *sub) {
	s.at = int32(len(l.subs))
	l.subs = append(l.subs, s)
	if s.weak {
		l.weak++
	}
}

func (l *subList) remove(s *sub) {
	l.subs[s.at] = nil
	l.left++
	if s.weak {
		l.weak--
	}
	for k := len(l.subs) - 1; k >= 0 && l.subs[k] == nil; k-- {
		l.subs = l.subs[:k]
		l.left--
	}
	if l.left > 16 && int(l.left)*2 > len(l.subs) { // more gaps than listeners: close them
		all := l.subs
		l.left, l.weak = 0, 0
		if l.subs = l.subs[:0]; cap(all) > 64 && len(all)*4 < cap(all) {
			l.subs = make([]*sub, 0, len(all))
		}
		for _, o := range all {
			if o != nil {
				l.add(o)
			}
		}
		clear(all[min(len(l.subs), len(all)):])
	}
}
