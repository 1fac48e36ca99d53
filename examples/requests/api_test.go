package main

// api_test.go tries the API with some of its parts overridden, and without a connection; and each part by itself.

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weir-go/weir"
)

// newApp makes a container for a test: real parts with files of its own, but for what opts override.
func newApp(t *testing.T, opts ...weir.ContainerOption) *weir.Container {
	app := weir.NewContainer(append(opts, config.OverrideWithValue(settings{
		dir:     t.TempDir(),
		users:   map[string]string{"a": "alice", "b": "bob"},
		opening: map[string]int{"alice": 10, "bob": 10},
		limit:   5,
	}))...)
	t.Cleanup(func() {
		if err := app.Shutdown(context.Background()); err != nil {
			t.Errorf("shutdown: %v", err)
		}
	})
	return app
}

func request(app *weir.Container, token, method, path, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	(&api{app: app}).routes().ServeHTTP(w, r)
	return w
}

func TestRequests(t *testing.T) {
	app := newApp(t)
	for _, tt := range []struct {
		token, method, path, body string
		status                    int
		says                      string
	}{
		{"a", "GET", "/me", "", 200, `"user":"alice"`},
		{"", "GET", "/me", "", 401, "who are you?"},
		{"x", "GET", "/balance", "", 401, "who are you?"},
		{"a", "POST", "/me", "", 405, ""},
		{"a", "GET", "/other", "", 404, ""},
		{"a", "POST", "/transfers", `{"to": "bob", "amount": 3}`, 200, `{"balance":7}`},
		{"b", "GET", "/balance", "", 200, `{"balance":13}`},
		{"a", "POST", "/transfers", `{"to": "bob", "amount": 6}`, 403, "the limit is 5"},
		{"a", "POST", "/transfers", `{"to": "bob", "amount": 0}`, 400, "must be positive"},
		{"a", "POST", "/transfers", `{"to": "bob", "amount": -1}`, 400, "must be positive"},
		{"a", "POST", "/transfers", `{"to": "alice", "amount": 1}`, 400, "your own account"},
		{"a", "POST", "/transfers", `{"to": "eve", "amount": 1}`, 404, `no such account: "eve"`},
		{"a", "POST", "/transfers", `{"to": "bob", "amount": 50}`, 422, "not enough money"},
		{"a", "POST", "/transfers", `money`, 400, "a transfer is like"},
		{"a", "POST", "/transfers", `{"to": "` + strings.Repeat("x", 1<<17) + `"}`, 400, "too large"},
		{"a", "GET", "/balance", "", 200, `{"balance":7}`},
	} {
		w := request(app, tt.token, tt.method, tt.path, tt.body)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.says) {
			t.Errorf("%s %s %.50s: got %d %q, want %d %q", tt.method, tt.path, tt.body, w.Code, w.Body, tt.status, tt.says)
		}
	}
}

// An override in the root takes a part's place for all requests; nothing else has to know.
func TestWithAnotherChecker(t *testing.T) {
	var asked []string
	app := newApp(t, checker.OverrideWithValue(func(_ context.Context, from, to string, amount int) error {
		asked = append(asked, fmt.Sprint(from, " ", to, " ", amount))
		return fmt.Errorf("%w: not on Sundays", errRefused)
	}))
	if w := request(app, "a", "POST", "/transfers", `{"to": "bob", "amount": 3}`); w.Code != 403 || !strings.Contains(w.Body.String(), "not on Sundays") {
		t.Errorf("got %d %q", w.Code, w.Body)
	}
	if len(asked) != 1 || asked[0] != "alice bob 3" {
		t.Errorf("the checker was asked %q", asked)
	}
}

// What is the program's fault is not told to the caller, and leaves no trace in the accounts.
func TestJournalThatCannotBeWritten(t *testing.T) {
	app := newApp(t)
	j, err := weir.Resolve(t.Context(), app, journalFile)
	if err != nil {
		t.Fatal(err)
	}
	request(app, "a", "GET", "/me", "")
	request(app, "a", "GET", "/balance", "")
	good := j.file
	j.file, err = os.Open(os.DevNull) // for reading only
	if err != nil {
		t.Fatal(err)
	}
	if w := request(app, "a", "POST", "/transfers", `{"to": "bob", "amount": 3}`); w.Code != 500 || w.Body.String() != "something went wrong\n" {
		t.Errorf("got %d %q", w.Code, w.Body)
	}
	j.file.Close()
	j.file = good
	if w := request(app, "a", "GET", "/balance", ""); w.Body.String() != `{"balance":10}`+"\n" {
		t.Errorf("got %q", w.Body)
	}
}

