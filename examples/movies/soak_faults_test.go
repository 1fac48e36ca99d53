package main

// soak_faults_test.go owns what goes wrong on purpose in the soak: an upstream that answers as it should most of the time, and a
// fetch function that panics now and then, and finds out whether two of them run for one page.

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/weir-go/weir/internal/soak"
)

// faultyUpstream stands in front of an upstream and has one in twenty requests go wrong.
type faultyUpstream struct {
	upstream http.Handler
	counts   *soak.Counts
}

func (f *faultyUpstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch rand.IntN(100) {
	case 0:
		f.counts.Add("reset")
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			conn.(*net.TCPConn).SetLinger(0)
			conn.Close()
		}
	case 1:
		f.counts.Add("hang") // the service gives up: its timeout, or nobody waits any more
		<-r.Context().Done()
	case 2:
		f.counts.Add("garbage")
		io.WriteString(w, "\x00\xff{]")
	case 3:
		f.counts.Add("cut off")
		w.Header().Set("Content-Length", "5000")
		io.WriteString(w, `{"page": 1, "films": [`)
		panic(http.ErrAbortHandler)
	case 4:
		f.counts.Add("error")
		http.Error(w, "out of order", http.StatusInternalServerError)
	default:
		f.upstream.ServeHTTP(w, r)
	}
}

// newFaultyUpstream serves one on loopback.
func newFaultyUpstream(t *testing.T, p pace, counts *soak.Counts) (*server, *upstreamClient) {
	t.Helper()
	films, err := loadFilms()
	if err != nil {
		t.Fatal(err)
	}
	srv, err := listen(loopback, &faultyUpstream{newUpstream(films, p.latency).handler(), counts})
	if err != nil {
		t.Fatal(err)
	}
	return srv, newUpstreamClient(srv.url)
}

// slowPage is the page with the slow listener, who is always there: a panic, which the service keeps for as long as somebody asks,
// would be the last that it hears of.
const slowPage = 1

// panicky has one fetch in two hundred panic, but for slowPage, and reports two that run for one page.
func panicky(fetch fetchFunc, counts *soak.Counts, faults *soak.Faults) fetchFunc {
	var running [lastPage + 10]atomic.Int32
	return func(ctx context.Context, n int) (filmPage, error) {
		if running[n].Add(1) != 1 {
			faults.Add("two fetches of page %d at once", n)
		}
		defer running[n].Add(-1)
		counts.Add("fetch")
		if n != slowPage && rand.IntN(200) == 0 {
			counts.Add("panic in a build")
			panic("a fetch that panics")
		}
		return fetch(ctx, n)
	}
}
