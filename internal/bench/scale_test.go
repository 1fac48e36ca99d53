package bench

import (
	"fmt"
	"runtime"
	"strconv"
	"testing"

	"github.com/samber/ro"

	"github.com/weir-go/weir"
)

func scaleGroups() []group {
	return []group{sizeGroup(), batchGroup(1), batchGroup(100), batchGroup(10_000), observerGroup(), readObserverGroup()}
}

// sizeGroup changes the same 100 states of a container with few elements and of one with many: each has a derived value and a listener.
func sizeGroup() group {
	const changing = 100
	run := func(n int) func(b *testing.B) {
		return func(b *testing.B) {
			c := newContainer(b)
			states, sum, v := make([]*weir.StateProvider[int], n/2), 0, 0
			for i := range states {
				states[i] = state(0)
				d := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, states[i]) + i })
				weir.Listen(c, d, func(_, next int) { sum += next })
			}
			runtime.GC()
			for b.Loop() {
				v++
				sum = 0
				for _, s := range states[:changing] {
					s.Set(c, v)
				}
			}
			want(b, "sum", sum, changing*v+changing*(changing-1)/2)
		}
	}
	return group{name: "100 states change, each", per: changing, series: []series{
		{"among 1,000 elements", run(1_000)},
		{"among 100,000 elements", run(100_000)},
	}}
}

// batchGroup writes n states in one step and one after the other; nobody listens.
func batchGroup(n int) group {
	run := func(write func(c *weir.Container, states []*weir.StateProvider[int], v int)) func(b *testing.B) {
		return func(b *testing.B) {
			c := newContainer(b)
			states, v, sum := make([]*weir.StateProvider[int], n), 0, 0
			for i := range states {
				states[i] = state(0)
				weir.Read(c, states[i])
			}
			for b.Loop() {
				v++
				write(c, states, v)
			}
			for _, s := range states {
				sum += weir.Read(c, s)
			}
			want(b, "sum", sum, n*v)
		}
	}
	set := func(s weir.Scope, states []*weir.StateProvider[int], v int) {
		for _, p := range states {
			p.Set(s, v)
		}
	}
	return group{name: "write " + strconv.Itoa(n) + ", each", per: n, series: []series{
		{"Set", run(func(c *weir.Container, states []*weir.StateProvider[int], v int) { set(c, states, v) })},
		{"Batch", run(func(c *weir.Container, states []*weir.StateProvider[int], v int) {
			c.Batch(func(tx *weir.Tx) { set(tx, states, v) })
		})},
	}}
}

// observerGroup is a write that a derived value and a listener follow, with and without observers.
func observerGroup() group {
	run := func(o func(events *int) *weir.Observer) func(b *testing.B) {
		return func(b *testing.B) {
			events := 0
			var opts []weir.ContainerOption
			if o != nil {
				opts = append(opts, weir.WithObserver(o(&events)))
			}
			c := newContainer(b, opts...)
			n, v, last := state(0), 0, 0
			d := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, n) + 1 })
			weir.Listen(c, d, func(_, next int) { last = next })
			events = 0
			for b.Loop() {
				v++
				n.Set(c, v)
			}
			want(b, "last", last, v+1)
			if o != nil && o(new(int)).Updated != nil {
				want(b, "an event for each of the two values", events >= 2*v, true)
			}
		}
	}
	return group{name: "set, one derived, one listener", per: 1, series: []series{
		{"no observer", run(nil)},
		{"an observer without functions", run(func(*int) *weir.Observer { return &weir.Observer{} })},
		{"an observer of updates", run(func(events *int) *weir.Observer {
			return &weir.Observer{Updated: func(weir.UpdatedEvent) { *events++ }}
		})},
		{"an observer of all there is", run(func(events *int) *weir.Observer {
			return &weir.Observer{
				BuildStarted: func(weir.BuildStartedEvent) { *events++ },
				BuildEnded:   func(weir.BuildEndedEvent) { *events++ },
				Updated:      func(weir.UpdatedEvent) { *events++ },
				Disposed:     func(weir.DisposedEvent) { *events++ },
			}
		})},
	}}
}

func readObserverGroup() group {
	run := func(opts ...weir.ContainerOption) func(b *testing.B) {
		return func(b *testing.B) {
			c := newContainer(b, opts...)
			n := state(1)
			weir.Listen(c, n, nil)
			sum := 0
			for b.Loop() {
				sum = 0
				for range 1000 {
					sum += weir.Read(c, n)
				}
			}
			want(b, "sum", sum, 1000)
		}
	}
	return group{name: "read, observed", per: 1000, series: []series{
		{"no observer", run()},
		{"an observer of updates", run(weir.WithObserver(&weir.Observer{Updated: func(weir.UpdatedEvent) {}}))},
	}}
}

