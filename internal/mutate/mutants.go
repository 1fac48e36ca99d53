package main

// This file finds mutants: small changes of one file, each as the bytes that it replaces. It runs nothing.

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
)

// mutant is one change of one file.
type mutant struct {
	file       string // relative to the root
	line       int
	fn         string // the function that it is in
	start, end int    // the bytes that after replaces
	before     string // what those bytes are
	after      string
	nth        int // of the mutants of fn that read the same
}

// key names a mutant whatever is added above it.
func (m mutant) key() string {
	k := fmt.Sprintf("%s %s: %s -> %s", m.file, m.fn, oneLine(m.before), oneLine(m.after))
	if m.nth > 1 {
		k += fmt.Sprintf(" #%d", m.nth)
	}
	return k
}

func (m mutant) String() string {
	k := strings.TrimPrefix(m.key(), m.file+" ")
	return fmt.Sprintf("%s:%d: %s", m.file, m.line, k)
}

// oneLine cuts s after its first line.
func oneLine(s string) string {
	if first, _, more := strings.Cut(s, "\n"); more {
		return strings.Join(strings.Fields(first), " ") + " ..."
	}
	if s == "" {
		return "(nothing)"
	}
	return strings.Join(strings.Fields(s), " ")
}

// swaps is what becomes of an operator. A comparison loses or gains its border; that it is turned round altogether is
// what negating the condition does.
var swaps = map[token.Token]token.Token{
	token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR,
	token.EQL: token.NEQ, token.NEQ: token.EQL,
	token.LAND: token.LOR, token.LOR: token.LAND,
	token.ADD: token.SUB, token.SUB: token.ADD, token.ADD_ASSIGN: token.SUB_ASSIGN, token.SUB_ASSIGN: token.ADD_ASSIGN,
	token.INC: token.DEC, token.DEC: token.INC,
	token.AND_NOT: token.OR, token.OR: token.AND_NOT, token.AND_NOT_ASSIGN: token.OR_ASSIGN, token.OR_ASSIGN: token.AND_NOT_ASSIGN,
	token.AND: token.OR, token.AND_ASSIGN: token.OR_ASSIGN,
}

type finder struct {
	name    string
	src     []byte
	file    *token.File
	fn      string
	results *ast.FieldList // of the function whose returns are looked at
	found   []mutant
}

// find returns the mutants of a file, in the order of their places.
func find(name string, src []byte) ([]mutant, error) {
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, name, src, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	f := &finder{name: name, src: src, file: fset.File(parsed.Pos())}
	for _, d := range parsed.Decls {
		if fd, ok := d.(*ast.FuncDecl); ok && fd.Body != nil {
			f.fn = fd.Name.Name
			f.body(fd.Type, fd.Body)
		}
	}
	slices.SortStableFunc(f.found, func(a, b mutant) int { return cmp.Compare(a.start, b.start) })
	times := map[string]int{}
	for i := range f.found {
		k := f.found[i].key()
		times[k]++
		f.found[i].nth = times[k]
	}
	return f.found, nil
}

func (f *finder) offset(p token.Pos) int { return f.file.Offset(p) }

func (f *finder) text(n ast.Node) string { return string(f.src[f.offset(n.Pos()):f.offset(n.End())]) }

func (f *finder) replace(n ast.Node, after string) {
	f.found = append(f.found, mutant{f.name, f.file.Line(n.Pos()), f.fn, f.offset(n.Pos()), f.offset(n.End()), f.text(n), after, 0})
}

// swap exchanges the operator at p of n, and shows n whole.
func (f *finder) swap(n ast.Node, p token.Pos, op token.Token) {
	if to, ok := swaps[op]; ok {
		at, text := f.offset(p)-f.offset(n.Pos()), f.text(n)
		f.replace(n, text[:at]+to.String()+text[at+len(op.String()):])
	}
}

