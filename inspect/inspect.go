package inspect

// This file owns Inspector, its options, and what it takes from events: text and numbers,
// never a value, an error or a provider.

import (
	"errors"
	"fmt"
	"hash/maphash"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/weir-go/weir"
)

const (
	defaultRing = 1000
	textMax     = 200 // bytes of a name, a cause, an error or a value
	changedMax  = 8   // dependencies of a build that are kept because they had changed
)

// Inspector remembers the last events of containers, and shows them. Make one with [New].
// It is safe for concurrent use.
type Inspector struct {
	seed     maphash.Seed
	ring     ring
	show     func(p weir.AnyProvider, value any) string
	actions  bool
	observer atomic.Bool // Observer was called: there is a timeline
	streams  streams
	patience time.Duration // with a browser that does not read
}

// Option is an option of [New] and [Handler].
type Option func(*Inspector)

// Ring sets how many events are kept; the default is 1000. An n below 1 is a *weir.UsageError.
func Ring(n int) Option {
	if n < 1 {
		misuse(fmt.Sprintf("Ring(%d) keeps nothing: leave Observer out if no timeline is wanted", n))
	}
	return func(i *Inspector) { i.ring.size = n }
}

// Values has the timeline show values: what show makes of the value of p, cut to 200 bytes;
// nothing if that is "". It is the place to leave out what is secret. show is called for
// each change, by whoever delivers it and without a lock, so it should be quick. It needs
// [Inspector.Observer]. A nil show is a *weir.UsageError.
func Values(show func(p weir.AnyProvider, value any) string) Option {
	if show == nil {
		misuse("Values needs a function")
	}
	return func(i *Inspector) { i.show = show }
}

// AllowActions lets the page invalidate an element, cancel its build, and dispose what is
// unused. Requests for that are POSTs that must come from the page itself: the browser's
// word for it is checked, and a header that other sites cannot send.
func AllowActions() Option { return func(i *Inspector) { i.actions = true } }

// New returns an inspector that has seen nothing yet.
func New(opts ...Option) *Inspector {
	i := &Inspector{seed: maphash.MakeSeed(), patience: patience}
	i.ring.size = defaultRing
	for _, o := range opts {
		if o == nil {
			misuse("a nil Option was given")
		}
		o(i)
	}
	return i
}

// Handler returns a handler that shows c and its children, without a timeline. It is short
// for New(opts...).Handler(c).
func Handler(c *weir.Container, opts ...Option) http.Handler { return New(opts...).Handler(c) }

// Handler returns a handler that shows c and its children, and the events of all containers
// that have i's observer. It does not look at the path of a request. A nil or zero c
// is a *weir.UsageError.
func (i *Inspector) Handler(c *weir.Container) http.Handler {
	i.made("Handler")
	if c == nil {
		misuse("Handler needs a container")
	}
	c.Snapshot() // of a zero one it is a *weir.UsageError: here, not in a request
	return &handler{Inspector: i, camera: camera{seed: i.seed, c: c}, page: newPage()}
}

// made is a *weir.UsageError for an inspector that New did not make.
func (i *Inspector) made(op string) {
	if i == nil || i.patience == 0 {
		misuse(op + " of a nil or zero *Inspector: make one with New")
	}
}

func misuse(message string) { panic(&weir.UsageError{Message: "inspect: " + message}) }

// Observer returns an observer for [weir.WithObserver] that fills the timeline. One will do
// for any number of containers.
func (i *Inspector) Observer() *weir.Observer {
	i.made("Observer")
	i.observer.Store(true)
	touch := func() { i.streams.wake() }
	return &weir.Observer{
		ProviderAdded: func(ev weir.ProviderAddedEvent) {
			i.record(eventAdded, ev.Event, func(x *event) { x.value = i.text(ev.Provider, ev.Value) })
		},
		Updated: func(ev weir.UpdatedEvent) {
			i.record(eventChanged, ev.Event, func(x *event) { x.value = i.text(ev.Provider, ev.Value) })
		},
		BuildStarted: func(ev weir.BuildStartedEvent) {
			i.record(eventBuild, ev.Event, func(x *event) {
				x.reason = ev.Reason
				i.changed(x, ev.Changed)
			})
		},
		BuildEnded: func(ev weir.BuildEndedEvent) {
			i.record(eventBuilt, ev.Event, func(x *event) {
				x.reason, x.took, x.err, x.cause = ev.Reason, ev.Duration, errorText(ev.Err), causeText(ev.Cause)
			})
		},
		Failed: func(ev weir.FailedEvent) {
			i.record(eventFailed, ev.Event, func(x *event) { x.err = errorText(ev.Err) })
		},
		Cancelled: func(ev weir.CancelledEvent) { i.record(eventCancelled, ev.Event, nil) },
		Resumed:   func(ev weir.ResumedEvent) { i.record(eventResumed, ev.Event, nil) },
		Disposed: func(ev weir.DisposedEvent) {
			i.record(eventDisposed, ev.Event, func(x *event) { x.cause = causeText(ev.Cause) })
		},
		StorageFailed: func(ev weir.StorageFailedEvent) {
			i.record(eventStorage, ev.Event, func(x *event) { x.err = short(ev.Op + ": " + errorText(ev.Err)) })
		},
		// Those come with every Resolve and would drive out all else: they are seen as counts.
		ListenerAdded:   func(weir.ListenerAddedEvent) { touch() },
		ListenerRemoved: func(weir.ListenerRemovedEvent) { touch() },
		ContainerClosed: func(ev weir.ContainerClosedEvent) {
			i.add(event{kind: eventClosed, at: ev.At, box: i.boxID(ev.Container)})
		},
		MutationStarted: func(ev weir.MutationStartedEvent) {
			i.add(event{kind: eventMutation, at: ev.At, box: i.boxID(ev.Container), name: short(ev.Mutation)})
		},
		MutationEnded: func(ev weir.MutationEndedEvent) {
			i.add(event{kind: eventMutated, at: ev.At, box: i.boxID(ev.Container), name: short(ev.Mutation), took: ev.Duration, err: errorText(ev.Err)})
		},
	}
}

