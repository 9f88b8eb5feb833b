// Zero calls every exported function and method with nil and zero values, all of them and one beside values that are right,
// and prints which panic. The test that runs it writes the list of what is exported.
package main

import (
	"context"
	"fmt"
	"log"
	"maps"
	"os"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"

	"gorgonia.org/tensor"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/layers"
	"github.com/qat-go/qat/threads"
	"github.com/qat-go/qat/train"
)

const config = `
data: {dataset: random, random: {height: 8, width: 8, classes: 2, images: 8, test_images: 4}}
train: {epochs: 1, batch: 4, max_steps: 1}
quant: {weights: {bits: 4}, activations: {bits: 4}, regularizers: {kurtosis: 1}}
`

// right has a value that is right of each type that functions take or methods belong to.
var right = map[reflect.Type]reflect.Value{}

func keep[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	right[reflect.TypeFor[T]()] = reflect.ValueOf(v)
	return v
}

func main() {
	log.SetFlags(0)
	keep(context.Background(), nil)
	keep("random", nil)
	m := keep(train.Open(keep(configs.Parse("zero.yaml", []byte(config))), "", 1))
	keep(m.Data, nil)
	keep(m.Data.Test.Head(4), nil)
	keep(m.Net, nil)
	keep(m.Config.Network())
	keep(m.Net.Quantizers[0], nil)
	keep(m.Net.Store.All()[0], nil)
	x := keep(tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(2, 8, 8, 3)), nil)
	pool := keep(threads.New(1), nil)
	if err := m.Net.Calibrate(pool, nil, x); err != nil {
		log.Fatal(err)
	}
	keep(m.Lower())
	keep(m.Net.Build(keep(layers.NewContext(pool, true), nil), x))
	for _, name := range slices.Sorted(maps.Keys(functions)) {
		each(name, reflect.ValueOf(functions[name]))
	}
	for _, name := range slices.Sorted(maps.Keys(types)) {
		t := types[name]
		methods("zero "+name, reflect.New(t))
		if t.Kind() != reflect.Interface {
			methods("nil "+name, reflect.Zero(reflect.PointerTo(t)))
		}
		for _, of := range []reflect.Type{t, reflect.PointerTo(t)} {
			if v, ok := right[of]; ok {
				methods(name, v)
			}
		}
	}
	fmt.Println(calls, "calls of", len(functions), "functions and the methods of", len(types), "types")
	if panics > 0 {
		os.Exit(1)
	}
}

// methods calls all methods of v, but those that end it.
func methods(name string, v reflect.Value) {
	t := v.Type()
	for i := range t.NumMethod() {
		m := t.Method(i)
		if v.Kind() == reflect.Pointer && v.IsNil() {
			_, ofValues := t.Elem().MethodByName(m.Name)
			if n := m.Type.NumOut(); ofValues || n == 0 || m.Type.Out(n-1) != reflect.TypeFor[error]() {
				continue // as anywhere in Go, the call is what panics
			}
		}
		if m.Name != "Close" || !strings.HasPrefix(name, "train") && !strings.HasPrefix(name, "threads") {
			each(name+"."+m.Name, v.Method(i))
		}
	}
}

// each calls f with zero values, with values that are right, and with one that is zero, or points to zero, beside these.
func each(name string, f reflect.Value) {
	t := f.Type()
	n := t.NumIn()
	if t.IsVariadic() {
		n--
	}
	zeros, rights := make([]reflect.Value, n), make([]reflect.Value, n)
	for i := range n {
		zeros[i] = reflect.Zero(t.In(i))
		rights[i] = zeros[i]
		if v, ok := right[t.In(i)]; ok {
			rights[i] = v
		}
	}
	try(name, f, zeros)
	try(name, f, rights)
	for i := range n {
		one := slices.Clone(rights)
		one[i] = zeros[i]
		try(name, f, one)
		if in := t.In(i); in.Kind() == reflect.Pointer {
			one[i] = reflect.New(in.Elem())
			try(name, f, one)
		}
	}
}

var (
	calls, panics int
	told          = map[string]bool{}
)

func try(name string, f reflect.Value, in []reflect.Value) {
	calls++
	defer func() {
		if r := recover(); r != nil {
			panics++
			if told[name] {
				return
			}
			told[name] = true
			fmt.Printf("%s(", name)
			for i, v := range in {
				if i > 0 {
					fmt.Print(", ")
				}
				switch {
				case v.Kind() == reflect.Pointer && !v.IsNil() && v.Elem().IsZero():
					fmt.Print("zero")
				case v.IsZero():
					fmt.Print("nil")
				default:
					fmt.Print(v.Type())
				}
			}
			fmt.Printf("): %v\n", r)
			if os.Getenv("STACKS") != "" {
				os.Stdout.Write(debug.Stack())
			}
		}
	}()
	f.Call(in)
}
