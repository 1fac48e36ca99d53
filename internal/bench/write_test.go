package bench

import (
	"strconv"
	"sync"
	"testing"

	"github.com/samber/ro"

	"github.com/weir-go/weir"
)

// A hub that is set from 1 up to n tells a listener of all these values: last is the one that the listener saw last.

func writeGroups() []group {
	groups := []group{setGroup(), listenGroup()}
	for _, n := range []int{1_000, 100_000} {
		groups = append(groups, fanOutGroup(n))
	}
	groups = append(groups, depthGroup(50), depthGroup(1000), breadthGroup(50), breadthGroup(1000))
	return append(groups, writersGroup())
}

func setGroup() group {
	return group{name: "set, one listener", per: 1, series: []series{
		{"weir", func(b *testing.B) {
			c := newContainer(b)
			n, v, last := state(0), 0, 0
			weir.Listen(c, n, func(_, next int) { last = next })
			for b.Loop() {
				v++
				n.Set(c, v)
			}
			want(b, "last", last, v)
		}},
		{"mutex and map", func(b *testing.B) {
			h, v, last := new(hub), 0, 0
			h.listen(func(_, next int) { last = next })
			for b.Loop() {
				v++
				h.set(v)
			}
			want(b, "last", last, v)
		}},
		{"ro subject", func(b *testing.B) {
			s, v, last := ro.NewBehaviorSubject(0), 0, 0
			s.Subscribe(ro.OnNext(func(next int) { last = next }))
			for b.Loop() {
				v++
				s.Next(v)
			}
			want(b, "last", last, v)
		}},
		{"channel and answer", func(b *testing.B) {
			ch, ack := make(chan int), make(chan int)
			go func() {
				for v := range ch {
					ack <- v
				}
				close(ack)
			}()
			v, last := 0, 0
			for b.Loop() {
				v++
				ch <- v
				last = <-ack
			}
			close(ch)
			<-ack
			want(b, "last", last, v)
		}},
	}}
}

func listenGroup() group {
	return group{name: "listen and close", per: 1, series: []series{
		{"weir", func(b *testing.B) {
			c := newContainer(b)
			n, calls := state(0), 0
			fn := func(_, _ int) { calls++ }
			weir.Listen(c, n, nil)
			for b.Loop() {
				weir.Listen(c, n, fn).Close()
			}
			n.Set(c, 1)
			want(b, "calls", calls, 0)
		}},
		{"mutex and map", func(b *testing.B) {
			h, calls := new(hub), 0
			fn := func(_, _ int) { calls++ }
			h.listen(func(int, int) {})
			for b.Loop() {
				h.listen(fn)()
			}
			h.set(1)
			want(b, "calls", calls, 0)
		}},
		{"ro subject", func(b *testing.B) {
			s, calls := ro.NewPublishSubject[int](), 0
			o := ro.OnNext(func(int) {})
			s.Subscribe(o)
			fn := func(int) { calls++ }
			for b.Loop() {
				s.Subscribe(ro.OnNext(fn)).Unsubscribe()
			}
			s.Next(1)
			want(b, "calls", calls, 0)
		}},
	}}
}

func fanOutGroup(n int) group {
	g := group{name: "fan-out " + strconv.Itoa(n) + ", each", per: n, series: []series{
		{"weir", func(b *testing.B) {
			c := newContainer(b)
			src, v, sum := state(0), 0, 0
			for range n {
				weir.Listen(c, src, func(_, next int) { sum += next })
			}
			for b.Loop() {
				v++
				sum = 0
				src.Set(c, v)
			}
			want(b, "sum", sum, n*v)
		}},
		{"mutex and map", func(b *testing.B) {
			h, v, sum := new(hub), 0, 0
			for range n {
				h.listen(func(_, next int) { sum += next })
			}
			for b.Loop() {
				v++
				sum = 0
				h.set(v)
			}
			want(b, "sum", sum, n*v)
		}},
		{"ro subject", func(b *testing.B) {
			s, v, sum := ro.NewPublishSubject[int](), 0, 0
			for range n {
				s.Subscribe(ro.OnNext(func(next int) { sum += next }))
			}
			for b.Loop() {
				v++
				sum = 0
				s.Next(v)
			}
			want(b, "sum", sum, n*v)
		}},
	}}
	if n <= 1000 {
		g.add("channels", func(b *testing.B) {
			var done, over sync.WaitGroup
			chans, sums := make([]chan int, n), make([]int, n)
			for i := range chans {
				ch := make(chan int, 1)
				chans[i] = ch
				over.Go(func() {
					for v := range ch {
						sums[i] = v
						done.Done()
					}
				})
			}
			v := 0
			for b.Loop() {
				v++
				done.Add(n)
				for _, ch := range chans {
					ch <- v
				}
				done.Wait()
			}
			for i, ch := range chans {
				close(ch)
				want(b, "value", sums[i], v)
			}
			over.Wait()
		})
	}
	return g
}

