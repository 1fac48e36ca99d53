//go:build !race && !weirdebug

package weir

// check is the invariant checker of check.go, built in under -race and the tag weirdebug.
func (*tree) check(*Container) {}
