package weir_test

// The lifecycle of builds that take time (L3, L4, L5, L6, L10, C6): leaving, returning, invalidating and cancelling while the
// function runs, and Try providers that another goroutine is building.

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// fetch is a future that takes a second and logs its life.
func fetch(log *trace, opts ...weir.ProviderOption) *weir.FutureProvider[int] {
	return weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
		log.add("start")
		log.hooks(ref, "", true)
		select {
		case <-time.After(time.Second):
			log.add("done")
			return 1, nil
		case <-ctx.Done():
			log.add("cancelled")
			return 0, ctx.Err()
		}
	}, append(opts, weir.Name("fetch"))...)
}

func TestL4AColdReadOfASlowFetchIsGivenUpAfterTheDelay(t *testing.T) {
	// Nobody listens: standby begins with the synchronous part of the Read, and its delay is all that the fetch gets; a Read in between
	// is a touch, a link keeps it going, a listener too.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		p := fetch(&log, weir.AutoDispose())
		weir.Read(c, p)
		settle()
		log.want(t, "a cold Read", "start", "cancel")
		pass(delay - time.Nanosecond)
		log.want(t, "within the delay")
		pass(time.Nanosecond)
		log.wantSet(t, "the delay is over", "dispose", "cancelled")
		require.False(t, c.Exists(p))

		weir.Read(c, p)
		for range 15 {
			pass(delay * 8 / 10)
			weir.Read(c, p)
		}
		log.want(t, "read again and again", "start", "cancel", "done")
		isData(t, 1, weir.Read(c, p))
		gone()
		log.want(t, "not read any more", "dispose")
	})
}

func TestL4ALinkTakenByAFetchKeepsItGoing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		p := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
			link := ref.KeepAlive()
			defer link.Close()
			ref.OnDispose(log.on("dispose"))
			time.Sleep(time.Second)
			return 1, ctx.Err()
		}, weir.AutoDispose())
		weir.Read(c, p)
		pass(time.Second + delay - time.Nanosecond)
		isData(t, 1, weir.Read(c, p))
		log.want(t, "nobody listened for a second")
		gone()
		log.want(t, "the link is closed, and nobody reads", "dispose")
	})
}

func TestL4AResolveIsAListenerUntilItHasItsValue(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		p := fetch(&log, weir.AutoDispose())
		v, err := weir.Resolve(t.Context(), c, p)
		require.NoError(t, err)
		require.Equal(t, 1, v)
		settle()
		log.want(t, "it waited, alone, and left", "start", "done", "cancel", "remove")
		pass(delay - time.Nanosecond)
		log.want(t, "standby")
		pass(time.Nanosecond)
		log.want(t, "after the delay", "dispose")
	})
}

func TestL3LeavingAndReturningWhileTheFunctionRuns(t *testing.T) {
	// The one build is cancelled, resumed and finished; nothing starts over, the state goes on.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		p := fetch(&log, weir.AutoDispose())
		s := weir.Listen(c, p, nil)
		pass(500 * time.Millisecond)
		s.Close()
		pass(50 * time.Millisecond)
		log.want(t, "left", "start", "cancel", "remove")
		s = weir.Listen(c, p, nil)
		pass(time.Hour)
		log.want(t, "returned", "resume", "add", "done")
		isData(t, 1, weir.Read(c, p))
		s.Close()
	})
}

func TestL10InvalidateWhileTheFunctionRunsForNobody(t *testing.T) {
	// On standby: disposed at once, the function is told; the next use starts a new life once it has returned.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		p := fetch(&log, weir.DisposeDelay(time.Hour))
		s := weir.Listen(c, p, nil)
		settle()
		s.Close()
		settle()
		log.take()
		c.Invalidate(p)
		require.False(t, c.Exists(p))
		settle()
		log.wantSet(t, "invalidated, with the function on its own goroutine", "dispose", "cancelled")
		pass(time.Hour)
		log.want(t, "later")
		v, err := weir.Resolve(t.Context(), c, p)
		require.NoError(t, err)
		require.Equal(t, 1, v)
	})
}

