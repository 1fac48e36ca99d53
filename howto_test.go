package weir_test

// This file holds the code of docs/howto.md, in virtual time.

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestHowAValueExpires(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fetches, fails := 0, error(nil)
		fetch := func(context.Context) (int, error) { fetches++; return fetches, fails }
		rate := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
			rate, err := fetch(ctx)
			keep := time.Minute
			if err != nil {
				keep = 5 * time.Second
			}
			ref.CacheFor(keep)                       // although nobody asks
			time.AfterFunc(keep, ref.InvalidateSelf) // and no longer, whoever asks
			return rate, err
		}, weir.AutoDispose())
		c := newContainer(t)
		ask := func(want int) {
			t.Helper()
			got, err := weir.Resolve(t.Context(), c, rate)
			require.ErrorIs(t, err, fails)
			require.Equal(t, want, got)
		}
		for tenth := range 1800 { // three minutes and a bit
			ask(tenth/600 + 1)
			time.Sleep(time.Second/10 + time.Microsecond)
		}
		ask(4)
		time.Sleep(time.Minute - time.Millisecond)
		require.True(t, c.Exists(rate))
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		require.False(t, c.Exists(rate))

		fails = errBoom
		for tenth := range 150 {
			_, err := weir.Resolve(t.Context(), c, rate)
			require.ErrorIs(t, err, errBoom)
			require.Equal(t, 5+tenth/50, fetches)
			time.Sleep(time.Second/10 + time.Microsecond)
		}
	})
}

func TestHowToFetchAnewWhileSomebodyLooks(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var fetches atomic.Int32
		fetch := func(context.Context) (int32, error) { return fetches.Add(1), nil }
		weather := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int32, error) {
			report, err := fetch(ctx)
			time.AfterFunc(time.Minute, ref.InvalidateSelf) // does nothing once the build is over
			return report, err
		}, weir.AutoDispose())
		c := newContainer(t)
		sub := weir.Listen(c, weather, nil)
		time.Sleep(150 * time.Second)
		require.EqualValues(t, 3, fetches.Load())
		report, ok := sub.Read().Value()
		require.True(t, ok)
		require.EqualValues(t, 3, report)
		sub.Pause()
		time.Sleep(time.Hour)
		require.EqualValues(t, 3, fetches.Load())
		sub.Resume()
		synctest.Wait()
		require.EqualValues(t, 4, fetches.Load())
		sub.Close()
		time.Sleep(time.Hour)
		require.EqualValues(t, 4, fetches.Load())
		require.False(t, c.Exists(weather))
	})
}

func TestHowToShowTheOldWhileTheNewIsFetched(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fetches, fails := 0, false
		fetch := func(context.Context) (int, error) {
			if time.Sleep(time.Second); fails {
				return 0, errBoom
			}
			fetches++
			return fetches, nil
		}
		prices := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
			list, err := fetch(ctx)
			time.AfterFunc(time.Minute, ref.InvalidateSelf)
			return list, err
		}) // regular: what nobody uses is not disposed by an Invalidate, but fetched at the next read
		c := newContainer(t)
		get := func(ctx context.Context) (int, error) {
			if list, ok := weir.Read(c, prices).Value(); ok {
				return list, nil // perhaps of before: then the Read has begun a fetch
			}
			return weir.Resolve(ctx, c, prices)
		}
		want := func(want int, takes time.Duration) {
			t.Helper()
			began := time.Now()
			list, err := get(t.Context())
			require.NoError(t, err)
			require.Equal(t, want, list)
			require.Equal(t, takes, time.Since(began))
		}
		want(1, time.Second)
		time.Sleep(59 * time.Second)
		want(1, 0)
		time.Sleep(time.Hour)
		require.Equal(t, 1, fetches)
		want(1, 0)
		time.Sleep(2 * time.Second)
		want(2, 0)
		fails = true
		time.Sleep(time.Hour)
		want(2, 0)
		time.Sleep(2 * time.Second)
		want(2, 0)
	})
}

