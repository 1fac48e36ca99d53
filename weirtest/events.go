package weirtest

// This file owns Events: what an observer hears, as lines of text.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/weir-go/weir"
)

// EventKind is a kind of event: the word that follows the provider's name in its line.
type EventKind string

// The kinds of events, and the lines that they make.
const (
	Build           EventKind = "build"            // "page(1) build first", or reload, refresh, retry: a build function is about to be called
	Built           EventKind = "built"            // "page(1) built", "page(1) built with error: ...", "page(1) built too late: ...": it has returned
	Added           EventKind = "added"            // "page(1) added": the element has its first value
	Updated         EventKind = "updated"          // "page(1) updated": it has a different one, and listeners were told
	Failed          EventKind = "failed"           // "page(1) failed: ...": a build failed for good
	Cancelled       EventKind = "cancelled"        // "page(1) cancelled": on standby
	Resumed         EventKind = "resumed"          // "page(1) resumed": active again
	Disposed        EventKind = "disposed"         // "page(1) disposed", or with the cause: "page(1) disposed: invalidated", dependency changed, canceled, container closed, timeout, or another error
	ListenerAdded   EventKind = "listener added"   // "page(1) listener added": a dependent counts as one
	ListenerRemoved EventKind = "listener removed" // "page(1) listener removed"
	ContainerClosed EventKind = "container closed" // "container closed"
	MutationStarted EventKind = "mutation started" // "save mutation started"
	MutationEnded   EventKind = "mutation ended"   // "save mutation ended", "save mutation ended with error: ..."
	StorageFailed   EventKind = "storage failed"   // "draft storage failed: write key: ..."
)

// Events keeps what an observer hears, as short lines such as "page(1) build refresh" and
// "page(1) cancelled". Make one with [NewEvents] and give its [Events.Observer] to
// containers. It is safe for concurrent use.
//
// A synchronous provider that one goroutine uses has its lines in an order that is always the
// same. The build and built of an asynchronous one come from the goroutine of its build, and
// everything else from turns: their order to one another may differ from run to run, and so
// does that of elements whose builds run side by side. There, record few kinds, and compare
// by provider with [Events.WantOf].
type Events struct {
	t     testing.TB
	kinds []EventKind // none: all

	mu    sync.Mutex
	lines []line // not taken yet
}

type line struct {
	p    weir.AnyProvider // nil: of none
	text string
}

// NewEvents returns an empty record of events of the given kinds, of all if none is given.
// A nil t is a *weir.UsageError.
func NewEvents(t testing.TB, kinds ...EventKind) *Events {
	if t == nil {
		misuse("NewEvents needs the T of the test")
	}
	return &Events{t: t, kinds: kinds}
}

// All returns the lines that were not yet taken.
func (e *Events) All() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return textsOf(e.lines)
}

// Take returns what [Events.All] does and forgets it.
func (e *Events) Take() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	lines := e.lines
	e.lines = nil
	return textsOf(lines)
}

// Want takes all lines and fails the test, which goes on, unless they are exactly want. It
// reports whether they are. It waits for nothing: see [Settle].
func (e *Events) Want(want ...string) bool {
	e.t.Helper()
	return e.compare("the events are not what the test wants", want, e.Take())
}

// WantOf is [Events.Want] for the events of one provider, in all containers: it takes
// those and leaves the others. p is a provider or a member of a family, not a family. A nil
// p is a *weir.UsageError.
func (e *Events) WantOf(p weir.AnyProvider, want ...string) bool {
	e.t.Helper()
	if p == nil || isNil(p) {
		misuse("WantOf needs a provider: use Want for the events of all")
	}
	e.mu.Lock()
	var got, rest []line
	for _, l := range e.lines {
		if l.p == p {
			got = append(got, l)
		} else {
			rest = append(rest, l)
		}
	}
	e.lines = rest
	e.mu.Unlock()
	return e.compare("the events of "+p.Name()+" are not what the test wants", want, textsOf(got))
}

