package main

// soak_test.go owns the soak: the service as it is, over real connections, with clients that come, go, change their minds and stop
// reading, in front of an upstream that fails in every way, for as long as WEIR_SOAK_TIME says. Between times of load everybody
// goes, and then nothing may be left of them.

import (
	"context"
	"encoding/json"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/weir-go/weir"
	"github.com/weir-go/weir/internal/soak"
)

var soakPace = pace{latency: 10 * time.Millisecond, delay: 30 * time.Millisecond, cacheFor: 60 * time.Millisecond, timeout: 250 * time.Millisecond}

const (
	soakClientsAtOnce = 64
	soakHeap          = 1 << 20               // bytes that the heap at rest may differ from what it was after the first time of load
	soakSlow          = 20 * time.Millisecond // what the slow listener takes
	soakRatio         = 2.0                   // of the p99 of a Read beside it to that of the others, unless it is below soakNoise
	soakNoise         = soakSlow / 40         // what the scheduler of a busy machine makes of a microsecond
)

// Planted, one at a time, and found: a client that leaves and cancels the fetch for all; the page beside the one that was asked for,
// once in two hundred; a page that is left in use by who has left; a goroutine of a build that waits for ever; a Read that waits for
// the listener.
func TestSoak(t *testing.T) {
	d := soak.Duration(t)
	before := runtime.NumGoroutine()
	counts, faults := &soak.Counts{}, soak.NewFaults(t)
	up, client := newFaultyUpstream(t, soakPace, counts)
	st, err := newStack(loopback, soakPace, func(fetchFunc) fetchFunc { return panicky(client.fetch, counts, faults) })
	if err != nil {
		t.Fatal(err)
	}
	clients := &soakClients{
		url: st.serviceServer.url, addr: strings.TrimPrefix(st.serviceServer.url, "http://"), service: st.service,
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: soakClientsAtOnce}}, want: wantedPages(t), counts: counts, faults: faults,
	}
	clients.state = weir.NewProvider(func(weir.Ref) string { return "" }, weir.Name("state"), weir.Scoped(), weir.AutoDispose())
	container := st.service.container
	elements := func() int { return len(container.Snapshot().Elements) + len(container.Snapshot().Children) }
	started := runtime.NumGoroutine()

	var beside soak.Beside
	var first soak.Rest
	n, each := soak.Phases(d)
	for i := range n {
		page := st.service.pages.Of(slowPage)
		slow := weir.Listen(container, page, func(_, _ weir.AsyncValue[filmPage]) { beside.Slow(soakSlow) }, weir.OnError(func(error) { beside.Slow(soakSlow) }))
		stop, probed := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(probed)
			beside.Run(stop, func() { weir.Read(container, page) })
		}()
		crowd := soak.NewCrowd(soakClientsAtOnce, clients.once)
		time.Sleep(each)
		crowd.Stop()
		close(stop)
		<-probed
		slow.Close()
		clients.http.CloseIdleConnections()
		client.close()

		rest, err := soak.Await(started, 0, elements)
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
	if err := up.stop(end); err != nil {
		t.Error(err)
	}
	if rest, err := soak.Await(before, 0, elements); err != nil {
		t.Errorf("in the end: %v: %v", rest, err)
	}
}

// wantedPages is what each page must be, by number.
func wantedPages(t *testing.T) [][]byte {
	t.Helper()
	films, err := loadFilms()
	if err != nil {
		t.Fatal(err)
	}
	want := make([][]byte, lastPage+1)
	for n := 1; n <= lastPage; n++ {
		page, _ := pageOf(films, n)
		if want[n], err = json.Marshal(page); err != nil {
			t.Fatal(err)
		}
	}
	return want
}
