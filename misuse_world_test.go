package weir_test

// This file is what the lines of the table of misuse are called with, a container with something of everything, and the places where
// they are called.

import (
	"context"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

var nan = math.NaN()

type (
	syncOne   struct{ weir.Notifier[int] }
	asyncOne  struct{ weir.AsyncNotifier[int] }
	streamOne struct{ weir.StreamNotifier[int] }

	syncProvider   = weir.NotifierProvider[*syncOne, int]
	asyncProvider  = weir.AsyncNotifierProvider[*asyncOne, int]
	streamProvider = weir.StreamNotifierProvider[*streamOne, int]
	intFamily      = weir.Family[int, weir.Provider[int]]
)

func (*syncOne) Build(weir.Ref) int                            { return 1 }
func (*asyncOne) Build(context.Context, weir.Ref) (int, error) { return 1, nil }
func (*streamOne) Build(_ context.Context, _ weir.Ref, emit func(int) bool) error {
	emit(1)
	return nil
}

func newSyncOne() *syncOne     { return new(syncOne) }
func newAsyncOne() *asyncOne   { return new(asyncOne) }
func newStreamOne() *streamOne { return new(streamOne) }

func streamOfOne(_ context.Context, _ weir.Ref, emit func(int) bool) error { emit(1); return nil }

// endedTypes are the types of which a world has one that is over.
var endedTypes = map[reflect.Type]bool{
	reflect.TypeFor[*weir.Container]():           true,
	reflect.TypeFor[*weir.Subscription[int]]():   true,
	reflect.TypeFor[*weir.KeepAliveLink]():       true,
	reflect.TypeFor[*weir.Notifier[int]]():       true,
	reflect.TypeFor[*weir.AsyncNotifier[int]]():  true,
	reflect.TypeFor[*weir.StreamNotifier[int]](): true,
}

// abusedWorld is a container with an element of each kind, and what else there is to be misused.
type abusedWorld struct {
	t    *testing.T
	told *told

	c, child, foreign       *weir.Container
	closedRoot, closedChild *weir.Container
	ctx                     context.Context // ends after a second: of what waits for its own caller

	n        *weir.StateProvider[int]
	p, fixed *weir.Provider[int] // p watches n; fixed is overridden
	f        *weir.FutureProvider[int]
	st       *weir.StreamProvider[int]
	sync     *syncProvider
	async    *asyncProvider
	stream   *streamProvider
	family   *intFamily
	mutation *weir.Mutation[int]

	syncN   *weir.Notifier[int]
	asyncN  *weir.AsyncNotifier[int]
	streamN *weir.StreamNotifier[int]
	sub     *weir.Subscription[int]
	link    *weir.KeepAliveLink

	live, over, foreignRef weir.Ref
	tx                     *weir.Tx // over
	ended                  map[reflect.Type]any
}

func newAbusedWorld(t *testing.T) *abusedWorld {
	w := &abusedWorld{t: t, ended: map[reflect.Type]any{}}
	w.n = weir.NewStateProvider(one, weir.Name("n"), weir.Scoped())
	w.p = weir.NewProvider(func(ref weir.Ref) int { return 2 * weir.Watch(ref, w.n) }, weir.Name("p"), weir.Scoped(w.n))
	w.fixed = weir.NewProvider(one, weir.Name("fixed"))
	w.f = weir.NewFutureProvider(oneSlowly, weir.Name("f"))
	w.st = weir.NewStreamProvider(streamOfOne, weir.Name("st"))
	w.sync = weir.NewNotifierProvider(newSyncOne, weir.Name("sync"))
	w.async = weir.NewAsyncNotifierProvider(newAsyncOne, weir.Name("async"))
	w.stream = weir.NewStreamNotifierProvider(newStreamOne, weir.Name("stream"))
	w.family = weir.NewFamily(func(key int) *weir.Provider[int] {
		return weir.NewProvider(func(weir.Ref) int { return key })
	}, weir.Name("family"))
	w.mutation = weir.NewMutation[int](weir.Name("mutation"))

	w.c, w.told = toldContainer(t, w.fixed.OverrideWithValue(7))
	w.foreign = newContainer(t)
	w.child = weir.NewContainer(weir.WithParent(w.c))
	w.closedRoot, w.closedChild = newContainer(t), weir.NewContainer(weir.WithParent(w.c), w.n.OverrideWithValue(3))
	w.closedRoot.Close()
	w.closedChild.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	t.Cleanup(cancel)
	w.ctx = ctx

	reads := func(s weir.Scope) {
		weir.Read(s, w.p)
		weir.Read(s, w.fixed)
		weir.Read(s, w.family.Of(1))
		weir.Resolve(ctx, s, w.f)
		weir.Resolve(ctx, s, w.st)
		weir.Resolve(ctx, s, w.stream)
	}
	reads(w.c)
	reads(w.foreign)
	w.syncN, w.asyncN, w.streamN = &w.sync.Notifier(w.c).Notifier, &w.async.Notifier(w.c).AsyncNotifier, &w.stream.Notifier(w.c).StreamNotifier
	w.sub = weir.Listen(w.c, w.n, nil)

	host := func(c *weir.Container, ref *weir.Ref, link **weir.KeepAliveLink) *weir.Subscription[int] {
		return weir.Listen(c, weir.NewProvider(func(r weir.Ref) int {
			if *link == nil { // a rebuild is another's, who may be anywhere
				*ref, *link = r, r.KeepAlive()
			}
			return 1
		}, w.own()...), nil)
	}
	var overLink, foreignLink *weir.KeepAliveLink
	host(w.c, &w.live, &w.link)
	host(w.foreign, &w.foreignRef, &foreignLink)
	last := host(w.c, &w.over, &overLink)
	last.Close()
	overLink.Close()
	w.c.Batch(func(tx *weir.Tx) { w.tx = tx })

	closed := newContainer(t)
	closed.Close()
	syncs := weir.NewNotifierProvider(newSyncOne, weir.AutoDispose())
	asyncs := weir.NewAsyncNotifierProvider(newAsyncOne, weir.AutoDispose())
	streams := weir.NewStreamNotifierProvider(newStreamOne, weir.AutoDispose())
	for _, v := range []any{
		closed, last, overLink,
		&syncs.Notifier(w.c).Notifier, &asyncs.Notifier(w.c).AsyncNotifier, &streams.Notifier(w.c).StreamNotifier,
	} {
		w.ended[reflect.TypeOf(v)] = v
	}
	settle()
	w.c.DisposeUnused()
	settle()
	require.False(t, w.over.Mounted())
	require.True(t, w.live.Mounted())
	require.False(t, w.c.Exists(syncs))
	return w
}

// own are the options of the providers that are made to call something from: they may use what the world has.
func (w *abusedWorld) own() []weir.ProviderOption {
	return []weir.ProviderOption{weir.Name("here"), weir.AutoDispose(), weir.Scoped(w.n, w.p)}
}

// look writes down all of the world that shows.
func (w *abusedWorld) look() string {
	var b strings.Builder
	snap := w.c.Snapshot()
	fmt.Fprintln(&b, len(snap.Children), "children")
	for _, e := range snap.Elements {
		fmt.Fprintln(&b, e.Name, e.Kind, e.State, e.Stale, e.Listeners, e.Paused, e.Weak, e.Dependencies, e.Failed, e.Links, e.Generation, e.Builds)
	}
	fmt.Fprintln(&b, weir.Read(w.c, w.n), weir.Read(w.c, w.p), weir.Read(w.c, w.fixed), weir.Read(w.c, w.f), weir.Read(w.c, w.st),
		weir.Read(w.c, w.sync), weir.Read(w.c, w.async), weir.Read(w.c, w.stream), w.syncN.State(), w.asyncN.State(), w.streamN.State())
	fmt.Fprintln(&b, w.sub.IsPaused(), w.live.Mounted(), w.live.IsPaused(), w.live.Context().Err(), w.c.Context().Err())
	return b.String()
}

// stillUsable fails the test unless the containers are, but for one that was closed, and nothing came to the panic handler.
func (w *abusedWorld) stillUsable() {
	w.t.Helper()
	for _, p := range w.told.take() {
		w.t.Errorf("the panic handler was told: %v", p)
	}
	if w.c.Context().Err() == nil {
		usable(w.t, w.c)
	}
}

// place is somewhere in a program where the library calls it. enter has do called there, with the scope and the ref that one would use.
type place struct {
	name  string
	enter func(w *abusedWorld, do func(s weir.Scope, ref *weir.Ref))
}

// hooked has hook registered by a build with a listener.
func hooked(w *abusedWorld, hook func(ref weir.Ref)) *weir.Subscription[int] {
	return weir.Listen(w.c, weir.NewProvider(func(ref weir.Ref) int { hook(ref); return 1 }, append(w.own(), weir.DisposeDelay(0))...), nil)
}

var places = []place{
	{"a synchronous build", func(w *abusedWorld, do func(weir.Scope, *weir.Ref)) {
		weir.Read(w.c, weir.NewProvider(func(ref weir.Ref) int { do(ref, &ref); return 1 }, w.own()...))
	}},
	{"a synchronous build, by the container", func(w *abusedWorld, do func(weir.Scope, *weir.Ref)) {
		weir.Read(w.c, weir.NewProvider(func(ref weir.Ref) int { do(w.c, nil); return 1 }, w.own()...))
	}},
	{"a Try build", func(w *abusedWorld, do func(weir.Scope, *weir.Ref)) {
		weir.Read(w.c, weir.NewTryProvider(func(ref weir.Ref) (int, error) { do(ref, &ref); return 1, nil }, w.own()...))
	}},
	{"an asynchronous build", func(w *abusedWorld, do func(weir.Scope, *weir.Ref)) {
		here := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) { do(ref, &ref); return 1, nil }, w.own()...)
		weir.Resolve(context.Background(), w.c, here)
	}},
	{"a stream's build", func(w *abusedWorld, do func(weir.Scope, *weir.Ref)) {
		here := weir.NewStreamProvider(func(_ context.Context, ref weir.Ref, emit func(int) bool) error {
			emit(1)
			do(ref, &ref)
			return nil
		}, w.own()...)
		s := weir.Listen(w.c, here, nil)
		settle()
		pass(2 * time.Second) // for what waits for w.ctx
		s.Close()
	}},
	{"a notifier's Build", func(w *abusedWorld, do func(weir.Scope, *weir.Ref)) {
		c := weir.NewContainer(weir.WithParent(w.c), w.n.OverrideWithValue(1))
		weir.Read(c, weir.NewNotifierProvider(func() *building { return &building{do: do} }, w.own()...))
		c.Close()
	}},
	{"a listener", func(w *abusedWorld, do func(weir.Scope, *weir.Ref)) {
		weir.Listen(w.c, w.p, func(_, _ int) { do(w.c, nil) })
		w.n.Set(w.c, 2)
	}},
	{"a listener, before Listen returns", func(w *abusedWorld, do func(weir.Scope, *weir.Ref)) {
		weir.Listen(w.c, w.p, func(_, _ int) { do(w.c, nil) }, weir.FireImmediately())
	}},
	{"a listener, by a ref", func(w *abusedWorld, do func(weir.Scope, *weir.Ref)) {
		weir.Listen(w.live, w.p, func(_, _ int) { do(w.live, &w.live) })
		w.n.Set(w.c, 2)
	}},
	{"ListenSelf", func(w *abusedWorld, do func(weir.Scope, *weir.Ref)) {
		w.syncN.ListenSelf(func(_, _ int) { do(w.c, nil) })
		w.syncN.Set(2)
	}},
	{"OnError", func(w *abusedWorld, do func(weir.Scope, *weir.Ref)) {
		fails := weir.NewProvider(func(ref weir.Ref) int {
			if weir.Watch(ref, w.n) > 1 {
				panic("wanted")
			}
			return 1
		}, w.own()...)
		weir.Listen(w.c, fails, nil, weir.OnError(func(error) { do(w.c, nil) }))
		w.n.Set(w.c, 2)
	}},
	{"the panic handler", func(w *abusedWorld, do func(weir.Scope, *weir.Ref)) {
		c := weir.NewContainer(weir.WithParent(w.c), weir.WithPanicHandler(func(*weir.PanicError) { do(w.c, nil) }), w.n.OverrideWithValue(1))
		weir.Listen(c, w.n, func(_, _ int) { panic("wanted") })
		w.n.Set(c, 2)
		c.Close()
	}},
	{"OnDispose", func(w *abusedWorld, do func(weir.Scope, *weir.Ref)) {
		hooked(w, func(ref weir.Ref) { ref.OnDispose(func() { do(ref, &ref) }) }).Close()
	}},
	{"OnDispose, by the container", func(w *abusedWorld, do func(weir.Scope, *weir.Ref)) {
		hooked(w, func(ref weir.Ref) { ref.OnDispose(func() { do(w.c, nil) }) }).Close()
	}},
	{"OnCancel", func(w *abusedWorld, do func(weir.Scope, *weir.Ref)) {
		hooked(w, func(ref weir.Ref) { ref.OnCancel(func() { do(ref, &ref) }) }).Pause()
	}},
	{"OnResume", func(w *abusedWorld, do func(weir.Scope, *weir.Ref)) {
		s := hooked(w, func(ref weir.Ref) { ref.OnResume(func() { do(ref, &ref) }) })
		s.Pause()
		s.Resume()
	}},
	{"OnAddListener", func(w *abusedWorld, do func(weir.Scope, *weir.Ref)) {
		hooked(w, func(ref weir.Ref) { ref.OnAddListener(func() { do(ref, &ref) }) })
	}},
	{"OnManualInvalidation", func(w *abusedWorld, do func(weir.Scope, *weir.Ref)) {
		var r weir.Ref
		hooked(w, func(ref weir.Ref) { r = ref; ref.OnManualInvalidation(func() { do(ref, &ref) }) })
		r.InvalidateSelf()
	}},
	{"an observer", func(w *abusedWorld, do func(weir.Scope, *weir.Ref)) {
		c := weir.NewContainer(weir.WithParent(w.c), w.n.OverrideWithValue(1), weir.WithObserver(&weir.Observer{
			Updated: func(weir.UpdatedEvent) { do(w.c, nil) },
		}))
		weir.Listen(c, w.n, nil)
		w.n.Set(c, 2)
		c.Close()
	}},
	{"an equality", func(w *abusedWorld, do func(weir.Scope, *weir.Ref)) {
		n := weir.NewStateProvider(one, weir.Equal(func(a, b int) bool { do(w.c, nil); return a == b }))
		n.Set(w.c, 2)
	}},
	{"a selector", func(w *abusedWorld, do func(weir.Scope, *weir.Ref)) {
		weir.Read(w.c, weir.Select(w.p, func(v int) int { do(w.c, nil); return v }))
	}},
	{"Update", func(w *abusedWorld, do func(weir.Scope, *weir.Ref)) {
		n := weir.NewStateProvider(one)
		n.Update(w.c, func(v int) int { do(w.c, nil); return v })
	}},
	{"an asynchronous Update", func(w *abusedWorld, do func(weir.Scope, *weir.Ref)) {
		p := weir.NewAsyncNotifierProvider(newAsyncOne, weir.Name("here"))
		p.Notifier(w.c).Update(context.Background(), func(v int) (int, error) { do(w.c, nil); return v, nil })
	}},
	{"a batch", func(w *abusedWorld, do func(weir.Scope, *weir.Ref)) {
		w.c.Batch(func(tx *weir.Tx) { do(tx, nil) })
	}},
	{"a batch, by the container", func(w *abusedWorld, do func(weir.Scope, *weir.Ref)) {
		w.c.Batch(func(tx *weir.Tx) { do(w.c, nil) })
	}},
	{"a mutation's function", func(w *abusedWorld, do func(weir.Scope, *weir.Ref)) {
		weir.NewMutation[int]().Run(context.Background(), w.c, func(_ context.Context, s weir.Scope) (int, error) { do(s, nil); return 1, nil })
	}},
	{"a family's create", func(w *abusedWorld, do func(weir.Scope, *weir.Ref)) {
		weir.NewFamily(func(int) *weir.Provider[int] { do(w.c, nil); return weir.NewProvider(one) }).Of(1)
	}},
	{"a loop of Values", func(w *abusedWorld, do func(weir.Scope, *weir.Ref)) {
		for range weir.Values(context.Background(), w.c, w.n) {
			do(w.c, nil)
			break
		}
	}},
}

// building is a notifier whose Build does something.
type building struct {
	weir.Notifier[int]
	do func(s weir.Scope, ref *weir.Ref)
}

func (b *building) Build(ref weir.Ref) int { b.do(ref, &ref); return 1 }
