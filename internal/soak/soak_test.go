package soak

import (
	"testing"
	"time"
)

// A histogram that is wrong would make the ratio of any two things one.
func TestLatency(t *testing.T) {
	var l latency
	for i := range 1000 {
		l.add(time.Duration(i+1) * time.Microsecond)
	}
	for q, want := range map[float64]time.Duration{0: time.Microsecond, 0.5: 500 * time.Microsecond, 0.99: 990 * time.Microsecond} {
		if got := l.quantile(q); got < want || got > want*9/8+1 {
			t.Errorf("quantile %v is %v, want %v and at most an eighth more", q, got, want)
		}
	}
	last := -1
	for n := uint64(1); n < 1<<20; n++ {
		if at := bucket(n); at != last && at <= last {
			t.Fatalf("%d is in bucket %d, one less in %d", n, at, last)
		} else {
			last = at
		}
	}
	if at := bucket(1<<64 - 1); at != 64*8-1 {
		t.Errorf("the largest is in bucket %d", at)
	}
}

func TestBesideTellsTheSlowFromTheOthers(t *testing.T) {
	var b Beside
	stopping := make(chan struct{})
	time.AfterFunc(1200*time.Millisecond, func() { close(stopping) })
	b.Run(stopping, func() { b.Slow(5 * time.Millisecond) })
	if ratio, slow := b.Ratio(0.99); ratio < 10 || slow < 5*time.Millisecond {
		t.Errorf("%v", &b)
	}
}

func TestAwaitSeesWhatIsLeft(t *testing.T) {
	if r, err := Await(1000, 3, func() int { return 3 }); err != nil || r.Heap == 0 || r.Objects == 0 || r.Elements != 3 {
		t.Errorf("%v, %v", r, err)
	}
}
