package weir_test

// What Persist (4.4) does not take.

import (
	"bytes"
	"context"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

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
	create := func(int) *weir.NotifierProvider[*plainSaved, int] {
		return weir.NewNotifierProvider(func() *plainSaved { return &plainSaved{} })
	}
	misuse(t, "Persist of a family", func() {
		weir.NewFamily(create, weir.Name("drafts"), weir.Persist(&weir.MemoryStorage{}, "n", weir.JSON[int]{}))
	}, "drafts", "create")
}
