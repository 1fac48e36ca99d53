package main

// store.go owns the accounts and their transactions. A transaction sees what it read and wrote, nobody else does before it is
// committed; and it is committed only if nobody has changed meanwhile what it read. Neither knows of Weir.

import (
	"errors"
	"fmt"
	"sync"
)

var (
	errNoAccount = errors.New("no such account")
	errConflict  = errors.New("somebody else has changed the account meanwhile")
	errOver      = errors.New("the transaction is over")
)

type account struct {
	balance int
	version int // grows with each change
}

type store struct {
	journal *journal

	mu                           sync.Mutex
	accounts                     map[string]account // guarded by mu, as the rest
	begun, committed, rolledBack int                // transactions, for the story
}

// newStore returns what the journal says, or if that is empty the opening balances.
func newStore(j *journal, opening map[string]int) (*store, error) {
	s := &store{journal: j, accounts: make(map[string]account)}
	if len(j.entries) == 0 {
		first := entry{Set: opening, By: "opening"}
		if err := j.write(first); err != nil {
			return nil, err
		}
		s.apply(first)
	}
	for _, e := range j.entries {
		s.apply(e)
	}
	return s, nil
}

func (s *store) apply(e entry) {
	for name, balance := range e.Set {
		s.accounts[name] = account{balance, s.accounts[name].version + 1}
	}
}

// close says in the journal that all went well. The journal must be open still.
func (s *store) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.journal.write(entry{Closed: true})
}

// tx is one transaction. It is safe for concurrent use, as it may be rolled back at any time.
type tx struct {
	store       *store
	by, request string // for the journal

	mu     sync.Mutex
	read   map[string]account // guarded by mu, as the rest
	writes map[string]int
	over   bool
}

func (s *store) begin(by, request string) *tx {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun++
	return &tx{store: s, by: by, request: request, read: make(map[string]account), writes: make(map[string]int)}
}

func (t *tx) balance(name string) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return 0, errOver
	}
	if balance, ok := t.writes[name]; ok {
		return balance, nil
	}
	t.store.mu.Lock()
	a, ok := t.store.accounts[name]
	t.store.mu.Unlock()
	if !ok {
		return 0, fmt.Errorf("%w: %q", errNoAccount, name)
	}
	if _, again := t.read[name]; !again {
		t.read[name] = a
	}
	return t.read[name].balance, nil
}

// set changes the balance of an account that was read.
func (t *tx) set(name string, balance int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return errOver
	}
	t.writes[name] = balance
	return nil
}

// commit writes the journal, then makes the changes visible. The transaction is over then, whatever the result.
func (t *tx) commit() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return errOver
	}
	t.over = true
	s := t.store
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, a := range t.read {
		if s.accounts[name].version != a.version {
			s.rolledBack++
			return fmt.Errorf("%w: %q", errConflict, name)
		}
	}
	if len(t.writes) > 0 {
		e := entry{Set: t.writes, By: t.by, Request: t.request}
		if err := s.journal.write(e); err != nil {
			s.rolledBack++
			return err
		}
		s.apply(e)
	}
	s.committed++
	return nil
}

// rollback ends the transaction without a trace. After commit it does nothing.
func (t *tx) rollback() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return
	}
	t.over = true
	t.store.mu.Lock()
	defer t.store.mu.Unlock()
	t.store.rolledBack++
}
