package weir_test

// This file holds the lines of the table of misuse: the right call of each exported function and method, and what is documented of the
// wrong ones where that is not a *UsageError.

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"maps"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// args lists arguments that are the same in each world.
func given(vs ...any) func(*abusedWorld) []any {
	return func(*abusedWorld) []any { return append([]any(nil), vs...) }
}

func with(f func(w *abusedWorld) []any) func(*abusedWorld) []any { return f }

func double(v int) int                     { return 2 * v }
func noHook()                              {}
func noError() error                       { return nil }
func heard(_, _ int)                       {}
func heardState(_, _ weir.AsyncValue[int]) {}
func same(a, b int) bool                   { return a == b }
func never(int, error) (time.Duration, bool) {
	return 0, false
}
func openChan(context.Context, weir.Ref) (<-chan int, error) {
	ch := make(chan int)
	close(ch)
	return ch, nil
}
func openSeq(context.Context, weir.Ref) iter.Seq2[int, error]      { return func(func(int, error) bool) {} }
func try(weir.Ref) (int, error)                                    { return 1, nil }
func buildSync(weir.Ref, *syncOne) int                             { return 3 }
func buildAsync(context.Context, weir.Ref, *asyncOne) (int, error) { return 3, nil }
func doubleSlowly(v int) (int, error)                              { return 2 * v, nil }
func effect(context.Context, weir.Scope) (int, error)              { return 3, nil }
func buildStream(_ context.Context, _ weir.Ref, _ *streamOne, emit func(int) bool) error {
	emit(3)
	return nil
}

// ofState has a line for a method of a pure value, whose receiver cannot be wrong but by being zero.
func ofState[R any](method func(weir.AsyncValue[int]) R) symbolLine {
	return symbolLine{fn: method, args: given(weir.Data(1))}
}

// byRefInABuild is the standard of writes: through the ref of a synchronous build they are misuse (P7).
var byRefInABuild = verdicts{"in a synchronous build": usage, "in a Try build": usage, "in a notifier's Build": usage}

func plus(vs ...verdicts) verdicts {
	all := verdicts{}
	for _, v := range vs {
		maps.Copy(all, v)
	}
	return all
}

var symbolLines = map[string]symbolLine{}

func init() { // in func init, for the lines of the methods that each kind has are made by functions
	for _, lines := range []map[string]symbolLine{verbLines, optionLines, valueLines, containerLines, refLines, kindLines, notifierLines, storageLines} {
		maps.Copy(symbolLines, lines)
	}
	for symbol, line := range notifierLines {
		line.but = plus(line.but, verdicts{"0 nil": goNil})
		symbolLines[symbol] = line
	}
}

var verbLines = map[string]symbolLine{
	"Watch":   {fn: weir.Watch[int], args: with(func(w *abusedWorld) []any { return []any{w.live, w.p} })},
	"Read":    {fn: weir.Read[int], args: with(func(w *abusedWorld) []any { return []any{w.c, w.p} }), but: closedCold("0")},
	"Refresh": {fn: weir.Refresh[int], args: with(func(w *abusedWorld) []any { return []any{w.c, w.p} }), but: closedCold("0")},
	"Listen": {fn: weir.Listen[int], args: with(func(w *abusedWorld) []any { return []any{w.c, w.p, heard} }),
		but: verdicts{"2 nil": changes}}, // only counts
	"Values": {fn: func(ctx context.Context, s weir.Scope, src weir.Source[int]) {
		for range weir.Values(ctx, s, src) {
			break
		}
	}, args: with(func(w *abusedWorld) []any { return []any{w.ctx, w.c, w.p} })},
	"Results": {fn: func(ctx context.Context, s weir.Scope, src weir.AsyncSource[int]) {
		for range weir.Results(ctx, s, src) {
			break
		}
	}, args: with(func(w *abusedWorld) []any { return []any{w.ctx, w.c, w.f} })},
	"Await": {fn: weir.Await[int], args: with(func(w *abusedWorld) []any { return []any{w.live, w.f} }),
		but: verdicts{"0 over": weir.ErrDisposed}},
	"Resolve": {fn: weir.Resolve[int], args: with(func(w *abusedWorld) []any { return []any{w.ctx, w.c, w.f} }),
		but: verdicts{"1 ref over": weir.ErrDisposed, "1 closed root": weir.ErrContainerClosed, "1 closed child": weir.ErrContainerClosed, "closed": weir.ErrContainerClosed}},
	"Select":      {fn: weir.Select[int, int], args: with(func(w *abusedWorld) []any { return []any{w.p, double} })},
	"SelectFunc":  {fn: weir.SelectFunc[int, int], args: with(func(w *abusedWorld) []any { return []any{w.p, double, same} })},
	"SelectAsync": {fn: weir.SelectAsync[int, int], args: with(func(w *abusedWorld) []any { return []any{w.f, double} })},
	"Persisted":   {fn: weir.Persisted, args: with(func(w *abusedWorld) []any { return []any{w.ctx, w.c, w.sync} })},
	"NewContext":  {fn: weir.NewContext, args: with(func(w *abusedWorld) []any { return []any{w.ctx, w.c} })},
	"FromContext": {fn: weir.FromContext, args: with(func(w *abusedWorld) []any { return []any{weir.NewContext(w.ctx, w.c)} })},
	"FromChan":    {fn: weir.FromChan[int], args: given(openChan)},
	"FromSeq":     {fn: weir.FromSeq[int], args: given(openSeq)},
	"When":        {fn: weir.When[int, int], args: given(weir.Data(1), double, func(error) int { return 0 }, func() int { return 0 })},
	"MapData":     {fn: weir.MapData[int, int], args: given(weir.Data(1), double)},
}

