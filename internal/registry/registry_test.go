package registry_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/qat-go/qat/internal/registry"
)

func Example() {
	fruits := registry.Registry[string]{Kind: "fruit", Name: func(s string) string { return s }}
	fruits.Add("pear")
	fruits.Add("apple")
	fmt.Println(fruits.Named("pear"))
	fmt.Println(fruits.All())
	// Output:
	// pear true
	// [apple pear]
}

func TestAddRefuses(t *testing.T) {
	refusal := func(r *registry.Registry[string], name string) (said string) {
		defer func() { said, _ = recover().(string) }()
		r.Add(name)
		return ""
	}
	for _, tt := range []struct{ name, want string }{
		{"pear", `registering the fruit "pear": the name is taken`},
		{"", `registering the fruit "": wanted a name such as my_fruit`},
		{"Pear", "wanted a name"}, {"lsq@paper", "wanted a name"}, {"1x", "wanted a name"}, {"a b", "wanted a name"}, {"a,b", "wanted a name"}, {"true", "word of YAML"}, {"auto", "word of YAML"},
		{"w1a1", ""}, {"my_pear", ""}, {"cifar10-mini", ""},
	} {
		r := &registry.Registry[string]{Kind: "fruit", Name: func(s string) string { return s }}
		r.Add("pear")
		if got := refusal(r, tt.name); !strings.Contains(got, tt.want) || (got == "") != (tt.want == "") {
			t.Errorf("%q: said %q, want %q", tt.name, got, tt.want)
		}
	}
	r := &registry.Registry[string]{Kind: "fruit", Name: func(s string) string { return s }}
	r.Add("pear")
	r.All()
	if got := refusal(r, "plum"); !strings.Contains(got, "too late") {
		t.Errorf("after All: said %q", got)
	}
	if all := r.All(); len(all) != 1 || all[0] != "pear" {
		t.Errorf("after a refusal: %v", all)
	}
}
