package weir

// This file holds what is left when a real process is killed while it saves: SIGKILL at random
// moments, on the file system that the tests run on.

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// killDirEnv tells the test binary that it is the process to be killed, and where it saves.
const killDirEnv = "WEIR_TEST_KILL_DIR"

// killState is a state whose every byte follows from N.
type killState struct {
	N    int
	Fill string
}

func newKillState(n int) killState {
	return killState{n, strings.Repeat(strconv.Itoa(n), 1+n*7919%9000)}
}

type killNotifier struct{ Notifier[killState] }

func (*killNotifier) Build(Ref) killState { return newKillState(0) }

// killContainer has a provider that is saved in dir; what goes wrong with that fails fatally.
func killContainer(dir string, fatal func(error)) (*Container, *NotifierProvider[*killNotifier, killState]) {
	files, err := NewFileStorage(dir)
	if err != nil {
		fatal(err)
	}
	c := NewContainer(WithObserver(&Observer{StorageFailed: func(ev StorageFailedEvent) { fatal(ev.Err) }}))
	return c, NewNotifierProvider(func() *killNotifier { return new(killNotifier) }, Persist(files, "n", JSON[killState]{}))
}

// TestStorageKilledChild is no test but the process that is killed: it counts on from where it
// finds itself, and says each number when it is saved.
func TestStorageKilledChild(t *testing.T) {
	dir := os.Getenv(killDirEnv)
	if dir == "" {
		return
	}
	fatal := func(err error) {
		fmt.Println("child:", err)
		os.Exit(1)
	}
	c, p := killContainer(dir, fatal)
	for n := Read(c, p).N; ; n++ {
		p.Notifier(c).Set(newKillState(n))
		if err := Persisted(context.Background(), c, p); err != nil {
			fatal(err)
		}
		fmt.Println("saved", n)
	}
}

func TestStorageAKilledProcessLeavesWhatItAcknowledged(t *testing.T) {
	// Planted bugs: a write in place; an acknowledgement before the write. What only a crash of
	// the machine shows, a sync left out, is crashDisk's.
	if runtime.GOARCH == "wasm" {
		t.Skip("wasm starts no processes: there is nothing to kill")
	}
	const least = 5
	limit := 2 * time.Second
	if testing.Short() {
		limit = 0
	}
	dir := filepath.Join(t.TempDir(), "state")
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 3))
	var done, between, strays int
	for start := time.Now(); done < least || time.Since(start) < limit; done++ {
		saved := killOnce(t, dir, time.Duration(random.IntN(int(15*time.Millisecond))))
		names, err := filepath.Glob(filepath.Join(dir, tempPrefix+"*"))
		require.NoError(t, err)
		strays = max(strays, len(names))

		c, p := killContainer(dir, func(err error) { t.Errorf("after %d: %v", saved, err) })
		found := Read(c, p)
		require.NoError(t, c.Shutdown(t.Context()))
		require.Contains(t, []int{saved, saved + 1}, found.N)
		require.True(t, newKillState(found.N) == found, "%d: not all of it is there", found.N)
		if found.N != saved {
			between++
		}
	}
	t.Logf("%d kills, %d between the save and its acknowledgement, up to %d temporary files left", done, between, strays)

	// An hour later the next start tidies up.
	names, err := filepath.Glob(filepath.Join(dir, tempPrefix+"*"))
	require.NoError(t, err)
	for _, name := range names {
		old := time.Now().Add(-2 * strayAge)
		require.NoError(t, os.Chtimes(name, old, old))
	}
	_, err = NewFileStorage(dir)
	require.NoError(t, err)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

// killOnce starts a process that saves in dir, kills it when it has saved something and after
// more has passed, and returns what it said that it has saved last.
func killOnce(t *testing.T, dir string, after time.Duration) (saved int) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestStorageKilledChild$", "-test.timeout=1m")
	child.Env = append(os.Environ(), killDirEnv+"="+dir)
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	saved = -1
	for lines := bufio.NewReader(out); ; {
		line, err := lines.ReadString('\n')
		if err != nil { // what has no end was not said
			break
		}
		n, ok := strings.CutPrefix(strings.TrimSpace(line), "saved ")
		require.True(t, ok, line)
		if saved < 0 {
			timer := time.AfterFunc(after, func() { _ = child.Process.Kill() })
			defer timer.Stop()
		}
		saved, err = strconv.Atoi(n)
		require.NoError(t, err)
	}
	require.Error(t, child.Wait())
	require.GreaterOrEqual(t, saved, 0)
	return saved
}
