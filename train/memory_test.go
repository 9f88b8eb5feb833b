package train

import (
	"fmt"
	"strings"
	"testing"

	"github.com/qat-go/qat/internal/memory"
)

// What there is not is refused with the numbers and what to do; what is not known stops nothing.
func TestMemoryIsRefused(t *testing.T) {
	var last int64
	for _, batch := range []int{64, 1024, 8192} {
		cfg := loadConfig(t, fmt.Sprint("train.batch=", batch))
		need, err := checkMemory(cfg, 6000, 2, false, memory.Available{})
		if err != nil || need <= last {
			t.Fatalf("batch %d: %d bytes after %d, error %v", batch, need, last, err)
		}
		if batch == 8192 && need < 8<<30 {
			t.Errorf("batch 8192 takes %d bytes", need)
		}
		last = need
		if _, err := checkMemory(cfg, 6000, 2, false, memory.Available{Bytes: need + 1<<26, Where: "the machine"}); err != nil {
			t.Errorf("batch %d: %v", batch, err)
		}
	}
	need, err := checkMemory(loadConfig(t, "train.batch=8192"), 6000, 2, false, memory.Available{Bytes: 1 << 30, Where: "the cgroup"})
	want := fmt.Sprintf("the run needs about %d MiB of memory, the cgroup has 1024 MiB for it; lower train.batch from 8192, or go on with --ignore-memory", need>>20)
	if err == nil || err.Error() != want || strings.Contains(want, "\n") {
		t.Errorf("error %v, want %s", err, want)
	}
	// A terabyte is not allocated to find out what it would take.
	for _, batch := range []string{"train.batch=8192", "train.eval_batch=8192"} {
		cfg := loadConfig(t, "data.dataset=random", "data.random.height=4096", "data.random.width=4096", batch)
		if need, err := checkMemory(cfg, 6000, 2, false, memory.Available{Bytes: 1 << 30, Where: "the cgroup"}); need < 1<<40 || err == nil || !strings.Contains(err.Error(), "the cgroup has 1024 MiB") {
			t.Errorf("%s: %d bytes, error %v", batch, need, err)
		}
	}
}

// A teacher is foreseen: what it computes with for a batch, and its arrays.
func TestTeacherMemory(t *testing.T) {
	for _, batch := range []int{16, 64} {
		m, err := Open(loadConfig(t, fmt.Sprint("train.batch=", batch)), "", 1)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		arena, arrays, err := m.teacherBytes()
		if least := batch * 32 * 32 * 16 * 2; err != nil || arena < least || arena > 8*least || arrays < 4*270_000 || arrays > 4*280_000 {
			t.Errorf("batch %d: %d and %d bytes, error %v", batch, arena, arrays, err)
		}
	}
}

// A larger batch of evaluations is foreseen, and named where memory is short.
func TestEvalBatchMemory(t *testing.T) {
	for batch, least := range map[int]int{0: 0, 10: 0, 100: 0, 2000: 1900 * 32 * 32 * 3 * 4 * (1 + loaded)} {
		m, err := Describe(loadConfig(t, fmt.Sprint("train.eval_batch=", batch)))
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		if more, err := m.largerEvaluation(); err != nil || more < least || more > 2*least {
			t.Errorf("eval_batch %d takes %d bytes more, want at least %d (%v)", batch, more, least, err)
		}
	}
	_, err := checkMemory(loadConfig(t, "train.eval_batch=2000"), 6000, 2, false, memory.Available{Bytes: 1 << 20, Where: "the cgroup"})
	if err == nil || !strings.Contains(err.Error(), "lower train.batch from 8 or train.eval_batch from 2000, or") {
		t.Errorf("error %v", err)
	}
}
