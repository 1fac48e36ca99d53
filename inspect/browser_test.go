package inspect_test

// This file drives a real browser: Chromium, over the pipe of its DevTools protocol, which
// needs nothing but the standard library. Where there is none it is skipped, loudly.
// WEIR_SHOTS=dir keeps pictures of what was seen.

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// browser is one tab.
type browser struct {
	t       *testing.T
	mu      sync.Mutex
	in      *os.File
	id      int
	session string
	waiting map[int]chan json.RawMessage
	alerts  int      // dialogs that were opened: there must be none
	errors  []string // of the page's script
}

func chromium(t *testing.T) *browser {
	t.Helper()
	if testing.Short() {
		t.Skip("no browser in short tests")
	}
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		t.Skip("!!!! SKIPPED: there is no Chromium: the page was not seen in a real browser. apt-get install chromium")
	}
	in, toBrowser, err := os.Pipe()
	require.NoError(t, err)
	fromBrowser, out, err := os.Pipe()
	require.NoError(t, err)
	cmd := exec.Command(path, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--hide-scrollbars", "--remote-debugging-pipe", "--user-data-dir="+t.TempDir(), "about:blank")
	cmd.ExtraFiles = []*os.File{in, out} // 3 and 4
	require.NoError(t, cmd.Start())
	in.Close()
	out.Close()
	b := &browser{t: t, in: toBrowser, waiting: map[int]chan json.RawMessage{}}
	read := make(chan struct{})
	go func() { defer close(read); b.read(fromBrowser) }()
	t.Cleanup(func() {
		b.call("Browser.close", nil)
		exit := time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() })
		cmd.Wait()
		exit.Stop()
		<-read
		toBrowser.Close()
		fromBrowser.Close()
	})
	var target struct{ TargetID string }
	b.into(&target, b.call("Target.createTarget", map[string]any{"url": "about:blank"}))
	var attached struct{ SessionID string }
	b.into(&attached, b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}))
	b.mu.Lock()
	b.session = attached.SessionID
	b.mu.Unlock()
	b.call("Page.enable", nil)
	b.call("Runtime.enable", nil)
	b.call("Log.enable", nil)
	return b
}

func (b *browser) into(to any, raw json.RawMessage) { require.NoError(b.t, json.Unmarshal(raw, to)) }

func (b *browser) read(from *os.File) {
	for r := bufio.NewReader(from); ; {
		line, err := r.ReadBytes(0)
		if err != nil {
			return
		}
		var m struct {
			ID     int
			Method string
			Result json.RawMessage
			Error  *struct{ Message string }
			Params json.RawMessage
		}
		if json.Unmarshal(line[:len(line)-1], &m) != nil {
			continue
		}
		b.mu.Lock()
		switch {
		case m.Method == "Page.javascriptDialogOpening":
			b.alerts++
		case m.Method == "Runtime.exceptionThrown" || m.Method == "Log.entryAdded":
			b.errors = append(b.errors, string(m.Params))
		case m.ID != 0 && b.waiting[m.ID] != nil:
			if m.Error != nil {
				b.errors = append(b.errors, m.Error.Message)
			}
			b.waiting[m.ID] <- m.Result
			delete(b.waiting, m.ID)
		}
		b.mu.Unlock()
	}
}

func (b *browser) call(method string, params map[string]any) json.RawMessage {
	b.mu.Lock()
	b.id++
	ch := make(chan json.RawMessage, 1)
	b.waiting[b.id] = ch
	m := map[string]any{"id": b.id, "method": method, "params": params}
	if params == nil {
		m["params"] = map[string]any{}
	}
	if b.session != "" && method != "Browser.close" {
		m["sessionId"] = b.session
	}
	text, err := json.Marshal(m)
	if err == nil {
		_, err = b.in.Write(append(text, 0))
	}
	b.mu.Unlock()
	if err != nil {
		return nil
	}
	select {
	case raw := <-ch:
		return raw
	case <-time.After(30 * time.Second):
		b.t.Errorf("%s: no answer from the browser", method)
		return nil
	}
}

// eval returns what expr is, in the page.
func (b *browser) eval(expr string) any {
	b.t.Helper()
	var r struct {
		Result           struct{ Value any }
		ExceptionDetails json.RawMessage
	}
	raw := b.call("Runtime.evaluate", map[string]any{"expression": expr, "returnByValue": true, "awaitPromise": true})
	if raw == nil {
		return nil // the page was left meanwhile
	}
	b.into(&r, raw)
	require.Empty(b.t, string(r.ExceptionDetails), expr)
	return r.Result.Value
}

// until waits until expr is true in the page.
func (b *browser) until(expr string) {
	b.t.Helper()
	for end := time.Now().Add(15 * time.Second); b.eval(expr) != true; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			b.shot("failed")
			require.FailNow(b.t, "not in time: "+expr, "%v\n%v", b.eval(`document.body ? document.body.innerText : location.href`), b.errors)
		}
	}
}

