package weir_test

// This file holds the code of docs/byhand.md, and the tests that both versions must pass.

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

// Page is what is fetched.
type Page struct{ Text string }

// fetchPage stands for a request; a test puts its own in place.
var fetchPage func(ctx context.Context, n int) (Page, error)

// ---- by hand

var errUnused, errClosed = errors.New("page: nobody waits for it"), errors.New("page: closed")

// Pages shares fetches: at most one under way for each page, whoever asks.
type Pages struct {
	fetch                    func(ctx context.Context, n int) (Page, error)
	delay, cacheFor, timeout time.Duration

	running sync.WaitGroup
	mu      sync.Mutex // guards the rest, flights included
	closed  bool
	flights map[int]*flight // under way, or landed and cached
}

type flight struct {
	cancel  context.CancelCauseFunc
	waiting int  // callers
	stamp   int  // moves when timers that are running must do nothing
	landed  bool // page and err are there
	page    Page
	err     error
	done    chan struct{} // closed once it has landed
}

func (p *Pages) Get(ctx context.Context, n int) (Page, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return Page{}, errClosed
	}
	f := p.flights[n]
	if f == nil {
		f = p.start(n)
	}
	f.waiting++
	if !f.landed {
		f.stamp++ // somebody is back: do not drop it
	}
	p.mu.Unlock()
	select {
	case <-f.done:
	case <-ctx.Done():
	}
	p.mu.Lock()
	f.waiting--
	switch {
	case f.landed:
		return f.page, f.err
	case f.waiting == 0:
		p.dropAfter(p.delay, n, f)
	}
	return Page{}, context.Cause(ctx)
}

// start begins a flight, with a context that is no caller's. p.mu is held.
func (p *Pages) start(n int) *flight {
	ctx, cancel := context.WithCancelCause(context.Background())
	f := &flight{cancel: cancel, done: make(chan struct{})}
	p.flights[n] = f
	p.running.Go(func() {
		ctx, stop := context.WithTimeout(ctx, p.timeout)
		defer stop()
		page, err := p.fetch(ctx, n)
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		keep := p.cacheFor
		if err != nil {
			keep = p.delay
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		f.page, f.err, f.landed = page, err, true
		close(f.done)
		p.dropAfter(keep, n, f)
	})
	return f
}

// dropAfter drops f after d, unless its stamp has moved by then. p.mu is held.
func (p *Pages) dropAfter(d time.Duration, n int, f *flight) {
	f.stamp++
	stamp := f.stamp
	time.AfterFunc(d, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.flights[n] == f && f.stamp == stamp {
			delete(p.flights, n) // before it is cancelled: a newcomer must not join it
			f.cancel(errUnused)
		}
	})
}

// Close cancels every flight and waits until all have landed.
func (p *Pages) Close() {
	p.mu.Lock()
	p.closed = true
	for n, f := range p.flights {
		delete(p.flights, n)
		f.cancel(errClosed)
	}
	p.mu.Unlock()
	p.running.Wait()
}

// ---- with Weir

var pages = weir.NewFamily(func(n int) *weir.FutureProvider[Page] {
	return weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (Page, error) {
		page, err := fetchPage(ctx, n)
		if err == nil {
			ref.CacheFor(10 * time.Second)
		}
		return page, err
	})
}, weir.DisposeDelay(2*time.Second), weir.Timeout(30*time.Second))

func Get(ctx context.Context, c *weir.Container, n int) (Page, error) {
	return weir.Resolve(ctx, c, pages.Of(n))
}

// ---- what both must do

