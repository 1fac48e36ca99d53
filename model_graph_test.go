package weir_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/weir-go/weir"
)

// This file holds the library's side of the model test: a random graph of every kind of provider, with a recorder around each
// build, hook and listener. It asserts only what can be seen on the spot; model_test.go compares the rest.

type modelKind int

const (
	modelState modelKind = iota
	modelProvider
	modelTry
	modelFuture
	modelMember      // of a family of *Provider
	modelAsyncMember // of a family of *FutureProvider
)

type modelHow int

const (
	modelPlainly  modelHow = iota // Watch
	modelHalved                   // Watch of a selection that maps two neighbours to one value
	modelAwaiting                 // Await
)

type modelDep struct {
	to  int
	how modelHow
}

// through is what a value looks like at the other end of a dependency.
func (d modelDep) through(v modelVal) modelVal {
	if d.how == modelHalved && v.has {
		v.n = modelHalf(v.n)
	}
	return v
}

func modelHalf(v int) int { return (v + 1) / 2 }

// modelNode describes one provider. It depends on lower nodes only, so the graph has no cycle.
type modelNode struct {
	id      int
	kind    modelKind
	deps    []modelDep
	dynamic bool // the first dependency's value decides which of the others is watched
	fails   int  // the result that is an error instead, 0 for none
	auto    bool
	delay   time.Duration
	base    int
	name    string
	synced  bool // nothing below is built asynchronously: one change set, one value
}

func (s *modelNode) isAsync() bool  { return s.kind == modelFuture || s.kind == modelAsyncMember }
func (s *modelNode) hasAsync() bool { return s.isAsync() || s.kind == modelTry }

// modelVal is a value of any kind with its type rubbed off. Values are 1 to 6: few enough to repeat often, and never zero.
type modelVal struct {
	n    int
	has  bool
	err  string
	load string
}

func modelPlain(v int) modelVal { return modelVal{n: v, has: true} }

func modelAsync(v weir.AsyncValue[int]) (m modelVal) {
	m.n, m.has = v.Value()
	if v.Err() != nil {
		m.err = v.Err().Error()
	}
	switch {
	case v.IsRefreshing():
		m.load = "refreshing"
	case v.IsReloading():
		m.load = "reloading"
	case v.IsLoading():
		m.load = "loading"
	}
	return m
}

// compute is what a provider does with its dependencies. The library's builds and the model's recomputing share it.
func (s *modelNode) compute(get func(d modelDep) modelVal) (int, error) {
	total, choice := s.base, 0
	for i, d := range s.deps {
		if s.dynamic && i > 0 && i != choice {
			continue
		}
		v := get(d)
		switch {
		case v.err != "" && d.how == modelAwaiting:
			return 0, errors.New(v.err)
		case v.err != "":
			v.n = 7
		case !v.has:
			v.n = 11
		}
		if i == 0 {
			choice = 1 + v.n%2
		}
		total += v.n
	}
	if v := 1 + total%6; v != s.fails {
		return v, nil
	}
	return 0, errors.New("unlucky")
}

// modelGraph makes a graph from a seed.
func modelGraph(seed uint64) []*modelNode {
	rng := rand.New(rand.NewPCG(seed, 1))
	lives := []time.Duration{-1, weir.DefaultDisposeDelay, 0, 10 * time.Millisecond, 10 * time.Second}
	if seed%2 == 0 {
		lives = lives[1:] // nothing regular: at the end nothing must be left
	}
	member := lives[rng.IntN(len(lives))]
	nodes := make([]*modelNode, 4+rng.IntN(7))
	for i := range nodes {
		s := &modelNode{id: i, base: rng.IntN(6), name: fmt.Sprintf("n%d", i), synced: true}
		nodes[i] = s
		if i >= 2 {
			s.kind = modelKind(rng.IntN(int(modelAsyncMember) + 1))
		}
		life := lives[rng.IntN(len(lives))]
		switch s.kind {
		case modelMember:
			life, s.name = member, fmt.Sprintf("fam(%d)", i)
		case modelAsyncMember:
			life, s.name = member, fmt.Sprintf("afam(%d)", i)
		}
		s.auto, s.delay = life >= 0, max(life, 0)
		want := min(rng.IntN(4), i)
		if s.kind != modelState && i > 0 {
			want = max(want, 1)
		}
		for _, to := range rng.Perm(i)[:want] {
			d := modelDep{to: to, how: modelHow(rng.IntN(3))}
			if d.how == modelAwaiting && !(s.isAsync() && nodes[to].hasAsync()) {
				d.how = modelPlainly
			}
			if s.kind == modelState {
				// A write survives until a dependency of initial delivers a different value (P11). Whether one that changed
				// and changed back did so is only fixed for states that were set (D4).
				if d.how = modelPlainly; nodes[to].kind != modelState || len(nodes[to].deps) > 0 {
					continue
				}
			}
			s.deps = append(s.deps, d)
			s.synced = s.synced && nodes[to].synced
		}
		s.synced = s.synced && !s.isAsync()
		s.dynamic = len(s.deps) == 3 && rng.IntN(2) == 0
		if s.hasAsync() && rng.IntN(2) == 0 {
			s.fails = 1 + rng.IntN(6)
		}
	}
	return nodes
}

