package weir_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/weir-go/weir"
)

// The concurrent model test lets several goroutines loose on one container, in real time, and asserts only what no timing can
// change: what each build, hook, listener and caller sees by itself while the storm lasts, and everything once it is over.

// ---- the graph

type stormNode struct {
	modelUnit
	name    string
	async   bool
	auto    bool
	flaky   bool                 // its builds fail sometimes and are retried
	ok      func(v int) bool     // what every value must satisfy, whenever it is seen
	want    func(now [3]int) int // recomputes the value
	last    *stormBuild          // the newest; builds of a node never overlap, so that it needs no lock
	solo    modelSolo
	ref     atomic.Pointer[weir.Ref]
	resolve func(ctx context.Context, s weir.Scope) (int, error)
}

type stormBuild struct {
	prev    *stormBuild
	mu      sync.Mutex
	hooked  bool // it was live when OnDispose was registered (L6)
	running bool
	over    int
	sleeps  modelPair
}

// storm is one round: a container, a graph, and what its builds and hooks have found.
type storm struct {
	stormKinds
	c      *weir.Container
	s      [3]*weir.StateProvider[int]
	x, y   *weir.StateProvider[int]
	join   [3]*weir.Provider[int]
	nodes  []*stormNode
	turn   modelSolo
	tick   chan struct{} // what an asynchronous build and a caller's own cancellation wait for
	count  atomic.Int64
	mu     sync.Mutex
	faults []string
}

type stormCaller struct{} // the key of a caller's context value

var (
	errStormOwn  = errors.New("the caller's own cause")
	stormEndings = []error{weir.ErrDisposed, weir.ErrInvalidated, weir.ErrDependencyChanged, weir.ErrContainerClosed}
)

func (st *storm) check(ok bool, format string, args ...any) {
	if ok {
		return // without a lock, which would order what must be safe unordered
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.faults = append(st.faults, fmt.Sprintf(format, args...))
}

func (st *storm) noError(rule string, err error) { st.check(err == nil, "%s: %v", rule, err) }

// begin records a build and registers every hook.
func (st *storm) begin(n *stormNode, ref weir.Ref) (end func()) {
	st.noError("C5: build functions of "+n.name, n.solo.enter())
	b := &stormBuild{prev: n.last, running: true}
	if n.last = b; b.prev != nil {
		st.check(b.prev.over == 1, "L5: a build of %s starts before the hooks of the one it replaces have returned", n.name)
	}
	st.check(ref.Context().Value(stormCaller{}) == nil, "C1: a build of %s sees a caller's context", n.name)
	locked := func(fn func()) func() {
		return func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			fn()
		}
	}
	ref.OnDispose(locked(func() {
		b.over++
		st.check(b.over == 1, "L5: OnDispose of %s runs twice in one build", n.name)
		st.check(n.async || !b.running || !b.hooked, "L5: OnDispose of %s runs beside its synchronous build function", n.name)
		cause := context.Cause(ref.Context())
		known := slices.ContainsFunc(stormEndings, func(end error) bool { return errors.Is(cause, end) })
		st.check(known, "L5, C3: OnDispose of %s runs with the cause %v", n.name, cause)
	}))
	locked(func() { b.hooked = true })()
	if n.auto { // OnCancel is not in a turn when it is registered on standby (L6)
		ref.OnCancel(locked(func() { st.noError("L2: "+n.name, b.sleeps.note("cancel")) }))
		ref.OnResume(locked(func() { st.inTurn(func() { st.noError("L2: "+n.name, b.sleeps.note("resume")) }) }))
		locked(func() { b.sleeps.both = true })()
	}
	ref.OnAddListener(func() { st.inTurn(func() {}) })
	ref.OnRemoveListener(func() { st.inTurn(func() {}) })
	n.ref.Store(&ref)
	return func() {
		locked(func() { b.running = false })()
		n.solo.leave()
	}
}

// inTurn runs what a turn delivers: turns of one container never overlap (G3).
func (st *storm) inTurn(fn func()) {
	st.noError("G3: turns", st.turn.enter())
	defer st.turn.leave()
	runtime.Gosched()
	fn()
}

