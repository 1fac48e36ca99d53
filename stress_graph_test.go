package weir_test

// The graphs of the stress test: random ones over a few writable bases, every node with a function that computes its value anew.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weir-go/weir"
)

// stress is one round: a container, a child, a graph, and what was wrong.
type stress struct {
	c       *weir.Container
	states  [3]*weir.StateProvider[int]
	bases   [stressBases]*stressNode
	nodes   []*stressNode // of the root, the bases among them
	scoped  []*stressNode // of the child
	auto    map[string]bool
	heard   map[string]bool // by builds
	cancels bool            // this round has Cancel in it
	child   atomic.Pointer[stressChild]
	tenant  *weir.Provider[int]

	tuning sync.Mutex
	tune   func(v int) // UpdateOverrides of the root
	tuned  int

	mu     sync.Mutex
	faults []string
	builds map[stressElement]*stressBuilds
}

const stressBases = 5 // three states, a notifier, an asynchronous notifier

// stressNow is what all else is made of.
type stressNow struct {
	bases         [stressBases]int
	tuned, tenant int
}

// stressNode is a provider without its type. A failure is shown, and wanted, as "failed".
type stressNode struct {
	name    string
	id      weir.AnyProvider
	want    func(now stressNow) string
	read    func(c *weir.Container) string
	value   func(ctx context.Context, c *weir.Container) (int, error)
	listen  func(c *weir.Container, fn func(v int), opts ...weir.ListenOption) stressSub
	refresh func(c *weir.Container)
	cancel  func(c *weir.Container)                     // nil of a synchronous one
	write   func(c *weir.Container, v int, update bool) // nil but of a base
	use     func(ref weir.Ref) (int, error)             // watches, or awaits
	model   func(now stressNow) (int, bool)             // false: it fails
}

type stressSub struct{ close, pause, resume func() }

func subOf[S any](s *weir.Subscription[S]) stressSub { return stressSub{s.Close, s.Pause, s.Resume} }

