package torchfile

import (
	"archive/zip"
	"bytes"
	"strings"
	"testing"
)

func TestCheckpointShapes(t *testing.T) {
	state := dict(unicode("w"), vector)
	for name, object := range map[string]string{
		"tensors":            state,
		"state_dict":         dict(unicode("teacher"), state, unicode("state_dict"), state),
		"only dict with any": dict(unicode("epoch"), "K\x07", unicode("model"), state, unicode("optimizer"), dict(unicode("state"), "}")),
		"other values":       dict(unicode("w"), vector, unicode("version"), "K\x02"),
		"parameter":          dict(unicode("w"), global("torch._utils", "_rebuild_parameter")+tuple(vector, "\x88", "}")+"R"),
	} {
		tensors, err := Parse(legacy(object))
		if err != nil || len(tensors) != 1 || tensors[0].Name != "w" || tensors[0].Data[3] != 4 {
			t.Errorf("%s: got %+v, %v", name, tensors, err)
		}
	}
}

func TestRejectsPickles(t *testing.T) {
	state := dict(unicode("w"), vector)
	one := func(object string) string { return dict(unicode("w"), object) }
	shell := global("os", "system") + tuple(unicode("true")) + "R"
	for _, tt := range []struct{ name, object, want string }{
		{"os.system", shell, `class "os.system" is not allowed`},
		{"os.system, dropped", shell + "0" + state, "not allowed"},
		{"builtins.eval", one(global("builtins", "eval")), `class "builtins.eval" is not allowed`},
		// gopickle would accept these four without asking its FindClass hook.
		{"builtins.list", global("builtins", "list"), `class "builtins.list" is not allowed`},
		{"builtins.dict", global("builtins", "dict"), `class "builtins.dict" is not allowed`},
		{"array", global("array", "_array_reconstructor"), `class "array._array_reconstructor" is not allowed`},
		{"reconstructor", global("copy_reg", "_reconstructor"), `class "copy_reg._reconstructor" is not allowed`},
		{"module", global("torch.nn.modules.conv", "Conv2d"), `class "torch.nn.modules.conv.Conv2d" is not allowed`},
		{"storage-like", global("torch", "Float"), "not allowed"},
		{"complex", global("torch", "ComplexFloatStorage"), "not allowed"},
		{"class in another place", global("collections.abc", "OrderedDict"), "not allowed"},
		{"INST", "(ios\nsystem\n", "opcode 0x69"},
		{"STACK_GLOBAL", unicode("os") + unicode("system") + "\x93", "opcode 0x93"},
		{"extension", "\x82\x01", "opcode 0x82"},
		{"FRAME", "\x95\xff\xff\xff\xff\xff\xff\xff\x7f", "opcode 0x95"},
		{"BINUNICODE8", "\x8d\xff\xff\xff\xff\xff\xff\xff\x7f", "opcode 0x8d"},
		{"opcode 0xff", "\xff", "opcode 0xff"},
		{"protocol 4", "\x80\x04", "protocol 4"},
		{"4 GB string", "X\xff\xff\xff\xff", "said to have 4294967295 bytes"},
		{"negative string", "T\xff\xff\xff\xff", "said to have"},
		{"deep", strings.Repeat("(", 5000), "nests more than 1000 deep"},
		{"large", strings.Repeat("N", 5<<20), "more than"},
		{"empty long", "\x8a\x00", "malformed pickle"},
		{"empty stack", "t", "meta stack is empty"},
		{"unknown memo", "h\x09", "is a None"},
		{"odd dict", "}(Nu", "malformed pickle"},
		{"a list that holds itself", "]q\x00h\x00a", "is a list"},
		{"calling a storage", storageID("FloatStorage", "0", 4) + ")R", "REDUCE requires a Callable object"},
		{"state of a tensor", vector + "}(NNub", "BUILD requires"},

		{"a tensor", vector, "is a tensor; expected a dict"},
		{"nothing", "}", "no tensors"},
		{"two candidates", dict(unicode("a"), state, unicode("b"), state), "several entries"},
		{"state_dict without tensors", dict(unicode("state_dict"), "}", unicode("w"), vector), `"state_dict" is a dict without tensors`},
		{"name twice", dict(unicode("w"), vector, unicode("w"), vector), `"w" is there twice`},
		{"number as name", dict("K\x01", vector), "expected a string"},

		{"offset outside", one(tensor(1, tuple(binint(4)), tuple(binint(1)))), "outside its storage of 4"},
		{"negative offset", one(tensor(-1, tuple(binint(1)), tuple(binint(1)))), "outside"},
		{"stride outside", one(tensor(0, tuple(binint(2), binint(2)), tuple(binint(3), binint(1)))), "outside"},
		{"negative stride", one(tensor(3, tuple(binint(4)), tuple(binint(-1)))), "outside"},
		{"negative shape", one(tensor(0, tuple(binint(-4)), tuple(binint(1)))), "outside"},
		{"shape overflow", one(tensor(0, "("+strings.Repeat(binint(1<<30), 5)+"t", "("+strings.Repeat(binint(0), 5)+"t")), "outside"},
		{"stride overflow", one(tensor(0, tuple(binint(5)), tuple("\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x40"))), "outside"},
		{"huge expansion", one(tensor(0, tuple(binint(1<<30)), tuple(binint(0)))), "more elements than the file has bytes"},
		{"many views", dict(unicode("0"), tensor(0, tuple(binint(200)), tuple(binint(0)))+"q\x01", unicode("1"), "h\x01", unicode("2"), "h\x01", unicode("3"), "h\x01"), "more elements than the file has bytes"},
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
	pickle := func(body string) []byte { return []byte(legacyMagic + "\x80\x02" + body) }
	for name, tt := range map[string]struct {
		data []byte
		want string
	}{
		"empty":          {nil, "neither a zip archive nor a legacy file"},
		"listed twice":   {twice, "listed twice"},
		"PROTO alone":    {[]byte(legacyMagic + "\x80"), "the pickle is truncated"},
		"no STOP":        {pickle("N"), "the pickle is truncated"},
		"half BININT":    {pickle("J\x01"), "the pickle is truncated"},
		"half GLOBAL":    {pickle("ctorch\nFloat"), "the pickle is truncated"},
		"half LONG1":     {pickle("\x8a\x02\x01"), "the pickle is truncated"},
		"LONG1 alone":    {pickle("\x8a"), "the pickle is truncated"},
		"half length":    {pickle("X\x01\x00"), "the pickle is truncated"},
		"trailing bytes": {append(bytes.Clone(good), 0), "1 bytes follow"},
		"big-endian":     {big, "big-endian"},
		"lengths differ": {size[:len(size)-8], "the pickle says 4 elements"},
		"cut":            {good[:len(good)-1], "only 15 follow"},
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
		"evil class":      {archiveOf(t, zip.Store, "m/data.pkl", program(global("posix", "system"))), `"posix.system" is not allowed`},
		"no directory":    {good[:60], "zip"},
	} {
		if _, err := Parse(tt.data); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got error %v, want one with %q", name, err, tt.want)
		}
	}
}
