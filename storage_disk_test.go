package weir

// This file holds crashDisk, a file system in memory that knows what a crash leaves: what was
// written and not synced survives in part, in any order. It checks nothing itself but its own
// rules, in the test at its end.

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const sep = string(filepath.Separator)

// crashDir is where the storages of these tests are: no part of it but the root exists at first.
var (
	crashDir, _ = filepath.Abs(sep + filepath.Join("state", "app"))
	crashRoot   = filepath.VolumeName(crashDir) + sep
)

// crashNode is a file or directory. Names are the disk's.
type crashNode struct {
	mode fs.FileMode
	data []byte // as the running system sees it
	safe int    // how much of data a crash leaves as it is
	lost bool   // a sync has failed: what was not safe then will never be
	size int64  // of a file that is too large to have in memory; else data's
	mod  time.Time
}

// crashDisk is a disk. Its rules are more cruel than those of any real one: after a crash each
// name, whatever the others do, is what it was at the last sync of its directory or after any
// change since, and each file has any of what survivors lists.
type crashDisk struct {
	mu    sync.Mutex
	names map[string][]*crashNode // by path: what it may be after a crash, oldest first; the last is what it is now; nil is none
	temps int
	steps []string                            // what was done
	fail  func(step int, op string) error     // has a step fail, if it is not nil
	at    func(op string)                     // called at each moment when the machine may stop, if it is not nil
	short func(step int, data []byte) (n int) // how much of a write that fails is written; nil: nothing
}

func newCrashDisk() *crashDisk {
	return &crashDisk{names: map[string][]*crashNode{crashRoot: {{mode: fs.ModeDir | 0o700}}}}
}

// do notes a step and returns its fault.
func (d *crashDisk) do(op, path string) error {
	if d.at != nil {
		d.at("before " + op)
	}
	d.steps = append(d.steps, op)
	if d.fail != nil {
		if err := d.fail(len(d.steps)-1, op); err != nil {
			return &fs.PathError{Op: op, Path: path, Err: err}
		}
	}
	return nil
}

// now is what path is in the running system, nil if there is none.
func (d *crashDisk) now(path string) *crashNode {
	if all := d.names[path]; len(all) > 0 {
		return all[len(all)-1]
	}
	return nil
}

// set changes what path is, until a sync only perhaps.
func (d *crashDisk) set(path string, n *crashNode) {
	if d.names[path] == nil {
		d.names[path] = []*crashNode{nil}
	}
	d.names[path] = append(d.names[path], n)
}

// find returns the node of path, or the error of an operation on what does not exist.
func (d *crashDisk) find(op, path string) (*crashNode, error) {
	if n := d.now(path); n != nil {
		return n, nil
	}
	return nil, &fs.PathError{Op: op, Path: path, Err: fs.ErrNotExist}
}

func (d *crashDisk) lock() func() {
	d.mu.Lock()
	return d.mu.Unlock
}

func (d *crashDisk) mkdir(path string) error {
	defer d.lock()()
	if err := d.do("mkdir", path); err != nil {
		return err
	}
	if d.now(path) != nil {
		return &fs.PathError{Op: "mkdir", Path: path, Err: fs.ErrExist}
	}
	if _, err := d.find("mkdir", filepath.Dir(path)); err != nil {
		return err
	}
	d.set(path, &crashNode{mode: fs.ModeDir | 0o700})
	return nil
}

func (d *crashDisk) list(dir string) (entries []fs.DirEntry, err error) {
	defer d.lock()()
	if err := d.do("list", dir); err != nil {
		return nil, err
	}
	for _, path := range d.paths() {
		if n := d.now(path); n != nil && path != dir && filepath.Dir(path) == dir {
			entries = append(entries, fs.FileInfoToDirEntry(crashInfo{filepath.Base(path), n}))
		}
	}
	_, err = d.find("list", dir)
	return entries, err
}

func (d *crashDisk) stat(path string) (fs.FileInfo, error) {
	defer d.lock()()
	if err := d.do("stat", path); err != nil {
		return nil, err
	}
	n, err := d.find("stat", path)
	return crashInfo{filepath.Base(path), n}, err
}

func (d *crashDisk) read(path string) ([]byte, error) {
	defer d.lock()()
	if err := d.do("read", path); err != nil {
		return nil, err
	}
	n, err := d.find("open", path)
	if err != nil {
		return nil, err
	}
	if !n.mode.IsRegular() || n.size > 0 {
		return nil, &fs.PathError{Op: "read", Path: path, Err: syscall.EISDIR}
	}
	return bytes.Clone(n.data), nil
}

