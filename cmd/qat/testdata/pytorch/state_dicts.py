"""State dicts of PyTorch's networks, their logits, and what qat's float weights are when PyTorch loads them.

  apt-get install -y --no-install-recommends python3-torchvision    # Debian 12: torch 1.13.1, torchvision 0.14.1
  /usr/bin/python3 state_dicts.py make resnet18 --size 64 --out DIR    # DIR/weights.pth, DIR/x.npy, DIR/logits.npy
  /usr/bin/python3 state_dicts.py load resnet18 --out DIR --file model.float.safetensors

make: the network in evaluation mode with random weights and random batch norm statistics, seeds 1 and 2. resnet20, -32,
-44 and -56 are CIFAR's, by the names of github.com/akamaster/pytorch_resnet_cifar10, inside DataParallel's prefix; --trained
gives the weights in a safetensors file. Any other name is torchvision's.

load: loads the safetensors file with strict=True, and wants every array of weights.pth to the bit.
"""
import argparse, json, struct, sys
import numpy as np
import torch, torch.nn as nn, torch.nn.functional as F

CLASSES, IMAGES = 10, 4


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs)
        self.stride, self.pad = stride, (outputs - inputs) // 2

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.stride > 1 or self.pad:
            x = F.pad(x[:, :, ::self.stride, ::self.stride], (0, 0, 0, 0, self.pad, self.pad))
        return F.relu(x + y)


class ResNet(nn.Module):
    def __init__(self, depth):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        stage = lambda i, o, s: nn.Sequential(*(Block(i if k == 0 else o, o, s if k == 0 else 1) for k in range((depth - 2) // 6)))
        self.layer1, self.layer2, self.layer3 = stage(16, 16, 1), stage(16, 32, 2), stage(32, 64, 2)
        self.linear = nn.Linear(64, CLASSES)

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x))))))
        return self.linear(x.mean((2, 3)))


def build(name):
    torch.manual_seed(1)
    if name in ("resnet20", "resnet32", "resnet44", "resnet56"):
        return nn.DataParallel(ResNet(int(name[6:])))
    import torchvision
    return getattr(torchvision.models, name)(num_classes=CLASSES)


def randomize(m):
    for l in m.modules():
        if isinstance(l, nn.BatchNorm2d):
            nn.init.uniform_(l.weight, .5, 1.5)
            nn.init.normal_(l.bias, 0, .2)
            nn.init.normal_(l.running_mean, 0, .2)
            nn.init.uniform_(l.running_var, .5, 2)
            l.num_batches_tracked.fill_(7)
        elif isinstance(l, (nn.Conv2d, nn.Linear)) and l.bias is not None:
            nn.init.normal_(l.bias, 0, .1)


def read(path):
    """A safetensors file, without the package."""
    b = open(path, "rb").read()
    n, = struct.unpack("<Q", b[:8])
    h = json.loads(b[8:8 + n])
    h.pop("__metadata__", None)
    kinds = {"F32": np.float32, "I64": np.int64}
    return {k: torch.tensor(np.frombuffer(b[8 + n:][slice(*v["data_offsets"])], kinds[v["dtype"]]).reshape(v["shape"]).copy()) for k, v in h.items()}


def main():
    p = argparse.ArgumentParser()
    p.add_argument("do", choices=("make", "load"))
    p.add_argument("network")
    p.add_argument("--out", required=True)
    p.add_argument("--size", type=int, default=32)
    p.add_argument("--trained")
    p.add_argument("--file")
    a = p.parse_args()
    torch.set_num_threads(1)
    m = build(a.network)
    weights = a.out + "/weights.pth"
    if a.do == "make":
        randomize(m)
        if a.trained:
            missing = m.module.load_state_dict(read(a.trained), strict=False).missing_keys
            assert all(k.endswith("num_batches_tracked") for k in missing), missing
        torch.save(m.state_dict(), weights)
        torch.manual_seed(2)
        x = torch.randn(IMAGES, 3, a.size, a.size)
        np.save(a.out + "/x.npy", x.numpy())
        with torch.no_grad():
            np.save(a.out + "/logits.npy", m.eval()(x).numpy())
        return
    m = getattr(m, "module", m)
    m.load_state_dict(read(a.file), strict=True)
    wrong = []
    for k, v in torch.load(weights).items():
        got = m.state_dict()[k[len("module."):] if k.startswith("module.") else k]
        if not k.endswith("num_batches_tracked") and not torch.equal(got.view(torch.int32), v.view(torch.int32)):
            wrong.append(k)
    if wrong:
        sys.exit("not the same to the bit: " + ", ".join(wrong))


main()
