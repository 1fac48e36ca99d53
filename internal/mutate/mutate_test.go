package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Each source is the body of a function; wanted are all its mutants.
func TestOperators(t *testing.T) {
	for _, c := range []struct {
		name, results, body string
		want                []string
	}{
		{"a comparison moves its border and is turned round", "", "if a < b { }", []string{"a < b -> !(a < b)", "a < b -> a <= b"}},
		{"equality is turned round once", "", "for a != b { }", []string{"a != b -> a == b"}},
		{"a plain condition is negated", "", "if ok() { }", []string{"ok() -> !(ok())"}},
		{"so are cases without a tag, and only those", "", "switch { case x: }; switch a { case b: }", []string{"x -> !(x)"}},
		{"of two conditions each must matter", "", "_ = x && y", []string{"_ = x && y -> (nothing)", "x && y -> x || y", "x && y -> x", "x && y -> y"}},
		{"arithmetic and bits", "", "v := a + b&^c", []string{"a + b&^c -> a - b&^c", "b&^c -> b|c"}},
		{"assignments are dropped, and their operators exchanged", "", "a |= b", []string{"a |= b -> (nothing)", "a |= b -> a &^= b"}},
		{"counting", "", "a++", []string{"a++ -> (nothing)", "a++ -> a--"}},
		{"declarations stay", "", "a := f(); var b = f()", nil},
		{"calls are dropped", "", "f(); defer g()", []string{"f() -> (nothing)", "defer g() -> (nothing)"}},
		{"early ends are dropped, the last is not", "", "for { break; continue; return }; return",
			[]string{"break -> (nothing)", "continue -> (nothing)", "return -> (nothing)"}},
		{"results become constants", "(int, bool, *T)", "return a, true, p", []string{
			"return a, true, p -> return 0, true, p", "return a, true, p -> return a, false, p", "return a, true, p -> return a, true, nil"}},
		{"a result that is a constant already has no mutant", "error", "return nil", nil},
		{"results of a call stay", "(int, bool)", "return f()", nil},
		{"a function in a function has results of its own", "bool", "_ = func() { if x { return } }; return x", []string{
			"_ = func() { if x { return } } -> (nothing)", "x -> !(x)", "return -> (nothing)", "return x -> return true", "return x -> return false"}},
		{"what reads the same is numbered", "", "f(); f()", []string{"f() -> (nothing)", "f() -> (nothing) #2"}},
		{"of several lines the first is shown", "", "f(1,\n2)", []string{"f(1, ... -> (nothing)"}},
	} {
		ms, err := find("f.go", []byte("package p\nfunc F() "+c.results+" {\n"+c.body+"\n}\n"))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		var got []string
		for _, m := range ms {
			got = append(got, strings.TrimPrefix(m.key(), "f.go F: "))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s:\ngot  %q\nwant %q", c.name, got, c.want)
		}
	}
}

// A copy of a function is called as the function is, whatever its parameters are called.
func TestCopies(t *testing.T) {
	for _, c := range []struct{ src, head, call string }{
		{"func F() { f() }", "func F_mutant1()", "F_mutant1(); return"},
		{"func F(int, string) bool { return f() }", "func F_mutant1(parameter0 int, parameter1 string) bool", "return F_mutant1(parameter0, parameter1)"},
		{"func F(_ int, b string, c ...T) { f() }", "func F_mutant1(parameter0 int, b string, c ...T)", "F_mutant1(parameter0, b, c...); return"},
		{"func F[K comparable, V any](m map[K]V) (v V, err error) { f(); return }", "func F_mutant1[K comparable, V any](m map[K]V) (v V, err error)", "return F_mutant1[K, V](m)"},
		{"func (*T[K]) F(a, b int) { f() }", "func (receiver0 *T[K]) F_mutant1(a int, b int)", "receiver0.F_mutant1(a, b); return"},
	} {
		src := "package p\n\n// F is documented.\n" + c.src + "\n"
		ms, err := find("f.go", []byte(src))
		if err != nil {
			t.Fatal(err)
		}
		out, pkg, owner, err := together("f.go", []byte(src), map[int]mutant{1: ms[0]})
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"// F is documented.\n" + strings.Replace(c.head, "_mutant1", "", 1) + " { switch chosenMutant { case 1: " + c.call + "; }; ", "\n" + c.head + " {"} {
			if !strings.Contains(string(out), want) {
				t.Errorf("no %q in\n%s", want, out)
			}
		}
		lines := strings.Split(string(out), "\n")
		for i, line := range lines {
			if isCopy := strings.HasPrefix(line, c.head+" {"); pkg != "p" || isCopy && owner[i+1] != 1 || owner[4] != 0 {
				t.Errorf("line %d of\n%s", i+1, out)
			}
		}
	}
}

