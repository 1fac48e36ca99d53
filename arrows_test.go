package weir_test

// This file holds the architecture as data: which package may import which, and what no file of the library may contain. It reads the
// sources and runs nothing. To relax a line of these tables is a decision about the design, not a way to make a test pass.

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	arrowModule = "github.com/weir-go/weir"
	arrowStd    = "std"  // any package of the standard library but unsafe and C
	arrowLines  = 500    // of a file that is not a test
	arrowBelow  = "/..." // at the end of a directory: it and all below
)

// arrows says what the packages in a directory may import in files that are not tests. A directory that no line covers may not exist.
var arrows = []struct {
	dir string
	may []string
}{
	{".", []string{arrowStd, arrowModule + "/internal/graph"}},
	{"internal/graph", []string{"sync/atomic"}}, // not even fmt: see arrowExtra
	{"internal/mutate", []string{arrowStd}},     // a command, and a module of its own
	{"internal/soak", []string{arrowStd}},       // of the tests of examples, and of nothing else
	{"weirtest", []string{arrowStd, arrowModule}},
	{"inspect", []string{arrowStd, arrowModule}},
	{"examples/...", []string{arrowStd, arrowModule, arrowModule + "/inspect"}},
}

// arrowExtra allows single files more than their directory.
var arrowExtra = map[string][]string{
	"internal/graph/check.go": {"fmt"}, // what the checker reports is text
}

// arrowVars are the package-level variables of the root package beside sentinel errors: tables that nobody writes to.
var arrowVars = []string{
	"successors", "stateNames", "reasonNames", "hookNames", // lifecycle.go
	"noSettings", // provider.go: what a provider without options points at
	"gone",       // table.go: a mark, compared by address
	"swaps",      // internal/mutate: what becomes of an operator
	"indexHTML",  // inspect/serve.go: go:embed needs one
}

// arrowFile is one source file that is not a test.
type arrowFile struct {
	path   string // from the root of the module, with slashes
	src    []byte
	syntax *ast.File
}

func (f *arrowFile) dir() string {
	if i := strings.LastIndexByte(f.path, '/'); i >= 0 {
		return f.path[:i]
	}
	return "."
}

// parseArrows parses one file; tests hand in files that do not exist.
func parseArrows(path string, src []byte) (*arrowFile, error) {
	syntax, err := parser.ParseFile(token.NewFileSet(), path, src, parser.ParseComments)
	return &arrowFile{path, src, syntax}, err
}

func arrowFiles(t *testing.T) (files []*arrowFile) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		name := d.Name()
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != "." && (name[0] == '.' || name[0] == '_' || name == "testdata"): // as the go command does
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		f, err := parseArrows(filepath.ToSlash(path), src)
		files = append(files, f)
		return err
	})
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return files
}

// allowed is what f may import, and whether a line of arrows covers it.
func (f *arrowFile) allowed() (may []string, ok bool) {
	for _, a := range arrows {
		below, deep := strings.CutSuffix(a.dir, arrowBelow)
		if f.dir() == below || deep && strings.HasPrefix(f.dir()+"/", below+"/") {
			return slices.Concat(a.may, arrowExtra[f.path]), true
		}
	}
	return nil, false
}

// wrongImports lists what f imports and must not.
func (f *arrowFile) wrongImports() (wrong []string) {
	may, ok := f.allowed()
	if !ok {
		return []string{"the directory has no line in arrows"}
	}
	for _, spec := range f.syntax.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return []string{err.Error()}
		}
		first, _, _ := strings.Cut(path, "/")
		std := !strings.Contains(first, ".") && path != "unsafe" && path != "C"
		if !slices.Contains(may, path) && !(std && slices.Contains(may, arrowStd)) {
			wrong = append(wrong, "imports "+path)
		}
	}
	return wrong
}

// wrongCode lists what f contains and must not; what concerns state of packages holds for the library only.
func (f *arrowFile) wrongCode() (wrong []string) {
	library := !strings.HasPrefix(f.path, "examples/")
	if lines := bytes.Count(f.src, []byte{'\n'}); lines > arrowLines {
		wrong = append(wrong, fmt.Sprintf("%d lines", lines))
	}
	for _, group := range f.syntax.Comments {
		for _, c := range group.List {
			if strings.HasPrefix(c.Text, "//go:linkname") {
				wrong = append(wrong, "go:linkname")
			}
		}
	}
	for _, decl := range f.syntax.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if library && d.Recv == nil && d.Name.Name == "init" {
				wrong = append(wrong, "func init")
			}
		case *ast.GenDecl:
			if !library || d.Tok != token.VAR {
				continue
			}
			for _, spec := range d.Specs {
				wrong = append(wrong, wrongVars(spec.(*ast.ValueSpec))...)
			}
		}
	}
	return wrong
}

