package weir_test

// The stress test lets several goroutines loose on random graphs of all kinds of providers, in real time, and then asks what no timing can
// change: that what is at rest is made of what it is made of (P4), that builds do not overlap and are over once each (C5, L5), that
// OnCancel and OnResume alternate (L2), and that nothing is left. What a round consists of is in stress_graph_test.go.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestStress(t *testing.T) {
	// WEIR_STRESS_TIME says for how long, WEIR_STRESS_SEED where to begin: a seed that has failed makes the same graph and the same
	// operations again, though not the same interleaving. Planted bugs: see the tests of the rules above; each of them is found here as well
	// if it is given time.
	usual := "2s"
	if testing.Short() {
		usual = "500ms"
	}
	limit, err := time.ParseDuration(cmp.Or(os.Getenv("WEIR_STRESS_TIME"), usual))
	require.NoError(t, err)
	seed, err := strconv.ParseUint(cmp.Or(os.Getenv("WEIR_STRESS_SEED"), fmt.Sprint(time.Now().UnixNano())), 10, 64)
	require.NoError(t, err)
	before, rounds := runtime.NumGoroutine(), 0
	for end := time.Now().Add(limit); rounds == 0 || time.Now().Before(end); rounds++ {
		faults := runStress(seed)
		require.Empty(t, faults, "WEIR_STRESS_SEED=%d", seed)
		for late := time.Now().Add(stressPatience); runtime.NumGoroutine() > before; runtime.Gosched() { // the last are on their way out (G6)
			require.True(t, time.Now().Before(late), "WEIR_STRESS_SEED=%d: goroutines are left\n%s", seed, stacks())
		}
		seed++
	}
	t.Logf("%d rounds", rounds)
}

// stressPatience is how long a round, of milliseconds, may take before it is called a hang.
const stressPatience = 30 * time.Second

// errStress is what builds fail with on purpose.
var errStress = errors.New("on purpose")

// runStress is one round. It returns what was wrong.
func runStress(seed uint64) []string {
	hang := time.AfterFunc(2*stressPatience, func() { panic(fmt.Sprintf("WEIR_STRESS_SEED=%d hangs\n%s", seed, stacks())) })
	defer hang.Stop()
	st := newStress(rand.New(rand.NewPCG(seed, 0)))
	var running sync.WaitGroup
	for i := range 4 {
		w := &stressWorker{stress: st, rng: rand.New(rand.NewPCG(seed, uint64(1+i)))}
		running.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					st.check(false, "panic: %v\n%s", p, debug.Stack())
				}
			}()
			for range 120 {
				w.step()
			}
			for _, s := range w.subs {
				s.close()
			}
		})
	}
	running.Wait()
	st.rest()
	st.release()
	return st.faults
}

// ---- the operations

type stressWorker struct {
	*stress
	rng  *rand.Rand
	subs []stressSub
}

// target is where an operation takes place, and on what: in the child, what is scoped.
func (w *stressWorker) target() (*weir.Container, *stressNode) {
	if w.rng.IntN(4) == 0 {
		return w.child.Load().c, w.scoped[w.rng.IntN(len(w.scoped))]
	}
	return w.c, w.nodes[w.rng.IntN(len(w.nodes))]
}

func (w *stressWorker) step() {
	c, n := w.target()
	defer func() {
		if r := recover(); r != nil && !(c != w.c && errors.Is(asError(r), weir.ErrContainerClosed)) { // the child may be gone (G10)
			panic(r)
		}
	}()
	k := w.rng.IntN(stressBases)
	switch w.rng.IntN(25) {
	case 0, 1, 2, 3, 4:
		w.bases[k].write(w.c, w.rng.IntN(8), w.rng.IntN(2) == 0)
	case 5:
		v := w.rng.IntN(8)
		w.c.Batch(func(tx *weir.Tx) {
			w.states[0].Set(tx, v)
			runtime.Gosched()
			w.states[1].Update(tx, func(int) int { return v })
		})
	case 6, 7:
		n.read(c)
	case 8, 9:
		w.resolve(c, n)
	case 10, 11, 12:
		var opts []weir.ListenOption
		switch w.rng.IntN(5) {
		case 0:
			opts = append(opts, weir.Weak())
		case 1:
			opts = append(opts, weir.FireImmediately())
		}
		id := w.rng.IntN(4)
		w.subs = append(w.subs, n.listen(c, func(v int) {
			if id == 0 && v%8 == 7 { // P7
				w.states[0].Set(w.c, 1)
			}
		}, opts...))
	case 13, 14:
		if len(w.subs) > 0 {
			i := w.rng.IntN(len(w.subs))
			w.subs[i].close()
			w.subs = append(w.subs[:i], w.subs[i+1:]...)
		}
	case 15, 16:
		if len(w.subs) > 0 {
			s := w.subs[w.rng.IntN(len(w.subs))]
			if w.rng.IntN(2) == 0 {
				s.pause()
			} else {
				s.resume()
			}
		}
	case 17:
		switch w.rng.IntN(3) {
		case 0:
			c.InvalidateAsReload(n.id)
		case 1:
			n.refresh(c)
		default:
			c.Invalidate(n.id)
		}
	case 18:
		c.DisposeUnused()
	case 19:
		if n.cancel != nil && w.cancels {
			n.cancel(c)
		}
	case 20:
		w.tune(w.rng.IntN(8))
	case 21:
		w.child.Load().set(w.rng.IntN(8))
	case 22:
		if w.rng.IntN(2) == 0 {
			w.renew(w.rng.IntN(8))
		}
	case 23:
		w.check(w.c.Flush(context.Background()) == nil, "Flush")
	case 24:
		time.Sleep(time.Duration(w.rng.IntN(300)) * time.Microsecond) // delays and retries pass, in real time
	}
}

