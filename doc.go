// Package weir runs work once, for as long as somebody needs it: a fetch, a connection, a
// computed value, shared by any number of goroutines.
//
// Declare how a value is made:
//
//	var quote = weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (float64, error) {
//		return fetchQuote(ctx, "ACME") // an HTTP request made with ctx
//	}, weir.AutoDispose())
//
// and ask a container for it, from as many goroutines as you like:
//
//	c := weir.NewContainer()
//	defer c.Shutdown(context.Background())
//	price, err := weir.Resolve(r.Context(), c, quote)
//
// However many ask at a time, there is one fetch. A caller whose context ends leaves alone,
// and the others do not notice. When the last one has left, the fetch goes on for
// [DefaultDisposeDelay], in case somebody comes back; then ctx is cancelled. Whoever asks
// after that gets a fetch of its own and sees nothing of the old one.
//
// Values may be made of others. What a build has watched it is rebuilt for:
//
//	var net = weir.NewStateProvider(func(weir.Ref) float64 { return 100 })
//	var gross = weir.NewProvider(func(ref weir.Ref) float64 { return weir.Watch(ref, net) * 1.25 })
//
//	sub := weir.Listen(c, gross, func(was, is float64) { fmt.Println(was, "->", is) })
//	defer sub.Close()
//	net.Set(c, 200) // prints 125 -> 250 before it returns
//
// # What it is for
//
// "Run this once while somebody needs it" takes a map, a mutex, a reference count, a
// context that belongs to none of the callers, and a timer, and each of them has a race in
// wait. Weir is that, written and tested once, with values that follow from others on top.
// It keeps everything in the memory of one process. It bounds neither the number nor the
// size of what it keeps, and a listener hears of the newest value, not of each one between:
// it is neither a size-bounded cache nor a queue.
//
// # Providers
//
// A provider describes a value and how to build it. Its identity is its pointer and it holds
// no run-time state, so that a package-level variable is the usual place for one.
//
//   - [NewProvider]: derived from what its build function watches, on the goroutine that
//     needs it.
//   - [NewStateProvider]: written from outside, with [StateProvider.Set] and
//     [StateProvider.Update].
//   - [NewFutureProvider]: takes time and may fail. Its function has a goroutine of its own,
//     its value is an [AsyncValue]: data, error and loading in one.
//   - [NewTryProvider]: may fail, but takes no time worth waiting for: no loading in between.
//   - [NewStreamProvider]: yields values over time, and sleeps while nobody listens.
//   - [NewNotifierProvider], [NewAsyncNotifierProvider] and [NewStreamNotifierProvider]: a
//     state together with the methods that write it.
//   - [NewFamily]: a provider for each key. The same key has the same provider for as long
//     as anything holds it.
//   - [Select], [SelectFunc] and [SelectAsync]: a part of another source, which passes on
//     only what changes.
//   - [NewMutation]: the state of a side effect, from pending to success or failure.
//
// A provider is regular unless an option says otherwise: once built, its element is kept
// until the container closes. With [AutoDispose], or [DisposeDelay], it goes when it is not
// used any more. Other options have failed builds tried again ([Retry]), end those that take
// too long ([Timeout]), or save the state of a notifier and restore it ([Persist]).
//
// # Containers
//
// A [Container] holds the elements: an element is the live entry of one provider, with its
// value, its listeners and its build. Two containers share nothing, so a test makes one of
// its own and replaces there what it must not touch ([Provider.OverrideWithValue] and its
// like). Every verb takes a [Scope] that says where it looks: a [*Container]; the [Ref] of a
// build, which is how a build reaches other providers; or the [*Tx] of a batch.
//
//   - [Watch]: the value, and a dependency of the build.
//   - [Read]: the value, once.
//   - [Listen]: a function to be called with each change. [Values] and [Results] are the
//     same as loops.
//   - [Resolve]: wait for the result of an asynchronous source from outside a build;
//     [Await]: inside one, as a dependency.
//   - [Refresh] and [Container.Invalidate]: build it again.
//
// A container may have children ([WithParent]): a tenant, a request. A child shares with its
// parent all but what it overrides and what depends on that, as far as the option [Scoped]
// says so (rules S1, S2). [Container.UpdateOverrides] exchanges what overrides make.
// [NewContext] and [FromContext] carry a container from a middleware to a handler.
//
// [WithObserver] has an [Observer] told of every event of a container and its children, for
// logs ([LogObserver]) and metrics; [WithProfiling] labels builds for profiles;
// [Container.Snapshot] lists what is there, and package inspect shows it as a page. Package
// weirtest has containers for tests.
//
// A program or test ends with [Container.Shutdown], which waits until no build function and
// no hook is running.
//
// # Lifecycle
//
//	        first read or listen           built
//	absent ----------------------> building ------> active <------------+
//	  ^                             ^    |            |                 |
//	  |                             |    | built,     | last active     | an active
//	  |                             |    | nobody     | listener left:  | listener is back:
//	  |                             |    | listens:   | OnCancel        | OnResume
//	  |                             |    | OnCancel   v                 |
//	  |                             |    +---------> standby -----------+
//	  |                             |                 |   |
//	  |   in use: at once,          |   a dependency  |   | AutoDispose, no listener, no
//	  |   else: at the next read    |   changed, or   |   | keep-alive link, delay passed:
//	  |                             |   Invalidate:   |   | context cancelled, OnDispose
//	  |                             |   context       |   |
//	  |                             |   cancelled,    |   |
//	  |                             |   OnDispose     |   |
//	  |                             +---- stale <-----+   |  (from active as from standby)
//	  |                                                   |
//	  +---------------------------------------------------+
//
// An element is active while it has a listener that is not paused: a [Subscription], a
// running [Values] or [Results] loop, a [Resolve] that waits, or the watch of a dependent
// that is active itself or has an asynchronous build in flight. So standby climbs: in
// A <- B <- C, closing the only listener of C puts C, then B, then A on standby. A [Weak]
// listener counts for nothing.
//
// On standby the build is not over: "cancel" in [Ref.OnCancel] means that nobody listens, and
// the context is still live. [Ref.OnResume] undoes it. An AutoDispose element that has no
// listener, not even a paused one, is disposed when its delay has passed since it went on
// standby, since its last keep-alive link was closed ([Ref.KeepAlive]), and since it was
// last touched. Read is no listener but a touch; so are a write, and a Resolve or Await that
// finds a value at rest. [Ref.CacheFor] keeps the element for a time after its last
// listener left; a touch does not prolong that. A listener that comes back in time finds
// everything as it was. Nothing of this bounds the age of a value, or of a failure, that is
// used all the time: a build ends itself with time.AfterFunc(d, ref.InvalidateSelf).
//
// [Ref.OnDispose] runs once for each build, when it is over: known to be stale, disposed, or
// its container closed. The context is cancelled first, the hooks run last-registered-first,
// and the next build waits until they have returned. Registered on a ref that is over, an
// OnDispose hook runs at once, so that what was acquired too late is released all the same.
//
// # Cancellation
//
// Each build has one context, of its own: it has the values of the container's context
// ([WithContext]) and nothing of any caller. It stays live after the build function has
// returned, until the build is over, so that what the build has started may go on using it.
// [context.Cause] then says why, with the provider's name: [ErrDisposed], [ErrInvalidated],
// [ErrDependencyChanged], [ErrCanceled] or what [FutureProvider.Cancel] was given,
// [ErrContainerClosed], or [context.DeadlineExceeded] for [Timeout].
//
// What a build returns after it is over is dropped. The next build of that provider in that
// container starts when the old function has returned: they never overlap, unless
// [AllowOverlap] says that they may. A function that does not heed its context therefore
// holds up its successor.
//
// [FutureProvider.Cancel] is the cancel button: it ends the build in flight and leaves the
// element where it is, with the data of before or, if there is none, the cause as its error.
// [Timeout] does so by itself, always with the error.
//
// # Values that take time
//
// An [AsyncValue] has three independent parts: value, error, and loading. While something is
// built again, the value and the error of before stay beside the loading (rule A1). Resolve
// and Await wait until it is at rest, a failure included, and return the error as it is.
//
// A stream's function is given emit, which publishes a value and delivers it. While the
// element is on standby, emit blocks until somebody listens again, so that a poll loop
// pauses by itself; it returns false once the build is over (A4).
//
// With [Retry], or [WithRetry] for a container, a build that failed is tried again after a
// time, as a [RetryPolicy] says. Meanwhile the value is loading with the error beside it, and
// who waits goes on waiting. On standby nothing is retried (A6).
//
// # Notifiers
//
// A notifier is a struct that embeds [Notifier], [AsyncNotifier] or [StreamNotifier], has a
// Build method, and methods of its own that write the state. Its provider's Notifier method
// returns it. There is one instance for each life of an element; a rebuild calls Build again
// on it (rule N1). Its methods run on any goroutine, so fields need a lock of their own, or
// should be state (N4). Updates of one asynchronous notifier run one after the other (N6).
//
// # Propagation
//
// A new value that equals the old one is no change. The default is == where values of the
// type can be compared, else every value is a change; [Equal] replaces it. A write marks
// what depends on it as maybe stale, and runs nothing. An element that is in use is brought
// up to date in the turn that follows, any other when it is read: it asks its dependencies,
// in the order in which it watched them, and is built again only if one of them has really
// changed. Reads are always current.
//
// All values that one build watches were current together, at one moment during the build,
// whatever other goroutines write meanwhile: a build that saw a mix is run again before
// anybody is told of it. A listener is called with (the value that it saw last, the new
// one), and not at all if these are equal. A watch is dropped when a rebuild did not make it
// again; until that is known it goes on counting, so that a rebuild with the same
// dependencies runs no hook of theirs.
//
// # Batches
//
// [Container.Batch] makes several writes one change: they are staged through a [Tx] and
// applied in one step when the function returns, with one turn after it. State that is read
// through the Tx shows what was staged, nobody else sees anything early, and if the function
// panics nothing is applied. Only writes are staged: Invalidate is not.
//
// # Concurrency
//
//   - G1. Everything is safe for concurrent use, a [Ref] too: several goroutines of one
//     build may Await and Watch side by side.
//   - G2. No function of yours is called with a lock held: no build, hook, listener,
//     comparison, selector, or create function of a family.
//   - G3. A container is an event loop without a goroutine. A turn brings up to date what is
//     stale and in use, calls listeners, runs OnCancel, OnResume and the add and remove
//     hooks, and disposes what is unused, until nothing is left. A container has one turn at
//     a time, so its listeners and those hooks are called one after the other. Turns of
//     different containers may overlap; of a parent and its children, the parent's comes
//     first.
//   - G4. A call that changes something delivers what follows from it before it returns. If
//     a turn is running on another goroutine, that one delivers, and the call returns at
//     once. If the call's own turn does not come to an end, because listeners and hooks or
//     other goroutines go on adding to it, a goroutine made for that takes it over after a
//     bounded time. A synchronous build that a Read needs runs on the reader's goroutine,
//     outside turns. A call by an asynchronous build function waits for its turn, which runs
//     elsewhere, until that is over or begins to wait for something itself.
//   - G5. After [Subscription.Close] has returned no new call begins. One that had begun on
//     another goroutine may still be running, or be about to run; [Container.Flush] waits
//     for it.
//   - G6. What is idle has no goroutine: containers, elements, and listeners, however many.
//     There is one for each asynchronous build function that is running, one while a turn
//     is handed over, and one for each state that is being saved or restored. A container
//     has one timer.
//   - G7. Whatever waits for something to happen waits on a channel, and the package has no
//     goroutine, timer or channel of its own: it works in a bubble of testing/synctest. A
//     container belongs to the bubble in which it was made; a provider to none.
//   - G8. What happened before a Set happens before the Read or the call that sees its value.
//   - G9. A slow consumer blocks no writer if it uses [Values], [Results] or
//     [Subscription.Changed]: each has room for the latest value only.
//   - G10. After [Container.Close], Resolve and Await return [ErrContainerClosed], writes and
//     Invalidate do nothing, and Listen returns a closed subscription. Read and Watch give
//     the last value; where there never was one, an asynchronous source is Failed with
//     ErrContainerClosed and a synchronous one panics with an error that wraps it.
//   - G11. To publish a result, to wake those who wait for it, to start a build and to count
//     listeners, nobody waits for a turn. A turn only delivers.
//   - G12. When Close has returned, counts, contexts and states are final and OnDispose
//     hooks have run, save those of builds that another goroutine is running or ending at
//     that moment. Shutdown waits for those. Shutdown and Flush inside a hook, listener or
//     build would wait for their own caller: only their ctx ends them.
//   - G13. A Listen, Values or Results through a Ref ends with its build, and counts as the
//     build's watches do. A paused subscription remembers what it saw last, and is called
//     once on Resume if the value is another one by then. The call that [FireImmediately]
//     asks for is made by the caller of Listen, before Listen returns and before any other
//     call of that subscription. Observers are called without a lock, at the same time for
//     different elements: they must be safe for concurrent use.
//
// # Concurrency in plain words
//
// Call anything from anywhere. A listener may write, close itself, listen to other things or
// close its container. It is called on the goroutine whose call set things in motion, which
// may be yours: so hold no mutex around a Set that a listener of it takes. Listeners and
// hooks of one container never run at the same time, so they need no lock against each
// other; against the rest of the program they do. Four are outside that order: OnDispose and
// OnManualInvalidation hooks run on the goroutine that ends the build, the call for
// FireImmediately on that of its Listen, and observers each time on a goroutine made for it,
// for which the one that caused the event waits.
//
// A slow listener delays the others of its container and, if you are the one who runs the
// turn, you. It does not delay readers, writers on other goroutines, or the results of
// builds. Loops over Values and channels from Changed are out of the line altogether.
//
// # Errors
//
// An asynchronous build fails by returning an error: it becomes the state, the last value
// stays beside it, and Resolve and Await return it as it is. It is kept like a value: there
// is a new attempt when a dependency changes, on [Container.Invalidate] or [Refresh], when
// the element has been disposed, and as its policy says if it has one ([Retry]).
//
// A panic in a build is kept as a [*PanicError], also a [runtime.Goexit]. A synchronous
// build raises it again in each Read and Watch until it is rebuilt, an asynchronous one and
// a Try provider are Failed with it. A panic in a hook, listener or observer keeps none of
// the others from running; it goes to [WithPanicHandler] or, without that, is raised again
// when all is done, on the goroutine that ran it. A build that would wait for itself gets a
// [*CycleError] with the path, also when two goroutines enter the cycle from opposite ends.
//
// Misuse is a [*UsageError], raised as a panic at the call that is wrong, with the provider
// and the fix: a nil context, function or provider, a zero Ref, OnCancel in a provider that
// is not AutoDispose, a Set from a synchronous build. In an asynchronous or Try build it is
// the error of the state.
//
// Comments in this package refer to rules by letter and number, L4 or C6. They are written
// out in docs/rules.md. What programs need next, in a few lines each, is in docs/howto.md.
// Those who know Riverpod find its words in docs/riverpod.md.
package weir
