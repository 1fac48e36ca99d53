package inspect

// This file owns what goes over HTTP but the live feed: formats, headers, actions.

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strings"

	"github.com/weir-go/weir"
)

//go:embed index.html
var indexHTML string

// actionHeader must come with an action: no other site can send it without being asked
// about it by the browser, which gets no answer here.
const actionHeader = "Weir-Inspect"

type handler struct {
	*Inspector
	camera camera
	page   page
}

// page is the page and what its browser may do: run the script that is in it, apply the
// style that is in it, ask this server.
type page struct {
	html, policy string
}

func newPage() page {
	return page{indexHTML, "default-src 'none'; script-src " + inline(indexHTML, "script") + "; style-src " + inline(indexHTML, "style") +
		"; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"}
}

// inline is the hash of the one element tag in html.
func inline(html, tag string) string {
	_, text, _ := strings.Cut(html, "<"+tag+">")
	text, _, _ = strings.Cut(text, "</"+tag+">")
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Cache-Control", "no-store")
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("X-Frame-Options", "DENY")
	head.Set("Referrer-Policy", "no-referrer")
	head.Set("Cross-Origin-Resource-Policy", "same-origin")
	head.Set("Content-Security-Policy", h.page.policy)
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		h.get(w, r)
	case http.MethodPost:
		h.act(w, r)
	default:
		head.Set("Allow", "GET, HEAD, POST")
		http.Error(w, "GET shows, POST acts", http.StatusMethodNotAllowed)
	}
}

func (h *handler) get(w http.ResponseWriter, r *http.Request) {
	format := r.URL.Query().Get("format")
	var b bytes.Buffer
	switch format {
	case "":
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		b.WriteString(h.page.html)
	case "json", "dot", "mermaid":
		q, err := parseQuery(r.URL.Query())
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		h.draw(w, &b, format, q)
	case "timeline":
		events, _ := h.ring.since(0, math.MaxInt)
		encode(w, &b, map[string]any{"timeline": h.observer.Load(), "newest": h.ring.newest(), "events": eventsJSON(events)})
	case "stream":
		h.stream(w, r)
		return
	default:
		http.Error(w, "format is json, dot, mermaid, timeline or stream", http.StatusBadRequest)
		return
	}
	w.Write(b.Bytes())
}

func (h *handler) draw(w http.ResponseWriter, b *bytes.Buffer, format string, q query) {
	p := h.camera.picture()
	v := p.view(q)
	v.Timeline, v.Actions = h.observer.Load(), h.actions
	switch format {
	case "json":
		if i := p.find(q.focus); i >= 0 {
			var events []event
			if v.Timeline {
				events, _ = h.ring.since(0, math.MaxInt)
			}
			v.Detail = p.explain(i, events)
		}
		encode(w, b, v)
	case "dot":
		w.Header().Set("Content-Type", "text/vnd.graphviz; charset=utf-8")
		v.dot(b)
	case "mermaid":
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		v.mermaid(b)
	}
}

func encode(w http.ResponseWriter, b *bytes.Buffer, what any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	json.NewEncoder(b).Encode(what) // strings and finite numbers: it cannot fail
}

// act does what an action asks for, on this goroutine: builds and hooks that follow from it
// may run on it.
func (h *handler) act(w http.ResponseWriter, r *http.Request) {
	if !h.actions {
		http.Error(w, "the program does not allow actions: see inspect.AllowActions", http.StatusForbidden)
		return
	}
	if err := http.NewCrossOriginProtection().Check(r); err != nil || r.Header.Get(actionHeader) == "" {
		http.Error(w, "actions come from the page itself, or with the header "+actionHeader+" from no browser", http.StatusForbidden)
		return
	}
	action, x := r.URL.Query().Get("action"), r.URL.Query().Get("id")
	if action == "dispose-unused" {
		h.disposeUnused()
		h.done(w)
		return
	}
	if action != "invalidate" && action != "cancel" {
		http.Error(w, "action is invalidate, cancel or dispose-unused", http.StatusBadRequest)
		return
	}
	c, p := h.camera.locate(x)
	if p == nil {
		http.Error(w, "there is no such element any more", http.StatusNotFound)
		return
	}
	if action == "invalidate" {
		c.Invalidate(p)
	} else if can, ok := p.(canceler); ok {
		can.Cancel(c, fmt.Errorf("%w by the inspector", weir.ErrCanceled))
	} else {
		http.Error(w, "only asynchronous providers can be cancelled", http.StatusConflict)
		return
	}
	h.done(w)
}

func (h *handler) done(w http.ResponseWriter) {
	h.camera.forget()
	h.streams.wake()
	w.WriteHeader(http.StatusNoContent)
}

func (h *handler) disposeUnused() {
	for open := []*weir.Container{h.camera.c}; len(open) > 0; open = open[1:] {
		open = append(open, open[0].Snapshot().Children...)
		open[0].DisposeUnused()
	}
}