// closedCold: a value that was never built has no last value to be read (G10).
func closedCold(scope string) verdicts {
	return verdicts{scope + " closed root": weir.ErrContainerClosed}
}

var optionLines = map[string]symbolLine{
	"AutoDispose":  {fn: weir.AutoDispose},
	"AllowOverlap": {fn: weir.AllowOverlap},
	"DisposeDelay": {fn: weir.DisposeDelay, args: given(time.Second)},
	"Name":         {fn: weir.Name, args: given("x")},
	"Equal":        {fn: weir.Equal[int], args: given(same)},
	"Timeout":      {fn: weir.Timeout, args: given(time.Second), but: verdicts{"0 zero": usage}},
	"Retry":        {fn: weir.Retry, args: given(weir.RetryPolicy(never))},
	"Scoped":       {fn: weir.Scoped, args: with(func(w *abusedWorld) []any { return []any{w.n} })},
	"Persist": {fn: weir.Persist[int], args: with(func(w *abusedWorld) []any {
		return []any{argFiles(w), "key", weir.JSON[int]{}, weir.DestroyKey("x")}
	})},
	"DestroyKey":       {fn: weir.DestroyKey, args: given("x")},
	"Expiry":           {fn: weir.Expiry, args: given(time.Second), but: verdicts{"0 zero": usage}},
	"RestoreWait":      {fn: weir.RestoreWait, args: given(time.Second), but: verdicts{"0 zero": usage}},
	"FireImmediately":  {fn: weir.FireImmediately},
	"Weak":             {fn: weir.Weak},
	"OnError":          {fn: weir.OnError, args: given(func(error) {})},
	"WithContext":      {fn: weir.WithContext, args: with(func(w *abusedWorld) []any { return []any{w.ctx} })},
	"WithDisposeDelay": {fn: weir.WithDisposeDelay, args: given(time.Second)},
	"WithObserver":     {fn: weir.WithObserver, args: given(&weir.Observer{}), but: verdicts{"0 zero": changes}}, // it wants to hear of nothing
	"WithOverrides": {fn: func(os ...weir.Override) { weir.NewContainer(weir.WithOverrides(os...)).Close() },
		args: with(func(w *abusedWorld) []any { return []any{w.n.OverrideWithValue(3)} })},
	"WithPanicHandler": {fn: weir.WithPanicHandler, args: given(func(*weir.PanicError) {})},
	"WithParent":       {fn: weir.WithParent, args: with(func(w *abusedWorld) []any { return []any{w.c} })},
	"WithProfiling":    {fn: weir.WithProfiling},
	"WithRetry":        {fn: weir.WithRetry, args: given(weir.RetryPolicy(never))},
	"Backoff":          {fn: weir.Backoff, args: given(time.Second, time.Minute, 3), but: verdicts{"0 zero": usage, "1 zero": usage}},
	"DefaultRetry": {fn: weir.DefaultRetry, args: given(0, errors.New("x")),
		but: verdicts{"0 negative": changes, "1 nil": changes}}, // the library calls it
	"LogObserver": {fn: weir.LogObserver, args: given(slog.New(slog.DiscardHandler)),
		but: verdicts{"0 nil": changes, "0 zero": changes}}, // slog.Default; a zero logger is slog's
}

