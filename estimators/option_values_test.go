package estimators

import "testing"

func TestOptionValues(t *testing.T) {
	options := []Option{{Name: "a", Default: 2, Min: 1, Max: 3}, {Name: "b", Max: 1}}
	got, err := optionValues(options, Options{"b": 0.5})
	if err != nil || len(got) != 2 || got["a"] != 2 || got["b"] != 0.5 {
		t.Errorf("got %v, %v", got, err)
	}
	for name, given := range map[string]Options{"above": {"a": 3.1}, "below": {"a": 0}, "unknown": {"c": 1}} {
		if _, err := optionValues(options, given); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
