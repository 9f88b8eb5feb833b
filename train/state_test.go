package train

import (
	"context"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/qat-go/qat/configs"
)

// A checkpoint keeps every field of the state.
func TestStateSurvives(t *testing.T) {
	m, _ := openTraining(t)
	var st state
	v := reflect.ValueOf(&st).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.Int:
			f.SetInt(int64(i + 1))
		case reflect.Float64:
			f.SetFloat(float64(i) + 0.1)
		case reflect.String:
			f.SetString("x")
		case reflect.Bool:
			f.SetBool(true)
		case reflect.Map:
			f.Set(reflect.ValueOf(map[string]int{"conv1.weight_quantizer.scale": i}))
		case reflect.Slice:
			var value any = history{{1, 2, []Changed{{"train.lr", "1", "2"}}}}
			if f.Type() == reflect.TypeFor[[]configs.LayerBits]() {
				value = []configs.LayerBits{{Layer: "conv1", Weights: 3, Activations: 8}}
			}
			f.Set(reflect.ValueOf(value))
		default:
			t.Fatalf("the state has a %v; set it here", f.Kind())
		}
	}
	st.BestTop1, st.BestEpoch, st.Stage = 0.5, 1, 1 // others cannot be
	path := filepath.Join(t.TempDir(), CheckpointFile)
	if err := m.save(path, false, st, origin{}); err != nil {
		t.Fatal(err)
	}
	_, got, err := readCheckpoint(path, Reading{})
	if err != nil || !reflect.DeepEqual(got, st) {
		t.Errorf("read %+v (%v), wrote %+v", got, err, st)
	}
}

// Of epochs with the same accuracy the first is the best one; one of 0 % is better than none.
func TestTheFirstBestWins(t *testing.T) {
	m, _ := openTraining(t)
	r := &run{Model: m, dir: t.TempDir(), opt: Options{Progress: &quiet{}}}
	r.Data.Test = r.Data.Test.Head(20)
	var err error
	if r.loader, err = m.loader(); err != nil {
		t.Fatal(err)
	}
	if r.metrics, err = r.openMetrics(); err != nil {
		t.Fatal(err)
	}
	defer r.metrics.close()
	end := func(epoch int) error {
		r.st.Step, r.st.Seen, r.st.Total = epoch*r.loader.Steps(), 1, epoch*r.loader.Steps()
		return r.endEpoch(context.Background())
	}
	best := func() (int, float64) {
		t.Helper()
		_, st, err := readCheckpoint(r.path(BestFile), Reading{})
		if err != nil {
			t.Fatal(err)
		}
		return st.BestEpoch, st.BestTop1
	}
	for epoch := 1; epoch <= 2; epoch++ {
		if err := end(epoch); err != nil {
			t.Fatal(err)
		}
		if got, top1 := best(); got != 1 || r.st.BestEpoch != 1 || top1 == 0 {
			t.Errorf("after epoch %d the best is %d (%g), in the file %d", epoch, r.st.BestEpoch, top1, got)
		}
	}
	r.st.BestTop1 = 0
	if end(3) != nil || r.st.BestEpoch != 3 {
		t.Errorf("a better epoch is not the best, but %d", r.st.BestEpoch)
	}
	a, err := m.Simulate(context.Background(), r.Data.Test)
	if err != nil {
		t.Fatal(err)
	}
	r.Data.Test.Labels = nil
	for _, class := range a.Predictions {
		r.Data.Test.Labels = append(r.Data.Test.Labels, (class+1)%10)
	}
	r.st = state{}
	if err := end(4); err != nil || r.st.BestEpoch != 4 || r.st.BestTop1 != 0 {
		t.Errorf("the first epoch, of 0 %%, is not the best: %+v (%v)", r.st, err)
	}
}

// A state is within its stage: at its first step, which may be interrupted, up to its last one.
func TestStatesFitStages(t *testing.T) {
	ends := []int{3, 6, 9}
	for _, tt := range []struct {
		stage, step int
		ok          bool
	}{{0, 0, true}, {0, 3, true}, {0, 4, false}, {1, 2, false}, {1, 3, true}, {1, 6, true}, {1, 7, false}, {2, 5, false}, {2, 9, true}, {2, 10, false}} {
		if err := (state{Stage: tt.stage, Step: tt.step}).fitsStages(ends); (err == nil) != tt.ok {
			t.Errorf("stage %d, step %d: %v", tt.stage+1, tt.step, err)
		}
	}
	if err := (state{Step: 5}).fitsStages(nil); err != nil {
		t.Errorf("without stages: %v", err)
	}
}