func (b *browser) screen(width, height int, scheme string) {
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})
	b.call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]any{{"name": "prefers-color-scheme", "value": scheme}}})
}

func (b *browser) shot(name string) {
	dir := os.Getenv("WEIR_SHOTS")
	if dir == "" {
		return
	}
	var r struct{ Data string }
	b.into(&r, b.call("Page.captureScreenshot", map[string]any{"format": "png"}))
	png, err := base64.StdEncoding.DecodeString(r.Data)
	require.NoError(b.t, err)
	require.NoError(b.t, os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644))
}

func (b *browser) open(url string) { b.call("Page.navigate", map[string]any{"url": url}) }

func (b *browser) key(key, code string) {
	text := ""
	if len(key) == 1 {
		text = key
	} else if key == "Enter" {
		text = "\r"
	}
	codes := map[string]int{"Enter": 13, "Escape": 27, "ArrowRight": 39, "ArrowDown": 40}
	b.call("Input.dispatchKeyEvent", map[string]any{"type": "keyDown", "key": key, "code": code, "text": text, "windowsVirtualKeyCode": codes[key]})
	b.call("Input.dispatchKeyEvent", map[string]any{"type": "keyUp", "key": key, "code": code, "windowsVirtualKeyCode": codes[key]})
}

// drawnWell checks what can be measured of a picture: no line passes behind a node, no text
// is wider than its node, and no node stands on another or outside of its box.
func (b *browser) drawnWell() {
	b.t.Helper()
	require.Empty(b.t, b.eval(`(() => {
		const wrong = [], all = [...spots];
		root.data.forEach((e, i) => {
			const path = root.edges[i], length = path.getTotalLength();
			for (let at = 0; at < length; at += 12) {
				const p = path.getPointAtLength(at);
				for (const [id, s] of all) {
					if (id !== e.from && id !== e.to && p.x > s.x && p.x < s.x + W && p.y > s.y && p.y < s.y + H) {
						wrong.push(parts.get(e.from).n.name + ' -> ' + parts.get(e.to).n.name + ' behind ' + parts.get(id).n.name);
						return;
					}
				}
			}
		});
		for (const [id, p] of parts) for (const t of p.text) {
			const r = t.getBBox();
			if (r.x + r.width > W || r.y + r.height > H) wrong.push('text does not fit: ' + t.textContent);
		}
		all.forEach(([, s], i) => all.slice(i + 1).forEach(([, o]) => {
			if (Math.abs(s.x - o.x) < W && Math.abs(s.y - o.y) < H) wrong.push('two nodes at ' + s.x + ' ' + s.y);
		}));
		for (const [, s] of all) if (s.x < 0 || s.y < 0 || s.x + W > size.w || s.y + H > size.h) wrong.push('out of the picture: ' + s.x + ' ' + s.y);
		return wrong.slice(0, 5).join('; ');
	})()`))
}

// readable checks the contrast of all words that are seen: 4.5 to 1, as WCAG has it.
func (b *browser) readable() {
	b.t.Helper()
	require.Empty(b.t, b.eval(`(() => {
		const pen = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
		const rgb = colors => { for (const c of colors) { pen.fillStyle = c; pen.fillRect(0, 0, 1, 1); } return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3); };
		const light = c => { const [r, g, b] = c.map(x => (x /= 255) <= .03928 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
		const wrong = new Set();
		for (const e of document.querySelectorAll('body *')) {
			if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()) || !e.getClientRects().length || e.closest('script, title')) continue;
			const behind = [matchMedia('(prefers-color-scheme: dark)').matches ? '#121212' : '#fff']; // a browser's own, under all
			for (let x = e, at = behind.length; x; x = x.parentElement) behind.splice(at, 0, getComputedStyle(x).backgroundColor);
			if (e.closest('.node')) behind.push(getComputedStyle(e.closest('.node').querySelector('.body')).fill);
			const style = getComputedStyle(e), a = light(rgb(behind)), b = light(rgb([e.closest('svg') ? style.fill : style.color]));
			const contrast = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
			if (contrast < 4.5) wrong.add(e.textContent.slice(0, 30) + ': ' + contrast.toFixed(2));
		}
		return [...wrong].join('; ');
	})()`))
}

const texts = `[...document.querySelectorAll('.node')].map(g => g.textContent).join('\n')`

// serve serves h until the test is over, and then lets go of the streams that a page holds.
func serve(t *testing.T, h http.Handler) *httptest.Server {
	srv := httptest.NewServer(h)
	t.Cleanup(func() {
		srv.Listener.Close()
		srv.CloseClientConnections()
		srv.Close()
	})
	return srv
}

// noErrors fails the test if the page's script has had one.
func (b *browser) noErrors() {
	b.mu.Lock()
	defer b.mu.Unlock()
	require.Empty(b.t, b.errors)
}
