package configs

import (
	"fmt"
	"slices"
)

// Length is how long training is: 20ep, or 5000it with train.steps.
func (t *Train) Length() Duration {
	if t == nil {
		return Duration{}
	}
	if t.Steps > 0 {
		return Duration{float64(t.Steps), Iterations}
	}
	return Duration{float64(t.Epochs), Epochs}
}

// Shorten is the same experiment over a share of its epochs or steps, at least one. What is said in their unit of training's
// course, such as a warmup, keeps its share.
func (c *Config) Shorten(share float64) (*Config, error) {
	if c == nil {
		return nil, errNone
	}
	old := c.Train.Length()
	length := max(1, int(old.Value*share))
	if float64(length) >= old.Value { // and where there is none to shorten
		return c, nil
	}
	scale := func(d Duration) Duration {
		if d.Unit == old.Unit {
			d.Value *= float64(length) / old.Value
		}
		if d.Unit == Iterations {
			d.Value = float64(int(d.Value))
		}
		return d
	}
	return c.changed(fmt.Sprintf("over %d of %v", length, old), func(doc *document) {
		for path, s := range doc.values {
			switch v := s.value.(type) {
			case Duration:
				if path != "train.checkpoint_every" {
					s.value = scale(v)
				}
			case []Duration:
				all := make([]Duration, len(v))
				for i, d := range v {
					all[i] = scale(d)
				}
				s.value = all
			case []Stage: // in shares, which add up whatever the length
				all := slices.Clone(v)
				for i := range all {
					if f := &all[i].For; f.Unit == old.Unit {
						*f = Duration{f.Value / old.Value * 100, Percent}
					}
				}
				s.value = all
			}
			doc.values[path] = s
		}
		key := "train.epochs"
		if old.Unit == Iterations {
			key = "train.steps"
		}
		doc.values[key] = setting{value: length}
	})
}
