package weir

// This file owns how a state becomes bytes: codecs, and the record around what they
// encode, by which damaged, expired and foreign ones are told.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"math"
	"strconv"
	"strings"
	"time"
)

// Codec turns states into bytes and back, for [Persist]. It is called from any goroutine. An
// error or a panic is told to observers (StorageFailed), and the state goes on.
type Codec[T any] interface {
	// Encode returns v as bytes: the same for the same v, or it is written again each time.
	Encode(v T) ([]byte, error)
	// Decode returns what Encode made data of. It must not change data.
	Decode(data []byte) (T, error)
}

// JSON is the [Codec] of encoding/json.
type JSON[T any] struct{}

// Encode implements [Codec].
func (JSON[T]) Encode(v T) ([]byte, error) { return json.Marshal(v) }

// Decode implements [Codec].
func (JSON[T]) Decode(data []byte) (v T, err error) {
	err = json.Unmarshal(data, &v)
	return v, err
}

// record is what is stored: a line of text with a mark, the checksum and the length of all
// that follows them, when it expires, the destroy key and the key; then the data.
type record struct {
	expires time.Time // zero: never
	destroy string
	data    []byte
}

// recordMagic begins every record, and has the version of the form.
const recordMagic = "weir-state/1"

// seal makes the record of data, saved now.
func (x *persistence[T]) seal(data []byte) []byte {
	var expires int64
	if x.expiry > 0 {
		if expires = time.Now().UnixNano() + int64(x.expiry); expires < 0 {
			expires = math.MaxInt64 // more than a number can say: centuries
		}
	}
	body := fmt.Appendf(nil, "%d %q %q\n%s", expires, x.destroy, x.key, data)
	return append(envelope(body), body...)
}

// envelope is what stands before body: by its length a record that is cut short is told, by
// its checksum one that is damaged.
func envelope(body []byte) []byte {
	return fmt.Appendf(nil, "%s %08x %d ", recordMagic, crc32.ChecksumIEEE(body), len(body))
}

// unseal takes a record apart that was stored under key.
func unseal(stored []byte, key string) (rec record, err error) {
	bad := func(what string) (record, error) {
		return record{}, fmt.Errorf("weir: what is stored under %q %s: it is not restored", key, what)
	}
	rest, ok := bytes.CutPrefix(stored, []byte(recordMagic+" "))
	if !ok {
		return bad("is not a state that weir has saved")
	}
	sum, rest, _ := bytes.Cut(rest, []byte(" "))
	size, body, _ := bytes.Cut(rest, []byte(" "))
	if length, err := strconv.Atoi(string(size)); err == nil && len(sum) == 8 && len(body) < length {
		return bad("is cut short")
	}
	// The text is compared, not what it means: no other spelling of the envelope is sound.
	if !bytes.HasPrefix(stored, envelope(body)) {
		return bad("is damaged")
	}
	head, data, _ := bytes.Cut(body, []byte("\n"))
	at, quoted, _ := strings.Cut(string(head), " ")
	expires, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return bad("is damaged")
	}
	destroy, err := strconv.QuotedPrefix(quoted)
	if err != nil {
		return bad("is damaged")
	}
	of, err := strconv.Unquote(strings.TrimPrefix(quoted[len(destroy):], " "))
	if err != nil {
		return bad("is damaged")
	}
	if of != key {
		return bad(fmt.Sprintf("is the state of %q", of))
	}
	if expires != 0 {
		rec.expires = time.Unix(0, expires)
	}
	rec.destroy, err = strconv.Unquote(destroy)
	rec.data = data
	return rec, err
}
