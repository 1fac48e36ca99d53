package weir

// This file holds what becomes of a FileStorage whose steps fail, each at a time and in
// pairs: the error is returned, nothing is lost and nothing stays behind, and what comes
// next works.

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var crashFaults = []error{syscall.ENOSPC, syscall.EIO, syscall.EDQUOT, io.ErrShortWrite}

// faulty calls fn with a disk that has "old" for the key "a", and whose steps at and at+gap
// (if that is not 0) fail with fault, for each at until none is reached. fn returns what
// the calls under test say; hit is what failed.
func faulty(t *testing.T, fault error, gap int, call func(d *crashDisk, s *FileStorage) error, then func(d *crashDisk, s *FileStorage, hit []string, err error)) (runs int) {
	t.Helper()
	for at := 0; ; at++ {
		d := newCrashDisk()
		s := d.opened(t)
		require.NoError(t, s.Write(t.Context(), "a", []byte("old")))
		from := len(d.steps)
		var hit []string
		d.fail = func(step int, op string) error {
			if step == from+at || gap > 0 && step == from+at+gap {
				hit = append(hit, op)
				return fault
			}
			return nil
		}
		err := call(d, s)
		d.fail = nil
		if len(hit) == 0 {
			require.NoError(t, err)
			return at
		}
		then(d, s, hit, err)
	}
}

func TestStorageAWriteThatFailsLosesNothing(t *testing.T) {
	// Planted bugs: the error of the write, of the sync, of the close, of the directory's sync
	// dropped; no removal of the temporary file; the old file removed before the rename.
	write := func(_ *crashDisk, s *FileStorage) error { return s.Write(t.Context(), "a", []byte("new one")) }
	reached := map[string]bool{}
	for _, fault := range crashFaults {
		for gap := range 4 {
			for _, short := range []int{0, 1, 3, 7} {
				faulty(t, fault, gap, func(d *crashDisk, s *FileStorage) error {
					d.short = func(int, []byte) int { return short }
					return write(d, s)
				}, func(d *crashDisk, s *FileStorage, hit []string, err error) {
					name := fmt.Sprint(fault, hit, short)
					reached[hit[0]] = true
					require.ErrorIs(t, err, fault, name)
					want := []string{"old"}
					if hit[0] == "syncdir" {
						want = []string{"old", "new one"} // it may be there, but not for certain
						require.Equal(t, "new one", kept(t, s, "a"), name)
					} else {
						require.Equal(t, "old", kept(t, s, "a"), name)
					}
					if len(hit) == 1 {
						require.Empty(t, d.strays(), name)
					}
					w := newCrashWitness()
					w.may["a"] = want
					w.check(t, d, name) // which ends all that was left behind
					require.NoError(t, s.Write(t.Context(), "a", []byte("next")), name)
					w.may["a"] = []string{"next"}
					w.check(t, d, name+", then a write")
				})
			}
		}
	}
	for _, op := range []string{"create", "write", "sync", "close", "rename", "syncdir"} {
		require.True(t, reached[op], op)
	}
}

func TestStorageAFileThatCannotBeRemovedIsRemovedByALaterStart(t *testing.T) {
	left := 0
	faulty(t, syscall.EIO, 2, func(_ *crashDisk, s *FileStorage) error { return s.Write(t.Context(), "a", []byte("new")) },
		func(d *crashDisk, s *FileStorage, hit []string, _ error) {
			if hit[len(hit)-1] != "remove" {
				return
			}
			left++
			require.Len(t, d.strays(), 1)
			d.opened(t)
			require.Len(t, d.strays(), 1, "it may be in use")
			d = d.killed() // an hour ago
			d.fail = func(_ int, op string) error {
				if op == "remove" {
					return syscall.EIO
				}
				return nil
			}
			d.opened(t) // it is no reason not to start
			require.Len(t, d.strays(), 1)
			d.fail = nil
			d.opened(t)
			require.Empty(t, d.strays())
		})
	require.Equal(t, 2, left, "the sync, or the rename, failed, and then the removal")
}

