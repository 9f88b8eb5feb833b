package qat_test

import (
	"encoding/json"
	"go/format"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestContributingOperation looks for the files and rows of the operation that CONTRIBUTING.md adds.
func TestContributingOperation(t *testing.T) {
	text, err := os.ReadFile("CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "## An operation, worked through\n")
	section, _, _ = strings.Cut(section, "\n## ")
	holds := regexp.MustCompile("`([^ `]+/[^ `]+\\.[a-z]+)`(?:: `([^`]+)`)?")
	files, rows := 0, 0
	for _, m := range holds.FindAllStringSubmatch(section, -1) {
		content, err := os.ReadFile(m[1])
		if err != nil {
			t.Error(err)
		}
		if files++; m[2] != "" {
			rows++
		}
		if !strings.Contains(string(content), m[2]) {
			t.Errorf("%s does not hold %s", m[1], m[2])
		}
	}
	if files < 30 || rows < 15 {
		t.Errorf("found %d files and %d rows; is the test blind?", files, rows)
	}
}

// TestContributing compiles the worked example of CONTRIBUTING.md into package estimators and runs its test.
func TestContributing(t *testing.T) {
	text, err := os.ReadFile("CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(text), "```go\n")[1:]
	files := []string{"estimators/power_of_two_scale.go", "estimators/power_of_two_scale_test.go"}
	if len(blocks) != len(files) {
		t.Fatalf("%d blocks of Go, want %d: the method and its test", len(blocks), len(files))
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	dir, replace := t.TempDir(), map[string]string{}
	for i, name := range files {
		code, _, closed := strings.Cut(blocks[i], "```")
		if !closed || !strings.Contains(string(text), "`"+name+"`") {
			t.Fatalf("block %d is not closed or not introduced as %s", i, name)
		}
		if formatted, err := format.Source([]byte(code)); err != nil || string(formatted) != code {
			t.Errorf("%s is not what gofmt makes of it: %v", name, err)
		}
		path := filepath.Join(dir, filepath.Base(name))
		if err := os.WriteFile(path, []byte(code), 0o666); err != nil {
			t.Fatal(err)
		}
		replace[filepath.Join(here, filepath.FromSlash(name))] = path
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(path, overlay, 0o666); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "test", "-overlay", path, "-v", "-run", "^TestPowerOfTwoScale$", "./estimators").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestPowerOfTwoScale") {
		t.Errorf("%v\n%s", err, out)
	}
}
