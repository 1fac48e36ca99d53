package weir_test

// Rules L4, L8 and L9: when an element that nobody uses goes, and what weak listeners and keep-alive links do about it.

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// ---- L4: on its way out

func TestL4DisposedWhenItsDelayHasPassed(t *testing.T) {
	// Not before, not after; a provider's own delay wins over the container's, which wins over the default.
	for _, tc := range []struct {
		name   string
		copts  []weir.ContainerOption
		opt    weir.ProviderOption
		delays time.Duration
	}{
		{"the default", nil, weir.AutoDispose(), weir.DefaultDisposeDelay},
		{"DisposeDelay", nil, weir.DisposeDelay(3 * time.Second), 3 * time.Second},
		{"WithDisposeDelay", []weir.ContainerOption{weir.WithDisposeDelay(7 * time.Second)}, weir.AutoDispose(), 7 * time.Second},
		{"both", []weir.ContainerOption{weir.WithDisposeDelay(7 * time.Second)}, weir.DisposeDelay(time.Second), time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			eachKind(t, func(t *testing.T, k kind) {
				c := newContainer(t, tc.copts...)
				var log trace
				p := k.make(func(ref weir.Ref) int { ref.OnDispose(log.on("dispose")); return 1 }, tc.opt)
				s := p.listen(c)
				pass(time.Hour)
				s.Close()
				pass(tc.delays - time.Nanosecond)
				log.want(t, "just before")
				require.True(t, c.Exists(p.id))
				pass(time.Nanosecond)
				log.want(t, "when the delay has passed", "dispose")
				require.False(t, c.Exists(p.id))
				require.Zero(t, elements(c))
			})
		})
	}
}

func TestL4AZeroDelayIsTheEndOfTheTurn(t *testing.T) {
	// Gone when Close returns, after the hooks of leaving; unless one of those hooks brought a listener within the turn.
	for _, opt := range []struct {
		name string
		copt []weir.ContainerOption
		popt weir.ProviderOption
	}{
		{"DisposeDelay", nil, weir.DisposeDelay(0)},
		{"WithDisposeDelay", []weir.ContainerOption{weir.WithDisposeDelay(0)}, weir.AutoDispose()},
	} {
		t.Run(opt.name, func(t *testing.T) {
			eachKind(t, func(t *testing.T, k kind) {
				c := newContainer(t, opt.copt...)
				var log trace
				var p rig
				var saved sub
				save := true
				p = k.make(func(ref weir.Ref) int {
					log.add("build")
					log.hooks(ref, "", true)
					ref.OnCancel(func() {
						if save {
							save = false
							saved = p.listen(c)
						}
					})
					return 1
				}, opt.popt)
				s := p.listen(c)
				settle()
				log.take()
				s.Close()
				log.want(t, "saved within the turn", "cancel", "remove", "resume", "add")
				saved.Close()
				log.want(t, "when Close returned", "cancel", "remove", "dispose")
				require.False(t, c.Exists(p.id))
			})
		})
	}
}

func TestL4AReturningListenerResetsTheDelayFully(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t)
		var log trace
		p := k.make(func(ref weir.Ref) int { log.add("build"); ref.OnDispose(log.on("dispose")); return 1 }, weir.AutoDispose())
		s := p.listen(c)
		settle()
		for range 5 {
			s.Close()
			pass(delay - time.Nanosecond)
			s = p.listen(c)
			settle()
		}
		pass(time.Hour)
		s.Close()
		pass(delay - time.Nanosecond)
		log.want(t, "many near misses, a long visit, and nearly a delay", "build")
		pass(time.Nanosecond)
		log.want(t, "a full delay", "dispose")
	})
}

func TestL4APausedListenerStillKeeps(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t)
		var log trace
		p := k.make(func(ref weir.Ref) int { log.add("build"); ref.OnDispose(log.on("dispose")); return 1 }, weir.AutoDispose())
		s := p.listen(c)
		settle()
		s.Pause()
		pass(24 * time.Hour)
		c.DisposeUnused()
		settle()
		log.want(t, "paused for a day, DisposeUnused included", "build")
		s.Close()
		gone()
		log.want(t, "closed", "dispose")
	})
}

