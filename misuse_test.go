package weir_test

// Rule E4: misuse is a *UsageError, raised at the call that is wrong; it names the provider where there is one, and the container
// is as good afterwards as before.

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// wrongCall is a row of the tables below.
type wrongCall struct {
	name string
	call func()
	says []string // what the error must mention
}

func raises(t *testing.T, c *weir.Container, calls []wrongCall) {
	t.Helper()
	for _, w := range calls {
		t.Run(w.name, func(t *testing.T) {
			guard(t, func(t *testing.T) { misuse(t, w.name, w.call, w.says...) })
		})
	}
	guard(t, func(t *testing.T) { usable(t, c) })
}

func one(weir.Ref) int { return 1 }

func oneSlowly(context.Context, weir.Ref) (int, error) { return 1, nil }

func TestE4NilFunctions(t *testing.T) {
	c := newContainer(t)
	named := weir.Name("prices")
	p := weir.NewProvider(one, named)
	n := weir.NewStateProvider(one, named)
	f := weir.NewFutureProvider(oneSlowly, named)
	hook := func(register func(ref weir.Ref)) func() {
		return func() {
			weir.Read(c, weir.NewProvider(func(ref weir.Ref) int { register(ref); return 1 }, named, weir.AutoDispose()))
		}
	}
	raises(t, c, []wrongCall{
		{"NewProvider", func() { weir.NewProvider[int](nil, named) }, []string{"prices"}},
		{"NewTryProvider", func() { weir.NewTryProvider[int](nil, named) }, []string{"prices"}},
		{"NewStateProvider", func() { weir.NewStateProvider[int](nil, named) }, []string{"prices"}},
		{"NewFutureProvider", func() { weir.NewFutureProvider[int](nil, named) }, []string{"prices"}},
		{"without a name", func() { weir.NewProvider[int](nil) }, []string{"misuse_test.go:"}},
		{"NewFamily", func() { weir.NewFamily[int, weir.Provider[int], *weir.Provider[int]](nil, named) }, []string{"prices"}},
		{"Equal", func() { weir.NewProvider(one, named, weir.Equal[int](nil)) }, nil},
		{"Select", func() { weir.Read(c, weir.Select[int, int](p, nil)) }, []string{"prices"}},
		{"SelectFunc, selector", func() { weir.Read(c, weir.SelectFunc(p, nil, func(a, b int) bool { return a == b })) }, []string{"prices"}},
		{"SelectFunc, equality", func() { weir.Read(c, weir.SelectFunc(p, func(v int) int { return v }, nil)) }, []string{"prices"}},
		{"SelectAsync", func() { weir.Read(c, weir.SelectAsync[int, int](f, nil)) }, []string{"prices"}},
		{"Update", func() { n.Update(c, nil) }, []string{"prices"}},
		{"Batch", func() { c.Batch(nil) }, nil},
		{"OnDispose", hook(func(ref weir.Ref) { ref.OnDispose(nil) }), []string{"prices"}},
		{"OnDisposeErr", hook(func(ref weir.Ref) { ref.OnDisposeErr(nil) }), []string{"prices"}},
		{"OnCancel", hook(func(ref weir.Ref) { ref.OnCancel(nil) }), []string{"prices"}},
		{"OnResume", hook(func(ref weir.Ref) { ref.OnResume(nil) }), []string{"prices"}},
		{"OnAddListener", hook(func(ref weir.Ref) { ref.OnAddListener(nil) }), []string{"prices"}},
		{"OnRemoveListener", hook(func(ref weir.Ref) { ref.OnRemoveListener(nil) }), []string{"prices"}},
		{"OnManualInvalidation", hook(func(ref weir.Ref) { ref.OnManualInvalidation(nil) }), []string{"prices"}},
		{"Provider.OverrideWith", func() { weir.NewContainer(p.OverrideWith(nil)) }, []string{"prices"}},
		{"StateProvider.OverrideWith", func() { weir.NewContainer(n.OverrideWith(nil)) }, []string{"prices"}},
		{"FutureProvider.OverrideWith", func() { weir.NewContainer(f.OverrideWith(nil)) }, []string{"prices"}},
	})
}