var valueLines = map[string]symbolLine{
	"Data":    {fn: weir.Data[int], args: given(1), but: verdicts{"0 negative": changes}},
	"Loading": {fn: weir.Loading[int]},
	"Failed":  {fn: weir.Failed[int], args: given(errBoom)},

	"AsyncValue.Err":          ofState(weir.AsyncValue[int].Err),
	"AsyncValue.GoString":     ofState(weir.AsyncValue[int].GoString),
	"AsyncValue.HasError":     ofState(weir.AsyncValue[int].HasError),
	"AsyncValue.HasValue":     ofState(weir.AsyncValue[int].HasValue),
	"AsyncValue.IsLoading":    ofState(weir.AsyncValue[int].IsLoading),
	"AsyncValue.IsRefreshing": ofState(weir.AsyncValue[int].IsRefreshing),
	"AsyncValue.IsReloading":  ofState(weir.AsyncValue[int].IsReloading),
	"AsyncValue.IsRetrying":   ofState(weir.AsyncValue[int].IsRetrying),
	"AsyncValue.LogValue":     ofState(weir.AsyncValue[int].LogValue),
	"AsyncValue.Progress":     {fn: weir.AsyncValue[int].Progress, args: given(weir.Loading[int]())},
	"AsyncValue.Result":       {fn: weir.AsyncValue[int].Result, args: given(weir.Data(1)), but: verdicts{"0 zero": weir.ErrLoading}},
	"AsyncValue.String":       ofState(weir.AsyncValue[int].String),
	"AsyncValue.Value":        {fn: weir.AsyncValue[int].Value, args: given(weir.Data(1))},
	"AsyncValue.ValueOr":      {fn: weir.AsyncValue[int].ValueOr, args: given(weir.Data(1), 2), but: verdicts{"1 negative": changes}},

	"MutationState.Err":       {fn: weir.MutationState[int].Err, args: given(weir.MutationState[int]{})},
	"MutationState.GoString":  {fn: weir.MutationState[int].GoString, args: given(weir.MutationState[int]{})},
	"MutationState.IsPending": {fn: weir.MutationState[int].IsPending, args: given(weir.MutationState[int]{})},
	"MutationState.Status":    {fn: weir.MutationState[int].Status, args: given(weir.MutationState[int]{})},
	"MutationState.String":    {fn: weir.MutationState[int].String, args: given(weir.MutationState[int]{})},
	"MutationState.Value":     {fn: weir.MutationState[int].Value, args: given(weir.MutationState[int]{})},
	"MutationStatus.String":   {fn: weir.MutationStatus.String, args: given(weir.MutationPending)},
	"BuildReason.String":      {fn: weir.BuildReason.String, args: given(weir.ReasonRetry)},
	"State.String":            {fn: weir.State.String, args: given(weir.StateActive)},

	// The receivers are values here: nobody is handed a nil pointer to an error.
	"CycleError.Error":  {fn: func(e weir.CycleError) string { return e.Error() }, args: given(weir.CycleError{Path: []string{"a", "a"}})},
	"PanicError.Error":  {fn: func(e weir.PanicError) string { return e.Error() }, args: given(weir.PanicError{Value: 1})},
	"PanicError.Unwrap": {fn: func(e weir.PanicError) { _ = e.Unwrap() }, args: given(weir.PanicError{Value: errBoom})},
	"UsageError.Error":  {fn: func(e weir.UsageError) string { return e.Error() }, args: given(weir.UsageError{Message: "x"})},
}

func ofContainer(more ...func(w *abusedWorld) any) func(*abusedWorld) []any {
	return func(w *abusedWorld) []any {
		all := []any{w.c}
		for _, f := range more {
			all = append(all, f(w))
		}
		return all
	}
}

