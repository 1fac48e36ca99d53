package main

// events.go owns what the story knows of the containers: an observer that counts builds and ends, of requests' containers too.

import (
	"slices"
	"sync"

	"github.com/weir-go/weir"
)

type events struct {
	mu       sync.Mutex
	builds   map[string]int // guarded by mu, as the rest; by name of the provider
	disposed map[string]int
	ends     []string // names of the parts, in the order in which they ended
	closed   int      // containers
}

func newEvents() *events {
	return &events{builds: make(map[string]int), disposed: make(map[string]int)}
}

func (e *events) observer() *weir.Observer {
	return &weir.Observer{
		BuildStarted: func(ev weir.BuildStartedEvent) {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.builds[ev.Name]++
		},
		Disposed: func(ev weir.DisposedEvent) {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.disposed[ev.Name]++
			e.ends = append(e.ends, ev.Name)
		},
		ContainerClosed: func(weir.ContainerClosedEvent) {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.closed++
		},
	}
}

func (e *events) built(name string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.builds[name]
}

func (e *events) ended(name string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.disposed[name]
}

func (e *events) containers() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.closed
}

// before reports whether both have ended, a first.
func (e *events) before(a, b string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	i, j := slices.Index(e.ends, a), slices.Index(e.ends, b)
	return i >= 0 && i < j
}
