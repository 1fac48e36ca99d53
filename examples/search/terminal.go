package main

// terminal.go owns the terminal: keys become the query, the screen becomes text. Raw keys need a terminal that stty can set up;
// elsewhere each line is a query.

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/weir-go/weir"
)

// patience is how long an orderly end may take; the story waits as long for what must happen.
const patience = 10 * time.Second

// screen is all that can be seen.
type screen struct {
	query    string // as typed
	results  results
	busy     bool // a search is on its way, or waits for the next key
	progress float64
	err      error
}

const rows = 15 // of results

func (sc screen) draw(out io.Writer) {
	fmt.Fprintf(out, "search: %s\n", printable(sc.query))
	switch {
	case sc.err != nil:
		fmt.Fprintf(out, "%s\n", printable(sc.err.Error()))
	case sc.busy:
		const width = 20
		done := int(sc.progress * width)
		fmt.Fprintf(out, "[%s%s] %3.0f %%\n", strings.Repeat("#", done), strings.Repeat(".", width-done), 100*sc.progress)
	case sc.results.query == "":
		fmt.Fprintln(out, "type to search, ^C to end")
	default:
		fmt.Fprintf(out, "%d packages\n", len(sc.results.hits))
	}
	for i, h := range sc.results.hits {
		if i == rows {
			fmt.Fprintf(out, "  and %d more\n", len(sc.results.hits)-rows)
			break
		}
		fmt.Fprintf(out, "  %-24s %.70s\n", printable(h.Path), printable(h.Doc))
	}
}

// printable is s without what a terminal would take for a command.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s)
}

// searchFor searches for what in says until it ends, ctx does, or ^C is pressed.
func searchFor(ctx context.Context, in io.Reader, out io.Writer, raw bool, wait, pace time.Duration) error {
	b, err := newBackend(pace)
	if err != nil {
		return err
	}
	client := newBackendClient(b.url)
	s := newSearcher(client.search, wait)

	// The loop below draws the newest screen, as fast as the terminal can. It holds up nobody if that is slow, and is a listener:
	// when it is left, nobody looks any more, and a search that is under way is cancelled.
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	ended := make(chan error, 1)
	go func() { // not waited for when ctx ends: a Read of the terminal cannot be called off
		defer leave()
		err := s.read(in, raw)
		if !raw && err == nil {
			weir.Resolve(ctx, s.container, s.search) // the last line shall have its answer
		}
		ended <- err
	}()
	draw := func(sc screen) {
		switch {
		case raw:
			fmt.Fprint(out, "\x1b[H\x1b[J") // home, and clear
			sc.draw(out)
		case !sc.busy && sc.query != "":
			sc.draw(out)
		}
	}
	var last screen
	for last = range weir.Values(ctx, s.container, s.screen) {
		draw(last)
	}
	if sc := weir.Read(s.container, s.screen); !raw && (sc.busy != last.busy || sc.query != last.query) {
		draw(sc) // the loop ended before it had seen this one
	}
	err = s.stop()
	client.close()
	err = errors.Join(err, b.stop())
	select {
	case readErr := <-ended:
		return errors.Join(err, readErr)
	default:
		return err
	}
}

// read makes the query of what in says, until it ends or has a ^C or ^D in it.
func (s *searcher) read(in io.Reader, raw bool) error {
	if raw {
		return s.readKeys(in)
	}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		s.query.Set(s.container, printable(lines.Text()))
	}
	return lines.Err()
}

// readKeys takes one key after the other.
func (s *searcher) readKeys(in io.Reader) error {
	keys := bufio.NewReader(in)
	for {
		r, _, err := keys.ReadRune()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch r {
		case 3, 4: // ^C, where the terminal makes no signal of it, and ^D
			return nil
		case 8, 127: // backspace
			s.query.Update(s.container, func(q string) string {
				_, n := utf8.DecodeLastRuneInString(q)
				return q[:len(q)-n]
			})
		case 21: // ^U
			s.query.Set(s.container, "")
		case 27: // an arrow, or another key that sends ESC [ and then some, up to a letter or ~
			if next, _, err := keys.ReadRune(); err != nil || next != '[' && next != 'O' {
				continue
			}
			for {
				if next, _, err := keys.ReadRune(); err != nil || next >= '@' && next <= '~' {
					break
				}
			}
		default:
			if unicode.IsPrint(r) {
				s.query.Update(s.container, func(q string) string { return q + string(r) })
			}
		}
	}
}

// rawMode has the terminal pass on each key at once and not show it. It reports whether it could; restore undoes it.
func rawMode() (restore func(), ok bool) {
	stty := func(args ...string) (string, error) {
		cmd := exec.Command("stty", args...)
		cmd.Stdin = os.Stdin
		out, err := cmd.Output()
		return strings.TrimSpace(string(out)), err
	}
	was, err := stty("-g")
	if err != nil { // no terminal, or no stty
		return func() {}, false
	}
	if _, err := stty("-icanon", "-echo", "min", "1", "time", "0"); err != nil {
		return func() {}, false
	}
	return func() { stty(was) }, true
}
