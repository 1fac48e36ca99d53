package weir

// This file holds which file a key is kept in: each key in one of its own, with a name that
// every file system takes, whatever the key is.

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// hostileKeys are keys that leave a directory, or fall together, or are none, where they are
// taken for file names as they are.
func hostileKeys() []string {
	return []string{
		"", ".", "..", "...", "/", "//", "a/b", "a\\b", "../a", "../../etc/passwd", "/etc/passwd", "a/../b", "C:\\a", "c:a", "\\\\server\\share",
		"a", "A", "aa", "aA", "Aa", "AA", "ß", "SS", "ss", "ı", "i", "I", "İ", "ſ", "s", "K", "k", // the last but one is the Kelvin sign
		"é", "e\u0301", "\u00c5", "\u212b", "A\u030a", "ﬁ", "fi", "\u1e9b\u0323", "가", "\u1100\u1161", "\u200b", "a\u200b", "\u202etxt", "\ufeffa", "日本", "🙂",
		"\x00", "a\x00", "a\x00b", "\n", "\r\n", "\t", " ", "a ", " a", "a.", "a..", ".a", "\x7f", "\x1b[31m", "\xff", "\xc3\x28", "\ufffd",
		"%", "%%", "%41", "%2f", "a%2fb", "%61", "+", "a+b", "*", "?", "<", ">", "|", ":", "\"", "'", "`", "$(rm -rf)", "~", "-", "--", "-rf", "a:stream", "a~1",
		".weir", ".weir-", ".weir-1.tmp", "weir", "a.weir", "a.damaged", "con", "CON", "con.", "con.a", "con.tar.gz", "cona", "conn", "aux", "prn", "nul", "nul.txt",
		"com1", "com9", "com0", "com10", "com1.x", "lpt1", "LPT1", "comx", "com", "conin$", "conout$", "clock$", "com¹", "%63on", "lost+found", "desktop.ini",
		strings.Repeat("é", 200), strings.Repeat("e\u0301", 200), strings.Repeat("A", 256), strings.Repeat("a", 256), strings.Repeat("../", 2000),
	}
}

// manyKeys are hostileKeys and others, in great number.
func manyKeys() []string {
	keys := hostileKeys()
	for _, n := range []int{1, 2, 44, 45, 46, 134, 135, 136, 255, 256, 4096} {
		for _, of := range []string{"a", "A", "é", "/", ".", "\x00"} {
			keys = append(keys, strings.Repeat(of, n), strings.Repeat(of, n)+"b", "b"+strings.Repeat(of, n))
		}
	}
	// A short key that would have the name of a long one, were its hash not marked.
	for i := range 16 {
		long := fmt.Sprintf("%0200d", i)
		sum := sha256.Sum256([]byte(long))
		for _, at := range []int{70, 80, 135 - 65} {
			keys = append(keys, long, long[:at]+string(rune(sum[0]))+hex.EncodeToString(sum[1:]), long[:at]+"+"+hex.EncodeToString(sum[:]), long[:at]+hex.EncodeToString(sum[:]), long[:at]+string(sum[:1])+hex.EncodeToString(sum[1:]))
		}
	}
	keys = append(keys, strings.Repeat("A", 1<<18))
	for ch := range 256 {
		keys = append(keys, string([]byte{byte(ch)}), string([]byte{'x', byte(ch)}))
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

type shownKey string // in messages

func (k shownKey) String() string { return fmt.Sprintf("%q", string(k[:min(len(k), 200)])) }

func TestStorageHostileKeysHaveSafeNamesOfTheirOwn(t *testing.T) {
	// Planted bugs: capitals as they are; no mark before a hash; no look for devices; the empty
	// key's name hidden; names of 255.
	s := &FileStorage{dir: filepath.FromSlash("/d")}
	safe := regexp.MustCompile(`^[a-z0-9_%-][a-z0-9_.%-]*(\+[0-9a-f]{64})?\.weir$`)
	device := regexp.MustCompile(`^(con|prn|aux|nul|com[0-9]|lpt[0-9])\.`)
	owner := map[string]string{}
	for _, key := range manyKeys() {
		dir, name := filepath.Split(s.path(key))
		show := shownKey(key)
		require.Equal(t, filepath.FromSlash("/d/"), dir, show)
		require.Regexp(t, safe, name, show)
		require.NotRegexp(t, device, name, show)
		require.LessOrEqual(t, len(name), 143, show)
		require.Equal(t, name, strings.ToLower(name), show)
		other, taken := owner[name]
		require.False(t, taken, "%s has the file of %s: %s", show, shownKey(other), name)
		owner[name] = key
	}
	require.Greater(t, len(owner), 700)
}

func TestStorageHostileKeysAreKeptApartOnThisFileSystem(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	s, err := NewFileStorage(dir)
	require.NoError(t, err)
	keys := hostileKeys()
	if testing.Short() { // each is synced to the disk
		keys = keys[:len(keys)/4]
	}
	for i, key := range keys {
		require.NoError(t, s.Write(t.Context(), key, []byte(fmt.Sprint(i))), "%s", shownKey(key))
	}
	other, err := NewFileStorage(dir)
	require.NoError(t, err)
	for i, key := range keys {
		require.Equal(t, fmt.Sprint(i), kept(t, other, key), "%s", shownKey(key))
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, len(keys))
	outside, err := os.ReadDir(filepath.Dir(dir))
	require.NoError(t, err)
	require.Len(t, outside, 1, "nothing is written elsewhere")
	for i, key := range keys {
		require.NoError(t, other.Delete(t.Context(), key))
		require.Equal(t, "-", kept(t, s, key))
		if i+1 < len(keys) {
			require.Equal(t, fmt.Sprint(i+1), kept(t, s, keys[i+1]), "deleting one leaves the next")
		}
	}
}

func FuzzStorageKeys(f *testing.F) {
	for _, key := range manyKeys() {
		if len(key) < 300 {
			f.Add(key, key+"x")
		}
	}
	f.Add("a", "A")
	s := &FileStorage{dir: "d"}
	f.Fuzz(func(t *testing.T, a, b string) {
		x, y := s.path(a), s.path(b)
		if (a == b) != strings.EqualFold(x, y) {
			t.Errorf("%q is in %s, %q in %s", a, x, b, y)
		}
		if filepath.Dir(x) != "d" || !filepath.IsLocal(x) || strings.HasPrefix(filepath.Base(x), ".") || len(filepath.Base(x)) > 143 {
			t.Errorf("%q is in %s", a, x)
		}
	})
}
