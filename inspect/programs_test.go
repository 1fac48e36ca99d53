package inspect_test

// This file looks at programs of examples/ as a person would: they are built and run, clients
// come and go, and the page that they serve at /debug/weir/ is seen in a browser.

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// program builds examples/name, runs it until the test is over, and returns where it serves.
func program(t *testing.T, name string) (url string) {
	t.Helper()
	bin := filepath.Join(t.TempDir(), name)
	out, err := exec.Command("go", "build", "-o", bin, "../examples/"+name).CombinedOutput()
	require.NoError(t, err, "%s", out)
	cmd := exec.Command(bin, "-serve", "127.0.0.1:0")
	said, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		kill := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
		defer kill.Stop()
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s ended with %v", name, err)
		}
	})
	lines := bufio.NewScanner(said)
	for url == "" && lines.Scan() {
		if _, rest, ok := strings.Cut(lines.Text(), "serving "); ok {
			url, _, _ = strings.Cut(rest, " ")
		}
	}
	require.NotEmpty(t, url, "%s does not say where it serves", name)
	go io.Copy(io.Discard, said)
	return url
}

// visit asks for url until leave is called. What comes is not kept.
func visit(t *testing.T, url string) (leave func()) {
	ctx, cancel := context.WithCancel(context.Background())
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}()
	leave = func() { cancel(); <-gone }
	t.Cleanup(leave)
	return leave
}

// sees waits until a node's text has all parts.
func (b *browser) sees(parts ...string) { b.t.Helper(); b.finds(".node", parts) }

// told waits until an event of the timeline has all parts.
func (b *browser) told(parts ...string) { b.t.Helper(); b.finds("#events li", parts) }

func (b *browser) finds(what string, parts []string) {
	b.t.Helper()
	cond := ""
	for _, p := range parts {
		cond += fmt.Sprintf(" && x.includes(%q)", p)
	}
	b.until(`[...document.querySelectorAll('` + what + `')].map(g => g.textContent).some(x => true` + cond + `)`)
}

// shots keeps the screen in both schemes, and on a phone.
func (b *browser) shots(name string) {
	b.t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		b.screen(1280, 800, scheme)
		b.readable()
		b.shot(name + "-" + scheme)
	}
	b.screen(390, 844, "light")
	b.eval(`scrollTo(0, 0)`)
	require.Equal(b.t, true, b.eval(`document.documentElement.scrollWidth <= innerWidth`), "the page is wider than the phone")
	b.shot(name + "-phone")
	b.screen(1280, 800, "light")
}

func TestMoviesInAChromium(t *testing.T) {
	b := chromium(t)
	url := program(t, "movies")
	b.screen(1280, 800, "light")
	b.open(url + "/debug/weir/")
	b.until(`document.getElementById('live')?.textContent === 'live' && document.getElementById('empty')?.textContent === 'No element is built.'`)

	for n := range 4 {
		visit(t, fmt.Sprint(url, "/movies?page=", n+1))
	}
	b.sees("pages(…)", "4 members", "4 building", "4 listeners")
	b.shots("movies-building")
	b.eval(`document.querySelector('.family').dispatchEvent(new MouseEvent('click', {bubbles: true}))`)
	b.sees("pages(2)", "standby", "left")
	b.told("pages(2)", "changed", "20 films")

	// The upstream never answers page 30: its clients wait until they leave.
	var leave []func()
	for range 3 {
		leave = append(leave, visit(t, url+"/movies?page=30"))
	}
	b.sees("pages(30)", "building", "3 listeners")
	leave[0]()
	b.sees("pages(30)", "building", "2 listeners")
	b.shots("movies-standby")
	leave[1]()
	leave[2]()
	b.told("pages(30)", "standby")
	b.told("pages(30)", "disposed")
	b.until(`!(` + texts + `).includes('pages(30)')`)
}

func TestPricesInAChromium(t *testing.T) {
	b := chromium(t)
	url := program(t, "prices")
	b.screen(1280, 800, "light")
	b.open(url)
	b.until(`document.getElementById('link')?.textContent === 'live' && /^20\d\d-\d\d$/.test(document.querySelector('#rows td:nth-child(2)')?.textContent)`)
	b.until(`document.querySelector('#rows .live')?.textContent === 'live'`)
	b.eval(`document.getElementById('portfolio').click()`)
	b.until(`document.querySelectorAll('#rows .live').length === 3 && document.getElementById('value').textContent.startsWith('$ ')`)
	b.shots("prices-board")
	b.screen(390, 844, "dark")
	require.LessOrEqual(t, b.eval(`document.querySelector('table').scrollWidth`), 390.0, "the board is wider than the phone")
	b.screen(1280, 800, "light")
	b.eval(`document.querySelector('a').click()`) // the board's viewer is gone with that
	b.until(`document.getElementById('live')?.textContent === 'live'`)
	b.sees("quotes(AAPL)", "standby")
	b.told("quotes(IBM)", "standby")

	leave := visit(t, url+"/events?symbols=AAPL,IBM&portfolio=1")
	b.sees("view({AAPL,IBM true})", "active", "1 listener")
	other := visit(t, url+"/events?symbols=AAPL,IBM&portfolio=1")
	b.sees("view({AAPL,IBM true})", "active", "2 listeners")
	third := visit(t, url+"/events?symbols=AAPL,AMZN,GOOG,IBM,MSFT")
	b.sees("quotes(…)", "5 members", "5 active")
	b.drawnWell()
	b.shots("prices")
	b.eval(`go({open: seen.nodes.filter(n => n.members).map(n => n.id)})`)
	b.sees("average({GOOG 12})", "active")
	b.drawnWell()
	b.shots("prices-open")
	b.eval(`[...document.querySelectorAll('.node')].find(g => g.textContent.startsWith('portfolio')).dispatchEvent(new MouseEvent('click', {bubbles: true}))`)
	b.until(`document.getElementById('detail').textContent.includes('view({AAPL,IBM true}) is where that begins: 2 listeners of its own')`)
	b.until(`/: .*quotes\(\w+\) had changed\./.test(document.getElementById('detail').textContent)`)
	b.drawnWell()
	b.shots("prices-focus")
	b.eval(`focusOn('')`)
	leave()
	other()
	third()
	b.told("view({AAPL,IBM true})", "standby")
	b.told("quotes(GOOG)", "disposed")
	b.until(`(` + texts + `).split('\n').every(x => x.includes('holdings'))`)
}
