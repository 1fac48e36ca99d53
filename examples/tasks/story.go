package main

// story.go owns the teller: it starts the service as a process of its own, uses it, stops it, kills it, damages its file, and holds
// what it finds against what it must find. The first thing that is off ends the story.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"time"
)

const (
	kills   = 8  // under load
	workers = 8  // at a time
	atMost  = 40 // changes that are acknowledged before the next kill is due
	jitter  = 20 * time.Millisecond
)

type story struct {
	out     io.Writer
	command func(dir string) *exec.Cmd
	dir     string
	http    *http.Client
	random  *rand.Rand
	workers []*worker
	mine    []task // those of chapter 1
}

var chapters = []struct {
	title string
	tell  func(ctx context.Context, st *story) error
}{
	{"a list over HTTP", overHTTP},
	{"stopped, and started again", stopped},
	{fmt.Sprintf("killed %d times under load", kills), killed},
	{"killed while it starts", killedEarly},
	{"a damaged file", damaged},
}

// tellStory runs the story with services that command starts, and returns an error that says what was off.
func tellStory(out io.Writer, command func(dir string) *exec.Cmd) error {
	begin := time.Now()
	dir, err := os.MkdirTemp("", "weir-tasks-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(context.Background(), 6*patience)
	defer cancel()
	seed := uint64(begin.UnixNano())
	st := &story{
		out: out, command: command, dir: dir,
		http:   &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: workers}},
		random: rand.New(rand.NewPCG(seed, 0)),
	}
	defer st.http.CloseIdleConnections()
	for n := range workers {
		st.workers = append(st.workers, newWorker(n, seed))
	}
	fmt.Fprintf(out, "the list is in %s\n", dir)
	for i, c := range chapters {
		fmt.Fprintf(out, "\n%d. %s\n", i+1, c.title)
		if err := c.tell(ctx, st); err != nil {
			return fmt.Errorf("chapter %d, %s: %w", i+1, c.title, err)
		}
	}
	fmt.Fprintf(out, "\nnothing that was acknowledged is lost (%.1f s)\n", time.Since(begin).Seconds())
	return nil
}

func (st *story) say(format string, args ...any) { fmt.Fprintf(st.out, "   "+format+"\n", args...) }

// with starts the service, has use use it, and stops it in good order.
func (st *story) with(use func(c *child) error) error {
	c, err := start(st.command, st.dir)
	if err != nil {
		return err
	}
	if err := use(c); err != nil {
		return errors.Join(err, c.kill())
	}
	st.http.CloseIdleConnections()
	return c.stop()
}

// has checks that the tasks of the first chapter are as they were, and that each worker finds what was acknowledged. It returns how
// many tasks there are, and how many changes were found that nobody had heard of.
func (st *story) has(ctx context.Context, c *child) (tasks, unheard int, err error) {
	all, err := ask[[]task](ctx, st.http, http.MethodGet, c.url+"/tasks", nil)
	if err != nil {
		return 0, 0, err
	}
	ids := map[int]bool{}
	for _, t := range all {
		if ids[t.ID] {
			return 0, 0, fmt.Errorf("two tasks have the ID %d", t.ID)
		}
		ids[t.ID] = true
	}
	if len(all) < len(st.mine) || !reflect.DeepEqual(all[:len(st.mine)], st.mine) {
		return 0, 0, fmt.Errorf("lost: the list begins with %+v, want %+v", all[:min(len(all), len(st.mine))], st.mine)
	}
	want := len(st.mine)
	for _, w := range st.workers {
		n, err := w.compare(all)
		if err != nil {
			return 0, 0, err
		}
		unheard += n
		want += len(w.known)
	}
	if len(all) != want {
		return 0, 0, fmt.Errorf("there are %d tasks, want %d", len(all), want)
	}
	return len(all), unheard, nil
}

func overHTTP(ctx context.Context, st *story) error {
	return st.with(func(c *child) error {
		for i, title := range []string{"buy milk", "  call Ada  ", "read a book"} {
			t, err := ask[task](ctx, st.http, http.MethodPost, c.url+"/tasks", map[string]any{"title": title})
			if err != nil {
				return err
			}
			if want := (task{ID: i + 1, Title: strings.TrimSpace(title)}); t != want {
				return fmt.Errorf("added %+v, want %+v", t, want)
			}
		}
		if _, err := ask[task](ctx, st.http, http.MethodPatch, c.url+"/tasks/2", map[string]any{"done": true}); err != nil {
			return err
		}
		if _, err := ask[task](ctx, st.http, http.MethodDelete, c.url+"/tasks/1", nil); err != nil {
			return err
		}
		if _, err := ask[task](ctx, st.http, http.MethodDelete, c.url+"/tasks/1", nil); !errors.Is(err, errRefused) {
			return fmt.Errorf("a task was removed twice: %v", err)
		}
		st.mine = []task{{2, "call Ada", true}, {3, "read a book", false}}
		if _, _, err := st.has(ctx, c); err != nil {
			return err
		}
		got, err := ask[status](ctx, st.http, http.MethodGet, c.url+"/status", nil)
		if err != nil {
			return err
		}
		if want := (status{Open: 1, Changes: 5, Failed: 1, Newest: "failed"}); got != want {
			return fmt.Errorf("the status is %+v, want %+v", got, want)
		}
		st.say("%d changes, %d refused, %d task open", got.Changes, got.Failed, got.Open)
		return nil
	})
}

