package bench

import (
	"context"
	"net/http"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/sync/singleflight"

	"github.com/weir-go/weir"
)

func asyncGroups() []group {
	return []group{asyncGroup(), restGroup(), coldGroup(), handlerGroup()}
}

// asyncGroup is work on a goroutine of its own, with a context that ends when its only caller has its result.
func asyncGroup() group {
	return group{name: "async build, settled and disposed", per: 1, series: []series{
		{"weir", func(b *testing.B) {
			c := newContainer(b)
			builds, ended, iterations := 0, 0, 0
			var last context.Context
			p := weir.NewFutureProvider(func(ctx context.Context, _ weir.Ref) (int, error) {
				if last != nil && last.Err() != nil {
					ended++
				}
				last = ctx
				select {
				case <-ctx.Done():
					return 0, ctx.Err()
				default:
				}
				builds++
				return builds, nil
			}, weir.DisposeDelay(0))
			for b.Loop() {
				iterations++
				v, err := weir.Resolve(b.Context(), c, p)
				if v != iterations || err != nil {
					b.Fatal(v, err)
				}
			}
			want(b, "exists", c.Exists(p), false)
			want(b, "contexts that have ended", ended, builds-1)
		}},
		{"goroutine, context, channel", func(b *testing.B) {
			parent, stop := context.WithCancel(b.Context())
			defer stop()
			builds, ended, iterations := 0, 0, 0
			var last context.Context
			for b.Loop() {
				iterations++
				ctx, cancel := context.WithCancel(parent)
				ch := make(chan int, 1)
				go func() {
					if last != nil && last.Err() != nil {
						ended++
					}
					last = ctx
					select {
					case <-ctx.Done():
						ch <- 0
						return
					default:
					}
					builds++
					ch <- builds
				}()
				select {
				case v := <-ch:
					want(b, "value", v, iterations)
				case <-parent.Done():
				}
				cancel()
			}
			want(b, "contexts that have ended", ended, builds-1)
		}},
		{"singleflight.DoChan, context", func(b *testing.B) {
			parent, stop := context.WithCancel(b.Context())
			defer stop()
			var flight singleflight.Group
			builds, iterations := 0, 0
			for b.Loop() {
				iterations++
				ctx, cancel := context.WithCancel(parent)
				ch := flight.DoChan("k", func() (any, error) {
					select {
					case <-ctx.Done():
						return 0, ctx.Err()
					default:
					}
					builds++
					return builds, nil
				})
				select {
				case r := <-ch:
					want(b, "value", r.Val.(int), iterations)
				case <-parent.Done():
				}
				cancel()
			}
			want(b, "builds", builds, iterations)
		}},
	}}
}

// restGroup asks for the result of work that was done before.
func restGroup() group {
	return group{name: "resolve at rest", per: 1, series: []series{
		{"weir", func(b *testing.B) {
			c := newContainer(b)
			builds := 0
			p := weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) { builds++; return 42, nil })
			for b.Loop() {
				v, err := weir.Resolve(b.Context(), c, p)
				if v != 42 || err != nil {
					b.Fatal(v, err)
				}
			}
			want(b, "builds", builds, 1)
		}},
		{"weir.Read of the same", func(b *testing.B) {
			c := newContainer(b)
			p := weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) { return 42, nil })
			if _, err := weir.Resolve(b.Context(), c, p); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				v, err := weir.Read(c, p).Result()
				if v != 42 || err != nil {
					b.Fatal(v, err)
				}
			}
		}},
		{"RWMutex and map", func(b *testing.B) {
			t := &table[string, int]{m: map[string]int{"k": 42}}
			for b.Loop() {
				want(b, "value", t.get("k"), 42)
			}
		}},
		{"otter.Get", func(b *testing.B) {
			cache := otter.Must(&otter.Options[string, int]{MaximumSize: 100})
			builds := 0
			loader := otter.LoaderFunc[string, int](func(context.Context, string) (int, error) { builds++; return 42, nil })
			for b.Loop() {
				v, err := cache.Get(b.Context(), "k", loader)
				if v != 42 || err != nil {
					b.Fatal(v, err)
				}
			}
			want(b, "builds", builds, 1)
		}},
		{"sync.OnceValues", func(b *testing.B) {
			get := sync.OnceValues(func() (int, error) { return 42, nil })
			for b.Loop() {
				v, err := get()
				if v != 42 || err != nil {
					b.Fatal(v, err)
				}
			}
		}},
		{"singleflight, work each time", func(b *testing.B) {
			var flight singleflight.Group
			for b.Loop() {
				v, err, _ := flight.Do("k", func() (any, error) { return 42, nil })
				if v.(int) != 42 || err != nil {
					b.Fatal(v, err)
				}
			}
		}},
	}}
}

