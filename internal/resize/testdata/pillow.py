"""Writes pillow.json: images of random pixels, resized by Pillow; pixels in base 64.

  apt-get install -y --no-install-recommends python3-pil python3-numpy
  python3 pillow.py >pillow.json      # Pillow 9.4.0, seed 1
"""
import base64, json
import numpy as np
from PIL import Image

rng = np.random.default_rng(1)
cases = []
for h, w, to_h, to_w, channels in (
    (32, 32, 8, 8, 3), (13, 29, 7, 11, 3), (8, 8, 19, 21, 3), (5, 40, 5, 9, 3), (40, 5, 9, 5, 3), (1, 1, 4, 3, 3),
    (3, 2, 1, 1, 3), (17, 17, 16, 16, 1), (9, 9, 23, 4, 1), (50, 37, 32, 24, 3), (2, 31, 3, 2, 4), (6, 6, 6, 6, 3),
):
    pixels = rng.integers(0, 256, (h, w, channels), dtype=np.uint8)
    pixels[rng.random((h, w)) < 0.3] = 255 * rng.integers(0, 2)
    im = Image.fromarray(pixels[..., 0] if channels == 1 else pixels, {1: "L", 3: "RGB", 4: "CMYK"}[channels])
    case = dict(height=h, width=w, channels=channels, to_height=to_h, to_width=to_w, pixels=base64.b64encode(pixels.tobytes()).decode())
    for name, f in ("bilinear", Image.BILINEAR), ("bicubic", Image.BICUBIC):
        case[name] = base64.b64encode(im.resize((to_w, to_h), f).tobytes()).decode()
    cases.append(case)
print(json.dumps(dict(source="Pillow " + Image.__version__, cases=cases), indent=0))
