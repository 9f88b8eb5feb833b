//go:build linux

package datasets

import (
	"errors"
	"image/color"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/qat-go/qat/internal/imagefile/imagefiletest"
)

// What lies in a folder under the name of an image is read, or named, and never waited for.
func TestStrangersInAFolder(t *testing.T) {
	o := small()
	o.Dir = t.TempDir()
	zoo(t, o.Dir, "train", animals, 2)
	zoo(t, o.Dir, "val", animals[:2], 1) // a class may have no test images
	cat := filepath.Join(o.Dir, "train", "cat")
	whole := drawn(t, 9, 9, color.White)
	for _, name := range []string{"a\nb.png", "\xff\xfe.png", "\x1b[31m.png", " .png", "-.png", "d.jpg/inside.png", "wrong.gif"} {
		put(t, filepath.Join(cat, name), whole)
	}
	put(t, filepath.Join(cat, "empty.gif"), nil)
	put(t, filepath.Join(cat, "bomb.png"), imagefiletest.Sized(t, 65535, 65535))
	for name, to := range map[string]string{"zero.jpg": "/dev/zero", "itself.jpg": "itself.jpg", "nowhere.jpg": "nowhere", "tty.bmp": "/dev/tty"} {
		if err := os.Symlink(to, filepath.Join(cat, name)); err != nil {
			t.Fatal(err)
		}
	}
	must(t, syscall.Mkfifo(filepath.Join(cat, "pipe.webp"), 0o666))
	must(t, os.WriteFile(filepath.Join(cat, "huge.bmp"), nil, 0o666))
	must(t, os.Truncate(filepath.Join(cat, "huge.bmp"), 1<<40))
	d := open(t, o)
	if d.Train.Len() != 6+7+8 {
		t.Errorf("%d training images", d.Train.Len())
	}
	d.Train.Checksum()
	err := Verify(t.Context(), "folder", o, nil)
	var v *VerifyError
	if !errors.As(err, &v) {
		t.Fatal(err)
	}
	want := map[string]string{
		"empty.gif": "not a JPEG", "bomb.png": "65535x65535 pixels", "zero.jpg": "is a device", "itself.jpg": "too many levels", "nowhere.jpg": "no such file",
		"tty.bmp": "is a device", "pipe.webp": "is a pipe", "huge.bmp": "1099511627776 bytes",
	}
	if len(v.Found) != len(want) {
		t.Errorf("%d damaged images, want %d: %v", len(v.Found), len(want), v.Found)
	}
	for name, why := range want {
		found := false
		for _, err := range v.Found {
			found = found || strings.Contains(err.Error(), filepath.Join(cat, name)) && strings.Contains(err.Error(), why)
		}
		if !found {
			t.Errorf("no error of %s that says %q in %v", name, why, v.Found)
		}
	}
	o.MaxBroken = len(want)
	d = open(t, o)
	epoch(t, d, d.Train, augmented)
	if got := len(d.Broken.List()); got != len(want) {
		t.Errorf("%d broken images in an epoch, want %d", got, len(want))
	}
}

// Names of classes go into files of UTF-8.
func TestStrangeClasses(t *testing.T) {
	for _, name := range []string{"a\nb", "\xff", "a\x1b[31m"} {
		o := small()
		o.Dir = t.TempDir()
		zoo(t, o.Dir, "train", []string{"cat", name}, 1)
		_, err := Open("folder", o)
		wantError(t, err, "cannot name a class: it is not UTF-8, or has control characters; rename it")
		_, err = Classes("folder", o.Dir)
		wantError(t, err, "cannot name a class")
	}
	o := small()
	o.Dir = t.TempDir()
	zoo(t, o.Dir, "train", []string{"a b", "Ärger", "犬", "x: [y]", "#"}, 1)
	zoo(t, o.Dir, "val", []string{"犬"}, 1)
	if d := open(t, o); len(d.Classes) != 5 || d.Test.Labels[0] != 4 {
		t.Errorf("classes %q, test labels %v", d.Classes, d.Test.Labels)
	}
}

// A folder that may not be read is named.
func TestUnreadableFolder(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root reads all")
	}
	o := small()
	o.Dir = t.TempDir()
	zoo(t, o.Dir, "train", animals, 1)
	zoo(t, o.Dir, "val", animals, 1)
	dog := filepath.Join(o.Dir, "train", "dog")
	must(t, os.Chmod(dog, 0))
	defer os.Chmod(dog, 0o777)
	_, err := Open("folder", o)
	wantError(t, err, dog+": permission denied")
}

// Images of one row or one column are cropped as others are.
func TestThinImages(t *testing.T) {
	o := small()
	o.Dir = t.TempDir()
	for name, size := range map[string][2]int{"row": {3000, 1}, "column": {1, 3000}, "point": {1, 1}} {
		for _, split := range []string{"train", "val"} {
			put(t, filepath.Join(o.Dir, split, name, "x.png"), drawn(t, size[0], size[1], color.RGBA{200, 100, 50, 255}))
		}
	}
	d := open(t, o)
	x, _ := epoch(t, d, d.Train, LoaderOptions{Batch: 3, Augment: Augment{Flip: true, ResizedCrop: ResizedCrop{[2]float64{0.08, 1}, [2]float64{0.75, 4. / 3}}}})
	fitted, _ := epoch(t, d, d.Test, LoaderOptions{Batch: 3})
	table := d.table()
	for i := range x {
		if want := table[i%3][[]uint8{200, 100, 50}[i%3]]; x[i] != want || fitted[i] != want {
			t.Fatalf("value %d is %v cropped and %v fitted, want %v", i, x[i], fitted[i], want)
		}
	}
}
