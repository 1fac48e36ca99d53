package weir_test

// What is saved (4.4) and what it waits for: states that are written by hand, reads and writes of one key, saves of lives that are
// over; and what Persist does not take.

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestAStateThatIsWrittenByHandIsSavedWhateverTheFirstBuildCameTo(t *testing.T) {
	// Planted bugs: the write after a restored first build that panicked is taken for what was restored; a write that is no change saves
	// nothing where the first build's state was not saved.
	bad := errors.New("bad")
	for name, x := range map[string]struct {
		failRead error
		write    func(c *weir.Container, s weir.Storage) (p weir.AnyProvider)
		want     string
	}{
		"after a Build that panicked": {nil, func(c *weir.Container, s weir.Storage) weir.AnyProvider {
			p := weir.NewNotifierProvider(func() *panickySaved { return &panickySaved{fail: bad} }, weir.Persist(s, "n", weir.JSON[int]{}))
			p.Notifier(c).Set(5)
			return p
		}, "5"},
		"what was restored, again": {nil, func(c *weir.Container, s weir.Storage) weir.AnyProvider {
			p := plainProvider(0, weir.Persist(s, "n", weir.JSON[int]{}))
			p.Notifier(c).Set(42)
			return p
		}, "42"},
		"no change, what is stored is not known": {errBoom, func(c *weir.Container, s weir.Storage) weir.AnyProvider {
			p := plainProvider(0, weir.Persist(s, "n", weir.JSON[int]{}))
			p.Notifier(c).Set(0)
			return p
		}, "0"},
		"no change, in a batch": {errBoom, func(c *weir.Container, s weir.Storage) weir.AnyProvider {
			p := plainProvider(0, weir.Persist(s, "n", weir.JSON[int]{}))
			c.Batch(func(tx *weir.Tx) { p.Notifier(c).SetIn(tx, 0) })
			return p
		}, "0"},
		"no change, asynchronous": {errBoom, func(c *weir.Container, s weir.Storage) weir.AnyProvider {
			p := savedProvider(constant(0), weir.Persist(s, "n", weir.JSON[int]{}))
			n := p.Notifier(c)
			settle()
			n.SetData(0)
			return p
		}, "0"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := holding(t, 42)
				s.failRead = x.failRead
				c, _ := toldContainer(t)
				p := x.write(c, s)
				require.NoError(t, weir.Persisted(t.Context(), c, p))
				s.holds(t, x.want, "n")
			})
		})
	}
}

// panickySaved is a synchronous notifier whose Build fails.
type panickySaved struct {
	weir.Notifier[int]
	fail error
}

func (n *panickySaved) Build(weir.Ref) int { panic(n.fail) }

func TestAStateThatIsWrittenBeforeTheBuildFunctionIsCalledIsSaved(t *testing.T) {
	// Planted bug: the states of a life are saved only when its first function has come to ask for what is stored.
	bubble(t, func(t *testing.T) {
		hold := make(chan struct{})
		c := newContainer(t, weir.WithObserver(&weir.Observer{BuildStarted: func(weir.BuildStartedEvent) { <-hold }}))
		defer close(hold)
		s := &gatedStorage{}
		p := savedProvider(constant(1), weir.Persist(s, "n", weir.JSON[int]{}))
		p.Notifier(c).SetData(7)
		require.NoError(t, weir.Persisted(t.Context(), c, p))
		s.holds(t, "7", "n")
	})
}

func TestAWriteThatFailedIsTriedAgainByTheNextThatIsNoChange(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := &countedStorage{failWrite: errBoom}
		c := newContainer(t)
		p := plainProvider(0, weir.Persist(s, "n", weir.JSON[int]{}))
		p.Notifier(c).Set(5)
		require.ErrorIs(t, weir.Persisted(t.Context(), c, p), errBoom)
		s.failWrite = nil
		p.Notifier(c).Set(5)
		require.NoError(t, weir.Persisted(t.Context(), c, p))
		_, err := s.MemoryStorage.Read(t.Context(), "n")
		require.NoError(t, err)
		writes := s.writes
		p.Notifier(c).Set(5)
		require.NoError(t, weir.Persisted(t.Context(), c, p))
		require.Equal(t, writes, s.writes, "what is stored is not written again")
	})
}

