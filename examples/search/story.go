package main

// story.go owns the teller: it starts the backend, types, looks at the screen, and holds what the backend has counted against what it
// must have. The first count that is off ends the story.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/weir-go/weir"
)

const (
	storyWait = 200 * time.Millisecond // without a key, before anything is requested
	storyPace = 10 * time.Millisecond  // of the backend, for a tenth of the packages
	arrow     = "\x1b[D"               // what the key sends
)

type story struct {
	*searcher
	backend *backend
	out     io.Writer
	keys    *io.PipeWriter
	sub     *weir.Subscription[screen]
	err     error // what was off first

	mu      sync.Mutex
	screens []screen // guarded by mu; all that was to be seen, since the last call of typed

	pressed  int  // keys
	inTime   bool // what was typed last was typed without a pause
	bursts   int  // that were
	requests int  // that must have been made
}

var chapters = []struct {
	title string
	tell  func(st *story)
}{
	{"a word is typed", word},
	{"typing goes on while the answer comes", goesOn},
	{"a slip of the finger", slip},
	{"a space more", space},
	{"all is erased", erased},
	{"a backend that is out of order", outOfOrder},
	{"the screen is gone", screenGone},
}

// tellStory runs the story and returns an error that says what was off. What plant makes of the function that asks the backend is
// used in its place, for a test that wants to see a wrong program found out; it may be nil.
func tellStory(out io.Writer, plant func(searchFunc) searchFunc) error {
	begin, goroutines := time.Now(), runtime.NumGoroutine()
	b, err := newBackend(storyPace)
	if err != nil {
		return err
	}
	client := newBackendClient(b.url)
	var ask searchFunc = client.search
	if plant != nil {
		ask = plant(ask)
	}
	in, keys := io.Pipe()
	st := &story{searcher: newSearcher(ask, storyWait), backend: b, out: out, keys: keys}
	st.sub = weir.Listen(st.container, st.screen, func(_, is screen) {
		st.mu.Lock()
		defer st.mu.Unlock()
		st.screens = append(st.screens, is)
	}, weir.FireImmediately())
	read := make(chan error, 1)
	go func() { read <- st.readKeys(in) }()

	fmt.Fprintf(out, "the backend has %d packages and takes %v; nothing is requested before no key was pressed for %v\n",
		len(b.packages), parts*b.pace, storyWait)
	for i, c := range chapters {
		fmt.Fprintf(out, "\n%d. %s\n", i+1, c.title)
		if c.tell(st); st.err != nil {
			st.err = fmt.Errorf("chapter %d, %s: %w", i+1, c.title, st.err)
			break
		}
	}
	if st.err == nil && st.bursts == 0 {
		st.fail("this machine is too busy to press a second key within %v", storyWait)
	}
	keys.Close()
	st.err = errors.Join(st.err, <-read, st.stop())
	client.close()
	st.err = errors.Join(st.err, b.stop())
	st.until(func() (string, bool) { // closed connections take a moment to let go of theirs
		now := runtime.NumGoroutine()
		return fmt.Sprintf("%d goroutines, before the story %d", now, goroutines), now <= goroutines
	})
	if st.err == nil {
		fmt.Fprintf(out, "\nevery count is what it must be (%.1f s)\n", time.Since(begin).Seconds())
	}
	return st.err
}

func (st *story) say(format string, args ...any) {
	if st.err == nil {
		fmt.Fprintf(st.out, "   "+format+"\n", args...)
	}
}

// fail ends the story, unless it has ended.
func (st *story) fail(format string, args ...any) {
	if st.err == nil {
		st.err = fmt.Errorf(format, args...)
	}
}

// until asks ok again and again, for as long as patience lasts. It says how things are, and whether that is as it must be.
func (st *story) until(ok func() (is string, good bool)) {
	for end := time.Now().Add(patience); st.err == nil; time.Sleep(time.Millisecond) {
		is, good := ok()
		if good {
			return
		}
		if time.Now().After(end) {
			st.fail("%s, after %v", is, patience)
		}
	}
}

