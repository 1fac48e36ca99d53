package trust_test

// This file owns what a program runs on: a graph's providers, whose builds, hooks and listeners note everything, and its containers.

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weir-go/weir"
)

// unit is a provider without its type. A value of an asynchronous one has all of its AsyncValue in it.
type unit struct {
	id      weir.AnyProvider
	read    func(s weir.Scope) int
	refresh func(s weir.Scope) int
	values  func(ctx context.Context, s weir.Scope, yield func(v int) bool)
	resolve func(ctx context.Context, s weir.Scope) (int, error) // nil of a synchronous one
	listen  func(s weir.Scope, fn func(prev, next int), opts ...weir.ListenOption) handle
	watch   func(ref weir.Ref, sel bool) int // sel: through a selection
	await   func(ref weir.Ref, sel bool) (int, error)
	set     func(s weir.Scope, v int) // of a register
	update  func(s weir.Scope, f func(int) int)
}

type handle interface {
	Close()
	Pause()
	Resume()
}

// world is one round.
type world struct {
	*graph
	h       *history
	conts   [maxConts]*weir.Container
	units   []unit
	builds  atomic.Int32
	subs    atomic.Int32
	flush   atomic.Int32
	refs    []atomic.Pointer[weir.Ref] // of the newest builds, by element
	tries   []atomic.Int32
	mu      sync.Mutex
	faults  []string
	extra   []*sub      // that calls have added
	resting atomic.Bool // calls do nothing any more
}

var (
	errFlaky = errors.New("flaky")
	endings  = []error{weir.ErrDisposed, weir.ErrInvalidated, weir.ErrDependencyChanged, weir.ErrContainerClosed}
)

func (w *world) fault(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, fmt.Sprintf(format, args...))
}

func newWorld(g *graph, h *history) *world {
	w := &world{graph: g, h: h, refs: make([]atomic.Pointer[weir.Ref], len(g.nodes)*maxConts), tries: make([]atomic.Int32, len(g.nodes))}
	for n := range g.nodes {
		w.units = append(w.units, w.provider(n))
	}
	handler := weir.WithPanicHandler(func(p *weir.PanicError) { w.fault("E3: the panic handler is told of %v", p) })
	w.conts[0] = weir.NewContainer(handler)
	for i := 1; i < g.conts; i++ {
		w.conts[i] = weir.NewContainer(handler, weir.WithParent(w.conts[g.parent[i]]), w.override(g.init[scopedReg+i]))
	}
	return w
}

func (w *world) override(v int) weir.Override {
	switch p := w.units[scopedReg].id.(type) {
	case *weir.StateProvider[int]:
		return p.OverrideWithValue(packed(scopedReg, v))
	case *weir.Provider[int]:
		return p.OverrideWithValue(packed(scopedReg, v))
	}
	panic("unreachable")
}

func (w *world) contOf(ref weir.Ref) int { return slices.Index(w.conts[:], ref.Container()) }

// sleeps are the delays of elements, retries and goroutines: short in real time, telling in a bubble.
func (w *world) sleeps(k int) time.Duration {
	real := [...]time.Duration{0, 20 * time.Microsecond, 150 * time.Microsecond}
	fake := [...]time.Duration{0, 10 * time.Millisecond, weir.DefaultDisposeDelay}
	if w.bubble {
		return fake[k%3]
	}
	return real[k%3]
}

// begin notes a build and registers its hooks.
func (w *world) begin(n int, ref weir.Ref) (end func()) {
	cont, id := w.home(n, max(0, w.contOf(ref))), w.builds.Add(1)
	at := event{cont: int8(cont), of: elem(n, cont), build: id}
	note := func(k what, on bool) { e := at; e.what, e.on = k, on; w.h.note(e) }
	note(buildBegin, false)
	ref.OnDispose(func() {
		known := func() bool {
			cause := context.Cause(ref.Context())
			return slices.ContainsFunc(endings, func(end error) bool { return errors.Is(cause, end) })
		}
		note(disposeBegin, ref.Context().Err() != nil && known())
		runtime.Gosched()
		note(disposeEnd, false)
	})
	if w.nodes[n].auto {
		ref.OnCancel(func() { note(cancelled, false) })
		ref.OnResume(func() { note(resumed, false); w.inTurn(note) })
		if id%4 == 0 {
			ref.OnAddListener(func() { w.inTurn(note) })
			ref.OnRemoveListener(func() { w.inTurn(note) })
		}
	}
	note(hooked, false)
	w.refs[elem(n, cont)].Store(&ref)
	w.pass(w.nodes[n].yields)
	return func() { note(buildEnd, false) }
}

