//go:build long && linux

package main

import (
	"fmt"
	"path/filepath"
	"testing"
)

// What train and bench say that they will take is within 15 % of what they took.
func TestMemoryOfAllIsForeseen(t *testing.T) {
	var commands []string
	for _, config := range []string{"resnet20_w4a4", "resnet20_w8a8", "resnet20_fp32"} {
		for _, batch := range []int{16, 128, 1000} {
			commands = append(commands, fmt.Sprintf("train %s train.batch=%d data.dataset=cifar10-mini train.max_steps=2 --plain --out %s",
				config, batch, filepath.Join(t.TempDir(), "run")))
		}
	}
	for _, calibrated := range []string{"resnet20_w4a4 --threads 1", "resnet20_w4a4 quant.activations.calibration_batches=4", "resnet20_affine_w8a8_ptq --threads 1", "resnet20_affine_w8a8_ptq --threads 2",
		"resnet20_affine_w8a8_ptq train.batch=512", "resnet20_affine_w8a8_ptq quant.activations.calibration_batches=4", "resnet20_affine_w8a8_ptq quant.bias_correction=true"} {
		commands = append(commands, fmt.Sprintf("train %s data.dataset=cifar10-mini train.epochs=0 --plain --out %s", calibrated, filepath.Join(t.TempDir(), "run")))
	}
	for _, large := range []string{"resnet18 64 8", "resnet50 64 4", "resnet18 224 2"} {
		var arch string
		var size, batch int
		fmt.Sscan(large, &arch, &size, &batch)
		commands = append(commands, trainLarge(t, arch, size, batch))
	}
	commands = append(commands, "bench --steps 2", "bench --batch 16 --steps 2", "bench --batch 8 --steps 2 --threads 1")
	for _, args := range commands {
		foresees(t, args)
	}
}
