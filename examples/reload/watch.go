package main

// watch.go owns the file: it looks at it from time to time and emits a version whenever its contents are different. It knows nothing
// of configurations.

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/weir-go/weir"
)

// version is what the file held at one time, or why it could not be read.
type version struct {
	number int
	size   int
	text   secret // there may be passwords in it
	err    error
}

// String tells of v without its text.
func (v version) String() string {
	if v.err != nil {
		return fmt.Sprintf("version %d, %v", v.number, v.err)
	}
	return fmt.Sprintf("version %d, %d bytes", v.number, v.size)
}

const (
	maxSize = 1 << 20

	// settling is how long a file must have been left alone before an equal modification time means equal contents: the clock of a
	// file system may tick as slowly as once in two seconds.
	settling = 3 * time.Second
)

// watchFile returns the build function of a stream of the versions of the file at path. A file that is missing or cannot be read is a
// version too: the stream goes on, for it may be back. emitted is called when a version has been emitted.
func watchFile(path string, every time.Duration, emitted func()) func(context.Context, weir.Ref, func(version) bool) error {
	return func(ctx context.Context, _ weir.Ref, emit func(version) bool) error {
		tick := time.NewTicker(every)
		defer tick.Stop()
		var last version
		var seen os.FileInfo // as it was before last was read
		for {
			// Stat before reading: what is written in between shows at the next look.
			info, err := os.Stat(path)
			if err != nil || seen == nil || !sameFile(seen, info) {
				next := version{number: last.number + 1, err: err}
				if err == nil {
					next.text, next.size, next.err = read(path)
				}
				if seen = info; err != nil {
					seen = nil
				}
				if last.number == 0 || next.text != last.text || message(next.err) != message(last.err) {
					last = next
					if !emit(next) { // it has been delivered to all who depend on it, or this build is over
						return context.Cause(ctx)
					}
					emitted()
				}
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
}

// sameFile reports whether a file that was so and is so now need not be read again.
func sameFile(was, is os.FileInfo) bool {
	return os.SameFile(was, is) && // not replaced by another, as most editors do
		was.Size() == is.Size() && was.ModTime().Equal(is.ModTime()) &&
		time.Since(is.ModTime()) > settling
}

func read(path string) (text secret, size int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return secret{}, 0, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err == nil && len(data) > maxSize {
		err = fmt.Errorf("%s has more than %d bytes", path, maxSize)
	}
	if err != nil {
		return secret{}, 0, err
	}
	return newSecret(string(data)), len(data), nil
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
