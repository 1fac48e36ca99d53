package inspect_test

// This file looks at the page as a person does, in the browser of browser_test.go.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weir-go/weir"
	"github.com/weir-go/weir/inspect"
)

func TestPageInAChromium(t *testing.T) {
	b := chromium(t)
	insp := inspect.New(inspect.AllowActions(), inspect.Values(func(_ weir.AnyProvider, v any) string { return fmt.Sprint(v) }))
	c := weir.NewContainer(weir.WithObserver(insp.Observer()), weir.WithPanicHandler(func(*weir.PanicError) {}))
	t.Cleanup(func() { c.Shutdown(context.Background()) })
	session := weir.NewStateProvider(func(weir.Ref) string { return "ann" }, weir.Name("session"))
	price := weir.NewFamily(func(symbol string) *weir.StateProvider[int] {
		return weir.NewStateProvider(func(weir.Ref) int { return len(symbol) })
	}, weir.Name("price"), weir.DisposeDelay(time.Minute))
	mean := weir.NewProvider(func(ref weir.Ref) int {
		sum := 0
		for _, s := range []string{"AAPL", "MSFT", "IBM", "AMZN", "GOOG"} {
			sum += weir.Watch(ref, price.Of(s))
		}
		return sum / 5
	}, weir.Name("mean"), weir.AutoDispose())
	shown := weir.NewProvider(func(ref weir.Ref) string {
		return fmt.Sprint(weir.Watch(ref, session), weir.Watch(ref, mean))
	}, weir.Name("shown"), weir.DisposeDelay(time.Minute))
	broken := weir.NewFutureProvider(func(context.Context, weir.Ref) (int, error) { return 0, errors.New("no route") }, weir.Name("broken"),
		weir.Retry(func(int, error) (time.Duration, bool) { return 0, false }))
	slow := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (int, error) {
		weir.Watch(ref, session)
		<-ctx.Done()
		return 0, ctx.Err()
	}, weir.Name("slow report"))
	evil := weir.NewStateProvider(func(weir.Ref) int { return 1 }, weir.Name(hostile))
	user := weir.NewStateProvider(func(weir.Ref) string { return hostile }, weir.Name("user"), weir.Scoped())
	greeting := weir.NewProvider(func(ref weir.Ref) string { weir.Watch(ref, evil); return weir.Watch(ref, user) }, weir.Name("greeting"), weir.Scoped(user))
	child := weir.NewContainer(weir.WithParent(c), user.OverrideWithValue(hostile))
	weir.Listen(c, broken, nil, weir.OnError(func(error) {}))
	weir.Listen(c, slow, nil)
	weir.Listen(c, evil, nil)
	weir.Listen(child, greeting, nil)
	sub := weir.Listen(c, shown, nil)

	mux := http.NewServeMux()
	mux.Handle("/debug/weir/", insp.Handler(c))
	srv := httptest.NewUnstartedServer(mux)
	addr := srv.Listener.Addr().String()
	srv.Start()
	t.Cleanup(func() {
		srv.Listener.Close()
		srv.CloseClientConnections()
		srv.Close()
		if t.Failed() {
			t.Log(b.errors)
		}
	})

	b.screen(1280, 800, "light")
	b.open(srv.URL + "/debug/weir/")
	b.until(`document.querySelectorAll('.node').length === 9 && document.getElementById('live').textContent === 'live'`)
	b.until(`document.querySelectorAll('#events li').length > 10`)
	all := b.eval(texts)
	for _, part := range []string{"session", "price(…)", "5 members", "mean", "shown", "broken", "active, failed", "slow report", "building", "greeting"} {
		require.Contains(t, all, part)
	}
	require.Equal(t, 2.0, b.eval(`document.querySelectorAll('.box').length`))
	b.drawnWell()
	b.readable()
	b.shot("light")

	// What is pointed at has its edges stand out.
	b.eval(`[...document.querySelectorAll('.node')].find(g => g.textContent.startsWith('mean')).focus()`)
	require.Equal(t, 2.0, b.eval(`document.querySelectorAll('.edge.mine').length`))
	b.shot("pointed")
	b.eval(`document.activeElement.blur()`)
	require.Equal(t, 0.0, b.eval(`document.querySelectorAll('.edge.mine').length`))

	// It changes while the program runs.
	session.Set(c, "bob")
	b.until(`[...document.querySelectorAll('#events li')].some(li => li.textContent.includes('bob'))`)
	b.told("shown", "reload: session had changed")
	sub.Close()
	b.until(`(` + texts + `).includes('standby, 60.0s left') || (` + texts + `).includes('standby, 59.')`)
	sub = weir.Listen(c, shown, nil)
	b.until(`!(` + texts + `).includes('left')`)

	// With the keyboard: search, and the picture.
	b.key("/", "Slash")
	b.until(`document.activeElement.id === 'q'`)
	b.call("Input.insertText", map[string]any{"text": "shown"})
	b.until(`document.querySelectorAll('.node').length === 1`)
	b.eval(`document.querySelector('.node').focus()`)
	b.key("Enter", "Enter")
	b.until(`!document.getElementById('detail').hidden && document.getElementById('detail').textContent.includes(': session had changed.')`)
	detail := b.eval(`document.getElementById('detail').textContent`)
	require.Contains(t, detail, "session is where that begins: it was set")
	require.Contains(t, detail, "1 listener of its own")
	require.Contains(t, detail, "value: bob")
	b.drawnWell()
	b.shot("focus")
	b.key("Escape", "Escape")
	b.eval(`(() => { const q = document.getElementById('q'); q.value = ''; q.dispatchEvent(new Event('input')); })()`)
	b.until(`document.getElementById('detail').hidden && document.querySelectorAll('.node').length === 9`)

	// A family opens, a filter holds, and an action acts.
	b.eval(`document.querySelector('.family').dispatchEvent(new MouseEvent('click', {bubbles: true}))`)
	b.until(`document.querySelectorAll('.node').length === 13 && (` + texts + `).includes('price(MSFT)')`)
	b.eval(`document.getElementById('state-building').click()`)
	b.until(`document.querySelectorAll('.node').length === 1 && (` + texts + `).includes('slow report')`)
	b.eval(`document.querySelector('.node').dispatchEvent(new MouseEvent('click', {bubbles: true}))`)
	b.until(`[...document.querySelectorAll('#detail button')].some(x => x.textContent === 'Cancel the build')`)
	b.eval(`[...document.querySelectorAll('#detail button')].find(x => x.textContent === 'Cancel the build').click()`)
	b.until(`document.getElementById('state-building').textContent === 'building 0'`)
	require.ErrorIs(t, weir.Read(c, slow).Err(), weir.ErrCanceled)
	b.eval(`document.getElementById('state-building').click(); focusOn('')`)
	b.until(`document.querySelectorAll('.node').length === 13`)

	b.drawnWell()

	// The timeline can be made smaller, and held.
	b.eval(`(() => { const k = document.getElementById('kinds'); k.value = 'failed storage'; k.dispatchEvent(new Event('change')); })()`)
	b.until(`[...document.querySelectorAll('#events .k')].length > 0 && [...document.querySelectorAll('#events .k')].every(k => k.textContent === 'failed')`)
	b.eval(`(() => { const k = document.getElementById('kinds'); k.value = ''; k.dispatchEvent(new Event('change')); })()`)
	b.eval(`(() => { const f = document.getElementById('find'); f.value = 'MSFT'; f.dispatchEvent(new Event('input')); })()`)
	b.until(`[...document.querySelectorAll('#events li')].length > 0 && [...document.querySelectorAll('#events .what')].every(w => w.textContent.includes('price(MSFT)'))`)
	b.eval(`(() => { const f = document.getElementById('find'); f.value = ''; f.dispatchEvent(new Event('input')); })()`)
	b.eval(`document.activeElement.blur()`)
	b.key("p", "KeyP")
	b.until(`document.getElementById('live').textContent === 'paused'`)
	session.Set(c, "held back")
	b.until(`events.some(e => e.value === 'held back')`)
	require.Equal(t, false, b.eval(`[...document.querySelectorAll('#events li')].some(li => li.textContent.includes('held back'))`), "it goes on though it is paused")
	b.key("p", "KeyP")
	b.until(`[...document.querySelectorAll('#events li')].some(li => li.textContent.includes('held back'))`)
	session.Set(c, "bob")
	b.until(`document.querySelectorAll('#events li')[0].textContent.includes('bob') || [...document.querySelectorAll('#events li')].slice(0, 9).some(li => li.textContent.includes('bob'))`)

	b.screen(1280, 800, "dark")
	b.readable()
	b.shot("dark")
	b.eval(`document.getElementById('view').click()`)
	b.until(`document.querySelectorAll('tbody tr').length === 13`)
	b.shot("dark-list")
	b.eval(`document.getElementById('view').click()`)
	b.until(`document.querySelectorAll('.node').length === 13`)
	for _, scheme := range []string{"light", "dark"} {
		b.screen(390, 844, scheme)
		b.eval(`scrollTo(0, 0)`)
		b.readable()
		b.shot("phone-" + scheme)
		require.Equal(t, true, b.eval(`document.documentElement.scrollWidth <= innerWidth`), "the page is wider than the phone")
	}
	b.eval(`[...document.querySelectorAll('.node')].find(g => g.textContent.includes('mean')).dispatchEvent(new MouseEvent('click', {bubbles: true}))`)
	b.until(`!document.getElementById('detail').hidden`)
	b.shot("phone-focus")
	b.eval(`focusOn('')`)
	b.screen(1280, 800, "light")
	b.until(`document.querySelectorAll('.node').length === 13`)

	// The names were text, and nothing else: no script ran, no element came of them.
	evil.Set(c, 2)
	b.told("greeting", "reload: <img src=x", "had changed")
	b.eval(`[...document.querySelectorAll('.node')].find(g => g.textContent.startsWith('greeting')).dispatchEvent(new MouseEvent('click', {bubbles: true}))`)
	b.until(`document.getElementById('detail').textContent.includes('is where that begins: it was set')`)
	require.Contains(t, b.eval(`document.getElementById('detail').textContent`), "<img src=x")
	require.Equal(t, 0.0, b.eval(`document.querySelectorAll('img, iframe, a').length`))
	b.eval(`focusOn('')`)
	b.until(`document.querySelectorAll('.node').length === 13`)
	require.Contains(t, b.eval(texts), "<img src=x")
	require.Equal(t, 0.0, b.eval(`document.querySelectorAll('img, iframe, a').length`))
	require.Equal(t, "Weir inspector", b.eval(`document.title`))
	require.Equal(t, true, b.eval(`window.pwned === undefined`))
	b.mu.Lock()
	require.Zero(t, b.alerts)
	require.Empty(t, b.errors)
	b.mu.Unlock()

	// It survives that the server goes and comes back.
	srv.CloseClientConnections()
	srv.Close()
	b.until(`document.getElementById('live').textContent === 'reconnecting'`)
	session.Set(c, "carla")
	again := &http.Server{Addr: addr, Handler: mux}
	gone := make(chan error, 1)
	go func() { gone <- again.ListenAndServe() }()
	b.until(`document.getElementById('live').textContent === 'live'`)
	b.until(`[...document.querySelectorAll('#events li')].some(li => li.textContent.includes('carla'))`)
	require.Equal(t, true, b.eval(`new Set(events.map(e => e.seq)).size === events.length`), "an event came twice")

	// A server that shuts down does not wait for those who look.
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
	defer stop()
	require.NoError(t, again.Shutdown(ctx))
	require.ErrorIs(t, <-gone, http.ErrServerClosed)
	sub.Close()
}

