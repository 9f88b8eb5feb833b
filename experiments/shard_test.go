package experiments

import (
	"strings"
	"testing"
)

func TestShards(t *testing.T) {
	for text, want := range map[string]Shard{"0/1": {0, 1}, "3/4": {3, 4}} {
		if s, err := ParseShard(text); err != nil || s != want {
			t.Errorf("%q: %v, %v", text, s, err)
		}
	}
	for _, text := range []string{"", "1", "1/1", "-1/2", "0/0", "a/b", "1/2/3", "4/4"} {
		if s, err := ParseShard(text); err == nil {
			t.Errorf("%q is %v", text, s)
		}
	}
	runs := make([]*Run, 7)
	seen := map[int]bool{}
	for i := range runs {
		runs[i] = &Run{Seed: uint64(i)}
	}
	for i := range 3 {
		for _, r := range (Shard{i, 3}).Part(runs) {
			if seen[int(r.Seed)] || int(r.Seed)%3 != i {
				t.Errorf("run %d is in two shards, or not in its own", r.Seed)
			}
			seen[int(r.Seed)] = true
		}
	}
	if len(seen) != len(runs) {
		t.Errorf("%d of %d runs are in a shard", len(seen), len(runs))
	}
	if (Shard{}).Part(runs) != nil {
		t.Error("no shard has runs")
	}
}

func TestShardOfAJob(t *testing.T) {
	for _, c := range []struct {
		env    string
		shards int
		want   Shard
		fails  string
	}{
		{"", 0, Shard{0, 1}, ""},
		{"SLURM_ARRAY_TASK_ID=7 SLURM_ARRAY_TASK_MIN=5 SLURM_ARRAY_TASK_COUNT=4", 0, Shard{2, 4}, ""},
		{"SLURM_ARRAY_TASK_ID=9 SLURM_ARRAY_TASK_MIN=5 SLURM_ARRAY_TASK_COUNT=4", 0, Shard{}, "SLURM_ARRAY_TASK_ID 9 less SLURM_ARRAY_TASK_MIN 5 is no shard of SLURM_ARRAY_TASK_COUNT 4"}, // --array=5-9:2 and the like
		{"SLURM_ARRAY_TASK_ID=7", 0, Shard{}, "SLURM_ARRAY_TASK_MIN: wanted a whole number, found \"\""},
		{"SLURM_ARRAY_TASK_ID=4 SLURM_ARRAY_TASK_MIN=5 SLURM_ARRAY_TASK_COUNT=4", 0, Shard{}, "is no shard"},
		{"SLURM_ARRAY_TASK_ID=5 SLURM_ARRAY_TASK_MIN=5 SLURM_ARRAY_TASK_COUNT=0", 0, Shard{}, "is no shard"},
		{"JOB_COMPLETION_INDEX=2", 3, Shard{2, 3}, ""},
		{"JOB_COMPLETION_INDEX=3", 3, Shard{}, "JOB_COMPLETION_INDEX 3 is no shard of 3"},
		{"JOB_COMPLETION_INDEX=2", 0, Shard{0, 1}, ""},
		{"", 3, Shard{}, "JOB_COMPLETION_INDEX is not set"},
	} {
		env := map[string]string{}
		for _, kv := range strings.Fields(c.env) {
			k, v, _ := strings.Cut(kv, "=")
			env[k] = v
		}
		s, err := ShardOf(func(k string) string { return env[k] }, c.shards)
		if c.fails == "" && (err != nil || s != c.want) || c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)) {
			t.Errorf("%q with %d shards: %v, %v", c.env, c.shards, s, err)
		}
	}
}
