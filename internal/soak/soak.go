// Package soak holds what the soak tests of the examples share: a crowd of clients that comes and goes until it is told
// to stop, a request and the answer it must have, what must be left at rest, and how long a call takes beside something
// slow. A test that uses it has its own clients, faults and checks, which is where its reader wants to find them.
package soak

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Variable is the environment variable that says for how long to soak.
const Variable = "WEIR_SOAK_TIME"

// Duration returns how long to soak. Without the variable the test is skipped.
func Duration(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv(Variable)
	if text == "" {
		t.Skipf("%s is not set: it says for how long to run, such as 12m", Variable)
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("%s: %v", Variable, err)
	}
	return d
}

// Phases divides d into times of load, with a quiet moment after each: at least three, so that there is something to
// compare with, and one a minute in a long run.
func Phases(d time.Duration) (n int, each time.Duration) {
	n = max(3, int(d/time.Minute))
	return n, d / time.Duration(n)
}

// Crowd is a number of clients that each do one thing after another until Stop.
type Crowd struct {
	stopping chan struct{}
	all      sync.WaitGroup
}

// NewCrowd starts n clients. Each calls once again and again, with a source of chance of its own; what waits in it for
// no good reason but to wait, waits for stopping as well. It is not interrupted otherwise: who asked gets an answer.
func NewCrowd(n int, once func(chance *rand.Rand, stopping <-chan struct{})) *Crowd {
	c := &Crowd{stopping: make(chan struct{})}
	for range n {
		c.all.Go(func() {
			chance := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
			for {
				select {
				case <-c.stopping:
					return
				default:
					once(chance, c.stopping)
				}
			}
		})
	}
	return c
}

// Stop returns when the last client has ended what it was doing.
func (c *Crowd) Stop() {
	close(c.stopping)
	c.all.Wait()
}

// Pause waits for d, or until stopping is closed.
func Pause(d time.Duration, stopping <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-stopping:
	}
}

// Ask makes a request and reads the answer, which must have the status want.
func Ask(client *http.Client, method, url, body string, want int) error {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err // names the method and the url
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != want {
		return fmt.Errorf("%s %s %s: %s, %v, want %d", method, url, body, resp.Status, err, want)
	}
	return nil
}

// Up returns a time of up to limit.
func Up(chance *rand.Rand, limit time.Duration) time.Duration {
	return time.Duration(chance.Int64N(int64(limit)))
}

// Counts is how often what happened. It is for the log, so what happened is text.
type Counts struct {
	mu     sync.Mutex
	counts map[string]int // guarded by mu
}

// Add counts what once more.
func (c *Counts) Add(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = make(map[string]int)
	}
	c.counts[what]++
}

// Of returns how often what has happened.
func (c *Counts) Of(what string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts[what]
}

// String lists all, by name.
func (c *Counts) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.TrimSuffix(strings.TrimPrefix(fmt.Sprint(c.counts), "map["), "]")
}

// Faults are what a soak has found wrong. A run makes millions of requests, so only the first few are kept.
type Faults struct {
	t     *testing.T
	found atomic.Int64
}

// NewFaults returns what reports to t.
func NewFaults(t *testing.T) *Faults { return &Faults{t: t} }

// Add reports something wrong.
func (f *Faults) Add(format string, args ...any) {
	if f.found.Add(1) <= 20 {
		f.t.Errorf(format, args...)
	}
}

// Found returns how many things were wrong.
func (f *Faults) Found() int64 { return f.found.Load() }

// Rest is what there is when nobody asks for anything.
type Rest struct {
	Goroutines int
	Elements   int    // of the container
	Heap       uint64 // bytes that are reachable
	Objects    uint64
}

func (r Rest) String() string {
	return fmt.Sprintf("%d goroutines, %d elements, %d KiB in %d objects", r.Goroutines, r.Elements, r.Heap>>10, r.Objects)
}

// patience is how long what ends by itself may take to. It is used up only when something is wrong.
const patience = 30 * time.Second

// Await returns what there is at rest, as soon as it is no more than goroutines and elements; or after a while, with
// what is there instead as an error.
func Await(goroutines, elements int, count func() int) (r Rest, err error) {
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		r.Goroutines, r.Elements = runtime.NumGoroutine(), count()
		if r.Goroutines <= goroutines && r.Elements <= elements {
			break
		}
		if time.Now().After(end) {
			var stacks strings.Builder
			pprof.Lookup("goroutine").WriteTo(&stacks, 1)
			err = fmt.Errorf("at rest there are %d goroutines and %d elements, want %d and %d\n%s",
				r.Goroutines, r.Elements, goroutines, elements, stacks.String())
			break
		}
	}
	runtime.GC() // finalizers and the victims of pools take another
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	r.Heap, r.Objects = m.HeapAlloc, m.HeapObjects
	return r, err
}
