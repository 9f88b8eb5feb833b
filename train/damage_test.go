package train

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/qat-go/qat/internal/mutation"
)

// A storm of damaged checkpoints: each is refused or read, by what continues it and by model.init. The damage is in the
// header, which is most of what there is to get wrong.
func TestDamagedCheckpoints(t *testing.T) {
	m, err := Open(loadConfig(t), "", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	path := filepath.Join(t.TempDir(), "w.qat")
	if err := m.save(path, false, state{}, origin{}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	header := 8 + int(binary.LittleEndian.Uint64(data))
	wants := m.wants()
	mutation.Storm(t, data[:header], func(damaged []byte) {
		file := slices.Concat(damaged, data[header:])
		if dicts, err := parseWeights(path, file, Reading{Force: true}); err == nil {
			if c, err := fit(dicts, wants, ""); err == nil && len(c.names) < len(wants) {
				t.Errorf("%d of %d tensors fit", len(c.names), len(wants))
			}
		}
		if err := os.WriteFile(path, file, 0o644); err != nil {
			t.Fatal(err)
		}
		if c, err := OpenCheckpoint(path, Reading{Force: true}); err == nil {
			if m, err := c.LoadNetwork(); err == nil {
				m.Close()
			}
		}
	})
}