func (d *crashDisk) create(dir, pattern string) (tempFile, error) {
	defer d.lock()()
	if err := d.do("create", dir); err != nil {
		return nil, err
	}
	d.temps++
	n := &crashNode{mode: 0o600, mod: time.Now()}
	path := filepath.Join(dir, strings.Replace(pattern, "*", fmt.Sprint(d.temps), 1))
	d.set(path, n)
	return &crashFile{d, path, n}, nil
}

func (d *crashDisk) rename(from, to string) error {
	defer d.lock()()
	if err := d.do("rename", to); err != nil {
		return err
	}
	n, err := d.find("rename", from)
	if err != nil {
		return err
	}
	if old := d.now(to); old != nil && old.mode.IsDir() {
		return &fs.PathError{Op: "rename", Path: to, Err: fs.ErrExist}
	}
	d.set(to, n)
	d.set(from, nil)
	return nil
}

func (d *crashDisk) remove(path string) error {
	defer d.lock()()
	if err := d.do("remove", path); err != nil {
		return err
	}
	if _, err := d.find("remove", path); err != nil {
		return err
	}
	d.set(path, nil)
	return nil
}

func (d *crashDisk) sync(dir string) error {
	defer d.lock()()
	if err := d.do("syncdir", dir); err != nil {
		return err
	}
	for path, all := range d.names {
		if filepath.Dir(path) == dir {
			d.names[path] = all[len(all)-1:]
		}
	}
	return nil
}

// crashFile is a file that is being written.
type crashFile struct {
	d    *crashDisk
	path string
	n    *crashNode
}

func (f *crashFile) Name() string { return f.path }

// Write writes byte for byte: the machine may stop between any two.
func (f *crashFile) Write(data []byte) (int, error) {
	defer f.d.lock()()
	err := f.d.do("write", f.path)
	n := len(data)
	if err != nil {
		if n = 0; f.d.short != nil {
			n = f.d.short(len(f.d.steps)-1, data)
		}
	}
	for i, b := range data[:n] {
		f.n.data = append(f.n.data, b)
		if f.d.at != nil {
			f.d.at(fmt.Sprintf("after byte %d of write", i))
		}
	}
	return n, err
}

// Sync fails for ever once it has failed, without saying so, as file systems do that drop
// what they could not write.
func (f *crashFile) Sync() error {
	defer f.d.lock()()
	if err := f.d.do("sync", f.path); err != nil {
		f.n.lost = true
		return err
	}
	if !f.n.lost {
		f.n.safe = len(f.n.data)
	}
	return nil
}

func (f *crashFile) Close() error {
	defer f.d.lock()()
	return f.d.do("close", f.path)
}

// crashInfo is a node under its name.
type crashInfo struct {
	name string
	n    *crashNode
}

func (i crashInfo) Name() string       { return i.name }
func (i crashInfo) Mode() fs.FileMode  { return i.n.mode }
func (i crashInfo) ModTime() time.Time { return i.n.mod }
func (i crashInfo) IsDir() bool        { return i.n.mode.IsDir() }
func (i crashInfo) Sys() any           { return nil }
func (i crashInfo) Size() int64        { return max(i.n.size, int64(len(i.n.data))) }

func (d *crashDisk) paths() []string {
	paths := make([]string, 0, len(d.names))
	for path := range d.names {
		paths = append(paths, path)
	}
	slices.Sort(paths) // parents before what is in them
	return paths
}

// contents lists what a crash may leave of n: of what is not safe a part from its beginning,
// with nothing, zeros or garbage behind it, or a part up to its end with zeros before it.
func (n *crashNode) contents() (all [][]byte) {
	for cut := n.safe; cut <= len(n.data); cut++ {
		rest := len(n.data) - cut
		for _, c := range [][]byte{
			n.data[:cut],
			slices.Concat(n.data[:cut], make([]byte, rest)),
			slices.Concat(n.data[:cut], bytes.Repeat([]byte{0xa5}, rest)),
			slices.Concat(n.data[:n.safe], make([]byte, cut-n.safe), n.data[cut:]),
		} {
			if !slices.ContainsFunc(all, func(x []byte) bool { return bytes.Equal(x, c) }) {
				all = append(all, c)
			}
		}
	}
	return all
}

// crashChoice is what a name may be after a crash.
type crashChoice struct {
	path string
	node *crashNode // nil: none
	data []byte
}

// choices lists, for each name, what it may be after a crash now, oldest first.
func (d *crashDisk) choices() (free [][]crashChoice) {
	for _, path := range d.paths() {
		var may []crashChoice
		for i, n := range d.names[path] {
			switch {
			case n != nil:
				for _, data := range n.contents() {
					may = append(may, crashChoice{path, n, data})
				}
			case !slices.Contains(d.names[path][:i], nil):
				may = append(may, crashChoice{path: path})
			}
		}
		free = append(free, may)
	}
	return free
}

