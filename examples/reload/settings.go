package main

// settings.go owns the part that is built with Weir: from the versions of a file to a configuration, and from that to the parts of the
// program, each of which watches what concerns it and is rebuilt when that has changed.
//
//	versions -> parsed -> current -+-> log      -> logger
//	 (stream)    (may      (the    +-> page     -> page  ---+
//	              fail)    last    |                        +-> summary
//	                       good)   +-> database -> database +

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/weir-go/weir"
)

type settings struct {
	container *weir.Container
	versions  *weir.StreamProvider[version]
	parsed    *weir.FutureProvider[config]
	current   *weir.Provider[config]

	// The parts of the program.
	logger   *weir.Provider[*slog.Logger]
	page     *weir.Provider[string]
	database *weir.Provider[*database]
	summary  *weir.Provider[string]

	tally tally
}

// newSettings declares it all, for the file at path. Of a careless program, which a test wants to see found out, everything is
// rebuilt at each change.
func newSettings(path string, every time.Duration, log io.Writer, careless bool) *settings {
	s := &settings{}
	s.versions = weir.NewStreamProvider(watchFile(path, every, func() { s.tally.add("versions") }), weir.Name("versions"))

	// Try: parsing takes no time, so there is no loading in between, but may fail. What it fails with is the state then, with the
	// configuration of before kept beside it.
	s.parsed = weir.NewTryProvider(func(ref weir.Ref) (config, error) {
		s.tally.add("parsed")
		v, err := weir.Watch(ref, s.versions).Result()
		if err != nil {
			return config{}, err // before the first version it is ErrLoading, and this provider is loading as well
		}
		if v.err != nil {
			return config{}, v.err
		}
		c, err := parse([]byte(v.text.reveal()))
		if err != nil {
			return config{}, fmt.Errorf("version %d: %w", v.number, err)
		}
		return c, nil
	}, weir.Name("parsed"))

	// The last good configuration: of a failure, what is beside it. Two of them that are equal are no change.
	s.current = weir.NewProvider(func(ref weir.Ref) config {
		c, ok := weir.Watch(ref, s.parsed).Value()
		if !ok {
			panic(errNoConfig) // start sees to it that nobody asks before there is one
		}
		return c
	}, weir.Name("current"))

	// Each part watches a selection of the configuration, and is left alone for as long as that is equal to what it was.
	s.logger = weir.NewProvider(func(ref weir.Ref) *slog.Logger {
		s.tally.add("logger")
		of := weir.Watch(ref, part(s, careless, func(c config) logConfig { return c.Log }))
		return slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: of.Level}))
	}, weir.Name("logger"))
	s.page = weir.NewProvider(func(ref weir.Ref) string {
		s.tally.add("page")
		of := weir.Watch(ref, part(s, careless, func(c config) pageConfig { return c.Page }))
		return fmt.Sprintf("%s: %s", of.Title, of.Greeting)
	}, weir.Name("page"))
	s.database = weir.NewProvider(func(ref weir.Ref) *database {
		s.tally.add("database")
		db := openDatabase(weir.Watch(ref, part(s, careless, func(c config) databaseConfig { return c.Database })))
		ref.OnDispose(func() {
			db.close() // before the next one is opened
			s.tally.add("closed")
		})
		return db
	}, weir.Name("database"))
	s.summary = weir.NewProvider(func(ref weir.Ref) string {
		s.tally.add("summary")
		return fmt.Sprintf("%q with %d connections", weir.Watch(ref, s.page), weir.Watch(ref, s.database).connections)
	}, weir.Name("summary"))

	events := slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	s.container = weir.NewContainer(weir.WithPanicHandler(func(err *weir.PanicError) {
		events.Error("panic", "error", err, "stack", string(err.Stack))
	}))
	return s
}

var errNoConfig = errors.New("there is no configuration yet")

// part is the source of what f picks out of the configuration.
func part[U any](s *settings, careless bool, f func(config) U) weir.Source[U] {
	if careless {
		return weir.SelectFunc(s.current, f, func(_, _ U) bool { return false })
	}
	return weir.Select(s.current, f)
}

// start waits for the first configuration, and has everything follow the file from then on. A file that is wrong now is an error.
func (s *settings) start(ctx context.Context) error {
	if _, err := weir.Resolve(ctx, s.container, s.parsed); err != nil {
		return err
	}
	// A listener makes what it listens to active: brought up to date when the file changes, not when it is next asked for. It is
	// also what keeps the file being watched: while nobody listens to a stream, it pauses. These end with the container.
	weir.Listen(s.container, s.parsed, s.report)
	weir.Listen(s.container, s.logger, nil)
	weir.Listen(s.container, s.summary, nil)
	return nil
}

// report logs what has become of the file. It logs the configuration as a whole, which the secret in it allows.
func (s *settings) report(_, is weir.AsyncValue[config]) {
	log := weir.Read(s.container, s.logger)
	c, err := is.Result()
	if err != nil {
		log.Warn("the configuration is wrong, the last good one stays in force", "error", err)
		return
	}
	log.Info("a new configuration", "config", c)
	log.Debug("as weir has it", "state", is)
}

func (s *settings) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return s.container.Shutdown(ctx)
}

// database stands for a pool of connections: it is expensive to open, must be closed, and is in use by requests meanwhile.
type database struct {
	connections int

	mu     sync.RWMutex // held by queries
	closed bool         // guarded by mu
}

var errClosed = errors.New("the database is closed")

func openDatabase(c databaseConfig) *database {
	_ = c.URL.reveal() // a real one would connect with it
	return &database{connections: c.Connections}
}

func (db *database) query() (string, error) {
	db.mu.RLock()
	defer db.mu.RUnlock()
	if db.closed {
		return "", errClosed
	}
	return fmt.Sprintf("a row over one of %d connections", db.connections), nil
}

// close waits for the queries that have begun, as that of database/sql does.
func (db *database) close() {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.closed = true
}

// query asks the database of now. One that was closed between the Read and the query has a successor: ask that.
func (s *settings) query() (string, error) {
	for {
		text, err := weir.Read(s.container, s.database).query()
		if !errors.Is(err, errClosed) || s.container.Context().Err() != nil {
			return text, err
		}
	}
}

// tally counts what was done.
type tally struct {
	mu     sync.Mutex
	counts map[string]int // guarded by mu
}

func (t *tally) add(what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts = map[string]int{}
	}
	t.counts[what]++
}

func (t *tally) get(what string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts[what]
}
