package experiments

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Shard is a part of a table's runs: every Of-th, from Index on, which counts from 0.
type Shard struct{ Index, Of int }

// errShard says what is wrong with a shard that is none.
var errShard = errors.New("wanted i/n, such as 0/4, with i from 0 to n-1")

// ParseShard reads i/n.
func ParseShard(s string) (Shard, error) {
	index, of, ok := strings.Cut(s, "/")
	i, err1 := strconv.Atoi(index)
	n, err2 := strconv.Atoi(of)
	sh := Shard{i, n}
	if !ok || err1 != nil || err2 != nil || sh.check() != nil {
		return Shard{}, fmt.Errorf("%w; found %q", errShard, s)
	}
	return sh, nil
}

func (s Shard) check() error {
	if s.Of < 1 || s.Index < 0 || s.Index >= s.Of {
		return fmt.Errorf("%w; found %d/%d", errShard, s.Index, s.Of)
	}
	return nil
}

// ShardOf is the shard that the environment of a job tells: Slurm's array of jobs, or, with shards above 0, Kubernetes' indexed
// job. Without either it is the whole table.
func ShardOf(getenv func(string) string, shards int) (Shard, error) {
	if getenv == nil {
		getenv = func(string) string { return "" }
	}
	number := func(name string) (int, error) {
		n, err := strconv.Atoi(getenv(name))
		if err != nil {
			return 0, fmt.Errorf("%s: wanted a whole number, found %q", name, getenv(name))
		}
		return n, nil
	}
	switch {
	case getenv("SLURM_ARRAY_TASK_ID") != "":
		id, err1 := number("SLURM_ARRAY_TASK_ID")
		least, err2 := number("SLURM_ARRAY_TASK_MIN")
		count, err3 := number("SLURM_ARRAY_TASK_COUNT")
		if err := cmp.Or(err1, err2, err3); err != nil {
			return Shard{}, err
		}
		s := Shard{id - least, count}
		if s.check() != nil {
			return Shard{}, fmt.Errorf("SLURM_ARRAY_TASK_ID %d less SLURM_ARRAY_TASK_MIN %d is no shard of SLURM_ARRAY_TASK_COUNT %d; wanted an array without gaps, such as --array=0-7", id, least, count)
		}
		return s, nil
	case shards > 0 && getenv("JOB_COMPLETION_INDEX") != "":
		i, err := number("JOB_COMPLETION_INDEX")
		if err != nil {
			return Shard{}, err
		}
		s := Shard{i, shards}
		if s.check() != nil {
			return Shard{}, fmt.Errorf("JOB_COMPLETION_INDEX %d is no shard of %d; wanted --shards to be the job's completions", i, shards)
		}
		return s, nil
	case shards > 0:
		return Shard{}, errors.New("JOB_COMPLETION_INDEX is not set; --shards goes with an indexed job, --shard i/n with anything else")
	}
	return Shard{0, 1}, nil
}

// Part returns the shard's part of runs.
func (s Shard) Part(runs []*Run) []*Run {
	if s.check() != nil {
		return nil
	}
	var part []*Run
	for i, r := range runs {
		if i%s.Of == s.Index {
			part = append(part, r)
		}
	}
	return part
}
