package inspect

// This file owns DOT and Mermaid. Names are untrusted: what could end a string or begin
// markup does not get through.

import (
	"fmt"
	"hash/fnv"
	"io"
	"strconv"
	"strings"
	"time"
)

// hash shortens s, for ids.
func hash(s string) string {
	h := fnv.New64a()
	io.WriteString(h, s)
	return strconv.FormatUint(h.Sum64(), 36)
}

// lines is what a node of a drawing says.
func (n *viewNode) lines() []string {
	state := n.State
	if n.Stale {
		state += ", stale"
	}
	if n.Failed {
		state += ", failed"
	}
	if n.DisposeInMs > 0 {
		state += ", " + ago(time.Duration(n.DisposeInMs*float64(time.Millisecond))) + " left"
	}
	first := n.Name
	if n.Members > 0 {
		first += fmt.Sprintf(" %d members", n.Members)
	}
	return []string{first, n.Kind + " " + n.Declared, state, fmt.Sprintf("%s, #%d", plural(n.Listeners, "listener"), n.Generation)}
}

// color of a node in drawings.
func (n *viewNode) color() string {
	switch {
	case n.Failed:
		return "#f6c5c0"
	case n.State == "building":
		return "#cfe0fb"
	case n.State == "active" && !n.Stale:
		return "#c9ecd0"
	case n.Stale:
		return "#f8e6b0"
	}
	return "#e6e6e6"
}

// tree writes the boxes with their nodes, children inside parents.
func (v *view) tree(open func(depth, i int, b *viewBox), draw func(depth, i int, n *viewNode), end func(depth int)) {
	children := map[string][]int{}
	for i, b := range v.Boxes {
		children[b.Parent] = append(children[b.Parent], i)
	}
	nodes := map[string][]int{}
	for i, n := range v.Nodes {
		nodes[n.Container] = append(nodes[n.Container], i)
	}
	var walk func(depth, i int)
	walk = func(depth, i int) {
		b := &v.Boxes[i]
		open(depth, i, b)
		for _, n := range nodes[b.ID] {
			draw(depth+1, n, &v.Nodes[n])
		}
		for _, child := range children[b.ID] {
			walk(depth+1, child)
		}
		end(depth)
	}
	for _, i := range children[""] {
		walk(1, i)
	}
}

// index is the number of each node in drawings.
func (v *view) index() map[string]int {
	at := make(map[string]int, len(v.Nodes))
	for i, n := range v.Nodes {
		at[n.ID] = i
	}
	return at
}

func indent(depth int) string { return strings.Repeat("  ", min(depth, 20)) }

// dot writes v in the language of Graphviz.
func (v *view) dot(w io.Writer) {
	fmt.Fprint(w, "digraph weir {\n  rankdir=LR;\n  node [shape=box, style=filled, fontname=\"sans-serif\"];\n")
	for _, cut := range v.Cut {
		fmt.Fprintf(w, "  // %s\n", cut)
	}
	v.tree(func(depth, i int, b *viewBox) {
		fmt.Fprintf(w, "%ssubgraph cluster_%d {\n%s  label=%s;\n", indent(depth), i, indent(depth), dotString(b.Label))
	}, func(depth, i int, n *viewNode) {
		fmt.Fprintf(w, "%sn%d [label=%s, fillcolor=%q];\n", indent(depth), i, dotString(n.lines()...), n.color())
	}, func(depth int) { fmt.Fprintf(w, "%s}\n", indent(depth)) })
	at := v.index()
	for _, e := range v.Edges {
		style := "solid"
		if e.Active == 0 {
			style = "dashed"
		}
		fmt.Fprintf(w, "  n%d -> n%d [style=%s];\n", at[e.From], at[e.To], style)
	}
	fmt.Fprint(w, "}\n")
}

// dotString quotes lines for DOT, where a backslash begins an escape.
func dotString(lines ...string) string {
	r := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", " ", "\r", " ")
	quoted := make([]string, len(lines))
	for i, l := range lines {
		quoted[i] = r.Replace(l)
	}
	return `"` + strings.Join(quoted, `\n`) + `"`
}

// mermaid writes v as a Mermaid flowchart.
func (v *view) mermaid(w io.Writer) {
	fmt.Fprint(w, "flowchart LR\n")
	for _, cut := range v.Cut {
		fmt.Fprintf(w, "  %%%% %s\n", mermaidText(cut))
	}
	v.tree(func(depth, i int, b *viewBox) {
		fmt.Fprintf(w, "%ssubgraph c%d[\"%s\"]\n", indent(depth), i, mermaidText(b.Label))
	}, func(depth, i int, n *viewNode) {
		lines := n.lines()
		for k := range lines {
			lines[k] = mermaidText(lines[k])
		}
		fmt.Fprintf(w, "%sn%d[\"%s\"]\n", indent(depth), i, strings.Join(lines, "<br/>"))
	}, func(depth int) { fmt.Fprintf(w, "%send\n", indent(depth)) })
	at := v.index()
	for _, e := range v.Edges {
		arrow := "-->"
		if e.Active == 0 {
			arrow = "-.->"
		}
		fmt.Fprintf(w, "  n%d %s n%d\n", at[e.From], arrow, at[e.To])
	}
	for i := range v.Nodes {
		fmt.Fprintf(w, "  style n%d fill:%s,color:#111\n", i, v.Nodes[i].color())
	}
}

// mermaidText writes everything but letters, digits and the harmless as Mermaid's entities,
// for a renderer may take labels for HTML.
func mermaidText(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r > 127 || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune(" .,:_-", r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "#%d;", r)
		}
	}
	return b.String()
}
