package train

import (
	"math"
	"testing"

	"github.com/qat-go/qat/configs"
)

func TestLearningRate(t *testing.T) {
	d := func(s string) configs.Duration {
		v, err := configs.ParseDuration(s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range []struct {
		name     string
		schedule configs.Schedule
		step     int
		want     float64
	}{
		// Cosine values: torch.optim.lr_scheduler.CosineAnnealingLR(opt, 40) at lr 0.1.
		{"cosine start", configs.Schedule{Kind: configs.Cosine}, 0, 0.1},
		{"cosine quarter", configs.Schedule{Kind: configs.Cosine}, 10, 0.08535533905932738},
		{"cosine half", configs.Schedule{Kind: configs.Cosine}, 20, 0.05},
		{"cosine last", configs.Schedule{Kind: configs.Cosine}, 39, 0.00015413331334360181},
		{"cosine final share", configs.Schedule{Kind: configs.Cosine, Final: 0.5}, 20, 0.075},
		{"constant", configs.Schedule{Kind: configs.Constant}, 39, 0.1},
		{"step before", configs.Schedule{Kind: configs.Step, Factor: 0.1, Milestones: []configs.Duration{d("2ep"), d("30it")}}, 19, 0.1},
		{"step at the first", configs.Schedule{Kind: configs.Step, Factor: 0.1, Milestones: []configs.Duration{d("2ep"), d("30it")}}, 20, 0.01},
		{"step at the second", configs.Schedule{Kind: configs.Step, Factor: 0.1, Milestones: []configs.Duration{d("2ep"), d("30it")}}, 30, 0.001},
		{"warm-up first", configs.Schedule{Kind: configs.Constant, Warmup: d("1ep")}, 0, 0.01},
		{"warm-up last", configs.Schedule{Kind: configs.Constant, Warmup: d("1ep")}, 9, 0.1},
		{"cosine after warm-up", configs.Schedule{Kind: configs.Cosine, Warmup: d("1ep")}, 25, 0.05},
	} {
		cfg := configs.Train{Epochs: 4, LR: 0.1, Schedule: c.schedule}
		if got := LearningRate(&cfg, c.step, 10); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
