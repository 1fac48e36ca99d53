package inspect

// This file holds what goes over HTTP: actions, the timeline, the live feed; and what the
// inspector must not do to the program. It is inside the package for its patience.

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func newContainer(t testing.TB, opts ...weir.ContainerOption) *weir.Container {
	c := weir.NewContainer(append(opts, weir.WithPanicHandler(func(*weir.PanicError) {}))...)
	t.Cleanup(func() { c.Shutdown(context.Background()) })
	return c
}

// timeline is the ring, as JSON has it.
func timeline(t testing.TB, h http.Handler) (events []eventJSON) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/?format=timeline", nil))
	var j struct{ Events []eventJSON }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &j))
	return j.Events
}

func lines(events []eventJSON) (said []string) {
	for _, e := range events {
		said = append(said, strings.TrimSpace(fmt.Sprint(e.Kind, " ", e.Name, " ", e.Reason+e.Cause+e.Err+e.Value)))
	}
	return said
}

func TestTimeline(t *testing.T) {
	insp := New()
	c := weir.NewContainer(weir.WithObserver(insp.Observer()), weir.WithPanicHandler(func(*weir.PanicError) {}))
	n := weir.NewStateProvider(func(weir.Ref) int { return 1 }, weir.Name("n"))
	p := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, n) }, weir.Name("p"), weir.DisposeDelay(time.Hour))
	bad := weir.NewTryProvider(func(weir.Ref) (int, error) { return 0, errors.New("no") }, weir.Name("bad"),
		weir.Retry(func(int, error) (time.Duration, bool) { return 0, false }))
	sub := weir.Listen(c, p, nil)
	n.Set(c, 2)
	sub.Close()
	weir.Listen(c, p, nil)
	c.Invalidate(p)
	weir.Listen(c, bad, nil, weir.OnError(func(error) {}))
	m := weir.NewMutation[int](weir.Name("save"))
	m.Run(context.Background(), c, func(context.Context, weir.Scope) (int, error) { return 0, errors.New("full") })
	c.Close()
	said := lines(timeline(t, insp.Handler(c)))
	for _, line := range []string{
		"build p first build", "built p first build", "added p", "changed n", "disposed p dependency changed", "build p reload", "changed p",
		"cancelled p", "resumed p", "disposed p invalidated", "build p refresh", "failed bad no", "mutation save", "mutated save full",
		"disposed p container closed", "closed",
	} {
		require.Contains(t, said, line)
	}
	require.NotContains(t, strings.Join(said, "\n"), "changed n 2", "a value, though nobody asked for values")
	events := timeline(t, insp.Handler(c))
	for i, e := range events {
		require.Equal(t, uint64(i+1), e.Seq)
		require.NotZero(t, e.At)
	}
}

func TestValuesAreRedacted(t *testing.T) {
	secret := weir.NewStateProvider(func(weir.Ref) string { return "s3cret" }, weir.Name("secret"))
	open := weir.NewStateProvider(func(weir.Ref) string { return "open" }, weir.Name("open"))
	insp := New(Values(func(p weir.AnyProvider, v any) string {
		if p == secret {
			return ""
		}
		return "it is " + v.(string)
	}))
	c := newContainer(t, weir.WithObserver(insp.Observer()))
	weir.Listen(c, secret, nil)
	weir.Listen(c, open, nil)
	secret.Set(c, "s3cret2")
	open.Set(c, strings.Repeat("x", 1000))
	said := strings.Join(lines(timeline(t, insp.Handler(c))), "\n")
	require.NotContains(t, said, "s3cret")
	require.Contains(t, said, "added open it is open")
	require.Contains(t, said, "changed open it is xxx")
	require.NotContains(t, said, strings.Repeat("x", textMax+1))
}

