package inspect_test

// This file holds the fuzz target of the inspector: names, values and errors that are anything, and requests that are anything. What
// comes back is a page, JSON, DOT, Mermaid or a feed without anything in it that a name has brought along, and nothing is acted on but
// by an action that is allowed.

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/weir-go/weir"
	"github.com/weir-go/weir/inspect"
)

// What a line of a drawing may be.
var (
	dotLine = regexp.MustCompile(`^(digraph weir \{|\}| +\}| +rankdir=LR;| +node \[shape=box, style=filled, fontname="sans-serif"\];| +// [^\n]*|` +
		` +subgraph cluster_\d+ \{| +label="([^"\\]|\\[\\"n])*";| +n\d+ \[label="([^"\\]|\\[\\"n])*", fillcolor="#[0-9a-f]{6}"\];| +n\d+ -> n\d+ \[style=(solid|dashed)\];)$`)
	mermaidText = `([^\x00-\x7f]|[ .,:_0-9A-Za-z-]|#\d+;)*`
	mermaidLine = regexp.MustCompile(`^(flowchart LR| +%% ` + mermaidText + `| +subgraph c\d+\["` + mermaidText + `"\]| +n\d+\["` + mermaidText + `(<br/>` + mermaidText + `)*"\]| +end|` +
		` +n\d+ (-->|-\.->) n\d+| +style n\d+ fill:#[0-9a-f]{6},color:#111)$`)
)

// Planted, one at a time, and found: names in DOT with their quotation marks; names in Mermaid as they are; an action without its header.
func FuzzInspector(f *testing.F) {
	f.Add("name", "value", "error", "GET", "format=json", "", byte(0))
	f.Add(hostile, hostile, hostile, "GET", "format=dot", "", byte(1))
	f.Add(hostile, hostile, hostile, "GET", "format=mermaid&filter="+url.QueryEscape("<script>"), "", byte(2))
	f.Add("a\nb\r\u2028c", "\x00\xff", "\u202e", "GET", "format=stream", "x-1", byte(3))
	f.Add("data: x\n\nevent: y", "id: 1", "retry: 1", "GET", "format=timeline", "", byte(4))
	f.Add("end\n  n0 --> n1", "", "", "POST", "action=dispose-unused", "", byte(5))
	f.Add("x", "", "", "POST", "action=dispose-unused", "", byte(1))
	f.Add("x", "", "", "POST", "action=invalidate&id=0", "", byte(6))
	f.Add("x", "", "", "POST", "action=cancel&id=ffffffffffffffff", "", byte(7))
	f.Add("x", "", "", "TRACE", "%zz&;&format=json&format=dot", "-", byte(0))
	f.Add("x", "", "", "HEAD", "format=json&focus=zz&max=-1&depth=99999999999999999999", "", byte(0))
	page := httptest.NewRecorder()
	empty := weir.NewContainer()
	defer empty.Close()
	inspect.Handler(empty).ServeHTTP(page, httptest.NewRequest("GET", "/", nil))
	f.Fuzz(func(t *testing.T, name, value, fault, method, query, last string, how byte) {
		var opts []inspect.Option
		if how&1 != 0 {
			opts = append(opts, inspect.AllowActions())
		}
		insp := inspect.New(append(opts, inspect.Values(func(weir.AnyProvider, any) string { return value }))...)
		c := weir.NewContainer(weir.WithObserver(insp.Observer()), weir.WithPanicHandler(func(*weir.PanicError) {}))
		defer c.Shutdown(t.Context())
		builds := 0
		state := weir.NewStateProvider(func(weir.Ref) int { return 1 }, weir.Name(name+"\""))
		sum := weir.NewProvider(func(ref weir.Ref) int {
			builds++
			return weir.Watch(ref, state)
		}, weir.Name(name), weir.Scoped())
		bad := weir.NewTryProvider(func(ref weir.Ref) (int, error) { return weir.Watch(ref, state), errors.New(fault) }, weir.Name(`\`+name))
		family := weir.NewFamily(func(string) *weir.StateProvider[string] {
			return weir.NewStateProvider(func(weir.Ref) string { return value })
		}, weir.Name(name), weir.DisposeDelay(time.Hour))
		child := weir.NewContainer(weir.WithParent(c), sum.OverrideWithValue(7))
		weir.Listen(c, sum, nil)
		weir.Listen(c, bad, nil, weir.OnError(func(error) {}))
		weir.Read(c, family.Of(value))
		weir.Read(child, sum)
		state.Set(c, 2)
		was := builds

		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		r := httptest.NewRequestWithContext(ctx, "GET", "/", nil)
		r.Method, r.URL.RawQuery = method, query
		r.Header.Set("Last-Event-ID", last)
		allowed := how&1 != 0 && how&2 != 0
		if how&2 != 0 {
			r.Header.Set("Weir-Inspect", "1")
		}
		if how&4 != 0 {
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			allowed = false
		}
		w := httptest.NewRecorder()
		insp.Handler(c).ServeHTTP(w, r)

		said := func(format string, args ...any) {
			t.Helper()
			t.Errorf("%s ?%s, header %d, name %q: %d: "+format, append([]any{method, query, how, name, w.Code}, args...)...)
		}
		if (builds != was || w.Code == http.StatusNoContent) && (method != "POST" || !allowed) {
			said("it was acted on")
		}
		if w.Header().Get("Content-Security-Policy") == "" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
			said("headers %v", w.Header())
		}
		body := w.Body.String()
		switch kind, _, _ := strings.Cut(w.Header().Get("Content-Type"), ";"); {
		case w.Code >= 400:
			if kind != "text/plain" || w.Code >= 500 {
				said("%q as %s", body, kind)
			}
		case kind == "application/json":
			if !json.Valid([]byte(body)) {
				said("%q is no JSON", body)
			}
		case kind == "text/html":
			if body != page.Body.String() {
				said("the page is another: %q", body)
			}
		case kind == "text/vnd.graphviz":
			eachLine(body, dotLine, func(line string) { said("%q is no DOT", line) })
		case kind == "text/plain":
			eachLine(body, mermaidLine, func(line string) { said("%q is no Mermaid", line) })
		case kind == "text/event-stream":
			eachLine(body, regexp.MustCompile(`^(|id: [0-9a-f]+-\d+|event: (events|look)|data: \{.*\})$`), func(line string) { said("%q is in the feed", line) })
			for line := range strings.Lines(body) {
				if data, ok := strings.CutPrefix(line, "data: "); ok && !json.Valid([]byte(data)) {
					said("%q is no JSON", data)
				}
			}
		case w.Code != http.StatusNoContent:
			said("%q as %q", body, kind)
		}
		if w.Code < 400 && strings.ContainsFunc(strings.ReplaceAll(body, "\n", ""), func(r rune) bool { return !unicode.IsPrint(r) }) &&
			!strings.HasPrefix(body, "<!") {
			said("what does not print: %q", body)
		}
	})
}

func eachLine(text string, want *regexp.Regexp, wrong func(line string)) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSuffix(line, "\n"); !want.MatchString(line) {
			wrong(line)
		}
	}
}
