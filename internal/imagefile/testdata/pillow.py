"""Writes pillow.json: small files of every kind, and the pixels that Pillow makes of them (mode RGB), both in base 64.

  apt-get install -y --no-install-recommends python3-pil python3-numpy
  python3 pillow.py >pillow.json      # Pillow 9.4.0, libjpeg-turbo 2.1.5, libwebp 1.2.4, seed 1
"""
import base64, io, json
import numpy as np
from PIL import Image

rng = np.random.default_rng(1)


def picture(h, w, channels):
    y, x = np.mgrid[:h, :w]
    waves = [127 + 90 * np.sin(x / (3 + c) + c) * np.cos(y / (4 - c / 2)) + rng.normal(0, 8, (h, w)) for c in range(channels)]
    return np.clip(np.stack(waves, -1), 0, 255).astype(np.uint8)


cases = []


def add(name, im, format, **options):
    b = io.BytesIO()
    im.save(b, format, **options)
    add_file(name, b.getvalue())


def add_file(name, data):
    im = Image.open(io.BytesIO(data)).convert("RGB")
    cases.append(dict(name=name, height=im.height, width=im.width, file=base64.b64encode(data).decode(), pixels=base64.b64encode(im.tobytes()).decode()))


# Sampling: chroma whole, half as wide, half both ways; odd sides; three columns of chroma, and two, which are repeated.
for h, w in (16, 16), (13, 17), (9, 5), (7, 4), (1, 1), (1, 33), (33, 1):
    for name, sampling in ("4:4:4", 0), ("4:2:2", 1), ("4:2:0", 2):
        add(f"jpeg {name} {h}x{w}", Image.fromarray(picture(h, w, 3)), "JPEG", quality=90, subsampling=sampling)
tall = io.BytesIO()
Image.fromarray(picture(17, 13, 3)).save(tall, "JPEG", quality=90, subsampling=1)
turned = bytearray(tall.getvalue())  # 4:4:0: the sampling factors 2x1 become 1x2 (and the blocks another image)
at = turned.index(b"\xff\xc0") + 11
assert turned[at] == 0x21
turned[at] = 0x12
turned[at - 6 : at - 2] = bytes([0, 13, 0, 17])  # as many blocks
add_file("jpeg 4:4:0", bytes(turned))
add("jpeg progressive", Image.fromarray(picture(21, 19, 3)), "JPEG", quality=80, progressive=True)
add("jpeg gray", Image.fromarray(picture(11, 12, 1)[..., 0]), "JPEG")
add("jpeg cmyk", Image.fromarray(picture(12, 11, 4), "CMYK"), "JPEG", quality=95)
add("png rgb", Image.fromarray(picture(7, 6, 3)), "PNG")
add("png rgba", Image.fromarray(picture(7, 6, 4), "RGBA"), "PNG")
add("png gray and alpha", Image.fromarray(picture(7, 6, 2), "LA"), "PNG")
add("png palette", Image.fromarray(picture(7, 6, 3)).quantize(16), "PNG")
add("png palette with a transparent color", Image.fromarray(picture(7, 6, 3)).quantize(16), "PNG", transparency=3)
add("png one bit", Image.fromarray(picture(7, 9, 1)[..., 0]).convert("1"), "PNG")
add("gif", Image.fromarray(picture(8, 9, 3)).quantize(32), "GIF")
add("gif of two frames", Image.fromarray(picture(8, 9, 3)).quantize(32), "GIF", save_all=True, append_images=[Image.fromarray(picture(8, 9, 3)).quantize(32)])
add("bmp", Image.fromarray(picture(5, 7, 3)), "BMP")
add("bmp palette", Image.fromarray(picture(5, 7, 3)).quantize(16), "BMP")
add("webp lossless", Image.fromarray(picture(9, 10, 3)), "WEBP", lossless=True)
add("webp lossless with alpha", Image.fromarray(picture(9, 10, 4), "RGBA"), "WEBP", lossless=True, exact=True)
add("webp", Image.fromarray(picture(16, 18, 3)), "WEBP", quality=90)
add("webp of odd sides", Image.fromarray(picture(15, 13, 3)), "WEBP", quality=50)
add("webp of one pixel", Image.fromarray(picture(1, 1, 3)), "WEBP")
add("webp with alpha", Image.fromarray(picture(16, 18, 4), "RGBA"), "WEBP", quality=90, exact=True)
print(json.dumps(dict(source="Pillow " + Image.__version__, cases=cases), indent=0))
