package inspect

// This file owns the view: the part of a picture that one look asked for, folded and
// bounded, with what was left out in words.

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weir-go/weir"
)

const (
	defaultLimit = 250
	maxLimit     = 20000
	foldFrom     = 4  // members that make a family worth folding
	edgesPerNode = 6  // drawn, on the average
	emptyBoxes   = 20 // containers without a drawn node that are shown all the same
)

// query is what one look asks for.
type query struct {
	text   string
	states []string
	focus  string
	open   map[string]bool
	fold   bool
	limit  int
}

func parseQuery(v url.Values) (query, error) {
	q := query{text: strings.ToLower(v.Get("q")), states: v["state"], focus: v.Get("focus"), open: map[string]bool{}, fold: v.Get("fold") != "0", limit: defaultLimit}
	for _, s := range q.states {
		if !slices.Contains([]string{"active", "standby", "building", "stale", "failed"}, s) {
			return q, fmt.Errorf("state is active, standby, building, stale or failed")
		}
	}
	for _, g := range v["open"] {
		q.open[g] = true
	}
	if s := v.Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > maxLimit {
			return q, fmt.Errorf("limit is a number from 1 to %d", maxLimit)
		}
		q.limit = n
	}
	return q, nil
}

// wants reports whether n is asked for, when there is no focus.
func (q *query) wants(n *node) bool {
	if len(q.states) > 0 && !slices.ContainsFunc(q.states, n.is) {
		return false
	}
	return q.text == "" || strings.Contains(strings.ToLower(n.Name), q.text) ||
		strings.Contains(strings.ToLower(n.Kind), q.text) || strings.Contains(strings.ToLower(n.Declared), q.text)
}

// view is what a look gets to see; it is what JSON says.
type view struct {
	At         time.Time      `json:"at"`
	Total      int            `json:"total"`   // elements
	Matched    int            `json:"matched"` // of them, before folding
	States     map[string]int `json:"states"`  // of all
	Boxes      []viewBox      `json:"containers"`
	Nodes      []viewNode     `json:"nodes"`
	Edges      []viewEdge     `json:"edges"`
	Cut        []string       `json:"cut,omitempty"` // what was left out
	Timeline   bool           `json:"timeline"`
	Actions    bool           `json:"actions"`
	Containers int            `json:"containersTotal"`
	Detail     *detail        `json:"detail,omitempty"`
}

type viewBox struct {
	ID       string `json:"id"`
	Parent   string `json:"parent,omitempty"`
	Label    string `json:"label"`
	Elements int    `json:"elements"`
}

// viewNode is an element, or a family of which Members are folded.
type viewNode struct {
	ID           string         `json:"id"`
	Container    string         `json:"container"`
	Name         string         `json:"name"`
	Kind         string         `json:"kind"`
	Declared     string         `json:"declared"`
	State        string         `json:"state"`
	Stale        bool           `json:"stale,omitempty"`
	Failed       bool           `json:"failed,omitempty"`
	Listeners    int            `json:"listeners"`
	Paused       int            `json:"paused,omitempty"`
	Weak         int            `json:"weak,omitempty"`
	Links        int            `json:"links,omitempty"`
	Dependencies int            `json:"dependencies"`
	Dependents   int            `json:"dependents"`
	Outside      []string       `json:"outside,omitempty"` // dependencies that are not in the picture
	Generation   uint64         `json:"generation"`
	Builds       int            `json:"builds"`
	LastBuildMs  float64        `json:"lastBuildMs,omitempty"`
	AgeMs        float64        `json:"ageMs,omitempty"`
	DisposeInMs  float64        `json:"disposeInMs,omitempty"`
	Group        string         `json:"group,omitempty"`
	Members      int            `json:"members,omitempty"`
	MemberStates map[string]int `json:"memberStates,omitempty"`
	CanCancel    bool           `json:"canCancel,omitempty"`
}

// viewEdge goes from a dependency to what watches it.
type viewEdge struct {
	From   string `json:"from"`
	To     string `json:"to"`
	Count  int    `json:"count"`
	Active int    `json:"active"` // of them
}

// item is what becomes a node: elements that are drawn as one.
type item struct {
	id    string
	nodes []int
}