func TestL5InvalidateFromInsideTheBuild(t *testing.T) {
	// A build that ends itself while it runs: the function that goes on is void, the next one counts. Catches waiting for oneself.
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t)
		var log trace
		builds := 0
		p := k.make(func(ref weir.Ref) int {
			builds++
			i := builds
			ref.OnDispose(log.on(fmt.Sprint("dispose", i)))
			if i == 1 {
				ref.InvalidateSelf()
				require.False(t, ref.Mounted())
				require.ErrorIs(t, context.Cause(ref.Context()), weir.ErrInvalidated)
			}
			return 10 * i
		}, weir.AutoDispose())
		s := p.listen(c)
		settle()
		require.Equal(t, 20, p.read(c))
		require.Equal(t, 2, builds)
		log.want(t, "the first build", "dispose1")
		s.Close()
		gone()
		log.want(t, "the second", "dispose2")
	})
}

func TestL5ABuildThatAlwaysEndsItselfIsAnError(t *testing.T) {
	// Nothing hangs: somewhere in the rounds it is a *UsageError that names the provider. Through the container nobody says who calls:
	// without a look at the stack that never ended.
	for name, end := range map[string]func(c *weir.Container, ref weir.Ref, id weir.AnyProvider){
		"InvalidateSelf":                           func(_ *weir.Container, ref weir.Ref, _ weir.AnyProvider) { ref.InvalidateSelf() },
		"Invalidate through the ref":               func(_ *weir.Container, ref weir.Ref, id weir.AnyProvider) { ref.Invalidate(id) },
		"Invalidate through the container":         func(c *weir.Container, _ weir.Ref, id weir.AnyProvider) { c.Invalidate(id) },
		"InvalidateAsReload through the container": func(c *weir.Container, _ weir.Ref, id weir.AnyProvider) { c.InvalidateAsReload(id) },
		"Invalidate through a child of the container": func(c *weir.Container, _ weir.Ref, id weir.AnyProvider) {
			child := weir.NewContainer(weir.WithParent(c))
			defer child.Close()
			child.Invalidate(id)
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachKind(t, func(t *testing.T, k kind) {
				if k.async {
					t.Skip("an async build that starts itself over is a poll: it takes turns with everybody else")
				}
				c, _ := toldContainer(t)
				var p rig
				p = k.make(func(ref weir.Ref) int { end(c, ref, p.id); return 1 }, weir.Name("restless"))
				within(t, "a Read", func() { isUsage(t, "a Read", p.err(c), "restless") })
				usable(t, c)
			})
		})
	}
}

func TestL5ABuildThatOthersInvalidateOftenIsNoError(t *testing.T) {
	// Builds are counted that were ended, not calls, and only those that end in a row. Planted bug, what was there: each Invalidate of a
	// build that is over already and still runs counts for one more.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		builds := 0
		slow := weir.NewProvider(func(weir.Ref) int { builds++; time.Sleep(time.Second); return builds })
		other := weir.NewProvider(func(weir.Ref) int {
			for range 1000 {
				c.Invalidate(slow)
			}
			return 1
		})
		got := async(t, func() { require.Equal(t, 2, weir.Read(c, slow)) })
		settle()
		weir.Read(c, other)
		await(t, "the slow value", got)
	})
	c := newContainer(t)
	builds := 0
	var p *weir.Provider[int]
	p = weir.NewProvider(func(weir.Ref) int {
		if builds++; builds == 1 {
			for range 1000 {
				c.Invalidate(p)
			}
		}
		return builds
	})
	require.Equal(t, 2, weir.Read(c, p))
}

func TestD2InvalidateSelfInsideOnManualInvalidation(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		c := newContainer(t)
		var log trace
		p := k.make(func(ref weir.Ref) int {
			log.add("build")
			ref.OnManualInvalidation(func() { log.add("manual"); ref.InvalidateSelf() })
			ref.OnDispose(log.on("dispose"))
			return 1
		})
		s := p.listen(c)
		settle()
		log.take()
		c.Invalidate(p.id)
		settle()
		got := log.take()
		require.Equal(t, 1, count(got, "dispose"), "%v", got)
		require.Equal(t, 1, count(got, "build"), "%v", got)
		require.LessOrEqual(t, count(got, "manual"), 2, "%v", got)
		s.Close()
	})
}