func argP(w *abusedWorld) any   { return w.p }
func argCtx(w *abusedWorld) any { return w.ctx }

var containerLines = map[string]symbolLine{
	"NewContainer": {fn: func(os ...weir.ContainerOption) { weir.NewContainer(os...).Close() }, args: given(weir.WithProfiling())},

	"Container.Batch":              {fn: (*weir.Container).Batch, args: ofContainer(func(w *abusedWorld) any { return func(tx *weir.Tx) { w.n.Set(tx, 2) } })},
	"Container.Close":              {fn: (*weir.Container).Close, args: ofContainer()},
	"Container.Context":            {fn: (*weir.Container).Context, args: ofContainer()},
	"Container.DisposeUnused":      {fn: (*weir.Container).DisposeUnused, args: ofContainer()},
	"Container.Exists":             {fn: (*weir.Container).Exists, args: ofContainer(argP)},
	"Container.Flush":              {fn: (*weir.Container).Flush, args: ofContainer(argCtx)},
	"Container.Invalidate":         {fn: (*weir.Container).Invalidate, args: ofContainer(argP)},
	"Container.InvalidateAsReload": {fn: (*weir.Container).InvalidateAsReload, args: ofContainer(argP)},
	"Container.Shutdown":           {fn: (*weir.Container).Shutdown, args: ofContainer(argCtx)},
	"Container.Snapshot":           {fn: (*weir.Container).Snapshot, args: ofContainer()},
	"Container.UpdateOverrides":    {fn: (*weir.Container).UpdateOverrides, args: ofContainer(func(w *abusedWorld) any { return w.fixed.OverrideWithValue(8) })},

	"Subscription.Changed":  {fn: (*weir.Subscription[int]).Changed, args: ofSubscription},
	"Subscription.Close":    {fn: (*weir.Subscription[int]).Close, args: ofSubscription},
	"Subscription.IsPaused": {fn: (*weir.Subscription[int]).IsPaused, args: ofSubscription},
	"Subscription.Pause":    {fn: (*weir.Subscription[int]).Pause, args: ofSubscription},
	"Subscription.Read":     {fn: (*weir.Subscription[int]).Read, args: ofSubscription, but: verdicts{"0 over": changes}},
	"Subscription.Resume":   {fn: (*weir.Subscription[int]).Resume, args: ofSubscription},
	"KeepAliveLink.Close": {fn: (*weir.KeepAliveLink).Close, args: with(func(w *abusedWorld) []any { return []any{w.link} }),
		but: verdicts{"0 nil": changes, "0 zero": changes}},
}

func ofSubscription(w *abusedWorld) []any { return []any{w.sub} }

func ofRef(more ...any) func(*abusedWorld) []any {
	return func(w *abusedWorld) []any { return append([]any{w.live}, more...) }
}

var refLines = map[string]symbolLine{
	"Ref.CacheFor":             {fn: weir.Ref.CacheFor, args: ofRef(time.Second)},
	"Ref.Container":            {fn: weir.Ref.Container, args: ofRef()},
	"Ref.Context":              {fn: weir.Ref.Context, args: ofRef()},
	"Ref.Debounce":             {fn: weir.Ref.Debounce, args: ofRef(time.Millisecond), but: verdicts{"0 over": weir.ErrDisposed, "closed": weir.ErrContainerClosed}},
	"Ref.Exists":               {fn: weir.Ref.Exists, args: with(func(w *abusedWorld) []any { return []any{w.live, w.p} })},
	"Ref.Invalidate":           {fn: weir.Ref.Invalidate, args: with(func(w *abusedWorld) []any { return []any{w.live, w.p} })},
	"Ref.InvalidateAsReload":   {fn: weir.Ref.InvalidateAsReload, args: with(func(w *abusedWorld) []any { return []any{w.live, w.p} })},
	"Ref.InvalidateSelf":       {fn: weir.Ref.InvalidateSelf, args: ofRef()},
	"Ref.IsPaused":             {fn: weir.Ref.IsPaused, args: ofRef()},
	"Ref.KeepAlive":            {fn: weir.Ref.KeepAlive, args: ofRef()},
	"Ref.Mounted":              {fn: weir.Ref.Mounted, args: ofRef()},
	"Ref.OnAddListener":        {fn: weir.Ref.OnAddListener, args: ofRef(noHook)},
	"Ref.OnCancel":             {fn: weir.Ref.OnCancel, args: ofRef(noHook)},
	"Ref.OnDispose":            {fn: weir.Ref.OnDispose, args: ofRef(noHook)},
	"Ref.OnDisposeErr":         {fn: weir.Ref.OnDisposeErr, args: ofRef(noError)},
	"Ref.OnManualInvalidation": {fn: weir.Ref.OnManualInvalidation, args: ofRef(noHook)},
	"Ref.OnRemoveListener":     {fn: weir.Ref.OnRemoveListener, args: ofRef(noHook)},
	"Ref.OnResume":             {fn: weir.Ref.OnResume, args: ofRef(noHook)},
	"Ref.Reason":               {fn: weir.Ref.Reason, args: ofRef()},
	"Ref.SetProgress":          {fn: weir.Ref.SetProgress, args: ofRef(0.5)},
}

