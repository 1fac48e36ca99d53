package weir

// This file owns StateProvider: a value that is written from outside.

// StateProvider is a value that is set from outside its build. It is a Source[T].
type StateProvider[T any] struct{ provider[T] }

// NewStateProvider returns a provider of a value that starts as what initial returns and
// is then written with Set and Update. What initial watches resets it when it changes
// (rule P11). A nil initial is a *UsageError.
func NewStateProvider[T any](initial func(ref Ref) T, opts ...ProviderOption) *StateProvider[T] {
	p := &StateProvider[T]{}
	p.init(stateKind, p, opts)
	if initial == nil {
		misuse(&p.base, "NewStateProvider needs an initial function")
	}
	p.build = initial
	return p
}

func (p *StateProvider[T]) identity() *base {
	if p == nil {
		return nil
	}
	return &p.base
}

func (p *StateProvider[T]) decide() { p.decideValue() }

func (p *StateProvider[T]) outlet() (none outlet[T]) {
	if p == nil {
		return none
	}
	return p.entire()
}

// Set makes v the value, building the element first if it is not built (rule P11), and
// delivers what follows from it before it returns, unless a turn is running already
// (rule G4). A v that equals the value changes nothing (P1) but counts as a touch (L4).
// Through a [Tx] it is staged until the batch ends (P6). After Close, or through a ref
// that is over, it does nothing. Through the ref of a synchronous build it is a
// *UsageError (P7). Set is safe for concurrent use; the last one wins.
func (p *StateProvider[T]) Set(s Scope, v T) {
	b := p.identity().usable("Set")
	p.write(placeOf(s, b, "Set"), "Set", nil, v)
}

// Update makes f of the value the value, atomically, and returns it. f runs without a
// lock, and again if somebody else wrote meanwhile: it must be pure. In all else it is
// like [StateProvider.Set]; where Set would do nothing, Update returns f of the last
// value, or of zero.
func (p *StateProvider[T]) Update(s Scope, f func(T) T) T {
	b := p.identity().usable("Update")
	if f == nil {
		misuse(b, "Update needs a function")
	}
	var none T
	return p.write(placeOf(s, b, "Update"), "Update", f, none)
}
