package export

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/integer/integertest"
	"github.com/qat-go/qat/internal/safetensors"
)

// edited returns the bytes of small's file after a change of its manifest, its
// metadata or its tensors.
func edited(t testing.TB, change func(f *safetensors.File, m map[string]any)) []byte {
	t.Helper()
	f, err := encode(small())
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal([]byte(f.Metadata[manifestKey]), &m); err != nil {
		t.Fatal(err)
	}
	before := f.Metadata[manifestKey]
	change(f, m)
	if f.Metadata[manifestKey] == before {
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		f.Metadata[manifestKey] = string(text)
	}
	var b bytes.Buffer
	if err := safetensors.Write(&b, f); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func read(data []byte) (*integer.Network, error) {
	f, err := safetensors.Read(data)
	if err != nil {
		return nil, err
	}
	return decode(f)
}

func TestReadRejects(t *testing.T) {
	layer := func(m map[string]any, i int) map[string]any { return m["layers"].([]any)[i].(map[string]any) }
	tensor := func(m map[string]any, i int) map[string]any { return m["tensors"].([]any)[i].(map[string]any) }
	weight := func(m map[string]any, i int) map[string]any { return layer(m, i)["weight"].(map[string]any) }
	set := func(i int, key string, v any) func(*safetensors.File, map[string]any) {
		return func(_ *safetensors.File, m map[string]any) { layer(m, i)[key] = v }
	}
	tests := map[string]struct {
		change func(f *safetensors.File, m map[string]any)
		want   string
	}{
		"another format":      {func(f *safetensors.File, m map[string]any) { f.Metadata[formatKey] = "pt" }, "not an integer network"},
		"another version":     {func(f *safetensors.File, m map[string]any) { f.Metadata[versionKey] = "2" }, `version "2"`},
		"no manifest":         {func(f *safetensors.File, m map[string]any) { delete(f.Metadata, manifestKey) }, "manifest"},
		"text after manifest": {func(f *safetensors.File, m map[string]any) { f.Metadata[manifestKey] += "{}" }, "unexpected text"},
		"large manifest": {func(f *safetensors.File, m map[string]any) {
			f.Metadata[manifestKey] += strings.Repeat(" ", maxManifest)
		}, "at most"},
		"unknown key":          {set(0, "dilation", 2), `unknown field "dilation"`},
		"null layer":           {func(f *safetensors.File, m map[string]any) { m["layers"] = []any{nil} }, "unknown kind"},
		"null tensor":          {func(f *safetensors.File, m map[string]any) { m["tensors"] = []any{nil} }, "three sizes"},
		"no layers":            {func(f *safetensors.File, m map[string]any) { f.Tensors = nil; m["layers"] = nil }, "no layers"},
		"target":               {func(f *safetensors.File, m map[string]any) { m["target"] = "dyadic" }, `target "dyadic"`},
		"two means":            {func(f *safetensors.File, m map[string]any) { m["mean"] = []any{0, 0} }, "2 means"},
		"std 0":                {func(f *safetensors.File, m map[string]any) { m["std"] = []any{1, 0, 1} }, "standard deviation 0"},
		"mean not a float32":   {func(f *safetensors.File, m map[string]any) { m["mean"] = []any{0.1, 0, 1} }, "0.1 is not a float32"},
		"classes":              {func(f *safetensors.File, m map[string]any) { m["classes"] = []any{"a"} }, "2 outputs for 1 classes"},
		"two sizes":            {func(f *safetensors.File, m map[string]any) { tensor(m, 0)["shape"] = []any{4, 4} }, "three sizes"},
		"scale not a float32":  {func(f *safetensors.File, m map[string]any) { tensor(m, 0)["scale"] = 1e300 }, "is not a float32"},
		"zero point 256":       {func(f *safetensors.File, m map[string]any) { tensor(m, 0)["zero_point"] = 256 }, "zero_point"},
		"bits 4.5":             {func(f *safetensors.File, m map[string]any) { tensor(m, 0)["bits"] = 4.5 }, "bits"},
		"unknown kind":         {set(1, "kind", "softmax"), `unknown kind "softmax"`},
		"two inputs":           {set(0, "inputs", []any{0, 0}), "2 inputs, want 1"},
		"one input":            {set(2, "inputs", []any{0}), "1 inputs, want 2"},
		"input -1":             {set(0, "inputs", []any{-1}), "tensor -1"},
		"input beyond":         {set(5, "inputs", []any{99}), "tensor 99"},
		"input of requantize":  {set(1, "inputs", []any{99}), "reads tensor 99"},
		"output beyond":        {set(0, "output", 99), "cannot write tensor 99"},
		"output of linear":     {set(5, "output", 3), "want -1"},
		"no padding":           {set(0, "padding", nil), "padding is missing"},
		"no stride":            {set(0, "stride", 0), "stride 0"},
		"clamp of one":         {set(0, "clamp", []any{0}), "want two codes"},
		"clamp 256":            {set(1, "clamp", []any{0, 256}), "want two codes"},
		"clamp negative":       {set(2, "clamp", []any{-1, 3}), "want two codes"},
		"clamp out of range":   {set(0, "clamp", []any{0, 16}), "within 0..15"},
		"no weight":            {set(0, "weight", nil), "weights with a shape"},
		"weight bits 0":        {func(f *safetensors.File, m map[string]any) { weight(m, 0)["bits"] = 0 }, "fields of 0 bits"},
		"weight bits 9":        {func(f *safetensors.File, m map[string]any) { weight(m, 0)["bits"] = 9 }, "fields of 9 bits"},
		"weight bits 3":        {func(f *safetensors.File, m map[string]any) { weight(m, 0)["bits"] = 3 }, "do not hold 54 integers of 3 bits"},
		"weight shape":         {func(f *safetensors.File, m map[string]any) { weight(m, 0)["shape"] = []any{2, 3, 9, 1} }, "want a square one"},
		"weight shape swapped": {func(f *safetensors.File, m map[string]any) { weight(m, 0)["shape"] = []any{3, 2, 3, 3} }, "input of 2 channels"},
		"weight shape huge": {func(f *safetensors.File, m map[string]any) {
			weight(m, 0)["shape"] = []any{1 << 30, 3, 1 << 30, 1 << 30}
		}, "do not hold shape"},
		"weight shape 0": {func(f *safetensors.File, m map[string]any) { weight(m, 0)["shape"] = []any{0, 3, 3, 3} }, "do not hold shape"},
		"linear shape": {func(f *safetensors.File, m map[string]any) {
			f.Tensors = append(f.Tensors, safetensors.NewTensor("x", []int{4}, make([]uint8, 4)))
			weight(m, 5)["tensor"], weight(m, 5)["shape"] = "x", []any{2, 4, 2, 1}
		}, "for an input of (1,1,4)"},
		"weight not there":  {func(f *safetensors.File, m map[string]any) { weight(m, 0)["tensor"] = "x" }, `"x" is not in the file`},
		"tensor used twice": {set(0, "scale", "conv.multiplier"), `"conv.multiplier" is not in the file, or another`},
		"tensor not used": {func(f *safetensors.File, m map[string]any) {
			f.Tensors = append(f.Tensors, safetensors.NewTensor("x", nil, []int8{1}))
		}, `no layer uses tensor "x"`},
		"bias of floats": {set(5, "bias", "pool.multiplier"), "not in the file"},
		"dtype": {func(f *safetensors.File, m map[string]any) {
			f.Tensors = append(f.Tensors, safetensors.NewTensor("x", []int{2}, []float32{1, 1}))
			layer(m, 0)["bias"] = "x"
		}, "wanted dtype I32, found F32"},
		"three biases": {func(f *safetensors.File, m map[string]any) {
			f.Tensors = append(f.Tensors, safetensors.NewTensor("x", []int{3}, []int32{1, 1, 1}))
			layer(m, 0)["bias"] = "x"
		}, "has 3 values, want 2"},
		"weights of int8": {func(f *safetensors.File, m map[string]any) {
			f.Tensors = append(f.Tensors, safetensors.NewTensor("x", []int{27}, make([]int8, 27)))
			weight(m, 0)["tensor"] = "x"
		}, "has dtype I8"},
		"multiplier changed": {func(f *safetensors.File, m map[string]any) {
			for _, tensor := range f.Tensors {
				if tensor.Name == "conv.multiplier" {
					tensor.Data[0] ^= 1
				}
			}
		}, "does not give a finite multiplier"},
		"padding bits": {func(f *safetensors.File, m map[string]any) {
			f.Tensors = append(f.Tensors, safetensors.NewTensor("x", []int{2}, []uint8{0, 0xff}))
			weight(m, 5)["tensor"], weight(m, 5)["shape"], weight(m, 5)["bits"] = "x", []any{3, 4, 1, 1}, 1
		}, "are not 0"},
	}
	if _, err := read(edited(t, func(*safetensors.File, map[string]any) {})); err != nil {
		t.Fatal(err)
	}
	for name, tt := range tests {
		if _, err := read(edited(t, tt.change)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, tt.want)
		}
	}
	if _, err := Read(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: error %v", err)
	}
}

