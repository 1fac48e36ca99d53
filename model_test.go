package weir_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/weir-go/weir"
)

// The model test drives a random graph with random operations and, after each, recomputes from the record of what ran what must be
// there: values from nothing but the states, counts from the edges, what may be disposed from three timestamps. It knows no state
// machine, so that it cannot share a mistake with the library.

// modelRun is one run: the library and the model beside it. The slices indexed by node hold what was so after the last operation.
type modelRun struct {
	lib   *modelLib
	nodes []*modelNode
	reach [][]bool // reach[m][n]: m may depend on n

	subs      []*modelSub
	links     []modelLink
	written   []modelWrite
	exists    []bool
	active    []bool
	listeners []int
	edges     [][]int // whom the latest build watches
	lo, hi    []time.Time
	memo      map[int]modelVal

	fresh []*modelBuild // started in this operation
	op    modelOp
	trace []string
}

type modelLink struct {
	b    *modelBuild
	link *weir.KeepAliveLink
}

type modelWrite struct {
	b   *modelBuild
	v   int
	set bool // it was another value before
}

// modelOp is what an operation is allowed to have caused.
type modelOp struct {
	reads  []int               // read through: stale ones among them and below are rebuilt
	touch  []int               // L4: one more full delay
	kills  map[int]bool        // invalidated by hand
	joined map[int]bool        // has a new subscription
	before map[int]int         // values of the states that are written, before
	wrote  map[int]int         // and after
	lives  map[int]*modelBuild // and their builds, before
	unused bool                // DisposeUnused
	inert  bool                // nothing at all may happen
	again  int                 // rebuilds in one life beyond the one that a change set allows
	then   []func()            // what to check when everything is at rest
	began  time.Time
	closed bool         // the child
	overs  bool         // the child's override was updated
	emits  map[int]bool // streams that emit
}

type modelFault string

// failf ends the run. The text names the rule.
func (r *modelRun) failf(format string, args ...any) { panic(modelFault(fmt.Sprintf(format, args...))) }

func (r *modelRun) check(ok bool, format string, args ...any) {
	if !ok {
		r.failf(format, args...)
	}
}

// runModel runs the operations in data in a bubble and returns the first disagreement. The first byte is the graph's seed.
func runModel(t *testing.T, data []byte, plant string) (trace []string, err error) {
	if len(data) == 0 {
		return nil, nil
	}
	r := &modelRun{}
	watchdog := time.AfterFunc(time.Minute, func() { // in real time: a bubble that spins has no other
		panic(fmt.Sprintf("the run of []byte(%q) hangs after %v\n%s", data, r.trace, stacks()))
	})
	defer watchdog.Stop()
	defer func() {
		if p := recover(); p != nil { // synctest panics here when goroutines are left over
			trace, err = r.trace, fmt.Errorf("the bubble: %v\n%s", p, stacks())
		}
	}()
	synctest.Test(t, func(t *testing.T) {
		r.start(modelGraph(uint64(data[0])), plant)
		defer func() {
			switch p := recover().(type) {
			case nil:
			case modelFault:
				err = errors.New(string(p))
			default:
				err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
			}
			ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
			defer cancel()
			if e := r.lib.c.Shutdown(ctx); e != nil && err == nil {
				err = fmt.Errorf("Shutdown: %w", e)
			}
		}()
		for op := data[1:]; len(op) >= 3; op = op[3:] {
			r.step(int(op[0]), int(op[1]), int(op[2]))
		}
		r.finish()
	})
	if err != nil {
		for _, b := range r.lib.builds {
			r.trace = append(r.trace, fmt.Sprintf("in operation %d: build %d of %s watched %v, gave %v, over: %v", b.op, b.id, b.node.name, b.seen, b.out, b.cause))
		}
	}
	return r.trace, err
}

func (r *modelRun) start(nodes []*modelNode, plant string) {
	n := len(nodes)
	r.nodes, r.lib = nodes, newModelLib(nodes)
	r.lib.plant = plant
	r.reach, r.edges = make([][]bool, n), make([][]int, n)
	for i, s := range nodes {
		r.reach[i] = make([]bool, n)
		r.reach[i][i] = true
		for _, d := range s.deps {
			for j, ok := range r.reach[d.to] {
				r.reach[i][j] = r.reach[i][j] || ok
			}
		}
		r.trace = append(r.trace, fmt.Sprintf("%s: kind %d auto %v %v deps %v dynamic %v fails %d base %d",
			s.name, s.kind, s.auto, s.delay, s.deps, s.dynamic, s.fails, s.base))
	}
	r.written, r.exists, r.active = make([]modelWrite, n), make([]bool, n), make([]bool, n)
	r.listeners, r.lo, r.hi, r.memo = make([]int, n), make([]time.Time, n), make([]time.Time, n), map[int]modelVal{}
}

// ---- the naive model

