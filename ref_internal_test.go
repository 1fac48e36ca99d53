package weir

// This file holds what a Watch does without the lock: it holds that while a build watches.

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// whileLocked runs fn on a goroutine of its own while the lock of c's tree is held, and reports whether it returned.
func whileLocked(c *Container, fn func()) (returned bool) {
	done := make(chan struct{})
	c.tree.mu.Lock()
	go func() {
		defer close(done)
		fn()
	}()
	select {
	case <-done:
		returned = true
	case <-time.After(20 * time.Second):
	}
	c.tree.mu.Unlock()
	<-done
	return returned
}

func TestRefAWatchThatIsRepeatedTakesNoLock(t *testing.T) {
	// A build that watches what the last one did, in the same order, and comes back to what it has just watched; and a build, the first one
	// too, that comes back to what it has watched at any time. Planted bugs: leave one of the quick ways out.
	c := NewContainer()
	defer c.Close()
	n := NewStateProvider(func(Ref) int { return 1 })
	var others [9]*StateProvider[string]
	for i := range others {
		others[i] = NewStateProvider(func(Ref) string { return "x" })
	}
	builds, locked := 0, false
	see := func(what string, fn func()) {
		if !locked || t.Failed() { // once is enough: each takes its time
			fn()
		} else if !whileLocked(c, fn) {
			t.Errorf("build %d, %s: it waited for the lock", builds, what)
		}
	}
	p := NewProvider(func(ref Ref) (v int) {
		builds++
		locked = builds > 1
		see("the first", func() { v = Watch(ref, n) })
		see("the first again", func() { require.Equal(t, v, Watch(ref, n)) })
		for _, o := range others {
			see("one more", func() { require.Equal(t, "x", Watch(ref, o)) })
		}
		see("the last again", func() { Watch(ref, others[8]) })
		see("the last but three again", func() { Watch(ref, others[5]) })
		if locked = builds == 1; locked { // all of them were watched with the lock
			see("the first of many again", func() { require.Equal(t, v, Watch(ref, n)) })
			see("the second of many again", func() { require.Equal(t, "x", Watch(ref, others[0])) })
		}
		return v
	})
	require.Equal(t, 1, Read(c, p))
	n.Set(c, 2)
	require.Equal(t, 2, Read(c, p))
	require.Equal(t, 2, builds)
}
