package main

// worker.go owns the load: workers that change tasks of their own, one request after the other, until the service is gone. Each knows
// what was acknowledged, and which one change may or may not have been made: the one that was under way when the service died.

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
)

// change is one request: a task as it was, and as it is to be. One of them is nil for a task that is added or removed.
type change struct{ from, to *task }

type worker struct {
	prefix string // of the titles of its tasks
	random *rand.Rand
	titles int
	known  map[int]task // what was acknowledged, by ID
	doubt  *change      // the change that has no answer
}

func newWorker(n int, seed uint64) *worker {
	return &worker{prefix: fmt.Sprintf("worker %d, ", n), random: rand.New(rand.NewPCG(seed, uint64(n))), known: map[int]task{}}
}

// work makes changes until the service is gone, which is no error. It counts what is acknowledged.
func (w *worker) work(ctx context.Context, client *http.Client, url string, acknowledged *atomic.Int64) error {
	for {
		ch := w.choose()
		w.doubt = &ch
		t, err := w.send(ctx, client, url, ch)
		if errors.Is(err, errRefused) || ctx.Err() != nil {
			return err
		}
		if err != nil {
			return nil // it was killed, and nobody knows whether before the change or after
		}
		w.doubt = nil
		if err := w.learn(ch, t); err != nil {
			return err
		}
		acknowledged.Add(1)
	}
}

// choose makes up a change: one in two adds a task, the others mark or remove one.
func (w *worker) choose() change {
	ids := slices.Sorted(maps.Keys(w.known))
	what := w.random.IntN(8)
	if len(ids) == 0 || what < 4 {
		w.titles++
		return change{to: &task{Title: fmt.Sprintf("%s%d", w.prefix, w.titles)}}
	}
	was := w.known[ids[w.random.IntN(len(ids))]]
	if what == 4 {
		return change{from: &was}
	}
	marked := was
	marked.Done = !was.Done
	return change{from: &was, to: &marked}
}

func (w *worker) send(ctx context.Context, client *http.Client, url string, ch change) (task, error) {
	switch {
	case ch.from == nil:
		return ask[task](ctx, client, http.MethodPost, url+"/tasks", map[string]any{"title": ch.to.Title})
	case ch.to == nil:
		return ask[task](ctx, client, http.MethodDelete, fmt.Sprintf("%s/tasks/%d", url, ch.from.ID), nil)
	default:
		return ask[task](ctx, client, http.MethodPatch, fmt.Sprintf("%s/tasks/%d", url, ch.from.ID), map[string]any{"done": ch.to.Done})
	}
}

// learn notes that ch was acknowledged with t.
func (w *worker) learn(ch change, t task) error {
	switch {
	case ch.to == nil:
		delete(w.known, ch.from.ID)
		return nil
	case ch.from != nil && t != *ch.to, t.Title != ch.to.Title:
		return fmt.Errorf("%+v was acknowledged as %+v", *ch.to, t)
	}
	w.known[t.ID] = t
	return nil
}

// compare holds what the service has, after a new start, against what was acknowledged, and takes over what it has. It returns how
// many changes were found that nobody had heard of.
func (w *worker) compare(all []task) (unheard int, err error) {
	found := map[int]task{}
	for _, t := range all {
		if strings.HasPrefix(t.Title, w.prefix) {
			found[t.ID] = t
		}
	}
	if ch := w.doubt; ch != nil {
		w.doubt = nil
		unheard = w.settle(*ch, found)
	}
	for id, t := range w.known {
		switch now, ok := found[id]; {
		case !ok:
			return unheard, fmt.Errorf("lost: %+v was acknowledged and is gone", t)
		case now != t:
			return unheard, fmt.Errorf("lost: %+v was acknowledged and is %+v", t, now)
		}
	}
	for id, t := range found {
		if _, ok := w.known[id]; !ok {
			return unheard, fmt.Errorf("back again: %+v was removed, which was acknowledged", t)
		}
	}
	return unheard, nil
}

// settle finds out whether ch was made, and if so takes it for acknowledged. It returns 1 then.
func (w *worker) settle(ch change, found map[int]task) int {
	switch {
	case ch.from == nil:
		for id, t := range found {
			if t.Title == ch.to.Title {
				w.known[id] = t
				return 1
			}
		}
	case ch.to == nil:
		if _, ok := found[ch.from.ID]; !ok {
			delete(w.known, ch.from.ID)
			return 1
		}
	case found[ch.to.ID] == *ch.to:
		w.known[ch.to.ID] = *ch.to
		return 1
	}
	return 0
}
