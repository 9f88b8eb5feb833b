"""Runs an exported integer network on one image, with nothing but Python.

    python3 run.py MODEL.safetensors PIXELS
    python3 run.py MODEL.npz PIXELS

PIXELS is a file of H*W*C bytes, row by row, red, green and blue of each pixel; of a
network of real numbers H*W*C little-endian float32.
Prints a line for each class: the bits of the float32 logit in hexadecimal, the
logit, and the class; with target dyadic, which it reads from NumPy's archives
alone, the logit's integer and the class. It is slow on purpose: every line is one
of the equations in docs/arithmetic.md, and its logits have the same bits as those
of qat.
"""

import ast
import json
import struct
import sys
import zipfile
from fractions import Fraction


def f32(v):
    """Rounds to float32. One operation on float32 numbers, done in Python's
    float64 and rounded by f32, gives the bits of the float32 operation."""
    try:
        return struct.unpack("<f", struct.pack("<f", v))[0]
    except OverflowError:
        return float("inf") if v > 0 else float("-inf")


def rounding(layer, i, tensor, lo, hi):
    """What takes a sum to a code, by the layer's i-th multiplier."""
    m = layer["multiplier"][i]
    if "shift" in layer:
        return lambda acc: to_code(shifted(acc * m, layer["shift"][i]), tensor, lo, hi)
    return lambda acc: to_code(f32(f32(acc) * m), tensor, lo, hi)


def shifted(product, shift):
    return round(Fraction(product, 2**shift))


def to_code(v, tensor, lo, hi):
    """Rounds half to even (as Python's round does), adds the zero point, clamps."""
    v = min(max(v, -1000.0), 1000.0)  # beyond every code; round takes no infinity
    return min(max(round(v) + tensor["zero_point"], lo), hi)


def code_range(tensor):
    bits, zero_point = tensor["bits"], tensor["zero_point"]
    if tensor["range"] == "unsigned":
        return 0, 2**bits - 1
    return zero_point - 2 ** (bits - 1) + (tensor["range"] == "narrow"), zero_point + 2 ** (bits - 1) - 1


class Model:
    """The network of a manifest. Its rows become objects; the scale of a tensor is a float32."""

    def __init__(self, manifest):
        self.manifest = m = json.loads(manifest.decode("utf-8"))
        columns = m["columns"]
        self.tensors = [dict(zip(columns["tensors"], row)) for row in m["tensors"]]
        for t in self.tensors:
            t["scale"] = f32(t["scale"])
        self.layers = [dict(zip(columns[row[0]], row)) for row in m["layers"]]
        self.mean, self.std = [f32(v) for v in m["mean"]], [f32(v) for v in m["std"]]
        self.real = m.get("input") == "real"
        for layer in self.layers:
            if "kernel" in layer:
                k, s, p = layer["kernel"], layer["stride"], layer["padding"]
                layer.update(kernel_size=(k, k), strides=(s, s), pads=(p, p, p, p))
            if layer["kind"] == "conv":
                layer["groups"] = 1


def read_safetensors(data):
    (n,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + n])
    metadata = header.pop("__metadata__")
    assert (metadata["format"], metadata["version"]) == ("qat.integer", "3")
    part = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        part[name] = data[8 + n + begin : 8 + n + end]
    model = Model(part["manifest"])
    assert model.manifest["target"] == "float32"
    unpack(model, part)
    return model


