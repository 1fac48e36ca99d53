package bench

// This file holds what people write by hand in place of a library, as short as it can be while it does the same work for any number of
// goroutines.

import (
	"context"
	"sync"
	"time"
)

// table is a cache: a map under a lock.
type table[K comparable, V any] struct {
	mu sync.RWMutex
	m  map[K]V
}

func (t *table[K, V]) get(k K) V {
	t.mu.RLock()
	v := t.m[k]
	t.mu.RUnlock()
	return v
}

func (t *table[K, V]) getOrMake(k K, build func(K) V) V {
	t.mu.RLock()
	v, ok := t.m[k]
	t.mu.RUnlock()
	if ok {
		return v
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if v, ok = t.m[k]; !ok {
		v = build(k)
		t.m[k] = v
	}
	return v
}

// hub is a value with listeners, which are called without the lock.
type hub struct {
	mu   sync.Mutex
	turn sync.Mutex // one delivery at a time
	v    int
	next int
	fns  map[int]func(prev, next int)
	list []func(prev, next int) // of fns; nil when it has to be made again
}

func (h *hub) listen(fn func(prev, next int)) (stop func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fns == nil {
		h.fns = map[int]func(int, int){}
	}
	id := h.next
	h.next++
	h.fns[id], h.list = fn, nil
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.fns, id)
		h.list = nil
	}
}

func (h *hub) set(v int) {
	h.turn.Lock()
	defer h.turn.Unlock()
	h.mu.Lock()
	prev := h.v
	if prev == v {
		h.mu.Unlock()
		return
	}
	h.v = v
	if h.list == nil {
		for _, fn := range h.fns {
			h.list = append(h.list, fn)
		}
	}
	list := h.list
	h.mu.Unlock()
	for _, fn := range list {
		fn(prev, v)
	}
}

// shared is a value that lives while somebody uses it, and for delay after that. It is built under its lock.
type shared struct {
	mu      sync.Mutex
	parent  context.Context // nil: no context
	delay   time.Duration
	build   func(ctx context.Context) int
	dispose func()

	refs   int
	built  bool
	v      int
	cancel context.CancelFunc
	timer  *time.Timer
}

func (s *shared) acquire() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refs++
	if s.refs == 1 && s.timer != nil {
		s.timer.Stop()
	}
	if !s.built {
		ctx := s.parent
		if ctx != nil {
			ctx, s.cancel = context.WithCancel(ctx)
		}
		s.v, s.built = s.build(ctx), true
	}
	return s.v
}

func (s *shared) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refs--
	switch {
	case s.refs > 0:
	case s.delay == 0:
		s.endLocked()
	case s.timer == nil:
		s.timer = time.AfterFunc(s.delay, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.refs == 0 && s.built {
				s.endLocked()
			}
		})
	default:
		s.timer.Reset(s.delay)
	}
}

func (s *shared) endLocked() {
	if s.cancel != nil {
		s.cancel()
	}
	s.dispose()
	s.built = false
}

// flight is one piece of work in the making, which its callers wait for.
type flight struct {
	done chan struct{}
	v    int
	err  error
}

// flights shares work in flight, and lets each caller leave when its context ends.
type flights struct {
	mu sync.Mutex
	m  map[string]*flight
}

func (f *flights) do(ctx context.Context, key string, work func() (int, error)) (int, error) {
	f.mu.Lock()
	fl := f.m[key]
	if fl == nil {
		fl = &flight{done: make(chan struct{})}
		f.m[key] = fl
		go func() {
			fl.v, fl.err = work()
			f.mu.Lock()
			delete(f.m, key)
			f.mu.Unlock()
			close(fl.done)
		}()
	}
	f.mu.Unlock()
	select {
	case <-fl.done:
		return fl.v, fl.err
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}