// of has the receiver and what follows it.
func of(receiver func(w *abusedWorld) any, more ...any) func(*abusedWorld) []any {
	return func(w *abusedWorld) []any { return append([]any{receiver(w)}, more...) }
}

// in has the receiver, the container and what follows them.
func in(receiver func(w *abusedWorld) any, more ...any) func(*abusedWorld) []any {
	return func(w *abusedWorld) []any { return append([]any{receiver(w), w.c}, more...) }
}

func argPlain(w *abusedWorld) any    { return w.fixed }
func argState(w *abusedWorld) any    { return w.n }
func argFuture(w *abusedWorld) any   { return w.f }
func argStream(w *abusedWorld) any   { return w.st }
func argSync(w *abusedWorld) any     { return w.sync }
func argAsync(w *abusedWorld) any    { return w.async }
func argStreams(w *abusedWorld) any  { return w.stream }
func argFamily(w *abusedWorld) any   { return w.family }
func argMutation(w *abusedWorld) any { return w.mutation }

// justNames: a zero provider has a name, for messages.
var justNames = verdicts{"0 nil": goNil, "0 zero": changes}

var kindLines = map[string]symbolLine{
	"NewProvider":       {fn: weir.NewProvider[int], args: given(one)},
	"NewTryProvider":    {fn: weir.NewTryProvider[int], args: given(try)},
	"NewStateProvider":  {fn: weir.NewStateProvider[int], args: given(one)},
	"NewFutureProvider": {fn: weir.NewFutureProvider[int], args: given(oneSlowly)},
	"NewStreamProvider": {fn: weir.NewStreamProvider[int], args: given(streamOfOne)},
	"NewFamily": {fn: weir.NewFamily[int, weir.Provider[int], *weir.Provider[int]],
		args: given(func(int) *weir.Provider[int] { return weir.NewProvider(one) })},
	"NewMutation":               {fn: weir.NewMutation[int]},
	"NewNotifierProvider":       {fn: weir.NewNotifierProvider[*syncOne, int], args: given(newSyncOne)},
	"NewAsyncNotifierProvider":  {fn: weir.NewAsyncNotifierProvider[*asyncOne, int], args: given(newAsyncOne)},
	"NewStreamNotifierProvider": {fn: weir.NewStreamNotifierProvider[*streamOne, int], args: given(newStreamOne)},

	"Provider.Name":              {fn: (*weir.Provider[int]).Name, args: of(argPlain), but: justNames},
	"Provider.String":            {fn: (*weir.Provider[int]).String, args: of(argPlain), but: justNames},
	"Provider.OverrideWith":      {fn: (*weir.Provider[int]).OverrideWith, args: of(argPlain, one)},
	"Provider.OverrideWithValue": {fn: (*weir.Provider[int]).OverrideWithValue, args: of(argPlain, 3), but: anyInt},

	"StateProvider.Name":              {fn: (*weir.StateProvider[int]).Name, args: of(argState), but: justNames},
	"StateProvider.String":            {fn: (*weir.StateProvider[int]).String, args: of(argState), but: justNames},
	"StateProvider.OverrideWith":      {fn: (*weir.StateProvider[int]).OverrideWith, args: of(argState, one)},
	"StateProvider.OverrideWithValue": {fn: (*weir.StateProvider[int]).OverrideWithValue, args: of(argState, 3), but: anyInt},
	"StateProvider.Set":               {fn: (*weir.StateProvider[int]).Set, args: in(argState, 3), but: plus(byRefInABuild, verdicts{"2 negative": changes})},
	"StateProvider.Update":            {fn: (*weir.StateProvider[int]).Update, args: in(argState, double), but: byRefInABuild},

	"FutureProvider.Name":              {fn: (*weir.FutureProvider[int]).Name, args: of(argFuture), but: justNames},
	"FutureProvider.String":            {fn: (*weir.FutureProvider[int]).String, args: of(argFuture), but: justNames},
	"FutureProvider.Cancel":            {fn: (*weir.FutureProvider[int]).Cancel, args: in(argFuture, errBoom), but: noCause},
	"FutureProvider.OverrideWith":      {fn: (*weir.FutureProvider[int]).OverrideWith, args: of(argFuture, oneSlowly)},
	"FutureProvider.OverrideWithData":  {fn: (*weir.FutureProvider[int]).OverrideWithData, args: of(argFuture, 3), but: anyInt},
	"FutureProvider.OverrideWithValue": {fn: (*weir.FutureProvider[int]).OverrideWithValue, args: of(argFuture, weir.Data(3))},

	"StreamProvider.Name":              {fn: (*weir.StreamProvider[int]).Name, args: of(argStream), but: justNames},
	"StreamProvider.String":            {fn: (*weir.StreamProvider[int]).String, args: of(argStream), but: justNames},
	"StreamProvider.Cancel":            {fn: (*weir.StreamProvider[int]).Cancel, args: in(argStream, errBoom), but: noCause},
	"StreamProvider.OverrideWith":      {fn: (*weir.StreamProvider[int]).OverrideWith, args: of(argStream, streamOfOne)},
	"StreamProvider.OverrideWithData":  {fn: (*weir.StreamProvider[int]).OverrideWithData, args: of(argStream, 3), but: anyInt},
	"StreamProvider.OverrideWithValue": {fn: (*weir.StreamProvider[int]).OverrideWithValue, args: of(argStream, weir.Data(3))},

	"NotifierProvider.Name":              {fn: (*syncProvider).Name, args: of(argSync), but: justNames},
	"NotifierProvider.String":            {fn: (*syncProvider).String, args: of(argSync), but: justNames},
	"NotifierProvider.Notifier":          {fn: (*syncProvider).Notifier, args: in(argSync), but: closedCold("1")},
	"NotifierProvider.OverrideWith":      {fn: (*syncProvider).OverrideWith, args: of(argSync, newSyncOne)},
	"NotifierProvider.OverrideWithBuild": {fn: (*syncProvider).OverrideWithBuild, args: of(argSync, buildSync)},
	"NotifierProvider.OverrideWithValue": {fn: (*syncProvider).OverrideWithValue, args: of(argSync, 3), but: anyInt},

	"AsyncNotifierProvider.Name":              {fn: (*asyncProvider).Name, args: of(argAsync), but: justNames},
	"AsyncNotifierProvider.String":            {fn: (*asyncProvider).String, args: of(argAsync), but: justNames},
	"AsyncNotifierProvider.Cancel":            {fn: (*asyncProvider).Cancel, args: in(argAsync, errBoom), but: noCause},
	"AsyncNotifierProvider.Notifier":          {fn: (*asyncProvider).Notifier, args: in(argAsync), but: closedCold("1")},
	"AsyncNotifierProvider.OverrideWith":      {fn: (*asyncProvider).OverrideWith, args: of(argAsync, newAsyncOne)},
	"AsyncNotifierProvider.OverrideWithBuild": {fn: (*asyncProvider).OverrideWithBuild, args: of(argAsync, buildAsync)},
	"AsyncNotifierProvider.OverrideWithData":  {fn: (*asyncProvider).OverrideWithData, args: of(argAsync, 3), but: anyInt},
	"AsyncNotifierProvider.OverrideWithValue": {fn: (*asyncProvider).OverrideWithValue, args: of(argAsync, weir.Data(3))},

	"StreamNotifierProvider.Name":              {fn: (*streamProvider).Name, args: of(argStreams), but: justNames},
	"StreamNotifierProvider.String":            {fn: (*streamProvider).String, args: of(argStreams), but: justNames},
	"StreamNotifierProvider.Cancel":            {fn: (*streamProvider).Cancel, args: in(argStreams, errBoom), but: noCause},
	"StreamNotifierProvider.Notifier":          {fn: (*streamProvider).Notifier, args: in(argStreams), but: closedCold("1")},
	"StreamNotifierProvider.OverrideWith":      {fn: (*streamProvider).OverrideWith, args: of(argStreams, newStreamOne)},
	"StreamNotifierProvider.OverrideWithBuild": {fn: (*streamProvider).OverrideWithBuild, args: of(argStreams, buildStream)},
	"StreamNotifierProvider.OverrideWithData":  {fn: (*streamProvider).OverrideWithData, args: of(argStreams, 3), but: anyInt},
	"StreamNotifierProvider.OverrideWithValue": {fn: (*streamProvider).OverrideWithValue, args: of(argStreams, weir.Data(3))},

	"Family.Name":         {fn: (*intFamily).Name, args: of(argFamily), but: justNames},
	"Family.String":       {fn: (*intFamily).String, args: of(argFamily), but: justNames},
	"Family.Of":           {fn: (*intFamily).Of, args: of(argFamily, 1), but: anyInt},
	"Family.OverrideWith": {fn: (*intFamily).OverrideWith, args: of(argFamily, func(int) *weir.Provider[int] { return weir.NewProvider(one) })},

	"Mutation.Name":   {fn: (*weir.Mutation[int]).Name, args: of(argMutation), but: justNames},
	"Mutation.String": {fn: (*weir.Mutation[int]).String, args: of(argMutation), but: justNames},
	"Mutation.Of":     {fn: (*weir.Mutation[int]).Of, args: of(argMutation, "key"), but: verdicts{"1 nil": changes}}, // a key like any other
	"Mutation.Reset":  {fn: (*weir.Mutation[int]).Reset, args: in(argMutation)},
	"Mutation.Run": {fn: (*weir.Mutation[int]).Run,
		args: with(func(w *abusedWorld) []any { return []any{w.mutation, w.ctx, w.c, effect} }),
		but:  verdicts{"2 ref over": weir.ErrDisposed, "2 closed root": weir.ErrContainerClosed, "closed": weir.ErrContainerClosed, "in a batch": usage}},
}

