package weir_test

// This file holds the rules of notifiers: one instance per life, its newest ref, what its methods do before, during and after its
// builds (N1 to N5, D9, D13). What is left when the life is over is in notifier_over_test.go, instances in the wrong hands are in
// notifier_wrong_test.go, Update and ListenSelf in notifier_update_test.go.

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

type (
	// noteSync is a notifier whose Build is a function.
	noteSync struct {
		weir.Notifier[int]
		build func(ref weir.Ref, n *noteSync) int
	}
	// noteAsync is an asynchronous notifier whose Build is a function.
	noteAsync struct {
		weir.AsyncNotifier[int]
		build func(ctx context.Context, ref weir.Ref, n *noteAsync) (int, error)
	}
)

func (n *noteSync) Build(ref weir.Ref) int { return n.build(ref, n) }

func (n *noteAsync) Build(ctx context.Context, ref weir.Ref) (int, error) {
	return n.build(ctx, ref, n)
}

// syncNotes makes a provider of sync notifiers with that Build.
func syncNotes(build func(ref weir.Ref, n *noteSync) int, opts ...weir.ProviderOption) *weir.NotifierProvider[*noteSync, int] {
	return weir.NewNotifierProvider(func() *noteSync { return &noteSync{build: build} }, opts...)
}

// asyncNotes makes a provider of async notifiers with that Build.
func asyncNotes(build func(ctx context.Context, ref weir.Ref, n *noteAsync) (int, error), opts ...weir.ProviderOption) *weir.AsyncNotifierProvider[*noteAsync, int] {
	return weir.NewAsyncNotifierProvider(func() *noteAsync { return &noteAsync{build: build} }, opts...)
}

// noted is a notifier of any kind with its type rubbed off.
type noted struct {
	state   func() string // "" of a sync notifier's zero
	set     func(v int)
	update  func(f func(int) int) (int, error)
	ref     func() weir.Ref
	selves  func(fn func(prev, next string)) (remove func())
	resolve func(ctx context.Context) (int, error) // nil of a sync one
	is      any
}

// noteKind is a row of the table of notifier kinds.
type noteKind struct {
	name  string
	async bool
	// make returns a provider whose notifiers call made when they are made and build in Build, and the way to its notifier.
	make func(made func(n noted), build func(ref weir.Ref, n noted) (int, error), opts ...weir.ProviderOption) (p scenarioRig, notifier func(s weir.Scope) noted)
}

var noteKinds = []noteKind{
	{"Notifier", false, func(made func(noted), build func(weir.Ref, noted) (int, error), opts ...weir.ProviderOption) (scenarioRig, func(weir.Scope) noted) {
		of := func(n *noteSync) noted {
			return noted{
				state:  func() string { return "data " + itoa(n.State()) },
				set:    n.Set,
				update: func(f func(int) int) (int, error) { return n.Update(f), nil },
				ref:    n.Ref,
				selves: func(fn func(prev, next string)) func() {
					return n.ListenSelf(func(prev, next int) { fn("data "+itoa(prev), "data "+itoa(next)) })
				},
				is: n,
			}
		}
		p := weir.NewNotifierProvider(func() *noteSync {
			n := &noteSync{}
			n.build = func(ref weir.Ref, n *noteSync) int {
				v, err := build(ref, of(n))
				if err != nil {
					panic(err)
				}
				return v
			}
			made(of(n))
			return n
		}, opts...)
		r := scenarioRig{id: p}
		scenarioSync(p, &r)
		return r, func(s weir.Scope) noted { return of(p.Notifier(s)) }
	}},
	{"AsyncNotifier", true, func(made func(noted), build func(weir.Ref, noted) (int, error), opts ...weir.ProviderOption) (scenarioRig, func(weir.Scope) noted) {
		of := func(n *noteAsync) noted { return ofAsync(&n.AsyncNotifier, n) }
		p := weir.NewAsyncNotifierProvider(func() *noteAsync {
			n := &noteAsync{build: func(_ context.Context, ref weir.Ref, n *noteAsync) (int, error) { return build(ref, of(n)) }}
			made(of(n))
			return n
		}, opts...)
		r := scenarioRig{id: p}
		scenarioAsync(p, &r)
		return r, func(s weir.Scope) noted { return of(p.Notifier(s)) }
	}},
	{"StreamNotifier", true, func(made func(noted), build func(weir.Ref, noted) (int, error), opts ...weir.ProviderOption) (scenarioRig, func(weir.Scope) noted) {
		of := func(n *noteStream) noted { return ofAsync(&n.StreamNotifier, n) }
		p := weir.NewStreamNotifierProvider(func() *noteStream {
			n := &noteStream{}
			n.build = func(_ context.Context, ref weir.Ref, emit func(int) bool) error {
				v, err := build(ref, of(n))
				if err == nil {
					emit(v)
				}
				return err
			}
			made(of(n))
			return n
		}, opts...)
		r := scenarioRig{id: p}
		scenarioAsync(p, &r)
		return r, func(s weir.Scope) noted { return of(p.Notifier(s)) }
	}},
}

