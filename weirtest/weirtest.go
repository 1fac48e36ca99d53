package weirtest

// This file owns New and what its Cleanup does. How open listeners are found is in
// listeners.go. Nothing here touches the container's insides: it uses what any program can.

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weir-go/weir"
)

// patience is how long build functions, hooks and deliveries may take to come to an end:
// real time, or a bubble's.
const patience = 10 * time.Second

// errLate is why Shutdown gave up.
var errLate = errors.New("weirtest: build functions or hooks have not returned")

// New returns a container for one test: opts are those of [weir.NewContainer]. When the
// test ends it is shut down, and the test fails for what was left open; the package comment
// has the list. Build functions and hooks get ten seconds to return, of a bubble's time in
// a bubble. For open listeners a test that has failed or was skipped before is not blamed
// once more: it may have left before it came to close them.
//
// Panics that reach the panic handler fail the test when they happen. A test that wants
// them gives its own [weir.WithPanicHandler], which takes the place of New's.
//
// Register what has to run before the check, such as the Close of a subscription, after New
// was called, or by defer. New panics with a *weir.UsageError if t is nil.
func New(t testing.TB, opts ...weir.ContainerOption) *weir.Container {
	if t == nil {
		misuse("New needs the T of the test")
	}
	t.Helper()
	return newCheck(t, patience, opts).c
}

func misuse(message string) { panic(&weir.UsageError{Message: "weirtest: " + message}) }

// check is one container and what is known of it: from its events, for its snapshots show
// neither build functions that are over nor what has left.
type check struct {
	t        testing.TB
	c        *weir.Container
	patience time.Duration
	bubble   string // in which it was made

	mu       sync.Mutex          // held for each use of t but the Cleanup's; never around code of the library
	over     bool                // the Cleanup is done: t must not be used
	closed   bool                // c is
	declared map[string][]string // by name, which is all that panics and errors have: where
	running  map[uint64]running  // build functions, by generation
	live     map[uint64]string   // builds that have returned and whose hooks have not run: where
	panics   int                 // that the handler was told of
}

// running is a build function that has not returned.
type running struct {
	place  string
	reason weir.BuildReason
	since  time.Time
}

func newCheck(t testing.TB, patience time.Duration, opts []weir.ContainerOption) *check {
	k := &check{
		t: t, patience: patience, bubble: bubbleID(),
		declared: map[string][]string{}, running: map[uint64]running{}, live: map[uint64]string{},
	}
	k.c = weir.NewContainer(slices.Concat([]weir.ContainerOption{weir.WithPanicHandler(k.panicked), weir.WithObserver(k.observer())}, opts)...)
	t.Cleanup(k.end)
	return k
}

func (k *check) observer() *weir.Observer {
	return &weir.Observer{
		BuildStarted: func(ev weir.BuildStartedEvent) {
			k.mu.Lock()
			defer k.mu.Unlock()
			k.running[ev.Generation] = running{place(ev.Name, ev.Declared), ev.Reason, ev.At}
			if places := k.declared[ev.Name]; !slices.Contains(places, ev.Declared) {
				k.declared[ev.Name] = append(places, ev.Declared)
			}
		},
		BuildEnded: func(ev weir.BuildEndedEvent) {
			k.mu.Lock()
			defer k.mu.Unlock()
			delete(k.running, ev.Generation)
			if ev.Cause == nil {
				k.live[ev.Generation] = place(ev.Name, ev.Declared)
			}
		},
		Disposed: func(ev weir.DisposedEvent) {
			k.mu.Lock()
			defer k.mu.Unlock()
			delete(k.live, ev.Generation)
		},
		ContainerClosed: func(ev weir.ContainerClosedEvent) {
			k.mu.Lock()
			defer k.mu.Unlock()
			k.closed = k.closed || ev.Container == k.c
		},
	}
}

// panicked is the panic handler.
func (k *check) panicked(pe *weir.PanicError) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.over {
		return
	}
	k.panics++
	k.t.Errorf("weirtest: %s: a panic that nothing has handled: %v\n"+
		"\tPut it right. If the test wants it: weir.OnError takes it from a listener whose source fails to build,\n"+
		"\tand weir.WithPanicHandler, given to New, takes all others.\n%s", k.named(pe.Provider), pe.Value, pe.Stack)
}

// place is the name of a provider and where it was declared.
func place(name string, declared ...string) string {
	if len(declared) == 0 || len(declared) == 1 && declared[0] == name {
		return name
	}
	return name + " (declared at " + strings.Join(declared, " and ") + ")"
}

// named is the place of what is known by its name alone: of each provider that has it.
// k.mu is held.
func (k *check) named(name string) string {
	if name == "" {
		return "code that belongs to no provider"
	}
	return place(name, k.declared[name]...)
}

