package inspect_test

// This file holds what is shown: pictures, folding, bounds, formats, and the two answers.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
	"github.com/weir-go/weir/inspect"
)

// hostile is a name that would do harm if it were taken for anything but text.
const hostile = `<img src=x onerror="window.pwned=1;document.title='pwned';alert(1)"></script><script>window.pwned=2</script>` + "\"];\nn0[\"x\" \\\" -->\u202e`;click n0 \"javascript:alert(1)\""

// look is the JSON of a look, as far as tests need it.
type look struct {
	Total, Matched, ContainersTotal int
	States                          map[string]int
	Timeline, Actions               bool
	Cut                             []string
	Containers                      []struct {
		ID, Parent, Label string
		Elements          int
	}
	Nodes []struct {
		ID, Container, Name, Kind, Declared, State, Group        string
		Stale, Failed, CanCancel                                 bool
		Listeners, Paused, Weak, Links, Dependencies, Dependents int
		Members, Builds                                          int
		Generation                                               uint64
		LastBuildMs, AgeMs, DisposeInMs                          float64
		MemberStates                                             map[string]int
		Outside                                                  []string
	}
	Edges []struct {
		From, To      string
		Count, Active int
	}
	Detail *struct {
		Name, Value string
		Why, Keeps  []struct{ Text, ID, Name string }
		Events      []struct {
			Kind, Name, Value string
			Changed           []string
			ChangedMore       int
		}
	}
}

// get looks at what is there now: on a slow machine a picture is kept for a moment.
func get(h http.Handler, query string) *httptest.ResponseRecorder {
	inspect.Forget(h)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/debug/weir/?"+query, nil))
	return w
}

func see(t testing.TB, h http.Handler, query string) (l look) {
	t.Helper()
	w := get(h, "format=json&"+query)
	require.Equal(t, 200, w.Code, w.Body)
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &l))
	return l
}

// names returns the names of the drawn nodes.
func (l look) names() (names []string) {
	for _, n := range l.Nodes {
		names = append(names, n.Name)
	}
	return names
}

func (l look) id(name string) string {
	for _, n := range l.Nodes {
		if n.Name == name {
			return n.ID
		}
	}
	return ""
}

// edges are the drawn edges by name, with ... for those that are not active.
func (l look) edges() (edges []string) {
	name := map[string]string{}
	for _, n := range l.Nodes {
		name[n.ID] = n.Name
	}
	for _, e := range l.Edges {
		arrow := " -> "
		if e.Active == 0 {
			arrow = " ... "
		}
		edges = append(edges, name[e.From]+arrow+name[e.To])
	}
	return edges
}

func (l look) why() (text string) {
	for _, a := range l.Detail.Why {
		text += a.Name + " " + a.Text + "\n"
	}
	return text
}

func (l look) keeps() (text string) {
	for _, a := range l.Detail.Keeps {
		text += a.Name + " " + a.Text + "\n"
	}
	return text
}

func container(t testing.TB, opts ...weir.ContainerOption) *weir.Container {
	c := weir.NewContainer(append(opts, weir.WithPanicHandler(func(*weir.PanicError) {}))...)
	t.Cleanup(func() { c.Shutdown(context.Background()) })
	return c
}