// asyncNote is what both asynchronous notifiers have.
type asyncNote interface {
	State() weir.AsyncValue[int]
	Set(weir.AsyncValue[int])
	SetData(int)
	Update(ctx context.Context, f func(int) (int, error)) (int, error)
	Resolve(ctx context.Context) (int, error)
	Ref() weir.Ref
	ListenSelf(fn func(prev, next weir.AsyncValue[int])) (remove func())
}

func ofAsync(n asyncNote, is any) noted {
	return noted{
		state: func() string { return show(n.State()) },
		set:   n.SetData,
		update: func(f func(int) int) (int, error) {
			return n.Update(context.Background(), func(v int) (int, error) { return f(v), nil })
		},
		ref: n.Ref,
		selves: func(fn func(prev, next string)) func() {
			return n.ListenSelf(func(prev, next weir.AsyncValue[int]) { fn(show(prev), show(next)) })
		},
		resolve: n.Resolve,
		is:      is,
	}
}

func itoa(v int) string { return show(weir.Data(v))[len("data "):] }

func eachNotifier(t *testing.T, body func(t *testing.T, k noteKind)) {
	t.Helper()
	for _, k := range noteKinds {
		t.Run(k.name, func(t *testing.T) { bubble(t, func(t *testing.T) { body(t, k) }) })
	}
}

func nothingMade(noted) {}

func TestN1_S274_OneInstancePerLife(t *testing.T) {
	eachNotifier(t, func(t *testing.T, k noteKind) {
		var l trace
		dep := scenarioNumber(1)
		p, notifier := k.make(func(noted) { l.add("made") }, func(ref weir.Ref, n noted) (int, error) { l.add("build"); return weir.Watch(ref, dep), nil },
			weir.AutoDispose())
		c := newContainer(t)
		s := p.listen(c)
		settle()
		first := notifier(c)
		l.want(t, "at first", "made", "build")
		dep.Set(c, 2)
		settle()
		c.Invalidate(p.id)
		settle()
		p.refresh(c)
		settle()
		l.want(t, "rebuilds", "build", "build", "build")
		require.Same(t, first.is, notifier(c).is, "the same instance after rebuilds")
		s.Close()
		gone()
		require.False(t, c.Exists(p.id))
		require.NotSame(t, first.is, notifier(c).is, "another instance in another life")
		settle()
		l.want(t, "another life", "made", "build")
		other := newContainer(t)
		require.NotSame(t, notifier(c).is, notifier(other).is, "another instance in another container")
	})
}

