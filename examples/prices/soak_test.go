package main

// soak_test.go owns the soak: the board as it is, over real connections, with viewers that come, go and stop reading, on a feed that
// fails in every way, for as long as WEIR_SOAK_TIME says. Between times of load everybody goes, and then nothing may be left of them.

import (
	"context"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weir-go/weir"
	"github.com/weir-go/weir/internal/soak"
)

var soakPace = pace{delay: 30 * time.Millisecond, retry: 5 * time.Millisecond}

const (
	soakClientsAtOnce = 64
	soakMonth         = 10 * time.Millisecond
	soakElements      = 1                     // at rest: the holdings, which are not disposed
	soakHeap          = 1 << 20               // bytes that the heap at rest may differ from what it was after the first time of load
	soakSlow          = 20 * time.Millisecond // what the slow listener takes
	soakRatio         = 2.0                   // of the p99 of a Read beside it to that of the others, unless it is below soakNoise
	soakNoise         = soakSlow / 40         // what the scheduler of a busy machine makes of a microsecond
)

// Planted, one at a time, and found: a feed whose connection is not closed when it is dropped; a viewer who is shown another choice; a
// view that is left in use when a viewer goes; a Read that waits for the listener.
func TestSoak(t *testing.T) {
	d := soak.Duration(t)
	before := runtime.NumGoroutine()
	counts, faults := &soak.Counts{}, soak.NewFaults(t)
	var panicked atomic.Bool
	st, err := newStack(loopback, startHoldings, soakPace, func(dial dialFunc) dialFunc { return faultyDial(dial, counts, &panicked) })
	if err != nil {
		t.Fatal(err)
	}
	clients := &soakClients{
		url: st.url, addr: strings.TrimPrefix(st.url, "http://"), board: st.board, market: st.feed.market, counts: counts, faults: faults,
		http:  &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: soakClientsAtOnce}},
		state: weir.NewProvider(func(weir.Ref) string { return "" }, weir.Name("state"), weir.Scoped(), weir.AutoDispose()),
	}
	container := st.board.container
	elements := func() int { return len(container.Snapshot().Elements) + len(container.Snapshot().Children) }
	started := runtime.NumGoroutine()

	var beside soak.Beside
	var first soak.Rest
	n, each := soak.Phases(d)
	for i := range n {
		average := st.board.averages.Of(averageOf{"IBM", shortMonths})
		slow := weir.Listen(container, average, func(_, _ float64) { beside.Slow(soakSlow) })
		stop := make(chan struct{})
		probed, replayed := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(probed)
			beside.Run(stop, func() { weir.Read(container, average) })
		}()
		go func() {
			defer close(replayed)
			replay(st, counts, &panicked, stop)
		}()
		clientsAtOnce := soakClientsAtOnce
		if i%2 == 1 {
			clientsAtOnce = 4 // so few that the feeds of most shares are paused and dropped again and again
		}
		crowd := soak.NewCrowd(clientsAtOnce, clients.once)
		time.Sleep(each)
		crowd.Stop()
		close(stop)
		<-probed
		<-replayed
		slow.Close()
		clients.http.CloseIdleConnections()

		rest, err := soak.Await(started, soakElements, elements)
		if err != nil {
			t.Fatalf("after %d of %d: %v\n%+v", i+1, n, err, container.Snapshot().Elements)
		}
		t.Logf("%s: %v", time.Duration(i+1)*each, rest)
		if i == 0 {
			first = rest
		}
		if rest.Heap > first.Heap+soakHeap {
			t.Errorf("the heap at rest has grown from %v to %v", first, rest)
		}
	}
	t.Logf("%v; %d wrong", counts, faults.Found())
	t.Logf("Read: %v", &beside)
	if ratio, p99 := beside.Ratio(0.99); ratio > soakRatio && p99 > soakNoise {
		t.Errorf("beside a slow listener one Read in a hundred takes %v, %.1f times as long", p99, ratio)
	}

	end, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := st.stop(end); err != nil {
		t.Error(err)
	}
	if rest, err := soak.Await(before, 0, elements); err != nil {
		t.Errorf("in the end: %v: %v", rest, err)
	}
}

// replay lets months pass, has the feed server hang up on everybody once in a while, and invalidates the feeds when one has panicked,
// for that is not retried.
func replay(st *stack, counts *soak.Counts, panicked *atomic.Bool, stop <-chan struct{}) {
	months := time.NewTicker(soakMonth)
	defer months.Stop()
	for i := 1; ; i++ {
		select {
		case <-stop:
			return
		case <-months.C:
		}
		st.feed.advance(1)
		if i%500 == 0 {
			counts.Add("all hung up on")
			st.feed.dropAll()
		}
		if i%50 == 0 && panicked.Swap(false) {
			counts.Add("invalidated")
			st.board.container.Invalidate(st.board.quotes)
		}
	}
}
