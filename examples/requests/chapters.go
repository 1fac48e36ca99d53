package main

// chapters.go owns what happens, chapter by chapter.

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"strings"
	"sync"

	"github.com/weir-go/weir"
)

var chapters = []struct {
	title string
	tell  func(*story)
}{
	{"200 requests of 10 people at a time", callers},
	{"40 transfers at a time", transfers},
	{"handlers that fail halfway", failures},
	{"a client that goes away halfway", clientLeft},
	{"stop with a request in flight", stopInFlight},
	{"start again", startAgain},
	{"a part that cannot end", badEnd},
}

func callers(st *story) {
	const requests = 200
	got := make([]me, requests)
	errs := make([]error, requests)
	var clients sync.WaitGroup
	for i := range requests {
		clients.Go(func() {
			_, errs[i] = ask(context.Background(), st.client, st.url, name(i%people), http.MethodGet, "/me", nil, &got[i])
		})
	}
	clients.Wait()
	numbers := make(map[string]bool)
	for i := range requests {
		numbers[got[i].Request] = true
		if errs[i] != nil {
			st.fail("GET /me of %s: %w", name(i%people), errs[i])
		} else if got[i].User != name(i%people) {
			st.fail("%s was taken for %q", name(i%people), got[i].User)
		}
	}
	st.is("numbers of requests", len(numbers), requests)
	st.becomes("containers closed", st.events.containers, requests)
	st.is("containers open", len(st.app.Snapshot().Children), 0)
	for _, part := range []string{"journal", "accounts", "audit"} {
		st.is("builds of "+part, st.events.built(part), 1)
	}
	st.is("builds of the checker, which nobody has asked for", st.events.built("checker"), 0)
	st.is("transactions begun, as nobody has asked for one", st.ledger().begun, 0)
	st.say("each was answered by their name, from a container of its own; closed: %d; transactions begun: %d; builds of each part: 1",
		st.events.containers(), st.ledger().begun)
}

func transfers(st *story) {
	const n = 40
	before := st.ledger()
	lines := len(st.lines("journal"))
	errs := make([]error, n)
	status := make([]int, n)
	var clients sync.WaitGroup
	for i := range n {
		clients.Go(func() {
			from, to := name(i%people), name((i+1)%people)
			status[i], errs[i] = ask(context.Background(), st.client, st.url, from, http.MethodPost, "/transfers", transfer{to, 1 + i/people}, nil)
		})
	}
	clients.Wait()
	for i := range n {
		if errs[i] != nil {
			st.fail("a transfer: %w", errs[i])
		}
		st.is("status of a transfer", status[i], http.StatusOK)
	}
	after := st.ledger()
	again := after.rolledBack - before.rolledBack
	st.is("transactions committed", after.committed-before.committed, n)
	st.is("transactions begun", after.begun-before.begun, n+again)
	st.is("lines in the journal", len(st.lines("journal"))-lines, n)
	st.is("money", after.sum, people*each)
	for i := range people { // each has given to one and got from one, of each amount
		var got balance
		st.ask(name(i), http.MethodGet, "/balance", nil, http.StatusOK, &got)
		st.is("balance of "+name(i), got.Balance, each)
	}
	st.say("all made, each in a transaction of its own; committed: %d, in the way of others and tried again: %d; money: %d", n, again, after.sum)
}

func failures(st *story) {
	before := st.ledger()
	lines := len(st.lines("journal"))
	st.ask(name(0), http.MethodPost, "/transfers", transfer{"nobody", 5}, http.StatusNotFound, nil) // found out when the money was taken
	st.ask(name(0), http.MethodPost, "/transfers", transfer{name(1), each + 1}, http.StatusUnprocessableEntity, nil)
	st.ask("a stranger", http.MethodPost, "/transfers", transfer{name(1), 5}, http.StatusUnauthorized, nil)
	after := st.ledger()
	st.is("transactions begun", after.begun-before.begun, 2)
	st.is("transactions rolled back", after.rolledBack-before.rolledBack, 2)
	st.is("lines in the journal", len(st.lines("journal"))-lines, 0)
	var got balance
	st.ask(name(0), http.MethodGet, "/balance", nil, http.StatusOK, &got)
	st.is("balance", got.Balance, each)
	st.say("nothing was taken; transactions rolled back: 2; of a stranger none was begun")
}

