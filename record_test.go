package weir

// This file holds the record around what is stored: what was sealed comes out as it was, and
// nothing else comes out.

import (
	"bytes"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRecordHasAFormThatLaterVersionsRead(t *testing.T) {
	// If this fails the states that programs have saved are lost: give the new form a new magic,
	// and read both.
	x := persistence[int]{key: "k\n\"ü\xff", keeping: keeping{destroy: "v 2"}}
	sealed := "weir-state/1 133b91f1 28 0 \"v 2\" \"k\\n\\\"ü\\xff\"\nda\nta\x00"
	require.Equal(t, sealed, string(x.seal([]byte("da\nta\x00"))))
	rec, err := unseal([]byte(sealed), x.key)
	require.NoError(t, err)
	require.Equal(t, record{destroy: "v 2", data: []byte("da\nta\x00")}, rec)
}

func TestRecordExpiresWhenItWasToldTo(t *testing.T) {
	for expiry, want := range map[time.Duration]time.Duration{
		0: 0, 1: 1, time.Hour: time.Hour,
		math.MaxInt64: time.Until(time.Unix(0, math.MaxInt64)), // as late as a record can say
	} {
		x := persistence[int]{key: "k", keeping: keeping{expiry: expiry}}
		now := time.Now()
		rec, err := unseal(x.seal(nil), "k")
		require.NoError(t, err)
		if expiry == 0 {
			require.Zero(t, rec.expires)
			continue
		}
		require.WithinDuration(t, now.Add(want), rec.expires, time.Minute, "%v", expiry)
		require.True(t, rec.expires.After(now), "%v", expiry)
	}
}

func TestRecordSaysWhatIsWrongWithIt(t *testing.T) {
	good := (&persistence[int]{key: "k"}).seal([]byte("data"))
	body := func(s string) string { return string(envelope([]byte(s))) + s }
	for stored, want := range map[string]string{
		"":                          "is not a state that weir has saved",
		"weir-state/2 0":            "is not a state that weir has saved",
		string(good[:len(good)-1]):  "is cut short",
		string(good[:30]):           "is cut short",
		string(good[:16]):           "is damaged",
		string(good) + "x":          "is damaged",
		"weir-state/1 00000000 -1 ": "is damaged",
		"weir-state/1 00000000 99999999999999999999 ": "is damaged",
		body(""):                            "is damaged",
		body("x"):                           "is damaged",
		body("0"):                           "is damaged",
		body("0 x"):                         "is damaged",
		body(`0 "" x`):                      "is damaged",
		body(`0 "`):                         "is damaged",
		body(`99999999999999999999 "" "k"`): "is damaged",
		body("0 \"\" \"other\"\ndata"):      `is the state of "other"`,
	} {
		rec, err := unseal([]byte(stored), "k")
		require.EqualError(t, err, `weir: what is stored under "k" `+want+": it is not restored", "%q", stored)
		require.Zero(t, rec)
	}
}

// FuzzRecord gives unseal anything, and anything in a sound envelope, and looks for panics and
// for records that say something else than what was sealed.
func FuzzRecord(f *testing.F) {
	for _, stored := range []string{"", "weir-state/1 00000000 0 ", string((&persistence[int]{key: "key"}).seal([]byte("1")))} {
		f.Add([]byte(stored), "key", "", int64(0))
	}
	f.Add([]byte("0 \"\" \"key\"\n1"), "key", "v2", int64(time.Hour))
	f.Add([]byte("0 `` 'k'\n"), "k", "`", int64(math.MaxInt64))
	f.Add([]byte("\x00\xff\n"), "\xff\n\"", "\u2028 ", int64(1))
	f.Fuzz(func(t *testing.T, data []byte, key, destroy string, expiry int64) {
		for _, stored := range [][]byte{data, append(envelope(data), data...)} {
			rec, err := unseal(stored, key)
			if err != nil {
				continue
			}
			if !bytes.HasSuffix(stored, rec.data) || !bytes.HasPrefix(stored, []byte(recordMagic)) {
				t.Errorf("%q was opened: %+v", stored, rec)
			}
		}

		x := persistence[int]{key: key, keeping: keeping{destroy: destroy, expiry: time.Duration(expiry)}}
		sealed := x.seal(data)
		rec, err := unseal(sealed, key)
		switch {
		case err != nil:
			t.Errorf("%q does not open: %v", sealed, err)
		case rec.destroy != destroy || !bytes.Equal(rec.data, data) || rec.expires.IsZero() != (expiry <= 0):
			t.Errorf("%q is %+v", sealed, rec)
		}
		if _, err := unseal(sealed, key+"x"); err == nil {
			t.Errorf("%q is opened under another key", sealed)
		}
		// Here and there a byte is damaged in some way that follows from the input, and the record
		// is cut; all of them are the concern of storage_damage_test.go.
		for i := len(destroy) % 8; i < len(sealed); i += 1 + len(sealed)/8 {
			if _, err := unseal(sealed[:i], key); err == nil {
				t.Errorf("%q is opened", sealed[:i])
			}
			bad := bytes.Clone(sealed)
			bad[i] ^= byte(1 + (uint64(expiry)+uint64(i))%255)
			if rec, err := unseal(bad, key); err == nil {
				t.Errorf("%q is opened: %s", bad, fmt.Sprint(rec))
			}
		}
	})
}