func TestPicture(t *testing.T) {
	a := weir.NewStateProvider(func(weir.Ref) int { return 1 }, weir.Name("a"))
	b := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, a) }, weir.Name("b"), weir.DisposeDelay(time.Hour))
	x := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, a) }, weir.Name("x"))
	bad := weir.NewTryProvider(func(weir.Ref) (int, error) { return 0, errors.New("no") }, weir.Name("bad"),
		weir.Retry(func(int, error) (time.Duration, bool) { return 0, false }))
	own := weir.NewStateProvider(func(weir.Ref) int { return 0 }, weir.Name("own"), weir.Scoped())
	in := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, own) + weir.Watch(ref, a) }, weir.Name("in"), weir.Scoped(own))
	c := container(t)
	sub := weir.Listen(c, b, nil)
	weir.Listen(c, b, nil, weir.Weak())
	weir.Read(c, x)
	weir.Read(c, bad)
	child := weir.NewContainer(weir.WithParent(c), own.OverrideWithValue(7))
	weir.Listen(child, in, nil)
	h := inspect.Handler(c)

	l := see(t, h, "")
	require.ElementsMatch(t, []string{"a", "b", "x", "bad", "own", "in"}, l.names())
	require.ElementsMatch(t, []string{"a -> b", "a ... x", "own -> in", "a -> in"}, l.edges())
	require.Equal(t, 6, l.Total)
	require.Equal(t, map[string]int{"active": 4, "standby": 2, "failed": 1}, l.States)
	require.False(t, l.Timeline)
	require.False(t, l.Actions)
	require.Len(t, l.Containers, 2)
	require.Equal(t, l.Containers[0].ID, l.Containers[1].Parent)
	for _, n := range l.Nodes {
		require.Regexp(t, `^view_test\.go:\d+$`, n.Declared)
		if n.Name == "b" {
			require.Equal(t, []int{1, 1, 1}, []int{n.Listeners, n.Weak, n.Builds})
			require.NotZero(t, n.Generation)
			require.Equal(t, "Provider", n.Kind)
		}
		require.Equal(t, n.Name == "in" || n.Name == "own", n.Container == l.Containers[1].ID, n.Name)
	}
	sub.Pause()
	l = see(t, h, "")
	require.Contains(t, l.edges(), "a ... b")
	sub.Close()
	l = see(t, h, "q=b&state=standby")
	require.ElementsMatch(t, []string{"b", "bad"}, l.names())
	require.Greater(t, l.Nodes[0].DisposeInMs+l.Nodes[1].DisposeInMs, 1000.0*3500)
	l = see(t, h, "state=failed")
	require.Equal(t, []string{"bad"}, l.names())
	l = see(t, h, "focus="+l.Nodes[0].ID)
	require.Equal(t, []string{"bad"}, l.names())
	require.Contains(t, l.why(), "There is no timeline")
	require.Contains(t, l.keeps(), "no AutoDispose provider")
	require.Equal(t, "bad", l.Detail.Name)
	require.Empty(t, see(t, h, "focus=nonsense").Nodes)

	// A child alone says that a dependency is outside of the picture.
	l = see(t, inspect.Handler(child), "q=in")
	require.Equal(t, []string{"a"}, l.Nodes[0].Outside)
}

// What is behind, and what a build took, in numbers of virtual time.
func TestPictureOfStaleAndSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := weir.NewContainer()
		defer c.Shutdown(context.Background())
		a := weir.NewStateProvider(func(weir.Ref) int { return 1 }, weir.Name("a"))
		b := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, a) }, weir.Name("b"), weir.DisposeDelay(time.Hour))
		slow := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
			time.Sleep(3 * time.Second)
			return 1, nil
		}, weir.Name("slow"))
		h := inspect.Handler(c)
		time.Sleep(time.Second)
		weir.Read(c, b)
		weir.Listen(c, slow, nil)
		l := see(t, h, "state=building")
		require.Equal(t, []string{"slow"}, l.names())
		require.True(t, l.Nodes[0].CanCancel)
		time.Sleep(5 * time.Second)
		a.Set(c, 2)
		l = see(t, h, "q=slow")
		require.Equal(t, 3000.0, l.Nodes[0].LastBuildMs)
		require.Equal(t, 5000.0, l.Nodes[0].AgeMs)
		require.False(t, l.Nodes[0].CanCancel)
		require.Equal(t, 1, l.Nodes[0].Listeners)
		l = see(t, h, "state=stale")
		require.Equal(t, []string{"b"}, l.names())
		require.Equal(t, "standby", l.Nodes[0].State)
		require.True(t, l.Nodes[0].Stale)
		require.Equal(t, 3595_000.0, l.Nodes[0].DisposeInMs)
		require.Equal(t, 1, l.States["stale"])
		require.Contains(t, get(h, "format=dot").Body.String(), "standby, stale, 59m55s left")
	})
}

func TestFoldsFamilies(t *testing.T) {
	base := weir.NewStateProvider(func(weir.Ref) int { return 1 }, weir.Name("base"))
	f := weir.NewFamily(func(i int) *weir.Provider[int] {
		return weir.NewProvider(func(ref weir.Ref) int { return i + weir.Watch(ref, base) })
	}, weir.Name("f"))
	sum := weir.NewProvider(func(ref weir.Ref) (n int) {
		for i := range 5 {
			n += weir.Watch(ref, f.Of(i))
		}
		return n
	}, weir.Name("sum"))
	c := container(t)
	weir.Listen(c, sum, nil)
	weir.Read(c, f.Of(7))
	h := inspect.Handler(c)
	l := see(t, h, "")
	require.ElementsMatch(t, []string{"base", "f(…)", "sum"}, l.names())
	require.Equal(t, 7, l.Total-1)
	for _, n := range l.Nodes {
		if n.Members > 0 {
			require.Equal(t, 6, n.Members)
			require.Equal(t, map[string]int{"active": 5, "standby": 1}, n.MemberStates)
			require.Equal(t, "active", n.State)
			require.Equal(t, 5, n.Listeners)
		}
	}
	require.ElementsMatch(t, []string{"base -> f(…)", "f(…) -> sum"}, l.edges())
	base.Set(c, 2) // f(7), which nobody listens to, is behind
	for _, n := range see(t, h, "").Nodes {
		if n.Members > 0 {
			require.Equal(t, map[string]int{"active": 5, "standby": 1, "stale": 1}, n.MemberStates)
			require.False(t, n.Stale)
		}
	}
	open := see(t, h, "open="+l.id("f(…)"))
	require.Len(t, open.Nodes, 8)
	require.Len(t, see(t, h, "fold=0").Nodes, 8)
	l = see(t, h, "focus="+open.id("f(2)"))
	require.ElementsMatch(t, []string{"base", "f(2)", "sum"}, l.names())
	l = see(t, h, "focus="+open.id("base"))
	require.ElementsMatch(t, []string{"base", "f(…)", "sum"}, l.names())
}