func TestByHandAndWithWeir(t *testing.T) {
	// Planted once, and found. By hand: a flight that stays in the map when it is cancelled, a stamp that does not move when somebody
	// is back, a flight that is dropped when any caller leaves. With Weir: another time to keep it, another timeout.
	type pager struct {
		get   func(ctx context.Context, n int) (Page, error)
		close func()
	}
	byHand := func() pager {
		p := &Pages{fetch: fetchPage, delay: 2 * time.Second, cacheFor: 10 * time.Second, timeout: 30 * time.Second, flights: map[int]*flight{}}
		return pager{p.Get, p.Close}
	}
	withWeir := func() pager {
		c := weir.NewContainer()
		return pager{func(ctx context.Context, n int) (Page, error) { return Get(ctx, c, n) },
			func() { _ = c.Shutdown(context.Background()) }}
	}
	for version, make := range map[string]func() pager{"by hand": byHand, "with Weir": withWeir} {
		errDown := errors.New("down")
		var fetches, cancelled atomic.Int32
		takes, fails := time.Second, error(nil)
		run := func(name string, fn func(t *testing.T, p pager, get func(patience time.Duration) error)) {
			t.Run(version+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					fetches.Store(0)
					cancelled.Store(0)
					takes, fails = time.Second, nil
					fetchPage = func(ctx context.Context, n int) (Page, error) {
						fetches.Add(1)
						select {
						case <-time.After(takes):
							return Page{"a page"}, fails
						case <-ctx.Done():
							cancelled.Add(1)
							return Page{}, ctx.Err()
						}
					}
					p := make()
					fn(t, p, func(patience time.Duration) error {
						ctx, cancel := context.WithTimeout(context.Background(), patience)
						defer cancel()
						page, err := p.get(ctx, 1)
						if err == nil {
							assert.Equal(t, Page{"a page"}, page)
						}
						return err
					})
					p.close()
					_, err := p.get(context.Background(), 1)
					require.Error(t, err)
				})
			})
		}
		run("fetches are shared", func(t *testing.T, p pager, get func(time.Duration) error) {
			var callers sync.WaitGroup
			for range 10 {
				callers.Go(func() { assert.NoError(t, get(time.Minute)) })
			}
			callers.Wait()
			require.EqualValues(t, 1, fetches.Load())
		})
		run("who leaves hurts nobody", func(t *testing.T, p pager, get func(time.Duration) error) {
			takes = 5 * time.Second
			go get(time.Second)
			require.NoError(t, get(time.Minute))
			require.Equal(t, []int32{1, 0}, []int32{fetches.Load(), cancelled.Load()})
		})
		run("the last one leaves", func(t *testing.T, p pager, get func(time.Duration) error) {
			takes = time.Hour
			require.ErrorIs(t, get(time.Second), context.DeadlineExceeded)
			time.Sleep(2*time.Second - time.Millisecond)
			synctest.Wait()
			require.Equal(t, []int32{1, 0}, []int32{fetches.Load(), cancelled.Load()})
			time.Sleep(time.Millisecond)
			synctest.Wait()
			require.Equal(t, []int32{1, 1}, []int32{fetches.Load(), cancelled.Load()})
			takes = time.Second
			require.NoError(t, get(time.Minute))
			require.Equal(t, []int32{2, 1}, []int32{fetches.Load(), cancelled.Load()})
		})
		run("somebody is back in time", func(t *testing.T, p pager, get func(time.Duration) error) {
			takes = 6 * time.Second
			require.Error(t, get(time.Second))
			time.Sleep(time.Second)
			require.NoError(t, get(time.Minute))
			require.Equal(t, []int32{1, 0}, []int32{fetches.Load(), cancelled.Load()})
		})
		run("a page is kept for ten seconds", func(t *testing.T, p pager, get func(time.Duration) error) {
			require.NoError(t, get(time.Minute))
			time.Sleep(9 * time.Second)
			require.NoError(t, get(time.Minute))
			require.EqualValues(t, 1, fetches.Load())
			time.Sleep(11 * time.Second)
			require.NoError(t, get(time.Minute))
			require.EqualValues(t, 2, fetches.Load())
		})
		run("a failure is kept for two seconds", func(t *testing.T, p pager, get func(time.Duration) error) {
			fails = errDown
			require.ErrorIs(t, get(time.Minute), errDown)
			time.Sleep(time.Second)
			require.ErrorIs(t, get(time.Minute), errDown)
			require.EqualValues(t, 1, fetches.Load())
			time.Sleep(3 * time.Second)
			require.ErrorIs(t, get(time.Minute), errDown)
			require.EqualValues(t, 2, fetches.Load())
		})
		run("a fetch has thirty seconds", func(t *testing.T, p pager, get func(time.Duration) error) {
			takes = time.Hour
			began := time.Now()
			require.ErrorIs(t, get(time.Minute), context.DeadlineExceeded)
			require.Equal(t, 30*time.Second, time.Since(began))
			synctest.Wait() // the caller is told at once, the function sees its context end beside it
			require.EqualValues(t, 1, cancelled.Load())
		})
	}
}
