package main

// child.go owns the other process of the story: the service, started, stopped and killed from outside, and the requests to it.

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"time"
)

// child is a running service. Its standard input is a pipe: it ends when the pipe does, so it never outlives the story.
type child struct {
	url    string
	cmd    *exec.Cmd
	stdin  io.Closer
	stderr bytes.Buffer // read after the end
	lines  chan string  // that it prints; closed at its end
}

// launch starts the service on dir and does not wait for it.
func launch(command func(dir string) *exec.Cmd, dir string) (*child, error) {
	c := &child{cmd: command(dir), lines: make(chan string, 100)}
	c.cmd.Stderr = &c.stderr
	c.cmd.WaitDelay = patience
	stdin, err := c.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	c.stdin = stdin
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(c.lines)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			c.lines <- lines.Text()
		}
	}()
	return c, nil
}

// start starts the service and returns when it serves.
func start(command func(dir string) *exec.Cmd, dir string) (*child, error) {
	c, err := launch(command, dir)
	if err != nil {
		return nil, err
	}
	late := time.After(patience)
	for {
		select {
		case line, ok := <-c.lines:
			if !ok {
				return nil, fmt.Errorf("the service did not start: %w: %s", c.wait(), strings.TrimSpace(c.stderr.String()))
			}
			if _, err := fmt.Sscanf(line, "serving %s", &c.url); err == nil {
				c.url = strings.TrimSuffix(c.url, ";")
				return c, nil
			}
		case <-late:
			c.kill()
			return nil, fmt.Errorf("the service does not serve after %v", patience)
		}
	}
}

// kill ends the process as kill -9 does, and returns when it is gone. It cannot do anything about it, not even finish a write.
func (c *child) kill() error {
	err := c.cmd.Process.Kill()
	c.wait() // an error in any case: killed
	if err == nil && c.stderr.Len() > 0 {
		err = fmt.Errorf("the service complained before it was killed: %s", c.stderr.Bytes())
	}
	return err
}

// stop has the service end in good order.
func (c *child) stop() error {
	c.stdin.Close()
	if err := c.wait(); err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(c.stderr.String()))
	}
	return nil
}

func (c *child) wait() error {
	for range c.lines { // Wait closes the pipe: read it to its end first
	}
	return c.cmd.Wait()
}

// errRefused is any answer but a success.
var errRefused = errors.New("the service answered")

// ask sends a request to the service at url and decodes the answer.
func ask[T any](ctx context.Context, client *http.Client, method, url string, body any) (v T, err error) {
	data, err := json.Marshal(body)
	if err != nil {
		return v, err
	}
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(data))
	if err != nil {
		return v, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return v, err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		text, _ := io.ReadAll(resp.Body)
		return v, fmt.Errorf("%s %s: %w %s %s", method, req.URL.Path, errRefused, resp.Status, bytes.TrimSpace(text))
	}
	return v, json.NewDecoder(resp.Body).Decode(&v)
}
