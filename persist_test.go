package weir_test

// This file holds persistence (4.4): what is restored and saved, when, and what becomes of storages and codecs that fail.

import (
	"context"
	"io/fs"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// countedStorage counts what a storage is asked for.
type countedStorage struct {
	weir.MemoryStorage
	mu                      sync.Mutex
	reads, writes, deletes  int
	failRead, failWrite     error
	blockRead, panicOnWrite bool
}

func (s *countedStorage) Read(ctx context.Context, key string) ([]byte, error) {
	s.mu.Lock()
	s.reads++
	s.mu.Unlock()
	if s.blockRead {
		select {}
	}
	if s.failRead != nil {
		return nil, s.failRead
	}
	return s.MemoryStorage.Read(ctx, key)
}

func (s *countedStorage) Write(ctx context.Context, key string, data []byte) error {
	s.mu.Lock()
	s.writes++
	s.mu.Unlock()
	if s.panicOnWrite {
		panic(errBoom)
	}
	if s.failWrite != nil {
		return s.failWrite
	}
	return s.MemoryStorage.Write(ctx, key, data)
}

func (s *countedStorage) Delete(ctx context.Context, key string) error {
	s.mu.Lock()
	s.deletes++
	s.mu.Unlock()
	return s.MemoryStorage.Delete(ctx, key)
}

type savedNotifier struct {
	weir.AsyncNotifier[int]
	build func(ctx context.Context, n *savedNotifier) (int, error)
}

func (n *savedNotifier) Build(ctx context.Context, _ weir.Ref) (int, error) { return n.build(ctx, n) }

func savedProvider(build func(ctx context.Context, n *savedNotifier) (int, error), opts ...weir.ProviderOption) *weir.AsyncNotifierProvider[*savedNotifier, int] {
	return weir.NewAsyncNotifierProvider(func() *savedNotifier { return &savedNotifier{build: build} }, opts...)
}

func constant(v int) func(context.Context, *savedNotifier) (int, error) {
	return func(context.Context, *savedNotifier) (int, error) { return v, nil }
}

func persistedContainer(t *testing.T, failures *[]string) *weir.Container {
	var mu sync.Mutex
	return newContainer(t, weir.WithObserver(&weir.Observer{StorageFailed: func(ev weir.StorageFailedEvent) {
		mu.Lock()
		defer mu.Unlock()
		*failures = append(*failures, ev.Op+": "+ev.Err.Error())
	}}))
}

func TestS428_438TheFirstBuildReadsAndEveryDataStateIsWritten(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var failures []string
		c := persistedContainer(t, &failures)
		s := &countedStorage{}
		p := savedProvider(constant(0), weir.Persist(s, "n", weir.JSON[int]{}))
		sub := weir.Listen(c, p, nil)
		defer sub.Close()
		settle()
		require.Equal(t, 1, s.reads)
		require.Equal(t, 1, s.writes)
		p.Notifier(c).SetData(21)
		require.NoError(t, weir.Persisted(t.Context(), c, p))
		require.Equal(t, 2, s.writes)
		c.Invalidate(p)
		settle()
		require.Equal(t, 1, s.reads, "a rebuild reads no more")
		require.Empty(t, failures)
		require.NoError(t, c.Shutdown(t.Context()))

		other := newContainer(t)
		var seen []string
		q := savedProvider(func(ctx context.Context, n *savedNotifier) (int, error) {
			seen = append(seen, n.State().String())
			return 9, nil
		}, weir.Persist(s, "n", weir.JSON[int]{}))
		var told []string
		sub = weir.Listen(other, q, func(_, next weir.AsyncValue[int]) { told = append(told, next.String()) })
		defer sub.Close()
		settle()
		require.Equal(t, []string{"Refreshing(0)"}, seen, "what was built last is what is stored")
		require.Equal(t, []string{"Refreshing(0)", "Data(9)"}, told)
	})
}

func TestS435AValueThatIsWrittenBeforeTheStorageAnswersWins(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		s := &countedStorage{}
		goOn := make(chan struct{})
		slow := &slowStorage{Storage: s, goOn: goOn}
		require.NoError(t, func() error {
			first := newContainer(t)
			weir.Read(first, savedProvider(constant(1), weir.Persist[int](s, "n", weir.JSON[int]{})))
			settle()
			return first.Shutdown(t.Context())
		}())
		finish := make(chan struct{})
		p := savedProvider(func(context.Context, *savedNotifier) (int, error) {
			<-finish
			return 3, nil
		}, weir.Persist[int](slow, "n", weir.JSON[int]{}))
		var told []string
		sub := weir.Listen(c, p, func(_, next weir.AsyncValue[int]) { told = append(told, next.String()) })
		defer sub.Close()
		settle()
		p.Notifier(c).SetData(2)
		close(goOn)
		settle()
		close(finish)
		settle()
		require.Equal(t, []string{"Data(2)", "Data(3)"}, told)
	})
}

