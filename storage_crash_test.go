package weir

// This file holds what a FileStorage promises when the machine or the process stops: at any
// step and any byte, whatever of the rest survives, the next start reads the old value or
// the new one, and what was acknowledged.

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// crashWitness follows what a storage was asked for, and knows what may be read.
type crashWitness struct {
	may   map[string][]string // by key: the value that is acknowledged, then those that may have taken its place
	seen  map[string]bool     // what was read after crashes
	count int
}

func newCrashWitness() *crashWitness {
	return &crashWitness{may: map[string][]string{}, seen: map[string]bool{}}
}

// do writes value for key, or deletes it if that is "-".
func (w *crashWitness) do(s *FileStorage, key, value string) (err error) {
	if len(w.may[key]) == 0 {
		w.may[key] = []string{"-"}
	}
	w.may[key] = append(w.may[key], value)
	if value == "-" {
		err = s.Delete(context.Background(), key)
	} else {
		err = s.Write(context.Background(), key, []byte(value))
	}
	if err == nil {
		w.may[key] = []string{value}
	}
	return err
}

// check crashes d now, in each way, and reads.
func (w *crashWitness) check(t *testing.T, d *crashDisk, when string) {
	t.Helper()
	w.count += d.survivors(500, func(left *crashDisk) {
		s, _ := w.restart(t, left, when)
		for key := range w.may {
			require.NoError(t, s.Write(context.Background(), key, []byte("next")), when)
		}
		left.survivors(2, func(left *crashDisk) {
			s := left.opened(t)
			for key := range w.may {
				require.Equal(t, "next", kept(t, s, key), when)
			}
		})
	})
	// Of a process that is killed all is there that it did, but what the next one reads there
	// must not be lost with the machine afterwards.
	left := d.killed()
	_, read := w.restart(t, left, when+", killed")
	w.count += left.survivors(500, func(left *crashDisk) {
		s := left.opened(t)
		for key := range w.may {
			if now := kept(t, s, key); now != read[key] {
				require.Equal(t, read[key], now, "%s: %q was read, then the machine stopped", when, key)
			}
		}
	})
}

// restart opens what is left and reads it.
func (w *crashWitness) restart(t *testing.T, left *crashDisk, when string) (s *FileStorage, read map[string]string) {
	t.Helper()
	s, read = left.opened(t), map[string]string{}
	require.Empty(t, left.strays(), when)
	for key, may := range w.may {
		read[key] = kept(t, s, key)
		if !slices.Contains(may, read[key]) {
			require.Contains(t, may, read[key], "%s: %q", when, key)
		}
		w.seen[key+"="+read[key]] = true
	}
	return s, read
}

func TestStorageACrashLeavesTheOldValueOrTheNew(t *testing.T) {
	// Planted bugs: no sync of the file, of the directory after a rename, after a remove, at
	// the start, of the parents; rename before sync; a write in place; no removal of strays.
	for name, script := range map[string][][2]string{
		"the first write":    {{"a", "old"}},
		"a second write":     {{"a", "old"}, {"a", "newer"}},
		"a shorter one":      {{"a", "longer"}, {"a", "n"}},
		"an empty one":       {{"a", "old"}, {"a", ""}},
		"a delete":           {{"a", "old"}, {"a", "-"}},
		"a delete of none":   {{"a", "-"}},
		"there and back":     {{"a", "old"}, {"a", "-"}, {"a", "old"}},
		"two keys":           {{"a", "old"}, {"A", "two"}, {"a", "new"}, {"A", "-"}, {"a", "x"}},
		"a long name's":      {{string(make([]byte, 500)), "old"}, {string(make([]byte, 500)), "new"}},
		"a value as before":  {{"a", "old"}, {"a", "old"}},
		"much, byte by byte": {{"a", fmt.Sprintf("%040d", 1)}, {"a", fmt.Sprintf("%030d", 2)}},
	} {
		t.Run(name, func(t *testing.T) {
			d, w := newCrashDisk(), newCrashWitness()
			when := ""
			d.at = func(op string) { w.check(t, d, when+": "+op) }
			s := d.opened(t)
			for _, step := range script {
				when = fmt.Sprint(step)
				require.NoError(t, w.do(s, step[0], step[1]))
				kept(t, s, step[0]) // a read is a step as well
			}
			w.check(t, d, "at the end")
			for _, step := range script {
				require.True(t, w.seen[step[0]+"="+step[1]], "%v was never read: nothing is tested", step)
			}
			t.Logf("%d restarts, %d steps", w.count, len(d.steps))
		})
	}
}

