package weir_test

// This file is the machine behind the table of misuse: for each exported function and method the table has one call that is right, and
// this makes the wrong ones of it, an argument at a time (nil, zero, over, closed, of another container), and makes the right one where
// it may be awkward: after Close, inside each sort of callback, from several goroutines during Close. Whatever it is, it must end in a
// *UsageError that says what to do, or in what the documentation says, which is nothing unless the line of the table says otherwise. It
// may not raise anything else, hang, or leave the container other than it was. The lines are in misuse_lines_test.go, what they are
// called with in misuse_world_test.go.

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// symbolLine is a line of the table.
type symbolLine struct {
	fn   any                        // a method has its receiver as the first argument
	args func(w *abusedWorld) []any // of a call that is right; nil: there are none
	but  verdicts
	// outside is for what tests call, and no callback.
	outside bool
}

// verdicts has what a call comes to where it is not the standard: by the argument's number and what was done to it ("2 nil"), by the
// place ("in a synchronous build"), or "closed" and "concurrent".
type verdicts map[string]verdict

// verdict is usage, quiet, shut, or an error that the call returns or raises.
type verdict any

type word string

const (
	usage   word = "a *UsageError"
	quiet   word = "nothing"
	changes word = "nothing raised, and the world may be another" // as is documented
	shut    word = "nothing, or ErrContainerClosed"               // which a first read of a closed container raises (G10)
	// goNil is for methods whose nil receiver Go does not let the library see: of what is embedded, the library's base in a provider
	// and its notifiers in structs of the user's. The library hands out no such pointer.
	goNil word = "Go's own panic of a nil pointer"
)

// wrongArgument is one way in which an argument can be wrong.
type wrongArgument struct {
	what string
	make func(w *abusedWorld, good any) any
	want verdict
	same bool // the world is afterwards as it was
}

var (
	typeOfScope    = reflect.TypeFor[weir.Scope]()
	typeOfRef      = reflect.TypeFor[weir.Ref]()
	typeOfContext  = reflect.TypeFor[context.Context]()
	typeOfDuration = reflect.TypeFor[time.Duration]()
	typeOfProvider = reflect.TypeFor[weir.AnyProvider]()
)

func null(*abusedWorld, any) any { return nil }

// wrongArguments are the ways for arguments of type t.
func wrongArguments(t reflect.Type) []wrongArgument {
	always := func(v any) func(*abusedWorld, any) any { return func(*abusedWorld, any) any { return v } }
	switch {
	case t == typeOfScope:
		return []wrongArgument{
			{"nil", null, usage, true},
			{"nil container", always((*weir.Container)(nil)), usage, true},
			{"zero container", always(new(weir.Container)), usage, true},
			{"zero ref", always(weir.Ref{}), usage, true},
			{"nil transaction", always((*weir.Tx)(nil)), usage, true},
			{"zero transaction", always(new(weir.Tx)), usage, true},
			{"transaction over", func(w *abusedWorld, _ any) any { return w.tx }, usage, true},
			{"ref over", func(w *abusedWorld, _ any) any { return w.over }, quiet, true},
			{"closed child", func(w *abusedWorld, _ any) any { return w.closedChild }, shut, true},
			{"closed root", func(w *abusedWorld, _ any) any { return w.closedRoot }, shut, true},
			{"child", func(w *abusedWorld, _ any) any { return w.child }, quiet, false},
			{"foreign container", func(w *abusedWorld, _ any) any { return w.foreign }, quiet, true},
			{"foreign ref", func(w *abusedWorld, _ any) any { return w.foreignRef }, quiet, true},
		}
	case t == typeOfRef:
		return []wrongArgument{
			{"zero", always(weir.Ref{}), usage, true},
			{"over", func(w *abusedWorld, _ any) any { return w.over }, quiet, true},
		}
	case t == typeOfContext:
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		return []wrongArgument{{"nil", null, usage, true}, {"ended", always(ended), quiet, false}}
	case t == typeOfDuration:
		return []wrongArgument{{"negative", always(time.Duration(-1)), usage, true}, {"zero", always(time.Duration(0)), quiet, false}}
	case t == reflect.TypeFor[float64]():
		return []wrongArgument{{"NaN", always(nan), usage, true}, {"too much", always(7.), quiet, false}, {"negative", always(-7.), quiet, false}}
	case t.Kind() == reflect.Interface && (t == typeOfProvider || strings.Contains(t.Name(), "Source[")):
		return []wrongArgument{
			{"nil", null, usage, true},
			{"nil pointer", func(_ *abusedWorld, good any) any { return reflect.Zero(reflect.TypeOf(good)).Interface() }, usage, true},
			{"zero provider", func(_ *abusedWorld, good any) any { return reflect.New(reflect.TypeOf(good).Elem()).Interface() }, usage, true},
		}
	case t.Kind() == reflect.Pointer:
		wrong := []wrongArgument{
			{"nil", null, usage, true},
			{"zero", func(*abusedWorld, any) any { return reflect.New(t.Elem()).Interface() }, usage, true},
		}
		over := func(w *abusedWorld) any { return w.ended[t] }
		if endedTypes[t] {
			wrong = append(wrong, wrongArgument{"over", func(w *abusedWorld, _ any) any { return over(w) }, quiet, true})
		}
		return wrong
	case t.Kind() == reflect.Func, t.Kind() == reflect.Interface:
		return []wrongArgument{{"nil", null, usage, true}}
	case t.Kind() == reflect.Slice:
		return []wrongArgument{{"nil", null, quiet, false}}
	case t.Kind() == reflect.Int:
		return []wrongArgument{{"negative", func(_ *abusedWorld, good any) any { return -1 }, usage, true}}
	case t.Kind() == reflect.Uint8:
		return []wrongArgument{{"unknown", func(*abusedWorld, any) any { return reflect.ValueOf(uint8(255)).Convert(t).Interface() }, quiet, false}}
	case t.Kind() == reflect.Struct:
		return []wrongArgument{{"zero", func(*abusedWorld, any) any { return reflect.Zero(t).Interface() }, quiet, false}}
	}
	return nil
}

