"""Writes max_pool.json: what PyTorch's MaxPool2d gives, forward and backward, for max_pool_test.go.

    python3 max_pool.py > max_pool.json

Values are small multiples of 1/2, so that windows hold their largest value several times; null is NaN. Arrays are
(N, H, W, C) in memory.
"""

import json
import math

import torch

CASES = [  # height, width, channels, kernel, stride, padding, ceil_mode
    (4, 6, 3, 2, 2, 0, False),
    (5, 7, 2, 2, 2, 0, True),
    (5, 7, 2, 2, 2, 0, False),
    (6, 5, 2, 3, 2, 1, False),
    (6, 5, 2, 3, 2, 1, True),
    (4, 4, 17, 3, 1, 1, False),
    (7, 3, 1, 3, 3, 1, True),
    (6, 6, 2, 2, 3, 1, True),
    (5, 4, 2, 1, 2, 0, True),
]


def plain(t):
    return [None if math.isnan(v) else v for v in t.permute(0, 2, 3, 1).flatten().tolist()]


def main():
    torch.manual_seed(20)
    cases = []
    for i, (h, w, c, kernel, stride, padding, ceil) in enumerate(CASES):
        x = torch.randint(-3, 4, (2, c, h, w)).float() / 2
        if i % 3 == 0:
            x[torch.rand(x.shape) < 0.1] = math.nan
        x.requires_grad_()
        y = torch.nn.MaxPool2d(kernel, stride, padding, ceil_mode=ceil)(x)
        dy = torch.randint(-8, 9, y.shape).float() / 4
        y.backward(dy)
        cases.append({
            "h": h, "w": w, "c": c, "kernel": kernel, "stride": stride, "padding": padding, "ceil": ceil,
            "out_h": y.shape[2], "out_w": y.shape[3], "x": plain(x), "y": plain(y), "dy": plain(dy), "dx": plain(x.grad),
        })
    print('{"torch": "%s", "seed": 20, "cases": [' % torch.__version__)
    print(",\n".join(json.dumps(c, separators=(",", ":")) for c in cases))
    print("]}")


main()
