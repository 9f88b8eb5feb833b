//go:build long && unix

package main

import (
	"bytes"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// A packing that is killed fifty times ends with the bytes of one that nothing happened to.
func TestStormOfPackKills(t *testing.T) {
	dir := t.TempDir()
	if err := drawClasses(filepath.Join(dir, "pets"), 150, "ant", "bee", "cat"); err != nil {
		t.Fatal(err)
	}
	pack := func(out string) *exec.Cmd {
		return exec.Command(program(t), "data", "pack", "folder", "--data", filepath.Join(dir, "pets"), "--shard", "23", "--shorter-side", "32", "--out", filepath.Join(dir, out))
	}
	start := time.Now()
	if said, err := pack("whole").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	took := time.Since(start)
	rng := rand.New(rand.NewPCG(1, 2))
	kills, times := 0, 0
	for ; kills < 50; times++ {
		out := filepath.Join(dir, "killed")
		for range 20 {
			c := pack("killed")
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(rng.Float64() * 0.7 * float64(took)))
			_ = c.Process.Kill()
			if c.Wait() == nil {
				break
			}
			kills++
		}
		if said, err := pack("killed").CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
		sameFiles(t, filepath.Join(dir, "whole"), out)
		sameFiles(t, out, filepath.Join(dir, "whole"))
		if err := os.RemoveAll(out); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d kills of %d packings", kills, times)
}

// sameFiles wants each file of a folder in another.
func sameFiles(t *testing.T, a, b string) {
	t.Helper()
	err := filepath.WalkDir(a, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		x, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		y, err := os.ReadFile(filepath.Join(b, d.Name()))
		if err == nil && !bytes.Equal(x, y) {
			t.Errorf("%s differs in %s and %s", d.Name(), a, b)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
