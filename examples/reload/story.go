package main

// story.go owns the teller: it writes a configuration file, runs the program on it, edits the file chapter by chapter, and holds what
// was rebuilt against what must have been. The first count that is off ends the story.

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/weir-go/weir"
)

const (
	every    = 5 * time.Millisecond // how often the story's program looks at the file
	password = "hunter2"            // each password of the story begins so
)

type story struct {
	*settings
	out     io.Writer
	path    string
	url     string
	client  *http.Client
	journal journal        // all that the program has logged and answered
	want    map[string]int // the tally, as it must be
	err     error          // what was off first
}

var chapters = []struct {
	title string
	tell  func(st *story)
}{
	{"the first version", first},
	{"another greeting", greeting},
	{"another log level", level},
	{"a file that is half written", half},
	{"values that cannot be", wrong},
	{"the same in other words", otherWords},
	{"two parts in one edit", twoParts},
	{"another password", otherPassword},
	{"the file is replaced, at the same size and time", replaced},
	{"the file is gone, and back", gone},
	{"where the passwords are", secrets},
}

// tellStory runs the story and returns an error that says which count was off.
func tellStory(out io.Writer, careless bool) (err error) {
	begin := time.Now()
	dir, err := os.MkdirTemp("", "weir-reload-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	st := &story{
		out: out, path: filepath.Join(dir, "conf.json"),
		client: &http.Client{Transport: &http.Transport{}, Timeout: patience},
		want:   map[string]int{},
	}
	defer st.client.CloseIdleConnections()
	st.settings = newSettings(st.path, every, &st.journal, careless)
	defer func() { err = errors.Join(err, st.stop()) }()
	srv, err := listen(loopback, st.handler())
	if err != nil {
		return err
	}
	defer func() {
		st.client.CloseIdleConnections()
		err = errors.Join(err, srv.stop())
	}()
	st.url = srv.url

	fmt.Fprintf(out, "the configuration is in %s, and looked at every %v\n", st.path, every)
	for i, c := range chapters {
		fmt.Fprintf(out, "\n%2d. %s\n", i+1, c.title)
		c.tell(st)
		if st.err != nil {
			return fmt.Errorf("chapter %d, %s: %w", i+1, c.title, st.err)
		}
	}
	fmt.Fprintf(out, "\nevery count is what it must be (%.1f s)\n", time.Since(begin).Seconds())
	return nil
}

func (st *story) say(format string, args ...any) {
	if st.err == nil {
		fmt.Fprintf(st.out, "    "+format+"\n", args...)
	}
}

// fail ends the story, unless it has ended.
func (st *story) fail(format string, args ...any) {
	if st.err == nil {
		st.err = fmt.Errorf(format, args...)
	}
}

// file is what the story writes into the file.
func file(level, greeting, password string, connections int) string {
	return fmt.Sprintf(`{
  "log": {"level": %q},
  "page": {"title": "The story", "greeting": %q},
  "database": {"url": "postgres://app:%s@localhost/app", "connections": %d}
}
`, level, greeting, password, connections)
}

// write makes text the file's contents in one step, as programs should, with another file in its place.
func (st *story) write(text string) {
	temp := st.path + ".new"
	if err := os.WriteFile(temp, []byte(text), 0o600); err != nil {
		st.fail("%w", err)
	}
	if err := os.Rename(temp, st.path); err != nil {
		st.fail("%w", err)
	}
}

// rebuilt waits until one more version has gone through everything, and checks that of all that the program counts these were done
// once more, and nothing else was.
func (st *story) rebuilt(what ...string) {
	st.want["versions"]++
	for _, w := range append(what, "parsed") {
		st.want[w]++
	}
	for end := time.Now().Add(patience); st.err == nil && st.tally.get("versions") < st.want["versions"]; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			st.fail("the edit was not seen in %v", patience)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := st.container.Flush(ctx); err != nil {
		st.fail("%w", err)
	}
	for _, w := range []string{"versions", "parsed", "logger", "page", "database", "closed", "summary"} {
		if got := st.tally.get(w); got != st.want[w] {
			st.fail("%s: %d times, want %d", w, got, st.want[w])
		}
	}
}

