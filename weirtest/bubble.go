package weirtest

// This file owns what depends on whether the goroutine is in a bubble of testing/synctest,
// and the stacks of goroutines, whose headers say so.

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing/synctest"
)

// bubbleRest waits until everything else in the bubble is blocked. It reports whether
// there is a bubble; outside of one it does nothing. busy says that another goroutine
// is waiting for the same already, so that nothing was waited for.
func bubbleRest() (inBubble, busy bool) {
	defer func() {
		switch r := recover(); {
		case r == nil:
		case strings.Contains(fmt.Sprint(r), "not in a bubble"): // the only way to ask
			inBubble = false
		case strings.Contains(fmt.Sprint(r), "already in progress"):
			busy = true
		default:
			panic(r)
		}
	}()
	inBubble = true
	synctest.Wait()
	return inBubble, false
}

const bubbleMark = "synctest bubble "

// bubbleID tells the bubbles apart; it is empty outside of all, and where the runtime does
// not say.
func bubbleID() string {
	buf := make([]byte, 256)
	return bubbleOf(buf[:runtime.Stack(buf, false)])
}

// bubbleOf is bubbleID of the goroutine with that stack.
func bubbleOf(stack []byte) string {
	head, _, _ := bytes.Cut(stack, []byte("\n"))
	_, id, ok := bytes.Cut(head, []byte(bubbleMark))
	if !ok {
		return ""
	}
	return string(bytes.TrimRight(id, "]:, abcdefghijklmnopqrstuvwxyz"))
}

// stacks returns those of the goroutines in this bubble, or outside of all, that are inside
// the library.
func stacks() string {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	here := bubbleID()
	var found []string
	for _, s := range bytes.Split(buf, []byte("\n\n")) {
		if bytes.Contains(s, []byte("github.com/weir-go/weir.")) && bubbleOf(s) == here {
			found = append(found, string(s))
		}
	}
	const most = 10
	if len(found) > most {
		found = append(found[:most], fmt.Sprintf("(%d more)", len(found)-most))
	}
	return strings.Join(found, "\n\n")
}