func TestHowToBoundHowManyRunAtATime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var running, most, all atomic.Int32
		fetch := func(ctx context.Context, url string) (string, error) {
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			time.Sleep(time.Second)
			all.Add(1)
			return url, ctx.Err()
		}
		slots := weir.NewProvider(func(weir.Ref) chan struct{} { return make(chan struct{}, 4) })
		pages := weir.NewFamily(func(url string) *weir.FutureProvider[string] {
			return weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (string, error) {
				slot := weir.Watch(ref, slots)
				select {
				case slot <- struct{}{}:
					defer func() { <-slot }()
				case <-ctx.Done(): // nobody wants the page any more
					return "", context.Cause(ctx)
				}
				return fetch(ctx, url)
			}, weir.AutoDispose())
		})
		c := newContainer(t)
		ctx, leave := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer leave()
		var callers sync.WaitGroup
		for _, letter := range "abcdefghij" {
			callers.Go(func() { _, _ = weir.Resolve(ctx, c, pages.Of(string(letter))) })
		}
		callers.Wait()
		time.Sleep(time.Minute)
		require.EqualValues(t, 4, most.Load())
		require.EqualValues(t, 8, all.Load())
	})
}

func TestHowToWaitForSeveralAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		slow := func(text string) *weir.FutureProvider[string] {
			return weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (string, error) {
				time.Sleep(time.Second)
				return text, nil
			})
		}
		user, basket := slow("Ada"), slow("a kite")
		page := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (string, error) {
			var name, goods string
			var nameErr, goodsErr error
			var both sync.WaitGroup
			both.Go(func() { name, nameErr = weir.Await(ref, user) })
			both.Go(func() { goods, goodsErr = weir.Await(ref, basket) })
			both.Wait()
			return name + ": " + goods, errors.Join(nameErr, goodsErr)
		})
		c := newContainer(t)
		began := time.Now()
		text, err := weir.Resolve(t.Context(), c, page)
		require.NoError(t, err)
		assert.Equal(t, "Ada: a kite", text)
		assert.Equal(t, time.Second, time.Since(began))
	})
}

func TestHowToHaveAValueReadyBeforeItIsAskedFor(t *testing.T) {
	bubble(t, func(t *testing.T) {
		builds := 0
		index := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (string, error) {
			builds++
			time.Sleep(time.Second)
			return "the index", nil
		}, weir.AutoDispose())
		c := newContainer(t)
		warm := weir.Listen(c, index, nil) // begins the build, and keeps the value, until it is closed
		defer warm.Close()
		time.Sleep(time.Hour)
		began := time.Now()
		_, err := weir.Resolve(t.Context(), c, index)
		require.NoError(t, err)
		require.Equal(t, time.Duration(0), time.Since(began))
		require.Equal(t, 1, builds)
	})
}

func TestHowToFetchAnewAfterAWrite(t *testing.T) {
	bubble(t, func(t *testing.T) {
		stored, fetches := "a kite", 0
		save := func(ctx context.Context, text string) error { stored = text; return nil }
		wish := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (string, error) {
			fetches++
			return stored, nil
		}, weir.AutoDispose())
		c := newContainer(t)
		sub := weir.Listen(c, wish, nil)
		defer sub.Close()
		change := func(ctx context.Context, text string) error {
			if err := save(ctx, text); err != nil {
				return err
			}
			c.Invalidate(wish) // or a family: all of its members
			return nil
		}
		_, err := weir.Resolve(t.Context(), c, wish)
		require.NoError(t, err)
		require.NoError(t, change(t.Context(), "a boat"))
		text, err := weir.Resolve(t.Context(), c, wish)
		require.NoError(t, err)
		require.Equal(t, "a boat", text)
		require.Equal(t, 2, fetches)
	})
}
