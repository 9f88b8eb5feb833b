package torchfile

import (
	"archive/zip"
	"bytes"
	"strings"
	"testing"
)

func TestCheckpointShapes(t *testing.T) {
	state := dict(unicode("w"), vector)
	call := func(module, name string, args ...string) string { return global(module, name) + tuple(args...) + "R" }
	for _, tt := range []struct {
		name, object string
		want         string // paths of the dicts
	}{
		{"tensors", state, ""},
		{"state_dict", dict(unicode("teacher"), state, unicode("state_dict"), state), "teacher state_dict"},
		{"nested", dict(unicode("epoch"), "K\x07", unicode("ema"), dict(unicode("module"), state), unicode("optimizer"), dict(unicode("state"), "}")), "ema.module"},
		{"beside", dict(unicode("net"), state, unicode("w"), vector), " net"},
		{"other values", dict(unicode("w"), vector, unicode("version"), "K\x02"), ""},
		{"numbers as names", dict(unicode("w"), vector, "K\x01", vector), ""},
		{"parameter", dict(unicode("w"), call("torch._utils", "_rebuild_parameter", vector, "\x88", "}")), ""},
		{"attributes", dict(unicode("w"), call("torch._tensor", "_rebuild_from_type_v2",
			global("torch._utils", "_rebuild_parameter"), global("torch.nn.parameter", "Parameter"), tuple(vector, "\x88", "}"), "}")), ""},
		{"OrderedDict", global("collections", "OrderedDict") + ")R(" + unicode("w") + vector + "u}(" + unicode("_metadata") + "}ub", ""},
		{"OrderedDict of Python 2", call("collections", "OrderedDict", "](](U\x01w"+vector+"ee"), ""},
		{"a list that is no pair", call("collections", "OrderedDict", "](](U\x01x"+vector+"Ne](U\x01w"+vector+"ee"), ""},
		{"many sets", dict(unicode("a"), strings.Repeat("(N\x910\x8f(N\x900", maxMarks)+"N", unicode("w"), vector), ""},
		{"defaultdict", call("collections", "defaultdict", global("__builtin__", "list")) + "(" + unicode("w") + vector + "u", ""},
		{"a class of the user's", global("my", "Dict") + ")\x81(" + unicode("w") + vector + "u}b", ""},
		{"made of a dict", call("my", "Dict", state), ""},
		{"protocol 4", "\x80\x04\x95\x02\x00\x00\x00\x00\x00\x00\x00}\x94\x8c\x01w\x94" + vector + "s", ""},
		{"STACK_GLOBAL", dict(unicode("c"), unicode("os")+unicode("system")+"\x93", unicode("w"), vector), ""},
		{"a frame beyond the file", "\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f" + state, ""},
		{"sets and bytes", dict(unicode("a"), "\x8f\x94(C\x01xK\x01\x90", unicode("b"), "(B\x01\x00\x00\x00xN\x91", unicode("c"), "\x96\x01\x00\x00\x00\x00\x00\x00\x00x", unicode("w"), vector), ""},
		{"keyword arguments", dict(unicode("a"), global("my", "C")+"))\x92", unicode("w"), vector), ""},
		{"a method", dict(unicode("a"), call("__builtin__", "getattr", global("my", "C"), unicode("f"))+")R", unicode("w"), vector), ""},
	} {
		dicts, err := Parse(legacy(tt.object))
		var paths []string
		for _, d := range dicts {
			paths = append(paths, d.Path)
			if data, err := d.Tensors[0].Float32s(); err != nil || d.Tensors[0].Name != "w" || len(data) != 4 || data[3] != 4 {
				t.Errorf("%s: got %v %v, %v", tt.name, d, data, err)
			}
		}
		if err != nil || strings.Join(paths, " ") != tt.want || len(dicts) == 0 {
			t.Errorf("%s: got dicts %q, %v; want %q", tt.name, paths, err, tt.want)
		}
	}
}

