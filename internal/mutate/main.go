// Mutate changes a package in one small place at a time and runs tests against each change. A change that no test
// notices, a survivor, is a test that is missing, code that is not needed, or an equivalent: one that is listed with
// the reason why no test can notice it.
//
//	go -C internal/mutate run . -root ../.. -test 'go test -short ./internal/graph' internal/graph
//
// No file of the tree is touched: all mutants are built into one program, with -overlay. One that does not compile is not
// counted; one that runs into the time limit is killed.
package main

// This file owns the command: which mutants are run, and what is printed.

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

type options struct {
	root, survivors, again, lines, shard string
	tests                                []string
	limit                                time.Duration
	sample                               int
	seed                                 uint64
	list, check, verbose                 bool
}

func main() {
	ok, err := run(os.Args[1:], os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

// run reports whether no mutant survived that is not listed.
func run(args []string, out io.Writer) (ok bool, err error) {
	var o options
	fs := flag.NewFlagSet("mutate [flags] dir [file.go...]", flag.ContinueOnError)
	fs.StringVar(&o.root, "root", ".", "the module's `directory`, where tests run; dir is relative to it")
	fs.Func("test", "a `go test` command; given again, it is run for the survivors of those before", func(s string) error {
		if o.tests = append(o.tests, s); !strings.HasPrefix(s, "go test ") {
			return errors.New("it must begin with go test")
		}
		return nil
	})
	fs.DurationVar(&o.limit, "limit", 20*time.Second, "how long the tests may take for one mutant")
	fs.StringVar(&o.survivors, "survivors", "", "a `file` of equivalent mutants, relative to root: what is printed of one, \" | \" and why")
	fs.StringVar(&o.again, "again", "", "only the mutants that this `file` names as the output of a run does")
	fs.StringVar(&o.lines, "lines", "", "only these `lines` of the files, 10 or 10-40")
	fs.StringVar(&o.shard, "shard", "", "only part `i/n` of the mutants, from 1")
	fs.IntVar(&o.sample, "sample", 0, "only so many, chosen by -seed")
	fs.Uint64Var(&o.seed, "seed", 1, "of -sample")
	fs.BoolVar(&o.list, "list", false, "print the mutants and run nothing")
	fs.BoolVar(&o.check, "check", false, "only see whether the list of -survivors fits the code")
	fs.BoolVar(&o.verbose, "v", false, "print each mutant and what became of it")
	if err := fs.Parse(args); err != nil {
		return false, err
	}
	if fs.NArg() == 0 {
		return false, errors.New("which directory?")
	}
	ms, err := o.collect(fs.Arg(0), fs.Args()[1:])
	if err != nil {
		return false, err
	}
	known, err := o.equivalents(ms)
	if err != nil {
		return false, err
	}
	if o.check {
		fmt.Fprintf(out, "%d mutants, %d of them listed\n", len(ms), len(known))
		return true, nil
	}
	if ms, err = o.choose(ms); err != nil {
		return false, err
	}
	if o.list {
		for _, m := range ms {
			fmt.Fprintln(out, m)
		}
		return true, nil
	}
	return o.all(fs.Arg(0), ms, known, out)
}

// collect finds the mutants of the files of dir, all but tests unless they are named.
func (o *options) collect(dir string, files []string) (ms []mutant, err error) {
	if len(files) == 0 {
		paths, err := filepath.Glob(filepath.Join(o.root, dir, "*.go"))
		if err != nil {
			return nil, err
		}
		for _, p := range paths {
			if !strings.HasSuffix(p, "_test.go") {
				files = append(files, filepath.Base(p))
			}
		}
	}
	slices.Sort(files)
	for _, f := range files {
		src, err := os.ReadFile(filepath.Join(o.root, dir, f))
		if err != nil {
			return nil, err
		}
		found, err := find(filepath.ToSlash(filepath.Join(dir, f)), src)
		if err != nil {
			return nil, err
		}
		ms = append(ms, found...)
	}
	return ms, nil
}

// choose applies -again, -lines, -sample and -shard, and keeps the order.
func (o *options) choose(ms []mutant) ([]mutant, error) {
	if o.again != "" {
		text, err := os.ReadFile(o.again)
		if err != nil {
			return nil, err
		}
		named := map[string]bool{}
		for line := range strings.Lines(string(text)) {
			file, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
			if _, what, ok := strings.Cut(rest, ": "); ok { // the line may be another by now
				named[file+" "+what] = true
			}
		}
		ms = slices.DeleteFunc(ms, func(m mutant) bool { return !named[m.key()] })
	}
	if o.lines != "" {
		a, b, ranged := strings.Cut(o.lines, "-")
		if !ranged {
			b = a
		}
		from, err1 := strconv.Atoi(a)
		to, err2 := strconv.Atoi(b)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		ms = slices.DeleteFunc(ms, func(m mutant) bool { return m.line < from || m.line > to })
	}
	if o.sample > 0 && o.sample < len(ms) {
		chosen := rand.New(rand.NewPCG(o.seed, 0)).Perm(len(ms))[:o.sample]
		slices.Sort(chosen)
		var some []mutant
		for _, i := range chosen {
			some = append(some, ms[i])
		}
		ms = some
	}
	if o.shard != "" {
		var i, n int
		if _, err := fmt.Sscanf(o.shard, "%d/%d", &i, &n); err != nil || i < 1 || i > n {
			return nil, fmt.Errorf("-shard %s is not i/n", o.shard)
		}
		var part []mutant
		for k := i - 1; k < len(ms); k += n {
			part = append(part, ms[k])
		}
		ms = part
	}
	return ms, nil
}

// equivalents reads the list of those that are known to survive. An entry that no mutant has any more is an error: the
// list must not outlive the code.
func (o *options) equivalents(ms []mutant) (known map[string]bool, err error) {
	known = map[string]bool{}
	if o.survivors == "" {
		return known, nil
	}
	f, err := os.Open(filepath.Join(o.root, o.survivors))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	files, exists := map[string]bool{}, map[string]bool{}
	for _, m := range ms {
		files[m.file], exists[m.key()] = true, true
	}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := lines.Text()
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		// What is mutated may have a bar itself, a reason may not.
		bar := strings.LastIndex(line, " | ")
		if bar < 0 || strings.TrimSpace(line[bar+3:]) == "" {
			return nil, fmt.Errorf("%s gives no reason: %s", o.survivors, line)
		}
		key := strings.TrimSpace(line[:bar])
		if file, _, _ := strings.Cut(key, " "); files[file] && !exists[key] {
			return nil, fmt.Errorf("%s has what is no mutant: %s", o.survivors, key)
		}
		known[key] = true
	}
	return known, nil
}