func TestPartThatIsNotThere(t *testing.T) {
	missing := errors.New("no journal here")
	app := newApp(t, journalFile.OverrideWithValue(weir.Failed[*journal](missing)))
	if w := request(app, "a", "GET", "/balance", ""); w.Code != 500 {
		t.Errorf("got %d %q", w.Code, w.Body)
	}
	if w := request(app, "a", "GET", "/me", ""); w.Code != 200 { // needs no accounts
		t.Errorf("got %d %q", w.Code, w.Body)
	}
}

// A test of what works with a transaction needs no HTTP: it makes the container that the middleware would.
func TestBank(t *testing.T) {
	app := newApp(t)
	c := weir.NewContainer(weir.WithParent(app), currentCaller.OverrideWithValue(caller{"alice", "1"}))
	ctx := weir.NewContext(t.Context(), c)
	b, err := bankOf(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := bankOf(ctx); again != b || err != nil {
		t.Errorf("another bank in one request: %v", err)
	}
	if err := b.transfer(ctx, "bob", 4); err != nil {
		t.Fatal(err)
	}
	if n, err := b.balance(); n != 6 || err != nil {
		t.Errorf("in the transaction alice has %d, %v, want 6", n, err)
	}
	if w := request(app, "a", "GET", "/balance", ""); w.Body.String() != `{"balance":10}`+"\n" {
		t.Errorf("outside of it she has %q", w.Body)
	}
	c.Close() // not committed
	if _, err := b.balance(); !errors.Is(err, errOver) {
		t.Errorf("after the request: %v, want %v", err, errOver)
	}
}

func TestOutsideOfARequest(t *testing.T) {
	app := newApp(t)
	if _, err := bankOf(t.Context()); !errors.Is(err, errNoCaller) {
		t.Errorf("without a container: %v", err)
	}
	if _, err := bankOf(weir.NewContext(t.Context(), app)); !errors.Is(err, errNoCaller) {
		t.Errorf("in the root: %v", err)
	}
}

func TestHandlerThatPanics(t *testing.T) {
	app := newApp(t)
	h := (&api{app: app}).perRequest(func(r *http.Request) (any, error) {
		b, err := bankOf(r.Context())
		if err != nil {
			return nil, err
		}
		b.tx.set("alice", 0)
		panic("oops")
	})
	func() {
		defer func() {
			if recover() != "oops" {
				t.Error("the panic has not come through")
			}
		}()
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", "Bearer a")
		h(httptest.NewRecorder(), r)
	}()
	s, err := weir.Resolve(t.Context(), app, accounts)
	if err != nil || s.rolledBack != 1 || s.committed != 0 || s.accounts["alice"].balance != 10 {
		t.Errorf("%d rolled back, %d committed, alice has %d, %v", s.rolledBack, s.committed, s.accounts["alice"].balance, err)
	}
}

// Of a file that a crash cut off, what is whole counts; of one that is damaged, nothing.
func TestJournalAfterACrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	const whole = `{"set":{"alice":3}}` + "\n"
	for _, tt := range []struct {
		text string
		ok   bool
	}{{whole, true}, {whole + `{"set":{"ali`, true}, {whole + "nonsense\n", false}} {
		if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		j, err := openJournal(path)
		if (err == nil) != tt.ok {
			t.Errorf("%q: %v", tt.text, err)
		}
		if err != nil {
			continue
		}
		s, err := newStore(j, map[string]int{"alice": 100})
		if err != nil || s.accounts["alice"].balance != 3 {
			t.Errorf("%q: %v, %v", tt.text, s, err)
		}
		if err := errors.Join(s.close(), j.close()); err != nil {
			t.Error(err)
		}
		if data, err := os.ReadFile(path); err != nil || string(data) != whole+`{"closed":true}`+"\n" {
			t.Errorf("%q became %q, %v", tt.text, data, err)
		}
	}
}
