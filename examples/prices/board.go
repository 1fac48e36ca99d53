package main

// board.go owns the part that is built with Weir: a stream of quotes for each share, what is computed from them, and what a viewer
// sees. Nothing here counts viewers, starts, stops or shares a connection: that follows from who watches what.

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/weir-go/weir"
	"github.com/weir-go/weir/inspect"
)

// dialFunc connects to the feed server.
type dialFunc func(ctx context.Context) (net.Conn, error)

// pace holds the times of a board.
type pace struct {
	delay time.Duration // how long a feed that nobody looks at is kept, paused, in case somebody comes back
	retry time.Duration // how soon a feed that broke off is connected again; from then on twice as long each time
}

// averageOf and viewOf are keys of families: any comparable type will do.
type averageOf struct {
	symbol string
	months int
}

type viewOf struct {
	symbols   string // sorted, with commas
	portfolio bool
}

// holdings is how many of each share the portfolio has. It is never changed once it is a state.
type holdings map[string]int

type board struct {
	container *weir.Container
	inspector *inspect.Inspector
	tally     *tally
	dial      dialFunc

	quotes    *weir.Family[string, weir.StreamProvider[tape]]
	averages  *weir.Family[averageOf, weir.Provider[float64]]
	holdings  *weir.StateProvider[holdings]
	portfolio *weir.FutureProvider[float64]
	views     *weir.Family[viewOf, weir.Provider[view]]
}

func newBoard(dial dialFunc, held holdings, p pace) *board {
	insp := inspect.New(inspect.Values(showValue)) // it only looks: no inspect.AllowActions
	b := &board{
		container: weir.NewContainer(weir.WithDisposeDelay(p.delay), weir.WithObserver(insp.Observer())),
		inspector: insp, tally: newTally("board"), dial: dial,
	}

	// One connection for each share that somebody looks at: directly, by an average, or because the portfolio has some of it.
	b.quotes = weir.NewFamily(func(symbol string) *weir.StreamProvider[tape] {
		return weir.NewStreamProvider(func(ctx context.Context, ref weir.Ref, emit func(tape) bool) error {
			return b.follow(ctx, ref, symbol, emit)
		})
	},
		weir.Name("quotes"),
		weir.AutoDispose(), // when nobody looks: OnCancel at once, OnDispose after the container's delay
		weir.Retry(weir.Backoff(p.retry, 16*p.retry, math.MaxInt)),
	)

	// 0 stands for not yet known. An average that comes out the same is no change, and nobody is told of it.
	b.averages = weir.NewFamily(func(of averageOf) *weir.Provider[float64] {
		return weir.NewProvider(func(ref weir.Ref) float64 {
			t, _ := weir.Watch(ref, b.quotes.Of(of.symbol)).Value()
			return t.mean(of.months)
		})
	}, weir.Name("average"), weir.AutoDispose())

	b.holdings = weir.NewStateProvider(func(weir.Ref) holdings { return held }, weir.Name("holdings"))

	// Try: synchronous, and may fail. While a price is loading so is the value; while one is not to be had, that is its error.
	b.portfolio = weir.NewTryProvider(func(ref weir.Ref) (float64, error) {
		held := weir.Watch(ref, b.holdings)
		last := make(map[string]weir.AsyncValue[quote])
		for symbol := range held { // all are watched before the first is asked for a result, so that all feeds connect at once
			last[symbol] = weir.Watch(ref, weir.SelectAsync(b.quotes.Of(symbol), tape.last))
		}
		value := 0.0
		for _, symbol := range slices.Sorted(maps.Keys(held)) {
			q, err := last[symbol].Result()
			if err != nil {
				return 0, err // of one that is loading it wraps weir.ErrLoading, which makes this loading, not failed
			}
			if q.price == 0 {
				return 0, fmt.Errorf("%s is not listed in %s", symbol, q.month)
			}
			value += float64(held[symbol]) * q.price
		}
		return value, nil
	}, weir.Name("portfolio"), weir.AutoDispose())

	// What one viewer sees; those who look at the same share it. Price, averages and portfolio in it are of one moment: a view
	// with a new price and an old average is never shown (the story holds that against every event that it gets).
	b.views = weir.NewFamily(func(of viewOf) *weir.Provider[view] {
		return weir.NewProvider(func(ref weir.Ref) view { return b.see(ref, of) })
	}, weir.Name("view"), weir.AutoDispose())
	return b
}

