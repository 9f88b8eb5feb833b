"""Runs an exported integer network on one picture, with nothing but Python.

    python3 run.py MODEL.safetensors PIXELS

PIXELS is a file of H*W*3 bytes, row by row, red, green and blue of each pixel.
Prints a line for each class: the bits of the float32 logit in hexadecimal, the
logit, and the class. It is slow on purpose: every line is one of the equations
in docs/arithmetic.md, and its logits have the same bits as those of qat.
"""

import json
import struct
import sys
from fractions import Fraction


def f32(v):
    """Rounds to float32. One operation on float32 numbers, done in Python's
    float64 and rounded by f32, gives the bits of the float32 operation."""
    try:
        return struct.unpack("<f", struct.pack("<f", v))[0]
    except OverflowError:
        return float("inf") if v > 0 else float("-inf")


def to_code(v, tensor, lo, hi):
    """Rounds half to even (as Python's round does), adds the zero point, clamps."""
    v = min(max(v, -1000.0), 1000.0)  # beyond every code; round takes no infinity
    return min(max(round(v) + tensor["zero_point"], lo), hi)


def code_range(tensor):
    bits, zero_point = tensor["bits"], tensor["zero_point"]
    if not tensor["signed"]:
        return 0, 2**bits - 1
    return zero_point - 2 ** (bits - 1) + tensor.get("narrow", False), zero_point + 2 ** (bits - 1) - 1


class File:
    def __init__(self, path):
        with open(path, "rb") as f:
            data = f.read()
        (n,) = struct.unpack_from("<Q", data)
        self.header = json.loads(data[8 : 8 + n])
        self.data = data[8 + n :]
        metadata = self.header["__metadata__"]
        assert (metadata["format"], metadata["version"]) == ("qat.integer", "1")
        self.manifest = json.loads(metadata["manifest"])

    def values(self, name):
        """Returns the values of an I32, F32 or U8 tensor."""
        entry = self.header[name]
        begin, end = entry["data_offsets"]
        letter, size = {"I32": ("i", 4), "F32": ("f", 4), "U8": ("B", 1)}[entry["dtype"]]
        return struct.unpack("<%d%s" % ((end - begin) // size, letter), self.data[begin:end])

    def weights(self, entry):
        """Returns packed weights as rows [out][in][height*width]."""
        bits, (out, inputs, h, w) = entry["bits"], entry["shape"]
        stream = int.from_bytes(bytes(self.values(entry["tensor"])), "little")

        def element(i):
            v = stream >> (i * bits) & (2**bits - 1)
            return v - 2**bits if v >> (bits - 1) else v

        size = h * w
        return [[[element((o * inputs + i) * size + p) for p in range(size)] for i in range(inputs)] for o in range(out)]


def conv(f, layer, x, t_in, t_out):
    (h, w, channels), (out_h, out_w, _) = t_in["shape"], t_out["shape"]
    k, stride, pad = layer["weight"]["shape"][2], layer["stride"], layer["padding"]
    weights, bias = f.weights(layer["weight"]), f.values(layer["bias"])
    multiplier = f.values(layer["multiplier"])
    out = []
    for i in range(out_h):
        for j in range(out_w):
            for o, rows in enumerate(weights):
                acc = bias[o]
                for ky in range(k):
                    for kx in range(k):
                        y, z = i * stride + ky - pad, j * stride + kx - pad
                        if 0 <= y < h and 0 <= z < w:
                            for c in range(channels):
                                acc += (x[(y * w + z) * channels + c] - t_in["zero_point"]) * rows[c][ky * k + kx]
                out.append(to_code(f32(f32(acc) * multiplier[o]), t_out, *layer["clamp"]))
    return out


def requantize(layer, x, t_in, t_out):
    scale, zero_point = t_in["scale"], t_in["zero_point"]
    return [to_code(f32(f32((v - zero_point) * scale) / t_out["scale"]), t_out, *layer["clamp"]) for v in x]


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
    ratio_a, ratio_b = f32(t_a["scale"] / t_out["scale"]), f32(t_b["scale"] / t_out["scale"])
    offset = f32(t_out["zero_point"] - fma(ratio_a, t_a["zero_point"], f32(ratio_b * t_b["zero_point"])))
    lo, hi = layer["clamp"]
    sums = {(v, w): fma(v, ratio_a, fma(w, ratio_b, offset)) for v, w in set(zip(a, b))}
    return [min(max(round(sums[p]), lo), hi) for p in zip(a, b)]


def shortcut(layer, x, t_in, t_out):
    (_, w, channels), (out_h, out_w, out_channels) = t_in["shape"], t_out["shape"]
    stride, before = layer["stride"], (out_channels - channels) // 2
    zero = [t_out["zero_point"]]
    out = []
    for i in range(out_h):
        for j in range(out_w):
            start = (i * stride * w + j * stride) * channels
            out += zero * before + x[start : start + channels] + zero * (out_channels - channels - before)
    return out


def average_pool(f, layer, x, t_in, t_out):
    channels, (multiplier,) = t_in["shape"][2], f.values(layer["multiplier"])
    sums = [sum(v - t_in["zero_point"] for v in x[c::channels]) for c in range(channels)]
    return [to_code(f32(f32(s) * multiplier), t_out, *code_range(t_out)) for s in sums]


def linear(f, layer, x, t_in):
    channels, scale = t_in["shape"][2], f.values(layer["scale"])
    logits = []
    for o, rows in enumerate(f.weights(layer["weight"])):
        acc = f.values(layer["bias"])[o]
        for i, v in enumerate(x):
            acc += (v - t_in["zero_point"]) * rows[i % channels][i // channels]
        logits.append(f32(f32(acc) * scale[o]))
    return logits


def run(f, pixels):
    m = f.manifest
    tensors, codes = m["tensors"], {}
    t = tensors[0]
    codes[0] = []
    for i, p in enumerate(pixels):
        c = i % 3
        x = f32(f32(f32(p / 255) - m["mean"][c]) / m["std"][c])
        codes[0].append(to_code(f32(x / t["scale"]), t, *code_range(t)))
    for layer in m["layers"]:
        x, t_in = codes[layer["inputs"][0]], tensors[layer["inputs"][0]]
        kind, output = layer["kind"], layer["output"]
        if kind == "conv":
            codes[output] = conv(f, layer, x, t_in, tensors[output])
        elif kind == "requantize":
            codes[output] = requantize(layer, x, t_in, tensors[output])
        elif kind == "add":
            b = layer["inputs"][1]
            codes[output] = add(layer, x, codes[b], t_in, tensors[b], tensors[output])
        elif kind == "shortcut":
            codes[output] = shortcut(layer, x, t_in, tensors[output])
        elif kind == "average_pool":
            codes[output] = average_pool(f, layer, x, t_in, tensors[output])
        elif kind == "linear":
            return linear(f, layer, x, t_in)
        else:
            sys.exit("unknown layer kind " + kind)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    f = File(sys.argv[1])
    with open(sys.argv[2], "rb") as pixels:
        logits = run(f, pixels.read())
    classes = f.manifest.get("classes", [str(i) for i in range(len(logits))])
    for logit, name in zip(logits, classes):
        print("%08x %.9g %s" % (struct.unpack("<I", struct.pack("<f", logit))[0], logit, name))


main()