func TestN2_RefIsTheNewestBuilds(t *testing.T) {
	eachNotifier(t, func(t *testing.T, k noteKind) {
		var refs []weir.Ref
		var mu sync.Mutex
		p, notifier := k.make(nothingMade, func(ref weir.Ref, n noted) (int, error) {
			mu.Lock()
			refs = append(refs, ref)
			mu.Unlock()
			if n.ref() != ref {
				t.Error("inside Build, Ref is not the build's own")
			}
			return 1, nil
		})
		c := newContainer(t)
		p.listen(c)
		settle()
		n := notifier(c)
		require.Equal(t, refs[0], n.ref())
		c.Invalidate(p.id)
		settle()
		require.Len(t, refs, 2)
		require.Equal(t, refs[1], n.ref())
		require.True(t, n.ref().Mounted())
		require.False(t, refs[0].Mounted())
		c.Close()
		require.False(t, n.ref().Mounted())
	})
}

func TestN3_CallsBeforeTheFirstBuildAreMisuse(t *testing.T) {
	calls := map[string]func(n noted){
		"State":      func(n noted) { n.state() },
		"Set":        func(n noted) { n.set(1) },
		"Update":     func(n noted) { _, _ = n.update(func(v int) int { return v }) },
		"Ref":        func(n noted) { n.ref() },
		"ListenSelf": func(n noted) { n.selves(func(string, string) {}) },
		"Resolve": func(n noted) {
			if n.resolve == nil {
				n.set(1)
			} else {
				_, _ = n.resolve(context.Background())
			}
		},
	}
	for op, call := range calls {
		t.Run(op, func(t *testing.T) {
			eachNotifier(t, func(t *testing.T, k noteKind) {
				var err error
				p, _ := k.make(func(n noted) { err = asError(recovered(func() { call(n) })) }, func(weir.Ref, noted) (int, error) { return 1, nil })
				c := newContainer(t)
				p.settled(c)
				isUsage(t, op+" in create", err)
				require.Equal(t, "data 1", p.readAs(c), "the build goes on all the same")
			})
		})
	}
}

func TestN3_S291_AfterDisposalCallsDoNothing(t *testing.T) {
	// In Riverpod they fail with the error of an unmounted ref.
	for name, end := range map[string]func(c *weir.Container, s sub){
		"disposed": func(c *weir.Container, s sub) { s.Close(); gone() },
		"closed":   func(c *weir.Container, s sub) { c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			eachNotifier(t, func(t *testing.T, k noteKind) {
				var l trace
				p, notifier := k.make(nothingMade, func(weir.Ref, noted) (int, error) { l.add("build"); return 42, nil }, weir.AutoDispose())
				c := newContainer(t)
				s := p.hear(c, func(_, next int) { l.add("heard %d", next) })
				settle()
				n := notifier(c)
				l.take()
				end(c, s)
				n.set(7)
				v, err := n.update(func(int) int { l.add("f"); return 8 })
				if k.async {
					want := weir.ErrDisposed
					if name == "closed" {
						want = weir.ErrContainerClosed
					}
					require.ErrorIs(t, err, want)
					require.Zero(t, v)
					_, err = n.resolve(t.Context())
					require.ErrorIs(t, err, want)
				}
				n.selves(func(string, string) { l.add("self") })()
				require.Equal(t, lastState(k, name == "closed"), n.state())
				require.False(t, n.ref().Mounted())
				settle()
				if got := l.take(); count(got, "build") > 0 || count(got, "self") > 0 || count(got, "heard 7") > 0 || k.async && count(got, "f") > 0 {
					t.Errorf("something ran: %v", got)
				}
				if name == "disposed" {
					require.Equal(t, 42, p.settled(c), "the next life is not touched by the old notifier")
					n.set(9)
					require.Equal(t, 42, p.settled(c))
					require.Equal(t, lastState(k, false), n.state())
				}
			})
		})
	}
}

func TestS292_InsideItsOwnOnDispose(t *testing.T) {
	// Riverpod rejects state and future there. Here the ref of the hook's build is over (C9, N3): reading the element is misuse (E4).
	eachNotifier(t, func(t *testing.T, k noteKind) {
		var l trace
		p, _ := k.make(nothingMade, func(ref weir.Ref, n noted) (int, error) {
			ref.OnDispose(func() {
				n.set(7)
				l.add("set")
			})
			return 42, nil
		}, weir.AutoDispose())
		c := newContainer(t)
		s := p.hear(c, func(_, next int) { l.add("heard %d", next) })
		settle()
		s.Close()
		l.take()
		gone()
		l.want(t, "disposed", "set")
		require.Equal(t, 42, p.settled(c))
	})
}

