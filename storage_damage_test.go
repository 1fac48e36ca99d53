package weir

// This file holds what becomes of a persisted state whose file is damaged, foreign or out of
// reach: observers are told what and whose, the build is an ordinary one, and no value is
// ever wrong.

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type damageNotifier struct{ Notifier[string] }

func (*damageNotifier) Build(Ref) string { return "built" }

type damageAsync struct{ AsyncNotifier[string] }

func (n *damageAsync) Build(context.Context, Ref) (string, error) {
	if v, ok := n.State().Value(); ok {
		return v, nil
	}
	return "built", nil
}

// damageStart is one start of a program: it reads the state named "settings", kept in s under
// "key", writes each of sets and waits until that is saved. It returns what it read first, the
// error of the last save, and what observers were told.
type damageStart func(t *testing.T, s Storage, sets ...string) (first string, told []StorageFailedEvent, saved error)

// damageKinds are the kinds that are restored differently.
var damageKinds = map[string]func(opts ...PersistOption) damageStart{
	"Notifier": func(opts ...PersistOption) damageStart {
		return func(t *testing.T, s Storage, sets ...string) (string, []StorageFailedEvent, error) {
			p := NewNotifierProvider(func() *damageNotifier { return new(damageNotifier) }, Name("settings"), Persist(s, "key", JSON[string]{}, opts...))
			return damageRun(t, p, func(c *Container) (string, error) { return Read(c, p), nil }, func(c *Container, v string) { p.Notifier(c).Set(v) }, sets)
		}
	},
	"AsyncNotifier": func(opts ...PersistOption) damageStart {
		return func(t *testing.T, s Storage, sets ...string) (string, []StorageFailedEvent, error) {
			p := NewAsyncNotifierProvider(func() *damageAsync { return new(damageAsync) }, Name("settings"), Persist(s, "key", JSON[string]{}, opts...))
			return damageRun(t, p, func(c *Container) (string, error) { return Resolve(t.Context(), c, p) }, func(c *Container, v string) { p.Notifier(c).SetData(v) }, sets)
		}
	},
}

func damageRun(t *testing.T, p AnyProvider, read func(*Container) (string, error), set func(*Container, string), sets []string) (first string, told []StorageFailedEvent, saved error) {
	t.Helper()
	var mu sync.Mutex
	c := NewContainer(WithObserver(&Observer{StorageFailed: func(ev StorageFailedEvent) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, ev)
	}}), WithPanicHandler(func(err *PanicError) { t.Error(err) }))
	first, err := read(c)
	require.NoError(t, err)
	saved = Persisted(t.Context(), c, p)
	for _, v := range sets {
		set(c, v)
		saved = Persisted(t.Context(), c, p)
	}
	require.NoError(t, c.Shutdown(t.Context()))
	return first, told, saved
}

// eachDamageKind runs the test for each kind, with a disk on which "stored" is stored.
func eachDamageKind(t *testing.T, body func(t *testing.T, run damageStart, d *crashDisk, s *FileStorage), opts ...PersistOption) {
	for name, kind := range damageKinds {
		t.Run(name, func(t *testing.T) {
			d, run := newCrashDisk(), kind(opts...)
			s := d.opened(t)
			_, told, err := run(t, s, "stored")
			require.NoError(t, err)
			require.Empty(t, told)
			first, told, _ := run(t, s)
			require.Empty(t, told)
			require.Equal(t, "stored", first)
			body(t, run, d, s)
		})
	}
}

func TestStorageEveryDamageOfARecordIsToldAndTheBuildIsOrdinary(t *testing.T) {
	// Planted bugs: no checksum; a checksum of the data without the head; no length; numbers of
	// the envelope that are read generously.
	eachDamageKind(t, func(t *testing.T, run damageStart, d *crashDisk, s *FileStorage) {
		path := s.path("key")
		good := bytes.Clone(d.now(path).data)
		damages := map[string][]byte{
			"one byte more":             append(bytes.Clone(good), '\n'),
			"twice":                     slices.Repeat(good, 2),
			"zeros":                     make([]byte, len(good)),
			"a hole":                    append(make([]byte, 20), good[20:]...),
			"JSON":                      []byte(`"stored"`),
			"another program's":         []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"),
			"a later version's":         bytes.Replace(good, []byte("state/1"), []byte("state/2"), 1),
			"the state of another key":  (&persistence[string]{key: "other"}).seal([]byte(`"foreign"`)),
			"the state of another type": (&persistence[string]{key: "key"}).seal([]byte(`42`)),
			"a record of nothing":       (&persistence[string]{key: "key"}).seal(nil),
			"capital digits":            capitalSum(good),
			"1 MiB":                     bytes.Repeat([]byte("weir-state/1 "), 1<<20/13),
		}
		for n := range good {
			damages[fmt.Sprintf("cut at %d", n)] = good[:n]
			for bit := range 8 {
				flipped := bytes.Clone(good)
				flipped[n] ^= 1 << bit
				damages[fmt.Sprintf("bit %d of byte %d", bit, n)] = flipped
			}
		}
		for name, data := range damages {
			if bytes.Equal(data, good) {
				continue // a checksum without letters
			}
			n := &crashNode{mode: 0o600, data: data}
			d.set(path, n)
			first, told, err := run(t, s)
			require.NoError(t, err, name)
			require.Equal(t, "built", first, name)
			require.Len(t, told, 1, name)
			require.Equal(t, "settings", told[0].Name, name)
			require.Equal(t, "key", told[0].Key, name)
			require.Equal(t, "decode", told[0].Op, name)
			require.ErrorContains(t, told[0].Err, `weir: what is stored under "key" `, name)

			aside, err := s.Read(t.Context(), "key.damaged")
			require.NoError(t, err, name)
			require.True(t, bytes.Equal(data, aside), "%s: what is damaged is kept for whoever can mend it", name)
			first, told, _ = run(t, s)
			require.Equal(t, "built", first, name)
			require.Empty(t, told, name)
		}
		require.Greater(t, len(damages), 9*len(good))
	})
}

