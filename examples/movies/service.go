package main

// service.go owns the part that is built with Weir: one provider per page, and an HTTP handler that resolves it. All sharing,
// cancelling, caching and timing is declared in newService; the handlers only say who waits for what, and turn errors into statuses.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/weir-go/weir"
	"github.com/weir-go/weir/inspect"
)

// fetchFunc gets page n from the upstream. It must return soon after ctx is cancelled; the next fetch of that page waits for it.
type fetchFunc func(ctx context.Context, n int) (filmPage, error)

// pace holds the times of a service and its upstream.
type pace struct {
	latency  time.Duration // how long the upstream takes
	delay    time.Duration // how long a page that nobody waits for goes on, in case somebody comes back
	cacheFor time.Duration // how long a fetched page is kept
	timeout  time.Duration // how long a fetch may take
}

type service struct {
	container *weir.Container
	inspector *inspect.Inspector
	pages     *weir.Family[int, weir.FutureProvider[filmPage]]
	tally     *tally

	mu     sync.Mutex
	causes map[int]error // guarded by mu; why the last fetch of a page was cut off
}

func newService(fetch fetchFunc, p pace) *service {
	// The container holds everything that lives: which pages are loaded or loading, and who waits for them. A provider, and the
	// family below, is only the description of a value and how to build it. The inspector shows the container while it runs; it is
	// nobody's listener, so a page that is looked at there is not kept by it.
	insp := inspect.New(inspect.AllowActions(), inspect.Values(showPage))
	s := &service{
		container: weir.NewContainer(weir.WithObserver(insp.Observer())), inspector: insp,
		tally: newTally("service"), causes: make(map[int]error),
	}

	// A family is a provider with a parameter. Of(7) is always the same provider, so all that ask for page 7 share one build.
	s.pages = weir.NewFamily(func(n int) *weir.FutureProvider[filmPage] {
		return weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (filmPage, error) {
			s.tally.add(n, built)

			// Hooks tell of this build's life. The service needs them for its counts alone; another one would pause a poll in
			// OnCancel, start it again in OnResume, and release a connection in OnDispose.
			ref.OnCancel(func() { s.tally.add(n, onCancel) })  // nobody listens any more; ctx is live, the fetch goes on
			ref.OnResume(func() { s.tally.add(n, onResume) })  // somebody came back before the delay was over
			ref.OnDispose(func() { s.tally.add(n, disposed) }) // this build is over, ctx is cancelled

			// A page is kept for cacheFor although nobody asks, a failure for the delay. The timer ends both then although
			// somebody asks: each request that is answered at once starts the delay again, so a page that is asked for more
			// often than that would stay for ever. Deferred, so that it holds for a fetch that panics too.
			keep := p.delay
			defer func() {
				ref.CacheFor(keep)
				time.AfterFunc(keep, ref.InvalidateSelf) // does nothing if this build is over by then
			}()

			// ctx is this build's own. No client's context is its parent, so no client's going away can cancel it: it ends when
			// nobody wants the page (ErrDisposed), by Cancel (ErrCanceled), or with the container (ErrContainerClosed). The
			// cause says which. A fetch that takes too long fails here, and not by the option Timeout, whose failure is that of
			// a build that is over: InvalidateSelf could not end it.
			ctx, stop := context.WithTimeout(ctx, p.timeout)
			defer stop()
			page, err := fetch(ctx, n)
			if cause := context.Cause(ctx); cause != nil {
				s.recordCause(n, cause)
				s.tally.add(n, cutOff)
				return filmPage{}, cause
			}
			if err == nil {
				keep = p.cacheFor
			}
			return page, err
		})
	},
		weir.Name("pages"),
		weir.AutoDispose(),         // drop a page that nobody uses, and stop its fetch;
		weir.DisposeDelay(p.delay), // not at once, though: the next client may be here in a moment
	)
	return s
}

