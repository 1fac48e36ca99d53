package trust_test

// This file owns the first question: is there one order of all operations, each at a moment between its call and its return, in which
// every Read, Update, Resolve and loop got what there was? Batches are one operation, and what is read of a derived value is a function
// of all registers at that moment: so the same order answers for P3, P4 and P6.

import (
	"fmt"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// patience is how long porcupine may think about one history of a few hundred operations.
const patience = 20 * time.Second

// linear returns what is wrong, or that it could not be decided in time.
func linear(g *graph, h *history) (fault string, undecided bool) {
	ops := operations(h)
	switch result, info := porcupine.CheckOperationsVerbose(model(g), ops, patience); result {
	case porcupine.Unknown:
		return "", true
	case porcupine.Illegal:
		return "P3, P4, P6: not linearizable: " + stuck(g, ops, info), false
	}
	return "", false
}

func operations(h *history) (ops []porcupine.Operation) {
	at := map[int32]int{}
	for i, e := range h.all() {
		switch e.what {
		case opBegin:
			at[e.of] = len(ops)
			ops = append(ops, porcupine.Operation{Input: h.ins[e.of], Call: int64(i), Return: -1})
		case opEnd:
			if o := &ops[at[e.of]]; e.on {
				o.Output, o.Return = e.a, int64(i)
			}
		}
	}
	kept := ops[:0]
	for i, o := range ops {
		if o.ClientId = i; o.Return >= 0 {
			kept = append(kept, o)
		}
	}
	return kept
}

func model(g *graph) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return registers(g.init) },
		Step: func(state, in, out any) (bool, any) { return g.step(state.(registers), in.(input), out.(int)) },
		DescribeOperation: func(in, out any) string {
			i := in.(input)
			return fmt.Sprintf("%v %d in %d %v: %s", i.verb, i.node, i.cont, i.vals, show(out.(int)))
		},
	}
}

// step is one operation of the model: whether it may return out, and what the registers are then.
func (g *graph) step(at registers, in input, out int) (bool, any) {
	r := g.at(int(in.node), int(in.cont))
	switch in.verb {
	case set, tune:
		at[r] = in.vals[0]
	case update: // out is what its function was given
		if out != at[r] {
			return false, at
		}
		at[r] = in.vals[0]
		if in.vals[1] > 0 {
			at[r] = (out + in.vals[0]) % in.vals[1]
		}
	case batch:
		for i, v := range in.vals {
			if v >= 0 {
				at[i] = v
			}
		}
	case reset:
		at[r] = g.init[r]
	default:
		return out == g.eval(int(in.node), int(in.cont), &at), at
	}
	return true, at
}

// stuck says how far an order can be found, and what has no place in it.
func stuck(g *graph, ops []porcupine.Operation, info porcupine.LinearizationInfo) string {
	longest := []porcupine.Operation{}
	for _, part := range info.PartialLinearizationsOperations() {
		for _, p := range part {
			if len(p) > len(longest) {
				longest = p
			}
		}
	}
	at := registers(g.init)
	placed := map[int64]bool{}
	for _, o := range longest {
		_, next := g.step(at, o.Input.(input), o.Output.(int))
		at = next.(registers)
		placed[o.Call] = true
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d operations have a place, the registers are %v then; of the rest come first:", len(longest), len(ops), at)
	for i, shown := 0, 0; i < len(ops) && shown < 4; i++ {
		if o := ops[i]; !placed[o.Call] {
			shown++
			fmt.Fprintf(&b, " [%d to %d: %s]", o.Call, o.Return, model(g).DescribeOperation(o.Input, o.Output))
		}
	}
	return b.String()
}