// However the providers are tangled, and whatever box they are in, the picture can be read.
func TestTangleInAChromium(t *testing.T) {
	b := chromium(t)
	c := weir.NewContainer()
	t.Cleanup(func() { c.Shutdown(context.Background()) })
	rnd := rand.New(rand.NewPCG(1, 2))
	var ps []*weir.Provider[int]
	watching := func(ref weir.Ref, from []*weir.Provider[int]) (sum int) {
		for range 3 {
			if len(from) > 0 {
				sum += weir.Watch(ref, from[rnd.IntN(len(from))])
			}
		}
		return sum
	}
	for i := range 50 {
		from := ps
		ps = append(ps, weir.NewProvider(func(ref weir.Ref) int { return watching(ref, from) }, weir.Name(fmt.Sprint("p", i))))
	}
	for _, p := range ps {
		weir.Read(c, p)
	}
	weir.Listen(c, ps[49], nil)
	own := weir.NewStateProvider(func(weir.Ref) int { return 1 }, weir.Name("own"), weir.Scoped())
	var in []*weir.Provider[int]
	for i := range 12 {
		from := in
		scoped := []weir.AnyProvider{own}
		for _, p := range from {
			scoped = append(scoped, p)
		}
		in = append(in, weir.NewProvider(func(ref weir.Ref) int {
			return weir.Watch(ref, own) + watching(ref, from) + watching(ref, ps)
		}, weir.Name(fmt.Sprint("in", i)), weir.Scoped(scoped...)))
	}
	deep := weir.NewStateProvider(func(weir.Ref) int { return 1 }, weir.Name("deep"), weir.Scoped())
	both := weir.NewProvider(func(ref weir.Ref) int {
		return weir.Watch(ref, deep) + weir.Watch(ref, ps[3]) + weir.Watch(ref, in[2])
	}, weir.Name("both"), weir.Scoped(deep, in[2]))
	for i := range 2 {
		child := weir.NewContainer(weir.WithParent(c), own.OverrideWithValue(i))
		for _, p := range in {
			weir.Listen(child, p, nil)
		}
		grandchild := weir.NewContainer(weir.WithParent(child), deep.OverrideWithValue(i))
		weir.Listen(grandchild, both, nil)
	}
	srv := serve(t, inspect.Handler(c))
	b.screen(1280, 800, "light")
	b.open(srv.URL)
	b.until(`document.querySelectorAll('.box').length === 5 && document.querySelectorAll('.node').length === 80`)
	b.drawnWell()
	b.eval(`document.getElementById('fit').click()`)
	b.shot("tangle-fit")
	b.eval(`zoomBy(2)`)
	b.shot("tangle")
	b.eval(`document.getElementById('fit').click()`)
	require.Less(t, b.eval(`zoom`), 0.5)
	b.eval(`[...document.querySelectorAll('.node')].find(g => g.textContent.startsWith('both')).dispatchEvent(new MouseEvent('click', {bubbles: true}))`)
	b.until(`!document.getElementById('detail').hidden`)
	b.until(`document.querySelectorAll('.node').length < 80 && document.querySelectorAll('.node.here').length === 1`)
	b.drawnWell()
	require.GreaterOrEqual(t, b.eval(`zoom`), 0.6, "what is in focus is drawn as small as all was")
	b.shot("tangle-focus")
	b.noErrors()
}