// A file that is cut is an error, and so is, or else is harmless, a changed
// byte.
func TestDamagedFiles(t *testing.T) {
	data := edited(t, func(*safetensors.File, map[string]any) {})
	for n := 0; n < len(data); n += 1 + n/100 {
		if _, err := read(data[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes are read without an error", n, len(data))
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := 0; i < len(data); i += 1 + rng.IntN(5) {
		b := slices.Clone(data)
		b[i] ^= 1 << rng.IntN(8)
		if net, err := read(b); err == nil {
			logits(t, net, make([]float32, net.Tensors[0].Len()), 1)
		}
	}
}

// A hostile file takes memory in proportion to its size.
func TestReadMemory(t *testing.T) {
	many := func(list, entry string) []byte {
		return edited(t, func(f *safetensors.File, m map[string]any) {
			f.Metadata[manifestKey] = `{"` + list + `":[` + entry + strings.Repeat(","+entry, 900_000/(len(entry)+1)) + `]}`
		})
	}
	for name, data := range map[string][]byte{
		"empty tensors": many("tensors", `{}`),
		"short tensors": many("tensors", `{"shape":[1,1,1]}`),
		"empty layers":  many("layers", `{}`),
		"short layers":  many("layers", `{"kind":"conv","inputs":[0]}`),
		"classes":       many("classes", `""`),
		"means":         many("mean", `0`),
		"nested":        many("mean", strings.Repeat("[", 5000)+strings.Repeat("]", 5000)),
		"a large tensor": edited(t, func(f *safetensors.File, m map[string]any) {
			m["tensors"].([]any)[0].(map[string]any)["shape"] = []any{1 << 20, 1 << 10, 1 << 10}
		}),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := read(data)
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		// All that was allocated, garbage included.
		if got := after.TotalAlloc - before.TotalAlloc; got > 100*uint64(len(data))+1<<20 {
			t.Errorf("%s: %d bytes are allocated for a file of %d", name, got, len(data))
		}
	}
}

// FuzzRead checks that any file is refused, or gives a network that runs and
// is written and read back unchanged.
func FuzzRead(f *testing.F) {
	same := func(*safetensors.File, map[string]any) {}
	f.Add(edited(f, same))
	f.Add(edited(f, func(_ *safetensors.File, m map[string]any) { m["classes"] = []any{} }))
	f.Add(edited(f, func(_ *safetensors.File, m map[string]any) { m["layers"] = nil }))
	f.Add(binary.LittleEndian.AppendUint64(nil, math.MaxUint64))
	rng := rand.New(rand.NewPCG(1, 2))
	for range 3 {
		file, err := encode(integertest.Random(rng))
		if err != nil {
			f.Fatal(err)
		}
		var b bytes.Buffer
		if err := safetensors.Write(&b, file); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		net, err := read(data)
		if err != nil {
			return
		}
		total := 0
		for _, tensor := range net.Tensors {
			total += tensor.Len()
		}
		if total < 1<<16 {
			logits(t, net, make([]float32, net.Tensors[0].Len()), 1)
		}
		again, err := Read(write(t, net))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(net, again) {
			t.Fatalf("got %+v, want %+v", again, net)
		}
	})
}