var errHungUp = errors.New("the feed server hung up")

// follow is the build function of a share's stream. One run of it is one connection.
func (b *board) follow(ctx context.Context, ref weir.Ref, symbol string, emit func(tape) bool) error {
	b.tally.add(symbol, built, 1)
	conn, err := b.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	say := func(command string) {
		conn.SetWriteDeadline(time.Now().Add(writeTime))
		io.WriteString(conn, command+"\n") // if it fails so does the Scan below
	}
	say("subscribe " + symbol)

	// The last viewer left: the connection stays, and is silent. One came back: it goes on. Nobody did, for the delay: the build
	// is over, and a Scan that waits for a line is to be woken. Hooks of one container run one at a time and in order. If the
	// build was over or on standby before these lines, they run at once.
	ref.OnCancel(func() {
		b.tally.add(symbol, onCancel, 1)
		say("pause")
	})
	ref.OnResume(func() {
		b.tally.add(symbol, onResume, 1)
		say("resume")
	})
	ref.OnDispose(func() {
		b.tally.add(symbol, disposed, 1)
		conn.Close()
	})

	var t tape
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		q, newest, err := parseQuote(symbol, lines.Text())
		if err != nil {
			return err
		}
		if t = t.add(q); newest && !emit(t) {
			break
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	// Not the end that was asked for: Retry connects again, at once if somebody looks, else when somebody does.
	return errors.Join(errHungUp, lines.Err())
}

// The months of the two moving averages.
const (
	shortMonths = 3
	longMonths  = 12
)

// view is what a viewer sees, and the JSON that the page gets.
type view struct {
	Rows      []row      `json:"rows"`
	Portfolio *valuation `json:"portfolio,omitempty"`
}

type row struct {
	Symbol string  `json:"symbol"`
	Month  string  `json:"month,omitempty"`
	Price  float64 `json:"price,omitempty"` // 0: not listed, or not known yet
	Short  float64 `json:"short,omitempty"` // averages
	Long   float64 `json:"long,omitempty"`
	Status string  `json:"status"`
}

type valuation struct {
	Holdings holdings `json:"holdings"`
	Value    float64  `json:"value,omitempty"`
	Problem  string   `json:"problem,omitempty"` // why there is no value
}

func (b *board) see(ref weir.Ref, of viewOf) view {
	v := view{Rows: []row{}}
	for symbol := range strings.SplitSeq(of.symbols, ",") {
		if symbol == "" {
			continue // a view of the portfolio alone
		}
		quotes := weir.Watch(ref, b.quotes.Of(symbol))
		t, _ := quotes.Value() // while it is connected again, the value of before
		v.Rows = append(v.Rows, row{
			Symbol: symbol,
			Month:  t.month,
			Price:  t.last().price,
			Short:  weir.Watch(ref, b.averages.Of(averageOf{symbol, shortMonths})),
			Long:   weir.Watch(ref, b.averages.Of(averageOf{symbol, longMonths})),
			Status: statusOf(quotes),
		})
	}
	if of.portfolio {
		v.Portfolio = &valuation{Holdings: weir.Watch(ref, b.holdings)}
		value := weir.Watch(ref, b.portfolio)
		switch {
		case value.IsLoading():
			v.Portfolio.Problem = "waiting for prices"
		case value.HasError():
			v.Portfolio.Problem = value.Err().Error()
		default:
			v.Portfolio.Value, _ = value.Value()
		}
	}
	return v
}

func statusOf(quotes weir.AsyncValue[tape]) string {
	t, ok := quotes.Value()
	switch {
	case quotes.HasError(): // the last value may be there beside it
		return "reconnecting: " + quotes.Err().Error()
	case !ok:
		return "connecting"
	case len(t.prices) == 0:
		return "not listed yet"
	default:
		return "live"
	}
}