// ---- the recorder

type modelSeen struct {
	modelDep
	val modelVal
	seq int
}

// modelBuild is one run of a build function. Sequence numbers order what happened; zero means that it has not.
type modelBuild struct {
	node     *modelNode
	id, op   int
	ref      weir.Ref
	seen     []modelSeen
	out      modelVal
	started  int
	returned int
	over     int
	hooked   bool
	second   bool // the hook registered second has run
	sleeps   modelPair
	cause    error
}

// cut says that the build was over before its function returned: what it still watches is the library's choice.
func (b *modelBuild) cut() bool { return b.returned == 0 || b.over != 0 && b.over < b.returned }

type modelEvent struct {
	what string
	b    *modelBuild
}

type modelHist struct {
	seq int
	val modelVal
}

type modelCall struct{ prev, next modelVal }

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
	events []modelEvent // in this operation
	faults []string
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
}

func newModelLib(nodes []*modelNode) *modelLib {
	l := &modelLib{nodes: nodes, byNode: make([][]*modelBuild, len(nodes)), hist: make([][]modelHist, len(nodes))}
	l.c = weir.NewContainer(weir.WithPanicHandler(func(p *weir.PanicError) { l.fault("E3: the panic handler was told: %v", p) }))
	fam := weir.NewFamily(func(i int) *weir.Provider[int] {
		return weir.NewProvider(func(ref weir.Ref) int { return l.plainly(nodes[i], ref) })
	}, append(modelOptions(nodes, modelMember), weir.Name("fam"))...)
	afam := weir.NewFamily(func(i int) *weir.FutureProvider[int] {
		return weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) { return l.build(nodes[i], ref) })
	}, append(modelOptions(nodes, modelAsyncMember), weir.Name("afam"))...)
	l.fam = fam
	for _, s := range nodes {
		opts := append(s.options(), weir.Name(s.name))
		switch s.kind {
		case modelState:
			p := weir.NewStateProvider(func(ref weir.Ref) int { return l.plainly(s, ref) }, opts...)
			u := modelPlainUnit(func() *weir.StateProvider[int] { return p })
			u.set, u.update = p.Set, p.Update
			l.units = append(l.units, u)
		case modelProvider:
			p := weir.NewProvider(func(ref weir.Ref) int { return l.plainly(s, ref) }, opts...)
			l.units = append(l.units, modelPlainUnit(func() *weir.Provider[int] { return p }))
		case modelMember:
			l.units = append(l.units, modelPlainUnit(func() *weir.Provider[int] { return fam.Of(s.id) }))
		case modelTry:
			p := weir.NewTryProvider(func(ref weir.Ref) (int, error) { return l.build(s, ref) }, opts...)
			l.units = append(l.units, modelAsyncUnit(func() *weir.FutureProvider[int] { return p }))
		case modelFuture:
			p := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) { return l.build(s, ref) }, opts...)
			l.units = append(l.units, modelAsyncUnit(func() *weir.FutureProvider[int] { return p }))
		case modelAsyncMember:
			l.units = append(l.units, modelAsyncUnit(func() *weir.FutureProvider[int] { return afam.Of(s.id) }))
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