func stopped(ctx context.Context, st *story) error {
	return st.with(func(c *child) error {
		n, _, err := st.has(ctx, c)
		if err != nil {
			return err
		}
		got, err := ask[status](ctx, st.http, http.MethodGet, c.url+"/status", nil)
		if want := (status{Open: 1, Newest: "idle"}); err == nil && got != want {
			return fmt.Errorf("the status is %+v, want %+v", got, want)
		}
		st.say("all %d tasks are there", n)
		return err
	})
}

// killed is what the example is about. When the kill comes is a matter of chance; that some changes are acknowledged by then is not.
func killed(ctx context.Context, st *story) error {
	acknowledged, unheard := 0, 0
	for round := range kills {
		c, err := start(st.command, st.dir)
		if err != nil {
			return err
		}
		_, n, err := st.has(ctx, c)
		unheard += n
		if err != nil {
			return errors.Join(fmt.Errorf("after kill %d: %w", round, err), c.kill())
		}
		n, err = st.killUnderLoad(ctx, c)
		acknowledged += n
		if err != nil {
			return fmt.Errorf("round %d: %w", round+1, err)
		}
	}
	return st.with(func(c *child) error {
		tasks, n, err := st.has(ctx, c)
		if err != nil {
			return fmt.Errorf("after kill %d: %w", kills, err)
		}
		st.say("%d changes were acknowledged, all are there: %d tasks", acknowledged, tasks)
		st.say("%d changes were made and not acknowledged, because the kill came in between", unheard+n)
		return nil
	})
}

// killUnderLoad lets all workers at the service, kills it, and returns how many changes were acknowledged.
func (st *story) killUnderLoad(ctx context.Context, c *child) (int, error) {
	var count atomic.Int64
	ended := make(chan error, len(st.workers))
	for _, w := range st.workers {
		go func() { ended <- w.work(ctx, st.http, c.url, &count) }()
	}
	var errs []error
	running, want := len(st.workers), int64(1+st.random.IntN(atMost))
	for late := time.Now().Add(patience); count.Load() < want && running > 0 && errs == nil; time.Sleep(time.Millisecond) {
		select {
		case err := <-ended:
			running--
			errs = append(errs, fmt.Errorf("a worker ended before the kill: %w", err))
		default:
		}
		if time.Now().After(late) {
			errs = append(errs, fmt.Errorf("%d changes were acknowledged in %v, want %d", count.Load(), patience, want))
		}
	}
	time.Sleep(time.Duration(st.random.Int64N(int64(jitter))))
	errs = append(errs, c.kill())
	for ; running > 0; running-- {
		errs = append(errs, <-ended)
	}
	st.http.CloseIdleConnections()
	return int(count.Load()), errors.Join(errs...)
}

func killedEarly(ctx context.Context, st *story) error {
	for range kills / 2 {
		c, err := launch(st.command, st.dir)
		if err != nil {
			return err
		}
		time.Sleep(time.Duration(st.random.Int64N(int64(jitter))))
		if err := c.kill(); err != nil {
			return err
		}
	}
	return st.with(func(c *child) error {
		tasks, _, err := st.has(ctx, c)
		if err != nil {
			return err
		}
		st.say("%d times, and all %d tasks are there", kills/2, tasks)
		return nil
	})
}

func damaged(ctx context.Context, st *story) error {
	files, err := filepath.Glob(filepath.Join(st.dir, "*.weir"))
	if err != nil || len(files) != 1 {
		return fmt.Errorf("the list is in the files %q, want one (error %v)", files, err)
	}
	good, err := os.ReadFile(files[0])
	if err != nil {
		return err
	}
	bad := bytes.Clone(good)
	bad[len(bad)/2] ^= 1
	if err := os.WriteFile(files[0], bad, 0o600); err != nil {
		return err
	}
	c, err := start(st.command, st.dir)
	if err == nil {
		return errors.Join(errors.New("the service serves a list that it cannot read"), c.kill())
	}
	if !strings.Contains(err.Error(), "tasks: decode") {
		return fmt.Errorf("the service does not say what is wrong, but: %w", err)
	}
	if now, err := os.ReadFile(files[0]); err != nil || !bytes.Equal(now, bad) {
		return fmt.Errorf("the damaged file is another one now, error %v", err)
	}
	if err := os.WriteFile(files[0], good, 0o600); err != nil {
		return err
	}
	return st.with(func(c *child) error {
		tasks, _, err := st.has(ctx, c)
		if err != nil {
			return err
		}
		st.say("not served, and not overwritten; once it is repaired all %d tasks are there", tasks)
		return nil
	})
}