// A call in a pickle gives an object that does nothing, whatever is called.
func TestNothingRuns(t *testing.T) {
	for _, call := range []string{
		global("os", "system") + tuple(unicode("true")) + "R",
		unicode("posix") + unicode("system") + "\x93" + tuple(unicode("true")) + "R",
		global("builtins", "eval") + tuple(unicode("1")) + "\x81",
		global("array", "_array_reconstructor") + tuple("N", unicode("u"), "K\x12", "C\x01x") + "R",
		unicode("array") + unicode("_array_reconstructor") + "\x93" + tuple("N", unicode("u"), "K\x12", "C\x01x") + "R",
		global("copy_reg", "_reconstructor") + tuple(global("__builtin__", "object"), "N") + "R",
		global("builtins", "list") + "(]tR",
	} {
		v, _, err := unpickle([]byte(program(call)), nil)
		if o, ok := v.(*object); err != nil || !ok || len(o.entries) != 0 {
			t.Errorf("%q: got %T, %v", call, v, err)
		}
		if _, err := Parse(legacy(dict(unicode("x"), call, unicode("w"), vector))); err != nil {
			t.Errorf("%q: %v", call, err)
		}
		if _, err := Parse(legacy(call)); err == nil || !strings.Contains(err.Error(), "the checkpoint is an object of class") {
			t.Errorf("%q: %v", call, err)
		}
	}
}

