package datasets

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// writeCIFAR100 writes files of CIFAR-100's layout: image i has fine label i mod 100 and coarse label i mod 20.
func writeCIFAR100(t *testing.T, train, test int) (dir string) {
	t.Helper()
	dir = t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "cifar-100-binary"), 0o755))
	for name, n := range map[string]int{"train.bin": train, "test.bin": test} {
		var b []byte
		for i := range n {
			b = append(append(b, uint8(i%20)), record(uint8(i%100), uint8(i%50))...)
		}
		must(t, os.WriteFile(filepath.Join(dir, "cifar-100-binary", name), b, 0o644))
	}
	return dir
}

func TestCIFAR100(t *testing.T) {
	dir := writeCIFAR100(t, 130, 3)
	for labels, want := range map[string]struct {
		classes int
		name    string // of class 14
		label   int32  // of image 127
	}{"": {100, "butterfly", 27}, FineLabels: {100, "butterfly", 27}, CoarseLabels: {20, "people", 7}} {
		d, err := Open("cifar100", Options{Dir: dir, Labels: labels})
		if err != nil {
			t.Fatal(err)
		}
		if d.Train.Len() != 130 || d.Test.Len() != 3 || len(d.Classes) != want.classes || d.Classes[14] != want.name || d.Train.Labels[127] != want.label {
			t.Errorf("%q: %d and %d images, class 14 is %q, image 127 is %d", labels, d.Train.Len(), d.Test.Len(), d.Classes[14], d.Train.Labels[127])
		}
		if got := d.Train.Pixels[127*3072:][:6]; !slices.Equal(got, []uint8{28, 29, 30, 28, 29, 30}) {
			t.Errorf("image 127 begins with %v", got)
		}
	}
	if slices.Equal(cifar100Fine, slices.Sorted(slices.Values(cifar100Fine))) != true || len(slices.Compact(slices.Clone(cifar100Fine))) != 100 {
		t.Error("fine labels are not a hundred in their order")
	}
	if info, err := Info("cifar100", Options{Dir: dir}); err != nil || len(info.Files) != 2 || info.Files[0].Bytes != 130*3074 || info.Files[1].Split != "test" {
		t.Errorf("%+v, %v", info, err)
	}
	if !slices.Equal(Labels("cifar100"), []string{"fine", "coarse"}) || Labels("cifar10") != nil {
		t.Errorf("labels %v and %v", Labels("cifar100"), Labels("cifar10"))
	}
	f, err := os.OpenFile(filepath.Join(dir, "cifar-100-binary", "test.bin"), os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteAt([]byte{20}, 2*3074)
	must(t, err)
	must(t, f.Close())
	_, err = Open("cifar100", Options{Dir: dir, Labels: CoarseLabels})
	wantError(t, err, "test.bin: record 2 of 3: want a label of 0 to 19, found 20")
	must(t, os.Truncate(filepath.Join(dir, "cifar-100-binary", "test.bin"), 3074+1))
	_, err = Open("cifar100", Options{Dir: dir})
	wantError(t, err, "want 1 to 60000 whole records of 3074 bytes, found 3075 bytes")
	_, err = Open("cifar100", Options{Dir: t.TempDir()})
	wantError(t, err, `name the directory that holds cifar-100-binary, or run "qat data get cifar100`)
}