// latest is the newest build of a node that is there.
func (r *modelRun) latest(n int) *modelBuild {
	if bs := r.lib.byNode[n]; r.exists[n] && len(bs) > 0 {
		return bs[len(bs)-1]
	}
	return nil
}

// live is the latest build unless it is over.
func (r *modelRun) live(n int) *modelBuild {
	if b := r.latest(n); b != nil && b.over == 0 {
		return b
	}
	return nil
}

// eval computes from nothing but the states what a Read of n must give at rest. An error is just "error" here.
func (r *modelRun) eval(n int) modelVal {
	if v, ok := r.memo[n]; ok {
		return v
	}
	v, ok := r.kept(n)
	if !ok {
		sum, err := r.nodes[n].compute(0, func(d modelDep) modelVal { return d.through(r.eval(d.to)) })
		if v = modelPlain(sum); err != nil {
			v = modelVal{err: "error"}
			if r.nodes[n].retries > 0 {
				v.load = "retrying"
			}
		}
	}
	r.memo[n] = v
	return v
}

// kept is what was written to a state, emitted by a stream or found by a retry, as long as what the build watched is as it was (P11).
func (r *modelRun) kept(n int) (modelVal, bool) {
	b := r.live(n)
	if b == nil || r.written[n].b != b && r.nodes[n].kind != modelStream && r.nodes[n].retries == 0 {
		return modelVal{}, false
	}
	for _, s := range b.seen {
		if s.through(r.eval(s.to)) != modelBare(s.val) {
			return modelVal{}, false
		}
	}
	return modelBare(r.published(n)), true
}

// published is what n delivered last, with the identity of errors.
func (r *modelRun) published(n int) modelVal {
	b := r.latest(n)
	if r.written[n].b == b {
		return modelPlain(r.written[n].v)
	}
	return b.out
}

// modelBare leaves out which error it is, and what is kept beside it.
func modelBare(v modelVal) modelVal {
	if v.err != "" {
		return modelVal{err: "error", load: v.load}
	}
	return v
}

// modelAlike compares what builds returned with what was delivered: an error may have an old value beside it (A1).
func modelAlike(a, b modelVal) bool {
	if a.err != "" || b.err != "" {
		return a.err == b.err && a.load == b.load
	}
	return a == b
}

// moved says whether something that b watched has delivered a different value since (P1, P2). What is loading will, and what was
// built or emitted on another goroutine in the same operation may have while b was running (P3).
func (r *modelRun) moved(b *modelBuild) bool {
	return slices.ContainsFunc(b.seen, func(s modelSeen) bool {
		raced := !r.nodes[s.to].synced && (slices.ContainsFunc(r.lib.byNode[s.to], func(d *modelBuild) bool { return d.op == b.op }) ||
			slices.ContainsFunc(r.lib.hist[s.to], func(h modelHist) bool { return h.op == b.op }))
		return raced || s.val.load != "" || slices.ContainsFunc(r.lib.hist[s.to], func(h modelHist) bool {
			return h.seq > s.seq && !modelAlike(s.through(h.val), s.val)
		})
	})
}

// below says whether some node of ms may depend on n, or is n.
func (r *modelRun) below(ms []int, n int) bool {
	return slices.ContainsFunc(ms, func(m int) bool { return r.reach[m][n] })
}

// ---- the tests

// finish looks at every value once more, releases everything and lets time pass.
func (r *modelRun) finish() {
	for n := range r.nodes {
		if r.gone(n) {
			continue
		}
		r.do(fmt.Sprintf("finally listen to %s", r.nodes[n].name), func() { r.listen(n, 0) })
		r.do("and close", func() { r.close(r.subs[len(r.subs)-1]) })
	}
	for _, s := range r.subs {
		r.do(fmt.Sprintf("finally close sub %d", s.id), func() { r.close(s) })
	}
	for len(r.links) > 0 {
		r.do("finally close a link", func() { r.unlink(0) })
	}
	r.do("let an hour pass", func() { r.lib.sleep(time.Hour) })
	if !slices.ContainsFunc(r.nodes, func(s *modelNode) bool { return !s.auto }) {
		r.check(len(r.lib.elements()) == 0, "L4: elements after everything was released: %v", r.lib.elements())
	}
	r.lib.c.Close()
	synctest.Wait()
	told := len(r.lib.events)
	time.Sleep(time.Hour) // a timer that was left would speak now
	r.check(len(r.lib.events) == told, "G12: %v after Close", r.lib.events[told:])
	r.check(len(r.lib.elements()) == 0, "G12: elements after Close: %v", r.lib.elements())
	for i, e := range r.lib.events {
		r.check(errors.Is(e.b.cause, weir.ErrContainerClosed), "G12: %s of %s at Close: %v", e.what, e.b.node.name, e.b.cause)
		for _, f := range r.lib.events[:i] {
			r.check(!slices.Contains(r.edges[e.b.node.id], f.b.node.id), "S3: %s is closed before its dependent %s", f.b.node.name, e.b.node.name)
		}
	}
	for _, b := range r.lib.builds {
		r.check(b.over != 0 && !b.ref.Mounted(), "L5: build %d of %s is never over", b.id, b.node.name)
	}
	r.check(len(r.lib.faults) == 0, "%s", strings.Join(r.lib.faults, "; "))
}

