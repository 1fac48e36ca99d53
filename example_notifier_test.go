package weir_test

// This file holds the examples of NotifierProvider.

import (
	"context"
	"fmt"
	"slices"

	"github.com/weir-go/weir"
)

// basket is a list of items, and what can be done with it.
type basket struct{ weir.Notifier[[]string] }

func (b *basket) Build(ref weir.Ref) []string { return nil }

func (b *basket) Add(item string) {
	b.Update(func(items []string) []string { return append(slices.Clip(items), item) })
}

func (b *basket) Clear() { b.Set(nil) }

func newBasket() *basket { return new(basket) }

func ExampleNewNotifierProvider() {
	items := weir.NewNotifierProvider(newBasket)
	c := weir.NewContainer()
	defer c.Close()
	sub := weir.Listen(c, items, func(_, now []string) { fmt.Println("now", now) })
	defer sub.Close()
	b := items.Notifier(c)
	b.Add("tea")
	b.Add("milk")
	b.Clear()
	// Output:
	// now [tea]
	// now [tea milk]
	// now []
}

// Other providers watch the state; whoever changes it asks for the notifier.
func ExampleNotifierProvider_Notifier() {
	items := weir.NewNotifierProvider(newBasket)
	count := weir.NewProvider(func(ref weir.Ref) int { return len(weir.Watch(ref, items)) })
	c := weir.NewContainer()
	defer c.Close()
	first := items.Notifier(c)
	first.Add("tea")
	fmt.Println(weir.Read(c, count), items.Notifier(c) == first)
	// Output: 1 true
}

// stepper counts on from where it is when its step changes.
type stepper struct {
	weir.Notifier[int]
	step *weir.StateProvider[int]
}

func (n *stepper) Build(ref weir.Ref) int {
	step := weir.Watch(ref, n.step)
	if ref.Reason() == weir.ReasonFirstBuild {
		return step
	}
	return n.State() + step // in a rebuild: the state before
}

func newStepper(first int) (step *weir.StateProvider[int], total *weir.NotifierProvider[*stepper, int]) {
	step = weir.NewStateProvider(func(weir.Ref) int { return first })
	return step, weir.NewNotifierProvider(func() *stepper { return &stepper{step: step} }, weir.Name("total"))
}

func ExampleNotifier_State() {
	step, total := newStepper(1)
	c := weir.NewContainer()
	defer c.Close()
	n := total.Notifier(c)
	fmt.Println(n.State())
	step.Set(c, 10)
	fmt.Println(n.State())
	// Output:
	// 1
	// 11
}

func ExampleNotifier_Set() {
	_, total := newStepper(1)
	c := weir.NewContainer()
	defer c.Close()
	total.Notifier(c).Set(40)
	fmt.Println(weir.Read(c, total))
	// Output: 40
}

func ExampleNotifier_Update() {
	_, total := newStepper(1)
	c := weir.NewContainer()
	defer c.Close()
	fmt.Println(total.Notifier(c).Update(func(n int) int { return n * 2 }))
	// Output: 2
}

// Through the Tx of a batch a write is staged with the others.
func ExampleNotifier_SetIn() {
	step, total := newStepper(1)
	c := weir.NewContainer()
	defer c.Close()
	n := total.Notifier(c)
	c.Batch(func(tx *weir.Tx) {
		n.SetIn(tx, 7)
		fmt.Println("in the batch:", weir.Read(tx, total), "outside:", n.State())
	})
	fmt.Println(n.State(), weir.Read(c, step))
	// Output:
	// in the batch: 7 outside: 1
	// 7 1
}

func ExampleNotifier_UpdateIn() {
	_, total := newStepper(1)
	c := weir.NewContainer()
	defer c.Close()
	n := total.Notifier(c)
	c.Batch(func(tx *weir.Tx) {
		n.UpdateIn(tx, func(v int) int { return v + 1 })
		n.UpdateIn(tx, func(v int) int { return v + 1 })
	})
	fmt.Println(n.State())
	// Output: 3
}

// A method reaches other providers through the ref of the newest build.
func ExampleNotifier_Ref() {
	step, total := newStepper(5)
	c := weir.NewContainer()
	defer c.Close()
	n := total.Notifier(c)
	fmt.Println(weir.Read(n.Ref(), step), n.Ref().Mounted())
	// Output: 5 true
}

func ExampleNotifier_ListenSelf() {
	_, total := newStepper(1)
	c := weir.NewContainer()
	defer c.Close()
	n := total.Notifier(c)
	remove := n.ListenSelf(func(prev, next int) { fmt.Println("save", next, "after", prev) })
	n.Set(2)
	n.Set(2) // equal values as well
	remove()
	n.Set(3)
	// Output:
	// save 2 after 1
	// save 2 after 2
}

func ExampleNotifierProvider_OverrideWith() {
	items := weir.NewNotifierProvider(newBasket)
	test := weir.NewContainer(items.OverrideWith(func() *basket { return new(basket) }))
	defer test.Close()
	items.Notifier(test).Add("from a test")
	fmt.Println(weir.Read(test, items))
	// Output: [from a test]
}

// The notifier is the real one, with its methods; what its Build would return is replaced.
func ExampleNotifierProvider_OverrideWithBuild() {
	items := weir.NewNotifierProvider(newBasket)
	test := weir.NewContainer(items.OverrideWithBuild(func(ref weir.Ref, self *basket) []string {
		return []string{"a full basket"}
	}))
	defer test.Shutdown(context.Background())
	items.Notifier(test).Add("tea")
	fmt.Println(weir.Read(test, items))
	// Output: [a full basket tea]
}

func ExampleNotifierProvider_OverrideWithValue() {
	items := weir.NewNotifierProvider(newBasket)
	test := weir.NewContainer(items.OverrideWithValue([]string{"milk"}))
	defer test.Close()
	fmt.Println(weir.Read(test, items))
	// Output: [milk]
}
