package main

// config_test.go is about single values: what parses, what a secret shows, and when a file need not be read again.

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	good := file("info", "hello", "p", 3)
	c, err := parse([]byte(good))
	if err != nil || c.Page.Greeting != "hello" || c.Database.Connections != 3 || c.Database.URL.reveal() != "postgres://app:p@localhost/app" {
		t.Errorf("got %+v, error %v", c, err)
	}
	again, _ := parse([]byte(strings.ReplaceAll(good, " ", "  ")))
	if c.Database.URL != again.Database.URL {
		t.Error("equal secrets are not equal")
	}
	for text, says := range map[string]string{
		"":                          "ends too early",
		"{":                         "ends too early",
		good[:40]:                   "ends too early",
		good + "{}":                 "after the end",
		`[]`:                        "cannot unmarshal",
		`{"pages": {}}`:             `unknown field "pages"`,
		`{"log": {"level": 7}}`:     "invalid syntax",
		`{"log": {"level": "lud"}}`: `"lud"`,
		`{}`:                        "page.title is missing",
		`{"database": {"url": 12}}`: "cannot unmarshal",
		strings.Replace(good, "app:p@localhost", "pass:word", 1): "database.url is not a URL",
		strings.Replace(good, "3", "101", 1):                     "got 101",
	} {
		_, err := parse([]byte(text))
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: got %v, want %q", text, err, says)
		}
		if err != nil && strings.Contains(err.Error(), "pass:word") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
}

func TestNoSecret(t *testing.T) {
	if got := (secret{}).reveal(); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestSameFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	look := func(text string, age time.Duration) os.FileInfo {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-age).Truncate(time.Second)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	old := look("a", time.Hour)
	if !sameFile(old, old) {
		t.Error("an old file that has not changed is read again")
	}
	if sameFile(old, look("b", time.Minute)) || sameFile(old, look("aa", time.Hour)) {
		t.Error("a file that has changed is not read again")
	}
	if young := look("a", 0); sameFile(young, young) {
		t.Error("a file that was written a moment ago is taken for settled")
	}
	if future := look("a", -time.Hour); sameFile(future, future) {
		t.Error("a file from the future is taken for settled")
	}
}

func TestTooLarge(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, make([]byte, maxSize+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := read(path); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("got %v", err)
	}
}
