package graph

// This file holds the negative controls of Check: a checker that never complains proves nothing. For each message of check.go there is
// a planted violation that must be reported, and the messages are read from the source so that none is forgotten.

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// plants are violations by the message that they must cause. Each is planted in a graph of its own: s <- x <- y, with an active
// listener at y and a fresh, unused z beside them, which is auto-dispose.
var plants = []struct {
	name, message string
	at            string // the cell that has to be checked
	plant         func(s, x, y, z *cell)
}{
	{"a watch that points beyond the list", "watch %d is not where its source has it", "x", func(s, x, y, z *cell) { x.deps[0].out = 7 }},
	{"a watch that points behind the last", "watch %d is not where its source has it", "x", func(s, x, y, z *cell) { x.deps[0].out = uint32(len(s.outs)) }},
	{"a watch that points at an edge of another", "watch %d is not where its source has it", "x", func(s, x, y, z *cell) { s.outs[0].dst = &y.Node }},
	{"a watch that points at another edge of its own", "watch %d is not where its source has it", "x", func(s, x, y, z *cell) { s.outs[0].in = 7 }},
	{"an edge of two kinds", "watch %d is of kind %d here and %d there", "x", func(s, x, y, z *cell) { x.deps[0].kind = Settled }},
	{"a watch of what was disposed", "watch %d is of something absent", "x", func(s, x, y, z *cell) { s.phase = Absent }},
	{"a mark that did not get through", "it is fresh, but watch %d is stale", "x", func(s, x, y, z *cell) { s.flags |= Pending }},
	{"fresh while what it watches is being built", "it is fresh, but watch %d is stale", "x", func(s, x, y, z *cell) { s.phase = Building }},
	{"a dependent that points beyond the list", "dependent %d does not have it where it says", "s", func(s, x, y, z *cell) { s.outs[0].in = 7 }},
	{"a dependent that has let go", "dependent %d does not have it where it says", "s", func(s, x, y, z *cell) { x.deps = nil }},
	{"a dependent that watches another", "dependent %d does not have it where it says", "s", func(s, x, y, z *cell) { x.deps[0].src = &z.Node }},
	{"a dependent that has it elsewhere", "dependent %d does not have it where it says", "s", func(s, x, y, z *cell) { x.deps[0].out = 7 }},
	{"a listener that was not counted", "%d listeners, counted %d", "y", func(s, x, y, z *cell) { y.subs-- }},
	{"a count that leaked", "%d active users, counted %d", "s", func(s, x, y, z *cell) { s.active++ }},
	{"a count that did not climb", "%d active users, counted %d", "s", func(s, x, y, z *cell) { x.active-- }},
	{"watches that survived disposal", "absent with %d watches and flags %b", "x", func(s, x, y, z *cell) { x.phase = Absent }},
	{"a mark on what is absent", "absent with %d watches and flags %b", "z", func(s, x, y, z *cell) { z.phase, z.flags = Absent, Dirty }},
	{"in flight though absent", "absent with %d watches and flags %b", "z", func(s, x, y, z *cell) { z.phase, z.flags = Absent, InFlight }},
	{"stale and open to readers", "readable with flags %b in phase %d", "x", func(s, x, y, z *cell) { x.flags |= Dirty }},
	{"failed and open to readers", "readable with flags %b in phase %d", "z", func(s, x, y, z *cell) { z.flags |= failed }},
	{"reads on standby are not noted", "readable by word %b with %d active users", "z", func(s, x, y, z *cell) { z.Word.Store(Readable) }},
	{"reads are noted for nothing", "readable by word %b with %d active users", "x", func(s, x, y, z *cell) { x.Word.Store(Readable | Touch) }},
}

func TestCheckReportsWhatIsPlanted(t *testing.T) {
	for _, p := range plants {
		t.Run(p.name, func(t *testing.T) {
			w := newWorld(t)
			s := w.state("s", 1)
			x := w.sum("x", s)
			y := w.sum("y", x)
			z := w.derived("z", Auto, func(*run) int { return 1 })
			w.fresh(y)
			w.fresh(z)
			w.listen(y)
			cells := map[string]*cell{"s": s, "x": x, "y": y, "z": z}
			check := func(name string) []error {
				listeners := 0
				if name == "y" {
					listeners = 1
				}
				return cells[name].Check(listeners, listeners)
			}
			for name := range cells {
				require.Empty(t, check(name), "before anything was planted: %s", name)
			}
			p.plant(s, x, y, z)
			var got []string
			for _, err := range check(p.at) {
				got = append(got, err.Error())
			}
			require.Regexp(t, pattern(p.message), strings.Join(got, "\n"))
		})
	}
}

// pattern is what matches one line that was formatted with message.
func pattern(message string) string {
	return "(?m)^" + regexp.MustCompile(`%[dvb]`).ReplaceAllString(regexp.QuoteMeta(message), `\S+`) + "$"
}

func TestEveryMessageOfCheckHasAPlant(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "check.go", nil, 0)
	require.NoError(t, err)
	planted := map[string]bool{}
	for _, p := range plants {
		planted[p.message] = true
	}
	messages := 0
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if fn, ok := call.Fun.(*ast.Ident); !ok || fn.Name != "fail" {
			return true
		}
		lit, ok := call.Args[0].(*ast.BasicLit)
		require.True(t, ok, "a message must be a literal to be found here")
		message, err := strconv.Unquote(lit.Value)
		require.NoError(t, err)
		require.True(t, planted[message], "nothing is planted for %q", message)
		delete(planted, message)
		messages++
		return true
	})
	require.NotZero(t, messages)
	require.Empty(t, planted, "messages that check.go does not have")
}

func TestCheckKnowsWhatIsNoViolation(t *testing.T) {
	w := newWorld(t)
	s := w.state("s", 1)
	x := w.sum("x", s)
	w.fresh(x)
	w.launch(x)
	s.flags |= Dirty
	s.Hide()
	w.sound() // a parked watch delivers nothing (P8)
	s.flags &^= Dirty
	w.g.Watch(&x.Node, &s.Node, x.Gen(), Waiting, nil)
	s.flags |= Dirty
	w.sound() // and one that waits looks again when it is woken
	y := w.sum("y", s)
	y.deps = nil
	w.g.Begin(&y.Node, false)
	w.g.Watch(&y.Node, &s.Node, y.Gen(), Value, nil)
	require.Empty(t, y.Check(0, 0)) // a synchronous build is judged when it is done
}
