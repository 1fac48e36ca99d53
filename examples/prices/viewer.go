package main

// viewer.go owns the clients of the story: each viewer is one real HTTP request for events, read as a browser would, that can leave
// at any time. It holds every event that it gets against the market.

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
)

type viewer struct {
	leave context.CancelFunc // close the connection, as a browser does when its tab is closed
	done  chan struct{}      // closed when there are no more events

	mu     sync.Mutex
	view   view  // guarded by mu; the newest
	events int   // guarded by mu
	err    error // guarded by mu; the first event that was wrong, or why there are none
}

// look sends a viewer to /events?query of the board at url. ctx bounds the whole visit.
func look(ctx context.Context, client *http.Client, url, query string, m *market) *viewer {
	ctx, leave := context.WithCancel(ctx)
	v := &viewer{leave: leave, done: make(chan struct{})}
	go func() {
		defer close(v.done)
		defer leave()
		if err := v.read(ctx, client, url+"/events?"+query, m); err != nil && ctx.Err() == nil {
			v.wrong(err)
		}
	}()
	return v
}

func (v *viewer) read(ctx context.Context, client *http.Client, url string, m *market) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %s", resp.Status)
	}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var seen view
		if err := json.Unmarshal([]byte(data), &seen); err != nil {
			return err
		}
		if err := check(seen, m); err != nil {
			v.wrong(err)
		}
		v.mu.Lock()
		v.view = seen
		v.events++
		v.mu.Unlock()
	}
	return lines.Err()
}

func (v *viewer) wrong(err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.err == nil {
		v.err = err
	}
}

// sees returns the newest row of a share.
func (v *viewer) sees(symbol string) row {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, r := range v.view.Rows {
		if r.Symbol == symbol {
			return r
		}
	}
	return row{}
}

func (v *viewer) portfolio() valuation {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.view.Portfolio == nil {
		return valuation{}
	}
	return *v.view.Portfolio
}

// got returns how many events there were, and what was wrong first.
func (v *viewer) got() (events int, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.events, v.err
}

// check says what in a view is not of one moment, or not what the market says.
func check(v view, m *market) error {
	prices := make(map[string]float64)
	for _, r := range v.Rows {
		if r.Month == "" {
			continue // nothing is known yet
		}
		i := slices.Index(m.months, r.Month)
		if i < 0 {
			return fmt.Errorf("%s in %q: no such month", r.Symbol, r.Month)
		}
		all := m.prices[r.Symbol]
		if r.Price != all[i] {
			return fmt.Errorf("%s in %s is shown at %v, the market has it at %v", r.Symbol, r.Month, r.Price, all[i])
		}
		prices[r.Symbol] = r.Price
		for months, mean := range map[int]float64{shortMonths: r.Short, longMonths: r.Long} {
			if mean != 0 && !near(mean, meanOf(all[:i+1], months)) {
				return fmt.Errorf("%s in %s has a price of that month, and an average of %d months of %v beside it; want %v",
					r.Symbol, r.Month, months, mean, meanOf(all[:i+1], months))
			}
		}
	}
	if p := v.Portfolio; p != nil && p.Problem == "" {
		sum := 0.0
		for symbol, n := range p.Holdings {
			price, ok := prices[symbol]
			if !ok {
				return nil // the viewer did not choose to see that share
			}
			sum += float64(n) * price
		}
		if !near(p.Value, sum) {
			return fmt.Errorf("the portfolio is shown at %v, and the prices beside it make %v", p.Value, sum)
		}
	}
	return nil
}

// meanOf returns the average of the last n prices.
func meanOf(prices []float64, n int) float64 {
	sum := 0.0
	for _, p := range prices[len(prices)-n:] {
		sum += p
	}
	return sum / float64(n)
}

func near(a, b float64) bool { return math.Abs(a-b) < 1e-6 }
