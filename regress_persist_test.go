package weir_test

// What is restored (4.4) at awkward moments: a storage that is slow, stuck or in pieces, while builds end and lives follow one another.
// What is stored is lost to nothing but a newer state, and nobody waits longer than was said.

import (
	"bytes"
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// gatedStorage is a storage whose calls wait at gates, where there are some.
type gatedStorage struct {
	weir.MemoryStorage
	read, write, remove chan struct{} // closed: open
	obeys               bool          // Read ends with its context; what has ended already is not written
	failRead, failAside error         // failAside: of what is set aside

	mu    sync.Mutex
	reads int
	calls int // under way
	most  int // at a time
}

func (s *gatedStorage) pass(gate chan struct{}, until <-chan struct{}) (leave func()) {
	s.mu.Lock()
	s.calls++
	s.most = max(s.most, s.calls)
	s.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-until:
		}
	}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.calls--
	}
}

func (s *gatedStorage) Read(ctx context.Context, key string) ([]byte, error) {
	s.mu.Lock()
	s.reads++
	s.mu.Unlock()
	var until <-chan struct{}
	if s.obeys {
		until = ctx.Done()
	}
	defer s.pass(s.read, until)()
	if s.obeys && ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if s.failRead != nil {
		return nil, s.failRead
	}
	return s.MemoryStorage.Read(ctx, key)
}

func (s *gatedStorage) Write(ctx context.Context, key string, data []byte) error {
	defer s.pass(s.write, nil)()
	if s.obeys && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if s.failAside != nil && key != "n" {
		return s.failAside
	}
	return s.MemoryStorage.Write(ctx, key, data)
}

func (s *gatedStorage) Delete(ctx context.Context, key string) error {
	defer s.pass(s.remove, nil)()
	return s.MemoryStorage.Delete(ctx, key)
}

// holding returns a storage in which an earlier program has kept v under "n".
func holding(t *testing.T, v int, opts ...weir.PersistOption) *gatedStorage {
	t.Helper()
	s := &gatedStorage{}
	c := newContainer(t)
	p := savedProvider(constant(v), weir.Persist(s, "n", weir.JSON[int]{}, opts...))
	weir.Read(c, p)
	settle()
	require.NoError(t, c.Shutdown(t.Context()))
	s.reads = 0
	return s
}

// holds fails the test unless want is what s keeps under key.
func (s *gatedStorage) holds(t *testing.T, want, key string) {
	t.Helper()
	data, err := s.MemoryStorage.Read(t.Context(), key)
	require.NoError(t, err)
	_, got, _ := bytes.Cut(data, []byte("\n"))
	require.Equal(t, want, string(got), "what is stored")
}

// keepState is a Build that goes on with what is there.
func keepState(_ context.Context, n *savedNotifier) (int, error) { return n.State().ValueOr(0), nil }

// plainProvider is a synchronous notifier that builds first if nothing is stored.
func plainProvider(first int, opts ...weir.ProviderOption) *weir.NotifierProvider[*plainSaved, int] {
	return weir.NewNotifierProvider(func() *plainSaved { return &plainSaved{first: first} }, opts...)
}

// savedStream is a stream that begins with what is there.
type savedStream struct{ weir.StreamNotifier[int] }

func (n *savedStream) Build(_ context.Context, _ weir.Ref, emit func(int) bool) error {
	emit(n.State().ValueOr(0))
	return nil
}

