package weir

// This file owns where persisted states are kept: the Storage interface, and storages in
// files and in memory. What is kept, and when, is persist.go's.

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Storage keeps encoded states by key, for [Persist]. Its methods may be called from
// several goroutines, but for one key one at a time. They should return when ctx is done.
type Storage interface {
	// Read returns what was last written for key, or an error that wraps fs.ErrNotExist.
	Read(ctx context.Context, key string) ([]byte, error)
	// Write replaces what is kept for key by data, which it must not hold on to. When it
	// returns nil, data survives a crash, as far as the storage survives any.
	Write(ctx context.Context, key string, data []byte) error
	// Delete removes what is kept for key. Without any it does nothing.
	Delete(ctx context.Context, key string) error
}

// FileStorage is a [Storage] in a directory, one file for each key. A write is atomic: a
// temporary file is written and synced, then renamed, and the directory synced, so that
// after a crash at any byte the next start finds the old or the new value, never neither.
// A write that returned an error has left the old value or, if only the directory could not
// be synced, the new one; the next write does it all again.
//
// Several processes may use one directory: each file is whole at any time, and the last
// writer wins; nobody is told of what another process writes. Values of more than 256 MiB
// are refused, and what stands in the place of a file and is larger, or is none, is not
// read: it is not Weir's. Make one with [NewFileStorage].
type FileStorage struct {
	dir  string
	disk disk
}

// disk is what a FileStorage asks of a file system, each method one step that can fail or
// be the last before a crash. Tests put one in its place that does either at every step.
type disk interface {
	mkdir(path string) error
	list(dir string) ([]fs.DirEntry, error)
	stat(path string) (fs.FileInfo, error)
	read(path string) ([]byte, error)
	create(dir, pattern string) (tempFile, error)
	rename(from, to string) error
	remove(path string) error
	sync(dir string) error // makes what was made, renamed and removed in dir survive a crash
}

// tempFile is a file that is being written: an *os.File.
type tempFile interface {
	io.WriteCloser
	Name() string
	Sync() error
}

const (
	tempPrefix = ".weir-"  // of temporary files; no key's file name begins with a dot
	tempSuffix = ".tmp"    // of temporary files
	strayAge   = time.Hour // of a temporary file that is taken for one of a process that has died
	maxSize    = 256 << 20 // bytes of a file: what is found in its place must not exhaust memory
	maxName    = 135       // bytes of a key's file name, without its ending: with it some file systems that encrypt names take 143
)

// NewFileStorage returns a storage in dir, which is made if it does not exist, readable by
// the user alone. Temporary files that a crash left there more than an hour ago are removed.
// It fails if dir cannot be made, listed or synced.
func NewFileStorage(dir string) (*FileStorage, error) {
	return newFileStorage(dir, osDisk{})
}

func newFileStorage(dir string, d disk) (*FileStorage, error) {
	dir, err := filepath.Abs(dir) // so that its parents have names
	if err == nil {
		err = makeDir(d, dir)
	}
	if err == nil {
		err = removeStrays(d, dir)
	}
	if err == nil {
		// A process that was killed before it could sync has left what this one will read: it
		// must not read a value, and count on it, that a crash of the machine takes back.
		err = d.sync(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("weir: file storage: %w", err)
	}
	return &FileStorage{dir, d}, nil
}

// makeDir makes dir if it is missing, and syncs its parent, for a value is not safe in a
// directory that is not. It goes from above, so that whatever is missing, all above what
// exists is safe.
func makeDir(d disk, dir string) error {
	parent := filepath.Dir(dir)
	if parent == dir {
		return nil
	}
	if _, err := d.stat(dir); errors.Is(err, fs.ErrNotExist) {
		if err := makeDir(d, parent); err != nil {
			return err
		}
		if err := d.mkdir(dir); err != nil && !errors.Is(err, fs.ErrExist) { // another process may be as far
			return err
		}
	} else if err != nil {
		return err
	}
	if err := d.sync(parent); err != nil && !errors.Is(err, fs.ErrPermission) { // somebody else's directory
		return err
	}
	return nil
}

// removeStrays removes the temporary files of processes that have died. One that cannot be
// removed costs room, nothing else.
func removeStrays(d disk, dir string) error {
	entries, err := d.list(dir)
	for _, x := range entries {
		if !x.Type().IsRegular() || !strings.HasPrefix(x.Name(), tempPrefix) || !strings.HasSuffix(x.Name(), tempSuffix) {
			continue
		}
		// A time that is far ahead is of a clock that has been put right since.
		if info, err := x.Info(); err == nil && time.Since(info.ModTime()).Abs() > strayAge {
			_ = d.remove(filepath.Join(dir, x.Name()))
		}
	}
	return err
}

// path returns the file of key: what is not a lower-case letter, digit, dash, underscore or
// inner dot is escaped, so that file systems that fold case or compose accents keep keys
// apart. A plus is in names with a hash alone, so that no other key has such a name.
func (s *FileStorage) path(key string) string {
	var b strings.Builder
	for i := range len(key) {
		switch ch := key[i]; {
		case i == 0 && isDevice(key):
			fmt.Fprintf(&b, "%%%02x", ch)
		case ch >= 'a' && ch <= 'z', ch >= '0' && ch <= '9', ch == '-', ch == '_', ch == '.' && i > 0:
			b.WriteByte(ch)
		default:
			fmt.Fprintf(&b, "%%%02x", ch)
		}
	}
	name := b.String()
	switch {
	case name == "":
		name = "%" // ".weir" would be hidden
	case len(name) > maxName:
		sum := sha256.Sum256([]byte(key))
		name = name[:maxName-1-2*len(sum)] + "+" + hex.EncodeToString(sum[:])
	}
	return filepath.Join(s.dir, name+".weir")
}

// isDevice reports whether Windows takes key, whatever follows its first dot, for a device.
func isDevice(key string) bool {
	name, _, _ := strings.Cut(key, ".")
	switch name {
	case "con", "prn", "aux", "nul":
		return true
	}
	return len(name) == 4 && (name[:3] == "com" || name[:3] == "lpt") && name[3] >= '0' && name[3] <= '9'
}

// begin is how each method begins: it returns why ctx has ended, if it has. A nil ctx, and a
// storage that NewFileStorage did not make, are a *UsageError.
func (s *FileStorage) begin(ctx context.Context, op string) error {
	if s == nil || s.disk == nil {
		misuse(nil, "%s on a nil or zero *FileStorage: make one with NewFileStorage", op)
	}
	if ctx == nil {
		misuse(nil, "%s of a FileStorage needs a context: use context.Background if there is none", op)
	}
	return ctx.Err()
}

// Read implements [Storage].
func (s *FileStorage) Read(ctx context.Context, key string) ([]byte, error) {
	if err := s.begin(ctx, "Read"); err != nil {
		return nil, err
	}
	path := s.path(key)
	info, err := s.disk.stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular(): // to open a pipe would wait for who writes to it
		return nil, fmt.Errorf("weir: file storage: %s is not a file: %v", path, info.Mode())
	case info.Size() > maxSize:
		return nil, tooLarge(path, info.Size())
	}
	return s.disk.read(path)
}

