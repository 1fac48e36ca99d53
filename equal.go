package weir

// This file owns the default change detection of rule P1. It is decided once for each
// provider, when it is made, and never panics.

import "reflect"

// defaultEqual returns == for types whose values can always be compared, a guarded ==
// for those with interfaces inside, and nil (always different) for the others.
func defaultEqual[T any]() func(a, b T) bool {
	var zero T
	var eq any
	switch any(zero).(type) { // without boxing, for what is most common
	case int:
		eq = same[int]
	case string:
		eq = same[string]
	case bool:
		eq = same[bool]
	case float64:
		eq = same[float64]
	case int64:
		eq = same[int64]
	}
	if eq, ok := eq.(func(a, b T) bool); ok {
		return eq
	}
	t := reflect.TypeFor[T]()
	switch {
	case !t.Comparable():
		return nil
	case hasInterface(t):
		return func(a, b T) (equal bool) {
			defer func() {
				if recover() != nil { // something inside cannot be compared
					equal = false
				}
			}()
			return any(a) == any(b)
		}
	}
	return func(a, b T) bool { return any(a) == any(b) }
}

func same[T comparable](a, b T) bool { return a == b }

// hasInterface reports whether comparing values of the comparable type t may panic.
func hasInterface(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Interface:
		return true
	case reflect.Array:
		return hasInterface(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if hasInterface(t.Field(i).Type) {
				return true
			}
		}
	}
	return false
}