func TestTenThousandInAChromium(t *testing.T) {
	b := chromium(t)
	c := weir.NewContainer()
	t.Cleanup(func() { c.Shutdown(context.Background()) })
	base := weir.NewStateProvider(func(weir.Ref) int { return 1 }, weir.Name("base"))
	for i := range 10000 {
		weir.Read(c, weir.NewProvider(func(ref weir.Ref) int { return weir.Watch(ref, base) }, weir.Name(fmt.Sprint("p", i))))
	}
	srv := serve(t, inspect.Handler(c))
	b.screen(1280, 800, "light")
	b.open(srv.URL)
	b.until(`document.querySelectorAll('.node').length === 250`)
	require.Contains(t, b.eval(`document.getElementById('said').textContent`), "9751 of 10001 nodes are not drawn")
	require.Contains(t, b.eval(`document.getElementById('events').textContent`), "There is no timeline")
	b.drawnWell()
	b.shot("many")
	b.eval(`document.getElementById('fit').click()`)
	b.shot("many-fit")
	b.eval(`[...document.querySelectorAll('#said button')].find(x => x.textContent === 'Draw up to 1000').click()`)
	b.until(`document.querySelectorAll('.node').length === 1000`)
	b.eval(`go({q: 'p777'})`)
	b.until(`document.querySelectorAll('.node').length === 11`)
	require.NotContains(t, b.eval(`document.getElementById('said').textContent`), "not drawn")
	b.noErrors()
}
