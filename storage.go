package weir

// This file owns where persisted states are kept: the Storage interface, and storages in
// files and in memory. What is kept, and when, is persist.go's.

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
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
// Several processes may use one directory: each file is whole at any time, and the last
// writer wins; nobody is told of what another process writes. Make one with
// [NewFileStorage].
type FileStorage struct {
	dir string
}

const (
	tempPrefix = ".weir-"  // of temporary files; no key's file name begins with a dot
	strayAge   = time.Hour // of a temporary file that is taken for one of a process that has died
	maxName    = 150       // bytes of a key's file name, without its ending; longer ones end with a hash of the key
)

// NewFileStorage returns a storage in dir, which is made if it does not exist, readable by
// the user alone. Temporary files that a crash left there more than an hour ago are removed.
// It fails if dir cannot be made or listed.
func NewFileStorage(dir string) (*FileStorage, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("weir: file storage: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("weir: file storage: %w", err)
	}
	for _, x := range entries {
		if info, err := x.Info(); err == nil && strings.HasPrefix(x.Name(), tempPrefix) && time.Since(info.ModTime()) > strayAge {
			_ = os.Remove(filepath.Join(dir, x.Name())) // it costs room, nothing else
		}
	}
	return &FileStorage{dir}, nil
}

// path returns the file of key: what is not a lower-case letter, digit, dash, underscore or
// inner dot is escaped, so that file systems that fold case keep keys apart.
func (s *FileStorage) path(key string) string {
	var b strings.Builder
	for i := range len(key) {
		switch ch := key[i]; {
		case ch >= 'a' && ch <= 'z', ch >= '0' && ch <= '9', ch == '-', ch == '_', ch == '.' && i > 0:
			b.WriteByte(ch)
		default:
			fmt.Fprintf(&b, "%%%02x", ch)
		}
	}
	name := b.String()
	if len(name) > maxName {
		sum := sha256.Sum256([]byte(key))
		name = name[:maxName-70] + "%" + hex.EncodeToString(sum[:]) // 70: the mark, the hash, the ending
	}
	return filepath.Join(s.dir, name+".weir")
}

// Read implements [Storage].
func (s *FileStorage) Read(ctx context.Context, key string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return os.ReadFile(s.path(key))
}

// Write implements [Storage].
func (s *FileStorage) Write(ctx context.Context, key string, data []byte) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	f, err := os.CreateTemp(s.dir, tempPrefix+"*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(data); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), s.path(key)); err != nil {
		return err
	}
	return syncDir(s.dir)
}

// Delete implements [Storage].
func (s *FileStorage) Delete(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := os.Remove(s.path(key)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return syncDir(s.dir)
}

// syncDir makes renames in dir survive a crash, where the system knows such a thing.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrInvalid) && !errors.Is(err, fs.ErrPermission) {
		_ = d.Close()
		return err
	}
	return d.Close()
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