var (
	anyInt  = verdicts{"1 negative": changes} // a value like any other
	noCause = verdicts{"2 nil": changes}      // ErrCanceled
)

func argSyncN(w *abusedWorld) any   { return w.syncN }
func argAsyncN(w *abusedWorld) any  { return w.asyncN }
func argStreamN(w *abusedWorld) any { return w.streamN }

var notifierLines = map[string]symbolLine{
	"Notifier.ListenSelf": {fn: (*weir.Notifier[int]).ListenSelf, args: of(argSyncN, heard)},
	"Notifier.Ref":        {fn: (*weir.Notifier[int]).Ref, args: of(argSyncN)},
	"Notifier.Set":        {fn: (*weir.Notifier[int]).Set, args: of(argSyncN, 3), but: anyInt},
	"Notifier.SetIn":      {fn: (*weir.Notifier[int]).SetIn, args: in(argSyncN, 3), but: plus(byRefInABuild, foreign, verdicts{"2 negative": changes})},
	"Notifier.State":      {fn: (*weir.Notifier[int]).State, args: of(argSyncN)},
	"Notifier.Update":     {fn: (*weir.Notifier[int]).Update, args: of(argSyncN, double)},
	"Notifier.UpdateIn":   {fn: (*weir.Notifier[int]).UpdateIn, args: in(argSyncN, double), but: plus(byRefInABuild, foreign)},

	"AsyncNotifier.ListenSelf": {fn: (*weir.AsyncNotifier[int]).ListenSelf, args: of(argAsyncN, heardState)},
	"AsyncNotifier.Ref":        {fn: (*weir.AsyncNotifier[int]).Ref, args: of(argAsyncN)},
	"AsyncNotifier.Resolve":    {fn: (*weir.AsyncNotifier[int]).Resolve, args: with(func(w *abusedWorld) []any { return []any{w.asyncN, w.ctx} })},
	"AsyncNotifier.Set":        {fn: (*weir.AsyncNotifier[int]).Set, args: of(argAsyncN, weir.Data(3))},
	"AsyncNotifier.SetData":    {fn: (*weir.AsyncNotifier[int]).SetData, args: of(argAsyncN, 3), but: anyInt},
	"AsyncNotifier.State":      {fn: (*weir.AsyncNotifier[int]).State, args: of(argAsyncN)},
	"AsyncNotifier.Update": {fn: (*weir.AsyncNotifier[int]).Update, args: with(func(w *abusedWorld) []any { return []any{w.asyncN, w.ctx, doubleSlowly} }),
		but: verdicts{"0 over": weir.ErrDisposed, "closed": weir.ErrContainerClosed}},

	"StreamNotifier.ListenSelf": {fn: (*weir.StreamNotifier[int]).ListenSelf, args: of(argStreamN, heardState)},
	"StreamNotifier.Ref":        {fn: (*weir.StreamNotifier[int]).Ref, args: of(argStreamN)},
	"StreamNotifier.Resolve":    {fn: (*weir.StreamNotifier[int]).Resolve, args: with(func(w *abusedWorld) []any { return []any{w.streamN, w.ctx} })},
	"StreamNotifier.Set":        {fn: (*weir.StreamNotifier[int]).Set, args: of(argStreamN, weir.Data(3))},
	"StreamNotifier.SetData":    {fn: (*weir.StreamNotifier[int]).SetData, args: of(argStreamN, 3), but: anyInt},
	"StreamNotifier.State":      {fn: (*weir.StreamNotifier[int]).State, args: of(argStreamN)},
	"StreamNotifier.Update": {fn: (*weir.StreamNotifier[int]).Update, args: with(func(w *abusedWorld) []any { return []any{w.streamN, w.ctx, doubleSlowly} }),
		but: verdicts{"0 over": weir.ErrDisposed, "closed": weir.ErrContainerClosed}},
}

