// Package weirtest is for tests of code that uses weir: containers that end with their test
// and fail it for what was left open, recorders of values and events, and a way to wait
// until everything has been delivered.
//
//	func TestTotal(t *testing.T) {
//		c := weirtest.New(t)
//		r := weirtest.Record(t, c, total)
//		price.Set(c, 3)
//		r.Want(2, 3)
//	}
//
// It has no state of its own beside what its functions return, so tests may run in
// parallel. It works in real time and in bubbles of testing/synctest. In a bubble, give
// [New], [Record] and [NewEvents] the T of the bubble, not the one around it: what they
// clean up belongs to the bubble.
//
// # What New checks
//
// At the end of the test, in a Cleanup, [New] brings the container to rest, looks for what
// was left open, and shuts it down. It fails the test for each of these:
//
//   - A listener that was never ended: a [weir.Subscription] that was not closed, a
//     [weir.Values] or [weir.Results] loop or a [weir.Resolve] that still waits.
//   - A build function or a hook that does not return after the container was closed.
//   - A panic that reaches the panic handler: of a hook, a listener or an observer, or of a
//     synchronous build with a listener that has no [weir.OnError].
//   - An error that a [weir.Ref.OnDisposeErr] hook returned.
//
// What is none of these is no leak: an element on standby with time left, a value that is
// kept (regular providers, [weir.Ref.KeepAlive], [weir.Ref.CacheFor]), a build in flight that
// returns when its context ends, the watch of a dependent, and a listener that a build made
// through its Ref, which ends with that build.
//
// # What New cannot see
//
// A [weir.Snapshot] counts listeners and does not say whose they are. Therefore:
//
//   - A subscription that is paused at the end, or [weir.Weak], is not found: a listener that
//     a build on standby has made through its Ref looks the same.
//   - If a listener was left open on an element whose build listens to others through its
//     Ref, those others are named too; closing the first clears them all.
//   - What was made through a child container ends with that child: nothing is found once
//     it is closed. Of children that are open their own elements are looked at, too.
//   - What a test has closed itself (also by a [weir.WithContext] whose ctx ends, as that of
//     T.Context does before a Cleanup) has no listeners left to find, and its errors are the
//     test's to look at. Build functions, hooks and panics are still checked.
//
// A panic, and an error of OnDisposeErr, has the name of its provider and nothing else. Of
// several providers with that name the message has every place.
//
// A container's own timers, those of standby, CacheFor, Timeout and Retry, end with it and
// are never reported. Goroutines and timers that a build has started by itself are not
// seen: in a bubble, testing/synctest fails for the goroutines.
package weirtest