// TestMemory prints what a value and a listener take, with n of each: the provider and the element together, and without the slices of
// the test itself.
func TestMemory(t *testing.T) {
	const n = 100_000
	if testing.Short() || *rounds == 0 {
		t.Skip("-rounds 1 to run it")
	}
	fmt.Println("| of | by | bytes | allocations |\n|---|---|---:|---:|")
	row := func(what, lib string, setup func() (make func(i int), keep any)) {
		fill, keep := setup()
		before := heap()
		for i := range n {
			fill(i)
		}
		after := heap()
		runtime.KeepAlive(keep)
		fmt.Printf("| %s | %s | %.0f | %.1f |\n", what, lib, (float64(after.HeapAlloc)-float64(before.HeapAlloc))/n,
			float64(after.Mallocs-before.Mallocs)/n)
	}
	row("a state", "weir", func() (func(int), any) {
		c, ps := weir.NewContainer(), make([]*weir.StateProvider[int], n)
		return func(i int) { ps[i] = state(i); weir.Read(c, ps[i]) }, []any{c, ps}
	})
	row("a state", "ro subject", func() (func(int), any) {
		ps := make([]ro.Subject[int], n)
		return func(i int) { ps[i] = ro.NewBehaviorSubject(i) }, ps
	})
	row("a state", "hub by hand", func() (func(int), any) {
		ps := make([]*hub, n)
		return func(i int) { ps[i] = &hub{v: i} }, ps
	})
	row("a derived value with one dependency", "weir", func() (func(int), any) {
		c, src, ps := weir.NewContainer(), state(1), make([]*weir.Provider[int], n)
		return func(i int) {
			ps[i] = weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, src) + i })
			weir.Read(c, ps[i])
		}, []any{c, src, ps}
	})
	row("a derived value with one dependency", "ro pipe, subscribed", func() (func(int), any) {
		src, ps := ro.NewPublishSubject[int](), make([]ro.Subscription, n)
		return func(i int) {
			ps[i] = ro.Pipe1(src.AsObservable(), ro.Map(func(v int) int { return v + i })).Subscribe(ro.OnNext(func(int) {}))
		}, []any{src, ps}
	})
	row("a listener", "weir", func() (func(int), any) {
		c, src, subs := weir.NewContainer(), state(1), make([]*weir.Subscription[int], n)
		fn := func(_, _ int) {}
		return func(i int) { subs[i] = weir.Listen(c, src, fn) }, []any{c, src, subs}
	})
	row("a listener", "ro subscription", func() (func(int), any) {
		src, subs := ro.NewPublishSubject[int](), make([]ro.Subscription, n)
		fn := func(int) {}
		return func(i int) { subs[i] = src.Subscribe(ro.OnNext(fn)) }, []any{src, subs}
	})
	row("a listener", "hub by hand", func() (func(int), any) {
		h, stops := new(hub), make([]func(), n)
		fn := func(int, int) {}
		return func(i int) { stops[i] = h.listen(fn) }, []any{h, stops}
	})
	row("a listener", "goroutine and channel", func() (func(int), any) {
		chans := make([]chan int, n)
		t.Cleanup(func() {
			for _, ch := range chans {
				close(ch)
			}
		})
		return func(i int) {
			ch := make(chan int, 1)
			chans[i] = ch
			go func() {
				for range ch {
				}
			}()
		}, chans
	})
	// The map first: what a family holds weakly is given back some time after a collection only.
	row("a member of a family", "map", func() (func(int), any) {
		t := &table[string, *int]{m: map[string]*int{}}
		return func(i int) { t.getOrMake(strconv.Itoa(i), func(k string) *int { v := len(k); return &v }) }, t
	})
	row("a member of a family", "weir", func() (func(int), any) {
		c := weir.NewContainer()
		f := weir.NewFamily(func(k string) *weir.Provider[int] { return weir.NewProvider(func(weir.Ref) int { return len(k) }) })
		return func(i int) { weir.Read(c, f.Of(strconv.Itoa(i))) }, []any{c, f}
	})
}

func heap() (m runtime.MemStats) {
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	m.HeapAlloc += m.StackInuse
	return m
}
