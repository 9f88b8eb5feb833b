// Package threads has what networks compute with: a fixed number of threads. Results do not depend on how many they are.
package threads

import (
	"context"

	"github.com/qat-go/qat/internal/kernels"
)

// Pool is a number of threads with memory of their own. It serves one caller at a time. The zero Pool, like a nil one, has no
// threads, which is an error of whoever takes it.
type Pool kernels.Pool

// New returns a pool of n threads, the caller's included; 0 or less means one a CPU that the process may use. Close it after
// use.
func New(n int) *Pool { return (*Pool)(kernels.NewPool(n)) }

// Len returns the number of threads.
func (p *Pool) Len() int {
	if p == nil {
		return 0
	}
	return (*kernels.Pool)(p).Threads()
}

// Close ends the threads.
func (p *Pool) Close() {
	if p != nil {
		(*kernels.Pool)(p).Close()
	}
}

// Until lets the end of ctx stop what the pool computes within milliseconds; it then returns the error of ctx. restore puts an
// end to it.
func (p *Pool) Until(ctx context.Context) (restore func()) {
	if p == nil || ctx == nil {
		return func() {}
	}
	return (*kernels.Pool)(p).Until(ctx)
}
