package inspect

// This file holds what looking costs.

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

// What it costs the program: nothing with Handler alone, an observer with the timeline.
func BenchmarkSet(b *testing.B) {
	for _, cost := range []string{"no observer", "empty observer", "timeline", "timeline, looked at"} {
		b.Run(cost, func(b *testing.B) {
			insp := New()
			var opts []weir.ContainerOption
			switch cost {
			case "no observer":
			case "empty observer":
				opts = append(opts, weir.WithObserver(&weir.Observer{}))
			default:
				opts = append(opts, weir.WithObserver(insp.Observer()))
			}
			c := newContainer(b, opts...)
			h := insp.Handler(c)
			if cost == "timeline, looked at" {
				srv := httptest.NewServer(h)
				resp, err := http.Get(srv.URL + "/?format=stream")
				require.NoError(b, err)
				go io.Copy(io.Discard, resp.Body)
				b.Cleanup(func() { resp.Body.Close(); srv.Close() })
			}
			n := weir.NewStateProvider(func(weir.Ref) int { return 0 })
			weir.Listen(c, n, nil)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				n.Set(c, i)
			}
		})
	}
}

func BenchmarkLook10000(b *testing.B) {
	c := newContainer(b)
	base := weir.NewStateProvider(func(weir.Ref) int { return 0 })
	for i := range 10000 {
		weir.Read(c, weir.NewProvider(func(ref weir.Ref) int { return i + weir.Watch(ref, base) }))
	}
	b.Run("snapshot", func(b *testing.B) {
		for b.Loop() {
			c.Snapshot()
		}
	})
	h := &handler{Inspector: New()}
	h.camera.seed, h.camera.c = h.seed, c
	b.Run("picture", func(b *testing.B) {
		for b.Loop() {
			h.camera.shoot()
		}
	})
	p := h.camera.shoot()
	b.Run("view", func(b *testing.B) {
		for b.Loop() {
			p.view(query{fold: true, limit: defaultLimit})
		}
	})
}
