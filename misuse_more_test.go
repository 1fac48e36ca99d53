package weir_test

// This file holds the lines of the table of misuse for weirtest and inspect.

import (
	"runtime"
	"testing"

	"github.com/weir-go/weir"
	"github.com/weir-go/weir/inspect"
	"github.com/weir-go/weir/weirtest"
)

func argRecorder(w *abusedWorld) any { return weirtest.Record(mute{w.t}, w.c, w.n) }
func argEvents(w *abusedWorld) any   { return weirtest.NewEvents(mute{w.t}) }

var weirtestLines = map[string]symbolLine{
	"New":    {outside: true, fn: weirtest.New, args: with(func(w *abusedWorld) []any { return []any{w.t} })},
	"Settle": {outside: true, fn: weirtest.Settle, args: with(func(w *abusedWorld) []any { return []any{mute{w.t}, w.c} })},

	"NewEvents":       {outside: true, fn: weirtest.NewEvents, args: with(func(w *abusedWorld) []any { return []any{w.t, weirtest.Build} })},
	"Events.All":      {outside: true, fn: (*weirtest.Events).All, args: of(argEvents), but: emptyEvents},
	"Events.Observer": {outside: true, fn: (*weirtest.Events).Observer, args: of(argEvents), but: verdicts{"0 nil": changes, "0 zero": changes}},
	"Events.Take":     {outside: true, fn: (*weirtest.Events).Take, args: of(argEvents), but: emptyEvents},
	"Events.Want":     {outside: true, fn: (*weirtest.Events).Want, args: of(argEvents), but: wanting},
	"Events.WantOf": {outside: true, fn: (*weirtest.Events).WantOf, args: with(func(w *abusedWorld) []any { return []any{argEvents(w), w.n} }),
		but: plus(wanting, verdicts{"1 zero provider": changes})},

	"Record":          {outside: true, fn: weirtest.Record[int], args: with(func(w *abusedWorld) []any { return []any{w.t, w.c, w.n} })},
	"Recorder.Close":  {outside: true, fn: (*weirtest.Recorder[int]).Close, args: of(argRecorder), but: verdicts{"0 nil": goNil}},
	"Recorder.Last":   {outside: true, fn: (*weirtest.Recorder[int]).Last, args: of(argRecorder), but: emptyEvents},
	"Recorder.Take":   {outside: true, fn: (*weirtest.Recorder[int]).Take, args: of(argRecorder), but: emptyEvents},
	"Recorder.Values": {outside: true, fn: (*weirtest.Recorder[int]).Values, args: of(argRecorder), but: emptyEvents},
	"Recorder.Want":   {outside: true, fn: (*weirtest.Recorder[int]).Want, args: of(argRecorder, 1), but: plus(wanting, verdicts{"1 negative": changes})},
}

var inspectLines = map[string]symbolLine{
	"AllowActions":       {fn: inspect.AllowActions},
	"Ring":               {fn: inspect.Ring, args: given(10)},
	"Values":             {fn: inspect.Values, args: given(func(weir.AnyProvider, any) string { return "" })},
	"New":                {fn: inspect.New},
	"Handler":            {fn: inspect.Handler, args: with(func(w *abusedWorld) []any { return []any{w.c} })},
	"Inspector.Handler":  {fn: (*inspect.Inspector).Handler, args: with(func(w *abusedWorld) []any { return []any{inspect.New(), w.c} })},
	"Inspector.Observer": {fn: (*inspect.Inspector).Observer, args: with(func(w *abusedWorld) []any { return []any{inspect.New()} })},
}

// A nil or zero helper of a test stops it at the line where it is used, whatever is raised there.
var (
	emptyEvents = verdicts{"0 nil": goNil, "0 zero": changes}
	wanting     = verdicts{"0 nil": goNil, "0 zero": goNil}
)

// mute is a test that is told of nothing.
type mute struct{ testing.TB }

func (mute) Errorf(string, ...any) {}
func (mute) Fatalf(string, ...any) { runtime.Goexit() }