func (s *service) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /movies", s.getPage)
	mux.HandleFunc("DELETE /movies", s.cancelPage)
	mux.HandleFunc("GET /stats", s.getStats)
	// Whoever can reach the service can reach this too. Its actions do no more than DELETE does; where they would, or names are
	// nobody else's business, it belongs on an address of its own, as net/http/pprof does.
	mux.Handle("/debug/weir/", s.inspector.Handler(s.container))
	return mux
}

// showPage is what the inspector's timeline says of a page: not the films.
func showPage(_ weir.AnyProvider, value any) string {
	state, ok := value.(weir.AsyncValue[filmPage])
	if !ok {
		return ""
	}
	if page, ok := state.Value(); ok {
		return fmt.Sprintf("%d films", len(page.Films))
	}
	return state.String()
}

// getPage answers with a page. Resolve is a listener of the page for as long as it waits, and until r.Context() ends at most: a
// client that goes away takes only itself out, and when it was the last one Weir cancels the fetch after the delay.
func (s *service) getPage(w http.ResponseWriter, r *http.Request) {
	n, ok := pageNumber(w, r)
	if !ok {
		return
	}
	s.tally.add(n, requested)
	page, err := weir.Resolve(r.Context(), s.container, s.pages.Of(n))
	switch {
	case err == nil:
		s.tally.add(n, answered)
		writeJSON(w, page)
	case r.Context().Err() != nil:
		s.tally.add(n, left) // nobody is there to read an answer
	default:
		s.tally.add(n, refused)
		http.Error(w, err.Error(), statusOf(err))
	}
}

// cancelPage is the cancel button: it ends the fetch that is in flight, if there is one, for all who wait for it. The page itself
// stays, with that error as its state, until the delay has passed without a client; who asks before that gets the error too.
func (s *service) cancelPage(w http.ResponseWriter, r *http.Request) {
	n, ok := pageNumber(w, r)
	if !ok {
		return
	}
	s.pages.Of(n).Cancel(s.container, fmt.Errorf("%w by a DELETE from %s", weir.ErrCanceled, r.RemoteAddr))
	w.WriteHeader(http.StatusNoContent)
}

// statusOf maps the error of a page to a status. Errors of a client's own context are not among them: getPage sorts those out.
func statusOf(err error) int {
	switch {
	case errors.Is(err, errNoPage):
		return http.StatusNotFound
	case errors.Is(err, weir.ErrCanceled):
		return http.StatusConflict
	case errors.Is(err, weir.ErrContainerClosed):
		return http.StatusServiceUnavailable
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusGatewayTimeout
	default:
		return http.StatusBadGateway
	}
}

// stats is what GET /stats answers with.
type stats struct {
	Pages     map[int]map[event]int `json:"pages"`
	Listeners map[string]int        `json:"listeners"` // of each page that is loaded or loading now
	Causes    map[int]string        `json:"causes"`    // why the last fetch of a page was cut off
}

func (s *service) getStats(w http.ResponseWriter, _ *http.Request) {
	answer := stats{Pages: s.tally.all(), Listeners: make(map[string]int), Causes: make(map[int]string)}
	for _, e := range s.container.Snapshot().Elements {
		answer.Listeners[e.Name] = e.Listeners
	}
	s.mu.Lock()
	for n, cause := range s.causes {
		answer.Causes[n] = cause.Error()
	}
	s.mu.Unlock()
	writeJSON(w, answer)
}

// listeners returns how many wait for page n at this moment.
func (s *service) listeners(n int) int {
	name := s.pages.Of(n).Name()
	for _, e := range s.container.Snapshot().Elements {
		if e.Name == name {
			return e.Listeners
		}
	}
	return 0
}

func (s *service) recordCause(n int, cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.causes[n] = cause
}

// cause returns why the last fetch of page n that was cut off was, or nil.
func (s *service) cause(n int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.causes[n]
}

// pageNumber reads the page parameter, or answers the request with what is wrong with it.
func pageNumber(w http.ResponseWriter, r *http.Request) (n int, ok bool) {
	text := r.URL.Query().Get("page")
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		http.Error(w, fmt.Sprintf("page must be a number from 1, got %q", text), http.StatusBadRequest)
		return 0, false
	}
	return n, true
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // it fails when the client is gone, and then there is nobody to tell
}