// typed presses the keys, which make the query want.
func (st *story) typed(keys, want string) {
	st.mu.Lock()
	st.screens = nil
	st.mu.Unlock()
	st.pressed += len(strings.ReplaceAll(keys, arrow, "-"))
	begin := time.Now()
	io.WriteString(st.keys, keys)
	st.until(func() (string, bool) {
		got := weir.Read(st.container, st.query)
		return fmt.Sprintf("the query is %q, want %q", got, want), got == want
	})
	if st.inTime = time.Since(begin) < storyWait; st.inTime {
		st.bursts++
	}
}

// becomes waits until the backend has counted want of what for query.
func (st *story) becomes(query string, what event, want int) {
	st.until(func() (string, bool) {
		got := st.backend.get(query, what)
		return fmt.Sprintf("the backend's %s of %q: %d, want %d", what, query, got, want), got == want
	})
}

// is checks that the backend has counted want of what for query.
func (st *story) is(query string, what event, want int) {
	if got := st.backend.get(query, what); got != want {
		st.fail("the backend's %s of %q: %d, want %d", what, query, got, want)
	}
}

// never checks that none of these was requested, nor anything else that should not have been. It can be known only if the keys came
// fast enough, which on a busy machine they may not.
func (st *story) never(queries ...string) {
	st.requests++ // the one that was to be made
	if !st.inTime {
		st.say("(this machine is busy: it took more than %v to type that)", storyWait)
		st.requests = st.backend.all(requested)
		return
	}
	for _, q := range queries {
		st.is(q, requested, 0)
	}
	if got := st.backend.all(requested); got != st.requests {
		st.fail("the backend has had %d requests, want %d", got, st.requests)
	}
}

// shows waits until the screen is as good says, and returns it.
func (st *story) shows(what string, good func(sc screen) bool) (sc screen) {
	st.until(func() (string, bool) {
		sc = weir.Read(st.container, st.screen)
		return fmt.Sprintf("the screen shows %+v, want %s", sc, what), good(sc)
	})
	return sc
}

// finds waits until the search for query is done, and checks what it has found.
func (st *story) finds(query string) screen {
	sc := st.shows("all about "+query, func(sc screen) bool { return !sc.busy && sc.err == nil && sc.results.query == query })
	st.hits(sc, query, len(st.backend.packages))
	st.is(query, requested, 1)
	st.is(query, answered, 1)
	return sc
}

// half waits until the search for query, which is held there, is half way through, and checks what it has found by then.
func (st *story) half(query string) screen {
	sc := st.shows("a search for "+query+" that is half way through", func(sc screen) bool { return sc.busy && sc.progress == 0.5 })
	st.hits(sc, query, len(st.backend.packages)/2)
	st.is(query, requested, 1)
	st.is(query, answered, 0)
	st.is(query, left, 0)
	return sc
}

// hits checks that sc shows what is to be found among the first n packages.
func (st *story) hits(sc screen, query string, n int) {
	var want []hit
	for _, h := range st.backend.packages[:n] {
		if h.matches(query) {
			want = append(want, h)
		}
	}
	if sc.results.query != query || !reflect.DeepEqual(sc.results.hits, want) {
		st.fail("the screen shows %d packages about %q, want %d about %q", len(sc.results.hits), sc.results.query, len(want), query)
	}
}

// seen checks all screens since the last key: the progress of a search never goes back, and when the results of query were to be seen
// those of another were not any more.
func (st *story) seen(query string) (distinct int) {
	st.mu.Lock()
	defer st.mu.Unlock()
	last, begun := 0.0, false
	for _, sc := range st.screens {
		switch {
		case begun && sc.results.query != query:
			st.fail("results of %q were to be seen after those of %q", sc.results.query, query)
		case begun && sc.busy && sc.progress < last:
			st.fail("the progress went back from %v to %v", last, sc.progress)
		case begun && sc.busy && sc.progress > last:
			distinct++
		}
		begun = begun || sc.results.query == query
		last = sc.progress
	}
	return distinct
}

