package weir_test

// This file holds the examples of mutations.

import (
	"context"
	"errors"
	"fmt"

	"github.com/weir-go/weir"
)

// A mutation shows how far a side effect is; the function is given where it is run.
func ExampleNewMutation() {
	tasks := weir.NewStateProvider(func(weir.Ref) int { return 0 })
	addTask := weir.NewMutation[string]()
	c := weir.NewContainer()
	defer c.Close()
	sub := weir.Listen(c, addTask, func(was, is weir.MutationState[string]) { fmt.Println(was, "->", is) })
	defer sub.Close()
	receipt, err := addTask.Run(context.Background(), c, func(ctx context.Context, s weir.Scope) (string, error) {
		tasks.Update(s, func(n int) int { return n + 1 }) // after a request made with ctx
		return "receipt 1", nil
	})
	fmt.Println(receipt, err, weir.Read(c, tasks))
	// Output:
	// idle -> pending
	// pending -> success(receipt 1)
	// receipt 1 <nil> 1
}

// What the function reads through its scope is kept until it returns.
func ExampleMutation_Run() {
	session := weir.NewProvider(func(ref weir.Ref) string {
		ref.OnCancel(func() { fmt.Println("session is idle") })
		return "session"
	}, weir.AutoDispose())
	upload := weir.NewMutation[int]()
	c := weir.NewContainer()
	defer c.Close()
	_, err := upload.Run(context.Background(), c, func(ctx context.Context, s weir.Scope) (int, error) {
		fmt.Println("with", weir.Read(s, session))
		return 0, errors.New("disk full")
	})
	fmt.Println(err)
	// Output:
	// with session
	// session is idle
	// disk full
}

func ExampleMutation_Reset() {
	send := weir.NewMutation[int]()
	c := weir.NewContainer()
	defer c.Close()
	defer weir.Listen(c, send, nil).Close()
	_, _ = send.Run(context.Background(), c, func(context.Context, weir.Scope) (int, error) {
		return 0, errors.New("offline")
	})
	fmt.Println(weir.Read(c, send))
	send.Reset(c) // the message has been dismissed
	fmt.Println(weir.Read(c, send))
	// Output:
	// failed(offline)
	// idle
}

// Each row of a list has its own button, and its own state.
func ExampleMutation_Of() {
	remove := weir.NewMutation[string](weir.Name("remove"))
	c := weir.NewContainer()
	defer c.Close()
	defer weir.Listen(c, remove.Of(7), nil).Close()
	_, _ = remove.Of(7).Run(context.Background(), c, func(context.Context, weir.Scope) (string, error) {
		return "row 7 is gone", nil
	})
	fmt.Println(weir.Read(c, remove.Of(7)), weir.Read(c, remove.Of(8)), remove.Of(7).Name())
	// Output: success(row 7 is gone) idle remove(7)
}

func ExampleMutationState() {
	save := weir.NewMutation[int]()
	c := weir.NewContainer()
	defer c.Close()
	show := func(state weir.MutationState[int]) {
		v, ok := state.Value()
		fmt.Println(state.Status(), state.IsPending(), v, ok, state.Err())
	}
	defer weir.Listen(c, save, func(_, is weir.MutationState[int]) { show(is) }, weir.FireImmediately()).Close()
	_, _ = save.Run(context.Background(), c, func(context.Context, weir.Scope) (int, error) { return 42, nil })
	// Output:
	// idle false 0 false <nil>
	// pending true 0 false <nil>
	// success false 42 true <nil>
}

func ExampleMutationStatus() {
	fmt.Println(weir.MutationIdle, weir.MutationPending, weir.MutationSuccess, weir.MutationFailed)
	// Output: idle pending success failed
}

func ExampleMutationEndedEvent() {
	save := weir.NewMutation[int](weir.Name("save"))
	c := weir.NewContainer(weir.WithObserver(&weir.Observer{
		MutationStarted: func(ev weir.MutationStartedEvent) { fmt.Println(ev.Mutation, "started") },
		MutationEnded:   func(ev weir.MutationEndedEvent) { fmt.Println(ev.Mutation, "ended:", ev.Err) },
	}))
	defer c.Close()
	_, _ = save.Run(context.Background(), c, func(context.Context, weir.Scope) (int, error) { return 0, errors.New("offline") })
	// Output:
	// save started
	// save ended: offline
}