var modelSeeds = flag.Int("weir.modelseeds", 300, "seeds that TestModel runs; WEIR_MODEL_SEEDS in the environment does the same")

// modelBytes makes the operations of a seed.
func modelBytes(seed uint64, ops int) []byte {
	rng := rand.New(rand.NewPCG(seed, 2))
	data := make([]byte, 1+3*ops)
	for i := range data {
		data[i] = byte(rng.UintN(256))
	}
	return data
}

// shrinkModel drops operations as long as the run still fails.
func shrinkModel(t *testing.T, data []byte, trace []string, err error) ([]byte, []string, error) {
	for before := 0; before != len(data); {
		before = len(data)
		for i := len(data) - 3; i >= 1; i -= 3 {
			less := slices.Concat(data[:i], data[i+3:])
			if tr, e := runModel(t, less, ""); e != nil {
				data, trace, err = less, tr, e
			}
		}
	}
	return data, trace, err
}

func failModel(t *testing.T, what string, data []byte, trace []string, err error) {
	t.Helper()
	data, trace, err = shrinkModel(t, data, trace, err)
	t.Fatalf("%s: %v\nas bytes: []byte(%q)\n%s", what, err, data, strings.Join(trace, "\n"))
}

func TestModel(t *testing.T) {
	// L1 to L10, C3, P1 to P11, A4, A6, S1 to S5, N1, N3, N6, D1 to D5, D9, D13: whatever the order of operations on whatever graph.
	seeds := *modelSeeds
	if n, err := strconv.Atoi(os.Getenv("WEIR_MODEL_SEEDS")); err == nil {
		seeds = n
	}
	if testing.Short() {
		seeds = min(seeds, 50)
	}
	for seed := range uint64(seeds) {
		data := modelBytes(seed, 60)
		if trace, err := runModel(t, data, ""); err != nil {
			failModel(t, fmt.Sprint("seed ", seed), data, trace, err)
		}
	}
}

func FuzzModel(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(modelBytes(seed, 20))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		data = data[:min(len(data), 1+3*100)]
		if trace, err := runModel(t, data, ""); err != nil {
			t.Fatalf("%v\n%s", err, strings.Join(trace, "\n"))
		}
	})
}

func TestModelSeesPlantedBugs(t *testing.T) {
	// Negative control: a record with a mistake planted in it must be found within a few seeds, and by the right rule.
	for plant, rule := range map[string]string{
		"wrong value": "", "lost call": "P5", "lost cancel": "L2", "lost resume": "L2", "lost add": "", "lost remove": "L3",
		"lost dispose": "", "dispose twice": "L5", "lost manual": "D2", "leak": "L1", "lost write": "", "lost self": "D13",
	} {
		t.Run(plant, func(t *testing.T) {
			for seed := range uint64(30) {
				if _, err := runModel(t, modelBytes(seed, 60), plant); err != nil {
					require.ErrorContains(t, err, rule)
					return
				}
			}
			t.Fatal("nobody noticed")
		})
	}
}

func TestModelCheckersSeeBadLogs(t *testing.T) {
	// Negative control: each checker is shown what it must not accept, and what it must.
	pair := func(log ...string) (err error) {
		p := modelPair{both: true}
		for _, what := range log {
			err = errors.Join(err, p.note(what))
		}
		return err
	}
	chain := func(log ...[2]int) (err error) {
		var c modelChain[int]
		for _, call := range log {
			err = errors.Join(err, c.note(call[0], call[1]))
		}
		return err
	}
	var solo modelSolo
	require.NoError(t, pair("cancel", "resume", "cancel"))
	require.Error(t, pair("resume"))
	require.Error(t, pair("cancel", "cancel"))
	require.Error(t, pair("cancel", "resume", "resume"))
	require.NoError(t, chain([2]int{1, 2}, [2]int{2, 1}))
	require.Error(t, chain([2]int{1, 2}, [2]int{3, 4}), "a call was lost")
	require.Error(t, chain([2]int{1, 2}, [2]int{1, 2}), "a call was doubled")
	require.Error(t, chain([2]int{1, 1}), "nothing changed")
	require.NoError(t, solo.enter())
	require.Error(t, solo.enter(), "a second one came in")
	require.True(t, whole(2003) && !whole(2006), "the left of 1, the right of 2")
	require.True(t, opposite(105095) && !opposite(105094))
}
