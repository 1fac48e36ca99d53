package main

// soak_clients_test.go owns the clients of the soak, real ones over TCP, and what each holds its answer against.

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/weir-go/weir"
	"github.com/weir-go/weir/internal/soak"
)

// cancelledPage is the first of the pages that somebody presses the cancel button of: those who wait for them may be told.
const cancelledPage = lastPage - 1

type soakClients struct {
	url, addr string
	http      *http.Client
	service   *service
	want      [][]byte               // by page, what it is as JSON
	state     *weir.Provider[string] // overridden by each child
	counts    *soak.Counts
	faults    *soak.Faults
}

// once is one client: it comes, does what chance says, and goes.
func (s *soakClients) once(chance *rand.Rand, stopping <-chan struct{}) {
	n := 1 + chance.IntN(lastPage+3) // some pages there are not
	switch what := chance.IntN(100); {
	case what < 50:
		s.wait(n)
	case what < 76:
		s.leave(n, soak.Up(chance, 30*time.Millisecond))
	case what < 80:
		s.dawdle(n, soak.Up(chance, 200*time.Millisecond), chance, stopping)
	case what < 84:
		s.ask("DELETE", fmt.Sprintf("/movies?page=%d", cancelledPage+chance.IntN(2)), http.StatusNoContent)
	case what < 88:
		s.ask("GET", "/stats", http.StatusOK)
	case what < 90:
		format := []string{"json", "dot", "mermaid", "timeline", ""}[chance.IntN(5)]
		s.ask("GET", "/debug/weir/?format="+format, http.StatusOK)
	case what < 91:
		s.stare(chance, stopping)
	case what < 93:
		s.babble(chance)
	case what < 97:
		s.child(n, chance, stopping)
	}
	soak.Pause(soak.Up(chance, 20*time.Millisecond), stopping)
}

// wait asks for page n and stays until there is an answer, which must be that page, or what went wrong upstream.
func (s *soakClients) wait(n int) {
	s.counts.Add("wait")
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	v := &visitor{}
	if err := v.ask(ctx, s.http, fmt.Sprintf("%s/movies?page=%d", s.url, n)); err != nil {
		s.faults.Add("a client that waited for page %d got no answer: %v", n, err)
		return
	}
	s.counts.Add(fmt.Sprint("status ", v.status))
	s.check(n, v.status, v.page, v.text)
}

func (s *soakClients) check(n, status int, page filmPage, text string) {
	switch {
	case status == http.StatusOK:
		got, err := json.Marshal(page)
		if err != nil || n > lastPage || !bytes.Equal(got, s.want[n]) {
			s.faults.Add("a client asked for page %d and got page %d: %.200s", n, page.Number, got)
		}
	case status == http.StatusNotFound && n > lastPage:
	case status == http.StatusConflict && n >= cancelledPage && n <= lastPage && strings.Contains(text, "by a DELETE"):
	case status == http.StatusBadGateway && !endedByOthers(text):
	case status == http.StatusGatewayTimeout && strings.Contains(text, context.DeadlineExceeded.Error()):
	default:
		s.faults.Add("a client that waited for page %d got %d %s", n, status, text)
	}
}

// endedByOthers reports whether text is how something ends that was called off: no client that waits may be told so.
func endedByOthers(text string) bool {
	for _, err := range []error{context.Canceled, weir.ErrDisposed, weir.ErrInvalidated, weir.ErrDependencyChanged, weir.ErrCanceled, weir.ErrContainerClosed} {
		if strings.Contains(text, strings.TrimPrefix(err.Error(), "weir: ")) {
			return true
		}
	}
	return false
}

// leave goes away after d, unless there is an answer before.
func (s *soakClients) leave(n int, d time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	v := &visitor{}
	err := v.ask(ctx, s.http, fmt.Sprintf("%s/movies?page=%d", s.url, n))
	switch {
	case err == nil:
		s.check(n, v.status, v.page, v.text)
		s.counts.Add("leave: in time")
	case ctx.Err() == nil:
		s.faults.Add("page %d: %v before the client left", n, err)
	default:
		s.counts.Add("leave")
	}
}

