package weir

// This file holds the fuzz target of persistence as a whole: any bytes where a state is expected, as they are and as the data of a
// record that is otherwise right.

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"
)

// FuzzStored starts a program on stored bytes. Whatever they are, the program runs; what it shows is what a record of its own holds,
// or else the ordinary build's, with one event and the bytes set aside; and what it then writes the next start reads.
func FuzzStored(f *testing.F) {
	sealed := func(key, data string) []byte { return (&persistence[string]{key: key}).seal([]byte(data)) }
	f.Add([]byte(nil), "v")
	f.Add([]byte(`"kept"`), "\x00\xff")
	f.Add([]byte(` "two" "values"`), "")
	f.Add([]byte("null"), "\u2028")
	f.Add([]byte(`{"n": 1}`), "v")
	f.Add(sealed("key", `"kept"`), "v")
	f.Add(sealed("other", `"foreign"`), "v")
	f.Add(sealed("key", `42`), "v")
	f.Fuzz(func(t *testing.T, data []byte, next string) {
		for name, kind := range damageKinds {
			for _, stored := range [][]byte{data, sealed("key", string(data))} {
				run, s, want := kind(), &MemoryStorage{}, ""
				if err := s.Write(t.Context(), "key", stored); err != nil {
					t.Fatal(err)
				}
				rec, err := unseal(stored, "key")
				switch {
				case err != nil:
				case rec.destroy != "" || !rec.expires.IsZero():
					return // not read for another reason
				default:
					err = json.Unmarshal(rec.data, &want)
				}
				if err != nil {
					want = "built"
				}
				first, told, saved := run(t, s)
				if saved != nil || first != want {
					t.Fatalf("%s: %q is read as %q, want %q; saved: %v", name, stored, first, want, saved)
				}
				aside, _ := s.Read(t.Context(), "key.damaged")
				if err == nil && (len(told) != 0 || aside != nil) || err != nil && (len(told) != 1 || told[0].Op != "decode" || !bytes.Equal(aside, stored)) {
					t.Fatalf("%s: of %q was told %v, and %q is set aside", name, stored, told, aside)
				}
				first, told, saved = run(t, s, "x", next)
				if saved != nil || len(told) != 0 {
					t.Fatalf("%s: after %q: %v, %v", name, stored, told, saved)
				}
				text, _ := json.Marshal(next) // JSON has no invalid UTF-8
				if err := json.Unmarshal(text, &next); err != nil {
					t.Fatal(err)
				}
				if got, told, _ := run(t, s); got != next || len(told) != 0 {
					t.Fatalf("%s: %q was written over %q, and is read as %q (%v)", name, next, first, got, told)
				}
				if kept, _ := s.Read(t.Context(), "key.damaged"); !slices.Equal(kept, aside) {
					t.Fatalf("%s: what was set aside of %q has become %q", name, stored, kept)
				}
			}
		}
	})
}
