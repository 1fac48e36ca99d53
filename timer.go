package weir

// This file owns a container's one timer: a heap of what is due, disposals, timeouts and
// retries. Whatever became of an entry is found out when it is due: a listener that returns
// pays nothing for the timer of the standby that it ended.

import (
	"container/heap"
	"math"
	"time"
)

type timerKind uint8

const (
	disposeTimer timerKind = iota
	timeoutTimer
	retryTimer
)

type timer struct {
	e    *element
	at   time.Duration // of the container's clock
	gen  uint64        // timeouts and retries: the build meant
	kind timerKind
	i    int // in the heap; -1 out of it
}

type timers []*timer

func (h timers) Len() int           { return len(h) }
func (h timers) Less(i, j int) bool { return h[i].at < h[j].at }
func (h timers) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].i, h[j].i = i, j
}
func (h *timers) Push(x any) {
	t := x.(*timer)
	t.i = len(*h)
	*h = append(*h, t)
}
func (h *timers) Pop() any {
	k := len(*h) - 1
	t := (*h)[k]
	(*h)[k] = nil
	*h = (*h)[:k]
	t.i = -1
	return t
}

// now is the container's clock: the time since it was made, and a little more, because 0
// stands for no time at all. Clocks may stand still, that of a test bubble does.
func (c *Container) now() time.Duration { return time.Since(c.made) + 1 }

// plus is at + d, or the end of time: delays may be as long as there are numbers.
func plus(at, d time.Duration) time.Duration {
	if sum := at + d; sum >= at || d < 0 {
		return sum
	}
	return math.MaxInt64
}

// schedule makes sure that e is looked at again at the given time or before. The lock is held.
func (c *Container) schedule(e *element, at time.Duration, kind timerKind) *timer {
	if old := e.times.timer; old != nil && kind == disposeTimer {
		if old.at > at {
			old.at = at
			heap.Fix(&c.timers, old.i)
			c.arm()
		}
		return old // if it is due earlier, it will be put off then
	}
	t := &timer{e: e, at: at, kind: kind, gen: e.Gen()}
	if kind == disposeTimer {
		e.times.timer = t
	}
	heap.Push(&c.timers, t)
	c.arm()
	return t
}

// arm sets the timer for what is due first.
func (c *Container) arm() {
	if len(c.timers) == 0 || c.closed {
		return
	}
	at := c.timers[0].at
	if c.alarm != nil && c.alarmSet && c.alarmAt <= at {
		return
	}
	c.alarmAt, c.alarmSet = at, true
	d := max(at-c.now(), 0)
	if c.alarm == nil {
		c.alarm = time.AfterFunc(d, c.rang)
	} else {
		c.alarm.Reset(d)
	}
}

// unschedule takes e's disposal out of the heap.
func (c *Container) unschedule(e *element) {
	if e.times != nil && e.times.timer != nil {
		c.drop(e.times.timer)
		e.times.timer = nil
	}
}

func (c *Container) drop(t *timer) {
	if t != nil && t.i >= 0 {
		heap.Remove(&c.timers, t.i)
	}
	if len(c.timers) == 0 && c.alarm != nil && c.alarmSet {
		c.alarm.Stop()
		c.alarmSet = false
	}
}

// rang runs on the timer's goroutine.
func (c *Container) rang() {
	c.begins()
	var a after
	c.tree.mu.Lock()
	c.alarmSet = false
	if c.closed {
		c.tree.unlock(&a)
		return
	}
	now := c.now()
	for len(c.timers) > 0 && c.timers[0].at <= now {
		t := heap.Pop(&c.timers).(*timer)
		switch t.kind {
		case disposeTimer:
			t.e.times.timer = nil
			t.e.consider()
		case timeoutTimer:
			t.e.timedOut(t, &a)
		case retryTimer:
			t.e.retryDue(t, &a)
		}
	}
	c.arm()
	c.done(&a)
}