func modelAsyncUnit(p func() *weir.FutureProvider[int]) modelUnit {
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

func (l *modelLib) fault(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faultLocked(format, args...)
}

func (l *modelLib) faultLocked(format string, args ...any) {
	l.faults = append(l.faults, fmt.Sprintf(format, args...))
}

func (l *modelLib) tickLocked() int { l.seq++; return l.seq }

// wrote notes a value that a node delivers from now on.
func (l *modelLib) wrote(node int, v modelVal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hist[node] = append(l.hist[node], modelHist{l.tickLocked(), v})
}

func (l *modelLib) plainly(s *modelNode, ref weir.Ref) int {
	v, _ := l.build(s, ref)
	return v
}

func (l *modelLib) build(s *modelNode, ref weir.Ref) (int, error) {
	l.mu.Lock()
	b := &modelBuild{node: s, id: len(l.builds), op: l.op, ref: ref, started: l.tickLocked()}
	if before := l.byNode[s.id]; len(before) > 0 {
		if last := before[len(before)-1]; last.over == 0 {
			l.faultLocked("L5: build %d of %s starts before the hooks of build %d have run", b.id, s.name, last.id)
		} else if last.returned == 0 {
			l.faultLocked("C5: build %d of %s starts before the function of build %d has returned", b.id, s.name, last.id)
		}
	}
	l.builds, l.byNode[s.id] = append(l.builds, b), append(l.byNode[s.id], b)
	if s.isAsync() {
		l.hist[s.id] = append(l.hist[s.id], modelHist{b.started, modelVal{load: "loading"}})
	}
	l.mu.Unlock()
	l.hooks(b)

	v, err := s.compute(func(d modelDep) modelVal {
		v := l.units[d.to].watch(ref, d.how)
		l.mu.Lock()
		defer l.mu.Unlock()
		b.seen = append(b.seen, modelSeen{d, v, l.tickLocked()})
		return v
	})
	if err != nil {
		err = fmt.Errorf("%s#%d: %w", s.name, b.id, err) // error to error always counts as a change (P1): make it visible
	}
	if l.plant == "wrong value" && b.id%5 == 4 && err == nil {
		v = v%6 + 1
	}

	l.mu.Lock()
	defer l.mu.Unlock()
	if b.out = modelPlain(v); err != nil {
		b.out = modelVal{err: err.Error()}
	}
	b.returned = l.tickLocked()
	l.hist[s.id] = append(l.hist[s.id], modelHist{b.returned, b.out})
	return v, err
}

// sleep lets time pass. A timer's goroutine runs hooks then: what this one has read and written so far happens before, by the lock.
func (l *modelLib) sleep(d time.Duration) {
	l.mu.Lock()
	l.slept += d
	l.mu.Unlock()
	time.Sleep(d)
}

// hooks registers every hook that a ref has.
func (l *modelLib) hooks(b *modelBuild) {
	on := func(what string, note func()) func() {
		return func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			if l.plant == "lost "+what && b.id%5 == 4 {
				return
			}
			l.tickLocked()
			if b.over != 0 && what != "dispose" && b.node.synced { // of others, the end may come from another goroutine just then
				l.faultLocked("L5: %s of build %d of %s runs after that build is over", what, b.id, b.node.name)
			}
			l.events = append(l.events, modelEvent{what, b})
			note()
		}
	}
	over := on("dispose", func() {
		if b.over != 0 {
			l.faultLocked("L5: OnDispose of build %d of %s runs twice", b.id, b.node.name)
		}
		if b.hooked && !b.second {
			l.faultLocked("L3: OnDispose of build %d of %s runs in order of registration", b.id, b.node.name)
		}
		b.over, b.cause = l.seq, context.Cause(b.ref.Context())
		if b.ref.Context().Err() == nil {
			l.faultLocked("L5: the context of build %d of %s is live in OnDispose", b.id, b.node.name)
		}
		if !strings.Contains(fmt.Sprint(b.cause), b.node.name) {
			l.faultLocked("C3: the cause %v does not name %s", b.cause, b.node.name)
		}
	})
	b.ref.OnDispose(over)
	if l.plant == "dispose twice" && b.id%5 == 4 {
		b.ref.OnDispose(over)
	}
	b.ref.OnDispose(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		b.second = true
	})
	l.mu.Lock()
	b.hooked = b.over == 0
	l.mu.Unlock()
	pair := func(what string) func() {
		return on(what, func() {
			if err := b.sleeps.note(what); err != nil {
				l.faultLocked("L2: build %d of %s: %v", b.id, b.node.name, err)
			}
		})
	}
	if b.node.auto {
		b.ref.OnCancel(pair("cancel"))
		b.ref.OnResume(pair("resume"))
	}
	l.mu.Lock()
	b.sleeps.both = true
	l.mu.Unlock()
	b.ref.OnAddListener(on("add", func() {}))
	b.ref.OnRemoveListener(on("remove", func() {}))
	b.ref.OnManualInvalidation(on("manual", func() {}))
}
