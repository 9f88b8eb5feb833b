"""Writes jitter.json: random pixels (16, 16, 3) whose colors Pillow changed as torchvision's adjust_* do; pixels in base 64.

  apt-get install -y --no-install-recommends python3-torchvision
  python3 jitter.py >jitter.json      # torchvision 0.14.1, Pillow 9.4.0, seed 1
"""
import base64, json
import numpy as np
import torchvision.transforms.functional as F
from PIL import Image

rng = np.random.default_rng(1)
cases = []
for k, factors in dict(brightness=(0, 0.3, 0.75, 1, 1.4, 3), contrast=(0, 0.3, 0.75, 1, 1.4, 3), saturation=(0, 0.3, 0.75, 1, 1.4, 3), hue=(-0.5, -0.2, -0.001, 0, 0.1, 0.5)).items():
    for f in factors:
        pixels = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        pixels[:4] = pixels[:4, :, :1]  # gray
        out = getattr(F, "adjust_" + k)(Image.fromarray(pixels), f)
        cases.append(dict(kind=k, factor=f, pixels=base64.b64encode(pixels.tobytes()).decode(), want=base64.b64encode(out.tobytes()).decode()))
print(json.dumps(dict(cases=cases), indent=0))