def unpack(model, part):
    """Cuts weights, biases and scales into those of the layers, and gives these their multipliers."""
    at = {name: 0 for name in part}

    def fields(name, n, bits):
        size = (n * bits + 7) // 8
        stream = int.from_bytes(part[name][at[name] : at[name] + size], "little")
        at[name] += size
        values = [stream >> (i * bits) & (2**bits - 1) for i in range(n)]
        return [v - 2**bits if v >> (bits - 1) else v for v in values]

    for layer in model.layers:
        kind = layer["kind"]
        t = model.tensors[layer.get("input", 0)]
        out = model.tensors[layer.get("output", 0)]
        if kind == "lookup":
            lo, hi = code_range(t)
            size = (hi - lo + 1) * layer["tables"]
            layer["table"] = part["weights"][at["weights"] : at["weights"] + size]
            at["weights"] += size
        if kind == "average_pool":
            layer["multiplier"] = [f32(t["scale"] / f32(out["scale"] * (t["height"] * t["width"])))]
        if kind == "average_window":
            pixels = layer["kernel_size"][0] * layer["kernel_size"][1]
            layer["multiplier"] = [f32(t["scale"] / f32(out["scale"] * n)) for n in range(1, pixels + 1)]
        if "weights" not in layer:
            continue
        inputs = t["channels"]
        if "groups" in layer:
            outputs, size = out["channels"], layer["kernel_size"][0] * layer["kernel_size"][1]
            inputs //= layer["groups"]
        else:
            outputs, size = layer["classes"], t["height"] * t["width"]
        if layer["weights"] == "sign":
            flat = [2 * v + 1 for v in fields("weights", outputs * inputs * size, 1)]
        else:
            flat = fields("weights", outputs * inputs * size, int(layer["weights"][3:]))
        # [out][in][height*width]
        layer["w"] = [[flat[(o * inputs + i) * size :][:size] for i in range(inputs)] for o in range(outputs)]
        layer["bias"] = fields("biases", outputs, layer["bias_bits"])
        layer["scale"] = struct.unpack_from("<%df" % outputs, part["scales"], at["scales"])
        at["scales"] += 4 * outputs
        if "groups" in layer:
            layer["multiplier"] = [f32(s / out["scale"]) for s in layer["scale"]]


def read_npz(path):
    arrays = {}
    with zipfile.ZipFile(path) as z:
        for name in z.namelist():
            data = z.read(name)
            (n,) = struct.unpack_from("<H", data, 8)
            header = ast.literal_eval(data[10 : 10 + n].decode("ascii"))
            code = {"|u1": "B", "|i1": "b", "<i4": "i", "<f4": "f"}[header["descr"]]
            count = 1
            for d in header["shape"]:
                count *= d
            arrays[name[: -len(".npy")]] = (header["shape"], struct.unpack_from("<%d%s" % (count, code), data, 10 + n))
    model = Model(bytes(arrays["manifest"][1]))
    for layer in model.layers:
        for what in ("bias", "scale", "multiplier", "shift", "table"):
            key = layer["name"] + "." + what
            if key in arrays:
                layer[what] = arrays[key][1]
        if layer["name"] + ".weight" in arrays:
            (out, inputs, height, width), flat = arrays[layer["name"] + ".weight"]
            size = height * width
            layer["w"] = [[flat[(o * inputs + i) * size :][:size] for i in range(inputs)] for o in range(out)]
    for t, scale, zero_point in zip(model.tensors, arrays["tensors.scale"][1], arrays["tensors.zero_point"][1]):
        assert (t["scale"], t["zero_point"]) == (scale, zero_point)
    return model


def shape(tensor):
    return tensor["height"], tensor["width"], tensor["channels"]


def conv(layer, x, t_in, t_out):
    (h, w, channels), (out_h, out_w, _) = shape(t_in), shape(t_out)
    (kernel_h, kernel_w), (stride_h, stride_w), (top, left, _, _) = layer["kernel_size"], layer["strides"], layer["pads"]
    inputs, outputs = channels // layer["groups"], t_out["channels"] // layer["groups"]
    weights, bias = layer["w"], layer["bias"]
    code = [rounding(layer, o, t_out, layer["lo"], layer["hi"]) for o in range(len(weights))]
    out = []
    for i in range(out_h):
        for j in range(out_w):
            for o, rows in enumerate(weights):
                acc, first = bias[o], o // outputs * inputs  # of the channels that an output sees
                for ky in range(kernel_h):
                    for kx in range(kernel_w):
                        y, z = i * stride_h + ky - top, j * stride_w + kx - left
                        if 0 <= y < h and 0 <= z < w:
                            for c in range(inputs):
                                acc += (x[(y * w + z) * channels + first + c] - t_in["zero_point"]) * rows[c][ky * kernel_w + kx]
                out.append(code[o](acc))
    return out