func TestL4ReadIsNeverAListener(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t)
		var log trace
		p := k.make(func(ref weir.Ref) int { log.add("build"); log.hooks(ref, "", true); return 1 }, weir.AutoDispose())
		p.read(c)
		settle()
		log.want(t, "a cold Read: OnCancel once, standby begins", "build", "cancel")
		for range 10 {
			p.read(c)
		}
		settle()
		log.want(t, "Reads on standby run no hook")
		s := p.listen(c)
		settle()
		log.want(t, "a listener returns to it", "resume", "add")
		p.read(c)
		settle()
		log.want(t, "a Read beside a listener")
		s.Close()
		gone()
		log.want(t, "left for good", "cancel", "remove", "dispose")
		p.read(c)
		pass(delay - time.Nanosecond)
		log.want(t, "a cold Read again: standby lasts the delay", "build", "cancel")
		pass(time.Nanosecond)
		log.want(t, "after which it is disposed", "dispose")
	})
}

func TestL4AColdReadWithAZeroDelay(t *testing.T) {
	// Standby is over at the end of the turn that it begins in: the Read has its value, nothing is left.
	eachKind(t, func(t *testing.T, k kind) {
		if k.async {
			t.Skip("an async build is over before its hooks are registered")
		}
		c := newContainer(t)
		var log trace
		p := k.make(func(ref weir.Ref) int { log.add("build"); log.hooks(ref, "", true); return 1 }, weir.DisposeDelay(0))
		for range 2 {
			require.Equal(t, 1, p.read(c))
			settle()
			log.want(t, "a cold Read", "build", "cancel", "dispose")
			require.Zero(t, elements(c))
		}
	})
}

func TestL4AReadInsideABuildIsNoListener(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		n := weir.NewStateProvider(func(ref weir.Ref) int { ref.OnDispose(log.on("n.dispose")); return 1 }, weir.AutoDispose())
		p := weir.NewProvider(func(ref weir.Ref) int { log.add("build"); return weir.Read(ref, n) })
		s := weir.Listen(c, p, nil)
		defer s.Close()
		n.Set(c, 2)
		settle()
		log.want(t, "its change rebuilds nobody", "build")
		gone()
		log.want(t, "nobody keeps it", "n.dispose")
		require.Equal(t, 1, weir.Read(c, p))
	})
}

func TestL4ATouchOnStandbyGivesOneMoreFullDelay(t *testing.T) {
	// Touches are a Read, a Resolve and an Await of a value at rest, and writes. Each is tried alone: twenty times at six tenths of the
	// delay, after which a full delay is left.
	f := weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) { return 1, nil }, weir.AutoDispose(), weir.Name("future"))
	n := weir.NewStateProvider(func(weir.Ref) int { return 1 }, weir.AutoDispose(), weir.Name("state"))
	resolve := func(s weir.Scope) error { _, err := weir.Resolve(context.Background(), s, f); return err }
	for name, tc := range map[string]struct {
		p     weir.AnyProvider
		touch func(c *weir.Container) error
	}{
		"Read of a future": {f, func(c *weir.Container) error { weir.Read(c, f); return nil }},
		"Read of a state":  {n, func(c *weir.Container) error { weir.Read(c, n); return nil }},
		"Resolve":          {f, func(c *weir.Container) error { return resolve(c) }},
		"Await in a build that ends at once": {f, func(c *weir.Container) error {
			_, err := weir.Resolve(context.Background(), c, weir.NewTryProvider(func(ref weir.Ref) (int, error) { return weir.Await(ref, f) },
				weir.DisposeDelay(0)))
			return err
		}},
		"Set to another value": {n, func(c *weir.Container) error { n.Set(c, int(time.Now().UnixNano())); return nil }},
		"Set to an equal one":  {n, func(c *weir.Container) error { n.Set(c, 1); return nil }},
		"Update":               {n, func(c *weir.Container) error { n.Update(c, func(v int) int { return v + 1 }); return nil }},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newContainer(t)
				var s sub
				if tc.p == weir.AnyProvider(f) {
					s = weir.Listen(c, f, nil)
				} else {
					s = weir.Listen(c, n, nil)
				}
				settle()
				generation := info(t, c, tc.p.Name()).Generation
				s.Close()
				for range 20 {
					pass(delay * 6 / 10)
					require.NoError(t, tc.touch(c))
				}
				require.Equal(t, generation, info(t, c, tc.p.Name()).Generation, "it was rebuilt meanwhile")
				pass(delay - time.Nanosecond)
				require.True(t, c.Exists(tc.p), "less than a delay after the last touch")
				pass(time.Nanosecond)
				require.False(t, c.Exists(tc.p), "a delay after the last touch")
			})
		})
	}
}

