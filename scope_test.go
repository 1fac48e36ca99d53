package weir_test

// This file holds where a provider lives (S1, S2), what has to be declared (S2, D18), closing of families of containers (S3) and
// children of every kind (S4). UpdateOverrides is in scope_update_test.go; Riverpod's scenarios are in scenario_s2_container_test.go.

import (
	"context"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// child makes a child container.
func child(parent *weir.Container, opts ...weir.ContainerOption) *weir.Container {
	return weir.NewContainer(append([]weir.ContainerOption{weir.WithParent(parent)}, opts...)...)
}

// where is a provider that says which of the containers hosts it, by the index in *all, and how often it was built.
func where(all *[]*weir.Container, builds *tally, opts ...weir.ProviderOption) *weir.Provider[int] {
	return weir.NewProvider(func(ref weir.Ref) int {
		builds.inc()
		return slices.Index(*all, ref.Container())
	}, opts...)
}

func TestS1_TheNearestContainerThatOverridesItElseTheRoot(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		var builds tally
		p := k.make(func(weir.Ref) int { return builds.inc() }, weir.Scoped())
		root := newContainer(t)
		a := child(root)
		b := child(a, p.overrideWith(func(weir.Ref) (int, error) { return 200, nil }))
		c := child(b)
		d := child(c, p.overrideWithValue(400))
		e := child(d)
		for i, want := range []int{1, 1, 200, 200, 400, 400} {
			require.Equal(t, want, p.settled([]*weir.Container{root, a, b, c, d, e}[i]), "container %d", i)
		}
		require.Equal(t, 1, builds.get())
		for i, x := range []*weir.Container{root, a, b, c, d, e} {
			want := i == 0 || i == 2 || i == 4
			if got := elements(x) > 0; got != want {
				t.Errorf("container %d hosts an element: %v", i, got)
			}
		}
	})
}

func TestS1_AProviderThatIsNotScopedLivesInTheRoot(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		var l trace
		p := k.make(func(ref weir.Ref) int { l.add("build"); ref.OnDispose(l.on("dispose")); return 42 })
		root := newContainer(t)
		a, b := child(root), child(root)
		require.Equal(t, 42, p.settled(a))
		require.Equal(t, 42, p.settled(b))
		require.Equal(t, 42, p.settled(root))
		l.want(t, "shared", "build")
		a.Close()
		b.Close()
		l.want(t, "closing children leaves it")
		misuse(t, "an override in a child", func() { child(root, p.overrideWithValue(1)) }, "Scoped")
		over := weir.NewContainer(p.overrideWithValue(7)) // the root may override anything
		defer over.Close()
		require.Equal(t, 7, p.settled(over))
	})
}

func TestS2_ItLivesWhereWhatItDeclaresIsOverridden(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		var l trace
		d := weir.NewProvider(func(weir.Ref) int { return 1 }, weir.Scoped(), weir.Name("d"))
		p := k.make(func(ref weir.Ref) int { l.add("p"); return 10 * weir.Watch(ref, d) }, weir.Scoped(d), weir.Name("p"))
		q := k.make(func(ref weir.Ref) int { l.add("q"); return 1 + settledOf(ref, p) }, weir.Scoped(p.id), weir.Name("q"))
		root := newContainer(t)
		mid := child(root, d.OverrideWithValue(2))
		leaf := child(mid)
		require.Equal(t, 20, p.settled(leaf))
		require.Equal(t, 20, p.settled(mid))
		require.Equal(t, 10, p.settled(root))
		l.want(t, "once in mid, once in the root", "p", "p")
		require.Equal(t, 21, settledTwice(q, leaf), "transitively")
		require.Equal(t, 11, settledTwice(q, root))
		require.True(t, mid.Exists(q.id))
		require.Equal(t, 0, elements(leaf))
		require.Contains(t, namesOf(mid), "p")
		require.Contains(t, namesOf(mid), "q")
	})
}

// settledOf watches p, whose value is 0 while it is loading.
func settledOf(ref weir.Ref, p scenarioRig) int { return p.watch(ref) }

// settledTwice is settled of what watches something that loads first.
func settledTwice(p scenarioRig, s weir.Scope) int {
	p.settled(s)
	return p.settled(s)
}