// wrongVars lists the variables of one declaration that are neither sentinel errors, interface assertions, nor in arrowVars.
func wrongVars(spec *ast.ValueSpec) (wrong []string) {
	for i, name := range spec.Names {
		sentinel := false
		if i < len(spec.Values) && strings.HasPrefix(strings.ToLower(name.Name), "err") {
			if call, ok := spec.Values[i].(*ast.CallExpr); ok {
				fn, ok := call.Fun.(*ast.SelectorExpr)
				sentinel = ok && fn.Sel.Name == "New"
			}
		}
		if !sentinel && name.Name != "_" && !slices.Contains(arrowVars, name.Name) {
			wrong = append(wrong, "var "+name.Name)
		}
	}
	return wrong
}

func TestArrowsRunOneWay(t *testing.T) {
	for _, f := range arrowFiles(t) {
		require.Empty(t, f.wrongImports(), f.path)
	}
}

func TestNothingHiddenInTheSources(t *testing.T) {
	for _, f := range arrowFiles(t) {
		require.Empty(t, f.wrongCode(), f.path)
	}
}

// Each line of the tables is about something that exists: one that is left over would allow what nobody decided.
func TestArrowTablesAreAboutSomething(t *testing.T) {
	used := map[string]bool{}
	vars := map[string]bool{}
	for _, f := range arrowFiles(t) {
		used[f.path] = true
		for _, spec := range f.syntax.Imports {
			used[f.path+" "+strings.Trim(spec.Path.Value, `"`)] = true
		}
		for _, decl := range f.syntax.Decls {
			if d, ok := decl.(*ast.GenDecl); ok && d.Tok == token.VAR {
				for _, spec := range d.Specs {
					for _, name := range spec.(*ast.ValueSpec).Names {
						vars[name.Name] = true
					}
				}
			}
		}
	}
	for path, extra := range arrowExtra {
		for _, pkg := range extra {
			require.True(t, used[path+" "+pkg], "%s does not import %s", path, pkg)
		}
	}
	for _, name := range arrowVars {
		require.True(t, vars[name], "there is no var %s", name)
	}
	for _, a := range arrows {
		dir := strings.TrimSuffix(a.dir, arrowBelow)
		info, err := os.Stat(dir)
		require.NoError(t, err)
		require.True(t, info.IsDir(), dir)
	}
}

// The negative controls: each of these files breaks one rule.
func TestArrowsCatchWhatTheyAreFor(t *testing.T) {
	long := "package weir\n" + strings.Repeat("//\n", arrowLines)
	for _, bad := range []struct{ path, src, want string }{
		{"a.go", `package weir; import "github.com/stretchr/testify/require"`, "imports github.com/stretchr/testify/require"},
		{"a.go", `package weir; import _ "unsafe"`, "imports unsafe"},
		{"a.go", `package weir; import "C"`, "imports C"},
		{"a.go", `package weir; import "github.com/weir-go/weir/examples/movies"`, "imports github.com/weir-go/weir/examples/movies"},
		{"internal/graph/a.go", `package graph; import "sync"`, "imports sync"},
		{"internal/graph/a.go", `package graph; import "fmt"`, "imports fmt"},
		{"internal/graph/a.go", `package graph; import "github.com/weir-go/weir"`, "imports github.com/weir-go/weir"},
		{"examples/x/a.go", `package main; import "github.com/weir-go/weir/internal/graph"`, "imports github.com/weir-go/weir/internal/graph"},
		{"examples/x/a.go", `package main; import u "unsafe"`, "imports unsafe"},
		{"other/a.go", `package other`, "the directory has no line in arrows"},
		{"internal/graph/more/a.go", `package more`, "the directory has no line in arrows"},
		{"a.go", "package weir\n\n//go:linkname now time.now\nfunc now()\n", "go:linkname"},
		{"a.go", `package weir; func init() {}`, "func init"},
		{"a.go", `package weir; var count int`, "var count"},
		{"a.go", `package weir; var errs []error`, "var errs"},
		{"internal/graph/a.go", `package graph; var ( x, y = 1, 2 )`, "var y"},
		{"a.go", long, "501 lines"},
	} {
		f, err := parseArrows(bad.path, []byte(bad.src))
		require.NoError(t, err)
		require.Contains(t, append(f.wrongImports(), f.wrongCode()...), bad.want, bad.path)
	}
	for _, good := range []struct{ path, src string }{
		{"a.go", "package weir\n\nimport \"errors\"\n\nvar errX = errors.New(\"x\")\n\nvar _ error = errX\n\ntype s struct{}\n\nfunc (s) init() {}\n"},
		{"examples/x/a.go", `package main; import "github.com/weir-go/weir"; var pace = 1; func init() {}`},
		{"internal/graph/check.go", `package graph; import "fmt"`},
	} {
		f, err := parseArrows(good.path, []byte(good.src))
		require.NoError(t, err)
		require.Empty(t, append(f.wrongImports(), f.wrongCode()...), good.src)
	}
}