// depthGroup is a chain of n values, each one more than the one before, with a listener at the end.
func depthGroup(n int) group {
	return group{name: "chain of " + strconv.Itoa(n) + ", each", per: n, series: []series{
		{"weir", func(b *testing.B) {
			c := newContainer(b)
			head, v, last := state(0), 0, 0
			var tail weir.Source[int] = head
			for range n {
				src := tail
				tail = weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, src) + 1 })
			}
			weir.Listen(c, tail, func(_, next int) { last = next })
			for b.Loop() {
				v++
				head.Set(c, v)
			}
			want(b, "last", last, v+n)
		}},
		{"hubs by hand", func(b *testing.B) {
			head, v, last := new(hub), 0, 0
			tail := head
			for range n {
				next := new(hub)
				tail.listen(func(_, v int) { next.set(v + 1) })
				tail = next
			}
			tail.listen(func(_, next int) { last = next })
			for b.Loop() {
				v++
				head.set(v)
			}
			want(b, "last", last, v+n)
		}},
		{"ro pipe", func(b *testing.B) {
			head, v, last := ro.NewPublishSubject[int](), 0, 0
			tail := head.AsObservable()
			for range n {
				tail = ro.Pipe1(tail, ro.Map(func(v int) int { return v + 1 }))
			}
			tail.Subscribe(ro.OnNext(func(next int) { last = next }))
			for b.Loop() {
				v++
				head.Next(v)
			}
			want(b, "last", last, v+n)
		}},
	}}
}

// breadthGroup is n values derived from one, each with a listener.
func breadthGroup(n int) group {
	sumOf := func(v int) int { return n*v + n*(n-1)/2 }
	return group{name: strconv.Itoa(n) + " derived from one, each", per: n, series: []series{
		{"weir", func(b *testing.B) {
			c := newContainer(b)
			head, v, sum := state(0), 0, 0
			for i := range n {
				d := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, head) + i })
				weir.Listen(c, d, func(_, next int) { sum += next })
			}
			for b.Loop() {
				v++
				sum = 0
				head.Set(c, v)
			}
			want(b, "sum", sum, sumOf(v))
		}},
		{"hubs by hand", func(b *testing.B) {
			head, v, sum := new(hub), 0, 0
			for i := range n {
				d := new(hub)
				head.listen(func(_, v int) { d.set(v + i) })
				d.listen(func(_, next int) { sum += next })
			}
			for b.Loop() {
				v++
				sum = 0
				head.set(v)
			}
			want(b, "sum", sum, sumOf(v))
		}},
		{"ro pipe", func(b *testing.B) {
			head, v, sum := ro.NewPublishSubject[int](), 0, 0
			for i := range n {
				d := ro.Pipe1(head.AsObservable(), ro.Map(func(v int) int { return v + i }))
				d.Subscribe(ro.OnNext(func(next int) { sum += next }))
			}
			for b.Loop() {
				v++
				sum = 0
				head.Next(v)
			}
			want(b, "sum", sum, sumOf(v))
		}},
	}}
}

// writersGroup is one or two goroutines that set a state with a derived value and a listener each.
func writersGroup() group {
	const batch = 2000
	run := func(writers, containers int) func(b *testing.B) {
		return func(b *testing.B) {
			type writer struct {
				c       *weir.Container
				n       *weir.StateProvider[int]
				v, last int
				_       [64]byte
			}
			ws := make([]writer, writers)
			for i := range ws {
				w := &ws[i]
				w.c = ws[0].c
				if i < containers {
					w.c = newContainer(b)
				}
				w.n = state(0)
				d := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, w.n) + 1 })
				weir.Listen(w.c, d, func(_, next int) { w.last = next })
			}
			for b.Loop() {
				var wg sync.WaitGroup
				for i := range ws {
					wg.Go(func() {
						for range batch {
							ws[i].v++
							ws[i].n.Set(ws[i].c, ws[i].v)
						}
					})
				}
				wg.Wait()
			}
			for i := range ws {
				w := &ws[i]
				if err := w.c.Flush(b.Context()); err != nil {
					b.Fatal(err)
				}
				want(b, "last", w.last, w.v+1)
			}
		}
	}
	return group{name: "set, one derived, one listener, per writer", per: batch, series: []series{
		{"one writer", run(1, 1)},
		{"two writers, one container", run(2, 1)},
		{"two writers, two containers", run(2, 2)},
	}}
}