func TestN4_MethodsRunOnAnyGoroutine(t *testing.T) {
	for _, k := range noteKinds {
		t.Run(k.name, func(t *testing.T) {
			guard(t, func(t *testing.T) {
				p, notifier := k.make(nothingMade, func(weir.Ref, noted) (int, error) { return 0, nil })
				c := newContainer(t)
				s := p.listen(c)
				n := notifier(c)
				const workers, each = 4, 100
				var wg sync.WaitGroup
				for range workers {
					wg.Go(func() {
						for range each {
							if _, err := n.update(func(v int) int { return v + 1 }); err != nil {
								t.Errorf("Update: %v", err)
							}
							_ = n.state()
							_ = n.ref().Mounted()
						}
					})
				}
				within(t, "all updates", wg.Wait)
				require.Equal(t, "data 400", n.state(), "no update is lost")
				s.Close()
			})
		})
	}
}

func TestN5_S278_SetInASynchronousBuildIsMisuse(t *testing.T) {
	for op, call := range map[string]func(ref weir.Ref, n *noteSync){
		"Set":      func(_ weir.Ref, n *noteSync) { n.Set(1) },
		"Update":   func(_ weir.Ref, n *noteSync) { n.Update(func(v int) int { return v }) },
		"SetIn":    func(ref weir.Ref, n *noteSync) { n.SetIn(ref, 1) },
		"UpdateIn": func(ref weir.Ref, n *noteSync) { n.UpdateIn(ref.Container(), func(v int) int { return v }) },
	} {
		t.Run(op, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var err error
				p := syncNotes(func(ref weir.Ref, n *noteSync) int {
					err = asError(recovered(func() { call(ref, n) }))
					return 42
				})
				c := newContainer(t)
				require.Equal(t, 42, weir.Read(c, p))
				isUsage(t, op, err, "notifier_test.go")
				usable(t, c)
			})
		})
	}
}

func TestN5_SetInAnAsyncBuildPublishesAndTheResultComesLater(t *testing.T) {
	eachNotifier(t, func(t *testing.T, k noteKind) {
		if !k.async {
			return
		}
		var l trace
		p, _ := k.make(nothingMade, func(_ weir.Ref, n noted) (int, error) {
			for v := 1; v <= 2; v++ {
				later()
				n.set(v)
				require.Equal(t, "data "+itoa(v), n.state())
			}
			later()
			return 3, nil
		})
		c := newContainer(t)
		// S-224: all that is set in the meantime is delivered, and the result still lands.
		p.hearAs(c, func(prev, next string) { l.add("%s > %s", prev, next) })
		pass(time.Second)
		l.want(t, "in order", "loading > data 1", "data 1 > data 2", "data 2 > data 3")
	})
}

func TestD13_S284_StateInsideABuild(t *testing.T) {
	eachNotifier(t, func(t *testing.T, k noteKind) {
		var l trace
		dep := scenarioNumber(1)
		p, _ := k.make(nothingMade, func(ref weir.Ref, n noted) (int, error) {
			v := weir.Watch(ref, dep)
			if err := asError(recovered(func() { l.add("%s", n.state()) })); err != nil {
				isUsage(t, "State in a first synchronous Build", err)
				l.add("misuse")
			}
			return 10 * v, nil
		})
		c := newContainer(t)
		p.listen(c)
		settle()
		want := map[bool]string{false: "misuse", true: "loading"}
		l.want(t, "first build", want[k.async])
		dep.Set(c, 2)
		settle()
		want = map[bool]string{false: "data 10", true: "reloading 10"}
		l.want(t, "after a change", want[k.async])
		c.Invalidate(p.id)
		settle()
		want = map[bool]string{false: "data 20", true: "refreshing 20"}
		l.want(t, "after an invalidation", want[k.async])
	})
}
