package safetensors

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/internal/mutation"
)

func TestReadAcceptsForeignLayouts(t *testing.T) {
	tests := map[string]struct {
		data  []byte
		names []string
	}{
		"keys not in data order": {file(`{"b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, "xy"), []string{"a", "b"}},
		"unaligned":              {file(`{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]},"b":{"data_offsets":[1,5],"shape":[1,1],"dtype":"F32"}}`, "xyyyy"), []string{"a", "b"}},
		"any JSON space":         {file("{}\r \t\n", ""), nil},
		"empty between":          {file(`{"a":{"dtype":"I8","shape":[1],"data_offsets":[0,1]},"e":{"dtype":"I8","shape":[0,9],"data_offsets":[1,1]},"z":{"dtype":"I8","shape":[1],"data_offsets":[1,2]}}`, "ab"), []string{"a", "e", "z"}},
	}
	for name, tt := range tests {
		f, err := Read(tt.data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var names []string
		for _, tensor := range f.Tensors {
			names = append(names, tensor.Name)
		}
		if !slices.Equal(names, tt.names) {
			t.Errorf("%s: got %q, want %q", name, names, tt.names)
		}
	}
}

func TestReadRejects(t *testing.T) {
	tests := []struct {
		name, want string
		data       []byte
	}{
		{"nothing", "at least 8", nil},
		{"7 bytes", "at least 8", make([]byte, 7)},
		{"header past the end", "only 3 follow", []byte("\x04\x00\x00\x00\x00\x00\x00\x00{} ")},
		{"giant header", "at most 100000000", []byte("\x01\xe1\xf5\x05\x00\x00\x00\x00{}")},
		{"header length 2^64-1", "at most 100000000", []byte("\xff\xff\xff\xff\xff\xff\xff\xff{}")},
		{"not UTF-8", "UTF-8", file("{\"\xff\":{}}", "")},
		{"leading space", "begin", file(" {}", "")},
		{"an array", "begin", file("[]", "")},
		{"truncated JSON", "header", file(`{"a":{"dtype":"U8"`, "")},
		{"second value", "after the JSON object", file(`{}{}`, "")},
		{"trailing bytes", "1 bytes follow", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, "xy")},
		{"trailing bytes, no tensor", "1 bytes follow", file(`{}`, "x")},
		{"missing bytes", "data_offsets [0, 2] are not a range within the file's 1", file(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}`, "x")},
		{"begin after end", "are not a range", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}}`, "x")},
		{"negative offset", "expected an integer of 0 or more", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[-1,0]}}`, "x")},
		{"overlap", "overlap", file(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}`, "xyz")},
		{"same range twice", "overlap", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, "x")},
		{"gap", "gap after 1", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}`, "xyz")},
		{"gap before", "gap after 0", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, "xy")},
		{"shape and size disagree", "takes 8 bytes, found 4", file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, "xxxx")},
		{"product overflows", "overflows", file(`{"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`, "")},
		{"product times size overflows", "overflows", file(`{"a":{"dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,0]}}`, "")},
		{"overflow hidden by 0", "overflows", file(`{"a":{"dtype":"U8","shape":[0,4294967296,4294967296],"data_offsets":[0,0]}}`, "")},
		{"dimension over 64 bits", "expected an integer", file(`{"a":{"dtype":"U8","shape":[18446744073709551617],"data_offsets":[0,1]}}`, "x")},
		{"negative dimension", "expected an integer of 0 or more", file(`{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}}`, "x")},
		{"fractional dimension", "expected an integer", file(`{"a":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}}`, "x")},
		{"shape of strings", "expected an integer", file(`{"a":{"dtype":"U8","shape":["1"],"data_offsets":[0,1]}}`, "x")},
		{"nested shape", "expected an integer", file(`{"a":{"dtype":"U8","shape":[[1]],"data_offsets":[0,1]}}`, "x")},
		{"three offsets", "expected 2", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,1]}}`, "x")},
		{"unknown dtype", "unknown dtype \"F8\"", file(`{"a":{"dtype":"F8","shape":[1],"data_offsets":[0,1]}}`, "x")},
		{"lower-case dtype", "unknown dtype", file(`{"a":{"dtype":"u8","shape":[1],"data_offsets":[0,1]}}`, "x")},
		{"tensor twice", `key "a" is there twice`, file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, "x")},
		{"escaped twin", `key "a" is there twice`, file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\u0061":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}`, "x")},
		{"dtype twice", `key "dtype" is there twice`, file(`{"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}}`, "x")},
		{"metadata twice", `key "__metadata__" is there twice`, file(`{"__metadata__":{},"__metadata__":{}}`, "")},
		{"metadata key twice", `key "k" is there twice`, file(`{"__metadata__":{"k":"a","k":"b"}}`, "")},
		{"metadata of numbers", "expected a string", file(`{"__metadata__":{"k":1}}`, "")},
		{"unknown key", "unexpected key; expected one of", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"Shape":[1]}}`, "x")},
		{"missing shape", "2 of the keys", file(`{"a":{"dtype":"U8","data_offsets":[0,1]}}`, "x")},
		{"null tensor", `expected "{"`, file(`{"a":null}`, "")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Read(tt.data)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
		})
	}
}

// FuzzRead checks that any input is refused or read, and that what was read is written and read back unchanged.
func FuzzRead(f *testing.F) {
	f.Add(marshal(f, everyDtype()))
	f.Add(marshal(f, &File{}))
	f.Add(file(`{"a":{"dtype":"U8","shape":[0,2],"data_offsets":[0,0]},"b":{"dtype":"F16","shape":[],"data_offsets":[0,2]}}`, "xy"))
	f.Fuzz(checkRead)
}

func checkRead(t *testing.T, data []byte) {
	t.Helper()
	first, err := Read(data)
	if err != nil {
		return
	}
	for _, tensor := range first.Tensors {
		if tensor.Dtype == F32 || tensor.Dtype == F16 || tensor.Dtype == BF16 {
			if _, err := first.Float32s(tensor.Name); err != nil {
				t.Error(err)
			}
		}
	}
	written := marshal(t, first)
	second, err := Read(written)
	if err != nil {
		t.Fatalf("%v\n%q", err, written)
	}
	if !reflect.DeepEqual(first.Metadata, second.Metadata) || len(first.Tensors) != len(second.Tensors) {
		t.Fatalf("got %+v, want %+v", second, first)
	}
	for _, want := range first.Tensors {
		if got, err := second.Get(want.Name); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
	if !bytes.Equal(marshal(t, second), written) {
		t.Error("writing twice gave different bytes")
	}
}

// A storm of damaged files: each is refused or read.
func TestDamagedFiles(t *testing.T) {
	mutation.Storm(t, marshal(t, everyDtype()), func(damaged []byte) { checkRead(t, damaged) })
}

// A hostile file takes memory in proportion to its size, whatever it promises.
func TestReadMemory(t *testing.T) {
	huge := binary.LittleEndian.AppendUint64(nil, maxHeader)
	for name, data := range map[string][]byte{
		"promised header":  append(huge, '{'),
		"promised tensors": file(`{"a":{"dtype":"F32","shape":[1000000,1000000],"data_offsets":[0,4000000000000]}}`, ""),
		"long shape":       file(`{"a":{"dtype":"F32","shape":[`+strings.Repeat("1,", 400_000)+`1],"data_offsets":[0,4]}}`, "abc"),
		"many metadata":    file(`{"__metadata__":{`+strings.Repeat(`"a":"",`, 100_000)+`"b":""}}`, ""),
		"nested":           file(`{"a":`+strings.Repeat("[", 400_000), ""),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Read(data)
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		if got := after.TotalAlloc - before.TotalAlloc; got > 100*uint64(len(data))+1<<16 {
			t.Errorf("%s: %d bytes are allocated for a file of %d", name, got, len(data))
		}
	}
}
