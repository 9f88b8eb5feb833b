package imagefile

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// testdata/pillow.py made it. What is stored without loss is as Pillow reads it, bit for bit. Colors of JPEG are, too, but
// for the inverse cosine transform, whose rounding is each decoder's own: one level of luma or chroma is up to 3 of a color.
func TestPillow(t *testing.T) {
	data, err := os.ReadFile("testdata/pillow.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Cases []struct {
			Name          string
			Height, Width int
			File, Pixels  []byte
		}
	}
	if err := json.Unmarshal(data, &golden); err != nil || len(golden.Cases) < 41 {
		t.Fatal(len(golden.Cases), err)
	}
	values, equal := 0, 0
	for _, c := range golden.Cases {
		got, err := Decode(c.File, false)
		if err != nil || got.Height != c.Height || got.Width != c.Width {
			t.Errorf("%s: %dx%d, %v; want %dx%d", c.Name, got.Height, got.Width, err, c.Height, c.Width)
			continue
		}
		jpeg := strings.HasPrefix(c.Name, "jpeg")
		farthest, differ := 0, 0
		for i, v := range got.Pixels {
			d := int(v) - int(c.Pixels[i])
			if d != 0 {
				differ++
			}
			farthest = max(farthest, d, -d)
		}
		if jpeg {
			values += len(got.Pixels)
			equal += len(got.Pixels) - differ
		}
		if farthest > 0 && !jpeg || farthest > 3 {
			t.Errorf("%s: %d of %d values differ, by up to %d", c.Name, differ, len(got.Pixels), farthest)
		}
	}
	if equal*100 < values*96 {
		t.Errorf("%d of %d values of JPEG images are equal, want 96 %%", equal, values)
	}
}
