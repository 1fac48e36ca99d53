package trust_test

// This file owns how many programs are run, which, and for how long.

import (
	"cmp"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// hang is how long a program, of milliseconds, may take.
const hang = 2 * time.Minute

// figures are what has been done.
type figures struct {
	programs, ops, events, full, undecided atomic.Int64
}

// attempt runs p once and checks its history.
func attempt(t *testing.T, p *program, h *history, f *figures) (faults []string) {
	watchdog := time.AfterFunc(hang, func() { panic(fmt.Sprintf("hangs:\n%v\n%s", p, stacks())) })
	defer watchdog.Stop()
	defer func() {
		if r := recover(); r != nil { // a deadlock in a bubble
			panic(fmt.Sprintf("%v:\n%v", r, p))
		}
	}()
	if p.bubble {
		synctest.Test(t, func(*testing.T) { faults = p.run(h) })
	} else {
		faults = p.run(h)
	}
	f.programs.Add(1)
	f.ops.Add(h.ops.Load())
	f.events.Add(h.n.Load())
	if h.full() {
		f.full.Add(1)
		return faults
	}
	fault, undecided := linear(p.graph, h)
	if fault != "" {
		faults = append(faults, fault)
	}
	if undecided {
		f.undecided.Add(1)
	}
	return append(faults, delivered(p.graph, h)...)
}

func stacks() string {
	buf := make([]byte, 1<<20)
	return string(buf[:runtime.Stack(buf, true)])
}

// env is a number from the environment, or else usual.
func env(t *testing.T, name string, usual uint64) (v uint64, set bool) {
	s := os.Getenv(name)
	v, err := strconv.ParseUint(cmp.Or(s, strconv.FormatUint(usual, 10)), 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return v, s != ""
}

// lanes is how many programs run at a time: most of its time one waits for delays and retries.
const lanes = 6

// TestTrust runs programs. WEIR_TRUST_TIME says for how long, WEIR_TRUST_SEEDS how many at most, WEIR_TRUST_SEED which is the first: alone
// it is the only one, and run again and again.
func TestTrust(t *testing.T) {
	usual := "3s"
	if testing.Short() {
		usual = "1s"
	}
	limit, err := time.ParseDuration(cmp.Or(os.Getenv("WEIR_TRUST_TIME"), usual))
	if err != nil {
		t.Fatal(err)
	}
	seed, given := env(t, "WEIR_TRUST_SEED", uint64(time.Now().UnixNano()))
	seeds, many := env(t, "WEIR_TRUST_SEEDS", 1<<62)
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // what is there is little, what comes and goes is much
	base, began, f := runtime.NumGoroutine(), time.Now(), &figures{}
	var next atomic.Uint64
	var stop atomic.Bool
	t.Run("lanes", func(t *testing.T) {
		for lane := range lanes {
			t.Run(strconv.Itoa(lane), func(t *testing.T) {
				t.Parallel()
				h, said := newHistory(), time.Now()
				for !stop.Load() && time.Since(began) < limit {
					n := next.Add(1) - 1
					if n >= seeds {
						break
					}
					if given && !many {
						n = 0
					}
					p := newProgram(seed + n)
					if faults := attempt(t, p, h, f); len(faults) > 0 && !stop.Swap(true) {
						t.Fatal(report(t, p, h, faults))
					}
					if lane == 0 && time.Since(said) > time.Minute {
						said = time.Now()
						fmt.Printf("%v, seed %d\n", f.since(began), p.seed)
					}
				}
			})
		}
	})
	t.Logf("%v", f.since(began))
	for end := time.Now().Add(hang); !t.Failed() && runtime.NumGoroutine() > base; runtime.Gosched() { // the last are on their way out (G6)
		if time.Now().After(end) {
			t.Fatalf("G6: goroutines are left\n%s", stacks())
		}
	}
}

func (f *figures) since(t time.Time) string {
	d := time.Since(t)
	return fmt.Sprintf("%d programs, %d operations, %d events in %v: %.0f operations a second; %d too long to check, %d undecided",
		f.programs.Load(), f.ops.Load(), f.events.Load(), d.Round(time.Second), float64(f.ops.Load())/d.Seconds(), f.full.Load(), f.undecided.Load())
}