func TestL4DependenciesFollowInTheSameTurnDependentsFirst(t *testing.T) {
	// They went on standby with their dependent and have waited as long: the whole chain goes at one instant, not one delay per link.
	for _, d := range []time.Duration{0, time.Second} {
		t.Run(fmt.Sprint(d), func(t *testing.T) {
			eachKind(t, func(t *testing.T, k kind) {
				c := newContainer(t)
				var log trace
				top := k.make(func(ref weir.Ref) int { ref.OnDispose(log.on("0")); return 1 }, weir.DisposeDelay(d))
				want := []string{"0"}
				for i := 1; i <= 5; i++ {
					dep := top
					top = k.make(func(ref weir.Ref) int { ref.OnDispose(log.on(fmt.Sprint(i))); return dep.watch(ref) }, weir.DisposeDelay(d))
					want = append([]string{fmt.Sprint(i)}, want...)
				}
				s := top.listen(c)
				settle()
				log.take() // builds of a dependent of something that was loading
				s.Close()
				if d > 0 {
					pass(d - time.Nanosecond)
					log.want(t, "before the delay")
					time.Sleep(time.Nanosecond)
				}
				settle()
				log.want(t, "at once", want...)
				require.Zero(t, elements(c))
			})
		})
	}
}

func TestL4ADependencyGoesByItsOwnDelay(t *testing.T) {
	// A dependency with a shorter delay is kept by its dependent on standby; one with a longer delay, or whose own listener left
	// later, stays until its time has come.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		mk := func(name string, d time.Duration) *weir.Provider[int] {
			return weir.NewProvider(func(ref weir.Ref) int { ref.OnDispose(log.on(name)); return 1 }, weir.DisposeDelay(d))
		}
		short, long, later := mk("short", 0), mk("long", 3*time.Second), mk("later", time.Second)
		top := weir.NewProvider(func(ref weir.Ref) int {
			ref.OnDispose(log.on("top"))
			return weir.Watch(ref, short) + weir.Watch(ref, long) + weir.Watch(ref, later)
		}, weir.DisposeDelay(time.Second))
		s, own := weir.Listen(c, top, nil), weir.Listen(c, later, nil)
		s.Close()
		pass(500 * time.Millisecond)
		own.Close()
		pass(499 * time.Millisecond)
		log.want(t, "before the dependent's delay")
		pass(time.Millisecond)
		log.want(t, "at its end", "top", "short")
		pass(500 * time.Millisecond)
		log.want(t, "a delay after later's own listener left", "later")
		pass(1499 * time.Millisecond)
		log.want(t, "before the long delay")
		pass(time.Millisecond)
		log.want(t, "three seconds after standby began", "long")
	})
}

func TestL4CacheForKeepsTheValueAfterTheLastListener(t *testing.T) {
	// The time runs from when the last listener left, not from the build, and stops when one returns.
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t)
		var log trace
		p := k.make(func(ref weir.Ref) int {
			log.add("build")
			ref.CacheFor(time.Minute)
			ref.OnDispose(log.on("dispose"))
			return 1
		}, weir.AutoDispose())
		s := p.listen(c)
		pass(time.Hour)
		s.Close()
		pass(59 * time.Second)
		s = p.listen(c)
		pass(59 * time.Second)
		s.Close()
		pass(59 * time.Second)
		log.want(t, "two absences shorter than the cache time", "build")
		pass(time.Second + 2*delay)
		log.want(t, "a longer one", "dispose")
	})
}

func TestL4DisposeUnusedEndsEveryStandby(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		mk := func(name string, opts ...weir.ProviderOption) *weir.Provider[int] {
			return weir.NewProvider(func(ref weir.Ref) int { ref.OnDispose(log.on(name)); return 1 }, opts...)
		}
		base := mk("base", weir.DisposeDelay(time.Hour))
		left := weir.NewProvider(func(ref weir.Ref) int { ref.OnDispose(log.on("left")); return weir.Watch(ref, base) }, weir.DisposeDelay(time.Hour))
		read, listened, paused := mk("read", weir.DisposeDelay(time.Hour)), mk("listened", weir.AutoDispose()), mk("paused", weir.AutoDispose())
		linked := weir.NewProvider(func(ref weir.Ref) int { ref.KeepAlive(); ref.OnDispose(log.on("linked")); return 1 }, weir.AutoDispose())
		regular := mk("regular")
		weir.Listen(c, left, nil).Close()
		weir.Read(c, read)
		weir.Listen(c, listened, nil)
		weir.Listen(c, paused, nil).Pause()
		weir.Read(c, linked)
		weir.Read(c, regular)
		c.DisposeUnused()
		settle()
		got := log.peek()
		log.wantSet(t, "DisposeUnused", "left", "base", "read")
		inOrder(t, got, "left", "base")
		c.DisposeUnused()
		pass(2 * time.Hour)
		log.want(t, "again, and later")
	})
}

