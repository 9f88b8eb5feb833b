package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/export"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/integer/integertest"
	"github.com/qat-go/qat/threads"
)

// infer runs "qat infer --json" and returns its JSON object.
func infer(t *testing.T, status int, args ...string) (object inferred, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	if got := Main(append([]string{"infer", "--json"}, args...), nil, &out, &err); got != status {
		t.Fatalf("exit status %d, want %d; stderr:\n%s", got, status, &err)
	}
	if err := json.Unmarshal(out.Bytes(), &object); err != nil {
		t.Fatal(err)
	}
	return object, err.String()
}

func TestInfer(t *testing.T) {
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(1, 2))
	net := integertest.ResNet20(rng, 4)
	net.Classes = nil
	for o := range 10 {
		net.Classes = append(net.Classes, fmt.Sprintf("class %d", o))
	}
	model := filepath.Join(dir, "model.safetensors")
	if err := export.Write(model, configs.Safetensors, net, export.Options{}); err != nil {
		t.Fatal(err)
	}
	// An image of the network's size reaches it byte for byte.
	m, x := image.NewRGBA(image.Rect(0, 0, 32, 32)), make([]float32, 0, 3072)
	for i := range 1024 {
		c := [3]uint8{uint8(rng.UintN(256)), uint8(rng.UintN(256)), uint8(rng.UintN(256))}
		m.SetRGBA(i%32, i/32, color.RGBA{c[0], c[1], c[2], 255})
		for k, v := range c {
			x = append(x, (float32(v)/255-net.Mean[k])/net.Std[k])
		}
	}
	picture, bad := filepath.Join(dir, "a.png"), filepath.Join(dir, "bad.png")
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	for path, data := range map[string][]byte{picture: b.Bytes(), bad: b.Bytes()[:99]} {
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	pool := threads.New(1)
	defer pool.Close()
	for _, target := range []integer.Target{integer.Float32, integer.Dyadic} {
		net.Target = target
		r, err := integer.NewRunner(net, pool, 1)
		if err != nil {
			t.Fatal(err)
		}
		logits, err := r.Run(x, 1)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := infer(t, exitDone, model, picture, "--top", "3", "--target", target.String())
		if got.Target != target.String() || len(got.Images) != 1 || got.Images[0].Image != picture || len(got.Images[0].Classes) != 3 {
			t.Fatalf("found %+v", got)
		}
		best := 0
		for o, v := range logits {
			if v > logits[best] {
				best = o
			}
		}
		sum := 0.0
		for _, v := range logits {
			sum += math.Exp(float64(v))
		}
		first := got.Images[0].Classes[0]
		if want := math.Exp(float64(logits[best])) / sum; first.Name != net.Classes[best] || math.Abs(first.Score-want) > 1e-9 {
			t.Errorf("target %v: found %+v, want %s with %g", target, first, net.Classes[best], want)
		}
		var table bytes.Buffer
		if err := printClasses(&table, []classified{{"cat.png", got.Images[0].Classes}}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(table.String(), "cat.png  "+net.Classes[best]+"  "+percent(first.Score)) {
			t.Errorf("no row of the best class in\n%s", &table)
		}
	}
	// A bad image does not keep the others from being classified.
	got, stderr := infer(t, exitUsage, model, bad, picture, filepath.Join(dir, "none.jpg"))
	if len(got.Images) != 1 || len(got.Images[0].Classes) != 1 || strings.Count(stderr, "qat: error: ") != 2 || !strings.Contains(stderr, "bad.png: damaged png image") {
		t.Errorf("found %+v and\n%s", got, stderr)
	}
}

// Integers too large for float32 decide the order, and equal ones the first class.
func TestRanked(t *testing.T) {
	net := &integer.Network{Target: integer.Dyadic}
	integers := []int32{1 << 30, 1<<30 + 1, 5, 5}
	logits := []float32{1, 1, 0, 0}
	var names []string
	for _, c := range ranked(net, logits, integers) {
		names = append(names, c.Name)
	}
	if got := strings.Join(names, " "); got != "1 0 2 3" {
		t.Errorf("order %s, want 1 0 2 3", got)
	}
}