// mutate runs the command on testdata/tiny.
func mutate(t *testing.T, args ...string) (out string, ok bool) {
	t.Helper()
	var b bytes.Buffer
	args = append(args, "-limit", "1s", "-test", "go test -run '^TestTiny$' ./testdata/tiny", "testdata/tiny")
	ok, err := run(args, &b)
	if err != nil {
		t.Fatal(err)
	}
	return b.String(), ok
}

func TestRun(t *testing.T) {
	out, ok := mutate(t, "-v")
	if ok {
		t.Error("there are survivors")
	}
	for _, want := range []string{
		"\ntestdata/tiny/tiny.go:6: Max: a > b -> a >= b\n",
		"\nkilled testdata/tiny/tiny.go:6: Max: a > b -> !(a > b)\n",
		"\nkilled by time testdata/tiny/tiny.go:15: Count: k++ -> (nothing)\n",
		"\nbroken testdata/tiny/tiny.go:31: Same: b = v -> (nothing)\n",
		"\ntestdata/tiny/tiny.go:23: Must: panic(\"no\") -> (nothing)\n",
		"\ntestdata/tiny/tiny.go:36: Forgotten: *on = true -> (nothing)\n",
	} {
		if !strings.Contains("\n"+out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	count := func(prefix string) (k int) {
		for _, l := range lines {
			if strings.HasPrefix(l, prefix) {
				k++
			}
		}
		return k
	}
	alive, killed := count("testdata"), count("killed ")
	if last := lines[len(lines)-1]; !strings.HasPrefix(last, "15 mutants: 12 killed, 2 of them by time, 0 equivalent, 3 survived; score 80.0 %") || alive != 3 || killed != 12 {
		t.Errorf("%d survived, %d were killed: %s", alive, killed, last)
	}
}

func TestSecondCommandAndEquivalents(t *testing.T) {
	out, ok := mutate(t, "-survivors", "testdata/survivors.txt", "-lines", "3-9")
	if !ok || !strings.Contains(out, "1 equivalent, 0 survived; score 100.0 %") {
		t.Error(out)
	}
	// What the first command lets through, the second is asked for.
	var b bytes.Buffer
	_, err := run([]string{"-lines", "23", "-test", "go test -run ^TestTiny$ ./testdata/tiny", "-test", "go test ./testdata/tiny", "testdata/tiny"}, &b)
	if err != nil || !strings.HasPrefix(b.String(), "0 killed by go test -run ^TestTiny$ ./testdata/tiny\n1 killed by go test ./testdata/tiny\n") {
		t.Error(err, b.String())
	}
}

func TestChoice(t *testing.T) {
	list := func(args ...string) []string {
		var b bytes.Buffer
		if _, err := run(append(append([]string{"-list"}, args...), "testdata/tiny"), &b); err != nil {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimSpace(b.String()), "\n")
	}
	all := list()
	parts := append(list("-shard", "1/2"), list("-shard", "2/2")...)
	slices.Sort(parts)
	sorted := slices.Sorted(slices.Values(all))
	if !slices.Equal(parts, sorted) {
		t.Errorf("two halves are not all: %q", parts)
	}
	some := list("-sample", "4", "-seed", "7")
	if len(some) != 4 || !slices.Equal(some, list("-sample", "4", "-seed", "7")) {
		t.Errorf("a sample: %q", some)
	}
	if got := list("-lines", "6"); len(got) != 2 {
		t.Errorf("one line: %q", got)
	}
	file := filepath.Join(t.TempDir(), "out.txt")
	if err := os.WriteFile(file, []byte(strings.Join(some, "\n")+"\n3 mutants: that is no mutant\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := list("-again", file); !slices.Equal(got, some) {
		t.Errorf("the same again: %q", got)
	}
}

func TestWhatIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "list.txt")
	root, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	name, err := filepath.Rel(root, file)
	if err != nil {
		t.Skip(err)
	}
	for list, want := range map[string]string{
		"testdata/tiny/tiny.go Max: a > b -> a >= b\n":        "gives no reason",
		"testdata/tiny/tiny.go Max: a > c -> a >= c | gone\n": "no mutant",
	} {
		if err := os.WriteFile(file, []byte(list), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := run([]string{"-list", "-survivors", name, "testdata/tiny"}, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", list, err)
		}
	}
	if _, err := run([]string{"-test", "go test -run ^TestNone$ ./testdata/none", "testdata/tiny"}, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "fails without a mutant") {
		t.Error("tests that fail anyway kill nothing:", err)
	}
}