// capitalSum is record with another spelling of its checksum.
func capitalSum(record []byte) []byte {
	at := len(recordMagic) + 1
	return append(append(bytes.Clone(record[:at]), bytes.ToUpper(record[at:at+8])...), record[at+8:]...)
}

func TestStorageWhatCannotBeReadIsToldAndLeftAlone(t *testing.T) {
	// It may be the state of a disk that is not mounted: what the first build returns must not
	// take its place, what is written by hand does. Planted bug: no look at the size and the mode.
	for name, c := range map[string]struct {
		put   func(d *crashDisk, path string)
		err   string
		write string // the error of a write by hand; "" if it works
	}{
		"huge":      {func(d *crashDisk, path string) { d.set(path, &crashNode{mode: 0o600, size: maxSize + 1}) }, "268435457 bytes are too many for", ""},
		"a pipe":    {func(d *crashDisk, path string) { d.set(path, &crashNode{mode: fs.ModeNamedPipe | 0o600}) }, "is not a file: p", ""},
		"directory": {func(d *crashDisk, path string) { d.set(path, &crashNode{mode: fs.ModeDir | 0o700}) }, "is not a file: d", fs.ErrExist.Error()},
		"no permission": {func(d *crashDisk, path string) {
			d.fail = func(_ int, op string) error {
				if op == "read" {
					return syscall.EACCES
				}
				return nil
			}
		}, syscall.EACCES.Error(), ""},
		"a bad sector": {func(d *crashDisk, path string) {
			d.fail = func(_ int, op string) error {
				if op == "read" {
					return syscall.EIO
				}
				return nil
			}
		}, syscall.EIO.Error(), ""},
	} {
		t.Run(name, func(t *testing.T) {
			eachDamageKind(t, func(t *testing.T, run damageStart, d *crashDisk, s *FileStorage) {
				path := s.path("key")
				c.put(d, path)
				node := d.now(path)
				for range 2 {
					first, told, err := run(t, s)
					require.NoError(t, err)
					require.Equal(t, "built", first)
					require.Len(t, told, 1)
					require.Equal(t, []string{"settings", "key", "read"}, []string{told[0].Name, told[0].Key, told[0].Op})
					require.ErrorContains(t, told[0].Err, c.err)
					require.ErrorContains(t, told[0].Err, path)
					require.Same(t, node, d.now(path))
				}
				first, told, err := run(t, s, "by hand")
				require.Equal(t, "built", first)
				if c.write != "" {
					require.ErrorContains(t, err, c.write)
					require.ErrorContains(t, told[1].Err, c.write)
					require.Equal(t, []string{"settings", "key", "write"}, []string{told[1].Name, told[1].Key, told[1].Op})
					require.Empty(t, d.strays())
					return
				}
				require.NoError(t, err)
				require.Len(t, told, 1)
				d.fail = nil
				first, told, _ = run(t, s)
				require.Equal(t, "by hand", first)
				require.Empty(t, told)
			})
		})
	}
}

func TestStorageADirectoryOrAHugeFileInThePlaceOfAState(t *testing.T) {
	// As above, on the file system that the tests run on.
	for name, put := range map[string]func(path string) error{
		"directory": func(path string) error { return os.MkdirAll(filepath.Join(path, "in it"), 0o700) },
		"huge": func(path string) error {
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				return err
			}
			return os.Truncate(path, maxSize+1)
		},
		"no permission": func(path string) error { return os.WriteFile(path, []byte("secret"), 0) },
	} {
		for of, kind := range damageKinds {
			t.Run(name+"/"+of, func(t *testing.T) {
				s, err := NewFileStorage(t.TempDir())
				require.NoError(t, err)
				require.NoError(t, put(s.path("key")))
				first, told, err := kind()(t, s)
				require.NoError(t, err)
				require.Equal(t, "built", first)
				require.Len(t, told, 1)
				require.Equal(t, []string{"settings", "key"}, []string{told[0].Name, told[0].Key})
				if name == "no permission" && os.Geteuid() <= 0 { // of root and of Windows
					require.Equal(t, "decode", told[0].Op)
					return
				}
				require.Equal(t, "read", told[0].Op)
				require.ErrorContains(t, told[0].Err, s.path("key"))
			})
		}
	}
}

