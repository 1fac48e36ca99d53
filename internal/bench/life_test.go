package bench

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/maypok86/otter/v2"
	"github.com/samber/do/v2"
	"github.com/samber/ro"

	"github.com/weir-go/weir"
)

func lifeGroups() []group {
	return []group{
		buildGroup("build and dispose", false),
		buildGroup("build and dispose, with a context", true),
		returnGroup(),
		familyHitGroup(),
		familyStringGroup(),
		familyMissGroup(),
		childGroup(),
	}
}

// buildGroup is a value that is built when its only user comes and gone when that leaves.
func buildGroup(name string, withContext bool) group {
	g := group{name: name, per: 1, series: []series{
		{"weir", func(b *testing.B) {
			c := newContainer(b)
			builds, ended, iterations := 0, 0, 0
			var last context.Context
			p := weir.NewProvider(func(ref weir.Ref) int {
				if withContext {
					if last != nil && last.Err() != nil {
						ended++
					}
					last = ref.Context()
				}
				builds++
				return builds
			}, weir.DisposeDelay(0))
			for b.Loop() {
				iterations++
				weir.Listen(c, p, nil).Close()
			}
			want(b, "builds", builds, iterations)
			want(b, "exists", c.Exists(p), false)
			if withContext {
				want(b, "contexts that have ended", ended, builds-1)
			}
		}},
		{"ref count by hand", func(b *testing.B) {
			builds, disposed, ended, iterations := 0, 0, 0, 0
			s := &shared{dispose: func() { disposed++ }}
			var last context.Context
			s.build = func(ctx context.Context) int {
				if last != nil && last.Err() != nil {
					ended++
				}
				last = ctx
				builds++
				return builds
			}
			if withContext {
				ctx, stop := context.WithCancel(b.Context())
				defer stop()
				s.parent = ctx
			}
			for b.Loop() {
				iterations++
				want(b, "value", s.acquire(), iterations)
				s.release()
			}
			want(b, "disposed", disposed, iterations)
			if withContext {
				want(b, "contexts that have ended", ended, builds-1)
			}
		}},
	}}
	if withContext {
		g.add("WithCancel and cancel alone", func(b *testing.B) {
			parent, stop := context.WithCancel(b.Context())
			defer stop()
			var last context.Context
			for b.Loop() {
				ctx, cancel := context.WithCancel(parent)
				last = ctx
				cancel()
			}
			want(b, "cause", last.Err(), context.Canceled)
		})
		return g
	}
	g.add("ro Share", func(b *testing.B) {
		builds, disposed, iterations, last := 0, 0, 0, 0
		o := ro.Pipe1(ro.NewObservable(func(to ro.Observer[int]) ro.Teardown {
			builds++
			to.Next(builds)
			return func() { disposed++ }
		}), ro.Share[int]())
		for b.Loop() {
			iterations++
			o.Subscribe(ro.OnNext(func(v int) { last = v })).Unsubscribe()
		}
		want(b, "last", last, iterations)
		want(b, "disposed", disposed, iterations)
	})
	return g
}

// returnGroup: the last user of a value leaves and another comes before the delay has passed, so that nothing is built.
func returnGroup() group {
	return group{name: "last leaves, first returns", per: 1, series: []series{
		{"weir", func(b *testing.B) {
			c := newContainer(b)
			builds := 0
			p := weir.NewProvider(func(weir.Ref) int { builds++; return builds }, weir.DisposeDelay(time.Minute))
			sub := weir.Listen(c, p, nil)
			for b.Loop() {
				sub.Close()
				sub = weir.Listen(c, p, nil)
			}
			want(b, "builds", builds, 1)
			want(b, "value", sub.Read(), 1)
		}},
		{"ref count and timer", func(b *testing.B) {
			builds, disposed := 0, 0
			s := &shared{delay: time.Minute, dispose: func() { disposed++ }}
			s.build = func(context.Context) int { builds++; return builds }
			s.acquire()
			for b.Loop() {
				s.release()
				want(b, "value", s.acquire(), 1)
			}
			want(b, "builds", builds, 1)
		}},
		{"Listen and Close, two Timer.Reset", func(b *testing.B) {
			c := newContainer(b)
			n, told := state(0), 0
			weir.Listen(c, n, func(_, _ int) { told++ })
			t := time.AfterFunc(time.Minute, func() {})
			sub := weir.Listen(c, n, nil)
			for b.Loop() {
				sub.Close()
				sub = weir.Listen(c, n, nil)
				t.Reset(time.Minute)
				t.Reset(time.Minute)
			}
			want(b, "timer was running", t.Stop(), true)
			want(b, "told", told, 0)
		}},
	}}
}

