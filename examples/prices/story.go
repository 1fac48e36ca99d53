package main

// story.go owns the teller: it starts the servers, goes through the chapters in order, prints what they say, and holds every count
// against what it must be, on the feed server's side too. The first one that is off ends the story: after that no helper waits or
// prints any more. Months pass when a chapter says so.

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"time"
)

// storyPace is fast, but leaves a busy machine time.
var storyPace = pace{delay: 400 * time.Millisecond, retry: 20 * time.Millisecond}

// patience is how long something may take to become what it must be. It is used up only when something is wrong.
const patience = 10 * time.Second

type story struct {
	*stack
	ctx     context.Context // of all visits
	client  *http.Client
	out     io.Writer
	pace    pace
	month   string    // the newest
	viewers []*viewer // of this chapter
	err     error     // what was off first

	before     map[count]int // what was counted before this chapter
	goroutines int           // before anything was started
}

// tellStory runs the story and returns an error that says what was off. What plant makes of the board's dial function is used in
// its place, for a test that wants to see a wrong board found out; it may be nil.
func tellStory(out io.Writer, p pace, plant func(dialFunc) dialFunc) (err error) {
	begin := time.Now()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	st := &story{
		ctx:        ctx,
		client:     &http.Client{Transport: &http.Transport{}},
		out:        out,
		pace:       p,
		goroutines: runtime.NumGoroutine(),
	}
	st.stack, err = newStack(loopback, startHoldings, p, plant)
	if err != nil {
		return err
	}
	defer func() { // for a story that ended early; the last chapter has done all this
		cancel()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		st.stop(ctx)
		st.client.CloseIdleConnections()
	}()
	st.passes(0)
	st.print("feed   %s  %d shares, %d months\n", st.feed.addr, len(st.feed.market.prices), len(st.feed.market.months))
	st.print("board  %s  a feed that nobody looks at is dropped after %v\n", st.url, p.delay)
	for i, c := range chapters {
		st.print("\n%d. %s\n", i+1, c.title)
		st.begin()
		c.tell(st)
		if st.err != nil {
			return fmt.Errorf("chapter %d, %s: %w", i+1, c.title, st.err)
		}
	}
	st.print("\nevery count is what it must be (%.1f s)\n", time.Since(begin).Seconds())
	return nil
}

// begin makes the viewers of the chapter before leave, and waits until no feed is connected. All counts start at nothing then.
func (st *story) begin() {
	st.leave(st.viewers...)
	st.viewers = nil
	st.before = make(map[count]int)
	for symbol := range st.feed.market.prices {
		st.until("the feed of "+symbol, func() (string, bool) {
			state := st.feed.state(symbol)
			return fmt.Sprintf("is %s, want none", state), state == ""
		})
	}
	for symbol := range st.feed.market.prices {
		for _, t := range []*tally{st.feed.tally, st.board.tally} {
			for what, n := range t.of(symbol) {
				st.before[count{t, symbol, what}] = n
			}
		}
	}
}

func (st *story) print(format string, args ...any) {
	if st.err == nil {
		fmt.Fprintf(st.out, format, args...)
	}
}

// say prints a line of the chapter.
func (st *story) say(format string, args ...any) { st.print("   "+format+"\n", args...) }

// fail ends the story, unless it has ended.
func (st *story) fail(format string, args ...any) {
	if st.err == nil {
		st.err = fmt.Errorf(format, args...)
	}
}

// passes lets n months pass.
func (st *story) passes(n int) { st.month = st.feed.advance(n) }

// ---- counts

type count struct {
	tally  *tally
	symbol string
	what   event
}

// up and own are counts of the feed server and of the board.
func (st *story) up(symbol string, what event) count  { return count{st.feed.tally, symbol, what} }
func (st *story) own(symbol string, what event) count { return count{st.board.tally, symbol, what} }

// get returns a count since the chapter began.
func (st *story) get(c count) int { return c.tally.get(c.symbol, c.what) - st.before[c] }