func (st *stress) check(ok bool, format string, args ...any) {
	if ok {
		return
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.faults = append(st.faults, fmt.Sprintf(format, args...))
}

// ---- what builds see

// stressElement is where the builds of a node must not overlap.
type stressElement struct {
	c *weir.Container
	n string
}

type stressBuilds struct {
	name    string
	mu      sync.Mutex
	running int
	live    int // builds whose OnDispose has not run
	count   int
}

// begin is called by every build function, which calls what it returns at its end.
func (st *stress) begin(n *stressNode, ref weir.Ref) (end func()) {
	st.mu.Lock()
	at := stressElement{ref.Container(), n.name}
	b := st.builds[at]
	if b == nil {
		b = &stressBuilds{name: n.name}
		st.builds[at] = b
	}
	st.mu.Unlock()
	locked := func(fn func()) func() { return func() { b.mu.Lock(); defer b.mu.Unlock(); fn() } }
	locked(func() {
		b.running++
		b.live++
		b.count++
		st.check(b.running == 1, "C5: build functions of %s overlap", n.name)
		st.check(b.live == 1, "L5: a build of %s starts before the one it replaces is over", n.name)
	})()
	over := 0
	ref.OnDispose(locked(func() {
		over++
		b.live--
		st.check(over == 1, "L5: OnDispose of %s runs twice in one build", n.name)
		st.check(ref.Context().Err() != nil, "L5: OnDispose of %s runs with a live context", n.name)
	}))
	if st.auto[n.name] {
		var sleeps modelPair
		note := func(what string) func() {
			return locked(func() {
				err := sleeps.note(what)
				st.check(err == nil, "L2: %s: %v", n.name, err)
			})
		}
		ref.OnCancel(note("cancel"))
		ref.OnResume(note("resume"))
		locked(func() { sleeps.both = true })()
	}
	return locked(func() { b.running-- })
}

// ---- kinds

// plain fills in the rest of a node of a synchronous provider.
func (n *stressNode) plain(id weir.AnyProvider, src weir.Source[int]) {
	n.id = id
	n.read = func(c *weir.Container) string { return fmt.Sprint(weir.Read(c, src)) }
	n.value = func(_ context.Context, c *weir.Container) (int, error) { return weir.Read(c, src), nil }
	n.listen = func(c *weir.Container, fn func(int), opts ...weir.ListenOption) stressSub {
		return subOf(weir.Listen(c, src, func(_, v int) { fn(v) }, opts...))
	}
	n.refresh = func(c *weir.Container) { weir.Refresh(c, src) }
	n.use = func(ref weir.Ref) (int, error) { return weir.Watch(ref, src), nil }
}

// later fills in the rest of a node of an asynchronous provider.
func (n *stressNode) later(id weir.AnyProvider, src weir.AsyncSource[int], cancel func(weir.Scope, error)) {
	n.id = id
	n.read = func(c *weir.Container) string {
		v := weir.Read(c, src)
		switch {
		case v.IsLoading():
			return "loading"
		case v.HasError() && errors.Is(v.Err(), errStress):
			return "failed"
		case v.HasError():
			return v.Err().Error()
		}
		return fmt.Sprint(v.ValueOr(-1))
	}
	n.value = func(ctx context.Context, c *weir.Container) (int, error) { return weir.Resolve(ctx, c, src) }
	n.listen = func(c *weir.Container, fn func(int), opts ...weir.ListenOption) stressSub {
		return subOf(weir.Listen(c, src, func(_, v weir.AsyncValue[int]) { fn(v.ValueOr(0)) }, opts...))
	}
	n.refresh = func(c *weir.Container) { weir.Refresh(c, src) }
	n.cancel = func(c *weir.Container) { cancel(c, nil) }
	n.use = func(ref weir.Ref) (int, error) { return weir.Await(ref, src) }
}

// stressNote and stressFetch are notifiers: a synchronous one, and one that fetches.
type (
	stressNote struct {
		weir.Notifier[int]
		build func(ref weir.Ref) int
	}
	stressFetch struct {
		weir.AsyncNotifier[int]
		build func(ctx context.Context, ref weir.Ref) (int, error)
	}
)

func (x *stressNote) Build(ref weir.Ref) int { return x.build(ref) }

func (x *stressFetch) Build(ctx context.Context, ref weir.Ref) (int, error) { return x.build(ctx, ref) }

// addBases adds what can be written.
func (st *stress) addBases(rng *rand.Rand) {
	for i := range st.states {
		n := st.node(fmt.Sprint("state ", i), false)
		p := weir.NewStateProvider(func(ref weir.Ref) int { defer st.begin(n, ref)(); return i }, weir.Name(n.name))
		n.plain(p, p)
		n.write = func(c *weir.Container, v int, update bool) {
			if update {
				p.Update(c, func(old int) int { return (old + 1) % 8 })
			} else {
				p.Set(c, v)
			}
		}
		st.states[i], st.bases[i] = p, n
	}
	note := st.node("note", false)
	np := weir.NewNotifierProvider(func() *stressNote {
		return &stressNote{build: func(ref weir.Ref) int { defer st.begin(note, ref)(); return 3 }}
	}, weir.Name(note.name))
	note.plain(np, np)
	note.write = func(c *weir.Container, v int, update bool) {
		if x := np.Notifier(c); update {
			x.Update(func(old int) int { return (old + 1) % 8 })
		} else {
			x.Set(v)
		}
	}
	fetch := st.node("fetch", false)
	fp := weir.NewAsyncNotifierProvider(func() *stressFetch {
		return &stressFetch{build: func(_ context.Context, ref weir.Ref) (int, error) {
			defer st.begin(fetch, ref)()
			runtime.Gosched()
			return 4, nil
		}}
	}, weir.Name(fetch.name))
	fetch.later(fp, fp, fp.Cancel)
	fetch.write = func(c *weir.Container, v int, update bool) {
		x := fp.Notifier(c)
		if !update {
			x.SetData(v)
			return
		}
		_, err := x.Update(context.Background(), func(old int) (int, error) { runtime.Gosched(); return (old + 1) % 8, nil })
		st.check(err == nil || errors.Is(err, weir.ErrInvalidated) || errors.Is(err, weir.ErrCanceled), "N6: Update returns %v", err)
	}
	st.bases[3], st.bases[4] = note, fetch
	for i, b := range st.bases {
		b.model = func(now stressNow) (int, bool) { return now.bases[i], true }
	}
	rng.Shuffle(len(st.nodes), func(i, k int) { st.nodes[i], st.nodes[k] = st.nodes[k], st.nodes[i] })
}

// addNode adds a node of a random kind over others.
func (st *stress) addNode(rng *rand.Rand, i int) {
	pick := func(plain bool) *stressNode {
		for {
			if n := st.nodes[rng.IntN(len(st.nodes))]; !plain || n.cancel == nil {
				return n
			}
		}
	}
	kind := []string{"sum", "select", "sometimes", "try", "future", "retry", "stream"}[rng.IntN(7)]
	auto := rng.IntN(3) > 0
	opts := []weir.ProviderOption{weir.Name(fmt.Sprintf("%s %d", kind, i))}
	if auto {
		opts = append(opts, weir.DisposeDelay(time.Duration(rng.IntN(2))*time.Millisecond))
	}
	a, b, x := pick(true), pick(true), pick(false)
	n := st.node(fmt.Sprintf("%s %d", kind, i), auto)
	two := func(now stressNow) (va, vb, vx int, ok bool) {
		va, _ = a.model(now)
		vb, _ = b.model(now)
		vx, ok = x.model(now)
		return va, vb, vx, ok
	}
	watch := func(ref weir.Ref, of *stressNode) int { v, _ := of.use(ref); return v }
	sync := func(build func(ref weir.Ref) int) {
		p := weir.NewProvider(func(ref weir.Ref) int { defer st.begin(n, ref)(); return build(ref) }, opts...)
		n.plain(p, p)
	}
	async := func(build func(ctx context.Context, ref weir.Ref) (int, error), more ...weir.ProviderOption) {
		p := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
			defer st.begin(n, ref)()
			return build(ctx, ref)
		}, append(opts, more...)...)
		n.later(p, p, p.Cancel)
	}
	switch kind {
	case "sum":
		sync(func(ref weir.Ref) int {
			link := ref.KeepAlive()
			ref.CacheFor(time.Millisecond)
			v := watch(ref, a)
			link.Close()
			return v + watch(ref, b)
		})
		n.model = func(now stressNow) (int, bool) { va, vb, _, _ := two(now); return va + vb, true }
	case "select":
		half := weir.Select(a.id.(weir.Source[int]), func(v int) int { return v / 2 })
		sync(func(ref weir.Ref) int { return weir.Watch(ref, half) })
		n.model = func(now stressNow) (int, bool) { va, _, _, _ := two(now); return va / 2, true }
	case "sometimes":
		st.heard[b.name] = true
		sync(func(ref weir.Ref) int {
			v := watch(ref, a)
			if v%2 == 0 {
				weir.Listen(ref, b.id.(weir.Source[int]), func(_, _ int) {}) // for as long as this build
				return v
			}
			return v + watch(ref, b)
		})
		n.model = func(now stressNow) (int, bool) {
			va, vb, _, _ := two(now)
			if va%2 == 0 {
				return va, true
			}
			return va + vb, true
		}
	case "try":
		p := weir.NewTryProvider(func(ref weir.Ref) (int, error) {
			defer st.begin(n, ref)()
			v := watch(ref, a)
			w, err := x.use(ref)
			return v + w, err
		}, append(opts, weir.Timeout(time.Hour))...)
		n.later(p, p, p.Cancel)
		n.model = func(now stressNow) (int, bool) { va, _, vx, ok := two(now); return va + vx, ok }
	case "future":
		async(func(_ context.Context, ref weir.Ref) (int, error) {
			v := watch(ref, a)
			ref.SetProgress(0.5)
			runtime.Gosched()
			v += watch(ref, b)
			w, err := x.use(ref)
			return v + w, err
		})
		n.model = func(now stressNow) (int, bool) { va, vb, vx, ok := two(now); return va + vb + vx, ok }
	case "retry": // of any three builds in a row one is good
		var tries atomic.Int32
		async(func(_ context.Context, ref weir.Ref) (int, error) {
			if v := watch(ref, a); tries.Add(1)%3 == 0 {
				return v, nil
			}
			return 0, errStress
		}, weir.Retry(weir.Backoff(50*time.Microsecond, 200*time.Microsecond, 1000)))
		n.model = func(now stressNow) (int, bool) { va, _, _, _ := two(now); return va, true }
	case "stream":
		p := weir.NewStreamProvider(func(ctx context.Context, ref weir.Ref, emit func(int) bool) error {
			defer st.begin(n, ref)()
			v := watch(ref, a)
			produced := make(chan struct{})
			go func() { // a producer of its own
				defer close(produced)
				for i := range 3 {
					if !emit(v + 2 - i) {
						return
					}
					runtime.Gosched()
				}
			}()
			<-produced
			switch {
			case ctx.Err() != nil:
				return context.Cause(ctx)
			case v%8 == 5:
				return errStress
			}
			return nil
		}, opts...)
		n.later(p, p, p.Cancel)
		n.model = func(now stressNow) (int, bool) { va, _, _, _ := two(now); return va, va%8 != 5 }
	}
}

