#!/usr/bin/env python3
"""Writes what EfficientNet-Lite0 says to three pictures in ONNX Runtime, for Unfold's tests.

    pip install numpy pillow onnxruntime
    python tools/reference_efficientnet.py ../shared/data/pretrained

writes crates/unfold/tests/reference/efficientnet_lite0.json and parrot.png beside it. The network and the pictures (of
google-coral/test_data) lie in the folder named. Each picture is sampled at 224 x 224 pixels of its middle square: pixel i
along a side is pixel (i side + side / 2) / 224 of the square, rounded down. No filter is part of the comparison, and neither is a JPEG
decoder: the one JPEG is stored at 112 x 112 pixels as a PNG.
"""

import json
import pathlib
import sys

import numpy as np
import onnxruntime
from PIL import Image

OUT = pathlib.Path(__file__).resolve().parent.parent / "crates/unfold/tests/reference"
SIZE = 224


def sampled(picture):
    """[H, W, 3] -> [SIZE, SIZE, 3]"""
    h, w, _ = picture.shape
    side = min(h, w)
    at = (np.arange(SIZE) * side + side // 2) // SIZE
    return picture[(h - side) // 2 + at][:, (w - side) // 2 + at]


def main(folder):
    parrot = Image.open(folder / "parrot.jpg").convert("RGB")
    w, h = parrot.size
    side = min(w, h)
    box = ((w - side) // 2, (h - side) // 2, (w + side) // 2, (h + side) // 2)
    parrot = parrot.crop(box).resize((112, 112), Image.BICUBIC)
    parrot.save(OUT / "parrot.png", optimize=True)

    options = onnxruntime.SessionOptions()
    session = onnxruntime.InferenceSession(folder / "efficientnet-lite0.onnx", options)
    cases = []
    for name in ("grace_hopper.bmp", "cat.bmp", "parrot.png"):
        path = (OUT if name == "parrot.png" else folder) / name
        picture = sampled(np.asarray(Image.open(path).convert("RGB")).astype(np.float32))
        x = ((picture - 127) / 128).transpose(2, 0, 1)[None]
        logits = session.run(["logits"], {"x": x})[0][0]
        print(name, logits.argmax(), logits.max())
        data = [round(float(v), 5) for v in logits]
        cases.append(dict(name=name, answer=int(logits.argmax()), tensors=dict(logits=dict(shape=[1000], data=data))))
    lines = ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases)
    text = f'{{"onnxruntime":"{onnxruntime.__version__}","cases":[\n{lines}\n]}}\n'
    (OUT / "efficientnet_lite0.json").write_text(text)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
