package train

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qat-go/qat/internal/digest"
	"github.com/qat-go/qat/internal/mutation"
)

func digestOf(data []byte) []byte {
	sum := sha256.Sum256(data)
	return sum[:8]
}

// damage changes some bytes of a file, in one of the ways that disks, copies and editors have.
func damage(rng *rand.Rand, data []byte) []byte {
	const page = 4096
	out := bytes.Clone(data)
	at := rng.IntN(len(out))
	pages := len(out) / page
	if rng.IntN(3) == 0 { // the header is where few bytes say much
		at = rng.IntN(min(len(out), 1<<15))
	}
	switch rng.IntN(7) {
	case 0:
		out[at] ^= 1 << rng.IntN(8)
	case 1:
		out[at] = byte(rng.IntN(256))
	case 2:
		clear(out[at/page*page : min(at/page*page+page, len(out))])
	case 3:
		out = out[:at]
	case 4: // a page in the place of another
		copy(out[at/page*page:], data[rng.IntN(pages)*page:][:page])
	case 5:
		out = append(out, make([]byte, 1+rng.IntN(page))...)
	case 6:
		out = append(out[:at], out[min(at+1+rng.IntN(8), len(out)):]...)
	}
	return out
}

// No damage is accepted, and none ends in a panic: 100 checkpoints, with the tag long 2,000.
func TestNoDamageIsAccepted(t *testing.T) {
	dir := t.TempDir()
	stopped(t, dir)
	whole, err := os.ReadFile(filepath.Join(dir, CheckpointFile))
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	path, noticed, bySum := filepath.Join(t.TempDir(), "damaged.qat"), 0, 0
	for noticed < 2*mutation.Count {
		data := damage(rng, whole)
		if bytes.Equal(data, whole) {
			continue
		}
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := OpenCheckpoint(path, Reading{})
		if err == nil {
			t.Fatalf("damage %d is accepted", noticed)
		}
		if errors.Is(err, digest.ErrMismatch) {
			bySum++
		}
		noticed++
	}
	t.Logf("%d damaged checkpoints: all refused, %d of them by the digest alone", noticed, bySum)
}

// A damaged checkpoint stays as it is, and goes on only with Force.
func TestResumeDamaged(t *testing.T) {
	dir := t.TempDir()
	stopped(t, dir)
	path := filepath.Join(dir, CheckpointFile)
	edit(t, path, func(b []byte) []byte { b[len(b)-1000] ^= 4; return b })
	before := filesOf(t, dir)
	if _, err := prepare(t, dir, false, nil); !errors.Is(err, digest.ErrMismatch) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "--force") {
		t.Errorf("error %v", err)
	}
	if after := filesOf(t, dir); strings.Join(after, "\n") != strings.Join(before, "\n") {
		t.Errorf("the files were %q, are %q", before, after)
	}
	p, err := prepare(t, dir, true, nil)
	if !errors.Is(err, ErrInterrupted) || !strings.Contains(strings.Join(p.lines, "\n"), "warning: ") {
		t.Errorf("with Force: error %v, messages %q", err, p.lines)
	}
}

// A damaged model.init is refused as well.
func TestDamagedInit(t *testing.T) {
	dir := t.TempDir()
	stopped(t, dir)
	path := filepath.Join(dir, CheckpointFile)
	edit(t, path, func(b []byte) []byte { b[len(b)-1000] ^= 4; return b })
	for _, key := range []string{"model.init=", "quant.distillation.teacher="} {
		err := trainOnly(context.Background(), loadConfig(t, key+path, "train.max_steps=1"), Options{Out: filepath.Join(t.TempDir(), "run"), Progress: &quiet{}})
		if !errors.Is(err, digest.ErrMismatch) {
			t.Errorf("%s: error %v", key, err)
		}
	}
}
