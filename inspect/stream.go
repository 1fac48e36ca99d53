package inspect

// This file owns the live feed. A stream has a place in the ring and no queue: whoever is
// slow misses events, and nobody waits for it.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"weak"
)

const (
	streamsMax   = 64
	streamPace   = 100 * time.Millisecond // between two messages of a stream
	streamBatch  = 250                    // events in one message
	patience     = 10 * time.Second       // for a browser that does not read
	quietSecond  = time.Second            // without a timeline nothing is told: the page is asked to look
	quietWatched = 3 * time.Second        // with one, for what has no event: pauses, weak listeners
)

// streams are the open feeds. The zero value has none.
type streams struct {
	n  atomic.Int32
	mu sync.Mutex
	to map[chan struct{}]struct{}
	// A server that shuts down would wait for streams.
	servers map[weak.Pointer[http.Server]]chan struct{}
}

// wake tells all streams that there is something new. It never waits.
func (s *streams) wake() {
	if s.n.Load() == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for ch := range s.to {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

// open adds a stream to srv's, if there is room. stopped is closed when srv shuts down.
func (s *streams) open(srv *http.Server) (news chan struct{}, stopped <-chan struct{}, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.to) >= streamsMax {
		return nil, nil, false
	}
	if s.to == nil {
		s.to = map[chan struct{}]struct{}{}
		s.servers = map[weak.Pointer[http.Server]]chan struct{}{}
	}
	news = make(chan struct{}, 1)
	s.to[news] = struct{}{}
	s.n.Store(int32(len(s.to)))
	if srv == nil {
		return news, nil, true
	}
	down := s.servers[weak.Make(srv)]
	if down == nil {
		for w := range s.servers {
			if w.Value() == nil {
				delete(s.servers, w)
			}
		}
		down = make(chan struct{})
		s.servers[weak.Make(srv)] = down
		var once sync.Once
		srv.RegisterOnShutdown(func() { once.Do(func() { close(down) }) })
	}
	return news, down, true
}

func (s *streams) close(news chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.to, news)
	s.n.Store(int32(len(s.to)))
}

// stream serves one feed until its browser, or the server, has enough of it. It starts after
// the event that the browser saw last, if that is of this inspector, and else with all that
// the ring has.
func (h *handler) stream(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	if r.Method == http.MethodHead {
		return
	}
	srv, _ := r.Context().Value(http.ServerContextKey).(*http.Server)
	news, stopped, ok := h.streams.open(srv)
	if !ok {
		w.Header().Set("Retry-After", "5")
		http.Error(w, "too many look already", http.StatusServiceUnavailable)
		return
	}
	defer h.streams.close(news)
	out := http.NewResponseController(w)
	defer out.SetWriteDeadline(time.Time{})
	w.Header().Set("X-Accel-Buffering", "no")
	quiet := quietSecond
	if h.observer.Load() {
		quiet = quietWatched
	}
	pace := time.NewTimer(0)
	defer pace.Stop()
	idle := time.NewTimer(quiet)
	defer idle.Stop()
	for at := h.resume(r.Header.Get("Last-Event-ID")); ; {
		var b bytes.Buffer
		var behind bool
		at, behind = h.message(&b, at)
		out.SetWriteDeadline(time.Now().Add(h.patience)) // where that is not possible the server's own must do
		if _, err := w.Write(b.Bytes()); err != nil {
			return
		}
		if out.Flush() != nil {
			return
		}
		pace.Reset(streamPace)
		select {
		case <-pace.C:
		case <-r.Context().Done():
			return
		case <-stopped:
			return
		}
		if behind {
			continue
		}
		idle.Reset(quiet)
		select {
		case <-news:
		case <-idle.C:
		case <-r.Context().Done():
			return
		case <-stopped:
			return
		}
	}
}

// message writes the events after at, as far as one message goes, and that it is time to
// look. It returns the last event written, and whether there are more.
func (h *handler) message(b *bytes.Buffer, at uint64) (last uint64, behind bool) {
	events, missed := h.ring.since(at, streamBatch)
	if len(events) > 0 {
		at = events[len(events)-1].seq
		text, _ := json.Marshal(map[string]any{"life": h.life(), "missed": missed, "events": eventsJSON(events)})
		fmt.Fprintf(b, "id: %s-%d\nevent: events\ndata: %s\n\n", h.life(), at, text)
	}
	behind = len(events) == streamBatch
	if !behind {
		fmt.Fprint(b, "event: look\ndata: {}\n\n")
	}
	return at, behind
}

// life tells this inspector from one of another run of the program.
func (i *Inspector) life() string { return containerID(i.seed, nil).String() }

// resume is the event after which a feed goes on.
func (i *Inspector) resume(lastEventID string) uint64 {
	life, seq, _ := strings.Cut(lastEventID, "-")
	if life != i.life() {
		return 0
	}
	at, _ := strconv.ParseUint(seq, 10, 64)
	return at
}
