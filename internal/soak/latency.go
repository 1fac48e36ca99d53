package soak

// This file owns the measurement of how long a call takes while something slow goes on beside it, and while not.

import (
	"fmt"
	"math/bits"
	"sync/atomic"
	"time"
)

// latency counts durations in buckets an eighth apart, so that any number of them takes no more memory.
type latency struct {
	buckets [64 * 8]atomic.Int64
	total   atomic.Int64
}

func (l *latency) add(d time.Duration) {
	l.buckets[bucket(uint64(max(d, 1)))].Add(1)
	l.total.Add(1)
}

// bucket is eight for each power of two.
func bucket(n uint64) int {
	power := bits.Len64(n) - 1
	return power*8 + int((n<<(63-power))>>60&7)
}

// quantile returns the upper end of the bucket in which the fraction q is reached.
func (l *latency) quantile(q float64) time.Duration {
	left := int64(q * float64(l.total.Load()))
	for i := range l.buckets {
		if left -= l.buckets[i].Load(); left < 0 {
			power := i / 8
			return time.Duration(float64(uint64(1)<<power) * float64(9+i%8) / 8)
		}
	}
	return 0
}

// Beside measures a call that is made a thousand times a second, in turns of half a second beside something slow and
// not: so both meet the same load and the same other programs of the machine.
type Beside struct {
	slow  atomic.Bool
	calls atomic.Int64 // of Slow that took their time
	by    [2]latency
}

// Slow is what is to be slow, such as a listener: in every other turn it takes d.
func (b *Beside) Slow(d time.Duration) {
	if b.slow.Load() {
		b.calls.Add(1)
		time.Sleep(d)
	}
}

// Run measures call until stopping is closed.
func (b *Beside) Run(stopping <-chan struct{}, call func()) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	defer b.slow.Store(false)
	turn := time.Now()
	for {
		select {
		case <-stopping:
			return
		case <-tick.C:
		}
		start := time.Now()
		if start.Sub(turn) > 500*time.Millisecond {
			turn = start
			b.slow.Store(!b.slow.Load())
		}
		of := &b.by[0]
		if b.slow.Load() {
			of = &b.by[1]
		}
		call()
		of.add(time.Since(start))
	}
}

// Ratio returns the quantile q of the calls beside something slow, and that divided by the one of the others.
func (b *Beside) Ratio(q float64) (ratio float64, slow time.Duration) {
	slow = b.by[1].quantile(q)
	return float64(slow) / float64(max(1, b.by[0].quantile(q))), slow
}

func (b *Beside) String() string {
	of := func(l *latency) string {
		return fmt.Sprintf("p50 %v p99 %v p99.9 %v of %d", l.quantile(0.5), l.quantile(0.99), l.quantile(0.999), l.total.Load())
	}
	ratio, _ := b.Ratio(0.99)
	return fmt.Sprintf("beside nothing slow %s; beside %d slow calls %s; p99 ratio %.2f",
		of(&b.by[0]), b.calls.Load(), of(&b.by[1]), ratio)
}
