package main

// api.go owns the handlers. None of them begins or ends a transaction, or knows where the accounts are.

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/weir-go/weir"
)

func (a *api) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /me", a.perRequest(getMe))
	mux.HandleFunc("GET /balance", a.perRequest(getBalance))
	mux.HandleFunc("POST /transfers", a.perRequest(postTransfer))
	return mux
}

type me struct {
	User    string `json:"user"`
	Request string `json:"request"`
}

// getMe asks for the caller alone: no transaction is begun.
func getMe(r *http.Request) (any, error) {
	c, ok := weir.FromContext(r.Context())
	if !ok {
		return nil, errNoCaller
	}
	who := weir.Read(c, currentCaller)
	return me{who.user, who.request}, nil
}

type balance struct {
	Balance int `json:"balance"`
}

func getBalance(r *http.Request) (any, error) {
	b, err := bankOf(r.Context())
	if err != nil {
		return nil, err
	}
	n, err := b.balance()
	return balance{n}, err
}

type transfer struct {
	To     string `json:"to"`
	Amount int    `json:"amount"`
}

func postTransfer(r *http.Request) (any, error) {
	var t transfer
	if err := json.NewDecoder(r.Body).Decode(&t); err != nil {
		return nil, badRequest{fmt.Errorf("a transfer is like {\"to\": \"bob\", \"amount\": 5}: %w", err)}
	}
	if t.Amount <= 0 {
		return nil, badRequest{errors.New("the amount must be positive")}
	}
	b, err := bankOf(r.Context())
	if err != nil {
		return nil, err
	}
	if t.To == b.user {
		return nil, badRequest{errors.New("that is your own account")}
	}
	if err := b.transfer(r.Context(), t.To, t.Amount); err != nil {
		return nil, err
	}
	n, err := b.balance()
	return balance{n}, err
}