// foreign: a notifier belongs to one container tree.
var foreign = verdicts{"1 foreign container": usage, "1 foreign ref": usage, "1 closed root": usage}

func argFiles(w *abusedWorld) any {
	files, err := weir.NewFileStorage(w.t.TempDir())
	require.NoError(w.t, err)
	return files
}

var storageLines = map[string]symbolLine{
	"NewFileStorage":   {fn: weir.NewFileStorage, args: with(func(w *abusedWorld) []any { return []any{w.t.TempDir()} })},
	"FileStorage.Read": {fn: (*weir.FileStorage).Read, args: of(argFiles, context.Background(), "key")},
	"FileStorage.Write": {fn: (*weir.FileStorage).Write, args: of(argFiles, context.Background(), "key", []byte("x")),
		but: verdicts{"1 ended": context.Canceled}},
	"FileStorage.Delete": {fn: (*weir.FileStorage).Delete, args: of(argFiles, context.Background(), "key"),
		but: verdicts{"1 ended": context.Canceled}},
	"MemoryStorage.Read": {fn: (*weir.MemoryStorage).Read, args: given(new(weir.MemoryStorage), context.Background(), "key"),
		but: memory},
	"MemoryStorage.Write": {fn: (*weir.MemoryStorage).Write, args: given(new(weir.MemoryStorage), context.Background(), "key", []byte("x")),
		but: memory},
	"MemoryStorage.Delete": {fn: (*weir.MemoryStorage).Delete, args: given(new(weir.MemoryStorage), context.Background(), "key"),
		but: memory},
	"JSON.Encode": {fn: weir.JSON[int].Encode, args: given(weir.JSON[int]{}, 1), but: anyInt},
	"JSON.Decode": {fn: weir.JSON[int].Decode, args: given(weir.JSON[int]{}, []byte("1"))},
}

// memory: the zero one is ready, and it looks at no context.
var memory = verdicts{"0 nil": goNil, "0 zero": changes, "1 nil": changes}