// parameter is the type of fn's argument i.
func parameter(fn reflect.Type, i int) reflect.Type {
	if last := fn.NumIn() - 1; fn.IsVariadic() && i >= last {
		return fn.In(last).Elem()
	}
	return fn.In(i)
}

func (l symbolLine) good(w *abusedWorld) []any {
	if l.args == nil {
		return nil
	}
	return l.args(w)
}

// call calls l's function and returns what it raised, or the error that it returned.
func (l symbolLine) call(args []any) (raised any, err error) {
	fn := reflect.ValueOf(l.fn)
	in := make([]reflect.Value, len(args))
	for i, a := range args {
		if in[i] = reflect.ValueOf(a); a == nil {
			in[i] = reflect.Zero(parameter(fn.Type(), i))
		}
	}
	raised = recovered(func() {
		if out := fn.Call(in); len(out) > 0 {
			err, _ = out[len(out)-1].Interface().(error)
		}
	})
	return raised, err
}

// hint is what a *UsageError says to put it right: the thing to do after a colon, the thing that is needed, or what is wrong with it.
var hint = regexp.MustCompile(`needs? |: .*\w+ .*\w+|negative|not positive|a nil `)

// judge says what is wrong with what a call came to, or nothing.
func judge(want verdict, raised any, err error) string {
	u, misused := raised.(*weir.UsageError)
	e, _ := raised.(error)
	var ok bool
	switch want {
	case usage:
		ok = misused && strings.HasPrefix(u.Error(), "weir: ") && hint.MatchString(u.Message)
	case quiet, changes:
		ok = raised == nil
	case shut:
		ok = raised == nil || errors.Is(e, weir.ErrContainerClosed)
	case goNil:
		_, ok = raised.(runtime.Error)
	default:
		if raised == nil {
			e = err
		}
		ok = errors.Is(e, want.(error))
	}
	if ok {
		return ""
	}
	return fmt.Sprintf("raised %v (%T), returned %v; want %v", raised, raised, err, want)
}

func judged(t *testing.T, want verdict, raised any, err error) {
	t.Helper()
	if wrong := judge(want, raised, err); wrong != "" {
		t.Error(wrong)
	}
}