func TestD2ForwardersInARing(t *testing.T) {
	// Each invalidates the next one by hand, the last one the first: once round.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		ring := make([]*weir.Provider[int], 3)
		for i := range ring {
			ring[i] = weir.NewProvider(func(ref weir.Ref) int {
				ref.OnManualInvalidation(func() { log.add("manual%d", i); ref.Invalidate(ring[(i+1)%len(ring)]) })
				ref.OnDispose(log.on(fmt.Sprint("dispose", i)))
				return 1
			})
			weir.Read(c, ring[i])
		}
		c.Invalidate(ring[1])
		settle()
		log.wantSet(t, "once round", "manual1", "manual2", "manual0", "dispose0", "dispose1", "dispose2")
	})
}

// ---- Try providers in flight

// tryInFlight starts a Read of a Try provider on a goroutine of its own and returns once its function runs.
func tryInFlight(t *testing.T, c *weir.Container, log *trace, opts ...weir.ProviderOption) (p *weir.FutureProvider[int], release func(), got <-chan weir.AsyncValue[int]) {
	t.Helper()
	started, leave := make(chan struct{}, 10), make(chan struct{})
	builds := 0
	p = weir.NewTryProvider(func(ref weir.Ref) (int, error) {
		builds++
		i := builds
		ref.OnDispose(log.on(fmt.Sprint("dispose", i)))
		started <- struct{}{}
		if i == 1 {
			select {
			case <-leave:
			case <-ref.Context().Done():
				log.add("told %v", context.Cause(ref.Context()))
				<-leave
			}
		}
		log.add("return%d", i)
		return i, nil
	}, append(opts, weir.Name("try"))...)
	ch := make(chan weir.AsyncValue[int], 1)
	go func() { ch <- weir.Read(c, p) }()
	await(t, "the function", started)
	return p, func() { close(leave) }, ch
}

func TestC6CancelOfATryProviderInFlight(t *testing.T) {
	// Its function is told at once and its hooks wait for it (L5); the one who waits gets Failed(cause), which stays.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		p, release, got := tryInFlight(t, c, &log)
		resolved := make(chan error, 1)
		go func() { _, err := weir.Resolve(t.Context(), c, p); resolved <- err }()
		settle()
		p.Cancel(c, errBoom)
		settle()
		log.want(t, "pressed", "told weir: try: boom")
		release()
		require.ErrorIs(t, (<-got).Err(), errBoom)
		require.ErrorIs(t, <-resolved, errBoom)
		settle()
		log.want(t, "returned", "return1", "dispose1")
		require.Equal(t, "failed weir: try: boom", show(weir.Read(c, p)))
		c.Invalidate(p)
		isData(t, 2, weir.Read(c, p))
	})
}

func TestC6TimeoutOfATryProvider(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		p, release, got := tryInFlight(t, c, &log, weir.Timeout(time.Minute))
		pass(time.Minute - time.Nanosecond)
		log.want(t, "in time")
		pass(time.Nanosecond)
		log.want(t, "too late", "told weir: try: context deadline exceeded")
		release()
		require.ErrorIs(t, (<-got).Err(), context.DeadlineExceeded)
		settle()
		log.want(t, "returned", "return1", "dispose1")
		pass(time.Hour)
		require.ErrorIs(t, weir.Read(c, p).Err(), context.DeadlineExceeded)
		c.Invalidate(p)
		isData(t, 2, weir.Read(c, p))
		pass(time.Hour)
		isData(t, 2, weir.Read(c, p))
	})
}

func TestL5CloseOfATryProviderInFlight(t *testing.T) {
	// Close does not wait for the function; its hooks run when it has returned, and Shutdown waits for both. The reader gets what a
	// closed container gives.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		var log trace
		_, release, got := tryInFlight(t, c, &log)
		c.Close()
		settle()
		log.want(t, "closed", "told weir: try: container closed")
		done := async(t, func() { require.NoError(t, c.Shutdown(context.Background())); log.add("shut down") })
		settle()
		log.want(t, "Shutdown waits")
		release()
		<-done
		v := <-got
		require.ErrorIs(t, v.Err(), weir.ErrContainerClosed, show(v))
		log.want(t, "returned", "return1", "dispose1", "shut down")
	})
}