func TestE4NilScopes(t *testing.T) {
	// No scope at all, a nil container and a nil transaction, through every verb that takes a scope.
	c := newContainer(t)
	ctx := t.Context()
	p := weir.NewProvider(one, weir.Name("prices"))
	n := weir.NewStateProvider(one, weir.Name("prices"))
	f := weir.NewFutureProvider(oneSlowly, weir.Name("prices"))
	for name, s := range map[string]weir.Scope{"nil": nil, "nil container": (*weir.Container)(nil), "nil transaction": (*weir.Tx)(nil)} {
		t.Run(name, func(t *testing.T) {
			raises(t, c, []wrongCall{
				{"Read", func() { weir.Read(s, p) }, []string{"prices"}},
				{"Read of a selection", func() { weir.Read(s, weir.Select(p, func(v int) int { return v })) }, []string{"prices"}},
				{"Refresh", func() { weir.Refresh(s, p) }, []string{"prices"}},
				{"Listen", func() { weir.Listen(s, p, nil) }, []string{"prices"}},
				{"Resolve", func() { weir.Resolve(ctx, s, f) }, []string{"prices"}},
				{"Values", func() {
					for range weir.Values(ctx, s, p) {
						break
					}
				}, []string{"prices"}},
				{"Results", func() {
					for range weir.Results(ctx, s, f) {
						break
					}
				}, []string{"prices"}},
				{"Set", func() { n.Set(s, 1) }, []string{"prices"}},
				{"Update", func() { n.Update(s, func(v int) int { return v }) }, []string{"prices"}},
				{"Cancel", func() { f.Cancel(s, nil) }, []string{"prices"}},
			})
		})
	}
}

func TestE4NilContainer(t *testing.T) {
	c := newContainer(t)
	p := weir.NewProvider(one, weir.Name("prices"))
	var none *weir.Container
	raises(t, c, []wrongCall{
		{"Invalidate", func() { none.Invalidate(p) }, nil},
		{"InvalidateAsReload", func() { none.InvalidateAsReload(p) }, nil},
		{"Exists", func() { none.Exists(p) }, nil},
		{"Batch", func() { none.Batch(func(*weir.Tx) {}) }, nil},
		{"Flush", func() { none.Flush(t.Context()) }, nil},
		{"DisposeUnused", func() { none.DisposeUnused() }, nil},
		{"Snapshot", func() { none.Snapshot() }, nil},
		{"Context", func() { none.Context() }, nil},
		{"Close", func() { none.Close() }, nil},
		{"Shutdown", func() { none.Shutdown(t.Context()) }, nil},
	})
}

func TestE4ZeroRef(t *testing.T) {
	c := newContainer(t)
	p := weir.NewProvider(one, weir.Name("prices"))
	n := weir.NewStateProvider(one, weir.Name("prices"))
	f := weir.NewFutureProvider(oneSlowly, weir.Name("prices"))
	var r weir.Ref
	raises(t, c, []wrongCall{
		{"Watch", func() { weir.Watch(r, p) }, []string{"prices"}},
		{"Read", func() { weir.Read(r, p) }, []string{"prices"}},
		{"Refresh", func() { weir.Refresh(r, p) }, []string{"prices"}},
		{"Listen", func() { weir.Listen(r, p, nil) }, []string{"prices"}},
		{"Await", func() { weir.Await(r, f) }, []string{"prices"}},
		{"Resolve", func() { weir.Resolve(t.Context(), r, f) }, []string{"prices"}},
		{"Set", func() { n.Set(r, 1) }, []string{"prices"}},
		{"Update", func() { n.Update(r, func(v int) int { return v }) }, []string{"prices"}},
		{"Cancel", func() { f.Cancel(r, nil) }, []string{"prices"}},
		{"Invalidate", func() { r.Invalidate(p) }, nil},
		{"InvalidateAsReload", func() { r.InvalidateAsReload(p) }, nil},
		{"Exists", func() { r.Exists(p) }, nil},
		{"Context", func() { r.Context() }, nil},
		{"OnDispose", func() { r.OnDispose(func() {}) }, nil},
		{"OnDisposeErr", func() { r.OnDisposeErr(func() error { return nil }) }, nil},
		{"OnCancel", func() { r.OnCancel(func() {}) }, nil},
		{"OnResume", func() { r.OnResume(func() {}) }, nil},
		{"OnAddListener", func() { r.OnAddListener(func() {}) }, nil},
		{"OnRemoveListener", func() { r.OnRemoveListener(func() {}) }, nil},
		{"OnManualInvalidation", func() { r.OnManualInvalidation(func() {}) }, nil},
		{"KeepAlive", func() { r.KeepAlive() }, nil},
		{"CacheFor", func() { r.CacheFor(time.Second) }, nil},
		{"InvalidateSelf", func() { r.InvalidateSelf() }, nil},
		{"Debounce", func() { r.Debounce(time.Second) }, nil},
		{"SetProgress", func() { r.SetProgress(0.5) }, nil},
		{"Container", func() { r.Container() }, nil},
	})
}