// node adds an empty node.
func (st *stress) node(name string, auto bool) *stressNode {
	n := &stressNode{name: name}
	n.want = func(now stressNow) string {
		v, ok := n.model(now)
		if !ok {
			return "failed"
		}
		return fmt.Sprint(v)
	}
	st.auto[name] = auto
	st.nodes = append(st.nodes, n)
	return n
}

// ---- containers

// newStress makes a container, its child, and a graph.
func newStress(rng *rand.Rand) *stress {
	st := &stress{auto: map[string]bool{}, heard: map[string]bool{}, builds: map[stressElement]*stressBuilds{}, cancels: rng.IntN(2) == 0}
	st.addBases(rng)
	tuned := st.node("tuned", false)
	tp := weir.NewProvider(func(weir.Ref) int { return 0 }, weir.Name(tuned.name))
	tuned.plain(tp, tp)
	tuned.model = func(now stressNow) (int, bool) { return now.bases[0] + now.tuned, true }
	by := func(v int) weir.Override {
		return tp.OverrideWith(func(ref weir.Ref) int { defer st.begin(tuned, ref)(); return weir.Watch(ref, st.states[0]) + v })
	}
	for i := range 8 {
		st.addNode(rng, i)
	}
	st.c = weir.NewContainer(weir.WithPanicHandler(func(p *weir.PanicError) { st.check(false, "E3: told of %v\n%s", p, p.Stack) }), by(0))
	st.tune = func(v int) {
		st.tuning.Lock()
		defer st.tuning.Unlock()
		st.tuned = v
		st.c.UpdateOverrides(by(v))
	}
	st.addScoped(rng)
	st.renew(0)
	return st
}

