package main

// soak_faults_test.go owns what goes wrong on purpose in the soak: connections to the feed server that cannot be made, break off, fall
// silent, say what is not to be understood, or panic in the hands of who reads them.

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"time"

	"github.com/weir-go/weir/internal/soak"
)

// faultyDial has one connection in ten fail to be made, and each that is made go wrong after a while, but for one in three.
func faultyDial(dial dialFunc, counts *soak.Counts, panicked *atomic.Bool) dialFunc {
	return func(ctx context.Context) (net.Conn, error) {
		if rand.IntN(10) == 0 {
			counts.Add("refused")
			return nil, errors.New("connection refused on purpose")
		}
		conn, err := dial(ctx)
		if err != nil {
			return nil, err
		}
		counts.Add("connected")
		f := &faultyConn{Conn: conn, counts: counts, panicked: panicked, closed: make(chan struct{}), what: rand.IntN(9)}
		f.left.Store(int64(rand.IntN(200)))
		return f, nil
	}
}

type faultyConn struct {
	net.Conn
	counts   *soak.Counts
	panicked *atomic.Bool // a build ended in a panic, which is not retried: somebody is to invalidate it
	what     int          // goes wrong
	left     atomic.Int64 // reads until it does
	isClosed atomic.Bool
	closed   chan struct{}
}

func (f *faultyConn) Read(p []byte) (int, error) {
	if f.left.Add(-1) >= 0 {
		return f.Conn.Read(p)
	}
	switch f.what {
	case 0, 1:
		f.counts.Add("reset")
		f.Conn.(*net.TCPConn).SetLinger(0)
		f.Conn.Close()
	case 2:
		f.counts.Add("silence")
		select {
		case <-f.closed:
		case <-time.After(2 * time.Second): // a peer that has stopped for good is noticed by what a real client sets a deadline for
		}
		return 0, errors.New("silent on purpose")
	case 3:
		f.counts.Add("garbage")
		return copy(p, "quote \x00\xff nonsense\n"), nil
	case 4:
		f.counts.Add("half a line")
		f.left.Store(1 << 40)
		return copy(p, "quo"), nil
	case 5:
		f.counts.Add("panic in a build")
		f.panicked.Store(true)
		panic("a connection that panics")
	}
	return f.Conn.Read(p)
}

func (f *faultyConn) Close() error {
	if !f.isClosed.Swap(true) {
		close(f.closed)
	}
	return f.Conn.Close()
}
