package weir_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/weir-go/weir"
)

// This file holds the graph of the model test: random providers of every kind, and what each computes from what it depends on.

type modelKind int

const (
	modelState modelKind = iota
	modelProvider
	modelTry
	modelFuture
	modelMember      // of a family of *Provider
	modelAsyncMember // of a family of *FutureProvider
	modelNote
	modelStream
	modelAsyncNote
	modelKinds
)

type modelHow int

const (
	modelPlainly  modelHow = iota // Watch
	modelHalved                   // Watch of a selection that maps two neighbours to one value
	modelAwaiting                 // Await
)

type modelDep struct {
	to  int
	how modelHow
}

// through is what a value looks like at the other end of a dependency.
func (d modelDep) through(v modelVal) modelVal {
	if d.how == modelHalved && v.has {
		v.n = modelHalf(v.n)
	}
	return v
}

func modelHalf(v int) int { return (v + 1) / 2 }

// modelNode describes one provider. It depends on lower nodes only, so the graph has no cycle.
type modelNode struct {
	id      int
	kind    modelKind
	deps    []modelDep
	dynamic bool // the first dependency's value decides which of the others is watched
	fails   int  // the result that is an error instead, 0 for none
	auto    bool
	delay   time.Duration
	base    int
	name    string
	synced  bool // nothing below is built asynchronously or by time: one change set, one value
	retries int  // how often a failure is tried again
	luck    int  // and the try that succeeds
	wait    time.Duration
	eager   bool // an async notifier that shows something while it builds

	// What is scoped lives in the child container too, while there is one, with the twins of what it depends on: these are nodes
	// like others, after all that are in the root.
	scoped bool
	twin   *modelNode // of an original
	of     *modelNode // of a twin
}

// label is the name that the library knows.
func (s *modelNode) label() string { return strings.TrimSuffix(s.name, "'") }

func (s *modelNode) isAsync() bool {
	return s.kind == modelFuture || s.kind == modelAsyncMember || s.kind == modelStream || s.kind == modelAsyncNote
}
func (s *modelNode) hasAsync() bool { return s.isAsync() || s.kind == modelTry }

// isState says that it can be written through a scope.
func (s *modelNode) isState() bool { return s.kind == modelState || s.kind == modelNote }

// pause is how long the retry after a number of others has to wait (A6).
func (s *modelNode) pause(attempt int) time.Duration {
	return min(s.wait<<attempt, modelBackoff*s.wait)
}

const modelBackoff = 3 // times the first pause is the longest

// modelVal is a value of any kind with its type rubbed off. Values are 1 to 6: few enough to repeat often, and never zero.
type modelVal struct {
	n    int
	has  bool
	err  string
	load string
}

func modelPlain(v int) modelVal { return modelVal{n: v, has: true} }

func modelAsync(v weir.AsyncValue[int]) (m modelVal) {
	m.n, m.has = v.Value()
	if v.Err() != nil {
		m.err = v.Err().Error()
	}
	switch {
	case v.IsRetrying():
		m.load = "retrying"
	case v.IsRefreshing():
		m.load = "refreshing"
	case v.IsReloading():
		m.load = "reloading"
	case v.IsLoading():
		m.load = "loading"
	}
	return m
}

// compute is what a provider does with its dependencies. The library's builds and the model's recomputing share it.
func (s *modelNode) compute(try int, get func(d modelDep) modelVal) (int, error) {
	total, choice := s.base, 0
	for i, d := range s.deps {
		if s.dynamic && i > 0 && i != choice {
			continue
		}
		v := get(d)
		switch {
		case v.err != "" && d.how == modelAwaiting:
			return 0, errors.New(v.err)
		case v.err != "":
			v.n = 7
		case !v.has:
			v.n = 11
		}
		if i == 0 {
			choice = 1 + v.n%2
		}
		total += v.n
	}
	if v := 1 + total%6; v != s.fails || try > 0 && try >= s.luck {
		return v, nil
	}
	return 0, errors.New("unlucky")
}