def requantize(layer, x, t_in, t_out):
    scale, zero_point = t_in["scale"], t_in["zero_point"]
    if "shift" in layer:
        code = rounding(layer, 0, t_out, layer["lo"], layer["hi"])
        return [code(v - zero_point) for v in x]
    return [to_code(f32(f32((v - zero_point) * scale) / t_out["scale"]), t_out, layer["lo"], layer["hi"]) for v in x]


def fma(x, y, z):
    """Returns x*y + z, rounded once to float32. The first guess may be rounded
    twice; the exact sum says which of it and its neighbours is nearest."""
    exact = Fraction(x) * Fraction(y) + Fraction(z)
    guess = f32(float(exact))
    (bits,) = struct.unpack("<i", struct.pack("<f", guess))
    near = [struct.unpack("<f", struct.pack("<i", b))[0] for b in (bits, bits + 1, bits - 1) if b & 0x7FFFFFFF < 0x7F800000]
    # Of two that are as near, the one whose last bit is 0.
    return min(near, key=lambda v: (abs(Fraction(v) - exact), struct.unpack("<i", struct.pack("<f", v))[0] & 1))


def add(layer, a, b, t_a, t_b, t_out):
    if "shift" in layer:
        (m_a, m_b), shift = layer["multiplier"], layer["shift"][0]
        sums = [(v - t_a["zero_point"]) * m_a + (w - t_b["zero_point"]) * m_b for v, w in zip(a, b)]
        return [to_code(shifted(s, shift), t_out, layer["lo"], layer["hi"]) for s in sums]
    ratio_a, ratio_b = f32(t_a["scale"] / t_out["scale"]), f32(t_b["scale"] / t_out["scale"])
    offset = f32(t_out["zero_point"] - fma(ratio_a, t_a["zero_point"], f32(ratio_b * t_b["zero_point"])))
    lo, hi = layer["lo"], layer["hi"]
    sums = {(v, w): fma(v, ratio_a, fma(w, ratio_b, offset)) for v, w in set(zip(a, b))}
    return [min(max(round(sums[p]), lo), hi) for p in zip(a, b)]


def shortcut(layer, x, t_in, t_out):
    (_, w, channels), (out_h, out_w, out_channels) = shape(t_in), shape(t_out)
    stride, before = layer["stride"], (out_channels - channels) // 2
    zero = [t_out["zero_point"]]
    out = []
    for i in range(out_h):
        for j in range(out_w):
            start = (i * stride * w + j * stride) * channels
            out += zero * before + x[start : start + channels] + zero * (out_channels - channels - before)
    return out


def inside(layer, axis, at, size):
    """The rows (axis 0) or columns (axis 1) of an input that a position of a window has."""
    first = at * layer["strides"][axis] - layer["pads"][axis]
    return range(max(first, 0), min(first + layer["kernel_size"][axis], size))


def max_pool(layer, x, t_in, t_out):
    (h, w, channels), (out_h, out_w, _) = shape(t_in), shape(t_out)
    out = []
    for i in range(out_h):
        for j in range(out_w):
            rows, columns = inside(layer, 0, i, h), inside(layer, 1, j, w)
            out += [max(x[(y * w + z) * channels + c] for y in rows for z in columns) for c in range(channels)]
    return out


def average_pool(layer, x, t_in, t_out):
    channels = t_in["channels"]
    code = rounding(layer, 0, t_out, *code_range(t_out))
    return [code(sum(v - t_in["zero_point"] for v in x[c::channels])) for c in range(channels)]