const familyKeys = 10_000

// key goes through all keys in an order that is not that of memory.
func nextKey(k int) int { return (k + 7919) % familyKeys }

func familyHitGroup() group {
	type svc int
	return group{name: "family, 10,000 int keys, hit", per: 1, series: []series{
		{"weir", func(b *testing.B) {
			c := newContainer(b)
			f := weir.NewFamily(func(k int) *weir.Provider[int] { return weir.NewProvider(func(weir.Ref) int { return k }) })
			for k := range familyKeys {
				weir.Read(c, f.Of(k))
			}
			k := 0
			for b.Loop() {
				k = nextKey(k)
				want(b, "value", weir.Read(c, f.Of(k)), k)
			}
		}},
		{"RWMutex and map", func(b *testing.B) {
			t := &table[int, int]{m: map[int]int{}}
			for k := range familyKeys {
				t.getOrMake(k, func(k int) int { return k })
			}
			k := 0
			for b.Loop() {
				k = nextKey(k)
				want(b, "value", t.get(k), k)
			}
		}},
		{"otter", func(b *testing.B) {
			cache := otter.Must(&otter.Options[int, int]{MaximumSize: 2 * familyKeys})
			for k := range familyKeys {
				cache.Set(k, k)
			}
			k := 0
			for b.Loop() {
				k = nextKey(k)
				v, _ := cache.GetIfPresent(k)
				want(b, "value", v, k)
			}
		}},
		{"otter, a minute after access", func(b *testing.B) {
			cache := otter.Must(&otter.Options[int, int]{ExpiryCalculator: otter.ExpiryAccessing[int, int](time.Minute)})
			b.Cleanup(func() { cache.StopAllGoroutines() })
			for k := range familyKeys {
				cache.Set(k, k)
			}
			k := 0
			for b.Loop() {
				k = nextKey(k)
				v, _ := cache.GetIfPresent(k)
				want(b, "value", v, k)
			}
		}},
		{"do.InvokeNamed", func(b *testing.B) {
			injector := do.New()
			for k := range familyKeys {
				do.ProvideNamedValue(injector, strconv.Itoa(k), svc(k))
			}
			k := 0
			for b.Loop() {
				k = nextKey(k)
				v, _ := do.InvokeNamed[svc](injector, strconv.Itoa(k))
				want(b, "value", int(v), k)
			}
		}},
	}}
}

func familyStringGroup() group {
	var keys [familyKeys]string
	for k := range keys {
		keys[k] = "user/" + strconv.Itoa(k)
	}
	return group{name: "family, 10,000 string keys, hit", per: 1, series: []series{
		{"weir", func(b *testing.B) {
			c := newContainer(b)
			f := weir.NewFamily(func(k string) *weir.Provider[string] {
				return weir.NewProvider(func(weir.Ref) string { return k })
			})
			for _, k := range keys {
				weir.Read(c, f.Of(k))
			}
			k := 0
			for b.Loop() {
				k = nextKey(k)
				want(b, "value", weir.Read(c, f.Of(keys[k])), keys[k])
			}
		}},
		{"RWMutex and map", func(b *testing.B) {
			t := &table[string, string]{m: map[string]string{}}
			for _, k := range keys {
				t.getOrMake(k, func(k string) string { return k })
			}
			k := 0
			for b.Loop() {
				k = nextKey(k)
				want(b, "value", t.get(keys[k]), keys[k])
			}
		}},
		{"otter", func(b *testing.B) {
			cache := otter.Must(&otter.Options[string, string]{MaximumSize: 2 * familyKeys})
			for _, k := range keys {
				cache.Set(k, k)
			}
			k := 0
			for b.Loop() {
				k = nextKey(k)
				v, _ := cache.GetIfPresent(keys[k])
				want(b, "value", v, keys[k])
			}
		}},
	}}
}