// stressChild is a child container, and what its override yields.
type stressChild struct {
	c      *weir.Container
	of     *weir.Provider[int]
	mu     sync.Mutex
	tenant int
}

func (x *stressChild) set(v int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.tenant = v
	x.c.UpdateOverrides(x.of.OverrideWithValue(v))
}

// renew puts another child in place of the one that is there, and closes that.
func (st *stress) renew(v int) {
	x := &stressChild{of: st.tenant, tenant: v, c: weir.NewContainer(weir.WithParent(st.c), st.tenant.OverrideWithValue(v))}
	if old := st.child.Swap(x); old != nil {
		old.c.Close()
	}
}

// addScoped adds what lives in the child: an override, and two nodes that watch it and the root's.
func (st *stress) addScoped(rng *rand.Rand) {
	st.tenant = weir.NewProvider(func(weir.Ref) int { return 0 }, weir.Name("tenant"), weir.Scoped())
	root := st.nodes[:len(st.nodes):len(st.nodes)]
	a, x := st.bases[rng.IntN(3)], root[rng.IntN(len(root))]
	sum, slow := st.node("scoped sum", true), st.node("scoped future", true)
	st.scoped, st.nodes = []*stressNode{sum, slow}, root
	p := weir.NewProvider(func(ref weir.Ref) int {
		defer st.begin(sum, ref)()
		v, _ := a.use(ref)
		return v + weir.Watch(ref, st.tenant)
	}, weir.Name(sum.name), weir.Scoped(st.tenant), weir.DisposeDelay(0))
	sum.plain(p, p)
	sum.model = func(now stressNow) (int, bool) { v, _ := a.model(now); return v + now.tenant, true }
	f := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) {
		defer st.begin(slow, ref)()
		v, err := x.use(ref)
		return v + weir.Watch(ref, st.tenant) + weir.Watch(ref, p), err
	}, weir.Name(slow.name), weir.Scoped(st.tenant, p), weir.AutoDispose())
	slow.later(f, f, f.Cancel)
	slow.model = func(now stressNow) (int, bool) {
		v, ok := x.model(now)
		s, _ := sum.model(now)
		return v + now.tenant + s, ok
	}
}
