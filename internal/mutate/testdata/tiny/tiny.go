// Package tiny is what the tests of mutate change.
package tiny

// Max has an equivalent mutant: it does not matter which of two equal numbers is returned.
func Max(a, b int) int {
	if a > b {
		return a
	}
	return b
}

// Count hangs when it does not count.
func Count(n int) (k int) {
	for k < n {
		k++
	}
	return k
}

// Must needs a second test.
func Must(ok bool) int {
	if !ok {
		panic("no")
	}
	return 1
}

// Same does not compile without its assignment.
func Same(a int) (b int) {
	v := a
	b = v
	return b
}

// Forgotten is tested by nobody.
func Forgotten(on *bool) { *on = true }
