package weir

// This file owns LogObserver: which events are worth what level. What they are is
// observer.go's.

import (
	"context"
	"fmt"
	"log/slog"
)

const changedLogged = 10 // names of what had changed when a build began

// LogObserver returns an observer that logs every event to l, [slog.Default] if that is
// nil: failures of builds and storages as errors, those of mutations, which their callers
// hear of, as warnings, all else at level debug. Values are not logged. A build that starts
// because dependencies have changed has the names of the first ten as "changed".
func LogObserver(l *slog.Logger) *Observer {
	logger := func() *slog.Logger {
		if l != nil {
			return l
		}
		return slog.Default()
	}
	log := func(level slog.Level, msg string, ev Event, attrs ...slog.Attr) {
		attrs = append([]slog.Attr{slog.String("provider", ev.Name), slog.String("declared", ev.Declared), slog.Uint64("generation", ev.Generation)}, attrs...)
		logger().LogAttrs(context.Background(), level, msg, attrs...)
	}
	return &Observer{
		ProviderAdded: func(ev ProviderAddedEvent) { log(slog.LevelDebug, "weir: added", ev.Event) },
		BuildStarted: func(ev BuildStartedEvent) {
			attrs := []slog.Attr{slog.String("reason", ev.Reason.String())}
			if len(ev.Changed) > 0 && logger().Enabled(context.Background(), slog.LevelDebug) { // names take time to make
				attrs = append(attrs, slog.Any("changed", changedNames(ev.Changed)))
			}
			log(slog.LevelDebug, "weir: build started", ev.Event, attrs...)
		},
		BuildEnded: func(ev BuildEndedEvent) {
			attrs := []slog.Attr{slog.String("reason", ev.Reason.String()), slog.Duration("duration", ev.Duration)}
			if ev.Err != nil {
				attrs = append(attrs, slog.Any("error", ev.Err))
			}
			if ev.Cause != nil {
				attrs = append(attrs, slog.Any("cause", ev.Cause))
			}
			log(slog.LevelDebug, "weir: build ended", ev.Event, attrs...)
		},
		Updated:   func(ev UpdatedEvent) { log(slog.LevelDebug, "weir: updated", ev.Event) },
		Failed:    func(ev FailedEvent) { log(slog.LevelError, "weir: failed", ev.Event, slog.Any("error", ev.Err)) },
		Cancelled: func(ev CancelledEvent) { log(slog.LevelDebug, "weir: cancelled", ev.Event) },
		Resumed:   func(ev ResumedEvent) { log(slog.LevelDebug, "weir: resumed", ev.Event) },
		Disposed: func(ev DisposedEvent) {
			log(slog.LevelDebug, "weir: disposed", ev.Event, slog.Any("cause", ev.Cause))
		},
		ListenerAdded:   func(ev ListenerAddedEvent) { log(slog.LevelDebug, "weir: listener added", ev.Event) },
		ListenerRemoved: func(ev ListenerRemovedEvent) { log(slog.LevelDebug, "weir: listener removed", ev.Event) },
		ContainerClosed: func(ContainerClosedEvent) { logger().Debug("weir: container closed") },
		MutationStarted: func(ev MutationStartedEvent) { logger().Debug("weir: mutation started", "mutation", ev.Mutation) },
		MutationEnded: func(ev MutationEndedEvent) {
			if ev.Err != nil {
				logger().Warn("weir: mutation failed", "mutation", ev.Mutation, "duration", ev.Duration, "error", ev.Err)
				return
			}
			logger().Debug("weir: mutation ended", "mutation", ev.Mutation, "duration", ev.Duration)
		},
		StorageFailed: func(ev StorageFailedEvent) {
			log(slog.LevelError, "weir: storage failed", ev.Event, slog.String("op", ev.Op), slog.String("key", ev.Key), slog.Any("error", ev.Err))
		},
	}
}

// changedNames names ps, as far as a line of a log has room.
func changedNames(ps []AnyProvider) (names []string) {
	for i, p := range ps {
		if i == changedLogged {
			return append(names, fmt.Sprintf("and %d more", len(ps)-i))
		}
		names = append(names, p.Name())
	}
	return names
}