func (e *Events) compare(what string, want, got []string) bool {
	e.t.Helper()
	diff := compare(want, got, func(i, j int) bool { return want[i] == got[j] })
	if diff != "" {
		e.t.Errorf("weirtest: %s (- wanted, + recorded):\n%s", what, diff)
	}
	return diff == ""
}

func textsOf(lines []line) []string {
	all := make([]string, len(lines))
	for i, l := range lines {
		all[i] = l.text
	}
	return all
}

// add records an event of ev's element.
func (e *Events) add(ev weir.Event, kind EventKind, detail string) {
	e.addNamed(ev.Provider, ev.Name+" ", kind, detail)
}

func (e *Events) addNamed(p weir.AnyProvider, name string, kind EventKind, detail string) {
	if len(e.kinds) > 0 && !slices.Contains(e.kinds, kind) {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lines = append(e.lines, line{p, name + string(kind) + detail})
}

// Observer returns what [weir.WithObserver] takes. One record may observe any number of
// containers.
func (e *Events) Observer() *weir.Observer {
	return &weir.Observer{
		ProviderAdded: func(ev weir.ProviderAddedEvent) { e.add(ev.Event, Added, "") },
		BuildStarted: func(ev weir.BuildStartedEvent) {
			reason := ev.Reason.String()
			if ev.Reason == weir.ReasonFirstBuild {
				reason = "first"
			}
			e.add(ev.Event, Build, " "+reason)
		},
		BuildEnded: func(ev weir.BuildEndedEvent) {
			switch {
			case ev.Cause != nil:
				e.add(ev.Event, Built, " too late: "+cause(ev.Cause))
			case ev.Err != nil:
				e.add(ev.Event, Built, " with error: "+ev.Err.Error())
			default:
				e.add(ev.Event, Built, "")
			}
		},
		Updated:         func(ev weir.UpdatedEvent) { e.add(ev.Event, Updated, "") },
		Failed:          func(ev weir.FailedEvent) { e.add(ev.Event, Failed, ": "+ev.Err.Error()) },
		Cancelled:       func(ev weir.CancelledEvent) { e.add(ev.Event, Cancelled, "") },
		Resumed:         func(ev weir.ResumedEvent) { e.add(ev.Event, Resumed, "") },
		ListenerAdded:   func(ev weir.ListenerAddedEvent) { e.add(ev.Event, ListenerAdded, "") },
		ListenerRemoved: func(ev weir.ListenerRemovedEvent) { e.add(ev.Event, ListenerRemoved, "") },
		Disposed: func(ev weir.DisposedEvent) {
			if errors.Is(ev.Cause, weir.ErrDisposed) {
				e.add(ev.Event, Disposed, "")
				return
			}
			e.add(ev.Event, Disposed, ": "+cause(ev.Cause))
		},
		ContainerClosed: func(weir.ContainerClosedEvent) { e.addNamed(nil, "", ContainerClosed, "") },
		MutationStarted: func(ev weir.MutationStartedEvent) { e.addNamed(nil, ev.Mutation+" ", MutationStarted, "") },
		MutationEnded: func(ev weir.MutationEndedEvent) {
			detail := ""
			if ev.Err != nil {
				detail = " with error: " + ev.Err.Error()
			}
			e.addNamed(nil, ev.Mutation+" ", MutationEnded, detail)
		},
		StorageFailed: func(ev weir.StorageFailedEvent) {
			e.add(ev.Event, StorageFailed, fmt.Sprintf(": %s %s: %v", ev.Op, ev.Key, ev.Err))
		},
	}
}

// cause is why a build is over, without what all causes have in common.
func cause(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "timeout"
	}
	for _, known := range []error{weir.ErrDisposed, weir.ErrInvalidated, weir.ErrDependencyChanged, weir.ErrCanceled, weir.ErrContainerClosed} {
		if errors.Is(err, known) {
			return strings.TrimPrefix(known.Error(), "weir: ")
		}
	}
	return err.Error()
}