type slowStorage struct {
	weir.Storage
	goOn chan struct{}
}

func (s *slowStorage) Read(ctx context.Context, key string) ([]byte, error) {
	<-s.goOn
	return s.Storage.Read(ctx, key)
}

func TestS442AStateOfAnotherDestroyKeyIsDeleted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := &countedStorage{}
		for i, key := range []string{"v1", "v2"} {
			c := newContainer(t)
			var found bool
			p := savedProvider(func(_ context.Context, n *savedNotifier) (int, error) {
				found = n.State().HasValue()
				return i, nil
			}, weir.Persist(s, "n", weir.JSON[int]{}, weir.DestroyKey(key)))
			weir.Read(c, p)
			settle()
			require.False(t, found)
			require.Equal(t, i, s.deletes)
			require.NoError(t, c.Shutdown(t.Context()))
		}
	})
}

func TestS444AStateExpiresOrIsKeptForEver(t *testing.T) {
	for name, opts := range map[string][]weir.PersistOption{"expires": {weir.Expiry(time.Hour)}, "is kept": nil} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := &countedStorage{}
				found := []bool{}
				for range 2 {
					c := newContainer(t)
					p := savedProvider(func(_ context.Context, n *savedNotifier) (int, error) {
						found = append(found, n.State().HasValue())
						return 1, nil
					}, weir.Persist(s, "n", weir.JSON[int]{}, opts...))
					weir.Read(c, p)
					settle()
					require.NoError(t, c.Shutdown(t.Context()))
					time.Sleep(10 * 365 * 24 * time.Hour)
				}
				require.Equal(t, []bool{false, opts == nil}, found)
			})
		})
	}
}

func TestS445TwoStatesWithOneKeyAreAnError(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var failures []string
		c := persistedContainer(t, &failures)
		s := &countedStorage{}
		a := savedProvider(constant(1), weir.Persist(s, "n", weir.JSON[int]{}), weir.Name("a"))
		b := savedProvider(constant(2), weir.Persist(s, "n", weir.JSON[int]{}), weir.Name("b"))
		subs := []*weir.Subscription[weir.AsyncValue[int]]{weir.Listen(c, a, nil)}
		settle()
		subs = append(subs, weir.Listen(c, b, nil))
		settle()
		c.Invalidate(b)
		settle()
		require.Len(t, failures, 1)
		require.Contains(t, failures[0], "a")
		require.Contains(t, failures[0], "b")
		require.Equal(t, 2, weir.Read(c, b).ValueOr(0))
		for _, x := range subs {
			x.Close()
		}
	})
}

func TestAStorageThatFailsIsToldAndTheBuildGoesOn(t *testing.T) {
	for name, s := range map[string]*countedStorage{
		"read: boom":        {failRead: errBoom},
		"write: boom":       {failWrite: errBoom},
		"read: weir: the s": {blockRead: true},
		"write: weir: ":     {panicOnWrite: true},
	} {
		t.Run(name, func(t *testing.T) {
			body := func(t *testing.T) {
				var failures []string
				c := persistedContainer(t, &failures)
				p := savedProvider(constant(4), weir.Persist(s, "n", weir.JSON[int]{}, weir.RestoreWait(10*time.Millisecond)))
				v, err := weir.Resolve(t.Context(), c, p)
				require.NoError(t, err)
				require.Equal(t, 4, v)
				err = weir.Persisted(t.Context(), c, p)
				require.Equal(t, s.failWrite != nil || s.panicOnWrite, err != nil)
				require.NoError(t, c.Shutdown(t.Context()))
				require.Len(t, failures, 1)
				require.Contains(t, failures[0], name)
			}
			if s.blockRead { // its goroutine never ends: not for a bubble
				guard(t, body)
				return
			}
			bubble(t, body)
		})
	}
}