func TestRingIsBounded(t *testing.T) {
	insp := New(Ring(7))
	c := newContainer(t, weir.WithObserver(insp.Observer()))
	n := weir.NewStateProvider(func(weir.Ref) int { return 0 }, weir.Name("n"))
	weir.Listen(c, n, nil)
	for i := range 100 {
		n.Set(c, i+1)
	}
	events := timeline(t, insp.Handler(c))
	require.Len(t, events, 7)
	require.Len(t, insp.ring.events, 7)
	newest := insp.ring.newest()
	require.Equal(t, newest, events[6].Seq)
	require.Equal(t, newest-6, events[0].Seq)
	some, missed := insp.ring.since(newest-10, 2)
	require.Equal(t, uint64(3), missed)
	require.Equal(t, []uint64{newest - 6, newest - 5}, []uint64{some[0].seq, some[1].seq})
	none, missed := insp.ring.since(newest, 10)
	require.Empty(t, none)
	require.Zero(t, missed)
	all, _ := insp.ring.since(newest+5, 10)
	require.Len(t, all, 7)
}

func TestMisuse(t *testing.T) {
	for _, f := range []func(){
		func() { Ring(0) }, func() { Values(nil) }, func() { New(nil) }, func() { Handler(nil) },
	} {
		require.Panics(t, f)
		func() {
			defer func() { require.IsType(t, &weir.UsageError{}, recover()) }()
			f()
		}()
	}
}