func TestE4ZeroAndNilProviders(t *testing.T) {
	// A provider that no constructor made: it has no function and no name.
	c := newContainer(t)
	ctx := t.Context()
	raises(t, c, []wrongCall{
		{"Read of nil", func() { weir.Read(c, (*weir.Provider[int])(nil)) }, nil},
		{"Read of a zero Provider", func() { weir.Read(c, new(weir.Provider[int])) }, nil},
		{"Read of no source", func() { weir.Read[int](c, nil) }, nil},
		{"Listen to nil", func() { weir.Listen(c, (*weir.StateProvider[int])(nil), nil) }, nil},
		{"Listen to a zero StateProvider", func() { weir.Listen(c, new(weir.StateProvider[int]), nil) }, nil},
		{"Listen to no source", func() { weir.Listen[int](c, nil, nil) }, nil},
		{"Refresh of nil", func() { weir.Refresh(c, (*weir.Provider[int])(nil)) }, nil},
		{"Resolve of nil", func() { weir.Resolve(ctx, c, (*weir.FutureProvider[int])(nil)) }, nil},
		{"Resolve of a zero FutureProvider", func() { weir.Resolve(ctx, c, new(weir.FutureProvider[int])) }, nil},
		{"Resolve of no source", func() { weir.Resolve[int](ctx, c, nil) }, nil},
		{"Watch of a zero Provider", func() {
			weir.Read(c, weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, new(weir.Provider[int])) }))
		}, nil},
		{"Set of nil", func() { (*weir.StateProvider[int])(nil).Set(c, 1) }, nil},
		{"Set of a zero StateProvider", func() { new(weir.StateProvider[int]).Set(c, 1) }, nil},
		{"Update of a zero StateProvider", func() { new(weir.StateProvider[int]).Update(c, func(v int) int { return v }) }, nil},
		{"Cancel of nil", func() { (*weir.FutureProvider[int])(nil).Cancel(c, nil) }, nil},
		{"Cancel of a zero FutureProvider", func() { new(weir.FutureProvider[int]).Cancel(c, nil) }, nil},
		{"Invalidate of nothing", func() { c.Invalidate(nil) }, nil},
		{"Invalidate of nil", func() { c.Invalidate((*weir.Provider[int])(nil)) }, nil},
		{"Invalidate of a zero Provider", func() { c.Invalidate(new(weir.Provider[int])) }, nil},
		{"Exists of nothing", func() { c.Exists(nil) }, nil},
		{"Of of nil", func() { (*weir.Family[int, weir.Provider[int]])(nil).Of(1) }, nil},
		{"Of of a zero Family", func() { new(weir.Family[int, weir.Provider[int]]).Of(1) }, nil},
		{"Select of nil", func() { weir.Read(c, weir.Select((*weir.Provider[int])(nil), func(v int) int { return v })) }, nil},
		{"Select of no source", func() { weir.Read(c, weir.Select[int](nil, func(v int) int { return v })) }, nil},
		{"a family whose create returns nil", func() {
			weir.NewFamily(func(int) *weir.Provider[int] { return nil }, weir.Name("prices")).Of(1)
		}, []string{"prices"}},
		{"OverrideWithValue of a nil NotifierProvider", func() {
			(*weir.NotifierProvider[*scenarioNotifier, int])(nil).OverrideWithValue(1)
		}, []string{"OverrideWithValue"}}, // it is another method that makes it
		{"an override of a zero Provider", func() { weir.NewContainer(new(weir.Provider[int]).OverrideWithValue(1)) }, nil},
	})
}

func TestE4NegativeDurations(t *testing.T) {
	c := newContainer(t)
	inBuild := func(use func(ref weir.Ref)) func() {
		return func() {
			weir.Read(c, weir.NewProvider(func(ref weir.Ref) int { use(ref); return 1 }, weir.Name("prices"), weir.AutoDispose()))
		}
	}
	raises(t, c, []wrongCall{
		{"DisposeDelay", func() { weir.NewProvider(one, weir.Name("prices"), weir.DisposeDelay(-1)) }, nil},
		{"Timeout", func() { weir.NewFutureProvider(oneSlowly, weir.Name("prices"), weir.Timeout(-1)) }, nil},
		{"WithDisposeDelay", func() { weir.NewContainer(weir.WithDisposeDelay(-1)) }, nil},
		{"CacheFor", inBuild(func(ref weir.Ref) { ref.CacheFor(-1) }), []string{"prices"}},
		{"Debounce", inBuild(func(ref weir.Ref) { ref.Debounce(-1) }), []string{"prices"}},
	})
}

