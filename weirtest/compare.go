package weirtest

// This file owns the comparison of what a test wants with what it got.

import (
	"fmt"
	"slices"
	"strings"
)

// texts shows values to people, one line each if they are short.
func texts[S any](values []S) []string {
	lines := make([]string, len(values))
	for i, v := range values {
		lines[i] = fmt.Sprintf("%v", v)
		if lines[i] == "" || strings.TrimSpace(lines[i]) != lines[i] {
			lines[i] = fmt.Sprintf("%#v", v)
		}
	}
	return lines
}

// compare returns "" if want and got are equal, else their lines: what both begin and end
// with once, and between that what was wanted and what there is.
func compare(want, got []string, equal func(i, j int) bool) string {
	begin, end := 0, 0
	for begin < len(want) && begin < len(got) && equal(begin, begin) {
		begin++
	}
	if begin == len(want) && begin == len(got) {
		return ""
	}
	for end < len(want)-begin && end < len(got)-begin && equal(len(want)-1-end, len(got)-1-end) {
		end++
	}
	var b strings.Builder
	write := func(mark string, lines []string) {
		for _, l := range lines {
			fmt.Fprintf(&b, "\t%s %s\n", mark, strings.ReplaceAll(l, "\n", "\n\t  "))
		}
	}
	missing, more := want[begin:len(want)-end], got[begin:len(got)-end]
	write(" ", got[:begin])
	write("-", missing)
	write("+", more)
	write(" ", got[len(got)-end:])
	if slices.Equal(missing, more) {
		b.WriteString("\t(they look the same but are not equal: pointers, functions, NaN or unexported fields differ)\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}
