package weir

// This file looks at what ends of builds leave behind: what nobody sees from outside, but the memory that it takes.

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestC3AnElementRemembersAFewEnds(t *testing.T) {
	// Planted bug, a mutant of remember: let nothing go.
	c := NewContainer()
	defer c.Close()
	p := NewProvider(func(Ref) int { return 0 })
	for range 3 * endKept {
		Read(c, p)
		c.Invalidate(p)
	}
	require.Len(t, c.table.find(&p.base).rare.ends, endKept)
}
