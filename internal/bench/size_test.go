package bench

// This file owns TestExecutable: what one more type costs an executable.

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestExecutable prints by how much an executable grows with each type T, stripped and not: what the program for 21
// types has more than that for one, divided by 20.
func TestExecutable(t *testing.T) {
	if testing.Short() || *rounds == 0 {
		t.Skip("-rounds 1 to run it")
	}
	const ( // # is the number of the type
		structs = "type T# struct {\n\ta int\n\tb string\n\tc# int\n}\n\n"
		plain   = "var p# = weir.NewProvider(func(weir.Ref) T# { return T#{a: #} })\n\n"
	)
	fmt.Println("| a type with | bytes, stripped | with symbols |\n|---|---:|---:|")
	for _, program := range []struct{ what, declare, use string }{
		{"a Provider that is read", structs + plain, "\tfmt.Println(weir.Read(c, p#).a)\n"},
		{"one of pointers that is read", structs + "var p# = weir.NewProvider(func(weir.Ref) *T# { return &T#{a: #} })\n\n",
			"\tfmt.Println(weir.Read(c, p#).a)\n"},
		{"one that is listened to", structs + plain,
			"\tdefer weir.Listen(c, p#, func(_, next T#) { fmt.Println(next.a) }).Close()\n"},
		{"a StateProvider that is set and read", structs + "var p# = weir.NewStateProvider(func(weir.Ref) T# { return T#{a: #} })\n\n",
			"\tp#.Set(c, T#{a: 3})\n\tfmt.Println(weir.Read(c, p#).a)\n"},
		{"a FutureProvider that is resolved", structs + "var p# = weir.NewFutureProvider(func(context.Context, weir.Ref) (T#, error) { return T#{a: #}, nil })\n\n",
			"\tv#, _ := weir.Resolve(context.Background(), c, p#)\n\tfmt.Println(v#.a)\n"},
	} {
		dir := t.TempDir()
		size := func(types int, flags ...string) int64 {
			var b strings.Builder
			b.WriteString("package main\n\nimport (\n\t\"context\"\n\t\"fmt\"\n\n\t\"github.com/weir-go/weir\"\n)\n\nvar _ = context.Background\n\n")
			for i := range types {
				b.WriteString(strings.ReplaceAll(program.declare, "#", strconv.Itoa(i)))
			}
			b.WriteString("func main() {\n\tc := weir.NewContainer()\n\tdefer c.Close()\n")
			for i := range types {
				b.WriteString(strings.ReplaceAll(program.use, "#", strconv.Itoa(i)))
			}
			b.WriteString("}\n")
			source, built := filepath.Join(dir, "main.go"), filepath.Join(dir, "main.exe")
			check := func(err error, out []byte) {
				if err != nil {
					t.Fatalf("%v: %s", err, out)
				}
			}
			check(os.WriteFile(source, []byte(b.String()), 0o600), nil)
			out, err := exec.CommandContext(t.Context(), "go", append(append([]string{"build", "-o", built}, flags...), source)...).CombinedOutput()
			check(err, out)
			info, err := os.Stat(built)
			check(err, nil)
			return info.Size()
		}
		fmt.Printf("| %s | %d | %d |\n", program.what, (size(21, "-ldflags=-s -w")-size(1, "-ldflags=-s -w"))/20, (size(21)-size(1))/20)
	}
}
