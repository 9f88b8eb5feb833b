package threads_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/qat-go/qat/threads"
)

func Example() {
	pool := threads.New(2)
	defer pool.Close()
	fmt.Println(pool.Len())
	// Output: 2
}

func TestNone(t *testing.T) {
	for _, p := range []*threads.Pool{nil, {}} {
		if p.Len() != 0 {
			t.Errorf("%d threads, want none", p.Len())
		}
		p.Until(t.Context())()
		p.Close()
	}
	p := threads.New(0)
	defer p.Close()
	if p.Len() != runtime.GOMAXPROCS(0) {
		t.Errorf("%d threads, want %d", p.Len(), runtime.GOMAXPROCS(0))
	}
}
