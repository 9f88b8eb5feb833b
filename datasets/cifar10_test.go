package datasets

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/internal/mutation"
)

// record is a CIFAR-10 record whose red, green and blue planes hold 1+s, 2+s and
// 3+s, but for one pixel in row 1, column 2: (201, 202, 203).
func record(label, s uint8) []byte {
	r := []byte{label}
	for c := range uint8(3) {
		plane := bytes.Repeat([]byte{1 + c + s}, 1024)
		plane[1*32+2] = 201 + c
		r = append(r, plane...)
	}
	return r
}

// writeCIFAR10 writes the six files; the i-th has counts[i] records whose labels
// run 0, 1, ..., 9, 0, ... over the training files and again over the test file.
func writeCIFAR10(t testing.TB, counts ...int) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "cifar-10-batches-bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	label := uint8(0)
	for i, name := range cifar10Set.files {
		var b []byte
		if i == 5 {
			label = 0
		}
		for range counts[i] {
			b = append(b, record(label%10, uint8(10*i))...)
			label++
		}
		if err := os.WriteFile(filepath.Join(dir, cifar10Set.archive.folder, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestOpenCIFAR10(t *testing.T) {
	dir := writeCIFAR10(t, 3, 1, 70, 2, 1, 12)
	d, err := Open("cifar10", Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if d.Train.Len() != 77 || d.Test.Len() != 12 || d.Validation.Len() != 0 {
		t.Fatalf("%d train, %d test, %d validation images, want 77, 12, 0", d.Train.Len(), d.Test.Len(), d.Validation.Len())
	}
	if d.Height != 32 || d.Width != 32 || d.Channels != 3 || len(d.Classes) != 10 || d.Classes[3] != "cat" {
		t.Errorf("shape %dx%dx%d, classes %q", d.Height, d.Width, d.Channels, d.Classes)
	}
	for i, label := range d.Train.Labels {
		if int(label) != i%10 {
			t.Errorf("label %d is %d, want %d", i, label, i%10)
		}
	}
	// image 72 is in data_batch_3, whose planes hold 21, 22 and 23
	p := d.Train.Pixels[72*3072 : 73*3072]
	if got := p[:6]; !slices.Equal(got, []uint8{21, 22, 23, 21, 22, 23}) {
		t.Errorf("image 72 begins with %v", got)
	}
	if got := p[3*(32+2) : 3*(32+3)]; !slices.Equal(got, []uint8{201, 202, 203}) {
		t.Errorf("image 72, row 1, column 2 is %v", got)
	}
	if got := d.Test.Pixels[11*3072:][3069:]; !slices.Equal(got, []uint8{51, 52, 53}) {
		t.Errorf("test image 11 ends with %v", got)
	}
	if h := d.Test.Head(5); h.Len() != 5 || len(h.Pixels) != 5*3072 || h.Name != "test" {
		t.Errorf("Head(5) has %d labels and %d pixels", h.Len(), len(h.Pixels))
	}
	if h, neg := d.Test.Head(99), d.Test.Head(-1); h.Len() != 12 || neg.Len() != 0 {
		t.Errorf("Head(99) has %d labels, Head(-1) %d", h.Len(), neg.Len())
	}
}

func TestOpenErrors(t *testing.T) {
	for _, tt := range []struct {
		name   string
		damage func(t *testing.T, dir string)
		want   []string
		is     error
	}{
		{"missing", func(t *testing.T, dir string) {
			must(t, os.Remove(filepath.Join(dir, cifar10Set.archive.folder, cifar10Set.files[3])))
		},
			[]string{"data_batch_4.bin", "qat data get cifar10"}, fs.ErrNotExist},
		{"cut", func(t *testing.T, dir string) {
			must(t, os.Truncate(filepath.Join(dir, cifar10Set.archive.folder, cifar10Set.files[1]), 3073+5))
		},
			[]string{"data_batch_2.bin", "3078 bytes", "1 records and 5 bytes over", "download again"}, nil},
		{"empty", func(t *testing.T, dir string) {
			must(t, os.Truncate(filepath.Join(dir, cifar10Set.archive.folder, cifar10Set.files[5]), 0))
		},
			[]string{"test_batch.bin", "found 0 bytes"}, nil},
		{"label", func(t *testing.T, dir string) {
			f, err := os.OpenFile(filepath.Join(dir, cifar10Set.archive.folder, cifar10Set.files[2]), os.O_WRONLY, 0)
			must(t, err)
			_, err = f.WriteAt([]byte{10}, 66*3073)
			must(t, err)
			must(t, f.Close())
		}, []string{"data_batch_3.bin", "record 66 of 70", "0 to 9, found 10", "delete it"}, nil},
		{"directory", func(t *testing.T, dir string) {
			must(t, os.Remove(filepath.Join(dir, cifar10Set.archive.folder, cifar10Set.files[0])))
			must(t, os.Mkdir(filepath.Join(dir, cifar10Set.archive.folder, cifar10Set.files[0]), 0o755))
		}, []string{"data_batch_1.bin", "is a directory; want a file"}, nil},
		// A sparse file, which takes no room on the disk; room in memory it would take.
		{"300 GB", func(t *testing.T, dir string) {
			must(t, os.Truncate(filepath.Join(dir, cifar10Set.archive.folder, cifar10Set.files[4]), 3073*100_000_000))
		},
			[]string{"data_batch_5.bin", "want 1 to 60000 whole records", "found 307300000000 bytes"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := writeCIFAR10(t, 3, 2, 70, 2, 1, 12)
			tt.damage(t, dir)
			_, err := Open("cifar10", Options{Dir: dir})
			wantError(t, err, tt.want...)
			if tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("%v is not %v", err, tt.is)
			}
			if tt.name != "label" { // Info does not read labels
				_, err = Info("cifar10", Options{Dir: dir})
				wantError(t, err, tt.want...)
			}
		})
	}
	_, err := Open("cifar11", Options{})
	wantError(t, err, "cifar11", `"cifar10"`, `"cifar10-mini"`)
	_, err = Info("cifar11", Options{Dir: ""})
	wantError(t, err, "cifar11", `"cifar10"`, `"cifar10-mini"`)
}

func TestReadRecordsShortFile(t *testing.T) {
	b := slices.Concat(record(1, 0), record(2, 0))
	err := cifar10Set.readRecords(bytes.NewReader(b[:4000]), "x.bin", make([]uint8, 2*3072), make([]int32, 2))
	wantError(t, err, "x.bin", "record 1 of 2")
}

// FuzzReadRecords: a file is refused, or every byte of it is found again.
func FuzzReadRecords(f *testing.F) {
	f.Add(record(9, 7))
	f.Add(record(10, 0))
	f.Add(slices.Concat(record(0, 1), record(5, 2))[:5000])
	f.Add([]byte{})
	f.Fuzz(checkRecords)
}

func checkRecords(t *testing.T, b []byte) {
	t.Helper()
	n, err := cifar10Set.recordsIn("x.bin", int64(len(b)))
	if err != nil {
		if len(b) != 0 && len(b)%3073 == 0 {
			t.Fatalf("%d bytes: %v", len(b), err)
		}
		return
	}
	pixels, labels := make([]uint8, n*3072), make([]int32, n)
	valid := true
	for i := range n {
		valid = valid && b[i*3073] <= 9
	}
	if err := cifar10Set.readRecords(bytes.NewReader(b), "x.bin", pixels, labels); (err == nil) != valid {
		t.Fatalf("labels valid: %v, error: %v", valid, err)
	}
	if !valid {
		return
	}
	for i, want := range b {
		rec, at := i/3073, i%3073
		got := labels[rec]
		if at > 0 {
			c, yx := (at-1)/1024, (at-1)%1024
			got = int32(pixels[rec*3072+3*yx+c])
		}
		if got != int32(want) {
			t.Fatalf("byte %d of record %d: got %d, want %d", at, rec, got, want)
		}
	}
}

// A storm of damaged record files: each is refused or read.
func TestDamagedRecords(t *testing.T) {
	mutation.Storm(t, slices.Concat(record(0, 1), record(5, 2)), func(damaged []byte) { checkRecords(t, damaged) })
}
func TestInfo(t *testing.T) {
	dir := writeCIFAR10(t, 3, 2, 1, 1, 1, 2)
	d, err := Info("cifar10", Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Files) != 6 || len(d.Classes) != 10 || d.Height != 32 || d.Width != 32 || d.Channels != 3 {
		t.Fatalf("%+v", d)
	}
	f := d.Files[0]
	if f.Images != 3 || f.Bytes != 3*3073 || f.Split != "train" || f.Path != filepath.Join(dir, "cifar-10-batches-bin", "data_batch_1.bin") {
		t.Errorf("%+v", f)
	}
	// Python's hashlib.sha256 of the two records
	if f := d.Files[5]; f.Split != "test" || f.Images != 2 || f.SHA256 != "bac766dbc0e93ed21a5c7bd11af81e7f0d91d3155e6b83cffc6a478d3235262e" {
		t.Errorf("%+v", f)
	}
	if d, err = Info("cifar10-mini", Options{Dir: ""}); err != nil || len(d.Files) != 1 || d.Files[0].Images != 6000 || len(d.Files[0].SHA256) != 64 {
		t.Errorf("%+v, %v", d, err)
	}
}

func BenchmarkOpenCIFAR10(b *testing.B) {
	dir := writeCIFAR10(b, 10000, 10000, 10000, 10000, 10000, 10000)
	for b.Loop() {
		if _, err := Open("cifar10", Options{Dir: dir}); err != nil {
			b.Fatal(err)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", parts)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("error %q does not say %q", err, p)
		}
	}
}
