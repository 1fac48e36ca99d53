package main

// scope.go owns the middleware: a container for each request, in which the caller is known and the transaction is its own; and how
// both end.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/weir-go/weir"
)

// handler answers a request, or fails. It is not given the response: that is written after the transaction was committed. It may be
// run again, in another container, if that was not possible because of somebody else's.
type handler func(r *http.Request) (answer any, err error)

type api struct {
	app  *weir.Container
	last atomic.Int64 // number of a request
}

// attempts is how often a request is tried that is in the way of others. One of those got through each time.
const attempts = 200

// perRequest is the middleware around h.
func (a *api) perRequest(h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		log, err := weir.Resolve(r.Context(), a.app, auditFile)
		if err != nil {
			http.Error(w, "not now", http.StatusServiceUnavailable)
			return
		}
		who := caller{request: fmt.Sprint(a.last.Add(1))}
		answer, err := a.answer(w, r, &who, h)
		status := statusOf(err)
		log.record(who.request, who.user, r.Method+" "+r.URL.Path, status)
		switch {
		case r.Context().Err() != nil: // nobody is there to read it
		case status == http.StatusInternalServerError:
			http.Error(w, "something went wrong", status) // what, is none of the caller's business
		case err != nil:
			http.Error(w, err.Error(), status)
		default:
			w.Header().Set("Content-Type", "application/json")
			json.NewEncoder(w).Encode(answer)
		}
	}
}

func (a *api) answer(w http.ResponseWriter, r *http.Request, who *caller, h handler) (any, error) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if who.user = weir.Read(a.app, config).users[token]; who.user == "" {
		return nil, errWho
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<16))
	if err != nil {
		return nil, badRequest{err}
	}
	for attempt := 1; ; attempt++ {
		r.Body = io.NopCloser(bytes.NewReader(body))
		answer, err := a.once(r, *who, h)
		if !errors.Is(err, errConflict) || attempt == attempts {
			return answer, err
		}
	}
}

// once runs h in a container of its own. When that is closed so is the transaction; and it is closed, whatever h does, at the end, or
// when the client goes away (WithContext).
func (a *api) once(r *http.Request, who caller, h handler) (any, error) {
	c := weir.NewContainer(weir.WithParent(a.app), weir.WithContext(r.Context()), currentCaller.OverrideWithValue(who))
	defer c.Close()
	answer, err := h(r.WithContext(weir.NewContext(r.Context(), c)))
	if err != nil {
		return nil, err
	}
	if !c.Exists(transaction) { // it did not ask for one; or it has gone with the container, and then there is no answer
		return answer, context.Cause(c.Context())
	}
	t, err := weir.Read(c, transaction).Result()
	if err != nil {
		return nil, err
	}
	return answer, t.commit()
}

// bankOf is how a handler comes by what it works with.
func bankOf(ctx context.Context) (*bank, error) {
	c, ok := weir.FromContext(ctx)
	if !ok {
		return nil, errNoCaller
	}
	return weir.Resolve(ctx, c, currentBank)
}

// badRequest is an error that is the client's.
type badRequest struct{ error }

var errWho = errors.New("who are you? Give a token (Authorization: Bearer TOKEN)")

func statusOf(err error) int {
	switch {
	case err == nil:
		return http.StatusOK
	case errors.As(err, new(badRequest)):
		return http.StatusBadRequest
	case errors.Is(err, errWho):
		return http.StatusUnauthorized
	case errors.Is(err, errRefused):
		return http.StatusForbidden
	case errors.Is(err, errNoAccount):
		return http.StatusNotFound
	case errors.Is(err, errConflict):
		return http.StatusConflict
	case errors.Is(err, errFunds):
		return http.StatusUnprocessableEntity
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, errOver), errors.Is(err, weir.ErrContainerClosed):
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}