// end is the Cleanup.
func (k *check) end() {
	k.t.Helper()
	if now := bubbleID(); now != k.bubble {
		k.t.Errorf("weirtest: New was called in one synctest bubble and cleans up outside of it: " +
			"give New the T that synctest.Test hands to its function, not the one around it")
		return // whatever is done to the container from here ends the process
	}
	k.mu.Lock()
	closed := k.closed
	k.mu.Unlock()
	if !closed && !k.t.Failed() && !k.t.Skipped() {
		for _, o := range k.open() {
			k.mu.Lock()
			k.t.Errorf("weirtest: %s: %s left open at the end of the test.\n"+
				"\tClose each Subscription (defer sub.Close()), and end the ctx of each Values and Results loop and of each Resolve that waits.%s",
				o.place, count(o.n, "listener was", "listeners were"), o.hint)
			k.mu.Unlock()
		}
	}
	k.shutdown(closed)
	k.mu.Lock()
	k.over = true
	k.mu.Unlock()
}

func count(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprint(n, " ", more)
}

// shutdown closes the container and waits. Shutdown runs on a goroutine of its own: a hook
// may block it, or end its goroutine.
func (k *check) shutdown(closed bool) {
	k.t.Helper()
	ctx, cancel := context.WithTimeoutCause(context.Background(), k.patience, errLate)
	defer cancel()
	late := time.NewTimer(k.patience + k.patience/10)
	defer late.Stop()
	type outcome struct {
		returned bool
		err      error
	}
	for broken := false; ; broken = true {
		ended := make(chan outcome, 1)
		go func() {
			var o outcome
			defer func() { ended <- o }()
			o.err = k.c.Shutdown(ctx)
			o.returned = true
		}()
		select {
		case o := <-ended:
			if !o.returned {
				continue // a hook has ended that goroutine: the rest of them is still to be waited for
			}
			if broken {
				k.hearOfIt()
			}
			if !closed {
				k.released(o.err)
			}
			if errors.Is(o.err, errLate) {
				k.hung(false)
			}
		case <-late.C:
			k.hung(true)
		}
		return
	}
}

// hearOfIt gives whoever goes on for a goroutine that a hook has ended the time to tell the
// panic handler of it: Shutdown does not wait for that.
func (k *check) hearOfIt() {
	for pause := time.Millisecond; pause < grace; pause *= 2 {
		k.mu.Lock()
		heard := k.panics > 0
		k.mu.Unlock()
		if inBubble, _ := bubbleRest(); inBubble || heard {
			return
		}
		time.Sleep(pause)
	}
}

// released reports what OnDisposeErr hooks have returned.
func (k *check) released(err error) {
	k.t.Helper()
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range many.Unwrap() {
			k.released(err)
		}
		return
	}
	if err == nil || err == errLate {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	where := ""
	for name, places := range k.declared {
		if strings.HasPrefix(err.Error(), "weir: "+name+": ") && !slices.Equal(places, []string{name}) {
			where = ", declared at " + strings.Join(places, " and ")
		}
	}
	k.t.Errorf("weirtest: an OnDisposeErr hook returned an error: %v%s\n"+
		"\tPut the release right. If the test wants the error, call Shutdown in the test and look at what it returns.", err, where)
}

// hung reports what has not come to an end; inside says that Close itself has not.
func (k *check) hung(inside bool) {
	k.t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, gen := range slices.Sorted(maps.Keys(k.running)) {
		b := k.running[gen]
		k.t.Errorf("weirtest: %s: the build function has not returned %v after the container was closed (%v, running for %v).\n"+
			"\tMake it return when its context ends: pass ctx on to whatever it waits for.", b.place, k.patience, b.reason, time.Since(b.since).Round(time.Millisecond))
	}
	if inside || len(k.running) == 0 {
		k.t.Errorf("weirtest: a hook or listener has not returned %v after the container was closed.%s\n"+
			"\tMake it wait for nothing that does not come; the stacks in the log show where it is.", k.patience, k.undisposed())
	}
	k.t.Logf("weirtest: goroutines inside the library (of other tests too, if they run in parallel):\n%s", stacks())
}

// undisposed names the providers whose OnDispose hooks may be what has not returned: they
// run one after the other. k.mu is held.
func (k *check) undisposed() string {
	const most = 10
	var places []string
	for _, gen := range slices.Backward(slices.Sorted(maps.Keys(k.live))) { // dependents, which go first, are newer
		if place := k.live[gen]; !slices.Contains(places, place) {
			places = append(places, place)
		}
	}
	switch n := len(places); {
	case n == 0:
		return ""
	case n > most:
		places = append(places[:most], fmt.Sprint(n-most, " more"))
	}
	return "\n\tThe OnDispose hooks of these are running, or wait for their turn: " + strings.Join(places, ", ") + "."
}