// survivors calls fn with each disk that a crash now may leave, as it is after the restart
// and an hour, and returns how many there were. If there are more than limit, it is the two
// extremes and a sample of limit others.
func (d *crashDisk) survivors(limit int, fn func(*crashDisk)) (count int) {
	free := d.choices()
	total := 1
	for _, may := range free {
		total = min(total*len(may), limit+1)
	}
	picked := make([]int, len(free))
	leave := func(pick func(i, n int) int) {
		left := newCrashDisk()
		left.temps = d.temps
		for i, may := range free {
			picked[i] = pick(i, len(may))
			c := may[picked[i]]
			if c.node == nil || c.path == crashRoot || left.now(filepath.Dir(c.path)) == nil { // no way leads there
				continue
			}
			left.names[c.path] = []*crashNode{{mode: c.node.mode, data: c.data, safe: len(c.data), mod: c.node.mod.Add(-2 * strayAge)}}
		}
		fn(left)
		count++
	}
	leave(func(int, int) int { return 0 })
	if total > limit {
		leave(func(_, n int) int { return n - 1 })
		random := rand.New(rand.NewPCG(uint64(len(d.steps)), 2))
		for range limit {
			leave(func(_, n int) int { return random.IntN(n) })
		}
		return count
	}
	for count < total {
		carry := 1
		leave(func(i, n int) int {
			next := picked[i] + carry
			if carry = 0; next == n {
				next, carry = 0, 1
			}
			return next
		})
	}
	return count
}

// killed is the disk after only the process has ended: all that was done is there, and what
// was not safe is not.
func (d *crashDisk) killed() *crashDisk {
	left := &crashDisk{names: map[string][]*crashNode{}, temps: d.temps}
	copies := map[*crashNode]*crashNode{nil: nil}
	for path, all := range d.names {
		for _, n := range all {
			if n != nil && copies[n] == nil {
				c := *n
				c.data, c.mod = bytes.Clone(n.data), n.mod.Add(-2*strayAge)
				copies[n] = &c
			}
			left.names[path] = append(left.names[path], copies[n])
		}
	}
	return left
}

func TestStorageACrashDiskLosesWhatIsNotSynced(t *testing.T) {
	// The checks with it are worth what it is: each careless way to write must be able to lose.
	for name, c := range map[string]struct {
		write func(d *crashDisk, f tempFile)
		want  []string // what may be read of the file after a crash, "-" if there is none
	}{
		"all steps": {func(d *crashDisk, f tempFile) {
			_ = f.Sync()
			_ = d.rename(f.Name(), crashRoot+"x")
			_ = d.sync(crashRoot)
		}, []string{"ab"}},
		"no sync of the file": {func(d *crashDisk, f tempFile) {
			_ = d.rename(f.Name(), crashRoot+"x")
			_ = d.sync(crashRoot)
		}, []string{"", "\x00\x00", "\x00b", "a", "a\x00", "ab", "a\xa5", "\xa5\xa5"}},
		"no sync of the directory": {func(d *crashDisk, f tempFile) {
			_ = f.Sync()
			_ = d.rename(f.Name(), crashRoot+"x")
		}, []string{"-", "ab"}},
		"the sync failed": {func(d *crashDisk, f tempFile) {
			d.fail = func(int, string) error { return syscall.EIO }
			_ = f.Sync()
			d.fail = nil
			_ = f.Sync()
			_ = d.rename(f.Name(), crashRoot+"x")
			_ = d.sync(crashRoot)
		}, []string{"", "\x00\x00", "\x00b", "a", "a\x00", "ab", "a\xa5", "\xa5\xa5"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := newCrashDisk()
			f, err := d.create(crashRoot, "t*")
			require.NoError(t, err)
			_, err = f.Write([]byte("ab"))
			require.NoError(t, err)
			c.write(d, f)
			var got []string
			d.survivors(1000, func(left *crashDisk) {
				data, err := left.read(crashRoot + "x")
				if err != nil {
					data = []byte("-")
				}
				got = append(got, string(data))
			})
			slices.Sort(got)
			require.Equal(t, c.want, slices.Compact(got))
		})
	}
}

// opened returns a storage on d.
func (d *crashDisk) opened(t *testing.T) *FileStorage {
	t.Helper()
	s, err := newFileStorage(crashDir, d)
	require.NoError(t, err)
	return s
}

// kept is what s has for key: "-" if nothing.
func kept(t *testing.T, s *FileStorage, key string) string {
	t.Helper()
	data, err := s.Read(context.Background(), key)
	if err != nil {
		require.ErrorIs(t, err, fs.ErrNotExist)
		return "-"
	}
	return string(data)
}

// strays lists the temporary files on d.
func (d *crashDisk) strays() (names []string) {
	for _, path := range d.paths() {
		if d.now(path) != nil && strings.HasPrefix(filepath.Base(path), tempPrefix) {
			names = append(names, path)
		}
	}
	return names
}