func TestStorageACrashDuringTheRestartAfterACrash(t *testing.T) {
	// The start removes and syncs: it must be safe to stop at each of its steps.
	d, w := newCrashDisk(), newCrashWitness()
	s := d.opened(t)
	require.NoError(t, w.do(s, "a", "old"))
	second := 0
	d.at = func(op string) {
		d.survivors(100, func(left *crashDisk) {
			left.at = func(op string) {
				at := left.at
				left.at = nil
				w.check(t, left, "restart: "+op)
				second++
				left.at = at
			}
			left.opened(t)
		})
	}
	require.NoError(t, w.do(s, "a", "new"))
	require.Greater(t, second, 100)
}

func TestStorageRandomScriptsOfWritesCrashAndFail(t *testing.T) {
	rounds := 60
	if testing.Short() {
		rounds = 10
	}
	for seed := range uint64(rounds) {
		random := rand.New(rand.NewPCG(seed, 1))
		d, w := newCrashDisk(), newCrashWitness()
		s := d.opened(t)
		failed := 0
		for i := range 6 {
			d.fail = func(_ int, op string) error {
				if random.IntN(8) == 0 {
					failed++
					return crashFaults[random.IntN(len(crashFaults))]
				}
				return nil
			}
			d.short = func(_ int, data []byte) int { return random.IntN(len(data) + 1) }
			value := "-"
			if random.IntN(4) > 0 {
				value = fmt.Sprintf("%0*d", random.IntN(5), i)
			}
			d.at = func(op string) {
				if random.IntN(4) == 0 {
					w.check(t, d, fmt.Sprintf("seed %d, change %d: %s", seed, i, op))
				}
			}
			before := failed
			err := w.do(s, []string{"a", "b"}[random.IntN(2)], value)
			if failed == before {
				require.NoError(t, err)
			}
		}
		d.at, d.fail = nil, nil
		w.check(t, d, fmt.Sprintf("seed %d, at the end", seed))
	}
}

func TestStorageTwoProcessesWriteOneKey(t *testing.T) {
	// At each step of one write all of another process's, or its start, happens. Planted bug: a
	// temporary file named after the key alone; a start that removes temporary files in use.
	for name, other := range map[string]func(t *testing.T, d *crashDisk){
		"a write": func(t *testing.T, d *crashDisk) {
			require.NoError(t, d.opened(t).Write(t.Context(), "a", []byte("theirs, longer")))
		},
		"a delete": func(t *testing.T, d *crashDisk) { require.NoError(t, d.opened(t).Delete(t.Context(), "a")) },
	} {
		t.Run(name, func(t *testing.T) {
			for at := 0; ; at++ {
				d, w := newCrashDisk(), newCrashWitness()
				s := d.opened(t)
				require.NoError(t, w.do(s, "a", "old"))
				moment := 0
				d.at = func(op string) {
					if moment++; moment-1 == at {
						d.at = nil
						d.mu.Unlock() // the disk is theirs meanwhile
						other(t, d)
						d.mu.Lock()
					}
				}
				require.NoError(t, s.Write(t.Context(), "a", []byte("ours")))
				if moment <= at {
					require.Greater(t, at, 8)
					break
				}
				w.may["a"] = []string{"ours", "theirs, longer", "-"}
				w.check(t, d, fmt.Sprintf("moment %d", at))
				require.Empty(t, d.strays())
			}
		})
	}
}

func TestStorageTwoProcessesStartAtOnce(t *testing.T) {
	// At each step of one start all of another's happens. Planted bug: a directory that is there
	// already is an error of mkdir.
	for at := 0; ; at++ {
		d, w, moment := newCrashDisk(), newCrashWitness(), 0
		d.at = func(string) {
			if moment++; moment-1 == at {
				d.at = nil
				d.mu.Unlock()
				d.opened(t)
				d.mu.Lock()
			}
		}
		s := d.opened(t)
		if moment <= at {
			require.Equal(t, 8, at, "the steps of a start")
			break
		}
		require.NoError(t, w.do(s, "a", "ours"))
		w.check(t, d, fmt.Sprintf("moment %d", at))
	}
}
