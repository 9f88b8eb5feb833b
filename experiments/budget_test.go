package experiments

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/qat-go/qat/train"
)

func TestScale(t *testing.T) {
	tab := loaded(t, tiny, "tiny_net.yaml", tinyNet)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, budgetFile), []byte(`{"budget": "1h0m0s", "full": "2h0m0s", "share": 0.5}`), 0o666); err != nil {
		t.Fatal(err)
	}
	never := func(int, int) { t.Error("the share was measured, though the folder has one") }
	for _, wanted := range []time.Duration{0, time.Hour} {
		share, err := Scale(context.Background(), tab, wanted, Options{Dir: dir}, never)
		if err != nil || share != 0.5 {
			t.Fatal(share, err)
		}
	}
	tab = loaded(t, tiny, "tiny_net.yaml", tinyNet)
	if _, err := Scale(context.Background(), tab, 0, Options{Dir: dir}, never); err != nil {
		t.Fatal(err)
	}
	if c := tab.Cells[0]; c.Config.Train.Epochs != 1 || c.Full.String() != "2ep" {
		t.Errorf("%d epochs of %v", c.Config.Train.Epochs, c.Full)
	}
	if _, err := Scale(context.Background(), tab, 2*time.Hour, Options{Dir: dir}, never); !errors.Is(err, ErrStale) {
		t.Errorf("another budget: %v", err)
	}
	if share, err := Scale(context.Background(), tab, 0, Options{Dir: t.TempDir()}, never); share != 1 || err != nil {
		t.Errorf("no budget: %v, %v", share, err)
	}
	// What is only looked at is scaled alike, and nothing is measured or written.
	fresh := t.TempDir()
	for _, c := range []struct {
		dir    string
		wanted time.Duration
		share  float64
		length string
	}{{dir, 0, 0.5, "1ep"}, {dir, time.Hour, 0.5, "1ep"}, {fresh, 0, 1, "2ep"}, {fresh, time.Hour, 0, "2ep"}} {
		tab := loaded(t, tiny, "tiny_net.yaml", tinyNet)
		if share, err := ScaleAsBegun(tab, c.dir, c.wanted); err != nil || share != c.share || tab.Cells[1].Config.Train.Length().String() != c.length {
			t.Errorf("%v of a table that is looked at: share %v, length %v, %v", c.wanted, share, tab.Cells[1].Config.Train.Length(), err)
		}
	}
	if _, err := ScaleAsBegun(tab, dir, 2*time.Hour); !errors.Is(err, ErrStale) {
		t.Errorf("another budget: %v", err)
	}
	if files, err := os.ReadDir(fresh); err != nil || len(files) > 0 {
		t.Errorf("%v, %v", files, err)
	}
	for _, text := range []string{`{"share": 0}`, `{"share": 1.5}`, `{"share": -1}`, "null", "[]", ""} {
		if err := os.WriteFile(filepath.Join(dir, budgetFile), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := Scale(context.Background(), tab, 0, Options{Dir: dir}, never); err == nil || !errors.As(err, new(*Mistake)) || !strings.Contains(err.Error(), "it is no budget that qat wrote") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestOneProcessMeasures: another waits for it, however long that takes, and goes by the same share.
func TestOneProcessMeasures(t *testing.T) {
	t.Parallel() // it waits for longer than a lock is waited for
	tab := loaded(t, tiny, "tiny_net.yaml", tinyNet)
	dir := t.TempDir()
	lock, err := train.LockDir(context.Background(), dir, t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	ctx, cancel := context.WithTimeout(context.Background(), 2300*time.Millisecond)
	defer cancel()
	never := func(int, int) { t.Error("the share is measured twice") }
	if b, err := makeBudget(ctx, tab, time.Hour, Options{Dir: dir, Progress: silence{}}, never); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%+v, %v; want no end of the waiting", b, err)
	}
	if err := os.WriteFile(filepath.Join(dir, budgetFile), []byte(`{"budget": "1h0m0s", "share": 0.5}`), 0o666); err != nil {
		t.Fatal(err)
	}
	lock.Release()
	if b, err := makeBudget(context.Background(), tab, time.Hour, Options{Dir: dir, Progress: silence{}}, never); err != nil || b.Share != 0.5 {
		t.Errorf("%+v, %v; want the share of the process before", b, err)
	}
}

// TestABudgetIsMeasured: it leaves all runs of the table the same share, and no run without an epoch.
func TestABudgetIsMeasured(t *testing.T) {
	tab := loaded(t, tiny, "tiny_net.yaml", tinyNet)
	dir := t.TempDir()
	told := 0
	share, err := Scale(context.Background(), tab, time.Nanosecond, Options{Dir: dir, Threads: 1, Progress: &heard{}}, func(_, of int) { told = of })
	if err != nil || !(share > 0 && share < 0.01) || told != 3 { // 8 bits, 4 bits, float
		t.Fatalf("share %v of %d kinds, %v", share, told, err)
	}
	for _, c := range tab.Cells {
		if c.Config.Train.Epochs != 1 {
			t.Errorf("%s: %d epochs", c.Name(), c.Config.Train.Epochs)
		}
	}
	ample := loaded(t, tiny, "tiny_net.yaml", tinyNet)
	if share, err := Scale(context.Background(), ample, 1000*time.Hour, Options{Dir: t.TempDir(), Threads: 1}, nil); err != nil || share != 1 || ample.Cells[0].Config.Train.Epochs != 2 {
		t.Errorf("with ample time: share %v, %d epochs, %v", share, ample.Cells[0].Config.Train.Epochs, err)
	}
	if b, err := readBudget(dir); err != nil || b.Share != share || b.Budget != "1ns" {
		t.Errorf("%+v, %v", b, err)
	}
}