func TestE4DoubleOverrides(t *testing.T) {
	c := newContainer(t)
	p := weir.NewProvider(one, weir.Name("prices"))
	f := weir.NewFutureProvider(oneSlowly, weir.Name("feed"))
	raises(t, c, []wrongCall{
		{"twice a value", func() { weir.NewContainer(p.OverrideWithValue(1), p.OverrideWithValue(1)) }, []string{"prices"}},
		{"a value and a function", func() { weir.NewContainer(p.OverrideWithValue(1), p.OverrideWith(one)) }, []string{"prices"}},
		{"through WithOverrides", func() { weir.NewContainer(weir.WithOverrides(f.OverrideWithData(1)), f.OverrideWith(oneSlowly)) }, []string{"feed"}},
	})
}

func TestE4EqualOfAnotherType(t *testing.T) {
	// In the constructor; for async kinds the type is T, not its AsyncValue.
	c := newContainer(t)
	strings := weir.Equal(func(a, b string) bool { return a == b })
	states := weir.Equal(func(a, b weir.AsyncValue[int]) bool { return true })
	named := weir.Name("prices")
	raises(t, c, []wrongCall{
		{"Provider", func() { weir.NewProvider(one, strings, named) }, []string{"prices"}},
		{"StateProvider", func() { weir.NewStateProvider(one, named, strings) }, []string{"prices"}},
		{"FutureProvider", func() { weir.NewFutureProvider(oneSlowly, named, strings) }, []string{"prices"}},
		{"FutureProvider of states", func() { weir.NewFutureProvider(oneSlowly, named, states) }, []string{"prices"}},
		{"TryProvider", func() { weir.NewTryProvider(func(weir.Ref) (int, error) { return 1, nil }, named, strings) }, []string{"prices"}},
	})
}

func TestE4WeakWithFireImmediately(t *testing.T) {
	c := newContainer(t)
	p := weir.NewProvider(one, weir.Name("prices"))
	raises(t, c, []wrongCall{
		{"one order", func() { weir.Listen(c, p, nil, weir.Weak(), weir.FireImmediately()) }, []string{"prices"}},
		{"the other", func() { weir.Listen(c, p, nil, weir.FireImmediately(), weir.Weak()) }, []string{"prices"}},
	})
	require.False(t, c.Exists(p))
}

func TestE4ATransactionAfterItsBatch(t *testing.T) {
	// D7: over when the Batch is, however it ended.
	c := newContainer(t)
	n := weir.NewStateProvider(one, weir.Name("prices"))
	f := weir.NewFutureProvider(oneSlowly, weir.Name("prices"))
	var returned, panicked *weir.Tx
	c.Batch(func(tx *weir.Tx) { returned = tx })
	recovered(func() { c.Batch(func(tx *weir.Tx) { panicked = tx; panic("undone") }) })
	for name, tx := range map[string]*weir.Tx{"returned": returned, "panicked": panicked} {
		t.Run(name, func(t *testing.T) {
			raises(t, c, []wrongCall{
				{"Set", func() { n.Set(tx, 2) }, nil},
				{"Update", func() { n.Update(tx, func(v int) int { return v + 1 }) }, nil},
				{"Read", func() { weir.Read(tx, n) }, nil},
				{"Listen", func() { weir.Listen(tx, n, nil) }, nil},
				{"Resolve", func() { weir.Resolve(t.Context(), tx, f) }, nil},
			})
			require.Equal(t, 1, weir.Read(c, n))
		})
	}
}