func TestTenThousand(t *testing.T) {
	base := weir.NewStateProvider(func(weir.Ref) int { return 1 }, weir.Name("base"))
	ps := make([]*weir.Provider[int], 10000)
	c := container(t)
	for i := range ps {
		ps[i] = weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, base) }, weir.Name(fmt.Sprint("p", i)))
		weir.Read(c, ps[i])
	}
	for range 50 {
		weir.NewContainer(weir.WithParent(c))
	}
	weir.Listen(c, ps[9876], nil)
	h := inspect.Handler(c)
	began := time.Now()
	w := get(h, "format=json")
	took := time.Since(began)
	t.Log("a look at 10,000 elements took", took, "and", w.Body.Len(), "bytes")
	require.Less(t, w.Body.Len(), 200_000)
	l := see(t, h, "")
	require.Len(t, l.Nodes, 250)
	require.Equal(t, 10001, l.Matched)
	require.Contains(t, l.Cut[0], "9751 of 10001 nodes are not drawn (9751 elements)")
	require.Contains(t, l.names(), "p9876", "what is active goes before what is not")
	require.Len(t, l.Containers, 21)
	require.Contains(t, strings.Join(l.Cut, " "), "30 of 51 containers are not drawn")
	l = see(t, h, "q=p9876")
	require.Equal(t, []string{"p9876"}, l.names())
	require.Empty(t, l.Cut)
	l = see(t, h, "focus="+l.Nodes[0].ID)
	require.ElementsMatch(t, []string{"base", "p9876"}, l.names())
	l = see(t, h, "focus="+l.id("base")+"&limit=10")
	require.Len(t, l.Nodes, 10)
	require.Contains(t, l.names(), "base")
	require.Len(t, l.Detail.Keeps, 23)
	require.Equal(t, "p9876", l.Detail.Keeps[1].Name, "what is active comes first")
	for _, format := range []string{"dot", "mermaid"} {
		text := get(h, "limit=20&format="+format).Body.String()
		require.Less(t, len(text), 10_000)
		require.Contains(t, text, "9981 of 10001 nodes are not drawn")
	}
}

func TestFormats(t *testing.T) {
	a := weir.NewStateProvider(func(weir.Ref) int { return 1 }, weir.Name("a"))
	b := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, a) }, weir.Name("b"))
	c := container(t)
	weir.Read(c, b)
	h := inspect.Handler(c)
	dot := get(h, "format=dot")
	require.Equal(t, "text/vnd.graphviz; charset=utf-8", dot.Header().Get("Content-Type"))
	require.Contains(t, dot.Body.String(), "digraph weir {")
	require.Contains(t, dot.Body.String(), "n0 -> n1 [style=dashed];")
	require.Contains(t, get(h, "format=mermaid").Body.String(), "flowchart LR\n  subgraph c0[\"container\"]\n    n0[\"a<br/>StateProvider view_test.go:")
	require.Contains(t, get(h, "format=mermaid").Body.String(), "  n0 -.-> n1\n")
	weir.Listen(c, b, nil)
	require.Contains(t, get(h, "format=dot").Body.String(), "n0 -> n1 [style=solid];")
	require.Contains(t, get(h, "format=mermaid").Body.String(), "  n0 --> n1\n")
	page := get(h, "")
	require.Equal(t, "text/html; charset=utf-8", page.Header().Get("Content-Type"))
	for _, wrong := range []string{"format=xml", "format=json&limit=0", "format=json&limit=20001", "format=dot&limit=x", "format=json&state=odd"} {
		require.Equal(t, 400, get(h, wrong).Code, wrong)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("PUT", "/", nil))
	require.Equal(t, 405, w.Code)
	require.NotEmpty(t, w.Header().Get("Allow"))
}

