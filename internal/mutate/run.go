package main

// This file runs tests against mutants, one at a time.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

type outcome int

const (
	survived outcome = iota
	killed
	broken // does not compile
)

// all runs ms and prints those that survive and the score.
func (o *options) all(ms []mutant, known map[string]bool, out io.Writer) (ok bool, err error) {
	if len(o.tests) == 0 {
		return false, fmt.Errorf("which -test?")
	}
	tmp, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(tmp)
	for _, test := range o.tests { // else each mutant would be called killed
		if got, text := o.test(test, ""); got != survived {
			return false, fmt.Errorf("%s fails without a mutant:\n%s", test, text)
		}
	}
	kills := make([]int, len(o.tests))
	count, equivalent, alive := 0, 0, 0
	for _, m := range ms {
		if known[m.key()] {
			count, equivalent = count+1, equivalent+1
			continue
		}
		overlay, err := o.overlay(m, tmp)
		if err != nil {
			return false, err
		}
		got, by := survived, 0
		for ; by < len(o.tests); by++ {
			if got, _ = o.test(o.tests[by], overlay); got != survived {
				break
			}
		}
		switch got {
		case survived:
			alive++
			fmt.Fprintln(out, m)
		case killed:
			kills[by]++
		case broken:
		}
		if got != broken {
			count++
		}
		if o.verbose && got != survived {
			fmt.Fprintln(out, [...]string{killed: "killed", broken: "broken"}[got], m)
		}
	}
	dead := 0
	for i, k := range kills {
		dead += k
		fmt.Fprintf(out, "%d killed by %s\n", k, o.tests[i])
	}
	fmt.Fprintf(out, "%d mutants: %d killed, %d equivalent, %d survived", count, dead, equivalent, alive)
	if n := count - equivalent; n > 0 {
		fmt.Fprintf(out, "; score %.1f %%", 100*float64(dead)/float64(n))
	}
	fmt.Fprintln(out)
	return alive == 0, nil
}

// overlay writes m and what makes go build with it.
func (o *options) overlay(m mutant, tmp string) (path string, err error) {
	original, err := filepath.Abs(filepath.Join(o.root, filepath.FromSlash(m.file)))
	if err != nil {
		return "", err
	}
	src, err := os.ReadFile(original)
	if err != nil {
		return "", err
	}
	if m.end > len(src) || string(src[m.start:m.end]) != m.before {
		return "", fmt.Errorf("%s was changed meanwhile", m.file)
	}
	changed := filepath.Join(tmp, "mutant.go")
	mutated := append(append(append([]byte{}, src[:m.start]...), m.after...), src[m.end:]...)
	if err := os.WriteFile(changed, mutated, 0o644); err != nil {
		return "", err
	}
	list, err := json.Marshal(map[string]any{"Replace": map[string]string{original: changed}})
	if err != nil {
		return "", err
	}
	path = filepath.Join(tmp, "overlay.json")
	return path, os.WriteFile(path, list, 0o644)
}

// test runs one command with an overlay. The time limit is that of go test, which ends the test process itself.
func (o *options) test(command, overlay string) (outcome, string) {
	args := []string{"test", "-vet=off", "-failfast", "-ldflags=-w -s", "-gcflags=-N -l", fmt.Sprint("-timeout=", o.limit)}
	if overlay != "" {
		args = append(args, "-overlay="+overlay)
	}
	cmd := exec.Command("go", append(args, fields(command)[2:]...)...)
	cmd.Dir = o.root
	var text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &text, &text
	err := cmd.Run()
	switch {
	case err == nil:
		return survived, ""
	case strings.Contains(text.String(), "[build failed]") || strings.Contains(text.String(), "[setup failed]"):
		return broken, text.String()
	}
	return killed, text.String()
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