// do posts an action.
func do(h http.Handler, query string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "http://example.com/debug/weir/?"+query, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestActions(t *testing.T) {
	builds := 0
	n := weir.NewProvider(func(weir.Ref) int { builds++; return 1 })
	slow := weir.NewFutureProvider(func(ctx context.Context, _ weir.Ref) (int, error) { <-ctx.Done(); return 0, ctx.Err() })
	unused := weir.NewProvider(func(weir.Ref) int { return 1 }, weir.DisposeDelay(time.Hour))
	c := newContainer(t)
	child := weir.NewContainer(weir.WithParent(c))
	weir.Listen(c, n, nil)
	weir.Listen(c, slow, nil)
	weir.Read(child, unused)
	h := Handler(c, AllowActions())
	seed := h.(*handler).seed
	x, y := "id="+elementID(seed, c, n).String(), "id="+elementID(seed, c, slow).String()

	require.Equal(t, 403, do(Handler(c), "action=invalidate&"+x, actionHeader, "1").Code, "not allowed by the program")
	for _, headers := range [][]string{
		{},
		{"Origin", "http://example.com"},
		{actionHeader, "1", "Origin", "http://evil.example"},
		{actionHeader, "1", "Origin", "null"},
		{actionHeader, "1", "Sec-Fetch-Site", "cross-site"},
		{actionHeader, "1", "Sec-Fetch-Site", "same-site"},
		{"Sec-Fetch-Site", "same-origin"},
	} {
		require.Equal(t, 403, do(h, "action=invalidate&"+x, headers...).Code, headers)
		require.Equal(t, 403, do(h, "action=dispose-unused", headers...).Code, headers)
	}
	require.Equal(t, 1, builds)
	require.True(t, c.Exists(unused))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/?action=invalidate&"+x, nil))
	require.Equal(t, 1, builds, "a GET acts")

	from := []string{actionHeader, "page", "Origin", "http://example.com", "Sec-Fetch-Site", "same-origin"}
	require.Equal(t, 204, do(h, "action=invalidate&"+x, from...).Code)
	require.Equal(t, 2, builds)
	require.Equal(t, 204, do(h, "action=invalidate&"+x, actionHeader, "curl").Code)
	require.Equal(t, 3, builds)
	require.Equal(t, 409, do(h, "action=cancel&"+x, from...).Code)
	require.Equal(t, 204, do(h, "action=cancel&"+y, from...).Code)
	require.ErrorIs(t, weir.Read(c, slow).Err(), weir.ErrCanceled)
	require.ErrorContains(t, weir.Read(c, slow).Err(), "by the inspector")
	require.Equal(t, 204, do(h, "action=dispose-unused", from...).Code)
	require.False(t, c.Exists(unused))
	require.True(t, c.Exists(n))
	require.Equal(t, 404, do(h, "action=invalidate&id=123", from...).Code)
	require.Equal(t, 404, do(h, "action=invalidate&id=zz", from...).Code)
	require.Equal(t, 400, do(h, "action=explode&"+x, from...).Code)
	require.Equal(t, 403, do(h, "action=explode&"+x).Code)
}

// feed is a reader of the live feed.
type feed struct {
	*bufio.Reader
	resp *http.Response
	last string // Last-Event-ID
}

func watch(t *testing.T, url, last string) *feed {
	t.Helper()
	r, err := http.NewRequest("GET", url+"/?format=stream", nil)
	require.NoError(t, err)
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	t.Cleanup(func() { resp.Body.Close() })
	return &feed{bufio.NewReader(resp.Body), resp, last}
}

// until reads until an event like line has come, and returns all before it, and it.
func (f *feed) until(t *testing.T, line string) (said []string) {
	t.Helper()
	for {
		text, err := f.ReadString('\n')
		require.NoError(t, err)
		if id, ok := strings.CutPrefix(text, "id: "); ok {
			f.last = strings.TrimSpace(id)
		}
		data, ok := strings.CutPrefix(text, "data: {\"events\"")
		if !ok {
			continue
		}
		var j struct {
			Events []eventJSON
			Missed uint64
		}
		require.NoError(t, json.Unmarshal([]byte("{\"events\""+data), &j))
		if said = append(said, lines(j.Events)...); strings.Contains(strings.Join(said, "\n"), line) {
			return said
		}
	}
}

func TestLiveFeed(t *testing.T) {
	insp := New(Values(func(_ weir.AnyProvider, v any) string { return fmt.Sprint(v) }))
	c := newContainer(t, weir.WithObserver(insp.Observer()))
	n := weir.NewStateProvider(func(weir.Ref) int { return 0 }, weir.Name("n"))
	weir.Listen(c, n, nil)
	srv := httptest.NewServer(insp.Handler(c))
	t.Cleanup(srv.Close)
	f := watch(t, srv.URL, "")
	require.Equal(t, "text/event-stream; charset=utf-8", f.resp.Header.Get("Content-Type"))
	require.Equal(t, []string{"build n first build", "built n first build", "added n 0"}, f.until(t, "added n 0"))
	n.Set(c, 1)
	require.Equal(t, []string{"changed n 1"}, f.until(t, "changed n 1"))

	// It goes on where it was.
	f.resp.Body.Close()
	n.Set(c, 2)
	f = watch(t, srv.URL, f.last)
	require.Equal(t, []string{"changed n 2"}, f.until(t, "changed n 2"))
	f.resp.Body.Close()

	// The id of another life is worth nothing.
	f = watch(t, srv.URL, "abc-4")
	require.Equal(t, "build n first build", f.until(t, "changed n 2")[0])
	f.resp.Body.Close()
	require.Eventually(t, func() bool { return insp.streams.n.Load() == 0 }, 10*time.Second, time.Millisecond)
}

// Nobody who looks leaves a goroutine behind, and there are only so many of them.
func TestStreamsEnd(t *testing.T) {
	before := runtime.NumGoroutine()
	insp := New()
	c := weir.NewContainer(weir.WithObserver(insp.Observer()))
	srv := httptest.NewServer(insp.Handler(c))
	tr := &http.Transport{}
	client := &http.Client{Transport: tr}
	var bodies []io.Closer
	for range streamsMax {
		resp, err := client.Get(srv.URL + "/?format=stream")
		require.NoError(t, err)
		require.Equal(t, 200, resp.StatusCode)
		bodies = append(bodies, resp.Body)
	}
	resp, err := client.Get(srv.URL + "/?format=stream")
	require.NoError(t, err)
	require.Equal(t, 503, resp.StatusCode)
	resp.Body.Close()
	require.Equal(t, int32(streamsMax), insp.streams.n.Load())
	for _, b := range bodies[1:] {
		b.Close()
	}
	// The last one is ended by the server.
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
	defer stop()
	require.NoError(t, srv.Config.Shutdown(ctx))
	bodies[0].Close()
	tr.CloseIdleConnections()
	srv.Close()
	require.NoError(t, c.Shutdown(context.Background()))
	require.Zero(t, insp.streams.n.Load())
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			stacks := make([]byte, 1<<16)
			require.FailNow(t, "goroutines are left", "%d of %d\n%s", runtime.NumGoroutine()-before, before, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// A browser that reads nothing holds up nobody, and is cut off.
func TestSlowBrowser(t *testing.T) {
	insp := New(Values(func(weir.AnyProvider, any) string { return strings.Repeat("x", textMax) }))
	insp.patience = 200 * time.Millisecond
	c := newContainer(t, weir.WithObserver(insp.Observer()))
	n := weir.NewStateProvider(func(weir.Ref) int { return 0 }, weir.Name(strings.Repeat("n", textMax)))
	weir.Listen(c, n, nil)
	srv := httptest.NewUnstartedServer(insp.Handler(c))
	srv.Config.ConnState = func(conn net.Conn, s http.ConnState) {
		if s == http.StateNew {
			conn.(*net.TCPConn).SetWriteBuffer(1 << 10)
		}
	}
	srv.Start()
	t.Cleanup(srv.Close)
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	conn.(*net.TCPConn).SetReadBuffer(1 << 10)
	fmt.Fprint(conn, "GET /?format=stream HTTP/1.1\r\nHost: x\r\n\r\n")
	require.Eventually(t, func() bool { return insp.streams.n.Load() == 1 }, 10*time.Second, time.Millisecond)
	end := time.Now().Add(20 * time.Second)
	for i := 1; insp.streams.n.Load() == 1; i++ {
		began := time.Now()
		n.Set(c, i)
		require.Less(t, time.Since(began), 5*time.Second)
		require.True(t, time.Now().Before(end), "the browser was not cut off")
	}
}

// A Handler that nobody asks costs the program nothing, and the timeline an allocation for
// each event, and one for what had changed, beside what it costs to have an observer.
func TestCostsNothingUnlessLookedAt(t *testing.T) {
	cost := func(h func(opts ...weir.ContainerOption) *weir.Container, opts ...weir.ContainerOption) float64 {
		c := h(opts...)
		n := weir.NewStateProvider(func(weir.Ref) int { return 0 }, weir.Name("n"))
		sum := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, n) }, weir.Name("sum"))
		weir.Listen(c, sum, nil)
		i := 0
		return testing.AllocsPerRun(2000, func() { i++; n.Set(c, i) })
	}
	alone := func(opts ...weir.ContainerOption) *weir.Container { return newContainer(t, opts...) }
	before := runtime.NumGoroutine()
	bare := cost(alone)
	require.Equal(t, bare, cost(func(opts ...weir.ContainerOption) *weir.Container {
		c := newContainer(t, opts...)
		h := Handler(c, AllowActions())
		t.Cleanup(func() { runtime.KeepAlive(h) })
		return c
	}), "a handler that nobody asks")
	empty := cost(alone, weir.WithObserver(&weir.Observer{
		Updated: func(weir.UpdatedEvent) {}, BuildStarted: func(weir.BuildStartedEvent) {}, BuildEnded: func(weir.BuildEndedEvent) {},
		Disposed: func(weir.DisposedEvent) {},
	}))
	const events = 5 // of a Set: n and sum have changed; a build of sum is over, the next begins and ends
	require.LessOrEqual(t, cost(alone, weir.WithObserver(New(Ring(100)).Observer())), empty+events+1, "the timeline beside an observer that does nothing")
	require.LessOrEqual(t, runtime.NumGoroutine(), before)
}