// builds is how often the search has been built.
func (st *story) builds() int {
	for _, e := range st.container.Snapshot().Elements {
		if e.Provider == weir.AnyProvider(st.search) {
			return e.Builds
		}
	}
	return 0
}

// ---- the chapters

func word(st *story) {
	st.typed("http", "http")
	sc := st.finds("http")
	st.never("h", "ht", "htt")
	st.seen("http")
	st.say("4 keys, %d request, %d packages", st.backend.get("http", requested), len(sc.results.hits))
}

func goesOn(st *story) {
	release := st.backend.hold("cry")
	defer release()
	st.typed("\x15cry", "cry") // ^U erases what is there
	part := st.half("cry")
	st.never("c", "cr")
	st.say("at %.0f %% %d packages about %q are on the screen", 100*part.progress, len(part.results.hits), "cry")

	st.typed("pto", "crypto")
	st.becomes("cry", left, 1) // at once: nobody has to wait for the rest of the answer
	sc := st.finds("crypto")
	st.never("cryp", "crypt")
	st.is("cry", answered, 0)
	st.seen("crypto")
	st.say("3 keys more: the backend saw its request for %q cancelled, and answered %q: %d packages", "cry", "crypto", len(sc.results.hits))
}

func slip(st *story) {
	st.typed("\x15jsom"+arrow+"\x7fn", "json") // with an arrow key, which does nothing
	st.finds("json")
	st.never("j", "js", "jso", "jsom")
	st.say("nothing was requested but %q", "json")
}

func space(st *story) {
	before := st.builds()
	st.typed(" ", "json ")
	sc := st.shows("json and a space", func(sc screen) bool { return sc.query == "json " })
	if sc.busy || st.builds() != before {
		st.fail("a space began a search")
	}
	st.is("json", requested, 1)
	st.say("it is shown, and begins no search")
}

func erased(st *story) {
	release := st.backend.hold("hash")
	defer release()
	st.typed("\x15hash", "hash")
	st.half("hash")
	st.never("h", "ha", "has")
	st.typed("\x15", "")
	st.becomes("hash", left, 1)
	st.shows("nothing", func(sc screen) bool {
		return !sc.busy && sc.query == "" && sc.results.query == "" && sc.results.hits == nil
	})
	st.is("hash", answered, 0)
	st.is("", requested, 0)
	st.say("the backend saw its request cancelled, and got no other")
}

func outOfOrder(st *story) {
	st.typed(badQuery, badQuery)
	sc := st.shows("an error", func(sc screen) bool { return !sc.busy && sc.err != nil })
	st.never("f", "fa", "fai")
	st.typed("\x15path", "path")
	st.finds("path")
	st.never("p", "pa", "pat")
	st.say("%v; the next search is none the worse for it", sc.err)
}

func screenGone(st *story) {
	release := st.backend.hold("bytes")
	defer release()
	st.typed("\x15bytes", "bytes")
	st.half("bytes")
	st.never("b", "by", "byt", "byte")
	begin := time.Now()
	st.sub.Close()
	st.becomes("bytes", left, 1)
	if took := time.Since(begin); took < weir.DefaultDisposeDelay {
		st.fail("the request was cancelled %v after the screen was gone, before anybody could be back", took)
	}
	st.until(func() (string, bool) { return "the search is still there", !st.container.Exists(st.search) })
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := st.container.Flush(ctx); err != nil {
		st.fail("%w", err)
	}
	st.say("nobody looks: the backend saw its request cancelled")
	st.say("in all: %d keys, %d requests: %d answered, %d cancelled, %d refused",
		st.pressed, st.backend.all(requested), st.backend.all(answered), st.backend.all(left), st.backend.get(badQuery, requested))
}
