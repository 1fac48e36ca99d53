package weir

// This file looks at what ends of builds leave behind: what nobody sees from outside, but the memory that it takes.

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

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

func TestC6NoTimeoutIsLeftOfABuildThatIsOver(t *testing.T) {
	// Planted bugs: leave it in the heap when the build is halted, cancelled or has returned, or in the element; publish what
	// Cancel leaves without showing it.
	synctest.Test(t, func(t *testing.T) {
		for name, end := range map[string]func(c *Container, p *FutureProvider[int], n *StateProvider[int]){
			"cancelled": func(c *Container, p *FutureProvider[int], _ *StateProvider[int]) { p.Cancel(c, nil) },
			"halted":    func(c *Container, _ *FutureProvider[int], n *StateProvider[int]) { n.Set(c, 2) },
			"returned":  func(*Container, *FutureProvider[int], *StateProvider[int]) { time.Sleep(time.Minute) },
			"too late":  func(*Container, *FutureProvider[int], *StateProvider[int]) { time.Sleep(2 * time.Minute) },
		} {
			c := NewContainer()
			n := NewStateProvider(func(Ref) int { return 1 })
			p := NewFutureProvider(func(ctx context.Context, ref Ref) (int, error) {
				Watch(ref, n)
				d := time.Minute
				if name == "too late" {
					d = time.Hour
				}
				select {
				case <-ctx.Done():
					return 0, ctx.Err()
				case <-time.After(d):
					return 1, nil
				}
			}, Timeout(90*time.Second))
			Read(c, p)
			synctest.Wait() // until its function watches
			e := c.table.find(&p.base)
			look := func() (timers int, timeout *timer) {
				c.tree.mu.Lock()
				defer c.tree.mu.Unlock()
				return len(c.timers), e.rare.timeout
			}
			timers, _ := look()
			require.Equal(t, 1, timers)
			end(c, p, n)
			synctest.Wait()
			timers, timeout := look()
			require.Zero(t, timers, name)
			require.Nil(t, timeout, name)
			require.Equal(t, name != "halted", e.readable(), "%s: nobody is kept waiting for the lock", name)
			c.Close()
			synctest.Wait()
		}
	})
}

func TestC6WhatCancelLeavesMayBeReadWithoutTheLock(t *testing.T) {
	// Planted bug: publish the end of a Try build without showing it.
	c := NewContainer()
	defer c.Close()
	var p *FutureProvider[int]
	p = NewTryProvider(func(Ref) (int, error) {
		p.Cancel(c, nil)
		return 1, nil
	})
	require.ErrorIs(t, Read(c, p).Err(), ErrCanceled)
	require.True(t, c.table.find(&p.base).readable())
}