func (st *story) compare(c count, want int) (string, bool) {
	got := st.get(c)
	return fmt.Sprintf("%s's %s of %s: %d, want %d", c.tally.owner, c.what, c.symbol, got, want), got == want
}

// is checks that c is want now.
func (st *story) is(c count, want int) {
	if text, ok := st.compare(c, want); !ok {
		st.fail("%s", text)
	}
}

// becomes waits until c is want. What was sent arrives when it does, so there is no other way to know that it has.
func (st *story) becomes(c count, want int) {
	st.until("", func() (string, bool) { return st.compare(c, want) })
}

// pauses waits until the feed of a share was paused so often, not counting what was taken back. A price that comes while the view
// that it is for is being built, and that looks at it through something else, may find nobody looking yet: then its feed is paused,
// and resumed at once.
func (st *story) pauses(symbol string, want int) {
	st.until("", func() (string, bool) {
		got := st.get(st.up(symbol, paused)) - st.get(st.up(symbol, resumed))
		return fmt.Sprintf("feed server's lasting pauses of %s: %d, want %d", symbol, got, want), got == want
	})
}

// until asks ok again and again, for as long as patience lasts. It says how things are, and whether that is as it must be.
func (st *story) until(what string, ok func() (is string, good bool)) {
	for end := time.Now().Add(patience); st.err == nil; time.Sleep(time.Millisecond) {
		is, good := ok()
		if good {
			return
		}
		if time.Now().After(end) {
			st.fail("%s, after %v", strings.TrimSpace(what+" "+is), patience)
		}
	}
}

// ---- viewers

// look sends n viewers to what they choose to see.
func (st *story) look(n int, query string) []*viewer {
	var all []*viewer
	for range n {
		all = append(all, look(st.ctx, st.client, st.url, query, st.feed.market))
	}
	st.viewers = append(st.viewers, all...)
	return all
}

// see waits until each viewer is shown these shares as the market has them in the newest month.
func (st *story) see(all []*viewer, symbols ...string) {
	for i, v := range all {
		for _, symbol := range symbols {
			st.until(fmt.Sprintf("viewer %d", i+1), func() (string, bool) {
				if _, err := v.got(); err != nil {
					st.fail("viewer %d: %w", i+1, err)
				}
				got := v.sees(symbol)
				return fmt.Sprintf("sees %s in %q, %s; want %s", symbol, got.Month, got.Status, st.month), got.Month == st.month && got.Price != 0
			})
		}
	}
}

// seePortfolio waits until v is shown the portfolio with this problem, or if that is empty at its worth.
func (st *story) seePortfolio(v *viewer, held holdings, problem string) {
	worth := 0.0
	for symbol, n := range held {
		worth += float64(n) * st.feed.market.prices[symbol][slices.Index(st.feed.market.months, st.month)]
	}
	st.until("a viewer", func() (string, bool) {
		got := v.portfolio()
		ok := got.Problem == problem && len(got.Holdings) == len(held) && (problem != "" || near(got.Value, worth))
		return fmt.Sprintf("sees a portfolio of %.2f, %q; want %.2f, %q", got.Value, got.Problem, worth, problem), ok
	})
}

// leave makes viewers go away, and returns when their connections are closed. What they were shown must have been right.
func (st *story) leave(all ...*viewer) {
	for _, v := range all {
		v.leave()
		<-v.done
		if _, err := v.got(); err != nil {
			st.fail("a viewer: %w", err)
		}
	}
}

func (st *story) putHoldings(body string) {
	ctx, cancel := context.WithTimeout(st.ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, st.url+"/holdings", strings.NewReader(body))
	if err != nil {
		st.fail("PUT /holdings: %w", err)
		return
	}
	resp, err := st.client.Do(req)
	if err != nil {
		st.fail("PUT /holdings: %w", err)
		return
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		st.fail("PUT /holdings: status %s", resp.Status)
	}
}
