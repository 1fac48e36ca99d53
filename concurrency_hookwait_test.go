package weir_test

// This file holds what becomes of OnDispose hooks that wait for builds which wait for such hooks (E2, E4), and of a Flush that waits for
// what a turn has put off.

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// usageOf runs fn and returns the *UsageError that it panics with, or nil.
func usageOf(fn func()) (misuse *weir.UsageError) {
	defer func() {
		misuse, _ = recover().(*weir.UsageError)
	}()
	fn()
	return nil
}

func TestE4AHookThatWaitsForWhatWaitsForItIsMisuse(t *testing.T) {
	// The hook of a reads b through the container, and b's build, on another goroutine, waits for a: whoever comes first, the hook is told.
	// Planted bug: ask only whether what the hook reads is blocked itself.
	for _, hookFirst := range []bool{true, false} {
		t.Run(fmt.Sprint("the hook waits first ", hookFirst), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newContainer(t)
				inB, goB, inHook, goHook := make(chan struct{}), make(chan struct{}), make(chan struct{}), make(chan struct{})
				var b *weir.Provider[int]
				var misuse *weir.UsageError
				a := weir.NewProvider(func(ref weir.Ref) int {
					ref.OnDispose(func() {
						if inHook == nil {
							return
						}
						close(inHook)
						inHook = nil
						<-goHook
						misuse = usageOf(func() { weir.Read(c, b) })
					})
					return 1
				}, weir.Name("a"))
				b = weir.NewProvider(func(ref weir.Ref) int {
					close(inB)
					<-goB
					return weir.Watch(ref, a) + 1
				}, weir.Name("b"))
				weir.Read(c, a)
				var got int
				reader := async(t, func() { got = weir.Read(c, b) })
				<-inB
				hooking := inHook
				ender := async(t, func() { c.Invalidate(a) })
				<-hooking
				if hookFirst {
					close(goHook)
					settle()
					close(goB)
				} else {
					close(goB)
					settle()
					close(goHook)
				}
				await(t, "Invalidate", ender)
				await(t, "the reader", reader)
				require.NotNil(t, misuse)
				require.ErrorContains(t, misuse, "OnDispose hook reads")
				require.Equal(t, 2, got)
			})
		})
	}
}

func TestE4AHookMayWaitForTheHooksOfAnother(t *testing.T) {
	// The hook of a reads b, whose own hooks another goroutine is still running: that is no cycle, the hook gets its value.
	// Planted bug: take any blocked element that a hook reads for the hook's own.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		inHook, goHook := make(chan struct{}), make(chan struct{})
		builds := 0
		b := weir.NewProvider(func(ref weir.Ref) int {
			if builds++; builds == 1 {
				ref.OnDispose(func() { close(inHook); <-goHook })
			}
			return builds
		})
		got := 0
		a := weir.NewProvider(func(ref weir.Ref) int {
			ref.OnDispose(func() { got = weir.Read(c, b) })
			return 1
		}, weir.DisposeDelay(0))
		sub := weir.Listen(c, a, nil)
		weir.Read(c, b)
		first := async(t, func() { c.Invalidate(b) })
		<-inHook
		second := async(t, func() { sub.Close() })
		settle()
		require.Zero(t, got)
		close(goHook)
		await(t, "the first", first)
		await(t, "the second", second)
		require.Equal(t, 2, got)
	})
}

func TestE4TwoHooksThatWaitForEachOther(t *testing.T) {
	// Two goroutines end builds at once, and the hook of each reads the other's element: one of them is told, both go on.
	// Planted bug: look only at the hooks of one goroutine.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		in := [2]chan struct{}{make(chan struct{}), make(chan struct{})}
		goOn := make(chan struct{})
		var ps [2]*weir.Provider[int]
		var misuse [2]*weir.UsageError
		var builds [2]int
		for i := range ps {
			ps[i] = weir.NewProvider(func(ref weir.Ref) int {
				if builds[i]++; builds[i] == 1 {
					ref.OnDispose(func() {
						close(in[i])
						<-goOn
						misuse[i] = usageOf(func() { weir.Read(c, ps[1-i]) })
					})
				}
				return 1
			})
			weir.Read(c, ps[i])
		}
		var ended [2]<-chan struct{}
		for i := range ps {
			ended[i] = async(t, func() { c.Invalidate(ps[i]) })
			<-in[i]
		}
		close(goOn)
		for i := range ps {
			await(t, "Invalidate", ended[i])
		}
		require.True(t, (misuse[0] == nil) != (misuse[1] == nil), "%v %v", misuse[0], misuse[1])
		require.Equal(t, 1, weir.Read(c, ps[0]))
	})
}

