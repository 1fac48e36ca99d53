package main

// story_test.go tells the story to the test log, and tries what main does beside it: searching for what is typed.

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestStory(t *testing.T) {
	var out bytes.Buffer
	err := tellStory(&out, nil)
	t.Log("\n" + out.String())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range chapters {
		if !strings.Contains(out.String(), c.title) {
			t.Errorf("the story does not tell: %s", c.title)
		}
	}
}

// A program that asks for the first letter as well has the right results. The counts are what gives it away.
func TestStoryFindsAWrongProgramOut(t *testing.T) {
	err := tellStory(io.Discard, func(ask searchFunc) searchFunc {
		return func(ctx context.Context, query string, found func(hit), progress func(float64)) error {
			if err := ask(ctx, query[:1], func(hit) {}, func(float64) {}); err != nil {
				return err
			}
			return ask(ctx, query, found, progress)
		}
	})
	if err == nil || !strings.Contains(err.Error(), "chapter 1, a word is typed: the backend") {
		t.Errorf("got %v, want a count of chapter 1", err)
	}
}

func TestLines(t *testing.T) {
	for in, want := range map[string]string{
		"":                       "",
		"json\n":                 "search: json\n2 packages\n  encoding/json",
		"json":                   "search: json\n2 packages\n",
		"j\x1b[2Json\n":          "search: j[2Json\n0 packages\n",
		"fail\n":                 "search: fail\nthe backend answered 503",
		"nothing at all\njson\n": "search: json\n2 packages\n",
	} {
		var out bytes.Buffer
		if err := searchFor(t.Context(), strings.NewReader(in), &out, false, time.Millisecond, 0); err != nil {
			t.Errorf("%q: %v", in, err)
		}
		if !strings.Contains(out.String(), want) || in == "" && out.Len() > 0 {
			t.Errorf("%q: got %q, want %q", in, out.String(), want)
		}
		if strings.Contains(out.String(), "\x1b") {
			t.Errorf("%q: a control character was printed: %q", in, out.String())
		}
	}
}

// With raw keys the screen is drawn again and again, and ^D ends the program.
func TestKeys(t *testing.T) {
	in, keys := io.Pipe()
	out := make(chan string, 1000)
	ended := make(chan error, 1)
	go func() {
		ended <- searchFor(t.Context(), in, writerFunc(func(p []byte) { out <- string(p) }), true, time.Millisecond, time.Millisecond)
	}()
	sees := func(part string) (all string) {
		t.Helper()
		for late := time.After(patience); !strings.Contains(all, part); {
			select {
			case text := <-out:
				all += text
			case <-late:
				t.Fatalf("never seen: %q; but %q", part, all)
			}
		}
		return all
	}
	if all := sees("type to search"); strings.Contains(all, "%") {
		t.Errorf("progress of a search for nothing is shown: %q", all)
	}
	io.WriteString(keys, "tar")
	sees("search: tar\n[")
	sees("archive/tar")
	sees("packages\n")
	io.WriteString(keys, "\x7f\x7f\x7féß\x7f")
	sees("search: é\n")
	io.WriteString(keys, "\x04")
	if err := <-ended; err != nil {
		t.Errorf("searchFor returned %v", err)
	}
}

// ^C ends a program that waits for a key, and one whose search is under way.
func TestInterrupted(t *testing.T) {
	for _, typed := range []string{"x", "tar\n"} {
		in, keys := io.Pipe()
		ctx, interrupt := context.WithCancel(t.Context())
		var busy sync.WaitGroup
		busy.Add(1)
		go func() {
			defer busy.Done()
			io.WriteString(keys, typed)
			interrupt()
		}()
		if err := searchFor(ctx, in, io.Discard, false, time.Hour, time.Hour); err != nil {
			t.Errorf("%q: %v", typed, err)
		}
		busy.Wait()
		keys.Close()
	}
}

type writerFunc func(p []byte)

func (f writerFunc) Write(p []byte) (int, error) {
	f(p)
	return len(p), nil
}
