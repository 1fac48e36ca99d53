package weir_test

// This file holds the examples of child containers, scopes and overrides that change.

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/weir-go/weir"
)

// A child shares with its parent all but what it overrides.
func ExampleWithParent() {
	tenant := weir.NewProvider(func(weir.Ref) string { return "nobody" }, weir.Scoped())
	pool := weir.NewProvider(func(ref weir.Ref) *int { return new(int) }) // stands for a connection pool
	app := weir.NewContainer()
	defer app.Shutdown(context.Background())
	child := weir.NewContainer(weir.WithParent(app), tenant.OverrideWithValue("Ada"))
	defer child.Close()
	fmt.Println(weir.Read(app, tenant), weir.Read(child, tenant))
	fmt.Println("one pool:", weir.Read(child, pool) == weir.Read(app, pool))
	// Output:
	// nobody Ada
	// one pool: true
}

// A provider that watches a scoped one says so, and then lives where that is overridden.
func ExampleScoped() {
	tenant := weir.NewProvider(func(weir.Ref) string { return "nobody" }, weir.Scoped())
	greeting := weir.NewProvider(func(ref weir.Ref) string {
		return "hello " + weir.Watch(ref, tenant)
	}, weir.Scoped(tenant))
	app := weir.NewContainer()
	defer app.Shutdown(context.Background())
	child := weir.NewContainer(weir.WithParent(app), tenant.OverrideWithValue("Ada"))
	defer child.Close()
	fmt.Println(weir.Read(app, greeting), "|", weir.Read(child, greeting))
	// Output: hello nobody | hello Ada
}

// Without the declaration there would be one greeting for all tenants: that is misuse.
func ExampleScoped_undeclared() {
	tenant := weir.NewProvider(func(weir.Ref) string { return "nobody" }, weir.Scoped(), weir.Name("tenant"))
	greeting := weir.NewTryProvider(func(ref weir.Ref) (string, error) {
		return "hello " + weir.Watch(ref, tenant), nil
	}, weir.Name("greeting"))
	c := weir.NewContainer()
	defer c.Close()
	var misuse *weir.UsageError
	fmt.Println(errors.As(weir.Read(c, greeting).Err(), &misuse), misuse.Provider)
	// Output: true greeting
}

// One container for each request, with what the request knows; handlers find it in their context.
func ExampleFromContext() {
	user := weir.NewProvider(func(weir.Ref) string { return "" }, weir.Scoped())
	page := weir.NewFutureProvider(func(ctx context.Context, ref weir.Ref) (string, error) {
		return "inbox of " + weir.Watch(ref, user), nil
	}, weir.Scoped(user))
	app := weir.NewContainer()
	defer app.Shutdown(context.Background())

	perRequest := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c := weir.NewContainer(weir.WithParent(app), weir.WithContext(r.Context()),
				user.OverrideWithValue(r.Header.Get("User")))
			defer c.Close()
			next.ServeHTTP(w, r.WithContext(weir.NewContext(r.Context(), c)))
		})
	}
	inbox := func(w http.ResponseWriter, r *http.Request) {
		c, _ := weir.FromContext(r.Context())
		text, err := weir.Resolve(r.Context(), c, page)
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, text)
	}

	handler := perRequest(http.HandlerFunc(inbox))
	for _, name := range []string{"Ada", "Grace"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("User", name)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		fmt.Println(w.Body)
	}
	// Output:
	// inbox of Ada
	// inbox of Grace
}

// Children close before their parent, and in each container dependents before what they stand on.
func ExampleContainer_Close_children() {
	pool := weir.NewProvider(func(ref weir.Ref) string {
		ref.OnDispose(func() { fmt.Println("pool closed") })
		return "pool"
	})
	tenant := weir.NewProvider(func(weir.Ref) string { return "" }, weir.Scoped())
	session := weir.NewProvider(func(ref weir.Ref) string {
		ref.OnDispose(func() { fmt.Println("session closed") })
		return weir.Watch(ref, tenant) + " on " + weir.Watch(ref, pool)
	}, weir.Scoped(tenant))
	app := weir.NewContainer()
	child := weir.NewContainer(weir.WithParent(app), tenant.OverrideWithValue("Ada"))
	fmt.Println(weir.Read(child, session))
	app.Close()
	// Output:
	// Ada on pool
	// session closed
	// pool closed
}

// What is built by an override is built anew when the override is another one.
func ExampleContainer_UpdateOverrides() {
	limit := weir.NewProvider(func(weir.Ref) int { return 10 })
	c := weir.NewContainer(limit.OverrideWithValue(100))
	defer c.Close()
	sub := weir.Listen(c, limit, func(was, is int) { fmt.Println(was, "->", is) })
	defer sub.Close()
	c.UpdateOverrides(limit.OverrideWithValue(200))
	c.UpdateOverrides(limit.OverrideWith(func(weir.Ref) int { return 300 }))
	// Output:
	// 100 -> 200
	// 200 -> 300
}

func ExampleFamily_OverrideWith() {
	film := weir.NewFamily(func(id int) *weir.FutureProvider[string] {
		return weir.NewFutureProvider(func(context.Context, weir.Ref) (string, error) {
			return "", errors.New("no network in tests")
		})
	})
	test := weir.NewContainer(film.OverrideWith(func(id int) *weir.FutureProvider[string] {
		return weir.NewFutureProvider(func(context.Context, weir.Ref) (string, error) {
			return fmt.Sprint("film ", id), nil
		})
	}))
	defer test.Shutdown(context.Background())
	fmt.Println(weir.Resolve(context.Background(), test, film.Of(7)))
	// Output: film 7 <nil>
}

func ExampleFutureProvider_OverrideWith() {
	user := weir.NewFutureProvider(func(context.Context, weir.Ref) (string, error) {
		return "", errors.New("no network in tests")
	})
	test := weir.NewContainer(user.OverrideWith(func(ctx context.Context, ref weir.Ref) (string, error) {
		return "Ada", nil
	}))
	defer test.Shutdown(context.Background())
	fmt.Println(weir.Resolve(context.Background(), test, user))
	// Output: Ada <nil>
}

func ExampleStateProvider_OverrideWithValue() {
	volume := weir.NewStateProvider(func(weir.Ref) int { return 5 })
	c := weir.NewContainer(volume.OverrideWithValue(8))
	defer c.Close()
	fmt.Println(volume.Update(c, func(v int) int { return v + 1 })) // only its start is replaced
	// Output: 9
}

func ExampleStateProvider_OverrideWith() {
	loud := weir.NewStateProvider(func(weir.Ref) bool { return true })
	volume := weir.NewStateProvider(func(weir.Ref) int { return 5 })
	c := weir.NewContainer(volume.OverrideWith(func(ref weir.Ref) int {
		if weir.Watch(ref, loud) {
			return 11
		}
		return 1
	}))
	defer c.Close()
	fmt.Println(weir.Read(c, volume))
	// Output: 11
}
