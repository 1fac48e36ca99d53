package main

// audit.go owns the file that says who asked for what. Its lines are collected, and written now and then and at the end: who closes
// it without looking at the error does not know whether they are all there.

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

type audit struct {
	flusher sync.WaitGroup

	mu   sync.Mutex
	file *os.File // guarded by mu, as the rest
	out  *bufio.Writer
}

// openAudit opens the file, and has it written every so often until ctx is done.
func openAudit(ctx context.Context, path string, every time.Duration) (*audit, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	a := &audit{file: f, out: bufio.NewWriter(f)}
	a.flusher.Go(func() {
		ticks := time.NewTicker(every)
		defer ticks.Stop()
		for {
			select {
			case <-ticks.C:
				a.mu.Lock()
				a.out.Flush() // an error stays, and is what close returns
				a.mu.Unlock()
			case <-ctx.Done():
				return
			}
		}
	})
	return a, nil
}

func (a *audit) record(request, user, what string, status int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	fmt.Fprintf(a.out, "%s %s %s %d\n", request, user, what, status)
}

// close is called when the context of openAudit is done.
func (a *audit) close() error {
	a.flusher.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	return errors.Join(a.out.Flush(), a.file.Close())
}
