package memory

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestSettle(t *testing.T) {
	percent := func() int {
		p := debug.SetGCPercent(100)
		debug.SetGCPercent(p)
		return p
	}
	before := percent()
	big := make([]byte, 20*slack)
	restore := Settle()
	if p := percent(); p > 6 {
		t.Errorf("beside %d bytes in use, garbage may grow by %d %%", len(big), p)
	}
	runtime.KeepAlive(big)
	Settle()
	if p := percent(); p != 100 {
		t.Errorf("beside nothing, garbage may grow by %d %%", p)
	}
	if restore(); percent() != before {
		t.Errorf("%d %% before and %d after", before, percent())
	}
}
