package main

// This file runs tests against mutants, one at a time.

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// wait is how long what is left behind by a command may keep its output open.
const wait = time.Second

// all runs ms, which are of dir, and prints those that survive and the score.
func (o *options) all(dir string, ms []mutant, known map[string]bool, out io.Writer) (ok bool, err error) {
	if len(o.tests) == 0 {
		return false, fmt.Errorf("which -test?")
	}
	tmp, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(tmp)
	equivalent := len(ms)
	ms = slices.DeleteFunc(ms, func(m mutant) bool { return known[m.key()] })
	equivalent -= len(ms)
	overlay, bad, err := o.assemble(dir, ms, tmp)
	if err != nil {
		return false, err
	}
	var commands []command
	for i, test := range o.tests {
		c, err := o.compile(test, overlay, filepath.Join(tmp, fmt.Sprint(i, ".test")))
		if err == nil { // else each mutant would be called killed
			err = c.run(0)
		}
		if err != nil {
			return false, fmt.Errorf("%s fails without a mutant:\n%w", test, err)
		}
		commands = append(commands, c)
	}
	kills := make([]int, len(commands))
	count, alive, late := equivalent, 0, 0
	for i, m := range ms {
		if bad[i+1] {
			o.note(out, "broken", m)
			continue
		}
		count++
		var how error
		by := slices.IndexFunc(commands, func(c command) bool { how = c.run(i + 1); return how != nil })
		if by < 0 {
			alive++
			fmt.Fprintln(out, m)
			continue
		}
		kills[by]++
		if strings.Contains(how.Error(), "test timed out") { // is the limit too low?
			late++
			o.note(out, "killed by time", m)
			continue
		}
		o.note(out, "killed", m)
	}
	dead := 0
	for i, k := range kills {
		dead += k
		fmt.Fprintf(out, "%d killed by %s\n", k, o.tests[i])
	}
	fmt.Fprintf(out, "%d mutants: %d killed, %d of them by time, %d equivalent, %d survived", count, dead, late, equivalent, alive)
	if n := count - equivalent; n > 0 {
		fmt.Fprintf(out, "; score %.1f %%", 100*float64(dead)/float64(n))
	}
	fmt.Fprintln(out)
	return alive == 0, nil
}

func (o *options) note(out io.Writer, what string, m mutant) {
	if o.verbose {
		fmt.Fprintln(out, what, m)
	}
}

// command is a go test command that has been compiled.
type command struct {
	dir, path string
	args      []string
}

// compile makes a command of what was given as -test, which ends in one package. The time limit is that of the test
// process, which ends itself.
func (o *options) compile(test, overlay, path string) (c command, err error) {
	words := fields(test)[2:]
	if len(words) == 0 || strings.HasPrefix(words[len(words)-1], "-") || strings.Contains(test, "...") {
		return c, errors.New("it must end in one package")
	}
	pkg := words[len(words)-1]
	build := []string{"test", "-c", "-o", path, "-vet=off", "-ldflags=-w -s", "-gcflags=-N -l", "-overlay=" + overlay}
	c.args = []string{"-test.failfast", fmt.Sprint("-test.timeout=", o.limit)}
	for _, w := range words[:len(words)-1] {
		switch {
		case w == "-race" || strings.HasPrefix(w, "-tags="):
			build = append(build, w)
		case strings.HasPrefix(w, "-"):
			c.args = append(c.args, "-test."+strings.TrimLeft(w, "-"))
		default:
			c.args = append(c.args, w)
		}
	}
	if said, err := output(o.root, nil, "go", append(build, pkg)...); err != nil {
		return c, errors.New(said)
	}
	c.dir, c.path = filepath.Join(o.root, filepath.FromSlash(pkg)), path
	return c, nil
}

// run runs c with mutant k, or with none, and returns how it fails.
func (c command) run(k int) error {
	if said, err := output(c.dir, []string{fmt.Sprint(chosen, "=", k)}, c.path, c.args...); err != nil {
		return errors.New(said)
	}
	return nil
}

// fields is strings.Fields, but leaves what is in single quotes together.
func fields(command string) (words []string) {
	for i, part := range strings.Split(command, "'") {
		if i%2 == 1 {
			words = append(words, part)
			continue
		}
		words = append(words, strings.Fields(part)...)
	}
	return words
}
