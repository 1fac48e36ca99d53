package weir_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weir-go/weir"
)

// This file gives the concurrent model test notifiers, a stream, a future that is retried, and child containers.

// stormKinds is what of these the workers write to and ask.
type stormKinds struct {
	note   *weir.NotifierProvider[*modelNotifier, int]
	async  *weir.AsyncNotifierProvider[*modelAsyncNotifier, int]
	scoped *weir.StateProvider[int] // children override it,
	tenant *weir.Provider[int]      // and this is in them then
}

var errStormFlaky = errors.New("flaky")

// joint is a whole value, which no source has.
func joint(k int) int { return k*2*1000 + k*3 }

func (st *storm) addKinds(future func(n *stormNode, unit modelUnit, resolve func(ctx context.Context, s weir.Scope) (int, error))) {
	note := &stormNode{name: "note", ok: whole}
	st.note = weir.NewNotifierProvider(func() *modelNotifier {
		return &modelNotifier{build: func(self *modelNotifier, ref weir.Ref) int {
			defer st.begin(note, ref)()
			self.ListenSelf(func(_, next int) {
				st.inTurn(func() { st.check(whole(next), "P3: a notifier hears of a torn %d", next) })
			})
			return weir.Watch(ref, st.join[2])
		}}
	}, weir.Name("note"), weir.AutoDispose())
	note.modelUnit = modelPlainUnit(func() *weir.NotifierProvider[*modelNotifier, int] { return st.note })
	st.nodes = append(st.nodes, note)

	async := &stormNode{name: "async note", async: true, auto: true, ok: whole}
	st.async = weir.NewAsyncNotifierProvider(func() *modelAsyncNotifier {
		return &modelAsyncNotifier{build: func(_ *modelAsyncNotifier, ref weir.Ref) (int, error) {
			defer st.begin(async, ref)()
			v := weir.Watch(ref, st.join[1])
			return v, st.linger(ref.Context())
		}}
	}, weir.AutoDispose(), weir.Name("async note"))
	future(async, modelAsyncUnit(func() *weir.AsyncNotifierProvider[*modelAsyncNotifier, int] { return st.async }),
		func(ctx context.Context, s weir.Scope) (int, error) { return weir.Resolve(ctx, s, st.async) })

	stream := &stormNode{name: "stream", async: true, auto: true, ok: whole, want: func(now [3]int) int { return joint(now[0]) }}
	streamP := weir.NewStreamProvider(func(ctx context.Context, ref weir.Ref, emit func(int) bool) error {
		defer st.begin(stream, ref)()
		v := weir.Watch(ref, st.join[0])
		for emit(v) {
			if err := st.linger(ctx); err != nil {
				return err
			}
			if st.count.Load()%3 == 0 {
				return nil
			}
		}
		st.check(ctx.Err() != nil, "A4: emit is false and the build is not over")
		return context.Cause(ctx)
	}, weir.AutoDispose(), weir.Name("stream"))
	future(stream, modelAsyncUnit(func() *weir.StreamProvider[int] { return streamP }),
		func(ctx context.Context, s weir.Scope) (int, error) { return weir.Resolve(ctx, s, streamP) })

	flaky := &stormNode{name: "flaky", async: true, auto: true, ok: whole, flaky: true, want: func(now [3]int) int { return joint(now[2]) }}
	var tries atomic.Int64
	flakyP := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
		defer st.begin(flaky, ref)()
		v := weir.Watch(ref, st.join[2])
		if err := st.linger(ctx); err != nil {
			return 0, err
		}
		if tries.Add(1)%3 != 0 {
			return 0, errStormFlaky
		}
		return v, nil
	}, weir.AutoDispose(), weir.Name("flaky"), weir.Retry(weir.Backoff(time.Millisecond, time.Millisecond, 1000)))
	future(flaky, modelAsyncUnit(func() *weir.FutureProvider[int] { return flakyP }),
		func(ctx context.Context, s weir.Scope) (int, error) { return weir.Resolve(ctx, s, flakyP) })

	st.scoped = weir.NewStateProvider(func(weir.Ref) int { return 0 }, weir.Scoped(), weir.Name("scoped"))
	st.tenant = weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, st.scoped)*1000000 + weir.Watch(ref, st.join[0]) },
		weir.AutoDispose(), weir.Scoped(st.scoped), weir.Name("tenant"))
}