// namesOf lists the elements of a container, without the keys of family members.
func namesOf(c *weir.Container) (names []string) {
	for _, e := range c.Snapshot().Elements {
		name, _, _ := cut(e.Name, '(')
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func cut(s string, at byte) (before, after string, ok bool) {
	for i := range len(s) {
		if s[i] == at {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

func TestS2_AnUndeclaredScopedProviderIsMisuse(t *testing.T) {
	type use = func(ref weir.Ref, d scenarioRig)
	for name, u := range map[string]struct {
		do   use
		fine bool
	}{
		"Watch":      {func(ref weir.Ref, d scenarioRig) { d.watch(ref) }, false},
		"Read":       {func(ref weir.Ref, d scenarioRig) { d.read(ref) }, false},
		"Listen":     {func(ref weir.Ref, d scenarioRig) { d.listen(ref) }, false},
		"Select":     {func(ref weir.Ref, d scenarioRig) { d.sel(func(v int) int { return v }).watch(ref) }, false},
		"Invalidate": {func(ref weir.Ref, d scenarioRig) { ref.Invalidate(d.id) }, true},
		"Exists":     {func(ref weir.Ref, d scenarioRig) { ref.Exists(d.id) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
				d := k.make(func(weir.Ref) int { return 1 }, weir.Scoped(), weir.Name("d"))
				for says, opts := range map[string][]weir.ProviderOption{"not scoped": nil, "scoped, d not among the deps": {weir.Scoped()}} {
					var err error
					p := weir.NewProvider(func(ref weir.Ref) int {
						err = asError(recovered(func() { u.do(ref, d) }))
						return 42
					}, append(opts, weir.Name("p"))...)
					root := newContainer(t)
					c := child(root, d.overrideWithValue(2))
					for _, x := range []*weir.Container{root, c} {
						err = nil
						weir.Refresh(x, p)
						if u.fine {
							require.NoError(t, err)
						} else {
							isUsage(t, says, err, "p", "d", "Scoped")
						}
					}
					c.Close()
				}
			})
		})
	}
	eachScenarioKindThat(t, func(k scenarioKind) bool { return !k.raises }, func(t *testing.T, k scenarioKind) {
		d := k.make(func(weir.Ref) int { return 1 }, weir.Scoped(), weir.Name("d"))
		p := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) { return d.await(ref) }, weir.Name("p"))
		q := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) { return d.resolve(ctx, ref) }, weir.Name("p"))
		c := newContainer(t)
		_, err := weir.Resolve(t.Context(), c, p)
		isUsage(t, "Await", err, "p", "d", "Scoped")
		_, err = weir.Resolve(t.Context(), c, q)
		isUsage(t, "Resolve through a ref", err, "p", "d", "Scoped")
	})
}

func TestD18_ScopedADoesNotCoverWhatAWatches(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := weir.NewProvider(func(weir.Ref) int { return 1 }, weir.Scoped(), weir.Name("d"))
		a := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, d) }, weir.Scoped(d), weir.Name("a"))
		p := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, a) + weir.Watch(ref, d) }, weir.Scoped(a), weir.Name("p"))
		q := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, a) + weir.Watch(ref, d) }, weir.Scoped(a, d), weir.Name("q"))
		c, _ := toldContainer(t)
		isUsage(t, "d is not declared", asError(recovered(func() { weir.Read(c, p) })), "p", "d")
		require.Equal(t, 2, weir.Read(c, q))
	})
}

func TestD18_AFamilyMayWatchItsOwnMembers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var f *weir.Family[int, weir.Provider[int]]
		f = weir.NewFamily(func(n int) *weir.Provider[int] {
			return weir.NewProvider(func(ref weir.Ref) int {
				if n < 2 {
					return n
				}
				return weir.Watch(ref, f.Of(n-1)) + weir.Watch(ref, f.Of(n-2))
			})
		}, weir.Scoped())
		root := newContainer(t)
		require.Equal(t, 55, weir.Read(root, f.Of(10)))
		c := child(root, f.OverrideWith(func(n int) *weir.Provider[int] {
			return weir.NewProvider(func(ref weir.Ref) int {
				if n == 0 {
					return 100
				}
				return weir.Watch(ref, f.Of(n-1))
			})
		}))
		require.Equal(t, 100, weir.Read(c, f.Of(3)), "its members as seen from there")
		require.Equal(t, 4, elements(c))
		require.Equal(t, 11, elements(root))
	})
}

func TestD18_AnExplicitOverrideStaysWhereItWasMade(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		d := weir.NewProvider(func(weir.Ref) int { return 1 }, weir.Scoped())
		p := k.make(func(ref weir.Ref) int { return weir.Watch(ref, d) }, weir.Scoped(d))
		var mid *weir.Container
		at := ""
		root := newContainer(t)
		mid = child(root, p.overrideWith(func(ref weir.Ref) (int, error) {
			if ref.Container() == mid {
				at = "mid"
			}
			return 10 * weir.Watch(ref, d), nil
		}))
		leaf := child(mid, d.OverrideWithValue(2))
		// What p declares is overridden in leaf, but p itself in mid: there it stays (S-344).
		require.Equal(t, 10, p.settled(mid))
		require.Equal(t, "mid", at)
		require.Equal(t, 10, p.settled(leaf))
		require.False(t, leaf.Exists(d) || elements(leaf) > 0)
	})
}

