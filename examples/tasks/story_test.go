package main

// story_test.go tells the story to the test log. The service that is killed is the test binary itself, which TestMain turns into one
// when it is started for that, so that with -race the killed process is checked as well.

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/weir-go/weir"
)

const (
	asService = "WEIR_TASKS_DIR"   // serve this directory instead of running tests
	tooEarly  = "WEIR_TASKS_EARLY" // and acknowledge before anything is saved
)

func TestMain(m *testing.M) {
	dir := os.Getenv(asService)
	if dir == "" {
		os.Exit(m.Run())
	}
	ctx, end := context.WithCancel(context.Background())
	go func() {
		defer end()
		io.Copy(io.Discard, os.Stdin)
	}()
	saved := weir.Persisted
	if os.Getenv(tooEarly) != "" {
		saved = func(context.Context, weir.Scope, weir.AnyProvider) error { return nil }
	}
	if err := serve(ctx, os.Stdout, loopback, dir, saved); err != nil {
		fmt.Fprintln(os.Stderr, "tasks:", err)
		os.Exit(1)
	}
}

// service starts the test binary as the service, with more in its environment.
func service(more ...string) func(dir string) *exec.Cmd {
	return func(dir string) *exec.Cmd {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(append(os.Environ(), asService+"="+dir, "GORACE=atexit_sleep_ms=10"), more...) // not a second at each end
		return cmd
	}
}

func TestStory(t *testing.T) {
	var out bytes.Buffer
	err := tellStory(&out, service())
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

// A service that answers before the change is saved does everything right until it is killed.
func TestStoryFindsAWrongServiceOut(t *testing.T) {
	err := tellStory(io.Discard, service(tooEarly+"=1"))
	if err == nil || !strings.Contains(err.Error(), "chapter 3") ||
		!strings.Contains(err.Error(), "lost: ") && !strings.Contains(err.Error(), "back again: ") {
		t.Errorf("got %v, want something that was lost in chapter 3", err)
	}
}
