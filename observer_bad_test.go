package weir_test

// This file holds observers that panic or call Goexit: each event, for each kind, must reach the other observers and leave the container
// whole (E3).

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/weir-go/weir"
)

func TestS405_AnObserverThatDoesNotReturnHurtsNobody(t *testing.T) {
	for name, leave := range map[string]func(what string){
		"panic":  func(what string) { panic(what) },
		"goexit": func(string) { runtime.Goexit() },
	} {
		bad := func(l *trace, which string) *weir.Observer {
			hit := func(what string) {
				if what == which {
					l.add("bad")
					leave(what)
				}
			}
			return &weir.Observer{
				ProviderAdded:   func(weir.ProviderAddedEvent) { hit("added") },
				BuildStarted:    func(weir.BuildStartedEvent) { hit("started") },
				BuildEnded:      func(weir.BuildEndedEvent) { hit("ended") },
				Updated:         func(weir.UpdatedEvent) { hit("updated") },
				Failed:          func(weir.FailedEvent) { hit("failed") },
				Cancelled:       func(weir.CancelledEvent) { hit("cancelled") },
				Resumed:         func(weir.ResumedEvent) { hit("resumed") },
				Disposed:        func(weir.DisposedEvent) { hit("disposed") },
				ListenerAdded:   func(weir.ListenerAddedEvent) { hit("+listener") },
				ListenerRemoved: func(weir.ListenerRemovedEvent) { hit("-listener") },
				ContainerClosed: func(weir.ContainerClosedEvent) { hit("closed") },
			}
		}
		for _, which := range []string{"added", "started", "ended", "updated", "failed", "cancelled", "resumed", "disposed", "+listener", "-listener", "closed"} {
			t.Run(name+" in "+which, func(t *testing.T) {
				eachAutoKind(t, func(t *testing.T, k scenarioKind) {
					if k.family {
						return
					}
					var l, hit trace
					c, told := toldContainer(t, weir.WithObserver(watcher(&l, "")), weir.WithObserver(bad(&hit, which)), weir.WithObserver(watcher(&l, "after ")))
					var fails tally
					p := k.makeErr(func(weir.Ref) (int, error) {
						laterIfAsync(k)
						if fails.get() > 0 {
							return 0, errBoom
						}
						return 42, nil
					}, weir.Name("p"))
					// each call on a goroutine of its own: it may be ended by the observer
					do := func(what string, fn func()) {
						select {
						case <-async(t, fn):
						case <-time.After(time.Minute):
							t.Fatalf("%s does not return", what)
						}
						pass(10 * time.Millisecond)
					}
					s := make(chan sub, 1)
					do("Listen", func() { s <- p.listen(c, weir.OnError(func(error) {})) })
					got := ""
					do("Read", func() { defer func() { _ = recover() }(); got = p.readAs(c) })
					// A Goexit where a build begins or ends may end the goroutine that builds, and with it the build (E1).
					building := name == "goexit" && (which == "started" || which == "ended")
					if got != "data 42" && !(got == "" && name == "goexit") && !building || strings.HasPrefix(got, "loading") {
						t.Errorf("the read gives %q", got)
					}
					var first sub
					select {
					case first = <-s:
					default:
						do("Listen again", func() { s <- p.listen(c, weir.OnError(func(error) {})) })
						select {
						case first = <-s:
						default: // a Goexit on the goroutine of whoever builds: that one got nothing
							if name != "goexit" || which != "+listener" && (k.async || !building) {
								t.Fatal("no subscription")
							}
							do("Close", c.Close)
							do("Shutdown", func() { _ = c.Shutdown(t.Context()) })
							return
						}
					}
					do("Close", first.Close)
					do("Listen", func() { s <- p.listen(c, weir.OnError(func(error) {})) })
					if p.set != nil {
						do("Set", func() { defer func() { _ = recover() }(); p.set(c, 43) })
					}
					fails.inc()
					do("Invalidate", func() { c.Invalidate(p.id) })
					do("Read", func() { _ = p.err(c) })
					gone()
					if which != "closed" {
						do("more", func() { usable(t, c) })
					}
					do("Close", c.Close)
					do("Shutdown", func() { _ = c.Shutdown(t.Context()) })

					all := l.take()
					for _, w := range []string{"added", "started", "ended", "updated", "failed", "cancelled", "resumed", "disposed", "+listener", "-listener", "closed"} {
						n, m := len(only(all, w)), len(only(all, "after "+w))
						if n != m {
							t.Errorf("%q: %d events before the bad observer, %d after it\n%v", w, n, m, all)
						}
					}
					n := len(only(all, which))
					if len(hit.take()) != n || n == 0 && !(building || which == "updated") {
						t.Errorf("the bad observer was not called for each of %d events", n)
					}
					if name == "panic" && len(told.take()) < n {
						t.Errorf("the panic handler was not told of all %d", n)
					}
				})
			})
		}
	}
}