func (f *finder) negate(cond ast.Expr) {
	if b, ok := cond.(*ast.BinaryExpr); ok && (b.Op == token.EQL || b.Op == token.NEQ || b.Op == token.LAND || b.Op == token.LOR) {
		return // the swap does it, or what is done to its sides asks for more
	}
	if cond != nil {
		f.replace(cond, "!("+f.text(cond)+")")
	}
}

// body looks at a function; one inside of it has results of its own.
func (f *finder) body(typ *ast.FuncType, body *ast.BlockStmt) {
	outer := f.results
	f.results = typ.Results
	last := len(body.List) - 1
	for i, s := range body.List {
		f.statement(s, i == last)
	}
	for _, s := range body.List {
		ast.Inspect(s, f.visit)
	}
	f.results = outer
}

func (f *finder) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.FuncLit:
		f.body(n.Type, n.Body)
		return false
	case *ast.BlockStmt:
		f.list(n.List)
	case *ast.CaseClause:
		f.list(n.Body)
	case *ast.CommClause:
		f.list(n.Body)
	case *ast.SwitchStmt:
		if n.Tag == nil {
			for _, c := range n.Body.List {
				for _, e := range c.(*ast.CaseClause).List {
					f.negate(e)
				}
			}
		}
	case *ast.IfStmt:
		f.negate(n.Cond)
	case *ast.ForStmt:
		f.negate(n.Cond)
	case *ast.BinaryExpr:
		f.swap(n, n.OpPos, n.Op)
		if n.Op == token.LAND || n.Op == token.LOR { // one side alone: the weakest that still uses the other
			f.replace(n, f.text(n.X))
			f.replace(n, f.text(n.Y))
		}
	case *ast.AssignStmt:
		f.swap(n, n.TokPos, n.Tok)
	case *ast.IncDecStmt:
		f.swap(n, n.TokPos, n.Tok)
	case *ast.ReturnStmt:
		f.returns(n)
	}
	return true
}

func (f *finder) list(ss []ast.Stmt) {
	for _, s := range ss {
		f.statement(s, false)
	}
}

// statement drops s. What comes last in a function cannot be an early return.
func (f *finder) statement(s ast.Stmt, last bool) {
	switch s := s.(type) {
	case *ast.AssignStmt:
		if s.Tok == token.DEFINE {
			return
		}
	case *ast.ReturnStmt:
		if last {
			return
		}
	case *ast.ExprStmt, *ast.IncDecStmt, *ast.BranchStmt, *ast.DeferStmt, *ast.GoStmt, *ast.SendStmt:
	default:
		return
	}
	f.replace(s, "")
}

// returns has each result be a constant, one at a time.
func (f *finder) returns(r *ast.ReturnStmt) {
	if f.results == nil {
		return
	}
	var types []ast.Expr
	for _, field := range f.results.List {
		for range max(1, len(field.Names)) {
			types = append(types, field.Type)
		}
	}
	if len(types) != len(r.Results) {
		return // of a call, or named
	}
	for i, result := range r.Results {
		for _, c := range constants(types[i]) {
			if f.text(result) != c {
				at := len("return")
				whole := f.text(r)
				from, to := f.offset(result.Pos())-f.offset(r.Pos()), f.offset(result.End())-f.offset(r.Pos())
				f.replace(r, whole[:at]+whole[at:from]+c+whole[to:])
			}
		}
	}
}

func constants(typ ast.Expr) []string {
	switch t := typ.(type) {
	case *ast.Ident:
		switch t.Name {
		case "bool":
			return []string{"true", "false"}
		case "string":
			return []string{`""`}
		case "error", "any":
			return []string{"nil"}
		}
		if strings.Contains(t.Name, "int") || strings.Contains(t.Name, "float") {
			return []string{"0"}
		}
	case *ast.StarExpr, *ast.ArrayType, *ast.MapType, *ast.FuncType, *ast.ChanType, *ast.InterfaceType:
		return []string{"nil"} // an array does not compile
	}
	return nil
}
