package torchfile

import (
	"encoding/binary"
	"strings"
)

// Pieces of pickles at protocol 2, named after their opcodes.
func unicode(s string) string {
	return "X" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(s)))) + s
}
func global(module, name string) string { return "c" + module + "\n" + name + "\n" }
func tuple(items ...string) string      { return "(" + strings.Join(items, "") + "t" }
func dict(items ...string) string       { return "}(" + strings.Join(items, "") + "u" }
func binint(n int32) string {
	return "J" + string(binary.LittleEndian.AppendUint32(nil, uint32(n)))
}
func program(body string) string { return "\x80\x02" + body + "." }

func storageID(class, key string, length int32) string {
	return tuple(unicode("storage"), global("torch", class), unicode(key), unicode("cpu"), binint(length), "N") + "Q"
}

// tensor is a call of _rebuild_tensor_v2 on storage "0", which has four float32.
func tensor(offset int32, shape, stride string) string {
	return rebuild(storageID("FloatStorage", "0", 4), offset, shape, stride)
}

func rebuild(storage string, offset int32, shape, stride string) string {
	return global("torch._utils", "_rebuild_tensor_v2") +
		tuple(storage, binint(offset), shape, stride, "\x89", global("collections", "OrderedDict")+")R") + "R"
}

// legacyHead is how a file of the legacy format begins: magic number and version.
const legacyHead = "\x80\x02" + legacyMagic + "." + "\x80\x02M\xe9\x03."

// legacy is a file of the legacy format whose storage "0", if object uses any, holds the float32 1, 2, 3, 4.
func legacy(object string) []byte {
	head := legacyHead + program(dict(unicode("little_endian"), "\x88")) + program(object)
	if !strings.Contains(object, "Storage") {
		return []byte(head + program("]"))
	}
	b := []byte(head + program("]("+unicode("0")+"e"))
	b = binary.LittleEndian.AppendUint64(b, 4)
	b, err := binary.Append(b, binary.LittleEndian, []float32{1, 2, 3, 4})
	if err != nil {
		panic(err)
	}
	return b
}

var vector = tensor(0, tuple(binint(4)), tuple(binint(1)))
