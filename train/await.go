package train

import (
	"cmp"
	"context"
	"errors"
	"time"
)

// patience is how long Await lets f end in order after its context has ended.
const patience = 400 * time.Millisecond

// Await returns what f returns, or the error of ctx soon after ctx ends: what f waits for, such as the writer of a
// pipe, may never come. f is then left to itself, and the process expected to end. f does not begin after ctx has ended.
func Await[T any](ctx context.Context, f func() (T, error)) (T, error) {
	var none T
	if f == nil {
		return none, errors.New("nothing to wait for; want a function")
	}
	ctx = cmp.Or(ctx, context.Background())
	if err := ctx.Err(); err != nil {
		return none, err
	}
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		v, err := f()
		done <- result{v, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
	}
	select {
	case r := <-done:
		return r.value, r.err
	case <-time.After(patience):
		return none, ctx.Err()
	}
}
