"""ResNet-20 with LSQ (Esser et al. 2020, https://arxiv.org/abs/1902.08153) in PyTorch, a few training steps of it.

Writes, for each step, the arrays that it starts from, the batch, the loss, the logits, the gradients and the codes of
every quantizer, as safetensors files step0, step1, ... The test of package layers (-tags long) runs it and compares.

  apt-get install -y --no-install-recommends python3-torch    # Debian 12: torch 1.13.1
  /usr/bin/python3 steps.py --weights resnet20_cifar10.safetensors --out DIR --bits 4 --steps 10 --seed 0

--bits 32 leaves the network in floating point; --only NAME quantizes the input and the weights of one layer alone, to --bits;
--double computes in float64, on the same images.
Quantizers as in configs/resnet20_w4a4.yaml: the first convolution and the linear layer in 8 bits, the input picture
affine over its known range, the residual stream in 8 bits.
"""
import argparse, json, struct
import numpy as np
import torch, torch.nn as nn, torch.nn.functional as F

LO = min(-m / s for m, s in zip((.485, .456, .406), (.229, .224, .225)))
HI = max((1 - m) / s for m, s in zip((.485, .456, .406), (.229, .224, .225)))
seen = {}  # codes of the last forward pass, by quantizer


class LSQ(nn.Module):
    """s*round(clip(x/s, qn, qp)); the scale's gradient is multiplied by 1/sqrt(N*qp), N the elements of one picture or of
    the weights."""

    def __init__(self, name, bits, signed, weights):
        super().__init__()
        self.name, self.weights = name, weights
        self.qn, self.qp = (-2 ** (bits - 1), 2 ** (bits - 1) - 1) if signed else (0, 2 ** bits - 1)
        self.scale = nn.Parameter(torch.tensor([0.]))

    def forward(self, x):
        if self.scale.item() == 0:
            self.scale.data[0] = 2 * x.detach().abs().mean() / self.qp ** .5
        n = x.numel() if self.weights else x[0].numel()
        g = (n * self.qp) ** -.5
        s = (self.scale - self.scale * g).detach() + self.scale * g
        v = (x / s).clamp(self.qn, self.qp)
        seen[self.name] = v.detach()
        return ((v.round() - v).detach() + v) * s


class Picture(nn.Module):
    """Affine, unsigned, 8 bits, over the range of a normalized picture, which it learns nothing from."""

    def forward(self, x):
        s = torch.tensor((np.float32(HI) - np.float32(LO)) / np.float32(255))
        z = torch.round(torch.tensor(np.float32(-LO)) / s)
        v = (x / s + z).clamp(0, 255)
        seen["conv1.input"] = v.detach()
        return ((v.round() - v).detach() + v - z) * s


class Layer(nn.Module):
    def __init__(self, name, make, bits, signed, picture=False):
        super().__init__()
        self.op = make
        self.input = Picture() if picture and bits < 32 else LSQ(name + ".input", bits, signed, False) if bits < 32 else None
        self.w = LSQ(name + ".weight", bits, True, True) if bits < 32 else None

    def forward(self, x):
        x = self.input(x) if self.input else x
        w = self.w(self.op.weight) if self.w else self.op.weight
        if isinstance(self.op, nn.Conv2d):
            return F.conv2d(x, w, None, self.op.stride, self.op.padding)
        return F.linear(x, w, self.op.bias)


