package main

// story_test.go tells the story to the test log, and tries what main does beside it: serving until it is told to stop.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestStory(t *testing.T) {
	var out bytes.Buffer
	err := tellStory(&out, false)
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

// A program that rebuilds everything at each change has the right values. The counts are what gives it away.
func TestStoryFindsAWrongProgramOut(t *testing.T) {
	err := tellStory(io.Discard, true)
	const want = "chapter 2, another greeting: logger: 2 times, want 1"
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

func TestServeUntilToldToStop(t *testing.T) {
	path := filepath.Join(t.TempDir(), "conf.json")
	sample, err := os.ReadFile("conf.json")
	if err != nil {
		t.Fatal(err)
	}
	put := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(string(sample))
	ctx, stop := context.WithCancel(t.Context())
	var out journal
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, &out, loopback, path, time.Millisecond) }()
	eventually(t, "serving", func() bool { return strings.Contains(out.String(), "curl") })
	var url string
	if _, err := fmt.Sscanf(out.String(), "serving %s", &url); err != nil {
		t.Fatal(err)
	}
	url = strings.TrimSuffix(url, ";")
	client := &http.Client{Transport: &http.Transport{}}
	says := func(path, part string) func() bool {
		return func() bool {
			resp, err := client.Get(url + path)
			if err != nil {
				return false
			}
			defer resp.Body.Close()
			text, _ := io.ReadAll(resp.Body)
			return strings.Contains(string(text), part)
		}
	}
	eventually(t, "the sample's page", says("/", "Reload: edit me\na row over one of 4 connections"))
	put(strings.Replace(string(sample), "edit me", "edited", 1))
	eventually(t, "the edited page", says("/", "Reload: edited"))
	put("{")
	eventually(t, "a complaint", says("/config", "ends too early"))
	eventually(t, "the last good page", says("/", "Reload: edited"))
	client.CloseIdleConnections()
	stop()
	if err := <-ended; err != nil {
		t.Errorf("serve returned %v", err)
	}
	if strings.Contains(out.String(), "not-telling") {
		t.Errorf("the password is in the log: %s", out.String())
	}
}

func TestServeNeedsAGoodFileToBeginWith(t *testing.T) {
	path := filepath.Join(t.TempDir(), "conf.json")
	if err := serve(t.Context(), t.Output(), loopback, path, time.Millisecond); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a file: %v", err)
	}
	if err := os.WriteFile(path, []byte(`{"page": {}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	err := serve(t.Context(), t.Output(), loopback, path, time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "page.title is missing") {
		t.Errorf("with a wrong file: %v", err)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in %v: %s", patience, what)
		}
	}
}
