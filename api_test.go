package weir_test

// This file compares what the packages export with testdata/api.txt, so that no change of the public API goes unnoticed.

import (
	"flag"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const apiFile = "testdata/api.txt"

var updateAPI = flag.Bool("update", false, "write "+apiFile+" anew instead of comparing with it")

// TestAPIIsThatOfTheGoldenFile fails if something exported was added, removed or changed. If that is meant, run
//
//	go test -run '^TestAPI' . -update
//
// look at the diff of testdata/api.txt, and say in CHANGELOG.md what it means for users; docs/compatibility.md is what was promised
// to them. Comments are left out, so that a text can be mended without it; so are alignment and everything else in which the go
// command of one release may differ from that of another.
//
// Seen to find, each planted once: a method that is gone, a parameter of another type, a field more.
func TestAPIIsThatOfTheGoldenFile(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("the API cannot be compared: there is no go command to ask for it:", err)
	}
	var now strings.Builder
	for _, dir := range []string{".", "./weirtest", "./inspect"} {
		cmd := exec.Command("go", "doc", "-all", dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		require.NoError(t, err, cmd.String())
		now.WriteString(declarations(string(out)))
	}
	if *updateAPI {
		require.NoError(t, os.WriteFile(apiFile, []byte(now.String()), 0o666))
	}
	golden, err := os.ReadFile(apiFile)
	require.NoError(t, err)
	was := strings.ReplaceAll(string(golden), "\r\n", "\n")
	require.Greater(t, strings.Count(was, "\n"), 300, "has the way go doc prints changed?")
	require.Equal(t, was, now.String(), "the API is another one. If that is meant: go test -run '^TestAPI' . -update")
}

var (
	importComment = regexp.MustCompile(` // import ".*`)
	trailing      = regexp.MustCompile(`\s*//.*`)
	spaces        = regexp.MustCompile(`[ \t]+`)
)

// declarations is what go doc -all says without its comments, one space where there are several.
func declarations(doc string) string {
	var b strings.Builder
	lines := strings.Split(doc, "\n")
	b.WriteString(importComment.ReplaceAllString(lines[0], "") + "\n")
	inside := false // past the package comment
	for _, line := range lines[1:] {
		switch line {
		case "CONSTANTS", "VARIABLES", "FUNCTIONS", "TYPES":
			inside = true
			continue
		}
		if !inside || strings.HasPrefix(line, "    ") { // of a doc comment
			continue
		}
		if !strings.Contains(line, "// Has unexported") { // whether an interface is sealed is part of the API
			line = trailing.ReplaceAllString(line, "")
		}
		if line = spaces.ReplaceAllString(line, " "); line != "" {
			b.WriteString(line + "\n")
		}
	}
	b.WriteString("\n")
	return b.String()
}
