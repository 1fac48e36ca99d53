package weir_test

import (
	"context"
	"sync"
	"time"

	"github.com/weir-go/weir"
)

// This file holds the container of the model test, its providers with their types rubbed off, and subscriptions.

type modelCall struct {
	prev, next modelVal
	seq        int
}

type modelSub struct {
	id, node   int
	half, weak bool
	cold       bool // weak, and there was nothing to see yet
	fire       bool // FireImmediately has not been seen yet
	sub        interface {
		Close()
		Pause()
		Resume()
		IsPaused() bool
	}
	closed bool
	pauses int
	chain  modelChain[modelVal]
	calls  []modelCall // in this operation
}

func (s *modelSub) through(v modelVal) modelVal {
	if s.half {
		return modelDep{how: modelHalved}.through(v)
	}
	return v
}

// modelLib is a container with a graph in it and a record of what happened there.
type modelLib struct {
	slept time.Duration
	c     *weir.Container
	child *weir.Container          // or nil
	state *weir.StateProvider[int] // the one that the child overrides
	nodes []*modelNode
	units []modelUnit
	fam   weir.AnyProvider
	plant string // a bug to plant in the record, for the negative controls

	mu     sync.Mutex
	seq    int
	op     int
	builds []*modelBuild
	byNode [][]*modelBuild
	hist   [][]modelHist
	events []modelEvent  // in this operation
	selfs  []modelSelf   // in this operation
	gate   chan struct{} // builds of held wait here
	held   int
	faults []string
	late   []string // what is a fault unless the end has come from another goroutine just then
}

// modelUnit is a provider with its type rubbed off. Members are named anew each time, so that the canonical map is used.
type modelUnit struct {
	id      func() weir.AnyProvider
	read    func(s weir.Scope) modelVal
	refresh func(s weir.Scope) modelVal
	watch   func(ref weir.Ref, how modelHow) modelVal
	listen  func(s weir.Scope, sub *modelSub, call func(prev, next modelVal), opts ...weir.ListenOption)
	set     func(s weir.Scope, v int)
	update  func(s weir.Scope, f func(int) int) int
	note    func(s weir.Scope) *modelAsyncNotifier
}

func newModelLib(nodes []*modelNode) *modelLib {
	l := &modelLib{nodes: nodes, byNode: make([][]*modelBuild, len(nodes)), hist: make([][]modelHist, len(nodes))}
	l.c = weir.NewContainer(weir.WithPanicHandler(func(p *weir.PanicError) { l.fault("E3: the panic handler was told: %v", p) }))
	fam := weir.NewFamily(func(i int) *weir.Provider[int] {
		return weir.NewProvider(func(ref weir.Ref) int { return l.plainly(nodes[i], ref) })
	}, append(modelOptions(nodes, modelMember), weir.Name("fam"))...)
	afam := weir.NewFamily(func(i int) *weir.FutureProvider[int] {
		return weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) { return l.build(nodes[i], ref, nil) })
	}, append(modelOptions(nodes, modelAsyncMember), weir.Name("afam"))...)
	l.fam = fam
	for _, s := range nodes {
		if s.of != nil {
			l.units = append(l.units, l.units[s.of.id])
			continue
		}
		opts := append(s.options(), weir.Name(s.name))
		if s.scoped {
			var deps []weir.AnyProvider
			for _, d := range s.deps {
				if nodes[d.to].scoped {
					deps = append(deps, l.units[d.to].id())
				}
			}
			opts = append(opts, weir.Scoped(deps...))
		}
		if s.retries > 0 {
			opts = append(opts, weir.Retry(l.policy(s)))
		}
		switch s.kind {
		case modelState:
			p := weir.NewStateProvider(func(ref weir.Ref) int { return l.plainly(s, ref) }, opts...)
			u := modelPlainUnit(func() *weir.StateProvider[int] { return p })
			if u.set, u.update = p.Set, p.Update; s.id == 0 {
				l.state = p
			}
			l.units = append(l.units, u)
		case modelProvider:
			p := weir.NewProvider(func(ref weir.Ref) int { return l.plainly(s, ref) }, opts...)
			l.units = append(l.units, modelPlainUnit(func() *weir.Provider[int] { return p }))
		case modelMember:
			l.units = append(l.units, modelPlainUnit(func() *weir.Provider[int] { return fam.Of(s.id) }))
		case modelTry:
			p := weir.NewTryProvider(func(ref weir.Ref) (int, error) { return l.build(s, ref, nil) }, opts...)
			l.units = append(l.units, modelAsyncUnit(func() *weir.FutureProvider[int] { return p }))
		case modelFuture:
			p := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) { return l.build(s, ref, nil) }, opts...)
			l.units = append(l.units, modelAsyncUnit(func() *weir.FutureProvider[int] { return p }))
		case modelAsyncMember:
			l.units = append(l.units, modelAsyncUnit(func() *weir.FutureProvider[int] { return afam.Of(s.id) }))
		case modelNote:
			l.units = append(l.units, l.noteUnit(s, opts))
		case modelAsyncNote:
			l.units = append(l.units, l.asyncNoteUnit(s, opts))
		case modelStream:
			p := weir.NewStreamProvider(func(ctx context.Context, ref weir.Ref, emit func(int) bool) error { return l.stream(s, ctx, ref, emit) }, opts...)
			l.units = append(l.units, modelAsyncUnit(func() *weir.StreamProvider[int] { return p }))
		}
	}
	return l
}