func TestReadsAndWritesOfOneKeyComeOneAfterTheOther(t *testing.T) {
	// Planted bug: the restore runs beside the writes, so that its Delete of what was stored takes along what was written meanwhile.
	destroy := []weir.PersistOption{weir.DestroyKey("v2")}
	for name, x := range map[string]struct {
		gate func(s *gatedStorage) chan struct{}
		opts []weir.PersistOption
	}{
		"Read":   {func(s *gatedStorage) chan struct{} { s.read = make(chan struct{}); return s.read }, nil},
		"Delete": {func(s *gatedStorage) chan struct{} { s.remove = make(chan struct{}); return s.remove }, destroy},
	} {
		for when, wait := range map[string]time.Duration{"at once": 0, "after RestoreWait": 2 * time.Second} {
			t.Run(name+"/"+when, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					s := holding(t, 42, weir.DestroyKey("v1"))
					gate := x.gate(s)
					c := newContainer(t)
					p := savedProvider(func(ctx context.Context, _ *savedNotifier) (int, error) {
						<-ctx.Done()
						return 0, context.Cause(ctx)
					}, weir.Persist(s, "n", weir.JSON[int]{}, x.opts...))
					sub := weir.Listen(c, p, nil)
					defer sub.Close()
					pass(wait)
					p.Notifier(c).SetData(7)
					settle()
					close(gate)
					require.NoError(t, weir.Persisted(t.Context(), c, p))
					require.Equal(t, "Data(7)", weir.Read(c, p).String())
					s.holds(t, "7", "n")
					require.Equal(t, 1, s.most, "calls for one key at a time")
				})
			})
		}
	}
}

func TestAReadThatNobodyNeedsAnyMoreIsEnded(t *testing.T) {
	// Else a storage that does not answer would hold up what is to be saved for ever.
	bubble(t, func(t *testing.T) {
		s := holding(t, 42)
		s.read, s.obeys = make(chan struct{}), true
		var failures []string
		c := persistedContainer(t, &failures)
		p := savedProvider(constant(1), weir.Persist(s, "n", weir.JSON[int]{}))
		n := p.Notifier(c)
		settle()
		n.SetData(7)
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		require.NoError(t, weir.Persisted(ctx, c, p))
		require.Empty(t, failures)
		other := plainProvider(1, weir.Persist(s, "n", weir.JSON[int]{}))
		require.NoError(t, c.Shutdown(t.Context()))

		c = newContainer(t)
		reader := async(t, func() { recovered(func() { weir.Read(c, other) }) })
		settle()
		c.Close()
		await(t, "the Read", reader)
		settle() // the bubble fails if the storage is still asked
	})
}

func TestPersistedWaitsForTheSavesOfALifeThatIsOver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := &gatedStorage{write: make(chan struct{})}
		c := newContainer(t)
		f := weir.NewFamily(func(int) *weir.NotifierProvider[*plainSaved, int] {
			return plainProvider(1, weir.DisposeDelay(0), weir.Persist(s, "n", weir.JSON[int]{}))
		})
		p := f.Of(1)
		require.Equal(t, 1, weir.Read(c, p))
		require.False(t, c.Exists(p))
		for _, of := range []weir.AnyProvider{p, f} {
			ctx, stop := context.WithTimeout(t.Context(), time.Second)
			require.ErrorIs(t, weir.Persisted(ctx, c, of), context.DeadlineExceeded, "it is not saved yet")
			stop()
		}
		other := plainProvider(1, weir.Persist(s, "other", weir.JSON[int]{}))
		require.NoError(t, weir.Persisted(t.Context(), c, other))
		close(s.write)
		require.NoError(t, weir.Persisted(t.Context(), c, p))
		s.holds(t, "1", "n")
	})
}

func TestPersistedAfterShutdownSaysWhatBecameOfTheLastSave(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := &countedStorage{failWrite: errBoom}
		c := newContainer(t)
		p := plainProvider(1, weir.Persist(s, "n", weir.JSON[int]{}))
		p.Notifier(c).Set(5)
		require.NoError(t, c.Shutdown(t.Context()))
		require.ErrorIs(t, weir.Persisted(t.Context(), c, p), errBoom)
	})
}

// mapStorage is a storage that cannot be compared.
type mapStorage map[string][]byte

func (s mapStorage) Read(_ context.Context, key string) ([]byte, error) {
	if data, ok := s[key]; ok {
		return data, nil
	}
	return nil, fs.ErrNotExist
}

func (s mapStorage) Write(_ context.Context, key string, data []byte) error {
	s[key] = bytes.Clone(data)
	return nil
}

func (s mapStorage) Delete(_ context.Context, key string) error {
	delete(s, key)
	return nil
}

// wrapped can be compared or not, as what is in it can.
type wrapped struct{ weir.Storage }

func TestE4PersistWithAStorageThatCannotBeCompared(t *testing.T) {
	// What shares a key is found by the storage. Planted bug: let it through, and the lock is held for ever when it is looked up.
	persist := func(s weir.Storage) func() { return func() { weir.Persist(s, "n", weir.JSON[int]{}) } }
	misuse(t, "a map", persist(mapStorage{}), "mapStorage", "pointer")
	misuse(t, "a map in a struct", persist(wrapped{mapStorage{}}), "wrapped", "pointer")
	require.Nil(t, recovered(persist(&mapStorage{})))
	require.Nil(t, recovered(persist(wrapped{&mapStorage{}})))
}

func TestE4PersistOfAFamily(t *testing.T) {
	// Each member needs a key of its own.
	create := func(int) *weir.NotifierProvider[*plainSaved, int] { return plainProvider(1) }
	misuse(t, "Persist of a family", func() {
		weir.NewFamily(create, weir.Name("drafts"), weir.Persist(&weir.MemoryStorage{}, "n", weir.JSON[int]{}))
	}, "drafts", "create")
}