// linger is the work of an asynchronous build: none, or until somebody has handed it a tick or two.
func (st *storm) linger(ctx context.Context) error {
	for range st.count.Add(1) % 3 {
		select {
		case <-st.tick:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

func newStorm() *storm {
	st := &storm{tick: make(chan struct{})}
	st.c = weir.NewContainer(weir.WithDisposeDelay(time.Millisecond), weir.WithPanicHandler(func(p *weir.PanicError) { st.check(false, "E3: told of %v", p) }))
	state := func(name string, v int) *weir.StateProvider[int] {
		p := weir.NewStateProvider(func(weir.Ref) int { return v }, weir.Name(name))
		st.nodes = append(st.nodes, &stormNode{name: name, modelUnit: modelPlainUnit(func() *weir.StateProvider[int] { return p })})
		return p
	}
	derived := func(name string, auto bool, opt weir.ProviderOption, ok func(int) bool, want func(now [3]int) int, build func(ref weir.Ref) int) *weir.Provider[int] {
		n := &stormNode{name: name, auto: auto, ok: ok, want: want}
		p := weir.NewProvider(func(ref weir.Ref) int {
			defer st.begin(n, ref)()
			runtime.Gosched()
			return build(ref)
		}, weir.Name(name), opt)
		n.modelUnit = modelPlainUnit(func() *weir.Provider[int] { return p })
		st.nodes = append(st.nodes, n)
		return p
	}
	future := func(n *stormNode, p *weir.FutureProvider[int]) *weir.FutureProvider[int] {
		n.modelUnit = modelAsyncUnit(func() *weir.FutureProvider[int] { return p })
		n.resolve = func(ctx context.Context, s weir.Scope) (int, error) { return weir.Resolve(ctx, s, p) }
		st.nodes = append(st.nodes, n)
		return p
	}
	slowly := func(n *stormNode, build func(ref weir.Ref, wait func() error) (int, error)) func(context.Context, weir.Ref) (int, error) {
		return func(ctx context.Context, ref weir.Ref) (int, error) {
			defer st.begin(n, ref)()
			return build(ref, func() error { return st.linger(ctx) })
		}
	}
	joined := func(i int) func(now [3]int) int { return func(now [3]int) int { return now[i]*2*1000 + now[i]*3 } }

	st.x, st.y = state("x", 1), state("y", -1)
	var left, right [3]*weir.Provider[int]
	for i := range st.s {
		st.s[i] = state(fmt.Sprint("s", i), 1+i)
		thrice := weir.Select(st.s[i], func(v int) int { return v * 3 })
		left[i] = derived(fmt.Sprint("left", i), true, weir.DisposeDelay(0), nil, func(now [3]int) int { return now[i] * 2 },
			func(ref weir.Ref) int { return weir.Watch(ref, st.s[i]) * 2 })
		right[i] = derived(fmt.Sprint("right", i), true, weir.AutoDispose(), nil, func(now [3]int) int { return now[i] * 3 },
			func(ref weir.Ref) int { return weir.Watch(ref, thrice) })
		st.join[i] = derived(fmt.Sprint("join", i), true, weir.DisposeDelay(0), whole, joined(i),
			func(ref weir.Ref) int { return weir.Watch(ref, left[i])*1000 + weir.Watch(ref, right[i]) })
	}
	derived("pair", false, weir.Name("pair"), opposite, nil,
		func(ref weir.Ref) int { return (weir.Watch(ref, st.x)+100)*1000 + weir.Watch(ref, st.y) + 100 })
	derived("top", true, weir.AutoDispose(), whole, func(now [3]int) int { return joined(1 + now[0]%2)(now) },
		func(ref weir.Ref) int { return weir.Watch(ref, st.join[1+weir.Watch(ref, st.s[0])%2]) })

	try := &stormNode{name: "try", auto: true, ok: whole, want: joined(0)}
	future(try, weir.NewTryProvider(func(ref weir.Ref) (int, error) {
		defer st.begin(try, ref)()
		return weir.Watch(ref, st.join[0]), nil
	}, weir.AutoDispose(), weir.Name("try")))
	slow := &stormNode{name: "slow", async: true, ok: whole, want: joined(1)}
	slowP := future(slow, weir.NewFutureProvider(slowly(slow, func(ref weir.Ref, wait func() error) (int, error) {
		l := weir.Watch(ref, left[1])
		err := wait()
		return l*1000 + weir.Watch(ref, right[1]), err
	}), weir.Name("slow")))
	over := &stormNode{name: "over", async: true, auto: true, ok: whole, want: joined(1)}
	future(over, weir.NewFutureProvider(slowly(over, func(ref weir.Ref, wait func() error) (int, error) {
		if err := wait(); err != nil {
			return 0, err
		}
		return weir.Await(ref, slowP)
	}), weir.AutoDispose(), weir.Name("over")))
	var members [3]*stormNode
	fam := weir.NewFamily(func(k int) *weir.FutureProvider[int] {
		return weir.NewFutureProvider(slowly(members[k], func(ref weir.Ref, wait func() error) (int, error) {
			err := wait()
			return k*1000 + weir.Watch(ref, st.s[k]), err
		}))
	}, weir.AutoDispose(), weir.Name("fam"))
	for k := range members {
		members[k] = &stormNode{name: fmt.Sprint("fam ", k), async: true, auto: true}
		members[k].ok, members[k].want = func(v int) bool { return v/1000 == k }, func(now [3]int) int { return k*1000 + now[k] }
		future(members[k], fam.Of(k))
	}
	st.addKinds(func(n *stormNode, unit modelUnit, resolve func(ctx context.Context, s weir.Scope) (int, error)) {
		n.modelUnit, n.resolve = unit, resolve
		st.nodes = append(st.nodes, n)
	})
	return st
}

// sees checks a value that got out: it is of one moment (P3, P6), and no caller's or former build's end is in it (C4).
func (st *storm) sees(how string, n *stormNode, v modelVal) {
	st.check(!v.has || n.ok == nil || n.ok(v.n), "P3: %s of %s is torn: %d", how, n.name, v.n)
	st.check(v.err == "" || n.flaky && v.err == errStormFlaky.Error(), "C4: %s of %s fails with somebody's end: %s", how, n.name, v.err)
}

// ---- the storm

type stormSub struct {
	modelSub
	mu    sync.Mutex
	ready atomic.Bool // sub is set
	dead  atomic.Bool // closed, and what was on its way has been flushed
	heard int
}

// stormWorker is one goroutine's share. It closes its own subscriptions and links only, so that it knows what they are.
type stormWorker struct {
	*storm
	rng   *rand.Rand
	subs  []*stormSub
	links []*weir.KeepAliveLink
}

func (w *stormWorker) listen(i int) {
	n, s := w.nodes[i], &stormSub{modelSub: modelSub{id: w.rng.IntN(8), node: i}}
	var opts []weir.ListenOption
	switch w.rng.IntN(4) {
	case 0:
		s.fire, opts = true, append(opts, weir.FireImmediately())
	case 1:
		s.weak, opts = true, append(opts, weir.Weak())
	}
	n.listen(w.c, &s.modelSub, func(prev, next modelVal) {
		w.sees("a call", n, next)
		w.check(!s.dead.Load(), "G5: a listener of %s is called after Close and Flush", n.name)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.heard++; s.heard == 1 && s.fire { // on the caller, not in a turn, from nothing (G13)
			s.chain.start(next)
			return
		}
		w.inTurn(func() {
			w.noError("P5: a listener of "+n.name, s.chain.note(prev, next))
			switch { // P7: a call may write and close; what it writes joins the turn
			case s.id == 0 && n.name == "s0":
				w.s[1].Set(w.c, 1+next.n%4)
			case s.id == 1 && s.heard == 3 && s.ready.Load():
				s.sub.Close()
			}
		})
	}, opts...)
	s.ready.Store(true)
	w.subs = append(w.subs, s)
}

func (w *stormWorker) step() {
	i, k := w.rng.IntN(len(w.nodes)), w.rng.IntN(3)
	n := w.nodes[i]
	switch op := w.rng.IntN(27); op {
	case 0, 1:
		w.s[k].Set(w.c, 1+w.rng.IntN(6)) // never zero: that is what a weak listener has seen before it has seen anything
	case 2, 3:
		w.s[k].Update(w.c, func(v int) int { return 1 + v%6 })
	case 4, 5:
		v := 1 + w.rng.IntN(50)
		w.c.Batch(func(tx *weir.Tx) {
			w.x.Set(tx, v)
			runtime.Gosched()
			w.s[k].Set(tx, 1+v%6)
			w.y.Set(tx, -v)
		})
	case 6, 7, 8:
		w.sees("a Read", n, n.read(w.c))
	case 9, 10, 11:
		if len(w.subs) < 8 {
			w.listen(i)
		}
	case 12, 13:
		if len(w.subs) > 0 {
			s := w.subs[0]
			w.subs = w.subs[1:]
			s.sub.Close()
			if k == 0 {
				w.flush()
				s.dead.Store(true)
			}
		}
	case 14:
		if len(w.subs) > 0 {
			if s := w.subs[k%len(w.subs)]; s.pauses == 0 {
				s.pauses = 1
				s.sub.Pause()
			} else {
				s.pauses = 0
				s.sub.Resume()
			}
		}
	case 15, 16:
		if n.name == "x" || n.name == "y" { // to start one of them anew would tear the pair
			return
		}
		if k == 0 {
			w.c.Invalidate(n.id())
		} else {
			w.sees("a Refresh", n, n.refresh(w.c))
		}
	case 17, 18:
		if n.resolve == nil {
			return
		}
		wait := func(ctx context.Context) {
			v, err := n.resolve(ctx, w.c)
			w.check(err == nil || ctx.Err() != nil && errors.Is(err, errStormOwn), "C4, C7: a Resolve of %s returns %v", n.name, err)
			w.sees("a Resolve", n, modelVal{n: v, has: err == nil})
		}
		if k == 0 {
			wait(context.Background())
			return
		}
		w.asCaller(wait)
	case 19:
		w.asCaller(func(ctx context.Context) {
			for v := range weir.Values(ctx, w.c, w.join[k]) {
				w.check(whole(v), "P3: Values gives a torn %d", v)
			}
		})
	case 20:
		if ref := n.ref.Load(); ref != nil {
			w.links = append(w.links, ref.KeepAlive())
			if k == 0 {
				ref.InvalidateSelf()
			}
		}
	case 21:
		for _, link := range w.links {
			link.Close()
		}
		w.links = nil
		w.c.DisposeUnused()
	default:
		w.kinds(op - 22)
	}
}

// flush waits for what is on its way, and for what that sets off.
func (st *storm) flush() {
	for range 4 {
		st.noError("Flush", st.c.Flush(context.Background()))
	}
}

// stormPatience is how long a round, of milliseconds, may take before it is called a hang.
const stormPatience = time.Minute

// runStorm is one round: random operations on each of several goroutines.
func runStorm(seed uint64, goroutines, ops int) []string {
	st := newStorm()
	watchdog := time.AfterFunc(stormPatience, func() { panic(fmt.Sprintf("the round of seed %d hangs\n%s", seed, stacks())) })
	defer watchdog.Stop()
	quit := make(chan struct{})
	var ticker, running sync.WaitGroup
	ticker.Go(func() {
		for {
			select {
			case st.tick <- struct{}{}:
				runtime.Gosched()
			case <-quit:
				return
			}
		}
	})
	workers := make([]*stormWorker, goroutines)
	for i := range workers {
		w := &stormWorker{storm: st, rng: rand.New(rand.NewPCG(seed, uint64(i)))}
		workers[i] = w
		running.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					st.check(false, "panic: %v\n%s", p, debug.Stack())
				}
			}()
			for range ops {
				w.step()
			}
		})
	}
	running.Wait()
	st.rest(workers)
	close(quit)
	ticker.Wait()
	return st.faults
}

func TestModelConcurrent(t *testing.T) {
	// C1, C3 to C5, C7, L2, L4, L5, P3 to P7, G1, G3, G5, G6, E3, with everything going on at once. WEIR_MODEL_TIME says for how long.
	usual := "2s"
	if testing.Short() {
		usual = "200ms"
	}
	limit, err := time.ParseDuration(cmp.Or(os.Getenv("WEIR_MODEL_TIME"), usual))
	require.NoError(t, err)
	base, rounds, first := runtime.NumGoroutine(), 0, uint64(time.Now().UnixNano())
	for end := time.Now().Add(limit); rounds == 0 || time.Now().Before(end); rounds++ {
		seed, goroutines := first+uint64(rounds), 2+rounds%5
		faults := runStorm(seed, goroutines, 150)
		require.Empty(t, faults, "seed %d, %d goroutines", seed, goroutines)
		for end := time.Now().Add(stormPatience); runtime.NumGoroutine() > base; runtime.Gosched() { // the last ones are on their way out (G6)
			require.True(t, time.Now().Before(end), "seed %d: goroutines are left\n%s", seed, stacks())
		}
	}
	t.Logf("%d rounds", rounds)
}