func (s *modelNode) options() []weir.ProviderOption {
	switch {
	case !s.auto:
		return nil
	case s.delay == weir.DefaultDisposeDelay:
		return []weir.ProviderOption{weir.AutoDispose()}
	default:
		return []weir.ProviderOption{weir.DisposeDelay(s.delay)}
	}
}

func modelOptions(nodes []*modelNode, kind modelKind) []weir.ProviderOption {
	for _, s := range nodes {
		if s.kind == kind {
			return s.options()
		}
	}
	return nil
}

func modelUnitOf[S any](src func() weir.Source[S], sel func(src weir.Source[S]) weir.Source[S], val func(S) modelVal) modelUnit {
	return modelUnit{
		read:    func(s weir.Scope) modelVal { return val(weir.Read(s, src())) },
		refresh: func(s weir.Scope) modelVal { return val(weir.Refresh(s, src())) },
		watch: func(ref weir.Ref, how modelHow) modelVal {
			if how == modelHalved {
				return val(weir.Watch(ref, sel(src())))
			}
			return val(weir.Watch(ref, src()))
		},
		listen: func(s weir.Scope, sub *modelSub, call func(prev, next modelVal), opts ...weir.ListenOption) {
			from := src()
			if sub.half {
				from = sel(from)
			}
			sub.sub = weir.Listen(s, from, func(prev, next S) { call(val(prev), val(next)) }, opts...)
		},
	}
}

func modelPlainUnit[P interface {
	weir.AnyProvider
	weir.Source[int]
}](p func() P) modelUnit {
	u := modelUnitOf(func() weir.Source[int] { return p() },
		func(src weir.Source[int]) weir.Source[int] { return weir.Select(src, modelHalf) }, modelPlain)
	u.id = func() weir.AnyProvider { return p() }
	return u
}

func modelAsyncUnit[P interface {
	weir.AnyProvider
	weir.AsyncSource[int]
}](p func() P) modelUnit {
	u := modelUnitOf(func() weir.Source[weir.AsyncValue[int]] { return p() },
		func(src weir.Source[weir.AsyncValue[int]]) weir.Source[weir.AsyncValue[int]] {
			return weir.SelectAsync(src.(weir.AsyncSource[int]), modelHalf)
		}, modelAsync)
	watch := u.watch
	u.watch = func(ref weir.Ref, how modelHow) modelVal {
		if how != modelAwaiting {
			return watch(ref, how)
		}
		v, err := weir.Await(ref, p())
		if err != nil {
			return modelVal{err: err.Error()}
		}
		return modelPlain(v)
	}
	u.id = func() weir.AnyProvider { return p() }
	return u
}