func tooLarge(path string, size int64) error {
	return fmt.Errorf("weir: file storage: %d bytes are too many for %s: the most is %d", size, path, maxSize)
}

// Write implements [Storage].
func (s *FileStorage) Write(ctx context.Context, key string, data []byte) error {
	if err := s.begin(ctx, "Write"); err != nil {
		return err
	}
	path := s.path(key)
	if len(data) > maxSize {
		return tooLarge(path, int64(len(data)))
	}
	f, err := s.disk.create(s.dir, tempPrefix+"*"+tempSuffix)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync() // before the rename: else the name may survive without the data
	}
	if bad := f.Close(); err == nil {
		err = bad
	}
	if err == nil {
		err = s.disk.rename(f.Name(), path)
	}
	if err != nil {
		_ = s.disk.remove(f.Name()) // else the next start does
		return err
	}
	return s.disk.sync(s.dir)
}

// Delete implements [Storage].
func (s *FileStorage) Delete(ctx context.Context, key string) error {
	if err := s.begin(ctx, "Delete"); err != nil {
		return err
	}
	if err := s.disk.remove(s.path(key)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return s.disk.sync(s.dir) // also of what an earlier Delete has removed, and could not sync
}

// osDisk is the disk of package os.
type osDisk struct{}

func (osDisk) mkdir(path string) error                { return os.Mkdir(path, 0o700) }
func (osDisk) list(dir string) ([]fs.DirEntry, error) { return os.ReadDir(dir) }
func (osDisk) stat(path string) (fs.FileInfo, error)  { return os.Stat(path) }
func (osDisk) read(path string) ([]byte, error)       { return os.ReadFile(path) }
func (osDisk) rename(from, to string) error           { return os.Rename(from, to) }
func (osDisk) remove(path string) error               { return os.Remove(path) }

func (osDisk) create(dir, pattern string) (tempFile, error) { return os.CreateTemp(dir, pattern) }

// sync does nothing where the system knows no such thing: Windows denies it, some file
// systems call it invalid.
func (osDisk) sync(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EINVAL) {
		err = nil
	}
	if bad := d.Close(); err == nil {
		err = bad
	}
	return err
}

// MemoryStorage is a [Storage] that ends with the process, for tests. The zero one is
// ready.
type MemoryStorage struct {
	mu   sync.Mutex
	data map[string][]byte
}

// Read implements [Storage].
func (s *MemoryStorage) Read(_ context.Context, key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, ok := s.data[key]
	if !ok {
		return nil, fmt.Errorf("weir: memory storage: %q: %w", key, fs.ErrNotExist)
	}
	return append([]byte(nil), data...), nil
}

// Write implements [Storage].
func (s *MemoryStorage) Write(_ context.Context, key string, data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.data == nil {
		s.data = map[string][]byte{}
	}
	s.data[key] = append([]byte(nil), data...)
	return nil
}

// Delete implements [Storage].
func (s *MemoryStorage) Delete(_ context.Context, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.data, key)
	return nil
}