// modelGraph makes a graph from a seed.
func modelGraph(seed uint64) []*modelNode {
	rng := rand.New(rand.NewPCG(seed, 1))
	lives := []time.Duration{-1, weir.DefaultDisposeDelay, 0, 10 * time.Millisecond, 10 * time.Second}
	if seed%2 == 0 {
		lives = lives[1:] // nothing regular: at the end nothing must be left
	}
	scoped := seed/2%2 == 0
	member := lives[rng.IntN(len(lives))]
	nodes := make([]*modelNode, 4+rng.IntN(7))
	for i := range nodes {
		s := &modelNode{id: i, base: rng.IntN(6), name: fmt.Sprintf("n%d", i), synced: true, scoped: scoped && i == 0}
		nodes[i] = s
		if i >= 2 {
			s.kind = modelKind(rng.IntN(int(modelKinds)))
		}
		life := lives[rng.IntN(len(lives))]
		switch s.kind {
		case modelMember:
			life, s.name = member, fmt.Sprintf("fam(%d)", i)
		case modelAsyncMember:
			life, s.name = member, fmt.Sprintf("afam(%d)", i)
		}
		if life == 0 && (s.kind == modelNote || s.kind == modelAsyncNote) {
			life = 10 * time.Millisecond // else nobody could get hold of it and write
		}
		s.auto, s.delay = life >= 0, max(life, 0)
		want := min(rng.IntN(4), i)
		if !s.isState() && i > 0 {
			want = max(want, 1)
		}
		for _, to := range rng.Perm(i)[:want] {
			if member := s.kind == modelMember || s.kind == modelAsyncMember; nodes[to].scoped && (member || i == 1) {
				if to = 1; i == 1 || slices.ContainsFunc(s.deps, func(d modelDep) bool { return d.to == to }) {
					continue // a family cannot be told of what is made after it
				}
			} else if slices.ContainsFunc(s.deps, func(d modelDep) bool { return d.to == to }) {
				continue
			}
			d := modelDep{to: to, how: modelHow(rng.IntN(3))}
			if d.how == modelAwaiting && !(s.isAsync() && nodes[to].hasAsync() && nodes[to].retries == 0) {
				d.how = modelPlainly
			}
			if s.isState() {
				// A write survives until a dependency of initial delivers a different value (P11). Whether one that changed
				// and changed back did so is only fixed for states that were set (D4).
				if d.how = modelPlainly; nodes[to].kind != modelState || len(nodes[to].deps) > 0 {
					continue
				}
			}
			s.deps, s.scoped = append(s.deps, d), s.scoped || nodes[to].scoped
			s.synced = s.synced && nodes[to].synced
		}
		s.eager = s.kind == modelAsyncNote && rng.IntN(3) == 0
		s.dynamic = len(s.deps) == 3 && rng.IntN(2) == 0
		if s.hasAsync() && rng.IntN(2) == 0 {
			s.fails = 1 + rng.IntN(6)
		}
		if retry := s.kind == modelTry && s.fails > 0 || s.kind == modelFuture && s.fails > 0 || s.kind == modelStream; retry && rng.IntN(2) == 0 {
			s.retries, s.luck, s.wait = 1+rng.IntN(4), 1+rng.IntN(4), lives[len(lives)-2]*time.Duration(1+rng.IntN(9))
		}
		s.synced = s.synced && !s.isAsync() && s.retries == 0
	}
	for _, s := range nodes {
		if s.scoped {
			t := *s
			t.id, t.of, t.name, t.deps = len(nodes), s, s.name+"'", slices.Clone(s.deps)
			for i, d := range t.deps {
				if nodes[d.to].scoped {
					t.deps[i].to = nodes[d.to].twin.id
				}
			}
			s.twin, nodes = &t, append(nodes, &t)
		}
	}
	return nodes
}
