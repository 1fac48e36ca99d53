package main

// list.go owns the part that is built with Weir: the list is the state of an asynchronous notifier that is kept in a file, and each
// change of it is a run of a mutation that succeeds when the change is on disk. HTTP is server.go's.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/weir-go/weir"
)

type task struct {
	ID    int    `json:"id"`
	Title string `json:"title"`
	Done  bool   `json:"done"`
}

// tasks is the state, and what the file holds. Once made it is never changed: a change makes another one.
type tasks struct {
	Last  int    `json:"last"` // the newest ID; none is used twice
	Tasks []task `json:"tasks"`
}

var errNoTask = errors.New("no such task")

// list is the notifier: a state of type tasks, and the methods that change it.
type list struct {
	weir.AsyncNotifier[tasks]
	lost func() error // what went wrong when the list was read, or nil
}

// Build returns the list to begin with. What Persist has restored is the state by now. If there is none this is the first start, or
// the file could not be read or understood. Persist would go on as if nothing were stored, and save that: good enough for a cache,
// but not for the only copy. A build that fails is not saved, so the file stays as it is.
func (l *list) Build(context.Context, weir.Ref) (tasks, error) {
	if kept, ok := l.State().Value(); ok {
		return kept, nil
	}
	return tasks{}, l.lost()
}

// The changes. Update runs one after the other, and a function that fails changes nothing.

func (l *list) add(ctx context.Context, title string) (made task, err error) {
	_, err = l.Update(ctx, func(old tasks) (tasks, error) {
		made = task{ID: old.Last + 1, Title: title}
		return tasks{made.ID, append(slices.Clip(old.Tasks), made)}, nil // Clip: the old slice is others' too
	})
	return made, err
}

func (l *list) mark(ctx context.Context, id int, done bool) (marked task, err error) {
	_, err = l.Update(ctx, func(old tasks) (tasks, error) {
		i, err := old.find(id)
		if err != nil {
			return old, err
		}
		old.Tasks = slices.Clone(old.Tasks)
		old.Tasks[i].Done = done
		marked = old.Tasks[i]
		return old, nil
	})
	return marked, err
}

func (l *list) remove(ctx context.Context, id int) (removed task, err error) {
	_, err = l.Update(ctx, func(old tasks) (tasks, error) {
		i, err := old.find(id)
		if err != nil {
			return old, err
		}
		removed = old.Tasks[i]
		old.Tasks = slices.Concat(old.Tasks[:i], old.Tasks[i+1:])
		return old, nil
	})
	return removed, err
}

func (t tasks) find(id int) (int, error) {
	i := slices.IndexFunc(t.Tasks, func(x task) bool { return x.ID == id })
	if i < 0 {
		return i, fmt.Errorf("task %d: %w", id, errNoTask)
	}
	return i, nil
}

// savedFunc waits until the state of p is on disk: weir.Persisted, unless a test wants to see a service that does not wait found out.
type savedFunc func(ctx context.Context, s weir.Scope, p weir.AnyProvider) error

// app is the providers, and the container that they live in.
type app struct {
	container *weir.Container
	list      *weir.AsyncNotifierProvider[*list, tasks]
	open      weir.AsyncSource[int] // how many tasks are not done
	change    *weir.Mutation[task]
	saved     savedFunc
	log       *slog.Logger

	mu      sync.Mutex
	lost    error // guarded by mu; why the list could not be read
	changes int   // guarded by mu; how many were made and saved
	failed  int   // guarded by mu; how many were not
}

func newApp(dir string, out io.Writer, saved savedFunc) (*app, error) {
	files, err := weir.NewFileStorage(dir)
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.NewTextHandler(out, nil))
	a := &app{saved: saved, log: log}
	a.container = weir.NewContainer(
		weir.WithObserver(&weir.Observer{StorageFailed: a.storageFailed, MutationEnded: a.mutationEnded}),
		weir.WithPanicHandler(func(err *weir.PanicError) { log.Error("panic", "error", err, "stack", string(err.Stack)) }),
	)
	a.list = weir.NewAsyncNotifierProvider(func() *list { return &list{lost: a.whyLost} },
		weir.Name("tasks"),
		// A list that is late is better than one that is empty: nothing is served before it is there.
		weir.Persist(files, "tasks", weir.JSON[tasks]{}, weir.RestoreWait(time.Minute)))
	a.open = weir.SelectAsync(a.list, func(t tasks) int {
		n := 0
		for _, x := range t.Tasks {
			if !x.Done {
				n++
			}
		}
		return n
	})
	a.change = weir.NewMutation[task](weir.Name("change"), weir.DisposeDelay(time.Minute)) // its outcome can be seen for so long
	return a, nil
}

// load waits until the list is there, or returns why it cannot be had.
func (a *app) load(ctx context.Context) error {
	_, err := weir.Resolve(ctx, a.container, a.list)
	return err
}

// do makes a change and returns when it is on disk. Changes that are made at the same time are saved together: of several states in
// quick succession the last is saved, which has them all, and each waits for that.
func (a *app) do(ctx context.Context, change func(ctx context.Context, l *list) (task, error)) (task, error) {
	return a.change.Run(ctx, a.container, func(ctx context.Context, s weir.Scope) (task, error) {
		t, err := change(ctx, a.list.Notifier(s))
		if err != nil {
			return task{}, err
		}
		if err := a.saved(ctx, s, a.list); err != nil {
			return task{}, fmt.Errorf("not saved: %w", err)
		}
		return t, nil
	})
}

// read returns the list when all that is in it is on disk: what one client is told of must not be gone for the next.
func (a *app) read(ctx context.Context) (tasks, error) {
	t, err := weir.Resolve(ctx, a.container, a.list)
	if err != nil {
		return tasks{}, err
	}
	if err := a.saved(ctx, a.container, a.list); err != nil {
		return tasks{}, fmt.Errorf("not saved: %w", err)
	}
	return t, nil
}

// storageFailed is told when the file could not be read, understood or written. The last of these is Persisted's error as well.
func (a *app) storageFailed(ev weir.StorageFailedEvent) {
	a.log.Error("storage failed", "op", ev.Op, "key", ev.Key, "error", ev.Err)
	if ev.Op != "read" && ev.Op != "decode" {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lost = fmt.Errorf("%s %q: %w", ev.Op, ev.Key, ev.Err)
}

func (a *app) whyLost() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.lost
}

func (a *app) mutationEnded(ev weir.MutationEndedEvent) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if ev.Err != nil {
		a.failed++
	} else {
		a.changes++
	}
}

// status is what GET /status answers with.
type status struct {
	Open    int    `json:"open"`
	Changes int    `json:"changes"` // since the process was started
	Failed  int    `json:"failed"`
	Newest  string `json:"newest"` // how the newest change goes
}

func (a *app) status() status {
	st := status{
		Open:   weir.Read(a.container, a.open).ValueOr(0),
		Newest: weir.Read(a.container, a.change).Status().String(),
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	st.Changes, st.Failed = a.changes, a.failed
	return st
}