// putOff makes a container in which a turn has put off the one listener, because a reader is building what it needs.
func putOff(t *testing.T) (c *weir.Container, told *[]int, goOn chan struct{}, reader <-chan struct{}) {
	c = newContainer(t)
	n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
	in, goOn := make(chan struct{}), make(chan struct{})
	x := weir.NewProvider(func(ref weir.Ref) int {
		v := weir.Watch(ref, n)
		if v == 1 {
			close(in)
			<-goOn
		}
		return v
	})
	d := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, x) })
	told = new([]int)
	sub := weir.Listen(c, d, func(_, next int) { *told = append(*told, next) })
	sub.Pause() // so that the reader builds x, not the turn
	n.Set(c, 1)
	reader = async(t, func() { weir.Read(c, x) })
	<-in
	sub.Resume()
	return c, told, goOn, reader
}

func TestG12FlushWaitsForWhatATurnPutOff(t *testing.T) {
	// A turn does not wait for a build of somebody else, but comes back when it is done. Flush waits for that.
	// Planted bug: let Flush return when no turn is running.
	bubble(t, func(t *testing.T) {
		c, told, goOn, reader := putOff(t)
		flushed := async(t, func() { flush(t, c) })
		settle()
		select {
		case <-flushed:
			t.Error("Flush returned before the listener was told")
		default:
		}
		close(goOn)
		await(t, "Flush", flushed)
		require.Equal(t, []int{1}, *told)
		await(t, "the reader", reader)
	})
}

func TestG12FlushEndsWithItsContainer(t *testing.T) {
	// Planted bug: forget those who wait when there is nothing left to wait for.
	bubble(t, func(t *testing.T) {
		c, _, goOn, reader := putOff(t)
		flushed := async(t, func() { flush(t, c) })
		settle()
		c.Close()
		await(t, "Flush", flushed)
		close(goOn)
		await(t, "the reader", reader)
	})
}

func TestE3AListenThatPanicsLeavesNoListener(t *testing.T) {
	// Without a panic handler the panic of fn goes on from Listen, whose caller has no subscription to close.
	// Planted bug: leave the listener in place.
	c := bareContainer(t)
	n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
	require.Panics(t, func() { weir.Listen(c, n, func(_, _ int) { panic(errBoom) }, weir.FireImmediately()) })
	require.Zero(t, c.Snapshot().Elements[0].Listeners)
	n.Set(c, 1)
	require.Equal(t, 1, weir.Read(c, n))
}

func TestL3ADependentThatWatchesAgainIsOne(t *testing.T) {
	// A build watches a source, then another builds and watches the same, then the first watches it again: it is one dependent.
	// Planted bug: know only the last build that watched a source.
	c := newContainer(t)
	came := 0
	src := weir.NewStateProvider(func(ref weir.Ref) int { ref.OnAddListener(func() { came++ }); return 1 }, weir.AutoDispose())
	inner := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, src) })
	outer := weir.NewProvider(func(ref weir.Ref) int {
		return weir.Watch(ref, src) + weir.Watch(ref, inner) + weir.Watch(ref, src)
	})
	sub := weir.Listen(c, outer, nil)
	defer sub.Close()
	require.Equal(t, 2, came)
	for _, e := range c.Snapshot().Elements {
		if e.Provider == weir.AnyProvider(src) {
			require.Equal(t, 2, e.Listeners)
		}
	}
}

// callingKey is a family key whose String uses the container.
type callingKey struct{ call func() }

func (k *callingKey) String() string { k.call(); return "key" }

func TestG2NamesAreMadeWithoutTheLock(t *testing.T) {
	// The name of a family's member may be made by the String of its key, which is user code and may use the container.
	// Planted bug: make the path of a cycle under the lock.
	bubble(t, func(t *testing.T) {
		c := newContainer(t)
		n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
		var f *weir.Family[*callingKey, weir.Provider[int]]
		f = weir.NewFamily(func(k *callingKey) *weir.Provider[int] {
			return weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, f.Of(k)) })
		})
		var cycle *weir.CycleError
		key := &callingKey{call: func() { weir.Read(c, n) }}
		func() {
			defer func() {
				pe, _ := recover().(*weir.PanicError)
				require.ErrorAs(t, pe, &cycle)
			}()
			weir.Read(c, f.Of(key))
		}()
		require.Len(t, cycle.Path, 2)
		self := weir.NewFamily(func(k *callingKey) *weir.Provider[int] {
			return weir.NewProvider(func(ref weir.Ref) int { ref.InvalidateSelf(); return 1 })
		}).Of(key)
		require.Panics(t, func() { weir.Read(c, self) })
	})
}