func (i *Inspector) record(k eventKind, ev weir.Event, more func(x *event)) {
	box := i.boxID(ev.Container)
	x := event{
		kind: k, at: ev.At, id: elementIn(i.seed, box, providerID(i.seed, ev.Provider)), box: box,
		name: short(ev.Name), declared: ev.Declared, generation: ev.Generation,
	}
	defer func() { i.add(x) }() // also if code of the user's panics: a value's, an error's
	if more != nil {
		more(&x)
	}
}

// changed notes in x what had changed: no provider is held.
func (i *Inspector) changed(x *event, ps []weir.AnyProvider) {
	if len(ps) == 0 {
		return
	}
	x.more = max(0, len(ps)-changedMax)
	x.changed = make([]dependency, 0, len(ps)-x.more)
	for _, p := range ps[:len(ps)-x.more] {
		x.changed = append(x.changed, dependency{providerID(i.seed, p), short(p.Name())})
	}
}

func (i *Inspector) add(x event) {
	i.ring.add(x)
	i.streams.wake()
}

func (i *Inspector) text(p weir.AnyProvider, value any) string {
	if i.show == nil {
		return ""
	}
	return short(i.show(p, value))
}

// id stands for an element or a container without holding it.
type id uint64

func (x id) String() string { return strconv.FormatUint(uint64(x), 16) }

func parseID(s string) (id, error) {
	x, err := strconv.ParseUint(s, 16, 64)
	return id(x), err
}

// elementID is the id of p's element in c.
func elementID(seed maphash.Seed, c *weir.Container, p weir.AnyProvider) id {
	return elementIn(seed, containerID(seed, c), providerID(seed, p))
}

// elementIn is elementID of a container and a provider of which there are the ids.
func elementIn(seed maphash.Seed, box, provider id) id {
	return id(maphash.Comparable(seed, [2]id{box, provider}))
}

func providerID(seed maphash.Seed, p weir.AnyProvider) id { return id(maphash.Comparable(seed, p)) }

func containerID(seed maphash.Seed, c *weir.Container) id { return id(maphash.Comparable(seed, c)) }

func (i *Inspector) boxID(c *weir.Container) id { return containerID(i.seed, c) }

// causeText is why a build is over, in words. The sentinels' text is not made anew for
// each event.
func causeText(err error) string {
	if err == nil {
		return ""
	}
	for _, cause := range [...]error{weir.ErrDependencyChanged, weir.ErrDisposed, weir.ErrInvalidated, weir.ErrContainerClosed} {
		if errors.Is(err, cause) {
			return strings.TrimPrefix(cause.Error(), "weir: ")
		}
	}
	return short(strings.TrimPrefix(err.Error(), "weir: "))
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return short(strings.TrimPrefix(err.Error(), "weir: "))
}

// short is s made fit to be kept and shown: bounded, valid, and without what could not be
// seen or would reorder what is around it. It does not hold on to a longer s.
func short(s string) string {
	if len(s) <= textMax && clean(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if !unicode.IsPrint(r) {
			if r = utf8.RuneError; b.Len() > 0 && strings.HasSuffix(b.String(), string(r)) {
				continue
			}
		}
		if b.Len()+utf8.RuneLen(r) > textMax {
			b.WriteString("…")
			break
		}
		b.WriteRune(r)
	}
	return b.String()
}

func clean(s string) bool {
	for _, r := range s {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

// ago is d for people.
func ago(d time.Duration) string {
	switch {
	case d < time.Microsecond:
		return d.String()
	case d < time.Millisecond:
		return d.Round(time.Microsecond).String()
	case d < time.Second:
		return d.Round(100 * time.Microsecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
