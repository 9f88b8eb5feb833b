package experiments

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
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
	if err := os.WriteFile(filepath.Join(dir, budgetFile), []byte(`{"share": 0}`), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Scale(context.Background(), tab, 0, Options{Dir: dir}, never); err == nil {
		t.Error("a share of 0 is taken")
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
