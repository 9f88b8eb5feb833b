"""Writes adam.json: weights after each of eight updates by PyTorch's Adam and AdamW, whose gradients are
g[i] = ((13i + 5k) mod 17 - 8)/4 in update k, which in the fifth are 0. Parameter a has the weight decay, b none and half the
learning rate. Run with PyTorch 1.13:

    python3 adam.py > adam.json
"""
import json
import sys

import torch

cases = []
for kind, lr, betas, eps, decay in [
    ("adam", 0.01, (0.9, 0.999), 1e-8, 0.0), ("adam", 0.1, (0.8, 0.95), 1e-3, 0.05),
    ("adamw", 0.01, (0.9, 0.999), 1e-8, 0.01), ("adamw", 0.1, (0.8, 0.95), 1e-3, 0.5),
]:
    a = torch.tensor([(7 * i % 11 - 5) / 4 for i in range(20)]).requires_grad_()
    b = torch.tensor([(5 * i % 7 - 3) / 4 for i in range(6)]).requires_grad_()
    optimizer = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[kind](
        [{"params": [a], "weight_decay": decay}, {"params": [b], "weight_decay": 0.0, "lr": lr / 2}],
        lr=lr, betas=betas, eps=eps, foreach=False)
    updates = []
    for k in range(8):
        for p in (a, b):
            p.grad = torch.tensor([0.0 if k == 4 else ((13 * i + 5 * k) % 17 - 8) / 4 for i in range(p.numel())])
        optimizer.step()
        updates.append({"a": a.tolist(), "b": b.tolist()})
    moments = {name: optimizer.state[a][name].tolist() for name in ("exp_avg", "exp_avg_sq")}
    cases.append({"kind": kind, "lr": lr, "beta1": betas[0], "beta2": betas[1], "eps": eps, "decay": decay, "updates": updates, **moments})
json.dump({"torch": torch.__version__, "cases": cases}, sys.stdout)
print()
