package weir_test

// This file tells of rule O1 as far as it answers why something was built again: which of its dependencies had changed.

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestABuildThatStartsSaysWhatHasChanged(t *testing.T) {
	// Planted bugs: list all dependencies; list what is only stale.
	synctest.Test(t, func(t *testing.T) {
		var started []weir.BuildStartedEvent
		c := weir.NewContainer(weir.WithObserver(&weir.Observer{BuildStarted: func(ev weir.BuildStartedEvent) { started = append(started, ev) }}))
		defer c.Close()
		a := weir.NewStateProvider(func(weir.Ref) int { return 1 })
		b := weir.NewStateProvider(func(weir.Ref) int { return 1 })
		tens := weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, b) / 10 })
		sum := weir.NewProvider(func(ref weir.Ref) int {
			return weir.Watch(ref, tens) + weir.Watch(ref, a) + weir.Watch(ref, weir.Select(b, func(v int) int { return v / 5 }))
		})
		double := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) { return 2 * weir.Watch(ref, a), nil })
		late := weir.NewFutureProvider(func(_ context.Context, ref weir.Ref) (int, error) { return weir.Await(ref, double) })
		weir.Listen(c, sum, nil)
		weir.Listen(c, late, nil)
		synctest.Wait()
		changed := func(of weir.AnyProvider, do func()) (ps []weir.AnyProvider) {
			t.Helper()
			started = nil
			do()
			synctest.Wait()
			n := 0
			for _, ev := range started {
				if ev.Provider == of {
					ps, n = ev.Changed, n+1
				}
			}
			require.Equal(t, 1, n, "builds")
			return ps
		}
		require.Equal(t, []weir.AnyProvider{a}, changed(sum, func() { a.Set(c, 2) }))
		require.Equal(t, []weir.AnyProvider{double}, changed(late, func() { a.Set(c, 3) }), "its loading is no other result")
		require.Equal(t, []weir.AnyProvider{b}, changed(sum, func() { b.Set(c, 6) }), "tens was looked at and has not changed")
		require.Equal(t, []weir.AnyProvider{tens, b}, changed(sum, func() { b.Set(c, 10) }))
		require.Equal(t, []weir.AnyProvider{a, b}, changed(sum, func() { // tens is looked at only when it is asked for
			c.Batch(func(tx *weir.Tx) { a.Set(tx, 4); b.Set(tx, 20) })
		}))
		require.Empty(t, changed(sum, func() { c.Invalidate(sum) }), "by hand")
		for _, ev := range started {
			require.Equal(t, weir.ReasonRefresh, ev.Reason)
		}
	})
}

func TestTheLogSaysWhatHasChanged(t *testing.T) {
	// Planted bugs: leave the names out; log all of them; make them for nobody.
	var buf bytes.Buffer
	var level slog.LevelVar
	level.Set(slog.LevelDebug)
	c := weir.NewContainer(weir.WithObserver(weir.LogObserver(slog.New(slog.NewJSONHandler(&buf, &slog.HandlerOptions{Level: &level})))))
	defer c.Close()
	named := 0
	n := weir.NewFamily(func(counted) *weir.StateProvider[int] {
		return weir.NewStateProvider(func(weir.Ref) int { return 1 })
	}, weir.Name("n"))
	key := func(i int) counted { return counted{i, &named} }
	sum := weir.NewProvider(func(ref weir.Ref) (sum int) {
		for i := range 12 {
			sum += weir.Watch(ref, n.Of(key(i)))
		}
		return sum
	}, weir.Name("sum"))
	weir.Listen(c, sum, nil)
	changed := func(of int) (names [][]string) {
		t.Helper()
		buf.Reset()
		c.Batch(func(tx *weir.Tx) {
			for i := range of {
				n.Of(key(i)).Update(tx, func(v int) int { return v + 1 })
			}
		})
		for dec := json.NewDecoder(&buf); dec.More(); {
			var line struct {
				Msg, Provider, Reason string
				Changed               []string
			}
			require.NoError(t, dec.Decode(&line))
			if line.Msg != "weir: build started" {
				require.Nil(t, line.Changed, line.Msg)
				continue
			}
			require.Equal(t, "sum reload", line.Provider+" "+line.Reason)
			names = append(names, line.Changed)
		}
		return names
	}
	require.Equal(t, [][]string{{"n(0)"}}, changed(1))
	require.Equal(t, [][]string{{"n(0)", "n(1)"}}, changed(2))
	all := changed(12)
	require.Equal(t, []string{"n(8)", "n(9)", "and 2 more"}, all[0][8:])
	level.Set(slog.LevelInfo)
	before := named
	require.Empty(t, changed(12))
	require.Equal(t, before, named, "names were made that nobody reads")
	buf.Reset()
	level.Set(slog.LevelDebug)
	c.Invalidate(sum)
	require.NotContains(t, buf.String(), `"changed"`)
}

// counted is a key that counts how often it is written.
type counted struct {
	i int
	n *int
}

func (k counted) String() string { *k.n++; return fmt.Sprint(k.i) }
