package trust_test

// This file owns what is done with a program that has failed: it is run again and again, with ever less in it.

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// shrinkTime bounds the shrinking of one program.
const shrinkTime = time.Minute

// rules are the rules that faults name: a smaller program has to break one of the same.
func rules(faults []string) (rules []string) {
	for _, f := range faults {
		if i := strings.Index(f, ": "); i > 0 && strings.Trim(f[:i], "0123456789") == "" { // the place
			f = f[i+2:]
		}
		rules = append(rules, strings.SplitN(f, ":", 2)[0])
	}
	return rules
}

// shrink returns the smallest program that was seen to break the same rule, with its faults and its last history.
func shrink(t *testing.T, p *program, h *history, faults []string) (*program, []string, string) {
	end, want := time.Now().Add(shrinkTime), rules(faults)
	found := h.String()
	fails := func(p *program, tries int) (runs int, bad []string) {
		for runs = 1; runs <= tries && time.Now().Before(end); runs++ {
			bad = attempt(t, p, h, &figures{})
			if slices.ContainsFunc(rules(bad), func(r string) bool { return slices.Contains(want, r) }) {
				found = h.String()
				return runs, bad
			}
		}
		return runs, nil
	}
	runs, bad := fails(p, 20000)
	if bad == nil {
		return p, faults, found
	}
	faults = bad
	tries := 4*runs + 20 // for one that may fail less often
	for smaller := true; smaller && time.Now().Before(end); {
		smaller = false
		for q := range p.smaller() {
			if runs, bad := fails(q, tries); bad != nil {
				p, faults, smaller = q, bad, true
				tries = max(20, min(tries, 8*runs+200))
				break
			}
		}
	}
	return p, faults, found
}

// smaller yields programs with less: goroutines, halves, quarters and so on of what they do, nodes at the end.
func (p *program) smaller() func(yield func(*program) bool) {
	return func(yield func(*program) bool) {
		with := func(change func(q *program)) bool {
			q := *p
			q.ops = slices.Clone(p.ops)
			change(&q)
			return yield(&q)
		}
		for i := range p.ops {
			if len(p.ops) > 1 && !with(func(q *program) { q.ops = slices.Delete(q.ops, i, i+1) }) {
				return
			}
		}
		for i, ops := range p.ops {
			for size := max(1, len(ops)/2); size > 0; size /= 2 {
				for at := 0; at < len(ops); at += size {
					if !with(func(q *program) { q.ops[i] = slices.Delete(slices.Clone(ops), at, min(at+size, len(ops))) }) {
						return
					}
				}
			}
		}
		if n := len(p.nodes) - 1; n >= slots && !p.uses(n) {
			with(func(q *program) {
				g := *p.graph
				g.nodes, q.graph = g.nodes[:n], &g
			})
		}
	}
}

// uses says whether somebody does something with node n, or with one by its number in a call.
func (p *program) uses(n int) bool {
	return slices.ContainsFunc(p.ops, func(ops []op) bool {
		return slices.ContainsFunc(ops, func(o op) bool { return o.node == n || o.verb == listen && o.vals[0] == 4 })
	})
}

// report shrinks what has failed and says how to run it again.
func report(t *testing.T, p *program, h *history, faults []string) string {
	small, why, history := shrink(t, p, h, faults)
	return fmt.Sprintf("found:\n\t%s\nrun again:\n\tWEIR_TRUST_SEED=%d\n%v\ncut down:\n%v\t%s\n\n%s",
		strings.Join(faults, "\n\t"), p.seed, p.graph, small, strings.Join(why, "\n\t"), history)
}
