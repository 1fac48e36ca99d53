//go:build !weirsched

package weir

// This file owns the schedule points as they are without the tag weirsched: nothing. The
// calls are inlined away, and the lock is a plain mutex. What they are for is said in
// sched_on.go.

import "sync"

type mutex = sync.Mutex

// waiting is a goroutine that is about to wait on a channel.
type waiting struct{}

func (*tree) point()      {}
func (*Container) point() {}
func (*element) point()   {}
func (*cell[S]) point()   {}

func (*tree) begins()      {}
func (*Container) begins() {}
func (*element) begins()   {}
func (*start) begins()     {}

func (*tree) spawned()      {}
func (*Container) spawned() {}
func (*element) spawned()   {}

func (*tree) blocks() (none waiting)      { return none }
func (*Container) blocks() (none waiting) { return none }
func (*element) blocks() (none waiting)   { return none }

func (*tree) unblocks(waiting)      {}
func (*Container) unblocks(waiting) {}
func (*element) unblocks(waiting)   {}
