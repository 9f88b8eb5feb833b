package main

import (
	"regexp"
	"runtime/debug"
	"testing"
)

// TestVersions: a version that several sources can have is followed by the program's digest.
func TestVersions(t *testing.T) {
	vcs := func(revision, modified string) *debug.BuildInfo {
		return &debug.BuildInfo{Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: revision}, {Key: "vcs.modified", Value: modified}}}
	}
	for _, c := range []struct {
		info  *debug.BuildInfo
		want  string
		known bool
	}{
		{&debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}, "v1.2.3", true},
		{&debug.BuildInfo{Main: debug.Module{Version: "v0.0.0-2026-37c85e+dirty"}}, "v0.0.0-2026-37c85e+dirty", false},
		{&debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}, "devel", false},
		{&debug.BuildInfo{}, "devel", false},
		{vcs("37c85e", "false"), "devel 37c85e", true},
		{vcs("37c85e", "true"), "devel 37c85e modified", false},
	} {
		if v, known := sourceVersion(c.info); v != c.want || known != c.known {
			t.Errorf("%+v: %q, %t; want %q, %t", c.info, v, known, c.want, c.known)
		}
	}
	// This program is a test's, whose source nothing tells.
	if v := version(); !regexp.MustCompile("^devel.* [0-9a-f]{12}$").MatchString(v) || v != version() {
		t.Errorf("%q, then %q", v, version())
	}
}
