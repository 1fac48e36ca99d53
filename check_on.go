//go:build race || weirdebug

package weir

// check panics if an invariant of the graph is broken; it runs after every turn.
func (t *tree) check(c *Container) {
	if err := c.inconsistent(); err != nil {
		panic(err)
	}
}
