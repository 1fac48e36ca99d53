package weirtest

// This file owns Recorder: the values that a source takes. The comparison that it shares
// with Events is in compare.go.

import (
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/weir-go/weir"
)

// Recorder keeps the values that a source takes, as a listener hears of them: each that
// differs from the one before, and of several changes in one turn the last. Make one with
// [Record]. It is safe for concurrent use.
type Recorder[S any] struct {
	t    testing.TB
	name string
	sub  *weir.Subscription[S]

	mu     sync.Mutex
	values []S // not taken yet
	last   *S
}

// Record listens to src and keeps its values, beginning with the one at the time of the
// call, until [Recorder.Close] or the end of the test. It counts as a listener meanwhile.
// opts are those of [weir.Listen]; [weir.Weak] and a nil t are a *weir.UsageError. Without
// [weir.OnError] a synchronous build that panics goes to the panic handler, and fails a
// test whose container is from [New].
//
// Where values cannot be compared, or only a part matters, record a selection. Of an
// asynchronous source the text is often enough:
//
//	r := weirtest.Record(t, c, weir.Select(user, weir.AsyncValue[User].String))
func Record[S any](t testing.TB, s weir.Scope, src weir.Source[S], opts ...weir.ListenOption) *Recorder[S] {
	if t == nil {
		misuse("Record needs the T of the test")
	}
	r := &Recorder[S]{t: t, name: fmt.Sprintf("the %T", src)}
	if p, ok := src.(weir.AnyProvider); ok && !isNil(src) {
		r.name = p.Name()
	}
	r.sub = weir.Listen(s, src, func(_, next S) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.values = append(r.values, next)
		r.last = &next
	}, append([]weir.ListenOption{weir.FireImmediately()}, opts...)...)
	t.Cleanup(r.Close)
	return r
}

func isNil(v any) bool {
	r := reflect.ValueOf(v)
	return r.Kind() == reflect.Pointer && r.IsNil()
}

// Values returns what was recorded and not yet taken by [Recorder.Take] or [Recorder.Want].
func (r *Recorder[S]) Values() []S {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.values)
}

// Last returns the newest value, taken or not, and whether there is one: a synchronous
// build that has always failed has none.
func (r *Recorder[S]) Last() (last S, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last == nil {
		return last, false
	}
	return *r.last, true
}

// Take returns what [Recorder.Values] does and forgets it.
func (r *Recorder[S]) Take() []S {
	r.mu.Lock()
	defer r.mu.Unlock()
	values := r.values
	r.values = nil
	return values
}

// Want takes what was recorded since the last Take or Want and fails the test, which goes on,
// unless it is exactly want, by [reflect.DeepEqual]. It reports whether it is. It waits for
// nothing: where other goroutines write or build, call [Settle] first.
func (r *Recorder[S]) Want(want ...S) bool {
	r.t.Helper()
	got := r.Take()
	diff := compare(texts(want), texts(got), func(i, j int) bool { return reflect.DeepEqual(want[i], got[j]) })
	if diff != "" {
		r.t.Errorf("weirtest: %s has taken other values than the test wants (- wanted, + recorded):\n%s", r.name, diff)
	}
	return diff == ""
}

// Close ends the recording; what was recorded stays. Closing again does nothing.
func (r *Recorder[S]) Close() { r.sub.Close() }
