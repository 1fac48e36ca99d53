package bench

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/maypok86/otter/v2"
	"github.com/samber/do/v2"

	"github.com/weir-go/weir"
)

const (
	readValues = 256                               // how many values are read in turn
	readSum    = readValues * (readValues - 1) / 2 // of all of them: the i-th is i
	readBatch  = 64 * readValues                   // reads in one iteration
)

// reader is a way to keep values and read them. open returns a function that reads n of them in turn and returns their sum; where that is
// possible, functions that write a value which is among those read, or is not.
type reader struct {
	lib  string
	open func(b *testing.B) (read func(n int) int, other, same func(v int))
}

func readers() []reader {
	return []reader{
		{"weir.Read", func(b *testing.B) (func(int) int, func(int), func(int)) {
			c, ps, other, same := readWeir(b)
			return func(n int) (sum int) {
					for i := range n {
						sum += weir.Read(c, ps[i%readValues])
					}
					return sum
				}, func(v int) { other.Set(c, v) },
				func(v int) { same.Set(c, v) }
		}},
		{"Subscription.Read", func(b *testing.B) (func(int) int, func(int), func(int)) {
			c, ps, other, same := readWeir(b)
			var subs [readValues]*weir.Subscription[int]
			for i, p := range ps {
				subs[i] = weir.Listen(c, p, nil)
			}
			return func(n int) (sum int) {
					for i := range n {
						sum += subs[i%readValues].Read()
					}
					return sum
				}, func(v int) { other.Set(c, v) },
				func(v int) { same.Set(c, v) }
		}},
		{"atomic.Pointer", func(*testing.B) (func(int) int, func(int), func(int)) {
			var ps [readValues]atomic.Pointer[int]
			for i := range ps {
				ps[i].Store(&i)
			}
			var other atomic.Pointer[int]
			return func(n int) (sum int) {
					for i := range n {
						sum += *ps[i%readValues].Load()
					}
					return sum
				}, func(v int) { other.Store(&v) },
				func(v int) { ps[0].Store(&v) }
		}},
		{"RWMutex and map", func(*testing.B) (func(int) int, func(int), func(int)) {
			t := &table[int, int]{m: map[int]int{}}
			for i := range readValues {
				t.m[i] = i
			}
			set := func(k int) func(int) {
				return func(v int) {
					t.mu.Lock()
					t.m[k] = v
					t.mu.Unlock()
				}
			}
			return func(n int) (sum int) {
				for i := range n {
					sum += t.get(i % readValues)
				}
				return sum
			}, set(readValues), set(0)
		}},
		{"sync.Map", func(*testing.B) (func(int) int, func(int), func(int)) {
			var m sync.Map
			for i := range readValues {
				m.Store(i, i)
			}
			return func(n int) (sum int) {
					for i := range n {
						v, _ := m.Load(i % readValues)
						sum += v.(int)
					}
					return sum
				}, func(v int) { m.Store(readValues, v) },
				func(v int) { m.Store(0, v) }
		}},
		{"otter", func(*testing.B) (func(int) int, func(int), func(int)) {
			cache := otter.Must(&otter.Options[int, int]{MaximumSize: 4 * readValues})
			for i := range readValues {
				cache.Set(i, i)
			}
			return func(n int) (sum int) {
					for i := range n {
						v, _ := cache.GetIfPresent(i % readValues)
						sum += v
					}
					return sum
				}, func(v int) { cache.Set(readValues, v) },
				func(v int) { cache.Set(0, v) }
		}},
		{"do.InvokeNamed", func(*testing.B) (func(int) int, func(int), func(int)) {
			injector := do.New()
			var names [readValues]string
			for i := range names {
				names[i] = strconv.Itoa(i)
				do.ProvideNamedValue(injector, names[i], i)
			}
			return func(n int) (sum int) {
				for i := range n {
					v, _ := do.InvokeNamed[int](injector, names[i%readValues])
					sum += v
				}
				return sum
			}, nil, nil
		}},
	}
}

// readWeir makes derived values that are in use; the first is derived from same. other is of the same container, and listened to.
func readWeir(b *testing.B) (c *weir.Container, ps []weir.Source[int], other, same *weir.StateProvider[int]) {
	c = newContainer(b)
	same = state(0)
	other = state(0)
	weir.Listen(c, other, func(_, _ int) {})
	for i := range readValues {
		p := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, same) + i })
		if i > 0 {
			p = weir.NewProvider(func(weir.Ref) int { return i })
		}
		weir.Listen(c, p, func(_, _ int) {})
		ps = append(ps, p)
	}
	return c, ps, other, same
}

func newContainer(b *testing.B, opts ...weir.ContainerOption) *weir.Container {
	c := weir.NewContainer(opts...)
	b.Cleanup(func() {
		if err := c.Shutdown(context.Background()); err != nil {
			b.Error(err)
		}
	})
	return c
}

func state(v int) *weir.StateProvider[int] {
	return weir.NewStateProvider(func(weir.Ref) int { return v })
}

func readGroups() []group {
	one := group{name: "read", per: readBatch}
	two := group{name: "read by two goroutines", per: readBatch}
	other := group{name: "read beside a writer of another value", per: readBatch}
	same := group{name: "read beside a writer of one of the values", per: readBatch}
	for _, r := range readers() {
		one.add(r.lib, func(b *testing.B) {
			read, _, _ := r.open(b)
			sum := 0
			for b.Loop() {
				sum = read(readBatch)
			}
			want(b, "sum", sum, readBatch/readValues*readSum)
		})
		two.add(r.lib, func(b *testing.B) {
			read, _, _ := r.open(b)
			var sums [2]int
			for b.Loop() {
				var wg sync.WaitGroup
				for g := range sums {
					wg.Go(func() { sums[g] = read(readBatch) })
				}
				wg.Wait()
			}
			want(b, "sum", sums, [2]int{readBatch / readValues * readSum, readBatch / readValues * readSum})
		})
		if r.lib == "do.InvokeNamed" {
			continue // cannot be written
		}
		other.add(r.lib, func(b *testing.B) {
			read, write, _ := r.open(b)
			sum := 0
			defer keepWriting(write)()
			for b.Loop() {
				sum = read(readBatch)
			}
			want(b, "sum", sum, readBatch/readValues*readSum)
		})
		same.add(r.lib, func(b *testing.B) {
			read, _, write := r.open(b)
			sum := 0
			stop := keepWriting(write)
			for b.Loop() {
				sum = read(readBatch)
			}
			stop()
			write(0)
			want(b, "at least the sum without writes", sum >= readBatch/readValues*readSum, true)
			want(b, "sum after the last write", read(readBatch), readBatch/readValues*readSum)
		})
	}
	return []group{one, two, other, same}
}

func (g *group) add(lib string, run func(b *testing.B)) {
	g.series = append(g.series, series{lib, run})
}

// keepWriting calls write from a goroutine of its own until stop is called.
func keepWriting(write func(v int)) (stop func()) {
	var over atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		for v := 1; !over.Load(); v++ {
			write(v)
		}
	})
	return func() {
		over.Store(true)
		wg.Wait()
	}
}
