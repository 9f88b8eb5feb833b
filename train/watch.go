package train

import "context"

type watchKey struct{}

// Watch returns a context whose evaluations tell after each batch how many of how many
// images are done. hear is called on the goroutine that evaluates.
func Watch(ctx context.Context, hear func(done, total int)) context.Context {
	return context.WithValue(ctx, watchKey{}, hear)
}

// tell calls what Watch was given.
func tell(ctx context.Context, done, total int) {
	if hear, ok := ctx.Value(watchKey{}).(func(done, total int)); ok {
		hear(done, total)
	}
}
