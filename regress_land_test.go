package weir_test

// This file has what is easily lost when an asynchronous build function does not return: its result, its place, and the panic of an
// observer. Each was found by a reviewer when the result came to be published after the function's frames are gone.

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestE1AGoexitDuringWhichTheFunctionPanicsIsAFailure(t *testing.T) {
	// The panic is recovered, the goroutine ends all the same. Planted bug: what was recovered is taken for the end of it, and whoever is
	// to go on never does.
	ends := func() {
		defer func() { panic(errBoom) }()
		runtime.Goexit()
	}
	future := weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) { ends(); return 1, nil })
	stream := weir.NewStreamProvider(func(context.Context, weir.Ref, func(int) bool) error { ends(); return nil })
	for name, opts := range map[string][]weir.ContainerOption{"plain": nil, "profiled": {weir.WithProfiling()}} {
		t.Run(name, func(t *testing.T) {
			c := newContainer(t, opts...)
			within(t, "both builds", func() {
				for range 2 { // the second waits for the function of the first (rule C5)
					_, err := weir.Resolve(t.Context(), c, future)
					require.ErrorIs(t, err, errBoom)
					_, err = weir.Resolve(t.Context(), c, stream)
					require.ErrorIs(t, err, errBoom)
					c.Invalidate(future, stream)
				}
			})
			within(t, "Shutdown", func() { require.NoError(t, c.Shutdown(t.Context())) })
		})
	}
}

func TestE1APanicOfNilIsOneFailure(t *testing.T) {
	// A program may have the panic of nil of older Go, which recover does not tell from a Goexit. Planted bug: it lands twice, and the next
	// build waits for a function that has returned.
	t.Setenv("GODEBUG", "panicnil=1")
	if func() (r any) {
		defer func() { r = recover() }()
		panic(nil)
	}() != nil {
		t.Skip("GODEBUG is not looked at")
	}
	c := newContainer(t)
	builds := 0
	p := weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) {
		if builds++; builds == 1 {
			panic(nil)
		}
		return builds, nil
	})
	within(t, "two builds", func() {
		_, err := weir.Resolve(t.Context(), c, p)
		var failure *weir.PanicError
		require.ErrorAs(t, err, &failure)
		c.Invalidate(p)
		v, err := weir.Resolve(t.Context(), c, p)
		require.NoError(t, err)
		require.Equal(t, 2, v)
	})
	within(t, "Shutdown", func() { require.NoError(t, c.Shutdown(t.Context())) })
}

func TestE3ThePanicOfAnObserverOutlivesTheGoroutineThatLands(t *testing.T) {
	// Nobody handles it, so that the program must end of it: also if what is done before it is raised again ends the goroutine. Each runs
	// in a process of its own. Planted bug: it is kept on the way of a turn that does not come back.
	if runtime.GOOS == "js" {
		t.Skip("no processes here")
	}
	const env = "WEIR_TEST_LOST_PANIC"
	what := os.Getenv(env)
	if what == "" {
		for _, what := range []string{"began, equal", "began, listener", "ended, listener"} {
			cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.timeout=20s")
			cmd.Env = append(os.Environ(), env+"="+what)
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			require.True(t, errors.As(err, &exit), "%s: %v", what, err)
			require.Contains(t, string(out), errBoom.Error(), what)
			require.Contains(t, string(out), "goroutine", what)
		}
		return
	}
	observer := &weir.Observer{}
	if strings.HasPrefix(what, "began") {
		observer.BuildStarted = func(ev weir.BuildStartedEvent) {
			if ev.Reason == weir.ReasonRefresh {
				panic(errBoom)
			}
		}
	} else {
		observer.BuildEnded = func(ev weir.BuildEndedEvent) {
			if ev.Reason == weir.ReasonRefresh {
				panic(errBoom)
			}
		}
	}
	c := weir.NewContainer(weir.WithObserver(observer))
	builds := 0
	p := weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) { builds++; return builds, nil }, weir.Equal(func(a, b int) bool {
		if what == "began, equal" {
			runtime.Goexit()
		}
		return a == b
	}))
	_, err := weir.Resolve(t.Context(), c, p)
	require.NoError(t, err)
	weir.Listen(c, p, func(_, next weir.AsyncValue[int]) {
		if v, _ := next.Value(); v == 2 && strings.HasSuffix(what, "listener") {
			runtime.Goexit()
		}
	})
	c.Invalidate(p)
	select {} // the program ends of the panic, or of its timeout
}
