package main

// search.go owns the part that is built with Weir: what was typed, the search for it, what has been found, and the screen that is made
// of the three.
//
//	query --> search ..writes..> found
//	  |          |                 |
//	  +----------+--> screen <-----+

import (
	"context"
	"strings"
	"time"

	"github.com/weir-go/weir"
)

// searchFunc looks for query until ctx ends, and tells of hits and progress as they come.
type searchFunc func(ctx context.Context, query string, found func(hit), progress func(float64)) error

// results is what a search has found so far, or altogether. Once made it is never changed.
type results struct {
	query string
	hits  []hit
}

type searcher struct {
	container *weir.Container
	query     *weir.StateProvider[string]
	search    *weir.FutureProvider[int] // how many were found
	found     *weir.StateProvider[results]
	screen    *weir.Provider[screen]
}

// newSearcher declares it all. Nothing is asked before no key has been pressed for as long as wait.
func newSearcher(ask searchFunc, wait time.Duration) *searcher {
	s := &searcher{container: weir.NewContainer()}
	s.query = weir.NewStateProvider(func(weir.Ref) string { return "" }, weir.Name("query"))
	s.found = weir.NewStateProvider(func(weir.Ref) results { return results{} }, weir.Name("found"))

	// A key changes the query, which ends the build that is under way and begins another. That is all it takes: the context of the
	// old one is cancelled, and with it its request, or its waiting if it had not come to a request.
	s.search = weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
		query := weir.Watch(ref, weir.Select(s.query, strings.TrimSpace)) // a space more or less is no change
		if query == "" {
			s.found.Set(ref, results{})
			return 0, nil
		}
		if err := ref.Debounce(wait); err != nil {
			return 0, err // another key was pressed: nobody sees this, it belongs to a build that is over
		}
		// Hits are shown as they come, through ref: what the goroutine of an old build may still have to say goes nowhere.
		now := results{query: query}
		err := ask(ctx, query, func(h hit) {
			now.hits = append(now.hits, h) // those who have the shorter slice do not see beyond its end
			s.found.Set(ref, now)
		}, ref.SetProgress)
		if err != nil {
			return 0, err
		}
		s.found.Set(ref, now) // for when there were none, and what the last search has found is still shown
		return len(now.hits), nil
	},
		weir.Name("search"),
		weir.AutoDispose()) // when the screen is gone nobody searches any more

	s.screen = weir.NewProvider(func(ref weir.Ref) screen {
		v := weir.Watch(ref, s.search)
		sc := screen{query: weir.Watch(ref, s.query)}
		found := weir.Watch(ref, s.found)
		if strings.TrimSpace(sc.query) == "" {
			return sc // the search for nothing, which is about to end, is not shown
		}
		sc.results, sc.busy = found, v.IsLoading()
		sc.progress, _ = v.Progress()
		if !sc.busy {
			sc.err = v.Err()
		}
		return sc
	}, weir.Name("screen"), weir.AutoDispose())
	return s
}

func (s *searcher) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return s.container.Shutdown(ctx)
}