// get asks the program for path.
func (st *story) get(path string) string {
	resp, err := st.client.Get(st.url + path)
	if err != nil {
		st.fail("%w", err)
		return ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		st.fail("GET %s: %s %s, error %v", path, resp.Status, text, err)
	}
	st.journal.Write(text)
	return string(text)
}

// greets checks what the page says.
func (st *story) greets(want string) {
	if got := st.get("/"); !strings.HasPrefix(got, "The story: "+want+"\n") {
		st.fail("the page says %q, want %q", got, want)
	}
}

// complains checks what GET /config says is wrong: all of these, or nothing.
func (st *story) complains(about ...string) {
	var now inForce
	if text := st.get("/config"); st.err == nil {
		// The redacted URL is read as the secret "[redacted]", which is all that can be known of it.
		if err := json.Unmarshal([]byte(text), &now); err != nil {
			st.fail("GET /config: %w", err)
		}
	}
	for _, part := range about {
		if !strings.Contains(now.Error, part) {
			st.fail("GET /config complains about %q, want %q", now.Error, part)
		}
	}
	if len(about) == 0 && now.Error != "" {
		st.fail("GET /config complains about %q", now.Error)
	}
	if now.Error != "" {
		st.say("wrong: %s", strings.ReplaceAll(now.Error, "\n", "; "))
	}
}

// ---- the chapters

func first(st *story) {
	st.write(file("info", "hello", password+"-1", 4))
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := st.start(ctx); err != nil {
		st.fail("%w", err)
		return
	}
	st.want["parsed"] = st.tally.get("parsed") - 1 // it was also asked before there was a version
	st.rebuilt("logger", "page", "database", "summary")
	st.greets("hello")
	st.complains()
	st.say("each part is built once")
}

func greeting(st *story) {
	st.write(file("info", "good evening", password+"-1", 4))
	st.rebuilt("page", "summary")
	st.greets("good evening")
	st.say("rebuilt: the page, and the summary that watches it; the database is the same one")
}

func level(st *story) {
	st.write(file("debug", "good evening", password+"-1", 4))
	st.rebuilt("logger")
	if !strings.Contains(st.journal.String(), "level=DEBUG") {
		st.fail("nothing was logged at the new level")
	}
	st.say("rebuilt: the logger")
}

func half(st *story) {
	text := file("debug", "good night", password+"-1", 4)
	st.write(text[:len(text)/2])
	st.rebuilt()
	st.greets("good evening")
	st.complains("the file ends too early")
	st.say("the last good one stays in force")

	// The rest of it, into the same file.
	f, err := os.OpenFile(st.path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		st.fail("%w", err)
		return
	}
	_, err = f.WriteString(text[len(text)/2:])
	if err = errors.Join(err, f.Close()); err != nil {
		st.fail("%w", err)
	}
	st.rebuilt("page", "summary")
	st.greets("good night")
	st.complains()
	st.say("the rest came: rebuilt: the page and the summary")
}

func wrong(st *story) {
	st.write(strings.Replace(file("debug", "never seen", password+"-2", -1), "localhost", "", 1))
	st.rebuilt()
	st.greets("good night")
	st.complains("database.url is not a URL with a host", "must be 1 to 100, got -1")
	st.write(file("loud", "never seen", password+"-2", 4))
	st.rebuilt()
	st.complains("loud")
	st.write(file("debug", "good night", password+"-1", 4))
	st.rebuilt()
	st.complains()
	st.say("and back to what was: nothing is rebuilt")
}

