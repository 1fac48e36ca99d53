package weir

// This file owns retries: the policies, when one is asked, and the wait for the next
// attempt (rule A6). How it shows is in async.go.

import (
	"errors"
	"time"

	"github.com/weir-go/weir/internal/graph"
)

// RetryPolicy says whether a build that failed with err is to be tried again, and after
// how long. attempt counts the retries since the last success, reload or invalidation by
// hand, from 0. It runs without a lock and may be called concurrently. One that panics,
// or returns a negative delay with true, is reported to the panic handler and ends the
// retries.
type RetryPolicy func(attempt int, err error) (delay time.Duration, ok bool)

// Backoff returns a policy of that many retries: the first after base, each further one
// after twice the time, but never more than max. A base or max that is not positive, a
// max below base, or negative attempts are a *UsageError.
func Backoff(base, max time.Duration, attempts int) RetryPolicy {
	if base <= 0 || max < base || attempts < 0 {
		misuse(nil, "Backoff(%v, %v, %d): base must be positive, max not below it, attempts not negative", base, max, attempts)
	}
	return func(attempt int, _ error) (time.Duration, bool) {
		if attempt >= attempts {
			return 0, false
		}
		d := base
		for range attempt {
			if d > max/2 {
				return max, true
			}
			d *= 2
		}
		return d, true
	}
}

// DefaultRetry is the [RetryPolicy] that Riverpod has: ten retries, the first after 200 ms,
// doubling to 6.4 s.
func DefaultRetry(attempt int, err error) (delay time.Duration, ok bool) {
	return Backoff(200*time.Millisecond, 6400*time.Millisecond, 10)(attempt, err)
}

// Retry has builds that fail tried again as policy says (rule A6): for asynchronous kinds
// and Try providers. While a retry is pending the state is loading with the error beside
// it, and [Resolve] and [Await] go on waiting. Nothing is retried on standby: a retry that
// is due waits for a listener. Panics, cycles and misuse are never retried. A nil policy
// is a *UsageError.
func Retry(policy RetryPolicy) ProviderOption {
	if policy == nil {
		misuse(nil, "Retry needs a policy: use DefaultRetry or Backoff")
	}
	return providerOption(func(s *settings) { s.retry = policy })
}

// WithRetry sets the policy for providers without a [Retry] of their own, in the container
// and its children. A nil policy is a *UsageError.
func WithRetry(policy RetryPolicy) ContainerOption {
	if policy == nil {
		misuse(nil, "WithRetry needs a policy: use DefaultRetry or Backoff")
	}
	return containerOption(func(c *Container) { c.retry = policy })
}

// retryPolicy is the policy for e, or nil.
func (e *element) retryPolicy() RetryPolicy {
	if p := e.p.settings().retry; p != nil {
		return p
	}
	return e.c.retry
}

// retryIn asks whether build gen of e, which failed with err, is to be tried again, and
// when. The lock is not held.
func (e *element) retryIn(gen uint64, err error, a *after) (time.Duration, bool) {
	policy := e.retryPolicy()
	if policy == nil || err == nil || e.Gen() != gen || isQuiet(err) ||
		errors.As(err, new(*PanicError)) || errors.As(err, new(*CycleError)) || errors.As(err, new(*UsageError)) {
		return 0, false
	}
	t := e.c.tree
	t.mu.Lock()
	attempt, over := e.more().attempts, e.Gen() != gen
	t.mu.Unlock()
	if over {
		return 0, false
	}
	var delay time.Duration
	var ok bool
	r, exited := apart(func() { delay, ok = policy(attempt, err) })
	if r == nil && ok && delay < 0 {
		r = usage(e.p, "the retry policy returned a delay of %v: it must not be negative", delay)
	}
	if r != nil || exited {
		e.c.report(panicked(e.p, r), a)
		return 0, false
	}
	return delay, ok
}

// retryAt has e built again after d, if nothing comes between. The lock is held.
func (e *element) retryAt(d time.Duration) {
	e.unretry()
	e.rare.attempts++
	e.rare.retry = e.c.schedule(e, plus(e.c.now(), d), retryTimer)
}

// unretry takes back the retry that is pending: it goes with its build.
func (e *element) unretry() {
	if r := e.rare; r != nil {
		if r.retry != nil {
			e.c.drop(r.retry)
		}
		r.retry, r.due = nil, false
	}
}

// isRetrying reports whether a retry is pending or due.
func (e *element) isRetrying() bool { return e.rare != nil && (e.rare.retry != nil || e.rare.due) }

// retryDue begins the retry that x announced, or has it wait for a listener.
func (e *element) retryDue(x *timer, a *after) {
	if e.rare.retry != x {
		return
	}
	e.rare.retry = nil
	if e.Gen() != x.gen || e.Has(graph.Dirty) {
		return // it is over, or about to be rebuilt anyway
	}
	e.rare.due = true
	e.retryNow(a)
}

// retryNow ends the build whose retry is due, if somebody listens.
func (e *element) retryNow(a *after) {
	if !e.rare.due || !e.Active() {
		return
	}
	e.rare.due = false
	e.cause |= byRetry
	e.end(ErrInvalidated, a)
	e.c.tree.graph.Invalidate(&e.Node)
}
