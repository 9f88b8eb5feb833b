package train

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

// Steps of several versions are told, recorded, and refused where that is asked for.
func TestVersions(t *testing.T) {
	dir := t.TempDir()
	for i, c := range []struct {
		version string
		strict  bool
		until   int
		warned  bool
		earlier []string
	}{{"v1", false, 2, false, nil}, {"v1", true, 3, false, nil}, {"v2", true, 0, false, nil}, {"v2", false, 4, true, []string{"v1"}},
		{"v2", false, 5, false, []string{"v1"}}, {"v2", true, 0, false, []string{"v1"}}, {"v1", false, 0, true, []string{"v1", "v2"}}} {
		ctx, cancel := context.WithCancel(context.Background())
		p := &quiet{after: func(step int) {
			if step == c.until {
				cancel()
			}
		}}
		err := trainOnly(ctx, extendingConfig(t), Options{Out: dir, Resume: true, Version: c.version, SameVersion: c.strict, Threads: 1, Progress: p})
		cancel()
		m, merr := ReadManifest(dir)
		if merr != nil {
			t.Fatal(merr)
		}
		switch refused := c.strict && i > 1; {
		case refused && (!errors.Is(err, ErrVersion) || m.Version == c.version && i == 2):
			t.Errorf("%d: %v, manifest of %s; want ErrVersion", i, err, m.Version)
		case !refused && c.until > 0 && !errors.Is(err, ErrInterrupted), !refused && c.until == 0 && err != nil:
			t.Fatal(i, err)
		}
		if !slices.Equal(m.Earlier, c.earlier) {
			t.Errorf("%d: earlier versions %v, want %v", i, m.Earlier, c.earlier)
		}
		if m.Init != "random weights, seed 0" {
			t.Errorf("%d: init %q", i, m.Init)
		}
		if got := strings.Contains(strings.Join(p.lines, "\n"), "warning: "+dir+" was made by version "); got != c.warned {
			t.Errorf("%d: messages %q", i, p.lines)
		}
	}
}