// familyMissGroup makes and builds a thousand values in an empty container, map, cache or injector, which is part of the figure.
func familyMissGroup() group {
	const n = 1000
	sum := n * (n - 1) / 2
	return group{name: "family, miss", per: n, series: []series{
		{"weir", func(b *testing.B) {
			got := 0
			for b.Loop() {
				c := weir.NewContainer()
				f := weir.NewFamily(func(k int) *weir.Provider[int] { return weir.NewProvider(func(weir.Ref) int { return k }) })
				got = 0
				for k := range n {
					got += weir.Read(c, f.Of(k))
				}
			}
			want(b, "sum", got, sum)
		}},
		{"RWMutex and map", func(b *testing.B) {
			got := 0
			for b.Loop() {
				t := &table[int, *int]{m: map[int]*int{}}
				got = 0
				for k := range n {
					got += *t.getOrMake(k, func(k int) *int { return &k })
				}
			}
			want(b, "sum", got, sum)
		}},
		{"otter", func(b *testing.B) {
			got := 0
			for b.Loop() {
				cache := otter.Must(&otter.Options[int, int]{MaximumSize: 2 * n})
				got = 0
				for k := range n {
					v, _ := cache.ComputeIfAbsent(k, func() (int, bool) { return k, false })
					got += v
				}
			}
			want(b, "sum", got, sum)
		}},
		{"do", func(b *testing.B) {
			got := 0
			for b.Loop() {
				injector := do.New()
				got = 0
				for k := range n {
					name := strconv.Itoa(k)
					do.ProvideNamed(injector, name, func(do.Injector) (int, error) { return k, nil })
					v, _ := do.InvokeNamed[int](injector, name)
					got += v
				}
			}
			want(b, "sum", got, sum)
		}},
	}}
}

// childGroup is what a server does for each request: a scope of its own with one value replaced, something made from that, and the end.
func childGroup() group {
	type user struct{ id int }
	type greeting struct{ id int }
	return group{name: "child, one override, one read, close", per: 1, series: []series{
		{"weir", func(b *testing.B) {
			c := newContainer(b)
			current := weir.NewProvider(func(weir.Ref) int { return -1 }, weir.Scoped())
			id := 0
			for b.Loop() {
				id++
				child := weir.NewContainer(weir.WithParent(c), current.OverrideWithValue(id))
				want(b, "value", weir.Read(child, current), id)
				child.Close()
			}
			want(b, "value of the parent", weir.Read(c, current), -1)
		}},
		{"weir, and one value derived", func(b *testing.B) {
			c := newContainer(b)
			current := weir.NewProvider(func(weir.Ref) int { return -1 }, weir.Scoped())
			hello := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, current) + 1 }, weir.Scoped(current))
			id := 0
			for b.Loop() {
				id++
				child := weir.NewContainer(weir.WithParent(c), current.OverrideWithValue(id))
				want(b, "value", weir.Read(child, hello), id+1)
				child.Close()
			}
			want(b, "value of the parent", weir.Read(c, hello), 0)
		}},
		{"context and map by hand", func(b *testing.B) {
			type key struct{}
			id := 0
			for b.Loop() {
				id++
				ctx, cancel := context.WithCancel(context.WithValue(b.Context(), key{}, &table[string, any]{m: map[string]any{"user": id}}))
				t := ctx.Value(key{}).(*table[string, any])
				want(b, "value", t.get("user").(int), id)
				cancel()
			}
		}},
		{"do scope", func(b *testing.B) {
			injector := do.New()
			id := 0
			for b.Loop() {
				id++
				scope := injector.Scope(strconv.Itoa(id))
				do.ProvideValue(scope, user{id})
				v, _ := do.Invoke[user](scope)
				want(b, "value", v.id, id)
				scope.Shutdown()
			}
		}},
		{"do scope, and one service made", func(b *testing.B) {
			injector := do.New()
			id := 0
			for b.Loop() {
				id++
				scope := injector.Scope(strconv.Itoa(id))
				do.ProvideValue(scope, user{id})
				do.Provide(scope, func(i do.Injector) (greeting, error) {
					u, err := do.Invoke[user](i)
					return greeting{u.id + 1}, err
				})
				v, _ := do.Invoke[greeting](scope)
				want(b, "value", v.id, id+1)
				scope.Shutdown()
			}
		}},
	}}
}
