//go:build race || weirdebug

package weir

// check panics if an invariant of the graph is broken; it runs after every turn. The lock
// is held, and let go before a panic, which must not become a hang.
func (t *tree) check(c *Container) {
	if err := c.inconsistent(); err != nil {
		t.mu.Unlock()
		panic(err)
	}
}
