package weir

// This file owns the outlet: what a Source comes down to. It is all that one has to say, so
// that a kind of provider costs a program little for each type.

// outlet is the whole of what a provider yields, or a part of it; neither for a nil provider.
type outlet[S any] struct {
	p     *base // the provider at the bottom
	whole *provider[S]
	part  part[S]
}

// part is a selection, without the type of what it selects from. It runs user code. No other
// method has the name and type of one of these: it would be in every program, called or not.
type part[S any] interface {
	selected(raw any) *S       // of a snapshot
	selectedNow(e *element) *S // of e's value, without the lock
	distinct(a, b *S) bool
}

// usable is the provider at the bottom, or a *UsageError.
func (o outlet[S]) usable(op string) *base { return o.p.usable(op) }

// view is what the source makes of a snapshot; it may run user code.
func (o outlet[S]) view(raw any) *S {
	if o.part != nil {
		return o.part.selected(raw)
	}
	v, _ := raw.(*S)
	return v
}

// peek is view of the value that the provider's element has, without the lock; a small one
// is for whole to unpack.
func (o outlet[S]) peek(e *element) (at *S, word uint64, small bool) {
	if o.part != nil {
		return o.part.selectedNow(e), 0, false
	}
	return e.host.(*cell[S]).peek()
}

// differs is the change detection (rule P1); it may run user code.
func (o outlet[S]) differs(a, b *S) bool {
	if o.part != nil {
		return o.part.distinct(a, b)
	}
	return o.whole.differs(a, b)
}

// watch is Watch of a part.
func (o outlet[S]) watch(ref Ref) S {
	f := newFilter(o)
	return *f.see(ref.watchSlow(o.p, &f.edge).raw)
}
