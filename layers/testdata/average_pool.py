"""Prints golden values of average pooling and its gradient: PyTorch's AvgPool2d on x[i] = (7i mod 11) - 5 of 5x4 pixels, for
the output gradient dy[j] = j + 1. Run with PyTorch 1.13."""
import torch

print("torch", torch.__version__)
for kernel, stride, pad, ceil, count in [(3, 2, 1, False, True), (3, 2, 1, False, False), (3, 2, 1, True, True), (3, 2, 1, True, False), (2, 3, 0, True, True), ((2, 3), (1, 2), (1, 1), True, True)]:
    x = torch.tensor([float(7 * i % 11 - 5) for i in range(20)]).reshape(1, 1, 5, 4).requires_grad_()
    y = torch.nn.AvgPool2d(kernel, stride, pad, ceil, count)(x)
    y.backward(torch.arange(1.0, y.numel() + 1).reshape(y.shape))
    show = lambda t: ", ".join("%.8g" % v for v in t.flatten().tolist())
    print(kernel, stride, pad, ceil, count, tuple(y.shape[2:]))
    print("  y", show(y.detach()))
    print("  dx", show(x.grad))