// kinds is one operation on them.
func (w *stormWorker) kinds(k int) {
	switch k {
	case 0:
		n := w.note.Notifier(w.c)
		n.Set(joint(1 + w.rng.IntN(6)))
		w.check(whole(n.State()), "P3: a notifier's state is torn")
	case 1:
		got := w.note.Notifier(w.c).Update(func(v int) int { w.check(whole(v), "P3: an Update gets a torn %d", v); return v })
		w.check(whole(got), "P3: an Update returns a torn %d", got)
	case 2:
		w.async.Notifier(w.c).SetData(joint(1 + w.rng.IntN(6)))
	case 3:
		w.asCaller(func(ctx context.Context) {
			_, err := w.async.Notifier(w.c).Update(ctx, func(v int) (int, error) {
				w.check(whole(v), "P3: an Update gets a torn %d", v)
				return joint(1 + v%5), nil
			})
			fine := err == nil || errors.Is(err, weir.ErrInvalidated) || errors.Is(err, weir.ErrDisposed) || errors.Is(err, errStormOwn)
			w.check(fine, "N6: Update returns %v", err)
		})
	default:
		w.inChild()
	}
}

// inChild makes a child with an override, uses it from here and from another goroutine, and closes it.
func (w *stormWorker) inChild() {
	k := 1 + w.rng.IntN(9)
	var low atomic.Int64 // overrides and writes only grow
	low.Store(int64(k))
	child := weir.NewContainer(weir.WithParent(w.c), w.scoped.OverrideWithValue(k))
	sees := func(how string, v, least int) {
		w.check(whole(v%1000000) && v/1000000 >= least, "S1, P3: %s in a child gives %d, the override is %d", how, v, least)
	}
	sub := weir.Listen(child, w.tenant, func(prev, next int) { sees("a call", next, k); sees("a call", prev, k) })
	var other sync.WaitGroup
	other.Go(func() {
		least := int(low.Load())
		v, err := weir.Read(child, w.tenant), error(nil)
		sees("a Read beside", v, least)
		w.noError("Flush of a child", errors.Join(err, child.Flush(context.Background())))
	})
	sees("a Read", weir.Read(child, w.tenant), k)
	child.UpdateOverrides(w.scoped.OverrideWithValue(k + 1))
	low.Store(int64(k + 1))
	sees("a Read after UpdateOverrides", weir.Read(child, w.tenant), k+1)
	w.scoped.Set(child, k+2)
	low.Store(int64(k + 2))
	sees("a Read after Set", weir.Read(child, w.tenant), k+2)
	w.check(sub.Read()/1000000 == k+2, "S1: a subscription of a child reads %d", sub.Read())
	other.Wait()
	if k%2 == 0 {
		sub.Close()
	}
	child.Close()
	w.noError("Shutdown of a child", child.Shutdown(context.Background()))
	w.check(len(child.Snapshot().Elements) == 0, "G12: elements after Shutdown: %v", fmt.Sprint(child.Snapshot().Elements))
}

// asCaller runs fn with a caller's context, which ends with the caller's own cause, at a time of its own choosing.
func (w *stormWorker) asCaller(fn func(ctx context.Context)) {
	ctx, cancel := context.WithCancelCause(context.WithValue(context.Background(), stormCaller{}, w))
	var wait sync.WaitGroup
	defer wait.Wait()
	defer cancel(nil)
	if w.rng.IntN(4) == 0 {
		cancel(errStormOwn)
	}
	wait.Go(func() {
		select {
		case <-w.tick:
			cancel(errStormOwn)
		case <-ctx.Done():
		}
	})
	fn(ctx)
}