// A name is text everywhere.
func TestHostileNames(t *testing.T) {
	insp := inspect.New(inspect.Values(func(_ weir.AnyProvider, v any) string { return v.(string) }))
	c := container(t, weir.WithObserver(insp.Observer()))
	evil := weir.NewStateProvider(func(weir.Ref) string { return hostile }, weir.Name(hostile))
	fails := weir.NewTryProvider(func(weir.Ref) (string, error) { return "", errors.New(hostile) }, weir.Name("fails\xff\x00"))
	weir.Listen(c, evil, nil)
	after := weir.NewProvider(func(ref weir.Ref) string { return weir.Watch(ref, evil) }, weir.Name("after"))
	weir.Listen(c, after, nil)
	evil.Set(c, hostile+"!")
	func() {
		defer func() { recover() }() // v.(string) of an AsyncValue: the observer's panic is its own
		weir.Read(c, fails)
	}()
	require.Regexp(t, `"kind":"added"[^}]*"name":"fails`, get(insp.Handler(c), "format=timeline").Body.String())
	long := weir.NewProvider(func(weir.Ref) int { return 1 }, weir.Name(strings.Repeat("long ", 1000)))
	weir.Read(c, long)
	h := insp.Handler(c)
	focus := "json&focus=" + see(t, h, "").id("after")
	require.Regexp(t, `"changed":\["\\u003cimg src`, get(h, "format=timeline").Body.String())
	require.Contains(t, see(t, h, focus[len("json&"):]).why(), `<img src=x onerror="window.pwned=1`)
	for _, format := range []string{"json", focus, "timeline", "dot", "mermaid"} {
		w := get(h, "format="+format)
		text := w.Body.String()
		require.NotContains(t, w.Header().Get("Content-Type"), "html")
		require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
		require.NotContains(t, text, "\u202e")
		require.NotContains(t, text, strings.Repeat("long ", 50))
		if format != "dot" { // in DOT it is inside of a string, which it cannot leave
			require.NotContains(t, text, "<img")
			require.NotContains(t, text, "<script")
		}
	}
	var l look
	require.NoError(t, json.Unmarshal(get(h, "format=json").Body.Bytes(), &l))
	require.Contains(t, l.names()[0], `<img src=x onerror="window.pwned=1`)

	// Each line of DOT is one statement, and its strings end where they should.
	for _, line := range strings.Split(strings.TrimSpace(get(h, "format=dot").Body.String()), "\n") {
		bare := regexp.MustCompile(`"(\\.|[^"\\])*"`).ReplaceAllString(line, `S`)
		require.Regexp(t, `^(digraph weir \{|\s*(rankdir=LR;|node \[shape=box, style=filled, fontname=S\];|subgraph cluster_0 \{|label=S;|n\d \[label=S, fillcolor=S\];|n\d -> n\d \[style=solid\];|\}))$`, bare, line)
	}
	for _, line := range strings.Split(strings.TrimSpace(get(h, "format=mermaid").Body.String()), "\n") {
		require.Regexp(t, `^(flowchart LR|\s*(subgraph c0\["container"\]|n\d\["[^"<>()\[\]{}`+"`"+`]*(<br/>[^"<>()\[\]{}`+"`"+`]*){3}"\]|end|n\d --> n\d|style n\d fill:#[0-9a-f]{6},color:#111))$`, line)
	}

	// The page is the same whatever the names are, and its policy lets only its own script run.
	page := get(h, "q="+url.QueryEscape(hostile)+"&format=")
	require.Equal(t, get(inspect.Handler(container(t)), "").Body.String(), page.Body.String())
	policy := page.Header().Get("Content-Security-Policy")
	require.Contains(t, policy, "default-src 'none'; script-src 'sha256-")
	require.NotContains(t, policy, "unsafe")
	html := page.Body.String()
	require.Equal(t, 1, strings.Count(html, "<script"))
	require.Equal(t, 1, strings.Count(html, "<style"))
	for _, never := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "srcdoc", "http://", "https://", " style=", "javascript:"} {
		require.NotContains(t, strings.ReplaceAll(html, "http://www.w3.org/2000/svg", ""), never)
	}
	require.NotRegexp(t, `<[^>]* on[a-z]+=`, html[:strings.Index(html, "<script>")])
	w := get(h, "format="+url.QueryEscape(hostile))
	require.Equal(t, 400, w.Code)
	require.NotContains(t, w.Body.String(), "<")
}