func TestUnreadableTensors(t *testing.T) {
	for name, tt := range map[string]struct{ object, want string }{
		"sparse":      {global("torch._utils", "_rebuild_sparse_tensor") + ")R", `tensor "x": it is sparse; save its to_dense()`},
		"quantized":   {global("torch._utils", "_rebuild_qtensor") + ")R", `tensor "x": it is quantized by PyTorch`},
		"meta":        {global("torch._utils", "_rebuild_meta_tensor_no_storage") + ")R", "has no values"},
		"of tomorrow": {global("torch._utils", "_rebuild_tensor_v9") + ")R", "torch._utils._rebuild_tensor_v9"},
		"negated": {global("torch._utils", "_rebuild_tensor_v2") + tuple(storageID("FloatStorage", "0", 4), "K\x00", ")", ")", "\x89", "}", dict(unicode("neg"), "\x88")) + "R",
			"yet to conjugate or negate"},
		"a subclass": {global("torch._tensor", "_rebuild_from_type_v2") + ")R", "of a subclass"},
		"complex":    {rebuild(storageID("ComplexFloatStorage", "0", 4), 0, ")", ")"), "the dtype complex64"},
	} {
		file := legacy(dict(unicode("x"), tt.object))
		if name == "complex" { // four elements of 8 bytes
			file = append(file, make([]byte, 16)...)
		}
		dicts, err := Parse(file)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, err := dicts[0].Tensors[0].Float32s(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
}

func TestRejectsPickles(t *testing.T) {
	state := dict(unicode("w"), vector)
	one := func(object string) string { return dict(unicode("w"), object) }
	many := dict(unicode("0"), state)
	for range 12 { // 12 dicts, each 90 times in the next
		many = "}(" + unicode("d") + many + "q\x01" + strings.Repeat(unicode("a")+"h\x01", 90) + "u"
	}
	for _, tt := range []struct{ name, object, want string }{
		{"storage-like", one(tuple(unicode("storage"), global("torch", "FloatingStorage"), unicode("0"), unicode("cpu"), binint(4), "N") + "Q"), `unknown class "torch.FloatingStorage"`},
		{"class in another place", one(rebuild(tuple(unicode("storage"), global("torch.cuda", "FloatStorage"), unicode("0"), unicode("cpu"), binint(4), "N")+"Q", 0, ")", ")")), "unknown class"},
		{"INST", "(ios\nsystem\n", "opcode 0x69"},
		{"OBJ", "(" + global("os", "system") + "o", "opcode 0x6f"},
		{"class without a name", "NN\x93", "the name of a class is not a string"},
		{"extension", "\x82\x01", "opcode 0x82"},
		{"out-of-band buffer", "\x97", "opcode 0x97"},
		{"LONG4", "\x8b\x01\x00\x00\x00\x01", "opcode 0x8b"},
		{"BINUNICODE8", "\x8d\xff\xff\xff\xff\xff\xff\xff\x7f", "said to have 9223372036854775807 bytes"},
		{"BYTEARRAY8", "\x96\xff\xff\xff\xff\xff\xff\xff\xff", "said to have 18446744073709551615 bytes"},
		{"dicts in dicts in dicts", many, "more than 1048576 entries"},
		{"lists of nothing in OrderedDicts", "}(" + unicode("a") + global("collections", "OrderedDict") + "](" + strings.Repeat("N", 1<<15) + "e\x85Rq\x01" +
			strings.Repeat(unicode("a")+"h\x01", 100) + "u", "more than 1048576 entries"},
		{"a long key", dict(unicode(strings.Repeat("k", 2000)), state), "no dict of tensors"},
		{"a deep dict", strings.Repeat("}"+unicode("d"), 20) + state + strings.Repeat("s", 20), "no dict of tensors"},
		{"opcode 0xff", "\xff", "opcode 0xff"},
		{"protocol 1", "\x80\x01", "protocol 1"},
		{"protocol 6", "\x80\x06", "protocol 6"},
		{"4 GB string", "X\xff\xff\xff\xff", "said to have 4294967295 bytes"},
		{"negative string", "T\xff\xff\xff\xff", "said to have"},
		{"deep", strings.Repeat("(", 5000), "nests more than 1000 deep"},
		{"large", strings.Repeat("N", 5<<20), "more than"},
		{"empty long", "\x8a\x00", "malformed pickle"},
		{"empty stack", "t", "meta stack is empty"},
		{"unknown memo", "h\x09", "is None"},
		{"odd dict", "}(Nu", "malformed pickle"},
		{"a list that holds itself", "]q\x00h\x00a", "is a list"},
		{"calling a storage", storageID("FloatStorage", "0", 4) + ")R", "REDUCE requires a Callable object"},
		{"state of a tensor", vector + "}(NNub", "BUILD requires"},

		{"a tensor", vector, "is a tensor; expected a dict"},
		{"nothing", "}", "no dict of tensors, such as model.state_dict(), in the checkpoint {}"},
		{"a module", dict(unicode("model"), global("my", "Net")+")R"), `{"model": an object of class "my.Net"}`},
		{"name twice", dict(unicode("w"), vector, unicode("w"), vector), `"w" is there twice`},
		{"number as name", dict("K\x01", vector), "no dict of tensors"},

		{"offset outside", one(tensor(1, tuple(binint(4)), tuple(binint(1)))), "outside its storage of 4"},
		{"negative offset", one(tensor(-1, tuple(binint(1)), tuple(binint(1)))), "outside"},
		{"stride outside", one(tensor(0, tuple(binint(2), binint(2)), tuple(binint(3), binint(1)))), "outside"},
		{"negative stride", one(tensor(3, tuple(binint(4)), tuple(binint(-1)))), "outside"},
		{"negative shape", one(tensor(0, tuple(binint(-4)), tuple(binint(1)))), "outside"},
		{"shape overflow", one(tensor(0, "("+strings.Repeat(binint(1<<30), 5)+"t", "("+strings.Repeat(binint(0), 5)+"t")), "outside"},
		{"stride overflow", one(tensor(0, tuple(binint(5)), tuple("\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x40"))), "outside"},
		{"stride of another rank", one(tensor(0, tuple(binint(2), binint(2)), tuple(binint(1)))), "malformed arguments"},
		{"shape as list", one(tensor(0, "]", "]")), "malformed arguments"},
		{"float in shape", one(tensor(0, tuple("G\x40\x10\x00\x00\x00\x00\x00\x00"), tuple(binint(1)))), "malformed arguments"},
		{"not a storage", one(rebuild("K\x01", 0, ")", ")")), "malformed arguments"},
		{"no arguments", one(global("torch._utils", "_rebuild_tensor") + ")R"), "expected at least 4"},
		{"parameter of nothing", one(global("torch._utils", "_rebuild_parameter") + ")R"), "expected a tensor first"},
		{"giant storage", one(rebuild(storageID("FloatStorage", "0", 1<<30), 0, ")", ")")), "said to have 1073741824 elements"},
		{"negative storage", one(rebuild(storageID("FloatStorage", "0", -1), 0, ")", ")")), "said to have -1 elements"},
		{"two types of a storage", dict(unicode("a"), vector, unicode("b"), rebuild(storageID("IntStorage", "0", 4), 0, ")", ")")), "is used as"},
		{"storage not in the file", one(rebuild(storageID("FloatStorage", "1", 4), 0, ")", ")")), "listed"},
		{"identifier of a module", one(tuple(unicode("module"), "N", "N", "N", "N") + "Q"), "not that of a storage"},
		{"module of no class", one(tuple(unicode("module"), "N", "N", "N") + "Q)R"), "REDUCE requires a Callable object"},
		{"view of a storage", one(tuple(unicode("storage"), global("torch", "FloatStorage"), unicode("0"), unicode("cpu"), binint(4), tuple("N", "N", "N")) + "Q"), "before 0.4"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse(legacy(tt.object))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
			if err != nil && len(err.Error()) > 1000 {
				t.Errorf("the message has %d bytes", len(err.Error()))
			}
		})
	}
}

func TestRejectsLegacyFiles(t *testing.T) {
	good := legacy(dict(unicode("w"), vector))
	big := bytes.Replace(good, []byte("little_endian\x88"), []byte("little_endian\x89"), 1)
	size := bytes.Clone(good)
	size[len(size)-17] = 0x80 // the highest byte of the storage's length
	twice := bytes.Replace(good, []byte("]("+unicode("0")+"e"), []byte("]("+unicode("0")+unicode("0")+"e"), 1)
	pickle := func(body string) []byte { return []byte(legacyHead + "\x80\x02" + body) }
	for name, tt := range map[string]struct {
		data []byte
		want string
	}{
		"empty":                 {nil, "neither a zip archive nor a legacy file"},
		"listed twice":          {twice, "listed twice"},
		"PROTO alone":           {[]byte(legacyHead + "\x80"), "the pickle is truncated"},
		"no STOP":               {pickle("N"), "the pickle is truncated"},
		"half BININT":           {pickle("J\x01"), "the pickle is truncated"},
		"half GLOBAL":           {pickle("ctorch\nFloat"), "the pickle is truncated"},
		"half LONG1":            {pickle("\x8a\x02\x01"), "said to have 2 bytes, but only 1"},
		"LONG1 alone":           {pickle("\x8a"), "the pickle is truncated"},
		"half length":           {pickle("X\x01\x00"), "the pickle is truncated"},
		"trailing bytes":        {append(bytes.Clone(good), 0), "1 bytes follow"},
		"big-endian":            {big, "big-endian"},
		"a storage in the head": {[]byte("\x80\x02" + legacyMagic + "." + program(tuple("N", "N", "N")+"Q")), "a storage where none is expected"},
		"another version":       {bytes.Replace(good, []byte("M\xe9\x03"), []byte("M\xea\x03"), 1), "not of version 1001"},
		"an empty OrderedDict":  {legacy(global("collections", "OrderedDict") + ")R"), "no dict of tensors"},
		"lengths differ":        {size[:len(size)-8], "the pickle says 4 elements"},
		"cut":                   {good[:len(good)-1], "only 15 follow"},
	} {
		if _, err := Parse(tt.data); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got error %v, want one with %q", name, err, tt.want)
		}
	}
}

