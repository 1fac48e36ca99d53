package main

// journal.go owns the file in which every change of the accounts is written before it is answered for, one JSON line each. A line
// that a crash cut off is not taken for one.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// entry is a line of the journal.
type entry struct {
	Set     map[string]int `json:"set,omitempty"` // balances from now on, by account
	By      string         `json:"by,omitempty"`
	Request string         `json:"request,omitempty"`
	Closed  bool           `json:"closed,omitempty"` // the store was closed in order
}

type journal struct {
	file    *os.File
	entries []entry // what was there when it was opened
}

// openJournal reads the journal, makes it if there is none, and cuts off what is not a whole line.
func openJournal(path string) (*journal, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	j := &journal{file: f}
	if err := j.read(); err != nil {
		return nil, errors.Join(fmt.Errorf("journal %s: %w", path, err), f.Close())
	}
	return j, nil
}

func (j *journal) read() error {
	data, err := io.ReadAll(j.file)
	if err != nil {
		return err
	}
	good := bytes.LastIndexByte(data, '\n') + 1
	for n, line := range bytes.Split(bytes.TrimSuffix(data[:good], []byte("\n")), []byte("\n")) {
		if len(line) == 0 {
			continue
		}
		var e entry
		if err := json.Unmarshal(line, &e); err != nil {
			return fmt.Errorf("line %d: %w", n+1, err)
		}
		j.entries = append(j.entries, e)
	}
	if err := j.file.Truncate(int64(good)); err != nil {
		return err
	}
	_, err = j.file.Seek(int64(good), io.SeekStart)
	return err
}

// write returns when e is on the disk.
func (j *journal) write(e entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if _, err := j.file.Write(append(line, '\n')); err != nil {
		return err
	}
	return j.file.Sync()
}

func (j *journal) close() error { return j.file.Close() }