class Net(nn.Module):
    def __init__(self, bits, only):
        super().__init__()
        self.layers, self.norms, self.stream = nn.ModuleDict(), nn.ModuleDict(), nn.ModuleDict()
        width = lambda name, b: (bits if only else b) if bits < 32 and only in ("", name) else 32
        key = lambda name: name.replace(".", "/")

        def conv(name, norm, i, o, stride, b, signed=False):
            self.layers[key(name)] = Layer(name, nn.Conv2d(i, o, 3, stride, 1, bias=False), width(name, b), signed, name == "conv1")
            self.norms[key(norm)] = nn.BatchNorm2d(o)

        def stream(name, signed):
            if bits < 32 and not only:
                self.stream[key(name)] = LSQ(name, 8, signed, False)

        conv("conv1", "bn1", 3, 16, 1, 8)
        stream("conv1.output", False)
        self.blocks, i = [], 16
        for l, o in ((1, 16), (2, 32), (3, 64)):
            for k in range(3):
                b, stride = f"layer{l}.{k}", 2 if l > 1 and k == 0 else 1
                conv(b + ".conv1", b + ".bn1", i, o, stride, bits)
                conv(b + ".conv2", b + ".bn2", o, o, 1, bits)
                stream(b + ".branch", True)
                stream(b + ".output", False)
                self.blocks.append((b, stride, (o - i) // 2))
                i = o
        self.layers["linear"] = Layer("linear", nn.Linear(64, 10), width("linear", 8), False)

    def forward(self, x):
        key = lambda name: name.replace(".", "/")
        unit = lambda x, conv, norm: self.norms[key(norm)](self.layers[key(conv)](x))
        stream = lambda x, name: self.stream[key(name)](x) if key(name) in self.stream else x
        x = stream(F.relu(unit(x, "conv1", "bn1")), "conv1.output")
        for b, stride, pad in self.blocks:
            y = F.relu(unit(x, b + ".conv1", b + ".bn1"))
            y = stream(unit(y, b + ".conv2", b + ".bn2"), b + ".branch")
            if stride > 1 or pad:
                x = F.pad(x[:, :, ::stride, ::stride], (0, 0, 0, 0, pad, pad))
            x = stream(F.relu(y + x), b + ".output")
        return self.layers["linear"](x.mean((2, 3)))

    def arrays(self):
        """Every array by its name in qat."""
        for k, l in self.layers.items():
            name = k.replace("/", ".")
            yield name + ".weight", l.op.weight
            if l.op.bias is not None:
                yield name + ".bias", l.op.bias
            if isinstance(l.input, LSQ):
                yield name + ".input_quantizer.scale", l.input.scale
            if l.w:
                yield name + ".weight_quantizer.scale", l.w.scale
        for k, n in self.norms.items():
            for what in ("weight", "bias", "running_mean", "running_var"):
                yield k.replace("/", ".") + "." + what, getattr(n, what)
        for k, q in self.stream.items():
            yield k.replace("/", ".") + "_quantizer.scale", q.scale


def read(path):
    b = open(path, "rb").read()
    n, = struct.unpack("<Q", b[:8])
    h = json.loads(b[8:8 + n])
    h.pop("__metadata__", None)
    return {k: torch.tensor(np.frombuffer(b[8 + n:][v["data_offsets"][0]:v["data_offsets"][1]], np.float32).reshape(v["shape"]).copy()) for k, v in h.items()}


def write(path, tensors):
    h, blobs, at = {}, [], 0
    for k, v in tensors.items():
        r = v.detach().float().contiguous().numpy().tobytes()
        h[k] = {"dtype": "F32", "shape": list(v.shape), "data_offsets": [at, at + len(r)]}
        blobs.append(r)
        at += len(r)
    j = json.dumps(h).encode()
    open(path, "wb").write(struct.pack("<Q", len(j)) + j + b"".join(blobs))


def main():
    p = argparse.ArgumentParser()
    for flag, kind, default in (("weights", str, None), ("out", str, None), ("bits", int, 4), ("steps", int, 10), ("seed", int, 0), ("batch", int, 2), ("only", str, ""), ("lr", float, .01)):
        p.add_argument("--" + flag, type=kind, default=default)
    p.add_argument("--double", action="store_true")
    a = p.parse_args()
    torch.set_default_dtype(torch.float64 if a.double else torch.float32)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    net = Net(a.bits, a.only)
    torch.manual_seed(a.seed)  # how many numbers Net draws depends on its dtype
    start = read(a.weights)
    for name, v in net.arrays():
        if not name.endswith("scale"):
            v.data.copy_(start[name])
    net.train()
    opt = None
    for step in range(a.steps):
        x = (torch.rand(a.batch, 3, 32, 32, dtype=torch.float32) * 255).round().to(torch.get_default_dtype()) / 255
        x = (x - torch.tensor((.485, .456, .406)).view(1, 3, 1, 1)) / torch.tensor((.229, .224, .225)).view(1, 3, 1, 1)
        y = torch.randint(0, 10, (a.batch,))
        if opt is None:
            with torch.no_grad():  # the scales start from the first batch
                norms = {k: (n.running_mean.clone(), n.running_var.clone()) for k, n in net.norms.items()}
                net(x)
                for k, n in net.norms.items():
                    n.running_mean.copy_(norms[k][0]), n.running_var.copy_(norms[k][1])
            opt = torch.optim.SGD(net.parameters(), lr=a.lr, momentum=.9, weight_decay=1e-4)
        out = {"start." + k: v.clone() for k, v in net.arrays()}
        opt.zero_grad()
        logits = net(x)
        loss = F.cross_entropy(logits, y)
        loss.backward()
        out.update({"x": x, "y": y.float(), "logits": logits, "loss": loss.reshape(1)})
        out.update({"gradient." + k: v.grad for k, v in net.arrays() if v.requires_grad})
        out.update({"levels." + k: v for k, v in seen.items()})  # before rounding: a fraction of 1/2 is a tie
        write(f"{a.out}/step{step}", out)
        opt.step()


main()
