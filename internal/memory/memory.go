// Package memory tells how much memory the process has used, and how much there is for it. What a system does not tell
// is 0.
package memory

import (
	"runtime/debug"
	"runtime/metrics"
)

// Available is what the process may use in all, with what it has already.
type Available struct {
	Bytes int64  // 0: not known
	Where string // that has it: "the machine" or "the cgroup"
}

// slack is how much garbage may lie beside what is in use.
const slack = 32 << 20

// Settle gives what is no longer used back to the system, and holds the garbage that is to come below a fixed size,
// however much is in use. restore makes the collector as it was.
func Settle() (restore func()) {
	before := debug.SetGCPercent(100)
	debug.FreeOSMemory()
	debug.SetGCPercent(int(min(100, 1+100*slack/max(inUse(), 1))))
	return func() { debug.SetGCPercent(before) }
}

// inUse is the size of what the last collection found in use.
func inUse() int64 {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64())
}