// Looking changes no count, builds nothing, and keeps no element, value or provider.
func TestLooksAtNobodysCost(t *testing.T) {
	type big struct{ _ [1 << 16]byte }
	insp := New()
	c := newContainer(t, weir.WithObserver(insp.Observer()))
	h := insp.Handler(c)
	added, cancelled := 0, 0
	var value weak.Pointer[big]
	var member weak.Pointer[weir.Provider[*big]]
	f := weir.NewFamily(func(int) *weir.Provider[*big] {
		return weir.NewProvider(func(ref weir.Ref) *big {
			ref.OnAddListener(func() { added++ })
			ref.OnCancel(func() { cancelled++ })
			b := &big{}
			value = weak.Make(b)
			return b
		}, weir.DisposeDelay(0))
	}, weir.Name("f"))
	fails := weir.NewTryProvider(func(weir.Ref) (int, error) { return 0, &heavy{&big{}} }, weir.DisposeDelay(0),
		weir.Retry(func(int, error) (time.Duration, bool) { return 0, false }))
	func() {
		p := f.Of(1)
		member = weak.Make(p)
		sub := weir.Listen(c, p, nil)
		other := weir.Listen(c, fails, nil, weir.OnError(func(error) {}))
		before := c.Snapshot()
		for _, format := range []string{"json", "dot", "mermaid", "timeline", "json&focus=" + elementID(insp.seed, c, p).String()} {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest("GET", "/?format="+format, nil))
			require.Equal(t, 200, w.Code)
		}
		after := c.Snapshot()
		for i := range before.Elements {
			before.Elements[i].Age, after.Elements[i].Age = 0, 0
		}
		require.Equal(t, before, after)
		require.Equal(t, 1, added)
		require.Zero(t, cancelled)
		sub.Close()
		other.Close()
	}()
	require.False(t, c.Exists(f))
	require.Eventually(t, func() bool {
		runtime.GC()
		return value.Value() == nil && member.Value() == nil
	}, 10*time.Second, time.Millisecond, "something holds what is gone")
	require.NotEmpty(t, timeline(t, h))
	runtime.KeepAlive(h)
}