// dial connects with a window that is soon full. Half of them end with a reset.
func (s *soakClients) dial(chance *rand.Rand) net.Conn {
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.faults.Add("dial: %v", err)
		return nil
	}
	tcp := conn.(*net.TCPConn)
	tcp.SetReadBuffer(4 << 10)
	if chance.IntN(2) == 0 {
		tcp.SetLinger(0)
	}
	return conn
}

// dawdle asks for a page, reads a little of it, waits, and goes.
func (s *soakClients) dawdle(n int, d time.Duration, chance *rand.Rand, stopping <-chan struct{}) {
	s.counts.Add("dawdle")
	if conn := s.dial(chance); conn != nil {
		defer conn.Close()
		fmt.Fprintf(conn, "GET /movies?page=%d HTTP/1.1\r\nHost: x\r\n\r\n", n)
		conn.SetReadDeadline(time.Now().Add(d))
		io.ReadFull(conn, make([]byte, 1+chance.IntN(100)))
		soak.Pause(d, stopping)
	}
}

// stare opens the inspector's live feed, and has stopped reading it before long.
func (s *soakClients) stare(chance *rand.Rand, stopping <-chan struct{}) {
	s.counts.Add("stare")
	if conn := s.dial(chance); conn != nil {
		defer conn.Close()
		fmt.Fprint(conn, "GET /debug/weir/?format=stream HTTP/1.1\r\nHost: x\r\n\r\n")
		conn.SetReadDeadline(time.Now().Add(time.Second))
		io.ReadFull(conn, make([]byte, 1+chance.IntN(20_000)))
		soak.Pause(soak.Up(chance, 3*time.Second), stopping)
	}
}

// babble sends what is no request.
func (s *soakClients) babble(chance *rand.Rand) {
	s.counts.Add("babble")
	if conn := s.dial(chance); conn != nil {
		defer conn.Close()
		text := []string{"GET /movies?page=1", "\x16\x03\x01\x00", "POST /movies HTTP/1.1\r\nContent-Length: 99\r\n\r\nx", "GET /movies?page=%zz HTTP/1.1\r\nHost: x\r\n\r\n"}
		io.WriteString(conn, text[chance.IntN(len(text))])
	}
}

// ask makes a request with the status that it must have.
func (s *soakClients) ask(method, path string, want int) {
	s.counts.Add(method)
	if err := soak.Ask(s.http, method, s.url+path, "", want); err != nil {
		s.faults.Add("%v", err)
	}
}

// child is a part of the program with a container of its own. What it makes of a page lives there, and so does the listener of that,
// whose panics its handler hears of: a listener of the page itself would be the service's.
func (s *soakClients) child(n int, chance *rand.Rand, stopping <-chan struct{}) {
	s.counts.Add("child")
	page := s.service.pages.Of(n)
	c := weir.NewContainer(weir.WithParent(s.service.container),
		weir.WithPanicHandler(func(*weir.PanicError) { s.counts.Add("panic in a listener") }),
		s.state.OverrideWith(func(ref weir.Ref) string {
			v := weir.Watch(ref, page)
			if rand.IntN(50) == 0 {
				panic("a build that panics")
			}
			return v.String()
		}))
	sub := weir.Listen(c, s.state, func(_, _ string) {
		if rand.IntN(2) == 0 {
			panic("a listener that panics")
		}
	}, weir.OnError(func(error) { panic("an error function that panics") }))
	if chance.IntN(2) == 0 {
		got, err := weir.Resolve(context.Background(), c, page)
		switch {
		case err == nil && got.Number != n:
			s.faults.Add("Resolve of page %d: page %d", n, got.Number)
		case err != nil && endedByOthers(err.Error()) && (n < cancelledPage || n > lastPage):
			s.faults.Add("Resolve of page %d: %v", n, err)
		}
	}
	soak.Pause(soak.Up(chance, 50*time.Millisecond), stopping)
	if chance.IntN(2) == 0 {
		sub.Close()
	}
	c.Close()
}
