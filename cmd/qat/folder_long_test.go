//go:build long && unix

package main

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var imagesFlag = flag.String("images", "", "folder with a folder of images for each class, as of ImageNet, for TestImages")

// Photographs from files and packed, with the networks and configs of ImageNet: ResNet-18 at 64x64, which learns them by heart,
// and pre-activation ResNet-18 as users train it at 224x224, for a few steps.
func TestImages(t *testing.T) {
	if *imagesFlag == "" {
		t.Skip("wants -images, a folder with a folder of images for each class")
	}
	dir := t.TempDir()
	images, err := filepath.Abs(*imagesFlag)
	for _, split := range []string{"train", "val"} {
		if err == nil {
			err = os.Symlink(images, filepath.Join(dir, split))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Run("files", func(t *testing.T) {
		toIntegers(t, "step 31/", "imagenet_resnet18_w8a8", "--data", dir, "model.arch=resnet18", "data.size=64", "train.batch=16", "train.epochs=10", "train.lr=0.05", "quant.residual=8")
	})
	t.Run("packed", func(t *testing.T) {
		packed := filepath.Join(t.TempDir(), "packed")
		if status := Main([]string{"data", "pack", "imagenet", "--data", dir, "--out", packed, "--shorter-side", "256"}, nil, os.Stdout, os.Stderr); status != exitDone {
			t.Fatalf("exit status %d", status)
		}
		toIntegers(t, "step 11/", "imagenet_resnet18_w4a4", "--data", packed, "train.batch=8", "train.max_steps=20", "quant.residual=8")
	})
}
