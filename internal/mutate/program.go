package main

// This file puts all mutants into one program: each is a copy of the function that it is in, and the function calls the
// copy whose number is in the environment. So a package is compiled once, not once for each mutant.

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// chosen is the environment's name for the number of the mutant, from 1; without it there is none.
const chosen = "WEIR_MUTANT"

// choice is the file that each mutated package is given.
const choice = `package %s

import (
	"os"
	"strconv"
)

var chosenMutant, _ = strconv.Atoi(os.Getenv("` + chosen + `"))
`

// together returns a file with those mutants of it that numbers has, and the name of its package. Of each line of the
// copies it says whose copy that is.
func together(name string, src []byte, numbers map[int]mutant) (out []byte, pkg string, owner map[int]int, err error) {
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, name, src, parser.SkipObjectResolution)
	if err != nil {
		return nil, "", nil, err
	}
	at := func(p token.Pos) int { return fset.Position(p).Offset }
	owner = map[int]int{}
	var copies []byte
	done, lines := 0, 0 // how much of src is in out, and how many lines of copies there are
	order := slices.Sorted(keys(numbers))
	for _, d := range parsed.Decls {
		fd, ok := d.(*ast.FuncDecl)
		if !ok || fd.Body == nil {
			continue
		}
		text := func(n ast.Node) string { return string(src[at(n.Pos()):at(n.End())]) }
		sig := signatureOf(fd, text)
		from, to := at(fd.Body.Pos()), at(fd.Body.End())
		var cases strings.Builder
		for _, k := range order {
			m := numbers[k]
			if m.start < from || m.end > to {
				continue
			}
			fmt.Fprintf(&cases, " case %d: %s;", k, sig.call(k))
			c := fmt.Sprintf("\n%s%s%s%s\n", sig.head(k), src[from:m.start], m.after, src[m.end:to])
			for range strings.Count(c, "\n") {
				lines++
				owner[lines] = k
			}
			copies = append(copies, c...)
		}
		if cases.Len() > 0 {
			out = append(append(out, src[done:at(fd.Pos())]...), sig.head(0)...)
			out = append(append(out, "{ switch chosenMutant {"...), cases.String()...)
			out = append(out, " };"...)
			done = from + 1
		}
	}
	out = append(append(out, src[done:]...), '\n')
	above := strings.Count(string(out), "\n")
	shifted := map[int]int{}
	for l, k := range owner {
		shifted[above+l] = k
	}
	return append(out, copies...), parsed.Name.Name, shifted, nil
}

func keys(m map[int]mutant) func(func(int) bool) {
	return func(yield func(int) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// signature is a function's, with a name for each parameter.
type signature struct {
	receiver, name, types, params, results string
	self, typeArgs, args                   string // what a call of a copy has
	returns                                bool
}

func signatureOf(fd *ast.FuncDecl, text func(ast.Node) string) (s signature) {
	fields := func(list *ast.FieldList, prefix string) (names, both []string) {
		for _, f := range list.List {
			typ := text(f.Type)
			dots := ""
			if strings.HasPrefix(typ, "...") {
				dots = "..."
			}
			for i := range max(1, len(f.Names)) {
				name := fmt.Sprint(prefix, len(names))
				if len(f.Names) > 0 && f.Names[i].Name != "_" {
					name = f.Names[i].Name
				}
				names, both = append(names, name+dots), append(both, name+" "+typ)
			}
		}
		return names, both
	}
	s.name = fd.Name.Name
	if fd.Recv != nil {
		names, both := fields(fd.Recv, "receiver")
		s.receiver, s.self = "("+both[0]+") ", names[0]+"."
	}
	if t := fd.Type.TypeParams; t != nil {
		names, both := fields(t, "")
		s.types, s.typeArgs = "["+strings.Join(both, ", ")+"]", "["+strings.Join(names, ", ")+"]"
	}
	names, both := fields(fd.Type.Params, "parameter")
	s.params, s.args = strings.Join(both, ", "), strings.Join(names, ", ")
	if r := fd.Type.Results; r != nil {
		s.results, s.returns = text(r)+" ", len(r.List) > 0
	}
	return s
}

func (s signature) head(k int) string {
	name := s.name
	if k > 0 {
		name = copyName(s.name, k)
	}
	return fmt.Sprintf("func %s%s%s(%s) %s", s.receiver, name, s.types, s.params, s.results)
}

func (s signature) call(k int) string {
	c := fmt.Sprintf("%s%s%s(%s)", s.self, copyName(s.name, k), s.typeArgs, s.args)
	if s.returns {
		return "return " + c
	}
	return c + "; return"
}

func copyName(name string, k int) string { return fmt.Sprintf("%s_mutant%d", name, k) }

// assemble writes the files with all of ms that compile, and returns what makes go build with them, and the numbers,
// from 1, of those that do not.
func (o *options) assemble(dir string, ms []mutant, tmp string) (overlay string, bad map[int]bool, err error) {
	bad = map[int]bool{}
	where := regexp.MustCompile(`(?m)^(\S+\.go):(\d+):`) // how the compiler begins what it says of a line
	for {
		byFile := map[string]map[int]mutant{}
		for i, m := range ms {
			if byFile[m.file] == nil {
				byFile[m.file] = map[int]mutant{}
			}
			if !bad[i+1] {
				byFile[m.file][i+1] = m
			}
		}
		replace := map[string]string{}
		owners := map[string]map[int]int{}
		add := func(name string, text []byte) error {
			original, err := filepath.Abs(filepath.Join(o.root, filepath.FromSlash(name)))
			if err != nil {
				return err
			}
			replace[original] = filepath.Join(tmp, filepath.Base(name))
			return os.WriteFile(replace[original], text, 0o644)
		}
		for file, numbers := range byFile {
			src, err := os.ReadFile(filepath.Join(o.root, filepath.FromSlash(file)))
			if err != nil {
				return "", nil, err
			}
			for _, m := range numbers {
				if m.end > len(src) || string(src[m.start:m.end]) != m.before {
					return "", nil, fmt.Errorf("%s was changed meanwhile", file)
				}
			}
			text, pkg, owner, err := together(file, src, numbers)
			if err != nil {
				return "", nil, err
			}
			owners[filepath.Base(file)] = owner
			if err := add(file, text); err != nil {
				return "", nil, err
			}
			if err := add(filepath.Join(dir, "chosen_mutant.go"), fmt.Appendf(nil, choice, pkg)); err != nil {
				return "", nil, err
			}
		}
		list, err := json.Marshal(map[string]any{"Replace": replace})
		if err != nil {
			return "", nil, err
		}
		overlay = filepath.Join(tmp, "overlay.json")
		if err := os.WriteFile(overlay, list, 0o644); err != nil {
			return "", nil, err
		}
		said, err := output(o.root, nil, "go", "build", "-gcflags=-e", "-overlay="+overlay, "-o", os.DevNull, "./"+filepath.ToSlash(dir))
		if err == nil {
			return overlay, bad, nil
		}
		more := false
		for _, match := range where.FindAllStringSubmatch(said, -1) {
			line, _ := strconv.Atoi(match[2])
			if k := owners[filepath.Base(match[1])][line]; k != 0 && !bad[k] {
				bad[k], more = true, true
			}
		}
		if !more {
			return "", nil, fmt.Errorf("the package does not compile with mutants:\n%s", said)
		}
	}
}

// output runs a command and returns what it prints.
func output(dir string, env []string, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	cmd.WaitDelay = wait // a test process that has ended itself may have left others behind
	text, err := cmd.CombinedOutput()
	return string(text), err
}
