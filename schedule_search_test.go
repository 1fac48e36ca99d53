//go:build weirsched

package weir

// This file owns the search for a schedule that breaks a rule: depth first over the choices
// with a bound on preemptions, at random from a seed, or the one list that is given.

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// program is a few operations on two or three goroutines, and the rules that it is about.
type program struct {
	name  string
	rules string
	make  func(w *world)
}

// schedule is what a run is made again from: the choices that were not the first, by step.
type schedule struct {
	fine  bool
	took  map[int]int
	whole []choice // of the run that it was made of, as far as it is to be the same
}

func (x schedule) String() string {
	var b strings.Builder
	if x.fine {
		b.WriteString("fine")
	} else {
		b.WriteString("coarse")
	}
	for i, c := range x.whole {
		if c.took != 0 {
			fmt.Fprintf(&b, " %d:%d", i, c.took)
		}
	}
	return b.String()
}

func parseSchedule(s string) (x schedule, err error) {
	x.took = map[int]int{}
	for i, f := range strings.Fields(s) {
		if i == 0 {
			x.fine = f == "fine"
			continue
		}
		step, took, _ := strings.Cut(f, ":")
		at, err1 := strconv.Atoi(step)
		n, err2 := strconv.Atoi(took)
		if err1 != nil || err2 != nil {
			return x, fmt.Errorf("%q is not step:choice", f)
		}
		x.took[at] = n
	}
	return x, nil
}

// cost is how many choices were not the first, and how many of these preemptions: they leave
// who ran last, and could go on.
func cost(cs []choice) (preemptions, turns int) {
	for _, c := range cs {
		if c.took != 0 {
			turns++
			if c.stay {
				preemptions++
			}
		}
	}
	return preemptions, turns
}

// inBubble runs prog once. A run that does not end takes the test with it, for its bubble
// never ends: what there is to say is said before.
func inBubble(t *testing.T, prog *program, fine, trace bool, choose func(step, of int, stay bool) int) (o outcome) {
	synctest.Test(t, func(t *testing.T) {
		if o = play(prog, fine, trace, choose); o.dead {
			fmt.Fprintf(os.Stderr, "%s: %v\nWEIR_SCHED='%s: %s'\n%s\n", prog.name, o.err, prog.name, schedule{fine: fine, whole: o.choices}, strings.Join(o.path, "\n"))
		}
	})
	return o
}

// replay runs the choices that x has, and the first of each step that it has not.
func replay(t *testing.T, prog *program, x schedule, trace bool) outcome {
	return inBubble(t, prog, x.fine, trace, func(step, of int, _ bool) int { return min(x.took[step], of-1) })
}

// tally is what a search has come to.
type tally struct {
	runs     int
	steps    int // of the longest
	diverged int // runs that did not come by where they should: a select with two ways to go
	cut      bool
}

// limits are what the schedules of a search have at most: preemptions, and choices other than
// the first of any sort, also where the one that ran last could not go on.
type limits struct{ preemptions, turns int }

const noLimit = 1 << 30

func (l limits) String() string {
	if l.turns == noLimit {
		return strconv.Itoa(l.preemptions)
	}
	return fmt.Sprintf("%d/%d", l.preemptions, l.turns)
}

// systematic runs all schedules within limits, until it is out of time. It returns the first
// that breaks a rule.
func systematic(t *testing.T, prog *program, fine bool, l limits, until time.Time) (sum tally, bad outcome) {
	var prefix []choice
	for {
		var o outcome
		same := false
		for try := 0; try < 20 && !same; try++ {
			same = true
			o = inBubble(t, prog, fine, false, func(step, of int, stay bool) int {
				if step >= len(prefix) {
					return 0
				}
				c := prefix[step]
				if same = same && c.of == of && c.stay == stay; !same {
					return 0
				}
				return c.took
			})
			same = same && len(o.choices) >= len(prefix)
			if sum.runs++; !same {
				sum.diverged++
			}
			if o.err != nil {
				return sum, o
			}
			sum.steps = max(sum.steps, len(o.choices))
		}
		if same {
			prefix = o.choices
		}
		if prefix = following(prefix, l); prefix == nil {
			return sum, outcome{}
		}
		if !time.Now().Before(until) {
			sum.cut = true
			return sum, outcome{}
		}
	}
}

// following is the beginning of the schedule after cs in depth-first order, nil if there is
// none.
func following(cs []choice, l limits) []choice {
	for i := len(cs) - 1; i >= 0; i-- {
		c := cs[i]
		if c.took+1 == c.of {
			continue
		}
		next := append(append([]choice(nil), cs[:i]...), choice{c.of, c.took + 1, c.stay})
		if preemptions, turns := cost(next); preemptions <= l.preemptions && turns <= l.turns {
			return next
		}
	}
	return nil
}

