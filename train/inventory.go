package train

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"

	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/internal/atomicfile"
)

// writeInventory records what the run's data set is made of, so that a later process can say what changed. A resumed run has
// the same; one of an earlier version has no record yet.
func (r *run) writeInventory(resumed bool) error {
	if _, err := os.Lstat(r.path(DataFile)); resumed && err == nil {
		return nil
	}
	return atomicfile.Write(r.path(DataFile), func(w io.Writer) error {
		z, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
		if err == nil {
			err = r.Data.Inventory(z)
		}
		if err == nil {
			err = z.Close()
		}
		return err
	})
}

// dataChanges says what of the data set is not as it was recorded; nil if there is no record.
func (r *run) dataChanges() []string {
	packed, err := r.read(DataFile)
	if err != nil {
		return nil
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil
	}
	then, err := io.ReadAll(io.LimitReader(z, maxFile))
	var now bytes.Buffer
	if err != nil || r.Data.Inventory(&now) != nil {
		return nil
	}
	return datasets.Changes(then, now.Bytes())
}