func TestE4_OverridesThatAreNoneOfTheContainersBusiness(t *testing.T) {
	p := weir.NewProvider(func(weir.Ref) int { return 1 }, weir.Name("p"))
	f := weir.NewFamily(func(int) *weir.Provider[int] { return weir.NewProvider(func(weir.Ref) int { return 1 }) }, weir.Name("f"))
	root := newContainer(t)
	misuse(t, "an unscoped provider", func() { child(root, p.OverrideWithValue(2)) }, "p", "Scoped")
	misuse(t, "an unscoped family", func() {
		child(root, f.OverrideWith(func(int) *weir.Provider[int] { return weir.NewProvider(func(weir.Ref) int { return 2 }) }))
	}, "f", "Scoped")
	misuse(t, "an unscoped member", func() { child(root, f.Of(1).OverrideWithValue(2)) }, "f", "Scoped")
	misuse(t, "a nil override", func() { weir.NewContainer(weir.WithOverrides(nil)) })
	misuse(t, "a nil family override", func() { f.OverrideWith(nil) }, "f")
	misuse(t, "a nil parent", func() { weir.NewContainer(weir.WithParent(nil)) }, "WithParent")
	misuse(t, "a zero parent", func() { weir.NewContainer(weir.WithParent(&weir.Container{})) }, "WithParent")
	misuse(t, "Scoped of nothing", func() { weir.Scoped(nil) }, "Scoped")
	usable(t, root)
}

func TestS3_ClosingAParentClosesItsChildrenFirst(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		var l trace
		d := weir.NewProvider(func(ref weir.Ref) int { ref.OnDispose(l.on("d in the root")); return 1 }, weir.Scoped())
		p := k.make(func(ref weir.Ref) int {
			name := "p in a child"
			if v := weir.Watch(ref, d); v == 1 {
				name = "p in the root"
			}
			ref.OnDispose(l.on(name))
			return 42
		}, weir.Scoped(d))
		root := newContainer(t, weir.WithObserver(&weir.Observer{ContainerClosed: func(weir.ContainerClosedEvent) { l.add("closed") }}))
		mid := child(root)
		leaf := child(mid, d.OverrideWith(func(ref weir.Ref) int { ref.OnDispose(l.on("d in a child")); return 2 }))
		p.settled(root)
		p.settled(leaf)
		root.Close()
		l.want(t, "in order", "p in a child", "d in a child", "p in the root", "d in the root", "closed", "closed", "closed")
		for _, c := range []*weir.Container{mid, leaf} {
			require.ErrorIs(t, context.Cause(c.Context()), weir.ErrContainerClosed)
		}
	})
}

func TestS3_S367_ClosingAChildLeavesTheParentsElementsReactive(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		var l trace
		s := scenarioNumber(0)
		d := weir.NewProvider(func(weir.Ref) int { return 1 }, weir.Scoped())
		p := k.make(func(ref weir.Ref) int { return weir.Watch(ref, s) + 100*weir.Watch(ref, d) }, weir.Scoped(d))
		root := newContainer(t)
		c := child(root, d.OverrideWithValue(2))
		p.hear(root, func(_, next int) { l.add("root %d", next) })
		inChild := p.hear(c, func(_, next int) { l.add("child %d", next) })
		through := weir.Listen(c, s, func(_, next int) { l.add("through %d", next) }) // of the root's element, made through the child
		settle()
		l.take()
		c.Close()
		s.Set(root, 1)
		settle()
		got := l.take()
		require.Equal(t, 101, p.settled(root))
		for _, g := range got {
			if g != "root 101" && g != "root 100" {
				t.Errorf("after the child was closed: %v", got)
			}
		}
		require.Contains(t, got, "root 101")
		inChild.Close()
		through.Close()
		s.Set(c, 5)
		require.Equal(t, 1, weir.Read(root, s), "a write through a closed child does nothing")
	})
}