// view makes the picture's view for q.
func (p *picture) view(q query) *view {
	v := &view{
		At: p.at, Total: len(p.nodes), Containers: len(p.boxes), States: map[string]int{},
		Boxes: []viewBox{}, Nodes: []viewNode{}, Edges: []viewEdge{},
	}
	for i := range p.nodes {
		count(v.States, &p.nodes[i])
	}
	chosen := p.choose(q)
	v.Matched = len(chosen)
	items := p.fold(chosen, q)
	if len(items) > q.limit {
		hidden := 0
		for _, it := range items[q.limit:] {
			hidden += len(it.nodes)
		}
		v.Cut = append(v.Cut, fmt.Sprintf("%d of %d nodes are not drawn (%d elements): search, filter or focus, or ask for a higher limit", len(items)-q.limit, len(items), hidden))
		items = items[:q.limit]
	}
	slices.SortStableFunc(items, func(a, b item) int { return a.nodes[0] - b.nodes[0] }) // dependencies first
	drawn := map[int]int{}                                                               // element to item
	for i, it := range items {
		for _, n := range it.nodes {
			drawn[n] = i
		}
		v.Nodes = append(v.Nodes, p.draw(it, q))
	}
	p.connect(v, items, drawn, q.limit*edgesPerNode)
	p.enclose(v, drawn, q.focus == "" && q.text == "" && len(q.states) == 0)
	return v
}

// count adds n to counts by state.
func count(states map[string]int, n *node) {
	states[n.State.String()]++
	if n.Stale {
		states["stale"]++
	}
	if n.Failed {
		states["failed"]++
	}
}

// choose returns the elements that q wants, those first that matter most.
func (p *picture) choose(q query) []int {
	if q.focus != "" {
		return p.around(p.find(q.focus))
	}
	var chosen []int
	for i := range p.nodes {
		if q.wants(&p.nodes[i]) {
			chosen = append(chosen, i)
		}
	}
	slices.SortStableFunc(chosen, func(a, b int) int { return p.nodes[a].rank() - p.nodes[b].rank() })
	return chosen
}

func (n *node) rank() int {
	switch {
	case n.Failed:
		return 0
	case n.State == weir.StateBuilding:
		return 1
	case n.State == weir.StateActive:
		return 2
	}
	return 3
}

// around returns i, all that it needs and all that needs it, the nearest first.
func (p *picture) around(i int) []int {
	if i < 0 {
		return nil
	}
	near := []int{i}
	seen := map[int]bool{i: true}
	down, up := []int{i}, []int{i}
	step := func(from []int, next func(n *node) []int) (to []int) {
		for _, x := range from {
			for _, y := range next(&p.nodes[x]) {
				if !seen[y] {
					seen[y] = true
					to = append(to, y)
				}
			}
		}
		near = append(near, to...)
		return to
	}
	for len(down)+len(up) > 0 {
		down = step(down, func(n *node) []int { return n.deps })
		up = step(up, func(n *node) []int { return n.users })
	}
	return near
}

// fold makes items of the chosen elements, in their order.
func (p *picture) fold(chosen []int, q query) []item {
	members := map[string]int{}
	for _, i := range chosen {
		members[p.nodes[i].group]++
	}
	var items []item
	at := map[string]int{}
	for _, i := range chosen {
		n := &p.nodes[i]
		x := n.id.String()
		if !q.fold || n.group == "" || members[n.group] < foldFrom || q.open[groupID(n.group)] || x == q.focus {
			items = append(items, item{x, []int{i}})
			continue
		}
		k, ok := at[n.group]
		if !ok {
			k = len(items)
			at[n.group] = k
			items = append(items, item{id: groupID(n.group)})
		}
		items[k].nodes = append(items[k].nodes, i)
	}
	for _, k := range at { // one is left if the focus is on a member
		if it := &items[k]; len(it.nodes) == 1 {
			it.id = p.nodes[it.nodes[0]].id.String()
		} else {
			slices.Sort(it.nodes)
		}
	}
	return items
}

// groupID is the id of a family that is folded: it must not look like an element's.
func groupID(group string) string { return "g" + hash(group) }