def average_window(layer, x, t_in, t_out):
    (h, w, channels), (out_h, out_w, _) = shape(t_in), shape(t_out)

    def counted(axis, at, size):
        first = at * layer["strides"][axis] - layer["pads"][axis]
        end = min(first + layer["kernel_size"][axis], size + layer["pads"][axis + 2])
        return end - first if layer["count_pad"] else len(inside(layer, axis, at, size))

    out = []
    for i in range(out_h):
        for j in range(out_w):
            rows, columns = inside(layer, 0, i, h), inside(layer, 1, j, w)
            count = counted(0, i, h) * counted(1, j, w)
            code = rounding(layer, count - 1, t_out, *code_range(t_out))
            for c in range(channels):
                out.append(code(sum(x[(y * w + z) * channels + c] - t_in["zero_point"] for y in rows for z in columns)))
    return out


def concat(a, b, t_a, t_b):
    out, n, m = [], t_a["channels"], t_b["channels"]
    for i in range(t_a["height"] * t_a["width"]):
        out += a[i * n : (i + 1) * n] + b[i * m : (i + 1) * m]
    return out


def lookup(layer, x, t_in, t_out):
    lo, hi = code_range(t_in)
    return [layer["table"][i % t_in["channels"] % layer["tables"] * (hi - lo + 1) + v - lo] for i, v in enumerate(x)]


def linear(layer, x, t_in):
    channels, logits = t_in["channels"], []
    for o, (rows, acc) in enumerate(zip(layer["w"], layer["bias"])):
        for i, v in enumerate(x):
            acc += (v - t_in["zero_point"]) * rows[i % channels][i // channels]
        if "shift" in layer:
            logits.append(shifted(acc * layer["multiplier"][o], layer["shift"][o]))
        else:
            logits.append(f32(f32(acc) * layer["scale"][o]))
    return logits


def run(f, pixels):
    tensors, codes = f.tensors, {}
    t = tensors[0]
    codes[0] = []
    if f.real:
        values = [v for v, in struct.iter_unpack("<f", pixels)]
    else:
        values = [f32(p / 255) for p in pixels]
    for i, v in enumerate(values):
        c = i % t["channels"]
        x = f32(f32(v - f.mean[c]) / f.std[c])
        codes[0].append(to_code(f32(x / t["scale"]), t, *code_range(t)))
    for layer in f.layers:
        kind, output = layer["kind"], layer.get("output")
        if kind == "add":
            a, b = layer["a"], layer["b"]
            codes[output] = add(layer, codes[a], codes[b], tensors[a], tensors[b], tensors[output])
            continue
        if kind == "concat":
            a, b = layer["a"], layer["b"]
            codes[output] = concat(codes[a], codes[b], tensors[a], tensors[b])
            continue
        x, t_in = codes[layer["input"]], tensors[layer["input"]]
        if kind == "linear":
            return linear(layer, x, t_in)
        steps = {"conv": conv, "conv_window": conv, "requantize": requantize, "shortcut": shortcut, "max_pool": max_pool, "max_pool_window": max_pool, "average_pool": average_pool, "average_window": average_window, "lookup": lookup}
        codes[output] = steps[kind](layer, x, t_in, tensors[output])


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1], "rb") as file:
        data = file.read()
    f = read_npz(sys.argv[1]) if data[:2] == b"PK" else read_safetensors(data)
    with open(sys.argv[2], "rb") as pixels:
        logits = run(f, pixels.read())
    classes = f.manifest.get("classes", [str(i) for i in range(len(logits))])
    for logit, name in zip(logits, classes):
        if f.manifest["target"] == "dyadic":
            print("%d %s" % (logit, name))
        else:
            print("%08x %.9g %s" % (struct.unpack("<I", struct.pack("<f", logit))[0], logit, name))


main()
