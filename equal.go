package weir

// This file owns the default change detection of rule P1, of values and errors. It is decided
// once for each provider, when it is made, and never panics.

import "reflect"

// defaultEqual returns == for types whose values can always be compared, a guarded ==
// for those with interfaces inside, and nil (always different) for the others.
func defaultEqual[T any]() func(a, b T) bool {
	if eq, ok := commonEqual((*T)(nil)).(func(a, b T) bool); ok {
		return eq
	}
	t := reflect.TypeFor[T]()
	switch {
	case !t.Comparable():
		return nil
	case hasInterface(t):
		return func(a, b T) bool { return guardedEqual(a, b) }
	}
	return func(a, b T) bool { return any(a) == any(b) }
}

// commonEqual is the == of what p points to, if that is most commonEqual: it needs no boxes.
func commonEqual(p any) any {
	switch p.(type) {
	case *int:
		return same[int]
	case *string:
		return same[string]
	case *bool:
		return same[bool]
	case *float64:
		return same[float64]
	case *int64:
		return same[int64]
	}
	return nil
}

// guardedEqual is == of values that may have something inside that cannot be compared.
func guardedEqual(a, b any) (equal bool) {
	defer func() {
		if recover() != nil {
			equal = false
		}
	}()
	return a == b
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