func TestE4SetThroughARefInASyncBuild(t *testing.T) {
	// At the call, and as what the reader of the building provider gets; in an async build, in a hook and in a listener it is legal.
	n := weir.NewStateProvider(one, weir.Name("prices"))
	for name, write := range map[string]func(ref weir.Ref){
		"Set":    func(ref weir.Ref) { n.Set(ref, 2) },
		"Update": func(ref weir.Ref) { n.Update(ref, func(v int) int { return v + 1 }) },
	} {
		t.Run(name, func(t *testing.T) {
			eachKind(t, func(t *testing.T, k kind) {
				c := newContainer(t)
				weir.Read(c, n)
				var r weir.Ref
				p := k.make(func(ref weir.Ref) int { r = ref; write(ref); return 1 }, weir.Name("writer"))
				_ = p.err(c)
				settle()
				if k.async {
					require.NoError(t, p.err(c))
					require.Equal(t, 2, weir.Read(c, n))
				} else {
					isUsage(t, "inside", p.err(c), "prices")
					require.Equal(t, 1, weir.Read(c, n))
				}
				usable(t, c)

				quiet := k.make(func(ref weir.Ref) int { r = ref; ref.OnAddListener(func() { write(ref) }); return 1 })
				quiet.read(c)
				settle()
				before := weir.Read(c, n)
				write(r) // its function has returned
				quiet.listen(c)
				settle()
				if name == "Update" {
					require.Equal(t, before+2, weir.Read(c, n))
				} else {
					require.Equal(t, 2, weir.Read(c, n))
				}
			})
		})
	}
}

func TestE4ReadingAnElementFromItsOwnOnDispose(t *testing.T) {
	// Its next build cannot start before the hook has returned: an error instead of a hang, for the container and the ref as scope.
	for _, how := range []string{"invalidated", "disposed"} {
		t.Run(how, func(t *testing.T) {
			eachKind(t, func(t *testing.T, k kind) {
				c := newContainer(t)
				var p rig
				var byContainer, byRef error
				hooked := 0
				p = k.make(func(ref weir.Ref) int {
					ref.OnDispose(func() {
						if hooked++; hooked == 1 {
							byContainer = asError(recovered(func() { p.read(c) }))
							byRef = asError(recovered(func() { p.read(ref) }))
						}
					})
					return 1
				}, weir.Name("prices"), weir.DisposeDelay(0))
				s := p.listen(c)
				settle()
				if how == "invalidated" {
					c.Invalidate(p.id)
				} else {
					s.Close()
				}
				settle()
				isUsage(t, "through the container", byContainer, "prices")
				isUsage(t, "through the ref", byRef, "prices")
				require.NoError(t, p.err(c))
				usable(t, c)
			})
		})
	}
}

func TestANilProviderIsMisuseAlsoWhereElementsAre(t *testing.T) {
	// Planted bug: the quick way of Read and Resolve looks it up in a table, which an empty container has not.
	c := newContainer(t)
	weir.Read(c, weir.NewProvider(func(weir.Ref) int { return 1 }))
	child := weir.NewContainer(weir.WithParent(c))
	defer child.Close()
	for _, c := range []*weir.Container{c, child} {
		isUsage(t, "Read", asError(recovered(func() { weir.Read(c, (*weir.Provider[int])(nil)) })), "nil provider")
		isUsage(t, "Resolve", asError(recovered(func() { _, _ = weir.Resolve(t.Context(), c, (*weir.FutureProvider[int])(nil)) })), "nil provider")
	}
}

func TestE4AZeroRefIsNamedByTheCall(t *testing.T) {
	// The *UsageError says which call it was given to. Planted bug: leave it to a call that this one makes (InvalidateAsReload).
	var r weir.Ref
	hook := func() {}
	for op, call := range map[string]func(){
		"Context":              func() { r.Context() },
		"OnDispose":            func() { r.OnDispose(hook) },
		"OnCancel":             func() { r.OnCancel(hook) },
		"OnResume":             func() { r.OnResume(hook) },
		"OnAddListener":        func() { r.OnAddListener(hook) },
		"OnRemoveListener":     func() { r.OnRemoveListener(hook) },
		"OnManualInvalidation": func() { r.OnManualInvalidation(hook) },
		"KeepAlive":            func() { r.KeepAlive() },
		"CacheFor":             func() { r.CacheFor(0) },
		"InvalidateSelf":       func() { r.InvalidateSelf() },
		"Invalidate":           func() { r.Invalidate() },
		"InvalidateAsReload":   func() { r.InvalidateAsReload() },
		"Exists":               func() { r.Exists(nil) },
		"Mounted":              func() { r.Mounted() },
		"IsPaused":             func() { r.IsPaused() },
		"Reason":               func() { r.Reason() },
		"Container":            func() { r.Container() },
		"Debounce":             func() { _ = r.Debounce(0) },
		"SetProgress":          func() { r.SetProgress(0) },
	} {
		misuse(t, op, call, op+" with a zero Ref")
	}
}