func TestWhatIsStoredAndDamagedIsNotRestored(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"cut short":   func(b []byte) []byte { return b[:len(b)-1] },
		"damaged":     func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"not a state": func([]byte) []byte { return []byte("hello") },
		"empty":       func([]byte) []byte { return nil },
		"longer":      func(b []byte) []byte { return append(b, 'x') },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := &countedStorage{}
				first := newContainer(t)
				weir.Read(first, savedProvider(constant(1), weir.Persist(s, "n", weir.JSON[int]{})))
				settle()
				require.NoError(t, first.Shutdown(t.Context()))
				data, err := s.MemoryStorage.Read(t.Context(), "n")
				require.NoError(t, err)
				require.NoError(t, s.MemoryStorage.Write(t.Context(), "n", damage(data)))
				var failures []string
				c := persistedContainer(t, &failures)
				var had bool
				p := savedProvider(func(_ context.Context, n *savedNotifier) (int, error) {
					had = n.State().HasValue()
					return 2, nil
				}, weir.Persist(s, "n", weir.JSON[int]{}))
				v, err := weir.Resolve(t.Context(), c, p)
				require.NoError(t, err)
				require.Equal(t, 2, v)
				require.False(t, had)
				require.Len(t, failures, 1)
				require.Contains(t, failures[0], "decode: ")
			})
		})
	}
}

type plainSaved struct {
	weir.Notifier[int]
	first int
}

func (n *plainSaved) Build(weir.Ref) int { return n.first }

func TestASynchronousNotifierStartsWithWhatIsStored(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := &countedStorage{}
		make := func(first int) *weir.NotifierProvider[*plainSaved, int] {
			return weir.NewNotifierProvider(func() *plainSaved { return &plainSaved{first: first} }, weir.Persist(s, "n", weir.JSON[int]{}))
		}
		c := newContainer(t)
		p := make(1)
		require.Equal(t, 1, weir.Read(c, p))
		p.Notifier(c).Set(5)
		require.NoError(t, weir.Persisted(t.Context(), c, p))
		require.NoError(t, c.Shutdown(t.Context()))
		writes := s.writes
		c = newContainer(t)
		p = make(1)
		require.Equal(t, 5, weir.Read(c, p))
		settle()
		require.Equal(t, writes, s.writes, "restoring is no write")
		c.Invalidate(p)
		require.Equal(t, 1, weir.Read(c, p), "a rebuild is an ordinary one")
	})
}

// What stands in for a provider leaves alone what the real one has stored.
func TestAnOverrideNeitherRestoresNorSaves(t *testing.T) {
	s := &countedStorage{}
	require.NoError(t, s.MemoryStorage.Write(t.Context(), "n", []byte("{}")))
	keep := weir.Persist(s, "n", weir.JSON[int]{})
	plain := weir.NewNotifierProvider(func() *plainSaved { return &plainSaved{first: 1} }, keep)
	async := savedProvider(constant(1), keep)
	set := map[weir.AnyProvider]func(c *weir.Container){
		plain: func(c *weir.Container) { plain.Notifier(c).Set(3) },
		async: func(c *weir.Container) { async.Notifier(c).SetData(3) },
	}
	for name, row := range map[string]struct {
		of   weir.AnyProvider
		with weir.Override
	}{
		"a value":       {plain, plain.OverrideWithValue(2)},
		"a notifier":    {plain, plain.OverrideWith(func() *plainSaved { return &plainSaved{first: 2} })},
		"a Build":       {plain, plain.OverrideWithBuild(func(weir.Ref, *plainSaved) int { return 2 })},
		"a state":       {async, async.OverrideWithValue(weir.Data(2))},
		"data":          {async, async.OverrideWithData(2)},
		"another":       {async, async.OverrideWith(func() *savedNotifier { return &savedNotifier{build: constant(2)} })},
		"another Build": {async, async.OverrideWithBuild(func(context.Context, weir.Ref, *savedNotifier) (int, error) { return 2, nil })},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newContainer(t, row.with)
				set[row.of](c)
				settle()
				require.NoError(t, weir.Persisted(t.Context(), c, row.of))
				require.NoError(t, c.Shutdown(t.Context()))
				require.Zero(t, s.reads+s.writes+s.deletes)
			})
		})
	}
}

func TestFileStorageKeepsKeysApart(t *testing.T) {
	s, err := weir.NewFileStorage(t.TempDir())
	require.NoError(t, err)
	keys := []string{"a", "A", ".a", "a/b", "a%2fb", "", "ü", string(make([]byte, 300)), string(make([]byte, 301))}
	for i, k := range keys {
		require.NoError(t, s.Write(t.Context(), k, []byte{byte(i)}))
	}
	for i, k := range keys {
		data, err := s.Read(t.Context(), k)
		require.NoError(t, err)
		require.Equal(t, []byte{byte(i)}, data, k)
	}
	require.NoError(t, s.Delete(t.Context(), "a"))
	require.NoError(t, s.Delete(t.Context(), "a"))
	_, err = s.Read(t.Context(), "a")
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestMemoryStorageSaysThatAKeyIsMissing(t *testing.T) {
	var s weir.MemoryStorage
	_, err := s.Read(t.Context(), "a")
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NoError(t, s.Delete(t.Context(), "a"))
}