// archiveOf writes a zip archive of entries given as name, content, name, content, ...
func archiveOf(t testing.TB, method uint16, entries ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(entries); i += 2 {
		f, err := w.CreateHeader(&zip.FileHeader{Name: entries[i], Method: method})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(entries[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRejectsArchives(t *testing.T) {
	pickle := program(dict(unicode("w"), vector))
	const numbers = "0123456789abcdef" // 4 float32
	good := archiveOf(t, zip.Store, "m/data.pkl", pickle, "m/data/0", numbers, "m/byteorder", "little")
	if tensors, err := Parse(good); err != nil || len(tensors) != 1 {
		t.Fatalf("got %v, %v", tensors, err)
	}
	// Record i of the central directory, as in the ZIP specification, 4.3.12.
	record := func(b []byte, i int) []byte {
		for range i + 1 {
			b = b[bytes.Index(b, []byte("PK\x01\x02"))+1:]
		}
		return b[:45]
	}
	disguised := bytes.Clone(good)
	record(disguised, 0)[9] = byte(zip.Deflate)
	// Storages 1 to 9 have the bytes of storage 0: together more than the file.
	entries, all := []string{"m/data/0", strings.Repeat("x", 4096)}, ""
	for i := range 10 {
		key := string(rune('0' + i))
		all += unicode(key) + rebuild(storageID("ByteStorage", key, 4096), 0, ")", ")")
		if i > 0 {
			entries = append(entries, "m/data/"+key, "")
		}
	}
	overlapping := archiveOf(t, zip.Store, append(entries, "m/data.pkl", program(dict(all)))...)
	for i := 1; i < 10; i++ {
		copy(record(overlapping, i)[15:27], record(overlapping, 0)[15:27]) // CRC-32 and sizes
		copy(record(overlapping, i)[41:45], record(overlapping, 0)[41:45]) // place
	}
	damaged := bytes.Replace(good, []byte(numbers), []byte("0123456789abcdeF"), 1)
	for name, tt := range map[string]struct {
		data []byte
		want string
	}{
		"compressed":      {archiveOf(t, zip.Deflate, "m/data.pkl", pickle, "m/data/0", numbers), "is compressed"},
		"equal sizes":     {disguised, "is compressed"},
		"overlapping":     {overlapping, "have more bytes than the file"},
		"calls a storage": {archiveOf(t, zip.Store, "m/data.pkl", program(storageID("FloatStorage", "0", 4)+")R"), "m/data/0", numbers), "Callable object: storage"},
		"damaged":         {damaged, "CRC-32"},
		"no pickle":       {archiveOf(t, zip.Store, "m/data/0", numbers), "no entry NAME/data.pkl"},
		"no storage":      {archiveOf(t, zip.Store, "m/data.pkl", pickle), `no entry "m/data/0"`},
		"short storage":   {archiveOf(t, zip.Store, "m/data.pkl", pickle, "m/data/0", "0123"), "takes 16 bytes, but its entry in the archive has 4"},
		"entry twice":     {archiveOf(t, zip.Store, "m/data.pkl", pickle, "m/data.pkl", pickle), "is there twice"},
		"two checkpoints": {archiveOf(t, zip.Store, "m/data.pkl", pickle, "n/data.pkl", pickle), "several folders"},
		"TorchScript":     {archiveOf(t, zip.Store, "m/data.pkl", pickle, "m/constants.pkl", ""), "TorchScript"},
		"big-endian":      {archiveOf(t, zip.Store, "m/data.pkl", pickle, "m/byteorder", "big"), "big-endian"},
		"after the STOP":  {archiveOf(t, zip.Store, "m/data.pkl", pickle+"N", "m/data/0", numbers), "follow the pickle"},
		"not a dict":      {archiveOf(t, zip.Store, "m/data.pkl", program(global("posix", "system"))), `the checkpoint is a class`},
		"no directory":    {good[:60], "zip"},
	} {
		if _, err := Parse(tt.data); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got error %v, want one with %q", name, err, tt.want)
		}
	}
}
