package main

// market.go owns the data: the closing prices of five shares, month by month from 2000 to 2010, embedded. One of the shares was
// not listed from the start.

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed stocks.csv
var stocksCSV string

// monthFormat is how a month is written in the feed and on the page: 2004-08.
const monthFormat = "2006-01"

// market is what the feed server replays. It is never changed.
type market struct {
	months []string
	prices map[string][]float64 // by symbol, one for each month; 0 before it was listed
}

func loadMarket() (*market, error) {
	rows, err := csv.NewReader(strings.NewReader(stocksCSV)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read the embedded prices: %w", err)
	}
	bySymbol := make(map[string]map[string]float64) // and month
	months := make(map[string]bool)
	for i, row := range rows[1:] {
		day, err := time.Parse("Jan 2 2006", row[1])
		if err != nil {
			return nil, fmt.Errorf("read the embedded prices, line %d: %w", i+2, err)
		}
		price, err := strconv.ParseFloat(row[2], 64)
		if err != nil {
			return nil, fmt.Errorf("read the embedded prices, line %d: %w", i+2, err)
		}
		if bySymbol[row[0]] == nil {
			bySymbol[row[0]] = make(map[string]float64)
		}
		month := day.Format(monthFormat)
		bySymbol[row[0]][month] = price
		months[month] = true
	}
	m := &market{months: slices.Sorted(maps.Keys(months)), prices: make(map[string][]float64)}
	for symbol, byMonth := range bySymbol {
		for _, month := range m.months {
			m.prices[symbol] = append(m.prices[symbol], byMonth[month])
		}
	}
	return m, nil
}

func (m *market) symbols() []string { return slices.Sorted(maps.Keys(m.prices)) }

// quote is what the feed says of one share in one month. A price of 0 says that it is not listed yet.
type quote struct {
	month string
	price float64
}

// line is the quote as the feed server writes it: "quote AAPL 2000-12 7.44", with "past" if a newer one follows at once, and "-" for
// no price.
func (q quote) line(symbol string, newest bool) string {
	verb, price := "past", "-"
	if newest {
		verb = "quote"
	}
	if q.price != 0 {
		price = strconv.FormatFloat(q.price, 'f', -1, 64)
	}
	return fmt.Sprintf("%s %s %s %s\n", verb, symbol, q.month, price)
}

// maxPrice is more than any share costs. What is more is a mistake, and would make sums that JSON has no words for.
const maxPrice = 1e9

// parseQuote reads a line of the feed.
func parseQuote(symbol, line string) (q quote, newest bool, err error) {
	fields := strings.Fields(line)
	if len(fields) != 4 || fields[0] != "quote" && fields[0] != "past" || fields[1] != symbol {
		return q, false, fmt.Errorf("the feed of %s says %q", symbol, line)
	}
	q.month, newest = fields[2], fields[0] == "quote"
	if fields[3] == "-" {
		return q, newest, nil
	}
	q.price, err = strconv.ParseFloat(fields[3], 64)
	if err != nil || !(q.price > 0 && q.price <= maxPrice) {
		return q, false, fmt.Errorf("the feed of %s says %q", symbol, line)
	}
	return q, newest, nil
}

// tape is what is known of one share: the newest month, and the prices of up to tapeLength months in a row, the newest last. A
// tape is a value of a provider, shared by all who look at it, so it is never changed: add makes another one.
type tape struct {
	month  string
	prices []float64
}

const tapeLength = 12

func (t tape) add(q quote) tape {
	if q.price == 0 || q.month <= t.month { // not listed, or the replay began anew
		t.prices = nil
	}
	if q.price != 0 {
		t.prices = append(slices.Clone(t.prices[max(0, len(t.prices)+1-tapeLength):]), q.price)
	}
	t.month = q.month
	return t
}

// last returns the newest quote.
func (t tape) last() quote {
	if len(t.prices) == 0 {
		return quote{month: t.month}
	}
	return quote{t.month, t.prices[len(t.prices)-1]}
}

// mean returns the average of the last n prices, or 0 if there are not that many.
func (t tape) mean(n int) float64 {
	if len(t.prices) < n {
		return 0
	}
	sum := 0.0
	for _, price := range t.prices[len(t.prices)-n:] {
		sum += price
	}
	return sum / float64(n)
}