// The judge must see what it is there for.
func TestMisuseJudge(t *testing.T) {
	wellSaid := &weir.UsageError{Message: "Set needs a scope"}
	for _, x := range []struct {
		want   verdict
		raised any
		err    error
		ok     bool
	}{
		{usage, wellSaid, nil, true},
		{usage, nil, nil, false},
		{usage, nil, wellSaid, false}, // it is to be raised
		{usage, &weir.UsageError{Message: "wrong"}, nil, false},
		{usage, &weir.PanicError{Value: wellSaid}, nil, false}, // as it is
		{usage, errBoom, nil, false},
		{quiet, nil, errBoom, true},
		{quiet, wellSaid, nil, false},
		{shut, fmt.Errorf("weir: %w", weir.ErrContainerClosed), nil, true},
		{shut, wellSaid, nil, false},
		{shut, "text", nil, false},
		{goNil, recovered(func() { _ = (*weir.Provider[int])(nil).Name() }), nil, true},
		{goNil, wellSaid, nil, false},
		{weir.ErrDisposed, nil, weir.ErrDisposed, true},
		{weir.ErrDisposed, nil, nil, false},
		{weir.ErrDisposed, wellSaid, weir.ErrDisposed, false},
	} {
		if wrong := judge(x.want, x.raised, x.err); (wrong == "") != x.ok {
			t.Errorf("raised %v, returned %v, want %v: the judge says %q", x.raised, x.err, x.want, wrong)
		}
	}
}

// verdict is l's own for a case, or else the standard.
func (l symbolLine) verdict(name string, standard verdict) verdict {
	if v, ok := l.but[name]; ok {
		return v
	}
	return standard
}

// wrongCase is one call with one wrong argument.
type wrongCase struct {
	name  string
	at    int
	extra bool // the argument is one more, of a variadic function
	wrongArgument
}

func (l symbolLine) wrongCases(w *abusedWorld) (cases []wrongCase) {
	fn := reflect.TypeOf(l.fn)
	n := len(l.good(w))
	for i := range n {
		for _, x := range wrongArguments(parameter(fn, i)) {
			cases = append(cases, wrongCase{fmt.Sprint(i, " ", x.what), i, false, x})
		}
	}
	if fn.IsVariadic() {
		for _, x := range wrongArguments(parameter(fn, n)) {
			if x.what == "nil" {
				cases = append(cases, wrongCase{"one more that is nil", n, true, x})
			}
		}
	}
	return cases
}

func (l symbolLine) run(t *testing.T) {
	used := map[string]bool{}
	sub := func(name string, body func(t *testing.T, w *abusedWorld)) {
		used[name] = true
		t.Run(name, func(t *testing.T) { bubble(t, func(t *testing.T) { body(t, newAbusedWorld(t)) }) })
	}
	var cases []wrongCase
	sub("as it should be", func(t *testing.T, w *abusedWorld) {
		cases = l.wrongCases(w)
		raised, _ := l.call(l.good(w))
		judged(t, l.verdict("as it should be", quiet), raised, nil)
	})
	for _, x := range cases {
		sub(x.name, func(t *testing.T, w *abusedWorld) {
			args := l.good(w)
			if x.extra {
				args = append(args, nil)
			}
			args[x.at] = x.make(w, slices.Concat(args, []any{nil})[x.at])
			before := w.look()
			raised, err := l.callInTime(t, args)
			want := l.verdict(x.name, x.want)
			judged(t, want, raised, err)
			settle()
			if x.same && want != changes {
				require.Equal(t, before, w.look(), "before the call and after it")
			}
			w.stillUsable()
		})
	}
	sub("closed", func(t *testing.T, w *abusedWorld) {
		args := l.good(w)
		w.c.Close()
		settle()
		before := w.look()
		raised, err := l.callInTime(t, args)
		judged(t, l.verdict("closed", shut), raised, err)
		settle()
		require.Equal(t, before, w.look(), "before the call and after it")
	})
	for i, p := range places {
		if l.outside || i >= 3 && !l.touches() {
			break // a pure function is as pure elsewhere
		}
		name := "in " + p.name
		sub(name, func(t *testing.T, w *abusedWorld) {
			ran := 0
			within(t, name, func() {
				raised := recovered(func() {
					p.enter(w, func(s weir.Scope, ref *weir.Ref) {
						if ran++; ran > 1 { // what the call itself brings about may lead here again
							return
						}
						args := l.good(w)
						for i := range args {
							switch parameter(reflect.TypeOf(l.fn), i) {
							case typeOfScope:
								args[i] = s
							case typeOfRef:
								if ref != nil {
									args[i] = *ref
								}
							}
						}
						raised, err := l.call(args)
						judged(t, l.verdict(name, quiet), raised, err)
					})
				})
				judged(t, shut, raised, nil) // the read that led here, if the call was Close
			})
			settle()
			require.NotZero(t, ran)
			w.stillUsable()
		})
	}
	sub("concurrent", func(t *testing.T, w *abusedWorld) {
		var done sync.WaitGroup
		for range 3 {
			args := l.good(w)
			done.Go(func() {
				raised, err := l.call(args)
				judged(t, l.verdict("concurrent", shut), raised, err)
			})
		}
		done.Go(func() { w.n.Set(w.c, 5); w.c.Invalidate(w.p, w.f) })
		done.Go(w.c.Close)
		within(t, "three calls while the container is written to and closed", done.Wait)
		settle()
	})
	for name := range l.but {
		if !used[name] {
			t.Errorf("the line has a verdict for %q, which there is not", name)
		}
	}
}