func clientLeft(st *story) {
	before, closed := st.ledger(), st.events.containers()
	lines := len(st.lines("journal"))
	ctx, leave := context.WithCancel(context.Background())
	defer leave()
	left := make(chan error, 1)
	go func() {
		_, err := ask(ctx, st.client, st.url, name(2), http.MethodPost, "/transfers", transfer{name(3), held}, nil)
		left <- err
	}()
	st.becomes("transfers held", st.held, 1)
	st.is("transactions begun", st.ledger().begun-before.begun, 1)
	st.is("transactions rolled back", st.ledger().rolledBack-before.rolledBack, 0)
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		st.fail("the client that left got %v", err)
	}
	st.becomes("transactions rolled back", func() int { return st.ledger().rolledBack - before.rolledBack }, 1)
	st.becomes("containers closed", func() int { return st.events.containers() - closed }, 1) // nobody waits for that one
	st.becomes("containers open", func() int { return len(st.app.Snapshot().Children) }, 0)
	st.is("transactions committed", st.ledger().committed-before.committed, 0)
	st.is("lines in the journal", len(st.lines("journal"))-lines, 0)
	st.say("its container was closed, and with it the transaction, while the handler was at work; rolled back: 1, committed: 0")
}

func stopInFlight(st *story) {
	before := st.ledger()
	served := st.events.containers()
	answered := make(chan int, 1)
	go func() {
		status, _ := ask(context.Background(), st.client, st.url, name(4), http.MethodPost, "/transfers", transfer{name(5), held}, nil)
		answered <- status
	}()
	st.becomes("transfers held", st.held, 1)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	stopped := make(chan error, 1)
	st.http.RegisterOnShutdown(st.release) // the server takes no more requests now
	go func() { stopped <- st.stop(ctx) }()
	st.is("status of the request in flight", <-answered, http.StatusOK)
	if err := <-stopped; err != nil {
		st.fail("stop: %w", err)
	}
	after := st.ledger()
	st.is("transactions committed", after.committed-before.committed, 1)
	st.is("containers closed, with the root", st.events.containers()-served, 2)
	for name, n := range map[string]int{"accounts": 1, "journal": 1, "audit": 1, "transaction": after.begun, "bank": after.begun} {
		st.is("ends of "+name, st.events.ended(name), n)
	}
	for _, order := range [][2]string{{"bank", "transaction"}, {"transaction", "accounts"}, {"accounts", "journal"}, {"audit", "config"}} {
		if !st.events.before(order[0], order[1]) {
			st.fail("%s has not ended before %s", order[0], order[1])
		}
	}
	journal := st.lines("journal")
	if last := journal[len(journal)-1]; last != `{"closed":true}` {
		st.fail("the journal ends with %q", last)
	}
	audit := st.lines("audit")
	if last := audit[len(audit)-1]; !strings.HasSuffix(last, " person4 POST /transfers 200") {
		st.fail("the audit ends with %q", last)
	}
	st.say("it was answered, and committed; then the parts ended: the store, whose last line is in the journal, before the journal")
}

func startAgain(st *story) {
	st.start()
	for i, want := range map[int]int{3: each, 4: each - held, 5: each + held} {
		var got balance
		st.ask(name(i), http.MethodGet, "/balance", nil, http.StatusOK, &got)
		st.is("balance of "+name(i), got.Balance, want)
	}
	st.is("money", st.ledger().sum, people*each)
	st.say("all balances are what they were; money: %d", st.ledger().sum)
}

func badEnd(st *story) {
	a, err := weir.Resolve(context.Background(), st.app, auditFile)
	if err != nil {
		st.fail("the audit: %w", err)
		return
	}
	a.file.Close() // the disk is full, the volume is gone
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err = st.stop(ctx)
	if err == nil || !strings.Contains(err.Error(), "audit: ") {
		st.fail("stop says %v, and not that the audit was not written", err)
		return
	}
	journal := st.lines("journal")
	if last := journal[len(journal)-1]; last != `{"closed":true}` {
		st.fail("the journal ends with %q", last)
	}
	st.client.CloseIdleConnections()
	st.becomes("goroutines left over", func() int { return max(0, runtime.NumGoroutine()-st.goroutines) }, 0)
	first, _, _ := strings.Cut(err.Error(), "\n")
	st.say("stop says so: %s; all other parts have ended in order; goroutines left over: 0", first)
}
