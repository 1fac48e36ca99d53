package main

// fuzz_test.go puts anything into the file.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// FuzzConfig: what is taken for a configuration is one, whole and in range, the same each time and with nothing after it; and whether it
// is or not, nothing that is printed of it has the password.
func FuzzConfig(f *testing.F) {
	const good = `{"log": {"level": "warn"}, "page": {"title": "t", "greeting": "g"}, "database": {"url": "db://u:PASSWORD@h", "connections": 3}}`
	f.Add(good, "hunter22")
	f.Add(good+"{}", "hunter22")
	f.Add(`{"page": {"title": "t"}, "database": {"url": "db://h/PASSWORD"}}`, "%zz%zz%zz")
	f.Add(`{"database": {"url": "PASSWORD", "connections": "PASSWORD"}}`, "://://://")
	f.Add(`{"database": {"url": ["PASSWORD"]}, "log": {"level": 12.5}}`, "\\u0000\\u0000")
	f.Add("null", "12345678")
	f.Fuzz(func(t *testing.T, text, password string) {
		file := strings.ReplaceAll(text, "PASSWORD", password)
		c, err := parse([]byte(file))
		if again, _ := parse([]byte(file)); again != c {
			t.Errorf("%q is one configuration and then another", file)
		}
		if err == nil {
			if !json.Valid([]byte(file)) || c.check() != nil {
				t.Errorf("%q is taken for a configuration: %v", file, c.check())
			}
			c.Page = pageConfig{} // which may be the same text
			c.Log.Level = 0
		}
		secret := c.Database.URL.reveal()
		if err != nil {
			secret = password // of which parse may have come to know before it failed
			// What is wrong with other parts may be quoted: that is only of use if the password is nowhere else.
			if strings.Count(text, "PASSWORD") != 1 || !strings.Contains(text, `"url": "`) || strings.Contains(strings.Replace(text, "PASSWORD", "", 1), password) {
				return
			}
		}
		if len(secret) < 8 || strings.Contains(fmt.Sprintf("%+v %#v", config{}, config{}), secret) {
			return
		}
		var out bytes.Buffer
		log := slog.New(slog.NewTextHandler(&out, nil))
		log.Info("x", "config", c, "error", err)
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%q", "%x"} {
			fmt.Fprintf(&out, verb, c)
		}
		encoded, _ := json.Marshal(c)
		out.Write(encoded)
		if strings.Contains(out.String(), secret) {
			t.Errorf("of %q is printed %s", file, out.String())
		}
	})
}
