package main

// chapters.go owns what happens, chapter by chapter. Each begins with no viewers, no feeds, and counts at nothing.

import (
	"context"
	"fmt"
	"runtime"
	"time"
)

var chapters = []struct {
	title string
	tell  func(*story)
}{
	{"three viewers look at one share", shared},
	{"the last one leaves, and one comes back in time", leftBriefly},
	{"the last one leaves, and nobody comes back in time", leftForLong},
	{"the portfolio looks at what it holds", portfolio},
	{"the feed server hangs up", hungUp},
	{"20 viewers watch five years go by", consistent},
	{"shutdown with viewers", shutdown},
}

func shared(st *story) {
	const months = 5
	all := st.look(3, "symbols=AAPL")
	st.see(all, "AAPL")
	st.passes(months)
	st.see(all, "AAPL")
	st.is(st.up("AAPL", connected), 1)
	st.is(st.up("AAPL", sent), tapeLength+months)
	st.is(st.own("AAPL", built), 1)
	st.leave(all[:2]...)
	st.passes(1)
	st.see(all[2:], "AAPL")
	st.is(st.up("AAPL", paused), 0)
	st.is(st.up("AAPL", connected), 1)
	st.say("one feed for all, and for the one who stayed; connections: %d, quotes sent: %d", st.get(st.up("AAPL", connected)), st.get(st.up("AAPL", sent)))
}

// leftBriefly is the one chapter in which something has to be done in time: the second viewer must be there before the delay is
// over. On a machine too busy for that it shows nothing, so it tries again.
func leftBriefly(st *story) {
	const missed = 3
	for range 5 {
		first := st.look(1, "symbols=AMZN")
		st.see(first, "AMZN")
		start := time.Now()
		st.leave(first...)
		st.becomes(st.up("AMZN", paused), 1)
		st.is(st.own("AMZN", onCancel), 1)
		before := st.get(st.up("AMZN", sent))
		st.passes(missed)
		second := st.look(1, "symbols=AMZN")
		st.until("a viewer", func() (string, bool) {
			events, _ := second[0].got()
			return "is shown nothing", events > 0 // what was known when the first one left
		})
		if st.err == nil && time.Since(start) >= st.pace.delay {
			st.begin()
			continue
		}
		st.see(second, "AMZN")
		st.is(st.up("AMZN", resumed), 1)
		st.is(st.up("AMZN", sent), before+missed)
		st.is(st.up("AMZN", connected), 1)
		st.is(st.own("AMZN", onResume), 1)
		st.is(st.own("AMZN", built), 1)
		st.is(st.own("AMZN", disposed), 0)
		st.say("paused and resumed, on the same connection; sent meanwhile: 0, made up for then: %d; connections: %d",
			st.get(st.up("AMZN", sent))-before, st.get(st.up("AMZN", connected)))
		return
	}
	st.fail("no viewer was back within %v: this machine is too busy", st.pace.delay)
}

func leftForLong(st *story) {
	first := st.look(1, "symbols=IBM")
	st.see(first, "IBM")
	start := time.Now()
	st.leave(first...)
	st.becomes(st.up("IBM", disconnected), 1)
	took := time.Since(start)
	if took < st.pace.delay {
		st.fail("the feed was dropped after %v, want %v at least", took, st.pace.delay)
	}
	st.is(st.up("IBM", paused), 1)
	st.is(st.own("IBM", disposed), 1)
	st.passes(2)
	st.is(st.up("IBM", sent), tapeLength)
	st.see(st.look(1, "symbols=IBM"), "IBM")
	st.is(st.up("IBM", connected), 2)
	st.is(st.up("IBM", resumed), 0)
	st.is(st.own("IBM", built), 2)
	st.say("paused, dropped after %v, and connected anew for the next; connections: %d", took.Round(10*time.Millisecond), st.get(st.up("IBM", connected)))
}

