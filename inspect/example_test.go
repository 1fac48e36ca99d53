package inspect_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/weir-go/weir"
	"github.com/weir-go/weir/inspect"
)

// The inspector comes first, for the container is made with its observer. This one shows
// values, but not those of the provider token.
func Example() {
	token := weir.NewStateProvider(func(weir.Ref) string { return "s3cret" }, weir.Name("token"))
	user := weir.NewStateProvider(func(weir.Ref) string { return "ann" }, weir.Name("user"))

	insp := inspect.New(inspect.Values(func(p weir.AnyProvider, value any) string {
		if p == token {
			return "(secret)"
		}
		return fmt.Sprint(value)
	}))
	c := weir.NewContainer(weir.WithObserver(insp.Observer()))
	defer c.Close()
	mux := http.NewServeMux()
	mux.Handle("/debug/weir/", insp.Handler(c))

	weir.Listen(c, token, nil)
	weir.Listen(c, user, nil)
	token.Set(c, "s3cret too")

	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("GET", "/debug/weir/?format=timeline", nil))
	fmt.Println(strings.Contains(w.Body.String(), `"name":"token"`), strings.Contains(w.Body.String(), "(secret)"), strings.Contains(w.Body.String(), "s3cret"))
	// Output: true true false
}

// Handler alone has no timeline, and costs nothing until somebody looks.
func ExampleHandler() {
	answer := weir.NewProvider(func(weir.Ref) int { return 42 }, weir.Name("answer"))
	c := weir.NewContainer()
	defer c.Close()
	weir.Read(c, answer)

	w := httptest.NewRecorder()
	inspect.Handler(c).ServeHTTP(w, httptest.NewRequest("GET", "/debug/weir/?format=mermaid", nil))
	fmt.Println(strings.Contains(w.Body.String(), "answer<br/>Provider example_test.go:"))
	// Output: true
}
