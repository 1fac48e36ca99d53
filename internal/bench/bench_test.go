// Package bench measures Weir beside what a user would reach for instead. It is a module of its own, so that nobody who uses the
// library downloads its peers, and all of it is tests.
//
//	go test -bench . -benchtime 100ms               every series, in the usual format
//	go test -run TestTables -rounds 6 -v            tables of ratios: medians of interleaved rounds
//	go test -run TestTables -rounds 6 -only '^read' some of them
//	go test -run TestMemory -rounds 1 -v            bytes and allocations per value and listener
//	go test -run TestExecutable -rounds 1 -v        bytes of an executable per type
//
// This file holds the list of groups and the two ways of running it. A group is one piece of work, done by several libraries. Each does
// the same work, checks the values that come out, and loops with b.Loop.
package bench

import (
	"flag"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

var (
	rounds = flag.Int("rounds", 0, "rounds of TestTables; 0 skips it")
	only   = flag.String("only", "", "the groups of TestTables, a regular expression")
)

// series is one library that does the work of a group.
type series struct {
	lib string
	run func(b *testing.B)
}

// group is one piece of work. What is first in series is what ratios are to.
type group struct {
	name   string
	per    int // operations in one iteration of b.Loop
	series []series
}

func groups() []group {
	return slices.Concat(readGroups(), writeGroups(), lifeGroups(), asyncGroups(), scaleGroups())
}

// Benchmark runs every series under the name group/lib=library, which benchstat can make columns of.
func Benchmark(b *testing.B) {
	for _, g := range groups() {
		for _, s := range g.series {
			b.Run(g.name+"/lib="+s.lib, func(b *testing.B) {
				b.ReportAllocs()
				s.run(b)
				if g.per > 1 {
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(g.per), "ns/each")
				}
			})
		}
	}
}

// figures are what the rounds gave for one series, per operation.
type figures struct{ ns, allocs, bytes []float64 }

// TestTables runs all series of a group in turn, forwards and then backwards, so that a drift of the machine is the same for all of
// them, and prints a row for each: medians, the ratio to the first, and how far apart the rounds were.
func TestTables(t *testing.T) {
	if *rounds == 0 {
		t.Skip("-rounds 6 to run it")
	}
	re := regexp.MustCompile(*only)
	all := slices.DeleteFunc(groups(), func(g group) bool { return !re.MatchString(g.name) })
	got := map[string]*figures{}
	for round := range *rounds {
		for _, g := range all {
			order := slices.Clone(g.series)
			if round%2 == 1 {
				slices.Reverse(order)
			}
			for _, s := range order {
				measure(t, got, g, s)
			}
		}
	}
	fmt.Printf("%s, GOMAXPROCS %d, medians of %d rounds\n\n", runtime.Version(), runtime.GOMAXPROCS(0), *rounds)
	fmt.Println("| work | by | ns | ratio | min..max | allocs | bytes |\n|---|---|---:|---:|---:|---:|---:|")
	for _, g := range all {
		for i, s := range g.series {
			f := got[g.name+"/"+s.lib]
			base := got[g.name+"/"+g.series[0].lib]
			name := g.name
			if i > 0 {
				name = ""
			}
			fmt.Printf("| %s | %s | %s | %.2f | %s..%s | %s | %s |\n", name, s.lib, show(median(f.ns)), ratio(f.ns, base.ns),
				show(slices.Min(f.ns)), show(slices.Max(f.ns)), show(median(f.allocs)), show(median(f.bytes)))
		}
	}
}

func measure(t *testing.T, got map[string]*figures, g group, s series) {
	runtime.GC()
	r := testing.Benchmark(s.run)
	if r.N == 0 {
		t.Fatalf("%s by %s failed: go test -bench '/^%s$/^lib=%s$' says why", g.name, s.lib, g.name, s.lib)
	}
	key := g.name + "/" + s.lib
	if got[key] == nil {
		got[key] = new(figures)
	}
	n := float64(r.N) * float64(g.per)
	got[key].ns = append(got[key].ns, float64(r.T.Nanoseconds())/n)
	got[key].allocs = append(got[key].allocs, float64(r.MemAllocs)/n)
	got[key].bytes = append(got[key].bytes, float64(r.MemBytes)/n)
}

func median(vs []float64) float64 {
	vs = slices.Sorted(slices.Values(vs))
	return (vs[(len(vs)-1)/2] + vs[len(vs)/2]) / 2
}

// ratio is the median of the ratios round by round, which a drift between rounds does not touch.
func ratio(vs, base []float64) float64 {
	rs := make([]float64, len(vs))
	for i := range vs {
		rs[i] = vs[i] / base[i]
	}
	return median(rs)
}

func show(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%.2f M", v/1e6)
	case v >= 1e4:
		return fmt.Sprintf("%.1f k", v/1e3)
	case v >= 100 || v == float64(int(v)):
		return fmt.Sprintf("%.0f", v)
	}
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", v), "0"), ".")
}

// want fails a series that computed something else than it should have.
func want[T comparable](b *testing.B, what string, got, want T) {
	if got != want {
		b.Helper() // not before: it looks at the stack
		b.Fatalf("%s: got %v, want %v", what, got, want)
	}
}