// random runs schedules from seeds until it is out of time.
func random(t *testing.T, prog *program, seed uint64, until time.Time) (sum tally, bad outcome, fine bool) {
	for ; time.Now().Before(until); seed++ {
		r := rand.New(rand.NewPCG(seed, 0))
		fine = r.IntN(2) == 0
		leave := []float64{0.5, 0.2, 0.07, 0.03}[r.IntN(4)]
		o := inBubble(t, prog, fine, false, func(_, of int, stay bool) int {
			switch {
			case of == 1 || stay && r.Float64() >= leave:
				return 0
			case stay:
				return 1 + r.IntN(of-1)
			}
			return r.IntN(of)
		})
		sum.runs++
		sum.steps = max(sum.steps, len(o.choices))
		if o.err != nil {
			return sum, o, fine
		}
	}
	return sum, outcome{}, false
}

// shorter takes out of a schedule what it fails without.
func shorter(t *testing.T, prog *program, fine bool, bad outcome) schedule {
	x := schedule{fine: fine, took: map[int]int{}, whole: bad.choices}
	for i, c := range bad.choices {
		if c.took != 0 {
			x.took[i] = c.took
		}
	}
	if bad.dead {
		return x
	}
	for again := true; again; {
		again = false
		for i, took := range x.took {
			delete(x.took, i)
			if o := replay(t, prog, x, false); o.err != nil && !o.dead {
				x.whole, again = o.choices, true
				break
			}
			x.took[i] = took
		}
	}
	return x
}

// broken fails the test with a schedule that breaks a rule, and everything that it takes to
// look at it.
func broken(t *testing.T, prog *program, fine bool, bad outcome) {
	t.Helper()
	x := shorter(t, prog, fine, bad)
	o := bad
	n, _ := cost(x.whole)
	if !bad.dead {
		o = replay(t, prog, x, true)
	}
	t.Fatalf("%s (%s): %d preemptions\n%v\n\nWEIR_SCHED='%s: %s' go test -tags weirsched,weirdebug -run '^TestSchedules$' .\n\n%s",
		prog.name, prog.rules, n, bad.err, prog.name, x, strings.Join(o.path, "\n"))
}

// TestSchedules tries schedules of each program: with no preemption, one, two and so on as
// far as the time goes that WEIR_SCHED_TIME gives to all of them, the last tenth at random.
// WEIR_SCHED is one schedule of one program, as a failure prints it, and shows its steps.
func TestSchedules(t *testing.T) {
	if s := os.Getenv("WEIR_SCHED"); s != "" {
		name, list, _ := strings.Cut(s, ":")
		x, err := parseSchedule(list)
		if err != nil {
			t.Fatal(err)
		}
		for i := range programs() {
			if prog := &programs()[i]; prog.name == name {
				o := replay(t, prog, x, true)
				n, _ := cost(o.choices)
				t.Logf("%d preemptions: %v\n%s", n, o.err, strings.Join(o.path, "\n"))
				if o.err != nil {
					t.Fail()
				}
				return
			}
		}
		t.Fatalf("there is no program %q", name)
	}
	total := 40 * time.Second
	if s := os.Getenv("WEIR_SCHED_TIME"); s != "" {
		d, err := time.ParseDuration(s)
		if err != nil {
			t.Fatal(err)
		}
		total = d
	}
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("WEIR_SCHED_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seed = n
	}
	progs := programs()
	begun := time.Now()
	for i := range progs {
		prog := &progs[i]
		share := (total - time.Since(begun)) / time.Duration(len(progs)-i) // what one leaves the others have
		t.Run(prog.name, func(t *testing.T) {
			start := time.Now()
			until := start.Add(share * 9 / 10)
			var line strings.Builder
			for _, way := range []struct {
				fine bool
				limits
			}{{false, limits{1, 1}}, {false, limits{0, noLimit}}, {false, limits{2, 2}}, {false, limits{1, noLimit}}, {false, limits{2, noLimit}},
				{true, limits{2, 2}}, {true, limits{1, noLimit}}, {false, limits{3, 3}}, {false, limits{3, noLimit}}, {true, limits{2, noLimit}}, {true, limits{3, noLimit}}} {
				if !time.Now().Before(until) {
					break
				}
				sum, bad := systematic(t, prog, way.fine, way.limits, until)
				if bad.err != nil {
					broken(t, prog, way.fine, bad)
				}
				fmt.Fprintf(&line, "; %v", way.limits)
				if way.fine {
					line.WriteString(" fine")
				}
				fmt.Fprintf(&line, ": %d", sum.runs)
				if sum.cut {
					line.WriteString(" (not all)")
				}
				if sum.diverged > 0 {
					fmt.Fprintf(&line, " (%d diverged)", sum.diverged)
				}
				fmt.Fprintf(&line, " of %d steps", sum.steps)
			}
			sum, bad, fine := random(t, prog, seed, time.Now().Add(share/10))
			if bad.err != nil {
				broken(t, prog, fine, bad)
			}
			t.Logf("%s%s; at random: %d", prog.rules, line.String(), sum.runs)
		})
	}
}