func (w *world) inTurn(note func(k what, on bool)) {
	note(turnBegin, false)
	note(turnEnd, false)
}

// pass lets others run.
func (w *world) pass(k int) {
	for range k {
		runtime.Gosched()
	}
}

// ---- providers

func (w *world) options(n int) (opts []weir.ProviderOption) {
	x := w.nodes[n]
	opts = append(opts, weir.Name(w.name(n)))
	if x.auto {
		opts = append(opts, weir.DisposeDelay(w.sleeps(x.delay)))
	}
	if x.overlap {
		opts = append(opts, weir.AllowOverlap())
	}
	if x.flaky {
		opts = append(opts, weir.Retry(weir.Backoff(w.sleeps(1), w.sleeps(1), 1000)))
	}
	if x.scoped {
		var deps []weir.AnyProvider
		for _, d := range x.deps {
			if w.nodes[d].scoped {
				deps = append(deps, w.units[d].id)
			}
		}
		opts = append(opts, weir.Scoped(deps...))
	}
	return opts
}

// compute is the body of every build; an error is that of an Await.
func (w *world) compute(n int, ref weir.Ref) (v int, err error) {
	x := &w.nodes[n]
	v = x.compute(func(i int) int {
		d := &w.units[x.deps[i]]
		if d.resolve == nil || x.kind == peek || err != nil {
			if i > 0 {
				w.pass(x.yields / 2)
			}
			return d.watch(ref, x.sel)
		}
		got, fail := d.await(ref, x.sel)
		if fail != nil {
			err = fail
		}
		return got
	})
	return v, err
}

func (w *world) later(ctx context.Context, n int, ref weir.Ref) (int, error) {
	defer w.begin(n, ref)()
	v, err := w.compute(n, ref)
	if err != nil {
		return 0, err
	}
	if w.bubble && w.nodes[n].yields > 1 {
		if err := ref.Debounce(w.sleeps(1)); err != nil {
			return 0, err
		}
	} else {
		w.pass(w.nodes[n].yields)
	}
	if w.nodes[n].flaky && w.tries[n].Add(1)%2 == 1 {
		return 0, errFlaky
	}
	return v, ctx.Err()
}

type note struct {
	weir.Notifier[int]
	build func(ref weir.Ref) int
}

func (x *note) Build(ref weir.Ref) int { return x.build(ref) }

func (w *world) provider(n int) unit {
	x, opts := w.nodes[n], w.options(n)
	sync := func(ref weir.Ref) int {
		defer w.begin(n, ref)()
		v, _ := w.compute(n, ref)
		return v
	}
	switch x.kind {
	case register:
		return w.register(n, opts)
	case derived, peek:
		if x.member {
			f := weir.NewFamily(func(int) *weir.Provider[int] { return weir.NewProvider(sync) }, opts...)
			return plain(f.Of(n))
		}
		return plain(weir.NewProvider(sync, opts...))
	case try:
		return async(weir.NewTryProvider(func(ref weir.Ref) (int, error) {
			defer w.begin(n, ref)()
			v, err := w.compute(n, ref)
			if err == nil && x.flaky && w.tries[n].Add(1)%2 == 1 {
				return 0, errFlaky
			}
			return v, err
		}, opts...))
	case future:
		build := func(ctx context.Context, ref weir.Ref) (int, error) { return w.later(ctx, n, ref) }
		if x.member {
			f := weir.NewFamily(func(int) *weir.FutureProvider[int] { return weir.NewFutureProvider(build) }, opts...)
			return async(f.Of(n))
		}
		return async(weir.NewFutureProvider(build, opts...))
	}
	return async(weir.NewStreamProvider(func(ctx context.Context, ref weir.Ref, emit func(int) bool) error {
		defer w.begin(n, ref)()
		v, err := w.compute(n, ref)
		if err != nil {
			return err
		}
		for range 2 {
			if !emit(v) {
				return context.Cause(ctx)
			}
			w.pass(x.yields)
		}
		if w.tries[n].Add(1)%2 == 1 {
			return nil
		}
		<-ctx.Done()
		return context.Cause(ctx)
	}, opts...))
}