func TestStorageAStartLeavesAloneWhatIsNotItsOwn(t *testing.T) {
	d := newCrashDisk()
	d.opened(t)
	old := crashNode{mode: 0o600} // of the year 1
	foreign := []string{".weir-notes", ".weir-1.tmp.bak", "weir-1.tmp", "x.weir", ".tmp", ".weir-dir.tmp"}
	for _, name := range foreign {
		n := old
		if name == ".weir-dir.tmp" {
			n.mode = fs.ModeDir
		}
		d.set(crashDir+sep+""+name, &n)
	}
	d.set(crashDir+sep+".weir-1.tmp", &old)
	d.set(crashDir+sep+".weir-2.tmp", &crashNode{mode: 0o600, mod: time.Now().Add(time.Minute)})
	d.set(crashDir+sep+".weir-3.tmp", &crashNode{mode: 0o600, mod: time.Now().Add(1000 * time.Hour)}) // of a clock that was wrong
	d.opened(t)
	require.Equal(t, []string{crashDir + sep + ".weir-1.tmp.bak", crashDir + sep + ".weir-2.tmp", crashDir + sep + ".weir-dir.tmp", crashDir + sep + ".weir-notes"}, d.strays())
	for _, name := range foreign {
		require.NotNil(t, d.now(crashDir+sep+""+name), name)
	}
}

func TestStorageADirectoryThatCannotBeSyncedIsNoError(t *testing.T) {
	// Some file systems call it invalid. Planted bug: to look for fs.ErrInvalid, which EINVAL is not.
	if _, err := os.Stat("/proc/self"); runtime.GOOS != "linux" || err != nil {
		t.Skip("there is no /proc")
	}
	require.NoError(t, osDisk{}.sync("/proc"))
	require.ErrorIs(t, osDisk{}.sync("/proc/none"), fs.ErrNotExist)
}

func TestStorageADeleteThatFailsMayBeTriedAgain(t *testing.T) {
	for _, fault := range crashFaults {
		runs := faulty(t, fault, 0, func(_ *crashDisk, s *FileStorage) error { return s.Delete(t.Context(), "a") },
			func(d *crashDisk, s *FileStorage, hit []string, err error) {
				require.ErrorIs(t, err, fault)
				w := newCrashWitness()
				w.may["a"] = []string{"old", "-"}
				w.check(t, d, hit[0])
				require.NoError(t, w.do(s, "a", "-"), "%s: again", hit[0])
				w.check(t, d, hit[0]+", again")
			})
		require.Equal(t, 2, runs)
	}
}

func TestStorageAReadThatFailsIsNotAMissingValue(t *testing.T) {
	for _, fault := range []error{syscall.EIO, syscall.EACCES} {
		runs := faulty(t, fault, 0, func(_ *crashDisk, s *FileStorage) error { _, err := s.Read(t.Context(), "a"); return err },
			func(d *crashDisk, s *FileStorage, hit []string, err error) {
				require.ErrorIs(t, err, fault)
				require.NotErrorIs(t, err, fs.ErrNotExist)
				require.Equal(t, "old", kept(t, s, "a"))
			})
		require.Equal(t, 2, runs)
	}
}

func TestStorageAStorageThatCannotBeOpenedSaysSo(t *testing.T) {
	for _, fault := range []error{syscall.EIO, syscall.EACCES, syscall.ENOSPC} {
		var failed []string
		for at := 0; ; at++ {
			d := newCrashDisk()
			hit := ""
			d.fail = func(step int, op string) error {
				if step == at {
					hit = op
					return fault
				}
				return nil
			}
			s, err := newFileStorage(crashDir, d)
			if hit == "" {
				require.NoError(t, err)
				break
			}
			d.fail = nil
			if err == nil {
				continue
			}
			failed = append(failed, hit)
			require.ErrorIs(t, err, fault)
			require.ErrorContains(t, err, "weir: file storage: ")
			require.Nil(t, s)
			s = d.opened(t) // it is as good as the first attempt
			w := newCrashWitness()
			require.NoError(t, w.do(s, "a", "x"))
			w.check(t, d, hit)
		}
		want := []string{"stat", "stat", "mkdir", "syncdir", "mkdir", "syncdir", "list", "syncdir"}
		if fault == syscall.EACCES { // a parent that one may not read may be somebody else's
			want = []string{"stat", "stat", "mkdir", "mkdir", "list", "syncdir"}
		}
		require.Equal(t, want, failed, fault)
	}
}

func TestStorageWhatIsTooLargeIsRefused(t *testing.T) {
	d := newCrashDisk()
	s := d.opened(t)
	require.NoError(t, s.Write(t.Context(), "a", []byte("old")))
	steps := len(d.steps)
	err := s.Write(t.Context(), "a", make([]byte, maxSize+1))
	require.ErrorContains(t, err, fmt.Sprint(maxSize+1))
	require.ErrorContains(t, err, "a.weir")
	require.Len(t, d.steps, steps, "it is refused before anything is written")
	require.Equal(t, "old", kept(t, s, "a"))
	large := bytes.Repeat([]byte("x"), 1<<20)
	require.NoError(t, s.Write(t.Context(), "a", large))
	require.Equal(t, string(large), kept(t, s, "a"))
}