// resolve resolves n, sometimes under a context that ends soon.
func (w *stressWorker) resolve(c *weir.Container, n *stressNode) {
	wait := stressPatience
	soon := w.rng.IntN(4) == 0
	if soon {
		wait = time.Duration(w.rng.IntN(200)) * time.Microsecond
	}
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	_, err := n.value(ctx, c)
	switch {
	case err == nil, errors.Is(err, errStress), w.cancels && errors.Is(err, weir.ErrCanceled):
	case soon && errors.Is(err, context.DeadlineExceeded):
	case c != w.c && errors.Is(err, weir.ErrContainerClosed):
	default: // C4, C7, A3: neither a hang nor somebody else's end
		w.check(false, "Resolve of %s returns %v", n.name, err)
	}
}

// ---- the end of a round

// rest compares what is at rest, listened to, with what it is made of.
func (st *stress) rest() {
	ctx, cancel := context.WithTimeout(context.Background(), stressPatience)
	defer cancel()
	st.check(st.c.Flush(ctx) == nil, "Flush")
	if st.cancels { // what was cancelled is at rest with what it had
		for _, n := range st.nodes {
			st.c.Invalidate(n.id)
		}
		for _, n := range st.scoped {
			st.child.Load().c.Invalidate(n.id)
		}
	}
	child := st.child.Load()
	var subs []stressSub
	for _, n := range st.nodes {
		subs = append(subs, n.listen(st.c, func(int) {}))
	}
	for _, n := range st.scoped {
		subs = append(subs, n.listen(child.c, func(int) {}))
	}
	// Streams, retries and the fetch behind a SetData take their time, and change what others are made of.
	wrong := st.compare(ctx, child)
	for ; len(wrong) > 0 && ctx.Err() == nil; wrong = st.compare(ctx, child) {
		time.Sleep(100 * time.Microsecond)
	}
	for _, w := range wrong {
		st.check(false, "P4: at rest %s", w)
	}
	for _, s := range subs {
		s.close()
	}
}

// compare returns what is not what it is made of at this moment.
func (st *stress) compare(ctx context.Context, child *stressChild) (wrong []string) {
	now := stressNow{tuned: st.tuned, tenant: child.tenant}
	for i, b := range st.bases {
		v, err := b.value(ctx, st.c)
		if now.bases[i] = v; err != nil {
			wrong = append(wrong, fmt.Sprintf("%s fails: %v", b.name, err))
		}
	}
	look := func(c *weir.Container, n *stressNode) {
		if want, got := n.want(now), n.read(c); got != want {
			wrong = append(wrong, fmt.Sprintf("%s is %s, want %s", n.name, got, want))
		}
	}
	for _, n := range st.nodes {
		look(st.c, n)
	}
	for _, n := range st.scoped {
		look(child.c, n)
	}
	return wrong
}

// release asks whether anything is left when nobody listens, and after Shutdown.
func (st *stress) release() {
	ctx, cancel := context.WithTimeout(context.Background(), stressPatience)
	defer cancel()
	left := func() (left []string) {
		used := map[string]bool{}
		all := st.c.Snapshot().Elements
		for _, e := range all {
			for _, name := range e.Dependencies {
				used[name] = true
			}
		}
		for _, e := range all {
			if in := used[e.Name] || st.heard[e.Name]; st.auto[e.Name] && !in || e.Weak > 0 || e.Listeners > 0 && !in {
				left = append(left, fmt.Sprintf("%s %v: %d listeners, %d weak", e.Name, e.State, e.Listeners, e.Weak))
			}
		}
		return left
	}
	st.check(st.child.Load().c.Shutdown(ctx) == nil, "Shutdown of the child")
	for len(left()) > 0 && ctx.Err() == nil {
		time.Sleep(100 * time.Microsecond)
	}
	st.check(len(left()) == 0, "L4: left when nobody listens: %v", left())
	st.check(st.c.Shutdown(ctx) == nil, "Shutdown")
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, b := range st.builds {
		b.mu.Lock()
		if b.live != 0 {
			st.faults = append(st.faults, fmt.Sprintf("L5: after Shutdown %d builds of %s are not over, of %d", b.live, b.name, b.count))
		}
		b.mu.Unlock()
	}
}
