package memory

import (
	"math"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// Peak returns the largest resident memory of the process so far, in bytes.
func Peak() int64 { return field("/proc/self/status", "VmHWM:") }

// Resident returns the resident memory of the process.
func Resident() int64 { return field("/proc/self/status", "VmRSS:") }

// Free returns what there is for the process: on the machine without swapping, or in its cgroup if that is less.
func Free() Available { return free("/") }

// free is Free of a system whose files are below root.
func free(root string) Available {
	own := field(filepath.Join(root, "proc/self/status"), "VmRSS:")
	a := Available{Where: "the machine"}
	if m := field(filepath.Join(root, "proc/meminfo"), "MemAvailable:"); m > 0 {
		a.Bytes = m + own
	}
	groups, _ := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	for line := range strings.Lines(string(groups)) { // hierarchy:controllers:path
		part := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(part) != 3 {
			continue
		}
		mount, limit, usage, file := "sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"
		switch {
		case part[1] == "memory":
			mount, limit, usage, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
		case part[1] != "":
			continue
		}
		for p := path.Join("/", part[2]); ; p = path.Dir(p) { // a limit holds for all below
			dir := filepath.Join(root, mount, p)
			if m := number(filepath.Join(dir, limit)); m > 0 {
				others := number(filepath.Join(dir, usage)) - field(filepath.Join(dir, "memory.stat"), file) - own
				if m -= max(others, 0); a.Bytes == 0 || m < a.Bytes {
					a = Available{max(m, 1), "the cgroup"}
				}
			}
			if p == "/" {
				break
			}
		}
	}
	return a
}

// number reads a file that holds one number; 0 if it holds none, such as "max", or one that no memory has.
func number(file string) int64 {
	data, _ := os.ReadFile(file)
	n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	if err != nil || n > math.MaxInt64/2 {
		return 0
	}
	return n
}

// field reads "name number" or "name number kB" in a file of such lines, in bytes.
func field(file, name string) int64 {
	data, _ := os.ReadFile(file)
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] != name {
			continue
		}
		n, _ := strconv.ParseInt(f[1], 10, 64)
		if len(f) > 2 && f[2] == "kB" {
			n <<= 10
		}
		return n
	}
	return 0
}