func (w *world) register(n int, opts []weir.ProviderOption) unit {
	build := func(ref weir.Ref) int {
		defer w.begin(n, ref)()
		return packed(n, w.init[n])
	}
	switch {
	case n == scopedReg && w.tuned:
		return plain(weir.NewProvider(build, opts...))
	case n != scopedReg && w.note[n]:
		p := weir.NewNotifierProvider(func() *note { return &note{build: build} }, opts...)
		u := plain(p)
		u.set = func(s weir.Scope, v int) { p.Notifier(s).SetIn(s, packed(n, v)) }
		u.update = func(s weir.Scope, f func(int) int) { p.Notifier(s).UpdateIn(s, f) }
		return u
	}
	p := weir.NewStateProvider(build, opts...)
	u := plain(p)
	u.set = func(s weir.Scope, v int) { p.Set(s, packed(n, v)) }
	u.update = func(s weir.Scope, f func(int) int) { p.Update(s, f) }
	return u
}

func plain[P interface {
	weir.AnyProvider
	weir.Source[int]
}](p P) unit {
	half := weir.Select(weir.Source[int](p), halved)
	return unit{
		id:      p,
		read:    func(s weir.Scope) int { return weir.Read(s, p) },
		refresh: func(s weir.Scope) int { return weir.Refresh(s, p) },
		values: func(ctx context.Context, s weir.Scope, yield func(int) bool) {
			weir.Values(ctx, s, p)(yield)
		},
		listen: func(s weir.Scope, fn func(prev, next int), opts ...weir.ListenOption) handle {
			return weir.Listen(s, p, fn, opts...)
		},
		watch: func(ref weir.Ref, sel bool) int {
			if sel {
				return weir.Watch(ref, half)
			}
			return weir.Watch(ref, p)
		},
	}
}

func async[P interface {
	weir.AnyProvider
	weir.AsyncSource[int]
}](p P) unit {
	half := weir.SelectAsync(weir.AsyncSource[int](p), halved)
	return unit{
		id:      p,
		read:    func(s weir.Scope) int { return bits(weir.Read(s, p)) },
		refresh: func(s weir.Scope) int { return bits(weir.Refresh(s, p)) },
		values: func(ctx context.Context, s weir.Scope, yield func(int) bool) {
			weir.Values(ctx, s, weir.Source[weir.AsyncValue[int]](p))(func(v weir.AsyncValue[int]) bool { return yield(bits(v)) })
		},
		resolve: func(ctx context.Context, s weir.Scope) (int, error) { return weir.Resolve(ctx, s, p) },
		listen: func(s weir.Scope, fn func(prev, next int), opts ...weir.ListenOption) handle {
			return weir.Listen(s, weir.Source[weir.AsyncValue[int]](p), func(prev, next weir.AsyncValue[int]) { fn(bits(prev), bits(next)) }, opts...)
		},
		watch: func(ref weir.Ref, sel bool) int {
			v := weir.Watch(ref, weir.Source[weir.AsyncValue[int]](p))
			if out := bits(v); out&(loading|failed) == 0 {
				return out &^ hasValue
			}
			return loading
		},
		await: func(ref weir.Ref, sel bool) (int, error) {
			if sel {
				return weir.Await(ref, half)
			}
			return weir.Await(ref, p)
		},
	}
}

// bits is an AsyncValue as a number.
func bits(v weir.AsyncValue[int]) (out int) {
	if x, ok := v.Value(); ok {
		out = x | hasValue
	}
	for _, f := range []struct {
		on  bool
		bit int
	}{{v.IsLoading(), loading}, {v.HasError(), failed}, {v.IsRefreshing(), refreshing}, {v.IsReloading(), reloading}, {v.IsRetrying(), retrying}} {
		if f.on {
			out |= f.bit
		}
	}
	return out
}