func TestStorageAnExpiredStateIsForgottenWithoutAnError(t *testing.T) {
	// Expiry and a destroy key are no failures: only a deletion that does not work is told.
	for name, record := range map[string][]byte{
		"expired":             bytes.Clone((&persistence[string]{key: "key", keeping: keeping{expiry: 1}}).seal([]byte(`"old"`))),
		"another destroy key": bytes.Clone((&persistence[string]{key: "key", keeping: keeping{destroy: "v0"}}).seal([]byte(`"old"`))),
	} {
		t.Run(name, func(t *testing.T) {
			eachDamageKind(t, func(t *testing.T, run damageStart, d *crashDisk, s *FileStorage) {
				path := s.path("key")
				d.set(path, &crashNode{mode: 0o600, data: record})
				d.fail = func(_ int, op string) error {
					if op == "remove" {
						return syscall.EROFS
					}
					return nil
				}
				first, told, _ := run(t, s)
				require.Equal(t, "built", first)
				require.Len(t, told, 1)
				require.Equal(t, []string{"settings", "key", "delete"}, []string{told[0].Name, told[0].Key, told[0].Op})
				require.ErrorIs(t, told[0].Err, syscall.EROFS)

				d.set(path, &crashNode{mode: 0o600, data: record})
				d.fail = nil
				first, told, _ = run(t, s)
				require.Equal(t, "built", first)
				require.Empty(t, told)
				first, _, _ = run(t, s)
				require.Equal(t, "built", first)
			})
		})
	}
}

func TestStorageAnExpiryOfCenturiesDoesNotWrapRound(t *testing.T) {
	// Planted bug: time.Now().Add(expiry).UnixNano(), which is in the past after the year 2262.
	for _, expiry := range []time.Duration{math.MaxInt64, 240 * 365 * 24 * time.Hour, time.Hour} {
		eachDamageKind(t, func(*testing.T, damageStart, *crashDisk, *FileStorage) {}, Expiry(expiry))
	}
}

func TestStorageAProviderOnAFailingDiskGoesOn(t *testing.T) {
	// Each step of a save fails once: the observer is told, and the next save has it all, of another
	// state or of the one before. Planted bug: after a failure what was stored before is taken to be
	// there still.
	eachDamageKind(t, func(t *testing.T, run damageStart, d *crashDisk, s *FileStorage) {
		last := "stored"
		for _, fault := range crashFaults {
			for at := range 2 * 6 { // the steps of a write, twice
				from := len(d.steps) + 2 // behind those of the read
				d.fail = func(step int, _ string) error {
					if step == from+at/2 {
						return fault
					}
					return nil
				}
				next := last
				if at%2 == 0 {
					next = fmt.Sprint(fault, at)
				}
				first, told, err := run(t, s, "fails", next)
				require.Equal(t, last, first)
				require.NoError(t, err)
				require.Len(t, told, 1)
				require.Equal(t, []string{"settings", "key", "write"}, []string{told[0].Name, told[0].Key, told[0].Op})
				require.ErrorIs(t, told[0].Err, fault)
				require.Empty(t, d.strays())
				last = next
			}
		}
		first, _, _ := run(t, s)
		require.Equal(t, last, first)
	})
}

func TestStorageAProviderAfterACrashHasOneOfItsStates(t *testing.T) {
	// What TestStorageACrashLeavesTheOldValueOrTheNew shows, with real records and what reads them:
	// nothing is ever told, for nothing is ever damaged. Planted bug: a write in place.
	eachDamageKind(t, func(t *testing.T, run damageStart, d *crashDisk, s *FileStorage) {
		seen := map[string]int{}
		d.at = func(op string) {
			d.survivors(20, func(left *crashDisk) {
				first, told, _ := run(t, left.opened(t))
				require.Empty(t, told, op)
				require.Contains(t, []string{"stored", "new"}, first, op)
				seen[first]++
			})
		}
		_, _, err := run(t, s, "new")
		require.NoError(t, err)
		d.survivors(20, func(left *crashDisk) {
			first, told, _ := run(t, left.opened(t))
			require.Empty(t, told)
			require.Equal(t, "new", first)
		})
		require.Positive(t, seen["stored"])
		require.Positive(t, seen["new"])
	})
}
