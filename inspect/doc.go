// Package inspect shows a container while the program runs: its providers as a picture that
// lives, what has happened last, and why.
//
//	mux.Handle("/debug/weir/", inspect.Handler(c))
//
// serves a page with the elements of c and of its children, and the same as
// ?format=json, ?format=dot and ?format=mermaid. A container's observers are fixed when it
// is made, so whoever wants the timeline too makes the inspector first:
//
//	insp := inspect.New()
//	c := weir.NewContainer(weir.WithObserver(insp.Observer()))
//	mux.Handle("/debug/weir/", insp.Handler(c))
//
// Mount it as you would net/http/pprof: where only those who run the program can reach it.
// The page has no external asset; it works offline, on a phone and with the keyboard.
//
// # What it shows
//
// Each element with its state, what is left of its standby, its listeners, generation, the
// duration of the last build, and where its provider was declared. Members of a family are
// folded into one node if they are four or more, a child container is a box. Search, a
// filter by state, and a click on a node, which leaves its dependencies and dependents, make
// the picture smaller. What is drawn is bounded, whatever the container holds, and the page
// says what it leaves out. The parameters of the page are those of the other formats:
//
//	q=text       name, kind or declaration contain text
//	state=s      active, standby, building, stale or failed; may be given several times
//	focus=id     that element, what it needs and what needs it
//	open=id      do not fold that family; may be given several times
//	fold=0       fold nothing
//	limit=n      draw up to n nodes, at most 20000; the default is 250
//
// With focus, JSON has two answers: why the element was built last, by the names of what had
// changed, followed down to where that began as far as the timeline tells, and who keeps it.
// ?format=timeline is the ring of events as JSON, ?format=stream the live feed as
// server-sent events.
//
// # What it does to the program
//
// It is nobody's listener: looking changes no count and keeps no element. It holds no value,
// no error and no provider: events are kept as text. Names, which have the keys of families
// in them, and the text of errors are shown; values only with the option [Values].
// Changes can be made only with the option [AllowActions].
//
// [Handler] alone costs nothing until somebody asks. Each look takes one
// [weir.Container.Snapshot] for each container, which holds the lock of the tree in
// proportion to the number of elements; however many look, a tenth of the time is spent on
// it at most. With the timeline each event costs what an observer costs, and a short lock of
// the inspector's own. A browser that does not read holds up nobody: it misses events, is
// told how many, and is cut off after a while. A server that is shut down ends the feeds.
package inspect