func TestS3_ClosingAParentWhileAChildBuilds(t *testing.T) {
	for _, async := range []bool{true, false} {
		t.Run("async="+strconv.FormatBool(async), func(t *testing.T) {
			guard(t, func(t *testing.T) {
				var l trace
				building, goOn := newSignal(), newSignal()
				d := weir.NewProvider(func(weir.Ref) int { return 1 }, weir.Scoped())
				body := func(ref weir.Ref) int {
					ref.OnDispose(l.on("dispose"))
					v := weir.Watch(ref, d)
					close(building)
					<-goOn
					return v
				}
				p := weir.NewProvider(body, weir.Scoped(d))
				q := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
					body(ref)
					return 0, context.Cause(ctx)
				}, weir.Scoped(d))
				root := newContainer(t)
				c := child(root, d.OverrideWithValue(2))
				var read <-chan struct{}
				if async {
					read = onItsOwn(t, func() {
						_, err := weir.Resolve(context.Background(), c, q)
						require.ErrorIs(t, err, weir.ErrContainerClosed)
					})
				} else {
					read = onItsOwn(t, func() {
						// G10: the last value, or a panic with an error wrapping ErrContainerClosed. The build that was under way may also be returned.
						if v := recovered(func() { weir.Read(c, p) }); v != nil {
							require.ErrorIs(t, asError(v), weir.ErrContainerClosed)
						}
					})
				}
				await(t, "the build", building)
				within(t, "Close, which waits for no build function", root.Close)
				close(goOn)
				await(t, "the reader", read)
				within(t, "Shutdown", func() { require.NoError(t, root.Shutdown(context.Background())) })
				l.want(t, "after Shutdown", "dispose")
			})
		})
	}
}

// onItsOwn is async, under a name that a parameter does not hide.
func onItsOwn(t *testing.T, fn func()) <-chan struct{} { return async(t, fn) }

func TestD16_AChildOfAClosedContainerIsMadeClosed(t *testing.T) {
	eachScenarioKind(t, func(t *testing.T, k scenarioKind) {
		var l trace
		p := k.make(func(weir.Ref) int { l.add("build"); return 1 }, weir.Scoped())
		root := newContainer(t)
		root.Close()
		c := child(root, p.overrideWith(func(weir.Ref) (int, error) { l.add("build"); return 2, nil }))
		require.ErrorIs(t, p.err(c), weir.ErrContainerClosed)
		require.ErrorIs(t, context.Cause(c.Context()), weir.ErrContainerClosed)
		s := p.listen(c)
		s.Close()
		c.UpdateOverrides(p.overrideWithValue(3))
		c.Close()
		require.NoError(t, c.Shutdown(t.Context()))
		settle()
		l.want(t, "nothing runs")
	})
}

func TestS4_AChildPerRequestLeavesNothingBehind(t *testing.T) {
	guard(t, func(t *testing.T) {
		user := weir.NewProvider(func(weir.Ref) string { return "nobody" }, weir.Scoped())
		greeting := weir.NewProvider(func(ref weir.Ref) string { return "hello " + weir.Watch(ref, user) }, weir.Scoped(user))
		shared := scenarioNumber(1)
		page := weir.NewProvider(func(ref weir.Ref) string {
			return weir.Watch(ref, greeting) + "/" + strconv.Itoa(weir.Watch(ref, shared))
		}, weir.Scoped(greeting))
		root := newContainer(t)
		weir.Read(root, shared)
		before, goroutines := elements(root), runtime.NumGoroutine()
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				for i := range 500 {
					name := strconv.Itoa(w*1000 + i)
					c := child(root, user.OverrideWithValue(name))
					if got, want := weir.Read(c, page), "hello "+name+"/1"; got != want {
						t.Errorf("got %q, want %q", got, want)
					}
					if i%2 == 0 {
						c.Close()
					} else if err := c.Shutdown(context.Background()); err != nil {
						t.Error(err)
					}
				}
			})
		}
		within(t, "2000 requests", wg.Wait)
		require.Equal(t, before, elements(root))
		require.Zero(t, info(t, root, nameOf(shared)).Listeners, "the root's element has lost its dependents")
		for end := time.Now().Add(patience); runtime.NumGoroutine() > goroutines; runtime.Gosched() {
			if time.Now().After(end) {
				t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), goroutines)
			}
		}
	})
}

func nameOf(p weir.AnyProvider) string { return p.Name() }

func TestS1_OptionsOfTheParentHoldInTheChild(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := weir.NewProvider(func(weir.Ref) int { return 1 }, weir.Scoped(), weir.AutoDispose())
		root := newContainer(t, weir.WithDisposeDelay(time.Hour), weir.WithContext(context.WithValue(t.Context(), scopeKey{}, "v")))
		plain := child(root, p.OverrideWithValue(2))
		own := child(root, weir.WithDisposeDelay(time.Second), p.OverrideWithValue(3))
		weir.Read(plain, p)
		weir.Read(own, p)
		require.Equal(t, "v", plain.Context().Value(scopeKey{}))
		pass(time.Minute)
		require.Equal(t, 1, elements(plain))
		require.Equal(t, 0, elements(own))
		pass(time.Hour)
		require.Equal(t, 0, elements(plain))
	})
}

type scopeKey struct{}