func TestWhatIsStoredOutlivesABuildThatEndsBeforeTheStorageAnswers(t *testing.T) {
	// The restore belongs to the life of an element, not to its first build. Planted bug: the first build takes the answer with it; the next
	// finds nothing, and what it returns replaces what is stored.
	saved := func(s weir.Storage) weir.ProviderOption { return weir.Persist(s, "n", weir.JSON[int]{}) }
	type subject struct {
		p      weir.AnyProvider
		listen func(c *weir.Container) (end func())
		cancel func(c *weir.Container)
		state  func(c *weir.Container) string
	}
	async := func(p weir.AnyProvider, src weir.AsyncSource[int], cancel func(weir.Scope, error)) subject {
		return subject{p: p,
			listen: func(c *weir.Container) func() { return weir.Listen(c, src, nil).Close },
			cancel: func(c *weir.Container) { cancel(c, nil) },
			state:  func(c *weir.Container) string { return weir.Read(c, src).String() },
		}
	}
	kinds := map[string]func(s weir.Storage, opts ...weir.ProviderOption) subject{
		"async": func(s weir.Storage, opts ...weir.ProviderOption) subject {
			p := savedProvider(keepState, append(opts, saved(s))...)
			return async(p, p, p.Cancel)
		},
		"stream": func(s weir.Storage, opts ...weir.ProviderOption) subject {
			p := weir.NewStreamNotifierProvider(func() *savedStream { return &savedStream{} }, append(opts, saved(s))...)
			return async(p, p, p.Cancel)
		},
		"sync": func(s weir.Storage, _ ...weir.ProviderOption) subject {
			p := plainProvider(0, saved(s))
			return subject{p: p,
				listen: func(c *weir.Container) func() {
					made := make(chan func(), 1)
					go func() { made <- weir.Listen(c, p, nil).Close }()
					return func() { (<-made)() }
				},
				state: func(c *weir.Container) string { return weir.Data(weir.Read(c, p)).String() },
			}
		},
	}
	ends := map[string]func(c *weir.Container, x subject){
		"Invalidate": func(c *weir.Container, x subject) { c.Invalidate(x.p) },
		"Invalidate, twice": func(c *weir.Container, x subject) {
			c.Invalidate(x.p)
			settle()
			c.Invalidate(x.p)
		},
		"Cancel, then Invalidate": func(c *weir.Container, x subject) {
			if x.cancel != nil {
				x.cancel(c)
				settle()
			}
			c.Invalidate(x.p)
		},
		"Timeout, then Invalidate": func(c *weir.Container, x subject) {
			pass(500 * time.Millisecond)
			c.Invalidate(x.p)
		},
	}
	for kind, declare := range kinds {
		for how, end := range ends {
			t.Run(kind+"/"+how, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					s := holding(t, 42)
					s.read = make(chan struct{})
					c := newContainer(t)
					var opts []weir.ProviderOption
					if kind != "sync" {
						opts = append(opts, weir.Timeout(400*time.Millisecond))
					}
					x := declare(s, opts...)
					done := x.listen(c)
					settle()
					end(c, x)
					settle()
					close(s.read)
					settle()
					require.Equal(t, "Data(42)", x.state(c))
					require.NoError(t, weir.Persisted(t.Context(), c, x.p))
					s.holds(t, "42", "n")
					require.Equal(t, 1, s.reads, "one restore for all builds of a life")
					done()
				})
			})
		}
	}
}

func TestARestoredStateIsShownByTheBuildAfterOneThatFailed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := holding(t, 42)
		s.read = make(chan struct{})
		fail := true
		p := savedProvider(func(_ context.Context, n *savedNotifier) (int, error) {
			if fail {
				return 0, errBoom
			}
			return n.State().ValueOr(0), nil
		}, weir.Persist(s, "n", weir.JSON[int]{}, weir.RestoreWait(time.Second)))
		var failures []string
		c := persistedContainer(t, &failures)
		sub := weir.Listen(c, p, nil)
		defer sub.Close()
		pass(2 * time.Second)
		require.ErrorIs(t, weir.Read(c, p).Err(), errBoom, "it went on without the storage")
		close(s.read)
		settle()
		fail = false
		c.Invalidate(p)
		settle()
		require.Equal(t, "Data(42)", weir.Read(c, p).String())
		s.holds(t, "42", "n")
		require.Len(t, failures, 1)
	})
}

func TestRestoreWaitIsTheTimeOfALifeNotOfABuild(t *testing.T) {
	// Planted bug: each build waits anew, and tells anew.
	bubble(t, func(t *testing.T) {
		s := holding(t, 42)
		s.read = make(chan struct{})
		var failures atomic.Int32
		c := newContainer(t, weir.WithObserver(&weir.Observer{StorageFailed: func(weir.StorageFailedEvent) { failures.Add(1) }}))
		var began []time.Duration
		from := time.Now()
		p := savedProvider(func(context.Context, *savedNotifier) (int, error) {
			began = append(began, time.Since(from))
			return 0, errBoom
		}, weir.Persist(s, "n", weir.JSON[int]{}, weir.RestoreWait(time.Second)))
		sub := weir.Listen(c, p, nil)
		defer sub.Close()
		pass(700 * time.Millisecond)
		c.Invalidate(p) // ends the first while it waits: the second has what is left
		settle()
		require.Zero(t, failures.Load())
		pass(time.Second)
		c.Invalidate(p)
		settle()
		require.Equal(t, []time.Duration{700 * time.Millisecond, time.Second, 1700 * time.Millisecond}, began)
		require.EqualValues(t, 1, failures.Load())
		close(s.read)
	})
}

func TestWhatAFirstBuildReturnsReplacesNothingThatCouldNotBeSetAside(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := holding(t, 42)
		s.failAside = errBoom
		var failures []string
		c := persistedContainer(t, &failures)
		p := plainProvider(1, weir.Persist[int](s, "n", panickingCodec{}))
		require.Equal(t, 1, weir.Read(c, p))
		require.NoError(t, weir.Persisted(t.Context(), c, p))
		s.holds(t, "42", "n")
		require.Len(t, failures, 1)
	})
}

