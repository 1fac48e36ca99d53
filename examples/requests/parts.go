package main

// parts.go owns what the program is made of, as providers: each says what it needs, and how it ends. Those of the first half are
// built once, in the root container; those of the second once for each request that asks for them, in that request's container.

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/weir-go/weir"
)

// ---- of the program

type settings struct {
	dir     string            // where the files are
	users   map[string]string // names by token
	opening map[string]int    // the balances of a new store
	limit   int               // of one transfer
}

// config has no value of its own: whoever makes a container gives it one. See start in server.go, and the tests.
var config = weir.NewProvider(func(weir.Ref) settings {
	panic("no settings: make the container with config.OverrideWithValue")
}, weir.Name("config"))

// The journal is there before the store and closed after it, because the store watches it. Try: opening a file may fail, and takes
// no time worth waiting for. What close returns is what Shutdown of the container returns.
var journalFile = weir.NewTryProvider(func(ref weir.Ref) (*journal, error) {
	j, err := openJournal(filepath.Join(weir.Watch(ref, config).dir, "journal"))
	if err != nil {
		return nil, err
	}
	ref.OnDisposeErr(j.close)
	return j, nil
}, weir.Name("journal"))

var accounts = weir.NewTryProvider(func(ref weir.Ref) (*store, error) {
	j, err := weir.Watch(ref, journalFile).Result()
	if err != nil {
		return nil, err
	}
	s, err := newStore(j, weir.Watch(ref, config).opening)
	if err != nil {
		return nil, err
	}
	ref.OnDisposeErr(s.close)
	return s, nil
}, weir.Name("accounts"))

// The goroutine of the audit ends with the context of the build, which is cancelled before the hook runs.
var auditFile = weir.NewTryProvider(func(ref weir.Ref) (*audit, error) {
	a, err := openAudit(ref.Context(), filepath.Join(weir.Watch(ref, config).dir, "audit"), time.Second)
	if err != nil {
		return nil, err
	}
	ref.OnDisposeErr(a.close)
	return a, nil
}, weir.Name("audit"))

// checkFunc says whether a transfer may be made. It may ask another service, and should heed ctx.
type checkFunc func(ctx context.Context, from, to string, amount int) error

var errRefused = errors.New("refused")

var checker = weir.NewProvider(func(ref weir.Ref) checkFunc {
	limit := weir.Watch(ref, config).limit
	return func(_ context.Context, _, _ string, amount int) error {
		if amount > limit {
			return fmt.Errorf("%w: the limit is %d", errRefused, limit)
		}
		return nil
	}
}, weir.Name("checker"))

// ---- of a request

// caller is whom a request is of. Scoped: children may override it, and the container of each request does. There is none in the root.
type caller struct {
	user    string
	request string // its number, for journal and audit
}

var currentCaller = weir.NewProvider(func(weir.Ref) caller { return caller{} }, weir.Scoped(), weir.Name("caller"))

var errNoCaller = errors.New("outside of a request")

// transaction watches the caller, and says so: it lives in the container of the request, where the caller is overridden. It begins
// when it is first asked for, and ends with the request at the latest; perRequest in scope.go commits it before.
var transaction = weir.NewTryProvider(func(ref weir.Ref) (*tx, error) {
	who := weir.Watch(ref, currentCaller)
	if who.user == "" {
		return nil, errNoCaller
	}
	s, err := weir.Watch(ref, accounts).Result()
	if err != nil {
		return nil, err
	}
	t := s.begin(who.user, who.request)
	ref.OnDispose(t.rollback)
	return t, nil
}, weir.Scoped(currentCaller), weir.Name("transaction"))

// bank is what handlers work with: the accounts as one caller may use them, in one transaction.
type bank struct {
	user  string
	tx    *tx
	check checkFunc
}

var currentBank = weir.NewTryProvider(func(ref weir.Ref) (*bank, error) {
	t, err := weir.Watch(ref, transaction).Result()
	if err != nil {
		return nil, err
	}
	return &bank{weir.Watch(ref, currentCaller).user, t, weir.Watch(ref, checker)}, nil
}, weir.Scoped(currentCaller, transaction), weir.Name("bank"))

var errFunds = errors.New("not enough money")

func (b *bank) balance() (int, error) { return b.tx.balance(b.user) }

// transfer takes the money from the caller before it knows whether anybody can have it: if not, the transaction is not committed.
func (b *bank) transfer(ctx context.Context, to string, amount int) error {
	from, err := b.tx.balance(b.user)
	if err != nil {
		return err
	}
	if from < amount {
		return errFunds
	}
	if err := b.tx.set(b.user, from-amount); err != nil {
		return err
	}
	if err := b.check(ctx, b.user, to, amount); err != nil {
		return err
	}
	balance, err := b.tx.balance(to)
	if err != nil {
		return err
	}
	return b.tx.set(to, balance+amount)
}
