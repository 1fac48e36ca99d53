package weir_test

// Section 3 of the scenarios, keepalive: links keep an element that nobody listens to.

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
)

func TestS064_TwoLinks(t *testing.T) {
	eachAutoKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		var links [2]*weir.KeepAliveLink
		p := k.make(func(ref weir.Ref) int {
			links = [2]*weir.KeepAliveLink{ref.KeepAlive(), ref.KeepAlive()}
			log.hooks(ref, "", true)
			return 1
		})
		p.read(c)
		gone()
		log.want(t, "two links", "cancel")
		links[0].Close()
		links[0].Close()
		gone()
		log.want(t, "one of them closed, twice")
		require.True(t, c.Exists(p.id))
		links[1].Close()
		log.want(t, "the delay starts when the last is closed")
		out()
		log.want(t, "both closed", "dispose")
		require.False(t, c.Exists(p.id))
	})
}

func TestS065_ALinkClosedWhileListened(t *testing.T) {
	eachAutoKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		var link *weir.KeepAliveLink
		p := k.make(func(ref weir.Ref) int { link = ref.KeepAlive(); ref.OnDispose(log.on("dispose")); return 1 })
		s := p.listen(c)
		pump()
		link.Close()
		gone()
		log.want(t, "listened")
		s.Close()
		out()
		log.want(t, "left", "dispose")
	})
}

func TestS067_LinksDieWithTheirBuild(t *testing.T) {
	eachAutoKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		n := scenarioNumber(0)
		p := k.make(func(ref weir.Ref) int {
			v := weir.Watch(ref, n)
			if v == 0 {
				ref.KeepAlive()
			}
			log.add("build%d", v)
			ref.OnDispose(func() { log.add("dispose%d", v) })
			return v
		})
		p.read(c)
		gone()
		log.want(t, "the first build has a link", "build0")
		n.Set(c, 1)
		p.read(c)
		pump()
		log.want(t, "rebuilt by a read", "dispose0", "build1")
		gone()
		log.want(t, "the second has none", "dispose1")
		require.False(t, c.Exists(p.id))
	})
}

func TestS068_ALinkClosedInItsBuild(t *testing.T) {
	eachAutoKind(t, func(t *testing.T, k scenarioKind) {
		c := newContainer(t)
		var log trace
		p := k.make(func(ref weir.Ref) int {
			log.add("build")
			ref.OnDispose(log.on("dispose"))
			ref.KeepAlive().Close()
			return 1
		})
		p.read(c)
		pump()
		log.want(t, "read", "build")
		require.True(t, c.Exists(p.id))
		out()
		log.want(t, "its delay is over", "dispose")
		gone()
		log.want(t, "it does not come back")
		require.False(t, c.Exists(p.id))
	})
}