// coldGroup has a thousand goroutines ask at the same time for what nobody has asked for before; nothing is kept afterwards. The work
// ends when all of them have been started; who comes too late all the same has it done again, with either.
func coldGroup() group {
	const callers = 1000
	run := func(open func(b *testing.B, work func() (int, error)) func(ctx context.Context) (int, error)) func(b *testing.B) {
		return func(b *testing.B) {
			var here, works, bad atomic.Int64
			ask := open(b, func() (int, error) {
				for here.Load() < callers {
					runtime.Gosched()
				}
				works.Add(1)
				return 42, nil
			})
			iterations := 0
			for b.Loop() {
				iterations++
				here.Store(0)
				var wg sync.WaitGroup
				for range callers {
					wg.Go(func() {
						here.Add(1)
						if v, err := ask(b.Context()); v != 42 || err != nil {
							bad.Add(1)
						}
					})
				}
				wg.Wait()
			}
			want(b, "wrong results", bad.Load(), 0)
			b.ReportMetric(float64(works.Load())/float64(iterations), "works/op")
		}
	}
	return group{name: "1,000 callers of one cold future, each", per: callers, series: []series{
		{"weir", run(func(b *testing.B, work func() (int, error)) func(context.Context) (int, error) {
			c := newContainer(b)
			p := weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) { return work() }, weir.DisposeDelay(0))
			return func(ctx context.Context) (int, error) { return weir.Resolve(ctx, c, p) }
		})},
		{"singleflight.Do", run(func(_ *testing.B, work func() (int, error)) func(context.Context) (int, error) {
			var flight singleflight.Group
			return func(context.Context) (int, error) { // which no context ends
				v, err, _ := flight.Do("k", func() (any, error) { return work() })
				return v.(int), err
			}
		})},
		{"singleflight.DoChan, select", run(func(_ *testing.B, work func() (int, error)) func(context.Context) (int, error) {
			var flight singleflight.Group
			return func(ctx context.Context) (int, error) {
				select {
				case r := <-flight.DoChan("k", func() (any, error) { return work() }):
					return r.Val.(int), r.Err
				case <-ctx.Done():
					return 0, context.Cause(ctx)
				}
			}
		})},
		{"mutex, map, channel", run(func(_ *testing.B, work func() (int, error)) func(context.Context) (int, error) {
			f := &flights{m: map[string]*flight{}}
			return func(ctx context.Context) (int, error) { return f.do(ctx, "k", work) }
		})},
	}}
}

// answer is an http.ResponseWriter that keeps the body only.
type answer struct {
	header http.Header
	body   []byte
}

func (a *answer) Header() http.Header { return a.header }
func (a *answer) WriteHeader(int)     {}

func (a *answer) Write(p []byte) (int, error) {
	a.body = append(a.body[:0], p...)
	return len(p), nil
}

// handlerGroup answers requests from what is in memory: the path is the key.
func handlerGroup() group {
	const pages = 100
	run := func(open func(b *testing.B) func(r *http.Request) ([]byte, error)) func(b *testing.B) {
		return func(b *testing.B) {
			get := open(b)
			mux := http.NewServeMux()
			mux.HandleFunc("GET /page/{id}", func(w http.ResponseWriter, r *http.Request) {
				page, err := get(r)
				if err != nil {
					http.Error(w, err.Error(), http.StatusInternalServerError)
					return
				}
				w.Header().Set("Content-Type", "text/plain")
				_, _ = w.Write(page)
			})
			requests := make([]*http.Request, pages)
			for i := range requests {
				requests[i], _ = http.NewRequestWithContext(b.Context(), http.MethodGet, "/page/"+strconv.Itoa(i), nil)
			}
			w, i := &answer{header: http.Header{}}, 0
			for b.Loop() {
				i = (i + 7) % pages
				mux.ServeHTTP(w, requests[i])
				want(b, "first byte", w.body[0], 'p')
			}
			want(b, "body", string(w.body), "page "+strconv.Itoa(i))
		}
	}
	render := func(id string) []byte { return []byte("page " + id) }
	return group{name: "request answered from memory", per: 1, series: []series{
		{"weir", run(func(b *testing.B) func(*http.Request) ([]byte, error) {
			c := newContainer(b)
			f := weir.NewFamily(func(id string) *weir.FutureProvider[[]byte] {
				return weir.NewFutureProvider(func(context.Context, weir.Ref) ([]byte, error) { return render(id), nil },
					weir.DisposeDelay(time.Minute))
			})
			return func(r *http.Request) ([]byte, error) { return weir.Resolve(r.Context(), c, f.Of(r.PathValue("id"))) }
		})},
		{"RWMutex and map", run(func(*testing.B) func(*http.Request) ([]byte, error) {
			t := &table[string, []byte]{m: map[string][]byte{}}
			return func(r *http.Request) ([]byte, error) { return t.getOrMake(r.PathValue("id"), render), nil }
		})},
		{"otter, a minute after access", run(func(b *testing.B) func(*http.Request) ([]byte, error) {
			cache := otter.Must(&otter.Options[string, []byte]{ExpiryCalculator: otter.ExpiryAccessing[string, []byte](time.Minute)})
			b.Cleanup(func() { cache.StopAllGoroutines() })
			loader := otter.LoaderFunc[string, []byte](func(_ context.Context, id string) ([]byte, error) { return render(id), nil })
			return func(r *http.Request) ([]byte, error) { return cache.Get(r.Context(), r.PathValue("id"), loader) }
		})},
	}}
}