func otherWords(st *story) {
	st.write(fmt.Sprintf(`{"page":{"greeting":"good night","title":"The story"},"database":{"connections":4,"url":"postgres://app:%s-1@localhost/app"},
		"log":{"level":"DEBUG"}}`, password))
	st.rebuilt()
	st.say("another version, the same configuration: nothing is rebuilt")
}

func twoParts(st *story) {
	st.write(file("debug", "good morning", password+"-1", 8))
	st.rebuilt("page", "database", "closed", "summary")
	st.greets("good morning")
	st.say("the summary, which watches both, is rebuilt once")
}

func otherPassword(st *story) {
	before := weir.Read(st.container, st.database)
	st.write(file("debug", "good morning", password+"-3", 8))
	st.rebuilt("database", "closed", "summary")
	if _, err := before.query(); !errors.Is(err, errClosed) {
		st.fail("the old database is still open")
	}
	if _, err := st.query(); err != nil {
		st.fail("%w", err)
	}
	st.say("the old database is closed, the new one is open")
}

func replaced(st *story) {
	info, err := os.Stat(st.path)
	if err != nil {
		st.fail("%w", err)
		return
	}
	text := file("debug", "good evening", password+"-3", 8)
	if int64(len(text)) != info.Size() {
		st.fail("the story's file has %d bytes, want %d", len(text), info.Size())
	}
	if err := os.WriteFile(st.path+".same", []byte(text), 0o600); err != nil {
		st.fail("%w", err)
	}
	if err := os.Chtimes(st.path+".same", info.ModTime(), info.ModTime()); err != nil {
		st.fail("%w", err)
	}
	if err := os.Rename(st.path+".same", st.path); err != nil {
		st.fail("%w", err)
	}
	st.rebuilt("page", "summary")
	st.greets("good evening")
	st.say("found all the same")
}

func gone(st *story) {
	if err := os.Remove(st.path); err != nil {
		st.fail("%w", err)
	}
	st.rebuilt()
	st.greets("good evening")
	st.complains(filepath.Base(st.path))
	st.write(file("debug", "good evening", password+"-3", 8))
	st.rebuilt()
	st.complains()
	st.say("nothing is rebuilt")
}

// secrets looks for passwords in all that the program has said, and in all that can be said of its values.
func secrets(st *story) {
	c := weir.Read(st.container, st.current)
	if !strings.Contains(c.Database.URL.reveal(), password) {
		st.fail("the program has no password either")
	}
	v, _ := weir.Read(st.container, st.versions).Value()
	hidden := struct{ c config }{c} // fmt finds no methods in there
	values := []any{c, &c, v, &v, hidden, c.Database.URL, weir.Read(st.container, st.parsed), weir.Read(st.container, st.versions)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%p"} {
		for _, value := range values {
			fmt.Fprintf(&st.journal, verb+"\n", value)
		}
	}
	debug := &slog.HandlerOptions{Level: slog.LevelDebug}
	for _, h := range []slog.Handler{slog.NewTextHandler(&st.journal, debug), slog.NewJSONHandler(&st.journal, debug)} {
		for _, value := range values {
			slog.New(h).Info("all of it", "value", value)
		}
	}
	if err := json.NewEncoder(&st.journal).Encode(c); err != nil {
		st.fail("%w", err)
	}
	all := st.journal.String()
	for _, text := range []string{password, hex.EncodeToString([]byte(password)), strings.ToUpper(hex.EncodeToString([]byte(password)))} {
		if i := strings.Index(all, text); i >= 0 {
			st.fail("a password was told: %q", all[max(0, i-60):min(len(all), i+20)])
		}
	}
	if n := strings.Count(all, redacted); n < 20 {
		st.fail("only %d secrets were redacted: what was searched is not what was said", n)
	}
	st.say("in %d bytes of logs, answers and dumps: nowhere; redacted: %d times", len(all), strings.Count(all, redacted))
}

// journal is a buffer that may be written to from anywhere.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer // guarded by mu
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.String()
}