func (p *picture) draw(it item, q query) viewNode {
	n := &p.nodes[it.nodes[0]]
	v := viewNode{
		ID: it.id, Container: p.boxes[n.box].id.String(), Name: n.Name, Kind: n.Kind, Declared: n.Declared,
	}
	if n.group != "" {
		v.Group = groupID(n.group)
	}
	if len(it.nodes) == 1 {
		v.State, v.Stale, v.Failed = n.State.String(), n.Stale, n.Failed
		v.Listeners, v.Paused, v.Weak, v.Links = n.Listeners, n.Paused, n.Weak, n.Links
		v.Dependencies, v.Dependents, v.Outside = len(n.deps)+len(n.outside), len(n.users), n.outside
		v.Generation, v.Builds = n.Generation, n.Builds
		v.LastBuildMs, v.AgeMs, v.DisposeInMs = millis(n.LastBuild), millis(n.Age), millis(n.DisposeIn)
		v.CanCancel = n.can && n.State == weir.StateBuilding
		return v
	}
	v.Name = n.Name[:strings.IndexByte(n.Name, '(')] + "(…)"
	v.Members, v.MemberStates = len(it.nodes), map[string]int{}
	best := 4
	for _, i := range it.nodes {
		m := &p.nodes[i]
		count(v.MemberStates, m)
		v.Listeners += m.Listeners
		v.Paused += m.Paused
		v.Weak += m.Weak
		v.Links += m.Links
		v.Dependencies += len(m.deps)
		v.Dependents += len(m.users)
		v.Builds += m.Builds
		v.Generation = max(v.Generation, m.Generation)
		v.LastBuildMs = max(v.LastBuildMs, millis(m.LastBuild))
		v.Failed = v.Failed || m.Failed
		if r := m.stateRank(); r < best {
			best, v.State = r, m.State.String()
		}
	}
	v.Stale = v.MemberStates["stale"] == v.Members // one of many is no news; one that failed is
	return v
}

// stateRank orders states by how much they say of a family.
func (n *node) stateRank() int {
	switch n.State {
	case weir.StateBuilding:
		return 0
	case weir.StateActive:
		return 1
	}
	return 2
}

// connect draws the edges between items, up to limit.
func (p *picture) connect(v *view, items []item, drawn map[int]int, limit int) {
	cut := 0
	for to, it := range items {
		at := map[int]int{} // item to edge
		for _, i := range it.nodes {
			for _, dep := range p.nodes[i].deps {
				from, ok := drawn[dep]
				if !ok || from == to {
					continue
				}
				k, ok := at[from]
				if !ok {
					if len(v.Edges) >= limit {
						cut++
						continue
					}
					k = len(v.Edges)
					at[from] = k
					v.Edges = append(v.Edges, viewEdge{From: items[from].id, To: it.id})
				}
				v.Edges[k].Count++
				if p.nodes[i].lively() {
					v.Edges[k].Active++
				}
			}
		}
	}
	if cut > 0 {
		v.Cut = append(v.Cut, fmt.Sprintf("%d dependencies between drawn nodes are not drawn", cut))
	}
}

// enclose draws the containers of the drawn elements, those around them and, if all was
// asked for, some of the empty ones.
func (p *picture) enclose(v *view, drawn map[int]int, all bool) {
	show := make([]bool, len(p.boxes))
	show[0] = true
	for i := range drawn {
		for b := p.nodes[i].box; b >= 0 && !show[b]; b = p.boxes[b].parent {
			show[b] = true
		}
	}
	cut, empty := 0, 0
	for i, b := range p.boxes {
		if !show[i] {
			if !all {
				continue
			}
			if b.nodes > 0 || empty == emptyBoxes || !show[b.parent] {
				cut++
				continue
			}
			empty++
			show[i] = true
		}
		x := viewBox{ID: b.id.String(), Elements: b.nodes, Label: "container"}
		if b.parent >= 0 {
			x.Parent, x.Label = p.boxes[b.parent].id.String(), "child "+x.ID[:min(4, len(x.ID))]
		}
		v.Boxes = append(v.Boxes, x)
	}
	if cut > 0 {
		v.Cut = append(v.Cut, fmt.Sprintf("%d of %d containers are not drawn", cut, len(p.boxes)))
	}
}