type heavy struct{ v any }

func (*heavy) Error() string { return "heavy" }

// Many look at what many change.
func TestLooksFromEverywhere(t *testing.T) {
	insp := New(Ring(50))
	c := newContainer(t, weir.WithObserver(insp.Observer()))
	f := weir.NewFamily(func(i int) *weir.StateProvider[int] {
		return weir.NewStateProvider(func(weir.Ref) int { return i }, weir.DisposeDelay(0))
	})
	srv := httptest.NewServer(insp.Handler(c))
	t.Cleanup(srv.Close)
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for j := range 100 {
				sub := weir.Listen(c, f.Of(j%7), nil)
				f.Of(j%7).Set(c, j)
				child := weir.NewContainer(weir.WithParent(c))
				sub.Close()
				child.Close()
			}
		})
		all.Go(func() {
			for _, format := range []string{"json", "dot", "mermaid", "timeline"} {
				for range 5 {
					resp, err := http.Get(srv.URL + "/?format=" + format)
					if err == nil {
						io.Copy(io.Discard, resp.Body)
						resp.Body.Close()
					}
				}
			}
		})
		if i == 0 {
			all.Go(func() { watch(t, srv.URL, "").resp.Body.Close() })
		}
	}
	all.Wait()
}

// However many look, a picture is taken only so often, and is not kept.
func TestCameraRests(t *testing.T) {
	c := newContainer(t)
	for i := range 5000 {
		weir.Read(c, weir.NewProvider(func(weir.Ref) int { return i }))
	}
	k := &handler{Inspector: New()}
	k.camera.seed, k.camera.c = k.seed, c
	p := k.camera.picture()
	if p.took > 300*time.Microsecond {
		require.Same(t, p, k.camera.picture())
	}
	k.camera.forget()
	require.NotSame(t, p, k.camera.picture())
	require.Eventually(t, func() bool { k.camera.mu.Lock(); defer k.camera.mu.Unlock(); return k.camera.last == nil }, 20*time.Second, time.Millisecond)
	require.Nil(t, p.nodes[0].Provider)
}