func TestL4NothingIsLeft(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		base := weir.NewStateProvider(func(weir.Ref) int { return 1 }, weir.AutoDispose())
		mid := weir.NewFamily(func(i int) *weir.Provider[int] {
			return weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, base) * i })
		}, weir.AutoDispose())
		top := weir.NewProvider(func(ref weir.Ref) (sum int) {
			for i := range 10 {
				sum += weir.Watch(ref, mid.Of(i))
			}
			return sum
		}, weir.AutoDispose())
		s, other := weir.Listen(c, top, nil), weir.Listen(c, mid.Of(3), nil)
		require.Equal(t, 12, elements(c))
		s.Close()
		gone()
		require.Equal(t, 2, elements(c), "what one listener of one member holds")
		other.Close()
		gone()
		require.Zero(t, elements(c))
	})
}

// ---- L8: weak listeners

func TestL8WeakListeners(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t)
		var log, heard trace
		lives := 0
		p := k.make(func(ref weir.Ref) int {
			lives++
			log.add("build")
			log.hooks(ref, "", true)
			return 10 * lives
		}, weir.AutoDispose())
		w := p.hear(c, func(_, next int) { heard.add("%d", next) }, weir.Weak())
		pass(time.Hour)
		log.want(t, "a weak listener does not build")
		require.False(t, c.Exists(p.id))
		for life := 1; life <= 2; life++ {
			s := p.listen(c)
			settle()
			got := heard.take()
			require.NotEmpty(t, got, "life %d: something else built the element", life)
			require.Equal(t, fmt.Sprint(10*life), got[len(got)-1], "life %d", life)
			s.Close()
			gone()
			got = log.take()
			require.Equal(t, 1, count(got, "build"), "life %d: %v", life, got)
			inOrder(t, got, "cancel", "remove", "dispose") // the weak one kept nothing
			require.False(t, c.Exists(p.id))
		}
		w.Close()
		s := p.listen(c)
		settle()
		c.Invalidate(p.id)
		settle()
		heard.want(t, "closed: hears nothing")
		s.Close()
	})
}

func TestL8AReadOrAWriteIsSomethingElse(t *testing.T) {
	// A Read that builds and a Set that builds give the weak listener its value too, and every change after that.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var heard trace
		n := weir.NewStateProvider(func(weir.Ref) int { return 1 }, weir.AutoDispose())
		w := weir.Listen(c, n, func(_, next int) { heard.add("%d", next) }, weir.Weak())
		defer w.Close()
		weir.Read(c, n)
		heard.want(t, "a Read built it", "1")
		n.Set(c, 2)
		n.Set(c, 3)
		heard.want(t, "changes on standby", "2", "3")
		gone()
		n.Set(c, 9)
		got := heard.take()
		require.NotEmpty(t, got)
		require.Equal(t, "9", got[len(got)-1], "a Set built the next life")
		gone()
		require.Zero(t, elements(c))
	})
}

// ---- L9: links

func TestL9LinksAreCounted(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t)
		var log trace
		var r weir.Ref
		p := k.make(func(ref weir.Ref) int { r = ref; ref.OnDispose(log.on("dispose")); return 1 }, weir.AutoDispose())
		s := p.listen(c)
		settle()
		a, b := r.KeepAlive(), r.KeepAlive()
		s.Close()
		a.Close()
		a.Close()
		pass(time.Hour)
		log.want(t, "one of two closed, twice")
		b.Close()
		pass(delay - time.Nanosecond)
		log.want(t, "the delay runs from the last link")
		d := r.KeepAlive()
		pass(time.Hour)
		log.want(t, "a new link in time")
		d.Close()
		pass(delay)
		log.want(t, "a delay after the last one", "dispose")
		d.Close()
		b.Close()
	})
}

func TestL9ALinkClosedWhileListenedToLeavesTheDelayToTheListener(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t)
		var log trace
		var link *weir.KeepAliveLink
		p := k.make(func(ref weir.Ref) int { link = ref.KeepAlive(); ref.OnDispose(log.on("dispose")); return 1 }, weir.AutoDispose())
		s := p.listen(c)
		settle()
		link.Close()
		pass(time.Hour)
		s.Close()
		pass(delay - time.Nanosecond)
		log.want(t, "just before")
		pass(time.Nanosecond)
		log.want(t, "a delay after the listener", "dispose")
	})
}
