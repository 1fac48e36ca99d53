package main

// config.go owns what a configuration is: its parts, how it is parsed and checked, and the secret type that does not print itself.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"unique"
)

// config is compared with ==: a file that says the same in other words is no change. So it has no pointers, slices or maps.
type config struct {
	Log      logConfig      `json:"log"`
	Page     pageConfig     `json:"page"`
	Database databaseConfig `json:"database"`
}

type logConfig struct {
	Level slog.Level `json:"level"`
}

type pageConfig struct {
	Title    string `json:"title"`
	Greeting string `json:"greeting"`
}

type databaseConfig struct {
	URL         secret `json:"url"` // with the password in it
	Connections int    `json:"connections"`
}

// parse reads a configuration. What is not said is as in the zero config, but for one database connection.
func parse(text []byte) (config, error) {
	c := config{Database: databaseConfig{Connections: 1}}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields() // a mistyped name is a mistake, not an extra
	if err := d.Decode(&c); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = errors.New("the file ends too early")
		}
		return config{}, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return config{}, errors.New("there is something after the end")
	}
	return c, c.check()
}

// check says all that is wrong with c, not only what it finds first.
func (c config) check() error {
	var errs []error
	if c.Page.Title == "" {
		errs = append(errs, errors.New("page.title is missing"))
	}
	if u, err := url.Parse(c.Database.URL.reveal()); err != nil || u.Host == "" {
		// Without err: url.Parse says what it could not parse, and that may be the password.
		errs = append(errs, errors.New("database.url is not a URL with a host"))
	}
	if n := c.Database.Connections; n < 1 || n > 100 {
		errs = append(errs, fmt.Errorf("database.connections must be 1 to 100, got %d", n))
	}
	return errors.Join(errs...)
}

// secret is text that is not to be seen. However it is printed, logged or encoded, it is "[redacted]".
//
// A string with a String method would not do: fmt calls no methods of what it finds in unexported fields, so that a secret deep in
// somebody else's struct would be printed as it is. Of a handle it finds the address. Handles of equal strings are equal.
type secret struct{ text unique.Handle[string] }

const redacted = "[redacted]"

func newSecret(text string) secret { return secret{unique.Make(text)} }

// reveal is the one way to the text, and easy to search for.
func (s secret) reveal() string {
	if s == (secret{}) {
		return ""
	}
	return s.text.Value()
}

// Format implements fmt.Formatter: with String alone, %d would show the insides.
func (s secret) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

func (s secret) String() string               { return redacted }
func (s secret) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (s secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

func (s *secret) UnmarshalText(text []byte) error {
	*s = newSecret(string(text))
	return nil
}