// panickingCodec panics on what is stored.
type panickingCodec struct{ weir.JSON[int] }

func (panickingCodec) Decode([]byte) (int, error) { panic(errBoom) }

func TestWhatACodecPanicsOnIsSetAside(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := holding(t, 42)
		var failures []string
		c := persistedContainer(t, &failures)
		p := savedProvider(constant(1), weir.Persist[int](s, "n", panickingCodec{}))
		weir.Read(c, p)
		settle()
		p.Notifier(c).SetData(7)
		require.NoError(t, weir.Persisted(t.Context(), c, p))
		s.holds(t, "7", "n")
		s.holds(t, "42", "n.damaged")
		require.Len(t, failures, 1)
		require.Contains(t, failures[0], "decode: weir: ")
	})
}

func TestWhatIsSetAsideIsSoAlthoughSomebodyWritesMeanwhile(t *testing.T) {
	// Planted bug: the write ends the read, and what follows from the read with it.
	bubble(t, func(t *testing.T) {
		s := holding(t, 42)
		s.write, s.obeys = make(chan struct{}), true
		c := newContainer(t)
		p := savedProvider(constant(7), weir.Persist[int](s, "n", panickingCodec{}))
		n := p.Notifier(c)
		settle()
		n.SetData(7)
		close(s.write)
		require.NoError(t, weir.Persisted(t.Context(), c, p))
		s.holds(t, "42", "n.damaged")
		s.holds(t, "7", "n")
	})
}

func TestRestoringDoesNotPutOffExpiry(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := holding(t, 42, weir.Expiry(time.Hour))
		state := func() int {
			c := newContainer(t)
			p := plainProvider(0, weir.Persist(s, "n", weir.JSON[int]{}, weir.Expiry(time.Hour)))
			v := weir.Read(c, p)
			require.NoError(t, c.Shutdown(t.Context()))
			return v
		}
		pass(50 * time.Minute)
		require.Equal(t, 42, state())
		pass(20 * time.Minute)
		require.Equal(t, 0, state())
	})
}

func TestABuildWaitsForTheSaveOfAnEarlierLifeNoLongerThanRestoreWait(t *testing.T) {
	for name, read := range map[string]func(c *weir.Container, s weir.Storage, opts ...weir.ProviderOption) (state func() int){
		"sync": func(c *weir.Container, s weir.Storage, opts ...weir.ProviderOption) func() int {
			p := plainProvider(1, append(opts, weir.Persist(s, "n", weir.JSON[int]{}))...)
			return func() int { return weir.Read(c, p) }
		},
		"async": func(c *weir.Container, s weir.Storage, opts ...weir.ProviderOption) func() int {
			p := savedProvider(constant(1), append(opts, weir.Timeout(10*time.Second), weir.Persist(s, "n", weir.JSON[int]{}))...)
			return func() int {
				v, err := weir.Resolve(context.Background(), c, p)
				require.NoError(t, err)
				return v
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := &gatedStorage{write: make(chan struct{})}
				var failures []string
				c := persistedContainer(t, &failures)
				state := read(c, s, weir.AutoDispose())
				require.Equal(t, 1, state())
				gone()
				from := time.Now()
				require.Equal(t, 1, state())
				require.Equal(t, time.Second, time.Since(from))
				require.Len(t, failures, 1)
				close(s.write)
				gone()
				s.holds(t, "1", "n")
				require.Equal(t, 1, state())
				require.Len(t, failures, 1, "the next life finds it free")
			})
		})
	}
}

func TestABuildThatIsOverBeforeItBeginsDoesNotTakeTheKey(t *testing.T) {
	// Its element is gone: nobody would give the key back. Planted bug: the function of a build that was disposed before it was called owns
	// the key, and the next element that has it is told that two share one.
	bubble(t, func(t *testing.T) {
		s := holding(t, 42)
		var failures []string
		hold := make(chan struct{})
		var once sync.Once
		c := newContainer(t, weir.WithObserver(&weir.Observer{
			BuildStarted: func(weir.BuildStartedEvent) { once.Do(func() { <-hold }) },
			StorageFailed: func(ev weir.StorageFailedEvent) {
				failures = append(failures, ev.Err.Error())
			},
		}))
		saved := weir.Persist(s, "n", weir.JSON[int]{})
		early := savedProvider(constant(1), weir.DisposeDelay(0), saved)
		late := savedProvider(keepState, saved)
		weir.Listen(c, early, nil).Close()
		settle()
		close(hold)
		settle()
		v, err := weir.Resolve(t.Context(), c, late)
		require.NoError(t, err)
		require.Equal(t, 42, v)
		require.Empty(t, failures)
	})
}
