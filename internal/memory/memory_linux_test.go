package memory

import (
	"os"
	"path/filepath"
	"testing"
)

func TestPeak(t *testing.T) {
	before := Peak()
	b := make([]byte, 64<<20)
	for i := range b {
		b[i] = 1
	}
	if Peak() < before+32<<20 || Resident() > Peak() {
		t.Errorf("peak %d, then %d, resident %d", before, Peak(), Resident())
	}
	if f := Free(); f.Bytes < Resident() {
		t.Errorf("free %+v, resident %d", f, Resident())
	}
}

func TestFree(t *testing.T) {
	const gib = 1 << 30
	machine := map[string]string{
		"proc/self/status": "Name:\tqat\nVmHWM:\t 2097152 kB\nVmRSS:\t 1048576 kB\n", // 1 GiB resident
		"proc/meminfo":     "MemTotal: 16777216 kB\nMemAvailable: 8388608 kB\n",      // 8 GiB
	}
	for name, c := range map[string]struct {
		files map[string]string
		want  Available
	}{
		"no cgroup":      {nil, Available{9 * gib, "the machine"}},
		"v2, max":        {map[string]string{"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.max": "max\n"}, Available{9 * gib, "the machine"}},
		"v2":             {map[string]string{"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "4294967296\n", "sys/fs/cgroup/a/b/memory.current": "3221225472\n", "sys/fs/cgroup/a/b/memory.stat": "anon 1\ninactive_file 1073741824\n"}, Available{3 * gib, "the cgroup"}},
		"v2, used up":    {map[string]string{"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.max": "2147483648\n", "sys/fs/cgroup/a/memory.current": "8589934592\n"}, Available{1, "the cgroup"}},
		"v2, above":      {map[string]string{"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/memory.max": "4294967296\n"}, Available{4 * gib, "the cgroup"}},
		"v1":             {map[string]string{"proc/self/cgroup": "5:memory:/x\n0::/\n", "sys/fs/cgroup/memory/x/memory.limit_in_bytes": "2147483648\n"}, Available{2 * gib, "the cgroup"}},
		"v1, unlimited":  {map[string]string{"proc/self/cgroup": "5:memory:/x\n", "sys/fs/cgroup/memory/x/memory.limit_in_bytes": "9223372036854771712\n"}, Available{9 * gib, "the machine"}},
		"v1, at a mount": {map[string]string{"proc/self/cgroup": "5:memory:/elsewhere/x\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "2147483648\n"}, Available{2 * gib, "the cgroup"}},
	} {
		root := t.TempDir()
		for _, files := range []map[string]string{machine, c.files} {
			for file, text := range files {
				if err := os.MkdirAll(filepath.Dir(filepath.Join(root, file)), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(root, file), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
		if got := free(root); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
