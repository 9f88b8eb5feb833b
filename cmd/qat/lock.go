package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/qat-go/qat/train"
)

// lockRun keeps a directory that files are written to, if it is a run's, from a process that trains there and writes the
// same files at its end. The caller releases the lock.
func lockRun(ctx context.Context, dir string, r train.Reading) (*train.Lock, error) {
	if _, err := os.Stat(filepath.Join(dir, train.ConfigFile)); err != nil {
		return nil, nil
	}
	return train.LockDir(ctx, dir, r.Note)
}
