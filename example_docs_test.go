package weir_test

// This file holds the Go code of the pages in docs to code that is compiled and run: each
// listing there is a passage of an example or test, whatever its indentation.

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var listing = regexp.MustCompile("(?s)```go\n(.*?)```")

// dense is code without indentation and empty lines.
func dense(code string) string {
	var b strings.Builder
	for line := range strings.Lines(code) {
		if line = strings.TrimSpace(line); line != "" {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

func TestListingsAreCodeThatRuns(t *testing.T) {
	var code strings.Builder
	for _, pattern := range []string{"*_test.go", "weirtest/*_test.go", "inspect/*_test.go", "examples/*/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			code.WriteString("\n" + dense(string(text)))
		}
	}
	pages, err := filepath.Glob("docs/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatal("no pages", err)
	}
	found := 0
	for _, page := range append(pages, "README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range listing.FindAllStringSubmatch(string(text), -1) {
			if strings.HasPrefix(m[1], "package main\n") {
				continue // a whole program: below
			}
			if found++; !strings.Contains(code.String(), "\n"+dense(m[1])) {
				t.Errorf("%s: a listing that is no passage of an example or test:\n%s", page, m[1])
			}
		}
	}
	if found < 10 {
		t.Errorf("only %d listings were found: has the way they are written changed?", found)
	}
}

// The program of README.md is run as its readers would, and prints what stands below it there.
func TestTheProgramOfTheReadmePrintsWhatItSays(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles and runs a program")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("the program cannot be run: there is no go command:", err)
	}
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	programs := regexp.MustCompile("(?s)```go\n(package main\n.*?)```\n\n```\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(programs) != 1 {
		t.Fatalf("%d programs with what they print were found", len(programs))
	}
	file := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(file, []byte(programs[0][1]), 0o666); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "run", file).CombinedOutput()
	if err != nil || string(out) != programs[0][2] {
		t.Errorf("%v\n%s\nREADME.md says\n%s", err, out, programs[0][2])
	}
}

// The pages must not point at what is not there, neither a file nor a heading.
func TestLinksBetweenPagesHold(t *testing.T) {
	span := regexp.MustCompile("`[^`\n]*`") // code is no link
	link := regexp.MustCompile(`\]\(([^)#:\s]*)(?:#([^)\s]*))?\)`)
	pages := []string{"README.md", "CHANGELOG.md", "SECURITY.md"}
	for _, pattern := range []string{"docs/*.md", "docs/decisions/*.md", "examples/*/*.md"} {
		more, _ := filepath.Glob(pattern)
		pages = append(pages, more...)
	}
	headings := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(span.ReplaceAllString(string(text), ""), -1) {
			target := page
			if m[1] != "" {
				target = filepath.Join(filepath.Dir(page), m[1])
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: %v", page, err)
			} else if m[2] != "" {
				if headings++; !hasHeading(t, target, m[2]) {
					t.Errorf("%s: %s has no heading #%s", page, target, m[2])
				}
			}
		}
	}
	if headings < 10 {
		t.Errorf("only %d links to headings were found: has the way they are written changed?", headings)
	}
}

// hasHeading reports whether a heading of the page has that anchor, as sites that render Markdown make them.
func hasHeading(t *testing.T, page, anchor string) bool {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^#+ +(.*)$`).FindAllStringSubmatch(string(text), -1) {
		kept := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		if strings.ReplaceAll(kept, " ", "-") == anchor {
			return true
		}
	}
	return false
}
