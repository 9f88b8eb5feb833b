package datasets

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

// testdata/jitter.py made it.
func TestJitterTorchvision(t *testing.T) {
	data, err := os.ReadFile("testdata/jitter.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Cases []struct {
			Kind         string
			Factor       float64
			Pixels, Want []byte
		}
	}
	if err := json.Unmarshal(data, &golden); err != nil || len(golden.Cases) != 24 {
		t.Fatal(len(golden.Cases), err)
	}
	adjust := map[string]func([]uint8, float64){"brightness": adjustBrightness, "contrast": adjustContrast, "saturation": adjustSaturation, "hue": adjustHue}
	for _, c := range golden.Cases {
		got := bytes.Clone(c.Pixels)
		if adjust[c.Kind](got, c.Factor); !bytes.Equal(got, c.Want) {
			differ := 0
			for i := range got {
				if got[i] != c.Want[i] {
					differ++
				}
			}
			t.Errorf("%s %v: %d of %d values differ", c.Kind, c.Factor, differ, len(got))
		}
	}
}

// Each part is off at 0, and what is drawn depends on the generator alone.
func TestJitter(t *testing.T) {
	before := make([]uint8, 3*64)
	for i := range before {
		before[i] = uint8(i * 37)
	}
	change := func(j Jitter, seed uint64) []uint8 {
		p := slices.Clone(before)
		j.apply(rand.New(rand.NewPCG(seed, 0)), p)
		return p
	}
	if !slices.Equal(change(Jitter{}, 1), before) {
		t.Error("nothing changes something")
	}
	for _, j := range []Jitter{{Brightness: 0.4}, {Contrast: 0.4}, {Saturation: 0.4}, {Hue: 0.2}} {
		a, b := change(j, 1), change(j, 1)
		if !slices.Equal(a, b) || slices.Equal(a, before) || slices.Equal(a, change(j, 2)) {
			t.Errorf("%+v changes nothing, or not by the generator", j)
		}
	}
}

// Images in memory stay as they are, and one that takes the place of a broken one is changed by the numbers of its place.
func TestJitterInALoader(t *testing.T) {
	d := noise(8)
	d.Broken = &Broken{Max: 1}
	o := LoaderOptions{Batch: 8, Seed: 5, Shuffle: true, Augment: Augment{Crop: 4, Flip: true, Jitter: Jitter{Brightness: 0.4, Hue: 0.2}}}
	before := slices.Clone(d.Train.Pixels)
	files := *d
	files.Train = Split{Name: "train", Labels: d.Train.Labels, Images: secondBroken{inMemory{d}}}
	got := collect(newLoader(t, &files, o), 1, 0)
	size := len(before) / 8
	replaced := *d
	replaced.Train.Labels, replaced.Train.Pixels = slices.Clone(d.Train.Labels), slices.Clone(before)
	replaced.Train.Labels[1] = d.Train.Labels[2]
	copy(replaced.Train.Pixels[size:2*size], before[2*size:])
	wantSame(t, "with a broken image", got, collect(newLoader(t, &replaced, o), 1, 0))
	collect(newLoader(t, d, o), 1, 0)
	if !slices.Equal(d.Train.Pixels, before) {
		t.Error("jittering changes the split")
	}
}
