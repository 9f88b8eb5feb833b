package datasets

import (
	"bytes"
	"image/jpeg"
	"slices"
	"testing"
)

// The checksums name the decoded pixels. A Go release whose image/jpeg rounds
// otherwise would change the data set, and with it every result on it.
func TestMini(t *testing.T) {
	d, err := Open("cifar10-mini", Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		split    Split
		perClass int
		checksum string
	}{
		{d.Train, 500, "2a7c6d8d71d15162970b72ee705b38d07466d2044cd223c7e084829388b2910a"},
		{d.Test, 100, "f490ca2f72ff0b79e04508a2abcd0015bc556a4c41f7b2a0fb41a144ff96b6b1"},
	} {
		if tt.split.Len() != 10*tt.perClass {
			t.Errorf("%s: %d images, want %d", tt.split.Name, tt.split.Len(), 10*tt.perClass)
		}
		for i, label := range tt.split.Labels {
			if int(label) != i%10 {
				t.Fatalf("%s: label %d is %d, want %d", tt.split.Name, i, label, i%10)
			}
		}
		if got := tt.split.Checksum(); got != tt.checksum {
			t.Errorf("%s: checksum %s, want %s", tt.split.Name, got, tt.checksum)
		}
	}
}

// TestMiniPixels compares with the slow way over image.Image, which the program
// that unpacks the whole archive uses.
func TestMiniPixels(t *testing.T) {
	train, _, err := openMini("")
	if err != nil {
		t.Fatal(err)
	}
	head, rest, _ := cutBlock(miniFile)
	for i := range 200 {
		body, next, _ := cutBlock(rest[1:])
		rest = next
		im, err := jpeg.Decode(bytes.NewReader(slices.Concat(head, body)))
		if err != nil {
			t.Fatal(err)
		}
		var want []uint8
		for y := range 32 {
			for x := range 32 {
				r, g, b, _ := im.At(x, y).RGBA()
				want = append(want, uint8(r>>8), uint8(g>>8), uint8(b>>8))
			}
		}
		if !slices.Equal(train.Pixels[i*3072:(i+1)*3072], want) {
			t.Fatalf("image %d differs", i)
		}
	}
}

func TestDecodeMiniErrors(t *testing.T) {
	head, rest, _ := cutBlock(miniFile)
	body, _, _ := cutBlock(rest[1:])
	one := miniFile[:2+len(head)+1+2+len(body)] // the first image alone
	wrongLabel := slices.Clone(one)
	wrongLabel[2+len(head)] = 10
	noise := slices.Clone(one)
	copy(noise[2:], "not a JPEG file")
	for _, tt := range []struct {
		name, want string
		file       []byte
	}{
		{"empty", errCut.Error(), nil},
		{"in the head", errCut.Error(), one[:100]},
		{"no image", errCut.Error(), one[:2+len(head)]},
		{"in an image", errCut.Error(), one[:len(one)-1]},
		{"one more byte", errCut.Error(), append(slices.Clone(one), 0)},
		{"label", errCut.Error(), wrongLabel},
		{"not JPEG", "train image 0", noise},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wantError(t, decodeMini(tt.file, cifarSplit(1), cifarSplit(0)), tt.want)
		})
	}
	if err := decodeMini(one, cifarSplit(1), cifarSplit(0)); err != nil {
		t.Error(err)
	}
}

func BenchmarkOpenMini(b *testing.B) {
	for b.Loop() {
		if _, err := Open("cifar10-mini", Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
