"""Writes loss.json: losses of PyTorch and their gradients, on logits x[i] = (7i mod 11 - 5)/2 and a teacher's
(5i mod 7 - 3)/2 of 4 images in 5 classes, with label smoothing and with the labels of mixup. Run with PyTorch 1.13:

    python3 loss.py > loss.json
"""
import json
import sys

import torch
import torch.nn.functional as F

rows, classes = 4, 5
labels, others = torch.tensor([0, 4, 2, 2]), torch.tensor([2, 0, 4, 2])
teacher = torch.tensor([(5 * i % 7 - 3) / 2 for i in range(rows * classes)]).reshape(rows, classes)

cases = []
for smoothing, share, temperature, alpha in [
    (0.0, 1.0, 0, 0), (0.1, 1.0, 0, 0), (1.0, 1.0, 0, 0), (0.1, 1.0, 3, 0.7),
    (0.0, 0.3, 0, 0), (0.1, 0.8, 0, 0), (0.1, 0.3, 3, 0.7),
]:
    x = torch.tensor([(7 * i % 11 - 5) / 2 for i in range(rows * classes)]).reshape(rows, classes).requires_grad_()
    if share == 1:
        loss = F.cross_entropy(x, labels, label_smoothing=smoothing)
    else:  # as torchvision's references mix
        q = share * F.one_hot(labels, classes) + (1 - share) * F.one_hot(others, classes)
        loss = F.cross_entropy(x, q, label_smoothing=smoothing)
    if alpha:
        kl = F.kl_div(F.log_softmax(x / temperature, 1), F.softmax(teacher / temperature, 1), reduction="batchmean")
        loss = alpha * temperature**2 * kl + (1 - alpha) * loss
    loss.backward()
    cases.append({"smoothing": smoothing, "share": share, "temperature": temperature, "alpha": alpha, "loss": loss.item(), "gradient": x.grad.flatten().tolist()})
json.dump({"torch": torch.__version__, "labels": labels.tolist(), "others": others.tolist(), "cases": cases}, sys.stdout, indent=1)
print()