// touches reports whether l's function is given something of a container.
func (l symbolLine) touches() bool {
	fn := reflect.TypeOf(l.fn)
	for i := range fn.NumIn() {
		if t := fn.In(i); t == typeOfScope || t == typeOfRef || endedTypes[t] {
			return true
		}
	}
	return false
}

func (l symbolLine) callInTime(t *testing.T, args []any) (raised any, err error) {
	t.Helper()
	within(t, "the call", func() { raised, err = l.call(args) })
	return raised, err
}

// misusedPackages has the lines of each package, by its directory.
var misusedPackages = map[string]map[string]symbolLine{".": symbolLines, "weirtest": weirtestLines, "inspect": inspectLines}

func TestMisuseOfEachSymbol(t *testing.T) {
	for _, dir := range slices.Sorted(maps.Keys(misusedPackages)) {
		lines := misusedPackages[dir]
		for _, symbol := range slices.Sorted(maps.Keys(lines)) {
			t.Run(strings.TrimPrefix(dir+".", "..")+symbol, lines[symbol].run)
		}
	}
}

// exportedCalls are the exported functions of the package in dir and the methods of its exported types, those of what they embed
// included, as "Func" and "Type.Method".
func exportedCalls(t *testing.T, dir string) (symbols []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	methods, embeds := map[string][]string{}, map[string][]string{}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), dir+"/"+entry.Name(), nil, 0)
		require.NoError(t, err)
		for _, d := range file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				switch {
				case !d.Name.IsExported():
				case d.Recv == nil:
					symbols = append(symbols, d.Name.Name)
				default:
					of := typeName(d.Recv.List[0].Type)
					methods[of] = append(methods[of], d.Name.Name)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if spec, ok := spec.(*ast.TypeSpec); ok {
						embeds[spec.Name.Name] = embedded(spec.Type)
					}
				}
			}
		}
	}
	var promoted func(of string) []string
	promoted = func(of string) (all []string) {
		all = slices.Clone(methods[of])
		for _, e := range embeds[of] {
			all = append(all, promoted(e)...)
		}
		return all
	}
	for of := range embeds {
		if ast.IsExported(of) {
			for _, m := range promoted(of) {
				symbols = append(symbols, of+"."+m)
			}
		}
	}
	slices.Sort(symbols)
	return slices.Compact(symbols)
}

func typeName(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.StarExpr:
		return typeName(x.X)
	case *ast.IndexExpr:
		return typeName(x.X)
	case *ast.IndexListExpr:
		return typeName(x.X)
	}
	return "" // of another package
}

func embedded(x ast.Expr) (names []string) {
	if s, ok := x.(*ast.StructType); ok {
		for _, f := range s.Fields.List {
			if len(f.Names) == 0 {
				names = append(names, typeName(f.Type))
			}
		}
	}
	return names
}

func TestEverySymbolHasItsMisuse(t *testing.T) {
	for dir, lines := range misusedPackages {
		found := exportedCalls(t, dir)
		for _, s := range found {
			if _, ok := lines[s]; !ok {
				t.Errorf("%s of %s is exported and has no line in the table: how it can be misused, and what becomes of that, is part of it", s, dir)
			}
		}
		for s := range lines {
			if !slices.Contains(found, s) {
				t.Errorf("the table has a line for %s of %s, which is not exported", s, dir)
			}
		}
	}
	// The search itself: a function, a method, one that is promoted, and nothing that is not exported.
	found := exportedCalls(t, ".")
	require.Subset(t, found, []string{"Watch", "Container.Close", "Provider.Name", "Mutation.String", "StreamNotifier.Update"})
	require.NotContains(t, strings.Join(found, " "), "causeError")
	require.Greater(t, len(found), 150)
}
