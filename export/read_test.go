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
	"github.com/qat-go/qat/internal/mutation"
	"github.com/qat-go/qat/internal/safetensors"
)

// edited returns the bytes of small's file after a change of its manifest or of the
// file's parts.
func edited(t testing.TB, change func(f *safetensors.File, m map[string]any)) []byte {
	t.Helper()
	f, err := encode(small())
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	text := part(f, manifestName)
	if err := json.Unmarshal(text.Data, &m); err != nil {
		t.Fatal(err)
	}
	before := string(text.Data)
	change(f, m)
	if text := part(f, manifestName); text != nil && string(text.Data) == before {
		js, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		setBytes(f, manifestName, js)
	}
	var b bytes.Buffer
	if err := safetensors.Write(&b, f); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// part is a tensor of the file.
func part(f *safetensors.File, name string) *safetensors.Tensor {
	for i := range f.Tensors {
		if f.Tensors[i].Name == name {
			return &f.Tensors[i]
		}
	}
	return nil
}

func setBytes(f *safetensors.File, name string, data []byte) {
	*part(f, name) = bytesTensor(name, data)
}

// cell returns a pointer to the value of a row of the manifest in the given column.
func cell(m map[string]any, list string, i int, column string) *any {
	row := m[list].([]any)[i].([]any)
	names := columns[list]
	if list == "layers" {
		names = columns[row[0].(string)]
	}
	return &row[slices.Index(names, column)]
}

func read(data []byte) (*integer.Network, error) {
	f, err := safetensors.Read(data)
	if err != nil {
		return nil, err
	}
	return decode(f)
}

func TestReadRejects(t *testing.T) {
	type change = func(f *safetensors.File, m map[string]any)
	set := func(i int, column string, v any) change {
		return func(_ *safetensors.File, m map[string]any) { *cell(m, "layers", i, column) = v }
	}
	setTensor := func(i int, column string, v any) change {
		return func(_ *safetensors.File, m map[string]any) { *cell(m, "tensors", i, column) = v }
	}
	put := func(key string, v any) change {
		return func(_ *safetensors.File, m map[string]any) { m[key] = v }
	}
	raw := func(name string, data func([]byte) []byte) change {
		return func(f *safetensors.File, _ map[string]any) { setBytes(f, name, data(part(f, name).Data)) }
	}
	more := func(data []byte) []byte { return append(data, 0) }
	less := func(data []byte) []byte { return data[:len(data)-1] }
	scales := func(n int) change {
		return func(f *safetensors.File, _ map[string]any) {
			*part(f, scalesName) = safetensors.NewTensor(scalesName, []int{n}, slices.Repeat([]float32{1}, n))
		}
	}
	tests := map[string]struct {
		change change
		want   string
	}{
		"another format":  {func(f *safetensors.File, m map[string]any) { f.Metadata[formatKey] = "pt" }, "not an integer network"},
		"another version": {func(f *safetensors.File, m map[string]any) { f.Metadata[versionKey] = "1" }, `the file has version "1", this program reads versions 2 and 3; export the network again`},
		"a tensor too many": {func(f *safetensors.File, m map[string]any) {
			f.Tensors = append(f.Tensors, safetensors.NewTensor("x", nil, []int8{1}))
		}, "5 tensors, want weights, biases, scales and manifest"},
		"no manifest": {func(f *safetensors.File, m map[string]any) { part(f, manifestName).Name = "x" }, `no tensor "manifest"`},
		"manifest of floats": {func(f *safetensors.File, m map[string]any) {
			*part(f, manifestName) = safetensors.NewTensor(manifestName, nil, []float32{1})
		}, "has dtype F32"},
		"scales of bytes": {func(f *safetensors.File, m map[string]any) {
			*part(f, scalesName) = bytesTensor(scalesName, make([]byte, 4))
		}, "wanted dtype F32"},
		"text after manifest": {raw(manifestName, func(data []byte) []byte { return append(data, "{}"...) }), "unexpected text"},
		"manifest not UTF-8":  {raw(manifestName, func(data []byte) []byte { return []byte("{\"name\":\"\xff\"}") }), "not valid UTF-8"},
		"large manifest":      {raw(manifestName, func(data []byte) []byte { return append(data, make([]byte, maxManifest)...) }), "at most"},
		"unknown key":         {put("dilation", 2), `unknown field "dilation"`},
		"other columns":       {func(f *safetensors.File, m map[string]any) { m["columns"].(map[string]any)["add"] = []any{"a"} }, `the columns of "add" are ["a"], this program wants`},
		"columns missing":     {func(f *safetensors.File, m map[string]any) { delete(m["columns"].(map[string]any), "linear") }, `the columns of "linear" are []`},
		"columns of tensors":  {func(f *safetensors.File, m map[string]any) { delete(m["columns"].(map[string]any), "tensors") }, `the columns of "tensors" are []`},
		"columns of others":   {func(f *safetensors.File, m map[string]any) { m["columns"].(map[string]any)["dense"] = []any{} }, `the columns of "dense"`},
		"null layer":          {put("layers", []any{nil}), "begins with its kind"},
		"number for a layer":  {put("layers", []any{1}), "cannot unmarshal"},
		"null tensor":         {put("tensors", []any{nil}), "a row of 0 values, want 8: name, height, width"},
		"no layers":           {func(f *safetensors.File, m map[string]any) { m["layers"] = nil }, "no layer uses the last"},
		"target":              {put("target", "float16"), `unknown target "float16"`},
		"two means":           {put("mean", []any{0, 0}), "2 means"},
		"four deviations":     {put("std", []any{1, 1, 1, 1}), "4 standard deviations"},
		"std 0":               {put("std", []any{1, 0, 1}), "standard deviation 0"},
		"classes":             {put("classes", []any{"a"}), "2 outputs for 1 classes"},
		"short tensor":        {func(f *safetensors.File, m map[string]any) { m["tensors"].([]any)[0] = []any{"a", 4} }, "a row of 2 values, want 8"},
		"scale too large":     {setTensor(0, "scale", 1e300), "column scale"},
		"null scale":          {setTensor(0, "scale", nil), "column scale: strconv"},
		"zero point 256":      {setTensor(0, "zero_point", 256), "column zero_point"},
		"bits 4.5":            {setTensor(0, "bits", 4.5), "column bits"},
		"range":               {setTensor(0, "range", "both"), `range "both", want unsigned, signed or narrow`},
		"unknown kind":        {set(1, "kind", "softmax"), `begins with its kind, one of add, `},
		"a list of tensors":   {set(1, "kind", "tensors"), `begins with its kind`},
		"input -1":            {set(0, "input", -1), "tensor -1"},
		"input beyond":        {set(5, "input", 99), "tensor 99"},
		"input of requantize": {set(1, "input", 99), "reads tensor 99"},
		"output beyond":       {set(0, "output", 99), "tensor 99"},
		"no stride":           {set(0, "stride", 0), "stride 0"},
		"lo 256":              {set(1, "lo", 256), "column lo"},
		"lo negative":         {set(2, "lo", -1), "column lo"},
		"hi out of range":     {set(0, "hi", 16), "within 0..15"},
		"int0":                {set(0, "weights", "int0"), `weights "int0", want int2 to int8 or sign`},
		"float8":              {set(0, "weights", "float8"), `weights "float8"`},
		"bias bits 0":         {set(0, "bias_bits", 0), "biases of 0 bits"},
		"bias bits 33":        {set(5, "bias_bits", 33), "biases of 33 bits"},
		"fewer weight bits":   {set(0, "weights", "int3"), "the last"},
		"more weight bits":    {set(0, "weights", "int5"), "29 bytes of weights are left, which do not hold shape [2 3 3 3] of 5 bits"},
		"huge kernel":         {set(0, "kernel", 1<<40), "do not hold shape"},
		"kernel 0":            {set(0, "kernel", 0), "do not hold shape"},
		"huge classes":        {set(5, "classes", 1<<40), "do not hold shape"},
		"weights missing":     {raw(weightsName, less), "do not hold shape"},
		"weights left":        {raw(weightsName, more), "the last 1 bytes of weights, 0 bytes of biases and 0 scales"},
		"biases missing":      {raw(biasesName, less), "biases: the data is too short"},
		"biases left":         {raw(biasesName, more), "the last 0 bytes of weights, 1 bytes of biases"},
		"scales missing":      {scales(3), "1 scales are left, want 2"},
		"scales left":         {scales(5), "and 1 scales"},
		"padding bits":        {raw(biasesName, func(data []byte) []byte { data[len(data)-1] |= 0x80; return data }), "are not 0"},
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
			setBytes(f, manifestName, []byte(`{"`+list+`":[`+entry+strings.Repeat(","+entry, 900_000/(len(entry)+1))+`]}`))
		})
	}
	for name, data := range map[string][]byte{
		"empty tensors":  many("tensors", `[]`),
		"tensors":        many("tensors", `["",1,1,1,1,"signed",1,1]`),
		"nulls":          many("tensors", `[null,1,1,1,1,"signed",1,1]`),
		"empty layers":   many("layers", `[]`),
		"layers":         many("layers", `["add","",0,0,0,0,0]`),
		"classes":        many("classes", `""`),
		"means":          many("mean", `0`),
		"nested":         many("mean", strings.Repeat("[", 5000)+strings.Repeat("]", 5000)),
		"nested layer":   many("layers", strings.Repeat("[", 5000)+strings.Repeat("]", 5000)),
		"long row":       many("layers", `[`+strings.Repeat("0,", 400_000)+`0]`),
		"a large tensor": edited(t, func(_ *safetensors.File, m map[string]any) { *cell(m, "tensors", 0, "height") = 1 << 40 }),
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
	f.Add(edited(f, func(_ *safetensors.File, m map[string]any) { m["target"] = "dyadic" }))
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
	f.Fuzz(checkRead)
}

func checkRead(t *testing.T, data []byte) {
	t.Helper()
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
	f, err := encode(net)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer // not a file, whose sync takes most of the time
	if err := safetensors.Write(&b, f); err != nil {
		t.Fatal(err)
	}
	again, err := read(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(net, again) {
		t.Fatalf("got %+v, want %+v", again, net)
	}
}

// A storm of damaged exports: each is refused or read.
func TestDamagedExports(t *testing.T) {
	same := func(*safetensors.File, map[string]any) {}
	mutation.Storm(t, edited(t, same), func(damaged []byte) { checkRead(t, damaged) })
}