func portfolio(st *story) {
	v := st.look(1, "portfolio=1")[0]
	st.seePortfolio(v, startHoldings, "")
	for symbol := range st.feed.market.prices {
		want := 0
		if startHoldings[symbol] > 0 {
			want = 1
		}
		st.is(st.up(symbol, connected), want)
	}

	// The viewer stays. What is not held any more is paused and dropped, what is new is connected, what is in both goes on.
	st.putHoldings(`{"AAPL": 10, "GOOG": 3}`)
	st.seePortfolio(v, holdings{"AAPL": 10, "GOOG": 3}, "GOOG is not listed in "+st.month)
	for _, symbol := range []string{"IBM", "MSFT"} {
		st.becomes(st.up(symbol, disconnected), 1)
		st.pauses(symbol, 1)
	}
	for st.month < "2004-08" {
		st.passes(1)
	}
	st.seePortfolio(v, holdings{"AAPL": 10, "GOOG": 3}, "")
	st.is(st.up("AAPL", connected), 1)
	st.pauses("AAPL", 0)
	st.is(st.up("GOOG", connected), 1)
	st.say("connected: what it holds; after a change: IBM and MSFT dropped, GOOG connected, AAPL untouched; worth in %s: %.2f", st.month, v.portfolio().Value)
}

func hungUp(st *story) {
	all := st.look(2, "symbols=MSFT")
	st.see(all, "MSFT")
	st.feed.dropAll()
	st.becomes(st.up("MSFT", disconnected), 1)
	st.becomes(st.up("MSFT", connected), 2)
	st.passes(1)
	st.see(all, "MSFT")
	st.is(st.up("MSFT", connected), 2)
	st.is(st.own("MSFT", built), 2)
	for _, v := range all {
		if status := v.sees("MSFT").Status; status != "live" {
			st.fail("a viewer is told %q, want live", status)
		}
	}
	st.say("connected again, once for both viewers; connections: %d", st.get(st.up("MSFT", connected)))
}

func consistent(st *story) {
	const viewers, months = 20, 60
	st.putHoldings(`{"AAPL": 1, "GOOG": 2, "IBM": 3}`)
	all := st.look(viewers, "symbols=IBM,GOOG,AAPL&portfolio=1")
	st.see(all, "AAPL", "GOOG", "IBM")
	for i := range months {
		st.passes(1)
		for _, symbol := range []string{"AAPL", "GOOG", "IBM"} {
			st.becomes(st.up(symbol, sent), tapeLength+i+1)
		}
	}
	st.see(all, "AAPL", "GOOG", "IBM")
	events := 0
	for _, v := range all {
		st.seePortfolio(v, holdings{"AAPL": 1, "GOOG": 2, "IBM": 3}, "")
		if r := v.sees("AAPL"); r.Short == 0 || r.Long == 0 {
			st.fail("a viewer sees AAPL in %s without averages", r.Month)
		}
		n, _ := v.got()
		events += n
	}
	for _, symbol := range []string{"AAPL", "GOOG", "IBM"} {
		st.is(st.up(symbol, connected), 1)
	}
	st.leave(all...) // checks that no event was wrong
	st.say("in each of the %d events that they got, averages and portfolio were those of the prices beside them; connections: 3", events)
}

func shutdown(st *story) {
	all := st.look(6, "symbols=AAPL,IBM,MSFT")
	st.see(all, "AAPL", "IBM", "MSFT")
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := st.stop(ctx); err != nil {
		st.fail("shutdown: %w", err)
	}
	for _, v := range all {
		select {
		case <-v.done:
		case <-ctx.Done():
			st.fail("a viewer's events have not ended")
		}
	}
	for _, symbol := range []string{"AAPL", "IBM", "MSFT"} {
		st.is(st.up(symbol, disconnected), 1)
		st.is(st.own(symbol, disposed), 1)
	}
	st.client.CloseIdleConnections()
	st.until("goroutines", func() (string, bool) {
		// Closed connections take a moment to let go of theirs.
		now := runtime.NumGoroutine()
		return fmt.Sprintf("left: %d, before: %d", now, st.goroutines), now <= st.goroutines
	})
	st.say("all viewers' events ended, all feeds hung up; goroutines left over: 0")
}
